"""From conditioning to Hebb's couplings: networks whose neurons and synapses move together, against the theory of their means.

Theory: `theory.learning.pavlov` (derived), `meanfield.learning.pavlov` (filter, fixed points, two concepts).
"""

import numpy as np

from meanfield.learning.pavlov import conditioning, critical_beta, filtered_couplings, memory
from theory.errors import InputError

from .experiment import Experiment, Setting
from .pavlov_dynamics import closed_flow, noisy_couplings, noisy_response, runge_kutta
from .report import Measurement, Prediction, Statement
from .running import import_torch

__all__ = ["EXPERIMENT"]

# Stimuli that saturate the neurons of two concepts, and the time for which one looks at the response, couplings held.
HELD, LOOK = 60.0, 20.0
# What the Runge-Kutta step leaves of means that are told to 1e-5.
STEP, ROUNDING = 0.2, 1e-5
GRID = 41
EXACT = "exact for strong stimuli"
CLOSED = "closed equations of means"


def require(s):
    """Stimuli must be stronger than the couplings, and groups large enough to be told apart."""
    if s.beta * (s.stimulus - s.neurons) < 6:
        raise InputError(f"train pavlov-hebb: stimulus = {s.stimulus:g} does not hold {s.neurons} neurons at beta = {s.beta:g} "
                         f"against "
                         f"their couplings; raise it to {s.neurons + 6 / s.beta:.3g} at least")
    if not s.memory_beta > critical_beta(s.remembering):
        raise InputError(f"train pavlov-hebb: memory_beta = {s.memory_beta:g}: {s.remembering} neurons keep a memory up only "
                         f"above {critical_beta(s.remembering):.6g}")


def patterns_of(s):
    """The stimuli, array (P, N) of -1 and 1; no random numbers of a run enter."""
    return np.random.default_rng([s.stimuli, s.neurons, s.instance]).choice([-1.0, 1.0], (s.stimuli, s.neurons))


def schedule(s):
    """Phases of conditioning: (duration, stimulus of the bell, of the food, whether synapses learn)."""
    look = (LOOK, HELD, 0.0, False)
    alone = [(s.memory_time, HELD, 0.0, True), (s.memory_time, 0.0, HELD, True)]
    return [*alone, look, (3 * s.memory_time, HELD, HELD, True), look, (s.extinction * s.memory_time, HELD, 0.0, True), look]


def predict(s):
    """Filtered couplings, memory without stimuli, two concepts."""
    patterns = patterns_of(s)
    couplings = filtered_couplings(patterns, s.beta, 1.0, s.memory_time, s.duration, s.cycles)
    ends = conditioning(s.group_beta, (s.group, s.group), 1.0, s.memory_time, schedule(s)).ends
    return {
        "couplings: slope on the mean of the stimuli": Prediction(_slope(couplings, _hebb(patterns)), note=EXACT),
        "couplings: slope on the filtered theory": Prediction(1.0, note=EXACT),
        "couplings: mean square": Prediction(float((_off_diagonal(couplings) ** 2).mean()), note=EXACT),
        "memory without stimulus: level": Prediction(memory(s.memory_beta, s.remembering), note=CLOSED),
        "memory without stimulus: smallest beta": Prediction(critical_beta(s.remembering), note=CLOSED),
        "food's own coupling after each alone": Prediction(ends[1, 4], note=CLOSED),
        "response to the bell before": Prediction(ends[2, 1], note=CLOSED),
        "mixed coupling after joint stimuli": Prediction(ends[3, 3], note=CLOSED),
        "response to the bell after": Prediction(ends[4, 1], note=CLOSED),
        "mixed coupling after extinction": Prediction(ends[5, 3], note=CLOSED),
        "response to the bell after extinction": Prediction(ends[6, 1], note=CLOSED),
    }


def measure(s, run):
    """Run the networks."""
    return _learned(s, run) | _remembered(s, run) | _conditioned(s, run)


def _hebb(patterns):
    """The temporal mean of the stimuli's products."""
    return patterns.T @ patterns / len(patterns)


def _off_diagonal(matrices):
    size = matrices.shape[-1]
    return matrices[..., ~np.eye(size, dtype=bool)]


def _products(couplings):
    """Mean products of the couplings of two independent networks: those of one have the square of their fluctuations besides."""
    half = len(couplings) // 2
    return (couplings[:half] * couplings[half:2 * half]).mean(-1)


def _slope(couplings, expected):
    """Regression slope, through zero, of off-diagonal couplings (..., N, N) on expected ones."""
    found, theory = _off_diagonal(couplings), _off_diagonal(expected)
    return found @ theory / (theory @ theory)


def _tensor(run, array):
    torch = import_torch()
    return torch.as_tensor(np.asarray(array, dtype=float), dtype=torch.float64, device=run.device)


def _learned(s, run):
    """Binary neurons under stimuli in turn: their couplings over the last period."""
    patterns = patterns_of(s)
    stage = run.stage("stimuli in turn", lambda: {"couplings": noisy_couplings(run, "stimuli in turn/run", _tensor(run, patterns),
                                                                               s)})
    couplings = stage["couplings"]
    theory = filtered_couplings(patterns, s.beta, 1.0, s.memory_time, s.duration, s.cycles)
    run.keep("couplings", _off_diagonal(couplings.mean(0)))
    run.keep("mean of the stimuli", _off_diagonal(_hebb(patterns)))
    found, ideal = _off_diagonal(couplings.mean(0)), _off_diagonal(_hebb(patterns))
    cosine = found @ ideal / np.sqrt((found @ found) * (ideal @ ideal))
    told = Statement(f"tanh(beta) = {np.tanh(s.beta):.5g} is the slope for presentations much longer than tau and shorter than "
                     f"tau'; "
                     f"the theory judged here holds at any; cosine with the mean of the stimuli {cosine:.6f}",
                     float(np.tanh(s.beta)), float(np.mean(_slope(couplings, _hebb(patterns)))))
    return {"couplings: slope on the mean of the stimuli": Measurement.of(_slope(couplings, _hebb(patterns))),
            "couplings: slope on the filtered theory": Measurement.of(_slope(couplings, theory)),
            "couplings: mean square": Measurement.of(_products(_off_diagonal(couplings))),
            "couplings: slope for ideal presentations": told}


def _remembered(s, run):
    """Networks without stimulus: the level of a kept memory, and the smallest beta that keeps it."""
    found = run.stage("memory", lambda: _memory(s, run))
    return {f"memory without stimulus: {name}": Measurement(float(found[name]), float(found[f"error {name}"]))
            for name in ("level", "smallest beta")}


def _memory(s, run):
    level = _kept(s, run, np.array([s.memory_beta]), s.waiting)[0]
    times = (s.waiting / 2, s.waiting)
    short, long = (_smallest(s, run, time) for time in times)
    # The passage of the bottleneck takes a time that goes like one over the square root of the distance from the fold.
    return {"level": level, "error level": ROUNDING, "smallest beta": long + (long - short) / 3,
            "error smallest beta": abs(long - short) / 5 + ROUNDING}


def _smallest(s, run, time):
    low, high = 0.0, s.memory_beta
    for _ in range(3):
        grid = np.linspace(low, high, GRID)
        alive = _kept(s, run, grid, time) > 0.3
        first = max(int(alive.argmax()), 1)
        low, high = grid[first - 1], grid[first]
    return (low + high) / 2


def _kept(s, run, betas, time):
    """Mean level of networks at these inverse temperatures after a time without stimulus, from full memory; fast synapses."""
    torch = import_torch()
    signs = _tensor(run, run.rng("memory").choice([-1.0, 1.0], s.remembering))
    spins = signs.repeat(len(betas), 1)
    beta = _tensor(run, betas)[:, None]
    couplings = torch.tanh(beta)[..., None] * (torch.outer(signs, signs) - torch.eye(s.remembering, dtype=signs.dtype,
                                                                                     device=signs.device))
    state, rest = (spins, couplings), torch.zeros_like(spins)
    for _ in range(round(time / STEP)):
        state = runge_kutta(lambda x, j: closed_flow(x, j, beta, rest, 1.0), state, STEP)
    return (state[0] * signs).mean(1).cpu().numpy()


def _conditioned(s, run):
    """The closed equations of all neurons through the schedule, against the reduced ones."""
    found = run.stage("conditioning", lambda: _conditioning(s, run))
    run.keep("conditioning", found["path"])
    theory = conditioning(s.group_beta, (s.group, s.group), 1.0, s.memory_time, schedule(s))
    run.keep("conditioning, theory", np.column_stack([theory.times, theory.states]))
    ends = found["ends"]
    picked = {"food's own coupling after each alone": ends[1, 4], "response to the bell before": ends[2, 1],
              "mixed coupling after joint stimuli": ends[3, 3], "response to the bell after": ends[4, 1],
              "mixed coupling after extinction": ends[5, 3], "response to the bell after extinction": ends[6, 1]}
    return {**{name: Measurement(float(value), ROUNDING) for name, value in picked.items()}, **_noisy(s, run, theory.ends)}


def _noisy(s, run, ends):
    """The response of binary neurons to the bell, couplings held: what the closed equations leave out is told."""
    samples = run.stage("noisy response", lambda: {"mean": noisy_response(
        run, "noisy response/run", s.group, s.group_beta, ends[3, 4], s.group * ends[3, 3], 256, LOOK)})["mean"]
    value, error = float(samples.mean()), float(samples.std(ddof=1) / np.sqrt(len(samples)))
    return {"response to the bell after, binary neurons": Statement(
        f"{value:.4f} +- {error:.1g} with fluctuations of {s.group} binary neurons; the closed equations have {ends[4, 1]:.4f}",
        float(ends[4, 1]), value, error)}


def _conditioning(s, run):
    """Ends of the phases (phases, 5) and the path (M, 6): time, s_1, s_2, J_11, J_12, J_22, averaged over neurons and pairs."""
    torch, signs = import_torch(), _tensor(run, run.rng("concepts").choice([-1.0, 1.0], 2 * s.group))
    first = torch.arange(2 * s.group, device=run.device) < s.group
    state = {"spins": torch.zeros_like(signs), "couplings": torch.zeros(2 * s.group, 2 * s.group, dtype=signs.dtype,
                                                                        device=run.device)}
    ends, path, now = [], [], 0.0
    for k, (duration, bell, food, learning) in enumerate(schedule(s)):
        stimulus = signs * torch.where(first, bell, food)
        steps, before = int(np.ceil(duration / STEP)), now

        def flow(x, j, stimulus=stimulus, learning=float(learning)):
            return closed_flow(x, j, s.group_beta, stimulus, s.memory_time, learning)

        def advance(at, i, flow=flow, step=duration / steps, steps=steps, before=before):
            at["spins"], at["couplings"] = runge_kutta(flow, (at["spins"], at["couplings"]), step)
            if i % max(1, steps // 40) == 0:
                at["path"].append([before + (i + 1) * step, *_reduced(s, signs, at)])

        state = run.loop(f"conditioning/{k}", {**state, "path": []}, advance, steps)
        path, now = path + state["path"], now + duration
        ends.append(_reduced(s, signs, state))
    return {"ends": np.array(ends), "path": np.array(path)}


def _reduced(s, signs, state):
    """s_1, s_2, J_11, J_12, J_22 of a network: levels along the signs."""
    levels = (state["spins"] * signs).view(2, s.group).mean(1)
    couplings = (state["couplings"] * signs[:, None] * signs).view(2, s.group, 2, s.group).sum((1, 3))
    pairs = s.group * (s.group - 1)
    return [float(x) for x in (*levels, couplings[0, 0] / pairs, couplings[0, 1] / s.group**2, couplings[1, 1] / pairs)]


def draw(report, figure):
    """Couplings against the mean of the stimuli, and the course of conditioning."""
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.7))
    mean, couplings = report.curves["mean of the stimuli"], report.curves["couplings"]
    left.plot(mean, couplings, ".", markersize=3, label="networks")
    ends, slope = np.array([mean.min(), mean.max()]), report.checks[0].theory
    left.plot(ends, slope * ends, color="black", linewidth=0.8, label="theory")
    left.set(xlabel="temporal mean of the stimuli's products", ylabel=r"coupling $\langle J_{ij}\rangle$")
    left.legend(frameon=False)
    theory, path = report.curves["conditioning, theory"], report.curves["conditioning"]
    for column, label in ((2, "food neurons"), (4, "mixed coupling"), (5, "food's own coupling")):
        (line,) = right.plot(theory[:, 0], theory[:, column], linewidth=1, label=label)
        right.plot(path[::4, 0], path[::4, column], ".", markersize=4, color=line.get_color())
    right.set(xlabel=r"time / $\tau$", ylabel="mean (lines: theory)")
    right.legend(frameon=False)


EXPERIMENT = Experiment(
    name="pavlov-hebb",
    title="Neurons and synapses that move together: Hebb's couplings, memory, conditioning of two concepts",
    reference="E. Agliari et al., Neural Comput. 35, 930 (2023), arXiv:2207.00790",
    settings=(
        Setting("neurons", 40, "neurons N of the network under stimuli in turn", low=2, high=500, integer=True, reduced=12),
        Setting("stimuli", 3, "number P of stimuli in turn", low=1, high=50, integer=True),
        Setting("instance", 0, "number of the instance of the stimuli", low=0, high=10**6, integer=True),
        Setting("beta", 1.5, "inverse temperature of that network", above=0.0, high=10.0),
        Setting("stimulus", 200.0, "strength of its stimuli, in units of a coupling's largest value", above=0.0, high=10**4),
        Setting("networks", 16, "independent copies of it", low=4, high=10**4, integer=True),
        Setting("memory_time", 100.0, "time constant of the synapses, in units of that of the neurons", low=2.0, high=10**4,
                reduced=20.0),
        Setting("duration", 20.0, "time for which a stimulus is presented", low=1.0, high=10**4, reduced=6.0),
        Setting("cycles", 12, "rounds of all stimuli", low=1, high=10**4, integer=True, reduced=6),
        Setting("remembering", 2, "neurons of the network without stimulus", low=2, high=100, integer=True),
        Setting("memory_beta", 3.0, "its inverse temperature, above the smallest that keeps a memory up", above=0.0, high=20.0),
        Setting("waiting", 200.0, "time for which one waits for a memory to be lost", low=20.0, high=10**4, reduced=40.0),
        Setting("group", 10, "neurons of each of two concepts", low=2, high=200, integer=True),
        Setting("group_beta", 0.25, "their inverse temperature", above=0.0, high=5.0),
        Setting("extinction", 3.0, "time for which the bell rings alone at last, in units of the synapses'", above=0.0,
                high=100.0),
    ),
    predict=predict, measure=measure, draw=draw, wrong={"beta": 1.0}, require=require,
)
