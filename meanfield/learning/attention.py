"""Thresholds and fixed points of attention, numerically."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import sympy
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import binom

from theory.errors import InputError
from theory.learning.attention import (
    BETA, CENTRE, COUNT, DISTANCE, GAP, LENGTH, OVERLAP, SIGMA, STRENGTH, attention, clustered_patterns, random_energies)

__all__ = ["Clusters", "clusters", "nearest_pattern", "retrieval_threshold", "update_bound"]


@cache
def _cumulants(kind):
    return sympy.lambdify(STRENGTH, random_energies(kind)["cumulant"], "numpy")


def retrieval_threshold(kind, strength, overlap=1.0):
    """The number of patterns P = exp(alpha N) at which a state at some overlap with one of them no longer attends to it alone.

    The pattern has weight exp(N strength overlap), the others together exp(N Phi). They are the levels of a random energy model:
    Phi = alpha + c(strength) while the levels that dominate exist in number, and the maximum over smaller strengths of the rest
    beyond, so that the threshold is alpha = max over 0 <= l <= strength of l overlap - c(l).

    Parameters
    ----------
    kind : of patterns, "binary" or "sphere"
    strength : lambda in exp(lambda xi.x), positive
    overlap : of the state with its pattern, between 0 and 1

    Returns
    -------
    float, alpha
    """
    if not strength > 0 or not 0 < overlap <= 1:
        raise InputError(f"a threshold needs a positive strength and an overlap between 0 and 1: got {strength} and {overlap}")
    c = _cumulants(kind)
    exponent = lambda l: l * overlap - float(c(l))
    low = 1e-9 * strength
    best = minimize_scalar(lambda l: -exponent(l), bounds=(low, strength), method="bounded", options={"xatol": 1e-12 * strength})
    return float(max(-best.fun, exponent(strength)))


def nearest_pattern(overlap, N):
    """The same threshold of binary patterns at infinite strength and finite N, as the mean of log P over N.

    The first pattern as near as the right one comes after a geometric number of draws, of mean logarithm -log p - gamma for a
    small probability p that a random pattern is as near: the statistics of extremes.

    Returns
    -------
    value : float
    error : float, of order p
    """
    errors = round((1 - overlap) * N / 2)
    p = float(binom.cdf(errors, N, 0.5))
    return (-np.log(p) - np.euler_gamma) / N, p / N


@dataclass(frozen=True)
class Clusters:
    """Fixed points of attention to patterns about two opposite centres.

    Attributes
    ----------
    m : overlap x.c/|c|^2 of the fixed point of one cluster, 0 where there is only the average of all patterns
    global_limit : beta beyond which the average of all patterns is unstable
    """

    m: float
    global_limit: float


def clusters(beta, c, sigma):
    """The fixed point in the limit of infinitely many patterns.

    Parameters
    ----------
    beta : inverse temperature of the softmax
    c : length of the centres
    sigma : standard deviation of each entry about them

    Raises
    ------
    InputError
        Where beta sigma^2 >= 1: no average over a cluster is stable.
    """
    if beta * sigma**2 >= 1:
        raise InputError(f"beta sigma^2 = {beta * sigma**2:.3g}: expected less than 1, beyond it no cluster's average is stable")
    theory = clustered_patterns()
    values = {BETA: beta, CENTRE: c, SIGMA: sigma}
    excess = sympy.lambdify(OVERLAP, (theory["update"] - OVERLAP).subs(values), "numpy")
    limit = float(theory["global_limit"].subs(values))
    overlap = 0.0 if beta <= limit else brentq(excess, 1e-8, 2 / (1 - beta * sigma**2), xtol=1e-13)
    return Clusters(overlap, limit)


def update_bound(beta, separation, distance, length, P):
    """The largest distance from its pattern after one update, see `theory.learning.attention`; arrays broadcast."""
    names = BETA, GAP, DISTANCE, LENGTH, COUNT
    return sympy.lambdify(names, attention()["bound"], "numpy")(beta, separation, distance, length, P)
