"""Site functions and channel functions at the bottom of the recursion.

`fill_*` writes one column per node: value, slope, curvature, temperature derivative, weights.
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
def shares(slopes, levels, states):
    """Which states have the line of each piece of the envelope, as equal shares: (pieces, S)."""
    out = np.zeros((len(states), len(slopes)))
    for i in range(len(states)):
        for s in range(len(slopes)):
            same = slopes[s] == slopes[states[i]] and levels[s] == levels[states[i]]
            out[i, s] = 1.0 if same else 0.0
        out[i] /= out[i].sum()
    return out


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
        kinks[m], scales[m] = edges[e], 2.0 * s
        m += 1
        for i in range(n):
            for j in range(n):
                if values[j] > 4.0 * values[i] and values[i] > 0.0:
                    depth = math.sqrt(2.0 * delta * math.log(values[j] / values[i]))
                    for sign in (-1.0, 1.0):
                        kinks[m], scales[m] = edges[e] + sign * depth, min(2.0 * s, math.pi * delta / depth)
                        m += 1
    order = np.argsort(kinks[:m])
    return kinks[order], scales[order]
