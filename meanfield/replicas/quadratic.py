"""The recursion above a parabola, in closed form: Gaussian and spherical sites."""

import math

import numpy as np

from .recursion import Averages


def _alpha(variances, exponents, A):
    """A_i of Phi_i = y**2/(2 A_i) + const, i = 0..k."""
    steps = np.asarray(exponents) * np.asarray(variances)[1:]
    return A - np.concatenate([np.cumsum(steps[::-1])[::-1], [0.0]])


def _log_ratio(x):
    """-log(1 - x)/x, and its derivative."""
    if abs(x) > 0.05:
        value = -math.log1p(-x) / x
        return value, (1.0 / (1.0 - x) - value) / x
    powers = x ** np.arange(14)
    n = np.arange(14)
    return float(np.sum(powers / (n + 1))), float(np.sum((n[1:] * powers[:-1]) / (n[1:] + 1)))


def parabola(A, mu, variances, exponents, T):
    """All averages for the leaf y**2/(2A) + (T/2) log(2 pi T/A); None where an integral diverges."""
    a = _alpha(variances, exponents, A)
    if not np.all(a > 0.0):
        return None
    v, D, k = np.asarray(variances), np.asarray(exponents), len(exponents)
    value = (mu * mu + v[0]) / (2.0 * a[0])
    slope = -(mu * mu + v[0]) / (2.0 * a[0] ** 2)
    gains = np.empty(k)
    squares = np.empty(k + 1)
    squares[0] = (mu * mu + v[0]) / a[0] ** 2
    for i in range(1, k + 1):
        # Phi_{i-1} gains (1/2D) log(A_i/A_{i-1}) = (v_i/2A_i) L(x), x = D_i v_i/A_i.
        x = D[i - 1] * v[i] / a[i]
        L, dL = _log_ratio(x)
        value += 0.5 * v[i] / a[i] * L
        slope -= 0.5 * v[i] / a[i] ** 2 * (L + x * dL)
        squares[i] = squares[i - 1] + v[i] / (a[i] * a[i - 1])
        gains[i - 1] = 0.5 * (v[i] / a[i]) ** 2 * dL
    for i in range(1, k + 1):
        # A_j with j < i depends on D_i through -v_i.
        pull = squares[0]
        for j in range(1, i):
            x = D[j - 1] * v[j] / a[j]
            L, dL = _log_ratio(x)
            pull += v[j] / a[j] ** 2 * (L + x * dL)
        gains[i - 1] += 0.5 * v[i] * pull
    heat = 0.0
    if T > 0.0:
        value += 0.5 * T * math.log(2.0 * math.pi * T / A)
        slope -= 0.5 * T / A
        heat = 0.5 * math.log(2.0 * math.pi * T / A) + 0.5
    elif T == 0.0:
        heat = -math.inf
    return Averages(float(value), heat, mu / a[0], squares, 1.0 / A, gains, np.array([slope]), 1.0 / a**2)
