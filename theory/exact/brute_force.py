"""Sums configuration by configuration, straight from the Hamiltonian, for a few sites."""

import math
from itertools import product

import numpy as np
import sympy

from ..symbols import T as TEMPERATURE
from .quantum import operator
from .tables import disorder_cells, log_sum, number, numeric, pauli, pauli_sites, site_states, site_table, sphere_cosines


def brute_force(model, values, size, cells=None, states=None):
    """(1/N) E log Tr exp(-H/T) configuration by configuration, straight from the Hamiltonian.

    Continuous variables are replaced by the same quadrature nodes as in `finite_system`, so that the
    two differ only in the order of summation. A check of the grouping by order parameters, for N up to 3.
    """
    cells = disorder_cells(model, values) if cells is None else cells
    if model.site.kind == "quantum":
        return _brute_force_quantum(model, values, size, cells)
    if model.site.kind == "sphere":
        return _brute_force_vectors(model, values, size)
    states, weights = states or site_states(model.site, values)
    tables = [site_table(model, f, values, states, cells) for f in (model.site_energy, *model.order_parameters.values())]
    energy = numeric(model.energy, tuple(model.order_parameters), values)
    configurations = np.array(list(product(range(len(states)), repeat=size)))
    log_weights = np.log(weights)[configurations].sum(axis=1)
    total = 0.0
    for chosen in product(range(len(cells)), repeat=size):
        own, *sums = (sum(t[c][configurations[:, i]] for i, c in enumerate(chosen)) for t in tables)
        hamiltonian = own + size * energy(np.array(sums).T / size)
        chance = math.prod(cells[c][0] for c in chosen)
        total += chance * log_sum(log_weights - hamiltonian / values[TEMPERATURE]) / size
    return total


def _brute_force_vectors(model, values, size):
    """Two or three unit vectors by the angles between them."""
    if model.disorder or model.site_energy != 0 or len(model.order_parameters) > 1:
        raise NotImplementedError("no exact sums of vector spins with disorder, one-body terms or several order parameters")
    ((m, g),) = model.order_parameters.items()
    scale = number(g.coeff(model.site.variable), values) / size
    cosines, weights = sphere_cosines(model.site.n)
    squares, masses = np.array([1.0]), np.array([1.0])
    parallel = model.energy.diff(m).xreplace({m: sympy.S.Zero})
    for _ in range(size - 1):
        squares = (squares[:, None] + 1 + 2 * np.sqrt(np.abs(squares))[:, None] * cosines).ravel()
        masses = (masses[:, None] * weights).ravel()
    radius = scale * np.sqrt(np.abs(squares))
    field = size * number(parallel, values) * radius[:, None] * cosines
    radial = size * numeric(model.energy - parallel * m, (m,), values)(radius[:, None])
    logs = -(radial[:, None] + field) / values[TEMPERATURE] + np.log(masses)[:, None] + np.log(weights)
    return log_sum(logs.ravel()) / size


def _brute_force_quantum(model, values, size, cells):
    z, x = pauli_sites(size)
    total = 0.0
    for chosen in product(cells, repeat=size):
        at = [{**values, **dict(zip(model.disorder, cell))} for _, cell in chosen]

        def summed(expr):
            return sum(pauli(expr, model.site.variables, z[i], x[i], at[i]) for i in range(size))

        phi = {a: summed(g) / size for a, g in model.order_parameters.items()}
        hamiltonian = size * operator(model.energy, phi, values) + summed(model.site_energy)
        levels = np.linalg.eigvalsh(-hamiltonian / values[TEMPERATURE])
        total += math.prod(p for p, _ in chosen) * log_sum(levels) / size
    return total
