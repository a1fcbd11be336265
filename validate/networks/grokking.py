"""Grokking of a two-layer network between lazy and rich learning against its closed equations."""

from functools import cache
from itertools import pairwise
from types import SimpleNamespace

import numpy as np

from meanfield.learning.grokking import delay, descend
from theory.errors import InputError

from .experiment import Experiment, Setting
from .report import Measurement, Prediction, Statement
from .running import import_torch

__all__ = ["EXPERIMENT", "balanced_weights", "output", "train_step"]

# Scales of the output are multiples of the setting; errors are looked at after these fractions of the duration.
SCALES, LOOKS = (1, 2, 4), (0.02, 0.1, 0.5)
# Errors count as learnt below this fraction of those at the start.
THRESHOLD = 0.1
GROUPS, POINTS = 20, 50
# What sums of this many rounded numbers may differ by, relative to the errors at the start.
ROUNDING = 1e-10
REFERENCE = "T. Kumar, B. Bordelon, S. J. Gershman and C. Pehlevan, ICLR 2024 (arXiv:2310.06110)"


def predict(s):
    """Train and test error at several times, and when each is learnt, for three scales of the output."""
    found = {}
    for alpha in _scales(s):
        curve = _curve(s, alpha)
        at = _points(s)
        times, train, test = curve.times[at], curve.train[at], curve.test[at]
        for k in _looked(s):
            found[f"train(alpha={alpha:g}, t={times[k]:g})"] = Prediction(float(train[k]), ROUNDING, "exact", scale=1)
            found[f"test(alpha={alpha:g}, t={times[k]:g})"] = Prediction(float(test[k] * curve.start), note="exact", scale=1)
        learnt = delay(times, train, test, THRESHOLD)
        found[f"time to learn(alpha={alpha:g})"] = Prediction(learnt.train, ROUNDING * s.time, "exact")
        found[f"time to generalise(alpha={alpha:g})"] = Prediction(learnt.test, note="exact", resolution=0.1)
    return found


def measure(s, run):
    """Networks trained on the same examples, of two sizes; test errors on new inputs."""
    curves = [_curve(s, alpha) for alpha in _scales(s)]
    small = run.stage("networks", lambda: _trained(s, run, s.hidden, "networks", _points(s)))
    large = run.stage("wider networks", lambda: _trained(s, run, 3 * s.hidden, "wider networks", ()))
    times, at, deviation, ratios, measured = curves[0].times, _points(s), 0.0, [], {}
    for k, alpha in enumerate(_scales(s)):
        train, test = small["train"][:, k], small["test"][:, k]
        deviation = max(deviation, float(abs(train - curves[k].train).max()))
        for p in _looked(s):
            measured[f"train(alpha={alpha:g}, t={times[at[p]]:g})"] = Measurement(float(train[at[p]]), ROUNDING)
            measured[f"test(alpha={alpha:g}, t={times[at[p]]:g})"] = Measurement.of(test[p])
        learnt = _delays(times[at], train[at], test)
        measured[f"time to learn(alpha={alpha:g})"] = Measurement(learnt.train, ROUNDING * s.time)
        measured[f"time to generalise(alpha={alpha:g})"] = _generalised(learnt.test, s.time)
        ratios.append(np.mean(learnt.test) / learnt.train)
    _keep(s, run, times, at, small)
    width = float(abs(small["train"] - large["train"]).max())
    shown = ", ".join(f"{r:.3g} at alpha = {a:g}" for a, r in zip(_scales(s), ratios))
    grows = "it grows with" if all(x < y for x, y in pairwise(ratios)) else "on these examples it does not always grow with"
    return measured | {
        "whole training curves": Statement(
            f"deviate from the closed equations by at most {deviation:.1e} of the error at the start", 0.0, deviation),
        "number of hidden units": Statement(
            f"{3 * s.hidden} in place of {s.hidden} change the training curves by at most {width:.1e}", 0.0, width),
        "delay": Statement(f"test over training time: {shown}; {grows} the scale of the output"),
    }


def _delays(times, train, test):
    """The time to learn, and pseudo-values (groups,) of the time to generalise: their mean has no bias of small groups."""
    count, total = test.shape[1], test.sum(1)
    found = [delay(times, train, curve / curve[0], THRESHOLD) for curve in ((total - group) / (count - 1) for group in test.T)]
    whole = delay(times, train, total / total[0], THRESHOLD)
    if not all(np.isfinite(d.test) for d in (whole, *found)):
        return SimpleNamespace(train=whole.train, test=np.array([np.inf]))
    return SimpleNamespace(train=whole.train, test=count * whole.test - (count - 1) * np.array([d.test for d in found]))


def _generalised(times, end):
    if not np.isfinite(times).all():
        return Measurement(float("nan"), float("nan"), doubt=f"not all test errors fall below {THRESHOLD:g} of their start "
                           f"before t = {end:g}")
    return Measurement.of(times)


def _trained(s, run, hidden, key, points):
    """Training errors (steps, scales) relative to the start, and mean squared test errors (points, scales, groups)."""
    torch = import_torch()
    task, rate, generator = _task(s.inputs, s.examples, s.sample), s.rate, run.generator(key)
    alphas = torch.tensor(_scales(s), dtype=torch.float64, device=run.device)
    z, form = (torch.as_tensor(a, device=run.device) for a in (task.inputs, task.form))
    fresh = torch.randn(GROUPS * s.fresh, s.inputs, generator=generator, dtype=torch.float64, device=run.device) / s.inputs**0.5
    start = balanced_weights(hidden, s.inputs, generator).expand(len(alphas), -1, -1)
    problem = SimpleNamespace(alphas=alphas, eps=s.eps, rate=rate, inputs=z, targets=_target(z, form),
                              origin=output(start, z, alphas, s.eps))
    new = SimpleNamespace(inputs=fresh, targets=_target(fresh, form), origin=output(start, fresh, alphas, s.eps))
    count, tested = _steps(s), {int(step): p for p, step in enumerate(points)}
    state = {"weights": start.clone(), "train": np.zeros((count + 1, len(alphas))),
             "test": np.zeros((len(tested), len(alphas), GROUPS))}

    def step(values, i):
        if i in tested:
            wrong = new.targets - output(values["weights"], new.inputs, alphas, s.eps) + new.origin
            values["test"][tested[i]] = (wrong**2).reshape(len(alphas), GROUPS, -1).mean(2).cpu().numpy()
        values["train"][i] = train_step(values, problem)

    run.loop(f"{key}/steps", state, step, count + 1)
    return {"train": state["train"] / state["train"][0], "test": state["test"]}


def train_step(state, problem):
    """A step of gradient descent on half the sum of squared deviations, with the rate scaled by N / alpha^2.

    Parameters
    ----------
    state : {"weights": tensor (scales, N, D)}, replaced by the weights after the step
    problem : alphas (scales,), eps, rate, inputs (P, D), targets (P,), origin (scales, P): the outputs at the start

    Returns
    -------
    array (scales,), sums of squared deviations before the step
    """
    weights = state["weights"].detach().requires_grad_()
    wrong = problem.targets - output(weights, problem.inputs, problem.alphas, problem.eps) + problem.origin
    loss = (wrong**2).sum(1)
    (loss.sum() / 2).backward()
    rates = problem.rate * weights.shape[1] / problem.alphas**2
    state["weights"] = (weights - rates[:, None, None] * weights.grad).detach()
    return loss.detach().cpu().numpy()


def output(weights, inputs, alphas, eps):
    """(alpha/N) sum_i phi(w_i.z) with phi(h) = h + eps h^2/2: tensor (scales, P)."""
    field = inputs @ weights.mT
    return alphas[:, None] * (field + eps * field**2 / 2).mean(2)


def balanced_weights(hidden, inputs, generator):
    """Random weights (N, D) in opposite pairs, whose mean vanishes and whose second moment is the identity, both exactly."""
    torch = import_torch()
    frame = torch.linalg.qr(torch.randn(hidden // 2, inputs, generator=generator, dtype=torch.float64, device=generator.device)).Q
    return (hidden // 2) ** 0.5 * torch.cat([frame, -frame])


def _target(inputs, form):
    return ((inputs @ form) * inputs).sum(1) / 2


@cache
def _task(size, examples, number):
    """Examples z with Gaussian components of variance 1/D, and the quadratic target of one direction."""
    rng = np.random.default_rng([3, number])
    inputs = rng.normal(size=(examples, size)) / np.sqrt(size)
    direction = rng.normal(size=size)
    direction *= np.sqrt(size) / np.linalg.norm(direction)
    return SimpleNamespace(inputs=inputs, form=np.outer(direction, direction))


def _curve(s, alpha):
    return _curve_of(s.inputs, s.examples, s.sample, alpha, s.eps, s.rate, _steps(s))


@cache
def _curve_of(size, examples, number, alpha, eps, rate, steps):
    task = _task(size, examples, number)
    return descend(task.inputs, task.form, np.zeros(size), np.eye(size), alpha, eps, rate, steps)


def _scales(s):
    return tuple(k * s.alpha for k in SCALES)


def _steps(s):
    return round(s.time / s.rate)


def _points(s):
    """Steps at which test errors are taken, denser at early times."""
    count = _steps(s)
    spread = np.unique(np.round(np.geomspace(max(0.004 * count, 1), count, POINTS)).astype(int))
    return np.unique(np.concatenate([[0], spread, np.round(np.array(LOOKS) * count).astype(int)]))


def _looked(s):
    return [int(np.searchsorted(_points(s), round(f * _steps(s)))) for f in LOOKS]


def _keep(s, run, times, at, small):
    run.keep("times", times), run.keep("alphas", _scales(s)), run.keep("tested", times[at])
    run.keep("train theory", [_curve(s, alpha).train for alpha in _scales(s)])
    run.keep("test theory", [_curve(s, alpha).test for alpha in _scales(s)])
    run.keep("train", small["train"].T), run.keep("test",
                                                  (small["test"] / small["test"][:1].mean(2, keepdims=True)).transpose(1, 2, 0))


def draw(report, figure):
    """Both errors in time at three scales of the output: lines are the equations, points the networks."""
    curves = report.curves
    panels = figure.subplots(1, len(curves["alphas"]), sharey=True)
    for k, (ax, alpha) in enumerate(zip(panels, curves["alphas"])):
        for name, color in (("train", "C0"), ("test", "C3")):
            ax.plot(curves["times"][1:], curves[f"{name} theory"][k][1:], color=color, linewidth=1, label=f"{name}, equations")
        at = np.searchsorted(curves["times"], curves["tested"])[1:]
        ax.plot(curves["tested"][1:], curves["train"][k][at], "o", color="C0", markersize=3, label="train, network")
        mean, spread = curves["test"][k].mean(0)[1:], curves["test"][k].std(0, ddof=1)[1:] / np.sqrt(GROUPS)
        ax.errorbar(curves["tested"][1:], mean, spread, fmt="s", color="C3", markersize=3, label="test, network")
        ax.axhline(THRESHOLD, color="0.6", linestyle=":")
        ax.set(xscale="log", yscale="log", ylim=(1e-3, 2), xlabel="time", title=rf"$\alpha = {alpha:g}$")
        ax.set_ylabel("mean squared error / at the start", visible=k == 0)
    panels[0].legend(fontsize=7)


def require(s):
    """Hidden units come in pairs, at least as many as inputs; times reach the last look.

    Raises
    ------
    InputError
    """
    if s.hidden % 2 or s.hidden < 2 * s.inputs:
        raise InputError(f"train grokking: hidden = {s.hidden}: expected an even number of at least twice the inputs "
                         f"({2 * s.inputs}), so that weights start in opposite pairs with exact moments")
    if _steps(s) < 100:
        raise InputError(f"train grokking: time = {s.time:g}: expected at least 100 steps of the rate {s.rate:g}; give a longer "
                         "time")


EXPERIMENT = Experiment(
    name="grokking",
    title="Grokking of a two-layer network between lazy and rich learning",
    reference=REFERENCE,
    settings=(
        Setting("alpha", 0.5, "smallest scale of the output; also twice and four times this", above=0, high=10),
        Setting("eps", 0.5, "curvature of the activation h + eps h^2/2", above=0, high=2),
        Setting("inputs", 20, "components of an input", low=2, high=200, integer=True, reduced=8),
        Setting("examples", 130, "examples to train on", low=4, high=10000, integer=True, reduced=60),
        Setting("hidden", 80, "hidden units; also three times as many", low=4, high=100000, integer=True, reduced=16),
        Setting("time", 20.0, "duration: steps times the learning rate", above=0, high=10000, reduced=4.0),
        Setting("rate", 0.025, "learning rate, in units in which the output changes at a rate of order one", above=0, high=1),
        Setting("fresh", 2000, "new inputs in each of 20 groups", low=16, high=1000000, integer=True, reduced=800),
        Setting("sample", 5, "number of the data set, on which the delay depends", low=0, high=1000000, integer=True, reduced=1),
    ),
    predict=predict, measure=measure, draw=draw, wrong={"eps": 0.6}, require=require,
)
