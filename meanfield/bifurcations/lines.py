"""The lines of a phase diagram: curves started at the transitions of sections, cut to where they bound phases."""

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np

from .coexistence import cusp_starts, stable_pair, tricritical_start
from .critical import critical_point
from .curves import Coexistence, Fold, Instability, Tracing, merging_point, trace
from .family import invariant_subspace, spectrum
from .sharp import sharpened, turning_points
from ..diagram.labels import distinct_labels
from ..transitions import Origin

__all__ = ["Line", "LineCutter", "LineFinder", "SpecialPoint", "distance"]

# A start closer than this to a known curve is on it.
KNOWN = 5e-3
# Free energies closer than this count as equal, eigenvalues above minus this as not negative.
EQUAL = 1e-11
MARGINAL = 1e-9
# Ends of lines closer than this, in units of the box, to a critical or tricritical point end there.
SNAP = 0.02
# A curve passes a special point closer than ON where its order parameters are this close to the state there.
ON, MEETING = 1e-3, 0.15


@dataclass(frozen=True, eq=False)
class Line:
    """A line between phases.

    Attributes
    ----------
    kind : "continuous", "first-order", "spinodal" or "tricritical" (one point)
    between : labels of the two phases; for a spinodal the phase that ends and the one that remains
    points : (k, 2) parameter values
    """

    kind: str
    between: tuple
    points: np.ndarray

    def as_dict(self):
        """One record of the JSON of `phase-diagram`."""
        return {"kind": self.kind, "between": list(self.between), "points": self.points.tolist()}

    def __repr__(self):
        (x0, y0), (x1, y1) = self.points[0], self.points[-1]
        span = f"at ({x0:.12g}, {y0:.12g})" if len(self.points) == 1 else f"({x0:.6g}, {y0:.6g}) to ({x1:.6g}, {y1:.6g}), {len(self.points)} points"
        return f"{self.kind}, {' | '.join(self.between)}: {span}"


@dataclass(frozen=True, eq=False)
class SpecialPoint:
    """A special point of lines.

    Attributes
    ----------
    kind : where lines end or meet "tricritical", "critical", "critical-end" (a continuous line ends on a first-order one), "triple"
        (three phases), "multicritical"; "turning" (a parameter has an extremum along a line)
    at : (2,) parameter values
    state : order parameters there, of one of the phases
    between : labels of two phases
    """

    kind: str
    at: np.ndarray
    state: np.ndarray
    between: tuple = ()

    def as_dict(self, names):
        """Plain values for JSON."""
        return {"kind": self.kind, "at": dict(zip(names, map(float, self.at))), "between": list(self.between)}


@dataclass(frozen=True, eq=False)
class _Curve:
    equations: object
    points: list

    def near(self, equations, start):
        """Whether a start of the same kind lies on this curve, with its solutions in either order."""
        if type(equations) is not type(self.equations):
            return False
        path = np.array([_place(self.equations, p.w) for p in self.points])
        return any(distance(path, _place(equations, start, order)) < KNOWN for order in (1, -1))


def _place(equations, w, order=1):
    """Solutions and parameters of unknowns, independent of the bases of subspaces."""
    return np.concatenate([*equations.states(w)[::order], w[-2:]])


def distance(path, point):
    """Distance of a point from a polyline, rows of `path`."""
    if len(path) == 1:
        return np.linalg.norm(path[0] - point)
    first, step = path[:-1], np.diff(path, axis=0)
    share = np.clip(((point - first) * step).sum(1) / np.maximum((step**2).sum(1), 1e-300), 0, 1)
    return np.linalg.norm(first + share[:, None] * step - point, axis=1).min()


class LineFinder:
    """Curves and special points of a Box of two parameters, collected from transitions."""

    def __init__(self, box, options=Tracing()):
        self.box, self.options = box, options
        self.curves, self.special, self.sharp, self.grown = [], [], [], 0

    def add(self, origin, values):
        """Trace the curve through a transition of this Origin at parameter values, unless it is known."""
        equations, start = self.start(origin, values)
        if equations is None or any(curve.near(equations, start) for curve in self.curves):
            return
        points = trace(equations, start, self.box.generic_symmetry, self.options)
        if len(points) > 1:
            self.curves.append(_Curve(equations, points))
            self.special += [p for p in self.ends(equations, points) if not self.known(p)]

    def grow(self):
        """Add first-order lines from the cusps and tricritical points of spinodals, those of curves added since the last call."""
        while self.grown < len(self.curves):
            curve = self.curves[self.grown]
            self.grown += 1
            if isinstance(curve.equations, Fold):
                for states, values in self.spinodal_starts(curve.equations, curve.points):
                    self.add(Origin("coexistence", tuple(states)), values)

    def spinodal_starts(self, equations, points):
        """Pairs of phases (states, values) near the special points of a spinodal."""
        yield from cusp_starts(self.box, equations, points)
        for inward in (points, points[::-1]):
            if inward[0].end == "merge":
                point, start = tricritical_start(self.box, equations, inward)
                if point and not self.known(special := SpecialPoint(*point)):
                    self.special.append(special)
                if start:
                    yield start

    def start(self, origin, values):
        """Equations and unknowns of the curve through a transition."""
        family = self.box.family
        states = [self.box.generic_symmetry.canonical(phi) for phi in origin.states]
        if origin.kind == "coexistence":
            bases = [invariant_subspace(family, phi) for phi in states]
            order = sorted(range(2), key=lambda k: (bases[k].shape[1], tuple(states[k])))
            equations = Coexistence(family, *(bases[k] for k in order))
            return equations, equations.start([states[k] for k in order], values)
        phi, = states
        basis = invariant_subspace(family, phi, tied=1e-5)
        if origin.kind == "instability" and basis.shape[1] == len(phi):
            return None, None
        equations = (Fold if origin.kind == "fold" else Instability)(family, basis)
        return equations, equations.start(phi, values)

    def ends(self, equations, points):
        """Special points at the ends of a curve where solutions merge."""
        for inward in (points, points[::-1]):
            if inward[0].end == "merge" and (point := self.end(equations, inward)):
                yield point

    def end(self, equations, inward):
        """The special point at the end of a curve, points from there inwards; None where it is not sharp."""
        (place, sound), states = merging_point(equations, inward, self.options), equations.states(inward[0].w)
        if len(states) == 2 and (sharp := critical_point(equations, self.joint(equations), states, place)):
            return SpecialPoint(*sharp)
        return SpecialPoint("multicritical", place, states[-1]) if sound else None

    def sharpen(self, k):
        """The k-th special point to all digits, where the equations for it are known."""
        point = self.special[k]
        if not any(point is p for p in self.sharp):
            found = sharpened(self.box.family, point.kind, point.at, [point.state])
            self.special[k] = point if found is None else replace(point, at=found[0], state=found[1])
            self.sharp.append(self.special[k])
        return self.special[k]

    @staticmethod
    def joint(equations):
        """Basis of the smallest invariant subspace that holds both solutions."""
        both = np.column_stack([equations.first, equations.second])
        vectors, values, _ = np.linalg.svd(both, full_matrices=False)
        return vectors[:, values > 1e-9]

    def known(self, point):
        """Whether a special point is known already; a sharper kind replaces a rough one."""
        for k, other in enumerate(self.special):
            if self.near(point.at, other.at, 1e-3):
                if other.kind == "multicritical" and point.kind != "multicritical":
                    self.special[k] = point
                return True
        return False

    def near(self, a, b, distance):
        return bool(np.abs(self.box.family.unit(a) - self.box.family.unit(b)).max() < distance)


class LineCutter:
    """Cuts curves into lines by what they are worth at each of their points."""

    def __init__(self, finder, grid, label):
        self.finder, self.box, self.grid, self.label = finder, finder.box, grid, label

    def lines(self):
        """All Lines: those of curves, and tricritical points as lines of one point."""
        found = self.sharpened(self.distinct([line for curve in self.finder.curves for line in self.cut(curve)]))
        return [*found, *(self.point_line(p, found) for p in self.kept(found) if p.kind == "tricritical")]

    def special_points(self, lines):
        """The special points of equilibrium, and where its lines and spinodals turn."""
        ends = self.critical_ends(lines)
        kept = [p for p in self.kept(lines) if not any(self.finder.near(p.at, e.at, 1e-3) for e in ends)] + ends
        return [*kept, *self.triple_points(lines, kept), *self.turning(lines)]

    def sharpened(self, lines):
        """Lines that end at the exact places of the special points that are kept."""
        kept = self.kept(lines)
        for k, rough in enumerate(list(self.finder.special)):
            if any(rough is p for p in kept):
                exact = self.finder.sharpen(k)
                lines = [replace(line, points=np.where((line.points == rough.at).all(axis=1, keepdims=True), exact.at, line.points))
                         for line in lines]
        return lines

    def kept(self, lines):
        """Special points without metastable ones and those where lines only seem to meet."""
        ends = [end for line in lines if line.kind in ("continuous", "first-order") for end in line.points[[0, -1]]]
        least = {"multicritical": 3, "critical": 1, "tricritical": 1}
        return [p for p in self.finder.special if sum(self.finder.near(p.at, e, 1e-3) for e in ends) >= least[p.kind]]

    def critical_ends(self, lines):
        """Ends of continuous lines on first-order ones, which go on."""
        found = []
        ends = [(line, place) for line in lines if line.kind == "first-order" for place in line.points[[0, -1]]]
        for place in (end for line in lines if line.kind == "continuous" for end in line.points[[0, -1]]):
            meeting = [line for line, end in ends if self.finder.near(place, end, 1e-3)]
            tricritical = any(p.kind == "tricritical" and self.finder.near(place, p.at, 1e-3) for p in self.finder.special)
            if len(meeting) == 2 and not tricritical and (states := self.coexisting_with_instability(place)):
                at, state = sharpened(self.box.family, "critical-end", place, states) or (place, states[0])
                found.append(SpecialPoint("critical-end", at, state, meeting[0].between))
        return found

    def coexisting_with_instability(self, place):
        """The symmetric state that loses its stability near a place and another state of its free energy, or None."""
        unit = self.box.family.unit(place)
        near = [(np.abs(p.w[-2:] - unit).max(), c.equations.states(p.w)[0]) for c in self.finder.curves
                if type(c.equations) is Instability for p in c.points]
        distance, symmetric = min(near, key=lambda pair: pair[0], default=(1.0, None))
        if distance > SNAP:
            return None
        free_energy = self.box.family.at(place).evaluate(symmetric).free_energy
        others = [(abs(f - free_energy), tuple(phi)) for f, phi in self.rivals(place) if np.abs(phi - symmetric).max() > MEETING]
        return [symmetric, np.array(min(others)[1])] if others else None

    def turning(self, lines):
        """Points at which a parameter has an extremum along a line."""
        found = []
        for curve in self.finder.curves:
            for w in turning_points(curve.equations, curve.points):
                at, kind = curve.equations.values(w), {"unstable": "spinodal"}.get(k := self.kind(curve.equations, w), k)
                near = [line for line in lines if line.kind == kind and self.passes(line, at)]
                if near and not any(self.finder.near(at, p.at, ON) for p in [*self.finder.special, *found]):
                    found.append(SpecialPoint("turning", at, curve.equations.states(w)[0], near[0].between))
        return found

    def passes(self, line, place):
        """Whether a place within the box is on a line."""
        unit = self.box.family.unit(place)
        return bool((np.abs(unit - 0.5) < 0.5 - ON).all() and distance(self.box.family.unit(line.points), unit) < ON)

    def triple_points(self, lines, others):
        """Points where three first-order lines end, with three phases in equilibrium."""
        first_order = [line for line in lines if line.kind == "first-order"]
        found = []
        for place in (end for line in first_order for end in line.points[[0, -1]]):
            meeting = [line for line in first_order if any(self.finder.near(place, e, 1e-6) for e in line.points[[0, -1]])]
            if len(meeting) == 3 and not any(self.finder.near(place, p.at, 1e-3) for p in [*others, *found]):
                states = [self.box.generic_symmetry.canonical(phi) for phi in self.lowest(place, 3)]
                at, state = sharpened(self.box.family, "triple", place, states) or (place, states[0])
                found.append(SpecialPoint("triple", at, state, meeting[0].between))
        return found

    def crossings(self):
        """Pairs of phases (states, values) where a curve stops being one of equilibrium because another phase takes over."""
        for curve in self.finder.curves:
            kinds = [self.kind(curve.equations, p.w) for p in curve.points]
            for k, (a, b) in enumerate(pairwise(kinds)):
                for inside, side in ((a, (k, k + 1)), (b, (k + 1, k))):
                    if inside in ("continuous", "first-order") and a != b:
                        yield from self.crossing(curve, inside, *(curve.points[i] for i in side))

    def crossing(self, curve, kind, inside, outside):
        """Pairs of the solutions on a curve and the lowest phases beyond the place where it stops being of its kind."""
        values = self.bisected(curve.equations, inside, outside, kind)
        rivals = sorted(self.rivals(curve.equations.values(outside.w)), key=lambda rival: rival[0])
        for phi in curve.equations.states(inside.w):
            for _, rival in rivals[:2]:
                if pair := stable_pair(self.box, (phi, rival), values):
                    yield pair, values
                    break

    def distinct(self, lines):
        """The lines without those that lie on longer ones of the same kind: transitions may be closer than the eye can tell."""
        kept = []
        for line in sorted(lines, key=lambda line: -len(line.points)):
            unit = self.box.family.unit(line.points)
            rivals = [self.box.family.unit(other.points) for other in kept if other.kind == line.kind]
            if not any(max(distance(rival, p) for p in unit) < KNOWN for rival in rivals):
                kept.append(line)
        return [line for line in lines if any(line is k for k in kept)]

    def cut(self, curve):
        kinds = [self.kind(curve.equations, p.w) for p in curve.points]
        passed = self.passages(curve)
        cuts = {0, *(k for k in range(1, len(kinds)) if kinds[k] != kinds[k - 1]), len(kinds), *passed}
        for a, b in pairwise(sorted(cuts)):
            if kinds[a] is not None:
                yield from self.line(curve, kinds, a, b, passed)

    def passages(self, curve):
        """{index: place} where a curve passes a special point: the phases at its sides are others beyond."""
        unit, found = np.array([p.w[-2:] for p in curve.points]), {}
        for special in self.finder.special:
            place = self.box.family.unit(special.at)
            gaps = np.abs(unit - place).max(1)
            k = int(gaps.argmin())
            if distance(unit, place) > ON:
                continue
            met = min(np.abs(phi - special.state).max() for phi in curve.equations.states(curve.points[k].w)) < MEETING
            if special.kind != "tricritical" and met and 1 < k < len(unit) - 1 and gaps[k] < SNAP:
                found[k] = special.at
        return found

    def line(self, curve, kinds, a, b, passed):
        """The Line of the points a..b-1 of a curve, with its ends made exact."""
        equations, points = curve.equations, curve.points
        body = [equations.values(p.w) for p in points[a:b]]
        first, start = ([passed[a]], True) if a in passed else self.exact_end(equations, points, kinds, a, -1)
        last, end = ([passed[b]], True) if b in passed else self.exact_end(equations, points, kinds, b - 1, +1)
        places = np.array([*first, *body, *last])
        kind = kinds[a]
        if kind == "unstable":
            kind = "spinodal" if self.subcritical(equations, points[(a + b - 1) // 2]) else None
        if kind is None or len(places) < 2 or np.ptp(self.box.family.unit(places), axis=0).max() < 2e-3:
            return
        between = self.between(equations, kind, points[(a + b - 1) // 2])
        yield Line(kind, between, self.snapped(places, (start, end)))

    def exact_end(self, equations, points, kinds, k, side):
        """([] or [values] of the exact end of a run of points beyond its k-th, whether it is exact)."""
        other = k + side
        if 0 <= other < len(points) and kinds[other] != kinds[k]:
            return [self.bisected(equations, points[k], points[other], kinds[k])], True
        if not 0 <= other < len(points) and points[k].end == "merge":
            place, sound = merging_point(equations, points[k:] if side < 0 else points[k::-1])
            return [place], sound
        return [], points[k].end != "lost"

    def bisected(self, equations, inside, outside, kind):
        """The place between two points at which a curve stops being of its kind."""
        low, high = 0.0, 1.0
        place = equations.values(inside.w)
        for _ in range(45):
            middle = (low + high) / 2
            w = equations.between(inside, outside, middle)
            if w is not None and self.kind(equations, w) == kind:
                low, place = middle, equations.values(w)
            else:
                high = middle
        return place

    def snapped(self, places, exact):
        """Places whose ends are moved onto a special point, very close by where the end is exact, and points beyond it dropped."""
        snap = min(SNAP, 0.3 * np.ptp(self.box.family.unit(places), axis=0).max())
        for side in (0, -1):
            reach = {p: 1e-3 if p.kind == "multicritical" or exact[side] else snap for p in self.finder.special}
            near = [p for p in self.finder.special if self.finder.near(places[side], p.at, reach[p])]
            if near:
                keep = np.abs(self.box.family.unit(places) - self.box.family.unit(near[0].at)).max(1) > reach[near[0]] / 4
                places = places[keep]
                places = np.vstack([near[0].at, places] if side == 0 else [places, near[0].at])
        return places

    def kind(self, equations, w):
        """"continuous", "first-order", "spinodal", "unstable" (instability of a metastable phase) or None."""
        values = equations.values(w)
        system, states = self.box.family.at(values), equations.states(w)
        evaluations = [self.box.family.probe(values).evaluate(phi) for phi in states]
        lowest = [spectrum(e, np.eye(len(phi))) for e, phi in zip(evaluations, states)]
        if min(s[0] for s in lowest) < -MARGINAL:
            return None
        if isinstance(equations, Fold):
            return "spinodal"
        free_energy = system.evaluate(states[0]).free_energy
        lower = any(f < free_energy - EQUAL for f in self.competitors(values))
        if isinstance(equations, Instability):
            return "unstable" if lower else "continuous"
        return None if lower else "first-order"

    def competitors(self, values):
        """Free energies of the solutions that the states known nearby lead to."""
        return (free_energy for free_energy, _ in self.rivals(values))

    def rivals(self, values):
        """(free energy, order parameters) of the solutions that the states known nearby lead to."""
        system = self.box.family.at(values)
        for phi in self.nearby(self.box.family.unit(values)):
            solution, status, _ = system.newton(phi)
            if status == 0:
                yield system.evaluate(solution).free_energy, self.box.generic_symmetry.canonical(solution)

    def nearby(self, unit):
        """States known around a place: those of the grid, then those of first-order lines that pass."""
        yield from self.grid.near(unit)
        for equations, places, points in self.coexisting:
            distance = np.abs(places - unit).max(1)
            k = int(distance.argmin())
            if distance[k] < SNAP:
                yield from equations.states(points[k].w)

    @cached_property
    def coexisting(self):
        """(equations, unit places, points) of the curves of two phases."""
        curves = [c for c in self.finder.curves if isinstance(c.equations, Coexistence)]
        return [(c.equations, np.array([p.w[-2:] for p in c.points]), c.points) for c in curves]

    def subcritical(self, equations, point):
        """Whether nothing stable is left close to a solution just beyond its instability."""
        phi, = equations.states(point.w)
        for values in self.sides(equations, point, 0.01):
            state = _relaxed(self.box.family.at(values), phi + 0.01 * self.soft(equations, point))
            if np.abs(self.box.generic_symmetry.canonical(state) - self.box.generic_symmetry.canonical(phi)).max() > 0.25:
                return True
        return False

    def soft(self, equations, point):
        """A unit vector along which the solution of an instability is lost."""
        phi, = equations.states(point.w)
        evaluation = self.box.family.probe(equations.values(point.w)).evaluate(phi)
        vector = np.linalg.svd(np.eye(len(phi)) + evaluation.response @ evaluation.curvature)[2][-1]
        return vector

    def sides(self, equations, point, distance):
        """Parameter values on both sides of a curve, the smaller second (else first) parameter first."""
        tangent = point.tangent[-2:] / max(np.linalg.norm(point.tangent[-2:]), 1e-12)
        normal = np.array([-tangent[1], tangent[0]])
        normal = normal * (np.sign(normal[1]) or np.sign(normal[0]) or 1)
        if abs(normal[1]) < 1e-6:
            normal = np.abs(normal)
        return [self.box.family.values(np.clip(point.w[-2:] + s * distance * normal, 0, 1)) for s in (-1, 1)]

    def between(self, equations, kind, point):
        """Labels of the phases that a line separates."""
        states = equations.states(point.w)
        places = self.sides(equations, point, 0.01)
        if kind == "first-order":
            system = self.box.family.at(places[0])
            energies = [system.evaluate(system.newton(phi)[0]).free_energy for phi in states]
            return self.labels(*(states if energies[0] <= energies[1] else states[::-1]))
        sides = [self.equilibrium(place) for place in places]
        if kind == "spinodal":
            remaining = max(sides, key=lambda phi: np.abs(phi - states[0]).max())
            return self.labels(states[0], remaining)
        return self.labels(*sides)

    def labels(self, first, second):
        """Labels of two phases, told apart where they have the same."""
        labels = self.label(first), self.label(second)
        if labels[0] != labels[1]:
            return labels
        return distinct_labels(self.box.names, *zip(labels, (first, second)))

    def equilibrium(self, values):
        """The state of lowest free energy at a place, from the grid's states around it."""
        found = [(free_energy, tuple(phi)) for free_energy, phi in self.rivals(values)]
        return np.array(min(found)[1]) if found else np.full(len(self.box.names), np.nan)

    def lowest(self, values, count):
        """The states of lowest free energy at a place, each once."""
        found = []
        for _, phi in sorted(self.rivals(values), key=lambda rival: rival[0]):
            if not any(np.abs(phi - other).max() < ON for other in found):
                found.append(phi)
        return found[:count]

    def point_line(self, special, lines):
        """A tricritical point as a line of one point, between the phases of the line that ends there."""
        ends = [line for line in lines if any(self.finder.near(line.points[k], special.at, 1e-6) for k in (0, -1))]
        ends.sort(key=lambda line: line.kind != "continuous")
        return Line("tricritical", ends[0].between if ends else (), special.at[None, :])


def _relaxed(system, phi, steps=4000):
    """The state that iterating phi -> <g> leads to, or comes close to."""
    for _ in range(steps):
        residual = system.residual(phi)[0]
        if np.abs(residual).max() < 1e-9:
            break
        phi = phi - residual
    return phi
