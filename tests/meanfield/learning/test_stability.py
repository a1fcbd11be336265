"""The limit of largest margin."""

import math

import pytest
from scipy.integrate import quad

from meanfield.learning.stability import maximal_stability
from theory.errors import InputError


@pytest.mark.parametrize("alpha", [0.2, 1.0, 1.9])
def test_largest_margin_of_random_labels(alpha):
    """Gardner 1988: 1/alpha = int_{-kappa}^inf Dt (t + kappa)^2."""
    found = maximal_stability(alpha)
    kappa = found.kappa
    inverse, _ = quad(lambda t: (t + kappa) ** 2 * math.exp(-t * t / 2) / math.sqrt(2 * math.pi), -kappa, 12)
    assert abs(1 / inverse - alpha) < 1e-4 * alpha and found.kappa_error < 1e-4
    assert math.isnan(found.R)


@pytest.mark.slow
def test_largest_margin_with_a_teacher():
    """A teacher allows a larger margin than random labels; the sequence that leads there has converged to its error."""
    coarse, fine = (maximal_stability(1.0, teacher=True, spread=spread) for spread in (4e-3, 5e-4))
    assert fine.kappa > maximal_stability(1.0).kappa
    assert abs(coarse.kappa - fine.kappa) < 5 * coarse.kappa_error
    assert abs(coarse.R - fine.R) < 5 * coarse.R_error


def test_beyond_capacity():
    with pytest.raises(InputError, match="capacity"):
        maximal_stability(2.5)
