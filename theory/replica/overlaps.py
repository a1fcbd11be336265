"""The overlap of one site variable between replicas, in variables that stay regular at T = 0.

With C = beta (q_d - q_k) and D_i = beta x_i everything has a limit as T -> 0; q_k = q_d - T C and x_i = T D_i are read off.
"""

import re
from dataclasses import dataclass, field
from functools import cached_property

from sympy import Expr

from ..symbols import T, symbol


def free_symbol(name, taken):
    """The symbol of a name, with underscores after it where a model's own names, `taken`, contain it."""
    while name in taken:
        name += "_"
    return symbol(name)


def breaking_symbols(steps, taken=frozenset()):
    """D_1..D_k (D if k = 1): inverse temperature times the block parameters."""
    return (free_symbol("D", taken),) if steps == 1 else tuple(free_symbol(f"D{i}", taken) for i in range(1, steps + 1))


def block_symbols(steps):
    """x_1..x_k (x if k = 1): the block parameters."""
    return (symbol("x"),) if steps == 1 else tuple(symbol(f"x{i}") for i in range(1, steps + 1))


def is_taken(name, overlaps):
    """Whether a replica theory with these overlaps (names) uses a name itself: overlaps, block parameters, conjugate fields.

    Responses C, D = beta x and a teacher's overlap R make way for a model's own names.
    """
    own = "|".join(map(re.escape, overlaps))
    return re.fullmatch(rf"({own})(\d+|_d)?|C(_({own}))?_free|x\d*|[av]_({own})\d*|M\d+_squared|M_curvature|M_teacher", name) is not None


@dataclass(frozen=True)
class Overlap:
    """The hierarchical overlap matrix of one site variable.

    Attributes
    ----------
    symbol : name of the overlap as the couplings use it
    variable : site variable
    layer : index of its layer
    diagonal : q_d, where every state has the same square (or a spherical constraint holds); None makes q_d an unknown
    steps : k
    suffix : appended to C where a model has several overlaps
    temperature : whether the model has one; without, T = 1
    taken : names of the model's own
    """

    symbol: object
    variable: object
    layer: int
    diagonal: Expr | None
    steps: int
    suffix: str = ""
    temperature: bool = True
    taken: frozenset = field(default=frozenset(), repr=False)

    @cached_property
    def names(self):
        """Symbols q_0..q_k (q if k = 0)."""
        return (self.symbol,) if self.steps == 0 else tuple(symbol(f"{self.symbol}{i}") for i in range(self.steps + 1))

    @cached_property
    def C(self):
        """Symbol of beta (q_d - q_k), the response."""
        return free_symbol(f"C{self.suffix}", self.taken)

    @property
    def T(self):
        """The temperature, 1 in models without."""
        return T if self.temperature else 1

    @cached_property
    def values(self):
        """q_0..q_k in the unknowns."""
        if self.diagonal is None:
            return self.names
        return (*self.names[:-1], self.diagonal - self.T * self.C)

    @cached_property
    def total(self):
        """q_d in the unknowns."""
        return self.diagonal if self.diagonal is not None else self.names[-1] + self.T * self.C

    @cached_property
    def unknowns(self):
        """The symbols to solve for: q_0..q_(k-1), q_k where q_d is free, C."""
        return (*self.names[: self.steps], *((self.names[-1],) if self.diagonal is None else ()), self.C)

    def eigenvalues(self, D):
        """y_i = beta lambda_i for i = 1..k+1: y_(k+1) = C, y_i = y_(i+1) + D_i (q_i - q_(i-1))."""
        y = [self.C]
        for i in range(self.steps, 0, -1):
            y.append(y[-1] + D[i - 1] * (self.values[i] - self.values[i - 1]))
        return tuple(reversed(y))
