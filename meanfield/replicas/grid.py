"""The levels of the recursion between leaf and outermost average, on one uniform grid.

Each level's convolution is a trapezoidal sum. Where its spacing can be a multiple of the grid's no
interpolation is needed; a narrower Gaussian is sampled by Lagrange interpolation of `TAPS` points,
whose weights are the same for every point of the grid.
"""

import math

import numpy as np

from ..kernels.jit import routine, summing
from ..kernels.primitives import exp
from .rules import spacing
from .steps import GENTLE, gain_ratio

TAPS = 12
# Spacing, in units of the distance of the singularities, at which 12 points interpolate to 1e-13.
INTERPOLABLE = 0.0436
LARGEST = 60000


@routine
def _lagrange(shift, taps):
    """Weights of the points 0..TAPS-1 for the value at `shift`, near the middle."""
    for i in range(TAPS):
        weight = 1.0
        for j in range(TAPS):
            if j != i:
                weight *= (shift - j) / (i - j)
        taps[i] = weight


@routine
def plan(variances, distances, narrowing, digits, coarsen):
    """Grid spacing and, for each level below the leaf's, how many grid steps apart its nodes lie (0: interpolate).

    Parameters
    ----------
    variances, distances, narrowing : of the levels 0..k-1
    """
    n = len(variances)
    allowed = np.empty(n)
    smallest = math.inf
    for i in range(n):
        sd = math.sqrt(variances[i])
        allowed[i] = sd * spacing(distances[i] / sd, narrowing[i], digits) if sd > 0.0 else math.inf
        smallest = min(smallest, allowed[i])
    fine = coarsen * INTERPOLABLE * distances.min()
    h = max(smallest, fine) if smallest < math.inf else fine
    strides = np.zeros(n, np.int64)
    for i in range(n):
        strides[i] = int(min(allowed[i] / h * (1.0 + 1e-12), 1e6))
    return h, strides


@routine
def offsets(v, low, high, h, stride, allowed):
    """Nodes of one level: grid offset of each, its taps, and log weight.

    Parameters
    ----------
    low, high : extent of the nodes around the target
    stride : grid steps between the nodes; 0 takes the spacing `allowed` and interpolates
    """
    if v <= 0.0:
        return np.zeros(1, np.int64), np.ones((1, 1)), np.zeros(1)
    step = stride * h if stride > 0 else allowed
    first, last = int(math.floor(low / step)), int(math.ceil(high / step))
    n = last - first + 1
    shifts, logs = np.empty(n, np.int64), np.empty(n)
    taps = np.ones((n, 1 if stride > 0 else TAPS))
    shift_log = math.log(step / math.sqrt(2.0 * math.pi * v))
    for j in range(n):
        y = (first + j) * step
        logs[j] = shift_log - 0.5 * y * y / v
        if stride > 0:
            shifts[j] = (first + j) * stride
        else:
            place = y / h
            shifts[j] = int(math.floor(place)) - (TAPS // 2 - 1)
            _lagrange(place - shifts[j], taps[j])
    return shifts, taps, logs


@summing
def _shifted(source, start, taps, out):
    for n in range(len(out)):
        out[n] = 0.0
    for t in range(len(taps)):
        c = taps[t]
        part = source[start + t:start + t + len(out)]
        for n in range(len(out)):
            out[n] += c * part[n]


@routine
def padded(phi, mean, curve, pad, h, bending):
    """The three functions with `pad` more points at each end: straight lines, or parabolas where that is allowed."""
    n = len(phi)
    out = np.empty((3, n + 2 * pad))
    out[0, pad:pad + n], out[1, pad:pad + n], out[2, pad:pad + n] = phi, mean, curve
    for side in range(2):
        e = 0 if side == 0 else n - 1
        S = min(0.0, curve[e]) if bending else 0.0
        for j in range(pad):
            at = pad - 1 - j if side == 0 else pad + n + j
            dy = -(j + 1) * h if side == 0 else (j + 1) * h
            out[0, at] = phi[e] + dy * (mean[e] + 0.5 * S * dy)
            out[1, at] = mean[e] + S * dy
            out[2, at] = S
    return out


@summing
def _tops(F, logs, D, top, low, high):
    for n in range(F.shape[1]):
        top[n], low[n], high[n] = -1e300, 1e300, -1e300
    for j in range(F.shape[0]):
        for n in range(F.shape[1]):
            top[n] = max(top[n], logs[j] + D * F[j, n])
            low[n] = min(low[n], F[j, n])
            high[n] = max(high[n], F[j, n])


@summing
def _means(F, weights, mean):
    for n in range(len(mean)):
        mean[n] = 0.0
    for j in range(F.shape[0]):
        w = weights[j]
        for n in range(len(mean)):
            mean[n] += w * F[j, n]


@summing
def _totals(F, logs, D, top, total):
    for n in range(len(top)):
        total[n] = 0.0
    for j in range(F.shape[0]):
        for n in range(len(top)):
            total[n] += exp(logs[j] + D * F[j, n] - top[n])


@routine
def _values(F, logs, D, phi, gain):
    """The level above's function by log-sum-exp; about the mean, with dP/dD as well, where the exponent is small.

    Returns whether the exponent is small.
    """
    n = len(phi)
    top, low, high, total = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    _tops(F, logs, D, top, low, high)
    if D * (high - low).max() >= GENTLE:
        _totals(F, logs, D, top, total)
        for i in range(n):
            phi[i] = (top[i] + math.log(total[i])) / D
        return False
    weights = np.exp(logs)
    weights /= weights.sum()
    _means(F, weights, phi)
    gain[:] = 0.0
    for i in range(n):
        excess = 0.0
        if D > 0.0:
            for j in range(len(logs)):
                excess += weights[j] * math.expm1(D * (F[j, i] - phi[i]))
            phi[i] += math.log1p(excess) / D
        for j in range(len(logs)):
            rise = F[j, i] - phi[i]
            gain[i] += weights[j] * gain_ratio(D * rise) * rise * rise
    return True


@summing
def _tilts(F, logs, D, phi, P):
    for j in range(F.shape[0]):
        for n in range(len(phi)):
            P[j, n] = exp(logs[j] + D * (F[j, n] - phi[n]))


@summing
def _gains(P, F, D, phi, gain):
    for n in range(len(phi)):
        gain[n] = 0.0
    for j in range(P.shape[0]):
        for n in range(len(phi)):
            gain[n] += P[j, n] * (F[j, n] - phi[n]) / D


@summing
def _weighted(P, G, mean, square):
    for j in range(P.shape[0]):
        for n in range(P.shape[1]):
            a = P[j, n] * G[j, n]
            mean[n] += a
            square[n] += a * G[j, n]


@routine
def step(source, pad, D, shifts, taps, logs, phi, mean, curve, gain):
    """One level: fills its functions and dP/dD there; returns the tilted probabilities of the nodes, (nodes, points)."""
    n, m = len(phi), len(logs)
    F, G = np.empty((m, n)), np.empty((m, n))
    for j in range(m):
        _shifted(source[0], pad + shifts[j], taps[j], F[j])
    gentle = _values(F, logs, D, phi, gain)
    P = np.empty((m, n))
    _tilts(F, logs, D, phi, P)
    if not gentle:
        _gains(P, F, D, phi, gain)
    square, unused = np.zeros(n), np.zeros(n)
    mean[:] = 0.0
    curve[:] = 0.0
    for j in range(m):
        _shifted(source[1], pad + shifts[j], taps[j], G[j])
    _weighted(P, G, mean, square)
    for j in range(m):
        _shifted(source[2], pad + shifts[j], taps[j], G[j])
    _weighted(P, G, curve, unused)
    for i in range(n):
        curve[i] += D * (square[i] - mean[i] * mean[i])
    return P


@summing
def _spread(P, weights, shifts, taps, pad, out):
    for j in range(P.shape[0]):
        for t in range(taps.shape[1]):
            c = taps[j, t]
            part = out[pad + shifts[j] + t:pad + shifts[j] + t + len(weights)]
            for n in range(len(weights)):
                part[n] += c * P[j, n] * weights[n]


@routine
def spread(P, weights, shifts, taps, pad):
    """Weights of this level's points from those of the level above; what falls beyond the grid goes to its ends."""
    n = len(weights)
    out = np.zeros(n + 2 * pad)
    _spread(P, weights, shifts, taps, pad, out)
    inner = out[pad:pad + n].copy()
    inner[0] += out[:pad].sum()
    inner[n - 1] += out[pad + n:].sum()
    return inner
