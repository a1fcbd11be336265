"""From what a user gives to a Setting with exact parameters and a start in double precision."""

import os
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import mpmath
import numpy as np
import sympy

from theory.errors import InputError
from theory.grammar import Scope, constant, parse
from theory.models import configure
from theory.symbols import symbol

from ..inputs import configured, has_couplings, refuse_ansatz
from ..results import Solution
from ..solve import Newton, solve, solve_from
from .problems import Setting, coexistence, condition, critical, cusp, end_point, fixed_point, fold, tie, tricritical, untied

__all__ = ["Start", "exact", "pose"]

# Singular values of the Jacobian that equal the smallest one to this, or are as small as rounding, belong to the kernel.
EQUAL, FLOOR = 1e-6, 1e-9
# What vanishes at special points of branches, and what points with a condition are called.
CONDITIONS = {"at": "replicon", "gardner": "replicon", "zero-entropy": "entropy"}
KINDS = {"replicon": "at", "entropy": "zero-entropy", "s": "zero-entropy"}


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


def pose(source, T=None, beta=None, start=None, at=None, ansatz=None, condition=None, **parameters):
    """The Start of `precise` and `certify`."""
    if condition is not None and at is None:
        raise InputError("a condition needs at={name: approximate value}, the parameter that is to satisfy it")
    condition = condition or CONDITIONS.get(getattr(at, "kind", None))
    if isinstance(source, Solution):
        source, start, parameters = _of_solution(source, start, T, beta, parameters)
    elif isinstance(start, Solution) and at is None and T is None and beta is None and not parameters:
        parameters = dict(start.parameters)
    elif T is not None or beta is not None:
        parameters = {**parameters, "T": _temperature(T, beta)}
    numbers = {name: exact(name, value) for name, value in parameters.items()}
    floats = {name: float(v) for name, v in numbers.items()}
    if has_couplings(source, floats):
        return _of_couplings(source, numbers, floats, start, at, ansatz, condition)
    refuse_ansatz(ansatz, None)
    compiled, given = configured(source, floats)
    if at is None:
        return _at_point(compiled, _all_exact(compiled, numbers, given), start)
    return _special(compiled, numbers, given, start, at, condition)


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


def _all_exact(compiled, numbers, given, free=()):
    """{symbol: exact number} of T and all parameters but free ones; defaults as the decimals that they are written as."""
    values = compiled.model.values(**given)
    if values["T"] == 0:
        raise InputError("T = 0 has no precise points: the equations have kinks there; take T > 0")
    return {symbol(name): numbers[name] if name in numbers else exact(name, v) for name, v in values.items() if name not in free}


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


def _special(compiled, numbers, given, start, at, condition):
    """A special point of one parameter or two."""
    place, states = _guess(compiled, start, at)
    place = {name: _sought(compiled.model, name, value, numbers) for name, value in place.items()}
    held = _all_exact(compiled, numbers, {**given, **place}, place)
    setting = Setting(compiled.theory, held, tuple(map(symbol, place)))
    floats = {**{str(k): float(v) for k, v in held.items()}, **place}
    jacobian = lambda phi: compiled.at(**floats).residual(phi)[1]
    return special_point(setting, jacobian, states, tuple(place.values()), condition)


def special_point(setting, jacobian, states, values, condition=None):
    """The Start of a special point near some states and values of the free parameters.

    Parameters
    ----------
    jacobian : function of a state
    condition : text of an expression that vanishes, or None for what the number of states and parameters says
    """
    if condition is not None:
        return _conditioned(setting, states, values, condition)
    if len(states) == len(values) + 1:
        return Start(setting, coexistence(setting, len(states)), (*np.concatenate(states), *values))
    if len(states) == 2:
        tied = tie(setting, states[0])
        kernel = _kernel(jacobian(states[0]))
        return Start(setting, end_point(setting, tied, kernel), (*(states[0][i] for i in tied.rows), *states[1], *values))
    phi, = states
    return _singular(setting, jacobian(phi), phi, values)


def _conditioned(setting, states, values, text):
    """The Start of a solution on which an expression vanishes."""
    if len(states) != 1 or len(values) != 1:
        raise InputError(f"a condition is for one state and one parameter: got {len(states)} and {len(values)}")
    phi, = states
    expression, kind = _expression(setting, text), KINDS.get(text, "condition")
    ties = [tie(setting, phi), untied(setting)]
    posed = [(condition(setting, t, expression, kind), (*(phi[i] for i in t.rows), *values)) for t in ties]
    return Start(setting, *posed[0], tuple(posed[1:]))


def _expression(setting, text):
    """The expression that a text writes in order parameters, parameters, f, s and the replicon."""
    if text == "replicon":
        if not setting.stability:
            raise InputError("there is no replicon without quenched couplings")
        size = int(len(setting.stability) ** 0.5)
        return sympy.Matrix(size, size, setting.stability).det()
    names = {**setting.reported, "f": setting.free_energy, "s": setting.entropy, "free_energy": setting.free_energy,
             "entropy": setting.entropy, **{str(a): a for a in (*setting.exact, *setting.free)}}
    return setting.held(parse(text, Scope(names))) if isinstance(text, str) else _refuse_condition(text)


def _refuse_condition(given):
    raise InputError(f"condition: expected the text of an expression that vanishes, got {given!r}")


def _sought(model, name, value, numbers):
    """The approximate value of a parameter that is left free."""
    if name != "T" and (name not in model.parameters or model.parameters[name].integer):
        known = [n for n, p in model.parameters.items() if not p.integer]
        raise InputError(f"at: {name} is no parameter that can vary: expected one of {', '.join(['T', *known])}")
    if name in numbers:
        raise InputError(f"{name} is both set and sought: leave it out")
    return float(value)


def _of_couplings(source, numbers, floats, start, at, ansatz, condition):
    """The Start of a model with quenched couplings."""
    from .replicas import Point, ReplicaSetting

    source, given = configure(source, floats) if isinstance(source, (str, os.PathLike)) else (source, floats)
    if isinstance(start, Solution) and start.options.get("steps"):
        ansatz = ansatz or start.options["ansatz"]
    place, starts = ({}, [start]) if at is None else _place_and_starts(at, start)
    place = {name: _sought(source, name, value, numbers) for name, value in place.items()}
    values = source.values(**given, **place)
    held = {symbol(n): numbers[n] if n in numbers else exact(n, v) for n, v in values.items() if n not in place}
    point = Point(source, values, ansatz)
    setting = ReplicaSetting(point.system.theory, held, tuple(map(symbol, place)), float(values.get("T", 0.0)))
    if not place:
        return _plain(setting, *point.solved(start))
    states = [point.settled(s) for s in starts] if len(starts) > 1 else [point.placed(starts[0])]
    if condition is None and len(starts) == len(place) == 1 and setting.emptied(states[0]):
        condition = "replicon" if point.gains_overlaps(starts[0], *place) else None
    return special_point(setting, point.system.jacobian, states, tuple(place.values()), condition)


def _guess(compiled, start, at):
    """{name: approximate value} of the free parameter, and one state or two."""
    origin = getattr(at, "origin", None)
    if origin is not None:
        return dict(at.at), [np.array(s, float) for s in origin.states]
    place, starts = _place_and_starts(at, start)
    return place, [_values(compiled, s) for s in starts]


def _place_and_starts(at, start):
    """{name: approximate value} of one free parameter or two, and the starts as they were given."""
    place = dict(getattr(at, "at", None) or at)
    if len(place) not in (1, 2):
        raise InputError(f"at: expected one parameter and its approximate value, or two, got {place}")
    if start is None:
        start = getattr(at, "order_parameters", None)
    if start is None:
        raise InputError("a special point needs a start: approximate order parameters, or several of them for coexistence")
    is_state = lambda s: bool(np.ndim(s)) or hasattr(s, "get") or isinstance(s, Solution)
    several = isinstance(start, (tuple, list)) and len(start) in (2, 3) and all(map(is_state, start))
    starts = list(start) if several else [start]
    if len(starts) > len(place) + 1:
        raise InputError(f"{len(starts)} states coexist where {len(starts) - 1} parameters are left free: got {len(place)}")
    return place, starts


def _kernel(jacobian):
    """A basis, by columns, of what a Jacobian nearly sends to zero."""
    _, sizes, right = np.linalg.svd(jacobian)
    return right[sizes <= (1 + EQUAL) * sizes[-1] + FLOOR].T


def _singular(setting, jacobian, phi, values):
    """The Start for the kernel of the Jacobian near a state.

    Inside the state's symmetry a fold, in two parameters a cusp; else an instability, in two parameters a tricritical point.
    """
    kernel, tied = _kernel(jacobian), tie(setting, phi)
    inside = _inside(tied, setting.phi, kernel)
    if len(tied.unknowns) and np.abs(inside).max() > 1e-3:
        vector = inside[:, int(np.argmax(np.linalg.norm(inside, axis=0)))]
        unit = vector / np.linalg.norm(vector)
        if len(values) == 2:
            return Start(setting, cusp(setting, unit), (*phi, *unit, *np.zeros(len(phi)), *values))
        return Start(setting, fold(setting, unit), (*phi, *unit, *values))
    symmetric = tuple(phi[i] for i in tied.rows)
    if len(values) == 2:
        unit = kernel[:, 0] / np.linalg.norm(kernel[:, 0])
        # A field may be among the parameters: then the state is symmetric by chance, at a cusp.
        bent = cusp(setting, unit), (*phi, *unit, *np.zeros(len(phi)), *values)
        return Start(setting, tricritical(setting, tied, kernel), (*symmetric, *np.zeros(len(symmetric)), *values), (bent,))
    posed = critical(setting, tied, kernel)
    vector = (*(kernel[:, 0] / np.linalg.norm(kernel[:, 0])),) if len(posed.unknowns) > len(tied.rows) + 1 else ()
    return Start(setting, posed, (*symmetric, *vector, *values))


def _inside(tied, phi, kernel):
    """The parts of kernel vectors that respect the ties, shape (n, d)."""
    embedding = np.array([[float(tied.values[a].diff(u)) if tied.values[a] != 0 else 0.0 for u in tied.unknowns] for a in phi])
    if not embedding.size:
        return np.zeros((len(phi), 1))
    basis, _ = np.linalg.qr(embedding)
    return basis @ (basis.T @ kernel)
