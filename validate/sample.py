"""Markov chains of any model at finite N, many at once, from its own Hamiltonian.

Every chain has its own disorder sample. Chains start in a given state (sites drawn independently in
the field of that state) or at random and are then cooled down to the temperature asked for.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy

from theory.disorder import Normal
from theory.errors import InputError
from theory.symbols import symbol

from . import disorder, kernels, rng
from .energy import compile_energy, energy_at, parameter_array
from .resume import pieces

ALGORITHMS = ("auto", "two-layer", "single-site", "batched")
RULES = ("heat-bath", "metropolis")
# Numbers of all chains together that one batch of the sampler in torch may hold.
BATCH = 2**25
# Classes up to which it is worth looking for those that are the same but for the names of their states.
MERGED = 256
COOLING = np.linspace(0.1, 1.0, 9)[:-1]
STIFFNESS_FLOOR = 0.05


@dataclass(frozen=True)
class Chains:
    """Draws of independent chains.

    Attributes
    ----------
    draws : array (chains, sweeps, n + 1), order parameters and energy per site after each sweep
    from_state : bool array (chains,), which of them started in the given state
    algorithm : str
    acceptance : float
        Share of accepted proposals (1 for heat baths).
    device : "cpu" or "cuda"
    """

    draws: np.ndarray
    from_state: np.ndarray
    algorithm: str
    acceptance: float
    device: str = "cpu"


def sample(model, values, N, *, sweeps, warmup, chains=64, seed=0, state=None, balanced=True, algorithm="auto", rule="heat-bath",
           device="cpu", threads=None):
    """Sample a model of N sites.

    Parameters
    ----------
    model : theory.Model without quenched couplings, with classical sites
    values : {name: float}, temperature and parameters
    N : int, number of sites
    sweeps, warmup : int, recorded and discarded sweeps
    chains : int
    seed : int; chain i of size N is the same bit for bit whatever the number of chains and threads; chains of the batched
        algorithm are the same for equal numbers of chains and threads, devices and versions
    state : array (n,) or None
        Three chains of four start in this state; without it all start at random.
    balanced : bool, how disorder is drawn (see `validate.disorder`)
    algorithm : "auto", "two-layer" (finite sites: all sites at once, given a Gaussian layer), "single-site", or "batched" (all
        sites given a Gaussian layer, all chains at once, in torch)
    rule : "heat-bath" or, for single sites with finitely many states, "metropolis"
    device : "cpu", "cuda" (batched) or "auto", a GPU where there is one and enough work for it
    threads : int or None, as many as there are processors

    Returns
    -------
    Chains
    """
    problem = Problem(model, values, N, algorithm, rule, chosen_device(model, N * chains, algorithm, device))
    from_state = np.arange(chains) % 4 != 3 if state is not None else np.zeros(chains, dtype=bool)
    start = None if state is None else tuple(map(float, state))
    key = (model.name, sorted(values.items()), N, sweeps, warmup, seed, problem.algorithm, rule, balanced, start)
    make = _batches if problem.algorithm == "batched" else _one_by_one
    draws, acceptance = make(problem, key, from_state, state, sweeps, warmup, seed, balanced, threads)
    return Chains(draws, from_state, problem.algorithm, acceptance, problem.device)


def _one_by_one(problem, key, from_state, state, sweeps, warmup, seed, balanced, threads):
    """Draws of compiled chains, several at a time."""
    chains, n = len(from_state), len(problem.model.order_parameters)
    draws, accepted = np.empty((chains, sweeps, n + 1)), np.empty(chains)
    states, kept = rng.states(seed, problem.N, 0, chains=chains), pieces("chains", *key)

    def made(i):
        generator = np.random.default_rng(rng.stream(seed, problem.N, 1, i))
        chain = problem.chain(disorder.draw(problem.model, problem.values, problem.N, generator, balanced), states[i])
        _warm_up(chain, problem, state if from_state[i] else None, warmup)
        own = np.empty((sweeps, n + 1))
        return own, chain.advance(problem.beta, own)

    def run(i):
        draws[i], accepted[i] = kept((i, int(from_state[i])), lambda: made(i))

    # The first chain compiles whatever is not compiled yet, before threads share it.
    run(0)
    threads = threads or os.cpu_count()
    if threads == 1:
        for i in range(1, chains):
            run(i)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(run, range(1, chains)))
    return draws, float(accepted.mean())


def _batches(problem, key, from_state, state, sweeps, warmup, seed, balanced, threads):
    """Draws of chains in torch, those with the same kind of start together."""
    from .samplers.on_torch import processors
    from .samplers.sites_on_torch import KINDS

    draws, accepted = np.empty((len(from_state), sweeps, len(problem.model.order_parameters) + 1)), np.empty(len(from_state))
    kept = pieces("batches", len(from_state), threads, problem.device, *key)

    def made(chains, place):
        generators = [np.random.default_rng(rng.stream(seed, problem.N, 1, i)) for i in chains]
        samples = [disorder.draw(problem.model, problem.values, problem.N, generator, balanced) for generator in generators]
        batch = KINDS[problem.model.site.kind](problem, samples, rng.stream(seed, problem.N, 2, *place), problem.device)
        _warm_up_batch(batch, problem, state if from_state[chains[0]] else None, len(chains), warmup)
        return batch.advance(problem.beta, sweeps)

    with processors(threads):
        for started in (True, False):
            alike = np.flatnonzero(from_state == started)
            size = max(1, BATCH // (problem.N * getattr(problem.model.site, "n", 1)))
            for first in range(0, len(alike), size):
                chains, place = alike[first : first + size], (int(started), first)
                draws[chains], accepted[chains] = kept(place, lambda: made(chains, place))
    return draws, float(accepted.mean())


def chosen_device(model, work, algorithm, device):
    """The device in use; a GPU by itself where sites are many and all different.

    Raises
    ------
    InputError
        For an unknown device, and where a GPU is asked for and there is none.
    """
    from .samplers import on_torch

    on_torch.require_device(device)
    if device != "auto":
        return device
    different = model.site.kind != "finite" or any(isinstance(d, Normal) for d in model.disorder.values())
    asks = different and algorithm in ("auto", "batched") and work >= on_torch.ENOUGH_SPINS
    return "cuda" if asks and on_torch.has_gpu() else "cpu"


@dataclass(frozen=True)
class Problem:
    """What all chains of one model at one parameter point share."""

    model: object
    values: dict
    N: int
    requested: str = "auto"
    rule: str = "heat-bath"
    device: str = "cpu"

    def __post_init__(self):
        if self.N < 2:
            raise InputError(f"the size must be at least 2 sites: got {self.N}")
        if self.model.couplings:
            raise InputError(f"{self.model.name} has quenched couplings: use sample_quenched")
        if not self.values["T"] > 0:
            raise InputError("sampling needs T > 0: at T = 0 use solve")
        if self.requested not in ALGORITHMS:
            raise InputError(f"algorithm must be one of {', '.join(ALGORITHMS)}: got {self.requested!r}")
        if self.model.site.kind not in _CHAINS:
            raise InputError(f"{self.model.name} has {self.model.site.kind} sites: use validate.exact")
        if self.requested == "two-layer" and self.model.site.kind != "finite":
            raise InputError("the two-layer algorithm takes sites with finitely many states: use algorithm='single-site'")
        if self.rule not in RULES:
            raise InputError(f"rule must be {' or '.join(RULES)}: got {self.rule!r}")
        if self.rule == "metropolis" and (self.model.site.kind != "finite" or self.requested != "single-site"):
            raise InputError("rule='metropolis' is for single sites of finitely many states: use it with algorithm='single-site'")
        if self.device == "cuda" and self.requested not in ("auto", "batched"):
            raise InputError(f"algorithm={self.requested!r} runs on the CPU: use algorithm='batched' on device='cuda'")

    @property
    def beta(self):
        """Inverse temperature."""
        return 1 / self.values["T"]

    @property
    def algorithm(self):
        """The algorithm in use."""
        if self.requested != "auto":
            return self.requested
        if self.device == "cuda":
            return "batched"
        return "two-layer" if self.model.site.kind == "finite" else "single-site"

    @cached_property
    def address(self):
        """Address of the compiled energy."""
        return compile_energy(self.model).address

    @cached_property
    def parameters(self):
        """Parameter values for the compiled energy."""
        return parameter_array(self.model, self.values)

    @cached_property
    def numbers(self):
        """Parameter values by symbol."""
        return {symbol(name): value for name, value in self.values.items()}

    def field(self, phi):
        """-grad e at phi, shape (n,)."""
        return -energy_at(self.model, self.values, phi)[1]

    @cached_property
    def curved(self):
        """Indices of the order parameters in which the energy is not affine."""
        second = [[self.model.energy.diff(a, b) != 0 for b in self.model.order_parameters] for a in self.model.order_parameters]
        return np.flatnonzero(np.any(second, axis=1))

    @cached_property
    def energy(self):
        """The energy as a numpy function."""
        from meanfield.search.energy import energy_of

        return energy_of(self.model, self.values)

    def stiffness(self, phi):
        """A = |e''(phi)|, kept away from zero, and a root of its inverse; zero where e is affine."""
        return self.quadratic or self._stiffness(phi)

    @cached_property
    def quadratic(self):
        """The stiffness of a quadratic energy, the same everywhere; None for others."""
        order = list(self.model.order_parameters)
        third = any(self.model.energy.diff(a, b, c) != 0 for a in order for b in order for c in order)
        return None if third else self._stiffness(np.zeros(len(order)))

    @cached_property
    def concave(self):
        """Whether e is quadratic with e'' = -A, so that given the layer sites have exactly the law of the model."""
        if self.quadratic is None:
            return False
        curvature = self.energy.curvature(np.zeros(len(self.model.order_parameters)))[0]
        return bool(np.allclose(curvature, -self.quadratic[0], rtol=1e-12, atol=0))

    def _stiffness(self, phi):
        A, root = np.zeros((len(phi), len(phi))), np.zeros((len(phi), len(phi)))
        if len(self.curved):
            square = np.ix_(self.curved, self.curved)
            eigenvalues, vectors = np.linalg.eigh(self.energy.curvature(phi)[0][square])
            eigenvalues = np.maximum(np.abs(eigenvalues), STIFFNESS_FLOOR * self.values["T"])
            A[square] = (vectors * eigenvalues) @ vectors.T
            root[square] = vectors / np.sqrt(eigenvalues)
        return A, root

    def chain(self, sample, state):
        """A chain on a disorder sample, with its generator's state."""
        kind = _Counts if self.algorithm == "two-layer" else _CHAINS[self.model.site.kind]
        return kind(self, sample, state)


class _Counts:
    """Occupation numbers of (class, state)."""

    def __init__(self, problem, sample, state):
        self.problem, self.state = problem, state
        self.table = _merged(disorder.table(problem.model, problem.values, sample))
        self.counts = np.zeros(self.table[2].shape, dtype=np.int64)

    def place(self, beta, field):
        kernels.draw_counts(self.state, beta, field, *self.table, self.counts)

    def advance(self, beta, draws):
        p = self.problem
        phi = np.empty(self.table[1].shape[2])
        kernels.measure_counts(self.counts, p.N, *self.table[1:3], phi)
        stiffness, root = p.stiffness(phi)
        layer = stiffness, root, p.concave
        return kernels.two_layer(self.state, p.address, p.parameters, beta, p.N, *self.table, *layer, self.counts, draws)


def _merged(table):
    """Sizes, functions, energies and log weights, classes put together that differ by the naming of states alone."""
    if np.ptp(table.log_weights) == 0 and 1 < len(table.sizes) <= MERGED:
        sizes, functions, energies, _ = disorder.merged(table)
        return sizes, np.ascontiguousarray(functions), np.ascontiguousarray(energies), table.log_weights
    return table.sizes, table.functions, table.energies, table.log_weights


class _Spins:
    """The state of every site, finitely many states."""

    def __init__(self, problem, sample, state):
        self.problem, self.state = problem, state
        self.table = disorder.table(problem.model, problem.values, sample)
        self.classes = np.repeat(np.arange(len(sample.sizes)), sample.sizes)

    def place(self, beta, field):
        t = self.table
        counts = np.zeros(t.energies.shape, dtype=np.int64)
        kernels.draw_counts(self.state, beta, field, t.sizes, t.functions, t.energies, t.log_weights, counts)
        self.spins = np.concatenate([np.repeat(np.arange(len(row)), row) for row in counts])

    def advance(self, beta, draws):
        p, t = self.problem, self.table
        table = self.classes, t.functions, t.energies, t.log_weights
        arguments = self.state, p.address, p.parameters, beta, *table, self.spins, draws
        if p.rule == "metropolis":
            return kernels.metropolis(*arguments)
        kernels.heat_bath(*arguments)
        return 1.0


class _Vectors:
    """Unit vectors."""

    def __init__(self, problem, sample, state):
        self.problem, self.state = problem, state
        self.slopes, self.fields = vector_coefficients(problem, sample)

    def place(self, beta, field):
        total = beta * (self.slopes @ field + self.fields)
        directions = np.zeros((len(total), self.problem.model.site.n))
        directions[:, 0] = total
        self.spins = np.empty_like(directions)
        kernels.unit_vectors(self.state, directions, self.spins)

    def advance(self, beta, draws):
        p = self.problem
        fixed = bool(self.fields.any())
        kernels.vectors(self.state, p.address, p.parameters, beta, self.slopes, self.fields, fixed, self.spins, draws)
        return 1.0


class _Gaussians:
    """Gaussian variables."""

    def __init__(self, problem, sample, state):
        self.problem, self.state = problem, state
        self.measure, self.functions, self.energies = gaussian_coefficients(problem, sample)

    def place(self, beta, field):
        exponent = beta * (np.einsum("iak,a->ik", self.functions, field) - self.energies)
        square = np.minimum(exponent[:, 2], 0.25 / self.measure[1])
        self.spins = np.array([kernels.gaussian_variable(self.state, *self.measure, b, c) for b, c in zip(exponent[:, 1], square)])

    def advance(self, beta, draws):
        p = self.problem
        kernels.gaussians(self.state, p.address, p.parameters, beta, *self.measure, self.functions, self.energies, self.spins, draws)
        return 1.0


_CHAINS = {"finite": _Spins, "sphere": _Vectors, "gaussian": _Gaussians}


def _warm_up(chain, problem, state, sweeps):
    """Start in a state, or at random and cool down during the first half; then forget what came before."""
    n = len(problem.model.order_parameters)
    if state is not None:
        chain.place(problem.beta, problem.field(state))
    else:
        chain.place(0.0, np.zeros(n))
        for share in COOLING:
            chain.advance(share * problem.beta, np.empty((sweeps // (2 * len(COOLING)), n + 1)))
    # Twice, because the two-layer algorithm tunes itself to the state it finds at each call.
    for _ in range(2):
        chain.advance(problem.beta, np.empty((sweeps // 4, n + 1)))


def _warm_up_batch(batch, problem, state, chains, sweeps):
    """`_warm_up` of all chains together."""
    n = len(problem.model.order_parameters)
    if state is not None:
        batch.place(problem.beta, np.tile(problem.field(state), (chains, 1)))
    else:
        batch.place(0.0, np.zeros((chains, n)))
        for share in COOLING:
            batch.advance(share * problem.beta, sweeps // (2 * len(COOLING)))
    for _ in range(2):
        batch.advance(problem.beta, sweeps // 4)


def vector_coefficients(problem, sample):
    """What unit vectors have along the first axis: slopes (N, n) of the order parameters, fields (N,)."""
    model = problem.model
    _require_even(model)
    slopes = np.stack([_per_site(c[1], sample, problem) for c in _powers(model, 1)], axis=1)
    return slopes, -_per_site(_coefficients(model, model.site_energy, 1)[1], sample, problem)


def gaussian_coefficients(problem, sample):
    """(mean, variance) of Gaussian sites, coefficients of 1, s, s^2 in order parameters (N, n, 3) and site energy (N, 3)."""
    site, model = problem.model.site, problem.model
    measure = tuple(float(disorder.number(x, problem.numbers)) for x in (site.mean, site.variance))
    columns = [[_per_site(x, sample, problem) for x in c] for c in _powers(model, 2)]
    energies = np.stack([_per_site(x, sample, problem) for x in _coefficients(model, model.site_energy, 2)], axis=1)
    return measure, np.ascontiguousarray(np.moveaxis(columns, -1, 0)), energies


def _require_even(model):
    for a in model.order_parameters:
        odd = sympy.expand(model.energy - model.energy.xreplace({a: -a}))
        if odd != 0:
            raise InputError(f"vector sites: the energy must depend on the length of {a}, so be even in it; {odd / 2} is odd")


def _powers(model, degree):
    return [_coefficients(model, g, degree) for g in model.order_parameters.values()]


def _coefficients(model, expr, degree):
    """Coefficients of the powers of the site variable, lowest first."""
    variable = model.site.variables[0]
    expanded = sympy.expand(expr)
    return [expanded.coeff(variable, k) for k in range(degree + 1)]


def _per_site(expr, sample, problem):
    """Values of an expression in the disorder, one for each site."""
    value = disorder.number(expr, problem.numbers | sample.values)
    return np.repeat(np.broadcast_to(np.asarray(value, dtype=float), sample.sizes.shape), sample.sizes)
