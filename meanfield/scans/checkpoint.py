"""Results on disk while a computation runs: complete or absent, never a part, and never those of another computation."""

import json
import os
import time
import zipfile
from pathlib import Path

import numpy as np

from theory.errors import InputError

from ..writers import check_extension

__all__ = ["Checkpoint"]

FORMAT = 1
# At most this share of the time goes into writing.
SHARE = 0.1


class Checkpoint:
    """A file (.npz) of records by number, with the identity of the computation that they belong to.

    Parameters
    ----------
    path : of the file
    identity : {name: plain value}; a file with another one is refused
    pack, unpack : {number: record} to {name: array} and back
    """

    def __init__(self, path, identity, pack, unpack):
        check_extension(path, ("npz",))
        self.path, self.pack, self.unpack = Path(path), pack, unpack
        self.identity = json.loads(json.dumps({"format": FORMAT, **identity}))
        self.written, self.cost = -np.inf, 0.0
        if not os.access(self.path.parent, os.W_OK) or self.path.is_dir():
            raise InputError(f"cannot write the checkpoint {path}: no such directory, or not writable")

    def load(self):
        """The records of the file, {} where there is none.

        Raises
        ------
        InputError
            Where the file is damaged, no checkpoint, or one of another computation.
        """
        self._sweep()
        if not self.path.exists():
            return {}
        try:
            with np.load(self.path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            identity = json.loads(str(arrays.pop("identity")))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise InputError(f"{self.path} is no checkpoint ({type(error).__name__}): give another name or delete it") from None
        self._compare(identity)
        return self.unpack(arrays)

    def _compare(self, there):
        here = self.identity
        for name in dict.fromkeys([*here, *there]):
            if here.get(name) != there.get(name):
                difference = f"{name}: {_brief(there.get(name))} there, {_brief(here.get(name))} here"
                raise InputError(f"the checkpoint {self.path} belongs to another computation ({difference}): give another file "
                                 "or delete it")

    def save(self, records, now=False):
        """Write the records, unless the last time is too recent for what writing costs."""
        start = time.monotonic()
        if not now and start - self.written < self.cost / SHARE:
            return
        self._write({"identity": np.array(json.dumps(self.identity)), **self.pack(records)})
        self.written = time.monotonic()
        self.cost = self.written - start

    def _write(self, arrays):
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        try:
            with open(temporary, "wb") as file:
                np.savez(file, **arrays)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.path)
            _sync_directory(self.path.parent)
        except OSError as error:
            raise InputError(f"cannot write the checkpoint {self.path}: {error.strerror or error}") from None
        finally:
            temporary.unlink(missing_ok=True)

    def _sweep(self):
        """Remove what processes that were killed while writing have left."""
        for part in self.path.parent.glob(f".{self.path.name}.*.part"):
            pid = part.name.split(".")[-2]
            if pid.isdigit() and not _is_running(int(pid)):
                part.unlink(missing_ok=True)


def _is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def _sync_directory(folder):
    """Make a rename last through a power failure, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)


def _brief(value):
    text = json.dumps(value)
    return text if len(text) <= 90 else text[:87] + "..."
