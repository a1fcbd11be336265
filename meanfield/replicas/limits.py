"""Ends of branches where an overlap reaches its largest value: C -> 0, on the border of the equations' domain.

There C times the leaf log E gate(y + sqrt(C) z) of a constraint becomes -d(y)^2/2, d the distance of y from the nearest
value that the gate allows, and the sites become those at zero temperature with a Gaussian field of variance V = load E d^2 and
unit response.
"""

import math

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

from .moments import finite_moments

__all__ = ["capacity"]

# A branch whose response has fallen below this at its end ends at C = 0.
SMALL = 1e-3
# Brackets of the place of the limit around the end of the branch, in units of the range.
REACH = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)


def capacity(line, sector, path, side):
    """The t at which C = 0 on the branch beyond the end `side` of a path; None where it does not end there."""
    if not _collapses(line, sector, path, side):
        return None
    end = path.nodes[-1 if side else 0].t
    ahead = 1 if end > path.nodes[len(path.nodes) // 2].t else -1
    excess = lambda t: _load(line, t) * _spread(line, t) - _variance(line)
    for reach in REACH:
        a, b = end - 0.1 * reach * ahead, end + reach * ahead
        if excess(a) * excess(b) < 0:
            return float(brentq(excess, a, b, xtol=1e-16, rtol=1e-15))
    return None


def _collapses(line, sector, path, side):
    theory = line.theory
    if theory.channel is None or theory.teacher or theory.steps or len(path.nodes) < 3 or path.ends[side] == "edge":
        return False
    o, = theory.overlaps
    position = sector.free.index(line.saddle.names.index(str(o.C)))
    last, before = (path.nodes[-1], path.nodes[-3]) if side else (path.nodes[0], path.nodes[2])
    return bool(last.z[position] < min(SMALL, before.z[position]) and _forbids(line, last.t))


def _forbids(line, t):
    gate = line.system(t).gate
    return not callable(gate[1]) and (np.asarray(gate[1]) == 0).any()


def _load(line, t):
    return line.system(t).load


def _spread(line, t):
    """E d(y)^2 with y of variance q_d."""
    edges, values, _ = line.system(t).gate
    o, = line.theory.overlaps
    scale = math.sqrt(float(o.diagonal))
    bounds = [-math.inf, *(np.asarray(edges) / scale), math.inf]
    pieces = [(a, b) for a, b, value in zip(bounds, bounds[1:], values) if value == 0]
    return scale**2 * sum(_square(a, b) for a, b in pieces)


def _square(a, b):
    """E min(y - a, b - y)^2 over a < y < b, y standard normal."""
    if a == -math.inf:
        return _moment(a, b, b)
    if b == math.inf:
        return _moment(a, b, a)
    middle = (a + b) / 2
    return _moment(a, middle, a) + _moment(middle, b, b)


def _moment(low, high, c):
    """E (y - c)^2 over low < y < high."""
    if low >= 0 and high == math.inf:
        low, high, c = -high, -low, -c
    return _primitive(high, c) - _primitive(low, c)


def _primitive(y, c):
    if math.isinf(y):
        return 0.0 if y < 0 else 1 + c * c
    return (1 + c * c) * ndtr(y) - (y - 2 * c) * math.exp(-y * y / 2) / math.sqrt(2 * math.pi)


def _variance(line):
    """The variance of the field at which the sites respond with C = 1 at zero temperature."""
    layer, = line.theory.layers
    o, = line.theory.overlaps
    if layer.site.kind == "spherical":
        return float(o.diagonal)
    slopes = [float(state[o.variable]) for _, state in layer.site.enumerate()]
    respond = lambda log: finite_moments(slopes, np.zeros(len(slopes)), 0.0, [math.exp(log)], [], 0.0).curvature - 1
    return math.exp(brentq(respond, -8.0, 8.0, xtol=1e-16, rtol=1e-15))
