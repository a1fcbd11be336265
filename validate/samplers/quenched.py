"""Markov chains of models with quenched couplings: several replicas of each disorder sample, in exchange over a ladder of
temperatures."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from meanfield.kernels.cache import digest
from theory.errors import InputError

from .. import rng
from ..resume import pieces
from ..sample import COOLING
from . import instance, ladder, on_torch, systems
from .simd import aligned, generator
from .tempering import advance

ALGORITHMS = ("auto", "dense", "patterns", "powers", "tensors", *on_torch.MOVES)
# Replicas that share a disorder sample in one piece of work.
BLOCK = 128
# What is kept of a disorder sample: draws, overlaps, swaps, round trips, acceptance.
RECORD = 5


@dataclass(frozen=True)
class QuenchedChains:
    """Draws of replicas of several disorder samples.

    Attributes
    ----------
    draws : array (disorder samples, replicas, temperatures, records, n + 1), order parameters and energy per site
    overlaps : array (disorder samples, pairs, temperatures, records, L), overlaps of two replicas of the same disorder, one for
        each layer
    pairs : int array (pairs, 2), the replicas compared: all pairs of up to four, else neighbours in a ring. Pairs that share a
        replica are not independent; errors come from disorder samples, or from every other pair of a ring.
    temperatures : array (temperatures,), increasing
    target : int, the place among them of the temperature asked for
    swap_rates : array (temperatures - 1,), share of accepted exchanges of neighbours
    round_trips : int, how often a replica went from the lowest temperature to the highest and back
    acceptance : float, share of sites that flipped
    algorithm : str
    device : str
    names : names of the order parameters; overlap_names : of the overlaps
    """

    draws: np.ndarray
    overlaps: np.ndarray
    pairs: np.ndarray
    temperatures: np.ndarray
    target: int
    swap_rates: np.ndarray
    round_trips: int
    acceptance: float
    algorithm: str
    device: str
    names: tuple
    overlap_names: tuple

    @property
    def at_target(self):
        """Draws at the temperature asked for, shape (disorder samples, replicas, records, n + 1)."""
        return self.draws[:, :, self.target]

    @property
    def overlaps_at_target(self):
        """Overlaps at the temperature asked for, shape (disorder samples, pairs, records, L)."""
        return self.overlaps[:, :, self.target]

    def histogram(self, bins=50, overlap=0, temperature=None):
        """P(q) at a temperature of the ladder, averaged over disorder, and its error from the spread of the disorder samples.

        Parameters
        ----------
        bins : int or array of edges
        overlap : which of the overlaps
        temperature : place in `temperatures`; by default the one asked for

        Returns
        -------
        centres, density, error : arrays
        """
        q = self.overlaps[:, :, self.target if temperature is None else temperature, :, overlap]
        edges = np.linspace(-1, 1, bins + 1) if np.isscalar(bins) else np.asarray(bins)
        each = np.array([np.histogram(sample, edges, density=True)[0] for sample in q])
        error = each.std(axis=0, ddof=1) / np.sqrt(len(each)) if len(each) > 1 else np.full(len(edges) - 1, np.nan)
        return (edges[1:] + edges[:-1]) / 2, each.mean(axis=0), error


def sample_quenched(
    model,
    values,
    N,
    *,
    sweeps,
    warmup,
    replicas=4,
    disorder_samples=16,
    temperatures=None,
    seed=0,
    start=None,
    balanced=True,
    rule="heat-bath",
    thin=1,
    algorithm="auto",
    device="auto",
    threads=None,
):
    """Sample a model of Ising spins with quenched couplings.

    Parameters
    ----------
    model : theory.Model of Ising spins on one layer or several
    values : {name: float}, temperature and parameters
    N : int, number of sites
    sweeps, warmup : int, recorded and discarded sweeps
    replicas : int, copies of every disorder sample at each temperature
    disorder_samples : int
    temperatures : sequence of the temperatures in exchange, values["T"] among them; () for that one alone; None to choose them
    seed : int; the chains are the same bit for bit whatever the number of threads
    start : None (at random), "pattern" (aligned with the first order parameter of the energy) or spins of shape (n,) or
        (replicas, n)
    balanced : bool, how the disorder of the sites is drawn (see `validate.disorder`)
    rule : "heat-bath", or "metropolis", which is faster near and above the transition but hardly ergodic far above it
    thin : int, sweeps from one record to the next
    algorithm : "auto", or how couplings are kept (see `systems`): "dense", "patterns", "powers", "tensors"; or in torch (see
        `on_torch`) "two-layer", "delayed", "memories"
    device : "cpu", "cuda" or "auto", a GPU where there is one and enough work for it
    threads : int or None, as many as there are processors

    Returns
    -------
    QuenchedChains
    """
    plan = _Plan(
        model,
        values,
        N,
        sweeps,
        warmup,
        replicas,
        disorder_samples,
        temperatures,
        seed,
        start,
        balanced,
        rule,
        thin,
        algorithm,
        device,
        threads,
    )
    if plan.algorithm in on_torch.MOVES:
        return plan.collect(plan.on_device(), disorder_samples)
    tasks = [(d, block) for d in range(disorder_samples) for block in range(len(plan.blocks))]
    plan.compile()
    kept = pieces("replicas", *plan.key)
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        done = list(pool.map(lambda task: kept(task, lambda: plan.run(*task)), tasks))
    return plan.collect(done, disorder_samples)


class _Plan:
    """What all disorder samples of one call share."""

    def __init__(
        self,
        model,
        values,
        N,
        sweeps,
        warmup,
        replicas,
        disorder_samples,
        temperatures,
        seed,
        start,
        balanced,
        rule,
        thin,
        algorithm,
        device,
        threads=None,
    ):
        self.model, self.values, self.N, self.seed, self.balanced, self.start = model, values, N, seed, balanced, start
        self.sweeps, self.warmup, self.thin, self.requested = sweeps, warmup, thin, algorithm
        _check(values, N, sweeps, replicas, rule, thin, algorithm, start)
        self.metropolis, self.disorder_samples, self.threads = rule == "metropolis", disorder_samples, threads
        self.algorithm, self.device = self._where(self.instance(0), device, replicas * disorder_samples * N)
        self.temperatures = self._ladder(temperatures)
        rungs, begin = tuple(map(float, self.temperatures)), start
        if start is not None and not isinstance(start, str):
            begin = digest(str(np.asarray(start).tolist()))
        self.key = (model.name, sorted(values.items()), N, sweeps, warmup, thin, rule, seed, balanced, replicas)
        self.key += (self.algorithm, rungs, begin)
        copies = replicas if self.algorithm in on_torch.MOVES else min(replicas, max(2, BLOCK // len(self.temperatures)))
        self.blocks = [range(first, min(first + copies, replicas)) for first in range(0, replicas, copies)]

    def instance(self, d):
        """Disorder sample d."""
        return instance.realise(
            self.model, self.values, self.N, np.random.default_rng(rng.stream(self.seed, self.N, 0, d)), self.balanced
        )

    def _where(self, sample, device, spins):
        """The algorithm and the device."""
        on_torch.require_device(device)
        compiled, batched = systems.possible(sample), on_torch.possible(sample)
        if device == "auto":
            ask = self.requested in ("auto", *batched) and batched and spins >= on_torch.ENOUGH_SPINS
            device = "cuda" if ask and on_torch.has_gpu() else "cpu"
        fitting = batched if device == "cuda" else [*compiled, *batched]
        if self.metropolis:
            fitting = [name for name in fitting if name != "two-layer"]
        if not fitting:
            raise InputError(f"no sampler on device={device!r} covers the couplings of {self.model.name} together")
        if self.requested != "auto" and self.requested not in fitting:
            raise InputError(
                f"algorithm={self.requested!r} does not fit the couplings of {self.model.name} on device={device!r}: "
                f"use {' or '.join(map(repr, fitting))}"
            )
        return (fitting[0] if self.requested == "auto" else self.requested), device

    def _ladder(self, temperatures):
        T = self.values["T"]
        if temperatures is None:
            if self.algorithm not in on_torch.MOVES:
                return ladder.choose(self, self.instance(0), T)
            with on_torch.processors(self.threads):
                return ladder.choose(self, self.instance(0), T)
        found = np.unique(np.append(np.asarray(temperatures, dtype=float), T))
        if not found[0] > 0:
            raise InputError(f"temperatures in exchange must be positive: got {found[0]:g}")
        return found

    def system(self, sample, spins):
        """The compiled sampler's state for configurations (R, n), and what its energy leaves out."""
        return systems.build(self.algorithm, self.model, self.values, sample, spins)

    def chain(self, sample, spins, temperatures, key):
        """A chain of configurations (C, K, n) with generators of their own."""
        if self.algorithm in on_torch.MOVES:
            return on_torch.chain(
                self.algorithm, [sample], spins[None], temperatures, key, self.seed, self.device, self.metropolis
            )
        return Chain(self, sample, spins, temperatures, key)

    def spins(self, sample, copies, generator):
        """Configurations (C, K, n) to start from."""
        shape = (len(copies), len(self.temperatures), sample.size)
        if self.start is None:
            return generator.choice([-1.0, 1.0], size=shape)
        if isinstance(self.start, str):
            return np.broadcast_to(aligned_with(self.model, sample), shape)
        given = np.broadcast_to(
            np.asarray(self.start, dtype=float),
            (max(copies[-1] + 1, len(self.start) if np.ndim(self.start) > 1 else 0), sample.size),
        )
        return np.broadcast_to(given[list(copies)][:, None], shape)

    def compile(self):
        """Compile whatever is not compiled yet, before threads share it."""
        sample = self.instance(0)
        self.chain(sample, self._start(sample, 0, 0), self.temperatures, (self.N, 5)).advance(0)

    def run(self, d, block):
        """Draws of a block of replicas of disorder sample d."""
        sample = self.instance(d)
        chain = self.chain(sample, self._start(sample, d, block), self.temperatures, (self.N, 2, d, block))
        self._warm_up(chain)
        return chain.measure(self.sweeps, self.thin)

    def on_device(self):
        """Draws of all disorder samples, as many together as the device holds."""
        with on_torch.processors(self.threads):
            return self._in_batches()

    def _in_batches(self):
        done, kept = [], pieces("batches", self.disorder_samples, self.threads, self.device, *self.key)
        for batch in on_torch.batches(self.disorder_samples, self.instance(0), self.algorithm):
            flat = kept((batch[0], batch[-1]), lambda: [x for record in self._batch(batch) for x in record])
            done += [flat[k : k + RECORD] for k in range(0, len(flat), RECORD)]
        return done

    def _batch(self, batch):
        """Draws of the disorder samples of one batch."""
        samples = [self.instance(d) for d in batch]
        spins = np.stack([self._start(sample, d, 0) for sample, d in zip(samples, batch)])
        chain = on_torch.chain(
            self.algorithm, samples, spins, self.temperatures, (self.N, 2, batch[0]), self.seed, self.device, self.metropolis
        )
        self._warm_up(chain)
        return chain.measure(self.sweeps, self.thin)

    def _start(self, sample, d, block):
        return self.spins(sample, self.blocks[block], np.random.default_rng(rng.stream(self.seed, self.N, 1, d, block)))

    def _warm_up(self, chain):
        """All temperatures at once where they are in exchange; a single one is cooled down to from a random start."""
        if self.start is not None or len(self.temperatures) > 1:
            chain.advance(self.warmup)
            return
        for share in COOLING:
            chain.advance(self.warmup // (2 * len(COOLING)), heat=1 / share)
        chain.advance(self.warmup - self.warmup // 2)

    def collect(self, done, disorder_samples):
        """The result of all blocks together."""
        count = len(self.blocks)
        groups = [done[d * count : (d + 1) * count] for d in range(disorder_samples)]
        draws, overlaps = (np.stack([np.concatenate([x[k] for x in group]) for group in groups]) for k in (0, 1))
        draws[..., -1] /= self.N
        first = np.cumsum([0, *map(len, self.blocks)])
        pairs = np.concatenate([_pairs(len(b)) + f for b, f in zip(self.blocks, first)])
        swaps = sum(x[2] for x in done)
        with np.errstate(invalid="ignore"):
            rates = swaps[0, :-1] / swaps[1, :-1]
        acceptance = float(np.mean([x[4] for x in done]))
        target = int(np.flatnonzero(self.temperatures == self.values["T"])[0])
        return QuenchedChains(
            draws,
            overlaps,
            pairs,
            self.temperatures,
            target,
            rates,
            int(sum(x[3] for x in done)),
            acceptance,
            self.algorithm,
            self.device,
            self.model.names,
            self._overlap_names(),
        )


    def _overlap_names(self):
        """The overlaps' names in the order of the layers."""
        named = {variable: str(q) for q, variable in self.model.overlaps.items()}
        return tuple(named.get(variable, f"q_{variable}") for variable in self.model.site.variables)


class Chain:
    """Replicas of one disorder sample at several temperatures."""

    def __init__(self, plan, sample, spins, temperatures, key):
        copies, levels, n = spins.shape
        self.plan, self.sample, self.temperatures = plan, sample, np.asarray(temperatures, dtype=float)
        self.system, self.offset = plan.system(sample, np.ascontiguousarray(spins).reshape(-1, n))
        sequence = rng.stream(plan.seed, *key)
        self.state, self.decisions = generator(sequence), rng.stream(plan.seed, *key, 0).generate_state(4, np.uint64)
        self.where = np.arange(copies * levels).reshape(copies, levels)
        self.ends = np.zeros(copies * levels, dtype=np.int64)
        self.pairs, self.measures = _pairs(copies), self._measures()

    def _measures(self):
        """What `tempering.advance` measures; rows of +-1 have exact sums in single precision."""
        sample, stride = self.sample, self.system.stride
        layers = np.array([sample.layers == k for k in range(sample.layers.max() + 1)])
        rows, weights = aligned((len(sample.slopes), stride)), aligned((len(layers), stride))
        factors = np.abs(sample.slopes).max(axis=1, initial=0.0)
        rows[:, : sample.size] = sample.slopes / np.where(factors > 0, factors, 1.0)[:, None]
        weights[:, : sample.size] = layers
        return sample.intercept, factors, rows.ravel(), 1.0 / layers.sum(axis=1), weights.ravel()

    def advance(self, sweeps, heat=1.0):
        """Sweeps without records, at temperatures larger by a factor."""
        self._advance(sweeps, 1, heat, np.zeros((0, 0, 0, 1)), np.zeros((0, 0, 0, 1)))

    def measure(self, sweeps, thin):
        """Records (draws, overlaps, swaps, round trips, acceptance)."""
        (copies, levels), records = self.where.shape, sweeps // thin
        draws = np.empty((copies, levels, records, len(self.sample.slopes) + 1))
        overlaps = np.empty((len(self.pairs), levels, records, self.sample.layers.max() + 1))
        swaps, flips, trips = self._advance(sweeps, thin, 1.0, draws, overlaps)
        return draws, overlaps, swaps, trips, flips / (sweeps * copies * levels * self.sample.size)

    def _advance(self, sweeps, thin, heat, draws, overlaps):
        scales = np.empty(self.where.size, dtype=np.float32)
        scales[self.where] = heat * self.temperatures / 2
        swaps = np.zeros((2, len(self.temperatures)))
        flips, trips = advance(
            self.system,
            self.state,
            self.decisions,
            heat * self.temperatures,
            scales,
            self.where,
            self.plan.metropolis,
            sweeps,
            thin,
            self.measures,
            self.offset,
            draws,
            self.pairs,
            overlaps,
            swaps,
            self.ends,
        )
        return swaps, flips, trips


def aligned_with(model, sample):
    """Spins along the first order parameter that the energy uses (the first of all if it uses none)."""
    used = [k for k, a in enumerate(model.order_parameters) if model.energy.has(a)]
    if not len(sample.slopes):
        raise InputError(f"{model.name} has no order parameter to start from: use start=None")
    slopes = sample.slopes[(used or [0])[0]]
    # Sites that the order parameter does not touch (other layers) follow those that go with it in the energy.
    for k in used[1:]:
        slopes = np.where(slopes == 0, sample.slopes[k], slopes)
    return np.where(slopes < 0, -1.0, 1.0)


def _pairs(copies):
    return np.array(on_torch.pairs_of(copies), dtype=np.int64).reshape(-1, 2)


def _check(values, N, sweeps, replicas, rule, thin, algorithm, start):
    if N < 2:
        raise InputError(f"the size must be at least 2 sites: got {N}")
    if not values["T"] > 0:
        raise InputError("sampling needs T > 0: at T = 0 use solve")
    if rule not in ("heat-bath", "metropolis"):
        raise InputError(f"rule must be heat-bath or metropolis: got {rule!r}")
    if algorithm not in ALGORITHMS:
        raise InputError(f"algorithm must be one of {', '.join(ALGORITHMS)}: got {algorithm!r}")
    if isinstance(start, str) and start != "pattern":
        raise InputError(f"start must be None, 'pattern' or an array of spins: got {start!r}")
    if replicas < 1 or thin < 1 or sweeps < thin:
        raise InputError("replicas and thin must be at least 1, and sweeps at least thin")
