"""How the package compiles: options of the decorators, and a disk cache that knows when to be thrown away.

numba dates a cached function by its own file alone, so that a change in a function that it inlines
goes unseen; here the cache is dated by the text of every module that compiles.
"""

import hashlib
import os
import tempfile
from functools import cache
from pathlib import Path

import numba
from numba.core import caching

from .cache import directory

MODULES = ("jit", "primitives", "quadrature", "gaussian", "kernel", "drivers", "lanes", "cells", "plane", "tower", "systems", "curves", "rows")
NESTED = ("normal", "rules", "leaves", "steps", "grid", "two_states")
# Sums may be reordered, which is what lets the loops over nodes vectorise; nan and inf stay.
SUMMING = {"reassoc", "nsz", "contract", "arcp"}
# Not "reassoc": it would delete the addition of 1.5*2**52 that rounds.
ELEMENTARY = {"nnan", "ninf", "nsz", "contract"}


@cache
def fingerprint():
    """Digest of the compiled modules' text."""
    here = Path(__file__).parent
    files = [here / f"{name}.py" for name in MODULES] + [here.parent / "replicas" / f"{name}.py" for name in NESTED]
    text = "".join(file.read_text() for file in files)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class _Locator:
    """Places numba's files in this package's cache directory, dated by `fingerprint`."""

    def __init__(self, function, file):
        self._py_file, self._lineno = file, function.__code__.co_firstlineno

    @classmethod
    def from_function(cls, function, file):
        locator = cls(function, file)
        try:
            locator.ensure_cache_path()
        except OSError:
            return None
        return locator

    def ensure_cache_path(self):
        os.makedirs(self.get_cache_path(), exist_ok=True)
        _writable(self.get_cache_path())

    def get_cache_path(self):
        return str(directory() / f"compiled_{fingerprint()}")

    def get_source_stamp(self):
        return fingerprint()

    def get_disambiguator(self):
        return str(self._lineno)


@cache
def _writable(path):
    """Raise OSError unless files can be made there; asked once."""
    tempfile.TemporaryFile(dir=path).close()


class _Implementation(caching.CompileResultCacheImpl):
    _locator_classes = [_Locator, *caching.CompileResultCacheImpl._locator_classes]


class _Cache(caching.FunctionCache):
    _impl_class = _Implementation


def _cached(**options):
    """A decorator: njit with these options and the package's cache, or none where there is no place for it."""
    def decorate(function):
        dispatcher = numba.njit(error_model="numpy", **options)(function)
        try:
            dispatcher._cache = _Cache(function)
        except RuntimeError:
            pass
        return dispatcher

    return decorate


primitive = _cached(forceinline=True, fastmath=ELEMENTARY)
inlined = _cached(forceinline=True)
summing = _cached(fastmath=SUMMING)
routine = _cached()
