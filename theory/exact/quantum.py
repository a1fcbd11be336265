"""N quantum spins 1/2, block by block of the collective spins of each type of site."""

import math
from itertools import combinations_with_replacement, product

import numpy as np
import sympy

from .averages import Averages
from .tables import disorder_cells, log_sum, multinomial, number, numeric, rounded

MAX_LEVELS = 700


class QuantumSystem:
    """N quantum spins 1/2: sites of one type have a collective spin, and the blocks of these are diagonalised."""

    def __init__(self, model, values, size, one_body, cells=None, typical=False):
        self.model, self.size, self.values = model, size, values
        self.one_body = sympy.sympify(one_body)
        cells = cells or disorder_cells(model, values)
        self.chances = np.array([p for p, _ in cells])
        self.cells = [dict(zip(model.disorder, row)) for _, row in cells]
        self.compositions = self._compositions(typical)

    def averages(self, collective, values, observables=(), basin=None):
        """Averages over exp[N collective(phi) + one-body]; thermal covariances are not defined (nan)."""
        correction = self._linear_part(collective, values, basin)
        total, annealed, means = 0.0, [], np.zeros(len(observables))
        for weight, counts in self.compositions:
            log_z, mean = self._one_composition(counts, collective, observables, values)
            total += weight * (log_z - counts @ correction) / self.size
            means += weight * mean
            annealed.append(math.log(weight) + log_z)
        empty = np.full((len(observables),) * 2, np.nan)
        return Averages(total, float(np.logaddexp.reduce(annealed)), means, empty)

    def _compositions(self, typical):
        if typical:
            return [(1.0, rounded(self.chances, self.size))]
        out = []
        for chosen in combinations_with_replacement(range(len(self.cells)), self.size):
            counts = np.bincount(chosen, minlength=len(self.cells))
            if (chance := multinomial(counts, self.chances)) > 0:
                out.append((chance, counts))
        return out

    def _linear_part(self, collective, values, basin):
        """Per type, the deviation of one site's log-trace from the mean in the basin's field (zero without one)."""
        if not basin:
            return np.zeros(len(self.cells))
        names = tuple(self.model.order_parameters)
        point = np.array(basin[0], dtype=float)[None, :]
        fields = [float(numeric(collective.diff(a), names, values)(point)[0]) for a in names]
        exponent = self.one_body + sum(f * g for f, g in zip(fields, self.model.order_parameters.values()))
        (_, z, x), = _collective_sectors(1)
        traces = np.array([log_sum(np.linalg.eigvalsh(self._linear(exponent, z, x, cell, 1))) for cell in self.cells])
        return traces - traces @ self.chances / self.chances.sum()

    def _one_composition(self, counts, collective, observables, values):
        logs, traces = [], []
        for multiplicity, phi, one_body in self._blocks(counts):
            energies, vectors = np.linalg.eigh(self.size * operator(collective, phi, values) + one_body)
            density = [np.einsum("ji,jk,ki->i", vectors, operator(o, phi, values), vectors) for o in observables]
            weights = np.exp(energies - energies.max())
            logs.append(energies.max() + math.log(weights.sum()) + math.log(multiplicity))
            traces.append([d @ weights / weights.sum() for d in density])
        log_z = float(np.logaddexp.reduce(logs))
        return log_z, np.exp(np.array(logs) - log_z) @ np.array(traces).reshape(len(logs), len(observables))

    def _blocks(self, counts):
        """(multiplicity, {order parameter: matrix}, one-body matrix) over the total spins of the types."""
        present = [(self.cells[c], int(n)) for c, n in enumerate(counts) if n]
        for sectors in product(*(_collective_sectors(n) for _, n in present)):
            dimensions = [len(z) for _, z, _ in sectors]
            if math.prod(dimensions) > MAX_LEVELS:
                raise NotImplementedError(f"exact sums of quantum spins over {math.prod(dimensions)} levels")

            def summed(expr):
                total = 0.0
                for k, ((cell, n), (_, z, x)) in enumerate(zip(present, sectors)):
                    left, right = math.prod(dimensions[:k]), math.prod(dimensions[k + 1:])
                    total = total + np.kron(np.kron(np.eye(left), self._linear(expr, z, x, cell, n)), np.eye(right))
                return total

            phi = {a: summed(g) / self.size for a, g in self.model.order_parameters.items()}
            yield math.prod(m for m, _, _ in sectors), phi, summed(self.one_body)

    def _linear(self, expr, z, x, cell, sites):
        """The operator n A + B_z Z + B_x X of n sites whose Pauli matrices sum to Z and X."""
        names = self.model.site.variables
        expr = sympy.expand(expr)
        slopes = [number(expr.coeff(v), {**self.values, **cell}) for v in names]
        constant = number(expr.xreplace({v: sympy.S.Zero for v in names}), {**self.values, **cell})
        return slopes[0] * z + slopes[1] * x + constant * sites * np.eye(len(z))


def operator(expr, phi, values):
    """A function of non-commuting order parameters: a sum of terms in one of them each."""
    expr = sympy.sympify(expr)
    dimension = len(next(iter(phi.values())))
    out = np.zeros((dimension, dimension))
    for term in sympy.Add.make_args(sympy.expand(expr)):
        used = [a for a in phi if term.has(a)]
        if len(used) > 1:
            raise NotImplementedError(f"{term} multiplies operators that do not commute")
        if not used:
            out += number(term, values) * np.eye(dimension)
            continue
        levels, vectors = np.linalg.eigh(phi[used[0]])
        out += (vectors * numeric(term, tuple(used), values)(levels[:, None])) @ vectors.T
    return out


def _collective_sectors(size):
    """[(multiplicity, sum of sigma^z, sum of sigma^x)] over the values of the total spin."""
    sectors = []
    for up in range(size // 2 + 1):
        spin = (size - 2 * up) / 2
        multiplicity = math.comb(size, up) - (math.comb(size, up - 1) if up else 0)
        levels = np.arange(spin, -spin - 0.5, -1)
        ladder = np.sqrt(spin * (spin + 1) - levels[1:] * (levels[1:] + 1))
        sectors.append((multiplicity, np.diag(2 * levels), np.diag(ladder, 1) + np.diag(ladder, -1)))
    return sectors
