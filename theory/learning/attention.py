"""Modern Hopfield networks: the energy whose descent is attention, the capacity of exponential interactions, clustered patterns.

H. Ramsauer et al., arXiv:2008.02217; M. Demircigil et al., J. Stat. Phys. 168, 288 (2017); C. Lucibello, M. Mezard,
arXiv:2304.14964.
The patterns are columns xi_mu of a matrix X, a state is a vector x, beta the inverse temperature of the softmax.
"""

from dataclasses import dataclass

import mpmath
import sympy

from ..errors import InputError
from ..functions import LogSumExp
from ..symbols import symbols

__all__ = ["AttentionEnergy", "ClusterMap", "PATTERNS", "attention_energy", "cluster_map", "cumulants", "exact_moment",
           "fixed_point_bound"]

PATTERNS = ("binary", "sphere")


@dataclass(frozen=True)
class AttentionEnergy:
    """The energy E(x) = x.x/2 - (1/beta) log sum_mu exp(beta xi_mu.x) with all its entries as symbols.

    Attributes
    ----------
    state : symbols x_i
    patterns : tuple of tuples of symbols, one tuple for each pattern
    beta : symbol
    energy : Expr
    update : the minimum of the bound that replaces the concave part by its tangent in x
    """

    state: tuple
    patterns: tuple
    beta: sympy.Symbol
    energy: sympy.Expr
    update: tuple


def attention_energy(P, d):
    """The energy of P patterns in d dimensions and its concave-convex update (Yuille, Rangarajan 2003).

    -(1/beta) log sum exp is concave, so E(y) <= y.y/2 + its tangent in x, which is least at y = X softmax(beta X^T x): attention
    with keys and values X. As E(y) then lies |y - x|^2 / 2 below E(x) or more, every update lowers the energy.
    """
    beta, = symbols("beta")
    state = symbols(" ".join(f"x{i}" for i in range(d))) if d > 1 else (symbols("x0")[0],)
    patterns = tuple(tuple(symbols(f"xi{mu}_{i}")[0] for i in range(d)) for mu in range(P))
    concave = -LogSumExp(*(beta * sum(a * b for a, b in zip(xi, state)) for xi in patterns)) / beta
    convex = sum(x**2 for x in state) / 2
    return AttentionEnergy(tuple(state), patterns, beta, convex + concave, tuple(-concave.diff(x) for x in state))


def fixed_point_bound():
    """The bound on one update's distance from a pattern, in the symbols Delta, delta, L, P and beta: arXiv:2008.02217, theorem 5.

    For x within delta of the pattern, x.(xi - xi_nu) >= Delta - 2 L delta with L the longest pattern and Delta the least gap
    xi.xi - xi.xi_nu, so the other P - 1 patterns have a share of at most (P - 1) exp(-beta(Delta - 2 L delta)) of the softmax,
    and each is at most 2 L away.
    """
    beta, Delta, delta, length, P = symbols("beta Delta delta L P")
    return 2 * length * (P - 1) * sympy.exp(-beta * (Delta - 2 * length * delta))


def cumulants(kind):
    """c(lambda) = lim (1/N) log E exp(lambda xi.x) for a random pattern xi and |x|^2 = N, in the symbol lambda_.

    Binary entries are independent. On the sphere the overlap u has density (1 - u^2)^(N/2), and c is the largest value of
    lambda u + log(1 - u^2)/2.
    """
    strength, u = symbols("lambda_ u")
    if kind == "binary":
        return sympy.log(sympy.cosh(strength))
    if kind == "sphere":
        exponent = strength * u + sympy.log(1 - u**2) / 2
        roots = sympy.solve(sympy.numer(sympy.together(exponent.diff(u))), u)
        inside = [root for root in roots if abs(root.subs(strength, 1)) < 1]
        return exponent.subs(u, inside[0])
    raise InputError(f"no patterns {kind!r}; there are {', '.join(PATTERNS)}")


def exact_moment(kind, strength, N):
    """(1/N) log E exp(strength xi.x) at finite N: the check of `cumulants`, mpmath number."""
    if kind == "binary":
        return mpmath.log(mpmath.cosh(strength))
    return mpmath.log(mpmath.hyp0f1(mpmath.mpf(N) / 2, (mpmath.mpf(strength) * N / 2) ** 2)) / N


@dataclass(frozen=True)
class ClusterMap:
    """Attention to infinitely many patterns +-c + sigma g about two opposite centres: overlap m = x.c/|c|^2 along them.

    Attributes
    ----------
    update : the map of m, in the symbols m, beta, c (the centres' length) and sigma
    global_limit : beta beyond which the average of all patterns is unstable
    """

    update: sympy.Expr
    global_limit: sympy.Expr


def cluster_map():
    """The map of the overlap, from the cumulant generating function of the patterns.

    (1/beta) log E exp(beta xi.x) = beta sigma^2 |x|^2 / 2 + (1/beta) log cosh(beta c.x), whose gradient is the update: the
    Curie-Weiss equation of magnets, with a share beta sigma^2 of the state kept by the noise within a cluster.
    """
    beta, c, sigma, m = symbols("beta c sigma m")
    x = c * m
    generating = beta * sigma**2 * x**2 / 2 + sympy.log(sympy.cosh(beta * c * x)) / beta
    update = sympy.expand(generating.diff(m) / c**2)
    slope = update.diff(m).subs(m, 0)
    limit, = sympy.solve(sympy.Eq(slope, 1), beta)
    return ClusterMap(update, limit)
