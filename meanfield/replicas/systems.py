"""Compiled systems of a theory: extended systems for curves, and its state at a point."""

import hashlib
import math
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from theory.errors import InputError
from theory.mean_field import MeanFieldTheory, theory_of
from theory.replica import ReplicaTheory, replica_theory

from ..codegen import systems as text
from ..codegen.extended import extended
from ..codegen.saddle import equations, parameters_of
from ..kernels import cache, curves


class System:
    """A compiled extended system.

    Attributes
    ----------
    extended : Extended
    source : text of the generated module
    names : of the variables, the active parameters last
    size : number of equations
    """

    def __init__(self, theory, kind, active, symmetric=None, condition=None, broken=None):
        self.theory, self.kind = theory, kind
        self.extended = x = extended(theory, kind, active, symmetric, condition, broken)
        self.names, self.size = tuple(map(str, x.variables)), len(x.equations)
        self.parameter_names = tuple(map(str, x.parameters))
        self.active = tuple(active)
        self.unknowns = tuple(str(u) for u in x.states[0].unknowns)
        self.tests = tuple(x.tests) + tuple(x.recorded)
        results = [*x.equations, *(e for row in x.jacobian() for e in row), *x.tests.values(), *x.recorded.values()]
        doc = (f"{self.size} equations, their Jacobian by rows in {', '.join(self.names)}; then {', '.join(self.tests)}. "
               f"Parameters: {', '.join(self.parameter_names)}.")
        function = text.function("system_of_equations", doc, x.chain, x.variables, x.parameters, results)
        self.source = text.module(f"{theory.model.name}: {kind}", [function], toolchain())

    @cached_property
    def address(self):
        """Of the compiled kernel."""
        return cache.load(self.source, f"{self.theory.model.name}_{self.kind}").system_of_equations.address

    def point(self, values, rule=0.0):
        """The kernel's point at parameter values; active ones may be left out."""
        return point_of(self.theory, self.parameter_names, {**{a: 1.0 for a in self.active}, **values}, rule)

    def evaluate(self, z, values, rule=0.0):
        """(residual, Jacobian, tests) at the variables z."""
        n, d = self.size, self.size + 1
        out = np.empty(n + n * d + len(self.tests))
        _call(self.address, self.point(values, rule), np.ascontiguousarray(z, dtype=float), out)
        return out[:n], out[n : n + n * d].reshape(n, d), out[n + n * d :]


@curves.routine
def _call(address, point, z, out):
    curves.call_system(address, point, z, out)


@lru_cache
def toolchain():
    """Digest of what the kernels inline, so that the cache notices when it changes."""
    here = Path(curves.__file__).parent
    files = ("jit.py", "primitives.py", "quadrature.py", "tower.py", "kernel.py", "systems.py")
    return hashlib.sha256("".join((here / name).read_text() for name in files).encode()).hexdigest()[:16]


def as_theory(theory):
    """The theory of a model, replica symmetric where it has quenched couplings; a theory as it is."""
    if isinstance(theory, (ReplicaTheory, MeanFieldTheory)):
        return theory
    return _derived(theory)


@lru_cache(maxsize=128)
def _derived(model):
    return replica_theory(model) if model.couplings else theory_of(model)


@lru_cache(maxsize=128)
def _system(theory, kind, active, symmetric, condition, broken):
    return System(theory, kind, active, dict(symmetric), condition, broken)


def system(theory, kind, active, symmetric=None, condition=None, broken=None):
    """The compiled system of a kind of curve, the same object when asked for again."""
    frozen = tuple(sorted(((str(a), v) for a, v in (symmetric or {}).items()), key=lambda item: item[0]))
    broken = None if broken is None else tuple(map(str, broken))
    return _system(as_theory(theory), kind, tuple(map(str, active)), frozen, condition, broken)


def point_of(theory, names, values, rule):
    """The kernel's point at parameter values {name: number}: T, 1/T, the rule, the other parameters."""
    given = {str(k): v for k, v in values.items()}
    if unknown := set(given) - set(names):
        raise InputError(f"{theory.model.name} has no parameter {min(unknown)!r}: it has {', '.join(names)}")
    numbers = []
    for name in names:
        value = given.get(name)
        if value is None and name != "T":
            value = theory.model.parameters[name].default
        if value is None:
            raise InputError(f"{theory.model.name} needs a value for {name}")
        numbers.append(float(value))
    T = max(numbers[0], 1e-150)
    return np.array([T, 1 / T, rule, *numbers[1:]])


class StateKernel:
    """The state of a theory at a point as a compiled kernel: residual, Jacobian, free energy, entropy, stability matrix."""

    def __init__(self, theory):
        self.theory = theory
        state = equations(theory)
        self.unknowns = tuple(map(str, state.unknowns))
        self.size = len(self.unknowns)
        parameters = parameters_of(theory)
        self.parameter_names = tuple(map(str, parameters))
        stability = list(state.stability) if state.stability is not None else []
        self.overlaps = math.isqrt(len(stability))
        self.recorded = 2 + len(stability)
        jacobian = [e for row in state.jacobian(state.unknowns) for e in row]
        doc = f"Residual and Jacobian by rows in {', '.join(self.unknowns)}; free energy, entropy, T times the stability matrix."
        results = [*state.residual, *jacobian, state.free_energy, state.entropy, *stability]
        function = text.function("state", doc, state.chain, state.unknowns, parameters, results)
        self.source = text.module(f"{theory.model.name}: state", [function], toolchain())

    @cached_property
    def address(self):
        """Of the compiled kernel."""
        return cache.load(self.source, f"{self.theory.model.name}_state").state.address


@lru_cache(maxsize=64)
def state_kernel(theory):
    """The state kernel of a theory, the same object when asked for again."""
    return StateKernel(theory)
