"""Records of a scan as a labelled Dataset."""

import json

import numpy as np

from theory.errors import InputError

__all__ = ["dataset"]

_PER_SITE = {"units": "per site, k_B = 1"}
_ATTRIBUTES = {
    "free_energy": _PER_SITE, "entropy": _PER_SITE, "energy": _PER_SITE,
    "stable": {"long_name": "1 where the solution is locally stable"},
    "equilibrium": {"long_name": "1 where the solution has the lowest free energy"},
    "multiplicity": {"long_name": "number of states in the symmetry orbit"},
    "replicon": {"long_name": "lowest eigenvalue of the replicon block"},
    "rs_valid": {"long_name": "1 where the ansatz is stable against further replica symmetry breaking"},
    "residual": {"long_name": "max |phi - <g>|"},
    "quadrature_error": {"long_name": "estimated error of the averages"},
    "converged": {"long_name": "1 where the solution solves the equations"},
    "kind": {"long_name": "label of the phase"},
    "status": {"long_name": "how the computation ended"},
    "solutions": {"long_name": "number of solutions found up to symmetry"},
    "complete": {"long_name": "1 where every test of completeness of the search was passed"},
}
_FLAGS = {"stable": "int8", "equilibrium": "int8", "converged": "int8", "rs_valid": "int8"}


def dataset(grid, columns, records, quantities, every):
    """The Dataset of a grid's Records, in the order of its points.

    Parameters
    ----------
    columns : names of the numbers of a Record
    quantities : what is kept beside the order parameters, converged and status
    every : whether there is a dimension "solution"
    """
    import xarray

    layout = _Layout(grid, records, every)
    kept = [*grid.compiled.names, *_expanded(quantities, grid.compiled.names, every), "converged"]
    variables = {name: layout.variable(name, columns.index(name)) for name in kept if name in columns}
    texts = ["kind"] * ("kind" in quantities) + ["status"]
    variables |= {name: layout.text(name) for name in texts}
    counts = [name for name in ("solutions", "complete") if name in quantities]
    variables |= {name: layout.count(name) for name in counts}
    if clash := set(grid.axes) & set(variables):
        raise InputError(f"{min(clash)} names both a scanned parameter and a result: leave that quantity out")
    return xarray.Dataset(variables, {name: (name, v) for name, v in grid.axes.items()}, _attributes(grid))


def _expanded(quantities, names, every):
    for q in quantities:
        yield from (f"chi_{name}" for name in names) if q == "susceptibility" else (q,)
    if every:
        yield "equilibrium"


class _Layout:
    """Places of the records in arrays."""

    def __init__(self, grid, records, every):
        self.records, self.names = records, grid.compiled.names
        self.dims, self.shape = tuple(grid.axes), grid.shape
        self.most = max(len(r.kinds) for r in records) if every else 1
        self.padded = (*self.dims, "solution") if every else self.dims
        self.full = (*self.shape, self.most) if every else self.shape

    def variable(self, name, column):
        values = np.full((len(self.records), self.most), np.nan)
        for row, r in zip(values, self.records):
            row[:len(r.kinds)] = r.numbers[:, column]
        if name in _FLAGS:
            values = np.nan_to_num(values).astype(_FLAGS[name])
        return self.padded, values.reshape(self.full), self.attributes(name)

    def text(self, name):
        field = {"kind": "kinds", "status": "statuses"}[name]
        rows = [[*getattr(r, field), *[""] * (self.most - len(r.kinds))] for r in self.records]
        return self.padded, np.array(rows, dtype=np.str_).reshape(self.full), _ATTRIBUTES[name]

    def count(self, name):
        field, kind = {"solutions": ("found", "int32"), "complete": ("complete", "int8")}[name]
        return self.dims, np.array([getattr(r, field) for r in self.records], dtype=kind).reshape(self.shape), _ATTRIBUTES[name]

    def attributes(self, name):
        if name in self.names:
            return {"long_name": f"order parameter {name}", "units": "1"}
        if name.startswith("chi_"):
            return {"long_name": f"d {name[4:]} / d field at fixed temperature"}
        return _ATTRIBUTES[name]


def _attributes(grid):
    model = grid.model
    return {"title": f"Scan of {model.title}", "model": model.name, "parameters": json.dumps(grid.held),
            "reference": model.reference, "units": "k_B = 1, energies per site"}
