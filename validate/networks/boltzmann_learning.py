"""Restricted Boltzmann machines trained by contrastive divergence on noisy copies of patterns.

With hidden Gaussian units the machine is a Hopfield network whose temperature is learned; from small weights each pattern's mode grows
at its own rate. Machines with +-1 hidden units have the magnetisations of the Thouless-Anderson-Palmer equations.
"""

from types import SimpleNamespace

import numpy as np

from meanfield.learning.boltzmann import growth_factor, learned_temperature, magnetisations
from theory.errors import InputError

from .experiment import Experiment, Setting
from .report import Measurement, Prediction, Statement
from .running import import_torch

# Shares of the patterns in the data whose modes are watched as they begin to grow; the last direction is orthogonal to all patterns.
SHARES = (0.5, 0.3, 0.2)
SMALL = 1e-4
# Of the steps of training, the last part over which weights and samples are averaged.
TAIL = 0.4
THERMALISE = 0.2
DIRECTIONS = ("pattern 1", "pattern 2", "pattern 3", "no pattern")


def predict(s):
    """Growth by one step to the power of the steps; temperature and overlap of the learned network; slope 1 of TAP."""
    growth = (_factors(s) ** s.onset_steps).tolist()
    found = {f"growth, {name}": Prediction(value, note="small weights") for name, value in zip(DIRECTIONS, growth)}
    return {**found, "learned temperature": Prediction(learned_temperature(s.quality), note="N -> infinity"),
            "overlap with a pattern": Prediction(s.quality, note="N -> infinity"),
            "sampled on TAP magnetisations": Prediction(1.0, note="slope, N -> infinity")}


def measure(s, run):
    """Three kinds of machines: at the onset of learning, trained to the end, and with random weights."""
    onset = run.stage("onset", lambda: _onset(s, run))
    growth = onset["amplitudes"][-1] / onset["amplitudes"][0]
    found = {f"growth, {name}": Measurement.of(growth[:, k]) for k, name in enumerate(DIRECTIONS)}
    sizes = tuple(s.size * k for k in (1, 2, 4))
    ends = [run.stage(f"training {n}", lambda n=n: _trained(s, run, n)) for n in sizes]
    found["learned temperature"] = Measurement.extrapolated(sizes, [e["temperature"] for e in ends])
    found["overlap with a pattern"] = Measurement.extrapolated(sizes, [e["overlap"] for e in ends])
    random = [run.stage(f"random weights {n}", lambda n=n: _random_machines(s, run, n)) for n in sizes]
    found["sampled on TAP magnetisations"] = Measurement.extrapolated(sizes, [e["tap_slope"] for e in random])
    naive = Measurement.extrapolated(sizes, [e["naive_slope"] for e in random])
    found["sampled on naive mean-field magnetisations"] = Statement("slope; the reaction term is missing", 1.0, naive.value, naive.error)
    for name, curve in (("growth", onset["amplitudes"]), ("steps", onset["steps"]), ("scatter", random[-1]["scatter"])):
        run.keep(name, curve)
    run.keep("temperature", [[Measurement.of(e["temperature"]).value, Measurement.of(e["temperature"]).error] for e in ends])
    run.keep("sizes", sizes)
    return found


def _rate(s, size, share):
    """The learning rate at which the mode of a pattern with this share of the data grows by the factor 1 + `rate` in a step."""
    return s.rate / (growth_factor(size, share, s.quality, 1.0) - 1)


def _factors(s):
    """Growth of the watched directions in one step, array (4,)."""
    rate = _rate(s, s.size, SHARES[0])
    return np.array([growth_factor(s.size, share, s.quality, rate) for share in (*SHARES, 0.0)])


def _patterns(torch, size, count):
    """Orthogonal patterns (count, size): rows of a Hadamard matrix, without the constant one."""
    rows = torch.ones(1, 1, dtype=torch.float64)
    while len(rows) < size:
        rows = torch.cat([torch.cat([rows, rows], 1), torch.cat([rows, -rows], 1)])
    return rows[1:count + 1].float()


def _copies(torch, patterns, shares, quality, networks, count, generator):
    """Noisy copies (networks, count, size) with signs at random, of patterns drawn with their shares."""
    device = patterns.device
    cumulated = torch.tensor(np.cumsum(shares)[:-1], dtype=torch.float32, device=device)
    chosen = torch.bucketize(torch.rand(networks, count, generator=generator, device=device), cumulated)
    clean = patterns[chosen]
    kept = torch.rand(clean.shape, generator=generator, device=device) < (1 + quality) / 2
    sign = 2 * torch.randint(2, (networks, count, 1), generator=generator, device=device) - 1
    return torch.where(kept, clean, -clean) * sign


def _moments(v, weights):
    """C W with C = <v v^T> over the samples: the hidden units' means are their fields, so that no noise of theirs enters."""
    return v.mT @ (v @ weights) / v.shape[1]


def _gibbs(torch, v, weights, generator, sweeps=1):
    """Block Gibbs sampling: hidden Gaussian units given the visible ones, and back."""
    for _ in range(sweeps):
        field = v @ weights
        hidden = field + torch.randn(field.shape, generator=generator, device=v.device)
        up = torch.sigmoid(2 * hidden @ weights.mT)
        v = 2 * (torch.rand(up.shape, generator=generator, device=v.device) < up).float() - 1
    return v


def _onset(s, run):
    """Amplitudes of three patterns' modes and of an orthogonal one, arrays (records, networks, 4), from small random weights.

    An amplitude is the projection of the weights on their initial ones along a direction; its mean over networks grows exactly
    geometrically while weights are small, because data and samples of every step are fresh.
    """
    torch = import_torch()
    directions = _patterns(torch, s.size, len(DIRECTIONS)).to(run.device)
    patterns = directions[: len(SHARES)]
    generator = run.generator("onset")
    weights = SMALL / s.size**0.5 * torch.randn(s.networks, s.size, len(SHARES), generator=generator, device=run.device)
    first = directions @ weights
    amplitude = lambda w: ((directions @ w) * first).sum(-1) / (first**2).sum(-1)
    records = torch.zeros(s.onset_steps + 1, s.networks, len(DIRECTIONS))
    records[0] = amplitude(weights)
    rate = _rate(s, s.size, SHARES[0])

    def step(state, i):
        w = state["weights"]
        data = _copies(torch, patterns, SHARES, s.quality, s.networks, s.batch, generator)
        model = _gibbs(torch, data, w, generator)
        state["weights"] = w + rate * (_moments(data, w) - _moments(model, w))
        state["records"][i + 1] = amplitude(state["weights"]).cpu()

    state = run.loop("onset/steps", {"weights": weights, "records": records, "generator": generator}, step, s.onset_steps)
    return {"amplitudes": state["records"], "steps": np.arange(s.onset_steps + 1)}


def _trained(s, run, size):
    """Temperatures and overlaps, arrays (networks,), of machines trained by persistent contrastive divergence.

    Chains start at data, so that they share the patterns as the data do. Weights start at the mean of a few copies of each pattern.
    """
    torch = import_torch()
    patterns = _patterns(torch, size, s.patterns).to(run.device)
    shares = np.full(s.patterns, 1 / s.patterns)
    generator = run.generator(f"training {size}")
    weights = ((1.5 / size) ** 0.5 * patterns.mT).expand(s.networks, -1, -1).clone()
    weights += 0.3 / size**0.5 * torch.randn(weights.shape, generator=generator, device=run.device)
    chains = _copies(torch, patterns, shares, s.quality, s.networks, s.chains, generator)
    rate = _rate(s, size, shares[0])
    zero = torch.zeros(s.networks, dtype=torch.float64, device=run.device)

    def step(state, i):
        w = state["weights"]
        state["chains"] = _gibbs(torch, state["chains"], w, generator, s.sweeps)
        data = _copies(torch, patterns, shares, s.quality, s.networks, s.batch, generator)
        state["weights"] = w + rate * (_moments(data, w) - _moments(state["chains"], w))
        if i >= (1 - TAIL) * s.steps:
            state["mean"] = state["mean"] + state["weights"]
            overlaps = (state["chains"] @ patterns.mT / size).square().amax(-1)
            state["squares"] = state["squares"] + overlaps.double().mean(-1)
            state["count"] += 1

    state = {"weights": weights, "chains": chains, "mean": torch.zeros_like(weights), "squares": zero, "count": 0, "generator": generator}
    run.loop(f"training {size}/steps", state, step, s.steps)
    mean = (state["mean"] / state["count"]).double()
    couplings = ((patterns.double() @ mean) ** 2).sum(-1).mean(-1) / size
    # Pairs of different sites: the N terms of a site with itself are left out of the square.
    pairs = (size * state["squares"] / state["count"] - 1) / (size - 1)
    return {"temperature": 1 / couplings, "overlap": pairs.clamp(min=0).sqrt()}


def _random_machines(s, run, size):
    """Slopes, arrays (machines,), of sampled magnetisations on those of TAP and of naive mean field; and pairs of them."""
    torch = import_torch()
    rng, generator = run.rng(f"random weights {size}"), run.generator(f"random weights {size}")
    weights = s.coupling / size**0.5 * rng.normal(size=(s.networks, size, size))
    visible, hidden = s.bias * rng.normal(size=(2, s.networks, size))
    solved = [[magnetisations(w, a, b, order)[0] for w, a, b in zip(weights, visible, hidden)] for order in (2, 1)]
    w, a, b = (torch.as_tensor(x, dtype=torch.float32, device=run.device) for x in (weights, visible[:, None], hidden[:, None]))
    v = torch.sign(torch.rand(s.networks, s.chains, size, generator=generator, device=run.device) - 0.5)

    def step(state, i):
        h = _signs(torch, state["v"] @ w + b, generator)
        mean = torch.tanh(h @ w.mT + a)
        state["v"] = _signs(torch, h @ w.mT + a, generator)
        if i >= THERMALISE * s.tap_sweeps:
            state["sum"] = state["sum"] + mean.double().mean(1)
            state["count"] += 1

    state = {"v": v, "sum": torch.zeros(s.networks, size, dtype=torch.float64, device=run.device), "count": 0, "generator": generator}
    run.loop(f"random weights {size}/sweeps", state, step, s.tap_sweeps)
    sampled = (state["sum"] / state["count"]).cpu().numpy()
    slopes = [(np.array(m) * sampled).sum(-1) / (np.array(m) ** 2).sum(-1) for m in solved]
    return {"tap_slope": slopes[0], "naive_slope": slopes[1], "scatter": np.stack([solved[0][0], solved[1][0], sampled[0]])}


def _signs(torch, field, generator):
    up = torch.sigmoid(2 * field)
    return 2 * (torch.rand(up.shape, generator=generator, device=up.device) < up).float() - 1


def require(s):
    """The rows of a Hadamard matrix are as many as a power of two."""
    if s.size & (s.size - 1):
        raise InputError(f"train boltzmann-learning: size = {s.size}: expected a power of two (orthogonal patterns)")


def draw(report, figure):
    """Growth of the modes, learned temperature against 1/N, sampled magnetisations against TAP and naive mean field."""
    left, middle, right = figure.subplots(1, 3)
    curves = report.curves
    for k, (name, factor) in enumerate(zip(DIRECTIONS, _factors(SimpleNamespace(**report.settings)))):
        left.semilogy(curves["steps"], factor ** curves["steps"], color=f"C{k}", lw=1)
        left.semilogy(curves["steps"], curves["growth"].mean(1)[:, k], ".", ms=4, color=f"C{k}", label=name)
    left.set(xlabel="step of learning", ylabel="growth of the mode", title="from small weights")
    left.legend(frameon=False, fontsize=8)
    values, errors = curves["temperature"].T
    middle.errorbar(1 / curves["sizes"], values, errors, fmt="o", ms=4, capsize=2, label="trained machines")
    check = next(c for c in report.checks if c.observable == "learned temperature")
    middle.errorbar([0], [check.measured], [check.error], fmt="s", ms=5, capsize=3, color="C1", label=r"$N\to\infty$")
    middle.axhline(check.theory, color="0.35", lw=1, label="Hopfield network")
    middle.set(xlabel="1/N", ylabel="learned temperature", title="end of learning")
    middle.legend(frameon=False, fontsize=8)
    tap, naive, sampled = curves["scatter"]
    right.axline((0, 0), slope=1, color="0.35", lw=1)
    right.plot(naive, sampled, "^", ms=3, alpha=0.6, color="C1", label="naive mean field")
    right.plot(tap, sampled, "o", ms=3, alpha=0.6, color="C0", label="TAP")
    right.set(xlabel="magnetisation, theory", ylabel="sampled", title=f"random weights, N = {int(curves['sizes'][-1])}")
    right.legend(frameon=False, fontsize=8)


EXPERIMENT = Experiment(
    "boltzmann-learning", "a restricted Boltzmann machine learns patterns and becomes a Hopfield network",
    "Hinton, Neural Comput. 14, 1771 (2002); Barra et al., Neural Netw. 34, 1 (2012); Decelle et al., EPL 119, 60001 (2017); Gabrie et al., NIPS (2015)",
    (
        Setting("size", 64, "visible units of the smallest machine, a power of two", low=16, high=1024, integer=True, reduced=32),
        Setting("patterns", 2, "patterns of the machines that are trained to the end", low=1, high=8, integer=True),
        Setting("quality", 0.8, "r: a site of a copy is right with probability (1 + r)/2", low=0.4, high=0.95),
        Setting("networks", 16, "independent machines", low=4, high=1024, integer=True),
        Setting("rate", 0.1, "growth of the strongest mode in one step", above=0, high=0.5),
        Setting("batch", 256, "copies in one step", low=8, high=10**5, integer=True, reduced=64),
        Setting("chains", 128, "chains of a machine", low=8, high=10**5, integer=True, reduced=64),
        Setting("sweeps", 2, "Gibbs sweeps between two steps of learning", low=1, high=100, integer=True),
        Setting("onset_steps", 30, "steps of learning from small weights", low=5, high=1000, integer=True, reduced=20),
        Setting("steps", 200, "steps of training to the end", low=20, high=10**6, integer=True, reduced=100),
        Setting("coupling", 0.4, "standard deviation of the random weights times the root of N", above=0, high=0.6),
        Setting("bias", 0.5, "standard deviation of the random biases", above=0, high=2),
        Setting("tap_sweeps", 150, "Gibbs sweeps of the machines with random weights", low=20, high=10**6, integer=True, reduced=100),
    ),
    predict, measure, draw, wrong={"quality": 0.7}, require=require,
)
