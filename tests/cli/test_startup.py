"""Start-up: what a command imports, and how long it takes once its kernels are on disk."""

import resource
import subprocess
import sys

import pytest

# Several times what an idle machine takes, so that only a lost laziness fails.
IMPORT_SECONDS, SOLVE_SECONDS = 1.0, 5.0


def run(*command):
    """(standard output, CPU seconds) of a process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_importing_the_package_is_quick():
    """`import meanfield` loads neither SymPy nor numba."""
    out, seconds = run("-c", "import sys, meanfield; print([m for m in ('sympy', 'numba', 'scipy', 'torch') if m in sys.modules])")
    assert out.strip() == "[]"
    assert seconds < IMPORT_SECONDS


@pytest.mark.slow
@pytest.mark.parametrize("name", ["curie-weiss", "hopfield", "sherrington-kirkpatrick"])
def test_a_second_process_starts_quickly(name):
    """Kernels, derivation and search of one point; no figure library, no simulator, no part of scipy that is not needed."""
    code = f"""
import sys
from meanfield.cli import main
main(["solve", "{name}", "--set", "T=0.5"])
print([m for m in ("matplotlib", "torch", "xarray", "numpy.f2py", "scipy.stats", "scipy.ndimage") if m in sys.modules])
"""
    run("-c", code)
    out, seconds = run("-c", code)
    assert out.splitlines()[-1] == "[]"
    assert seconds < SOLVE_SECONDS
