"""Extended systems: N equations in N + 1 variables whose solutions are a curve of parameter points where something happens.

The variables are the unknowns (and null vectors, or the unknowns of a second state), then the active parameters.
"""

from dataclasses import dataclass

import sympy

from theory.errors import InputError
from theory.symbols import symbol

from .chain import Chain
from .saddle import equations, parameters_of

KINDS = ("solution", "fold", "instability", "equal_free_energies", "replicon", "zero_entropy", "condition")


@dataclass(frozen=True)
class Extended:
    """An extended system.

    Attributes
    ----------
    kind : one of KINDS
    chain : of the opaque names
    states : the Equations of the states that it contains
    variables : N + 1 symbols, the active parameters last
    parameters : all parameters, T first
    equations : N expressions
    tests : {name: expression} whose changes of sign along the curve are of interest
    recorded : {name: expression} that are evaluated with them
    """

    kind: str
    chain: Chain
    states: tuple
    variables: tuple
    parameters: tuple
    equations: tuple
    tests: dict
    recorded: dict

    def jacobian(self):
        """Total derivatives, N rows of N + 1."""
        return [[self.chain.diff(e, x) for x in self.variables] for e in self.equations]


def extended(theory, kind, active, symmetric=None, condition=None):
    """The extended system of a kind.

    Parameters
    ----------
    active : names of two parameters; of one for kind "solution"
    symmetric : for "instability", {unknown: value} of the symmetric phase, its values expressions in the parameters
    condition : for "condition", an expression in unknowns, reported quantities and parameters
    """
    if kind not in KINDS:
        raise InputError(f"unknown kind of curve {kind!r}: choose one of {', '.join(KINDS)}")
    parameters = parameters_of(theory)
    active = tuple(_active(name, parameters) for name in active)
    if len(active) != (1 if kind == "solution" else 2):
        raise InputError(f"a curve of kind {kind} has {1 if kind == 'solution' else 2} active parameters: got {len(active)}")
    state = equations(theory)
    extra, added, states = _BUILD[kind](theory, state, symmetric, condition)
    solved = state.residual if kind != "instability" else _restricted(state, symmetric)
    variables = (*state.unknowns, *extra, *active)
    return Extended(kind, state.chain, states, variables, parameters, (*solved, *added), _tests(kind, states),
                    {f"free_energy{_end(i)}": state.free_energy for i, state in enumerate(states)})


def _active(name, parameters):
    found = [p for p in parameters if str(p) == str(name)]
    if not found:
        raise InputError(f"no parameter {name}: it has {', '.join(map(str, parameters))}")
    return found[0]


def _end(i):
    return "" if i == 0 else f"_{i + 1}"


def _tests(kind, states):
    """What may change sign on the way: the replicon, the entropy; on a branch of solutions the Jacobian's determinant."""
    tests = {}
    for i, state in enumerate(states):
        if state.stability is not None and kind != "replicon":
            tests[f"replicon{_end(i)}"] = state.stability.det()
        if kind != "zero_entropy":
            tests[f"entropy{_end(i)}"] = state.entropy
    if kind == "solution" and len(states[0].unknowns) <= 3:
        tests["determinant"] = sympy.Matrix(states[0].jacobian(states[0].unknowns)).det(method="berkowitz")
    return tests


def _solution(theory, state, symmetric, condition):
    return (), (), (state,)


def _null_vector(state, unknowns, rows):
    """(v, J v = 0 and v.v = 1); the single entry of J itself where there is one direction."""
    if len(unknowns) == 1:
        return (), (state.chain.diff(rows[0], unknowns[0]),)
    v = tuple(symbol(f"{a}_null") for a in unknowns)
    products = tuple(sympy.Add(*(state.chain.diff(e, a) * c for a, c in zip(unknowns, v))) for e in rows)
    return v, (*products, sympy.Add(*(c**2 for c in v)) - 1)


def _fold(theory, state, symmetric, condition):
    return *_null_vector(state, state.unknowns, state.residual), (state,)


def _instability(theory, state, symmetric, condition):
    broken = [(a, e) for a, e in zip(state.unknowns, state.residual) if a in _symmetric(state, symmetric)]
    return *_null_vector(state, [a for a, _ in broken], [e for _, e in broken]), (state,)


def _symmetric(state, symmetric):
    if not symmetric:
        raise InputError("an instability needs the symmetric phase, e.g. symmetric={'m': 0}")
    named = {str(a): a for a in state.unknowns}
    if unknown := set(map(str, symmetric)) - set(named):
        raise InputError(f"no unknown {min(unknown)}: the unknowns are {', '.join(named)}")
    return {named[str(a)]: sympy.sympify(value) for a, value in symmetric.items()}


def _restricted(state, symmetric):
    fixed = _symmetric(state, symmetric)
    return tuple(a - fixed[a] if a in fixed else e for a, e in zip(state.unknowns, state.residual))


def _equal(theory, state, symmetric, condition):
    other = equations(theory, state.chain, suffix="_2")
    return other.unknowns, (*other.residual, state.free_energy - other.free_energy), (state, other)


def _replicon(theory, state, symmetric, condition):
    if state.stability is None:
        raise InputError(f"{theory.model.name} has no quenched couplings, hence no replicon")
    return (), (state.stability.det(),), (state,)


def _zero_entropy(theory, state, symmetric, condition):
    return (), (state.entropy,), (state,)


def _condition(theory, state, symmetric, condition):
    if condition is None:
        raise InputError("a curve of kind condition needs condition=, an expression that vanishes on it")
    named = {symbol(name): value for name, value in state.reported.items()}
    expr = sympy.sympify(condition).xreplace({symbol("f"): state.free_energy, symbol("s"): state.entropy, **named})
    if strange := expr.free_symbols - {*state.unknowns, *parameters_of(theory), *state.chain.nodes, *state.chain.definitions}:
        raise InputError(f"the condition contains {min(map(str, strange))}, which is no unknown, reported quantity or parameter")
    return (), (expr,), (state,)


_BUILD = {"solution": _solution, "fold": _fold, "instability": _instability, "equal_free_energies": _equal,
          "replicon": _replicon, "zero_entropy": _zero_entropy, "condition": _condition}
