"""Clean cells of a plane of parameters: known solutions interpolated to the points inside and converged there.

A cell is (j0, i0, j1, i1), its corners included; it owns its points but those of its last row and
column, which belong to its neighbours unless the grid ends there.
"""

import math

import numpy as np

from .jit import inlined, routine
from .kernel import call_filler
from .lanes import CLOSE2, LANES, settle_block, warm_block
from .primitives import COLD

UNKNOWN, QUEUED = -1, -2
# Cells at least this wide are filled by polynomials through SIDE x SIDE = LANES points (Chebyshev-Lobatto).
PATCHED, SIDE = 12, 8
LOBATTO = tuple(0.5 - 0.5 * math.cos(math.pi * a / (SIDE - 1)) for a in range(SIDE))


@routine
def workspace(sizes, point):
    """Arrays that the blocks of lanes use."""
    n, nodes, columns, _ = sizes
    entries = max(columns * nodes, 1)
    P = np.empty((point.shape[0], LANES))
    for c in range(point.shape[0]):
        P[c] = point[c]
    return (P, np.ones((nodes, LANES)), np.zeros(entries * LANES), np.zeros((n, LANES)),
            np.empty((3 * (n + 3) * (n + 3) + 20, LANES)), np.empty((n, LANES)), np.empty(LANES), np.empty(nodes),
            np.zeros(entries), np.empty(LANES), np.empty(LANES), np.empty(LANES), np.empty(LANES), np.empty(LANES),
            np.zeros(LANES, dtype=np.bool_), np.empty(point.shape[0]))


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
    """Solve at the unknown points that a clean cell owns.

    Parameters
    ----------
    patch : (values, tables), as `sample` leaves them
    results : (count, phi, energy, stable, equilibrium)
    failed : (M, 2) list of points that did not settle as expected, `failures` long

    Returns
    -------
    the new number of failures, -1 if the cell is better divided: its solutions are not as its corners promise
    """
    n, nodes, columns, static = sizes
    P, tables, values_block, X, out, step, length2, table, values, u, v, flags, best, leader, wanted, own = work
    count, phi, energy, stable, equilibrium = results
    j0, i0, j1, i1 = cell
    ny, nx = count.shape
    last_j, last_i = (j1 if j1 == ny - 1 else j1 - 1), (i1 if i1 == nx - 1 else i1 - 1)
    m = count[j0, i0]
    near2 = (0.25 * _closest(phi, m, j0, i0)) ** 2
    block_values = values if static else values_block
    smooth = i1 - i0 >= PATCHED and j1 - j0 >= PATCHED
    if smooth and not sample(kernels, sizes, axes, xs, ys, cell, orders, work, near2, patch, results):
        return -1
    close = np.full(m, smooth)
    for first in range(i0, last_i + 1, LANES):
        width = min(LANES, last_i + 1 - first)
        most = LANES // width
        for row in range(j0, last_j + 1, most):
            rows = min(most, last_j + 1 - row)
            fresh = claim(count, row, rows, first, width, m, wanted)
            if fresh == 0:
                continue
            whole = fresh == rows * width
            set_axes(axes, xs, ys, row, rows, first, width, P)
            if columns > 0:
                set_tables(kernels[0], nodes, static, rows * width, P, tables, values_block, table, values, own)
            if not smooth:
                _set_coordinates(cell, row, rows, first, width, u, v)
            best[:] = math.inf
            leader[:] = -1.0
            for k in range(m):
                if smooth:
                    for r in range(rows):
                        _interpolate_row(patch, k, row + r - j0, first - i0, width, r * width, X)
                    _repeat_last(X, rows * width)
                else:
                    _interpolate(phi, k, orders, cell, u, v, X)
                bad, close[k] = warm_block(kernels, nodes, n, P, tables, block_values, X, out, step, length2, near2, 6, close[k])
                expected = 1.0 if stable[k, j0, i0] else 0.0
                bad += lane_stability(out, n, expected, flags)
                if expected > 0.0:
                    _lead(out[n + n * n], k, best, leader)
                if whole and bad == 0:
                    for r in range(rows):
                        _store_row(X, out, n, r * width, expected > 0.0, k, row + r, first, width, phi, energy, stable)
                else:
                    whole = False
                    failures = _store_lanes(X, out, length2, flags, wanted, n, k, expected, row, rows, first, width,
                                            phi, energy, stable, failed, failures)
            _store_leaders(leader, wanted, row, rows, first, width, equilibrium)
    return failures


@routine
def sample(kernels, sizes, axes, xs, ys, cell, orders, work, near2, patch, results):
    """Solve at SIDE x SIDE points of a clean cell, for polynomials through them; False if one is not as the corners promise.

    patch[0] (K, n, SIDE, SIDE) receives the solutions, patch[1] (SIDE, columns) and patch[2] (SIDE, rows)
    the Lagrange polynomials along a row and down a column.
    """
    n, nodes, columns, static = sizes
    P, tables, values_block, X, out, step, length2, table, values, u, v, flags, _, _, _, own = work
    count, phi, _, stable, _ = results
    j0, i0, j1, i1 = cell
    solutions, along, down = patch
    across, rows = np.empty(SIDE, dtype=np.int64), np.empty(SIDE, dtype=np.int64)
    for a in range(SIDE):
        across[a] = i0 + int((i1 - i0) * LOBATTO[a] + 0.5)
        rows[a] = j0 + int((j1 - j0) * LOBATTO[a] + 0.5)
    for l in range(LANES):
        j, i = rows[l // SIDE], across[l % SIDE]
        u[l], v[l] = (i - i0) / (i1 - i0), (j - j0) / (j1 - j0)
        P[axes[0], l], P[axes[1], l] = xs[i], ys[j]
    _set_inverse(axes, P)
    if columns > 0:
        set_tables(kernels[0], nodes, static, LANES, P, tables, values_block, table, values, own)
    for k in range(count[j0, i0]):
        _interpolate(phi, k, orders, cell, u, v, X)
        bad = settle_block(kernels, nodes, n, P, tables, values if static else values_block, X, out, step, length2, near2, 8)
        if bad + lane_stability(out, n, 1.0 if stable[k, j0, i0] else 0.0, flags) > 0:
            return False
        for a in range(n):
            for l in range(LANES):
                solutions[k, a, l // SIDE, l % SIDE] = X[a, l]
    _lagrange(xs, across, i0, i1, along)
    _lagrange(ys, rows, j0, j1, down)
    return True


@routine
def _lagrange(values, nodes, first, last, table):
    """table[a, i] = the polynomial that is one at node a and zero at the others, at values[first + i]."""
    for a in range(SIDE):
        row = table[a, : last - first + 1]
        row[:] = 1.0
        for b in range(SIDE):
            if b != a:
                zero, scale = values[nodes[b]], 1.0 / (values[nodes[a]] - values[nodes[b]])
                for i in range(row.shape[0]):
                    row[i] *= (values[first + i] - zero) * scale


@inlined
def _interpolate_row(patch, k, down, offset, width, lane, X):
    """Solution k at `width` points of row `down` of its cell, from column `offset`, into the lanes from `lane` on."""
    solutions, along, rows = patch
    c = np.empty(SIDE)
    for a in range(X.shape[0]):
        c[:] = 0.0
        for r in range(SIDE):
            weight, source = rows[r, down], solutions[k, a, r]
            for b in range(SIDE):
                c[b] += weight * source[b]
        target = X[a, lane : lane + width]
        p, q, r, s = along[0, offset:], along[1, offset:], along[2, offset:], along[3, offset:]
        t, u, v, w = along[4, offset:], along[5, offset:], along[6, offset:], along[7, offset:]
        for l in range(width):
            target[l] = c[0] * p[l] + c[1] * q[l] + c[2] * r[l] + c[3] * s[l] + c[4] * t[l] + c[5] * u[l] + c[6] * v[l] + c[7] * w[l]


@inlined
def _repeat_last(X, lanes):
    for a in range(X.shape[0]):
        for l in range(lanes, LANES):
            X[a, l] = X[a, lanes - 1]


@inlined
def _lead(f, k, best, leader):
    """Note solution k where its free energy is the least so far."""
    for l in range(LANES):
        lower = f[l] < best[l]
        leader[l] = k if lower else leader[l]
        best[l] = f[l] if lower else best[l]


@inlined
def _store_leaders(leader, wanted, row, rows, first, width, equilibrium):
    for r in range(rows):
        which = equilibrium[row + r, first : first + width]
        source, own = leader[r * width : (r + 1) * width], wanted[r * width : (r + 1) * width]
        for l in range(width):
            which[l] = np.int8(source[l]) if own[l] else which[l]


@inlined
def claim(count, row, rows, first, width, m, wanted):
    """Mark the unknown points of a block as having m solutions; returns how many there were."""
    fresh = 0
    for r in range(rows):
        counts, own = count[row + r, first : first + width], wanted[r * width : (r + 1) * width]
        for l in range(width):
            own[l] = counts[l] == UNKNOWN
            counts[l] = m if own[l] else counts[l]
        for l in range(width):
            fresh += own[l]
    return fresh


@inlined
def set_axes(axes, xs, ys, row, rows, first, width, P):
    """The two parameters of the lanes, row by row of the block; the last lane is repeated."""
    x, y = P[axes[0]], P[axes[1]]
    source = xs[first : first + width]
    for r in range(rows):
        target = x[r * width : (r + 1) * width]
        for l in range(width):
            target[l] = source[l]
        y[r * width : (r + 1) * width] = ys[row + r]
    for l in range(rows * width, LANES):
        x[l], y[l] = x[l - 1], y[l - 1]
    if axes[1] == 0:
        for r in range(rows):
            T = max(ys[row + r], 1.0 / COLD)
            P[0, r * width : LANES] = T
            P[1, r * width : LANES] = 1.0 / T
    elif axes[0] == 0:
        _set_inverse(axes, P)


@inlined
def _set_inverse(axes, P):
    """1/T of the lanes, where T is an axis."""
    if axes[0] == 0 or axes[1] == 0:
        for l in range(LANES):
            P[0, l] = max(P[0, l], 1.0 / COLD)
            P[1, l] = 1.0 / P[0, l]


@routine
def set_tables(filler, nodes, static, lanes, P, tables, values_block, table, values, own):
    """Tables of the lanes, the last one repeated."""
    for l in range(LANES):
        if l < lanes:
            for c in range(P.shape[0]):
                own[c] = P[c, l]
            call_filler(filler, own, table, values)
        for k in range(nodes):
            tables[k, l] = table[k]
        if not static:
            for k in range(values.shape[0]):
                values_block[k * LANES + l] = values[k]


@inlined
def _set_coordinates(cell, row, rows, first, width, u, v):
    """Where the lanes lie in the cell, from 0 to 1."""
    j0, i0, j1, i1 = cell
    across, up = 1.0 / max(i1 - i0, 1), 1.0 / max(j1 - j0, 1)
    for r in range(rows):
        target, offset = u[r * width : (r + 1) * width], float(first - i0)
        for l in range(width):
            target[l] = (offset + l) * across
        v[r * width : (r + 1) * width] = (row + r - j0) * up
    for l in range(rows * width, LANES):
        u[l], v[l] = u[l - 1], v[l - 1]


@inlined
def _interpolate(phi, k, orders, cell, u, v, X):
    """Bilinear in the corners, plus a bubble that meets the centre."""
    j0, i0, j1, i1 = cell
    jm, im = (j0 + j1) // 2, (i0 + i1) // 2
    inner = jm > j0 and im > i0
    s, t = (im - i0) / max(i1 - i0, 1), (jm - j0) / max(j1 - j0, 1)
    for a in range(X.shape[0]):
        f00, f01 = phi[k, a, j0, i0], phi[orders[1, k], a, j0, i1]
        f10, f11 = phi[orders[2, k], a, j1, i0], phi[orders[3, k], a, j1, i1]
        across, up, twist = f01 - f00, f10 - f00, f11 - f10 - f01 + f00
        bubble = 0.0
        if inner:
            plane = f00 + across * s + up * t + twist * s * t
            bubble = (phi[orders[4, k], a, jm, im] - plane) / (s * (1.0 - s) + t * (1.0 - t))
        target = X[a]
        for l in range(LANES):
            x, y = u[l], v[l]
            target[l] = f00 + (across + bubble) * x + (up + bubble) * y + twist * x * y - bubble * (x * x + y * y)


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


@inlined
def lane_stability(out, n, expected, stable):
    """Number of lanes that are not as stable as expected; for n <= 3, above which it is taken for granted.

    The eigenvalues of J are real; all are positive where its elementary symmetric functions are.
    """
    if n == 1:
        J = out[1]
        for i in range(LANES):
            stable[i] = 1.0 if J[i] > 0.0 else 0.0
    elif n == 2:
        for i in range(LANES):
            trace = out[2, i] + out[5, i]
            det = out[2, i] * out[5, i] - out[3, i] * out[4, i]
            stable[i] = 1.0 if (trace > 0.0) & (det > 0.0) else 0.0
    elif n == 3:
        for i in range(LANES):
            a, b, c = out[3, i], out[4, i], out[5, i]
            d, e, f = out[6, i], out[7, i], out[8, i]
            g, h, k = out[9, i], out[10, i], out[11, i]
            minors = (e * k - f * h) + (a * k - c * g) + (a * e - b * d)
            det = a * (e * k - f * h) - b * (d * k - f * g) + c * (d * h - e * g)
            stable[i] = 1.0 if (a + e + k > 0.0) & (minors > 0.0) & (det > 0.0) else 0.0
    else:
        stable[:] = expected
    wrong = 0
    for i in range(LANES):
        wrong += stable[i] != expected
    return wrong


@inlined
def _store_row(X, out, n, lane, expected, k, j, i, width, phi, energy, stable):
    """Solution k of a run of points in one row."""
    for a in range(n):
        target, source = phi[k, a, j, i : i + width], X[a, lane : lane + width]
        for l in range(width):
            target[l] = source[l]
    target, source = energy[k, j, i : i + width], out[n + n * n, lane : lane + width]
    for l in range(width):
        target[l] = source[l]
    stable[k, j, i : i + width] = expected


@routine
def _store_lanes(X, out, length2, flags, wanted, n, k, expected, row, rows, first, width, phi, energy, stable, failed, failures):
    """Solution k lane by lane, where some points were known before or fail."""
    for l in range(rows * width):
        j, i = row + l // width, first + l % width
        if not wanted[l]:
            continue
        if not (length2[l] < CLOSE2 and flags[l] == expected):
            wanted[l] = False
            failed[failures, 0], failed[failures, 1] = j, i
            failures += 1
            continue
        for a in range(n):
            phi[k, a, j, i] = X[a, l]
        energy[k, j, i] = out[n + n * n, l]
        stable[k, j, i] = expected > 0.0
    return failures
