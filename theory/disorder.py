"""Quenched disorder of one site, independent from site to site."""

from dataclasses import dataclass

import sympy
from sympy import Expr, Integer, Rational, sympify

from .errors import InputError


@dataclass(frozen=True)
class FiniteDistribution:
    """Finitely many values with their probabilities, numbers or expressions in the parameters."""

    values: tuple[Expr, ...]
    probabilities: tuple[Expr, ...]

    def __post_init__(self):
        object.__setattr__(self, "values", tuple(map(sympify, self.values)))
        object.__setattr__(self, "probabilities", tuple(map(sympify, self.probabilities)))
        if not self.values or len(self.values) != len(self.probabilities):
            raise InputError(
                f"a distribution needs as many probabilities as values, at least one: "
                f"got {len(self.values)} values and {len(self.probabilities)} probabilities"
            )
        total = sympy.expand(sum(self.probabilities))
        if total.is_number and abs(float(total) - 1) > 1e-12:
            raise InputError(f"probabilities must sum to one: {self._listed()} sum to {total}")

    @property
    def free_symbols(self):
        return set().union(*(e.free_symbols for e in self.values + self.probabilities))

    def check(self, name, values):
        """Refuse probabilities that are negative or do not sum to one at these parameter values."""
        numbers = [_number(name, p, values) for p in self.probabilities]
        for value in self.values:
            _number(name, value, values)
        if min(numbers) < -1e-15 or abs(sum(numbers) - 1) > 1e-12:
            raise InputError(
                f"the probabilities of {name} must lie in [0, 1] and sum to one: "
                f"{self._listed()} gives {', '.join(f'{x:g}' for x in numbers)}"
            )

    def mean(self):
        """The expectation of the value."""
        return sympy.expand(sum(v * p for v, p in zip(self.values, self.probabilities)))

    def _listed(self):
        return ", ".join(map(str, self.probabilities))


@dataclass(frozen=True)
class Normal:
    """A Gaussian variable."""

    mean: Expr = Integer(0)
    variance: Expr = Integer(1)

    def __post_init__(self):
        object.__setattr__(self, "mean", sympify(self.mean))
        object.__setattr__(self, "variance", sympify(self.variance))
        if self.variance.is_number and self.variance < 0:
            raise InputError(f"a variance must not be negative: got {self.variance}")

    @property
    def free_symbols(self):
        return self.mean.free_symbols | self.variance.free_symbols

    def check(self, name, values):
        """Refuse a negative variance at these parameter values."""
        _number(name, self.mean, values)
        variance = _number(name, self.variance, values)
        if not variance >= 0:
            raise InputError(f"the variance of {name} must not be negative: {self.variance} gives {variance:g}")


def _number(name, expr, values):
    value = expr.xreplace(values).evalf(17)
    if not (value.is_real and value.is_finite):
        raise InputError(f"the distribution of {name} needs finite real numbers: {expr} is none at these parameters")
    return float(value)


def Rademacher():
    """+1 or -1 with equal probability."""
    return FiniteDistribution((1, -1), (Rational(1, 2), Rational(1, 2)))


def Diluted(d):
    """0 with probability d, else +1 or -1 with equal probability."""
    d = sympify(d)
    return FiniteDistribution((1, 0, -1), ((1 - d) / 2, d, (1 - d) / 2))


def Biased(b):
    """+1 or -1 with mean b."""
    b = sympify(b)
    return FiniteDistribution((1, -1), ((1 + b) / 2, (1 - b) / 2))


def Bimodal(h0):
    """+h0 or -h0 with equal probability."""
    h0 = sympify(h0)
    return FiniteDistribution((h0, -h0), (Rational(1, 2), Rational(1, 2)))
