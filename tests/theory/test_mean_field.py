"""The theory object: identities between free energy, equations, Jacobian, Hessian and entropy."""

import mpmath
import pytest
import sympy

from theory import Diluted, InputError, Ising, Model, Normal, Parameter, Potts, Spin, symbols, theory_of
from theory.evaluate import evaluate

J, Delta, d, h, m, m1, m2, q, s, sigma, xi1, xi2 = symbols("J Delta d h m m1 m2 q s sigma xi1 xi2")
x = symbols("x1 x2 x3")

CURIE_WEISS = Model(Ising(s), {m: s}, -J * m**2 / 2 - h * m, parameters={"J": 1, "h": 0})
MULTITASKING = Model(
    Ising(s), {m1: xi1 * s, m2: xi2 * s}, -(m1**2 + m2**2) / 2, disorder={xi1: Diluted(d), xi2: Diluted(d)}
)
BLUME_EMERY_GRIFFITHS = Model(Spin(s, 1), {m: s, q: s**2}, -J * m**2 / 2 - q**2 / 4, site_energy=Delta * s**2)
RANDOM_FIELD = Model(Ising(s), {m: s}, -(m**2) / 2, site_energy=-xi1 * s, disorder={xi1: Normal(0, sigma**2)})
POTTS = Model(
    Potts(s, 3), {a: sympy.KroneckerDelta(s, k + 1) for k, a in enumerate(x)}, -J * sum(a**2 for a in x) / 2
)
AT = {"J": "1.1", "h": "0.1", "d": "0.3", "Delta": "0.2", "sigma": "0.4", "T": "0.6",
      "m": "0.35", "q": "0.6", "m1": "0.5", "m2": "0.2", "x1": "0.5", "x2": "0.3", "x3": "0.2"}


@pytest.fixture(autouse=True)
def forty_digits():
    with mpmath.workdps(40):
        yield


def finite_difference(expr, name, step="1e-9"):
    step = mpmath.mpf(step)
    up = evaluate(expr, AT | {name: mpmath.mpf(AT[name]) + step}, 40)
    down = evaluate(expr, AT | {name: mpmath.mpf(AT[name]) - step}, 40)
    return (up - down) / (2 * step)


@pytest.mark.parametrize("model", [CURIE_WEISS, MULTITASKING, BLUME_EMERY_GRIFFITHS, RANDOM_FIELD, POTTS])
def test_gradient_of_the_free_energy_is_curvature_times_residual(model):
    """grad f = -(phi - <g>) e'', so that every solution of phi = <g> is stationary."""
    theory = theory_of(model)
    residual = sympy.Matrix([a - mean for a, mean in theory.equations.items()])
    gradient = -theory.curvature * residual
    for a, expected in zip(theory.order_parameters, gradient):
        assert abs(finite_difference(theory.free_energy, str(a)) - evaluate(expected, AT, 40)) < 1e-15


@pytest.mark.parametrize("model", [CURIE_WEISS, MULTITASKING, BLUME_EMERY_GRIFFITHS, RANDOM_FIELD, POTTS])
def test_jacobian_is_the_derivative_of_the_residual(model):
    theory = theory_of(model)
    for i, (a, mean) in enumerate(theory.equations.items()):
        for j, b in enumerate(theory.order_parameters):
            numeric = finite_difference(a - mean, str(b))
            assert abs(numeric - evaluate(theory.jacobian[i, j], AT, 40)) < 1e-15


@pytest.mark.parametrize("model", [CURIE_WEISS, MULTITASKING, RANDOM_FIELD])
def test_entropy_is_minus_the_temperature_derivative_at_fixed_fields(model):
    theory = theory_of(model)
    slope = -finite_difference(theory.free_energy, "T")
    assert abs(slope - evaluate(theory.entropy, AT, 40)) < 1e-15


def test_two_pattern_equations_contain_the_corrected_second_one():
    """m2 = d(1-d) tanh(beta m2) + ...: the printed m1 in its first term is a slip."""
    theory = theory_of(MULTITASKING)
    T = symbols("T")[0]
    expected = (
        d * (1 - d) * sympy.tanh(m2 / T)
        + (1 - d) ** 2 / 2 * (sympy.tanh((m1 + m2) / T) - sympy.tanh((m1 - m2) / T))
    )
    assert abs(evaluate(theory.equations[m2] - expected, AT)) < 1e-28


def test_hessian_of_curie_weiss_is_the_inverse_susceptibility():
    """f'' = T/(1-m^2) - J at m = tanh(beta (J m + h)); <g> replaces m off the solution."""
    theory = theory_of(CURIE_WEISS)
    mean = evaluate(theory.equations[m], AT)
    expected = mpmath.mpf("0.6") / (1 - mean**2) - mpmath.mpf("1.1")
    assert abs(evaluate(theory.hessian[0, 0], AT) - expected) < 1e-28


def test_potts_fractions_are_affinely_dependent():
    theory = theory_of(POTTS)
    assert theory.independent == (0, 1)
    assert theory.hessian.shape == (2, 2)


def test_observables_are_minimised_out_of_the_hessian():
    model = Model(Ising(s), {m: s, q: xi1 * s}, -(m**2) / 2, disorder={xi1: Diluted(d)})
    assert model.observables == (q,) and theory_of(model).hessian.shape == (1, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(energy=-(m**2) + s), "must not contain s"),
        (dict(energy=sympy.Abs(m)), "smooth"),
        (dict(order_parameters={}), "at least one order parameter"),
        (dict(order_parameters={s: s}), "names both"),
        (dict(order_parameters={m: h}), "must depend on the site"),
        (dict(disorder={symbols("N")[0]: Diluted(d)}), "reserved"),
    ],
)
def test_impossible_models_are_refused(change, message):
    description = dict(site=Ising(s), order_parameters={m: s}, energy=-(m**2) / 2) | change
    with pytest.raises(InputError, match=message):
        Model(**description)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (dict(T=-1), "T must be"),
        (dict(T=float("nan")), "T must be"),
        (dict(nope=1), "no parameter 'nope'"),
        (dict(d=2), r"d must lie in \[0, 1\]"),
        (dict(T=1, beta=1), "not both"),
        (dict(beta=0), "beta must be positive"),
        (dict(), "needs a value for d"),
    ],
)
def test_bad_values_are_refused(values, message):
    model = Model(Ising(s), {m: xi1 * s}, -(m**2) / 2, disorder={xi1: Diluted(d)},
                  parameters={"d": Parameter("d", None, 0, 1)})
    with pytest.raises(InputError, match=message):
        model.values(**values)
