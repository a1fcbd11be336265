"""The search for every fixed point of phi = <g> at one parameter point."""

from dataclasses import dataclass

import numpy as np

from .cooling import at_temperature, ground_state
from .rays import scan_line
from .pool import Pool
from .reduction import Reduction
from ..results import Completeness
from .starts import between_states, lattice, saturated, settled

__all__ = ["Search", "find_all"]

# Where the search for states at T = 0 begins, in units of the largest field; the next if a state is missing.
WARM = (0.05, 0.005, 0.0005)
# At most so many starts in all, however cheap.
MOST_STARTS = 20_000


@dataclass(frozen=True)
class Search:
    """How thoroughly to search.

    Attributes
    ----------
    atol : accepted residual max |phi - <g>|
    starts : Newton starts in a subspace of k coordinates are starts * 2^k in the first round
    most : at most so many in one subspace and round
    rounds : at most so many rounds; the search ends when one finds nothing new and the index sum is 1
    work : no further round once starts times entries of the site's table exceed this
    """

    atol: float = 1e-11
    starts: int = 10
    most: int = 400
    rounds: int = 6
    work: float = 2e7


def find_all(system, search=Search()):
    """Every fixed point up to symmetry, as far as the search finds them.

    Subspaces of one coordinate are scanned exhaustively. Subspaces of several are searched by Newton's
    method from starts that fill the range of <g>, and by iteration from saturated states, in rounds. At
    T = 0 the limits of the solutions at a small temperature join them.

    Returns
    -------
    found : list of FixedPoint
    completeness : Completeness
    reduction : Reduction
    """
    reduction = Reduction(system)
    pool = Pool(reduction, search.atol)
    for subspace in reduction.subspaces:
        if subspace.dimension == 0:
            pool.offer(subspace.centre)
        elif subspace.dimension == 1:
            scan_line(pool, subspace)
    if system.T == 0:
        _freeze(pool, search)
    wide = [s for s in reduction.subspaces if s.dimension > 1]
    starts, rounds, fresh = _rounds(pool, wide, search) if wide else (0, 0, 0)
    exhaustive = not wide and pool.resolved and reduction.measure.bounded
    completeness = Completeness(exhaustive, starts, rounds, fresh, pool.index_sum(), dict(pool.failures))
    return pool.found, completeness, reduction


def _freeze(pool, search):
    """Keep the limits T -> 0 of the solutions at small temperatures: the way to states on kinks."""
    unit = pool.reduction.field_scale
    for warm in WARM:
        found, _, _ = find_all(at_temperature(pool.system, warm * unit), search)
        limits = [ground_state(pool.system, state.phi, warm * unit, unit) for state in found]
        reached = [pool.keep_limit(*limit) for limit in limits if limit is not None]
        pool.coalesced = len(set(reached)) < len(reached)
        if pool.index_sum() in (1, None):
            break


def _rounds(pool, wide, search):
    """Rounds of starts in the subspaces of several coordinates: (starts, rounds, found in the last)."""
    starts = 0
    limit = int(np.clip(search.work / pool.reduction.measure.one_body.size, 1000, MOST_STARTS))
    share = max(8, limit // (3 * len(wide)))
    for done in range(1, search.rounds + 1):
        known = len(pool.found)
        for batch in _batches(pool, wide, search, done, share):
            pool.offer_all(batch)
            starts += len(batch)
        fresh = len(pool.found) - known
        finished = done > 1 and not fresh and pool.index_sum() in (1, None)
        if finished or starts > limit:
            break
    return starts, done, fresh


def _batches(pool, wide, search, done, share):
    """The starts of one round, more of them in each."""
    for subspace in wide:
        count = min(search.starts * 2 ** (subspace.dimension + done - 1), search.most * done, share)
        yield subspace.points(lattice(count, subspace.dimension, skip=(2**done - 2) * count))
    corners = saturated(pool.reduction, 8 * done, skip=8 * done)
    yield np.array([settled(pool.system, phi) for phi in corners])
    stable = [f.phi for f in pool.found if f.index > 0]
    if done > 1 and stable:
        yield between_states(pool.reduction.symmetry, stable, 20 * done, seed=done)
