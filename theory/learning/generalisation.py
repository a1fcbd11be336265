"""From overlaps of weights to errors on new examples, for inputs without structure."""

import mpmath
import sympy

from ..symbols import symbols

__all__ = ["disagreement", "disagreement_by_integration", "overlap_of_mean"]


def disagreement(overlap):
    """The probability arccos(overlap)/pi that two vectors of this overlap give a new Gaussian input opposite signs.

    Their fields u, v are Gaussian with that correlation. P(u v < 0) = 1/2 - 2 P(0 < u, 0 < v) + 1/2 ..., and Stein's lemma gives
    dP/dR = -2 E[delta(u) delta(v)] = -1/(pi sqrt(1 - R^2)) with P(R = 1) = 0, which integrates to the angle between the vectors.

    Parameters
    ----------
    overlap : Expr or number between -1 and 1, cosine of the angle between the vectors
    """
    R, = symbols("R")
    slope = -1 / (sympy.pi * sympy.sqrt(1 - R**2))
    primitive = sympy.integrate(slope, R)
    error = sympy.acos(R) / sympy.pi
    if sympy.simplify((primitive - primitive.subs(R, 1)).diff(R) - error.diff(R)) != 0 or error.subs(R, 1) != 0:
        raise ArithmeticError("the integral of the slope is not the angle")
    return error.subs(R, overlap)


def disagreement_by_integration(overlap):
    """The same probability as an integral over one field, 2 int_0^inf Du H(R u/sqrt(1 - R^2)): the check."""
    H = lambda x: mpmath.erfc(x / mpmath.sqrt(2)) / 2
    ratio = overlap / mpmath.sqrt(1 - mpmath.mpf(overlap) ** 2)
    return 2 * mpmath.quad(lambda u: mpmath.npdf(u) * H(ratio * u), [0, 1, 4, mpmath.inf])


def overlap_of_mean(R, q):
    """The overlap R/sqrt(q) with the teacher of the mean of weights that have overlap R with it and q among themselves.

    The sign of the field of that mean is the vote of all of them, Bayes' answer; the mean has length sqrt(q).
    """
    return R / sympy.sqrt(q)
