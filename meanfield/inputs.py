"""What the verbs accept: a model, a theory, the name of a built-in model, a model file, or a compiled theory."""

import os

from theory.errors import InputError
from theory.mean_field import MeanFieldTheory
from theory.model import Model

from .kernels.compiled import Compiled, compile

__all__ = ["configured", "system_at"]


def configured(source, given):
    """The compiled theory of a source, and the parameters among `given` that are left to set.

    Parameters
    ----------
    source : Model | MeanFieldTheory | Compiled | name | path
    given : {name: value}; structural integers build a named model anew

    Returns
    -------
    compiled : Compiled
    parameters : dict
    """
    if isinstance(source, (str, os.PathLike)):
        from theory.models import configure

        model, parameters = configure(source, given)
        return compile(model), parameters
    if isinstance(source, Compiled):
        return source, dict(given)
    if isinstance(source, (Model, MeanFieldTheory)):
        return compile(source), dict(given)
    raise InputError(f"expected a model, a theory, the name of a built-in model or the path of a model file: got {source!r}")


def system_at(source, T=None, beta=None, **given):
    """The System of a source at a parameter point; a missing T takes the model's default, beta=X is T = 1/X."""
    compiled, parameters = configured(source, given)
    values = compiled.model.values(T=T, beta=beta, **parameters)
    return compiled.at(**values)
