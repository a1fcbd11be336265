"""Curves of a plane for any replica theory: its equations and one condition, followed with difference Jacobians."""

from functools import cached_property

import numpy as np
from scipy.interpolate import BarycentricInterpolator

from theory.errors import InputError

from .curves import Node, Stepping, correct, follow, node
from .limits import _load, _spread, _variance

__all__ = ["GeneralBorder", "nearest", "trace_general"]

STEPPING = Stepping(atol=1e-8, first=0.02, largest=0.08, smallest=1e-4, turn=0.93, steps=60)
ASIDE = 3e-3
# Newton's method onto a curve from its start: rounds, and how far it may lead, in units of the box.
ROUNDS = 12
FAR = 0.12
# A curve whose response falls below the first ends where it vanishes; from how many nodes that place is extrapolated.
COLLAPSED, NODES = 1e-3, 5
# Steps of the overlaps: smaller ones are good to few digits; a curve that ends at one below the second ends where it closes.
CLOSING = (0.02, 0.1)
APART = 1.25
# A start closer than this to a curve of its kind, in units of the box, is on it.
CLOSE = 0.02


def _apart(x, least):
    """Indices of the first values that grow by a factor from one to the next, from `least` on."""
    chosen = []
    for i in range(len(x)):
        if x[i] >= least and (not chosen or x[i] > APART * x[chosen[-1]]):
            chosen.append(i)
    return chosen[:NODES]


def _to_zero(x, places):
    """Places at x = 0 by the polynomial through those at x; shapes (n,) and (n, 2)."""
    return BarycentricInterpolator(x, places)(0.0)


class Condition:
    """The equations of a member and what vanishes on a curve, in z = (free unknowns of the states, x, y in units of the box)."""

    def __init__(self, area, kind, members, block):
        self.area, self.kind, self.members, self.block = area, kind, members, block
        self.sizes = [0 if kind == "capacity" else len(m.sector.free) for m in members]

    def split(self, z):
        """([free unknowns], (x, y))."""
        values = self.area.low + z[-2:] * (self.area.high - self.area.low)
        values = np.where(np.abs(values) < 1e-15, 0.0, values)
        parts = np.split(z[:-2], np.cumsum(self.sizes)[:-1])
        return parts, tuple(map(float, values))

    def __call__(self, z):
        parts, values = self.split(np.asarray(z, dtype=float))
        try:
            # Points outside the domain are met on the way.
            with np.errstate(all="ignore"):
                found = [m.residual(w, values) for m, w in zip(self.members, parts)] if self.kind != "capacity" else []
                return np.append(np.concatenate(found) if found else [], self.condition(parts, values))
        except (ValueError, ZeroDivisionError, OverflowError, np.linalg.LinAlgError, InputError):
            return np.full(len(z) - 1, np.nan)

    def condition(self, parts, values):
        member, w = self.members[0], parts[0] if parts else None
        if self.kind == "capacity":
            line, t = member.line(values)
            return _load(line, t) * _spread(line, t) - _variance(line)
        if self.kind in ("fold", "dynamic"):
            return np.linalg.det(member.slopes(w, values))
        if self.kind == "instability":
            return member.transversal(w, values, self.block)
        if self.kind == "equal_free_energies":
            return member.quantity(w, values, "free_energy") - self.members[1].quantity(parts[1], values, "free_energy")
        if self.kind == "static":
            return 1 - member.largest_block(w, values)
        return member.quantity(w, values, {"replicon": "replicon", "zero_entropy": "entropy"}[self.kind])


def nearest(area, places, place):
    """(i, share): where the polyline of a curve is closest to a place."""
    unit, target = area.unit(places), area.unit(place)
    first, step = unit[:-1], np.diff(unit, axis=0)
    share = np.clip(((target - first) * step).sum(1) / np.maximum((step**2).sum(1), 1e-300), 0, 1)
    i = int(np.abs(first + share[:, None] * step - target).max(1).argmin())
    return i, float(share[i])


class GeneralBorder:
    """A curve of the plane; the same interface as a `Border`.

    Attributes
    ----------
    kind, members, block : as of a `Border`
    path : (n, d) free unknowns and (x, y)
    places : (n, 2)
    """

    def __init__(self, area, condition, path):
        self.area, self.condition = area, condition
        self.kind, self.members, self.block = condition.kind, condition.members, condition.block
        self.path, self.places = path, path[:, -2:]

    def __len__(self):
        return len(self.path)

    @cached_property
    def limits(self):
        """Places where a curve ends on the border of its domain: no response of constrained weights, or no step is left."""
        if self.kind == "capacity" or len(self) < NODES:
            return ()
        found = []
        for path in (self.path, self.path[::-1]):
            x, least, most = self._vanishing(path)
            chosen = _apart(x, least) if len(x) and x[0] < most else []
            if len(chosen) == NODES:
                found.append(_to_zero(x[chosen], path[chosen, -2:]))
        return tuple(found)

    def _vanishing(self, path):
        """What vanishes towards the first point of a path, as places depend on it, and between which values it tells where."""
        member = self.members[0]
        if member.theory.channel is not None:
            C = path[:, list(member.sector.free).index(member.names.index(str(member.theory.overlaps[0].C)))]
            return np.sqrt(C), 0.0, COLLAPSED**0.5
        if self.kind not in ("static", "dynamic"):
            return np.array([]), 0.0, 0.0
        return np.array([self.step(z) for z in path]), *CLOSING

    def variables(self, i):
        return self.path[i]

    def values(self, z):
        return tuple(map(float, z[-2:]))

    def unknowns(self, z, which=0):
        parts, values = self.condition.split(self._unit(z))
        member = self.members[which]
        if self.kind == "capacity":
            return np.zeros(member.sector.size)
        return member.sector.lift(parts[which], self.area.system(member.steps, values))

    def states(self, z):
        return [m.evaluate(self.unknowns(z, i), self.values(z)) for i, m in enumerate(self.members)]

    def step(self, z):
        """The largest difference of successive overlaps."""
        levels = self.members[0].unknowns(self.values(z)).levels(self.unknowns(z))
        return max(float(np.diff(q).max(initial=0.0)) for q, _ in levels)

    def aside(self, z):
        """The states on both sides of a fold."""
        member, u = self.members[0], self.unknowns(z)
        slopes = member.slopes(member.sector.restrict(u), self.values(z))
        null = np.zeros(len(u))
        null[list(member.sector.free)] = np.linalg.svd(slopes)[2][-1]
        return [member.evaluate(u + s * ASIDE * null * (1 + np.abs(u)), self.values(z)) for s in (-1, 1)]

    def direction(self, z):
        """Tangent of the curve in the plane, from the points next to z."""
        unit = self.area.unit(self.places)
        k = int(np.abs(unit - self.area.unit(self.values(z))).max(1).argmin())
        a, b = max(k - 1, 0), min(k + 1, len(unit) - 1)
        return (unit[b] - unit[a]) * (self.area.high - self.area.low)

    def between(self, i, share):
        return self.chord(self.path[i], self.path[i + 1], share)

    def chord(self, a, b, share):
        """Variables on the curve across the chord of two neighbouring points; None where Newton's method fails."""
        first, second = self._unit(a), self._unit(b)
        start = node(self.condition, first, np.append(second - first, ())[:] if len(first) else None)
        if start is None:
            return None
        z = correct(self.condition, start, first + share * (second - first), STEPPING.atol)
        return None if z is None else self._plain(z)

    def nearest(self, place):
        """(i, share): where the polyline of the curve is closest to a place."""
        return nearest(self.area, self.places, place)

    def landed(self, k, value, place):
        """The place on the curve, near another, where the k-th parameter has a value; None where Newton's method fails."""
        i = int(np.abs(self.area.unit(self.places) - self.area.unit(place)).max(1).argmin())
        z = self._unit(self.path[i])
        z[-2:] = self.area.unit(place)
        found = _held(self.condition, z, len(z) - 2 + k)
        return None if found is None else self._plain(found)[-2:]

    def _unit(self, z):
        return np.append(z[:-2], self.area.unit(z[-2:]))

    def _plain(self, z):
        return np.append(z[:-2], self.area.low + z[-2:] * (self.area.high - self.area.low))

    def explains(self, kind, members, block):
        """Whether this is a curve of a kind of transitions of some members."""
        from .borders import system_of

        return sorted(map(id, members)) == sorted(map(id, self.members)) and self.kind == system_of(kind, members[0]) and block in ("", "free", self.block)

    def near(self, kind, states, values):
        """Whether a start of the same kind is close to this curve in the plane."""
        if kind != self.kind or sorted(map(id, (m for m, _ in states))) != sorted(map(id, self.members)):
            return False
        i, share = self.nearest(values)
        unit = self.area.unit(self.places)
        return bool(np.abs(unit[i] + share * (unit[i + 1] - unit[i]) - self.area.unit(values)).max() < CLOSE)


def trace_general(area, kind, members, block, states, values):
    """The GeneralBorder through a start.

    Raises
    ------
    InputError where no point of the curve is found near the start
    """
    condition = Condition(area, kind, members, block)
    start = np.concatenate([*(m.sector.restrict(u) for (m, u), n in zip(states, condition.sizes) if n), area.unit(values)])
    z = _onto(condition, start)
    if z is None:
        raise InputError(f"no point of the curve {kind} was found near the start")
    outside = lambda p: not 0 <= p.z[-2] <= 1
    path = follow(condition, z, STEPPING, outside)
    if path is None or len(path.nodes) < 2:
        raise InputError(f"the curve {kind} could not be followed")
    nodes = list(path.nodes)
    for side in (0, -1):
        if outside(nodes[side]):
            beyond, last = nodes[side], nodes[1 if side == 0 else -2]
            edge = 0.0 if beyond.z[-2] < 0 else 1.0
            found = _at_edge(condition, last.z, beyond.z, edge)
            nodes[side:side + 1 or None] = [Node(found, None, None, None)] if found is not None else []
    points = np.array([p.z for p in nodes])
    points[:, -2:] = area.low + np.clip(points[:, -2:], 0, 1) * (area.high - area.low)
    return GeneralBorder(area, condition, points)


def _at_edge(condition, last, beyond, edge):
    """The point between two neighbours where x has a value; None where Newton's method fails."""
    z = last + (edge - last[-2]) / (beyond[-2] - last[-2]) * (beyond - last)
    z[-2] = edge
    return _held(condition, z, len(z) - 2)


def _held(condition, z, position):
    """The point of a curve near z with one of its variables held; None where Newton's method fails."""
    z, free = np.array(z), [i for i in range(len(z)) if i != position]
    for _ in range(ROUNDS):
        there = node(condition, z)
        if there is None:
            return None
        step = np.linalg.lstsq(there.slopes[:, free], -condition(z), rcond=None)[0]
        z[free] += step
        if np.abs(step).max() < 1e-11:
            break
    return z if np.abs(condition(z)).max() < 1e-7 else None


def _onto(condition, z):
    """The point of a curve close to z by Gauss and Newton's method with smallest steps; None where it fails."""
    origin, z = z, np.array(z, dtype=float)
    for _ in range(ROUNDS):
        F, there = condition(z), node(condition, z)
        if there is None or not np.isfinite(F).all():
            return None
        step = np.linalg.lstsq(there.slopes * there.scale, -F, rcond=None)[0] * there.scale
        step *= min(1.0, 0.3 / max(np.abs(step / there.scale).max(), 1e-300))
        z = z + step
        if np.abs(z[-2:] - origin[-2:]).max() > FAR:
            return None
        if np.abs(step / there.scale).max() < 1e-9:
            break
    return z if np.abs(condition(z)).max() < 1e-7 else None
