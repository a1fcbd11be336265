"""Rate networks: the exact moments of one neuron, planting, the linear noise."""

import numpy as np
import pytest

from meanfield.learning.rate import couplings, jacobian, linear_noise, quantity, scalar_moments
from theory import InputError

LEVEL = 2.618033988750


@pytest.mark.parametrize(("s", "ratio", "linear", "shift"), [
    (0.05, 1.000505, -2.725e-4, -2.730e-4), (0.1, 1.002041, -1.090e-3, -1.098e-3),
    (0.2, 1.008530, -4.361e-3, -4.493e-3), (0.3, 1.020864, -9.812e-3, -1.053e-2),
])
def test_one_neuron_beyond_the_linear_noise(s, ratio, linear, shift):
    """Quadrature of p ~ exp(-2V/s^2) at c = 1, l = 3."""
    found = scalar_moments(3.0, 1.0, s)
    assert found.attractor == pytest.approx(LEVEL, rel=1e-12) and found.confined and found.error < 1e-10
    assert found.variance / found.linear_variance == pytest.approx(ratio, abs=1e-6)
    assert found.linear_shift == pytest.approx(linear, rel=5e-4)
    assert found.mean - found.attractor == pytest.approx(shift, rel=5e-4)


def test_noise_that_leaves_the_basin_is_said():
    assert not scalar_moments(2.05, 1.0, 0.5).confined


def test_planted_patterns_are_stable_fixed_points():
    """N = 40, two disjoint patterns and a random rest: the slowest rate is that along the pattern."""
    patterns = np.kron(np.eye(2), np.ones((20, 1)))
    matrix = couplings(patterns, LEVEL, 1.0, np.random.default_rng(0).normal(size=(40, 40)))
    state = LEVEL * patterns[:, 0]
    force = -state + matrix @ quantity("transfer", x=state, c=1.0) / np.sqrt(40)
    assert np.abs(force).max() < 1e-12
    assert np.linalg.eigvals(jacobian(matrix, state, 1.0)).real.max() == pytest.approx(-0.745355992500, abs=1e-9)


def test_linear_noise_of_one_neuron_is_that_of_the_network():
    matrix = couplings(np.ones((1, 1)), LEVEL, 1.0)
    found = linear_noise(matrix, np.array([[0.3]]), [LEVEL], 1.0, tau=2.0)
    assert found.covariance[0, 0] == pytest.approx(scalar_moments(3.0, 1.0, 0.3 / np.sqrt(2)).linear_variance, rel=1e-9)


def test_linear_noise_is_the_variance_of_a_simulated_network():
    """The midpoint rule of the linear dynamics has the stationary covariance of continuous time at any step."""
    rng, patterns = np.random.default_rng(1), np.kron(np.eye(2), np.ones((4, 1)))
    matrix = couplings(patterns, LEVEL, 1.0, rng.normal(size=(8, 8)))
    found = linear_noise(matrix, 0.1 * rng.normal(size=(8, 8)), LEVEL * patterns[:, 0], 1.0)
    step, one = 0.4, np.eye(8)
    left, right = one - step * found.jacobian / 2, one + step * found.jacobian / 2
    noise = -step * (found.jacobian @ found.covariance + found.covariance @ found.jacobian.T)
    assert left @ found.covariance @ left.T == pytest.approx(right @ found.covariance @ right.T + noise, abs=1e-14)


@pytest.mark.parametrize(("call", "word"), [
    (lambda: scalar_moments(1.9, 1.0, 0.1), "saddle-node"),
    (lambda: couplings(np.full((4, 1), 2.0), 2.0, 1.0), "0 and 1"),
    (lambda: couplings(np.ones((4, 2)), 2.0, 1.0), "independent"),
    (lambda: linear_noise(np.eye(3), np.eye(3), np.ones(3), 1.0), "fixed point"),
    (lambda: linear_noise(couplings(np.ones((3, 1)), 0.5, 1.0), np.eye(3), 0.5 * np.ones(3), 1.0), "real parts"),
    (lambda: quantity("rate", a=1.0), "missing c"),
])
def test_bad_input_is_one_clear_line(call, word):
    with pytest.raises(InputError, match=word) as error:
        call()
    assert "\n" not in str(error.value)
