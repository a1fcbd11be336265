"""What a scan records at one point of its grid."""

from dataclasses import asdict, dataclass

import numpy as np

from theory.errors import InputError

from ..branches import susceptibilities
from ..results import Status
from ..search.search import Search
from ..solutions import solutions_at
from .quenched import Quenched

__all__ = ["QUANTITIES", "QUENCHED", "Record", "Work", "columns", "failed", "solve_points"]

# What may be asked for beside the order parameters, converged and status.
QUANTITIES = ("free_energy", "entropy", "energy", "kind", "stable", "multiplicity", "susceptibility", "replicon", "rs_valid",
              "residual", "quadrature_error", "solutions", "complete")
# What exists with quenched couplings only.
QUENCHED = ("replicon", "rs_valid")
_NUMBERS = ("free_energy", "entropy", "energy", "stable", "equilibrium", "multiplicity", "residual", "quadrature_error",
            "converged")


@dataclass(frozen=True, eq=False)
class Record:
    """The solutions at a point: the equilibrium alone, or all.

    Attributes
    ----------
    numbers : (k, columns), of `columns`; NaN where there is none
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
    theory : Portable | PortableReplicas
    names : of the scanned parameters
    fixed : ((name, value), ...)
    every : record all solutions instead of the equilibrium
    method : Search
    """

    theory: object
    names: tuple
    fixed: tuple
    every: bool = False
    method: Search = Search()

    def identity(self):
        """The search's options as plain values."""
        compiled = self.theory.compiled()
        if isinstance(compiled, Quenched):
            return compiled.identity()
        return {"method": type(self.method).__name__, **asdict(self.method)}


def columns(compiled):
    """Names of the numbers that are recorded."""
    quenched = isinstance(compiled, Quenched)
    chi = [f"chi_{name}" for name in (compiled.responding if quenched else compiled.names)]
    return (*compiled.names, *_NUMBERS, *(QUENCHED if quenched else ()), *chi)


def solve_points(work, places):
    """The Records at some points, each {name: value} of the scanned parameters."""
    compiled = work.theory.compiled()
    return [_record(work, compiled, place) for place in places]


def _record(work, compiled, place):
    try:
        values = compiled.model.values(**dict(work.fixed), **place)
        if isinstance(compiled, Quenched):
            return _solved(work, compiled, compiled.solutions(values), lambda _, s: _quenched_row(compiled, values, s))
        system = compiled.at(**values)
        return _solved(work, compiled, solutions_at(system, work.method), lambda _, s: _row(system, s))
    except InputError as error:
        return failed(compiled, f"no solution: {error}")
    except (ArithmeticError, ValueError, np.linalg.LinAlgError) as error:
        return failed(compiled, f"failed: {type(error).__name__}: {error}")


def _solved(work, compiled, found, row):
    kept = tuple(found) if work.every else tuple(s for s in found if s.equilibrium)
    complete = bool(found.completeness.passed)
    if not kept:
        text = "no solution was found" if not len(found) else "no equilibrium: the free energy may have no lower bound"
        return failed(compiled, text, len(found), complete)
    numbers = np.array([row(compiled, s) for s in kept])
    return Record(numbers, tuple(s.kind for s in kept), tuple(str(s.status) for s in kept), len(found), complete)


def failed(compiled, text, found=0, complete=False):
    """The Record of a point without a solution."""
    names = columns(compiled)
    numbers = np.full((1, len(names)), np.nan)
    numbers[0, names.index("converged")] = 0.0
    return Record(numbers, ("",), (" ".join(text.split()),), found, complete)


def _row(system, s):
    return [*s.order_parameters.values(), *_numbers(s), *susceptibilities(system, s.values)]


def _quenched_row(quenched, values, s):
    reported = (s.order_parameters.get(name, np.nan) for name in quenched.names)
    return [*reported, *_numbers(s), s.replicon, s.rs_valid, *quenched.susceptibilities(values, s)]


def _numbers(s):
    return [s.free_energy, s.entropy, s.energy, s.stable, s.equilibrium, s.multiplicity, s.residual, s.quadrature_error,
            s.status in (Status.CONVERGED, Status.KINK)]
