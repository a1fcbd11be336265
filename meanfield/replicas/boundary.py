"""The state in which a student agrees with its teacher: q = 1, on the border of the equations' domain."""

from dataclasses import replace

import numpy as np

from .assemble import assemble

# Responses C = 1 - q at which the free energy is taken on its way to C = 0, where it bends like sqrt(C).
APPROACH = tuple(1e-7 * 4.0**k for k in range(5))
# The field along the teacher grows like load/sqrt(C): below this load the contraction begins at smaller C.
AMPLE = 0.3


def perfect(search):
    """[(Solution, sector)] of perfect generalisation, where the equations contract to q = R = 1; empty otherwise."""
    unknowns = search.unknowns
    system = unknowns.system
    if not system.theory.teacher or any(o.kind != "finite" for o in unknowns.overlaps):
        return []
    approach = np.array(APPROACH) * min(1.0, (system.load / AMPLE) ** 2)
    points = [_point(unknowns, C) for C in approach]
    if not all(_contracts(unknowns, u) for u in points):
        return []
    energies = [system.state(u).free_energy for u in points]
    limit = _to_zero(np.sqrt(approach), energies)
    # At q = 1 only the teacher's weights are left, whose entropy is that of the a-priori weights of one configuration.
    return [(_limit(unknowns, points[0], limit), "spontaneous")]


def _point(unknowns, C):
    u = np.zeros(unknowns.size)
    o, = unknowns.overlaps
    u[o.C], u[unknowns.teacher[0]] = C, unknowns.diagonal(o) - C
    return u


def _contracts(unknowns, u):
    o, = unknowns.overlaps
    F = unknowns.system.residual(u)
    return bool(np.isfinite(F).all() and F[o.C] > 0.5 * u[o.C])


def _to_zero(x, y):
    """Value at x = 0 of the polynomial through the points."""
    return float(sum(b * np.prod([-c / (a - c) for c in x if c != a]) for a, b in zip(x, y)))


def _limit(unknowns, u, free_energy):
    solution, _ = assemble(unknowns, u)
    from ..results import Stability, Status

    free_energy = 0.0 if abs(free_energy) < 1e-8 else free_energy
    values = {name: float(round(x, 6)) for name, x in solution.order_parameters.items()}
    return replace(solution, order_parameters=values, free_energy=free_energy, entropy=-free_energy, energy=0.0, stable=True,
                   stability=Stability.STABLE, kind="ferromagnetic", residual=0.0, quadrature_error=0.0, status=Status.CONVERGED,
                   multiplicity=1, replicon=1.0, rs_valid=True)
