"""Train and test error between lazy and rich learning, from the closed equations of the weights' first two moments."""

from dataclasses import dataclass, field
from functools import cache

import numpy as np

from theory.errors import InputError
from theory.learning.grokking import lazy_to_rich

__all__ = ["Delay", "GrokkingCurves", "delay", "descend", "mean_square"]

# Errors this many times those at the start belong to a descent that diverges.
DIVERGED = 100.0


@dataclass(frozen=True)
class GrokkingCurves:
    """Mean squared errors along gradient descent, relative to those at the start.

    Attributes
    ----------
    times : array (n,), steps times the rate, from 0
    train : array (n,), on the examples
    test : array (n,), over new Gaussian inputs
    start : mean squared error over new inputs at the start
    mean, second : arrays (D,), (D, D): moments of the weights at the end
    """

    times: np.ndarray
    train: np.ndarray = field(repr=False)
    test: np.ndarray = field(repr=False)
    start: float
    mean: np.ndarray = field(repr=False)
    second: np.ndarray = field(repr=False)


@dataclass(frozen=True)
class Delay:
    """When the errors fall below a threshold for the first time; infinite where they do not within the curve.

    Attributes
    ----------
    train, test : times
    """

    train: float
    test: float

    @property
    def ratio(self):
        """How many times longer the test error takes."""
        return self.test / self.train


def descend(inputs, form, mean, second, alpha, eps, rate, steps, every=1):
    """Gradient descent of a two-layer network by the closed equations; the same for every number of hidden units.

    The output of the network less its output at the start learns y = z^T form z / 2.

    Parameters
    ----------
    inputs : array (P, D), the examples z
    form : array (D, D), symmetric, of the quadratic target
    mean, second : arrays (D,), (D, D): moments of the weights at the start
    alpha : scale of the output; the learning is lazy where it is large
    eps : curvature of the activation h + eps h^2/2
    rate : learning rate
    steps, every : number of steps, and of steps between two points of the curves

    Returns
    -------
    GrokkingCurves

    Raises
    ------
    InputError
        Shapes that do not fit, numbers that are not positive, or a rate at which the descent diverges.
    """
    inputs, form, mean, second = (np.asarray(x, dtype=float) for x in (inputs, form, mean, second))
    _require(inputs, form, mean, second, alpha, rate, steps, every)
    line = mean[:, None]
    network, start = (_coefficients(line, second, alpha, eps) for _ in range(2))
    targets = _values(inputs, 0 * line, form)
    train, test, times = [], [], []
    for step in range(steps + 1):
        a, A = (now - then for now, then in zip(network, start))
        wrong = targets - _values(inputs, a, A)
        if not wrong @ wrong < DIVERGED * (targets @ targets):
            raise InputError(f"gradient descent diverges at the learning rate {rate:g} with alpha = {alpha:g}: lower the rate")
        if step % every == 0:
            times.append(step * rate), train.append(float(wrong @ wrong)), test.append(mean_square(a, A - form))
        if step < steps:
            values = {"wbar": line, "M": second, "g": inputs.T @ wrong[:, None], "G": (inputs * wrong[:, None]).T @ inputs,
                      "eta": rate, "alpha": alpha, "eps": eps}
            line, second = _result("mean")(**values), _result("second")(**values)
            network = _coefficients(line, second, alpha, eps)
    return GrokkingCurves(np.array(times), np.array(train) / train[0], np.array(test) / test[0], test[0], line[:, 0], second)


def mean_square(a, A):
    """The mean of (a.z + z^T A z / 2)^2 over Gaussian inputs of variance 1/D a component: arrays (D,) or (D, 1), and (D, D)."""
    A = np.asarray(A, dtype=float)
    return float(_result("error")(a=np.reshape(a, (-1, 1)), A=A, n=len(A)))


def delay(times, train, test, threshold=0.05):
    """When errors relative to the start fall below a threshold.

    Parameters
    ----------
    times, train, test : arrays (n,); between the points the logarithm of the errors is interpolated
    threshold : between 0 and 1

    Returns
    -------
    Delay
    """
    return Delay(_crossing(times, train, threshold), _crossing(times, test, threshold))


def _crossing(times, values, threshold):
    below = np.flatnonzero(np.asarray(values) < threshold)
    if not len(below):
        return float("inf")
    k = below[0]
    if k == 0:
        return float(times[0])
    left, right = np.log(values[k - 1]), np.log(values[k])
    return float(times[k - 1] + (times[k] - times[k - 1]) * (left - np.log(threshold)) / (left - right))


def _coefficients(line, second, alpha, eps):
    """The output as a.z + z^T A z / 2: arrays (D, 1) and (D, D)."""
    return _result("linear")(wbar=line, alpha=alpha), _result("quadratic")(M=second, alpha=alpha, eps=eps)


def _values(inputs, a, A):
    return inputs @ a[:, 0] + np.einsum("pi,pi->p", inputs @ A, inputs) / 2


@cache
def _result(name):
    return _theory().function(name)


@cache
def _theory():
    return lazy_to_rich()


def _require(inputs, form, mean, second, alpha, rate, steps, every):
    size = inputs.shape[-1]
    if inputs.ndim != 2 or form.shape != (size, size) or mean.shape != (size,) or second.shape != (size, size):
        raise InputError(f"expected inputs (P, D), a form (D, D), moments (D,) and (D, D), got shapes {inputs.shape}, "
                         f"{form.shape}, {mean.shape}, {second.shape}")
    if not np.allclose(form, form.T) or not np.allclose(second, second.T):
        raise InputError("expected a symmetric form and a symmetric second moment")
    if not (alpha > 0 and rate > 0):
        raise InputError(f"expected a positive scale of the output and a positive learning rate, got {alpha} and {rate}")
    if not (isinstance(steps, (int, np.integer)) and steps >= 1 and 1 <= every <= steps):
        raise InputError(f"expected at least one step, and points every 1 to {steps} steps, got {steps} and {every}")
