"""Nodes for Gaussian averages of functions with singularities near the real axis.

A function is described by the points where it bends (kinks) and the distance of its
singularities from the axis there (scales). The trapezoidal rule serves where the Gaussian is not
much wider than that distance, panels of Gauss-Legendre nodes graded towards the kinks elsewhere.
"""

import math

import numpy as np

from ..kernels.jit import routine

# (reach in standard deviations, digits e**-x of the trapezoidal rule, nodes of a panel)
REACH = (8.6, 8.3)
DIGITS = (38.0, 33.0)
NODES = tuple(np.polynomial.legendre.leggauss(n) for n in (16, 14))
WIDE = 0.8
PANEL = 3.5
GROWTH = 1.5
SHARPEST = 1e-14


@routine
def spacing(distance, narrowing, digits):
    """Spacing of the trapezoidal rule for a standard normal weight.

    Parameters
    ----------
    distance : of the singularities from the real axis, in standard deviations
    narrowing : c where the function itself decays as exp(-c z**2 / 2)
    digits : the error is exp(-digits)
    """
    stiffness = 1.0 + narrowing
    d = min(distance, math.sqrt(2.0 * digits / stiffness))
    return 2.0 * math.pi * d / (digits + 0.5 * d * d * stiffness)


@routine
def _stride(y, kink, scale, near, extent, far):
    """Length of a panel that begins at y, for the sake of one kink."""
    r = abs(y - kink)
    return min(max(scale, GROWTH * r), near if r < extent else far)


@routine
def breakpoints(low, high, kinks, scales, near, extent, far):
    """Borders of panels from low to high, graded towards the kinks (sorted).

    Parameters
    ----------
    near, extent, far : longest panel within `extent` of a kink, and beyond
    """
    borders = [low]
    inside = [i for i in range(len(kinks)) if low < kinks[i] < high]
    for s in range(len(inside) + 1):
        a = low if s == 0 else kinks[inside[s - 1]]
        b = high if s == len(inside) else kinks[inside[s]]
        left, right = a, b
        tail = [right]
        while True:
            forward, backward = far, far
            for i in range(len(kinks)):
                forward = min(forward, _stride(left, kinks[i], scales[i], near, extent, far))
                backward = min(backward, _stride(right, kinks[i], scales[i], near, extent, far))
            if right - left <= min(forward, backward):
                break
            if forward <= backward:
                left += forward
                borders.append(left)
            else:
                right -= backward
                tail.append(right)
        for i in range(len(tail) - 1, -1, -1):
            borders.append(tail[i])
    return np.array(borders)


@routine
def panel_nodes(borders, x, w):
    """Gauss-Legendre nodes of all panels and the logarithms of their weights."""
    n = len(x)
    nodes, logs = np.empty((len(borders) - 1) * n), np.empty((len(borders) - 1) * n)
    for p in range(len(borders) - 1):
        half = 0.5 * (borders[p + 1] - borders[p])
        middle = 0.5 * (borders[p + 1] + borders[p])
        shift = math.log(half) if half > 0.0 else -700.0
        for j in range(n):
            nodes[p * n + j] = middle + half * x[j]
            logs[p * n + j] = shift + math.log(w[j])
    return nodes, logs


@routine
def gaussian_rule(mu, v, kinks, scales, reach, digits, x, w):
    """(nodes, weights) of the average over N(mu, v) of a function with these kinks."""
    sd = math.sqrt(v)
    distance = 1e300
    # Panels do not resolve a sharper bend than rounding leaves of the place of a node.
    scales = np.maximum(scales, SHARPEST * (abs(mu) + sd))
    for i in range(len(kinks)):
        distance = min(distance, scales[i] + 0.3 * max(0.0, abs(kinks[i] - mu) - reach * sd))
    if distance >= WIDE * sd:
        step = spacing(distance / max(sd, 1e-300), 0.0, digits)
        n = int(math.ceil(reach / step))
        nodes, weights = np.empty(2 * n + 1), np.empty(2 * n + 1)
        total = 0.0
        for j in range(2 * n + 1):
            z = (j - n) * step
            nodes[j] = mu + sd * z
            weights[j] = math.exp(-0.5 * z * z)
            total += weights[j]
        for j in range(2 * n + 1):
            weights[j] /= total
        return nodes, weights
    far = PANEL * sd
    borders = breakpoints(mu - reach * sd, mu + reach * sd, kinks, scales, far, 0.0, far)
    nodes, weights = panel_nodes(borders, x, w)
    size = len(nodes)
    total = 0.0
    for j in range(size):
        z = (nodes[j] - mu) / sd
        weights[j] = math.exp(weights[j] - 0.5 * z * z)
        total += weights[j]
    for j in range(size):
        weights[j] /= total
    return nodes, weights
