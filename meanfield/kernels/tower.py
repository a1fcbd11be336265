"""The tower of derivatives of an Ising spin's Gaussian average, in one sweep over the nodes.

G_k is the k-th derivative in the mean of E T log 2cosh(x/T) over x ~ N(mean, variance); d/dvariance is half a second derivative,
so that six orders and their slopes in T suffice for folds of any equations in mean and variance. Representations as in
`gaussian`: a trapezoidal rule where the spread is below `SWITCH` temperatures, a logistic average of the T = 0 form above.
"""

import math

import numpy as np

from .jit import routine, summing
from .primitives import SQRT_2_OVER_PI, SQRT_HALF, erf_and_gauss, softabs, softabs1, softabs2, softabs_entropy
from .quadrature import gauss_logistic, normal_rule

# Rule 0 traces curves, rule 1 measures its error, rule 2 fills grids (1e-12 of the averages).
TIERS = (0.4, 0.8, 1.5)
SWITCH = 1.5
_RULES = tuple(tuple(normal_rule(2 * b, digits) for b in TIERS) for digits in (44.0, 37.0, 31.0))
_LENGTHS = np.array([[len(z) for z, _ in rules] for rules in _RULES])
_STARTS = np.concatenate([[0], np.cumsum(_LENGTHS.ravel())[:-1]]).reshape(_LENGTHS.shape)
Z = np.concatenate([z for rules in _RULES for z, _ in rules])
WZ = np.concatenate([w for rules in _RULES for _, w in rules])
BEGIN = tuple(int(i) for i in _STARTS.ravel())
END = tuple(int(i) for i in (_STARTS + _LENGTHS).ravel())
V0, WV0 = gauss_logistic(144)
V1, WV1 = gauss_logistic(112)
V2, WV2 = gauss_logistic(128, 1e-15)


@routine
def _spread(variance, T):
    """The standard deviation; zero a little below variance zero, where Newton's steps may pass on the way to its edge."""
    return math.sqrt(max(variance, 0.0)) if variance > -0.01 * T * T else math.nan


@summing
def _nodes(b, rule):
    """(first, last) of the trapezoidal nodes for a spread of b temperatures."""
    row = 3 * int(rule)
    if b < 0.4:
        return BEGIN[row], END[row]
    if b < 0.8:
        return BEGIN[row + 1], END[row + 1]
    return BEGIN[row + 2], END[row + 2]


@summing
def _four_wide(mean, s, R, z, w):
    g1 = g2 = g3 = g4 = 0.0
    for k in range(len(z)):
        x = mean + s * z[k]
        t, d = softabs1(x, R), w[k] * softabs2(x, R)
        g1 += w[k] * t
        g2 += d
        g3 += d * t
        g4 += d * t * t
    return g1, g2, -2.0 * R * g3, R * R * (6.0 * g4 - 2.0 * g2)


@summing
def _four_cold(mean, s, T, v, w):
    g1 = g2 = g3 = g4 = 0.0
    a, b = mean / s, T / s
    for k in range(len(v)):
        y = a + b * v[k]
        e, g = erf_and_gauss(y * SQRT_HALF)
        g = w[k] * g
        g1 += w[k] * e
        g2 += g
        g3 += y * g
        g4 += y * y * g
    c = SQRT_2_OVER_PI / s
    return g1, c * g2, -c * g3 / s, c * (g4 - g2) / (s * s)


@summing
def tower_four(mean, variance, T, R, rule):
    """G_1 .. G_4."""
    s = _spread(variance, T)
    if s * R < SWITCH:
        i, j = _nodes(s * R, rule)
        return _four_wide(mean, s, R, Z[i:j], WZ[i:j])
    if rule == 0.0:
        return _four_cold(mean, s, T, V0, WV0)
    if rule == 1.0:
        return _four_cold(mean, s, T, V1, WV1)
    return _four_cold(mean, s, T, V2, WV2)


@summing
def _state_wide(mean, s, T, R, z, w):
    g0 = h0 = g1 = g2 = g3 = g4 = 0.0
    for k in range(len(z)):
        x = mean + s * z[k]
        t, d = softabs1(x, R), w[k] * softabs2(x, R)
        g0 += w[k] * softabs(x, T, R)
        h0 += w[k] * softabs_entropy(x, R)
        g1 += w[k] * t
        g2 += d
        g3 += d * t
        g4 += d * t * t
    return g0, h0, g1, g2, -2.0 * R * g3, R * R * (6.0 * g4 - 2.0 * g2)


@summing
def _state_cold(mean, s, T, v, w):
    g0 = h0 = g1 = g2 = g3 = g4 = 0.0
    a, b = mean / s, T / s
    for k in range(len(v)):
        y = a + b * v[k]
        e, g = erf_and_gauss(y * SQRT_HALF)
        e, g = w[k] * e, w[k] * g
        g0 += y * e
        h0 += v[k] * e
        g1 += e
        g2 += g
        g3 += y * g
        g4 += y * y * g
    c = SQRT_2_OVER_PI / s
    return s * (g0 + SQRT_2_OVER_PI * g2), h0, g1, c * g2, -c * g3 / s, c * (g4 - g2) / (s * s)


@summing
def tower_state(mean, variance, T, R, rule):
    """G_0, dG_0/dT, G_1 .. G_4."""
    s = _spread(variance, T)
    if s * R < SWITCH:
        i, j = _nodes(s * R, rule)
        return _state_wide(mean, s, T, R, Z[i:j], WZ[i:j])
    if rule == 0.0:
        return _state_cold(mean, s, T, V0, WV0)
    if rule == 1.0:
        return _state_cold(mean, s, T, V1, WV1)
    return _state_cold(mean, s, T, V2, WV2)


@summing
def _full_wide(mean, s, T, R, z, w):
    g0 = g1 = g2 = g3 = g4 = g5 = g6 = 0.0
    h0 = h1 = h2 = h3 = h4 = k0 = 0.0
    for k in range(len(z)):
        x = mean + s * z[k]
        t, d = softabs1(x, R), w[k] * softabs2(x, R)
        tt, y = t * t, x * R
        third, fourth, fifth = -2.0 * t * d, (6.0 * tt - 2.0) * d, (16.0 - 24.0 * tt) * t * d
        g0 += w[k] * softabs(x, T, R)
        g1 += w[k] * t
        g2 += d
        g3 += third
        g4 += fourth
        g5 += fifth
        g6 += (16.0 - 120.0 * tt * (1.0 - tt)) * d
        # T df_k/dT = (1 - k) f_k - x f_(k+1), each f being homogeneous.
        h0 += w[k] * softabs_entropy(x, R)
        h1 -= y * d
        h2 -= d + y * third
        h3 -= 2.0 * third + y * fourth
        h4 -= 3.0 * fourth + y * fifth
        k0 += y * y * d
    r2 = R * R
    return (g0, g1, g2, R * g3, r2 * g4, r2 * R * g5, r2 * r2 * g6,
            h0, h1, R * h2, r2 * h3, r2 * R * h4, k0)


@summing
def _full_cold(mean, s, T, v, w):
    g0 = g1 = g2 = g3 = g4 = g5 = g6 = 0.0
    h0 = h1 = h2 = h3 = h4 = k0 = 0.0
    a, b = mean / s, T / s
    for k in range(len(v)):
        y = a + b * v[k]
        e, g = erf_and_gauss(y * SQRT_HALF)
        e, g = w[k] * e, w[k] * g
        yy = y * y
        third, fourth, fifth = -y * g, (yy - 1.0) * g, (3.0 - yy) * y * g
        g0 += y * e
        g1 += e
        g2 += g
        g3 += third
        g4 += fourth
        g5 += fifth
        g6 += (yy * (yy - 6.0) + 3.0) * g
        h0 += v[k] * e
        h1 += v[k] * g
        h2 += v[k] * third
        h3 += v[k] * fourth
        h4 += v[k] * fifth
        k0 += v[k] * v[k] * g
    r = 1.0 / s
    c = SQRT_2_OVER_PI * r
    r2, r3 = c * r, c * r * r
    return (s * (g0 + SQRT_2_OVER_PI * g2), g1, c * g2, r2 * g3, r3 * g4, r3 * r * g5, r3 * r * r * g6,
            h0, c * h1, r2 * h2, r3 * h3, r3 * r * h4, c * k0)


@summing
def tower_full(mean, variance, T, R, rule):
    """G_0 .. G_6, dG_0/dT .. dG_4/dT, d2G_0/dT2."""
    s = _spread(variance, T)
    if s * R < SWITCH:
        i, j = _nodes(s * R, rule)
        return _full_wide(mean, s, T, R, Z[i:j], WZ[i:j])
    if rule == 0.0:
        return _full_cold(mean, s, T, V0, WV0)
    if rule == 1.0:
        return _full_cold(mean, s, T, V1, WV1)
    return _full_cold(mean, s, T, V2, WV2)


@summing
def soft_four(x, T, R, rule):
    """G_1 .. G_4 at variance zero."""
    t, d = softabs1(x, R), softabs2(x, R)
    return t, d, -2.0 * R * t * d, R * R * (6.0 * t * t - 2.0) * d


@summing
def soft_state(x, T, R, rule):
    """G_0, dG_0/dT, G_1 .. G_4 at variance zero."""
    t, d = softabs1(x, R), softabs2(x, R)
    return softabs(x, T, R), softabs_entropy(x, R), t, d, -2.0 * R * t * d, R * R * (6.0 * t * t - 2.0) * d


@summing
def soft_full(x, T, R, rule):
    """As `tower_full`, at variance zero."""
    t, d = softabs1(x, R), softabs2(x, R)
    tt, y = t * t, x * R
    third, fourth, fifth = -2.0 * t * d, (6.0 * tt - 2.0) * d, (16.0 - 24.0 * tt) * t * d
    sixth = (16.0 - 120.0 * tt * (1.0 - tt)) * d
    r2 = R * R
    return (softabs(x, T, R), t, d, R * third, r2 * fourth, r2 * R * fifth, r2 * r2 * sixth, softabs_entropy(x, R),
            -y * d, -R * (d + y * third), -r2 * (2.0 * third + y * fourth), -r2 * R * (3.0 * fourth + y * fifth), y * y * d)
