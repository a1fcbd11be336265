"""A training run: its random numbers, device, progress, and a checkpoint from which it goes on to the identical result.

Work is cut into named stages, computed once, and loops, whose state is kept from time to time. Files hold
arrays and JSON text alone, and nothing in them is ever run.
"""

import json
import time
import zlib

import numpy as np

from meanfield.scans.checkpoint import Checkpoint
from meanfield.scans.running import reporter
from theory.errors import InputError

__all__ = ["TrainingRun", "device_of", "import_torch"]

# Seconds between two times that the state of a loop is kept.
INTERVAL = 2.0


def import_torch():
    """The torch module.

    Raises
    ------
    InputError
        Where it is not installed.
    """
    try:
        import torch
    except ImportError:
        raise InputError("training networks needs torch: pip install 'meanfield[networks]'") from None
    return torch


def device_of(name):
    """The torch device of "auto", "cpu" or "cuda"; auto is the GPU where there is one.

    Raises
    ------
    InputError
        For another name, or a GPU that is not there.
    """
    torch = import_torch()
    if name not in ("auto", "cpu", "cuda"):
        raise InputError(f"device must be 'auto', 'cpu' or 'cuda': got {name!r}")
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("device 'cuda': torch finds no GPU here; use 'cpu' or 'auto'")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


class TrainingRun:
    """Seeds, stages and loops of one run.

    Parameters
    ----------
    label : shown with the progress
    seed : int; everything random is drawn from generators that depend on it and on a name alone
    device : "auto", "cpu" or "cuda"
    checkpoint : path of a .npz file, kept up to date and read where it exists
    identity : {name: plain value} of the computation; a checkpoint of another one is refused
    progress : True (standard error), False, or function(done, total)
    folder : of data sets that do not ship in packages, see `digits.load`
    """

    def __init__(self, label="training", seed=0, device="auto", checkpoint=None, identity=None, progress=False, folder=None):
        self.label, self.seed, self.device, self.folder = label, seed, device_of(device), folder
        self.curves, self._report = {}, progress
        identity = {**(identity or {}), "seed": seed, "device": str(self.device)}
        self._file = None if checkpoint is None else Checkpoint(checkpoint, identity, _flatten, _unflatten)
        self._records = {} if self._file is None else self._file.load()
        self._kept = time.monotonic()

    def generator(self, key):
        """A torch generator on the device, seeded by the run's seed and this name."""
        torch = import_torch()
        return torch.Generator(self.device).manual_seed(int(self._seeds(key).generate_state(1, np.uint64)[0] >> np.uint64(1)))

    def rng(self, key):
        """A numpy generator seeded by the run's seed and this name."""
        return np.random.default_rng(self._seeds(key))

    def _seeds(self, key):
        return np.random.SeedSequence(self.seed, spawn_key=(zlib.crc32(str(key).encode()),))

    def keep(self, name, values):
        """Keep a curve for the figure; `report.curves[name]`."""
        self.curves[name] = np.asarray(values)

    def stage(self, key, compute):
        """What `compute()` returns, a dict of arrays or numbers; computed once and then taken from the checkpoint.

        Loops inside it have names that begin with `key/`; their states are dropped when the stage is done.
        """
        if key not in self._records:
            self._records[key] = {name: np.asarray(_array(value)) for name, value in compute().items()}
            for inner in [name for name in self._records if name.startswith(f"{key}/")]:
                del self._records[inner]
            self._save(now=True)
        return self._records[key]

    def loop(self, key, state, step, steps):
        """Call step(state, i) for i in range(steps), going on where the checkpoint stopped.

        Parameters
        ----------
        state : dict of tensors, arrays, numbers, generators (torch and numpy), and objects with `state_dict` and
            `load_state_dict` (torch modules and optimizers); it is all that the steps may depend on
        step : function(state, i), which changes the state

        Returns
        -------
        the state after the last step
        """
        begin = 0
        if key in self._records:
            begin = _restore(state, self._records[key])
        report = reporter(self._report, f"{self.label}: {key}")
        for i in range(begin, steps):
            step(state, i)
            report(i + 1, steps)
            if self._file is not None and (i + 1 == steps or time.monotonic() - self._kept >= INTERVAL):
                self._records[key] = _pack(state, i + 1)
                self._save(now=i + 1 == steps)
        return state

    def _save(self, now=False):
        if self._file is not None:
            self._file.save(self._records, now=now)
            self._kept = time.monotonic()


def _array(value):
    return value.detach().cpu().numpy() if hasattr(value, "detach") else value


def _flatten(records):
    """{key: {name: array}} as arrays by number, with the names in one JSON text: a name may hold any character."""
    names = [(key, name) for key, record in records.items() for name in record]
    arrays = {f"array{n}": records[key][name] for n, (key, name) in enumerate(names)}
    return {"names": np.array(json.dumps(names)), **arrays}


def _unflatten(arrays):
    records = {}
    for n, (key, name) in enumerate(json.loads(str(arrays["names"]))):
        records.setdefault(key, {})[name] = arrays[f"array{n}"]
    return records


def _pack(state, done):
    """A state as a record: its arrays, and one JSON text of all that is no array."""
    arrays = {}
    plain = {name: _plain(_state_of(value), arrays) for name, value in state.items()}
    return {**arrays, "loop": np.array(json.dumps({"done": done, "state": plain}))}


def _restore(state, record):
    """Put a record back into a state; returns the number of steps that are done."""
    found = json.loads(str(record["loop"]))
    for name, value in found["state"].items():
        state[name] = _put_back(state[name], _living(value, record))
    return found["done"]


def _state_of(value):
    """What has to be kept of a value."""
    if hasattr(value, "get_state") and hasattr(value, "set_state"):
        return value.get_state().clone()
    if isinstance(value, np.random.Generator):
        return value.bit_generator.state
    return value.state_dict() if hasattr(value, "state_dict") else value


def _put_back(value, kept):
    """The value that a kept one stands for; generators, modules, optimizers and what they train are changed in place."""
    if hasattr(value, "get_state") and hasattr(value, "set_state"):
        value.set_state(_tensor(kept))
    elif isinstance(value, np.random.Generator):
        value.bit_generator.state = kept
    elif hasattr(value, "state_dict"):
        value.load_state_dict(_tensors(kept))
    elif hasattr(value, "detach"):
        return _filled(value, kept) if value.requires_grad else _tensor(kept).to(value.device)
    else:
        return kept
    return value


def _filled(parameter, kept):
    """A trained tensor with its values back: optimizers know it as an object."""
    with import_torch().no_grad():
        parameter.copy_(_tensor(kept))
    return parameter


def _plain(value, arrays):
    """A value for JSON; arrays go to `arrays` and leave their number."""
    if hasattr(value, "detach") or isinstance(value, np.ndarray):
        name = str(len(arrays))
        arrays[name] = np.array(_array(value))
        return {"array": name}
    if isinstance(value, dict):
        return {"dict": [[key, _plain(item, arrays)] for key, item in value.items()]}
    if isinstance(value, (list, tuple)):
        return {"list": [_plain(item, arrays) for item in value]}
    return value.item() if isinstance(value, np.generic) else value


def _living(value, record):
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "array":
        return np.array(record[content])
    return {key: _living(item, record) for key, item in content} if kind == "dict" else [_living(item, record) for item in content]


def _tensor(array):
    return import_torch().as_tensor(np.array(array))


def _tensors(value):
    """Arrays of a nested value as tensors."""
    if isinstance(value, np.ndarray):
        return _tensor(value)
    if isinstance(value, dict):
        return {key: _tensors(item) for key, item in value.items()}
    return [_tensors(item) for item in value] if isinstance(value, list) else value
