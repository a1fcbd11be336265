"""Verification of derivation steps: identities at random points, limits against exact small-N sums.

Every claim compares the step's own expressions, so that a step whose formula has been altered fails.
k_B = 1, quantities per site.
"""

import math
import random
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property

import mpmath
import sympy
from sympy import Derivative, Integral, Symbol, Tuple

from .averages import DisorderAverage, GaussianAverage
from .disorder import Normal
from .ensemble import (
    Abbreviation, Covariance, Ensemble, GibbsMean, Hamiltonian, LogPartition, Partition, Quenched,
    SiteEntropy, SiteMean, SiteTrace,
)
from .errors import InputError
from .evaluate import evaluate
from .mean_field import fields_of
from .symbols import N, T, beta, symbol

POINTS = 2
SIZES = (2, 3)
SAMPLES = 300
# Relative disagreement allowed to closed forms, to double-precision sums, and to their numerical derivatives.
EXACT, DOUBLE, DIFFERENCE = 1e-15, 1e-9, 1e-5
_FINITE = (Ensemble, Hamiltonian)
_DOUBLE = (*_FINITE, SiteTrace, SiteMean, SiteEntropy, GaussianAverage)


@dataclass(frozen=True)
class Outcome:
    """What a claim found: passed, assumption, failed or unchecked, with the evidence in words."""

    status: str
    evidence: str


@dataclass(frozen=True)
class Equal:
    """before = after at random points; at N = 2 and 3 by exact sums where they are finite-N quantities.

    Parameters
    ----------
    at : {symbol: Expr}, the values that symbols take on both sides
    """

    at: dict = field(default_factory=dict)

    def __call__(self, step, context):
        if not step_has(step, *_FINITE):
            deviation = self._worst(step, context, context.points(POINTS))
            return judge(deviation, tolerance(step, self.at), f"both sides agree at {POINTS} random points")
        with context.thinned_disorder():
            deviation = self._worst(step, context, [{**context.point(), N: size} for size in SIZES])
        return judge(deviation, tolerance(step, self.at),
                     f"both sides agree for N = {', '.join(map(str, SIZES))} by exact summation")

    def _worst(self, step, context, points):
        return max(context.deviation(before, after, point, self.at)
                   for point in points for before, after in paired(step))


@dataclass(frozen=True)
class AtEquilibrium:
    """phi = <g> at the equilibrium state found by sums over one site's states, and <g> equals these sums elsewhere."""

    def __call__(self, step, context):
        state = context.equilibrium
        deviation = max(context.deviation(before, after, state.point) for before, after in paired(step))
        for point in context.points(POINTS):
            direct = context.self_consistent_averages(point)
            sides = [(context.value(before, point), context.value(after, point)) for before, after in paired(step)]
            for a, expected, (order, average) in zip(context.model.order_parameters, direct, sides):
                deviation = max(deviation, abs(order - point[a]), abs(average - expected))
        normals = sum(isinstance(d, Normal) for d in context.model.disorder.values())
        shown = ", ".join(f"{a} = {mpmath.nstr(mpmath.chop(state.point[a], 1e-12), 6)}" for a in context.model.order_parameters)
        return judge(deviation, 1e-8 if normals < 2 else 1e-5,
                     f"solved at {state.label} by {shown}, found by summation over one site's states, "
                     f"and right sides equal to such sums at {POINTS} random points,")


@dataclass(frozen=True)
class Limit:
    """before -> after as N grows, by exact sums at increasing N.

    Parameters
    ----------
    where : "equilibrium", or a function context -> point at which the limit is taken
    """

    where: object = "equilibrium"

    def __call__(self, step, context):
        point = context.equilibrium.point if self.where == "equilibrium" else self.where(context)
        label = context.equilibrium.label if self.where == "equilibrium" else f"T = {mpmath.nstr(point[T], 4)}"
        ordered = self.where == "equilibrium"
        soft = ordered and context.has_soft_modes
        irregular = ordered and bool(context.model.disorder) and len(context.model.order_parameters) > 1
        outcomes = []
        for before, after in paired(step):
            with context.large_systems(pure_state=ordered):
                sizes = context.sizes
                measured = [context.measured(before, {**point, N: size}) for size in sizes]
            outcomes.append(convergence(sizes, measured, float(context.value(after, point)), label, soft, irregular))
        return next((o for o in outcomes if o.status == "failed"), outcomes[0])


@dataclass(frozen=True)
class Formula:
    """before -> after as N grows, for closed forms that can be evaluated at any N.

    Parameters
    ----------
    prepare : function context -> {symbol: number}
    """

    prepare: object = None
    sizes: tuple = (10**2, 10**4, 10**6)

    def __call__(self, step, context):
        point = {**context.point(), **(self.prepare(context) if self.prepare else {})}
        errors = []
        for size in self.sizes:
            errors.append(max(abs(context.value(before, {**point, N: size}) - context.value(after, point))
                              for before, after in paired(step)))
        rate = math.log(errors[-2] / errors[-1]) / math.log(self.sizes[-1] / self.sizes[-2]) if errors[-1] else 1.0
        shown = ", ".join(mpmath.nstr(e, 2) for e in errors)
        good = errors[-1] < 1e-3 and rate > 0.3
        return Outcome("passed" if good else "failed",
                       f"N = {', '.join(f'{n:g}' for n in self.sizes)}: error {shown}, rate N^-{rate:.2f}")


@dataclass(frozen=True)
class Bound:
    """before >= after (or <=) at random points, for N = 2 and 3."""

    sign: int = 1

    def __call__(self, step, context):
        with context.thinned_disorder():
            gaps = [float(self.sign * (context.value(before, point) - context.value(after, point)))
                    for point in ({**p, N: size} for size in SIZES for p in context.points(4))
                    for before, after in paired(step)]
        word = "above" if self.sign > 0 else "below"
        status = "passed" if min(gaps) > -1e-9 else "failed"
        return Outcome(status, f"N = {', '.join(map(str, SIZES))}, {len(gaps)} random points: "
                               f"the left side lies {word} the right by {min(gaps):.2g} at least")


@dataclass(frozen=True)
class SameSum:
    """The partition function summed configuration by configuration equals its grouping by order parameters."""

    def __call__(self, step, context):
        try:
            with context.thinned_disorder():
                deviations = [context.deviation(step.before, step.after, {**context.point(), N: size}) for size in SIZES]
        except NotImplementedError as reason:
            return Outcome("assumption", f"not checked at finite N: {reason}")
        return judge(max(deviations), DOUBLE, f"configuration by configuration, N = {', '.join(map(str, SIZES))}: equal")


@dataclass(frozen=True)
class Assumption:
    """A hypothesis: stated, not proved. `witness` may add what small systems show.

    Parameters
    ----------
    why : why it is made
    witness : function (step, context) -> str, or None
    """

    why: str
    witness: object = None

    def __call__(self, step, context):
        seen = self.witness(step, context) if self.witness else ""
        return Outcome("assumption", f"assumption: {self.why}" + (f"; {seen}" if seen else ""))


@dataclass(frozen=True)
class Agreement:
    """The result equals the theory of this derivation and those of the other routes."""

    routes: tuple = ()

    def __call__(self, step, context):
        from .agreement import agreement

        own = max(context.deviation(before, after, point) for point in context.points(POINTS)
                  for before, after in paired(step))
        derivation = context.derivation
        stated = max(context.deviation(derivation.free_energy, before, point) for point in context.points(1)
                     for before, _ in paired(step)[:1])
        found = agreement(context.model, (derivation.route, *self.routes), seed=context.seed, given=(derivation,))
        worst = max(own, stated, found.deviation)
        if worst <= DOUBLE:
            return Outcome("passed", found.summary())
        return Outcome("failed", f"expected the same free energy and equations from every route; they deviate by {float(worst):.1e}")


@dataclass(frozen=True)
class All:
    """Several claims about one step."""

    claims: tuple

    def __call__(self, step, context):
        outcomes = [claim(step, context) for claim in self.claims]
        for status in ("failed", "unchecked", "assumption"):
            if found := [o for o in outcomes if o.status == status]:
                return found[0]
        return Outcome("passed", "; ".join(o.evidence for o in outcomes))


def verify(step, context):
    """The step with the status and evidence of its claim."""
    if step.claim is None:
        return replace(step, status="unchecked", evidence="the step makes no checkable claim")
    try:
        outcome = step.claim(step, context)
    except NotImplementedError as reason:
        outcome = Outcome("assumption", f"not checked at finite N: {reason}")
    except (ArithmeticError, KeyError, TypeError, InputError) as reason:
        outcome = Outcome("failed", f"the expressions could not be evaluated: {reason}")
    return replace(step, status=outcome.status, evidence=outcome.evidence)


def judge(deviation, allowed, text):
    """Passed where the relative deviation is within what is allowed."""
    deviation = float(deviation)
    if math.isfinite(deviation) and deviation <= allowed:
        return Outcome("passed", f"{text} to {deviation:.0e}" if deviation > 1e-28 else f"{text} to all digits computed")
    return Outcome("failed", f"expected: {text}; found a relative deviation of {deviation:.1e}")


def tolerance(step, at=None):
    """Relative disagreement allowed to a step, by how its two sides are computed."""
    differences = step_has(step, Derivative)
    if step_has(step, *_FINITE):
        return DIFFERENCE if differences else DOUBLE
    if step_has(step, SiteTrace, SiteMean, SiteEntropy, GaussianAverage):
        return DIFFERENCE if differences else DOUBLE
    return 1e-10 if differences or at else EXACT * 1e3


def convergence(sizes, measured, target, label="", soft=False, irregular=False):
    """Whether sums at increasing N tend to the target, by extrapolation, with the rate observed.

    Parameters
    ----------
    sizes : three increasing numbers of sites
    measured : (exact sum, standard error of its disorder sampling) at each
    target : the limit claimed
    label : where the limit is taken
    soft : whether the leading correction is log N / N, of the soft modes of a broken continuous symmetry
    irregular : whether corrections are not smooth in N, because the disorder's composition is rounded
    """
    errors = [abs(s - target) for s, _ in measured]
    rate = (math.log(errors[-2] / errors[-1]) / math.log(sizes[-1] / sizes[-2])
            if min(errors[-2:]) > 0 else math.inf)
    powers = [lambda n: 1.0, (lambda n: math.log(n) / n) if soft else (lambda n: 1 / n),
              (lambda n: 1 / n) if soft else (lambda n: 1 / n**2)]
    (three, noise3), (two, noise2) = (_extrapolate(sizes, measured, powers[:k]) for k in (3, 2))
    curved = abs(three - two)
    best, noise = (three, noise3) if noise3 < curved else (two, noise2)
    allowed = 0.03 * errors[-1] if soft else curved + (0.6 if irregular else 0.2) * errors[-1]
    allowed += 4 * noise + 1e-7 * (1 + abs(target))
    close = abs(best - target) <= min(allowed, 0.25 * max(abs(target), 0.1))
    good = close or errors[-1] <= 0.01 * max(abs(target), 0.1)
    good = good and errors[-1] <= max(errors[:-1]) + 4 * max(e for _, e in measured) + 1e-9
    shown = ", ".join(f"{e:.2g}" for e in errors)
    text = (f"at {label}: N = {', '.join(map(str, sizes))}: error {shown}, rate N^-{rate:.1f}; "
            f"extrapolated {best:.6g}, limit {target:.6g}")
    return Outcome("passed" if good else "failed", text)


def _extrapolate(sizes, measured, powers):
    """The constant of the combination of `powers` (functions of N) through the last sums, and its standard error."""
    count = len(powers)
    table = mpmath.matrix([[p(n) for p in powers] for n in sizes[-count:]])
    constant = mpmath.lu_solve(table.T, mpmath.matrix([1] + [0] * (count - 1)))
    value = sum(w * s for w, (s, _) in zip(constant, measured[-count:]))
    variance = sum((w * e) ** 2 for w, (_, e) in zip(constant, measured[-count:]))
    return float(value), math.sqrt(variance)


def paired(step):
    """The rows of a step whose two sides are to be compared."""
    return [(before, after) for before, after in step.rows if before is not None and after is not None]


def step_has(step, *kinds):
    """Whether an expression of the step, abbreviations opened, contains one of these classes."""
    return any(opened(side).has(*kinds) for row in paired(step) for side in row)


def opened(expr):
    """The expression with abbreviations replaced by their definitions."""
    expr = sympy.sympify(expr)
    while expr.has(Abbreviation):
        expr = expr.replace(lambda e: isinstance(e, Abbreviation), lambda e: e.definition)
    return expr


@dataclass(frozen=True)
class State:
    """An equilibrium point: {symbol: number}, a label, and its distance from instability."""

    point: dict
    label: str
    order: float
    margin: float
    gap: float
    basin: tuple  # the order parameters, and those of equivalent states


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

    # ---- random points

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
        functions = self._site_functions({a: point[a] for a in names})
        phi = [float(point[a]) for a in self.model.order_parameters]
        return functions.means([h / functions.T for h in functions.fields(phi)])

    def _random_point(self):
        values = self._parameters()
        model, names = self.model, tuple(self.model.order_parameters)
        draw = {T: values[T], beta: 1 / values[T]} | values
        for symbols, low in ((names, 0.1), (self.trial, 0.1)):
            draw |= dict(zip(symbols, self._realisable(values)))
        for family in (fields_of(model), self.sources, self.origins):
            largest = 0.15 if model.site.kind == "gaussian" else 0.8
            draw |= {x: mpmath.mpf(self.random.uniform(0.02, largest)) for x in family}
        draw[symbol("t")] = mpmath.mpf(self.random.uniform(0.2, 0.5))
        if self.derivation.route == "hamilton-jacobi":
            draw[symbol("t")] *= mpmath.mpf(-1) / 2
        return {k: mpmath.mpf(v) for k, v in draw.items()}

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

    def _parameters(self, temperature=None):
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

    # ---- values of expressions

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
        step = mpmath.mpf("0.02") if inner.has(*_DOUBLE) else mpmath.mpf("1e-5")
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

    # ---- equilibrium

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
            return {1: (32, 64, 128), 2: (12, 24, 48)}.get(dimension, (8, 16, 32) if len(self.model.site.states) < 4 else (4, 8, 16))
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
        scale = self._energy_scale()
        states = []
        for ratio in self._temperature_ratios():
            found = self._state(ratio * scale)
            if found is None:
                continue
            if found.order > 0.1 and found.margin > 0.4 and found.gap > 0.3:
                return found
            states.append(found)
        if not states:
            raise InputError("no equilibrium state was found at any temperature tried")
        return max(states, key=lambda s: min(s.margin, 0.5) + min(s.gap, 0.5) + 0.5 * (s.order > 0.1))

    def _temperature_ratios(self):
        """Temperatures to try, over the one where the disordered state loses stability."""
        if self.model.site.kind == "gaussian":
            return (2.0, 3.0, 4.0)
        several = self.model.disorder and len(self.model.order_parameters) > 1
        first = (0.4, 0.5, 0.6, 0.7) if several else (0.6, 0.7, 0.5, 0.4)
        return (*first, 0.8, 0.9, 1.2, 1.6, 2.5)

    def _energy_scale(self):
        """The temperature where the disordered state loses stability, or a fraction of the ordered state's field."""
        values = self._parameters(1.0)
        count = len(self.model.order_parameters)
        work = []
        for i in range(count):
            phi = self._one_site_means(values, [1e3 * (i == j) for j in range(count)])
            work.append(sum(abs(h * a) for h, a in zip(self._fields(values, phi), phi)))
        scale = max(0.1, max(work) / 3)
        for _ in range(20):
            values[T] = mpmath.mpf(scale)
            resting = self._one_site_means(values, [0.0] * count)
            margin = self._margin(values, resting)
            scale *= min(2.0, max(0.5, 1 - margin)) ** 0.7
            if abs(margin) < 0.02:
                return scale
        return max(0.1, max(work) / 3)

    def _state(self, temperature):
        values = self._parameters(temperature)
        found = self._solutions(values)
        if not found:
            return None
        (energy, phi), *others = sorted(found, key=lambda pair: (round(pair[0], 8), [-x for x in pair[1]]))
        resting = self._one_site_means(values, [0.0] * len(phi))
        point = {**values, beta: 1 / values[T]}
        for family in (tuple(self.model.order_parameters), self.trial):
            point |= {a: mpmath.mpf(x) for a, x in zip(family, phi)}
        point |= {a: mpmath.mpf(x) for a, x in zip(fields_of(self.model), self._fields(values, phi))}
        order = max(abs(a - b) for a, b in zip(phi, resting))
        gap = min((e - energy for e, _ in others if e - energy > 1e-7), default=math.inf) / temperature
        twins = [other for e, other in others if abs(e - energy) < 1e-7]
        rivals = twins if self.model.site.kind == "finite" else []
        return State(point, f"T = {temperature:.4g}", order, self._margin(values, phi), gap, (phi, rivals))

    def _solutions(self, values):
        """[(f, phi)] of the distinct stable fixed points reached from several starts."""
        found = []
        for start in self._starts(values):
            phi = self._iterate(values, start)
            if phi is None or any(max(abs(a - b) for a, b in zip(phi, other)) < 1e-6 for _, other in found):
                continue
            if self._margin(values, phi) > 0.02:
                found.append((self._free_energy(values, phi), phi))
        return found

    def _starts(self, values):
        names = tuple(self.model.order_parameters)
        used = [i for i, a in enumerate(names) if a not in self.model.observables]
        units = [{i: sign * 2.0} for sign in (1, -1) for i in used]
        fields = units + [dict.fromkeys(used, 0.01), dict.fromkeys(used, 2.0)]
        fields += [{i: 2.0 / (1 + k) ** 2 for k, i in enumerate(used)}] if len(used) > 1 else []
        return [self._one_site_means(values, [h.get(i, 0.0) for i in range(len(names))]) for h in fields]

    def _iterate(self, values, phi):
        """A fixed point of phi = <g> near `phi`, by damped iteration and then Newton's method."""
        return self._site_functions(values).fixed_point(phi)

    def _one_site_means(self, values, reduced):
        return self._site_functions(values).means(reduced)

    def _fields(self, values, phi):
        return self._site_functions(values).fields(phi)

    def _free_energy(self, values, phi):
        return self._site_functions(values).free_energy(phi)

    def _margin(self, values, phi):
        return self._site_functions(values).margin(phi)

    def _site_functions(self, values):
        from .vectorised import SiteFunctions

        key = ("functions", tuple(float(v) for v in values.values()))
        if key not in self._systems:
            self._systems[key] = SiteFunctions(self.model, {k: float(v) for k, v in values.items()}, self.one_site(values))
        return self._systems[key]


def lowest_eigenvalue(rows):
    """The smallest real part of the eigenvalues of a matrix given by its rows."""
    import numpy

    return float(numpy.linalg.eigvals(numpy.array(rows)).real.min())


def numpy_max(errors):
    """The largest entry of a number or an array."""
    import numpy

    return numpy.max(errors, initial=0.0)


def _legendre(order):
    """Gauss-Legendre nodes and weights on [0, 1]."""
    import numpy

    nodes, weights = numpy.polynomial.legendre.leggauss(order)
    return [((1 + z) / 2, w / 2) for z, w in zip(nodes, weights)]
