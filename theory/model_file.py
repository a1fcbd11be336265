"""Model files: TOML read with the closed grammar into a `Model`.

    name = "Blume-Capel in a random field"
    [parameters]                     # a number, or { default, min, max, integer }
    J = 1.0
    Delta = 0.2
    h0 = { default = 0.1, min = 0 }
    [site]                           # one variable a line; several make a product
    S = [-1, 0, 1]
    [disorder]                       # quenched, independent from site to site
    h = { values = ["-h0", "h0"], probabilities = [0.5, 0.5] }
    [order_parameters]               # means over the sites
    m = "S"
    [energy]
    density = "-J*m**2/2"            # per site, in the order parameters
    site = "Delta*S**2 - h*S"        # one-body, in the site variables and the disorder
    [[couplings]]                    # quenched couplings, any number of tables
    kind = "gaussian"                # energies with E[H H'] = N covariance, a function of the overlap
    overlap = "Q"                    # its name, "q" if missing
    covariance = "J**2*Q**2/2"

Other couplings are `kind = "hebbian"` (load, scale), "dense" (load, p, full_power) and "constraints" (load, with a gate such as
"step(u - kappa)" or a margin, teacher), see `theory.couplings`; `variable` says on which of several site variables they act. With
couplings order parameters and an energy density may be missing, and a model with constraints has no temperature.

A site variable is a list of values, `{ values, weights }`, `{ normal = { mean, variance } }`,
`{ sphere = n }` or, with couplings, `{ spherical = true }` (sum of squares N). Variables with joint
states share one key, `"s, t" = { states = [[1, 1], [-1, -1]] }` (with `weights` if wanted), or stand
as `variables = ["s", "t"]` beside `states` in the table itself. An integer parameter belongs to the
structure: its value replaces it when the model is built.
"""

import tomllib
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import product
from pathlib import Path

import sympy

from .coupling_tables import CouplingTables, check_couplings, has_constraints
from .disorder import FiniteDistribution, Normal
from .errors import InputError
from .file_values import (
    MAX_STATES, boolean_of, check_keys, check_name, constant_of, expression_of, form_of, is_rows, list_of, located, names_in, rows_of,
    shown, table_of, text_of,
)
from .grammar import Scope, parse_component
from .model import Model, Parameter
from .sites import FiniteSite, GaussianSite, Sphere, SphericalSite
from .symbols import symbol

MAX_BYTES = 1_000_000

_TEXTS = ("name", "title", "reference")
_TABLES = ("parameters", "site", "disorder", "order_parameters", "energy", "couplings")
# solve(model, start=..., **parameters) and its kin: a parameter of such a name could not be passed on.
_ARGUMENTS = frozenset({"self", "source", "model", "along", "start", "options", "method", "ansatz", "steps"})
_UNAVAILABLE = "not available in this version"


@dataclass(frozen=True)
class ModelFile:
    """A model file that was read, before its integers have values.

    Attributes
    ----------
    source : what messages call it
    document : the TOML tables
    parameters : {name: Parameter}, integers included
    """

    source: str
    document: dict
    parameters: dict

    @property
    def structural(self):
        """The integer parameters, which a model is built for."""
        return {name: p for name, p in self.parameters.items() if p.integer}

    def model(self, **structural) -> Model:
        """The model for these values of its integers; the others take their defaults.

        Raises
        ------
        InputError
            Names the file, the table and the key at fault.
        """
        with located(self.source):
            integers = self._integers(structural)
            return _Builder(self.document, self.parameters, integers).model()

    def _integers(self, given):
        for name in given:
            if name not in self.structural:
                known = ", ".join(self.structural) or "none"
                raise InputError(f"no integer parameter {name!r}; the model's integers are: {known}")
        values = {name: given.get(name, p.default) for name, p in self.structural.items()}
        for name, value in values.items():
            if value is None:
                raise InputError(f"the integer {name} has no default: give it a value")
        return {name: self.structural[name].check(value) for name, value in values.items()}


def load(path, **structural) -> Model:
    """The model of the file at `path`, built for the given integers."""
    return read(path).model(**structural)


def loads(text: str, source: str = "model file", **structural) -> Model:
    """The model that TOML text describes."""
    return reads(text, source).model(**structural)


def read(path) -> ModelFile:
    """Read a model file without building the model.

    Raises
    ------
    InputError
        If there is no such file, or it is not TOML (with the line), or a table is unknown.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path}: a model file has at most {MAX_BYTES} bytes")
        return reads(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise InputError(f"cannot read the model file {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a text file in UTF-8 ({error.reason} at byte {error.start})") from None


def reads(text: str, source: str = "model file") -> ModelFile:
    """As `read`, from TOML text."""
    with located(source):
        document = _document(text)
        table = table_of(document, "parameters", required=False)
        athermal = has_constraints(document)
        with located("[parameters]"):
            return ModelFile(source, document, {name: _parameter(name, v, athermal) for name, v in table.items()})


def _document(text):
    try:
        document = tomllib.loads(text, parse_float=Decimal)
    except RecursionError:
        raise InputError("not valid TOML: nested too deeply") from None
    except (ValueError, ArithmeticError) as error:
        raise InputError(f"not valid TOML: {error}") from None
    known = (*_TEXTS, *_TABLES)
    for key, value in document.items():
        if key not in known:
            what = "table" if isinstance(value, dict | list) else "key"
            raise InputError(f"unknown {what} {key!r}; expected one of {', '.join(known)}")
    for key in _TEXTS:
        if key in document and not isinstance(document[key], str):
            raise InputError(f"{key} must be a text in quotes, got {shown(document[key])}")
    if not document.get("name", "").strip():
        raise InputError('a model file needs a name: name = "..."')
    return document


def _parameter(name, value, athermal=False):
    with located(name):
        if not (athermal and name == "beta"):
            check_name(name)
        if name in _ARGUMENTS:
            raise InputError(f"{name!r} is an argument of the functions that take parameters: choose another name")
        if not isinstance(value, dict):
            return Parameter(name, default=float(constant_of(value)))
        check_keys(value, {"default", "min", "max", "integer"})
        integer = boolean_of(value, "integer")
        numbers = {key: float(constant_of(value[key])) for key in ("default", "min", "max") if key in value}
        parameter = Parameter(name, integer=integer, **numbers)
        if {"min", "max"} <= numbers.keys() and numbers["min"] > numbers["max"]:
            raise InputError(f"min = {numbers['min']:g} is larger than max = {numbers['max']:g}")
        if parameter.default is None:
            return parameter
        return Parameter(**{**vars(parameter), "default": parameter.check(parameter.default)})


class _Builder:
    """The tables of one file, turned into a `Model` in the order in which they depend on each other."""

    def __init__(self, document, parameters, integers):
        self.document = document
        self.integers = integers
        self.parameters = {name: p for name, p in parameters.items() if not p.integer}
        self.names = {name: symbol(name) for name in self.parameters}
        self.names |= {name: sympy.Integer(value) for name, value in integers.items()}
        self.owners = {name: "a parameter" for name in parameters}
        thermal = "reserved, the temperature is no part of a model's energy"
        self.reasons = {name: thermal for name in ("T", "beta") if name not in parameters}
        self.reasons["N"] = "reserved, a model's energy is per site"

    def model(self):
        coupled = "couplings" in self.document
        optional = ("disorder", "order_parameters", "energy") if coupled else ("disorder",)
        tables = {name: table_of(self.document, name, required=name not in optional) for name in _TABLES[1:5]}
        with located("[site]"):
            site = self.site(tables["site"])
        with located("[disorder]"):
            disorder = self.disorder(tables["disorder"])
        with located("[order_parameters]"):
            order = self.order_parameters(tables["order_parameters"], site, disorder)
        with located("[energy]"):
            energy, site_energy = self.energy(tables["energy"], site, disorder, order)
        couplings = CouplingTables(self, site).read()
        self.check_fields(order)
        texts = {key: self.document.get(key, "") for key in _TEXTS}
        model = Model(site, {symbol(a): g for a, (g, _) in order.items()}, energy, site_energy, disorder, couplings=couplings,
                      parameters=self.parameters, structural=self.integers, **texts)
        self.check_defaults(model)
        return model

    def scope(self, *variables, states=None, vectors=None, elsewhere=None):
        """The parameters and these variables."""
        names = self.names | {str(v): v for v in variables}
        return Scope(names, frozenset(self.names), states or {}, vectors or {}, self.reasons | (elsewhere or {}))

    def claim(self, name, what):
        """Take a name for one thing only."""
        check_name(name)
        if name in self.owners:
            raise InputError(f"{name!r} is already {self.owners[name]}: give {what} another name")
        self.owners[name] = what
        return symbol(name)

    def site(self, table):
        if {"variables", "states"} <= table.keys() and is_rows(table["states"]):
            blocks = [self.block(names_in(table["variables"]), {k: v for k, v in table.items() if k != "variables"})]
        else:
            blocks = [self.located_block(key, value) for key, value in table.items()]
        if not blocks:
            raise InputError("a site needs at least one variable, for example s = [-1, 1]")
        if len(blocks) == 1:
            return blocks[0]
        if any(block.kind != "finite" for block in blocks):
            raise InputError(f"a site of several variables with one that is not a list of values is {_UNAVAILABLE}")
        return _product(blocks)

    def located_block(self, key, value):
        with located(key):
            names = names_in(key)
            if isinstance(value, dict) and "variables" in value:
                names = names_in(value["variables"])
                value = {k: v for k, v in value.items() if k != "variables"}
            return self.block(names, value)

    def block(self, names, value):
        variables = tuple(self.claim(name, "a site variable") for name in names)
        if isinstance(value, list):
            value = {"values": value}
        if not isinstance(value, dict):
            raise InputError(f"expected a list of values or a table, got {shown(value)}")
        form = form_of(value, ("values", "states", "normal", "sphere", "spherical"))
        if form == "states":
            return self.finite(variables, rows_of(value["states"], len(variables)), value)
        if len(variables) > 1:
            raise InputError('several variables in one key need joint states: { states = [[1, 1], [-1, -1]] }')
        return getattr(self, "site_" + form)(variables[0], value)

    def finite(self, variables, rows, value):
        check_keys(value, {"values", "states", "weights"})
        states = tuple(tuple(self.constant(x) for x in row) for row in rows)
        weights = tuple(self.constant(w) for w in list_of(value, "weights")) if "weights" in value else ()
        return FiniteSite(variables, states, weights)

    def site_values(self, variable, value):
        return self.finite((variable,), [[x] for x in list_of(value, "values")], value)

    def site_normal(self, variable, value):
        return GaussianSite(variable, **self.normal(value))

    def site_sphere(self, variable, value):
        check_keys(value, {"sphere"})
        return Sphere(variable, self.constant(value["sphere"]))

    def site_spherical(self, variable, value):
        check_keys(value, {"spherical"})
        if value["spherical"] is not True:
            raise InputError(f"expected spherical = true, got {shown(value['spherical'])}")
        if "couplings" not in self.document:
            raise InputError("the spherical constraint needs quenched couplings: add a [[couplings]] table")
        return SphericalSite(variable)

    def constant(self, value):
        """A number, in which the integers of the model may stand."""
        names = {name: sympy.Integer(v) for name, v in self.integers.items()}
        elsewhere = {name: "the states of a site are numbers" for name in self.parameters}
        return expression_of(value, Scope(names, elsewhere=self.reasons | elsewhere))

    def normal(self, value):
        """Mean and variance of { normal = {...} }."""
        check_keys(value, {"normal"})
        if not isinstance(value["normal"], dict):
            raise InputError(f"expected normal = {{ mean = 0, variance = 1 }}, got {shown(value['normal'])}")
        check_keys(value["normal"], {"mean", "variance"})
        return {key: self.located(key, v, self.scope()) for key, v in value["normal"].items()}

    def located(self, key, value, scope):
        with located(key):
            return expression_of(value, scope)

    def disorder(self, table):
        distributions = {}
        for name, value in table.items():
            with located(name):
                distributions[self.claim(name, "a disorder variable")] = self.distribution(value)
        return distributions

    def distribution(self, value):
        if not isinstance(value, dict):
            raise InputError(f"expected {{ values, probabilities }} or {{ normal }}, got {shown(value)}")
        if form_of(value, ("values", "normal")) == "normal":
            return Normal(**self.normal(value))
        check_keys(value, {"values", "probabilities"})
        if "probabilities" not in value:
            raise InputError("probabilities are missing, one for each of the values")
        lists = ([self.located(key, x, self.scope()) for x in list_of(value, key)] for key in ("values", "probabilities"))
        return FiniteDistribution(*map(tuple, lists))

    def order_parameters(self, table, site, disorder):
        if not table and "couplings" not in self.document:
            raise InputError('a model needs at least one order parameter, for example m = "s"')
        scope = self.site_scope(site, disorder, {a: "an order parameter, a mean over the sites" for a in table})
        order = {}
        for name, text in table.items():
            with located(name):
                self.claim(name, "an order parameter")
                order[name] = parse_component(text_of(text), scope)
        return order

    def site_scope(self, site, disorder, elsewhere):
        states = _states(site)
        vectors = {str(v): sympy.S.One for v in site.variables} if site.kind == "sphere" else {}
        return self.scope(*site.variables, *disorder, states=states, vectors=vectors, elsewhere=elsewhere)

    def energy(self, table, site, disorder, order):
        check_keys(table, {"density", "site"})
        if "density" not in table and "couplings" not in self.document:
            raise InputError('density is missing: the energy per site, for example density = "-J*m**2/2"')
        inner = {str(x): f"{self.owners[str(x)]}, and density is a function of the order parameters"
                 for x in (*site.variables, *disorder)}
        outer = {a: "an order parameter, and site is a function of the site variables and the disorder" for a in order}
        vectors = {a: symbol(a) ** 2 for a, (_, vector) in order.items() if vector}
        density = self.scope(*map(symbol, order), vectors=vectors, elsewhere=inner)
        return (self.located("density", table.get("density", 0), density),
                self.located("site", table.get("site", 0), self.site_scope(site, disorder, outer)))

    def check_fields(self, order):
        for a in order:
            if f"h_{a}" in self.owners:
                raise InputError(f"'h_{a}' is the name of the field conjugate to {a}: give {self.owners[f'h_{a}']} another name")

    @cached_property
    def defaults(self):
        """{symbol: default} of the parameters that have one."""
        return {symbol(name): sympy.Float(p.default) for name, p in self.parameters.items() if p.default is not None}

    def check_defaults(self, model):
        """Refuse what makes no sense at the default parameters."""
        for x, distribution in model.disorder.items():
            if distribution.free_symbols <= self.defaults.keys():
                with located(f"[disorder] {x}, at the default parameters"):
                    distribution.check(str(x), self.defaults)
        if model.couplings:
            with located("[[couplings]]"):
                check_couplings(model, self.defaults)


def _product(blocks):
    if sympy.prod(len(block.states) for block in blocks) > MAX_STATES:
        raise InputError(f"the site has more than {MAX_STATES} joint states")
    choices = list(product(*(zip(block.states, block.weights) for block in blocks)))
    states = tuple(sum((state for state, _ in choice), ()) for choice in choices)
    weights = tuple(sympy.prod(weight for _, weight in choice) for choice in choices)
    return FiniteSite(sum((block.variables for block in blocks), ()), states, weights)


def _states(site):
    """Values of each variable of a finite site."""
    if site.kind != "finite":
        return {}
    columns = zip(*site.states)
    return {str(v): tuple(dict.fromkeys(column)) for v, column in zip(site.variables, columns)}
