"""Ansatz matrices: how the overlaps of replicas are arranged."""

from dataclasses import dataclass

from sympy import sympify

from ..errors import InputError

MOST_STEPS = 12


@dataclass(frozen=True)
class KStepRSB:
    """k-step hierarchical (Parisi) matrix: overlaps q_0 <= ... <= q_k, block parameters x_1 <= ... <= x_k in (0, 1).

    Parameters
    ----------
    steps : k; 0 is replica symmetry
    x : fixed block parameters, k numbers; None makes the free energy stationary in them
    """

    steps: int
    x: tuple | None = None

    def __post_init__(self):
        if int(self.steps) != self.steps or not 0 <= self.steps <= MOST_STEPS:
            raise InputError(f"the number of steps of replica symmetry breaking must be an integer from 0 to {MOST_STEPS}: got {self.steps}")
        if self.x is not None:
            x = tuple(map(sympify, self.x))
            if len(x) != self.steps or any(v.is_number and not 0 < v <= 1 for v in x):
                raise InputError(f"fixed block parameters must be {self.steps} numbers in (0, 1]: got {self.x}")
            object.__setattr__(self, "x", x)

    @property
    def name(self):
        """As on the command line: rs, 1rsb or krsb."""
        return {0: "rs", 1: "1rsb"}.get(self.steps, "krsb")

    @property
    def title(self):
        """In words."""
        return "replica symmetry" if self.steps == 0 else f"{self.steps}-step replica symmetry breaking"


def ReplicaSymmetric():
    """All replicas alike: q_d on the diagonal, q elsewhere."""
    return KStepRSB(0)


def OneStepRSB(x=None):
    """One step of replica symmetry breaking; the block parameter x is free unless given."""
    return KStepRSB(1, None if x is None else (x,))


def ansatz_of(name, steps=None):
    """The ansatz of a command-line name (rs, 1rsb, krsb with steps), or the ansatz itself."""
    if isinstance(name, KStepRSB):
        return name
    if name is None:
        return ReplicaSymmetric()
    known = {"rs": 0, "1rsb": 1}
    if name == "krsb":
        return KStepRSB(2 if steps is None else steps)
    if name not in known:
        raise InputError(f"unknown ansatz {name!r}: choose rs, 1rsb or krsb")
    if steps is not None:
        raise InputError(f"steps belong to the ansatz krsb: {name} has {known[name]}")
    return KStepRSB(known[name])
