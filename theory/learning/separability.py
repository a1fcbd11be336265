"""How many divisions of P points into two classes a hyperplane through the origin can make, exactly and at any size.

T. M. Cover, IEEE Trans. Electron. Comput. EC-14, 326 (1965).
"""

from fractions import Fraction
from functools import cache
from math import comb

from ..errors import InputError

__all__ = ["dichotomies", "recursive_dichotomies", "separable_probability"]


def dichotomies(P, N):
    """The number C(P, N) of linearly separable divisions of P points in general position in N dimensions.

    A new point doubles those divisions whose hyperplane can pass through it, and these are the divisions of the other points
    projected along it: C(P + 1, N) = C(P, N) + C(P, N - 1) with C(1, N) = 2, solved by 2 sum_{k<N} binomial(P - 1, k).

    Raises
    ------
    InputError
        Where P or N is no positive integer.
    """
    if P != int(P) or N != int(N) or P < 1 or N < 1:
        raise InputError(f"points P and dimensions N must be positive integers: got P = {P}, N = {N}")
    return 2 * sum(comb(int(P) - 1, k) for k in range(min(int(N), int(P))))


def separable_probability(P, N):
    """The probability C(P, N) / 2^P, a Fraction, that random labels of P random points in N dimensions are separable."""
    return Fraction(dichotomies(P, N), 2 ** int(P))


@cache
def recursive_dichotomies(P, N):
    """C(P, N) from the recursion itself: the check of the closed form."""
    if N == 0:
        return 0
    return 2 if P == 1 else recursive_dichotomies(P - 1, N) + recursive_dichotomies(P - 1, N - 1)
