"""A noisy rate network that learns digits: couplings and noise trained through time, and digits drawn from its attractors."""

import numpy as np

from meanfield.learning.rate import couplings

from .rate_dynamics import RateNetwork
from .running import import_torch

__all__ = ["class_patterns", "decoded", "evolved", "nearest", "train_decoder", "train_network"]

CLASSES = 10
BATCH = 128
RATE, NOISE_RATE, DECODER_RATE = 0.05, 0.01, 3e-3
FIRST_NOISE = 0.2
# Pull to the attractor beside the cross-entropy of the classes, and reward of noise that the classes bear.
PULL, REWARD = 0.2, 0.02
SHARPNESS = 20.0
HIDDEN = 96
# Of the decoder's error in a pixel.
PIXEL_VARIANCE = 0.02


def class_patterns(size):
    """Ten disjoint patterns of equally many neurons: array (size, 10) of 0 and 1."""
    block = size // CLASSES
    return np.eye(size)[:, :block * CLASSES].reshape(size, CLASSES, block).sum(2)


def train_network(run, images, level, c, steps, time, step):
    """Train couplings and noise so that the attractor that an image flows to tells its class.

    The image is the initial state. A = A_planted + B (1 - Pi) keeps every class pattern an attractor whatever B is; B and
    the noise
    amplitudes are trained by backpropagation through time, on noisy trajectories. The loss has a reward of noise, so that it
    grows until it costs accuracy.

    Returns
    -------
    dict of arrays: matrix (N, N), amplitude (N,)
    """
    torch = import_torch()
    data, labels = _data(run, images)
    size = data.shape[1]
    targets = torch.as_tensor(level * class_patterns(size).T, dtype=torch.float32, device=run.device)
    planted, complement = _planting(run, size, level, c)
    parts = torch.nn.ParameterDict({
        "free": torch.randn(size, size, generator=run.generator("couplings"), device=run.device),
        "logarithm": torch.full((size,), np.log(FIRST_NOISE), device=run.device)})
    optimizer = torch.optim.Adam([{"params": [parts["free"]], "lr": RATE}, {"params": [parts["logarithm"]], "lr": NOISE_RATE}])

    def network():
        return RateNetwork(planted + parts["free"] @ complement, parts["logarithm"].exp(), c)

    def learn(at, i):
        chosen = torch.randint(len(data), (BATCH,), generator=at["generator"], device=run.device)
        x = evolved(network(), level * data[chosen], time, step, at["generator"])
        loss = _loss(x, targets, labels[chosen], level) - REWARD * parts["logarithm"].mean()
        _descend(optimizer, loss, (RATE, NOISE_RATE), i / steps)

    run.loop("network/training", {"parts": parts, "optimizer": optimizer, "generator": run.generator("training")}, learn, steps)
    return {"matrix": network().matrix.detach(), "amplitude": network().amplitude.detach()}


def evolved(network, x, time, step, generator=None):
    """States (..., N) after a time by Euler steps, with noise where there is a generator.

    For training alone: what is compared with theory is sampled by `rate_dynamics.deviations`.
    """
    torch = import_torch()
    for _ in range(round(time / step)):
        x = x + step * network.force(x)
        if generator is not None:
            x = x + step**0.5 * network.noise(torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype))
    return x


def nearest(x, targets):
    """The class of the attractor nearest to each state: tensor (...,) of integers."""
    return import_torch().cdist(x, targets).argmin(-1)


def train_decoder(run, images, spreads, steps):
    """Train a decoder from an attractor's fluctuations to images of its class: a conditional variational autoencoder.

    The prior of the code is the attractor's own Gaussian, so that samples of the noisy network are what the decoder knows.

    Parameters
    ----------
    images : digits.Images
    spreads : array (10, N, N), square roots L of the covariances L L^T about the ten attractors
    steps : of training

    Returns
    -------
    dict of arrays, the decoder's parameters; see `decoded`
    """
    torch = import_torch()
    data, labels = _data(run, images)
    parts = _decoder(run, data.shape[1])
    optimizer = torch.optim.Adam(parts.values(), lr=DECODER_RATE)
    roots = torch.as_tensor(spreads, dtype=torch.float32, device=run.device)
    unit = roots.diagonal(dim1=1, dim2=2).mean()

    def learn(at, i):
        chosen = torch.randint(len(data), (BATCH,), generator=at["generator"], device=run.device)
        image, label = data[chosen], torch.nn.functional.one_hot(labels[chosen], CLASSES).float()
        code = torch.relu(torch.cat([image, label], 1) @ parts["w1"] + parts["b1"]) @ parts["w2"] + parts["b2"]
        mean, spread = code.chunk(2, 1)
        z = mean + spread.exp() * torch.randn(mean.shape, generator=at["generator"], device=run.device)
        away = torch.einsum("bij,bj->bi", roots[labels[chosen]], z) / unit
        error = ((decoded(parts, away, label) - image) ** 2).sum(1).mean() / (2 * PIXEL_VARIANCE)
        surprise = (mean**2 + (2 * spread).exp() - 1 - 2 * spread).sum(1).mean() / 2
        _descend(optimizer, error + surprise, (DECODER_RATE,), i / steps)

    run.loop("decoder/training", {"parts": parts, "optimizer": optimizer, "generator": run.generator("decoder training")}, learn,
             steps)
    return {**{name: value.detach() for name, value in parts.items()}, "unit": unit}


def decoded(parts, away, label):
    """Images (..., pixels) of deviations from an attractor, over their mean spread, and of the attractor's class (one-hot)."""
    torch = import_torch()
    hidden = torch.relu(torch.cat([away, label], -1) @ parts["v1"] + parts["c1"])
    return torch.sigmoid(hidden @ parts["v2"] + parts["c2"])


def _decoder(run, size):
    torch = import_torch()
    shapes = {"w1": (size + CLASSES, HIDDEN), "b1": (HIDDEN,), "w2": (HIDDEN, 2 * size), "b2": (2 * size,),
              "v1": (size + CLASSES, HIDDEN), "c1": (HIDDEN,), "v2": (HIDDEN, size), "c2": (size,)}
    generator = run.generator("decoder")
    return torch.nn.ParameterDict({
        name: torch.randn(shape, generator=generator, device=run.device) * (shape[0]**-0.5 if len(shape) == 2 else 0.0)
        for name, shape in shapes.items()})


def _descend(optimizer, loss, rates, done):
    """One step, at rates that fall to zero as half a cosine over the run."""
    for group, rate in zip(optimizer.param_groups, rates):
        group["lr"] = rate * (1 + np.cos(np.pi * done)) / 2
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _loss(x, targets, label, level):
    """Cross-entropy of the distances to the attractors, and the distance to the right one."""
    torch = import_torch()
    distances = ((x[:, None] - targets) ** 2).mean(2) / level**2
    pull = PULL * level**2 * distances.gather(1, label[:, None]).mean()
    return torch.nn.functional.cross_entropy(-SHARPNESS * distances, label) + pull


def _data(run, images):
    torch = import_torch()
    labels = torch.as_tensor(images.train_labels, device=run.device)
    return torch.as_tensor(images.train, dtype=torch.float32, device=run.device), labels


def _planting(run, size, level, c):
    """Planted couplings, and the projector on what they leave free."""
    torch = import_torch()
    patterns = class_patterns(size)
    rest = np.eye(size) - patterns @ np.linalg.pinv(patterns)
    return [torch.as_tensor(m, dtype=torch.float32, device=run.device) for m in (couplings(patterns, level, c), rest)]
