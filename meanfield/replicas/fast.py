"""Compiled equations of replica-symmetric theories, and of those without couplings: curves in two parameters, branches on grids.

Two-state and quadratic sites without pattern constraints; the others go through `saddle`, which is general and slower.
"""

from .extended import Curve, SpecialPoint, coexistence_start, crossings, curve, solutions_along
from .plane import Branch, Grid, grid

__all__ = ["Branch", "Curve", "Grid", "SpecialPoint", "coexistence_start", "crossings", "curve", "grid", "solutions_along"]
