"""From what a solution reports back to the unknowns of its equations."""

import numpy as np

from theory.replica.overlaps import block_symbols

from .reduced import with_auxiliaries

__all__ = ["placed"]


def placed(unknowns, values):
    """The unknowns, shape (n,), from {name: value} of unknowns, overlaps, block parameters and whatever else is reported."""
    names = unknowns.system.names
    overlaps = {str(o.overlap.names[-1]) for o in unknowns.overlaps if names[o.C] not in values}
    blocks = {str(name) for name in block_symbols(len(unknowns.breaking))}
    u = unknowns.placed({n: v for n, v in values.items() if n in {*names, *overlaps, *blocks} and np.isfinite(v)})
    missing = [i for i in unknowns.auxiliaries if names[i] not in values]
    if missing:
        with np.errstate(all="ignore"):
            better = with_auxiliaries(unknowns, u)
        if better is not None:
            u[missing] = better[missing]
    return u
