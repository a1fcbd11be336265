"""The energy of attention, random energies of patterns, and clustered patterns: their derivations and what they end in."""

from dataclasses import replace

import mpmath
import pytest
import sympy

from theory.errors import InputError
from theory.learning.attention import (
    BETA, CENTRE, OVERLAP, PATTERNS, SIGMA, STRENGTH, attention, clustered_patterns, exact_moment, random_energies)

DERIVATIONS = (attention(), *map(random_energies, PATTERNS), clustered_patterns())


@pytest.mark.parametrize("derivation", DERIVATIONS, ids=lambda d: d.name)
def test_every_step_is_checked(derivation):
    found = derivation.check()
    assert found.passed, found.to_text()


@pytest.mark.parametrize(("derivation", "number"), [
    (DERIVATIONS[0], 4), (DERIVATIONS[1], 0), (DERIVATIONS[1], 1), (DERIVATIONS[2], 1), (DERIVATIONS[3], 0), (DERIVATIONS[3], 3)])
def test_an_altered_formula_fails(derivation, number):
    after = derivation.steps[number].after
    wrong = replace(derivation, steps=(replace(derivation.steps[number], after=after * sympy.Rational(11, 10)),))
    assert wrong.check().steps[0].status == "failed"


def test_altered_bounds_fail():
    """The tangent without the parabola, and a distance of zero."""
    energy, distance = attention().steps[2], attention().steps[5]
    parabola = sum(s**2 for s in energy.after.free_symbols if str(s).startswith("y"))
    steps = replace(energy, after=energy.after - parabola), replace(distance, after=0 * distance.after)
    assert [step.status for step in replace(attention(), steps=steps).check().steps] == ["failed", "failed"]


@pytest.mark.parametrize("strength", [0.3, 1.0, 3.0])
def test_cumulant_on_the_sphere_is_the_limit_of_exact_moments(strength):
    """Their distance shrinks like 1/N."""
    limit = float(random_energies("sphere")["cumulant"].subs(STRENGTH, strength))
    distances = [abs(exact_moment("sphere", strength, N) - limit) for N in (30, 120, 480)]
    assert distances[2] < 2e-3 and distances[2] < 0.3 * distances[1] < 0.09 * distances[0]


def test_unknown_patterns():
    with pytest.raises(InputError, match="binary, sphere"):
        random_energies("cubic")


def test_cluster_map_is_a_gaussian_average():
    """The softmax average of +-c + sigma g by quadrature, in one dimension."""
    beta, c, sigma, m = (0.7, 1.3, 0.6, 0.9)
    weight = lambda xi: mpmath.exp(beta * xi * c * m) * (mpmath.npdf(xi, c, sigma) + mpmath.npdf(xi, -c, sigma))
    average = mpmath.quad(lambda xi: xi * weight(xi), [-12, -1, 1, 12]) / mpmath.quad(weight, [-12, -1, 1, 12])
    found = clustered_patterns()["update"].subs({BETA: beta, CENTRE: c, SIGMA: sigma, OVERLAP: m})
    assert abs(average / c - found) < 1e-9


def test_global_average_is_stable_up_to_one_over_the_largest_variance():
    assert sympy.simplify(clustered_patterns()["global_limit"] - 1 / (CENTRE**2 + SIGMA**2)) == 0
