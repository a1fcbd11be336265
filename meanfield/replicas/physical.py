"""Which solutions of the equations are states: ordered overlaps within their range, block parameters between 0 and 1."""

import numpy as np

SLACK = 1e-9
# Overlaps closer than this make no step.
CLOSED = 1e-6


def is_physical(unknowns, u):
    """Whether the unknowns u describe a state."""
    if not np.isfinite(u).all() or not _breaking_is_physical(unknowns, u):
        return False
    return all(_overlap_is_physical(o, q, top, u[o.C]) for o, (q, top) in zip(unknowns.overlaps, unknowns.levels(u)))


def _overlap_is_physical(o, q, top, C):
    if o.kind == "auxiliary":
        return True
    return bool(q[0] >= -SLACK and (np.diff(q) >= -SLACK).all() and q[-1] <= top + SLACK and C >= -SLACK)


def _breaking_is_physical(unknowns, u):
    D, T = u[list(unknowns.breaking)], unknowns.system.T
    return bool((D > 0).all() and (np.diff(D) > 0).all() and (T == 0 or len(D) == 0 or D[-1] * T <= 1 + SLACK))


def is_collapsed(unknowns, u):
    """Whether some step of the ansatz has closed in every overlap, so that fewer steps describe the same state."""
    if not unknowns.system.theory.steps:
        return False
    gaps = np.max([np.diff(levels) for levels, _ in unknowns.levels(u)], axis=0)
    return bool((gaps < CLOSED).any())
