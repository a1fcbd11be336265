"""Neurons and synapses that move together, in torch: binary neurons with noise, and the closed equations of means."""

import math

from .running import import_torch

__all__ = ["closed_flow", "noisy_couplings", "noisy_response", "runge_kutta"]


def noisy_couplings(run, key, patterns, s, largest=0.1):
    """Couplings of binary neurons under strong stimuli in turn, averaged over the last period, for independent networks.

    Neurons are refreshed from the heat bath of stimulus and couplings at rate 1 (tau is the unit of time), and the couplings
    filter
    their products exactly between steps, products being interpolated linearly; this leaves an error of order step^2.

    Parameters
    ----------
    run : TrainingRun
    key : name of the loop
    patterns : tensor (P, N) of -1 and 1
    s : settings with beta, networks, stimulus, memory_time, duration, cycles
    largest : step of time

    Returns
    -------
    array (networks, N, N)
    """
    torch = import_torch()
    count, size = patterns.shape
    each = math.ceil(s.duration / largest)
    step = s.duration / each
    refreshed, kept = -math.expm1(-step), math.exp(-step / s.memory_time)
    hollow = 1 - torch.eye(size, dtype=patterns.dtype, device=patterns.device)
    spins = patterns[-1].repeat(s.networks, 1)
    zero = torch.zeros(s.networks, size, size, dtype=patterns.dtype, device=patterns.device)
    state = {"spins": spins, "couplings": zero, "sum": zero.clone(), "generator": run.generator(key)}

    def advance(at, i):
        local = s.stimulus * patterns[i // each % count] + torch.einsum("rij,rj->ri", at["couplings"], at["spins"])
        chance = torch.rand(2, *local.shape, generator=at["generator"], dtype=local.dtype, device=local.device)
        drawn = torch.where(chance[0] < torch.sigmoid(2 * s.beta * local), 1.0, -1.0).to(local.dtype)
        spins = torch.where(chance[1] < refreshed, drawn, at["spins"])
        products = (at["spins"][:, :, None] * at["spins"][:, None, :] + spins[:, :, None] * spins[:, None, :]) / 2
        couplings = kept * at["couplings"] + (1 - kept) * math.tanh(s.beta) * hollow * products
        if i >= (s.cycles - 1) * count * each:
            at["sum"] = at["sum"] + (at["couplings"] + couplings) / 2
        at["spins"], at["couplings"] = spins, couplings

    found = run.loop(key, state, advance, s.cycles * count * each)
    return (found["sum"] / (count * each)).cpu().numpy()


def noisy_response(run, key, size, beta, own, field, copies, time, step=0.1):
    """Mean of a group of binary neurons with uniform couplings in a uniform field, for independent copies, from rest.

    Parameters
    ----------
    run, key : TrainingRun, and the name of the loop
    size : neurons of the group
    beta : inverse temperature
    own, field : coupling of each pair, and field on each neuron
    copies : of the group
    time : of sampling, in units of tau, after as long has been left out

    Returns
    -------
    array (copies,)
    """
    torch = import_torch()
    generator = run.generator(key)
    spins = torch.randint(2, (copies, size), generator=generator, device=run.device).double() * 2 - 1
    refreshed, steps = -math.expm1(-step), round(2 * time / step)

    def advance(at, i):
        local = own * (at["spins"].sum(1, keepdim=True) - at["spins"]) + field
        chance = torch.rand(2, copies, size, generator=at["generator"], dtype=torch.float64, device=run.device)
        drawn = torch.where(chance[0] < torch.sigmoid(2 * beta * local), 1.0, -1.0).double()
        at["spins"] = torch.where(chance[1] < refreshed, drawn, at["spins"])
        if 2 * i >= steps:
            at["sum"] = at["sum"] + at["spins"].mean(1)

    found = run.loop(key, {"spins": spins, "sum": torch.zeros_like(spins[:, 0]), "generator": generator}, advance, steps)
    return (found["sum"] / (steps - (steps + 1) // 2)).cpu().numpy()


def closed_flow(spins, couplings, beta, stimulus, memory_time, learning=1.0):
    """Right-hand sides of the closed equations of means, in units of tau.

    Parameters
    ----------
    spins : tensor (..., N)
    couplings : tensor (..., N, N), zero on the diagonal
    beta : number or tensor (..., 1)
    stimulus : tensor (..., N), xi_i times its strength
    memory_time : tau'
    learning : 0 holds the couplings fixed

    Returns
    -------
    tensors (..., N), (..., N, N)
    """
    torch = import_torch()
    beta = torch.as_tensor(beta, dtype=spins.dtype, device=spins.device)
    local = (couplings @ spins[..., None])[..., 0] + stimulus
    hollow = 1 - torch.eye(spins.shape[-1], dtype=spins.dtype, device=spins.device)
    target = (torch.tanh(beta)[..., None] if beta.ndim else torch.tanh(beta)) * spins[..., :, None] * spins[..., None, :] * hollow
    return torch.tanh(beta * local) - spins, learning * (target - couplings) / memory_time


def runge_kutta(flow, state, step):
    """One step of the classical rule for a pair of tensors."""
    def shifted(change, size):
        return tuple(x + size * d for x, d in zip(state, change))

    first = flow(*state)
    second = flow(*shifted(first, step / 2))
    third = flow(*shifted(second, step / 2))
    fourth = flow(*shifted(third, step))
    return tuple(x + step * (a + 2 * b + 2 * c + d) / 6 for x, a, b, c, d in zip(state, first, second, third, fourth))
