"""Generated modules on disk, named by the hash of their text."""

import hashlib
import importlib.util
import linecache
import os
import sys
import tempfile
import types
from contextlib import contextmanager
from pathlib import Path

VARIABLE = "MEANFIELD_CACHE"


def directory():
    """The cache directory: $MEANFIELD_CACHE, else meanfield in the user's cache directory."""
    if VARIABLE in os.environ:
        return Path(os.environ[VARIABLE])
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "meanfield"


def load(source, tag="kernels"):
    """Import the module with this text, from the cache where possible.

    Parameters
    ----------
    source : text of the module
    tag : readable part of its name

    Returns
    -------
    module; where the cache cannot be written, one that lives in memory only
    """
    name = f"mf_{''.join(c if c.isalnum() else '_' for c in tag)}_{digest(source)[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    path = directory() / f"{name}.py"
    try:
        _store(path, source)
    except OSError:
        return _in_memory(name, source)
    return _import(name, path)


def digest(text):
    """Hexadecimal SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def _store(path, source):
    """Write a file atomically unless it already has this content: numba's cache goes by its date."""
    if path.exists():
        if path.read_text() == source:
            return
    path.parent.mkdir(parents=True, exist_ok=True)
    with _lock(path.parent):
        if path.exists() and path.read_text() == source:
            return
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        try:
            with os.fdopen(handle, "w") as f:
                f.write(source)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise


@contextmanager
def _lock(folder):
    """Hold the directory's lock file; a system without flock relies on the atomic rename alone."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with open(folder / ".lock", "w") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


def _import(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _in_memory(name, source):
    module = types.ModuleType(name)
    filename = f"<{name}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    exec(compile(source, filename, "exec"), module.__dict__)
    sys.modules[name] = module
    return module
