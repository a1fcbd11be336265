"""One sample of a model's quenched disorder at finite N: couplings, patterns and fields of Ising spins, from the model's
description.

    H = offset - external.s - (1/2) sum_{i != j} J_ij s_i s_j - (1/2) sum_a w_a M_a^2 - sum_p sum_{i1 < .. < ip} J_{i1..ip} s_i1
    .. s_ip
        - sum_a F(M_a) + N e(phi),    M_a = sum_i x_ia s_i,    phi = intercept + slopes s.

A quadratic energy e is among the M_a and the external field, and not kept apart. Couplings are realised as they are written in
`theory.couplings`: Gaussian ones on sets of different sites, with E[H H'] = N c(q) up to O(1) in N; loads by that many +-1
patterns.
"""

import math
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations

import numpy as np
import sympy

from theory.couplings import BipartiteLoad, DenseLoad, GaussianCouplings, HebbianLoad
from theory.errors import InputError
from theory.symbols import symbol

from .. import disorder
from .tensors import size_in_bytes

MAX_BYTES = 2**31


@dataclass(frozen=True)
class Memories:
    """P patterns with H = -sum_a F(M_a): rows (P, n) of +-1, coefficients of the polynomial F from the constant on."""

    rows: np.ndarray
    polynomial: np.ndarray


@dataclass(frozen=True)
class Instance:
    """A sample of the quenched disorder of n Ising spins, as written in the module.

    Attributes
    ----------
    N : the size in which the model counts; n spins in all layers
    layers : int array (n,), the layer of each spin
    external : array (n,)
    couplings : array (n, n) without diagonal, or None
    rows, weights : arrays (P, n) and (P,), x and w
    tensors : {p: array (C(n, p),)}, couplings of p spins in the order of `itertools.combinations`
    memories : tuple of Memories
    intercept, slopes : arrays (k,) and (k, n), of the k order parameters
    energy : expression of e(phi), or 0 where it is contained in the other terms
    numbers : {symbol: float}, the parameters
    """

    N: int
    layers: np.ndarray
    external: np.ndarray
    couplings: np.ndarray | None
    rows: np.ndarray
    weights: np.ndarray
    tensors: dict
    memories: tuple
    intercept: np.ndarray
    slopes: np.ndarray
    offset: float
    energy: sympy.Expr
    order_parameters: tuple
    numbers: dict = field(repr=False)

    @property
    def size(self):
        """The number of spins."""
        return len(self.layers)

    @property
    def quadratic(self):
        """Whether H has no terms of more than two spins."""
        return not (self.tensors or self.memories or self.energy != 0)

    def hamiltonian(self, spins):
        """H of configurations (R, n) in double precision, from its terms."""
        s = np.asarray(spins, dtype=float)
        total = self.offset - s @ self.external - 0.5 * ((s @ self.rows.T) ** 2 @ self.weights)
        if self.couplings is not None:
            total = total - 0.5 * ((s @ self.couplings) * s).sum(axis=1)
        for p, values in self.tensors.items():
            total = total - sum(
                J * s[:, sites].prod(axis=1) for J, sites in zip(values, map(list, combinations(range(self.size), p)))
            )
        for memory in self.memories:
            total = total - np.polynomial.polynomial.polyval(s @ memory.rows.T, memory.polynomial).sum(axis=1)
        return total + self.N * self.signal(self.order(s))

    def order(self, spins):
        """The order parameters (R, k) of configurations (R, n)."""
        return self.intercept + np.asarray(spins, dtype=float) @ self.slopes.T

    def signal(self, phi):
        """e(phi) of order parameters (R, k)."""
        return np.broadcast_to(disorder.number(self.energy, self.numbers | dict(zip(self.order_parameters, phi.T))), len(phi))

    @cached_property
    def dense(self):
        """All pairwise couplings (n, n) without diagonal, and the energy of the diagonal left out."""
        J = (self.rows.T * self.weights) @ self.rows
        left = -0.5 * np.trace(J)
        J = J if self.couplings is None else J + self.couplings
        np.fill_diagonal(J, 0.0)
        return J, left

    @property
    def strength(self):
        """A typical local field of a configuration at random plus the largest one along a single pattern: above it, spins are
        free."""
        square = (self.weights**2 @ self.rows**2) * np.mean(self.rows**2) * self.size if len(self.rows) else np.zeros(self.size)
        if self.couplings is not None:
            square = square + (self.couplings**2).sum(axis=1)
        for p, values in self.tensors.items():
            square = square + (values**2).mean() * math.comb(self.size - 1, p - 1)
        for memory in self.memories:
            step = np.polynomial.polynomial.polyder(memory.polynomial)
            M = np.random.default_rng(0).standard_normal(4096) * np.sqrt(self.size)
            square = square + len(memory.rows) * np.mean(np.polynomial.polynomial.polyval(M, step) ** 2)
        along = np.abs(self.weights) * (self.rows**2).sum(axis=1) if len(self.rows) else [0.0]
        signal = self.N * np.abs(self._gradient()) @ np.abs(self.slopes) if self.energy != 0 else [0.0]
        return float(np.sqrt(np.mean(square)) + max(np.max(along), np.max(signal)))

    def _gradient(self):
        """The gradient of e where all spins are aligned with the order parameters."""
        top = self.numbers | {
            a: float(x) for a, x in zip(self.order_parameters, self.intercept + np.abs(self.slopes).sum(axis=1))
        }
        return np.array([float(disorder.number(self.energy.diff(a), top)) for a in self.order_parameters])


def realise(model, values, N, rng, balanced=True):
    """Draw the quenched disorder of a model of N sites.

    Parameters
    ----------
    model : theory.Model of Ising spins on one layer or several
    values : {name: float}, temperature and parameters
    N : int
    rng : numpy.random.Generator
    balanced : bool, how the disorder of the sites is drawn (see `validate.disorder`)

    Returns
    -------
    Instance
    """
    require_ising(model)
    parts = _Parts(model, values, N, rng)
    parts.sites(balanced)
    parts.signal()
    for coupling in model.couplings:
        parts.add(coupling)
    return parts.instance()


def require_ising(model):
    """Refuse models whose sites are not Ising spins or whose Hamiltonian is not written in them."""
    layers = [site for site, _ in model.site.layers] if model.site.kind == "layers" else [model.site]
    for site in layers:
        if site.kind != "finite" or len(site.variables) != 1 or sorted(float(s[0]) for s in site.states) != [-1.0, 1.0]:
            raise InputError(
                f"{model.name}: samplers with quenched couplings take Ising spins +-1, not sites of this kind ({site.kind})"
            )
    if model.auxiliaries:
        names = ", ".join(map(str, model.auxiliaries))
        raise InputError(
            f"{model.name} is written with auxiliary variables ({names}), which configurations do not have: it is not sampled"
        )
    if not model.has_temperature:
        raise InputError(f"{model.name} has no temperature: its constraints are not sampled")


class _Parts:
    """The terms of an instance, as they are collected."""

    def __init__(self, model, values, N, rng):
        self.model, self.N, self.rng = model, N, rng
        self.numbers = {symbol(name): value for name, value in values.items()}
        self.values = values
        layers = model.site.layers if model.site.kind == "layers" else ((model.site, sympy.S.One),)
        self.variables = [site.variables[0] for site, _ in layers]
        self.sizes = [max(1, round(N * float(disorder.number(weight, self.numbers)))) for _, weight in layers]
        self.n = sum(self.sizes)
        starts = np.cumsum([0, *self.sizes])
        self.slices = [slice(a, b) for a, b in zip(starts[:-1], starts[1:])]
        self.external, self.couplings, self.offset = np.zeros(self.n), None, 0.0
        self.rows, self.weights, self.tensors, self.memories = [np.zeros((0, self.n))], [np.zeros(0)], {}, []

    def instance(self):
        order = tuple(self.model.order_parameters)
        layers = np.repeat(np.arange(len(self.sizes)), self.sizes)
        return Instance(
            self.N,
            layers,
            self.external,
            self.couplings,
            np.concatenate(self.rows),
            np.concatenate(self.weights),
            self.tensors,
            tuple(self.memories),
            self.intercept,
            self.slopes,
            float(self.offset),
            self.energy,
            order,
            self.numbers,
        )

    def sites(self, balanced):
        """The one-site functions on every spin: order parameters and site energy are affine in it."""
        samples = [disorder.draw(self.model, self.values, size, self.rng, balanced) for size in self.sizes]
        self.intercept, self.slopes = (
            np.zeros(len(self.model.order_parameters)),
            np.zeros((len(self.model.order_parameters), self.n)),
        )
        for k, (a, g) in enumerate(self.model.order_parameters.items()):
            layer = self._layer(g, f"the order parameter {a}")
            mean, slope = self._affine(g, layer, samples[layer])
            self.intercept[k], self.slopes[k, self.slices[layer]] = mean.mean(), slope / self.sizes[layer]
        for term in sympy.Add.make_args(sympy.expand(self.model.site_energy)):
            if not term.free_symbols & set(self.variables):
                layer = 0
            else:
                layer = self._layer(term, "a term of the site energy")
            mean, slope = self._affine(term, layer, samples[layer])
            self.offset += mean.sum()
            self.external[self.slices[layer]] -= slope

    def _layer(self, expr, what):
        found = [k for k, v in enumerate(self.variables) if expr.has(v)]
        if len(found) != 1:
            raise InputError(f"{what} must use the spins of one layer: {expr} does not")
        return found[0]

    def _affine(self, expr, layer, sample):
        """Mean and half the difference of an expression over the two states, one for each site of a layer."""
        up, down = (
            disorder.number(expr.xreplace({self.variables[layer]: sympy.Integer(s)}), self.numbers | sample.values)
            for s in (1, -1)
        )
        up, down = (np.repeat(np.broadcast_to(np.asarray(x, dtype=float), sample.sizes.shape), sample.sizes) for x in (up, down))
        return (up + down) / 2, (up - down) / 2

    def signal(self):
        """N e(phi): patterns and fields where it is quadratic, else kept as it is."""
        order = list(self.model.order_parameters)
        e = self.model.energy.xreplace({x: _exactly(v) for x, v in self.numbers.items()})
        curvature = sympy.Matrix([[e.diff(a, b) for b in order] for a in order])
        self.energy = e
        if any(x.free_symbols & set(order) for x in curvature):
            return
        self.energy = sympy.S.Zero
        at = self.numbers | {a: float(x) for a, x in zip(order, self.intercept)}
        self.offset += self.N * float(disorder.number(e, at))
        gradient = np.array([float(disorder.number(e.diff(a), at)) for a in order])
        A = np.array([[float(disorder.number(x, at)) for x in curvature.row(k)] for k in range(len(order))]).reshape(
            len(order), len(order)
        )
        self.external -= self.N * gradient @ self.slopes
        eigenvalues, vectors = np.linalg.eigh(A) if len(order) else (np.zeros(0), np.zeros((0, 0)))
        for value, vector in zip(eigenvalues, vectors.T):
            if abs(value) > 1e-12:
                # Scaled so that the rows of +-1 patterns are +-1, whose sums are exact in single precision.
                scale = np.abs(vector).max()
                self._quadratic(self.N * (vector / scale) @ self.slopes, -value * scale**2 / self.N)

    def _quadratic(self, rows, weights):
        rows = np.atleast_2d(rows)
        self.rows.append(rows)
        self.weights.append(np.broadcast_to(np.asarray(weights, dtype=float), len(rows)))

    def add(self, coupling):
        """Draw one kind of couplings."""
        draw = {
            GaussianCouplings: self._gaussian,
            HebbianLoad: self._hebbian,
            BipartiteLoad: self._bipartite,
            DenseLoad: self._dense,
        }
        if type(coupling) not in draw:
            raise InputError(f"{type(coupling).__name__} is not covered by the samplers")
        draw[type(coupling)](coupling)

    def _layers_of(self, coupling):
        overlaps = coupling.overlaps or {symbol("q"): self.variables[0]}
        return list(overlaps), [self.variables.index(v) for v in overlaps.values()]

    def _value(self, expr):
        return float(disorder.number(expr, self.numbers))

    def _gaussian(self, coupling):
        names, layers = self._layers_of(coupling)
        covariance = sympy.expand(coupling.covariance)
        if not covariance.is_polynomial(*names):
            raise InputError(
                f"Gaussian couplings are drawn for covariances that are polynomials in the overlaps: got {covariance}"
            )
        for degrees, c in sympy.Poly(covariance, *names).terms():
            variance = self._value(c) * self.N
            if variance < 0:
                raise InputError(f"the covariance {covariance} has a negative coefficient: no Gaussian energy has it at every N")
            if variance == 0:
                continue
            used = [(layer, d) for layer, d in zip(layers, degrees) if d]
            self._sets_of(used, np.sqrt(variance))

    def _sets_of(self, used, root):
        """Couplings of variance root^2 p!/n^p on sets of p sites; of root^2/(n1 n2) between two layers."""
        degrees = tuple(d for _, d in used)
        if not used:
            self.offset += root * self.rng.standard_normal()
        elif degrees == (1,):
            part = self.slices[used[0][0]]
            self.external[part] += root / np.sqrt(self.sizes[used[0][0]]) * self.rng.standard_normal(self.sizes[used[0][0]])
        elif degrees == (2,):
            size = self.sizes[used[0][0]]
            J = np.triu(self.rng.standard_normal((size, size)), 1) * (np.sqrt(2) * root / size)
            self._pairs(used[0][0], used[0][0], J)
        elif degrees == (1, 1):
            (a, _), (b, _) = used
            self._pairs(
                a, b, self.rng.standard_normal((self.sizes[a], self.sizes[b])) * (root / np.sqrt(self.sizes[a] * self.sizes[b]))
            )
        elif len(degrees) == 1 and len(self.sizes) == 1:
            self._tensor(degrees[0], root)
        else:
            raise InputError("couplings of three and more spins are drawn within a single layer only")

    def _pairs(self, a, b, J):
        if self.couplings is None:
            self.couplings = np.zeros((self.n, self.n))
        self.couplings[self.slices[a], self.slices[b]] += J
        self.couplings[self.slices[b], self.slices[a]] += J.T

    def _tensor(self, p, root):
        count = math.comb(self.n, p)
        if size_in_bytes(self.n, p) > MAX_BYTES:
            raise InputError(f"{self.n} spins have {count:.3g} couplings of {p}, more than fit in memory: use a smaller N")
        values = self.rng.standard_normal(count) * root * np.sqrt(math.factorial(p) / float(self.n) ** p)
        self.tensors[p] = values + self.tensors.get(p, 0.0)

    def _hebbian(self, coupling):
        _, (layer,) = self._layers_of(coupling)
        count = round(self._value(coupling.load) * self.N)
        rows = np.zeros((count, self.n))
        rows[:, self.slices[layer]] = self._signs(count, self.sizes[layer])
        self._quadratic(rows, self._value(coupling.scale) / self.N)

    def _bipartite(self, coupling):
        """-(1/N) sum XY = -(1/4N) sum [(X + Y)^2 - (X - Y)^2], N^2 = N1 N2."""
        _, (a, b) = self._layers_of(coupling)
        count, size = round(self._value(coupling.load) * self.N), np.sqrt(self.sizes[a] * self.sizes[b])
        rows = np.zeros((2, count, self.n))
        rows[:, :, self.slices[a]] = self._signs(count, self.sizes[a])
        rows[0, :, self.slices[b]] = self._signs(count, self.sizes[b])
        rows[1, :, self.slices[b]] = -rows[0, :, self.slices[b]]
        self._quadratic(rows[0], 0.5 / size)
        self._quadratic(rows[1], -0.5 / size)

    def _dense(self, coupling):
        """F(M) = M^p / (p N^(p-1)); with different indices the sum of all products of p different x_i s_i instead of M^p."""
        if len(self.sizes) > 1:
            raise InputError("dense loads are drawn on a single layer only")
        p = int(coupling.p)
        count = round(self._value(coupling.load) * float(self.N) ** (p - 1))
        if count * self.n * 4 > MAX_BYTES:
            raise InputError(
                f"the load asks for {count:.3g} patterns of {self.n} spins, more than fit in memory: use a smaller N"
            )
        powers = np.eye(p + 1)[p] if coupling.full_power else distinct_products(self.n, p)
        self.memories.append(Memories(self._signs(count, self.n), powers / (p * float(self.N) ** (p - 1))))

    def _signs(self, count, size):
        return 2.0 * self.rng.integers(0, 2, size=(count, size), dtype=np.int8) - 1.0


def _exactly(value):
    """A number as a rational where it is an integer, so that terms with the factor 0 vanish."""
    return sympy.Integer(int(value)) if value == int(value) else sympy.Float(value)


def distinct_products(n, p):
    """Coefficients (p + 1,) in M of the sum of products of p different ones of n signs with the sum M, over all ordered
    choices."""
    before, now = np.zeros(p + 1), np.eye(p + 1)[0]
    for k in range(p):
        before, now = now, np.append(0.0, now)[: p + 1] - k * (n - k + 1) * before
    return now
