"""Extrapolation to infinite size where the leading power of 1/N is not certain: several are tried, and their spread is part of the error."""

from dataclasses import dataclass

import numpy as np

from .extrapolation import MIN_PROBABILITY, RATIO, extrapolate

# In a glass a single power describes the sizes far better than a series in 1/N does elsewhere: 64 spins and up of the SK model, to 3 %.
GLASS_RATIO = 0.15


@dataclass(frozen=True)
class PowerFit:
    """An extrapolation to infinite size, averaged over leading powers.

    Attributes
    ----------
    value, error : at infinite size
    power : the leading power of 1/N of greatest weight
    fits : {power: Fit in powers of N^-power}
    weights : {power: weight}
    """

    value: float
    error: float
    power: float
    fits: dict
    weights: dict

    @property
    def probability(self):
        """Of a chi^2 as large as that of the best power."""
        return max(fit.probability for fit in self.fits.values())

    @property
    def acceptable(self):
        """Whether the sizes follow one of the expansions within errors."""
        return self.probability > MIN_PROBABILITY

    def __call__(self, sizes):
        """The fitted mean at these sizes, by the power of greatest weight."""
        return self.fits[self.power](np.asarray(sizes, dtype=float) ** self.power)


def extrapolate_power(sizes, means, errors, powers, ratio=RATIO):
    """Extrapolate with several leading powers.

    Parameters
    ----------
    sizes, means, errors : see `validate.extrapolation.extrapolate`
    powers : {leading power: weight before the data are seen}
    ratio : of a term to the one before, at the smallest size

    Returns
    -------
    PowerFit
        Each power counts by its weight times the likelihood exp(-chi^2/2) of its fit.
    """
    fits = {p: extrapolate([float(N) ** p for N in sizes], means, errors, ratio) for p in powers}
    least = min(fit.chi_squared for fit in fits.values())
    raw = {p: weight * np.exp((least - fits[p].chi_squared) / 2) for p, weight in powers.items()}
    weights = {p: w / sum(raw.values()) for p, w in raw.items()}
    value = sum(w * fits[p].value for p, w in weights.items())
    variance = sum(w * (fits[p].error ** 2 + (fits[p].value - value) ** 2) for p, w in weights.items())
    return PowerFit(float(value), float(np.sqrt(variance)), max(weights, key=weights.get), fits, weights)
