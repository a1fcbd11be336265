"""One fixed point of phi = <g>: Newton's method to it, what is evaluated there, and how it is judged."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..kernels import drivers
from ..results import Status
from ..stability import index

__all__ = ["FAILURES", "FixedPoint", "polished", "status_of", "tied"]

FAILURES = {drivers.STEP_LIMIT: Status.STEP_LIMIT, drivers.NON_FINITE: Status.NOT_FINITE}
# Values that agree to this are equal up to rounding.
ROUNDING = 1e-13


@dataclass(frozen=True, eq=False)
class FixedPoint:
    """A fixed point and what was evaluated there.

    Attributes
    ----------
    phi : order parameters (n,)
    evaluation : at phi
    judged : evaluation that decides stability; at T = 0 that of the same state at a tiny temperature
    status, residual : how well it solves the equations
    """

    phi: np.ndarray
    evaluation: object
    judged: object
    status: Status
    residual: float

    @classmethod
    def at(cls, reduction, phi, status, residual=None, judged=None):
        """Evaluate a state; `judged` and `residual` replace what follows from phi itself."""
        system = reduction.system
        evaluation = system.evaluate(phi)
        if judged is None:
            judged = evaluation if system.T > 0 else reduction.probe.evaluate(phi)
        if residual is None:
            residual = float(np.abs(evaluation.residual).max())
        return cls(phi, evaluation, judged, status, residual)

    @property
    def entropy(self):
        """Entropy per site; on a kink the limit from T > 0, which depends on how its sites are divided."""
        return float((self.judged if self.status is Status.KINK else self.evaluation).entropy)

    @cached_property
    def index(self):
        """Sign of det(I + C e''), 0 where it is degenerate."""
        return index(self.judged)


def polished(system, phi, atol):
    """Newton's method from phi, and how it ended."""
    phi, code, _ = system.newton(phi)
    return phi, status_of(system, phi, atol, FAILURES.get(code, Status.STALLED))


def status_of(system, phi, atol, failure=Status.STALLED):
    """Whether phi solves the equations: by its residual, or by a Newton step below rounding; else `failure`."""
    residual, jacobian = system.residual(phi)
    if not np.isfinite(residual).all():
        return Status.NOT_FINITE
    solved = np.abs(residual).max() <= atol or _negligible_step(residual, jacobian)
    return Status.CONVERGED if solved else failure


def _negligible_step(residual, jacobian):
    """Whether Newton's next step is below rounding, which is all a steep map (T -> 0) allows."""
    if np.abs(residual).max() > 1e-6 or not np.isfinite(jacobian).all():
        return False
    try:
        return np.abs(np.linalg.solve(jacobian, residual)).max() <= 1e-14
    except np.linalg.LinAlgError:
        return False


def tied(phi):
    """phi with values equal in modulus up to rounding made exactly equal, and tiny ones zero."""
    order = np.argsort(np.abs(phi))
    sizes = np.abs(phi)[order]
    runs = np.split(order, np.flatnonzero(np.diff(sizes) > ROUNDING) + 1)
    result = np.array(phi, dtype=float)
    for run in runs:
        size = np.abs(phi[run]).mean()
        result[run] = np.sign(phi[run]) * size if size > ROUNDING else 0.0
    return result
