"""Pseudo-arclength continuation of extended systems, model-independent: kernels are called by address.

A system gives N residuals, their N x (N + 1) Jacobian by rows and then test functions of N + 1 variables z, the active parameters
last. Lengths are measured with weights, |dz|^2 = sum_i w_i dz_i^2.
"""

import math

import numpy as np

from .jit import routine
from .systems import call_system

BOUND, FULL, STALLED, CLOSED, MERGED = range(5)
REASONS = ("bound of a parameter", "limit of points", "no convergence at the smallest step", "closed", "the two states merge")
SETTLED = 1e-9
NOISE = 1e-12
# A step is repeated with a shorter one where the tangent turns more, or the predictor misses by more.
STRAIGHT, ROUGH = 0.7, 30.0
MOST_ITERATIONS = 12
MOST_AT_START = 60


@routine
def _copy(source, target):
    # An assignment of slices compiles ten times as long, for its error messages.
    for i in range(target.shape[0]):
        target[i] = source[i]


@routine
def _solve(A, b, n):
    """Solve A x = b in place by elimination with row pivoting, x in b. False if A is singular."""
    for column in range(n):
        best, size = column, abs(A[column, column])
        for row in range(column + 1, n):
            if abs(A[row, column]) > size:
                best, size = row, abs(A[row, column])
        if not size > 1e-300:
            return False
        if best != column:
            b[best], b[column] = b[column], b[best]
            for j in range(column, n):
                A[best, j], A[column, j] = A[column, j], A[best, j]
        inverse = 1.0 / A[column, column]
        for row in range(column + 1, n):
            factor = A[row, column] * inverse
            if factor != 0.0:
                b[row] -= factor * b[column]
                for j in range(column + 1, n):
                    A[row, j] -= factor * A[column, j]
    for row in range(n - 1, -1, -1):
        total = b[row]
        for j in range(row + 1, n):
            total -= A[row, j] * b[j]
        b[row] = total / A[row, row]
    return True


@routine
def _bordered(out, border, A, n):
    """The square matrix of the Jacobian and one more row."""
    d = n + 1
    for i in range(n):
        for j in range(d):
            A[i, j] = out[n + i * d + j]
    for j in range(d):
        A[n, j] = border[j]


@routine
def correct(address, point, z, border, level, n, reach, out, A, step):
    """Newton's method for the system and border.z = level, from z and into z.

    Parameters
    ----------
    reach : longest step, in units of the variables' sizes

    Returns
    -------
    (converged, iterations, length of the first step); `out` holds the last evaluation, less than `SETTLED` away
    """
    d = n + 1
    first = 0.0
    previous = math.inf
    for iteration in range(MOST_ITERATIONS if reach > 1.0 else MOST_AT_START):
        call_system(address, point, z, out)
        _bordered(out, border, A, n)
        gap = level
        for j in range(d):
            gap -= border[j] * z[j]
        for i in range(n):
            step[i] = -out[i]
        step[n] = gap
        if not _solve(A, step, d):
            return False, iteration + 1, first
        size = 0.0
        for j in range(d):
            size = max(size, abs(step[j]) / (0.01 + abs(z[j])))
        if not math.isfinite(size) or (iteration > 2 and size > 2.0 * previous and size < reach):
            return False, iteration + 1, first
        factor = min(1.0, reach / max(size, 1e-300))
        for j in range(d):
            z[j] += factor * step[j]
        if iteration == 0:
            first = size
        if size < SETTLED:
            return True, iteration + 1, first
        previous = size
    return False, iteration + 1, first


@routine
def _tangent(out, old, weights, A, tangent, n):
    """Unit tangent from the Jacobian in `out`, along `old`. False where the Jacobian has lost rank."""
    d = n + 1
    _bordered(out, old, A, n)
    for j in range(n):
        tangent[j] = 0.0
    tangent[n] = 1.0
    if not _solve(A, tangent, d):
        return False
    length = 0.0
    for j in range(d):
        length += weights[j] * tangent[j] * tangent[j]
    if not (math.isfinite(length) and length > 0.0):
        return False
    length = 1.0 / math.sqrt(length)
    for j in range(d):
        tangent[j] *= length
    return True


@routine
def _set_border(border, tangent, weights, z, d):
    """border = w * tangent, and its level at z."""
    level = 0.0
    for j in range(d):
        border[j] = weights[j] * tangent[j]
        level += border[j] * z[j]
    return level


@routine
def _axis(border, j, d):
    for i in range(d):
        border[i] = 0.0
    border[j] = 1.0


@routine
def _between(a, ta, b, tb, h, x, z, d):
    """Cubic through two points with tangents, at a fraction x of the way h."""
    p, q = x * x * (3.0 - 2.0 * x), x * (1.0 - x)
    for j in range(d):
        z[j] = a[j] + p * (b[j] - a[j]) + q * h * ((1.0 - x) * ta[j] - x * tb[j])


@routine
def start(address, point, z, fixed, n, old, weights, tangent, out):
    """Converge z with the variable `fixed` held; its tangent, along `old` where that is not zero. False if not converged."""
    d = n + 1
    A, step, border = np.empty((d, d)), np.empty(d), np.empty(d)
    _axis(border, fixed, d)
    done, _, _ = correct(address, point, z, border, z[fixed], n, 0.5, out, A, step)
    if not done:
        return False
    call_system(address, point, z, out)
    return _tangent(out, old, weights, A, tangent, n)


@routine
def _test(out, tangent, index, n, active):
    """Test function `index`: the tangent along an active parameter, then the system's own."""
    if index < active:
        return tangent[n + 1 - active + index]
    return out[n + n * (n + 1) + index - active]


@routine
def trace(address, point, n, active, weights, bounds, h, smallest, largest, accuracy, z, tangent, tests,
          recorded, pair, points, tangents, values, events, event_tests):
    """Follow a curve from a converged z with its unit tangent until a bound, and locate what it passes.

    Parameters
    ----------
    active : number of active parameters, the last variables; bounds (active, 2) are theirs
    h, smallest, largest : first, least and greatest step
    accuracy : of the predictor, which sets the step
    tests, recorded : numbers of the system's test functions, and of all its outputs after the Jacobian
    pair : number of unknowns of each of two states, the first variables, whose merging ends the curve; 0 where there is one
    points, tangents : (limit, n + 1) outputs; values (limit, active + recorded) of the test functions
    events, event_tests : (most, n + 1) and (most,) outputs, the places where a test function changes sign and which one

    Returns
    -------
    (points, events, reason to stop, evaluations)
    """
    d = n + 1
    out, far = np.empty(n + n * d + recorded), np.empty(n + n * d + recorded)
    A, step, border = np.empty((d, d)), np.empty(d), np.empty(d)
    new, turned = np.empty(d), np.empty(d)
    call_system(address, point, z, out)
    count, found, evaluations, last = 1, 0, 1, 0.0
    _store(points, tangents, values, 0, z, tangent, out, n, active + recorded, active)
    while count < points.shape[0]:
        level = _predict(z, tangent, tangents[max(count - 2, 0)], weights, h, last, border, new, d)
        done, used, first = correct(address, point, new, border, level, n, math.inf, far, A, step)
        evaluations += used
        if done:
            done = _tangent(far, border, weights, A, turned, n) and _dot(turned, border, d) > STRAIGHT
        if not done or first > ROUGH * accuracy:
            h *= 0.4
            if h < smallest:
                return count, found, STALLED, evaluations
            continue
        reason = -1
        if pair > 0 and _apart(new, z, pair) <= 0.0:
            _merge(address, point, n, weights, z, tangent, new, turned, pair, border, far, A, step)
            reason = MERGED
        crossed = _stop_at_bounds(address, point, n, active, weights, bounds, z, tangent, new, turned, border, far, A, step)
        call_system(address, point, new, far)
        evaluations += 1
        if crossed < 0 or not math.isfinite(_total(far, n + n * d)):
            return count, found, STALLED, evaluations
        found, used = _find_events(address, point, n, active, tests, weights, z, tangent, new, turned, out, far, border, A, step,
                                   events, event_tests, found)
        evaluations += used
        _store(points, tangents, values, count, new, turned, far, n, active + recorded, active)
        count += 1
        last = _way(z, new, weights, d)
        out, far = far, out
        _copy(new, z)
        _copy(turned, tangent)
        if crossed > 0:
            reason = BOUND
        if reason < 0 and count > 4 and _closes(points, tangents, count, weights, d):
            reason = CLOSED
        if reason >= 0:
            return count, found, reason, evaluations
        growth = (accuracy / max(first, 1e-3 * accuracy)) ** 0.3333333333333333
        h = min(largest, h * min(2.0, max(0.4, growth)))
    return count, found, FULL, evaluations


@routine
def _predict(z, tangent, before, weights, h, last, border, new, d):
    """A parabola through the last tangents, into `new`, and the hyperplane on which it is corrected; its level."""
    level = _set_border(border, tangent, weights, z, d)
    for j in range(d):
        new[j] = z[j] + h * tangent[j]
        if last > 0.0:
            new[j] += 0.5 * h * h * (tangent[j] - before[j]) / last
        level += border[j] * (new[j] - z[j])
    return level


@routine
def _stop_at_bounds(address, point, n, active, weights, bounds, z, tangent, new, turned, border, out, A, step):
    """Where the step from z to `new` leaves the bounds, move `new` onto them: 1, 0 where it does not, -1 where that fails."""
    d, crossed = n + 1, 0
    trial = np.empty(d)
    for p in range(active):
        j = d - active + p
        for side in range(2):
            limit = bounds[p, side]
            if (new[j] - limit) * (2 * side - 1) > 0.0:
                _between(z, tangent, new, turned, _way(z, new, weights, d), (limit - z[j]) / (new[j] - z[j]), trial, d)
                trial[j] = limit
                _axis(border, j, d)
                done, _, _ = correct(address, point, trial, border, limit, n, math.inf, out, A, step)
                if not done:
                    return -1
                _copy(trial, new)
                new[j] = limit
                _set_border(border, tangent, weights, z, d)
                if _tangent(out, border, weights, A, trial, n):
                    _copy(trial, turned)
                crossed = 1
    return crossed


@routine
def _find_events(address, point, n, active, tests, weights, z, tangent, new, turned, out, far, border, A, step,
                 events, event_tests, found):
    """Locate the test functions' changes of sign between two points: (events found so far, evaluations)."""
    evaluations, way = 0, _way(z, new, weights, n + 1)
    trial = np.empty(n + 1)
    for t in range(active + tests):
        a, b = _test(out, tangent, t, n, active), _test(far, turned, t, n, active)
        # Where entropy and replicon vanish exponentially their sign is rounding.
        if a * b < 0.0 and found < events.shape[0] and (t < active or max(abs(a), abs(b)) > NOISE):
            used = _locate(address, point, n, active, weights, z, tangent, new, turned, way, t, a, b, trial, border, A, step,
                           out.shape[0])
            evaluations += used
            if used > 0:
                _copy(trial, events[found])
                event_tests[found] = t
                found += 1
    return found, evaluations


@routine
def _apart(z, before, pair):
    """Overlap of the two states' difference with what it was."""
    total = 0.0
    for i in range(pair):
        total += (z[i] - z[pair + i]) * (before[i] - before[pair + i])
    return total


@routine
def _merge(address, point, n, weights, a, ta, b, tb, pair, border, out, A, step):
    """The last point at which the two states are told apart, into b; they merge where the system is singular."""
    d = n + 1
    low, high, way = 0.0, 1.0, _way(a, b, weights, d)
    best, z = np.empty(d), np.empty(d)
    _copy(a, best)
    for _ in range(40):
        x = 0.5 * (low + high)
        _between(a, ta, b, tb, way, x, z, d)
        level = 0.0
        for j in range(d):
            border[j] = weights[j] * ta[j]
            level += border[j] * z[j]
        done, _, _ = correct(address, point, z, border, level, n, math.inf, out, A, step)
        if done and _apart(z, a, pair) > 0.0 and _way(z, a, weights, d) < way:
            low = x
            _copy(z, best)
        else:
            high = x
    _copy(best, b)
    _copy(ta, tb)


@routine
def _dot(x, y, d):
    total = 0.0
    for j in range(d):
        total += x[j] * y[j]
    return total


@routine
def _total(x, n):
    total = 0.0
    for i in range(n):
        total += abs(x[i])
    return total


@routine
def _way(a, b, weights, d):
    total = 0.0
    for j in range(d):
        total += weights[j] * (b[j] - a[j]) * (b[j] - a[j])
    return math.sqrt(total)


@routine
def _closes(points, tangents, count, weights, d):
    """Whether the last step passed the first point in the first direction."""
    a, b, origin = points[count - 2], points[count - 1], points[0]
    before = after = 0.0
    for j in range(d):
        before += weights[j] * tangents[0, j] * (a[j] - origin[j])
        after += weights[j] * tangents[0, j] * (b[j] - origin[j])
    step = _way(a, b, weights, d)
    return before < 0.0 and after >= 0.0 and _way(b, origin, weights, d) < 1.5 * step


@routine
def _store(points, tangents, values, i, z, tangent, out, n, all_tests, active):
    _copy(z, points[i])
    _copy(tangent, tangents[i])
    for t in range(all_tests):
        values[i, t] = _test(out, tangent, t, n, active)


@routine
def _locate(address, point, n, active, weights, a, ta, b, tb, way, index, fa, fb, z, border, A, step, length):
    """A zero of test function `index` between two points of the curve, into z; 0 if not converged.

    The secant rule with halved ends (Illinois), each trial brought back onto the curve.
    """
    d = n + 1
    x0, x1, f0, f1, evaluations = 0.0, 1.0, fa, fb, 0
    scratch, t = np.empty(length), np.empty(d)
    for _ in range(60):
        x = (x0 * f1 - x1 * f0) / (f1 - f0)
        if not min(x0, x1) < x < max(x0, x1):
            x = 0.5 * (x0 + x1)
        _between(a, ta, b, tb, way, x, z, d)
        level = 0.0
        for j in range(d):
            border[j] = weights[j] * (b[j] - a[j])
            level += border[j] * z[j]
        done, used, _ = correct(address, point, z, border, level, n, math.inf, scratch, A, step)
        evaluations += used + 1
        if not done:
            return 0
        call_system(address, point, z, scratch)
        if not _tangent(scratch, border, weights, A, t, n):
            return 0
        f = _test(scratch, t, index, n, active)
        if abs(x - x1) < 1e-14 or f == 0.0:
            break
        if f * f1 < 0.0:
            x0, f0 = x1, f1
        else:
            f0 *= 0.5
        x1, f1 = x, f
    return evaluations


@routine
def land(address, point, n, weights, points, tangents, count, variable, levels, found, converged):
    """Points of a traced curve where a variable takes given values, the first crossing of each.

    Parameters
    ----------
    levels : (L,); found (L, n + 1) and converged (L,) are outputs
    """
    d = n + 1
    out, A, step, border = np.empty(n + n * d + 64), np.empty((d, d)), np.empty(d), np.empty(d)
    _axis(border, variable, d)
    for i in range(levels.shape[0]):
        converged[i] = False
        for k in range(count - 1):
            a, b = points[k, variable], points[k + 1, variable]
            if (a - levels[i]) * (b - levels[i]) <= 0.0 and a != b:
                way = _way(points[k], points[k + 1], weights, d)
                _between(points[k], tangents[k], points[k + 1], tangents[k + 1], way, (levels[i] - a) / (b - a), found[i], d)
                converged[i], _, _ = correct(address, point, found[i], border, levels[i], n, math.inf, out, A, step)
                break
