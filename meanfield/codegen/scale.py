"""Pass 1: the site pressure with its temperature made explicit.

log 2cosh(x/T) becomes SoftAbs(x)/T and so on, so that P is a combination of functions that are
regular at T = 0, averaged once over the disorder.
"""

from dataclasses import dataclass

import sympy
from sympy import S

from theory.averages import DisorderAverage, GaussianAverage
from theory.errors import InputError
from theory.functions import LogRadial, LogSumExp, log2cosh
from theory.symbols import T

from .atoms import GaussSoftAbs, SoftAbs, SoftMax, SoftRadial

# The standard normal variable of an average that is left to a sum over nodes.
NORMAL = sympy.Symbol("z_", real=True)


@dataclass(frozen=True)
class ScaledPressure:
    """P = E integrand, over independent finite variables (and one standard normal, if `spread`).

    Attributes
    ----------
    integrand : Expr in the atoms, the fields, the parameters and the disorder
    disorder : {symbol: (values, probabilities)}
    spread : standard deviations of the Gaussian that goes to a node sum (empty: none)
    """

    integrand: sympy.Expr
    disorder: dict
    spread: tuple = ()


def scale(pressure):
    """The scaled form of a theory's site pressure."""
    integrand, disorder, spread = S.Zero, {}, []
    for term in sympy.Add.make_args(_linear(pressure)):
        coefficient, averaged = _split(term)
        for variable, values, probabilities in averaged.variables if averaged else ():
            known = disorder.setdefault(variable, (tuple(values), tuple(probabilities)))
            if known != (tuple(values), tuple(probabilities)):
                raise InputError(f"the disorder variable {variable} has two distributions")
        integrand += coefficient * (averaged.integrand if averaged else S.One)
    integrand = _gaussians(integrand, spread)
    integrand = _scaled(integrand)
    if integrand.has(DisorderAverage, GaussianAverage):
        raise InputError("averages over disorder must not be nested or multiplied")
    return ScaledPressure(integrand, disorder, tuple(spread))


def _linear(pressure):
    return pressure if isinstance(pressure, DisorderAverage) else sympy.expand_mul(pressure)


def _split(term):
    """(coefficient, average) of a term; the average is None where there is none."""
    averages = [f for f in sympy.Mul.make_args(term) if isinstance(f, DisorderAverage)]
    if not averages:
        return term, None
    return term / averages[0], averages[0]


def _gaussians(expr, spread):
    def lower(average):
        f, x, mean, variance = average.args
        total = S.Zero
        for term in sympy.Add.make_args(sympy.expand_mul(f)):
            total += _closed(term, x, mean, variance) or _open(term, x, mean, variance, spread)
        return total

    return expr.replace(lambda e: isinstance(e, GaussianAverage), lower)


def _closed(term, x, mean, variance):
    """A Gaussian average of log 2cosh of a linear argument, or None."""
    functions = [f for f in sympy.Mul.make_args(term) if isinstance(f, log2cosh)]
    if len(functions) != 1 or (rest := term / functions[0]).has(x):
        return None
    argument = sympy.expand(T * functions[0].args[0])
    slope = argument.coeff(x)
    offset = sympy.expand(argument - slope * x)
    if offset.has(x) or slope.has(x):
        return None
    return rest * GaussSoftAbs(sympy.expand(slope * mean + offset), sympy.expand(slope**2 * variance)) / T


def _open(term, x, mean, variance, spread):
    """A Gaussian average left to the nodes of a quadrature rule."""
    width = sympy.sqrt(variance)
    arguments = [a for f in term.atoms(LogSumExp, log2cosh) for a in f.args]
    slopes = {sympy.expand(T * a).coeff(x) for a in arguments}
    spread.extend(width * abs(a - b) for a in slopes for b in slopes if sympy.default_sort_key(a) < sympy.default_sort_key(b))
    return term.xreplace({x: mean + width * NORMAL})


def _scaled(expr):
    expr = expr.replace(log2cosh, lambda x: SoftAbs(sympy.expand(T * x)) / T)
    expr = expr.replace(LogSumExp, lambda *xs: SoftMax(*(sympy.expand(T * x) for x in xs)) / T)
    expr = expr.replace(LogRadial, lambda b, w: SoftRadial(b, sympy.expand(4 * T**2 * w)) / T)
    return sympy.expand_mul(expr)
