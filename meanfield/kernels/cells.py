"""Clean cells of a plane of parameters: known solutions interpolated to the points inside and converged there.

A cell is (j0, i0, j1, i1), its corners included; it owns its points but those of its last row and
column, which belong to its neighbours unless the grid ends there.
"""

import math

import numpy as np

from .jit import inlined, routine
from .kernel import call_filler
from .lanes import ACROSS, BEST, CLOSE2, FLAGS, LANES, LEADER, LENGTH2, UP, block_rows, settle_blocks
from .primitives import COLD
from .window import window

UNKNOWN, QUEUED = -1, -2
# Cells at least this wide are filled by polynomials through SIDE x SIDE = LANES points (Chebyshev-Lobatto).
PATCHED, SIDE = 12, 8
LOBATTO = tuple(0.5 - 0.5 * math.cos(math.pi * a / (SIDE - 1)) for a in range(SIDE))
# Blocks of lanes that are solved together: as many as the nearest caches hold.
BLOCKS = 8


@routine
def workspace(sizes, point):
    """(blocks of lanes, `block_rows`, values of one lane or of all if they are the same, table and point of one lane)."""
    n, nodes, columns, _ = sizes
    where = block_rows(sizes, point.shape[0])
    lanes = np.zeros((BLOCKS, where[6], LANES))
    for b in range(BLOCKS):
        for c in range(point.shape[0]):
            lanes[b, c] = point[c]
        lanes[b, where[4] : where[5]] = 1.0
    return lanes, where, np.zeros(max(columns * nodes, 1)), np.empty(nodes), np.empty(point.shape[0])


@routine
def patches(most, n, size):
    """Arrays for the interpolation in a cell."""
    return (np.empty((most, n, SIDE, SIDE)), np.empty((SIDE, size + 1)), np.empty((SIDE, size + 1)), np.full(4, -1),
            np.empty((most, n, 5)), np.empty(most, dtype=np.bool_))


@routine
def match(count, phi, j0, i0, j1, i1, order):
    """order[k] = the solution at (j1, i1) that continues solution k of (j0, i0); False if that is not clear."""
    m = count[j0, i0]
    if count[j1, i1] != m:
        return False
    for k in range(m):
        best, second, which = math.inf, math.inf, -1
        for l in range(m):
            d = 0.0
            for a in range(phi.shape[1]):
                d = max(d, abs(phi[k, a, j0, i0] - phi[l, a, j1, i1]))
            if d < best:
                second, best, which = best, d, l
            elif d < second:
                second = d
        # The nearest must be nearer than half of the way to any other.
        if not 2.0 * best < second:
            return False
        for l in range(k):
            if order[l] == which:
                return False
        order[k] = which
    return True


@routine
def is_clean(count, phi, stable, j0, i0, j1, i1, orders):
    """Whether corners and centre have the same solutions; `orders` matches them to the first corner's."""
    m = count[j0, i0]
    if m <= 0:
        return False
    corners = ((j0, i0), (j0, i1), (j1, i0), (j1, i1), ((j0 + j1) // 2, (i0 + i1) // 2))
    for j, i in corners:
        if count[j, i] != m:
            return False
    for c in range(5):
        j, i = corners[c]
        if not match(count, phi, j0, i0, j, i, orders[c]):
            return False
        for k in range(m):
            if stable[k, j0, i0] != stable[orders[c, k], j, i]:
                return False
    return True


@routine
def fill(kernels, sizes, axes, xs, ys, cell, orders, work, patch, results, failed, failures):
    """Solve at all points that a clean cell owns, in the order of its first corner's solutions.

    Parameters
    ----------
    patch : arrays of `patches`
    results : (count, phi, stable, equilibrium)
    failed : (M, 2) list of points that did not settle as expected, `failures` long

    Returns
    -------
    the new number of failures, -1 if the cell is better divided: its solutions are not as its corners promise
    """
    count, phi, stable, _ = results
    j0, i0, j1, i1 = cell
    last_j, last_i = (j1 if j1 == ys.shape[0] - 1 else j1 - 1), (i1 if i1 == xs.shape[0] - 1 else i1 - 1)
    m = count[j0, i0]
    if _is_disputed(count, m, j0, i0, last_j, last_i):
        return -1
    near2 = (0.25 * _closest(phi, m, j0, i0)) ** 2
    smooth = i1 - i0 >= PATCHED and j1 - j0 >= PATCHED
    if smooth and not sample(kernels, sizes, axes, xs, ys, cell, orders, work, near2, patch, results):
        return -1
    steady = patch[5]
    for k in range(m):
        steady[k] = stable[k, j0, i0]
        if not smooth:
            _surface(phi, k, orders, cell, patch[4])
    for first in range(i0, last_i + 1, LANES):
        width = min(LANES, last_i + 1 - first)
        strip = BLOCKS * (LANES // width)
        for row in range(j0, last_j + 1, strip):
            place = row, min(strip, last_j + 1 - row), first, width
            _prepare(kernels[0], sizes, axes, xs, ys, cell, place, work, not smooth)
            failures = _fill_strip(kernels, sizes, cell, place, m, smooth, near2, work, patch, results, failed, failures)
    return failures


@routine
def _prepare(filler, sizes, axes, xs, ys, cell, place, work, placed):
    """Parameters, tables and, if asked for, coordinates of the blocks of a strip."""
    row, rows, first, width = place
    most = LANES // width
    for b in range((rows + most - 1) // most):
        start, taken = row + b * most, min(most, rows - b * most)
        set_axes(axes, xs, ys, start, taken, first, width, work[0], b)
        set_tables(filler, sizes, taken * width, work, b)
        if placed:
            _set_coordinates(cell, start, taken, first, width, work, b)


@routine
def _fill_strip(kernels, sizes, cell, place, m, smooth, near2, work, patch, results, failed, failures):
    """Every solution at the points of a strip; the new number of failures."""
    lanes, n = work[0], sizes[0]
    _, out, solver = work[1][:3]
    row, rows, first, width = place
    steady = patch[5]
    most = LANES // width
    used, rivals, favourite = (rows + most - 1) // most, 0, -1
    for k in range(m):
        if steady[k]:
            rivals, favourite = rivals + 1, k
    _mark(results[0], m, place)
    _mark(results[3], favourite, place)
    if rivals > 1:
        for b in range(used):
            lanes[b, solver + BEST] = math.inf
    for k in range(m):
        _start(patch, k, cell, place, smooth, used, n, work)
        competes = steady[k] and rivals > 1
        bad = settle_blocks(kernels[3] if competes else kernels[2], sizes, work, used, near2, 6, steady[k])
        if competes:
            _lead(lanes, out + n + n * n, solver, k, used)
        _store(lanes, work[1][0], n, k, place, results[1])
        _mark(results[2][k], steady[k], place)
        if bad > 0:
            failures = _give_up(lanes, solver, steady[k], place, results[0], failed, failures)
    if rivals > 1:
        _store_leaders(lanes, solver, place, results[3])
    return failures


@routine
def _start(patch, k, cell, place, smooth, used, n, work):
    """Starts of solution k in the blocks of a strip."""
    lanes, x, solver = work[0], work[1][0], work[1][2]
    row, rows, first, width = place
    if not smooth:
        for b in range(used):
            _interpolate(patch[4], k, lanes, x, solver, n, b)
        return
    most = LANES // width
    for r in range(rows):
        for a in range(n):
            target = window(lanes, (r // most, x + a, (r % most) * width), width)
            _interpolate_row(patch[0], patch[1], patch[2], k, a, row + r - cell[0], first - cell[1], target)
    for b in range(used):
        for a in range(x, x + n):
            for l in range(min(most, rows - b * most) * width, LANES):
                lanes[b, a, l] = lanes[b, a, l - 1]


@routine
def _is_disputed(count, m, j0, i0, last_j, last_i):
    """Whether a point that is known has another number of solutions."""
    for j in range(j0, last_j + 1):
        row, other = window(count, (j, i0), last_i + 1 - i0), False
        for i in range(row.shape[0]):
            other |= (row[i] != m) & (row[i] > 0)
        if other:
            return True
    return False


@routine
def sample(kernels, sizes, axes, xs, ys, cell, orders, work, near2, patch, results):
    """Solve at SIDE x SIDE points of a clean cell, for polynomials through them; False if one is not as the corners promise.

    patch[0] (K, n, SIDE, SIDE) receives the solutions, patch[1] (SIDE, columns) and patch[2] (SIDE, rows)
    the Lagrange polynomials along a row and down a column.
    """
    lanes, (x, _, solver, _, _, _, _) = work[0], work[1]
    count, phi, stable, _ = results
    j0, i0, j1, i1 = cell
    solutions, along, down, span, surfaces, _ = patch
    across, rows = np.empty(SIDE, dtype=np.int64), np.empty(SIDE, dtype=np.int64)
    for a in range(SIDE):
        across[a] = i0 + int((i1 - i0) * LOBATTO[a] + 0.5)
        rows[a] = j0 + int((j1 - j0) * LOBATTO[a] + 0.5)
    for l in range(LANES):
        j, i = rows[l // SIDE], across[l % SIDE]
        lanes[0, solver + ACROSS, l], lanes[0, solver + UP, l] = (i - i0) / (i1 - i0), (j - j0) / (j1 - j0)
        lanes[0, axes[0], l], lanes[0, axes[1], l] = xs[i], ys[j]
    _set_inverse(axes, lanes, 0)
    set_tables(kernels[0], sizes, LANES, work, 0)
    for k in range(count[j0, i0]):
        _surface(phi, k, orders, cell, surfaces)
        _interpolate(surfaces, k, lanes, x, solver, sizes[0], 0)
        if settle_blocks(kernels[2], sizes, work, 1, near2, 8, stable[k, j0, i0]) > 0:
            return False
        for a in range(sizes[0]):
            for l in range(LANES):
                solutions[k, a, l // SIDE, l % SIDE] = lanes[0, x + a, l]
    if span[0] != i0 or span[1] != i1:
        _lagrange(xs, across, i0, i1, along)
    if span[2] != j0 or span[3] != j1:
        _lagrange(ys, rows, j0, j1, down)
    span[0], span[1], span[2], span[3] = i0, i1, j0, j1
    return True


@routine
def _lagrange(values, nodes, first, last, table):
    """table[a, i] = the polynomial that is one at node a and zero at the others, at values[first + i]."""
    place, after = values[first : last + 1], np.ones(last + 1 - first)
    table[0, : place.shape[0]] = 1.0
    for a in range(1, SIDE):
        row, before, zero = table[a, : place.shape[0]], table[a - 1, : place.shape[0]], values[nodes[a - 1]]
        for i in range(place.shape[0]):
            row[i] = before[i] * (place[i] - zero)
    for a in range(SIDE - 1, -1, -1):
        row, zero, scale = table[a, : place.shape[0]], values[nodes[a]], 1.0
        for b in range(SIDE):
            scale *= 1.0 if b == a else zero - values[nodes[b]]
        scale = 1.0 / scale
        for i in range(place.shape[0]):
            row[i] *= after[i] * scale
            after[i] *= place[i] - zero


@inlined
def _interpolate_row(solutions, along, rows, k, a, down, offset, target):
    """Component a of solution k at the points of row `down` of its cell, from column `offset` on."""
    width, source = target.shape[0], window(solutions, (k, a, 0, 0), SIDE * SIDE)
    c0 = c1 = c2 = c3 = c4 = c5 = c6 = c7 = 0.0
    for r in range(SIDE):
        weight, s = rows[r, down], SIDE * r
        c0 += weight * source[s]
        c1 += weight * source[s + 1]
        c2 += weight * source[s + 2]
        c3 += weight * source[s + 3]
        c4 += weight * source[s + 4]
        c5 += weight * source[s + 5]
        c6 += weight * source[s + 6]
        c7 += weight * source[s + 7]
    p, q, r = window(along, (0, offset), width), window(along, (1, offset), width), window(along, (2, offset), width)
    s, t, u = window(along, (3, offset), width), window(along, (4, offset), width), window(along, (5, offset), width)
    v, w = window(along, (6, offset), width), window(along, (7, offset), width)
    for l in range(width):
        target[l] = c0 * p[l] + c1 * q[l] + c2 * r[l] + c3 * s[l] + c4 * t[l] + c5 * u[l] + c6 * v[l] + c7 * w[l]


@routine
def _lead(lanes, entry, solver, k, used):
    """Note solution k where its free energy is the least so far."""
    for b in range(used):
        f, least = window(lanes, (b, entry, 0), LANES), window(lanes, (b, solver + BEST, 0), LANES)
        which = window(lanes, (b, solver + LEADER, 0), LANES)
        for l in range(LANES):
            lower = f[l] < least[l]
            which[l] = k if lower else which[l]
            least[l] = f[l] if lower else least[l]


@routine
def _store_leaders(lanes, solver, place, equilibrium):
    row, rows, first, width = place
    most = LANES // width
    for r in range(rows):
        target = window(equilibrium, (row + r, first), width)
        source = window(lanes, (r // most, solver + LEADER, (r % most) * width), width)
        for l in range(width):
            target[l] = np.int8(source[l])


@routine
def _mark(grid, value, place):
    """Write a value at every point of a strip."""
    row, rows, first, width = place
    for r in range(rows):
        target = window(grid, (row + r, first), width)
        for l in range(width):
            target[l] = value


@routine
def _store(lanes, x, n, k, place, phi):
    """Solution k of a strip."""
    row, rows, first, width = place
    most = LANES // width
    for a in range(n):
        for r in range(rows):
            source = window(lanes, (r // most, x + a, (r % most) * width), width)
            target = window(phi, (k, a, row + r, first), width)
            for l in range(width):
                target[l] = source[l]


@routine
def _give_up(lanes, solver, steady, place, count, failed, failures):
    """Queue the points that did not settle or are not as stable as expected; the new number of failures."""
    row, rows, first, width = place
    most = LANES // width
    for r in range(rows):
        for l in range(width):
            b, lane = r // most, (r % most) * width + l
            good = lanes[b, solver + LENGTH2, lane] < CLOSE2 and (lanes[b, solver + FLAGS, lane] > 0.0) == steady
            if not good and count[row + r, first + l] != QUEUED:
                count[row + r, first + l] = QUEUED
                failed[failures, 0], failed[failures, 1] = row + r, first + l
                failures += 1
    return failures


@inlined
def set_axes(axes, xs, ys, row, rows, first, width, lanes, b):
    """The two parameters of the lanes of block b, row by row; the last lane is repeated."""
    source = window(xs, (first,), width)
    for r in range(rows):
        x, y = window(lanes, (b, axes[0], r * width), width), window(lanes, (b, axes[1], r * width), width)
        for l in range(width):
            x[l] = source[l]
        for l in range(width):
            y[l] = ys[row + r]
    for l in range(rows * width, LANES):
        lanes[b, axes[0], l], lanes[b, axes[1], l] = lanes[b, axes[0], l - 1], lanes[b, axes[1], l - 1]
    _set_inverse(axes, lanes, b)


@inlined
def _set_inverse(axes, lanes, b):
    """1/T of the lanes, where T is an axis."""
    if axes[0] == 0 or axes[1] == 0:
        T, R = window(lanes, (b, 0, 0), LANES), window(lanes, (b, 1, 0), LANES)
        for l in range(LANES):
            T[l] = max(T[l], 1.0 / COLD)
            R[l] = 1.0 / T[l]


@routine
def set_tables(filler, sizes, taken, work, b):
    """Tables of the lanes of block b, if there is disorder; the last one repeated."""
    lanes, (x, _, _, _, tables, values_row, _), values, table, own = work
    _, nodes, columns, static = sizes
    for l in range(LANES if columns > 0 else 0):
        if l < taken:
            for c in range(x):
                own[c] = lanes[b, c, l]
            call_filler(filler, own, table, values)
        for k in range(nodes):
            lanes[b, tables + k, l] = table[k]
        for k in range(0 if static else values.shape[0]):
            lanes[b, values_row + k, l] = values[k]


@inlined
def _set_coordinates(cell, row, rows, first, width, work, b):
    """Where the lanes lie in the cell, from 0 to 1."""
    lanes, solver = work[0], work[1][2]
    j0, i0, j1, i1 = cell
    across, up = 1.0 / max(i1 - i0, 1), 1.0 / max(j1 - j0, 1)
    for l in range(LANES):
        k = min(l, rows * width - 1)
        lanes[b, solver + ACROSS, l] = (first - i0 + k % width) * across
        lanes[b, solver + UP, l] = (row - j0 + k // width) * up


@routine
def _surface(phi, k, orders, cell, surfaces):
    """surfaces[k, a]: bilinear in the corners, plus a bubble that meets the centre, as value, slopes, twist and bubble."""
    j0, i0, j1, i1 = cell
    jm, im = (j0 + j1) // 2, (i0 + i1) // 2
    s, t = (im - i0) / max(i1 - i0, 1), (jm - j0) / max(j1 - j0, 1)
    for a in range(phi.shape[1]):
        f00, f01 = phi[k, a, j0, i0], phi[orders[1, k], a, j0, i1]
        f10, f11 = phi[orders[2, k], a, j1, i0], phi[orders[3, k], a, j1, i1]
        across, up, twist, bubble = f01 - f00, f10 - f00, f11 - f10 - f01 + f00, 0.0
        if jm > j0 and im > i0:
            plane = f00 + across * s + up * t + twist * s * t
            bubble = (phi[orders[4, k], a, jm, im] - plane) / (s * (1.0 - s) + t * (1.0 - t))
        surfaces[k, a, 0], surfaces[k, a, 1], surfaces[k, a, 2] = f00, across + bubble, up + bubble
        surfaces[k, a, 3], surfaces[k, a, 4] = twist, bubble


@routine
def _interpolate(surfaces, k, lanes, x, solver, n, b):
    across, up = window(lanes, (b, solver + ACROSS, 0), LANES), window(lanes, (b, solver + UP, 0), LANES)
    for a in range(n):
        f, along, down = surfaces[k, a, 0], surfaces[k, a, 1], surfaces[k, a, 2]
        twist, bubble = surfaces[k, a, 3], surfaces[k, a, 4]
        target = window(lanes, (b, x + a, 0), LANES)
        for l in range(LANES):
            u, v = across[l], up[l]
            target[l] = f + along * u + down * v + twist * u * v - bubble * (u * u + v * v)


@routine
def _closest(phi, m, j, i):
    """Smallest distance between two solutions at a point, at most 1."""
    closest = 1.0
    for k in range(m):
        for l in range(k):
            d = 0.0
            for a in range(phi.shape[1]):
                d = max(d, abs(phi[k, a, j, i] - phi[l, a, j, i]))
            closest = min(closest, d)
    return closest
