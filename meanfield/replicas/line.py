"""A replica theory along one parameter: its systems, the curves of its sectors, and everything known at a point of one."""

from functools import cached_property, lru_cache

import numpy as np

from .curves import STEP, Node
from .differences import moved, slope
from .labels import kind
from .physical import is_collapsed
from .reduced import Reduced, closing
from .sectors import sectors
from .stability import _glass as glass_eigenvalue
from .unknowns import Unknowns

__all__ = ["Facts", "Line"]

# Where invariance of a sector is tested, in units of the range.
GENERIC = (0.137, 0.618, 0.871)
FIELD = 1e-3
# Constrained weights whose response is smaller are at the border of the domain, where the equations hold trivially.
BORDER = 1e-7
# Smaller overlaps have vanished.
EMPTY = 1e-8
# A smaller response is none.
UNRESPONSIVE = 1e-9


class Line:
    """A replica theory with one parameter free.

    Attributes
    ----------
    saddle : Saddle
    name, low, high : the parameter and its range
    fixed : {name: value} of the others
    """

    def __init__(self, saddle, name, low, high, fixed):
        self.saddle, self.theory, self.model = saddle, saddle.theory, saddle.model
        self.name, self.low, self.high, self.fixed = name, low, high, dict(fixed)
        self.system = lru_cache(maxsize=64)(self._system)

    def value(self, t):
        """The parameter at t in [0, 1]."""
        return self.low + t * (self.high - self.low) if t != 1 else self.high

    def unit(self, value):
        return (value - self.low) / (self.high - self.low)

    def values(self, t):
        """All parameter values at t."""
        values = {**self.fixed, self.name: self.value(t)}
        return {name: values[name] for name in self.saddle.parameter_names}

    def _system(self, t):
        return self.saddle.at(self.values(t))

    def unknowns(self, t):
        """The structure of the unknowns at t."""
        return Unknowns(self.system(t))

    @cached_property
    def sectors(self):
        """The sectors that are invariant all along the line, the smallest first."""
        sets = [sectors(self.unknowns(t)) for t in GENERIC]
        return [s for s in sets[0] if all(any((s.null, s.centred) == (o.null, o.centred) for o in others) for others in sets[1:])]

    def sector_of(self, u, t):
        """The smallest sector that contains a solution."""
        unknowns = self.unknowns(t)
        return next(s for s in self.sectors if s.contains(u, unknowns))

    @cached_property
    def discrete(self):
        """Whether every site has finitely many states, so that entropies cannot be negative."""
        return all(layer.site.kind == "finite" for layer in self.theory.layers)

    def curve(self, sector):
        """The function (w, t) -> equations of the free unknowns of a sector."""
        free, breaking = list(sector.free), list(self.unknowns(GENERIC[0]).breaking)

        names, channel = self.saddle.names, self.theory.channel is not None
        constrained = [names.index(str(o.C)) for o in self.theory.overlaps if channel]
        # Where overlaps may vanish a curve of states that have them must not turn into that of the states without.
        ordered = not sector.centred and any(s.centred and s.null == sector.null for s in self.sectors)

        def equations(z):
            t = float(z[-1])
            if self.name == "T" and self.value(t) < 0:
                return np.full(len(free), np.nan)
            system = self.system(t)
            u = sector.lift(z[:-1], system)
            if any(u[i] < BORDER for i in constrained) or (ordered and self._empty(system, u)):
                return np.full(len(free), np.nan)
            residual = system.residual(u)
            if breaking:
                # The equation of a step's block parameter vanishes with the square of the step.
                residual[breaking] /= closing(Unknowns(system), u)
            return residual[free]

        return equations

    def _empty(self, system, u):
        """Whether the lowest overlaps have vanished."""
        values, width = self.saddle.overlap_values(*system.numbers, *map(float, u)), self.theory.steps + 2
        return max(abs(q) for q in values[::width]) < EMPTY


class Facts:
    """Everything known at a node of a curve."""

    def __init__(self, line, sector, node):
        self.line, self.sector, self.node = line, sector, node

    @classmethod
    def at(cls, line, sector, z):
        """The facts at a point of a curve."""
        return cls(line, sector, Node(np.asarray(z, dtype=float), None, None, None))

    @property
    def t(self):
        return self.node.t

    @cached_property
    def system(self):
        return self.line.system(self.node.t)

    @cached_property
    def unknowns(self):
        return self.sector.lift(self.node.z[:-1], self.system)

    @cached_property
    def state(self):
        """The State of the saddle."""
        return self.system.state(self.unknowns)

    @property
    def free_energy(self):
        return self.state.free_energy

    @cached_property
    def signal(self):
        """Largest mean that is not zero by symmetry."""
        return max((abs(self.unknowns[i]) for i in self.sector.signals), default=0.0)

    @cached_property
    def kind(self):
        """The label of the phase."""
        unknowns = self.line.unknowns(self.t)
        return kind(unknowns, self.unknowns, self.state.replicon, is_collapsed(unknowns, self.unknowns))

    @cached_property
    def largest_block(self):
        """x_k, or nan at T = 0 and in replica symmetry."""
        theory = self.line.theory
        if not theory.free_breaking or self.system.T == 0:
            return np.nan
        return float(self.system.T * self.unknowns[self.line.saddle.names.index(str(theory.free_breaking[-1]))])

    @cached_property
    def step(self):
        """The largest difference of successive overlaps."""
        return max(float(np.diff(levels).max(initial=0.0)) for levels, _ in self.line.unknowns(self.t).levels(self.unknowns))

    @cached_property
    def overlap(self):
        """The largest overlap of two replicas."""
        return max(abs(float(levels[-1])) for levels, _ in self.line.unknowns(self.t).levels(self.unknowns))

    @cached_property
    def stiffness(self):
        """Lowest eigenvalue of the inverse response of the order parameters to fields, overlaps eliminated; inf without any.

        It is positive in a locally stable state, crosses zero at a fold or where a symmetry breaks.
        """
        if self.sector.matched:
            return self._contraction
        names = self._responding
        if not names:
            return np.inf
        chi = self._response(names) / self._weights(names)
        if np.isnan(chi).any():
            return np.nan
        if np.isinf(chi).any():
            return 0.0
        eigenvalues = np.linalg.eigvalsh((chi + chi.T) / 2)
        return float((1 / eigenvalues[np.abs(eigenvalues) > UNRESPONSIVE]).min(initial=np.inf))

    @cached_property
    def glass(self):
        """Smallest real part of the Jacobian's eigenvalues among the overlaps, positive where these maximise the free energy."""
        if self.sector.matched:
            return self._contraction
        if self.sector.paramagnetic:
            return self.state.replicon
        return glass_eigenvalue(self.line.unknowns(self.t), self._jacobian)

    @property
    def _jacobian(self):
        """Jacobian of the equations in all unknowns; from the node where it has all that the overlaps need."""
        unknowns, free = self.line.unknowns(self.t), list(self.sector.free)
        if self.node.slopes is None or not set(free) >= {*unknowns.glass, *unknowns.auxiliaries}:
            return Reduced(unknowns, self.unknowns, range(unknowns.size), scaled=False).jacobian(self.unknowns)
        jacobian = np.zeros((unknowns.size, unknowns.size))
        jacobian[np.ix_(free, free)] = self.node.slopes[:, :-1]
        return jacobian

    @property
    def _contraction(self):
        """1 - dg/dq of the one equation q = g(q) of a Nishimori line."""
        curve, z = self.line.curve(self.sector), self.node.z
        derivative = float(slope(lambda x: curve(moved(z, 0, x)), 1e-3 * z[0])[0])
        return -derivative if self.line.theory.layers[0].site.kind == "spherical" else derivative

    @cached_property
    def _responding(self):
        """Physical order parameters whose response decides stability: those that the energy uses, else observables."""
        theory = self.line.theory
        hidden = {layer.site.auxiliary for layer in theory.layers if layer.site.kind == "auxiliary"}
        every = [(a, g) for layer in theory.layers for a, g in layer.order_parameters.items() if not g.free_symbols & hidden]
        used = [str(a) for a, _ in every if a in theory.unknowns]
        return used or [str(a) for a, _ in every]

    @property
    def _difference(self):
        """Step of the differences: small against T, and against the response of constrained weights, which end at C = 0."""
        step = FIELD * min(1.0, max(self.system.T, 0.01))
        if self.line.theory.channel is None:
            return step
        o, = self.line.theory.overlaps
        return min(step, 0.02 * self.unknowns[self.line.saddle.names.index(str(o.C))])

    def _weights(self, names):
        """Share of the sites that each order parameter is a mean of: fields couple to the sum over these."""
        weight = {str(a): w for layer, w in zip(self.line.theory.layers, self.system.weights) for a in layer.order_parameters}
        return np.array([weight[a] for a in names])

    def _response(self, names):
        """d<g_a>/dh_b, shape (n, n)."""
        u, system = self.unknowns, self.system
        # Means that vanish by symmetry respond apart from everything else.
        apart = {system.names[i] for i in self.sector.null} >= set(names)
        rows = list(self.sector.null) if apart or self.sector.centred else list(range(self.sector.size))
        inside = set(names) <= set(system.names)
        both = lambda v, fields: np.append(system.residual(v, fields)[rows], () if inside else _means(system, v, fields, names))
        step = self._difference
        direct = np.column_stack([fourth(lambda h: both(u, {a: h}), step) for a in names])
        if not rows:
            return direct
        inner = np.column_stack([fourth(lambda x: both(moved(u, i, x), None), step) for i in rows])
        n = len(rows)
        try:
            change = -np.linalg.solve(inner[:n], direct[:n])
        except np.linalg.LinAlgError:
            return np.full((len(names), len(names)), np.inf)
        if inside:
            return change[[rows.index(system.names.index(a)) for a in names]]
        return direct[n:] + inner[n:] @ change


def fourth(function, step):
    """Derivative at 0 to fourth order, to second order one-sidedly at the border of the domain."""
    near, far = (function(h * step) - function(-h * step) for h in (1, 2))
    derivative = (8 * near - far) / (12 * step)
    return derivative if np.isfinite(derivative).all() else slope(function, STEP)


def _means(system, u, fields, names):
    """Averages of order parameters at unknowns u under fields added from outside."""
    averages = system._averages(u, fields)
    found = {str(a): mean for site in averages.sites for a, mean in zip(site.layer.order_parameters, site.means)}
    return [found[name] for name in names]

