"""Retrieval along the load and from a distance: final overlaps and their figures."""

import numpy as np
import pytest

from theory.errors import InputError
from validate import basin, capacity_curve


def test_capacity_curve():
    found = capacity_curve("hopfield", (0.05, 0.1, 0.3), T=0.1, size=400, samples=8, sweeps=50)
    assert found.overlap[0] == pytest.approx(found.theory[0], abs=0.005)
    assert np.isnan(found.theory[2]) and found.overlap[2] < 0.8
    assert (np.diff(found.overlap) < 0).all() and found.retrieved[0] == 1


def test_basin_of_attraction():
    found = basin("hopfield", (0.1, 0.9), T=0.1, alpha=0.08, size=400, samples=8, sweeps=50)
    assert found.retrieved[0] < 0.5 and found.retrieved[1] == 1
    assert basin("hopfield", (0.9,), T=0.1, alpha=0.08, size=400, samples=8, sweeps=50).overlap[0] == found.overlap[1]


def test_the_state_ends_with_temperature():
    """Along T the chains leave the pattern where the theory's retrieval state has ended; the document and the arrays are as they are."""
    found = capacity_curve("hopfield", (0.2, 0.4, 0.9), parameter="T", alpha=0.05, size=400, samples=8, sweeps=50)
    assert np.isfinite(found.theory[:2]).all() and np.isnan(found.theory[2]) and 0.4 < found.edge < 0.9
    assert np.abs(found.overlap - found.theory)[:2].max() < 0.02
    assert found.as_dict()["edge"] == found.edge and found.as_dict()["along"] == "T"
    with pytest.raises(ValueError):
        found.overlap[0] = 0


def test_bad_input():
    with pytest.raises(InputError, match="between 0 and 1"):
        basin("hopfield", (1.5,), T=0.1)
    with pytest.raises(InputError, match="nothing to retrieve"):
        capacity_curve("bipartite-sk", (0.5,), T=0.1)


def test_figure():
    plt = pytest.importorskip("matplotlib.pyplot")
    found = capacity_curve("hopfield", (0.05, 0.1), T=0.1, size=100, samples=4, sweeps=20)
    fig, ax = plt.subplots()
    assert set(found.plot(ax)) == {"points", "theory"}
    plt.close(fig)
