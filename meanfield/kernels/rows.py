"""Branches of solutions on a grid of two parameters, row by row: model-independent, kernels are called by address.

A state kernel gives n residuals, their n x n Jacobian by rows, the free energy and what else is recorded. Along a row the
solution is extrapolated through the last points, as a function of sqrt(fold - x) where the row's fold is known: that function has
no singularity, and the fold is one of its points. Newton's steps end where they are below `SMALL`, the next being their square.
"""

import math

import numpy as np

from .curves import _copy, _solve
from .jit import routine
from .systems import call_system

ORDER = 6
SMALL = 2e-7
JUMP = 0.05


@routine
def _newton_step(state, point, u, n, out, A, step):
    """(step, its size) at u; `out` is the state there."""
    call_system(state, point, u, out)
    for i in range(n):
        step[i] = -out[i]
        for j in range(n):
            A[i, j] = out[n + i * n + j]
    if not _solve(A, step, n):
        return math.inf
    size = 0.0
    for i in range(n):
        size = max(size, abs(step[i]) / (1.0 + abs(u[i])))
        if not math.isfinite(step[i]):
            return math.inf
    return size


@routine
def converge(state, point, u, n, reach, out, A, step):
    """Newton's method into u, no further than `reach` from its start; `out` holds the state within `SMALL` of the solution."""
    way = 0.0
    for _ in range(12):
        size = _newton_step(state, point, u, n, out, A, step)
        way += size
        if not way < reach:
            return False
        for i in range(n):
            u[i] += step[i]
        if size < SMALL:
            return True
    return False


@routine
def _extrapolate(nodes, values, count, t, u, n):
    """The polynomial through `count` points (nodes, values) at t, by Lagrange's formula."""
    for j in range(n):
        u[j] = 0.0
    for a in range(count):
        weight = 1.0
        for b in range(count):
            if b != a:
                weight *= (t - nodes[b]) / (nodes[a] - nodes[b])
        for j in range(n):
            u[j] += weight * values[a, j]


@routine
def _walk(state, point, slot, x0, x1, u, n, out, A, step, trial, before):
    """Follow a solution u from x0 to x1 by steps as small as need be, each from a secant. False where it ends on the way."""
    x, width, known = x0, x1 - x0, 0.0
    smallest = abs(width) * 2.0**-14
    while x != x1:
        if abs(width) < smallest:
            return False
        width = math.copysign(min(abs(width), abs(x1 - x)), width)
        to = x1 if abs(width) >= abs(x1 - x) else x + width
        for j in range(n):
            trial[j] = u[j] + (before[j] * (to - x) if known else 0.0)
        point[slot] = to
        if not converge(state, point, trial, n, JUMP, out, A, step):
            width *= 0.5
            continue
        for j in range(n):
            before[j] = (trial[j] - u[j]) / (to - x)
            u[j] = trial[j]
        x, known, width = to, 1.0, 1.5 * width
    return True


@routine
def fill_rows(state, points, slot, xs, seeds, seeded, folds, ends, recorded, unknowns, found, values):
    """Fill a grid with one branch of solutions.

    Parameters
    ----------
    points : (rows, 3 + parameters), the kernel's points; the parameter `slot` runs through `xs`, from its first entry on
    seeds : (rows, n) solutions at xs[0], seeded (rows,) where there is one
    folds : (rows,) where the branch ends, inf where it does not; ends (rows, n) the solution there
    recorded : number of outputs of the kernel after the Jacobian
    unknowns, found, values : (rows, columns, n), (rows, columns), (rows, columns, recorded) outputs; values are those within
        `SMALL` of the solution, where the free energy, being stationary, is exact
    """
    n = seeds.shape[1]
    out, A, step = np.empty(n + n * n + recorded), np.empty((n, n)), np.empty(n)
    u, trial, before = np.empty(n), np.empty(n), np.empty(n)
    nodes, known = np.empty(ORDER), np.empty((ORDER, n))
    for row in range(points.shape[0]):
        if not seeded[row]:
            continue
        point, fold = points[row], folds[row]
        bounded = math.isfinite(fold)
        side = 1.0 if xs[-1] >= xs[0] else -1.0
        count = 0
        _copy(seeds[row], u)
        if bounded:
            nodes[0] = 0.0
            _copy(ends[row], known[0])
            count = 1
        first = count
        for column in range(xs.shape[0]):
            x = xs[column]
            if bounded and (x - fold) * side >= 0.0:
                break
            point[slot] = x
            t = math.sqrt((fold - x) * side) if bounded else x
            if count > 1:
                _extrapolate(nodes, known, count, t, u, n)
            reach = JUMP if column else 0.5
            if not converge(state, point, u, n, reach, out, A, step):
                if column == 0:
                    break
                _copy(unknowns[row, column - 1], u)
                if not _walk(state, point, slot, xs[column - 1], x, u, n, out, A, step, trial, before):
                    break
            found[row, column] = True
            for j in range(n):
                unknowns[row, column, j] = u[j]
            for j in range(recorded):
                values[row, column, j] = out[n + n * n + j]
            if count == ORDER:
                for a in range(first, ORDER - 1):
                    nodes[a] = nodes[a + 1]
                    _copy(known[a + 1], known[a])
                count -= 1
            nodes[count] = t
            _copy(u, known[count])
            count += 1


@routine
def evaluate_rows(state, points, slot, xs, unknowns, found, recorded, values, errors):
    """What the state kernel records at the solutions themselves, and the steps that Newton's method would still take."""
    n = unknowns.shape[2]
    out, A, step = np.empty(n + n * n + recorded), np.empty((n, n)), np.empty(n)
    for row in range(points.shape[0]):
        for column in range(xs.shape[0]):
            if found[row, column]:
                points[row, slot] = xs[column]
                errors[row, column] = _newton_step(state, points[row], unknowns[row, column], n, out, A, step)
                for j in range(recorded):
                    values[row, column, j] = out[n + n * n + j]
