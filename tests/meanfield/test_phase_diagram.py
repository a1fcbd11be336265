"""Phase diagrams: regions, lines located as curves, special points, files."""

import json
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import xarray

from meanfield.bifurcations.box import Box
from meanfield.bifurcations.curves import Coexistence, Instability, trace
from meanfield.bifurcations.family import invariant_subspace
from meanfield.diagram.labels import PhaseNames
from meanfield.phase_diagram import phase_diagram
from theory.errors import InputError


@pytest.fixture(scope="module")
def magnet():
    """Curie-Weiss in field and temperature."""
    return phase_diagram("curie-weiss", x=("h", -0.5, 0.5, 21), y=("T", 0.2, 1.5, 21))


@pytest.fixture(scope="module")
def multitasking():
    """Two diluted patterns in dilution and temperature."""
    return phase_diagram("multitasking-hopfield", x=("d", 0, 1, 41), y=("T", 0.01, 1, 41), P=2)


@pytest.fixture(scope="module")
def blume_capel():
    """Blume-Capel in crystal field and temperature."""
    return phase_diagram("blume-capel", x=("Delta", 0, 0.6, 31), y=("T", 0.05, 0.8, 31))


def test_axes_are_tuples_lists_or_ranges_by_name():
    """As ranges of `transitions` are; other forms are refused in one line."""
    forms = [dict(x={"h": (-0.5, 0.5, 5)}, y=["T", 0.2, 1.5, 5]), dict(x=("h", -0.5, 0.5, 5), y={"T": [0.2, 1.5, 5]})]
    first, second = (phase_diagram("curie-weiss", sections=(0.5,), **form).as_dict() for form in forms)
    assert first == second
    for bad in (3, {}, {"h": (0, 1), "J": (0, 1)}, {"h": 1}):
        with pytest.raises(InputError, match="expected"):
            phase_diagram("curie-weiss", x=bad, y=("T", 0.2, 1))


def test_magnet_changes_sign_along_a_line_that_ends(magnet):
    """The first-order line runs at h = 0 up to the critical point (0, 1)."""
    line, = magnet.lines_of("first-order")
    assert np.abs(line.points[:, 0]).max() < 1e-12
    ends = sorted(line.points[[0, -1], 1])
    assert ends == pytest.approx([0.2, 1.0], abs=1e-10)
    assert [(p.kind, *p.at) for p in magnet.special_points] == [("critical", pytest.approx(0, abs=1e-10), pytest.approx(1, abs=1e-10))]
    assert sorted(line.between) == ["ferromagnetic (m < 0)", "ferromagnetic (m > 0)"]


def test_magnet_spinodals(magnet):
    """|h_s| = M_s - T artanh M_s, M_s = sqrt(1 - T), at every point of both lines."""
    lines = magnet.lines_of("spinodal")
    assert len(lines) == 2
    for h, T in np.vstack([line.points for line in lines]):
        M = math.sqrt(max(1 - T, 0))
        assert abs(h) == pytest.approx(M - T * math.atanh(M), abs=1e-11)


def test_multitasking_phases_and_lines(multitasking):
    """Four phases; T_c = 1 - d; T_1 and T_2 are the instabilities of the pure and of the symmetric state."""
    assert {p.label for p in multitasking.phases} == {"paramagnetic", "retrieval", "hierarchical", "parallel"}
    assert {line.kind for line in multitasking.lines} == {"continuous"}
    lines = {frozenset(line.between): line.points for line in multitasking.lines}
    for phase in ("retrieval", "parallel"):
        d, T = lines[frozenset((phase, "paramagnetic"))].T
        assert T == pytest.approx(1 - d, abs=1e-9)
    for d, T in lines[frozenset(("hierarchical", "retrieval"))][1:-1]:
        assert abs(pure_instability(d, T)) < 1e-11
    for d, T in lines[frozenset(("hierarchical", "parallel"))][2:-2]:
        assert abs(symmetric_instability(d, T)) < 1e-11


def fixed_point(function, m):
    """The nonzero fixed point of an increasing concave function."""
    for _ in range(100_000):
        m, last = function(m), m
        if abs(m - last) < 1e-16:
            break
    return m


def pure_instability(d, T):
    """Transverse eigenvalue of (m, 0), m = (1-d) tanh(m/T)."""
    m = fixed_point(lambda m: (1 - d) * math.tanh(m / T), 1 - d)
    return (1 - (1 - d) / T * (1 - (1 - d) * math.tanh(m / T) ** 2)) * T


def symmetric_instability(d, T):
    """Transverse eigenvalue of (m, m)."""
    m = fixed_point(lambda m: d * (1 - d) * math.tanh(m / T) + (1 - d) ** 2 / 2 * math.tanh(2 * m / T), 1 - d)
    return T - (d * (1 - d) / math.cosh(m / T) ** 2 + (1 - d) ** 2)


def test_where_all_multitasking_phases_meet(multitasking):
    """At d = 2/3, T = 1/3 the cubic forces of retrieval of one pattern and of both agree."""
    places = [tuple(p.at) for p in multitasking.special_points if p.kind == "multicritical"]
    assert places == [pytest.approx((2 / 3, 1 / 3), abs=1e-12)]


def test_turning_point_of_a_spinodal(blume_capel):
    """The paramagnet's limit Delta = -T ln[T / (2(1-T))] has its largest Delta where ln[T / (2(1-T))] = -1/(1-T)."""
    (delta, T), = [p.at for p in blume_capel.special_points if p.kind == "turning"]
    assert math.log(T / (2 * (1 - T))) == pytest.approx(-1 / (1 - T), abs=1e-10)
    assert delta == pytest.approx(-T * math.log(T / (2 * (1 - T))), abs=1e-14)


@pytest.mark.slow
def test_critical_end_point():
    """Blume-Emery-Griffiths at K = 4: the paramagnet that loses its stability at q = T has the free energy of that with few spins."""
    diagram = phase_diagram("blume-emery-griffiths", x=("Delta", 2.4, 2.75, 9), y=("T", 0.7, 1.05, 9), K=4.0, sections=(0.3, 0.7))
    special = {p.kind: p.at for p in diagram.special_points}
    assert set(special) == {"critical", "critical-end", "turning"} and not diagram.lines_of("tricritical")
    free_energy = lambda q: 2 * q * q - T * math.log1p(2 * math.exp((4 * q - delta) / T))
    delta, T = special["critical-end"]
    assert delta == pytest.approx(4 * T - T * math.log(T / (2 * (1 - T))), abs=1e-14)
    few = fixed_point(lambda q: 2 / (2 + math.exp((delta - 4 * q) / T)), 0.0)
    assert few < 0.5 and free_energy(few) == pytest.approx(free_energy(T), abs=1e-14)
    assert special["critical"] == pytest.approx((2 + math.log(2), 1), abs=1e-14)


def test_multitasking_grid(multitasking):
    """The grid agrees with the lines: para where T > 1 - d, and with the multitasking equations."""
    data = multitasking.dataset
    labels = np.array(json.loads(data["phase"].attrs["labels"]))
    d, T = np.meshgrid(data["d"], data["T"], indexing="ij")
    para = labels[data["phase"].values] == "paramagnetic"
    assert (para == (T > 1 - d))[np.abs(T + d - 1) > 1e-6].all()
    m1, m2 = data["m1"].values, data["m2"].values
    right = d * (1 - d) * np.tanh(m1 / T) + (1 - d) ** 2 / 2 * (np.tanh((m1 + m2) / T) + np.tanh((m1 - m2) / T))
    assert m1 == pytest.approx(right, abs=1e-9)
    assert (data["converged"].values == 1).all()


def test_tricritical_point(blume_capel):
    """T = J/3, Delta = (2/3) ln 2 (Blume 1966, Capel 1966), where all four lines end."""
    exact = (2 * math.log(2) / 3, 1 / 3)
    line, = blume_capel.lines_of("tricritical")
    assert line.points.shape == (1, 2)
    assert line.points[0] == pytest.approx(exact, abs=2e-15)
    for kind, count in (("continuous", 1), ("first-order", 1), ("spinodal", 2)):
        lines = blume_capel.lines_of(kind)
        assert len(lines) == count
        for other in lines:
            assert min(np.abs(other.points[k] - exact).max() for k in (0, -1)) < 1e-9


def test_blume_capel_lines(blume_capel):
    """The continuous line is Delta = -T ln[T / (2(1-T))]; on the first-order one both free energies are equal."""
    line, = blume_capel.lines_of("continuous")
    for delta, T in line.points[1:-1]:
        assert delta == pytest.approx(-T * math.log(T / (2 * (1 - T))), abs=1e-12)
    first, = blume_capel.lines_of("first-order")
    for delta, T in first.points[3:-3:7]:
        assert ordered_gap(delta, T) == pytest.approx(0, abs=1e-11)


def ordered_gap(delta, T):
    """Free energy of the ordered minus that of the disordered state."""
    f = lambda m: m * m / 2 - T * math.log1p(2 * math.exp(-delta / T) * math.cosh(m / T))

    def mean(m):
        weight = 2 * math.exp(-delta / T)
        return weight * math.sinh(m / T) / (1 + weight * math.cosh(m / T))

    return f(fixed_point(mean, 1.0)) - f(0.0)


def test_metastable_phases_are_ranked(blume_capel):
    """Between the spinodals two phases are stable, ranked by free energy."""
    assert ("ferromagnetic", "paramagnetic") in blume_capel.rankings
    assert ("paramagnetic", "ferromagnetic") in blume_capel.rankings
    assert blume_capel.dataset["stable_phases"].values.max() == 2


def test_files(magnet, tmp_path):
    """netCDF and JSON read back; nothing temporary stays."""
    magnet.save(tmp_path / "d.nc")
    magnet.save(tmp_path / "d.json")
    data = xarray.open_dataset(tmp_path / "d.nc", engine="scipy")
    assert data["m"].dims == ("h", "T") and data["m"].shape == (21, 21)
    assert {"model", "parameters", "versions", "units"} <= set(data.attrs)
    document = json.loads((tmp_path / "d.json").read_text())
    assert {"kind", "between", "points"} <= set(document["lines"][0])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["d.json", "d.nc"]


def test_unwritable_files(magnet, tmp_path):
    """Unknown extensions, missing directories and directories are refused in one line."""
    (tmp_path / "taken.nc").mkdir()
    for path, text in ((tmp_path / "d.xyz", "ends in"), (tmp_path / "no" / "d.nc", "cannot write"), (tmp_path / "taken.nc", "directory")):
        with pytest.raises(InputError, match=text) as error:
            magnet.save(path)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(("x", "y", "text"), [
    (("h", 1, 0), ("T", 0.5, 1), "low < high"), (("h", -1, 1), ("h", 0, 1), "ranged twice"), (("h", -1, 1, 1), ("T", 0.5, 1), "two points"),
    ("h", ("T", 0.5, 1), "expected"), (("nope", 0, 1), ("T", 0.5, 1), "no parameter"), (("h", -1, 1), ("T", -1, 1), "T must"),
])
def test_bad_planes_are_refused(x, y, text):
    """One clear line says what is wrong."""
    with pytest.raises(InputError, match=text):
        phase_diagram("curie-weiss", x=x, y=y)


def test_progress_is_reported():
    """The hook sees a growing count that reaches the total at most."""
    seen = []
    phase_diagram("curie-weiss", x=("J", 0.5, 1, 3), y=("T", 0.3, 1.2, 3), sections=(0.4,), progress=lambda done, total: seen.append((done, total)))
    done = [d for d, _ in seen]
    assert done == sorted(done) and done and all(d <= t for d, t in seen)


def test_eliminated_order_parameters():
    """Blume-Emery-Griffiths: tricritical at T = (1 + 2k)/(3 + 2k), Delta = -T ln[T / (2(1-T))] + kT; q responds to m there."""
    k = 2.0
    T = (1 + 2 * k) / (3 + 2 * k)
    diagram = phase_diagram("blume-emery-griffiths", x=("Delta", 1, 1.6, 11), y=("T", 0.5, 0.9, 11), sections=(0.3, 0.7), K=k)
    line, = diagram.lines_of("tricritical")
    assert line.points[0] == pytest.approx((-T * math.log(T / (2 * (1 - T))) + k * T, T), abs=5e-15)


def test_any_executor(blume_capel):
    """Sections found by a pool give the same lines."""
    with ThreadPoolExecutor(2) as executor:
        diagram = phase_diagram("blume-capel", x=("Delta", 0, 0.6, 31), y=("T", 0.05, 0.8, 31), executor=executor)
    for line, other in zip(blume_capel.lines, diagram.lines, strict=True):
        assert line.kind == other.kind and line.points == pytest.approx(other.points, abs=1e-10)


def test_curves_start_anywhere_near():
    """A rough start is corrected onto the curve; a line at the edge of the box ends exactly on it."""
    box = Box.plane("curie-weiss", ("J", 0.5, 1.5), ("T", 0.2, 2.0), {})
    equations = Instability(box.family, invariant_subspace(box.family, [0.0]))
    points = trace(equations, equations.start(np.zeros(1), [0.9, 0.95]), box.generic_symmetry)
    places = np.array([equations.values(p.w) for p in points])
    assert places[:, 0] == pytest.approx(places[:, 1], abs=1e-13)
    assert sorted(places[[0, -1], 0]) == [0.5, 1.5]


def test_coexistence_residual_is_rounding():
    """Every point of a first-order line solves its equations to rounding."""
    box = Box.plane("p-spin-ferromagnet", ("h", 0, 0.4), ("T", 1.0, 2.5), {"p": 3})
    states = [np.array([0.0]), np.array([0.948])]
    equations = Coexistence(box.family, *(invariant_subspace(box.family, s) for s in states))
    points = trace(equations, equations.start(states, [0.001, 1.488]), box.generic_symmetry)
    assert len(points) > 5
    assert max(np.abs(equations.residual(p.w)).max() for p in points) < 1e-13


@pytest.mark.parametrize("q", [0.0, 1e-12, 2e-9, 5e-8, 0.2])
def test_labels_of_small_conserved_components(q):
    """A magnetisation of zero stays zero in a label, however small the quadrupole beside it."""
    names = PhaseNames(Box.plane("blume-emery-griffiths", ("Delta", 1, 2.8), ("T", 0.1, 1.5), {"K": 3}))
    assert names.identify([0.0, q])[0] == "paramagnetic"
    assert names.identify([0.5, max(q, 0.3)])[0] == "ferromagnetic"


def test_cold_paramagnet():
    """At T = 0 the first-order transition is at Delta = (1 + K)/2; beyond it the grid is paramagnetic down to T = 0."""
    diagram = phase_diagram("blume-emery-griffiths", x=("Delta", 0, 1.2, 7), y=("T", 0, 1.1, 7), sections=(0.3, 0.7), K=0.6)
    labels = np.array([p.label for p in diagram.phases])[diagram.dataset["phase"].values]
    magnetised = np.abs(diagram.dataset["m"].values) > 1e-7
    assert ((labels == "ferromagnetic") == magnetised).all()
    assert (labels[diagram.dataset["Delta"].values > 0.81] == "paramagnetic").all()
    fraction, = (p.fraction for p in diagram.phases if p.label == "ferromagnetic")
    assert fraction == pytest.approx(magnetised.mean())


def test_triple_point():
    """Blume-Emery-Griffiths at K = 3: the triple point is at (2, 1/(2 ln 2)), the critical point of the paramagnets at T = K/4.

    The short line between them is a fraction of a grid cell long and found from the cusp of the spinodals.
    """
    diagram = phase_diagram("blume-emery-griffiths", x=("Delta", 1, 2.8, 16), y=("T", 0.1, 1.5, 16), K=3)
    special = {p.kind: p.at for p in diagram.special_points}
    assert special["triple"] == pytest.approx((2, 1 / (2 * math.log(2))), abs=2e-15)
    assert special["critical"] == pytest.approx((1.5 + 0.75 * math.log(2), 0.75), abs=2e-15)
    assert special["tricritical"] == pytest.approx((7 / 3 - 7 / 9 * math.log(7 / 4), 7 / 9), abs=2e-15)
    assert len(diagram.lines_of("first-order")) == 3
    assert diagram.warnings == ()


def test_first_order_line_from_a_cusp():
    """Three diluted patterns: at T = 0 hierarchical and mixed states exchange at d = 0.54692; the line ends where the spinodals do."""
    diagram = phase_diagram("multitasking-hopfield", x=("d", 0.5, 0.6, 5), y=("T", 0, 0.1, 5), sections=(0.4,), P=3)
    line, = diagram.lines_of("first-order")
    ends = line.points[np.argsort(line.points[[0, -1], 1]) * (len(line.points) - 1)]
    assert ends[0] == pytest.approx((0.54692, 0), abs=1e-5)
    critical, = (p.at for p in diagram.special_points if p.kind == "critical")
    assert ends[1] == pytest.approx(critical, abs=1e-9)


def test_crossovers_need_no_line():
    """Above the critical point the magnetisation changes sign without a transition: nothing stays unexplained."""
    assert phase_diagram("curie-weiss", x=("h", -0.5, 0.5, 5), y=("T", 0, 1.5, 5), sections=(0.3,)).warnings == ()
