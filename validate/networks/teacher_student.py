"""Perceptrons that learn from a teacher, and perceptrons that store random labels, against replica theory and exact counts."""

from collections import namedtuple

import numpy as np
from scipy.optimize import brentq

from meanfield import solve
from meanfield.learning.stability import maximal_stability
from theory.errors import InputError
from theory.learning.generalisation import disagreement, disagreement_slope, overlap_of_mean
from theory.learning.separability import separable_probability

from .experiment import Experiment, Setting
from .report import Measurement, Prediction, Statement
from .running import import_torch
from .version_space import ascend_margin, gibbs_sweep, largest_margin, separable, storable, taught, version_space

__all__ = ["EXPERIMENT"]

LIMIT = "replica symmetric, N -> infinity"
# The margin that gradient descent reaches may fall short of the largest by this fraction.
MARGIN_GAP = 0.01
BINARY_SIZES = 5
# Sweeps of the sampler from one that draws anew to the next; the others mirror.
RENEWED = 4
# Loads of the learning curves.
CURVE, BINARY_CURVE = (0.5, 1.0, 3.0, 5.0), (0.25, 0.75, 1.0, 1.25, 1.5)
# Random labels a weight that gradient descent separates, three quarters of the capacity.
STORED = 1.5
Task = namedtuple("Task", "name alpha random")


def predict(s):
    """The replica-symmetric errors, margins and entropy, and Cover's exact probabilities; see `Experiment.predict`."""
    spherical = solve("teacher-student-spherical", alpha=s.alpha_spherical).order_parameters["q"]
    binary = solve("teacher-student-binary", alpha=s.alpha_binary)
    stored = maximal_stability(s.alpha_stored)
    found = {
        "eps(Gibbs, spherical)": Prediction(_error(spherical), note=LIMIT),
        "eps(Bayes, spherical)": Prediction(_error(overlap_of_mean(spherical, spherical)), note=LIMIT),
        "eps(Gibbs, binary)": Prediction(_error(binary.order_parameters["q"]), note=LIMIT),
        "s(binary)": Prediction(float(binary.entropy), note=LIMIT),
        "R - q(binary)": Prediction(0.0, note="exact at every N: the teacher is one of the weights that the examples allow"),
        "kappa(random labels)": Prediction(stored.kappa, stored.kappa_error, note=LIMIT),
        "alpha(capacity, binary)": Prediction(_binary_capacity(), 1e-6, note="zero entropy, replica symmetric"),
    }
    for N in _program_sizes(s.largest):
        exact = float(separable_probability(round(s.alpha_separable * N), N))
        found[_separable_name(N)] = Prediction(exact, note="Cover's count, exact", resolution=0.15, scale=1.0)
    return found | (_taught_margin(s) if s.students else {})


def _binary_capacity():
    """The load at which the entropy of binary weights that store random labels vanishes."""
    return brentq(lambda alpha: solve("perceptron-binary", alpha=alpha, kappa=0).entropy, 0.5, 1.0, xtol=1e-7)


def _taught_margin(s):
    best = maximal_stability(s.alpha_spherical, teacher=True)
    return {"eps(largest margin)": Prediction(_error(best.R), float(-disagreement_slope(best.R)) * best.R_error, note=LIMIT),
            "kappa(teacher)": Prediction(best.kappa, best.kappa_error, note=LIMIT)}


def _error(overlap):
    return float(disagreement(overlap))


def measure(s, run):
    """Sample, count, train and decide; see `Experiment.measure`."""
    parts = [_sampled, _enumerated, _stored, _filled, _separated] + ([_trained] if s.students else [])
    if s.curve:
        _keep_curves(s, run)
    return {name: value for part in parts for name, value in part(s, run).items()}


def _sizes(largest):
    return largest // 4, largest // 2, largest


def _program_sizes(largest):
    return largest // 2, largest, 2 * largest


def _examples(run, key, B, P, N, random=False):
    """Teachers (B, N) and B sets of examples (B, P, N), inputs times labels: the teacher's, or random ones."""
    torch = import_torch()
    generator = run.generator(key)
    normal = {"generator": generator, "dtype": torch.float64, "device": run.device}
    inputs, teachers = torch.randn(B, P, N, **normal), torch.randn(B, N, **normal)
    return teachers, inputs if random else taught(inputs, teachers)


def _sampled(s, run):
    """Posterior samples of spherical weights, from chains that start in the teacher, itself such a sample."""
    sizes = _sizes(s.largest)
    found = [_posterior(s, run, N, s.samples * sizes[-1] // N, s.alpha_spherical) for N in sizes]
    gibbs, bayes = [_errors(f["R"]) for f in found], [_errors(_cosines(f["R"], f["q"])) for f in found]
    return {"eps(Gibbs, spherical)": Measurement.extrapolated(sizes, gibbs),
            "eps(Bayes, spherical)": Measurement.extrapolated(sizes, bayes)}


def _errors(overlaps):
    """Samples of overlaps with the teacher as errors, linear about their mean: the error of the mean overlap."""
    mean = overlaps.mean()
    return _error(mean) + float(disagreement_slope(mean)) * (overlaps - mean)


def _cosines(R, q):
    """The cosine R/sqrt(q) between teacher and mean student, linear about the means of its samples."""
    R0, q0 = R.mean(), q.mean()
    return (R0 + (R - R0) - R0 * (q - q0) / (2 * q0)) / np.sqrt(q0)


def _posterior(s, run, N, B, alpha):
    """Overlaps of students from the posterior with the teacher, R, and each other, q, for B sets of examples; arrays (B,).

    Every set has two chains that start in the teacher: the product of their means has no noise of its own on average.
    """
    name = f"posterior, N = {N}, alpha = {alpha:g}"
    return run.stage(name, lambda: _sample_posterior(s, run, name, N, B, alpha))


def _sample_posterior(s, run, name, N, B, alpha):
    torch = import_torch()
    teachers, examples = _examples(run, name, B, round(alpha * N), N)
    layout = examples.permute(2, 0, 1).repeat(1, 2, 1)
    start = teachers.repeat(2, 1)
    inverses, sweeps = 1 / layout, round(s.sweeps * N)
    state = {"weights": start.T.contiguous(), "fields": (examples @ teachers[..., None])[..., 0].repeat(2, 1),
             "means": torch.zeros_like(start), "generator": run.generator(f"{name}, sweeps")}

    def step(state, i):
        fresh = i % RENEWED == 0
        uniform = torch.rand(N, 2 * B, generator=state["generator"], dtype=torch.float64, device=run.device) if fresh else None
        gibbs_sweep(state["weights"], state["fields"], layout, inverses, uniform)
        if i >= sweeps // 2:
            state["means"] += (state["weights"] / state["weights"].norm(dim=0)).T / (sweeps - sweeps // 2)

    state = run.loop(f"{name}/sweeps", state, step, sweeps)
    first, second = state["means"].view(2, B, N)
    directions = teachers / teachers.norm(dim=1, keepdim=True)
    return {"R": ((first + second) / 2 * directions).sum(1), "q": (first * second).sum(1)}


def _enumerated(s, run):
    """All binary weights that agree with the examples, at sizes where they can be counted."""
    sizes = _binary_sizes(s)
    found = [_counted(run, N, round(s.alpha_binary * N), s.binary_samples) for N in sizes]
    return {"eps(Gibbs, binary)": Measurement.extrapolated(sizes, [_errors(f["R"]) for f in found]),
            "s(binary)": Measurement.extrapolated(sizes, [f["entropy"] for f in found]),
            "R - q(binary)": Measurement.of(np.concatenate([f["R"] - f["q"] for f in found]))}


def _counted(run, N, P, samples):
    """Mean overlaps of all weights with the teacher, R, and each other, q, and the entropy log(number)/N; arrays (samples,)."""
    name = f"binary, N = {N}, P = {P}"
    return run.stage(name, lambda: _count_all(run, name, N, P, samples))


def _count_all(run, name, N, P, samples):
    state = {"rng": run.rng(name), "found": np.zeros((3, samples))}

    def step(state, i):
        inputs, teacher = state["rng"].standard_normal((P, N)), state["rng"].choice([-1.0, 1.0], N)
        overlaps, mean = version_space(inputs * np.sign(inputs @ teacher)[:, None], teacher)
        state["found"][:, i] = overlaps.mean(), mean @ mean / N, np.log(len(overlaps)) / N

    found = run.loop(f"{name}/samples", state, step, samples)["found"]
    return dict(zip(("R", "q", "entropy"), found))


def _stored(s, run):
    """The largest margin of random labels, by an active-set solver."""
    sizes = _sizes(s.largest)

    def margins(N):
        draw = run.rng(f"random labels {N}")
        P, samples = round(s.alpha_stored * N), s.samples * sizes[-1] // N
        return {"kappa": [largest_margin(draw.standard_normal((P, N)))[0] for _ in range(samples)]}

    found = [run.stage(f"random labels, N = {N}", lambda N=N: margins(N))["kappa"] for N in sizes]
    return {"kappa(random labels)": Measurement.extrapolated(sizes, found)}


def _filled(s, run):
    """How many random labels binary weights can store, by counting them."""
    sizes = tuple(s.largest_binary - k for k in (9, 7, 5, 3))
    found = [run.stage(f"binary storage, N = {N}", lambda N=N: _capacities(s, run, N))["alpha"] for N in sizes]
    return {"alpha(capacity, binary)": Measurement.extrapolated(sizes, found)}


def _capacities(s, run, N):
    state = {"rng": run.rng(f"binary storage {N}"), "stored": np.zeros(s.binary_samples)}

    def step(state, i):
        state["stored"][i] = storable(state["rng"].standard_normal((4 * N, N)))

    return {"alpha": run.loop(f"binary storage, N = {N}/samples", state, step, s.binary_samples)["stored"] / N}


def _keep_curves(s, run):
    """Errors at other loads and one size, for the figure: arrays (loads, 3) of load, mean error and its standard error."""
    N, n = s.largest // 2, min(16, s.largest_binary)
    spherical, binary = (lambda alpha: _posterior(s, run, N, s.samples, alpha),
                         lambda alpha: _counted(run, n, round(alpha * n), s.binary_samples // 3))
    for kind, loads, overlaps in (("spherical", CURVE, spherical), ("binary", BINARY_CURVE, binary)):
        measured = [Measurement.of(_errors(overlaps(alpha)["R"])) for alpha in loads]
        run.keep(kind, [(alpha, m.value, m.error) for alpha, m in zip(loads, measured)])
        run.keep(f"{kind}, theory", _theory_curve(kind, np.linspace(0.02, 1.2, 36) * max(loads)))


def _theory_curve(kind, loads):
    """The loads with Gibbs' and Bayes' errors, array (3, loads)."""
    q = [solve(f"teacher-student-{kind}", alpha=alpha).order_parameters["q"] for alpha in loads]
    return [loads, [_error(x) for x in q], [_error(overlap_of_mean(x, x)) for x in q]]


def _separated(s, run):
    """How often random labels are separable, by linear programs."""
    found = {}
    for N in _program_sizes(s.largest):
        P, programs = round(s.alpha_separable * N), s.programs * 2 * s.largest // N
        answers = run.stage(f"separable, N = {N}", lambda: _decided(run, P, N, programs))["answers"]
        yes, known = int(np.sum(answers == 1)), int(np.sum(answers >= 0))
        rate = (yes + 1) / (known + 2)
        doubt = f"{programs - known} linear programs were not decided" if known < programs else ""
        found[_separable_name(N)] = Measurement(yes / known, float(np.sqrt(rate * (1 - rate) / known)), doubt=doubt)
    return found


def _decided(run, P, N, programs):
    """Answers of the linear programs, 1 separable, 0 not, -1 undecided."""
    state = {"rng": run.rng(f"separable {N}"), "answers": np.zeros(programs, dtype=int)}

    def step(state, i):
        answer = separable(state["rng"].standard_normal((P, N)))
        state["answers"][i] = -1 if answer is None else answer

    return {"answers": run.loop(f"separable, N = {N}/programs", state, step, programs)["answers"]}


def _separable_name(N):
    return f"P(separable, N={N})"


def _trained(s, run):
    """Students trained by gradient descent until their margin is the largest; and random labels below capacity."""
    sizes = _sizes(s.largest)
    found = [_students(s, run, Task("teacher", s.alpha_spherical, False), N) for N in sizes]
    gap = max(float(f["gap"].max()) for f in found)
    doubt = f"gradient descent stopped {gap:.2g} below the largest margin" if gap > MARGIN_GAP else ""
    stored = _students(s, run, Task("random labels", STORED, True), sizes[1])["kappa"]
    share = float(np.mean(stored > 0))
    text = f"of {stored.size} networks with {STORED:g} random labels a weight, gradient descent separates a fraction {share:.3g}"
    return {"eps(largest margin)": Measurement.extrapolated(sizes, [_errors(f["R"]) for f in found], doubt),
            "kappa(teacher)": Measurement.extrapolated(sizes, [f["kappa"] for f in found], doubt),
            "random labels, gradient": Statement(text, theory=1.0, measured=share)}


def _students(s, run, task, N):
    return run.stage(f"{task.name}, gradient, N = {N}", lambda: _descend(s, run, task, N, s.students * s.largest // N))


def _descend(s, run, task, N, B):
    """Overlap with the teacher, margin, and by how much it falls short, of B students after gradient descent; arrays (B,)."""
    torch = import_torch()
    teachers, examples = _examples(run, f"{task.name}, students {N}", B, round(task.alpha * N), N, task.random)
    length = examples.norm(dim=2).max()
    scaled = (examples / length).float()
    state = {"weights": torch.zeros(B, N, device=run.device), "momentum": torch.zeros(B, N, device=run.device)}

    def step(state, i):
        state["weights"], state["momentum"] = ascend_margin(state["weights"], state["momentum"], scaled, i)

    state = run.loop(f"{task.name}, gradient, N = {N}/steps", state, step, s.steps)
    unit = (state["weights"] / state["weights"].norm(dim=1, keepdim=True)).double()
    margins = (examples @ unit[..., None])[..., 0].amin(1).cpu().numpy()
    best = np.array([largest_margin(e)[0] for e in examples.cpu().numpy()])
    return {"R": (unit * teachers).sum(1) / teachers.norm(dim=1), "kappa": margins, "gap": 1 - margins / best}


def _binary_sizes(s):
    """Sizes at which the load is a whole number of patterns, the largest ones that can be counted."""
    return tuple([N for N in range(8, s.largest_binary + 1) if _whole(s.alpha_binary * N)][-BINARY_SIZES:])


def _whole(number):
    return abs(number - round(number)) < 1e-9


def require(s):
    """Loads that make whole numbers of patterns at the sizes used; see `Experiment.require`."""
    for name in ("alpha_spherical", "alpha_stored"):
        if not all(_whole(getattr(s, name) * N) for N in _sizes(s.largest)):
            raise InputError(f"train teacher-student: {name} = {getattr(s, name):g} times {s.largest // 4} must be whole")
    if len(_binary_sizes(s)) < 3:
        raise InputError(f"train teacher-student: alpha_binary = {s.alpha_binary:g} must give whole numbers of patterns at three "
                         f"sizes up to {s.largest_binary}: use a fraction such as 0.5")


def draw(report, figure):
    """Learning curves, errors against 1/N with their limits, and the probability of separable labels."""
    left, middle, right = figure.subplots(1, 3)
    checks = {check.observable: check for check in report.checks}
    _draw_curves(left, report, checks)
    _draw_limits(middle, [check for name, check in checks.items() if name.startswith("eps")], "generalisation error")
    _draw_separability(right, report.settings, checks)


def _draw_curves(ax, report, checks):
    for colour, kind in zip(("C0", "C3"), ("spherical", "binary")):
        if kind in report.curves:
            loads, gibbs, bayes = report.curves[f"{kind}, theory"]
            ax.plot(loads, gibbs, color=colour, lw=1, label=f"{kind}, Gibbs")
            ax.plot(loads, bayes, color=colour, lw=1, ls="--", label=f"{kind}, Bayes")
            alpha, error, spread = report.curves[kind].T
            ax.errorbar(alpha, error, spread, fmt="o", ms=3, mfc="none", color=colour)
        limit = checks[f"eps(Gibbs, {kind})"]
        ax.errorbar([report.settings[f"alpha_{kind}"]], [limit.measured], [limit.error], fmt="s", ms=4, color=colour)
    ax.set(xlabel="examples a weight", ylabel="generalisation error (open: one size)", ylim=(0, 0.52))
    if ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False, fontsize=7)


def _draw_limits(ax, checks, label):
    for k, check in enumerate(checks):
        colour = f"C{k}"
        x = 1 / np.array(check.sizes, dtype=float)
        means, errors = ([getattr(e, name) for e in check.estimates] for name in ("value", "error"))
        ax.errorbar(x, means, errors, fmt="o", ms=4, color=colour, label=check.observable)
        line = np.linspace(0, x.max(), 50)
        ax.plot(line, check.fit(1 / np.maximum(line, 1e-9)), lw=1, color=colour)
        ax.plot([0], [check.theory], "_", ms=18, mew=2, color="k")
    ax.set(xlabel="1/N", ylabel=label)
    ax.legend(frameon=False, fontsize=7)


def _draw_separability(ax, settings, checks):
    for k, N in enumerate(_program_sizes(settings["largest"])):
        points = range(int(1.2 * N), int(2.8 * N) + 1, max(N // 25, 1))
        exact = [float(separable_probability(P, N)) for P in points]
        ax.plot([P / N for P in points], exact, color=f"C{k}", lw=1, label=f"N = {N}, Cover")
        check = checks[_separable_name(N)]
        ax.errorbar([round(settings["alpha_separable"] * N) / N], [check.measured], [check.error], fmt="o", ms=4, color=f"C{k}")
    ax.set(xlabel="patterns a weight", ylabel="probability of separable labels")
    ax.legend(frameon=False, fontsize=7)


EXPERIMENT = Experiment(
    name="teacher-student",
    title="Perceptrons: what a student learns of its teacher, and how many random labels can be stored",
    reference="E. Gardner, J. Phys. A 21, 257 (1988); G. Gyorgyi, Phys. Rev. A 41, 7097 (1990); "
              "H. S. Seung, H. Sompolinsky, N. Tishby, Phys. Rev. A 45, 6056 (1992); T. M. Cover, IEEE Trans. EC-14, 326 (1965)",
    settings=(
        Setting("alpha_spherical", 2.0, "examples a weight of spherical students", above=0, high=10),
        Setting("alpha_binary", 0.5, "examples a weight of binary students", above=0, high=1.2),
        Setting("alpha_stored", 1.0, "random labels a weight, of which the largest margin is found", above=0, high=1.9),
        Setting("alpha_separable", 1.9, "random labels a weight, of which is asked whether they are separable", above=1, high=3),
        Setting("largest", 100, "weights of the largest spherical perceptron; a half and a quarter of them are used too", low=16,
                high=400, integer=True, reduced=48),
        Setting("samples", 64, "sets of examples at the largest size, more at smaller ones", low=2, integer=True, reduced=40),
        Setting("sweeps", 2.0, "sweeps of the posterior sampler over the number of weights; a fifth of them relax it", low=1,
                reduced=1.5),
        Setting("largest_binary", 20, "weights of the largest binary perceptron, all of whose states are counted", low=12,
                high=24, integer=True, reduced=14),
        Setting("binary_samples", 600, "sets of examples at each size of binary perceptrons", low=2, integer=True, reduced=150),
        Setting("programs", 50, "linear programs at twice the largest size, more at smaller", low=2, integer=True, reduced=20),
        Setting("students", 32, "students trained by gradient descent at the largest size, more at smaller; 0 trains none", low=0,
                integer=True, reduced=0),
        Setting("steps", 1500, "steps of gradient descent", low=1, integer=True),
        Setting("curve", 1, "whether errors at other loads are measured for the figure (1) or not (0)", low=0, high=1,
                integer=True, reduced=0),
    ),
    predict=predict,
    measure=measure,
    draw=draw,
    wrong={"alpha_spherical": 3.0, "alpha_binary": 1.0, "alpha_stored": 1.25},
    require=require,
)
