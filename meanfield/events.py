"""What a user looks for along a branch: functions of a solution and its parameters, and the points where they vanish."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import sympy

from theory.errors import InputError
from theory.grammar import Scope, parse
from theory.symbols import symbol

__all__ = ["Event", "Quantities", "is_root", "read_events"]

# Where a function passes through infinity its value at the change of sign is no smaller than at the ends.
POLE = 1e-5


class Quantities(dict):
    """{name: number} of a solution and its parameters; what takes time is computed when it is first asked for.

    Parameters
    ----------
    known : {name: number}
    later : {name: function without arguments}
    """

    def __init__(self, known, later):
        super().__init__(known)
        self._later = later

    def __missing__(self, name):
        if name not in self._later:
            raise KeyError(name)
        self[name] = value = self._later[name]()
        return value


@dataclass(frozen=True)
class Event:
    """A label and a function of Quantities that changes its sign at points of interest."""

    label: str
    function: Callable

    def __call__(self, quantities):
        return float(self.function(quantities))


def read_events(events, names, parameters):
    """Events of {label: expression or function}, or of a sequence of expressions, which are their own labels.

    Parameters
    ----------
    events : texts in `names`, or functions g(solution, parameters) of two mappings {name: number}
    names : of the quantities of a solution
    parameters : names

    Raises
    ------
    InputError
        For what is neither, and for a text with unknown names.
    """
    if events is None:
        return ()
    items = events.items() if isinstance(events, Mapping) else ((str(e), e) for e in ([events] if isinstance(events, str) else events))
    return tuple(Event(str(label), _function(what, tuple(names), tuple(parameters))) for label, what in items)


def _function(what, names, parameters):
    if callable(what):
        return lambda q: what(q, {name: q[name] for name in parameters})
    if not isinstance(what, str):
        raise InputError(f"events: expected the text of an expression or a function of a solution and its parameters, got {what!r}")
    expression = parse(what, Scope({name: symbol(name) for name in (*parameters, *names)}))
    used = sorted(map(str, expression.free_symbols))
    function = sympy.lambdify([symbol(name) for name in used], expression, "math")
    return lambda q: function(*(q[name] for name in used))


def is_root(value, *ends):
    """Whether a value where the sign changes is a zero, rather than beside a pole."""
    return bool(np.isfinite(value) and abs(value) <= POLE * max(map(abs, ends)))
