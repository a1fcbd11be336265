"""Points to many digits: published values, independent computations, and certificates that contain them."""

import pickle
import random

import mpmath
import pytest
import sympy
from mpmath import iv, mp

import meanfield
from meanfield import certify, precise
from meanfield.precision.intervals import Intervals, lower, upper
from meanfield.precision.programs import Program
from meanfield.precision.reals import Reals
from theory import FiniteDistribution, Ising, Model, Normal, symbols
from theory.averages import GaussianAverage
from theory.errors import InputError
from theory.functions import Gibbs, LogRadial, LogSumExp, RadialRatio, log2cosh

# name, options, quantity, value: equations of the textbooks solved to 15 digits by other programs.
PUBLISHED = [
    ("curie-weiss", {"T": 0.5}, "m", "0.957504024077269"),
    ("curie-weiss", {"T": 1, "h": 0.1}, "m", "0.611811554865309"),
    ("p-spin-ferromagnet", {"p": 3, "at": {"T": 1.74}, "start": [0.79]}, "T", "1.74774872509545"),
    ("p-spin-ferromagnet", {"p": 3, "at": {"T": 1.48}, "start": ([0.95], [0.0])}, "T", "1.48790750926197"),
    ("p-spin-ferromagnet", {"p": 4, "at": {"T": 1.98}, "start": [0.85]}, "T", "1.98314520953408"),
    ("potts", {"q": 3, "at": {"T": 0.364}, "start": [0.585, 0.2075, 0.2075]}, "T", "0.364213333614841"),
    ("potts", {"q": 4, "at": {"T": 0.31}, "start": [0.67, 0.11, 0.11, 0.11]}, "T", "0.310680471822813"),
    ("hopfield-low-load", {"P": 3, "at": {"T": 0.46}, "start": [0.43, 0.43, 0.43]}, "T", "0.459794239877785"),
    ("blume-capel", {"T": 0.3, "at": {"Delta": 0.467}, "start": ([0.49], [0.0])}, "Delta", "0.466763507350991"),
    ("random-field-ising-gaussian", {"T": 0.5, "sigma": 0.3}, "m", "0.906961250462202"),
    ("random-field-ising-gaussian", {"T": 0.8, "at": {"sigma": 0.44}, "start": [0]}, "sigma", "0.442601410300935"),
    ("xy", {"T": 0.3}, "m", "0.773129625370292"),
    ("heisenberg", {"T": 0.2}, "m", "0.7258819871912"),
    ("transverse-field-ising", {"Gamma": 0.5, "at": {"T": 0.91}, "start": [0, 0.5]}, "T", "0.910239226626837"),
]


def options_of(name, given):
    """Starts have as many values as the model has order parameters."""
    from theory.models import load

    n = len(load(name, **{k: v for k, v in given.items() if k in ("p", "q", "P")}).names)
    start = given.get("start")
    return {**given, "start": start[:n]} if isinstance(start, list) else given


@pytest.mark.parametrize(("name", "given", "quantity", "value"), PUBLISHED, ids=lambda x: x if isinstance(x, str) else "")
def test_published_values(name, given, quantity, value):
    """Thirty verified digits that begin like the published ones."""
    found = precise(name, digits=30, **options_of(name, given))
    assert found.converged and found.digits >= 30
    assert abs(found[quantity] - mpmath.mpf(value)) < mpmath.mpf(10) ** (3 - len(value))


def test_all_digits_of_an_independent_computation():
    """300 digits of the Curie-Weiss magnetisation, against mpmath's own root finder at 320."""
    found = precise("curie-weiss", T="1/2", digits=300)
    with mp.workdps(320):
        m = mpmath.findroot(lambda m: m - mpmath.tanh(2 * m), 0.9575)
        f = m**2 / 2 - mpmath.log(2 * mpmath.cosh(2 * m)) / 2
        for a, b in ((found["m"], m), (found.free_energy, f), (found.energy, -m**2 / 2), (found.entropy, 2 * (-m**2 / 2 - f))):
            assert abs(a - b) < abs(b) * mpmath.mpf(10) ** -300


def test_verified_digits_of_a_gaussian_average_are_right():
    """The random-field Ising model against Gauss-Legendre integrals at higher precision."""
    found = precise("random-field-ising-gaussian", T="1/2", sigma="3/10", digits=25)
    with mp.workdps(35):
        mean = lambda m: mpmath.quad(lambda z: mpmath.tanh(2 * (m + 3 * z / 10)) * mpmath.npdf(z), [-14, -6, -3, 0, 3, 6, 14])
        assert abs(mean(found["m"]) - found["m"]) < mpmath.mpf(10) ** -25
    assert found.nodes > 100


def test_critical_points_in_closed_form():
    """T_c = J, the Potts model's J/q, and the fold h of the Curie-Weiss model."""
    assert precise("curie-weiss", at={"T": 0.45}, start=[0], J="3/7")["T"] == pytest.approx(mpmath.mpf(3) / 7, abs=1e-15)
    fold = precise("curie-weiss", T="7/10", at={"h": -0.117}, start=[0.5477], digits=40)
    with mp.workdps(50):
        T, m = mpmath.mpf(7) / 10, mpmath.sqrt(mpmath.mpf(3) / 10)
        assert abs(fold["m"] - m) < mpmath.mpf(10) ** -40
        assert abs(fold["h"] - (T * mpmath.atanh(m) - m)) < mpmath.mpf(10) ** -40


def test_unstable_solutions_and_found_ones():
    """Every solution of a point is refined to itself, unstable ones included."""
    for s in meanfield.solutions("hopfield-low-load", P=3, T=0.3):
        found = precise(s, digits=25)
        assert found.digits >= 25 and all(abs(found[n] - s[n]) < 1e-10 for n in s.order_parameters)
        assert abs(found.free_energy - s.free_energy) < 1e-10


def test_transitions_and_special_points_are_refined():
    """`at` takes what `transitions` and `branches` return."""
    spinodal = meanfield.transitions("p-spin-ferromagnet", p=3, along={"T": (1.2, 2)}).of("spinodal")[0]
    assert abs(precise("p-spin-ferromagnet", p=3, at=spinodal)["T"] - spinodal.at["T"]) < 1e-12
    branch, *_ = meanfield.branches("curie-weiss", along={"h": (-0.2, 0.2, 5)}, T=0.7)
    for point in branch.special_points:
        assert abs(precise("curie-weiss", T=0.7, at=point)["h"] - point.at["h"]) < 1e-12


def test_floats_are_decimals_and_texts_expressions():
    """0.1 is 1/10; sqrt(2)/4 is itself."""
    assert precise("curie-weiss", T=0.1, digits=40) == precise("curie-weiss", T="1/10", digits=40)
    assert precise("curie-weiss", T="sqrt(2)/4").parameters["T"] == "sqrt(2)/4"
    assert precise("curie-weiss", beta="3").parameters["T"] == "1/3"


def test_results_read_well_and_pickle():
    """The text shows the verified digits; a stored result keeps its numbers."""
    found = precise("curie-weiss", T="1/2", digits=20)
    assert "m = 0.9575040240772687406765" in repr(found)
    assert found.as_dict()["order_parameters"]["m"].startswith("0.95750402407726874067650")
    assert pickle.loads(pickle.dumps(found)) == found


def test_unmet_digits_are_said(monkeypatch):
    """Where an average does not settle, the result says so and claims no more than what agrees."""
    monkeypatch.setattr("meanfield.precision.reals.HALVINGS", 2)
    found = precise("random-field-ising-gaussian", T="1/20", sigma="3/10", digits=20)
    assert not found.converged and found.digits < 20 and "did not settle" in found.status


@pytest.mark.parametrize(("given", "said"), [
    ({"T": 0}, "T = 0 has no precise points"), ({"T": "a"}, "T: expected a finite real number"),
    ({"T": float("nan")}, "T: expected"),
    ({"T": 0.5, "digits": 0}, "digits: expected"), ({"at": {"T": 0.9}}, "needs a start"),
    ({"at": {"x": 0.9}, "start": [0]}, "at: x"),
    ({"at": {"T": 0.9}, "T": 0.9, "start": [0]}, "both set and sought"), ({"T": 0.5, "start": [1, 2]}, "start: expected values"),
    ({"T": 0.5, "beta": 2}, "either T or beta"),
])
def test_bad_input(given, said):
    """One line each."""
    with pytest.raises(InputError, match=said) as caught:
        precise("curie-weiss", **given)
    assert "\n" not in str(caught.value)


# Interval arithmetic

x, y, w, T = sympy.symbols("x y w T", real=True)
FUNCTIONS = [x * y - x**3, sympy.tanh(x), log2cosh(x), sympy.exp(x) / (2 + y**2), LogSumExp(x, y, x * y), Gibbs(2, x, y, 0),
             x**-2, sympy.sqrt(w) * y, LogRadial(sympy.Rational(3, 2), w), RadialRatio(1, w), sympy.sin(x) + sympy.cos(y),
             sympy.log(w), w ** sympy.Rational(2, 3)]


@pytest.mark.parametrize("expr", FUNCTIONS, ids=str)
def test_intervals_contain_the_values(expr):
    """Values at random points of random boxes, with many more digits, lie in the interval; narrow boxes give narrow ones."""
    program, rng = Program([expr]), random.Random(3)
    for _ in range(40):
        low = {s: rng.uniform(0.1, 2) if s == w else rng.choice([-1, 1]) * rng.uniform(0.01, 3) for s in (x, y, w)}
        width = 10.0 ** rng.uniform(-12, -2) / 2
        box = {s: iv.mpf([v, v + width]) for s, v in low.items()}
        enclosure, = program(Intervals(), box)
        with mp.workdps(40):
            value, = program(Reals(), {s: mpmath.mpf(v) + mpmath.mpf(width) * rng.random() for s, v in low.items()})
        assert lower(enclosure) <= value <= upper(enclosure)
        assert upper(enclosure) - lower(enclosure) < 1e6 * width + 1e-12


INTEGRANDS = [sympy.tanh((w + x) / T), sympy.tanh((w + x) / T) ** 2 * x**2, log2cosh((w + x) / T),
              LogSumExp((w + x) / T, 0, -x / T + w),
              Gibbs(1, (w + x) / T, 0, -x / T) * x, 1 + x**4]


@pytest.mark.parametrize("digits", [2, 5, 20])
@pytest.mark.parametrize("f", INTEGRANDS, ids=str)
def test_gaussian_averages_are_enclosed(f, digits):
    """The trapezoidal rule with its error bound contains the integral, however coarse the rule."""
    program = Program([GaussianAverage(f, x, y, w)])
    point = {y: 0.3, w: 0.5, T: 0.4}
    enclosure, = program(Intervals(digits), {s: iv.mpf(v) for s, v in point.items()})
    with mp.workdps(40):
        value, = program(Reals(), {s: mpmath.mpf(v) for s, v in point.items()})
    assert lower(enclosure) <= value <= upper(enclosure)
    assert upper(enclosure) - lower(enclosure) < 100 * 10.0 ** -min(digits, 12)


# Certificates

CERTIFIED = [p for p in PUBLISHED if p[0] not in ("potts",) or p[1].get("q") == 3]


@pytest.mark.parametrize(("name", "given", "quantity", "value"), CERTIFIED, ids=lambda x: x if isinstance(x, str) else "")
def test_certificates_contain_the_published_values(name, given, quantity, value):
    """A proof for every published value, with an enclosure that the refined value lies in."""
    given = options_of(name, given)
    proof, found = certify(name, digits=15, **given), precise(name, digits=20, **given)
    low, high = proof.enclosure[quantity]
    assert low <= found[quantity] <= high and high - low < 1e-14
    assert low - mpmath.mpf(10) ** (3 - len(value)) <= mpmath.mpf(value) <= high + mpmath.mpf(10) ** (3 - len(value))
    outer = proof.box[quantity]
    assert outer[0] <= low <= high <= outer[1]


def test_uniqueness_excludes_other_solutions():
    """The boxes of different solutions are disjoint."""
    proofs = [certify(s) for s in meanfield.solutions("curie-weiss", T=0.7, h=0.01)]
    boxes = sorted(p.box["m"] for p in proofs)
    assert len(boxes) == 3 and all(a[1] < b[0] for a, b in zip(boxes, boxes[1:]))


def test_a_degenerate_solution_has_no_certificate():
    """At T_c the solution is triple; just below it three are close together and proved to be different."""
    with pytest.raises(InputError, match="singular|degenerate"):
        certify("curie-weiss", T=1, start=[0])
    low, high = certify("curie-weiss", T="1 - 1/10**6").box["m"]
    assert 0 < low and high < 0.01


def test_own_model_with_three_states_in_a_gaussian_field():
    """Blume-Capel spins in a Gaussian field: sums over states in the integrand, solution and fold."""
    m, S, h, D, J = symbols("m S h D J")
    from theory import Spin

    field, defaults = {h: Normal(0, sympy.Rational(1, 25))}, {"J": 1.0, "D": 0.4}
    model = Model(Spin(S, 1), {m: S}, -J * m**2 / 2, D * S**2 - h * S, field, defaults, name="own")
    found, proof = precise(model, T="3/10", digits=25), certify(model, T="3/10", digits=12)
    assert proof.enclosure["m"][0] <= found["m"] <= proof.enclosure["m"][1] and found.digits >= 25
    assert found["m"] == pytest.approx(meanfield.solve(model, T=0.3)["m"], abs=1e-10)


def test_a_symmetry_that_is_only_apparent_is_not_used():
    """Two order parameters that vanish by accident at one point are no symmetry: the untied equations are solved instead."""
    m, S, h = symbols("m S h")
    model = Model(Ising(S), {m: S}, -m**2 / 2, -h * S, {h: FiniteDistribution((1, -1), (0.25, 0.75))}, name="own")
    found = precise(model, T=2, digits=20)
    assert abs(found["m"] - meanfield.solve(model, T=2)["m"]) < 1e-12


def test_statements_and_texts():
    """The ends are printed rounded outwards."""
    proof = certify("curie-weiss", T="1/2", digits=10)
    low, high = proof.as_dict()["enclosure"]["m"]
    with mp.workdps(60):
        assert mpmath.mpf(low) <= proof.enclosure["m"][0] and proof.enclosure["m"][1] <= mpmath.mpf(high)
    assert "exactly one" in proof.statement and "proved" in repr(proof)


def test_what_cannot_be_certified_is_said():
    """T = 0 and functions without a bound."""
    with pytest.raises(InputError, match="T = 0"):
        certify("curie-weiss", T=0)
    with pytest.raises(InputError, match="no bound"):
        Program([GaussianAverage(RadialRatio(1, (x + w) ** 2), x, y, w)])(Intervals(), {y: iv.mpf(0.1), w: iv.mpf(1)})


@pytest.mark.parametrize(("name", "at", "start", "kind", "exact"), [
    ("blume-capel", {"T": 0.33, "Delta": 0.46}, {"m": 0}, "tricritical",
     lambda: {"T": mpmath.mpf(1) / 3, "Delta": 2 * mpmath.log(2) / 3}),
    ("random-field-ising", {"T": 0.66, "h0": 0.44}, {"m": 0}, "tricritical",
     lambda: {"T": mpmath.mpf(2) / 3, "h0": 2 * mpmath.atanh(1 / mpmath.sqrt(3)) / 3}),
    ("p-spin-ferromagnet", {"T": 2.3, "h": 0.52}, {"m": 0.58}, "cusp", lambda: {"T": 4 / mpmath.sqrt(3), "m": 1 / mpmath.sqrt(3)}),
    ("curie-weiss", {"T": 1.01, "h": 0.01}, {"m": 0}, "cusp", lambda: {"T": 1, "h": 0}),
])
def test_special_points_of_two_parameters(name, at, start, kind, exact):
    """Tricritical points and cusps against closed forms, and proved to be there."""
    found = precise(name, at=at, start=start, digits=30)
    assert found.kind == kind and found.digits >= 30
    with mp.workdps(40):
        for quantity, value in exact().items():
            assert abs(found[quantity] - value) < mpmath.mpf(10) ** -30
    proof = certify(name, at=at, start=start, digits=15)
    assert all(low <= found[parameter] <= high for parameter in at for low, high in [proof.enclosure[parameter]])


def test_triple_point():
    """Blume-Emery-Griffiths at K = 3: three phases meet at T = 1/(2 log 2), Delta = 2."""
    starts = ({"m": 0.5, "q": 0.83}, {"m": 0, "q": 0.7}, {"m": 0, "q": 0.3})
    found = precise("blume-emery-griffiths", K=3, at={"T": 0.721, "Delta": 2.0}, start=starts, digits=30)
    with mp.workdps(40):
        assert found.kind == "triple" and abs(found["T"] - 1 / (2 * mpmath.log(2))) < mpmath.mpf(10) ** -30
        assert abs(found["m"] - mpmath.mpf(1) / 2) < mpmath.mpf(10) ** -30 and found.partner["q"] > found.third["q"] > 0


@pytest.mark.parametrize(("given", "said"), [
    ({"start": {"m": 0.5}, "condition": "m - 1/2"}, "needs at="),
    ({"start": {"m": 0.5}, "at": {"T": 0.9}, "condition": "x - 1"}, "x"),
    ({"start": {"m": 0.5}, "at": {"T": 0.9}, "condition": "replicon"}, "no replicon"),
    ({"start": ({"m": 0.5}, {"m": 0}, {"m": -0.5}), "at": {"T": 0.9}}, "3 states coexist where 2 parameters are left free"),
])
def test_conditions_that_are_refused(given, said):
    """One line each."""
    with pytest.raises(InputError, match=said):
        precise("curie-weiss", **given)


def test_a_condition_of_the_user():
    """m = 1/2 at T = 1/(2 artanh(1/2)) = 1/log 3."""
    found = precise("curie-weiss", at={"T": 0.9}, start={"m": 0.5}, condition="m - 1/2", digits=30)
    with mp.workdps(40):
        assert found.kind == "condition" and abs(found["T"] - 1 / mpmath.log(3)) < mpmath.mpf(10) ** -30
