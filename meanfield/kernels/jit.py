"""How the package compiles: options of the decorators, and a disk cache that knows when to be thrown away.

numba dates a cached function by its own file alone, so that a change in a function that it inlines
goes unseen; here the cache is dated by the text of the module and of all that it imports.
"""

import hashlib
import importlib.util
import os
import re
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType

import numba
from numba.core import caching

from .cache import directory

# Sums may be reordered, which is what lets the loops over nodes vectorise; nan and inf stay.
SUMMING = {"reassoc", "nsz", "contract", "arcp"}
# Not "reassoc": it would delete the addition of 1.5*2**52 that rounds.
ELEMENTARY = {"nnan", "ninf", "nsz", "contract"}


@cache
def fingerprint(file):
    """Digest of the text of a module and of all that it imports from this package."""
    text = "".join(path.read_text() for path in sorted(_closure(Path(file).resolve())))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _closure(file):
    """A module's file and those of the package's modules that it imports, directly or not."""
    found, todo = set(), [file]
    while todo:
        path = todo.pop()
        found.add(path)
        todo.extend(_imported(path) - found)
    return found


@cache
def _imported(path):
    """Files of the modules that a file imports relatively."""
    files = []
    for dots, name, names in re.findall(r"^from (\.+)([\w.]*) import (\([^)]*\)|.*)", path.read_text(), flags=re.MULTILINE):
        home = path.parents[len(dots) - 1].joinpath(*name.split("."))
        files += [home.with_suffix(".py"), *(home / f"{part}.py" for part in re.findall(r"\w+", names))]
    return {file for file in files if file.is_file()}


def _load_array_functions():
    """Load numba's array functions without scipy.linalg, a quarter of a second that they spend to see whether it is there.

    Whatever calls BLAS imports it then.
    """
    name = "scipy.linalg.cython_blas"
    if name in sys.modules or not importlib.util.find_spec("scipy"):
        return
    sys.modules[name] = ModuleType(name)
    try:
        importlib.import_module("numba.np.arraymath")
    finally:
        del sys.modules[name]


_load_array_functions()


class _Locator:
    """Places numba's files in this package's cache directory, dated by the `fingerprint` of their module."""

    def __init__(self, function, file):
        self._py_file, self._lineno = file, function.__code__.co_firstlineno
        self._stamp = fingerprint(file)

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
        return str(directory() / f"compiled_{self._stamp}")

    def get_source_stamp(self):
        return self._stamp

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
