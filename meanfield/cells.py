"""Clean cells of a plane of parameters: known solutions interpolated to the points inside and converged there.

A cell is (j0, i0, j1, i1), its corners included; it owns its points but those of its last row and
column, which belong to its neighbours unless the grid ends there.
"""

import math

import numpy as np

from .jit import routine
from .kernel import call_filler
from .lanes import CLOSE2, LANES, warm_block
from .primitives import COLD

UNKNOWN, QUEUED = -1, -2


@routine
def workspace(sizes, point):
    """Arrays that the blocks of lanes use."""
    n, nodes, columns, _ = sizes
    entries = max(columns * nodes, 1)
    P = np.empty((point.shape[0], LANES))
    for c in range(point.shape[0]):
        P[c] = point[c]
    return (P, np.ones((nodes, LANES)), np.zeros((entries, LANES)), np.zeros((n, LANES)),
            np.empty((n, LANES)), np.empty((3 * (n + 3) * (n + 3) + 20, LANES)), np.empty((n, LANES)), np.empty(LANES),
            np.empty(nodes), np.zeros(entries), np.empty(LANES), np.empty(LANES), np.empty(LANES),
            np.empty(LANES), np.empty(LANES), np.zeros(LANES, dtype=np.bool_))


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
def fill(kernels, sizes, axes, xs, ys, cell, orders, work, results, failed, failures):
    """Solve at the unknown points that a clean cell owns.

    Parameters
    ----------
    results : (count, phi, energy, stable, equilibrium)
    failed : (M, 2) list of points that did not settle as expected, `failures` long

    Returns
    -------
    the new number of failures
    """
    j0, i0, j1, i1 = cell
    ny, nx = results[0].shape
    last_j, last_i = (j1 if j1 == ny - 1 else j1 - 1), (i1 if i1 == nx - 1 else i1 - 1)
    near = 0.25 * _closest(results[1], results[0][j0, i0], j0, i0)
    for i in range(i0, last_i + 1, LANES):
        width = min(LANES, last_i + 1 - i)
        rows = LANES // width
        for j in range(j0, last_j + 1, rows):
            block = (j, min(rows, last_j + 1 - j), i, width)
            failures = _fill_block(kernels, sizes, axes, xs, ys, cell, orders, work, block, near, results, failed, failures)
    return failures


@routine
def _fill_block(kernels, sizes, axes, xs, ys, cell, orders, work, block, near, results, failed, failures):
    n, _, _, static = sizes
    P, tables, values_block, X, guess, out, step, length2, table, values, u, v, flags, best, leader, wanted = work
    count, phi, energy, stable, equilibrium = results
    j0, i0, _, _ = cell
    m = count[j0, i0]
    fresh = _claim(count, block, m, wanted)
    if fresh == 0:
        return failures
    _set_block(kernels, sizes, axes, xs, ys, block, P, tables, values_block, table, values)
    _set_coordinates(cell, block, u, v)
    best[:] = math.inf
    leader[:] = -1.0
    whole = fresh == block[1] * block[3]
    for k in range(m):
        _interpolate(phi, k, orders, cell, u, v, X)
        guess[:] = X
        warm_block(kernels, sizes, P, tables, values if static else values_block.ravel(), X, out, step, length2, 6)
        expected = 1.0 if stable[k, j0, i0] else 0.0
        flags[:] = expected
        _lane_stability(out, n, flags)
        if expected > 0.0:
            _lead(out[n + n * n], k, best, leader)
        if whole and _all_good(X, guess, length2, flags, expected, near) == LANES:
            for r in range(block[1]):
                _store_row(X, out, n, r * block[3], expected > 0.0, k, block[0] + r, block[2], block[3], phi, energy, stable)
        else:
            whole = False
            failures = _store_lanes(X, guess, out, length2, flags, wanted, n, k, expected, near, block,
                                    phi, energy, stable, failed, failures)
    _store_leaders(leader, wanted, block, equilibrium)
    return failures


@routine
def _lead(f, k, best, leader):
    """Note solution k where its free energy is the least so far."""
    for l in range(LANES):
        lower = f[l] < best[l]
        leader[l] = k if lower else leader[l]
        best[l] = f[l] if lower else best[l]


@routine
def _store_leaders(leader, wanted, block, equilibrium):
    row, rows, first, width = block
    for r in range(rows):
        which = equilibrium[row + r, first : first + width]
        source, own = leader[r * width : (r + 1) * width], wanted[r * width : (r + 1) * width]
        for l in range(width):
            which[l] = np.int8(source[l]) if own[l] else which[l]


@routine
def _claim(count, block, m, wanted):
    """Mark the unknown points of a block as having m solutions; returns how many there were."""
    row, rows, first, width = block
    fresh = 0
    for r in range(rows):
        counts, own = count[row + r, first : first + width], wanted[r * width : (r + 1) * width]
        for l in range(width):
            unknown = counts[l] == UNKNOWN
            own[l] = unknown
            fresh += unknown
            counts[l] = m if unknown else counts[l]
    return fresh


@routine
def _set_block(kernels, sizes, axes, xs, ys, block, P, tables, values_block, table, values):
    """Points and tables of the lanes, row by row of the block; the last lane is repeated."""
    _, nodes, columns, static = sizes
    row, rows, first, width = block
    x, y = P[axes[0]], P[axes[1]]
    for r in range(rows):
        source, target = xs[first : first + width], x[r * width : (r + 1) * width]
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
        for l in range(LANES):
            P[0, l] = max(P[0, l], 1.0 / COLD)
            P[1, l] = 1.0 / P[0, l]
    if columns == 0:
        return
    own = np.empty(P.shape[0])
    for l in range(LANES):
        if l < rows * width:
            for c in range(P.shape[0]):
                own[c] = P[c, l]
            call_filler(kernels[0], own, table, values)
        for k in range(nodes):
            tables[k, l] = table[k]
        if not static:
            for k in range(values.shape[0]):
                values_block[k, l] = values[k]


@routine
def _set_coordinates(cell, block, u, v):
    """Where the lanes lie in the cell, from 0 to 1."""
    j0, i0, j1, i1 = cell
    row, rows, first, width = block
    across, up = 1.0 / max(i1 - i0, 1), 1.0 / max(j1 - j0, 1)
    for r in range(rows):
        for l in range(width):
            u[r * width + l] = (first + l - i0) * across
            v[r * width + l] = (row + r - j0) * up
    for l in range(rows * width, LANES):
        u[l], v[l] = u[l - 1], v[l - 1]


@routine
def _interpolate(phi, k, orders, cell, u, v, X):
    """Bilinear in the corners, plus a bubble that meets the centre."""
    j0, i0, j1, i1 = cell
    jm, im = (j0 + j1) // 2, (i0 + i1) // 2
    inner = jm > j0 and im > i0
    s, t = (im - i0) / max(i1 - i0, 1), (jm - j0) / max(j1 - j0, 1)
    for a in range(X.shape[0]):
        f00, f01 = phi[k, a, j0, i0], phi[orders[1, k], a, j0, i1]
        f10, f11 = phi[orders[2, k], a, j1, i0], phi[orders[3, k], a, j1, i1]
        bubble = 0.0
        if inner:
            plane = (f00 * (1.0 - s) + f01 * s) * (1.0 - t) + (f10 * (1.0 - s) + f11 * s) * t
            bubble = (phi[orders[4, k], a, jm, im] - plane) / (s * (1.0 - s) + t * (1.0 - t))
        for l in range(LANES):
            x, y = u[l], v[l]
            X[a, l] = ((f00 * (1.0 - x) + f01 * x) * (1.0 - y) + (f10 * (1.0 - x) + f11 * x) * y
                       + bubble * (x * (1.0 - x) + y * (1.0 - y)))


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


@routine
def _lane_stability(out, n, stable):
    """Whether the eigenvalues of J, all real, are positive: the signs of its elementary symmetric functions (n <= 3)."""
    if n == 1:
        for i in range(LANES):
            stable[i] = 1.0 if out[1, i] > 0.0 else 0.0
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


@routine
def _all_good(X, guess, length2, flags, expected, near):
    """Number of lanes that settled close to their guess with the stability that was expected."""
    good = 0
    for l in range(LANES):
        good += (length2[l] < CLOSE2) & (flags[l] == expected)
    for a in range(X.shape[0]):
        for l in range(LANES):
            good -= not abs(X[a, l] - guess[a, l]) < near
    return good


@routine
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
def _store_lanes(X, guess, out, length2, flags, wanted, n, k, expected, near, block, phi, energy, stable, failed, failures):
    """Solution k lane by lane, where some points were known before or fail."""
    row, rows, first, width = block
    for l in range(rows * width):
        j, i = row + l // width, first + l % width
        if not wanted[l]:
            continue
        moved = 0.0
        for a in range(n):
            moved = max(moved, abs(X[a, l] - guess[a, l]))
        if not (length2[l] < CLOSE2 and moved < near and flags[l] == expected):
            wanted[l] = False
            failed[failures, 0], failed[failures, 1] = j, i
            failures += 1
            continue
        for a in range(n):
            phi[k, a, j, i] = X[a, l]
        energy[k, j, i] = out[n + n * n, l]
        stable[k, j, i] = expected > 0.0
    return failures
