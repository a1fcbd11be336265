"""Lines of a phase diagram with quenched couplings: curves cut to where what happens on them happens to a state."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations, groupby, pairwise

import numpy as np

from ..bifurcations.lines import Line, SpecialPoint
from .general import nearest
from .junctions import Growth, junction_kind
from .spread import equilibrium

__all__ = ["Cutter"]

# How far off a line its sides are looked at, in units of the box, and how much order may have grown there by a continuous transition.
OFF = (2e-3, 5e-3, 1.2e-2)
GROWN = 0.5
# The same for states with blocks smaller than 1 beside a static line.
NEAREST = (2e-3, 5e-4, 1e-4)
WIDE = (0.03, 0.06)
EQUAL = 1e-9
# The same for states that are not where they are compared.
ROUGH = 1e-6
# A state with less order has merged with one of more symmetry: what looks like a fold is an instability of that.
MERGED = 1e-3
SPACING = 0.012
# Where solutions are slow, every few points of a curve are looked at first; bisections of the ends of lines.
FEW, HALVINGS, SLOW_HALVINGS = 5, 36, 12
SHORTEST = 2e-3
# Overlaps that differ by less are about to coincide.
NARROW = 1e-3
# Steps larger than this do not close where replica symmetry breaks.
OPEN = 1e-2
# A run that keeps closer to the border of the plane is rounding: states become singular where couplings vanish.
RIM = 1e-6
# At how many places of a run the phases are named.
NAMED, SLOW_NAMED = 7, 5
# Ends of lines closer than the first to a crossing of instabilities, in units of the box, end there; closer than the second they meet.
SNAP = 1e-2
MEETING = 1e-6
# Lines whose ends make special points, and at how many points of a curve of instabilities it is asked what grows.
MEETING_KINDS = ("continuous", "first-order", "static", "at")
SAMPLES = 9


@dataclass(frozen=True, eq=False)
class TracedLine(Line):
    """A line that knows its equations.

    Attributes
    ----------
    border : the curve that it is a part of
    """

    border: object = field(default=None, repr=False)

    __repr__ = Line.__repr__

    def at(self, name, value):
        """Places (k, 2) where a parameter has a value on the line, solved for; empty where it does not pass the value."""
        k = self.border.area.names.index(name)
        found = []
        for a, b in pairwise(self.points):
            if (a[k] - value) * (b[k] - value) <= 0 and a[k] != b[k]:
                place = self.border.landed(k, value, a + (value - a[k]) / (b[k] - a[k]) * (b - a))
                if place is not None and not any(np.abs(place - other).max() < 1e-9 for other in found):
                    found.append(place)
        return np.array(found).reshape(-1, 2)


class Cutter:
    """Cuts curves into lines by what happens to the states at each of their points."""

    def __init__(self, area, borders, spread):
        self.area, self.borders, self.spread = area, borders, spread
        self.junctions, self.turns = [], {}
        self.worth = {"fold": self._fold, "equal_free_energies": self._equal, "instability": self._instability, "replicon": self._replicon,
                      "zero_entropy": self._entropy, "static": self._static, "dynamic": self._dynamic, "capacity": self._capacity}

    def lines(self):
        """All Lines, those of equilibrium first."""
        order = ("continuous", "first-order", "static", "capacity", "spinodal", "dynamic", "at", "gardner", "zero-entropy")
        found = [line for border in self.borders.curves for line in self._cut(border)]
        found = [kept for line in found if (kept := self._off_static(line, [o for o in found if o.kind == "static"])) is not None]
        self.junctions = self._junctions(found)
        return sorted(map(self._snapped, found), key=lambda line: order.index(line.kind))

    def _off_static(self, line, statics):
        """A line of breaking without what runs beside a static line, where broken states came before; None if nothing is left."""
        member = line.border.members[0]
        if line.kind != "at" or member.signal or member.steps == self.area.ansatz.steps:
            return line
        beside = np.array([any(self._beside(o, place) for o in statics) for place in line.points])
        runs = [list(group) for kept, group in groupby(range(len(beside)), key=lambda i: not beside[i]) if kept]
        longest = max(runs, key=len, default=[])
        return replace(line, points=line.points[longest]) if len(longest) > 1 else None

    def _beside(self, line, place):
        """Whether a place is close to the inside of a line."""
        i, share = nearest(self.area, line.points, place)
        path = self.area.unit(line.points)
        inside = 0 < i + share < len(path) - 1
        return inside and np.abs(path[i] + share * (path[i + 1] - path[i]) - self.area.unit(place)).max() < 2 * SNAP

    def _snapped(self, line):
        """A line whose ends next to a special point are there."""
        places = line.points
        for side in (0, -1):
            unit = self.area.unit(places)
            for at in [*self.crossings, *(p.at for p in self.junctions), *getattr(line.border, "limits", ())]:
                distance = np.abs(unit - self.area.unit(at)).max(1)
                if distance[side] < SNAP and np.ptp(unit, axis=0).max() > 2 * SNAP:
                    kept = places[distance > SNAP / 2]
                    places = np.vstack([at, kept] if side == 0 else [kept, at])
                    break
        return replace(line, points=places)

    @cached_property
    def crossings(self):
        """Places (2,) where two curves of instabilities cross."""
        curves = [b for b in self.borders.curves if b.kind == "instability" and hasattr(b, "curve")]
        found = []
        for one, two in combinations(curves, 2):
            for at in _crossings(self.area, one, two):
                if not any(np.abs(self.area.unit(at) - self.area.unit(other)).max() < SNAP for other in found):
                    found.append(at)
        return found

    def _cut(self, border):
        kinds = self._kinds(border)
        if border.kind == "instability":
            kinds = self._supercritical(border, kinds)
        index = 0
        for kind, group in groupby(kinds):
            first, index = index, index + len(list(group))
            if kind:
                yield from self._lines(border, kinds, first, index - 1)

    def _supercritical(self, border, kinds):
        """What the points of a curve of instabilities are worth, without those where the state of less symmetry grows backwards."""
        steps, sector = border.members[0].steps, border.members[0].sector
        grown = [m for m in self.area.members if m.steps == steps and set(m.sector.free) > set(sector.free)
                 and (m.sector.null == sector.null) == (border.block == "overlaps")]
        inside = [i for i, kind in enumerate(kinds) if kind]
        if not grown or len(inside) < 2:
            return kinds
        growth = Growth(border, min(grown, key=lambda m: len(m.sector.free)))
        chosen = sorted({inside[round(share * (len(inside) - 1))] for share in np.linspace(0.02, 0.98, SAMPLES)})
        kept = list(kinds)
        for i, z, before in growth.tricritical(chosen):
            self.turns[id(border), i] = z
            behind = range(i + 1, len(kinds)) if before > 0 else range(i + 1)
            kept = [() if k in behind else kind for k, kind in enumerate(kept)]
        return kept

    def _kinds(self, border):
        """What every point of a curve is worth; of slow ones every few points, and all where these differ."""
        worth = {}
        ask = lambda i: worth.setdefault(i, self.worth[border.kind](border, border.variables(i)))
        stride = 1 if hasattr(border, "curve") else FEW
        chosen = sorted({*range(0, len(border), stride), len(border) - 1})
        found = [ask(chosen[0])]
        for a, b in pairwise(chosen):
            found += [ask(a) if ask(a) == ask(b) else ask(i) for i in range(a + 1, b)] + [ask(b)]
        return found

    def _lines(self, border, kinds, first, last):
        """Lines of the points first..last of a curve, of which all have one worth."""
        low = self._end(border, kinds, first, -1)
        high = self._end(border, kinds, last, +1)
        body = [border.variables(i) for i in range(first, last + 1)]
        run = [*([low] if low is not None else []), *body, *([high] if high is not None else [])]
        unit = self._unit(border, run)
        if np.ptp(unit, axis=0).max() < SHORTEST or any((np.abs(unit[:, k] - end) < RIM).all() for k in (0, 1) for end in (0, 1)):
            return
        if not self._lasts(border, run):
            return
        for piece, names in self._named(border, kinds[first], run):
            places = self._dense(border, piece)
            if len(places) > 1:
                yield from (TracedLine(kind, between, places, border) for kind, between in zip(kinds[first], names))

    def _unit(self, border, run):
        return np.array([self.area.unit(border.values(z)) for z in run])

    def _end(self, border, kinds, i, side):
        """Variables where the worth of a curve changes beyond its i-th point; None at its end."""
        other = i + side
        if not 0 <= other < len(kinds):
            return None
        if (turn := self.turns.get((id(border), min(i, other)))) is not None:
            return turn
        left, inside, outside, best = min(i, other), float(i > other), float(other > i), None
        for _ in range(HALVINGS if hasattr(border, "curve") else SLOW_HALVINGS):
            middle = (inside + outside) / 2
            z = border.between(left, middle)
            if z is not None and self.worth[border.kind](border, z) == kinds[i]:
                inside, best = middle, z
            else:
                outside = middle
        return best

    def _dense(self, border, run):
        """Places along a run at most `SPACING` apart."""
        found = [border.values(run[0])]
        for a, b in pairwise(run):
            gap = np.abs(self.area.unit(border.values(b)) - self.area.unit(border.values(a))).max()
            count = int(gap / SPACING) if hasattr(border, "curve") or border.kind == "capacity" else 0
            for share in np.arange(1, count + 1) / (count + 1):
                z = border.chord(a, b, share)
                if z is not None:
                    found.append(border.values(z))
            found.append(border.values(b))
        return np.array(found)

    def _named(self, border, kinds, run):
        """[(piece of a run, [labels of the two phases, for each kind])], cut where labels change."""
        chosen = sorted({round(k) for k in np.linspace(0, len(run) - 1, min(NAMED if hasattr(border, "curve") else SLOW_NAMED, len(run)))})[1:-1] or [len(run) // 2]
        names = {k: self._between(border, kinds, run[k]) for k in chosen}
        head, start = [], 0
        for a, b in pairwise(chosen):
            if names[a] == names[b]:
                continue
            low, high = a, b
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if self._between(border, kinds, run[middle]) == names[a] else (low, middle)
            change = self._change(border, kinds, run[low], run[high], names[a])
            yield [*head, *run[start:low + 1], change], names[a]
            head, start = [change], high
        yield [*head, *run[start:]], names[chosen[-1]]

    def _change(self, border, kinds, a, b, name):
        """Variables between two points of a curve where the labels of the first change."""
        inside, outside, best = 0.0, 1.0, b
        for _ in range(SLOW_HALVINGS):
            middle = (inside + outside) / 2
            z = border.chord(a, b, middle)
            if z is None:
                break
            if self._between(border, kinds, z) == name:
                inside = middle
            else:
                outside, best = middle, z
        return best

    # What happens at a point of a curve: kinds of transitions, () for none

    def _fold(self, border, z):
        return ("spinodal",) if self._ending(border, z) else ()

    def _ending(self, border, z):
        """The stable state beside a fold, or None."""
        turn, = border.states(z)
        if turn is None or turn.member.order(turn) < MERGED:
            return None
        sides = border.aside(z)
        # Where the overlaps' own block changes its sign the replicon, which is lower, has done so before.
        glassy = None not in sides and sides[0].signs[2] != sides[1].signs[2]
        for p in sides:
            if p is not None and self._stable(p) and (p.replicon > 0 or not glassy and p.member.sector.signals):
                kept = p.member.signal or (self._is_equilibrium(p) if p.member.steps else not self._replaced(p))
                return p if kept else None
        return None

    def _is_equilibrium(self, point):
        best = equilibrium([s for s in self.spread.states(point.values) if s[0].stable])
        return best is None or abs(best[1].free_energy - point.free_energy) < ROUGH

    def _stable(self, point):
        component = self.spread.component(point)
        return component.stable if component is not None else point.member.stable(point)

    def _lasts(self, border, run):
        """Whether the states on a run of a curve are no artefacts of the ansatz: some of them are on the grid, or lasting."""
        if border.kind not in ("fold", "replicon", "zero_entropy"):
            return True
        for k in sorted({round(share * (len(run) - 1)) for share in np.linspace(0, 1, NAMED)}):
            p = self._ending(border, run[k]) if border.kind == "fold" else border.states(run[k])[0]
            if p is not None and (self.spread.component(p) is not None or p.member.lasting(p)):
                return True
        return False

    def _replaced(self, point):
        """Whether a state with more steps is there in place of this one, other than one whose steps are about to close."""
        if point.member.steps == self.area.ansatz.steps or point.member.signal and point.replicon > 0:
            return False
        own, stable = point.member, (s for c, s in self.spread.states(point.values) if c.stable)
        others = (s for s in stable if s.member.steps > own.steps and s.member.signal == own.signal)
        return any(abs(s.free_energy - point.free_energy) > EQUAL or s.member.step(s) > OPEN for s in others)

    def _equal(self, border, z):
        p, q = border.states(z)
        if p is None or q is None or np.abs(p.free_energy - q.free_energy) > EQUAL * (1 + abs(p.free_energy)):
            return ()
        if p.member is q.member and np.abs(p.u - q.u).max() < 1e-4 or not (self._stable(p) and self._stable(q)):
            return ()
        states = [s for s in self.spread.states(border.values(z)) if s[0].stable]
        best = equilibrium(states)
        lowest = best is None or abs(best[1].free_energy - p.free_energy) < EQUAL * (1 + abs(p.free_energy))
        return ("first-order",) if lowest and all(self._highest(own, states) for own in (p, q)) else ()

    @staticmethod
    def _highest(point, states):
        """Whether a state without signal has the highest free energy of those that are stable; true of every other."""
        silent = [s[1].free_energy for s in states if s[0].stable and not s[0].signal]
        return point.member.signal or point.free_energy > max(silent, default=-np.inf) - EQUAL * (1 + abs(point.free_energy))

    def _instability(self, border, z):
        p, = border.states(z)
        grown = p and self._grown_beside(border, z, p)
        if not grown:
            return ()
        return ("continuous",) if grown[1].member.signal else ("continuous", "at")

    def _grown_beside(self, border, z, p):
        """(sides, state) of less symmetry that has grown out of a state p at its instability and is the equilibrium there; None without one."""
        for distance in OFF:
            sides = self._sides(border, z, distance)
            if any(s is None for s in sides):
                continue
            one, two = (s[1] for s in sides)
            other = two if one.member is p.member else one
            if (one.member is p.member) != (two.member is p.member) and self._grown(p, other, distance):
                return (sides, other) if other.member.signal == (border.block == "means") else None
            if self._places(border, z, distance)[0] != self._places(border, z, distance)[1] and one.member is not p.member and two.member is not p.member:
                return None
        return None

    def _grown(self, p, other, distance):
        """Whether a state of less symmetry has grown out of one of more."""
        if len(other.member.sector.free) <= len(p.member.sector.free):
            return False
        T = self.area.parameters(other.values).get("T", 1.0)
        size = np.where([n in self._responses(other) for n in other.member.names], T, 1.0)
        return bool(np.abs(size * (p.u - other.u)).max() < GROWN * (distance / OFF[-1]) ** 0.5)

    @staticmethod
    def _responses(point):
        return [str(o.C) for o in point.member.theory.overlaps]

    def _replicon(self, border, z):
        p, = border.states(z)
        if p is None or p.member.sector.paramagnetic or not self._stable(p) or self._replaced(p):
            return ()
        return ("gardner",) if p.member.steps else ("at",)

    def _static(self, border, z):
        """Whether steps that are open have the free energy of the equilibrium where their block parameter is 1."""
        if border.step(z) < NARROW:
            return ()
        energy = border.members[0].quantity(z[:-2], border.values(z), "free_energy")
        best = equilibrium([s for s in self.spread.states(border.values(z)) if s[0].stable])
        return ("static",) if best is None or abs(best[1].free_energy - energy) < ROUGH else ()

    def _dynamic(self, border, z):
        """Whether states appear in a paramagnet that is the equilibrium."""
        p, = border.states(z)
        if p is None or border.step(z) < NARROW:
            return ()
        best = equilibrium([s for s in self.spread.states(border.values(z)) if s[0].stable])
        return ("dynamic",) if best is not None and not best[0].member.steps and not best[0].signal else ()

    def _capacity(self, border, z):
        """Whether solutions end with no distance left between them: there are some on one side only."""
        return ("capacity",) if self._limit(border, z) else ()

    def _limit(self, border, z):
        """The equilibrium on both sides of a capacity, None where there is no state; None as a whole where that is so on both."""
        for distance in (*OFF, *WIDE):
            sides = [equilibrium(self.spread.states(place)) for place in self._places(border, z, distance)]
            if (sides[0] is None) != (sides[1] is None):
                return sides
        return None

    def _between_static(self, border, z):
        """A state with blocks smaller than 1 is on one side, one with fewer steps on the other."""
        member, u = border.members[0], border.unknowns(z)
        for distance in NEAREST:
            sides = [member.solve(u, place) for place in self._places(border, z, distance)]
            if (sides[0] is None) != (sides[1] is None):
                break
        broken = next((p for p in sides if p is not None), None)
        stable = (s for c, s in self.spread.states(border.values(z)) if c.stable)
        whole = next((s for s in stable if s.member.steps < member.steps and not s.member.signal), None)
        labels = "spin-glass" if broken is None else member.label(broken), "paramagnetic" if whole is None else _label(whole)
        return labels[::-1] if sides[0] is None and broken is not None else labels

    def _between_dynamic(self, border, z):
        best = equilibrium(self.spread.states(border.values(z)))
        return border.states(z)[0].member.label(border.states(z)[0]), _label(best and best[1])

    def _between_capacity(self, border, z):
        return tuple("unsatisfiable" if s is None else s[1].member.label(s[1]) for s in self._limit(border, z))

    def _entropy(self, border, z):
        p, = border.states(z)
        if p is None or not self._stable(p) or (p.member.sector.paramagnetic and p.replicon < 0) or self._replaced(p):
            return ()
        return ("zero-entropy",)

    # The phases on both sides

    def _places(self, border, z, distance=OFF[1]):
        """Places on both sides of a curve, that of the smaller second (else first) parameter first."""
        along = border.direction(z) / (self.area.high - self.area.low)
        along = along / max(np.linalg.norm(along), 1e-300)
        normal = np.array([-along[1], along[0]])
        normal = normal * (np.sign(normal[1]) if abs(normal[1]) > 1e-6 else np.sign(normal[0]) or 1.0)
        unit = self.area.unit(border.values(z))
        spots = [np.clip(unit + s * distance * normal, 0, 1) for s in (-1, 1)]
        return [tuple(map(float, self.area.low + spot * (self.area.high - self.area.low))) for spot in spots]

    def _sides(self, border, z, distance):
        return [equilibrium(self.spread.states(place)) for place in self._places(border, z, distance)]

    def _between(self, border, kinds, z):
        """Labels of the two phases at a point of a line, for each kind."""
        return [getattr(self, f"_between_{border.kind}")(border, z) for _ in kinds]

    def _between_fold(self, border, z):
        rest = equilibrium(self.spread.states(border.values(z)))
        return _label(self._ending(border, z)), _label(rest and rest[1])

    def _between_equal_free_energies(self, border, z):
        p, q = border.states(z)
        side = p.member.solve(p.u, self._places(border, z)[0]), q.member.solve(q.u, self._places(border, z)[0])
        if None not in side:
            best = equilibrium([(self.spread.component(s) or _AsStable(s), s) for s in side])
            if best[1] is side[1]:
                p, q = q, p
        return _label(p), _label(q)

    def _between_instability(self, border, z):
        p, = border.states(z)
        found = self._grown_beside(border, z, p)
        if not found:
            return "none", "none"
        # Replica symmetry of what grows is that of what it grows from.
        replicon = p.replicon if found[1].member.signal else None
        return tuple(s[1].member.label(s[1], replicon) for s in found[0])

    def _between_replicon(self, border, z):
        p, = border.states(z)
        below = p.member.solve(p.u, self._places(border, z, 1e-3)[0])
        sign = 1.0 if below is not None and below.replicon > 0 else -1.0
        return p.member.label(p, sign), p.member.label(p, -sign)

    def _between_zero_entropy(self, border, z):
        p, = border.states(z)
        return _label(p), _label(p)

    # Special points

    def special_points(self, lines):
        """Turning points of first-order lines and spinodals, places where replica symmetry breaks on a spinodal, crossings of lines."""
        found = []
        for border in self.borders.curves:
            if not hasattr(border, "curve"):
                continue
            names = border.curve.system.names
            for p in border.curve.special_points:
                z = np.array([p.values[n] for n in names])
                kinds = self.worth[border.kind](border, z)
                if kinds and border.kind in ("fold", "equal_free_energies"):
                    kind = "turning" if p.kind.startswith(("maximum", "minimum")) else "at" if p.kind == "replicon" and kinds[0] == "spinodal" else None
                    if kind and not (kind == "turning" and self._edge(border.values(z))):
                        found.append(SpecialPoint(kind, np.array(border.values(z)), border.unknowns(z), self._between(border, kinds, z)[0]))
        return found + self._crossings(lines) + self.junctions + self._breaking_at_capacity(lines)

    @staticmethod
    def _breaking_at_capacity(lines):
        """Ends of lines of breaking at which no distance between solutions is left."""
        ends = [(line, at) for line in lines if line.kind == "at" for at in getattr(line.border, "limits", ())]
        reached = ((line, at) for line, at in ends if np.abs(line.points - at).max(1).min() == 0)
        return [SpecialPoint("at", at, np.array([]), line.between) for line, at in reached]

    def _junctions(self, lines):
        """Special points inside the plane at which ends of lines meet, but those at crossings of instabilities."""
        ends = [(self.area.unit(end), line) for line in lines if line.kind in MEETING_KINDS for end in line.points[[0, -1]]]
        ends = [(unit, line) for unit, line in ends if (np.abs(unit - 0.5) < 0.5 - SNAP).all()]
        known, found = [self.area.unit(at) for at in self.crossings], []
        for unit, _ in ends:
            if any(np.abs(unit - other).max() < SNAP for other in known):
                continue
            meeting = [line for other, line in ends if np.abs(unit - other).max() < SNAP]
            if any(line.kind == "static" for line in meeting):
                meeting += [line for line in lines if line.kind == "at" and self._passes(line, unit)]
            kind = junction_kind([k for k, _ in {(line.kind, frozenset(line.between)) for line in meeting}])
            if kind is not None:
                at = self._meeting_place(unit, meeting)
                known.append(self.area.unit(at))
                names = tuple(dict.fromkeys(name for line in meeting for name in line.between))
                found.append(SpecialPoint(kind, at, np.array([]), names))
        return found

    def _passes(self, line, unit):
        """Whether a line passes a place."""
        i, share = nearest(self.area, line.points, self.area.low + unit * (self.area.high - self.area.low))
        path = self.area.unit(line.points)
        return np.abs(path[i] + share * (path[i + 1] - path[i]) - unit).max() < 2 * SNAP

    def _meeting_place(self, unit, meeting):
        """Where lines meet: a tricritical point that is known, or the crossing of two of their curves, or where they end."""
        rough = self.area.low + unit * (self.area.high - self.area.low)
        near = lambda at: np.abs(self.area.unit(at) - unit).max() < 2 * SNAP
        borders = {id(line.border): line.border for line in meeting}
        turns = [np.array(borders[key].values(z)) for (key, _), z in self.turns.items() if key in borders]
        turns += [at for kind in ("dynamic", "static") for b in self.borders.curves if b.kind == kind for at in b.limits]
        crossings = (at for one, two in combinations(dict.fromkeys(line.border for line in meeting), 2)
                     if one.kind != "static" and two.kind != "static" for at in _crossings(self.area, one, two))
        return next((at for at in (*turns, *crossings) if near(at)), rough)

    def _edge(self, values):
        unit = self.area.unit(values)
        return bool((np.abs(unit - 0.5) > 0.5 - 1e-9).any())

    def _crossings(self, lines):
        """Crossings of instabilities at which lines of equilibrium end."""
        ends = [(line, end) for line in lines if line.kind == "continuous" for end in line.points[[0, -1]]]
        found = []
        for at in self.crossings:
            meeting = sorted({line.between for line, end in ends if np.abs(self.area.unit(end) - self.area.unit(at)).max() < MEETING})
            if len(meeting) > 1:
                found.append(SpecialPoint("multicritical", at, np.array([]), tuple(dict.fromkeys(name for pair in meeting for name in pair))))
        return found


def _crossings(area, one, two):
    """Places where two curves cross: those of their polylines, then where both take the same value of one parameter."""
    (a, b), (c, d) = ((u[:-1], u[1:]) for u in (area.unit(border.places) for border in (one, two)))
    step, other = (b - a)[:, None], (d - c)[None]
    gap = c[None] - a[:, None]
    det = other[..., 0] * step[..., 1] - step[..., 0] * other[..., 1]
    with np.errstate(all="ignore"):
        s = (other[..., 0] * gap[..., 1] - gap[..., 0] * other[..., 1]) / det
        t = (step[..., 0] * gap[..., 1] - gap[..., 0] * step[..., 1]) / det
    for i, j in np.argwhere((s > -1e-9) & (s < 1 + 1e-9) & (t > -1e-9) & (t < 1 + 1e-9)):
        yield _sharpened(area, one, two, area.low + (a[i] + s[i, j] * (b[i] - a[i])) * (area.high - area.low))


def _sharpened(area, one, two, at):
    """A crossing from where the curves meet lines of constant parameters on both of its sides, by the secant."""
    x, y = area.names
    for _ in range(20):
        found = []
        for border in (one, two):
            z = _landed(border, at)
            if z is None:
                return at
            found.append((np.array(border.values(z)), border.direction(z)))
        (p, u), (q, v) = found
        try:
            s, _ = np.linalg.solve(np.column_stack([u, -v]), q - p)
        except np.linalg.LinAlgError:
            return at
        new = p + s * u
        if np.abs(area.unit(new) - area.unit(at)).max() < 1e-13:
            return new
        at = new
    return at


def _landed(border, at):
    """Variables on a curve next to a place."""
    return border.between(*border.nearest(at))


class _AsStable:
    """A stand-in for the component of a state that is known to be stable."""

    stable = True

    def __init__(self, point):
        self.member, self.signal = point.member, point.member.signal


def _label(point):
    return "none" if point is None else point.member.label(point)
