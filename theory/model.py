"""The description of a model: what a physicist writes on the first line of a paper."""

import math
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

import sympy
from sympy import Expr, S, sympify

from .errors import InputError
from .symbols import RESERVED, symbol

DEFAULT_TEMPERATURE = 0.5


@dataclass(frozen=True)
class Parameter:
    """A parameter of a model: its name, default value (None: must be given) and closed range."""

    name: str
    default: float | None = None
    min: float | None = None
    max: float | None = None
    integer: bool = False

    def check(self, value):
        """Refuse a value outside the range or of the wrong type."""
        if not math.isfinite(value):
            raise InputError(f"{self.name} must be a finite number: got {value}")
        if self.integer and value != int(value):
            raise InputError(f"{self.name} must be an integer: got {value:g}")
        if (self.min is not None and value < self.min) or (self.max is not None and value > self.max):
            raise InputError(f"{self.name} must lie in {self.range_text()}: got {value:g}")
        return int(value) if self.integer else float(value)

    def range_text(self):
        """The range as it is written in messages."""
        low = "(-inf" if self.min is None else f"[{self.min:g}"
        high = "inf)" if self.max is None else f"{self.max:g}]"
        return f"{low}, {high}"


@dataclass(frozen=True)
class Model:
    """N sites with H = N energy(phi) + sum_i site_energy(s_i, xi_i) and phi_a = (1/N) sum_i g_a(s_i, xi_i).

    Parameters
    ----------
    site : the one-site degrees of freedom and their measure (`theory.sites`)
    order_parameters : {symbol: g_a(s, xi)}, in the order in which they are reported
    energy : Expr in the order parameters, per site; smooth
    site_energy : Expr in the site variables and the disorder
    disorder : {symbol: distribution}, independent from site to site
    parameters : {name or symbol: default value or Parameter}; other free symbols become
        parameters without a default
    couplings : quenched couplings (`theory.couplings`)
    auxiliaries : symbols in the energy or the couplings in which the free energy is stationary, but which are no means over sites
    structural : {name: integer} that the model was built with (numbers of patterns, of colours)
    """

    site: object
    order_parameters: dict
    energy: Expr
    site_energy: Expr = S.Zero
    disorder: dict = field(default_factory=dict)
    parameters: dict = field(default_factory=dict)
    couplings: tuple = ()
    name: str = "model"
    title: str = ""
    reference: str = ""
    structural: dict = field(default_factory=dict)
    auxiliaries: tuple = ()

    def __post_init__(self):
        put = lambda name, value: object.__setattr__(self, name, value)
        put("order_parameters", MappingProxyType({a: sympify(g) for a, g in self.order_parameters.items()}))
        put("energy", sympify(self.energy))
        put("site_energy", sympify(self.site_energy))
        put("disorder", MappingProxyType(dict(self.disorder or {})))
        put("structural", MappingProxyType(dict(self.structural or {})))
        put("couplings", tuple(self.couplings))
        put("auxiliaries", tuple(self.auxiliaries))
        put("title", self.title or self.name)
        self._refuse_overlapping_names()
        self._refuse_misplaced_symbols()
        put("parameters", MappingProxyType(self._all_parameters()))
        self._refuse_replica_names()

    def __hash__(self):
        return hash((self.name, self.energy, self.site_energy, tuple(self.order_parameters.items())))

    @cached_property
    def has_temperature(self):
        """Whether the model is in equilibrium at a temperature; constraints on weights have none."""
        return not any(c.kind == "channel" for c in self.couplings)

    @property
    def overlaps(self):
        """{symbol: site variable} of the overlaps that the couplings act on."""
        found = {}
        for coupling in self.couplings:
            found.update(coupling.overlaps or {symbol("q"): self.site.variables[0]})
        return found

    @property
    def names(self):
        """Names of the order parameters."""
        return tuple(str(a) for a in self.order_parameters)

    @cached_property
    def reported(self):
        """Names of what a solution reports: the order parameters, then the overlaps (replica symmetric) of quenched couplings."""
        if not self.couplings:
            return self.names
        from .replica import replica_theory

        # Couplings that act on an auxiliary variable leave the overlap of the spins to be reported beside its own.
        spins = ("q",) if self.site.kind == "auxiliary" else ()
        return (*self.names, *spins, *replica_theory(self).reported)

    @cached_property
    def observables(self):
        """Order parameters that the energy does not use: measured, but without influence."""
        return tuple(a for a in self.order_parameters if not self.energy.has(a))

    def values(self, T=None, beta=None, **given):
        """All parameter values, with defaults filled in and checked.

        Returns
        -------
        dict name -> float, "T" first; structural integers are not in it
        """
        if beta is not None and "beta" in self.parameters:
            given["beta"] = beta
        elif beta is not None:
            T = self._temperature_from(T, beta)
        values = {"T": self._temperature(T)} if self.has_temperature else self._no_temperature(T)
        for name, value in given.items():
            self._refuse_unknown(name, value)
        for name, parameter in self.parameters.items():
            value = given.get(name, parameter.default)
            if value is None:
                raise InputError(f"{self.name} needs a value for {name}: set {name}=...")
            values[name] = parameter.check(float(value))
        self._check_disorder(values)
        return values

    def _no_temperature(self, T):
        if T is not None:
            raise InputError(f"{self.name} has no temperature: its free energy is minus the entropy per weight; leave T out")
        return {}

    @staticmethod
    def _temperature_from(T, beta):
        if T is not None:
            raise InputError("give either T or beta, not both")
        if not beta > 0:
            raise InputError(f"beta must be positive: got {beta:g}")
        return 1 / beta

    @staticmethod
    def _temperature(T):
        T = DEFAULT_TEMPERATURE if T is None else float(T)
        if not (math.isfinite(T) and T >= 0):
            raise InputError(f"the temperature T must be a finite number that is not negative: got {T:g}")
        return T

    def _refuse_unknown(self, name, value):
        if name in self.parameters:
            return
        if name in self.structural:
            if value != self.structural[name]:
                raise InputError(f"{name} = {self.structural[name]} is part of how {self.name} was built: "
                                 f"build the model anew for {name} = {value:g}")
            return
        known = ", ".join([*(["T"] if self.has_temperature else []), *self.structural, *self.parameters])
        raise InputError(f"{self.name} has no parameter {name!r}: it has {known}")

    def _check_disorder(self, values):
        numbers = {symbol(name): sympify(value) for name, value in values.items()}
        for x, distribution in self.disorder.items():
            distribution.check(str(x), numbers)
        for coupling in self.couplings:
            coupling.check(numbers)

    def _refuse_overlapping_names(self):
        groups = {"site variable": self.site.variables, "disorder variable": self.disorder,
                  "order parameter": self.order_parameters, "overlap": self.overlaps, "auxiliary variable": self.auxiliaries}
        seen = {}
        for what, names in groups.items():
            for name in map(str, names):
                if name in RESERVED:
                    raise InputError(f"{name!r} is reserved and cannot name a {what}")
                if name in seen:
                    raise InputError(f"{name!r} names both a {seen[name]} and a {what}: use two names")
                seen[name] = what
        if not self.order_parameters and not self.couplings:
            raise InputError("a model needs at least one order parameter")

    def _refuse_replica_names(self):
        if not self.couplings:
            return
        from .replica.overlaps import is_taken

        overlaps = tuple(map(str, self.overlaps))
        for name in map(str, (*self.parameters, *self.disorder, *self.order_parameters, *self.auxiliaries)):
            if is_taken(name, overlaps):
                raise InputError(f"{name!r} is a name that the replica theory of the couplings uses itself: choose another")

    def _refuse_misplaced_symbols(self):
        inner = set(self.site.variables) | set(self.disorder)
        order = set(self.order_parameters)
        for what, expr, wrong in [("the energy", self.energy, inner), ("the site energy", self.site_energy, order)] + [
            (f"the order parameter {a}", g, order) for a, g in self.order_parameters.items()
        ]:
            if found := sorted(map(str, expr.free_symbols & wrong)):
                raise InputError(f"{what} must not contain {', '.join(found)}")
            if expr.has(sympy.DiracDelta, sympy.Abs, sympy.sign, sympy.Max, sympy.Min) and expr.free_symbols & (order | inner):
                raise InputError(f"{what} must be smooth: {expr} is not")
        for a, g in self.order_parameters.items():
            if not g.free_symbols & set(self.site.variables):
                raise InputError(f"the order parameter {a} must depend on the site: {g} does not")

    def _all_parameters(self):
        declared = {str(name): _parameter(str(name), p) for name, p in (self.parameters or {}).items()}
        for name in declared:
            if name in RESERVED and (name != "beta" or self.has_temperature):
                raise InputError(f"{name!r} is reserved and cannot name a parameter")
        for name in sorted(map(str, self._free_symbols())):
            if name not in declared and name != "T":
                if name in RESERVED:
                    raise InputError(f"{name!r} is reserved: write the model in terms of T")
                declared[name] = Parameter(name)
        return declared

    def _free_symbols(self):
        free = self.energy.free_symbols | self.site_energy.free_symbols
        free = free.union(*(g.free_symbols for g in self.order_parameters.values()))
        free = free.union(*(d.free_symbols for d in self.disorder.values()))
        free = free.union(*(c.free_symbols for c in self.couplings), getattr(self.site, "free_symbols", set()))
        return free - set(self.order_parameters) - set(self.site.variables) - set(self.disorder) - set(self.overlaps) - set(self.auxiliaries)


def _parameter(name, value):
    return value if isinstance(value, Parameter) else Parameter(name, default=float(value))
