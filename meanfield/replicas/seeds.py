"""Starting points of branches: the solutions at a parameter point, and those of a fixed block parameter x = 1."""

import numpy as np
from scipy.optimize import brentq

from .breaking import _levels as levels_of
from .breaking import carried
from .line import BORDER
from .search import replica_symmetric
from .unknowns import Unknowns

__all__ = ["Seeds", "marginal"]

# Overlaps at which the one equation of q_1 is evaluated, as shares of the way from q_0 to q_d.
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


def marginal(line, before, u, t):
    """Solutions with x = 1 and a higher inner overlap than that of a replica symmetric solution u, to which they do not react.

    Parameters
    ----------
    line : Line of the theory with x = 1
    before : Unknowns of the replica symmetric theory at t
    """
    unknowns, (q, total) = line.unknowns(t), before.levels(u)[0]
    if len(unknowns.overlaps) > 1 or not unknowns.overlaps[0].fixed or unknowns.system.T == 0:
        return []
    o, = unknowns.overlaps
    v = carried(before, u, unknowns)
    v[o.q[0]] = q[-1]
    at = lambda C: np.where(np.arange(len(v)) == o.C, C, v)
    F = lambda C: unknowns.system.residual(at(C))[o.C]
    grid = (total - q[-1]) * (1 - OVERLAPS) / unknowns.system.T
    values = [F(C) for C in grid]
    return [at(brentq(F, a, b, xtol=1e-15, rtol=1e-14)) for a, b, Fa, Fb in zip(grid, grid[1:], values, values[1:])
            if np.isfinite(Fa) and np.isfinite(Fb) and Fa * Fb < 0]
