"""Modern Hopfield networks: the energy whose descent is attention, the capacity of exponential interactions, clustered patterns.

H. Ramsauer et al., arXiv:2008.02217; M. Demircigil et al., J. Stat. Phys. 168, 288 (2017); C. Lucibello, M. Mezard,
arXiv:2304.14964. Patterns xi_mu are the columns of X, a state is a vector x, beta the inverse temperature of the softmax.
"""

import random
from functools import cache

import mpmath
import sympy
from sympy import Derivative, S, Symbol, Tuple, cosh, exp, log

from ..checks import Equal
from ..derivation import Step
from ..errors import InputError
from .derived import DynamicsDerivation, Stated, Witness

__all__ = ["PATTERNS", "attention", "clustered_patterns", "exact_moment", "random_energies"]

PATTERNS = ("binary", "sphere")
BETA, STRENGTH, OVERLAP, CENTRE, SIGMA, GAP, DISTANCE, LENGTH, COUNT = (
    Symbol(name, positive=True) for name in ("beta", "lambda", "m", "c", "sigma", "Delta", "delta", "L", "P"))
U, X = (Symbol(name, real=True) for name in ("u", "x"))
# Patterns and dimensions that the steps are written out for.
WRITTEN = 3, 2


@cache
def attention():
    """Attention as the descent of an energy, written out for three patterns in two dimensions.

    The results are `energy` of a state, the `update` of its entries, the symbols `state` and `patterns` that they are functions
    of, and `bound`, the largest distance from a pattern after an update from within delta of it; Delta is the least gap
    xi.xi - xi.xi_nu of that pattern, and L is the length of the longest of P patterns.

    Returns
    -------
    DynamicsDerivation
    """
    P, d = WRITTEN
    x, y = ([Symbol(f"{letter}{i}", real=True) for i in range(d)] for letter in "xy")
    patterns = [[Symbol(f"xi{mu}{i}", real=True) for i in range(d)] for mu in range(P)]
    weights = [exp(BETA * _dot(xi, x)) for xi in patterns]
    concave = -log(sum(weights)) / BETA
    energy = _dot(x, x) / 2 + concave
    update = [sum(w * xi[i] for w, xi in zip(weights, patterns)) / sum(weights) for i in range(d)]
    tangent = _dot(y, y) / 2 + concave - _dot(update, [b - a for a, b in zip(x, y)])
    share = (COUNT - 1) * exp(-BETA * (GAP - 2 * LENGTH * DISTANCE))
    steps = (
        Step("The energy", "definition", "a parabola and the concave $-\\beta^{-1}\\ln\\sum_\\mu e^{\\beta \\xi_\\mu \\cdot x}$",
             "arXiv:2008.02217", after=energy, claim=Stated("the energy that the network is given")),
        Step("Slope of the concave part", "derivative of log-sum-exp",
             "less its gradient is $X\\,\\mathrm{softmax}(\\beta X^T x)$",
             before=Tuple(*(Derivative(-concave, a) for a in x)), after=Tuple(*update), claim=Equal()),
        Step("A bound on the energy", "a concave function lies below its tangents",
             "for every $y$ the energy is at most $y^2/2$ and the tangent in $x$", after=tangent, relation=r"\ge",
             claim=Witness(_above, 1e-12)),
        Step("Where the bound is least", "stationarity",
             "at $y = X\\,\\mathrm{softmax}(\\beta X^T x)$: attention with keys and values $X$",
             "Yuille and Rangarajan, Neural Computation 15, 915 (2003)", before=Tuple(*(tangent.diff(b) for b in y)),
             after=Tuple(*[S.Zero] * d), claim=Equal(at=dict(zip(y, update)))),
        Step("The energy falls", "the bound at its least value", "an update lowers the energy by half its squared length or more",
             before=energy - tangent.subs(dict(zip(y, update))), after=sum((a - b) ** 2 for a, b in zip(x, update)) / 2,
             claim=Equal()),
        Step("Share of the other patterns", "triangle inequality",
             "within $\\delta$ of a pattern $x\\cdot(\\xi - \\xi_\\nu) \\ge \\Delta - 2 L \\delta$, so all others have "
             "at most this share of the softmax, and none is farther than $2 L$", "arXiv:2008.02217, theorem 5",
             after=2 * LENGTH * share, claim=Witness(_within, 0.0)),
    )
    domain = {BETA: (0.5, 2)} | {a: (-1, 1) for a in (*x, *y, *(a for xi in patterns for a in xi))}
    results = {"energy": energy, "update": Tuple(*update), "bound": 2 * LENGTH * share, "state": Tuple(*x),
               "patterns": Tuple(*(Tuple(*xi) for xi in patterns))}
    return DynamicsDerivation("attention", steps, results, domain)


def _dot(a, b):
    return sum(i * j for i, j in zip(a, b))


def _above(step, context):
    """By how much the energy of y exceeds its bound anywhere."""
    other = {Symbol(f"x{i}", real=True): Symbol(f"y{i}", real=True) for i in range(WRITTEN[1])}
    excess = attention()["energy"].subs(other) - step.after
    return max(0, *(context.value(excess, point) for point in context.points(20))), "20 pairs of random states"


def _within(step, context):
    """By how much an update from near a random pattern ends beyond the bound."""
    draw, worst = random.Random(context.seed), -mpmath.inf
    for _ in range(40):
        P, d, beta = draw.randint(2, 6), draw.randint(2, 5), draw.uniform(0.5, 4)
        patterns = [[draw.gauss(0, 1) for _ in range(d)] for _ in range(P)]
        x = [a + draw.uniform(-0.1, 0.1) for a in patterns[0]]
        weights = [mpmath.exp(beta * _dot(xi, x)) for xi in patterns]
        after = [sum(w * xi[i] for w, xi in zip(weights, patterns)) / sum(weights) for i in range(d)]
        values = {BETA: beta, COUNT: P, LENGTH: max(map(_norm, patterns)), DISTANCE: _norm(a - b for a, b in zip(x, patterns[0])),
                  GAP: min(_dot(patterns[0], [a - b for a, b in zip(patterns[0], xi)]) for xi in patterns[1:])}
        worst = max(worst, _norm(a - b for a, b in zip(after, patterns[0])) - float(step.after.subs(values)))
    return max(worst, 0), "40 random sets of patterns"


def _norm(vector):
    return mpmath.sqrt(sum(a * a for a in vector))


@cache
def random_energies(kind):
    """When a pattern's weight exp(N lambda m) exceeds that of exp(alpha N) random ones together: levels of a random energy model.

    The results are the `cumulant` c(lambda) = lim (1/N) log E exp(lambda xi.x), |x|^2 = N, its `slope`, and the `threshold`
    lambda m - c(lambda), which holds while c'(lambda) <= m; at stronger interactions it keeps the value where c' = m.

    Parameters
    ----------
    kind : of patterns of squared length N, "binary" or "sphere"

    Returns
    -------
    DynamicsDerivation

    Raises
    ------
    InputError
        For another kind.
    """
    if kind not in PATTERNS:
        raise InputError(f"no patterns {kind!r}; there are {', '.join(PATTERNS)}")
    level, cumulant = _binary_level() if kind == "binary" else _sphere_level()
    threshold = STRENGTH * OVERLAP - cumulant
    steps = (
        level,
        Step("At finite size", "large deviations", "$c$ is the limit of the exact logarithm of the moment", before=Symbol("c_N"),
             after=cumulant, relation=r"\to", claim=Witness(lambda step, context: _finite_size(kind, step, context), 2e-2)),
        Step("The other patterns together", "self-averaging of the levels",
             "levels $u$ are $e^{N(\\alpha - I(u))}$ in number; those that dominate exist where $\\alpha > I(c')$, and then the "
             "sum is its mean", "Derrida, Phys. Rev. B 24, 2613 (1981)",
             after=Symbol("alpha") + cumulant, claim=Stated("a sum of many independent terms takes its mean value")),
        Step("Where they win", "equality of the exponents", "the pattern's own exponent is $\\lambda m$",
             before=threshold + cumulant, after=STRENGTH * OVERLAP, claim=Equal()),
        Step("Freezing", "stationarity in the strength",
             "the threshold grows with $\\lambda$ until $c' = m$: from there on only the nearest pattern counts",
             before=Derivative(threshold, STRENGTH), after=OVERLAP - cumulant.diff(STRENGTH), claim=Equal()),
    )
    domain = {STRENGTH: (0.2, 2), OVERLAP: (0.3, 1), U: (-0.8, 0.8)}
    return DynamicsDerivation(f"random energies, {kind}", steps,
                              {"cumulant": cumulant, "slope": cumulant.diff(STRENGTH), "threshold": threshold}, domain)


def _binary_level():
    cumulant = log(cosh(STRENGTH))
    step = Step("One entry", "independent entries", "entries +1 and -1 are equally likely",
                before=log((exp(STRENGTH) + exp(-STRENGTH)) / 2), after=cumulant, claim=Equal())
    return step, cumulant


def _sphere_level():
    exponent = STRENGTH * U + log(1 - U**2) / 2
    roots = sympy.solve(sympy.numer(sympy.together(exponent.diff(U))), U)
    root, = [r for r in roots if abs(r.subs(STRENGTH, 1)) < 1]
    step = Step("Overlap on the sphere", "Laplace's method",
                "the overlap $u$ has density $(1 - u^2)^{N/2}$; where $\\lambda u$ and its logarithm together are largest",
                before=exponent.diff(U), after=S.Zero, claim=Equal(at={U: root}))
    return step, exponent.subs(U, root)


def exact_moment(kind, strength, N):
    """(1/N) log E exp(strength xi.x) at finite N, mpmath number."""
    if kind == "binary":
        return mpmath.log(mpmath.cosh(strength))
    return mpmath.log(mpmath.hyp0f1(mpmath.mpf(N) / 2, (mpmath.mpf(strength) * N / 2) ** 2)) / N


def _finite_size(kind, step, context):
    """N times the distance at N = 400 less that at N = 100, which vanishes if the distance shrinks like 1/N."""
    strength = context.point()[STRENGTH]
    scaled = [N * (exact_moment(kind, strength, N) - context.value(step.after, {STRENGTH: strength})) for N in (100, 400)]
    return abs(scaled[1] - scaled[0]), "N times its distance from the exact moment at N = 100 and 400"


@cache
def clustered_patterns():
    """Attention to infinitely many patterns +-c + sigma g about two opposite centres: a Curie-Weiss magnet.

    The results are the `update` of the overlap m = x.c/|c|^2, its `slope` at m = 0, and `global_limit`, the beta beyond which
    the average of all patterns is unstable.

    Returns
    -------
    DynamicsDerivation
    """
    moment = exp(BETA**2 * SIGMA**2 * X**2 / 2) * cosh(BETA * CENTRE * X)
    generating = BETA * SIGMA**2 * X**2 / 2 + log(cosh(BETA * CENTRE * X)) / BETA
    update = sympy.expand(generating.diff(X).subs(X, CENTRE * OVERLAP) / CENTRE)
    slope = update.diff(OVERLAP).subs(OVERLAP, 0)
    limit, = sympy.solve(sympy.Eq(slope, 1), BETA)
    steps = (
        Step("Moments of a pattern", "Gaussian integral", "along the centres a pattern is $\\pm c + \\sigma z$",
             before=Symbol(r"\mathrm{E} e^{\beta \xi x}"),
             after=moment, claim=Witness(_gaussian_average, 1e-12)),
        Step("Many patterns", "law of large numbers", "$\\beta^{-1}$ times the logarithm of their mean weight",
             before=log(moment) / BETA, after=generating, claim=Equal()),
        Step("The update", "derivative of log-sum-exp",
             "of $x = c\\,m$: the equation of a magnet, and a share $\\beta\\sigma^2$ of the state that the spread of "
             "a cluster keeps",
             before=Derivative(generating, X), after=CENTRE * update, claim=Equal(at={X: CENTRE * OVERLAP})),
        Step("The average of all patterns", "linear stability of $m = 0$",
             "it is stable while the slope is below 1: up to one over the variance of the patterns",
             before=slope.subs(BETA, limit), after=S.One, claim=Equal()),
    )
    domain = {BETA: (0.3, 1.2), CENTRE: (0.5, 1.5), SIGMA: (0.3, 0.8), X: (-1, 1), OVERLAP: (0.1, 1)}
    return DynamicsDerivation("clustered patterns", steps, {"update": update, "slope": slope, "global_limit": limit}, domain)


def _gaussian_average(step, context):
    """The mean weight of a pattern by quadrature, against that of the step."""
    point = context.point()
    beta, c, sigma, x = (point[name] for name in (BETA, CENTRE, SIGMA, X))
    weight = lambda z: mpmath.npdf(z) * mpmath.exp(beta * x * sigma * z) * mpmath.cosh(beta * x * c)
    return abs(mpmath.quad(weight, [-12, 0, 12]) - context.value(step.after, point)), "quadrature at a random point"
