"""Retrieval from a pattern: the final overlap along the load and against the initial overlap, at finite N."""

from dataclasses import dataclass, field

import numpy as np

from meanfield.results import FrozenDict
from theory.errors import InputError

from . import rng
from .samplers import realise, sample_quenched
from .samplers.quenched import aligned_with

# Share of the theory's overlap below which a chain has left the state.
ESCAPED = 0.5


@dataclass(frozen=True)
class Retrieval:
    """Final overlaps with the pattern where the chains started.

    Attributes
    ----------
    model : name
    along : name of what was varied: a parameter, or "initial overlap"
    at : array (K,)
    overlap, error : arrays (K,), mean over disorder samples of the final overlap and its standard error
    retrieved : array (K,), share of samples that end at more than half the initial pattern's alignment
    theory : array (K,), of the retrieval solution; NaN where there is none
    size, samples, sweeps, seed : how it was made
    """

    model: str
    along: str
    at: np.ndarray
    overlap: np.ndarray
    error: np.ndarray
    retrieved: np.ndarray
    theory: np.ndarray
    size: int
    samples: int
    sweeps: int
    seed: int
    parameters: dict = field(default_factory=dict)

    def __post_init__(self):
        for name in ("at", "overlap", "error", "retrieved", "theory"):
            getattr(self, name).flags.writeable = False
        object.__setattr__(self, "parameters", FrozenDict(self.parameters))

    @property
    def edge(self):
        """Where half of the samples are retrieved, between neighbouring values; None where all or none are."""
        above = self.retrieved >= 0.5
        changes = np.flatnonzero(above[1:] != above[:-1])
        if not len(changes):
            return None
        k = changes[0]
        share = (0.5 - self.retrieved[k]) / (self.retrieved[k + 1] - self.retrieved[k])
        return float(self.at[k] + share * (self.at[k + 1] - self.at[k]))

    def as_dict(self):
        """Plain values for JSON."""
        arrays = {name: getattr(self, name).tolist() for name in ("at", "overlap", "error", "retrieved", "theory")}
        plain = {name: getattr(self, name) for name in ("model", "along", "edge", "size", "samples", "sweeps", "seed")}
        return {**plain, "parameters": dict(self.parameters), **arrays}

    def plot(self, ax=None):
        """Draw final overlaps with error bars and the theory; see `validate.plot.plot_retrieval`."""
        from .plot import plot_retrieval

        return plot_retrieval(self, ax)


def capacity_curve(source, loads, *, T=None, size=1000, samples=32, sweeps=300, seed=0, parameter="alpha", threads=None, **parameters):
    """Final overlap against the load, chains starting in the pattern.

    Parameters
    ----------
    source : Model | name of a built-in model | path of a model file
    loads : values of `parameter`
    T : temperature
    parameter : what is varied instead of the load; "T" follows the retrieval state with temperature to where it ends
    size : number of sites
    samples : disorder samples, each with one chain
    sweeps : relaxation; as many again are averaged over
    seed, threads : see `validate.simulate`

    Returns
    -------
    Retrieval
    """
    rows, theory = [], []
    for load in loads:
        model, values = _model(source, T, {**parameters, parameter: float(load)})
        rows.append(_final(model, values, size, samples, sweeps, seed, "pattern", threads))
        theory.append(_predicted(model, values))
    return _gathered(model, parameter, loads, rows, theory, size, samples, sweeps, seed, values)


def basin(source, overlaps, *, T=None, size=1000, samples=32, sweeps=300, seed=0, threads=None, **parameters):
    """Final overlap against the initial overlap with the pattern: where the basin of attraction ends.

    Parameters
    ----------
    source : Model | name of a built-in model | path of a model file
    overlaps : initial overlaps in [0, 1]; (1 - m) N / 2 spins chosen at random are turned around
    T, size, samples, sweeps, seed, threads : see `capacity_curve`

    Returns
    -------
    Retrieval
    """
    overlaps = np.asarray(overlaps, dtype=float)
    if not ((0 <= overlaps) & (overlaps <= 1)).all():
        raise InputError(f"initial overlaps lie between 0 and 1: got {overlaps.min():g} to {overlaps.max():g}")
    model, values = _model(source, T, parameters)
    rows = [_final(model, values, size, samples, sweeps, seed, m, threads) for m in overlaps]
    theory = _predicted(model, values)
    return _gathered(model, "initial overlap", overlaps, rows, [theory] * len(rows), size, samples, sweeps, seed, values)


def _model(source, T, parameters):
    from .simulate import model_at

    T = parameters.pop("T", T)
    model, values = model_at(source, T, None, parameters)
    if not model.couplings or not len(model.order_parameters):
        raise InputError(f"{model.name} stores no extensive number of patterns: there is nothing to retrieve")
    return model, values


def _predicted(model, values):
    """The overlap of the retrieval solution, NaN without one."""
    from .replica_prediction import predict_replicas

    found = predict_replicas(model, values, "retrieval")
    return float(np.abs(found.state).max()) if found is not None else np.nan


def _final(model, values, size, samples, sweeps, seed, start, threads):
    """Final overlaps of all samples, array (samples,)."""
    def overlap(chains):
        return chains.at_target[..., 0].mean(axis=(1, 2))

    options = {"sweeps": sweeps, "warmup": sweeps, "temperatures": (), "thin": max(1, sweeps // 50), "threads": threads}
    if start == "pattern":
        return overlap(sample_quenched(model, values, size, replicas=1, disorder_samples=samples, seed=seed, start="pattern", **options))
    # A start depends on the sample's pattern: one call, with a seed of its own, for each disorder sample.
    found = []
    for d in range(samples):
        own = seed * 100_003 + d
        sample = realise(model, values, size, np.random.default_rng(rng.stream(own, size, 0, 0)))
        spins = aligned_with(model, sample).copy()
        turned = np.random.default_rng(rng.stream(own, size, 9)).permutation(len(spins))[: round((1 - start) * len(spins) / 2)]
        spins[turned] *= -1
        found.append(overlap(sample_quenched(model, values, size, replicas=1, disorder_samples=1, seed=own, start=spins, **options))[0])
    return np.array(found)


def _gathered(model, along, at, rows, theory, size, samples, sweeps, seed, values):
    rows, theory = np.array(rows), np.array(theory)
    scale = np.where(np.isfinite(theory), theory, 1.0)
    return Retrieval(model.name, along, np.asarray(at, dtype=float), rows.mean(axis=1), rows.std(axis=1, ddof=1) / np.sqrt(samples),
                     (rows > ESCAPED * scale[:, None]).mean(axis=1), theory, size, samples, sweeps, seed, dict(values))
