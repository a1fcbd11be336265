"""The replica route: steps that pass, values of the published theories, documents."""

import json

import pytest
import sympy

from theory.checks import verify
from theory.couplings import STABILITY as u
from theory.couplings import BipartiteLoad, GaussianCouplings, HebbianLoad, PatternConstraints, step
from theory.derivation import derive
from theory.disorder import Normal, Rademacher
from theory.errors import InputError
from theory.model import Model, Parameter
from theory.replica import KStepRSB, OneStepRSB
from theory.replica.numbers import number
from theory.sites import Ising, Layers, Spin, SphericalSite
from theory.symbols import T, symbol, symbols

s, tau, xi, eta, field, q, p, m, n, alpha, g, r = symbols("s tau xi eta hr q p m n alpha g r")
J, J0, J2, J4, h, Delta, sigma, kappa = symbols("J J0 J2 J4 h Delta sigma kappa")
q0, q1, x, C, D = symbols("q0 q1 x C D")


def sk():
    return Model(Ising(s), {m: s}, -J0 * m**2 / 2, site_energy=-h * s, couplings=(GaussianCouplings(J**2 * q**2 / 2),),
                 parameters={"J": 1, "J0": 0.8, "h": 0.3}, name="sk")


def hopfield():
    return Model(Ising(s), {m: xi * s}, -m**2 / 2, disorder={xi: Rademacher()}, couplings=(HebbianLoad(alpha, noise=r),),
                 parameters={"alpha": 0.05}, name="hopfield")


def p_spin():
    return Model(Ising(s), {m: s}, -J0 * m**3 / 3, couplings=(GaussianCouplings(J**2 * q**3 / 2),), parameters={"J": 1, "J0": 0.8}, name="p-spin")


def spin_one():
    return Model(Spin(s, 1), {m: s}, -J0 * m**2 / 2, site_energy=Delta * s**2, couplings=(GaussianCouplings(J**2 * q**2 / 2),),
                 parameters={"J": 1, "J0": 0.8, "Delta": 0.3}, name="spin-1")


def spherical():
    return Model(SphericalSite(s), {m: s}, -J0 * m**3 / 3 - h * m, couplings=(GaussianCouplings(J**2 * q**3 / 2),),
                 parameters={"J": 1, "J0": 0.8, "h": 0.3}, name="spherical")


def bam():
    return Model(Layers(((Ising(s), g), (Ising(tau), 1 / g))), {m: xi * s, n: eta * tau}, -m * n,
                 disorder={xi: Rademacher(), eta: Rademacher()}, couplings=(BipartiteLoad(alpha, {q: s, p: tau}),),
                 parameters={"alpha": 0.1, "g": Parameter("g", 1.2, 0.5, 3)}, name="bam")


def binary_perceptron():
    return Model(Ising(s), {}, 0, couplings=(PatternConstraints(alpha),), parameters={"alpha": 0.5}, name="binary-perceptron")


def spherical_perceptron():
    return Model(SphericalSite(s), {}, 0, couplings=(PatternConstraints(alpha, margin=kappa),), parameters={"alpha": 0.5, "kappa": 0.2},
                 name="spherical-perceptron")


def teacher(site=Ising):
    return Model(site(s), {}, 0, couplings=(PatternConstraints(alpha, teacher=True),), parameters={"alpha": 0.8}, name="teacher")


def two_four():
    """A user's glass of pairs and quadruples, with ferromagnetic bias and a Gaussian random field."""
    return Model(Ising(s), {m: s}, -J0 * m**2 / 2, site_energy=-field * s, disorder={field: Normal(0, sigma**2)},
                 couplings=(GaussianCouplings(J2**2 * q**2 / 2 + J4**2 * q**4 / 2),),
                 parameters={"J0": 0.8, "J2": 1, "J4": 0.7, "sigma": 0.3}, name="two-four")


MODELS = {f.__name__: f for f in (sk, hopfield, p_spin, spin_one, spherical, bam, binary_perceptron, spherical_perceptron, teacher, two_four)}


def failures(derivation):
    return [(step.title, step.evidence) for step in derivation.steps if step.status not in ("passed", "assumption")]


@pytest.mark.parametrize("name", MODELS)
def test_every_step_of_replica_symmetry_passes(name):
    checked = derive(MODELS[name]()).check()
    assert checked.route == "replica" and checked.ansatz == "rs"
    assert not failures(checked) and checked.passed
    assert sum(step.status == "assumption" for step in checked.steps) <= 2


@pytest.mark.parametrize("name", ["sk", "hopfield", "spherical", "binary_perceptron"])
def test_every_step_of_one_step_breaking_passes(name):
    assert not failures(derive(MODELS[name](), ansatz="1rsb").check())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["p_spin", "spin_one", "bam", "two_four"])
def test_every_step_of_one_step_breaking_passes_elsewhere(name):
    assert not failures(derive(MODELS[name](), ansatz=OneStepRSB()).check())


@pytest.mark.slow
@pytest.mark.parametrize("steps", [2, 3])
def test_every_step_of_more_breaking_passes(steps):
    assert not failures(derive(sk(), ansatz="krsb", steps=steps).check())


def test_fixed_block_parameters_pass():
    checked = derive(sk(), ansatz=OneStepRSB(x=sympy.Rational(1, 3))).check()
    assert not failures(checked) and "x" not in map(str, checked.equations)


def test_spherical_teacher_passes():
    assert not failures(derive(teacher(SphericalSite)).check())


def test_sherrington_kirkpatrick_at_half_the_critical_temperature():
    """Free energy, entropy, replicon and q of the replica-symmetric solution at T = 0.5, J0 = h = 0."""
    theory = derive(sk()).theory
    at = {T: 0.5, J: 1.0, J0: 0.0, h: 0.0, m: 0.0, q: 0.530368392051}
    assert number(theory.free_energy, at) == pytest.approx(-0.792392945135, abs=1e-11)
    assert number(theory.equations[q], at) == pytest.approx(0.530368392051, abs=1e-10)
    assert number(theory.replicon, at) == pytest.approx(-0.362673, abs=1e-5)
    assert number(theory.entropy, at) == pytest.approx(0.147367152842, abs=1e-9)


def test_one_step_breaking_of_sherrington_kirkpatrick():
    theory = derive(sk(), ansatz="1rsb").theory
    at = {T: 0.5, J: 1.0, J0: 0.0, h: 0.0, m: 0.0, q0: 0.2146311, q1: 0.6192009, x: 0.2818426}
    assert number(theory.free_energy, at) == pytest.approx(-0.79120884238, abs=1e-10)
    for name in (q0, q1, x):
        assert number(theory.equations[name], at) == pytest.approx(at[name], abs=1e-5)


def test_one_step_breaking_at_zero_temperature():
    """Ground-state energy of the Sherrington-Kirkpatrick model with one step, q0 and mu = beta x."""
    cold = derive(sk(), ansatz="1rsb").theory.zero_temperature()
    at = {J: 1.0, J0: 0.0, h: 0.0, m: 0.0, q0: 0.476784371534504, D: 1.360820803469091, T: 0.0, C: 0.2}
    at[C] = number(cold.equations[C], at)
    assert number(cold.free_energy, at) == pytest.approx(-0.765259434673682514, abs=1e-9)
    assert number(cold.equations[q0], at) == pytest.approx(at[q0], abs=1e-8)
    assert number(cold.equations[D], at) == pytest.approx(at[D], abs=1e-7)


def test_capacity_of_the_hopfield_model():
    """The replica-symmetric retrieval state at T = 0 and alpha_c = 0.13790557."""
    cold = derive(hopfield()).theory.zero_temperature()
    at = {alpha: 0.1379055664949317, m: 0.967417115685291592, C: 0.1796117962, r: 1.4858028457}
    for name in (m, C, r):
        assert number(cold.equations[name], at) == pytest.approx(at[name], abs=1e-8)
    assert cold.equations[m].has(sympy.erf) or "MeanSign" in str(sympy.srepr(cold.equations[m]))


def test_hopfield_reads_as_in_the_literature():
    theory = derive(hopfield()).theory
    assert sympy.simplify(theory.equations[r] - q / (1 - (1 - q) / T) ** 2) == 0
    assert set(theory.free_energy.free_symbols) == {m, q, r, alpha, T}


def test_gaussian_random_fields_add_to_the_variance():
    theory = derive(two_four()).theory
    (average,) = theory.equations[q].atoms(sympy.Basic) & {theory.equations[q]}
    assert sympy.expand(average.variance - (J2**2 * q + 2 * J4**2 * q**3 + sigma**2)) == 0


@pytest.mark.parametrize("ansatz", [KStepRSB(0), KStepRSB(1), KStepRSB(3)], ids=lambda a: a.name)
def test_documents(ansatz):
    derivation = derive(hopfield(), ansatz=ansatz)
    assert derivation.to_latex().count(r"\begin{document}") == 1
    assert "Replicas" in derivation.to_markdown() and "Replicas" in derivation.to_text()
    found = json.loads(json.dumps(derivation.as_dict()))
    assert {"title", "justification", "latex", "check"} <= set(found["steps"][0])
    assert found["ansatz"] == ansatz.name and "mathcal{D}" in found["free_energy"]
    assert list(found["equations"])[0] == "m" and all(isinstance(v, str) for v in found["equations"].values())


def test_every_step_is_justified():
    for step in derive(sk(), ansatz="krsb", steps=2).steps:
        assert step.justification and step.reference and step.rule and step.claim is not None


def test_bad_requests_are_refused():
    with pytest.raises(InputError, match="choose rs, 1rsb or krsb"):
        derive(sk(), ansatz="full")
    with pytest.raises(InputError, match="does not take"):
        derive(sk(), route="entropy")
    with pytest.raises(InputError, match="no quenched couplings"):
        derive(Model(Ising(s), {m: s}, -m**2 / 2), route="replica")


def altered(side, k):
    rows = list(side) if isinstance(side, sympy.Tuple) else [side]
    rows[k] = rows[k] * sympy.Rational(21, 20) if rows[k] != 0 else sympy.Rational(1, 10)
    return sympy.Tuple(*rows) if isinstance(side, sympy.Tuple) else rows[0]


@pytest.mark.parametrize("name, ansatz", [("sk", "rs"), ("hopfield", "rs"), ("spherical_perceptron", "rs"), ("spherical", "1rsb"),
                                          pytest.param("bam", "rs", marks=pytest.mark.slow), pytest.param("spin_one", "rs", marks=pytest.mark.slow),
                                          pytest.param("sk", "1rsb", marks=pytest.mark.slow),
                                          pytest.param("teacher", "rs", marks=pytest.mark.slow)])
def test_five_percent_are_noticed(name, ansatz):
    from dataclasses import replace

    derivation = derive(MODELS[name](), ansatz=ansatz)
    context = derivation.theory.check_context(derivation)
    for step in derivation.steps:
        if verify(step, context).status == "assumption":
            continue
        for side in ("before", "after"):
            expression = getattr(step, side)
            for k in range(len(expression) if isinstance(expression, sympy.Tuple) else 1):
                wrong = replace(step, **{side: altered(expression, k)})
                assert verify(wrong, context).status == "failed", (step.title, side, k)


def test_a_wrong_covariance_is_noticed():
    """A functional whose couplings are another model's does not pass."""
    derivation = derive(sk())
    other = derive(p_spin()).theory.free_energy
    context = derivation.theory.check_context(derivation)
    from dataclasses import replace

    step = next(s for s in derivation.steps if s.title == "The free energy")
    assert verify(replace(step, after=other), context).status == "failed"


def test_symbols_of_the_registry_are_used():
    assert derive(sk()).theory.equations.keys() == {symbol("m"), symbol("q")}


@pytest.mark.parametrize("gate, ansatz, checked", [
    (step(u + kappa) * step(kappa - u), "rs", True), (step(u + kappa) * step(kappa - u), "1rsb", True),
    (sympy.exp(-kappa * (1 - step(u + 1) * step(1 - u))), "rs", True), (sympy.exp(-kappa * u**2), "rs", True),
    (sympy.exp(-kappa * u) * step(u), "rs", False),
])
def test_gates(gate, ansatz, checked):
    """Products of steps are probabilities of intervals; a gate that jumps besides is said not to be checked."""
    w = symbol("w")
    model = Model(site=Ising(w), order_parameters={}, energy=0, couplings=(PatternConstraints(symbol("alpha"), gate),),
                  parameters={"alpha": 0.8, "kappa": 1.0})
    found = [each.status for each in derive(model, "replica", ansatz).check().steps]
    assert set(found) <= {"passed", "assumption"} and checked == (found.count("assumption") == 1)
