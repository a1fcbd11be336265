"""Transitions met along one parameter: continuous and first-order ones of the equilibrium, ends of stable branches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from theory.errors import InputError

from .bifurcations.box import Box, read_range
from .bifurcations.continuation import Arclength, follow
from .bifurcations.critical import ReducedForce
from .bifurcations.family import invariant_subspace
from .diagram.labels import distinct_labels
from .bifurcations.segments import equilibrium, meet, segments_of
from .inputs import coupled, refuse_ansatz

__all__ = ["Transition", "Transitions", "transitions"]
# Two phases closer than this have merged: the crossing of their free energies is rounding.
MERGED = 1e-4
JOINED = 0.05
# A third derivative of the reduced force below this vanishes: the transition is tricritical.
FLAT = 1e-7
# How far beyond the range branches are followed, so that a transition at its very end is met; and what counts as its end or zero.
MARGIN = 1e-2
ROUNDING = 1e-12
# A state lower by this than the known phases is another phase; each round of looking for such may find more.
LOWER = 1e-10
ROUNDS = 3


@dataclass(frozen=True, eq=False)
class Origin:
    """What a transition is made of: the start of a curve through it in a plane of two parameters.

    `kind` is "instability", "fold" or "coexistence"; `states` are the solutions concerned, one or two arrays of shape (n,).
    """

    kind: str
    states: tuple


@dataclass(frozen=True)
class Transition:
    """One transition on a line in parameter space.

    Attributes
    ----------
    kind : "continuous" (instability of the more symmetric phase), "first-order" (two stable phases of equal free energy),
        "spinodal" (a stable branch ends or loses its stability), "tricritical"; with quenched couplings also "at" (replica
        symmetry breaks), "gardner" (one step of breaking gives way to more), "dynamic" (exponentially many states appear),
        "static" (few of them dominate), "zero-entropy", "capacity" (an overlap reaches its largest value, beyond it nothing fits)
    at : {ranged name: value}
    before, after : labels of the phases on the side of smaller and of larger values ("from" and "to" in JSON)
    equilibrium : whether the equilibrium phase changes, rather than a metastable one
    states : order parameters {name: value} of the phases before and after, at the transition (None: not the branch itself)
    """

    kind: str
    at: dict
    before: str
    after: str
    equilibrium: bool = True
    states: tuple = field(default=(None, None), compare=False)
    origin: Origin | None = field(default=None, compare=False, repr=False)

    def as_dict(self):
        """One record of the JSON of `transitions`."""
        return {"kind": self.kind, "at": dict(self.at), "from": self.before, "to": self.after, "equilibrium": self.equilibrium}

    def __repr__(self):
        where = ", ".join(f"{name} = {value:.15g}" for name, value in self.at.items())
        return f"{self.kind} at {where}: {self.before} -> {self.after}" + ("" if self.equilibrium else " (metastable)")


@dataclass(frozen=True)
class Transitions(Sequence):
    """The transitions along a line, in increasing order of the parameter.

    Attributes
    ----------
    model : name
    along : {name: (low, high)}
    parameters : {name: value} held fixed
    """

    items: tuple[Transition, ...]
    model: str
    along: dict
    parameters: dict

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]

    def of(self, kind):
        """The transitions of one kind."""
        return tuple(t for t in self.items if t.kind == kind)

    def as_dict(self):
        """The JSON document of `transitions`."""
        return {"transitions": [t.as_dict() for t in self.items]}

    def __repr__(self):
        (name, (low, high)), = self.along.items()
        head = f"{self.model}, {name} = {low:g} to {high:g}: {len(self.items)} transitions"
        return "\n".join([head, *(f"  {t!r}" for t in self.items)])


def transitions(model, *, along, options=Arclength(), ansatz=None, steps=None, **parameters):
    """Every transition met along one parameter, both ends of its range included.

    Parameters
    ----------
    model : model, theory, name or path of a model file
    along : {name: (low, high)} or {name: (low, high, points)}; the number of points plays no role
    ansatz, steps : of replicas, for models with quenched couplings: rs (default), 1rsb, or krsb with steps
    parameters : the others, with T

    Returns
    -------
    Transitions, located to about 1e-13 of the range

    Raises
    ------
    InputError
        For an unknown parameter, an empty range or a range over a structural integer.
    """
    if isinstance(along, Mapping) and (found := coupled_line(model, along, parameters)):
        from .replicas.transitions import replica_transitions

        return replica_transitions(*found, ansatz, steps)
    refuse_ansatz(ansatz, steps)
    box = Box.along(model, along, parameters)
    r, = box.ranges
    wide = _widened(box)
    found = [_rounded(t, r) for t in find_transitions(wide, wide.segments(options))]
    kept = tuple(t for t in found if r.low <= t.at[r.name] <= r.high)
    return Transitions(kept, box.model.name, {r.name: (r.low, r.high)}, box.parameters)


def coupled_line(source, along, parameters):
    """(model, Range, values of the other parameters) of a source with quenched couplings; None for any other source."""
    if len(along) != 1:
        return None
    (name, limits), = along.items()
    r = read_range(name, limits)
    if name in parameters or ("beta" in parameters and name == "T"):
        raise InputError(f"{name} is both set and ranged: give one of them")
    ends = [coupled(source, **{**parameters, name: end}) for end in (r.low, r.high)]
    if ends[0] is None:
        return None
    model, values = ends[0]
    if name in model.structural:
        raise InputError(f"{name} is a structural integer of {model.name}: it cannot be ranged over, set it instead")
    return model, r, {key: value for key, value in values.items() if key != name}


def _widened(box):
    """The Box with a margin at both ends of its range, where the model allows the parameter to go there."""
    r, = box.ranges
    low, high = r.low - _margin(box, r, r.low, -1), r.high + _margin(box, r, r.high, +1)
    family = replace(box.family, low=(low,), high=(high,))
    return Box(box.model, (replace(r, low=low, high=high),), box.fixed, family)


def _margin(box, r, end, side):
    """How far the parameter may go beyond an end of its range; it keeps its sign, for many a parameter is a width."""
    margin = MARGIN * (r.high - r.low)
    if end * side < 0:
        margin = min(margin, abs(end) / 2)
    try:
        box.model.values(**box.fixed, **{r.name: end + side * margin})
    except InputError:
        return 0.0
    return margin


def _rounded(transition, r):
    """The transition with its place at zero or an end of the range where it is there to rounding."""
    value, = transition.at.values()
    near = [mark for mark in (0.0, r.low, r.high) if abs(value - mark) <= ROUNDING * (r.high - r.low)]
    return replace(transition, at={r.name: near[-1] if near else value})


def find_transitions(box, segments):
    """The Transition records of the stable segments along a line, in increasing order of the parameter."""
    stretches = equilibrium(segments)
    for _ in range(ROUNDS):
        missed = _missed(box, segments, stretches)
        if not missed:
            break
        segments = segments_of([*{id(s.path): s.path for s in segments}.values(), *missed], box.generic_symmetry)
        stretches = equilibrium(segments)
    return _Finder(box, segments, stretches).records()


def _missed(box, segments, stretches):
    """Branches through stable states that are lower than both phases where the free energies of these cross."""
    paths = []
    for first, second in pairwise(stretches):
        value = first.high
        if not (first.segment.low < value < first.segment.high and second.segment.low < value < second.segment.high):
            continue
        energy = first.segment.free_energy(value)
        for phi in box.fixed_points([value]):
            if box.family.at([value]).evaluate(phi).free_energy < energy - LOWER:
                paths.append(follow(box.family, phi, value))
    return [path for path in paths if path is not None]


@dataclass(frozen=True, eq=False)
class _Finder:
    """Turns segments and stretches of equilibrium into records."""

    box: Box
    segments: list
    stretches: list

    def records(self):
        """All records, sorted, each once."""
        changes = [self.change(a, b) for a, b in pairwise(self.stretches) if self.differ(a, b)]
        changes += [(self.tricritical(t), ()) for t, _ in changes if t.kind == "continuous"]
        used = {end for _, ends in changes for end in ends}
        others = [self.end(s, side, used) for s in self.segments for side in ("low", "high")]
        found = [t for t in [*(t for t, _ in changes), *others] if t is not None]
        unique = {(t.kind, round(self.unit(t), 10), t.before, t.after): t for t in found}
        return sorted(unique.values(), key=lambda t: (self.unit(t), t.kind))

    def unit(self, transition):
        return float(self.box.family.unit(list(transition.at.values()))[0])

    def differ(self, first, second):
        """Whether a change of equilibrium is more than the rounding of two branches that have just met."""
        states = [s.segment.at(first.high) for s in (first, second)]
        ends = first.segment.high == first.high == second.segment.low
        return ends or not meet(*states, self.box.generic_symmetry, MERGED)

    def change(self, first, second):
        """The record of a change of equilibrium, and the segments' ends that it explains."""
        a, b, value = first.segment, second.segment, first.high
        if a.high == value == b.low and meet(a.points[-1].state, b.points[0].state, self.box.generic_symmetry, JOINED):
            used = {(id(a), "high"), (id(b), "low")}
            return self.record("continuous", value, a, b, origin=self.instability(a.points[-1], b.points[0])), used
        origin = Origin("coexistence", (a.at(value).order_parameters, b.at(value).order_parameters))
        return self.record("first-order", value, a, b, origin=origin), self.ends_at(value, a, b)

    def ends_at(self, value, before, after):
        """The ends of the two phases that lie at the transition itself, as at a jump at T = 0."""
        near = ROUNDING * float(self.box.family.span[0])
        ends = ((before, "high", before.high), (after, "low", after.low))
        return {(id(segment), side) for segment, side, end in ends if abs(end - value) <= near}

    def tricritical(self, transition):
        """The record of a tricritical point where a continuous transition has no quartic term, or None."""
        symmetric, = transition.origin.states
        value, = transition.at.values()
        basis = invariant_subspace(self.box.family, symmetric)
        phases = [np.array(list(s.values())) for s in transition.states]
        ordered = max(phases, key=lambda phi: np.abs(phi - basis @ (basis.T @ phi)).max())
        return replace(transition, kind="tricritical") if self.is_flat(value, symmetric, ordered) else None

    def is_flat(self, value, symmetric, ordered):
        """Whether the free energy has no quartic term in the direction from a symmetric state to an ordered one."""
        family = self.box.family
        basis = invariant_subspace(family, symmetric)
        breaking = ordered - basis @ (basis.T @ ordered)
        if np.linalg.norm(breaking) == 0:
            return False
        force = ReducedForce(family, invariant_subspace(family, ordered), breaking / np.linalg.norm(breaking))
        return bool(abs(force.derivatives([value], force.direction @ symmetric, symmetric)[3]) < FLAT)

    @staticmethod
    def instability(*ends):
        """The origin of a curve from the ends of branches that meet: the most symmetric one loses its stability."""
        symmetric = max(ends, key=lambda p: len(p.state.across))
        return Origin("instability", (symmetric.state.order_parameters,))

    def end(self, segment, side, used):
        """The record of a segment's end that no change of equilibrium explains, or None."""
        value, point = getattr(segment, side), segment.points[-1 if side == "high" else 0]
        at_edge = min(abs(self.box.family.unit([value])[0] - edge) for edge in (0, 1)) < MERGED**2
        if (id(segment), side) in used or point.event == "edge" or at_edge:
            return None
        partner = self.continuation(segment, side, value, point)
        if partner is not None:
            pair = (segment, partner) if side == "high" else (partner, segment)
            origin = self.instability(point, partner.points[0 if side == "high" else -1])
            return self.record("continuous", value, *pair, False, origin)
        rest = self.stretch_beyond(segment, value, side)
        pair = (segment, rest) if side == "high" else (rest, segment)
        origin = Origin("fold", (point.state.order_parameters,)) if point.event == "fold" else self.instability(point)
        return self.record("spinodal", value, *pair, False, origin)

    def continuation(self, segment, side, value, point):
        """The stable segment that springs from this end on the other side, or None."""
        other = {"low": "high", "high": "low"}[side]
        for s in self.segments:
            start = s.points[0 if other == "low" else -1]
            if s is not segment and getattr(s, other) == value and meet(start.state, point.state, self.box.generic_symmetry):
                return s
        return None

    def stretch_beyond(self, segment, value, side):
        """The equilibrium segment just beyond a segment's end."""
        others = [s for s in self.stretches if s.segment is not segment] or self.stretches
        inside = [s for s in others if (s.low <= value < s.high if side == "high" else s.low < value <= s.high)]
        nearest = min(others, key=lambda s: min(abs(s.low - value), abs(s.high - value)))
        return (inside or [nearest])[0].segment

    def record(self, kind, value, before, after, equilibrium=True, origin=None):
        phases = [self.phase(before, value, -1), self.phase(after, value, +1)]
        labels = distinct_labels(self.box.names, *phases)
        name, = self.box.family.names
        states = tuple(dict(zip(self.box.names, map(float, phi))) for _, phi in phases)
        return Transition(kind, {name: float(value)}, *labels, equilibrium, states, origin)

    def phase(self, segment, value, side):
        """(kind, order parameters) of a segment close to a value, on its side."""
        step = side * min(1e-3 * float(self.box.family.span[0]), 0.5 * (segment.high - segment.low))
        near = min(max(value + step, segment.low), segment.high)
        if near == segment.low or near == segment.high:
            near = min(max(value, segment.low + abs(step)), segment.high - abs(step))
        state = segment.at(near)
        return self.box.kind(state.parameters, state.order_parameters), state.order_parameters
