"""Starting points of branches: the solutions at a parameter point, and those of a fixed block parameter x = 1."""

import numpy as np
from scipy.optimize import brentq

from .breaking import _levels as levels_of
from .line import BORDER
from .search import replica_symmetric
from .unknowns import Unknowns

__all__ = ["Seeds", "scanned"]

# Overlaps at which the one equation of q_1 is evaluated, as shares of q_d.
OVERLAPS = np.concatenate([np.linspace(0.02, 0.9, 23), 1 - np.geomspace(0.09, 1e-8, 20)])


class Seeds:
    """Solutions of a theory and of its replica symmetric relative at points of a line.

    Parameters
    ----------
    lines : {steps: Line}
    """

    def __init__(self, lines):
        self.lines, self.known = lines, {}

    def at(self, steps, t):
        """Solutions with so many open steps: arrays of all unknowns."""
        most = max(self.lines)
        if t not in self.known:
            self.known[t] = self._found(most, t)
        return self.known[t].get(steps, [])

    def _found(self, most, t):
        if not most:
            return {0: _inside(replica_symmetric(self.lines[0].system(t)))}
        system_with = lambda k: self.lines[k].system(t)
        return {k: found.points for k, (found, _) in enumerate(levels_of(system_with, Unknowns(system_with(most))))}


def _inside(found):
    """The points found off the border C = 0 of constrained weights, on the Nishimori line of a matched teacher."""
    unknowns = found.unknowns
    if unknowns.system.theory.channel is None:
        return found.points
    o, = unknowns.overlaps
    points = [u for u in found.points if u[o.C] > BORDER]
    if not unknowns.system.theory.matched:
        return points
    return [u for u in points if abs(u[unknowns.teacher[0]] + u[o.C] - unknowns.diagonal(o)) < 1e-6]


def scanned(line, sector, t):
    """Solutions of a sector with one free unknown, the response, of one overlap with fixed q_d: every change of sign."""
    o, = line.theory.overlaps
    system, curve = line.system(t), line.curve(sector)
    if len(sector.free) != 1 or o.diagonal is None or system.T == 0:
        return []
    total = float(o.diagonal)
    grid = total * (1 - OVERLAPS) / system.T
    F = lambda C: curve(np.array([C, t]))[0]
    values = [F(C) for C in grid]
    found = []
    for a, b, Fa, Fb in zip(grid, grid[1:], values, values[1:]):
        if np.isfinite(Fa) and np.isfinite(Fb) and Fa * Fb < 0:
            found.append(np.array([brentq(F, a, b, xtol=1e-15, rtol=1e-14)]))
    return found
