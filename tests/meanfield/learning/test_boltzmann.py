"""Predictions for restricted Boltzmann machines against exact sums."""

from itertools import product

import numpy as np
import pytest

from meanfield.learning.boltzmann import growth_factor, learned_temperature, magnetisations
from theory.errors import InputError


def exact(weights, visible, hidden):
    """Magnetisations of the visible units by summation over their states."""
    v = np.array(list(product((-1, 1), repeat=len(visible))))
    log_weight = v @ visible + np.log(2 * np.cosh(hidden + v @ weights)).sum(axis=1)
    p = np.exp(log_weight - log_weight.max())
    return p @ v / p.sum()


def test_tap_is_better_than_naive_mean_field():
    """Eight visible and eight hidden units, couplings N(0, w^2/16): errors grow like w^3 against w^2, and TAP's are far smaller."""
    rng = np.random.default_rng(0)
    errors = {}
    for w in (0.25, 0.5):
        machines = [(w / 4 * rng.normal(size=(8, 8)), *(0.3 * rng.normal(size=(2, 8)))) for _ in range(8)]
        for order in (1, 2):
            off = [magnetisations(*machine, order)[0] - exact(*machine) for machine in machines]
            errors[w, order] = np.sqrt(np.mean(np.square(off)))
    assert errors[0.25, 2] < errors[0.25, 1] / 10 and errors[0.5, 2] < errors[0.5, 1] / 5
    assert errors[0.5, 1] / errors[0.25, 1] < errors[0.5, 2] / errors[0.25, 2]


def test_magnetisations_outside_the_paramagnetic_phase_do_not_converge_silently():
    rng = np.random.default_rng(1)
    with pytest.raises(ArithmeticError, match="do not converge"):
        magnetisations(4 * rng.normal(size=(30, 30)) / np.sqrt(30), 0.1 * rng.normal(size=30), 0.1 * rng.normal(size=30))


def test_learned_temperature():
    """The inverse of m = tanh(m/T), from the compiled equations of the Hopfield network."""
    for quality in (0.5, 0.8, 0.95):
        assert abs(learned_temperature(quality) - quality / np.arctanh(quality)) < 1e-10
    with pytest.raises(InputError, match="no temperature"):
        learned_temperature(1.0)


def test_growth_factor_without_signal():
    assert growth_factor(64, 0, 0.8, 0.1) == pytest.approx(1 - 0.1 * 0.64)
