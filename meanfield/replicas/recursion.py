"""The recursion from a leaf to the outermost average and back: all averages of one quadrature rule."""

import math
from dataclasses import dataclass

import numpy as np

from . import rules
from .grid import LARGEST, offsets, padded, plan, spread, step
from .rules import gaussian_rule, spacing
from .steps import CURVE, GAIN, LEAF_BEND, LEAF_BEND2, LEAF_FIRST, LEAF_HEAT, MEAN, PHI, SQUARE, panel_step, plain_rows

# Distance of the singularities of a smoothed kink from the real axis, in standard deviations.
NARROWEST = 1.4
# The same for a kink that a tilt D has rounded, in units of pi / (D range of slopes).
NARROWED = 0.85
# Work of a node on a graded panel, in units of that of a grid's node.
PANEL_WORK = 1.5


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
        result, wide, below, width = np.empty(len(self.D)), 0.0, self.leaf.distance if self.leaf.distance < 1e300 else 0.0, self.leaf.width
        for i in range(len(self.D), 0, -1):
            wide += self.v[i]
            tilt = NARROWED * math.pi / (width * self.D[i - 1]) if width * self.D[i - 1] > 0.0 else math.inf
            below = max(below, min(tilt, NARROWEST * math.sqrt(wide)))
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
    if ladder.grid_work(points) > PANEL_WORK * (k - 1) * ladder.panel_count() ** 2:
        return _by_panels(problem, distances)
    return _by_grid(ladder, points)


def _outermost_rule(problem, kinks, scales):
    """(nodes, weights, weights of the teacher's derivative) of the outermost average."""
    if problem.teacher is not None:
        kinks, scales = np.concatenate([kinks, problem.teacher.kinks]), np.concatenate([scales, problem.teacher.scales])
        order = np.argsort(kinks)
        kinks, scales = kinks[order], scales[order]
    rule = problem.rule
    nodes, weights = gaussian_rule(problem.mu, problem.v[0], kinks, scales, rules.REACH[rule], rules.DIGITS[rule], *rules.NODES[rule])
    if problem.teacher is None:
        return nodes, weights, None
    factors, slopes = problem.teacher.weigh(nodes)
    return nodes, weights * factors, weights * slopes


def averaged(k, rows, weights, slopes=None):
    """A recursion of at most one step, whose lines of results at the outermost nodes are known."""
    line, mean, curve = weights @ rows, rows[:, MEAN], rows[:, CURVE]
    teacher = 0.0 if slopes is None else slopes @ mean
    return collected(k, line, line[PHI], line[MEAN], [weights @ mean**2], [weights @ curve**2], [line[GAIN]] if k else [], teacher)


def collected(k, line, value, mean, squares, bends, exponents, teacher=0.0):
    """The averages from a line over the leaf and those of the levels above it; at k = 0 the leaf is the level."""
    if k:
        squares, bends = [*squares, line[SQUARE]], [*bends, line[LEAF_BEND2]]
    return Averages(float(value), float(line[LEAF_HEAT]), float(mean), np.array(squares), float(line[LEAF_BEND]), np.array(exponents, dtype=float),
                    line[LEAF_FIRST:].copy(), np.array(bends), float(teacher))


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
        for name, value in (("v", v), ("gaps", distances), ("narrowing", narrowing),
                            ("lows", drifts[:, 0] + tilted * (hull[0] - centre)), ("highs", drifts[:, 1] + tilted * (hull[1] - centre))):
            object.__setattr__(self, name, value)

    def points(self):
        """(the grid's points, the index of mu, spacing, strides of the levels)."""
        rule = self.problem.rule
        h, strides = plan(self.v, self.gaps, self.narrowing, rules.DIGITS[rule], 1.0 + 0.15 * rule)
        span = rules.REACH[rule] * math.sqrt(self.v.sum())
        left, right = (int(math.ceil((span + d) / h)) + 2 for d in (-self.lows.sum(), self.highs.sum()))
        crowd = max(1.0, (left + right) / LARGEST)
        if crowd > 1.0:
            h, strides, left, right = h * crowd, (strides / crowd).astype(np.int64), int(left / crowd) + 1, int(right / crowd) + 1
        return self.problem.mu + h * np.arange(-left, right + 1), left, h, strides

    def grid_work(self, points):
        """Nodes of all levels on the uniform grid."""
        grid, _, h, strides = points
        spans = 2.0 * 8.6 * np.sqrt(self.v[1:]) + self.highs[1:] - self.lows[1:]
        return len(grid) * float(np.sum(np.where(strides[1:] > 0, spans / (h * np.maximum(strides[1:], 1)), 100.0)))

    def panel_count(self):
        """About how many nodes graded panels would need."""
        narrowest = math.sqrt(self.v[1:].min())
        span = 2.0 * 8.6 * math.sqrt(self.v.sum()) + self.highs.sum() - self.lows.sum()
        return 16.0 * (span / (3.5 * narrowest) + 15.0 * len(self.problem.leaf.kinks) + 5.0)

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
    """Several steps on panels graded towards the kinks, level by level."""
    k, leaf, rule = len(problem.D), problem.leaf, problem.rule
    nodes, weights, slopes = _outermost_rule(problem, *problem.bends(0, distances[0]))
    levels, logs, windows, v0 = [nodes], [None], [None], problem.v[0]
    centre = np.array([problem.mu])
    for i in range(1, k):
        v, D = problem.v[i], problem.D[i - 1]
        lows, highs = leaf.window(levels[-1], v, D, rules.REACH[rule] * math.sqrt(v))
        v0 += v
        drift, (low, high) = leaf.drift(float(problem.D[:i] @ problem.v[1:i + 1])), leaf.hull(centre)
        low, high = low + drift[0] - rules.REACH[rule] * math.sqrt(v0), high + drift[1] + rules.REACH[rule] * math.sqrt(v0)
        kinks, scales = problem.bends(i, distances[i])
        nodes, log = leaf.panels(np.maximum(lows, low), np.minimum(highs, high), v, D, rule, scales, kinks)
        levels.append(nodes)
        logs.append(log)
        windows.append((np.searchsorted(nodes, lows), np.searchsorted(nodes, highs)))
    rows = leaf.rows(levels[-1], problem.v[k], problem.D[k - 1], rule)
    functions, tables = [np.array([rows[:, PHI], rows[:, MEAN], rows[:, CURVE], rows[:, GAIN]])], []
    for i in range(k - 1, 0, -1):
        phi, mean, curve, _ = functions[0]
        above, P = panel_step(levels[i - 1], *windows[i], levels[i], logs[i], phi, mean, curve, problem.v[i], problem.D[i - 1])
        functions.insert(0, above)
        tables.insert(0, P)
    shares = [weights]
    for P in tables:
        shares.append(shares[-1] @ P)
    return _summed(shares, *zip(*functions, strict=True), rows, slopes)


def _summed(weights, phi, mean, curve, gain, rows, slopes):
    """The averages from the weights of every level's points."""
    k = len(weights)
    squares = [w @ m**2 for w, m in zip(weights, mean, strict=True)]
    bends = [w @ c**2 for w, c in zip(weights, curve, strict=True)]
    line = weights[-1] @ rows
    exponents = [*(weights[i] @ gain[i] for i in range(k - 1)), line[GAIN]]
    teacher = 0.0 if slopes is None else slopes @ mean[0]
    return collected(k, line, weights[0] @ phi[0], weights[0] @ mean[0], squares, bends, exponents, teacher)
