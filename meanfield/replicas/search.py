"""Every replica symmetric solution at one parameter point."""

import numpy as np

from .physical import is_physical
from .reduced import Reduced, iterated, with_auxiliaries
from .starts import responses, rs_starts, saturated_starts, slowest
from .unknowns import Unknowns

SAME = 1e-6
VANISHED = 1e-7
RESIDUAL = 1e-9
BORDER, FROZEN = 1e-6, 1e-9
# Rounds of damped iterations: how many, and the distance within which starts count as one afterwards.
ROUNDS = ((4, 0.05), (8, 0.01))
LOST = 1e-3
SLOW_STARTS, SLOW_STEPS = 3, 40
# Relative displacements along the softest direction at which the other solution of a fold is looked for.
FOLDS = (-0.45, -0.12, 0.12, 0.45)
# Starts of the grid that are tried as they are, and pairs of solutions between which Newton's method starts at these shares.
DIRECT, PAIRS, SHARES = 16, 6, (0.2, 0.5, 0.8)


class Found:
    """A collection of solutions up to symmetry.

    Attributes
    ----------
    points : list of unknowns
    starts, failed : starts tried, and those that led nowhere
    unopened : states whose ansatz is not valid, for which no solution with all the steps asked for was found
    """

    def __init__(self, unknowns):
        self.unknowns, self.points, self.starts, self.failed, self.unopened = unknowns, [], 0, 0, 0

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
        if not is_physical(self.unknowns, u) or at_border(self.unknowns, u):
            return False
        system = self.unknowns.system
        F = system.residual(u)
        if not (np.isfinite(F).all() and np.abs(F).max(initial=0.0) < RESIDUAL):
            return False
        try:
            return bool(np.isfinite(system.state(u).free_energy))
        except (ValueError, ZeroDivisionError, OverflowError):
            return False


def at_border(unknowns, u):
    """Whether constraints have frozen the weights, q = 1 to rounding: no solution, or perfect generalisation, reported apart."""
    border = BORDER if unknowns.teacher and any(o.kind == "finite" for o in unknowns.overlaps) else FROZEN
    return unknowns.system.gate is not None and any(u[o.C] < border for o in unknowns.overlaps)


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
            C = crossing(lambda x: reduced.residual(np.array([x]))[0], a, b, Fa, Fb)
            found.add(*Reduced(unknowns, reduced.full(np.array([C])), free).solve())
    # A pole between two points of the grid hides the zeros beside it.
    for C in responses(unknowns, o):
        u, converged = Reduced(unknowns, reduced.full(np.array([C])), free).solve(limit=12)
        if converged:
            found.add(u, True)


def crossing(f, a, b, fa, fb, steps=12):
    """A point near the zero of f between a and b, where it changes sign (regula falsi, Illinois variant)."""
    for _ in range(steps):
        x = b - fb * (b - a) / (fb - fa)
        fx = f(x)
        if not np.isfinite(fx) or fx == 0:
            return x
        if fx * fb < 0:
            a, fa = b, fb
        else:
            fa /= 2
        b, fb = x, fx
    return b


def _many_starts(unknowns, null, free, found):
    """Newton's method from a grid of starts after damped iterations, from the grid itself, and between solutions found."""
    active = [i for i in unknowns.means if i not in null]
    starts = list(rs_starts(unknowns, null))
    relaxed = _relaxed(unknowns, starts, null, active)
    for u in relaxed + distinct(starts, 0.3)[:DIRECT] + list(saturated_starts(unknowns, null)):
        _try(unknowns, u, free, active, found)
    more = _between(unknowns, null, found) + _slow(unknowns, relaxed, null, active, found)
    for u in more:
        _try(unknowns, u, free, active, found)
    for u in _across_folds(unknowns, free, null, active, found):
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
    """Points between solutions of this sector and of its border: unstable solutions separate stable ones."""
    held = list(null)
    known = [u for u in found.points if np.abs(u[held]).max(initial=0.0) == 0.0]
    if len(known) < 2 or len(null) == len(unknowns.means) > 0:
        return []
    pairs = [(u, v) for i, u in enumerate(known) for v in known[:i]][:PAIRS]
    points = [(1 - t) * u + t * v for u, v in pairs for t in SHARES]
    settled = [w for w in (with_auxiliaries(unknowns, p) for p in points) if w is not None]
    return [w for w in settled if np.isfinite(unknowns.system.residual(w)).all()]


def own(found, null):
    """The solutions of a sector: those in which just the means `null` vanish."""
    active = [i for i in found.unknowns.means if i not in null]
    return [u for u in found.points if not u[list(null)].any() and np.abs(u[active]).min(initial=np.inf) > VANISHED]


def _slow(unknowns, relaxed, null, active, found):
    """Close to a fold iterations are slow where they pass it: their slowest points, where the sector has no solution yet."""
    if not active or own(found, null):
        return []
    strongest = sorted(relaxed, key=lambda u: -np.abs(u[active]).min())[:SLOW_STARTS]
    return [slowest(unknowns, u, null, SLOW_STEPS) for u in strongest]


def _across_folds(unknowns, free, null, active, found):
    """Where the other solution of a fold may be, if the sector has one solution only."""
    known = own(found, null)
    return softest(unknowns, known[0], free) if active and len(known) == 1 else []


def softest(unknowns, u, free):
    """Points along the softest direction of the equations at the solution u."""
    x = u[free]
    jacobian = Reduced(unknowns, u, free).jacobian(x)
    if not np.isfinite(jacobian).all() or not x.all():
        return []
    soft = np.linalg.svd(jacobian * x)[2][-1]
    moved = [x * (1 + share * soft / np.abs(soft).max()) for share in FOLDS]
    return [Reduced(unknowns, u, free).full(y) for y in moved]


def distinct(points, near):
    """Points no two of which are near each other."""
    kept = []
    for u in points:
        if all(np.abs(u - v).max() > near * (1 + np.abs(v).max()) for v in kept):
            kept.append(u)
    return kept
