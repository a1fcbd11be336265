"""The text of a module with the kernels of systems of equations."""

import re

import sympy
from sympy import Symbol

from theory.errors import InputError
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
    temporary, finals = eliminate(results, "after")
    assigned = {s: (e.free_symbols, [f"{p(s)} = {p(e)}"]) for s, e in (*shared, *zip((s for s, _ in definitions), values))}
    for i, wanted in sorted(averages.items()):
        arguments = chain.arguments(i)
        lines = _call(p, chain.averages[i], i, wanted)
        assigned |= dict.fromkeys(wanted.values(), (set().union(*(sympy.sympify(a).free_symbols for a in arguments)), lines))
    after = [f"{p(s)} = {p(e)}" for s, e in temporary] + [f"out[{i}] = {p(e)}" for i, e in enumerate(finals)]
    last = (*(e for _, e in temporary), *finals)
    used = set().union(*(inner for inner, _ in assigned.values()), *(e.free_symbols for e in last))
    lines = [*_unpack(p, variables, parameters, used, bool(averages)), *_ordered(assigned), *after]
    return "\n".join(["@system", f"def {name}(point, z, out):", f'    """{doc}"""', *(f"    {line}" for line in lines)])


def _ordered(assigned):
    """Lines in an order in which each comes after what it uses; {symbol: (symbols used, lines)}."""
    done, lines = set(), []

    def place(s):
        if s in done or s not in assigned:
            return
        done.add(s)
        inner, own = assigned[s]
        for needed in sorted(inner, key=str):
            place(needed)
        if not done.intersection([id(own)]):
            done.add(id(own))
            lines.extend(own)

    for s in assigned:
        place(s)
    return lines


def _identifier(s):
    if s == T:
        return "T"
    name = identifier(s)
    return name + "_" if name.startswith("tower_") or name in ("point", "z", "out", "system") else name


def _call(p, average, index, used):
    """Lines that evaluate an average: a call of the cheapest form that returns the orders used."""
    inner, variance = average
    if variance is None:
        return _gibbs(p, inner, index)
    form, orders = next(((f, o) for f, o in FORMS if set(used) <= set(o)), (None, None))
    if form is None:
        raise InputError("the condition needs derivatives of the Gaussian averages beyond the sixth")
    targets = ", ".join(str(used.get(order, Symbol(f"gauss{index}_unused{i}"))) for i, order in enumerate(orders))
    arguments = [p(inner), "T", "R", "rule"] if variance == 0 else [p(inner), p(variance), "T", "R", "rule"]
    return [f"{targets} = {'soft' if variance == 0 else 'tower'}_{form}({', '.join(arguments)})"]


def _gibbs(p, arguments, index):
    """T log sum_i exp(x_i/T), its entropy and its weights."""
    states = range(len(arguments))
    lines = [f"top{index} = max({', '.join(map(p, arguments))})"]
    lines += [f"boltzmann{index}_{i} = math.exp(({p(x)} - top{index})*R)" for i, x in enumerate(arguments)]
    lines += [f"norm{index} = {' + '.join(f'boltzmann{index}_{i}' for i in states)}"]
    lines += [f"gauss{index}_{i} = boltzmann{index}_{i}/norm{index}" for i in states]
    lines += [f"gauss{index}_value = top{index} + T*math.log(norm{index})"]
    mean = " + ".join(f"gauss{index}_{i}*({p(x)} - top{index})" for i, x in enumerate(arguments))
    return lines + [f"gauss{index}_entropy = math.log(norm{index}) - R*({mean})"]


def _unpack(p, variables, parameters, used, averaged):
    place = {s: f"z[{i}]" for i, s in enumerate(variables)}
    at = place | {s: f"point[{POINT_HEADER + i}]" for i, s in enumerate(parameters[1:]) if s not in place}
    # T = 0 is a temperature at which all limits are reached to rounding.
    lines = [f"T = max({place[T]}, 1e-150)" if T in place else "T = point[0]", "R = 1.0/T"]
    lines += ["rule = point[2]"] if averaged else []
    return lines + [f"{p(s)} = {where}" for s, where in at.items() if s in used and s != T]
