"""At the critical temperature: the law of the order parameter from the Landau coefficients of the model, against finite sizes.

At T_c the free energy is flat up to order 2k in the amplitude m (k = 2, and 3 at a tricritical point), and N sites have

    p(m) ~ exp(-N beta (f(m) - f0)),    m ~ N^(-1/2k),

so that N^(1/k) <m^2> and the Binder cumulant 1 - <m^4> / (3 <m^2>^2) tend to numbers that the leading coefficients fix, with
corrections in powers of N^(-1/k): the next term, N m^(2k+2), is of that order.
"""

import time
from dataclasses import dataclass
from math import gamma

import numpy as np

from theory.errors import InputError

from .compare import FAMILY_ERROR, Check, Verdict, conclude, unmixed
from .estimates import Estimate, estimate
from .exact import exact_at
from .powers import extrapolate_power
from .sample import sample
from .simulate import Run, model_at, reported, require_sampling

SIZES = (250, 500, 1000, 2000, 4000)
CHAINS, SWEEPS = 64, 8000
# A coefficient below this share of the next one vanishes.
FLAT = 1e-9
# Relative rounding of exact sums over thousands of sites.
ROUNDING = 1e-9
# An error above this share of the prediction, or of the range of a cumulant, decides nothing.
RESOLUTION, RANGE = 0.03, 2 / 3
# Points of a trapezoidal sum along each of several competing amplitudes, and the most of them.
POINTS, MOST = 61, 4
EDGE = 40.0


@dataclass(frozen=True)
class CriticalLaw:
    """The law of the amplitude at a critical point, for N -> infinity.

    Attributes
    ----------
    temperature : T_c
    order : 2k
    coefficient : b of beta (f - f0) = b m^(2k) along one amplitude
    name : the order parameter that shows the amplitude; phi = centre + slope m
    second, fourth : <x^2>, <x^4> of x = N^(1/2k) (phi - centre)
    """

    temperature: float
    order: int
    coefficient: float
    name: str
    centre: float
    second: float
    fourth: float

    @property
    def exponent(self):
        """1/k, the power of 1/N of <m^2> and of the corrections."""
        return 2 / self.order

    @property
    def binder(self):
        """1 - <m^4> / (3 <m^2>^2)."""
        return 1 - self.fourth / (3 * self.second**2)

    def as_dict(self):
        """Plain values for JSON."""
        return {
            "T": self.temperature,
            "order": self.order,
            "coefficient": self.coefficient,
            "order_parameter": self.name,
            "second": self.second,
            "binder": self.binder,
        }


def critical_law(source, **parameters):
    """The law of the order parameter at the critical temperature, from the Landau expansion of the model.

    Parameters
    ----------
    source : Model | name of a built-in model | path of a model file
    **parameters : of the model, without T

    Returns
    -------
    CriticalLaw

    Raises
    ------
    InputError
        Where there is no continuous transition, or more equivalent amplitudes than can be summed over.
    """
    if "T" in parameters or "beta" in parameters:
        raise InputError("the critical temperature is found from the theory: leave out T and beta")
    model, values = model_at(source, 1.0, None, parameters)
    return _law(model, values)


def _law(model, values):
    from theory import theory_of
    from theory.criticality import with_unknowns
    from theory.evaluate import evaluate
    from theory.landau import landau

    if model.couplings:
        raise InputError(f"{model.name} has quenched couplings: its critical point has another finite-size scaling")
    if model.site.kind == "quantum":
        raise InputError(f"{model.name} has quantum sites: equal-time moments are not those of the Landau amplitude")
    found = landau(theory_of(model))
    given = {name: value for name, value in values.items() if name != "T"}
    if found.transition(given) not in ("continuous", "tricritical"):
        raise InputError(f"{model.name} has no continuous transition here (Landau theory: {found.transition(given)})")
    T = found.critical_temperature(given)
    numbers = with_unknowns(found, {**found.values(given), "T": T}, 20)
    number = lambda expr: float(evaluate(expr, numbers, 20))
    quartic, sextic = (number(found.coefficients[n]) / (n * float(T)) for n in (4, 6))
    order, b = (6, sextic) if abs(quartic) < FLAT * max(abs(sextic), 1) else (4, quartic)
    if not b > 0:
        raise InputError(
            f"the Landau expansion of {model.name} is not bounded at order {order}: the transition is of first order"
        )
    second, fourth = _moments(model, found, order, b, lambda expr: number(expr) / float(T))
    name, slope = next((str(a), number(c)) for a, c in found.mode.direction.items() if c != 0)
    centre = number(next(v for a, v in found.about.values.items() if str(a) == name))
    return CriticalLaw(float(T), order, b, name, centre, slope**2 * second, slope**4 * fourth)


def _moments(model, found, order, b, coefficient):
    """<m^2> and <m^4> of density exp(-b m^(2k)), times m^(n-1) for lengths of vectors; of several amplitudes by sums."""
    if found.competition is None or order != 4:
        if found.equivalent > 1:
            raise InputError(f"{model.name} has {found.equivalent} equivalent amplitudes that compete beyond the fourth order")
        n = model.site.n if model.site.kind == "sphere" else 1
        return tuple(b ** (-p / order) * gamma((n + p) / order) / gamma(n / order) for p in (2, 4))
    count = found.competition.size
    if count > MOST:
        raise InputError(f"{model.name} has {count} equivalent amplitudes: sums over more than {MOST} are not done")
    return _competing(coefficient(found.competition.u), coefficient(found.competition.v), count)


def _competing(u, v, count):
    """<m1^2>, <m1^4> of density exp(-u sum m^4 - v sum_{a<b} m_a^2 m_b^2)."""
    least = min(u, u / count + v * (count - 1) / (2 * count))
    x = np.linspace(-1, 1, POINTS) * (EDGE / least) ** 0.25
    squares = np.meshgrid(*[x**2] * count, indexing="ij", sparse=True)
    total, fourths = sum(squares), sum(s**2 for s in squares)
    weights = np.exp(-u * fourths - v * (total**2 - fourths) / 2)
    return tuple(float((weights * squares[0] ** k).sum() / weights.sum()) for k in (1, 2))


def compare_critical(source, *, sizes=SIZES, chains=CHAINS, sweeps=SWEEPS, seed=0, method="sampling", threads=None, **parameters):
    """Compare N^(1/k) <m^2> and the Binder cumulant at T_c with finite sizes, extrapolated in powers of N^(-1/k).

    Parameters
    ----------
    source : Model | name of a built-in model | path of a model file
    sizes : numbers of sites, at least three
    chains, sweeps, seed, threads : see `validate.simulate`; disorder samples are balanced, as independent sites
        would move T_c by N^(-1/2)
    method : "sampling", or "exact" for exact sums (finite sites)
    **parameters : of the model, without T

    Returns
    -------
    Verdict
        with checks "N^(1/k)<m^2>" and "binder(m)"
    """
    begin = time.perf_counter()
    require_sampling(sweeps, seed)
    sizes = tuple(sorted(set(map(int, sizes))))
    if len(sizes) < 3 or sizes[0] < 2:
        raise InputError(f"the extrapolation in powers of N^(-1/2) needs at least three sizes: got {sizes}")
    if method not in ("sampling", "exact"):
        raise InputError(f"method must be sampling or exact: got {method!r}")
    law = critical_law(source, **parameters)
    model, values = model_at(source, law.temperature, None, parameters)
    measure = _sampled if method == "sampling" else _summed
    runs = tuple(measure(model, values, law, N, chains, sweeps, seed, threads) for N in sizes)
    threshold = _threshold(runs[0].chains)
    theory = dict(zip(_observables(law), (law.second, law.binder)))
    checks = tuple(_check(name, value, runs, law, threshold) for name, value in theory.items())
    verdict, reason = conclude(law, checks)
    options = {"sizes": sizes, "chains": chains, "sweeps": sweeps, "seed": seed, "method": method}
    return Verdict(
        model.name,
        verdict,
        checks,
        threshold,
        reported(model, values),
        law.temperature,
        "critical",
        reason,
        "",
        runs,
        options,
        time.perf_counter() - begin,
    )


def _observables(law):
    return f"N^{law.exponent:.3g}<{law.name}^2>", f"binder({law.name})"


def _sampled(model, values, law, N, chains, sweeps, seed, threads):
    made = sample(model, values, N, sweeps=sweeps, warmup=max(sweeps // 4, 100), chains=chains, seed=seed, threads=threads)
    square = (made.draws[..., model.names.index(law.name)] - law.centre) ** 2
    second = estimate(N**law.exponent * square, bool(model.disorder))
    estimates = dict(zip(_observables(law), (second, binder(square, second))))
    return Run(model.name, reported(model, values), N, estimates, chains, sweeps, seed, made.algorithm, made.acceptance)


def _summed(model, values, law, N, chains, sweeps, seed, threads):
    """The same from the exact distribution."""
    found = exact_at(model, values, N)
    a = model.names.index(law.name)
    second, fourth = (found.expectation(lambda phi: (phi[:, a] - law.centre) ** p) for p in (2, 4))
    numbers = N**law.exponent * second, 1 - fourth / (3 * second**2)
    estimates = {name: Estimate(float(x), 0.0, None, None, None) for name, x in zip(_observables(law), numbers)}
    return Run(model.name, reported(model, values), N, estimates, 0, 0, seed, "exact sum", 1.0)


def binder(square, shown=None):
    """1 - <m^4> / (3 <m^2>^2) from draws of m^2 of independent chains (chains, draws), with a jackknife over chains.

    Parameters
    ----------
    square : array (chains, draws)
    shown : Estimate of m^2, if there is one: the diagnostics are its own
    """
    second, fourth = square.mean(axis=1), (square**2).mean(axis=1)
    cumulant = lambda a, b: 1 - b / (3 * a**2)
    count = len(second)
    left = cumulant((second.sum() - second) / (count - 1), (fourth.sum() - fourth) / (count - 1))
    whole = cumulant(second.mean(), fourth.mean())
    error = np.sqrt((count - 1) * np.mean((left - left.mean()) ** 2))
    shown = shown or estimate(square)
    return Estimate(float(count * whole - (count - 1) * left.mean()), float(error), shown.tau, shown.r_hat, shown.ess)


def _threshold(chains):
    from scipy.stats import norm, t

    return float(t.isf(FAMILY_ERROR / 4, chains - 1) if chains else norm.isf(FAMILY_ERROR / 4))


def _check(name, theory, runs, law, threshold):
    sizes, estimates = tuple(run.size for run in runs), tuple(run.estimates[name] for run in runs)
    fit = extrapolate_power(sizes, [e.mean for e in estimates], [e.error for e in estimates], {law.exponent: 1.0})
    error = max(fit.error, ROUNDING * abs(theory))
    z, note = float((fit.value - theory) / error), next(filter(None, map(unmixed, estimates)), "")
    if not note and not fit.acceptable:
        note = f"the sizes do not follow powers of N^-{law.exponent:.3g} (chi^2 probability {fit.probability:.1g})"
    if not note and not error < RESOLUTION * max(abs(theory), RANGE):
        note = f"the error is too large to decide ({error:.2g})"
    return Check(name, theory, fit.value, error, z, None if note else bool(abs(z) <= threshold), note, sizes, estimates, fit)
