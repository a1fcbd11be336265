"""Two tasks learned one after the other by perceptrons with binary weights of mean m, against the potential of Franz and Parisi.

The means are drawn from their measure by hybrid Monte Carlo (Duane et al., Phys. Lett. B 195, 216, 1987) in the fields theta, m = tanh theta;
networks trained by gradient descent are reported beside it.
"""

import math

import numpy as np

from meanfield.learning.continual import first_task, second_task
from theory.errors import InputError

from .experiment import Experiment, Setting
from .report import Measurement, Prediction, Statement
from .running import import_torch

WARMUP = 0.3
# Wanted acceptance, and how fast the step size of the warm-up follows it.
ACCEPTANCE, FOLLOW = 0.8, 0.2
STEP = 0.08
NAMES = ("q", "r", "Q", "error")


def predict(s):
    """Overlaps and errors of both tasks, and the error on the first one after the second."""
    first = first_task(s.load, s.beta)
    second = second_task(first, s.load_2, s.beta, s.strength, s.correlation)
    found = {f"{name}, task {k}": Prediction(getattr(task, name), note="N -> infinity")
             for k, task in ((1, first), (2, second)) for name in NAMES}
    return {**found, "error on task 1 after task 2": Prediction(second.first_error, note="N -> infinity")}


def measure(s, run):
    """Sampled means of both tasks at three sizes; errors of networks trained by gradient descent at the largest."""
    sizes = tuple(s.size * k for k in (1, 2, 4))
    rows = [run.stage(f"tasks {n}", lambda n=n: _tasks(s, run, n)) for n in sizes]
    doubt = _mixing(rows)
    keys = [f"{name}, task {k}" for k in (1, 2) for name in NAMES] + ["error on task 1 after task 2"]
    found = {key: Measurement.extrapolated(sizes, [row[key] for row in rows], doubt) for key in keys}
    descent = run.stage("gradient descent", lambda: _descent(s, run, sizes[-1]))
    text = f"minimum of the cost by gradient descent, N = {sizes[-1]}; the theory is that of the Gibbs measure"
    for key, label in (("error, task 1", "error of gradient descent, task 1"), ("error on task 1 after task 2", "the same on task 1 after task 2")):
        trained = Measurement.of(descent[key])
        found[label] = Statement(text, measured=trained.value, error=trained.error)
    run.keep("sizes", sizes)
    for key in keys:
        run.keep(key, [[Measurement.of(row[key]).value, Measurement.of(row[key]).error] for row in rows])
    return found


def _mixing(rows):
    """Why the chains cannot be trusted; empty if they can."""
    low = min(float(row["acceptance"].min()) for row in rows)
    drift = max(float(row["drift"].max()) for row in rows)
    if low < 0.3:
        return f"only {low:.0%} of the trajectories were accepted"
    return f"the two halves of the chains differ by {drift:.1f} errors: not equilibrated" if drift > 5 else ""


def _task(torch, s, run, size, load, generator, like=None):
    """Teachers (networks, size) of +-1, like others with the correlation of the tasks, and patterns times labels (networks, patterns, size)."""
    signs = lambda *shape: 2.0 * torch.randint(2, shape, generator=generator, device=run.device, dtype=torch.float64) - 1
    teachers = signs(s.networks, size)
    if like is not None:
        kept = torch.rand(like.shape, generator=generator, device=run.device) < (1 + s.correlation) / 2
        teachers = torch.where(kept, like, -like)
    patterns = signs(s.networks, round(load * size), size)
    fields = patterns @ teachers[..., None]
    # An even number of sites leaves ties, which are nobody's label.
    labels = torch.where(fields == 0, signs(*fields.shape), torch.sign(fields))
    return teachers, patterns * labels


def _cost(torch, patterns, theta):
    """-sum ln H(-y u / sqrt(1 - Q)) for fields theta (networks, replicas, size); shape (networks, replicas)."""
    m = torch.tanh(theta)
    size = theta.shape[-1]
    width = (1 - m.square().mean(-1, keepdim=True)).clamp(min=1e-12).sqrt()
    stability = (m @ patterns.mT) / (math.sqrt(size) * width)
    return -torch.special.log_ndtr(stability).sum(-1)


def _relative_entropy(torch, theta, reference):
    """Sum over weights of KL(m || m1), from the fields of both."""
    m = torch.tanh(theta)
    log_cosh = lambda x: torch.nn.functional.softplus(-2 * x.abs()) + x.abs() - math.log(2)
    return (m * (theta - reference) - log_cosh(theta) + log_cosh(reference)).sum(-1)


def _energy(torch, s, patterns, theta, reference):
    """Minus the logarithm of the weight of the fields: beta times the cost, less that of dm/dtheta = 1 - m^2."""
    log_jacobian = 2 * (math.log(2) - theta.abs() - torch.nn.functional.softplus(-2 * theta.abs()))
    energy = s.beta * _cost(torch, patterns, theta) - log_jacobian.sum(-1)
    return energy if reference is None else energy + s.beta * s.strength * _relative_entropy(torch, theta, reference)


def _sampled(s, run, key, patterns, theta, generator, observe, reference=None):
    """Observables (records, networks) of hybrid Monte Carlo, the last fields, and each network's acceptance."""
    torch = import_torch()

    def energy_and_force(x):
        x = x.detach().requires_grad_(True)
        energy = _energy(torch, s, patterns, x, reference)
        return energy.detach(), torch.autograd.grad(energy.sum(), x)[0]

    def step(state, i):
        x, width = state["theta"], float(state["width"])
        width *= 0.8 + 0.4 * torch.rand(1, generator=generator, dtype=torch.float64, device=run.device).item()
        p = torch.randn(x.shape, generator=generator, dtype=torch.float64, device=run.device)
        energy, force = energy_and_force(x)
        before, moved = energy + p.square().sum(-1) / 2, x
        for _ in range(s.leapfrog):
            p = p - width / 2 * force
            moved = moved + width * p
            energy, force = energy_and_force(moved)
            p = p - width / 2 * force
        chance = torch.exp((before - energy - p.square().sum(-1) / 2).clamp(max=0)).nan_to_num(0.0)
        accepted = torch.rand(chance.shape, generator=generator, dtype=torch.float64, device=run.device) < chance
        state["theta"] = torch.where(accepted[..., None], moved, x)
        if i < warmup:
            state["width"] = state["width"] * math.exp(FOLLOW * (float(chance.mean()) - ACCEPTANCE))
        else:
            state["records"][i - warmup] = observe(torch.tanh(state["theta"]))
            state["accepted"] = state["accepted"] + accepted.double().mean(-1)

    warmup = round(WARMUP * s.trajectories)
    kept = s.trajectories - warmup
    width = observe(torch.tanh(theta)).shape[-1]
    state = {"theta": theta, "width": STEP, "records": torch.zeros(kept, s.networks, width, dtype=torch.float64, device=run.device),
             "accepted": torch.zeros(s.networks, dtype=torch.float64, device=run.device), "generator": generator}
    run.loop(key, state, step, s.trajectories)
    return state["records"].cpu().numpy(), state["theta"], (state["accepted"] / kept).cpu().numpy()


def _tasks(s, run, size):
    """Observables of both tasks, arrays (networks,)."""
    torch = import_torch()
    generator = run.generator(f"tasks {size}")
    teachers, patterns = _task(torch, s, run, size, s.load, generator)
    start = 0.1 * torch.randn(s.networks, 2, size, generator=generator, dtype=torch.float64, device=run.device)
    first, theta, accepted = _sampled(s, run, f"tasks {size}/first", patterns, start, generator, lambda m: _overlaps(torch, m, teachers))
    reference = theta[:, :1]
    others, patterns = _task(torch, s, run, size, s.load_2, generator, like=teachers)
    observe = lambda m: torch.cat([_overlaps(torch, m, others), _overlaps(torch, m, teachers)[:, 3:]], dim=-1)
    second, _, again = _sampled(s, run, f"tasks {size}/second", patterns, reference.repeat(1, 2, 1), generator, observe, reference)
    columns = [(records.mean(0)[:, k], _drift(records[:, :, k])) for records, count in ((first, 4), (second, 5)) for k in range(count)]
    keys = [f"{name}, task {k}" for k in (1, 2) for name in NAMES] + ["error on task 1 after task 2"]
    values = {key: _error(mean) if "error" in key else mean for key, (mean, _) in zip(keys, columns)}
    return {**values, "acceptance": np.concatenate([accepted, again]), "drift": np.array([drift for _, drift in columns])}


def _overlaps(torch, m, teachers):
    """q, r, Q and the overlap of the binarised weights with the teacher, array (networks, 4), averaged over both replicas."""
    target = teachers[:, None]
    columns = ((m[:, 0] * m[:, 1]).mean(-1), (m * target).mean((1, 2)), m.square().mean((1, 2)), (torch.sign(m) * target).mean((1, 2)))
    return torch.stack(columns, dim=-1)


def _drift(records):
    """Difference between the halves of the chains, array (records, networks), in errors over the networks."""
    half = len(records) // 2
    change = records[half:].mean(0) - records[:half].mean(0)
    return abs(change.mean()) / (change.std(ddof=1) / math.sqrt(len(change)))


def _error(overlap):
    return np.arccos(np.clip(overlap, -1, 1)) / math.pi


def _descent(s, run, size):
    """Errors, arrays (networks,), after minimising the costs of both tasks by gradient descent from small fields."""
    torch = import_torch()
    generator = run.generator("gradient descent")
    teachers, patterns = _task(torch, s, run, size, s.load, generator)
    theta = 0.1 * torch.randn(s.networks, 1, size, generator=generator, dtype=torch.float64, device=run.device)
    sign_overlap = lambda x: (torch.sign(x)[:, 0] * teachers).mean(-1).cpu().numpy()
    theta = _minimised(torch, s, run, "gradient descent/first", patterns, theta)
    after_first = sign_overlap(theta)
    _, patterns = _task(torch, s, run, size, s.load_2, generator, like=teachers)
    theta = _minimised(torch, s, run, "gradient descent/second", patterns, theta, theta)
    return {"error, task 1": _error(after_first), "error on task 1 after task 2": _error(sign_overlap(theta))}


def _minimised(torch, s, run, key, patterns, theta, reference=None):
    theta = theta.detach().clone().requires_grad_(True)
    optimizer = torch.optim.Adam([theta], lr=0.05)

    def step(state, i):
        optimizer.zero_grad()
        cost = _cost(torch, patterns, theta).sum()
        if reference is not None:
            cost = cost + s.strength * _relative_entropy(torch, theta, reference).sum()
        cost.backward()
        optimizer.step()

    run.loop(key, {"theta": theta, "optimizer": optimizer}, step, s.descent_steps)
    return theta.detach()


def require(s):
    """The two loads are numbers of patterns at every size."""
    if min(round(s.load * s.size), round(s.load_2 * s.size)) < 2:
        raise InputError(f"train continual-learning: size = {s.size} with loads {s.load:g} and {s.load_2:g}: expected at least two patterns in each task")


def draw(report, figure):
    """Errors of both tasks against 1/N with their limits, and what the penalty's strength does in theory."""
    left, right = figure.subplots(1, 2)
    curves, s = report.curves, report.settings
    shown = {"error, task 1": "task 1", "error, task 2": "task 2", "error on task 1 after task 2": "task 1 after task 2"}
    for k, (key, label) in enumerate(shown.items()):
        values, errors = curves[key].T
        left.errorbar(1 / curves["sizes"], values, errors, fmt="osv"[k], ms=4, capsize=2, color=f"C{k}", label=label)
        left.axhline(next(c.theory for c in report.checks if c.observable == key), color=f"C{k}", lw=1)
    left.set(xlabel="1/N", ylabel="generalisation error", title="sampled networks; lines: theory, infinite N")
    left.legend(frameon=False, fontsize=8)
    strengths = np.geomspace(0.02, 2, 9)
    first = first_task(s["load"], s["beta"])
    seconds = [second_task(first, s["load_2"], s["beta"], g, s["correlation"]) for g in strengths]
    right.semilogx(strengths, [t.error for t in seconds], "C1", label="task 2")
    right.semilogx(strengths, [t.first_error for t in seconds], "C2--", label="task 1 after task 2")
    right.axhline(first.error, color="C0", lw=1, ls=":", label="task 1")
    right.axvline(s["strength"], color="0.7", lw=1)
    right.set(xlabel="strength of the relative entropy", ylabel="generalisation error", title="theory")
    right.legend(frameon=False, fontsize=8)


EXPERIMENT = Experiment(
    "continual-learning", "two perceptron tasks one after the other: what is learned and what is forgotten",
    "Li, Huang, Zou and Huang, Phys. Rev. E 108, 014309 (2023); Franz and Parisi, J. Phys. I 5, 1401 (1995)",
    (
        Setting("size", 40, "weights of the smallest network", low=8, high=2000, integer=True, reduced=12),
        Setting("load", 0.5, "patterns of the first task per weight", low=0.1, high=1.2),
        Setting("load_2", 0.5, "patterns of the second task per weight", low=0.1, high=1.2),
        Setting("beta", 20.0, "inverse temperature of the cost", low=1, high=50),
        Setting("strength", 0.3, "gamma, of the relative entropy to the first task", low=0, high=5),
        Setting("correlation", 0.5, "of the two teachers", low=-1, high=1),
        Setting("networks", 64, "independent pairs of tasks", low=4, high=4096, integer=True, reduced=32),
        Setting("trajectories", 400, "of hybrid Monte Carlo", low=20, high=10**6, integer=True, reduced=60),
        Setting("leapfrog", 12, "steps of a trajectory", low=1, high=1000, integer=True, reduced=6),
        Setting("descent_steps", 300, "of gradient descent", low=10, high=10**6, integer=True, reduced=20),
    ),
    predict, measure, draw, wrong={"load": 0.8}, require=require,
)
