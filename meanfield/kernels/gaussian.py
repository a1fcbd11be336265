"""Gaussian averages of an Ising spin's functions, exponentially accurate at every temperature.

With b = (standard deviation)/T, the trapezoidal rule is exact to rounding for small b. For large b
tanh(h/T) = E_v sign(h + T v), v of density sech(v)**2 / 2, turns the average into a logistic
average of its T = 0 form (error functions), which is smoother the colder it is.
"""

import math

from .jit import summing
from .primitives import SQRT_2_OVER_PI, SQRT_HALF, erf_and_gauss, softabs, softabs1, softabs2, softabs3, softabs4, softabs_entropy
from .quadrature import gauss_logistic, trapezoid

SWITCH = 1.5

# Rule 0 is the one used; rule 1, coarser, measures the error of the other.
Z0, WZ0 = trapezoid(96)
Z1, WZ1 = trapezoid(82)
V0, WV0 = gauss_logistic(128)
V1, WV1 = gauss_logistic(100)


@summing
def _value_wide(mean, s, T, R, z, w):
    value = entropy = 0.0
    for k in range(len(z)):
        x = mean + s * z[k]
        value += w[k] * softabs(x, T, R)
        entropy += w[k] * softabs_entropy(x, R)
    return value, entropy


@summing
def _value_cold(mean, s, T, v, w):
    value = entropy = 0.0
    scale = SQRT_HALF / s
    for k in range(len(v)):
        y = mean + T * v[k]
        e, g = erf_and_gauss(y * scale)
        value += w[k] * (y * e + SQRT_2_OVER_PI * s * g)
        entropy += w[k] * v[k] * e
    return value, entropy


@summing
def _slopes_wide(mean, s, R, z, w):
    first = second = 0.0
    for k in range(len(z)):
        x = mean + s * z[k]
        first += w[k] * softabs1(x, R)
        second += w[k] * softabs2(x, R)
    return first, second


@summing
def _slopes_cold(mean, s, T, v, w):
    first = second = 0.0
    scale = SQRT_HALF / s
    for k in range(len(v)):
        e, g = erf_and_gauss((mean + T * v[k]) * scale)
        first += w[k] * e
        second += w[k] * g
    return first, second * (SQRT_2_OVER_PI / s)


@summing
def _bends_wide(mean, s, R, z, w):
    third = fourth = 0.0
    for k in range(len(z)):
        x = mean + s * z[k]
        third += w[k] * softabs3(x, R)
        fourth += w[k] * softabs4(x, R)
    return third, fourth


@summing
def _bends_cold(mean, s, T, v, w):
    third = fourth = 0.0
    scale = SQRT_HALF / s
    for k in range(len(v)):
        t = (mean + T * v[k]) / s
        _, g = erf_and_gauss((mean + T * v[k]) * scale)
        third -= w[k] * t * g
        fourth += w[k] * (t * t - 1.0) * g
    scale = SQRT_2_OVER_PI / (s * s)
    return third * scale, fourth * scale / s


@summing
def gauss_value(mean, variance, T, R, rule):
    """(E T log 2cosh(x/T), its T-derivative) over x ~ N(mean, variance)."""
    s = math.sqrt(variance)
    if s * R < SWITCH:
        if rule == 0.0:
            return _value_wide(mean, s, T, R, Z0, WZ0)
        return _value_wide(mean, s, T, R, Z1, WZ1)
    if rule == 0.0:
        return _value_cold(mean, s, T, V0, WV0)
    return _value_cold(mean, s, T, V1, WV1)


@summing
def gauss_slopes(mean, variance, T, R, rule):
    """First and second derivative in the mean of `gauss_value`: E tanh(x/T) and (1/T) E sech(x/T)**2."""
    s = math.sqrt(variance)
    if s * R < SWITCH:
        if rule == 0.0:
            return _slopes_wide(mean, s, R, Z0, WZ0)
        return _slopes_wide(mean, s, R, Z1, WZ1)
    if rule == 0.0:
        return _slopes_cold(mean, s, T, V0, WV0)
    return _slopes_cold(mean, s, T, V1, WV1)


@summing
def gauss_bends(mean, variance, T, R, rule):
    """Third and fourth derivative in the mean of `gauss_value`."""
    s = math.sqrt(variance)
    if s * R < SWITCH:
        if rule == 0.0:
            return _bends_wide(mean, s, R, Z0, WZ0)
        return _bends_wide(mean, s, R, Z1, WZ1)
    if rule == 0.0:
        return _bends_cold(mean, s, T, V0, WV0)
    return _bends_cold(mean, s, T, V1, WV1)
