"""Extended systems: N equations in N + 1 variables whose solutions are a curve of parameter points where something happens.

The variables are the unknowns (and null vectors, or the unknowns of a second state), then the active parameters.
"""

from dataclasses import dataclass

import sympy

from theory.errors import InputError
from theory.grammar import Scope, parse
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


@dataclass(frozen=True)
class Options:
    """What some kinds of systems need: see `extended`."""

    symmetric: dict | None
    condition: object
    broken: tuple | None


def extended(theory, kind, active, symmetric=None, condition=None, broken=None):
    """The extended system of a kind.

    Parameters
    ----------
    active : names of two parameters; of one for kind "solution"
    symmetric : for "instability", {unknown: value} of the symmetric phase, its values expressions in the parameters or their text
    condition : for "condition", an expression in unknowns, reported quantities, f, s and parameters, or its text
    broken : for "instability", names of the unknowns that leave their symmetric values; all that have one by default
    """
    if kind not in KINDS:
        raise InputError(f"unknown kind of curve {kind!r}: choose one of {', '.join(KINDS)}")
    parameters = parameters_of(theory)
    active = tuple(_active(name, parameters) for name in active)
    if len(active) != (1 if kind == "solution" else 2):
        raise InputError(f"a curve of kind {kind} has {1 if kind == 'solution' else 2} active parameters: got {len(active)}")
    state = equations(theory)
    extra, added, states = _BUILD[kind](theory, state, Options(symmetric, condition, broken))
    solved = state.residual if kind != "instability" else _restricted(theory, state, symmetric)
    variables = (*state.unknowns, *extra, *active)
    tests = _tests(kind, states) | (_cubic(theory, state, symmetric, broken) if kind == "instability" else {})
    return Extended(kind, state.chain, states, variables, parameters, (*solved, *added), tests,
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


def _solution(theory, state, options):
    return (), (), (state,)


def _null_vector(state, unknowns, rows):
    """(v, J v = 0 and v.v = 1); the single entry of J itself where there is one direction."""
    if len(unknowns) == 1:
        return (), (state.chain.diff(rows[0], unknowns[0]),)
    v = tuple(symbol(f"{a}_null") for a in unknowns)
    # Named entries are differentiated once each.
    entry = lambda i, e, a: state.chain.let(f"jacobian{i}_{a}", state.chain.diff(e, a))
    products = tuple(sympy.Add(*(entry(i, e, a) * c for a, c in zip(unknowns, v))) for i, e in enumerate(rows))
    return v, (*products, sympy.Add(*(c**2 for c in v)) - 1)


def _fold(theory, state, options):
    return *_null_vector(state, state.unknowns, state.residual), (state,)


def _instability(theory, state, options):
    names = set(map(str, options.broken or _symmetric(theory, state, options.symmetric)))
    broken = [(a, e) for a, e in zip(state.unknowns, state.residual) if str(a) in names]
    if len(broken) != len(names):
        raise InputError(f"broken= must name unknowns, of {', '.join(map(str, state.unknowns))}: got {', '.join(sorted(names))}")
    return *_null_vector(state, [a for a, _ in broken], [e for _, e in broken]), (state,)


def _cubic(theory, state, symmetric, broken):
    """The cubic coefficient of the broken direction's equation: it vanishes at a tricritical point.

    With m broken and the others s following, F_m = a m + (F_mmm/6 + F_ms s_2) m^3, s_2 = -F_ss^-1 F_smm/2.
    """
    fixed = _symmetric(theory, state, symmetric)
    names = set(map(str, broken or fixed))
    direction = [a for a in fixed if str(a) in names]
    if len(direction) != 1 or fixed[direction[0]] != 0:
        return {}
    m, = direction
    follow = [a for a in state.unknowns if a not in fixed]
    rows, diff = dict(zip(state.unknowns, state.residual)), state.chain.diff
    slope = diff(rows[m], m)
    cubic = diff(diff(slope, m), m)
    if follow:
        inner = sympy.Matrix(len(follow), len(follow), lambda i, j: diff(rows[follow[i]], follow[j]))
        bends = sympy.Matrix([diff(diff(rows[s], m), m) for s in follow])
        across = sympy.Matrix([[diff(slope, s) for s in follow]])
        cubic -= 3 * (across * inner.adjugate() * bends)[0] / inner.det(method="berkowitz")
    return {"tricritical": cubic}


def _symmetric(theory, state, symmetric):
    if not symmetric:
        raise InputError("an instability needs the symmetric phase, e.g. symmetric={'m': 0}")
    named = {str(a): a for a in state.unknowns}
    if unknown := set(map(str, symmetric)) - set(named):
        raise InputError(f"no unknown {min(unknown)}: the unknowns are {', '.join(named)}")
    scope = named | {str(p): p for p in parameters_of(theory)}
    return {named[str(a)]: _expression(value, scope) for a, value in symmetric.items()}


def _expression(value, names):
    """An expression, or the text of one, with {name: what it stands for} put in."""
    if isinstance(value, str):
        return parse(value, Scope(names))
    expr = sympy.sympify(value).xreplace({symbol(name): e for name, e in names.items()})
    allowed = set().union(*(sympy.sympify(e).free_symbols for e in names.values()))
    if strange := expr.free_symbols - allowed:
        raise InputError(f"the expression contains {min(map(str, strange))}, which is none of {', '.join(names)}")
    return expr


def _restricted(theory, state, symmetric):
    fixed = _symmetric(theory, state, symmetric)
    return tuple(a - fixed[a] if a in fixed else e for a, e in zip(state.unknowns, state.residual))


def _equal(theory, state, options):
    other = equations(theory, state.chain, suffix="_2")
    return other.unknowns, (*other.residual, state.free_energy - other.free_energy), (state, other)


def _replicon(theory, state, options):
    if state.stability is None:
        raise InputError(f"{theory.model.name} has no quenched couplings, hence no replicon")
    return (), (state.stability.det(),), (state,)


def _zero_entropy(theory, state, options):
    return (), (state.entropy,), (state,)


def _condition(theory, state, options):
    if options.condition is None:
        raise InputError("a curve of kind condition needs condition=, an expression that vanishes on it")
    names = {str(a): a for a in (*state.unknowns, *parameters_of(theory))}
    expr = _expression(options.condition, state.reported | names | {"f": state.free_energy, "s": state.entropy})
    return (), (expr,), (state,)


_BUILD = {"solution": _solution, "fold": _fold, "instability": _instability, "equal_free_energies": _equal,
          "replicon": _replicon, "zero_entropy": _zero_entropy, "condition": _condition}
