"""The quadrature rules, and Gaussian averages of an Ising spin's functions against mpmath."""

import mpmath as mp
import numpy as np
import pytest

from meanfield.kernels.gaussian import gauss_bends, gauss_slopes, gauss_value
from meanfield.kernels.primitives import COLD
from meanfield.kernels.quadrature import gauss_logistic, normal_rule, trapezoid

mp.mp.dps = 25


def average(f, mean, s, T):
    """E f(x), x ~ N(mean, s^2), cut at the kink that cold functions have at x = 0."""
    kink = -mean / s
    cuts = sorted({-9.0, -4.0, 0.0, 4.0, 9.0, *(kink + k * T / s for k in (-40, -8, -2, 0, 2, 8, 40))})
    inside = [c for c in cuts if -9 <= c <= 9]
    return mp.quad(lambda z: f(mean + s * z) * mp.npdf(z), inside)


def test_gauss_logistic_rule():
    """Moments of sech(v)^2/2: variance pi^2/12, and E cos(a v) = (pi a/2)/sinh(pi a/2)."""
    v, w = gauss_logistic(128)
    assert len(v) < 40 and w.sum() == pytest.approx(1, abs=1e-15)
    assert w @ v**2 == pytest.approx(np.pi**2 / 12, abs=1e-13)
    for a in (0.5, 1.0, 2.0):
        assert w @ np.cos(a * v) == pytest.approx((np.pi * a / 2) / np.sinh(np.pi * a / 2), abs=1e-13)


def test_trapezoid_is_normalised():
    z, w = trapezoid(96)
    assert w.sum() == pytest.approx(1, abs=1e-15) and w @ z**2 == pytest.approx(1, abs=1e-13)


@pytest.mark.parametrize("b", [0.1, 1.0, 10.0, 100.0])
def test_normal_rule_resolves_poles(b):
    """E of the Fermi function of b z + c, whose poles lie at pi/b from the real axis."""
    z, w = normal_rule(b)
    exact = average(lambda x: 1 / (1 + mp.exp(x)), 0.3, b, 1.0)
    assert w @ (0.5 - 0.5 * np.tanh((0.3 + b * z) / 2)) == pytest.approx(float(exact), abs=2e-14)


@pytest.mark.parametrize("T", [0.02, 0.2, 0.65, 0.68, 1.5])
@pytest.mark.parametrize("mean", [0.0, 0.4, -2.0])
def test_gaussian_averages(T, mean):
    """Both sides of the switch between the rules, at variance 1."""
    t = mp.mpf(T)
    value, entropy = gauss_value(mean, 1.0, T, 1 / T, 0.0)
    first, second = gauss_slopes(mean, 1.0, T, 1 / T, 0.0)
    assert value == pytest.approx(float(average(lambda x: t * mp.log(2 * mp.cosh(x / t)), mean, 1.0, T)), abs=1e-14)
    assert first == pytest.approx(float(average(lambda x: mp.tanh(x / t), mean, 1.0, T)), abs=1e-14)
    assert second == pytest.approx(float(average(lambda x: mp.sech(x / t) ** 2 / t, mean, 1.0, T)), abs=1e-13)
    exact = average(lambda x: mp.log(2 * mp.cosh(x / t)) - x / t * mp.tanh(x / t), mean, 1.0, T)
    assert entropy == pytest.approx(float(exact), abs=1e-14)


@pytest.mark.parametrize("T", [0.0, 0.05, 0.5, 2.0])
def test_bends_are_derivatives_of_slopes(T):
    """Third and fourth derivative by central differences of the second."""
    T = max(T, 1 / COLD)
    second = lambda m: gauss_slopes(m, 0.8, T, 1 / T, 0.0)[1]
    third, fourth = gauss_bends(0.3, 0.8, T, 1 / T, 0.0)
    e = 1e-4
    assert third == pytest.approx((second(0.3 + e) - second(0.3 - e)) / (2 * e), abs=1e-6)
    assert fourth == pytest.approx((second(0.3 + e) - 2 * second(0.3) + second(0.3 - e)) / e**2, abs=1e-5)


def test_zero_temperature_is_the_error_function():
    """E sign(x) = erf(mean / sqrt(2 variance))."""
    first, second = gauss_slopes(0.3, 0.5, 1 / COLD, COLD, 0.0)
    assert first == pytest.approx(float(mp.erf(0.3)), abs=1e-15)
    assert second == pytest.approx(float(2 * mp.exp(-0.09) / mp.sqrt(mp.pi)), abs=1e-14)


def test_second_rule_bounds_the_error_of_the_first():
    for T in (0.01, 0.3, 0.6, 0.7, 1.0):
        fine, coarse = (np.array(gauss_slopes(0.4, 1.0, T, 1 / T, rule)) for rule in (0.0, 1.0))
        assert np.abs(fine - coarse).max() < 1e-12
