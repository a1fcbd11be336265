"""Attention in torch against its derivation, and the dynamics of dense memories against exact averages."""

import itertools

import numpy as np
import pytest

from theory.learning.attention import BETA, attention

torch = pytest.importorskip("torch")

from validate.networks.attention import attend, attended, energy, first_rival, power_sweep, settle


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def test_update_and_energy_are_the_derived_ones(generator):
    theory, beta = attention(), 1.3
    x, X = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((1, 2), (3, 2)))
    at = {BETA: beta, **dict(zip(theory["state"], x[0].tolist()))}
    at |= {symbol: value for xi, row in zip(theory["patterns"], X.tolist()) for symbol, value in zip(xi, row)}
    assert attend(x, X, beta)[0].tolist() == pytest.approx([float(e.subs(at)) for e in theory["update"]])
    assert energy(x, X, beta).item() == pytest.approx(float(theory["energy"].subs(at)))


def test_energy_never_rises(generator):
    X = torch.randn(20, 5, generator=generator, dtype=torch.float64)
    for beta in (0.1, 1.0, 10.0):
        _, rise = settle(torch.randn(50, 5, generator=generator, dtype=torch.float64), X, beta, 30)
        assert rise < 1e-12


def test_extremes_of_beta(generator):
    """At beta = 0 a state attends to all patterns alike, at large beta to the nearest one."""
    X = torch.randn(8, 30, generator=generator, dtype=torch.float64)
    assert attended(X, X, 0.0).tolist() == pytest.approx([8.0] * 8)
    assert attended(X, X, 50.0).tolist() == pytest.approx([1.0] * 8)
    assert torch.allclose(attend(X, X, 50.0), X)


@pytest.mark.parametrize("strength", [0.5, np.inf])
def test_first_rival_written_out(generator, strength):
    overlaps = torch.randn(6, 40, generator=generator, dtype=torch.float64)
    expected = []
    for row in overlaps.numpy():
        sums = np.logaddexp.accumulate(strength * row) if np.isfinite(strength) else row
        beyond = np.flatnonzero(sums > strength * 1.9 if np.isfinite(strength) else row >= 1.9)
        expected.append(int(beyond[0]) + 1 if len(beyond) else 0)
    found, total = first_rival(torch.full((6,), -np.inf, dtype=torch.float64), overlaps, 1.9, strength)
    assert found.tolist() == expected
    if np.isfinite(strength):
        assert total.tolist() == pytest.approx((strength * overlaps).logsumexp(1).tolist())


def test_power_sweeps_have_the_boltzmann_distribution(generator):
    N, B, T, p = 6, 4000, 0.5, 3
    patterns = torch.ones(N, B, 1)
    spins = 2.0 * torch.randint(0, 2, (B, N), generator=generator) - 1
    products = spins.sum(1, keepdim=True)
    for _ in range(30):
        power_sweep(spins, products, patterns, p, T, torch.rand(N, B, generator=generator))
    states = np.array(list(itertools.product([1.0, -1.0], repeat=N))).mean(1)
    weights = np.exp(N * states**p / (p * T))
    found = spins.mean(1)
    assert abs(found.mean().item() - weights @ states / weights.sum()) < 5 * found.std().item() / np.sqrt(B)
