"""Quick values of the theory's expressions, for signs and for bracketing roots.

Gaussian averages are taken by the trapezoidal rule in double precision; everything else as in `evaluate`.
"""

import math

import sympy

from .averages import GaussianAverage
from .evaluate import evaluate

STEP, REACH = 0.05, 8.5  # of the standard Gaussian variable


def approximate(expr, values):
    """An expression's value to about ten digits, fewer where the temperature is far below a Gaussian's width.

    Parameters
    ----------
    expr : Expr
    values : {name: number}
    """
    return Approximation(expr)(values)


class Approximation:
    """The same for repeated calls: averages are translated to Python once."""

    def __init__(self, expr):
        averages = sorted(sympy.sympify(expr).atoms(GaussianAverage), key=str)
        self.rules = {sympy.Dummy(): _Trapezoid(a) for a in averages}
        self.expr = expr.xreplace(dict(zip(averages, self.rules)))

    def __call__(self, values):
        named = {str(k): v for k, v in values.items()}
        known = {d: rule(named) for d, rule in self.rules.items()}
        return evaluate(self.expr, {**named, **known}, 15)


class _Trapezoid:
    def __init__(self, average):
        f, self.x, mean, variance = average.args
        self.names = sorted(average.free_symbols | f.free_symbols, key=str)
        self.integrand = sympy.lambdify(self.names, f, "math")
        self.moments = sympy.lambdify(self.names, [mean, variance], "math")

    def __call__(self, values):
        at = {s: float(values.get(str(s), 0)) for s in self.names}
        mean, variance = self.moments(*at.values())
        width, nodes = math.sqrt(variance), round(REACH / STEP)
        total = weights = 0.0
        for k in range(-nodes, nodes + 1):
            weight = math.exp(-((k * STEP) ** 2) / 2)
            total += weight * self.integrand(*{**at, self.x: mean + width * k * STEP}.values())
            weights += weight
        return total / weights
