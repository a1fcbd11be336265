"""Guerra's interpolation for models with quenched couplings: from one-body Gaussian fields to the couplings."""

from ...couplings import GaussianCouplings, HebbianLoad
from ...errors import InputError
from ...replica import ansatz_of
from ...sites import FiniteSite
from .glass import GlassScheme
from .hopfield import HopfieldScheme


def derivation(model):
    """The derivation of a replica-symmetric theory by interpolation."""
    return scheme_of(model).derivation()


def scheme_of(model):
    """The interpolation that a model's couplings allow; InputError where none is available."""
    refuse(model)
    return (HopfieldScheme if isinstance(model.couplings[0], HebbianLoad) else GlassScheme)(model)


def refuse(model, ansatz=None):
    """Raise InputError where the interpolation does not apply."""
    if ansatz is not None and ansatz_of(ansatz).steps:
        raise InputError(f"the interpolation route is replica symmetric: got the ansatz {ansatz_of(ansatz).name}; use the "
                         f"replica route")
    kinds = {type(c) for c in model.couplings}
    found = ", ".join(type(c).__name__ for c in model.couplings)
    if not (kinds == {GaussianCouplings} or kinds == {HebbianLoad} and len(model.couplings) == 1):
        raise InputError("the interpolation route takes Gaussian couplings or one Hebbian load: "
                         f"{model.name} has {found}; use the replica route")
    if not _ising(model.site) or len(model.overlaps) != 1 or model.auxiliaries:
        raise InputError("the interpolation route with quenched couplings takes models of one Ising spin a site (+1 or -1) "
                         "without auxiliary "
                         f"variables, and {model.name} is none: use the replica route")
    (q,) = model.overlaps
    if kinds == {GaussianCouplings} and not all(c.covariance.is_polynomial(q) for c in model.couplings):
        raise InputError(f"the interpolation route takes a covariance that is a polynomial in {q}: use the replica route")


def applies(model):
    """Whether the interpolation takes a model's quenched couplings."""
    try:
        refuse(model)
    except InputError:
        return False
    return True


def _ising(site):
    return isinstance(site, FiniteSite) and {*site.states} == {(1,), (-1,)} and len({*site.weights}) == 1 and site.weights[0] == 1
