"""Numbers for neurons and synapses that move together: filtered couplings, memory without stimuli, conditioning of two concepts.

All formulas come from `theory.learning.pavlov`, where they are derived and checked. Fields are in units of the couplings, whose
scale is tanh(beta), and are not divided by N.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import sympy
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from theory.errors import InputError
from theory.learning.pavlov import BLOCKS, K, derive_pavlov, n1, n2, rate, s, slow, start, t, tau, u1, u2
from theory.symbols import N, beta

__all__ = ["Conditioning", "conditioning", "critical_beta", "critical_strength", "filtered_couplings", "memory", "mean_products"]

ACCURACY = 1e-12


@dataclass(frozen=True)
class Conditioning:
    """Two concepts under a schedule of stimuli.

    Attributes
    ----------
    times : array (M,)
    states : array (M, 5): s_1, s_2 and J_11, J_12, J_22
    ends : array (phases, 5), the states at the end of each phase
    """

    times: np.ndarray
    states: np.ndarray
    ends: np.ndarray


def mean_products(patterns, relaxation, duration):
    """Exact mean of sigma_i sigma_j over a period of strong stimuli presented in turn.

    Neurons relax from one pattern to the next as exp(-t/tau), each on its own.

    Parameters
    ----------
    patterns : array (P, N) of -1 and 1, in the order of presentation
    relaxation : tau
    duration : of one presentation

    Returns
    -------
    array (N, N), symmetric; its diagonal, of no use here, is that of the same formula
    """
    total = sum(_product(weights, rates, duration) for weights, rates in _presentations(patterns, relaxation, duration))
    return total / (len(patterns) * duration)


def filtered_couplings(patterns, beta_, relaxation, memory_time, duration, cycles):
    """Exact means of the couplings over the last of so many periods of strong stimuli in turn, from J = 0.

    Parameters
    ----------
    patterns : array (P, N) of -1 and 1
    beta_ : inverse temperature
    relaxation, memory_time : tau of neurons, tau' of synapses; tau' is neither tau nor tau / 2
    duration : of one presentation
    cycles : periods, at least 1

    Returns
    -------
    array (N, N)

    Raises
    ------
    InputError
        For patterns of other values, or a memory time that equals tau or tau / 2, where the filter is degenerate.
    """
    patterns = np.asarray(patterns, dtype=float)
    if patterns.ndim != 2 or not np.isin(patterns, (-1.0, 1.0)).all():
        raise InputError(f"expected patterns of -1 and 1 as the rows of a matrix (P, N), got shape {patterns.shape}")
    if min(abs(memory_time - relaxation), abs(memory_time - relaxation / 2)) < 1e-6 * relaxation:
        raise InputError(f"memory time {memory_time:g}: expected another than tau = {relaxation:g} and tau/2: synapses are slow")
    couplings = np.zeros((patterns.shape[1],) * 2)
    for _ in range(cycles):
        before, products = couplings, 0.0
        for weights, rates in _presentations(patterns, relaxation, duration):
            products = products + _product(weights, rates, duration)
            couplings = _filter(couplings, weights, rates, beta_, memory_time, duration)
    period = len(patterns) * duration
    target = float(_compiled("target", beta)(beta_))
    return (target * products - memory_time * (couplings - before)) / period


def _presentations(patterns, relaxation, duration):
    """sigma_i sigma_j during each presentation as a sum of exponentials: weights (3, N, N) and rates (3,), in the periodic
    state."""
    patterns = np.asarray(patterns, dtype=float)
    state = patterns[-1]
    for _ in range(2):
        found = []
        for pattern in patterns:
            away = state - pattern
            mixed = np.outer(pattern, away)
            found.append((np.stack([np.outer(pattern, pattern), mixed + mixed.T, np.outer(away, away)]),
                          np.arange(3) / relaxation))
            state = pattern + away * np.exp(-duration / relaxation)
    return found


def _product(weights, rates, duration):
    """Integral over the presentation of the sum of exponentials."""
    with np.errstate(invalid="ignore", divide="ignore"):
        lengths = np.where(rates > 0, -np.expm1(-rates * duration) / rates, duration)
    return np.einsum("k,kij->ij", lengths, weights)


def _filter(couplings, weights, rates, beta_, memory_time, duration):
    """The couplings after the presentation."""
    moved = _compiled("filtered", t, start, rate, slow, beta)
    kept = moved(duration, 1.0, rates, memory_time, beta_) - moved(duration, 0.0, rates, memory_time, beta_)
    return couplings * kept[0] + np.einsum("k,kij->ij", moved(duration, 0.0, rates, memory_time, beta_), weights)


def critical_strength():
    """(s, K) where memory without stimuli ends: the smallest K with a fixed point s = tanh(K s^3) besides 0."""
    level = brentq(_compiled("fold", s), 0.1, 1 - 1e-9, xtol=1e-15, rtol=1e-14)
    return level, float(_compiled("inverse", s)(level))


def critical_beta(size):
    """The inverse temperature above which `size` neurons, at least 2, keep a memory up."""
    if size < 2:
        raise InputError(f"memory needs at least 2 neurons: got {size}")
    strength, smallest = _compiled("strength", N, beta), critical_strength()[1]
    return float(brentq(lambda b: strength(size, b) - smallest, 1e-6, 1e3, xtol=1e-14, rtol=1e-14))


def memory(beta_, size):
    """The level s of the memory that `size` neurons keep up without stimuli: the largest fixed point, 0 where there is no
    other."""
    edge, smallest = critical_strength()
    strength = float(_compiled("strength", N, beta)(size, beta_))
    if strength < smallest:
        return 0.0
    inverse, top = _compiled("inverse", s), 1 - 1e-12
    if inverse(top) < strength:
        # So close to 1 the map converges in one step, and its inverse has no digits left.
        return float(_compiled("map", s, K)(1.0, strength))
    return float(brentq(lambda x: inverse(x) - strength, edge, top, xtol=1e-15, rtol=1e-14))


def conditioning(beta_, sizes, relaxation, memory_time, phases, points=200):
    """Two concepts, each a group of neurons, from rest through phases of constant stimuli.

    Parameters
    ----------
    beta_ : inverse temperature
    sizes : (n1, n2), neurons of the groups
    relaxation, memory_time : tau and tau'
    phases : sequence of (duration, stimulus of group 1, of group 2, whether synapses learn)
    points : of the trajectory in each phase

    Returns
    -------
    Conditioning

    Raises
    ------
    InputError
        Where the integration fails.
    """
    flow = _compiled("blocks", *BLOCKS, beta, tau, slow, n1, n2, u1, u2)
    state, now, times, states, ends = np.zeros(len(BLOCKS)), 0.0, [], [], []
    for duration, first, second, learning in phases:
        moving = np.array([1.0, 1.0, *(3 * [float(learning)])])

        def right(_, y, first=first, second=second, moving=moving):
            return moving * np.array(flow(*y, beta_, relaxation, memory_time, *sizes, first, second))

        found = solve_ivp(right, (0.0, duration), state, method="LSODA", rtol=1e-9, atol=ACCURACY,
                          t_eval=np.linspace(0, duration, points))
        if not found.success:
            raise InputError(f"the flow of two concepts was not integrated ({found.message}): lower the stimuli or beta")
        state = found.y[:, -1]
        times.append(now + found.t)
        states.append(found.y.T)
        ends.append(state)
        now += duration
    return Conditioning(np.concatenate(times), np.concatenate(states), np.array(ends))


@cache
def _compiled(name, *arguments):
    return sympy.lambdify(arguments, derive_pavlov().results[name], "numpy")
