"""Critical and tricritical points in a plane of two parameters, from the force along the direction in which phases merge.

Holding the amplitude a of one direction and solving all other equations leaves the reduced force r(a), an odd function of the
amplitude where a symmetry is broken. A critical point has r = r' = r'' = 0, a tricritical one r' = r''' = 0 about the symmetric
state. Derivatives come from a Chebyshev interpolant of r, which is accurate to rounding (Lyapunov-Schmidt reduction).
"""

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Chebyshev

from .family import Family

__all__ = ["ReducedForce", "critical_point", "tricritical_point"]

NODES = 19
WIDTH = 0.25
# A point farther than this, in units of the box, from where it is looked for is another one.
NEAR = 0.05


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


def critical_point(equations, basis, pair, values):
    """The point near `values` where two solutions of a coexistence line merge.

    Parameters
    ----------
    equations : Coexistence
    basis : invariant subspace that holds both solutions
    pair : the two solutions near the point, shape (n,) each, the more symmetric one first
    values : parameter values near the point

    Returns
    -------
    (kind, values, state), or None where it is not found
        kind "tricritical" if the second solution breaks a symmetry of the first, else "critical"
    """
    first, second = pair
    breaking = second - first - equations.first @ (equations.first.T @ (second - first))
    if np.linalg.norm(breaking) > 1e-3 * np.linalg.norm(second - first):
        return tricritical_point(ReducedForce(equations.family, basis, breaking / np.linalg.norm(breaking)), first, values)
    force = ReducedForce(equations.family, basis, (second - first) / np.linalg.norm(second - first))
    return _critical(force, (first + second) / 2, values)


def tricritical_point(force, symmetric, values):
    """("tricritical", values, state) of the point near `values` at which a symmetric state has r' = r''' = 0, or None."""
    centre = force.direction @ symmetric
    if not _is_odd(force, values, symmetric):
        return None
    equations = lambda v, a: force.derivatives(v, centre, symmetric)[[1, 3]]
    unit = _newton(force.family, equations, force.family.unit(values), None)
    return _found("tricritical", force, unit, centre, symmetric, values)


def _critical(force, middle, values):
    equations = lambda v, a: force.derivatives(v, a, middle)[:3]
    solved = _newton(force.family, equations, force.family.unit(values), force.direction @ middle)
    return None if solved is None else _found("critical", force, solved[:2], solved[2], middle, values)


def _found(kind, force, unit, amplitude, start, values):
    if unit is None or np.abs(unit - force.family.unit(values)).max() > NEAR:
        return None
    place = force.family.values(unit)
    return kind, place, force.at(place, amplitude, start)[1]


def _is_odd(force, values, symmetric):
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
