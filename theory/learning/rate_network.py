"""A noisy rate network with planted attractors: fixed points, their stability, and the linear noise about them.

tau dx_i/dt = -x_i + (1/sqrt N) sum_j A_ij f(x_j) + sum_j G_ij eta_j, f(x) = x^2/(c + x^2), white noise of unit strength.
Time in units of tau where tau is not written. After S. Gagliani et al., arXiv:2510.12286; L. Chicchi et al., arXiv:2409.13470.
"""

from functools import cache

import mpmath
import sympy
from sympy import Derivative, Eq, Function, MatrixSymbol, S, Symbol, exp, sqrt

from ..checks import Equal
from ..derivation import Step
from ..symbols import N
from .derived import DynamicsDerivation, Stated, Witness

__all__ = ["derive_rate_network"]

PLANTING = "S. Gagliani et al., Train stochastic non linear coupled ODEs to classify and generate, arXiv:2510.12286"
NOISE = "N. G. van Kampen, Stochastic Processes in Physics and Chemistry (North-Holland, 2007), ch. VIII.6 and X"

x = Symbol("x", real=True)
a, c, gain, s = sympy.symbols("a c l s", positive=True)
eigenvalue, tau = sympy.symbols("lambda tau", positive=True)
moment = Symbol("C", positive=True)
DOMAIN = {x: (0.3, 2.0), a: (1.5, 3.0), c: (0.5, 1.5), gain: (2.6, 4.0), eigenvalue: (2.0, 9.0), s: (0.3, 0.6), tau: (0.5, 2.0),
          N: (10, 60)}


@cache
def derive_rate_network():
    """The derivation of planted attractors and of the fluctuations about them.

    Returns
    -------
    DynamicsDerivation with the results
        transfer, slope, curvature : f, f', f'' as functions of x and c
        force : right-hand side of one neuron with gain l = lambda / sqrt N along a pattern, tau dx/dt
        eigenvalue : of the coupling matrix that makes the level a of a pattern {0, a}^N a fixed point
        lower, upper : the levels at a gain l, unstable and stable; saddle_node : the gain at which they meet
        rate : eigenvalue of the linearised dynamics along a planted pattern (times 1/tau)
        margin : the level at which that rate vanishes
        potential : of one neuron, of noise amplitude s; density : its unnormalised stationary density
        variance, shift : of one neuron about its attractor, to leading order in the noise
    """
    transfer = x**2 / (c + x**2)
    levels = _levels(transfer)
    linear = _linear(transfer, levels)
    noise = _scalar_noise(transfer, linear)
    steps = (_stated(transfer), *levels["steps"], *linear["steps"], _lyapunov(), *noise["steps"])
    results = {key: value for part in (levels, linear, noise) for key, value in part.items() if key != "steps"}
    return DynamicsDerivation("stochastic rate network", steps, {"transfer": transfer, **results}, DOMAIN)


def _stated(transfer):
    state, noise = (sympy.IndexedBase(name) for name in ("x", "eta"))
    coupling, amplitude = sympy.IndexedBase("A"), sympy.IndexedBase("G")
    i, j = sympy.symbols("i j", integer=True)
    right = -state[i] + sympy.Sum(coupling[i, j] * Function("f")(state[j]), (j, 1, N)) / sqrt(N)
    return Step("The dynamics", "definition", "A rate network with additive noise; $f(x) = x^2/(c + x^2)$ vanishes at rest and "
                "saturates.",
                PLANTING, Eq(Function("f")(x), transfer), right + sympy.Sum(amplitude[i, j] * noise[j], (j, 1, N)),
                r"\text{in}\quad \tau\dot x_i =", Stated("this is the model; all else follows from it"))


def _levels(transfer):
    """Fixed points along a planted pattern."""
    at = transfer.subs(x, a)
    condition = sympy.solve(Eq(a, eigenvalue * at / sqrt(N)), eigenvalue)[0]
    factorises = Step(
        "Patterns of two levels", "f acts on values", "On a pattern of $0$ and $a$ the response is proportional to the pattern, "
        "since $f(0) = 0$: nothing is assumed of how patterns overlap.", PLANTING,
        sympy.Tuple(*(transfer.subs(x, a * z) for z in (0, 1))),
        sympy.Tuple(*(at * z for z in (0, 1))), "=", Equal())
    planting = Step(
        "Planting", "eigenvector of the couplings", "If the pattern is an eigenvector of $A$ with eigenvalue $\\lambda$, every "
        "occupied neuron has the same equation $a = \\lambda f(a)/\\sqrt N$; it fixes the eigenvalue.", PLANTING,
        eigenvalue * at / sqrt(N), a, "=", Equal({eigenvalue: condition}))
    polynomial = sympy.Poly(sympy.numer(sympy.together(x - gain * transfer)) / x, x)
    lower, upper = sorted(sympy.roots(polynomial), key=lambda root: float(root.subs({gain: 3, c: 1})))
    saddle = next(g for g in sympy.solve(sympy.discriminant(polynomial), gain) if g.subs(c, 1).is_positive)
    solved = Step(
        "Levels at a given gain", "roots of a quadratic", "Besides $x = 0$, which is always stable, a gain $l = \\lambda/\\sqrt "
        "N$ has two levels.",
        PLANTING, sympy.Tuple(gain * transfer.subs(x, lower), gain * transfer.subs(x, upper)), sympy.Tuple(lower, upper), "=",
        Equal())
    fold = Step("Saddle-node", "double root", "The two levels meet where the discriminant vanishes; below this gain there is no "
                "attractor besides rest.", PLANTING, sympy.Tuple(lower, upper), sympy.Tuple(sqrt(c), sqrt(c)), r"\to",
                Equal({gain: saddle}))
    return {"steps": (factorises, planting, solved, fold), "eigenvalue": condition, "lower": lower, "upper": upper,
            "saddle_node": saddle}


def _linear(transfer, levels):
    """Linearisation about a planted attractor."""
    slope, curvature = (sympy.factor(transfer.diff(x, n)) for n in (1, 2))
    force = -x + gain * transfer
    planted = levels["eigenvalue"] / sqrt(N)
    rate = sympy.apart(sympy.cancel(force.diff(x).subs({x: a, gain: planted})), a)
    margin = next(z for z in sympy.solve(rate, a) if z.subs(c, 1).is_positive)
    jacobian = Step(
        "Jacobian", "chain rule", "$J_{ij} = -\\delta_{ij} + A_{ij} f'(\\bar x_j)/\\sqrt N$: silent neurons, where $f'(0) = 0$, "
        "send nothing.",
        PLANTING, sympy.Tuple(Derivative(transfer, x), Derivative(transfer, (x, 2))), sympy.Tuple(slope, curvature), "=", Equal())
    along = Step(
        "Along the pattern", "eigenvector of the Jacobian", "$f'(\\bar x) \\bar x = f'(a) \\bar x$, so the pattern is an "
        "eigenvector of $J$ too.",
        PLANTING, -1 + eigenvalue * slope.subs(x, a) / sqrt(N), rate, "=", Equal({eigenvalue: levels["eigenvalue"]}))
    stable = Step("Stability along the pattern", "sign of the eigenvalue", "The rate is negative for levels above $\\sqrt c$, "
                  "where it vanishes: "
                  "the saddle-node again.", PLANTING, rate, S.Zero, "=", Equal({a: margin}))
    others = Step(
        "Overlapping patterns", "product of two projectors",
        "With $A = \\lambda\\Pi$, $\\Pi$ the projector on the patterns' span and $D$ that on the occupied neurons, $J = -1 + "
        "\\lambda f'(a)\\Pi D/\\sqrt N$. "
        "The eigenvalues of a product of two orthogonal projectors lie in $[0, 1]$, and 1 belongs to the pattern: all linearly "
        "independent patterns, up to N of them, are fixed points with the same slowest rate.", PLANTING,
        Symbol(r"\max\operatorname{Re}\operatorname{spec}J"),
        rate, "=", Witness(_projectors, 1e-10))
    return {"steps": (jacobian, along, stable, others), "slope": slope, "curvature": curvature, "force": force, "rate": rate,
            "margin": margin}


def _projectors(step, context):
    """Largest real part of the Jacobian's spectrum at overlapping random patterns, against the step's right side."""
    import numpy

    at = {**context.point(), a: mpmath.mpf(2), c: mpmath.mpf(1)}
    expected, random = float(context.value(step.after, at)), numpy.random.default_rng(context.seed)
    results = derive_rate_network().results
    strength = float(context.value(results["eigenvalue"] * results["slope"].subs(x, a) / sqrt(N), at))
    worst = 0.0
    for size, count in ((12, 3), (30, 15)):
        patterns = (random.random((size, count)) < 0.5).astype(float)
        projector = patterns @ numpy.linalg.pinv(patterns)
        for pattern in patterns.T:
            spectrum = numpy.linalg.eigvals(-numpy.eye(size) + strength * projector * pattern)
            worst = max(worst, abs(spectrum.real.max() - expected))
    return worst, "3 of 12 and 15 of 30 random patterns, half of the neurons occupied"


def _lyapunov():
    drift, covariance, noise = MatrixSymbol("J", 2, 2), MatrixSymbol("C", 2, 2), MatrixSymbol("G", 2, 2)
    condition = drift * covariance / tau + covariance * drift.T / tau + noise * noise.T / tau**2
    return Step(
        "Linear noise", "second moments of an Ornstein-Uhlenbeck process",
        "To leading order in the noise $\\tau\\,\\dot{\\delta x} = J\\delta x + G\\eta$. Its second moments obey "
        "$\\dot C = (JC + CJ^T)/\\tau + GG^T/\\tau^2$; they are stationary where the right-hand side vanishes.",
        NOISE, condition, sympy.ZeroMatrix(2, 2), "=", Witness(_stationary, 1e-8))


def _stationary(step, context):
    """The step's condition at the covariance that the noise accumulates, int_0^inf e^{Jt/tau} G G^T e^{J^T t/tau} dt / tau^2."""
    drift = mpmath.matrix([[-1, 0.7], [-0.4, -0.6]])
    noise = mpmath.matrix([[0.5, 0.1], [-0.2, 0.3]])
    time = mpmath.mpf(context.point()[tau])

    def entry(i, j):
        def integrand(t):
            moved = mpmath.expm(drift * t / time) * noise
            return (moved * moved.T)[i, j] / time**2
        return mpmath.quad(integrand, [0, 3 * time, 9 * time, 40 * time], maxdegree=5)

    covariance = mpmath.matrix(2, 2)
    for i, j in ((0, 0), (0, 1), (1, 1)):
        covariance[i, j] = covariance[j, i] = entry(i, j)
    values = {"J": drift, "C": covariance, "G": noise}
    condition = step.before.xreplace({m: sympy.Matrix(values[m.name].tolist()) for m in step.before.atoms(MatrixSymbol)})
    left = sympy.Matrix(condition.subs(tau, time).doit())
    return max(abs(mpmath.mpf(e)) for e in left), "a 2 x 2 drift, noise accumulated by quadrature"


def _scalar_noise(transfer, linear):
    """One neuron with noise: its exact stationary density, and the leading orders of its moments."""
    force = linear["force"]
    potential = sympy.collect(sympy.expand(-sympy.integrate(sympy.apart(force, x), x)), gain)
    density = exp(-2 * potential / s**2)
    slowness = force.diff(x)
    variance = -s**2 / (2 * slowness)
    shift = -gain * linear["curvature"] * variance / (2 * slowness)
    steps = (
        Step("Potential of one neuron", "integration", "One neuron moves in a potential, in units of $\\tau$.", NOISE,
             -Derivative(potential, x), force, "=", Equal()),
        Step("Stationary density", "vanishing flux", "The flux $F p - (s^2/2) p'$ vanishes: exact in the basin of the attractor "
             "at any noise that does "
             "not leave it.", NOISE, force * density, s**2 * Derivative(density, x) / 2, "=", Equal()),
        Step("Variance of one neuron", "linear noise", "The Lyapunov equation of one neuron.", NOISE,
             2 * slowness * moment + s**2, S.Zero,
             "=", Equal({moment: variance})),
        Step("Shift of the mean", "mean of the force", "$0 = \\langle F\\rangle \\approx F'\\,\\delta m + \\tfrac12 F''\\,C$: "
             "the attractor's mean is displaced by the "
             "curvature at first order in $C$.", NOISE, Symbol(r"(\langle x\rangle - \bar x)/C"), shift / variance, r"\to",
             Witness(_shift, 2e-3)),
    )
    return {"steps": steps, "potential": potential, "density": density, "variance": variance, "shift": shift}


def _shift(step, context):
    """(mean - a)/C by quadrature at small noise, against the step's right side."""
    numbers = {gain: mpmath.mpf(3), c: mpmath.mpf(1), s: mpmath.mpf("0.02")}
    results = derive_rate_network().results
    top, low = (context.value(results[key], numbers) for key in ("upper", "lower"))
    at = {**numbers, x: top}
    weight = sympy.lambdify(x, results["potential"].subs({k: sympy.Float(str(v)) for k, v in numbers.items()}), "mpmath")
    width = mpmath.sqrt(context.value(results["variance"], at))
    ground = weight(top)
    ends = [max(low, top - 12 * width), top, top + 12 * width]
    moments = [mpmath.quad(lambda z: (z - top)**n * mpmath.exp(-2 * (weight(z) - ground) / numbers[s]**2), ends) for n in (0, 1)]
    found = moments[1] / moments[0] / width**2
    return abs(found - context.value(step.after, at)), "c = 1, l = 3, s = 0.02, by quadrature of the exact density"
