"""What a scan records at one point of its grid."""

from dataclasses import asdict, dataclass
from types import SimpleNamespace

import numpy as np

from theory.errors import InputError

from ..branches import susceptibility
from ..results import Status
from ..search.search import Search
from ..solutions import solutions_at
from ..stability import spectrum
from .portable import Portable

__all__ = ["QUANTITIES", "Record", "Work", "solve_points"]

# What may be asked for beside the order parameters, converged and status.
QUANTITIES = ("free_energy", "entropy", "energy", "kind", "stable", "multiplicity", "susceptibility", "residual",
              "quadrature_error", "solutions", "complete")


@dataclass(frozen=True, eq=False)
class Record:
    """The solutions at a point: the equilibrium alone, or all.

    Attributes
    ----------
    numbers : (k, columns), the columns of `Work.columns`; NaN where there is none
    kinds, statuses : k texts each
    found : number of solutions found
    complete : whether every test of completeness was passed
    """

    numbers: np.ndarray
    kinds: tuple
    statuses: tuple
    found: int
    complete: bool


@dataclass(frozen=True)
class Work:
    """What to do at the points of a grid, to be sent to workers.

    Attributes
    ----------
    theory : Portable
    names : of the scanned parameters
    fixed : ((name, value), ...)
    every : record all solutions instead of the equilibrium
    method : Search
    """

    theory: Portable
    names: tuple
    fixed: tuple
    every: bool = False
    method: Search = Search()

    def columns(self, names):
        """Names of the numbers that are recorded, for these order parameters."""
        return (*names, "free_energy", "entropy", "energy", "stable", "equilibrium", "multiplicity", "residual",
                "quadrature_error", "converged", *(f"chi_{name}" for name in names))

    def identity(self):
        """The search's options as plain values."""
        return {"method": type(self.method).__name__, **asdict(self.method)}


def solve_points(work, places):
    """The Records at some points, each {name: value} of the scanned parameters."""
    compiled = work.theory.compiled()
    return [_record(work, compiled, place) for place in places]


def _record(work, compiled, place):
    try:
        system = compiled.at(**compiled.model.values(**dict(work.fixed), **place))
        return _solved(work, system, solutions_at(system, work.method))
    except InputError as error:
        return failed(work, compiled, f"no solution: {error}")
    except (ArithmeticError, ValueError, np.linalg.LinAlgError) as error:
        return failed(work, compiled, f"failed: {type(error).__name__}: {error}")


def _solved(work, system, found):
    kept = tuple(found) if work.every else tuple(s for s in found if s.equilibrium)
    complete = bool(found.completeness.passed)
    if not kept:
        text = "no solution was found" if not len(found) else "no equilibrium: the free energy may have no lower bound"
        return failed(work, system.compiled, text, len(found), complete)
    numbers = np.array([_row(system, s) for s in kept])
    return Record(numbers, tuple(s.kind for s in kept), tuple(str(s.status) for s in kept), len(found), complete)


def failed(work, compiled, text, found=0, complete=False):
    """The Record of a point without a solution."""
    columns = work.columns(compiled.names)
    numbers = np.full((1, len(columns)), np.nan)
    numbers[0, columns.index("converged")] = 0.0
    return Record(numbers, ("",), (" ".join(text.split()),), found, complete)


def _row(system, s):
    return [*s.order_parameters.values(), s.free_energy, s.entropy, s.energy, s.stable, s.equilibrium, s.multiplicity, s.residual,
            s.quadrature_error, s.status in (Status.CONVERGED, Status.KINK), *_susceptibilities(system, s)]


def _susceptibilities(system, s):
    """d phi_a / d h_a at fixed temperature, NaN where the response does not exist (T = 0 on a discontinuity)."""
    evaluation = system.evaluate(s.values)
    if not (np.isfinite(evaluation.response).all() and np.isfinite(evaluation.jacobian).all()):
        return [np.nan] * system.size
    lowest = spectrum(evaluation.response, evaluation.curvature)[0][0]
    return np.diag(susceptibility(SimpleNamespace(evaluation=evaluation, lowest=float(lowest))))
