"""Averages over disorder: their derivatives, their merging of Gaussians, their values."""

import mpmath
import pytest
import sympy

from theory import Diluted, DisorderAverage, GaussianAverage, InputError, Normal, symbols
from theory.averages import GAUSSIAN, average
from theory.evaluate import evaluate
from theory.functions import log2cosh
from theory.symbols import T

a, b, d, x, y, z = symbols("a b d xi_1 xi_2 z_1")


@pytest.fixture(autouse=True)
def forty_digits():
    with mpmath.workdps(40):
        yield


def derivative(f, at, step="1e-9"):
    step = mpmath.mpf(step)
    return (f(at + step) - f(at - step)) / (2 * step)


@pytest.mark.parametrize("variance", ["0.3", "2"])
def test_gaussian_average_differentiates_in_mean_variance_and_parameters(variance):
    f = GaussianAverage(log2cosh(a * GAUSSIAN), GAUSSIAN, a**2, b)
    at = {"a": mpmath.mpf("0.7"), "b": mpmath.mpf(variance)}
    for name, s in (("a", a), ("b", b)):
        numeric = derivative(lambda v: evaluate(f, at | {name: v}, 35), at[name])
        assert abs(evaluate(f.diff(s), at, 35) - numeric) < 1e-14


def test_gaussian_average_is_finite_at_zero_variance():
    """d/dvariance E f = f''/2 where sqrt(variance) z would give 0/0."""
    f = GaussianAverage(sympy.cosh(GAUSSIAN), GAUSSIAN, a, b)
    slope = f.diff(b).xreplace({b: sympy.Integer(0)})
    assert slope == sympy.cosh(a) / 2


def test_gaussian_average_of_exponential_is_exact():
    f = GaussianAverage(sympy.exp(GAUSSIAN), GAUSSIAN, a, b)
    value = evaluate(f, {"a": "0.2", "b": "0.5"}, 30)
    assert abs(value - mpmath.exp(mpmath.mpf("0.45"))) < 1e-28


def test_bound_variable_is_not_free():
    f = GaussianAverage(log2cosh(GAUSSIAN / T), GAUSSIAN, a, b)
    assert f.free_symbols == {a, b, T}
    g = DisorderAverage(x * a, (x, Diluted(d)))
    assert g.free_symbols == {a, d}


def test_independent_gaussians_merge_into_one():
    """x z_1 + y z_2 of unit Gaussians is one Gaussian of variance x^2 + y^2."""
    z2 = symbols("z_2")[0]
    merged = average(T * log2cosh((a + x * z + y * z2) / T), {z: Normal(), z2: Normal()})
    assert isinstance(merged, GaussianAverage)
    assert sympy.expand(merged.variance - x**2 - y**2) == 0 and merged.mean == a


def test_two_directions_are_refused():
    z2 = symbols("z_2")[0]
    with pytest.raises(InputError, match="one linear combination"):
        average(log2cosh(z / T) + log2cosh(z2 / T), {z: Normal(), z2: Normal()})


def test_polynomial_moments():
    assert average(z**4 + a * z**2 + z, {z: Normal(0, b)}) == 3 * b**2 + a * b


def test_configurations_carry_all_probability():
    f = DisorderAverage(log2cosh(a * x + b * y), (x, Diluted(d)), (y, Diluted(d)))
    assert sympy.expand(sum(w for w, _ in f.configurations())) == 1
    expanded = f.expand_configurations()
    at = {"a": "0.3", "b": "1.1", "d": "0.25"}
    assert abs(evaluate(f, at) - evaluate(expanded, at)) < 1e-28
    assert len(sympy.Add.make_args(expanded)) <= 5, "configurations that differ by a sign are gathered"


def test_derivative_with_respect_to_a_probability():
    f = DisorderAverage(sympy.exp(a * x), (x, Diluted(d)))
    assert sympy.expand(f.diff(d) - (1 - sympy.exp(a) / 2 - sympy.exp(-a) / 2)) == 0
