"""The fixed points found so far, one of each symmetry orbit."""

from collections import Counter

import numpy as np

from ..kernels import drivers
from .cooling import limit_of_solutions
from .fixed_points import FAILURES, FixedPoint, polished, tied
from ..results import Status

__all__ = ["Pool"]

# Solutions farther apart than this are distinct; nearer ones if the map is not the identity between them.
APART = 1e-3
SAME = 1e-9
# An extrapolated limit nearer than this to a fixed point is the same.
LIMIT_SAME = 1e-6


class Pool:
    """Collects fixed points up to symmetry, and counts the starts that led to none.

    Attributes
    ----------
    found : list of FixedPoint
    failures : {status message: number of starts}
    resolved : whether every scan of a line was conclusive
    coalesced : whether different solutions have the same limit T -> 0
    """

    def __init__(self, reduction, atol):
        self.system, self.reduction, self.atol = reduction.system, reduction, atol
        self.found, self.failures = [], Counter()
        self.resolved, self.coalesced = True, False

    def offer(self, phi):
        """Newton's method from a start; the result is kept if it is new."""
        self.keep(*polished(self.system, phi, self.atol))

    def offer_all(self, starts):
        """Newton's method from many starts; new results are kept."""
        batch = self.system.newton_all(np.asarray(starts, dtype=float))
        good = (batch.status == drivers.CONVERGED) & (batch.residual <= self.atol)
        self.failures.update(str(FAILURES.get(code, Status.STALLED)) for code in batch.status[~good])
        ends = self.reduction.symmetry.canonical(batch.phi[good])
        for i in np.unique(np.round(ends, 8), axis=0, return_index=True)[1]:
            if self._distance(ends[i])[1] > SAME:
                self.offer(ends[i])

    def keep(self, phi, status, residual=None, judged=None):
        """Keep a fixed point if it is new; count it as a failure if it is none."""
        if not status.converged:
            self.failures[str(status)] += 1
            return
        phi = self._tidied(self.reduction.symmetry.canonical(phi))
        if any(self._same(phi, other.phi) for other in self.found):
            return
        if self.system.T == 0 and judged is None:
            judged = limit_of_solutions(self.reduction.probe, phi, self.reduction.field_scale)
            if judged is None:
                self.failures[str(Status.EDGE)] += 1
                return
        self.found.append(FixedPoint.at(self.reduction, phi, status, residual, judged))

    def keep_limit(self, phi, status, residual, judged):
        """Keep a limit T -> 0 if it is new; returns its position among the fixed points."""
        position, distance = self._distance(self.reduction.symmetry.canonical(phi))
        if distance < LIMIT_SAME:
            return position
        self.keep(phi, status, residual, judged)
        return len(self.found) - 1

    def index_sum(self):
        """Sum over all states of the index, None if it is not defined."""
        if not self.reduction.measure.bounded or self.coalesced or any(f.index == 0 for f in self.found):
            return None
        return sum(self.reduction.symmetry.orbit_size(f.phi) * f.index for f in self.found)

    def _distance(self, phi):
        """Position of the nearest fixed point found, and its distance."""
        distances = [np.abs(f.phi - phi).max() for f in self.found]
        return (int(np.argmin(distances)), min(distances)) if distances else (-1, np.inf)

    def _tidied(self, phi):
        """phi with values that agree to rounding made equal, if that does not raise the residual."""
        tidy = tied(phi)
        before, after = (np.abs(self.system.residual(x)[0]).max() for x in (phi, tidy))
        return tidy if after <= max(before, self.atol) else phi

    def _same(self, a, b):
        distance = np.abs(a - b).max()
        if distance <= SAME or distance >= APART:
            return distance <= SAME
        return np.abs(self.system.residual((a + b) / 2)[0]).max() <= self.atol
