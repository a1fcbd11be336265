"""Numbers for layers trained in the spectral domain: adjacency matrices, shares that eigenvalues reach, random labels, pruning.

All formulas come from `theory.learning.spectral`, where they are derived and checked, and Cover's count from
`theory.learning.separability`.
"""

from functools import cache

import numpy as np
import sympy
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import binom

from theory.errors import InputError
from theory.learning.separability import separable_probability
from theory.learning.spectral import N1, N2, cut, derive_spectral, element, source, target

__all__ = ["adjacency", "eigenvectors_of", "learned_probability", "lost_share", "missed_share", "pruning_cost", "weights"]

# Half-width of the range of quadrature, in standard deviations.
RANGE = 10.0


def weights(inputs, outputs, block):
    """Weights w_ij of a layer, from its eigenvalues and eigenvectors.

    Parameters
    ----------
    inputs : array (..., N1), eigenvalues lambda_j of the input nodes
    outputs : array (..., N2), eigenvalues lambda_i of the output nodes
    block : array (N2, N1), phi_ij

    Returns
    -------
    array (..., N2, N1); torch tensors give a tensor
    """
    return _compiled("weight", source, target, element)(inputs[..., None, :], outputs[..., :, None], block)


def adjacency(inputs, outputs, block):
    """The adjacency matrix A of the layer's graph, array (N1 + N2, N1 + N2): weights, and eigenvalues on the diagonal."""
    inputs, outputs = (np.asarray(values, dtype=float) for values in (inputs, outputs))
    matrix = np.diag(np.concatenate([inputs, outputs]))
    matrix[len(inputs):, :len(inputs)] = weights(inputs, outputs, np.asarray(block, dtype=float))
    return matrix


def eigenvectors_of(direct, inputs, outputs):
    """The block phi, array (N2, N1), with which these eigenvalues give these weights.

    Raises
    ------
    InputError
        Where an input and an output have the same eigenvalue and a weight between them that does not vanish.
    """
    direct, inputs, outputs = (np.asarray(values, dtype=float) for values in (direct, inputs, outputs))
    equal = (inputs[None, :] == outputs[:, None]) & (direct != 0)
    if equal.any():
        raise InputError(f"{equal.sum()} weights join nodes of equal eigenvalues, where the layer has no links: make them "
                         f"distinct")
    first, *_ = derive_spectral()["element"].free_symbols - {source, target}
    with np.errstate(invalid="ignore"):
        found = _compiled("element", first, source, target)(direct, inputs[None, :], outputs[:, None])
    return np.where(direct == 0, 0.0, found)


def missed_share(inputs, outputs, trained="all"):
    """Mean share of the squared error of a random linear task that eigenvalues cannot reach, exact at any size.

    Parameters
    ----------
    inputs, outputs : numbers of nodes N1, N2
    trained : "all" eigenvalues, or those of the "inputs"
    """
    if trained not in ("all", "inputs"):
        raise InputError(f"trained = {trained!r}: expected 'all' or 'inputs'")
    return float(_compiled("missed" if trained == "all" else "missed_inputs", N1, N2)(inputs, outputs))


def learned_probability(patterns, inputs, outputs):
    """Probability that the inputs' eigenvalues can learn random labels of all outputs on random patterns, exact at any size."""
    return float(separable_probability(patterns * outputs, inputs))


def lost_share(removed):
    """Share of the explained variance lost with a share of the nodes, those of smallest eigenvalues, in infinitely large
    layers."""
    if not 0 <= removed <= 1:
        raise InputError(f"share of removed nodes {removed}: expected a number between 0 and 1")
    if removed in (0, 1):
        return float(removed)
    share, lost = _compiled("removed", cut), _compiled("lost", cut)
    return float(lost(brentq(lambda a: float(share(a)) - removed, 1e-12, RANGE, xtol=1e-14)))


def pruning_cost(removed, inputs):
    """Mean share of the explained variance lost with so many of N1 nodes, those of smallest eigenvalues, exact at any size.

    The eigenvalue of a node is among the `removed` smallest if fewer than that of the N1 - 1 others are smaller.

    Parameters
    ----------
    removed : number of nodes, 0 to N1
    inputs : N1

    Returns
    -------
    float
    """
    if removed != int(removed) or not 0 <= removed <= inputs:
        raise InputError(f"removed nodes {removed}: expected an integer between 0 and {inputs}")
    share, density = _compiled("removed", cut), _compiled("lost", cut, slope_in=cut)

    def integrand(modulus):
        return binom.cdf(removed - 1, inputs - 1, np.clip(share(modulus), 0, 1)) * density(modulus)

    return float(quad(integrand, 0.0, RANGE, epsabs=1e-12, limit=400)[0])


@cache
def _compiled(name, *arguments, slope_in=None):
    from scipy.special import erf

    result = derive_spectral().results[name]
    return sympy.lambdify(arguments, result if slope_in is None else result.diff(slope_in), [{"erf": erf}, "numpy"])
