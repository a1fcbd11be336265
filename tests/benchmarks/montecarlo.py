"""Attempted spin flips per second of the samplers with quenched couplings, beside openjij where it is installed, and physical
bounds.

    python -m tests.benchmarks.montecarlo [--task SK512 SK2000 P10 P100 body classes tempering cores torch] [--rounds 3]

CPU time of one thread, best of the rounds; both sides start from the same spins and run at the same temperature. Where openjij
is not installed the peer is a plain compiled loop with incremental fields, and the table says so.
"""

import argparse
import os
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402
from numba import njit  # noqa: E402

from theory.models import load  # noqa: E402
from validate import estimate  # noqa: E402
from validate.samplers import powers, quadratic, sample_quenched, simd  # noqa: E402

T = 0.5


def best(work, rounds):
    """The fewest CPU seconds of a call."""
    return min(_seconds(work) for _ in range(rounds))


def _seconds(work):
    begin = time.process_time()
    work()
    return time.process_time() - begin


def ours(system, sites, sweep, temperature, replicas, sweeps, rounds):
    """(attempted flips per second, acceptance) of a compiled sweep, after warming up."""
    state, scales = simd.generator(np.random.SeedSequence(1)), np.full(replicas, temperature / 2, dtype=np.float32)
    flips = []
    for _ in range(2 * sweeps):
        sweep(system, state, scales, False)
    spent = best(lambda: flips.append(sum(sweep(system, state, scales, False) for _ in range(sweeps))), rounds)
    return sites * replicas * sweeps / spent, flips[-1] / (sites * replicas * sweeps)


def openjij(couplings, spins, temperature, sweeps, rounds):
    """(attempted flips per second, name) of the peer on the same couplings from the same spins."""
    n, beta = len(couplings), 1 / temperature
    try:
        import openjij.cxxjij as peer
    except ImportError:
        J, s = np.ascontiguousarray(couplings), spins.astype(float)
        _plain(J, s, J @ s, beta, 2 * sweeps)
        return n * sweeps / best(lambda: _plain(J, s, J @ s, beta, sweeps), rounds), "plain loop"
    graph = peer.graph.Dense(n)
    for i in range(n):
        for j in range(i + 1, n):
            graph[i, j] = -couplings[i, j]
    system = peer.system.make_classical_ising(list(map(int, spins)), graph)
    run = peer.algorithm.Algorithm_SingleSpinFlip_run
    run(system, 1, [(beta, 2 * sweeps)])
    return n * sweeps / best(lambda: run(system, 2, [(beta, sweeps)]), rounds), "openjij"


@njit(error_model="numpy")
def _plain(J, s, h, beta, sweeps):
    for _ in range(sweeps):
        for i in range(s.size):
            if np.random.random() * (1 + np.exp(2 * beta * s[i] * h[i])) < 1:
                kick = -2 * s[i]
                s[i] += kick
                for j in range(s.size):
                    h[j] += kick * J[j, i]


def sgemm():
    """Floating-point operations per second of a product of single-precision matrices."""
    a = np.random.default_rng(0).random((1536, 1536), dtype=np.float32)
    return 2 * 1536**3 / best(lambda: a @ a, 5)


def glass(n, replicas, goal, rounds):
    """SK: dense couplings; the bound is 2 a N multiplications and additions for an acceptance a."""
    rng = np.random.default_rng(0)
    J = np.triu(rng.standard_normal((n, n)), 1) / np.sqrt(n)
    J = J + J.T
    spins = rng.choice([-1.0, 1.0], size=(replicas, n))
    rate, acceptance = ours(
        quadratic.dense(J, np.zeros(n), spins), n, quadratic.dense_sweep, T, replicas, max(4, 60_000 // n), rounds
    )
    _row(
        f"SK N={n}",
        rate,
        acceptance,
        openjij(J, spins[0], T, max(20, 1_000_000 // n), rounds),
        goal,
        sgemm() / (2 * acceptance * n),
    )


def stored(patterns, goal, rounds, n=2000, replicas=64):
    """Hopfield in retrieval; the bound is 4 P operations a flip attempt."""
    rng = np.random.default_rng(0)
    x = rng.choice([-1.0, 1.0], size=(patterns, n))
    J = x.T @ x / n
    np.fill_diagonal(J, 0)
    system = quadratic.patterns(x, np.full(patterns, 1 / n), np.zeros(n), np.tile(x[0], (replicas, 1)))
    rate, acceptance = ours(system, n, quadratic.pattern_sweep, T, replicas, 50, rounds)
    _row(f"Hopfield N={n} P={patterns}", rate, acceptance, openjij(J, x[0], T, 500, rounds), goal, sgemm() / (4 * patterns))


def body(rounds, n=2000, patterns=100, replicas=64):
    """A network of interactions of four spins in retrieval."""
    rng = np.random.default_rng(0)
    x = rng.choice([-1.0, 1.0], size=(patterns, n))
    F = np.zeros((patterns, 5))
    F[:, 4] = 1 / (4 * n**3)
    system = powers.powers(x, F, np.zeros(n), np.tile(x[0], (replicas, 1)), powers.no_signal())
    rate, acceptance = ours(system, n, powers.power_sweep, 0.3, replicas, 20, rounds)
    print(
        f"{'p = 4 P=100':24} {rate / 1e6:8.0f} M/s  acceptance {acceptance:.3f}, goal 100, bound {sgemm() / 4e6 / patterns:.0f}"
    )


def classes(rounds):
    """The sampler of occupation numbers: microseconds a class a sweep, patterns and their negatives in one class."""
    from validate import sample

    sweeps = 200_000
    cases = ("curie-weiss", {}, 1), ("hopfield-low-load", {"P": 3}, 4), ("hopfield-low-load", {"P": 5}, 16)
    for name, structural, count in cases:
        model = load(name, **structural)
        run = lambda: sample(model, model.values(T=0.8), 10**5, sweeps=sweeps, warmup=8, chains=2, threads=1)
        run()
        label = f"{name} {' '.join(f'{k}={v}' for k, v in structural.items())}"
        print(f"{label:24} {best(run, rounds) / (2 * sweeps) / count * 1e6:8.2f} us a class a sweep   goal 0.2")


def tempering(rounds):
    """SK N=256, T=0.5: autocorrelation of q^2 in CPU time, with and without exchange."""
    model = load("sherrington-kirkpatrick")
    values = model.values(T=0.5)
    options = {"sweeps": 8000, "warmup": 2000, "disorder_samples": 6, "threads": 1, "seed": 1}
    cost = {}
    for name, temperatures, replicas in (("exchange", None, 4), ("alone", (), 32)):
        begin = time.process_time()
        chains = sample_quenched(model, values, 256, temperatures=temperatures, replicas=replicas, **options)
        spent = time.process_time() - begin
        squares = chains.overlaps_at_target[..., 0] ** 2
        tau = np.mean([estimate(q).tau for q in squares])
        pairs = squares.shape[1] / 2 if replicas == 4 else replicas / 2
        cost[name] = tau * spent / (8000 * 6 * pairs)
        print(
            f"{name:24} tau(q^2) {tau:8.1f} sweeps, {len(chains.temperatures)} temperatures, swaps {chains.swap_rates.round(2)}"
        )
        cost[name + " tau"] = tau
    print(f"{'ratio of tau':24} {cost['alone tau'] / cost['exchange tau']:8.1f}   goal 20")
    print(
        f"{'ratio at equal CPU':24} {cost['alone'] / cost['exchange']:8.1f}   (all temperatures are results)"
    )


def cores(rounds):
    """Sixteen disorder samples on one thread and on two: wall time, and what idle cores would take, from the CPU time of both."""
    model = load("sherrington-kirkpatrick")
    values = model.values(T=T)
    run = lambda threads: sample_quenched(
        model, values, 512, sweeps=4000, warmup=8, thin=100, replicas=16, disorder_samples=16, temperatures=(), threads=threads
    )
    run(2)
    wall = {k: min(_wall(lambda: run(k)) for _ in range(rounds)) for k in (1, 2)}
    spent = {k: best(lambda: run(k), rounds) for k in (1, 2)}
    print(
        f"{'two cores':24} {wall[1] / wall[2]:8.2f}   goal 1.85 (by CPU time {2 * spent[1] / spent[2]:.2f}; "
        f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores)"
    )


def _wall(work):
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def two_layer(rounds):
    """The two-layer sampler in torch, on a GPU where there is one."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    replicas = 16384 if device == "cuda" else 256
    model = load("hopfield")
    for patterns in (10, 100):
        clock = _wall if device == "cuda" else _seconds
        run = lambda sweeps: sample_quenched(
            model,
            model.values(T=T, alpha=patterns / 2000),
            2000,
            sweeps=sweeps,
            warmup=8,
            thin=sweeps,
            replicas=replicas,
            disorder_samples=1,
            temperatures=(),
            algorithm="two-layer",
            device=device,
            threads=1,
        )
        run(20)
        short, long = clock(lambda: run(20)), clock(lambda: run(120))
        print(
            f"{f'torch {device} P={patterns}':24} {2000 * replicas * 100 / (long - short) / 1e6:8.0f} M/s   goal 5e4 on one H100"
        )


def _row(name, rate, acceptance, peer, goal, bound):
    print(
        f"{name:24} {rate / 1e6:8.0f} M/s  acceptance {acceptance:.3f}   {peer[1]} {peer[0] / 1e6:.1f} M/s, "
        f"ratio {rate / peer[0]:.1f} (goal {goal}), bound {bound / 1e6:.0f} M/s"
    )


TASKS = {
    "SK512": lambda rounds: glass(512, 64, 4, rounds),
    "SK2000": lambda rounds: glass(2000, 128, 8, rounds),
    "P10": lambda rounds: stored(10, 25, rounds),
    "P100": lambda rounds: stored(100, 40, rounds),
    "body": body,
    "classes": classes,
    "tempering": tempering,
    "cores": cores,
    "torch": two_layer,
}


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.montecarlo", description=__doc__.splitlines()[0])
    parser.add_argument("--task", nargs="+", choices=[*TASKS], default=[*TASKS])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    for name in options.task:
        TASKS[name](options.rounds)


if __name__ == "__main__":
    main()
