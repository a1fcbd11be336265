"""Newton's method for many states at once, one a lane, on kernels that vectorise over lanes.

Two engines. `newton_tasks` starts from anywhere: a lane that is done takes the next task.
`settle_blocks` starts near the solutions of neighbouring points and converges them together.
Arrays of a block have one row of LANES numbers for each entry.
"""

import math

import numpy as np

from .drivers import CONVERGED, STEP_LIMIT, newton, solve_linear
from .jit import inlined, routine
from .kernel import call_filler, call_kernel
from .window import window

LANES = 64
PATIENCE, HASTE = 30, 20
SETTLED2 = 1e-18
# A Newton step this short leaves an error of its square.
CLOSE2 = 1e-14
# Rows of the solver's results in a block, and rows for its caller.
LENGTH2, LOST, FLAGS, WAITING, ACROSS, UP, BEST, LEADER = range(8)
SOLVER_ROWS = 8


@routine
def _load_point(block, lane, point):
    for j in range(point.shape[0]):
        block[j, lane] = point[j]


@routine
def _load_table(filler, block, values_block, static, lane, point, table, values):
    """Weights (and values, if they depend on the point) of one lane."""
    call_filler(filler, point, table, values)
    for k in range(table.shape[0]):
        block[k, lane] = table[k]
    if not static:
        for k in range(values.shape[0]):
            values_block[k, lane] = values[k]


@routine
def lane_steps(out, n, step, length2):
    """Newton steps -J^-1 F of every lane, and their squared lengths."""
    if n == 1:
        for i in range(LANES):
            step[0, i] = -out[0, i] / out[1, i]
            length2[i] = step[0, i] * step[0, i]
    elif n == 2:
        for i in range(LANES):
            a, b, c, d = out[2, i], out[3, i], out[4, i], out[5, i]
            r = -1.0 / (a * d - b * c)
            x = (d * out[0, i] - b * out[1, i]) * r
            y = (a * out[1, i] - c * out[0, i]) * r
            step[0, i] = x
            step[1, i] = y
            length2[i] = x * x + y * y
    elif n == 3:
        _steps_of_three(out, step, length2)
    else:
        _steps_by_elimination(out, n, step, length2)


@routine
def _steps_of_three(out, step, length2):
    for i in range(LANES):
        a, b, c = out[3, i], out[4, i], out[5, i]
        d, e, f = out[6, i], out[7, i], out[8, i]
        g, h, k = out[9, i], out[10, i], out[11, i]
        A, B, C = e * k - f * h, f * g - d * k, d * h - e * g
        r = -1.0 / (a * A + b * B + c * C)
        u, v, w = out[0, i], out[1, i], out[2, i]
        x = (A * u + (c * h - b * k) * v + (b * f - c * e) * w) * r
        y = (B * u + (a * k - c * g) * v + (c * d - a * f) * w) * r
        z = (C * u + (b * g - a * h) * v + (a * e - b * d) * w) * r
        step[0, i] = x
        step[1, i] = y
        step[2, i] = z
        length2[i] = x * x + y * y + z * z


@routine
def _steps_by_elimination(out, n, step, length2):
    A, b = np.empty((n, n)), np.empty(n)
    for i in range(LANES):
        for j in range(n):
            b[j] = -out[j, i]
            for l in range(n):
                A[j, l] = out[n + j * n + l, i]
        regular = solve_linear(A, b, n)
        length2[i] = 0.0 if regular else math.inf
        for j in range(n):
            step[j, i] = b[j]
            length2[i] += b[j] * b[j]


@routine
def newton_tasks(kernels, sizes, points, owner, phi, residual, status, patient):
    """Newton's method from many starts at many points.

    Parameters
    ----------
    kernels : addresses (filler, equations, equations_lanes, energy_lanes, state)
    sizes : (n, nodes, columns, static)
    points : (B, 3 + parameters), temperatures set
    owner : (M,) the point of each task, in ascending order
    phi : (M, n) starts, replaced by results
    residual, status : (M,) outputs
    patient : whether tasks that do not settle quickly are taken over by the line search
    """
    n, nodes, columns, static = sizes
    filler, equations, equations_lanes, _, _ = kernels
    width, tasks = points.shape[1], owner.shape[0]
    point, X = np.empty((width, LANES)), np.zeros((n, LANES))
    out = np.empty((3 * (n + 3) * (n + 3) + 20, LANES))
    table, values = np.empty(nodes), np.empty(max(columns * nodes, 1))
    tables, values_block = np.ones((nodes, LANES)), np.empty((max(columns * nodes, 1), LANES))
    step, length2 = np.empty((n, LANES)), np.empty(LANES)
    task, age = np.full(LANES, -1), np.zeros(LANES)
    following, busy = 0, 0
    for i in range(LANES):
        first = min(i, tasks - 1)
        _load_point(point, i, points[owner[first]])
        if columns > 0:
            _load_table(filler, tables, values_block, static, i, points[owner[first]], table, values)
        for a in range(n):
            X[a, i] = phi[first, a]
        if i < tasks:
            task[i] = i
            busy += 1
    following = busy
    limit = PATIENCE if patient else HASTE
    verdict = np.empty(LANES)
    while busy > 0:
        call_kernel(equations_lanes, point, tables, values if static else values_block.ravel(), nodes, X, out)
        lane_steps(out, n, step, length2)
        if _advance_carefully(X, step, length2, n, age, limit, verdict) == 0:
            continue
        for i in range(LANES):
            t = task[i]
            if t < 0 or verdict[i] == 0.0:
                continue
            residual[t] = 0.0
            for a in range(n):
                phi[t, a] = X[a, i]
                residual[t] = max(residual[t], abs(out[a, i]))
            status[t] = CONVERGED if verdict[i] == 1.0 else STEP_LIMIT
            age[i] = 0.0
            if following >= tasks:
                task[i] = -1
                busy -= 1
                continue
            task[i] = following
            if owner[following] != owner[t]:
                _load_point(point, i, points[owner[following]])
                if columns > 0:
                    _load_table(filler, tables, values_block, static, i, points[owner[following]], table, values)
            for a in range(n):
                X[a, i] = phi[following, a]
            following += 1
    for t in range(tasks):
        if patient and status[t] != CONVERGED:
            call_filler(filler, points[owner[t]], table, values)
            for a in range(n):
                if not math.isfinite(phi[t, a]):
                    phi[t, a] = 0.0
            status[t], _, residual[t] = newton(equations, points[owner[t]], table, values, nodes, phi[t], n, 1e-13, 100)


@routine
def _advance_carefully(X, step, length2, n, age, limit, verdict):
    """Take steps no longer than 1 + |x|; verdict 1 where a lane has settled, 2 where it is given up; how many have one."""
    reach2 = np.ones(LANES)
    for a in range(n):
        for i in range(LANES):
            reach2[i] += X[a, i] * X[a, i]
    decided = 0.0
    for i in range(LANES):
        age[i] += 1.0
        settled = length2[i] <= SETTLED2 * reach2[i]
        lost = (age[i] > limit) | (not length2[i] < math.inf)
        verdict[i] = 1.0 if settled else (2.0 if lost else 0.0)
        decided += verdict[i]
        reach2[i] = min(1.0, math.sqrt(reach2[i] / max(length2[i], 1e-300)))
    for a in range(n):
        for i in range(LANES):
            X[a, i] += reach2[i] * step[a, i]
    return decided


@routine
def block_rows(sizes, width):
    """Where in a block of lanes its parts begin, a row of LANES numbers for each entry.

    Returns
    -------
    (X, the kernel's output, the solver's results, its steps, tables, values, the end); the point comes first
    """
    n, nodes, columns, static = sizes
    out = width + n
    solver = out + 3 * (n + 3) * (n + 3) + 20
    step = solver + SOLVER_ROWS
    tables = step + n
    values = tables + nodes
    # An odd number, so that the same row of several blocks does not fall on the same lines of the cache.
    return width, out, solver, step, tables, values, (values + (0 if static else columns * nodes)) | 1


@routine
def settle_blocks(kernel, sizes, work, used, near2, limit, expected):
    """Converge the states X of blocks of lanes from close starts, by one kernel of the equations.

    Parameters
    ----------
    work : (lanes (blocks, rows, LANES), `block_rows`, values of the disorder if they are the same everywhere, ...); the kernel's
        output is of the last evaluation, at less than sqrt(CLOSE2) from the solution; rows LENGTH2 and FLAGS receive the last
        squared step, infinite in lanes that began farther than sqrt(near2) from where they went, and whether a lane is stable
    used : number of blocks
    expected : whether the states should be stable

    Returns
    -------
    number of lanes that did not settle or are not as stable as expected
    """
    lanes, where, shared = work[0], work[1], work[2]
    n, nodes, _, static = sizes
    x, out, solver, _, tables, values, end = where
    near2 = max(near2, CLOSE2)
    for b in range(used):
        lanes[b, solver + WAITING, 0] = 1.0
    for sweep in range(limit):
        more = 0
        for b in range(used):
            if lanes[b, solver + WAITING, 0] > 0.0:
                own = window(lanes, (b, values, 0), LANES * (end - values))
                disorder = window(shared, (0,), shared.shape[0]) if static else own
                call_kernel(kernel, window(lanes, (b, 0, 0), LANES), window(lanes, (b, tables, 0), LANES), disorder, nodes,
                            window(lanes, (b, x, 0), LANES), window(lanes, (b, out, 0), LANES))
                unsettled = _correct(lanes, where, n, b)
                lanes[b, solver + WAITING, 0] = unsettled
                more += unsettled
        if sweep == 0:
            if more == 0:
                return lane_stability(lanes, where, n, expected, used)
            _note_lost(lanes, solver, near2, used)
        elif more == 0:
            break
    return _lose(lanes, solver, used) + lane_stability(lanes, where, n, expected, used)


@inlined
def _correct(lanes, where, n, b):
    """X -= J^-1 F in the lanes of block b; how many of them are not settled after it."""
    at, out, solver, step = where[:4]
    size = window(lanes, (b, solver + LENGTH2, 0), LANES)
    if n == 1:
        x, F, J = window(lanes, (b, at, 0), LANES), window(lanes, (b, out, 0), LANES), window(lanes, (b, out + 1, 0), LANES)
        for i in range(LANES):
            d = F[i] / J[i]
            x[i] -= d
            size[i] = d * d
    else:
        lane_steps(lanes[b, out:], n, lanes[b, step:], lanes[b, solver + LENGTH2])
        for a in range(n):
            x, s = window(lanes, (b, at + a, 0), LANES), window(lanes, (b, step + a, 0), LANES)
            for i in range(LANES):
                x[i] += s[i]
    count = 0
    for i in range(LANES):
        count += not size[i] < CLOSE2
    return count


@routine
def _note_lost(lanes, solver, near2, used):
    """Infinity in the row LOST of the lanes that began too far."""
    for b in range(used):
        size, lost = window(lanes, (b, solver + LENGTH2, 0), LANES), window(lanes, (b, solver + LOST, 0), LANES)
        for i in range(LANES):
            lost[i] = 0.0 if size[i] < near2 else math.inf


@routine
def _lose(lanes, solver, used):
    """Infinite steps in the lanes that began too far; the number of lanes that did not settle."""
    count = 0
    for b in range(used):
        size, lost = window(lanes, (b, solver + LENGTH2, 0), LANES), window(lanes, (b, solver + LOST, 0), LANES)
        for i in range(LANES):
            size[i] += lost[i]
            count += not size[i] < CLOSE2
    return count


@routine
def lane_stability(lanes, where, n, expected, used):
    """Number of lanes that are not as stable as expected; for n <= 3, above which it is taken for granted.

    The eigenvalues of J are real; all are positive where its elementary symmetric functions are.
    """
    wrong, hope, out, solver = 0, 1.0 if expected else 0.0, where[1], where[2]
    for b in range(used):
        stable = window(lanes, (b, solver + FLAGS, 0), LANES)
        if n == 1:
            J = window(lanes, (b, out + 1, 0), LANES)
            for i in range(LANES):
                stable[i] = 1.0 if J[i] > 0.0 else 0.0
        elif n == 2:
            _stability_of_two(lanes[b, out:], stable)
        elif n == 3:
            _stability_of_three(lanes[b, out:], stable)
        else:
            stable[:] = hope
        for i in range(LANES):
            wrong += stable[i] != hope
    return wrong


@routine
def _stability_of_two(out, stable):
    for i in range(LANES):
        trace = out[2, i] + out[5, i]
        det = out[2, i] * out[5, i] - out[3, i] * out[4, i]
        stable[i] = 1.0 if (trace > 0.0) & (det > 0.0) else 0.0


@routine
def _stability_of_three(out, stable):
    for i in range(LANES):
        a, b, c = out[3, i], out[4, i], out[5, i]
        d, e, f = out[6, i], out[7, i], out[8, i]
        g, h, k = out[9, i], out[10, i], out[11, i]
        minors = (e * k - f * h) + (a * k - c * g) + (a * e - b * d)
        det = a * (e * k - f * h) - b * (d * k - f * g) + c * (d * h - e * g)
        stable[i] = 1.0 if (a + e + k > 0.0) & (minors > 0.0) & (det > 0.0) else 0.0
