"""The range of a parameter that a protocol runs along."""

import numpy as np

from theory.errors import InputError

__all__ = ["sampled"]


def sampled(along, points, least):
    """The name and the values of {name: (low, high)} or {name: (low, high, points)}.

    Parameters
    ----------
    points : number of values where none is given
    least : the smallest number that serves

    Raises
    ------
    InputError
        For another form, low >= high, or too few points.
    """
    try:
        ((name, limits),) = along.items()
        low, high, count = (*limits, points)[:3]
        if not low < high or not count >= least:
            raise ValueError
    except (AttributeError, TypeError, ValueError):
        raise InputError(f"along must be {{name: (low, high)}} with low < high, or with at least {least} points: got {along!r}") from None
    return name, np.linspace(low, high, int(count))
