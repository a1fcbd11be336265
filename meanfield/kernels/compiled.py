"""Compiled theories and their parameter points."""

import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from theory.errors import InputError
from theory.mean_field import MeanFieldTheory, theory_of
from theory.models import load

from . import cache, drivers
from ..codegen import generate, render
from .quadrature import normal_rule

ATOL = 1e-13
LIMIT = 200
MAX_NODES = 4_000_000


@dataclass(frozen=True)
class Evaluation:
    """A theory at one point phi.

    Attributes
    ----------
    residual : phi - <g>, shape (n,)
    jacobian : of the residual, I + response @ curvature, shape (n, n)
    response : C_ab = beta E <g_a g_b>_c, shape (n, n)
    curvature : d2e/dphi_a dphi_b, shape (n, n)
    free_energy, entropy, energy : per site, k_B = 1; energy = free_energy + T entropy
    quadrature_error : difference of two rules in <g> and f; zero where nothing is integrated
    """

    residual: np.ndarray
    jacobian: np.ndarray
    response: np.ndarray
    curvature: np.ndarray
    free_energy: float
    entropy: float
    energy: float
    quadrature_error: float


@dataclass(frozen=True)
class Batch:
    """Solutions of many parameter points from many starts: phi (B, S, n), the rest (B, S)."""

    phi: np.ndarray
    status: np.ndarray
    residual: np.ndarray
    free_energy: np.ndarray
    entropy: np.ndarray
    stable: np.ndarray

    @property
    def converged(self):
        """Where Newton's method found a solution."""
        return self.status == drivers.CONVERGED


def compile(theory):
    """Compile a theory (or the model of one, or a built-in model's name).

    Returns
    -------
    Compiled; the same object when the generated text is the same
    """
    if isinstance(theory, str):
        theory = load(theory)
    if not isinstance(theory, MeanFieldTheory):
        theory = theory_of(theory)
    program = generate(theory)
    return _compiled(Source(theory, program, render(program, toolchain())))


@dataclass(frozen=True)
class Source:
    """A theory with its generated text; equal when the texts are."""

    theory: object
    program: object
    text: str

    def __eq__(self, other):
        return self.text == other.text

    def __hash__(self):
        return hash(self.text)


@lru_cache(maxsize=256)
def _compiled(source):
    return Compiled(source.theory, source.program, source.text)


@lru_cache
def toolchain():
    """Digest of what the kernels inline, so that the cache notices when it changes."""
    here = Path(__file__).parent
    text = "".join((here / name).read_text() for name in ("jit.py", "primitives.py", "quadrature.py", "gaussian.py", "kernel.py"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Compiled:
    """A theory's kernels.

    Attributes
    ----------
    theory, model
    source : text of the generated module
    names : of the order parameters
    parameter_names : T first
    """

    def __init__(self, theory, program, source):
        self.theory, self.program, self.source = theory, program, source
        self.model = theory.model
        self.names = self.model.names
        self.parameter_names = ["T", *self.model.parameters]
        self.size = len(self.names)

    def __repr__(self):
        return f"Compiled({self.model.name}: {', '.join(self.names)}; {', '.join(self.parameter_names)})"

    @cached_property
    def integrates(self):
        """Whether a Gaussian average is done by quadrature."""
        return bool(self.program.spread) or "gauss_" in self.source

    @cached_property
    def module(self):
        """The generated module, imported."""
        return cache.load(self.source, self.model.name)

    def at(self, T=None, **parameters):
        """The system at a parameter point; missing parameters take their defaults, bad ones raise InputError."""
        values = self.model.values(T=T, **parameters)
        return System(self, {name: float(values[name]) for name in self.parameter_names})

    def points(self, T, parameters):
        """Kernel points, shape (B, 3 + parameters), from arrays that broadcast together."""
        unknown = set(parameters) - set(self.parameter_names)
        if unknown:
            raise InputError(f"{self.model.name} has no parameter {min(unknown)!r}: it has {', '.join(self.parameter_names)}")
        defaults = {name: p.default for name, p in self.model.parameters.items()}
        columns = [T] + [parameters.get(name, defaults[name]) for name in self.parameter_names[1:]]
        if missing := [name for name, c in zip(self.parameter_names, columns) if c is None]:
            raise InputError(f"{self.model.name} needs a value for {missing[0]}")
        columns = np.broadcast_arrays(*(np.atleast_1d(np.asarray(c, dtype=float)) for c in columns))
        points = np.zeros((columns[0].size, len(columns) + 2))
        points[:, 0] = columns[0].ravel()
        for i, column in enumerate(columns[1:], 3):
            points[:, i] = column.ravel()
        return points

    def newton_many(self, T, parameters, starts, atol=ATOL, limit=LIMIT):
        """Newton's method at many parameter points, entirely in compiled code.

        Parameters
        ----------
        T : temperatures, broadcast against the parameters to B points
        parameters : {name: array}
        starts : (S, n), the same for every point, or (B, S, n)

        Returns
        -------
        Batch
        """
        points = self.points(T, parameters)
        starts = np.asarray(starts, dtype=float)
        phi = np.array(np.broadcast_to(starts, (len(points), *starts.shape[-2:])), order="C")
        if self.program.spread:
            return self._newton_each(points, phi, atol, limit)
        shape = phi.shape[:2]
        status, stable = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.bool_)
        residual, free_energy, entropy = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        module = self.module
        addresses = (module.fill_table.address, module.equations.address, module.state.address)
        drivers.newton_grid(addresses, points, module.NODES, len(self.program.columns), phi, self.size, atol, limit,
                            status, residual, free_energy, entropy, stable)
        return Batch(phi, status, residual, free_energy, entropy, stable)

    def _newton_each(self, points, phi, atol, limit):
        """Point by point, for tables of nodes that depend on the point."""
        results = [self._system_at(point).newton_all(start, atol, limit) for point, start in zip(points, phi)]
        return Batch(*(np.array([getattr(r, name) for r in results]) for name in Batch.__dataclass_fields__))

    def _system_at(self, point):
        return System(self, dict(zip(self.parameter_names, (point[0], *point[3:]))))


class System:
    """A compiled theory at one parameter point.

    Attributes
    ----------
    compiled
    values : {name: number}, T first
    """

    def __init__(self, compiled, values):
        if values["T"] == 0:
            _refuse_zero_temperature(compiled)
        self.compiled, self.values = compiled, values
        self.size = compiled.size
        self.point = np.zeros(len(values) + 2)
        self.point[3:] = [values[name] for name in compiled.parameter_names[1:]]
        drivers.set_temperature(self.point, values["T"])
        self._out = np.empty(self.size * (self.size + 1))

    def __repr__(self):
        return f"System({self.compiled.model.name}: {', '.join(f'{k}={v:g}' for k, v in self.values.items())})"

    T = property(lambda self: self.values["T"])
    parameters = property(lambda self: dict(self.values))
    model = property(lambda self: self.compiled.model)
    theory = property(lambda self: self.compiled.theory)
    names = property(lambda self: self.compiled.names)

    @cached_property
    def nodes(self):
        """(table, values, number of nodes) of the sum over disorder."""
        return self._nodes(37.0)

    @cached_property
    def coarse_nodes(self):
        """The same with fewer nodes for a Gaussian variable, to measure the error."""
        return self._nodes(31.0) if self.compiled.program.spread else self.nodes

    def _nodes(self, digits):
        module, program = self.compiled.module, self.compiled.program
        columns = len(program.table.variables)
        table, values = np.empty(module.NODES), np.empty(max(columns * module.NODES, 1))
        drivers.call_filler_once(module.fill_table.address, self.point, table, values)
        if not program.spread:
            return table, values, module.NODES
        width = self._width()
        if width * digits * len(table) > MAX_NODES:
            raise InputError(f"T = {self.T:g} is too cold for the Gaussian disorder of {self.model.name}: its sites have "
                             "more than two states, which takes T of at least a thousandth of the disorder's width")
        z, w = normal_rule(width, digits)
        grid = [np.repeat(v, len(z)) for v in values.reshape(-1, len(table))[:columns]]
        return np.outer(table, w).ravel(), np.concatenate([*grid, np.tile(z, len(table))]), len(z) * len(table)

    def _width(self):
        """Largest spread, in units of T, of an energy difference between two states of a site."""
        spread = self.compiled.module.spread(self.point, np.ones(self.size))
        return max(spread) * self.point[1]

    def residual(self, phi):
        """(F, J): phi - <g> and its Jacobian."""
        out = self._out
        table, values, nodes = self.nodes
        phi = np.ascontiguousarray(phi, dtype=float)
        drivers.run_kernel(self.compiled.module.equations.address, self.point, table, values, nodes, phi, out)
        n = self.size
        return out[:n].copy(), out[n:].reshape(n, n).copy()

    def newton(self, phi, atol=ATOL, limit=LIMIT):
        """Newton's method from phi.

        Returns
        -------
        (phi, status, evaluations); status 0 is converged, `drivers.MESSAGES` names the others
        """
        table, values, nodes = self.nodes
        phi = np.array(phi, dtype=float, order="C")
        status, evaluations, _ = drivers.newton(self.compiled.module.equations.address, self.point, table, values,
                                                nodes, phi, self.size, atol, limit)
        return phi, status, evaluations

    def newton_all(self, starts, atol=ATOL, limit=LIMIT):
        """Newton's method from every row of `starts`; a Batch without its first axis."""
        table, values, nodes = self.nodes
        phi = np.array(starts, dtype=float, order="C")
        shape = (len(phi),)
        status, stable = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.bool_)
        residual, free_energy, entropy = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        module = self.compiled.module
        drivers.newton_starts(module.equations.address, module.state.address, self.point, table, values, nodes, phi,
                              self.size, atol, limit, status, residual, free_energy, entropy, stable)
        return Batch(phi, status, residual, free_energy, entropy, stable)

    def evaluate(self, phi):
        """Everything at phi: an Evaluation."""
        phi = np.ascontiguousarray(phi, dtype=float)
        out = self._state(phi, self.point, self.nodes)
        n = self.size
        residual, response, curvature = _parts(out, n)
        error = self._quadrature_error(phi, out)
        T = self.values["T"]
        energy = out[0] + T * out[1] if T > 0 else out[0]
        return Evaluation(residual, np.eye(n) + response @ curvature, response, curvature,
                          float(out[0]), float(out[1]), float(energy), error)

    def _state(self, phi, point, nodes):
        out = np.empty(2 + self.size * (1 + 2 * self.size))
        drivers.run_kernel(self.compiled.module.state.address, point, *nodes, phi, out)
        return out

    def _quadrature_error(self, phi, out):
        if not self.compiled.integrates:
            return 0.0
        point = self.point.copy()
        point[2] = 1.0
        other = self._state(phi, point, self.coarse_nodes)
        n = self.size
        return float(max(np.max(np.abs(other[2 : 2 + n] - out[2 : 2 + n])), abs(other[0] - out[0])))


def _refuse_zero_temperature(compiled):
    if compiled.model.site.kind == "gaussian":
        raise InputError(f"{compiled.model.name} has no T = 0: a Gaussian site's response h/T grows without bound; take T > 0")
    if compiled.program.spread:
        raise InputError(f"T = 0 is not available for {compiled.model.name}: its sites have more than two states in a "
                         "Gaussian disorder; take T > 0")


def _parts(out, n):
    cut = 2 + n
    return out[2:cut].copy(), out[cut : cut + n * n].reshape(n, n).copy(), out[cut + n * n :].reshape(n, n).copy()
