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
`{ sphere = n }` or, with couplings, `{ spherical = true }` (sum of squares N). Variables with joint states share one key, `"s, t" = { states = [[1, 1], [-1, -1]] }`
(with `weights` if wanted), or stand as `variables = ["s", "t"]` beside `states` in the table itself.
An integer parameter belongs to the structure: its value replaces it when the model is built.
"""

import re
import tomllib
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from pathlib import Path

import sympy

from .couplings import STABILITY, DenseLoad, GaussianCouplings, HebbianLoad, PatternConstraints
from .disorder import FiniteDistribution, Normal
from .errors import InputError
from .grammar import CONSTANTS, FUNCTIONS, NAME, SPECIAL, Scope, parse, parse_component
from .model import Model, Parameter
from .replica import replica_theory
from .sites import FiniteSite, GaussianSite, Sphere, SphericalSite
from .symbols import RESERVED, symbol

MAX_BYTES = 1_000_000
MAX_STATES = 4096

_TEXTS = ("name", "title", "reference")
_TABLES = ("parameters", "site", "disorder", "order_parameters", "energy", "couplings")
# solve(model, start=..., **parameters) and its kin: a parameter of such a name could not be passed on.
_ARGUMENTS = frozenset({"self", "source", "model", "along", "start", "options", "method", "ansatz", "steps"})
# kind: (keys that it needs, keys that it may have)
_COUPLINGS = {
    "gaussian": ({"covariance"}, set()),
    "hebbian": ({"load"}, {"scale"}),
    "dense": ({"load", "p"}, {"full_power"}),
    "constraints": ({"load"}, {"gate", "margin", "teacher"}),
}
_OVERLAP = "q"
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
        with _located(self.source):
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
    with _located(source):
        document = _document(text)
        table = _table(document, "parameters", required=False)
        athermal = _has_constraints(document)
        with _located("[parameters]"):
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
            raise InputError(f"{key} must be a text in quotes, got {_shown(document[key])}")
    if not document.get("name", "").strip():
        raise InputError('a model file needs a name: name = "..."')
    return document


def _has_constraints(document):
    """Whether the model has no temperature, so that beta is a name like any other."""
    rows = document.get("couplings")
    return isinstance(rows, list) and any(isinstance(row, dict) and row.get("kind") == "constraints" for row in rows)


def _parameter(name, value, athermal=False):
    with _located(name):
        if not (athermal and name == "beta"):
            _check_name(name)
        if name in _ARGUMENTS:
            raise InputError(f"{name!r} is an argument of the functions that take parameters: choose another name")
        if not isinstance(value, dict):
            return Parameter(name, default=float(_constant(value)))
        _check_keys(value, {"default", "min", "max", "integer"})
        integer = _boolean(value, "integer")
        numbers = {key: float(_constant(value[key])) for key in ("default", "min", "max") if key in value}
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
        self.reasons = {name: "reserved, the temperature is no part of a model's energy" for name in ("T", "beta") if name not in parameters}
        self.reasons["N"] = "reserved, a model's energy is per site"

    def model(self):
        coupled = "couplings" in self.document
        optional = ("disorder", "order_parameters", "energy") if coupled else ("disorder",)
        tables = {name: _table(self.document, name, required=name not in optional) for name in _TABLES[1:5]}
        with _located("[site]"):
            site = self.site(tables["site"])
        with _located("[disorder]"):
            disorder = self.disorder(tables["disorder"])
        with _located("[order_parameters]"):
            order = self.order_parameters(tables["order_parameters"], site, disorder)
        with _located("[energy]"):
            energy, site_energy = self.energy(tables["energy"], site, disorder, order)
        couplings = self.couplings(site)
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
        _check_name(name)
        if name in self.owners:
            raise InputError(f"{name!r} is already {self.owners[name]}: give {what} another name")
        self.owners[name] = what
        return symbol(name)

    def site(self, table):
        if {"variables", "states"} <= table.keys() and _is_rows(table["states"]):
            blocks = [self.block(_names_in(table["variables"]), {k: v for k, v in table.items() if k != "variables"})]
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
        with _located(key):
            names = _names_in(key)
            if isinstance(value, dict) and "variables" in value:
                names = _names_in(value["variables"])
                value = {k: v for k, v in value.items() if k != "variables"}
            return self.block(names, value)

    def block(self, names, value):
        variables = tuple(self.claim(name, "a site variable") for name in names)
        if isinstance(value, list):
            value = {"values": value}
        if not isinstance(value, dict):
            raise InputError(f"expected a list of values or a table, got {_shown(value)}")
        form = _form(value, ("values", "states", "normal", "sphere", "spherical"))
        if form == "states":
            return self.finite(variables, _rows(value["states"], len(variables)), value)
        if len(variables) > 1:
            raise InputError('several variables in one key need joint states: { states = [[1, 1], [-1, -1]] }')
        return getattr(self, "site_" + form)(variables[0], value)

    def finite(self, variables, rows, value):
        _check_keys(value, {"values", "states", "weights"})
        states = tuple(tuple(self.constant(x) for x in row) for row in rows)
        weights = tuple(self.constant(w) for w in _list(value, "weights")) if "weights" in value else ()
        return FiniteSite(variables, states, weights)

    def site_values(self, variable, value):
        return self.finite((variable,), [[x] for x in _list(value, "values")], value)

    def site_normal(self, variable, value):
        return GaussianSite(variable, **self.normal(value))

    def site_sphere(self, variable, value):
        _check_keys(value, {"sphere"})
        return Sphere(variable, self.constant(value["sphere"]))

    def site_spherical(self, variable, value):
        _check_keys(value, {"spherical"})
        if value["spherical"] is not True:
            raise InputError(f"expected spherical = true, got {_shown(value['spherical'])}")
        if "couplings" not in self.document:
            raise InputError("the spherical constraint needs quenched couplings: add a [[couplings]] table")
        return SphericalSite(variable)

    def constant(self, value):
        """A number, in which the integers of the model may stand."""
        names = {name: sympy.Integer(v) for name, v in self.integers.items()}
        elsewhere = {name: "the states of a site are numbers" for name in self.parameters}
        return _expression(value, Scope(names, elsewhere=self.reasons | elsewhere))

    def normal(self, value):
        """Mean and variance of { normal = {...} }."""
        _check_keys(value, {"normal"})
        if not isinstance(value["normal"], dict):
            raise InputError(f"expected normal = {{ mean = 0, variance = 1 }}, got {_shown(value['normal'])}")
        _check_keys(value["normal"], {"mean", "variance"})
        return {key: self.located(key, v, self.scope()) for key, v in value["normal"].items()}

    def located(self, key, value, scope):
        with _located(key):
            return _expression(value, scope)

    def disorder(self, table):
        distributions = {}
        for name, value in table.items():
            with _located(name):
                distributions[self.claim(name, "a disorder variable")] = self.distribution(value)
        return distributions

    def distribution(self, value):
        if not isinstance(value, dict):
            raise InputError(f"expected {{ values, probabilities }} or {{ normal }}, got {_shown(value)}")
        if _form(value, ("values", "normal")) == "normal":
            return Normal(**self.normal(value))
        _check_keys(value, {"values", "probabilities"})
        if "probabilities" not in value:
            raise InputError("probabilities are missing, one for each of the values")
        lists = ([self.located(key, x, self.scope()) for x in _list(value, key)] for key in ("values", "probabilities"))
        return FiniteDistribution(*map(tuple, lists))

    def order_parameters(self, table, site, disorder):
        if not table and "couplings" not in self.document:
            raise InputError('a model needs at least one order parameter, for example m = "s"')
        scope = self.site_scope(site, disorder, {a: "an order parameter, a mean over the sites" for a in table})
        order = {}
        for name, text in table.items():
            with _located(name):
                self.claim(name, "an order parameter")
                order[name] = parse_component(_text(text), scope)
        return order

    def site_scope(self, site, disorder, elsewhere):
        states = _states(site)
        vectors = {str(v): sympy.S.One for v in site.variables} if site.kind == "sphere" else {}
        return self.scope(*site.variables, *disorder, states=states, vectors=vectors, elsewhere=elsewhere)

    def energy(self, table, site, disorder, order):
        _check_keys(table, {"density", "site"})
        if "density" not in table and "couplings" not in self.document:
            raise InputError('density is missing: the energy per site, for example density = "-J*m**2/2"')
        inner = {str(x): f"{self.owners[str(x)]}, and density is a function of the order parameters"
                 for x in (*site.variables, *disorder)}
        outer = {a: "an order parameter, and site is a function of the site variables and the disorder" for a in order}
        vectors = {a: symbol(a) ** 2 for a, (_, vector) in order.items() if vector}
        density = self.scope(*map(symbol, order), vectors=vectors, elsewhere=inner)
        return (self.located("density", table.get("density", 0), density),
                self.located("site", table.get("site", 0), self.site_scope(site, disorder, outer)))

    def couplings(self, site):
        rows = self.document.get("couplings", [])
        with _located("[[couplings]]"):
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise InputError("couplings are written as tables in double brackets")
            if "couplings" in self.document and not rows:
                raise InputError("at least one table is expected")
        overlaps = {}
        return tuple(self.coupling(row, site, overlaps, f"[[couplings]] {i}" if len(rows) > 1 else "[[couplings]]")
                     for i, row in enumerate(rows, 1))

    def coupling(self, row, site, overlaps, where):
        with _located(where):
            _check_coupling(row)
            variable = self.coupled_variable(row, site)
            name = self.overlap(row, variable, overlaps)
            return getattr(self, "coupling_" + row["kind"])(row, {symbol(name): variable})

    def coupled_variable(self, row, site):
        """The site variable whose overlap the couplings are a function of."""
        known = {str(v): v for v in site.variables}
        if "variable" not in row and len(known) > 1:
            raise InputError(f"the site has several variables: say on which the couplings act, variable = one of {', '.join(known)}")
        name = row.get("variable", next(iter(known)))
        if name not in known:
            raise InputError(f"variable must be one of {', '.join(known)}, got {_shown(name)}")
        return known[name]

    def overlap(self, row, variable, overlaps):
        """The name of the overlap; several couplings may share it."""
        name = _text(row.get("overlap", _OVERLAP))
        if overlaps.get(name) == variable:
            return name
        if variable in overlaps.values():
            known = next(other for other, v in overlaps.items() if v == variable)
            raise InputError(f"the overlap of {variable} is already called {known}: write overlap = \"{known}\"")
        if name in self.owners:
            free = next(other for other in ("Q", "q_ab", "overlap") if other not in self.owners)
            raise InputError(f"{name!r} is already {self.owners[name]}: choose another name for the overlap, such as overlap = \"{free}\"")
        self.claim(name, "an overlap")
        overlaps[name] = variable
        return name

    def coupling_gaussian(self, row, overlaps):
        scope = self.scope(*overlaps, elsewhere=self.beyond("a covariance is a function of the overlap and the parameters"))
        covariance = self.located("covariance", row["covariance"], scope)
        if not covariance.has(*overlaps):
            raise InputError(f"covariance must depend on the overlap {next(iter(overlaps))}: got {covariance}")
        self.check_covariance(covariance, *overlaps)
        return GaussianCouplings(covariance, overlaps)

    def check_covariance(self, covariance, overlap):
        """Refuse powers of the overlap whose coefficients are negative at the default parameters."""
        known = {symbol(name): sympy.Float(p.default) for name, p in self.parameters.items() if p.default is not None}
        numbers = covariance.xreplace(known)
        if not numbers.is_polynomial(overlap) or numbers.free_symbols - {overlap}:
            return
        for (power,), coefficient in sympy.Poly(numbers, overlap).terms():
            if coefficient < 0:
                raise InputError(f"covariance {covariance} is none: the coefficient of {overlap}**{power} is negative at the default parameters")

    def coupling_hebbian(self, row, overlaps):
        return HebbianLoad(self.of_parameters(row, "load"), self.of_parameters(row, "scale", 1), overlaps)

    def coupling_dense(self, row, overlaps):
        with _located("p"):
            p = self.constant(row["p"])
            if not p.is_Integer:
                raise InputError(f"expected an integer of at least 3, got {_shown(row['p'])}")
        return DenseLoad(self.of_parameters(row, "load"), int(p), _boolean(row, "full_power"), overlaps)

    def coupling_constraints(self, row, overlaps):
        if "gate" in row and "margin" in row:
            raise InputError("give either a gate or a margin: margin = kappa is the gate step(u - kappa)")
        u = str(STABILITY)
        if u in self.owners:
            raise InputError(f"{u!r} is the stability of a pattern, and {self.owners[u]} as well: give the other one another name")
        return PatternConstraints(self.of_parameters(row, "load"), self.gate(row), self.of_parameters(row, "margin", 0),
                                  _boolean(row, "teacher"), overlaps)

    def gate(self, row):
        """The gate, a function of the stability u, or None."""
        if "gate" not in row:
            return None
        names = self.names | {str(STABILITY): STABILITY}
        reasons = self.reasons | self.beyond(f"a gate is a function of the stability {STABILITY} and the parameters")
        return self.located("gate", row["gate"], Scope(names, frozenset(self.names), jumping=str(STABILITY), elsewhere=reasons))

    def of_parameters(self, row, key, default=None):
        elsewhere = self.beyond(f"{key} is a function of the parameters")
        return self.located(key, row.get(key, default), self.scope(elsewhere=elsewhere))

    def beyond(self, reason):
        """Every name that is no parameter, with the reason why it may not be used."""
        return {name: f"{what}, and {reason}" for name, what in self.owners.items() if name not in self.names and what != "an overlap"}

    def check_fields(self, order):
        for a in order:
            if f"h_{a}" in self.owners:
                raise InputError(f"'h_{a}' is the name of the field conjugate to {a}: give {self.owners[f'h_{a}']} another name")

    def check_defaults(self, model):
        """Refuse distributions that make no sense at the default parameters."""
        known = {symbol(name): sympy.Float(p.default) for name, p in self.parameters.items() if p.default is not None}
        for x, distribution in model.disorder.items():
            if distribution.free_symbols <= known.keys():
                with _located(f"[disorder] {x}, at the default parameters"):
                    distribution.check(str(x), known)
        if model.couplings:
            with _located("[[couplings]]"):
                self.check_couplings(model, known)

    @staticmethod
    def check_couplings(model, known):
        """Refuse a negative load, and sites on which quenched couplings do not act."""
        for coupling in model.couplings:
            load = getattr(coupling, "load", sympy.S.Zero).xreplace(known)
            if load.is_number and load < 0:
                raise InputError(f"a load must not be negative: {coupling.load} is {float(load):g} at the default parameters")
        for layer in replica_theory(model).layers:
            layer.leaves


@contextmanager
def _located(where):
    try:
        yield
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _table(document, name, required=True):
    if name not in document:
        if required:
            raise InputError(f"the table [{name}] is missing")
        return {}
    if not isinstance(document[name], dict):
        raise InputError(f"[{name}] must be a table, got {_shown(document[name])}")
    return document[name]


def _check_name(name):
    if not NAME.fullmatch(name) or len(name) > 40:
        raise InputError(f"{name!r} is not a name: a letter, then letters, digits and underscores, 40 at most")
    if name in RESERVED or name in CONSTANTS:
        raise InputError(f"{name!r} is reserved: choose another name")
    if name in FUNCTIONS or name in SPECIAL:
        raise InputError(f"{name!r} is a function: choose another name")


def _check_keys(table, known):
    for key in table:
        if key not in known:
            raise InputError(f"unknown key {key!r}; expected {', '.join(sorted(known))}")


def _form(value, forms):
    """The one key of a table that says what it describes."""
    found = [form for form in forms if form in value]
    if len(found) != 1:
        raise InputError(f"expected exactly one of the keys {', '.join(forms)}, got {', '.join(value) or 'none'}")
    return found[0]


def _names_in(value):
    names = re.split(r"[,\s]+", value.strip()) if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or not names:
        raise InputError(f'expected names such as ["s", "t"], got {_shown(value)}')
    return names


def _list(table, key):
    value = table[key]
    if not isinstance(value, list) or not value:
        raise InputError(f"{key} must be a list with at least one entry, got {_shown(value)}")
    if len(value) > MAX_STATES:
        raise InputError(f"{key} has {len(value)} entries; at most {MAX_STATES} are taken")
    return value


def _is_rows(value):
    return isinstance(value, list) and all(isinstance(row, list) for row in value)


def _rows(states, width):
    rows = _list({"states": states}, "states")
    if not _is_rows(rows) or any(len(row) != width for row in rows):
        raise InputError(f"states must be lists of {width} values, one for each site variable")
    return rows


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


def _expression(value, scope):
    """The expression of a number or of a text."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise InputError(f"expected a number or an expression in quotes, got {_shown(value)}")
    if isinstance(value, Decimal) and not value.is_finite():
        raise InputError(f"expected a finite number, got {value}")
    return parse(str(value), scope)


def _constant(value):
    return _expression(value, Scope())


def _text(value):
    if not isinstance(value, str):
        raise InputError(f'expected an expression in quotes such as "s", got {_shown(value)}')
    return value


def _boolean(table, key):
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise InputError(f"{key} must be true or false, got {_shown(value)}")
    return value


def _check_coupling(row):
    kind = row.get("kind")
    if not isinstance(kind, str) or kind not in _COUPLINGS:
        raise InputError(f"kind must be one of {', '.join(_COUPLINGS)}, got {_shown(kind)}")
    needed, possible = _COUPLINGS[kind]
    _check_keys(row, needed | possible | {"kind", "overlap", "variable"})
    for key in sorted(needed):
        if key not in row:
            raise InputError(f"{key} is missing: {kind} couplings need {', '.join(sorted(needed))}")


def _shown(value):
    text = {True: "true", False: "false"}.get(value, repr(value)) if isinstance(value, bool) else repr(value)
    if isinstance(value, Decimal):
        text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."
