"""What the verbs accept: a model, a theory, the name of a built-in model, a model file, or a compiled theory."""

import os

from theory.errors import InputError
from theory.mean_field import MeanFieldTheory
from theory.model import Model

from .kernels.compiled import Compiled, compile

__all__ = ["configured", "coupled", "has_couplings", "refuse_ansatz", "system_at"]


def coupled(source, T=None, beta=None, **given):
    """(model, {parameter: value}) of a source with quenched couplings, T first where it has one; None for any other source."""
    if isinstance(source, (str, os.PathLike)):
        from theory.models import configure

        source, given = configure(source, given)
    if not (isinstance(source, Model) and source.couplings):
        return None
    return source, source.values(T=T, beta=beta, **given)


def has_couplings(source, given):
    """Whether a source has quenched couplings; structural integers among `given` build a named model."""
    if isinstance(source, (str, os.PathLike)):
        from theory.models import configure

        source, _ = configure(source, {k: v for k, v in given.items() if k not in ("T", "beta")})
    return isinstance(source, Model) and bool(source.couplings)


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


def refuse_ansatz(ansatz, steps):
    """An ansatz belongs to quenched couplings; replica symmetry is harmless without."""
    if ansatz not in (None, "rs") or steps is not None:
        raise InputError("the model has no quenched couplings, and so no replica ansatz: leave out ansatz and steps")


def system_at(source, T=None, beta=None, **given):
    """The System of a source at a parameter point; a missing T takes the model's default, beta=X is T = 1/X."""
    compiled, parameters = configured(source, given)
    values = compiled.model.values(T=T, beta=beta, **parameters)
    return compiled.at(**values)
