"""Site functions and channel functions at the bottom of the recursion.

`fill_*` writes one line per node: value, slope, curvature, temperature derivative, weights.
"""

import math

import numpy as np

from ..kernels.jit import routine
from .normal import LOG_ROOT_2PI, log_between

VALUE, SLOPE, BEND, HEAT, FIRST = 0, 1, 2, 3, 4


@routine
def envelope(slopes, levels):
    """Upper envelope of the lines levels + slopes y: (states from left to right, kinks between them).

    Of several lines of one slope the highest counts; lines that touch the envelope in one point do not.
    """
    order = np.argsort(slopes)
    chain = np.empty(len(slopes), np.int64)
    kinks = np.empty(len(slopes))
    n = 0
    for i in order:
        if n and slopes[chain[n - 1]] == slopes[i]:
            if levels[i] <= levels[chain[n - 1]]:
                continue
            n -= 1
        while n:
            j = chain[n - 1]
            y = (levels[j] - levels[i]) / (slopes[i] - slopes[j])
            if n == 1 or y > kinks[n - 2]:
                kinks[n - 1] = y
                break
            n -= 1
        chain[n] = i
        n += 1
    return chain[:n].copy(), kinks[:max(n - 1, 0)].copy()


@routine
def fill_lines(nodes, slopes, levels, table):
    """The leaf at T = 0 without its kinks' curvature; states of equal slope and level share the weight."""
    for k in range(len(nodes)):
        y = nodes[k]
        top = -math.inf
        for s in range(len(slopes)):
            top = max(top, levels[s] + slopes[s] * y)
        margin = 8e-16 * (1.0 + abs(top))
        shared, slope = 0.0, 0.0
        for s in range(len(slopes)):
            won = 1.0 if levels[s] + slopes[s] * y >= top - margin else 0.0
            table[k, FIRST + s] = won
            shared += won
            slope += won * slopes[s]
        for s in range(len(slopes)):
            table[k, FIRST + s] /= shared
        table[k, VALUE] = top
        table[k, SLOPE] = slope / shared
        table[k, BEND] = 0.0
        table[k, HEAT] = math.log(shared)


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
            table[k, FIRST + s] = e
            total += e
            slope += e * slopes[s]
            depth += e * t if e > 0.0 else 0.0
        inverse = 1.0 / total
        slope *= inverse
        bend = 0.0
        for s in range(len(slopes)):
            table[k, FIRST + s] *= inverse
            bend += table[k, FIRST + s] * (slopes[s] - slope) ** 2
        entropy = math.log(total)
        table[k, VALUE] = top + T * entropy + 0.5 * kappa * y * y
        table[k, SLOPE] = slope + kappa * y
        table[k, BEND] = bend * R + kappa
        table[k, HEAT] = entropy - depth * inverse


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
            table[k, FIRST + j] = t
            top = max(top, t)
        total = 0.0
        for j in range(n):
            total += math.exp(table[k, FIRST + j] - top)
        value = top + math.log(total)
        for j in range(n):
            table[k, FIRST + j] = math.exp(table[k, FIRST + j] - value)
        slope = second = 0.0
        for e in range(n - 1):
            B = (edges[e] - u) / s
            density = (values[e + 1] - values[e]) * math.exp(-0.5 * B * B - LOG_ROOT_2PI - value)
            slope += density
            second += density * B
        table[k, VALUE] = value
        table[k, SLOPE] = slope / s
        table[k, BEND] = (second - slope * slope) / delta
        table[k, HEAT] = 0.0


@routine
def channel_kinks(edges, values, delta):
    """Where the channel function bends, sorted, and the distance of its singularities there.

    Besides the edges: the depth at which a small value of the gate takes over from a tail.
    """
    n = len(values)
    kinks, scales = np.empty(len(edges) * (1 + 2 * n * n)), np.empty(len(edges) * (1 + 2 * n * n))
    m = 0
    s = math.sqrt(delta)
    for e in range(len(edges)):
        kinks[m], scales[m] = edges[e], 2.8 * s
        m += 1
        for i in range(n):
            for j in range(n):
                if values[j] > 4.0 * values[i] and values[i] > 0.0:
                    depth = math.sqrt(2.0 * delta * math.log(values[j] / values[i]))
                    for sign in (-1.0, 1.0):
                        kinks[m], scales[m] = edges[e] + sign * depth, min(2.8 * s, math.pi * delta / depth)
                        m += 1
    order = np.argsort(kinks[:m])
    return kinks[order], scales[order]
