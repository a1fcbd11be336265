"""Samplers with quenched couplings against exact enumeration: every level of the energy, not only means; seeds; starts;
ladders."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from theory import InputError
from theory.models import load
from validate import estimate
from validate.samplers import realise, sample_quenched

QUADRATIC = [
    ("sherrington-kirkpatrick", 10, {"T": 0.7, "J0": 0.4, "h": 0.1}, {}, ("dense",)),
    ("sherrington-kirkpatrick", 9, {"T": 0.3}, {}, ("dense",)),
    ("hopfield", 10, {"T": 0.6, "alpha": 0.3}, {}, ("dense", "patterns")),
    ("hopfield-biased", 9, {"T": 0.5, "alpha": 0.2, "b": 0.4}, {}, ("dense", "patterns")),
    ("hebbian-supervised", 9, {"T": 0.7, "alpha": 0.3, "rho": 0.4}, {}, ("dense", "patterns")),
    ("hebbian-unsupervised", 9, {"T": 0.7, "alpha": 0.2, "r": 0.5, "M": 3}, {}, ("dense", "patterns")),
    ("bam", 6, {"T": 0.9, "alpha": 0.5, "g": 1.3}, {}, ("dense", "patterns")),
    ("bipartite-sk", 5, {"T": 0.6, "alpha": 1.2}, {}, ("dense",)),
    ("p-spin-glass", 9, {"T": 0.6, "J0": 0.5}, {"p": 2}, ("dense",)),
]
MANY = [
    ("p-spin-glass", 9, {"T": 0.8, "J0": 0.5, "h": 0.1}, {"p": 3}, ("tensors",)),
    ("p-spin-glass", 8, {"T": 0.7}, {"p": 4}, ("tensors",)),
    ("p-spin-glass", 8, {"T": 0.7, "J0": 0.7}, {"p": 5}, ("tensors",)),
    ("mixed-p-spin-glass", 8, {"T": 0.9, "J4": 0.6, "J0": 0.3}, {}, ("tensors",)),
    ("dense-hopfield", 9, {"T": 0.6, "a": 0.2}, {"p": 3}, ("powers",)),
    ("dense-hopfield", 8, {"T": 0.4, "a": 0.2}, {"p": 4}, ("powers",)),
    ("dense-hopfield-full-power", 8, {"T": 0.5}, {"p": 4}, ("powers",)),
    ("dense-hebbian-supervised", 8, {"T": 0.6, "rho": 0.3}, {}, ("powers",)),
    ("dense-hebbian-unsupervised", 8, {"T": 0.6, "M": 4}, {}, ("powers",)),
]
CASES = [(*case[:-1], algorithm) for case in QUADRATIC + MANY for algorithm in case[-1]]


def states(n):
    """All configurations of n spins, shape (2^n, n)."""
    return np.array(list(product((-1.0, 1.0), repeat=n)))


def boltzmann(sample, T):
    """All configurations, their energies and their probabilities."""
    configurations = states(sample.size)
    energies = sample.hamiltonian(configurations)
    weights = np.exp(-(energies - energies.min()) / T)
    return configurations, energies, weights / weights.sum()


def chi_squared(found, wanted, probabilities):
    """Probability of a larger chi^2 of draws of a quantity with these values and probabilities."""
    order = np.argsort(wanted)
    wanted, probabilities = wanted[order], probabilities[order]
    new = np.append(True, np.diff(wanted) > 1e-5 * (1 + np.abs(wanted[1:])))
    levels, p = wanted[new], np.add.reduceat(probabilities, np.flatnonzero(new))
    place = np.abs(levels[None] - found[:, None]).argmin(axis=1) if len(levels) < 2000 else np.searchsorted(levels, found - 1e-4)
    assert np.abs(levels[place] - found).max() < 1e-3, "a draw is not a value that the quantity can take"
    observed, expected = np.bincount(place, minlength=len(levels)), p * len(found)
    rare = expected < 8
    observed, expected = np.append(observed[~rare], observed[rare].sum()), np.append(expected[~rare], expected[rare].sum())
    kept = expected > 2
    return stats.chi2.sf(((observed - expected)[kept] ** 2 / expected[kept]).sum(), max(kept.sum() - 1, 1))


def thinned(draws):
    """Energies (the last of draws (replicas, records, n + 1)) far enough apart for all that is recorded to be independent."""
    taus = [estimate(draws[..., k]).tau or 1.0 for k in range(draws.shape[-1])]
    return draws[:, :: max(1, int(np.ceil(6 * max(taus)))), -1].ravel()


def check_against_exact(model, values, N, samples=2, sweeps=3000, **options):
    """Energies and overlaps of a few disorder samples against the sum over all configurations; returns the z-scores."""
    chains = sample_quenched(
        model, values, N, sweeps=sweeps, warmup=300, replicas=32, disorder_samples=samples, seed=5, threads=1, **options
    )
    scores = []
    for d in range(samples):
        sample = realise(model, values, N, np.random.default_rng(np.random.SeedSequence(5, spawn_key=(N, 0, d))))
        configurations, energies, probabilities = boltzmann(sample, values["T"])
        assert chi_squared(N * thinned(chains.at_target[d]), energies, probabilities) > 1e-4
        found = estimate(N * chains.at_target[d, ..., -1])
        scores.append((found.mean - probabilities @ energies) / found.error)
        for k, phi in enumerate(sample.order(configurations).T):
            found = estimate(chains.at_target[d, ..., k])
            scores.append((found.mean - probabilities @ phi) / found.error)
            found = estimate(chains.at_target[d, ..., k] ** 2)
            scores.append((found.mean - probabilities @ phi**2) / found.error)
        for layer in set(sample.layers):
            inside = configurations[:, sample.layers == layer]
            second = ((probabilities[:, None] * inside).T @ inside) / inside.shape[1]
            # Neighbouring pairs of the ring share a replica, every other pair none.
            found = estimate(chains.overlaps_at_target[d, ::2, :, layer] ** 2)
            scores.append((found.mean - (second**2).sum()) / found.error)
    assert np.abs(scores).max() < 4.5
    return scores


@pytest.mark.parametrize("rule", ["heat-bath", "metropolis"])
@pytest.mark.parametrize("name, N, parameters, structural, algorithm", CASES)
def test_couplings_by_enumeration(name, N, parameters, structural, algorithm, rule):
    model = load(name, **structural)
    check_against_exact(model, model.values(**parameters), N, algorithm=algorithm, temperatures=(), rule=rule)


@pytest.mark.parametrize(
    "name, algorithm",
    [("sherrington-kirkpatrick", "dense"), ("hopfield", "patterns"), ("p-spin-glass", "tensors"), ("dense-hopfield", "powers")],
)
def test_exchange_of_temperatures_by_enumeration(name, algorithm):
    """Every temperature of the ladder is sampled exactly while replicas exchange theirs."""
    model = load(name)
    ladder = (0.3, 0.5, 0.8, 1.3)
    values = model.values(T=0.3)
    chains = sample_quenched(
        model,
        values,
        10,
        sweeps=8000,
        warmup=300,
        replicas=4,
        disorder_samples=1,
        temperatures=ladder,
        seed=2,
        algorithm=algorithm,
        threads=1,
    )
    sample = realise(model, values, 10, np.random.default_rng(np.random.SeedSequence(2, spawn_key=(10, 0, 0))))
    for k, T in enumerate(ladder):
        _, energies, probabilities = boltzmann(sample, T)
        assert chi_squared(10 * thinned(chains.draws[0, :, k]), energies, probabilities) > 1e-4
        found = estimate(10 * chains.draws[0, :, k, :, -1])
        assert abs(found.mean - probabilities @ energies) < 4.5 * found.error
    assert (chains.swap_rates > 0.05).all() and chains.round_trips > 0


TORCH = [
    ("hopfield", {"T": 0.6, "alpha": 0.3}, "two-layer"),
    ("hebbian-supervised", {"T": 0.7, "alpha": 0.3, "rho": 0.4}, "two-layer"),
    ("sherrington-kirkpatrick", {"T": 0.9, "h": 0.1}, "delayed"),
    ("bam", {"T": 0.9, "alpha": 0.5}, "delayed"),
    ("dense-hopfield", {"T": 0.5, "a": 0.3}, "memories"),
]


@pytest.mark.parametrize("name, parameters, algorithm", TORCH)
def test_torch_by_enumeration(name, parameters, algorithm):
    pytest.importorskip("torch")
    model = load(name)
    check_against_exact(model, model.values(**parameters), 7, algorithm=algorithm, temperatures=(), samples=1, sweeps=500)


@pytest.mark.parametrize("name, parameters, algorithm", TORCH)
def test_gpu_by_enumeration(name, parameters, algorithm):
    """The same code on a GPU, where there is one."""
    if not pytest.importorskip("torch").cuda.is_available():
        pytest.skip("no GPU")
    model = load(name)
    check_against_exact(model, model.values(**parameters), 7, algorithm=algorithm, temperatures=(), samples=1, sweeps=500, device="cuda")


@pytest.mark.parametrize("name, algorithm", [("sherrington-kirkpatrick", "delayed"), ("hopfield", "two-layer"), ("dense-hopfield", "memories")])
def test_exchange_in_torch_by_enumeration(name, algorithm):
    pytest.importorskip("torch")
    model = load(name)
    check_against_exact(model, model.values(T=0.4), 7, algorithm=algorithm, temperatures=(0.4, 0.7, 1.2), samples=1, sweeps=500)


def test_several_tiles_by_the_other_sampler():
    """Where there are more sites than one tile holds, dense couplings and sums over patterns sample the same law."""
    model = load("hopfield")
    values = model.values(T=0.6, alpha=0.1)
    options = {
        "sweeps": 1500,
        "warmup": 300,
        "replicas": 64,
        "disorder_samples": 1,
        "temperatures": (),
        "seed": 3,
        "start": "pattern",
    }
    for N in (130, 192):
        found = [
            estimate(sample_quenched(model, values, N, algorithm=a, **options).at_target[0, ..., -1])
            for a in ("dense", "patterns")
        ]
        assert abs(found[0].mean - found[1].mean) < 4 * np.hypot(found[0].error, found[1].error)


@pytest.mark.parametrize("algorithm", ["dense", "patterns"])
def test_seeds_and_threads(algorithm):
    model = load("hopfield")
    options = {"sweeps": 20, "warmup": 10, "replicas": 3, "disorder_samples": 3, "algorithm": algorithm}
    first = sample_quenched(model, model.values(T=0.4), 70, seed=1, threads=1, **options)
    again = sample_quenched(model, model.values(T=0.4), 70, seed=1, threads=3, **options)
    assert np.array_equal(first.draws, again.draws) and np.array_equal(first.overlaps, again.overlaps)
    other = sample_quenched(model, model.values(T=0.4), 70, seed=2, threads=1, **options)
    assert not np.array_equal(first.at_target, other.at_target)


@pytest.mark.parametrize("algorithm", ["dense", "patterns"])
def test_energies_of_records_are_those_of_the_hamiltonian(algorithm):
    """After many sweeps the fields kept up to date by increments give the energy of the spins to single precision."""
    from validate.samplers import quenched

    model = load("hebbian-supervised")
    plan = quenched._Plan(
        model, model.values(T=0.5, alpha=0.2, rho=0.3), 150, 10, 10, 4, 1, (), 0, None, True, "heat-bath", 1, algorithm, "cpu"
    )
    sample = plan.instance(0)
    chain = plan.chain(sample, plan.spins(sample, range(4), np.random.default_rng(1)), plan.temperatures, (9,))
    chain.advance(250)
    draws = chain.measure(1, 1)[0]
    spins = chain.system.spins.reshape(4, -1)[:, :150]
    assert np.allclose(sample.hamiltonian(spins), draws[:, 0, 0, -1], atol=2e-4)
    assert np.allclose(sample.order(spins), draws[:, 0, 0, :-1], atol=1e-6)


def test_starts():
    """Aligned with the pattern, or where an array says, which may differ from replica to replica."""
    model = load("hopfield")
    values = model.values(T=0.1, alpha=0.02)
    options = {"sweeps": 4, "warmup": 4, "replicas": 2, "disorder_samples": 1, "temperatures": ()}
    assert (sample_quenched(model, values, 300, start="pattern", **options).at_target[..., 0] > 0.9).all()
    pattern = np.sign(
        realise(model, values, 300, np.random.default_rng(np.random.SeedSequence(0, spawn_key=(300, 0, 0)))).slopes[0]
    )
    given = sample_quenched(model, values, 300, start=np.array([pattern, -pattern]), **options).at_target
    assert (given[0, 0, :, 0] > 0.9).all() and (given[0, 1, :, 0] < -0.9).all()


def test_ladder_reaches_high_temperature_in_equal_steps():
    model = load("sherrington-kirkpatrick")
    chains = sample_quenched(model, model.values(T=0.4), 64, sweeps=600, warmup=200, replicas=2, disorder_samples=4)
    assert chains.temperatures[0] == 0.4 and 1.1 < chains.temperatures[-1] < 1.3
    assert chains.swap_rates.min() > 0.25 and chains.swap_rates.max() < 0.65


@pytest.mark.parametrize(
    "name, options, message",
    [
        ("relativistic-hopfield", {}, "auxiliary"),
        ("spherical-p-spin-glass", {}, "Ising"),
        ("perceptron-binary", {}, "no temperature"),
        ("hopfield", {"rule": "glauber"}, "heat-bath"),
        ("sherrington-kirkpatrick", {"algorithm": "patterns"}, "dense"),
        ("sherrington-kirkpatrick", {"temperatures": (-1.0,)}, "positive"),
        ("hopfield", {"start": "random"}, "pattern"),
    ],
)
def test_refusals(name, options, message):
    model = load(name)
    values = model.values(**({"T": 0.5} if model.has_temperature else {"T": None}))
    with pytest.raises(InputError, match=message):
        sample_quenched(model, {"T": 0.5} | values, 12, sweeps=4, warmup=4, **options)
