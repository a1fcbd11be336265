"""Labels of the states of a grid: named on a coarse lattice first, and point by point only where that does not agree."""

from collections import defaultdict
from itertools import product

from .labels import MARGIN

__all__ = ["labels"]

STRIDES = (16, 4, 1)


def labels(spread):
    """{(cell, position among the states of the cell): label} of all states on the grid."""
    groups = defaultdict(dict)
    for cell, states in spread.cells.items():
        for k, (component, point) in enumerate(states):
            groups[id(component), point.replicon < -MARGIN][cell] = (k, point)
    return {(cell, members[cell][0]): label for members in groups.values() for cell, label in _named(members).items()}


def _named(members):
    """{cell: label} of connected solutions {cell: (position, Point)}."""
    found = {}
    for stride, wider in zip(STRIDES, (None, *STRIDES)):
        for cell in members:
            if cell in found or any(k % stride for k in cell):
                continue
            near = _corners(cell, wider, members, found) if wider else ()
            agreed = len(near) > 0 and len(set(near)) == 1
            point = members[cell][1]
            found[cell] = near[0] if agreed else point.member.label(point)
    return found


def _corners(cell, stride, members, found):
    """Labels at the corners of the coarser lattice around a cell; none where a corner is missing."""
    corners = list(product(*({k - k % stride, k + -k % stride} for k in cell)))
    return [found[c] for c in corners] if all(c in found for c in corners) else ()
