"""Starts of lines on a grid: pairs of neighbouring points between which something happens to a state."""

from dataclasses import dataclass

import numpy as np

from .borders import Start
from .spread import equilibrium

__all__ = ["Edge", "add_lines", "edges", "unexplained"]

# An edge is explained by a line of its kind that passes within so many grid spacings; attempts for each kind of edge.
WITHIN = 2.0
ATTEMPTS = 8
FEW = 4
# A state with less order ends by losing it, not at a fold.
MERGING = 0.03
ORDER = ("continuous", "first-order", "spinodal", "at", "gardner", "zero-entropy")
BLOCKS = ("free", "means", "overlaps")


@dataclass(frozen=True, eq=False)
class Edge:
    """Something that happens between two neighbouring points.

    Attributes
    ----------
    key : kind of the transition, its members, which block of the Jacobian is singular, components
    start : Start
    """

    key: tuple
    start: Start


def edges(spread):
    """All Edges of a grid."""
    found = []
    best = {cell: equilibrium(states) for cell, states in spread.cells.items()}
    for (i, j), states in spread.cells.items():
        for other in ((i + 1, j), (i, j + 1)):
            if other in spread.cells and all(spread.values((i, j))):
                found += _between(spread, (i, j), other)
                found += _exchange(spread, best, (i, j), other)
    return found


def _between(spread, a, b):
    """What happens to single states between two points."""
    for one, two in ((a, b), (b, a)):
        for c, p in spread.cells[one]:
            same = [q for d, q in spread.cells[two] if d is c]
            if same:
                if one == a and c.stable:
                    yield from _signs(c, p, same[0])
                continue
            changed = [q for d, q in spread.cells[two] if d.member is c.member and _near(p, q)]
            if not changed and c.stable and c.member.order(p) > MERGING:
                yield _edge("spinodal", c, p, "free")
            for q in changed[:1]:
                yield from (_edge("continuous" if k else "spinodal", c, p, BLOCKS[k]) for k in range(3) if q.signs[k] != p.signs[k] and c.stable
                            and (k != 2 or p.member.sector.centred))


def _near(p, q):
    return np.abs((p.u - q.u) / (1 + np.abs(p.u))).max(initial=0.0) < 0.2


def _edge(kind, component, point, block=""):
    return Edge((kind, (component.member,), block, (id(component),)), Start(kind, point.values, ((point.member, point.u),)))


def _signs(component, p, q):
    """Changes of sign of the replicon and of the entropy."""
    if not component.member.sector.paramagnetic and np.isfinite([p.replicon, q.replicon]).all() and p.replicon * q.replicon < 0:
        yield _edge("gardner" if component.member.steps else "at", component, p if abs(p.replicon) < abs(q.replicon) else q)
    if p.entropy * q.entropy < 0 and not (component.member.sector.paramagnetic and p.replicon < 0):
        yield _edge("zero-entropy", component, p if abs(p.entropy) < abs(q.entropy) else q)


def _exchange(spread, best, a, b):
    """A change of the equilibrium between states that exist together at one of two points."""
    one, two = best[a], best[b]
    if one is None or two is None or one[0] is two[0]:
        return
    for cell in (a, b):
        at = {id(c): p for c, p in spread.cells[cell] if c.stable}
        if id(one[0]) in at and id(two[0]) in at:
            p, q = at[id(one[0])], at[id(two[0])]
            members = tuple(sorted((p.member, q.member), key=lambda m: spread.area.members.index(m)))
            yield Edge(("first-order", members, "", tuple(sorted((id(one[0]), id(two[0]))))),
                       Start("first-order", p.values, ((p.member, p.u), (q.member, q.u))))
            return


def add_lines(spread, borders, tried):
    """Trace lines from the edges that no line explains; `tried` counts the attempts for each key."""
    groups = {}
    for e in edges(spread):
        groups.setdefault(e.key, []).append(e)
    reach = WITHIN / (np.array([len(spread.x), len(spread.y)]) - 1)
    for key, group in sorted(groups.items(), key=lambda item: ORDER.index(item[0][0])):
        left = list(group)
        while tried.get(key, 0) < ATTEMPTS:
            left = [e for e in left if not _explained(borders, e, reach)]
            if not left:
                break
            tried[key] = tried.get(key, 0) + 1
            chosen = left[len(left) // 2]
            left.remove(chosen)
            borders.add(chosen.start, key[2])


def unexplained(spread, borders):
    """Edges that no line explains, one of each key that has several."""
    groups, reach = {}, 2 * WITHIN / (np.array([len(spread.x), len(spread.y)]) - 1)
    for e in edges(spread):
        if not _explained(borders, e, reach):
            groups.setdefault((e.key[0], e.key[1]), []).append(e)
    return [group[len(group) // 2] for group in groups.values() if len(group) >= FEW]


def _explained(borders, edge, reach):
    kind, members, block, _ = edge.key
    unit = borders.area.unit(edge.start.values)
    for border in borders.curves:
        explains = border.explains(kind, members, block) or kind == "spinodal" and (
            _springs(members[0], border) or border.kind in ("capacity", "static")) or kind == "first-order" and border.kind == "static"
        if explains and _passes(borders.area.unit(border.places), unit, reach):
            return True
    return False


def _springs(member, border):
    """Whether a member may spring from the instability of a more symmetric one along a curve."""
    return border.kind == "instability" and border.members[0].steps == member.steps and set(border.members[0].sector.free) < set(member.sector.free)


def _passes(path, unit, reach):
    first, step = path[:-1] / reach, np.diff(path, axis=0) / reach
    share = np.clip(((unit / reach - first) * step).sum(1) / np.maximum((step**2).sum(1), 1e-300), 0, 1)
    return bool((np.abs(first + share[:, None] * step - unit / reach).max(1) < 1).any())
