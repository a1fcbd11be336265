"""The phase diagram of a model in a plane of two parameters: the equilibrium phase on a grid, and the lines between phases."""

import json
import math
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import product

import numpy as np

from theory.errors import InputError

from .bifurcations.box import Box, Range, axes, read_range
from .bifurcations.coexistence import grid_starts, stable_pair
from .bifurcations.continuation import Arclength
from .diagram.grid import scan
from .diagram.labels import PhaseNames
from .diagram.sections import from_plain, packed, plain, unpacked
from .bifurcations.lines import Line, LineCutter, LineFinder
from .branches import susceptibilities
from .inputs import coupled, has_couplings, refuse_ansatz
from .kernels.cache import digest
from .results import versions
from .scans.checkpoint import Checkpoint
from .scans.portable import Portable
from .scans.running import completed
from .transitions import Origin, find_transitions
from .writers import check_extension, replacing, write_json

__all__ = ["Phase", "PhaseDiagram", "phase_diagram"]

# Where sections through the plane are searched for transitions, as shares of a side: at no special place.
SECTIONS = (0.0731, 0.2791, 0.4877, 0.7213, 0.9317)
ANCHORS = 9
MORE_SECTIONS = 6
SEED_STRIDE = 5
# Ends of lines closer than this, in units of the box, meet.
LOOSE = 5e-3


@dataclass(frozen=True)
class Phase:
    """A phase of the diagram.

    Attributes
    ----------
    label : the kind and, where needed, what distinguishes it from other phases of this kind
    kind : see DESIGN's vocabulary
    nonzero : names of the order parameters that do not vanish
    fraction : of the grid's points at which it is the equilibrium; 0 for phases that are only metastable
    metastable : of the grid's points at which it is stable without being the equilibrium
    """

    label: str
    kind: str
    nonzero: tuple
    fraction: float
    metastable: float

    def as_dict(self):
        """Plain values for JSON."""
        return {"label": self.label, "kind": self.kind, "order_parameters": list(self.nonzero),
                "fraction": self.fraction, "metastable": self.metastable}


@dataclass(frozen=True, eq=False)
class PhaseDiagram:
    """The phases of a model in a plane.

    Attributes
    ----------
    model, title : of the model
    x, y : Range of the two parameters
    parameters : {name: value} held fixed
    dataset : xarray.Dataset on the grid: order parameters, without quenched couplings susceptibilities, free energy, entropy and
        energy of the equilibrium, index of its phase, number of stable phases, index of their ranking by free energy, converged
    phases : tuple of Phase, in the order of the index
    rankings : tuple of tuples of labels: the stable phases of a point by free energy, the equilibrium first
    lines : tuple of Line
    special_points : tuple of SpecialPoint
    warnings : tuple of texts: boundaries that no line explains, lines that end at no special point
    """

    model: str
    title: str
    x: Range
    y: Range
    parameters: dict
    dataset: object
    phases: tuple
    rankings: tuple
    lines: tuple
    special_points: tuple
    warnings: tuple = ()

    def lines_of(self, kind):
        """The lines of one kind."""
        return tuple(line for line in self.lines if line.kind == kind)

    def as_dict(self):
        """The JSON document of `phase-diagram`."""
        return {"model": self.model, "parameters": dict(self.parameters), "x": self.x.name, "y": self.y.name,
                "lines": [line.as_dict() for line in self.lines], "phases": [p.as_dict() for p in self.phases],
                "special_points": [p.as_dict((self.x.name, self.y.name)) for p in self.special_points],
                "warnings": list(self.warnings)}

    def with_curves(self, curves):
        """The diagram with PlaneCurves in its plane among the lines, of kind "condition" and between their label.

        Raises
        ------
        InputError
            For a curve in another plane.
        """
        names = (self.x.name, self.y.name)
        if foreign := [c for c in curves if tuple(c.parameters) != names]:
            raise InputError(f"expected curves in {' and '.join(names)}, got one in {' and '.join(foreign[0].parameters)}")
        return replace(self, lines=(*self.lines, *(Line("condition", (c.label,), c.points) for c in curves)))

    def plot(self, ax=None, **options):
        """Draw the diagram; see `meanfield.plot.phase_diagram`."""
        from .plot import phase_diagram

        return phase_diagram(self, ax=ax, **options)

    def save(self, path):
        """Write the diagram atomically: .nc the grid, .json the lines and phases, .png, .pdf or .svg the picture.

        Raises
        ------
        InputError
            For another extension or a place that cannot be written to.
        """
        extension = check_extension(path, ("nc", "json", "png", "pdf", "svg"))
        if extension == "json":
            return write_json(path, self.as_dict())
        if extension == "nc":
            with replacing(path) as temporary:
                self.dataset.to_netcdf(temporary, engine="scipy")
            return path
        from .plot import save

        return save(self.plot(), path)

    def __repr__(self):
        head = f"{self.model}: {self.x.name} = {self.x.low:g} to {self.x.high:g}, {self.y.name} = {self.y.low:g} to {self.y.high:g}"
        phases = [f"  {p.label}: {100 * p.fraction:.1f} % of the plane" for p in self.phases]
        notes = [f"  warning: {text}" for text in self.warnings]
        return "\n".join([head, *phases, *(f"  {line!r}" for line in self.lines), *notes])


def phase_diagram(model, *, x, y, sections=None, progress=None, executor=None, checkpoint=None, ansatz=None, steps=None, **fixed):
    """Map the phases of a model in a plane of two parameters.

    Transitions along a few sections through the plane start the lines, which are then followed as curves; stable states from the
    sections spread over the grid. Boundaries on the grid that no line explains get sections of their own.

    Parameters
    ----------
    model : model, theory, name or path of a model file
    x, y : (name, low, high) or (name, low, high, points), also as {name: (low, high)}
    sections : shares of a side at which sections are taken, for both parameters; None for the default
    progress : called as progress(done, total) while the computation runs
    executor : any `concurrent.futures.Executor` for the sections
    checkpoint : name of a file (.npz) that keeps the sections that are done; the same call goes on from there
    ansatz, steps : of replicas, for models with quenched couplings: rs (default), 1rsb, or krsb with steps
    fixed : the other parameters, with T

    Returns
    -------
    PhaseDiagram

    Raises
    ------
    InputError
        For an unknown parameter, an empty range, a range over a structural integer, or a checkpoint of another diagram.
    """
    x, y = ((name, *limits) for name, limits in axes(x, y).items())
    if found := _coupled_plane(model, x, y, fixed):
        from .replicas.diagram import replica_phase_diagram

        return replica_phase_diagram(*found, ansatz, steps, sections, progress, executor, checkpoint)
    refuse_ansatz(ansatz, steps)
    plane = _Plane(model, x, y, tuple(fixed.items()))
    return _Mapper(plane, executor, progress or (lambda done, total: None), checkpoint).run(sections or SECTIONS)


def _coupled_plane(source, x, y, fixed):
    """(model, Ranges, values of the other parameters) of a source with quenched couplings; None for any other source."""
    if not has_couplings(source, fixed):
        return None
    ranges = tuple(read_range(name, limits) for name, limits in axes(x, y).items())
    for r in ranges:
        if r.name in fixed or (r.name == "T" and "beta" in fixed):
            raise InputError(f"{r.name} is both set and ranged: give one of them")
    corners = [coupled(source, **{**fixed, **{r.name: end for r, end in zip(ranges, ends)}})
               for ends in product(*((r.low, r.high) for r in ranges))]
    model, values = corners[0]
    for r in ranges:
        if r.name in model.structural:
            raise InputError(f"{r.name} is a structural integer of {model.name}: it cannot be ranged over, set it instead")
    return model, ranges, {name: value for name, value in values.items() if name not in {r.name for r in ranges}}


@dataclass(frozen=True)
class _Plane:
    """What a plane is made from, to be sent to workers."""

    model: object
    x: tuple
    y: tuple
    fixed: tuple

    @property
    def box(self):
        return _box(self)

    def portable(self):
        """The plane in a form that other processes can read, with its kernels compiled."""
        return _Plane(Portable.of(self.box.family.compiled), self.x, self.y, tuple(self.box.fixed.items()))


@lru_cache(maxsize=4)
def _box(plane):
    model = plane.model.compiled() if isinstance(plane.model, Portable) else plane.model
    return Box.plane(model, plane.x, plane.y, dict(plane.fixed))


def _search_section(plane, name, value):
    """Stable states [(values, order parameters)] and transitions [(Transition, values)] along a section through a plane."""
    box = plane.box
    section = box.section(name, value)
    place = lambda other: (value, other) if name == box.ranges[0].name else (other, value)
    segments = section.segments(Arclength(), ANCHORS)
    seeds = [(place(p.parameter), p.state.order_parameters)
             for s in segments for p in (s.points[1:-1:SEED_STRIDE] or s.points[:1])]
    return seeds, [(t, place(*t.at.values())) for t in find_transitions(section, segments)]


def _key(name, value):
    """The name of a section in a checkpoint."""
    return f"{name} = {float(value).hex()}"


class _Mapper:
    """Runs the steps and counts progress."""

    def __init__(self, plane, executor, progress, checkpoint):
        self.plane, self.box, self.executor, self.progress = plane, plane.box, executor, progress
        self.checkpoint = Checkpoint(checkpoint, self.identity(), packed, unpacked) if checkpoint is not None else None
        self.sections = self.checkpoint.load() if self.checkpoint else {}
        self.finder, self.names = LineFinder(self.box), PhaseNames(self.box)
        self.seeds, self.done = [], 0

    def run(self, sections):
        places = [(r.name, r.low + share * (r.high - r.low)) for share, r in product(sections, self.box.ranges)]
        self.total = len(places) + MORE_SECTIONS + 2
        self.search(places)
        grid, lines = self.map()
        tried = []
        for _ in range(MORE_SECTIONS):
            known = len(self.finder.curves)
            self.seed(grid, lines)
            if len(self.finder.curves) == known:
                fresh = [b for b in self.open_boundaries(lines) if not any(b.near(other) for other in tried)]
                if not fresh:
                    break
                tried.append(fresh[0])
                self.search(fresh[0].sections(self.box))
            if len(self.finder.curves) > known:
                grid, lines = self.map()
        self.done = self.total - 1
        self.step()
        return self.result(grid, lines)

    def seed(self, grid, lines):
        """Start first-order lines where phases cross on the grid or on curves."""
        starts = [*self.cutter.crossings(), *grid_starts(self.box, grid, _known(self.box, self.phases, lines))]
        for states, values in starts:
            if pair := stable_pair(self.box, states, values):
                self.finder.add(Origin("coexistence", tuple(pair)), values)
        self.finder.grow()

    def open_boundaries(self, lines):
        """Places where the diagram is not closed: boundaries and jumps on the grid that no line explains, and loose ends of lines."""
        jumps = grid_starts(self.box, self.grid, _known(self.box, self.phases, lines))
        axes, reach = (0, 1), 1 / (np.array(self.phases.shape[:2]) - 1)
        return [*_unexplained(self.box, self.phases, lines, self.names), *_loose_ends(self.box, lines, self.special),
                *(_Open(self.box.family.unit(values), "no line found where the equilibrium jumps", reach, axes) for _, values in jumps)]

    def step(self):
        self.done += 1
        self.progress(min(self.done, self.total), self.total)

    def search(self, places):
        """Search sections for transitions; start lines at them and keep states as seeds of the grid."""
        new = [place for place in dict.fromkeys(places) if _key(*place) not in self.sections]
        for _ in range(len(places) - len(new)):
            self.step()
        self.search_all(new)
        for place in places:
            seeds, transitions = from_plain(self.sections[_key(*place)])
            self.seeds += seeds
            for t, values in transitions:
                if t.origin is not None:
                    self.finder.add(t.origin, values)
        self.finder.grow()

    def search_all(self, places):
        """Search the sections that are not known, on the executor, and keep what was found."""
        plane = self.plane.portable() if self.executor and places else self.plane
        try:
            for (_, *place), found in completed(self.executor, _search_section, [(plane, *place) for place in places]):
                self.sections[_key(*place)] = plain(found)
                if self.checkpoint:
                    self.checkpoint.save(self.sections)
                self.step()
        finally:
            if self.checkpoint and self.sections:
                self.checkpoint.save(self.sections, now=True)

    def identity(self):
        """What a checkpoint must agree in to be continued."""
        ranges = {r.name: [r.low, r.high, r.points] for r in self.box.ranges}
        return {"model": self.box.model.name, "parameters": self.box.parameters, "plane": ranges, "versions": dict(versions()),
                "equations": digest(self.box.family.compiled.source)}

    def map(self):
        """The Grid of stable states and the Lines."""
        self.grid = grid = scan(self.box, self.seeds)
        self.phases = self.phases_of(grid)
        self.cutter = LineCutter(self.finder, grid, self.names)
        lines = self.cutter.lines()
        self.special = self.cutter.special_points(lines)
        self.step()
        return grid, lines

    def phases_of(self, grid):
        """The phase (kind, pattern) of every stable state on the grid, an object array of shape (nx, ny, k)."""
        found = np.empty(grid.free_energy.shape, dtype=object)
        for i, j, k in np.argwhere(np.isfinite(grid.free_energy)):
            found[i, j, k] = self.names.identify(grid.order_parameters[i, j, k])
        return found

    def result(self, grid, lines):
        box, summary = self.box, _Summary(self.names, self.phases)
        return PhaseDiagram(box.model.name, box.model.title, *box.ranges, box.parameters, _dataset(box, grid, summary),
                            summary.phases, summary.rankings, tuple(lines), tuple(self.special), self.warnings(lines))

    def warnings(self, lines):
        """What stays open, each place once."""
        found = []
        for b in self.open_boundaries(lines):
            if not any(b.near(other) and b.text == other.text for other in found):
                found.append(b)
        names = [r.name for r in self.box.ranges]
        return tuple(f"{b.text} near " + ", ".join(f"{n} = {v:.4g}" for n, v in zip(names, self.box.family.values(b.unit))) for b in found)


@dataclass(frozen=True, eq=False)
class _Open:
    """A place in unit coordinates where the diagram is not closed: what is wrong, how far to look, and across which axes."""

    unit: np.ndarray
    text: str
    reach: np.ndarray
    axes: tuple

    def near(self, other):
        """Whether two such places need one look."""
        return bool((np.abs(self.unit - other.unit) <= 2 * self.reach).all())

    def sections(self, box):
        """(name, value) of sections that pass the place."""
        return [(box.ranges[k].name, float(box.family.values(np.clip(self.unit + shift, 0, 1))[k]))
                for k in self.axes for shift in ((1e-4 * (0.5 - self.unit),) if len(self.axes) == 1 else (-self.reach, self.reach))]


def _known(box, phases, lines):
    """Points on the lines of equilibrium, unit coordinates (k, 2)."""
    known = [p for line in lines if line.kind in ("continuous", "first-order")
             for p in _dense(box.family.unit(line.points), 0.5 / max(phases.shape[:2]))]
    return np.array(known).reshape(-1, 2)


def _unexplained(box, phases, lines, names):
    """Boundaries of phases on the grid that are near no line."""
    shape, known = np.array(phases.shape[:2]), _known(box, phases, lines)
    for axis in (0, 1):
        equilibrium = phases[:, :, 0]
        first, second = (np.moveaxis(equilibrium, axis, 0)[s] for s in (slice(None, -1), slice(1, None)))
        for i, j in np.argwhere([[_differ(a, b) for a, b in zip(r, s)] for r, s in zip(first, second)]):
            unit = np.array([i + 0.5, j] if axis == 0 else [j, i + 0.5]) / (shape - 1)
            if not len(known) or (np.abs(known - unit) * (shape - 1)).max(1).min() > 2:
                sides = " and ".join(names.text(side[i, j]) for side in (first, second))
                yield _Open(unit, f"no line found between {sides}", 1 / (shape - 1), (1 - axis,))


def _loose_ends(box, lines, special):
    """Ends of lines of equilibrium inside the box that are neither critical points nor on another line."""
    bounding = [line for line in lines if line.kind in ("continuous", "first-order")]
    dense = [np.array(list(_dense(box.family.unit(line.points), LOOSE / 2))) for line in bounding]
    points = np.array([box.family.unit(p.at) for p in special if p.kind == "critical"]).reshape(-1, 2)
    for k, line in enumerate(bounding):
        others = np.vstack([points, *(d for i, d in enumerate(dense) if i != k)])
        for unit in box.family.unit(line.points[[0, -1]]):
            inside = (np.abs(unit - 0.5) < 0.5 - LOOSE).all()
            if inside and not (np.abs(others - unit).max(1) < LOOSE).any():
                yield _Open(unit, f"the {line.kind} line between {' and '.join(line.between)} ends", np.full(2, LOOSE), (0, 1))


def _differ(a, b):
    """Whether two phases differ in symmetry; a mere difference in kind or in signs may be a crossover."""
    return a is not None and b is not None and (list(map(abs, a[1][0])), a[1][1]) != (list(map(abs, b[1][0])), b[1][1])


def _dense(unit, spacing):
    """Points of a polyline at most `spacing` apart."""
    for a, b in zip(unit, unit[1:]):
        yield from a + np.linspace(0, 1, max(2, math.ceil(np.abs(b - a).max() / spacing)))[:, None] * (b - a)
    if len(unit) == 1:
        yield unit[0]


class _Summary:
    """Phases and rankings with their indices on the grid."""

    def __init__(self, names, states):
        self.names, self.states = names, states

    @cached_property
    def labels(self):
        """Labels of all stable states, shape (nx, ny, k); "" where there is none."""
        return np.array([self.names.text(s) if s is not None else "" for s in self.states.ravel()], dtype=object).reshape(self.states.shape)

    @cached_property
    def phases(self):
        """All phases, those with the largest share of the plane first."""
        first = Counter(self.labels[..., 0].ravel())
        anywhere = Counter(self.labels.ravel())
        keys = {self.names.text(s): s for s in self.states.ravel() if s is not None}
        size = self.labels[..., 0].size
        return tuple(self._phase(label, keys[label], first[label] / size, (anywhere[label] - first[label]) / size)
                     for label in sorted(keys, key=lambda k: (-first[k], -anywhere[k], k)))

    def _phase(self, label, key, fraction, metastable):
        kind, (signs, _) = key
        nonzero = tuple(name for name, s in zip(self.names.box.names, signs) if s)
        return Phase(label, kind, nonzero, fraction, metastable)

    @cached_property
    def index(self):
        """Index of the equilibrium phase, -1 where there is none; shape (nx, ny)."""
        order = {p.label: i for i, p in enumerate(self.phases)}
        return np.array([order.get(label, -1) for label in self.labels[..., 0].ravel()]).reshape(self.labels.shape[:2])

    @cached_property
    def rankings(self):
        """Distinct rankings of the stable phases by free energy."""
        return tuple(sorted(set(self._rows)))

    @cached_property
    def _rows(self):
        return [tuple(dict.fromkeys(x for x in row if x)) for row in self.labels.reshape(-1, self.labels.shape[-1])]

    @cached_property
    def ranking_index(self):
        """Index into `rankings`; shape (nx, ny)."""
        order = {r: i for i, r in enumerate(self.rankings)}
        return np.array([order[row] for row in self._rows]).reshape(self.labels.shape[:2])


def _susceptibilities(box, grid):
    """Those of the equilibrium, shape (n, nx, ny)."""
    found = np.full((len(box.names), *grid.count.shape), np.nan)
    for i, j in np.argwhere(grid.count > 0):
        system = box.family.system(box.family.parameters((grid.x[i], grid.y[j])))
        found[:, i, j] = susceptibilities(system, grid.order_parameters[i, j, 0])
    return found


def _dataset(box, grid, summary):
    import xarray

    x, y = box.ranges
    dims = (x.name, y.name)
    T = np.broadcast_to(grid.x[:, None] if x.name == "T" else grid.y if y.name == "T" else box.fixed["T"], grid.count.shape)
    free_energy, entropy = grid.free_energy[..., 0], grid.entropy[..., 0]
    per_site = {"units": "per site, k_B = 1"}
    variables = {name: (dims, grid.order_parameters[..., 0, i], {"long_name": f"order parameter {name}", "units": "1"})
                 for i, name in enumerate(box.names)}
    variables |= {f"chi_{name}": (dims, chi, {"long_name": f"d {name} / d field at fixed temperature"})
                  for name, chi in zip(box.names, _susceptibilities(box, grid))}
    variables |= {
        "free_energy": (dims, free_energy, per_site), "entropy": (dims, entropy, per_site),
        "energy": (dims, free_energy + T * entropy, per_site),
        "phase": (dims, summary.index.astype("int32"), {"labels": json.dumps([p.label for p in summary.phases])}),
        "stable_phases": (dims, grid.count.astype("int32"), {"long_name": "number of locally stable phases"}),
        "ranking": (dims, summary.ranking_index.astype("int32"), {"labels": json.dumps([" > ".join(r) for r in summary.rankings])}),
        "converged": (dims, (grid.count > 0).astype("int8"), {"long_name": "1 where a stable phase was found"}),
    }
    attrs = {"title": f"Phase diagram of {box.model.title}", "model": box.model.name, "parameters": json.dumps(box.parameters),
             "reference": box.model.reference, "versions": json.dumps(dict(versions())), "units": "k_B = 1, energies per site"}
    coords = {x.name: (x.name, grid.x), y.name: (y.name, grid.y)}
    return xarray.Dataset(variables, coords, attrs)
