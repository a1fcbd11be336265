"""Simulations of models with quenched couplings: what to start from, how long, and the means over disorder with their errors.

Two protocols. A retrieval state is one of many, often metastable, and lives exponentially long in N: its chains start in the pattern, at
one temperature, and stay or leave. Every other state is sampled in equilibrium, by exchange over a ladder of temperatures. The error is
the spread of independent disorder samples, which contains everything; effective sample size and R-hat compare the replicas and the halves
of the chains of the same sample.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations

import numpy as np

from meanfield.results import FrozenDict, versions
from theory.couplings import BipartiteLoad, DenseLoad, GaussianCouplings, HebbianLoad
from theory.errors import InputError
from theory.symbols import symbol

from . import disorder, rng
from .estimates import Estimate, effective_sample_size
from .retrieval import ESCAPED
from .samplers import realise, sample_quenched
from .samplers.instance import distinct_products

LOADS = (HebbianLoad, BipartiteLoad, DenseLoad)
REPLICAS = 2
# Couplings of more than two spins cost the same for many replicas, which share the lanes of a vector.
MANY_REPLICAS = 8
WARM_UP = 1.0
SAMPLES = 64
MAX_SAMPLES = 1024
# Times as many samples of the smaller sizes, at most.
MORE = 4.0
# The disorder makes most of the error: chains are short, but in a glass long enough to come to equilibrium.
SWEEPS = 240
GLASS_SWEEPS = 800
MIN_SWEEPS = 100
RECORDS = 800
# Nominal rungs of the ladder of temperatures, for the cost.
RUNGS = 8
BINS = 50
# Share of samples that may leave the state they started in.
MAX_ESCAPED = 0.15
# Samples from which the slope of a control variate is known well enough.
MIN_CONTROLLED = 32


@dataclass(frozen=True)
class QuenchedRun:
    """Monte Carlo of a model with quenched couplings at one size.

    Attributes
    ----------
    model : name
    parameters : {name: value}, T first
    size : number of sites
    estimates : {name: Estimate} of the order parameters, the replica overlaps, their squares and the energy per site; signs are those of
        the theory's state where H does not change with all spins
    kurtosis : {name: float}, excess kurtosis of order parameters and overlaps, all samples together
    disorder_samples, replicas, sweeps, seed, algorithm, acceptance, temperatures, swap_rates, round_trips : how it was made
    protocol : "pattern" (chains start there) or "tempering"
    escaped : share of disorder samples of which a chain left the pattern; up to MAX_ESCAPED they are not counted, as the theory's state is
        that of chains which stay
    identity : z-score of the energy against the overlap by integration by parts, zero in equilibrium; None where the covariance is not
        exact at finite N
    histograms : {overlap: (centres, density, error)}, P(q) averaged over disorder
    """

    model: str
    parameters: dict
    size: int
    estimates: dict
    kurtosis: dict
    disorder_samples: int
    replicas: int
    sweeps: int
    seed: int
    algorithm: str
    acceptance: float
    protocol: str
    escaped: float = 0.0
    identity: float | None = None
    temperatures: tuple = field(default=(), repr=False)
    swap_rates: tuple = field(default=(), repr=False)
    round_trips: int = 0
    histograms: dict = field(default_factory=dict, repr=False, compare=False)
    versions: dict = field(default_factory=versions, repr=False, compare=False)

    def __post_init__(self):
        for name in ("parameters", "estimates", "kurtosis", "histograms"):
            object.__setattr__(self, name, FrozenDict(getattr(self, name)))

    @property
    def chains(self):
        """Chains at the temperature asked for, all disorder samples together."""
        return self.disorder_samples * self.replicas

    def as_dict(self):
        """The JSON document of `simulate`."""
        return {"estimates": {name: e.as_dict() for name, e in self.estimates.items()}}

    def plot(self, ax=None):
        """Draw P(q); see `validate.plot.plot_overlaps`."""
        from .plot import plot_overlaps

        return plot_overlaps(self, ax)

    def __repr__(self):
        at = ", ".join(f"{name} = {value:g}" for name, value in self.parameters.items())
        how = f"{self.disorder_samples} disorder samples of {self.replicas} replicas, {self.sweeps} sweeps ({self.algorithm}), seed {self.seed}"
        width = max(map(len, self.estimates))
        return "\n".join([f"{self.model} at {at}: {self.size} sites, {how}", *(f"  {n:<{width}}  {e}" for n, e in self.estimates.items())])


@dataclass(frozen=True)
class Effort:
    """How much to sample at each size.

    Attributes
    ----------
    sweeps : recorded sweeps of a chain
    samples : {size: disorder samples}
    """

    sweeps: int
    samples: dict


def has_patterns(model):
    """Whether the model stores patterns, so that states with an overlap start from one."""
    return any(isinstance(c, LOADS) for c in model.couplings)


def not_applicable(model):
    """Why the samplers do not cover a model with quenched couplings; None if they do."""
    try:
        # A few sweeps of twelve spins, of which the result does not matter.
        sample_quenched(model, {**model.values(), "T": 1.0}, 12, sweeps=1, warmup=0, replicas=1, disorder_samples=1, temperatures=(), threads=1)
    except InputError as error:
        return str(error).removeprefix(f"{model.name}: ").removeprefix(f"{model.name} is ").removeprefix(f"{model.name} has ")
    return None


def effort(model, values, sizes, prediction, budget, sweeps=None, chains=None):
    """Sweeps and disorder samples that a budget of nominal seconds allows, the same on every machine.

    Averages over sites fluctuate less from sample to sample the larger they are: smaller sizes get more samples.
    """
    copies, glassy = replicas(model, values), prediction is None or prediction.glassy
    protocol, usual = "tempering" if prediction is None else prediction.protocol, GLASS_SWEEPS if glassy else SWEEPS
    costs = {N: REPLICAS * (1 + WARM_UP) * _sweep_cost(model, values, N, protocol) for N in sizes}
    more = {N: min(MORE, max(sizes) / N) for N in sizes}
    affordable = budget / 2 / sum(more[N] * cost for N, cost in costs.items())
    samples = max(2, chains // copies) if chains else int(np.clip(affordable / (sweeps or usual), SAMPLES, MAX_SAMPLES))
    sweeps = sweeps or int(np.clip(affordable / samples, MIN_SWEEPS, 10 * usual if chains else usual))
    return Effort(sweeps, {N: samples if chains else int(samples * more[N]) for N in sizes})


def _sweep_cost(model, values, N, protocol):
    """Nominal seconds of a sweep of one replica, its ladder of temperatures included."""
    rungs = 1 if protocol == "pattern" else max(2, RUNGS * np.sqrt(N / 256))
    numbers = {symbol(name): value for name, value in values.items()}
    return rungs * N * (5 + sum(_flip_cost(c, values, numbers, N) for c in model.couplings)) * 1e-9


def _flip_cost(coupling, values, numbers, N):
    """Nominal nanoseconds that one kind of couplings adds to an attempted flip."""
    if isinstance(coupling, GaussianCouplings):
        p = degree(coupling, values)
        return N / 20 if p == 2 else 300 + 0.4 * float(N) ** (p - 1)
    if isinstance(coupling, DenseLoad):
        return 120 + 0.07 * float(disorder.number(coupling.load, numbers)) * float(N) ** (int(coupling.p) - 1)
    return float(disorder.number(coupling.load, numbers)) * N / 10


def degree(coupling, values):
    """The largest number of spins that Gaussian couplings join at these parameters."""
    import sympy

    names, numbers = list(coupling.overlaps or [symbol("q")]), {symbol(name): value for name, value in values.items()}
    terms = sympy.Poly(sympy.expand(coupling.covariance), *names).terms()
    return max((sum(degrees) for degrees, c in terms if disorder.number(c, numbers) != 0), default=0)


def most_spins(model, values):
    """The largest number of spins that the Gaussian couplings of a model join; 0 without such couplings."""
    return max((degree(c, values) for c in model.couplings if isinstance(c, GaussianCouplings)), default=0)


def replicas(model, values):
    """The number of chains of each disorder sample."""
    return MANY_REPLICAS if most_spins(model, values) > 2 else REPLICAS


def run_quenched(model, values, size, prediction, *, sweeps, samples, seed, warmup=None, threads=None, balanced=True, device="cpu"):
    """A QuenchedRun at checked parameter values.

    Parameters
    ----------
    model : theory.Model
    values : {name: float}
    size : int
    prediction : validate.replica_prediction.ReplicaPrediction, or None for sampling in equilibrium without a theory
    sweeps, samples : recorded sweeps and disorder samples
    seed, threads, balanced, device : see `validate.samplers.sample_quenched`
    warmup : discarded sweeps (default: half of `sweeps`)
    """
    protocol = "tempering" if prediction is None else prediction.protocol
    start, temperatures = ("pattern", ()) if protocol == "pattern" else (None, None)
    warmup = max(int(WARM_UP * sweeps), 100) if warmup is None else warmup
    thin = max(1, sweeps // RECORDS)
    chains = sample_quenched(model, values, size, sweeps=sweeps, warmup=warmup, replicas=replicas(model, values), disorder_samples=samples, seed=seed,
                             start=start, temperatures=temperatures, thin=thin, threads=threads, balanced=balanced,
                             device=device)
    return _measured(model, values, size, prediction, protocol, chains, sweeps, seed, balanced)


def _measured(model, values, size, prediction, protocol, chains, sweeps, seed, balanced):
    left = _left(prediction, chains.at_target)
    kept = ~left if left.mean() <= MAX_ESCAPED and (~left).sum() > 1 else np.ones_like(left)
    lost = 1 - kept.mean()
    draws, overlaps = chains.at_target[kept], chains.overlaps_at_target[kept]
    even = sign_symmetric(model, values)
    controls = _controls(model, values, size, seed, balanced, draws, overlaps) if protocol == "tempering" else None
    estimates, kurtosis = {}, {}
    for name, x in [*zip(chains.names, np.moveaxis(draws, -1, 0)), *zip(chains.overlap_names, np.moveaxis(overlaps, -1, 0))]:
        estimates[name] = sample_estimate(np.abs(x) if even and protocol == "tempering" else x, controls, lost)
        estimates[f"{name}^2"] = sample_estimate(x**2, controls, lost)
        second = np.mean(x**2)
        kurtosis[name] = float(np.mean(x**4) / second**2 - 3) if second > 0 else 0.0
    estimates["energy"] = sample_estimate(draws[..., -1], controls, lost)
    identity = None if controls is None or len(controls) < 3 else float(controls[:, 0].mean() / (controls[:, 0].std(ddof=1) / np.sqrt(len(controls))))
    histograms = {name: chains.histogram(BINS, k) for k, name in enumerate(chains.overlap_names)}
    from .simulate import reported

    return QuenchedRun(model.name, reported(model, values), size, estimates, kurtosis, len(draws), draws.shape[1], sweeps, seed,
                       chains.algorithm, chains.acceptance, protocol, float(left.mean()), identity,
                       tuple(chains.temperatures), tuple(chains.swap_rates), chains.round_trips, histograms)


def _left(prediction, draws):
    """Disorder samples of which a chain ends, over its last quarter, at less than half the theory's overlap with the pattern, bool (samples,)."""
    if prediction is None or prediction.protocol != "pattern":
        return np.zeros(len(draws), dtype=bool)
    a = int(np.argmax(np.abs(prediction.state)))
    last = draws[:, :, -max(1, draws.shape[2] // 4) :, a].mean(axis=2) / prediction.state[a]
    return (last < ESCAPED).any(axis=1)


def sample_estimate(draws, controls=None, lost=0.0):
    """An expectation over disorder and chains.

    Parameters
    ----------
    draws : array (disorder samples, replicas, records)
    controls : array (disorder samples, k) or None, known to be zero on average: what they explain of the samples' means is taken out
    lost : share of samples that were left out for what they did; whichever they were, they shift a mean by at most sd sqrt(p / (1 - p))
    """
    samples, replicas, records = draws.shape
    means = draws.mean(axis=(1, 2))
    used = 0 if controls is None or samples < MIN_CONTROLLED else controls.shape[1]
    reduced = _controlled(means, controls) if used else means
    error = float(reduced.std(ddof=1 + used) * np.sqrt(1 / samples + lost / (1 - lost))) if samples > 1 else np.nan
    if np.ptp(draws) == 0:
        return Estimate(float(reduced.mean()), error, None, None, None)
    thermal = (draws - means[:, None, None]).reshape(-1, records)
    ess = effective_sample_size(thermal)
    return Estimate(float(reduced.mean()), error, float(draws.size / ess), _r_hat(draws), float(ess))


def _controlled(means, controls):
    """Means less the part that is linear in control variates of zero expectation, by least squares."""
    slopes, *_ = np.linalg.lstsq(controls - controls.mean(axis=0), means - means.mean(), rcond=None)
    return means - controls @ slopes


def _r_hat(draws):
    """Split R-hat of ranks among all draws of the same disorder sample, pooled over samples."""
    folded = np.abs(draws - np.median(draws, axis=(1, 2), keepdims=True))
    return float(max(_pooled(draws), _pooled(folded)))


def _pooled(draws):
    from scipy.special import ndtri
    from scipy.stats import rankdata

    samples, replicas, records = draws.shape
    ranks = rankdata(draws.reshape(samples, -1), axis=1)
    half = records // 2
    scores = ndtri((ranks - 0.375) / (replicas * records + 0.25)).reshape(samples, replicas, records)
    halves = np.concatenate([scores[..., :half], scores[..., -half:]], axis=1)
    within, between = halves.var(axis=2, ddof=1).mean(), halves.mean(axis=2).var(axis=1, ddof=1).mean()
    if within == 0:
        return 1.0 if between == 0 else np.inf
    return np.sqrt((half - 1) / half + between / within)


def sign_symmetric(model, values):
    """Whether H stays the same when all spins are turned around, tried on one small sample."""
    generator = np.random.default_rng(0)
    sample = realise(model, values, 12, generator)
    spins = generator.choice([-1.0, 1.0], size=(4, sample.size))
    return bool(np.allclose(sample.hamiltonian(spins), sample.hamiltonian(-spins)))


def _controls(model, values, size, seed, balanced, draws, overlaps):
    """Quantities of each disorder sample that are zero on average, shape (samples, 3), the first what `_residual` says; None if there are none.

    The others are the sum of the couplings' local fields where all spins are up, and the sum of their squares less its mean: what they do to
    a magnetised state is most of what its samples differ by.
    """
    if not model.couplings or model.site_energy != 0 or not all(isinstance(c, GaussianCouplings) for c in model.couplings):
        return None
    samples = [realise(model, values, size, np.random.default_rng(rng.stream(seed, size, 0, d)), balanced) for d in range(len(draws))]
    fields = np.array([_local_fields(sample) for sample in samples])
    squares = (fields**2).sum(axis=1) / size - _mean_square(model, values, samples[0])
    return np.column_stack([_residual(model, values, samples[0], draws, overlaps), fields.sum(axis=1) / size, squares])


def _local_fields(sample):
    """Local field (n,) of each spin from the random couplings where all spins are up."""
    total = np.zeros(sample.size) if sample.couplings is None else sample.couplings.sum(axis=1)
    for p, couplings in sample.tensors.items():
        total = total + sum(np.bincount(column, couplings, sample.size) for column in _sets(sample.size, p))
    return total


@lru_cache(maxsize=8)
def _sets(n, p):
    """The sets of p of n sites in the order of `itertools.combinations`, shape (p, C(n, p))."""
    return np.array(list(combinations(range(n), p))).T


def _mean_square(model, values, sample):
    """Mean over disorder of the sum of squares of `_local_fields`, over N: a coupling of p spins is in the fields of p of them."""
    numbers, up = {symbol(name): value for name, value in values.items()}, dict.fromkeys(model.overlaps, 1.0)
    return sum(sum(degrees) * x for c in model.couplings for degrees, x in _finite_terms(c, model, numbers, sample, up))


def _residual(model, values, sample, draws, overlaps):
    """u_couplings + beta [c(1) - c(q12)] of each disorder sample, which integration by parts over Gaussian couplings makes zero on average.

    It tells whether the chains are in equilibrium: the energy comes down with time, the overlap of replicas goes up (Katzgraber, Palassini
    and Young, Phys. Rev. B 63, 184422 (2001)). c is the covariance at finite N, without coinciding sites; `sample` is any one sample.
    """
    numbers, at = {symbol(name): value for name, value in values.items()}, dict(zip(model.overlaps, np.moveaxis(overlaps, -1, 0)))
    one, other = (sum(x for c in model.couplings for _, x in _finite_terms(c, model, numbers, sample, q)) for q in (dict.fromkeys(at, 1.0), at))
    signal = disorder.number(model.energy, numbers | dict(zip(model.order_parameters, np.moveaxis(draws[..., :-1], -1, 0))))
    return (draws[..., -1] - signal).mean(axis=(1, 2)) + np.mean(np.broadcast_to(one - other, draws.shape[:1] + overlaps.shape[1:3]), axis=(1, 2)) / values["T"]


def _finite_terms(coupling, model, numbers, sample, overlaps):
    """(degrees, term) of E[H H'] / N of Gaussian couplings at finite N, {overlap: value or array}: q^p without coinciding sites."""
    import sympy

    names = list(coupling.overlaps or model.overlaps)
    sizes = dict(zip(model.overlaps, np.bincount(sample.layers)))
    for degrees, c in sympy.Poly(sympy.expand(coupling.covariance), *names).terms():
        factors = [_of_different_sites(d, int(sizes[name]), overlaps[name]) for name, d in zip(names, degrees)]
        yield degrees, float(disorder.number(c, numbers)) * np.prod(np.broadcast_arrays(*factors), axis=0)


def _of_different_sites(degree, n, q):
    """The sum of products of `degree` different ones of n signs of mean q, over all ordered choices, over n^degree."""
    return np.polynomial.polynomial.polyval(n * np.asarray(q), distinct_products(n, degree)) / float(n) ** degree
