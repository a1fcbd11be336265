"""Invariant subspaces of the self-consistency equations: states without signal, without the lowest overlap, paramagnets.

In each some unknowns are held, because their equations are satisfied identically; the others are solved for.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

__all__ = ["Sector", "at_fixed_blocks", "sectors"]

# What counts as a vanishing mean or overlap.
VANISHED = 1e-6


@dataclass(frozen=True, eq=False)
class Sector:
    """A subspace of the unknowns.

    Attributes
    ----------
    size : number of all unknowns
    free : positions of the unknowns that are solved for
    null : positions of the means that vanish
    signals : positions of the other means, and of a teacher's overlap
    centred : whether the lowest overlaps vanish
    spontaneous : whether the signals could vanish by symmetry
    matched : ((position of R, position of C, q_d),) where student and teacher are alike: R = q on the Nishimori line
    steps : of replica symmetry breaking
    responses : ((position of C, q_d), ...) of replica symmetric paramagnets, where C = q_d/T
    """

    size: int
    free: tuple
    null: tuple
    signals: tuple
    centred: bool = False
    responses: tuple = ()
    steps: int = 0
    spontaneous: bool = False
    matched: tuple = ()

    def lift(self, w, system):
        """All unknowns from the free ones, at a parameter point."""
        u = np.zeros(self.size)
        u[list(self.free)] = w
        for teacher, response, total in self.matched:
            u[teacher] = total - u[response]
        for position, total in self.responses:
            u[position] = total / system.T if system.T > 0 else math.inf
        return u

    def restrict(self, u):
        """The free unknowns."""
        return np.asarray(u, dtype=float)[list(self.free)]

    @property
    def paramagnetic(self):
        """Whether nothing is ordered, in replica symmetry."""
        return self.centred and not self.steps

    def contains(self, u, unknowns):
        """Whether a solution lies in the sector."""
        if any(abs(u[i]) > VANISHED for i in self.null):
            return False
        return not self.centred or max(abs(levels[0]) for levels, _ in unknowns.levels(u)) <= VANISHED


def at_fixed_blocks(found, size):
    """The sectors of a theory once its block parameters, the last of the unknowns, are fixed; `size` of them are left."""
    return [replace(s, size=size, free=tuple(i for i in s.free if i < size)) for s in found]


def sectors(unknowns):
    """The invariant sectors of a theory, the smallest first; `unknowns` are the Unknowns at a generic parameter point."""
    found, largest = [], max(map(len, unknowns.null_sets))
    for null in unknowns.null_sets:
        signals = tuple(i for i in (*unknowns.means, *unknowns.teacher) if i not in null)
        if not signals and unknowns.system.T > 0 and unknowns.lowest_can_vanish(null):
            found.append(_centred(unknowns, null))
        spontaneous = bool(signals) and largest > len(null)
        found.append(Sector(unknowns.size, _without(unknowns, null), null, signals, spontaneous=spontaneous))
    return [_on_nishimori_line(s, unknowns) for s in found] if unknowns.system.theory.matched else found


def _on_nishimori_line(sector, unknowns):
    """The sector in which a student's overlap with a teacher of its own kind equals that with another student."""
    (teacher,), (o,) = unknowns.teacher, unknowns.overlaps
    free = tuple(i for i in sector.free if i != teacher)
    return replace(sector, free=free, matched=((teacher, o.C, unknowns.diagonal(o)),))


def _without(unknowns, held):
    return tuple(i for i in range(unknowns.size) if i not in held)


def _centred(unknowns, null):
    """The sector whose lowest overlaps vanish too."""
    held, responses = list(null), []
    for o in unknowns.overlaps:
        if o.q:
            held.append(o.q[0])
        else:
            held.append(o.C)
            responses.append((o.C, unknowns.diagonal(o)))
    return Sector(unknowns.size, _without(unknowns, held), null, (), True, tuple(responses), unknowns.system.theory.steps)
