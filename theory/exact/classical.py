"""N classical sites: configurations by the value of the order parameters, disorder by its composition."""

import math
from functools import cached_property
from itertools import combinations_with_replacement

import numpy as np

from .averages import Averages
from .tables import DIGITS, multinomial, numeric, rounded, site_types

SAMPLES = 200
MAX_COMPOSITIONS = 1500
MAX_CONFIGURATIONS = 2_000_000


class ClassicalSystem:
    """N classical sites; finite states exactly, Gaussian ones by Gauss-Hermite quadrature.

    Parameters
    ----------
    values : {symbol: number}, everything in `one_body` and in the model but site and disorder
    one_body : Expr in the site variables and the disorder, exponent of one site's weight
    cells : [(probability, disorder values)] instead of the model's own disorder
    typical : take the one composition of site types nearest to their probabilities instead of the average
        over all, with the linear part of the rounding removed
    states : (states, weights) instead of the site's own
    """

    def __init__(self, model, values, size, one_body, samples=SAMPLES, seed=0, cells=None, typical=False, states=None):
        self.model, self.size, self.typical = model, size, typical
        self.types = site_types(model, values, one_body, cells, states)
        self.samples, self.seed = samples, seed
        self._powers = {}

    def averages(self, collective, values, observables=(), basin=None):
        """Averages over exp[N collective(phi)] times the one-body weights.

        With a `basin` (a point and its rivals), only over configurations nearer to the point.
        """
        names = tuple(self.model.order_parameters)
        exponent, *functions = (numeric(e, names, values) for e in (collective, *observables))
        correction = self._linear_part(collective, values, basin)
        weights, pressures, annealed, means, covariances = [], [], [], [], []
        for weight, types, phi, logs in self.disorder:
            phi, logs = _nearest(phi, logs, basin)
            logs = logs + self.size * exponent(phi)
            top = logs.max()
            mass = np.exp(logs - top)
            log_z = top + math.log(mass.sum())
            mass /= mass.sum()
            table = np.array([f(phi) for f in functions]).reshape(len(functions), len(mass))
            mean = table @ mass
            weights.append(weight)
            pressures.append((log_z - sum(correction[c] for c in types)) / self.size)
            annealed.append(math.log(weight) + log_z)
            means.append(mean)
            covariances.append((table * mass) @ table.T - np.outer(mean, mean))
        averaged = [np.tensordot(weights, np.array(x), axes=1) for x in (pressures, means, covariances)]
        spread = [self._standard_error(x) for x in (pressures, means, covariances)]
        return Averages(float(averaged[0]), float(np.logaddexp.reduce(annealed)), averaged[1], averaged[2],
                        float(spread[0]), spread[1], spread[2])

    def _standard_error(self, samples):
        if not self.sampled or self.typical:
            return 0 * np.array(samples)[0]
        return np.std(np.array(samples), axis=0) / math.sqrt(len(samples))

    @cached_property
    def sampled(self):
        """Whether the disorder is sampled instead of summed."""
        return math.comb(self.size + len(self.types) - 1, self.size) > MAX_COMPOSITIONS

    @cached_property
    def disorder(self):
        """[(probability, site types, phi values, log weights)], one for each disorder sample or composition."""
        if self.typical:
            types = self._typical_composition()
            return [(1.0, types, *self._density(types))]
        if self.sampled:
            rng = np.random.default_rng(self.seed)
            draws = [tuple(sorted(rng.choice(len(self.types), self.size, p=self._chances)))
                     for _ in range(self.samples)]
            return [(1 / self.samples, types, *self._density(types)) for types in draws]
        compositions = combinations_with_replacement(range(len(self.types)), self.size)
        return [(p, types, *self._density(types)) for types in compositions if (p := self._probability(types)) > 0]

    def _typical_composition(self):
        counts = rounded(self._chances, self.size)
        return tuple(c for c, n in enumerate(counts) for _ in range(n))

    def _probability(self, types):
        return multinomial(np.bincount(types, minlength=len(self.types)), self._chances)

    def _density(self, types):
        sums, logs = np.zeros((1, len(self.model.order_parameters))), np.zeros(1)
        for c in sorted(set(types)):
            sums, logs = _convolve((sums, logs), self._power(c, types.count(c)))
        return sums / self.size, logs

    def _power(self, c, n):
        key = (c, n)
        if key not in self._powers:
            site = (self.types[c].functions, self.types[c].logs)
            half = n // 2
            self._powers[key] = site if n == 1 else _convolve(self._power(c, half), self._power(c, n - half))
        return self._powers[key]

    def _linear_part(self, collective, values, basin):
        """Per site type, the deviation of its log-trace from the mean at a reference field (zero when exact)."""
        if not (self.sampled or self.typical):
            return np.zeros(len(self.types))
        field = self._reference_field(collective, values, basin)
        traces = np.logaddexp.reduce(self._stacked[0] @ field + self._stacked[1], axis=1)
        return traces - traces @ self._chances

    def _reference_field(self, collective, values, basin):
        """The field of the basin's point, else of a mean-field state found by damped iteration."""
        names = tuple(self.model.order_parameters)
        slopes = [numeric(collective.diff(a), names, values) for a in names]
        functions, logs = self._stacked
        phi = np.array(basin[0]) if basin else self._chances @ functions.max(axis=1)
        for _ in range(0 if basin else 100):
            field = np.array([f(phi[None, :])[0] for f in slopes])
            exponents = functions @ field + logs
            weights = np.exp(exponents - np.logaddexp.reduce(exponents, axis=1)[:, None])
            phi = 0.5 * (phi + np.einsum("c,cs,csa->a", self._chances, weights, functions))
        return np.array([f(phi[None, :])[0] for f in slopes])

    @cached_property
    def _chances(self):
        chances = np.array([t.probability for t in self.types])
        return chances / chances.sum()

    @cached_property
    def _stacked(self):
        """Functions (types, states, order parameters) and log weights (types, states)."""
        return np.array([t.functions for t in self.types]), np.array([t.logs for t in self.types])


def _convolve(first, second):
    sums = (first[0][:, None, :] + second[0][None, :, :]).reshape(-1, first[0].shape[1])
    if len(sums) > MAX_CONFIGURATIONS:
        raise NotImplementedError(f"exact sums over {len(sums)} configurations")
    logs = (first[1][:, None] + second[1][None, :]).ravel()
    return _merge(sums, logs)


def _merge(sums, logs):
    """Rows with equal sums gathered, their weights added."""
    directions = np.sqrt(np.arange(2, 2 + sums.shape[1]) + 0.1)
    keys = np.round(sums @ directions, DIGITS)
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(keys[order]) > 10.0 ** (1 - DIGITS)])
    return sums[order][starts], np.logaddexp.reduceat(logs[order], starts)


def _nearest(phi, logs, basin):
    """The rows of phi that lie nearer to the basin's point than to any rival; ties count in proportion."""
    if not basin or not basin[1]:
        return phi, logs
    point, rivals = np.array(basin[0]), np.array(basin[1])
    own = ((phi - point) ** 2).sum(axis=1)
    others = ((phi[:, None, :] - rivals[None, :, :]) ** 2).sum(axis=2)
    farther = own - others.min(axis=1)
    kept = farther <= max(farther.min(), 0.0) + 1e-9
    shares = 1 + (np.abs(others[kept] - own[kept, None]) < 1e-9).sum(axis=1)
    return phi[kept], logs[kept] - np.log(shares)
