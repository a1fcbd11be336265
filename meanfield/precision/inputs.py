"""From what a user gives to a Setting with exact parameters and a start in double precision."""

import os
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import mpmath
import numpy as np
import sympy

from theory.errors import InputError
from theory.grammar import constant
from theory.models import configure
from theory.symbols import symbol

from ..inputs import configured, has_couplings, refuse_ansatz
from ..results import Solution
from ..solve import Newton, solve, solve_from
from .problems import Setting, coexistence, critical, fixed_point, fold, tie, untied

__all__ = ["Start", "exact", "pose"]

# Singular values of the Jacobian that equal the smallest one to this, or are as small as rounding, belong to the kernel.
EQUAL, FLOOR = 1e-6, 1e-9


@dataclass(frozen=True, eq=False)
class Start:
    """A Problem with approximate values of its unknowns.

    Attributes
    ----------
    setting : Setting
    problem : Problem
    values : approximate unknowns, floats
    alternatives : Problems to fall back on, each with its values
    solution : Solution in double precision, or None
    """

    setting: Setting
    problem: object
    values: tuple
    alternatives: tuple = ()
    solution: object = None


def pose(source, T=None, beta=None, start=None, at=None, ansatz=None, **parameters):
    """The Start of `precise` and `certify`."""
    if isinstance(source, Solution):
        source, start, parameters = _of_solution(source, start, T, beta, parameters)
    elif isinstance(start, Solution) and at is None and T is None and beta is None and not parameters:
        parameters = dict(start.parameters)
    elif T is not None or beta is not None:
        parameters = {**parameters, "T": _temperature(T, beta)}
    numbers = {name: exact(name, value) for name, value in parameters.items()}
    floats = {name: float(v) for name, v in numbers.items()}
    if has_couplings(source, floats):
        return _of_couplings(source, numbers, floats, start, at, ansatz)
    refuse_ansatz(ansatz, None)
    compiled, given = configured(source, floats)
    if at is None:
        return _at_point(compiled, _all_exact(compiled, numbers, given), start)
    return _special(compiled, numbers, given, start, at)


def exact(name, value):
    """A parameter as an exact number: a float stands for the decimal that it is written as, a text for its expression.

    Raises
    ------
    InputError
        For what is no finite real number.
    """
    try:
        number = _number(value)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise InputError(f"{name}: expected a finite real number or a text such as '1/3': got {value!r} ({error})") from None
    if not (number.is_number and number.is_real and number.is_finite):
        raise InputError(f"{name}: expected a finite real number or a text such as '1/3': got {value!r}")
    return number


def _number(value):
    if isinstance(value, str):
        return constant(value)
    if isinstance(value, sympy.Basic) and not isinstance(value, sympy.Float):
        return value
    if isinstance(value, mpmath.mpf):
        return sympy.Rational(*map(int, mpmath.libmp.to_rational(value._mpf_)))
    if isinstance(value, (int, np.integer, Fraction, Decimal)):
        return sympy.Rational(int(value) if isinstance(value, np.integer) else str(value))
    return sympy.Rational(repr(float(value)))


def _temperature(T, beta):
    if T is not None and beta is not None:
        raise InputError("give either T or beta, not both")
    return T if beta is None else 1 / exact("beta", beta)


def _of_solution(found, start, T, beta, parameters):
    """Source, start and parameters of a Solution of a built-in model."""
    if T is not None or beta is not None or parameters:
        raise InputError("a solution has its parameters already: give a model to change them")
    return found.model, found if start is None else start, dict(found.parameters)


def _all_exact(compiled, numbers, given, free=None):
    """{symbol: exact number} of T and all parameters but the free one; defaults as the decimals that they are written as."""
    trial = {name: v for name, v in given.items() if name != free}
    if free is not None:
        trial[free] = given[free]
    values = compiled.model.values(**trial)
    if values["T"] == 0:
        raise InputError("T = 0 has no precise points: the equations have kinks there; take T > 0")
    return {symbol(name): numbers[name] if name in numbers else exact(name, v) for name, v in values.items() if name != free}


def _at_point(compiled, exact_values, start):
    """A fixed point: tied first, so that directions of instability across the symmetry do no harm, then free."""
    setting = Setting(compiled.theory, exact_values)
    floats = {str(k): float(v) for k, v in exact_values.items()}
    found = solve(compiled, start=start, **floats) if start is None else _near(compiled, floats, start)
    if not found.converged:
        raise InputError(f"no solution to refine: {found.status}; give another start")
    return _plain(setting, found.values, found)


def _plain(setting, phi, found):
    """The Start of a plain solution near the unknowns phi."""
    ties = [tie(setting, phi), untied(setting)]
    posed = [(fixed_point(setting, t), tuple(phi[i] for i in t.rows)) for t in ties]
    return Start(setting, *posed[0], tuple(posed[1:]), found)


def _near(compiled, floats, start):
    """The solution that Newton's method leads to from a start, unstable ones included."""
    system = compiled.at(**floats)
    return solve_from(system, _values(compiled, start), Newton())


def _values(compiled, start):
    names = compiled.model.names
    start = start.order_parameters if isinstance(start, Solution) else start
    values = [start.get(n, 0.0) for n in names] if hasattr(start, "get") else start
    try:
        values = np.array([float(v) for v in values])
    except (TypeError, ValueError):
        raise InputError(f"start: expected values of {', '.join(names)}, got {start!r}") from None
    if values.shape != (len(names),) or hasattr(start, "get") and not set(start) <= set(names):
        raise InputError(f"start: expected values of {', '.join(names)}, got {start!r}")
    return values


def _special(compiled, numbers, given, start, at):
    """A fold, a critical point or a coexistence along one parameter."""
    place, states = _guess(compiled, start, at)
    name, value = _sought(compiled.model, place, numbers)
    held = _all_exact(compiled, numbers, {**given, name: float(value)}, name)
    setting = Setting(compiled.theory, held, symbol(name))
    if len(states) == 2:
        return Start(setting, coexistence(setting), (*states[0], *states[1], float(value)))
    phi, = states
    floats = {**{str(k): float(v) for k, v in held.items()}, name: float(value)}
    _, jacobian = compiled.at(**floats).residual(phi)
    return _singular(setting, jacobian, phi, float(value))


def _sought(model, place, numbers):
    """Name and approximate value of the parameter that is left free."""
    (name, value), = place.items()
    if name != "T" and (name not in model.parameters or model.parameters[name].integer):
        known = [n for n, p in model.parameters.items() if not p.integer]
        raise InputError(f"at: {name} is no parameter that can vary: expected one of {', '.join(['T', *known])}")
    if name in numbers:
        raise InputError(f"{name} is both set and sought: leave it out")
    return name, float(value)


def _of_couplings(source, numbers, floats, start, at, ansatz):
    """The Start of a model with quenched couplings."""
    from .replicas import Point, ReplicaSetting

    source, given = configure(source, floats) if isinstance(source, (str, os.PathLike)) else (source, floats)
    if isinstance(start, Solution) and start.options.get("steps"):
        ansatz = ansatz or start.options["ansatz"]
    place, starts = ({}, [start]) if at is None else _place_and_starts(at, start)
    name, value = _sought(source, place, numbers) if place else (None, None)
    values = source.values(**given, **({name: value} if place else {}))
    held = {symbol(n): numbers[n] if n in numbers else exact(n, v) for n, v in values.items() if n != name}
    point = Point(source, values, ansatz)
    setting = ReplicaSetting(point.system.theory, held, symbol(name) if place else None)
    if not place:
        return _plain(setting, *point.solved(start))
    if len(starts) == 2:
        return Start(setting, coexistence(setting), (*point.settled(starts[0]), *point.settled(starts[1]), value))
    u = point.placed(starts[0])
    return _singular(setting, point.system.jacobian(u), u, value)


def _guess(compiled, start, at):
    """{name: approximate value} of the free parameter, and one state or two."""
    origin = getattr(at, "origin", None)
    if origin is not None:
        return dict(at.at), [np.array(s, float) for s in origin.states]
    place, starts = _place_and_starts(at, start)
    return place, [_values(compiled, s) for s in starts]


def _place_and_starts(at, start):
    """{name: approximate value} of the free parameter, and one start or two as they were given."""
    place = dict(getattr(at, "at", None) or at)
    if len(place) != 1:
        raise InputError(f"at: expected one parameter and its approximate value, got {place}")
    if start is None:
        start = getattr(at, "order_parameters", None)
    if start is None:
        raise InputError("a special point needs a start: approximate order parameters, or a pair of them for coexistence")
    is_state = lambda s: bool(np.ndim(s)) or hasattr(s, "get") or isinstance(s, Solution)
    pair = isinstance(start, (tuple, list)) and len(start) == 2 and all(map(is_state, start))
    return place, list(start) if pair else [start]


def _singular(setting, jacobian, phi, value):
    """The Problem for the kernel of the Jacobian near a state: inside its symmetry a fold, else an instability."""
    _, sizes, right = np.linalg.svd(jacobian)
    kernel = right[sizes <= (1 + EQUAL) * sizes[-1] + FLOOR].T
    tied = tie(setting, phi)
    inside = _inside(tied, setting.phi, kernel)
    if len(tied.unknowns) and np.abs(inside).max() > 1e-3:
        vector = inside[:, int(np.argmax(np.linalg.norm(inside, axis=0)))]
        unit = vector / np.linalg.norm(vector)
        return Start(setting, fold(setting, unit), (*phi, *unit, value))
    posed = critical(setting, tied, kernel)
    vector = (*(kernel[:, 0] / np.linalg.norm(kernel[:, 0])),) if len(posed.unknowns) > len(tied.rows) + 1 else ()
    return Start(setting, posed, (*(phi[i] for i in tied.rows), *vector, value))


def _inside(tied, phi, kernel):
    """The parts of kernel vectors that respect the ties, shape (n, d)."""
    embedding = np.array([[float(tied.values[a].diff(u)) if tied.values[a] != 0 else 0.0 for u in tied.unknowns] for a in phi])
    if not embedding.size:
        return np.zeros((len(phi), 1))
    basis, _ = np.linalg.qr(embedding)
    return basis @ (basis.T @ kernel)
