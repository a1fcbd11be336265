"""Modern Hopfield networks: exponential capacity against random energies, attention to clusters, dense memories."""

import numpy as np

from meanfield import solve
from meanfield.learning.attention import clusters, nearest_pattern, retrieval_threshold, update_bound
from theory.errors import InputError

from .attention import attend, attended, first_rival, power_sweep, settle
from .experiment import Experiment, Setting
from .report import Measurement, Prediction, Statement
from .retrieval_state import add_overlap, half_means, retrieved
from .running import import_torch

__all__ = ["EXPERIMENT"]

KINDS = ("binary", "sphere")
# Factors of the strength; at stronger interactions few patterns dominate and sizes that can be reached are far from the limit.
STRENGTHS = (0.4, 0.7)
# Shares of the logarithm of the largest number of patterns, for three sizes.
SHARES = (0.6, 0.8, 1.0)
# Patterns are drawn so many at a time.
CHUNK = 4096
# Updates until a state rests, and the smallest rise of an energy that is no rounding.
UPDATES, RISE = 100, 1e-9
# The data set of the three kinds of fixed points: patterns, dimensions, spread of an entry about centres of length 1.
FEW, FEW_DIMENSIONS, FEW_SPREAD = 64, 16, 0.05
ATTENDED_BETAS = np.geomspace(0.3, 3000.0, 49)


def predict(s):
    """Random-energy thresholds, extremes, the clusters' fixed point, and replica theory; see `Experiment.predict`."""
    limit = "random energies, N -> infinity"
    found = {_threshold_name(kind, f): Prediction(retrieval_threshold(kind, f * s.strength), note=limit)
             for kind in KINDS for f in STRENGTHS}
    for N in _extreme_sizes(s):
        found[_extreme_name(N)] = Prediction(*nearest_pattern(s.overlap, N), note="statistics of extremes at this N")
    cluster = clusters(s.beta, s.centre, s.sigma)
    found["m(cluster)"] = Prediction(cluster.m, note="infinitely many patterns")
    found["beta(global average)"] = Prediction(cluster.global_limit, note="infinitely many patterns")
    state = solve("dense-hopfield-full-power", p=s.p, alpha=s.alpha, T=s.T, start={"m": 1.0, "C": 0.1})
    return found | {f"m(dense, p={s.p})": Prediction(state.order_parameters["m"], note="replica symmetric, N -> infinity")}


def _threshold_name(kind, factor):
    return f"alpha({kind}, {factor:g} lambda)"


def _extreme_name(N):
    return f"alpha(nearest, N={N})"


def measure(s, run):
    """Store patterns until retrieval fails, let states settle; see `Experiment.measure`."""
    return _thresholds(s, run) | _extremes(s, run) | _clusters(s, run) | _dense(s, run) | _fixed_points(s, run) | _bound(s, run)


def _thresholds(s, run):
    """The number of patterns at which a pattern's own weight in the softmax falls below a half."""
    found = {}
    for kind in KINDS:
        for f in STRENGTHS:
            sizes = _threshold_sizes(s, kind, f * s.strength)
            name = _threshold_name(kind, f)
            samples = [_failing(s, run, name, kind, N, f * s.strength, 1.0, s.networks) for N in sizes]
            found[name] = Measurement.extrapolated(sizes, samples)
    return found


def _threshold_sizes(s, kind, strength):
    largest = np.log(s.patterns) / retrieval_threshold(kind, strength)
    return tuple(int(round(share * largest)) for share in SHARES)


def _extremes(s, run):
    """The same for the nearest of binary patterns, from a state with errors."""
    return {_extreme_name(N): Measurement.of(_failing(s, run, "nearest", "binary", N, np.inf, s.overlap, 8 * s.networks))
            for N in _extreme_sizes(s)}


def _extreme_sizes(s):
    """Sizes at which the number of errors is whole and about as many patterns as at the other thresholds are needed."""
    largest = np.log(s.patterns) / retrieval_threshold("binary", 50.0, s.overlap)
    sizes = [N for N in range(8, int(0.75 * largest) + 1) if abs((1 - s.overlap) * N / 2 - round((1 - s.overlap) * N / 2)) < 1e-9]
    return tuple(dict.fromkeys(sizes[k] for k in (len(sizes) // 2, -1))) if sizes else ()


def _failing(s, run, name, kind, N, strength, overlap, B):
    """log(P)/N with P the number of patterns at which retrieval from this overlap fails first, array (B,)."""
    return run.stage(f"{name}, N = {N}", lambda: _first_failures(s, run, name, kind, N, strength, overlap, B))["alpha"]


def _first_failures(s, run, name, kind, N, strength, overlap, B):
    torch = import_torch()
    generator = run.generator(f"{name} {N}")
    probe = _random(kind, (B, N), generator, run.device)
    state = {"total": torch.full((B,), -np.inf, dtype=torch.float64, device=run.device), "seen": 0, "generator": generator,
             "found": torch.zeros(B, dtype=torch.int64, device=run.device)}
    limit = int(np.ceil(200 * s.patterns / CHUNK))

    def step(state, i):
        if not (state["found"] == 0).any():
            return
        overlaps = _random(kind, (CHUNK, N), state["generator"], run.device) @ probe.T
        where, state["total"] = first_rival(state["total"], overlaps.T.double(), overlap * N, strength)
        new = (state["found"] == 0) & (where > 0)
        state["found"][new] = state["seen"] + where[new] + 1
        state["seen"] += CHUNK

    found = run.loop(f"{name}, N = {N}/patterns", state, step, limit)["found"].double()
    return {"alpha": torch.where(found > 0, found.log() / N, np.nan)}


def _random(kind, shape, generator, device):
    """Random patterns of squared length N, tensor."""
    torch = import_torch()
    if kind == "binary":
        return 2.0 * torch.randint(0, 2, shape, generator=generator, device=device) - 1
    drawn = torch.randn(shape, generator=generator, device=device)
    return drawn * (shape[-1] ** 0.5 / drawn.norm(dim=-1, keepdim=True))


def _two_clusters(centre, sigma, shape, generator):
    """Patterns (..., P, d), in double precision, about two opposite centres along the first axis."""
    torch = import_torch()
    patterns = sigma * torch.randn(shape, generator=generator, dtype=torch.float64, device=generator.device)
    patterns[..., ::2, 0] += centre
    patterns[..., 1::2, 0] -= centre
    return patterns


def _clusters(s, run):
    """The fixed point over one cluster, and the beta at which the average of all patterns becomes unstable."""
    sizes = (s.stored // 4, s.stored // 2, s.stored)
    found = [run.stage(f"clusters, P = {P}", lambda P=P: _settled(s, run, P)) for P in sizes]
    names = {"m(cluster)": "m", "beta(global average)": "limit"}
    return {name: Measurement.extrapolated(sizes, [f[key] for f in found]) for name, key in names.items()}


def _settled(s, run, P):
    torch = import_torch()
    patterns = _two_clusters(s.centre, s.sigma, (s.networks, P, s.dimensions), run.generator(f"clusters {P}"))
    start = torch.zeros(s.networks, 1, s.dimensions, dtype=torch.float64, device=run.device)
    start[..., 0] = s.centre
    state, _ = settle(start, patterns, s.beta, UPDATES)
    mean, jacobian = patterns.mean(1), torch.func.jacrev(lambda x, X: attend(x[None], X, 1.0)[0])
    # At small beta the fixed point is the mean, where the map's slope is beta times the patterns' covariance.
    slopes = [float(torch.linalg.eigvalsh(jacobian(torch.zeros_like(x), X - x))[-1]) for x, X in zip(mean, patterns)]
    return {"m": state[:, 0, 0] / s.centre, "limit": 1 / np.array(slopes)}


def _dense(s, run):
    sizes = (s.largest // 4, s.largest // 2, s.largest)
    samples = [run.stage(f"dense, N = {N}", lambda N=N: _relax(s, run, N))["m"] for N in sizes]
    return {f"m(dense, p={s.p})": retrieved(sizes, samples)}


def _relax(s, run, N):
    """Overlaps (2, networks) with a stored pattern of networks whose energy is a power of the overlaps, by half of the sweeps."""
    torch = import_torch()
    P, generator = max(round(s.alpha * N ** (s.p - 1)), 1), run.generator(f"dense {N}")
    patterns = _random("binary", (N, s.networks, P), generator, run.device)
    start = patterns[..., 0].T.contiguous()
    state = {"spins": start.clone(), "products": torch.einsum("nbp,bn->bp", patterns, start),
             "m": torch.zeros(2, s.networks, device=run.device), "generator": generator}

    def step(state, i):
        uniform = torch.rand(N, s.networks, generator=state["generator"], device=run.device)
        power_sweep(state["spins"], state["products"], patterns, s.p, s.T, uniform)
        add_overlap(state["m"], (state["spins"] * start).mean(1), i, s.sweeps)

    return {"m": half_means(run.loop(f"dense, N = {N}/sweeps", state, step, s.sweeps)["m"], s.sweeps)}


def _fixed_points(s, run):
    """Where states end that start in the patterns of one data set: alone, among their cluster, or in the average of all."""
    found = run.stage("fixed points", lambda: _attention_spans(run))
    run.keep("attended", [found["beta"], *np.quantile(found["spans"], (0.1, 0.5, 0.9), axis=1)])
    middle = np.median(found["spans"], axis=1)
    cluster = np.abs(middle - FEW / 2) < FEW / 16
    kinds = {"one pattern": middle < 1.5, "their cluster": cluster, "all patterns": middle > 0.95 * FEW}
    words = ", ".join(f"{kind} at {np.sum(where)}" for kind, where in kinds.items())
    rise = float(found["rise"])
    doubt = "" if rise < RISE else ": it is not monotone"
    energy = f"the largest rise of the energy in any update is {rise:.1g}{doubt}"
    return {"fixed points": Statement(f"from {FEW} patterns in two clusters, at {len(middle)} beta, states attend to {words}"),
            "energy": Statement(energy, theory=0.0, measured=max(rise, 0.0))}


def _attention_spans(run):
    """The number of patterns attended to from each pattern, array (betas, patterns), and the largest rise of the energy."""
    torch = import_torch()
    patterns = _two_clusters(1.0, FEW_SPREAD, (FEW, FEW_DIMENSIONS), run.generator("fixed points"))
    patterns = patterns.expand(len(ATTENDED_BETAS), -1, -1)
    beta = torch.as_tensor(ATTENDED_BETAS, device=run.device)[:, None, None]
    states, rise = settle(patterns, patterns, beta, UPDATES)
    return {"beta": ATTENDED_BETAS, "spans": attended(states, patterns, beta), "rise": rise}


def _bound(s, run):
    """One update from near a pattern against the bound on its distance from it."""
    found = run.stage("bound", lambda: _near_patterns(run))
    share = found["distance"] / found["bound"]
    useful = found["bound"] < found["length"]
    return {"error bound": Statement(
        f"of {share.size} updates from near one, {np.sum(share > 1)} end farther from it than the bound allows; where it is "
        f"shorter than the patterns ({np.sum(useful)} of them) the distance is at most {share[useful].max():.2g} of it",
        theory=1.0, measured=float(share.max()))}


def _near_patterns(run, P=50, d=64):
    """Distances after one update, the bounds on them and the longest pattern, arrays (betas * P,)."""
    torch = import_torch()
    patterns = torch.randn(P, d, generator=run.generator("bound"), dtype=torch.float64, device=run.device)
    noise = torch.randn(P, d, generator=run.generator("noise"), dtype=torch.float64, device=run.device)
    states = patterns + 0.5 * noise / noise.norm(dim=1, keepdim=True)
    products = patterns @ patterns.T
    separation = (products.diagonal()[:, None] - products + torch.diag(torch.full((P,), np.inf, device=run.device))).amin(1)
    length = float(patterns.norm(dim=1).max())
    distances, bounds = [], []
    for beta in (0.1, 0.3, 1.0):
        distances.append((attend(states, patterns, beta) - patterns).norm(dim=1).cpu().numpy())
        bounds.append(update_bound(beta, separation.cpu().numpy(), 0.5, length, P))
    return {"distance": np.concatenate(distances), "bound": np.concatenate(bounds), "length": length}


def require(s):
    """Settings with a fixed point over a cluster and whole numbers of errors; see `Experiment.require`."""
    if s.beta * s.sigma**2 >= 1:
        raise InputError(f"train modern-hopfield: beta sigma^2 = {s.beta * s.sigma**2:.3g}: expected less than 1, for clusters")
    if len(_extreme_sizes(s)) < 2:
        raise InputError(f"train modern-hopfield: overlap = {s.overlap:g}, patterns = {s.patterns}: expected (1 - overlap) N / 2 "
                         "whole at two sizes N; use an overlap such as 0.5, or more patterns")


def draw(report, figure):
    """Thresholds against the interaction's strength, against 1/N, and how many patterns are attended to."""
    left, middle, right = figure.subplots(1, 3)
    _draw_thresholds(left, middle, report)
    beta, low, median, high = report.curves["attended"]
    right.fill_between(beta, low, high, color="C2", alpha=0.3, lw=0)
    right.loglog(beta, median, "C2o-", ms=3, lw=1)
    limit = clusters(0.1, 1.0, FEW_SPREAD).global_limit
    right.axvline(limit, color="0.6", lw=1, ls="--", label="theory: average of all unstable")
    right.set(xlabel=r"$\beta$", ylabel="patterns attended to")
    right.legend(frameon=False, fontsize=7, loc="lower left")


def _draw_thresholds(left, middle, report):
    base = report.settings["strength"]
    checks = {check.observable: check for check in report.checks}
    strengths = np.linspace(0.1, 1.5, 60) * base
    for colour, kind in zip(("C0", "C1"), KINDS):
        theory = [retrieval_threshold(kind, x) for x in strengths]
        left.plot(strengths, theory, color=colour, lw=1, label=f"random energies, {kind}")
        for f, marker in zip(STRENGTHS, "os"):
            check = checks[_threshold_name(kind, f)]
            means, errors = ([getattr(e, name) for e in check.estimates] for name in ("value", "error"))
            left.errorbar([f * base], [check.measured], [check.error], fmt=marker, ms=4, color=colour)
            label = f"{kind}, $\\lambda$ = {f * base:g}"
            middle.errorbar(1 / np.array(check.sizes), means, errors, fmt=marker, ms=4, color=colour, label=label)
            middle.plot([0], [check.theory], "_", ms=14, mew=2, color="k")
    left.set(xlabel=r"$\lambda$ of the weights $\exp(\lambda\,\xi\cdot x)$", ylabel="log(patterns)/N where retrieval fails")
    middle.set(xlabel="1/N", ylabel="log(patterns)/N where retrieval fails")
    left.legend(frameon=False, fontsize=7)
    middle.legend(frameon=False, fontsize=7)


EXPERIMENT = Experiment(
    name="modern-hopfield",
    title="Modern Hopfield networks: attention, exponential capacity, clusters and dense memories",
    reference="H. Ramsauer et al., arXiv:2008.02217; M. Demircigil et al., J. Stat. Phys. 168, 288 (2017); "
              "C. Lucibello, M. Mezard, arXiv:2304.14964; D. Krotov, J. J. Hopfield, NeurIPS 2016",
    settings=(
        Setting("strength", 1.0, "lambda of the weights exp(lambda xi.x) of patterns of squared length N", above=0, high=3),
        Setting("patterns", 500_000, "about the largest number of patterns", low=200, high=1e8, integer=True, reduced=3000),
        Setting("networks", 48, "independent networks of each kind and size", low=2, integer=True, reduced=32),
        Setting("overlap", 0.5, "overlap of the state from which the nearest pattern is sought", above=0, below=1),
        Setting("beta", 1.2, "inverse temperature of the attention to clusters", above=0, high=100),
        Setting("centre", 1.0, "distance of the two clusters' centres from the origin", above=0, high=10),
        Setting("sigma", 0.5, "spread of each entry of a pattern about its centre", above=0, high=10),
        Setting("dimensions", 6, "dimensions of clustered patterns", low=1, high=64, integer=True),
        Setting("stored", 4000, "patterns in the largest clusters", low=40, integer=True, reduced=1000),
        Setting("p", 3, "power of the overlap in the dense memories' energy", low=3, high=6, integer=True),
        Setting("alpha", 0.03, "patterns of the dense memories over N^(p-1)", above=0, high=1),
        Setting("T", 0.3, "temperature of the dense memories, k_B = 1", above=0.02, high=1),
        Setting("largest", 128, "spins of the largest dense memory; a half and a quarter of them are used as well", low=16,
                high=400, integer=True, reduced=64),
        Setting("sweeps", 60, "heat-bath sweeps, of which the last two thirds count", low=6, integer=True, reduced=30),
    ),
    predict=predict,
    measure=measure,
    draw=draw,
    wrong={"strength": 0.8, "beta": 1.0},
    require=require,
)
