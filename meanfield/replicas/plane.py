"""Branches of solutions on a grid of two parameters."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from theory.errors import InputError

from ..kernels import rows
from .extended import curve, solutions_along
from .systems import as_theory, point_of, state_kernel


@dataclass(frozen=True, eq=False)
class Branch:
    """One branch of solutions on a grid.

    Attributes
    ----------
    unknowns : {name: (ny, nx)}, nan where the branch does not exist
    free_energy : (ny, nx)
    exists : (ny, nx)
    fold : (ny,) where the branch ends in the row, nan where it does not
    """

    unknowns: dict
    free_energy: np.ndarray
    exists: np.ndarray
    fold: np.ndarray
    _inputs: tuple = field(repr=False)

    @cached_property
    def _state(self):
        kernel, points, slot, xs, solutions = self._inputs
        values, errors = np.full((*self.exists.shape, kernel.recorded), np.nan), np.full(self.exists.shape, np.nan)
        points = points.copy()
        points[:, 2] = 0.0
        rows.evaluate_rows(kernel.address, points, slot, xs, solutions, self.exists, kernel.recorded, values, errors)
        return values, errors

    @property
    def entropy(self):
        """Entropy per site, (ny, nx)."""
        return self._state[0][..., 1]

    @property
    def error(self):
        """Distance from the solution under a finer quadrature rule than that of the search, (ny, nx)."""
        return self._state[1]

    @cached_property
    def replicon(self):
        """Lowest eigenvalue of the replicon block, (ny, nx); None without couplings."""
        kernel, points = self._inputs[:2]
        k = kernel.overlaps
        if not k:
            return None
        temperatures = _temperatures(self._inputs)
        matrices = self._state[0][..., 2:].reshape(*self.exists.shape, k, k) / temperatures[..., None, None]
        if k == 1:
            return matrices[..., 0, 0]
        lowest = np.full(self.exists.shape, np.nan)
        lowest[self.exists] = np.linalg.eigvals(matrices[self.exists]).real.min(axis=-1)
        return lowest


def _temperatures(inputs):
    kernel, points, slot, xs, solutions = inputs
    return np.broadcast_to(xs if slot == 0 else points[:, :1], solutions.shape[:2])


@dataclass(frozen=True, eq=False)
class Grid:
    """Branches of solutions on a grid of two parameters.

    Attributes
    ----------
    parameters : names (x, y)
    x, y : values, (nx,) and (ny,)
    branches : {name: Branch}
    folds : {name: Curve or None}
    """

    parameters: tuple
    x: np.ndarray
    y: np.ndarray
    branches: dict
    folds: dict

    @cached_property
    def lowest(self):
        """Index of the branch of lowest free energy, (ny, nx); -1 where there is none."""
        energies = np.stack([np.where(b.exists, b.free_energy, np.inf) for b in self.branches.values()])
        return np.where(np.isfinite(energies).any(axis=0), energies.argmin(axis=0), -1)


def grid(theory, x, y, starts, fixed=None, folds=None, lines=None):
    """Follow branches of solutions over a grid of two parameters.

    The first column is a curve in the second parameter; a branch's fold, found on the way along one row, is followed as a curve
    and bounds every row.

    Parameters
    ----------
    x, y : (name, values), values monotonous; T as x is available too
    starts : {name of the branch: {unknown: number, y: number}} near a solution at the first x
    fixed : {name: number} of the other parameters
    folds : {name of the branch: True | False | Curve}, whether to look for its fold; by default it is looked for
    """
    theory = as_theory(theory)
    (xname, xs), (yname, ys) = (x[0], _values(x)), (y[0], _values(y))
    fixed, kernel = dict(fixed or {}), state_kernel(theory)
    slot, other = (_slot(kernel, name) for name in (xname, yname))
    points = np.array([point_of(theory, kernel.parameter_names, {**fixed, xname: xs[0], yname: v}, 2.0) for v in ys])
    branches, found = {}, {}
    for name, start in starts.items():
        known = (folds or {}).get(name, True)
        branches[name], found[name] = _branch(theory, kernel, (xname, xs, slot), (yname, ys), points, dict(start), fixed, known)
    return Grid((xname, yname), xs, ys, branches, found)


def _values(axis):
    values = np.ascontiguousarray(axis[1], dtype=float)
    if values.ndim != 1 or len(values) < 2 or not (np.diff(np.sign(np.diff(values))) == 0).all() or values[0] == values[1]:
        raise InputError(f"the values of {axis[0]} must rise or fall throughout, two at least: got {values}")
    return values


def _slot(kernel, name):
    if name not in kernel.parameter_names:
        raise InputError(f"no parameter {name!r}: it has {', '.join(kernel.parameter_names)}")
    i = kernel.parameter_names.index(name)
    return 0 if i == 0 else i + 2


def _branch(theory, kernel, x, y, points, start, fixed, known):
    (xname, xs, slot), (yname, ys) = x, y
    n, shape = kernel.size, (len(ys), len(xs))
    column = solutions_along(theory, start, yname, (min(ys), max(ys)), {**fixed, xname: xs[0]}, steps=(0.01, 1e-8, 0.1))
    values, seeded = column.at(yname, ys)
    seeds = np.stack([values[u] for u in kernel.unknowns], axis=1)
    fold = _fold(theory, column, x, y, fixed) if known is True else known or None
    places, ends = np.full(len(ys), np.inf), np.zeros((len(ys), n))
    if fold is not None:
        at, met = fold.at(yname, ys)
        ahead = met & ((at[xname] - xs[0]) * np.sign(xs[-1] - xs[0]) > 0)
        places[ahead] = at[xname][ahead]
        ends[ahead] = np.stack([at[u] for u in kernel.unknowns], axis=1)[ahead]
        seeded = seeded & (ahead | ~met)
    solutions, exists = np.full((*shape, n), np.nan), np.zeros(shape, dtype=bool)
    recorded = np.full((*shape, kernel.recorded), np.nan)
    rows.fill_rows(kernel.address, points.copy(), slot, xs, seeds, seeded, places, ends, kernel.recorded, solutions, exists,
                   recorded)
    unknowns = dict(zip(kernel.unknowns, np.moveaxis(solutions, -1, 0)))
    places[~np.isfinite(places)] = np.nan
    return Branch(unknowns, recorded[..., 0], exists, places, (kernel, points, slot, xs, solutions)), fold


def _fold(theory, column, x, y, fixed):
    """The curve of folds that ends the branch in x, or None."""
    (xname, xs, _), (yname, ys) = x, y
    low, high = min(xs[0], xs[-1]), max(xs[0], xs[-1])
    width = high - low
    # A load that is positive on the grid stays positive.
    least = 0.2 * low if 0 <= low < width else low - width
    bounds = {xname: (least, high + width), yname: (min(ys), max(ys))}
    for level in np.linspace(min(ys), max(ys), 7)[[3, 1, 5, 2, 4]]:
        start, met = column.at(yname, level)
        if not met[0]:
            continue
        seed = {name: float(v[0]) for name, v in start.items()} | {xname: xs[0]}
        try:
            row = solutions_along(theory, seed, xname, (low, bounds[xname][1]), {**fixed, yname: float(level)})
            if turns := row.special("fold"):
                return curve(theory, "fold", {**turns[0].values, yname: float(level)}, (xname, yname), bounds, fixed)
        except InputError:
            continue
    return None
