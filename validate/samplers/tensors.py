"""Ising spins with independent couplings of any number of spins, sixty-four replicas in the lanes of a vector.

The field of a site is summed afresh at its turn, sum over sets of p - 1 other sites: N^(p-1)/(p-1)! terms, each coupling read
once for 64 replicas. Small systems only.
"""

import math
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numba import njit

from ..energy import evaluate
from ..rng import OPTIONS
from .powers import measure_signal, signal_difference
from .simd import LANES, SHORT, above, aligned, load, lowest, negative, noise, padded, splat, store

# The most spins that a coupling may have.
MOST = 64


class Tensors(NamedTuple):
    """The state of `tensor_sweep`.

    spins (R, stride) and columns (n, lanes), the same by replicas and by sites; orders (Q,): the numbers p; starts (Q,): where
    the couplings of p begin; couplings: for each p (n, C(n, p-1)), those of a site with the sets of p - 1 in the order of
    `itertools.combinations`, zero where it is one of them. external (stride,); energies (R,): H. The signal as in `powers`.
    """

    spins: np.ndarray
    columns: np.ndarray
    orders: np.ndarray
    starts: np.ndarray
    sets: np.ndarray
    couplings: np.ndarray
    external: np.ndarray
    energies: np.ndarray
    address: int
    parameters: np.ndarray
    unit: float
    intercepts: np.ndarray
    slopes: np.ndarray
    stride: int
    lanes: int
    sites: int


def tensors(by_order, external, spins, signal):
    """`Tensors` from {p: couplings in the order of combinations}, fields (n,), spins (R, n) and the signal of `powers`."""
    replicas, n = spins.shape
    stride, lanes = padded(n) + SHORT, padded(replicas)
    orders = np.array(sorted(by_order), dtype=np.int64)
    sets = np.array([math.comb(n, p - 1) for p in orders], dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(n * sets)])[:-1].astype(np.int64)
    couplings = (
        np.concatenate([_of_sites(by_order[p], n, p).ravel() for p in orders]) if len(orders) else np.zeros(0, dtype=np.float32)
    )
    s, h, columns = aligned((replicas, stride)), aligned((stride,)), aligned((n, lanes))
    s[:, :n], h[:n], columns[:, :replicas] = spins, external, spins.T
    address, parameters, unit, intercepts, slopes = signal
    directions = np.zeros((len(slopes), stride))
    directions[:, :n] = slopes
    system = Tensors(
        s.ravel(),
        columns.ravel(),
        orders,
        starts,
        sets,
        couplings,
        h,
        np.zeros(replicas),
        address,
        parameters,
        float(unit),
        intercepts,
        directions.ravel(),
        stride,
        lanes,
        n,
    )
    tensor_refresh(system, replicas)
    return system


def size_in_bytes(n, p):
    """Memory of the couplings of p of n spins, every site with its own list."""
    return 4 * n * math.comb(n, p - 1)


def _of_sites(values, n, p):
    """The couplings of each site (n, C(n, p-1)) from those of all sets (C(n, p),)."""
    result = np.zeros((n, math.comb(n, p - 1)), dtype=np.float32)
    for sites, rank in _places(n, p):
        result[sites, rank] = values
    return result


@lru_cache(maxsize=4)
def _places(n, p):
    """For each position in a set of p of n sites: the site there, and the place of the others among the sets of p - 1, for all sets."""
    place = np.zeros((p - 1, n), dtype=np.int64)
    # The place of j1 < .. < jq among the combinations is C(n, q) - 1 - sum_k C(n - 1 - j_k, q - k).
    for k in range(p - 1):
        place[k] = [math.comb(n - 1 - j, p - 1 - k) for j in range(n)]
    sites = np.array(list(combinations(range(n), p)), dtype=np.int64).reshape(-1, p)
    found = []
    for left_out in range(p):
        others = np.delete(sites, left_out, axis=1)
        found.append((sites[:, left_out].copy(), math.comb(n, p - 1) - 1 - sum(place[k][others[:, k]] for k in range(p - 1))))
    return found


@njit(**OPTIONS)
def _field(columns, group, lanes, couplings, at, order, n, prefix):
    """sum over sets of order - 1 sites of couplings times spins, for 64 replicas; prefix is work space (order,)."""
    result = splat(np.float32(0.0))
    outer = order - 2
    for k in range(outer):
        prefix[k] = k
    while True:
        first = prefix[outer - 1] + 1 if outer > 0 else 0
        inner = splat(np.float32(0.0))
        for j in range(first, n):
            inner = inner + splat(couplings[at]) * load(columns, j * lanes + group)
            at += 1
        for k in range(outer):
            inner = inner * load(columns, prefix[k] * lanes + group)
        result = result + inner
        # The next prefix in lexicographic order that leaves room for the last site.
        k = outer - 1
        while k >= 0 and prefix[k] == n - order + 1 + k:
            k -= 1
        if k < 0:
            return result
        prefix[k] += 1
        for later in range(k + 1, outer):
            prefix[later] = prefix[later - 1] + 1


@njit(**OPTIONS)
def tensor_sweep(system, state, scales, metropolis):
    """One sweep of all replicas; scales (R,) is T/2. Returns the number of flips."""
    columns, stride, lanes, replicas = system.columns, system.stride, system.lanes, scales.size
    address, parameters, unit, slopes = system.address, system.parameters, system.unit, system.slopes
    phi, now = np.empty((replicas, system.intercepts.size)), np.empty(replicas)
    trial, out = np.empty(system.intercepts.size), np.empty(system.intercepts.size + 1)
    widths, extra, field, prefix = (
        aligned_zeros(lanes),
        aligned_zeros(LANES),
        aligned_zeros(LANES),
        np.zeros(MOST, dtype=np.int64),
    )
    widths[:replicas] = scales
    if address:
        for r in range(replicas):
            now[r] = measure_signal(address, parameters, system.spins, r * stride, system.intercepts, slopes, stride, phi[r], out)
    flipped = 0
    for i in range(system.sites):
        for group in range(0, lanes, LANES):
            h = splat(system.external[i])
            for q in range(system.orders.size):
                at = system.starts[q] + i * system.sets[q]
                h = h + _field(columns, group, lanes, system.couplings, at, system.orders[q], system.sites, prefix)
            store(field, 0, h)
            y = load(columns, i * lanes + group) * h - load(widths, group) * noise(state, metropolis)
            last = min(LANES, replicas - group)
            if address:
                for l in range(last):
                    r = group + l
                    extra[l] = signal_difference(
                        address, parameters, unit, phi[r], now[r], trial, out, slopes, stride, i, columns[i * lanes + r]
                    )
                y = y + load(extra, 0)
            mask = negative(y)
            while mask != 0:
                l = lowest(mask)
                mask &= above(l)
                if l >= last:
                    break
                r = group + l
                kick = np.float32(-2.0) * columns[i * lanes + r]
                columns[i * lanes + r] += kick
                system.spins[r * stride + i] += kick
                system.energies[r] += 2.0 * extra[l] - kick * field[l]
                flipped += 1
                if address:
                    for a in range(trial.size):
                        phi[r, a] += kick * slopes[a * stride + i]
                    evaluate(address, phi[r], parameters, out)
                    now[r] = out[0]
    return flipped


@njit(**OPTIONS)
def aligned_zeros(size):
    """Work space of single precision."""
    return np.zeros(size, dtype=np.float32)


@njit(**OPTIONS)
def tensor_refresh(system, replicas):
    """Sum the energies afresh: every set of p sites is in the fields of p of them."""
    columns, lanes, stride, prefix = system.columns, system.lanes, system.stride, np.zeros(MOST, dtype=np.int64)
    phi, out, field = np.empty(system.intercepts.size), np.empty(system.intercepts.size + 1), aligned_zeros(LANES)
    system.energies[:] = 0.0
    for group in range(0, lanes, LANES):
        for i in range(system.sites):
            for q in range(system.orders.size):
                at = system.starts[q] + i * system.sets[q]
                store(field, 0, _field(columns, group, lanes, system.couplings, at, system.orders[q], system.sites, prefix))
                for l in range(min(LANES, replicas - group)):
                    system.energies[group + l] -= field[l] * columns[i * lanes + group + l] / system.orders[q]
            for l in range(min(LANES, replicas - group)):
                system.energies[group + l] -= system.external[i] * columns[i * lanes + group + l]
    if system.address:
        for r in range(replicas):
            e = measure_signal(
                system.address, system.parameters, system.spins, r * stride, system.intercepts, system.slopes, stride, phi, out
            )
            system.energies[r] += system.unit * e


@njit(**OPTIONS)
def tensor_energy(system, r):
    """H of a replica, summed up flip by flip."""
    return system.energies[r]


KERNELS = {Tensors: (tensor_sweep, tensor_energy, tensor_refresh)}
