"""Temperatures for the exchange of replicas: from the one asked for to one where spins move freely, at equal rates of
exchange."""

import numpy as np

from .. import rng

# T_max over the typical field of a spin.
TOP = 1.2
PILOT = 32
PILOT_SWEEPS = 128
# Steps of beta in units of the width of the energy: an exchange of neighbours is accepted in erfc(STEP / 2) = 0.4 of the cases.
STEP = 1.2


def choose(plan, sample, T):
    """Temperatures in increasing order, the first of them T.

    The width of the energy comes from a short exchange run of the sample over PILOT temperatures, which also is how it is
    smoothed: the energy falls monotonically with beta, and the ladder takes steps of equal area under its fluctuations.
    """
    top = TOP * sample.strength
    if not top > T:
        return np.array([T])
    pilot = np.geomspace(T, top, PILOT)
    generator = np.random.default_rng(rng.stream(plan.seed, plan.N, 3))
    chain = plan.chain(sample, generator.choice([-1.0, 1.0], size=(2, PILOT, sample.size)), pilot, (plan.N, 4))
    chain.advance(PILOT_SWEEPS)
    measured = chain.measure(PILOT_SWEEPS, 1)
    energies = (measured[0] if isinstance(measured, list) else measured)[0][..., -1]
    return _equal_steps(pilot, energies.std(axis=2).mean(axis=0))


def _equal_steps(temperatures, widths):
    beta = 1 / temperatures
    smooth = np.convolve(np.pad(widths, 1, mode="edge"), np.ones(3) / 3, mode="valid")
    area = np.concatenate([[0.0], np.cumsum(-np.diff(beta) * (smooth[1:] + smooth[:-1]) / 2)])
    count = max(2, int(np.ceil(area[-1] / STEP)) + 1)
    found = 1 / np.interp(np.linspace(0, area[-1], count), area, beta)
    found[0] = temperatures[0]
    return found
