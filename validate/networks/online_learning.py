"""Online learning in a soft committee machine against the flow of its order parameters."""

from itertools import pairwise

import numpy as np

from meanfield.learning.online import committee, integrate, plateau

from .experiment import Experiment, Setting
from .report import Measurement, Prediction, Statement
from .running import import_torch

__all__ = ["EXPERIMENT", "learn", "students_with", "teacher"]

# Fractions of the duration at which students are looked at, and steps of descent between two looks at the clock.
LOOKS, BLOCK = (0.05, 0.1, 0.25, 0.5, 1.0), 32
# The plateau is watched for this fraction of the duration, from students put onto it.
WATCH = 0.25
OBSERVABLES = ("error", "Q", "C", "R")
REFERENCE = "D. Saad and S. A. Solla, Phys. Rev. Lett. 74, 4337 (1995); Phys. Rev. E 52, 4225 (1995)"


def predict(s):
    """Generalisation error and overlaps at the times looked at, and the height of the plateau."""
    times = _times(s)
    curve = integrate(*_start(s), np.eye(s.units), s.rate, times)
    found = {f"{name}(t={t:g})": Prediction(float(values[k]), curve.accuracy, "N -> infinity",
                                            resolution=0.02 if name == "error" else 0.05)
             for name, values in zip(OBSERVABLES, _summaries(curve.error, curve.Q, curve.R))
             for k, t in enumerate(times) if name == "error" or k == len(times) - 1}
    return found | {"plateau error": Prediction(plateau(s.units, s.rate).error, note="N -> infinity", resolution=0.02)}


def measure(s, run):
    """Students of four sizes, many copies each, extrapolated in 1/N."""
    sizes, times, level = _sizes(s), _times(s), plateau(s.units, s.rate)
    runs = [run.stage(f"N={n}", lambda n=n: _copies(s, run, n, times, _start(s), f"N={n}/descent")) for n in sizes]
    start = _plateau_start(s.units, level)
    on_it = [run.stage(f"plateau N={n}",
                       lambda n=n: _copies(s, run, n, _watched(s), start, f"plateau N={n}/descent")) for n in sizes]
    measured = {}
    for name in OBSERVABLES:
        for k, t in enumerate(times):
            if name == "error" or k == len(times) - 1:
                measured[f"{name}(t={t:g})"] = Measurement.extrapolated(sizes, [r[name][:, k] for r in runs])
    measured["plateau error"] = Measurement.extrapolated(sizes, [r["error"].mean(axis=1) for r in on_it])
    _keep(s, run, sizes, times, runs)
    return measured | _told(s, sizes, times, runs, level)


def _told(s, sizes, times, runs, level):
    largest, shown = runs[-1], runs[-1]["tested"]
    curve = integrate(*_start(s), np.eye(s.units), s.rate, times)
    deviation = float(np.mean(shown - largest["error"][:, -1]))
    return {
        "error of one network": Statement(
            f"at N = {sizes[-1]} the error at t = {times[-1]:g} scatters by {largest['error'][:, -1].std():.2g} from network "
            "to network (finite size)",
            float(curve.error[-1]), float(largest["error"][:, -1].mean()), float(largest["error"][:, -1].std())),
        "error on fresh inputs": Statement(
            f"half the mean squared deviation on 2000 new inputs each, less the error read off the overlaps: {deviation:+.2g}",
            0.0, deviation, float(np.std(shown - largest["error"][:, -1], ddof=1) / np.sqrt(len(shown)))),
        "escape": Statement(
            f"symmetry-breaking fluctuations O(N^-1/2) grow at the rate {level.escape:.4g}, so the time at which a finite "
            "network leaves the plateau depends on N: heights are compared, escape times are not", level.escape),
    }


def _copies(s, run, size, times, start, key):
    """Errors and overlaps (copies, times) of independent networks of one size; errors on fresh inputs at the last time."""
    torch = import_torch()
    copies = max(s.copies * _sizes(s)[-1] // size, 2)
    generator = run.generator(key)
    B = teacher(s.units, size, copies, generator)
    state = {"students": students_with(*start, B, generator), "teacher": B, "generator": generator}
    Q, R = [], []
    for leg, (begin, end) in enumerate(pairwise((0.0, *times))):
        begin, end = round(begin * size), round(end * size)
        blocks = -(-(end - begin) // BLOCK)
        run.loop(f"{key} {leg}", state, lambda z, i: learn(z, s.rate, min(BLOCK, end - begin - i * BLOCK)), blocks)  # noqa: B023
        q, r = _overlaps(state["students"], state["teacher"])
        Q.append(q), R.append(r)
    Q, R = np.stack(Q, axis=1), np.stack(R, axis=1)
    error = np.array([[committee(s.units, s.units).error(q, r, np.eye(s.units)) for q, r in zip(*pair)] for pair in zip(Q, R)])
    with torch.no_grad():
        tested = _tested(state)
    return dict(zip(OBSERVABLES, _summaries(error, Q, R))) | {"tested": tested}


def teacher(units, size, copies, generator):
    """Random orthogonal teachers of length sqrt N: tensor (copies, units, size)."""
    torch = import_torch()
    raw = torch.randn(copies, size, units, generator=generator, device=generator.device, dtype=torch.float64)
    return (np.sqrt(size) * torch.linalg.qr(raw).Q.transpose(1, 2)).contiguous().float()


def students_with(Q, R, teachers, generator):
    """Students that have exactly the overlaps Q with each other and R with orthonormal teachers: tensor (copies, K, N)."""
    torch = import_torch()
    copies, units, size = teachers.shape
    B = teachers.double() / np.sqrt(size)
    raw = torch.randn(copies, size, len(Q), generator=generator, device=B.device, dtype=torch.float64)
    free = torch.linalg.qr(torch.cat([B.transpose(1, 2), raw], dim=2)).Q[:, :, units:].transpose(1, 2)
    values, vectors = np.linalg.eigh(np.asarray(Q) - np.asarray(R) @ np.transpose(R))
    root = vectors * np.sqrt(np.clip(values, 0, None))
    along, across = (torch.as_tensor(a, dtype=torch.float64, device=B.device) for a in (np.asarray(R, dtype=float), root))
    return (np.sqrt(size) * (along @ B + across @ free)).float()


def learn(state, rate, steps):
    """Online gradient descent on half the squared error, one new Gaussian input a step and copy.

    Parameters
    ----------
    state : {"students": tensor (copies, K, N), "teacher": tensor (copies, M, N), "generator"}; the students change in place
    rate : learning rate, of steps rate / sqrt N
    steps : int
    """
    torch = import_torch()
    W, B = state["students"], state["teacher"]
    copies, _, size = W.shape
    inputs = torch.randn(steps, copies, 1, size, generator=state["generator"], device=W.device)
    targets = torch.erf((B * inputs).sum(-1) / np.sqrt(2 * size)).sum(-1, keepdim=True)
    for x, target in zip(inputs, targets):
        field = (W * x).sum(-1) / np.sqrt(size)
        delta = np.sqrt(2 / np.pi) * torch.exp(-field**2 / 2) * (target - torch.erf(field / np.sqrt(2)).sum(-1, keepdim=True))
        W.addcmul_(delta[..., None], x, value=rate / np.sqrt(size))


def _overlaps(students, teachers):
    """Overlaps (copies, K, K) and (copies, K, M) of each copy."""
    W, B = students.double(), teachers.double()
    size = W.shape[-1]
    return (W @ W.transpose(1, 2) / size).cpu().numpy(), (W @ B.transpose(1, 2) / size).cpu().numpy()


def _tested(state, inputs=2000):
    """Half the mean squared deviation on new inputs of each copy."""
    torch = import_torch()
    W, B = state["students"], state["teacher"]
    total = 0.0
    for _ in range(inputs // 100):
        x = torch.randn(W.shape[0], 100, W.shape[-1], generator=state["generator"], device=W.device)
        out = [torch.erf(x @ w.transpose(1, 2) / np.sqrt(2 * W.shape[-1])).sum(-1) for w in (W, B)]
        total = total + ((out[0] - out[1]) ** 2).double().mean(-1) / 2
    return (total / (inputs // 100)).cpu().numpy()


def _summaries(error, Q, R):
    """Error, mean diagonal and off-diagonal overlap of students, mean overlap with teachers; over the last two axes."""
    units = Q.shape[-1]
    trace = np.trace(Q, axis1=-2, axis2=-1)
    return error, trace / units, (Q.sum((-1, -2)) - trace) / (units * (units - 1)), R.mean((-1, -2))


def _start(s):
    """Students of unequal lengths, one of them with a trace of one teacher."""
    R = np.zeros((s.units, s.units))
    R[0, 0] = 1e-3
    return np.diag(np.linspace(0.5, 0.25, s.units)), R


def _plateau_start(units, level):
    return np.full((units, units), level.c) + (level.q - level.c) * np.eye(units), np.full((units, units), level.r)


def _times(s):
    return np.array([fraction * s.time for fraction in LOOKS])


def _watched(s):
    return np.linspace(0, WATCH * s.time, 6)[1:]


def _sizes(s):
    return tuple(max(s.size // k, 8 * s.units) for k in (8, 4, 2, 1))


def _keep(s, run, sizes, times, runs):
    fine = np.geomspace(times[0] / 4, 8 * s.time, 160)
    run.keep("time", fine), run.keep("theory", integrate(*_start(s), np.eye(s.units), s.rate, fine).error)
    run.keep("looks", times), run.keep("sizes", sizes), run.keep("plateau", [plateau(s.units, s.rate).error])
    run.keep("means", [r["error"].mean(0) for r in runs])
    run.keep("errors", [r["error"].std(0, ddof=1) / np.sqrt(len(r["error"])) for r in runs])


def draw(report, figure):
    """The error in time, and its approach to the infinite network at one time."""
    curves = report.curves
    left, right = figure.subplots(1, 2)
    left.plot(curves["time"], curves["theory"], color="k", label=r"equations, $N\to\infty$")
    left.axhline(curves["plateau"][0], color="0.6", linestyle=":", label="plateau")
    for n, mean, error in zip(curves["sizes"], curves["means"], curves["errors"]):
        left.errorbar(curves["looks"], mean, error, fmt="o", markersize=3, label=f"$N = {n}$")
    left.set(xlabel="examples / N", ylabel="generalisation error", xscale="log", yscale="log")
    left.legend(fontsize=7)
    k = len(curves["looks"]) - 1
    check = next(c for c in report.checks if c.observable.startswith(f"error(t={curves['looks'][k]:g}"))
    right.errorbar(1 / curves["sizes"], np.array(curves["means"])[:, k], np.array(curves["errors"])[:, k], fmt="o", color="C0")
    line = np.linspace(0, 1 / curves["sizes"][0], 60)
    right.plot(line[1:], check.fit(1 / line[1:]), color="C0", linewidth=0.8)
    right.plot(0, check.theory, "k*", markersize=9, label="equations")
    right.errorbar(0, check.measured, check.error, fmt="s", color="C3", markersize=4, label="extrapolated")
    right.set(xlabel="1/N", ylabel=f"error at t = {curves['looks'][k]:g}")
    right.legend(fontsize=7)


EXPERIMENT = Experiment(
    name="online-learning",
    title="Soft committee machine under online gradient descent: generalisation error, overlaps and plateau",
    reference=REFERENCE,
    settings=(
        Setting("units", 2, "hidden units of student and teacher", low=2, high=6, integer=True),
        Setting("rate", 1.5, "learning rate", above=0, high=2.5),
        Setting("time", 20.0, "examples / N at the end", above=0, high=200, reduced=4.0),
        Setting("size", 800, "inputs of the largest network", low=64, high=100000, integer=True, reduced=192),
        Setting("copies", 64, "networks of the largest size; more at smaller ones", low=4, high=100000, integer=True, reduced=48),
    ),
    predict=predict, measure=measure, draw=draw, wrong={"rate": 1.2},
)
