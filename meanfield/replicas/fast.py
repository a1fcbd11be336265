"""Compiled equations of replica-symmetric theories (and of those without couplings): curves in two parameters, branches on grids.

    branch = solutions_along(theory, {"m": 1, "C": 0.1, "alpha": 0.01}, "alpha", bounds=(0, 0.3), fixed={"T": 0.2})
    fold = curve(theory, "fold", branch.special("fold")[0], ("alpha", "T"), bounds={"alpha": (1e-4, 0.3), "T": (0, 1)})

Other sites and ansatz matrices go through `saddle`, which is general and slower.
"""

import hashlib
import math
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import sympy

from theory.errors import InputError
from theory.mean_field import MeanFieldTheory, theory_of
from theory.replica import ReplicaTheory, replica_theory

from ..codegen import systems as text
from ..codegen.extended import extended
from ..codegen.saddle import equations, parameters_of
from ..kernels import cache, curves, rows

__all__ = ["Curve", "Grid", "SpecialPoint", "coexistence_start", "curve", "grid", "solutions_along"]

MOST_EVENTS = 64
LIMIT = 20000
# Steps: first, least and greatest, in units of the variables' ranges; accuracy of the predictor.
STEPS = (0.01, 1e-8, 0.05)
ACCURACY = 3e-4
COLDEST = 1e-7


@dataclass(frozen=True)
class SpecialPoint:
    """A point of a curve where a test function vanishes.

    Attributes
    ----------
    kind : "fold", "branch point", "cusp", "maximum <parameter>", "minimum <parameter>", or a test's name: "replicon", "entropy"
    values : {name: number} of the active parameters, the unknowns and what else the system solves for
    """

    kind: str
    values: dict


@dataclass(frozen=True, eq=False)
class Curve:
    """A curve of an extended system.

    Attributes
    ----------
    kind : of the system
    parameters : names of the active parameters
    fixed : {name: number} of the others
    points : (n, 2), or (n, 1) for a branch of solutions
    states : {name: (n,)} of unknowns and null vectors
    tests : {name: (n,)} of test functions and recorded quantities
    special_points : in order along the curve
    ends : why it ends, on both sides
    residual, quadrature_error : largest residual, and its change under a second rule
    """

    kind: str
    parameters: tuple
    fixed: dict
    points: np.ndarray
    states: dict
    tests: dict
    special_points: tuple
    ends: tuple
    residual: float
    quadrature_error: float
    system: object = field(repr=False)
    table: tuple = field(repr=False)

    def __len__(self):
        return len(self.points)

    def special(self, kind):
        """The special points of a kind."""
        return [p for p in self.special_points if p.kind == kind]

    def at(self, name, levels):
        """Where a variable takes given values: (values {name: (L,)}, converged (L,)), the first crossing of each along the curve."""
        levels = np.atleast_1d(np.asarray(levels, dtype=float))
        found, converged = np.full((len(levels), self.system.size + 1), np.nan), np.zeros(len(levels), dtype=bool)
        if name not in self.system.names:
            raise InputError(f"the curve has no variable {name!r}: it has {', '.join(self.system.names)}")
        points, tangents, weights = self.table
        curves.land(self.system.address, self.system.point(self.fixed), self.system.size, weights, points, tangents, len(points),
                    self.system.names.index(name), levels, found, converged)
        found[~converged] = np.nan
        return dict(zip(self.system.names, found.T)), converged


class System:
    """A compiled extended system.

    Attributes
    ----------
    extended : Extended
    source : text of the generated module
    names : of the variables, the active parameters last
    size : number of equations
    """

    def __init__(self, theory, kind, active, symmetric, condition):
        self.theory, self.kind = theory, kind
        self.extended = x = extended(theory, kind, active, symmetric, condition)
        self.names, self.size = tuple(map(str, x.variables)), len(x.equations)
        self.parameter_names = tuple(map(str, x.parameters))
        self.active = tuple(active)
        self.unknowns = tuple(str(u) for u in x.states[0].unknowns)
        self.tests = tuple(x.tests) + tuple(x.recorded)
        results = [*x.equations, *(e for row in x.jacobian() for e in row), *x.tests.values(), *x.recorded.values()]
        doc = (f"{self.size} equations, their Jacobian by rows in {', '.join(self.names)}; then {', '.join(self.tests)}. "
               f"Parameters: {', '.join(self.parameter_names)}.")
        function = text.function("system_of_equations", doc, x.chain, x.variables, x.parameters, results)
        self.source = text.module(f"{theory.model.name}: {kind}", [function], toolchain())

    @cached_property
    def address(self):
        """Of the compiled kernel."""
        return cache.load(self.source, f"{self.theory.model.name}_{self.kind}").system_of_equations.address

    def point(self, values, rule=0.0):
        """The kernel's point at parameter values; active ones may be left out."""
        return _point(self.theory, self.parameter_names, {**{a: 1.0 for a in self.active}, **values}, rule)

    def evaluate(self, z, values, rule=0.0):
        """(residual, Jacobian, tests) at the variables z."""
        n, d = self.size, self.size + 1
        out = np.empty(n + n * d + len(self.tests))
        _call(self.address, self.point(values, rule), np.ascontiguousarray(z, dtype=float), out)
        return out[:n], out[n : n + n * d].reshape(n, d), out[n + n * d :]


@curves.routine
def _call(address, point, z, out):
    curves.call_system(address, point, z, out)


@lru_cache
def toolchain():
    """Digest of what the kernels inline, so that the cache notices when it changes."""
    here = Path(curves.__file__).parent
    files = ("jit.py", "primitives.py", "quadrature.py", "tower.py", "kernel.py", "systems.py")
    return hashlib.sha256("".join((here / name).read_text() for name in files).encode()).hexdigest()[:16]


def _theory(theory):
    if isinstance(theory, (ReplicaTheory, MeanFieldTheory)):
        return theory
    return replica_theory(theory) if getattr(theory, "couplings", ()) else theory_of(theory)


@lru_cache(maxsize=128)
def _system(theory, kind, active, symmetric, condition):
    return System(theory, kind, active, dict(symmetric), condition)


def system(theory, kind, active, symmetric=None, condition=None):
    """The compiled system of a kind of curve, the same object when asked for again."""
    frozen = tuple(sorted((str(a), sympy.sympify(v)) for a, v in (symmetric or {}).items()))
    return _system(_theory(theory), kind, tuple(map(str, active)), frozen, None if condition is None else sympy.sympify(condition))


def _point(theory, names, values, rule):
    given = {str(k): v for k, v in values.items()}
    if unknown := set(given) - set(names):
        raise InputError(f"{theory.model.name} has no parameter {min(unknown)!r}: it has {', '.join(names)}")
    numbers = []
    for name in names:
        value = given.get(name)
        if value is None and name != "T":
            value = theory.model.parameters[name].default
        if value is None:
            raise InputError(f"{theory.model.name} needs a value for {name}")
        numbers.append(float(value))
    T = max(numbers[0], 1e-150)
    return np.array([T, 1 / T, rule, *numbers[1:]])


def solutions_along(theory, start, parameter, bounds, fixed=None, **options):
    """A branch of solutions as a curve in one parameter, through its folds.

    Parameters
    ----------
    start : {name: number} of the unknowns and the parameter
    bounds : of the parameter
    fixed : {name: number} of the other parameters

    Returns
    -------
    Curve with special points "fold", "branch point", "replicon", "entropy"
    """
    return curve(theory, "solution", start, (parameter,), {parameter: bounds}, fixed, **options)


def curve(theory, kind, start, parameters, bounds, fixed=None, other=None, symmetric=None, condition=None, hold=None,
          accuracy=ACCURACY, steps=STEPS, limit=LIMIT):
    """Follow a curve of parameter points where something happens, both ways from a start.

    Parameters
    ----------
    theory : ReplicaTheory (replica symmetric), MeanFieldTheory, or a model
    kind : "fold" | "instability" (of a symmetric phase) | "equal_free_energies" | "replicon" | "zero_entropy" | "condition" | "solution"
    start : {name: number} near the curve, of the unknowns and the active parameters, or a SpecialPoint
    parameters : names of the two active parameters
    bounds : {name: (low, high)} of both
    fixed : {name: number} of the other parameters; defaults are the model's
    other : for "equal_free_energies", {name: number} of the second state
    symmetric : for "instability", {unknown: value or expression}
    condition : for "condition", an expression in unknowns, reported quantities, f, s and parameters that vanishes on the curve
    hold : the active parameter held while the start converges (both are tried)
    accuracy, steps : of the predictor; (first, least, greatest) step in units of the ranges
    limit : largest number of points

    Raises
    ------
    InputError where no point of the curve is found near the start
    """
    built = system(theory, kind, parameters, symmetric, condition)
    fixed = {str(k): float(v) for k, v in (fixed or {}).items() if str(k) not in built.active}
    values = dict(start.values) if isinstance(start, SpecialPoint) else {str(k): float(v) for k, v in start.items()}
    values |= {f"{name}_2": float(v) for name, v in (other or {}).items()}
    ranges = np.array([bounds[name] for name in built.active], dtype=float)
    if kind in ("replicon", "zero_entropy") and "T" in built.active:
        # These lines reach T = 0 with an essential singularity, where nothing is left of the digits.
        row = built.active.index("T")
        ranges[row, 0] = max(ranges[row, 0], COLDEST)
    z = _start(built, values, fixed)
    weights = _weights(built, z, ranges)
    point = built.point(fixed)
    z, tangent = _converge(built, point, z, weights, hold)
    halves = [_trace(built, point, z, sign * tangent, weights, ranges, accuracy, steps, limit) for sign in (-1.0, 1.0)]
    return _joined(built, fixed, weights, halves)


def _start(built, values, fixed):
    if missing := [n for n in (*built.unknowns, *built.active) if n not in values]:
        raise InputError(f"the start needs a value for {', '.join(missing)}")
    if built.kind == "equal_free_energies" and any(f"{n}_2" not in values for n in built.unknowns):
        raise InputError(f"equal free energies need other=, the second state: {', '.join(built.unknowns)}")
    z = np.array([values.get(name, 0.0) for name in built.names])
    null = [i for i, name in enumerate(built.names) if name.endswith("_null") and name not in values]
    if null:
        # The null vector of the block that multiplies it.
        n = len(built.unknowns)
        block = built.evaluate(z, fixed)[1][n : n + len(null), null]
        if not np.isfinite(block).all():
            raise InputError("the equations are not finite at the start")
        z[null] = np.linalg.svd(block)[2][-1]
    return z


def _weights(built, z, ranges):
    """Lengths in units of the variables' sizes, of the ranges for the active parameters."""
    weights = 1 / np.maximum(1.0, np.abs(z)) ** 2
    weights[len(z) - len(ranges) :] = 1 / np.maximum(ranges[:, 1] - ranges[:, 0], 1e-12) ** 2
    return weights


def _converge(built, point, z, weights, hold):
    n, names = built.size, built.names
    holds = [hold] if hold else list(reversed(built.active))
    out = np.empty(n + n * (n + 1) + len(built.tests))
    for name in holds:
        trial, tangent = z.copy(), np.empty(n + 1)
        along = np.zeros(n + 1)
        along[names.index(name)] = 1.0
        if curves.start(built.address, point, trial, names.index(name), n, along, weights, tangent, out) and np.isfinite(trial).all():
            return trial, tangent
    raise InputError(f"no point of the curve {built.kind!r} was found near the start: give a closer one")


def _trace(built, point, z, tangent, weights, ranges, accuracy, steps, limit):
    n, d, K, active = built.size, built.size + 1, len(built.tests), len(built.active)
    # A buffer that is too short is replaced by a longer one: most curves are short.
    for size in (400, 4000, limit):
        points, tangents, values = np.empty((size, d)), np.empty((size, d)), np.empty((size, active + K))
        events, which = np.empty((MOST_EVENTS, d)), np.empty(MOST_EVENTS, dtype=np.int64)
        count, found, reason, _ = curves.trace(
            built.address, point, n, active, weights, ranges, *steps, accuracy, z.copy(), tangent.copy(), len(built.extended.tests),
            K, points, tangents, values, events, which)
        if reason != curves.FULL or size >= limit:
            break
    return points[:count], tangents[:count], values[:count], events[:found], which[:found], reason


def _joined(built, fixed, weights, halves):
    (p0, t0, v0, e0, w0, r0), (p1, t1, v1, e1, w1, r1) = halves
    if r0 == curves.CLOSED:
        p0, t0, v0, e0, w0, r1 = p0[:1], t0[:1], v0[:1], e0[:0], w0[:0], r0
    points = np.concatenate([p0[:0:-1], p1])
    tangents = np.concatenate([-t0[:0:-1], t1])
    values = np.concatenate([v0[:0:-1], v1])
    events = [*zip(e0[::-1], w0[::-1]), *zip(e1, w1)]
    active = len(built.active)
    residual, error = _errors(built, fixed, points)
    return Curve(built.kind, built.active, fixed, points[:, -active:].copy(), dict(zip(built.names[:-active], points.T)),
                 dict(zip(built.tests, values.T[active:])), _special(built, events, points), (curves.REASONS[r0], curves.REASONS[r1]),
                 residual, error, built, (points, tangents, weights))


def _errors(built, fixed, points):
    """Largest residual, and its change under the second quadrature rule, over some points of the curve."""
    residual = error = 0.0
    for z in points[:: max(1, len(points) // 16)]:
        F, G = built.evaluate(z, fixed)[0].copy(), built.evaluate(z, fixed, 1.0)[0]
        residual, error = max(residual, np.abs(F).max()), max(error, np.abs(F - G).max())
    return float(residual), float(error)


def _special(built, events, points):
    found = []
    for z, index in events:
        kind = _kind(built, z, index, points)
        if kind and not any(p.kind == "cusp" and np.allclose(list(p.values.values()), z, atol=1e-6) for p in found):
            found.append(SpecialPoint(kind, dict(zip(built.names, map(float, z)))))
    return tuple(found)


def _kind(built, z, index, points):
    active = len(built.active)
    if index >= active:
        name = built.tests[index - active]
        if name != "determinant":
            return name
        # A branch of solutions turns where its Jacobian is singular, or else another branch crosses it.
        return None if _near_turn(z, points) else "branch point"
    if built.kind == "solution":
        return "fold"
    j = len(z) - active + index
    near = points[np.argsort(np.abs(points - z).sum(axis=1))[:2], j]
    if built.kind == "fold" and _both_turn(z, points, active):
        return "cusp"
    return f"{'maximum' if z[j] >= near.max() else 'minimum'} {built.active[index]}"


def _near_turn(z, points):
    steps = np.diff(points[:, -1])
    turns = np.flatnonzero(steps[1:] * steps[:-1] < 0) + 1
    width = np.abs(np.diff(points, axis=0)).sum(axis=1).max()
    return any(np.abs(points[i] - z).sum() < 2 * width and abs(points[i, -1] - z[-1]) <= np.abs(steps[i - 1 : i + 1]).max() for i in turns)


def _both_turn(z, points, active):
    near = np.argmin(np.abs(points - z).sum(axis=1))
    around = points[max(0, near - 2) : near + 3, -active:]
    steps = np.diff(around, axis=0)
    return bool((steps.max(axis=0) * steps.min(axis=0) < 0).all())


def coexistence_start(first, second):
    """({name: number}, {name: number}) near a crossing of the free energies of two branches of solutions in one parameter.

    They serve as `start` and `other` of a curve of equal free energies, together with the value of the second active parameter.
    """
    name = first.parameters[0]
    grid = np.linspace(max(c.points.min() for c in (first, second)), min(c.points.max() for c in (first, second)), 4000)
    one, two = (_on_grid(c, grid) for c in (first, second))
    gap = one["free_energy"] - two["free_energy"]
    crossings = np.flatnonzero(gap[1:] * gap[:-1] < 0)
    if not len(crossings):
        return None
    i = crossings[0]
    pick = lambda table: {n: float(v[i]) for n, v in table.items() if n in first.states}
    return {**pick(one), name: float(grid[i]), **first.fixed}, pick(two)


def _on_grid(branch, grid):
    """States and free energy on the first monotone stretch of a branch that contains its start's end."""
    x = branch.points[:, 0]
    table = {**branch.states, "free_energy": branch.tests["free_energy"]}
    steps = np.sign(np.diff(x))
    turns = np.flatnonzero(steps[1:] != steps[:-1]) + 1
    stretches = np.split(np.arange(len(x)), turns)
    best = min(stretches, key=lambda s: table["free_energy"][s].mean()) if len(stretches) > 1 else stretches[0]
    order = best[np.argsort(x[best])]
    return {n: np.interp(grid, x[order], v[order], left=np.nan, right=np.nan) for n, v in table.items()}


class StateKernel:
    """The state of a theory at a point as a compiled kernel: residual, Jacobian, free energy, entropy, stability matrix."""

    def __init__(self, theory):
        self.theory = theory
        state = equations(theory)
        self.unknowns = tuple(map(str, state.unknowns))
        self.size = len(self.unknowns)
        parameters = parameters_of(theory)
        self.parameter_names = tuple(map(str, parameters))
        stability = list(state.stability) if state.stability is not None else []
        self.overlaps = math.isqrt(len(stability))
        self.recorded = 2 + len(stability)
        jacobian = [e for row in state.jacobian(state.unknowns) for e in row]
        doc = f"Residual and Jacobian by rows in {', '.join(self.unknowns)}; free energy, entropy, T times the stability matrix."
        results = [*state.residual, *jacobian, state.free_energy, state.entropy, *stability]
        function = text.function("state", doc, state.chain, state.unknowns, parameters, results)
        self.source = text.module(f"{theory.model.name}: state", [function], toolchain())

    @cached_property
    def address(self):
        """Of the compiled kernel."""
        return cache.load(self.source, f"{self.theory.model.name}_state").state.address


@lru_cache(maxsize=64)
def state_kernel(theory):
    """The state kernel of a theory, the same object when asked for again."""
    return StateKernel(theory)


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
        values = np.full((*self.exists.shape, kernel.recorded), np.nan)
        points = points.copy()
        points[:, 2] = 0.0
        rows.evaluate_rows(kernel.address, points, slot, xs, solutions, self.exists, kernel.recorded, values)
        return values

    @property
    def entropy(self):
        """Entropy per site, (ny, nx)."""
        return self._state[..., 1]

    @cached_property
    def replicon(self):
        """Lowest eigenvalue of the replicon block, (ny, nx); None without couplings."""
        kernel, points = self._inputs[:2]
        k = kernel.overlaps
        if not k:
            return None
        temperatures = _temperatures(self._inputs)
        matrices = self._state[..., 2:].reshape(*self.exists.shape, k, k) / temperatures[..., None, None]
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

    The first column is a curve in the second parameter; a branch's fold, found on the way along one row, is followed as a curve and
    bounds every row.

    Parameters
    ----------
    x, y : (name, values), values monotonous; T as x is available too
    starts : {name of the branch: {unknown: number, y: number}} near a solution at the first x
    fixed : {name: number} of the other parameters
    folds : {name of the branch: True | False | Curve}, whether to look for its fold; by default it is looked for
    """
    theory = _theory(theory)
    (xname, xs), (yname, ys) = (x[0], _values(x)), (y[0], _values(y))
    fixed, kernel = dict(fixed or {}), state_kernel(theory)
    slot, other = (_slot(kernel, name) for name in (xname, yname))
    points = np.array([_point(theory, kernel.parameter_names, {**fixed, xname: xs[0], yname: v}, 2.0) for v in ys])
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
    rows.fill_rows(kernel.address, points.copy(), slot, xs, seeds, seeded, places, ends, kernel.recorded, solutions, exists, recorded)
    unknowns = dict(zip(kernel.unknowns, np.moveaxis(solutions, -1, 0)))
    places[~np.isfinite(places)] = np.nan
    return Branch(unknowns, recorded[..., 0], exists, places, (kernel, points, slot, xs, solutions)), fold


def _fold(theory, column, x, y, fixed):
    """The curve of folds that ends the branch in x, or None."""
    (xname, xs, _), (yname, ys) = x, y
    low, high = min(xs[0], xs[-1]), max(xs[0], xs[-1])
    width = high - low
    bounds = {xname: (low - width, high + width) if low - width >= 0 or low < 0 else (0.2 * low, high + width), yname: (min(ys), max(ys))}
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
