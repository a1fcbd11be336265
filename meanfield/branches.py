"""Branches of solutions along one parameter as tables, with their special points."""

import csv
import io
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType, SimpleNamespace

import numpy as np

from theory.errors import InputError

from .bifurcations.box import Box
from .bifurcations.branching import bifurcation_kind
from .bifurcations.continuation import Arclength, Curve, Path, between, follow, march, vanishing
from .bifurcations.family import invariant_subspace
from .events import Event, Quantities, read_events
from .inputs import refuse_ansatz
from .stability import spectrum
from .transitions import coupled_line
from .writers import write_text

__all__ = ["Branch", "Branches", "SpecialPoint", "branches", "continuation", "switch"]

# Relative step of temperature derivatives, and below which eigenvalue a susceptibility counts as infinite.
STEP = 1e-3
MARGINAL = 1e-10
# Smaller values of an event's function are rounding.
ROUNDED = 1e-13
# Where branches that meet at a special point are looked for beside it; how exactly they meet it, in units of the range and in the
# order parameters; how close a solution on a known branch is to that.
BESIDE, MEETS, SAME, KNOWN = 2e-3, 1e-6, 1e-2, 1e-4
# Free energies closer than this are equal.
EQUAL = 1e-12
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
    kind : "fold", "pitchfork" and "transcritical" (an eigenvalue crosses zero and branches meet there), "bifurcation" (with quenched
        couplings, where it is neither by symmetry), "at", "gardner", "zero-entropy" (replicon or entropy vanish), "lost" (the branch
        ends on a discontinuity of the equations, at T = 0), or the label of an event
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
    """A branch as a table: read-only columns of equal length, in order along the branch; iterating gives its rows.

    Attributes
    ----------
    parameter : name of the continuation parameter
    names : order parameters
    columns : {name: array}: the parameter, the order parameters, free_energy, entropy, energy, specific_heat (at fixed
        parameters), chi_<order parameter> (d phi_a/d h_a at fixed temperature), eigenvalue (the lowest one of
        1 + C^(1/2) e'' C^(1/2)), stable, rank (1 for the lowest free energy of all listed branches at this value); per site, k_B = 1
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
    source: object = field(default=None, repr=False)

    def __len__(self):
        return len(self.kinds)

    def __iter__(self):
        return self.rows()

    def __getstate__(self):
        plain = {**self.__dict__, "source": None}
        return {name: dict(v) if isinstance(v, MappingProxyType) else v for name, v in plain.items()}

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


def branches(model, *, along, start=None, events=None, options=Arclength(), ansatz=None, steps=None, **parameters):
    """Branches of solutions along one parameter, stable and unstable, through folds.

    Parameters
    ----------
    model : model, theory, name or path of a model file
    along : {name: (low, high)} or {name: (low, high, points)}
    start : {name: value} or values of the order parameters at the lower end: only the branch that Newton's method leads to from
        there; None finds all branches
    events : {label: g}, or texts g, of what is located on every branch: g is an expression in the columns of the table and the
        parameters, or a function g(solution, parameters) of two mappings {name: number}; it changes its sign at the point
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

        return replica_branches(*found, ansatz, steps, start, events)
    refuse_ansatz(ansatz, steps)
    box = Box.along(model, along, parameters)
    events = _events(box, events)
    paths = box.paths(options) if start is None else [_path_from(box, start, options)]
    tables = [_table(box, _with_events(box, path, events), (box, options, events)) for path in paths]
    return ranked(tables)


def ranked(tables):
    """The Branches of tables, those with most stable rows first, with their column `rank`."""
    tables = sorted(tables, key=lambda b: -np.count_nonzero(b.stable))
    return Branches(tuple(replace(b, columns=MappingProxyType({**b.columns, "rank": _ranks(b, tables)})) for b in tables))


def _ranks(branch, tables):
    """1 + the number of solutions of lower free energy, on all tables, at each row of a branch."""
    values, energies = branch[branch.parameter], branch["free_energy"]
    ranks = np.array([1 + sum(f < own - EQUAL for b in tables for f in _energies(b, v)) for v, own in zip(values, energies)])
    ranks.setflags(write=False)
    return ranks


def _energies(branch, value):
    """Free energies of a branch where it passes a value of the parameter, interpolated between the points of its curve."""
    x, f = branch.curve[branch.parameter], branch.curve["free_energy"]
    near = COINCIDE * max(np.ptp(x), 1e-300)
    gaps = np.where(np.abs(x - value) <= near, 0.0, x - value)
    at = np.flatnonzero(gaps == 0)
    passed = np.flatnonzero(gaps[1:] * gaps[:-1] < 0)
    shares = gaps[passed] / (gaps[passed] - gaps[passed + 1])
    return np.concatenate([f[at], f[passed] + shares * (f[passed + 1] - f[passed])])


def continuation(model, *, along, start=None, events=None, options=Arclength(), ansatz=None, steps=None, **parameters):
    """The points of one branch, one after the other as the continuation finds them.

    Parameters
    ----------
    along : {name: (first, last)}; the branch starts at `first`, which may be the larger value
    start, events, options, ansatz, steps, parameters : as of `branches`

    Yields
    ------
    dict
        {name: number} of the parameter, the order parameters and what else the table of a Branch has, `kind` the phase's label and
        `special` the kind of a special point, or ""
    """
    name, first, last = _directed(along)
    ordered = {name: (min(first, last), max(first, last))}
    if coupled := coupled_line(model, ordered, parameters):
        if first > last:
            raise InputError(f"along: with quenched couplings a branch is followed from the smaller value on, got {along}")
        yield from _rows_of_replicas(*coupled, ansatz, steps, start, events)
        return
    refuse_ansatz(ansatz, steps)
    box = Box.along(model, ordered, parameters)
    yield from _iterated(box, _start_at(box, start, first), np.sign(last - first), _events(box, events), options)


def _directed(along):
    """(name, first, last) of {name: (first, last)}."""
    try:
        (name, (first, last)), = along.items()
        return name, float(first), float(last)
    except (AttributeError, TypeError, ValueError):
        raise InputError(f"along: expected one range {{name: (first, last)}}, got {along!r}") from None


def _rows_of_replicas(model, r, fixed, ansatz, steps, start, events):
    from .replicas.branches import replica_branches
    from .solve import solve

    start = start or solve(model, ansatz=ansatz, steps=steps, **fixed, **{r.name: r.low}).order_parameters
    for branch in replica_branches(model, r, fixed, ansatz, steps, start, events):
        special = {p.row: p.kind for p in branch.special_points}
        yield from ({**row, "special": special.get(i, "")} for i, row in enumerate(branch))


def _iterated(box, found, direction, events, options):
    curve = Curve(box.family, invariant_subspace(box.family, found.values), options)
    first = curve.start(found.values, found.parameters[box.ranges[0].name])
    if first is None:
        raise InputError("the start is no regular solution: take another parameter value")
    last, path = None, Path(curve, ())
    for point in march(curve, replace(first, tangent=direction * first.tangent)):
        for p in (*(() if last is None else _happening(box, path, events, last, point)), point):
            special = "" if p.event in ("", "edge") else _special(box, p, 0).kind
            yield {**_row(box, path, p), "kind": box.kind(p.state.parameters, p.state.order_parameters), "special": special}
        last = point


def switch(branch, point):
    """The other branches that meet a branch at a special point of it.

    Parameters
    ----------
    branch : Branch as `branches` returned it
    point : SpecialPoint of the branch

    Returns
    -------
    Branches

    Raises
    ------
    InputError
        For a branch that was stored, and for a point of another parameter.
    """
    if branch.source is None:
        raise InputError("a branch that was stored has lost its equations: compute it again")
    if set(point.at) != {branch.parameter}:
        raise InputError(f"expected a special point of this branch, at a value of {branch.parameter}, got one at {point.at}")
    if callable(branch.source):
        return branch.source(branch, point)
    box, options, events = branch.source
    paths = _meeting(box, branch, point, options)
    return ranked([_table(box, _with_events(box, path, events), branch.source) for path in paths])


def _meeting(box, branch, point, options):
    """Paths through solutions beside a special point that meet it, without the branch's own."""
    (value,), symmetry = point.at.values(), box.generic_symmetry
    here = box.state_values(point.order_parameters)
    u, paths = float(box.family.unit([value])[0]), []
    for beside in (x for x in (u - BESIDE, u + BESIDE) if 0 < x < 1):
        near = float(box.family.values([beside])[0])
        known = [symmetry.canonical(p.state.order_parameters) for path in paths for p in path.at(near)]
        for phi in box.fixed_points([near]):
            if any(np.abs(symmetry.canonical(phi) - other).max() < KNOWN for other in known):
                continue
            path = follow(box.family, phi, near, options)
            if path is not None and not _is_branch(path, branch, symmetry) and _touches(path, u, here, symmetry):
                paths.append(path)
                known += [symmetry.canonical(p.state.order_parameters) for p in path.at(near)]
    return paths


def _touches(path, u, order_parameters, symmetry):
    """Whether a path has a bifurcation at a unit coordinate and state."""
    here = symmetry.canonical(order_parameters)
    return any(p.event in ("pitchfork", "bifurcation") and abs(p.z[-1] - u) < MEETS
               and np.abs(symmetry.canonical(p.state.order_parameters) - here).max() < SAME for p in path.points)


def _is_branch(path, branch, symmetry):
    """Whether a path is that of a branch: it passes the row of it that is farthest from an instability."""
    row = int(np.argmax(np.abs(branch["eigenvalue"])))
    here = symmetry.canonical(np.array([branch[name][row] for name in branch.names]))
    states = [symmetry.canonical(p.state.order_parameters) for p in path.at(branch[branch.parameter][row])]
    return any(np.abs(phi - here).max() < KNOWN for phi in states)


def _path_from(box, start, options):
    low = box.ranges[0].low
    path = follow(box.family, _start_at(box, start, low).values, low, options)
    if path is None:
        raise InputError(f"no regular solution near this start at {box.ranges[0].name} = {low:g}")
    return path


def _start_at(box, start, value):
    """The Solution that Newton's method leads to from a start at a parameter value, without a start the equilibrium."""
    from .solve import Newton, solve, solve_from

    if start is None:
        start = solve(box.family.compiled, **box.family.parameters([value])).order_parameters
    found = solve_from(box.family.at([value]), box.state_values(start), Newton())
    if not found.converged:
        raise InputError(f"no solution near this start at {box.ranges[0].name} = {value:g}: {found.status}")
    return found


def _events(box, events):
    """The Events of a user, and where the entropy vanishes."""
    found = read_events(events, quantity_names(box.names), (*box.parameters, box.ranges[0].name))
    return (*found, Event("zero-entropy", lambda q: q["entropy"]))


def quantity_names(order_parameters):
    """Names of what a table has of a solution."""
    return (*order_parameters, "free_energy", "entropy", "energy", "specific_heat", *(f"chi_{name}" for name in order_parameters), "eigenvalue")


def _quantities(box, path, point):
    """The Quantities at a point of a branch."""
    return quantities_of(box, path.curve.family, path.curve.basis, point.state)


def quantities_of(box, family, basis, s):
    """The Quantities of a State on a branch in the subspace `basis`."""
    known = {**box.parameters, **dict(zip(family.names, map(float, s.parameters))), **dict(zip(box.names, map(float, s.order_parameters))),
             "free_energy": s.free_energy, "entropy": float(s.evaluation.entropy), "energy": float(s.evaluation.energy), "eigenvalue": s.lowest}
    later = {f"chi_{name}": lambda i=i: float(susceptibility(s)[i, i]) for i, name in enumerate(box.names)}
    return Quantities(known, later | {"specific_heat": lambda: specific_heat(family, basis, s)})


def _with_events(box, path, events):
    """The Path with the points at which events happen."""
    points = [path.points[0]]
    for first, second in zip(path.points, path.points[1:]):
        points += [*_happening(box, path, events, first, second), second]
    return replace(path, points=tuple(points))


def _happening(box, path, events, first, second):
    """Points between two successive ones at which events happen, in order."""
    at = lambda event: lambda point: event(_quantities(box, path, point))
    found = [vanishing(path.curve, first, second, at(event), event.label) for event in events if _settled(event, box, path, first, second)]
    return sorted((p for p in found if p is not None), key=lambda p: (p.z - first.z) @ (second.z - first.z))


def _settled(event, box, path, *points):
    """Whether a function is beyond rounding at points, so that a change of sign means something."""
    return all(abs(event(_quantities(box, path, p))) > ROUNDED for p in points)


def _table(box, path, source):
    points = sampled(path, box.ranges[0].values)
    rows = [_row(box, path, p) for p in points]
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    for column in columns.values():
        column.setflags(write=False)
    kinds = tuple(box.kind(p.state.parameters, p.state.order_parameters) for p in points)
    special = tuple(_special(box, p, i) for i, p in enumerate(points) if p.event not in ("", "edge"))
    curve = MappingProxyType(_curve(box, path, sampled(path, box.ranges[0].values, dense=True)))
    return Branch(box.model.name, box.ranges[0].name, box.names, MappingProxyType(columns), kinds, special, box.parameters, curve,
                  source=source)


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
    kind = bifurcation_kind(box.family, point.state.parameters, point.state.order_parameters) if point.event == "bifurcation" else point.event
    return SpecialPoint(kind, {box.ranges[0].name: point.parameter}, order_parameters, row)


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


def susceptibilities(system, order_parameters):
    """d phi_a / d h_a at fixed temperature, shape (n,); NaN where the response does not exist (T = 0 on a discontinuity)."""
    evaluation = system.evaluate(order_parameters)
    if not (np.isfinite(evaluation.response).all() and np.isfinite(evaluation.jacobian).all()):
        return np.full(system.size, np.nan)
    lowest = spectrum(evaluation.response, evaluation.curvature)[0][0]
    return np.diag(susceptibility(SimpleNamespace(evaluation=evaluation, lowest=float(lowest))))


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
