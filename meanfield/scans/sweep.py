"""The scan of a model over a grid of parameters."""

import json
import time


from theory.errors import InputError

from ..kernels.cache import digest
from ..results import versions
from ..search.search import Search
from .checkpoint import Checkpoint
from .dataset import dataset
from .grid import read_grid
from .point import QUANTITIES, QUENCHED, Work, columns, failed, solve_points
from .portable import Portable
from .quenched import Quenched
from .records import packed, unpacked
from .running import Interrupted, completed, reporter

__all__ = ["scan"]

# Points of one task on an executor, at most, and how many tasks a small scan is divided into.
CHUNK, TASKS = 16, 64
PENDING = "not computed: interrupted"


def scan(model, over, quantities=None, *, executor=None, checkpoint=None, progress=True, every=False, method=Search(), chunk=None,
         ansatz=None, steps=None, **parameters):
    """The equilibrium, or every solution, at all combinations of some parameters' values.

    Parameters
    ----------
    model : model, theory, compiled theory, name or path of a model file
    over : {name: (low, high, points)} or {name: sequence of values}; "beta" may stand for T
    quantities : names out of free_energy, entropy, energy, kind, stable, multiplicity, susceptibility (chi_<name>),
        residual, quadrature_error, solutions, complete; with quenched couplings replicon and rs_valid too;
        None for all of them
    executor : any `concurrent.futures.Executor` (processes, `dask.distributed`'s `client.get_executor()`); None works here
    checkpoint : name of a file (.npz) that keeps what is done; the same call goes on from there. It is written after every
        task, or as often as keeps a tenth of the time for writing
    progress : True for messages on standard error, a function progress(done, total), or False
    every : all solutions along a further dimension "solution", stable ones first, padded with NaN
    method : Search; with quenched couplings there is one search, and no choice
    ansatz, steps : of replicas, for models with quenched couplings: rs (default), 1rsb, krsb with their number, or a KStepRSB
    chunk : points of one task; by default what keeps the workers evenly busy
    parameters : the others, with T where the model has one

    Returns
    -------
    xarray.Dataset
        dimensions named by the scanned parameters; order parameters, with quenched couplings overlaps
        too, the quantities, converged and status; failed points are
        NaN, and `status` says why

    Raises
    ------
    InputError
        For bad arguments, and for a checkpoint of another computation.
    Interrupted
        On Ctrl-C; the checkpoint, if there is one, holds what was done, and so does the exception's `dataset`.
    """
    _known(quantities)
    grid = read_grid(model, over, parameters, ansatz, steps)
    quantities = _checked(quantities, grid.model)
    work = Work(_portable(grid), tuple(grid.axes), tuple(grid.fixed.items()), bool(every), method)
    return _Scan(grid, work, quantities, checkpoint, reporter(progress, f"scan of {grid.model.name}")).run(executor, chunk)


def _portable(grid):
    if not isinstance(grid.compiled, Quenched):
        return Portable.of(grid.compiled)
    grid.compiled.check(grid.model.values(**grid.fixed, **grid.at(0)))
    return grid.compiled.portable()


def _known(quantities):
    """The quantities as a tuple, where all of them exist."""
    chosen = QUANTITIES if quantities is None else tuple([quantities] if isinstance(quantities, str) else quantities)
    if unknown := [q for q in chosen if q not in QUANTITIES]:
        raise InputError(f"unknown quantity {unknown[0]!r}: expected some of {', '.join(QUANTITIES)}")
    return chosen


def _checked(quantities, model):
    """The quantities that a model has, in their order."""
    absent = () if model.couplings else QUENCHED
    chosen = [q for q in _known(quantities) if q not in absent or quantities is not None]
    if wrong := [q for q in chosen if q in absent]:
        raise InputError(f"{wrong[0]} is not available for models without quenched couplings such as {model.name}: leave it out")
    return tuple(q for q in QUANTITIES if q in chosen)


class _Scan:
    """The records of a scan, on disk and in memory."""

    def __init__(self, grid, work, quantities, path, progress):
        self.grid, self.work, self.quantities, self.progress = grid, work, quantities, progress
        self.columns = columns(grid.compiled)
        self.checkpoint = Checkpoint(path, self.identity(), packed, unpacked) if path is not None else None
        self.records = self.checkpoint.load() if self.checkpoint else {}

    def identity(self):
        """What a checkpoint must agree in to be continued."""
        grid = self.grid
        return {"model": grid.model.name, "parameters": grid.held, "scanned": list(grid.axes), "shape": list(grid.shape),
                "values": digest(json.dumps([[v.hex() for v in map(float, values)] for values in grid.axes.values()])),
                "every": self.work.every, "search": self.work.identity(), "versions": dict(versions()),
                "equations": self.work.theory.digest}

    def run(self, executor, chunk):
        left = [p for p in range(self.grid.size) if p not in self.records]
        try:
            self.work_through(executor, left, chunk)
        except KeyboardInterrupt:
            self.save(now=True)
            raise Interrupted(self.message(), self.result()) from None
        except BaseException:
            self.save(now=True)
            raise
        self.save(now=True)
        return self.result()

    def work_through(self, executor, left, chunk):
        """Compute the points that are left; the first one here, so that workers find every kernel compiled."""
        self.progress(len(self.records), self.grid.size)
        size = chunk or (1 if executor is None else min(CHUNK, -(-len(left) // TASKS)))
        parts = [left[:1], *(left[i:i + size] for i in range(1, len(left), size))] if left else []
        for part in parts[:1]:
            self.keep(part, solve_points(self.work, self.places(part)))
        tasks = ((self.work, self.places(part)) for part in parts[1:])
        numbers = {self.key(self.places(part)): part for part in parts[1:]}
        for (_, places), records in completed(executor, solve_points, tasks):
            self.keep(numbers[self.key(places)], records)

    def places(self, points):
        return [self.grid.at(p) for p in points]

    @staticmethod
    def key(places):
        return tuple(places[0].values())

    def keep(self, points, records):
        self.records.update(zip(points, records))
        self.save()
        self.progress(len(self.records), self.grid.size)

    def save(self, now=False):
        if self.checkpoint:
            self.checkpoint.save(self.records, now)

    def message(self):
        where = f"; the same call with checkpoint={str(self.checkpoint.path)!r} goes on from there" if self.checkpoint else ""
        return f"interrupted: {len(self.records)} of {self.grid.size} points are done{where}"

    def result(self):
        """The Dataset; points that were not computed are marked."""
        pending = failed(self.grid.compiled, PENDING)
        records = [self.records.get(p, pending) for p in range(self.grid.size)]
        data = dataset(self.grid, self.columns, records, self.quantities, self.work.every)
        data.attrs |= {"search": json.dumps(self.work.identity()), "versions": json.dumps(dict(versions())),
                       "equations": self.work.theory.digest, "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        return data
