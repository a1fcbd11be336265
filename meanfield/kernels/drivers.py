"""Model-independent loops around the kernels, compiled once and kept on disk.

Arrays: point (3 + parameters), table (nodes), values (columns x nodes), phi (n); `equations` gives
the residual F = phi - <g> and its Jacobian J, `state` free energy, entropy, F, response, curvature.
"""

import math

import numpy as np

from .jit import routine
from .kernel import call_filler, call_kernel
from .primitives import COLD

CONVERGED, STEP_LIMIT, NON_FINITE, STALLED = range(4)
MESSAGES = ("converged", "step limit reached", "non-finite residual", "stalled away from a solution")
SETTLED = 1e-9


@routine
def set_temperature(point, T):
    """Write T and 1/T into a point; T = 0 is 1/COLD, for which every limit is reached to rounding."""
    point[0] = max(T, 1.0 / COLD)
    point[1] = 1.0 / point[0]


@routine
def solve_linear(A, b, n):
    """Solve A x = b in place by elimination with row pivoting; x in b. False if A is singular to rounding."""
    for column in range(n):
        best = column
        for row in range(column + 1, n):
            if abs(A[row, column]) > abs(A[best, column]):
                best = row
        scale = 0.0
        for j in range(n):
            scale = max(scale, abs(A[best, j]))
        if not abs(A[best, column]) > 1e-15 * scale:
            return False
        if best != column:
            b[best], b[column] = b[column], b[best]
            for j in range(n):
                A[best, j], A[column, j] = A[column, j], A[best, j]
        for row in range(column + 1, n):
            factor = A[row, column] / A[column, column]
            if factor != 0.0:
                b[row] -= factor * b[column]
                for j in range(column, n):
                    A[row, j] -= factor * A[column, j]
    for row in range(n - 1, -1, -1):
        for j in range(row + 1, n):
            b[row] -= A[row, j] * b[j]
        b[row] /= A[row, row]
    return True


@routine
def _largest(x, n):
    size = 0.0
    for i in range(n):
        if not math.isfinite(x[i]):
            return math.inf
        size = max(size, abs(x[i]))
    return size


@routine
def newton_step(out, n, A, step):
    """step = -J^-1 F from a kernel's output; the fixed-point step -F where J is singular."""
    for i in range(n):
        step[i] = -out[i]
        for j in range(n):
            A[i, j] = out[n + i * n + j]
    if not solve_linear(A, step, n) or not math.isfinite(_largest(step, n)):
        for i in range(n):
            step[i] = -out[i]
        return False
    return True


@routine
def newton(address, point, table, values, nodes, phi, n, atol, limit):
    """Newton's method with step control and line search, from phi and into phi.

    Where the line search fails (an extremum of the residual's norm that is no solution) one
    damped fixed-point step is taken, at most eight times.

    Returns
    -------
    (status, evaluations, largest residual)
    """
    out, trial_out = np.empty(n + n * n), np.empty(n + n * n)
    A, step, trial = np.empty((n, n)), np.empty(n), np.empty(n)
    call_kernel(address, point, table, values, nodes, phi, out)
    evaluations, rescues = 1, 0
    size = _largest(out, n)
    while evaluations < limit:
        if not math.isfinite(size):
            return NON_FINITE, evaluations, size
        if size == 0.0:
            return CONVERGED, evaluations, size
        newton_step(out, n, A, step)
        length, reach = _largest(step, n), 1.0 + _largest(phi, n)
        if size <= atol and length <= SETTLED * reach:
            return _polish(address, point, table, values, nodes, phi, n, step, size, out, evaluations, trial)
        factor = min(1.0, reach / length)
        accepted = False
        for _ in range(7):
            for i in range(n):
                trial[i] = phi[i] + factor * step[i]
            call_kernel(address, point, table, values, nodes, trial, trial_out)
            evaluations += 1
            new = _largest(trial_out, n)
            if _norm2(trial_out, n) <= (1.0 - 1e-4 * factor) * _norm2(out, n):
                accepted = True
                break
            factor *= 0.5
        if not accepted:
            if size <= atol:
                return CONVERGED, evaluations, size
            if rescues == 8:
                return STALLED, evaluations, size
            rescues += 1
            for i in range(n):
                trial[i] = phi[i] - 0.7 * out[i]
            call_kernel(address, point, table, values, nodes, trial, trial_out)
            evaluations += 1
            new = _largest(trial_out, n)
        phi[:] = trial
        out, trial_out = trial_out, out
        size = new
    return CONVERGED if size <= atol else STEP_LIMIT, evaluations, size


@routine
def _norm2(x, n):
    total = 0.0
    for i in range(n):
        total += x[i] * x[i]
    return total if math.isfinite(total) else math.inf


@routine
def _polish(address, point, table, values, nodes, phi, n, step, size, out, evaluations, trial):
    """Take the last, tiny step if it does not raise the residual."""
    for i in range(n):
        trial[i] = phi[i] + step[i]
    call_kernel(address, point, table, values, nodes, trial, out)
    new = _largest(out, n)
    if new <= size:
        phi[:] = trial
        size = new
    return CONVERGED, evaluations + 1, size


@routine
def fixed_point(address, point, table, values, nodes, phi, n, damping, atol, limit):
    """phi <- phi - damping F until |F| <= atol. Returns (status, evaluations, largest residual)."""
    out = np.empty(n + n * n)
    size = math.inf
    for evaluation in range(1, limit + 1):
        call_kernel(address, point, table, values, nodes, phi, out)
        size = _largest(out, n)
        if not math.isfinite(size):
            return NON_FINITE, evaluation, size
        if size <= atol:
            return CONVERGED, evaluation, size
        for i in range(n):
            phi[i] -= damping * out[i]
    return STEP_LIMIT, limit, size


@routine
def is_stable(out, n, L, M):
    """Whether I + C^(1/2) e'' C^(1/2) is positive definite, from the output of a `state` kernel.

    With C = L L^T it has the spectrum of I + L^T e'' L; C is only positive semidefinite where
    order parameters are redundant.
    """
    response, curvature = out[2 + n : 2 + n + n * n], out[2 + n + n * n :]
    for j in range(n):
        pivot = response[j * n + j]
        scale = pivot
        for k in range(j):
            pivot -= L[j, k] * L[j, k]
        root = math.sqrt(pivot) if pivot > 1e-14 * scale else 0.0
        for i in range(n):
            L[i, j] = 0.0
        if root > 0.0:
            L[j, j] = root
            for i in range(j + 1, n):
                total = response[i * n + j]
                for k in range(j):
                    total -= L[i, k] * L[j, k]
                L[i, j] = total / root
    for i in range(n):
        for j in range(i + 1):
            total = 0.0
            for k in range(i, n):
                if L[k, i] != 0.0:
                    for l in range(j, n):
                        total += L[k, i] * curvature[k * n + l] * L[l, j]
            M[i, j] = total + (1.0 if i == j else 0.0)
    return _is_positive(M, n)


@routine
def _is_positive(M, n):
    """Cholesky's test on the lower triangle of M, which is overwritten."""
    for j in range(n):
        pivot = M[j, j]
        for k in range(j):
            pivot -= M[j, k] * M[j, k]
        if not pivot > 0.0:
            return False
        M[j, j] = math.sqrt(pivot)
        for i in range(j + 1, n):
            total = M[i, j]
            for k in range(j):
                total -= M[i, k] * M[j, k]
            M[i, j] = total / M[j, j]
    return True


@routine
def run_kernel(address, point, table, values, nodes, phi, out):
    """One evaluation."""
    call_kernel(address, point, table, values, nodes, phi, out)


@routine
def call_filler_once(address, point, table, values):
    """Fill the table of nodes of one point."""
    call_filler(address, point, table, values)


@routine
def newton_starts(equations, state, point, table, values, nodes, phi, n, atol, limit,
                  status, residual, free_energy, entropy, stable):
    """Newton's method from every row of `phi`, in place, with the state at each result."""
    out = np.empty(2 + n + 2 * n * n)
    L, M = np.empty((n, n)), np.empty((n, n))
    for i in range(phi.shape[0]):
        status[i], _, residual[i] = newton(equations, point, table, values, nodes, phi[i], n, atol, limit)
        call_kernel(state, point, table, values, nodes, phi[i], out)
        free_energy[i], entropy[i] = out[0], out[1]
        stable[i] = is_stable(out, n, L, M)


@routine
def newton_grid(addresses, points, nodes, columns, phi, n, atol, limit, status, residual, free_energy, entropy, stable):
    """Newton's method at many parameter points (finite disorder or none).

    Parameters
    ----------
    addresses : of the filler, `equations` and `state`
    points : (B, 3 + parameters) with T in column 0
    phi : (B, S, n) starts, replaced by the solutions
    status, residual, free_energy, entropy, stable : (B, S) outputs
    """
    filler, equations, state = addresses
    table, values = np.empty(nodes), np.empty(max(columns * nodes, 1))
    for b in range(points.shape[0]):
        set_temperature(points[b], points[b, 0])
        call_filler(filler, points[b], table, values)
        newton_starts(equations, state, points[b], table, values, nodes, phi[b], n, atol, limit,
                      status[b], residual[b], free_energy[b], entropy[b], stable[b])
