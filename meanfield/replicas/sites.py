"""Leaves of the recursion as objects: where they bend, how they tilt a Gaussian, and the step above them."""

import math
from dataclasses import dataclass

import numpy as np

from . import rules
from .leaves import BEND, FIRST, SLOPE, channel_kinks, envelope, fill_channel, fill_states, shares
from .rules import PANEL, breakpoints, panel_nodes, spacing
from .steps import cold_rows, local_rows, shared_rows

# A Gaussian narrower than this, in units of the leaf's distance of singularities, gets nodes of its own around each target.
LOCAL = 0.15
# Most nodes of one average, and of all averages at a time.
MOST = 1_000_000


@dataclass(frozen=True)
class Leaf:
    """A function with a table: subclasses give `fill`, `window` and `saddle`.

    Attributes
    ----------
    kinks, scales : where it bends, sorted, and the distance of its singularities from the real axis there
    width : range of its slopes; 0 where a tilt draws no singularities nearer
    decay : c where it falls as -c y**2 / 2 far away
    """

    kinks: np.ndarray
    scales: np.ndarray
    width: float
    decay: float

    @property
    def distance(self):
        """The smallest distance of singularities from the real axis."""
        return float(self.scales.min()) if len(self.scales) else 1e300

    def moved(self, shift):
        """The kinks of the levels above, whose tilts sum up to D v = shift."""
        return self.kinks

    def drift(self, shift):
        """How far a tilt D v = shift can move an average beyond its hull, down and up."""
        return 0.0, 0.0

    def hull(self, targets):
        """Where an average that starts at each target can end, apart from drift and width."""
        return targets, targets

    def panels(self, lows, highs, v, D, order, scales, kinks):
        """Panel nodes and log weights over all windows, for a Gaussian of variance v and this tilt."""
        far = PANEL * math.sqrt(v)
        narrow = 1.0 / math.sqrt(1.0 / v + D * self.decay)
        low, high = lows.min(), highs.max()
        extent = 0.5 * (high - low) * narrow * narrow / v + 9.0 * narrow
        return panel_nodes(breakpoints(low, high, kinks, scales, PANEL * narrow, extent, far), *rules.NODES[order])

    def rows(self, targets, v, D, rule):
        """Lines of results of the level above at the targets."""
        sd = math.sqrt(v)
        if sd < LOCAL * self.distance:
            return self._local(targets, sd, D, rule)
        lows, highs = self.window(targets, v, D, rules.REACH[rule] * sd)
        nodes, logs = self.panels(lows, highs, v, D, rule, self.scales, self.kinks)
        starts, stops = np.searchsorted(nodes, lows), np.searchsorted(nodes, highs)
        return shared_rows(targets, starts, stops, nodes, logs, self.fill(nodes), v, D)

    def _local(self, targets, sd, D, rule):
        step = spacing(self.distance / max(sd, 1e-300), D * sd * sd * self.decay, rules.DIGITS[rule])
        shifts, extra = self.saddle(targets, sd, D)
        n = int(math.ceil((rules.REACH[rule] + extra) / step))
        if n > MOST:
            raise OverflowError(f"an average needs {2 * n + 1} nodes: at most {MOST} are taken")
        parts = 1 + len(targets) * (2 * n + 1) // MOST
        rows = [self._around(part, sd, D, step, s, n) for part, s in zip(np.array_split(targets, parts), np.array_split(shifts, parts))]
        return np.concatenate(rows) if len(rows) > 1 else rows[0]

    def _around(self, targets, sd, D, step, shifts, n):
        """The lines of results at targets with nodes of their own, n steps to both sides."""
        z = np.rint(shifts / step)[:, None] * step + step * np.arange(-n, n + 1)
        table = self.fill((targets[:, None] + sd * z).ravel())
        return local_rows(targets, z, math.log(step), table, D)


@dataclass(frozen=True)
class Site(Leaf):
    """A finite site, T log sum_s exp((levels_s + slopes_s y)/T) + kappa y**2/2, at T > 0."""

    slopes: np.ndarray
    levels: np.ndarray
    T: float
    kappa: float

    def fill(self, nodes):
        """The table at the nodes."""
        table = np.empty((FIRST + len(self.slopes), len(nodes)))
        fill_states(nodes, self.slopes, self.levels, max(self.T, 1e-150), self.kappa, table)
        return table

    def moved(self, shift):
        """The kinks where a tilt has added (a**2/2) D v to the lines."""
        return envelope(self.slopes, self.levels + 0.5 * shift * self.slopes**2)[1]

    def drift(self, shift):
        """How far a tilt D v = shift can move an average, down and up."""
        return min(0.0, shift * self.slopes.min()), max(0.0, shift * self.slopes.max())

    def window(self, targets, v, D, reach):
        """The nodes that count for each target."""
        low, high = self.drift(D * v)
        return targets + (low - reach), targets + (high + reach)

    def saddle(self, targets, sd, D):
        """Centre of each target's nodes in standard deviations, and how much more than the reach they extend."""
        return np.zeros(len(targets)), D * sd * float(np.abs(self.slopes).max())


@dataclass(frozen=True)
class ColdSite(Site):
    """A finite site at T = 0: an upper envelope of lines."""

    def rows(self, targets, v, D, rule):
        """Lines of results of the level above at the targets."""
        states, kinks = envelope(self.slopes, self.levels)
        portions = shares(self.slopes, self.levels, states)
        heats = -np.log(portions.max(axis=1))
        return cold_rows(targets, self.slopes[states], self.levels[states], heats, portions, kinks, v, D,
                         rules.REACH[rule], *rules.NODES[rule])


def site(slopes, levels, T, kappa):
    """The leaf of a finite site."""
    kinks, width = envelope(slopes, levels)[1], float(slopes.max() - slopes.min())
    kind = Site if T > 0.0 else ColdSite
    return kind(kinks, np.full(len(kinks), math.pi * T / max(width, 1e-300)), width, 0.0, slopes, levels, T, kappa)


@dataclass(frozen=True)
class Channel(Leaf):
    """log E Phi(u + sqrt(delta) z) of a piecewise constant gate."""

    edges: np.ndarray
    values: np.ndarray
    delta: float

    def moved(self, shift):
        """The kinks where a tilt has widened the tails."""
        return channel_kinks(self.edges, self.values, self.delta + shift)[0]

    def fill(self, nodes):
        """The table at the nodes."""
        table = np.empty((FIRST + len(self.values), len(nodes)))
        fill_channel(nodes, self.edges, self.values, self.delta, table)
        return table

    def hull(self, targets):
        """Where an average that starts at each target can end: a tilt pulls towards the edges."""
        if not len(self.kinks):
            return targets, targets
        return np.minimum(targets, self.kinks[0]), np.maximum(targets, self.kinks[-1])

    def window(self, targets, v, D, reach):
        """The nodes that count for each target: as far as its slope would move it, or to all edges where it has a choice."""
        low, high = self.hull(targets)
        if self.width > 0.0:
            return low - reach, high + reach
        ends = targets + D * v * self.fill(targets)[SLOPE]
        return np.maximum(np.minimum(targets, ends), low) - reach, np.minimum(np.maximum(targets, ends), high) + reach

    def saddle(self, targets, sd, D):
        """Centre of each target's nodes in standard deviations, by one Newton step, and a margin."""
        table = self.fill(targets)
        return D * sd * table[SLOPE] / (1.0 - np.minimum(0.0, D * sd * sd * table[BEND])), 1.0


def channel(edges, values, delta):
    """The leaf of a piecewise constant gate."""
    return Channel(*channel_kinks(edges, values, delta), 1.0 / delta, edges, values, delta)


@dataclass(frozen=True)
class SmoothGate(Channel):
    """log E Phi(u + sqrt(delta) z) of a gate known by its logarithm; `values` is that function, `edges` its kinks."""

    gate: object

    def moved(self, shift):
        """The kinks, which stay where they are."""
        return self.kinks

    def window(self, targets, v, D, reach):
        """The nodes that count for each target: those on the way to the kinks, too."""
        ends, (low, high) = targets + D * v * self.fill(targets)[SLOPE], self.hull(targets)
        return np.minimum(np.minimum(targets, ends), low) - reach, np.maximum(np.maximum(targets, ends), high) + reach

    def fill(self, nodes):
        """The table at the nodes, by panels between the gate's kinks that all of them share."""
        s = math.sqrt(self.delta)
        low, high = nodes.min() - 12.0 * s, nodes.max() + 12.0 * s
        ends = [low, high] if not len(self.edges) else [min(low, self.edges[0] - 9.0 * s), max(high, self.edges[-1] + 9.0 * s)]
        scales = np.full(len(self.edges), s)
        x, logs = panel_nodes(breakpoints(*ends, self.edges, scales, s, 9.0 * s, 2.0 * s), *rules.NODES[0])
        with np.errstate(divide="ignore"):
            heights = logs + np.asarray(self.gate(x), dtype=float)
        table = np.zeros((FIRST, len(nodes)))
        for part in np.array_split(np.arange(len(nodes)), 1 + len(nodes) * len(x) // 2_000_000):
            table[:3, part] = _smoothed(nodes[part], x, heights, self.delta)
        return table


def _smoothed(u, x, heights, delta):
    """Value, slope and curvature of log int exp(heights) N(x; u, delta), by the moments of x."""
    z = (x - u[:, None]) / math.sqrt(delta)
    scores = heights - 0.5 * z * z
    top = scores.max(axis=1)
    p = np.exp(scores - top[:, None])
    total = p.sum(axis=1)
    mean = (p * z).sum(axis=1) / total
    spread = (p * (z - mean[:, None]) ** 2).sum(axis=1) / total
    return top + np.log(total) - 0.5 * math.log(2.0 * math.pi * delta), mean / math.sqrt(delta), (spread - 1.0) / delta


def smooth_gate(edges, gate, delta):
    """The leaf of a gate given as log Phi(u), with the places of its kinks."""
    scale = np.full(len(edges), 2.0 * math.sqrt(delta))
    return SmoothGate(edges, scale, 0.0, 1.0 / delta, edges, np.empty(0), delta, gate)
