"""Pass 6: the text of a readable numba module with the kernels of one theory."""

import re
from dataclasses import dataclass

import sympy
from sympy import S, Symbol

from theory.symbols import T, symbol

from .cse import eliminate
from .differentiate import RULE
from .printer import Printer, identifier
from .scale import NORMAL

HOMES = {
    "kernel": ("filler", "kernel", "lane_kernel"),
    "primitives": ("exp", "softabs", "softabs1", "softabs2", "softabs_entropy",
                   "softradial", "softradial1", "softradial2", "softradial_entropy"),
    "gaussian": ("gauss_bends", "gauss_slopes", "gauss_value"),
}
LANES = 64
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
    def static(self):
        """Whether the values of the disorder are numbers, the same at all parameters."""
        return all(v.is_number for row in self.table.values for v in row)

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
    parts = [_fill_table(program, p), _equations(program, p), _state(program, p)]
    parts += [_spread(program, p)] if program.spread else [_lanes(program, p)]
    parts.insert(0, _head(program, toolchain, "\n".join(parts)))
    return "\n\n\n".join(parts) + "\n"


def _head(program, toolchain, body):
    model = program.theory.model
    parameters = ", ".join(model.parameters) or "none"
    order = ", ".join(map(str, program.theory.order_parameters))
    return f'''"""Mean-field kernels of {model.name}, generated.

point: T, 1/T, quadrature rule, then the parameters ({parameters})
phi: {order}
table[k], values[c*nodes + k]: weight of node k and the value of its c-th disorder variable
primitives: {toolchain}
"""

{_imports(body)}

NODES = {program.table.nodes}
STATIC = {program.static}'''


def _imports(body):
    """Import lines for the names that the text calls."""
    called = set(re.findall(r"(?<![.\w])(\w+)(?=\(|\n)", body)) | {"math" if "math." in body else ""}
    lines = ["import math", ""] if "math" in called else []
    for module, names in HOMES.items():
        if used := sorted(called & set(names)):
            lines.append(f"from meanfield.kernels.{module} import {', '.join(used)}")
    return "\n".join(lines)


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
    doc = f"Residual phi - <g> ({program.size}), then its Jacobian ({program.size} x {program.size}) by rows."
    return _kernel(program, p, "equations", doc, *_equation_parts(program))


def _equation_parts(program):
    """(sums over nodes, named curvatures, results) of the residual and its Jacobian."""
    n, d = program.size, program.derivatives
    means, response = _averages(n)
    C = sympy.Matrix(n, n, lambda i, j: response[max(i, j), min(i, j)])
    H, named = _named_curvature(program.theory.curvature)
    residual = [a - m for a, m in zip(program.theory.order_parameters, means)]
    jacobian = sympy.eye(n) + C * H
    used = jacobian.free_symbols
    sums = {**dict(zip(means, d.gradient)), **{s: _bend(d, i, j) for (i, j), s in response.items() if s in used}}
    return sums, named, residual + list(jacobian)


def _state(program, p):
    n, d = program.size, program.derivatives
    means, response = _averages(n)
    H, named = _named_curvature(program.theory.curvature)
    results = [_functional(program.theory), Symbol("entropy")]
    results += [a - m for a, m in zip(program.theory.order_parameters, means)]
    results += [response[max(i, j), min(i, j)] for i in range(n) for j in range(n)]
    results += list(H)
    sums = {Symbol("pressure"): d.value, Symbol("entropy"): d.entropy, **dict(zip(means, d.gradient)),
            **{s: _bend(d, i, j) for (i, j), s in response.items()}}
    doc = f"Free energy, entropy, residual ({n}), response ({n} x {n}), curvature of the energy ({n} x {n})."
    return _kernel(program, p, "state", doc, sums, named, results)


def _lanes(program, p):
    """The equations, and equations with the free energy, for LANES points at once."""
    sums, named, results = _equation_parts(program)
    n = program.size
    doc = f"Residual ({n}) and Jacobian ({n} x {n}), for {LANES} points: entry a of point i at [a*{LANES} + i]."
    first = _lane_kernel(program, p, "equations_lanes", doc, sums, named, results)
    doc = f"Residual ({n}), Jacobian ({n} x {n}) and free energy, for {LANES} points."
    sums = {Symbol("pressure"): program.derivatives.value, **sums}
    return first + "\n\n\n" + _lane_kernel(program, p, "energy_lanes", doc, sums, named,
                                           results + [_functional(program.theory)])


def _averages(n):
    """Symbols of the sums: <g_a> and the lower triangle of the response."""
    response = {(i, j): Symbol(f"response{i}_{j}") for i in range(n) for j in range(i + 1)}
    return [Symbol(f"mean{i}") for i in range(n)], response


def _bend(derivatives, i, j):
    return derivatives.hessian[i * (i + 1) // 2 + j]


def _functional(theory):
    """f = e + h.phi - P."""
    triples = zip(theory.fields, theory.order_parameters, theory.field_values)
    return theory.energy + sum((h * a for h, a, value in triples if value != 0), S.Zero) - Symbol("pressure")


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
    steps, accumulated = _split_sums(node, sums)
    lines = ["@kernel", f"def {name}(point, table, values, nodes, phi, out):", f'    """{doc}"""']
    lines += _unpack(program, _free(outer + node + after)) + _assign(outer, p)
    if program.summed:
        lines += [f"    {s} = 0.0" for s, _ in accumulated]
        lines += ["    for k in range(nodes):", "        weight = table[k]"]
        lines += [f"        {p(c)} = values[{_offset(j)}k]" for j, c in enumerate(program.columns) if c in _free(node)]
        lines += _assign(steps, p, 8) + [f"        {s} += {p(e)}" for s, e in accumulated]
    else:
        lines += _assign(steps, p) + _assign(accumulated, p)
    return "\n".join(lines + _assign(after, p))


def _lane_kernel(program, p, name, doc, sums, named, results):
    outer, node, after = _regions(program, sums, named, results)
    steps, accumulated = _split_sums(node, sums)
    after = [(_lane_target(t, i), e) for i, (t, e) in enumerate(after)]
    lines = ["@lane_kernel", f"def {name}(point, table, values, nodes, phi, out):", f'    """{doc}"""']
    loop = f"    for i in range({LANES}):"
    if not program.summed:
        lines += [loop] + _unpack(program, _free(outer + node + after), lane=True)
        return "\n".join(lines + _assign(outer, p, 8) + _assign(steps, p, 8) + _assign(accumulated, p, 8) + _assign(after, p, 8))
    # What the loops hand on to each other is kept behind the results.
    kept = [t for t, _ in outer if t in _free(node + after)]
    rows = {s: len(results) + i for i, s in enumerate([s for s, _ in accumulated] + kept)}
    lines += [loop] + _unpack(program, _free(outer), lane=True) + _assign(outer, p, 8)
    lines += [f"        out[{LANES * rows[s]} + i] = {p(s)}" for s in kept]
    lines += [f"        out[{LANES * rows[s]} + i] = 0.0" for s, _ in accumulated]
    lines += ["    for k in range(nodes):"] + _node_values(program, p, node)
    lines += ["    " + loop, f"            weight = table[{LANES}*k + i]"]
    lines += ["    " + line for line in _unpack(program, _free(node), lane=True)]
    lines += _node_values(program, p, node, lane=True)
    lines += [f"            {p(s)} = out[{LANES * rows[s]} + i]" for s in kept if s in _free(node)]
    lines += _assign(steps, p, 12)
    lines += [f"            out[{LANES * rows[s]} + i] += {p(e)}" for s, e in accumulated]
    lines += [loop] + _unpack(program, _free(after), lane=True)
    lines += [f"        {p(s)} = out[{LANES * row} + i]" for s, row in rows.items() if s in _free(after)]
    return "\n".join(lines + _assign(after, p, 8))


def _lane_target(target, i):
    match = re.fullmatch(r"out\[(\d+)\]", str(target))
    return Symbol(f"out[{LANES * int(match[1])} + i]") if match else target


def _node_values(program, p, node, lane=False):
    """Loads of the disorder's values: once a node where they are numbers, else for each lane."""
    if lane == program.static:
        return []
    used = [(j, c) for j, c in enumerate(program.columns) if c in _free(node)]
    if program.static:
        return [f"        {p(c)} = values[{_offset(j)}k]" for j, c in used]
    return [f"            {p(c)} = values[{LANES}*({_offset(j)}k) + i]" for j, c in used]


def _split_sums(node, sums):
    return [(t, s) for t, s in node if t not in sums], [(t, s) for t, s in node if t in sums]


def _assign(assignments, p, indent=4):
    return [" " * indent + f"{_target(t, p)} = {_source(s, p)}" for t, s in assignments]


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


def _unpack(program, used, with_phi=True, lane=False):
    """Loads of the temperature, the parameters and the order parameters that are used."""
    at = (lambda array, i: f"{array}[{LANES * i} + i]") if lane else (lambda array, i: f"{array}[{i}]")
    indent = 8 * " " if lane else 4 * " "
    header = {"T": T in used or Symbol("T") in used, "R": T in used or INVERSE in used, "rule": RULE in used}
    lines = [f"{indent}{name} = {at('point', i)}" for i, (name, needed) in enumerate(header.items()) if needed]
    parameters = map(symbol, program.theory.model.parameters)
    lines += [f"{indent}{program.names[s]} = {at('point', i)}" for i, s in enumerate(parameters, POINT_HEADER) if s in used]
    order = program.theory.order_parameters if with_phi else ()
    return lines + [f"{indent}{program.names[s]} = {at('phi', i)}" for i, s in enumerate(order) if s in used]


def _offset(column):
    return {0: "", 1: "nodes + "}.get(column, f"{column}*nodes + ")


def _target(target, p):
    return ", ".join(map(str, target)) if isinstance(target, tuple) else p(target)


def _source(source, p):
    if not isinstance(source, tuple):
        return p(source)
    function, arguments = source
    return f"{function}({', '.join(map(p, arguments))})"
