"""Levels k-1..0 of the recursion, from the lines of results at level k-1 to the averages over all paths."""

import math
from dataclasses import dataclass

import numpy as np

from ..kernels.jit import routine
from .grid import LARGEST, gains, offsets, padded, plan, spread, step
from .rules import spacing
from .steps import CURVE, GAIN, LEAF_BEND, LEAF_BEND2, LEAF_FIRST, LEAF_HEAT, MEAN, PHI, SQUARE


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
class Ladder:
    """The recursion between leaf and outermost average: levels 0..k-1 and the digits asked for.

    Attributes
    ----------
    mu : centre of the outermost average
    variances, tilts : v_i and D_i of the levels i = 0..k-1; D_0 = 0
    distances : of the singularities of Phi_i from the real axis
    narrowing : the decay of exp(D_i Phi_i) in units of v_i
    lows, highs : how far the tilt of each level moves its average, at most
    bending : Phi may be extended beyond the grid as a parabola
    reach, digits, coarsen : of the rule
    """

    mu: float
    variances: np.ndarray
    tilts: np.ndarray
    distances: np.ndarray
    narrowing: np.ndarray
    lows: np.ndarray
    highs: np.ndarray
    bending: bool
    reach: float
    digits: float
    coarsen: float

    def points(self):
        """(the grid's points, the index of mu, spacing, strides of the levels)."""
        h, strides = plan(self.variances, self.distances, self.narrowing, self.digits, self.coarsen)
        span = self.reach * math.sqrt(self.variances.sum())
        left, right = (int(math.ceil((span + d) / h)) + 2 for d in (-self.lows.sum(), self.highs.sum()))
        crowd = max(1.0, (left + right) / LARGEST)
        if crowd > 1.0:
            h, strides, left, right = h * crowd, (strides / crowd).astype(np.int64), int(left / crowd) + 1, int(right / crowd) + 1
        return self.mu + h * np.arange(-left, right + 1), left, h, strides

    def nodes(self, i, h, stride):
        """(offsets, taps, log weights, padding) of level i."""
        v = self.variances[i]
        sd = math.sqrt(v)
        allowed = sd * spacing(self.distances[i] / sd, self.narrowing[i], self.digits) if sd > 0.0 else 1.0
        reach = self.reach * sd
        shifts, taps, logs = offsets(v, self.lows[i] - reach, self.highs[i] + reach, h, stride, allowed)
        return shifts, taps, logs, int(max(-shifts[0], shifts[-1] + taps.shape[1], 1)) + 1


@routine
def outermost(n, centre, shifts, taps, logs, factors):
    """Weights of the grid's points in the outermost average; what falls beyond goes to the ends."""
    weights = np.zeros(n)
    for j in range(len(logs)):
        for t in range(taps.shape[1]):
            at = min(max(centre + shifts[j] + t, 0), n - 1)
            weights[at] += math.exp(logs[j]) * factors[j] * taps[j, t]
    return weights


@routine
def flat(rows, weights):
    """(averages of the lines of results, <M_0**2>, <S_0**2>)."""
    out, square, bend = np.zeros(rows.shape[1]), 0.0, 0.0
    for t in range(len(rows)):
        w = weights[t]
        for c in range(rows.shape[1]):
            out[c] += w * rows[t, c]
        square += w * rows[t, MEAN] ** 2
        bend += w * rows[t, CURVE] ** 2
    return out, square, bend


def collected(k, line, value, mean, squares, bends, exponents, teacher=0.0):
    """The averages from a line over the leaf and those of the levels above it; at k = 0 the leaf is the level."""
    tail = [] if k == 0 else [line[SQUARE]], [] if k == 0 else [line[LEAF_BEND2]]
    return Averages(value, line[LEAF_HEAT], mean, np.array([*squares, *tail[0]]), line[LEAF_BEND], np.array(exponents),
                    line[LEAF_FIRST:].copy(), np.array([*bends, *tail[1]]), teacher)


def averaged(k, rows, weights, slopes=None):
    """A recursion of at most one step, whose lines of results at the outermost nodes are known.

    Parameters
    ----------
    slopes : what multiplies M_0 in the teacher's derivative, per node
    """
    line, square, bend = flat(rows, weights)
    teacher = 0.0 if slopes is None else float(slopes @ rows[:, MEAN])
    return collected(k, line, line[PHI], line[MEAN], [square], [bend], [line[GAIN]] if k else [], teacher)


def climbed(ladder, grid, rows, teacher=None):
    """A recursion of several steps, whose lines of results of level k-1 at the grid's points are known.

    Parameters
    ----------
    grid : what `Ladder.points` gave
    teacher : nodes -> (weight, slope), or None
    """
    points, centre, h, strides = grid
    k, n = len(ladder.variances), len(points)
    phi, mean, curve = np.empty((k, n)), np.empty((k, n)), np.empty((k, n))
    phi[-1], mean[-1], curve[-1] = rows[:, PHI], rows[:, MEAN], rows[:, CURVE]
    levels = {}
    for i in range(k - 1, 0, -1):
        shifts, taps, logs, pad = ladder.nodes(i, h, strides[i])
        source = padded(phi[i], mean[i], curve[i], pad, h, ladder.bending)
        P = step(source, pad, ladder.tilts[i], shifts, taps, logs, phi[i - 1], mean[i - 1], curve[i - 1])
        levels[i] = P, source, shifts, taps, logs, pad
    shifts, taps, logs, _ = ladder.nodes(0, h, strides[0])
    factors, slopes = np.ones(len(logs)), np.zeros(len(logs))
    if teacher is not None:
        places = shifts + (taps @ np.arange(taps.shape[1]) if taps.shape[1] > 1 else 0.0)
        factors, slopes = teacher(ladder.mu + h * places)
    weights = outermost(n, centre, shifts, taps, logs, factors)
    derivative = 0.0 if teacher is None else float(outermost(n, centre, shifts, taps, logs, slopes) @ mean[0])
    value, average = weights @ phi[0], weights @ mean[0]
    squares, bends, exponents = [weights @ mean[0] ** 2], [weights @ curve[0] ** 2], []
    for i in range(1, k):
        P, source, shifts, taps, logs, pad = levels[i]
        exponents.append(gains(source, pad, ladder.tilts[i], shifts, taps, logs, phi[i - 1], weights))
        weights = spread(P, weights, shifts, taps, pad)
        squares.append(weights @ mean[i] ** 2)
        bends.append(weights @ curve[i] ** 2)
    line, _, _ = flat(rows, weights)
    return collected(k, line, value, average, squares, bends, [*exponents, line[GAIN]], derivative)
