"""Phase diagrams of models with quenched couplings in planes where artefacts of the ansatz, broken states or special points matter."""

import numpy as np
import pytest

from meanfield.phase_diagram import phase_diagram
from meanfield.transitions import transitions


def on(diagram, kind, between, name, value):
    """Places where a parameter has a value on the lines of a kind between two phases."""
    lines = [line for line in diagram.lines_of(kind) if set(line.between) == set(between)]
    return np.vstack([line.at(name, value) for line in lines])


@pytest.fixture(scope="module")
def dense():
    return phase_diagram("dense-hopfield", p=3, x=("a", 0, 0.5, 21), y=("T", 0, 0.7, 21))


def test_limit_of_dense_retrieval(dense):
    """T at given loads, the load at T = 0 (max over m of m^4/(2 erfinv(m)^2)), and T of the ferromagnet of three spins."""
    limits = ("retrieval", "paramagnetic")
    for a, T in ((0.05, 0.55709), (0.1, 0.53079), (0.15, 0.50288), (0.2, 0.47187), (0.25, 0.43414)):
        assert on(dense, "spinodal", limits, "a", a)[0, 1] == pytest.approx(T, abs=6e-6)
    assert on(dense, "spinodal", ("retrieval", "spin-glass"), "T", 0)[0, 0] == pytest.approx(0.252190430770671, abs=1e-12)
    assert on(dense, "spinodal", limits, "a", 0)[0, 1] == pytest.approx(0.582582908365149, abs=1e-12)
    assert on(dense, "first-order", limits, "a", 0)[0, 1] == pytest.approx(0.495969169753988, abs=1e-6)


def test_artefacts_of_replica_symmetry_bound_nothing(dense):
    """Solutions of small overlap, with replica symmetry unstable or negative entropy at any temperature, are no states."""
    assert {line.between for line in dense.lines_of("spinodal")} == {("retrieval", "spin-glass"), ("retrieval", "paramagnetic")}
    found = transitions("dense-hopfield", p=3, a=0.27, along={"T": (0.1, 0.6)})
    assert [round(t.at["T"], 4) for t in found if t.kind == "spinodal"] == [0.4148]
