"""Labels of phases."""

from functools import lru_cache

import numpy as np
import sympy

from theory.disorder import FiniteDistribution, Normal
from theory.symbols import symbol

from .search.energy import energy_of
from .search.symmetry import EQUAL, site_symmetry

__all__ = ["kind"]


def kind(system, phi, sites=None):
    """The label of a solution.

    Parameters
    ----------
    system : System
    phi : order parameters (n,)
    sites : symmetry of the sites, if it is known already

    Returns
    -------
    str
        "paramagnetic" where phi has every symmetry of the sites; for overlaps with random patterns "retrieval",
        "mixture", "hierarchical", "parallel" or "mixed"; otherwise "ferromagnetic"
    """
    sites = sites or site_symmetry(system)
    if _is_symmetric(system, phi, sites):
        return "paramagnetic"
    model = system.compiled.model
    patterns = _patterns(model)
    if not patterns:
        return "ferromagnetic"
    diluted = _dilution(model, patterns, system.parameters) > 0
    return overlap_kind([phi[i] for i in patterns], diluted)


def overlap_kind(overlaps, diluted):
    """The label of a state with the given overlaps with random patterns, not all zero."""
    sizes = sorted((abs(float(m)) for m in overlaps if abs(m) > EQUAL), reverse=True)
    if len(sizes) <= 1:
        return "retrieval"
    if sizes[0] - sizes[-1] < EQUAL:
        return "parallel" if diluted and len(sizes) == len(overlaps) else "mixture"
    if not diluted:
        return "mixture"
    dominated = all(m > sum(sizes[k + 1:]) + EQUAL for k, m in enumerate(sizes[:-1]))
    return "hierarchical" if dominated else "mixed"


def _is_symmetric(system, phi, sites):
    """Whether a state has the full symmetry of the sites, or, where they have none, is their state at zero field."""
    if sites.order > 1:
        return sites.orbit_size(phi) == 1
    fields = energy_of(system.compiled.model, system.parameters).gradient(phi)
    return bool(np.abs(fields).max() <= EQUAL)


@lru_cache(maxsize=256)
def _patterns(model):
    """Positions of the order parameters that are a random variable of zero mean times a function of the site."""
    positions = []
    for i, g in enumerate(model.order_parameters.values()):
        factors = sympy.Mul.make_args(g)
        random = [f for f in factors if f in model.disorder]
        rest = sympy.Mul(*(f for f in factors if f not in random))
        if len(random) == 1 and not rest.has(*model.disorder):
            positions.append(i)
    return tuple(positions)


def _dilution(model, patterns, values):
    """Probability that a pattern's entry is zero, the smallest over the patterns."""
    functions = list(model.order_parameters.values())
    variables = [next(f for f in sympy.Mul.make_args(functions[i]) if f in model.disorder) for i in patterns]
    return min(_weight_at_zero(model.disorder[x], values) for x in variables)


def _weight_at_zero(distribution, values):
    if isinstance(distribution, Normal) or not isinstance(distribution, FiniteDistribution):
        return 0.0
    numbers = {symbol(name): value for name, value in values.items()}
    pairs = zip(distribution.values, distribution.probabilities)
    return float(sum(p.xreplace(numbers) for v, p in pairs if v.xreplace(numbers) == 0))
