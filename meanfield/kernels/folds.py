"""Small cells of a plane of parameters at which two solutions merge.

Where two solutions merge in a fold, their mean and the products of the components of their difference are
smooth functions of the parameters, and the square of the difference changes sign at the fold. Polynomials
through what is known around a cell tell which of its points have the pair, and where it is; Newton's method
decides close to the fold.
"""

import math

import numpy as np

from .cells import UNKNOWN, set_axes, set_tables
from .drivers import solve_linear
from .jit import inlined, routine
from .lanes import BEST, CLOSE2, FLAGS, LANES, LEADER, LENGTH2, settle_blocks
from .window import window

# Points this far from a cell, in grid steps, are used; one in STRIDE of them.
REACH, STRIDE = 8, 4
TERMS, ENOUGH = 6, 10
DISTINCT = 1e-6


@routine
def fill_folds(kernels, sizes, axes, xs, ys, cells, work, results, tried, failed, failures, left):
    """Solve at the unknown points of cells that a fold cuts.

    Parameters
    ----------
    cells : (M, 4) cells; points around them that are not near a fold are known
    tried : (ny, nx) receives the number of solutions that a point has been shown not to have
    left : (M, 4) receives the cells that are no plain folds

    Returns
    -------
    (failures, number of cells left)
    """
    n, most = sizes[0], results[1].shape[0]
    kept = 0
    fits, ranks = np.empty((most + 1, n, TERMS)), np.empty(most, dtype=np.int64)
    samples = np.empty((512, 2), dtype=np.int64)
    for c in range(cells.shape[0]):
        cell = (cells[c, 0], cells[c, 1], cells[c, 2], cells[c, 3])
        known = _samples(results[0], cell, samples)
        top, j, i = _reference(results, samples, known)
        good = False
        if top >= 2 and n <= 3:
            _rank(results[1], top, j, i, ranks)
            good, margin = _fit(results, samples, known, cell, top, j, i, ranks, fits)
            if good:
                failures = _fill_cell(kernels, sizes, axes, xs, ys, cell, work, results, top, j, i, ranks, fits, margin,
                                      tried, failed, failures)
        if not good:
            left[kept] = cells[c]
            kept += 1
    return failures, kept


@routine
def _samples(count, cell, samples):
    """Known points in and around a cell; how many."""
    j0, i0, j1, i1 = cell
    ny, nx = count.shape
    known = 0
    for j in range(max(j0 - REACH, 0), min(j1 + REACH, ny - 1) + 1, STRIDE):
        for i in range(max(i0 - REACH, 0), min(i1 + REACH, nx - 1) + 1, STRIDE):
            if count[j, i] > 0 and known < samples.shape[0]:
                samples[known, 0], samples[known, 1] = j, i
                known += 1
    return known


@routine
def _reference(results, samples, known):
    """(number of solutions, j, i) of the point with the most solutions and, among those, the two closest together."""
    count, phi = results[0], results[1]
    top, best, which = 0, math.inf, 0
    for s in range(known):
        j, i = samples[s]
        if count[j, i] >= top:
            d = _pair(phi, count[j, i], j, i)[0]
            if count[j, i] > top or d < best:
                top, best, which = count[j, i], d, s
    return top, samples[which, 0], samples[which, 1]


@routine
def _pair(phi, m, j, i):
    """(distance, k, l) of the two solutions closest together."""
    best, first, second = math.inf, 0, 0
    for k in range(m):
        for l in range(k):
            d = _between(phi, k, j, i, l, j, i)
            if d < best:
                best, first, second = d, l, k
    return best, first, second


@inlined
def _between(phi, k, j, i, l, b, a):
    d = 0.0
    for c in range(phi.shape[1]):
        d = max(d, abs(phi[k, c, j, i] - phi[l, c, b, a]))
    return d


@routine
def _rank(phi, top, j, i, ranks):
    """Order the solutions of the reference: the pair last."""
    _, first, second = _pair(phi, top, j, i)
    slot = 0
    for k in range(top):
        if k != first and k != second:
            ranks[slot] = k
            slot += 1
    ranks[top - 2], ranks[top - 1] = first, second


@routine
def _fit(results, samples, known, cell, top, j, i, ranks, fits):
    """Quadratic polynomials of the solutions that go through and, in the last rows, of mean and products of the pair.

    Returns
    -------
    (whether there is enough to go by, uncertainty of the squared difference)
    """
    count, phi, _, _ = results
    n = phi.shape[1]
    leading, _ = _leading(phi, ranks[top - 2], ranks[top - 1], j, i)
    single, double = np.zeros((TERMS, TERMS)), np.zeros((TERMS, TERMS))
    fits[: top + 1] = 0.0
    basis, twins, singles = np.empty(TERMS), 0, 0
    order = np.empty(top, dtype=np.int64)
    squares = np.empty((known, TERMS + 1))
    for s in range(known):
        b, a = samples[s]
        m = count[b, a]
        if (m != top and m != top - 2) or not _continue(phi, ranks, top, j, i, m, b, a, order):
            continue
        _terms(cell, b, a, basis)
        singles += 1
        for x in range(TERMS):
            for y in range(TERMS):
                single[x, y] += basis[x] * basis[y]
            for k in range(top - 2):
                for c in range(n):
                    fits[k, c, x] += basis[x] * phi[order[k], c, b, a]
        if m == top:
            one, two = order[top - 2], order[top - 1]
            lead = phi[one, leading, b, a] - phi[two, leading, b, a]
            for x in range(TERMS):
                squares[twins, x] = basis[x]
                for y in range(TERMS):
                    double[x, y] += basis[x] * basis[y]
                for c in range(n):
                    fits[top - 2, c, x] += basis[x] * 0.5 * (phi[one, c, b, a] + phi[two, c, b, a])
                    fits[top - 1, c, x] += basis[x] * lead * (phi[one, c, b, a] - phi[two, c, b, a])
            squares[twins, TERMS] = lead * lead
            twins += 1
    if twins < ENOUGH or (top > 2 and singles < ENOUGH):
        return False, 0.0
    for k in range(top):
        for c in range(n):
            if not solve_linear((double if k >= top - 2 else single).copy(), fits[k, c], TERMS):
                return False, 0.0
    worst = 0.0
    for t in range(twins):
        value = -squares[t, TERMS]
        for x in range(TERMS):
            value += fits[top - 1, leading, x] * squares[t, x]
        worst = max(worst, abs(value))
    slope = abs(fits[top - 1, leading, 1]) + abs(fits[top - 1, leading, 2])
    return True, 4.0 * worst + 0.25 * slope / (cell[2] - cell[0] + 2 * REACH)


@inlined
def _leading(phi, one, two, j, i):
    """(component in which two solutions differ most, difference)."""
    best, which = 0.0, 0
    for c in range(phi.shape[1]):
        d = phi[one, c, j, i] - phi[two, c, j, i]
        if abs(d) > abs(best):
            best, which = d, c
    return which, best


@routine
def _continue(phi, ranks, top, j, i, m, b, a, order):
    """order[slot] = the solution at (b, a) that continues the reference's; False if that is not clear.

    Each that goes through takes the nearest; the remaining two are the pair, in the order of the reference.
    """
    for slot in range(top - 2):
        best, second, which = math.inf, math.inf, -1
        for l in range(m):
            d = _between(phi, ranks[slot], j, i, l, b, a)
            if d < best:
                second, best, which = best, d, l
            elif d < second:
                second = d
        if not 2.0 * best < second or _is_in(which, order, slot):
            return False
        order[slot] = which
    if m == top:
        slot = top - 2
        for l in range(m):
            if not _is_in(l, order, top - 2):
                order[slot] = l
                slot += 1
        lead, difference = _leading(phi, ranks[top - 2], ranks[top - 1], j, i)
        if (phi[order[top - 2], lead, b, a] - phi[order[top - 1], lead, b, a]) * difference < 0.0:
            order[top - 2], order[top - 1] = order[top - 1], order[top - 2]
    return True


@inlined
def _is_in(which, order, slots):
    for s in range(slots):
        if order[s] == which:
            return True
    return False


@inlined
def _terms(cell, j, i, basis):
    """1, u, v, u2, uv, v2 with u and v about from -1 to 1 over a cell and what surrounds it."""
    j0, i0, j1, i1 = cell
    u = (2.0 * i - i0 - i1) / (i1 - i0 + 2 * REACH)
    v = (2.0 * j - j0 - j1) / (j1 - j0 + 2 * REACH)
    basis[0], basis[1], basis[2] = 1.0, u, v
    basis[3], basis[4], basis[5] = u * u, u * v, v * v


@routine
def _fill_cell(kernels, sizes, axes, xs, ys, cell, work, results, top, j, i, ranks, fits, margin, tried, failed, failures):
    """Solve at the unknown points that the cell owns; the new number of failures."""
    n = sizes[0]
    lanes_of, (x, out, solver, _, _, _, _) = work[0], work[1]
    X, f = lanes_of[0, x : x + n], lanes_of[0, out + n + n * n]
    length2, flags = lanes_of[0, solver + LENGTH2], lanes_of[0, solver + FLAGS]
    best, leader = lanes_of[0, solver + BEST], lanes_of[0, solver + LEADER]
    count, phi, stable, equilibrium = results
    wanted = np.zeros(LANES, dtype=np.bool_)
    j0, i0, j1, i1 = cell
    last_j, last_i = (j1 if j1 == ys.shape[0] - 1 else j1 - 1), (i1 if i1 == xs.shape[0] - 1 else i1 - 1)
    leading, difference = _leading(phi, ranks[top - 2], ranks[top - 1], j, i)
    sign = 1.0 if difference > 0.0 else -1.0
    basis, terms, square = np.empty((TERMS, LANES)), np.empty(TERMS), np.empty(LANES)
    upper, twin_energy, product = np.empty((n, LANES)), np.empty(LANES), np.empty(LANES)
    upper_stable = stable[ranks[top - 2], j, i]
    lower_stable = stable[ranks[top - 1], j, i]
    width = last_i - i0 + 1
    for row in range(j0, last_j + 1, LANES // width):
        rows = min(LANES // width, last_j + 1 - row)
        lanes = rows * width
        if _claim(count, row, rows, i0, width, top - 2, wanted) == 0:
            continue
        wanted[lanes:] = False
        set_axes(axes, xs, ys, row, rows, i0, width, lanes_of, 0)
        set_tables(kernels[0], sizes, lanes, work, 0)
        for l in range(LANES):
            k = min(l, lanes - 1)
            _terms(cell, row + k // width, i0 + k % width, terms)
            for t in range(TERMS):
                basis[t, l] = terms[t]
        best[:] = math.inf
        leader[:] = -1.0
        for k in range(top - 2):
            for c in range(n):
                _polynomial(fits, k, c, basis, window(X, (c, 0), LANES))
            settle_blocks(kernels[3], sizes, work, 1, math.inf, 8, False)
            expected = stable[ranks[k], j, i]
            for l in range(lanes):
                if wanted[l]:
                    b, a = row + l // width, i0 + l % width
                    if length2[l] < CLOSE2 and (flags[l] > 0.0) == expected:
                        _store(X, f[l], expected, phi, stable, k, l, b, a, best, leader)
                    else:
                        wanted[l] = False
                        failures = _fail(failed, failures, b, a)
        _polynomial(fits, top - 1, leading, basis, square)
        ahead = 0
        for l in range(lanes):
            if square[l] > square[ahead]:
                ahead = l
            if wanted[l] and square[l] < -margin:
                tried[row + l // width, i0 + l % width] = top
        if square[ahead] < -margin:
            _store_leader(leader, wanted, row, i0, width, lanes, equilibrium)
            continue
        # Lanes without a pair repeat one that has it.
        for l in range(LANES):
            if l >= lanes or square[l] < -margin:
                square[l] = square[ahead]
                for t in range(TERMS):
                    basis[t, l] = basis[t, ahead]
                for c in range(x):
                    lanes_of[0, c, l] = lanes_of[0, c, ahead]
                if l < lanes:
                    wanted[l] = wanted[l] and _keep(leader[l], equilibrium, row + l // width, i0 + l % width)
        set_tables(kernels[0], sizes, LANES, work, 0)
        _start(fits, top, leading, basis, square, margin, sign, X, product)
        settle_blocks(kernels[3], sizes, work, 1, math.inf, 9, False)
        for l in range(LANES):
            twin_energy[l] = f[l]
            # A mark for what did not settle or is not as stable as the branch.
            if not (length2[l] < CLOSE2 and (flags[l] > 0.0) == upper_stable):
                twin_energy[l] = math.nan
            for c in range(n):
                upper[c, l] = X[c, l]
        _start(fits, top, leading, basis, square, margin, -sign, X, product)
        settle_blocks(kernels[3], sizes, work, 1, math.inf, 9, False)
        for l in range(lanes):
            if not wanted[l]:
                continue
            b, a = row + l // width, i0 + l % width
            good = length2[l] < CLOSE2 and (flags[l] > 0.0) == lower_stable and twin_energy[l] == twin_energy[l]
            reach = 2.0 * (math.sqrt(max(square[l], 0.0)) + math.sqrt(margin))
            gap = sign * (upper[leading, l] - X[leading, l])
            if good and gap > DISTINCT and gap < reach and _apart(phi, top - 2, b, a, upper, X, l):
                _store(upper, twin_energy[l], upper_stable, phi, stable, top - 2, l, b, a, best, leader)
                _store(X, f[l], lower_stable, phi, stable, top - 1, l, b, a, best, leader)
                count[b, a] = top
            elif square[l] > margin:
                wanted[l] = False
                failures = _fail(failed, failures, b, a)
        _store_leader(leader, wanted, row, i0, width, lanes, equilibrium)
    return failures


@inlined
def _polynomial(fits, k, c, basis, target):
    u, v = window(basis, (1, 0), LANES), window(basis, (2, 0), LANES)
    a0, a1, a2, a3, a4, a5 = fits[k, c, 0], fits[k, c, 1], fits[k, c, 2], fits[k, c, 3], fits[k, c, 4], fits[k, c, 5]
    for l in range(LANES):
        target[l] = a0 + u[l] * (a1 + a3 * u[l] + a4 * v[l]) + v[l] * (a2 + a5 * v[l])


@inlined
def _start(fits, top, leading, basis, square, margin, sign, X, product):
    """Starts of one of the pair: its mean and half of the difference."""
    for c in range(X.shape[0]):
        _polynomial(fits, top - 2, c, basis, window(X, (c, 0), LANES))
        _polynomial(fits, top - 1, c, basis, product)
        for l in range(LANES):
            lead = math.sqrt(max(square[l], 0.01 * margin))
            X[c, l] += 0.5 * sign * (lead if c == leading else product[l] / lead)


@inlined
def _apart(phi, m, b, a, one, two, l):
    """Whether a new pair differs from the solutions that are known."""
    for k in range(m):
        d, e = 0.0, 0.0
        for c in range(phi.shape[1]):
            d = max(d, abs(phi[k, c, b, a] - one[c, l]))
            e = max(e, abs(phi[k, c, b, a] - two[c, l]))
        if not (d > DISTINCT and e > DISTINCT):
            return False
    return True


@inlined
def _store(X, f, steady, phi, stable, k, l, b, a, best, leader):
    for c in range(phi.shape[1]):
        phi[k, c, b, a] = X[c, l]
    stable[k, b, a] = steady
    if steady and f < best[l]:
        best[l], leader[l] = f, k


@inlined
def _fail(failed, failures, b, a):
    failed[failures, 0], failed[failures, 1] = b, a
    return failures + 1


@inlined
def _keep(which, equilibrium, b, a):
    """Note the equilibrium of a point that is done: always False."""
    equilibrium[b, a] = np.int8(which)
    return False


@inlined
def _store_leader(leader, wanted, row, first, width, lanes, equilibrium):
    for l in range(lanes):
        if wanted[l]:
            equilibrium[row + l // width, first + l % width] = np.int8(leader[l])


@inlined
def _claim(count, row, rows, first, width, m, wanted):
    """Mark the unknown points of a block as having m solutions; returns how many there were."""
    fresh = 0
    for l in range(rows * width):
        wanted[l] = count[row + l // width, first + l % width] == UNKNOWN
        if wanted[l]:
            count[row + l // width, first + l % width] = m
            fresh += 1
    return fresh
