"""Restricted Boltzmann machines: what hidden Gaussian units amount to, how modes begin to grow, where learning ends, and TAP.

A visible +-1 unit i and a hidden unit k are coupled by W_ik, weight exp(v.W h); the learning rate is eta per unit of time.

References: Hinton, Neural Computation 14, 1771 (2002); Barra, Bernacchia, Santucci and Contucci, Neural Networks 34, 1 (2012);
Decelle, Fissore and Furtlehner, EPL 119, 60001 (2017); Plefka, J. Phys. A 15, 1971 (1982); Gabrie, Tramel and Krzakala, NIPS (2015).
"""

from functools import cache
from itertools import product

import sympy
from sympy import Derivative, Eq, Function, Integral, Rational, S, Symbol, exp, log, oo, sqrt

from ..checks import Equal
from ..derivation import Step
from .derived import DynamicsDerivation, Stated, Witness

__all__ = ["learning_from_patterns", "pair_expansion"]

N, PI, R, M, W_MODE, RATE, BETA = (Symbol(name, positive=True) for name in ("N", "p", "r", "m", "w", "eta", "beta"))
X = Symbol("x", real=True)
Z = Symbol("z", real=True)
MV, MH, COUPLING = (Symbol(name, real=True) for name in ("m_v", "m_h", "W"))

DOMAIN = {N: (5, 60), PI: (0.2, 0.6), R: (0.3, 0.9), M: (0.3, 0.9), W_MODE: (0.2, 1.2), RATE: (0.01, 0.1), BETA: (0.5, 2), X: (-2, 2)}
PAIR_DOMAIN = {MV: (-0.8, 0.8), MH: (-0.8, 0.8), COUPLING: (0.1, 0.9)}


@cache
def learning_from_patterns():
    """A machine with +-1 visible and Gaussian hidden units that learns noisy copies of orthogonal patterns.

    A copy of pattern mu, chosen with probability p, keeps each site with probability (1 + r)/2. The results are `eigenvalue` of the
    data's second moments along the pattern, the growth `factor` of a mode in one step of gradient ascent from small weights, and the
    `overlap` of the learned network with the pattern.

    Returns
    -------
    DynamicsDerivation
    """
    eigenvalue = _eigenvalue(R)
    slope = W_MODE * (Symbol("lambda", positive=True) - 1)
    factor = 1 + RATE * (eigenvalue - 1)
    overlap = sympy.solve(Eq(eigenvalue, _eigenvalue(M)), M)[0]
    gaussian = exp(-Z**2 / 2) / sqrt(2 * sympy.pi)
    steps = (
        Step("Hidden units integrated out", "Gaussian integral", "each hidden unit of unit variance sees the field $x = \\sum_i W_{ik} v_i$",
             before=Integral(gaussian * exp(X * Z), (Z, -oo, oo)), after=exp(X**2 / 2), claim=Equal()),
        Step("A Hopfield network", "substitution",
             "with $W_{i\\mu} = \\sqrt{\\beta/N}\\,\\xi_i^\\mu$ the field is $\\sqrt{\\beta N}\\,m_\\mu$: the weight of a Hopfield network at $T = 1/\\beta$",
             "Barra et al. (2012)", before=exp(X**2 / 2).subs(X, sqrt(BETA * N) * M), after=exp(BETA * N * M**2 / 2), claim=Equal()),
        Step("Gradient of the likelihood", "derivative of a logarithm",
             "along one mode $w$ of the weights the log-likelihood grows by $w$ times the second moment of the data less that of the model",
             "Hinton (2002)", before=Symbol(r"\dot{w}"), after=slope, relation=r"\approx",
             claim=Witness(_small_weights, 1e-6)),
        Step("Second moments of the data", "independent sites",
             "$E v_i v_j = r^2 \\sum_\\mu p_\\mu \\xi_i^\\mu \\xi_j^\\mu$ for $i \\ne j$ and 1 for $i = j$; orthogonal patterns are eigenvectors",
             before=Symbol("lambda", positive=True), after=eigenvalue, claim=Witness(_enumerated_data, 1e-12)),
        Step("Growth in one step", "linear stability of $w = 0$", "small weights feel the data alone: the model's second moment is 1",
             "Decelle et al. (2017)", before=W_MODE + RATE * slope.subs(Symbol("lambda", positive=True), eigenvalue), after=W_MODE * factor, claim=Equal()),
        Step("The end of learning", "stationarity", "where the model is in its retrieval states with probabilities $p_\\mu$ its sites are "
             "independent as $N$ grows, so that its second moment is that of data with $r = m$",
             before=_eigenvalue(M), after=eigenvalue, claim=Equal(at={M: overlap})),
    )
    return DynamicsDerivation("boltzmann-learning", steps, {"eigenvalue": eigenvalue, "factor": factor, "overlap": overlap}, DOMAIN)


def _eigenvalue(overlap):
    """Along a pattern of probability p: one from the diagonal, (N p - 1) r^2 from the pairs of sites."""
    pairs = overlap**2 * (N * PI - 1)
    return 1 + pairs


def _small_weights(step, context):
    """The derivative of the exact log-partition function of N = 6 units at a small weight, against that of the step."""
    size, small = 6, 1e-4
    moments = [sum(v) ** 2 / size for v in product((-1, 1), repeat=size)]
    weights = [float(sympy.exp(small**2 * x / 2)) for x in moments]
    model = sum(w * x for w, x in zip(weights, moments)) / sum(weights)
    wanted = step.after.subs({W_MODE: small, Symbol("lambda", positive=True): 3.7}) / small
    return abs(float(wanted) - (3.7 - model)), "gradient by summation over the states of 6 units at w = 1e-4"


def _enumerated_data(step, context):
    """C xi of four sites and two orthogonal patterns by summation over all noisy copies."""
    patterns, shares, r = ((1, 1, 1, 1), (1, -1, 1, -1)), (0.7, 0.3), 0.6
    image = [0.0] * 4
    for pattern, share in zip(patterns, shares):
        for kept in product((1, -1), repeat=4):
            probability = share
            for k in kept:
                probability *= (1 + k * r) / 2
            v = [x * k for x, k in zip(pattern, kept)]
            projection = sum(a * b for a, b in zip(v, patterns[0]))
            image = [total + probability * x * projection for total, x in zip(image, v)]
    wanted = float(step.after.subs({N: 4, PI: shares[0], R: r}))
    return max(abs(x - wanted * y) for x, y in zip(image, patterns[0])), "summation over all noisy copies of two patterns on 4 sites"


@cache
def pair_expansion(order=2):
    """The Thouless-Anderson-Palmer equations of +-1 units, from the exact potential of a coupled pair at given magnetisations.

    The results are `potential`, what a pair adds to the potential, in powers of its coupling W, and `field`, what it adds to the field
    on the visible unit.

    Parameters
    ----------
    order : 1 (naive mean field) or 2 (TAP)

    Returns
    -------
    DynamicsDerivation
    """
    correlation, scale = Symbol("c", real=True), Symbol("g", real=True)
    probability = {(v, h): (1 + v * MV + h * MH + v * h * correlation) / 4 for v, h in product((1, -1), repeat=2)}
    tension = sum(v * h * log(p) for (v, h), p in probability.items()) / 4
    bare = MV * MH
    response = sympy.factor(COUPLING / sympy.diff(tension, correlation).subs(correlation, bare))
    potential = COUPLING * bare if order == 1 else COUPLING * bare + COUPLING * response / 2
    field = sympy.factor(potential.diff(MV) - COUPLING * MH) + COUPLING * MH
    steps = (
        Step("The stationary correlation", "Lagrange multipliers",
             "at fixed magnetisations only the correlation $c$ of a pair is free; the derivative of the entropy balances the coupling $g W$",
             before=tension.subs(correlation, bare), after=S.Zero, claim=Equal()),
        Step("Its response", "implicit derivative", "of $g W = \\frac14 \\sum_{vh} v h \\ln p(v, h)$ at $g = 0$, where $c = m_v m_h$",
             before=Derivative(Function("c")(scale), scale), after=response, claim=Witness(_solved_correlation, 1e-6)),
        Step("The potential of a pair", "Taylor's theorem in the coupling",
             "the derivative of the potential by the coupling's scale is $W c$; higher orders, and loops of pairs, vanish as $N$ grows "
             "where couplings are of order $N^{-1/2}$", "Plefka (1982)", after=potential,
             claim=Stated("weak dense couplings: third and higher orders are dropped")),
        Step("The field on a unit", "stationarity in the magnetisation", "$\\operatorname{artanh} m_v = a + \\sum_h$ of the "
             "derivatives of the pairs' potentials",
             before=potential.diff(MV), after=field, claim=Equal()),
    )
    return DynamicsDerivation("tap" if order == 2 else "naive mean field", steps, {"potential": potential, "field": field}, PAIR_DOMAIN)


def _solved_correlation(step, context):
    """The response from solving for the correlation at two small scales of the coupling."""
    worst = 0
    for point in context.points(2):
        m, n, w = (float(point[x]) for x in (MV, MH, COUPLING))
        c = Symbol("c", real=True)
        tension = sum(v * h * log((1 + v * m + h * n + v * h * c) / 4) for v, h in product((1, -1), repeat=2)) / 4
        scale = Rational(1, 1000)
        up, down = (sympy.nsolve(tension - sign * scale * w, c, m * n, prec=30) for sign in (1, -1))
        worst = max(worst, abs(float((up - down) / (2 * scale)) - float(context.value(step.after, point))))
    return worst, "the correlation solved for at couplings of a thousandth"
