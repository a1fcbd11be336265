"""Every solution of a model with quenched couplings at one parameter point."""

from theory.errors import InputError
from theory.replica import ReplicaTheory, ansatz_of

from ..results import Completeness, Solution, Solutions, Stability, Status
from .assemble import assemble, ordered, parameters
from .breaking import broken
from .boundary import perfect
from .reduced import Reduced, iterated
from .saddle import saddle
from .search import replica_symmetric
from .unknowns import Unknowns

__all__ = ["replica_solution", "replica_solutions", "solutions_of", "system_of"]

UNOPENED = "no solution with all steps continues a state whose ansatz is not valid"
_theories = {}


def theory_of(model, ansatz):
    """The replica theory of a model, the same object for the same model, so that its formulas are compiled once."""
    key = (id(model), ansatz)
    if key not in _theories:
        _theories[key] = (model, ReplicaTheory(model, ansatz))
    return _theories[key][1]


def system_of(model, values, ansatz=None, steps=None):
    """The SaddleSystem of a model at parameter values, under an ansatz."""
    theory = theory_of(model, ansatz_of(ansatz, steps))
    if theory.steps and any(layer.site.kind == "auxiliary" for layer in theory.layers):
        raise InputError(f"{model.name} has an auxiliary variable at each site, in replica symmetry only: use the ansatz rs")
    return saddle(theory).at(values)


def replica_solutions(model, values, ansatz=None, steps=None):
    """Every solution of a model with quenched couplings.

    Parameters
    ----------
    model : theory.Model
    values : {name: number} of every parameter, "T" included where the model has one
    ansatz : KStepRSB, or rs, 1rsb, krsb with steps; None is rs

    Returns
    -------
    Solutions
        empty where the equations have no solution (constraints that cannot be satisfied)
    """
    return solutions_of(system_of(model, values, ansatz, steps))


def replica_solution(model, values, ansatz=None, steps=None, start=None):
    """The equilibrium solution, or the one that a start {unknown or overlap: value} leads to; `status` says how that ended."""
    system = system_of(model, values, ansatz, steps)
    if start is None:
        best = solutions_of(system).equilibrium
        return best if best is not None else nowhere(system)
    return from_start(system, start)


def nowhere(system):
    """The record of a point at which no solution exists or none was found."""
    nan = float("nan")
    names = dict.fromkeys((*system.model.names, *system.saddle.reported_names), nan)
    return Solution(order_parameters=names, free_energy=nan, entropy=nan, energy=nan, stable=False, kind="none",
                    multiplicity=0, residual=nan, quadrature_error=nan, status=Status.ABSENT,
                    parameters=parameters(system), model=system.model.name, stability=Stability.UNSTABLE, options={"ansatz": system.theory.ansatz.name, "steps": system.theory.steps})


def from_start(system, start):
    """The Solution that iteration and Newton's method reach from a start; missing means, overlaps and D are zero, 0.5 and 1."""
    unknowns = Unknowns(system)
    u = unknowns.placed(start)
    null = [i for i in unknowns.means if u[i] == 0]
    v = iterated(unknowns, u, held=null, steps=300)
    if v is None:
        return nowhere(system)
    v, converged = Reduced(unknowns, v, range(unknowns.size)).solve()
    return assemble(unknowns, v, Status.CONVERGED)[0] if converged else nowhere(system)


def solutions_of(system):
    """Every solution of a SaddleSystem, as `Solutions`."""
    pairs, search = _pairs(system)
    failures = {str(Status.STALLED): search.failed, UNOPENED: search.unopened}
    failures = {message: count for message, count in failures.items() if count}
    done = Completeness(exhaustive=False, starts=search.starts, rounds=1, failures=failures)
    return Solutions(ordered(pairs), system.model.name, parameters(system), done)


def _pairs(system):
    theory, model = system.theory, system.model
    if theory.steps == 0:
        search = replica_symmetric(system)
        pairs = [assemble(search.unknowns, u) for u in search.points]
        return pairs + perfect(search), search
    return broken(system, lambda k: saddle(theory_of(model, ansatz_of("krsb", k))).at(system.values))
