"""A theory against simulations of its own Hamiltonian: z-scores and one word.

For every observable the means at several sizes are extrapolated to infinite size, with errors from
independent chains and from the extrapolation. What cannot be decided is said to be undecided, never
consistent.
"""

import time
from dataclasses import dataclass, field, replace

import numpy as np

from meanfield.results import FrozenDict, versions
from theory.errors import InputError

from .energy import energy_at
from .estimates import Estimate, estimate
from .extrapolation import Fit, extrapolate
from .metastable import settle, strays
from .prediction import predict
from .resume import resumable
from .samplers.on_torch import require_device
from .simulate import BUDGET, affordable_sweeps, checked_chains, model_at, refuse_replicas, reported, require_sampling, run_at

SIZES = (250, 500, 1000, 2000)
QUANTUM_SIZES = (64, 128, 256, 512)
# Probability that a correct theory fails some check of a verdict, if errors are Gaussian.
FAMILY_ERROR = 1e-3
MAX_R_HAT = 1.05
MIN_ESS = 400
# A size counts when its states are this many thermal widths from the midpoint to the next state of the orbit,
SEPARATION = 6.0
# and when its fluctuations about a symmetric state are Gaussian up to this excess kurtosis.
MAX_KURTOSIS = 0.3
# Fluctuations that grow like N to more than this power are those of another phase.
BROKEN = 0.85
# Powers of 1/N, with weights, at a critical point where the free energy starts with a quartic term, or with one of sixth order; and what a term
# is to the one before at the smallest size.
CRITICAL_POWERS = {1 / 2: 1.0, 1 / 3: 0.1}
CRITICAL_RATIO = 0.15
# An error above this share of the prediction (or of a tenth of the observable's range) decides nothing.
RESOLUTION = 0.03


@dataclass(frozen=True)
class Check:
    """One observable: the theory's value, the extrapolated measurement, its error and z-score.

    `consistent` is None where the samples do not decide, for the reason in `note`.
    """

    observable: str
    theory: float
    measured: float | None
    error: float | None
    z: float | None
    consistent: bool | None
    note: str = ""
    sizes: tuple = ()
    estimates: tuple = field(default=(), repr=False)
    fit: Fit | None = field(default=None, repr=False)

    def as_dict(self):
        """The check as in the JSON of `validate`."""
        names = ("observable", "theory", "measured", "error", "z", "consistent")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Verdict:
    """What simulations say about a theory.

    Attributes
    ----------
    verdict : "consistent", "inconsistent" or "undecided"
    checks : tuple of Check
    threshold : largest |z| of a consistent check, for all checks together
    parameters : {name: value} of the simulations
    theory_temperature : at which the theory was solved
    reason : why undecided, empty otherwise
    remark : what else there is to know, such as metastable chains that were left out
    runs : tuple of Run, one for each size, without their draws
    seconds : wall time
    """

    model: str
    verdict: str
    checks: tuple
    threshold: float
    parameters: dict
    theory_temperature: float
    kind: str
    reason: str
    remark: str
    runs: tuple = field(repr=False)
    options: dict = field(repr=False)
    seconds: float = field(default=0.0, compare=False)
    versions: dict = field(default_factory=versions, repr=False, compare=False)

    def __post_init__(self):
        for name in ("parameters", "options"):
            object.__setattr__(self, name, FrozenDict(getattr(self, name)))

    @property
    def consistent(self):
        """Whether the verdict is "consistent"."""
        return self.verdict == "consistent"

    def as_dict(self):
        """The JSON document of `validate`."""
        words = {name: getattr(self, name) for name in ("verdict", "threshold", "reason", "remark")}
        return {"checks": [c.as_dict() for c in self.checks], **words}

    def plot(self, ax=None):
        """Draw the comparison; see `validate.plot.plot_verdict`."""
        from .plot import plot_verdict

        return plot_verdict(self, ax)

    def __repr__(self):
        at = ", ".join(f"{name} = {value:g}" for name, value in self.parameters.items())
        lines = [f"{self.model} at {at} ({self.kind}): {self.verdict}" + (f" ({self.reason})" if self.reason else "")]
        lines += [f"  {_line(c)}" for c in self.checks]
        lines += [f"  {self.remark}"] if self.remark else []
        sizes = ", ".join(str(run.size) for run in self.runs)
        lines.append(f"  |z| <= {self.threshold:.2f} for all {len(self.checks)} together; sizes {sizes}; {self.seconds:.1f} s")
        return "\n".join(lines)


def compare(source, *, T=None, beta=None, sizes=None, chains=None, sweeps=None, device="auto", seed=0, budget=BUDGET,
            theory_temperature_shift=0.0, balanced=True, algorithm="auto", threads=None, state="auto", ansatz=None, steps=None,
            checkpoint=None, **parameters):
    """Compare a model's theory with simulations of the model.

    Parameters
    ----------
    source : Model | name of a built-in model | path of a model file
    T, beta : temperature, k_B = 1, or its inverse; positive
    sizes : numbers of sites (default 250, 500, 1000, 2000; quantum sites 64 to 512)
    chains : int, at least 2 (default 64); half start in the theory's state, half at random
    sweeps : int (default: what the budget allows, at most 4000)
    device : "cpu", "cuda" or "auto"; see `validate.simulate`
    seed : int; equal seeds give equal verdicts bit for bit
    budget : nominal seconds of work; fixes the default `sweeps`
    theory_temperature_shift : float
        The theory is solved at T (1 + shift), the simulation runs at T: a wrong theory on purpose.
    balanced : bool
        Disorder samples with class sizes as nearly N p as can be (`validate.disorder`); independent sites
        give larger errors and the same limit.
    algorithm, threads : see `validate.sample`
    state, ansatz, steps : of models with quenched couplings, see `validate.quenched_compare.compare_quenched`, which has its own
        defaults of sizes and chains
    checkpoint : name of a file (.npz) that keeps the chains that are done; the same call goes on from there, to the same verdict
    **parameters : of the model

    Returns
    -------
    Verdict

    Raises
    ------
    InputError
        for bad input, models that the samplers do not cover and T = 0
    """
    begin = time.perf_counter()
    require_device(device)
    require_sampling(sweeps, seed)
    model, values = model_at(source, T, beta, parameters)
    options = {"sizes": sizes, "chains": chains, "sweeps": sweeps, "seed": seed, "budget": budget,
               "theory_temperature_shift": theory_temperature_shift}
    replicas = {"state": state, "ansatz": ansatz, "steps": steps}
    with resumable(checkpoint, "validate", model, values, **_plain({**options, **replicas}), balanced=balanced, algorithm=algorithm, device=device):
        if model.couplings:
            from .quenched_compare import compare_quenched

            return compare_quenched(model, values, **options, **replicas, threads=threads, device=device)
        refuse_replicas(model, **replicas)
        return compare_sites(begin, model, values, **options, balanced=balanced, algorithm=algorithm, threads=threads, device=device)


def _plain(options):
    """Options as a checkpoint can tell them apart."""
    sizes = options["sizes"] and [float(size) for size in options["sizes"]]
    return {name: value if isinstance(value, (int, float, str, type(None))) else repr(value) for name, value in options.items()} | {"sizes": sizes}


def compare_sites(begin, model, values, sizes, chains, sweeps, seed, budget, theory_temperature_shift, balanced, algorithm, threads, device,
                   observables=None):
    """The Verdict on a model without quenched couplings, `observables` a function of the prediction and the values."""
    sizes = _checked_sizes(model, sizes)
    chains = checked_chains(chains)
    _require_applicable(model, values)
    prediction = predict(model, {**values, "T": values["T"] * (1 + theory_temperature_shift)})
    sweeps = sweeps or affordable_sweeps(model, values, sizes, chains, budget)
    options = {"sizes": sizes, "chains": chains, "sweeps": sweeps, "seed": seed, "balanced": balanced}
    runs = tuple(run_at(model, values, size, prediction, sweeps=sweeps, chains=chains, seed=seed, balanced=balanced,
                        algorithm=algorithm, threads=threads, device=device) for size in sizes)
    runs, remark = settle(model, values, runs)
    chosen = observables(prediction, values) if observables and prediction is not None else None
    checks, threshold = judge(prediction, runs, values, chosen) if prediction is not None else ((), np.nan)
    verdict, reason = conclude(prediction, checks)
    theory_temperature = values["T"] * (1 + theory_temperature_shift)
    kind = prediction.solution.kind if prediction is not None else "no solution"
    return Verdict(model.name, verdict, checks, threshold, reported(model, values), theory_temperature, kind, reason, remark,
                   tuple(run.without_draws() for run in runs), options, time.perf_counter() - begin)


def judge(prediction, runs, values, observables=None):
    """All checks of a prediction against runs at several sizes; of these `Observable`s, or by default of all means and fluctuations.

    Returns
    -------
    checks : tuple of Check
    threshold : float
    """
    observables = observables or _observables(prediction, runs, values)
    threshold = _threshold(len(observables), runs)
    return tuple(_check(o, prediction, runs, threshold) for o in observables), threshold


@dataclass(frozen=True)
class Observable:
    """A quantity with its prediction, how to measure it in a run, the natural scale of its errors, and N times what
    one site changes.
    """

    name: str
    theory: float
    measure: object
    scale: float
    grain: float = 0.0
    grows: bool = False
    powers: dict | None = None


def _observables(prediction, runs, values):
    found = _quantities(prediction, values)
    return [replace(o, powers=CRITICAL_POWERS) for o in found] if _critical(prediction) else found


def _critical(prediction):
    """Whether the symmetric state is at a continuous transition, where fluctuations grow like the square root of N."""
    return prediction.symmetric and prediction.model.site.kind != "quantum" and not np.isfinite(prediction.covariance).all()


def _quantities(prediction, values):
    model, state = prediction.model, prediction.state
    grains, energy_grain = _grains(prediction)
    found = []
    for a, name in enumerate(model.names):
        if _critical(prediction):
            found.append(_vanishing_square(prediction, a, name))
        elif prediction.symmetric:
            found.append(_fluctuation(prediction, values, a, name))
        if not _vanishes(prediction, a):
            found.append(Observable(name, float(state[a]), _mean_of(name), _scale(state, a), grains[a]))
    energy = float(prediction.solution.energy)
    found.append(Observable("energy", energy, _mean_of("energy"), max(abs(energy), 0.1), energy_grain))
    return found


def _grains(prediction):
    """N times the largest change that one site can make of the order parameters, array (n,), and of the energy."""
    from meanfield.search.measure import site_measure

    measure = site_measure(prediction.model, prediction.values)
    ranges = np.ptp(measure.functions, axis=1).max(axis=0)
    slopes = np.abs(energy_at(prediction.model, prediction.values, prediction.state)[1])
    return ranges, float(slopes @ ranges + np.ptp(measure.one_body, axis=1).max())


def _scale(state, a):
    """What an error of an order parameter is held against: itself or, where it is small, the larger ones."""
    return max(abs(state[a]), np.abs(state).max() / 2, 0.1)


def _vanishes(prediction, a):
    """Whether an order parameter is zero by the symmetry of the state, so that its mean says nothing."""
    return prediction.symmetric and abs(prediction.state[a]) < 1e-9


def _fluctuation(prediction, values, a, name):
    """N <(phi_a - phi_a*)^2>, which tends to T chi; vectors have one chi for each component."""
    model, centre = prediction.model, float(prediction.state[a])
    if model.site.kind == "quantum":
        return _static_susceptibility(prediction, values, a, name)
    components = model.site.n if model.site.kind == "sphere" else 1
    theory = components * float(prediction.covariance[a, a])
    measure = lambda run: estimate(run.size * (run.draws[run.counted, :, a] - centre) ** 2, run.disordered)
    label = f"N<{name}^2>" if abs(centre) < 1e-9 else f"N<({name} - {centre:.4g})^2>"
    return Observable(label, theory, measure, theory, grows=True)


def _vanishing_square(prediction, a, name):
    """<(phi_a - phi_a*)^2> at a critical point, which tends to zero."""
    centre = float(prediction.state[a])
    measure = lambda run: estimate((run.draws[run.counted, :, a] - centre) ** 2, run.disordered)
    return Observable(f"<{name}^2>" if abs(centre) < 1e-9 else f"<({name} - {centre:.4g})^2>", 0.0, measure, 0.1)


def _static_susceptibility(prediction, values, a, name):
    """T chi of quantum sites from the exact free energy in a small field: equal-time fluctuations are not T chi there."""
    from .exact import susceptibility

    T = values["T"]
    measure = lambda run: Estimate(T * susceptibility(prediction.model, values, run.size, a), 0.0, None, None, None)
    theory = float(prediction.covariance[a, a])
    return Observable(f"T chi({name})", theory, measure, theory)


def _mean_of(name):
    return lambda run: run.estimates[name]


def _check(observable, prediction, runs, threshold):
    """Measure, extrapolate and judge one observable."""
    kept = [run for run in runs if _size_counts(prediction, run)]
    if len(kept) < 2 and _broken(observable, runs):
        note = "the samples break the symmetry that the theory's state keeps"
        return Check(observable.name, observable.theory, None, None, None, False, note)
    if len(kept) < 2:
        note = ("fewer than two sizes are large enough for Gaussian fluctuations about one state: "
                "a transition is near, or sites are frozen")
        return Check(observable.name, observable.theory, None, None, None, None, note)
    kept, estimates, fit = _extrapolated(observable, kept)
    sizes = tuple(run.size for run in kept)
    z = (fit.value - observable.theory) / fit.error if fit.error > 0 else np.nan
    note = _doubt(observable, prediction, kept, estimates, fit)
    consistent = None if note else bool(abs(z) <= threshold)
    return Check(observable.name, observable.theory, fit.value, fit.error, float(z), consistent, note, sizes, estimates, fit)


def _extrapolated(observable, runs):
    """The extrapolation, without the smallest sizes where they do not follow powers of 1/N, or where their chains
    wander between the states of the orbit, as long as three remain.
    """
    estimates = tuple(observable.measure(run) for run in runs)
    while True:
        errors = [_error(observable, e, run) for e, run in zip(estimates, runs)]
        fit = _fitted(observable, [run.size for run in runs], [e.mean for e in estimates], errors)
        if len(runs) <= 3 or fit.acceptable and not unmixed(estimates[0]):
            return runs, estimates, fit
        runs, estimates = runs[1:], estimates[1:]


def _fitted(observable, sizes, means, errors):
    if observable.powers is None:
        return extrapolate(sizes, means, errors)
    from .powers import extrapolate_power

    return extrapolate_power(sizes, means, errors, observable.powers, CRITICAL_RATIO)


def _error(observable, estimate, run):
    """The error with those added that the spread of chains does not show.

    One flip of a site more or less in all draws, where flips are rare; and terms of order 1/N^2 that depend on
    which sizes of classes are integers.
    """
    if not run.chains:
        return estimate.error
    counting = observable.grain / (run.size * run.counted.sum() * run.sweeps)
    rounding = observable.grain / run.size**2 if run.disordered else 0.0
    return float(np.linalg.norm([estimate.error, counting, rounding]))


def unmixed(estimate):
    """Why the chains behind an estimate cannot be trusted; empty if they can."""
    if estimate.r_hat is not None and estimate.r_hat > MAX_R_HAT:
        return f"the chains disagree (R-hat {estimate.r_hat:.3g}): not equilibrated"
    if estimate.ess is not None and estimate.ess < MIN_ESS:
        return f"the chains are too short (effective sample size {estimate.ess:.0f})"
    return ""


def _broken(observable, runs):
    """Whether fluctuations about the theory's symmetric state grow like N; at a critical point it is like sqrt(N)."""
    if not observable.grows:
        return False
    first, last = (observable.measure(run).mean for run in runs[-2:])
    growth = np.log(last / first) / np.log(runs[-1].size / runs[-2].size)
    return growth > BROKEN and last > 10 * observable.theory


def _size_counts(prediction, run):
    """Whether a size is large enough for Gaussian fluctuations about one state."""
    if _critical(prediction):
        return True
    if not prediction.symmetric:
        return prediction.separation * np.sqrt(run.size) > SEPARATION and not _flat(run)
    return all(abs(_excess_kurtosis(prediction, run, a)) < MAX_KURTOSIS for a in range(len(prediction.state)))


def _flat(run):
    """Whether an order parameter is spread more evenly than a Gaussian variable, as it is where a continuous transition is near."""
    if run.draws is None:
        return False
    x = run.draws[run.counted, :, :-1] - run.draws[run.counted, :, :-1].mean(axis=(0, 1))
    second, fourth = (np.mean(x**k, axis=(0, 1)) for k in (2, 4))
    return bool((fourth < (3 - MAX_KURTOSIS) * second**2).any())


def _excess_kurtosis(prediction, run, a):
    """<x^4>/<x^2>^2 of the deviations of an order parameter from the state, less its value for a Gaussian vector."""
    site = prediction.model.site
    components = site.n if site.kind == "sphere" else 1
    if run.draws is None:
        second, fourth = run.moments[a]
    else:
        x = run.draws[..., a] - prediction.state[a]
        second, fourth = np.mean(x**2), np.mean(x**4)
    return fourth / second**2 - (components + 2) / components


def _doubt(observable, prediction, runs, estimates, fit):
    """Why an extrapolated value cannot be trusted; empty if it can."""
    if stray := sum(strays(run).sum() for run in runs):
        return f"{stray} chains stay in another state than the theory's: metastable, or several phases coexist"
    for e in estimates:
        if found := unmixed(e):
            return found
    if not fit.acceptable:
        return f"the sizes do not follow powers of 1/N (chi^2 probability {fit.probability:.1g})"
    if not fit.error < RESOLUTION * observable.scale:
        return f"the error is too large to decide ({fit.error:.2g})"
    return ""


def _threshold(count, runs):
    """The |z| that `count` checks together exceed with probability FAMILY_ERROR, errors coming from so many chains."""
    from scipy.stats import norm, t

    tail = FAMILY_ERROR / (2 * count)
    chains = runs[0].chains
    return float(t.isf(tail, chains - 1) if chains else norm.isf(tail))


def conclude(prediction, checks):
    """The verdict and, if undecided, the reason."""
    if prediction is None:
        return "undecided", "the theory has no converged solution here"
    if any(c.consistent is False for c in checks):
        return "inconsistent", ""
    doubtful = next((c for c in checks if c.consistent is None), None)
    return ("undecided", f"{doubtful.observable}: {doubtful.note}") if doubtful else ("consistent", "")


def _line(check):
    if check.measured is None:
        return f"{check.observable:<12} theory {check.theory:.6g}: {check.note}"
    word = {True: "consistent", False: "INCONSISTENT", None: f"undecided: {check.note}"}[check.consistent]
    measured = f"measured {check.measured:.6g} +- {check.error:.2g}"
    return f"{check.observable:<12} theory {check.theory:.6g}, {measured}, z = {check.z:+.2f}: {word}"


def _checked_sizes(model, sizes):
    if sizes is None:
        return QUANTUM_SIZES if model.site.kind == "quantum" else SIZES
    sizes = tuple(sizes)
    if len(set(sizes)) < 2 or any(size != int(size) or size < 2 for size in sizes):
        raise InputError(f"an extrapolation needs at least two different sizes, integers of at least 2: got {sizes}")
    return tuple(sorted(map(int, set(sizes))))


def _require_applicable(model, values):
    if not model.has_temperature:
        raise InputError(f"{model.name} has no temperature: there is nothing to sample")
    if not values["T"] > 0:
        raise InputError("validate needs T > 0: at T = 0 there is nothing to sample")
