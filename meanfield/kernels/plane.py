"""Every fixed point on a plane of two parameters, in compiled code.

A coarse mesh of points is searched from many starts; a cell whose corners and centre have the same
solutions is filled by interpolation and Newton steps; other cells are divided, down to single
points. The sum over all fixed points of the sign of det J, which is one for a map of a convex set
into itself, tells where a search must go on.
"""

import math
from dataclasses import dataclass, field
from functools import cached_property
from itertools import permutations, product

import numpy as np

from theory.errors import InputError

from .cells import QUEUED, UNKNOWN, fill, is_clean, patches, set_axes, set_tables, workspace
from .drivers import CONVERGED, is_stable, set_temperature
from .folds import fill_folds
from .jit import routine
from .kernel import call_filler, call_kernel
from .lanes import LANES, newton_tasks
from .window import window

__all__ = ["Plane", "fixed_points", "group_elements", "subspace_starts"]

SAME = 1e-7
# Starts closer than this are not worth trying both.
NEAR = 0.01
# Reversals of an axis are sought with the signs of at most so many order parameters, and tried at so many points.
MIRRORED, PROBES = 3, 6
# Cells at which two solutions merge are divided down to this size.
FOLD_SIZE = 10


@dataclass(frozen=True, eq=False)
class Plane:
    """Fixed points on a grid of two parameters, one of each symmetry orbit.

    Attributes
    ----------
    x, y : (name, values)
    count : (ny, nx) number of solutions
    phi : (K, n, ny, nx) order parameters; entries from `count` on are undefined
    stable : (K, ny, nx)
    equilibrium : (ny, nx) index of the stable solution of least free energy, -1 if there is none
    incomplete : number of searched points whose indices do not sum to one
    """

    x: tuple
    y: tuple
    count: np.ndarray
    phi: np.ndarray
    stable: np.ndarray
    equilibrium: np.ndarray
    incomplete: int
    _problem: tuple = field(repr=False)

    @cached_property
    def free_energy(self):
        """(K, ny, nx) per site, nan from `count` on; evaluated when first asked for."""
        energy = np.full(self.stable.shape, np.nan)
        _evaluate_energies(*self._problem, self.x[1], self.y[1], self.count, self.phi, energy)
        return energy


def fixed_points(compiled, x, y, starts, fixed=None, group=None, cell=32, most=24, extra=64, seed=0):
    """Every fixed point on a grid of two parameters.

    Where reversal of an axis that is symmetric about zero maps solutions to solutions, one half is computed and reflected.

    Parameters
    ----------
    compiled : Compiled, without a Gaussian disorder that needs a node sum
    x, y : (parameter name, ascending values); T may be one of them
    starts : (S, n) starts of a full search
    fixed : {name: value} of the other parameters
    group : (permutations, signs), each (G, n), a symmetry at every point of the grid; default none
    cell : size of the coarsest cells
    most : largest number of solutions kept at a point
    extra : number of random starts that are added where the sum of indices is not one

    Returns
    -------
    Plane
    """
    if compiled.program.spread:
        raise InputError(f"a plane of {compiled.model.name} cannot be scanned: its Gaussian disorder needs its own nodes at each "
                         "point")
    (x_name, xs), (y_name, ys) = ((name, np.ascontiguousarray(v, dtype=float)) for name, v in (x, y))
    point = compiled.at(**{**(fixed or {}), x_name: xs[0], y_name: ys[0]}).point
    perms, signs = group or (np.arange(compiled.size)[None], np.ones((1, compiled.size)))
    starts = np.ascontiguousarray(starts, dtype=float)
    more = np.random.default_rng(seed).uniform(starts.min(axis=0), starts.max(axis=0), size=(extra, compiled.size))
    results = _empty_results(most, compiled.size, len(ys), len(xs))
    axes = tuple(0 if name == "T" else compiled.parameter_names.index(name) + 2 for name in (x_name, y_name))
    problem = _kernels(compiled), _sizes(compiled), point, axes
    mirror, signs_of = _mirror(problem, xs, ys, more[:PROBES]) if group is None else (-1, None)
    near_xs, near_ys = (v[: (len(v) + 1) // 2] if mirror == i else v for i, v in enumerate((xs, ys)))
    incomplete = _solve_plane(*problem, near_xs, near_ys, starts, more, np.ascontiguousarray(perms),
                              np.ascontiguousarray(signs, dtype=float), cell, results)
    if mirror >= 0:
        _reflect(mirror, signs_of, results)
    return Plane((x_name, xs), (y_name, ys), *results, int(incomplete), problem)


def _mirror(problem, xs, ys, probes):
    """(axis, signs): reversal of a symmetric axis together with the signs of order parameters leaves the equations as they are.

    The axis is -1 if there is none. The equations are compared at random points: they are analytic.
    """
    for axis, values in enumerate((xs, ys)):
        if problem[3][axis] == 0 or np.abs(values + values[::-1]).max() > 4 * np.finfo(float).eps * np.abs(values).max():
            continue
        for signs in product((-1.0, 1.0), repeat=probes.shape[1] if probes.shape[1] <= MIRRORED else 0):
            if signs and _is_mirror(*problem, xs, ys, axis, np.array(signs), probes):
                return axis, np.array(signs)
    return -1, None


def group_elements(symmetry, most=5000):
    """(permutations, signs) of every element of a symmetry group (`meanfield.search.symmetry`)."""
    if hasattr(symmetry, "permutations"):
        return np.asarray(symmetry.permutations), np.asarray(symmetry.signs, dtype=float)
    if symmetry.order > most:
        raise InputError(f"a plane takes a symmetry group of at most {most} elements: this one has {symmetry.order}")
    elements = [(np.arange(symmetry.size), np.ones(symmetry.size))]
    for blocks in symmetry.classes:
        elements = [_compose(e, blocks, order, flips) for e in elements
                    for order in permutations(range(len(blocks)))
                    for flips in product(*([(1,) * len(b.indices), *b.flips] for b in blocks))]
    return np.array([p for p, _ in elements]), np.array([s for _, s in elements])


def subspace_starts(symmetry, size, low=-1.0, high=1.0, each=3, seed=0):
    """Starts for a full search: random points of the box and of every subspace that part of the symmetry fixes.

    Solutions of high symmetry attract nothing from elsewhere and are missed without them.
    """
    rng = np.random.default_rng(seed)
    starts = [np.zeros(size)]
    for basis in (*symmetry.subspaces(), np.eye(size)):
        count = each * 2 ** basis.shape[1] if basis.shape[1] else 1
        points = rng.uniform(low, high, size=(count, size))
        starts.extend(points @ basis @ basis.T)
    return np.array(starts)


def _compose(element, blocks, order, flips):
    permutation, signs = element[0].copy(), element[1].copy()
    for source, target, flip in zip(blocks, order, flips):
        for a, b, s in zip(source.indices, blocks[target].indices, flip):
            permutation[b], signs[b] = a, s
    return permutation, signs


def _empty_results(most, n, ny, nx):
    shape = (ny, nx)
    return (np.full(shape, UNKNOWN, dtype=np.int8), np.empty((most, n, *shape)),
            np.empty((most, *shape), dtype=np.bool_), np.full(shape, -1, dtype=np.int8))


def _kernels(compiled):
    m = compiled.module
    return tuple(k.address for k in (m.fill_table, m.equations, m.equations_lanes, m.energy_lanes, m.state))


def _sizes(compiled):
    return compiled.size, compiled.module.NODES, len(compiled.program.columns), bool(compiled.module.STATIC)


@routine
def _canonical(x, perms, signs, image):
    """Replace x by its lexicographically largest image."""
    n = x.shape[0]
    if perms.shape[0] == 1:
        return
    for a in range(n):
        image[a] = x[a]
    for g in range(perms.shape[0]):
        for a in range(n):
            difference = signs[g, a] * x[perms[g, a]] - image[a]
            if difference > 1e-9:
                for b in range(n):
                    image[b] = signs[g, b] * x[perms[g, b]]
                break
            if difference < -1e-9:
                break
    for a in range(n):
        x[a] = image[a]


@routine
def _orbit(x, perms, signs):
    """Number of images of x."""
    fixing = 0
    for g in range(perms.shape[0]):
        same = True
        for a in range(x.shape[0]):
            same = same and abs(signs[g, a] * x[perms[g, a]] - x[a]) < 1e-6
        fixing += same
    return perms.shape[0] // max(fixing, 1)


@routine
def _is_mirror(kernels, sizes, point, axes, xs, ys, axis, signs, probes):
    """Whether F(S phi) = S F(phi) where the axis is reversed, at random points."""
    n, nodes, columns, _ = sizes
    table, values = np.empty(nodes), np.empty(max(columns * nodes, 1))
    here, there, own = np.empty(n + n * n), np.empty(n + n * n), point.copy()
    for p in range(probes.shape[0]):
        across, up = (2 * p + 1) / (2 * probes.shape[0]), (p + 1) / (probes.shape[0] + 1)
        own[axes[0]], own[axes[1]] = xs[int(across * xs.shape[0])], ys[int(up * ys.shape[0])]
        set_temperature(own, own[0])
        call_filler(kernels[0], own, table, values)
        call_kernel(kernels[1], own, table, values, nodes, probes[p], here)
        own[axes[axis]] *= -1.0
        call_filler(kernels[0], own, table, values)
        call_kernel(kernels[1], own, table, values, nodes, probes[p] * signs, there)
        for a in range(n):
            if not abs(here[a] - signs[a] * there[a]) <= 1e-13:
                return False
    return True


@routine
def _reflect(axis, signs, results):
    """Write the second half of an axis, the mirror image of the first."""
    count, phi, stable, equilibrium = results
    ny, nx = count.shape
    for j in range(ny if axis == 0 else ny // 2):
        to = j if axis == 0 else ny - 1 - j
        width, most = (nx // 2 if axis == 0 else nx), 0
        source, target = window(count, (j, 0), width), window(count, (to, nx - width), width)
        _copy(source, target, axis == 0)
        for i in range(width):
            most = max(most, source[i])
        _copy(window(equilibrium, (j, 0), width), window(equilibrium, (to, nx - width), width), axis == 0)
        for k in range(most):
            _copy(window(stable, (k, j, 0), width), window(stable, (k, to, nx - width), width), axis == 0)
            for a in range(phi.shape[1]):
                here, there, sign = window(phi, (k, a, j, 0), width), window(phi, (k, a, to, nx - width), width), signs[a]
                if axis == 0:
                    for i in range(width):
                        there[i] = sign * here[np.uint64(width - 1 - i)]
                else:
                    for i in range(width):
                        there[i] = sign * here[i]


@routine
def _copy(source, target, reverse):
    n = source.shape[0]
    if reverse:
        for i in range(n):
            # Unsigned, for a negative index would count from the end, and the test for it forbids vectors.
            target[i] = source[np.uint64(n - 1 - i)]
    else:
        for i in range(n):
            target[i] = source[i]


@routine
def _evaluate_energies(kernels, sizes, point, axes, xs, ys, count, phi, energy):
    """Free energies of all solutions, a block of lanes at a time."""
    n, nodes, _, static = sizes
    work = workspace(sizes, point)
    lanes, (x, out, _, _, tables, values, end), shared = work[0], work[1], work[2]
    for j in range(ys.shape[0]):
        for first in range(0, xs.shape[0], LANES):
            width, most = min(LANES, xs.shape[0] - first), 0
            set_axes(axes, xs, ys, j, 1, first, width, lanes, 0)
            set_tables(kernels[0], sizes, width, work, 0)
            for l in range(width):
                most = max(most, count[j, first + l])
            for k in range(most):
                for a in range(n):
                    for l in range(width):
                        lanes[0, x + a, l] = phi[k, a, j, first + l]
                own = window(lanes, (0, values, 0), LANES * (end - values))
                call_kernel(kernels[3], window(lanes, (0, 0, 0), LANES), window(lanes, (0, tables, 0), LANES),
                            shared if static else own, nodes, window(lanes, (0, x, 0), LANES), window(lanes, (0, out, 0), LANES))
                for l in range(width):
                    if k < count[j, first + l]:
                        energy[k, j, first + l] = lanes[0, out + n + n * n, l]


@routine
def _differs(phi, k, j, i, x, bound):
    """Whether solution k of a point is not within `bound` of x in every component."""
    for a in range(x.shape[0]):
        if not abs(phi[k, a, j, i] - x[a]) < bound:
            return True
    return False


@routine
def _index_sign(out, n, A):
    """Sign of det(I + C e'') from the output of a `state` kernel."""
    for i in range(n):
        for j in range(n):
            total = 1.0 if i == j else 0.0
            for k in range(n):
                total += out[2 + n + i * n + k] * out[2 + n + n * n + k * n + j]
            A[i, j] = total
    sign = 1
    for c in range(n):
        best = c
        for r in range(c + 1, n):
            if abs(A[r, c]) > abs(A[best, c]):
                best = r
        if best != c:
            sign = -sign
            for k in range(n):
                A[best, k], A[c, k] = A[c, k], A[best, k]
        if A[c, c] == 0.0:
            return 0
        if A[c, c] < 0.0:
            sign = -sign
        for r in range(c + 1, n):
            f = A[r, c] / A[c, c]
            for k in range(c, n):
                A[r, k] -= f * A[c, k]
    return sign


@routine
def _search(kernels, sizes, point, axes, xs, ys, where, warm, begin, starts, more, perms, signs, results):
    """Search at the points `where` (M, 2); warm[begin[p]:begin[p+1]] are starts of point p's own.

    Points with starts of their own try those first, then (or at once) all points whose indices do
    not sum to one the full set, then random ones. Returns the number of points left incomplete.
    """
    n = sizes[0]
    points = _points(point, axes, xs, ys, where)
    for p in range(where.shape[0]):
        results[0][where[p, 0], where[p, 1]] = 0
    pending = np.arange(where.shape[0])
    none = np.empty((0, n))
    for attempt in range(0 if warm.shape[0] > 0 else 1, 4):
        if pending.shape[0] == 0:
            break
        seeds = none if attempt == 0 else (starts if attempt == 1 else more)
        owner, X = _tasks(pending, warm, begin, seeds, attempt, n)
        residual, status = np.empty(owner.shape[0]), np.empty(owner.shape[0], dtype=np.int64)
        newton_tasks(kernels, sizes, points, owner, X, residual, status, attempt > 0)
        pending = _collect(kernels, sizes, points, pending, where, owner, X, status, perms, signs, results)
    return pending.shape[0]


@routine
def _points(point, axes, xs, ys, where):
    points = np.empty((where.shape[0], point.shape[0]))
    for p in range(where.shape[0]):
        points[p] = point
        points[p, axes[0]], points[p, axes[1]] = xs[where[p, 1]], ys[where[p, 0]]
        set_temperature(points[p], points[p, 0])
    return points


@routine
def _spread(kernels, sizes, point, axes, xs, ys, perms, signs, tried, results):
    """Offer the solutions of points that have more of them to their neighbours that have fewer, until none is taken.

    A fold line that cuts a cell between its corners is found from its other side in this way; `tried` is how many
    solutions a point has been shown not to have.
    """
    count, phi = results[0], results[1]
    where = _poorer(count, tried, _uneven(count))
    while where.shape[0] > 0:
        before = np.empty(where.shape[0], dtype=np.int8)
        for p in range(where.shape[0]):
            before[p] = count[where[p, 0], where[p, 1]]
        points = _points(point, axes, xs, ys, where)
        warm, begin = _warm_starts(where, count, phi, 1)
        pending = np.arange(where.shape[0])
        owner, X = _tasks(pending, warm, begin, warm[:0], 0, sizes[0])
        residual, status = np.empty(owner.shape[0]), np.empty(owner.shape[0], dtype=np.int64)
        newton_tasks(kernels, sizes, points, owner, X, residual, status, False)
        pending = _with_news(where, owner, X, status, perms, signs, results)
        _collect(kernels, sizes, points, pending, where, owner, X, status, perms, signs, results)
        where = _poorer(count, tried, _around(where, before, count))


@routine
def _with_news(where, owner, X, status, perms, signs, results):
    """The points for which one of the Newton runs found a solution that was not known."""
    count, phi = results[0], results[1]
    image, news = np.empty(X.shape[1]), np.zeros(where.shape[0], dtype=np.bool_)
    for t in range(owner.shape[0]):
        if status[t] == CONVERGED:
            j, i = where[owner[t]]
            _canonical(X[t], perms, signs, image)
            news[owner[t]] |= not _is_known(X[t], count, phi, j, i)
    return np.flatnonzero(news)


@routine
def _uneven(count):
    """Points with a neighbour of another count."""
    ny, nx = count.shape
    where, found = np.empty((4096, 2), dtype=np.int64), 0
    differs = np.empty(nx, dtype=np.uint8)
    for j in range(ny):
        _differences(count[j], count[max(j - 1, 0)], count[min(j + 1, ny - 1)], differs)
        for first in range(0, nx, 64):
            part, some = differs[first : first + 64], 0
            for i in range(part.shape[0]):
                some += part[i]
            for i in range(part.shape[0] if some > 0 else 0):
                if part[i] > 0:
                    if found == where.shape[0]:
                        where = np.concatenate((where, np.empty_like(where)))
                    where[found, 0], where[found, 1] = j, first + i
                    found += 1
    return where[:found].copy()


@routine
def _differences(row, below, above, differs):
    """1 where an entry differs from the one before, after, below or above it."""
    for i in range(row.shape[0]):
        differs[i] = np.uint8(row[i] != below[i]) | np.uint8(row[i] != above[i])
    left, right = row[: row.shape[0] - 1], row[1:]
    before, after = differs[: row.shape[0] - 1], differs[1:]
    for i in range(left.shape[0]):
        before[i] |= np.uint8(left[i] != right[i])
    for i in range(left.shape[0]):
        after[i] |= np.uint8(left[i] != right[i])


@routine
def _around(where, before, count):
    """The neighbours of points whose count has grown."""
    ny, nx = count.shape
    around, found = np.empty((4 * where.shape[0], 2), dtype=np.int64), 0
    for p in range(where.shape[0]):
        j, i = where[p]
        if count[j, i] > before[p]:
            for a, b in ((j - 1, i), (j + 1, i), (j, i - 1), (j, i + 1)):
                if 0 <= a < ny and 0 <= b < nx:
                    around[found, 0], around[found, 1] = a, b
                    found += 1
    return around[:found].copy()


@routine
def _poorer(count, tried, candidates):
    """Candidates next to a point with more solutions than they have and than was tried before."""
    ny, nx = count.shape
    where, found = np.empty_like(candidates), 0
    for p in range(candidates.shape[0]):
        j, i = candidates[p]
        most = max(count[max(j - 1, 0), i], count[min(j + 1, ny - 1), i], count[j, max(i - 1, 0)], count[j, min(i + 1, nx - 1)])
        if most > count[j, i] >= 0 and most > tried[j, i]:
            tried[j, i] = most
            where[found] = candidates[p]
            found += 1
    return where[:found].copy()


@routine
def _tasks(pending, warm, begin, seeds, attempt, n):
    """(owner, start) of every Newton run of one round."""
    tasks = 0
    for p in pending:
        tasks += seeds.shape[0] + (begin[p + 1] - begin[p] if attempt == 0 else 0)
    owner, X = np.empty(tasks, dtype=np.int64), np.empty((tasks, n))
    t = 0
    for p in pending:
        for w in range(begin[p], begin[p + 1] if attempt == 0 else begin[p]):
            owner[t], X[t] = p, warm[w]
            t += 1
        for s in range(seeds.shape[0]):
            owner[t] = p
            for a in range(n):
                # The last round mixes the coordinates of the random starts anew.
                X[t, a] = seeds[(s + a * (attempt == 3) * (1 + s % 7)) % seeds.shape[0], a]
            t += 1
    return owner, X


@routine
def _collect(kernels, sizes, points, pending, where, owner, X, status, perms, signs, results):
    """Gather distinct solutions of each point; returns the points whose indices do not sum to one."""
    n, nodes, columns, _ = sizes
    count, phi, stable, equilibrium = results
    image, out = np.empty(n), np.empty(2 + n + 2 * n * n)
    L, M = np.empty((n, n)), np.empty((n, n))
    table, values = np.empty(nodes), np.empty(max(columns * nodes, 1))
    left = np.empty(pending.shape[0], dtype=np.int64)
    kept, t = 0, 0
    for p in pending:
        j, i = where[p]
        while t < owner.shape[0] and owner[t] < p:
            t += 1
        while t < owner.shape[0] and owner[t] == p:
            if status[t] == CONVERGED:
                _canonical(X[t], perms, signs, image)
                _add(X[t], count, phi, j, i)
            t += 1
        call_filler(kernels[0], points[p], table, values)
        degree, best = 0, math.inf
        equilibrium[j, i] = -1
        for k in range(count[j, i]):
            for a in range(n):
                image[a] = phi[k, a, j, i]
            call_kernel(kernels[4], points[p], table, values, nodes, image, out)
            stable[k, j, i] = is_stable(out, n, L, M)
            degree += _orbit(image, perms, signs) * _index_sign(out, n, M)
            if stable[k, j, i] and out[0] < best:
                best = out[0]
                equilibrium[j, i] = k
        if degree != 1:
            left[kept] = p
            kept += 1
    return left[:kept].copy()


@routine
def _add(x, count, phi, j, i):
    """Append a solution unless it is known or there is no room."""
    known = count[j, i]
    if known == phi.shape[0] or _is_known(x, count, phi, j, i):
        return
    for a in range(x.shape[0]):
        phi[known, a, j, i] = x[a]
    count[j, i] = known + 1


@routine
def _is_known(x, count, phi, j, i):
    for k in range(count[j, i]):
        if not _differs(phi, k, j, i, x, SAME):
            return True
    return False


@routine
def _solve_plane(kernels, sizes, point, axes, xs, ys, starts, more, perms, signs, size, results):
    count, phi = results[0], results[1]
    ny, nx = ys.shape[0], xs.shape[0]
    cells = _coarse_cells(ny, nx, size)
    where = _to_search(cells, count)
    incomplete = _search(kernels, sizes, point, axes, xs, ys, where, np.empty((0, sizes[0])),
                         np.zeros(where.shape[0] + 1, dtype=np.int64), starts, more, perms, signs, results)
    failed, failures = np.empty((ny * nx, 2), dtype=np.int64), 0
    work = workspace(sizes, point)
    patch = patches(phi.shape[0], sizes[0], size)
    problem = kernels, sizes, point, axes, xs, ys, starts, more, perms, signs, size, results
    # With a symmetry, the image that stands for a solution may change from point to point.
    smallest = FOLD_SIZE if perms.shape[0] == 1 else 0
    cells, failures, unfinished = _refine(problem, cells, smallest, work, patch, failed, failures)
    incomplete += unfinished
    left, tried = np.empty_like(cells), np.zeros(count.shape, dtype=np.int8)
    failures, kept = fill_folds(kernels, sizes, axes, xs, ys, cells, work, results, tried, failed, failures, left)
    _, failures, unfinished = _refine(problem, left[:kept].copy(), 0, work, patch, failed, failures)
    where = failed[:failures].copy()
    warm, begin = _warm_starts(where, count, phi, size)
    incomplete += unfinished
    incomplete += _search(kernels, sizes, point, axes, xs, ys, where, warm, begin, starts, more, perms, signs, results)
    _spread(kernels, sizes, point, axes, xs, ys, perms, signs, tried, results)
    return incomplete


@routine
def _refine(problem, cells, smallest, work, patch, failed, failures):
    """Fill the cells that are clean and divide the others, down to `smallest` (or single points).

    Returns
    -------
    (cells of that size that are not clean, failures, points left incomplete)
    """
    kernels, sizes, point, axes, xs, ys, starts, more, perms, signs, size, results = problem
    count, phi, stable, _ = results
    orders = np.empty((5, phi.shape[0]), dtype=np.int64)
    small, kept, incomplete = np.empty((64, 4), dtype=np.int64), 0, 0
    while cells.shape[0] > 0:
        divided, parts = np.empty((4 * cells.shape[0], 4), dtype=np.int64), 0
        for c in range(cells.shape[0]):
            j0, i0, j1, i1 = cells[c]
            if j1 - j0 <= 1 and i1 - i0 <= 1:
                continue
            # Two or three points are searched faster than a block of lanes is filled.
            if (j1 - j0 > 2 or i1 - i0 > 2) and is_clean(count, phi, stable, j0, i0, j1, i1, orders):
                done = fill(kernels, sizes, axes, xs, ys, (j0, i0, j1, i1), orders, work, patch, results, failed, failures)
                if done >= 0:
                    failures = done
                    continue
            if j1 - j0 <= smallest and i1 - i0 <= smallest and _is_fold(count, j0, i0, j1, i1):
                if kept == small.shape[0]:
                    small = np.concatenate((small, np.empty_like(small)))
                small[kept] = cells[c]
                kept += 1
            else:
                parts = _divide(j0, i0, j1, i1, divided, parts)
        cells = divided[:parts].copy()
        where = _to_search(cells, count)
        warm, begin = _warm_starts(where, count, phi, size)
        incomplete += _search(kernels, sizes, point, axes, xs, ys, where, warm, begin, starts, more, perms, signs, results)
    return small[:kept].copy(), failures, incomplete


@routine
def _is_fold(count, j0, i0, j1, i1):
    """Whether the numbers of solutions at corners and centre are equal or differ by one pair."""
    least = most = count[j0, i0]
    for j, i in ((j0, i1), (j1, i0), (j1, i1), ((j0 + j1) // 2, (i0 + i1) // 2)):
        least, most = min(least, count[j, i]), max(most, count[j, i])
        if abs(count[j, i] - count[j0, i0]) == 1:
            return False
    return most - least <= 2


@routine
def _coarse_cells(ny, nx, size):
    """Cells (j0, i0, j1, i1), corners included, that cover the grid."""
    rows, columns = max(1, -(-(ny - 1) // size)), max(1, -(-(nx - 1) // size))
    cells = np.empty((rows * columns, 4), dtype=np.int64)
    for r in range(rows):
        for c in range(columns):
            cells[r * columns + c, 0] = r * size
            cells[r * columns + c, 1] = c * size
            cells[r * columns + c, 2] = min((r + 1) * size, ny - 1)
            cells[r * columns + c, 3] = min((c + 1) * size, nx - 1)
    return cells


@routine
def _divide(j0, i0, j1, i1, divided, parts):
    """Append the (up to four) parts of a cell; returns the new number of parts."""
    jm, im = (j0 + j1) // 2, (i0 + i1) // 2
    for a, b in ((j0, jm), (jm, j1)):
        for e, f in ((i0, im), (im, i1)):
            if (b > a or (j0 == j1 and b == j1)) and (f > e or (i0 == i1 and f == i1)):
                divided[parts, 0], divided[parts, 1], divided[parts, 2], divided[parts, 3] = a, e, b, f
                parts += 1
    return parts


@routine
def _to_search(cells, count):
    """Corners and centres of cells that are not known yet, queued."""
    where, found = np.empty((5 * cells.shape[0], 2), dtype=np.int64), 0
    for c in range(cells.shape[0]):
        j0, i0, j1, i1 = cells[c]
        for j, i in ((j0, i0), (j0, i1), (j1, i0), (j1, i1), ((j0 + j1) // 2, (i0 + i1) // 2)):
            if count[j, i] == UNKNOWN:
                count[j, i] = QUEUED
                where[found, 0], where[found, 1] = j, i
                found += 1
    return where[:found].copy()


@routine
def _warm_starts(where, count, phi, reach):
    """Distinct solutions known near each point, as starts of its search; those of point p are begin[p] to begin[p+1]."""
    n, total = phi.shape[1], where.shape[0]
    warm, begin = np.empty((4 * phi.shape[0] * total, n)), np.zeros(total + 1, dtype=np.int64)
    t = 0
    for p in range(total):
        for dj, di in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            j, i = _nearest_known(count, where[p, 0], where[p, 1], dj, di, reach)
            for k in range(count[j, i] if j >= 0 else 0):
                for a in range(n):
                    warm[t, a] = phi[k, a, j, i]
                t += _is_fresh(warm, begin[p], t)
        begin[p + 1] = t
    return warm[:t].copy(), begin


@routine
def _is_fresh(warm, begin, t):
    """Whether start t is not near one from `begin` on."""
    for w in range(begin, t):
        d = 0.0
        for a in range(warm.shape[1]):
            d = max(d, abs(warm[w, a] - warm[t, a]))
        if d <= NEAR:
            return False
    return True


@routine
def _nearest_known(count, j, i, dj, di, reach):
    ny, nx = count.shape
    for s in range(1, reach + 1):
        a, b = j + s * dj, i + s * di
        if a < 0 or b < 0 or a >= ny or b >= nx:
            break
        if count[a, b] > 0:
            return a, b
    return -1, -1
