"""Stationary fluctuations of weights under stochastic gradient descent: the recursion of their covariance and its limits.

Weights are v, measured from the minimum; an example has the gradient h v - n with E h = H (the Hessian) and E n = 0. A step
subtracts the learning rate eta times the mean gradient of B examples drawn independently (with replacement from a finite set).
"""

from dataclasses import dataclass
from itertools import product

import sympy
from sympy import MatrixSymbol, Trace

from ..derivation import Step
from ..symbols import symbol
from .derived import DynamicsDerivation, Stated
from .gaussian_checks import Numerical
from .matrices import matrix_function

__all__ = ["SGD", "stochastic_gradient_descent"]

eta, batch, noise = symbol("eta"), symbol("B"), symbol("s2")
size = sympy.Symbol("n", integer=True, positive=True)
C, H, F, D = (MatrixSymbol(name, size, size) for name in "CHFD")
GAUSSIAN_INPUTS = "L. Isserlis, Biometrika 12, 134 (1918)"
SGD_NOISE = "S. Mandt, M. D. Hoffman and D. M. Blei, J. Mach. Learn. Res. 18, 134 (2017)"


@dataclass(frozen=True)
class SGD(DynamicsDerivation):
    """The covariance of weights under stochastic gradient descent.

    `results` holds matrix expressions in C (covariance of the weights), H (Hessian), F = E[h C h], D = E[n n^T], and eta, B, s2:

    - "recursion": the covariance after a step;
    - "quartic", "noise": F and D of linear regression with Gaussian inputs and label noise of variance s2;
    - "drift", "diffusion": of the stationary state at small rates, drift C + C drift + diffusion = 0, C of order eta.
    """

    def arguments(self, name):
        """The symbols that a result depends on, in the order C, H, F, D, eta, B, s2."""
        free = self.results[name].free_symbols
        return tuple(a for a in (C, H, F, D, eta, batch, noise) if a in free)


def stochastic_gradient_descent():
    """Derive the recursion of the weights' covariance, its averages for Gaussian inputs, and its limit of small rates.

    Returns
    -------
    SGD
    """
    second = F + D
    recursion = C - eta * (H * C + C * H) + eta**2 * (second / batch + (1 - 1 / batch) * H * C * H)
    quartic = _contracted()
    drift, diffusion = -H, eta / batch * D
    results = {"recursion": recursion, "quartic": quartic, "noise": noise * H, "drift": drift, "diffusion": diffusion}
    return SGD("stochastic gradient descent", _steps(recursion, quartic, drift, diffusion), results, {})


def _steps(recursion, quartic, drift, diffusion):
    v, g = MatrixSymbol("v", size, 1), MatrixSymbol("gbar", size, 1)
    G, M = MatrixSymbol("G", size, size), MatrixSymbol("G_1", size, size)
    first = (v - eta * g) * (v - eta * g).T
    expanded = v * v.T - eta * (v * g.T + g * v.T) + eta**2 * g * g.T
    averaged = C - eta * (H * C + C * H) + eta**2 * G
    drawn = averaged.xreplace({G: M / batch + (1 - 1 / batch) * H * C * H})
    return (
        Step("One step", "outer product", r"$v \to v - \eta\bar g$ with the mean gradient $\bar g$ of a batch.", SGD_NOISE,
             first, expanded, claim=Numerical(_same, 1e-12, "both sides agree for random vectors")),
        Step("Linear gradients", "linear approximation",
             r"Examples have gradients $g = hv - n$ with $\mathbb{E}h = H$, exactly for linear regression and to leading order "
             r"in $v$ near a minimum of other losses; $\bar g$ is drawn independently of $v$, so "
             r"$\mathbb{E}\,\bar g v^T = HC$. $G = \mathbb{E}\,\bar g\bar g^T$.", SGD_NOISE,
             MatrixSymbol("C'", size, size), averaged, claim=Stated("gradients are linear in the distance from the minimum")),
        Step("Independent draws", "variance of a mean",
             r"Of the $B^2$ pairs of a batch $B$ are one example twice, $G_1 = \mathbb{E}\,gg^T$, the others independent.",
             SGD_NOISE, averaged, drawn,
             claim=Numerical(_draws, 1e-12, "all batches of 2 and of 3 of a population of 4 examples")),
        Step("Two kinds of noise", "linearity",
             r"$G_1 = \mathbb{E}[hCh] + \mathbb{E}[nn^T] = F + D$; the cross terms vanish with the mean of $v$, "
             r"which decays as $(1 - \eta H)^t$.", SGD_NOISE, drawn.xreplace({M: F + D}), recursion,
             claim=Numerical(_same, 1e-12, "both sides agree for random matrices")),
        Step("Gaussian inputs", "Isserlis' theorem",
             r"$h = xx^T$ with $x \sim N(0, H)$: $\mathbb{E}[x_ix_jx_kx_l]C_{jk}$ is a sum over pairings; "
             r"$n = \varepsilon x$ with label noise of variance $s2$ gives $D = s2\,H$.", GAUSSIAN_INPUTS, F, quartic,
             claim=Numerical(_quartic_deviation, 1e-10, "the average over two Gaussian inputs by quadrature")),
        Step("Small rates", "expansion in the rate",
             r"With $C = \eta C_1$ the stationarity $C' = C$ starts at $\eta^2$: $HC_1 + C_1H = D/B$.", SGD_NOISE,
             drift * C + C * drift + diffusion, sympy.ZeroMatrix(size, size),
             claim=Numerical(_small_rates, 1e-4, "the recursion is stationary at its solution up to terms of higher order")),
    )


def _contracted():
    """E[x_i x_j x_k x_l] C_jk for Gaussian x of covariance H, pairing by pairing, as a matrix in i and l."""
    total = []
    for partner in ("j", "k", "l"):
        if partner == "l":
            total.append(Trace(H * C) * H)
        else:
            total.append(H * (C if partner == "j" else C.T) * H)
    return sympy.MatAdd(*total).xreplace({C.T: C}).doit()


def _same(step, rng):
    """Both sides of a matrix identity at random matrices; C and H symmetric."""
    import numpy as np

    symbols = sorted(step.before.free_symbols | step.after.free_symbols, key=str)
    symbols = [a for a in symbols if a != size]
    point = [_random(a, rng) for a in symbols]
    left, right = (np.asarray(matrix_function(symbols, side)(*point)) for side in (step.before, step.after))
    return float(abs(left - right).max() / abs(right).max())


def _random(a, rng, n=3):
    import numpy as np

    if not isinstance(a, MatrixSymbol):
        return rng.uniform(0.2, 2.0)
    drawn = np.array([[rng.gauss(0, 1) for _ in range(n)] for _ in range(n if a.shape[1] == size else 1)]).T
    return drawn @ drawn.T if a.shape[1] == size else drawn


def _draws(step, rng):
    """The mean over all batches of a small population against the step, at a rate of one."""
    import numpy as np

    h = [_random(H, rng, 2) for _ in range(4)]
    n = np.array([[rng.gauss(0, 1) for _ in range(2)] for _ in range(4)])
    n -= n.mean(axis=0)
    covariance, mean = _random(C, rng, 2), np.mean(h, axis=0)
    single = np.mean([a @ covariance @ a + np.outer(b, b) for a, b in zip(h, n)], axis=0)
    worst = 0.0
    for count in (2, 3):
        chosen = [list(drawn) for drawn in product(range(4), repeat=count)]
        means = [(np.mean([h[k] for k in drawn], axis=0), n[drawn].mean(axis=0)) for drawn in chosen]
        direct = np.mean([a @ covariance @ a + np.outer(b, b) for a, b in means], axis=0)
        names = [C, H, MatrixSymbol("G_1", size, size), eta, batch]
        formula = matrix_function(names, step.after)(covariance, mean, single, 1.0, count)
        direct = covariance - mean @ covariance - covariance @ mean + direct
        worst = max(worst, float(abs(direct - formula).max() / abs(direct).max()))
    return worst


def _quartic_deviation(step, rng):
    """The average of x x^T C x x^T over two correlated inputs, by a quadrature that is exact for polynomials."""
    import numpy as np

    from .gaussian import GaussianExpectation

    hessian, covariance = _random(H, rng, 2), _random(C, rng, 2)
    x = [symbol("x_1"), symbol("x_2")]
    form = sympy.expand(sum(x[a] * covariance[a, b] * x[b] for a in range(2) for b in range(2)))
    mean = lambda f: GaussianExpectation(f, x, sympy.Matrix(hessian)).quadrature()  # noqa: E731
    direct = np.array([[mean(sympy.expand(x[a] * x[b] * form)) for b in range(2)] for a in range(2)])
    formula = matrix_function([C, H], step.after)(covariance, hessian)
    return float(abs(direct - formula).max() / abs(direct).max())


def _small_rates(step, rng):
    """What the recursion changes of the solution at a small rate, relative to the noise that it adds."""
    import numpy as np

    rate, count, hessian, spread = 1e-6, 3.0, _random(H, rng), _random(D, rng)
    n = len(hessian)
    equation = matrix_function([C, H, D, eta, batch], step.before)
    zero = np.zeros((n, n))
    columns = [(equation(unit, hessian, zero, rate, count)).ravel() for unit in np.eye(n * n).reshape(-1, n, n)]
    solution = np.linalg.solve(np.array(columns).T, -equation(zero, hessian, spread, rate, count).ravel()).reshape(n, n)
    recursion = matrix_function([C, H, F, D, eta, batch], stochastic_gradient_descent()["recursion"])
    change = recursion(solution, hessian, hessian @ solution @ hessian, spread, rate, count) - solution
    return float(abs(change).max() / (rate**2 * abs(spread).max() / count))
