"""Stochastic rate networks: planted attractors, their fluctuations against the linear noise, and digits classified and drawn.

Theory: `theory.learning.rate_network` (derived), `meanfield.learning.rate` (Lyapunov equation, exact moments of one neuron).
"""

import numpy as np

from meanfield.learning.rate import couplings, jacobian, linear_noise, quantity, scalar_moments
from theory.errors import InputError

from .digits import DATASETS, load
from .experiment import Experiment, Setting
from .rate_digits import CLASSES, class_patterns, decoded, evolved, nearest, train_decoder, train_network
from .rate_dynamics import RateNetwork, deviations, relax
from .report import Measurement, Prediction, Statement
from .running import import_torch

__all__ = ["EXPERIMENT"]

# What relaxation without noise leaves of a deviation from a fixed point, and the error of rounding it.
SETTLED = 1e-9
GRID = 201
TRAINING_TIME, TRAINING_STEP = 6.0, 0.25
# Time for which an attractor is sampled to draw digits from it.
DRAWING_TIME, DRAWING_STEP = 12.0, 0.2
# Noise at which covariances are sampled, and half of it: small enough for the linear theory, and not to leave the
# basin. That of the trained network is in units of its own.
NETWORK_NOISE, TRAINED_SHARE = 0.06, 0.25
SMALL = "to leading order in the noise"


def require(s):
    """Levels must lie above the saddle-node, and patterns must fit."""
    if not s.a > float(quantity("margin", c=s.c)):
        raise InputError(f"train stochastic-hopfield: a = {s.a:g}: no attractor at or below sqrt c = {s.c**0.5:g}; raise a or "
                         f"lower c")
    if s.patterns >= s.neurons:
        raise InputError(f"train stochastic-hopfield: {s.patterns} patterns in {s.neurons} neurons: expected fewer patterns "
                         f"than neurons")


def network_of(s):
    """The network that the settings stand for: patterns (N, P), couplings, noise of unit strength."""
    rng = np.random.default_rng([s.neurons, s.patterns, s.instance])
    patterns = np.zeros((s.neurons, s.patterns))
    while np.linalg.matrix_rank(patterns) < s.patterns:
        patterns = (rng.random((s.neurons, s.patterns)) < 0.5).astype(float)
    rest = s.rest * rng.normal(size=(s.neurons, s.neurons))
    amplitude = np.eye(s.neurons) + rng.normal(size=(s.neurons, s.neurons)) / np.sqrt(s.neurons)
    return patterns, couplings(patterns, s.a, s.c, rest), amplitude


def predict(s):
    """Fixed points and rates of the planted network, moments of one neuron, the linear noise."""
    gain = float(quantity("eigenvalue", a=s.a, c=s.c, size=s.neurons)) / np.sqrt(s.neurons)
    one = scalar_moments(gain, s.c, s.noise)
    patterns, matrix, amplitude = network_of(s)
    linear = linear_noise(matrix, amplitude, s.a * patterns[:, 0], s.c)
    along = patterns[:, 0] / np.linalg.norm(patterns[:, 0])
    rate = float(quantity("rate", a=s.a, c=s.c))
    return {
        "level of the attractor": Prediction(float(quantity("upper", gain=gain, c=s.c)), note="exact"),
        "unstable level": Prediction(float(quantity("lower", gain=gain, c=s.c)), note="exact"),
        "gain at the saddle-node": Prediction(float(quantity("saddle_node", c=s.c)), note="exact"),
        "rate along the pattern": Prediction(rate, note="exact"),
        "slowest rate, N/2 random patterns": Prediction(rate, note="exact for any linearly independent patterns"),
        "one neuron: variance": Prediction(one.variance, note="exact density"),
        "one neuron: shift of the mean": Prediction(one.mean - one.attractor, note="exact density", resolution=0.2,
                                                    scale=abs(one.linear_shift)),
        "network: total variance": Prediction(float(np.trace(linear.covariance)), note=SMALL),
        "network: variance along the pattern": Prediction(float(along @ linear.covariance @ along), note=SMALL),
        "network: covariance, slope on the theory's": Prediction(1.0, note=SMALL),
        "trained network: covariance, slope on the theory's": Prediction(1.0, note=SMALL),
    }


def measure(s, run):
    """Relax, sample and train the networks."""
    found = run.stage("relaxation", lambda: _relaxation(s, run))
    measured = {name: Measurement(float(value), float(found[f"error {name}"])) for name, value in found.items()
                if not name.startswith("error ")}
    measured |= _one_neuron(s, run) | _planted_network(s, run)
    return measured | _digits(s, run)


def _relaxation(s, run):
    """What networks without noise tell: values, and errors under the same names."""
    pairs = {"level of the attractor": _level(s, run), "unstable level": _unstable(s, run),
             "gain at the saddle-node": _saddle_node(s, run), "rate along the pattern": _rate(s, run),
             "slowest rate, N/2 random patterns": _slowest(s, run)}
    return {word + key: value for key, pair in pairs.items() for word, value in zip(("", "error "), pair)}


def _tensor(run, array):
    return import_torch().as_tensor(np.asarray(array, dtype=float), dtype=import_torch().float64, device=run.device)


def _instance(s, run, strength=1.0):
    patterns, matrix, amplitude = network_of(s)
    return _tensor(run, patterns), RateNetwork(_tensor(run, matrix), strength * _tensor(run, amplitude), s.c)


def _level(s, run):
    """Mean level of the occupied neurons after relaxation from 1.3 times the pattern."""
    patterns, network = _instance(s, run)
    end = relax(network, 1.3 * s.a * patterns[:, 0], 40.0)
    occupied = patterns[:, 0] > 0
    return end[occupied].mean().item(), max(SETTLED, end[occupied].std().item())


def _survives(run, matrices, start, c, time):
    """Whether neurons with these gains, one each, are still up after a time."""
    x = start
    for _ in range(round(time / 0.25)):
        middle = x + 0.125 * (matrices * x * x / (c + x * x) - x)
        x = x + 0.25 * (matrices * middle * middle / (c + middle * middle) - middle)
    return x > start.max() * 0.01


def _unstable(s, run):
    """The start between rest and the attractor from which one neuron falls to neither, by two grids."""
    gain, low, high = _gain(s), 0.0, s.a
    for _ in range(3):
        starts = _tensor(run, np.linspace(low, high, GRID))
        alive = _survives(run, gain, starts, s.c, 80.0).cpu().numpy()
        first = int(alive.argmax())
        low, high = starts[first - 1].item(), starts[first].item()
    return (low + high) / 2, max((high - low) / np.sqrt(12), SETTLED)


def _gain(s):
    """The gain along the patterns of the built couplings."""
    patterns, matrix, _ = network_of(s)
    pattern = patterns[:, 0]
    return float(pattern @ matrix @ pattern / (pattern @ pattern)) / np.sqrt(s.neurons)


def _saddle_node(s, run):
    """The smallest gain at which a neuron stays up; what waiting a finite time leaves out goes like one over its square."""
    found = [_lowest_gain(s, run, time) for time in (s.waiting / 2, s.waiting)]
    return found[1] + (found[1] - found[0]) / 3, abs(found[1] - found[0]) / 5 + SETTLED


def _lowest_gain(s, run, time):
    low, high = 0.0, _gain(s)
    for _ in range(3):
        gains = _tensor(run, np.linspace(low, high, GRID))
        alive = _survives(run, gains, _tensor(run, np.full(GRID, s.a)), s.c, time).cpu().numpy()
        first = int(alive.argmax())
        low, high = gains[first - 1].item(), gains[first].item()
    return (low + high) / 2


def _rate(s, run):
    """Decay of the difference of two networks that start a little above and below the pattern."""
    patterns, network = _instance(s, run)
    pattern = patterns[:, 0]
    apart = [[relax(network, (s.a + sign * 1e-4) * pattern, time) for sign in (1, -1)] for time in (1.0, 3.0)]
    sizes = [(up - down).norm().item() for up, down in apart]
    return np.log(sizes[1] / sizes[0]) / 2.0, 1e-6


def _slowest(s, run):
    """Largest real part of the Jacobians' spectra at all of N/2 planted random patterns."""
    torch, count = import_torch(), s.neurons // 2
    rng, patterns = run.rng("random patterns"), np.zeros((s.neurons, count))
    while np.linalg.matrix_rank(patterns) < count:
        patterns = (rng.random((s.neurons, count)) < 0.5).astype(float)
    matrix = couplings(patterns, s.a, s.c)
    drifts = np.stack([jacobian(matrix, s.a * pattern, s.c) for pattern in patterns.T])
    slowest = torch.linalg.eigvals(_tensor(run, drifts)).real.max(1).values
    return slowest.mean().item(), max(SETTLED, slowest.std().item())


def _one_neuron(s, run):
    """Variance of one neuron extrapolated linearly from two steps; its mean at the smaller, biased by 0.2% of the shift."""
    network = RateNetwork(_tensor(run, [[_gain(s)]]), _tensor(run, [[s.noise]]), s.c)
    state = _tensor(run, [s.a])
    drift = _tensor(run, jacobian([[_gain(s)]], [s.a], s.c))

    def sample():
        for step in (0.2, 0.1):
            mean, covariance = deviations(run, f"one neuron/{step}", network, state, drift, s.copies, s.time, step)
            yield f"mean{step}", mean[:, 0]
            yield f"variance{step}", covariance[:, 0, 0]

    found = run.stage("one neuron", lambda: dict(sample()))
    run.keep("one neuron", np.array([found["mean0.1"].mean(), found["variance0.1"].mean()]))
    return {"one neuron: variance": Measurement.of(2 * found["variance0.1"] - found["variance0.2"]),
            "one neuron: shift of the mean": Measurement.of(found["mean0.1"])}


def _planted_network(s, run):
    """The covariance about a planted pattern over the square of the noise, extrapolated to vanishing noise."""
    patterns, matrix, amplitude = network_of(s)
    state = s.a * patterns[:, 0]
    covariance = run.stage("network", lambda: {"covariance": _small_noise(
        s, run, "network", RateNetwork(_tensor(run, matrix), _tensor(run, amplitude), s.c), state, NETWORK_NOISE)})["covariance"]
    theory = linear_noise(matrix, amplitude, state, s.c).covariance
    along = patterns[:, 0] / np.linalg.norm(patterns[:, 0])
    run.keep("covariance", covariance.mean(0))
    run.keep("linear noise", theory)
    return {"network: total variance": Measurement.of(np.trace(covariance, axis1=1, axis2=2)),
            "network: variance along the pattern": Measurement.of(np.einsum("i,gij,j->g", along, covariance, along)),
            "network: covariance, slope on the theory's": Measurement.of(_slope(covariance, theory))}


def _small_noise(s, run, key, network, state, strength):
    """Covariance over strength^2 from strengths s and s/2, free of its correction of order s^2: array (16, N, N)."""
    drift = _tensor(run, jacobian(network.matrix.cpu().numpy(), state, network.c))
    found = []
    for part in (1.0, 0.5):
        scaled = RateNetwork(network.matrix, strength * part * network.amplitude, network.c)
        _, covariance = deviations(run, f"{key}/{part}", scaled, _tensor(run, state), drift, max(2, s.copies // 8), s.time, 0.4)
        found.append(covariance / (strength * part) ** 2)
    return (4 * found[1] - found[0]) / 3


def _slope(covariance, theory):
    """Regression slope, through zero, of the entries of each group's covariance on the theory's."""
    return np.einsum("gij,ij->g", covariance, theory) / np.sum(theory**2)


def _digits(s, run):
    """Train on digits; the trained attractors' noise is judged, accuracies are told."""
    images = load(s.data, run.folder)
    found = run.stage("network trained", lambda: train_network(run, images, s.a, s.c, s.steps, TRAINING_TIME, TRAINING_STEP))
    torch = import_torch()
    network = RateNetwork(*(torch.as_tensor(found[name], device=run.device) for name in ("matrix", "amplitude")), s.c)
    states = s.a * class_patterns(network.size).T
    noises = [_trained_noise(found, state, s.c) for state in states]
    stable = [noise for noise in noises if noise is not None]
    statements = _accuracies(s, run, images, network, states, len(stable))
    if len(stable) < CLASSES:
        doubt = f"{CLASSES - len(stable)} of the trained attractors are unstable"
        return {**statements, "trained network: covariance, slope on the theory's": Measurement(np.nan, np.nan, doubt=doubt)}
    double = RateNetwork(_tensor(run, found["matrix"]), _tensor(run, found["amplitude"]), s.c)
    covariance = run.stage("trained", lambda: {"covariance": _small_noise(
        s, run, "trained", double, states[0], TRAINED_SHARE)})["covariance"]
    statements |= _drawn_digits(s, run, images, double, states, noises)
    slope = Measurement.of(_slope(covariance, noises[0].covariance))
    return {**statements, "trained network: covariance, slope on the theory's": slope}


def _trained_noise(found, state, c):
    """The linear noise about an attractor of the trained network; None if training has made it unstable."""
    matrix = found["matrix"].astype(float)
    if np.linalg.eigvals(jacobian(matrix, state, c)).real.max() >= 0:
        return None
    return linear_noise(matrix, np.diag(found["amplitude"].astype(float)), state, c)


def _accuracies(s, run, images, network, states, stable):
    """Share of test digits that flow to the attractor of their class, with and without noise."""
    torch = import_torch()
    targets = torch.as_tensor(states, dtype=torch.float32, device=run.device)
    start = s.a * torch.as_tensor(images.test, dtype=torch.float32, device=run.device)
    generator = run.generator("test noise")
    ends = [evolved(network, start, TRAINING_TIME, TRAINING_STEP, g) for g in (None, generator)]
    right = [float((nearest(x, targets).cpu().numpy() == images.test_labels).mean()) for x in ends]
    errors = [float(np.sqrt(p * (1 - p) / len(start))) for p in right]
    theory = ("random patterns, as many as there are neurons, can all be planted, and an undisturbed one is recalled with "
              "probability 1; "
              f"for real images no theory: {right[0]:.3f} of {len(start)} test digits reach the attractor of their class")
    return {"digits: accuracy": Statement(theory, 1.0, right[0], errors[0]),
            "digits: accuracy with the trained noise": Statement(
                f"{right[1]:.3f} with noise of mean amplitude {network.amplitude.mean().item():.3g}, which training has set; "
                f"{stable} of {CLASSES} planted attractors are stable", None, right[1], errors[1])}


def _drawn_digits(s, run, images, network, states, noises):
    """Digits decoded from simulated fluctuations about each attractor, and how many are taken for their class."""
    spreads = np.stack([np.linalg.cholesky(noise.covariance) for noise in noises])
    parts = run.stage("decoder", lambda: train_decoder(run, images, spreads, s.decoder_steps))
    drawn = run.stage("drawn", lambda: {"images": _draw_images(s, run, network, states, noises, parts)})["images"]
    run.keep("drawn", drawn[:, :8])
    torch = import_torch()
    labels = np.repeat(np.arange(CLASSES), drawn.shape[1])
    flat = torch.as_tensor(drawn.reshape(-1, drawn.shape[-1]))
    train = torch.as_tensor(images.train, dtype=flat.dtype)
    judged = images.train_labels[torch.cdist(flat, train).argmin(1).numpy()]
    right = float((judged == labels).mean())
    spread = float(drawn.var(1).sum() / sum(images.train[images.train_labels == k].var(0).sum() for k in range(CLASSES)))
    return {"digits drawn from the attractors": Statement(
        f"{right:.3f} of {len(labels)} drawn digits have a digit of their attractor's class as nearest training image "
        f"(no theory); their pixels vary {spread:.2f} times as much as those of the training images", None, right,
        float(np.sqrt(right * (1 - right) / len(labels))))}


def _draw_images(s, run, network, states, noises, parts):
    """Images (10, 16, pixels) decoded from the noisy network after some time at each attractor."""
    torch = import_torch()
    values = {name: torch.as_tensor(value, device=run.device) for name, value in parts.items()}
    found = []
    for k, (state, noise) in enumerate(zip(states, noises)):
        x, at = _tensor(run, np.repeat(state[None], 16, 0)), _tensor(run, state)
        inverse = _tensor(run, np.linalg.inv(np.eye(len(state)) - DRAWING_STEP * noise.jacobian / 2)).T
        generator = run.generator(f"drawn {k}")
        for _ in range(round(DRAWING_TIME / DRAWING_STEP)):
            drawn = torch.randn(x.shape, generator=generator, dtype=x.dtype, device=run.device)
            x = x + (DRAWING_STEP * network.force(x) + DRAWING_STEP**0.5 * network.noise(drawn)) @ inverse
        label = torch.zeros(len(x), CLASSES, device=run.device)
        label[torch.arange(len(x)), nearest(x, _tensor(run, states))] = 1.0
        found.append(decoded(values, ((x - at) / values["unit"]).float(), label))
    return torch.stack(found).cpu().numpy()


def draw(report, figure):
    """Covariances about an attractor against the linear noise, and digits drawn from the attractors."""
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.3))
    theory, measured = (report.curves[name] for name in ("linear noise", "covariance"))
    left.plot(theory.ravel(), measured.ravel(), ".", markersize=3, label="simulated")
    ends = [theory.min(), theory.max()]
    left.plot(ends, ends, color="black", linewidth=0.8, label="Lyapunov equation")
    left.set(xlabel="covariance, theory / noise$^2$", ylabel="simulated / noise$^2$")
    left.legend(frameon=False)
    right.set_axis_off()
    if "drawn" in report.curves:
        drawn = report.curves["drawn"]
        side = round(drawn.shape[-1] ** 0.5)
        tiles = drawn.reshape(CLASSES, -1, side, side).transpose(1, 2, 0, 3)
        framed = np.pad(tiles, ((0, 0), (0, 1), (0, 0), (0, 1)))
        right.imshow(framed.reshape(-1, CLASSES * (side + 1)), cmap="gray_r")
        right.set_title("digits drawn from the ten attractors")


EXPERIMENT = Experiment(
    name="stochastic-hopfield",
    title="A noisy rate network: planted attractors, their fluctuations, digits classified and drawn",
    reference="S. Gagliani et al., arXiv:2510.12286; L. Chicchi et al., arXiv:2409.13470",
    settings=(
        Setting("neurons", 40, "number N of neurons of the planted network", low=10, high=400, integer=True, reduced=20),
        Setting("patterns", 4, "number of its planted random patterns", low=1, high=200, integer=True),
        Setting("a", 2.618034, "level of the occupied neurons", above=0.0, high=20.0),
        Setting("c", 1.0, "half-saturation of the transfer function x^2/(c + x^2)", above=0.0, high=10.0),
        Setting("rest", 4.0, "standard deviation of the random rest of the couplings", low=0.0, high=10.0),
        Setting("noise", 0.3, "noise amplitude of one neuron", above=0.0, high=0.5),
        Setting("instance", 0, "number of the instance of the planted network", low=0, high=10**6, integer=True),
        Setting("copies", 4000, "independent copies of one neuron in each of 16 groups; the network has an eighth of them",
                low=16, high=10**6,
                integer=True, reduced=400),
        Setting("time", 60.0, "time for which they are sampled, in units of tau", low=4.0, high=10**4, reduced=16.0),
        Setting("waiting", 400.0, "time for which one waits for the slow passage of the saddle-node", low=50.0, high=10**4,
                reduced=100.0),
        Setting("data", "digits", "images", choices=DATASETS),
        Setting("steps", 500, "gradient steps of the network on digits", low=0, high=10**6, integer=True, reduced=24),
        Setting("decoder_steps", 2500, "gradient steps of the decoder", low=0, high=10**6, integer=True, reduced=60),
    ),
    predict=predict, measure=measure, draw=draw, wrong={"a": 2.7}, require=require,
)
