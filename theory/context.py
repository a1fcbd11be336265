"""What the claims of a derivation are checked with: random points, values at finite N, exact sums."""

import math
import random
from contextlib import contextmanager
from functools import cached_property

import mpmath
import sympy
from sympy import Derivative, Integral, Symbol

from .averages import DisorderAverage, GaussianAverage
from .disorder import Normal
from .ensemble import (
    Abbreviation, Covariance, Ensemble, GibbsMean, Hamiltonian, LogPartition, Partition, Quenched,
    SiteEntropy, SiteMean, SiteTrace,
)
from .equilibrium import find_equilibrium
from .errors import InputError
from .evaluate import evaluate
from .mean_field import fields_of
from .symbols import N, T, beta, symbol

SAMPLES = 300
FINITE = (Ensemble, Hamiltonian)
DOUBLE_PRECISION = (*FINITE, SiteTrace, SiteMean, SiteEntropy, GaussianAverage)


class Context:
    """What the claims of a derivation are checked with: random points, exact sums, the equilibrium state.

    Parameters
    ----------
    derivation : Derivation
    seed : int
    """

    def __init__(self, derivation, seed=0):
        self.derivation, self.model, self.seed = derivation, derivation.model, seed
        self.random = random.Random(seed)
        self.cells = self.states = self.basin = None
        self.typical, self.noise = False, 0.0
        self._systems, self._points = {}, []
        self._values, self._templates, self._free = {}, {}, {}


    def points(self, count):
        """The first `count` random points {symbol: number}, the same for every step."""
        while len(self._points) < count:
            self._points.append(self._random_point())
        return self._points[:count]

    def point(self):
        """One random point."""
        return self.points(1)[0]

    def self_consistent_averages(self, point):
        """<g_a> of one site in the fields -grad e(phi) at a point, by direct summation."""
        names = (T, *(symbol(name) for name in self.model.parameters))
        functions = self.site_functions({a: point[a] for a in names})
        phi = [float(point[a]) for a in self.model.order_parameters]
        return functions.means([h / functions.T for h in functions.fields(phi)])

    def _random_point(self):
        values = self.parameters()
        model, names = self.model, tuple(self.model.order_parameters)
        draw = {T: values[T], beta: 1 / values[T]} | values
        for symbols, low in ((names, 0.1), (self.trial, 0.1)):
            draw |= dict(zip(symbols, self._realisable(values)))
        for family in (fields_of(model), self.sources, self.origins):
            largest = 0.15 if model.site.kind == "gaussian" else 0.8
            draw |= {x: mpmath.mpf(self.random.uniform(0.02, largest)) for x in family}
        early = self.derivation.route == "hamilton-jacobi"
        draw[self.time] = self.random.uniform(0.2, 0.5) * (-0.5 if early else 1.0)
        return {k: mpmath.mpf(v) for k, v in draw.items()}

    @cached_property
    def time(self):
        """Symbol of the interpolation parameter."""
        from .routes.common import time

        return time(self.model)

    @cached_property
    def trial(self):
        """Symbols of the trial values of the order parameters."""
        from .routes.common import trials

        return trials(self.model)

    @cached_property
    def sources(self):
        """Symbols x_a of the Hamilton-Jacobi space."""
        from .routes.common import sources

        return sources(self.model)

    @cached_property
    def origins(self):
        """Symbols of the points from which characteristics start."""
        from .routes.common import origins

        return origins(self.model)

    def parameters(self, temperature=None):
        """{symbol: value} of T and the parameters, near their defaults."""
        temperature = self.random.uniform(0.7, 1.4) if temperature is None else temperature
        for _ in range(20):
            given = {name: self._jitter(p) for name, p in self.model.parameters.items()}
            try:
                values = self.model.values(T=temperature, **given)
                break
            except InputError:
                continue
        else:
            values = self.model.values(T=temperature)
        return {symbol(name): mpmath.mpf(v) for name, v in values.items()}

    def _jitter(self, p):
        if p.integer:
            return p.default
        low, high = p.min, p.max
        if p.default is None and low is not None and high is not None:
            return self.random.uniform(low + 0.15 * (high - low), high - 0.15 * (high - low))
        value = self.random.uniform(0.3, 1.2) if not p.default else p.default * self.random.uniform(0.8, 1.2)
        if p.default == 0:
            value = self.random.uniform(0.05, 0.3)
        return min(max(value, -math.inf if low is None else low), math.inf if high is None else high)

    def _realisable(self, values):
        """Order parameters of one site in random fields."""
        site = self.one_site(values)
        largest = 0.15 if self.model.site.kind == "gaussian" else 1.0
        fields = [self.random.uniform(0.1, largest) for _ in self.model.order_parameters]
        exponent = sum(f * g for f, g in zip(fields, self.model.order_parameters.values()))
        return [site.mean(g, exponent) for g in self.model.order_parameters.values()]


    def one_site(self, values):
        """The one-site sums at these parameter values."""
        from .exact import OneSite

        names = (T, *(symbol(name) for name in self.model.parameters))
        key = tuple(float(values[a]) for a in names)
        label = ("site", key, self._thinned)
        if label not in self._systems:
            self._systems[label] = OneSite(self.model, dict(zip(names, key)), self.cells, self.states)
        return self._systems[label]

    def value(self, expr, point):
        """The number that an expression, finite-N quantities included, has at a point."""
        return self._numbers(sympy.sympify(expr), {k: mpmath.mpf(v) for k, v in point.items()})

    def deviation(self, before, after, point, at=None):
        """|before - after| over max(1, |before|, |after|) at a point, where the symbols of `at` take the values given."""
        point = {**point, **{a: self.value(expr, point) for a, expr in (at or {}).items()}}
        left, right = self.value(before, point), self.value(after, point)
        return abs(left - right) / max(1, abs(left), abs(right))

    def _numbers(self, expr, point):
        for kind, rule in self._rules.items():
            if isinstance(expr, kind):
                return rule(expr, point)
        template, special = self._template(expr)
        if not special:
            return evaluate(expr, point)
        return evaluate(template, {**point, **{x: self._numbers(e, point) for x, e in special}})

    def _template(self, expr):
        """The expression with what `evaluate` does not know replaced by symbols, and those parts."""
        if expr not in self._templates:
            found = {}

            def replaced(e):
                if isinstance(e, self._kinds):
                    return found.setdefault(e, Symbol(f"*{len(found)}"))
                return e.func(*map(replaced, e.args)) if e.args and e.has(*self._kinds) else e

            template = replaced(expr)
            self._templates[expr] = template, [(x, e) for e, x in found.items()]
        return self._templates[expr]

    @cached_property
    def _kinds(self):
        return tuple(self._rules)

    def _remembered(self, expr, point, rule):
        """The value of an expression, computed once for each set of values of its free symbols."""
        if expr not in self._free:
            self._free[expr] = sorted(expr.free_symbols, key=str)
        key = (expr, self._thinned, self.typical, *(point.get(x) for x in self._free[expr]))
        if key not in self._values:
            self._values[key] = rule(expr, point)
        return self._values[key]

    @cached_property
    def _rules(self):
        return {
            Derivative: self._derivative, Integral: self._integral, Hamiltonian: self._hamiltonian,
            Ensemble: self._ensemble, Quenched: self._quenched, SiteTrace: self._quenched,
            SiteMean: self._quenched, SiteEntropy: self._quenched,
            GaussianAverage: lambda e, point: self._remembered(e, point, self._average),
            DisorderAverage: lambda e, point: self._remembered(e, point, self._average),
            Abbreviation: self._abbreviation,
            sympy.loggamma: lambda e, point: mpmath.loggamma(self._numbers(e.args[0], point)),
        }

    def _abbreviation(self, expr, point):
        if expr.has(Ensemble):
            return self._numbers(expr.definition, point)
        return self._remembered(expr, point, lambda e, at: self._numbers(e.definition, at))

    def _derivative(self, expr, point):
        variables = [x for x, order in expr.args[1:] for _ in range(int(order))]
        return self._differences(expr.args[0], variables, point)

    def _differences(self, inner, variables, point):
        """Nested central differences of sixth order."""
        if not variables:
            return self._numbers(inner, point)
        x, *rest = variables
        step = mpmath.mpf("0.02") if inner.has(*DOUBLE_PRECISION) else mpmath.mpf("1e-5")
        total = mpmath.mpf(0)
        for k, w in ((1, 45), (2, -9), (3, 1)):
            up, down = ({**point, x: point[x] + sign * k * step} for sign in (1, -1))
            total += w * (self._differences(inner, rest, up) - self._differences(inner, rest, down))
        return total / (60 * step)

    def _integral(self, expr, point):
        inner, (x, low, high) = expr.args[0], expr.args[1]
        if inner.has(Ensemble):
            nodes = _legendre(20)
            return mpmath.fsum(w * self._numbers(inner, {**point, x: z}) for z, w in nodes)
        width = [low, high] if low.is_finite and high.is_finite else [-mpmath.inf, -1, 0, 1, mpmath.inf]
        return mpmath.quad(lambda z: evaluate(inner, {**point, x: z}, dps=15), width)

    def _average(self, expr, point):
        from .vectorised import array_value

        if not expr.has(GaussianAverage):
            return evaluate(expr, point)
        return mpmath.mpf(float(array_value(expr, {str(k): float(v) for k, v in point.items()})))

    def _quenched(self, expr, point):
        inner = expr.args[0] if isinstance(expr, Quenched) else expr
        values = {k: float(v) for k, v in point.items()}
        site = self.one_site(values)
        if isinstance(inner, SiteTrace):
            return mpmath.mpf(site.log_trace(inner.exponent, values))
        if isinstance(inner, SiteEntropy):
            return mpmath.mpf(site.entropy(inner.exponent, values))
        if isinstance(inner, SiteMean):
            return mpmath.mpf(site.mean(inner.observable, inner.exponent, values))
        raise TypeError(f"no rule for the disorder average of {type(inner).__name__}")

    def _hamiltonian(self, expr, point):
        from .exact import brute_force

        values = {k: float(v) for k, v in point.items()} | {T: 1 / float(point[expr.args[0]])}
        return mpmath.mpf(brute_force(self.model, values, int(point[N]), self.cells, self.states))

    def _ensemble(self, expr, point):
        values, size = {k: float(v) for k, v in point.items() if k != N}, int(point[N])
        system = self._system(expr.one_body, size, values)
        found = system.averages(expr.collective, values, expr.observables, self.basin)
        errors = {LogPartition: found.error, GibbsMean: found.mean_errors, Covariance: found.covariance_errors}
        scale = size if isinstance(expr, Covariance) else 1
        self.noise = max(self.noise, scale * float(numpy_max(errors.get(type(expr), 0.0))))
        if isinstance(expr, LogPartition):
            return mpmath.mpf(found.log_partition)
        if isinstance(expr, Partition):
            return mpmath.exp(mpmath.mpf(found.log_annealed))
        if isinstance(expr, GibbsMean):
            return mpmath.mpf(float(found.means[0]))
        if math.isnan(found.covariances[0, 0]):
            raise NotImplementedError("thermal covariances of operators that do not commute")
        return mpmath.mpf(float(found.covariances[0, 1]))

    def _system(self, one_body, size, values):
        from .exact import finite_system

        names = (T, beta, *(symbol(name) for name in self.model.parameters), *sorted(one_body.free_symbols, key=str))
        fixed = {a: values[a] for a in names if a in values}
        numbers = tuple(sorted((str(a), v) for a, v in fixed.items()))
        key = (one_body, size, numbers, self._thinned, self.typical)
        if key not in self._systems:
            samples = SAMPLES if self._lattice else SAMPLES // 3
            self._systems[key] = finite_system(self.model, fixed, size, one_body, samples, self.seed, self.cells,
                                               self.typical, self.states)
        return self._systems[key]

    @contextmanager
    def thinned_disorder(self):
        """Inside, disorder and Gaussian sites take a few values only: finite-N identities hold for any measure."""
        from .exact import disorder_cells, site_states

        if self.model.site.kind == "gaussian":
            self.states = site_states(self.model.site, {k: float(v) for k, v in self.point().items()}, order=5)
        if self.model.disorder:
            cells = disorder_cells(self.model, {k: float(v) for k, v in self.point().items()})
            kept = random.Random(self.seed).sample(range(len(cells)), min(3, len(cells)))
            total = sum(cells[i][0] for i in kept)
            self.cells = [(cells[i][0] / total, cells[i][1]) for i in sorted(kept)]
        try:
            yield
        finally:
            self.cells = self.states = None

    @property
    def _thinned(self):
        return self.cells is not None or self.states is not None


    @property
    def has_soft_modes(self):
        """Whether a continuous symmetry is broken at the equilibrium state: vector spins without a field."""
        site = self.model.site
        if site.kind != "sphere" or site.n == 1:
            return False
        (m,) = self.model.order_parameters
        return self.model.energy.diff(m).xreplace({m: sympy.S.Zero}) == 0 and self.equilibrium.order > 0.1

    @contextmanager
    def large_systems(self, pure_state):
        """Inside, sums are meant for growing N.

        In a pure state they run over the configurations nearest to the equilibrium state, its equivalents
        left out, at the typical composition of the disorder where there are several order parameters.
        """
        self.basin = self.equilibrium.basin if pure_state else None
        several = len(self.model.order_parameters) > 1 or self.model.site.kind == "quantum"
        self.typical = pure_state and self._lattice and bool(self.model.disorder) and several
        try:
            yield
        finally:
            self.basin, self.typical = None, False

    def measured(self, expr, point):
        """The value of an expression and the largest standard error of the finite-N quantities in it."""
        self.noise = 0.0
        return float(self.value(expr, point)), self.noise

    @property
    def sizes(self):
        """Increasing numbers of sites for which exact sums are cheap."""
        kind, dimension = self.model.site.kind, len(self.model.order_parameters)
        if kind == "gaussian":
            return (1, 2, 4)
        if kind == "quantum" and self.model.disorder:
            return (4, 8, 16) if self.typical else (2, 4, 6)
        if kind != "finite":
            return (8, 16, 32)
        if not self._lattice:
            normals = sum(isinstance(d, Normal) for d in self.model.disorder.values())
            return (4, 8, 12) if self.basin or normals == 1 else (2, 4, 8)
        if not self.model.disorder:
            several = (8, 16, 32) if len(self.model.site.states) < 4 else (4, 8, 16)
            return {1: (32, 64, 128), 2: (12, 24, 48)}.get(dimension, several)
        if not self.typical:
            return self._summable(dimension)
        if dimension == 2 or (dimension == 3 and len(self._site_types(self.equilibrium.point)) < 5):
            return self._proportionate((16, 32, 64))
        return self._proportionate((12, 24, 40) if dimension == 3 else (8, 16, 24))

    def _summable(self, dimension):
        """Numbers of sites up to which the compositions of the disorder can all be summed."""
        from .exact import MAX_COMPOSITIONS

        if dimension == 1:
            return (32, 64, 128)
        types = len(self._site_types(self.point()))
        fits = [n for n in range(8, 33, 4) if math.comb(n + types - 1, n) <= MAX_COMPOSITIONS]
        return (fits[-1] // 4, fits[-1] // 2, fits[-1]) if fits and dimension == 2 else (3, 6, 12)

    def _site_types(self, point):
        from .exact import site_types

        return site_types(self.model, {k: float(v) for k, v in point.items()}, -self.model.site_energy / T)

    def _proportionate(self, sizes):
        """Nearby numbers of sites at which the typical composition of the disorder rounds least."""
        chances = [t.probability for t in self._site_types(self.equilibrium.point)]

        def rounding(size):
            return sum((size * p - round(size * p)) ** 2 for p in chances)

        return tuple(min(range(n - n // 4, n + 1), key=rounding) for n in sizes)

    @cached_property
    def _lattice(self):
        """Whether the order parameters of one site take values that do not depend on a Gaussian disorder."""
        normal = [x for x, d in self.model.disorder.items() if isinstance(d, Normal)]
        if self.model.site.kind == "quantum":
            return not normal
        return not any(g.has(x) for g in self.model.order_parameters.values() for x in normal)

    @cached_property
    def equilibrium(self):
        """A stable, isolated, ordered state of the model if there is one, else its disordered state."""
        return find_equilibrium(self)

    def site_functions(self, values):
        """Means, fields, free energy and stability of the model at these parameter values."""
        from .vectorised import SiteFunctions

        key = ("functions", tuple(float(v) for v in values.values()))
        if key not in self._systems:
            self._systems[key] = SiteFunctions(self.model, {k: float(v) for k, v in values.items()}, self.one_site(values))
        return self._systems[key]


def opened(expr):
    """The expression with abbreviations replaced by their definitions."""
    expr = sympy.sympify(expr)
    while expr.has(Abbreviation):
        expr = expr.replace(lambda e: isinstance(e, Abbreviation), lambda e: e.definition)
    return expr


def numpy_max(errors):
    """The largest entry of a number or an array."""
    import numpy

    return numpy.max(errors, initial=0.0)


def _legendre(order):
    """Gauss-Legendre nodes and weights on [0, 1]."""
    import numpy

    nodes, weights = numpy.polynomial.legendre.leggauss(order)
    return [((1 + z) / 2, w / 2) for z, w in zip(nodes, weights)]
