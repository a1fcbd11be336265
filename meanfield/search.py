"""The search for every fixed point of phi = <g> at one parameter point."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from . import drivers
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
    """A fixed point, its evaluation and how it was reached."""

    phi: np.ndarray
    evaluation: object
    status: Status
    residual: float
    index: int

    @classmethod
    def at(cls, system, phi, status, residual=None, probe=None):
        """Evaluate a state; `probe` is the system that judges its index, `residual` replaces the plain one."""
        evaluation = system.evaluate(phi)
        judged = evaluation if probe in (None, system) else probe.evaluate(phi)
        if residual is None:
            residual = float(np.abs(evaluation.residual).max())
        return cls(phi, evaluation, status, residual, index(judged))


@dataclass
class _Pool:
    """The fixed points found so far, one of each symmetry orbit."""

    system: object
    probe: object
    reduction: Reduction
    search: Search
    found: list = field(default_factory=list)
    failures: Counter = field(default_factory=Counter)

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

    def keep(self, phi, status, residual=None):
        """Keep a fixed point if it is new; count it as a failure if it is none."""
        if not status.converged:
            self.failures[str(status)] += 1
            return False
        # Adding zero turns -0.0 into 0.0.
        phi = self.reduction.symmetry.canonical(np.where(np.abs(phi) < ZERO, 0.0, phi)) + 0.0
        if any(self._same(phi, other.phi) for other in self.found):
            return False
        self.found.append(Found.at(self.system, phi, status, residual, self.probe))
        return True

    def _same(self, a, b):
        distance = np.abs(a - b).max()
        if distance <= SAME:
            return True
        return distance < APART and np.abs(self.system.residual((a + b) / 2)[0]).max() <= self.search.atol

    def index_sum(self):
        """Sum over all states of the index, None if it is not defined."""
        if not self.reduction.measure.bounded or any(f.index == 0 for f in self.found):
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
    pool = _Pool(system, probe_of(system), reduction, search)
    subspaces = reduction.subspaces
    for subspace in subspaces:
        if subspace.dimension == 0:
            pool.offer(subspace.centre)
        elif subspace.dimension == 1:
            _scan(pool, subspace)
    wide = [s for s in subspaces if s.dimension > 1]
    if not wide:
        return pool.found, Completeness(True, index_sum=pool.index_sum(), failures=dict(pool.failures)), reduction
    return pool.found, _rounds(pool, wide), reduction


def probe_of(system):
    """The system by which stability is judged: itself, or at T = 0 a tiny temperature that resolves kinks."""
    if system.parameters["T"] > 0:
        return system
    return at_temperature(system, 1e-8)


def at_temperature(system, T):
    """The same parameters at another temperature."""
    return system.compiled.at(**{**system.parameters, "T": T})


def polished(system, phi, atol):
    """Newton's method from phi; the iterate counts as converged by its own residual or its last step."""
    phi, code, _ = system.newton(phi)
    residual, jacobian = system.residual(phi)
    if not np.isfinite(residual).all():
        return phi, Status.NOT_FINITE
    if np.abs(residual).max() <= atol or _negligible_step(residual, jacobian):
        return phi, Status.CONVERGED
    return phi, FAILURES.get(code, Status.STALLED)


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

    def function(u):
        residuals, jacobians = residuals_at(system, subspace.centre + np.outer(u, direction))
        return residuals @ direction, np.einsum("i,bij,j->b", direction, jacobians, direction)

    for root in find_roots(function, subspace.low[0], subspace.high[0]):
        if root.jump and system.parameters["T"] == 0:
            pool.keep(_between(system, subspace, root), Status.KINK, residual=(root.above - root.below) / 2)
        else:
            phi = subspace.centre + root.at * direction
            moved = phi - system.residual(phi)[0]
            better, status = polished(system, moved, pool.search.atol)
            drifted = abs((better - phi) @ direction) > 1e-6
            pool.keep(moved if drifted else better, Status.CONVERGED if drifted else status)


def _between(system, subspace, root):
    """The point of a jump of <g> that lies on the line itself: both sides weighted so that u agrees."""
    direction = subspace.basis[:, 0]
    below, above = (subspace.centre + u * direction for u in (root.below, root.above))
    left, right = (phi - system.residual(phi)[0] for phi in (below, above))
    start, end, aim = ((x - subspace.centre) @ direction for x in (left, right, (below + above) / 2))
    return left + (right - left) * np.clip((aim - start) / (end - start), 0, 1)


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
