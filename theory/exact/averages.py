"""What an exact sum returns."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Averages:
    """(1/N) E log Z, log E Z, E <O_i> and E [<O_i O_j> - <O_i><O_j>], with standard errors of the disorder sampling."""

    log_partition: float
    log_annealed: float
    means: np.ndarray
    covariances: np.ndarray
    error: float = 0.0
    mean_errors: np.ndarray = 0.0
    covariance_errors: np.ndarray = 0.0
