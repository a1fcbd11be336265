"""The speed table: tasks A, B and C against both baselines in the same run, the lines of B, derivations and start-up, with goals.

    python -m tests.benchmarks [--task A B C2 C3 lines derivation start] [--rounds 3] [--truth]

(1) is a Python loop over the points with scipy's solver, on part of the grid and scaled to all of it; (2) is a damped
iteration of the whole grid in numpy. All is CPU time of one thread, the least of the rounds. The samplers have a table of their
own: python -m tests.benchmarks.montecarlo
"""

import argparse
import os
import platform
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402

from meanfield.kernels.compiled import compile  # noqa: E402
from meanfield.kernels.plane import fixed_points, group_elements, subspace_starts  # noqa: E402
from meanfield.search.symmetry import symmetry  # noqa: E402
from tests.benchmarks.baselines import Multitasking, curie_weiss_grid, curie_weiss_loop  # noqa: E402
from tests.benchmarks import startup  # noqa: E402
from tests.benchmarks.hopfield import TaskB, TaskLines  # noqa: E402
from theory.models import curie_weiss, multitasking_hopfield  # noqa: E402


class TaskA:
    """Curie-Weiss, 1000 x 1000 points (T, h): all fixed points, stability, equilibrium."""

    goals = (5000, 50)
    loop_points = 25

    def __init__(self):
        self.fields, self.temperatures = np.linspace(-0.7, 0.7, 1000), np.linspace(0.05, 1.5, 1000)
        self.compiled = compile(curie_weiss())
        self.starts = np.array([[-1.0], [0.0], [1.0]])

    def ours(self):
        return fixed_points(self.compiled, ("h", self.fields), ("T", self.temperatures), self.starts, cell=64, most=4)

    def loop(self):
        pick = slice(None, None, 1000 // self.loop_points)
        curie_weiss_loop(self.fields[pick], self.temperatures[pick])
        return (1000 / self.loop_points) ** 2

    def grid(self):
        curie_weiss_grid(self.fields, self.temperatures)
        return 1.0

    def check(self):
        """Points with a wrong number of solutions, by the exact spinodal |h| = sqrt(1-T) - T artanh sqrt(1-T); residual."""
        plane = self.ours()
        h, T = self.fields[None, :], self.temperatures[:, None]
        m = np.sqrt(np.clip(1 - T, 0, None))
        wrong = (plane.count != np.where(np.abs(h) < m - T * np.arctanh(m), 3, 1)).sum()
        known = np.arange(len(plane.phi))[:, None, None] < plane.count
        solution = np.where(known, plane.phi[:, 0], 0)
        residual = np.where(known, np.abs(solution - np.tanh((solution + h) / T)), 0).max()
        return f"{wrong} of {plane.count.size} points with a wrong number of fixed points; largest residual {residual:.1e}"


class TaskC:
    """Multitasking Hopfield, 100 x 100 points (d, T): all fixed points with stability."""

    def __init__(self, patterns):
        self.patterns = patterns
        self.goals = (1100, 210) if patterns == 2 else (700, 150)
        self.dilutions, self.temperatures = np.linspace(0.02, 0.98, 100), np.linspace(0.02, 1.0, 100)
        self.compiled = compile(multitasking_hopfield(P=patterns))
        group = symmetry(self.compiled.at(T=0.4, d=0.3))
        self.canonical, self.group = group.canonical, group_elements(group)
        self.starts = subspace_starts(group, patterns)
        few = {2: 32, 3: 48}[patterns]
        self.baseline_starts = self.starts[np.linspace(0, len(self.starts) - 1, few).astype(int)]
        self.plain = Multitasking(patterns)

    def ours(self):
        return fixed_points(self.compiled, ("d", self.dilutions), ("T", self.temperatures), self.starts, group=self.group, cell=8)

    def loop(self):
        self.plain.loop(self.dilutions[5::20], self.temperatures[5::20], self.baseline_starts)
        return 400.0

    def grid(self):
        self.plain.grid(self.dilutions[2::5], self.temperatures[2::5], self.baseline_starts)
        return 25.0

    def check(self, points=60):
        """Recall against a thousand random starts and many in every symmetric subspace, at random points."""
        rng, plane = np.random.default_rng(7), self.ours()
        missed = total = 0
        for j, i in rng.integers(0, 100, size=(points, 2)):
            starts = np.concatenate([rng.uniform(-1, 1, (1000, self.patterns)),
                                     np.repeat(self.starts, 6, axis=0) * rng.uniform(0, 1.2, (6 * len(self.starts), 1))])
            batch = self.compiled.at(T=self.temperatures[j], d=self.dilutions[i]).newton_all(starts)
            truth = _distinct(self.canonical(batch.phi[batch.converged]))
            found = plane.phi[: plane.count[j, i], :, j, i]
            missed += sum(np.abs(found - x).max(axis=1).min() > 1e-5 for x in truth)
            total += len(truth)
        return f"{missed} of {total} solutions missed at {points} points; up to {plane.count.max()} classes at a point"


def _distinct(states):
    kept = []
    for x in states:
        if all(np.abs(x - y).max() > 1e-6 for y in kept):
            kept.append(x)
    return kept


TASKS = {"A": TaskA, "B": TaskB, "C2": lambda: TaskC(2), "C3": lambda: TaskC(3)}
LINES_GOAL = 10.0
EXTRA = "lines", "derivation", "start"


def seconds(work):
    """(CPU seconds, result) of a call."""
    begin = time.process_time()
    result = work()
    return time.process_time() - begin, result


def measure(task, rounds):
    """Fewest seconds for the whole grid of (ours, loop, grid), run in turn."""
    task.ours()
    times = [], [], []
    for _ in range(rounds):
        times[0].append(min(seconds(task.ours)[0] for _ in range(3)))
        for column, baseline in ((1, task.loop), (2, task.grid)):
            spent, factor = seconds(baseline)
            times[column].append(spent * factor)
    return [min(t) for t in times]


def verdict(met):
    return "met" if met else "MISSED"


def compare(name, rounds, truth):
    """Print the row of a task with baselines."""
    task = TASKS[name]()
    ours, *baselines = measure(task, rounds)
    cells = [f"{spent:10.2f} s{spent / ours:8.0f}{goal:7}  {verdict(spent / ours >= goal):6}"
             for spent, goal in zip(baselines, task.goals)]
    print(f"{name:3}{1e3 * ours:9.1f} ms", *cells, "", task.__doc__.splitlines()[0], flush=True)
    if truth:
        print(f"      {task.check()}", flush=True)


def measure_lines(truth):
    """Milliseconds of the lines of task B: from their starts, and with the search for the starts."""
    task = TaskLines()
    starts, fold = task.starts(), task.ours()
    works = lambda: task.lines(starts), task.ours
    follow, everything = (min(1e3 * seconds(work)[0] for _ in range(20)) for work in works)
    print(f"\nlines {everything:.2f} ms, {follow:.2f} ms of it along the curves; goal {LINES_GOAL:.0f} ms, "
          f"{verdict(everything < LINES_GOAL)}; {sum(map(len, fold))} points. {task.__doc__.splitlines()[0]}", flush=True)
    if truth:
        print(f"      {task.check()}")


def measure_derivations():
    """Seconds of CPU time of the equations and Jacobians of every built-in model, the slowest first."""
    times = startup.derivations()
    slowest = ", ".join(f"{name} {spent:.2f} s" for name, spent in times[:4])
    print(f"\nderivation of {len(times)} built-in models: {slowest}, the others less; goal {startup.GOAL:g} s each, "
          f"{verdict(times[0][1] <= startup.GOAL)}", flush=True)


def measure_startup():
    """Seconds of CPU time before the first solution, of processes that solve one point."""
    print(f"\nstart-up, goal {startup.GOAL:g} s each     new kernels, drivers compiled    second process, imports included")
    for name, *times in startup.rows():
        print(f"{name:28}", *(f"{t:18.2f} s  {verdict(t <= startup.GOAL):6}      " for t in times), flush=True)


def machine():
    """One line on what the table was measured on."""
    import numba
    import scipy

    cpu = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as f:
            cpu = next((line.split(":")[1].strip() for line in f if line.startswith("model name")), cpu)
    versions = f"Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}, numba {numba.__version__}"
    return f"{cpu}, {os.cpu_count()} logical cores, load {os.getloadavg()[0]:.1f}; {versions}; CPU time of one thread"


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--task", nargs="+", choices=[*TASKS, *EXTRA], default=[*TASKS, *EXTRA])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--truth", action="store_true", help="also check the solutions")
    options = parser.parse_args()
    print(machine())
    print("              ours    (1) loop   ratio   goal            (2) numpy   ratio   goal")
    extra = {"lines": lambda: measure_lines(options.truth), "derivation": measure_derivations, "start": measure_startup}
    for name in options.task:
        extra[name]() if name in extra else compare(name, options.rounds, options.truth)


if __name__ == "__main__":
    main()
