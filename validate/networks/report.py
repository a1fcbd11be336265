"""Predictions against measurements of trained networks: z-scores, one word, and what theory does not cover, told apart."""

from dataclasses import dataclass, field

import numpy as np

from meanfield.results import FrozenDict, versions

from ..compare import FAMILY_ERROR, Check
from ..extrapolation import extrapolate

__all__ = ["Measurement", "Prediction", "Report", "Statement", "judge"]


@dataclass(frozen=True)
class Prediction:
    """What the theory says of one observable.

    Attributes
    ----------
    value : float
    error : of the theory's own numbers, 0 where they are exact
    resolution : the largest error of a measurement that decides, in units of the observable's `scale`
    scale : by default the value, or 0.1 where it is smaller
    note : in which limit it holds
    """

    value: float
    error: float = 0.0
    note: str = ""
    resolution: float = 0.1
    scale: float | None = None


@dataclass(frozen=True)
class Measurement:
    """What networks say of one observable.

    Attributes
    ----------
    value, error : mean over independent networks and its standard error
    freedom : degrees of freedom of the error, infinite if it is known
    doubt : why the measurement decides nothing; empty if it does
    sizes, estimates, fit : of an extrapolation in the size
    """

    value: float
    error: float
    freedom: float = np.inf
    doubt: str = ""
    sizes: tuple = ()
    estimates: tuple = field(default=(), repr=False)
    fit: object = field(default=None, repr=False)

    @classmethod
    def of(cls, samples, doubt=""):
        """The mean of independent samples, array (repeats,), with its standard error."""
        samples = np.asarray(samples, dtype=float)
        if samples.size < 2:
            raise ValueError(f"an error needs at least two independent samples: got {samples.size}")
        if not np.isfinite(samples).all():
            doubt = doubt or f"{np.sum(~np.isfinite(samples))} of {samples.size} networks have no finite value"
        return cls(float(samples.mean()), float(samples.std(ddof=1) / np.sqrt(samples.size)), samples.size - 1, doubt)

    @classmethod
    def extrapolated(cls, sizes, samples, doubt=""):
        """The limit of infinite size in powers of 1/N, from one array of independent samples for each size."""
        estimates = tuple(cls.of(s) for s in samples)
        fit = extrapolate(tuple(sizes), [e.value for e in estimates], [e.error for e in estimates])
        if not fit.acceptable:
            doubt = doubt or f"the sizes do not follow powers of 1/N (chi^2 probability {fit.probability:.1g})"
        return cls(fit.value, fit.error, min(e.freedom for e in estimates), doubt, tuple(sizes), estimates, fit)


@dataclass(frozen=True)
class Statement:
    """An observable that the theory does not cover, or covers in another setting: told, and not judged."""

    text: str
    theory: float | None = None
    measured: float | None = None
    error: float | None = None

    def as_dict(self, name):
        """The statement as in the JSON of `train`."""
        return {"observable": name, "theory": self.theory, "measured": self.measured, "error": self.error, "text": self.text}


@dataclass(frozen=True)
class Report:
    """What trained networks say about a theory.

    Attributes
    ----------
    experiment, title : its name and what it shows
    verdict : "consistent", "inconsistent" or "undecided"
    checks : tuple of `validate.Check`
    statements : {observable: Statement}, which do not enter the verdict
    threshold : largest |z| of a consistent check, for all checks together
    settings : {name: value}
    curves : {name: array} for the figure
    reason : why undecided, empty otherwise
    seconds : wall time
    """

    experiment: str
    title: str
    verdict: str
    checks: tuple
    statements: dict
    threshold: float
    settings: dict
    seed: int
    device: str
    reason: str = ""
    curves: dict = field(default_factory=dict, repr=False, compare=False)
    seconds: float = field(default=0.0, compare=False)
    versions: dict = field(default_factory=versions, repr=False, compare=False)

    def __post_init__(self):
        for name in ("statements", "settings", "curves"):
            object.__setattr__(self, name, FrozenDict(getattr(self, name)))

    @property
    def consistent(self):
        """Whether the verdict is "consistent"."""
        return self.verdict == "consistent"

    def as_dict(self):
        """The JSON document of `train`; equal seeds, devices and versions give equal documents."""
        told = [statement.as_dict(name) for name, statement in self.statements.items()]
        words = {name: getattr(self, name) for name in ("experiment", "settings", "seed", "device", "verdict", "threshold", "reason")}
        return {"checks": [check.as_dict() for check in self.checks], "statements": told, **words}

    def plot(self, figure=None):
        """Draw the experiment's figure; returns the Figure."""
        import matplotlib.pyplot as plt

        from .experiment import experiment

        figure = figure or plt.figure(figsize=(9, 3.6), layout="constrained")
        experiment(self.experiment).draw(self, figure)
        return figure

    def __repr__(self):
        lines = [f"{self.experiment}: {self.verdict}" + (f" ({self.reason})" if self.reason else "")]
        lines += [f"  {_line(check)}" for check in self.checks]
        lines += [f"  {name}: {statement.text}" for name, statement in self.statements.items()]
        lines.append(f"  |z| <= {self.threshold:.2f} for all {len(self.checks)} together; seed {self.seed}; {self.seconds:.1f} s")
        return "\n".join(lines)


def judge(predictions, measured):
    """Hold measurements against predictions.

    Parameters
    ----------
    predictions : {observable: Prediction}
    measured : {observable: Measurement | Statement}, a Measurement for each prediction

    Returns
    -------
    checks, statements, threshold, verdict, reason
    """
    from scipy.stats import norm

    statements = {name: value for name, value in measured.items() if isinstance(value, Statement)}
    unpaired = set(predictions).symmetric_difference(set(measured) - set(statements))
    if unpaired:
        raise ValueError(f"a prediction without measurement, or the reverse: {', '.join(sorted(unpaired))}")
    threshold = float(norm.isf(FAMILY_ERROR / (2 * max(len(predictions), 1))))
    checks = tuple(_check(name, prediction, measured[name], threshold) for name, prediction in predictions.items())
    return checks, statements, threshold, *_conclude(checks)


def _check(name, prediction, measurement, threshold):
    error = float(np.hypot(prediction.error, measurement.error))
    z = _z_score(measurement.value - prediction.value, error, measurement.freedom)
    note = measurement.doubt or _unresolved(prediction, error, z)
    consistent = None if note and not (z is not None and abs(z) > threshold and not measurement.doubt) else bool(abs(z) <= threshold)
    return Check(name, float(prediction.value), measurement.value, error, z, consistent, note or prediction.note,
                 measurement.sizes, measurement.estimates, measurement.fit)


def _z_score(difference, error, freedom):
    """The deviation in errors, as that of a Gaussian with the same probability where the error is an estimate."""
    from scipy.stats import norm, t

    if not np.isfinite(difference) or not np.isfinite(error) or error == 0:
        return None
    ratio = difference / error
    if not np.isfinite(freedom) or abs(ratio) > 30:
        return float(ratio)
    return float(np.sign(ratio) * norm.isf(t.sf(abs(ratio), freedom)))


def _unresolved(prediction, error, z):
    if z is None:
        return "the measurement has no finite value with an error"
    scale = prediction.scale or max(abs(prediction.value), 0.1)
    return f"the error is too large to decide ({error:.2g})" if error > prediction.resolution * scale else ""


def _conclude(checks):
    """The verdict and, if undecided, the reason."""
    if any(check.consistent is False for check in checks):
        return "inconsistent", ""
    doubtful = next((check for check in checks if check.consistent is None), None)
    if doubtful is not None:
        return "undecided", f"{doubtful.observable}: {doubtful.note}"
    return ("consistent", "") if checks else ("undecided", "nothing was predicted")


def _line(check):
    word = {True: "consistent", False: "INCONSISTENT", None: "undecided"}[check.consistent]
    z = "" if check.z is None else f", z = {check.z:+.2f}"
    return f"{check.observable}: theory {check.theory:.6g}, measured {check.measured:.6g} +- {check.error:.2g}{z}: {word}"
