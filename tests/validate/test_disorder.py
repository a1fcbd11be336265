"""Disorder samples: sizes of classes, Gaussian points, tables of one-site functions."""

import numpy as np
import pytest

from theory import InputError
from theory.models import load
from validate import draw, typical
from validate.disorder import merged, table


def sample_of(name, N, seed=0, balanced=True, **parameters):
    model = load(name)
    return draw(model, model.values(**parameters), N, np.random.default_rng(seed), balanced)


@pytest.mark.parametrize("balanced", [True, False])
def test_class_sizes_are_unbiased(balanced):
    """P = 2 diluted patterns: the pair (0, 0) has probability d^2."""
    N, d, found = 50, 0.3, []
    for seed in range(400):
        sample = sample_of("multitasking-hopfield", N, seed, balanced, d=d)
        assert sample.sizes.sum() == N
        x, y = sample.values.values()
        found.append(sample.sizes[(x == 0) & (y == 0)].sum())
    spread = np.sqrt(N * d**2 * (1 - d**2)) if not balanced else 0.5
    assert abs(np.mean(found) - N * d**2) < 4 * spread / np.sqrt(400)
    assert np.std(found) == pytest.approx(spread, rel=0.2)


def test_balanced_classes_have_no_resonance_with_their_listing():
    """Eight patterns on 128 sites, half as many as classes: no pattern may come out constant."""
    model = load("hopfield-low-load", P=8)
    sample = draw(model, model.values(), 128, np.random.default_rng(0))
    means = [np.average(x, weights=sample.sizes) for x in sample.values.values()]
    assert np.abs(means).max() < 0.3


@pytest.mark.parametrize("balanced, spread", [(True, 0.25), (False, 1.0)])
def test_gaussian_fields(balanced, spread):
    """Mean and variance over 200 samples; balanced points scatter far less than independent ones."""
    fields = [sample_of("random-field-ising-gaussian", 100, seed, balanced, sigma=0.3).values for seed in range(200)]
    means = [np.mean(*f.values()) / 0.3 for f in fields]
    squares = [np.mean(next(iter(f.values())) ** 2) / 0.09 for f in fields]
    assert abs(np.mean(means)) < 4 * spread * 0.1 / np.sqrt(200)
    assert abs(np.mean(squares) - 1) < 4 * spread * np.sqrt(2) * 0.1 / np.sqrt(200)
    assert np.std(means) < 1.3 * spread * 0.1


def test_several_gaussian_variables_are_uncorrelated():
    sample = sample_of("multitasking-hebbian", 2000, d=0.0)
    z1, z2 = (x for a, x in sample.values.items() if str(a).startswith("Z"))
    assert abs(np.mean(z1 * z2)) < 0.02 and abs(np.mean(z1**2 * z2**2) - 1) < 0.1


def test_typical_sizes():
    sample = typical(load("multitasking-hopfield"), load("multitasking-hopfield").values(d=0.5), 100)
    assert sample.sizes.sum() == 100 and sample.sizes.max() == 25
    with pytest.raises(InputError, match="Gaussian"):
        typical(load("random-field-ising-gaussian"), {"T": 1, "J": 1, "sigma": 1}, 10)


def test_a_pattern_and_its_negative_are_one_class():
    model = load("hopfield-low-load", P=3)
    values = model.values()
    sizes, functions, _, _ = merged(table(model, values, typical(model, values, 80)))
    assert sizes.tolist() == [20] * 4 and functions.shape == (4, 2, 3)
