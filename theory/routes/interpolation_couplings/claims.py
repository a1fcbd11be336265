"""Claims about an interpolation with quenched couplings, checked with exact Gaussian averages at N = 2 and 3."""

import math
from dataclasses import dataclass

import mpmath

from ...checks import DOUBLE, Outcome, convergence, judge, paired
from ...symbols import N, T

SAMPLES = 60
COARSE = 3e-5
SIZES = (4, 8, 12)


@dataclass(frozen=True)
class Identity:
    """before = after: at random points, or at finite N with the Gaussian averages by quadrature.

    Parameters
    ----------
    at : tuple of {symbol: value} with N and what must fit it; empty where nothing depends on N
    allowed : relative disagreement; no less than `COARSE` where the quadrature over many Gaussian variables is coarse
    pair : symbol of the overlap, where the sides are taken at two fixed configurations
    """

    at: tuple = ()
    allowed: float = DOUBLE
    pair: object = None

    def __call__(self, step, context):
        context = coupled_context(context)
        if not self.at:
            deviation = max(context.deviation(*sides, point) for point in context.points(2) for sides in paired(step))
            return judge(deviation, self.allowed, "both sides agree at 2 random points")
        found = [self._deviation(step, context, sizes) for sizes in self.at]
        worst = max(zip((d / a for d, a in found), found))[1]
        shown = ", ".join(f"{float(d):.0e}" for d, _ in found)
        return judge(*worst, f"{_label(self.at)}, Gaussian averages over all couplings by quadrature: both sides agree "
                             f"(relative deviation {shown}),")

    def _deviation(self, step, context, sizes):
        point = {**context.point(), **sizes}
        few = int(sizes[N]) == 2
        if self.pair is not None:
            first, second = (configuration[: int(sizes[N])] for configuration in context.pair)
            point[self.pair] = mpmath.mpf(sum(a * b for a, b in zip(first, second))) / len(first)
        with context.few_draws(site_draws(context, sizes)):
            deviation = max(context.deviation(before, after, point) for before, after in paired(step))
        return deviation, self.allowed if few and context.scheme.precise else max(self.allowed, COARSE)


@dataclass(frozen=True)
class SignedBound:
    """before <= after (sign -1) or >= at random points and finite N, and the gap is the integral of the remainder.

    Parameters
    ----------
    sign : -1 for before <= after, +1 for before >= after
    at : as in `Identity`
    gap : what before - after is equal to
    """

    sign: int
    at: tuple
    gap: object

    def __call__(self, step, context):
        context = coupled_context(context)
        gaps, deviation = [], 0.0
        for sizes in self.at:
            with context.few_draws(site_draws(context, sizes)):
                for point in context.points(3):
                    left, right, gap = (float(context.value(x, {**point, **sizes})) for x in (step.before, step.after, self.gap))
                    gaps.append(self.sign * (left - right))
                    deviation = max(deviation, abs(left - right - gap))
        word = "below" if self.sign < 0 else "above"
        good = min(gaps) > -1e-9 and deviation < 1e-6
        return Outcome("passed" if good else "failed",
                       f"{_label(self.at)}, {len(gaps)} random points: the left side lies {word} the right by {min(gaps):.2g} at "
                       f"least, and the gap is the integral of the remainder to {deviation:.0e}")


@dataclass(frozen=True)
class SelfConsistent:
    """The right sides are averages of one site, and the left sides equal them at a solution found by direct sums."""

    def __call__(self, step, context):
        context = coupled_context(context)
        scheme = context.scheme
        deviation = 0.0
        for point in context.points(2):
            for (before, after), (x, direct) in zip(paired(step), scheme.direct.items(), strict=True):
                deviation = max(deviation, abs(context.value(after, point) - context.value(direct, point)),
                                abs(context.value(before, point) - point[x]))
        solved, residual = solution(context, scheme.solution_point(context))
        for (before, after), direct in zip(paired(step), scheme.direct.values()):
            sides = [context.value(x, solved) for x in (before, after, direct)]
            deviation = max(deviation, residual, max(sides) - min(sides))
        shown = ", ".join(f"{x} = {float(solved[x]):.6g}" for x in scheme.direct)
        return judge(deviation, 1e-8, f"at T = {float(solved[T]):.4g} solved by {shown}, and right sides equal to sums over one "
                                      "site's states there and at 2 random points,")


@dataclass(frozen=True)
class ReplicaSymmetricLimit:
    """before -> after as N grows, at a high temperature where replica symmetry holds, by seeded disorder samples."""

    samples: int = 200

    def __call__(self, step, context):
        context = coupled_context(context)
        scheme = context.scheme
        solved, _ = solution(context, scheme.witness_point(context, scheme.witness_temperatures(context)[0]))
        with context.sampling(self.samples):
            measured = [context.measured(step.before, {**solved, N: n}) for n in SIZES]
        label = f"T = {float(solved[T]):.3g}, {self.samples} disorder samples (standard error {max(e for _, e in measured):.1g})"
        return convergence(SIZES, measured, float(context.value(step.after, solved)), label)


def solution(context, point, steps=2000):
    """({symbol: number} with a self-consistent state reached from an ordered one, residual)."""
    from ...vectorised import array_value

    scheme = context.scheme
    state = {str(x): 0.7 for x in scheme.closing}
    fixed = {str(k): float(v) for k, v in point.items()}
    for _ in range(steps):
        new = {str(x): float(array_value(e, {**fixed, **state})) for x, e in scheme.closing.items()}
        change = max(abs(new[x] - state[x]) for x in state)
        state = {x: (state[x] + new[x]) / 2 for x in state}
        if change < 1e-13:
            break
    return {**point, **{x: mpmath.mpf(state[str(x)]) for x in scheme.closing}}, change


def replica_symmetry(step, context):
    """What small systems show of the remainder at the replica-symmetric solution, half way, in seeded disorder samples."""
    context = coupled_context(context)
    lines = []
    for temperature in context.scheme.witness_temperatures(context):
        point = context.scheme.witness_point(context, temperature)
        solved, residual = solution(context, point)
        trial = {bar: solved[x] for bar, x in zip(context.scheme.trial_symbols, context.scheme.final_symbols)}
        at = {**solved, **trial, context.scheme.t: mpmath.mpf("0.5")}
        seen = [context.scheme.sampled_remainder(context, {**at, N: n}, SAMPLES) for n in context.scheme.witness_sizes]
        numbers = ", ".join(f"{mean:.2g} +- {error:.1g}" for mean, error in seen)
        lines.append(f"T = {float(at[T]):.3g}: {numbers}" + ("" if residual < 1e-6 else " (equations not solved)"))
    sizes = ", ".join(map(str, context.scheme.witness_sizes))
    return (f"the remainder at t = 1/2 and the replica-symmetric solution, N = {sizes}, {SAMPLES} disorder samples: "
            + "; ".join(lines))


def coupled_context(context):
    """The context with numbers for Gaussian couplings."""
    from .numbers import coupled

    return coupled(context)


def site_draws(context, sizes):
    """How many values the site disorder takes: few where there are many Gaussian variables."""
    return context.scheme.draws if int(sizes[N]) < 3 else 1


def _label(at):
    sizes = [int(a[N]) for a in at]
    return f"N = {' and '.join(map(str, sizes))}"


def mean_and_error(samples, controls=None):
    """Mean and standard error; with the linear part in control variates of mean zero, shape (samples, n), removed."""
    import numpy as np

    samples = np.asarray(samples)
    if controls is not None:
        centred = controls - controls.mean(axis=0)
        slopes, *_ = np.linalg.lstsq(centred, samples - samples.mean(), rcond=None)
        samples = samples - controls @ slopes
    return float(np.mean(samples)), float(np.std(samples, ddof=1) / math.sqrt(len(samples)))
