"""Solutions with broken replica symmetry, grown from those with one step less."""

import numpy as np

from .assemble import assemble
from .physical import is_collapsed
from .reduced import Reduced, closing, iterated
from .search import Found, distinct, replica_symmetric
from .unknowns import Unknowns

# Shares of beta, and multiples of 1/sqrt(variance of the fields), at which one step of breaking is tried.
BLOCKS = (0.1, 0.25, 0.45, 0.7, 0.9)
SCALED_BLOCKS = (0.5, 1.5, 4.0, 12.0)
HIGH = (0.8, 0.95)
OPEN = 1e-3
NEAR = 0.02


def broken(system, system_with):
    """Solutions of an ansatz with steps: ([(Solution, sector)], search).

    Where no solution with open steps continues one with fewer, that one is the solution of this ansatz too: it is reported with
    coinciding overlaps and x = 1.

    Parameters
    ----------
    system_with : function k -> SaddleSystem with k steps at the same parameters
    """
    k = system.theory.steps
    lower, search = _levels(system_with, k)
    return [assemble(found.unknowns, u) for found in lower for u in found.points], search


def _levels(system_with, k):
    rs = replica_symmetric(system_with(0))
    found = [rs]
    for steps in range(1, k + 1):
        unknowns = Unknowns(system_with(steps))
        new = Found(unknowns)
        if steps == 1:
            for u in rs.points:
                first_step(rs.unknowns, u, unknowns, new)
        else:
            for u in found[-1].points:
                next_step(found[-1].unknowns, u, unknowns, new)
        found.append(new)
    return found, rs


def first_step(before, u, unknowns, found):
    """Solutions with one step from the replica symmetric solution u."""
    null = [i for i in unknowns.means if u[i] == 0]
    for start, held in _one_step_starts(before, u, unknowns, null):
        free = [i for i in range(unknowns.size) if i not in null and i not in held]
        for v in _opened(unknowns, start, [*null, *held]):
            w, converged = Reduced(unknowns, v, free).solve()
            found.add(w, converged and not is_collapsed(unknowns, w))


def _opened(unknowns, starts, held):
    """The starts of a scan over D after damped iterations at fixed D; of those that stay open, the ones around a zero of the D equation."""
    points = []
    for u in starts:
        v = iterated(unknowns, u, held=held, steps=10)
        if v is not None and np.max([np.diff(q) for q, _ in unknowns.levels(v)]) > OPEN:
            F = unknowns.system.residual(v)[list(unknowns.breaking)] / closing(unknowns, v)
            points.append((v, F[-1]))
    if not points:
        return []
    best = [min(points, key=lambda p: abs(p[1]))[0]]
    for (v, a), (w, b) in zip(points, points[1:]):
        if a * b < 0:
            best += [v if abs(a) < abs(b) else w]
    return distinct(best, NEAR)


def _one_step_starts(before, u, unknowns, null):
    """[(starts ascending in D, unknowns held at zero)]: overlaps spread about q, and a high inner overlap above q."""
    levels = before.levels(u)
    spreads = [[(0.7 * q[-1], q[-1] + 0.5 * (top - q[-1])) for q, top in levels]] if max(q[-1] for q, _ in levels) > OPEN else []
    spreads += [[(q[-1], max(h * top, q[-1] + 0.5 * (top - q[-1]))) for q, top in levels] for h in HIGH]
    for spread in spreads:
        held = [o.q[0] for o, (low, _) in zip(unknowns.overlaps, spread) if low == 0.0] if unknowns.lowest_can_vanish(null) else []
        yield [_one_step(before, u, unknowns, spread, D) for D in _blocks(before, u)], held


def _one_step(before, u, unknowns, spread, D):
    T, v = unknowns.system.T, carried(before, u, unknowns)
    v[unknowns.breaking[0]] = D
    for o, p, (low, high), (_, top) in zip(unknowns.overlaps, before.overlaps, spread, before.levels(u)):
        v[o.q[0]] = low
        if not o.fixed:
            v[o.q[1]] = high
        v[o.C] = (top - high) / T if T > 0 else 0.5 * u[p.C]
    return v


def _blocks(before, u):
    """Values of D at which a step is tried, ascending."""
    T = unknowns_T = before.system.T
    averages = before.system._averages(u)
    scale = max([float(np.sum(averages.conjugates[2 * i + 1])) for i in range(len(before.overlaps))] + [0.0])
    scaled = [b / np.sqrt(scale) for b in SCALED_BLOCKS] if scale > 1e-6 else []
    if T == 0:
        return sorted(scaled or SCALED_BLOCKS)
    return sorted([b / T for b in BLOCKS] + [D for D in scaled if D < BLOCKS[0] / T])


def carried(before, u, unknowns):
    """An array of the larger ansatz with means and auxiliaries of u."""
    v = np.zeros(unknowns.size)
    v[list(unknowns.means)] = u[list(before.means)]
    v[list(unknowns.auxiliaries)] = u[list(before.auxiliaries)]
    return v


def next_step(before, u, unknowns, found):
    """Solutions with one step more than the solution u."""
    null = [i for i in unknowns.means if u[i] == 0]
    held = [o.q[0] for o, p in zip(unknowns.overlaps, before.overlaps) if u[p.q[0]] == 0.0]
    free = [i for i in range(unknowns.size) if i not in null and i not in held]
    for start in (resampled(before, u, unknowns), *splits(before, u, unknowns)):
        v = iterated(unknowns, start, held=[*null, *held], steps=10)
        if v is None:
            continue
        w, converged = Reduced(unknowns, v, free).solve()
        if found.add(w, converged and not is_collapsed(unknowns, w)):
            return


def resampled(before, u, unknowns):
    """One step more on the same curve of D against q, stretched a little at both ends."""
    k, T = unknowns.system.theory.steps, unknowns.system.T
    v, D = carried(before, u, unknowns), None
    for o, p, (q, top) in zip(unknowns.overlaps, before.overlaps, before.levels(u)):
        new = np.interp(np.arange(k + 1) * (k - 1) / k, np.arange(k), q)
        new[0] *= k / (k + 1)
        new[-1] += (top - new[-1]) / (k + 1)
        middle = (q[1:] + q[:-1]) / 2
        D = _curve((new[1:] + new[:-1]) / 2, middle, u[list(before.breaking)]) if D is None else D
        _place(unknowns, o, v, new, top, u[p.C] * k / (k + 1))
    v[list(unknowns.breaking)] = np.minimum(D, 0.98 / T) if T > 0 else D
    return v


def _curve(x, xs, ys):
    """Linear interpolation of log y, extrapolated with the outermost slopes; proportional to x where there is one point."""
    if len(xs) == 1:
        return ys[0] * x / xs[0]
    logs = np.log(ys)
    inner = np.interp(x, xs, logs)
    low, high = (logs[1] - logs[0]) / (xs[1] - xs[0]), (logs[-1] - logs[-2]) / (xs[-1] - xs[-2])
    return np.exp(np.where(x < xs[0], logs[0] + low * (x - xs[0]), np.where(x > xs[-1], logs[-1] + high * (x - xs[-1]), inner)))


def splits(before, u, unknowns):
    """One level at a time in two."""
    k, T = unknowns.system.theory.steps, unknowns.system.T
    D = u[list(before.breaking)]
    ends = np.concatenate([[0.0], D, [1 / T if T > 0 else 4 * D[-1]]])
    for j in reversed(range(k)):
        v = carried(before, u, unknowns)
        for o, p, (q, top) in zip(unknowns.overlaps, before.overlaps, before.levels(u)):
            above = q[j + 1] if j + 1 < k else top
            below = q[j - 1] if j > 0 else 0.0
            pair = [q[j] - 0.3 * (q[j] - below), q[j] + 0.3 * (above - q[j])]
            _place(unknowns, o, v, np.array([*q[:j], *pair, *q[j + 1:]]), top, u[p.C] * (0.7 if j == k - 1 else 1.0))
        v[list(unknowns.breaking)] = np.insert(D, j, (ends[j] + ends[j + 1]) / 2)
        yield v


def _place(unknowns, o, v, q, top, C):
    T = unknowns.system.T
    v[list(o.q)] = q[: len(o.q)]
    v[o.C] = (top - q[-1]) / T if T > 0 else C
