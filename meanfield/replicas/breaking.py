"""Solutions with broken replica symmetry, grown from those with one step less."""

from dataclasses import replace

import numpy as np

from ..results import Stability
from .assemble import assemble, cleaned
from .physical import is_collapsed, is_physical
from .reduced import Reduced, closing, iterated
from .starts import ghosts
from .search import VANISHED, Found, distinct, own, replica_symmetric, softest
from .stability import stability
from .unknowns import Unknowns

# Shares of beta, and multiples of 1/sqrt(variance of the fields), at which one step of breaking is tried.
BLOCKS = (0.1, 0.25, 0.45, 0.7, 0.9)
SCALED_BLOCKS = (0.5, 1.5, 5.0, 17.0)
WIDE, HIGH = (0.7, 0.97), (0.8, 0.95)
OPEN = 1e-3
# Residual below which damped iterations count as contracting.
SETTLING = 0.05
# Largest relative difference of the signals of a state with one step and of the replica symmetric one that it continues.
ALIKE = 0.2
NEAR = 0.02
# Overlaps of a nearly closed step, as shares of the way to 0 and to q_d, from which smaller blocks are reached by this factor, so often.
AJAR, SHRINK, SHRUNK = 0.05, 0.7, 30
STRETCHES = (1.0, 1.8)


def broken(system, system_with):
    """Solutions of an ansatz with steps: ([(Solution, sector)], search).

    A solution with fewer steps is left out where one with more continues it. Where none does it is the solution of this
    ansatz too, and reported with coinciding overlaps, and x = 1 (T = 0: D = 0) for the closed steps.

    Parameters
    ----------
    system_with : function k -> SaddleSystem with k steps at the same parameters
    """
    top, pairs = Unknowns(system), []
    levels = _levels(system_with, top)
    for found, continued in levels:
        for u, more in zip(found.points, continued):
            if not more:
                pairs.append(_reported(found.unknowns, u, top))
    search = levels[0][0]
    search.unopened = sum(s.stable and not s.rs_valid and s.options["open_steps"] < top.system.theory.steps for s, _ in pairs)
    return pairs, search


def _reported(unknowns, u, top):
    solution, where = assemble(unknowns, u)
    system, steps = top.system, unknowns.system.theory.steps
    values = order_parameters(unknowns, u, top) if steps < system.theory.steps else solution.order_parameters
    options = {**solution.options, "ansatz": system.theory.ansatz.name, "steps": system.theory.steps, "open_steps": steps}
    return replace(solution, order_parameters=values, options=options), where


def order_parameters(unknowns, u, top):
    """{name: value} of a solution u with fewer steps as those of the ansatz of `top`, whose other steps are closed."""
    found = top.system.state(closed(unknowns, u, top)).order_parameters
    idle = set(map(str, top.system.theory.breaking[unknowns.system.theory.steps:]))
    return {name: 0.0 if name in idle else cleaned(x) for name, x in found.items()}


def closed(before, u, unknowns):
    """The solution u of an ansatz with fewer steps in the unknowns of one with more, whose inner steps are closed."""
    T, missing = unknowns.system.T, unknowns.system.theory.steps - before.system.theory.steps
    v = carried(before, u, unknowns)
    for o, p, (q, top) in zip(unknowns.overlaps, before.overlaps, before.levels(u)):
        _place(unknowns, o, v, np.append(q, np.full(missing, q[-1])), top, u[p.C])
        v[o.C] = u[p.C]
    v[list(unknowns.breaking)] = np.append(u[list(before.breaking)], np.full(missing, 1 / T if T > 0 else 1.0))
    return v


def _levels(system_with, top):
    """[(Found, which of its points are continued by solutions with more steps)] for 0..k steps."""
    rs = replica_symmetric(system_with(0))
    levels = [(rs, [False] * len(rs.points))]
    for steps in range(1, top.system.theory.steps + 1):
        last, continued = levels[-1]
        new = Found(Unknowns(system_with(steps)))
        grow = first_step if steps == 1 else next_step
        continued[:] = [_skipped(last.unknowns, u) or grow(last.unknowns, u, new.unknowns, new) for u in last.points]
        if steps == 1:
            _beyond_folds(rs, new)
        levels.append((new, [False] * len(new.points)))
    return levels


def _beyond_folds(rs, new):
    """Find solutions with one step where replica symmetric ones have ended, and the other one of a fold where one is known."""
    for null in rs.unknowns.null_sets:
        active = [i for i in rs.unknowns.means if i not in null]
        if not active:
            continue
        if not own(rs, null):
            for u in ghosts(rs.unknowns, null, rs.points):
                first_step(rs.unknowns, u, new.unknowns, new)
        known = own(new, null)
        if len(known) == 1:
            _partners(new.unknowns, known[0], null, new)


def _skipped(unknowns, u):
    """Whether a solution is not worth more steps: its steps are open, and it is unstable as it is."""
    return unknowns.system.theory.steps > 0 and stability(unknowns, u) is Stability.UNSTABLE


def first_step(before, u, unknowns, found):
    """Find solutions with one step from the replica symmetric solution u; whether one continues it."""
    null, reached = [i for i in unknowns.means if u[i] == 0], []
    for starts, held in _one_step_starts(before, u, unknowns, null):
        free = [i for i in range(unknowns.size) if i not in null and i not in held]
        for v in _opened(unknowns, starts, [*null, *held]):
            if any(_leads_to(unknowns, v, w) for w in found.points):
                continue
            w = _kept(Reduced(unknowns, v, free), null, found)
            if w is not None and _continues(unknowns, w, u[list(before.means)]):
                reached.append(w)
    if any(stability(unknowns, w) is not Stability.UNSTABLE for w in reached):
        return True
    return _ajar(before, u, unknowns, null, found) or bool(reached)


def _ajar(before, u, unknowns, null, found):
    """Find the solution that a stable state opens into where its replicon is negative, from a nearly closed step; whether it does."""
    if before.system.state(u).replicon >= 0 or stability(before, u) is Stability.UNSTABLE:
        return False
    free = [i for i in range(unknowns.size) if i not in null]
    for bracket in _shrinking(before, u, unknowns, [i for i in free if i not in unknowns.breaking]):
        for v in bracket:
            w = _kept(Reduced(unknowns, v, free), null, found)
            if w is not None and _continues(unknowns, w, u[list(before.means)]):
                return True
    return False


def _shrinking(before, u, unknowns, rest):
    """Pairs of points between which the D equation changes its sign as the block shrinks, the other equations solved."""
    last = None
    for v in _nearly_closed(before, u, unknowns):
        w, converged = Reduced(unknowns, v, rest).solve()
        if converged and is_physical(unknowns, w) and not is_collapsed(unknowns, w):
            last = w
            break
    trail = [] if last is None else [(last, _block_residual(unknowns, last))]
    while trail and len(trail) < SHRUNK:
        w = _shrunk(unknowns, [v for v, _ in trail[-2:]], rest)
        if w is None:
            return
        trail.append((w, _block_residual(unknowns, w)))
        (v, a), (w, b) = trail[-2:]
        if a * b < 0:
            yield (w, v) if abs(b) < abs(a) else (v, w)


def _nearly_closed(before, u, unknowns):
    for D in reversed(_blocks(before, u)):
        spread = [((1 - AJAR) * q[-1], q[-1] + AJAR * min(top - q[-1], q[-1])) for q, top in before.levels(u)]
        yield _one_step(before, u, unknowns, spread, D)


def _block_residual(unknowns, u):
    return (unknowns.system.residual(u)[list(unknowns.breaking)] / closing(unknowns, u))[-1]


def _shrunk(unknowns, trail, rest):
    """The solution at a smaller block, extrapolated from the last two; None where the branch is lost."""
    for guess in ([2 * trail[-1] - trail[0]] if len(trail) > 1 else []) + [trail[-1]]:
        start = guess.copy()
        start[list(unknowns.breaking)] = SHRINK * trail[-1][list(unknowns.breaking)]
        w, converged = Reduced(unknowns, start, rest).solve()
        if converged and is_physical(unknowns, w) and not is_collapsed(unknowns, w):
            return w
    return None


def _leads_to(unknowns, v, w):
    """Whether Newton's method from v would find the known solution w."""
    D, E = v[list(unknowns.breaking)], w[list(unknowns.breaking)]
    rest = [i for i in range(unknowns.size) if i not in unknowns.breaking]
    return bool((np.abs(D - E) < 0.3 * E).all() and np.abs(v - w)[rest].max() < 0.05 * (1 + np.abs(w[rest]).max()))


def _continues(unknowns, w, means):
    """Whether a solution belongs to the state whose means are given."""
    change = np.abs(np.abs(w[list(unknowns.means)]) - np.abs(means))
    return bool(change.max(initial=0.0) <= ALIKE * np.abs(means).max(initial=0.0))


def _kept(reduced, null, found):
    """The solution that Newton's method leads to if it is one of the sector with all steps open, else None."""
    unknowns, (w, converged) = reduced.unknowns, reduced.solve(limit=25)
    lost = np.abs(w[[i for i in unknowns.means if i not in null]]).min(initial=np.inf) < VANISHED
    return w if found.add(w, converged and not lost and not is_collapsed(unknowns, w)) else None


def _partners(unknowns, w, null, found):
    """Find the other solution of a fold."""
    held = [*null, *(o.q[0] for o in unknowns.overlaps if w[o.q[0]] == 0.0)]
    free = [i for i in range(unknowns.size) if i not in held]
    for v in softest(unknowns, w, free):
        _kept(Reduced(unknowns, v, free), null, found)


def _opened(unknowns, starts, held):
    """Where to try Newton's method in a scan over D.

    After damped iterations at fixed D: of the points that stay open the one where the D equation holds best, and those around its
    changes of sign; and the start at which the equations hold best as it is.
    """
    points, raw = [], []
    for u in starts:
        F = unknowns.system.residual(u)
        if np.isfinite(F).all():
            raw.append((np.abs(F).max(), u))
        v = _at_fixed_blocks(unknowns, u, held)
        if v is not None and np.max([np.diff(q) for q, _ in unknowns.levels(v)]) > OPEN:
            points.append((v, (unknowns.system.residual(v)[list(unknowns.breaking)] / closing(unknowns, v))[-1]))
    best = [min(points, key=lambda p: abs(p[1]))[0]] if points else []
    for (v, a), (w, b) in zip(points, points[1:]):
        if a * b < 0:
            best.append(v if abs(a) < abs(b) else w)
    best += [min(raw, key=lambda p: p[0])[1]] if raw else []
    return distinct(best, NEAR)


def _at_fixed_blocks(unknowns, u, held):
    """Means and overlaps at the block parameters of u: by damped iterations, or by Newton's method where they do not contract."""
    rest = [i for i in range(unknowns.size) if i not in unknowns.breaking]
    v = iterated(unknowns, u, held=held, steps=10)
    if v is not None and np.abs(unknowns.system.residual(v)[rest]).max() < SETTLING:
        return v
    w, converged = Reduced(unknowns, u, [i for i in rest if i not in held]).solve(limit=15)
    return w if converged and is_physical(unknowns, w) else v


def _one_step_starts(before, u, unknowns, null):
    """[(starts ascending in D, unknowns held at zero)]: overlaps spread about q, and a high inner overlap above q."""
    levels = before.levels(u)
    middle = lambda q, top: q[-1] + 0.5 * (top - q[-1])
    ordered = max(q[-1] for q, _ in levels) > OPEN
    spreads = [[(w * q[-1], middle(q, top)) for q, top in levels] for w in WIDE if ordered]
    if not any(u[i] for i in unknowns.means):
        spreads += [[(q[-1], max(h * top, middle(q, top))) for q, top in levels] for h in HIGH]
    for spread in spreads:
        vanished = [o.q[0] for o, (low, _) in zip(unknowns.overlaps, spread) if low == 0.0]
        held = vanished if vanished and unknowns.lowest_can_vanish(null) else []
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
    T = before.system.T
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
    """Find a solution with one step more than the solution u; whether there is one."""
    null = [i for i in unknowns.means if u[i] == 0]
    held = [o.q[0] for o, p in zip(unknowns.overlaps, before.overlaps) if u[p.q[0]] == 0.0]
    free = [i for i in range(unknowns.size) if i not in null and i not in held]
    starts = (*(resampled(before, u, unknowns, stretch) for stretch in STRETCHES), *splits(before, u, unknowns))
    for start in starts:
        for v in (_at_fixed_blocks(unknowns, start, [*null, *held]), start):
            if v is not None and _kept(Reduced(unknowns, v, free), null, found) is not None:
                return True
    return False


def resampled(before, u, unknowns, stretch):
    """One step more on the same curve of D against q, stretched a little at both ends; D drawn apart by the factor `stretch`."""
    k, T = unknowns.system.theory.steps, unknowns.system.T
    v, D = carried(before, u, unknowns), None
    for o, p, (q, top) in zip(unknowns.overlaps, before.overlaps, before.levels(u)):
        new = np.interp(np.arange(k + 1) * (k - 1) / k, np.arange(k), q)
        new[0] *= k / (k + 1)
        new[-1] += (top - new[-1]) / (k + 1)
        D = _curve(_middles(new), _middles(q), u[list(before.breaking)], top) if D is None else D
        _place(unknowns, o, v, new, top, u[p.C] * k / (k + 1))
    D = D * stretch ** np.linspace(-1, 1, k)
    v[list(unknowns.breaking)] = np.minimum(D, 0.98 / T) if T > 0 else D
    return v


def _middles(q):
    return (q[1:] + q[:-1]) / 2


def _curve(q, known, D, top):
    """D at overlaps q: a power of q_d - q between known points and beyond them; proportional to q where there is one point."""
    if len(known) == 1:
        return D[0] * q / known[0]
    x, xs, logs = -np.log(top - q), -np.log(top - known), np.log(D)
    slopes = np.diff(logs) / np.diff(xs)
    low, high = logs[0] + slopes[0] * (x - xs[0]), logs[-1] + slopes[-1] * (x - xs[-1])
    return np.exp(np.where(x < xs[0], low, np.where(x > xs[-1], high, np.interp(x, xs, logs))))


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
