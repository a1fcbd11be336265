"""Perceptrons of maximal stability: the limit in which the weights that satisfy all constraints shrink to one point.

The largest margin kappa that alpha N patterns allow, and with a teacher the overlap R of that one vector with it, from the
replica-symmetric theory of the margin as 1 - q -> 0. E. Gardner, J. Phys. A 21, 257 (1988); M. Opper, W. Kinzel, J. Kleinz,
R. Nehl, J. Phys. A 23, L581 (1990).
"""

from dataclasses import dataclass, field

import numpy as np

from theory.couplings import PatternConstraints
from theory.errors import InputError
from theory.model import Model, Parameter
from theory.sites import SphericalSite
from theory.symbols import symbols

from ..solve import solve

__all__ = ["MaximalStability", "margin_model", "maximal_stability"]

# The first step from margin zero; every later one halves 1 - q.
FIRST = 0.05
STEPS = 60
# Terms of the extrapolation; the path has at least as many points.
TERMS = 5


@dataclass(frozen=True)
class MaximalStability:
    """The limit of largest margin.

    Attributes
    ----------
    kappa, kappa_error : largest margin of weights of length sqrt(N) on inputs of unit variance
    R, R_error : overlap of the weights with the teacher, NaN without one
    spread : arrays of the path that leads there, {"kappa", "1 - q"[, "R"]}
    """

    kappa: float
    kappa_error: float
    R: float
    R_error: float
    spread: dict = field(default_factory=dict, repr=False, compare=False)


def margin_model(teacher):
    """Weights on a sphere that alpha N random patterns hold at stability kappa or more, their labels random or a teacher's."""
    alpha, kappa, w = symbols("alpha kappa w")
    return Model(
        site=SphericalSite(w), order_parameters={}, energy=0,
        couplings=(PatternConstraints(alpha, margin=kappa, teacher=teacher),),
        parameters={alpha: Parameter("alpha", 1, min=0), kappa: Parameter("kappa", 0)}, name="perceptron with a margin",
    )


def maximal_stability(alpha, teacher=False, spread=2e-3):
    """The largest margin at load alpha, replica symmetric.

    Parameters
    ----------
    alpha : patterns a weight; without a teacher below the capacity at margin zero
    teacher : whether the labels are a teacher's
    spread : 1 - q down to which the margin is followed

    Returns
    -------
    MaximalStability; the errors are what the last term of the extrapolation changes

    Raises
    ------
    InputError
        Where no weights satisfy the constraints even at margin zero.
    """
    path = _followed(margin_model(teacher), alpha, spread, _first(alpha) if teacher else None)
    x, kappa = path["1 - q"], path["kappa"]
    overlap = _limit(x, path["R"]) if teacher else (np.nan, np.nan)
    return MaximalStability(*_limit(x, kappa), *overlap, path)


def _first(alpha):
    """The overlaps at margin zero, where the teacher is one of the weights that the examples allow: R = q."""
    q = solve("teacher-student-spherical", alpha=alpha).order_parameters["q"]
    return {"q": q, "R": q}


def _followed(model, alpha, spread, start):
    """Solutions at margins that halve 1 - q from one to the next, arrays by name."""
    points, kappa = [], 0.0
    for _ in range(STEPS):
        found = solve(model, alpha=alpha, kappa=kappa, start=_overlaps(points) or start)
        if found.converged:
            overlaps = dict(found.order_parameters)
            points.append({"kappa": kappa, "1 - q": 1 - overlaps["q"], **overlaps})
        elif not points:
            raise InputError(f"alpha = {alpha:g}: no weights satisfy all constraints at margin 0; expected a load below capacity")
        if points[-1]["1 - q"] < spread and len(points) >= TERMS:
            return {name: np.array([point[name] for point in points]) for name in points[0]}
        kappa = _next(points) if found.converged else (kappa + points[-1]["kappa"]) / 2
    raise InputError(f"alpha = {alpha:g}: the limit of largest margin was not reached in {STEPS} steps; try another load")


def _overlaps(points):
    return {name: points[-1][name] for name in points[-1] if name in ("q", "R")} if points else None


def _next(points):
    """The margin at which 1 - q would be half the last one if it were linear in the margin."""
    if len(points) == 1:
        return FIRST
    (x0, k0), (x1, k1) = ((point["1 - q"], point["kappa"]) for point in points[-2:])
    return k1 - (k1 - k0) / (x1 - x0) * x1 / 2


def _limit(x, y):
    """y at x -> 0 from its values along a path: terms 1, x, x log x, x^2, x^2 log x; the error is what the last one changes."""
    terms = np.stack([np.ones_like(x), x, x * np.log(x), x**2, x**2 * np.log(x)], axis=1)
    best, fewer = (np.linalg.solve(terms[-n:, :n], y[-n:])[0] for n in (TERMS, TERMS - 1))
    return float(best), float(abs(best - fewer))
