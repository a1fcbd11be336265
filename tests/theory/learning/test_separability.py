"""Cover's count of separable divisions, and the errors that overlaps mean."""

import itertools
import random
from fractions import Fraction

import mpmath
import pytest

from theory.errors import InputError
from theory.learning.generalisation import disagreement, generalisation, overlap_of_mean
from theory.learning.separability import dichotomies, recursive_dichotomies, separable_probability


@pytest.mark.parametrize("P", range(1, 12))
def test_closed_form_solves_the_recursion(P):
    assert [dichotomies(P, N) for N in range(1, 9)] == [recursive_dichotomies(P, N) for N in range(1, 9)]


def test_points_of_the_plane_counted_one_by_one():
    """Five directions in the plane: every half plane through the origin, found by turning a line."""
    draw = random.Random(0)
    points = [(draw.gauss(0, 1), draw.gauss(0, 1)) for _ in range(5)]
    found = {tuple(x * mpmath.cos(t) + y * mpmath.sin(t) > 0 for x, y in points) for t in mpmath.linspace(0, 2 * mpmath.pi, 2000)}
    assert len(found) == dichotomies(5, 2) == 10
    assert found <= set(itertools.product([True, False], repeat=5))


def test_half_of_all_labels_are_separable_at_two_patterns_a_weight():
    assert separable_probability(200, 100) == Fraction(1, 2)
    assert separable_probability(100, 100) == 1


@pytest.mark.parametrize(("P", "N"), [(0, 3), (3, 0), (2.5, 3)])
def test_sizes_are_positive_integers(P, N):
    with pytest.raises(InputError):
        dichotomies(P, N)


def test_every_step_of_the_errors_is_checked():
    assert generalisation().check().passed


def test_known_errors():
    """Opposite vectors always disagree, equal ones never, orthogonal ones half of the time."""
    assert [float(disagreement(x)) for x in (-1, 0, 1)] == [1, 0.5, 0]
    assert float(overlap_of_mean(0.36, 0.36)) == pytest.approx(0.6)


def test_mean_of_many_weights():
    """The overlap of the sum of n vectors, each of overlap R with the teacher and q among themselves, tends to R/sqrt(q)."""
    R, q, n = 0.6, 0.5, 10**9
    assert abs(n * R / mpmath.sqrt(n + n * (n - 1) * q) - overlap_of_mean(R, q)) < 1e-8
