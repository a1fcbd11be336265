"""A model with some parameters ranged over and the others set: the common start of branches, transitions and phase diagrams."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import index

import numpy as np

from theory.errors import InputError

from .continuation import Arclength
from .family import Family
from .segments import ANCHORS, all_paths, segments_of

__all__ = ["Box", "Range", "axes", "read_range"]

POINTS = 101
# States with a larger residual sit on a discontinuity of the equations (T = 0).
SOLVED = 1e-9


@dataclass(frozen=True)
class Range:
    """The closed interval low..high of the parameter `name`, sampled at `points` values."""

    name: str
    low: float
    high: float
    points: int = POINTS

    @property
    def values(self):
        """The sampled values, shape (points,); a midpoint that should be zero is exactly zero."""
        values = np.linspace(self.low, self.high, self.points)
        return np.where(np.abs(values) < 1e-14 * max(abs(self.low), abs(self.high)), 0.0, values)


def read_range(name, limits):
    """The Range of (low, high) or (low, high, points).

    Raises
    ------
    InputError
        Where these are not two numbers low < high and a number of points from 2 on.
    """
    form = f"{name}: expected a range (low, high) or (low, high, points)"
    try:
        low, high, *rest = limits
        low, high = float(low), float(high)
        points, = [index(n) for n in rest] or [POINTS]
    except (TypeError, ValueError):
        raise InputError(f"{form}, got {limits!r}") from None
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise InputError(f"{form} with low < high, got {low:g} and {high:g}")
    if points < 2:
        raise InputError(f"{name}: expected at least two points, got {points}")
    return Range(str(name), low, high, points)


def _axis(limits):
    """(name, low, high) or (name, low, high, points) of an axis that may also be given as {name: (low, high)}."""
    if isinstance(limits, dict) and len(limits) == 1:
        ((name, limits),) = limits.items()
        limits = (name, *limits) if isinstance(limits, (tuple, list)) else (name, limits)
    return tuple(limits) if isinstance(limits, list) else limits


def axes(x, y):
    """{name: limits} of two axes, each (name, low, high) or (name, low, high, points), or {name: (low, high)}.

    Raises
    ------
    InputError
        Where an axis has another form, or both have one name.
    """
    ranges = {}
    for axis, limits in (("x", _axis(x)), ("y", _axis(y))):
        if not isinstance(limits, tuple) or not limits or not isinstance(limits[0], str):
            raise InputError(f"{axis}: expected (name, low, high), (name, low, high, points) or {{name: (low, high)}}, got {limits!r}")
        if limits[0] in ranges:
            raise InputError(f"{limits[0]} is ranged twice: range two different parameters")
        ranges[limits[0]] = tuple(limits[1:])
    return ranges


@dataclass(frozen=True, eq=False)
class Box:
    """A model whose parameters `ranges` are free while `fixed` are held; `family` is its compiled form."""

    model: object
    ranges: tuple[Range, ...]
    fixed: dict
    family: Family

    @classmethod
    def of(cls, model, ranges, fixed):
        """Resolve a model and check its ranges {name: (low, high[, points])} and fixed values."""
        from ..inputs import configured

        ranges = tuple(read_range(name, limits) for name, limits in ranges.items())
        compiled, fixed = configured(model, fixed)
        fixed = _checked(compiled.model, ranges, fixed)
        family = Family(compiled, tuple(r.name for r in ranges), tuple(r.low for r in ranges), tuple(r.high for r in ranges), fixed)
        return cls(compiled.model, ranges, fixed, family)

    @classmethod
    def along(cls, model, along, fixed):
        """The Box of one free parameter."""
        if not isinstance(along, Mapping) or len(along) != 1:
            raise InputError(f"along: expected one range {{name: (low, high)}}, got {along!r}")
        return cls.of(model, along, fixed)

    @classmethod
    def plane(cls, model, x, y, fixed):
        """The Box of two free parameters, each (name, low, high[, points])."""
        return cls.of(model, axes(x, y), fixed)

    @property
    def names(self):
        """Names of the order parameters."""
        return tuple(self.model.names)

    @property
    def parameters(self):
        """The fixed parameters by name, structural integers included."""
        return {**self.model.structural, **self.fixed}

    def fixed_points(self, values):
        """Fixed points at a parameter point, one of each orbit: arrays of shape (n,).

        At T = 0 only stable ones: the others may sit on kinks of the equations, where they cannot be followed.
        """
        from ..solutions import solutions_at

        cold = self.family.parameters(values)["T"] == 0
        found = [s for s in solutions_at(self.family.at(values)) if s.residual < SOLVED]
        return [s.values for s in found if s.stable or not cold]

    def state_values(self, start):
        """Order parameters as an array, from {name: value} or a sequence of values."""
        values = [start.get(name, 0.0) for name in self.names] if isinstance(start, Mapping) else start
        known = not isinstance(start, Mapping) or set(start) <= set(self.names)
        if not known or np.shape(values) != (len(self.names),) or not np.isfinite(np.asarray(values, float)).all():
            raise InputError(f"start: expected finite values of {', '.join(self.names)}, got {start!r}")
        return np.asarray(values, float)

    def symmetry(self, values):
        """The symmetry group at a parameter point."""
        from ..search.symmetry import symmetry

        return symmetry(self.family.at(values))

    @cached_property
    def generic_symmetry(self):
        """The symmetry that holds throughout the box."""
        return self.symmetry(self.family.generic(1)[0])

    def kind(self, values, order_parameters):
        """The label of a solution at a parameter point, with the symmetry that its sites have throughout the box."""
        from ..phases import kind

        return kind(self.family.at(values), np.asarray(order_parameters, float), self._site_symmetry)

    @cached_property
    def _site_symmetry(self):
        from ..search.symmetry import site_symmetry

        return site_symmetry(self.family.at(self.family.generic(1)[0]))

    def segments(self, options=Arclength(), anchors=ANCHORS):
        """All stable segments of all branches along the one free parameter."""
        return segments_of(self.paths(options, anchors), self.generic_symmetry)

    def paths(self, options=Arclength(), anchors=ANCHORS):
        """All branches along the one free parameter that pass one of `anchors` values."""
        return all_paths(self.family, self.fixed_points, self.symmetry, options, anchors)

    def section(self, name, value):
        """The Box along the other parameter, with one of the two ranged ones held at a value."""
        kept = tuple(r for r in self.ranges if r.name != name)
        fixed = {**self.fixed, name: float(value)}
        family = Family(self.family.compiled, tuple(r.name for r in kept), tuple(r.low for r in kept), tuple(r.high for r in kept), fixed)
        return Box(self.model, kept, fixed, family)


def _checked(model, ranges, fixed):
    """The fixed values with defaults, checked together with both corners of the ranges."""
    for r in ranges:
        if r.name in fixed:
            raise InputError(f"{r.name} is both set and ranged: give one of them")
        if r.name in model.structural:
            raise InputError(f"{r.name} is a structural integer of {model.name}: it cannot be ranged over, set it instead")
    for end in ("low", "high"):
        values = model.values(**fixed, **{r.name: getattr(r, end) for r in ranges})
    return {name: value for name, value in values.items() if name not in {r.name for r in ranges}}
