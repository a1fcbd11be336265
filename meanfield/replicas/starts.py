"""Where the search for replica symmetric solutions starts: a grid of signal values and overlaps."""

from itertools import product

import numpy as np

from .reduced import iterated, with_auxiliaries

OVERLAPS = (1e-3, 0.1, 0.3, 0.5, 0.7, 0.85, 0.95, 0.99, 0.999)
RESPONSES = (0.003, 0.03, 0.1, 0.25, 0.5, 0.8, 1.2, 2.0, 4.0)
FREE_SQUARES = (0.03, 0.2, 1.0)
FREE_RESPONSES = (0.05, 0.25, 1.0, -0.05, -0.25, -0.7)
SIGNALS = (0.95, 0.6, 0.2)
SATURATED = (0.1, 0.01, 0.001)
# A point closer than this to a solution, relatively, is no ghost of its own.
GHOSTLY = 0.15


def responses(unknowns, places, dense=False):
    """Values of C for one overlap of fixed q_d, ascending."""
    T, top = unknowns.system.T, unknowns.diagonal(places)
    if T == 0:
        return np.geomspace(1e-4, 20.0, 60) if dense else np.array(RESPONSES)
    if dense:
        edge = np.geomspace(1e-6, 0.1, 10)
        q = np.unique(np.concatenate([np.linspace(1e-6, 1 - 1e-6, 40), edge, 1 - edge]))
        some, near = np.geomspace(1e-4, 20.0, 40), 0.02
    else:
        q, some, near = np.array(OVERLAPS), np.array(RESPONSES), 0.25
    known = np.sort((1 - q) * top / T)
    apart = [C for C in some if C < known[-1] and np.abs(C / known - 1).min() > near]
    found = np.sort(np.concatenate([known, apart]))
    return found if dense else thinned(found, 1.25)


def thinned(values, ratio):
    """Ascending values without those closer than a ratio to the one before."""
    kept = [values[0]]
    for v in values[1:]:
        if v > ratio * kept[-1]:
            kept.append(v)
    return np.array(kept)


def signals(unknowns, null):
    """Starts of the means that are not held at zero: one alone, and all alike, of several sizes; both signs without symmetry."""
    active = [i for i in unknowns.means if i not in null]
    if not active:
        return [np.zeros(0)]
    signed = SIGNALS if _reversible(unknowns) else (*SIGNALS, *(-s for s in SIGNALS))
    found = [np.full(len(active), s) for s in signed]
    if len(active) > 1:
        found += [np.where(np.arange(len(active)) == i, s, 0.1 * s) for i in range(len(active)) for s in signed[::3]]
    return found


def _reversible(unknowns):
    """Whether every sign of the means is one of the symmetry's."""
    n = len(unknowns.means)
    return any(order == tuple(range(n)) and set(sign) == {-1} for order, sign in unknowns.symmetry)


def overlap_starts(unknowns):
    """Arrays of the overlap unknowns, in the order of `Unknowns.glass` without the teacher."""
    lists = [_one_overlap(unknowns, o) for o in unknowns.overlaps]
    if len(lists) == 1:
        return [np.array(x) for x in lists[0]]
    alike = [sum(xs, ()) for xs in zip(*(_spread(xs, min(map(len, lists))) for xs in lists))]
    coarse = [sum(xs, ()) for xs in product(*(_spread(xs, 3) for xs in lists))]
    return [np.array(x) for x in (*alike, *coarse)]


def _spread(values, n):
    return [values[i] for i in np.unique(np.linspace(0, len(values) - 1, n).round().astype(int))]


def _one_overlap(unknowns, o):
    T, size = unknowns.system.T, len(o.q)
    if o.fixed:
        return [(0.0,) * size + (C,) for C in responses(unknowns, o)]
    if o.kind == "finite":
        top = max(abs(float(x)) ** 2 for layer in unknowns.system.theory.layers if layer.overlap is o.overlap
                  for x in (state[o.overlap.variable] for _, state in layer.site.enumerate()))
        squares = [top * f for f in (0.9, 0.5, 0.15, 0.005)]
        if T > 0:
            return [(q * d, (1 - q) * d / T) for d in squares for q in (1e-3, 0.3, 0.7, 0.95, 0.995)]
        return [(d, C) for d in squares for C in RESPONSES[::2]]
    return [(q,) * size + (C,) for q in FREE_SQUARES for C in FREE_RESPONSES]


def rs_starts(unknowns, null):
    """Starts (u) of the search in which the means `null` vanish."""
    glass = [i for i in unknowns.glass if i not in unknowns.teacher]
    active = [i for i in unknowns.means if i not in null]
    for signal, overlap in product(signals(unknowns, null), overlap_starts(unknowns)):
        u = np.ones(unknowns.size)
        u[list(null)], u[list(unknowns.auxiliaries)] = 0.0, unknowns.auxiliary_start
        u[active], u[glass] = signal, overlap
        for i in unknowns.teacher:
            u[i] = max(unknowns.levels(u)[0][0][0], 1e-6)
        u = with_auxiliaries(unknowns, u)
        if u is not None and np.isfinite(unknowns.system.residual(u)).all():
            yield u


def saturated_starts(unknowns, null):
    """Starts at which spins bound to auxiliary variables no longer respond, so that these respond as by themselves, of several sizes."""
    theory, active = unknowns.system.theory, [i for i in unknowns.means if i not in null]
    if not theory.free_responses or not active:
        return
    alone = dict(zip((layer.overlap for layer in theory.free_responses.values()), unknowns.auxiliaries[len(theory.model.auxiliaries):]))
    for signal, square in product(SATURATED, SATURATED):
        u = np.ones(unknowns.size)
        u[list(null)], u[list(unknowns.auxiliaries)], u[active] = 0.0, unknowns.auxiliary_start, signal
        u = with_auxiliaries(unknowns, u)
        if u is None:
            return
        for o in unknowns.overlaps:
            u[o.C] = u[alone[o.overlap]] if o.overlap in alone else SATURATED[-1]
            u[list(o.q)] = square
        if np.isfinite(unknowns.system.residual(u)).all():
            yield u


def ghosts(unknowns, null, found):
    """Where the equations almost hold: the best points of slow iterations that no solution is near, at most two.

    Beyond a spinodal of replica symmetric states those with broken symmetry may go on; the search for these starts here.
    """
    best = []
    for u in rs_starts(unknowns, null):
        active = [i for i in unknowns.means if i not in null]
        if np.abs(u[active]).min(initial=np.inf) < SIGNALS[0]:
            continue
        v = slowest(unknowns, u, null)
        near = any(np.abs(v - w).max() < GHOSTLY * (1 + np.abs(w).max()) for w in found + [b for _, b in best])
        if not near and np.abs(v[active]).min(initial=np.inf) > GHOSTLY:
            best.append((np.abs(unknowns.system.residual(v)).max(), v))
    return [v for _, v in sorted(best, key=lambda p: p[0])[:2]]


def slowest(unknowns, u, null, steps=15):
    """The point of smallest residual on the way of the damped iteration from u, its first steps left out."""
    path = [u]
    for _ in range(steps):
        v = iterated(unknowns, path[-1], held=null, steps=1)
        if v is None:
            break
        path.append(v)
    return min(path[3:] or path, key=lambda v: np.abs(unknowns.system.residual(v)).max())
