"""Where to start Newton's method in subspaces of several coordinates."""

import numpy as np

__all__ = ["between_states", "lattice", "saturated", "settled"]


def lattice(count, dimension, skip=0):
    """Points that fill the unit cube evenly: multiples of powers of a generalised golden ratio, (count, dimension)."""
    ratio = 2.0
    for _ in range(60):
        ratio = (1 + ratio) ** (1 / (dimension + 1))
    steps = ratio ** -np.arange(1, dimension + 1)
    return (0.5 + np.arange(skip + 1, skip + count + 1)[:, None] * steps) % 1


def saturated(reduction, count, skip=0):
    """States in which every site takes its best state in some direction, (count, n)."""
    directions = 2 * lattice(count, len(reduction.model.names), skip) - 1
    return reduction.measure.vertices(directions)


def settled(system, phi, steps=60):
    """Iterate phi -> <g> until it moves little: towards a stable state."""
    for _ in range(steps):
        change = system.residual(phi)[0]
        phi = phi - change
        if np.abs(change).max() < 1e-4:
            break
    return phi


def between_states(symmetry, states, count, seed):
    """Midpoints of images of the given states, near which saddles lie; at most (count, n)."""
    rng = np.random.default_rng(seed)
    image = lambda: symmetry.image(states[rng.integers(len(states))], rng)
    return np.array([(image() + image()) / 2 for _ in range(count if states else 0)])
