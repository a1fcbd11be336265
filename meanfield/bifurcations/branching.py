"""What kind of bifurcation a point on a branch is."""

from itertools import combinations

import numpy as np

__all__ = ["bifurcation_kind"]

# Relative size of singular values that vanish, length of second differences in units of T, and forces that vanish.
SINGULAR, LENGTH, FORCELESS = 1e-5, 1e-2, 1e-6


def bifurcation_kind(family, values, order_parameters):
    """"transcritical" where two branches cross and exchange stability, "pitchfork" where one meets its mirror images.

    The second-order force along the kernel of the Jacobian, w.d2F v v, vanishes at a pitchfork only.
    """
    system, phi = family.at(values), np.asarray(order_parameters, float)
    force = lambda x: system.residual(x)[0]
    left, sizes, right = np.linalg.svd(system.residual(phi)[1])
    kernel = sizes <= max(SINGULAR * sizes[0], (1 + SINGULAR) * sizes[-1])
    directions = [*right[kernel], *(a + b for a, b in combinations(right[kernel], 2))]
    step = LENGTH * min(family.parameters(values)["T"], 1.0)
    bends = [left[:, kernel].T @ (force(phi + step * v) + force(phi - step * v) - 2 * force(phi)) / step**2 for v in directions]
    return "transcritical" if np.abs(bends).max(initial=0) > FORCELESS else "pitchfork"
