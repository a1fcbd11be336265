"""Ising spins that store patterns by interactions of many spins, H = -sum_a F_a(M_a) - external.s + N e(phi), many replicas at
once.

For entries x = +-1 the energy of a flip is exact in the odd and even parts of the difference of the polynomial F,

    H(flipped) - H = sum_a (x_a s B(M_a) - A(M_a)),    B = [F(M+2) - F(M-2)]/2,    A = [F(M+2) + F(M-2)]/2 - F(M),

so the fields of 16 sites are one product of B with the patterns. B and A are renewed at every flip, the fields with them; noise
and order are those of `quadratic`. Any other smooth e(phi) of few order parameters enters by its exact difference, site by site.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from ..energy import evaluate
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
    splat_short,
    store,
    total,
    total_short,
)


class Powers(NamedTuple):
    """The state of `power_sweep`.

    spins (R, stride); overlaps, odd_parts (R, width): M, B/2; even_parts (R,): sum A/2; rows (n/16, width, 16) and columns (n,
    width): x; odd, even (D, width): coefficients of B/2 and A/2 in M/n; energies (D + 2, width): those of F in M; external, own
    (stride,). For e(phi): address, parameters and unit (N) of the compiled energy, intercepts (k,), slopes (k stride,); address 0
    where there is none.
    """

    spins: np.ndarray
    overlaps: np.ndarray
    odd_parts: np.ndarray
    even_parts: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    odd: np.ndarray
    even: np.ndarray
    energies: np.ndarray
    external: np.ndarray
    own: np.ndarray
    noises: np.ndarray
    buffer: np.ndarray
    address: int
    parameters: np.ndarray
    unit: float
    intercepts: np.ndarray
    slopes: np.ndarray
    stride: int
    width: int
    sites: int


def powers(rows, polynomials, external, spins, signal):
    """`Powers` from x (P, n), coefficients of F (P, D + 1) in M, fields (n,), spins (R, n) and the signal of `no_signal`."""
    (replicas, n), count = spins.shape, len(rows)
    size, stride, width = padded(n), padded(n) + SHORT, padded(max(count, 1), SHORT)
    x, s, own, h = np.zeros((width, size), dtype=np.float32), aligned((replicas, stride)), aligned((stride,)), aligned((stride,))
    x[:count, :n], s[:, :n], own[n:], h[:n] = rows, spins, -BARRIER, external
    tiles, columns = aligned((size // SHORT, width, SHORT)), aligned((size, width))
    tiles[:], columns[:] = x.reshape(width, -1, SHORT).swapaxes(0, 1), x.T
    odd, even = differences(polynomials, n)
    F = np.zeros((polynomials.shape[1], width))
    F[:, :count] = polynomials.T
    address, parameters, unit, intercepts, slopes = signal
    directions = np.zeros((len(slopes), stride))
    directions[:, :n] = slopes
    system = Powers(
        s.ravel(),
        aligned((replicas * width,)),
        aligned((replicas * width,)),
        np.zeros(replicas, dtype=np.float32),
        tiles.ravel(),
        columns.ravel(),
        _table(odd / 2, width),
        _table(even / 2, width),
        F,
        h,
        own,
        aligned((replicas * LANES,)),
        aligned((SHORT,)),
        address,
        parameters,
        float(unit),
        intercepts,
        directions.ravel(),
        stride,
        width,
        n,
    )
    power_refresh(system, replicas)
    return system


def no_signal():
    """The signal of a system without e(phi): (address, parameters, unit, intercepts, slopes)."""
    return 0, np.zeros(1), 1.0, np.zeros(0), np.zeros((0, 1))


def differences(polynomials, n):
    """Coefficients (P, D) in M/n of B = [F(M+2) - F(M-2)]/2 and A = [F(M+2) + F(M-2)]/2 - F(M), of F in M with coefficients (P,
    D + 1)."""
    count, terms = polynomials.shape
    parts = np.zeros((2, count, max(terms - 1, 1)))
    for k in range(1, terms):
        binomial = 1.0
        for j in range(1, k + 1):
            binomial *= (k - j + 1) / j
            # The term M^(k-j) 2^j of (M + 2)^k.
            parts[1 - j % 2, :, k - j] += polynomials[:, k] * binomial * 2.0**j
    return parts * float(n) ** np.arange(parts.shape[2])


def _table(coefficients, width):
    table = aligned((coefficients.shape[1], width))
    table[:, : len(coefficients)] = coefficients.T
    return table


@njit(**OPTIONS)
def _renew(overlaps, odd_parts, odd, even, at, width, inverse):
    """Write B/2 of all patterns of a replica; return the sum of A/2."""
    result = 0.0
    for a in range(0, width, SHORT):
        t = load_short(overlaps, at + a) * splat_short(inverse)
        B, A = load_short(odd, odd.size - width + a), load_short(even, even.size - width + a)
        for k in range(odd.size - 2 * width + a, -1, -width):
            B = B * t + load_short(odd, k)
            A = A * t + load_short(even, k)
        store(odd_parts, at + a, B)
        result += total_short(A)
    return np.float32(result)


@njit(**OPTIONS)
def _fields(odd_parts, at, rows, tile, width):
    """Half the work of the patterns on 16 sites of one replica; four sums hide the latency of each."""
    zero = splat_short(np.float32(0.0))
    h0, h1, h2, h3 = zero, zero, zero, zero
    for a in range(0, width, 4):
        x = tile + a * SHORT
        h0 = h0 + splat_short(odd_parts[at + a]) * load_short(rows, x)
        h1 = h1 + splat_short(odd_parts[at + a + 1]) * load_short(rows, x + SHORT)
        h2 = h2 + splat_short(odd_parts[at + a + 2]) * load_short(rows, x + 2 * SHORT)
        h3 = h3 + splat_short(odd_parts[at + a + 3]) * load_short(rows, x + 3 * SHORT)
    return (h0 + h1) + (h2 + h3)


@njit(**OPTIONS)
def signal_difference(address, parameters, unit, phi, now, trial, out, slopes, stride, i, spin):
    """Half of N [e(phi - 2 s_i slope_i) - e(phi)], e(phi) = now."""
    for a in range(phi.size):
        trial[a] = phi[a] - 2 * spin * slopes[a * stride + i]
    evaluate(address, trial, parameters, out)
    return 0.5 * unit * (out[0] - now)


@njit(**OPTIONS)
def measure_signal(address, parameters, spins, at, intercepts, slopes, stride, phi, out):
    """Write phi of a replica, and return e(phi)."""
    for a in range(phi.size):
        phi[a] = intercepts[a]
        for i in range(stride):
            phi[a] += spins[at + i] * slopes[a * stride + i]
    evaluate(address, phi, parameters, out)
    return out[0]


@njit(**OPTIONS)
def power_sweep(system, state, scales, metropolis):
    """One sweep of all replicas; scales (R,) is T/2. Returns the number of flips."""
    spins, stride, buffer, replicas = system.spins, system.stride, system.buffer, scales.size
    overlaps, odd_parts, even_parts, rows, columns, width = (
        system.overlaps,
        system.odd_parts,
        system.even_parts,
        system.rows,
        system.columns,
        system.width,
    )
    odd, even, external, own, inverse = (
        system.odd.ravel(),
        system.even.ravel(),
        system.external,
        system.own,
        np.float32(1.0 / system.sites),
    )
    address, parameters, unit, slopes = system.address, system.parameters, system.unit, system.slopes
    phi, now, trial, out = (
        np.empty((replicas, system.intercepts.size)),
        np.empty(replicas),
        np.empty(system.intercepts.size),
        np.empty(system.intercepts.size + 1),
    )
    if address:
        for r in range(replicas):
            now[r] = measure_signal(address, parameters, spins, r * stride, system.intercepts, slopes, stride, phi[r], out)
    flipped = 0
    for first in range(0, stride - SHORT, SHORT):
        for r in range(replicas):
            at, base = r * stride + first, r * width
            if first % LANES == 0:
                store(system.noises, r * LANES, noise(state, metropolis))
            s, h = load_short(spins, at), load_short(external, first)
            barrier = load_short(own, first) + splat_short(scales[r]) * load_short(system.noises, r * LANES + first % LANES)
            mask = np.uint64(0xFFFF)
            while True:
                y = s * (h + _fields(odd_parts, base, rows, first * width, width)) - splat_short(even_parts[r]) - barrier
                if address:
                    for i in range(SHORT):
                        buffer[i] = signal_difference(
                            address, parameters, unit, phi[r], now[r], trial, out, slopes, stride, first + i, spins[at + i]
                        )
                    y = y + load_short(buffer, 0)
                mask = mask & negative(y)
                if mask == 0:
                    break
                k = lowest(mask)
                mask = above(k)
                kick = np.float32(-2.0) * spins[at + k]
                spins[at + k] += kick
                flipped += 1
                _kick(overlaps, base, columns, (first + k) * width, kick, width)
                even_parts[r] = _renew(overlaps, odd_parts, odd, even, base, width, inverse)
                if address:
                    for a in range(trial.size):
                        phi[r, a] += kick * slopes[a * stride + first + k]
                    evaluate(address, phi[r], parameters, out)
                    now[r] = out[0]
    return flipped


@njit(**OPTIONS)
def _kick(overlaps, base, columns, column, kick, width):
    for a in range(0, width, SHORT):
        store(overlaps, base + a, load_short(overlaps, base + a) + splat_short(kick) * load_short(columns, column + a))


@njit(**OPTIONS)
def power_refresh(system, replicas):
    """Make the overlaps and what follows from them afresh from the spins."""
    spins, overlaps, columns, stride, width = system.spins, system.overlaps, system.columns, system.stride, system.width
    for r in range(replicas):
        for a in range(0, width, SHORT):
            M = splat_short(np.float32(0.0))
            for i in range(stride - SHORT):
                M = M + splat_short(spins[r * stride + i]) * load_short(columns, i * width + a)
            store(overlaps, r * width + a, M)
        system.even_parts[r] = _renew(
            overlaps, system.odd_parts, system.odd.ravel(), system.even.ravel(), r * width, width, np.float32(1.0 / system.sites)
        )


@njit(**OPTIONS)
def power_energy(system, r):
    """H of a replica, from its overlaps."""
    spins, overlaps, energies, stride, width = system.spins, system.overlaps, system.energies, system.stride, system.width
    result = 0.0
    for i in range(0, stride - SHORT, LANES):
        result -= total(load(spins, r * stride + i) * load(system.external, i))
    for a in range(width):
        M, F = float(overlaps[r * width + a]), 0.0
        for k in range(energies.shape[0] - 1, -1, -1):
            F = F * M + energies[k, a]
        result -= F
    if system.address:
        phi, out = np.empty(system.intercepts.size), np.empty(system.intercepts.size + 1)
        result += system.unit * measure_signal(
            system.address, system.parameters, spins, r * stride, system.intercepts, system.slopes, stride, phi, out
        )
    return result


KERNELS = {Powers: (power_sweep, power_energy, power_refresh)}
