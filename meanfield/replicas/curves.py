"""Curves F(z) = 0 of n equations in n + 1 numbers, followed by pseudo-arclength continuation with difference Jacobians.

z = (w, t): the free unknowns and the parameter in units of its range. Lengths are measured in w/(1 + |w|) and t. Near a fold the
parameter is quadratic in the error of the tangent, so that differences suffice (Keller 1977; Kuznetsov, chapter 10).
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from .differences import moved, slope

from ..bifurcations.steps import Steps

__all__ = ["Node", "Path", "Stepping", "follow", "locate", "solved_at"]

STEP = 1e-5


@dataclass(frozen=True)
class Stepping(Steps):
    """Steps along a branch of a replica theory; lengths in w/(1 + |w|) and t."""

    atol: float = 1e-11
    first: float = 0.01
    largest: float = 0.06
    smallest: float = 1e-7
    turn: float = 0.96
    steps: int = 250


@dataclass(frozen=True, eq=False)
class Node:
    """A point of a curve.

    Attributes
    ----------
    z : (n + 1,); scale : units of length
    slopes : (n, n + 1) Jacobian; tangent : (n + 1,) unit vector in scaled coordinates
    """

    z: np.ndarray
    scale: np.ndarray
    slopes: np.ndarray
    tangent: np.ndarray

    @property
    def t(self):
        """The parameter, in units of its range."""
        return float(self.z[-1])


@dataclass(frozen=True, eq=False)
class Path:
    """Nodes along a curve, and why each of its two ends is one: "edge" of the range, "border" of the domain, or "long"."""

    curve: object
    nodes: list
    ends: tuple


def scale_of(z):
    return np.append(1 + np.abs(z[:-1]), 1.0)


def slopes_of(curve, z):
    """Jacobian (n, n + 1) by central differences, one-sided at the border of the domain."""
    columns = []
    for i in range(len(z)):
        step = STEP * (1 + abs(z[i]))
        columns.append(slope(lambda x: curve(moved(z, i, x)), step))
    return np.column_stack(columns).reshape(len(z) - 1, len(z))


def node(curve, z, along=None):
    """The Node at a point of the curve, its tangent turned along a previous one; None where the Jacobian is not finite."""
    scale, slopes = scale_of(z), slopes_of(curve, z)
    if not np.isfinite(slopes).all():
        return None
    tangent = np.linalg.svd(slopes * scale)[2][-1] if len(z) > 1 else np.ones(1)
    if along is not None and tangent @ (along / scale) < 0:
        tangent = -tangent
    return Node(z, scale, slopes, tangent)


def correct(curve, start, z, atol, limit=12):
    """The point of the curve in the plane through z across the tangent of the node `start`; None if not found."""
    matrix = np.vstack([start.slopes * start.scale, start.tangent])
    z, best = np.array(z), None
    F = curve(z)
    for _ in range(limit):
        size = np.abs(F).max(initial=0.0)
        if not np.isfinite(size):
            break
        if best is not None and size >= best[0] <= atol:
            return best[1]
        if best is None or size < best[0]:
            best = (size, z)
        if size == 0:
            break
        try:
            step = np.linalg.solve(matrix, -np.append(F, 0.0))
        except np.linalg.LinAlgError:
            break
        if not np.isfinite(step).all() or np.abs(step).max() > 1:
            return None
        z = z + start.scale * step
        F = curve(z)
        if np.isfinite(F).all() and (length := step @ step) > 0:
            matrix[:-1] += np.outer(F, step) / length
    return best[1] if best is not None and best[0] <= atol else None


def follow(curve, z, options=Stepping(), stop=None):
    """The Path through the point z of a curve, both ways until the parameter leaves [0, 1].

    Parameters
    ----------
    curve : function z -> (n,), nan outside its domain
    stop : None, or a function of a Node that is true where the path may end
    """
    start = node(curve, np.asarray(z, dtype=float))
    if start is None:
        return None
    flipped = Node(start.z, start.scale, start.slopes, -start.tangent)
    ahead, end = _walk(curve, start, options, stop)
    back, origin = _walk(curve, flipped, options, stop)
    turned = [Node(p.z, p.scale, p.slopes, -p.tangent) for p in reversed(back[1:])]
    return Path(curve, [*turned, *ahead], (origin, end))


def _walk(curve, start, options, stop):
    """(nodes, reason of the end) along the tangent of a node."""
    nodes, length = [start], options.first
    if not 0 < start.t < 1 and (start.t - 0.5) * start.tangent[-1] > 0:
        return nodes, "edge"
    for _ in range(options.steps):
        found, length = _step(curve, nodes[-1], length, options)
        if found is None:
            return nodes, "border"
        if not 0 <= found.t <= 1:
            edge = _at_edge(curve, nodes[-1], found, options)
            if edge is not None:
                return [*nodes, edge], "edge"
            # The edge is outside the domain: approach it.
            length = min(length, np.linalg.norm((found.z - nodes[-1].z) / found.scale)) / 4
            if length < options.smallest:
                return nodes, "edge"
            continue
        nodes.append(found)
        if stop is not None and stop(found):
            return nodes, "stopped"
        if len(nodes) > 10 and np.abs((found.z - start.z) / start.scale).max() < 0.3 * length:
            return nodes, "closed"
    return nodes, "long"


def _step(curve, last, length, options):
    """(next node or None, next step length)."""
    while length >= options.smallest:
        z = correct(curve, last, last.z + length * last.scale * last.tangent, options.atol)
        found = None if z is None else node(curve, z, last.scale * last.tangent)
        if found is not None:
            straight = _cosine(last, found)
            if straight >= options.turn:
                return found, min(length * (1.6 if straight > 0.995 else 1.0), options.largest)
        length /= 2 if found is not None else 4
    return None, length


def _cosine(a, b):
    x, y = a.scale * a.tangent, b.scale * b.tangent
    x, y = x / a.scale, y / a.scale
    return float(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)))


def _at_edge(curve, last, beyond, options):
    edge = 0.0 if beyond.t < 0 else 1.0
    found = locate(curve, last, beyond, lambda p: p.t - edge, options.atol)
    return found


def locate(curve, first, second, function, atol=1e-11, tangents=False):
    """The node between two successive ones where a function of a node changes its sign; None where it does not.

    `tangents` says that the function needs them.
    """
    far = first.tangent @ ((second.z - first.z) / first.scale)

    def at(length, full=True):
        if length == 0:
            return first
        if length == far:
            return second
        z = correct(curve, first, first.z + (second.z - first.z) * (length / far), atol)
        if z is None or not full:
            return None if z is None else Node(z, None, None, None)
        return node(curve, z, first.scale * first.tangent)

    def value(length):
        found = at(length, tangents)
        return np.nan if found is None else function(found)

    ends = function(first), function(second)
    if not np.isfinite(ends).all() or ends[0] * ends[1] > 0 or far == 0:
        return None
    try:
        return at(brentq(value, 0.0, far, xtol=1e-15, rtol=1e-14))
    except (ValueError, RuntimeError):
        return None


def solved_at(curve, w, t, atol=1e-11, limit=30):
    """The unknowns on the curve at a given parameter, by Newton's method from w; None if not found."""
    w = np.array(w, dtype=float)
    if not len(w):
        return w
    F = curve(np.append(w, t))
    for _ in range(limit):
        size = np.abs(F).max()
        if not np.isfinite(size):
            return None
        J = slopes_of(curve, np.append(w, t))[:, :-1]
        try:
            step = -np.linalg.solve(J, F)
        except np.linalg.LinAlgError:
            return w if size <= atol else None
        factor, new = 1.0, curve(np.append(w + step, t))
        while not (np.isfinite(new).all() and np.abs(new).max() < 1.5 * size) and factor > 1e-3:
            factor /= 2
            new = curve(np.append(w + factor * step, t))
        if not np.isfinite(new).all() or np.abs(new).max() >= size:
            return w if size <= atol else None
        w, F = w + factor * step, new
        if np.abs(F).max() == 0:
            return w
    return w if np.abs(F).max() <= atol else None
