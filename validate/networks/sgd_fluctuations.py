"""Weights that fluctuate under stochastic gradient descent against the covariance that theory predicts for them."""

from functools import cache
from types import SimpleNamespace

import numpy as np

from meanfield.learning.sgd import deep_linear_minimum, flatness_exponent, gaussian_regression, lyapunov_covariance, regression_on
from theory.errors import InputError

from .experiment import Experiment, Setting
from .report import Measurement, Prediction, Statement
from .running import import_torch

__all__ = ["EXPERIMENT", "descend_online", "descend_regression", "descend_two_layers"]

SPECTRUM = (0.5, 1.0, 2.0, 4.0)
EDGE_SPECTRUM, EDGE_RATES, EDGE_STEPS, EDGE_TRANSIENT = (1.0, 2.0), (0.26, 0.31, 0.36), 30, 10
# Two layers: inputs, hidden units, outputs, examples; rates are fractions 1/k of the inverse of the largest curvature.
TWO_LAYERS, FRACTIONS = (6, 6, 4, 200), (5, 10, 20)
# Groups of independent networks for errors; weights relax for so many times the slowest relaxation of their variance.
GROUPS, RELAXED, LOOKS = 20, 10, 8
REFERENCE = "M. Gross, A. P. Raulf and C. Räth, Phys. Rev. Res. 6, 033103 (2024)"


def predict(s):
    """Stationary variances of linear regression, online and on a finite set, the edge of stability, and a two-layer network."""
    online = np.diag(_online_covariance(s.noise, s.rate, s.batch))
    found = {f"variance at curvature {c:g} (online)": Prediction(float(v), note="exact", resolution=0.03, scale=float(v))
             for c, v in zip(SPECTRUM, online)}
    found["edge of stability (batch 1)"] = Prediction(gaussian_regression(np.diag(EDGE_SPECTRUM), 0.0).edge(1), note="exact",
                                                      resolution=0.03)
    data = _regression(s)
    covariance = _finite_covariance(s.inputs, s.examples, s.noise, s.sample, s.rate, s.batch)
    found["variance (finite set)"] = _relative(np.trace(covariance), "exact")
    found["exponent (finite set)"] = Prediction(float(flatness_exponent(covariance, data.theory.hessian)), note="exact",
                                                resolution=0.05, scale=1)
    return found | _predict_two_layers(s)


def _predict_two_layers(s):
    net = _two_layers(s.batch, s.sample)
    found = net.stationary
    top = net.minimum.layer(1)
    exponent = flatness_exponent(found.covariance[top, top], net.minimum.hessian[top, top])
    return {"variance / rate (two layers)": _relative(np.trace(found.covariance), "rate -> 0", 0.05),
            "exponent of the second layer": Prediction(float(exponent), note="rate -> 0", resolution=0.1, scale=1)}


def _relative(value, note, resolution=0.03):
    return Prediction(float(value), note=note, resolution=resolution, scale=float(value))


def measure(s, run):
    """Many copies of every network, from the minimum until their fluctuations are stationary."""
    online = run.stage("online", lambda: _online(s, run))["variance"]
    measured = {f"variance at curvature {c:g} (online)": Measurement.of(v) for c, v in zip(SPECTRUM, online.T)}
    measured["edge of stability (batch 1)"] = Measurement.of(run.stage("edge", lambda: _edge(s, run))["edge"])
    finite, data = run.stage("finite", lambda: _finite(s, run)), _regression(s)
    measured["variance (finite set)"] = Measurement.of(np.trace(finite["covariance"], axis1=1, axis2=2))
    measured["exponent (finite set)"] = Measurement.of(_exponents(finite["covariance"], data.theory.hessian))
    net = _two_layers(s.batch, s.sample)
    runs = [run.stage(f"two layers 1/{k}", lambda k=k: _two(s, run, net, k)) for k in FRACTIONS]
    top = net.minimum.layer(1)
    totals = [np.trace(r["covariance"], axis1=1, axis2=2) for r in runs]
    slopes = [_exponents(r["covariance"][:, top, top], net.minimum.hessian[top, top]) for r in runs]
    measured["variance / rate (two layers)"] = Measurement.extrapolated(FRACTIONS, totals)
    measured["exponent of the second layer"] = Measurement.extrapolated(FRACTIONS, slopes)
    _keep(s, run, data, finite, net, runs)
    return measured | _told(s, data, net, runs)


def _exponents(covariances, hessian):
    """Pseudo-values (groups,) of the exponent: their mean is free of the bias that the logarithms of few samples have."""
    count, total = len(covariances), covariances.sum(0)
    without = flatness_exponent((total - covariances) / (count - 1), hessian)
    return count * flatness_exponent(total / count, hessian) - (count - 1) * without


def _told(s, data, net, runs):
    small = lyapunov_covariance(data.theory, s.batch).covariance * s.rate
    exact = _finite_covariance(s.inputs, s.examples, s.noise, s.sample, s.rate, s.batch)
    found = net.stationary
    moved = np.array([r["null"].mean() for r in runs])
    detailed = np.diag(data.theory.noise) / (data.residual * np.diag(data.theory.hessian))
    return {
        "finite learning rate": Statement(
            f"the Lyapunov equation of small rates gives {np.trace(small) / np.trace(exact) - 1:+.1%} of the exact variance "
            "on the finite set",
            float(np.trace(small)), float(np.trace(exact))),
        "noise against curvature": Statement(
            f"the variance of an example's gradient over that of the labels times the curvature lies from {detailed.min():.3g} "
            f"to {detailed.max():.3g} on the finite set; where it is not 1 detailed balance is broken"),
        "null modes": Statement(
            f"{len(net.minimum.hessian) - found.rank} of {len(net.minimum.hessian)} modes have no curvature and are left out; "
            f"along them the weights drift (mean square over rate {moved[0]:.2g} at the largest rate, {moved[-1]:.2g} at the "
            "smallest), their variance is not stationary",
            measured=float(moved[-1])),
    }


def _online(s, run):
    """Mean squares along the eigenvectors, array (groups, n), of regression on ever new inputs."""
    torch = import_torch()
    copies = GROUPS * s.copies
    roots = torch.tensor(SPECTRUM, dtype=torch.float64, device=run.device).sqrt()
    state = {"v": torch.zeros(copies, len(SPECTRUM), dtype=torch.float64, device=run.device),
             "generator": run.generator("online"),
             "squares": torch.zeros(GROUPS, len(SPECTRUM), dtype=torch.float64, device=run.device)}
    slowest = 1 / (2 * s.rate * min(SPECTRUM))
    start, gap = round(RELAXED * slowest), max(round(slowest), 1)

    def step(z, i):
        descend_online(z, roots, s.rate, s.batch, s.noise)
        if i >= start and (i - start) % gap == 0:
            z["squares"] += (z["v"] ** 2).reshape(GROUPS, -1, len(SPECTRUM)).mean(1)

    run.loop("online/steps", state, step, start + (LOOKS - 1) * gap + 1)
    return {"variance": state["squares"] / LOOKS}


def descend_online(state, roots, rate, batch, noise):
    """A step of regression on new Gaussian inputs, for all copies; the weights state["v"] (copies, n) change in place.

    Parameters
    ----------
    roots : tensor (n,), standard deviations of the inputs
    noise : variance of the labels' noise
    """
    torch = import_torch()
    v, generator = state["v"], state["generator"]
    x = torch.randn(len(v), batch, len(roots), generator=generator, device=v.device, dtype=v.dtype) * roots
    label = torch.randn(len(v), batch, generator=generator, device=v.device, dtype=v.dtype) * noise**0.5
    error = (x * v[:, None]).sum(-1) - label
    v -= rate / batch * (error[..., None] * x).sum(1)


def _edge(s, run):
    """The rate at which the mean square neither grows nor decays, from its growth at three rates: array (groups,)."""
    growth = np.array([np.log(np.mean(_growth(s, run, rate), axis=0)) for rate in EDGE_RATES])
    return {"edge": [_crossing(EDGE_RATES, column) for column in growth.T]}


def _growth(s, run, rate):
    """Growth of the mean square without labels' noise, step by step after the transient: list of arrays (groups,).

    It depends on the second moments of the weights alone, so before each step they are drawn anew as Gaussians of the same
    moments: those of one run have tails that no number of copies samples.
    """
    torch = import_torch()
    generator, size, copies = run.generator(f"edge {rate}"), len(EDGE_SPECTRUM), 8 * s.copies
    roots = torch.tensor(EDGE_SPECTRUM, dtype=torch.float64, device=run.device).sqrt()
    second, grown = torch.eye(size, dtype=torch.float64, device=run.device).expand(GROUPS, -1, -1) / size, []
    for i in range(EDGE_STEPS):
        v = torch.randn(GROUPS, copies, size, generator=generator, dtype=torch.float64,
                        device=run.device) @ torch.linalg.cholesky(second).mT
        state = {"v": v.reshape(-1, size), "generator": generator}
        before = (v**2).sum(-1).mean(1)
        descend_online(state, roots, rate, 1, 0.0)
        v = state["v"].reshape(GROUPS, -1, size)
        second = v.mT @ v / copies
        total = second.diagonal(dim1=1, dim2=2).sum(-1)
        if i >= EDGE_TRANSIENT:
            grown.append((total / before).cpu().numpy())
        second = second / total[:, None, None]
    return grown


def _crossing(x, y):
    """The zero of the parabola through three points that lies among them."""
    roots = np.polynomial.Polynomial.fit(x, y, 2).roots()
    inside = [r.real for r in roots if abs(r.imag) < 1e-9 and x[0] <= r.real <= x[-1]]
    return inside[0] if len(inside) == 1 else np.nan


def _finite(s, run):
    """Covariances (groups, n, n) of regression on a finite set."""
    torch = import_torch()
    data = _regression(s)
    x, y = (torch.as_tensor(a, device=run.device) for a in (data.inputs, data.labels))
    weights = torch.as_tensor(data.weights, device=run.device)
    state = {"w": weights.expand(GROUPS * (s.copies // 8), -1).clone(), "generator": run.generator("finite"),
             "squares": torch.zeros(GROUPS, s.inputs, s.inputs, dtype=torch.float64, device=run.device)}
    slowest = 1 / (2 * s.rate * np.linalg.eigvalsh(data.theory.hessian).min())
    start, gap = round(RELAXED * slowest), max(round(slowest), 1)

    def step(z, i):
        descend_regression(z, x, y, s.rate, s.batch)
        if i >= start and (i - start) % gap == 0:
            v = (z["w"] - weights).reshape(GROUPS, -1, s.inputs)
            z["squares"] += v.transpose(1, 2) @ v / v.shape[1]

    run.loop("finite/steps", state, step, start + (LOOKS - 1) * gap + 1)
    return {"covariance": state["squares"] / LOOKS}


def descend_regression(state, inputs, labels, rate, batch):
    """A step of regression on examples drawn with replacement; the weights state["w"] (copies, n) change in place."""
    torch = import_torch()
    w = state["w"]
    drawn = torch.randint(len(inputs), (len(w), batch), generator=state["generator"], device=w.device)
    x = inputs[drawn]
    error = (x * w[:, None]).sum(-1) - labels[drawn]
    w -= rate / batch * (error[..., None] * x).sum(1)


def _two(s, run, net, fraction):
    """Covariances over the rate (groups, p, p) outside the null modes of a two-layer network, and mean squares along those."""
    torch = import_torch()
    rate = 1 / (fraction * np.linalg.eigvalsh(net.minimum.hessian).max())
    found = net.stationary
    x, y = (torch.as_tensor(a, device=run.device) for a in (net.inputs, net.targets))
    origin = [torch.as_tensor(w, device=run.device) for w in net.layers]
    copies = GROUPS * max(s.copies // 4, 4)
    state = {"first": origin[0].expand(copies, -1, -1).clone(), "second": origin[1].expand(copies, -1, -1).clone(),
             "generator": run.generator(f"two layers {fraction}")}
    steps = round(RELAXED / 2.5 / (rate * found.relaxation))
    run.loop(f"two layers 1/{fraction}/steps", state, lambda z, i: descend_two_layers(z, x, y, rate, s.batch), steps)
    moved = torch.cat([(state[name] - w).flatten(1) for name, w in zip(("first", "second"), origin)], dim=1).cpu().numpy()
    inside = (moved @ found.projector.T).reshape(GROUPS, -1, moved.shape[1])
    null = ((moved - moved @ found.projector.T) ** 2).sum(1) / rate
    return {"covariance": inside.transpose(0, 2, 1) @ inside / inside.shape[1] / rate, "null": null}


def descend_two_layers(state, inputs, targets, rate, batch):
    """A step of a two-layer linear network on half the squared error, examples drawn with replacement.

    Parameters
    ----------
    state : {"first": tensor (copies, h, n), "second": tensor (copies, k, h), "generator"}; the layers change in place
    inputs, targets : tensors (P, n), (P, k)
    """
    torch = import_torch()
    first, second = state["first"], state["second"]
    drawn = torch.randint(len(inputs), (len(first), batch), generator=state["generator"], device=first.device)
    x = inputs[drawn]
    # sums of products: batched multiplications of matrices this small take longer
    hidden = (x[:, :, None] * first[:, None]).sum(-1)
    error = (hidden[:, :, None] * second[:, None]).sum(-1) - targets[drawn]
    back = (error[..., None] * second[:, None]).sum(2)
    slopes = (back[..., None] * x[:, :, None]).sum(1), (error[..., None] * hidden[:, :, None]).sum(1)
    first -= rate / batch * slopes[0]
    second -= rate / batch * slopes[1]


def _regression(s):
    """The finite data set of linear regression, its minimum, and the theory of descent on it."""
    return _regression_of(s.inputs, s.examples, s.noise, s.sample)


@cache
def _regression_of(size, examples, noise, number):
    rng = np.random.default_rng([1, number])
    inputs = rng.normal(size=(examples, size))
    labels = inputs @ rng.normal(size=size) + noise**0.5 * rng.normal(size=examples)
    theory, weights = regression_on(inputs, labels)
    residual = float(np.mean((labels - inputs @ weights) ** 2))
    return SimpleNamespace(inputs=inputs, labels=labels, theory=theory, weights=weights, residual=residual)


@cache
def _online_covariance(noise, rate, batch):
    return gaussian_regression(np.diag(SPECTRUM), noise).stationary(rate, batch)


@cache
def _finite_covariance(size, examples, noise, number, rate, batch):
    return _regression_of(size, examples, noise, number).theory.stationary(rate, batch)


@cache
def _two_layers(batch, number):
    """A data set, the layers of a network at a minimum of its loss, curvature and noise there, and the covariance predicted."""
    n, h, k, count = TWO_LAYERS
    rng = np.random.default_rng([2, number])
    inputs = rng.normal(size=(count, n)) * np.linspace(0.8, 1.3, n)
    noise = 0.3 * rng.normal(size=(count, k)) * np.linspace(0.6, 1.4, k)
    targets = 1.5 * inputs @ np.linalg.qr(rng.normal(size=(n, k)))[0] + noise
    best = np.linalg.lstsq(inputs, targets, rcond=None)[0].T
    first = np.linalg.qr(rng.normal(size=(h, n)))[0] * np.linspace(0.8, 1.5, n)
    layers = [first, best @ np.linalg.inv(first)]
    minimum = deep_linear_minimum(layers, inputs, targets)
    return SimpleNamespace(inputs=inputs, targets=targets, layers=layers, minimum=minimum,
                           stationary=lyapunov_covariance(minimum, batch))


def _keep(s, run, data, finite, net, runs):
    curvature, vectors = np.linalg.eigh(data.theory.hessian)
    exact = _finite_covariance(s.inputs, s.examples, s.noise, s.sample, s.rate, s.batch)
    along = lambda c, u: np.einsum("ap,...ab,bp->...p", u, c, u)  # noqa: E731
    run.keep("curvature", curvature), run.keep("variance", along(finite["covariance"], vectors))
    run.keep("theory", along(exact, vectors))
    found = net.stationary
    values, modes = np.linalg.eigh(found.modes)
    directions = found.basis @ modes
    run.keep("two theory", values), run.keep("two variance", along(runs[-1]["covariance"], directions))


def draw(report, figure):
    """Variance against curvature on a finite set, and mode by mode in the two-layer network."""
    left, right = figure.subplots(1, 2)
    curves = report.curves
    mean, error = (f(curves["variance"]) for f in (lambda v: v.mean(0), lambda v: v.std(0, ddof=1) / np.sqrt(len(v))))
    left.plot(curves["curvature"], curves["theory"], "k-", linewidth=0.8, label="theory")
    left.errorbar(curves["curvature"], mean, error, fmt="o", markersize=4, label="networks")
    left.set(xlabel="curvature", ylabel="variance of the weights", xscale="log", yscale="log", title="regression on a finite set")
    left.legend(fontsize=7)
    mean, error = (f(curves["two variance"]) for f in (lambda v: v.mean(0), lambda v: v.std(0, ddof=1) / np.sqrt(len(v))))
    right.plot(curves["two theory"], curves["two theory"], "k-", linewidth=0.8, label="Lyapunov equation")
    right.errorbar(curves["two theory"], mean, error, fmt="o", markersize=4,
                   label=f"networks, rate = 1/({FRACTIONS[-1]} x largest curvature)")
    right.set(xlabel="variance / rate, theory", ylabel="variance / rate, networks", xscale="log", yscale="log",
              title="two layers")
    right.legend(fontsize=7)
    for ax in (left, right):
        ax.tick_params(axis="both", which="minor", labelbottom=False, labelleft=False)


def require(s):
    """Enough examples, and rates at which the regressions are stationary.

    Raises
    ------
    InputError
    """
    try:
        _online_covariance(s.noise, s.rate, s.batch)
        _finite_covariance(s.inputs, s.examples, s.noise, s.sample, s.rate, s.batch)
    except InputError as reason:
        raise InputError(f"train sgd-fluctuations: {reason}") from None


EXPERIMENT = Experiment(
    name="sgd-fluctuations",
    title="Weight fluctuations of linear networks under stochastic gradient descent",
    reference=REFERENCE,
    settings=(
        Setting("rate", 0.05, "learning rate of the regressions", above=0, high=0.15),
        Setting("batch", 2, "examples in a batch", low=1, high=1000, integer=True),
        Setting("noise", 0.09, "variance of the labels' noise", above=0, high=100),
        Setting("inputs", 20, "inputs of the regression on a finite set", low=2, high=40, integer=True, reduced=6),
        Setting("examples", 40, "examples of that set", low=3, high=100000, integer=True, reduced=18),
        Setting("copies", 1500, "networks in each of 20 groups; fewer of the larger networks", low=32, high=1000000, integer=True,
                reduced=160),
        Setting("sample", 0, "number of the data set", low=0, high=1000000, integer=True),
    ),
    predict=predict, measure=measure, draw=draw, wrong={"batch": 3}, require=require,
)
