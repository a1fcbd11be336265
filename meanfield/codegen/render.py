"""Pass 6: the text of a readable numba module with the kernels of one theory."""

from dataclasses import dataclass

import sympy
from sympy import S, Symbol

from theory.symbols import T, symbol

from .cse import eliminate
from .differentiate import RULE
from .printer import Printer, identifier
from .scale import NORMAL

POINT_HEADER = 3  # T, R = 1/T and the rule come before the parameters
WEIGHT = Symbol("weight")
INVERSE = Symbol("R")


@dataclass(frozen=True)
class Program:
    """All that the templates need, with names settled."""

    theory: object
    derivatives: object
    table: object
    spread: tuple

    def __post_init__(self):
        model = self.theory.model
        names = {T: "T", RULE: "rule", WEIGHT: "weight", NORMAL: "z"}
        for s in (*map(symbol, model.parameters), *self.theory.order_parameters, *self.theory.fields, *self.table.variables):
            names[s] = identifier(s)
        object.__setattr__(self, "names", _Names(names))

    @property
    def size(self):
        return len(self.theory.fields)

    @property
    def columns(self):
        """Symbols of the columns of node values."""
        return self.table.variables + ((NORMAL,) if self.spread else ())

    @property
    def summed(self):
        """Whether there is a sum over nodes at all."""
        return bool(self.columns)


class _Names(dict):
    """Names of symbols; the kernel's own symbols are called what they are called."""

    def __contains__(self, symbol):
        return dict.__contains__(self, symbol) or not symbol.is_real

    def __missing__(self, symbol):
        return str(symbol)


def render(program, toolchain=""):
    """The module's source; `toolchain` identifies the version of what it imports."""
    p = Printer(program.names)
    parts = [_head(program, toolchain), _fill_table(program, p), _equations(program, p), _state(program, p)]
    if program.spread:
        parts.append(_spread(program, p))
    return "\n\n\n".join(parts) + "\n"


def _head(program, toolchain):
    model = program.theory.model
    parameters = ", ".join(model.parameters) or "none"
    order = ", ".join(map(str, program.theory.order_parameters))
    return f'''"""Mean-field kernels of {model.name}, generated.

point: T, 1/T, quadrature rule, then the parameters ({parameters})
phi: {order}
table[k], values[c*nodes + k]: weight of node k and the value of its c-th disorder variable
primitives: {toolchain}
"""

import math

from meanfield.kernel import kernel, filler
from meanfield.primitives import exp, softabs, softabs1, softabs2, softabs_entropy
from meanfield.primitives import softradial, softradial1, softradial2, softradial_entropy
from meanfield.quadrature import gauss_bends, gauss_slopes, gauss_value

NODES = {program.table.nodes}'''


def _fill_table(program, p):
    table = program.table
    used = set().union(*(e.free_symbols for group in (table.values, table.probabilities) for row in group for e in row))
    lines = ["@filler", "def fill_table(point, table, values):", '    """Weights and values of the disorder configurations."""']
    lines += _unpack(program, used, with_phi=False)
    for j, (values, probabilities) in enumerate(zip(table.values, table.probabilities)):
        lines += [f"    v{j} = ({', '.join(map(p, values))},)", f"    p{j} = ({', '.join(map(p, probabilities))},)"]
    lines += ["    for k in range(NODES):", "        table[k] = 0.0", f"    for k in range({table.configurations}):"]
    lines += ["        rest = k"]
    for j in reversed(range(len(table.values))):
        lines += [f"        i{j} = rest % {len(table.values[j])}", f"        rest = rest // {len(table.values[j])}"]
    weight = "*".join(f"p{j}[i{j}]" for j in range(len(table.values))) or "1.0"
    node = f"min(k, {table.configurations - 1} - k)" if table.merged else "k"
    lines += [f"        node = {node}", f"        table[node] += {weight}"]
    if table.values:
        lines += ["        if node == k:"]
        lines += [f"            values[{j}*NODES + k] = v{j}[i{j}]" for j in range(len(table.values))]
    return "\n".join(lines)


def _equations(program, p):
    n, d = program.size, program.derivatives
    curvature = program.theory.curvature
    means = [Symbol(f"mean{i}") for i in range(n)]
    response = {(i, j): Symbol(f"response{i}_{j}") for i in range(n) for j in range(i + 1)}
    C = sympy.Matrix(n, n, lambda i, j: response[max(i, j), min(i, j)])
    H, named = _named_curvature(curvature)
    residual = [a - m for a, m in zip(program.theory.order_parameters, means)]
    jacobian = sympy.eye(n) + C * H
    sums = {**dict(zip(means, d.gradient)),
            **{s: d.hessian[i * (i + 1) // 2 + j] for (i, j), s in response.items() if jacobian.has(s)}}
    results = residual + list(jacobian)
    doc = f"Residual phi - <g> ({n}), then its Jacobian ({n} x {n}) by rows."
    return _kernel(program, p, "equations", doc, sums, named, results)


def _state(program, p):
    n, d = program.size, program.derivatives
    theory = program.theory
    means = [Symbol(f"mean{i}") for i in range(n)]
    response = {(i, j): Symbol(f"response{i}_{j}") for i in range(n) for j in range(i + 1)}
    pressure, entropy = Symbol("pressure"), Symbol("entropy")
    H, named = _named_curvature(theory.curvature)
    work = sum((h * a for h, a, value in zip(theory.fields, theory.order_parameters, theory.field_values) if value != 0), S.Zero)
    results = [theory.energy + work - pressure, entropy]
    results += [a - m for a, m in zip(theory.order_parameters, means)]
    results += [response[max(i, j), min(i, j)] for i in range(n) for j in range(n)]
    results += list(H)
    sums = {pressure: d.value, entropy: d.entropy, **dict(zip(means, d.gradient)),
            **{s: d.hessian[i * (i + 1) // 2 + j] for (i, j), s in response.items()}}
    doc = f"Free energy, entropy, residual ({n}), response ({n} x {n}), curvature of the energy ({n} x {n})."
    return _kernel(program, p, "state", doc, sums, named, results)


def _spread(program, p):
    """Standard deviations, due to the Gaussian variable, of the energy differences of a site."""
    theory = program.theory
    fields = dict(zip(theory.fields, theory.field_values))
    spread = [s.xreplace(fields) for s in dict.fromkeys(program.spread)]
    lines = ["def spread(point, phi):", '    """Standard deviations of the energy differences between states."""']
    lines += _unpack(program, set().union(*(s.free_symbols for s in spread)))
    return "\n".join(lines + [f"    return ({', '.join(map(p, spread))},)"])


def _named_curvature(curvature):
    """The curvature with symbols for its entries that are not numbers, and their definitions."""
    n = curvature.rows
    entries, named = sympy.zeros(n, n), []
    for i in range(n):
        for j in range(i + 1):
            value = curvature[i, j]
            if not value.is_number:
                named.append((Symbol(f"curvature{i}_{j}"), value))
                value = named[-1][0]
            entries[i, j] = entries[j, i] = value
    return entries, named


def _kernel(program, p, name, doc, sums, named, results):
    outer, node, after = _regions(program, sums, named, results)
    used = _free(outer) | _free(node) | _free(after)
    lines = ["@kernel", f"def {name}(point, table, values, nodes, phi, out):", f'    """{doc}"""']
    lines += _unpack(program, used)
    lines += [f"    {_target(t, p)} = {_source(s, p)}" for t, s in outer]
    accumulated = [(s, e) for s, e in node if s in sums]
    steps = [(t, s) for t, s in node if t not in sums]
    if program.summed:
        lines += [f"    {s} = 0.0" for s, _ in accumulated]
        lines += ["    for k in range(nodes):", "        weight = table[k]"]
        lines += [f"        {p(c)} = values[{_offset(j)}k]" for j, c in enumerate(program.columns) if c in _free(node)]
        lines += [f"        {_target(t, p)} = {_source(s, p)}" for t, s in steps]
        lines += [f"        {s} += {p(e)}" for s, e in accumulated]
    else:
        lines += [f"    {_target(t, p)} = {_source(s, p)}" for t, s in steps]
        lines += [f"    {s} = {p(e)}" for s, e in accumulated]
    lines += [f"    {p(t)} = {p(e)}" for t, e in after if not str(t).startswith("out[")]
    lines += [f"    {t} = {p(e)}" for t, e in after if str(t).startswith("out[")]
    return "\n".join(lines)


def _regions(program, sums, named, results):
    """Assignments outside the sum, inside it (accumulations last), and after it."""
    theory = program.theory
    fields = [(h, v) for h, v in zip(theory.fields, theory.field_values)]
    shared, values = eliminate([v for _, v in fields + named], "outer")
    outer = shared + list(zip([s for s, _ in fields + named], values))
    weighted = [WEIGHT * e if program.summed else e for e in map(_with_inverse, sums.values())]
    statements = program.derivatives.statements.needed_for(list(sums.values()))
    common, terms = eliminate(weighted, "node")
    node = statements + common + list(zip(sums, terms))
    temporary, finals = eliminate(results, "after")
    after = temporary + [(Symbol(f"out[{i}]"), e) for i, e in enumerate(finals)]
    needed = _free(node) | _free(after)
    kept = []
    for target, source in reversed(outer):
        if target in needed:
            kept.append((target, source))
            needed |= _free([(target, source)])
    return kept[::-1], node, after


def _with_inverse(expr):
    """Powers of 1/T by name, which are finite at T = 0."""
    return expr.replace(lambda e: e.is_Pow and e.args[0] == T and e.args[1].is_negative, lambda e: INVERSE ** -e.args[1])


def _free(assignments):
    found = set()
    for _, source in assignments:
        arguments = source[1] if isinstance(source, tuple) else (source,)
        for a in arguments:
            found |= sympy.sympify(a).free_symbols
    return found


def _unpack(program, used, with_phi=True):
    header = [("T", 0), ("R", 1), ("rule", 2)]
    written = {"T", "R"} if T in used else set()
    lines = [f"    {name} = point[{i}]" for name, i in header if name in written or Symbol(name) in used]
    parameters = map(symbol, program.theory.model.parameters)
    lines += [f"    {program.names[s]} = point[{i}]" for i, s in enumerate(parameters, POINT_HEADER) if s in used]
    order = program.theory.order_parameters if with_phi else ()
    return lines + [f"    {program.names[s]} = phi[{i}]" for i, s in enumerate(order) if s in used]


def _offset(column):
    return {0: "", 1: "nodes + "}.get(column, f"{column}*nodes + ")


def _target(target, p):
    return ", ".join(map(str, target)) if isinstance(target, tuple) else p(target)


def _source(source, p):
    if not isinstance(source, tuple):
        return p(source)
    function, arguments = source
    return f"{function}({', '.join(map(p, arguments))})"
