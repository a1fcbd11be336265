"""Curves in two parameters along which something happens to a state: folds, equal free energies, the de Almeida-Thouless line.

    branch = solutions_along(theory, {"m": 1, "C": 0.1, "alpha": 0.01}, "alpha", bounds=(0, 0.3), fixed={"T": 0.2})
    fold = curve(theory, "fold", branch.special("fold")[0], ("alpha", "T"), bounds={"alpha": (1e-4, 0.3), "T": (0, 1)})
"""

from dataclasses import dataclass, field

import numpy as np

from theory.errors import InputError
from theory.mean_field import MeanFieldTheory

from ..kernels import curves
from .systems import system

MOST_EVENTS = 64
LIMIT = 20000
# Steps: first, least and greatest, in units of the variables' ranges; accuracy of the predictor.
STEPS = (0.01, 1e-8, 0.05)
ACCURACY = 3e-4
COLDEST = 1e-7
STILL = 1e-6
# A branch turns at a pitchfork too, where the equations' Jacobian, that in the parameter included, loses rank.
BRANCHING = 1e-5


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
        """Where a variable takes given values, the first time along the curve: ({name: (L,)}, converged (L,))."""
        if name not in self.system.names:
            raise InputError(f"the curve has no variable {name!r}: it has {', '.join(self.system.names)}")
        found, converged = self._land(name, levels, slice(None))
        return dict(zip(self.system.names, found.T)), converged

    def _land(self, name, levels, stretch):
        levels = np.atleast_1d(np.asarray(levels, dtype=float))
        found, converged = np.full((len(levels), self.system.size + 1), np.nan), np.zeros(len(levels), dtype=bool)
        points, tangents, weights = self.table
        points, tangents = points[stretch], tangents[stretch]
        curves.land(self.system.address, self.system.point(self.fixed), self.system.size, weights, points, tangents, len(points),
                    self.system.names.index(name), levels, found, converged)
        found[~converged] = np.nan
        return found, converged

    def sampled(self, between=8):
        """Points for a smooth drawing, (m, 2): `between` of each step on the cubic through its ends with their tangents."""
        points, tangents, weights = self.table
        active = len(self.parameters)
        way = np.sqrt((weights * np.diff(points, axis=0) ** 2).sum(axis=1))[:, None, None]
        a, b, ta, tb = (v[:, None, -active:] for v in (points[:-1], points[1:], tangents[:-1], tangents[1:]))
        x = np.linspace(0, 1, between, endpoint=False)[:, None]
        cubic = a + x * x * (3 - 2 * x) * (b - a) + x * (1 - x) * way * ((1 - x) * ta - x * tb)
        return np.concatenate([cubic.reshape(-1, active), points[-1:, -active:]])


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


def curve(theory, kind, start, parameters, bounds, fixed=None, other=None, symmetric=None, condition=None, broken=None,
          hold=None, accuracy=ACCURACY, steps=STEPS, limit=LIMIT):
    """Follow a curve of parameter points where something happens, both ways from a start.

    Parameters
    ----------
    theory : ReplicaTheory (replica symmetric), MeanFieldTheory, or a model
    kind : "fold" | "instability" (of a symmetric phase) | "equal_free_energies" | "replicon" | "zero_entropy" | "condition" |
        "solution" (one parameter)
    start : {name: number} near the curve, of the unknowns and the active parameters, or a SpecialPoint
    parameters : names of the two active parameters
    bounds : {name: (low, high)} of both
    fixed : {name: number} of the other parameters; defaults are the model's
    other : for "equal_free_energies", {name: number} of the second state
    symmetric, broken : for "instability", {unknown: value, expression or its text} of the symmetric phase, and the unknowns
        that leave it; all of them by default
    condition : for "condition", an expression (or its text) in unknowns, reported quantities, f, s and parameters that vanishes
    hold : the active parameter held while the start converges (both are tried)
    accuracy, steps : of the predictor; (first, least, greatest) step in units of the ranges
    limit : largest number of points

    Raises
    ------
    InputError where no point of the curve is found near the start
    """
    built = system(theory, kind, parameters, symmetric, condition, broken)
    fixed = {str(k): float(v) for k, v in (fixed or {}).items() if str(k) not in built.active}
    values = dict(start.values) if isinstance(start, SpecialPoint) else {str(k): float(v) for k, v in start.items()}
    values |= {f"{name}_2": float(v) for name, v in (other or {}).items()}
    ranges = np.array([bounds[name] for name in built.active], dtype=float)
    if "T" in built.active and (kind in ("replicon", "zero_entropy") or isinstance(built.theory, MeanFieldTheory)):
        # These curves reach T = 0 with an essential singularity, where nothing is left of the digits.
        row = built.active.index("T")
        ranges[row, 0] = max(ranges[row, 0], COLDEST)
    z = _start(built, values, fixed)
    weights = _weights(built, z, ranges)
    point = built.point(fixed)
    z, tangent = _converge(built, point, z, weights, hold)
    _refuse_outside(built, z, ranges)
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
            raise InputError("the equations are not finite at the start: give a closer one")
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
        found = curves.start(built.address, point, trial, names.index(name), n, along, weights, tangent, out)
        if found and np.isfinite(trial).all():
            return trial, tangent
    raise InputError(f"no point of the curve {built.kind!r} was found near the start: give a closer one")


def _refuse_outside(built, z, ranges):
    for name, value, (low, high) in zip(built.active, z[-len(ranges):], ranges):
        if not low <= value <= high:
            raise InputError(f"the curve met near the start has {name} = {value:g}, outside its bounds {low:g} to {high:g}")


def _trace(built, point, z, tangent, weights, ranges, accuracy, steps, limit):
    n, d, K, active = built.size, built.size + 1, len(built.tests), len(built.active)
    pair = len(built.unknowns) if built.kind == "equal_free_energies" else 0
    # A buffer that is too short is replaced by a longer one: most curves are short.
    for size in (400, 4000, limit):
        points, tangents, values = np.empty((size, d)), np.empty((size, d)), np.empty((size, active + K))
        events, which = np.empty((MOST_EVENTS, d)), np.empty(MOST_EVENTS, dtype=np.int64)
        count, found, reason, _ = curves.trace(
            built.address, point, n, active, weights, ranges, *steps, accuracy, z.copy(), tangent.copy(),
            len(built.extended.tests), K, pair, points, tangents, values, events, which)
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
    states, tests = dict(zip(built.names[:-active], points.T)), dict(zip(built.tests, values.T[active:]))
    ends = (curves.REASONS[r0], curves.REASONS[r1])
    return Curve(built.kind, built.active, fixed, points[:, -active:].copy(), states, tests,
                 _special(built, fixed, events, points), ends, residual, error, built, (points, tangents, weights))


def _errors(built, fixed, points):
    """Largest residual, and its change under the second quadrature rule, over some points of the curve."""
    residual = error = 0.0
    for z in points[:: max(1, len(points) // 16)]:
        F, G = built.evaluate(z, fixed)[0].copy(), built.evaluate(z, fixed, 1.0)[0]
        residual, error = max(residual, np.abs(F).max()), max(error, np.abs(F - G).max())
    return float(residual), float(error)


def _special(built, fixed, events, points):
    found = []
    for z, index in events:
        kind = _kind(built, fixed, z, index, points)
        if kind:
            found.append(SpecialPoint(kind, dict(zip(built.names, map(float, z)))))
    return tuple(found)


def _kind(built, fixed, z, index, points):
    active = len(built.active)
    if index >= active:
        name = built.tests[index - active]
        if name != "determinant":
            return name
        # A branch of solutions turns where its Jacobian is singular, or else another branch crosses it.
        return None if _stands(built, fixed, z) else "branch point"
    if built.kind == "solution":
        return "branch point" if np.linalg.svd(built.evaluate(z, fixed)[1])[1][-1] < BRANCHING else "fold"
    if _stands(built, fixed, z):
        return "cusp"
    j = len(z) - active + index
    near = points[np.argsort(np.abs(points - z).sum(axis=1))[:2], j]
    return f"{'maximum' if z[j] >= near.max() else 'minimum'} {built.active[index]}"


def _stands(built, fixed, z):
    """Whether the active parameters stand still to first order."""
    tangent = np.linalg.svd(built.evaluate(z, fixed)[1])[2][-1]
    return bool(np.abs(tangent[-len(built.active):]).max() < STILL)


def crossings(first, second, atol=1e-13):
    """Where two curves of the same parameters cross: [{parameter: number}], each converged on both curves."""
    if first.parameters != second.parameters or len(first.parameters) != 2:
        raise InputError("crossings need two curves in the same two parameters")
    found = []
    for i, j in _meeting_steps(first.points, second.points):
        point = _crossing(first, second, i, j, atol)
        if point is not None and not any(np.allclose(point, known, atol=1e-9) for known in found):
            found.append(point)
    return [dict(zip(first.parameters, map(float, point))) for point in found]


def _meeting_steps(first, second):
    """Pairs of steps (i, j) whose boxes, made somewhat larger, overlap."""
    boxes = []
    for points in (first, second):
        low, high = np.minimum(points[1:], points[:-1]), np.maximum(points[1:], points[:-1])
        margin = 0.1 * (high - low).max(axis=0)
        boxes.append((low - margin, high + margin))
    (a, b), (c, d) = boxes
    return np.argwhere(((a[:, None] <= d[None]) & (c[None] <= b[:, None])).all(axis=2))


def _crossing(first, second, i, j, atol):
    """The common point of two steps: the secant rule on the gap of one parameter at equal values of the other."""
    steps = [np.abs(c.points[k + 1] - c.points[k]) for c, k in ((first, i), (second, j))]
    held = int(np.argmax(np.minimum(*steps)))
    ends = [np.sort(c.points[k : k + 2, held]) for c, k in ((first, i), (second, j))]
    low, high = max(e[0] for e in ends), min(e[1] for e in ends)
    if not low < high:
        return None

    def gap(level):
        values = [c._land(c.parameters[held], level, slice(k, k + 2))[0][0, -2:] for c, k in ((first, i), (second, j))]
        return values[0][1 - held] - values[1][1 - held], values[0]

    (fa, _), (fb, _) = gap(low), gap(high)
    if not fa * fb <= 0:
        return None
    a, b = low, high
    for _ in range(60):
        x = (a * fb - b * fa) / (fb - fa) if fb != fa else a
        f, point = gap(x)
        if not np.isfinite(f):
            return None
        if abs(f) <= atol or abs(b - x) <= 1e-16:
            return point
        a, fa = (b, fb) if f * fb < 0 else (a, fa / 2)
        b, fb = x, f
    return point


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
