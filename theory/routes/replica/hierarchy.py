"""Hierarchical matrices in closed form, the replicated traces of one site and of the gates, and the limit of no replicas."""

from dataclasses import replace

import sympy
from sympy import S

from ...averages import GaussianAverage
from ...derivation import Step
from ...replica.ansatz import KStepRSB
from ...replica.claims import AsSmall, AtIntegers, Several
from ...replica.display import gate_potential, increments
from ...replica.finite_n import (
    GateAverage, Matrices, MatrixSum, MatrixTrace, ReplicatedTrace, eigenvalues, matrix_sum, matrix_trace, pressure_at,
)
from ...replica.nested import FIELD, Nested, moment, over_heat
from ...symbols import symbol
from ..common import row
from .expressions import Expressions, tex
from .references import SK, MPV, PARISI, GARDNER, SMALL


class Hierarchy(Expressions):
    """The steps from matrices to closed forms and their limits."""

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
        diagonal = ", ".join(f"${tex(self.display.diagonal(o))}$" for o in self.theory.overlaps)
        if k == 0:
            levels = ", ".join(f"${tex(o.names[0])}$" for o in self.theory.overlaps)
            return (f"Replicas are equivalent: {names} {'has' if one else 'have'} {levels} off the diagonal and {diagonal} on it, and $V_{{ab}}$ "
                    "likewise. The eigenvalues are $q_d - q$, $n - 1$ times, and $q_d - q + nq$. This is an assumption about the saddle point; the "
                    "replicon below decides where it is stable.")
        levels = "; ".join(f"${', '.join(tex(q) for q in o.names)}$" for o in self.theory.overlaps)
        sizes = ", ".join(f"${tex(x)}$" for x in self.blocks)
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
