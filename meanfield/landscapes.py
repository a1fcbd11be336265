"""Free-energy landscapes f(phi) = e(phi) - T S(phi): what it costs to hold order parameters at given values.

-T S is the Legendre transform of the pressure P(h) of independent sites: phi = dP/dh, -T S(phi) = h.phi - P(h). The landscape is
parametrised by the fields h; order parameters that are not asked for take the values that make f stationary.
"""

from dataclasses import dataclass, replace

import numpy as np

from theory.errors import InputError
from theory.model import Parameter
from theory.symbols import symbol

from .kernels.compiled import System, compile
from .search.energy import energy_of
from .inputs import configured
from .solutions import solutions_at

__all__ = ["Landscape", "landscape"]

SATURATION = 12.0
# Weight of even steps in the field against even steps in the order parameter.
EVEN = 0.15


@dataclass(frozen=True, eq=False)
class Landscape:
    """The free energy as a function of one or two order parameters.

    Attributes
    ----------
    names : the order parameters
    values : (k, 1) in ascending order, or (k, k, 2) on a curvilinear grid
    free_energy : (k,) or (k, k), per site
    solutions : Solutions at these parameters
    parameters : {name: value}
    """

    model: str
    title: str
    names: tuple
    values: np.ndarray
    free_energy: np.ndarray
    solutions: object
    parameters: dict


def landscape(model, *, order_parameters=None, points=None, T=None, **parameters):
    """The landscape of a model at one parameter point.

    Parameters
    ----------
    model : model, theory, name or path of a model file
    order_parameters : one or two names; None for the first one or two that the energy uses
    points : number of fields along each direction (default 401 in one, 61 in two)
    T, parameters : as in `solve`; T > 0

    Returns
    -------
    Landscape
    """
    compiled, parameters = configured(model, parameters)
    values = compiled.model.values(T=T, **parameters)
    if values["T"] == 0:
        raise InputError("a landscape needs T > 0: at T = 0 the entropy has no weight, set a small T")
    names = _chosen(compiled.model, order_parameters)
    sites = _Sites.of(compiled.model, values)
    places, energies = _surface(sites, [compiled.model.names.index(n) for n in names], points)
    found = solutions_at(compiled.at(**values))
    return Landscape(compiled.model.name, compiled.model.title, names, places, energies, found,
                     {**values, **compiled.model.structural})


def _chosen(model, names):
    used = [n for n, a in zip(model.names, model.order_parameters) if a not in model.observables]
    names = tuple(used[:2] if names is None else [names] if isinstance(names, str) else names)
    if not 1 <= len(names) <= 2 or len(set(names)) < len(names) or not set(names) <= set(model.names):
        raise InputError(f"order_parameters: expected one or two of {', '.join(model.names)}, got {', '.join(names)}")
    return names


@dataclass(frozen=True, eq=False)
class _Sites:
    """Independent sites in fields, at one parameter point, and the energy that couples them."""

    compiled: object
    fields: tuple
    energy: object
    values: dict

    @classmethod
    def of(cls, model, values):
        fields = {a: symbol(f"field_{a}") for a in model.order_parameters}
        free = {str(f): Parameter(str(f), default=0.0) for f in fields.values()}
        sites = replace(model, energy=-sum(f * a for a, f in fields.items()), parameters={**model.parameters, **free},
                        name=f"{model.name}-sites")
        return cls(compile(sites), tuple(free), energy_of(model, values), dict(values))

    def respond(self, h):
        """(phi, P, C): the response of the sites to fields h, shape (n,)."""
        system = System(self.compiled, {**self.values, **dict(zip(self.fields, map(float, h)))})
        evaluation = system.evaluate(np.zeros(len(h)))
        return -evaluation.residual, -evaluation.free_energy, evaluation.response

    def hold(self, kept, forces, phi):
        """(phi, f) with the fields of the order parameters `kept` given and the others' h = -de/dphi; `phi` is a guess."""
        if len(kept) == len(phi):
            mean, pressure, _ = self.respond(forces)
            return mean, float(self.energy(mean)[0] + forces @ mean - pressure)
        for _ in range(60):
            h, curvature = -self.energy.gradient(phi)[0], self.energy.curvature(phi)[0]
            h[kept], curvature[kept] = forces, 0.0
            mean, pressure, response = self.respond(h)
            step = np.linalg.solve(np.eye(len(phi)) + response @ curvature, phi - mean)
            phi = phi - step
            if np.abs(step).max() < 1e-11:
                break
        return phi, float(self.energy(phi)[0] + h @ phi - pressure)


def _surface(sites, kept, points):
    """Order parameters `kept`, shape (k, 1) or (k, k, 2), and free energies, shape (k,) or (k, k)."""
    count = points or (401 if len(kept) == 1 else 61)
    axes = [_field_axis(sites, k, count) for k in kept]
    phi = sites.respond(np.zeros(len(sites.fields)))[0]
    shape = tuple(map(len, axes))
    places, energies = np.empty((*shape, len(kept))), np.empty(shape)
    for cell in _serpentine(shape):
        phi, energies[cell] = sites.hold(kept, np.array([axis[i] for axis, i in zip(axes, cell)]), phi)
        places[cell] = phi[kept]
    return places, energies


def _serpentine(shape):
    """Indices such that successive ones are neighbours: each solution is the next one's guess."""
    for row in np.ndindex(shape[:-1]):
        line = range(shape[-1])
        for last in line if sum(row) % 2 == 0 else reversed(line):
            yield (*row, last)


def _field_axis(sites, k, count):
    """Fields on one order parameter, from one saturation to the other, such that it moves in even steps."""
    T, direction = sites.values["T"], np.eye(len(sites.fields))[k]
    ends = np.array([sites.respond(s * 1e3 * (1 + T) * np.ones(len(direction)))[0] for s in (-1, 1)])
    reach = np.abs(sites.energy.gradient(ends)).max() + SATURATION * T
    fine = reach * np.linspace(-1, 1, 401) ** 3
    response = np.array([sites.respond(h * direction)[0][k] for h in fine])
    progress = np.abs(np.diff(response)) / max(np.ptp(response), 1e-12) + EVEN * np.diff(fine) / reach
    length = np.concatenate([[0.0], np.cumsum(progress)])
    return np.interp(np.linspace(0, length[-1], count), length, fine)
