"""Start-up: derivations, a new model's kernels with the drivers compiled before, and a second process for the same model."""

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from meanfield.kernels.cache import VARIABLE, directory

MODELS = {"curie-weiss": "T=0.5", "blume-capel": "T=0.4", "multitasking-hopfield": "T=0.4", "sherrington-kirkpatrick": "T=0.6",
          "hopfield": "alpha=0.05", "bam": "T=0.3", "dreaming-hopfield": "T=0.3", "multitasking-hebbian": "T=0.3"}
GOAL = 1.0

# Seconds of CPU time of the equations and Jacobians of every built-in model.
DERIVATIONS = """
import time
from theory import models, theory_of
from theory.replica import replica_theory
from meanfield.codegen.saddle import equations

for name in [entry.name for entry in models.available()]:
    model = models.load(name)
    begin = time.process_time()
    if model.couplings:
        theory = replica_theory(model)
        theory.free_energy
        try:
            state = equations(theory)
            state.jacobian(state.unknowns)
        except ValueError:
            theory.equations
    else:
        theory = theory_of(model)
        theory.equations, theory.jacobian
    print(name, time.process_time() - begin)
"""

# Seconds of CPU time of the kernels of one model.
KERNELS = """
import time
from theory import models, theory_of
from theory.replica import replica_theory
from meanfield.kernels.compiled import compile
from meanfield.replicas.systems import state_kernel

model = models.load({name!r})
theory = replica_theory(model) if model.couplings else theory_of(model)
begin = time.process_time()
if model.couplings:
    state_kernel(theory).address
else:
    compiled = compile(theory)
    compiled.module.fill_table.address, compiled.module.equations.address, compiled.module.state.address
print(time.process_time() - begin)
"""


def derivations():
    """(model, seconds), the slowest first."""
    lines = _run([sys.executable, "-c", DERIVATIONS])[0].split("\n")
    return sorted(((name, float(spent)) for name, spent in map(str.split, filter(None, lines))), key=lambda row: -row[1])


def rows():
    """(model, seconds of new kernels with the drivers cached, of a second process that solves one point), CPU time."""
    for name, setting in MODELS.items():
        solve = [sys.executable, "-m", "meanfield.cli", "solve", name, "--set", setting]
        _run(solve)
        yield name, min(_new_kernels(name) for _ in range(2)), min(_run(solve)[1] for _ in range(6))


def _new_kernels(name):
    with tempfile.TemporaryDirectory() as folder:
        for drivers in directory().glob("compiled_*"):
            os.symlink(drivers, Path(folder) / drivers.name)
        return float(_run([sys.executable, "-c", KERNELS.format(name=name)], {VARIABLE: folder})[0])


def _run(command, environment=()):
    """(output, CPU seconds) of a process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, env=os.environ | dict(environment), capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
