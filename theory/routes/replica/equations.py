"""Self-consistency from stationarity, each equation with what it must equal by numerical derivatives."""

from sympy import Derivative, S

from ...derivation import Step
from ...ensemble import Abbreviation
from ...replica.claims import DIFFERENCE, Identity, SelfConsistent
from ...replica.energetic import energy_of
from ..common import row
from .functional import Functional
from .references import MPV


class Equations(Functional):
    """The steps from the free energy to the equations."""

    def stein(self):
        """Derivatives of the pressures as averages over the fields."""
        before, after = [], []
        for layer, P in zip(self.theory.layers, self.display.pressures):
            named = Abbreviation("P" if len(self.theory.layers) == 1 else f"P_{layer.along}", P)
            variables = [h for h, a in zip(layer.fields(), layer.order_parameters)]
            variables += list(self.theory.variance_symbols(layer.overlap)) if layer.overlap is not None else []
            for u in variables:
                before.append(Derivative(named, u))
                after.append(P.diff(u).expand(deep=False))
        return Step(
            title="Integration by parts", rule="Stein's lemma",
            justification=("The derivative in a variance $v$ of $\\int\\mathcal{D}z\\,g(y + \\sqrt v z)$ is half the average of $g''$, by "
                           "$\\int\\mathcal{D}z\\, z f(z) = \\int\\mathcal{D}z\\, f'(z)$."
                           + (" In a hierarchy every level obeys $\\partial_v\\Phi = \\frac12[\\Phi'' + D(\\Phi')^2]$, and the squares of the conditional means "
                              "$M_i$ of the levels add up." if self.theory.steps else "")
                           + (" Derivatives in the fields $h$ are the means themselves." if self.theory.order_parameters else "")),
            reference=MPV, before=row(*before), after=row(*after), claim=Identity(tolerance=DIFFERENCE),
        )

    def self_consistency(self):
        """The equations of all order parameters."""
        equations = self.display.equations
        at = dict(self.display.conjugates)
        if self.theory.matched:
            o, = self.theory.overlaps
            at = {a: self.display.nishimori(e) for a, e in at.items()} | {self.theory.teacher_overlap: o.names[0],
                                                                         self.display.teacher_field: self.display.hats(o)[0]}
        return Step(
            title="Self-consistency", rule="stationarity of the functional",
            justification=("Stationarity in the conjugate fields gives the means and the overlaps: $\\phi_a = \\partial P/\\partial h_a$, and $q_i$ is the mean "
                           "square of the site's mean given the fields down to level $i$. Stationarity in the overlaps gave the fields."
                           + (" Stationarity in $x$ balances the free energy of the clusters, "
                              "$\\langle\\Phi_i\\rangle - \\langle\\Phi_{i-1}\\rangle$, against the energies." if self.theory.free_breaking else "")),
            reference=self.model.reference or MPV, before=row(*equations), after=row(*equations.values()),
            claim=SelfConsistent(self.expected(), at),
        )

    def expected(self):
        """{symbol: what the right-hand side must equal}, by numerical derivatives of pressures and energies."""
        theory, display, found = self.theory, self.display, {}
        for layer, P in zip(theory.layers, display.pressures):
            named = Abbreviation("P", P)
            found |= {a: Derivative(named, h) for a, h in zip(layer.order_parameters, layer.fields())}
            if layer.overlap is not None:
                found |= self._expected_overlap(layer, named)
        for c in self.model.couplings:
            for o in theory._of(c):
                found |= self._expected_fields(c, o)
        energy = Abbreviation("F", theory.model.energy + theory.coupling_energy)
        for X, slope in zip(theory.model.auxiliaries, theory.auxiliary_equations):
            found[X] = _root(display.human(slope), X, display.equations[X], X - Derivative(energy, X))
        for C, gap in zip(theory.free_responses, theory.free_equations):
            found[C] = _root(gap, C, display.equations[C], C - gap)
        for x, D in zip(display.blocks, theory.free_breaking):
            sites = sum((layer.weight * Derivative(Abbreviation("P", P), D) for layer, P in zip(theory.layers, display.pressures)), S.Zero)
            gates = Derivative(Abbreviation("A", display.gate_pressure), D) if theory.channel is not None else S.Zero
            found[x] = self.heat * D * (sites + gates) / Derivative(Abbreviation("F", theory.potential), D)
        return found

    def _expected_overlap(self, layer, P):
        o, D = layer.overlap, self.display.powers
        slopes = [2 * Derivative(P, v) for v in self.theory.variance_symbols(o)]
        found = {o.names[i]: (slopes[i] - slopes[i + 1]) / (D[i] - D[i + 1]) for i in range(self.theory.steps)}
        if layer.site.kind == "spherical":
            return found | {o.names[-1]: 2 * o.C**2 * Derivative(P, o.C) + 1 - self.heat * o.C}
        total = o.diagonal if o.diagonal is not None else 2 * Derivative(P, layer.diagonal)
        found[o.names[-1]] = (total - self.heat * slopes[-1]) / (1 - self.heat * D[-1])
        return found | ({self.display.diagonal(o): total} if o.diagonal is None else {})

    def _expected_fields(self, c, o):
        """r or V from the slopes of the coupling's energy."""
        theory, display = self.theory, self.display
        if c.kind == "elementwise":
            return {}
        scale, names = (S.One, display.hats(o)) if c.kind == "channel" else display.noise(c, o)
        F = Abbreviation("F", -display.gate_pressure if c.kind == "channel" else energy_of(c, theory._of(c), theory.breaking))
        if theory.teacher:
            return self._expected_teacher(F, o, names)
        w, k, D = theory.layers[o.layer].weight, theory.steps, display.powers
        found = {names[i]: 2 * Derivative(F, o.names[i]) / (w * (D[i + 1] - D[i])) / scale for i in range(k)}
        slope = Derivative(F, o.C) - (self.heat * Derivative(F, o.names[k]) if o.diagonal is None else S.Zero)
        found[names[k]] = -2 * slope / (w * (1 - self.heat * D[k])) / scale
        if c.kind == "channel" and o.diagonal is None:
            found[theory.layers[o.layer].diagonal] = -2 * Derivative(F, o.names[k]) / w - D[k] * found[names[k]]
        return found

    def _expected_teacher(self, F, o, names):
        """With a teacher: half the slope of the gates in C at fixed R, whose labels' weight moves too; Rhat is the slope in R."""
        R = self.theory.teacher_overlap
        return {names[0]: -2 * Derivative(F, o.C), self.display.teacher_field: -Derivative(F, R)}


def _root(slope, X, start, iterate):
    """What a fixed-point form must equal: the iterate where it is one, else the root, by a Newton step from it."""
    if start.has(X):
        return iterate
    at = {X: start}
    return start - slope.xreplace(at) / slope.diff(X).xreplace(at)
