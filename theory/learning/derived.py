"""Derivations of the theory of a dynamics: checked steps, and the expressions that they end in."""

import random
from dataclasses import dataclass, field, replace

import mpmath
import sympy
from sympy import Derivative, Integral, Symbol

from ..checks import Outcome, verify
from ..derivation import STATUSES

__all__ = ["DynamicsDerivation", "Points", "Stated", "Witness"]

DIGITS = 30


@dataclass(frozen=True)
class DynamicsDerivation:
    """The steps from a stated dynamics to what is computed from it.

    Attributes
    ----------
    name : of the dynamics
    steps : tuple of theory.derivation.Step
    results : {name: Expr}, what the steps end in
    domain : {Symbol: (low, high)}, where the checks draw their random points
    """

    name: str
    steps: tuple
    results: dict
    domain: dict = field(repr=False)

    def __getitem__(self, name):
        return self.results[name]

    @property
    def passed(self):
        """Whether every step was checked and none failed (assumptions do not count as failures)."""
        return all(step.status in ("passed", "assumption") for step in self.steps)

    def check(self, seed=0):
        """The same derivation with every step verified: passed, assumption or failed, with evidence."""
        context = Points(self.domain, seed)
        return replace(self, steps=tuple(verify(step, context) for step in self.steps))

    def to_text(self):
        """Plain text: title, formula and evidence of every step."""
        parts = ((f"{n}. {s.title} [{s.status}]", s.latex, s.justification, s.evidence) for n, s in enumerate(self.steps, 1))
        return "\n".join("\n   ".join(part for part in step if part) for step in parts)

    def __repr__(self):
        marks = ", ".join(f"{n} {s}" for s in STATUSES if (n := sum(step.status == s for step in self.steps)))
        return f"DynamicsDerivation({self.name}, {len(self.steps)} steps: {marks})"


class Points:
    """Random points of a domain, and the values that expressions have there.

    Derivatives and integrals that a step leaves unevaluated are computed numerically, so that a rule of
    calculus is checked by something other than itself.

    Parameters
    ----------
    domain : {Symbol: (low, high)}
    seed : int
    """

    def __init__(self, domain, seed=0):
        self.domain, self.seed, self.random, self._points = domain, seed, random.Random(seed), []

    def points(self, count):
        """The first `count` points {symbol: number}, the same for every step."""
        while len(self._points) < count:
            self._points.append({x: mpmath.mpf(self.random.uniform(*bounds)) for x, bounds in self.domain.items()})
        return self._points[:count]

    def point(self):
        """One random point."""
        return self.points(1)[0]

    def value(self, expr, point):
        """The number that an expression has at a point."""
        expr = sympy.sympify(expr)
        if isinstance(expr, sympy.Equality):
            return self.value(expr.lhs - expr.rhs, point)
        numbers = {}
        while parts := sorted(expr.atoms(Derivative, Integral), key=lambda e: (sympy.count_ops(e), str(e)), reverse=True):
            numbers[name := Symbol(f"*{len(numbers)}")] = self._calculus(parts[0], point)
            expr = expr.xreplace({parts[0]: name})
        values = {**point, **numbers}
        names = sorted(expr.free_symbols, key=str)
        with mpmath.workdps(max(DIGITS, mpmath.mp.dps)):
            return sympy.lambdify(names, expr, "mpmath")(*(values[x] for x in names))

    def deviation(self, before, after, point, at=None):
        """|before - after| over max(1, |before|, |after|), where the symbols of `at` take the values given."""
        point = {**point, **{x: self.value(expr, point) for x, expr in (at or {}).items()}}
        left, right = self.value(before, point), self.value(after, point)
        return abs(left - right) / max(1, abs(left), abs(right))

    def _calculus(self, expr, point):
        inner, (x, *rest) = expr.args[0], expr.args[1]
        if isinstance(expr, Derivative):
            with mpmath.workdps(2 * DIGITS):
                return mpmath.diff(lambda z: self.value(inner, {**point, x: z}), point[x], int(rest[0]))
        return mpmath.quad(lambda z: self.value(inner, {**point, x: z}), [self.value(end, point) for end in rest])


@dataclass(frozen=True)
class Stated:
    """What the derivation starts from, or a hypothesis: not proved."""

    why: str

    def __call__(self, step, context):
        return Outcome("assumption", f"assumption: {self.why}")


@dataclass(frozen=True)
class Witness:
    """A claim about many neurons, checked by numbers.

    Parameters
    ----------
    measure : function(step, context) -> (deviation, text), the largest deviation from the step's own right side
    allowed : largest deviation that passes
    """

    measure: object
    allowed: float

    def __call__(self, step, context):
        deviation, text = self.measure(step, context)
        good = float(deviation) <= self.allowed
        return Outcome("passed" if good else "failed", f"{text}: deviation {float(deviation):.1e} (allowed {self.allowed:g})")
