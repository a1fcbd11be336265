"""Solution records of replica solutions."""

import math
from dataclasses import replace

import numpy as np

from ..results import Solution, Stability, Status
from .labels import kind, sector
from .physical import is_collapsed
from .stability import stability
from .valleys import free_squares, highest_of_valleys

# A quadrature error above this is reported as an unresolved average.
QUADRATURE = 1e-10
ENTROPY = 1e-12
ROUNDING = 1e-15


def assemble(unknowns, u, status=Status.CONVERGED, multiplicity=None):
    """The Solution of the unknowns u, and its signal's sector."""
    system, model = unknowns.system, unknowns.system.model
    state = system.state(u)
    judged = stability(unknowns, u) if status.converged else Stability.UNSTABLE
    error = resolution(system, u)
    if status.converged and not error <= QUADRATURE:
        status = Status.UNRESOLVED
    values = {name: cleaned(x) for name, x in state.order_parameters.items()}
    solution = Solution(
        order_parameters=values, free_energy=state.free_energy, entropy=state.entropy, energy=state.energy,
        stable=judged is not Stability.UNSTABLE, stability=judged,
        kind=kind(unknowns, u, state.replicon, is_collapsed(unknowns, u)), multiplicity=multiplicity or len(unknowns.orbit(u)),
        residual=float(np.abs(state.residual).max(initial=0.0)), quadrature_error=error, status=status,
        parameters=parameters(system), model=model.name, replicon=state.replicon, rs_valid=is_valid(unknowns, state),
        options={"ansatz": system.theory.ansatz.name, "steps": system.theory.steps, "squares": free_squares(system.theory, u, system.T)})
    return solution, sector(unknowns, u)


def resolution(system, u):
    """Largest error of the averages, relative to those that exceed one (a channel's diverge where q -> 1)."""
    averages = system._averages(u)
    parts = [*averages.sites, *([averages.channel] if averages.channel is not None else [])]
    return float(max(part.error / max(1.0, abs(part.curvature), np.abs(part.squares).max()) for part in parts))


def cleaned(x):
    """A float; what rounding leaves of zero is zero."""
    return 0.0 if abs(x) <= ROUNDING else float(x)


def is_valid(unknowns, state):
    """Whether the ansatz is stable against further breaking: positive replicon, and no negative entropy of discrete sites."""
    if not state.replicon > 0:
        return False
    discrete = all(layer.site.kind in ("finite", "auxiliary") for layer in unknowns.system.theory.layers)
    return not (discrete and unknowns.system.T > 0 and state.entropy < -ENTROPY)


def parameters(system):
    """All parameters of a point by name: T, structural integers, the others."""
    known = dict(zip(system.saddle.parameter_names, system.numbers))
    return ({"T": system.T} if system.model.has_temperature else {}) | dict(system.model.structural) | known


def ordered(pairs):
    """Solutions with the equilibrium marked: stable ones by free energy, the equilibrium first, then the others.

    Parameters
    ----------
    pairs : [(Solution, sector)]

    Over overlaps the free energy is maximal: of the stable states without a spontaneous signal the highest counts. Over signals, and
    over mean squares that are free, it is minimal: the equilibrium is the lowest of those states and of the stable ones with a signal.
    """
    usable = [(s, where) for s, where in pairs if s.status in (Status.CONVERGED, Status.UNRESOLVED)]
    pool = [p for p in usable if p[0].stable] or usable
    silent = [s for s, where in pool if where != "spontaneous"]
    candidates = [s for s, where in pool if where == "spontaneous"] + highest_of_valleys(silent, _energy, _squares)
    best = min(candidates, key=_energy, default=None)
    items = sorted((s for s, _ in pairs), key=lambda s: (s is not best, not s.stable, s.free_energy))
    return tuple(replace(s, equilibrium=s is best) for s in items)


def _squares(solution):
    return solution.options.get("squares", ())


def _energy(solution):
    return solution.free_energy if math.isfinite(solution.free_energy) else math.inf
