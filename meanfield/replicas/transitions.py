"""Transitions of models with quenched couplings along one parameter, under a replica ansatz."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy.optimize import brentq

from theory.errors import InputError
from theory.replica import OneStepRSB, ansatz_of

from ..transitions import Transition, Transitions
from .line import Line
from .perfect import perfect_segments
from .saddle import saddle
from .sectors import at_fixed_blocks
from .seeds import Seeds, marginal
from .segments import branch_paths, pieces, segments_of, zeros
from .solutions import theory_of
from .valleys import highest_of_valleys

__all__ = ["replica_transitions"]

MARGIN = 1e-2
# Records of one kind nearer than this, in units of the range, are one.
SAME = 1e-9
# A branch that ends within this distance of an instability springs from it.
SPRINGS = 0.1
# So far beside an instability branches that spring from it are looked for, as shares of the way to an end of the range or of the widest.
BESIDE, WIDEST = (-0.5, -0.05, 0.05, 0.5), 0.06
FLAT = 1e-12
# How far inside of a fold broken states are looked for, in units of the range.
INSIDE = 0.01
# Where a range begins at zero, couplings vanish and states become singular: what happens so close to it is rounding.
BORDER = 1e-5
# A replicon that vanishes within this of a fold (on a Nishimori line) is the fold's; free energies so close to where branches merge are
# equal to rounding.
TOUCH = 1e-6
# A replicon that vanishes with the overlaps is the instability of the state without any.
EMPTY = 1e-6
# Where states with x = 1 are looked for; steps between overlaps smaller than `OPEN` have closed.
MARGINAL_ANCHORS = (0.02, 0.25, 0.5, 0.75, 0.98)
OPEN, NARROW = 1e-3, 0.03


def replica_transitions(model, r, fixed, ansatz=None, steps=None):
    """Every transition met along one parameter.

    Parameters
    ----------
    model : theory.Model with couplings
    r : Range of the free parameter
    fixed : {name: value} of all others, T included where the model has one
    ansatz, steps : as in `theory.replica.ansatz_of`
    """
    ansatz = ansatz_of(ansatz, steps)
    if ansatz.x is not None:
        raise InputError("transitions need free block parameters: give the ansatz without x")
    ends = _widened(model, r, fixed)
    lines = {k: Line(saddle(theory_of(model, ansatz_of("krsb", k))), r.name, *ends, fixed) for k in range(ansatz.steps + 1)}
    # Points outside the domain are met on the way, where formulas divide by zero.
    with np.errstate(all="ignore"):
        found = Finder(lines).records()
    kept = tuple(t for t in (_rounded(t, r) for t in found) if r.low <= t.at[r.name] <= r.high)
    return Transitions(kept, model.name, {r.name: (r.low, r.high)}, {**model.structural, **fixed})


def _widened(model, r, fixed):
    """The range with a margin at both ends, where the model allows the parameter to go there and it keeps its sign."""
    ends = []
    for end, side in ((r.low, -1), (r.high, 1)):
        margin = MARGIN * (r.high - r.low)
        if end * side < 0:
            margin = min(margin, abs(end) / 2)
        if end == 0:
            margin = 0.0
        try:
            model.values(**{**fixed, r.name: end + side * margin})
        except InputError:
            margin = 0.0
        ends.append(end + side * margin)
    return ends


def _rounded(transition, r):
    """The transition with its place at zero or an end of the range where it is there to rounding."""
    value, = transition.at.values()
    near = [mark for mark in (0.0, r.low, r.high) if abs(value - mark) <= FLAT * (r.high - r.low)]
    return replace(transition, at={r.name: near[-1] if near else value})


@dataclass(frozen=True, eq=False)
class Event:
    """Something that happens on a branch at t.

    Attributes
    ----------
    kind : of the transition
    segments : the segment below t and the one above it, None for none
    facts : of the branch there
    """

    kind: str
    t: float
    before: object
    after: object
    equilibrium: bool


class Finder:
    """Finds the transitions along a line."""

    def __init__(self, lines):
        self.lines, self.line = lines, lines[max(lines)]
        self.seeds, self.replaced = Seeds(lines), []
        self.perfect = perfect_segments(self.lines[0])
        self.segments = self._segments()
        self.marginal = self._marginal() if len(lines) > 1 else []
        self._join()

    @property
    def broken(self):
        """Whether the ansatz breaks replica symmetry."""
        return len(self.lines) > 1

    def _segments(self):
        """Segments of states; without breaking those that are stable against it, where the ansatz allows for it."""
        symmetric = self._of(0)
        if not self.broken:
            return symmetric
        self.replaced = [s for s in symmetric if not s.sector.paramagnetic]
        kept = [p for s in symmetric for p in pieces(s, lambda f: f.state.replicon, "at")]
        physical = lambda f: 1 - f.largest_block
        top = self._of(max(self.lines), symmetric)
        return kept + [p for s in top for p in (pieces(s, physical, "static") if self._warm else [s])]

    @property
    def _warm(self):
        """Whether blocks have a size: anywhere but at T = 0."""
        return self.line.fixed.get("T") != 0

    def _of(self, steps, symmetric=None):
        line, starts = self.lines[steps], lambda t: self.seeds.at(steps, t)
        paths = branch_paths(line, starts)
        segments = segments_of(line, paths)
        lost = self._barren(segments, symmetric or segments, steps)
        beside = [t + share * min(t, 1 - t, WIDEST) for t in lost if 0 < t < 1 for share in BESIDE]
        # Where a replica symmetric state ends at a fold, the broken one is open.
        beside += [b + (INSIDE if side == 0 else -INSIDE) for s in symmetric or () if steps and s.stable
                   for side, (b, end) in enumerate(zip(s.bounds, s.ends)) if end == "fold" and INSIDE < b < 1 - INSIDE]
        more = branch_paths(line, starts, anchors=beside, known=paths)[len(paths):]
        return segments + segments_of(line, more)

    def _barren(self, segments, symmetric, steps):
        """Places at which a branch loses its stability and nothing that is known springs from it."""
        ends = [b for s in segments if not s.sector.paramagnetic for b, end in zip(s.bounds, s.ends) if end != "edge"]
        lost = [b for s in symmetric for b, end in zip(s.bounds, s.ends) if end == "instability"]
        lost += [f.t for s in symmetric if steps and s.stable for f in zeros(s, lambda f: f.state.replicon)]
        return [t for t in sorted(set(lost)) if not any(abs(b - t) < SPRINGS for b in ends)]

    def _marginal(self):
        """Segments of states with x = 1, where the complexity of a paramagnet with many states is positive."""
        if len(self.lines) != 2 or not self._warm:
            return []
        line, before = self.line, self.lines[0]
        fixed = Line(saddle(theory_of(line.model, OneStepRSB(1))), line.name, line.low, line.high, line.fixed)
        fixed.sectors = at_fixed_blocks(line.sectors, fixed.saddle.size)
        base = [s for s in self.segments if s.line is before and not s.signal and s.extremal]
        opened = lambda t: [v for s in base if s.covers(t) for v in marginal(fixed, before.unknowns(t), s.at(t).unknowns, t)]
        starts = {t: opened(t) for t in MARGINAL_ANCHORS}
        for s in self.segments:
            for side in (0, 1):
                if s.ends[side] == "static":
                    f = s.facts[-1 if side else 0]
                    starts[f.t] = [*starts.get(f.t, []), f.unknowns[: fixed.saddle.size]]
        return segments_of(fixed, branch_paths(fixed, lambda t: starts[t], anchors=tuple(starts)))

    def _join(self):
        """Let branches that spring from an instability begin right there."""
        places = [t for t, _ in self._instabilities()]
        for s in self.segments:
            bounds = list(s.bounds)
            for side in (0, 1):
                if s.ends[side] not in ("border", "merged", "stopped"):
                    continue
                near = [t for t in places if abs(t - bounds[side]) < min(SPRINGS, abs(t - bounds[1 - side]))]
                if near:
                    s.bounds[side] = min(near, key=lambda t: abs(t - s.bounds[side]))
                    s.ends[side] = "merged"

    def _instabilities(self):
        """(t, segment) where a more symmetric branch loses its stability against a signal or against overlaps."""
        found = []
        for s in self.segments:
            if s.sector.signals and s.sector.spontaneous:
                continue
            if self.broken and s.sector.paramagnetic:
                found += [(s.bounds[side], s) for side in (0, 1) if s.ends[side] == "at"]
            found += [(s.bounds[side], s) for side in (0, 1) if s.ends[side] == "instability"]
            if s.sector.paramagnetic and not self.broken:
                found += [(f.t, s) for f in zeros(s, lambda f: f.state.replicon)]
        return found

    # Equilibrium

    def equilibrium(self, t, energy=lambda s, t: s.at(t).free_energy):
        """The segment of equilibrium at t, or None.

        Over signals and mean squares the free energy is lowest, over overlaps without signal highest.
        """
        silent = self._present(t, lambda s: not s.signal and s.extremal)
        signals = self._present(t, lambda s: s.signal and s.stable and self._is_state(s)) + self.perfect
        best = highest_of_valleys(silent, lambda s: energy(s, t), lambda s: s.squares(t))
        return min([*best, *signals], key=lambda s: energy(s, t), default=None)

    def _present(self, t, wanted):
        """Segments at t; those that are unstable against breaking only where nothing else is found: steps have nearly closed."""
        found = [s for s in self.segments if s.covers(t) and wanted(s)]
        return found or [s for s in self.replaced if s.covers(t) and wanted(s)]

    def stretches(self):
        """[(low, high, segment)] of equilibrium, in order of t."""
        grid = sorted({*np.linspace(0, 1, 201), *(b for s in self.segments for b in s.bounds if 0 <= b <= 1)})
        points = [(a + b) / 2 for a, b in pairwise(grid) if b - a > 1e-12]
        found = []
        for t in points:
            segment = self.equilibrium(t, lambda s, t: s.free_energy(t))
            if found and found[-1][2] is segment:
                found[-1][1] = t
            else:
                found.append([t, t, segment])
        return found

    # Records

    def records(self):
        """All records in increasing order of the parameter, each kind once at a place."""
        return [self._record(e) for e in self.events()]

    def events(self):
        """The Events behind the records."""
        sources = (self._changes, self._continuous, self._spinodals, self._capacities, self._breakings, self._entropies,
                   self._statics, self._dynamics)
        found = [e for source in sources for e in source()]
        found.sort(key=lambda e: (e.t, not e.equilibrium))
        kept = []
        for e in found:
            at_border = self.line.low == 0 and 0 < e.t < BORDER
            if not at_border and not any(k.kind == e.kind and abs(k.t - e.t) < SAME for k in kept):
                kept.append(e)
        return kept

    def _record(self, e):
        labels = [self._label(e.before, e.t, -1), self._label(e.after, e.t, +1)]
        return Transition(e.kind, {self.line.name: float(self.line.value(e.t))}, *labels, e.equilibrium)

    def _label(self, segment, t, side):
        """The label of a phase close to t, on one side."""
        if segment is None:
            return "none" if self.line.theory.channel is None else "unsatisfiable"
        return self._beside(segment, t, side).kind

    @staticmethod
    def _beside(segment, t, side=0):
        """The Facts of a segment close to t, on one side, and off its ends."""
        low, high = segment.bounds
        near = t + side * min(1e-3, 0.3 * (high - low))
        return segment.at(min(max(near, low + 0.05 * (min(high, low + 0.02) - low)), high - 0.05 * (high - max(low, high - 0.02))))

    def _at_equilibrium(self, t, segment):
        return any(self.equilibrium(min(max(t + d, 0.0), 1.0)) is segment for d in (-1e-7, 1e-7))

    def _other(self, t, side):
        return self.equilibrium(min(max(t + side * 1e-7, 0.0), 1.0))

    def _changes(self):
        """First-order transitions: the free energies of two phases cross."""
        for (_, low, a), (high, _, b) in pairwise(self.stretches()):
            if a is None or b is None:
                continue
            difference = lambda t: a.at(t).free_energy - b.at(t).free_energy
            for reach in (0.0, 0.005, 0.02):
                ends = max(low - reach, a.low, b.low), min(high + reach, a.high, b.high)
                if ends[0] < ends[1] and difference(ends[0]) * difference(ends[1]) < 0:
                    t = brentq(difference, *ends, xtol=1e-15, rtol=1e-14)
                    below, above = (self.equilibrium(end) for end in ends)
                    if {below, above} == {a, b} and not self._merge(a, b, t):
                        yield Event("first-order", t, below, above, True)
                    break

    @staticmethod
    def _merge(a, b, t):
        if any(end in ("static", "at") and abs(bound - t) < 1e-3 for s in (a, b) for end, bound in zip(s.ends, s.bounds)):
            return True
        if any(end == "merged" and abs(bound - t) < TOUCH for s in (a, b) for end, bound in zip(s.ends, s.bounds)):
            return True
        x, y = a.at(t).unknowns, b.at(t).unknowns
        if len(x) != len(y):
            return False
        return np.isfinite(x).all() and np.isfinite(y).all() and np.abs(x - y).max() < 1e-5

    def _continuous(self):
        """Instabilities of symmetric branches."""
        for t, s in self._instabilities():
            spring = [o for o in self.segments if any(abs(b - t) < SAME for b in o.bounds) and len(o.sector.free) > len(s.sector.free)
                      and (o.stable or not o.signal and o.extremal and self._beside(o, t).stiffness > 0)]
            if not (forward := [o for o in spring if not self._backwards(s, o, t)]):
                yield from self._lost(s, t) if spring else ()
                continue
            other = forward[0]
            pair = (other, s) if other.bounds[1] - t < SAME else (s, other)
            at_equilibrium = self._at_equilibrium(t, s) or self._at_equilibrium(t, other)
            yield Event("continuous", t, *pair, at_equilibrium)
            if s.sector.paramagnetic and not other.signal:
                yield Event("at", t, *pair, at_equilibrium)

    def _backwards(self, s, other, t):
        """Whether a branch springs from an instability of s to the side on which that is stable: the transition is discontinuous."""
        return any((o.high - t < SAME) == (other.high - t < SAME) for o in self._stable_at(s, t))

    def _stable_at(self, s, t):
        """Stable segments of the sector of s that end at t."""
        same = (o for o in self.segments if o.line is s.line and o.sector is s.sector and o.stable)
        return [o for o in same if min(abs(b - t) for b in o.bounds) < SAME]

    def _lost(self, s, t):
        """A branch that loses its stability where nothing continues it: a spinodal."""
        for o in self._stable_at(s, t)[:1]:
            side = int(o.high - t < SAME)
            rest = self._other(t, 1 if side else -1)
            yield Event("spinodal", t, *((o, rest) if side else (rest, o)), self._at_equilibrium(t, o))

    def _spinodals(self):
        """Folds at which a stable branch ends."""
        for s in self.segments:
            for side in (0, 1):
                if s.ends[side] == "fold" and s.stable and self._is_state(s) and not self._closes(s, side):
                    t = s.bounds[side]
                    rest = self.equilibrium(min(max(t + (1e-6 if side else -1e-6), 0.0), 1.0))
                    pair = (s, rest) if side else (rest, s)
                    yield Event("spinodal", t, *pair, self._at_equilibrium(t, s))

    def _closes(self, segment, side):
        """Whether a branch with steps ends where these close, at the border of stability of replica symmetry."""
        if not segment.line.theory.steps or segment.facts[-1 if side else 0].step > NARROW:
            return False
        marks = [b for s in self.segments for b, end in zip(s.bounds, s.ends) if end == "at"]
        return any(abs(b - segment.bounds[side]) < SPRINGS / 10 for b in marks)

    def _capacities(self):
        """Ends of branches at which an overlap reaches its largest value: beyond there are no states."""
        for s in self.segments:
            for side in (0, 1):
                if s.ends[side] == "capacity":
                    t = s.bounds[side]
                    inside = min(max(s.facts[-1 if side else 0].t, 0.0), 1.0)
                    yield Event("capacity", t, *((s, None) if side else (None, s)), self.equilibrium(inside) is s)

    def _sides(self, segment, side):
        """(phase below, phase above) an end of a segment, beyond it the equilibrium."""
        t = segment.bounds[side]
        rest = self._other(t, 1 if side else -1)
        return (segment, rest) if side else (rest, segment)

    def _continued(self, segment, side):
        """The same for an end at which replica symmetry breaks: beyond it a state with steps, if one is known."""
        t = segment.bounds[side] + (SPRINGS if side else -SPRINGS) / 10
        more = [s for s in self.segments if s.line is not segment.line and s.signal == segment.signal and s.covers(t)]
        if not more:
            return self._sides(segment, side)
        rest = max(more, key=lambda s: s.at(t).free_energy)
        return (segment, rest) if side else (rest, segment)

    def _statics(self):
        """Points at which the block parameter reaches 1 by a jump of the overlap: states begin to dominate one by one."""
        for s in self.segments:
            for side in (0, 1):
                if s.ends[side] == "static" and s.facts[-1 if side else 0].step > OPEN:
                    yield Event("static", s.bounds[side], *self._sides(s, side), self._at_equilibrium(s.bounds[side], s))

    def _dynamics(self):
        """Points at which a nonzero overlap first solves the equations at x = 1: exponentially many states appear."""
        for s in self.marginal:
            for side in (0, 1):
                end = s.facts[-1 if side else 0]
                if s.ends[side] == "fold" and end.step > OPEN and s.facts[-2 if side else 1].step > end.step:
                    rest = self._other(s.bounds[side], 1 if side else -1)
                    if rest is None or rest.line is not self.lines[0] or rest.signal:
                        continue
                    yield Event("dynamic", s.bounds[side], *((s, rest) if side else (rest, s)), True)

    @staticmethod
    def _is_state(segment):
        """Whether a branch is one of states.

        Without signal one that ends at a fold is none: the longitudinal eigenvalue vanishes there, and the replicon is lower. With
        one it must be `lasting`.
        """
        if "marginal" in segment.ends:
            return False
        return segment.lasting if segment.signal else "fold" not in segment.ends

    def _breakings(self):
        """Points at which a stable branch loses its stability against (further) breaking of replica symmetry."""
        for s in self.segments:
            if s.sector.paramagnetic or not s.stable or not self._is_state(s):
                continue
            kind = "gardner" if s.line.theory.steps else "at"
            if kind == "at" and self.broken:
                for side in (0, 1):
                    if s.ends[side] == "at":
                        yield Event(kind, s.bounds[side], *self._continued(s, side), self._at_equilibrium(s.bounds[side], s))
                continue
            for f in zeros(s, lambda f: f.state.replicon):
                folded = any(end == "fold" and abs(b - f.t) < TOUCH for end, b in zip(s.ends, s.bounds))
                if not folded and f.overlap > EMPTY:
                    yield Event(kind, f.t, s, s, self._at_equilibrium(f.t, s))

    def _entropies(self):
        """Points at which the entropy of discrete sites vanishes."""
        if not self.lines[0].discrete or self.line.fixed.get("T") == 0:
            return
        for s in self.segments:
            if s.stable and self._is_state(s):
                for f in zeros(s, lambda f: f.state.entropy):
                    if s.sector.paramagnetic and (f.state.replicon < 0 or (self.broken and not self._at_equilibrium(f.t, s))):
                        continue
                    yield Event("zero-entropy", f.t, s, s, self._at_equilibrium(f.t, s))
