"""A replica theory in a plane of two parameters: its sectors, and solutions at points of the plane, compiled where possible."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from theory.errors import InputError
from theory.replica import OneStepRSB, ansatz_of

from ..codegen.saddle import check
from ..kernels import rows
from ..kernels.jit import routine
from ..kernels.systems import call_system
from .assemble import ENTROPY
from .curves import slopes_of, solved_at
from .labels import kind
from .line import BORDER, Facts, Line
from .physical import SLACK, is_collapsed, is_physical
from .saddle import saddle
from .sectors import VANISHED, at_fixed_blocks, sectors
from .solutions import theory_of
from .stability import stability
from .systems import point_of, state_kernel
from .unknowns import Unknowns
from .warming import Warmed, becomes_valid, lasting
from ..results import Stability

__all__ = ["Area", "Point"]

# Where invariance of a sector is tested, in units of the box.
GENERIC = ((0.137, 0.618), (0.618, 0.871), (0.871, 0.137))
REACH = 0.5
# Systems kept in memory.
KEPT = 1 << 15
# The number of steps, as members tell it, of one step whose block parameter is held at 1.
MARGINAL = "x = 1"


@dataclass(frozen=True, eq=False)
class Point:
    """A solution at a point of the plane.

    Attributes
    ----------
    member : the Member it belongs to
    values : (x, y)
    u : all unknowns
    free_energy, entropy, replicon : per site
    signs : of the determinants of the Jacobian's blocks: free unknowns, vanishing means, overlaps
    """

    member: object
    values: tuple
    u: np.ndarray
    free_energy: float
    entropy: float
    replicon: float
    signs: tuple


class Area:
    """A model with quenched couplings while two parameters are free, under an ansatz.

    Attributes
    ----------
    model, ranges, fixed : of the plane
    members : tuple of Member, by steps of breaking and sector
    """

    def __init__(self, model, ranges, fixed, ansatz=None, steps=None):
        ansatz = ansatz_of(ansatz, steps)
        if ansatz.x is not None:
            raise InputError("a phase diagram needs free block parameters: give the ansatz without x")
        self.model, self.ranges, self.fixed, self.ansatz = model, ranges, dict(fixed), ansatz
        self.saddles = {k: saddle(theory_of(model, ansatz_of("krsb", k))) for k in range(ansatz.steps + 1)}
        self.low, self.high = (np.array([getattr(r, end) for r in ranges]) for end in ("low", "high"))
        self.members = tuple(self._members(k, s) for k in self.saddles for s in self._sectors(k))
        self.marginal = self._marginal()

    @property
    def names(self):
        """Of the two parameters."""
        return tuple(r.name for r in self.ranges)

    @property
    def broken(self):
        """Whether the ansatz breaks replica symmetry."""
        return self.ansatz.steps > 0

    @cached_property
    def compiled(self):
        """Whether the theory's equations, replica symmetric, can be compiled."""
        try:
            check(self.saddles[0].theory)
        except InputError:
            return False
        return True

    def unit(self, values):
        return (np.asarray(values, dtype=float) - self.low) / (self.high - self.low)

    def parameters(self, values):
        """All parameter values at (x, y)."""
        return {**self.fixed, **dict(zip(self.names, map(float, values)))}

    @lru_cache(maxsize=KEPT)
    def system(self, k, values):
        """The SaddleSystem with k steps at (x, y)."""
        known = self.parameters(values)
        found = self.saddle(k)
        return found.at({name: known[name] for name in found.parameter_names})

    def saddle(self, k):
        """The Saddle with k steps, or that with the one step held at x = 1."""
        return saddle(theory_of(self.model, OneStepRSB(1))) if k == MARGINAL else self.saddles[k]

    def _marginal(self):
        """Members with x = 1, in which states appear that a paramagnet consists of."""
        if self.ansatz.steps != 1 or not self.model.has_temperature or self.fixed.get("T") == 0:
            return ()
        own = [m.sector for m in self.members if m.steps == 1]
        return tuple(GeneralMember(self, MARGINAL, s) for s in at_fixed_blocks(own, self.saddle(MARGINAL).size))

    def unknowns(self, k, values):
        """The structure of the unknowns with k steps at (x, y)."""
        return self._unknowns(k, tuple(map(float, values)))

    @lru_cache(maxsize=KEPT)
    def _unknowns(self, k, values):
        found = Unknowns(self.system(k, values))
        if all(values) and ((self.unit(values) > 0) & (self.unit(values) < 1)).all():
            # What vanishes by symmetry is the same at all generic points.
            found.__dict__["null_sets"] = self._null_sets(k)
        return found

    @lru_cache(maxsize=None)
    def _null_sets(self, k):
        return Unknowns(self.system(k, tuple(self.low + np.array(GENERIC[0]) * (self.high - self.low)))).null_sets

    def _sectors(self, k):
        """Sectors that are invariant all over the plane."""
        sets = [sectors(Unknowns(self.system(k, tuple(self.low + np.array(g) * (self.high - self.low))))) for g in GENERIC]
        return [s for s in sets[0] if all(any((s.null, s.centred) == (o.null, o.centred) for o in others) for others in sets[1:])]

    def _members(self, k, sector):
        return (CompiledMember if self.compiled and k == 0 else GeneralMember)(self, k, sector)

    def member_of(self, k, u, values):
        """The smallest sector, as a member, that contains a solution."""
        unknowns = self.unknowns(k, values)
        return next((m for m in (*self.members, *self.marginal) if m.steps == k and m.sector.contains(u, unknowns)), None)

    def section(self, name, value):
        """{steps: Line} along the other parameter."""
        r, = (r for r in self.ranges if r.name != name)
        low, high = r.low, r.high
        return {k: Line(s, r.name, low, high, {**self.fixed, name: float(value)}) for k, s in self.saddles.items()}


@dataclass(frozen=True)
class _Overlap:
    q: tuple
    C: int
    diagonal: float | None


class Member:
    """The solutions of a sector of a theory."""

    def __init__(self, area, steps, sector):
        self.area, self.steps, self.sector = area, steps, sector
        self.theory, self.names = area.saddle(steps).theory, area.saddle(steps).names

    @property
    def signal(self):
        """Whether the states carry a signal that could vanish by symmetry."""
        return bool(self.sector.signals) and self.sector.spontaneous

    @cached_property
    def glass(self):
        """Positions of what belongs to overlaps, auxiliaries included."""
        unknowns = self.unknowns(self._generic)
        return [i for i in (*unknowns.glass, *unknowns.auxiliaries) if i not in unknowns.tied]

    def stable(self, point):
        """Whether a solution is locally stable, overlaps eliminated."""
        return stability(self.unknowns(point.values), point.u) is not Stability.UNSTABLE

    def step(self, point):
        """The largest difference of successive overlaps."""
        return max(float(np.diff(q).max(initial=0.0)) for q, _ in self.unknowns(point.values).levels(point.u))

    def lasting(self, point):
        """Whether a solution with a signal is no artefact of the ansatz."""
        return self.valid(point) or lasting(self.area.system(self.steps, point.values), self.sector, point.u)

    def unknowns(self, values):
        return self.area.unknowns(self.steps, values)

    def label(self, point, replicon=None):
        """The label of a solution."""
        unknowns = self.unknowns(point.values)
        return kind(unknowns, point.u, point.replicon if replicon is None else replicon, is_collapsed(unknowns, point.u))

    def valid(self, point):
        """Whether the ansatz is stable, and the entropy of discrete sites not negative."""
        return self._valid_at(point, self.area.parameters(point.values).get("T", 1.0))

    def _valid_at(self, point, T):
        discrete = all(layer.site.kind in ("finite", "auxiliary") for layer in self.theory.layers)
        return bool(point.replicon > 0 and not (discrete and T > 0 and point.entropy < -ENTROPY))

    def inside(self, u, values):
        """Whether a point of the sector has not fallen into a smaller one, and represents its mirror images."""
        if not self.signal:
            return not self._loses_overlap or self.lowest_overlap(u, values) > VANISHED
        signals = u[list(self.sector.signals)]
        return bool((signals[0] if self._mirrored else np.abs(signals).max()) > VANISHED)

    def order(self, point):
        """What tells a state from one of more symmetry: its first signal, or its lowest overlap where that may vanish; else inf."""
        if self.signal:
            return float(np.abs(point.u[list(self.sector.signals)]).max())
        return float(self.lowest_overlap(point.u, point.values)) if self._loses_overlap else np.inf

    @cached_property
    def _loses_overlap(self):
        """Whether overlaps can vanish on the way to another member."""
        return not self.sector.centred and any(m.sector.centred and m.steps == self.steps and m.sector.null == self.sector.null
                                               for m in self.area.members)

    def lowest_overlap(self, u, values):
        """The lowest overlap."""
        T = self.area.parameters(values).get("T", 1.0)
        return min(u[o.q[0]] if o.q else o.diagonal - T * u[o.C] for o in self._structure)

    @cached_property
    def _structure(self):
        unknowns = self.unknowns(self._generic)
        return [_Overlap(o.q, o.C, unknowns.diagonal(o)) for o in unknowns.overlaps if o.kind != "auxiliary"]

    @cached_property
    def _mirrored(self):
        """Whether changing the signs of means may be a symmetry."""
        unknowns = self.unknowns(self._generic)
        return any(sign[unknowns.means.index(self.sector.signals[0])] < 0 for _, sign in unknowns.symmetry if self.sector.signals[0] in unknowns.means)

    @property
    def _generic(self):
        return tuple(self.area.low + np.array(GENERIC[0]) * (self.area.high - self.area.low))

    @lru_cache(maxsize=512)
    def _line(self, y):
        r, other = self.area.ranges
        line = Line(self.area.saddle(self.steps), r.name, r.low, r.high, {**self.area.fixed, other.name: y})
        line.__dict__["sectors"] = [m.sector for m in (*self.area.members, *self.area.marginal) if m.steps == self.steps]
        return line

    def line(self, values):
        """(Line along the first parameter, where on it) at (x, y)."""
        line = self._line(float(values[1]))
        return line, line.unit(float(values[0]))

    def residual(self, w, values):
        """The equations of the free unknowns."""
        line, t = self.line(values)
        return line.curve(self.sector)(np.append(w, t))

    def slopes(self, w, values):
        """Jacobian of the equations in the free unknowns, shape (n, n)."""
        line, t = self.line(values)
        return slopes_of(line.curve(self.sector), np.append(w, t))[:, :-1]

    def quantity(self, w, values, name):
        """A quantity of the State: "free_energy", "entropy", "replicon"."""
        line, t = self.line(values)
        return getattr(Facts.at(line, self.sector, np.append(w, t)).state, name)

    def largest_block(self, w, values):
        """The largest block parameter."""
        line, t = self.line(values)
        return Facts.at(line, self.sector, np.append(w, t)).largest_block

    def transversal(self, w, values, block):
        """Determinant of a block of the Jacobian outside the sector: of vanishing "means", or of "overlaps"."""
        system = self.area.system(self.steps, tuple(map(float, values)))
        rows = self._blocks[1 if block == "means" else 2]
        block = system.jacobian(self.sector.lift(w, system))[rows]
        return float(np.linalg.det(block)) if np.isfinite(block).all() else np.nan

    def signs(self, jacobian):
        """Signs of the determinants of the blocks of the Jacobian: free unknowns, vanishing means, overlaps."""
        return tuple(_sign(jacobian[rows]) for rows in self._blocks)

    @cached_property
    def _blocks(self):
        blocks = (self.sector.free, self.sector.null, self.glass)
        return tuple(np.ix_(list(b), list(b)) for b in blocks)


def _sign(block):
    if not block.size:
        return 1
    if len(block) == 1:
        return int(block[0, 0] > 0) - int(block[0, 0] < 0)
    if len(block) == 2:
        det = block[0, 0] * block[1, 1] - block[0, 1] * block[1, 0]
        return int(det > 0) - int(det < 0)
    return int(np.linalg.slogdet(block)[0]) if np.isfinite(block).all() else 0


@routine
def _solved(address, point, u, n, reach, out):
    """Newton's method into u, and the state there."""
    found = rows.converge(address, point, u, n, reach, out, np.empty((n, n)), np.empty(n))
    call_system(address, point, u, out)
    return found


@routine
def _evaluated(address, point, u, out):
    call_system(address, point, u, out)


class CompiledMember(Member):
    """A sector of a replica symmetric theory whose equations are compiled."""

    @cached_property
    def kernel(self):
        return state_kernel(self.theory)

    @cached_property
    def _slots(self):
        names = self.kernel.parameter_names
        return [0 if name == "T" else names.index(name) + 2 for name in self.area.names]

    @cached_property
    def _point(self):
        return point_of(self.theory, self.kernel.parameter_names, self.area.parameters(self.area.low), 0.0)

    def lasting(self, point):
        """Whether a solution with a signal is no artefact of the ansatz."""
        if not (self.signal and self.area.model.has_temperature):
            return True
        at = lambda p, T: Warmed(p.u, self._valid_at(p, T), p.signs)

        def solve(u, T):
            found = self.solve(u, point.values, T)
            return at(found, T) if found is not None else None

        T = self.area.parameters(point.values)["T"]
        return becomes_valid(at(point, T), T, self.sector, solve)

    def point(self, values, T=None):
        """The kernel's point, at another temperature where that is given."""
        point = self._point.copy()
        for slot, value in zip(self._slots, values):
            point[slot] = value
        point[0] = max(point[0] if T is None else T, 1e-150)
        point[1] = 1 / point[0]
        return point

    def solve(self, u, values, T=None):
        """The Point that Newton's method reaches, at another temperature where that is given; or None."""
        u, point = np.array(u, dtype=float), self.point(values, T)
        u[list(self.sector.null)] = 0.0
        for position, total in self.sector.responses:
            if point[0] < 1e-100:
                return None
            u[position] = total / point[0]
        n = self.kernel.size
        out = np.empty(n + n * n + self.kernel.recorded)
        if not self.sector.responses or len(self.sector.free):
            if not _solved(self.kernel.address, point, u, n, REACH, out):
                return None
        else:
            _evaluated(self.kernel.address, point, u, out)
        return self._assembled(u, values, out, point[0])

    def evaluate(self, u, values):
        """The Point at unknowns u, whether they solve the equations or not."""
        point, n = self.point(values), self.kernel.size
        out = np.empty(n + n * n + self.kernel.recorded)
        u = np.ascontiguousarray(u, dtype=float)
        _evaluated(self.kernel.address, point, u, out)
        return self._assembled(u, values, out, point[0])

    def _assembled(self, u, values, out, T):
        n, k = self.kernel.size, self.kernel.overlaps
        jacobian, rest = out[n : n + n * n].reshape(n, n), out[n + n * n :]
        if np.abs(u[list(self.sector.null)]).max(initial=0.0) > VANISHED:
            return None
        if not (np.isfinite(u).all() and np.isfinite(rest[:2]).all() and self.inside(u, values) and self._physical(u, T)):
            return None
        matrix = rest[2:].reshape(k, k)
        replicon = matrix[0, 0] if k == 1 else np.linalg.eigvals(matrix).real.min() if np.isfinite(matrix).all() else np.nan
        lowest = float(replicon / T) if T > 1e-100 else -np.inf if replicon < 0 else np.inf
        return Point(self, tuple(map(float, values)), u, float(rest[0]), float(rest[1]), lowest, self.signs(jacobian))

    def _physical(self, u, T):
        return all(u[o.C] >= -SLACK and (o.diagonal is None or T * u[o.C] <= o.diagonal + SLACK) for o in self._structure)


class GeneralMember(Member):
    """A sector of any theory, solved by Newton's method with difference Jacobians."""

    def solve(self, u, values):
        """The Point that Newton's method reaches, or None."""
        x, y = map(float, values)
        line = self._line(y)
        t, curve = line.unit(x), line.curve(self.sector)
        start = self.sector.restrict(u)
        try:
            w = solved_at(curve, start, t)
        except (ValueError, ZeroDivisionError, OverflowError):
            return None
        if w is None or np.abs((w - start) / (1 + np.abs(start))).max(initial=0.0) > REACH:
            return None
        return self._at(line, w, t, (x, y))

    def evaluate(self, u, values):
        """The Point at unknowns u, whether they solve the equations or not."""
        line, t = self.line(values)
        return self._at(line, self.sector.restrict(u), t, tuple(map(float, values)))

    def _at(self, line, w, t, values):
        facts = Facts.at(line, self.sector, np.append(w, t))
        u, unknowns = facts.unknowns, self.unknowns(values)
        if not np.isfinite(u).all() or not is_physical(unknowns, u) or not self.inside(u, values) or is_collapsed(unknowns, u) or self._at_border(unknowns, u):
            return None
        state = facts.state
        if not np.isfinite(state.free_energy):
            return None
        return Point(self, values, u, state.free_energy, state.entropy, state.replicon, self.signs(facts.system.jacobian(u)))

    def _at_border(self, unknowns, u):
        return self.theory.channel is not None and any(u[o.C] < BORDER for o in unknowns.overlaps)
