"""Errors of Markov chain means: known answers, coverage, and arviz-stats as the oracle."""

import numpy as np
import pytest

from validate.estimates import Estimate, effective_sample_size, estimate, split_r_hat


def autoregressive(rho, chains, draws, seed=0):
    """Stationary AR(1) chains of unit variance; tau is (1 + rho) / (1 - rho)."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((chains, draws))
    for t in range(1, draws):
        x[:, t] = rho * x[:, t - 1] + np.sqrt(1 - rho**2) * x[:, t]
    return x


@pytest.mark.parametrize("rho, chains, draws", [(-0.5, 16, 2000), (0.0, 32, 1001), (0.5, 16, 2000), (0.95, 64, 500), (0.99, 4, 50)])
def test_agrees_with_arviz(rho, chains, draws):
    oracle = pytest.importorskip("arviz_stats.base").array_stats
    x = autoregressive(rho, chains, draws)
    assert effective_sample_size(x) == pytest.approx(oracle.ess(x, chain_axis=0, draw_axis=1, method="mean"), rel=0.03)
    assert split_r_hat(x) == pytest.approx(oracle.rhat(x, chain_axis=0, draw_axis=1, method="rank"), rel=1e-10)


@pytest.mark.parametrize("rho", [-0.5, 0.0, 0.5, 0.9])
def test_autocorrelation_time(rho):
    assert estimate(autoregressive(rho, 64, 4000)).tau == pytest.approx((1 + rho) / (1 - rho), rel=0.1)


@pytest.mark.parametrize("rho", [0.0, 0.9])
def test_error_bars_cover(rho):
    """68 and 95 % of 400 repeats, within four standard deviations of a binomial share."""
    repeats = [estimate(autoregressive(rho, 32, 200, seed)) for seed in range(400)]
    z = np.abs([e.mean / e.error for e in repeats])
    for level, share in [(1, 0.675), (2, 0.946)]:
        assert abs((z < level).mean() - share) < 4 * np.sqrt(share * (1 - share) / 400)


def test_r_hat_sees_chains_that_disagree():
    x = autoregressive(0.5, 32, 1000)
    assert split_r_hat(x) < 1.01
    x[7] += 3
    assert split_r_hat(x) > 1.05


def test_r_hat_sees_drift_at_fixed_disorder():
    x = autoregressive(0.5, 32, 1000) + np.arange(32)[:, None]
    assert split_r_hat(x) > 2 and split_r_hat(x, disordered=True) < 1.01
    assert split_r_hat(x + np.linspace(0, 2, 1000), disordered=True) > 1.1


def test_disorder_counts_in_the_error_alone():
    offsets = np.random.default_rng(1).standard_normal((64, 1))
    x = autoregressive(0.5, 64, 2000)
    plain, disordered = estimate(x), estimate(x + offsets, disordered=True)
    assert disordered.error == pytest.approx(1 / 8, rel=0.3)
    assert disordered.tau == pytest.approx(plain.tau, rel=0.1)


def test_a_value_that_never_moves():
    assert estimate(np.ones((32, 10))) == Estimate(1.0, 0.0, None, None, None)


def test_too_few_draws_are_refused():
    with pytest.raises(ValueError, match="at least 4"):
        effective_sample_size(np.zeros((8, 3)))
