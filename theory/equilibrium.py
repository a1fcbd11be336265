"""A state of a model at which limits are taken: stable, isolated and, where possible, ordered."""

import math
from dataclasses import dataclass

import mpmath

from .errors import InputError
from .mean_field import fields_of
from .symbols import T, beta


@dataclass(frozen=True)
class State:
    """An equilibrium state.

    Attributes
    ----------
    point : {symbol: number}: parameters, order parameters with their trial values, fields
    label : where it was taken, in words
    order : distance of the order parameters from those in zero field
    margin : smallest eigenvalue of 1 + C e''
    gap : free energy of the next stable solution above it, over T
    basin : the order parameters, and those of equivalent states
    """

    point: dict
    label: str
    order: float
    margin: float
    gap: float
    basin: tuple


def find_equilibrium(context):
    """The first state that is ordered, stable and isolated over a list of temperatures, else the best seen."""
    scale = instability(context)
    states = []
    for ratio in temperature_ratios(context.model):
        found = state_at(context, ratio * scale)
        if found is None:
            continue
        if found.order > 0.1 and found.margin > 0.4 and found.gap > 0.3:
            return found
        states.append(found)
    if not states:
        raise InputError("no equilibrium state was found at any temperature tried")
    return max(states, key=lambda s: min(s.margin, 0.5) + min(s.gap, 0.5) + 0.5 * (s.order > 0.1))


def temperature_ratios(model):
    """Temperatures to try, over the one where the disordered state loses stability."""
    if model.site.kind == "gaussian":
        return (2.0, 3.0, 4.0)
    several = model.disorder and len(model.order_parameters) > 1
    first = (0.4, 0.5, 0.6, 0.7) if several else (0.6, 0.7, 0.5, 0.4)
    return (*first, 0.8, 0.9, 1.2, 1.6, 2.5)


def instability(context):
    """The temperature where the disordered state loses stability, or a fraction of the ordered state's field."""
    values = context.parameters(1.0)
    count = len(context.model.order_parameters)
    functions = context.site_functions(values)
    ordered = [functions.means([1e3 * (i == j) for j in range(count)]) for i in range(count)]
    work = max(sum(abs(h * a) for h, a in zip(functions.fields(phi), phi)) for phi in ordered)
    scale = max(0.1, work / 3)
    for _ in range(20):
        values[T] = mpmath.mpf(scale)
        functions = context.site_functions(values)
        margin = functions.margin(functions.means([0.0] * count))
        scale *= min(2.0, max(0.5, 1 - margin)) ** 0.7
        if abs(margin) < 0.02:
            return scale
    return max(0.1, work / 3)


def state_at(context, temperature):
    """The stable state of lowest free energy at a temperature, None where none is found."""
    values = context.parameters(temperature)
    functions = context.site_functions(values)
    found = solutions(context.model, functions)
    if not found:
        return None
    (energy, phi), *others = sorted(found, key=lambda pair: (round(pair[0], 8), [-x for x in pair[1]]))
    point = {**values, beta: 1 / values[T]}
    families = ((tuple(context.model.order_parameters), phi), (context.trial, phi),
                (fields_of(context.model), functions.fields(phi)))
    for names, numbers in families:
        point |= {a: mpmath.mpf(x) for a, x in zip(names, numbers)}
    order = max(abs(a - b) for a, b in zip(phi, functions.means([0.0] * len(phi))))
    gap = min((e - energy for e, _ in others if e - energy > 1e-7), default=math.inf) / temperature
    twins = [other for e, other in others if abs(e - energy) < 1e-7 and context.model.site.kind == "finite"]
    return State(point, f"T = {temperature:.4g}", order, functions.margin(phi), gap, (phi, twins))


def solutions(model, functions):
    """[(f, phi)] of the distinct stable fixed points reached from several starts."""
    found = []
    for start in starting_fields(model):
        phi = functions.fixed_point(functions.means(start))
        if phi is None or any(max(abs(a - b) for a, b in zip(phi, other)) < 1e-6 for _, other in found):
            continue
        if functions.margin(phi) > 0.02:
            found.append((functions.free_energy(phi), phi))
    return found


def starting_fields(model):
    """Fields (in units of T) whose one-site averages are starts: one order parameter, all, graded."""
    names = tuple(model.order_parameters)
    used = [i for i, a in enumerate(names) if a not in model.observables]
    fields = [{i: sign * 2.0} for sign in (1, -1) for i in used]
    fields += [dict.fromkeys(used, 0.01), dict.fromkeys(used, 2.0)]
    fields += [{i: 2.0 / (1 + k) ** 2 for k, i in enumerate(used)}] if len(used) > 1 else []
    return [[h.get(i, 0.0) for i in range(len(names))] for h in fields]
