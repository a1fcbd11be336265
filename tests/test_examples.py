"""The example scripts run, from a copy that may write its figures."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
@pytest.mark.parametrize("script", sorted(str(path.relative_to(ROOT / "examples")) for path in (ROOT / "examples").rglob("*.py")))
def test_example(tmp_path, script):
    """Each script ends well and says nothing inconsistent."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"}
    done = subprocess.run([sys.executable, tmp_path / "examples" / script], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert "inconsistent" not in done.stdout.lower()
