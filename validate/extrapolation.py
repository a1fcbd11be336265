"""From finite sizes to infinite size in powers of 1/N, with the uncertainty of doing so.

Away from critical points the mean of a site average has an asymptotic expansion in 1/N. The fit
goes to fourth order; the coefficients beyond the first are known to be small, and how small is read
off the data: a term of order k has standard deviation shift * RATIO**(k - 1) at the smallest size,
where `shift` is what the means differ by between the smallest and the largest size.
"""

from dataclasses import dataclass

import numpy as np

ORDER = 4
RATIO = 0.5
MIN_PROBABILITY = 1e-4


@dataclass(frozen=True)
class Fit:
    """An extrapolation to infinite size.

    Attributes
    ----------
    value, error : at infinite size
    coefficients : of the powers of N0/N, lowest first; `smallest` is N0
    probability : of a chi^2 this large
    chi_squared : of the residuals from the best line, higher terms as correlated errors
    """

    value: float
    error: float
    coefficients: tuple
    smallest: int
    probability: float
    chi_squared: float = 0.0

    @property
    def acceptable(self):
        """Whether the sizes follow the expansion within errors."""
        return self.probability > MIN_PROBABILITY

    def __call__(self, sizes):
        """The fitted mean at these sizes."""
        return np.polynomial.polynomial.polyval(self.smallest / np.asarray(sizes, dtype=float), self.coefficients)


def extrapolate(sizes, means, errors, ratio=RATIO):
    """Extrapolate means with errors at several sizes.

    Parameters
    ----------
    sizes : increasing numbers of sites, at least two
    means, errors : sequences of the same length; errors all zero for exact values
    ratio : of a term to the one before, at the smallest size

    Returns
    -------
    Fit
    """
    means, errors = np.asarray(means, dtype=float), np.asarray(errors, dtype=float)
    if not errors.any():
        return _exact(sizes, means)
    x = sizes[0] / np.asarray(sizes, dtype=float)
    powers = np.vander(x, ORDER + 1, increasing=True)
    prior = _prior(means, errors, ratio)
    design = np.vstack([powers / errors[:, None], np.diag(1 / prior)[2:]])
    target = np.concatenate([means / errors, np.zeros(ORDER - 1)])
    coefficients, *_ = np.linalg.lstsq(design, target, rcond=None)
    covariance = np.linalg.inv(design.T @ design)
    return Fit(float(coefficients[0]), float(np.sqrt(covariance[0, 0])), tuple(map(float, coefficients)), sizes[0],
               *_probability(powers, means, errors, prior))


def _prior(means, errors, ratio):
    """Standard deviations of the coefficients; infinite for the first two."""
    shift = max(abs(means[0] - means[-1]), float(np.hypot(errors[0], errors[-1])))
    return np.array([np.inf, np.inf, *(shift * ratio ** (k - 1) for k in range(2, ORDER + 1))])


def _probability(powers, means, errors, prior):
    """Chi^2 probability of the residuals from the best line, with the higher terms as correlated errors, and that chi^2."""
    from scipy.stats import chi2

    free = powers[:, :2]
    covariance = np.diag(errors**2) + (powers[:, 2:] * prior[2:] ** 2) @ powers[:, 2:].T
    inverse = np.linalg.inv(covariance)
    best = np.linalg.solve(free.T @ inverse @ free, free.T @ inverse @ means)
    residual = means - free @ best
    found, freedom = float(residual @ inverse @ residual), len(means) - 2
    return (float(chi2.sf(found, freedom)), found) if freedom > 0 else (1.0, 0.0)


def _exact(sizes, means):
    """The interpolating polynomial; its error is what leaving out the smallest size changes."""
    value, coefficients = _interpolate(sizes, means)
    other, _ = _interpolate(sizes[1:], means[1:])
    return Fit(value, max(abs(value - other), 1e-12), tuple(map(float, coefficients)), sizes[0], 1.0)


def _interpolate(sizes, means):
    x = sizes[0] / np.asarray(sizes, dtype=float)
    coefficients = np.linalg.solve(np.vander(x, increasing=True), means)
    return float(coefficients[0]), coefficients
