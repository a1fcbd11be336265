"""Branches of solutions along one parameter as tables, with their special points."""

import csv
import io
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from theory.errors import InputError

from .bifurcations.box import Box
from .bifurcations.continuation import Arclength, between, follow
from .bifurcations.family import state
from .inputs import refuse_ansatz
from .transitions import coupled_line
from .writers import write_text

__all__ = ["Branch", "Branches", "SpecialPoint", "branches"]

# Relative step of temperature derivatives, and below which eigenvalue a susceptibility counts as infinite.
STEP = 1e-3
MARGINAL = 1e-10
# A sampled value closer than this, in units of the range, to a point of the branch is that point.
COINCIDE = 1e-12
# The same for special points.
SPECIAL = 1e-9
# A branch bends between points whose tangents have a smaller cosine; how many points are then put between them.
STRAIGHT, BENDS = 0.9995, 4
# A branch is steep where its unit tangent has a smaller component along the parameter, in units of the range.
STEEP = 0.4


@dataclass(frozen=True)
class SpecialPoint:
    """A special point on a branch.

    Attributes
    ----------
    kind : "at", "gardner", "zero-entropy" (replicon or entropy vanish), "fold", "bifurcation" (an eigenvalue crosses zero), "pitchfork" (a more symmetric branch is met), "lost" (the branch
        ends on a discontinuity of the equations, at T = 0)
    at : {name: value} of the continuation parameter
    order_parameters : {name: value}
    row : its row in the table of the branch
    """

    kind: str
    at: dict
    order_parameters: dict
    row: int

    def as_dict(self):
        """Plain numbers and strings for JSON."""
        return {"kind": self.kind, "at": dict(self.at), "order_parameters": dict(self.order_parameters), "row": self.row}


@dataclass(frozen=True, eq=False)
class Branch:
    """A branch as a table: read-only columns of equal length, in order along the branch.

    Attributes
    ----------
    parameter : name of the continuation parameter
    names : order parameters
    columns : {name: array}: the parameter, the order parameters, free_energy, entropy, energy, specific_heat (at fixed
        parameters), chi_<order parameter> (d phi_a/d h_a at fixed temperature), eigenvalue (the lowest one of
        1 + C^(1/2) e'' C^(1/2)), stable; per site, k_B = 1
    kinds : phase label of each row
    special_points : tuple of SpecialPoint
    parameters : {name: value} held fixed
    curve : {name: array} the parameter, the order parameters, free_energy and stable for pictures: every row, every point of the
        continuation, and points interpolated between these where the branch bends
    pictured : the order parameters that pictures show by default; None for all
    """

    model: str
    parameter: str
    names: tuple
    columns: MappingProxyType
    kinds: tuple
    special_points: tuple
    parameters: dict
    curve: MappingProxyType
    pictured: tuple = None

    def __len__(self):
        return len(self.kinds)

    def __getitem__(self, name):
        if name not in self.columns:
            raise KeyError(f"{name!r}: the columns are {', '.join(self.columns)}")
        return self.columns[name]

    @property
    def kind(self):
        """The label that most rows have."""
        return Counter(self.kinds).most_common(1)[0][0]

    @property
    def stable(self):
        """Whether each row is locally stable."""
        return self.columns["stable"]

    def rows(self):
        """The table row by row, as dicts of plain values."""
        for i, kind in enumerate(self.kinds):
            yield {**{name: _plain(column[i]) for name, column in self.columns.items()}, "kind": kind}

    def as_dict(self):
        """One element of the JSON of `branch`."""
        return {"kind": self.kind, "points": list(self.rows()), "special_points": [p.as_dict() for p in self.special_points]}

    def __repr__(self):
        low, high = (self.columns[self.parameter].min(), self.columns[self.parameter].max())
        head = f"{self.model}: {self.kind} branch, {self.parameter} = {low:.6g} to {high:.6g}, {len(self)} points"
        special = [f"  {p.kind} at {self.parameter} = {p.at[self.parameter]:.12g}" for p in self.special_points]
        return "\n".join([head, *special])


@dataclass(frozen=True, eq=False)
class Branches(Sequence):
    """All branches along a parameter; `branches[i]` is one of them."""

    items: tuple

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]

    def as_dict(self):
        """The JSON document of `branch`."""
        return {"branches": [b.as_dict() for b in self.items]}

    def to_csv(self, path=None):
        """All tables as CSV with a column `branch`: written to `path` atomically, or returned as text."""
        text = io.StringIO()
        rows = [{"branch": i, **row} for i, b in enumerate(self.items) for row in b.rows()]
        writer = csv.DictWriter(text, list(rows[0]) if rows else ["branch"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue() if path is None else write_text(path, text.getvalue())

    def __repr__(self):
        return "\n".join(map(repr, self.items)) or "no branches"


def branches(model, *, along, start=None, options=Arclength(), ansatz=None, steps=None, **parameters):
    """Branches of solutions along one parameter, stable and unstable, through folds.

    Parameters
    ----------
    model : model, theory, name or path of a model file
    along : {name: (low, high)} or {name: (low, high, points)}
    start : {name: value} or values of the order parameters at the lower end: only the branch that Newton's method leads to from
        there; None finds all branches
    options : Arclength
    ansatz, steps : of replicas, for models with quenched couplings: rs (default), 1rsb, or krsb with steps
    parameters : the others, with T

    Returns
    -------
    Branches

    Raises
    ------
    InputError
        For an unknown parameter, an empty range or a range over a structural integer.
    """
    if isinstance(along, Mapping) and (found := coupled_line(model, along, parameters)):
        from .replicas.branches import replica_branches

        return replica_branches(*found, ansatz, steps, start)
    refuse_ansatz(ansatz, steps)
    box = Box.along(model, along, parameters)
    paths = box.paths(options) if start is None else [_path_from(box, start, options)]
    tables = [_table(box, path) for path in paths]
    return Branches(tuple(sorted(tables, key=lambda b: -np.count_nonzero(b.stable))))


def _path_from(box, start, options):
    from .solve import Newton, solve_from

    low = box.ranges[0].low
    found = solve_from(box.family.at([low]), box.state_values(start), Newton())
    path = follow(box.family, found.values, low, options) if found.converged else None
    if path is None:
        raise InputError(f"no solution near this start at {box.ranges[0].name} = {low:g}: {found.status}")
    return path


def _table(box, path):
    points = sampled(path, box.ranges[0].values)
    rows = [_row(box, path, p) for p in points]
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    for column in columns.values():
        column.setflags(write=False)
    kinds = tuple(box.kind(p.state.parameters, p.state.order_parameters) for p in points)
    special = tuple(_special(box, p, i) for i, p in enumerate(points) if p.event not in ("", "edge"))
    curve = MappingProxyType(_curve(box, path, sampled(path, box.ranges[0].values, dense=True)))
    return Branch(box.model.name, box.ranges[0].name, box.names, MappingProxyType(columns), kinds, special, box.parameters, curve)


def _curve(box, path, points):
    """The columns of a Branch's `curve`."""
    rows = [(p.parameter, p.state.order_parameters, p.state.free_energy, _stable(p)) for p in points[:1]]
    for first, second in zip(points, points[1:]):
        rows += [*_bent(box, path, first, second), (second.parameter, second.state.order_parameters, second.state.free_energy, _stable(second))]
    values, phi, free_energy, stable = map(np.array, zip(*rows))
    return {box.ranges[0].name: values, **dict(zip(box.names, phi.T)), "free_energy": free_energy, "stable": stable}


def _bent(box, path, first, second):
    """Rows between two points where the branch bends, on the cubic with its tangents (Hermite)."""
    length = np.linalg.norm(second.z - first.z)
    if first.tangent @ second.tangent > STRAIGHT or length == 0:
        return
    stable = _stable(first if second.event else second)
    for t in np.linspace(0, 1, BENDS + 2)[1:-1]:
        z = ((1 + 2 * t) * (1 - t) ** 2 * first.z + t * (1 - t) ** 2 * length * first.tangent
             + t * t * (3 - 2 * t) * second.z - t * t * (1 - t) * length * second.tangent)
        values, phi = box.family.values(np.clip(z[-1:], 0, 1)), path.curve.basis @ z[:-1]
        yield float(values[0]), phi, float(box.family.at(values).evaluate(phi).free_energy), stable


def _stable(point):
    """Whether a point is stable; at a special point an eigenvalue that vanishes to rounding is not negative."""
    return point.state.stable or bool(point.event) and point.state.lowest > -MARGINAL


def sampled(path, values, dense=False):
    """Points of a path where it passes the given parameter values, with its special points, ends and steep parts, or all, in order.

    Where the branch is steep (close to folds) values of the parameter alone would leave gaps in the order parameters.
    """
    points = [path.points[0]]
    for first, second in zip(path.points, path.points[1:]):
        ends = (first.parameter, second.parameter)
        close = COINCIDE * path.curve.family.span[0]
        # A value next to a special point would list that point twice, on either side of its rounding error.
        gaps = [SPECIAL * path.curve.family.span[0] if p.event not in ("", "edge") else close for p in (first, second)]
        inner = [v for v in values if min(ends) < v < max(ends) and all(abs(v - end) > gap for end, gap in zip(ends, gaps))]
        points += [between(path.curve, first, second, v) for v in (inner if ends[0] < ends[1] else inner[::-1])]
        kept = dense or second.event or second is path.points[-1] or abs(second.tangent[-1]) < STEEP
        if kept or min(abs(values - ends[1])) <= close:
            points.append(second)
    return points


def _special(box, point, row):
    order_parameters = dict(zip(box.names, map(float, point.state.order_parameters)))
    return SpecialPoint(point.event, {box.ranges[0].name: point.parameter}, order_parameters, row)


def _row(box, path, point):
    s, curve = point.state, path.curve
    chi = susceptibility(s)
    return {box.ranges[0].name: point.parameter, **dict(zip(box.names, s.order_parameters)),
            "free_energy": s.free_energy, "entropy": s.evaluation.entropy, "energy": s.evaluation.energy,
            "specific_heat": specific_heat(curve.family, curve.basis, s),
            **{f"chi_{name}": chi[i, i] for i, name in enumerate(box.names)}, "eigenvalue": s.lowest, "stable": _stable(point)}


def susceptibility(state):
    """chi_ab = d phi_a / d h_b at fixed temperature, (1 + C e'')^-1 C; infinite at an instability. Shape (n, n)."""
    response = state.evaluation.response
    try:
        chi = np.linalg.solve(state.evaluation.jacobian, response)
    except np.linalg.LinAlgError:
        return np.full_like(response, np.inf)
    return np.where(np.abs(chi) > 1 / MARGINAL, np.inf, chi) if abs(state.lowest) < MARGINAL else chi


def specific_heat(family, basis, state):
    """c = T ds/dT along the branch at fixed parameters, per site: T [ds/dT - (e'' F_T).J^-1 F_T], F_T = dF/dT at fixed phi.

    The second term is the response of the order parameters; s depends on them as ds/dphi = e'' dF/dT.
    """
    parameters = family.parameters(state.parameters)
    T = parameters["T"]
    if T == 0:
        return 0.0
    shifted = [family.system({**parameters, "T": T * (1 + k * STEP)}).evaluate(state.order_parameters) for k in (-2, -1, 1, 2)]
    slope = lambda values: np.tensordot([1, -8, 8, -1], values, 1) / (12 * STEP * T)
    drift = slope([e.residual for e in shifted])
    reduced = basis.T @ state.evaluation.jacobian @ basis
    if abs(state.inside.min(initial=1)) < MARGINAL:
        return math.inf
    shift = basis @ np.linalg.solve(reduced, basis.T @ drift)
    return float(T * (slope([e.entropy for e in shifted]) - drift @ state.evaluation.curvature @ shift))


def _plain(value):
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    return float(value) if math.isfinite(value) else None
