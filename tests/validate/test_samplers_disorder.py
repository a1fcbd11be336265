"""The quenched disorder as it is drawn: covariances of the energy over samples, and the parts of the samplers on their own."""

from itertools import combinations, permutations

import numpy as np
import pytest
from scipy import stats

from theory.models import load
from validate import estimate, exact
from validate.samplers import powers, realise, sample_quenched, simd, tensors
from validate.samplers.instance import distinct_products

N = 12


def elementary(x, p):
    """The sum of all products of p different entries."""
    return sum(np.prod(x[list(c)]) for c in combinations(range(len(x)), p))


def wanted_covariance(name, x, values, structural, y):
    """E[H H'] - E[H] E[H'] of the couplings at finite N, x and y the products of the two configurations' spins (of a second
    layer)."""
    n, q = len(x), x.mean()
    if name in ("sherrington-kirkpatrick", "p-spin-glass"):
        p = structural.get("p", 2)
        return values["J"] ** 2 / 2 * np.prod(range(1, p + 1)) * elementary(x, p) / n ** (p - 1)
    if name == "hopfield":
        return round(values["alpha"] * n) / n * (n * q**2 - 1) / 2
    if name == "bam":
        return round(values["alpha"] * N) * x.sum() * y.sum() / (len(x) * len(y))
    if name == "bipartite-sk":
        return x.sum() * y.sum() / N
    p = structural["p"]
    alpha = values["a"] / np.prod(range(1, p))
    return round(alpha * n ** (p - 1)) * (np.prod(range(1, p + 1)) / (p * n ** (p - 1))) ** 2 * elementary(x, p)


@pytest.mark.parametrize(
    "name, parameters, structural",
    [
        ("sherrington-kirkpatrick", {"J": 1.3}, {}),
        ("p-spin-glass", {}, {"p": 3}),
        ("p-spin-glass", {}, {"p": 4}),
        ("hopfield", {"alpha": 0.5}, {}),
        ("bam", {"alpha": 0.5, "g": 1.2}, {}),
        ("bipartite-sk", {"alpha": 1.5}, {}),
        ("dense-hopfield", {"a": 0.3}, {"p": 3}),
        ("dense-hopfield", {"a": 0.3}, {"p": 4}),
    ],
)
def test_covariance_of_the_energy(name, parameters, structural):
    model = load(name, **structural)
    values = model.values(T=1.0, **parameters)
    rng = np.random.default_rng(3)
    first = realise(model, values, N, rng)
    s = rng.choice([-1.0, 1.0], size=(2, first.size))
    s[1, ::2] = s[0, ::2]
    energies = []
    for _ in range(1500):
        sample = realise(model, values, N, rng)
        signal = sample.N * sample.signal(sample.order(s))
        own = len(sample.rows) - len(first.rows) + {"hopfield": 1, "bam": 2, "sherrington-kirkpatrick": 0}.get(name, 0)
        quadratic = -0.5 * ((s @ sample.rows[:own].T) ** 2 @ sample.weights[:own])
        energies.append(sample.hamiltonian(s) - signal - quadratic)
    energies = np.array(energies) - np.mean(energies, axis=0)
    found = energies[:, 0] * energies[:, 1]
    layers = [s[0, first.layers == k] * s[1, first.layers == k] for k in range(first.layers.max() + 1)]
    wanted = wanted_covariance(name, layers[0], values, structural, layers[-1])
    assert abs(found.mean() - wanted) < 4.5 * found.std() / np.sqrt(len(found))


@pytest.mark.parametrize("p", [1, 2, 3, 4, 5])
def test_products_of_different_signs(p):
    s = np.array([1, 1, -1, 1, 1, -1, 1])
    wanted = sum(np.prod(s[list(c)]) for c in permutations(range(7), p))
    assert np.isclose(np.polynomial.polynomial.polyval(s.sum(), distinct_products(7, p)), wanted)


def test_differences_of_a_polynomial():
    """B and A from the polynomial itself."""
    F = np.array([[0.3, -1.0, 0.5, 2.0, 1.5]])
    value = lambda M: np.polynomial.polynomial.polyval(M, F[0])
    for M in (-7.0, 0.0, 3.0):
        odd, even = (np.polynomial.polynomial.polyval(M / 9, part[0]) for part in powers.differences(F, 9))
        assert np.isclose(odd, (value(M + 2) - value(M - 2)) / 2)
        assert np.isclose(even, (value(M + 2) + value(M - 2)) / 2 - value(M))


@pytest.mark.parametrize("p", [2, 3, 4])
def test_couplings_of_each_site(p):
    n = 6
    values = np.arange(1.0, len(list(combinations(range(n), p))) + 1)
    sites = tensors._of_sites(values, n, p)
    for value, chosen in zip(values, combinations(range(n), p)):
        for i in chosen:
            others = list(combinations(range(n), p - 1)).index(tuple(j for j in chosen if j != i))
            assert sites[i, others] == value
    assert (sites != 0).sum() == p * len(values)


@pytest.mark.parametrize("fill, law", [(simd.fill_logistic, "logistic"), (simd.fill_exponential, "expon")])
def test_noise(fill, law):
    """Kolmogorov's test of the whole law, and the tails."""
    drawn = simd.aligned((64 * 4000,))
    fill(simd.generator(np.random.SeedSequence(1)), drawn)
    assert stats.kstest(drawn, law).pvalue > 1e-4
    for x in (6.0, 8.0, 10.0):
        expected = len(drawn) * getattr(stats, law).sf(x)
        assert abs((drawn > x).sum() - expected) < 5 * np.sqrt(expected) + 1


@pytest.mark.parametrize("algorithm", ["dense", "patterns"])
@pytest.mark.parametrize("size, T", [(64, 1.1), (500, 1.05)])
def test_one_pattern_is_the_curie_weiss_model(size, T, algorithm):
    """m^2 over several tiles, one of them filled up, near the transition, against the exact sum."""
    model = load("hopfield")
    values = model.values(T=T, alpha=0.0)
    chains = sample_quenched(
        model,
        values,
        size,
        sweeps=2000,
        warmup=300,
        replicas=64,
        disorder_samples=1,
        temperatures=(),
        algorithm=algorithm,
        seed=4,
        threads=1,
    )
    wanted = exact(load("curie-weiss"), size, T=T)
    square, energy = estimate(chains.at_target[0, ..., 0] ** 2), estimate(chains.at_target[0, ..., 1])
    assert abs(square.mean - wanted.second["m"]) < 4 * square.error
    assert abs(energy.mean - wanted.energy) < 4 * energy.error


def test_distribution_of_overlaps():
    """P(q) integrates to one, is symmetric without a field, and lies where overlaps can be."""
    model = load("sherrington-kirkpatrick")
    chains = sample_quenched(model, model.values(T=0.6), 32, sweeps=2000, warmup=200, replicas=4, disorder_samples=6, seed=1)
    centres, density, error = chains.histogram(16)
    assert np.isclose(density.sum() * (centres[1] - centres[0]), 1)
    assert (np.abs(density - density[::-1]) < 5 * np.hypot(error, error[::-1]) + 0.02).all()
    assert chains.overlap_names == ("q",) and chains.pairs.tolist() == [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]


def test_many_spins_at_one_temperature_by_another_sampler():
    """Stored patterns with pairwise interactions are a power too: F(M) = M^2/(2N), against the pairwise sampler at several
    tiles."""
    size, count, T = 100, 7, 0.8
    rng = np.random.default_rng(5)
    x, spins = rng.choice([-1.0, 1.0], size=(count, size)), rng.choice([-1.0, 1.0], size=(64, size))
    polynomials = np.zeros((count, 3))
    polynomials[:, 2] = 1 / (2 * size)
    from validate.samplers import quadratic

    found = []
    for system, (sweep, energy, _) in (
        (powers.powers(x, polynomials, np.zeros(size), spins, powers.no_signal()), powers.KERNELS[powers.Powers]),
        (quadratic.patterns(x, np.full(count, 1 / size), np.zeros(size), spins), quadratic.KERNELS[quadratic.Patterns]),
    ):
        state, scales, draws = simd.generator(np.random.SeedSequence(2)), np.full(64, T / 2, dtype=np.float32), []
        for step in range(1300):
            sweep(system, state, scales, False)
            if step >= 300:
                draws.append([energy(system, r) for r in range(64)])
        found.append(estimate(np.array(draws).T))
    assert abs(found[0].mean - found[1].mean) < 4 * np.hypot(found[0].error, found[1].error)


def test_couplings_of_no_strength_are_not_drawn():
    """J4 = 0: no tensor of four spins, and none of its memory at a size where it would not fit."""
    model = load("mixed-p-spin-glass")
    sample = realise(model, model.values(T=1.0, J3=0.0, J4=0.0), 300, np.random.default_rng(0))
    assert not sample.tensors and sample.quadratic
    assert set(realise(model, model.values(T=1.0, J3=0.5, J4=0.0), 20, np.random.default_rng(0)).tensors) == {3}
