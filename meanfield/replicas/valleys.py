"""Which of the states without a signal is the equilibrium: glass overlaps raise the free energy, mean squares lower it."""

__all__ = ["free_squares", "highest_of_valleys"]

# States whose mean squares differ by less, relatively, belong to one valley.
ALIKE = 0.1


def free_squares(theory, u, T):
    """The mean squares q_d of spins of several lengths at the unknowns u; empty where q_d is fixed."""
    values = dict(zip(theory.unknowns, u))
    free = [o for o in theory.overlaps if o.diagonal is None and theory.layers[o.layer].site.kind == "finite"]
    return tuple(float(values[o.names[-1]] + T * values[o.C]) for o in free)


def highest_of_valleys(states, energy, squares):
    """The state of highest free energy of each valley: overlaps maximise it at given mean squares, over which it is minimal.

    Parameters
    ----------
    energy, squares : functions of a state
    """
    valleys = []
    for state in states:
        own = squares(state)
        valley = next((v for v in valleys if _alike(squares(v[0]), own)), None)
        if valley is None:
            valleys.append([state])
        else:
            valley.append(state)
    return [max(valley, key=energy) for valley in valleys]


def _alike(a, b):
    return all(abs(x - y) <= ALIKE * max(abs(x), abs(y)) for x, y in zip(a, b))
