"""Stationary covariances of linear stochastic dynamics, in continuous and in discrete time, null modes projected out."""

from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import solve_continuous_lyapunov, solve_discrete_lyapunov

from theory.errors import InputError

NULL_TOLERANCE = 1e-8
# Singular values this close above the tolerance are neither null nor clearly not.
AMBIGUOUS = 100.0


@dataclass(frozen=True)
class StationaryCovariance:
    """The covariance in which a linear stochastic dynamics is stationary, outside the null modes of its drift.

    Attributes
    ----------
    covariance : array (n, n), of P x, where P projects along the null modes; P C P^T = C
    projector : array (n, n), P: onto the range of the drift, along its null space (orthogonal for a symmetric drift)
    basis : array (n, r), orthonormal, of the range of the drift
    rank : int, number r of modes that are not null
    relaxation : slowest rate of relaxation of these modes: -max Re eigenvalue, or 1 - spectral radius in discrete time
    null_diffusion : trace of the diffusion that acts on the null modes, whose variance grows by as much in unit time
    gap : smallest singular value kept over the largest one dropped (infinite where nothing was dropped)
    resolved : whether no singular value lies within a factor of 100 above the tolerance
    residual : largest entry of the stationarity condition left over, relative to the diffusion's
    """

    covariance: np.ndarray
    projector: np.ndarray = field(repr=False)
    basis: np.ndarray = field(repr=False)
    rank: int
    relaxation: float
    null_diffusion: float
    gap: float
    resolved: bool
    residual: float

    @property
    def modes(self):
        """Covariance in the orthonormal basis of the modes that are not null: array (r, r)."""
        return self.basis.T @ self.covariance @ self.basis


def stationary_covariance(drift, diffusion, null_tolerance=NULL_TOLERANCE):
    """The covariance C with A C + C A^T + D = 0, of dx = A x dt + noise with E[noise noise^T] = D dt.

    Null modes of A neither relax nor are stationary: they are projected out along the null space of A.

    Parameters
    ----------
    drift : array (n, n), A; its eigenvalues have negative real parts, or vanish
    diffusion : array (n, n), D; symmetric, positive semidefinite
    null_tolerance : singular values of A below this fraction of the largest are null

    Returns
    -------
    StationaryCovariance

    Raises
    ------
    InputError
        The drift grows in some direction, oscillates undamped, or drives its own null modes (a defective zero eigenvalue).
    """
    drift, diffusion = _matrices(drift, diffusion)
    basis, projector, gap, resolved = _modes(drift, null_tolerance)
    reduced, source = _restricted(drift, diffusion, basis, projector)
    relaxation = _decaying(-np.linalg.eigvals(reduced).real, "the real parts of the drift's eigenvalues are negative or zero")
    inner = solve_continuous_lyapunov(reduced, -source) if len(reduced) else source
    residual = reduced @ inner + inner @ reduced.T + source
    return _result(inner, residual, source, diffusion, basis, projector, relaxation, gap, resolved)


def stationary_covariance_of_map(map, diffusion, null_tolerance=NULL_TOLERANCE):
    """The covariance C with C = A C A^T + D, of the iteration x -> A x + noise with E[noise noise^T] = D.

    Modes with eigenvalue 1 neither relax nor are stationary: they are projected out.

    Parameters
    ----------
    map : array (n, n), A; its eigenvalues lie inside the unit circle, or are 1
    diffusion : array (n, n), D; symmetric, positive semidefinite, by step
    null_tolerance : singular values of A - 1 below this fraction of the largest are null

    Returns
    -------
    StationaryCovariance

    Raises
    ------
    InputError
        The iteration grows in some direction, or drives its own null modes.
    """
    map, diffusion = _matrices(map, diffusion)
    basis, projector, gap, resolved = _modes(map - np.eye(len(map)), null_tolerance)
    reduced, source = _restricted(map, diffusion, basis, projector)
    relaxation = _decaying(1 - abs(np.linalg.eigvals(reduced)), "the map's eigenvalues lie inside the unit circle or are 1")
    inner = solve_discrete_lyapunov(reduced, source) if len(reduced) else source
    residual = reduced @ inner @ reduced.T - inner + source
    return _result(inner, residual, source, diffusion, basis, projector, relaxation, gap, resolved)


def _matrices(drift, diffusion):
    drift, diffusion = (np.atleast_2d(np.asarray(a, dtype=float)) for a in (drift, diffusion))
    if drift.ndim != 2 or drift.shape[0] != drift.shape[1] or drift.shape != diffusion.shape:
        raise InputError(f"expected drift and diffusion as square matrices of one size, got shapes {drift.shape} and "
                         f"{diffusion.shape}")
    if not (np.isfinite(drift).all() and np.isfinite(diffusion).all()):
        raise InputError("expected finite drift and diffusion: leave out the entries that are not, or mend what made them")
    if not np.allclose(diffusion, diffusion.T, atol=1e-10 * abs(diffusion).max()):
        raise InputError("expected a symmetric diffusion E[noise noise^T]: pass (D + D^T)/2")
    return drift, (diffusion + diffusion.T) / 2


def _modes(drift, tolerance):
    """Orthonormal basis of the drift's range, projector onto it along the null space, gap, and whether that is clear."""
    left, values, right = np.linalg.svd(drift)
    largest = max(values.max(initial=0.0), np.finfo(float).tiny)
    null = values <= tolerance * largest
    count = int(null.sum())
    kept, dropped = values[~null], values[null]
    gap = float(kept.min() / max(dropped.max(), np.finfo(float).tiny)) if count and len(kept) else np.inf
    resolved = not (kept < AMBIGUOUS * tolerance * largest).any()
    basis = left[:, ~null]
    if not count:
        return basis, np.eye(len(drift)), gap, resolved
    incoming, outgoing = right[null].T, left[:, null]
    overlap = outgoing.T @ incoming
    if np.linalg.cond(overlap) > 1 / np.sqrt(np.finfo(float).eps):
        raise InputError("the drift drives its own null modes (a zero eigenvalue with too few eigenvectors), so no covariance is "
                         "stationary: remove the conserved direction from the dynamics")
    return basis, np.eye(len(drift)) - incoming @ np.linalg.solve(overlap, outgoing.T), gap, resolved


def _restricted(drift, diffusion, basis, projector):
    return basis.T @ drift @ basis, basis.T @ projector @ diffusion @ projector.T @ basis


def _decaying(rates, expected):
    slowest = float(rates.min(initial=np.inf))
    if slowest <= 0:
        raise InputError(f"no covariance is stationary: expected that {expected}, found one beyond by {-slowest:.3g}; "
                         "lower the step size, or raise null_tolerance if it belongs to a null mode")
    return slowest


def _result(inner, residual, source, diffusion, basis, projector, relaxation, gap, resolved):
    covariance = basis @ (inner + inner.T) @ basis.T / 2
    null = np.eye(len(projector)) - projector
    scale = max(abs(source).max(initial=0.0), np.finfo(float).tiny)
    return StationaryCovariance(covariance, projector, basis, basis.shape[1], relaxation,
                                float(np.trace(null @ diffusion @ null.T)),
                                gap, resolved, float(abs(residual).max(initial=0.0) / scale))
