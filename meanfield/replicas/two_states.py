"""One average over a site of two states, the fast case: a*y + b + T log 2cosh((d y + e)/T) + kappa y**2/2."""

import math

import numpy as np

from ..kernels.gaussian import gauss_bends, gauss_slopes, gauss_value
from ..kernels.jit import routine
from ..kernels.primitives import COLD


@routine
def two_states(slopes, levels, mu, v, T, kappa):
    """(value, entropy, mean, curvature, error, [<M**2>], [p_1, p_2], [<S**2>]); all nan for v < 0 or T < 0.

    The hyperbolic cosine's Gaussian average is exact to rounding at every temperature.
    """
    a, d = 0.5 * (slopes[0] + slopes[1]), 0.5 * (slopes[0] - slopes[1])
    b, e = 0.5 * (levels[0] + levels[1]), 0.5 * (levels[0] - levels[1])
    R = 1.0 / T if T * COLD > 1.0 else COLD
    if not (v >= -1e-15 and T >= 0.0):
        nan = math.nan
        return nan, nan, nan, nan, nan, np.full(1, nan), np.full(2, nan), np.full(1, nan)
    v = max(v, 0.0)
    centre, spread = d * mu + e, d * d * v
    log2cosh, entropy = gauss_value(centre, spread, T, R, 0.0)
    tanh, sech2 = gauss_slopes(centre, spread, T, R, 0.0)
    _, fourth = gauss_bends(centre, spread, T, R, 0.0)
    coarse, _ = gauss_value(centre, spread, T, R, 1.0)
    coarse_tanh, coarse_sech2 = gauss_slopes(centre, spread, T, R, 1.0)
    second = mu * mu + v
    line = a * mu + b + 0.5 * kappa * second
    slope, bend = a + d * tanh, d * d * sech2
    # <M y> = mu <M> + v <M'> for the bare leaf.
    square = a * a + 2.0 * a * d * tanh + d * d * (1.0 - T * sech2)
    square += kappa * (2.0 * (mu * slope + v * bend) + kappa * second)
    # <f''**2> of f = T log 2cosh(x/T) from f'''' = 4 R**2 f'' - 6 R f''**2.
    bend2 = math.inf if T == 0.0 and d != 0.0 else d**4 * (4.0 * R * R * sech2 - fourth) / (6.0 * R)
    error = max(abs(log2cosh - coarse), abs(d * (tanh - coarse_tanh)), d * d * abs(sech2 - coarse_sech2))
    if T == 0.0 and d == 0.0:
        bend2 = 0.0
    squares, shares, bends = np.empty(1), np.empty(2), np.empty(1)
    squares[0], bends[0] = square, bend2 + 2.0 * kappa * bend + kappa * kappa
    shares[0], shares[1] = 0.5 * (1.0 + tanh), 0.5 * (1.0 - tanh)
    return line + log2cosh, entropy, slope + kappa * mu, bend + kappa, error, squares, shares, bends
