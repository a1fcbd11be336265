"""The list of built-in models, and the one way from a name or a file to a `Model`."""

import difflib
import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, wraps
from pathlib import Path

from ..errors import InputError
from ..model import Model, Parameter

_builders = {}


def builtin(name: str, alternatives: Mapping[str, tuple] | None = None, **ranges: tuple[int, int]):
    """Register the function below as the built-in model `name`.

    Parameters
    ----------
    name : as on the command line
    alternatives : {argument: sets of parameter names}; the sets describe the same thing in different terms, and the argument of the
        function is the set in use
    ranges : {integer argument: (smallest, largest)} of the structural integers of the function
    """
    sets = dict(alternatives or {})

    def register(build):
        defaults = {k: p.default for k, p in inspect.signature(build).parameters.items()}
        structural = {k: Parameter(k, default, *ranges[k], integer=True) for k, default in defaults.items() if k not in sets}

        @wraps(build)
        def checked(**given):
            chosen = {k: _one_of(name, k, given.pop(k), sets[k]) for k in sets if k in given}
            return build(**_integers(name, structural, given), **chosen)

        _builders[name] = (checked, structural, sets)
        return checked

    return register


def _one_of(name, argument, value, sets):
    value = tuple(value)
    if value not in sets:
        raise InputError(f"{argument} of {name} must be one of {', '.join(map(str, sets))}: got {value}")
    return value


def _integers(name, structural, given):
    for key in given:
        if key not in structural:
            known = ", ".join(structural) or "none"
            raise InputError(f"{name} is not built from {key!r}; its integers are: {known}")
    return {key: p.check(_number(key, given.get(key, p.default))) for key, p in structural.items()}


def _number(key, value):
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(f"{key} must be an integer: got {value!r}") from None


@dataclass(frozen=True)
class Entry:
    """A model that can be loaded, and what it is called.

    Attributes
    ----------
    name : of the command line, or the path of a model file
    structural : {name: Parameter} of the integers it is built for
    build : builds it for the integers given as keywords
    alternatives : {argument of build: sets of parameter names, of which one describes the model}
    """

    name: str
    structural: Mapping[str, Parameter]
    build: Callable[..., Model]
    alternatives: Mapping[str, tuple] = field(default_factory=dict)

    @cached_property
    def model(self) -> Model:
        """The model for the default integers."""
        return self.build()

    @property
    def title(self) -> str:
        return self.model.title

    @property
    def reference(self) -> str:
        return self.model.reference

    @property
    def order_parameters(self) -> tuple[str, ...]:
        """Names of what is reported, for the default integers."""
        return self.model.reported

    @property
    def parameters(self) -> dict:
        """{name: default}, integers first; T exists always and is not in it."""
        defined = {**self.structural, **self.model.parameters}
        return {name: parameter.default for name, parameter in defined.items()}

    def chosen(self, names) -> dict:
        """The arguments of `build` that choose between alternative parameters, by the names in use.

        Raises
        ------
        InputError
            If names of several alternatives are in use.
        """
        found = {}
        for argument, sets in self.alternatives.items():
            used = [s for s in sets if set(s) & set(names)]
            if len(used) > 1:
                both = ", ".join(name for s in used for name in s if name in names)
                raise InputError(f"{self.name} takes either {' or '.join(' and '.join(s) for s in sets)}: got {both}; give one of them")
            found |= {argument: s for s in used}
        return found


def available() -> tuple[Entry, ...]:
    """The built-in models, in the order in which they are listed."""
    return tuple(map(entry, _builders))


def entry(name_or_path) -> Entry:
    """The built-in model of this name, or the model file at this path.

    Raises
    ------
    InputError
        If it is neither; the message proposes the nearest names.
    """
    text = os.fspath(name_or_path)
    name = text.replace("_", "-")
    if name in _builders:
        build, structural, alternatives = _builders[name]
        return Entry(name, structural, build, alternatives)
    if text.endswith(".toml") or os.sep in text or Path(text).is_file():
        from .. import model_file

        file = model_file.read(text)
        return Entry(text, file.structural, file.model)
    raise InputError(f"unknown model {text!r}: {_proposal(name)}")


def _proposal(name):
    near = difflib.get_close_matches(name.lower(), _builders, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}? A model file ends in .toml"
    return f"expected a model file (.toml) or one of {', '.join(_builders)}"


def load(name_or_path, **structural) -> Model:
    """The model of a built-in name or of a model file, built for the given integers."""
    return entry(name_or_path).build(**structural)


def configure(name_or_path, given: Mapping[str, float], ranged=()) -> tuple[Model, dict]:
    """Build a model from values of its integers and parameters together.

    Parameters
    ----------
    name_or_path : of the model
    given : values by name
    ranged : names of parameters that will be given values later

    Returns
    -------
    model : built for the integers among `given`
    parameters : the others, which `Model.values` checks
    """
    found = entry(name_or_path)
    integers = {name: value for name, value in given.items() if name in found.structural}
    chosen = found.chosen([*given, *ranged])
    return found.build(**integers, **chosen), {name: value for name, value in given.items() if name not in integers}
