"""Crossings of cumulants against the theory's transition, loops against its spinodals, fluctuations against susceptibilities."""

from dataclasses import replace

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")

from matplotlib.figure import Figure

from theory import InputError
from theory.models import load
from validate import binder_crossings, compare_susceptibility, exact, hysteresis
from validate.crossings import _crossing


@pytest.fixture(scope="module")
def crossings():
    return binder_crossings(
        "curie-weiss", along={"T": (0.95, 1.05, 7)}, sizes=(100, 200, 400), chains=32, sweeps=1500, seed=1, threads=1
    )


def test_crossings_tend_to_the_transition(crossings):
    c = crossings
    assert c.consistent and c.theory == pytest.approx(1, abs=1e-9) and c.error < 0.03
    for N, row in zip(c.sizes, c.cumulants):
        for T, e in zip(c.at, row):
            wanted = exact(load("curie-weiss"), N, T=T)
            assert abs(e.mean - 1 + wanted.fourth["m"] / (3 * wanted.second["m"] ** 2)) < 4.5 * e.error
    document = c.as_dict()
    assert len(document["cumulants"][0]) == 7 and document["consistent"] and "extrapolated" in repr(c)
    artists = c.plot(Figure().subplots())
    assert len(artists["curves"]) == 3 and artists["value"] is not None


def test_another_transition_is_refuted(crossings):
    assert replace(crossings, theory=1.1).consistent is False


def test_the_crossing_of_two_curves():
    at = np.linspace(0.9, 1.1, 9)
    curve = lambda N: np.tanh((0.97 - at) * np.sqrt(N) / 4)
    assert _crossing(at, curve(100), 0 * at + 0.01, curve(200), 0 * at + 0.01) == pytest.approx(0.97, abs=1e-3)
    assert np.isnan(_crossing(at, 0 * at, 0 * at + 0.01, 0 * at + 1, 0 * at + 0.01))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, along, options",
    [
        ("blume-capel", {"T": (0.5, 0.56)}, {"Delta": 0.3}),
        ("random-field-ising", {"T": (0.92, 1.0)}, {"h0": 0.2}),
        ("sherrington-kirkpatrick", {"T": (0.6, 1.15)}, {"sizes": (48, 96, 192), "chains": 256, "sweeps": 1500}),
    ],
)
def test_crossings_of_other_models(name, along, options):
    found = binder_crossings(name, along=along, **options)
    assert found.consistent is not False and (found.consistent or name == "sherrington-kirkpatrick")


@pytest.fixture(scope="module")
def loop():
    return hysteresis("curie-weiss", along={"h": (-0.3, 0.3, 31)}, T=0.6, size=500, sweeps=40, chains=8, seed=1, threads=1)


def test_a_loop_lies_between_the_spinodals(loop):
    """|h| = sqrt(1 - T) - T artanh sqrt(1 - T) at J = 1."""
    m = np.sqrt(0.4)
    assert loop.spinodals == pytest.approx((-(m - 0.6 * np.arctanh(m)), m - 0.6 * np.arctanh(m)), abs=1e-6)
    assert loop.consistent and loop.coexistence == pytest.approx(0, abs=1e-9) and loop.area > 0.3
    assert -0.2 < loop.jump_down < -0.1 and 0.1 < loop.jump_up < 0.2
    far = np.abs(loop.at) > 0.25
    assert np.abs(loop.up - loop.down)[far].max() < 0.01
    assert loop.as_dict()["consistent"] and "consistent" in repr(loop)
    assert len(loop.plot(Figure().subplots())["spinodals"]) == 2


def test_other_spinodals_are_refuted(loop):
    assert replace(loop, spinodals=(-0.05, 0.05)).consistent is False
    assert replace(loop, coexistence=0.25).consistent is False


def test_no_loop_without_a_transition():
    found = hysteresis("curie-weiss", along={"h": (-0.3, 0.3, 9)}, T=1.5, size=500, sweeps=40, chains=8, threads=1)
    assert found.consistent is None and found.jump_up is None and found.area < 0.01


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, along, options",
    [
        ("potts", {"T": (0.17, 0.31, 57)}, {"q": 5, "size": 2000}),
        ("blume-capel", {"Delta": (0.38, 0.56, 37)}, {"T": 0.2}),
        ("curie-weiss", {"h": (-0.3, 0.3)}, {"T": 0.6, "algorithm": "single-site", "chains": 8}),
    ],
)
def test_other_loops(name, along, options):
    assert hysteresis(name, along=along, **options).consistent


@pytest.mark.parametrize(
    "parameters, wanted", [({"T": 1.4}, 1 / 0.4), pytest.param({"T": 0.6, "h": 0.1}, None, marks=pytest.mark.slow)]
)
def test_susceptibility(parameters, wanted):
    """1/(T - 1) above T_c; with a field (1 - m^2) / (T - 1 + m^2)."""
    verdict = compare_susceptibility("curie-weiss", sizes=(100, 200, 400), sweeps=4000, seed=2, **parameters)
    (check,) = verdict.checks
    m = 0.0
    for _ in range(200):
        m = np.tanh((m + parameters.get("h", 0.0)) / parameters["T"])
    assert check.theory == pytest.approx(wanted or (1 - m**2) / (parameters["T"] - 1 + m**2)) and verdict.consistent


def test_a_wrong_susceptibility_fails():
    assert (
        compare_susceptibility("curie-weiss", T=1.4, sizes=(100, 200), sweeps=2000, theory_temperature_shift=0.05).verdict
        == "inconsistent"
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, parameters",
    [
        ("blume-emery-griffiths", {"T": 0.5}),
        ("potts", {"T": 0.25}),
        ("random-field-ising", {"T": 0.5}),
        ("xy", {"T": 0.7}),
        ("multitasking-hopfield", {"T": 0.3, "d": 0.4}),
    ],
)
def test_susceptibilities_of_other_models(name, parameters):
    assert compare_susceptibility(name, **parameters).consistent


@pytest.mark.parametrize(
    "work, message",
    [
        (lambda: compare_susceptibility("hopfield", T=0.5), "without quenched couplings"),
        (lambda: hysteresis("multitasking-hopfield", along={"d": (0.1, 0.5)}, T=0.3), "parameter of the disorder"),
        (lambda: hysteresis("curie-weiss", along={"h": (0.5, 0.1)}, T=0.3), "low < high"),
        (lambda: hysteresis("curie-weiss", along={"h": (0.1, 0.5)}, observable="q", T=0.3), "no order parameter"),
        (lambda: binder_crossings("curie-weiss", along={"T": (0.9, 1.1)}, sizes=(10, 20)), "three sizes"),
        (lambda: binder_crossings("curie-weiss", along={"T": (0.9, 1.1)}, observable="q"), "cumulants are those of m"),
        (lambda: binder_crossings("curie-weiss", along={"T": (0.9,)}), "along must be"),
    ],
)
def test_refusals(work, message):
    with pytest.raises(InputError, match=message):
        work()
