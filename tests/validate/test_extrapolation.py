"""Extrapolation in 1/N: calibrated on exact finite-size values with simulated errors."""

import numpy as np
import pytest

from theory.models import load
from validate import exact
from validate.extrapolation import extrapolate

SIZES = (250, 500, 1000, 2000)


def scores(values, errors, limit, repeats=300):
    rng = np.random.default_rng(0)
    fits = [extrapolate(SIZES, values + errors * rng.standard_normal(len(SIZES)), errors) for _ in range(repeats)]
    return np.array([(f.value - limit) / f.error for f in fits])


@pytest.mark.parametrize("T, M", [(0.5, 0.957504024077269), (0.7, 0.828634798640835), (0.85, 0.629501476391139)])
@pytest.mark.parametrize("error", [1e-6, 1e-5, 1e-4])
def test_calibrated_on_the_magnetisation(T, M, error):
    """Bias well below the error that is claimed, at every precision."""
    values = np.array([exact(load("curie-weiss"), N, T=T).absolute["m"] for N in SIZES])
    z = scores(values, error * np.sqrt(1000 / np.array(SIZES)), M)
    assert abs(z.mean()) < 0.7 and z.std() < 1.1


@pytest.mark.parametrize("T", [1.2, 1.3, 2.0])
def test_calibrated_on_fluctuations(T):
    values = np.array([N * exact(load("curie-weiss"), N, T=T).second["m"] for N in SIZES])
    z = scores(values, 0.005 * values, T / (T - 1))
    assert abs(z.mean()) < 0.7 and 0.6 < z.std() < 1.1


def test_exact_values():
    values = [2 + 3 / N - 50 / N**2 for N in SIZES]
    fit = extrapolate(SIZES, values, [0] * 4)
    assert fit.value == pytest.approx(2, abs=1e-9) and fit.error < 1e-6
    assert fit(SIZES) == pytest.approx(values)


def test_sizes_that_do_not_follow_powers_are_not_acceptable():
    assert not extrapolate(SIZES, [1.0, 1.3, 0.9, 1.2], [0.001] * 4).acceptable
    assert extrapolate(SIZES, [1.004, 1.002, 1.001, 1.0005], [1e-5] * 4).acceptable


def test_two_sizes():
    assert extrapolate((10, 20), [1.2, 1.1], [0.01, 0.01]).value == pytest.approx(1.0, abs=0.02)
