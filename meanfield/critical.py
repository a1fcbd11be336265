"""Critical and tricritical points in a plane of two parameters, from the force along the direction in which phases merge.

Holding the amplitude a of one direction and solving all other equations leaves the reduced force r(a), an odd function of the
amplitude where a symmetry is broken. A critical point has r = r' = r'' = 0, a tricritical one r' = r''' = 0 about the symmetric
state. Derivatives come from a Chebyshev interpolant of r, which is accurate to rounding (Lyapunov-Schmidt reduction).
"""

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Chebyshev

from .family import Family

__all__ = ["ReducedForce", "critical_point"]

NODES = 19
WIDTH = 0.25


@dataclass(frozen=True, eq=False)
class ReducedForce:
    """The force r(a) = d . (phi - <g>) with everything but the amplitude a = d . phi solved for.

    Attributes
    ----------
    family : Family of two free parameters
    basis : invariant subspace that holds the merging solutions, shape (n, k)
    direction : unit vector d in it, shape (n,)
    """

    family: Family
    basis: np.ndarray
    direction: np.ndarray

    def at(self, values, amplitude, start):
        """(r, phi) at parameter values; `start` is a nearby state."""
        system, d = self.family.at(values), self.basis.T @ self.direction
        y, force = self.basis.T @ start, 0.0
        y = y + d * (amplitude - d @ y)
        for _ in range(30):
            residual, jacobian = system.residual(self.basis @ y)
            error = np.append(self.basis.T @ residual - force * d, d @ y - amplitude)
            if np.abs(error).max() < 1e-15:
                break
            matrix = np.block([[self.basis.T @ jacobian @ self.basis, -d[:, None]], [d[None, :], np.zeros((1, 1))]])
            step = np.linalg.solve(matrix, error)
            y, force = y - step[:-1], force - step[-1]
            if np.abs(step).max() < 1e-16:
                break
        return force, self.basis @ y

    def derivatives(self, values, centre, start):
        """r and its first three derivatives in the amplitude at `centre`, shape (4,)."""
        width = WIDTH * max(self.family.parameters(values)["T"], 0.02)
        nodes = np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES)
        forces = []
        for node in nodes:
            force, start = self.at(values, centre + width * node, start)
            forces.append(force)
        fit = Chebyshev.fit(centre + width * nodes, forces, NODES - 1, domain=[centre - width, centre + width])
        return np.array([fit.deriv(k)(centre) if k else fit(centre) for k in range(4)])


def critical_point(family, basis, pair, values):
    """The point near `values` where two solutions merge with their free energies equal all along.

    Parameters
    ----------
    family : Family of two free parameters
    basis : invariant subspace of the less symmetric solution
    pair : the two solutions near the point, shape (n,) each, the more symmetric one first
    values : parameter values near the point

    Returns
    -------
    (kind, values, state)
        kind "tricritical" if the first solution keeps a symmetry that the second breaks, else "critical"; None if it is not found
    """
    first, second = pair
    direction = (second - first) / np.linalg.norm(second - first)
    force = ReducedForce(family, basis, direction)
    unit = family.unit(values)
    if _breaks_symmetry(force, values, first):
        centre = direction @ first
        equations = lambda v, a: force.derivatives(v, centre, first)[[1, 3]]
        solved = _newton(family, equations, np.array(unit), None)
        kind = "tricritical"
    else:
        centre = direction @ (first + second) / 2
        equations = lambda v, a: force.derivatives(v, a, (first + second) / 2)[:3]
        solved = _newton(family, equations, np.array(unit), centre)
        kind = "critical"
    if solved is None or np.abs(solved[:2] - unit).max() > 0.05:
        return None
    place = family.values(solved[:2])
    amplitude = centre if len(solved) == 2 else solved[2]
    return kind, place, force.at(place, amplitude, first)[1]


def _breaks_symmetry(force, values, symmetric):
    """Whether the reduced force is odd about the symmetric state."""
    centre = force.direction @ symmetric
    step = 0.1 * max(force.family.parameters(values)["T"], 0.02)
    up, down = (force.at(values, centre + sign * step, symmetric)[0] for sign in (1, -1))
    return abs(up + down) < 1e-11


def _newton(family, equations, unit, amplitude):
    """Newton's method with differences on equations(values, amplitude); None where it fails."""
    x = unit if amplitude is None else np.append(unit, amplitude)
    evaluate = lambda x: equations(family.values(x[:2]), x[2] if len(x) > 2 else None)
    for _ in range(12):
        value = evaluate(x)
        columns = [_difference(evaluate, x, i) for i in range(len(x))]
        try:
            step = np.linalg.solve(np.array(columns).T, value)
        except np.linalg.LinAlgError:
            return None
        x = x - step
        if not np.isfinite(x).all() or (np.abs(x[:2] - 0.5) > 0.5).any():
            return None
        if np.abs(step).max() < 1e-13:
            break
    return x


def _difference(evaluate, x, i, step=1e-5):
    ends = x[i] + np.array([-step, step])
    if i < 2:
        ends = np.clip(ends, 0, 1)
    low, high = (np.concatenate([x[:i], [end], x[i + 1:]]) for end in ends)
    return (evaluate(high) - evaluate(low)) / (ends[1] - ends[0])
