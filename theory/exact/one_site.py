"""One site in fields, summed state by state."""

import numpy as np
import sympy

from ..disorder import FiniteDistribution
from .tables import disorder_cells, pauli, pauli_sites, site_states, site_table


class OneSite:
    """One site in fields, summed state by state: log-trace, averages and entropy (disorder averaged).

    Parameters
    ----------
    values : {symbol: number} of T and the parameters
    """

    def __init__(self, model, values, cells=None, states=None):
        self.model, self.values = model, values
        continuous = sum(not isinstance(d, FiniteDistribution) for d in model.disorder.values())
        self.cells = cells or disorder_cells(model, values, order=24 if continuous > 1 else None)
        self.chances = np.array([p for p, _ in self.cells])
        if model.site.kind != "quantum":
            self.states, weights = states or site_states(model.site, values, order=80)
            self.log_weights = np.log(weights)

    def table(self, expr, values=None):
        """A one-site function on every disorder cell and state."""
        return site_table(self.model, expr, {**self.values, **(values or {})}, self.states, self.cells)

    def log_trace(self, exponent, values=None):
        """E log Tr exp(exponent)."""
        if self.model.site.kind == "quantum":
            return float(self.chances @ np.logaddexp.reduce(self._levels(exponent, values), axis=1))
        return float(self.chances @ np.logaddexp.reduce(self.table(exponent, values) + self.log_weights, axis=1))

    def mean(self, observable, exponent, values=None):
        """E <observable> with weight exp(exponent)."""
        if self.model.site.kind == "quantum":
            return self._quantum_mean(observable, exponent, values)
        return float(self.chances @ (self.table(observable, values) * self._weights(exponent, values)).sum(axis=1))

    def entropy(self, exponent, values=None):
        """-E Tr p log p relative to the a-priori weights; von Neumann's entropy of a quantum site."""
        if self.model.site.kind == "quantum":
            levels = self._levels(exponent, values)
            logs = levels - np.logaddexp.reduce(levels, axis=1)[:, None]
            return float(-self.chances @ (np.exp(logs) * logs).sum(axis=1))
        logs = self.table(exponent, values) + self.log_weights
        logs -= np.logaddexp.reduce(logs, axis=1)[:, None]
        return float(-self.chances @ (np.exp(logs) * (logs - self.log_weights)).sum(axis=1))

    def _weights(self, exponent, values):
        logs = self.table(exponent, values) + self.log_weights
        return np.exp(logs - np.logaddexp.reduce(logs, axis=1)[:, None])

    def _levels(self, exponent, values):
        return np.array([np.linalg.eigvalsh(self._matrix(exponent, values, cell)) for _, cell in self.cells])

    def _quantum_mean(self, observable, exponent, values):
        total = 0.0
        for chance, cell in self.cells:
            levels, vectors = np.linalg.eigh(self._matrix(exponent, values, cell))
            weights = np.exp(levels - levels.max())
            diagonal = np.einsum("ji,jk,ki->i", vectors, self._matrix(observable, values, cell), vectors)
            total += chance * float(weights @ diagonal / weights.sum())
        return total

    def _matrix(self, expr, values, cell):
        at = {**self.values, **(values or {}), **dict(zip(self.model.disorder, cell))}
        z, x = pauli_sites(1)
        return pauli(sympy.sympify(expr), self.model.site.variables, z[0], x[0], at)
