"""Every solution on a grid at once, against the search at single points."""

import numpy as np
import pytest

from meanfield import grid, solutions
from theory.errors import InputError


@pytest.mark.parametrize(("model", "x", "y", "fixed"), [
    ("curie-weiss", {"h": (-0.5, 0.5, 20)}, {"T": (0.1, 1.37, 27)}, {}),
    ("blume-capel", {"Delta": (0.3, 0.6, 13)}, {"T": (0.1, 0.8, 15)}, {}),
    ("multitasking-hopfield", {"d": (0.05, 0.95, 10)}, {"T": (0.1, 1.0, 10)}, {"P": 2}),
    ("random-field-ising", {"h0": (0.05, 0.6, 12)}, {"T": (0.1, 1.0, 10)}, {}),
    ("random-field-ising-gaussian", {"sigma": (0.1, 1, 7)}, {"T": (0.1, 1, 7)}, {}),
])
def test_same_solutions_as_at_single_points(model, x, y, fixed):
    """Number, order parameters, stability and free energy, at points of the grid taken at random."""
    found = grid(model, x, y, **fixed)
    names = [name for name in found if name not in ("stable", "equilibrium", "solutions", "free_energy")]
    (a, _), (b, _) = *x.items(), *y.items()
    assert found.incomplete == 0
    for i, j in np.random.default_rng(0).integers(0, (found.sizes[a], found.sizes[b]), size=(6, 2)):
        here = found.isel({a: i, b: j})
        wanted = solutions(model, **{a: float(here[a]), b: float(here[b])}, **fixed)
        assert int(here.solutions) == len(wanted)
        states = np.array([here[name] for name in names]).T
        for s in wanted:
            distance = [np.nanmax(np.abs(np.sort(np.abs(state)) - np.sort(np.abs(s.values)))) for state in states[: len(wanted)]]
            k = int(np.argmin(distance))
            assert distance[k] < 1e-7 and abs(float(here.free_energy[k]) - s.free_energy) < 1e-9
        assert float(here.free_energy.where(here.equilibrium).max()) == pytest.approx(wanted[0].free_energy, abs=1e-10)


def test_energies_are_left_out_on_request():
    assert "free_energy" not in grid("curie-weiss", {"h": (-0.5, 0.5, 5)}, {"T": (0.3, 1, 5)}, free_energies=False)


@pytest.mark.parametrize(("model", "x", "y", "words"), [
    ("hopfield", {"alpha": (0.01, 0.1)}, {"T": (0.1, 1)}, "quenched couplings"), ("curie-weiss", {"h": (0, 1)}, {"T": (0, 1)}, "T > 0"),
    ("curie-weiss", {"h": (0, 1)}, {"K": (0, 1)}, "K"),
])
def test_what_has_no_grid_is_refused(model, x, y, words):
    with pytest.raises(InputError, match=words):
        grid(model, x, y)
