"""Site functions and channel functions at the bottom of the recursion.

`fill_*` writes one column per node: value, slope, curvature, temperature derivative, weights.
"""

import math
from itertools import pairwise

import numpy as np

from ..kernels.jit import routine
from .normal import LOG_ROOT_2PI, excess_hazard, log_between

# Distance from the gate's nearest edge, in units of sqrt(delta), beyond which its tail is expanded.
TAIL = 6.0
VALUE, SLOPE, BEND, HEAT, FIRST = 0, 1, 2, 3, 4


def envelope(slopes, levels):
    """Upper envelope of the lines levels + slopes y: (states from left to right, kinks between them).

    Of several lines of one slope the highest counts; lines that touch the envelope in one point do not.
    """
    chain, kinks = [], []
    for i in sorted(range(len(slopes)), key=lambda s: (slopes[s], -levels[s], s)):
        if chain and slopes[chain[-1]] == slopes[i]:
            continue
        y = -math.inf
        while chain:
            j = chain[-1]
            y = (levels[j] - levels[i]) / (slopes[i] - slopes[j])
            if len(chain) == 1 or y > kinks[-1]:
                break
            chain.pop()
            kinks.pop()
        if chain:
            kinks.append(y)
        chain.append(i)
    return np.array(chain), np.array(kinks, dtype=float)


def shares(slopes, levels, states):
    """Which states have the line of each piece of the envelope, as equal shares: (pieces, S)."""
    same = (slopes == slopes[states][:, None]) & (levels == levels[states][:, None])
    return same / same.sum(axis=1, keepdims=True)


@routine
def fill_states(nodes, slopes, levels, T, kappa, table):
    """The leaf T log sum_s exp((l_s + a_s y)/T) + kappa y**2/2 at T > 0."""
    R = 1.0 / T
    for k in range(len(nodes)):
        y = nodes[k]
        top = -math.inf
        for s in range(len(slopes)):
            top = max(top, levels[s] + slopes[s] * y)
        total = slope = depth = 0.0
        for s in range(len(slopes)):
            t = (levels[s] + slopes[s] * y - top) * R
            e = math.exp(t) if t > -745.0 else 0.0
            table[FIRST + s, k] = e
            total += e
            slope += e * slopes[s]
            depth += e * t if e > 0.0 else 0.0
        inverse = 1.0 / total
        slope *= inverse
        bend = 0.0
        for s in range(len(slopes)):
            table[FIRST + s, k] *= inverse
            bend += table[FIRST + s, k] * (slopes[s] - slope) ** 2
        entropy = math.log(total)
        table[VALUE, k] = top + T * entropy + 0.5 * kappa * y * y
        table[SLOPE, k] = slope + kappa * y
        table[BEND, k] = bend * R + kappa
        table[HEAT, k] = entropy - depth * inverse


@routine
def gate_probability(edges, values, mean, sd):
    """(E Phi, E Phi') of a piecewise constant gate Phi for an argument ~ N(mean, sd**2)."""
    total = slope = 0.0
    for j in range(len(values)):
        if values[j] > 0.0:
            a = (edges[j - 1] - mean) / sd if j > 0 else -math.inf
            b = (edges[j] - mean) / sd if j < len(edges) else math.inf
            total += values[j] * math.exp(log_between(a, b)) if b > a else 0.0
    for e in range(len(edges)):
        B = (edges[e] - mean) / sd
        slope += (values[e + 1] - values[e]) * math.exp(-0.5 * B * B - LOG_ROOT_2PI) / sd
    return total, slope


@routine
def gate_probabilities(edges, values, means, sd):
    """`gate_probability` for many means."""
    totals, slopes = np.empty(len(means)), np.empty(len(means))
    for k in range(len(means)):
        totals[k], slopes[k] = gate_probability(edges, values, means[k], sd)
    return totals, slopes


@routine
def fill_channel(nodes, edges, values, delta, table):
    """log E Phi(u + sqrt(delta) z) of a piecewise constant gate; weights are the shares of its pieces."""
    s = math.sqrt(delta)
    n = len(values)
    for k in range(len(nodes)):
        u = nodes[k]
        top = -math.inf
        for j in range(n):
            a = (edges[j - 1] - u) / s if j > 0 else -math.inf
            b = (edges[j] - u) / s if j < n - 1 else math.inf
            t = math.log(values[j]) + log_between(a, b) if values[j] > 0.0 else -math.inf
            table[FIRST + j, k] = t
            top = max(top, t)
        total = 0.0
        for j in range(n):
            total += math.exp(table[FIRST + j, k] - top)
        value = top + math.log(total)
        for j in range(n):
            table[FIRST + j, k] = math.exp(table[FIRST + j, k] - value)
        slope = second = 0.0
        for e in range(n - 1):
            B = (edges[e] - u) / s
            density = (values[e + 1] - values[e]) * math.exp(-0.5 * B * B - LOG_ROOT_2PI - value)
            slope += density
            second += density * B
        table[VALUE, k] = value
        table[SLOPE, k] = slope / s
        table[BEND, k] = (second - slope * slope) / delta
        table[HEAT, k] = 0.0
        _refine_tail(table[:, k], u, edges, values, s)


@routine
def _refine_tail(column, u, edges, values, s):
    """Value, slope and curvature far outside the gate, where they are differences of large numbers.

    E Phi = c + sum_e jump_e Q(distance_e), c the gate's value at u; the nearest edge's term is taken out.
    """
    near, base = -1, values[0]
    for e in range(len(edges)):
        if near < 0 or abs(edges[e] - u) < abs(edges[near] - u):
            near = e
        if edges[e] <= u:
            base = values[e + 1]
    B = (edges[near] - u) / s if near >= 0 else 0.0
    sign = 1.0 if B > 0.0 else -1.0
    jump = sign * (values[near + 1] - values[near]) if near >= 0 else 0.0
    if abs(B) < TAIL or jump <= 0.0 or (base > 0.0 and 0.5 * B * B + math.log(base / jump) > 2.0):
        return
    B = abs(B)
    excess = excess_hazard(B)
    log_tail = -LOG_ROOT_2PI - math.log(B + excess)
    extra_tail = base / jump * math.exp(0.5 * B * B - log_tail) if base > 0.0 else 0.0
    extra_density = moment = 0.0
    for e in range(len(edges)):
        if e != near:
            C = (edges[e] - u) / s
            ratio = (values[e + 1] - values[e]) / (sign * jump) * math.exp(-0.5 * (abs(C) - B) * (abs(C) + B))
            extra_density += ratio
            moment += ratio * (C - sign * B)
            extra_tail += math.copysign(ratio, C * sign * ratio) * (B + excess) / (abs(C) + excess_hazard(abs(C)))
    hazard = (B + excess) * (1.0 + extra_density) / (1.0 + extra_tail)
    beyond = excess + (B + excess) * (extra_density - extra_tail) / (1.0 + extra_tail)
    column[VALUE] = -0.5 * B * B + log_tail + math.log(jump) + math.log1p(extra_tail)
    column[SLOPE] = sign * hazard / s
    column[BEND] = hazard * (sign * moment / (1.0 + extra_density) - beyond) / (s * s)


def channel_kinks(edges, values, delta):
    """Where the channel function bends and how sharply.

    Besides the edges these are the points where the tail of one piece, log c - distance**2 / (2 delta),
    meets another piece of smaller value or, inside a gap, the tail of another.

    Returns
    -------
    (places, sorted; distance of the singularities from the real axis there; largest jump of the slope)
    """
    s, pieces = math.sqrt(delta), [j for j in range(len(values)) if values[j] > 0.0]
    meetings = []
    for low in pieces:
        for high in pieces:
            if values[high] > 4.0 * values[low]:
                depth = math.sqrt(2.0 * delta * (math.log(values[high]) - math.log(values[low])))
                meetings += [(edge + sign * depth, depth) for edge in edges for sign in (-1.0, 1.0)]
    for left, right in pairwise(pieces):
        if right > left + 1:
            a, b = edges[left], edges[right - 1]
            meetings.append((0.5 * (a + b) - delta * (math.log(values[right]) - math.log(values[left])) / (b - a), b - a))
    places = [(edge, 2.0 * s) for edge in edges] + [(u, min(2.0 * s, math.pi * delta / width)) for u, width in meetings]
    kinks, scales = np.array(sorted(set(places)), dtype=float).reshape(-1, 2).T.copy()
    return kinks, scales, max((width for _, width in meetings), default=0.0) / delta
