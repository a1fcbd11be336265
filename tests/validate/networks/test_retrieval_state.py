"""Overlaps of metastable retrieval: halves of the sweeps, networks that leave, and states that do not last."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from validate.networks.retrieval_state import add_overlap, half_means, retrieved

SIZES = (50, 100, 200)


def halves(rng, m=0.9, copies=40, drift=0.0):
    """Overlaps m + 1/N with noise, arrays (2, copies) for each size."""
    noise = 0.01 * rng.standard_normal((len(SIZES), 2, copies))
    return [np.array([[m + 1 / N], [m + 1 / N - drift]]) + x for N, x in zip(SIZES, noise)]


@pytest.mark.parametrize("sweeps", [6, 7, 30, 61])
def test_halves_of_the_last_two_thirds(sweeps):
    total = torch.zeros(2, 3)
    for i in range(sweeps):
        add_overlap(total, torch.full((3,), float(i)), i, sweeps)
    counted = range(sweeps // 3, sweeps)
    first, second = half_means(total, sweeps)
    assert first[0] < np.mean(counted) < second[0] and first[0] >= sweeps // 3 and second[0] <= sweeps - 1
    assert len(set(first)) == len(set(second)) == 1


def test_infinite_size():
    found = retrieved(SIZES, halves(np.random.default_rng(0)))
    assert abs(found.value - 0.9) < 4 * found.error and not found.doubt


def test_networks_that_left_are_left_out():
    samples = halves(np.random.default_rng(1))
    samples[0][:, :6] = 0.1
    found = retrieved(SIZES, samples)
    assert abs(found.value - 0.9) < 4 * found.error and not found.doubt


@pytest.mark.parametrize(("change", "reason"), [(slice(0, 20), "a fraction 0.5"), (slice(0, 39), "nearly all")])
def test_no_state_where_most_leave(change, reason):
    samples = halves(np.random.default_rng(2))
    samples[-1][1, change] = 0.0
    assert reason in retrieved(SIZES, samples).doubt


def test_a_drifting_state_decides_nothing():
    assert "leaving" in retrieved(SIZES, halves(np.random.default_rng(3), drift=0.05)).doubt
