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
# Spacing, in units of the distance of the singularities, at which 12 points interpolate squared slopes to 1e-13.
INTERPOLABLE = 0.03
LARGEST = 60000


def _lagrange(shift):
    """Weights of the points 0..TAPS-1 for the value at `shift` (an array), near the middle: (len, TAPS)."""
    points = np.arange(TAPS)
    out = np.ones((len(shift), TAPS))
    for i in points:
        for j in points:
            if i != j:
                out[:, i] *= (shift - j) / (i - j)
    return out


def plan(variances, distances, narrowing, digits, coarsen):
    """Grid spacing and, for each level below the leaf's, how many grid steps apart its nodes lie (0: interpolate).

    Parameters
    ----------
    variances, distances, narrowing : of the levels 0..k-1
    """
    fine = coarsen * INTERPOLABLE * distances.min()
    sd = [math.sqrt(v) for v in variances]
    allowed = [s * spacing(d / s, c, digits) if s > 0.0 else math.inf for s, d, c in zip(sd, distances, narrowing, strict=True)]
    h = max(min(allowed), fine) if min(allowed) < math.inf else fine
    return h, np.array([int(min(a / h * (1.0 + 1e-12), 1e6)) for a in allowed])


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
    index = np.arange(math.floor(low / step), math.ceil(high / step) + 1)
    logs = math.log(step / math.sqrt(2.0 * math.pi * v)) - 0.5 * (index * step) ** 2 / v
    if stride > 0:
        return index * stride, np.ones((len(index), 1)), logs
    places = index * (step / h)
    shifts = np.floor(places).astype(np.int64) - (TAPS // 2 - 1)
    return shifts, _lagrange(places - shifts), logs


@summing
def _shifted(source, pad, shifts, taps, F):
    for j in range(F.shape[0]):
        out = F[j]
        for n in range(len(out)):
            out[n] = 0.0
        for t in range(taps.shape[1]):
            c = taps[j, t]
            part = source[pad + shifts[j] + t:pad + shifts[j] + t + len(out)]
            for n in range(len(out)):
                out[n] += c * part[n]


def padded(phi, mean, curve, pad, h, bending):
    """The three functions with `pad` more points at each end: straight lines, or parabolas where that is allowed."""
    n, reach = len(phi), h * np.arange(1, pad + 1)
    out = np.empty((3, n + 2 * pad))
    out[:, pad:pad + n] = phi, mean, curve
    for e, dy, part in ((0, -reach[::-1], out[:, :pad]), (n - 1, reach, out[:, pad + n:])):
        S = min(0.0, curve[e]) if bending else 0.0
        part[0] = phi[e] + dy * (mean[e] + 0.5 * S * dy)
        part[1] = mean[e] + S * dy
        part[2] = S
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
def _totals(F, logs, D, top, total):
    for n in range(len(top)):
        total[n] = 0.0
    for j in range(F.shape[0]):
        for n in range(len(top)):
            total[n] += exp(logs[j] + D * F[j, n] - top[n])


@routine
def _gentle(F, weights, D, phi, gain):
    """The level above about the mean, and dP/dD, where the exponent is small."""
    for i in range(len(phi)):
        excess = 0.0
        gain[i] = 0.0
        for j in range(len(weights)):
            excess += weights[j] * math.expm1(D * (F[j, i] - phi[i]))
        phi[i] += math.log1p(excess) / D if D > 0.0 else 0.0
        for j in range(len(weights)):
            rise = F[j, i] - phi[i]
            gain[i] += weights[j] * gain_ratio(D * rise) * rise * rise


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
    for n in range(len(mean)):
        mean[n] = square[n] = 0.0
    for j in range(P.shape[0]):
        for n in range(P.shape[1]):
            a = P[j, n] * G[j, n]
            mean[n] += a
            square[n] += a * G[j, n]


def step(source, pad, D, shifts, taps, logs, phi, mean, curve, gain):
    """One level: fills its functions and dP/dD there; returns the tilted probabilities of the nodes, (nodes, points)."""
    n, m = len(phi), len(logs)
    F, P = np.empty((m, n)), np.empty((m, n))
    _shifted(source[0], pad, shifts, taps, F)
    top, low, high, square = (np.empty(n) for _ in range(4))
    _tops(F, logs, D, top, low, high)
    gentle = D * (high - low).max() < GENTLE
    if gentle:
        weights = np.exp(logs) / np.exp(logs).sum()
        np.matmul(weights, F, out=phi)
        _gentle(F, weights, D, phi, gain)
    else:
        _totals(F, logs, D, top, phi)
        np.divide(top + np.log(phi), D, out=phi)
    _tilts(F, logs, D, phi, P)
    if not gentle:
        _gains(P, F, D, phi, gain)
    _shifted(source[1], pad, shifts, taps, F)
    _weighted(P, F, mean, square)
    _shifted(source[2], pad, shifts, taps, F)
    _weighted(P, F, curve, top)
    curve += D * (square - mean * mean)
    return P


@summing
def _spread(P, weights, shifts, taps, pad, out):
    for j in range(P.shape[0]):
        for t in range(taps.shape[1]):
            c = taps[j, t]
            part = out[pad + shifts[j] + t:pad + shifts[j] + t + len(weights)]
            for n in range(len(weights)):
                part[n] += c * P[j, n] * weights[n]


def spread(P, weights, shifts, taps, pad):
    """Weights of this level's points from those of the level above; what falls beyond the grid goes to its ends."""
    n = len(weights)
    out = np.zeros(n + 2 * pad)
    _spread(P, weights, shifts, taps, pad, out)
    inner = out[pad:pad + n].copy()
    inner[0] += out[:pad].sum()
    inner[n - 1] += out[pad + n:].sum()
    return inner
