"""Start-up: derivation, a new model's kernels with the drivers compiled before, and a second process for the same model."""

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from meanfield.kernels.cache import VARIABLE, directory

MODELS = {"curie-weiss": "T=0.5", "blume-capel": "T=0.4", "multitasking-hopfield": "T=0.4", "hopfield": "alpha=0.05",
          "sherrington-kirkpatrick": "T=0.6"}
GOALS = {"derivation": 1.0, "new kernels": 1.0, "second process": 1.0}

# Seconds of CPU time of the derivation and of the kernels of one model.
STAGES = """
import time
from theory import models, theory_of
from theory.replica import replica_theory
from meanfield.codegen import generate, render
from meanfield.kernels import cache
from meanfield.kernels.compiled import compile
import meanfield.kernels.drivers

model = models.load({name!r})
begin = time.process_time()
if model.couplings:
    replica_theory(model).free_energy
    print(time.process_time() - begin, "nan")
else:
    theory = theory_of(model)
    theory.equations, theory.jacobian
    derived = time.process_time()
    compiled = compile(theory)
    compiled.module.fill_table.address, compiled.module.equations.address, compiled.module.state.address
    print(derived - begin, time.process_time() - derived)
"""


def rows():
    """(model, seconds of the derivation, of new kernels with the drivers cached, of a second process), CPU time."""
    for name, setting in MODELS.items():
        solve = [sys.executable, "-m", "meanfield.cli", "solve", name, "--set", setting]
        _run(solve)
        with tempfile.TemporaryDirectory() as folder:
            for drivers in directory().glob("compiled_*"):
                os.symlink(drivers, Path(folder) / drivers.name)
            derivation, kernels = _run([sys.executable, "-c", STAGES.format(name=name)], {VARIABLE: folder})[0].split()
        second = min(_run(solve)[1] for _ in range(3))
        yield name, float(derivation), float(kernels), second


def _run(command, environment=()):
    """(output, CPU seconds) of a process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, env=os.environ | dict(environment), capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
