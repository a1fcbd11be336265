"""The generator inside compiled loops: distributions and reproducibility."""

import numpy as np
import pytest
from numba import njit
from scipy import stats

from validate import kernels, rng

DRAWS = 200_000


@njit
def binomials(state, n, p, count):
    return np.array([rng.binomial(state, n, p) for _ in range(count)])


@njit
def normals(state, count):
    return np.array([rng.normal(state) for _ in range(count)])


@njit
def cosines(state, kappa, n, count):
    return np.array([kernels.cosine(state, kappa, n) for _ in range(count)])


@pytest.mark.parametrize("n, p", [(1, 0.3), (7, 0.9), (30, 0.5), (100, 0.2), (1000, 0.011), (2000, 0.73), (10**6, 0.5)])
def test_binomial(n, p):
    drawn = binomials(rng.states(1, n, chains=1)[0], n, p, DRAWS)
    low, high = stats.binom.ppf([1e-4, 1 - 1e-4], n, p).astype(int)
    cells = np.unique(np.linspace(low, high, min(high - low + 1, 40)).astype(int))
    edges = np.concatenate([[-1], cells, [n]])
    expected = np.diff(stats.binom.cdf(edges, n, p)) * DRAWS
    seen = np.diff(np.searchsorted(np.sort(drawn), edges, side="right"))
    kept = expected > 5
    assert stats.chi2.sf(((seen - expected)[kept] ** 2 / expected[kept]).sum(), kept.sum() - 1) > 1e-4


def test_normal():
    assert stats.kstest(normals(rng.states(2, chains=1)[0], DRAWS), "norm").pvalue > 1e-4


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("kappa", [0.0, 0.3, 4.0, 200.0])
def test_component_of_a_unit_vector_along_its_field(kappa, n):
    """Mean and variance from the Bessel functions of the von Mises-Fisher law."""
    from scipy.special import ive

    u = cosines(rng.states(3, n, chains=1)[0], kappa, n, DRAWS)
    ratio = ive(n / 2, kappa) / ive(n / 2 - 1, kappa) if kappa > 0 else 0.0
    second = 1 - (n - 1) / kappa * ratio if kappa > 0 else 1 / n
    assert abs(u.mean() - ratio) < 4.5 * u.std() / np.sqrt(DRAWS) + 1e-12
    assert abs((u**2).mean() - second) < 4.5 * (u**2).std() / np.sqrt(DRAWS) + 1e-12


def test_streams_do_not_depend_on_their_number():
    assert np.array_equal(rng.states(5, 100, chains=3), rng.states(5, 100, chains=8)[:3])
    assert len(np.unique(rng.states(5, 100, chains=8))) == 32


def test_known_stream():
    """A change of the generator changes every published seed: it must not happen unnoticed."""
    state = np.array([1, 2, 3, 4], dtype=np.uint64)
    first = rng.uniform(state)
    # xoshiro256++ from the state (1, 2, 3, 4) gives 41943041 first.
    assert first == ((41943041 >> 11) + 0.5) * 2.0**-53
