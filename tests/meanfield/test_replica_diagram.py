"""Phase diagrams of models with quenched couplings: lines against independent solutions, phases, what files hold."""

import json

import numpy as np
import pytest

import meanfield
from meanfield.phase_diagram import phase_diagram
from theory.errors import InputError

# Hopfield network: T, load at the limit of retrieval, load at equal free energies (34-digit solutions).
HOPFIELD = ((0.8, 0.01010085403081763050, 0.005370133342807944808), (0.6, 0.0388088937055544250, 0.01926348576585431447),
            (0.4, 0.08103720833498280826, 0.03704659845193489258), (0.2, 0.1225588606226202451, 0.05072487655366845799))


@pytest.fixture(scope="module")
def hopfield():
    return phase_diagram("hopfield", x=("alpha", 0, 0.15, 26), y=("T", 0, 1.2, 25))


@pytest.fixture(scope="module")
def sherrington_kirkpatrick():
    return phase_diagram("sherrington-kirkpatrick", x=("J0", 0, 2, 26), y=("T", 0, 1.6, 25))


def on(diagram, kind, between, name, value):
    """Places where a parameter has a value on the lines of a kind between two phases."""
    lines = [line for line in diagram.lines_of(kind) if set(line.between) == set(between)]
    return np.vstack([line.at(name, value) for line in lines])


def test_hopfield_lines(hopfield):
    """The limit of retrieval and the first-order line, solved for at given temperatures."""
    for T, limit, equal in HOPFIELD:
        assert on(hopfield, "spinodal", ("retrieval", "spin-glass"), "T", T)[0, 0] == pytest.approx(limit, abs=1e-13)
        assert on(hopfield, "first-order", ("retrieval", "spin-glass"), "T", T)[0, 0] == pytest.approx(equal, abs=1e-13)


def test_hopfield_glass_temperature(hopfield):
    """T_g = 1 + sqrt(alpha), where also replica symmetry breaks."""
    for kind in ("continuous", "at"):
        line, = (line for line in hopfield.lines_of(kind) if "paramagnetic" in line.between)
        assert np.abs(line.points[:, 1] - 1 - np.sqrt(line.points[:, 0])).max() < 1e-11


def test_hopfield_special_points(hopfield):
    """The limit of retrieval bends back at low temperature, close to where replica symmetry breaks on it."""
    places = {(p.kind, round(p.at[0], 3)): p.at for p in hopfield.special_points}
    assert places["turning", 0.138] == pytest.approx((0.138188511165, 0.0228736), abs=1e-7)
    assert places["at", 0.138] == pytest.approx((0.1381859150, 0.0250683717), abs=1e-9)
    assert places["turning", 0.053] == pytest.approx((0.0531320828, 0.08506), abs=1e-5)


def test_hopfield_retrieval_breaks_replica_symmetry(hopfield):
    """T_R(alpha), from the replicon alone."""
    for alpha, T in ((0.12, 0.00498793), (0.13, 0.00947298), (0.135, 0.01421006), (0.1375, 0.01950263)):
        assert on(hopfield, "at", ("retrieval",), "alpha", alpha)[:, 1] == pytest.approx(T, abs=1e-8)


def test_hopfield_phases(hopfield):
    """Equilibrium and metastable phases on the grid, with their numbers."""
    data = hopfield.dataset
    labels = json.loads(data["phase"].attrs["labels"])
    at = lambda alpha, T: data.sel(alpha=alpha, T=T, method="nearest")
    assert labels[int(at(0.03, 0.2)["phase"])] == "retrieval"
    assert labels[int(at(0.12, 0.2)["phase"])] == "spin-glass" and labels[int(at(0.12, 0.2)["metastable"])] == "retrieval"
    assert labels[int(at(0.0, 1.2)["phase"])] == "paramagnetic"
    point = at(0.12, 0.1)
    assert float(point["free_energy"]) == pytest.approx(-0.650774570692, abs=1e-11) and float(point["q"]) == pytest.approx(0.929574422232, abs=1e-10)
    assert float(point["replicon"]) < 0 and not int(point["ansatz_valid"])


def test_energy_is_f_plus_ts(hopfield):
    data = hopfield.dataset
    assert float(np.abs(data["energy"] - data["free_energy"] - data["T"] * data["entropy"]).max()) < 1e-12


def test_sherrington_kirkpatrick(sherrington_kirkpatrick):
    """Three lines of continuous transitions and the de Almeida-Thouless line meet at J0 = T = J."""
    d = sherrington_kirkpatrick
    point, = (p for p in d.special_points if p.kind == "multicritical")
    assert point.at == pytest.approx((1, 1), abs=1e-9)
    for T, J0 in ((0.2, 1.1626195071), (0.5, 1.0646642848), (0.8, 1.0112974682)):
        assert on(d, "continuous", ("spin-glass", "mixed"), "T", T)[:, 0] == pytest.approx(J0, abs=1e-9)
    for T, J0 in ((0.2, 1.647165164), (0.4, 1.323822007), (0.6, 1.140274368), (0.8, 1.036050906)):
        assert on(d, "at", ("ferromagnetic", "mixed"), "T", T)[:, 0] == pytest.approx(J0, abs=1e-8)
    border, = (line for line in d.lines_of("continuous") if set(line.between) == {"ferromagnetic", "paramagnetic"})
    assert np.abs(border.points[:, 0] - border.points[:, 1]).max() < 1e-9


def test_documents(hopfield, tmp_path):
    """JSON holds lines and phases; netCDF the grid."""
    import xarray

    document = json.loads(open(hopfield.save(tmp_path / "d.json")).read())
    assert {line["kind"] for line in document["lines"]} >= {"continuous", "first-order", "spinodal", "at", "zero-entropy"}
    assert all(len(line["between"]) == 2 and all(len(p) == 2 for p in line["points"]) for line in document["lines"])
    assert {p["label"] for p in document["phases"]} == {"paramagnetic", "retrieval", "spin-glass"}
    with xarray.open_dataset(hopfield.save(tmp_path / "d.nc"), engine="scipy") as data:
        assert {"m", "q", "free_energy", "entropy", "replicon", "ansatz_valid", "phase", "metastable"} <= set(data.data_vars)


def test_picture(hopfield, tmp_path):
    """Areas, lines and hatching with a legend."""
    drawing = hopfield.plot()
    texts = {t.get_text() for t in drawing.axes.get_legend().get_texts()}
    assert {"continuous", "first order", "spinodal", "de Almeida–Thouless", "zero entropy", "retrieval metastable", "replica symmetry unstable"} <= texts
    assert meanfield.plot.save(drawing, tmp_path / "d.png").stat().st_size > 10000


def test_capacity_of_the_perceptron():
    """alpha_c(kappa) as a line; its inverse is E (t + kappa)^2 over t > -kappa."""
    d = phase_diagram("perceptron-spherical", x=("kappa", 0, 2, 9), y=("alpha", 0.1, 3, 9))
    for kappa, capacity in ((0.25, 1.36464278724755), (0.5, 0.961205052801542), (1.0, 0.519572229604938), (1.5, 0.309870651714487)):
        assert on(d, "capacity", ("paramagnetic", "unsatisfiable"), "kappa", kappa)[:, 1] == pytest.approx(capacity, abs=1e-9)


@pytest.mark.parametrize(("options", "message"), [
    ({"x": ("alpha", 0, 0.1), "y": ("T", 0, 1), "T": 0.5}, "both set and ranged"),
    ({"x": ("alpha", 0, 0.1), "y": ("alpha", 0, 1)}, "ranged twice"),
    ({"x": ("load", 0, 0.1), "y": ("T", 0, 1)}, "load"),
])
def test_wrong_input(options, message):
    with pytest.raises(InputError, match=message):
        phase_diagram("hopfield", **options)
