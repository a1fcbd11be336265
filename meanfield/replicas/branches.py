"""Branches of solutions of models with quenched couplings along one parameter, as tables with their special points."""

from types import MappingProxyType

import numpy as np
from scipy.optimize import brentq

from theory.errors import InputError
from theory.replica import ansatz_of

from ..branches import Branch, Branches, SpecialPoint, ranked
from ..events import Quantities, is_root, read_events
from .curves import Stepping, follow, locate, solved_at
from .line import Facts, Line
from .physical import is_physical
from .reduced import Reduced, iterated
from .saddle import saddle
from .segments import branch_paths, crossing
from .seeds import Seeds
from .solutions import theory_of
from .unknowns import Unknowns

__all__ = ["replica_branches"]

# Relative step of temperature derivatives.
HEAT = 1e-3
MARGINAL = 1e-9
# Rows where the branch is steep: as in tables of models without couplings.
STEEP, CLOSE = 0.4, 1e-12
NEAR = 1e-9
# Smaller overlaps fade. Special points of two branches that meet are as close as this, in units of the range and in the order parameters.
FADED, MEET, APART = 1e-4, 1e-4, 1e-2


def replica_branches(model, r, fixed, ansatz=None, steps=None, start=None, events=None):
    """Branches of solutions along one parameter.

    Parameters
    ----------
    model : theory.Model with couplings
    r : Range of the free parameter
    fixed : {name: value} of all others, T included where the model has one
    ansatz, steps : as in `theory.replica.ansatz_of`
    start : {name: value} near a solution at the lower end, for its branch alone
    events : as of `meanfield.branches`

    Returns
    -------
    Branches
    """
    given, ansatz = (model, r, fixed, ansatz, steps, None, events), ansatz_of(ansatz, steps)
    lines = {k: Line(saddle(theory_of(model, ansatz_of("krsb", k))), r.name, r.low, r.high, fixed) for k in range(ansatz.steps + 1)}
    line = lines[ansatz.steps]
    paths = _all_paths(lines, ansatz.steps) if start is None else [_path_from(line, start)]
    tables = [t for t in (_table(line, r, *path, events, _Switch(given)) for path in paths) if t is not None]
    return ranked(tables)


class _Switch:
    """Finds the branches that meet another one at a special point."""

    def __init__(self, given):
        self.given = given

    def __call__(self, branch, point):
        others = [b for b in replica_branches(*self.given) if not self.same(b, branch)]
        return Branches(tuple(b for b in others if self.meets(b, point)))

    @staticmethod
    def same(a, b):
        return len(a) == len(b) and a.names == b.names and all(np.allclose(a[n], b[n], atol=1e-8, equal_nan=True) for n in a.names)

    @staticmethod
    def meets(branch, point):
        """Whether a branch has a special point of the same place and order parameters."""
        (name, value), = point.at.items()
        span = np.ptp(branch[name]) or 1.0
        near = [p for p in branch.special_points if abs(p.at[name] - value) < MEET * span]
        gap = lambda p: max(abs(p.order_parameters[n] - v) for n, v in point.order_parameters.items() if n in p.order_parameters)
        return any(gap(p) < APART for p in near)


def _all_paths(lines, steps):
    seeds = Seeds(lines)
    return branch_paths(lines[steps], lambda t: seeds.at(steps, t))


def _path_from(line, start):
    system = line.system(0.0)
    unknowns = Unknowns(system)
    u = unknowns.placed(start)
    v = iterated(unknowns, u, held=[i for i in unknowns.means if u[i] == 0], steps=300)
    v, converged = (None, False) if v is None else Reduced(unknowns, v, range(unknowns.size)).solve()
    if not converged:
        raise InputError(f"no solution near this start at {line.name} = {line.low:g}")
    sector = line.sector_of(v, 0.0)
    return sector, follow(line.curve(sector), np.append(sector.restrict(v), 0.0), Stepping())


def _table(line, r, sector, path, events, source):
    """The Branch of a path; None where nothing on it is a state."""
    first = next((f for f in (Facts(line, sector, node) for node in path.nodes) if _usable(line, f)), None)
    if first is None:
        return None
    events = read_events(events, _quantity_names(first), {**line.model.structural, **line.fixed, line.name: 0.0})
    rows = [f for f in _sampled(line, sector, path, [line.unit(v) for v in r.values], events) if _usable(line, f[0])]
    if not rows:
        return None
    facts = [f for f, _ in rows]
    names = tuple(facts[0].state.order_parameters)
    table = [_row(line, f, names) for f in facts]
    columns = {name: np.array([row[name] for row in table]) for name in table[0]}
    for column in columns.values():
        column.setflags(write=False)
    special = tuple(SpecialPoint(kind, {line.name: float(line.value(f.t))}, _plain(f.state.order_parameters), i)
                    for i, (f, kind) in enumerate(rows) if kind)
    parameters = {**line.model.structural, **line.fixed}
    curve = {name: columns[name] for name in (line.name, *names, "free_energy", "stable")}
    overlaps = {str(name) for o in line.theory.overlaps for name in o.names}
    pictured = tuple(n for n in names if n in line.model.names or n in overlaps)
    return Branch(line.model.name, line.name, names, MappingProxyType(columns), tuple(f.kind for f in facts), special, parameters,
                  MappingProxyType(curve), pictured, source)


def _quantity_names(facts):
    """Names of what a table has of a solution."""
    return (*facts.state.order_parameters, "free_energy", "entropy", "energy", "specific_heat",
            *(f"chi_{name}" for name in facts._responding), "replicon", "eigenvalue")


def _quantities(line, facts):
    """The Quantities at a point of a branch."""
    state = facts.state
    known = {**line.model.structural, **line.fixed, line.name: float(line.value(facts.t)), **_plain(state.order_parameters),
             "free_energy": state.free_energy, "entropy": state.entropy, "energy": state.energy, "replicon": state.replicon}
    later = {f"chi_{name}": lambda name=name: _susceptibilities(facts)[f"chi_{name}"] for name in facts._responding}
    return Quantities(known, later | {"specific_heat": lambda: _specific_heat(line, facts), "eigenvalue": lambda: facts.stiffness})


def _usable(line, facts):
    return bool(np.isfinite(facts.unknowns).all() and np.isfinite(facts.free_energy) and is_physical(line.unknowns(facts.t), facts.unknowns))


def _sampled(line, sector, path, times, events=()):
    """[(Facts, kind of special point or "")] along a path: the sampled parameters, special points, ends and steep parts, in order."""
    facts = [Facts(line, sector, node) for node in path.nodes]
    onset = _onset(line, sector, path)
    rows = [(onset[0], "at") if onset[0] is not None else (facts[0], "")]
    for a, b in zip(facts, facts[1:]):
        found = sorted([*_values_between(line, sector, path.curve, a, b, times), *_special_between(line, sector, path.curve, a, b),
                        *_events_between(line, sector, path.curve, a, b, events)], key=lambda row: _along(a, b, row[0]))
        rows += _apart(found)
        if (b is facts[-1] or abs(b.node.tangent[-1]) < STEEP) and rows[-1][0] is not b:
            rows.append((b, ""))
    return [*rows, (onset[1], "at")] if onset[1] is not None else rows


def _onset(line, sector, path):
    """Facts of the states without overlaps in which a path ends on both sides, where its overlaps vanish; else None."""
    found = []
    for end, node, inner in ((path.ends[0], path.nodes[0], path.nodes[1]), (path.ends[1], path.nodes[-1], path.nodes[-2])):
        empty = next((s for s in line.sectors if s.paramagnetic), None)
        last = Facts(line, sector, node)
        fades = end not in ("edge", "closed") and empty is not None and not sector.paramagnetic and last.overlap < FADED
        found.append(_without_replicon(line, empty, empty.restrict(last.unknowns), node.t, inner.t) if fades else None)
    return found


def _without_replicon(line, empty, start, t, inner):
    """The Facts of the paramagnet where its replicon vanishes near t, or None."""
    curve = line.curve(empty)

    def facts(t):
        w = solved_at(curve, start, t)
        return None if w is None else Facts.at(line, empty, np.append(w, t))

    def replicon(t):
        return np.nan if (f := facts(t)) is None else f.state.replicon

    reach = max(abs(t - inner), FADED)
    low, high = max(t - reach, 0.0), min(t + reach, 1.0)
    if not replicon(low) * replicon(high) < 0:
        return None
    return facts(brentq(replicon, low, high, xtol=1e-15, rtol=1e-14))


def _events_between(line, sector, curve, a, b, events):
    """Where functions of a user vanish."""
    for event in events:
        function = lambda f: event(_quantities(line, f))
        ends = function(a), function(b)
        if np.isfinite(ends).all() and ends[0] * ends[1] < 0:
            found = crossing(line, sector, curve, a, b, function)
            if found is not None and is_root(function(found), *ends):
                yield found, event.label


def _apart(rows):
    """Rows without those next to a special point, which would list that twice."""
    special = [f.t for f, kind in rows if kind]
    return [(f, kind) for f, kind in rows if kind or not any(abs(f.t - t) < NEAR for t in special)]


def _along(a, b, facts):
    """Where a point lies between two others along the curve."""
    return float((facts.node.z - a.node.z) @ (b.node.z - a.node.z))


def _values_between(line, sector, curve, a, b, times):
    low, high = min(a.t, b.t), max(a.t, b.t)
    for t in times:
        if low + CLOSE < t < high - CLOSE and a.node.tangent[-1] * b.node.tangent[-1] > 0:
            share = (t - a.t) / (b.t - a.t)
            w = solved_at(curve, a.node.z[:-1] + share * (b.node.z[:-1] - a.node.z[:-1]), t)
            if w is not None:
                yield Facts.at(line, sector, np.append(w, t)), ""
        elif abs(t - b.t) <= CLOSE:
            yield b, ""


def _special_between(line, sector, curve, a, b):
    """Folds, and where the replicon, the entropy of discrete sites or the stiffness vanish."""
    if a.node.tangent[-1] * b.node.tangent[-1] < 0:
        fold = locate(curve, a.node, b.node, lambda p: p.tangent[-1], tangents=True)
        if fold is not None:
            yield Facts(line, sector, fold), "fold"
        return
    # Where means vanish by symmetry their instability is one of mirror images.
    tests = [("pitchfork" if sector.null else "bifurcation", lambda f: f.stiffness),
             ("gardner" if line.theory.steps else "at", lambda f: f.state.replicon)]
    if line.discrete and line.fixed.get("T") != 0:
        tests.append(("zero-entropy", lambda f: f.state.entropy))
    for kind, function in tests:
        values = function(a), function(b)
        if np.isfinite(values).all() and values[0] * values[1] < 0:
            found = crossing(line, sector, curve, a, b, function)
            # Where overlaps vanish the replicon does so too, with the square of the distance.
            if found is not None and (kind != "at" or sector.paramagnetic or found.overlap > FADED):
                yield found, kind


def _row(line, facts, names):
    state, order = facts.state, _plain(facts.state.order_parameters)
    values = {line.name: float(line.value(facts.t)), **{name: order.get(name, np.nan) for name in names}, "free_energy": state.free_energy,
              "entropy": state.entropy, "energy": state.energy}
    chi = _susceptibilities(facts)
    return values | {"specific_heat": _specific_heat(line, facts)} | chi | {
        "replicon": state.replicon, "eigenvalue": facts.stiffness, "stable": bool(facts.stiffness > -MARGINAL)}


def _plain(values):
    return {name: float(v) for name, v in values.items()}


def _susceptibilities(facts):
    """{chi_<order parameter>: d<g>/dh at fixed temperature}; infinite at an instability."""
    names = facts._responding
    chi = facts._response(names) if names else np.zeros((0, 0))
    return {f"chi_{name}": float(chi[i, i]) if np.isfinite(chi[i, i]) else np.inf for i, name in enumerate(names)}


def _specific_heat(line, facts):
    """T ds/dT along the solution at fixed parameters, per site; nan where the solution does not continue in T."""
    system = facts.system
    if not line.model.has_temperature:
        return np.nan
    if system.T == 0:
        return 0.0
    step = HEAT * system.T
    entropies = [_entropy_at(line, facts, system.T + k * step) for k in (-2, -1, 1, 2)]
    return float(system.T * (np.array([1, -8, 8, -1]) @ np.array(entropies)) / (12 * step))


def _entropy_at(line, facts, T):
    system = line.saddle.at({**facts.system.values, "T": T})
    free = list(facts.sector.free)
    u = facts.sector.lift(facts.sector.restrict(facts.unknowns), system)
    v, converged = Reduced(Unknowns(system), u, free).solve() if free else (u, True)
    return system.state(v).entropy if converged and np.abs(v - u).max() < 0.1 * (1 + np.abs(u).max()) else np.nan
