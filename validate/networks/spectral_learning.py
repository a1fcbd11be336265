"""Training in the spectral domain: what eigenvalues reach, random labels against Cover's count, pruning, digits.

Theory: `theory.learning.spectral` (derived), `meanfield.learning.spectral`.
"""

import numpy as np

from meanfield.learning.spectral import (
    adjacency, eigenvectors_of, learned_probability, lost_share, missed_share, pruning_cost, weights,
)
from theory.errors import InputError

from .digits import DATASETS, load
from .experiment import Experiment, Setting
from .report import Measurement, Prediction, Statement
from .running import import_torch
from .spectral_digits import KINDS, accuracy, count, pruned, train_classifier

__all__ = ["EXPERIMENT"]

PRUNED = (0.25, 0.5, 0.75)
LOADS = (1.6, 2.0, 2.4)
SHARES = np.linspace(0.0, 0.95, 20)
ROUNDING = 1e-8
EXACT = "exact at this size"
IDENTITY = {"scale": 1.0, "note": "identity"}


def require(s):
    """Every load must be that of a whole number of patterns."""
    if any(abs(_patterns(s, load_) * s.labels - load_ * s.eigenvalues) > 1e-9 for load_ in LOADS):
        raise InputError(f"train spectral-learning: {s.eigenvalues} eigenvalues and {s.labels} labels of each pattern do not "
                         f"make {', '.join(map(str, LOADS))} labels for each eigenvalue: take a multiple of {5 * s.labels} "
                         "eigenvalues")


def predict(s):
    """The identity of both parametrisations, shares of random tasks, Cover's count, the cost of pruning."""
    found = {
        "eigenvalues of the trained graph, largest deviation": Prediction(0.0, **IDENTITY),
        "direct weights from the spectral form, largest deviation": Prediction(0.0, **IDENTITY),
        "linear task: share missed by all eigenvalues": Prediction(missed_share(s.inputs, s.outputs), note=EXACT),
        "linear task: share missed by the inputs' eigenvalues": Prediction(missed_share(s.inputs, s.outputs, "inputs"),
                                                                           note=EXACT),
    }
    for share in PRUNED:
        removed = round(share * s.inputs)
        found[_pruning_name(share)] = Prediction(pruning_cost(removed, s.inputs), note=EXACT)
    for load_ in LOADS:
        found[_label_name(load_)] = Prediction(learned_probability(_patterns(s, load_), s.eigenvalues, s.labels), note=EXACT)
    return found


def _pruning_name(share):
    return f"linear task: cost of pruning {share:g} of the nodes"


def _label_name(load_):
    return f"random labels learned, {load_:g} for each eigenvalue"


def _patterns(s, load_):
    """Patterns that make so many labels for each eigenvalue."""
    return round(load_ * s.eigenvalues / s.labels)


def measure(s, run):
    """Train the layers."""
    found = run.stage("linear tasks", lambda: _linear_tasks(s, run))
    measured = {**_identity(s, found), **_shares(s, found)}
    for load_ in LOADS:
        learned = run.stage(f"labels {load_}", lambda load_=load_: {"learned": _learn_labels(s, run, load_)})["learned"]
        measured[_label_name(load_)] = _share(learned)
    return measured | _digits(s, run)


def _share(happened):
    """The share of trials, and its error, which stays finite where all or none happened (two of each kind added)."""
    number, total = float(np.sum(happened)), len(happened)
    middle = (number + 2) / (total + 4)
    return Measurement(number / total, float(np.sqrt(middle * (1 - middle) / total)))


def _tensor(run, array):
    torch = import_torch()
    return torch.as_tensor(np.asarray(array, dtype=float), dtype=torch.float64, device=run.device)


def _white(rng, patterns, size):
    """Inputs (patterns, size) whose second moments are the unit matrix exactly."""
    return np.linalg.qr(rng.normal(size=(patterns, size)))[0] * np.sqrt(patterns)


def _linear_tasks(s, run):
    """Gradient descent of eigenvalues on linear tasks with random targets, eigenvectors frozen, columns of unit length."""
    torch = import_torch()
    rng = run.rng("linear tasks")
    block = rng.normal(size=(s.outputs, s.inputs))
    block /= np.linalg.norm(block, axis=0)
    x, phi = _tensor(run, _white(rng, 2 * s.inputs, s.inputs)), _tensor(run, block)
    goals = rng.normal(size=(s.tasks, s.outputs, s.inputs))
    y = torch.einsum("pj,tij->tpi", x, _tensor(run, goals))
    results = {"phi": block, "goals": goals}
    for name, moving in (("all", 1.0), ("inputs", 0.0)):
        state = {"ins": torch.zeros(s.tasks, s.inputs, dtype=x.dtype, device=run.device),
                 "outs": torch.zeros(s.tasks, s.outputs, dtype=x.dtype, device=run.device)}
        run.loop(f"linear tasks/{name}", state, _descent(x, y, phi, moving), s.descents)
        results |= {f"{name} ins": state["ins"], f"{name} outs": state["outs"]}
    return results


def _descent(x, y, phi, moving):
    """One step of gradient descent for all tasks, by automatic differentiation; `moving` 0 holds the outputs' eigenvalues."""
    torch = import_torch()
    rate = 1.0 / (1.0 + 2.0 * float((phi**2).sum(1).max()))

    def step(at, i):
        values = [at[name].detach().requires_grad_() for name in ("ins", "outs")]
        error = torch.einsum("pj,tij->tpi", x, weights(*values, phi)) - y
        gradients = torch.autograd.grad((error**2).sum() / (2 * len(x)), values)
        at["ins"], at["outs"] = (v.detach() - rate * w * g for v, w, g in zip(values, (1.0, moving), gradients))

    return step


def _identity(s, found):
    """The first trained layer in both spaces: eigenvalues of its graph, in a rotated basis, and its weights."""
    ins, outs, phi = found["all ins"][0], found["all outs"][0], found["phi"]
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(s.inputs + s.outputs,) * 2))[0]
    spectrum = np.linalg.eigvals(rotation @ adjacency(ins, outs, phi) @ rotation.T)
    values = np.concatenate([ins, outs])
    apart = np.abs(np.sort(spectrum.real) - np.sort(values)).max() + np.abs(spectrum.imag).max()
    direct = weights(ins, outs, phi)
    chosen = np.random.default_rng(1).permutation(s.inputs + s.outputs) - 0.5 * s.inputs
    again = weights(chosen[:s.inputs], chosen[s.inputs:], eigenvectors_of(direct, chosen[:s.inputs], chosen[s.inputs:]))
    return {"eigenvalues of the trained graph, largest deviation": Measurement(float(apart), ROUNDING),
            "direct weights from the spectral form, largest deviation": Measurement(float(np.abs(again - direct).max()),
                                                                                    ROUNDING)}


def _shares(s, found):
    """Shares of the error left over, and what pruning adds, one for each task."""
    goals, phi = found["goals"], found["phi"]
    whole = (goals**2).sum((1, 2))

    def errors(ins, outs):
        return ((weights(ins, outs, phi) - goals) ** 2).sum((1, 2))

    left = {name: errors(found[f"{name} ins"], found[f"{name} outs"]) for name in ("all", "inputs")}
    measured = {"linear task: share missed by all eigenvalues": Measurement.of(left["all"] / whole),
                "linear task: share missed by the inputs' eigenvalues": Measurement.of(left["inputs"] / whole)}
    ins, outs = found["inputs ins"], found["inputs outs"]
    order = np.argsort(np.abs(ins), axis=1)
    for share in PRUNED:
        kept = ins.copy()
        np.put_along_axis(kept, order[:, :round(share * s.inputs)], 0.0, axis=1)
        measured[_pruning_name(share)] = Measurement.of((errors(kept, outs) - left["inputs"]) / s.inputs)
    return measured


def _learn_labels(s, run, load_):
    """Whether the inputs' eigenvalues learn random labels: Newton's method on the squared hinge, which ends where labels allow
    it."""
    torch, patterns = import_torch(), _patterns(s, load_)
    rng = run.rng(f"labels {load_}")
    phi, x = rng.normal(size=(s.trials, s.labels, 1, s.eigenvalues)), rng.normal(size=(s.trials, 1, patterns, s.eigenvalues))
    signs = rng.choice([-1.0, 1.0], (s.trials, s.labels, patterns, 1))
    points = _tensor(run, (signs * phi * x).reshape(s.trials, -1, s.eigenvalues))
    points = points / points.norm(dim=2, keepdim=True)
    lengths = 0.5 ** torch.arange(12, dtype=points.dtype, device=run.device)
    ridge = 1e-10 * torch.eye(s.eigenvalues, dtype=points.dtype, device=run.device)
    state = {"values": torch.zeros(s.trials, s.eigenvalues, dtype=points.dtype, device=run.device),
             "learned": torch.zeros(s.trials, dtype=torch.bool, device=run.device)}

    def newton(at, i):
        gap = (1 - (points @ at["values"][..., None])[..., 0]).clamp(min=0)
        active = points * (gap > 0)[..., None]
        step = torch.linalg.solve(active.mT @ active + ridge, (active.mT @ gap[..., None])[..., 0])
        tried = at["values"][:, None] + lengths[:, None] * step[:, None]
        losses = (1 - tried @ points.mT).clamp(min=0).square().sum(2)
        best = losses.argmin(1)
        at["values"] = tried[torch.arange(s.trials, device=run.device), best]
        at["learned"] = at["learned"] | ((points @ at["values"][..., None])[..., 0] > 0).all(1)

    return run.loop(f"labels {load_}/newton", state, newton, s.newtons)["learned"].double()


def _digits(s, run):
    """Accuracies on digits beside what theory says of random patterns, and pruning by eigenvalue."""
    images = load(s.data, run.folder)
    pixels, tests = images.train.shape[1], len(images.test)
    trained = {kind: run.stage(f"digits {kind}", lambda kind=kind: train_classifier(
        run, f"digits {kind}/training", kind, images, s.hidden, s.steps)) for kind in KINDS}
    told = {}
    for kind, found in trained.items():
        right, number = accuracy(found, images), count(kind, pixels, s.hidden)
        labels = len(images.train) * (images.train_labels.max() + 1)
        told[f"digits, {kind}"] = Statement(
            f"accuracy {right:.3f} with {number} trained parameters, {labels / number:.2g} labels for each; of random labels "
            "half are learned at 2 for each parameter of one layer; no theory for digits", None, right,
            float(np.sqrt(right * (1 - right) / tests)))
    return {**told, **_pruning(s, run, images, trained["penalised"])}


def _pruning(s, run, images, found):
    """Accuracy without the hidden nodes of smallest eigenvalues, and without as many at random."""
    orders = {"by eigenvalue": np.argsort(np.abs(np.asarray(found["eigenvalues"]))),
              "at random": run.rng("pruning").permutation(s.hidden)}
    curves = {name: np.array([accuracy(pruned(found, order, round(share * s.hidden)), images) for share in SHARES])
              for name, order in orders.items()}
    for name, curve in curves.items():
        run.keep(f"pruned {name}", curve)
    run.keep("explained", 1 - np.array([lost_share(share) for share in SHARES]))
    half = int(np.argmin(np.abs(SHARES - 0.5)))
    best, other = (float(curves[name][half]) for name in orders)
    error = float(np.sqrt(best * (1 - best) / len(images.test)))
    return {"digits, half of the hidden nodes pruned": Statement(
        f"accuracy {best:.3f} without the {SHARES[half]:.0%} of smallest eigenvalues, {other:.3f} without as many at random, "
        f"{curves['by eigenvalue'][0]:.3f} with all; on a random linear task that loses {lost_share(SHARES[half]):.3f} of the "
        f"explained "
        "variance (no theory for digits)", None, best, error)}


def draw(report, figure):
    """Random labels against Cover's probability, and pruning curves."""
    left, right = figure.subplots(1, 2)
    checks = {check.observable: check for check in report.checks}
    eigenvalues, labels = report.settings["eigenvalues"], report.settings["labels"]
    patterns = np.arange(1, 2 * eigenvalues)
    left.plot(patterns * labels / eigenvalues, [learned_probability(int(p), eigenvalues, labels) for p in patterns],
              color="black",
              linewidth=1, label="Cover")
    found = [checks[_label_name(load_)] for load_ in LOADS]
    left.errorbar(LOADS, [c.measured for c in found], [c.error for c in found], fmt="o", markersize=4,
                  label="trained eigenvalues")
    left.set(xlabel="random labels for each eigenvalue", ylabel="probability to learn them", xlim=(0.8, 3.2))
    left.legend(frameon=False)
    for name in ("by eigenvalue", "at random"):
        right.plot(SHARES, report.curves[f"pruned {name}"], ".-", markersize=4, linewidth=0.8, label=f"digits, pruned {name}")
    right.plot(SHARES, report.curves["explained"], color="black", linewidth=1, label="random linear task (theory)")
    right.set(xlabel="share of nodes removed", ylabel="accuracy, or explained variance", ylim=(0, 1.02))
    right.legend(frameon=False)


EXPERIMENT = Experiment(
    name="spectral-learning",
    title="Training in the spectral domain: what eigenvalues reach, random labels, pruning, digits",
    reference="L. Giambagli et al., Nat. Commun. 12, 1330 (2021), arXiv:2005.14436; L. Buffoni et al., arXiv:2108.00940",
    settings=(
        Setting("inputs", 40, "input nodes of a linear layer", low=4, high=1000, integer=True, reduced=16),
        Setting("outputs", 5, "its output nodes", low=2, high=1000, integer=True, reduced=4),
        Setting("tasks", 400, "random linear tasks", low=2, high=10**5, integer=True, reduced=300),
        Setting("descents", 600, "steps of gradient descent on them", low=100, high=10**5, integer=True, reduced=300),
        Setting("eigenvalues", 20, "trained eigenvalues of a layer with random labels", low=2, high=200, integer=True,
                reduced=10),
        Setting("labels", 2, "its outputs: labels of each pattern", low=1, high=50, integer=True),
        Setting("trials", 2000, "instances of random labels", low=16, high=10**6, integer=True, reduced=1000),
        Setting("newtons", 60, "steps of Newton's method on them", low=10, high=10**4, integer=True, reduced=40),
        Setting("data", "digits", "images", choices=DATASETS),
        Setting("hidden", 100, "hidden nodes of the networks on digits", low=4, high=10**4, integer=True, reduced=24),
        Setting("steps", 1500, "their gradient steps", low=0, high=10**6, integer=True, reduced=30),
    ),
    predict=predict, measure=measure, draw=draw, wrong={"outputs": 6}, require=require,
)
