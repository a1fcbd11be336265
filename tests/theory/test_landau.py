"""Landau expansions against closed forms and published numbers."""

import mpmath
import pytest
import sympy

from theory import InputError, theory_of
from theory.evaluate import evaluate
from theory.models import registry
from theory.symbols import symbol, symbols

T, J = symbols("T J")


def expansion(name, **structural):
    return theory_of(registry.load(name, **structural)).landau()


def test_curie_weiss_coefficients_are_those_of_the_binary_entropy():
    found = expansion("curie-weiss").coefficients
    assert [found[n] for n in (2, 3, 4, 5, 6)] == [T - J, 0, T / 3, 0, T / 5]


def test_curie_weiss_exponents_and_amplitudes():
    landau = expansion("curie-weiss")
    exponents = landau.exponents()
    assert landau.T_c == J and landau.transition() == "continuous"
    assert (exponents.beta, exponents.gamma, exponents.delta, exponents.alpha) == (sympy.Rational(1, 2), 1, 3, 0)
    amplitudes = exponents.at({"J": 2})
    assert amplitudes["order parameter"] ** 2 == pytest.approx(3)
    assert amplitudes["susceptibility above"] == 2 * amplitudes["susceptibility below"] == pytest.approx(0.5)
    assert amplitudes["critical isotherm"] == pytest.approx((3 / 2) ** (1 / 3))
    assert amplitudes["specific heat"] == pytest.approx(1.5)


def test_relativistic_amplitude_is_six_fifths():
    """m^2 ~ (6/5)(beta - 1), against 3(beta - 1) for Curie-Weiss."""
    amplitude = expansion("relativistic-curie-weiss").exponents().at({"J": 1})["order parameter"]
    assert amplitude**2 == pytest.approx(6 / 5)


def test_blume_capel_tricritical_point():
    """M. Blume, Phys. Rev. 141, 517 (1966): T = J/3, Delta = (2/3) log 2."""
    landau = expansion("blume-capel")
    point = landau.criticality.tricritical.point
    assert point[T] == J / 3 and sympy.expand(point[symbol("Delta")] - 2 * J * sympy.log(2) / 3) == 0
    assert landau.tricritical()["a6"] > 0
    assert evaluate(landau.critical_lines[symbol("Delta")], {"T": 0.6, "J": 1}) == pytest.approx(0.172609243471069)


def test_blume_capel_tricritical_point_by_root_finding():
    found = expansion("blume-capel").tricritical(start={"T": 0.3, "Delta": 0.45}, dps=30)
    with mpmath.workdps(30):
        assert abs(found["T"] - mpmath.mpf(1) / 3) < 1e-25
        assert abs(found["Delta"] - 2 * mpmath.log(2) / 3) < 1e-25


def test_blume_capel_has_two_roots_near_its_tricritical_point():
    landau = expansion("blume-capel")
    assert landau.critical_temperatures({"Delta": 0.47}) == ()
    for Delta in (0.462, 0.4625, 0.46285):
        low, high = landau.critical_temperatures({"Delta": Delta})
        assert low < high
        for t in (low, high):
            assert -t * mpmath.log(t / (2 * (1 - t))) == pytest.approx(Delta, abs=1e-14)


@pytest.mark.parametrize("Delta, kind", [(0.3, "continuous"), (0.4625, "first-order"), (0.47, "none")])
def test_blume_capel_kind(Delta, kind):
    assert expansion("blume-capel").transition({"Delta": Delta}) == kind


def test_blume_emery_griffiths_tricritical_line():
    """T_t = J (1 + 2k)/(3 + 2k) with k = K/J; Blume, Emery and Griffiths, Phys. Rev. A 4, 1071 (1971)."""
    point = expansion("blume-emery-griffiths").criticality.tricritical.point
    K = symbol("K")
    assert sympy.cancel(point[T] - J * (J + 2 * K) / (3 * J + 2 * K)) == 0
    for k in (0, 1, 2):
        t = mpmath.mpf(1 + 2 * k) / (3 + 2 * k)
        Delta = -t * mpmath.log(t / (2 * (1 - t))) + k * t
        assert evaluate(point[symbol("Delta")], {"J": 1, "K": k}) == pytest.approx(float(Delta))


def test_bimodal_random_field_tricritical_point():
    """A. Aharony, Phys. Rev. B 18, 3318 (1978)."""
    found = expansion("random-field-ising").tricritical()
    assert found["T"] == pytest.approx(2 / 3) and found["h0"] == pytest.approx(0.438985965641606, abs=1e-15)
    assert found["a6"] > 0


@pytest.mark.parametrize("Gamma, expected", [(0.2, 0.986521384950573), (0.5, 0.910239226626837), (0.95, 0.518620998777855)])
def test_transverse_field_critical_temperature(Gamma, expected):
    landau = expansion("transverse-field-ising")
    assert landau.condition == sympy.Eq(sympy.tanh(symbol("Gamma") / T), symbol("Gamma") / J)
    assert landau.critical_temperature({"Gamma": Gamma}) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("sigma, expected", [(0.751627376321225, 0.3), (0.442601410300935, 0.8)])
def test_gaussian_random_field_critical_line(sigma, expected):
    found = expansion("random-field-ising-gaussian").critical_temperature({"sigma": sigma}, dps=12, range=(expected - 0.05, expected + 0.05))
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n", [2, 3, 7])
def test_vector_spins_order_at_J_over_n(n):
    assert expansion("n-vector", n=n).T_c == J / n


@pytest.mark.parametrize("q", [3, 4, 10])
def test_potts_has_a_cubic_term_beyond_two_colours(q):
    landau = expansion("potts", q=q)
    assert landau.cubic and landau.transition() == "first-order" and landau.T_c == J / q
    assert landau.equivalent == q - 1


def test_potts_with_two_colours_is_continuous():
    landau = expansion("potts", q=2)
    assert not landau.cubic and landau.T_c == J / 2 and landau.transition() == "continuous"


def test_p_spin_paramagnet_never_loses_stability():
    landau = expansion("p-spin-ferromagnet", p=4)
    assert landau.condition is None and landau.transition() == "none"
    with pytest.raises(InputError, match="stable at every temperature"):
        landau.critical_temperature()


@pytest.mark.parametrize("P", [2, 3, 5])
def test_multitasking_switches_from_pure_to_parallel_at_two_thirds(P):
    """E. Agliari et al., Phys. Rev. Lett. 109, 268101 (2012): T_c = 1 - d."""
    landau = expansion("multitasking-hopfield", P=P)
    d = symbol("d")
    assert landau.T_c == 1 - d
    assert landau.competition.threshold == {d: (sympy.Rational(2, 3),)}
    assert landau.competition.winner({"T": 0.4, "d": 0.6}) == "pure"
    assert landau.competition.winner({"T": 0.3, "d": 0.7}) == "parallel"


@pytest.mark.parametrize("P", [2, 3, 5])
def test_hopfield_retrieves_pure_patterns(P):
    """Below T_c = 1 the n-mixture has m^2 = 3(1 - T)/(3n - 2), and the pure state wins."""
    landau = expansion("hopfield-low-load", P=P)
    assert landau.T_c == 1 and landau.competition.winner({"T": 1}) == "pure"
    for n in (1, 2, 3):
        assert landau.competition.quartic(n).subs(T, 1) == sympy.Rational(3 * n - 2, 3)


@pytest.mark.parametrize("name", ["curie-weiss", "relativistic-curie-weiss", "blume-capel", "random-field-ising", "heisenberg",
                                  "transverse-field-ising", "blume-emery-griffiths"])
def test_order_parameter_follows_the_amplitude(name):
    """The solution of the full equations approaches B (1 - T/T_c)^(1/2), slope of the square included."""
    theory = theory_of(registry.load(name))
    landau = theory.landau()
    with mpmath.workdps(30):
        values = landau.values()
        top = landau.critical_temperature(dps=30)
        t = top * (1 - mpmath.mpf(10) ** -5)
        solution = _solved(theory, {**values, "T": t}, 0.004)
        at = {**values, "T": top}
        if landau.about.unknowns:
            at["q_0"] = top
        amplitude = landau.exponents().at(at)["order parameter"]
        assert solution / mpmath.sqrt(1 - t / top) == pytest.approx(float(amplitude), rel=1e-4)


def _solved(theory, values, start):
    names = [str(a) for a in theory.order_parameters]
    equations = [rhs - a for a, rhs in theory.equations.items()]
    guess = [start] + [mpmath.mpf(values["T"]) for _ in names[1:]]
    found = mpmath.findroot(lambda *x: [evaluate(e, {**values, **dict(zip(names, x))}) for e in equations], guess)
    return abs(found[0])


@pytest.mark.parametrize("name, structural, direction", [
    ("blume-capel", {}, None), ("multitasking-hopfield", {"P": 3}, {"m1": 1, "m2": 1, "m3": 1}),
    ("hopfield-low-load", {"P": 3}, {"m1": 1, "m2": 1}), ("potts", {"q": 4}, None), ("random-field-ising", {}, None),
])
def test_series_matches_the_legendre_transform(name, structural, direction):
    """df/dm from the series equals the field that the exact one-site response needs, at a small amplitude."""
    theory = theory_of(registry.load(name, **structural))
    landau = theory.landau(direction=direction)
    values = {**landau.values(), "T": 1.3}
    m = mpmath.mpf("0.004")
    series = sum(evaluate(a, values) * m ** (n - 1) for n, a in landau.coefficients.items())
    assert _conjugate_field(theory, landau, values, m) == pytest.approx(float(series), rel=1e-10)


def _conjugate_field(theory, landau, values, m):
    """Solve dP/dh = phi0 + m v + (orthogonal) with h orthogonal to the rest, by Newton in mpmath; project on v."""
    names = [a for a in theory.order_parameters if a not in theory.model.observables]
    fields = [h for a, h in zip(theory.order_parameters, theory.fields) if a in names]
    v = [landau.mode.direction.get(a, 0) for a in names]
    phi = [evaluate(landau.about.values[a], values) + m * mpmath.mpmathify(c) for a, c in zip(names, v)]
    base = [evaluate(-theory.energy.diff(a).subs(landau.about.values), values) for a in names]
    gradient = [theory.site_pressure.diff(h) for h in fields]
    silent = {str(h): 0 for h in set(theory.fields) - set(fields)}
    norm = sum(mpmath.mpmathify(c) ** 2 for c in v)

    def along(k):
        at = {**values, **silent, **{str(h): b + k * mpmath.mpmathify(c) for h, b, c in zip(fields, base, v)}}
        moved = [evaluate(g, at) - p for g, p in zip(gradient, phi)]
        return sum(mpmath.mpmathify(c) * x for c, x in zip(v, moved)) / norm

    with mpmath.workdps(20):
        k = mpmath.findroot(along, 0.01)
        at = {**values, **{str(a): p for a, p in zip(names, phi)}}
        force = [evaluate(theory.energy.diff(a), at) + b for a, b in zip(names, base)]
        return k * norm + sum(mpmath.mpmathify(c) * f for c, f in zip(v, force))


@pytest.mark.parametrize("options, message", [
    ({"order": 3}, "at least the fourth"), ({"direction": {"z": 1}}, "a direction gives components"),
    ({"about": {"m": 0.3}}, "does not solve"), ({"about": {"z": 0}}, "about names z"),
])
def test_bad_input_says_what_to_do(options, message):
    with pytest.raises(InputError, match=message):
        theory_of(registry.load("curie-weiss")).landau(**options)


@pytest.mark.parametrize("entry", [e for e in registry.available() if not e.model.couplings], ids=lambda e: e.name)
def test_every_built_in_model_expands(entry):
    landau = theory_of(entry.model).landau()
    assert set(landau.coefficients) == {2, 3, 4, 5, 6}
    assert landau.transition() in ("continuous", "first-order", "none") if "gaussian" not in entry.name else True
