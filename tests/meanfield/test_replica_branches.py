"""Branches of models with quenched couplings along one parameter: rows against known numbers, special points, tables."""

import numpy as np
import pytest

from meanfield.branches import branches, continuation, switch
from theory.errors import InputError


@pytest.fixture(scope="module")
def hopfield():
    return branches("hopfield", along={"alpha": (0.01, 0.12, 12)}, T=0.2)


@pytest.fixture(scope="module")
def glass():
    return branches("sherrington-kirkpatrick", along={"T": (0.2, 1.4, 13)}, J0=0.0)


def branch_of(found, kind):
    return next(b for b in found if b.kind == kind)


def test_rows_solve_the_equations(hopfield):
    """Retrieval and glass at alpha = 0.05 and 0.1."""
    row = lambda kind, alpha: next(r for r in branch_of(hopfield, kind).rows() if abs(r["alpha"] - alpha) < 1e-12 and r["stable"])
    assert row("retrieval", 0.05)["m"] == pytest.approx(0.998877763094, abs=1e-11)
    assert row("retrieval", 0.1)["free_energy"] == pytest.approx(-0.551040655519, abs=1e-11)
    assert row("spin-glass", 0.1)["q"] == pytest.approx(0.854162643366, abs=1e-10)
    assert row("retrieval", 0.1)["r"] == pytest.approx(1.157809032241, abs=1e-9)


def test_derivatives(glass):
    """c = du/dT along a branch at fixed parameters; the susceptibility of a glass without bias is (1 - q)/T."""
    b = branch_of(glass, "spin-glass")
    T, inner = b["T"], (b["T"] > 0.25) & (b["T"] < 0.85)
    c = np.gradient(b["energy"], T, edge_order=2)
    assert np.abs(c - b["specific_heat"])[inner].max() < 0.02
    assert np.abs(b["chi_m"] - (1 - b["q"]) / T)[inner].max() < 1e-5
    assert b["replicon"][np.argmin(np.abs(T - 0.5))] == pytest.approx(-0.362673, abs=1e-6)


def test_entropy_vanishes(glass):
    """A special point where the entropy of the replica-symmetric glass changes its sign."""
    b = branch_of(glass, "spin-glass")
    point = next(p for p in b.special_points if p.kind == "zero-entropy")
    assert point.at["T"] == pytest.approx(0.2716021290, abs=1e-9)
    assert abs(b["entropy"][point.row]) < 1e-10


def test_folds():
    """A branch goes through its fold, where retrieval ends."""
    b = branch_of(branches("hopfield", along={"alpha": (0.02, 0.15, 14)}, T=0.4), "retrieval")
    fold = next(p for p in b.special_points if p.kind == "fold")
    assert fold.at["alpha"] == pytest.approx(0.0810372083349828, abs=1e-10)
    assert b["stable"].any() and not b["stable"].all()


def test_de_almeida_thouless_point():
    """Where the replicon vanishes along a field."""
    b, = branches("sherrington-kirkpatrick", along={"h": (0.1, 1.5, 8)}, T=0.5, J0=0.0)
    assert [p.at["h"] for p in b.special_points if p.kind == "at"] == pytest.approx([0.5699338303], abs=1e-9)


def test_start_chooses_a_branch(hopfield):
    found = branches("hopfield", along={"alpha": (0.01, 0.12, 12)}, T=0.2, start={"m": 1.0, "q": 1.0})
    assert len(found) == 1 and found[0].kind == "retrieval"


def test_table_and_picture(hopfield, tmp_path):
    """CSV with all columns; a figure with means and overlaps."""
    from meanfield.plot import plot_branches, save

    header = hopfield.to_csv().splitlines()[0].split(",")
    assert {"branch", "alpha", "m", "q", "r", "free_energy", "entropy", "energy", "specific_heat", "chi_m", "replicon", "stable", "kind"} <= set(header)
    assert hopfield.as_dict()["branches"][0]["points"]
    assert save(plot_branches(hopfield), tmp_path / "b.png").stat().st_size > 10000


def test_wrong_input():
    with pytest.raises(InputError, match="both set and ranged"):
        branches("hopfield", along={"alpha": (0, 0.1)}, alpha=0.05, T=0.3)
    with pytest.raises(InputError, match="no quenched couplings"):
        branches("curie-weiss", along={"T": (0.1, 2)}, ansatz="1rsb")


def test_onset_of_the_glass_from_either_side(glass):
    """Overlaps appear at T = J: the end of one branch, the instability of the other; each leads to the other."""
    for kind, other in (("paramagnetic", "spin-glass"), ("spin-glass", "paramagnetic")):
        branch = branch_of(glass, kind)
        point, = [p for p in branch.special_points if p.kind == "at"]
        assert point.at["T"] == pytest.approx(1, abs=1e-12) and point.order_parameters["q"] == pytest.approx(0, abs=1e-12)
        assert [b.kind for b in switch(branch, point)] == [other]


def test_events_of_the_user_with_couplings():
    """An overlap, and the replicon where it is not zero, at values of the temperature that solve the equations there."""
    import meanfield

    b, = branches("sherrington-kirkpatrick", along={"T": (0.4, 1.0, 4)}, h=0.3, events={"half": "q - 1/2", "far": "replicon - 1/4"})
    special = {p.kind: p for p in b.special_points}
    assert set(special) == {"half", "far", "at"} and special["half"].order_parameters["q"] == pytest.approx(0.5, abs=1e-11)
    assert meanfield.solve("sherrington-kirkpatrick", T=special["far"].at["T"], h=0.3).replicon == pytest.approx(0.25, abs=1e-9)
    rows = continuation("sherrington-kirkpatrick", along={"T": (0.4, 1.0)}, h=0.3)
    assert [row["special"] for row in rows if row["special"]] == ["at"]
