"""At T_c: moments of the order parameter from the Landau coefficients, against exact sums and samples at finite N."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad

from theory import InputError
from validate import critical
from validate.critical import compare_critical, critical_law


def test_curie_weiss():
    """p(m) ~ exp(-N m^4/12): N^(1/2) <m^2> -> 1.1708, Binder cumulant 0.2705, by quadrature here."""
    law = critical_law("curie-weiss", J=1.3)
    moment = lambda p: quad(lambda x: x**p * np.exp(-(x**4) / 12), 0, 9)[0] / quad(lambda x: np.exp(-(x**4) / 12), 0, 9)[0]
    assert (law.temperature, law.order, law.exponent) == (pytest.approx(1.3), 4, 0.5)
    assert law.second == pytest.approx(moment(2), rel=1e-9) and law.second == pytest.approx(1.1708, abs=5e-5)
    assert law.binder == pytest.approx(1 - moment(4) / (3 * moment(2) ** 2), rel=1e-9) and law.binder == pytest.approx(
        0.2705, abs=5e-5
    )


def test_vectors_and_competing_amplitudes():
    """xy: density m exp(-m^4/4); two patterns: exp(-(m1^4 + m2^4)/12 - m1^2 m2^2/2)."""
    weight = lambda x: x * np.exp(-(x**4) / 4)
    assert critical_law("xy").second == pytest.approx(quad(lambda x: x**2 * weight(x), 0, 8)[0] / quad(weight, 0, 8)[0], rel=1e-9)
    x = np.linspace(-8, 8, 801)
    a, b = np.meshgrid(x, x)
    p = np.exp(-(a**4 + b**4) / 12 - a**2 * b**2 / 2)
    assert critical_law("hopfield-low-load", P=2).second == pytest.approx((a**2 * p).sum() / p.sum(), rel=1e-9)


@pytest.mark.parametrize("name, parameters", [("curie-weiss", {}), ("relativistic-curie-weiss", {})])
def test_exact_sums(name, parameters):
    """Extrapolated in powers of N^(-1/2), to many digits."""
    verdict = compare_critical(name, method="exact", sizes=(100, 200, 400, 800), **parameters)
    assert verdict.consistent
    assert all(abs(c.measured / c.theory - 1) < 2e-3 and c.error < 2e-3 for c in verdict.checks)


def test_samples():
    verdict = compare_critical("curie-weiss", sizes=(250, 500, 1000, 2000), sweeps=4000, seed=1)
    assert verdict.consistent and all(c.error < 0.06 * c.theory for c in verdict.checks)
    assert [run.size for run in verdict.runs] == [250, 500, 1000, 2000] and "1000" in repr(verdict)


def test_a_wrong_law_fails(monkeypatch):
    right = critical_law("curie-weiss")
    monkeypatch.setattr(critical, "critical_law", lambda source, **parameters: replace(right, second=1.05 * right.second))
    assert compare_critical("curie-weiss", method="exact", sizes=(100, 200, 400, 800)).verdict == "inconsistent"


def test_the_error_of_a_cumulant_covers():
    """Gaussian variables have cumulant zero: 68 and 95 % of 300 repeats."""
    rng = np.random.default_rng(0)
    found = [critical.binder(rng.standard_normal((32, 50)) ** 2) for _ in range(300)]
    z = np.abs([e.mean / e.error for e in found])
    assert 0.58 < (z < 1).mean() < 0.78 and (z < 2).mean() > 0.89


@pytest.mark.parametrize(
    "name, options, message",
    [
        ("curie-weiss", {"T": 1.0}, "leave out T"),
        ("potts", {"q": 3}, "no continuous transition"),
        ("hopfield", {}, "quenched"),
        ("transverse-field-ising", {}, "quantum"),
        ("curie-weiss", {"sizes": (10, 20)}, "three sizes"),
        ("curie-weiss", {"method": "magic"}, "sampling or exact"),
    ],
)
def test_refusals(name, options, message):
    with pytest.raises(InputError, match=message):
        compare_critical(name, **options)
