"""All branches along one parameter, cut into stable segments, and which of them is the equilibrium where."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy.optimize import brentq

from .continuation import Arclength, between, follow
from .family import state

__all__ = ["Segment", "Stretch", "all_paths", "equilibrium", "meet", "segments_of"]

ANCHORS = 13
# Two branches meet where their states agree to this accuracy; parameters agree much better, as the square.
MET = 1e-2
SNAP = 1e-6
# Branches sought between the ends of known ones may end themselves: at most so many rounds.
ROUNDS = 4
# How far from an instability its new branch is sought, and how far beyond the last point of a branch its end may be at T = 0.
BESIDE = 2e-3
REACH = 1e-3
ROUNDING = 2e-16


def all_paths(family, solve_at, symmetry_at, options=Arclength(), anchors=ANCHORS):
    """Every branch that passes one of the anchor values of the parameter, each orbit once.

    Parameters
    ----------
    family : Family with one free parameter
    solve_at : function of parameter values, shape (1,), that returns all fixed points there, arrays of shape (n,)
    symmetry_at : function of parameter values, shape (1,), that returns the symmetry group there

    Returns
    -------
    list of Path
    """
    survey = _Survey(family, solve_at, symmetry_at, options)
    for value in _anchor_values(family, anchors):
        survey.visit(float(value))
    for _ in range(ROUNDS):
        values = survey.gaps()
        if not values:
            break
        for value in values:
            survey.visit(value)
    return survey.paths


class _Survey:
    """Branches found so far, the parameter values at which all solutions have been asked for, and where to ask next."""

    def __init__(self, family, solve_at, symmetry_at, options):
        self.family, self.solve_at, self.symmetry_at, self.options = family, solve_at, symmetry_at, options
        self.paths, self.visited = [], []

    def visit(self, value):
        """Follow every branch that passes a parameter value and is not known yet."""
        self.visited.append(float(self.family.unit([value])[0]))
        symmetry = self.symmetry_at([value])
        known = [symmetry.canonical(p.state.order_parameters) for path in self.paths for p in path.at(value)]
        for phi in self.solve_at([value]):
            if any(np.abs(symmetry.canonical(phi) - other).max() < 1e-6 for other in known):
                continue
            path = follow(self.family, phi, value, self.options)
            if path is not None:
                path = _up_to_kinks(path)
                self.paths.append(path)
                known += [symmetry.canonical(p.state.order_parameters) for p in path.at(value)]

    def gaps(self):
        """Values between neighbouring ends of stable branches, and close to an instability that emits no known branch."""
        ends = [(path, end) for path in self.paths for piece in _stable_pieces(path) for end in (piece[0], piece[-1])]
        marks = _distinct(sorted({0.0, 1.0, *(float(end.z[-1]) for _, end in ends)}))
        units = [(a + b) / 2 for a, b in pairwise(marks) if b - a > SNAP and not any(a < u < b for u in self.visited)]
        for path, end in ends:
            if end.event == "bifurcation" and not self.emits(path, end):
                units += self.beside(float(end.z[-1]), marks)
        return [float(self.family.values([u])[0]) for u in units]

    def emits(self, path, end):
        """Whether another known branch meets this one at its instability."""
        symmetry = self.symmetry_at([end.parameter])
        return any(abs(p.z[-1] - end.z[-1]) < SNAP and meet(p.state, end.state, symmetry)
                   for other in self.paths if other is not path for p in other.points if p.event in ("pitchfork", "bifurcation"))

    def beside(self, u, marks):
        """Unit coordinates on both sides of an instability, before the next mark, that have not been visited yet."""
        rooms = [abs(mark - u) for mark in marks if abs(mark - u) > SNAP]
        offset = min([BESIDE, *(room / 4 for room in rooms)])
        near = [x for x in (u - offset, u + offset) if 0 < x < 1]
        return [x for x in near if not any(abs(x - seen) < SNAP for seen in self.visited)]


def _anchor_values(family, count):
    """Chebyshev-like values inside the range, the middle ones first: most branches are met there."""
    unit = 0.5 - 0.499 * np.cos(np.pi * np.arange(count) / (count - 1))
    return [float(family.values([u])[0]) for u in sorted(unit, key=lambda u: abs(u - 0.37))]


@dataclass(frozen=True, eq=False)
class Segment:
    """A stable piece of a branch on which the parameter runs one way; `points` in increasing order of the parameter.

    `low` and `high` are the ends; they are taken from the more symmetric branch where the segment springs from one, because they
    are sharp there. The events of the first and last point say how the segment begins and ends.
    """

    path: object
    points: tuple
    low: float
    high: float

    def covers(self, value):
        """Whether the segment exists at a parameter value."""
        return self.low <= value <= self.high

    def at(self, value):
        """The State at a parameter value within the segment."""
        values = [p.parameter for p in self.points]
        k = min(max(int(np.searchsorted(values, value)), 1), len(values) - 1)
        point = between(self.path.curve, self.points[k - 1], self.points[k], value)
        return (point or min(self.points, key=lambda p: abs(p.parameter - value))).state

    def free_energy(self, value):
        """Free energy per site at a parameter value."""
        return self.at(value).free_energy


def segments_of(paths, symmetry):
    """All stable Segments of the paths, with sharp ends."""
    segments = [segment for path in paths for segment in _stable_segments(path)]
    special = [(path, p) for path in paths for p in path.points if p.event == "bifurcation"]
    sharp = [replace(s, low=_sharp(s, s.points[0], special, symmetry), high=_sharp(s, s.points[-1], special, symmetry))
             for s in segments]
    return [s for s in sharp if s.high - s.low > SNAP * s.path.curve.family.span[0]]


def _sharp(segment, end, special, symmetry):
    """The parameter at a segment's end, from the most symmetric branch that has a bifurcation there."""
    family, dimension = segment.path.curve.family, segment.path.curve.basis.shape[1]
    if end.event not in ("pitchfork", "bifurcation", "lost"):
        return end.parameter
    near = [(path.curve.basis.shape[1], p) for path, p in special
            if abs(p.z[-1] - end.z[-1]) < SNAP and path.curve.basis.shape[1] < dimension and meet(p.state, end.state, symmetry)]
    return min(near, key=lambda found: found[0])[1].parameter if near else end.parameter


def meet(first, second, symmetry, distance=MET):
    """Whether two states agree up to symmetry, as where two branches meet."""
    a, b = (symmetry.canonical(s.order_parameters) for s in (first, second))
    return bool(np.abs(a - b).max() < distance)


def _stable_segments(path):
    found = []
    for points in _stable_pieces(path):
        points = points if points[0].z[-1] < points[-1].z[-1] else points[::-1]
        found.append(Segment(path, points, points[0].parameter, points[-1].parameter))
    return found


def _stable_pieces(path):
    """The stable pieces of a path, each a tuple of points between special ones."""
    marks = sorted({0, *(k for k, p in enumerate(path.points) if p.event), len(path.points) - 1})
    pieces = [path.points[a:b + 1] for a, b in pairwise(marks)]
    return _joined([piece for piece in pieces if _is_stable(path.curve, piece)])


def _up_to_kinks(path):
    """A path at T = 0 extended to the discontinuities at which it ends: differences across one stop the continuation before it."""
    curve, points = path.curve, list(path.points)
    if len(points) == 1 or curve.family.names == ("T",) or curve.family.fixed["T"] > 0:
        return path
    first, last = points[0], points[-1]
    before, after = _kink(curve, first, -np.sign(first.tangent[-1])), _kink(curve, last, np.sign(last.tangent[-1]))
    if before is not None:
        points[:1] = [before, replace(first, event="")]
    if after is not None:
        points[-1:] = [replace(last, event=""), after]
    return replace(path, points=tuple(points))


def _kink(curve, end, side):
    """The last point that a branch reaches beyond `end`, by bisection, or None where it is not a discontinuity that ends it."""
    if end.event != "lost":
        return None
    alive, dead = end.z[-1], min(max(end.z[-1] + side * REACH, 0.0), 1.0)
    if _reached(curve, end, alive) is None or _reached(curve, end, dead) is not None:
        return None
    while abs(dead - alive) > ROUNDING:
        middle = (alive + dead) / 2
        alive, dead = (alive, middle) if _reached(curve, end, middle) is None else (middle, dead)
    z = _reached(curve, end, alive)
    values = curve.family.values(z[-1:])
    return replace(end, z=z, state=state(curve.family, curve.basis, values, curve.basis @ z[:-1]))


def _reached(curve, end, u):
    """The branch at the unit coordinate u close to its point `end`, or None."""
    z = curve.correct(np.append(end.z[:-1], u), curve.natural)
    return z if z is not None and np.abs(z - end.z).max() < MET else None


def _is_stable(curve, piece):
    if piece[0].parameter == piece[-1].parameter:
        return False
    inner = piece[1:-1] or [between(curve, *piece, (piece[0].parameter + piece[-1].parameter) / 2)]
    return bool(np.mean([p.state.stable for p in inner]) > 0.5)


def _joined(pieces):
    """Pieces joined where both sides of a special point are stable: an eigenvalue only touches zero there."""
    joined = []
    for piece in pieces:
        if joined and joined[-1][-1] is piece[0] and piece[0].event != "fold":
            joined[-1] = (*joined[-1], *piece[1:])
        else:
            joined.append(tuple(piece))
    return joined


@dataclass(frozen=True, eq=False)
class Stretch:
    """An interval of the parameter on which one segment has the lowest free energy."""

    low: float
    high: float
    segment: Segment


def equilibrium(segments):
    """Stretches of equilibrium in increasing order, with the exact parameters at which free energies cross."""
    breaks = sorted({end for s in segments for end in (s.low, s.high)})
    stretches = []
    for low, high in pairwise(_distinct(breaks)):
        alive = [s for s in segments if s.low <= low + 1e-12 and s.high >= high - 1e-12]
        if alive:
            stretches += _compete(alive, low, high)
    return _merged(stretches)


def _distinct(breaks):
    """Ends closer than the accuracy at which a branch meets a more symmetric one count once."""
    return [b for k, b in enumerate(breaks) if k == 0 or b - breaks[k - 1] > 1e-12]


def _compete(alive, low, high):
    share = np.array([1e-4, 1e-2, *np.linspace(0.05, 0.95, 19), 0.99, 1 - 1e-4])
    grid = low + (high - low) * share
    if len(alive) == 1:
        return [Stretch(low, high, alive[0])]
    energies = np.array([[s.free_energy(x) for x in grid] for s in alive])
    best = energies.argmin(axis=0)
    cuts, owners = [low], [alive[best[0]]]
    for k in np.flatnonzero(np.diff(best)):
        for value, owner in _switches(alive, best[k], best[k + 1], grid[k], grid[k + 1]):
            cuts.append(value)
            owners.append(owner)
    return [Stretch(a, b, owner) for a, b, owner in zip(cuts, [*cuts[1:], high], owners)]


def _switches(alive, first, last, low, high):
    """(parameter, new segment) between two neighbouring grid points with different equilibria."""
    a, b = alive[first], alive[last]
    value = crossing(a, b, low, high)
    if value is None:
        return []
    energies = [s.free_energy(value) for s in alive]
    third = int(np.argmin(energies))
    if third not in (first, last) and energies[third] < energies[first] - 1e-13:
        return _switches(alive, first, third, low, value) + _switches(alive, third, last, value, high)
    return [(value, b)]


def crossing(first, second, low, high):
    """The parameter between low and high at which two segments have equal free energies, or None."""
    gap = lambda x: first.free_energy(x) - second.free_energy(x)
    ends = gap(low), gap(high)
    if ends[0] * ends[1] > 0 or ends[0] == ends[1]:
        return None
    return float(brentq(gap, low, high, xtol=1e-15, rtol=1e-15))


def _merged(stretches):
    merged = []
    for s in stretches:
        if merged and merged[-1].segment is s.segment:
            merged[-1] = Stretch(merged[-1].low, s.high, s.segment)
        else:
            merged.append(s)
    return merged
