"""Phase diagrams of models with quenched couplings: states on a grid, lines as curves, under a replica ansatz."""

import json
import math
import pickle
from collections import Counter
from functools import lru_cache
from itertools import product

import numpy as np

from ..diagram.sections import packed, unpacked
from ..kernels.cache import digest
from ..phase_diagram import Phase, PhaseDiagram
from ..results import versions
from ..scans.checkpoint import Checkpoint
from ..scans.portable import portable_model, rebuilt_model
from ..scans.quenched import Quenched
from ..scans.running import completed
from .area import Area
from .borders import Borders, Start, events_on
from .breaking import order_parameters
from .cutting import Cutter
from .edges import add_lines, unexplained
from .naming import labels
from .search import replica_symmetric
from .spread import Spread, equilibrium
from .transitions import Finder

__all__ = ["replica_phase_diagram"]

# Where sections through the plane are searched, as shares of a side, and which share of their points start states on the grid.
SECTIONS = (0.2791, 0.7213)
SEED_STRIDE = 4
# Where points of the plane are searched, as shares of both sides; rounds of looking for lines on the grid.
POINTS = (0.0531, 0.4177, 0.9317)
ROUNDS = 3
# Most points a side where every point takes a general solver.
COARSE, BROKEN = 21, 11


def replica_phase_diagram(model, ranges, fixed, ansatz=None, steps=None, sections=None, progress=None, executor=None, checkpoint=None):
    """Map the phases of a model with quenched couplings in a plane.

    Parameters
    ----------
    model : theory.Model with couplings
    ranges : the Ranges of the two free parameters
    fixed : {name: value} of all others, T included where the model has one
    ansatz, steps : as in `theory.replica.ansatz_of`
    sections, progress, executor, checkpoint : as in `meanfield.phase_diagram`
    """
    plane = (model, ranges, tuple(fixed.items()), ansatz, steps)
    return _Mapper(plane, executor, progress or (lambda done, total: None), checkpoint).run(sections)


def area_of(plane):
    """The Area of a plane as it is sent to workers."""
    model, ranges, fixed, ansatz, steps = plane
    return Area(model, ranges, dict(fixed), ansatz, steps)


@lru_cache(maxsize=1)
def _unpacked(plane):
    """The Area of a pickled plane, once in a worker."""
    model, *rest = pickle.loads(plane)
    return area_of((rebuilt_model(model), *rest))


def _search(plane, *task):
    """What a task finds in an Area, or in a pickled plane, as plain values: starts of curves and states."""
    area = _unpacked(plane) if isinstance(plane, bytes) else plane
    return searched(area, *task) if isinstance(task[0], str) else solved(area, task)


def solved(area, values):
    """The solutions at a point of an Area, as plain values."""
    values = tuple(map(float, values))
    found = [(area.member_of(0, u, values), u) for u in replica_symmetric(area.system(0, values)).points]
    return {"starts": [], "seeds": [[area.members.index(m), values, list(map(float, u))] for m, u in found if m is not None]}


def searched(area, name, value):
    """Starts of curves and states along a section of an Area, as plain values."""
    lines = area.section(name, value)
    line = lines[0]
    place = lambda t: tuple(float(v) for v in ((value, line.value(t)) if name == area.names[0] else (line.value(t), value)))
    finder = Finder(lines)
    starts = [[s.kind, s.values, [[_members(area).index(m), list(map(float, u))] for m, u in s.states]] for s in events_on(area, finder, place)
              if all(m is not None for m, _ in s.states)]
    seeds = []
    for s in finder.segments:
        for f in s.facts[1:-1:SEED_STRIDE] or s.facts[:1]:
            values = place(f.t)
            member = area.member_of(s.line.theory.steps, f.unknowns, values)
            if member is not None:
                seeds.append([area.members.index(member), values, list(map(float, f.unknowns))])
    return {"starts": starts, "seeds": seeds}


def _members(area):
    """All members, by which tasks name them."""
    return (*area.members, *area.marginal)


def _key(place, value):
    """The name of a task in a checkpoint."""
    return " = ".join(p if isinstance(p, str) else float(p).hex() for p in (place, value))


class _Mapper:
    """Runs the steps and counts progress."""

    def __init__(self, plane, executor, progress, checkpoint):
        self.plane, self.area, self.executor, self.progress = plane, area_of(plane), executor, progress
        self.checkpoint = Checkpoint(checkpoint, self.identity(), packed, unpacked) if checkpoint is not None else None
        self.sections = self.checkpoint.load() if self.checkpoint else {}
        self.done = 0

    def identity(self):
        """What a checkpoint must agree in to be continued."""
        ranges = {r.name: [r.low, r.high, r.points] for r in self.area.ranges}
        return {"model": self.area.model.name, "parameters": self.parameters, "plane": ranges, "versions": dict(versions()),
                "ansatz": [self.area.ansatz.name, self.area.ansatz.steps],
                "equations": digest(Quenched(self.area.model, self.area.ansatz).text())}

    @property
    def parameters(self):
        return {**self.area.model.structural, **self.area.fixed}

    def step(self):
        self.done += 1
        self.progress(min(self.done, self.total), self.total)

    def run(self, shares):
        tasks = self.tasks(shares)
        self.total = len(tasks) + 3
        self.search(tasks)
        spread, borders = self.spread(tasks), Borders(self.area)
        self.step()
        self.trace(tasks, spread, borders)
        self.step()
        cutter = Cutter(self.area, borders, spread)
        lines = cutter.lines()
        found = self.result(spread, tuple(lines), tuple(cutter.special_points(lines)), borders)
        self.step()
        return found

    def tasks(self, shares):
        """What is searched: points of the plane where solutions come cheaply from the compiled equations, else sections through it."""
        if self.area.compiled and not self.area.broken:
            return [tuple(self.area.low + np.array(p) * (self.area.high - self.area.low)) for p in product(POINTS, repeat=2)]
        chosen = shares if shares is not None else SECTIONS[:1] if self.area.broken else SECTIONS
        return [(r.name, r.low + share * (r.high - r.low)) for share, r in product(chosen, self.area.ranges)]

    def search(self, tasks):
        """Do the tasks that are not done, on the executor, and keep what was found."""
        new = [task for task in tasks if _key(*task) not in self.sections]
        for _ in range(len(tasks) - len(new)):
            self.step()
        plane = pickle.dumps((portable_model(self.plane[0]), *self.plane[1:])) if self.executor and new else self.area
        for (_, *task), found in completed(self.executor, _search, [(plane, *task) for task in new]):
            self.sections[_key(*task)] = found
            if self.checkpoint:
                self.checkpoint.save(self.sections, now=True)
            self.step()

    def spread(self, tasks):
        """The states on the grid, spread from those that were found."""
        spread = Spread(self.area, *(self.grid_values(r) for r in self.area.ranges))
        for task in tasks:
            for i, values, u in self.sections[_key(*task)]["seeds"]:
                spread.add(self.area.members[i], np.array(u), values)
        spread.judge()
        return spread

    def trace(self, tasks, spread, borders):
        """Trace the lines that start where something happens on sections or on the grid, until nothing new turns up."""
        for task in tasks:
            for kind, values, states in self.sections[_key(*task)]["starts"]:
                borders.add(Start(kind, tuple(values), tuple((_members(self.area)[i], np.array(u)) for i, u in states)))
        tried, seen = {}, 0
        for _ in range(ROUNDS):
            add_lines(spread, borders, tried)
            if len(borders.curves) == seen:
                break
            known = len(spread.components)
            for border in borders.curves[seen:]:
                self.offer(border, spread)
            seen = len(borders.curves)
            if len(spread.components) == known:
                break
            spread.judge()

    @staticmethod
    def offer(border, spread):
        """Spread the states on a curve over the grid."""
        for k in range(0, len(border), 8):
            z = border.variables(k)
            for i, member in enumerate(border.members if border.kind != "dynamic" else ()):
                spread.add(member, border.unknowns(z, i), border.values(z))

    def grid_values(self, r):
        """The grid's values of a parameter: fewer than asked for where every point takes the general solver."""
        most = BROKEN if self.area.broken else COARSE
        stride = 1 if self.area.compiled and not self.area.broken else max(1, math.ceil((r.points - 1) / (most - 1)))
        return r.values if (r.points - 1) % stride else r.values[::stride]

    def result(self, spread, lines, special, borders):
        area, model = self.area, self.area.model
        table = _Table(spread)
        return PhaseDiagram(model.name, model.title, *area.ranges, self.parameters, _dataset(area, table), table.phases, table.rankings,
                            lines, special, self.warnings(spread, borders))

    def warnings(self, spread, borders):
        """What stays open."""
        found = [f"no line found for a {e.start.kind} transition near {_place(self.area, e.start.values)}" for e in unexplained(spread, borders)]
        constrained = self.area.saddles[0].theory.channel is not None
        if not constrained and (empty := sum(not states for states in spread.cells.values())):
            found.append(f"no state found at {empty} of {len(spread.cells)} points of the grid")
        return tuple(dict.fromkeys(found))


def _place(area, values):
    return ", ".join(f"{n} = {v:.4g}" for n, v in zip(area.names, values))


class _Table:
    """The states of the grid by rank: the equilibrium first, then the other stable ones by free energy."""

    def __init__(self, spread):
        self.spread, self.area = spread, spread.area
        self.shape = len(spread.x), len(spread.y)
        names = labels(spread)
        self.ranked = {cell: self._ranking(states, [names[cell, k] for k in range(len(states))]) for cell, states in spread.cells.items()}

    @staticmethod
    def _ranking(states, names):
        """[(label, Component, Point)], the equilibrium first."""
        best = equilibrium(states)
        kept = [(name, *s) for name, s in zip(names, states) if s is best or s[0].stable]
        return sorted(kept, key=lambda s: (s[2] is not (best and best[1]), s[2].free_energy))

    @property
    def phases(self):
        """All phases, those with the largest share of the plane first."""
        first, anywhere, example = Counter(), Counter(), {}
        for states in self.ranked.values():
            first.update(s[0] for s in states[:1])
            anywhere.update({s[0] for s in states})
            for name, _, point in states:
                example.setdefault(name, []).append(point)
        order = sorted(anywhere, key=lambda name: (-first[name], -anywhere[name], name))
        size = len(self.ranked)
        return tuple(Phase(n, n, _nonzero(example[n][len(example[n]) // 2]), first[n] / size, (anywhere[n] - first[n]) / size) for n in order)

    @property
    def rankings(self):
        return tuple(sorted({self.row(cell) for cell in self.ranked}))

    def row(self, cell):
        """Labels of the stable phases at a point, the equilibrium first."""
        return tuple(dict.fromkeys(s[0] for s in self.ranked[cell]))

    def filled(self, value, dtype=float):
        """An array on the grid of a function of the ranked states of a point."""
        out = np.empty(self.shape, dtype=dtype)
        for cell, states in self.ranked.items():
            out[cell] = value(cell, states)
        return out


def _nonzero(point):
    """Names of the means and overlaps that do not vanish, the overlaps as in the ansatz with all its steps."""
    unknowns, area = point.member.unknowns(point.values), point.member.area
    means = [unknowns.system.names[i] for i in (*unknowns.means, *unknowns.teacher) if abs(point.u[i]) > 1e-6]
    names = [str(o.names[-1]) for o in area.saddles[area.ansatz.steps].theory.overlaps]
    overlaps = [name for name, (levels, _) in zip(names, unknowns.levels(point.u)) if levels[-1] > 1e-6]
    return tuple(means + overlaps)


def _reported(point):
    """{name: value} of the order parameters that the equations contain, and of what else is reported."""
    member, unknowns = point.member, point.member.unknowns(point.values)
    system = unknowns.system
    if member.steps < member.area.ansatz.steps:
        return order_parameters(unknowns, point.u, member.area.unknowns(member.area.ansatz.steps, point.values))
    if not hasattr(member, "kernel"):
        return system.state(point.u).order_parameters
    means = {str(a): float(point.u[system.names.index(str(a))]) for a in system.theory.used}
    numbers = (*system.numbers, *point.u, *((0.0,) * (system.theory.steps + 3)))
    return means | dict(zip(system.saddle.reported_names, map(float, system.saddle.reported(*numbers))))


def _dataset(area, table):
    import xarray

    dims, spread = area.names, table.spread
    phases = [p.label for p in table.phases]
    rankings = [" > ".join(r) for r in table.rankings]
    of = lambda name: table.filled(lambda cell, states: getattr(states[0][2], name) if states else np.nan)
    free_energy, entropy = of("free_energy"), of("entropy")
    T = table.filled(lambda cell, states: area.parameters(spread.values(cell)).get("T", 1.0))
    per_site = {"units": "per site, k_B = 1"}
    variables = _order_parameters(area, table) | {
        "free_energy": (dims, free_energy, per_site), "entropy": (dims, entropy, per_site),
        "replicon": (dims, of("replicon"), {"long_name": "lowest eigenvalue of the replicon block", "units": "1"}),
        "ansatz_valid": (dims, table.filled(lambda cell, states: bool(states) and states[0][2].member.valid(states[0][2]), "int8"),
                         {"long_name": "1 where the replicon is positive and no entropy of discrete sites negative"}),
        "phase": (dims, table.filled(lambda cell, states: phases.index(states[0][0]) if states else -1, "int32"), {"labels": json.dumps(phases)}),
        "metastable": (dims, table.filled(lambda cell, states: phases.index(table.row(cell)[1]) if len(table.row(cell)) > 1 else -1, "int32"),
                       {"long_name": "index of the lowest metastable phase, -1 without one", "labels": json.dumps(phases)}),
        "stable_phases": (dims, table.filled(lambda cell, states: len(states), "int32"), {"long_name": "number of locally stable phases"}),
        "ranking": (dims, table.filled(lambda cell, states: rankings.index(" > ".join(table.row(cell))), "int32"), {"labels": json.dumps(rankings)}),
        "converged": (dims, table.filled(lambda cell, states: bool(states), "int8"), {"long_name": "1 where a state was found"}),
    }
    if area.model.has_temperature:
        variables["energy"] = (dims, free_energy + T * entropy, per_site)
    attrs = {"title": f"Phase diagram of {area.model.title}", "model": area.model.name, "reference": area.model.reference,
             "parameters": json.dumps({**area.model.structural, **area.fixed}), "ansatz": area.ansatz.name, "steps": area.ansatz.steps,
             "versions": json.dumps(dict(versions())), "units": "k_B = 1, energies per site"}
    x, y = area.ranges
    return xarray.Dataset(variables, {x.name: (x.name, spread.x), y.name: (y.name, spread.y)}, attrs)


def _order_parameters(area, table):
    """{name: variable} of the order parameters of equilibrium."""
    values = {cell: _reported(states[0][2]) if states else {} for cell, states in table.ranked.items()}
    means, found = set(area.model.names), {}
    overlaps = {str(o.names[-1]) for s in area.saddles.values() for o in s.theory.overlaps}
    for name in dict.fromkeys(name for v in values.values() for name in v):
        text = f"{'order parameter' if name in means else 'overlap' if name in overlaps else 'reported quantity'} {name}"
        found[name] = (area.names, table.filled(lambda cell, states: values[cell].get(name, np.nan)), {"long_name": text, "units": "1"})
    return found
