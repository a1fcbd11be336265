"""Which solutions of the equations are states: ordered overlaps within their range, block parameters between 0 and 1."""

import numpy as np

SLACK = 1e-9
# Overlaps closer than this make no step.
CLOSED = 1e-6
# How far outside their range unknowns are let on the way to a solution: means, overlaps over q_d, D at T = 0.
FARTHEST, REACH, LARGEST_BLOCK = 10.0, 0.02, 1e4


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


def is_near(unknowns, u):
    """Whether u lies within reach of the domain; far from it averages are meaningless and their nodes without bound."""
    T, D = unknowns.system.T, u[list(unknowns.breaking)]
    largest = 1.5 / T if T > 0 else LARGEST_BLOCK
    if np.abs(u[list(unknowns.means)]).max(initial=0.0) > FARTHEST or (D < 0).any() or (D > largest).any():
        return False
    return all(_overlap_is_near(q, top) for o, (q, top) in zip(unknowns.overlaps, unknowns.levels(u)) if o.fixed)


def _overlap_is_near(q, top):
    return bool((q >= -REACH * top).all() and (q <= (1 + REACH) * top).all())


def is_collapsed(unknowns, u):
    """Whether some step of the ansatz has closed in every overlap, so that fewer steps describe the same state."""
    if not unknowns.system.theory.steps:
        return False
    gaps = np.max([np.diff(levels) for levels, _ in unknowns.levels(u)], axis=0)
    return bool((gaps < CLOSED).any())
