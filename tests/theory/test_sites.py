"""Log-traces of the sites against sums and integrals over their states."""

import mpmath
import pytest
import sympy

from theory import FiniteSite, GaussianSite, InputError, Ising, Potts, QuantumSpin, Sphere, Spin, symbols
from theory.evaluate import evaluate

a, b, s, t = symbols("a b s t")
AT = {"a": mpmath.mpf("0.7"), "b": mpmath.mpf("-0.4"), "T": 1}


@pytest.mark.parametrize(
    "site",
    [Ising(s), Spin(s, 1), Spin(s, sympy.Rational(3, 2)), Potts(s, 4), FiniteSite((s,), ((0,), (1,)), (1, 3))],
    ids=["ising", "spin-1", "spin-3/2", "potts-4", "weighted"],
)
def test_finite_site_sums_over_its_states(site):
    trace = sum(w * sympy.exp((a * s + b * s**2).xreplace(v)) for w, v in site.enumerate())
    assert abs(evaluate(site.log_trace(a * s + b * s**2), AT) - evaluate(sympy.log(trace), AT)) < 1e-28


def test_several_variables_a_site():
    site = FiniteSite.product({s: (-1, 1), t: (-1, 1)})
    trace = 2 * mpmath.exp(AT["b"]) * mpmath.cosh(2 * AT["a"]) + 2 * mpmath.exp(-AT["b"])
    assert abs(evaluate(site.log_trace(a * (s + t) + b * s * t), AT) - mpmath.log(trace)) < 1e-28


def test_gaussian_site_integrates():
    site = GaussianSite(s, sympy.Rational(1, 3), 2)
    with mpmath.workdps(25):
        density = lambda x: mpmath.npdf(x, mpmath.mpf(1) / 3, mpmath.sqrt(2))
        integral = mpmath.quad(lambda x: density(x) * mpmath.exp(AT["a"] * x + AT["b"] * x**2), [-30, 0, 30])
        assert abs(evaluate(site.log_trace(a * s + b * s**2), AT) - mpmath.log(integral)) < 1e-18
    assert site.normalisation(a * s + b * s**2) == (1 - 4 * b,)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_sphere_average(n):
    """Average of exp(a cos theta) over the unit sphere, density sin^(n-2) theta."""
    value = evaluate(Sphere(s, n).log_trace(a * s), AT)
    if n == 1:
        average = mpmath.cosh(AT["a"])
    else:
        weight = lambda theta: mpmath.sin(theta) ** (n - 2)
        average = mpmath.quad(lambda u: weight(u) * mpmath.exp(AT["a"] * mpmath.cos(u)), [0, mpmath.pi]) / mpmath.quad(
            weight, [0, mpmath.pi]
        )
    assert abs(value - mpmath.log(average)) < 1e-14


def test_quantum_spin_is_the_trace_of_a_matrix_exponential():
    value = evaluate(QuantumSpin(s, t).log_trace(a * s + b * t), AT)
    trace = sum(mpmath.expm(mpmath.matrix([[AT["a"], AT["b"]], [AT["b"], -AT["a"]]]))[i, i] for i in range(2))
    assert abs(value - mpmath.log(trace)) < 1e-14


@pytest.mark.parametrize(
    "make",
    [
        lambda: Spin(s, sympy.Rational(1, 3)),
        lambda: Potts(s, 1),
        lambda: Sphere(s, 0),
        lambda: GaussianSite(s, 0, -1),
        lambda: FiniteSite((s,), ()),
        lambda: FiniteSite((s,), ((1,), (1,))),
        lambda: FiniteSite((s,), ((1,), (2,)), (1, -1)),
        lambda: Sphere(s, 3).log_trace(s**2),
        lambda: GaussianSite(s).log_trace(s**4),
    ],
)
def test_impossible_sites_are_refused_in_one_line(make):
    with pytest.raises(InputError) as error:
        make()
    assert "\n" not in str(error.value)
