"""The replica method: from E[Z^n] to the free energy of a model with quenched couplings.

The disorder average couples replicas through their overlaps; under a hierarchical ansatz every replicated quantity has a closed form
in n, and n -> 0.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import sympy
from sympy import Derivative, S, Symbol

from ..averages import GaussianAverage
from ..checks import Assumption
from ..derivation import Derivation, Step
from ..ensemble import Abbreviation
from ..replica.ansatz import KStepRSB, ansatz_of
from ..replica.claims import (
    AsLarge, AsSmall, AtIntegers, Fallback, Identity, SelfConsistent, Several, DIFFERENCE,
)
from ..replica.display import gate_potential, increments
from ..replica.energetic import energy_of
from ..replica.finite_n import (
    GateAverage, Matrices, MatrixSum, MatrixTrace, ReplicatedTrace, Written, eigenvalues, matrix_sum, matrix_trace, pressure_at,
)
from ..replica.microscopic import AveragedWeight, Characteristic, Configuration, QuadraticForm, QuenchedLogarithm
from ..replica.nested import FIELD, Nested, moment, over_heat
from ..replica.overlaps import block_symbols
from ..replica.replicon import EnergyBend, SiteBend
from ..replica.theory import ReplicaTheory
from ..symbols import T, symbol
from .common import row

ROUTE = "replica"
EDWARDS = "S. F. Edwards and P. W. Anderson, J. Phys. F 5, 965 (1975)"
SK = "D. Sherrington and S. Kirkpatrick, Phys. Rev. Lett. 35, 1792 (1975)"
MPV = "M. Mézard, G. Parisi and M. A. Virasoro, Spin Glass Theory and Beyond (World Scientific, 1987)"
PARISI = "G. Parisi, J. Phys. A 13, L115 (1980)"
AT = "J. R. L. de Almeida and D. J. Thouless, J. Phys. A 11, 983 (1978)"
AGS = "D. J. Amit, H. Gutfreund, H. Sompolinsky, Phys. Rev. Lett. 55, 1530 (1985)"
GARDNER = "E. Gardner and B. Derrida, J. Phys. A 21, 271 (1988)"
NISHIMORI = "H. Nishimori, Statistical Physics of Spin Glasses and Information Processing (Oxford, 2001)"
TALAGRAND = "M. Talagrand, Ann. Math. 163, 221 (2006)"
SMALL = r"\xrightarrow[n\to 0]{}"
COLD = r"\xrightarrow[T\to 0]{}"
LARGE = r"\xrightarrow[N\to\infty]{}"


def derivation(model, ansatz=None, steps=None):
    """The derivation of a model's theory by replicas.

    Parameters
    ----------
    model : Model with couplings
    ansatz : KStepRSB, or rs, 1rsb, krsb with `steps`
    """
    theory = ReplicaTheory(model, ansatz_of(ansatz, steps))
    work = Replicas(theory)
    found = [work.trick(), work.average(), work.order_parameters(), work.ansatz(), work.traces(), work.limit(), work.functional(),
             work.conjugates(), *work.nishimori(), work.free_energy(), work.stein(), work.self_consistency(), *work.reduction(),
             work.replicon(), work.entropy(), *work.zero_temperature(), work.result()]
    return Derivation(model, ROUTE, theory.ansatz.name, tuple(_finished(step, work.n) for step in found), theory)


def _finished(step, n):
    """The step with the number of replicas under the name that it has."""
    name = sympy.latex(Symbol(str(n).rstrip("*")))
    return replace(step, relation=step.relation.replace(r"n\to 0", rf"{name}\to 0"))


@dataclass(frozen=True, eq=False)
class Replicas:
    """The expressions of the replica derivation of one theory."""

    theory: object

    @property
    def model(self):
        """The model."""
        return self.theory.model

    @property
    def display(self):
        """The theory in natural variables."""
        return self.theory.display

    @property
    def heat(self):
        """T, or 1 in models without temperature."""
        return self.theory.T

    @cached_property
    def n(self):
        """Symbol of the number of replicas."""
        taken = {str(a) for a in (*self.model.order_parameters, *self.model.parameters, *self.model.site.variables, *self.model.overlaps)}
        return Symbol("nu*" if "n" in taken else "n*", positive=True)

    @cached_property
    def blocks(self):
        """x_1..x_k."""
        return block_symbols(self.theory.steps)

    def level(self, o):
        """(q_0, ..., q_k, q_d) of an overlap."""
        return (*o.names, self.display.diagonal(o))

    def field_level(self, o):
        """(V_0, ..., V_k, V_k), the covariances of the Gaussian fields."""
        v = self.theory.variance_symbols(o)
        V = [sum(v[: i + 1]) for i in range(len(v))]
        return (*V, V[-1])

    def powers(self, outer):
        """D_0..D_k with the outermost given."""
        return (outer, *(x / self.heat for x in self.blocks))

    def levels(self, coupling):
        """Levels of the overlaps that a coupling acts on."""
        return [self.level(o) for o in self.theory._of(coupling)]

    def closed(self):
        """The couplings with a closed energy."""
        return [c for c in self.model.couplings if c.kind != "channel"]

    def entry(self, coupling):
        """c(q)/(2 T^2) as a function of the entries."""
        names = [o.symbol for o in self.theory._of(coupling)]
        return lambda *q: coupling.covariance.xreplace(dict(zip(names, map(sympy.sympify, q)))) / (2 * self.heat**2)

    def spectral(self, coupling):
        """G(beta l) as a function of the eigenvalues."""
        return lambda *l: coupling.spectral([x / self.heat for x in l])

    # 1-3

    def trick(self):
        """log Z from integer powers."""
        known = {}
        return Step(
            title="Replicas", rule="the logarithm from integer powers",
            justification=("The free energy is self-averaging: per site it does not depend on the sample as $N\\to\\infty$, and its value is "
                           "$f = -\\lim_N \\frac{T}{N}\\,\\mathbb{E}\\log Z$. The average of a logarithm follows from averages of powers: "
                           "with $\\log Z = \\lim_{n\\to 0}(Z^n - 1)/n$, $\\mathbb{E}\\log Z = \\lim_{n\\to 0}\\frac1n\\log\\mathbb{E}\\,Z^n$, an identity at every $N$. For integer $n$, "
                           "$Z^n$ is the partition function of $n$ copies with the same disorder."),
            reference=f"{EDWARDS}; {MPV}",
            before=QuenchedLogarithm("replicated log Z", (self.theory, self.n, known), self.n),
            after=QuenchedLogarithm("quenched log Z", (self.theory, None, known)),
            relation=SMALL,
            claim=Fallback(AsSmall(self.n), "the moments of the partition function are analytic in n near 0"),
        )

    def average(self):
        """The replicated weight after the average over the couplings."""
        configuration = Configuration(self.theory)
        before, after, parts = [], [], []
        for c in self.model.couplings:
            of = self.theory._of(c)
            if c.kind == "channel":
                t = (symbol("t1"), symbol("t2"))
                before.append(Characteristic("characteristic", (of[0], configuration, t)))
                after.append(QuadraticForm("quadratic", (of[0], configuration, t)))
            else:
                before.append(AveragedWeight(f"averaged {len(before)}", (c, of, configuration, self.heat)))
                kind, function = (MatrixSum, self.entry(c)) if c.kind == "elementwise" else (MatrixTrace, self.spectral(c))
                after.append(kind(f"overlaps {len(after)}", (function, configuration.overlaps(of))))
            heat = 12.0 if self.theory.free_responses else 3.0
            parts.append((Fallback(AsLarge(heat=heat), "the couplings' covariance is a function of the overlaps"), 1))
        return Step(
            title="The average over the couplings", rule=self._average_rule(), justification=" ".join(map(self._average_text, self.model.couplings)),
            reference="; ".join(dict.fromkeys(self._average_reference(c) for c in self.model.couplings)),
            before=row(*before), after=row(*after), relation=LARGE if any(c.kind != "elementwise" for c in self.model.couplings) else "=",
            claim=Several(tuple(parts)),
        )

    def _average_rule(self):
        rules = {"elementwise": "Gaussian average of an exponential (Wick's theorem)",
                 "spectral": "Gaussian integral over the pattern overlaps (Hubbard-Stratonovich)",
                 "channel": "central limit theorem for the stabilities"}
        return "; ".join(dict.fromkeys(rules[c.kind] for c in self.model.couplings))

    def _average_text(self, c):
        names = ", ".join(f"${sympy.latex(o.symbol).upper()}_{{ab}} = \\frac{{1}}{{N}}\\sum_i {sympy.latex(o.variable)}_i^a "
                          f"{sympy.latex(o.variable)}_i^b$" for o in self.theory._of(c))
        if c.kind == "elementwise":
            why = ("The energy is Gaussian with $\\mathbb{E}[H(s)H(s')] = N c$" if type(c).__name__ == "GaussianCouplings" else
                   "The crosstalk is a sum over many patterns, Gaussian by the central limit theorem with $\\mathbb{E}[HH'] = N c$")
            return (f"{why}, a function of the overlaps {names}. With $\\mathbb{{E}}\\,e^{{-\\beta\\sum_a H_a}} = "
                    "\\exp\\frac{\\beta^2}{2}\\sum_{ab}\\mathbb{E}[H_aH_b]$ replicas interact through these alone.")
        if c.kind == "spectral":
            return ("For a pattern that is not condensed the overlaps $\\frac{1}{\\sqrt N}\\sum_i\\xi_i s_i^a$ are, by the central limit theorem, "
                    f"Gaussian with covariance {names}; the Gaussian integral of the exponential of their squares is a determinant, and "
                    "$\\log\\det = \\operatorname{tr}\\log$. Whatever the law of the entries, only their variance matters.")
        return (f"The stabilities $u_a = \\frac{{1}}{{\\sqrt N}}\\sum_i w_i^a\\xi_i$ of one pattern are jointly Gaussian with covariance {names}, "
                "exactly for Gaussian patterns and by the central limit theorem for others, as their characteristic function shows. Each of the "
                f"$N {sympy.latex(c.load)}$ patterns then contributes $\\log\\mathbb{{E}}_{{u\\sim\\mathcal N(0,Q)}}\\prod_a\\Phi(u_a)$"
                + (", with the teacher's stability as one more Gaussian variable, conditioned on its sign." if c.teacher else "."))

    @staticmethod
    def _average_reference(c):
        return {"elementwise": SK, "spectral": AGS, "channel": GARDNER}[c.kind]

    def order_parameters(self):
        """Delta functions for overlaps and means; the saddle point at large N before n -> 0."""
        return Step(
            title="Order parameters and saddle point", rule="Fourier representation of delta functions; steepest descent",
            justification=("Fix the overlaps" + (" and the means" if self.theory.order_parameters else "") + " of every replica by delta "
                           "functions with conjugate fields" + self._fields_text() + ". The trace over configurations then factorises over the "
                           "sites into the replicated trace of one site, and the exponent is $N$ times a function of the order parameters: "
                           "energies of the couplings, the Lagrange term $-\\frac{1}{2}\\beta^2\\sum_{ab}V_{ab}Q_{ab}$, the signal energy "
                           "$-\\beta\\sum_a e(\\phi^a)$ and $\\log$ of the one-site trace."
                           " The integral is taken by its saddle point, $N\\to\\infty$ before $n\\to 0$.").replace(
                               r"\beta^2\sum" if self.heat == 1 else "", r"\sum" if self.heat == 1 else ""),
            reference=MPV,
            after=Written("replicated integral", self._integral_text()),
            claim=Assumption("the limits $N\\to\\infty$ and $n\\to 0$ are exchanged, and the saddle point is continued to $n\\to 0$; "
                             "rigorous for the Sherrington-Kirkpatrick class (Talagrand), not in general"),
        )

    def _integral_text(self):
        """E Z^n as the exponential of N times the replicated functional."""
        beta = r"\beta" if self.heat != 1 else ""
        terms = []
        for c in self.model.couplings:
            names = [sympy.latex(o.symbol).upper() for o in self.theory._of(c)]
            entries, matrices = ",".join(name + "_{ab}" for name in names), ",".join(r"\beta " + name for name in names)
            terms.append({"elementwise": rf"\frac{{\beta^2}}{{2}}\sum_{{a,b}} c({entries})", "spectral": rf"\operatorname{{tr}} G({matrices})",
                          "channel": rf"{_latex(getattr(c, 'load', S.One))}\,\log\mathbb{{E}}_u\prod_a\Phi(u_a)"}[c.kind])
        work = rf" - {beta}\sum_a\left[e(\phi^a) + h\cdot\phi^a\right]" if self.theory.order_parameters else ""
        for o in self.theory.overlaps:
            name, w = sympy.latex(o.symbol).upper(), self.theory.layers[o.layer].weight
            front = "" if w == 1 else f"{_latex(w)} "
            square = beta + "^2" if beta else "1"
            sub = "" if len(self.theory.overlaps) == 1 else f"^{{{name}}}"
            work += rf" - \frac{{{front}{square}}}{{2}}\sum_{{a,b}} V{sub}_{{ab}} {name}_{{ab}}"
        traces = " + ".join((("" if layer.weight == 1 else _latex(layer.weight) + " ")
                             + rf"\log\operatorname{{Tr}}_{{{_latex(layer.along)}^1\cdots {_latex(layer.along)}^n}}e^{{(\cdot)}}") for layer in self.theory.layers)
        return rf"\mathbb{{E}}\,Z^n \simeq \operatorname*{{extr}}\,\exp N\Bigl\{{{' + '.join(terms)}{work} + {traces}\Bigr\}}"

    def _fields_text(self):
        shown = "$V_{ab}$ (covariances of Gaussian fields, in units of energy)"
        return f" {shown}" + (" and $h_a$" if self.theory.order_parameters else "")

    # 4-6

    def cases(self, channel=False):
        """(n, x_1..x_k) at which closed forms are compared with explicit matrices."""
        k = self.theory.steps
        if channel:
            return tuple((2, *([2] * i), *([1] * (k - i))) for i in range(k + 1))
        return {0: ((2,), (3,)), 1: ((4, 2), (3, 1)), 2: ((8, 4, 2), (4, 2, 1))}.get(k) or ((8, *(max(1, 8 >> i) for i in range(1, k + 1))), (2, *([2] * (k - 1)), 1))

    def small_cases(self, layer):
        """Those at which all replicated states of a site can be summed."""
        states = len(getattr(getattr(layer.site, "finite", layer.site), "states", (0, 0)))
        return tuple(c for c in self.cases() if states ** c[0] < 20000)

    def sums(self):
        """[(title, node, closed form in n, limit per replica)] of energies and Lagrange terms."""
        found = []
        for c in self.closed():
            levels = self.levels(c)
            matrices = Matrices(self.n, levels, self.blocks)
            if c.kind == "elementwise":
                F = self.entry(c)
                found.append((MatrixSum(f"sum {len(found)}", (F, matrices)), matrix_sum(F, levels, self.blocks, self.n), self._sum_limit(F, levels)))
            else:
                G = self.spectral(c)
                found.append((MatrixTrace(f"trace {len(found)}", (G, matrices)), matrix_trace(G, levels, self.blocks, self.n), self._trace_limit(c, levels)))
        for o in self.theory.overlaps:
            levels = [self.field_level(o), self.level(o)]
            F = lambda V, q: V * q / (2 * self.heat**2)
            named = [tuple(symbol(f"V{i}") for i in range(len(levels[0]))), levels[1]]
            node = _Named(f"lagrange {o.symbol}", (F, Matrices(self.n, levels, self.blocks)), named)
            found.append((node, matrix_sum(F, levels, self.blocks, self.n), self._sum_limit(F, levels)))
        return found

    def _sum_limit(self, F, levels):
        at = [F(*entries) for entries in zip(*levels)]
        return at[-1] - at[-2] + sum((x * (at[i] - at[i - 1]) for i, x in enumerate(self.blocks, 1)), S.Zero)

    def _trace_limit(self, coupling, levels):
        """G(l_(k+1)) + sum_i [G(l_i) - G(l_(i+1))]/x_i + sum q_0 dG/dl(l_1)."""
        G = self.spectral(coupling)
        spectrum = [eigenvalues(level, self.blocks) for level in levels]
        at = [G(*entries) for entries in zip(*spectrum)]
        names = [sympy.Dummy(f"l{i}", real=True) for i in range(len(levels))]
        lowest = dict(zip(names, (l[0] for l in spectrum)))
        slope = sum((level[0] * G(*names).diff(x).xreplace(lowest) for x, level in zip(names, levels)), S.Zero)
        return at[-1] + sum(((at[i - 1] - at[i]) / x for i, x in enumerate(self.blocks, 1)), S.Zero) + slope

    def ansatz(self):
        """Sums and traces of hierarchical matrices in closed form."""
        found = self.sums()
        heat = 8.0 if any(c.kind == "spectral" for c in self.closed()) else 1.0
        return Step(
            title=f"The ansatz: {self.theory.ansatz.title}", rule="sums over entries and over eigenvalues of a hierarchical matrix",
            justification=self._ansatz_text(), reference=SK if not self.theory.steps else f"{PARISI}; {MPV}",
            before=row(*(node for node, _, _ in found)), after=row(*(closed for _, closed, _ in found)),
            claim=AtIntegers(self.n, self.blocks, self.cases(), heat),
        )

    def _ansatz_text(self):
        names = ", ".join(f"${sympy.latex(o.symbol).upper()}$" for o in self.theory.overlaps)
        one = len(self.theory.overlaps) == 1
        k = self.theory.steps
        diagonal = ", ".join(f"${_latex(self.display.diagonal(o))}$" for o in self.theory.overlaps)
        if k == 0:
            levels = ", ".join(f"${_latex(o.names[0])}$" for o in self.theory.overlaps)
            return (f"Replicas are equivalent: {names} {'has' if one else 'have'} {levels} off the diagonal and {diagonal} on it, and $V_{{ab}}$ "
                    "likewise. The eigenvalues are $q_d - q$, $n - 1$ times, and $q_d - q + nq$. This is an assumption about the saddle point; the "
                    "replicon below decides where it is stable.")
        levels = "; ".join(f"${', '.join(_latex(q) for q in o.names)}$" for o in self.theory.overlaps)
        sizes = ", ".join(f"${_latex(x)}$" for x in self.blocks)
        return (f"Replicas are grouped in nested blocks of sizes {sizes}: {names} {'has' if one else 'have'} the values {levels} between the blocks, "
                f"from the outermost to the innermost, and {diagonal} on the diagonal; $V_{{ab}}$ likewise. For $n\\to 0$ the sizes become numbers "
                "between 0 and 1. This is an assumption about the saddle point, exact for infinitely many steps.")

    def parts(self, layer, outer):
        """[(probability, pressure)] of a layer's one-site problems at block parameters x/T."""
        theory = replace(self.theory, ansatz=KStepRSB(self.theory.steps))
        fresh = theory.display
        own = next(l for l, mine in zip(theory.layers, self.theory.layers) if mine is layer)
        sizes = {D: x / self.heat for D, x in zip(theory.free_breaking, self.blocks)}
        return [(p, P.xreplace(sizes)) for p, P in fresh.leaf_pressures(own, outer)]

    def gate(self, outer):
        """log E prod_a gate(u_a) in closed form: nested averages with the outermost power given."""
        theory, (o,) = self.theory, self.theory.overlaps
        C = self.display.diagonal(o) - o.names[-1]
        W = gate_potential(theory.channel, C)
        if not theory.teacher:
            return Nested(W, FIELD, S.Zero, increments(o.names), self.powers(outer))
        weight = self.display.human(self.display.teacher_weight)
        if outer == 0:
            return GaussianAverage(weight * W, FIELD, S.Zero, o.names[0])
        return sympy.log(GaussianAverage(weight * sympy.exp(outer * W), FIELD, S.Zero, o.names[0])) / outer

    def trace_rows(self):
        """[(node, closed form in n, limit per replica, claim)] of one-site traces and gates."""
        found = []
        for layer in self.theory.layers:
            if layer.overlap is None:
                continue
            data = (layer, self.n, self.field_level(layer.overlap)[:-1], self.blocks, self.heat)
            node = ReplicatedTrace(f"site {len(found)}", data)
            closed = pressure_at(self.n, self.parts(layer, self.n / self.heat), self.heat)
            limit = sympy.Add(*(p * over_heat(P, self.heat) for p, P in self.parts(layer, S.Zero)))
            found.append((node, closed, limit, AtIntegers(self.n, self.blocks, self.small_cases(layer))))
        if self.theory.channel is not None:
            R = self.theory.teacher_overlap if self.theory.teacher else None
            node = GateAverage("gates", (self.theory.channel, Matrices(self.n, [self.level(self.theory.overlaps[0])], self.blocks), R))
            claim = AtIntegers(self.n, self.blocks, self.cases(channel=True), tolerance=1e-6)
            found.append((node, moment(self.gate(self.n), self.n), self.gate(S.Zero), claim))
        return found

    def traces(self):
        """Replicated traces as nested Gaussian averages."""
        found = self.trace_rows()
        return Step(
            title="Replicas decouple in Gaussian fields", rule="Hubbard-Stratonovich transformation, level by level",
            justification=("A quadratic form with a hierarchical matrix is the covariance of Gaussian fields: one common to all replicas, of variance "
                           "$V_0$" + (", then one for each block of every level, of variance the increment of $V$." if self.theory.steps else ".")
                           + " In given fields the replicas are independent, and the trace of one of them remains"
                           + (", inside nested averages with powers $x_i/x_{i+1}$" if self.theory.steps else ", to the power $n$") + "."
                           + (" The stabilities of a pattern decouple in the same way." if self.theory.channel is not None else "")),
            reference=SK if self.theory.channel is None else GARDNER,
            before=row(*(f[0] for f in found)), after=row(*(f[1] for f in found)), claim=Several(tuple((f[3], 1) for f in found)),
        )

    def limit(self):
        """Each closed form per replica as n -> 0."""
        energies = [(closed / self.n, limit) for _, closed, limit in self.sums()]
        traces = [(closed / self.n, limit) for _, closed, limit, _ in self.trace_rows()]
        both = energies + traces
        return Step(
            title="The limit of no replicas", rule="first order in the number of replicas",
            justification=("The closed forms are analytic in $n$; per replica they tend to their derivative at $n = 0$. The logarithm of an average of "
                           "$n$-th powers tends to the average of the logarithm: the outermost field becomes an ordinary quenched field."),
            reference=MPV, before=row(*(a for a, _ in both)), after=row(*(b for _, b in both)), relation=SMALL, claim=AsSmall(self.n),
        )

    # 7-9

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
        stem = "V" if len(self.theory.overlaps) == 1 else f"V^{{{_latex(o.symbol)}}}"
        for i, (value, shown) in enumerate(zip(self.fields_at(o)[1], closed)):
            found[stem if not self.theory.steps else f"{stem}_{{{i}}}"] = (display.human(value), shown)
        return found

    def _teacher_rows(self):
        """With a teacher: the gates' derivative in R at fixed q, and the mean square of their slope, on the Nishimori line."""
        o, R = self.theory.overlaps[0], self.theory.teacher_overlap
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

    # Equations

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

    def reduction(self):
        """Broken symmetry contains the unbroken one."""
        theory, display = self.theory, self.display
        if not theory.steps:
            return []
        lower = ReplicaTheory(self.model, KStepRSB(0)).display
        unity = self._unity()
        return [Step(
            title="Replica symmetry as a special case", rule="equal levels",
            justification=("Where all levels are equal, $q_0 = \\ldots = q_k$, the inner fields have no variance and the block parameters drop out: the "
                           "functional is the replica-symmetric one." + self._unity_text()),
            reference=PARISI, before=row(display.free_energy.xreplace(self._equalised(lower)), *(a for a, _ in unity)),
            after=row(lower.free_energy, *(b for _, b in unity)), claim=_Reduced(tolerance=IDENTITY_REDUCED),
        )]

    def _equalised(self, lower):
        """q_i -> q, r_i -> r of the replica-symmetric theory."""
        theory, display, found = self.theory, self.display, {}
        for o, p in zip(theory.overlaps, lower.theory.overlaps):
            found |= dict.fromkeys(o.names, p.names[0])
            found |= dict.fromkeys(display.hats(o), lower.hats(p)[0])
            for c in display.acting(o):
                if c.kind == "spectral":
                    found |= dict.fromkeys(display.noise(c, o)[1], lower.noise(c, p)[1][0])
        return found

    def _unity(self):
        """Rows f(x_k = 1) = f with one step less, for sites of fixed length."""
        theory, display = self.theory, self.display
        if theory.ansatz.x is not None or any(layer.site.kind != "finite" for layer in theory.layers) or any(o.diagonal is None for o in theory.overlaps):
            return []
        lower = ReplicaTheory(self.model, KStepRSB(theory.steps - 1)).display
        names = dict(zip(lower.blocks, display.blocks))
        for o, p in zip(theory.overlaps, lower.theory.overlaps):
            names |= dict(zip(p.names, o.names)) | dict(zip(lower.hats(p), display.hats(o)))
            for c in display.acting(o):
                if c.kind == "spectral":
                    names |= dict(zip(lower.noise(c, p)[1], display.noise(c, o)[1]))
        return [(display.free_energy.xreplace({display.blocks[-1]: S.One}), lower.free_energy.xreplace(names))]

    def _unity_text(self):
        if not self._unity():
            return ""
        x = _latex(self.display.blocks[-1])
        return f" At ${x} = 1$ the innermost level is integrated like the trace itself, and one step is lost."

    # Stability, entropy, zero temperature

    def replicon(self):
        """Second variations along the replicon."""
        theory, display = self.theory, self.display
        n = self.n
        cases = ((4, *([4] * theory.steps)),) if theory.steps < 1 else ((8, *([8] * (theory.steps - 1)), 4),)
        before, after, parts = [], [], []
        for layer in theory.layers:
            if layer.overlap is None or len(getattr(layer.site, "states", (0, 0))) ** cases[0][0] > 20000:
                continue
            data = (layer, n, self.field_level(layer.overlap)[:-1], self.blocks, self.heat)
            before.append(SiteBend(f"site bend {len(before)}", data))
            after.append(self._bend_at(layer, n / self.heat))
            parts.append((AtIntegers(n, self.blocks, cases, tolerance=1e-4), 1))
        heat = 8.0 if any(c.kind == "spectral" for c in self.closed()) else 1.0
        from ..replica.energetic import bend_of
        for c in self.closed():
            of = theory._of(c)
            for (o, p), value in bend_of(c, of).items():
                i, j = of.index(o), of.index(p)
                if i <= j:
                    before.append(EnergyBend(f"energy bend {len(before)}", (c, self.levels(c), n, self.blocks, self.heat, (i, j))))
                    after.append(display.human(value))
                    parts.append((AtIntegers(n, self.blocks, cases, heat, tolerance=1e-3), 1))
        if display.replicon is not None:
            before.append(Abbreviation(r"\lambda", display.nishimori(display.at_fields(self._lowest()))))
            after.append(display.replicon)
            parts.append((Identity(), 1))
        return Step(
            title="Stability: the replicon", rule="second variation of the replicated functional",
            justification=self._replicon_text(), reference=AT, before=row(*before), after=row(*after), claim=Several(tuple(parts)),
        )

    def _lowest(self):
        """The lowest eigenvalue of 1 - K^(1/2) B K^(1/2), written as that of a matrix."""
        B = self.theory.replicon_matrix * (self.display.gate_bend if self.theory.channel is not None else 1)
        K = [Abbreviation(f"K_{o.symbol}", k) for o, k in zip(self.theory.overlaps, self.display.bends)]
        if len(K) == 1:
            return 1 - B[0, 0] * K[0].definition
        trace = B[0, 0] * K[0].definition + B[1, 1] * K[1].definition
        determinant = (B[0, 0] * B[1, 1] - B[0, 1] ** 2) * K[0].definition * K[1].definition
        return 1 - (trace + sympy.sqrt(trace**2 - 4 * determinant)) / 2

    def _bend_at(self, layer, outer):
        """<(g'')^2> at n replicas."""
        theory = replace(self.theory, ansatz=KStepRSB(self.theory.steps))
        fresh = theory.display
        own = next(l for l, mine in zip(theory.layers, self.theory.layers) if mine is layer)
        sizes = {D: x / self.heat for D, x in zip(theory.free_breaking, self.blocks)}
        bends = [(p, b.xreplace(sizes)) for p, b in fresh.leaf_bends(own, outer)]
        if len(bends) == 1:
            return bends[0][1]
        weights = [p * sympy.exp(self.n * P.xreplace(sizes) / self.heat) for p, P in fresh.leaf_pressures(own, outer)]
        return sympy.Add(*(w * b for w, (_, b) in zip(weights, bends))) / sympy.Add(*weights)

    def _replicon_text(self):
        return ("Fluctuations that redistribute the overlaps inside an innermost block, $\\delta Q_{12} = \\delta Q_{34} = -\\delta Q_{13} = -\\delta Q_{24}$, "
                "leave the means alone. Along them the one-site trace has the second variation $K = \\langle (g'')^2\\rangle$, the mean square of the site's "
                "susceptibility, and the couplings $B$. The ansatz is stable where $\\lambda = 1 - BK$ is positive"
                + (" (the lowest eigenvalue of $1 - K^{1/2}BK^{1/2}$ for several overlaps)" if len(self.theory.overlaps) > 1 else "")
                + ("; for gates $B = \\alpha\\langle (W'')^2\\rangle$, $W = \\log\\mathbb{E}\\,\\Phi$" if self.theory.channel is not None else "")
                + ". Where it is negative replica symmetry must be broken" + (" further." if self.theory.steps else ".")
                + " The variations are shown at $n$ replicas; the limit is that of the outermost average.")

    def entropy(self):
        """-df/dT, and what its sign says."""
        display = self.display
        if self.heat == 1:
            return Step(
                title="The entropy", rule="counting of solutions",
                justification=("Without a temperature $-f$ is the entropy per weight, the logarithm of the volume (or number) of weights that satisfy the "
                               "constraints. For discrete weights a negative value is impossible: it flags that replica symmetry fails, and the "
                               "point where it vanishes bounds the capacity."),
                reference=GARDNER, before=display.entropy, after=-display.free_energy, claim=Identity(),
            )
        return Step(
            title="The entropy", rule="derivative in the temperature",
            justification=("$s = -\\partial f/\\partial T$. As $f$ is stationary in the order parameters only its explicit dependence on $T$ counts. For discrete spins the entropy cannot be "
                           "negative: a negative value at low temperature flags that the ansatz fails, even where its replicon is positive."),
            reference=SK, before=-Derivative(Abbreviation("f", display.free_energy), T), after=display.entropy,
            claim=Identity(tolerance=DIFFERENCE),
        )

    def zero_temperature(self):
        """The limit at fixed C and D."""
        if self.heat == 1 or (self.theory.ansatz.x is not None and self.theory.steps):
            return []
        cold = self.theory.zero_temperature()
        values, share = ((0.04, 0.02, 0.01), 0.1) if not self.theory.steps else ((0.2, 0.1, 0.05), 0.25)
        if all(leaf.kind == "quadratic" for layer in self.theory.layers for leaf in layer.leaves):
            # Closed forms at any T; the corrections of unbounded spins are T log T.
            values, share = (4e-5, 2e-5, 1e-5), 0.4
        return [Step(
            title="Zero temperature", rule="limit at fixed response",
            justification=("The limit is taken at fixed $C = (q_d - q)/T$" + (" and $D = x/T$" if self.theory.steps else "") + ". As $T\\to 0$ the overlap tends to its maximum" + (" and the block parameters to zero" if self.theory.steps else "")
                           + " linearly, while the response $C$ stays finite. $T\\log\\operatorname{Tr}\\,e^{\\cdot/T}$ tends to the largest exponent, and "
                           "averages over the fields remain ordinary integrals."),
            reference=MPV, before=self.display.functional, after=cold.functional, relation=COLD,
            claim=AsSmall(T, values, "T", share=share),
        )]

    def result(self):
        """The theory, and its stationarity."""
        theory, display = self.theory, self.display
        return Step(
            title="The theory", rule="collection of the results",
            justification=("The free energy per site with its closed forms of energies and fields, against the functional of the derivation at the fields "
                           "it fixed."),
            reference=MPV, before=Abbreviation(r"f_{\text{replica}}", display.free_energy), after=theory.free_energy, claim=Identity(),
        )


IDENTITY_REDUCED = 1e-6


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


@dataclass(frozen=True)
class _Reduced:
    """An identity with the replica-symmetric theory, at points that have its symbols too."""

    tolerance: float

    def __call__(self, step, context):
        from ..checks import judge, paired

        lower = ReplicaTheory(context.model, KStepRSB(0))
        point = {**type(context)(replace(context.derivation, theory=lower), context.seed).point(), **context.point()}
        worst = 0.0
        for before, after in paired(step):
            left, right = context.value(before, point), context.value(after, point)
            worst = max(worst, abs(left - right) / max(0.1, abs(right)))
        return judge(worst, self.tolerance, "both sides agree at a random point")


def _root(slope, X, start, iterate):
    """What a fixed-point form must equal: the iterate where it is one, else the root, by a Newton step from it."""
    if start.has(X):
        return iterate
    at = {X: start}
    return start - slope.xreplace(at) / slope.diff(X).xreplace(at)


class _Named(MatrixSum):
    """A sum over the entries of two matrices, one of which is the fields' covariance."""

    def __new__(cls, label, data, named):
        node = MatrixSum.__new__(cls, label, data)
        node.named = named
        return node

    def text(self, printer):
        """(beta^2/2) sum_ab V_ab Q_ab."""
        name = printer.doprint(self.named[1][0]).split("_")[0].upper()
        T = self.data[1].levels
        return rf"\frac{{1}}{{2 T^{{2}}}}\sum_{{a,b}} V_{{ab}}\,{name}_{{ab}}" if T else ""


def cumulated(increments):
    """V_0, ..., V_k from v_0, ..., v_k."""
    return [sympy.expand(sympy.Add(*increments[: i + 1])) for i in range(len(increments))]


def _latex(expr):
    from ..writing.formulas import latex

    return latex(expr)
