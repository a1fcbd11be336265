"""Ising sites in Gaussian couplings and fields: exact disorder averages at N = 2 and 3, sampled ones at larger N.

A Gaussian Hamiltonian with covariance N c(q) is a sum over sets of sites W of independent g_W prod_{i in W} s_i, whose
variances depend on the size of W alone. For few sites the average over the g_W is carried out by nodes, to many digits.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.polynomial.polynomial import polyval

# Spacing and radius of the lattice that averages over so many standard Gaussian variables; nodes an axis of Gauss-Hermite rules.
LATTICES = {1: (0.2, 9.0), 2: (0.3, 8.5), 3: (0.4, 8.0)}
HERMITE = {4: 14, 5: 9, 6: 7, 7: 5}
NEGLIGIBLE = 1e-11
CHUNK = 60_000


@dataclass(frozen=True)
class CoupledAverages:
    """(1/N) E log Z and E <O> over two replicas."""

    pressure: float
    means: tuple


@lru_cache(maxsize=8)
def gauss_nodes(dimension):
    """Nodes (n, dimension) and weights of the average over standard Gaussian variables.

    A lattice in a ball where there are few variables, else a product rule without its negligible nodes.
    """
    if dimension == 0:
        return np.zeros((1, 0)), np.ones(1)
    if dimension not in {*LATTICES, *HERMITE}:
        raise NotImplementedError(f"an exact average over {dimension} Gaussian variables")
    if dimension in HERMITE:
        axis, factors = np.polynomial.hermite_e.hermegauss(HERMITE[dimension])
        factors, least = factors / factors.sum(), NEGLIGIBLE
    else:
        spacing, radius = LATTICES[dimension]
        axis = spacing * np.arange(-int(radius / spacing), int(radius / spacing) + 1)
        factors, least = np.exp(-axis**2 / 2), math.exp(-radius**2 / 2)
    nodes, weights = np.zeros((1, 0)), np.ones(1)
    for _ in range(dimension):
        grown = weights[:, None] * factors
        rows, columns = np.nonzero(grown >= least)
        nodes, weights = np.column_stack([nodes[rows], axis[columns]]), grown[rows, columns]
    return nodes, weights / weights.sum()


@lru_cache(maxsize=32)
def configurations(size):
    """All 2^N configurations of Ising spins, shape (2^N, N)."""
    return np.array(list(product((1, -1), repeat=size)))


@lru_cache(maxsize=32)
def characters(size):
    """(products over sets W on configurations, (2^N, 2^N); sizes of W)."""
    subsets = np.array(list(product((0, 1), repeat=size)))
    spins = configurations(size)
    table = np.where((spins[:, None, :] < 0) & (subsets[None] > 0), -1, 1).prod(axis=2)
    return table, subsets.sum(axis=1)


@lru_cache(maxsize=32)
def set_sizes(size):
    """Sizes of the sets W in the order of `characters`; also the distances of configurations from the first."""
    return np.array([k.bit_count() for k in range(2**size)])


def set_variances(coefficients, size):
    """Variance of g_W by the size of W = 0..N, of a Hamiltonian with covariance N sum_p coefficients[p] q^p."""
    found = []
    for k in range(size + 1):
        weights = [sum((-1) ** j * math.comb(k, j) * math.comb(size - k, d - j) for j in range(d + 1)) for d in range(size + 1)]
        overlaps = np.array([1 - 2 * d / size for d in range(size + 1)])
        found.append(float(size * (polyval(overlaps, coefficients) @ np.array(weights)) / 2**size))
    return np.where(np.abs(found) < 1e-13, 0.0, found)


def explicit_covariance(coefficients, first, second):
    """E[H(s) H(s')] of H = sum_p sqrt(c_p N^(1-p)) sum_{i1..ip} J s_i1 .. s_ip, summed over all indices."""
    size, total = len(first), 0.0
    for p, c in enumerate(coefficients):
        if c:
            terms = [math.prod(first[i] * second[i] for i in indices) for indices in product(range(size), repeat=p)]
            total += c * size ** (1 - p) * sum(terms)
    return total


def glass_averages(logs, phi, coefficients, strength, variance, observables=()):
    """Exact averages of N sites in couplings of variance `strength` and fields of variance `variance`, beta^2 included.

    Parameters
    ----------
    logs : (2^N,), the exponent without Gaussian disorder
    phi : (2^N, n), order parameters of the configurations
    observables : functions (phi of the first replica (2^N, 1, n), q12 (2^N, 2^N)) -> (2^N, 2^N)
    """
    size = int(math.log2(len(logs)))
    table, sizes = characters(size)
    squares = strength * set_variances(coefficients, size)[sizes] + variance * (sizes == 1)
    active = [w for w in range(1, len(sizes)) if squares[w] > 0]
    spins = configurations(size)
    overlaps = spins @ spins.T / size
    tables = [np.broadcast_to(f(phi[:, None, :], overlaps), overlaps.shape) for f in observables]
    pressure, means = 0.0, np.zeros(len(tables))
    nodes, weights = gauss_nodes(len(active))
    modes = (np.sqrt(squares[active]) * table[:, active]).T
    for part, w in _chunks(nodes, weights):
        log_z, p = _normalised(logs + part @ modes)
        pressure += w @ log_z / size
        means += [w @ ((p @ t) * p).sum(axis=1) for t in tables]
    return CoupledAverages(float(pressure), tuple(map(float, means)))


def layer_averages(logs, phi, patterns, coupling, spin, hidden, mass, observables=()):
    """Exact averages of N spins and `patterns` hidden Gaussian variables, whose integral is carried out.

    Parameters
    ----------
    logs, phi : as in `glass_averages`
    coupling, spin, hidden, mass : coefficients of the exponent (`LayerPressure`), beta included
    observables : functions (phi, q12, p12, p11) -> array that broadcasts to (nodes, 2^N, 2^N), linear in p12 and p11
    """
    size = int(math.log2(len(logs)))
    spins = configurations(size)
    overlaps = spins @ spins.T / size
    scales = [coupling / size] * (size * patterns) + [spin] * size + [hidden] * patterns
    active = [k for k, v in enumerate(scales) if v > 0]
    nodes, weights = gauss_nodes(len(active))
    pressure, means = 0.0, np.zeros(len(observables))
    for part, w in _chunks(nodes, weights):
        g = np.zeros((len(part), len(scales)))
        g[:, active] = part * np.sqrt([scales[k] for k in active])
        xi, eta, theta = np.split(g, [size * patterns, size * patterns + size], axis=1)
        b = np.einsum("nim,ci->ncm", xi.reshape(len(part), size, patterns), spins) + theta[:, None, :]
        log_z, p = _normalised(logs + eta @ spins.T + (b**2).sum(axis=2) / (2 * (1 - mass)) - patterns * math.log(1 - mass) / 2)
        pressure += w @ log_z / size
        if observables:
            z = b / (1 - mass)
            cross = z @ z.transpose(0, 2, 1) / patterns
            own = ((z**2).mean(axis=2) + 1 / (1 - mass))[:, :, None]
            for k, f in enumerate(observables):
                values = np.broadcast_to(f(phi[None, :, None, :], overlaps, cross, own), cross.shape)
                means[k] += w @ ((values @ p[:, :, None])[:, :, 0] * p).sum(axis=1)
    return CoupledAverages(float(pressure), tuple(map(float, means)))


def _chunks(nodes, weights):
    return ((nodes[k: k + CHUNK], weights[k: k + CHUNK]) for k in range(0, len(nodes), CHUNK))


def _normalised(exponents):
    """log sum exp and the normalised weights, row by row."""
    top = exponents.max(axis=1)
    p = np.exp(exponents - top[:, None])
    mass = p.sum(axis=1)
    return top + np.log(mass), p / mass[:, None]


def walsh(values):
    """Sums over configurations of values times the products over sets W, by the fast transform along the last axis."""
    values = np.array(values, dtype=float)
    step, shape = 1, values.shape
    while step < shape[-1]:
        pairs = values.reshape(*shape[:-1], -1, 2, step)
        values = np.stack([pairs[..., 0, :] + pairs[..., 1, :], pairs[..., 0, :] - pairs[..., 1, :]], axis=-2).reshape(shape)
        step *= 2
    return values


def sampled_glass(logs, coefficients, strength, variance, rng):
    """(weights of the configurations, log Z, control variates of mean zero) in one draw of couplings and fields."""
    size = int(math.log2(len(logs)))
    sizes = set_sizes(size)
    squares = strength * set_variances(coefficients, size)[sizes] + variance * (sizes == 1)
    g = np.sqrt(squares) * rng.standard_normal(2**size)
    log_z, p = _normalised((logs + walsh(g))[None])
    excess = g**2 - squares
    return p[0], float(log_z[0]), (g[0], g[sizes == 1].sum(), excess[sizes == 1].sum(), excess[sizes > 1].sum())


def overlap_distribution(p):
    """Probabilities of q12 = 1 - 2d/N, d = 0..N, for two replicas of weights p."""
    size = int(math.log2(len(p)))
    shared = walsh(walsh(p) ** 2) / len(p)
    return np.bincount(set_sizes(size), weights=shared, minlength=size + 1)


def sampled_layers(logs, patterns, coupling, spin, hidden, mass, rng):
    """(weights, <q12>, <p12>, <q12 p12>) in one draw of patterns and fields, from <s_i>, <z_mu> and <s_i z_mu>."""
    size = int(math.log2(len(logs)))
    spins = configurations(size)
    xi = math.sqrt(coupling / size) * rng.standard_normal((size, patterns))
    theta, eta = math.sqrt(hidden) * rng.standard_normal(patterns), math.sqrt(spin) * rng.standard_normal(size)
    b = spins @ xi + theta
    _, (p,) = _normalised((logs + spins @ eta + (b**2).sum(axis=1) / (2 * (1 - mass)))[None])
    z = b / (1 - mass)
    return p, ((p @ spins) ** 2).mean(), ((p @ z) ** 2).mean(), ((spins.T @ (p[:, None] * z)) ** 2).mean()


def sampled_pressures(logs, patterns, coupling, rng):
    """(1/N) log Z with entries +1 or -1 and with Gaussian ones of the same signs, and a control variate of the latter."""
    size = int(math.log2(len(logs)))
    spins, entries = configurations(size), rng.standard_normal((size, patterns))
    found = [logs + coupling / (2 * size) * ((spins @ xi) ** 2).sum(axis=1) for xi in (np.sign(entries), entries)]
    return *(float(_normalised(x[None])[0][0]) / size for x in found), (entries**2 - 1).mean()
