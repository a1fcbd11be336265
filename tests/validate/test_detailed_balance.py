"""One sweep from every configuration of a few spins: its law is the product of single-site laws in detailed balance, or is itself
reversible.
"""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from theory.models import load
from validate import disorder
from validate.rng import states as generator_states
from validate.sample import Problem
from validate.samplers import on_torch, realise, simd, systems, tempering

n = 4
STATES = np.array(list(product((-1.0, 1.0), repeat=n)))
COPIES = 1024


def site_law(i, energies, T, metropolis):
    """Transition matrix (2^n, 2^n) of an update of site i."""
    P = np.zeros((len(STATES), len(STATES)))
    for a in range(len(STATES)):
        b = a ^ (1 << (n - 1 - i))
        cost = (energies[b] - energies[a]) / T
        P[a, b] = min(1.0, np.exp(-cost)) if metropolis else 1 / (1 + np.exp(cost))
        P[a, a] = 1 - P[a, b]
    return P


def sweep_law(energies, T, metropolis):
    """The product of the updates of all sites in order, each of them in detailed balance with the Boltzmann law."""
    weights = np.exp(-(energies - energies.min()) / T)
    P = np.eye(len(STATES))
    for i in range(n):
        site = site_law(i, energies, T, metropolis)
        flux = weights[:, None] * site
        assert np.allclose(flux, flux.T, rtol=1e-12)
        P = P @ site
    assert np.allclose(weights @ P, weights, rtol=1e-12)
    return P


def index(spins):
    """The place of configurations (R, n) in STATES."""
    return ((np.asarray(spins) > 0) @ (1 << np.arange(n)[::-1])).astype(int)


def probability(before, after, P):
    """Probability of a larger chi^2 of transitions under a law."""
    seen = np.zeros(P.shape)
    np.add.at(seen, (before, after), 1)
    expected = seen.sum(axis=1, keepdims=True) * P
    assert not seen[P < 1e-12].any()
    common = expected > 5
    rest = np.where(common, 0, expected).sum(), np.where(common, 0, seen).sum()
    square = ((seen - expected)[common] ** 2 / expected[common]).sum() + (rest[1] - rest[0]) ** 2 / max(rest[0], 1)
    return stats.chi2.sf(square, common.sum() + 1 - len(P))


KERNELS = [
    ("sherrington-kirkpatrick", {"T": 0.8, "J0": 0.3, "h": 0.2}, {}, "dense"),
    ("hopfield", {"T": 0.6, "alpha": 0.5}, {}, "patterns"),
    ("hopfield", {"T": 0.6, "alpha": 0.5}, {}, "dense"),
    ("p-spin-glass", {"T": 0.8, "h": 0.1}, {"p": 3}, "tensors"),
    ("dense-hopfield", {"T": 0.5, "a": 0.2}, {"p": 3}, "powers"),
    ("sherrington-kirkpatrick", {"T": 0.8, "h": 0.2}, {}, "delayed"),
    ("dense-hopfield", {"T": 0.5, "a": 0.2}, {"p": 3}, "memories"),
]


@pytest.mark.parametrize("metropolis", [False, True], ids=["heat-bath", "metropolis"])
@pytest.mark.parametrize("name, parameters, structural, algorithm", KERNELS)
def test_one_sweep_with_quenched_couplings(name, parameters, structural, algorithm, metropolis):
    model = load(name, **structural)
    values = model.values(**parameters)
    sample = realise(model, values, n, np.random.default_rng(5))
    T, start = values["T"], np.repeat(STATES, COPIES, axis=0)
    if algorithm in on_torch.MOVES:
        pytest.importorskip("torch")
        chain = on_torch.chain(algorithm, [sample], start[None, :, None], np.array([T]), (1,), 0, "cpu", metropolis)
        chain.advance(1)
        after = chain.spins[0].numpy()
    else:
        system, _ = systems.build(algorithm, model, values, sample, start)
        sweep = tempering.KERNELS[type(system)][0]
        sweep(system, simd.generator(np.random.SeedSequence(1)), np.full(len(start), T / 2, dtype=np.float32), metropolis)
        after = system.spins.reshape(len(start), -1)[:, :n]
    assert probability(index(start), index(after), sweep_law(sample.hamiltonian(STATES), T, metropolis)) > 1e-4


@pytest.mark.parametrize("rule", ["heat-bath", "metropolis"])
@pytest.mark.parametrize("name, parameters", [("curie-weiss", {"T": 0.9, "h": 0.2}), ("relativistic-curie-weiss", {"T": 0.7})])
def test_one_sweep_of_single_sites(name, parameters, rule):
    model = load(name)
    values = model.values(**parameters)
    problem = Problem(model, values, n, "single-site", rule)
    energies = n * problem.energy(STATES.mean(axis=1)[:, None])
    chain = problem.chain(disorder.typical(model, values, n), generator_states(0, chains=1)[0])
    table = chain.table.functions[0, :, 0]
    place = {float(v): k for k, v in enumerate(table)}
    before, after = np.repeat(np.arange(len(STATES)), COPIES // 4), []
    for a in before:
        chain.spins = np.array([place[s] for s in STATES[a]])
        chain.advance(problem.beta, np.empty((1, 2)))
        after.append(table[chain.spins])
    assert probability(before, index(after), sweep_law(energies, values["T"], rule == "metropolis")) > 1e-4


def reversible(before, after, weights):
    """Probability of a larger chi^2 of the transitions between any two states, given that both directions carry the same flux."""
    seen = np.zeros((len(weights), len(weights)))
    np.add.at(seen, (before, after), 1)
    per_flux = seen.sum(axis=1, keepdims=True) / weights[:, None]
    flux = (seen + seen.T) / (per_flux + per_flux.T)
    expected = flux * per_flux
    pairs = np.triu((expected > 8) & (expected.T > 8), 1)
    square = (seen - expected) ** 2 / np.maximum(expected, 1e-300)
    assert pairs.sum() > 5
    return stats.chi2.sf((square + square.T)[pairs].sum(), pairs.sum())


@pytest.mark.parametrize(
    "name, parameters", [("hopfield", {"T": 0.7, "alpha": 0.5}), ("hebbian-supervised", {"T": 0.7, "alpha": 0.5})]
)
def test_the_gaussian_layer_is_reversible(name, parameters):
    """All spins at once, given a layer drawn afresh: no probability flows around."""
    pytest.importorskip("torch")
    model = load(name)
    values = model.values(**parameters)
    sample = realise(model, values, n, np.random.default_rng(5))
    start = np.repeat(STATES, 4 * COPIES, axis=0)
    chain = on_torch.chain("two-layer", [sample], start[None, :, None], np.array([values["T"]]), (1,), 0, "cpu", False)
    chain.advance(1)
    weights = np.exp(-sample.hamiltonian(STATES) / values["T"])
    assert reversible(index(start), index(chain.spins[0].numpy()), weights / weights.sum()) > 1e-4


@pytest.mark.parametrize("name, parameters", [("curie-weiss", {"T": 0.9, "h": 0.1}), ("relativistic-curie-weiss", {"T": 0.7})])
def test_occupation_numbers_are_reversible(name, parameters):
    """The compiled two-layer move of all sites, with its acceptance where the energy is not quadratic."""
    model = load(name)
    values = model.values(**parameters)
    problem = Problem(model, values, 6, "two-layer")
    chain = problem.chain(disorder.typical(model, values, 6), generator_states(0, chains=1)[0])
    chain.place(0.0, np.zeros(1))
    draws = np.empty((60_000, 2))
    chain.advance(problem.beta, draws)
    place = np.rint((draws[:, 0] + 1) * 3).astype(int)
    weights = np.bincount(place, minlength=7) / len(place)
    kept = weights > 1e-3
    ok = kept[place[:-1]] & kept[place[1:]]
    rank = np.cumsum(kept) - 1
    assert reversible(rank[place[:-1][ok]], rank[place[1:][ok]], weights[kept]) > 1e-4
