"""The scaled site functions as unevaluated SymPy classes: what the printer knows of a site.

Temperature is implicit. Each one is T times a log-trace, finite and continuous down to T = 0.
"""

import sympy
from sympy import Function


class SoftAbs(Function):
    """T log 2cosh(x/T)."""

    nargs = 1

    @classmethod
    def eval(cls, x):
        return cls(-x) if x.could_extract_minus_sign() else None


class SoftMax(Function):
    """T log sum_i exp(x_i/T), its arguments in a canonical order."""

    @classmethod
    def eval(cls, *xs):
        ordered = tuple(sorted(xs, key=sympy.default_sort_key))
        return None if ordered == xs else cls(*ordered)


class SoftRadial(Function):
    """T log 0F1(; b; y / (4 T**2))."""

    nargs = 2


class GaussSoftAbs(Function):
    """E T log 2cosh(x/T) over x ~ N(mean, variance)."""

    nargs = 2

    @classmethod
    def eval(cls, mean, variance):
        return cls(-mean, variance) if mean.could_extract_minus_sign() else None


ATOMS = (SoftAbs, SoftMax, SoftRadial, GaussSoftAbs)
