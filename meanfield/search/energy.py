"""The energy e(phi) of a model and its derivatives as vectorised numpy functions."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from theory.symbols import symbol

from .numeric import lambdify


@dataclass(frozen=True, eq=False)
class Energy:
    """e(phi) at one parameter point, for batches phi of shape (B, n)."""

    numbers: tuple
    functions: tuple

    def __call__(self, phi):
        """e(phi), shape (B,)."""
        phi = np.atleast_2d(phi)
        return np.broadcast_to(self.functions[0](*self.numbers, *phi.T), len(phi)).astype(float)

    def gradient(self, phi):
        """de/dphi_a, shape (B, n)."""
        phi = np.atleast_2d(phi)
        columns = self.functions[1](*self.numbers, *phi.T)
        return np.stack([np.broadcast_to(np.asarray(c, dtype=float), len(phi)) for c in columns], axis=-1)

    def curvature(self, phi):
        """d2e/dphi_a dphi_b, shape (B, n, n)."""
        phi = np.atleast_2d(phi)
        columns = self.functions[2](*self.numbers, *phi.T)
        flat = np.stack([np.broadcast_to(np.asarray(c, dtype=float), len(phi)) for c in columns], axis=-1)
        return flat.reshape(len(phi), phi.shape[1], phi.shape[1])


def energy_of(model, values):
    """The energy of a model at parameter values {name: number}."""
    return Energy(tuple(values[name] for name in ("T", *model.parameters)), _functions(model))


@lru_cache(maxsize=256)
def _functions(model):
    order = list(model.order_parameters)
    arguments = [symbol(name) for name in ("T", *model.parameters)] + order
    gradient = [model.energy.diff(a) for a in order]
    curvature = [model.energy.diff(a, b) for a in order for b in order]
    return tuple(lambdify(arguments, e) for e in (model.energy, gradient, curvature))
