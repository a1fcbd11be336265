"""Points with quenched couplings to many digits: the Hopfield network's lines, T = 0, other models, certificates."""

import mpmath
import pytest
from mpmath import mp

import meanfield
from meanfield import certify, precise
from theory.errors import InputError

# Temperature, start, approximate alpha, alpha: extended systems solved with 34 digits by a program of its own.
LINES = [
    ("0", {"m": 0.967, "C": 0.18}, 0.1379, "0.1379055664949317378436"),
    ("3/5", {"m": 0.78, "q": 0.663}, 0.0388, "0.0388088937055544250167"),
    pytest.param("1/5", {"m": 0.951, "q": 0.9527}, 0.1225, "0.1225588606226202451433", marks=pytest.mark.slow),
    ("0", ({"m": 0.99998, "C": 0.0002}, {"m": 0, "C": 0.77}), 0.0519, "0.05185433091891705666886"),
    pytest.param("3/5", ({"m": 0.88, "q": 0.79}, {"m": 0, "q": 0.47}), 0.0193, "0.01926348576585431447399",
                 marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("T", "start", "guess", "alpha"), LINES)
def test_lines_of_the_hopfield_network(T, start, guess, alpha):
    """Capacity and first-order transition to thirty digits."""
    found = precise("hopfield", T=T, at={"alpha": guess}, start=start, digits=30)
    assert found.converged and found.digits >= 30
    with mp.workdps(40):
        assert abs(found["alpha"] - mpmath.mpf(alpha)) < mpmath.mpf(10) ** (3 - len(alpha))


def test_capacity_at_zero_temperature_in_closed_form():
    """sqrt(alpha) = erf(y)/(sqrt(2) y) - sqrt(2/pi) exp(-y^2), largest over y, to sixty digits."""
    found = precise("hopfield", T=0, at={"alpha": 0.1379}, start={"m": 0.967, "C": 0.18}, digits=60)
    with mp.workdps(80):
        root = lambda y: mpmath.erf(y) / (mpmath.sqrt(2) * y) - mpmath.sqrt(2 / mpmath.pi) * mpmath.exp(-y**2)
        y = mpmath.findroot(lambda y: mpmath.diff(root, y), 1.511)
        assert abs(found["alpha"] - root(y) ** 2) < mpmath.mpf(10) ** -60
        assert abs(found["m"] - mpmath.erf(y)) < mpmath.mpf(10) ** -60


def test_equations_of_sherrington_and_kirkpatrick():
    """q = E tanh^2(sqrt(q) z/T) by Gauss-Legendre integrals at higher precision; u and s at T = 0 in closed form."""
    found = precise("sherrington-kirkpatrick", T="1/2", digits=25)
    with mp.workdps(35):
        square = lambda q, z: mpmath.tanh(2 * mpmath.sqrt(q) * z) ** 2 * mpmath.npdf(z)
        mean = lambda q: mpmath.quad(lambda z: square(q, z), [-14, -6, -3, 0, 3, 6, 14])
        assert abs(mean(found["q"]) - found["q"]) < mpmath.mpf(10) ** -25
    cold = precise("sherrington-kirkpatrick", T=0, digits=40)
    with mp.workdps(50):
        assert abs(cold.free_energy + mpmath.sqrt(2 / mpmath.pi)) < mpmath.mpf(10) ** -40
        assert abs(cold.entropy + 1 / (2 * mpmath.pi)) < mpmath.mpf(10) ** -40


def test_instability_of_the_glass():
    """The spin glass of Sherrington and Kirkpatrick turns ferromagnetic at J0 = 1/C."""
    found = precise("sherrington-kirkpatrick", T="1/2", at={"J0": 1.0}, start={"m": 0, "q": 0.53}, digits=20)
    assert found.kind == "critical" and abs(found["J0"] * found["C"] - 1) < mpmath.mpf(10) ** -20


@pytest.mark.parametrize(("name", "given"), [
    ("bam", {}), ("dense-hopfield-full-power", {}), ("hebbian-supervised", {}), ("relativistic-hopfield", {}),
    ("hopfield", {"T": 0}), ("spherical-p-spin-glass", {}), pytest.param("dreaming-hopfield", {}, marks=pytest.mark.slow),
])
def test_refines_what_solve_finds(name, given):
    """Order parameters, overlaps, observables, f and s of the equilibrium, in more digits."""
    one, found = meanfield.solve(name, **given), precise(name, digits=16, **given)
    assert found.converged and set(one.order_parameters) <= set(found.order_parameters)
    for quantity, value in one.order_parameters.items():
        assert float(found[quantity]) == pytest.approx(value, abs=1e-9)
    assert (float(found.free_energy), float(found.entropy)) == pytest.approx((one.free_energy, one.entropy), abs=1e-9)


def test_solutions_are_refined_to_themselves():
    """Also unstable ones, from the Solution alone or as a start."""
    for s in meanfield.solutions("hopfield", T=0.6, alpha=0.0193):
        found = precise(s, digits=15)
        assert float(found["m"]) == pytest.approx(s["m"], abs=1e-10) and float(found["q"]) == pytest.approx(s["q"], abs=1e-10)
        assert precise("hopfield", start=s, digits=15).order_parameters == found.order_parameters


def test_a_certificate_contains_the_solution():
    """Interval arithmetic proves the retrieval state."""
    given = {"T": "3/10", "alpha": "1/20", "start": {"m": 0.99, "q": 0.98}}
    proof, found = certify("hopfield", digits=12, **given), precise("hopfield", digits=20, **given)
    assert all(low <= found[name] <= high for name, (low, high) in proof.enclosure.items())


@pytest.mark.parametrize(("name", "given", "said"), [
    ("hopfield", {"ansatz": "1rsb"}, "are replica symmetric: got 1-step"), ("perceptron-spherical", {}, "pattern constraints"),
    ("spherical-p-spin-glass", {"T": 0}, "entropy diverges at T = 0"),
    ("hopfield", {"start": [1]}, "start: expected .* of m, C or q"),
    ("hopfield", {"start": {"x": 1}}, "the start names x"),
    ("hopfield", {"at": {"alpha": 0.1}, "alpha": 0.1, "start": [1, 1]}, "both set"),
    ("hopfield", {"at": {"x": 0.1}, "start": [1, 1]}, "no parameter that can vary: expected one of T, alpha"),
    ("curie-weiss", {"ansatz": "1rsb"}, "no replica ansatz"),
])
def test_what_is_refused(name, given, said):
    """One line each."""
    with pytest.raises(InputError, match=said) as caught:
        precise(name, **given)
    assert "\n" not in str(caught.value)


def test_three_states_in_random_fields_are_refused():
    """Only two-state sites have these averages."""
    from theory import Model, Spin, symbols
    from theory.couplings import GaussianCouplings

    m, S, q = symbols("m S q")
    model = Model(Spin(S, 1), {m: S}, energy=-m**2 / 2, couplings=(GaussianCouplings(q**2 / 2),), name="own")
    with pytest.raises(InputError, match="more than two states"):
        precise(model, T=0.5)


@pytest.mark.parametrize(("name", "at", "start", "exact"), [
    ("sherrington-kirkpatrick", {"T": 1.02}, {"m": 0, "q": 0}, 1),
    ("hopfield", {"T": 1.2}, {"m": 0, "q": 0}, 1 + mpmath.sqrt(mpmath.mpf(1) / 20)),
])
def test_onset_of_the_glass(name, at, start, exact):
    """Where overlaps appear: T = J, and T = 1 + sqrt(alpha)."""
    found = precise(name, at=at, start=start, digits=20, **({"alpha": "1/20"} if name == "hopfield" else {}))
    with mp.workdps(40):
        exact = 1 + mpmath.sqrt(mpmath.mpf(1) / 20) if name == "hopfield" else 1
        assert found.kind == "at" and abs(found["T"] - exact) < mpmath.mpf(10) ** -20
        assert abs(found.replicon) < mpmath.mpf(10) ** -20 and found["q"] == 0


def test_replicon_and_entropy_vanish():
    """On the de Almeida-Thouless line, and where the replica-symmetric entropy changes sign (Sherrington and Kirkpatrick 1975)."""
    at = precise("sherrington-kirkpatrick", h="3/10", at={"T": 0.65}, start={"m": 0.3, "q": 0.3}, condition="replicon", digits=10)
    assert at.kind == "at" and float(at["T"]) == pytest.approx(0.651853782, abs=1e-9) and abs(at.replicon) < 1e-10
    zero = precise("sherrington-kirkpatrick", at={"T": 0.27}, start={"m": 0, "q": 0.7}, condition="entropy", digits=10)
    assert zero.kind == "zero-entropy" and float(zero["T"]) == pytest.approx(0.2716021290, abs=1e-10)


def test_the_replicon_of_a_solution():
    """The same number as in double precision."""
    one, found = meanfield.solve("sherrington-kirkpatrick", T=0.5), precise("sherrington-kirkpatrick", T="1/2", digits=12)
    assert float(found.replicon) == pytest.approx(one.replicon, abs=1e-9)
