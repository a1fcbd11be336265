"""Hebbian couplings and fields against sums written out, and heat-bath sweeps against exact averages."""

import itertools
from math import comb

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from validate.networks.hebbian_sampling import (
    dense_examples, dense_field, dense_sweep, noisy_examples, pairwise_couplings, pairwise_sweep)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def test_examples_have_their_quality(generator):
    patterns = 2.0 * torch.randint(0, 2, (3, 200), generator=generator) - 1
    examples = noisy_examples(patterns, 0.4, 50, generator)
    assert examples.shape == (3, 50, 200) and set(examples.unique().tolist()) == {-1.0, 1.0}
    assert abs((examples * patterns[:, None]).mean().item() - 0.4) < 5 * 0.92 / np.sqrt(30_000)


@pytest.mark.parametrize("supervised", [True, False])
def test_couplings_written_out(generator, supervised):
    P, M, N, r = 2, 3, 4, 0.6
    eta = noisy_examples(torch.ones(P, N), r, M, generator)
    rho = (1 - r**2) / (M * r**2)
    mean = eta.mean(1) / r
    pairs = [torch.outer(x, x) for x in mean] if supervised else [torch.outer(x, x) / (M * r**2) for e in eta for x in e]
    assert torch.allclose(pairwise_couplings(eta, r, supervised), sum(pairs) / (N * (1 + rho)), atol=1e-6)


@pytest.mark.parametrize("p", [3, 4, 5])
def test_dense_field_sums_over_sets_of_distinct_spins(generator, p):
    N, K = 7, 3
    x = torch.randn(N, 1, K, generator=generator, dtype=torch.float64)
    s = (2.0 * torch.randint(0, 2, (N,), generator=generator) - 1).double()
    sums = [((x * s[:, None, None]) ** (k + 1)).sum(0) for k in range(p - 1)]
    sets = [sum(x[0, 0, k] * np.prod([x[j, 0, k].item() * s[j].item() for j in others]) for k in range(K))
            for others in itertools.combinations(range(1, N), p - 1)]
    assert dense_field(x[0], s[:1], sums, p, 0.7, N).item() == pytest.approx(0.7 * float(sum(sets)) / comb(N - 1, p - 1))


def exact_overlap(energy, N, T):
    states = np.array(list(itertools.product([1.0, -1.0], repeat=N)))
    weights = np.exp(-np.array([energy(s) for s in states]) / T)
    return weights @ np.abs(states.sum(1)) / N / weights.sum()


def test_pairwise_sweeps_have_the_boltzmann_distribution(generator):
    N, B, T = 5, 4000, 0.9
    J = torch.full((N, N), 1 / N)
    spins = 2.0 * torch.randint(0, 2, (B, N), generator=generator) - 1
    couplings, fields = J[:, None].expand(N, B, N), spins @ J
    for _ in range(30):
        pairwise_sweep(spins, fields, couplings, T, torch.rand(N, B, generator=generator))
    found = spins.sum(1).abs().div(N)
    exact = exact_overlap(lambda s: -s.sum() ** 2 / (2 * N), N, T)
    assert abs(found.mean().item() - exact) < 5 * found.std().item() / np.sqrt(B)
    assert torch.allclose(fields, spins @ J, atol=1e-4)


def test_dense_sweeps_have_the_boltzmann_distribution(generator):
    N, B, T, p = 6, 4000, 0.4, 4
    vectors, weight = dense_examples(torch.ones(1, 1, N), 1.0, p, supervised=False)
    x = vectors.T[:, None].expand(N, B, 1)
    spins = 2.0 * torch.randint(0, 2, (B, N), generator=generator) - 1
    sums = [((x * spins.T[..., None]) ** (k + 1)).sum(0) for k in range(p - 1)]
    for _ in range(30):
        dense_sweep(spins, sums, x, p, weight, T, torch.rand(N, B, generator=generator))
    found = spins.sum(1).abs().div(N)
    sets = list(itertools.combinations(range(N), p))
    # Every field is the mean over the sets of the other three, so the energy is a sum over sets of four times 1/comb(N - 1, 3).
    exact = exact_overlap(lambda s: -sum(np.prod(s[list(q)]) for q in sets) / comb(N - 1, p - 1), N, T)
    assert abs(found.mean().item() - exact) < 5 * found.std().item() / np.sqrt(B)
