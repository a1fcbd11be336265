"""Which unknown of a replica theory is what: means, auxiliaries, overlaps, responses, a teacher's overlap, block parameters."""

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, permutations, product

import numpy as np

from theory.errors import InputError
from theory.replica.overlaps import block_symbols
from theory.symbols import symbol

# Largest number of order parameters whose signed permutations are tried.
MOST_PERMUTED = 4
INVARIANT = 1e-11


@dataclass(frozen=True)
class OverlapPlaces:
    """Where the unknowns of one overlap stand.

    Attributes
    ----------
    overlap : `theory.replica.overlaps.Overlap`
    q : positions of q_0..q_(k-1), and of q_k where q_d is free
    C : position of the response
    kind : of the layer's site
    """

    overlap: object
    q: tuple
    C: int
    kind: str

    @property
    def fixed(self):
        """Whether q_d is fixed by the site."""
        return self.overlap.diagonal is not None


class Unknowns:
    """The structure of a system's unknowns.

    Attributes
    ----------
    means, auxiliaries, teacher, breaking : positions
    overlaps : tuple of OverlapPlaces
    """

    def __init__(self, system):
        theory = system.theory
        where = {a: i for i, a in enumerate(theory.unknowns)}
        self.system, self.size = system, len(where)
        self.means = tuple(where[a] for a in theory.used)
        self.auxiliaries = tuple(where[a] for a in (*theory.model.auxiliaries, *theory.free_responses))
        self.overlaps = tuple(_places(o, where, theory.layers[o.layer].site.kind) for o in theory.overlaps)
        self.teacher = (where[theory.teacher_overlap],) if theory.teacher else ()
        self.breaking = tuple(where[D] for D in theory.free_breaking)

    def shifted(self, system):
        """The same structure for another system of the same theory."""
        return Unknowns(system)

    def at_temperature(self, T):
        """The same theory and parameters at another temperature."""
        return Unknowns(self.system.saddle.at({**self.system.values, "T": T}))

    @property
    def glass(self):
        """Positions of everything that belongs to the overlap matrices, a teacher's overlap included."""
        return tuple(i for o in self.overlaps for i in (*o.q, o.C)) + self.teacher

    @cached_property
    def auxiliary_start(self):
        """Where the solution for the auxiliaries starts: 1; responses of free Gaussian variables at that without couplings."""
        theory, system = self.system.theory, self.system
        at = {symbol(name): value for name, value in zip(system.saddle.parameter_names, system.numbers)}
        # Where an auxiliary variable is bound to its spin the curvature is infinite.
        free = [float((1 / layer.bare).xreplace(at)) for layer in theory.free_responses.values()]
        return np.array([1.0] * len(theory.model.auxiliaries) + free)

    def diagonal(self, places):
        """q_d where it is fixed, else None."""
        return float(places.overlap.diagonal) if places.fixed else None

    def levels(self, u):
        """[(q_0..q_k, q_d)] of every overlap at the unknowns u."""
        flat, width = self.system.saddle.overlap_values(*self.system.numbers, *u), self.system.theory.steps + 2
        return [(np.array(flat[i : i + width - 1]), flat[i + width - 1]) for i in range(0, len(flat), width)]

    def placed(self, start):
        """The unknowns of a start {name: value}; names of unknowns, of overlaps (for C) and of block parameters (for D)."""
        T, names = self.system.T, self.system.names
        u = np.zeros(self.size)
        u[list(self.auxiliaries)], u[list(self.breaking)] = self.auxiliary_start, 1.0
        values = dict(start)
        for o in self.overlaps:
            last = str(o.overlap.names[-1])
            u[o.C] = (self.diagonal(o) - values.pop(last, 0.5)) / T if o.fixed and T > 0 and names[o.C] not in values else 0.5
        for i, name in zip(self.breaking, block_symbols(len(self.breaking))):
            if str(name) in values and T > 0:
                u[i] = values.pop(str(name)) / T
        if unknown := sorted(set(values) - set(names)):
            raise InputError(f"the start names {', '.join(unknown)}: the unknowns are {', '.join(names)}")
        for name, value in values.items():
            u[names.index(name)] = value
        return u

    def matched(self, u):
        """u with R = q, where the student's gate is the teacher's own (Nishimori line)."""
        if not self.system.theory.matched:
            return u
        v = u.copy()
        v[list(self.teacher)] = self.levels(u)[0][0][0]
        return v

    @property
    def tied(self):
        """Positions of unknowns that others determine."""
        return self.teacher if self.system.theory.matched else ()

    @cached_property
    def probes(self):
        """Two generic points of the domain, at which invariances are tested."""
        return tuple(p for p in (generic(self, seed) for seed in (1, 2)) if p is not None)

    @cached_property
    def null_sets(self):
        """Sets of means that may vanish together whatever the rest is, the largest first; () is one of them."""
        sizes = range(len(self.means), 0, -1) if len(self.means) <= MOST_PERMUTED else [len(self.means)]
        sets = [s for n in sizes for s in combinations(self.means, n)]
        return (*(s for s in sets if self._vanishing(s, s)), ())

    def _vanishing(self, zeroed, equations):
        """Whether the given equations hold at the probes once some unknowns are zero there."""
        for probe in self.probes:
            u = probe.copy()
            u[list(zeroed)] = 0.0
            F = self.system.residual(u)[list(equations)]
            if not (np.abs(F) < INVARIANT).all():
                return False
        return bool(self.probes)

    def lowest_can_vanish(self, means):
        """Whether every q_0 may vanish together with the given means (q where the ansatz is replica symmetric)."""
        for probe in self.probes:
            u = self.without_overlap(probe)
            u[list(means)] = 0.0
            F = self.system.residual(u)
            rows = [o.q[0] if o.q else o.C for o in self.overlaps]
            if not (np.abs(F[rows]) < INVARIANT).all():
                return False
        return bool(self.probes)

    def without_overlap(self, u):
        """u with every q_0 zero: C = beta q_d in replica symmetry."""
        u = u.copy()
        for o in self.overlaps:
            if o.q:
                u[o.q[0]] = 0.0
            else:
                u[o.C] = self.diagonal(o) / self.system.T if self.system.T > 0 else np.nan
        return u

    @cached_property
    def symmetry(self):
        """Signed permutations ((positions), (signs)) of the means under which the equations are invariant, the identity first."""
        n = len(self.means)
        if n == 0 or not self.probes:
            return [(tuple(range(n)), (1,) * n)]
        orders = list(permutations(range(n))) if n <= MOST_PERMUTED else [tuple(range(n))]
        signs = list(product((1, -1), repeat=n)) if n <= MOST_PERMUTED else [(1,) * n, (-1,) * n]
        return [(order, sign) for order in orders for sign in signs if self._invariant(order, sign)]

    def _invariant(self, order, sign):
        rows = list(self.means)
        for u in self.probes:
            F, G = self.system.residual(u), self.system.residual(self.image(u, order, sign))
            moved = self.image(F, order, sign)
            if not (np.abs(G - moved) < INVARIANT * (1 + np.abs(F))).all():
                return False
        return len(rows) > 0

    def image(self, u, order, sign):
        """u with the means permuted and signed."""
        v, means = u.copy(), list(self.means)
        v[means] = np.array(sign, dtype=float) * u[[means[i] for i in order]]
        return v

    def orbit(self, u):
        """Distinct images of u under the symmetry."""
        images = []
        for order, sign in self.symmetry:
            v = self.image(u, order, sign)
            if all(np.abs(v - w).max(initial=0.0) > 1e-7 for w in images):
                images.append(v)
        return images

    def representative(self, u):
        """The image of u whose means are lexicographically largest."""
        return max(self.orbit(u), key=lambda v: tuple(np.round(v[list(self.means)], 8))) if self.means else u


def _places(overlap, where, kind):
    return OverlapPlaces(overlap, tuple(where[a] for a in overlap.names if a in where), where[overlap.C], kind)


def generic(unknowns, seed):
    """A point of the domain with nothing special about it, or None where none was found."""
    random = np.random.default_rng(seed)
    for scale in (0.3, 0.1, 0.03, 0.01):
        for sign in (1.0, -1.0):
            for size in (1.0, 0.1):
                u = _drawn(unknowns, random, scale, sign, size)
                if np.isfinite(unknowns.system.residual(u)).all():
                    return u
    return None


def _drawn(unknowns, random, scale, sign, size):
    system, steps = unknowns.system, unknowns.system.theory.steps
    u = np.zeros(unknowns.size)
    u[list(unknowns.means)] = random.uniform(0.3, 0.7, len(unknowns.means))
    u[list(unknowns.auxiliaries)] = random.uniform(0.5, 1.0, len(unknowns.auxiliaries)) * unknowns.auxiliary_start
    for o in unknowns.overlaps:
        top = unknowns.diagonal(o)
        C = scale * random.uniform(0.7, 1.3) * (1.0 if top is None else sign)
        if top is not None:
            C = min(abs(C), 0.6 * top / system.T) if system.T > 0 else abs(C)
        levels = np.sort(random.uniform(0.2, 0.9, steps + 1)) * (size if top is None else top - system.T * C)
        u[list(o.q)] = levels[: len(o.q)]
        u[o.C] = C if top is not None else sign * C
    for i in unknowns.teacher:
        u[i] = 0.5 * np.sqrt(max(unknowns.levels(u)[0][0][0], 0.0))
    top = min(1.0 / system.T, 3.0) if system.T > 0 else 3.0
    u[list(unknowns.breaking)] = np.sort(random.uniform(0.2, 0.8, len(unknowns.breaking))) * top * scale
    return u
