"""Transitions of models with quenched couplings: one step of replica symmetry breaking, and tables of capacities."""

import math

import pytest

from meanfield.transitions import transitions

pytestmark = pytest.mark.slow


def place(found, kind, i=0):
    """Where the i-th transition of a kind lies."""
    value, = found.of(kind)[i].at.values()
    return value


def test_three_transitions_of_the_p_spin_glass():
    found = transitions("p-spin-glass", along={"T": (0.2, 0.75)}, p=3, ansatz="1rsb")
    assert [t.kind for t in found] == ["gardner", "static", "dynamic"]
    for kind, expected in (("gardner", 0.240260036), ("static", 0.651385227), ("dynamic", 0.681598041)):
        assert place(found, kind) == pytest.approx(expected, abs=5e-10)


@pytest.mark.parametrize("p, dynamic, static", [(5, 0.700141707, 0.606951730), (10, 0.838289828, 0.600687751)])
def test_transitions_of_p_spin_glasses(p, dynamic, static):
    found = transitions("p-spin-glass", along={"T": (0.3, 0.9)}, p=p, ansatz="1rsb")
    assert place(found, "dynamic") == pytest.approx(dynamic, abs=6e-10)
    assert place(found, "static") == pytest.approx(static, abs=6e-10)


def test_spherical_p_spin_glass():
    found = transitions("spherical-p-spin-glass", along={"T": (0.3, 0.75)}, p=3, ansatz="1rsb")
    assert place(found, "dynamic") == pytest.approx(math.sqrt(3 / 8), abs=1e-13)
    assert place(found, "static") == pytest.approx(0.586053972417364, abs=1e-13)


def test_one_step_capacity_of_hopfield():
    found = transitions("hopfield", along={"alpha": (0.04, 0.15)}, T=0, ansatz="1rsb")
    assert place(found, "spinodal") == pytest.approx(0.1381864896, abs=5e-11)


@pytest.mark.parametrize("p, capacity, first", [(3, 0.3074745247, 0.28161378), (5, 0.1954381734, 0.14721977)])
def test_one_step_capacity_of_dense_networks(p, capacity, first):
    found = transitions("dense-hopfield", along={"a": (0.1, 0.35)}, T=0, p=p, ansatz="1rsb")
    assert place(found, "spinodal") == pytest.approx(capacity, abs=5e-11)
    assert place(found, "first-order") == pytest.approx(first, abs=5e-9)


TABLE = ((0.01, 0.13809899098, 0.0521336), (0.1, 0.1350491898, 0.0530916),
         (0.4, 0.0810372083, 0.0370466), (0.8, 0.0101008540, 0.0053701))


@pytest.mark.parametrize("T, spinodal, first", TABLE)
def test_lines_of_hopfield(T, spinodal, first):
    found = transitions("hopfield", along={"alpha": (0, 0.2)}, T=T)
    assert place(found, "spinodal") == pytest.approx(spinodal, abs=6e-11)
    assert place(found, "first-order") == pytest.approx(first, abs=6e-8)


def test_retrieval_is_reentrant():
    found = transitions("hopfield", along={"T": (0, 0.1)}, alpha=0.138)
    assert len(found.of("spinodal")) == 2
    assert place(found, "at") == pytest.approx(0.02202794, abs=6e-9)


CAPACITIES = (
    ("bam", "alpha", dict(g=1.0), 0.199801544140), ("bam", "alpha", dict(g=2.0), 0.17191058),
    ("bam", "alpha", dict(g=3.0), 0.13695107),
    ("hopfield-biased", "alpha", dict(b=0.2), 0.10501956), ("hopfield-biased", "alpha", dict(b=0.6), 0.01726512),
    ("dreaming-hopfield", "alpha", dict(t=0.5), 0.27310397), ("dreaming-hopfield", "alpha", dict(t=5.0), 0.74736098),
    ("hebbian-supervised", "alpha", dict(rho=0.05), 0.09914869), ("hebbian-supervised", "alpha", dict(rho=0.5), 0.00906927),
    ("relativistic-hopfield", "alpha", {}, 0.13790557), ("dense-hopfield", "a", dict(p=6), 0.157679536576195),
)


@pytest.mark.parametrize("model, name, fixed, capacity", CAPACITIES)
def test_capacities_at_zero_temperature(model, name, fixed, capacity):
    found = transitions(model, along={name: (0.2 * capacity, 1.4 * capacity)}, T=0, **fixed)
    assert place(found, "spinodal") == pytest.approx(capacity, abs=6e-9)
