"""The grid of a scan: which parameters run over which values, and the others."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

from theory.errors import InputError
from theory.models import configure
from theory.replica import ansatz_of

from ..inputs import configured, has_couplings, refuse_ansatz
from .quenched import Quenched

__all__ = ["Grid", "read_grid"]


@dataclass(frozen=True, eq=False)
class Grid:
    """All combinations of values of some parameters while the others are held.

    Attributes
    ----------
    compiled : Compiled | Quenched
    axes : {name: values}, the last one varies fastest
    fixed : {name: value} of the others as they were given, defaults not filled in
    """

    compiled: object
    axes: dict
    fixed: dict

    @property
    def shape(self):
        """Numbers of values, in the order of the axes."""
        return tuple(map(len, self.axes.values()))

    @property
    def size(self):
        """Number of points."""
        return int(np.prod(self.shape))

    @property
    def model(self):
        return self.compiled.model

    def at(self, point):
        """{name: value} of the axes at a flat index."""
        places = np.unravel_index(point, self.shape)
        return {name: float(values[i]) for (name, values), i in zip(self.axes.items(), places)}

    @property
    def held(self):
        """All parameters that are held, with defaults, structural integers included."""
        values = self.model.values(**self.fixed, **self.at(0))
        swept = {"T" if name == "beta" and "beta" not in values else name for name in self.axes}
        return {**self.model.structural, **{name: v for name, v in values.items() if name not in swept}}


def read_grid(model, over, fixed, ansatz=None, steps=None):
    """The Grid of `scan`'s arguments.

    Raises
    ------
    InputError
        For an unknown parameter, an empty or repeated value, a structural integer, a name both set and ranged, or an illegal
        value at a corner of the grid.
    """
    if not isinstance(over, Mapping) or not over:
        raise InputError(f"over: expected {{name: (low, high, points) or values}}, got {over!r}")
    if both := [name for name in over if name in fixed]:
        raise InputError(f"{both[0]} is both set and scanned: give one of them")
    compiled, given = _configured(model, fixed, ansatz, steps)
    _refuse_structural(compiled.model, over)
    grid = Grid(compiled, {str(name): _values(name, v) for name, v in over.items()}, given)
    # The legal values of a parameter are an interval: the corners speak for all points.
    for corner in product(*((v.min(), v.max()) for v in grid.axes.values())):
        compiled.model.values(**given, **dict(zip(grid.axes, map(float, corner))))
    return grid


def _configured(model, fixed, ansatz, steps):
    """What is solved at the points, and the parameters that are left to set."""
    if not has_couplings(model, fixed):
        refuse_ansatz(ansatz, steps)
        return configured(model, fixed)
    model, given = configure(model, fixed) if isinstance(model, (str, os.PathLike)) else (model, dict(fixed))
    return Quenched(model, ansatz_of(ansatz, steps)), given


def _refuse_structural(model, over):
    for name in over:
        parameter = model.parameters.get(name)
        if name in model.structural or parameter is not None and parameter.integer:
            raise InputError(f"{name} is a structural integer of {model.name}: it cannot be scanned, set it instead")


def _values(name, given):
    form = f"over {name}: expected (low, high, points) or a sequence of different finite values"
    try:
        values = np.linspace(*_limits(given)) if _is_range(given) else np.array(given, dtype=float)
    except (TypeError, ValueError):
        raise InputError(f"{form}, got {given!r}") from None
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all() or len(np.unique(values)) < len(values):
        raise InputError(f"{form}, got {given!r}")
    return np.where(np.abs(values) < 1e-14 * np.abs(values).max(), 0.0, values)


def _is_range(given):
    """A tuple (low, high, points) with an integer at its end; a list or an array holds values."""
    return isinstance(given, tuple) and len(given) == 3 and isinstance(given[2], (int, np.integer))


def _limits(given):
    low, high, points = given
    if points < 1 or not float(low) < float(high):
        raise ValueError(given)
    return float(low), float(high), int(points)
