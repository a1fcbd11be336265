"""Hebbian networks taught by few examples: built-in models with the law of the examples' mean in place of a Gaussian."""

from dataclasses import dataclass, replace
from math import comb

import numpy as np

from theory.disorder import FiniteDistribution
from theory.errors import InputError
from theory.model import Parameter
from theory.symbols import symbols

from ..solve import solve

__all__ = ["ExampleLaw", "example_law", "retrieval", "with_few_examples"]

# Points of a Gauss rule: they give overlaps at T = 0.2 to 1e-4, of 50 examples or of 10.
POINTS = 8


@dataclass(frozen=True)
class ExampleLaw:
    """The mean of M examples of a pattern's entry, standardised: values with their probabilities, arrays (POINTS,).

    An example is the entry with probability (1 + r)/2 and its opposite otherwise; the mean is the entry times
    r (1 + sqrt(rho) Z) with rho = (1 - r^2)/(M r^2), and Z is the variable described here.
    """

    values: np.ndarray
    probabilities: np.ndarray


def example_law(r, M, points=POINTS):
    """The law of Z as a Gauss rule, exact for polynomials of degree 2 points - 1 and altogether where M < points.

    G. H. Golub, J. H. Welsch, Math. Comp. 23, 221 (1969).

    Parameters
    ----------
    r : quality of the examples, between 0 and 1
    M : number of examples
    """
    if not 0 < r < 1 or M != int(M) or M < 1:
        raise InputError(f"examples need a quality r between 0 and 1 and a number M of at least 1: got r = {r}, M = {M}")
    right, M = (1 + r) / 2, int(M)
    atoms = (2 * np.arange(M + 1) - M - M * r) / np.sqrt(M * (1 - r**2))
    weights = np.array([comb(M, k) * right**k * (1 - right) ** (M - k) for k in range(M + 1)])
    if M < points:
        return ExampleLaw(np.pad(atoms, (0, points - M - 1)), np.pad(weights, (0, points - M - 1)))
    values, vectors = np.linalg.eigh(_recurrence(atoms, weights, points))
    return ExampleLaw(values, vectors[0] ** 2)


def _recurrence(atoms, weights, points):
    """The tridiagonal matrix of the polynomials orthogonal under these weights, by Lanczos steps with reorthogonalisation."""
    basis = [np.sqrt(weights / weights.sum())]
    diagonal, off = [], []
    for _ in range(points):
        ahead = atoms * basis[-1]
        diagonal.append(ahead @ basis[-1])
        for _ in range(2):
            ahead = ahead - sum((ahead @ b) * b for b in basis)
        off.append(np.linalg.norm(ahead))
        basis.append(ahead / off[-1])
    return np.diag(diagonal) + np.diag(off[:-1], 1) + np.diag(off[:-1], -1)


def with_few_examples(model, points=POINTS):
    """The model with a finite distribution in place of its Gaussian Z, of values z0, z1, ... and probabilities w0, w1, ...

    Raises
    ------
    InputError
        Where the model has no disorder Z of this kind.
    """
    Z, = symbols("Z")
    if Z not in model.disorder:
        found = ", ".join(map(str, model.disorder)) or "none"
        raise InputError(f"{model.name}: expected a model of noisy examples, with a disorder Z: the disorder is {found}")
    values, probabilities = (tuple(symbols(" ".join(f"{letter}{k}" for k in range(points)))) for letter in "zw")
    defaults = (*zip(values, np.linspace(-2, 2, points)), *((w, 1 / points) for w in probabilities))
    extra = {x: Parameter(str(x), value) for x, value in defaults}
    declared = {symbols(name)[0]: parameter for name, parameter in model.parameters.items()}
    disorder = {**model.disorder, Z: FiniteDistribution(values, probabilities)}
    return replace(model, disorder=disorder, parameters={**declared, **extra}, name=f"{model.name}, few examples")


def retrieval(model, *, T, r, M, start=None, **parameters):
    """The retrieval state of a network taught by M examples of quality r: the solution next to the pattern, stable or metastable.

    Parameters
    ----------
    model : a model of noisy examples with the parameters r and M, the Gaussian one or from `with_few_examples`
    T : temperature, k_B = 1, positive

    Returns
    -------
    Solution
    """
    law = {}
    if "z0" in model.parameters:
        found = example_law(r, M)
        law = {f"z{k}": v for k, v in enumerate(found.values)} | {f"w{k}": p for k, p in enumerate(found.probabilities)}
    return solve(model, T=T, r=r, M=M, start=start or {"n": 1.0, "C": 0.1}, **law, **parameters)
