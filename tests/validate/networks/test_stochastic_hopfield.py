"""Rate networks in torch: what the step of sampling biases, what training keeps, settings that do not go together."""

import numpy as np
import pytest

from meanfield.learning.rate import couplings, jacobian, scalar_moments
from theory import InputError
from validate.networks import TrainingRun, experiment
from validate.networks.digits import Images
from validate.networks.rate_digits import class_patterns, train_network

torch = pytest.importorskip("torch")
rate_dynamics = pytest.importorskip("validate.networks.rate_dynamics")

LEVEL, GAIN, NOISE = 2.618033988750, 3.0, 0.3


def chain(step):
    """Shift of the mean and variance over the linear one of the discretised neuron, from its transition matrix on a grid."""
    grid = np.linspace(1.0, 4.2, 400)
    slope = jacobian([[GAIN]], [LEVEL], 1.0)[0, 0]
    implicit = 1 - step * slope / 2
    moved = grid + step * (GAIN * grid**2 / (1 + grid**2) - grid) / implicit
    kernel = np.exp(-(((grid[:, None] - moved) * implicit / NOISE) ** 2) / (2 * step))
    kernel /= kernel.sum(0)
    density = np.linalg.matrix_power(kernel, 512) @ np.full(len(grid), 1 / len(grid))
    mean = density @ grid / density.sum()
    return mean - LEVEL, density @ (grid - mean) ** 2 / density.sum()


def test_the_step_of_sampling_biases_what_its_docstring_says():
    """The variance by a term linear in the step, gone after extrapolation; the mean, at a step of 0.1, by 0.2% of its shift."""
    exact = scalar_moments(GAIN, 1.0, NOISE)
    (_, coarse), (shift, fine) = chain(0.2), chain(0.1)
    assert abs(fine / exact.variance - 1) > 5e-4
    assert 2 * fine - coarse == pytest.approx(exact.variance, rel=1e-4)
    assert shift == pytest.approx(exact.mean - exact.attractor, rel=3e-3)


def test_the_force_is_that_of_the_theory():
    matrix = couplings(class_patterns(20), LEVEL, 1.0, np.random.default_rng(0).normal(size=(20, 20)))
    network = rate_dynamics.RateNetwork(torch.as_tensor(matrix), torch.eye(20), 1.0)
    state = torch.as_tensor(LEVEL * class_patterns(20)[:, 3])
    assert network.force(state).abs().max() < 1e-12
    slopes = torch.autograd.functional.jacobian(network.force, state).numpy()
    assert slopes == pytest.approx(jacobian(matrix, state.numpy(), 1.0), abs=1e-12)


def test_training_keeps_the_planted_attractors():
    rng = np.random.default_rng(0)
    images = Images("random", rng.random((64, 30)), rng.integers(0, 10, 64), rng.random((4, 30)), np.zeros(4, int), 6)
    found = train_network(TrainingRun(seed=3), images, LEVEL, 1.0, steps=5, time=1.0, step=0.25)
    network = rate_dynamics.RateNetwork(found["matrix"].double(), found["amplitude"].double(), 1.0)
    states = torch.as_tensor(LEVEL * class_patterns(30).T)
    assert network.force(states).abs().max() < 1e-4
    assert (found["amplitude"] > 0).all() and not torch.allclose(found["amplitude"], found["amplitude"][0])


@pytest.mark.parametrize(("given", "word"), [({"a": 0.9}, "attractor"), ({"patterns": 40, "neurons": 20}, "fewer patterns"),
                                             ({"noise": -1}, "noise")])
def test_settings_that_do_not_go_together(given, word):
    with pytest.raises(InputError, match=word) as error:
        experiment("stochastic-hopfield").read(given)
    assert "\n" not in str(error.value)
