"""Crossings of Binder cumulants at several sizes along a parameter, and the transition that they tend to, beside the theory's.

Near a continuous transition at t the cumulant of N sites is U(N^y (x - t)) with corrections, so that curves of two sizes cross
near t. With mean-field exponents y = 1/2 and corrections of order N^(-1/2) the crossings approach t like 1/N; in a glass y = 1/3,
and they approach like N^(-2/3).
"""

import time
from dataclasses import dataclass, field, replace

import numpy as np

from meanfield.results import FrozenDict, versions
from theory.errors import InputError

from .compare import FAMILY_ERROR
from .critical import binder
from .estimates import Estimate
from .powers import PowerFit, extrapolate_power
from .ranges import sampled
from .sample import sample
from .simulate import model_at, reported, require_sampling

SIZES, GLASS_SIZES = (200, 400, 800, 1600), (32, 64, 128, 256)
POINTS, DEGREE = 9, 3
CHAINS, SWEEPS = 64, 4000
SAMPLES, REPLICAS = 128, 4
# Leading powers of 1/N of the crossings, with weights.
POWERS, GLASS_POWERS = {1.0: 1.0}, {2 / 3: 1.0, 1 / 3: 0.25, 1.0: 0.25}
REPEATS = 200


@dataclass(frozen=True)
class Crossings:
    """Binder cumulants along a parameter and where those of neighbouring sizes cross.

    Attributes
    ----------
    model, along, observable : names; the cumulant is of this order parameter, or replica overlap
    at : array (K,), values of the parameter
    sizes : tuple (S,)
    cumulants : tuple of S tuples of K Estimate
    crossings : tuple of S - 1 Estimate, of neighbouring sizes, None where they do not cross; the error by repeats with the
        errors of the cumulants
    fit : validate.powers.PowerFit of the crossings against the smaller size, or None where fewer than two were found
    theory : where the theory has its continuous transition, NaN where it has none in the range
    threshold : largest |z| of a consistent measurement
    """

    model: str
    along: str
    observable: str
    parameters: dict
    at: np.ndarray
    sizes: tuple
    cumulants: tuple = field(repr=False)
    crossings: tuple
    fit: PowerFit | None
    theory: float
    threshold: float
    seed: int
    seconds: float = field(default=0.0, compare=False)
    versions: dict = field(default_factory=versions, repr=False, compare=False)

    def __post_init__(self):
        self.at.flags.writeable = False
        object.__setattr__(self, "parameters", FrozenDict(self.parameters))

    @property
    def value(self):
        """The transition, extrapolated to infinite size; None where too few curves cross."""
        return None if self.fit is None else self.fit.value

    @property
    def error(self):
        """Its standard error."""
        return None if self.fit is None else self.fit.error

    @property
    def z(self):
        """(value - theory) / error."""
        return None if self.fit is None or not np.isfinite(self.theory) else (self.value - self.theory) / self.error

    @property
    def consistent(self):
        """Whether the theory's transition is the measured one; None where that cannot be said."""
        return None if self.z is None else bool(abs(self.z) <= self.threshold)

    def as_dict(self):
        """Plain values for JSON."""
        rows = [[e.as_dict() for e in row] for row in self.cumulants]
        return {
            "model": self.model,
            "parameters": dict(self.parameters),
            "along": self.along,
            "observable": self.observable,
            "at": self.at.tolist(),
            "sizes": list(self.sizes),
            "cumulants": rows,
            "crossings": [e and e.as_dict() for e in self.crossings],
            "value": self.value,
            "error": self.error,
            "theory": self.theory,
            "z": self.z,
            "consistent": self.consistent,
        }

    def plot(self, ax=None):
        """Draw the cumulants and the transition; see `validate.plot.plot_crossings`."""
        from .plot import plot_crossings

        return plot_crossings(self, ax)

    def __repr__(self):
        pairs = ", ".join(
            f"{a}/{b}: {e.mean:.5g} +- {e.error:.1g}" for a, b, e in zip(self.sizes, self.sizes[1:], self.crossings) if e
        )
        found = "too few curves cross" if self.fit is None else f"{self.along} = {self.value:.5g} +- {self.error:.1g}"
        return (
            f"{self.model}: cumulants of {self.observable} cross at {self.along} = {pairs}\n"
            f"  extrapolated {found}, theory {self.theory:.6g}"
            + ("" if self.z is None else f", z = {self.z:+.2f}")
        )


def binder_crossings(
    source, *, along, sizes=None, observable=None, chains=None, sweeps=None, seed=0, theory=None, threads=None, **parameters
):
    """Find a continuous transition from the crossings of Binder cumulants 1 - <x^4>/(3 <x^2>^2) and compare it with the theory's.

    Parameters
    ----------
    source : Model | name of a built-in model | path of a model file
    along : {name: (low, high)} or {name: (low, high, points)}, a range about the transition; with quenched couplings over T
    sizes : numbers of sites, at least three (default 200 to 1600, with quenched couplings 32 to 256)
    observable : name of the order parameter (default: the first); of models with quenched couplings the overlap of replicas
    chains, sweeps, seed, threads : see `validate.simulate`; with quenched couplings `chains` are disorder samples of four
        replicas
    theory : where the transition is expected (default: the theory's first continuous one in the range)
    **parameters : the other parameters

    Returns
    -------
    Crossings
    """
    begin = time.perf_counter()
    require_sampling(sweeps, seed)
    name, at = sampled(along, POINTS, DEGREE + 2)
    model, values = model_at(
        source, parameters.pop("T", 1.0), None, {**parameters, **({} if name == "T" else {name: float(at[0])})}
    )
    sizes = _checked(sizes or (GLASS_SIZES if model.couplings else SIZES))
    observable = _observable(model, observable)
    measure = _overlaps if model.couplings else _order
    if model.couplings and name != "T":
        raise InputError(f"with quenched couplings the range is over T: got {name}")
    rows = tuple(tuple(measure(model, values, name, at, N, observable, chains, sweeps, seed, threads)) for N in sizes)
    found, noise = _crossings(at, rows, np.random.default_rng(seed))
    crossings = tuple(found.get(k) for k in range(len(sizes) - 1))
    fit = _extrapolated(sizes, found, noise, GLASS_POWERS if model.couplings else POWERS) if len(found) > 1 else None
    fixed = {k: v for k, v in reported(model, values).items() if k != name}
    expected = _expected(model, name, at, fixed) if theory is None else float(theory)
    return Crossings(
        model.name,
        name,
        observable,
        fixed,
        at,
        sizes,
        rows,
        crossings,
        fit,
        expected,
        _threshold(chains, model),
        seed,
        time.perf_counter() - begin,
    )



def _checked(sizes):
    sizes = tuple(sorted(set(map(int, sizes))))
    if len(sizes) < 3 or sizes[0] < 4:
        raise InputError(f"crossings that are extrapolated need at least three sizes, of at least 4 sites: got {sizes}")
    return sizes


def _observable(model, given):
    if model.couplings:
        names = [str(q) for q in model.overlaps] or ["q"]
    else:
        names = list(model.names)
    if given is not None and given not in names:
        raise InputError(f"{model.name} has no {given}: cumulants are those of {', '.join(names)}")
    return given or names[0]


def _order(model, values, name, at, N, observable, chains, sweeps, seed, threads):
    """Cumulants of an order parameter, every temperature with chains of its own."""
    a, sweeps = model.names.index(observable), sweeps or SWEEPS
    for k, x in enumerate(at):
        made = sample(
            model,
            {**values, name: float(x)},
            N,
            sweeps=sweeps,
            warmup=max(sweeps // 4, 100),
            chains=chains or CHAINS,
            seed=seed + 1_000_003 * (k + 1),
            threads=threads,
        )
        yield binder(made.draws[..., a] ** 2)


def _overlaps(model, values, name, at, N, observable, chains, sweeps, seed, threads):
    """Cumulants of the overlap of replicas, all temperatures in exchange."""
    from .samplers import sample_quenched

    sweeps = sweeps or SWEEPS
    made = sample_quenched(
        model,
        {**values, "T": float(at[0])},
        N,
        sweeps=sweeps,
        warmup=sweeps,
        replicas=REPLICAS,
        threads=threads,
        disorder_samples=chains or SAMPLES,
        temperatures=at,
        seed=seed,
        thin=max(1, sweeps // 500),
    )
    layer = made.overlap_names.index(observable) if observable in made.overlap_names else 0
    for k in range(len(at)):
        square = made.overlaps[:, :, k, :, layer] ** 2
        yield binder(square.reshape(len(square), -1))


def _crossings(at, rows, rng):
    """{k: Estimate} of the crossings of the curves of sizes k and k + 1 that lie in the range, and repeats of them all with
    the errors of the cumulants, array (repeats, S - 1), NaN where curves do not cross.
    """
    means, errors = (np.array([[getattr(e, part) for e in row] for row in rows]) for part in ("mean", "error"))
    crossed = lambda curves: [_crossing(at, *pair) for pair in zip(curves, errors, curves[1:], errors[1:])]
    noise = np.array([crossed(rng.normal(means, errors)) for _ in range(REPEATS)])
    sure = np.isfinite(noise).mean(axis=0) > 0.5
    found = {
        k: Estimate(float(x), float(np.nanstd(noise[:, k], ddof=1)), None, None, None)
        for k, x in enumerate(crossed(means))
        if np.isfinite(x) and sure[k]
    }
    return found, noise


def _extrapolated(sizes, found, noise, powers):
    """The crossings against the smaller size. Neighbours share a curve: the error is that of repeats where it is larger."""
    places = list(found)
    at, errors = [sizes[k] for k in places], [found[k].error for k in places]
    fit = extrapolate_power(at, [found[k].mean for k in places], errors, powers)
    whole = noise[np.isfinite(noise[:, places]).all(axis=1)][:, places]
    spread = np.std([extrapolate_power(at, row, errors, powers).value for row in whole], ddof=1) if len(whole) > 1 else np.inf
    return replace(fit, error=float(max(fit.error, spread)))


def _crossing(at, first, first_errors, second, second_errors):
    """The root of the difference of two curves, a cubic fitted to it; the one nearest the middle, NaN where there is none."""
    scale = (at - at.mean()) / np.ptp(at)
    weights = 1 / np.maximum(np.hypot(first_errors, second_errors), 1e-12)
    cubic = np.polynomial.Polynomial.fit(scale, np.subtract(second, first), DEGREE, w=weights, domain=(-0.5, 0.5))
    roots = [r.real for r in cubic.roots() if abs(r.imag) < 1e-9 and abs(r.real) <= 0.5]
    return at.mean() + np.ptp(at) * min(roots, key=abs) if roots else np.nan


def _expected(model, name, at, fixed):
    """The theory's first continuous transition in the range, NaN without one."""
    from meanfield import transitions

    free = {k: v for k, v in fixed.items() if k not in model.structural}
    found = transitions(model, along={name: (float(at[0]), float(at[-1]))}, **free).of("continuous")
    return float(found[0].at[name]) if found else np.nan


def _threshold(chains, model):
    from scipy.stats import t

    return float(t.isf(FAMILY_ERROR / 2, (chains or (SAMPLES if model.couplings else CHAINS)) - 1))
