"""Branches along a line, cut into segments on which the parameter is monotone and stability does not change."""

from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np
from scipy.interpolate import CubicSpline

from .assemble import is_valid
from .curves import Path, Stepping, follow, locate, solved_at
from .limits import capacity
from .line import Facts
from .valleys import free_squares
from .warming import lasting

__all__ = ["Segment", "branch_paths", "crossing", "pieces", "segments_of", "zeros"]

# Where solutions are looked for, in units of the range, ends included almost.
ANCHORS = (0.985, 0.003, 0.5, 0.2)
SAME = 1e-5
# A smaller signal has vanished.
VANISHED = 1e-4
# How often the distance to an end is quartered.
CLOSER = 10


@dataclass(eq=False)
class Segment:
    """A piece of a branch, facts in increasing order of t.

    Attributes
    ----------
    facts : list of Facts
    ends : [why it ends at its low side, at its high side]: "edge", "border", "fold", "instability" (of the means, or of a
        paramagnet's overlaps), "marginal" (of other overlaps), "merged", "stopped", "limit"
    stable : bool, positive response and `extremal`
    extremal : bool, whether the free energy is highest over the overlaps
    """

    line: object
    sector: object
    curve: object
    facts: list
    ends: list
    stable: bool
    extremal: bool
    bounds: list = field(default_factory=list)

    def __post_init__(self):
        self.bounds = [self.facts[0].t, self.facts[-1].t]
        self._known = {f.t: f for f in self.facts}

    @property
    def low(self):
        return self.bounds[0]

    @property
    def high(self):
        return self.bounds[1]

    @property
    def signal(self):
        """Whether the branch carries a signal that could vanish by symmetry, or that of a teacher."""
        return bool(self.sector.signals) and (self.sector.spontaneous or bool(self.sector.matched))

    @cached_property
    def lasting(self):
        """Whether states with a signal are no artefacts of the ansatz."""
        middle = self.facts[len(self.facts) // 2]
        return any(is_valid(self.line.unknowns(f.t), f.state) for f in self.facts) or lasting(middle.system, self.sector, middle.unknowns)

    def covers(self, t):
        return self.low <= t <= self.high

    def at(self, t):
        """The Facts at t."""
        t = float(min(max(t, self.facts[0].t), self.facts[-1].t))
        if t not in self._known:
            self._known[t] = self._solved(t)
        return self._known[t]

    def free_energy(self, t):
        """The free energy at t, interpolated between the points of the branch."""
        t = min(max(t, self.facts[0].t), self.facts[-1].t)
        return float(self._interpolation(t))

    def squares(self, t):
        """Mean squares of spins of several lengths at t, interpolated."""
        times, rows = self._squares
        return tuple(float(np.interp(t, times, row)) for row in rows)

    @cached_property
    def _squares(self):
        facts = sorted(self.facts, key=lambda f: f.t)
        return [f.t for f in facts], list(zip(*(free_squares(self.line.theory, f.unknowns, f.system.T) for f in facts)))

    @cached_property
    def _interpolation(self):
        times, energies = np.array(sorted((f.t, f.free_energy) for f in self.facts)).T
        kept = np.append(True, np.diff(times) > 1e-7)
        if kept.sum() < 4 or np.diff(times[kept]).min() <= 0:
            return lambda t: np.interp(t, times[kept], energies[kept])
        return CubicSpline(times[kept], energies[kept])

    def _solved(self, t):
        times = [f.t for f in self.facts]
        i = min(max(int(np.searchsorted(times, t)), 1), len(times) - 1)
        a, b = self.facts[i - 1], self.facts[i]
        share = (t - a.t) / (b.t - a.t) if b.t > a.t else 0.0
        guess = a.node.z[:-1] + share * (b.node.z[:-1] - a.node.z[:-1])
        w = solved_at(self.curve, guess, t)
        gap = np.abs(b.node.z[:-1] - a.node.z[:-1]).max(initial=0.0)
        if w is not None and np.abs(w - guess).max(initial=0.0) <= gap + 1e-9:
            return Facts.at(self.line, self.sector, np.append(w, t))
        found = None
        if a.node.tangent is not None and b.node.tangent is not None:
            found = locate(self.curve, a.node, b.node, lambda p: p.t - t)
        return Facts(self.line, self.sector, found) if found is not None else (a if share < 0.5 else b)


def branch_paths(line, starts, options=Stepping(), anchors=ANCHORS, known=()):
    """[(sector, Path)] of every branch that passes a solution at one of the anchors, after those already known.

    Parameters
    ----------
    starts : function t -> solutions, arrays of all unknowns
    """
    found = list(known)
    for t in anchors:
        for u in starts(t):
            sector = line.sector_of(u, t)
            w = sector.restrict(u)
            if any(s is sector and passes(line, s, path, w, t) for s, path in found):
                continue
            path = follow(line.curve(sector), np.append(w, t), options, _leaves(sector))
            if path is not None and len(path.nodes) > 1:
                found.append((sector, _approached(sector, path)))
    return found


def _leaves(sector):
    """Where a branch meets the mirror image of itself: its first signal vanishes."""
    if not (sector.signals and sector.spontaneous):
        return None
    first = sector.free.index(sector.signals[0])
    return lambda node: node.z[first] <= VANISHED


def _approached(sector, path):
    """The path with its stopped ends replaced by points at which the first signal falls to zero by halves."""
    nodes, ends = list(path.nodes), list(path.ends)
    for side in (1, 0):
        if ends[side] != "stopped":
            continue
        first = sector.free.index(sector.signals[0])
        ordered = nodes if side else nodes[::-1]
        last, beyond = ordered[-2], ordered[-1]
        ordered = [*ordered[:-1], *_halves(path.curve, last, beyond, first)]
        nodes, ends[side] = (ordered if side else ordered[::-1]), "merged"
    return Path(path.curve, nodes, tuple(ends))


def _halves(curve, last, beyond, first):
    found = []
    for k in range(1, 13):
        if last.z[first] / 2**k < VANISHED:
            break
        node = locate(curve, last, beyond, lambda p: p.z[first] - last.z[first] / 2**k)
        if node is None or abs(node.z[first] - last.z[first] / 2**k) > 1e-9:
            break
        found.append(node)
    return found


def passes(line, sector, path, w, t):
    """Whether a path goes through the point w at t."""
    curve = line.curve(sector)
    for a, b in pairwise(path.nodes):
        if not min(a.t, b.t) - 1e-3 <= t <= max(a.t, b.t) + 1e-3:
            continue
        share = np.clip((t - a.t) / (b.t - a.t), 0, 1) if b.t != a.t else 0.5
        guess = a.z[:-1] + share * (b.z[:-1] - a.z[:-1])
        if np.abs((guess - w) / (1 + np.abs(w))).max(initial=0.0) > 0.2:
            continue
        v = solved_at(curve, guess, t)
        if v is not None and np.abs((v - w) / (1 + np.abs(w))).max(initial=0.0) < SAME:
            return True
    return False


def segments_of(line, paths):
    """Segments of all paths."""
    return [segment for sector, path in paths for segment in _cut(line, sector, path)]


def _cut(line, sector, path):
    facts = _finite_run(_refined(line, sector, path))
    pieces = []
    start, reason = [facts[0]], path.ends[0]
    for a, b in pairwise(facts):
        if a.node.tangent[-1] * b.node.tangent[-1] < 0:
            fold = locate(path.curve, a.node, b.node, lambda p: p.tangent[-1], tangents=True)
            if fold is None or _vanishes(Facts(line, sector, fold)):
                start.append(b)
                continue
            turn = Facts(line, sector, fold)
            pieces.append(([*start, turn], reason, "fold"))
            start, reason = [turn, b], "fold"
        else:
            start.append(b)
    if len(start) > 1:
        pieces.append((start, reason, path.ends[1]))
    found = [s for nodes, low, high in pieces for s in _by_stability(line, sector, path.curve, nodes, low, high)]
    for side in (0, 1):
        _extend(found, facts[-1 if side else 0], capacity(line, sector, path, side))
    return found


def _extend(segments, end, t):
    """Let the segment that ends at `end` reach the limit t of the branch."""
    for s in segments if t is not None else ():
        for side, facts in enumerate((s.facts[0], s.facts[-1])):
            if facts is end:
                s.bounds[side], s.ends[side] = t, "capacity"


def _vanishes(f):
    """Whether a fold is the place where a branch meets its mirror image."""
    return f.sector.spontaneous and abs(f.unknowns[f.sector.signals[0]]) < 10 * VANISHED


def _refined(line, sector, path):
    """Facts at the nodes of a path; where the free energy ceases to be finite at an end, closer and closer to it, too."""
    facts = [Facts(line, sector, node) for node in path.nodes]
    for side in (-1, 0):
        inner = facts[1 if side == 0 else -2] if len(facts) > 1 else facts[0]
        if not np.isfinite(facts[side].free_energy) and np.isfinite(inner.free_energy):
            between = _closer(line, sector, path.curve, inner, facts[side])
            facts = [*facts[:-1], *between, facts[-1]] if side else [facts[0], *between[::-1], *facts[1:]]
    return facts


def _closer(line, sector, curve, inner, end):
    found = []
    for k in range(1, CLOSER + 1):
        t = end.t + (inner.t - end.t) / 4**k
        place = locate(curve, inner.node, end.node, lambda p: p.t - t)
        if place is None:
            break
        found.append(Facts(line, sector, place))
    return found


def _finite_run(facts):
    """The facts from the first to the last whose free energy is finite without interruption, the longest run."""
    runs, run = [], []
    for f in facts:
        if np.isfinite(f.free_energy):
            run.append(f)
        else:
            runs.append(run)
            run = []
    return max([*runs, run], key=len) or facts[:1]


def _by_stability(line, sector, curve, facts, low, high):
    """Segments of one monotone piece, cut where the lowest stiffness crosses zero."""
    if facts[0].t > facts[-1].t:
        facts, low, high = facts[::-1], high, low
    inner = [_signs(f) for f in facts]
    # At a fold the signs are those of rounding.
    if low == "fold" and len(facts) > 2:
        inner[0] = inner[1]
    if high == "fold" and len(facts) > 2:
        inner[-1] = inner[-2]
    pieces, start, reason = [], [facts[0]], low
    for i, (a, b) in enumerate(pairwise(facts)):
        which = _changed(inner[i], inner[i + 1])
        found = crossing(line, sector, curve, a, b, lambda f: getattr(f, which)) if which else None
        if found is None:
            start.append(b)
            continue
        end = "instability" if which == "stiffness" or sector.paramagnetic else "marginal"
        pieces.append(Segment(line, sector, curve, [*start, found], [reason, end], *_held(inner[i])))
        start, reason = [found, b], end
    pieces.append(Segment(line, sector, curve, start, [reason, high], *_held(inner[-1])))
    return pieces


def _signs(f):
    return {"stiffness": f.stiffness > 0, "glass": f.glass > 0}


def _changed(a, b):
    """The name of what changes its sign, or None."""
    return next((name for name in a if a[name] != b[name]), None)


def _held(signs):
    """(stable, extremal) of a segment."""
    return all(signs.values()), signs["glass"]


def crossing(line, sector, curve, a, b, function):
    """The Facts between two neighbours at which a function of facts vanishes; None where it does not change sign or jumps."""
    flat = lambda x: x / (1 + abs(x)) if np.isfinite(x) else np.sign(x)
    value = lambda node: flat(function(Facts(line, sector, node)))
    node = locate(curve, a.node, b.node, value)
    if node is None:
        return None
    found = Facts(line, sector, node)
    near = abs(flat(function(found)))
    return found if near < 1e-4 * (abs(flat(function(a))) + abs(flat(function(b)))) or near < 1e-9 else None


def zeros(segment, function, noise=1e-9):
    """Facts of a segment at which a function of them changes its sign; changes between values below `noise` are rounding."""
    found = []
    for a, b in pairwise(segment.facts):
        values = function(a), function(b)
        if np.isnan(values).any() or (values[0] > 0) == (values[1] > 0) or np.abs(values).min() < noise:
            continue
        zero = crossing(segment.line, segment.sector, segment.curve, a, b, function)
        if zero is not None:
            found.append(zero)
    return found


def pieces(segment, function, reason):
    """The pieces of a segment on which a function of facts is positive; where it vanishes they end for that reason."""
    found = []
    for low, high in pairwise([None, *zeros(segment, function), None]):
        inner = [f for f in segment.facts if (low is None or f.t > low.t) and (high is None or f.t < high.t)]
        facts = [f for f in (low, *inner, high) if f is not None]
        values = [function(f) for f in facts]
        if len(facts) > 1 and max(values, key=abs) > 0:
            found.append(_piece(segment, facts, low is None, high is None, reason))
    return found


def _piece(segment, facts, first, last, reason):
    ends = [segment.ends[0] if first else reason, segment.ends[1] if last else reason]
    piece = Segment(segment.line, segment.sector, segment.curve, facts, ends, segment.stable, segment.extremal)
    piece.bounds = [segment.low if first else piece.low, segment.high if last else piece.high]
    return piece
