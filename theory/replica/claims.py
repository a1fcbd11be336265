"""What the steps of a replica derivation claim, and the points at which the claims are checked.

Every claim evaluates the step's own two sides, so that an altered formula fails. k_B = 1, per site.
"""

import math
import random
from dataclasses import dataclass, field

import sympy

from ..checks import Outcome, judge, paired
from ..errors import InputError
from ..symbols import N, T, beta, symbol
from .numbers import number
from .overlaps import block_symbols

IDENTITY = 1e-7
DIFFERENCE = 2e-5


class ReplicaContext:
    """Random points of a replica derivation: parameters, overlaps, conjugate fields, block parameters.

    Parameters
    ----------
    derivation : Derivation whose theory is a ReplicaTheory
    seed : int
    """

    def __init__(self, derivation, seed=0):
        self.derivation, self.model, self.theory, self.seed = derivation, derivation.model, derivation.theory, seed
        self.random = random.Random(seed)
        self._points = []

    def points(self, count):
        """The first `count` points {symbol: float}."""
        while len(self._points) < count:
            self._points.append(self._point())
        return [dict(p) for p in self._points[:count]]

    def point(self):
        """One point."""
        return self.points(1)[0]

    def value(self, expr, point):
        """The number that an expression has at a point."""
        return number(expr, point)

    def _point(self):
        draw, theory = self.random.uniform, self.theory
        found = self._parameters()
        if self.model.has_temperature:
            found |= {T: draw(1.2, 1.6)}
            found |= {beta: 1 / found[T]}
        heat = found.get(T, 1.0)
        blocks = sorted(draw(0.25, 0.85) for _ in range(theory.steps))
        display = theory.display
        blocks = blocks if theory.ansatz.x is None else [float(x) for x in theory.ansatz.x]
        found |= dict(zip(block_symbols(theory.steps), blocks))
        found |= {D: b / heat for D, b in zip(theory.free_breaking, blocks)}
        for o in theory.overlaps:
            found |= self._overlap(o, heat, found)
        for a in theory.order_parameters:
            found[a] = draw(0.2, 0.6)
        for X in theory.model.auxiliaries:
            found[X] = draw(0.4, 0.9)
        for C, layer in theory.free_responses.items():
            found[C] = draw(0.3, 0.6) / abs(number(layer.bare, found))
        if theory.teacher:
            found[theory.teacher_overlap] = found[theory.overlaps[0].names[0]] * draw(0.6, 0.9)
            found[display.teacher_field] = draw(0.2, 0.5)
            found[theory.channel_teacher] = draw(0.2, 0.5)
        for layer in theory.layers:
            found |= {h: draw(0.1, 0.5) for h in layer.fields()}
        for rank in range(4):
            found[symbol(f"t{rank + 1}")] = draw(0.3, 0.9)
        return found

    def _parameters(self):
        for _ in range(20):
            given = {name: self._jitter(p) for name, p in self.model.parameters.items()}
            try:
                values = self.model.values(**({"T": 1.0} if self.model.has_temperature else {}), **given)
                return {symbol(name): float(v) for name, v in values.items()}
            except InputError:
                continue
        return {symbol(name): float(v) for name, v in self.model.values().items()}

    def _jitter(self, p):
        low, high = -math.inf if p.min is None else p.min, math.inf if p.max is None else p.max
        if p.integer:
            return p.default
        value = self.random.uniform(0.2, 0.4) if not p.default else p.default * self.random.uniform(0.85, 1.1)
        if p.default is None and math.isfinite(low) and math.isfinite(high):
            value = low + (high - low) * self.random.uniform(0.3, 0.7)
        return min(max(value, low), high)

    def _overlap(self, o, heat, known):
        draw, theory, display = self.random.uniform, self.theory, self.theory.display
        top = number(o.diagonal, known) if o.diagonal is not None else draw(0.75, 0.95)
        levels = sorted(draw(0.25, 0.7) * top for _ in o.names)
        found = dict(zip(o.names, levels)) | {o.C: (top - levels[-1]) / heat}
        if o.diagonal is None:
            found[display.diagonal(o)] = top
        increments = [draw(0.15, 0.35) for _ in o.names]
        found |= dict(zip(theory.variance_symbols(o), increments))
        found[theory.layers[o.layer].diagonal] = draw(0.05, 0.2)
        found |= {V: sum(increments[: i + 1]) for i, V in enumerate(display.hats(o))}
        for c in display.acting(o):
            noise = display.noise(c, o)
            if noise is not None:
                scale = number(noise[0], known | found)
                found |= {r: sum(increments[: i + 1]) / scale for i, r in enumerate(noise[1])}
        return found


def deviation(step, context, point, at=None):
    """The largest relative deviation of the step's rows at a point."""
    point = {**point, **{a: context.value(e, point) for a, e in (at or {}).items()}}
    worst = 0.0
    for before, after in paired(step):
        left, right = context.value(before, point), context.value(after, point)
        gap = abs(left - right) / max(0.01, abs(left), abs(right))
        worst = max(worst, gap if math.isfinite(gap) else math.inf)
    return worst


@dataclass(frozen=True)
class Identity:
    """before = after at two random points.

    Parameters
    ----------
    at : {symbol: Expr} values that symbols take on both sides
    tolerance : relative deviation allowed
    """

    at: dict = field(default_factory=dict)
    tolerance: float = IDENTITY
    points: int = 2

    def __call__(self, step, context):
        worst = max(deviation(step, context, p, self.at) for p in context.points(self.points))
        return judge(worst, self.tolerance, f"both sides agree at {self.points} random points")


@dataclass(frozen=True)
class AtIntegers:
    """before = after at integer n, with block sizes that divide it: explicit matrices and sums over all replicated states.

    Parameters
    ----------
    n, blocks : symbols
    cases : tuples (n, x_1, ..., x_k)
    heat : factor on the temperature, so that matrices whose largest eigenvalue grows with n stay in the logarithm's domain
    tolerance : relative deviation allowed
    """

    n: object
    blocks: tuple
    cases: tuple
    heat: float = 1.0
    tolerance: float = 1e-8

    def __call__(self, step, context):
        worst = max(deviation(step, context, self._at(context.point(), case)) for case in self.cases)
        shown = "; ".join(", ".join(f"{str(s).rstrip('*')} = {v}" for s, v in zip((self.n, *self.blocks), case)) for case in self.cases)
        return judge(worst, self.tolerance, f"explicit matrices and traces at {shown} equal the closed form")

    def _at(self, point, case):
        point |= dict(zip((self.n, *self.blocks), map(float, case)))
        if T in point:
            point[T] *= self.heat
            point[beta] = 1 / point[T]
        return point


@dataclass(frozen=True)
class AsSmall:
    """before -> after as a quantity grows small, with the rate observed.

    Parameters
    ----------
    variable : symbol
    values : decreasing
    name : how it is called in the evidence
    share : how much of the first deviation may be left by the extrapolated limit
    prepare : function point -> point
    """

    variable: object
    values: tuple = (0.08, 0.04, 0.02)
    name: str = "n"
    share: float = 0.05
    prepare: object = None

    def __call__(self, step, context):
        point = context.point()
        point = self.prepare(point) if self.prepare else point
        worst, shown = None, []
        for before, after in paired(step):
            errors, ratio, gap = self._row(before, after, context, point)
            shown.append(f"error {', '.join(f'{e:.1e}' for e in errors)}" + (f", rate {self.name}^{ratio:.2f}" if ratio else ""))
            if not gap <= 1:
                return Outcome("failed", f"{self.name} = {', '.join(f'{v:g}' for v in self.values)}: {shown[-1]}; "
                                         "the left side does not tend to the right")
            worst = shown[-1] if worst is None else worst
        return Outcome("passed", f"{self.name} = {', '.join(f'{v:g}' for v in self.values)}: {worst}")

    def _row(self, before, after, context, point):
        """(errors, rate, deviation of the extrapolated limit over what is allowed)."""
        target = context.value(after, {**point, self.variable: 0.0} if self.variable not in point else point)
        measured = [context.value(before, {**point, self.variable: v}) for v in self.values]
        errors = [abs(m - target) for m in measured]
        scale = max(abs(target), 0.05)
        if max(errors) < 1e-8 * scale:
            return errors, None, 0.0
        ratio = math.log(errors[-2] / errors[-1]) / math.log(self.values[-2] / self.values[-1]) if min(errors[-2:]) > 0 else 0.0
        best = _extrapolated(self.values, measured)
        # Where corrections of two orders cancel by chance the last error alone says nothing.
        typical = max(errors[-1], errors[0] * (self.values[-1] / self.values[0]) ** 2)
        allowed = self.share * typical + 2e-6 * scale
        return errors, ratio, abs(best - target) / allowed


def _extrapolated(values, measured):
    """The value at zero of the parabola through three points."""
    (a, b, c), (x, y, z) = values, measured
    return x * b * c / ((a - b) * (a - c)) + y * a * c / ((b - a) * (b - c)) + z * a * b / ((c - a) * (c - b))


@dataclass(frozen=True)
class AsLarge:
    """before -> after as N grows, by exact sums at increasing N; exact = True: equal at every N.

    Parameters
    ----------
    sizes : numbers of sites
    heat : factor on the temperature
    """

    sizes: tuple = (8, 16, 32)
    heat: float = 3.0

    def __call__(self, step, context):
        point = context.point()
        if T in point:
            point[T] *= self.heat
            point[beta] = 1 / point[T]
        shown = []
        for before, after in paired(step):
            target = context.value(after, point)
            measured = [context.value(before, {**point, N: float(size)}) for size in self.sizes]
            errors = [abs(m - target) for m in measured]
            scale = max(abs(target), 1e-3)
            if max(errors) < 1e-10 * scale:
                shown.append("equal to all digits")
                continue
            rate = math.log(errors[-2] / errors[-1]) / math.log(self.sizes[-1] / self.sizes[-2]) if min(errors[-2:]) > 0 else 0.0
            best = _extrapolated([1 / s for s in self.sizes], measured)
            shown.append(f"error {', '.join(f'{e:.1e}' for e in errors)}, rate N^-{rate:.2f}")
            if rate < 0.6 or abs(best - target) > 0.15 * errors[-1] + 1e-9:
                return Outcome("failed", f"N = {', '.join(map(str, self.sizes))}: {shown[-1]}; extrapolated {best:.6g}, stated {target:.6g}")
        return Outcome("passed", f"exact sums, N = {', '.join(map(str, self.sizes))}: {'; '.join(shown)}")


@dataclass(frozen=True)
class SelfConsistent:
    """The right sides equal moments obtained from numerical derivatives of the pressures, at random conjugate fields.

    Parameters
    ----------
    expected : {order parameter: (function of numerical derivatives of a pressure)} as expressions with Derivative nodes
    """

    expected: dict
    at: dict = field(default_factory=dict)

    def __call__(self, step, context):
        worst = 0.0
        for point in context.points(2):
            point |= {a: context.value(e, point) for a, e in self.at.items()}
            for before, after in paired(step):
                stated = context.value(after, point)
                symbols = before.free_symbols & set(self.expected)
                if not symbols:
                    continue
                name = symbols.pop()
                right = context.value(self.expected[name], point)
                worst = max(worst, abs(stated - right) / max(0.1, abs(right)), abs(context.value(before, point) - point[name]))
        return judge(worst, DIFFERENCE, "the right sides equal the stationarity conditions of the functional, differentiated "
                                        "numerically, at 2 random points")


@dataclass(frozen=True)
class Fallback:
    """A claim, or an assumption where the microscopic sums are not available."""

    claim: object
    why: str

    def __call__(self, step, context):
        try:
            return self.claim(step, context)
        except NotImplementedError as reason:
            return Outcome("assumption", f"assumption: {self.why}; not checked at finite N: {reason}")


@dataclass(frozen=True)
class Several:
    """Rows of a step with a claim each; `parts` holds (claim, number of rows)."""

    parts: tuple

    def __call__(self, step, context):
        from dataclasses import replace

        rows, outcomes = list(step.rows), []
        for claim, count in self.parts:
            own, rows = rows[:count], rows[count:]
            part = replace(step, before=sympy.Tuple(*(a for a, _ in own)), after=sympy.Tuple(*(b for _, b in own)))
            outcomes.append(claim(part, context))
        for status in ("failed", "assumption"):
            if found := [o for o in outcomes if o.status == status]:
                return found[0]
        return Outcome("passed", "; ".join(dict.fromkeys(o.evidence for o in outcomes)))
