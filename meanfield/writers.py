"""Files written atomically: a reader sees the old content or the new one, never a part."""

import json
import math
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

from theory.errors import InputError

__all__ = ["check_extension", "replacing", "write_json", "write_text"]


@contextmanager
def replacing(path):
    """A temporary path beside `path` that replaces it when the block succeeds.

    Raises
    ------
    InputError
        Where the directory does not exist or cannot be written to.
    """
    path = Path(path)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from None
    os.close(handle)
    try:
        yield Path(name)
        _publish(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


def _publish(name, path):
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a directory")
    umask = os.umask(0)
    os.umask(umask)
    os.chmod(name, 0o666 & ~umask)
    os.replace(name, path)


def write_text(path, text):
    """Write text to a file; returns its path."""
    with replacing(path) as temporary:
        temporary.write_text(text)
    return Path(path)


def write_json(path, document):
    """Write a document of plain values as JSON, NaN and infinity as null; returns the path."""
    return write_text(path, json.dumps(_finite(document), indent=1) + "\n")


def _finite(value):
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def check_extension(path, known):
    """The lower-case extension of a path without its dot.

    Raises
    ------
    InputError
        Where it is not one of `known`.
    """
    extension = Path(path).suffix.lower().lstrip(".")
    if extension not in known:
        raise InputError(f"cannot write {path}: expected a name that ends in .{', .'.join(known)}")
    return extension
