"""Weight fluctuations under stochastic gradient descent: exact for linear regression, by Lyapunov equations near other minima."""

from dataclasses import dataclass, field
from functools import cache

import numpy as np

from theory.errors import InputError
from theory.learning.matrices import matrix_function
from theory.learning.sgd import stochastic_gradient_descent

from .lyapunov import NULL_TOLERANCE, stationary_covariance

__all__ = ["LinearSGD", "Minimum", "deep_linear_minimum", "flatness_exponent", "gaussian_regression", "lyapunov_covariance",
           "regression_on"]


@dataclass(frozen=True)
class LinearSGD:
    """Stochastic gradient descent whose gradients are linear in the weights: its covariance obeys a closed linear recursion.

    Attributes
    ----------
    hessian : array (n, n), H
    quartic : array (n^2, n^2), the linear map C -> E[h C h] on matrices written row after row
    noise : array (n, n), covariance D of an example's gradient at the minimum
    """

    hessian: np.ndarray
    quartic: np.ndarray = field(repr=False)
    noise: np.ndarray = field(repr=False)

    def operator(self, rate, batch):
        """The map from the covariance before a step to that after it, without the noise at the minimum: array (n^2, n^2)."""
        return _columns(lambda c: self.step(c, rate, batch, noisy=False), len(self.hessian))

    def step(self, covariance, rate, batch, noisy=True):
        """The covariance of the weights after one step."""
        n = len(self.hessian)
        F = (self.quartic @ covariance.ravel()).reshape(n, n)
        return _result("recursion")(covariance, self.hessian, F, self.noise if noisy else np.zeros((n, n)), rate, batch)

    def stationary(self, rate, batch):
        """The stationary covariance of the weights: array (n, n).

        Raises
        ------
        InputError
            Beyond the edge of mean-square stability, where there is none.
        """
        operator, n = self.operator(rate, batch), len(self.hessian)
        growth = _radius(operator)
        if growth >= 1:
            raise InputError(f"the weights' variance grows by a factor of {growth:.4g} each step at the rate {rate:g}: take one "
                             f"below {self.edge(batch):.6g}")
        source = self.step(np.zeros((n, n)), rate, batch)
        solution = np.linalg.solve(np.eye(n * n) - operator, source.ravel()).reshape(n, n)
        return (solution + solution.T) / 2

    def edge(self, batch):
        """The learning rate at which the variance of the weights no longer decays (edge of mean-square stability).

        The operator is 1 - rate A + rate^2 M and preserves positive matrices, so its largest eigenvalue reaches 1 where
        A = rate M on some matrix.
        """
        ahead, back = self.operator(1.0, batch), self.operator(-1.0, batch)
        decay, growth = (back - ahead) / 2, (ahead + back) / 2 - np.eye(len(ahead))
        values = np.linalg.eigvals(np.linalg.solve(decay, growth))
        return float(1 / values[abs(values.imag) < 1e-9 * abs(values).max()].real.max())


@dataclass(frozen=True)
class Minimum:
    """A minimum of the loss of a deep linear network on a finite data set.

    Attributes
    ----------
    hessian : array (p, p), of half the mean squared error, in all weights, layer after layer, each row after row
    noise : array (p, p), covariance of an example's gradient
    gradient : largest entry of the mean gradient, 0 at a minimum
    shapes : of the layers, the first acting first
    """

    hessian: np.ndarray = field(repr=False)
    noise: np.ndarray = field(repr=False)
    gradient: float
    shapes: tuple

    def layer(self, index):
        """The slice of a layer's weights."""
        ends = np.cumsum([0, *(a * b for a, b in self.shapes)])
        return slice(int(ends[index]), int(ends[index + 1]))


def gaussian_regression(hessian, noise):
    """Online linear regression: inputs x ~ N(0, H), new in every step, labels with noise of variance `noise`.

    Returns
    -------
    LinearSGD
    """
    hessian = np.atleast_2d(np.asarray(hessian, dtype=float))
    if hessian.shape[0] != hessian.shape[1] or not np.allclose(hessian, hessian.T) or np.linalg.eigvalsh(hessian).min() < 0:
        raise InputError("expected the covariance of the inputs: a symmetric matrix without negative eigenvalues")
    if not noise >= 0:
        raise InputError(f"expected a variance of the labels' noise of at least 0, got {noise}")
    quartic = _columns(lambda c: _result("quartic")((c + c.T) / 2, hessian), len(hessian))
    return LinearSGD(hessian, quartic, _result("noise")(hessian, noise))


def regression_on(inputs, labels):
    """Linear regression on a finite set of examples, drawn with replacement.

    Parameters
    ----------
    inputs : array (P, n)
    labels : array (P,)

    Returns
    -------
    LinearSGD, weights at the minimum : array (n,)
    """
    inputs, labels = np.asarray(inputs, dtype=float), np.asarray(labels, dtype=float)
    if inputs.ndim != 2 or labels.shape != inputs.shape[:1]:
        raise InputError(f"expected inputs (P, n) and labels (P,), got shapes {inputs.shape} and {labels.shape}")
    weights, _, rank, _ = np.linalg.lstsq(inputs, labels, rcond=None)
    if rank < inputs.shape[1]:
        raise InputError(f"{len(inputs)} examples leave {inputs.shape[1] - rank} directions of the weights undetermined: give "
                         "more examples")
    pairs = np.einsum("ma,mb->mab", inputs, inputs).reshape(len(inputs), -1)
    residual = labels - inputs @ weights
    noise = np.einsum("m,ma,mb->ab", residual**2, inputs, inputs) / len(inputs)
    return LinearSGD(inputs.T @ inputs / len(inputs), pairs.T @ pairs / len(inputs), noise), weights


def deep_linear_minimum(layers, inputs, targets):
    """Hessian and gradient noise of a deep linear network, exactly: its output is linear in every single layer.

    Parameters
    ----------
    layers : list of arrays, W_1 (acts first), W_2, ...; output W_L ... W_1 x
    inputs, targets : arrays (P, n), (P, k)

    Returns
    -------
    Minimum
    """
    layers = [np.asarray(w, dtype=float) for w in layers]
    shapes = tuple(w.shape for w in layers)
    units = [(k, unit) for k, (a, b) in enumerate(shapes) for unit in np.eye(a * b).reshape(-1, a, b)]
    residual = targets - _output(layers, inputs)
    tangents = np.stack([_output(_replaced(layers, (one,)), inputs) for one in units], axis=-1)
    gradients = -np.einsum("mo,mop->mp", residual, tangents)
    mean = gradients.mean(axis=0)
    curvature = np.einsum("mop,moq->pq", tangents, tangents) / len(inputs)
    weight = residual.T @ inputs / len(inputs)
    for p, first in enumerate(units):
        for q, second in enumerate(units[:p]):
            if first[0] != second[0]:
                bent = np.sum(weight * _output(_replaced(layers, (first, second)), np.eye(inputs.shape[1])).T)
                curvature[p, q] -= bent
                curvature[q, p] -= bent
    noise = gradients.T @ gradients / len(inputs) - np.outer(mean, mean)
    return Minimum(curvature, noise, float(abs(mean).max()), shapes)


def lyapunov_covariance(minimum, batch, null_tolerance=NULL_TOLERANCE):
    """The stationary covariance of the weights over the learning rate as that goes to zero, null modes projected out.

    Parameters
    ----------
    minimum : Minimum or LinearSGD
    batch : examples drawn in each step
    null_tolerance : curvatures below this fraction of the largest are null modes

    Returns
    -------
    StationaryCovariance
    """
    drift = _result("drift")(minimum.hessian)
    return stationary_covariance(drift, _result("diffusion")(minimum.noise, 1.0, batch), null_tolerance)


def flatness_exponent(covariance, hessian):
    """Slope of log variance against log curvature over the eigenvectors of a Hessian that has no null modes."""
    curvature, vectors = np.linalg.eigh(hessian)
    variance = np.einsum("ap,...ab,bp->...p", vectors, covariance, vectors)
    centred = np.log(curvature) - np.log(curvature).mean()
    return np.log(variance) @ centred / (centred @ centred)


def _output(layers, inputs):
    """Outputs (P, k) of a deep linear network."""
    product = np.linalg.multi_dot(layers[::-1]) if len(layers) > 1 else layers[0]
    return np.asarray(inputs) @ product.T


def _replaced(layers, changes):
    """The layers with some of them replaced: the derivative of a function linear in each."""
    changed = dict(changes)
    return [changed.get(k, w) for k, w in enumerate(layers)]


def _radius(operator):
    symmetric = np.allclose(operator, operator.T, atol=1e-12 * abs(operator).max())
    return float(abs(np.linalg.eigvalsh(operator) if symmetric else np.linalg.eigvals(operator)).max())


def _columns(function, n):
    return np.array([function(unit).ravel() for unit in np.eye(n * n).reshape(-1, n, n)]).T


@cache
def _result(name):
    """A result of the derivation as a function of its matrices and numbers."""
    theory = _theory()
    return matrix_function(theory.arguments(name), theory[name])


@cache
def _theory():
    return stochastic_gradient_descent()
