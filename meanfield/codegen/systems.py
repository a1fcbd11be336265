"""The text of a module with the kernels of systems of equations."""

import re

import sympy
from sympy import Symbol

from theory.symbols import T

from .chain import FOUR, FULL, STATE
from .cse import eliminate
from .printer import Printer, identifier

POINT_HEADER = 3
FORMS = (("four", FOUR), ("state", STATE), ("full", FULL))


class _Names(dict):
    """Names of symbols; the kernel's own, which carry no assumptions, are called what they are called."""

    def __contains__(self, s):
        return dict.__contains__(self, s) or not s.is_real

    def __missing__(self, s):
        return str(s)


def module(title, functions, toolchain=""):
    """The module's source from the texts of its functions."""
    body = "\n\n\n".join(functions)
    called = sorted(set(re.findall(r"\b(?:tower|soft)_(?:four|state|full)\b", body)))
    lines = [f'"""{title}, generated.\n\nprimitives: {toolchain}\n"""', ""]
    lines += ["import math", ""] if "math." in body else []
    lines += ["from meanfield.kernels.systems import system"]
    lines += [f"from meanfield.kernels.tower import {', '.join(called)}"] if called else []
    return "\n".join(lines) + "\n\n\n" + body + "\n"


def function(name, doc, chain, variables, parameters, results):
    """The text of a system that writes the results, in order, into `out`."""
    p = Printer(_Names({s: _identifier(s) for s in (*variables, *parameters)}))
    definitions, averages = chain.needed(results)
    shared, values = eliminate([e for _, e in definitions], "outer")
    outer = shared + list(zip((s for s, _ in definitions), values))
    temporary, finals = eliminate(results, "after")
    calls = [_call(p, chain.averages[i], i, used) for i, used in sorted(averages.items())]
    used = set().union(*(sympy.sympify(e).free_symbols for e in (*values, *(e for _, e in shared + temporary), *finals)),
                       *(sympy.sympify(a).free_symbols for i in averages for a in chain.averages[i]))
    lines = ["@system", f"def {name}(point, z, out):", f'    """{doc}"""', *_unpack(p, variables, parameters, used, bool(calls))]
    lines += [f"    {p(s)} = {p(e)}" for s, e in _ordered(outer)]
    lines += calls + [f"    {p(s)} = {p(e)}" for s, e in temporary]
    return "\n".join(lines + [f"    out[{i}] = {p(e)}" for i, e in enumerate(finals)])


def _ordered(assignments):
    """Assignments in an order in which each comes after what it uses."""
    waiting, done, result = dict(assignments), set(), []

    def place(s):
        if s in done or s not in waiting:
            return
        done.add(s)
        for inner in sorted(waiting[s].free_symbols, key=str):
            place(inner)
        result.append((s, waiting[s]))

    for s in waiting:
        place(s)
    return result


def _identifier(s):
    if s == T:
        return "T"
    name = identifier(s)
    return name + "_" if name.startswith("tower_") or name in ("point", "z", "out", "system") else name


def _call(p, average, index, used):
    """A call of the cheapest form that returns the orders used."""
    mean, variance = average
    form, orders = next(((f, o) for f, o in FORMS if set(used) <= set(o)), (None, None))
    if form is None:
        raise NotImplementedError(f"derivatives {sorted(used)} of a Gaussian average are beyond the tower")
    targets = ", ".join(str(used.get(order, Symbol(f"gauss{index}_unused{i}"))) for i, order in enumerate(orders))
    arguments = [p(mean), "T", "R", "rule"] if variance == 0 else [p(mean), p(variance), "T", "R", "rule"]
    return f"    {targets} = {'soft' if variance == 0 else 'tower'}_{form}({', '.join(arguments)})"


def _unpack(p, variables, parameters, used, averaged):
    place = {s: f"z[{i}]" for i, s in enumerate(variables)}
    at = place | {s: f"point[{POINT_HEADER + i}]" for i, s in enumerate(parameters[1:]) if s not in place}
    # T = 0 is a temperature at which all limits are reached to rounding.
    lines = [f"    T = max({place[T]}, 1e-150)" if T in place else "    T = point[0]", "    R = 1.0/T"]
    lines += ["    rule = point[2]"] if averaged else []
    return lines + [f"    {p(s)} = {where}" for s, where in at.items() if s in used and s != T]
