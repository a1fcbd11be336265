"""The four routes: every model goes through each that applies, every step is checked, and they agree."""

import subprocess
import sys

import mpmath
import pytest
import sympy
from sympy import Tuple

import theory.models as models
from theory import (
    Bimodal, FiniteSite, GaussianSite, InputError, Ising, Model, Normal, QuantumSpin, Sphere, derive, symbols, theory_of,
)
from theory.agreement import agreement
from theory.context import Context
from theory.ensemble import Abbreviation
from theory.evaluate import evaluate
from theory.models import available
from theory.routes import ROUTES, applicable
from theory.symbols import T

CASES = [(e.name, route) for e in available() if not e.model.couplings for route in applicable(e.model)]
# Each of these is checked in a few seconds; the others, with more order parameters, are marked slow.
QUICK = {"curie-weiss", "relativistic-curie-weiss", "p-spin-ferromagnet", "blume-capel", "random-field-ising",
         "random-field-ising-gaussian", "transverse-field-ising", "xy", "potts"}
SLOW = pytest.mark.slow
CHECKED = [pytest.param(n, r, marks=() if n in QUICK else SLOW) for n, r in CASES]


def model_of(name):
    return next(e.model for e in available() if e.name == name)


def titles(derivation, status):
    return [(s.title, s.evidence) for s in derivation.steps if s.status == status]


def ashkin_teller():
    # t is also what the routes call their interpolation parameter when they can
    s, t, m, n, q, K = symbols("s t m n q K")
    return Model(site=FiniteSite.product({s: (1, -1), t: (1, -1)}), order_parameters={m: s, n: t, q: s * t},
                 energy=-(m**2 + n**2) / 2 - K * q**2 / 2, parameters={K: 0.5}, name="Ashkin-Teller")


def gaussian_patterns():
    s, m, xi = symbols("s m xi")
    return Model(site=Ising(s), disorder={xi: Normal()}, order_parameters={m: s * xi}, energy=-m**2 / 2,
                 name="Gaussian patterns")


def weighted_states():
    s, m, J = symbols("s m J")
    return Model(site=FiniteSite((s,), ((1,), (0,), (-1,)), (1, 3, 1)), order_parameters={m: s},
                 energy=-J * sympy.exp(m) - m**4, parameters={J: 0.4}, name="weighted states")


def gaussian_spins():
    s, m, J, h = symbols("s m J h")
    return Model(site=GaussianSite(s), order_parameters={m: s}, energy=-J * m**2 / 2 - h * m,
                 parameters={J: 0.3, h: 0.2}, name="Gaussian spins")


def random_field_quantum():
    z, x, m, G, h, xi = symbols("z x m G h xi")
    return Model(site=QuantumSpin(z, x), disorder={xi: Bimodal(h)}, order_parameters={m: z}, energy=-m**2 / 2,
                 site_energy=-G * x - xi * z, parameters={G: 0.4, h: 0.3}, name="quantum random field")


def vectors_in_a_field():
    s, m, h = symbols("s m h")
    return Model(site=Sphere(s, 2), order_parameters={m: s}, energy=-m**2 / 2 - h * m, parameters={h: 0.2}, name="XY in a field")


OWN = [ashkin_teller, gaussian_patterns, weighted_states, gaussian_spins, random_field_quantum, vectors_in_a_field]


@pytest.mark.parametrize("name, route", CASES)
def test_route_ends_in_the_theory_of_the_model(name, route):
    model = model_of(name)
    derivation, direct = derive(model, route), theory_of(model)
    context = Context(derivation)
    assert derivation.theory.route == route and derivation.ansatz is None
    for point in context.points(1):
        assert context.deviation(derivation.free_energy, direct.free_energy, point) < 1e-9
        for a, rhs in direct.equations.items():
            assert context.deviation(derivation.equations[a], rhs, point) < 1e-9


@pytest.mark.parametrize("name, route", CASES)
def test_steps_are_complete(name, route):
    steps = derive(model_of(name), route).steps
    assert len({s.title for s in steps}) == len(steps) > 8
    for step in steps:
        assert step.rule and step.justification and step.reference and step.claim is not None
        assert step.before is not None and step.after is not None and step.status == "unchecked"
        assert step.justification.count("$") % 2 == 0
        assert "=" in step.latex or "\\to" in step.latex or "arrow" in step.latex or "geq" in step.latex or "leq" in step.latex
        assert step.latex.count("{") == step.latex.count("}")


@pytest.mark.parametrize("name, route", CHECKED)
def test_every_step_is_checked(name, route):
    checked = derive(model_of(name), route).check()
    assert checked.passed, titles(checked, "failed") + titles(checked, "unchecked")
    assumed = [title for title, _ in titles(checked, "assumption")]
    assert assumed == (["Self-averaging"] if route == "interpolation" else [])
    assert all(step.evidence for step in checked.steps)


@pytest.mark.parametrize("build", OWN, ids=lambda build: build.__name__)
@pytest.mark.parametrize("route", ROUTES)
def test_own_models_go_the_same_way(build, route):
    model = build()
    if route not in applicable(model):
        pytest.skip("the route does not apply")
    checked = derive(model, route).check()
    assert checked.passed, titles(checked, "failed")
    assert len(titles(checked, "assumption")) == (route == "interpolation")


def test_a_limit_shows_its_rate():
    step = next(s for s in derive(models.curie_weiss()).check().steps if s.title == "Saddle point")
    assert "N = 32, 64, 128: error" in step.evidence and "rate N^-1." in step.evidence


@pytest.mark.parametrize("name", ["curie-weiss", "blume-capel", "potts", "multitasking-hopfield", "random-field-ising-gaussian", "xy"])
def test_agreement_of_all_routes(name):
    found = agreement(model_of(name))
    assert found and found.routes == tuple(ROUTES) and found.deviation < 1e-12
    assert "saddle-point" in found.identical


def test_agreement_of_a_quantum_model_leaves_out_the_route_that_does_not_apply():
    found = agreement(models.transverse_field_ising())
    assert found and "hamilton-jacobi" not in found.routes
    with pytest.raises(InputError, match="hamilton-jacobi"):
        agreement(models.transverse_field_ising(), ("saddle-point", "hamilton-jacobi"))


def step_named(model, route, title):
    return next(s for s in derive(model, route).steps if s.title == title)


def has_step(model, route, title):
    return any(s.title == title for s in derive(model, route).steps)


def test_entropy_of_ising_spins_is_the_binary_entropy():
    """Both terms carry a minus sign, unlike in some printed notes."""
    m = symbols("m")[0]
    step = step_named(models.curie_weiss(), "entropy", "Boltzmann's entropy is Shannon's")
    up, down = (1 + m) / 2, (1 - m) / 2
    assert sympy.expand(step.after + up * sympy.log(up) + down * sympy.log(down)).subs(m, sympy.Rational(1, 3)).evalf(20) == 0


def test_susceptibility_is_the_inverse_of_the_curvature():
    """f'' = T/(1 - m^2) - J for Curie-Weiss: chi^-1, not chi."""
    J, h = symbols("J h_m")
    step = step_named(models.curie_weiss(), "entropy", "The susceptibility")
    value = evaluate(step.after, {J: 1.3, h: 0.4, T: 0.9})
    m = mpmath.tanh(mpmath.mpf("0.4") / mpmath.mpf("0.9"))
    assert abs(value - (mpmath.mpf("0.9") / (1 - m**2) - mpmath.mpf("1.3"))) < 1e-15


def test_sum_rule_of_curie_weiss_at_twenty_sites():
    """Both sides 0.862907369385325477 at N = 20, beta = 1.3, h = 0.1, J = 1, for any trial value."""
    from theory.symbols import N, beta

    J, h, M = symbols("J h mbar")
    step = step_named(models.curie_weiss(), "interpolation", "Sum rule")
    context = Context(derive(models.curie_weiss(), "interpolation"))
    point = {J: 1, h: 0.1, T: 1 / 1.3, beta: 1.3, N: 20, M: 0.6}
    for side in (step.before, step.after):
        assert abs(context.value(side, point) - mpmath.mpf("0.862907369385325477")) < 1e-12


def test_quadratic_remainder_is_the_variance():
    m, M, J = symbols("m mbar J")
    step = step_named(models.curie_weiss(), "interpolation", "Self-averaging")
    assert sympy.expand(step.before.observables[0] - J * (m - M) ** 2 / 2) == 0


def test_bound_only_where_the_energy_has_a_sign():
    assert step_named(models.curie_weiss(), "interpolation", "Bound at every N").relation == r"\geq"
    assert not has_step(models.p_spin_ferromagnet(p=3), "interpolation", "Bound at every N")
    assert has_step(models.relativistic_curie_weiss(), "interpolation", "Bound at every N")


def test_klein_gordon_is_found_from_the_energy():
    assert has_step(models.relativistic_curie_weiss(), "hamilton-jacobi", "Klein-Gordon equation")
    assert has_step(models.relativistic_hopfield_low_load(P=2), "hamilton-jacobi", "Klein-Gordon equation")
    assert not has_step(models.curie_weiss(), "hamilton-jacobi", "Klein-Gordon equation")


@pytest.mark.parametrize("name, temperature", [
    ("curie-weiss", 1.0), ("relativistic-curie-weiss", 1.0), ("xy", 0.5), ("heisenberg", 1 / 3),
    ("multitasking-hopfield", 0.7), ("hopfield-low-load", 1.0), ("potts", 1 / 3),
])
def test_shock_of_the_symmetric_state(name, temperature):
    """J, J, J/n, (1 - d) and J/q: where the symmetric state of each model becomes unstable."""
    derivation = derive(model_of(name), "hamilton-jacobi")
    step = next(s for s in derivation.steps if s.title == "The critical point")
    evidence = step.claim(step, Context(derivation)).evidence
    assert evidence.endswith(f"it first vanishes at T = {temperature:.6g}")


def test_viscosity_is_positive():
    """V_N = (<m^2> - <m>^2)/2, with this sign."""
    from theory.symbols import N

    step = step_named(models.curie_weiss(), "hamilton-jacobi", "The potential is a viscosity")
    context = Context(derive(models.curie_weiss(), "hamilton-jacobi"))
    assert context.value(step.before, {**context.point(), N: 4}) > 0


def test_hubbard_stratonovich_only_for_quadratic_energies():
    title = "Quadratic energies: Hubbard-Stratonovich"
    assert has_step(models.curie_weiss(), "saddle-point", title)
    assert not has_step(models.relativistic_curie_weiss(), "saddle-point", title)
    assert "large-deviation" in step_named(models.relativistic_curie_weiss(), "saddle-point", "Saddle point").justification


def test_quantum_entropy_is_von_neumanns():
    step = step_named(models.transverse_field_ising(), "entropy", "Maximum entropy at fixed order parameters")
    assert "von Neumann" in step.justification and "number of configurations" in step.justification


@pytest.mark.parametrize("make, words", [
    (lambda: derive(models.curie_weiss(), "cavity"), "unknown route 'cavity'"),
    (lambda: derive(models.curie_weiss(), ansatz="rs"), "takes no ansatz"),
    (lambda: derive(models.transverse_field_ising(), "hamilton-jacobi"), "quantum sites"),
    (lambda: derive(models.sherrington_kirkpatrick(), "saddle-point"), "replica"),
    (lambda: derive(divergent()), "does not normalise"),
])
def test_refusals_are_one_line(make, words):
    with pytest.raises(InputError, match=words) as refusal:
        make()
    assert "\n" not in str(refusal.value)


def divergent():
    s, m = symbols("s m")
    return Model(site=GaussianSite(s), order_parameters={m: s}, energy=-m**2 / 2, site_energy=-s**2)


def test_deriving_loads_no_numpy():
    code = ("import sys; from theory import derive, models; from theory.routes import applicable\n"
            "for m in (models.potts(), models.random_field_ising_gaussian(), models.xy()):\n"
            "    for r in applicable(m): derive(m, r)\n"
            "sys.exit('numpy' in sys.modules)")
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0


def test_derivations_are_deterministic():
    model = models.multitasking_hopfield(P=2)
    first, second = (derive(model, "hamilton-jacobi") for _ in range(2))
    assert [s.latex for s in first.steps] == [s.latex for s in second.steps]


def test_rows_pair_the_sides_of_a_step():
    step = step_named(models.potts(q=3), "saddle-point", "Self-consistency")
    assert isinstance(step.before, Tuple) and len(step.rows) == 3
    assert all(before.is_Symbol for before, _ in step.rows) and step.latex.startswith(r"\begin{aligned}")


def test_abbreviations_differentiate_as_their_definition():
    x, y = symbols("x y")
    named = Abbreviation("A", x**2 * y)
    assert named.diff(x) == 2 * x * y and named.free_symbols == {x, y} and sympy.latex(named) == "A" and str(named) == "A"
