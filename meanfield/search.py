"""The search for every fixed point of phi = <g> at one parameter point."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from . import drivers
from .cooling import THAWED, at_temperature, ground_state
from .reduction import Reduction
from .results import Completeness, Status
from .scan import find_roots
from .stability import index

__all__ = ["Found", "Search", "find_all"]

FAILURES = {drivers.STEP_LIMIT: Status.STEP_LIMIT, drivers.NON_FINITE: Status.NOT_FINITE}

# Solutions farther apart than this are distinct; nearer ones if the map is not the identity between them.
APART = 1e-3
SAME = 1e-9
ZERO = 1e-13
# An extrapolated limit nearer than this to a fixed point is the same.
LIMIT_SAME = 1e-6
# Temperature at which the stability of states at T = 0 is judged.
COLDEST = 1e-8
# Where the search for states at T = 0 begins, in units of the largest field.
START = 0.05


@dataclass(frozen=True)
class Search:
    """How thoroughly to search.

    Attributes
    ----------
    atol : accepted residual max |phi - <g>|
    starts : Newton starts in a subspace of k coordinates are starts * 2^k in the first round
    most : at most so many in one subspace and round
    rounds : at most so many rounds; the search ends when one finds nothing new and the index sum is 1
    """

    atol: float = 1e-11
    starts: int = 10
    most: int = 400
    rounds: int = 6


@dataclass(frozen=True, eq=False)
class Found:
    """A fixed point and what was evaluated there.

    Attributes
    ----------
    phi : order parameters (n,)
    evaluation : at phi
    judged : evaluation that decides stability; at T = 0 that of the same state at a tiny temperature
    entropy : per site
    status, residual : how well it solves the equations
    """

    phi: np.ndarray
    evaluation: object
    judged: object
    entropy: float
    status: Status
    residual: float

    @classmethod
    def at(cls, system, phi, status, residual=None, judged=None):
        """Evaluate a state of `system`; `judged` and `residual` replace what follows from phi itself."""
        evaluation = system.evaluate(phi)
        entropy = judged.entropy if judged is not None else evaluation.entropy
        if judged is None:
            judged = evaluation if system.T > 0 else probe_of(system).evaluate(phi)
        if residual is None:
            residual = float(np.abs(evaluation.residual).max())
        return cls(phi, evaluation, judged, float(entropy), status, residual)

    @property
    def index(self):
        """Sign of det(I + C e''), 0 where it is degenerate."""
        return index(self.judged)


@dataclass
class _Pool:
    """The fixed points found so far, one of each symmetry orbit."""

    system: object
    reduction: Reduction
    search: Search
    found: list = field(default_factory=list)
    failures: Counter = field(default_factory=Counter)
    resolved: bool = True
    coalesced: bool = False

    def offer(self, phi):
        """Polish a start by Newton's method and keep the fixed point if it is new."""
        phi, status = polished(self.system, phi, self.search.atol)
        return self.keep(phi, status)

    def offer_all(self, starts):
        """Newton's method from many starts; the distinct results are offered, failures counted."""
        batch = self.system.newton_all(np.asarray(starts, dtype=float))
        good = (batch.status == drivers.CONVERGED) & (batch.residual <= self.search.atol)
        for code in batch.status[~good]:
            self.failures[str(FAILURES.get(code, Status.STALLED))] += 1
        ends = self.reduction.symmetry.canonical(batch.phi[good])
        for phi in np.unique(np.round(ends, 8), axis=0, return_index=True)[1]:
            self.offer(ends[phi])

    def keep(self, phi, status, residual=None, judged=None):
        """Keep a fixed point if it is new; count it as a failure if it is none."""
        if not status.converged:
            self.failures[str(status)] += 1
            return False
        phi = self._tidied(self.reduction.symmetry.canonical(phi))
        if any(self._same(phi, other.phi) for other in self.found):
            return False
        self.found.append(Found.at(self.system, phi, status, residual, judged))
        return True

    def nearest(self, phi, status, residual, judged):
        """Position of the fixed point at a limit T -> 0, which is kept if it is new."""
        canonical = self.reduction.symmetry.canonical(phi)
        distances = [np.abs(f.phi - canonical).max() for f in self.found]
        if distances and min(distances) < LIMIT_SAME:
            return int(np.argmin(distances))
        self.keep(phi, status, residual, judged)
        return len(self.found) - 1

    def _tidied(self, phi):
        """phi with values that agree to rounding made equal, if that does not raise the residual."""
        tidy = tied(phi)
        before, after = (np.abs(self.system.residual(x)[0]).max() for x in (phi, tidy))
        return tidy if after <= max(before, self.search.atol) else phi

    def _same(self, a, b):
        distance = np.abs(a - b).max()
        if distance <= SAME:
            return True
        return distance < APART and np.abs(self.system.residual((a + b) / 2)[0]).max() <= self.search.atol

    def index_sum(self):
        """Sum over all states of the index, None if it is not defined."""
        if not self.reduction.measure.bounded or self.coalesced or any(f.index == 0 for f in self.found):
            return None
        return sum(self.reduction.symmetry.orbit_size(f.phi) * f.index for f in self.found)


def find_all(system, search=Search()):
    """Every fixed point up to symmetry, as far as the search finds them.

    Subspaces of one coordinate are scanned exhaustively. Subspaces of several are searched by Newton's
    method from starts that fill the range of <g>, and by iteration from saturated states, in rounds.

    Returns
    -------
    found : list of Found
    completeness : Completeness
    reduction : Reduction
    """
    reduction = Reduction(system)
    pool = _Pool(system, reduction, search)
    subspaces = reduction.subspaces
    for subspace in subspaces:
        if subspace.dimension == 0:
            pool.offer(subspace.centre)
        elif subspace.dimension == 1:
            _scan(pool, subspace)
    if system.T == 0:
        _freeze(pool)
    wide = [s for s in subspaces if s.dimension > 1]
    if not wide:
        return pool.found, Completeness(pool.resolved, index_sum=pool.index_sum(), failures=dict(pool.failures)), reduction
    return pool.found, _rounds(pool, wide), reduction


def probe_of(system):
    """The system by which stability is judged: itself, or at T = 0 a tiny temperature that resolves kinks."""
    return system if system.T > 0 else at_temperature(system, COLDEST)


def polished(system, phi, atol):
    """Newton's method from phi, and how it ended."""
    phi, code, _ = system.newton(phi)
    return phi, status_of(system, phi, atol, FAILURES.get(code, Status.STALLED))


def status_of(system, phi, atol, failure=Status.STALLED):
    """Whether phi solves the equations: by its residual, or by a Newton step below rounding; else `failure`."""
    residual, jacobian = system.residual(phi)
    if not np.isfinite(residual).all():
        return Status.NOT_FINITE
    solved = np.abs(residual).max() <= atol or _negligible_step(residual, jacobian)
    return Status.CONVERGED if solved else failure


def tied(phi):
    """phi with values equal in modulus up to rounding made exactly equal, and tiny ones zero."""
    order = np.argsort(np.abs(phi))
    sizes = np.abs(phi)[order]
    runs = np.split(order, np.flatnonzero(np.diff(sizes) > ZERO) + 1)
    result = np.array(phi, dtype=float)
    for run in runs:
        size = np.abs(phi[run]).mean()
        result[run] = np.sign(phi[run]) * size if size > ZERO else 0.0
    return result


def _negligible_step(residual, jacobian):
    """Whether Newton's next step is below rounding, which is all a steep map (T -> 0) allows."""
    if np.abs(residual).max() > 1e-6 or not np.isfinite(jacobian).all():
        return False
    try:
        return np.abs(np.linalg.solve(jacobian, residual)).max() <= 1e-14
    except np.linalg.LinAlgError:
        return False


def _scan(pool, subspace):
    """Offer all fixed points of a subspace of one coordinate."""
    system, direction = pool.system, subspace.basis[:, 0]
    roots, resolved = find_roots(_along(system, subspace), subspace.low[0], subspace.high[0])
    pool.resolved &= resolved
    for root in roots:
        if root.jump and system.T == 0:
            pool.keep(*_between(system, subspace, root))
        else:
            phi = _lifted(system, subspace, root.at)
            better, status = polished(system, phi, pool.search.atol)
            drifted = abs((better - phi) @ direction) > 1e-6
            pool.keep(phi, status_of(system, phi, pool.search.atol)) if drifted else pool.keep(better, status)


def _between(system, subspace, root):
    """The point of a jump of <g> that lies on the line itself: both sides weighted so that u agrees.

    Returns its order parameters, status, residual and the evaluation that judges its stability.
    """
    direction = subspace.basis[:, 0]
    below, above = (subspace.centre + u * direction for u in (root.below, root.above))
    left, right = (phi - system.residual(phi)[0] for phi in (below, above))
    start, end, aim = ((x - subspace.centre) @ direction for x in (left, right, (below + above) / 2))
    phi = left + (right - left) * np.clip((aim - start) / (end - start), 0, 1)
    return phi, Status.KINK, (root.above - root.below) / 2, _thawed(system, subspace, root.at)


def _thawed(system, subspace, u):
    """Evaluation at a tiny temperature of the solution next to a jump at u; None if there is none."""
    probe = at_temperature(system, THAWED)
    roots, _ = find_roots(_along(probe, subspace), u - 1e-3, u + 1e-3)
    if not roots:
        return None
    nearest = min((root.at for root in roots), key=lambda v: abs(v - u))
    return probe.evaluate(_lifted(probe, subspace, nearest))


def _lifted(system, subspace, u):
    """The state at the coordinate u, in which directions without influence have their values <g>."""
    direction = subspace.basis[:, 0]
    on_line = subspace.centre + u * direction
    moved = subspace.projected(on_line - system.residual(on_line)[0])
    return tied(moved + (u - direction @ (moved - subspace.centre)) * direction)


def _along(system, subspace):
    """Residual and slope along a line, as functions of an array of u."""
    direction = subspace.basis[:, 0]

    def function(u):
        residuals, jacobians = residuals_at(system, subspace.centre + np.outer(u, direction))
        return residuals @ direction, np.einsum("i,bij,j->b", direction, jacobians, direction)

    return function


def residuals_at(system, phis):
    """Residuals (B, n) and Jacobians (B, n, n) at several states."""
    if hasattr(system, "residual_many"):
        return system.residual_many(phis)
    pairs = [system.residual(phi) for phi in phis]
    return np.array([r for r, _ in pairs]), np.array([j for _, j in pairs])


def _rounds(pool, wide):
    starts = fresh = done = 0
    for done in range(1, pool.search.rounds + 1):
        known = len(pool.found)
        for subspace in wide:
            count = min(pool.search.starts * 2 ** (subspace.dimension + done - 1), pool.search.most * done)
            unit = lattice(count, subspace.dimension, skip=(2**done - 2) * count)
            starts += _try(pool, subspace.points(unit))
        starts += _try(pool, saturated(pool.reduction, 8 * done, skip=8 * done), iterate=True)
        if done > 1:
            starts += _try(pool, between_states(pool, 20 * done))
        fresh = len(pool.found) - known
        if done > 1 and not fresh and pool.index_sum() in (1, None):
            break
    return Completeness(False, starts, done, fresh, pool.index_sum(), dict(pool.failures))


def _freeze(pool):
    """Offer the limits T -> 0 of the solutions at a small temperature: the way to states on kinks."""
    warm = START * pool.reduction.field_scale
    found, _, _ = find_all(at_temperature(pool.system, warm), pool.search)
    limits = [ground_state(pool.system, state.phi, warm) for state in found]
    reached = [pool.nearest(*limit) for limit in limits if limit is not None]
    pool.coalesced = len(set(reached)) < len(reached)


def _try(pool, starts, iterate=False):
    if len(starts):
        pool.offer_all([settled(pool.system, phi) for phi in starts] if iterate else starts)
    return len(starts)


def settled(system, phi, steps=200):
    """Iterate phi -> <g> until it moves little: towards a stable state."""
    for _ in range(steps):
        change = system.residual(phi)[0]
        phi = phi - change
        if np.abs(change).max() < 1e-6:
            break
    return phi


def lattice(count, dimension, skip=0):
    """Points that fill the unit cube evenly: multiples of powers of a generalised golden ratio, (count, dimension)."""
    ratio = 2.0
    for _ in range(60):
        ratio = (1 + ratio) ** (1 / (dimension + 1))
    steps = ratio ** -np.arange(1, dimension + 1)
    return (0.5 + np.arange(skip + 1, skip + count + 1)[:, None] * steps) % 1


def saturated(reduction, count, skip=0):
    """States in which every site takes its best state in some direction."""
    n = len(reduction.model.names)
    directions = 2 * lattice(count, n, skip) - 1
    return reduction.measure.vertices(directions)


def between_states(pool, count):
    """Midpoints of images of stable states, near which saddles lie."""
    rng = np.random.default_rng(len(pool.found))
    stable = [f.phi for f in pool.found if f.index > 0]
    if not stable:
        return []
    image = lambda: pool.reduction.symmetry.image(stable[rng.integers(len(stable))], rng)
    return [(image() + image()) / 2 for _ in range(count)]
