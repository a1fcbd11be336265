"""Every solution on a fine grid of two parameters at once: the compiled counterpart of `scan` for models without quenched couplings."""

import json
from itertools import product

import numpy as np

from theory.errors import InputError

from .bifurcations.box import Box
from .inputs import has_couplings
from .search.measure import site_measure

__all__ = ["grid"]

# Random starts of each symmetric subspace of one dimension; twice as many for each further one.
EACH = 3


def grid(model, x, y, *, free_energies=True, seed=0, **fixed):
    """Every fixed point at all points of a plane of two parameters.

    A coarse mesh is searched from many starts, in the subspaces that symmetries fix too; cells whose corners and centre agree are filled by
    interpolation and Newton's method, others are divided, and where two solutions merge the fold is located. A point whose indices do not
    sum to one is searched again.

    Parameters
    ----------
    model : model, theory, name or path of a model file, without quenched couplings and without a Gaussian disorder that needs its own nodes
    x, y : (name, low, high, points) or {name: (low, high, points)}; T must be positive
    free_energies : bool, False where phases at coexistence are enough, which is faster
    seed : of the random starts
    fixed : the other parameters, with T

    Returns
    -------
    xarray.Dataset
        dimensions ("solution", y, x), one solution for each orbit of the symmetry that holds throughout the plane, NaN beyond their number:
        order parameters, `stable`,
        `equilibrium` (1 for the stable solution of least free energy), `free_energy`; `solutions` counts them. The attribute
        `incomplete` is the number of searched points at which the sum of indices is not one

    Raises
    ------
    InputError
        For a model, parameter or range that has no such grid.
    """
    from .kernels.plane import fixed_points, group_elements, subspace_starts

    if has_couplings(model, fixed):
        raise InputError("a grid needs a model without quenched couplings: use scan or phase_diagram")
    box = Box.plane(model, x, y, fixed)
    low, high = _reach(box)
    symmetry = box.generic_symmetry
    starts = subspace_starts(symmetry, len(box.names), low, high, EACH, seed)
    group = group_elements(symmetry)
    plane = fixed_points(box.family.compiled, *((r.name, r.values) for r in box.ranges), starts, fixed=box.fixed,
                         group=group if len(group[0]) > 1 else None, seed=seed)
    return _dataset(box, plane, free_energies)


def _reach(box):
    """The least and largest order parameters (n,), (n,) at the corners of the plane.

    Raises
    ------
    InputError
        At T = 0, and where they have no bounds.
    """
    corners = [box.family.parameters(corner) for corner in product(*((r.low, r.high) for r in box.ranges))]
    if not all(values["T"] > 0 for values in corners):
        raise InputError("a grid needs T > 0: at T = 0 use scan, solutions or phase_diagram")
    measures = [site_measure(box.model, values) for values in corners]
    if not all(m.bounded for m in measures):
        raise InputError(f"a grid needs bounded order parameters, and those of {box.model.name} are not: use scan")
    directions = np.eye(len(box.names))
    return -np.max([m.support(-directions) for m in measures], axis=0), np.max([m.support(directions) for m in measures], axis=0)


def _dataset(box, plane, free_energies):
    """The Dataset of a Plane."""
    import xarray

    most = int(plane.count.max())
    dims = ("solution", *(r.name for r in reversed(box.ranges)))
    index = np.arange(most)[:, None, None]
    known = index < plane.count
    variables = {name: (dims, np.where(known, plane.phi[:most, a], np.nan)) for a, name in enumerate(box.names)}
    variables["stable"] = (dims, known & plane.stable[:most])
    variables["equilibrium"] = (dims, index == plane.equilibrium)
    variables["solutions"] = (dims[1:], plane.count)
    if free_energies:
        variables["free_energy"] = (dims, plane.free_energy[:most], {"units": "per site, k_B = 1"})
    attributes = {"title": f"Solutions of {box.model.title}", "model": box.model.name, "parameters": json.dumps(box.parameters),
                  "reference": box.model.reference, "units": "k_B = 1, energies per site", "incomplete": plane.incomplete}
    return xarray.Dataset(variables, {r.name: (r.name, r.values) for r in box.ranges}, attributes)
