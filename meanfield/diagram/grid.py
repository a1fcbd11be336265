"""The stable states on a grid of two parameters: known states spread to neighbouring points until nothing new is found."""

from dataclasses import dataclass

import numpy as np

from ..bifurcations.family import PROBE_TEMPERATURE

__all__ = ["Grid", "scan"]

SAME = 1e-6
BATCH = 20_000
OFFERS = 2


@dataclass(frozen=True, eq=False)
class Grid:
    """Stable states at every point of a grid.

    Attributes
    ----------
    x, y : parameter values, shapes (nx,), (ny,)
    order_parameters : (nx, ny, k, n), by ascending free energy; NaN beyond the number found
    free_energy, entropy : (nx, ny, k) per site
    count : (nx, ny) number of stable states, one for each symmetry orbit; 0 marks a failed point
    """

    x: np.ndarray
    y: np.ndarray
    order_parameters: np.ndarray
    free_energy: np.ndarray
    entropy: np.ndarray
    count: np.ndarray

    def near(self, unit):
        """Stable states at the grid points around a place in unit coordinates, arrays of shape (n,)."""
        shape = self.count.shape
        corner = [int(np.clip(np.floor(u * (n - 1)), 0, max(n - 2, 0))) for u, n in zip(unit, shape)]
        block = tuple(slice(c, c + 2) for c in corner)
        states = self.order_parameters[block].reshape(-1, self.order_parameters.shape[-1])
        return [phi for phi in states if np.isfinite(phi).all()]


@dataclass(frozen=True, eq=False)
class _State:
    phi: np.ndarray
    free_energy: float
    entropy: float
    sheet: int


def scan(box, seeds, progress=None):
    """The Grid of a Box of two parameters.

    Parameters
    ----------
    seeds : [(values (2,), order parameters (n,))] of stable states anywhere in the box
    progress : called with the number of grid points that have a state, and of all
    """
    spread = _Spread(box, *(r.values for r in box.ranges))
    offers = [(spread.nearest(values), k, phi) for k, (values, phi) in enumerate(seeds)]
    spread.run(offers, progress)
    if holes := spread.holes():
        spread.run(spread.fill(holes, len(seeds)), progress)
    return spread.grid()


class _Spread:
    """States found so far, and the front along which they spread."""

    def __init__(self, box, x, y):
        self.box, self.x, self.y = box, x, y
        self.found = [[] for _ in range(len(x) * len(y))]
        self.offered = {}

    def nearest(self, values):
        """Index of the grid point closest to a place."""
        ux, uy = self.box.family.unit(values)
        return round(ux * (len(self.x) - 1)) * len(self.y) + round(uy * (len(self.y) - 1))

    def run(self, offers, progress):
        """Spread from offers (point, sheet, start) until no new state turns up."""
        while offers:
            news = []
            for first in range(0, len(offers), BATCH):
                news += self.accept(offers[first:first + BATCH])
            offers = [(q, sheet, phi) for p, sheet, phi in news for q in self.neighbours(p) if self.wanted(q, sheet)]
            if progress:
                progress(sum(map(bool, self.found)), len(self.found))

    def wanted(self, point, sheet):
        """Whether a sheet was offered to a point less often than is useful; counts the offer."""
        count = self.offered.get((point, sheet), 0)
        self.offered[point, sheet] = count + 1
        return count < OFFERS and all(s.sheet != sheet for s in self.found[point])

    def neighbours(self, point):
        """Indices of the up to four neighbours."""
        i, j = divmod(point, len(self.y))
        near = [(i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)]
        return [a * len(self.y) + b for a, b in near if 0 <= a < len(self.x) and 0 <= b < len(self.y)]

    def accept(self, offers):
        """Solve from the offers; the new stable states as (point, sheet, order parameters)."""
        points, sheets, starts = zip(*offers)
        batch, stable = self.solve(np.array(points), np.array(starts))
        news = []
        for k in np.flatnonzero(stable):
            phi = self.box.generic_symmetry.canonical(batch.phi[k, 0])
            if not any(np.abs(s.phi - phi).max() < SAME for s in self.found[points[k]]):
                self.found[points[k]].append(_State(phi, batch.free_energy[k, 0], batch.entropy[k, 0], sheets[k]))
                news.append((points[k], sheets[k], phi))
        return news

    def solve(self, points, starts):
        """Newton's method at grid points, and which results are stable solutions."""
        i, j = np.divmod(points, len(self.y))
        parameters = {**self.box.fixed, **dict(zip(self.box.family.names, (self.x[i], self.y[j])))}
        T = np.broadcast_to(np.asarray(parameters.pop("T"), float), points.shape)
        compiled = self.box.family.compiled
        batch = compiled.newton_many(T, parameters, starts[:, None, :])
        stable = batch.converged & batch.stable
        if (T == 0).any():
            probe = compiled.newton_many(np.where(T == 0, PROBE_TEMPERATURE, T), parameters, batch.phi)
            stable = batch.converged & probe.converged & probe.stable
        return batch, stable[:, 0]

    def holes(self):
        """Points without a stable state."""
        return [p for p, states in enumerate(self.found) if not states]

    def fill(self, holes, sheet):
        """Offers from a full search at up to a few of the points without a state."""
        chosen = holes[:: max(1, len(holes) // 8)]
        values = [(self.x[p // len(self.y)], self.y[p % len(self.y)]) for p in chosen]
        return [(p, sheet + k, phi) for k, (p, v) in enumerate(zip(chosen, values)) for phi in self.box.fixed_points(v)]

    def grid(self):
        """The states as arrays."""
        shape, n = (len(self.x), len(self.y)), len(self.box.names)
        ranked = [sorted(states, key=lambda s: s.free_energy) for states in self.found]
        most = max(map(len, ranked), default=0) or 1
        phi = np.full((len(ranked), most, n), np.nan)
        free_energy, entropy = np.full((len(ranked), most), np.nan), np.full((len(ranked), most), np.nan)
        for p, states in enumerate(ranked):
            for k, s in enumerate(states):
                phi[p, k], free_energy[p, k], entropy[p, k] = s.phi, s.free_energy, s.entropy
        count = np.array([len(states) for states in ranked])
        return Grid(self.x, self.y, phi.reshape(*shape, most, n), free_energy.reshape(*shape, most),
                    entropy.reshape(*shape, most), count.reshape(shape))
