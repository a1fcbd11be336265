"""Pictures: phase diagrams, order parameters and free energies along a line, free-energy landscapes.

Every function takes `ax=None`, draws on it, returns what it drew and never calls `show()`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import wraps

import numpy as np
import sympy

from theory.errors import InputError
from theory.symbols import symbol

from .diagram.regions import interpolated, phase_raster, regions
from .writers import check_extension, replacing

__all__ = ["Drawing", "free_energies", "landscape", "order_parameters", "phase_diagram", "plot_branches", "save"]

VANISHING = 1e-7
FORMATS = ("png", "pdf", "svg")
INK = "#1a1a2e"
# Size of labels in areas, how small they may become, and that of their marks; areas below a share of LEADER get none.
LABEL, LEAST, MARK, LEADER = 11.5, 0.62, 0.8, 4e-3
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# What relates the overlaps with patterns that do not vanish; more order parameters than MOST are not listed.
CHAINS = {"retrieval": ">", "hierarchical": ">", "mixed": ">", "parallel": "=", "mixture": "="}
MOST = 4
# Fills after Paul Tol's light scheme, which stay distinct for colour-blind readers (10 units of CIELAB) and under black text.
FILLS = {
    "paramagnetic": "#e9e9e9", "ferromagnetic": "#9cc3e6", "retrieval": "#9cc3e6", "hierarchical": "#f3e39a",
    "parallel": "#7fd1b9", "mixture": "#d98cb3", "mixed": "#d3da6d", "spin-glass": "#f2a58c",
}
PALE = "#f4f4f2"
SIGN_FILLS = {">": "#86b4dd", "<": "#eda08a"}
SPARE_FILLS = ("#bfe3f5", "#c6c65c", "#e3d4f0", "#f6d0b1")
# Okabe and Ito's colours for curves, and grey.
CURVES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#666666")
LINE_STYLES = {
    "continuous": {"linestyle": "-", "linewidth": 1.9, "color": INK},
    "first-order": {"linestyle": (0, (6, 2.2)), "linewidth": 1.9, "color": INK},
    "static": {"linestyle": (0, (9, 1.4)), "linewidth": 1.9, "color": "#0072b2"},
    "capacity": {"linestyle": "-", "linewidth": 2.2, "color": "#7a5195"},
    "spinodal": {"linestyle": (0, (1, 1.8)), "linewidth": 1.3, "color": "#55556b"},
    "dynamic": {"linestyle": (0, (8, 1.6, 1, 1.6)), "linewidth": 1.5, "color": "#0072b2"},
    "at": {"linestyle": (0, (4, 1.6, 1, 1.6)), "linewidth": 1.5, "color": "#d55e00"},
    "gardner": {"linestyle": (0, (4, 1.6, 1, 1.6, 1, 1.6)), "linewidth": 1.5, "color": "#d55e00"},
    "condition": {"linestyle": (0, (1, 1, 3, 1)), "linewidth": 1.4, "color": "#a0508c"},
    "zero-entropy": {"linestyle": (0, (2.5, 1.8)), "linewidth": 1.2, "color": "#00785a"},
}
# What areas are hatched for: a state with a signal is metastable; the ansatz is unstable.
HATCHES = {"metastable": {"hatch": "////", "edgecolor": "#8a8aa0"}, "invalid": {"hatch": "..", "edgecolor": "#c2713f"}}
WALLS = ("continuous", "first-order", "static", "capacity")
STABLE, UNSTABLE = {"linestyle": "-", "linewidth": 1.9}, {"linestyle": (0, (1, 1.6)), "linewidth": 1.3}
LINE_NAMES = {"first-order": "first order", "at": "de Almeida–Thouless", "zero-entropy": "zero entropy", "gardner": "Gardner"}
POINT_NAMES = {"turning": "turning point", "at": "replica symmetry breaks", "critical-end": "critical end point"}
POINT_STYLES = {
    "tricritical": {"marker": "o", "markersize": 6.5, "color": INK, "markeredgecolor": "white", "markeredgewidth": 1.1},
    "critical": {"marker": "o", "markersize": 6.0, "color": "white", "markeredgecolor": INK, "markeredgewidth": 1.5},
    "critical-end": {"marker": "v", "markersize": 6.5, "color": "white", "markeredgecolor": INK, "markeredgewidth": 1.3},
    "triple": {"marker": "^", "markersize": 6.5, "color": INK, "markeredgecolor": "white", "markeredgewidth": 0.9},
    "multicritical": {"marker": "D", "markersize": 4.5, "color": INK, "markeredgecolor": "white", "markeredgewidth": 0.9},
    "turning": {"marker": "s", "markersize": 4.2, "color": "white", "markeredgecolor": INK, "markeredgewidth": 1.1},
    "at": {"marker": "*", "markersize": 8.0, "color": "#d55e00", "markeredgecolor": "white", "markeredgewidth": 0.6, "zorder": 5},
}
STYLE = {
    "font.family": "serif", "font.serif": ["STIXGeneral", "DejaVu Serif"], "mathtext.fontset": "stix", "font.size": 11,
    "axes.linewidth": 0.8, "axes.edgecolor": INK, "axes.labelcolor": INK, "text.color": INK, "xtick.color": INK, "ytick.color": INK,
    "xtick.direction": "out", "ytick.direction": "out", "axes.titlesize": 12, "legend.fontsize": 9.5, "savefig.dpi": 200,
    "svg.hashsalt": "meanfield",
}


@dataclass(frozen=True, eq=False)
class Drawing(Sequence):
    """What was drawn: a sequence of artists, with the axes they are on."""

    axes: object
    artists: tuple

    def __len__(self):
        return len(self.artists)

    def __getitem__(self, i):
        return self.artists[i]

    @property
    def figure(self):
        """The figure of the axes."""
        return self.axes.figure


def save(drawing, path):
    """Write the figure of a Drawing atomically as .png, .pdf or .svg and close it; returns the path."""
    import matplotlib.pyplot

    extension = check_extension(path, FORMATS)
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(extension)
    with replacing(path) as temporary, matplotlib.rc_context(STYLE):
        drawing.figure.savefig(temporary, format=extension, metadata=metadata)
    matplotlib.pyplot.close(drawing.figure)
    return path


def _axes(ax, size=(5.6, 4.4)):
    """The given axes, or new ones."""
    try:
        import matplotlib.pyplot
    except ImportError:
        raise ImportError("plots need matplotlib: pip install matplotlib") from None
    if ax is not None:
        return ax
    with matplotlib.rc_context(STYLE):
        return matplotlib.pyplot.subplots(figsize=size, layout="constrained")[1]


def _styled(draw):
    """Draw in our style, whatever the user's."""

    @wraps(draw)
    def styled(*args, ax=None, **options):
        ax = _axes(ax)
        import matplotlib

        with matplotlib.rc_context(STYLE):
            return draw(*args, ax=ax, **options)

    return styled


def tex(name):
    """A parameter's or order parameter's symbol in mathtext."""
    return f"${sympy.latex(symbol(name))}$"


@_styled
def phase_diagram(diagram, *, ax=None, spinodals=True, title=True):
    """Areas of the phases with their names, and the lines between them.

    Continuous lines are solid, first-order ones dashed, spinodals dotted; a full circle is a tricritical point, an open one a
    critical point. Areas are hatched where further phases are metastable, with quenched couplings where a state with a signal is;
    dotted where the ansatz is unstable in equilibrium.

    Parameters
    ----------
    diagram : PhaseDiagram
    ax : matplotlib axes, or None for new ones
    spinodals : whether to draw the limits of metastability
    title : whether to write the model and its fixed parameters above

    Returns
    -------
    Drawing
    """
    x, y = diagram.x, diagram.y
    extent = (x.low, x.high, y.low, y.high)
    phase = _undisputed(diagram)
    raster = phase_raster(phase, _walls(diagram))
    image = ax.imshow(_colours(diagram, phase, raster), extent=extent, origin="lower", aspect="auto", interpolation="nearest", zorder=0)
    shown = [line for line in diagram.lines if line.kind in LINE_STYLES and (spinodals or line.kind != "spinodal")]
    hatched, patches = _hatched(ax, diagram, extent)
    lines = [ax.plot(*line.points.T, solid_capstyle="round", zorder=3, **LINE_STYLES[line.kind])[0] for line in shown]
    points = [ax.plot(*p.at, linestyle="", clip_on=False, **{"zorder": 4, **POINT_STYLES[p.kind]})[0] for p in diagram.special_points]
    ax.set(xlim=extent[:2], ylim=extent[2:], xlabel=tex(x.name), ylabel=tex(y.name))
    if title:
        ax.set_title(_title(diagram.title, diagram.parameters))
    legend = _legend(ax, shown, diagram.special_points, patches=patches)
    labels, keys = _region_labels(ax, diagram, raster)
    if keys:
        legend = _legend(ax, shown, diagram.special_points, keys, patches)
    return Drawing(ax, (image, *hatched, *lines, *points, *labels, *legend))


def _hatched(ax, diagram, extent):
    """Hatched areas of metastability and of instability of the ansatz: (artists, legend handles)."""
    from matplotlib.patches import Patch

    artists, handles = [], []
    for name, mask, walls, text in _hatches(diagram):
        raster = phase_raster(mask.astype(int), [_unit(diagram, line.points) for line in diagram.lines if line.kind in walls])
        if not raster.any():
            continue
        x, y = (np.linspace(low, high, len(raster)) for low, high in (extent[:2], extent[2:]))
        area = ax.contourf(x, y, raster, levels=[0.5, 1.5], colors="none", hatches=[HATCHES[name]["hatch"]], zorder=1)
        area.set(edgecolor=HATCHES[name]["edgecolor"], linewidth=0)
        artists.append(area)
        handles.append(Patch(facecolor="none", label=text, linewidth=0, **HATCHES[name]))
    return artists, handles


def _hatches(diagram):
    """(name, mask on the grid, kinds of lines that bound it, text) of what is hatched."""
    data = diagram.dataset
    if "ansatz_valid" not in data:
        yield "metastable", data["stable_phases"].values > 1, (*WALLS, "spinodal"), "metastable phases"
        return
    signal = [k for k, p in enumerate(diagram.phases) if p.kind not in ("paramagnetic", "spin-glass")]
    for k in signal:
        mask = (data["metastable"].values == k) & ~np.isin(data["phase"].values, signal)
        yield "metastable", mask, (*WALLS, "spinodal"), f"{diagram.phases[k].label} metastable"
    name = "replica symmetry" if data.attrs["steps"] == 0 else "the ansatz"
    yield "invalid", _warm(diagram, (data["ansatz_valid"].values == 0) & (data["phase"].values >= 0)), (*WALLS, "at", "gardner", "zero-entropy"), f"{name} unstable"


def _unit(diagram, points):
    low, high = (np.array([getattr(r, end) for r in (diagram.x, diagram.y)]) for end in ("low", "high"))
    return (points - low) / (high - low)


def _walls(diagram):
    return [_unit(diagram, line.points) for line in diagram.lines if line.kind in WALLS or line.kind == "at" and len(set(line.between)) > 1]


def _undisputed(diagram):
    """Phase index on the grid, -1 where two phases coexist exactly or the sign that tells them apart vanishes."""
    phase = diagram.dataset["phase"].values.copy()
    for name in _signed(diagram.phases):
        phase[np.abs(diagram.dataset[name].values) < VANISHING] = -1
    grid = np.stack(np.meshgrid(*(np.linspace(0, 1, n) for n in phase.shape), indexing="ij"), axis=-1)
    for line in diagram.lines:
        if line.kind == "first-order":
            phase[_on(grid, _unit(diagram, line.points))] = -1
    if diagram.lines_of("capacity"):
        # Beyond a capacity there is nothing: an area of its own, without a colour.
        phase[diagram.dataset["converged"].values == 0] = len(diagram.phases)
    return phase


def _on(grid, line):
    """Which grid points, shape (nx, ny, 2), lie on a polyline."""
    found = np.zeros(grid.shape[:2], bool)
    for a, b in zip(line, line[1:]):
        step, offset = b - a, grid - a
        length = max(step @ step, 1e-300)
        share = np.clip(offset @ step / length, 0, 1)
        found |= np.abs(offset - share[..., None] * step).max(-1) < VANISHING
    return found


def _colours(diagram, phase, raster):
    """Colour of each pixel, shape (pixels, pixels, 3); white where there is no phase."""
    fills = np.array([*_fills(diagram.phases), (1.0, 1.0, 1.0)])
    colours = fills[raster]
    for name in _signed(diagram.phases):
        _shade(colours, diagram, phase, raster, name, _sign_hues(diagram, phase, name))
    for name, labels in _graded(diagram).items():
        _shade(colours, diagram, phase, raster, name, {k: fills[k] for k, p in enumerate(diagram.phases) if p.label in labels and (phase == k).any()})
    return colours


def _signed(phases):
    """Order parameters whose sign alone tells phases apart."""
    names = {name for p in phases for name in p.nonzero}
    return sorted(n for n in names if any(f"{n} < 0" in p.label for p in phases) and any(f"{n} > 0" in p.label for p in phases))


def _graded(diagram):
    """{order parameter: labels of the phases within which it jumps}: across a line of both sides' label."""
    found = {}
    for line in (line for line in diagram.lines if line.kind in WALLS):
        for label, _, name in (text.rstrip(")").partition(" (high ") for text in line.between):
            if name in diagram.dataset:
                found.setdefault(name, set()).add(label)
    return dict(sorted(found.items()))


def _shade(colours, diagram, phase, raster, name, hues):
    """Blend a phase from pale, where an order parameter is small, to the hue of (phase index) in `hues`."""
    values = diagram.dataset[name].values
    top = np.nanmax(np.abs(values))
    for k, hue in hues.items():
        known = (phase == k) | (phase < 0) & (np.abs(values) < VANISHING)
        share = np.clip(np.abs(interpolated(values, known, len(raster))) / top, 0, 1)[..., None]
        inside = raster == k
        colours[inside] = ((1 - share) * _rgb(PALE) + share * hue)[inside]


def _sign_hues(diagram, phase, name):
    marks = {f"{name} {sign} 0": _rgb(hue) for sign, hue in SIGN_FILLS.items()}
    return {k: hue for k, p in enumerate(diagram.phases) for mark, hue in marks.items() if mark in p.label and (phase == k).any()}


def _rgb(colour):
    import matplotlib.colors

    return np.array(matplotlib.colors.to_rgb(colour))


def _fills(phases):
    """A fill for each phase: by kind, paler for each further symmetry that phases of one kind have."""
    spare, fills, seen = iter(SPARE_FILLS * 4), [], {}
    for p in phases:
        base = FILLS.get(p.kind) or next(spare)
        symmetries = seen.setdefault(p.kind, [])
        symmetries.append(p.label)
        white = 0.5 - 0.5 / len(symmetries)
        fills.append((1 - white) * _rgb(base) + white)
    return fills


def _title(title, parameters):
    fixed = [rf"{tex(name)[:-1]} = {value:g}$" for name, value in parameters.items()]
    return title + (f"  ({', '.join(fixed)})" if fixed else "")


def _warm(diagram, mask):
    """A mask on the grid whose row at T = 0, where no ansatz with finitely many steps is stable, is that of the next temperature."""
    for axis, r in enumerate((diagram.x, diagram.y)):
        if r.name == "T" and r.low == 0:
            mask = np.moveaxis(mask.copy(), axis, 0)
            mask[0] = mask[1]
            mask = np.moveaxis(mask, 0, axis)
    return mask


def _legend(ax, lines, points, keys=(), patches=()):
    """A legend of the kinds of lines and points that occur, and of letters in narrow areas, below the axes."""
    from matplotlib.lines import Line2D

    kinds = [k for k in LINE_STYLES if any(line.kind == k for line in lines)]
    conditions = ", ".join(f"{label} = 0" for label in dict.fromkeys(line.between[0] for line in lines if line.kind == "condition"))
    names = LINE_NAMES | {"condition": conditions}
    handles = [Line2D([], [], label=names.get(k, k), **LINE_STYLES[k]) for k in kinds]
    marks = [k for k in POINT_STYLES if any(p.kind == k for p in points)]
    handles += [Line2D([], [], linestyle="", label=POINT_NAMES.get(k, f"{k} point"), **POINT_STYLES[k]) for k in marks]
    letter = {"linestyle": "", "markersize": 7, "color": INK, "markeredgewidth": 0.3}
    handles += [Line2D([], [], marker=rf"$\mathrm{{{k}}}$", label=text, **letter) for k, text in keys]
    handles += patches
    if not handles:
        return ()
    place = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.13)}
    return (ax.legend(handles=handles, ncols=min(len(handles), 2 if keys or patches else 4), frameon=False, handlelength=2.6, columnspacing=1.6, **place),)


def _label_text(phase, names, means=None):
    """A phase's name and, in mathematics, what distinguishes it or else which order parameters do not vanish."""
    kind, _, mark = phase.label.partition(" (")
    if mark and kind != "hierarchical":
        return _kind_text(phase, names), " ".join(map(_word_text, mark.rstrip(")").split(" ")))
    return _kind_text(phase, names), _nonzero_text(phase, names, means)


def _kind_text(phase, names):
    """A kind in words; retrieval of one of several patterns is pure."""
    return "retrieval (pure)" if phase.kind == "retrieval" and len(names) > len(phase.nonzero) else phase.kind


def _nonzero_text(phase, names, means=None):
    """Which order parameters vanish and which do not, in mathematics; overlaps with patterns are in descending order."""
    chosen, zero = ([tex(n)[1:-1] for n in names if (n in phase.nonzero) == sense] for sense in (True, False))
    if phase.kind in CHAINS and set(phase.nonzero) <= set(names if means is None else means):
        return f"${f' {CHAINS[phase.kind]} '.join(chosen)} > 0$"
    if len(names) > MOST:
        return ""
    parts = [", ".join(chosen) + r" \neq 0"] * bool(chosen) + [" = ".join([*zero, "0"])] * bool(zero)
    return ", ".join(f"${part}$" for part in parts)


def _word_text(word):
    """A word of a phase's mark: symbols as mathematics, the rest as it is."""
    name = word.rstrip(",")
    return tex(name) + word[len(name):] if name.isidentifier() and name not in ("low", "high") else word


def _region_labels(ax, diagram, raster):
    """Labels in the widest places of the areas, smaller where space is short, a letter where it is not enough.

    Returns
    -------
    (artists, keys)
        keys are the [(letter, text)] of the labels that did not fit
    """
    ax.figure.draw_without_rendering()
    texts = [_label_text(p, _names(diagram), _names(diagram, overlaps=False)) for p in diagram.phases] + [("unsatisfiable", "")]
    sizes = np.array([_extent(ax, t) for t in texts])
    obstacles = [_unit(diagram, line.points) for line in diagram.lines if line.kind == "spinodal"]
    found = regions(raster, _walls(diagram), obstacles, sizes[:, 0] / sizes[:, 1])
    artists, waiting, done = [], [], set()
    for r in sorted(found, key=lambda r: -r.width):
        room = r.width / (1.12 * sizes[r.phase, 0])
        if room >= LEAST and (r.phase not in done or r.share > 0.06):
            artists += _write(ax, texts[r.phase], r.at, min(1.0, room))
            done.add(r.phase)
        else:
            waiting.append(r)
    keys = []
    for r in sorted(waiting, key=lambda r: -r.share):
        if r.phase not in done and r.share > LEADER:
            keys.append((LETTERS[len(keys) % len(LETTERS)], ", ".join(filter(None, texts[r.phase]))))
            artists += _write(ax, (keys[-1][0], ""), r.at, 0.9)
            done.add(r.phase)
    return artists, keys


def _names(diagram, overlaps=True):
    """The order parameters of a diagram, with overlaps of replicas or without."""
    words = ("order parameter", "overlap") if overlaps else ("order parameter",)
    return [n for n, v in diagram.dataset.data_vars.items() if v.attrs.get("long_name") in [f"{word} {n}" for word in words]]


def _extent(ax, text):
    """Width and height of a label in units of the axes."""
    artists = _write(ax, text, (0.5, 0.5), 1.0)
    boxes = [artist.get_window_extent().transformed(ax.transAxes.inverted()) for artist in artists]
    for artist in artists:
        artist.remove()
    return max(b.width for b in boxes), max(b.y1 for b in boxes) - min(b.y0 for b in boxes)


def _write(ax, text, at, scale):
    """A name and, in smaller type below it, its mark, outlined against hatching."""
    from matplotlib.patheffects import withStroke

    name, mark = text
    outline = [withStroke(linewidth=2.2, foreground="white", alpha=0.75)]
    place = {"transform": ax.transAxes, "ha": "center", "zorder": 5, "path_effects": outline}
    if not mark:
        return [ax.text(*at, name, va="center", fontsize=LABEL * scale, **place)]
    return [ax.text(*at, name, va="bottom", fontsize=LABEL * scale, **place),
            ax.text(*at, mark, va="top", fontsize=MARK * LABEL * scale, **place)]


@_styled
def order_parameters(branches, *, ax=None, names=None):
    """Order parameters of branches along their parameter: stable parts solid, unstable ones dotted.

    Parameters
    ----------
    branches : Branches or an iterable of Branch
    ax : matplotlib axes, or None for new ones
    names : the order parameters to draw; None for all

    Returns
    -------
    Drawing
    """
    branches = list(branches)
    names = _known_names(branches, names)
    artists = []
    for k, name in enumerate(names):
        colour = CURVES[k % len(CURVES)]
        for i, branch in enumerate(branches):
            artists += _stable_and_unstable(ax, branch, name, colour, tex(name) if i == 0 else None)
    _frame(ax, branches, tex(names[0]) if len(names) == 1 else "order parameters")
    artists += _branch_legend(ax, branches, len(names) > 1)
    return Drawing(ax, tuple(artists))


def _branch_legend(ax, branches, colours=True):
    """A legend of the colours, where they mean something, and of what is dotted."""
    from matplotlib.lines import Line2D

    entries = zip(*ax.get_legend_handles_labels()) if colours else ()
    handles = [Line2D([], [], color=line.get_color(), label=label, **STABLE) for line, label in entries]
    if any(not branch.stable.all() for branch in branches):
        handles = [*handles, Line2D([], [], color=INK, label="unstable", **UNSTABLE)]
        if not colours:
            handles = [Line2D([], [], color=INK, label="stable", **STABLE), *handles]
    return [ax.legend(handles=handles, frameon=False)] if handles else []


@_styled
def free_energies(branches, *, ax=None):
    """Free energies of branches along their parameter, one colour for each; stable parts solid, unstable ones dotted."""
    branches = list(branches)
    artists, colours = [], {}
    for branch in branches:
        label = None if branch.kind in colours else branch.kind
        colour = colours.setdefault(branch.kind, CURVES[len(colours) % len(CURVES)])
        artists += _stable_and_unstable(ax, branch, "free_energy", colour, label)
    _frame(ax, branches, "free energy per site $f$")
    artists += _branch_legend(ax, branches)
    return Drawing(ax, tuple(artists))


def plot_branches(branches, *, ax=None):
    """Order parameters above free energies along the parameter, on two axes that share it (or on `ax`, a pair of axes)."""
    import matplotlib
    import matplotlib.pyplot

    if ax is None:
        with matplotlib.rc_context(STYLE):
            ax = matplotlib.pyplot.subplots(2, 1, figsize=(5.8, 6.2), sharex=True, layout="constrained", height_ratios=(3, 2))[1]
    upper, lower = order_parameters(branches, ax=ax[0]), free_energies(branches, ax=ax[1])
    ax[0].set_xlabel("")
    first = next(iter(branches))
    ax[0].set_title(_title(first.model, first.parameters))
    return Drawing(ax[0], (*upper, *lower))


def _known_names(branches, names):
    if not branches:
        raise InputError("expected at least one branch to draw, got none")
    known = branches[0].names
    unknown = [n for n in names or () if n not in known]
    if unknown:
        raise InputError(f"unknown order parameter {unknown[0]!r}: expected some of {', '.join(known)}")
    return tuple(names or getattr(branches[0], "pictured", None) or known)


def _stable_and_unstable(ax, branch, name, colour, label):
    """The curve in pieces, split where the stability changes."""
    x, values, stable = (branch.curve[column] for column in (branch.parameter, name, "stable"))
    cuts = [0, *(np.flatnonzero(np.diff(stable)) + 1), len(x)]
    artists = []
    for a, b in zip(cuts, cuts[1:]):
        piece = slice(max(a - 1, 0) if not stable[a] else a, b + 1 if not stable[a] else b)
        style = STABLE if stable[a] else UNSTABLE
        artists += ax.plot(x[piece], values[piece], color=colour, label=label, **style)
        label = None
    return artists


def _frame(ax, branches, ylabel):
    name = branches[0].parameter
    low, high = min(b[name].min() for b in branches), max(b[name].max() for b in branches)
    ax.set(xlim=(low, high), xlabel=tex(name), ylabel=ylabel)
    ax.spines[["top", "right"]].set_visible(False)


@_styled
def landscape(surface, *, ax=None, levels=18):
    """The free energy over one order parameter as a curve, over two as a map, with the solutions marked.

    Full circles are stable solutions, open ones unstable.

    Parameters
    ----------
    surface : Landscape
    ax : matplotlib axes, or None for new ones
    levels : number of contours of a map

    Returns
    -------
    Drawing
    """
    ax.set_title(_title(surface.title, surface.parameters))
    draw = _landscape_curve if len(surface.names) == 1 else _landscape_map
    return Drawing(ax, tuple(draw(ax, surface, levels)))


def _landscape_curve(ax, surface, _):
    x = surface.values[:, 0]
    artists = ax.plot(x, surface.free_energy, color=CURVES[0], linewidth=1.9)
    places = [(s[surface.names[0]], s.free_energy) for s in surface.solutions]
    artists += _mark_solutions(ax, surface, places)
    low, high = min(f for _, f in places), max(f for _, f in places)
    room, symbol = max(high - low, 0.02 * (surface.free_energy.max() - low)), tex(surface.names[0])
    ax.set(ylim=(low - 0.25 * room, high + 1.2 * room), xlabel=symbol, ylabel=f"free energy per site $f({symbol[1:-1]})$")
    ax.spines[["top", "right"]].set_visible(False)
    return artists


def _landscape_map(ax, surface, levels):
    lowest = surface.free_energy.min()
    gap = surface.free_energy - lowest
    top = 1.15 * max([s.free_energy - lowest for s in surface.solutions] + [0.2 * gap.max()])
    filled = ax.contourf(surface.values[..., 0], surface.values[..., 1], gap, levels=np.linspace(0, top, levels + 1), cmap="cividis", extend="max")
    lines = ax.contour(surface.values[..., 0], surface.values[..., 1], gap, levels=np.linspace(0, top, levels + 1)[1:], colors="white", linewidths=0.35, alpha=0.55)
    bar = ax.figure.colorbar(filled, ax=ax, label="$f - f_{\\min}$", pad=0.02, format="%.3g")
    bar.outline.set_visible(False)
    ax.set(xlabel=tex(surface.names[0]), ylabel=tex(surface.names[1]))
    ax.margins(0.04)
    ax.spines[:].set_visible(False)
    return [filled, lines, *_mark_solutions(ax, surface, [tuple(s[n] for n in surface.names) for s in surface.solutions])]


def _mark_solutions(ax, surface, places):
    artists = []
    for s, place in zip(surface.solutions, places):
        face = INK if s.stable else "white"
        artists += ax.plot(*place, "o", markersize=6, color=face, markeredgecolor=INK if not s.stable else "white", markeredgewidth=1.2, zorder=4, clip_on=False)
    return artists
