"""Checks of derivations with Gaussian expectations: random points with random covariances, expectations by quadrature."""

from dataclasses import dataclass, field, replace

import mpmath
import sympy
from sympy import Derivative

from ..checks import judge, paired, verify
from .derived import DynamicsDerivation, Points
from .gaussian import GaussianExpectation

POINTS = 2
# Relative disagreement allowed to closed forms, to Gaussian quadrature and to numerical derivatives of it.
EXACT, QUADRATURE, DIFFERENCE = 1e-11, 1e-8, 1e-6


@dataclass(frozen=True)
class GaussianDerivation(DynamicsDerivation):
    """Steps with Gaussian expectations, and what they end in.

    Attributes
    ----------
    covariances : tuple of symmetric matrices of symbols, drawn positive definite at the random points
    """

    covariances: tuple = field(default=(), repr=False, kw_only=True)

    def check(self, seed=0):
        """The same derivation with every step verified: passed, assumption or failed, with evidence."""
        context = GaussianPoints(self.domain, seed, self.covariances)
        return replace(self, steps=tuple(verify(step, context) for step in self.steps))


class GaussianPoints(Points):
    """Random points whose covariances are positive definite, and values of expressions with expectations there."""

    def __init__(self, domain, seed=0, covariances=()):
        super().__init__(domain, seed)
        self.covariances = covariances

    def points(self, count):
        """The first `count` points {symbol: number}, the same for every step."""
        known = len(self._points)
        for point in super().points(count)[known:]:
            for matrix in self.covariances:
                point |= self._covariance(matrix)
        return self._points[:count]

    def value(self, expr, point):
        """The number that an expression has at a point; expectations by quadrature, their derivatives by differences."""
        expr = sympy.sympify(expr)
        slopes = {e: sympy.Float(self._difference(e, point), 17) for e in expr.atoms(Derivative) if e.has(GaussianExpectation)}
        expr = expr.xreplace(slopes)
        rule = {a: sympy.Float(point[a], 17) for a in expr.free_symbols if a in point}
        means = {e: sympy.Float(e.xreplace(rule).quadrature(), 17) for e in expr.atoms(GaussianExpectation)}
        return super().value(expr.xreplace(means), point)

    def relative(self, before, after, point):
        """|before - after| over the larger of the two."""
        left, right = self.value(before, point), self.value(after, point)
        return abs(left - right) / max(abs(left), abs(right), mpmath.mpf("1e-3"))

    def _covariance(self, matrix):
        size = matrix.shape[0]
        rows = [[self.random.uniform(-0.8, 0.8) for _ in range(size + 2)] for _ in range(size)]
        entry = lambda a, b: sum(u * v for u, v in zip(rows[a], rows[b])) / (size + 2) + (0.2 if a == b else 0)  # noqa: E731
        return {matrix[a, b]: mpmath.mpf(entry(a, b)) for a in range(size) for b in range(a, size)}

    def _difference(self, derivative, point, width=0.02):
        """Fourth-order central difference of a first derivative."""
        inner, x = derivative.expr, derivative.variables[0]
        rise = lambda h: self.value(inner, {**point, x: point[x] + h}) - self.value(inner,
                                                                                    {**point, x: point[x] - h})  # noqa: E731
        return (8 * rise(width) - rise(2 * width)) / (12 * width)


@dataclass(frozen=True)
class Identity:
    """before = after at random points."""

    def __call__(self, step, context):
        pairs, points = paired(step), context.points(POINTS)
        deviation = max(context.relative(a, b, point) for point in points for a, b in pairs)
        sides = [side for pair in pairs for side in pair]
        allowed = EXACT
        if any(side.has(GaussianExpectation) for side in sides):
            allowed = DIFFERENCE if any(side.has(Derivative) for side in sides) else QUADRATURE
        return judge(deviation, allowed, f"both sides agree at {len(points)} random points")


@dataclass(frozen=True)
class Numerical:
    """A claim decided by a calculation of its own.

    Parameters
    ----------
    deviation : function (step, random.Random) -> deviation found
    allowed : largest deviation of a claim that holds
    text : what agrees
    """

    deviation: object
    allowed: float
    text: str

    def __call__(self, step, context):
        return judge(self.deviation(step, context.random), self.allowed, self.text)
