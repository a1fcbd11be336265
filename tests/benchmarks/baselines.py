"""The two programs to beat: a Python loop over scipy's solver, and a damped iteration of the whole grid in numpy."""

from itertools import product

import numpy as np
from scipy.optimize import root

TOLERANCE = 1e-10


def curie_weiss_loop(fields, temperatures):
    """(1) for m = tanh((m + h)/T): the distinct solutions of each point, with free energy and stability.

    Returns
    -------
    list of lists of (m, free energy, stable)
    """
    found = []
    for T in temperatures:
        for h in fields:
            solutions = []
            for start in (-1.0, 0.0, 1.0):
                result = root(lambda m: m - np.tanh((m + h) / T), start, tol=TOLERANCE)
                m = result.x[0]
                if result.success and all(abs(m - other) > 1e-6 for other, _, _ in solutions):
                    free_energy = m * m / 2 - T * np.logaddexp((m + h) / T, -(m + h) / T)
                    solutions.append((m, free_energy, 1 - (1 - m * m) / T > 0))
            found.append(solutions)
    return found


def curie_weiss_grid(fields, temperatures, limit=3000, damping=0.5):
    """(2) for the same: damped iteration of m <- tanh((m + h)/T) from +1 and -1 on the whole grid (stable solutions only).

    Returns
    -------
    (m, free energy, stable), each (2, temperatures, fields), the index of the lower state, and the number of points not converged
    """
    T, h = np.broadcast_arrays(temperatures[:, None], fields[None, :])
    results, unsettled = [], 0
    for start in (1.0, -1.0):
        m, left = iterate(lambda m, T, h: np.tanh((m + h) / T), np.full(T.size, start), (T.ravel(), h.ravel()), limit, damping)
        unsettled += left
        results.append(m.reshape(T.shape))
    m = np.array(results)
    free_energy = m * m / 2 - T * np.logaddexp((m + h) / T, -(m + h) / T)
    return m, free_energy, 1 - (1 - m * m) / T > 0, free_energy.argmin(axis=0), unsettled


def iterate(step, x, parameters, limit, damping=0.0):
    """Damped fixed-point iteration of many points at once; those that are done leave the batch every ten steps."""
    result, active = x.copy(), np.arange(len(x))
    for sweep in range(limit):
        new = step(x, *parameters)
        if damping:
            new = damping * x + (1 - damping) * new
        change, x = np.abs(new - x), new
        if sweep % 10 == 9:
            going = (change if change.ndim == 1 else change.max(axis=-1)) > TOLERANCE
            result[active[~going]] = x[~going]
            active, x = active[going], x[going]
            parameters = tuple(p[going] for p in parameters)
            if not len(active):
                break
    result[active] = x
    return result, len(active)


class Multitasking:
    """The multitasking Hopfield model in plain numpy: P patterns, dilution d."""

    def __init__(self, patterns):
        self.xi = np.array(list(product((-1, 0, 1), repeat=patterns)), dtype=float)
        self.patterns = patterns

    def weights(self, d):
        """Probability of each pattern configuration."""
        zeros = (self.xi == 0).sum(axis=1)
        return d ** zeros * ((1 - d) / 2) ** (self.patterns - zeros)

    def loop(self, dilutions, temperatures, starts):
        """(1): the distinct solutions (up to sign and order) of each point, with free energy and stability."""
        return [self._point(d, T, starts) for T in temperatures for d in dilutions]

    def _point(self, d, T, starts):
        xi, weights = self.xi, self.weights(d)
        residual = lambda m: m - xi.T @ (weights * np.tanh(xi @ m / T))
        solutions = []
        for start in starts:
            result = root(residual, start, tol=TOLERANCE)
            m = np.sort(np.abs(result.x))[::-1]
            if result.success and np.abs(residual(result.x)).max() < 1e-8 and \
                    all(np.abs(m - other).max() > 1e-6 for other, _, _ in solutions):
                u = xi @ m / T
                response = (xi * (weights * (1 - np.tanh(u) ** 2))[:, None]).T @ xi / T
                free_energy = m @ m / 2 - T * weights @ np.logaddexp(u, -u)
                solutions.append((m, free_energy, np.linalg.eigvalsh(np.eye(self.patterns) - response)[0] > 0))
        return solutions

    def grid(self, dilutions, temperatures, starts, limit=3000, damping=0.5):
        """(2): the whole grid from every start; returns (m, number not converged)."""
        T, d = (a.ravel() for a in np.meshgrid(temperatures, dilutions, indexing="ij"))
        weights = np.array([self.weights(x) for x in d])
        owner = np.repeat(np.arange(len(T)), len(starts))
        m = np.tile(starts, (len(T), 1))
        step = lambda m, T, w: (w * np.tanh(m @ self.xi.T / T[:, None])) @ self.xi
        return iterate(step, m, (T[owner], weights[owner]), limit, damping)
