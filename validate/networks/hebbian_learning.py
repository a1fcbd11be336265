"""Hebbian networks, pairwise and dense, taught by noisy examples with and without labels, against replica theory; then digits."""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np

from meanfield.learning.examples import retrieval, with_few_examples
from theory.errors import InputError
from theory.models import dense_hebbian_supervised, dense_hebbian_unsupervised, hebbian_supervised, hebbian_unsupervised

from .digits import DATASETS, load
from .experiment import Experiment, Setting
from .hebbian_sampling import dense_examples, dense_sweep, noisy_examples, pairwise_couplings, pairwise_sweep
from .report import Prediction, Statement
from .retrieval_state import add_overlap, half_means, retrieved
from .running import import_torch

__all__ = ["EXPERIMENT"]

BY_QUALITY = {"examples": ("r", "M")}
LIMIT = "replica symmetric, N -> infinity at fixed M"
# Of the average over the examples' law, see `meanfield.learning.examples`.
LAW_ERROR = 1e-4
# Factors of the scans about the settings.
SCANS = {"M": (0.75, 1.5, 3.0), "alpha": (0.5, 1.5, 2.0), "r": (0.9, 1.4)}
# Classes of images that the report tells of.
TOLD = 3
KINDS = {"supervised": True, "unsupervised": False}


@dataclass(frozen=True)
class Point:
    """A network to teach: its load alpha, quality r and number M of examples, whether they are labelled, what is varied."""

    kind: str
    alpha: float
    r: float
    M: int
    varied: str = ""

    @property
    def name(self):
        """As in the report."""
        return f"m({self.kind}{self.varied})"


def _points(s):
    """The settings' networks and, with a scan, others about them."""
    scans = [(name, f) for name, factors in SCANS.items() for f in factors] if s.scan else []
    return [point for kind in KINDS for point in (_point(s, kind), *(_point(s, kind, *scan) for scan in scans))]


def _point(s, kind, name=None, factor=1.0):
    """The settings' network, or one with a setting that is so many times as large."""
    found = Point(kind, s.alpha, s.r, s.M)
    if name is None:
        return found
    value = factor * getattr(s, name)
    return replace(found, varied=f", {factor:g} {name}", **{name: {"M": round(value), "r": min(value, 0.95)}.get(name, value)})


def predict(s):
    """The retrieval overlaps of the replica-symmetric theory; see `Experiment.predict`."""
    found = {point.name: Prediction(_overlap(point, s.T), LAW_ERROR, note=LIMIT) for point in _points(s)}
    for kind in KINDS:
        state = retrieval(_dense_model(kind, s.p), T=s.dense_T, r=s.dense_r, M=s.dense_M, a=s.a)
        found[_dense_name(kind, s.p)] = Prediction(state.order_parameters["m"], LAW_ERROR, note=LIMIT)
    return found


def _overlap(point, T):
    model = hebbian_supervised(**BY_QUALITY) if KINDS[point.kind] else hebbian_unsupervised()
    return retrieval(with_few_examples(model), T=T, r=point.r, M=point.M, alpha=point.alpha).order_parameters["m"]


def _dense_model(kind, p):
    return with_few_examples(dense_hebbian_supervised(p=p, **BY_QUALITY) if KINDS[kind] else dense_hebbian_unsupervised(p=p))


def _dense_name(kind, p):
    return f"m(dense {kind}, p={p})"


def measure(s, run):
    """Teach networks and let them relax from a pattern; see `Experiment.measure`."""
    return _pairwise(s, run) | _dense(s, run) | _images(s, run)


def _pairwise(s, run):
    points, sizes = _points(s), (s.largest // 4, s.largest // 2, s.largest)
    found = [run.stage(f"pairwise, N = {N}", lambda N=N: _relax_pairwise(s, run, points, N)) for N in sizes]
    if s.scan:
        run.keep("curve M", _curve(s, "M"))
        run.keep("curve alpha", _curve(s, "alpha"))
    return {point.name: retrieved(sizes, [f["m"][k] for f in found]) for k, point in enumerate(points)}


def _relax_pairwise(s, run, points, N):
    """Overlaps with the pattern that the networks start in, array (points, 2, copies), in each half of the counted sweeps."""
    torch = import_torch()
    generator = run.generator(f"networks {N}")
    patterns, couplings = [], []
    for point in points:
        for _ in range(s.copies):
            xi = _signs(round(point.alpha * N), N, generator, run.device)
            patterns.append(xi[0])
            couplings.append(pairwise_couplings(noisy_examples(xi, point.r, point.M, generator), point.r, KINDS[point.kind]))
    start, J = torch.stack(patterns), torch.stack(couplings, dim=1)
    state = {"spins": start.clone(), "fields": torch.einsum("ibj,bj->bi", J, start),
             "m": torch.zeros(2, len(start), device=run.device), "generator": run.generator(f"pairwise {N}")}

    def step(state, i):
        uniform = torch.rand(N, len(start), generator=state["generator"], device=run.device)
        pairwise_sweep(state["spins"], state["fields"], J, s.T, uniform)
        add_overlap(state["m"], (state["spins"] * start).mean(1), i, s.sweeps)

    total = run.loop(f"pairwise, N = {N}/sweeps", state, step, s.sweeps)["m"]
    return {"m": half_means(total, s.sweeps).reshape(2, len(points), s.copies).swapaxes(0, 1)}


def _signs(P, N, generator, device):
    torch = import_torch()
    return 2.0 * torch.randint(0, 2, (P, N), generator=generator, device=device) - 1


def _dense(s, run):
    sizes = tuple(round(s.dense_largest * f) for f in (0.6, 0.8, 1.0))
    found = {}
    for kind in KINDS:
        halves = [run.stage(f"dense {kind}, N = {N}", lambda N=N: _relax_dense(s, run, kind, N))["m"] for N in sizes]
        found[_dense_name(kind, s.p)] = retrieved(sizes, halves)
    return found


def _relax_dense(s, run, kind, N):
    """The same, array (2, copies), of one kind of p-body network."""
    torch = import_torch()
    generator = run.generator(f"dense {kind} {N}")
    P = max(round(s.a * np.prod([(N - k) / k for k in range(1, s.p)])), 1)
    start = torch.empty(s.copies, N, device=run.device)
    vectors = []
    for b in range(s.copies):
        xi = _signs(P, N, generator, run.device)
        start[b] = xi[0]
        rows, weight = dense_examples(noisy_examples(xi, s.dense_r, s.dense_M, generator), s.dense_r, s.p, KINDS[kind])
        vectors.append(rows.T)
    x = torch.stack(vectors, dim=1)
    signed = x * start.T[..., None]
    state = {"spins": start.clone(), "m": torch.zeros(2, s.copies, device=run.device),
             "generator": run.generator(f"dense sweeps {kind} {N}"), "sums": [(signed ** (k + 1)).sum(0) for k in range(s.p - 1)]}

    def step(state, i):
        uniform = torch.rand(N, s.copies, generator=state["generator"], device=run.device)
        dense_sweep(state["spins"], state["sums"], x, s.p, weight, s.dense_T, uniform)
        add_overlap(state["m"], (state["spins"] * start).mean(1), i, s.sweeps)

    return {"m": half_means(run.loop(f"dense {kind}, N = {N}/sweeps", state, step, s.sweeps)["m"], s.sweeps)}


def _curve(s, name, points=25):
    """The theory along one setting, array (3, points): values, supervised, unsupervised."""
    networks = [[_point(s, kind, name, f) for f in np.geomspace(1 / 3, 4, points)] for kind in KINDS]
    return np.array([[getattr(p, name) for p in networks[0]], *([_overlap(p, s.T) for p in row] for row in networks)])


def _images(s, run):
    """Networks taught images of some classes, beside random patterns of the same size, number and quality."""
    images = load(s.data, run.folder)
    classes = range(2, s.classes + 1)
    found = run.stage(f"images, {s.data}", lambda: _relax_images(s, run, images, classes))
    run.keep("images", [list(classes), found["images"], found["random"], found["theory"]])
    K, row = TOLD, TOLD - classes[0]
    return {f"{s.data}, {K} classes": Statement(
        f"networks taught {s.dense_M} images of {K} classes keep an overlap {found['images'][row]:.3g} with their class, "
        f"random patterns of the same size, number and quality {found['random'][row]:.3g}, the theory of random patterns "
        f"{found['theory'][row]:.3g}; overlaps between classes are {found['correlation'][row]:.2g}, between random ones about "
        f"{images.train.shape[1] ** -0.5:.2g}",
        theory=float(found["theory"][row]), measured=float(found["images"][row]), error=float(found["error"][row]))}


def _relax_images(s, run, images, classes):
    """Overlaps with the class of networks of `classes` many classes, each an array (len(classes),), and what theory says."""
    torch = import_torch()
    binary = torch.as_tensor(np.where(images.train > 0.5, 1.0, -1.0), dtype=torch.float32, device=run.device)
    prototypes = torch.stack([_majority(binary[torch.as_tensor(images.train_labels == k)]) for k in range(10)])
    generator, networks, rows = run.generator("images"), [], []
    for K in classes:
        draws = [run.rng(f"images {K} {copy}") for copy in range(s.copies)]
        drawn = [_draw_images(binary, images.train_labels, draw, K, s.dense_M) for draw in draws]
        r = float(np.mean([(e * prototypes[k][:, None]).mean().item() for k, e in drawn]))
        random = [_signs(K, binary.shape[1], generator, run.device) for _ in drawn]
        networks += [(prototypes[k], pairwise_couplings(e, r, supervised=True)) for k, e in drawn]
        networks += [(xi, pairwise_couplings(noisy_examples(xi, r, s.dense_M, generator), r, supervised=True)) for xi in random]
        theory = _overlap(Point("supervised", K / binary.shape[1], r, s.dense_M), s.T)
        rows.append((theory, np.mean([_correlation(prototypes[k]) for k, _ in drawn])))
    kept = _keep(s, run, networks).reshape(len(classes), 2, s.copies)
    (taught, control), (theory, correlation) = kept.swapaxes(0, 1), np.array(rows).T
    return {"images": taught.mean(1), "error": taught.std(axis=1, ddof=1) / np.sqrt(s.copies), "random": control.mean(1),
            "theory": theory, "correlation": correlation}


def _correlation(patterns):
    """Mean absolute overlap of different patterns, tensor (K, N)."""
    overlaps = (patterns @ patterns.T / patterns.shape[1]).abs()
    return ((overlaps.sum() - overlaps.trace()) / (len(patterns) * (len(patterns) - 1))).item()


def _keep(s, run, networks):
    """The overlap that networks keep with their patterns, started in each of them, array (networks,).

    Parameters
    ----------
    networks : list of patterns (K, N) with the couplings (N, N) taught
    """
    torch = import_torch()
    start = torch.cat([patterns for patterns, _ in networks])
    owner = torch.cat([torch.full((len(patterns),), k) for k, (patterns, _) in enumerate(networks)])
    J = torch.stack([couplings for _, couplings in networks], dim=1)[:, owner].contiguous()
    state = {"spins": start.clone(), "fields": torch.einsum("ibj,bj->bi", J, start),
             "m": torch.zeros(len(start), device=run.device), "generator": run.generator("image sweeps")}

    def step(state, i):
        uniform = torch.rand(start.shape[1], len(start), generator=state["generator"], device=run.device)
        pairwise_sweep(state["spins"], state["fields"], J, s.T, uniform)
        state["m"] += (state["spins"] * start).mean(1) if i >= s.sweeps // 3 else 0.0

    overlaps = run.loop(f"images, {s.data}/sweeps", state, step, s.sweeps)["m"] / (s.sweeps - s.sweeps // 3)
    return np.array([overlaps[owner == k].mean().item() for k in range(len(networks))])


def _majority(rows):
    torch = import_torch()
    return torch.where(rows.mean(0) > 0, 1.0, -1.0)


def _draw_images(binary, labels, rng, K, M):
    """K classes, array, and M images of each, tensor (K, M, pixels)."""
    torch = import_torch()
    chosen = rng.choice(10, K, replace=False)
    return chosen, torch.stack([binary[rng.choice(np.flatnonzero(labels == k), M, replace=False)] for k in chosen])


def require(s):
    """Whole numbers of patterns at all sizes; see `Experiment.require`."""
    smallest = s.largest // 4
    for alpha in [s.alpha, *(f * s.alpha for f in SCANS["alpha"] if s.scan)]:
        patterns = alpha * smallest
        if s.largest % 4 or abs(patterns - round(patterns)) > 1e-6 or patterns < 0.5:
            raise InputError(f"train hebbian-learning: largest = {s.largest} must be a multiple of 4, and a quarter of it times "
                             f"alpha = {alpha:g} a whole number of patterns: got {patterns:g}")


def draw(report, figure):
    """Retrieval against the number of examples, against the load, and of images against the number of classes."""
    axes = figure.subplots(1, 3)
    for ax, name in zip(axes, ("M", "alpha")):
        _draw_scan(ax, report, name)
    classes, images, random, theory = report.curves["images"]
    axes[2].plot(classes, theory, "k-", lw=1, label="theory, random patterns")
    axes[2].plot(classes, random, "o", ms=4, label="random patterns")
    axes[2].plot(classes, images, "s", ms=4, label=report.settings["data"])
    axes[2].set(xlabel="classes", ylabel="overlap with the class", ylim=(0, 1.05))
    axes[2].legend(frameon=False, fontsize=7)


def _draw_scan(ax, report, name):
    """Checks whose other settings are those of the experiment, with the theory's curve where it was kept."""
    s = SimpleNamespace(**report.settings)
    checks = {check.observable: check for check in report.checks}
    for colour, kind in zip(("C0", "C1"), KINDS):
        if f"curve {name}" in report.curves:
            values, *curves = report.curves[f"curve {name}"]
            ax.plot(values, curves[list(KINDS).index(kind)], color=colour, lw=1, label=f"theory, {kind}")
        points = [_point(s, kind), *(_point(s, kind, name, f) for f in SCANS[name])]
        found = [(getattr(p, name), checks[p.name].measured, checks[p.name].error) for p in points if p.name in checks]
        ax.errorbar(*np.array(found).T, fmt="o", ms=4, capsize=2, color=colour, label=f"networks, {kind}")
    ax.set(xlabel={"M": "examples of each pattern M", "alpha": "load alpha"}[name], ylabel="retrieval overlap m", ylim=(0, 1.05))
    ax.legend(frameon=False, fontsize=7)


EXPERIMENT = Experiment(
    name="hebbian-learning",
    title="Hebbian networks, pairwise and dense, that learn patterns from noisy examples",
    reference="arXiv:2109.00454, arXiv:2203.01304 (pairwise); arXiv:2211.14067, arXiv:2212.00606 (dense)",
    settings=(
        Setting("alpha", 0.02, "patterns a spin", above=0, high=0.2, reduced=0.05),
        Setting("r", 0.5, "quality of the examples: their overlap with the pattern", above=0, below=1, reduced=0.6),
        Setting("M", 20, "examples of each pattern", low=1, integer=True),
        Setting("T", 0.2, "temperature, k_B = 1", above=0.02, below=1),
        Setting("largest", 400, "spins of the largest pairwise network; a half and a quarter of them are used as well", low=16,
                integer=True, reduced=160),
        Setting("scan", 1, "whether alpha, r and M are varied as well (1) or not (0)", low=0, high=1, integer=True, reduced=0),
        Setting("copies", 16, "networks of each kind and size", low=2, integer=True),
        Setting("sweeps", 60, "heat-bath sweeps, of which the last two thirds count", low=6, integer=True, reduced=30),
        Setting("p", 4, "spins of one interaction of the dense networks", low=3, high=6, integer=True),
        Setting("a", 0.03, "load of the dense networks, alpha (p-1)!", above=0, high=1),
        Setting("dense_r", 0.7, "quality of the examples of the dense networks", above=0, below=1, reduced=0.8),
        Setting("dense_M", 20, "examples of each pattern of the dense networks, and of each class of images", low=1, high=100,
                integer=True, reduced=10),
        Setting("dense_T", 0.2, "temperature of the dense networks", above=0.02, below=1, reduced=0.15),
        Setting("dense_largest", 60, "spins of the largest dense network; 0.6 and 0.8 times as many are used as well", low=12,
                high=200, integer=True, reduced=36),
        Setting("classes", 10, "classes of images; networks are taught two of them up to all", low=TOLD, high=10, integer=True,
                reduced=TOLD),
        Setting("data", "digits", "images", choices=DATASETS),
    ),
    predict=predict,
    measure=measure,
    draw=draw,
    wrong={"r": 0.45, "M": 10},
    require=require,
)
