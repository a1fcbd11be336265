"""`meanfield phase-diagram --jobs N --checkpoint FILE`: stopped by any signal, it goes on from there."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from meanfield.cli import main

ROOT = Path(__file__).resolve().parents[2]
COMMAND = ["phase-diagram", "curie-weiss", "--x", "h=-0.2:0.2:7", "--y", "T=0.5:1.3:7", "--json"]


def printed(capsys, *options):
    assert main([*COMMAND, *map(str, options)]) == 0
    return json.loads(capsys.readouterr().out)


def started(path, errors):
    """The command in two processes of its own session."""
    command = [sys.executable, "-m", "meanfield.cli", *COMMAND, "--jobs", "2", "--checkpoint", str(path)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=errors, text=True, start_new_session=True)


def wait_for_the_end_of(children, seconds=30):
    """Whether these processes end in time."""
    for _ in range(10 * seconds):
        if not any(Path(f"/proc/{child}").exists() for child in children):
            return True
        time.sleep(0.1)
    return False


@pytest.mark.slow
def test_killed_command_goes_on(tmp_path, capsys):
    """SIGKILL while processes work; the same command then prints what an uninterrupted one does."""
    path = tmp_path / "diagram.npz"
    process = started(path, None)
    while not path.exists() and process.poll() is None:
        time.sleep(0.005)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    children = children.read_text().split() if children.exists() else []
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert wait_for_the_end_of(children)
    kept = path.read_bytes()
    assert printed(capsys, "--checkpoint", path) == printed(capsys)
    assert kept[:2] == b"PK"


def test_interrupted_command(tmp_path):
    """Ctrl-C ends with status 130 and one line."""
    path = tmp_path / "diagram.npz"
    process = started(path, subprocess.PIPE)
    while not path.exists() and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode in (0, 130) and len(errors.splitlines()) <= 1


def test_bad_options(capsys):
    """One line each."""
    for options, said in ((["--jobs", "0"], "positive integer"), (["--checkpoint", "a.txt"], ".npz")):
        assert main([*COMMAND, *options]) == 2
        assert said in capsys.readouterr().err
