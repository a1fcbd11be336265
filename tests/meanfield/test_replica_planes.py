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


SPIN_ONE = """
name = "spin-1 glass"
[parameters]
J0 = 0.0
D = 0.0
[site]
S = [-1, 0, 1]
[order_parameters]
m = "S"
[energy]
density = "-J0*m**2/2"
site = "D*S**2"
[[couplings]]
kind = "gaussian"
overlap = "q"
covariance = "q**2/2"
"""


@pytest.mark.slow
def test_spin_one_glass(tmp_path):
    """Its line of continuous transitions D = 1/2 + T log(2 (1 - T)/T) ends at a tricritical point T = 1/3, D = (3/2 + log 4)/3."""
    path = tmp_path / "spin-one.toml"
    path.write_text(SPIN_ONE)
    crossing = transitions(str(path), D=0.955, along={"T": (0.2, 0.6)})
    assert [(t.kind, round(t.at["T"], 6)) for t in crossing] == [("first-order", 0.282758), ("continuous", 0.365332), ("at", 0.365332)]
    d = phase_diagram(str(path), x=("D", 0.5, 1.1, 9), y=("T", 0.1, 0.7, 9))
    point, = (p for p in d.special_points if p.kind == "tricritical")
    assert point.at == pytest.approx((0.9620981203732969, 1 / 3), abs=1e-5)
    line, = d.lines_of("continuous")
    D, T = line.points.T
    assert T.min() == pytest.approx(1 / 3, abs=1e-5) and D == pytest.approx(0.5 + T * np.log(2 * (1 - T) / T), abs=1e-7)


@pytest.mark.slow
def test_p_spin_glass_in_a_field():
    """Static and dynamic lines from their values at h = 0 to where they meet the de Almeida-Thouless line."""
    d = phase_diagram("spherical-p-spin-glass", p=3, ansatz="1rsb", x=("h", 0, 0.6, 9), y=("T", 0.05, 0.8, 9))
    for kind, T in (("static", 0.586053972417364), ("dynamic", 0.612372435695795)):
        assert min(line.points[:, 0].min() for line in d.lines_of(kind)) < 1e-2
        start = min((tuple(p) for line in d.lines_of(kind) for p in line.points))
        assert start[1] == pytest.approx(T, abs=1e-3)
    point, = (p for p in d.special_points if p.kind == "tricritical")
    assert point.at == pytest.approx((6**-0.5, 2 / 3), abs=1e-3)


def test_triple_point(dense):
    """Where retrieval, the glass and the paramagnet have one free energy."""
    point, = (p for p in dense.special_points if p.kind == "triple")
    assert set(point.between) == {"retrieval", "spin-glass", "paramagnetic"}
    assert point.at == pytest.approx((0.24583363, 0.18936565), abs=1e-6)
    ends = [line.points[k] for line in dense.lines_of("first-order") for k in (0, -1)]
    assert sum(np.abs(end - point.at).max() < 1e-12 for end in ends) == 3
