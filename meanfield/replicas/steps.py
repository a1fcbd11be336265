"""One tilted Gaussian average: from the leaf to the level above it.

A line of results at one point y' holds Phi_{i-1}, its two derivatives, (1/D)(<Phi_i> - Phi_{i-1}),
then the averages of the leaf's squared slope, curvature, squared curvature, temperature
derivative and weights.
"""

import math

import numpy as np

from ..kernels.jit import routine
from .leaves import BEND, FIRST, HEAT, SLOPE, VALUE, envelope, fill_channel, fill_lines, fill_states
from .normal import LOG_ROOT_2PI
from .rules import PANEL, WIDE, breakpoints, fill_panels, spacing

PHI, MEAN, CURVE, GAIN, SQUARE, LEAF_BEND, LEAF_BEND2, LEAF_HEAT, LEAF_FIRST = 0, 1, 2, 3, 4, 5, 6, 7, 8


@routine
def gain_ratio(x):
    """(x e**x - e**x + 1) / x**2."""
    if abs(x) < 0.6:
        term, total = 1.0, 0.5
        for n in range(1, 18):
            term *= x / n
            total += term / (n + 2.0)
        return total
    return (math.exp(x) * (x - 1.0) + 1.0) / (x * x)


@routine
def log_average(logs, values, n, D):
    """(1/D) log sum_k exp(logs_k + D values_k) with sum_k exp(logs_k) = 1; the mean at D = 0."""
    low, high = math.inf, -math.inf
    for k in range(n):
        low, high = min(low, values[k]), max(high, values[k])
    if D * (high - low) < 1.0:
        mean = total = excess = 0.0
        for k in range(n):
            w = math.exp(logs[k])
            total += w
            mean += w * values[k]
        mean /= total
        if D == 0.0:
            return mean
        for k in range(n):
            excess += math.exp(logs[k]) * math.expm1(D * (values[k] - mean))
        return mean + math.log1p(excess / total) / D
    top = -math.inf
    for k in range(n):
        top = max(top, logs[k] + D * values[k])
    total = 0.0
    for k in range(n):
        total += math.exp(logs[k] + D * values[k] - top)
    return (top + math.log(total)) / D


@routine
def tilted(logs, table, n, D, row):
    """Fill one line of results from the leaf's table at n nodes of normalised weights exp(logs)."""
    value = log_average(logs, table[:, VALUE], n, D)
    row[:] = 0.0
    for k in range(n):
        x = D * (table[k, VALUE] - value)
        p = math.exp(logs[k] + x)
        M, S = table[k, SLOPE], table[k, BEND]
        row[MEAN] += p * M
        row[SQUARE] += p * M * M
        row[LEAF_BEND] += p * S
        row[LEAF_BEND2] += p * S * S
        row[LEAF_HEAT] += p * table[k, HEAT]
        for j in range(len(row) - LEAF_FIRST):
            row[LEAF_FIRST + j] += p * table[k, FIRST + j]
        if abs(x) < 0.6:
            row[GAIN] += math.exp(logs[k]) * gain_ratio(x) * (table[k, VALUE] - value) ** 2
        else:
            row[GAIN] += (p * x - p + math.exp(logs[k])) / (D * D)
    row[PHI] = value
    row[CURVE] = row[LEAF_BEND] + D * (row[SQUARE] - row[MEAN] ** 2)


@routine
def copied(table, rows):
    """Lines of results of the leaf itself, for a recursion without steps."""
    for k in range(len(table)):
        rows[k, PHI], rows[k, MEAN], rows[k, CURVE], rows[k, GAIN] = table[k, VALUE], table[k, SLOPE], table[k, BEND], 0.0
        rows[k, SQUARE], rows[k, LEAF_BEND] = table[k, SLOPE] ** 2, table[k, BEND]
        rows[k, LEAF_BEND2], rows[k, LEAF_HEAT] = table[k, BEND] ** 2, table[k, HEAT]
        rows[k, LEAF_FIRST:] = table[k, FIRST:]


@routine
def gaussian_logs(nodes, logs, first, last, y, v, out):
    """Log weights of panel nodes first..last for the Gaussian around y."""
    constant = -LOG_ROOT_2PI - 0.5 * math.log(v)
    for k in range(first, last):
        out[k - first] = logs[k] + constant - 0.5 * (nodes[k] - y) ** 2 / v


@routine
def local_rule(y, sd, low, high, step, nodes, logs):
    """Trapezoidal nodes y + sd z, low <= z <= high, and their log weights; how many."""
    first, last = int(math.floor(low / step)), int(math.ceil(high / step))
    shift = math.log(step) - LOG_ROOT_2PI
    for j in range(first, last + 1):
        z = j * step
        nodes[j - first] = y + sd * z
        logs[j - first] = shift - 0.5 * z * z
    return last - first + 1


@routine
def cold_rows(targets, slopes, levels, v, D, reach, x, w, rows):
    """The step from a leaf at T = 0: panels between its kinks, and the kinks' curvature by itself."""
    states, kinks = envelope(slopes, levels)
    sd = math.sqrt(v)
    low = D * v * slopes[states[0]] - reach * sd
    high = D * v * slopes[states[-1]] + reach * sd
    scales = np.full(len(kinks), 1e300)
    far = PANEL * sd
    size = (int((high - low) / far) + 3 + 2 * len(kinks)) * len(x)
    nodes, logs, panels = np.empty(size), np.empty(size), np.empty(size)
    table = np.empty((size, FIRST + len(slopes)))
    for t in range(len(targets)):
        y = targets[t]
        borders = breakpoints(y + low, y + high, kinks, scales, far, 0.0, far)
        n = (len(borders) - 1) * len(x)
        fill_panels(borders, x, w, nodes, panels)
        fill_lines(nodes[:n], slopes, levels, table)
        gaussian_logs(nodes, panels, 0, n, y, v, logs)
        tilted(logs, table, n, D, rows[t])
        spike = 0.0
        for i in range(len(kinks)):
            value = levels[states[i]] + slopes[states[i]] * kinks[i]
            jump = slopes[states[i + 1]] - slopes[states[i]]
            spike += jump * math.exp(D * (value - rows[t, PHI]) - 0.5 * (kinks[i] - y) ** 2 / v - LOG_ROOT_2PI) / sd
        rows[t, LEAF_BEND] += spike
        rows[t, CURVE] += spike


@routine
def warm_rows(targets, slopes, levels, T, kinks, v, D, reach, digits, x, w, rows):
    """The step from a finite leaf at T > 0."""
    sd = math.sqrt(v)
    bottom, top = slopes.min(), slopes.max()
    distance = math.pi * T / max(top - bottom, 1e-300)
    width = FIRST + len(slopes)
    if sd < 0.5 * distance or top == bottom:
        step = spacing(distance / max(sd, 1e-300), 0.0, digits)
        low, high = min(0.0, D * sd * bottom) - reach, max(0.0, D * sd * top) + reach
        size = int((high - low) / step) + 4
        nodes, logs, table = np.empty(size), np.empty(size), np.empty((size, width))
        for t in range(len(targets)):
            n = local_rule(targets[t], sd, low, high, step, nodes, logs)
            fill_states(nodes[:n], slopes, levels, T, 0.0, table)
            tilted(logs, table, n, D, rows[t])
        return
    low, high = min(0.0, D * v * bottom) - reach * sd, max(0.0, D * v * top) + reach * sd
    far = PANEL * sd
    scales = np.full(len(kinks), distance)
    borders = breakpoints(targets.min() + low, targets.max() + high, kinks, scales, far, 0.0, far)
    size = (len(borders) - 1) * len(x)
    nodes, panels, logs, table = np.empty(size), np.empty(size), np.empty(size), np.empty((size, width))
    fill_panels(borders, x, w, nodes, panels)
    fill_states(nodes, slopes, levels, T, 0.0, table)
    for t in range(len(targets)):
        first = np.searchsorted(nodes, targets[t] + low)
        last = np.searchsorted(nodes, targets[t] + high)
        gaussian_logs(nodes, panels, first, last, targets[t], v, logs)
        tilted(logs, table[first:], last - first, D, rows[t])


@routine
def _saddle(y, edges, values, delta, v, D, node, table):
    """Where exp(D Phi) moves the Gaussian around y, by Newton's method."""
    node[0] = y
    for _ in range(30):
        fill_channel(node, edges, values, delta, table)
        move = (node[0] - y - D * v * table[0, SLOPE]) / (1.0 - min(0.0, D * v * table[0, BEND]))
        node[0] -= move
        if abs(move) < 0.01 * math.sqrt(v):
            break
    return node[0]


@routine
def channel_rows(targets, edges, values, delta, kinks, scales, v, D, reach, digits, x, w, rows):
    """The step from a channel."""
    sd = math.sqrt(v)
    width = FIRST + len(values)
    distance = scales.min() if len(scales) else 1e300
    if sd < 0.5 * distance or len(edges) == 0:
        step = spacing(distance / max(sd, 1e-300), D * v / delta, digits)
        node, small = np.empty(1), np.empty((1, width))
        for t in range(len(targets)):
            shift = (_saddle(targets[t], edges, values, delta, v, D, node, small) - targets[t]) / max(sd, 1e-300)
            low, high = min(0.0, shift) - reach, max(0.0, shift) + reach
            size = int((high - low) / step) + 4
            nodes, logs, table = np.empty(size), np.empty(size), np.empty((size, width))
            n = local_rule(targets[t], sd, low, high, step, nodes, logs)
            fill_channel(nodes[:n], edges, values, delta, table)
            tilted(logs, table, n, D, rows[t])
        return
    narrow = 1.0 / math.sqrt(1.0 / v + D / delta)
    far, near = PANEL * sd, PANEL * narrow
    spread = max(targets.max() - kinks[0], kinks[-1] - targets.min(), 0.0)
    extent = spread * narrow * narrow / v + reach * narrow
    start, stop = min(targets.min(), kinks[0]) - reach * sd, max(targets.max(), kinks[-1]) + reach * sd
    borders = breakpoints(start, stop, kinks, scales, near, extent, far)
    size = (len(borders) - 1) * len(x)
    nodes, panels, logs, table = np.empty(size), np.empty(size), np.empty(size), np.empty((size, width))
    fill_panels(borders, x, w, nodes, panels)
    fill_channel(nodes, edges, values, delta, table)
    for t in range(len(targets)):
        first = np.searchsorted(nodes, min(targets[t], kinks[0]) - reach * sd)
        last = np.searchsorted(nodes, max(targets[t], kinks[-1]) + reach * sd)
        gaussian_logs(nodes, panels, first, last, targets[t], v, logs)
        tilted(logs, table[first:], last - first, D, rows[t])
