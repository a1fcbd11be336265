"""Pieces of a simulation kept in a file, from which an interrupted one goes on to the identical result.

A piece is a chain, a block of replicas or a batch of chains: what it draws depends on the seed and its place alone, so that
pieces from the file and pieces made afresh go together bit for bit.
"""

import threading
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from meanfield.kernels.cache import digest
from meanfield.results import versions
from meanfield.scans.checkpoint import Checkpoint

_STORE = ContextVar("store", default=None)


@contextmanager
def resumable(path, task, model, values, **options):
    """Keep the pieces of the simulations inside in a file (.npz).

    Parameters
    ----------
    path : of the file; None to keep nothing
    task : name of the computation
    model : theory.Model
    values : {name: float}
    options : plain values on which the result depends

    Raises
    ------
    InputError
        Where the file is damaged, no checkpoint, or one of another computation.
    """
    if path is None:
        yield
        return
    store = _Store(path, identity(task, model, values, options))
    token = _STORE.set(store)
    try:
        yield
    finally:
        _STORE.reset(token)
        store.save(now=True)


def identity(task, model, values, options):
    """What a file must agree in to be continued."""
    return {
        "task": task,
        "model": model.name,
        "parameters": {**model.structural, **values},
        **options,
        "versions": dict(versions()),
        "hamiltonian": digest(written(model)),
    }


def written(model):
    """The Hamiltonian as text."""
    parts = (model.site, model.disorder, model.order_parameters, model.energy, model.site_energy, model.couplings)
    return "\n".join(map(str, parts))


def pieces(*key):
    """A function of (place, make) that returns the tuple of arrays and numbers of `make()`, from the file if it is there.

    Parameters
    ----------
    key : plain values that tell one loop over places from another
    """
    store = _STORE.get()
    if store is None:
        return lambda place, make: make()
    group = digest(repr(key))[:16]
    return lambda place, make: store.piece(f"{group}-{'-'.join(map(str, np.atleast_1d(place)))}", make)


class _Store:
    """Records {key: tuple of arrays}, to be used from several threads."""

    def __init__(self, path, identity):
        self.file, self.lock = Checkpoint(path, identity, _packed, _unpacked), threading.Lock()
        self.records = self.file.load()
        self.save(now=True)

    def piece(self, key, make):
        if key not in self.records:
            made = tuple(np.asarray(x) for x in make())
            with self.lock:
                self.records[key] = made
                self.file.save(self.records)
        return self.records[key]

    def save(self, now):
        with self.lock:
            self.file.save(self.records, now)


def _packed(records):
    return {f"{key}.{j}": array for key, arrays in records.items() for j, array in enumerate(arrays)}


def _unpacked(arrays):
    found = {}
    for name in sorted(arrays, key=lambda name: (name.rpartition(".")[0], int(name.rpartition(".")[2]))):
        found.setdefault(name.rpartition(".")[0], []).append(arrays[name])
    return {key: tuple(group) for key, group in found.items()}
