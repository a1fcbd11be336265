"""Two tasks learned one after the other (Li, Huang, Zou and Huang, Phys. Rev. E 108, 014309, 2023), inverse temperature 20."""

import numpy as np
import pytest

from meanfield.learning.continual import first_task, second_task
from theory.errors import InputError


@pytest.mark.parametrize(("load", "expected"), [
    (0.2, (0.25574246, 0.17419988, 0.48386056, 0.426754)), (0.5, (0.53952586, 0.37897431, 0.67976742, 0.355433)), (1.0, (0.8490571, 0.6053516, 0.9117506, 0.2827583)),
])
def test_first_task(load, expected):
    """Overlaps q, r, Q and the error of the binarised weights, by deterministic quadrature."""
    task = first_task(load)
    np.testing.assert_allclose((task.q, task.r, task.Q, task.error), expected, atol=6e-7)
    assert task.residual < 1e-9


def test_conjugate_overlaps():
    np.testing.assert_allclose(first_task(0.5).conjugates, (15.58481, 2.43755, 9.40386), atol=6e-6)


@pytest.mark.parametrize(("load", "strength", "correlation", "error", "first_error"), [
    (0.5, 1, 0.5, 0.38452, 0.28758), (0.5, 1, 0, 0.48057, 0.30152), (0.5, 0.1, 0.5, 0.33244, 0.34728), (1, 1, 0.5, 0.35954, 0.29182),
])
def test_second_task(load, strength, correlation, error, first_error):
    """Error on the second task, and on the first one after it: a weak penalty learns more and forgets more."""
    task = second_task(first_task(1.0), load, strength=strength, correlation=correlation)
    np.testing.assert_allclose((task.error, task.first_error), (error, first_error), atol=6e-6)


def test_without_patterns_means_are_uniform():
    """As the load vanishes Q is that of a flat measure on [-1, 1], 1/3, and nothing is learned."""
    task = first_task(1e-6)
    assert abs(task.Q - 1 / 3) < 1e-4 and task.q < 1e-4 and abs(task.error - 0.5) < 1e-3


def test_without_penalty_the_first_task_is_forgotten():
    """At strength 0 and independent teachers the second task is a first one, and the first teacher is met by chance."""
    first = first_task(0.5)
    second = second_task(first, 0.5, strength=0, correlation=0)
    np.testing.assert_allclose((second.q, second.r, second.Q), (first.q, first.r, first.Q), atol=1e-6)
    assert abs(second.first_error - 0.5) < 1e-8


def test_bad_input():
    with pytest.raises(InputError, match="positive"):
        first_task(0)
    with pytest.raises(InputError, match="correlation"):
        second_task(first_task(0.2), 0.2, correlation=2)
