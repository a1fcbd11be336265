"""One tilted Gaussian average: from the leaf to the level above it.

A line of results at one point y' holds Phi_{i-1}, its two derivatives, dP/dD_i there, then the
averages of the leaf's squared slope, curvature, squared curvature, temperature derivative and weights.
"""

import math

import numpy as np

from ..kernels.jit import routine, summing
from ..kernels.primitives import exp
from .leaves import BEND, FIRST, HEAT, SLOPE, VALUE
from .normal import LOG_ROOT_2PI
from .rules import PANEL

PHI, MEAN, CURVE, GAIN, SQUARE, LEAF_BEND, LEAF_BEND2, LEAF_HEAT, LEAF_FIRST = 0, 1, 2, 3, 4, 5, 6, 7, 8
# Below this range of D Phi the average is taken about the mean, so that nothing is divided by a small D.
GENTLE = 1.0
_SERIES = np.array([1.0 / (math.factorial(n) * (n + 2)) for n in range(17)][::-1])


@routine
def gain_ratio(x):
    """(x e**x - e**x + 1) / x**2 for |x| <= 1."""
    total = 0.0
    for c in _SERIES:
        total = total * x + c
    return total


@summing
def _scores(nodes, logs, values, y, v, D, out):
    """out = log of weight and tilt of every node."""
    constant, stiffness = -LOG_ROOT_2PI - 0.5 * math.log(v), 0.5 / v
    for k in range(len(nodes)):
        z = nodes[k] - y
        out[k] = logs[k] + constant - stiffness * z * z + D * values[k]


@routine
def _range(x):
    low, high = math.inf, -math.inf
    for k in range(len(x)):
        low, high = min(low, x[k]), max(high, x[k])
    return low, high


@summing
def _exponentials(scores, top, out):
    total = 0.0
    for k in range(len(scores)):
        out[k] = exp(scores[k] - top)
        total += out[k]
    return total


@summing
def dot(p, x):
    """sum p x."""
    total = 0.0
    for k in range(len(p)):
        total += p[k] * x[k]
    return total


@summing
def dot2(p, x):
    """sum p x**2."""
    total = 0.0
    for k in range(len(p)):
        total += p[k] * x[k] * x[k]
    return total


@summing
def _scale(p, factor):
    for k in range(len(p)):
        p[k] *= factor


@routine
def _is_gentle(values, D):
    """Whether D Phi varies by less than `GENTLE`; a few nodes mostly tell."""
    n = len(values)
    if D * max(abs(values[n - 1] - values[0]), abs(values[n // 2] - values[0])) >= GENTLE:
        return False
    low, high = _range(values)
    return D * (high - low) < GENTLE


@routine
def tilt(nodes, logs, values, y, v, D, scores, p):
    """(Phi_{i-1}(y), dP/dD_i there), and the tilted probabilities p of the nodes.

    Parameters
    ----------
    nodes, logs : quadrature nodes and the logarithms of their weights, without the Gaussian
    values : Phi_i at the nodes
    scores : scratch
    """
    if not _is_gentle(values, D):
        _scores(nodes, logs, values, y, v, D, scores)
        top = _range(scores)[1]
        total = _exponentials(scores, top, p)
        _scale(p, 1.0 / total)
        value = (top + math.log(total)) / D
        return value, (dot(p, values) - value) / D
    _scores(nodes, logs, values, y, v, 0.0, scores)
    total = _exponentials(scores, 0.0, p)
    _scale(p, 1.0 / total)
    mean, excess, gain = dot(p, values), 0.0, 0.0
    if D > 0.0:
        for k in range(len(p)):
            excess += p[k] * math.expm1(D * (values[k] - mean))
    value = mean + (math.log1p(excess) / D if D > 0.0 else 0.0)
    for k in range(len(p)):
        x = D * (values[k] - value)
        gain += p[k] * gain_ratio(x) * (values[k] - value) ** 2
        if D > 0.0:
            p[k] *= math.exp(x)
    return value, gain


@routine
def _collect(p, table, D, value, gain, row):
    row[PHI], row[GAIN] = value, gain
    row[MEAN], row[SQUARE] = dot(p, table[SLOPE]), dot2(p, table[SLOPE])
    row[LEAF_BEND], row[LEAF_BEND2] = dot(p, table[BEND]), dot2(p, table[BEND])
    row[LEAF_HEAT] = dot(p, table[HEAT])
    for j in range(len(row) - LEAF_FIRST):
        row[LEAF_FIRST + j] = dot(p, table[FIRST + j])
    row[CURVE] = row[LEAF_BEND] + D * (row[SQUARE] - row[MEAN] ** 2)


@routine
def shared_rows(targets, starts, stops, nodes, logs, table, v, D):
    """Lines of results from nodes that all targets share.

    Parameters
    ----------
    starts, stops : the nodes that count for each target
    table : of the leaf at the nodes
    """
    rows = np.empty((len(targets), LEAF_FIRST + len(table) - FIRST))
    scores, p = np.empty(len(nodes)), np.empty(len(nodes))
    for t in range(len(targets)):
        a, b = starts[t], stops[t]
        value, gain = tilt(nodes[a:b], logs[a:b], table[VALUE, a:b], targets[t], v, D, scores[:b - a], p[:b - a])
        _collect(p[:b - a], table[:, a:b], D, value, gain, rows[t])
    return rows


@routine
def local_rows(targets, z, logs, table, D):
    """Lines of results from nodes of each target's own.

    Parameters
    ----------
    z : (targets, n) nodes in standard deviations
    logs : logarithm of their spacing
    table : of the leaf, (columns, targets n)
    """
    n = z.shape[1]
    rows = np.empty((len(targets), LEAF_FIRST + len(table) - FIRST))
    scores, p, flat = np.empty(n), np.empty(n), np.full(n, logs)
    for t in range(len(targets)):
        part = table[:, t * n:(t + 1) * n]
        value, gain = tilt(z[t], flat, part[VALUE], 0.0, 1.0, D, scores, p)
        _collect(p, part, D, value, gain, rows[t])
    return rows


def plain_rows(table):
    """Lines of results of the leaf itself, for a recursion without steps."""
    value, M, S, heat = table[:FIRST]
    return np.array([value, M, S, np.zeros_like(M), M * M, S, S * S, heat, *table[FIRST:]]).T


@routine
def _cut(low, high, far, kinks, borders, pieces):
    """Panels of at most `far`, cut at the kinks: how many, their borders and the piece of the envelope they lie in."""
    n, a, piece = 0, low, 0
    for i in range(len(kinks) + 1):
        b = high if i == len(kinks) else min(max(kinks[i], low), high)
        if b > a:
            m = int(math.ceil((b - a) / far))
            for j in range(m):
                borders[n], pieces[n] = a + j * (b - a) / m, i
                n += 1
            a = b
    borders[n] = high
    return n


@routine
def cold_rows(targets, slopes, levels, heats, portions, kinks, v, D, reach, x, w):
    """The step from an upper envelope of lines: panels between its kinks, and the kinks' curvature by itself.

    Parameters
    ----------
    slopes, levels, heats : of the envelope's pieces, from left to right
    portions : (pieces, S) shares of the states in each piece
    """
    sd = math.sqrt(v)
    low, high = min(0.0, D * v * slopes[0]) - reach * sd, max(0.0, D * v * slopes[-1]) + reach * sd
    far = PANEL * sd
    most = int((high - low) / far) + 3 + len(kinks)
    size, order = most * len(x), len(x)
    borders, pieces = np.empty(most + 1), np.empty(most, np.int64)
    nodes, logs, values, scores, p = np.empty(size), np.empty(size), np.empty(size), np.empty(size), np.empty(size)
    rows = np.zeros((len(targets), LEAF_FIRST + portions.shape[1]))
    for t in range(len(targets)):
        y = targets[t]
        row = rows[t]
        panels = _cut(y + low, y + high, far, kinks, borders, pieces)
        for q in range(panels):
            length, a, b = borders[q + 1] - borders[q], slopes[pieces[q]], levels[pieces[q]]
            shift = math.log(length)
            for j in range(order):
                k = q * order + j
                nodes[k] = borders[q] + 0.5 * length * (1.0 + x[j])
                logs[k] = math.log(0.5 * w[j]) + shift
                values[k] = b + a * nodes[k]
        n = panels * order
        row[PHI], row[GAIN] = tilt(nodes[:n], logs[:n], values[:n], y, v, D, scores[:n], p[:n])
        for q in range(panels):
            share, i = 0.0, pieces[q]
            for k in range(q * order, (q + 1) * order):
                share += p[k]
            row[MEAN] += share * slopes[i]
            row[SQUARE] += share * slopes[i] ** 2
            row[LEAF_HEAT] += share * heats[i]
            for s in range(portions.shape[1]):
                row[LEAF_FIRST + s] += share * portions[i, s]
        for i in range(len(kinks)):
            value = levels[i] + slopes[i] * kinks[i]
            density = math.exp(D * (value - row[PHI]) - 0.5 * (kinks[i] - y) ** 2 / v - LOG_ROOT_2PI) / sd
            row[LEAF_BEND] += (slopes[i + 1] - slopes[i]) * density
        row[CURVE] = row[LEAF_BEND] + D * (row[SQUARE] - row[MEAN] ** 2)
    return rows


@routine
def panel_step(targets, starts, stops, nodes, logs, phi, mean, curve, v, D):
    """A level above given nodes: its three functions and dP/dD at the targets, and P[target, node - start]."""
    m, width = len(targets), 0
    for t in range(m):
        width = max(width, stops[t] - starts[t])
    above, P, scores = np.empty((4, m)), np.zeros((m, width)), np.empty(width)
    for t in range(m):
        a, b = starts[t], stops[t]
        n = b - a
        p = P[t, :n]
        above[0, t], above[3, t] = tilt(nodes[a:b], logs[a:b], phi[a:b], targets[t], v, D, scores[:n], p)
        above[1, t] = dot(p, mean[a:b])
        above[2, t] = dot(p, curve[a:b]) + D * (dot2(p, mean[a:b]) - above[1, t] ** 2)
    return above, P


@routine
def handed_down(weights, P, starts, stops, n):
    """Weights of a level's n nodes from those of the targets above."""
    out = np.zeros(n)
    for t in range(len(weights)):
        for j in range(stops[t] - starts[t]):
            out[starts[t] + j] += weights[t] * P[t, j]
    return out
