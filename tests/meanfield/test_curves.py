"""Curves in a plane of two parameters: closed forms and published points on them, conditions of the user, what they end on."""

import math

import numpy as np
import pytest

from meanfield import curves, phase_diagram
from theory.errors import InputError

PLANE = {"x": ("Delta", 0.0, 0.6), "y": ("T", 0.05, 1.1)}


def special(curve, kind):
    """The parameters and states of the only special point of a kind."""
    found, = (values for k, values in curve.special_points if k == kind)
    return found


def test_a_condition():
    """m = 1/2 where artanh(1/2) = (J/2 + h)/T."""
    curve, = curves("curie-weiss", "condition", x=("h", 0.0, 0.5), y=("T", 0.2, 1.6), condition="m - 1/2")
    h, T = curve.points.T
    assert T == pytest.approx((0.5 + h) / math.atanh(0.5), abs=1e-13) and curve.residual < 1e-14
    assert h.min() == 0 and T.max() == pytest.approx(1.6) and next(iter(curve))["m"] == pytest.approx(0.5)


def test_conditions_on_what_a_table_has():
    """chi_m = 3 above and below the critical point, from a text and from a function."""
    start = {"J": 1.0, "T": 4 / 3, "m": 0.0}
    plane = {"x": ("J", 0.5, 1.5), "y": ("T", 0.2, 2.6)}
    above, = curves("curie-weiss", "condition", condition="chi_m - 3", start=start, **plane)
    J, T = above.points.T
    assert pytest.approx(J + 1 / 3, abs=1e-13) == T
    below, = curves("curie-weiss", "condition", condition=lambda s, p: s["chi_m"] - 3, start={"J": 1.0, "T": 0.87, "m": 0.6}, **plane)
    (J, T), m = below.points.T, below.states["m"]
    assert (1 - m * m) / (T - J * (1 - m * m)) == pytest.approx(3, abs=1e-10)


def test_instability_with_its_special_points():
    """Blume-Capel: Delta = -T ln[T / (2(1-T))], tricritical at T = 1/3 (Blume 1966, Capel 1966), turning round beyond."""
    curve, = curves("blume-capel", "instability", **PLANE)
    delta, T = curve.points.T
    assert delta == pytest.approx(-T * np.log(T / (2 * (1 - T))), abs=1e-14)
    assert special(curve, "tricritical")["T"] == pytest.approx(1 / 3, abs=1e-13)
    turn = special(curve, "turning")["T"]
    assert math.log(turn / (2 * (1 - turn))) == pytest.approx(-1 / (1 - turn), abs=1e-9)


def test_equal_free_energies():
    """The first-order line of Blume and Capel passes T = 0.3, Delta = 0.466763507350991."""
    curve, = curves("blume-capel", "first-order", start={"T": 0.3, "Delta": 0.4667, "m": 0.4858}, other={"m": 0.0}, **PLANE)
    k = int(np.abs(curve.points[:, 1] - 0.3).argmin())
    f = lambda m, T, d: m * m / 2 - T * math.log1p(2 * math.exp(-d / T) * math.cosh(m / T))
    (delta, T), m = curve.points[k], curve.states["m"][k]
    assert f(m, T, delta) == pytest.approx(f(0.0, T, delta), abs=1e-15)


def test_curves_end_where_solutions_merge():
    """Multitasking: both instabilities end at d = 2/3, T = 1/3, where the states that lose their stability vanish."""
    start = {"d": 0.3, "T": 0.2127631350, "m1": 0.68, "m2": 0.0}
    curve, = curves("multitasking-hopfield", "instability", x=("d", 0.05, 0.95), y=("T", 0.05, 1.1), start=start)
    assert "merge" in curve.ends and curve.points[:, 0].max() < 2 / 3 and curve.points[:, 0].max() > 0.65


def test_the_line_of_de_almeida_and_thouless():
    """At J0 = 0: h = 0.5699338303 at T = 0.5 (de Almeida and Thouless 1978)."""
    start = {"T": 0.5, "h": 0.57, "m": 0.467, "q": 0.641}
    curve, = curves("sherrington-kirkpatrick", "at", x=("h", 0.4, 0.7), y=("T", 0.4, 0.6), start=start)
    z = np.arange(-100, 101) / 10
    for (h, T), m, C in zip(curve.points, curve.states["m"], curve.states["C"]):
        t = np.tanh((np.sqrt(1 - C * T) * z + h) / T)
        mean = lambda f: f @ np.exp(-z * z / 2) / 10 / math.sqrt(2 * math.pi)
        assert (mean(t), T * mean((1 - t * t) ** 0) - mean(1 - t * t) - T + T * C) == pytest.approx((m, 0), abs=1e-12)
        assert mean((1 - t * t) ** 2) == pytest.approx(T * T, abs=1e-12)
    assert np.interp(0.5, np.sort(curve.points[:, 1]), np.sort(curve.points[:, 0])[::-1]) == pytest.approx(0.5699338303, abs=1e-3)


def test_re_entrance_of_retrieval():
    """The Hopfield model's spinodal turns at alpha = 0.138188511165, and crosses the line of de Almeida and Thouless."""
    start = {"alpha": 0.138, "T": 0.03, "m": 0.967, "q": 0.99}
    curve, = curves("hopfield", "fold", x=("alpha", 0.12, 0.15), y=("T", 0.01, 0.1), start=start)
    assert special(curve, "turning")["alpha"] == pytest.approx(0.138188511165, abs=1e-12)
    assert special(curve, "turning")["T"] == pytest.approx(0.0228736, abs=1e-7)
    assert special(curve, "replicon")["T"] == pytest.approx(0.02506837, abs=1e-8)


def test_equal_free_energies_with_couplings():
    """The Hopfield model's first-order line passes T = 0.6 at alpha = 0.01926348576585431 and T = 0.4 at 0.03704659845193."""
    curve, = curves("hopfield", "first-order", x=("alpha", 0.01, 0.06), y=("T", 0.35, 0.65))
    for T, alpha in ((0.6, 0.01926348576585431), (0.4, 0.03704659845193489)):
        near = np.argsort(np.abs(curve.points[:, 1] - T))[:6]
        assert np.polynomial.Polynomial.fit(curve.points[near, 1], curve.points[near, 0], 5)(T) == pytest.approx(alpha, abs=1e-7)


@pytest.mark.parametrize(("kind", "given", "said"), [
    ("cusp", {}, "unknown kind of curve"), ("condition", {}, "needs condition="), ("fold", {"condition": "m"}, "needs condition="),
    ("at", {}, "without quenched couplings"), ("condition", {"condition": "m + x"}, "x"), ("fold", {"start": {"m": 0.5}}, "needs a value for"),
    ("first-order", {"start": {"Delta": 0.4, "T": 0.3, "m": 0.5}}, "other="),
])
def test_what_is_refused(kind, given, said):
    """One line each."""
    with pytest.raises(InputError, match=said) as caught:
        curves("blume-capel", kind, **PLANE, **given)
    assert "\n" not in str(caught.value)


def test_curves_in_a_diagram(tmp_path):
    """A condition is a line of the diagram, in its JSON and in its picture, and no curve of another plane is taken."""
    plane = {"x": ("h", -0.4, 0.4, 5), "y": ("T", 0.4, 1.4, 5)}
    found = curves("curie-weiss", "condition", condition="m - 1/2", start={"h": 0.2, "T": 0.7 / math.atanh(0.5), "m": 0.5}, **plane)
    diagram = phase_diagram("curie-weiss", sections=(0.3,), **plane).with_curves(found)
    line, = diagram.lines_of("condition")
    assert line.as_dict()["between"] == ["m - 1/2"] and len(line.points) == len(found[0])
    pytest.importorskip("matplotlib").use("Agg")
    drawn = [t.get_text() for t in diagram.plot().axes.get_legend().get_texts()]
    assert "m - 1/2 = 0" in drawn
    with pytest.raises(InputError, match="expected curves in h and T"):
        diagram.with_curves(curves("curie-weiss", "condition", condition="m - 1/2", start={"J": 1, "T": 0.91, "m": 0.5},
                                   x=("J", 0.5, 1.5), y=("T", 0.2, 1.6)))
