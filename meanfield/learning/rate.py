"""Numbers for noisy rate networks with planted attractors: couplings, linear noise, the exact moments of one neuron.

All formulas come from `theory.learning.rate_network`, where they are derived and checked; times in units of tau.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import sympy
from scipy.integrate import quad

from theory.errors import InputError
from theory.learning.rate_network import derive_rate_network

from .lyapunov import stationary_covariance

__all__ = ["LinearNoise", "ScalarMoments", "couplings", "jacobian", "linear_noise", "quantity", "scalar_moments"]

SYMBOLS = {"x": "x", "a": "a", "c": "c", "gain": "l", "s": "s", "size": "N"}
# Half-width of the range of quadrature, in standard deviations of the linear noise.
WIDTHS = 12.0
# Stationary weight at the edge of the basin, relative to the attractor's, below which noise does not leave it.
NEGLIGIBLE = 1e-6


@dataclass(frozen=True)
class LinearNoise:
    """The Gaussian about an attractor, to leading order in the noise.

    Attributes
    ----------
    state : array (N,), the attractor
    covariance : array (N, N)
    jacobian : array (N, N), of the dynamics in units of tau
    slowest : largest real part of the Jacobian's eigenvalues, negative
    residual : of the Lyapunov equation, relative to the noise
    """

    state: np.ndarray
    covariance: np.ndarray
    jacobian: np.ndarray
    slowest: float
    residual: float


@dataclass(frozen=True)
class ScalarMoments:
    """Mean and variance of one neuron in the basin of its attractor, from the exact density.

    Attributes
    ----------
    attractor : the level without noise
    mean, variance : of the stationary density between the unstable level and infinity
    linear_variance, linear_shift : variance, and mean minus attractor, to leading order
    error : of the quadratures, relative
    confined : whether the density at the unstable level is negligible, so that leaving the basin does not matter
    """

    attractor: float
    mean: float
    variance: float
    linear_variance: float
    linear_shift: float
    error: float
    confined: bool


def quantity(name, **values):
    """A result of the derivation at numbers, arrays included.

    Parameters
    ----------
    name : of a result of `derive_rate_network`
    **values : x, a, c, gain, s, size, as far as the result needs them
    """
    function, needed = _compiled(name)
    missing = [key for key in needed if key not in values]
    if missing:
        raise InputError(f"{name} needs {', '.join(needed)}: missing {', '.join(missing)}")
    return function(*(values[key] for key in needed))


@cache
def _compiled(name):
    results = derive_rate_network().results
    if name not in results:
        raise InputError(f"no result {name!r}: the derivation has {', '.join(results)}")
    free = {str(z): z for z in results[name].free_symbols}
    needed = tuple(key for key, symbol in SYMBOLS.items() if symbol in free)
    return sympy.lambdify([free[SYMBOLS[key]] for key in needed], results[name], "numpy"), needed


def couplings(patterns, level, c, rest=None):
    """Couplings A of which every pattern, at this level, is an eigenvector with the eigenvalue that makes it a fixed point.

    A = lambda Pi + R (1 - Pi) with Pi the projector on the patterns: every A with these eigenvectors has this form.

    Parameters
    ----------
    patterns : array (N, P) of 0 and 1, linearly independent columns
    level : a, of the occupied neurons
    c : of the transfer function
    rest : array (N, N), R; zero by default

    Returns
    -------
    array (N, N)

    Raises
    ------
    InputError
        For patterns that are not of 0 and 1, or linearly dependent ones: a rest orthogonal to all is then not enough.
    """
    patterns = np.asarray(patterns, dtype=float)
    if patterns.ndim != 2 or not np.isin(patterns, (0.0, 1.0)).all():
        raise InputError(f"expected patterns of 0 and 1 as the columns of a matrix (N, P), got shape {patterns.shape}")
    if np.linalg.matrix_rank(patterns) < patterns.shape[1]:
        raise InputError(f"expected linearly independent patterns: these {patterns.shape[1]} have rank "
                         f"{np.linalg.matrix_rank(patterns)}; leave some out or draw others")
    size = len(patterns)
    projector = patterns @ np.linalg.pinv(patterns)
    planted = quantity("eigenvalue", a=level, c=c, size=size) * projector
    return planted if rest is None else planted + np.asarray(rest, dtype=float) @ (np.eye(size) - projector)


def jacobian(matrix, state, c):
    """J of tau dx/dt = -x + A f(x)/sqrt N at a state: array (N, N)."""
    state = np.asarray(state, dtype=float)
    return -np.eye(len(state)) + np.asarray(matrix) * quantity("slope", x=state, c=c) / np.sqrt(len(state))


def linear_noise(matrix, amplitude, state, c, tau=1.0):
    """The Gaussian about an attractor: J C + C J^T + G G^T / tau = 0.

    Parameters
    ----------
    matrix : array (N, N), A
    amplitude : array (N, N), G
    state : array (N,), a fixed point
    c : of the transfer function
    tau : time constant

    Returns
    -------
    LinearNoise

    Raises
    ------
    InputError
        Where the state is unstable, or no fixed point.
    """
    state = np.asarray(state, dtype=float)
    left_over = -state + np.asarray(matrix) @ quantity("transfer", x=state, c=c) / np.sqrt(len(state))
    if not np.abs(left_over).max() < 1e-6 * max(1.0, np.abs(state).max()):
        raise InputError(f"expected a fixed point: the force there is {np.abs(left_over).max():.2g}; relax the state first")
    drift = jacobian(matrix, state, c)
    found = stationary_covariance(drift / tau, amplitude @ np.transpose(amplitude) / tau**2)
    return LinearNoise(state, found.covariance, drift, float(np.linalg.eigvals(drift).real.max()), found.residual)


def scalar_moments(gain, c, s):
    """Moments of one neuron, dx = F(x) dt + s dW, in the basin of its attractor.

    Parameters
    ----------
    gain : l, above the saddle-node
    c : of the transfer function
    s : noise amplitude, in units of sqrt(tau)

    Returns
    -------
    ScalarMoments

    Raises
    ------
    InputError
        At or below the saddle-node, where there is no attractor besides rest.
    """
    fold = float(quantity("saddle_node", c=c))
    if not gain > fold:
        raise InputError(f"gain {gain:g}: no attractor at or below the saddle-node at {fold:.6g}; raise the gain or lower c")
    top, edge = (float(quantity(name, gain=gain, c=c)) for name in ("upper", "lower"))
    at = {"x": top, "gain": gain, "c": c, "s": s}
    variance, shift = (float(quantity(name, **at)) for name in ("variance", "shift"))
    (norm, first, second), error = _moments(top, edge, np.sqrt(variance), gain, c, s)
    mean = first / norm
    return ScalarMoments(top, top + mean, second / norm - mean**2, variance, shift, error,
                         _weight(edge - top, top, gain, c, s) < NEGLIGIBLE)


def _weight(deviation, top, gain, c, s):
    """Stationary density at top + deviation over that at the top."""
    height = quantity("potential", x=top + deviation, gain=gain, c=c) - quantity("potential", x=top, gain=gain, c=c)
    return np.exp(-2 * height / s**2)


def _moments(top, edge, width, gain, c, s):
    """Unnormalised moments 0 to 2 of the deviation, and their largest relative error."""
    low, high = max(edge - top, -WIDTHS * width), WIDTHS * width
    found = [quad(lambda y, n=n: y**n * _weight(y, top, gain, c, s), low, high, points=[0.0], epsabs=1e-12 * width**(n + 1),
                  epsrel=1e-12, limit=200) for n in range(3)]
    scales = [width**n * found[0][0] for n in range(3)]
    return [value for value, _ in found], max(error / scale for (_, error), scale in zip(found, scales))
