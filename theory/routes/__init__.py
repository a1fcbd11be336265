"""The routes from a Hamiltonian to its mean-field theory, by name."""

from ..errors import InputError
from ..model import DEFAULT_TEMPERATURE
from ..symbols import symbol
from . import entropy, hamilton_jacobi, interpolation, replica, saddle_point

ROUTES = {
    "saddle-point": saddle_point.derivation,
    "entropy": entropy.derivation,
    "interpolation": interpolation.derivation,
    "hamilton-jacobi": hamilton_jacobi.derivation,
}

# With quenched couplings; the interpolation takes some of them too.
COUPLED = {"replica": replica.derivation}


def applicable(model):
    """Names of the routes that apply to a model."""
    return tuple(route for route in ROUTES if not (route == "hamilton-jacobi" and model.site.kind == "quantum"))


def refuse(model, route, ansatz=None):
    """Raise InputError where a route does not apply to a model."""
    if model.couplings and route == "interpolation":
        return interpolation.refuse_couplings(model, ansatz)
    if model.couplings:
        raise InputError(f"{model.name} has quenched couplings, which the {route} route does not take: choose replica or interpolation")
    if ansatz is not None:
        raise InputError(f"the {route} route takes no ansatz: got {ansatz!r}; only models with quenched couplings need one")
    if route not in applicable(model):
        raise InputError(f"the {route} route needs order parameters that commute and {model.name} has quantum sites: "
                         f"choose one of {', '.join(applicable(model))}")
    _refuse_divergent(model)


def _refuse_divergent(model):
    from sympy import Float

    from ..mean_field import fields_of, site_exponent

    known = {name: p.default if p.default is not None else 1.0 for name, p in model.parameters.items()}
    values = {symbol(name): Float(v) for name, v in known.items()} | {symbol("T"): Float(DEFAULT_TEMPERATURE)}
    values |= {h: Float(0) for h in fields_of(model)}
    for condition in model.site.normalisation(site_exponent(model)):
        number = condition.xreplace(values)
        if number.is_number and not number > 0:
            raise InputError(f"the Gaussian measure of {model.name} does not normalise: {condition} must be positive "
                             f"and is {float(number):g} at T = {DEFAULT_TEMPERATURE}; bound the site energy from below")
