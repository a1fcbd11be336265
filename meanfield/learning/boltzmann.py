"""Predictions for restricted Boltzmann machines from their derived theory: growth of modes, what is learned, magnetisations."""

from functools import cache

import numpy as np

from theory.errors import InputError
from theory.learning.boltzmann import COUPLING, MH, MV, N, PI, R, RATE, learning_from_patterns, pair_expansion

from ..solve import solve

__all__ = ["growth_factor", "learned_temperature", "magnetisations"]

# Temperatures of a Hopfield network between which its retrieval overlap takes every value from almost one to almost zero.
LOWEST, HIGHEST = 0.02, 1 - 1e-6
DAMPING, TOLERANCE, STEPS = 0.5, 1e-13, 20_000


def growth_factor(size, probability, quality, rate):
    """By what one step of gradient ascent multiplies a small weight along a pattern.

    Parameters
    ----------
    size : visible units
    probability : of the pattern among the data; 0 for a direction that is orthogonal to all patterns
    quality : r, a site of a noisy copy is right with probability (1 + r)/2
    rate : learning rate

    Returns
    -------
    float
    """
    return float(learning_from_patterns()["factor"].subs({N: size, PI: probability, R: quality, RATE: rate}))


def learned_temperature(quality):
    """The temperature at which a Hopfield network at low load has the retrieval overlap that learning ends in, k_B = 1.

    Raises
    ------
    InputError
        Where no temperature above 0.02 has that overlap.
    """
    from scipy.optimize import brentq

    wanted = float(learning_from_patterns()["overlap"].subs(R, quality))
    excess = lambda T: solve("hopfield-low-load", T=T, P=1)["m1"] - wanted
    if not excess(LOWEST) > 0 > excess(HIGHEST):
        raise InputError(f"no temperature between {LOWEST:g} and 1 has the retrieval overlap {wanted:.6g}")
    return float(brentq(excess, LOWEST, HIGHEST, xtol=1e-13))


def magnetisations(weights, visible_bias, hidden_bias, order=2):
    """Magnetisations of +-1 units by the Thouless-Anderson-Palmer equations, or by naive mean field.

    Parameters
    ----------
    weights : array (visible, hidden)
    visible_bias, hidden_bias : arrays (visible,) and (hidden,)
    order : 2 (TAP) or 1 (naive mean field)

    Returns
    -------
    visible, hidden : arrays
    residual : float, largest change of a magnetisation in the last undamped iteration

    Raises
    ------
    ArithmeticError
        Where the damped iteration does not converge: outside the paramagnetic phase.
    """
    field = _field(order)
    visible, hidden = np.tanh(visible_bias), np.tanh(hidden_bias)
    for _ in range(STEPS):
        new_visible = np.tanh(visible_bias + field(weights, visible[:, None], hidden[None, :]).sum(axis=1))
        new_hidden = np.tanh(hidden_bias + field(weights.T, hidden[:, None], visible[None, :]).sum(axis=1))
        residual = max(np.abs(new_visible - visible).max(), np.abs(new_hidden - hidden).max())
        if residual < TOLERANCE:
            return new_visible, new_hidden, float(residual)
        visible = visible + DAMPING * (new_visible - visible)
        hidden = hidden + DAMPING * (new_hidden - hidden)
    raise ArithmeticError(f"the magnetisations do not converge: residual {residual:.1e} after {STEPS} iterations")


@cache
def _field(order):
    from sympy import lambdify

    return lambdify((COUPLING, MV, MH), pair_expansion(order)["field"], "numpy")
