"""Random numbers inside compiled loops: xoshiro256++ with one explicit state for each chain.

The state is an array of four uint64 that the caller owns, so that a seed gives the same
chain bit for bit, whatever runs beside it and whatever numba's own generator does.
"""

import math

import numpy as np
from numba import njit

OPTIONS = {"cache": True, "error_model": "numpy", "nogil": True}


def states(seed, *key, chains):
    """Independent generator states, shape (chains, 4); chain i's does not depend on their number."""
    return np.array([stream(seed, *key, i).generate_state(4, np.uint64) for i in range(chains)])


def stream(seed, *key):
    """The seed sequence of a place in a computation (a size, a chain)."""
    return np.random.SeedSequence(seed, spawn_key=key)


@njit(inline="always")
def _rotate(x, k):
    return (x << np.uint64(k)) | (x >> np.uint64(64 - k))


@njit(**OPTIONS)
def uniform(state):
    """A double in (0, 1), never 0 or 1 (Blackman and Vigna's xoshiro256++, upper 53 bits)."""
    result = _rotate(state[0] + state[3], 23) + state[0]
    t = state[1] << np.uint64(17)
    state[2] ^= state[0]
    state[3] ^= state[1]
    state[1] ^= state[2]
    state[0] ^= state[3]
    state[2] ^= t
    state[3] = _rotate(state[3], 45)
    return (float(result >> np.uint64(11)) + 0.5) * 2.0**-53


@njit(**OPTIONS)
def normal(state):
    """A standard Gaussian variable (Marsaglia's polar method; the second one is discarded)."""
    while True:
        x = 2 * uniform(state) - 1
        y = 2 * uniform(state) - 1
        r = x * x + y * y
        if 0 < r < 1:
            return x * math.sqrt(-2 * math.log(r) / r)


@njit(**OPTIONS)
def binomial(state, n, p):
    """Number of successes in n trials: inversion for small n p, else Hoermann's rejection (BTRS, 1993)."""
    if p > 0.5:
        return n - binomial_below_half(state, n, 1 - p)
    return binomial_below_half(state, n, p)


@njit(**OPTIONS)
def binomial_below_half(state, n, p):
    """`binomial` for p <= 1/2."""
    if n == 0 or p <= 0:
        return 0
    if n == 1:
        return 1 if uniform(state) < p else 0
    if n * p < 10:
        return _by_inversion(state, n, p)
    return _by_rejection(state, n, p)


@njit(**OPTIONS)
def _by_inversion(state, n, p):
    ratio = p / (1 - p)
    while True:
        u = uniform(state)
        weight = math.exp(n * math.log1p(-p))
        for k in range(n + 1):
            if u < weight:
                return k
            u -= weight
            weight *= ratio * (n - k) / (k + 1)


@njit(**OPTIONS)
def _by_rejection(state, n, p):
    spread = math.sqrt(n * p * (1 - p))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * p
    centre = n * p + 0.5
    squeeze = 0.92 - 4.2 / b
    alpha = (2.83 + 5.1 / b) * spread
    while True:
        u = uniform(state) - 0.5
        v = uniform(state)
        edge = 0.5 - abs(u)
        k = math.floor((2 * a / edge + b) * u + centre)
        if edge >= 0.07 and v <= squeeze:
            return int(k)
        if k < 0 or k > n:
            continue
        # Most draws are decided by now: the logarithms are left to the others.
        mode = math.floor((n + 1) * p)
        logit, height = math.log(p / (1 - p)), math.lgamma(mode + 1) + math.lgamma(n - mode + 1)
        log_ratio = height - math.lgamma(k + 1) - math.lgamma(n - k + 1) + (k - mode) * logit
        if math.log(v * alpha / (a / (edge * edge) + b)) <= log_ratio:
            return int(k)
