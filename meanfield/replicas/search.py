"""Every replica symmetric solution at one parameter point."""

import numpy as np
from scipy.optimize import brentq

from .physical import is_physical
from .reduced import Reduced, iterated, with_auxiliaries
from .starts import responses, rs_starts
from .unknowns import Unknowns

SAME = 1e-6
VANISHED = 1e-7
RESIDUAL = 1e-9
# Rounds of damped iterations: how many, and the distance within which starts count as one afterwards.
ROUNDS = ((4, 0.05), (8, 0.01))
LOST = 1e-3
# Starts of the grid that are tried as they are, and pairs of solutions between which Newton's method starts at these shares.
DIRECT, PAIRS, SHARES = 16, 6, (0.2, 0.5, 0.8)


class Found:
    """A collection of solutions up to symmetry; counts the starts that led nowhere."""

    def __init__(self, unknowns):
        self.unknowns, self.points, self.starts, self.failed = unknowns, [], 0, 0

    def add(self, u, converged):
        """Keep a converged, physical point unless it is known; whether it is one."""
        self.starts += 1
        if not converged:
            self.failed += 1
            return False
        u = self.unknowns.representative(u)
        if any(same(u, v) for v in self.points):
            return True
        if not self._acceptable(u):
            return False
        self.points.append(u)
        return True

    def _acceptable(self, u):
        if not is_physical(self.unknowns, u):
            return False
        system = self.unknowns.system
        F = system.residual(u)
        if not (np.isfinite(F).all() and np.abs(F).max(initial=0.0) < RESIDUAL):
            return False
        try:
            return bool(np.isfinite(system.state(u).free_energy))
        except (ValueError, ZeroDivisionError, OverflowError):
            return False


def same(u, v):
    """Whether two points agree."""
    return bool(np.abs(u - v).max(initial=0.0) < SAME * (1 + np.abs(u).max(initial=0.0)))


def replica_symmetric(system):
    """All replica symmetric solutions: a `Found`."""
    unknowns = Unknowns(system)
    found = Found(unknowns)
    for null in unknowns.null_sets:
        free = [i for i in range(unknowns.size) if i not in null and i not in unknowns.tied]
        _without_overlap(unknowns, null, found)
        if len(free) == 1:
            _scan(unknowns, null, free, found)
        else:
            _many_starts(unknowns, null, free, found)
    return found


def _without_overlap(unknowns, null, found):
    """The state without any order: all means and overlaps zero."""
    if len(null) < len(unknowns.means) or not all(o.fixed for o in unknowns.overlaps) or unknowns.system.T == 0:
        _free_without_overlap(unknowns, null, found)
        return
    if not unknowns.lowest_can_vanish(null):
        return
    u = unknowns.without_overlap(np.ones(unknowns.size))
    u[list(null)] = u[list(unknowns.teacher)] = 0.0
    u = with_auxiliaries(unknowns, u)
    if u is not None:
        F = unknowns.system.residual(u)
        found.add(u, np.isfinite(F).all() and np.abs(F).max(initial=0.0) < 1e-11)


def _free_without_overlap(unknowns, null, found):
    """The same where q_d is free: C is found with q = 0."""
    if len(null) < len(unknowns.means) or any(o.fixed for o in unknowns.overlaps) or unknowns.system.T == 0:
        return
    held = [o.q[0] for o in unknowns.overlaps]
    free = [i for i in range(unknowns.size) if i not in held and i not in null]
    for start in rs_starts(unknowns, null):
        start[held] = 0.0
        u, converged = Reduced(unknowns, start, free).solve()
        if converged and np.abs(unknowns.system.residual(u)).max() < 1e-11 and found.add(u, True):
            return


def _scan(unknowns, null, free, found):
    """One unknown, the response C: every change of sign on a dense grid."""
    o, = unknowns.overlaps
    base = np.zeros(unknowns.size)
    reduced = Reduced(unknowns, base, free)
    grid = responses(unknowns, o, dense=True)
    values = np.array([reduced.residual(np.array([C]))[0] for C in grid])
    for a, b, Fa, Fb in zip(grid, grid[1:], values, values[1:]):
        if np.isfinite(Fa) and np.isfinite(Fb) and Fa * Fb <= 0 and Fa != Fb:
            C = brentq(lambda x: reduced.residual(np.array([x]))[0], a, b, xtol=1e-14, rtol=1e-13)
            found.add(*Reduced(unknowns, reduced.full(np.array([C])), free).solve())


def _many_starts(unknowns, null, free, found):
    """Newton's method from a grid of starts after some damped iterations, from the grid itself, and between the solutions found."""
    active = [i for i in unknowns.means if i not in null]
    starts = list(rs_starts(unknowns, null))
    tries = _relaxed(unknowns, starts, null, active) + distinct(starts, 0.3)[:DIRECT]
    for u in tries:
        _try(unknowns, u, free, active, found)
    for u in _between(unknowns, null, found):
        _try(unknowns, u, free, active, found)


def _relaxed(unknowns, starts, null, active):
    """Starts after a few rounds of damped iterations, those that have met each other or lost their signal dropped after each."""
    points = starts
    for steps, near in ROUNDS:
        moved = (iterated(unknowns, u, held=null, steps=steps) for u in points)
        points = distinct([v for v in moved if v is not None and np.abs(v[active]).min(initial=np.inf) > LOST], near)
    return points


def _try(unknowns, u, free, active, found):
    v, converged = Reduced(unknowns, u, free).solve()
    if not converged or np.abs(v[active]).min(initial=np.inf) > VANISHED:
        found.add(v, converged)


def _between(unknowns, null, found):
    """Points on the lines between solutions of this sector and all that lie on its border: unstable solutions separate stable ones."""
    held = list(null)
    own = [u for u in found.points if np.abs(u[held]).max(initial=0.0) == 0.0]
    if len(own) < 2 or len(null) == len(unknowns.means) > 0:
        return []
    pairs = [(u, v) for i, u in enumerate(own) for v in own[:i]][:PAIRS]
    points = [(1 - t) * u + t * v for u, v in pairs for t in SHARES]
    return [w for w in (with_auxiliaries(unknowns, p) for p in points) if w is not None and np.isfinite(unknowns.system.residual(w)).all()]


def distinct(points, near):
    """Points no two of which are near each other."""
    kept = []
    for u in points:
        if all(np.abs(u - v).max() > near * (1 + np.abs(v).max()) for v in kept):
            kept.append(u)
    return kept
