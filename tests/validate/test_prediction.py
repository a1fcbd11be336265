"""The theory's state, its orbit, and the alignment of samples with it."""

import numpy as np
import pytest

from theory.models import load
from validate import predict

CASES = [("curie-weiss", {"T": 0.5}), ("multitasking-hopfield", {"T": 0.15, "d": 0.5}), ("multitasking-hopfield", {"T": 0.5, "d": 0.2}),
         ("multitasking-hebbian", {"T": 0.125, "d": 0.2, "rho": 0.3}), ("potts", {"T": 0.3}), ("hopfield-low-load", {"T": 0.4})]


@pytest.mark.parametrize("name, parameters", CASES)
def test_images_are_the_orbit(name, parameters):
    prediction = predict(load(name), load(name).values(**parameters))
    permutations, signs = prediction.images
    images = signs * prediction.state[permutations]
    assert len(images) == prediction.solution.multiplicity == len(np.unique(images.round(9), axis=0))
    assert np.array_equal(images[0], prediction.state)


@pytest.mark.parametrize("name, parameters", CASES)
def test_alignment_undoes_the_group(name, parameters):
    """Samples near any state of the orbit come back to the theory's state with their deviations."""
    prediction = predict(load(name), load(name).values(**parameters))
    permutations, signs = prediction.images
    noise = 0.01 * np.random.default_rng(0).standard_normal((len(signs), 5, len(prediction.state)))
    near = np.take_along_axis(prediction.state + noise, permutations[:, None], axis=2) * signs[:, None]
    assert np.allclose(prediction.align(near), prediction.state + noise, atol=1e-12)


def test_order_parameters_that_vanish_keep_both_signs():
    prediction = predict(load("hopfield-low-load"), load("hopfield-low-load").values(T=0.4))
    samples = np.array([[0.98, 0.02, -0.03], [0.03, -0.98, 0.02]])
    aligned = prediction.align(samples)
    assert np.allclose(aligned[0], samples[0]) and aligned[1, 0] == 0.98 and sorted(np.abs(aligned[1, 1:])) == [0.02, 0.03]


@pytest.mark.parametrize("T, chi", [(0.8, 1.62566341305), (1.3, 1 / 0.3)])
def test_covariance_of_curie_weiss(T, chi):
    prediction = predict(load("curie-weiss"), load("curie-weiss").values(T=T))
    assert prediction.covariance[0, 0] == pytest.approx(T * chi, rel=1e-9)
    assert prediction.symmetric == (T > 1)


def test_at_a_critical_point():
    prediction = predict(load("curie-weiss"), load("curie-weiss").values(T=1))
    assert prediction.symmetric and np.isinf(prediction.covariance).all()
