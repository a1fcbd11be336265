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

from theory.errors import InputError
from theory.symbols import symbol

from . import disorder, kernels, rng
from .energy import compile_energy, energy_at, parameter_array

ALGORITHMS = ("auto", "two-layer", "single-site")
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
    """

    draws: np.ndarray
    from_state: np.ndarray
    algorithm: str
    acceptance: float


def sample(model, values, N, *, sweeps, warmup, chains=64, seed=0, state=None, balanced=True, algorithm="auto", threads=None):
    """Sample a model of N sites.

    Parameters
    ----------
    model : theory.Model without quenched couplings, with classical sites
    values : {name: float}, temperature and parameters
    N : int, number of sites
    sweeps, warmup : int, recorded and discarded sweeps
    chains : int
    seed : int; chain i of size N is the same bit for bit whatever the number of chains and threads
    state : array (n,) or None
        Three chains of four start in this state; without it all start at random.
    balanced : bool, how disorder is drawn (see `validate.disorder`)
    algorithm : "auto", "two-layer" (finite sites: all sites at once, given a Gaussian layer) or "single-site"
    threads : int or None, as many as there are processors

    Returns
    -------
    Chains
    """
    problem = Problem(model, values, N, algorithm)
    from_state = np.arange(chains) % 4 != 3 if state is not None else np.zeros(chains, dtype=bool)
    draws = np.empty((chains, sweeps, len(model.order_parameters) + 1))
    states = rng.states(seed, N, 0, chains=chains)

    def run(i):
        generator = np.random.default_rng(rng.stream(seed, N, 1, i))
        chain = problem.chain(disorder.draw(model, values, N, generator, balanced), states[i])
        _warm_up(chain, problem, state if from_state[i] else None, warmup)
        return chain.advance(problem.beta, draws[i])

    # The first chain compiles whatever is not compiled yet, before threads share it.
    accepted = [run(0)]
    threads = threads or os.cpu_count()
    if threads == 1:
        accepted += map(run, range(1, chains))
    else:
        with ThreadPoolExecutor(threads) as pool:
            accepted += pool.map(run, range(1, chains))
    return Chains(draws, from_state, problem.algorithm, float(np.mean(accepted)))


@dataclass(frozen=True)
class Problem:
    """What all chains of one model at one parameter point share."""

    model: object
    values: dict
    N: int
    requested: str = "auto"

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

    @property
    def beta(self):
        """Inverse temperature."""
        return 1 / self.values["T"]

    @property
    def algorithm(self):
        """The algorithm in use."""
        two_layer = self.requested == "two-layer" or (self.requested == "auto" and self.model.site.kind == "finite")
        return "two-layer" if two_layer else "single-site"

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
        t = disorder.table(problem.model, problem.values, sample)
        self.table = (t.sizes, t.functions, t.energies, t.log_weights)
        self.counts = np.zeros(t.energies.shape, dtype=np.int64)

    def place(self, beta, field):
        kernels.draw_counts(self.state, beta, field, *self.table, self.counts)

    def advance(self, beta, draws):
        p = self.problem
        phi = np.empty(self.table[1].shape[2])
        kernels.measure_counts(self.counts, p.N, *self.table[1:3], phi)
        stiffness, root = p.stiffness(phi)
        return kernels.two_layer(self.state, p.address, p.parameters, beta, p.N, *self.table, stiffness, root, self.counts, draws)


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
        kernels.heat_bath(self.state, p.address, p.parameters, beta, self.classes, t.functions, t.energies, t.log_weights, self.spins, draws)
        return 1.0


class _Vectors:
    """Unit vectors."""

    def __init__(self, problem, sample, state):
        self.problem, self.state = problem, state
        model = problem.model
        _require_even(model)
        self.slopes = np.stack([_per_site(c[1], sample, problem) for c in _powers(model, 1)], axis=1)
        self.fields = -_per_site(_coefficients(model, model.site_energy, 1)[1], sample, problem)

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
        site, model = problem.model.site, problem.model
        self.measure = tuple(float(disorder.number(x, problem.numbers)) for x in (site.mean, site.variance))
        columns = [[_per_site(x, sample, problem) for x in c] for c in _powers(model, 2)]
        self.functions = np.ascontiguousarray(np.moveaxis(columns, -1, 0))
        self.energies = np.stack([_per_site(x, sample, problem) for x in _coefficients(model, model.site_energy, 2)], axis=1)

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
