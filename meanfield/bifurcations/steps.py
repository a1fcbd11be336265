"""Step lengths and tolerances that every continuation has."""

from dataclasses import dataclass

__all__ = ["Steps"]


@dataclass(frozen=True)
class Steps:
    """Step lengths and tolerances of a continuation; lengths in units of its variables and of the parameters' ranges.

    Attributes
    ----------
    atol : largest residual of an accepted point
    first, largest, smallest : step lengths
    turn : smallest cosine between successive tangents
    steps : largest number of steps in one direction
    """

    atol: float
    first: float
    largest: float
    smallest: float
    turn: float
    steps: int
