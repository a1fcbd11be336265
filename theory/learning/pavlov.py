"""Neurons and synapses that move together: from conditioning to Hebb's couplings.

Binary neurons and binary synapses with the energy H = -sum_{i<j} J_ij s_i s_j - sum_i h_i s_i are refreshed from the heat bath,
neurons at
rate 1/tau, synapses at rate 1/tau'. After E. Agliari et al., Neural Comput. 35, 930 (2023), arXiv:2207.00790; D. Lotito et al.,
Neural Comput. 37, 311 (2025), arXiv:2405.03823.
"""

from functools import cache

import mpmath
import sympy
from sympy import Derivative, Function, Integral, S, Symbol, exp, tanh

from ..checks import Equal, Outcome
from ..derivation import Step
from ..symbols import N, beta
from .derived import DynamicsDerivation, Stated, Witness

__all__ = ["derive_pavlov"]

PAVLOV = "E. Agliari et al., From Pavlov conditioning to Hebb learning, Neural Comput. 35, 930 (2023), arXiv:2207.00790"
GLAUBER = "R. J. Glauber, J. Math. Phys. 4, 294 (1963)"

t, start, rate = sympy.symbols("t J_0 r", positive=True)
tau, slow = sympy.symbols("tau tau'", positive=True)
s, K, field, product = (Symbol(name, real=True) for name in ("s", "K", "h", "p"))
s1, s2, J11, J12, J22, u1, u2 = sympy.symbols("s_1 s_2 J_11 J_12 J_22 u_1 u_2", real=True)
n1, n2 = sympy.symbols("n_1 n_2", positive=True)
BLOCKS = (s1, s2, J11, J12, J22)
DOMAIN = {beta: (0.4, 1.2), t: (0.3, 1.5), start: (0.1, 0.5), rate: (0.5, 2.0), tau: (0.5, 1.5), slow: (3.0, 6.0), N: (4, 9),
          s: (0.2, 0.9), K: (2.2, 3.0), field: (-0.5, 0.5), product: (-1, 1), n1: (2, 5), n2: (2, 5), u1: (0.0, 2.0),
          u2: (0.0, 2.0),
          **{x: (0.1, 0.9) for x in BLOCKS}}


@cache
def derive_pavlov():
    """The derivation of the coupled dynamics of means, its filter, its fixed points, and its reduction to two concepts.

    Returns
    -------
    DynamicsDerivation with the results
        target : tanh beta, the mean of a synapse whose neurons agree
        filtered : J(t) from J(0) = J_0 where the neurons' product is exp(-r t)
        strength : K = (N - 1) beta tanh beta, of memory without stimuli; map : tanh(K s^3), whose fixed points are its levels
        inverse : K(s) of a fixed point; fold : the function of s that vanishes at the smallest K
        blocks : right-hand sides of s_1, s_2, J_11, J_12, J_22 for two concepts of n_1 and n_2 neurons with stimuli u_1, u_2
    """
    learning, fixed = _learning(), _fixed_points()
    blocks, reduction = _blocks()
    steps = (_heat_bath(), _kinetics(), _factorisation(), *learning["steps"], *fixed["steps"], reduction)
    results = {key: value for part in (learning, fixed) for key, value in part.items() if key != "steps"}
    return DynamicsDerivation("Pavlov and Hebb", steps, {"target": tanh(beta), **results, "blocks": blocks}, DOMAIN)


def _heat_bath():
    """Mean of a synapse in the heat bath of its two neurons."""
    average = sum(j * exp(beta * j * product) for j in (1, -1)) / sum(exp(beta * j * product) for j in (1, -1))
    sides = [[side.subs(product, value) for value in (1, -1)] for side in (average, product * tanh(beta))]
    return Step("The mean of a synapse", "heat bath", "A binary synapse between neurons of product $p = \\pm 1$ has the mean "
                "$\\tanh(\\beta p)$, which "
                "is $p\\tanh\\beta$ exactly.", GLAUBER, *(sympy.Tuple(*side) for side in sides), "=", Equal())


def _kinetics():
    right = sympy.Tuple((-Symbol(r"\langle J_{ij}\rangle") + tanh(beta) * Symbol(r"\langle\sigma_i\sigma_j\rangle")) / slow,
                        (-Symbol(r"\langle\sigma_i\rangle") + Symbol(r"\langle\tanh\beta(\sum_j J_{ij}\sigma_j + "
                                                                     r"h_i)\rangle")) / tau)
    left = sympy.Tuple(Symbol(r"\tfrac{d}{dt}\langle J_{ij}\rangle"), Symbol(r"\tfrac{d}{dt}\langle\sigma_i\rangle"))
    return Step("Equations of means", "master equation", "Refreshing at a constant rate moves every mean towards that of its "
                "heat bath. Both equations are exact; the sum over $j$ leaves out $i$, and $h_i$ holds the whole stimulus.",
                GLAUBER, left, right, "=", Witness(_master_equation, 1e-12))


def _master_equation(step, context):
    """d<J>/dt and d<s_1>/dt of two neurons and their synapse by the generator of all 8 states, against the step's right side."""
    import itertools

    at = context.point()
    random, b, h = context.random, at[beta], at[field]
    states = list(itertools.product((1, -1), repeat=3))
    weights = [mpmath.mpf(random.uniform(0.1, 1)) for _ in states]
    weights = [w / mpmath.fsum(weights) for w in weights]

    def mean(function):
        return mpmath.fsum(w * function(*state) for w, state in zip(weights, states))

    def flow(position, time, local):
        """d/dt of the mean of one variable: it is redrawn with probability exp(local) / (2 cosh local)."""
        total = mpmath.mpf(0)
        for w, state in zip(weights, states):
            up = 1 / (1 + mpmath.exp(-2 * local(*state)))
            total += w * (up * (1 - state[position]) + (1 - up) * (-1 - state[position])) / time
        return total

    def local(a, c, j):
        return b * (j * c + h)

    values = {r"\langle J_{ij}\rangle": mean(lambda a, c, j: j), r"\langle\sigma_i\sigma_j\rangle": mean(lambda a, c, j: a * c),
              r"\langle\sigma_i\rangle": mean(lambda a, c, j: a),
              r"\langle\tanh\beta(\sum_j J_{ij}\sigma_j + h_i)\rangle": mean(lambda *z: mpmath.tanh(local(*z)))}
    point = {**at, **{Symbol(name): value for name, value in values.items()}}
    found = flow(2, at[slow], lambda a, c, j: b * a * c), flow(0, at[tau], local)
    worst = max(abs(context.value(after, point) - value) for after, value in zip(step.after, found))
    return worst, "two neurons and their synapse, generator of all 8 states"


def _factorisation():
    bar = Function(r"\bar\sigma")
    i, j = sympy.symbols("i j", integer=True)
    coupling = sympy.IndexedBase(r"\bar J")
    local = beta * (sympy.Sum(coupling[i, j] * bar(j), (j, 1, N)) + Symbol("h_i"))
    return Step("Closed equations", "factorisation of means", "$\\langle\\sigma_i\\sigma_j\\rangle \\to "
                "\\bar\\sigma_i\\bar\\sigma_j$ and the mean of tanh becomes tanh of the mean.",
                PAVLOV, sympy.Tuple(tau * Symbol(r"\dot{\bar\sigma}_i"), slow * Symbol(r"\dot{\bar J}_{ij}")),
                sympy.Tuple(-bar(i) + tanh(local), -coupling[i, j] + tanh(beta) * bar(i) * bar(j)), "=",
                Stated("fluctuations of the field are small; exact where strong stimuli hold the neurons, whose fields then "
                       "saturate"))


def _learning():
    """The synapses as a filter of the neurons' products."""
    moved = exp(-t / slow) * start
    later = Symbol("t'", positive=True)
    general = moved + tanh(beta) / slow * Integral(exp(-(t - later) / slow) * sympy.cos(rate * later), (later, 0, t))
    solution = _filtered(sympy.cos(rate * t), sympy.sin(rate * t))
    filtered = _filtered(exp(-rate * t))
    period = Symbol("D", positive=True)
    source = exp(-rate * t)
    averaged = tanh(beta) * Integral(source, (t, 0, period)) - slow * (filtered.subs(t, period) - start)
    steps = (
        Step("Synapses filter", "linear equation", "At given neurons a synapse is an exponential filter of their product with "
             "the memory time $\\tau'$ (not the plain mean over all times), shown for a product $\\cos(rt)$.", PAVLOV,
             sympy.Tuple(general, slow * Derivative(solution, t) + solution),
             sympy.Tuple(solution, tanh(beta) * sympy.cos(rate * t)), "=", Equal()),
        Step("A product that decays", "integration", "After a change of stimulus neurons relax as $e^{-t/\\tau}$, so that "
             "products are sums of exponentials.",
             PAVLOV, slow * Derivative(filtered, t) + filtered, tanh(beta) * source, "=", Equal()),
        Step("Mean over a presentation", "integration of the equation", "Over a presentation of length $D$ the integral of a "
             "synapse is that of its source less its "
             "change; in a periodic state the change of a period vanishes and the mean synapse is $\\tanh\\beta$ times the mean "
             "product: $P$ stimuli in turn give $\\tanh\\beta\\,\\frac1P\\sum_\\mu\\xi^\\mu\\xi^{\\mu T}$, Hebb's couplings; one "
             "stimulus that is held gives "
             "$\\tanh\\beta\\,\\xi\\xi^T$, all of it.", PAVLOV, Integral(filtered, (t, 0, period)), averaged, "=",
             Equal({period: S(2)})),
    )
    return {"steps": steps, "filtered": filtered, "averaged": averaged}


def _filtered(source, *others):
    """tau' dJ/dt = -J + tanh(beta) source from J(0) = J_0, by undetermined coefficients of the source and others like it."""
    waves = (source, *others)
    amounts = sympy.symbols(f"amount:{len(waves)}")
    particular = sum(x * wave for x, wave in zip(amounts, waves))
    left_over = sympy.expand(slow * particular.diff(t) + particular - tanh(beta) * source)
    found = sympy.solve([left_over.coeff(wave) for wave in waves], amounts, dict=True)[0]
    particular = particular.subs(found)
    return particular + (start - particular.subs(t, 0)) * exp(-t / slow)


def _fixed_points():
    """Memory that neurons and synapses keep up together, without a stimulus."""
    strength = (N - 1) * beta * tanh(beta)
    local = beta * (N - 1) * (tanh(beta) * s * s) * s
    inverse = sympy.atanh(s) / s**3
    fold = sympy.numer(sympy.together(inverse.diff(s)))
    steps = (
        Step("Memory without stimulus", "fixed point", "$J_{ij} = \\tanh\\beta\\,\\sigma_i\\sigma_j$ and $|\\sigma_i| = s$: the "
             "field of the $N - 1$ others is cubic in $s$.",
             PAVLOV, tanh(local), tanh(K * s**3), "=", Equal({K: strength})),
        Step("Strength of a level", "inversion", "Every level is a fixed point at one strength $K$.", PAVLOV,
             tanh(inverse * s**3), s, "=", Equal()),
        Step("Where memory ends", "smallest strength", "Memory needs the smallest $K$ of any level: its derivative vanishes "
             "there, and the map is tangent to the diagonal.",
             PAVLOV, Derivative(tanh(K * s**3), s) - 1, S.Zero, "=", _Fold(fold, inverse)),
    )
    return {"steps": steps, "strength": strength, "map": tanh(K * s**3), "inverse": inverse, "fold": fold}


class _Fold:
    """The step's two sides at the root of the fold condition."""

    def __init__(self, fold, inverse):
        self.fold, self.inverse = fold, inverse

    def __call__(self, step, context):
        root = sympy.nsolve(self.fold, s, 0.85, prec=30)
        at = {s: root, K: self.inverse.subs(s, root).evalf(30)}
        gap = float(abs(context.value(step.before - step.after, {**context.point(), **at})))
        return Outcome("passed" if gap < 1e-15 else "failed", f"s = {mpmath.nstr(root, 10)}, K = {mpmath.nstr(at[K], 12)}: "
                       f"slope off by {gap:.0e}")


def _blocks():
    """Two concepts, each a group of neurons: the reduced equations, and the step that checks them against the network."""
    first, second = (n1 - 1) * J11 * s1 + n2 * J12 * s2 + u1, n1 * J12 * s1 + (n2 - 1) * J22 * s2 + u2
    products = (s1 * s1, s1 * s2, s2 * s2)
    right = sympy.Tuple(*((-x + tanh(beta * local)) / tau for x, local in ((s1, first), (s2, second))),
                        *((-x + tanh(beta) * p) / slow for x, p in zip((J11, J12, J22), products)))
    names = sympy.Tuple(*(Symbol(rf"\dot{{{x}}}") for x in BLOCKS))
    return right, Step(
        "Two concepts", "symmetry", "With $\\sigma_i = \\xi_i s_a$ and $J_{ij} = \\xi_i\\xi_j J_{ab}$ in groups $a, b$, and "
        "stimuli $\\xi_i u_a$, all neurons of a group have the "
        "same equation: the closed equations of any pattern $\\xi$ reduce to five. A joint stimulus that is held lets the mixed "
        "coupling grow to $\\tanh\\beta$ like the others; the factor 1/2 belongs to two stimuli in turn.", PAVLOV, names, right,
        "=",
        Witness(_network, 1e-12))


def _network(step, context):
    """The closed equations of 3 + 4 neurons with random signs, neuron by neuron, against the step's right side."""
    at = {**context.point(), n1: mpmath.mpf(3), n2: mpmath.mpf(4)}
    groups, signs = [0, 0, 0, 1, 1, 1, 1], [context.random.choice((1, -1)) for _ in range(7)]
    levels, stimuli = [at[s1], at[s2]], [at[u1], at[u2]]
    inner = {(0, 0): at[J11], (0, 1): at[J12], (1, 0): at[J12], (1, 1): at[J22]}
    state = [x * levels[g] for x, g in zip(signs, groups)]
    couplings = [[x * y * inner[g, h] for y, h in zip(signs, groups)] for x, g in zip(signs, groups)]
    expected = [context.value(e, at) for e in step.after]
    worst = mpmath.mpf(0)
    for i, (x, g) in enumerate(zip(signs, groups)):
        local = mpmath.fsum(couplings[i][j] * state[j] for j in range(7) if j != i) + x * stimuli[g]
        flow = (-state[i] + mpmath.tanh(at[beta] * local)) / at[tau]
        worst = max(worst, abs(x * flow - expected[g]))
        for j, (y, k) in enumerate(zip(signs, groups)):
            change = (-couplings[i][j] + mpmath.tanh(at[beta]) * state[i] * state[j]) / at[slow]
            worst = max(worst, abs(x * y * change - expected[2 + g + k]))
    return worst, "3 + 4 neurons with random signs"
