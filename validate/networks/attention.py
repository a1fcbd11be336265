"""Attention as a network: its energy and its update, and dense memories whose energy is a power of the overlap, in torch."""

import numpy as np

from .running import import_torch

__all__ = ["attend", "attended", "energy", "first_rival", "power_sweep", "settle"]


def attend(states, patterns, beta):
    """One update x <- X softmax(beta X^T x) of many states: dot-product attention with the patterns as keys and values.

    Parameters
    ----------
    states : tensor (..., B, d)
    patterns : tensor (..., P, d)
    beta : number, or tensor (..., 1, 1)
    """
    torch = import_torch()
    return torch.nn.functional.scaled_dot_product_attention(beta * states, patterns, patterns, scale=1.0)


def energy(states, patterns, beta):
    """x.x/2 - (1/beta) log sum_mu exp(beta xi_mu.x), tensor (..., B)."""
    scores = beta * states @ patterns.transpose(-1, -2)
    return ((states**2).sum(-1, keepdim=True) / 2 - scores.logsumexp(-1, keepdim=True) / beta)[..., 0]


def settle(states, patterns, beta, updates):
    """States after so many updates, and the largest rise of the energy in any of them."""
    before, rise = energy(states, patterns, beta), -np.inf
    for _ in range(updates):
        states = attend(states, patterns, beta)
        after = energy(states, patterns, beta)
        rise, before = max(rise, float((after - before).max())), after
    return states, rise


def attended(states, patterns, beta):
    """How many patterns a state attends to, 1/sum_mu p_mu^2 of the softmax, tensor (..., B)."""
    torch = import_torch()
    return 1 / torch.softmax(beta * states @ patterns.transpose(-1, -2), dim=-1).pow(2).sum(-1)


def first_rival(total, overlaps, signal, strength):
    """Where in a list of random patterns their summed weights first exceed that of the right one.

    Parameters
    ----------
    total : tensor (B,), the logarithm of the sum so far
    overlaps : tensor (B, K), products xi.x of more patterns
    signal : the same product of the right pattern
    strength : of the weights exp(strength xi.x); at infinite strength the larger product wins

    Returns
    -------
    position, tensor (B,): 1 to K, or 0 where there is none; and the new total
    """
    torch = import_torch()
    if np.isinf(strength):
        beyond, new = overlaps >= signal, total
    else:
        sums = torch.logaddexp(total[:, None], (strength * overlaps).logcumsumexp(1))
        beyond, new = sums > strength * signal, sums[:, -1]
    return torch.where(beyond.any(1), beyond.to(torch.int8).argmax(1) + 1, 0), new


def power_sweep(spins, products, patterns, p, T, uniform):
    """One heat-bath sweep of H = -(N/p) sum_mu m_mu^p, coinciding indices included. `spins` and `products` change in place.

    Parameters
    ----------
    spins : tensor (B, N)
    products : tensor (B, P), of patterns and spins, N m_mu
    patterns : tensor (N, B, P) of +-1
    T : temperature, k_B = 1
    uniform : tensor (N, B) of random numbers between 0 and 1
    """
    torch = import_torch()
    N = len(patterns)
    for i, (xi, r) in enumerate(zip(patterns, uniform)):
        others = products - xi * spins[:, i, None]
        gap = (((others + xi) / N) ** p - ((others - xi) / N) ** p).sum(1) * N / p
        new = torch.where(r < torch.sigmoid(gap / T), 1.0, -1.0)
        products.copy_(others + xi * new[:, None])
        spins[:, i] = new
