"""Numbers for the checks: the finite-N quantities of an interpolation with quenched couplings, and random points."""

import math
import random
import weakref
from contextlib import contextmanager
from functools import cached_property
from itertools import product

import mpmath
import sympy

from ...context import Context
from ...disorder import FiniteDistribution
from ...ensemble import Quenched, SiteTrace
from ...symbols import N, T, beta
from .quantities import CouplingCovariance, GlassMean, GlassPressure, LayerPressure, SiteSquare

MOST_DRAWS = 27
LEGENDRE_NODES = 6
_known = weakref.WeakKeyDictionary()


def coupled(context):
    """The context of a derivation with quenched couplings, made once for each check of it."""
    from . import scheme_of

    if isinstance(context, CoupledContext):
        return context
    if context not in _known:
        _known[context] = CoupledContext(context.derivation, scheme_of(context.model), context.seed)
    return _known[context]


class CoupledContext(Context):
    """A check's context whose finite-N quantities contain Gaussian couplings."""

    def __init__(self, derivation, scheme, seed=0):
        super().__init__(derivation, seed)
        self.scheme, self._averages, self.samples = scheme, {}, 0

    def _random_point(self):
        values = self.parameters(temperature=1.0)
        scale = self.scheme.energy_scale({k: float(v) for k, v in values.items()})
        values[T] = mpmath.mpf(self.random.uniform(1.2, 1.6) * scale)
        draw = values | {beta: 1 / values[T], self.time: mpmath.mpf(self.random.uniform(0.3, 0.6))}
        for x in (*self.scheme.setting.phi, *self.trial, *self.scheme.overlap_symbols):
            draw[x] = mpmath.mpf(self.random.uniform(0.15, 0.6))
        for h in self.scheme.setting.fields:
            draw[h] = mpmath.mpf(self.random.uniform(0.1, 0.8))
        return draw

    @contextmanager
    def few_draws(self, count):
        """Inside, the site disorder takes `count` of its values: identities at finite N hold for any measure of it."""
        from ...exact import disorder_cells

        if self.model.disorder:
            cells = disorder_cells(self.model, {k: float(v) for k, v in self.point().items()})
            kept = sorted(random.Random(self.seed).sample(range(len(cells)), min(count, len(cells))))
            total = sum(cells[i][0] for i in kept)
            self.cells = [(cells[i][0] / total, cells[i][1]) for i in kept]
        try:
            yield
        finally:
            self.cells = None

    @cached_property
    def _rules(self):
        return {CouplingCovariance: self._covariance, **super()._rules}

    def _covariance(self, expr, point):
        from ...exact.coupled import explicit_covariance

        size = int(point[N])
        first, second = self.pair[0][:size], self.pair[1][:size]
        return mpmath.mpf(explicit_covariance(self.coefficients(*expr.args, point), first, second))

    @staticmethod
    def coefficients(covariance, overlap, point):
        """Numbers c_0, c_1, ... of a covariance sum_p c_p q^p."""
        from ...exact.tables import number

        poly = sympy.Poly(covariance, overlap)
        values = {k: float(v) for k, v in point.items()}
        return [number(poly.coeff_monomial(overlap**p), values) for p in range(poly.degree() + 1)]

    def _integral(self, expr, point):
        """Gauss-Legendre: the averages are smooth in the interpolation parameter."""
        from numpy.polynomial.legendre import leggauss

        inner, (x, low, high) = expr.args[0], expr.args[1]
        nodes = [(low + (high - low) * (1 + z) / 2, (high - low) * w / 2) for z, w in zip(*leggauss(LEGENDRE_NODES))]
        return mpmath.fsum(w * self._numbers(inner, {**point, x: z}) for z, w in nodes)

    @contextmanager
    def sampling(self, samples):
        """Inside, pressures are means over seeded disorder samples."""
        self.samples = samples
        try:
            yield
        finally:
            self.samples = 0

    def _ensemble(self, expr, point):
        if self.samples:
            mean, error = self.scheme.sampled_pressure(self, expr, {k: float(v) for k, v in point.items()}, self.samples)
            self.noise = max(self.noise, error)
            return mpmath.mpf(mean)
        key = (expr.measure, tuple(sorted((str(x), float(point[x])) for x in expr.free_symbols if x in point)),
               expr.observables, None if self.cells is None else tuple((p, tuple(c)) for p, c in self.cells))
        if key not in self._averages:
            if len(self._averages) > 4000:
                self._averages.clear()
            self._averages[key] = self._exact(expr, point)
        return mpmath.mpf(self._averages[key])

    def _exact(self, expr, point):
        total = 0.0
        for chance, logs, phi in self.site_draws(expr, {k: float(v) for k, v in point.items()}, int(point[N])):
            found = self._at_fixed_sites(expr, {k: float(v) for k, v in point.items()}, logs, phi)
            total += chance * (found.pressure if isinstance(expr, (GlassPressure, LayerPressure)) else found.means[0])
        return total

    def site_draws(self, expr, values, size, drawn=None):
        """[(probability, exponents (2^N,), order parameters (2^N, n))], one for each configuration of the site disorder."""
        import numpy as np

        from ...exact import disorder_cells
        from ...exact.coupled import configurations

        cells = self.cells or disorder_cells(self.model, values)
        choices = list(product(range(len(cells)), repeat=size)) if drawn is None else drawn
        if drawn is None and len(choices) > MOST_DRAWS:
            raise NotImplementedError(f"an exact average over {len(choices)} configurations of the site disorder")
        columns = ((configurations(size) < 0).astype(int))
        tables = [self._site_table(f, values, cells) for f in (expr.one_body, *self.scheme.setting.functions)]
        for chosen in choices:
            one_body, *sums = (sum(t[c][columns[:, i]] for i, c in enumerate(chosen)) for t in tables)
            phi = np.array(sums).reshape(len(sums), len(columns)).T / size
            chance = math.prod(cells[c][0] for c in chosen) if drawn is None else 1 / len(choices)
            yield chance, one_body + size * self._collective(expr, values)(phi), phi

    def drawn(self, rng, size, samples):
        """Cells of the site disorder, drawn at random for each sample."""
        import numpy as np

        from ...exact import disorder_cells

        chances = np.array([p for p, _ in disorder_cells(self.model, {k: float(v) for k, v in self.point().items()})])
        return [tuple(rng.choice(len(chances), size, p=chances / chances.sum())) for _ in range(samples)]

    def site_controls(self, expr, values, drawn):
        """Means over sites of one site's log-trace less its expectation, shape (samples, 1)."""
        import numpy as np

        from ...exact import disorder_cells

        cells = disorder_cells(self.model, values) if self.model.disorder else [(1.0, ())]
        traces = np.logaddexp.reduce(self._site_table(expr.one_body, values, cells), axis=1)
        chances = np.array([p for p, _ in cells])
        return (traces[np.array(drawn)].mean(axis=1) - chances @ traces / chances.sum())[:, None]

    def signal_function(self, values):
        """The remainder of the signal energy as a function of order parameters (n, order parameters)."""
        from ...exact.tables import numeric

        names = self.scheme.setting.phi
        return numeric(self.scheme.signal_remainder, names, {k: v for k, v in values.items() if k not in names})

    def _site_table(self, f, values, cells):
        """A one-site function by disorder cell and state, s = 1 first."""
        from ...exact.tables import site_table

        states = list(self.model.site.states)
        order = [states.index((sympy.Integer(s),)) for s in (1, -1)]
        return site_table(self.model, f, values, states, cells)[:, order]

    def _collective(self, expr, values):
        from ...exact.tables import numeric

        names = self.scheme.setting.phi
        return numeric(expr.collective, names, {k: v for k, v in values.items() if k not in names})

    def _at_fixed_sites(self, expr, values, logs, phi):
        from ...exact.coupled import glass_averages, layer_averages
        from ...exact.tables import number

        observables = [self._pair_function(o, expr, values) for o in expr.observables]
        if isinstance(expr, (GlassPressure, GlassMean)):
            covariance, strength, variance = expr.parts
            coefficients = self.coefficients(covariance, self.scheme.q12, values)
            squares = (values[beta] ** 2 * number(x, values) for x in (strength, variance))
            return glass_averages(logs, phi, coefficients, *squares, observables)
        load, *strengths = (number(x, values) for x in expr.parts)
        patterns = round(load * int(values[N]))
        if abs(patterns - load * values[N]) > 1e-9 or not patterns:
            raise NotImplementedError(f"a load of {load:g} at N = {int(values[N])}, which is no whole number of patterns")
        return layer_averages(logs, phi, patterns, *strengths, observables)

    def _pair_function(self, observable, expr, values):
        """A function of order parameters (.., n) and overlaps, arrays that broadcast."""
        bound = tuple(expr.args[-3])
        fixed = observable.xreplace({k: sympy.Float(float(v)) for k, v in values.items() if k not in bound})
        compiled = sympy.lambdify(bound, fixed, "numpy")
        count = len(self.scheme.setting.phi)
        return lambda phi, *overlaps: compiled(*(phi[..., k] for k in range(count)), *overlaps)

    def _quenched(self, expr, point):
        """Averages of one site over its disorder and a standard Gaussian variable, by direct summation."""
        import numpy as np

        from ...exact import disorder_cells
        from ...exact.tables import numeric

        inner = expr.args[0] if isinstance(expr, Quenched) else expr
        values = {k: float(v) for k, v in point.items()}
        smooth = any(not isinstance(d, FiniteDistribution) for d in self.model.disorder.values())
        cells = self.cells or disorder_cells(self.model, values, order=None if smooth else 12)
        z = np.arange(-72, 73) / 8
        weights = np.exp(-z**2 / 2)
        weights /= weights.sum()
        rows = np.array([[*cell, x] for _, cell in cells for x in z])
        chances = np.array([p * w for p, _ in cells for w in weights])
        names = (*self.model.disorder, self.scheme.z)
        states = [state for _, state in self.model.site.enumerate()]
        free = {k: v for k, v in values.items() if k not in names}
        on = lambda f: np.array([numeric(f.xreplace(s), names, free)(rows) for s in states])
        logs = on(inner.exponent)
        log_z = np.logaddexp.reduce(logs, axis=0)
        if isinstance(inner, SiteTrace):
            return mpmath.mpf(float(chances @ log_z))
        means = (on(inner.observable) * np.exp(logs - log_z)).sum(axis=0)
        return mpmath.mpf(float(chances @ means ** (2 if isinstance(inner, SiteSquare) else 1)))

    @property
    def pair(self):
        """Two fixed configurations."""
        return ((1, -1, 1), (1, 1, -1))
