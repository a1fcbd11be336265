"""Exact sums at small N, the witnesses of a derivation's limits.

Configurations are gathered by the value of the order parameters, disorder by the composition of
site types; where the compositions are too many they are sampled, with the linear part of the
sampling error removed. Quantum spins are diagonalised, vector spins integrated radially.
k_B = 1; everything is double precision.
"""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations_with_replacement, product

import numpy as np
import sympy

from .disorder import FiniteDistribution
from .errors import InputError
from .symbols import T as TEMPERATURE

MAX_SITES = 10
SAMPLES = 200
MAX_COMPOSITIONS = 1500
MAX_CONFIGURATIONS = 2_000_000
GAUSSIAN_NODES = 12
RADIAL_NODES = 48
MAX_VECTORS = 40
MAX_LEVELS = 700
_DIGITS = 9


def log_partition(model, size=MAX_SITES, samples=SAMPLES, seed=0, **parameters):
    """(1/N) E log Z of a model by exact summation.

    Parameters
    ----------
    model : Model
    size : int, number of sites N
    samples, seed : disorder samples where its configurations cannot all be summed
    parameters : T or beta, and the model's parameters

    Returns
    -------
    float
    """
    values = numbers(model.values(**parameters))
    beta = 1 / TEMPERATURE
    system = finite_system(model, values, size, -beta * model.site_energy, samples, seed)
    return system.averages(-beta * model.energy, values).log_partition


def numbers(values):
    """{symbol: float} from {name: number}."""
    from .symbols import symbol

    return {symbol(name): float(value) for name, value in values.items()}


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


def finite_system(model, values, size, one_body, samples=SAMPLES, seed=0, cells=None, typical=False,
                  states=None):
    """The N-site system of a model with one-body exponent `one_body`, ready for `averages`."""
    if model.site.kind == "quantum":
        return QuantumSystem(model, values, size, one_body, cells, typical)
    if model.site.kind == "sphere":
        return SphereSystem(model, values, size, one_body)
    return ClassicalSystem(model, values, size, one_body, samples, seed, cells, typical, states)


class ClassicalSystem:
    """N classical sites; finite states exactly, Gaussian ones by Gauss-Hermite quadrature.

    Parameters
    ----------
    values : {symbol: number}, everything in `one_body` and in the model but site and disorder
    one_body : Expr in the site variables and the disorder, exponent of one site's weight
    cells : [(probability, disorder values)] instead of the model's own disorder
    typical : take the one composition of site types nearest to their probabilities instead of the average
        over all, with the linear part of the rounding removed
    states : (states, weights) instead of the site's own
    """

    def __init__(self, model, values, size, one_body, samples=SAMPLES, seed=0, cells=None, typical=False, states=None):
        self.model, self.size, self.typical = model, size, typical
        self.types = site_types(model, values, one_body, cells, states)
        self.samples, self.seed = samples, seed
        self._powers = {}

    def averages(self, collective, values, observables=(), basin=None):
        """Averages over exp[N collective(phi)] times the one-body weights.

        With a `basin` (a point and its rivals), only over configurations nearer to the point.
        """
        names = tuple(self.model.order_parameters)
        exponent, *functions = (numeric(e, names, values) for e in (collective, *observables))
        correction = self._linear_part(collective, values, basin)
        weights, pressures, annealed, means, covariances = [], [], [], [], []
        for weight, types, phi, logs in self.disorder:
            phi, logs = _nearest(phi, logs, basin)
            logs = logs + self.size * exponent(phi)
            top = logs.max()
            mass = np.exp(logs - top)
            log_z = top + math.log(mass.sum())
            mass /= mass.sum()
            table = np.array([f(phi) for f in functions]).reshape(len(functions), len(mass))
            mean = table @ mass
            weights.append(weight)
            pressures.append((log_z - sum(correction[c] for c in types)) / self.size)
            annealed.append(math.log(weight) + log_z)
            means.append(mean)
            covariances.append((table * mass) @ table.T - np.outer(mean, mean))
        averaged = [np.tensordot(weights, np.array(x), axes=1) for x in (pressures, means, covariances)]
        spread = [self._standard_error(x) for x in (pressures, means, covariances)]
        return Averages(float(averaged[0]), float(np.logaddexp.reduce(annealed)), averaged[1], averaged[2],
                        float(spread[0]), spread[1], spread[2])

    def _standard_error(self, samples):
        if not self.sampled or self.typical:
            return 0 * np.array(samples)[0]
        return np.std(np.array(samples), axis=0) / math.sqrt(len(samples))

    @cached_property
    def sampled(self):
        """Whether the disorder is sampled instead of summed."""
        return math.comb(self.size + len(self.types) - 1, self.size) > MAX_COMPOSITIONS

    @cached_property
    def disorder(self):
        """[(probability, site types, phi values, log weights)], one for each disorder sample or composition."""
        if self.typical:
            types = self._typical_composition()
            return [(1.0, types, *self._density(types))]
        if self.sampled:
            rng = np.random.default_rng(self.seed)
            draws = [tuple(sorted(rng.choice(len(self.types), self.size, p=self._chances)))
                     for _ in range(self.samples)]
            return [(1 / self.samples, types, *self._density(types)) for types in draws]
        compositions = combinations_with_replacement(range(len(self.types)), self.size)
        return [(p, types, *self._density(types)) for types in compositions if (p := self._probability(types)) > 0]

    def _typical_composition(self):
        counts = _rounded(self._chances, self.size)
        return tuple(c for c, n in enumerate(counts) for _ in range(n))

    def _probability(self, types):
        return _multinomial(np.bincount(types, minlength=len(self.types)), self._chances)

    def _density(self, types):
        sums, logs = np.zeros((1, len(self.model.order_parameters))), np.zeros(1)
        for c in sorted(set(types)):
            sums, logs = _convolve((sums, logs), self._power(c, types.count(c)))
        return sums / self.size, logs

    def _power(self, c, n):
        key = (c, n)
        if key not in self._powers:
            site = (self.types[c].functions, self.types[c].logs)
            half = n // 2
            self._powers[key] = site if n == 1 else _convolve(self._power(c, half), self._power(c, n - half))
        return self._powers[key]

    def _linear_part(self, collective, values, basin):
        """Per site type, the deviation of its log-trace from the mean at a reference field (zero when exact)."""
        if not (self.sampled or self.typical):
            return np.zeros(len(self.types))
        field = self._reference_field(collective, values, basin)
        traces = np.logaddexp.reduce(self._stacked[0] @ field + self._stacked[1], axis=1)
        return traces - traces @ self._chances

    def _reference_field(self, collective, values, basin):
        """The field of the basin's point, else of a mean-field state found by damped iteration."""
        names = tuple(self.model.order_parameters)
        slopes = [numeric(collective.diff(a), names, values) for a in names]
        functions, logs = self._stacked
        phi = np.array(basin[0]) if basin else self._chances @ functions.max(axis=1)
        for _ in range(0 if basin else 100):
            field = np.array([f(phi[None, :])[0] for f in slopes])
            exponents = functions @ field + logs
            weights = np.exp(exponents - np.logaddexp.reduce(exponents, axis=1)[:, None])
            phi = 0.5 * (phi + np.einsum("c,cs,csa->a", self._chances, weights, functions))
        return np.array([f(phi[None, :])[0] for f in slopes])

    @cached_property
    def _chances(self):
        chances = np.array([t.probability for t in self.types])
        return chances / chances.sum()

    @cached_property
    def _stacked(self):
        """Functions (types, states, order parameters) and log weights (types, states)."""
        return np.array([t.functions for t in self.types]), np.array([t.logs for t in self.types])


@dataclass(frozen=True)
class SiteType:
    """One value of the disorder: its probability, the functions g of every state and their log weights."""

    probability: float
    functions: np.ndarray
    logs: np.ndarray


def site_types(model, values, one_body, cells=None, states=None):
    """The site types of a model, those with the same one-site measure of g merged."""
    cells = disorder_cells(model, values) if cells is None else cells
    states, weights = states or site_states(model.site, values)
    g = np.array([site_table(model, f, values, states, cells) for f in model.order_parameters.values()])
    exponents = site_table(model, one_body, values, states, cells) + np.log(weights)
    merged = {}
    for i, (chance, _) in enumerate(cells):
        if chance > 0:
            rows = np.column_stack([exponents[i], g[:, i].T])
            rows = rows[np.lexsort(np.round(rows, _DIGITS).T)]
            key = (np.round(rows, _DIGITS) + 0.0).tobytes()
            known = merged[key].probability if key in merged else 0.0
            merged[key] = SiteType(known + chance, rows[:, 1:], rows[:, 0])
    return list(merged.values())


def site_table(model, expr, values, states, cells):
    """A one-site function on every disorder cell and state, shape (cells, states)."""
    disorder = np.array([row for _, row in cells]).reshape(len(cells), len(model.disorder))
    exact = [state for state in getattr(model.site, "states", ())] or states
    columns = []
    for state in exact:
        at = dict(zip(model.site.variables, map(sympy.sympify, state)))
        columns.append(numeric(sympy.sympify(expr).xreplace(at), tuple(model.disorder), values)(disorder))
    return np.array(columns).T


def site_states(site, values, order=2 * GAUSSIAN_NODES):
    """States (n, variables) and weights (n,) of a site; quadrature nodes for a continuous one."""
    if site.kind == "finite":
        rows = [[_number(x, values) for x in state] for state in site.states]
        return np.array(rows), np.array([_number(w, values) for w in site.weights])
    if site.kind == "gaussian":
        nodes, weights = _hermite(_number(site.mean, values), _number(site.variance, values), order)
        return nodes[:, None], weights
    if site.kind == "sphere":
        cosines, weights = sphere_cosines(site.n)
        return cosines[:, None], weights
    raise InputError(f"a {site.kind} site has no list of states")


def disorder_cells(model, values, order=GAUSSIAN_NODES):
    """[(probability, values of the disorder variables)] over finite supports and quadrature nodes.

    Gaussian variables take `order` Gauss-Hermite nodes; None stands for the trapezoidal rule, exact to rounding.
    """
    axes = []
    for d in model.disorder.values():
        if isinstance(d, FiniteDistribution):
            axes.append([(_number(p, values), _number(x, values)) for x, p in zip(d.values, d.probabilities)])
        else:
            nodes, weights = _hermite(_number(d.mean, values), _number(d.variance, values), order)
            axes.append(list(zip(weights, nodes)))
    return [(math.prod(p for p, _ in cell), np.array([x for _, x in cell])) for cell in product(*axes)]


class OneSite:
    """One site in fields, summed state by state: log-trace, averages and entropy (disorder averaged).

    Parameters
    ----------
    values : {symbol: number} of T and the parameters
    """

    def __init__(self, model, values, cells=None, states=None):
        self.model, self.values = model, values
        continuous = sum(not isinstance(d, FiniteDistribution) for d in model.disorder.values())
        self.cells = cells or disorder_cells(model, values, order=24 if continuous > 1 else None)
        self.chances = np.array([p for p, _ in self.cells])
        if model.site.kind != "quantum":
            self.states, weights = states or site_states(model.site, values, order=80)
            self.log_weights = np.log(weights)

    def table(self, expr, values=None):
        """A one-site function on every disorder cell and state."""
        return site_table(self.model, expr, {**self.values, **(values or {})}, self.states, self.cells)

    def log_trace(self, exponent, values=None):
        """E log Tr exp(exponent)."""
        if self.model.site.kind == "quantum":
            return float(self.chances @ np.logaddexp.reduce(self._levels(exponent, values), axis=1))
        return float(self.chances @ np.logaddexp.reduce(self.table(exponent, values) + self.log_weights, axis=1))

    def mean(self, observable, exponent, values=None):
        """E <observable> with weight exp(exponent)."""
        if self.model.site.kind == "quantum":
            return self._quantum_mean(observable, exponent, values)
        return float(self.chances @ (self.table(observable, values) * self._weights(exponent, values)).sum(axis=1))

    def entropy(self, exponent, values=None):
        """-E Tr p log p relative to the a-priori weights; von Neumann's entropy of a quantum site."""
        if self.model.site.kind == "quantum":
            levels = self._levels(exponent, values)
            logs = levels - np.logaddexp.reduce(levels, axis=1)[:, None]
            return float(-self.chances @ (np.exp(logs) * logs).sum(axis=1))
        logs = self.table(exponent, values) + self.log_weights
        logs -= np.logaddexp.reduce(logs, axis=1)[:, None]
        return float(-self.chances @ (np.exp(logs) * (logs - self.log_weights)).sum(axis=1))

    def _weights(self, exponent, values):
        logs = self.table(exponent, values) + self.log_weights
        return np.exp(logs - np.logaddexp.reduce(logs, axis=1)[:, None])

    def _levels(self, exponent, values):
        return np.array([np.linalg.eigvalsh(self._matrix(exponent, values, cell)) for _, cell in self.cells])

    def _quantum_mean(self, observable, exponent, values):
        total = 0.0
        for chance, cell in self.cells:
            levels, vectors = np.linalg.eigh(self._matrix(exponent, values, cell))
            weights = np.exp(levels - levels.max())
            diagonal = np.einsum("ji,jk,ki->i", vectors, self._matrix(observable, values, cell), vectors)
            total += chance * float(weights @ diagonal / weights.sum())
        return total

    def _matrix(self, expr, values, cell):
        at = {**self.values, **(values or {}), **dict(zip(self.model.disorder, cell))}
        z, x = _pauli_sites(1)
        return _pauli(sympy.sympify(expr), self.model.site.variables, z[0], x[0], at)


class SphereSystem(ClassicalSystem):
    """N unit vectors: the radial density of their sum, and its angle with the field.

    The part of an exponent linear in the order parameter is a field along one direction, the rest a
    function of the modulus.
    """

    def __init__(self, model, values, size, one_body):
        if model.disorder or len(model.order_parameters) > 1 or sympy.sympify(one_body) != 0:
            raise NotImplementedError("no exact sums of vector spins with disorder, one-body terms or several order parameters")
        if size > MAX_VECTORS:
            raise NotImplementedError(f"exact sums of vector spins lose their digits beyond {MAX_VECTORS} sites: got {size}")
        (g,) = model.order_parameters.values()
        self.model, self.size = model, size
        self.scale = _number(g.coeff(model.site.variable), values)
        self._densities = {}

    def averages(self, collective, values, observables=(), basin=None):
        """Averages over exp[N collective(m)]."""
        (m,) = self.model.order_parameters
        parts = [self._split(e, values) for e in (collective, *observables)]
        radius, along, masses, logs = self._density(self._tilt(*parts[0]))
        exponent, *functions = [radial(radius[:, None]) + slope * along for radial, slope in parts]
        logs = logs + self.size * exponent
        mass = masses * np.exp(logs - logs.max())
        log_z = logs.max() + math.log(mass.sum())
        mass /= mass.sum()
        table = np.array(functions).reshape(len(functions), len(mass))
        means = table @ mass
        covariances = (table * mass) @ table.T - np.outer(means, means)
        return Averages(log_z / self.size, log_z, means, covariances)

    def _split(self, expr, values):
        """The radial part of a function of the order parameter, and its linear coefficient."""
        (m,) = self.model.order_parameters
        expr = sympy.sympify(expr)
        slope = expr.diff(m).xreplace({m: sympy.S.Zero})
        return numeric(expr - slope * m, (m,), values), _number(slope, values)

    def _tilt(self, radial, slope):
        """The field (in units of T) on one spin that leaves the smallest weights to compensate."""
        tilts, lengths = np.linspace(0.0, 25.0, 51), np.linspace(0.0, 1.0, 101)
        m = abs(self.scale) * lengths
        exponents = radial(m[:, None]) + abs(slope) * m
        cost = _log_radial(self.model.site.n, tilts) + (exponents - np.outer(tilts, lengths)).max(axis=1)
        return float(tilts[np.argmin(cost)])

    def _density(self, tilt):
        """Radius and component along the field (scaled), signed masses and log weights of the sum of the spins."""
        if tilt not in self._densities:
            n = self.model.site.n
            radii, masses, logs = radial_density(n, self.size, tilt)
            cosines, weights = sphere_cosines(n)
            radius = np.repeat(radii, len(cosines)) * self.scale / self.size
            spread = np.repeat(masses, len(cosines)) * np.tile(weights, len(radii))
            self._densities[tilt] = radius, radius * np.tile(cosines, len(radii)), spread, np.repeat(logs, len(cosines))
        return self._densities[tilt]


class QuantumSystem:
    """N quantum spins 1/2: sites of one type have a collective spin, and the blocks of these are diagonalised."""

    def __init__(self, model, values, size, one_body, cells=None, typical=False):
        self.model, self.size, self.values = model, size, values
        self.one_body = sympy.sympify(one_body)
        cells = cells or disorder_cells(model, values)
        self.chances = np.array([p for p, _ in cells])
        self.cells = [dict(zip(model.disorder, row)) for _, row in cells]
        self.compositions = self._compositions(typical)

    def averages(self, collective, values, observables=(), basin=None):
        """Averages over exp[N collective(phi) + one-body]; thermal covariances are not defined (nan)."""
        correction = self._linear_part(collective, values, basin)
        total, annealed, means = 0.0, [], np.zeros(len(observables))
        for weight, counts in self.compositions:
            log_z, mean = self._one_composition(counts, collective, observables, values)
            total += weight * (log_z - counts @ correction) / self.size
            means += weight * mean
            annealed.append(math.log(weight) + log_z)
        empty = np.full((len(observables),) * 2, np.nan)
        return Averages(total, float(np.logaddexp.reduce(annealed)), means, empty)

    def _compositions(self, typical):
        if typical:
            return [(1.0, _rounded(self.chances, self.size))]
        out = []
        for chosen in combinations_with_replacement(range(len(self.cells)), self.size):
            counts = np.bincount(chosen, minlength=len(self.cells))
            if (chance := _multinomial(counts, self.chances)) > 0:
                out.append((chance, counts))
        return out

    def _linear_part(self, collective, values, basin):
        """Per type, the deviation of one site's log-trace from the mean in the basin's field (zero without one)."""
        if not basin:
            return np.zeros(len(self.cells))
        names = tuple(self.model.order_parameters)
        point = np.array(basin[0], dtype=float)[None, :]
        fields = [float(numeric(collective.diff(a), names, values)(point)[0]) for a in names]
        exponent = self.one_body + sum(f * g for f, g in zip(fields, self.model.order_parameters.values()))
        (_, z, x), = _collective_sectors(1)
        traces = np.array([_log_sum(np.linalg.eigvalsh(self._linear(exponent, z, x, cell, 1))) for cell in self.cells])
        return traces - traces @ self.chances / self.chances.sum()

    def _one_composition(self, counts, collective, observables, values):
        logs, traces = [], []
        for multiplicity, phi, one_body in self._blocks(counts):
            energies, vectors = np.linalg.eigh(self.size * operator(collective, phi, values) + one_body)
            density = [np.einsum("ji,jk,ki->i", vectors, operator(o, phi, values), vectors) for o in observables]
            weights = np.exp(energies - energies.max())
            logs.append(energies.max() + math.log(weights.sum()) + math.log(multiplicity))
            traces.append([d @ weights / weights.sum() for d in density])
        log_z = float(np.logaddexp.reduce(logs))
        return log_z, np.exp(np.array(logs) - log_z) @ np.array(traces).reshape(len(logs), len(observables))

    def _blocks(self, counts):
        """(multiplicity, {order parameter: matrix}, one-body matrix) over the total spins of the types."""
        present = [(self.cells[c], int(n)) for c, n in enumerate(counts) if n]
        for sectors in product(*(_collective_sectors(n) for _, n in present)):
            dimensions = [len(z) for _, z, _ in sectors]
            if math.prod(dimensions) > MAX_LEVELS:
                raise NotImplementedError(f"exact sums of quantum spins over {math.prod(dimensions)} levels")

            def summed(expr):
                total = 0.0
                for k, ((cell, n), (_, z, x)) in enumerate(zip(present, sectors)):
                    left, right = math.prod(dimensions[:k]), math.prod(dimensions[k + 1:])
                    total = total + np.kron(np.kron(np.eye(left), self._linear(expr, z, x, cell, n)), np.eye(right))
                return total

            phi = {a: summed(g) / self.size for a, g in self.model.order_parameters.items()}
            yield math.prod(m for m, _, _ in sectors), phi, summed(self.one_body)

    def _linear(self, expr, z, x, cell, sites):
        """The operator n A + B_z Z + B_x X of n sites whose Pauli matrices sum to Z and X."""
        names = self.model.site.variables
        expr = sympy.expand(expr)
        slopes = [_number(expr.coeff(v), {**self.values, **cell}) for v in names]
        constant = _number(expr.xreplace({v: sympy.S.Zero for v in names}), {**self.values, **cell})
        return slopes[0] * z + slopes[1] * x + constant * sites * np.eye(len(z))


def operator(expr, phi, values):
    """A function of non-commuting order parameters: a sum of terms in one of them each."""
    expr = sympy.sympify(expr)
    dimension = len(next(iter(phi.values())))
    out = np.zeros((dimension, dimension))
    for term in sympy.Add.make_args(sympy.expand(expr)):
        used = [a for a in phi if term.has(a)]
        if len(used) > 1:
            raise NotImplementedError(f"{term} multiplies operators that do not commute")
        if not used:
            out += _number(term, values) * np.eye(dimension)
            continue
        levels, vectors = np.linalg.eigh(phi[used[0]])
        out += (vectors * numeric(term, tuple(used), values)(levels[:, None])) @ vectors.T
    return out


def brute_force(model, values, size, cells=None, states=None):
    """(1/N) E log Tr exp(-H/T) configuration by configuration, straight from the Hamiltonian.

    Continuous variables are replaced by the same quadrature nodes as in `finite_system`, so that the
    two differ only in the order of summation. A check of the grouping by order parameters, for N up to 3.
    """
    cells = disorder_cells(model, values) if cells is None else cells
    if model.site.kind == "quantum":
        return _brute_force_quantum(model, values, size, cells)
    if model.site.kind == "sphere":
        return _brute_force_vectors(model, values, size)
    states, weights = states or site_states(model.site, values)
    tables = [site_table(model, f, values, states, cells) for f in (model.site_energy, *model.order_parameters.values())]
    energy = numeric(model.energy, tuple(model.order_parameters), values)
    configurations = np.array(list(product(range(len(states)), repeat=size)))
    log_weights = np.log(weights)[configurations].sum(axis=1)
    total = 0.0
    for chosen in product(range(len(cells)), repeat=size):
        own, *sums = (sum(t[c][configurations[:, i]] for i, c in enumerate(chosen)) for t in tables)
        hamiltonian = own + size * energy(np.array(sums).T / size)
        chance = math.prod(cells[c][0] for c in chosen)
        total += chance * _log_sum(log_weights - hamiltonian / values[TEMPERATURE]) / size
    return total


def _brute_force_vectors(model, values, size):
    """Two or three unit vectors by the angles between them."""
    if model.disorder or model.site_energy != 0 or len(model.order_parameters) > 1:
        raise NotImplementedError("no exact sums of vector spins with disorder, one-body terms or several order parameters")
    ((m, g),) = model.order_parameters.items()
    scale = _number(g.coeff(model.site.variable), values) / size
    cosines, weights = sphere_cosines(model.site.n)
    squares, masses = np.array([1.0]), np.array([1.0])
    parallel = model.energy.diff(m).xreplace({m: sympy.S.Zero})
    for _ in range(size - 1):
        squares = (squares[:, None] + 1 + 2 * np.sqrt(np.abs(squares))[:, None] * cosines).ravel()
        masses = (masses[:, None] * weights).ravel()
    radius = scale * np.sqrt(np.abs(squares))
    field = size * _number(parallel, values) * radius[:, None] * cosines
    radial = size * numeric(model.energy - parallel * m, (m,), values)(radius[:, None])
    logs = -(radial[:, None] + field) / values[TEMPERATURE] + np.log(masses)[:, None] + np.log(weights)
    return _log_sum(logs.ravel()) / size


def _brute_force_quantum(model, values, size, cells):
    z, x = _pauli_sites(size)
    total = 0.0
    for chosen in product(cells, repeat=size):
        at = [{**values, **dict(zip(model.disorder, cell))} for _, cell in chosen]

        def summed(expr):
            return sum(_pauli(expr, model.site.variables, z[i], x[i], at[i]) for i in range(size))

        phi = {a: summed(g) / size for a, g in model.order_parameters.items()}
        hamiltonian = size * operator(model.energy, phi, values) + summed(model.site_energy)
        levels = np.linalg.eigvalsh(-hamiltonian / values[TEMPERATURE])
        total += math.prod(p for p, _ in chosen) * _log_sum(levels) / size
    return total


def _pauli(expr, names, z, x, values):
    expr = sympy.expand(expr)
    slopes = [_number(expr.coeff(v), values) for v in names]
    constant = _number(expr.xreplace({v: sympy.S.Zero for v in names}), values)
    return slopes[0] * z + slopes[1] * x + constant * np.eye(len(z))


def _pauli_sites(size):
    sz, sx = np.diag([1.0, -1.0]), np.array([[0.0, 1.0], [1.0, 0.0]])

    def at(matrix, i):
        return np.kron(np.kron(np.eye(2**i), matrix), np.eye(2 ** (size - 1 - i)))

    return [at(sz, i) for i in range(size)], [at(sx, i) for i in range(size)]


def _collective_sectors(size):
    """[(multiplicity, sum of sigma^z, sum of sigma^x)] over the values of the total spin."""
    sectors = []
    for up in range(size // 2 + 1):
        spin = (size - 2 * up) / 2
        multiplicity = math.comb(size, up) - (math.comb(size, up - 1) if up else 0)
        levels = np.arange(spin, -spin - 0.5, -1)
        ladder = np.sqrt(spin * (spin + 1) - levels[1:] * (levels[1:] + 1))
        sectors.append((multiplicity, np.diag(2 * levels), np.diag(ladder, 1) + np.diag(ladder, -1)))
    return sectors


@lru_cache(maxsize=32)
def sphere_cosines(n, order=RADIAL_NODES):
    """Nodes and weights of the average over the first component of a unit vector in n dimensions."""
    if n == 1:
        return np.array([1.0, -1.0]), np.array([0.5, 0.5])
    if n % 2:
        nodes, weights = np.polynomial.legendre.leggauss(order)
        weights = weights * (1 - nodes**2) ** ((n - 3) // 2)
    else:
        angles = (np.arange(order) + 0.5) * math.pi / order
        nodes, weights = np.cos(angles), np.sin(angles) ** (n - 2)
    return nodes, weights / weights.sum()


def radial_density(n, size, tilt=0.0, order=RADIAL_NODES):
    """Nodes r of |s_1 + ... + s_N|, signed masses and log weights: E F(r) = sum masses exp(logs) F(r).

    One spin is added at a time. The walk is tilted towards long sums by a field of strength `tilt` in a random
    direction (Doob's transform), and the weights undo it: without it the terms of an ordered system are lost in
    rounding.
    """
    cosines, weights = sphere_cosines(n)
    one = float(_log_radial(n, np.array([tilt]))[0])
    nodes, masses = np.array([1.0]), np.array([1.0])
    for k in range(2, size + 1):
        target = k**2 * (1 + np.cos((np.arange(order) + 0.5) * math.pi / order)) / 2
        squares = nodes[:, None] ** 2 + 1 + 2 * nodes[:, None] * cosines
        gain = _log_radial(n, tilt * np.sqrt(np.abs(squares))) - _log_radial(n, tilt * nodes)[:, None] - one
        spread = (masses[:, None] * weights * np.exp(gain)).ravel()
        masses = spread @ _interpolation(squares.ravel() / k**2 * 2 - 1, order)
        nodes = np.sqrt(target)
    return nodes, masses, size * one - _log_radial(n, tilt * nodes)


def _log_radial(n, fields):
    """log of the average of exp(field * first component) over the unit sphere."""
    cosines, weights = sphere_cosines(n, order=4 * RADIAL_NODES)
    return fields + np.log(np.exp(np.multiply.outer(fields, cosines - 1)) @ weights)


def _interpolation(points, order):
    """Matrix from values at the Chebyshev nodes to values at `points` in [-1, 1]."""
    angles = (np.arange(order) + 0.5) * math.pi / order
    degrees = np.arange(order)
    forward = 2 / order * np.cos(np.outer(degrees, angles))
    forward[0] /= 2
    return np.cos(np.outer(np.arccos(np.clip(points, -1, 1)), degrees)) @ forward


def _convolve(first, second):
    sums = (first[0][:, None, :] + second[0][None, :, :]).reshape(-1, first[0].shape[1])
    if len(sums) > MAX_CONFIGURATIONS:
        raise NotImplementedError(f"exact sums over {len(sums)} configurations")
    logs = (first[1][:, None] + second[1][None, :]).ravel()
    return _merge(sums, logs)


def _merge(sums, logs):
    """Rows with equal sums gathered, their weights added."""
    directions = np.sqrt(np.arange(2, 2 + sums.shape[1]) + 0.1)
    keys = np.round(sums @ directions, _DIGITS)
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(keys[order]) > 10.0 ** (1 - _DIGITS)])
    return sums[order][starts], np.logaddexp.reduceat(logs[order], starts)


def _multinomial(counts, chances):
    """The probability of these counts of independent draws."""
    if any(p == 0 for n, p in zip(counts, chances) if n):
        return 0.0
    logs = sum(n * math.log(p) - math.lgamma(n + 1) for n, p in zip(counts, chances) if n)
    return math.exp(math.lgamma(sum(counts) + 1) + logs)


def _rounded(chances, size):
    """Counts N p rounded to sum to N, the largest remainders first."""
    shares = chances / chances.sum() * size
    counts = np.floor(shares + 1e-9).astype(int)
    counts[np.argsort(counts - shares, kind="stable")[: size - counts.sum()]] += 1
    return counts


def _nearest(phi, logs, basin):
    """The rows of phi that lie nearer to the basin's point than to any rival; ties count in proportion."""
    if not basin or not basin[1]:
        return phi, logs
    point, rivals = np.array(basin[0]), np.array(basin[1])
    own = ((phi - point) ** 2).sum(axis=1)
    others = ((phi[:, None, :] - rivals[None, :, :]) ** 2).sum(axis=2)
    farther = own - others.min(axis=1)
    kept = farther <= max(farther.min(), 0.0) + 1e-9
    shares = 1 + (np.abs(others[kept] - own[kept, None]) < 1e-9).sum(axis=1)
    return phi[kept], logs[kept] - np.log(shares)


def _log_sum(logs):
    return float(np.logaddexp.reduce(logs))


def _hermite(mean, variance, order):
    if order is None:
        nodes = np.arange(-72, 73) / 8
        weights = np.exp(-nodes**2 / 2)
        return mean + math.sqrt(variance) * nodes, weights / weights.sum()
    nodes, weights = np.polynomial.hermite_e.hermegauss(order)
    return mean + math.sqrt(variance) * nodes, weights / weights.sum()


def _number(expr, values):
    return float(sympy.sympify(expr).xreplace({k: sympy.Float(v) for k, v in values.items()}))


def numeric(expr, names, values):
    """A numpy function of rows (n, len(names)) -> (n,), the other symbols replaced by their values."""
    kept = {k: sympy.Float(float(v)) for k, v in values.items() if k not in names}
    fixed = sympy.sympify(expr).xreplace(kept)
    if missing := fixed.free_symbols - set(names):
        raise InputError(f"no value for {', '.join(sorted(map(str, missing)))}")
    if not fixed.free_symbols:
        constant = float(fixed)
        return lambda rows: np.full(len(rows), constant)
    compiled = sympy.lambdify(names, fixed, "numpy")
    return lambda rows: np.broadcast_to(np.asarray(compiled(*rows.T), dtype=float), (len(rows),))
