"""The limit T -> 0: closed forms, and the finite-temperature theory at small T."""

import mpmath
import pytest
import sympy

from theory import GaussianSite, InputError, Model, theory_of
from theory.evaluate import evaluate
from theory.models import registry
from theory.symbols import symbol, symbols

MODELS = [e.name for e in registry.available() if not e.model.couplings]
LINEAR_IN_T = {"xy", "heisenberg", "n-vector"}


def limit_of(name, **structural):
    return theory_of(registry.load(name, **structural)).zero_temperature()


def _point(theory):
    """Order parameters away from the fields at which one-site ground states cross."""
    values = {n: 0.37 if p.default is None else p.default for n, p in theory.model.parameters.items()}
    return values | {str(a): mpmath.mpf(k + 2) / (2 * k + 7) for k, a in enumerate(theory.order_parameters)}


@pytest.mark.parametrize("name", MODELS)
def test_free_energy_is_the_limit_at_small_temperature(name):
    theory = theory_of(registry.load(name))
    limit, values = theory.zero_temperature(), _point(theory)
    target = evaluate(limit.free_energy, values, 15)
    gaps = [abs(evaluate(theory.free_energy, values | {"T": t}, 15) - target) for t in (0.02, 0.002)]
    assert gaps[1] < 0.2 * gaps[0] + 1e-12 and gaps[1] < 0.02


@pytest.mark.parametrize("name", [n for n in MODELS if "hebbian" not in n])
def test_equations_are_the_limit_at_small_temperature(name):
    theory = theory_of(registry.load(name))
    limit, values = theory.zero_temperature(), _point(theory)
    for a, rhs in limit.equations.items():
        finite = evaluate(theory.equations[a], values | {"T": mpmath.mpf("0.0005")}, 15)
        assert evaluate(rhs, values, 15) == pytest.approx(float(finite), abs=5e-3)


def test_error_function_of_the_gaussian_random_field():
    """T = 0, sigma = 0.5: m = erf(m/(sigma sqrt 2)) = 0.939851408558992."""
    m = symbol("m")
    rhs = limit_of("random-field-ising-gaussian").equations[m]
    found = mpmath.findroot(lambda x: evaluate(rhs, {"m": x, "J": 1, "sigma": 0.5}) - x, 0.9)
    assert found == pytest.approx(0.939851408558992, abs=1e-14)


def test_transverse_field_ground_state():
    m, J, Gamma = symbols("m J Gamma")
    rhs = limit_of("transverse-field-ising").equations[m]
    assert sympy.simplify(rhs - J * m / sympy.sqrt(Gamma**2 + J**2 * m**2)) == 0


@pytest.mark.parametrize("d", ["0.2", "0.5"])
def test_hierarchical_state_of_the_multitasking_network(d):
    """m_k = (1 - d) d^(k-1) with energy -(1 - d)^2 (1 + d^2)/2; arXiv:1304.4488."""
    limit, d = limit_of("multitasking-hopfield", P=2), mpmath.mpf(d)
    values = {"d": d, "m1": 1 - d, "m2": (1 - d) * d}
    for a, rhs in limit.equations.items():
        assert evaluate(rhs, values) == pytest.approx(float(values[str(a)]), abs=1e-14)
    assert evaluate(limit.free_energy, values) == pytest.approx(float(-((1 - d) ** 2) * (1 + d**2) / 2), abs=1e-14)


def test_blume_capel_ground_states_meet_at_half():
    limit = limit_of("blume-capel")
    energies = [evaluate(limit.free_energy, {"J": 1, "Delta": 0.5, "m": m}) for m in (0, 1)]
    assert energies == [0, 0]


def test_every_limit_is_justified():
    for name in MODELS:
        for rule in limit_of(name).rules:
            assert rule.statement and rule.justification.endswith(".")


def test_a_gaussian_site_has_no_ground_state():
    s, m = symbols("s m")
    theory = theory_of(Model(GaussianSite(s), {m: s}, -(m**2) / 4))
    with pytest.raises(InputError, match="no limit T -> 0"):
        theory.zero_temperature()
