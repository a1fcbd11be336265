"""A replica theory against simulations of its own Hamiltonian."""

import time
from dataclasses import dataclass, replace

import numpy as np

from theory.couplings import BipartiteLoad, DenseLoad, GaussianCouplings, HebbianLoad
from theory.errors import InputError
from theory.symbols import symbol

from . import disorder
from .compare import FAMILY_ERROR, MAX_KURTOSIS, RESOLUTION, Check, Verdict, conclude, unmixed
from .estimates import Estimate
from .extrapolation import RATIO
from .powers import GLASS_RATIO, extrapolate_power
from .quenched import MAX_ESCAPED, effort, most_spins, not_applicable, run_quenched
from .replica_prediction import CRITICAL, ZERO, predict_replicas
from .simulate import BUDGET, checked_chains, reported, require_temperature

SIZES = (64, 128, 256)
# Chains that stay in a pattern need neither a ladder nor long runs.
PATTERN_SIZES = (250, 500, 1000)
METASTABLE_SIZES = (1000, 2000, 4000)
# How far a default size is moved, as a share of it, to hold a whole number of patterns.
MOVE = 0.1
# Patterns that the smallest size should hold.
FEW_PATTERNS = 3
MAX_SMALLEST = 1000
# Patterns of a dense load that the largest size should hold at most.
MOST_PATTERNS = 4000
# Sets of p spins up to which couplings are drawn one by one.
MAX_SETS = 170_000
# An energy this many standard errors from the one that the overlaps imply is not that of equilibrium.
MAX_IDENTITY = 4.5
# The same share for fluctuations and for overlaps in a glass, whose finite-size corrections are large.
COARSE = 0.06
GLASSY = 0.08
# Share of samples that leave the state they started in from which it is no equilibrium.
DECAYED = 0.9


@dataclass(frozen=True)
class _Observable:
    """A quantity with its prediction, the name of its estimate, a factor in front of it, its scale, and the powers of 1/N to try."""

    name: str
    theory: float
    key: str
    scale: float
    powers: dict
    extensive: bool = False
    gaussian: str = ""
    share: float = RESOLUTION

    def measure(self, run):
        """The Estimate of a run."""
        e, factor = run.estimates[self.key], run.size if self.extensive else 1
        return Estimate(factor * e.mean, factor * e.error, e.tau, e.r_hat, e.ess)


def compare_quenched(model, values, *, sizes=None, chains=None, sweeps=None, seed=0, budget=BUDGET, theory_temperature_shift=0.0, state="auto",
                     ansatz=None, steps=None, threads=None, device="auto"):
    """Compare the replica theory of a model with simulations; `validate.compare` calls this for models with quenched couplings.

    Parameters
    ----------
    model : theory.Model with quenched couplings
    values : {name: float}, T first
    sizes : numbers of sites (default 64, 128, 256; from a pattern 250, 500, 1000, moved to hold whole numbers of patterns)
    chains : two for each disorder sample (default: what the budget allows, at least 64 samples)
    state : "auto", "equilibrium" or "retrieval", see `validate.replica_prediction.predict_replicas`
    ansatz, steps : of the theory, see `meanfield.solutions`
    others : see `validate.compare`

    Returns
    -------
    Verdict
    """
    begin = time.perf_counter()
    if chains is not None:
        checked_chains(chains)
    _require_applicable(model, values)
    theory_temperature = values["T"] * (1 + theory_temperature_shift)
    prediction = predict_replicas(model, {**values, "T": theory_temperature}, state, ansatz, steps)
    if prediction is None:
        return Verdict(model.name, "undecided", (), np.nan, reported(model, values), theory_temperature, "no solution",
                       f"the theory has no converged solution here (state {state})", "", (), {"seed": seed}, time.perf_counter() - begin)
    sizes = _checked(sizes) if sizes else default_sizes(model, values, prediction)
    plan = effort(model, values, sizes, prediction, budget, sweeps, chains)
    runs = tuple(run_quenched(model, values, N, prediction, sweeps=plan.sweeps, samples=plan.samples[N], seed=seed, threads=threads,
                              device=device) for N in sizes)
    checks, threshold = judge_quenched(prediction, runs, values)
    verdict, reason = conclude(prediction, checks)
    options = {"sizes": sizes, "samples": plan.samples, "sweeps": plan.sweeps, "seed": seed, "state": state, "ansatz": prediction.ansatz}
    return Verdict(model.name, verdict, checks, threshold, reported(model, values), theory_temperature, prediction.solution.kind, reason,
                   _remark(prediction, runs), runs, options, time.perf_counter() - begin)


def _remark(prediction, runs):
    """What the prediction says about itself, and samples that left the state."""
    left = [f"{run.escaped:.1%} of {run.size} sites" for run in runs if run.escaped]
    return "; ".join(filter(None, [prediction.remark, f"samples that left the pattern: {', '.join(left)}" if left else ""]))


def judge_quenched(prediction, runs, values):
    """All checks of a replica prediction against runs at several sizes, and the threshold on |z|."""
    from scipy.stats import t

    observables = _observables(prediction)
    threshold = float(t.isf(FAMILY_ERROR / (2 * len(observables)), min(run.disorder_samples for run in runs) - 1))
    whole = "" if prediction.protocol == "pattern" else _not_in_equilibrium(runs)
    checks = tuple(_check(o, prediction, runs, threshold, values) for o in observables)
    return tuple(replace(c, consistent=None, note=whole) if whole and c.measured is not None else c for c in checks), threshold


def _not_in_equilibrium(runs):
    """Why the runs as a whole cannot be trusted, from the identity between energy and overlap; empty if they can."""
    for run in runs:
        if run.identity is not None and abs(run.identity) > MAX_IDENTITY:
            return f"at {run.size} sites the energy is not the one that the overlaps imply (z = {run.identity:.1f}): not equilibrated"
    return ""


def _observables(prediction):
    model, s = prediction.model, prediction.solution
    ordered, paramagnet = _powers(prediction), _symmetric(prediction)
    found = []
    for a, name in enumerate(model.names):
        value = float(prediction.state[a])
        if abs(value) > ZERO:
            found.append(_Observable(name, value, name, max(abs(value), 0.1), ordered))
        elif paramagnet:
            theory = float(prediction.free_covariance()[a, a])
            found.append(_Observable(f"N<{name}^2>", theory, f"{name}^2", theory, {1.0: 1.0}, True, name, COARSE))
    for name in map(str, model.overlaps):
        found.append(_overlap(prediction, name, ordered))
    found.append(_Observable("energy", float(s.energy), "energy", max(abs(s.energy), 0.1), ordered))
    return found


def _symmetric(prediction):
    """Whether all overlaps of the state vanish, so that fluctuations are Gaussian and known."""
    return all(prediction.overlap(str(q)) < ZERO for q in prediction.model.overlaps)


def _overlap(prediction, name, powers):
    """The overlap of two replicas, or N times its variance 1/replicon where it vanishes."""
    q, s = prediction.overlap(name), prediction.solution
    if q > ZERO:
        if s.rs_valid is False and prediction.protocol == "tempering":
            return _Observable(name, q, name, max(q, 0.1), {1 / 3: 0.5, **powers}, share=GLASSY)
        return _Observable(name, q, name, max(q, 0.1), powers)
    if len(prediction.model.overlaps) == 1 and _largest(prediction.model, prediction.values) is None and s.replicon is not None and np.isfinite(s.replicon) and s.replicon > CRITICAL:
        return _Observable(f"N<{name}^2>", 1 / s.replicon, f"{name}^2", 1 / s.replicon, {1.0: 1.0}, True, name, COARSE)
    return _Observable(f"{name}^2", 0.0, f"{name}^2", 0.1, powers)


def _powers(prediction):
    """Leading powers of 1/N to try, with their weights: 2/3 in a glass and at its border, 1 elsewhere."""
    return {2 / 3: 1.0, 0.5: 0.2, 1.0: 0.2} if prediction.glassy and prediction.protocol == "tempering" else {1.0: 1.0, 2 / 3: 0.1}


def _check(observable, prediction, runs, threshold, values):
    """Measure, extrapolate and judge one observable."""
    kept = [run for run in runs if _size_counts(observable, run)]
    if len(kept) < 2:
        return _few(observable, prediction, runs)
    estimates = tuple(observable.measure(run) for run in kept)
    sizes = tuple(run.size for run in kept)
    errors = [max(e.error, _least(observable, run)) for e, run in zip(estimates, kept)]
    fit = extrapolate_power(sizes, [e.mean for e in estimates], errors, observable.powers, GLASS_RATIO if prediction.glassy else RATIO)
    error = float(np.hypot(fit.error, load_error(observable, prediction, kept, values)))
    z = (fit.value - observable.theory) / error
    note = _doubt(observable, estimates, replace(fit, error=error))
    consistent = None if note else bool(abs(z) <= threshold)
    return Check(observable.name, observable.theory, fit.value, error, float(z), consistent, note, sizes, estimates, fit)


def _size_counts(observable, run):
    """Whether a size is large enough: chains stay, and fluctuations about a symmetric state are Gaussian."""
    return run.escaped <= MAX_ESCAPED and not (observable.gaussian and abs(run.kurtosis[observable.gaussian]) > MAX_KURTOSIS)


def _few(observable, prediction, runs):
    """The check of a state in which samples do not stay, or about which they do not fluctuate."""
    # A metastable state may be too short-lived at any size within reach; an equilibrium may not.
    if prediction.equilibrium and min(run.escaped for run in runs[-2:]) > DECAYED:
        return Check(observable.name, observable.theory, None, None, None, False, "the chains leave the theory's equilibrium at every size")
    note = ("chains leave the state they start in at these sizes: larger ones are needed" if prediction.protocol == "pattern" else
            "fewer than two sizes are large enough for Gaussian fluctuations about one state: a transition is near")
    return Check(observable.name, observable.theory, None, None, None, None, note)


def _least(observable, run):
    """One flip of a site in all draws, where flips are rare."""
    return (run.size if observable.extensive else 1) * 2 / (run.size * run.chains * run.sweeps)


def _doubt(observable, estimates, fit):
    """Why an extrapolated value cannot be trusted; empty if it can."""
    for e in estimates:
        if found := unmixed(e):
            return found
    if not fit.acceptable:
        return f"the sizes follow none of the powers of 1/N that were tried (chi^2 probability {fit.probability:.1g})"
    if not fit.error < observable.share * observable.scale:
        return f"the error is too large to decide ({fit.error:.2g})"
    return ""


def load_error(observable, prediction, runs, values):
    """What rounding the number of patterns to an integer can do to an observable, from the theory's own slope."""
    found = [(name, shift) for name, shift in _roundings(prediction.model, values, runs).items() if shift > 1e-3 / max(r.size for r in runs)]
    total = 0.0
    for name, shift in found:
        step = 0.02 * values[name]
        near = predict_replicas(prediction.model, {**prediction.values, name: values[name] - step},
                                "retrieval" if prediction.protocol == "pattern" else "equilibrium")
        moved = next((o.theory for o in _observables(near) if o.name == observable.name), np.nan) if near is not None else np.nan
        total += abs(observable.theory - moved) / step * shift if np.isfinite(moved) else 0.0
    return total


def _roundings(model, values, runs):
    """{parameter: shift} of the parameters of the loads, the largest over sizes of the shift that rounding amounts to."""
    numbers = {symbol(name): value for name, value in values.items()}
    found = {}
    for c in model.couplings:
        if isinstance(c, GaussianCouplings):
            continue
        load = float(disorder.number(c.load, numbers))
        counts = [load * float(run.size) ** (int(getattr(c, "p", 2)) - 1) for run in runs]
        share = max(abs(round(n) / n - 1) for n in counts)
        name = str(sorted(c.load.free_symbols, key=str)[0])
        found[name] = max(found.get(name, 0.0), share * values[name])
    return found


def default_sizes(model, values, prediction):
    """Three sizes that hold nearly whole numbers of patterns, as large as the kind of couplings allows."""
    pattern = prediction is not None and prediction.protocol == "pattern"
    numbers = {symbol(name): value for name, value in values.items()}
    if largest := _largest(model, values):
        return tuple(round(largest / k) for k in (4, 2, 1))
    loads = [float(disorder.number(c.load, numbers)) for c in model.couplings if isinstance(c, (HebbianLoad, BipartiteLoad))]
    dense = [c for c in model.couplings if isinstance(c, DenseLoad)]
    base = _dense_sizes(dense, numbers) if dense else SIZES if not pattern else PATTERN_SIZES if prediction.equilibrium else METASTABLE_SIZES
    if not loads or not min(loads) > 0:
        return base
    scale = np.clip(FEW_PATTERNS / min(loads) / base[0], 1.0, MAX_SMALLEST / base[0]) if pattern else 1.0
    return tuple(_whole(round(N * scale), loads[0]) for N in base)


def _dense_sizes(couplings, numbers):
    """Three sizes, the largest as large as the number of patterns allows, which grows faster than the size."""
    most = min((MOST_PATTERNS / float(disorder.number(c.load, numbers))) ** (1 / (int(c.p) - 1)) for c in couplings)
    largest = round(np.clip(most, SIZES[-1], PATTERN_SIZES[-1]))
    return tuple(round(largest / k) for k in (4, 2, 1))


def _largest(model, values):
    """The size up to which couplings of more than two spins are drawn, None where there are none."""
    from math import comb

    p = most_spins(model, values)
    return next(N for N in range(p, 10**6) if comb(N + 1, p) > MAX_SETS) if p > 2 else None


def _whole(N, load):
    """The size near N that holds a number of patterns closest to an integer."""
    near = np.arange(int(np.ceil(N * (1 - MOVE))), int(N * (1 + MOVE)) + 1)
    off = np.abs(load * near - np.maximum(1, np.round(load * near))) / near
    return int(min(near[off <= off.min() + 1e-12], key=lambda n: abs(n - N)))


def _checked(sizes):
    sizes = tuple(sizes)
    if len(set(sizes)) < 2 or any(size != int(size) or size < 4 for size in sizes):
        raise InputError(f"an extrapolation needs at least two different sizes, integers of at least 4: got {sizes}")
    return tuple(sorted(map(int, set(sizes))))


def _require_applicable(model, values):
    require_temperature(model, values)
    if reason := not_applicable(model):
        raise InputError(f"{model.name} cannot be simulated: {reason}")
