"""Special points of a plane to all digits of double precision: the equations of `precise`, solved from what was found nearby."""

import numpy as np
from numpy.polynomial import Chebyshev

from theory.errors import InputError
from theory.symbols import symbol

__all__ = ["sharpened", "turning_points"]

# What the sharp problem of a kind of special point is called.
PROBLEMS = {"critical": "cusp", "tricritical": "tricritical", "triple": "triple", "critical-end": "critical-end"}
DIGITS = 15
# A point farther than this, in units of the box, from where it is looked for is another one.
NEAR = 2e-3
# Turning points: nodes on each side of the one nearest to the extremum, and half the share of a step that they cover.
NODES, SHARE = 12, 0.5
# A line along which a parameter's share in the unit tangent changes by less is straight.
STRAIGHT = 1e-6


def sharpened(family, kind, values, states):
    """(values (2,), first state (n,)) of the special point near some values and states, or None where it is not found."""
    if kind not in PROBLEMS or family.parameters(values)["T"] == 0:
        return None
    from ..precision.inputs import exact, special_point
    from ..precision.polish import polished
    from ..precision.problems import Setting

    held = {symbol(name): exact(name, value) for name, value in family.fixed.items()}
    setting = Setting(family.compiled.theory, held, tuple(map(symbol, family.names)))
    try:
        start = special_point(setting, lambda phi: family.at(values).residual(phi)[1], states, tuple(map(float, values)))
        found = polished(start, DIGITS)
    except (InputError, ArithmeticError, np.linalg.LinAlgError):
        return None
    place = np.array([float(found.at[name]) for name in family.names])
    if found.kind != PROBLEMS[kind] or not found.converged or np.abs(family.unit(place) - family.unit(values)).max() > NEAR:
        return None
    return place, np.array([float(found.order_parameters[name]) for name in setting.names])


def turning_points(equations, points):
    """Unknowns where a curve's first or second parameter has an extremum: re-entrance."""
    found = []
    for axis in (-2, -1):
        for a, b in zip(points, points[1:]):
            turn = a.tangent[axis] * b.tangent[axis] < 0 and abs(a.tangent[axis] - b.tangent[axis]) > STRAIGHT
            if turn and (w := _extremum(equations, a, b, axis)) is not None:
                found.append(w)
    return found


def _extremum(equations, a, b, axis):
    """Unknowns near the extremum of a parameter between two points, from an interpolant of the curve around it."""
    share = a.tangent[axis] / (a.tangent[axis] - b.tangent[axis])
    shares = share + SHARE * np.cos(np.pi * (np.arange(NODES) + 0.5) / NODES)
    samples = [equations.between(a, b, s) for s in shares]
    if any(w is None for w in samples):
        return None
    domain = [share - SHARE, share + SHARE]
    fits = [Chebyshev.fit(shares, column, NODES - 1, domain=domain) for column in np.array(samples).T]
    roots = [r.real for r in fits[axis].deriv().roots() if abs(r.imag) < 1e-12 and domain[0] < r.real < domain[1]]
    if not roots:
        return None
    return np.array([fit(min(roots, key=lambda r: abs(r - share))) for fit in fits])
