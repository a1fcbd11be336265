"""Local thermodynamic stability of a fixed point, with overlaps eliminated.

The conjugate fields are eliminated, so f(phi) = e(phi) - T S(phi) has the Hessian e'' + C^-1, C the response
of independent sites; it is positive where I + C^(1/2) e'' C^(1/2) is, which also holds for singular C.
"""

import numpy as np

from .results import Stability

__all__ = ["spectrum", "stability"]

MARGINAL = 1e-9
PROBE = 1e-3


def spectrum(response, curvature):
    """Eigenvalues of I + C^(1/2) e'' C^(1/2), ascending, and its eigenvectors; shapes (n,), (n, n)."""
    values, vectors = np.linalg.eigh((response + response.T) / 2)
    root = vectors * np.sqrt(np.clip(values, 0, None)) @ vectors.T
    return np.linalg.eigh(np.eye(len(values)) + root @ curvature @ root)


def stability(phi, evaluation, energy, vector=False):
    """Stability of the fixed point phi.

    Parameters
    ----------
    evaluation : at phi; for T = 0 at a tiny temperature, which tells a site on a kink by its huge response
    energy : Energy, needed for vectors
    vector : the order parameters are lengths of vectors, which may also turn
    """
    response, curvature = evaluation.response, evaluation.curvature
    if not (np.isfinite(response).all() and np.isfinite(curvature).all()):
        return Stability.UNSTABLE
    eigenvalues, _ = spectrum(response, curvature)
    # A vector against its field lowers its energy by turning round; without a field turning costs nothing.
    if eigenvalues[0] < -MARGINAL or vector and energy(phi)[0] > energy(-phi)[0] + MARGINAL:
        return Stability.UNSTABLE
    return Stability.MARGINAL if eigenvalues[0] <= MARGINAL else Stability.STABLE


def restores(system, phi, evaluation):
    """Whether the map phi -> <g> leads back to a marginal fixed point from both sides of its soft direction."""
    jacobian = np.eye(len(phi)) + evaluation.response @ evaluation.curvature
    left, _, right = np.linalg.svd(jacobian)
    normal, soft = left[:, -1], right[-1]
    normal = normal * np.sign(normal @ soft or 1.0)
    sides = [side * (normal @ system.residual(phi + side * PROBE * soft)[0]) for side in (1, -1)]
    return min(sides) > 0


def index(evaluation):
    """Sign of det(I + C e''), the index of the fixed point; 0 where it is degenerate."""
    eigenvalues, _ = spectrum(evaluation.response, evaluation.curvature)
    if np.abs(eigenvalues).min(initial=1.0) <= MARGINAL:
        return 0
    return int(np.prod(np.sign(eigenvalues)))
