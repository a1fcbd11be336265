"""Means of Markov chains with honest errors, and the diagnostics that say when not to trust them.

The headline error is the spread of independent chains, which assumes nothing about their
autocorrelation; effective sample size and R-hat stand beside it.
"""

from dataclasses import asdict, dataclass

import numpy as np

MIN_DRAWS = 4


@dataclass(frozen=True)
class Estimate:
    """An expectation value measured by several independent chains.

    Attributes
    ----------
    mean : float
    error : float
        Standard error: the standard deviation of the chains' means over the root of their number.
    tau : float | None
        Autocorrelation time n / ESS, in sweeps between draws times draws; 1 for independent draws.
    r_hat : float | None
        Rank-normalised split R-hat; near 1 when all chains sample one distribution.
    ess : float | None
        Effective number of independent draws, all chains together.
    """

    mean: float
    error: float
    tau: float | None
    r_hat: float | None
    ess: float | None

    def as_dict(self):
        """The estimate as JSON-ready values."""
        return asdict(self)

    def __repr__(self):
        diagnostics = "" if self.r_hat is None else f", tau {self.tau:.3g}, r_hat {self.r_hat:.4f}, ess {self.ess:.0f}"
        return f"{self.mean:.6g} +- {self.error:.2g}{diagnostics}"


def estimate(draws, disordered=False):
    """Estimate an expectation value from draws of independent chains.

    Parameters
    ----------
    draws : array (chains, draws)
    disordered : bool
        Whether every chain has its own disorder sample. The diagnostics are then those at fixed disorder,
        about each chain's own mean, as chains need not agree; the error always contains the disorder.

    Returns
    -------
    Estimate
        With tau, r_hat and ess None where a single value never moves (nothing to measure).
    """
    draws = np.asarray(draws, dtype=float)
    means = draws.mean(axis=1)
    error = means.std(ddof=1) / np.sqrt(len(means)) if len(means) > 1 else np.nan
    if np.ptp(draws) == 0:
        return Estimate(float(means.mean()), float(error), None, None, None)
    thermal = draws - means[:, None] if disordered else draws
    ess = effective_sample_size(thermal)
    return Estimate(float(means.mean()), float(error), float(draws.size / ess), split_r_hat(draws, disordered), float(ess))


def effective_sample_size(draws):
    """Effective sample size of the mean, from split chains and Geyer's initial monotone sequence.

    Parameters
    ----------
    draws : array (chains, draws), at least four draws a chain

    Returns
    -------
    float

    References
    ----------
    Geyer, Statist. Sci. 7, 473 (1992); Vehtari et al., Bayesian Anal. 16, 667 (2021), section 3.2.
    """
    split = _split(np.asarray(draws, dtype=float))
    size, n = split.size, split.shape[1]
    covariance = autocovariance(split).mean(axis=0)
    within = covariance[0] * n / (n - 1)
    total = covariance[0] + split.mean(axis=1).var(ddof=1)
    if not total > 0:
        return float(size)
    correlation = 1 - (within - covariance) / total
    correlation[0] = 1
    return size / max(_geyer(correlation), 1 / np.log10(size))


def autocovariance(draws):
    """Autocovariance of every chain at every lag, divided by the number of draws; shape as `draws`."""
    n = draws.shape[1]
    centred = draws - draws.mean(axis=1, keepdims=True)
    spectrum = np.fft.rfft(centred, n=_fast_length(2 * n), axis=1)
    return np.fft.irfft(np.abs(spectrum) ** 2, n=_fast_length(2 * n), axis=1)[:, :n] / n


def split_r_hat(draws, disordered=False):
    """Rank-normalised split R-hat, the larger of the one for location and the one for scale.

    Parameters
    ----------
    draws : array (chains, draws), at least four draws a chain
    disordered : bool
        Rank within every chain, so that only the halves of a chain are compared.

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter, Buerkner, Bayesian Anal. 16, 667 (2021).
    """
    # The split drops the middle one of an odd number of draws; so must the ranks.
    draws = np.hstack(np.vsplit(_split(np.asarray(draws, dtype=float)), 2))
    axis = 1 if disordered else None
    folded = np.abs(draws - np.median(draws, axis=axis, keepdims=True))
    return float(max(_r_hat(_split(_normal_scores(x, axis))) for x in (draws, folded)))


def _geyer(correlation):
    """Integrated autocorrelation time from pair sums, kept while positive and made to decrease."""
    even = len(correlation) // 2 * 2
    pairs = correlation[0:even:2] + correlation[1:even:2]
    stop = int(np.argmax(pairs <= 0)) if (pairs <= 0).any() else len(pairs) - 1
    decreasing = np.minimum.accumulate(pairs[:stop])
    # The pair that ends the sequence still counts by its first member, once.
    return -1 + 2 * decreasing.sum() + max(correlation[2 * stop], 0)


def _r_hat(draws):
    n = draws.shape[1]
    within = draws.var(axis=1, ddof=1).mean()
    between = draws.mean(axis=1).var(ddof=1)
    if within == 0:
        return 1.0 if between == 0 else np.inf
    return np.sqrt((n - 1) / n + between / within)


def _normal_scores(draws, axis):
    """Gaussian quantiles of the ranks, of all draws together (axis None) or of each row."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    count = draws.size if axis is None else draws.shape[axis]
    ranks = rankdata(draws, method="average", axis=axis).reshape(draws.shape)
    return ndtri((ranks - 0.375) / (count + 0.25))


def _split(draws):
    """Every chain cut into two halves, stacked."""
    if draws.ndim != 2 or draws.shape[1] < MIN_DRAWS:
        raise ValueError(f"expected draws of shape (chains, at least {MIN_DRAWS}), got {draws.shape}")
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, -half:]])


def _fast_length(n):
    from scipy.fft import next_fast_len

    return next_fast_len(n, real=True)
