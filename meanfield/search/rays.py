"""All fixed points in an invariant subspace of one coordinate, by an exhaustive scan."""

import numpy as np

from .cooling import THAWED, at_temperature
from .fixed_points import polished, status_of, tied
from ..results import Status
from .scan import find_roots

__all__ = ["scan_line"]

# Newton's last steps may move a root by so much; beyond, it went to another one.
DRIFT = 1e-6
# Beyond its tabulated range an unbounded coordinate is scanned at most this many times as far.
FARTHEST = 2.0**20


def scan_line(pool, subspace):
    """Offer all fixed points of a subspace of one coordinate to the pool."""
    system = pool.system
    function = _along(system, subspace)
    roots, resolved = find_roots(function, *_range(pool, subspace, function))
    pool.resolved &= resolved
    for root in roots:
        if root.jump and system.T == 0:
            pool.keep(*_between(pool.reduction, subspace, root))
        else:
            pool.keep(*_refined(system, subspace, root.at, pool.atol))


def _range(pool, subspace, function):
    """Ends of the scan: of the range of <g>, or, if it has none, where the map points inwards."""
    residual = lambda u: function(np.array([u]))[0][0]
    ends = []
    for end, side in ((subspace.low[0], -1), (subspace.high[0], 1)):
        reach = 1.0
        while not pool.reduction.measure.bounded and reach < FARTHEST and side * residual(reach * end) <= 0:
            reach *= 2
        # An energy such as log(1 - m^2) does not exist on the boundary itself.
        shrunk = (end * reach * (1 - k) for k in (0, 2e-9, 1e-6, 1e-3))
        ends.append(next((u for u in shrunk if np.isfinite(residual(u))), end))
    return ends


def _refined(system, subspace, u, atol):
    """The fixed point at a root u, with its status."""
    phi = _lifted(system, subspace, u)
    better, status = polished(system, phi, atol)
    if abs((better - phi) @ subspace.basis[:, 0]) <= DRIFT:
        return better, status
    return phi, status_of(system, phi, atol)


def _between(reduction, subspace, root):
    """The point of a jump of <g> that lies on the line itself: both sides weighted so that u agrees.

    Returns its order parameters, status, residual and the evaluation that judges its stability.
    """
    system, direction = reduction.system, subspace.basis[:, 0]
    below, above = (subspace.centre + u * direction for u in (root.below, root.above))
    left, right = (phi - system.residual(phi)[0] for phi in (below, above))
    start, end, aim = ((x - subspace.centre) @ direction for x in (left, right, (below + above) / 2))
    phi = left + (right - left) * np.clip((aim - start) / (end - start), 0, 1)
    return phi, Status.KINK, (root.above - root.below) / 2, _thawed(reduction, subspace, root.at)


def _thawed(reduction, subspace, u):
    """Evaluation at a tiny temperature of the solution next to a jump at u; None if there is none."""
    cold = at_temperature(reduction.system, THAWED * reduction.field_scale)
    near = 1e-3 * (subspace.high[0] - subspace.low[0])
    roots, _ = find_roots(_along(cold, subspace), u - near, u + near)
    if not roots:
        return None
    nearest = min((root.at for root in roots), key=lambda v: abs(v - u))
    return cold.evaluate(_lifted(cold, subspace, nearest))


def _lifted(system, subspace, u):
    """The state at the coordinate u, in which directions without influence have their values <g>."""
    direction = subspace.basis[:, 0]
    on_line = subspace.centre + u * direction
    moved = subspace.projected(on_line - system.residual(on_line)[0])
    return tied(moved + (u - direction @ (moved - subspace.centre)) * direction)


def _along(system, subspace):
    """Residual and slope along the line, as functions of an array of u."""
    direction = subspace.basis[:, 0]

    def function(u):
        pairs = [system.residual(phi) for phi in subspace.centre + np.outer(u, direction)]
        residuals, jacobians = (np.array(part) for part in zip(*pairs))
        return residuals @ direction, np.einsum("i,bij,j->b", direction, jacobians, direction)

    return function
