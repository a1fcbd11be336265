"""Quadrature rules for Gaussian and logistic weights."""

import numpy as np

REACH = 8.6


def gauss_logistic(n, smallest=1e-17):
    """Gauss rule of n nodes, n even, for the density sech(v)**2 / 2; nodes of weight below `smallest` are dropped.

    The orthogonal polynomials are continuous Hahn polynomials, whose Jacobi matrix has zero
    diagonal and squared off-diagonal pi**2 k**4 / (4 (4 k**2 - 1)).
    """
    k = np.arange(1.0, n)
    off = np.pi * k**2 / (2 * np.sqrt(4 * k**2 - 1))
    # Even and odd polynomials decouple: the positive nodes are singular values of the block between them.
    left, positive, _ = np.linalg.svd(np.diag(off[::2]) + np.diag(off[1::2], -1))
    half = left[0] ** 2 / 2
    nodes, weights = np.concatenate([-positive, positive[::-1]]), np.concatenate([half, half[::-1]])
    kept = weights > smallest
    return nodes[kept], weights[kept] / weights[kept].sum()


def trapezoid(n, reach=REACH):
    """Trapezoidal rule of n nodes for the standard normal density on |z| <= reach."""
    z = np.linspace(-reach, reach, n)
    weights = np.exp(-z * z / 2)
    return z, weights / weights.sum()


def normal_rule(b, digits=37.0, reach=REACH):
    """Trapezoidal nodes and weights that resolve poles at a distance pi/b from the real axis.

    The error is about exp(-2 pi d/h + d**2/2) with d the distance and h the spacing.
    """
    d = min(np.pi / max(b, 1e-300), reach)
    spacing = 2 * np.pi * d / (digits + d * d / 2)
    return trapezoid(2 * int(np.ceil(reach / spacing)) + 1, reach)
