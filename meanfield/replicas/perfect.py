"""The state in which a student agrees with its teacher, as a phase along a line."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from .boundary import perfect
from .search import Found
from .unknowns import Unknowns

__all__ = ["PerfectSegment", "perfect_segments"]

# Without load, where a range may begin, there is no teacher.
INSIDE = 1e-3


@dataclass(eq=False)
class PerfectSegment:
    """Perfect generalisation all along a line; it looks like a `Segment` without points."""

    line: object

    low, high, stable, signal = 0.0, 1.0, True, True
    bounds, ends, facts = (0.0, 1.0), ("edge", "edge"), ()

    def covers(self, t):
        return True

    def at(self, t):
        """The state at t: free energy and kind."""
        return self._known(min(max(float(t), INSIDE), 1 - INSIDE))

    @cached_property
    def _known(self):
        return lru_cache(maxsize=None)(lambda t: PerfectState(perfect(Found(Unknowns(self.line.system(t))))[0][0]))

    def free_energy(self, t):
        """The free energy at t, interpolated."""
        return float(np.interp(t, *self._sampled))

    @cached_property
    def _sampled(self):
        times = np.linspace(0.0, 1.0, 6)
        return times, [self.at(t).free_energy for t in times]


class PerfectState:
    """The free energy and the label of the state; it has no unknowns inside their domain."""

    def __init__(self, solution):
        self.free_energy, self.kind, self.unknowns = solution.free_energy, solution.kind, np.array([np.nan])


def perfect_segments(line):
    """The phase of perfect generalisation, if a student can agree with its teacher all along the line."""
    if not line.theory.teacher:
        return []
    found = [perfect(Found(Unknowns(line.system(t)))) for t in (0.01, 0.5, 0.99)]
    return [PerfectSegment(line)] if all(found) else []
