"""The elementary functions against mpmath, and the scaled site functions down to T = 0."""

import math

import mpmath as mp
import numpy as np
import pytest

from meanfield.kernels import primitives as p

mp.mp.dps = 40
RNG = np.random.default_rng(3)
POINTS = np.concatenate([RNG.normal(size=60) * scale for scale in (1e-8, 0.01, 0.3, 1.0, 5.0, 100.0)])
ULP = 2.3e-16
COLD = p.COLD


def worst(function, exact, points):
    """Largest relative error in units in the last place."""
    return max(float(abs((mp.mpf(function(float(x))) - exact(mp.mpf(float(x)))) / exact(mp.mpf(float(x))))) for x in points) / ULP


@pytest.mark.parametrize("function, exact, limit", [
    (p.tanh, mp.tanh, 2.5),
    (p.erf, mp.erf, 1.5),
    (p.exp, mp.exp, 1.5),
    (p.log2cosh, lambda x: mp.log(2 * mp.cosh(x)), 3.0),
], ids=["tanh", "erf", "exp", "log2cosh"])
def test_elementary_functions_are_accurate_to_a_few_units_in_the_last_place(function, exact, limit):
    assert worst(function, exact, POINTS) < limit


@pytest.mark.parametrize("T", [0.05, 0.3, 1.0, 7.0])
def test_softabs_and_its_derivatives(T):
    """T log 2cosh(x/T): derivatives in x to the fourth, and the derivative in T."""
    value = lambda x: mp.mpf(T) * mp.log(2 * mp.cosh(x / mp.mpf(T)))
    for x in (-1.3, -0.02, 0.0, 0.4, 2.0):
        R = 1 / T
        got = p.softabs(x, T, R), p.softabs1(x, R), p.softabs2(x, R), p.softabs3(x, R), p.softabs4(x, R)
        for order, number in enumerate(got):
            exact = mp.diff(value, mp.mpf(x), order)
            assert abs(number - exact) < 1e-13 * max(1, float(R) ** max(order - 1, 0))
        entropy = mp.diff(lambda t: t * mp.log(2 * mp.cosh(mp.mpf(x) / t)), mp.mpf(T))
        assert abs(p.softabs_entropy(x, R) - entropy) < 1e-14


def test_softabs_at_zero_temperature():
    """|x|, its sign, a spike at zero and the entropy log 2 of a free spin."""
    T, R = 1 / COLD, COLD
    assert p.softabs(-0.3, T, R) == 0.3
    assert [p.softabs1(x, R) for x in (-1e-9, 0.0, 2.0)] == [-1.0, 0.0, 1.0]
    assert p.softabs2(0.0, R) == COLD and p.softabs2(1e-9, R) < 1e-100
    assert p.softabs_entropy(0.0, R) == pytest.approx(math.log(2)) and p.softabs_entropy(1e-9, R) < 1e-100


@pytest.mark.parametrize("b", [0.5, 1.0, 1.5, 2.0, 5.0, 15.0])
@pytest.mark.parametrize("y", [0.0, 1e-6, 0.3, 9.0, 400.0])
def test_radial_functions(b, y):
    """T log 0F1(; b; y/4T^2) and its derivatives in y and T, across the switch from fraction to expansion."""
    T, R = 0.3, 1 / 0.3
    w = mp.mpf(y) / (4 * mp.mpf(T) ** 2)
    ratio = lambda w: mp.hyp0f1(b + 1, w) / (b * mp.hyp0f1(b, w))
    value, first = mp.mpf(T) * mp.log(mp.hyp0f1(b, w)), ratio(w) / (4 * mp.mpf(T))
    second = ratio(w) * (mp.hyp0f1(b + 2, w) / ((b + 1) * mp.hyp0f1(b + 1, w)) - ratio(w)) / (16 * mp.mpf(T) ** 3)
    assert abs(p.softradial(b, y, T, R) - value) < 1e-14 * max(1, value)
    assert p.softradial1(b, y, T, R) == pytest.approx(float(first), rel=1e-14)
    assert p.softradial2(b, y, T, R) == pytest.approx(float(second), rel=1e-12)
    entropy = mp.log(mp.hyp0f1(b, w)) - 2 * w * ratio(w)
    assert p.softradial_entropy(b, y, T, R) == pytest.approx(float(entropy), rel=1e-12, abs=1e-13)


def test_radial_functions_at_zero_temperature():
    """|h| and its derivatives in y = |h|^2; a continuous site has no lower bound of entropy, a quantum spin has."""
    T, R, y = 1 / COLD, COLD, 0.49
    assert p.softradial(1.5, y, T, R) == pytest.approx(0.7, rel=1e-15)
    assert p.softradial1(1.5, y, T, R) == pytest.approx(0.5 / 0.7, rel=1e-14)
    assert p.softradial2(1.5, y, T, R) == pytest.approx(-0.25 / 0.7**3, rel=1e-13)
    assert p.softradial_entropy(1.5, y, T, R) == -math.inf
    assert p.softradial_entropy(0.5, y, T, R) == pytest.approx(-math.log(2))
