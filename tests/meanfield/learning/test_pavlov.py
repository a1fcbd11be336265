"""Filtered couplings, memory without stimuli, conditioning."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from meanfield.learning.pavlov import conditioning, critical_beta, critical_strength, filtered_couplings, mean_products, memory
from theory import InputError


def slope(couplings, patterns):
    """Of the off-diagonal couplings on the temporal mean of the stimuli."""
    mask = ~np.eye(patterns.shape[1], dtype=bool)
    hebb = (patterns.T @ patterns / len(patterns))[mask]
    return couplings[mask] @ hebb / (hebb @ hebb)


def test_memory_ends_where_it_should():
    """Two neurons: 1 / 0.495786302384 = 2.016998 is the smallest strength, 2.080847127 the smallest beta."""
    level, strength = critical_strength()
    assert strength == pytest.approx(1 / 0.495786302384, rel=1e-11)
    assert np.tanh(strength * level**3) == pytest.approx(level, abs=1e-12)
    assert critical_beta(2) == pytest.approx(2.080847127, abs=1e-9)
    assert memory(critical_beta(2) * (1 + 1e-9), 2) == pytest.approx(level, abs=1e-3)
    assert memory(critical_beta(2) * (1 - 1e-9), 2) == 0.0
    assert memory(1.0, 40) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize(("beta", "count", "reference"), [(5.0, 2, 0.948), (2.0, 3, 0.9277)])
def test_slope_on_the_mean_of_the_stimuli(beta, count, reference):
    """A simulated network of 40 neurons, of which stimuli and their order are not known, had this slope: the mean is near."""
    draws = [np.random.default_rng(seed).choice([-1.0, 1.0], (count, 40)) for seed in range(30)]
    found = [slope(np.tanh(beta) * mean_products(patterns, 1.0, 20.0), patterns) for patterns in draws]
    assert np.mean(found) == pytest.approx(reference, abs=0.02) and max(found) < np.tanh(beta)


def test_long_presentations_leave_tanh_beta():
    """Hebb's couplings, tanh(beta) times the temporal mean of the stimuli, with the deficit of switching of order tau /
    duration."""
    patterns = np.random.default_rng(1).choice([-1.0, 1.0], (3, 12))
    slopes = [slope(mean_products(patterns, 1.0, duration), patterns) for duration in (100.0, 1000.0)]
    deficits = [1 - found for found in slopes]
    assert deficits[0] == pytest.approx(10 * deficits[1], rel=1e-6) and 0 < deficits[1] < 3e-3


def test_filter_is_the_solution_of_its_equation():
    """Against a numerical integration of tau' dJ/dt = -J + tanh(beta) s_i s_j."""
    patterns = np.array([[1.0, 1.0, -1.0], [1.0, -1.0, -1.0], [-1.0, 1.0, 1.0]])
    state, couplings, integral = patterns[-1], np.zeros(9), 0.0
    for n in range(6):
        pattern = patterns[n % 3]

        def right(t, y, pattern=pattern, away=state - pattern):
            spins = pattern + away * np.exp(-t)
            return np.concatenate([(np.tanh(0.7) * np.outer(spins, spins).ravel() - y[:9]) / 15.0, y[:9]])

        found = solve_ivp(right, (0, 4.0), np.concatenate([couplings, np.zeros(9)]), rtol=1e-10, atol=1e-12).y[:, -1]
        state, couplings = pattern + (state - pattern) * np.exp(-4.0), found[:9]
        integral = integral + found[9:] if n >= 3 else 0.0
    # The periodic state of the neurons is not quite that of the first period, which starts from a whole pattern.
    expected = filtered_couplings(patterns, 0.7, 1.0, 15.0, 4.0, 2)
    assert (integral / 12.0).reshape(3, 3) == pytest.approx(expected, abs=2e-3)


def test_conditioning_is_acquired_and_extinguished():
    alone, look = [(100.0, 60.0, 0.0, True), (100.0, 0.0, 60.0, True)], (20.0, 60.0, 0.0, False)
    found = conditioning(0.25, (10, 10), 1.0, 100.0, [*alone, look, (300.0, 60.0, 60.0, True), look, (2000.0, 60.0, 0.0, True),
                                                      look])
    before, after, late = found.ends[2, 1], found.ends[4, 1], found.ends[6, 1]
    assert before < 0.01 and after > 0.7 and late < 0.01
    assert found.ends[3, 3] == pytest.approx(np.tanh(0.25) * (1 - np.exp(-3)), rel=1e-3)
    assert found.times[-1] == pytest.approx(2560.0) and found.states.shape == (len(found.times), 5)


@pytest.mark.parametrize(("call", "word"), [
    (lambda: filtered_couplings(np.ones((2, 3)), 1.0, 1.0, 1.0, 5.0, 2), "memory time"),
    (lambda: filtered_couplings(np.zeros((2, 3)), 1.0, 1.0, 9.0, 5.0, 2), "-1 and 1"),
    (lambda: critical_beta(1), "at least 2"),
])
def test_bad_input_is_one_clear_line(call, word):
    with pytest.raises(InputError, match=word) as error:
        call()
    assert "\n" not in str(error.value)
