"""Samplers against exact enumeration: whole distributions, not only means; seeds."""

from collections import Counter

import numpy as np
import pytest
import sympy
from scipy import stats

from theory import GaussianSite, InputError, Model, Sphere, symbols
from theory.models import load
from validate import disorder, estimate, exact, sample

s, m = symbols("s m")

FINITE = [
    ("curie-weiss", 12, {"T": 1.1, "h": 0.1}, {}),
    ("curie-weiss", 64, {"T": 1.1}, {}),
    ("relativistic-curie-weiss", 12, {"T": 0.8}, {}),
    ("p-spin-ferromagnet", 12, {"T": 2.0}, {"p": 3}),
    ("p-spin-ferromagnet", 10, {"T": 3.0}, {"p": 4}),
    ("multitasking-hopfield", 8, {"T": 0.5, "d": 0.5}, {}),
    ("random-field-ising", 10, {"T": 0.8}, {}),
    ("blume-emery-griffiths", 10, {"T": 0.7}, {}),
    ("potts", 10, {"T": 0.4}, {}),
    ("dense-low-load", 8, {"T": 0.4}, {}),
]


@pytest.fixture
def typical_disorder(monkeypatch):
    """Every chain gets the sample that the exact sum is made for."""
    monkeypatch.setattr(disorder, "draw", lambda model, values, N, rng, balanced: disorder.typical(model, values, N))


@pytest.mark.parametrize("algorithm", ["two-layer", "single-site"])
@pytest.mark.parametrize("name, N, parameters, structural", FINITE)
def test_distribution_of_the_order_parameters(name, N, parameters, structural, algorithm, typical_disorder):
    """Chi^2 of all values of phi, from draws far enough apart; the energy within four errors."""
    model = load(name, **structural)
    chains = sample(model, model.values(**parameters), N, sweeps=6000, warmup=200, chains=32, seed=3, algorithm=algorithm, threads=1)
    wanted = exact(model, N, **parameters)
    energy = estimate(chains.draws[..., -1])
    assert abs(energy.mean - wanted.energy) < 4 * energy.error
    spacing = max(1, int(6 * max(estimate(chains.draws[..., a]).tau for a in range(len(model.names) + 1))))
    assert chi_squared(chains.draws[:, ::spacing, :-1], wanted) > 1e-4


def chi_squared(phi, wanted):
    """Probability of a larger chi^2 of samples phi (..., n) under an exact distribution."""
    keys = lambda rows: [tuple(row) for row in np.round(rows, 7) + 0.0]
    probabilities = Counter()
    for key, p in zip(keys(wanted.support), wanted.probabilities):
        probabilities[key] += p
    rows = keys(phi.reshape(-1, phi.shape[-1]))
    seen = Counter(rows)
    assert set(seen) <= set(probabilities), "a sample lies off the support"
    common = [k for k, p in probabilities.items() if p * len(rows) > 8]
    expected = np.array([probabilities[k] for k in common]) * len(rows)
    observed = np.array([seen[k] for k in common])
    rest = len(rows) - expected.sum(), len(rows) - observed.sum()
    square = ((observed - expected) ** 2 / expected).sum() + ((rest[1] - rest[0]) ** 2 / rest[0] if rest[0] > 5 else 0)
    return stats.chi2.sf(square, len(common) - (rest[0] <= 5))


@pytest.mark.parametrize("dimension", [1, 2, 3, 5])
@pytest.mark.parametrize("energy", [-(m**2) / 2, -(m**4) - m**2 / 3], ids=["quadratic", "quartic"])
def test_two_unit_vectors(dimension, energy):
    """|m|^2 = (1 + u) / 2 with u of density (1 - u^2)^((n-3)/2) exp(-2 beta e): the whole distribution by quadrature."""
    T = 0.6
    model = Model(Sphere(s, dimension), {m: s}, energy)
    chains = sample(model, model.values(T=T), 2, sweeps=4000, warmup=100, chains=32, seed=1, threads=1)
    drawn = 2 * chains.draws[:, ::10, 0].ravel() ** 2 - 1
    e = sympy.lambdify(m, energy)
    if dimension == 1:
        weights = np.exp(-2 / T * np.array([e(0.0), e(1.0)]))
        share = (drawn > 0).mean()
        wanted = weights[1] / weights.sum()
        assert abs(share - wanted) < 5 * np.sqrt(wanted * (1 - wanted) / len(drawn))
        return
    angle = np.linspace(0, np.pi, 20001)
    u = np.cos(angle)
    density = np.sin(angle) ** (dimension - 2) * np.exp(-2 / T * (e(np.sqrt((1 + u) / 2)) - e(1.0)))
    cdf = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2)])
    cdf /= cdf[-1]
    assert stats.kstest(np.arccos(np.clip(drawn, -1, 1)), lambda x: np.interp(x, angle, cdf)).pvalue > 1e-4


@pytest.mark.parametrize("energy", [-(m**2) / 4, m**4 - m**2], ids=["quadratic", "quartic"])
def test_gaussian_sites(energy):
    """N m is Gaussian a priori, so m has density exp(-N m^2 / 2 - beta N e(m)) at every N."""
    T, N = 0.7, 10
    model = Model(GaussianSite(s), {m: s}, energy)
    chains = sample(model, model.values(T=T), N, sweeps=4000, warmup=100, chains=32, seed=1, threads=1)
    x = np.linspace(-4, 4, 20001)
    e = sympy.lambdify(m, energy)
    cdf = np.cumsum(np.exp(-N * (x**2 / 2 + e(x) / T)))
    assert stats.kstest(chains.draws[:, ::20, 0].ravel(), lambda v: np.interp(v, x, cdf / cdf[-1])).pvalue > 1e-4


def test_gaussian_sites_with_squares():
    """One-body energy a s^2/2 + b s and e = c q with q = <s^2>: every site Gaussian, variance 1/(1 + beta (a + 2c))."""
    q = symbols("q")[0]
    T, a, b, c = 0.5, 0.3, 0.2, 0.15
    model = Model(GaussianSite(s), {m: s, q: s**2}, sympy.Float(c) * q, site_energy=a * s**2 / 2 + b * s)
    chains = sample(model, model.values(T=T), 20, sweeps=4000, warmup=100, chains=32, seed=1, threads=1)
    variance = 1 / (1 + (a + 2 * c) / T)
    mean = -b / T * variance
    first, second = (estimate(chains.draws[..., k]) for k in (0, 1))
    assert abs(first.mean - mean) < 4 * first.error
    assert abs(second.mean - mean**2 - variance) < 4 * second.error


def test_vectors_in_a_random_field_report_the_component_along_it():
    """Independent unit vectors in a field along the first axis: <s_1> is the Langevin function."""
    model = Model(Sphere(s, 3), {m: s}, 0 * m, site_energy=-0.8 * s)
    chains = sample(model, model.values(T=0.5), 20, sweeps=1000, warmup=10, chains=32, seed=1, threads=1)
    found, kappa = estimate(chains.draws[..., 0]), 1.6
    assert abs(found.mean - (1 / np.tanh(kappa) - 1 / kappa)) < 4 * found.error


@pytest.mark.parametrize("name", ["curie-weiss", "multitasking-hebbian", "xy"])
def test_seeds(name):
    """Bit for bit: the same chains from any number of threads and chains; others from another seed."""
    model = load(name)
    values = model.values(T=0.4)
    options = {"sweeps": 20, "warmup": 8}
    first = sample(model, values, 30, chains=4, threads=1, seed=7, **options).draws
    assert np.array_equal(first, sample(model, values, 30, chains=4, threads=3, seed=7, **options).draws)
    assert np.array_equal(first, sample(model, values, 30, chains=6, threads=2, seed=7, **options).draws[:4])
    assert not np.array_equal(first, sample(model, values, 30, chains=4, threads=1, seed=8, **options).draws)


def test_chains_start_where_they_are_told():
    model = load("curie-weiss")
    chains = sample(model, model.values(T=0.3), 500, sweeps=10, warmup=20, chains=8, state=np.array([-0.9]), threads=1)
    assert chains.from_state.tolist() == [True, True, True, False] * 2
    assert (chains.draws[chains.from_state, :, 0] < -0.9).all()


@pytest.mark.parametrize("model, N, options, message", [
    (load("curie-weiss"), 1, {}, "at least 2"),
    (load("curie-weiss"), 10, {"algorithm": "magic"}, "two-layer"),
    (load("xy"), 10, {"algorithm": "two-layer"}, "single-site"),
    (load("transverse-field-ising"), 10, {}, "exact"),
    (Model(Sphere(s, 3), {m: s}, -m), 10, {}, "even"),
])
def test_refusals(model, N, options, message):
    with pytest.raises(InputError, match=message):
        sample(model, model.values(T=0.5), N, sweeps=4, warmup=4, chains=2, **options)


def test_zero_temperature_is_refused():
    model = load("curie-weiss")
    with pytest.raises(InputError, match="T > 0"):
        sample(model, model.values(T=0), 10, sweeps=4, warmup=4, chains=2)
