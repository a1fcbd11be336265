"""Logarithms of normal probabilities, accurate in the tails and for narrow intervals."""

import math

import numpy as np

from ..kernels.jit import routine

LOG_ROOT_2PI = 0.9189385332046727
_X, _W = np.polynomial.legendre.leggauss(20)


@routine
def log_tail(x):
    """Logarithm of the probability that a standard normal variable exceeds x."""
    if x < 30.0:
        if x < -5.0:
            return math.log1p(-0.5 * math.erfc(-x * 0.7071067811865476))
        return math.log(0.5 * math.erfc(x * 0.7071067811865476))
    r = 1.0 / (x * x)
    series = 1.0 - r * (1.0 - 3.0 * r * (1.0 - 5.0 * r * (1.0 - 7.0 * r * (1.0 - 9.0 * r))))
    return -0.5 * x * x - LOG_ROOT_2PI - math.log(x) + math.log(series)


@routine
def log_between(a, b):
    """Logarithm of the probability that a standard normal variable lies between a and b > a; both may be infinite."""
    if a + b < 0.0:
        a, b = -b, -a
    if b == math.inf:
        return log_tail(a)
    if (b - a) * max(1.0, abs(a)) < 1.0:
        total = 0.0
        half = 0.5 * (b - a)
        for k in range(len(_X)):
            t = half * (1.0 + _X[k])
            total += _W[k] * math.exp(-t * (a + 0.5 * t))
        return math.log(half * total) - 0.5 * a * a - LOG_ROOT_2PI
    if a < 0.0:
        return math.log(0.5 * (math.erf(b * 0.7071067811865476) - math.erf(a * 0.7071067811865476)))
    low = log_tail(a)
    return low + math.log1p(-math.exp(log_tail(b) - low))


@routine
def excess_hazard(x):
    """phi(x)/Q(x) - x for x >= 5, by its continued fraction."""
    tail = x
    for n in range(40, 1, -1):
        tail = x + n / tail
    return 1.0 / tail
