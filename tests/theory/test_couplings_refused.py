"""Couplings that no random energy has and gates that weigh nothing, refused at the parameter values used."""

import pytest
import sympy
from sympy import Rational, cos, exp, log, sqrt

from theory import InputError, Model
from theory.couplings import STABILITY as u
from theory.couplings import GaussianCouplings, HebbianLoad, PatternConstraints, step
from theory.evaluate import evaluate
from theory.models import available, load
from theory.replica import replica_theory
from theory.replica.energetic import excess
from theory.sites import Ising
from theory.symbols import symbol

a, q, s = symbol("a"), symbol("q"), symbol("s")


def model(coupling):
    return Model(site=Ising(s), order_parameters={}, energy=0, couplings=(coupling,), parameters={"a": 1})


@pytest.mark.parametrize("covariance, given", [
    (exp(q) - 1 - q, 1), (1 / (2 - q), 1), (a * q**2, 1), (q**a, 3), (exp(-a * q), -1), (q**2 / 2 + q**4, 1),
])
def test_covariances(covariance, given):
    model(GaussianCouplings(covariance)).values(a=given)


@pytest.mark.parametrize("covariance, given, reason", [
    (q**2 - q, 1, "the coefficient of q is negative"), (cos(q), 1, "the coefficient of q**2 is negative"),
    (a * q**2, -1, "the coefficient of q**2 is negative, -1"), (exp(-a * q), 1, "the coefficient of q is negative"),
    (q**3 - q**4 / 10, 1, "the coefficient of q**4 is negative"), (log(1 + q), 1, "the coefficient of q**2 is negative"),
    (sqrt(q), 1, "not analytic at 0"), (q**a, 2.5, "not analytic at 0"), (q ** Rational(3, 2), 1, "not analytic at 0"),
])
def test_covariances_that_are_none(covariance, given, reason):
    """Schoenberg: positive definite at every N only as a power series without negative coefficients."""
    with pytest.raises(InputError, match=reason.replace("*", r"\*")):
        model(GaussianCouplings(covariance)).values(a=given)


def test_covariance_that_is_not_smooth():
    with pytest.raises(InputError, match="not analytic at 0"):
        GaussianCouplings(sympy.Abs(q))


@pytest.mark.parametrize("gate, given", [
    (step(u + a) * step(a - u), 1), (step(u - 1) - step(u - 2), 1), (exp(-a * u**2), 1), (exp(u), 1), (u**2, 1), (exp(a * u**2), 0.4),
    (exp(-a * (1 - step(u))), 1), (exp(u) * step(u), 1),
])
def test_gates(gate, given):
    model(PatternConstraints(1, gate)).values(a=given)


@pytest.mark.parametrize("gate, given, reason", [
    (step(u) - a, 0.5, "must not be negative: it is -0.5"), (step(u + a) * step(a - u), -1, "vanishes at every u"), (u, 1, "must not be negative"),
    (exp(u**2), 1, "grows too fast"), (exp(a * u**2), 0.6, "grows too fast"), (log(u), 1, "finite real number"), (1 / u**2, 1, "at u = 0"),
])
def test_gates_that_are_none(gate, given, reason):
    with pytest.raises(InputError, match=reason):
        model(PatternConstraints(1, gate)).values(a=given)


def test_negative_load():
    with pytest.raises(InputError, match="a load must not be negative: a is -1"):
        model(HebbianLoad(a)).values(a=-1)


def test_built_in_models_are_accepted():
    for entry in available():
        model = load(entry.name)
        if model.couplings:
            model.values(**{name: 0.5 for name, p in model.parameters.items() if p.default is None})


@pytest.mark.parametrize("covariance", [exp(q) - 1 - q, 1 / (2 - q)])
@pytest.mark.parametrize("T", [0, 1e-9, 9e-4, 2e-3, 0.3])
def test_energy_that_is_no_polynomial_near_zero_temperature(covariance, T):
    """[c(1) - c(1 - T C)]/T in double precision, and C c'(1) at T = 0."""
    o = replica_theory(model(GaussianCouplings(covariance))).overlaps[0]
    value = sympy.lambdify((symbol("T"), o.C), excess(covariance, (o,)), "math", cse=True)(T, 0.8)
    at = lambda x: covariance.subs(q, sympy.Rational(x) if x == 1 else x)
    precise = lambda: (at(1).n(60) - at(1 - sympy.Rational(T) * sympy.Rational(8, 10)).n(60)) / sympy.Rational(T)
    assert value == pytest.approx(float(precise() if T else 0.8 * covariance.diff(q).subs(q, 1)), rel=1e-12)
    assert evaluate(excess(covariance, (o,)), {"T": T, "C": 0.8}, 15) == pytest.approx(value, rel=1e-12)
