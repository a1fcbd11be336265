"""Simulate a model at one size and report its means with errors."""

import os
from dataclasses import dataclass, field, replace

import numpy as np

from meanfield.results import FrozenDict, versions
from theory.errors import InputError
from theory.model import Model

from .estimates import MIN_DRAWS, Estimate, estimate
from .exact import exact_at
from .prediction import predict
from .resume import resumable
from .sample import sample
from .samplers.on_torch import require_device

CHAINS = 64
MIN_CHAINS = 32
SWEEPS = 4000
MIN_SWEEPS = 200
WARM_UP = 0.25
BUDGET = 20.0


@dataclass(frozen=True)
class Run:
    """Monte Carlo (or an exact sum, for quantum sites) of one model at one size.

    Attributes
    ----------
    model : name
    parameters : {name: value}, T first
    size : number of sites
    estimates : {name: Estimate} of the order parameters and the energy per site. Samples are mapped to the
        theory's equilibrium state where that breaks a symmetry; vector order parameters are lengths.
    chains, sweeps, seed, algorithm, acceptance : how it was made
    draws : array (chains, sweeps, n + 1) behind the estimates, or None for an exact sum
    from_state : bool array (chains,), chains that started in the theory's state
    counted : bool array (chains,), chains behind the estimates. In one disorder sample the states of an orbit
        have free energies that differ by O(1/N), and a chain from a random start picks the lowest: where a
        symmetry is broken and sites are disordered, such chains only show whether they end in the same phase.
    disordered : whether every chain has its own disorder sample
    moments : (<phi^2>, <phi^4>) of each order parameter, of an exact sum
    """

    model: str
    parameters: dict
    size: int
    estimates: dict
    chains: int
    sweeps: int
    seed: int
    algorithm: str
    acceptance: float
    draws: np.ndarray = field(default=None, repr=False, compare=False)
    from_state: np.ndarray = field(default=None, repr=False, compare=False)
    counted: np.ndarray = field(default=None, repr=False, compare=False)
    disordered: bool = False
    moments: tuple = field(default=(), repr=False)
    versions: dict = field(default_factory=versions, repr=False, compare=False)

    def __post_init__(self):
        for name in ("parameters", "estimates"):
            object.__setattr__(self, name, FrozenDict(getattr(self, name)))
        if self.draws is not None:
            self.draws.flags.writeable = False

    def without_draws(self):
        """The run with its estimates alone."""
        return replace(self, draws=None, from_state=None, counted=None)

    def as_dict(self):
        """The JSON document of `simulate`."""
        return {"estimates": {name: e.as_dict() for name, e in self.estimates.items()}}

    def __repr__(self):
        at = ", ".join(f"{name} = {value:g}" for name, value in self.parameters.items())
        head = f"{self.model} at {at}: {self.size} sites, {self._how()}"
        width = max(map(len, self.estimates))
        return "\n".join([head, *(f"  {name:<{width}}  {e}" for name, e in self.estimates.items())])

    def _how(self):
        if not self.chains:
            return self.algorithm
        return f"{self.chains} chains of {self.sweeps} sweeps ({self.algorithm}, acceptance {self.acceptance:.2f}), seed {self.seed}"


def simulate(source, *, T=None, beta=None, size=1000, sweeps=None, chains=None, device="auto", seed=0, warmup=None,
             balanced=False, algorithm="auto", threads=None, state="auto", checkpoint=None, **parameters):
    """Sample a model at finite size from its own Hamiltonian.

    Parameters
    ----------
    source : Model | name of a built-in model | path of a model file
    T, beta : temperature, k_B = 1, or its inverse
    size : int, number of sites
    sweeps : int, recorded sweeps of a chain; default: what about 20 s of work allow, at most 4000
    chains : int, at least 2 (default 64); each has its own disorder sample
    device : "cpu", "cuda" (samplers in torch, all chains at once) or "auto", a GPU where there is one and enough work for it
    seed : int; equal seeds give equal results bit for bit, on one device with one number of threads
    warmup : int, discarded sweeps (default: a quarter of `sweeps`)
    balanced : bool
        Disorder samples with the sizes of classes as nearly N p as can be, instead of independent sites
        (`validate.disorder`).
    algorithm, threads : see `validate.sample`
    state : of models with quenched couplings, where to sample: "auto", "equilibrium" or "retrieval" (`validate.replica_prediction`)
    checkpoint : name of a file (.npz) that keeps the chains that are done; the same call goes on from there, to the same result
    **parameters : of the model

    Returns
    -------
    Run, or QuenchedRun for models with quenched couplings, two chains for each disorder sample

    Raises
    ------
    InputError
        for bad input, models that the samplers do not cover, T = 0, a GPU where there is none, and a checkpoint of another simulation
    """
    model, values = model_at(source, T, beta, parameters)
    require_device(device)
    require_sampling(sweeps, seed)
    options = {"size": size, "sweeps": sweeps, "chains": chains, "seed": seed, "warmup": warmup, "balanced": balanced}
    with resumable(checkpoint, "simulate", model, values, **options, algorithm=algorithm, state=state, device=device):
        if model.couplings:
            require_temperature(model, values)
            return _simulate_quenched(model, values, **options, threads=threads, state=state, device=device)
        refuse_replicas(model, state)
        return _simulate_sites(model, values, **options, algorithm=algorithm, threads=threads, device=device)


def _simulate_sites(model, values, size, sweeps, chains, **options):
    """A Run at one size."""
    prediction = predict(model, values) if values.get("T", 0) > 0 else None
    chains = checked_chains(chains)
    sweeps = sweeps or affordable_sweeps(model, values, [size], chains)
    return run_at(model, values, size, prediction, sweeps=sweeps, chains=chains, **options)


def _simulate_quenched(model, values, size, sweeps, chains, seed, warmup, balanced, threads, state, device):
    """A QuenchedRun at one size."""
    from .quenched import effort, run_quenched
    from .replica_prediction import predict_replicas

    if chains is not None:
        checked_chains(chains)
    prediction = predict_replicas(model, values, state)
    plan = effort(model, values, (size,), prediction, BUDGET, sweeps, chains)
    return run_quenched(model, values, size, prediction, sweeps=plan.sweeps, samples=plan.samples[size], seed=seed, warmup=warmup,
                        balanced=balanced, threads=threads, device=device)


def require_temperature(model, values):
    """Refuse models without a temperature, and T = 0."""
    if not model.has_temperature:
        raise InputError(f"{model.name} has no temperature: there is nothing to sample")
    if not values["T"] > 0:
        raise InputError("sampling needs T > 0: at T = 0 use solve")


def refuse_replicas(model, state="auto", ansatz=None, steps=None):
    """Refuse what only models with quenched couplings have."""
    if state != "auto" or ansatz not in (None, "rs") or steps is not None:
        raise InputError(f"{model.name} has no quenched couplings, and so no choice of a state or of a replica ansatz")


def run_at(model, values, size, prediction, *, sweeps, chains, seed, warmup=None, balanced=True, algorithm="auto", threads=None,
           device="cpu"):
    """A Run at checked parameter values, aligned with the prediction's state if there is one."""
    if model.site.kind == "quantum":
        return _exact_run(model, values, size, seed)
    warmup = warmup if warmup is not None else max(int(WARM_UP * sweeps), 100)
    state = None if prediction is None else prediction.state
    result = sample(model, values, size, sweeps=sweeps, warmup=warmup, chains=chains, seed=seed, state=state,
                    balanced=balanced, algorithm=algorithm, threads=threads, device=device)
    draws = result.draws
    if prediction is not None:
        draws[..., :-1] = prediction.align(draws[..., :-1])
    run = Run(model.name, reported(model, values), size, {}, chains, sweeps, seed, result.algorithm, result.acceptance, draws,
              result.from_state, None, bool(model.disorder))
    broken = prediction is not None and not prediction.symmetric
    return count(run, model.names, result.from_state if model.disorder and broken else np.ones(chains, dtype=bool))


def count(run, names, counted):
    """The run with estimates from these chains."""
    columns = enumerate([*names, "energy"])
    estimates = {name: estimate(run.draws[counted, :, a], run.disordered) for a, name in columns}
    return replace(run, estimates=estimates, counted=counted)


def model_at(source, T, beta, given):
    """The model of a source and all its parameter values, T first."""
    if isinstance(source, (str, os.PathLike)):
        from theory.models import configure

        source, given = configure(source, given)
    if not isinstance(source, Model):
        raise InputError(f"expected a model, the name of a built-in model or the path of a model file: got {source!r}")
    return source, source.values(T=T, beta=beta, **given)


def reported(model, values):
    """All parameters of a point by name: T, structural integers, the others."""
    return {"T": values["T"], **model.structural, **values}


def require_sampling(sweeps, seed):
    """Refuse numbers of sweeps and seeds that make no sense."""
    if sweeps is not None and sweeps < MIN_DRAWS:
        raise InputError(f"a chain needs at least {MIN_DRAWS} sweeps: got {sweeps}")
    if seed < 0:
        raise InputError(f"the seed must not be negative: got {seed}")


def checked_chains(chains):
    """The number of chains, at least two for an error."""
    chains = CHAINS if chains is None else chains
    if chains < 2:
        raise InputError(f"an error needs at least 2 chains, better {MIN_CHAINS}: got {chains}")
    return chains


def affordable_sweeps(model, values, sizes, chains, budget=BUDGET):
    """Sweeps that a budget of seconds allows, from nominal costs so that the answer is the same everywhere."""
    seconds = chains * sum(_sweep_cost(model, size) for size in sizes) * (1 + WARM_UP)
    return int(np.clip(budget / 2 / seconds, MIN_SWEEPS, SWEEPS))


def _sweep_cost(model, size):
    """Nominal seconds of one sweep of one chain."""
    from theory.disorder import Normal

    n = len(model.order_parameters)
    if model.site.kind != "finite":
        return size * (150 + 30 * n + 30 * getattr(model.site, "n", 1)) * 1e-9
    finite = np.prod([len(d.values) for d in model.disorder.values() if not isinstance(d, Normal)], initial=1.0)
    gaussian = any(isinstance(d, Normal) for d in model.disorder.values())
    cells = (size if gaussian else min(finite, size)) * len(model.site.states)
    return (200 + cells * (25 + 3 * n)) * 1e-9


def _exact_run(model, values, size, seed):
    """Exact expectations in the place of samples; lengths where samples would be mapped to one state."""
    result = exact_at(model, values, size)
    means = {**result.absolute, "energy": result.energy}
    estimates = {name: Estimate(mean, 0.0, None, None, None) for name, mean in means.items()}
    moments = tuple((result.second[name], result.fourth[name]) for name in model.names)
    return Run(model.name, reported(model, values), size, estimates, 0, 0, seed, "exact sum over blocks of total spin", 1.0, moments=moments)
