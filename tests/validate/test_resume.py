"""Simulations that are interrupted go on to the identical result, killed in the middle of a run or while writing."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from meanfield.cli.output import json_text
from theory import InputError
from validate import compare, resume, simulate

ROOT = Path(__file__).parents[2]
CASES = [
    ("curie-weiss", {"T": 0.8, "size": 60, "sweeps": 200, "chains": 8}),
    ("xy", {"T": 0.4, "size": 20, "sweeps": 40, "chains": 4}),
    ("hopfield", {"T": 0.6, "alpha": 0.05, "size": 40, "sweeps": 100, "chains": 8}),
    ("sherrington-kirkpatrick", {"T": 0.8, "size": 24, "sweeps": 100, "chains": 8}),
]


class Stop(Exception):
    """An interruption."""


def interrupted(monkeypatch, after):
    """Let the pieces after the first few fail."""
    made, piece = [], resume._Store.piece

    def counted(store, key, make):
        if key not in store.records:
            made.append(key)
            if len(made) > after:
                raise Stop
        return piece(store, key, make)

    monkeypatch.setattr(resume._Store, "piece", counted)
    return made


def same(a, b):
    """Whether two runs agree bit for bit."""
    return a.estimates == b.estimates and (getattr(a, "draws", None) is None or np.array_equal(a.draws, b.draws))


@pytest.mark.parametrize("name, options", CASES)
def test_a_run_goes_on(name, options, tmp_path, monkeypatch):
    """After an exception in the middle, the rest alone is made; a finished file gives the same without sampling."""
    path = tmp_path / "run.npz"
    wanted = simulate(name, threads=1, seed=3, **options)
    with monkeypatch.context() as patch:
        first = interrupted(patch, 2)
        with pytest.raises(Stop):
            simulate(name, threads=1, seed=3, checkpoint=path, **options)
    with monkeypatch.context() as patch:
        rest = interrupted(patch, 1000)
        assert same(simulate(name, threads=2, seed=3, checkpoint=path, **options), wanted)
        assert rest and len(first) > 2 and not set(first[:2]) & set(rest)
    with monkeypatch.context() as patch:
        interrupted(patch, 0)
        assert same(simulate(name, threads=1, seed=3, checkpoint=path, **options), wanted)
    with np.load(path, allow_pickle=False) as file:
        assert "identity" in file.files


def test_the_samplers_in_torch_go_on(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    options = {"T": 0.8, "size": 40, "sweeps": 60, "chains": 8, "algorithm": "batched", "threads": 1, "seed": 3}
    wanted = simulate("curie-weiss", **options)
    with monkeypatch.context() as patch:
        interrupted(patch, 1)
        with pytest.raises(Stop):
            simulate("curie-weiss", checkpoint=tmp_path / "run.npz", **options)
    assert same(simulate("curie-weiss", checkpoint=tmp_path / "run.npz", **options), wanted)


def test_a_verdict_goes_on(tmp_path, monkeypatch):
    options = {"T": 0.8, "sizes": (30, 60), "sweeps": 100, "chains": 8, "threads": 1, "checkpoint": tmp_path / "verdict.npz"}
    with monkeypatch.context() as patch:
        interrupted(patch, 11)
        with pytest.raises(Stop):
            compare("curie-weiss", **options)
    assert compare("curie-weiss", **options).as_dict() == compare("curie-weiss", **{**options, "checkpoint": None}).as_dict()


@pytest.mark.parametrize(
    "change", [{"T": 0.7}, {"seed": 1}, {"size": 61}, {"sweeps": 201}, {"J": 2.0}, {"algorithm": "single-site"}]
)
def test_a_checkpoint_of_other_settings_is_refused(change, tmp_path):
    options = {"T": 0.8, "size": 60, "sweeps": 200, "chains": 4, "checkpoint": tmp_path / "run.npz"}
    simulate("curie-weiss", **options)
    with pytest.raises(InputError, match="belongs to another computation"):
        simulate("curie-weiss", **{**options, **change})


def test_a_damaged_checkpoint_is_refused(tmp_path):
    (tmp_path / "run.npz").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(InputError, match="is no checkpoint"):
        simulate("curie-weiss", T=0.8, size=60, sweeps=200, chains=4, checkpoint=tmp_path / "run.npz")


def command(*arguments):
    """A command of the module, as its own process."""
    return [sys.executable, "-m", "meanfield.cli", *map(str, arguments)]


def kept(path):
    """The number of pieces in a file."""
    with np.load(path, allow_pickle=False) as file:
        return len(file.files)


@pytest.mark.parametrize(
    "work, name, parameters, options",
    [
        (simulate, "curie-weiss", {"T": 0.8}, {"size": 400, "sweeps": 60_000, "chains": 24}),
        pytest.param(compare, "sherrington-kirkpatrick", {"T": 0.8}, {"sizes": (32, 64), "sweeps": 2000}, marks=pytest.mark.slow),
        pytest.param(compare, "curie-weiss", {"T": 0.8}, {"sweeps": 20_000}, marks=pytest.mark.slow),
    ],
)
def test_killed_in_the_middle(work, name, parameters, options, tmp_path):
    """SIGKILL while chains run; the same command then prints what an uninterrupted computation finds, to the last digit."""
    path, environment = tmp_path / "run.npz", {**os.environ, "PYTHONPATH": str(ROOT)}
    given = [f"--{key}={','.join(map(str, value)) if key == 'sizes' else value}" for key, value in options.items()]
    settings = [f"--set={key}={value}" for key, value in parameters.items()]
    line = command("simulate" if work is simulate else "validate", name, *settings, *given, "--json", "--checkpoint", path)
    process = subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    limit = time.monotonic() + 120
    while process.poll() is None and not (path.exists() and kept(path) > 2) and time.monotonic() < limit:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = kept(path)
    resumed = subprocess.run(line, env=environment, capture_output=True, text=True)
    wanted = work(name, **parameters, **options).as_dict()
    assert 2 < before < kept(path)
    assert json.loads(resumed.stdout) == json.loads(json_text(wanted))
    assert not [p for p in tmp_path.iterdir() if p.suffix == ".part"]
