"""Fast double-precision evaluation for the checks: averages by the trapezoidal rule, sites by tables."""

import math
from functools import lru_cache

import numpy as np
import sympy

from .averages import DisorderAverage, GaussianAverage
from .disorder import Normal
from .evaluate import evaluate
from .exact import disorder_cells, numeric, site_types
from .functions import Gibbs, LogSumExp, log2cosh
from .symbols import T

# Spacing 1/8 within 9 standard deviations: exact to rounding for fields smooth on the scale of the temperature.
_Z = np.arange(-72, 73) / 8
_WEIGHTS = np.exp(-_Z**2 / 2) / np.exp(-_Z**2 / 2).sum()


def array_value(expr, values):
    """The value of an expression with averages; symbols may stand for arrays that broadcast.

    Parameters
    ----------
    expr : Expr
    values : {name: float or array}
    """
    if expr.is_Symbol:
        return values[expr.name]
    if not expr.args:
        return _constant(expr)
    if isinstance(expr, GaussianAverage):
        return _gaussian(expr, values)
    if isinstance(expr, DisorderAverage):
        return _configurations(expr, values)
    args = [array_value(a, values) for a in expr.args]
    return _FUNCTIONS[type(expr)](*args)


@lru_cache(maxsize=4096)
def _constant(expr):
    return float(evaluate(expr, {}))


def _gaussian(expr, values):
    f, x, mean, variance = expr.args
    centre, width = array_value(mean, values), np.sqrt(array_value(variance, values))
    inner = {**values, x.name: centre + width * _Z}
    return float(np.sum(array_value(f, inner) * _WEIGHTS))


def _configurations(expr, values):
    total = 0.0
    for weight, at in expr.configurations():
        inner = {**values, **{x.name: array_value(v, values) for x, v in at.items()}}
        total = total + array_value(weight, values) * array_value(expr.integrand, inner)
    return total


def _log_sum_exp(*xs):
    return np.logaddexp.reduce(np.broadcast_arrays(*xs), axis=0)


_FUNCTIONS = {
    sympy.Add: lambda *a: sum(a),
    sympy.Mul: lambda *a: math.prod(a),
    sympy.Pow: lambda x, y: x**y,
    sympy.exp: np.exp, sympy.log: np.log, sympy.sin: np.sin, sympy.cos: np.cos,
    sympy.sinh: np.sinh, sympy.cosh: np.cosh, sympy.tanh: np.tanh, sympy.Abs: np.abs,
    log2cosh: lambda x: np.logaddexp(x, -x),
    LogSumExp: _log_sum_exp,
    Gibbs: lambda i, *xs: np.exp(xs[int(i) - 1] - _log_sum_exp(*xs)),
}


class SiteFunctions:
    """Means, fields, free energy and stability of a model at one parameter point, by one-site tables.

    Parameters
    ----------
    model : Model
    values : {symbol: float} of T and the parameters
    site : OneSite
    """

    def __init__(self, model, values, site):
        self.model, self.site, self.T = model, site, values[T]
        names = tuple(model.order_parameters)
        self._energy = numeric(model.energy, names, values)
        self._slopes = [numeric(-model.energy.diff(a), names, values) for a in names]
        self._curvature = [[numeric(model.energy.diff(a, b), names, values) for b in names] for a in names]
        self._exponent = -model.site_energy / T
        if model.site.kind != "quantum":
            continuous = sum(isinstance(d, Normal) for d in model.disorder.values())
            cells = site.cells if continuous < 2 else disorder_cells(model, values, order=14)
            types = site_types(model, values, self._exponent, cells)
            self._chances = np.array([t.probability for t in types])
            self._functions = np.array([t.functions for t in types]).transpose(2, 0, 1)
            self._one_body = np.array([t.logs for t in types])

    def fields(self, phi):
        """h_a = -de/dphi_a, a list."""
        row = np.array(phi, dtype=float)[None, :]
        return [float(slope(row)[0]) for slope in self._slopes]

    def means(self, reduced):
        """E <g_a> in the fields T * reduced, a list."""
        if self.model.site.kind == "quantum":
            exponent = self._exponent + self._work(reduced)
            return [self.site.mean(g, exponent) for g in self.model.order_parameters.values()]
        weights, _ = self._boltzmann(reduced)
        return list(np.einsum("cs,acs->a", self._chances[:, None] * weights, self._functions))

    def log_trace(self, reduced):
        """E log Tr exp(reduced.g - v/T)."""
        if self.model.site.kind == "quantum":
            return self.site.log_trace(self._exponent + self._work(reduced))
        return float(self._chances @ self._boltzmann(reduced)[1])

    def free_energy(self, phi):
        """f = e + h.phi - T E log Tr exp[(h.g - v)/T]."""
        fields = self.fields(phi)
        energy = float(self._energy(np.array(phi, dtype=float)[None, :])[0])
        return energy + float(np.dot(fields, phi)) - self.T * self.log_trace(np.array(fields) / self.T)

    def margin(self, phi):
        """The smallest eigenvalue of 1 + C e'', positive where the state is stable."""
        return float(np.linalg.eigvals(self._jacobian(phi)).real.min())

    def fixed_point(self, phi, damped=60, newton=12):
        """A solution of phi = <g>, a list; None where none is reached."""
        phi = np.array(phi, dtype=float)
        for kept in (0.2, 0.7):
            for _ in range(damped):
                new = np.array(self.means(np.array(self.fields(phi)) / self.T))
                phi, moved = kept * phi + (1 - kept) * new, np.abs(new - phi).max()
                if moved < 1e-4:
                    break
            if moved < 1e-2:
                break
        for _ in range(newton):
            residual = phi - np.array(self.means(np.array(self.fields(phi)) / self.T))
            if np.abs(residual).max() < 1e-14:
                break
            step = np.linalg.lstsq(self._jacobian(phi), residual, rcond=None)[0]
            if np.abs(step).max() > 0.2:
                return None
            phi = phi - step
        return list(phi) if np.abs(residual).max() < 1e-10 else None

    def _jacobian(self, phi):
        """1 + C e'' of phi - <g>, C by central differences."""
        row = np.array(phi, dtype=float)[None, :]
        curvature = np.array([[float(e(row)[0]) for e in line] for line in self._curvature])
        reduced, step = np.array(self.fields(phi)) / self.T, 1e-4
        response = np.array([np.subtract(self.means(reduced + step * unit), self.means(reduced - step * unit))
                             for unit in np.eye(len(phi))]) / (2 * step * self.T)
        return np.eye(len(phi)) + response.T @ curvature

    def _work(self, reduced):
        return sum(float(x) * g for x, g in zip(reduced, self.model.order_parameters.values()))

    def _boltzmann(self, reduced):
        logs = np.tensordot(np.asarray(reduced, dtype=float), self._functions, axes=1) + self._one_body
        traces = np.logaddexp.reduce(logs, axis=1)
        return np.exp(logs - traces[:, None]), traces
