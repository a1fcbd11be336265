"""One solution of the self-consistency equations: the equilibrium state, or the one that a start leads to."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from theory.errors import InputError

from .search.fixed_points import FixedPoint, polished
from .inputs import coupled, refuse_ansatz, system_at
from .search.reduction import Reduction
from .results import Status
from .search.search import Search
from .solutions import assemble, solutions_at

__all__ = ["Iterate", "Newton", "solve", "solve_from"]

# A step larger than this times the state has left every bound.
DIVERGED = 1e6
# Two steps that cancel to this relative accuracy make a cycle of period two.
OSCILLATING = 1e-9


@dataclass(frozen=True)
class Iterate:
    """From a start by iterating phi -> <g>, finished by Newton's method: to the state whose basin it lies in.

    Attributes
    ----------
    atol : accepted residual max |phi - <g>|, undamped
    damping : fraction of the old value kept in each step
    steps : at most so many iterations; Newton's method takes over once a step is smaller than `near`
    """

    atol: float = 1e-11
    damping: float = 0.0
    steps: int = 10_000
    near: float = 1e-7

    def __call__(self, system, phi):
        previous = np.inf
        for _ in range(self.steps):
            change = -system.residual(phi)[0]
            size = np.abs(change).max()
            if not np.isfinite(size):
                return phi, Status.NOT_FINITE
            if size > DIVERGED * (1 + np.abs(phi).max()):
                return phi, Status.DIVERGED
            if size < self.near:
                return polished(system, phi, self.atol)
            if np.abs(change + previous).max() < OSCILLATING * size:
                return phi, Status.OSCILLATING
            phi, previous = phi + (1 - self.damping) * change, change
        return phi, Status.STEP_LIMIT


@dataclass(frozen=True)
class Newton:
    """From a start by Newton's method alone: also to unstable solutions.

    Attributes
    ----------
    atol : accepted residual max |phi - <g>|
    """

    atol: float = 1e-11

    def __call__(self, system, phi):
        return polished(system, phi, self.atol)


def solve(source, *, T=None, beta=None, start=None, method=None, ansatz=None, steps=None, **parameters):
    """The equilibrium solution of a model, or the solution that a start leads to.

    Parameters
    ----------
    source : Model | MeanFieldTheory | Compiled | name of a built-in model | path of a model file
    T : temperature, k_B = 1; the model's default if missing; 0 is legal
    beta : 1/T, instead of T
    start : {name: value} (zero where missing) or values in the model's order; None searches all solutions for the lowest free energy
    method : Iterate (default) or Newton with a start, Search without; quenched couplings have one way each
    ansatz, steps : of replicas, for models with quenched couplings: rs (default), 1rsb, krsb with the number of steps, or a KStepRSB
    **parameters : of the model, structural integers of a built-in one included

    Returns
    -------
    Solution
        check `converged`; `status` says how the computation ended
    """
    if quenched := coupled(source, T, beta, **parameters):
        from .replicas.solutions import replica_solution

        return replica_solution(*quenched, ansatz, steps, start)
    refuse_ansatz(ansatz, steps)
    system = system_at(source, T, beta, **parameters)
    if start is None:
        return _equilibrium(system, method or Search())
    return solve_from(system, _start(system, start), method or Iterate())


def _equilibrium(system, method):
    """The solution of lowest free energy, or the failed attempt where the search found none."""
    best = solutions_at(system, method).equilibrium
    return best if best is not None else solve_from(system, Reduction(system).measure.centre)


def solve_from(system, phi, method=Iterate()):
    """The Solution that `method` reaches from the order parameters phi, shape (n,)."""
    phi, status = method(system, np.array(phi, dtype=float))
    reduction, options = Reduction(system), {"method": type(method).__name__, **asdict(method)}
    return assemble(system, FixedPoint.at(reduction, phi, status), reduction, options)


def _start(system, start):
    """The starting values as an array, zero where a name is missing."""
    names = system.compiled.model.names
    if isinstance(start, Mapping):
        if unknown := sorted(set(start) - set(names)):
            raise InputError(f"the start names {', '.join(unknown)}: the order parameters are {', '.join(names)}")
        return [float(start.get(name, 0.0)) for name in names]
    values = np.atleast_1d(np.asarray(start, dtype=float))
    if values.shape != (len(names),) or not np.isfinite(values).all():
        raise InputError(f"a start needs {len(names)} finite values, for {', '.join(names)}: got {start!r}")
    return values
