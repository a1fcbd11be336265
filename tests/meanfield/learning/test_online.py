"""Online learning: published plateaus and trajectories, the limit of small rates, and what is refused."""

from math import asin, pi, sqrt

import numpy as np
import pytest

from meanfield.learning.online import committee, integrate, plateau
from theory.errors import InputError

START = np.diag([0.5, 0.25]), np.diag([1e-3, 0.0]), np.eye(2)


def test_error_in_time():
    """Two students and teachers at the rate 1.5: transient, plateau, escape (fourth-order Runge-Kutta, independently)."""
    found = integrate(*START, 1.5, np.arange(0, 121, 20.0))
    expected = [0.50523345, 0.03505751, 0.03467761, 0.03456690, 0.03325141, 0.01933709, 0.00277355]
    assert np.allclose(found.error, expected, atol=2e-8) and found.accuracy < 1e-6


@pytest.mark.parametrize(("units", "error"),
                         [(2, 0.011610840313), (3, 0.020296588657), pytest.param(5, 0.036226322602, marks=pytest.mark.slow)])
def test_plateau_at_small_rates(units, error):
    """D. Saad and S. A. Solla, Phys. Rev. E 52, 4225 (1995), section V: Q = 1/(2K-1), R = 1/sqrt(K(2K-1))."""
    found = plateau(units)
    assert found.error == pytest.approx(error, abs=1e-12)
    assert found.error == pytest.approx(units / pi * (pi / 6 - units * asin(1 / (2 * units))), abs=1e-12)
    assert (found.q, found.c,
            found.r) == pytest.approx((1 / (2 * units - 1), 1 / (2 * units - 1), 1 / sqrt(units * (2 * units - 1))), abs=1e-6)
    assert found.residual < 1e-12 and found.escape > 0


def test_plateau_is_where_the_flow_lingers():
    level = plateau(2, 1.5)
    found = integrate(*START, 1.5, [45.0])
    assert found.error[0] == pytest.approx(level.error, rel=2e-3) and level.q > level.c


def test_escape_rate_is_that_of_a_small_perturbation():
    level = plateau(2, 1.5)
    Q, R = np.full((2, 2), level.c) + (level.q - level.c) * np.eye(2), np.full((2, 2),
                                                                               level.r) + 1e-6 * np.array([[1, -1], [-1, 1]])
    found = integrate(Q, R, np.eye(2), 1.5, [20.0, 30.0])
    split = found.R[:, 0, 0] - found.R[:, 0, 1]
    assert np.log(split[1] / split[0]) / 10 == pytest.approx(level.escape, rel=1e-3)


def test_small_rates_are_a_limit():
    slow = integrate(*START, 1e-4, [1e4])
    assert slow.error[0] == pytest.approx(integrate(*START, 0, [1.0]).error[0], rel=1e-4)


def test_a_student_that_equals_its_teacher_stays():
    flow, same = committee(2, 2), (np.eye(2),) * 3
    assert max(abs(a).max() for a in flow.rates(*same, 1.0)) < 1e-15 and flow.error(*same) == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize(("start", "rate", "times", "said"), [
    ((np.eye(2), 2 * np.eye(2), np.eye(2)), 1.0, [1.0], "vectors can have"),
    ((np.eye(2), np.eye(2), np.eye(3)), 1.0, [1.0], "shapes"),
    (START, -1.0, [1.0], "learning rate"),
    (START, 1.0, [2.0, 1.0], "increasing"),
])
def test_what_is_no_start(start, rate, times, said):
    with pytest.raises(InputError, match=said):
        integrate(*start, rate, times)


def test_one_unit_has_no_plateau():
    with pytest.raises(InputError, match="at least 2"):
        plateau(1)
