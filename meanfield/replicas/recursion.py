"""The recursion from a leaf to the outermost average and back: all averages of one quadrature rule."""

import math
from dataclasses import dataclass

import numpy as np

from . import rules
from .grid import LARGEST, offsets, padded, plan, spread, step
from .rules import gaussian_rule, spacing
from .steps import CURVE, GAIN, LEAF_BEND, LEAF_BEND2, LEAF_FIRST, LEAF_HEAT, MEAN, PHI, SQUARE
from .steps import handed_down, panel_step, plain_rows

# Distance of the singularities of a smoothed kink from the real axis, in standard deviations.
NARROWEST = 1.4
# The same for a kink that a tilt D has rounded, in units of pi / (D range of slopes).
NARROWED = 0.85
# Work of a node on a graded panel, in units of that of a grid's node.
PANEL_WORK = 1.5
# Nodes of the step from the leaf, for each of its targets.
LEAF_WORK = 100.0


@dataclass(frozen=True)
class Averages:
    """What one rule gives; see `moments.Moments`."""

    value: float
    entropy: float
    mean: float
    squares: np.ndarray
    curvature: float
    exponents: np.ndarray
    weights: np.ndarray
    replicon: np.ndarray
    teacher: float = 0.0


@dataclass(frozen=True)
class Teacher:
    """Weight of the outermost average: y -> (weight, its derivative dP/dr), where it bends, and how sharply."""

    weigh: object
    kinks: np.ndarray
    scales: np.ndarray


@dataclass(frozen=True)
class Problem:
    """One average: leaf, centre, variances v_0..v_k, exponents D_1..D_k, teacher or None, and which rule."""

    leaf: object
    mu: float
    v: np.ndarray
    D: np.ndarray
    teacher: Teacher | None
    rule: int

    @property
    def tilts(self):
        """D_i of the levels i = 0..k-1 with D_0 = 0."""
        return np.concatenate([[0.0], self.D[:-1]])

    def distances(self):
        """Distances of the singularities of Phi_0..Phi_{k-1} from the real axis."""
        result, width = np.empty(len(self.D)), self.leaf.width
        below = self.leaf.distance if len(self.leaf.scales) else 0.0
        for i in range(len(self.D), 0, -1):
            tilt = NARROWED * math.pi / (width * self.D[i - 1]) if width * self.D[i - 1] > 0.0 else math.inf
            below = max(below, min(tilt, math.sqrt(below * below + NARROWEST**2 * self.v[i])))
            result[i - 1] = below
        return result

    def bends(self, i, distance):
        """(kinks, scales) of Phi_i, i < k."""
        kinks = self.leaf.moved(float(self.D[i:] @ self.v[i + 1:]))
        scales = self.leaf.scales if len(kinks) == len(self.leaf.scales) else np.zeros(len(kinks))
        return kinks, np.maximum(scales, distance)


def solved(problem):
    """All averages of a problem."""
    k = len(problem.D)
    if k == 0:
        nodes, weights, slopes = _outermost_rule(problem, problem.leaf.kinks, problem.leaf.scales)
        return averaged(0, plain_rows(problem.leaf.fill(nodes)), weights, slopes)
    distances = problem.distances()
    if k == 1:
        nodes, weights, slopes = _outermost_rule(problem, *problem.bends(0, distances[0]))
        return averaged(1, problem.leaf.rows(nodes, problem.v[1], problem.D[0], problem.rule), weights, slopes)
    ladder = _Ladder(problem, distances)
    points = ladder.points()
    if ladder.grid_work(points) > PANEL_WORK * ladder.panel_work():
        return _by_panels(problem, distances)
    return _by_grid(ladder, points)


def _outermost_rule(problem, kinks, scales):
    """(nodes, weights, weights of the teacher's derivative) of the outermost average."""
    if problem.teacher is not None:
        kinks, scales = np.concatenate([kinks, problem.teacher.kinks]), np.concatenate([scales, problem.teacher.scales])
        order = np.argsort(kinks)
        kinks, scales = kinks[order], scales[order]
    rule = problem.rule
    settings = rules.REACH[rule], rules.DIGITS[rule], *rules.NODES[rule]
    nodes, weights = gaussian_rule(problem.mu, problem.v[0], kinks, scales, *settings)
    if problem.teacher is None:
        return nodes, weights, None
    factors, slopes = problem.teacher.weigh(nodes)
    return nodes, weights * factors, weights * slopes


def averaged(k, rows, weights, slopes=None):
    """A recursion of at most one step, whose lines of results at the outermost nodes are known."""
    line, mean, curve = weights @ rows, rows[:, MEAN], rows[:, CURVE]
    teacher = 0.0 if slopes is None else slopes @ mean
    gains = [line[GAIN]] if k else []
    return collected(k, line, line[PHI], line[MEAN], [weights @ mean**2], [weights @ curve**2], gains, teacher)


def collected(k, line, value, mean, squares, bends, exponents, teacher=0.0):
    """The averages from a line over the leaf and those of the levels above it; at k = 0 the leaf is the level."""
    if k:
        squares, bends = [*squares, line[SQUARE]], [*bends, line[LEAF_BEND2]]
    return Averages(float(value), float(line[LEAF_HEAT]), float(mean), np.array(squares), float(line[LEAF_BEND]),
                    np.array(exponents, dtype=float), line[LEAF_FIRST:].copy(), np.array(bends), float(teacher))


@dataclass(frozen=True)
class _Ladder:
    """Levels 0..k-1 on a uniform grid around the centre."""

    problem: Problem
    distances: np.ndarray

    def __post_init__(self):
        problem, v = self.problem, self.problem.v[:-1]
        distances = self.distances.copy()
        if problem.teacher is not None and len(problem.teacher.scales):
            distances[0] = min(distances[0], problem.teacher.scales.min())
        drifts = np.array([problem.leaf.drift(D * w) for D, w in zip(problem.tilts, v, strict=True)])
        centre = np.array([problem.mu])
        hull = problem.leaf.hull(centre)
        tilted = (problem.tilts > 0.0) & (v > 0.0)
        below = np.cumsum(problem.v[::-1])[::-1][1:]
        narrowing = problem.tilts * v / (1.0 / problem.leaf.decay + below) if problem.leaf.decay else np.zeros(len(v))
        lows, highs = (drifts[:, side] + tilted * (hull[side] - centre) for side in (0, 1))
        for name, value in (("v", v), ("gaps", distances), ("narrowing", narrowing), ("lows", lows), ("highs", highs)):
            object.__setattr__(self, name, value)

    def points(self):
        """(the grid's points, the index of mu, spacing, strides of the levels)."""
        rule = self.problem.rule
        h, strides = plan(self.v, self.gaps, self.narrowing, rules.DIGITS[rule], 1.0 + 0.15 * rule)
        span = rules.REACH[rule] * math.sqrt(self.v.sum())
        left, right = (int(math.ceil((span + d) / h)) + 2 for d in (-self.lows.sum(), self.highs.sum()))
        crowd = max(1.0, (left + right) / LARGEST)
        if crowd > 1.0:
            h, strides = h * crowd, (strides / crowd).astype(np.int64)
            left, right = int(left / crowd) + 1, int(right / crowd) + 1
        return self.problem.mu + h * np.arange(-left, right + 1), left, h, strides

    def grid_work(self, points):
        """Nodes of all levels on the uniform grid, about."""
        grid, _, h, strides = points
        spans = 2.0 * 8.6 * np.sqrt(self.v[1:]) + self.highs[1:] - self.lows[1:]
        return len(grid) * (LEAF_WORK + float(np.sum(np.where(strides[1:] > 0, spans / (h * np.maximum(strides[1:], 1)), 100.0))))

    def panel_work(self):
        """Nodes of all levels on graded panels or around each target, about."""
        span = 2.0 * 8.6 * math.sqrt(self.v.sum()) + self.highs.sum() - self.lows.sum()
        graded = 16.0 * (15.0 * len(self.problem.leaf.kinks) + 5.0)
        count, work = graded, 0.0
        for i in range(1, len(self.v)):
            sd = math.sqrt(self.v[i])
            shared, own = graded + 16.0 * span / (3.5 * sd), count * 20.0 / spacing(self.distances[i] / sd, 0.0, 37.0)
            work += min(count * min(shared, graded + 16.0 * (self.highs[i] - self.lows[i]) / (3.5 * sd)), own)
            count = min(shared, own)
        return work + LEAF_WORK * count

    def nodes(self, i, h, stride):
        """(offsets, taps, log weights, padding) of level i."""
        rule, sd = self.problem.rule, math.sqrt(self.v[i])
        allowed = sd * spacing(self.gaps[i] / sd, self.narrowing[i], rules.DIGITS[rule]) if sd > 0.0 else 1.0
        reach = rules.REACH[rule] * sd
        shifts, taps, logs = offsets(self.v[i], self.lows[i] - reach, self.highs[i] + reach, h, stride, allowed)
        return shifts, taps, logs, int(max(-shifts[0], shifts[-1] + taps.shape[1], 1)) + 1


def _outermost_sum(n, centre, shifts, taps, factors):
    """Weights of the grid's points in the outermost average; what falls beyond goes to the ends."""
    weights = np.zeros(n)
    at = np.clip(centre + shifts[:, None] + np.arange(taps.shape[1]), 0, n - 1)
    np.add.at(weights, at, factors[:, None] * taps)
    return weights


def _by_grid(ladder, grid):
    """Several steps on a uniform grid."""
    problem, (points, centre, h, strides) = ladder.problem, grid
    k, n = len(problem.D), len(points)
    rows = problem.leaf.rows(points, problem.v[k], problem.D[k - 1], problem.rule)
    phi, mean, curve, gain = (np.empty((k, n)) for _ in range(4))
    phi[-1], mean[-1], curve[-1] = rows[:, PHI], rows[:, MEAN], rows[:, CURVE]
    tables = {}
    for i in range(k - 1, 0, -1):
        shifts, taps, logs, pad = ladder.nodes(i, h, strides[i])
        source = padded(phi[i], mean[i], curve[i], pad, h, problem.leaf.decay > 0.0)
        P = step(source, pad, problem.tilts[i], shifts, taps, logs, phi[i - 1], mean[i - 1], curve[i - 1], gain[i - 1])
        tables[i] = P, shifts, taps, pad
    shifts, taps, logs, _ = ladder.nodes(0, h, strides[0])
    shares, slopes = np.exp(logs), None
    if problem.teacher is not None:
        places = shifts + (taps @ np.arange(taps.shape[1]) if taps.shape[1] > 1 else 0.0)
        factors, derivative = problem.teacher.weigh(problem.mu + h * places)
        shares, slopes = shares * factors, _outermost_sum(n, centre, shifts, taps, shares * derivative)
    weights = [_outermost_sum(n, centre, shifts, taps, shares)]
    for i in range(1, k):
        P, shifts, taps, pad = tables[i]
        weights.append(spread(P, weights[-1], shifts, taps, pad))
    return _summed(weights, phi, mean, curve, gain, rows, slopes)


def _by_panels(problem, distances):
    """Several steps on nodes graded towards the kinks, level by level."""
    k, leaf = len(problem.D), problem.leaf
    nodes, weights, slopes = _outermost_rule(problem, *problem.bends(0, distances[0]))
    levels = [(nodes, None, None, None)]
    for i in range(1, k):
        shared = _shared_nodes(problem, i, levels[-1][0], distances[i])
        own = _own_nodes(problem, i, levels[-1][0], distances[i])
        levels.append(own() if own.count < shared.count else shared())
    rows = leaf.rows(levels[-1][0], problem.v[k], problem.D[k - 1], problem.rule)
    functions, tables = [np.array([rows[:, PHI], rows[:, MEAN], rows[:, CURVE], rows[:, GAIN]])], []
    for i in range(k - 1, 0, -1):
        nodes, logs, starts, stops = levels[i]
        above, P = panel_step(levels[i - 1][0], starts, stops, nodes, logs, *functions[0][:3], problem.v[i], problem.D[i - 1])
        functions.insert(0, above)
        tables.insert(0, (P, starts, stops, len(nodes)))
    shares = [weights]
    for table in tables:
        shares.append(handed_down(shares[-1], *table))
    return _summed(shares, *zip(*functions, strict=True), rows, slopes)


@dataclass(frozen=True)
class _Plan:
    """Nodes to be made: about how many, and how."""

    count: float
    make: object

    def __call__(self):
        return self.make()


def _shared_nodes(problem, i, targets, distance):
    """Panels of level i that all targets share: (nodes, log weights, starts, stops)."""
    leaf, reach, v, D = problem.leaf, rules.REACH[problem.rule], problem.v[i], problem.D[i - 1]
    lows, highs = leaf.window(targets, v, D, reach * math.sqrt(v))
    centre, wide = np.array([problem.mu]), reach * math.sqrt(problem.v[:i + 1].sum())
    drift, hull = leaf.drift(float(problem.D[:i] @ problem.v[1:i + 1])), leaf.hull(centre)
    low, high = np.maximum(lows, hull[0] + drift[0] - wide), np.minimum(highs, hull[1] + drift[1] + wide)
    kinks, scales = problem.bends(i, distance)

    def make():
        nodes, logs = leaf.panels(low, high, v, D, problem.rule, scales, kinks)
        return nodes, logs, np.searchsorted(nodes, lows), np.searchsorted(nodes, highs)

    return _Plan(16.0 * ((high.max() - low.min()) / (3.5 * math.sqrt(v)) + 15.0 * len(kinks)), make)


def _own_nodes(problem, i, targets, distance):
    """Trapezoidal nodes of level i around each target: (nodes, log weights, starts, stops)."""
    leaf, sd, D = problem.leaf, math.sqrt(problem.v[i]), problem.D[i - 1]
    step = spacing(distance / sd, D * sd * sd * leaf.decay, rules.DIGITS[problem.rule])
    shifts, extra = leaf.saddle(targets, sd, D)
    half = int(math.ceil((rules.REACH[problem.rule] + extra) / step))
    n = 2 * half + 1

    def make():
        z = np.rint(shifts / step)[:, None] * step + step * np.arange(-half, half + 1)
        starts = n * np.arange(len(targets))
        return (targets[:, None] + sd * z).ravel(), np.full(n * len(targets), math.log(sd * step)), starts, starts + n

    return _Plan(n * len(targets), make)


def _summed(weights, phi, mean, curve, gain, rows, slopes):
    """The averages from the weights of every level's points."""
    k = len(weights)
    squares = [w @ m**2 for w, m in zip(weights, mean, strict=True)]
    bends = [w @ c**2 for w, c in zip(weights, curve, strict=True)]
    line = weights[-1] @ rows
    exponents = [*(weights[i] @ gain[i] for i in range(k - 1)), line[GAIN]]
    teacher = 0.0 if slopes is None else slopes @ mean[0]
    return collected(k, line, weights[0] @ phi[0], weights[0] @ mean[0], squares, bends, exponents, teacher)
