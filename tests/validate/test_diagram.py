"""A whole phase diagram against simulations: where the points lie, the document, the figure, and a wrong theory."""

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")

from matplotlib.figure import Figure

from meanfield import phase_diagram
from theory import InputError
from validate import compare_diagram
from validate.diagram import chosen_points

QUICK = {"sizes": (100, 200, 400), "sweeps": 400, "chains": 32, "threads": 1}


@pytest.fixture(scope="module")
def diagram():
    return phase_diagram("curie-weiss", x=("h", -0.5, 0.5, 13), y=("T", 0.3, 1.5, 13), sections=(0.3,))


@pytest.fixture(scope="module")
def found(diagram):
    return compare_diagram(diagram, **QUICK)


def test_points_lie_in_every_phase_and_beside_every_line(diagram):
    chosen = chosen_points(diagram, 2, 0.1)
    inside = [p for p, where in chosen if where == "phase"]
    assert len(inside) == 4 and sorted(p[0] > 0.5 for p in inside) == [False, False, True, True]
    left, right = sorted((tuple(p) for p, where in chosen if where == "first-order"))
    assert left[0] == pytest.approx(0.4) and right[0] == pytest.approx(0.6) and left[1] == pytest.approx(right[1])


def test_the_theory_is_confirmed_at_every_point(found):
    assert found.consistent and len(found.places) == 4
    document = found.as_dict()
    assert document["verdict"] == "consistent" and {c["point"]["h"] > 0 for c in document["checks"]} == {True, False}
    assert all({"observable", "theory", "measured", "error", "z", "consistent", "point"} <= set(c) for c in document["checks"])
    assert {p["phase"] for p in document["points"]} == {"ferromagnetic (m > 0)", "ferromagnetic (m < 0)"}
    assert "consistent" in repr(found)


def test_figure(found):
    artists = found.plot(Figure().subplots(1, 2))
    assert len(artists["points"]) == 4 and len(artists["residuals"].get_offsets()) == len(found.as_dict()["checks"])
    assert "residuals" not in found.plot(Figure().subplots())


def test_a_wrong_theory_fails(diagram):
    assert compare_diagram(diagram, theory_temperature_shift=0.1, **QUICK).verdict == "inconsistent"


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, x, y, parameters",
    [
        ("multitasking-hopfield", ("d", 0.02, 0.9), ("T", 0.05, 0.9), {"P": 2}),
        ("hopfield", ("alpha", 0.005, 0.15), ("T", 0.1, 1.2), {"budget": 10.0}),
    ],
)
def test_other_diagrams(name, x, y, parameters):
    """No point refutes the theory, and most confirm it."""
    verdict = compare_diagram(name, x=x, y=y, **parameters)
    words = [place.verdict.verdict for place in verdict.places]
    assert "inconsistent" not in words and np.mean([w == "consistent" for w in words]) > 0.6


@pytest.mark.parametrize(
    "options, message", [({}, "both x="), ({"x": ("h", 0, 1), "y": ("T", 0.1, 1), "points": 0}, "at least one point")]
)
def test_refusals(options, message):
    with pytest.raises(InputError, match=message):
        compare_diagram("curie-weiss", **options)
