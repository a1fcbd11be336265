"""Every solution of the self-consistency equations at one parameter point."""

from dataclasses import asdict, replace

import numpy as np

from .inputs import coupled, refuse_ansatz, system_at
from .phases import kind
from .results import Solution, Solutions, Stability, Status
from .search.search import Search, find_all
from .stability import restores, stability

__all__ = ["solutions", "solutions_at"]

# A quadrature error above this is reported as an unresolved average.
QUADRATURE = 1e-8
UNDERFLOW = 1e-100


def solutions(source, *, T=None, beta=None, method=Search(), ansatz=None, steps=None, **parameters):
    """Every fixed point of a model up to symmetry, stable first by free energy, then unstable.

    Parameters
    ----------
    source : Model | MeanFieldTheory | Compiled | name of a built-in model | path of a model file
    T : temperature, k_B = 1; the model's default if missing; 0 is legal
    beta : 1/T, instead of T
    method : Search; with quenched couplings there is one search, and no choice
    ansatz, steps : of replicas, for models with quenched couplings: rs (default), 1rsb, krsb with the number of steps, or a KStepRSB
    **parameters : of the model, structural integers of a built-in one included

    Returns
    -------
    Solutions
        its `completeness` says what speaks for having found all of them

    Raises
    ------
    InputError
        for an unknown model or parameter and for values outside their range
    """
    if quenched := coupled(source, T, beta, **parameters):
        from .replicas.solutions import replica_solutions

        return replica_solutions(*quenched, ansatz, steps)
    refuse_ansatz(ansatz, steps)
    return solutions_at(system_at(source, T, beta, **parameters), method)


def solutions_at(system, method=Search()):
    """Every fixed point of a compiled theory at the parameters of `system`, as `Solutions`."""
    found, completeness, reduction = find_all(system, method)
    options = {"method": type(method).__name__, **asdict(method)}
    items = [assemble(system, f, reduction, options) for f in found]
    parameters = reported(system)
    return Solutions(_ordered(items, reduction.measure.bounded), system.compiled.model.name, parameters, completeness)


def assemble(system, found, reduction, options):
    """The Solution of a fixed point."""
    phi, evaluation, model = found.phi, found.evaluation, system.compiled.model
    judged = _stability(found, reduction)
    stable = judged is Stability.STABLE or judged is Stability.MARGINAL and restores(reduction.probe, phi, found.judged)
    error = float(np.max(evaluation.quadrature_error))
    status = Status.UNRESOLVED if found.status.converged and error > QUADRATURE else found.status
    free_energy, entropy = _plain(evaluation.free_energy), _plain(found.entropy)
    return Solution(
        order_parameters=dict(zip(model.names, map(float, phi))), free_energy=free_energy, entropy=entropy,
        energy=free_energy + system.T * entropy if system.T else free_energy,
        stable=bool(stable), stability=judged, kind=kind(system, phi, reduction.site_symmetry),
        multiplicity=reduction.symmetry.multiplicity(phi), residual=found.residual, quadrature_error=error,
        status=status, parameters=reported(system), model=model.name, options=options)


def _plain(x):
    """A float; what the tiny temperature that stands for T = 0 leaves over is zero."""
    return 0.0 if abs(x) < UNDERFLOW else float(x)


def reported(system):
    """All parameters of a point by name: T, structural integers, the others."""
    return {"T": system.parameters["T"], **system.compiled.model.structural, **system.parameters}


def _stability(found, reduction):
    vector = reduction.model.site.kind == "sphere" and reduction.model.site.n > 1
    return stability(found.phi, found.judged, reduction.energy, vector)


def _ordered(items, bounded):
    """Stable solutions by free energy, then the others; the lowest of all is marked, unless there may be a lower state."""
    items = sorted(items, key=lambda s: (not s.stable, s.free_energy))
    best = min(items, key=lambda s: (round(s.free_energy, 12), not s.stable), default=None)
    if best is not None and not (bounded or best.stable):
        best = None
    return tuple(replace(s, equilibrium=s is best) for s in items)
