"""Which states with a signal are no artefacts of replica symmetry: those for which the ansatz becomes valid when they are warmed.

Replica symmetric equations have solutions with a signal that are unstable against breaking or of negative entropy wherever they
exist (with couplings of three spins, between the paramagnet and the pattern).
"""

from dataclasses import dataclass

import numpy as np

from .assemble import is_valid
from .reduced import Reduced
from .unknowns import Unknowns

__all__ = ["Warmed", "becomes_valid", "lasting"]

# The lowest temperature, growth from one to the next, halvings of the growth where a state is not found, most temperatures.
COLDEST, GROWTH, HALVINGS, MOST = 1e-3, 0.15, 5, 200
# A signal that has become so small vanishes continuously; how far from the extrapolation the unknowns may be.
VANISHED, REACH = 1e-3, 0.05


@dataclass(frozen=True, eq=False)
class Warmed:
    """A solution at some temperature.

    Attributes
    ----------
    u : all unknowns
    valid : whether the ansatz is
    signs : of determinants that vanish where the solution meets another
    """

    u: np.ndarray
    valid: bool
    signs: tuple


def becomes_valid(state, T, sector, solve):
    """Whether the ansatz is valid for a state, or becomes so as the temperature rises before the state ceases to exist.

    Parameters
    ----------
    state : Warmed, at the temperature T
    solve : function (u, T) -> Warmed near u, or None
    """
    before, growth = None, GROWTH
    for _ in range(MOST):
        if state.valid or np.abs(state.u[list(sector.signals)]).max() < VANISHED:
            return True
        warmer = max(COLDEST, T * (1 + growth))
        slope = 0.0 if before is None else (state.u - before[0].u) / (T - before[1])
        found = solve(state.u + (warmer - T) * slope, warmer)
        if found is None or found.signs != state.signs or np.abs(found.u - state.u - (warmer - T) * slope).max() > REACH:
            growth /= 2
            if growth < GROWTH / 2**HALVINGS:
                return False
            continue
        before, state, T = (state, T), found, warmer
    return False


def lasting(system, sector, u):
    """The same of a solution u of a SaddleSystem; true of all without a signal that could vanish, and without temperature.

    True of states with broken symmetry as well: warmed, they end where their levels meet, in a state of less breaking.
    """
    if system.saddle.theory.steps or not (system.model.has_temperature and sector.signals and sector.spontaneous):
        return True

    def solve(v, T):
        warmer = system.saddle.at({**system.values, "T": T})
        reduced = Reduced(Unknowns(warmer), sector.lift(sector.restrict(v), warmer), sector.free)
        v, converged = reduced.solve()
        return _at(warmer, v, reduced) if converged else None

    return becomes_valid(_at(system, u, Reduced(Unknowns(system), u, sector.free)), system.T, sector, solve)


def _at(system, u, reduced):
    sign = int(np.sign(np.linalg.det(reduced.jacobian(u[reduced.free]))))
    return Warmed(u, is_valid(reduced.unknowns, system.state(u)), (sign,))
