"""The free-energy functional and its conjugate fields, the Nishimori line, and the free energy."""

from dataclasses import dataclass

import sympy
from sympy import Derivative, S

from ...derivation import Step
from ...ensemble import Abbreviation
from ...replica.claims import DIFFERENCE, Identity
from ...symbols import symbol
from ..common import row
from .expressions import tex
from .hierarchy import Hierarchy
from .references import MPV, NISHIMORI


class Functional(Hierarchy):
    """The steps from the limits to the free energy."""

    def functional(self):
        """The free-energy functional of order parameters and conjugate fields."""
        theory, layers = self.theory, self.theory.layers
        sums = self.sums()
        closed = self.closed()
        weights = [S.One] * len(closed) + [-layers[o.layer].weight for o in theory.overlaps]
        energies = sympy.Add(*(w * limit for w, (_, _, limit) in zip(weights, sums)))
        multipliers = sympy.Add(*(layers[o.layer].weight * layers[o.layer].diagonal * self.display.diagonal(o) / 2
                                  for o in theory.overlaps if o.diagonal is None))
        sites = [sympy.Add(*(p * P for p, P in (self.parts(layer, S.Zero) if layer.overlap is not None else self.display.leaf_pressures(layer))))
                 for layer in layers]
        work = sum((layer.weight * h * a for layer in layers for h, a in zip(layer.fields(), layer.order_parameters)), S.Zero)
        gates = theory.channel.load * self.gate(S.Zero) if theory.channel is not None else S.Zero
        assembled = (self.model.energy + work + multipliers - self.heat * energies - gates - theory.normalisation
                     - sum((layer.weight * P for layer, P in zip(layers, sites)), S.Zero))
        fixed = dict(zip(self.blocks, theory.ansatz.x)) if theory.ansatz.x is not None else {}
        return Step(
            title="The free-energy functional", rule="sum of the limits",
            justification=("Collecting the terms" + (" and multiplying by $-T$" if self.heat != 1 else " with a minus sign") + ", $f = \\operatorname{extr}\\,f(q, V, \\ldots)$. As the number of pairs of replicas is negative for $n < 1$, the "
                           "saddle point is a maximum over overlaps of the glass and a minimum over magnetisations: only stationarity is used."
                           + (" The block parameters are extremal as well." if theory.free_breaking else "")),
            reference=MPV, before=assembled.xreplace(fixed), after=self.display.human(self.display.functional),
            claim=Identity(),
        )

    def stationary(self, coupling_energy, o):
        """[(variable, V-combination to which dF/d(variable) is equal)] for the overlaps of o, with symbols (a, V_0..V_k) to be put in."""
        w, k, D = self.theory.layers[o.layer].weight, self.theory.steps, self.display.powers
        V = [symbol(f"Vcum{i}") for i in range(k + 1)]
        a = symbol("acum")
        rows = [(o.names[i], w * V[i] * (D[i + 1] - D[i]) / 2) for i in range(k)]
        if o.diagonal is None:
            rows += [(o.names[k], -w * (a + D[k] * V[k]) / 2), (o.C, -w * (V[k] + self.heat * a) / 2)]
        else:
            rows.append((o.C, -w * (1 - self.heat * D[k]) * V[k] / 2))
        return [(u, side) for u, side in rows], V, a

    def fields_at(self, o):
        """(a, [V_0..V_k]) in the core's unknowns."""
        theory = self.theory
        if theory.channel is not None:
            a = 2 * self.display.gate_pressure.diff(o.C) if o.diagonal is None else S.Zero
            return a, self.display.gate_squares()
        v = theory.variances[o]
        return theory.diagonals[o], [sum(v[: i + 1]) for i in range(len(v))]

    def coupling_energy(self):
        """F with the gates."""
        return self.theory.coupling_energy - self.display.gate_pressure

    def conjugates(self):
        """Stationarity in the overlaps fixes the conjugate fields."""
        before, after = [], []
        F = Abbreviation("F", self.coupling_energy())
        for o in self.theory.overlaps:
            if self.theory.teacher and not self.theory.matched:
                continue
            rows, V, a = self.stationary(F, o)
            value, values = self.fields_at(o)
            at = dict(zip(V, values)) | {a: value}
            for u, side in rows:
                before.append(Derivative(F, u))
                after.append(side.xreplace(at))
        for o in self.theory.overlaps if self.theory.channel is None else ():
            for name, (value, closed) in self._shown_fields(o).items():
                before.append(Abbreviation(name, value))
                after.append(closed)
        matched = {self.theory.teacher_overlap: self.theory.overlaps[0].values[0]} if self.theory.teacher else {}
        claim = Identity(matched, tolerance=DIFFERENCE)
        if self.theory.teacher:
            before, after = self._teacher_rows()
            claim = Identity(tolerance=DIFFERENCE)
        return Step(
            title="The conjugate fields", rule="stationarity in the overlaps",
            justification=self._conjugate_text(), reference=MPV, before=row(*before), after=row(*after), claim=claim,
        )

    def _shown_fields(self, o):
        """{name: (V_i in the core's unknowns, its closed form in natural variables)}."""
        display, found = self.display, {}
        closed = [S.Zero] * (self.theory.steps + 1)
        for c in display.acting(o):
            own = display.spectral_variances(c, o) if c.kind == "spectral" else cumulated(display.share(c, o)[1])
            closed = [a + b for a, b in zip(closed, own)]
        stem = "V" if len(self.theory.overlaps) == 1 else f"V^{{{tex(o.symbol)}}}"
        for i, (value, shown) in enumerate(zip(self.fields_at(o)[1], closed)):
            found[stem if not self.theory.steps else f"{stem}_{{{i}}}"] = (display.human(value), shown)
        return found

    def _teacher_rows(self):
        """With a teacher: the gates' derivative in R at fixed q, and the mean square of their slope, on the Nishimori line."""
        R = self.theory.teacher_overlap
        gates = self.display.human(self.display.gate_pressure)
        return [Derivative(Abbreviation("A", gates), R)], [gates.diff(R)]

    def _conjugate_text(self):
        text = ("$F$ is the energy of the couplings, with $C = \\beta(q_d - q)$" + (" and $D = \\beta x$" if self.theory.steps else "")
                if self.heat != 1 else "$F$ is minus the logarithm of the gates, with $C = q_d - q$" + (" and $D = x$" if self.theory.steps else ""))
        return (text + ". Stationarity of the functional balances its slopes against the Lagrange term, which gives the variances of the Gaussian "
                "fields" + (" and the field conjugate to the diagonal" if any(o.diagonal is None for o in self.theory.overlaps) else "")
                + ": for Gaussian couplings $V_i = c'(q_i)$, for spectral ones the entries of the matrix $2G'(\\beta Q)$"
                + (", for gates $V_i = \\alpha\\langle M_i^2\\rangle$ with $M_i$ the mean slope of $\\log\\mathbb{E}\\,\\Phi$ given the fields down to level $i$"
                   if self.theory.channel is not None else "")
                + ("; likewise $h_a = -\\partial e/\\partial\\phi_a$." if self.theory.order_parameters else "."))

    def nishimori(self):
        """With a matched teacher: R = q."""
        theory = self.theory
        if not theory.matched:
            return []
        display, (o,) = self.display, theory.overlaps
        q, R, hats = o.names[0], theory.teacher_overlap, display.hats(o)[0]
        gates = display.human(display.gate_pressure)
        P = display.pressures[o.layer]
        v, = theory.variance_symbols(o)
        h = dict(zip(theory.layers[o.layer].order_parameters, theory.layers[o.layer].fields()))[R]
        line = {R: q, h: hats, v: hats}
        site = [(P.diff(h).expand(deep=False).xreplace(line), display.squares(theory.layers[o.layer])[0].xreplace(line))]
        slope = gates.diff(R)
        gate = [(slope, display.human(display.gate_squares()[0]))]
        human = display.human
        return [Step(
            title="The Nishimori line", rule="Bayes' rule: the teacher is one more replica",
            justification=("The student's posterior is the law from which teacher and labels were drawn, so that teacher and student are exchangeable: "
                           "$R = q$ and $\\hat R = \\hat q$ solve the equations. On this line the mean of a student's weight along the teacher "
                           "equals its mean square, and the slope of the gates in $R$ equals the mean square of their field. Replica symmetry holds."),
            reference=NISHIMORI, before=row(*(human(a) for a, _ in site), *(a for a, _ in gate)), after=row(*(human(b) for _, b in site), *(b for _, b in gate)),
            claim=_OnLine(self._line(line, hats), tolerance=DIFFERENCE),
        )]

    def _line(self, line, hats):
        """Values on the line; a spherical weight's multiplier there is 1 + qhat."""
        o, = self.theory.overlaps
        if self.theory.layers[o.layer].site.kind != "spherical":
            return line
        q = hats / (1 + hats)
        return {**line, o.names[0]: q, self.theory.teacher_overlap: q}

    def free_energy(self):
        """The free energy in natural variables."""
        display = self.display
        line = {}
        if self.theory.matched:
            o, = self.theory.overlaps
            line = {self.theory.teacher_overlap: o.names[0]}
        conjugates = {a: display.nishimori(e) for a, e in display.conjugates.items()} if self.theory.teacher else display.conjugates
        before = display.human(display.functional)
        if self.theory.matched:
            before = display.nishimori(before)
            before = before.xreplace({display.teacher_field: display.hats(self.theory.overlaps[0])[0]})
        return Step(
            title="The free energy", rule="substitution of the conjugate fields",
            justification=("With the conjugate fields put in, $f$ is a function of means, overlaps" + self._names_text() + ". "
                           "Its stationary points are the solutions, and its values there their free energies."),
            reference=self.model.reference or MPV, before=before, after=display.free_energy, claim=Identity({**conjugates, **line}),
        )

    def _names_text(self):
        parts = []
        if any(c.kind == "spectral" for c in self.model.couplings):
            parts.append("crosstalk")
        if self.theory.free_breaking:
            parts.append("block parameters")
        return "".join(f", {p}" for p in parts)


@dataclass(frozen=True)
class _OnLine(Identity):
    """An identity that holds on the Nishimori line."""

    line: dict = None

    def __init__(self, line, tolerance):
        object.__setattr__(self, "line", line)
        object.__setattr__(self, "at", line)
        object.__setattr__(self, "tolerance", tolerance)
        object.__setattr__(self, "points", 2)

    def __call__(self, step, context):
        return super().__call__(step, context)


def cumulated(increments):
    """V_0, ..., V_k from v_0, ..., v_k."""
    return [sympy.expand(sympy.Add(*increments[: i + 1])) for i in range(len(increments))]
