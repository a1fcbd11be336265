"""The solutions of a replica theory on a grid of two parameters: known ones spread to neighbouring points until nothing new is found."""

from collections import Counter, deque
from dataclasses import dataclass, field

import numpy as np

from .valleys import free_squares, highest_of_valleys

__all__ = ["Component", "Spread", "equilibrium"]

SAME = 1e-6
# Which points of a component are asked whether they are stable, as shares of the list.
VOTES = (0.5, 0.25, 0.75)
# How far a solution may be from that at a grid point next to it to belong to the same component.
CLOSE = 0.08


@dataclass(eq=False)
class Component:
    """Connected solutions of one member whose Jacobian's blocks keep their signs; they share their stability."""

    member: object
    signs: tuple
    points: list = field(default_factory=list)
    stable: bool = False

    @property
    def signal(self):
        return self.member.signal

    def judge(self):
        """Decide on stability by the points farthest from where a block is singular, which are in the middle of the list."""
        chosen = [self.points[round(share * (len(self.points) - 1))] for share in VOTES]
        vote = lambda asked: Counter(map(asked, chosen)).most_common(1)[0][0]
        self.stable = vote(self.member.stable) and (any(map(self.member.valid, self.points)) or vote(self.member.lasting))


def equilibrium(states):
    """The equilibrium among (Component, Point) at one place: as `solve` decides, or None.

    Over overlaps the free energy is maximal: of the stable states without a spontaneous signal the highest counts. Over signals, and
    over mean squares that are free, it is minimal: the equilibrium is the lowest of those states and of the stable ones with a signal.
    """
    pool = _unbroken([s for s in states if s[0].stable] or list(states))
    silent = [s for s in pool if not s[0].signal]
    candidates = [s for s in pool if s[0].signal] + highest_of_valleys(silent, _energy, _squares)
    return min(candidates, key=_energy, default=None)


def _unbroken(states):
    """The states without replica symmetric ones that breaking makes unstable, where the ansatz breaks the symmetry of others."""
    if not any(c.member.steps for c, _ in states):
        return states
    return [s for s in states if s[0].member.steps or s[1].replicon > 0]


def _squares(state):
    point = state[1]
    return free_squares(point.member.theory, point.u, point.member.area.parameters(point.values).get("T", 1.0))


def _energy(state):
    return state[1].free_energy


class Spread:
    """Solutions on a grid.

    Attributes
    ----------
    x, y : values
    cells : {(i, j): [(Component, Point), ...]}
    components : list of Component
    """

    def __init__(self, area, x, y):
        self.area, self.x, self.y = area, x, y
        self.cells = {(i, j): [] for i in range(len(x)) for j in range(len(y))}
        self.components = []

    def nearest(self, values):
        """The grid point closest to a place."""
        unit = self.area.unit(values)
        return tuple(int(round(np.clip(v, 0, 1) * (n - 1))) for v, n in zip(unit, (len(self.x), len(self.y))))

    def values(self, cell):
        return float(self.x[cell[0]]), float(self.y[cell[1]])

    def add(self, member, u, values):
        """Spread a solution from a place; nothing happens where it is known."""
        cell = self.nearest(values)
        point = member.solve(u, self.values(cell))
        if point is not None and not self._known(cell, point):
            self._flood(cell, point)

    def judge(self):
        """Decide which components are stable."""
        for c in self.components:
            if c.points and not c.stable:
                c.judge()

    def _known(self, cell, point):
        return any(c.member is point.member and np.abs(p.u - point.u).max(initial=0.0) < SAME * (1 + np.abs(point.u).max(initial=0.0))
                   for c, p in self.cells[cell])

    def _flood(self, cell, point):
        """Spread a solution to all that are connected with it; where signs change another component begins."""
        starts = [(cell, point)]
        while starts:
            cell, point = starts.pop()
            if self._known(cell, point):
                continue
            component = Component(point.member, point.signs)
            self.components.append(component)
            self._keep(cell, component, point)
            front = deque([(cell, point, None)])
            while front:
                cell, point, previous = front.popleft()
                for other in self._neighbours(cell):
                    if any(c is component for c, _ in self.cells[other]):
                        continue
                    found = point.member.solve(self._predicted(cell, other, component, point), self.values(other))
                    if found is None or self._known(other, found):
                        continue
                    if found.signs == component.signs:
                        self._keep(other, component, found)
                        front.append((other, found, cell))
                    else:
                        starts.append((other, found))

    def _predicted(self, cell, other, component, point):
        """The solution at a neighbouring point by extrapolation."""
        behind = (2 * cell[0] - other[0], 2 * cell[1] - other[1])
        for c, p in self.cells.get(behind, ()):
            if c is component:
                return 2 * point.u - p.u
        return point.u

    def _keep(self, cell, component, point):
        component.points.append(point)
        self.cells[cell].append((component, point))

    def _neighbours(self, cell):
        i, j = cell
        near = [(i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)]
        return [c for c in near if c in self.cells]

    def around(self, values):
        """[(Component, Point)] on the corners of the cell that holds a place, the nearest corner first."""
        unit = self.area.unit(values)
        shape = (len(self.x), len(self.y))
        at = np.clip(unit, 0, 1) * (np.array(shape) - 1)
        corner = np.clip(np.floor(at).astype(int), 0, np.maximum(np.array(shape) - 2, 0))
        cells = sorted(((corner[0] + a, corner[1] + b) for a in (0, 1) for b in (0, 1)),
                       key=lambda c: float(np.abs(np.array(c) - at).sum()))
        return [s for c in cells for s in self.cells.get((int(c[0]), int(c[1])), [])]

    def states(self, values):
        """[(Component, Point)] at any place, solved for from the grid points around it."""
        found, done = [], set()
        for c, p in self.around(values):
            if id(c) in done:
                continue
            point = p.member.solve(p.u, values) or (self._walked(p, values) if hasattr(p.member, "kernel") else None)
            if point is not None:
                done.add(id(c))
            if point is None or any(o.member is p.member and np.abs(o.u - point.u).max(initial=0.0) < 1e-5 for _, o in found):
                continue
            found.append((self.component(point) or (c if c.signs == point.signs else self._alone(point)), point))
        return found

    @staticmethod
    def _alone(point):
        """The component of a solution that no point of the grid is connected with."""
        component = Component(point.member, point.signs, [point])
        component.judge()
        return component

    @staticmethod
    def _walked(point, values, pieces=8):
        """The solution at a place by small steps from another; None where it is lost."""
        start, end = np.array(point.values), np.array(values)
        for share in np.linspace(0, 1, pieces + 1)[1:]:
            point = point.member.solve(point.u, tuple(start + share * (end - start)))
            if point is None:
                return None
        return point

    def component(self, point):
        """The component that a solution anywhere belongs to: the closest around it with its signs; None where there is none."""
        near = [(np.abs((p.u - point.u) / (1 + np.abs(p.u))).max(initial=0.0), c) for c, p in self.around(point.values)
                if c.member is point.member and c.signs == point.signs]
        distance, component = min(near, key=lambda n: n[0], default=(np.inf, None))
        return component if distance < CLOSE else None
