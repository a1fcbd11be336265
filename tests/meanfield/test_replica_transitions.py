"""Transitions of models with quenched couplings along one parameter, replica symmetric."""

import math

import pytest

from meanfield.transitions import transitions
from theory.errors import InputError


def place(found, kind, i=0):
    """Where the i-th transition of a kind lies."""
    value, = found.of(kind)[i].at.values()
    return value


def test_capacity_and_first_order_line_of_hopfield_at_zero_temperature():
    found = transitions("hopfield", along={"alpha": (0.04, 0.16)}, T=0)
    assert place(found, "spinodal") == pytest.approx(0.1379055664949317, abs=1e-13)
    assert place(found, "first-order") == pytest.approx(0.05185433091891706, abs=1e-13)
    assert {(t.before, t.after) for t in found} == {("retrieval", "spin-glass")}
    assert [t.equilibrium for t in found] == [True, False]


def test_glass_transition_of_hopfield():
    found = transitions("hopfield", along={"T": (1.1, 1.5)}, alpha=0.1)
    assert place(found, "continuous") == pytest.approx(1 + math.sqrt(0.1), abs=1e-13)
    assert place(found, "at") == place(found, "continuous")
    assert (found[0].before, found[0].after) == ("spin-glass", "paramagnetic")


def test_retrieval_loses_replica_symmetry_at_low_temperature():
    found = transitions("hopfield", along={"T": (0.001, 0.03)}, alpha=0.12)
    assert place(found, "at") == pytest.approx(0.00498793, abs=5e-9)


def test_de_almeida_thouless_line():
    found = transitions("sherrington-kirkpatrick", along={"h": (0.4, 0.8)}, T=0.5, J0=0)
    assert place(found, "at") == pytest.approx(0.5699338303, abs=5e-11)
    assert (found[0].before, found[0].after) == ("spin-glass", "paramagnetic")


def test_entropy_of_the_replica_symmetric_glass_vanishes():
    found = transitions("sherrington-kirkpatrick", along={"T": (0.2, 1.1)}, J0=0, h=0)
    assert place(found, "zero-entropy") == pytest.approx(0.2716021290, abs=5e-11)
    assert place(found, "continuous") == pytest.approx(1, abs=1e-12)


def test_boundary_between_glass_and_ferromagnet():
    found = transitions("sherrington-kirkpatrick", along={"J0": (0.9, 1.4)}, T=0.5, h=0)
    assert place(found, "continuous") == pytest.approx(1.0646642848, abs=1e-10)
    assert place(found, "at") == pytest.approx(1.220365172, abs=5e-10)
    assert [t.before for t in found] == ["spin-glass", "mixed"]


def test_ferromagnet_ends_at_its_curie_temperature():
    found = transitions("sherrington-kirkpatrick", along={"T": (1.2, 1.8)}, J0=1.5, h=0)
    assert place(found, "continuous") == pytest.approx(1.5, abs=1e-10)
    assert (found[0].before, found[0].after, found[0].equilibrium) == ("ferromagnetic", "paramagnetic", True)


@pytest.mark.parametrize("kappa", [-0.5, 0.0, 1.0])
def test_capacity_of_the_spherical_perceptron(kappa):
    tail = 0.5 * math.erfc(-kappa / math.sqrt(2))
    expected = 1 / ((1 + kappa**2) * tail + kappa * math.exp(-(kappa**2) / 2) / math.sqrt(2 * math.pi))
    found = transitions("perceptron-spherical", along={"alpha": (0.5 * expected, 1.2 * expected)}, kappa=kappa)
    assert place(found, "capacity") == pytest.approx(expected, rel=1e-14)


def test_binary_perceptron():
    found = transitions("perceptron-binary", along={"alpha": (0.5, 1.4)}, kappa=0)
    assert place(found, "zero-entropy") == pytest.approx(0.8330785997, abs=5e-11)
    assert place(found, "at") == pytest.approx(1.01465361, abs=5e-9)
    assert place(found, "capacity") == pytest.approx(4 / math.pi, rel=1e-13)


def test_learning_from_a_binary_teacher():
    found = transitions("teacher-student-binary", along={"alpha": (1.0, 1.7)})
    assert place(found, "first-order") == pytest.approx(1.2446839899, abs=5e-10)
    assert place(found, "spinodal") == pytest.approx(1.4926318182, abs=5e-11)


@pytest.mark.parametrize("low", [0, 0.1])
def test_perfect_generalisation_is_a_phase_at_small_loads(low):
    found = transitions("teacher-student-binary", along={"alpha": (low, 2)})
    assert place(found, "first-order") == pytest.approx(1.24468398985, abs=1e-9)
    assert (found.of("spinodal")[0].before, found.of("spinodal")[0].after) == ("paramagnetic", "ferromagnetic")


def test_bipartite_glass():
    found = transitions("bipartite-sk", along={"T": (0.5, 1.2)}, alpha=0.5)
    assert place(found, "continuous") == pytest.approx(0.5**0.25, abs=1e-12)


def test_dense_network():
    found = transitions("dense-hopfield", along={"a": (0.1, 0.35)}, T=0, p=3)
    assert place(found, "spinodal") == pytest.approx(0.252190430770671, abs=1e-13)


def test_ranges_are_checked():
    with pytest.raises(InputError, match="both set and ranged"):
        transitions("hopfield", along={"alpha": (0, 0.1)}, alpha=0.05)
    with pytest.raises(InputError, match="no parameter"):
        transitions("hopfield", along={"gamma": (0, 0.1)})
    with pytest.raises(InputError, match="no temperature"):
        transitions("perceptron-binary", along={"T": (0, 0.1)})
    with pytest.raises(InputError, match="no quenched couplings"):
        transitions("curie-weiss", along={"T": (0.5, 1.5)}, ansatz="1rsb")


@pytest.mark.parametrize("low, high", [(0.999, 1.001), (0.99, 1.01), (0.5, 100.0)])
def test_the_glass_transition_is_found_in_narrow_and_wide_ranges(low, high):
    found = transitions("sherrington-kirkpatrick", along={"T": (low, high)})
    assert [(t.kind, t.before, t.after) for t in found] == [("continuous", "spin-glass", "paramagnetic"), ("at", "spin-glass", "paramagnetic")]
    assert place(found, "continuous") == pytest.approx(1.0, abs=1e-11)


def test_what_happens_to_states_without_signal_that_are_unstable_is_no_transition():
    found = transitions("sherrington-kirkpatrick", along={"T": (0.8, 1.4)}, J0=1.2)
    assert [(t.kind, t.before, t.after) for t in found] == [("continuous", "ferromagnetic", "paramagnetic")]


SYMMETRIC = """
name = "symmetric perceptron"
[parameters]
alpha = 0.5
kappa = 0.5
[site]
w = [-1, 1]
[order_parameters]
[energy]
density = "0"
[[couplings]]
kind = "constraints"
load = "alpha"
gate = "step(u + kappa)*step(kappa - u)"
"""


def test_a_branch_that_passes_no_anchor_is_found_beside_its_origin(tmp_path):
    path = tmp_path / "symmetric.toml"
    path.write_text(SYMMETRIC)
    found = transitions(str(path), along={"alpha": (0.1, 4.0)})
    assert place(found, "continuous") == place(found, "at") == pytest.approx(1.18298913304, abs=1e-10)
