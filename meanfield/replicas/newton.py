"""Newton's method for the self-consistency equations of a replica theory."""

import numpy as np

from ..results import Status

__all__ = ["newton"]

# Accepted growth of the residual in one step: the equations of different unknowns have different scales.
GROWTH = 1.5


def newton(system, u, atol=1e-12, limit=60):
    """From the unknowns u; steps are halved while they leave the domain or raise the residual.

    Returns
    -------
    (u, Status)
    """
    u = np.array(u, dtype=float)
    residual = system.residual(u)
    for _ in range(limit):
        size = np.abs(residual).max(initial=0.0)
        if not np.isfinite(size):
            return u, Status.NOT_FINITE
        if size <= atol:
            return polish(system, u, residual)
        try:
            step = -np.linalg.solve(system.jacobian(u), residual)
        except np.linalg.LinAlgError:
            return u, Status.STALLED
        u, residual, moved = _damped(system, u, step, size, residual)
        if not moved:
            return u, Status.STALLED
    return u, Status.STEP_LIMIT


def _damped(system, u, step, size, residual):
    factor = 1.0
    while factor > 1e-4:
        trial = u + factor * step
        new = system.residual(trial)
        if np.isfinite(new).all() and np.abs(new).max() < GROWTH * size:
            return trial, new, True
        factor /= 2
    return u, residual, False


def polish(system, u, residual):
    """One more step where it lowers the residual."""
    try:
        trial = u - np.linalg.solve(system.jacobian(u), residual)
    except np.linalg.LinAlgError:
        return u, Status.CONVERGED
    new = system.residual(trial)
    better = np.isfinite(new).all() and np.abs(new).max() <= np.abs(residual).max()
    return (trial if better else u), Status.CONVERGED
