"""Spin networks whose couplings are learned from noisy examples, and their heat-bath dynamics, many networks at a time."""

import numpy as np

from .running import import_torch

__all__ = ["dense_examples", "dense_field", "dense_sweep", "noisy_examples", "pairwise_couplings", "pairwise_sweep"]


def noisy_examples(patterns, r, M, generator):
    """M copies of every pattern (P, N) whose entries agree with it with probability (1 + r)/2, tensor (P, M, N) of +-1."""
    torch = import_torch()
    flips = torch.rand(patterns.shape[0], M, patterns.shape[1], generator=generator, device=patterns.device) > (1 + r) / 2
    return patterns[:, None] * (1 - 2 * flips.to(patterns.dtype))


def pairwise_couplings(examples, r, supervised):
    """Hebbian couplings (N, N): of the means of the examples where these are labelled, of the single examples otherwise.

    J = (1/(N (1 + rho))) sum_mu eta_mu eta_mu^T with eta_mu the mean over r; without labels the mean is over their products.

    Parameters
    ----------
    examples : tensor (P, M, N)
    r : quality of the examples
    """
    M, N = examples.shape[1:]
    rows = examples.mean(dim=1) if supervised else examples.reshape(-1, N) / np.sqrt(M)
    return rows.T @ rows / (N * r**2 * (1 + (1 - r**2) / (M * r**2)))


def pairwise_sweep(spins, fields, couplings, T, uniform):
    """One heat-bath sweep over all spins in order. `spins` and `fields` change in place.

    Parameters
    ----------
    spins, fields : tensors (B, N) of B networks; the field is couplings @ spins
    couplings : tensor (N, B, N), symmetric in the first and last axis
    T : temperature, k_B = 1
    uniform : tensor (N, B) of random numbers between 0 and 1
    """
    torch = import_torch()
    for i, (J, r) in enumerate(zip(couplings, uniform)):
        s = spins[:, i]
        local = fields[:, i] - J[:, i] * s
        new = torch.where(r < torch.sigmoid(2 / T * local), 1.0, -1.0)
        fields.addcmul_(J, (new - s)[:, None])
        spins[:, i] = new


def dense_examples(examples, r, p, supervised):
    """Vectors (K, N) of a p-body network and the weight of each: H = -(N/p) weight sum_k (overlap with k)^p, sites distinct.

    Labelled examples count by their mean over r, with weight (1 + rho)^(-p/2); others one by one, with weight 1/(M r^p).
    """
    M, N = examples.shape[1:]
    if supervised:
        return examples.mean(dim=1) / r, (1 + (1 - r**2) / (M * r**2)) ** (-p / 2)
    return examples.reshape(-1, N), 1 / (M * r**p)


def _sets_of_others(N, p):
    """The number of sets of p - 1 sites out of the N - 1 others, times (p - 1)!: what one pattern's field is divided by."""
    return float(np.prod([N - k for k in range(1, p)], dtype=float))


def dense_field(x, s, sums, p, weight, N):
    """Fields (B,) on a spin from all sets of p - 1 distinct other spins.

    Parameters
    ----------
    x : tensor (B, K), the vectors' entries at the spin
    s : tensor (B,), the spin
    sums : power sums of the vectors' entries times spins, list of p - 1 tensors (B, K)
    """
    signed = x * s[:, None]
    others, power = [], 1.0
    for total in sums:
        power = power * signed
        others.append(total - power)
    return weight * np.prod(range(1, p), dtype=float) / _sets_of_others(N, p) * (x * _elementary(others)).sum(1)


def _elementary(sums):
    """The elementary symmetric polynomial of the degree of the last power sum, by Newton's identities."""
    found = [1.0]
    for k in range(1, len(sums) + 1):
        found.append(sum((-1) ** (j - 1) * found[k - j] * sums[j - 1] for j in range(1, k + 1)) / k)
    return found[-1]


def dense_sweep(spins, sums, vectors, p, weight, T, uniform):
    """One heat-bath sweep of p-body networks. `spins` and the odd power sums in `sums` change in place.

    Parameters
    ----------
    spins : tensor (B, N)
    sums : list of p - 1 tensors (B, K), sum_i (x_i s_i)^k for k = 1 ... p - 1
    vectors : tensor (N, B, K)
    """
    torch = import_torch()
    for i, (x, r) in enumerate(zip(vectors, uniform)):
        s = spins[:, i].clone()
        local = dense_field(x, s, sums, p, weight, len(vectors))
        new = torch.where(r < torch.sigmoid(2 / T * local), 1.0, -1.0)
        for k in range(0, p - 1, 2):
            sums[k].addcmul_(x ** (k + 1), (new - s)[:, None])
        spins[:, i] = new
