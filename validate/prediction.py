"""What a theory predicts for samples of finite systems, and the alignment of samples with its state."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

MAX_IMAGES = 20_000
SAME = 1e-7


@dataclass(frozen=True, eq=False)
class Prediction:
    """The equilibrium state of a theory at one parameter point.

    Attributes
    ----------
    model : theory.Model
    values : {name: float}, at which the theory was solved
    solution : meanfield.Solution
    state : array (n,), order parameters
    covariance : array (n, n), N times the thermal covariance of the order parameters, T chi
    symmetry : group of the theory (`meanfield.search.symmetry`)
    """

    model: object
    values: dict
    solution: object
    state: np.ndarray
    covariance: np.ndarray
    symmetry: object

    @property
    def symmetric(self):
        """Whether the state breaks no symmetry of a theory that has one."""
        return self.symmetry.order > 1 and self.symmetry.orbit_size(self.state) == 1

    @cached_property
    def images(self):
        """(permutations, signs), arrays (K, n): operations that make the K states of the orbit from `state`.

        The state itself comes first.
        """
        return orbit(self.symmetry, self.state)

    @cached_property
    def separation(self):
        """Half the distance to the nearest other state of the orbit, over its thermal width for one site.

        Multiply by sqrt(N) for standard deviations; infinite where there is no other state.
        """
        permutations, signs = self.images
        others = (signs * self.state[permutations])[1:] - self.state
        distances = (others**2).sum(axis=1)
        widths = np.einsum("ka,ab,kb->k", others, self.covariance, others) / distances
        if not np.isfinite(widths).all():
            return 0.0
        return float(np.min(np.sqrt(distances / np.maximum(widths, 1e-300)) / 2, initial=np.inf))

    def align(self, phi):
        """Map every sample by the operation that takes the nearest state of the orbit to the theory's state.

        Only whole states of the orbit are told apart: an operation that leaves the state as it is
        is never applied, so that order parameters which vanish keep both signs.

        Parameters
        ----------
        phi : array (..., n)
        """
        permutations, signs = self.images
        if len(signs) == 1:
            return phi
        flat = phi.reshape(-1, phi.shape[-1])
        nearest = (flat @ (signs * self.state[permutations]).T).argmax(axis=1)
        aligned = np.empty_like(flat)
        np.put_along_axis(aligned, permutations[nearest], signs[nearest] * flat, axis=1)
        return aligned.reshape(phi.shape)


def predict(model, values):
    """Solve the theory of a model and gather what simulations are compared with.

    Parameters
    ----------
    model : theory.Model
    values : {name: float}

    Returns
    -------
    Prediction, or None where no solution was found
    """
    from meanfield.kernels.compiled import compile
    from meanfield.solutions import solutions_at
    from meanfield.search.symmetry import symmetry

    system = compile(model).at(**values)
    solution = solutions_at(system).equilibrium
    if solution is None or not solution.converged:
        return None
    state = solution.values
    chi = _susceptibility(system.evaluate(state))
    return Prediction(model, dict(values), solution, state, values["T"] * chi, symmetry(system))


def _susceptibility(evaluation):
    """chi = (I + C e'')^-1 C, infinite at a critical point."""
    try:
        return np.linalg.solve(evaluation.jacobian, evaluation.response)
    except np.linalg.LinAlgError:
        return np.full_like(evaluation.response, np.inf)


def orbit(symmetry, state):
    """One operation for each distinct image of a state under a group, the identity first."""
    from meanfield.search.symmetry import compose

    identity = (tuple(range(len(state))), (1,) * len(state))
    found = {_key(state): identity}
    frontier = [identity]
    while frontier and len(found) < MAX_IMAGES:
        reached = []
        for operation in frontier:
            for generator in symmetry.generators:
                new = compose(generator, operation)
                key = _key(np.array(new[1]) * state[list(new[0])])
                if key not in found:
                    found[key] = new
                    reached.append(new)
        frontier = reached
    permutations, signs = zip(*found.values())
    return np.array(permutations), np.array(signs, dtype=float)


def _key(phi):
    return tuple(np.round(phi / SAME).astype(np.int64))
