"""Curves of the plane along which something happens to a solution, started at the transitions of sections through it."""

from dataclasses import dataclass

import numpy as np
import sympy

from theory.errors import InputError
from theory.symbols import T as TEMPERATURE

from .area import MARGINAL
from .extended import curve
from .general import nearest, trace_general

__all__ = ["Border", "Borders", "Start", "events_on"]

# A start closer than this to a known curve, in units of the box and of the unknowns, is on it.
KNOWN = 4e-3
# How far off a fold, along its null vector, the states on its sides are judged.
ASIDE = 3e-3
# Most points of a curve; those closer than this, in units of the box and of the unknowns, count as one.
LIMIT = 3000
FINE = (4e-3, 0.03)
KINDS = {"spinodal": "fold", "first-order": "equal_free_energies", "at": "replicon", "zero-entropy": "zero_entropy", "continuous": "instability",
         "gardner": "replicon", "static": "static", "dynamic": "dynamic", "capacity": "capacity"}


@dataclass(frozen=True, eq=False)
class Start:
    """Where a curve starts.

    Attributes
    ----------
    kind : of the transition
    values : (x, y)
    states : [(member, unknowns)], one or two
    """

    kind: str
    values: tuple
    states: tuple


def events_on(area, finder, place):
    """The Starts of the events that a Finder met along a section.

    Parameters
    ----------
    place : function t -> (x, y)
    """
    for e in finder.events():
        segments = [s for s in _concerned(e) if s is not None and s.facts]
        states = [(_member(area, s), s.at(e.t).unknowns) for s in segments]
        if states and len(states) == (2 if e.kind == "first-order" else 1):
            yield Start(e.kind, place(e.t), tuple(states))


def _concerned(e):
    """The segments that an event happens to."""
    both = [s for s in (e.before, e.after) if s is not None]
    if e.kind == "first-order":
        return both
    if e.kind == "continuous" or (e.kind == "at" and e.before is not e.after):
        return [min(both, key=lambda s: len(s.sector.free))]
    ending = [s for s in both if any(end in ("fold", "capacity", "static", "at") and abs(b - e.t) < 1e-9 for end, b in zip(s.ends, s.bounds))]
    return (ending or both)[:1]


def _member(area, segment):
    """The member of a segment's sector."""
    held = segment.line.theory.ansatz.x is not None
    steps, sector = MARGINAL if held else segment.line.theory.steps, segment.sector
    same = [m for m in (*area.members, *area.marginal) if m.steps == steps and (m.sector.null, m.sector.centred) == (sector.null, sector.centred)]
    return same[0] if same else None


class Border:
    """A curve of a compiled extended system.

    Attributes
    ----------
    kind : of the extended system
    members : of its states
    curve : Curve
    path : (n, d) variables at points along the curve, as many as cutting it needs
    places : (n, 2)
    """

    def __init__(self, area, kind, members, found):
        self.area, self.kind, self.members, self.curve = area, kind, members, found
        self.path = _thinned(area, found.table[0])
        self.places = self.path[:, -2:]

    def __len__(self):
        return len(self.places)

    def variables(self, i):
        """All variables at the i-th point."""
        return self.path[i]

    def values(self, z):
        """(x, y) of variables."""
        return tuple(map(float, z[-2:]))

    def unknowns(self, z, which=0):
        """Unknowns of one of its states, in the order of the theory."""
        names = self.curve.system.names
        suffix = "" if which == 0 else "_2"
        return np.array([z[names.index(f"{n}{suffix}")] for n in self.members[which].names])

    def states(self, z):
        """[Point] of its states at variables on the curve; None where one is not physical."""
        return [m.evaluate(self.unknowns(z, i), self.values(z)) for i, m in enumerate(self.members)]

    def aside(self, z):
        """The states on both sides of a fold: [Point], None where one is not physical."""
        names, u, member = self.curve.system.names, self.unknowns(z), self.members[0]
        null = np.array([z[names.index(f"{n}_null")] if f"{n}_null" in names else 1.0 for n in member.names])
        return [member.evaluate(u + s * ASIDE * null / np.linalg.norm(null), self.values(z)) for s in (-1, 1)]

    def direction(self, z):
        """Tangent of the curve in the plane."""
        return np.linalg.svd(self.curve.system.evaluate(z, self.curve.fixed)[1])[2][-1][-2:]

    def between(self, i, share):
        """Variables on the curve between its points i and i + 1; None where Newton's method fails."""
        points = self.path
        return self.chord(points[i], points[i + 1], share)

    def chord(self, a, b, share):
        """Variables on the curve across the chord of two neighbouring points; None where Newton's method fails."""
        weights, built, fixed = self.curve.table[2], self.curve.system, self.curve.fixed
        chord = weights * (b - a)
        z = a + share * (b - a)
        level = chord @ z
        for _ in range(8):
            F, J, _ = built.evaluate(z, fixed)
            try:
                step = np.linalg.solve(np.vstack([J, chord]), -np.append(F, chord @ z - level))
            except np.linalg.LinAlgError:
                return None
            if not np.isfinite(step).all():
                return None
            z = z + step
            if np.abs(step).max() < 1e-11 * (1 + np.abs(z).max()):
                return z
        return None

    def nearest(self, place):
        """(i, share): where the polyline of the curve is closest to a place."""
        return nearest(self.area, self.places, place)

    def landed(self, k, value, place):
        """The place on the curve, near another, where the k-th parameter has a value; None where Newton's method fails."""
        i, share = self.nearest(place)
        z = self.path[i] + share * (self.path[i + 1] - self.path[i])
        position = len(z) - 2 + k
        z[position] = value
        axis = np.eye(len(z))[position]
        for _ in range(20):
            F, J, _ = self.curve.system.evaluate(z, self.curve.fixed)
            try:
                step = np.linalg.solve(np.vstack([J, axis]), -np.append(F, 0.0))
            except np.linalg.LinAlgError:
                return None
            z = z + step
            if not np.isfinite(z).all():
                return None
            if np.abs(step).max() < 1e-13 * (1 + np.abs(z).max()):
                break
        return z[-2:] if np.abs(self.area.unit(z[-2:]) - self.area.unit(place)).max() < 0.1 else None

    def explains(self, kind, members, block):
        """Whether this is a curve of a kind of transitions of some members, in a block of the Jacobian."""
        same = sorted(map(id, members)) == sorted(map(id, self.members))
        return same and self.kind == system_of(kind, members[0]) and block in ("", "free", self.block)

    @property
    def block(self):
        """For instabilities: whether "means" or "overlaps" become unstable."""
        if self.kind != "instability":
            return ""
        names = self.curve.system.names
        means = [self.members[0].names[i] for i in self.members[0].sector.null]
        z = self.path[len(self) // 2]
        size = [abs(z[names.index(f"{n}_null")]) for n in means if f"{n}_null" in names]
        return "means" if not any(n.endswith("_null") for n in names) and means or size and max(size) > 0.5 else "overlaps"

    def near(self, kind, states, values):
        """Whether a start of the same kind lies on this curve."""
        if kind != self.kind or sorted(map(id, (m for m, _ in states))) != sorted(map(id, self.members)):
            return False
        orders = [list(states)] if len(states) == 1 or states[0][0] is not states[1][0] else [list(states), list(states)[::-1]]
        if len(states) == 2 and states[0][0] is not self.members[0]:
            orders = [list(states)[::-1]]
        path = self._path()
        return any(_distance(path, self._place(values, [u for _, u in order])) < KNOWN for order in orders)

    def _place(self, values, unknowns):
        return np.concatenate([self.area.unit(values), *(np.asarray(u) / (1 + np.abs(u)) for u in unknowns)])

    def _path(self):
        return np.array([self._place(self.values(z), [self.unknowns(z, i) for i in range(len(self.members))]) for z in self.path])


def _thinned(area, points):
    """Points of a curve that are not close to the last one kept, with both ends."""
    kept, last = [points[0]], points[0]
    for z in points[1:-1]:
        moved = np.abs((z - last)[:-2] / (1 + np.abs(last[:-2]))).max(initial=0.0)
        if moved > FINE[1] or np.abs((z - last)[-2:] / (area.high - area.low)).max() > FINE[0]:
            kept.append(z)
            last = z
    return np.array([*kept, points[-1]])


def _distance(path, point):
    """Distance of a point from a polyline, rows of `path`."""
    if len(path) == 1:
        return np.linalg.norm(path[0] - point)
    first, step = path[:-1], np.diff(path, axis=0)
    share = np.clip(((point - first) * step).sum(1) / np.maximum((step**2).sum(1), 1e-300), 0, 1)
    return np.linalg.norm(first + share[:, None] * step - point, axis=1).min()


class Borders:
    """Curves collected from starts.

    Attributes
    ----------
    curves : list of Border
    failed : list of Start whose curve was not found
    """

    def __init__(self, area):
        self.area, self.curves, self.failed = area, [], []

    def add(self, start, block=""):
        """Trace the curve through a start unless it is known, and those that start on it."""
        if any(m is None for m, _ in start.states):
            self.failed.append(start)
            return
        members, extra = [m for m, _ in start.states], {}
        if start.kind not in KINDS:
            self.failed.append(start)
            return
        kind = system_of(start.kind, members[0])
        if any(c.near(kind, start.states, start.values) for c in self.curves):
            return
        if not all(hasattr(m, "kernel") for m in members) or members[0].steps != members[-1].steps:
            return self._general(kind, members, start, block)
        if kind == "instability":
            extra["symmetric"] = _symmetric(members[0])
        if kind == "equal_free_energies":
            extra["other"] = dict(zip(members[1].names, start.states[1][1]))
        try:
            self._trace(kind, members, start, extra, block)
        except InputError:
            self.failed.append(start)

    def _trace(self, kind, members, start, extra, block):
        area = self.area
        (x, y), u = area.names, start.states[0][1]
        values = {**dict(zip(members[0].names, map(float, u))), x: start.values[0], y: start.values[1]}
        bounds = {r.name: (r.low, r.high) for r in area.ranges}
        found = curve(members[0].theory, kind, values, area.names, bounds, area.fixed, limit=LIMIT, **extra)
        if len(found) < 2:
            return
        border = Border(area, kind, members, found)
        if block in ("means", "overlaps") and border.block != block:
            raise InputError(f"the instability found is not one of {block}")
        if any(self._same(border, known) for known in self.curves):
            return
        self.curves.append(border)
        for s in self._specials(border):
            self.add(s)

    def _general(self, kind, members, start, block):
        block = block or ("means" if start.kind == "continuous" and members[0].sector.null else "overlaps")
        try:
            self.curves.append(trace_general(self.area, kind, members, block, start.states, start.values))
        except (InputError, np.linalg.LinAlgError):
            self.failed.append(start)

    @staticmethod
    def _same(border, known):
        """Whether a curve is a known one: two of its points lie there."""
        points = [border.path[round(share * (len(border) - 1))] for share in (0.37, 0.71)]
        states = lambda z: [(m, border.unknowns(z, i)) for i, m in enumerate(border.members)]
        return all(known.near(border.kind, states(z), border.values(z)) for z in points)

    def _specials(self, border):
        """Starts of further curves at the special points of one."""
        names = border.curve.system.names
        for p in border.curve.special_points:
            kind, _, second = p.kind.partition("_")
            if kind not in ("replicon", "entropy"):
                continue
            which = 1 if second else 0
            z = np.array([p.values[n] for n in names])
            member = border.members[which]
            if not member.sector.paramagnetic or kind == "entropy":
                transition = "at" if kind == "replicon" else "zero-entropy"
                yield Start(transition, border.values(z), ((member, border.unknowns(z, which)),))


def system_of(kind, member):
    """The kind of extended system of a kind of transitions."""
    return "instability" if kind == "at" and member.sector.paramagnetic else KINDS[kind]


def _symmetric(member):
    """{unknown: value} of the symmetric sector, in which the compiled curve of instabilities lies."""
    sector, names = member.sector, member.names
    held = {names[i]: sympy.S.Zero for i in sector.null}
    overlaps = {str(o.C): o for o in member.theory.overlaps}
    for position, _ in sector.responses:
        held[names[position]] = sympy.sympify(overlaps[names[position]].diagonal) / TEMPERATURE
    if sector.centred:
        held |= {names[i]: sympy.S.Zero for i in range(len(names)) if i not in sector.free and names[i] not in held}
    return held
