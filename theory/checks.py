"""Verification of derivation steps: identities at random points, limits against exact small-N sums.

Every claim compares the step's own expressions, so that a step whose formula has been altered fails.
k_B = 1, quantities per site.
"""

import math
from dataclasses import dataclass, field, replace

import mpmath
from sympy import Derivative

from .averages import GaussianAverage
from .context import FINITE, opened
from .disorder import Normal
from .ensemble import SiteEntropy, SiteMean, SiteTrace
from .errors import InputError
from .symbols import N, T

POINTS = 2
SIZES = (2, 3)
# Relative disagreement allowed to closed forms, to double-precision sums, and to their numerical derivatives.
EXACT, DOUBLE, DIFFERENCE = 1e-12, 1e-9, 1e-5


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
        if not step_has(step, *FINITE):
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
    if step_has(step, *FINITE):
        return DIFFERENCE if differences else DOUBLE
    if step_has(step, SiteTrace, SiteMean, SiteEntropy, GaussianAverage):
        return DIFFERENCE if differences else DOUBLE
    return 1e-10 if differences or at else EXACT


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


def lowest_eigenvalue(rows):
    """The smallest real part of the eigenvalues of a matrix given by its rows."""
    import numpy

    return float(numpy.linalg.eigvals(numpy.array(rows)).real.min())
