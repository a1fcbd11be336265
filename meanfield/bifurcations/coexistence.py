"""Starts of first-order lines other than transitions met on sections: cusps of spinodals, tricritical points, jumps on the grid."""

import numpy as np

from .critical import ReducedForce, tricritical_point
from .curves import merging_point
from .family import spectrum

__all__ = ["cusp_starts", "grid_starts", "stable_pair", "tricritical_start"]

# Points of a spinodal on both sides of a cusp, by number, that a pair of phases is looked for between.
STEPS = (3, 6, 12, 20)
# Two solutions closer than this are one.
APART = 1e-3
# Amplitude, in units of the order parameters, of the spinodal's point from which a line at a tricritical point starts.
AMPLITUDE = 0.25


def stable_pair(box, states, values):
    """Two different stable solutions at parameter values near `states`, or None."""
    system, found = box.family.at(values), []
    for phi in states:
        solution, status, _ = system.newton(np.asarray(phi, float))
        if status != 0 or spectrum(box.family.probe(values).evaluate(solution), np.eye(len(solution)))[0] < 0:
            return None
        found.append(box.generic_symmetry.canonical(solution))
    return found if np.abs(found[0] - found[1]).max() > APART else None


def cusp_starts(box, equations, points):
    """Pairs of phases (states, values) between the two branches of a spinodal that form a cusp.

    The normal form a^3 - x a - y = 0 has folds at a = +-(x/3)^(1/2) and, half way between them, phases at a = +-x^(1/2).
    """
    for k in range(len(points) - 1):
        if points[k].tangent[-2:] @ points[k + 1].tangent[-2:] < 0:
            middle = (equations.states(points[k].w)[0] + equations.states(points[k + 1].w)[0]) / 2
            for steps in STEPS:
                ends = points[max(k - steps, 0)], points[min(k + 1 + steps, len(points) - 1)]
                values = box.family.values((ends[0].w[-2:] + ends[1].w[-2:]) / 2)
                states = [middle + 3**0.5 * (equations.states(p.w)[0] - middle) for p in ends]
                if pair := stable_pair(box, states, values):
                    yield pair, values
                    break


def tricritical_start(box, equations, inward):
    """The tricritical point at the end of a spinodal that meets its mirror image, and a pair of phases near it, each None if not found.

    In the Landau expansion u a^2/2 - v a^4/4 + w a^6/6 the spinodal has a^2 = v/2w, the first-order line a^2 = 3v/4w at 3/4 of
    its u.

    Parameters
    ----------
    inward : points of the spinodal from that end on
    """
    direction = equations.basis @ inward[0].fading[:-2]
    states = np.array([equations.states(p.w)[0] for p in inward])
    flat = lambda phi: phi - direction * (direction @ phi)
    force = ReducedForce(box.family, equations.basis, direction)
    try:
        point = tricritical_point(force, flat(states[0]), merging_point(equations, inward)[0])
        if point is None:
            return None, None
        k = int(np.argmax(np.append(np.abs(states @ direction)[:-1] > AMPLITUDE, True)))
        values, rise = equations.values(inward[k].w), 0.25
        slope = lambda unit: force.derivatives(box.family.values(unit), 0.0, flat(states[k]))[1]
        unit = box.family.unit(values)
        gradient = np.array([(slope(unit + step) - slope(unit - step)) / 2e-4 for step in 1e-4 * np.eye(2)])
        values = box.family.values(unit - rise * slope(unit) * gradient / (gradient @ gradient))
    except np.linalg.LinAlgError:
        return None, None
    ordered = flat(states[k]) + 1.5**0.5 * (states[k] - flat(states[k]))
    pair = stable_pair(box, (flat(states[k]), ordered), values)
    return point, (pair, values) if pair else None


def grid_starts(box, grid, known):
    """Pairs of phases (states, values) whose free energies cross between neighbouring grid points that no known line passes.

    Parameters
    ----------
    known : points on lines, unit coordinates (k, 2)
    """
    shape = np.array(grid.count.shape)
    for axis in (0, 1):
        for i, j in np.argwhere(grid.count > 0):
            other = (i + (axis == 0), j + (axis == 1))
            if other[axis] == shape[axis] or not grid.count[other] or max(grid.count[i, j], grid.count[other]) < 2:
                continue
            unit = (np.array([i, j]) + other) / 2 / (shape - 1)
            if len(known) and (np.abs(known - unit) * (shape - 1)).max(1).min() < 1.2:
                continue
            if states := _crossing(grid, (i, j), other):
                yield states, box.family.values(unit)
                known = np.vstack([known.reshape(-1, 2), unit])


def _crossing(grid, here, there):
    """The equilibria of two neighbouring points, halfway between them, where they are different phases present at both; else None."""
    a, b = (grid.order_parameters[p][: grid.count[p]] for p in (here, there))
    first, second = a[0], b[0]
    continued, origin = (_nearest(x, phi) for x, phi in ((b, first), (a, second)))
    jump = np.abs(first - second).max()
    near = [np.abs(x - y).max() for x, y in ((first, continued), (second, origin))]
    if jump < 0.05 or min(near) > 0.3 * jump or max(near) > jump or continued is second and origin is first:
        return None
    return (first + continued) / 2, (origin + second) / 2


def _nearest(states, phi):
    return states[np.abs(states - phi).max(1).argmin()]
