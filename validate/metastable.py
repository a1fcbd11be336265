"""Chains that end in different states, and which of these states is the equilibrium."""

from dataclasses import replace

import numpy as np

from theory.errors import InputError

from .exact import exact_at
from .simulate import count

# A chain whose mean is this many standard deviations (of one draw in one sample) off the others is elsewhere.
STRAY = 5.0
# Share of the theory's state in an exact energy above which chains elsewhere count as metastable.
DOMINANT = 0.95
# What may be spent on that sum: about a second.
MAX_TERMS = 3_000_000


def strays(run):
    """Chains that stay elsewhere than those that started in the theory's state.

    Parameters
    ----------
    run : Run

    Returns
    -------
    bool array (chains,)
    """
    if run.draws is None:
        return np.zeros(0, dtype=bool)
    means = run.draws.mean(axis=1)
    reference = run.draws[run.from_state] if run.from_state.any() else run.draws
    centre, width = reference.mean(axis=(0, 1)), reference.std(axis=(0, 1))
    return (np.abs(means - centre) > STRAY * width).any(axis=1)


def settle(model, values, runs):
    """Where chains from random starts stay in another state, find out which state dominates.

    The exact energy at the largest size that can be summed tells. If it is the theory's state, the
    other chains are metastable and no longer counted; if nothing can be summed, the runs stay as
    they are and cannot be decided.

    Returns
    -------
    runs : tuple of Run
    remark : str, what was found; empty if all chains agree
    """
    if not any((strays(run) & ~run.from_state).any() for run in runs if run.draws is not None):
        return runs, ""
    if any((strays(run) & run.from_state).any() for run in runs) or not _dominant(model, values, runs):
        return runs, ""
    remark = "chains from random starts stay in a metastable state; an exact sum shows that the theory's state dominates"
    return tuple(_without_random_starts(run, model.names) for run in runs), remark


def _without_random_starts(run, names):
    kept = run.from_state
    smaller = replace(run, draws=run.draws[kept], from_state=kept[kept])
    return count(smaller, names, kept[kept])


def _dominant(model, values, runs):
    """Whether the exact energy is that of the chains that started in the theory's state."""
    for run in reversed(runs):
        elsewhere = strays(run)
        if not elsewhere.any():
            continue
        try:
            energy = exact_at(model, values, run.size, max_terms=MAX_TERMS).energy
        except InputError:
            continue
        here, there = (run.draws[chains, :, -1].mean() for chains in (run.from_state, elsewhere))
        return (energy - there) / (here - there) > DOMINANT
    return False
