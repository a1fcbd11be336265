"""Local stability of a replica solution: the glass block at its maximum, and the response of the signal positive."""

import numpy as np

from ..results import Stability
from .reduced import Reduced

MARGINAL = 1e-7
FIELD = 1e-5
UNRESPONSIVE = 1e-9


def stability(unknowns, u):
    """Stability of the solution u.

    Stable are solutions (a) in whose overlaps, at fixed means and block parameters and with auxiliaries eliminated, the map of the
    overlaps contracts (Jacobian of the residual with eigenvalues of positive real part), and (b) whose means respond to their
    fields with a positive definite susceptibility, everything else relaxing.
    """
    jacobian = Reduced(unknowns, u, range(unknowns.size), scaled=False).jacobian(u)
    lowest = [_glass(unknowns, jacobian)]
    if responding(unknowns):
        lowest.append(_signal(unknowns, u, jacobian))
    worst = -np.inf if np.isnan(lowest).any() else min(lowest)
    if worst > MARGINAL:
        return Stability.STABLE
    return Stability.MARGINAL if worst > -MARGINAL else Stability.UNSTABLE


def _glass(unknowns, jacobian):
    """Smallest real part in the overlap block."""
    own, aux = [i for i in unknowns.glass if i not in unknowns.tied], list(unknowns.auxiliaries)
    block = oriented(unknowns, jacobian)[np.ix_(own, own)]
    if aux:
        block = block - jacobian[np.ix_(own, aux)] @ _solved(jacobian[np.ix_(aux, aux)], jacobian[np.ix_(aux, own)])
    return float(np.linalg.eigvals(block).real.min()) if np.isfinite(block).all() else -np.inf


def oriented(unknowns, jacobian):
    """The Jacobian with the rows of spherical responses turned: their equation is that of q_k, which falls as C grows."""
    turned = jacobian.copy()
    for o in unknowns.overlaps:
        if o.kind == "spherical":
            turned[o.C] *= -1.0
    return turned


def _solved(matrix, right):
    try:
        return np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError:
        return np.full_like(right, np.nan)


def _signal(unknowns, u, jacobian):
    """Smallest eigenvalue of the inverse susceptibility; directions that do not respond at all count as stable."""
    chi = susceptibility(unknowns, u, jacobian)
    if not np.isfinite(chi).all():
        return -np.inf
    values = np.linalg.eigvalsh((chi + chi.T) / 2)
    inverse = 1 / values[np.abs(values) > UNRESPONSIVE]
    return float(inverse.min(initial=np.inf))


def susceptibility(unknowns, u, jacobian):
    """d <g_a> / d (w_b h_b) of the order parameters `responding`, everything else relaxing, shape (n, n), k_B = 1.

    Fields act per site of a layer; over the layer's weight w, their energy per unit of size, the response is symmetric.
    """
    system, weighted = unknowns.system, responding(unknowns)
    names, slopes = list(weighted), []
    for name in names:
        push = (system.residual(u, {name: FIELD}) - system.residual(u, {name: -FIELD})) / (2 * FIELD)
        moved = -_solved(jacobian, push[:, None])[:, 0]
        if not np.isfinite(moved).all():
            return np.full((len(names),) * 2, np.nan)
        step = FIELD / (1 + np.abs(moved).max())
        above, below = (means(system, u + s * moved, {name: s}, names) for s in (step, -step))
        slopes.append((above - below) / (2 * step))
    return np.array(slopes).T.reshape(len(names), len(names)) / np.array([weighted[name] for name in names])


def responding(unknowns):
    """{order parameter: weight of its layer} of those whose response must be positive: the energy uses them.

    Auxiliary variables are integrated along the imaginary direction, in which variances are negative: where the energy uses one of
    theirs, the layer's observables take its place.
    """
    theory, found = unknowns.system.theory, {}
    for layer, weight in zip(theory.layers, unknowns.system.weights):
        own = [a for a in layer.order_parameters if a in theory.used]
        if layer.site.kind == "auxiliary":
            own = [a for a, g in layer.order_parameters.items() if own and layer.site.auxiliary not in g.free_symbols]
        found |= {str(a): float(weight) for a in own}
    return found


def means(system, u, fields, names):
    """Means of the named order parameters at the unknowns u in additional fields."""
    found = {}
    for site in system._averages(u, fields).sites:
        found |= dict(zip(map(str, site.layer.order_parameters), site.means))
    return np.array([found[name] for name in names])
