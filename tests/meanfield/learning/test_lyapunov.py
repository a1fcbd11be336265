"""Stationary covariances: known solutions, null modes, the limit of small steps, and what is refused."""

import numpy as np
import pytest

from meanfield.learning.lyapunov import stationary_covariance, stationary_covariance_of_map
from theory.errors import InputError

RNG = np.random.default_rng(0)


def stable(n):
    a = RNG.normal(size=(n, n)) / np.sqrt(n)
    return a - (np.linalg.eigvals(a).real.max() + 0.5) * np.eye(n)


def noise(n):
    g = RNG.normal(size=(n, n))
    return g @ g.T


def test_ornstein_uhlenbeck():
    """dx = -k x dt + noise of strength 2T has the variance T/k."""
    found = stationary_covariance([[-2.0]], [[3.0]])
    assert found.covariance[0, 0] == pytest.approx(0.75, rel=1e-14)
    assert found.relaxation == pytest.approx(2.0) and found.rank == 1 and found.gap == np.inf


@pytest.mark.parametrize("n", [3, 8])
def test_stationarity_of_a_drift_that_is_not_symmetric(n):
    a, d = stable(n), noise(n)
    c = stationary_covariance(a, d).covariance
    assert np.allclose(a @ c + c @ a.T + d, 0, atol=1e-11)
    assert np.linalg.eigvalsh(c).min() > 0


@pytest.mark.parametrize("symmetric", [True, False])
def test_null_modes_are_projected_out(symmetric):
    """A block of modes that relax and a block that does not, in rotated or in skewed coordinates."""
    frame = np.linalg.qr(RNG.normal(size=(7, 7)))[0] if symmetric else RNG.normal(size=(7, 7)) + 3 * np.eye(7)
    inside = stable(4)
    drift = np.zeros((7, 7))
    drift[:4, :4] = inside
    diffusion = noise(7)
    rotated = frame @ drift @ np.linalg.inv(frame)
    found = stationary_covariance(rotated, frame @ diffusion @ frame.T)
    expected = np.zeros((7, 7))
    expected[:4, :4] = stationary_covariance(inside, diffusion[:4, :4]).covariance
    assert found.rank == 4 and found.gap > 1e8 and found.resolved
    assert np.allclose(found.covariance, frame @ expected @ frame.T, atol=1e-10 * abs(found.covariance).max())
    assert np.allclose(found.projector @ found.covariance, found.covariance)
    if symmetric:
        assert found.null_diffusion == pytest.approx(np.trace(diffusion[4:, 4:]))


def test_small_steps_of_a_map_are_the_continuous_limit():
    a, d = stable(5), noise(5)
    step = 1e-5
    discrete = stationary_covariance_of_map(np.eye(5) + step * a, step * d).covariance
    assert np.allclose(discrete, stationary_covariance(a, d).covariance, rtol=1e-3)


def test_a_map_with_a_conserved_mode():
    found = stationary_covariance_of_map(np.diag([1.0, 0.5]), np.eye(2))
    assert np.allclose(found.covariance, np.diag([0, 4 / 3])) and found.null_diffusion == pytest.approx(1.0)


def test_a_singular_value_near_the_tolerance_is_told():
    assert not stationary_covariance(np.diag([-1.0, -1e-7]), np.eye(2)).resolved


@pytest.mark.parametrize(("drift", "diffusion", "said"), [
    ([[1.0]], [[1.0]], "stationary"),
    ([[0.0, 1.0], [0.0, 0.0]], np.eye(2), "null modes"),
    (np.eye(2), np.eye(3), "one size"),
    ([[-1.0, 0.0], [0.0, -1.0]], [[0.0, 1.0], [0.0, 0.0]], "symmetric"),
    ([[np.nan]], [[1.0]], "finite"),
])
def test_what_has_no_stationary_covariance(drift, diffusion, said):
    with pytest.raises(InputError, match=said):
        stationary_covariance(drift, diffusion)
