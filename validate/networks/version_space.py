"""All weights that a perceptron's examples allow: counted, sampled, bounded by linear programs, and their centre found.

Rows of `examples` are inputs times labels, so that weights w agree with all labels where every entry of examples @ w is positive.
"""

import numpy as np

from .running import import_torch

__all__ = ["ascend_margin", "gibbs_sweep", "largest_margin", "separable", "storable", "taught", "version_space"]

# Above the tolerance of the linear programs; inputs are of order 1.
SEPARATED = 1e-6


def taught(inputs, teacher):
    """Inputs, tensor (..., P, N), times the labels that a teacher (..., N) gives them."""
    torch = import_torch()
    return inputs * torch.sign(inputs @ teacher[..., None])


def version_space(examples, teacher):
    """Overlaps with the teacher of all binary weights that agree with the examples, array (weights,), and their mean, array (N,).

    Parameters
    ----------
    examples : array (P, N); N up to about 24, since all 2^N weights are looked at
    teacher : array (N,) of +-1
    """
    left, right = _halves(examples.shape[1])
    n = left.shape[1]
    *_, (i, j) = _agreeing(examples, left, right)
    overlaps = ((left @ teacher[:n])[i] + (right @ teacher[n:])[j]) / len(teacher)
    mean = np.concatenate([np.bincount(k, minlength=len(half)) @ half for k, half in ((i, left), (j, right))]) / len(i)
    return overlaps, mean


def storable(patterns):
    """How many of the patterns, array (P, N), taken in order, some binary weights give positive fields; P if they do all."""
    for stored, (i, _) in enumerate(_agreeing(patterns, *_halves(patterns.shape[1]))):
        if not len(i):
            return stored
    return len(patterns)


def _agreeing(examples, left, right):
    """The weights, as indices of their left and right halves, that agree with the first example, the first two, and so on."""
    n = left.shape[1]
    i, j = np.nonzero((left @ examples[0, :n])[:, None] + right @ examples[0, n:] > 0)
    yield i, j
    for example in examples[1:]:
        kept = (left @ example[:n])[i] + (right @ example[n:])[j] > 0
        i, j = i[kept], j[kept]
        yield i, j


def _halves(N):
    return _all_weights(N // 2), _all_weights(N - N // 2)


def _all_weights(n):
    """All vectors of n signs, array (2^n, n)."""
    return 1.0 - 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)


def gibbs_sweep(weights, fields, examples, inverses, uniform=None):
    """One sweep over Gaussian weights that agree with all examples: each weight anew, given the others, or mirrored in its range.

    Mirroring exchanges a quantile of the weight's law given the others for one minus it, which keeps that law and crosses its
    range at once; S. L. Adler, Phys. Rev. D 23, 2901 (1981), R. M. Neal, arXiv:bayes-an/9506004.

    The direction of such weights is uniform on the part of the sphere that the examples allow. `weights` and `fields` change.

    Parameters
    ----------
    weights : tensor (N, B) of B independent perceptrons
    fields : tensor (B, P), the products of examples and weights
    examples, inverses : tensors (N, B, P) and one over them
    uniform : tensor (N, B) of random numbers between 0 and 1; None mirrors
    """
    for i, (w, x, inverse) in enumerate(zip(weights, examples, inverses)):
        reach = w[:, None] - fields * inverse
        low = reach.masked_fill(x < 0, -np.inf).amax(1)
        high = reach.masked_fill(x > 0, np.inf).amin(1)
        new = _renewed(w, low, high, None if uniform is None else uniform[i])
        fields.addcmul_(x, (new - w)[:, None])
        w.copy_(new)


def _renewed(w, low, high, r):
    """Unit Gaussians between bounds at their quantiles r, or at one less those of w; by the tail that floating point resolves."""
    torch = import_torch()
    sign = torch.where(low + high > 0, -1.0, 1.0)
    a, b = torch.minimum(sign * low, sign * high), torch.maximum(sign * low, sign * high)
    below, above = torch.special.ndtr(a), torch.special.ndtr(b)
    area = below + above - torch.special.ndtr(sign * w) if r is None else below + (above - below) * r
    return torch.clamp(sign * torch.special.ndtri(area), low, high)


def separable(examples):
    """Whether some weights agree with all examples, array (P, N): a linear program (HiGHS) for the best worst field.

    It maximises t with examples @ w >= t and |w_i| <= 1, which w = 0, t = 0 always satisfies.

    Returns
    -------
    bool, or None where the solver does not find the optimum
    """
    from scipy.optimize import linprog

    P, N = examples.shape
    bounds = [(-1, 1)] * N + [(None, None)]
    rows = np.hstack([-examples, np.ones((P, 1))])
    best = linprog(-np.eye(N + 1)[N], A_ub=rows, b_ub=np.zeros(P), bounds=bounds, method="highs")
    return bool(-best.fun > SEPARATED) if best.status == 0 else None


def largest_margin(examples):
    """The largest margin min(examples @ w) / |w| and the unit vector w that has it, by non-negative least squares.

    The margin is the distance of the convex hull of the examples from the origin; 0 where they are not separable.
    C. L. Lawson, R. J. Hanson, Solving Least Squares Problems, chapter 23 (1974).
    """
    from scipy.optimize import nnls

    P, N = examples.shape
    multipliers, _ = nnls(np.vstack([examples.T, np.ones(P)]), np.eye(N + 1)[N], maxiter=50 * P)
    point = examples.T @ multipliers / multipliers.sum()
    return float(np.linalg.norm(point)), point / np.linalg.norm(point)


def ascend_margin(weights, momentum, examples, step):
    """One step of gradient descent on the logarithm of the exponential loss, with momentum; it converges to the largest margin.

    Z. Ji, N. Srebro, M. Telgarsky, ICML 2021 (arXiv:2107.00595): the margin falls short by O(log(P) / step^2).

    Parameters
    ----------
    weights, momentum : tensors (B, N), from zero
    examples : tensor (B, P, N) of rows of length at most 1
    step : int, from 0

    Returns
    -------
    weights, momentum
    """
    torch = import_torch()
    gradient = -(torch.softmax(-(examples @ weights[..., None])[..., 0], dim=-1)[:, None] @ examples)[:, 0]
    momentum = step / (step + 1) * (momentum + gradient)
    return weights - momentum - gradient, momentum
