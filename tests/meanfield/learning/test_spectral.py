"""Layers in the spectral domain: the adjacency matrix, shares of random tasks, random labels, pruning."""

import numpy as np
import pytest
from scipy.stats import binom

from meanfield.learning.spectral import (
    adjacency, eigenvectors_of, learned_probability, lost_share, missed_share, pruning_cost, weights,
)
from theory import InputError

RNG = np.random.default_rng(0)


def test_the_graph_has_the_eigenvalues_and_the_eigenvectors():
    ins, outs, block = RNG.normal(size=5), RNG.normal(size=3), RNG.normal(size=(3, 5))
    vectors = np.eye(8)
    vectors[5:, :5] = block
    expected = vectors @ np.diag(np.concatenate([ins, outs])) @ np.linalg.inv(vectors)
    assert adjacency(ins, outs, block) == pytest.approx(expected, abs=1e-12)
    assert eigenvectors_of(weights(ins, outs, block), ins, outs) == pytest.approx(block, abs=1e-12)


@pytest.mark.parametrize(("trained", "columns"), [("all", 10), ("inputs", 6)])
def test_the_missed_share_is_that_of_least_squares(trained, columns):
    """The mean over random targets by the trace of the projector, for a layer of 6 x 4 nodes."""
    block, unit = RNG.normal(size=(4, 6)), np.eye(10)
    design = np.stack([weights(unit[k, :6], unit[k, 6:], block).ravel() for k in range(columns)], 1)
    share = 1 - np.trace(design @ np.linalg.pinv(design)) / 24
    assert missed_share(6, 4, trained) == pytest.approx(share, abs=1e-12)


def test_half_of_all_labels_at_two_for_each_eigenvalue():
    assert learned_probability(20, 20, 2) == 0.5
    assert learned_probability(10, 20, 2) == 1.0
    assert learned_probability(60, 20, 1) == pytest.approx(binom.cdf(19, 59, 0.5), rel=1e-12)


def test_pruning_cost_is_a_mean_over_order_statistics():
    squares = np.sort(RNG.normal(size=(40000, 12)) ** 2, axis=1)
    for removed in (1, 6, 11):
        samples = squares[:, :removed].sum(1) / 12
        assert pruning_cost(removed, 12) == pytest.approx(samples.mean(), abs=4 * samples.std() / 200)
    assert pruning_cost(0, 12) == 0.0 and pruning_cost(12, 12) == pytest.approx(1.0, abs=1e-9)


def test_pruning_of_large_layers():
    assert pruning_cost(2000, 4000) == pytest.approx(lost_share(0.5), rel=5e-3)
    assert lost_share(0.0) == 0.0 and lost_share(1.0) == 1.0


@pytest.mark.parametrize(("call", "word"), [
    (lambda: missed_share(4, 4, "some"), "inputs"), (lambda: lost_share(1.2), "between"), (lambda: pruning_cost(5, 4), "integer"),
    (lambda: eigenvectors_of(np.ones((1, 1)), np.ones(1), np.ones(1)), "distinct"),
])
def test_bad_input_is_one_clear_line(call, word):
    with pytest.raises(InputError, match=word) as error:
        call()
    assert "\n" not in str(error.value)
