"""Ising spins with pairwise couplings, many replicas of one disorder sample at once: dense couplings, and sums over patterns.

A sweep goes through the sites in order, 64 at a time (a tile), and is exactly the sequential single-site dynamics:

- A site flips where s h < (T/2) L, with L logistic for the heat bath and exponential for Metropolis, so that the noise of 64
  sites is drawn in one go and the sites that flip are found by their signs, without a step for those that do not.
- A flip changes at once the fields of its own tile alone. What it does to all others is done for the whole tile: to the fields
  themselves (dense couplings, in panels of 64 x 64 that stay in the cache for all replicas), or to the overlaps with the
  patterns, from which the fields of a tile are computed when its turn comes.

Arrays are flat; rows of replicas are `stride` apart. Sites are padded to whole tiles by spins that never flip.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from ..rng import OPTIONS
from .simd import (
    BARRIER,
    LANES,
    SHORT,
    above,
    aligned,
    load,
    load_short,
    lowest,
    negative,
    noise,
    padded,
    prefetch,
    splat,
    splat_short,
    store,
    total,
    total_short,
)

PANEL = LANES * LANES
# Rows that share one pass over the patterns of a tile.
TOGETHER = 4


class Dense(NamedTuple):
    """Replicas with H = -(1/2) s.J s - external.s: the state of `dense_sweep`.

    spins, fields (R, stride): s and h = external + J s; couplings (tiles, tiles, 64, 64) in panels, with zero diagonal;
    external, own (stride,): the fields, and J_ii, by which h exceeds the field of the others.
    """

    spins: np.ndarray
    fields: np.ndarray
    couplings: np.ndarray
    external: np.ndarray
    own: np.ndarray
    sites: np.ndarray
    kicks: np.ndarray
    counts: np.ndarray
    stride: int


class Patterns(NamedTuple):
    """Replicas with H = -(1/2) sum_a w_a M_a^2 - external.s, M_a = sum_i x_ia s_i: the state of `pattern_sweep`.

    spins (R, stride); overlaps (R, width): M; rows (P, stride): w_a x_ia; columns (n, width): x_ia; own (stride,): sum_a w_a
    x_ia^2; gram (n, 64): the couplings of a site with its tile; weights (width,).
    """

    spins: np.ndarray
    overlaps: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    gram: np.ndarray
    external: np.ndarray
    own: np.ndarray
    weights: np.ndarray
    sites: np.ndarray
    kicks: np.ndarray
    stride: int
    width: int
    patterns: int


def dense(couplings, external, spins):
    """`Dense` from couplings (n, n) of zero diagonal, fields (n,) and spins (R, n)."""
    replicas, n = spins.shape
    size, stride = padded(n), padded(n) + SHORT
    J = aligned((size // LANES, size // LANES, LANES, LANES))
    square = np.zeros((size, size), dtype=np.float32)
    square[:n, :n] = couplings
    J[:] = square.reshape(size // LANES, LANES, size // LANES, LANES).swapaxes(1, 2)
    s, h, own = _padded(spins, external, stride)
    sites, kicks, counts = _flips(replicas)
    system = Dense(s, aligned((replicas * stride,)), J.ravel(), h, own, sites, kicks, counts, stride)
    dense_refresh(system, replicas)
    return system


def patterns(rows, weights, external, spins):
    """`Patterns` from x (P, n), weights (P,), fields (n,) and spins (R, n)."""
    (replicas, n), count = spins.shape, len(rows)
    size, stride, width = padded(n), padded(n) + SHORT, padded(max(count, 1), SHORT)
    x = np.zeros((count, size))
    x[:, :n] = rows
    weighted = np.asarray(weights, dtype=float)[:, None] * x
    fields, columns, gram, w = aligned((count, stride)), aligned((size, width)), aligned((size, LANES)), aligned((width,))
    fields[:, :size], columns[:, :count], w[:count] = weighted, x.T, weights
    for tile in range(0, size, LANES):
        gram[tile : tile + LANES] = x[:, tile : tile + LANES].T @ weighted[:, tile : tile + LANES]
    s, h, own = _padded(spins, external, stride)
    own[:n] = (x * weighted).sum(axis=0)[:n]
    sites, kicks, _ = _flips(2)
    system = Patterns(
        s,
        aligned((replicas * width,)),
        fields.ravel(),
        columns.ravel(),
        gram.ravel(),
        h,
        own,
        w,
        sites,
        kicks,
        stride,
        width,
        count,
    )
    pattern_refresh(system, replicas)
    return system


def _padded(spins, external, stride):
    replicas, n = spins.shape
    s, h, own = aligned((replicas, stride)), aligned((stride,)), aligned((stride,))
    s[:, :n], h[:n], own[n:] = spins, external, -BARRIER
    return s.ravel(), h, own


def _flips(replicas):
    return (
        np.zeros(replicas * LANES, dtype=np.int64),
        np.zeros(replicas * LANES, dtype=np.float32),
        np.zeros(replicas, dtype=np.int64),
    )


@njit(forceinline=True, **OPTIONS)
def flip(k, y, s, spins, at, couplings, first, step, sites, kicks, place):
    """Flip site k of a tile, note it, and return what it makes of y."""
    kick = np.float32(-2.0) * spins[at + k]
    spins[at + k] += kick
    sites[place], kicks[place] = k, kick
    return y + splat(kick) * (s * load(couplings, first + k * step))


@njit(forceinline=True, **OPTIONS)
def sweep_tile(y, s, mask, spins, at, couplings, first, step, sites, kicks, place):
    """Flip the sites of a tile in their order; y = s h - noise, s the spins before, row k of the couplings at first + k step.

    `mask` holds the sites not yet passed that flip as things stand. Writes the places of the flips and what they add to the
    spins from `place` on, and returns where they end.
    """
    while mask != 0:
        k = lowest(mask)
        y = flip(k, y, s, spins, at, couplings, first, step, sites, kicks, place)
        mask = negative(y) & above(k)
        place += 1
    return place


@njit(forceinline=True, **OPTIONS)
def sweep_two(y, s, at, place, z, t, bt, other, spins, couplings, first, step, sites, kicks):
    """`sweep_tile` of two replicas, (y, s, at, place) and (z, t, bt, other), in step, so that neither waits for its own sums."""
    mask, mask2 = negative(y), negative(z)
    while mask != 0 and mask2 != 0:
        k, l = lowest(mask), lowest(mask2)
        y = flip(k, y, s, spins, at, couplings, first, step, sites, kicks, place)
        z = flip(l, z, t, spins, bt, couplings, first, step, sites, kicks, other)
        mask, mask2 = negative(y) & above(k), negative(z) & above(l)
        place += 1
        other += 1
    place = sweep_tile(y, s, mask, spins, at, couplings, first, step, sites, kicks, place)
    return place, sweep_tile(z, t, mask2, spins, bt, couplings, first, step, sites, kicks, other)


@njit(**OPTIONS)
def dense_sweep(system, state, scales, metropolis):
    """One sweep of all replicas; scales (R,) is T/2. Returns the number of flips."""
    spins, fields, couplings, own, stride = system.spins, system.fields, system.couplings, system.own, system.stride
    sites, kicks, counts = system.sites, system.kicks, system.counts
    flipped = 0
    for first in range(0, stride - SHORT, LANES):
        panels = first // LANES * ((stride - SHORT) // LANES)
        block = (panels + first // LANES) * PANEL
        barrier = load(own, first)
        for r in range(0, scales.size - 1, 2):
            at = r * stride + first
            s, t = load(spins, at), load(spins, at + stride)
            y = s * load(fields, at) - barrier - splat(scales[r]) * noise(state, metropolis)
            z = t * load(fields, at + stride) - barrier - splat(scales[r + 1]) * noise(state, metropolis)
            place, other = sweep_two(
                y, s, at, r * LANES, z, t, at + stride, (r + 1) * LANES, spins, couplings, block, LANES, sites, kicks
            )
            counts[r], counts[r + 1] = place - r * LANES, other - (r + 1) * LANES
            flipped += counts[r] + counts[r + 1]
        if scales.size % 2:
            r = scales.size - 1
            at = r * stride + first
            s = load(spins, at)
            y = s * load(fields, at) - barrier - splat(scales[r]) * noise(state, metropolis)
            counts[r] = sweep_tile(y, s, negative(y), spins, at, couplings, block, LANES, sites, kicks, r * LANES) - r * LANES
            flipped += counts[r]
        for column in range(0, stride - SHORT, LANES):
            _spread(fields, column, couplings, (panels + column // LANES) * PANEL, stride, sites, kicks, counts)
    return flipped


@njit(**OPTIONS)
def _spread(fields, column, couplings, panel, stride, sites, kicks, counts):
    """Add the flips of a tile to 64 fields of every replica, by a panel of the couplings that stays in the cache."""
    ahead = min(panel + PANEL, couplings.size - PANEL)
    lines = max(PANEL // counts.size, SHORT)
    for r in range(counts.size):
        for line in range(r * lines, min((r + 1) * lines, PANEL), SHORT):
            prefetch(couplings, ahead + line)
        if counts[r] == 0:
            continue
        at = r * stride + column
        h = load(fields, at)
        for f in range(r * LANES, r * LANES + counts[r]):
            h = h + splat(kicks[f]) * load(couplings, panel + sites[f] * LANES)
        store(fields, at, h)


@njit(**OPTIONS)
def dense_refresh(system, replicas):
    """Make the fields afresh from the spins."""
    spins, fields, couplings, external, stride = system.spins, system.fields, system.couplings, system.external, system.stride
    tiles = (stride - SHORT) // LANES
    for column in range(tiles):
        for r in range(replicas):
            h = load(external, column * LANES)
            for i in range(tiles * LANES):
                place = (i // LANES * tiles + column) * PANEL + i % LANES * LANES
                h = h + splat(spins[r * stride + i]) * load(couplings, place)
            store(fields, r * stride + column * LANES, h)


@njit(**OPTIONS)
def dense_energy(system, r):
    """H of a replica, from its fields."""
    spins, fields, external, stride = system.spins, system.fields, system.external, system.stride
    energy = 0.0
    for i in range(0, stride - SHORT, LANES):
        energy -= 0.5 * total(load(spins, r * stride + i) * (load(fields, r * stride + i) + load(external, i)))
    return energy


@njit(**OPTIONS)
def pattern_sweep(system, state, scales, metropolis):
    """One sweep of all replicas; scales (R,) is T/2. Returns the number of flips."""
    overlaps, rows, external, stride, width = system.overlaps, system.rows, system.external, system.stride, system.width
    rest = (system.spins, overlaps, system.columns, system.gram, system.own, system.sites, system.kicks, stride, width)
    flipped = 0
    together = scales.size // TOGETHER * TOGETHER
    for first in range(0, stride - SHORT, LANES):
        h = load(external, first)
        for r in range(0, together, TOGETHER):
            h0, h1, h2, h3 = h, h, h, h
            at = r * width
            for a in range(system.patterns):
                x = load(rows, a * stride + first)
                h0 = h0 + splat(overlaps[at + a]) * x
                h1 = h1 + splat(overlaps[at + width + a]) * x
                h2 = h2 + splat(overlaps[at + 2 * width + a]) * x
                h3 = h3 + splat(overlaps[at + 3 * width + a]) * x
            flipped += _two_tiles(h0, h1, first, r, scales, state, metropolis, *rest)
            flipped += _two_tiles(h2, h3, first, r + 2, scales, state, metropolis, *rest)
        for r in range(together, scales.size):
            h0 = h
            for a in range(system.patterns):
                h0 = h0 + splat(overlaps[r * width + a]) * load(rows, a * stride + first)
            flipped += _one_tile(h0, first, r, scales, state, metropolis, *rest)
    return flipped


@njit(forceinline=True, **OPTIONS)
def _two_tiles(h, g, first, r, scales, state, metropolis, spins, overlaps, columns, gram, own, sites, kicks, stride, width):
    """Flip the sites of a tile of replicas r and r + 1 in the fields h and g, and bring their overlaps up to date."""
    at = r * stride + first
    s, t, barrier = load(spins, at), load(spins, at + stride), load(own, first)
    y = s * h - barrier - splat(scales[r]) * noise(state, metropolis)
    z = t * g - barrier - splat(scales[r + 1]) * noise(state, metropolis)
    place, other = sweep_two(y, s, at, 0, z, t, at + stride, LANES, spins, gram, first * LANES, LANES, sites, kicks)
    _project(overlaps, r * width, columns, first, sites, kicks, 0, place, width)
    _project(overlaps, (r + 1) * width, columns, first, sites, kicks, LANES, other, width)
    return place + other - LANES


@njit(forceinline=True, **OPTIONS)
def _one_tile(h, first, r, scales, state, metropolis, spins, overlaps, columns, gram, own, sites, kicks, stride, width):
    """`_two_tiles` for one replica."""
    at = r * stride + first
    s = load(spins, at)
    y = s * h - load(own, first) - splat(scales[r]) * noise(state, metropolis)
    place = sweep_tile(y, s, negative(y), spins, at, gram, first * LANES, LANES, sites, kicks, 0)
    _project(overlaps, r * width, columns, first, sites, kicks, 0, place, width)
    return place


@njit(forceinline=True, **OPTIONS)
def _project(overlaps, base, columns, first, sites, kicks, begin, end, width):
    """Add flips to the overlaps."""
    if begin == end:
        return
    wide = width // LANES * LANES
    for a in range(0, wide, LANES):
        M = load(overlaps, base + a)
        for f in range(begin, end):
            M = M + splat(kicks[f]) * load(columns, (first + sites[f]) * width + a)
        store(overlaps, base + a, M)
    for a in range(wide, width, SHORT):
        m = load_short(overlaps, base + a)
        for f in range(begin, end):
            m = m + splat_short(kicks[f]) * load_short(columns, (first + sites[f]) * width + a)
        store(overlaps, base + a, m)


@njit(**OPTIONS)
def pattern_refresh(system, replicas):
    """Make the overlaps afresh from the spins."""
    spins, overlaps, columns, stride, width = system.spins, system.overlaps, system.columns, system.stride, system.width
    for r in range(replicas):
        for a in range(0, width, SHORT):
            M = splat_short(np.float32(0.0))
            for i in range(stride - SHORT):
                M = M + splat_short(spins[r * stride + i]) * load_short(columns, i * width + a)
            store(overlaps, r * width + a, M)


@njit(**OPTIONS)
def pattern_energy(system, r):
    """H of a replica, from its overlaps."""
    spins, overlaps, external, weights, stride, width = (
        system.spins,
        system.overlaps,
        system.external,
        system.weights,
        system.stride,
        system.width,
    )
    energy = 0.0
    for a in range(0, width, SHORT):
        M = load_short(overlaps, r * width + a)
        energy -= 0.5 * total_short(load_short(weights, a) * M * M)
    for i in range(0, stride - SHORT, LANES):
        energy -= total(load(spins, r * stride + i) * load(external, i))
    return energy


KERNELS = {Dense: (dense_sweep, dense_energy, dense_refresh), Patterns: (pattern_sweep, pattern_energy, pattern_refresh)}
