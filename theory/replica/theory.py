"""A replica theory: free energy, self-consistency equations and replicon of a model with quenched couplings under an ansatz.

The free energy per site is stationary in everything it contains,
f = e(phi) + h.phi + F(q) + (1/2) sum [a q_d + V_k C + sum_i D_i (V_i q_i - V_(i-1) q_(i-1))] - P(h, a, v; D),
with F the energy of the couplings, P the pressure of independent sites (nested Gaussian averages), V_i = v_0 + ... + v_i.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import sympy
from sympy import S

from ..couplings import STABILITY, step
from ..errors import InputError
from ..symbols import T, symbol
from .ansatz import KStepRSB
from .energetic import bend_of, energy_of, fields_of
from .overlaps import Overlap, block_symbols, breaking_symbols, free_symbol
from .site_term import diagonal_of, layers_of, with_teacher


@dataclass(frozen=True, eq=False)
class ReplicaTheory:
    """The replica theory of a model.

    Attributes
    ----------
    model : Model, with couplings
    ansatz : KStepRSB
    """

    model: object
    ansatz: KStepRSB = KStepRSB(0)

    def __post_init__(self):
        if not self.model.couplings:
            raise InputError(f"{self.model.name} has no quenched couplings: it needs no replicas")
        if len([c for c in self.model.couplings if c.kind == "channel"]) > 1:
            raise InputError("constraints of several kinds on the same weights are not available: combine them in one gate")
        if self.channel is not None and (len(self.overlaps) > 1 or len(self.model.couplings) > 1):
            raise InputError("pattern constraints stand alone on one layer of weights")
        if self.teacher and self.steps:
            raise InputError("a teacher's problem is replica symmetric on the Nishimori line: use the ansatz rs")

    @property
    def steps(self):
        """k, the number of steps of replica symmetry breaking."""
        return self.ansatz.steps

    @property
    def T(self):
        """The temperature's symbol, 1 where the model has none."""
        return T if self.model.has_temperature else S.One

    @property
    def order_parameters(self):
        """Symbols of the empirical means."""
        return tuple(self.model.order_parameters)

    @cached_property
    def channel(self):
        """The pattern constraints, or None."""
        return next((c for c in self.model.couplings if c.kind == "channel"), None)

    @property
    def teacher(self):
        """Whether patterns are labelled by a teacher."""
        return self.channel is not None and self.channel.teacher

    @cached_property
    def layers(self):
        """The layers of sites; with a teacher the overlap with its weights is one more order parameter."""
        layers = layers_of(self.model, self._overlap)
        return tuple(with_teacher(layer, self.teacher_overlap) for layer in layers) if self.teacher else layers

    def _overlap(self, site, index):
        found = [(name, v) for name, v in self.model.overlaps.items() if v in site.variables]
        if len(found) > 1:
            raise InputError(f"the couplings use several overlaps of one site, {', '.join(str(n) for n, _ in found)}: one a layer is available")
        if not found:
            return None
        name, variable = found[0]
        suffix = f"_{name}" if len(self.model.overlaps) > 1 else ""
        return Overlap(name, variable, index, diagonal_of(site, variable), self.steps, suffix, self.model.has_temperature, self.taken)

    @cached_property
    def taken(self):
        """Names of the model's own, which those of the theory's unknowns avoid."""
        m = self.model
        return frozenset(map(str, (*m.parameters, *m.disorder, *m.order_parameters, *m.auxiliaries, *m.site.variables, *m.overlaps)))

    @cached_property
    def overlaps(self):
        """The overlap matrices, in the order of their layers."""
        return tuple(layer.overlap for layer in self.layers if layer.overlap is not None)

    @cached_property
    def breaking(self):
        """D_1..D_k, or T-multiples of fixed block parameters."""
        if self.ansatz.x is not None:
            return tuple(x / self.T for x in self.ansatz.x)
        return breaking_symbols(self.steps, self.taken)

    @cached_property
    def free_breaking(self):
        """The D_i that are unknowns."""
        return () if self.ansatz.x is not None else self.breaking

    @cached_property
    def used(self):
        """Order parameters that the energy uses; the others are observables."""
        return tuple(a for a in self.order_parameters if a not in self.model.observables)

    @cached_property
    def teacher_overlap(self):
        """Symbol R of the overlap with the teacher; it equals q where the gate is the teacher's own (Nishimori line)."""
        return free_symbol("R", self.taken)

    @property
    def matched(self):
        """Whether the gate is that of the teacher, step(u)."""
        return self.teacher and self.channel.gate == step(STABILITY)

    @cached_property
    def unknowns(self):
        """Everything to solve for: order parameters used, auxiliaries, overlaps and responses, block parameters."""
        inner = tuple(u for o in self.overlaps for u in o.unknowns)
        teacher = (self.teacher_overlap,) if self.teacher else ()
        free = tuple(self.free_responses)
        return (*self.used, *self.model.auxiliaries, *free, *inner, *teacher, *self.free_breaking)

    @cached_property
    def free_responses(self):
        """{symbol: layer} of auxiliary variables' responses where nothing but the couplings acts on them.

        Their integral is a random determinant, which is divided out: its free energy is that of the Gaussian model alone.
        """
        return {symbol(f"{layer.overlap.C}_free"): layer for layer in self.layers if layer.site.kind == "auxiliary"}

    def _alone(self, response, layer):
        """(energy, multiplier a) of the couplings for an auxiliary variable alone, of response C and overlap zero."""
        overlap = replace(layer.overlap, steps=0)
        couplings = [c for c in self.model.couplings if self._of(c) == (layer.overlap,)]
        at = {overlap.C: response, overlap.names[0]: S.Zero}
        energy = sum((energy_of(c, (overlap,), ()).xreplace(at) for c in couplings), S.Zero)
        a = sum((fields_of(c, (overlap,), ())[overlap][0].xreplace(at) for c in couplings), S.Zero)
        return energy, a

    @cached_property
    def normalisation(self):
        """Free energy of the auxiliary variables alone, per site: F + a T C/2 - (T/2) log(bare/(bare - a))."""
        total = S.Zero
        for C, layer in self.free_responses.items():
            energy, a = self._alone(C, layer)
            total += layer.weight * (energy + a * self.T * C / 2 - self.T * sympy.log(sympy.cancel(layer.bare / (layer.bare - a))) / 2)
        return total

    @cached_property
    def free_equations(self):
        """Residuals C (1 - a/bare) - 1/bare of the auxiliary variables alone."""
        return tuple(sympy.cancel(C * (1 - self._alone(C, layer)[1] / layer.bare) - 1 / layer.bare)
                     for C, layer in self.free_responses.items())

    def _of(self, coupling):
        """The overlaps that a coupling acts on, in its own order."""
        names = list(coupling.overlaps or {symbol("q"): None})
        return tuple(next(o for o in self.overlaps if o.symbol == name) for name in names)

    @cached_property
    def coupling_energy(self):
        """F: energy of the couplings in closed form, per site (a channel's is a nested average, not in it)."""
        closed = [c for c in self.model.couplings if c.kind != "channel"]
        return sum((energy_of(c, self._of(c), self.breaking) for c in closed), S.Zero)

    @cached_property
    def fields(self):
        """{order parameter: h_a = -(1/w) de/dphi_a}, w the weight of its layer; zero for an observable."""
        fields = {a: sympy.factor_terms(-self.model.energy.diff(a) / layer.weight)
                  for layer in self.layers for a in layer.order_parameters}
        return fields | ({self.teacher_overlap: self.channel.load * self.channel_teacher} if self.teacher else {})

    @cached_property
    def variances(self):
        """{overlap: (v_0..v_k)}, the variances of the Gaussian fields that couplings make, by level.

        With a channel these are load times the increments of its mean squares, symbols `channel_squares`.
        """
        return {o: tuple(sympy.Add(*t) for t in zip(*(v for _, v in self._conjugates(o)))) for o in self.overlaps}

    @cached_property
    def diagonals(self):
        """{overlap: a = T (qh_d - qh_k)}, the field conjugate to s^2/2."""
        return {o: sympy.Add(*(a for a, _ in self._conjugates(o))) for o in self.overlaps}

    def _conjugates(self, overlap):
        found = []
        for coupling in self.model.couplings:
            if coupling.kind == "channel":
                squares = self.channel_squares
                steps = [coupling.load * (b - a) for a, b in zip((S.Zero, *squares), squares)]
                found.append((coupling.load * self.channel_curvature, tuple(steps)))
            elif overlap in self._of(coupling):
                a, v = fields_of(coupling, self._of(coupling), self.breaking)[overlap]
                weight = self.layers[overlap.layer].weight
                found.append((a / weight, tuple(x / weight for x in v)))
        return found

    @cached_property
    def channel_squares(self):
        """Symbols of <M_i^2>, i = 0..k, the mean squares of the channel's slopes."""
        return tuple(symbol(f"M{i}_squared") for i in range(self.steps + 1))

    @property
    def channel_curvature(self):
        """Symbol of the channel's mean curvature."""
        return symbol("M_curvature")

    @property
    def channel_teacher(self):
        """Symbol of dP/dR of the channel, whose load-fold is the field along the teacher."""
        return symbol("M_teacher")

    @cached_property
    def lagrange(self):
        """(1/2) sum w [a q_d + V_k C + sum_i D_i (V_i q_i - V_(i-1) q_(i-1))], with symbols of the conjugate fields."""
        total = S.Zero
        for o in self.overlaps:
            layer, v = self.layers[o.layer], self.variance_symbols(o)
            V = [sum(v[: i + 1]) for i in range(len(v))]
            term = V[-1] * o.C + sum((D * (V[i] * o.values[i] - V[i - 1] * o.values[i - 1]) for i, D in enumerate(self.breaking, 1)), S.Zero)
            if o.diagonal is None:
                term += layer.diagonal * o.total
            total += layer.weight * term / 2
        return total

    def variance_symbols(self, overlap):
        """Symbols v_0..v_k of the variances of an overlap's fields."""
        return tuple(symbol(f"v_{overlap.symbol}{i}") for i in range(self.steps + 1))

    @cached_property
    def potential(self):
        """e + F + the Lagrange part, in the unknowns and the conjugate symbols: what is added to h.phi - P (and the channel)."""
        return self.model.energy + self.coupling_energy + self.lagrange - self.normalisation

    @cached_property
    def auxiliary_equations(self):
        """Derivatives of e + F in the auxiliaries, which vanish."""
        return tuple((self.model.energy + self.coupling_energy).diff(x) for x in self.model.auxiliaries)

    @cached_property
    def breaking_slopes(self):
        """Explicit derivatives of `potential` in D_1..D_k."""
        return tuple(self.potential.diff(D) for D in self.free_breaking)

    @cached_property
    def explicit_entropy(self):
        """-d(potential)/dT at fixed unknowns and conjugate fields; the sites add dP/dT."""
        return -self.potential.diff(T) if self.model.has_temperature else S.Zero

    @cached_property
    def replicon_matrix(self):
        """Second variation B of the couplings in the replicon's direction, over sqrt(w w'): stable where 1 - K^(1/2) B K^(1/2) > 0.

        K is the diagonal matrix of <(g'')^2>. With a channel B is the load, to be multiplied by the channel's <(g'')^2>.
        """
        n = len(self.overlaps)
        B = sympy.zeros(n, n)
        for coupling in self.model.couplings:
            if coupling.kind == "channel":
                return sympy.Matrix([[coupling.load]])
            for (o, p), value in bend_of(coupling, self._of(coupling)).items():
                i, j = self.overlaps.index(o), self.overlaps.index(p)
                B[i, j] += value / sympy.sqrt(self.layers[o.layer].weight * self.layers[p.layer].weight)
        return B

    @cached_property
    def reported(self):
        """{name: expression in the unknowns} of overlaps, crosstalk and block parameters, as they are reported."""
        found = {str(name): value for o in self.overlaps for name, value in zip(o.names, o.values)}
        for o in self.overlaps:
            if o.diagonal is None:
                found[f"{o.symbol}_d"] = o.total
        if self.teacher and not self.matched:
            found[str(self.teacher_overlap)] = self.teacher_overlap
        for coupling in self.model.couplings:
            if getattr(coupling, "noise", None) is not None:
                o, = self._of(coupling)
                v = fields_of(coupling, (o,), self.breaking)[o][1]
                names = (coupling.noise,) if not self.steps else tuple(symbol(f"{coupling.noise}{i}") for i in range(self.steps + 1))
                found |= {str(name): sum(v[: i + 1]) / coupling.load for i, name in enumerate(names)}
        return found | {str(x): self.T * D for x, D in zip(block_symbols(self.steps), self.breaking)}

    @cached_property
    def display(self):
        """The theory in the variables of papers."""
        from .display import Display

        return Display(self)

    @property
    def free_energy(self):
        """f per site, a function of means, overlaps, crosstalk, block parameters and T; stationary in all but T."""
        return self.display.free_energy

    @property
    def equations(self):
        """{symbol: right-hand side of its self-consistency equation}."""
        return self.display.equations

    @property
    def replicon(self):
        """The replicon eigenvalue; negative where the ansatz is unstable. None where it is the lowest eigenvalue of a larger matrix."""
        return self.display.replicon

    @property
    def entropy(self):
        """s = -df/dT per site; minus the free energy in models without temperature."""
        return self.display.entropy

    def zero_temperature(self):
        """The limit T -> 0 at fixed C = (q_d - q)/T and D = x/T."""
        from .zero_temperature import zero_temperature

        return zero_temperature(self)

    def check_context(self, derivation, seed=0):
        """What the claims of a derivation of this theory are checked with."""
        from .claims import ReplicaContext

        return ReplicaContext(derivation, seed)


def replica_theory(model, ansatz=None, steps=None):
    """The replica theory of a model under an ansatz (a `KStepRSB`, or rs, 1rsb, krsb with steps)."""
    from .ansatz import ansatz_of

    return ReplicaTheory(model, ansatz_of(ansatz, steps))
