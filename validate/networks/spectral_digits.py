"""Two layers trained on digits in direct and in spectral space, and pruned by their eigenvalues."""

import numpy as np

from meanfield.learning.spectral import weights

from .running import import_torch

__all__ = ["KINDS", "accuracy", "count", "pruned", "train_classifier"]

CLASSES, BATCH = 10, 128
# All weights; eigenvalues and eigenvectors; eigenvalues alone; as many single weights; all, with a penalty on the eigenvalues of
# the hidden nodes, as in the spectraltools package of the authors, so that nodes of small ones can be pruned.
KINDS = ("direct", "spectral", "eigenvalues", "as many weights", "penalised")
RATES = {"direct": 0.005, "spectral": 0.005, "eigenvalues": 0.03, "as many weights": 0.03, "penalised": 0.01}
PENALTY = 1e-3


def count(kind, pixels, hidden):
    """Number of parameters that are trained; the idle shift of each spectral layer is among them."""
    links = hidden * (pixels + CLASSES)
    nodes = pixels + 2 * hidden + CLASSES
    return {"direct": links, "spectral": links + nodes, "eigenvalues": nodes, "as many weights": nodes,
            "penalised": links + hidden}[kind]


def train_classifier(run, key, kind, images, hidden, steps):
    """Train one kind of network.

    Parameters
    ----------
    run : TrainingRun
    key : name of the loop
    kind : one of KINDS
    images : digits.Images
    hidden : number of hidden nodes
    steps : of Adam, on batches of 128

    Returns
    -------
    dict of tensors: w1 (hidden, pixels), w2 (10, hidden), and eigenvalues (hidden,) of the hidden nodes in the first layer
    """
    torch = import_torch()
    data = torch.as_tensor(images.train, dtype=torch.float32, device=run.device)
    labels = torch.as_tensor(images.train_labels, device=run.device)
    parts, frozen = _parameters(run, kind, data.shape[1], hidden)
    optimizer = torch.optim.Adam(parts.values(), lr=RATES[kind])

    def learn(at, i):
        chosen = torch.randint(len(data), (BATCH,), generator=at["generator"], device=run.device)
        first, second = _layers(kind, parts, frozen)
        loss = torch.nn.functional.cross_entropy(_output(data[chosen], first, second), labels[chosen])
        if kind == "penalised":
            loss = loss + PENALTY * (parts["out1"] ** 2).sum()
        for group in optimizer.param_groups:
            group["lr"] = RATES[kind] * (1 + np.cos(np.pi * i / steps)) / 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    run.loop(key, {"parts": parts, "optimizer": optimizer, "generator": run.generator("batches")}, learn, steps)
    first, second = (w.detach() for w in _layers(kind, parts, frozen))
    return {"w1": first, "w2": second, "eigenvalues": parts["out1"].detach() if "out1" in parts else first.norm(dim=1)}


def accuracy(found, images):
    """Share of test images that are told right."""
    torch = import_torch()
    first, second = (torch.as_tensor(found[name]) for name in ("w1", "w2"))
    output = _output(torch.as_tensor(images.test, dtype=first.dtype, device=first.device), first, second)
    return float((output.argmax(1).cpu().numpy() == images.test_labels).mean())


def pruned(found, order, removed):
    """The network without its first so many hidden nodes in an order."""
    kept = np.sort(np.asarray(order)[removed:])
    return {"w1": np.asarray(found["w1"])[kept], "w2": np.asarray(found["w2"])[:, kept]}


def _output(x, first, second):
    return import_torch().relu(x @ first.T) @ second.T


def _parameters(run, kind, pixels, hidden):
    """Trained parameters, and the frozen arrays, all kinds from the same random weights."""
    torch = import_torch()
    generator = run.generator("weights")
    blocks = {name: torch.randn(shape, generator=generator, device=run.device) / shape[1] ** 0.5
              for name, shape in (("w1", (hidden, pixels)), ("w2", (CLASSES, hidden)))}
    nodes = {"in1": torch.ones(pixels, device=run.device), "out1": torch.zeros(hidden, device=run.device),
             "in2": torch.ones(hidden, device=run.device), "out2": torch.zeros(CLASSES, device=run.device)}
    if kind == "penalised":
        # Inputs have the eigenvalue 0, hidden nodes one near 1, so that to prune a node is to set its eigenvalue to zero.
        out = 1 + 0.1 * torch.randn(hidden, generator=generator, device=run.device)
        return torch.nn.ParameterDict({**blocks, "out1": out}), {"in1": torch.zeros(pixels, device=run.device)}
    if kind == "as many weights":
        masks = _masks(run, blocks, count(kind, pixels, hidden))
        changes = torch.nn.ParameterDict({name: torch.zeros_like(w) for name, w in blocks.items()})
        return changes, {"start": blocks, "masks": masks}
    trained = {"direct": blocks, "spectral": {**blocks, **nodes}, "eigenvalues": nodes}[kind]
    return torch.nn.ParameterDict(trained), blocks if kind == "eigenvalues" else {}


def _masks(run, blocks, trained):
    """Ones at as many weights, chosen at random."""
    torch = import_torch()
    sizes = [w.numel() for w in blocks.values()]
    flat = torch.zeros(sum(sizes), device=run.device)
    flat[torch.randperm(sum(sizes), generator=run.generator("mask"), device=run.device)[:trained]] = 1.0
    return {name: part.view(w.shape) for (name, w), part in zip(blocks.items(), flat.split(sizes))}


def _layers(kind, parts, frozen):
    """The weights of the two layers."""
    if kind == "direct":
        return parts["w1"], parts["w2"]
    if kind == "as many weights":
        return tuple(frozen["start"][name] + frozen["masks"][name] * parts[name] for name in ("w1", "w2"))
    if kind == "penalised":
        return weights(frozen["in1"], parts["out1"], parts["w1"]), parts["w2"]
    blocks = frozen or parts
    return weights(parts["in1"], parts["out1"], blocks["w1"]), weights(parts["in2"], parts["out2"], blocks["w2"])
