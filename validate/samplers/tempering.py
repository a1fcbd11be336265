"""Chains of many replicas at several temperatures that exchange their temperatures, whatever the system they sample.

Temperatures move between replicas, configurations stay where they are. A swap of neighbours is accepted with probability
min(1, exp[(1/T_a - 1/T_b)(E_a - E_b)]), between even and odd neighbours in turn.
"""

import math

import numpy as np
from numba import njit, types
from numba.extending import overload

from ..rng import OPTIONS, uniform
from . import powers, quadratic, tensors
from .simd import LANES, SHORT, load, total

REFRESH = 256
KERNELS = quadratic.KERNELS | powers.KERNELS | tensors.KERNELS


def sweep(system, state, scales, metropolis):
    """One sweep of the replicas of a system; returns the number of flips."""
    raise NotImplementedError("compiled code only")


def energy(system, r):
    """H of a replica."""
    raise NotImplementedError("compiled code only")


def refresh(system, replicas):
    """Make what is kept up to date by increments afresh."""
    raise NotImplementedError("compiled code only")


def _kernel(system, which):
    return KERNELS[system.instance_class][which] if isinstance(system, types.BaseNamedTuple) else None


@overload(sweep)
def _sweep(system, state, scales, metropolis):
    kernel = _kernel(system, 0)
    return lambda system, state, scales, metropolis: kernel(system, state, scales, metropolis)


@overload(energy)
def _energy(system, r):
    kernel = _kernel(system, 1)
    return lambda system, r: kernel(system, r)


@overload(refresh)
def _refresh(system, replicas):
    kernel = _kernel(system, 2)
    return lambda system, replicas: kernel(system, replicas)


@njit(**OPTIONS)
def dot(a, at, b, bt, size):
    """Sum of products of two stretches, whose length is a multiple of 64."""
    result = 0.0
    for i in range(0, size, LANES):
        result += total(load(a, at + i) * load(b, bt + i))
    return result


@njit(**OPTIONS)
def advance(
    system,
    state,
    decisions,
    temperatures,
    scales,
    where,
    metropolis,
    sweeps,
    thin,
    measure,
    offset,
    draws,
    pairs,
    overlaps,
    swaps,
    ends,
):
    """Sweeps of all replicas with swaps after each, and what is measured after every `thin` of them.

    Parameters
    ----------
    system : NamedTuple whose class has `KERNELS`, with spins and stride
    state, decisions : states of the generators of sweeps and of swaps
    temperatures : array (K,), increasing
    scales : float32 array (C K,), T/2 of every replica, updated
    where : int array (C, K), the replica of copy c at temperature k, updated
    sweeps, thin : int
    measure : tuple of intercepts (n,), factors (n,), rows (n stride,) of the order parameters, factors (L,) and rows (L stride,)
        of the overlaps
    offset : added to H
    draws : array (C, K, sweeps // thin, n + 1), written: order parameters, then H; empty to record nothing
    pairs : int array (G, 2) of copies; overlaps : array (G, K, sweeps // thin, L), written
    swaps : array (2, K), accepted and tried, counted on
    ends : int array (C K,), the end of the ladder that a replica met last (0 none, 1 bottom, 2 top), updated

    Returns
    -------
    flips, round trips
    """
    copies, levels = where.shape
    energies = np.empty(scales.size)
    flipped = trips = 0
    for step in range(1, sweeps + 1):
        flipped += sweep(system, state, scales, metropolis)
        if step % REFRESH == 0:
            refresh(system, scales.size)
        recorded = step % thin == 0 and draws.size > 0
        if levels > 1 or recorded:
            for r in range(scales.size):
                energies[r] = energy(system, r)
        if levels > 1:
            _exchange(decisions, temperatures, scales, where, energies, step % 2, swaps)
            trips += _count_trips(where, ends)
        if recorded:
            _record(system, where, energies, measure, offset, draws, pairs, overlaps, step // thin - 1)
    return flipped, trips


@njit(**OPTIONS)
def _exchange(decisions, temperatures, scales, where, energies, parity, swaps):
    copies, levels = where.shape
    for c in range(copies):
        for k in range(parity, levels - 1, 2):
            a, b = where[c, k], where[c, k + 1]
            gain = (1 / temperatures[k] - 1 / temperatures[k + 1]) * (energies[a] - energies[b])
            swaps[1, k] += 1
            if gain >= 0 or uniform(decisions) < math.exp(gain):
                swaps[0, k] += 1
                where[c, k], where[c, k + 1] = b, a
                scales[a], scales[b] = scales[b], scales[a]


@njit(**OPTIONS)
def _count_trips(where, ends):
    copies, levels = where.shape
    trips = 0
    for c in range(copies):
        ends[where[c, levels - 1]] = 2 if ends[where[c, levels - 1]] == 1 else ends[where[c, levels - 1]]
        if ends[where[c, 0]] == 2:
            trips += 1
        ends[where[c, 0]] = 1
    return trips


@njit(**OPTIONS)
def _record(system, where, energies, measure, offset, draws, pairs, overlaps, slot):
    intercepts, factors, rows, layer_factors, layer_rows = measure
    spins, stride = system.spins, system.stride
    copies, levels = where.shape
    size, n = stride - SHORT, intercepts.size
    product = np.empty(size, dtype=np.float32)
    for k in range(levels):
        for c in range(copies):
            r = where[c, k]
            for a in range(n):
                draws[c, k, slot, a] = intercepts[a] + factors[a] * dot(spins, r * stride, rows, a * stride, size)
            draws[c, k, slot, n] = energies[r] + offset
        for g in range(pairs.shape[0]):
            a, b = where[pairs[g, 0], k], where[pairs[g, 1], k]
            for i in range(size):
                product[i] = spins[a * stride + i] * spins[b * stride + i]
            for layer in range(overlaps.shape[3]):
                overlaps[g, k, slot, layer] = layer_factors[layer] * dot(product, 0, layer_rows, layer * stride, size)
