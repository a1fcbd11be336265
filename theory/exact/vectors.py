"""N unit vectors: the radial density of their sum, and its angle with the field."""

import math

import numpy as np
import sympy

from .averages import Averages
from .tables import RADIAL_NODES, number, numeric, sphere_cosines

MAX_VECTORS = 40


class SphereSystem:
    """N unit vectors: the radial density of their sum, and its angle with the field.

    The part of an exponent linear in the order parameter is a field along one direction, the rest a
    function of the modulus.
    """

    def __init__(self, model, values, size, one_body):
        if model.disorder or len(model.order_parameters) > 1 or sympy.sympify(one_body) != 0:
            raise NotImplementedError("no exact sums of vector spins with disorder, one-body terms or several order parameters")
        if size > MAX_VECTORS:
            raise NotImplementedError(f"exact sums of vector spins lose their digits beyond {MAX_VECTORS} sites: got {size}")
        (g,) = model.order_parameters.values()
        self.model, self.size = model, size
        self.scale = number(g.coeff(model.site.variable), values)
        self._densities = {}

    def averages(self, collective, values, observables=(), basin=None):
        """Averages over exp[N collective(m)]."""
        (m,) = self.model.order_parameters
        parts = [self._split(e, values) for e in (collective, *observables)]
        radius, along, masses, logs = self._density(self._tilt(*parts[0]))
        exponent, *functions = [radial(radius[:, None]) + slope * along for radial, slope in parts]
        logs = logs + self.size * exponent
        mass = masses * np.exp(logs - logs.max())
        log_z = logs.max() + math.log(mass.sum())
        mass /= mass.sum()
        table = np.array(functions).reshape(len(functions), len(mass))
        means = table @ mass
        covariances = (table * mass) @ table.T - np.outer(means, means)
        return Averages(log_z / self.size, log_z, means, covariances)

    def _split(self, expr, values):
        """The radial part of a function of the order parameter, and its linear coefficient."""
        (m,) = self.model.order_parameters
        expr = sympy.sympify(expr)
        slope = expr.diff(m).xreplace({m: sympy.S.Zero})
        return numeric(expr - slope * m, (m,), values), number(slope, values)

    def _tilt(self, radial, slope):
        """The field (in units of T) on one spin that leaves the smallest weights to compensate."""
        tilts, lengths = np.linspace(0.0, 25.0, 51), np.linspace(0.0, 1.0, 101)
        m = abs(self.scale) * lengths
        exponents = radial(m[:, None]) + abs(slope) * m
        cost = _log_radial(self.model.site.n, tilts) + (exponents - np.outer(tilts, lengths)).max(axis=1)
        return float(tilts[np.argmin(cost)])

    def _density(self, tilt):
        """Radius and component along the field (scaled), signed masses and log weights of the sum of the spins."""
        if tilt not in self._densities:
            n = self.model.site.n
            radii, masses, logs = radial_density(n, self.size, tilt)
            cosines, weights = sphere_cosines(n)
            radius = np.repeat(radii, len(cosines)) * self.scale / self.size
            spread = np.repeat(masses, len(cosines)) * np.tile(weights, len(radii))
            self._densities[tilt] = radius, radius * np.tile(cosines, len(radii)), spread, np.repeat(logs, len(cosines))
        return self._densities[tilt]


def radial_density(n, size, tilt=0.0, order=RADIAL_NODES):
    """Nodes r of |s_1 + ... + s_N|, signed masses and log weights: E F(r) = sum masses exp(logs) F(r).

    One spin is added at a time. The walk is tilted towards long sums by a field of strength `tilt` in a random
    direction (Doob's transform), and the weights undo it: without it the terms of an ordered system are lost in
    rounding.
    """
    cosines, weights = sphere_cosines(n)
    one = float(_log_radial(n, np.array([tilt]))[0])
    nodes, masses = np.array([1.0]), np.array([1.0])
    for k in range(2, size + 1):
        target = k**2 * (1 + np.cos((np.arange(order) + 0.5) * math.pi / order)) / 2
        squares = nodes[:, None] ** 2 + 1 + 2 * nodes[:, None] * cosines
        gain = _log_radial(n, tilt * np.sqrt(np.abs(squares))) - _log_radial(n, tilt * nodes)[:, None] - one
        spread = (masses[:, None] * weights * np.exp(gain)).ravel()
        masses = spread @ _interpolation(squares.ravel() / k**2 * 2 - 1, order)
        nodes = np.sqrt(target)
    return nodes, masses, size * one - _log_radial(n, tilt * nodes)


def _log_radial(n, fields):
    """log of the average of exp(field * first component) over the unit sphere."""
    cosines, weights = sphere_cosines(n, order=4 * RADIAL_NODES)
    return fields + np.log(np.exp(np.multiply.outer(fields, cosines - 1)) @ weights)


def _interpolation(points, order):
    """Matrix from values at the Chebyshev nodes to values at `points` in [-1, 1]."""
    angles = (np.arange(order) + 0.5) * math.pi / order
    degrees = np.arange(order)
    forward = 2 / order * np.cos(np.outer(degrees, angles))
    forward[0] /= 2
    return np.cos(np.outer(np.arccos(np.clip(points, -1, 1)), degrees)) @ forward
