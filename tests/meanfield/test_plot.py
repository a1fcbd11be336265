"""Pictures: what is drawn, on which axes, and what is written."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
import matplotlib.pyplot as plt

from meanfield import plot
from meanfield.branches import branches
from meanfield.landscapes import landscape
from meanfield.phase_diagram import Phase, phase_diagram
from meanfield.diagram.regions import phase_raster, regions
from theory.errors import InputError


@pytest.fixture(autouse=True)
def closed_figures():
    """No figure outlives its test."""
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def diagram():
    """A magnet with a first-order line, spinodals and a critical point."""
    return phase_diagram("curie-weiss", x=("h", -0.5, 0.5, 11), y=("T", 0.3, 1.4, 12), sections=(0.3, 0.7))


@pytest.fixture(scope="module")
def curves():
    """Branches with a fold: the three-body ferromagnet."""
    return branches("p-spin-ferromagnet", along={"T": (0.5, 2, 16)}, p=3)


def test_draws_on_the_given_axes(diagram, curves):
    """Axes that are passed in are used, and the artists on them come back."""
    for draw, what in ((plot.phase_diagram, diagram), (plot.order_parameters, curves), (plot.free_energies, curves)):
        figure, ax = plt.subplots()
        drawing = draw(what, ax=ax)
        assert drawing.axes is ax and drawing.figure is figure
        assert len(drawing) and all(artist.figure is figure for artist in drawing)


def test_never_shows(diagram, monkeypatch):
    """`show` is the caller's."""
    monkeypatch.setattr(plt, "show", lambda *a, **k: pytest.fail("show() was called"))
    plot.phase_diagram(diagram)


def test_leaves_the_style_alone(diagram):
    """Global settings are as before."""
    before = dict(matplotlib.rcParams)
    plot.phase_diagram(diagram)
    assert dict(matplotlib.rcParams) == before


def test_axes_of_a_diagram(diagram):
    """Symbols on the axes, their whole range, every phase named, each kind of line once in the legend."""
    ax = plot.phase_diagram(diagram).axes
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$h$", "$T$")
    assert ax.get_xlim() == (-0.5, 0.5) and ax.get_ylim() == (0.3, 1.4)
    assert {t.get_text() for t in ax.texts} == {"ferromagnetic", "$m$ < 0", "$m$ > 0"}
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["first order", "spinodal", "critical point", "metastable phases"]


def test_line_styles(diagram):
    """First-order lines are dashed, spinodals dotted; they can be left out."""
    lines = plot.phase_diagram(diagram).axes.lines
    assert len([line for line in lines if line.get_linestyle() == "--"]) == 3
    fewer = plot.phase_diagram(diagram, spinodals=False).axes.lines
    assert len(fewer) == len(lines) - len(diagram.lines_of("spinodal"))


def test_stable_parts_are_solid(curves):
    """The unstable part of the folded branch is dotted and meets the stable one at the fold."""
    drawing = plot.order_parameters(curves).axes.lines
    solid = [line for line in drawing if line.get_linestyle() == "-"]
    dotted = [line for line in drawing if line.get_linestyle() != "-"]
    assert len(solid) == 2 and len(dotted) == 1
    ordered = max(solid, key=lambda line: line.get_ydata().max())
    gaps = [np.hypot(*(a - b)) for a, b in itertools.product(ordered.get_xydata()[[0, -1]], dotted[0].get_xydata()[[0, -1]])]
    assert min(gaps) < 1e-9


@pytest.mark.parametrize("extension", ["png", "pdf", "svg"])
def test_files(diagram, tmp_path, extension):
    """Figures are written whole, under their name only."""
    path = tmp_path / f"figure.{extension}"
    plot.save(plot.phase_diagram(diagram), path)
    starts = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}
    assert path.read_bytes().startswith(starts[extension])
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_diagram_saves_itself(diagram, tmp_path):
    """`save` picks the writer by the extension."""
    diagram.save(tmp_path / "d.png")
    assert (tmp_path / "d.png").stat().st_size > 10_000


def test_bad_files(curves, tmp_path):
    """Unknown formats and missing directories are refused."""
    drawing = plot.order_parameters(curves)
    for path, text in ((tmp_path / "a.bmp", "ends in"), (tmp_path / "no" / "a.png", "cannot write")):
        with pytest.raises(InputError, match=text):
            plot.save(drawing, path)


def test_unknown_order_parameter(curves):
    """The message lists the known ones."""
    with pytest.raises(InputError, match="expected some of m"):
        plot.order_parameters(curves, names=["q"])


def test_branches_in_two_panels(curves, tmp_path):
    """Order parameters above free energies."""
    drawing = plot.plot_branches(curves)
    assert len(drawing.figure.axes) == 2
    plot.save(drawing, tmp_path / "b.png")


def test_landscape_is_the_entropic_free_energy():
    """f(m) = -J m^2/2 - h m - T s(m) with the binary entropy, minimal at the equilibrium."""
    surface = landscape("curie-weiss", T=0.7, h=0.05)
    m = surface.values[:, 0]
    inner = np.abs(m) < 0.999
    m, f = m[inner], surface.free_energy[inner]
    entropy = -((1 + m) / 2 * np.log((1 + m) / 2) + (1 - m) / 2 * np.log((1 - m) / 2))
    assert f == pytest.approx(-m**2 / 2 - 0.05 * m - 0.7 * entropy, abs=1e-12)
    assert m[f.argmin()] == pytest.approx(surface.solutions.equilibrium["m"], abs=0.02)
    assert len(plot.landscape(surface)) == 1 + len(surface.solutions)


def test_landscape_eliminates_other_order_parameters():
    """The stationary points of the landscape over m alone are the solutions of the model with m and q."""
    surface = landscape("blume-emery-griffiths", order_parameters="m", T=0.3, Delta=0.3)
    m, f = surface.values[:, 0], surface.free_energy
    best = surface.solutions.equilibrium
    assert f.min() == pytest.approx(best.free_energy, abs=1e-4)
    assert abs(m[f.argmin()]) == pytest.approx(best["m"], abs=0.02)


def test_landscape_over_two():
    """A map over a curvilinear grid."""
    surface = landscape("multitasking-hopfield", T=0.2, d=0.3, points=15)
    assert surface.values.shape == (15, 15, 2) and surface.free_energy.shape == (15, 15)
    plot.landscape(surface)


@pytest.mark.parametrize(("names", "text"), [("x", "one or two of m"), ([], "one or two"), (["m", "m"], "one or two")])
def test_bad_landscapes(names, text):
    """Order parameters must exist and be one or two."""
    with pytest.raises(InputError, match=text):
        landscape("curie-weiss", order_parameters=names, T=0.5)
    with pytest.raises(InputError, match="T > 0"):
        landscape("curie-weiss", T=0)


def test_areas_follow_the_lines():
    """Pixels change phase at the line between two grid points, not half-way between them."""
    phase = np.repeat([0, 0, 1, 1], 4).reshape(4, 4)
    line = np.array([[0.4, 0.0], [0.4, 1.0]])
    raster = phase_raster(phase, [line], pixels=200)
    assert (raster[:, :78] == 0).all() and (raster[:, 82:] == 1).all()


def test_labels_lie_inside():
    """The pole of inaccessibility of a triangle is inside it, at the place of the widest box."""
    raster = np.tril(np.ones((200, 200), int)) - 1
    found, = regions(raster, [], [], {0: 2.0})
    x, y = found.at
    assert raster[int(y * 199), int(x * 199)] == 0
    assert found.width > 0.4


def test_crossovers_end_at_lines():
    """A boundary that is no line does not smear across a line that ends in the area."""
    phase = np.repeat([0, 0, 1, 1], 4).reshape(4, 4)
    raster = phase_raster(phase, [np.array([[0.4, 0.0], [0.4, 0.5]])], pixels=200)
    assert (raster[:60, :76] == 0).all() and (raster[:60, 84:] == 1).all()
    assert raster[-1, 90] == 0 and raster[-1, 110] == 1


def test_labels_say_what_vanishes():
    """Retrieval among several patterns is pure; the overlaps that do not vanish stand below."""
    names = ("m1", "m2", "m3")
    phase = lambda kind, label, n: plot._label_text(Phase(label, kind, names[:n], 0.1, 0.0), names)
    assert phase("retrieval", "retrieval", 1) == ("retrieval (pure)", "$m_{1} > 0$")
    assert phase("hierarchical", "hierarchical (m3 = 0)", 2) == ("hierarchical", "$m_{1} > m_{2} > 0$")
    assert phase("parallel", "parallel", 3) == ("parallel", "$m_{1} = m_{2} = m_{3} > 0$")
    assert plot._label_text(Phase("paramagnetic", "paramagnetic", (), 0.1, 0.0), ("m",)) == ("paramagnetic", "$m = 0$")


def test_branches_are_drawn_smoothly(curves):
    """Successive pieces of a drawn fold turn by little, and the drawn points solve the equations; dotted is explained."""
    curve = curves[0].curve
    z = np.column_stack([curve["T"] / 1.5, curve["m"]])
    step = np.diff(z, axis=0)
    step = step[np.linalg.norm(step, axis=1) > 1e-6]
    step /= np.linalg.norm(step, axis=1)[:, None]
    assert (step[1:] * step[:-1]).sum(1).min() > 0.99
    assert np.abs(curve["m"] - np.tanh(3 * curve["m"] ** 2 / curve["T"])).max() < 1e-4
    assert [t.get_text() for t in plot.order_parameters(curves).axes.get_legend().get_texts()] == ["stable", "unstable"]


def test_special_points_are_listed_once():
    """At T = 1 the magnet's branches each have one row, stable to rounding."""
    for branch in branches("curie-weiss", along={"T": (0.5, 1.5, 101)}):
        near = np.abs(branch["T"] - 1) < 1e-6
        assert near.sum() == 1 and branch.stable[near].all()


# What dichromats see of linear RGB (Machado, Oliveira and Fernandes 2009, severity 1).
DICHROMATS = {
    "protanope": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranope": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanope": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])


def lab(colour, sight):
    """CIELAB coordinates of a colour as somebody sees it."""
    rgb = np.array(matplotlib.colors.to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    x, y, z = XYZ @ np.clip(np.array(sight) @ linear, 0, 1) / [0.95047, 1, 1.08883]
    f = [np.cbrt(t) if t > 216 / 24389 else (24389 / 27 * t + 16) / 116 for t in (x, y, z)]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("sight", [np.eye(3), *DICHROMATS.values()], ids=["all", *DICHROMATS])
def test_colour_blind_readers_tell_colours_apart(sight):
    """Fills of phases, curves, and the two signs of a magnetisation differ in every kind of colour vision."""
    for palette, least in ((set(plot.FILLS.values()), 10), (plot.CURVES, 15), (plot.SIGN_FILLS.values(), 15)):
        for a, b in itertools.combinations(palette, 2):
            assert np.linalg.norm(lab(a, sight) - lab(b, sight)) > least, (a, b)


def test_lines_and_points_differ_without_colour():
    """Kinds of lines differ in their dashes or widths, kinds of special points in their marker or its filling."""
    dashes = [(str(s["linestyle"]), s["linewidth"]) for s in plot.LINE_STYLES.values()]
    marks = [(s["marker"], s["color"] == "white") for s in plot.POINT_STYLES.values()]
    assert len(set(dashes)) == len(dashes) and len(set(marks)) == len(marks)


def test_only_phases_with_a_jump_are_shaded():
    """An order parameter that jumps within one phase shades that phase alone; limits of metastability do not count."""
    line = lambda kind, *between: SimpleNamespace(kind=kind, between=between)
    lines = [line("first-order", "paramagnetic (high q)", "paramagnetic (low q)"), line("spinodal", "mixed (high m)", "mixed (low m)")]
    assert plot._graded(SimpleNamespace(lines=lines, dataset={"q": 0, "m": 0})) == {"q": {"paramagnetic"}}
