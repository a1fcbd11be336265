"""What a theory under an ansatz contains and says: replica symmetry as a special case, replicon, entropy, zero temperature."""

from dataclasses import dataclass, replace

import sympy
from sympy import Derivative, S

from ...derivation import Step
from ...ensemble import Abbreviation
from ...replica.ansatz import KStepRSB
from ...replica.claims import AsSmall, AtIntegers, DIFFERENCE, Identity, Several
from ...replica.energetic import bend_of
from ...replica.replicon import EnergyBend, SiteBend
from ...replica.theory import ReplicaTheory
from ...symbols import T
from ..common import row
from .equations import Equations
from .expressions import tex
from .references import SK, MPV, PARISI, AT, GARDNER, COLD

IDENTITY_REDUCED = 1e-6


class Properties(Equations):
    """The steps after the equations."""

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
        x = tex(self.display.blocks[-1])
        return f" At ${x} = 1$ the innermost level is integrated like the trace itself, and one step is lost."

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


@dataclass(frozen=True)
class _Reduced:
    """An identity with the replica-symmetric theory, at points that have its symbols too."""

    tolerance: float

    def __call__(self, step, context):
        from ...checks import judge, paired

        lower = ReplicaTheory(context.model, KStepRSB(0))
        point = {**type(context)(replace(context.derivation, theory=lower), context.seed).point(), **context.point()}
        worst = 0.0
        for before, after in paired(step):
            left, right = context.value(before, point), context.value(after, point)
            worst = max(worst, abs(left - right) / max(0.1, abs(right)))
        return judge(worst, self.tolerance, "both sides agree at a random point")
