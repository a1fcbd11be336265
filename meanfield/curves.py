"""Curves in a plane of two parameters along which something happens to a solution, also what a user wants to see there."""

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations, product

import numpy as np

from theory.errors import InputError

from .bifurcations.box import Box, axes, read_range
from .bifurcations.curves import Coexistence, Condition, Fold, Instability, trace
from .bifurcations.family import invariant_subspace
from .bifurcations.lines import distance
from .bifurcations.sharp import turning_points
from .branches import branches, quantities_of, quantity_names
from .events import read_events
from .inputs import coupled, has_couplings
from .solutions import solutions
from .transitions import transitions

__all__ = ["KINDS", "PlaneCurve", "curves"]

# What a curve is called here, in the compiled systems, and the special points of branches that it passes.
KINDS = {"fold": ("fold", ("fold",)), "instability": ("instability", ("pitchfork", "transcritical")),
         "first-order": ("equal_free_energies", ()), "at": ("replicon", ("at",)),
         "zero-entropy": ("zero_entropy", ("zero-entropy",)), "condition": ("condition", ("condition",))}
# Sections through the plane, as shares of a side, on which curves are looked for; points of a section.
SECTIONS = (0.2791, 0.7213, 0.4877, 0.0731, 0.9317)
# A start closer than this, in units of the box and of the order parameters, to a curve that is known is on it.
KNOWN = 1e-2
# Smaller overlaps vanish, smaller order parameters vanish and closer ones agree.
EMPTY, TIED = 1e-6, 1e-6


@dataclass(frozen=True, eq=False)
class PlaneCurve:
    """A curve in a plane of two parameters.

    Attributes
    ----------
    model : name
    kind : one of KINDS
    label : the text of a condition, the name of a function, or the kind
    parameters : names of the two parameters
    fixed : {name: value} of the others
    points : (n, 2)
    states : {name: (n,)} of the solution's order parameters and unknowns, with a second state those of it too, marked _2
    special_points : [(kind, {name: value} of the parameters and the states)], such as "turning" (re-entrance), "cusp",
        "tricritical", "replicon" and "entropy" (these vanish)
    ends : why the curve ends, on both sides
    residual : largest residual of its equations
    """

    model: str
    kind: str
    label: str
    parameters: tuple
    fixed: dict
    points: np.ndarray
    states: dict
    special_points: tuple
    ends: tuple
    residual: float

    def __len__(self):
        return len(self.points)

    def __iter__(self):
        """Its points, each a dict of numbers."""
        for k, point in enumerate(self.points):
            yield {**dict(zip(self.parameters, map(float, point))), **{name: float(v[k]) for name, v in self.states.items()}}

    def as_dict(self):
        """Plain values for JSON."""
        special = [{"kind": kind, "at": values} for kind, values in self.special_points]
        return {"model": self.model, "kind": self.kind, "label": self.label, "parameters": list(self.parameters), "fixed": dict(self.fixed),
                "points": self.points.tolist(), "states": {n: v.tolist() for n, v in self.states.items()},
                "special_points": special, "ends": list(self.ends)}

    def __repr__(self):
        (x0, y0), (x1, y1) = self.points[0], self.points[-1]
        head = f"{self.model}: {self.kind} curve ({x0:.6g}, {y0:.6g}) to ({x1:.6g}, {y1:.6g}), {len(self)} points"
        place = lambda values: ", ".join(f"{n} = {values[n]:.12g}" for n in self.parameters)
        return "\n".join([head, *(f"  {kind} at {place(values)}" for kind, values in self.special_points)])


def curves(model, kind, *, x, y, condition=None, start=None, other=None, **fixed):
    """Curves of a kind in a plane, by extended systems with symbolic derivatives.

    Parameters
    ----------
    kind : "fold" (limit of metastability), "instability" (of a symmetric phase), "first-order" (equal free energies), "at" (the
        replicon vanishes), "zero-entropy", or "condition"
    x, y : (name, low, high)
    condition : for "condition", what vanishes: the text of an expression in order parameters, parameters, f and s, without quenched
        couplings also in what the table of a branch has (chi_m, specific_heat, ...), or a function g(solution, parameters)
    start : {name: value} near the curve, of both parameters and of the order parameters; without it sections through the plane are
        searched
    other : {name: value} of the second state of a first-order curve, where a start is given
    fixed : the other parameters

    Returns
    -------
    tuple of PlaneCurve
        replica symmetric with quenched couplings

    Raises
    ------
    InputError
        For an unknown kind, parameter or name in a condition, and where no curve is found near a start.
    """
    if kind not in KINDS:
        raise InputError(f"unknown kind of curve {kind!r}: expected one of {', '.join(KINDS)}")
    if (condition is None) == (kind == "condition"):
        raise InputError("a curve of kind condition, and no other, needs condition=, what vanishes on it")
    ranges = tuple(read_range(name, limits) for name, limits in axes(x, y).items())
    plane = _Plane(model, kind, ranges, condition, fixed)
    starts = [(start, other)] if start is not None else plane.starts()
    found = []
    for first, second in starts:
        if not any(_passes(curve, ranges, first) for curve in found):
            curve = plane.curve(first, second)
            if curve is not None and len(curve) > 1:
                found.append(curve)
    if start is not None and not found:
        raise InputError("no point of the curve was found near the start: give a closer one")
    return tuple(found)


def _passes(curve, ranges, start):
    """Whether a curve passes a start: its place and, but for two states, its order parameters up to their sign."""
    known = [] if curve.kind == "first-order" else [name for name in curve.states if name in start]
    span = np.array([r.high - r.low for r in ranges] + [1.0] * len(known))
    path = np.column_stack([curve.points, *(np.abs(curve.states[n]) for n in known)]) / span
    here = np.array([*(start[n] for n in curve.parameters), *(abs(start[n]) for n in known)]) / span
    return bool(distance(path, here) < KNOWN)


class _Plane:
    """A plane of two parameters in which curves of a kind are sought."""

    def __init__(self, model, kind, ranges, condition, fixed):
        self.source, self.kind, self.ranges, self.condition, self.fixed = model, kind, ranges, condition, fixed
        self.names = tuple(r.name for r in ranges)
        self.coupled = has_couplings(model, fixed)
        if kind == "at" and not self.coupled:
            raise InputError("there is no de Almeida-Thouless line without quenched couplings")

    @property
    def label(self):
        """What the curves are of, in words."""
        return self.kind if self.condition is None else getattr(self.condition, "__name__", str(self.condition))

    def starts(self):
        """(start, other) of curves that sections meet."""
        for share, (r, s) in product(SECTIONS, (self.ranges, self.ranges[::-1])):
            value = r.low + share * (r.high - r.low)
            given = {**self.fixed, r.name: value}
            along = {s.name: (s.low, s.high, 2)}
            try:
                yield from self._first_order(along, given, r.name, value) if self.kind == "first-order" else self._special(along, given, r.name, value)
            except ArithmeticError:
                continue

    def _first_order(self, along, given, name, value):
        for t in transitions(self.source, along=along, **given):
            if t.kind == "first-order":
                first, second = t.states if all(t.states) else self._coexisting({**given, **t.at})
                yield {**first, **t.at, name: value}, second

    def _coexisting(self, values):
        """Order parameters of the two solutions of different kinds whose free energies are closest."""
        found = [s for s in solutions(self.source, **values) if np.isfinite(s.free_energy)]
        pairs = [(abs(a.free_energy - b.free_energy), i, j) for (i, a), (j, b) in combinations(enumerate(found), 2) if a.kind != b.kind]
        _, i, j = min(pairs)
        return found[i].order_parameters, found[j].order_parameters

    def _special(self, along, given, name, value):
        events = {"condition": self.condition} if self.kind == "condition" else None
        for branch in branches(self.source, along=along, events=events, **given):
            for point in branch.special_points:
                if point.kind in KINDS[self.kind][1]:
                    yield {**point.order_parameters, **point.at, name: value}, None

    def curve(self, start, other):
        """The PlaneCurve through a start, None where there is none."""
        if missing := [n for n in self.names if n not in start]:
            raise InputError(f"the start needs a value for {', '.join(missing)}")
        if self.coupled:
            return self._compiled(start, other)
        try:
            return self._compiled(start, other) or self._traced(start, other)
        except InputError:
            return self._traced(start, other)

    def _compiled(self, start, other):
        from .replicas.fast import curve

        if self.kind == "condition" and not isinstance(self.condition, str):
            raise InputError("a condition with quenched couplings is the text of an expression")
        if self.coupled:
            model, values = coupled(self.source, **{**self.fixed, **{n: start[n] for n in self.names}})
            fixed = {n: v for n, v in values.items() if n not in self.names}
            start, other = (None if s is None else _unknowns(model, {**fixed, **{n: start[n] for n in self.names}}, s) for s in (start, other))
            if start is None:
                return None
        else:
            box = self.box
            model, fixed = box.model, box.fixed
        symmetric, broken = _symmetry(start, self.names) if self.kind == "instability" else (None, None)
        try:
            found = curve(model, KINDS[self.kind][0], start, self.names, {r.name: (r.low, r.high) for r in self.ranges}, fixed,
                          other, symmetric, self.condition, broken)
        except InputError:
            if self.kind == "condition":
                raise
            return None
        found, ends = self._own_half(found, start)
        special = tuple(("turning" if p.kind.startswith(("maximum", "minimum")) else p.kind, p.values) for p in found.special_points)
        return PlaneCurve(model.name, self.kind, self.label, self.names, {**model.structural, **fixed}, found.points, found.states, special,
                          ends, found.residual)

    def _own_half(self, curve, start):
        """A compiled curve up to where its solutions turn into their mirror images, and why it ends."""
        if self.coupled:
            return curve, curve.ends
        symmetry, names = self.box.generic_symmetry, self.box.names
        states = np.column_stack([curve.states[n] for n in names])
        moved = np.array([self._is_mirrored(symmetry, phi) for phi in states])
        here = int(np.abs(curve.points - [start[n] for n in self.names]).sum(axis=1).argmin())
        changes = np.flatnonzero(moved[1:] != moved[:-1]) + 1
        low, high = max([0, *changes[changes <= here]]), min([len(moved), *changes[changes > here]])
        ends = ("merge" if low > 0 else curve.ends[0], "merge" if high < len(moved) else curve.ends[1])
        inside = lambda p: low <= np.abs(curve.points - [p.values[n] for n in self.names]).sum(axis=1).argmin() < high
        own = lambda p: not (moved[low] ^ self._is_mirrored(symmetry, [p.values[n] for n in names]))
        kept = tuple(p for p in curve.special_points if inside(p) and own(p))
        cut = {n: v[low:high] for n, v in curve.states.items()}
        return replace(curve, points=curve.points[low:high], states=cut, special_points=kept), ends

    @staticmethod
    def _is_mirrored(symmetry, phi):
        """Whether a state is not the one that stands for its images."""
        return bool(np.abs(symmetry.canonical(np.array(phi)) - phi).max() > TIED)

    @cached_property
    def box(self):
        x, y = ((r.name, r.low, r.high, r.points) for r in self.ranges)
        return Box.plane(self.source, x, y, self.fixed)

    def _traced(self, start, other):
        """A curve with difference derivatives, for any site and any condition."""
        box = self.box
        values = [start[n] for n in self.names]
        phi = [box.state_values({n: s[n] for n in box.names if n in s}) for s in (start, other) if s is not None]
        phi = [box.generic_symmetry.canonical(p) for p in phi]
        bases = [invariant_subspace(box.family, p, tied=TIED) for p in phi]
        equations = self._equations(box, bases)
        points = trace(equations, equations.start(phi if len(phi) > 1 else phi[0], values), box.generic_symmetry)
        if not points:
            return None
        states = [np.array([s for s in equations.states(p.w)]) for p in points]
        named = {f"{n}{'' if k == 0 else '_2'}": np.array([s[k][i] for s in states]) for k in range(len(phi)) for i, n in enumerate(box.names)}
        special = tuple(("turning", {**dict(zip(self.names, map(float, equations.values(w)))),
                                     **dict(zip(box.names, map(float, equations.states(w)[0])))}) for w in turning_points(equations, points))
        residual = max(np.abs(equations.residual(p.w)).max() for p in points)
        return PlaneCurve(box.model.name, self.kind, self.label, self.names, box.parameters, np.array([equations.values(p.w) for p in points]),
                          named, special, (points[0].end, points[-1].end), float(residual))

    def _equations(self, box, bases):
        if self.kind == "first-order":
            if len(bases) != 2:
                raise InputError("equal free energies need other=, the order parameters of the second state")
            return Coexistence(box.family, *bases)
        if self.kind in ("fold", "instability"):
            return (Fold if self.kind == "fold" else Instability)(box.family, *bases)
        text = "entropy" if self.kind == "zero-entropy" else self.condition
        names = (*quantity_names(box.names), "f", "s")
        event, = read_events([text], names, (*box.parameters, *self.names))
        return Condition(box.family, *bases, lambda family, basis, s: event(_named(quantities_of(box, family, basis, s))))


def _named(quantities):
    """The Quantities with the short names of free energy and entropy."""
    quantities.update(f=quantities["free_energy"], s=quantities["entropy"])
    return quantities


def _unknowns(model, values, state):
    """{name: value} of the unknowns and the ranged parameters of a state; None where its overlaps vanish, which no curve leaves."""
    from .replicas.placing import placed
    from .replicas.solutions import system_of
    from .replicas.unknowns import Unknowns

    system = system_of(model, values)
    unknowns = Unknowns(system)
    u = placed(unknowns, {n: v for n, v in state.items() if n not in values})
    if max((abs(float(levels[-1])) for levels, _ in unknowns.levels(u)), default=1.0) < EMPTY:
        return None
    ranged = {n: v for n, v in state.items() if n in values and n not in system.names}
    return {**dict(zip(system.names, map(float, u))), **ranged}


def _symmetry(start, names):
    """(symmetric, broken) of an instability: unknowns that vanish, or agree, are tied; the first such group is broken."""
    unknowns = {n: v for n, v in start.items() if n not in names}
    zeros = [n for n, v in unknowns.items() if abs(v) < TIED]
    if zeros:
        return {n: 0 for n in zeros}, tuple(zeros[:1])
    for i, (n, v) in enumerate(unknowns.items()):
        same = [other for other, w in list(unknowns.items())[i + 1:] if abs(abs(w) - abs(v)) < TIED]
        if same:
            return {other: (n if unknowns[other] * v > 0 else f"-{n}") for other in same}, (n, *same)
    raise InputError("this state has no symmetry to lose: order parameters that vanish or agree were expected")
