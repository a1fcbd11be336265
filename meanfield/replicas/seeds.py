"""Starting points of branches: the solutions at a parameter point."""

import numpy as np

from .search import replica_symmetric

__all__ = ["seeds"]


def seeds(line, t):
    """Solutions at t: arrays of all unknowns."""
    system = line.system(t)
    if not line.theory.steps:
        return replica_symmetric(system).points
    return []
