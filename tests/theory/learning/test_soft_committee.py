"""Soft committee machines: the Gaussian averages, their derivation, and the terms of the flow."""

import random
from dataclasses import replace
from math import asin, pi, sqrt

import pytest
import sympy

from theory.errors import InputError
from theory.learning.gaussian import GaussianExpectation, isserlis, stein, tilt
from theory.learning.soft_committee import soft_committee
from theory.symbols import symbols


@pytest.fixture(scope="module")
def theory():
    return soft_committee(2, 2)


def covariance(size, seed):
    """A random positive definite matrix as nested lists."""
    rng = random.Random(seed)
    rows = [[rng.gauss(0, 1) for _ in range(size)] for _ in range(size)]
    return [[sum(a * b for a, b in zip(u, v)) / size + 0.3 * (i == j) for j, v in enumerate(rows)] for i, u in enumerate(rows)]


def number(moment, c):
    size = moment.covariance.shape[0]
    point = {moment.covariance[a, b]: sympy.Float(c[a][b]) for a in range(size) for b in range(a, size)}
    return float(moment.expression.xreplace(point))


def test_every_step_is_checked(theory):
    checked = theory.check()
    assert checked.passed, [(s.title, s.evidence) for s in checked.steps if s.status == "failed"]
    assert len(checked.steps) == 11 and all(s.status == "passed" for s in checked.steps)


@pytest.mark.parametrize("index", range(8))
def test_an_altered_formula_fails(theory, index):
    wrong = replace(theory.steps[index], after=theory.steps[index].after * sympy.Rational(1001, 1000))
    assert replace(theory, steps=(wrong,)).check().steps[0].status == "failed"


@pytest.mark.parametrize("seed", range(3))
def test_averages_of_the_literature(theory, seed):
    """I2, I3, I4 of D. Saad and S. A. Solla, Phys. Rev. E 52, 4225 (1995), appendix A."""
    c = covariance(4, seed)
    gg = 2 / pi * asin(c[0][1] / sqrt((1 + c[0][0]) * (1 + c[1][1])))
    root = (1 + c[0][0]) * (1 + c[2][2]) - c[0][2] ** 2
    gxg = 2 / pi * (c[1][2] * (1 + c[0][0]) - c[0][1] * c[0][2]) / ((1 + c[0][0]) * sqrt(root))
    L4 = (1 + c[0][0]) * (1 + c[1][1]) - c[0][1] ** 2
    L0 = L4 * c[2][3] - c[1][2] * c[1][3] * (1 + c[0][0]) - c[0][2] * c[0][3] * (1 + c[1][1]) \
        + c[0][1] * c[0][2] * c[1][3] + c[0][1] * c[0][3] * c[1][2]
    L1, L2 = (L4 * (1 + c[k][k]) - c[1][k] ** 2 * (1 + c[0][0]) - c[0][k] ** 2 * (1 + c[1][1]) + 2 * c[0][1] * c[0][k]
              * c[1][k] for k in (2, 3))
    gggg = 4 / pi**2 / sqrt(L4) * asin(L0 / sqrt(L1 * L2))
    for name, expected in (("gg", gg), ("g'xg", gxg), ("g'g'gg", gggg)):
        assert number(theory.results[name], c) == pytest.approx(expected, rel=1e-12)


def test_averages_of_coinciding_fields(theory):
    """E g'(x)^2 g(y)^2 is the average of four fields at a singular covariance."""
    c = covariance(2, 5)
    x, y = symbols("x y")
    g = lambda z: sympy.erf(z / sympy.sqrt(2))  # noqa: E731
    direct = GaussianExpectation(g(x).diff(x) ** 2 * g(y) ** 2, (x, y), sympy.Matrix(c)).quadrature()
    doubled = [[c[a // 2][b // 2] for b in range(4)] for a in range(4)]
    assert number(theory.results["g'g'gg"], doubled) == pytest.approx(direct, rel=1e-7)


def test_terms_of_the_flow(theory):
    assert {kind for kind, *_ in theory.flow} == {"Q", "R"} and len(theory.flow) == 3 + 4
    assert theory.flow["R", 1, 0] == tuple((1, sign, "g'xg", (1, 2, a)) for a, sign in enumerate((-1, -1, 1, 1)))
    assert len(soft_committee(1, 1).flow["Q", 0, 0]) == 2 + 3


def test_rules_of_gaussian_integration():
    """Stein's lemma, tilted measures and Isserlis' theorem on polynomials and Gaussians."""
    x, y, a, b, c = symbols("x y a b c")
    matrix = sympy.Matrix([[a, c], [c, b]])
    pairs = {(x, x): a, (x, y): c, (y, y): b}
    assert isserlis(x**2 * y**2, pairs) == a * b + 2 * c**2
    assert isserlis(x**3 * y + x, pairs) == 3 * a * c
    point = {a: 0.7, b: 0.5, c: -0.3}
    smooth = GaussianExpectation(x * sympy.sin(y), (x, y), matrix)
    parts = stein(smooth, x).replace(lambda e: isinstance(e, GaussianExpectation),
                                     lambda e: sympy.Float(e.xreplace(point).quadrature()))
    assert float(parts.xreplace(point)) == pytest.approx(smooth.xreplace(point).quadrature(), rel=1e-12)
    gaussian = GaussianExpectation(sympy.exp(-x**2 / 2), (x, y), matrix)
    assert sympy.simplify(tilt(gaussian) - 1 / sympy.sqrt(1 + a)) == 0


@pytest.mark.parametrize("units", [0, 1.5, "two"])
def test_numbers_of_units_that_are_none(units):
    with pytest.raises(InputError, match="hidden units"):
        soft_committee(units, 2)
