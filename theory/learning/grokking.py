"""Two layers with a quadratic activation between lazy and rich learning: closed equations for the weights' first two moments.

The network is f(z) = (alpha/N) sum_i phi(w_i.z) with phi(h) = h + eps h^2/2 and trained w_i; the loss is half the sum of
squares of D_mu = y_mu - f(z_mu) over the examples, and the learning rate is scaled by N/alpha^2, so that f changes at a rate
of order one.
"""

from dataclasses import dataclass
from itertools import product

import sympy
from sympy import MatAdd, MatMul, MatrixSymbol, Trace

from ..derivation import Step
from ..errors import InputError
from ..symbols import symbol
from .derived import DynamicsDerivation
from .gaussian import GaussianExpectation
from .gaussian_checks import Numerical
from .matrices import matrix_function

__all__ = ["Grokking", "lazy_to_rich"]

eta, alpha, eps = symbol("eta"), symbol("alpha"), symbol("eps")
size = sympy.Symbol("n", integer=True, positive=True)
w, wbar, g, a, z = (MatrixSymbol(name, size, 1) for name in ("w", "wbar", "g", "a", "z"))
M, G, A = (MatrixSymbol(name, size, size) for name in "MGA")
KUMAR = "T. Kumar, B. Bordelon, S. J. Gershman and C. Pehlevan, ICLR 2024 (arXiv:2310.06110)"
ARGUMENTS = (wbar, M, g, G, a, A, z, eta, alpha, eps, size)


@dataclass(frozen=True)
class Grokking(DynamicsDerivation):
    """The closed equations of the two-layer network, exact at every number N of hidden units.

    `results` holds expressions in wbar = mean_i w_i, M = mean_i w_i w_i^T, g = sum_mu D_mu z_mu, G = sum_mu D_mu z_mu z_mu^T:

    - "linear", "quadratic": the output is linear.z + z^T quadratic z / 2;
    - "mean", "second": wbar and M after a step of gradient descent with the rate eta;
    - "mean flow", "second flow": their derivatives in time, for small rates;
    - "error": the mean of (a.z + z^T A z / 2)^2 over Gaussian inputs of n components with variance 1/n.
    """

    def function(self, name):
        """A result as a numerical function of those of wbar, M, g, G, a, A, eta, alpha, eps, n that it depends on, by name."""
        free = self.results[name].free_symbols
        names = [x for x in ARGUMENTS if x in free]
        compiled = matrix_function(names, self.results[name])
        return lambda **values: compiled(*(values[str(x)] for x in names))


def lazy_to_rich():
    """Derive the closed equations of the weights' moments and of the error on new inputs.

    Returns
    -------
    Grokking
    """
    h = symbol("h")
    activation = h + eps * h**2 / 2
    linear, quadratic = (alpha * part for part in _moments(activation, h))
    slope = sympy.Poly(activation.diff(h), h)
    step = _terms(slope)
    mean = _average(step)
    second = _average([MatMul(u, v.T).doit() for u, v in product(step, step)]).xreplace({G.T: G})
    flows = [_linear_part(moment, old) for moment, old in ((mean, wbar), (second, M))]
    error = _error()
    results = dict(zip(("linear", "quadratic", "mean", "second", "mean flow", "second flow", "error"),
                       (linear, quadratic, mean, second, *flows, error)))
    return Grokking("two layers between lazy and rich learning", _steps(results, step), results, {})


def _moments(activation, h):
    """mean_i phi(w_i.z) as linear.z + z^T quadratic z / 2: the coefficients times the moments of the weights."""
    poly = sympy.Poly(activation, h)
    if poly.degree() > 2 or poly.coeff_monomial(1) != 0:
        raise InputError(f"expected an activation a h + b h^2, whose average needs two moments of the weights; got {activation}")
    return poly.coeff_monomial(h) * wbar, 2 * poly.coeff_monomial(h**2) * M


def _terms(slope):
    """The weights of a hidden unit after a step, terms of w + (N/alpha^2) eta sum_mu D_mu (alpha/N) phi'(w.z_mu) z_mu."""
    constant, linear = slope.coeff_monomial(1), slope.nth(1)
    return [w, eta / alpha * constant * g, eta / alpha * linear * G * w]


def _average(terms):
    """The mean over hidden units of a sum of terms with at most two factors w."""
    return MatAdd(*(_averaged(term) for term in terms)).doit()


def _averaged(term):
    factors = list(MatMul.make_args(term))
    where = [k for k, f in enumerate(factors) if f in (w, w.T)]
    if len(where) == 2:
        first, second = where
        if second != first + 1 or factors[first] != w:
            raise InputError(f"expected a term L w w^T R, got {term}")
        factors[first:second + 1] = [M]
    elif where:
        factors[where[0]] = wbar if factors[where[0]] == w else wbar.T
    return MatMul(*factors).doit()


def _linear_part(moment, old):
    """The coefficient of eta of a moment after a step."""
    kept = []
    for term in MatAdd.make_args(moment):
        coefficient, matrices = term.as_coeff_mmul()
        power = sympy.degree(coefficient, eta) if coefficient.has(eta) else 0
        if power == 1:
            kept.append(MatMul(coefficient / eta, matrices).doit())
        elif power == 0 and matrices.doit() != old:
            raise InputError(f"expected a step that leaves {old} unchanged at eta = 0, got {term}")
    return MatAdd(*kept).doit()


def _error():
    """E (a.z + z^T A z / 2)^2 over z ~ N(0, 1/n): odd moments vanish, and four inputs pair in three ways (Isserlis)."""
    pairs = {"12|34": Trace(A) ** 2, "13|24": Trace(A * A.T), "14|23": Trace(A * A)}
    quartic = sum(term.xreplace({A.T: A}) for term in pairs.values())
    return Trace(a * a.T) / size + quartic / (4 * size**2)


def _steps(results, step):
    after = MatAdd(*step)
    shown = MatrixSymbol("w'", size, 1)
    return (
        Step("Output", "linearity",
             r"$\phi$ is a polynomial of second degree, so the output depends on the mean $\bar w$ and the second moment $M$ of "
             "the weights alone.", KUMAR, MatrixSymbol("f", 1, 1), results["linear"].T * z + z.T * results["quadratic"] * z / 2,
             claim=Numerical(_output_deviation, 1e-12, "the output of 5 random hidden units")),
        Step("A step of gradient descent", "derivative of the loss",
             r"$\partial f/\partial w_i = (\alpha/N)\,\phi'(w_i\cdot z)\,z$; with the rate "
             r"$\eta N/\alpha^2$ every hidden unit moves by the same linear map.", KUMAR, shown, after,
             claim=Numerical(_step_deviation, 1e-7, "numerical derivatives of the loss of 5 random hidden units")),
        Step("Mean over hidden units", "closure",
             r"A linear map takes $\bar w$ and $M$ to functions of $\bar w$ and $M$: the equations close at every $N$.",
             KUMAR, sympy.Tuple(MatrixSymbol("wbar'", size, 1), MatrixSymbol("M'", size, size)),
             sympy.Tuple(results["mean"], results["second"]),
             claim=Numerical(_closure_deviation, 1e-12, "moments of 5 random hidden units after a step")),
        Step("Gradient flow", "small rates", "To first order in the rate, with time the number of steps times the rate.", KUMAR,
             sympy.Tuple(MatrixSymbol("wbar_t", size, 1), MatrixSymbol("M_t", size, size)),
             sympy.Tuple(results["mean flow"], results["second flow"]),
             claim=Numerical(_flow_deviation, 1e-5, "the change in a step of the rate 1e-6")),
        Step("Error on new inputs", "Isserlis' theorem",
             r"The deviation from a quadratic target is $a\cdot z + \frac12 z^TAz$; odd moments of $z$ vanish and "
             "the fourth is a sum over pairings.", KUMAR, MatrixSymbol("E", 1, 1), results["error"],
             claim=Numerical(_error_deviation, 1e-11, "the average over three Gaussian inputs by quadrature")),
    )


@dataclass(frozen=True)
class _Example:
    """Random hidden units and examples, by which the steps are checked: 5 units, 4 examples, 3 inputs."""

    units: object
    inputs: object
    targets: object
    values: dict

    @classmethod
    def draw(cls, rng):
        import numpy as np

        normal = lambda *shape: np.array([rng.gauss(0, 1) for _ in range(int(np.prod(shape)))]).reshape(shape)  # noqa: E731
        units, inputs, targets = normal(5, 3), normal(4, 3), normal(4)
        values = {"alpha": rng.uniform(0.5, 2), "eps": rng.uniform(0.2, 1), "eta": rng.uniform(0.1, 0.5)}
        found = cls(units, inputs, targets, values)
        wrong = targets - found.output(units)
        return cls(units, inputs, targets, values | {"g": inputs.T @ wrong[:, None], "G": inputs.T @ (wrong[:, None] * inputs),
                                                     "wbar": units.mean(0)[:, None], "M": units.T @ units / 5})

    def output(self, units):
        """The network's outputs, unit by unit."""
        field = self.inputs @ units.T
        return self.values["alpha"] * (field + self.values["eps"] * field**2 / 2).mean(1)

    def loss(self, units):
        """Half the sum of squared deviations."""
        return ((self.targets - self.output(units)) ** 2).sum() / 2

    def at(self, expr, **more):
        """An expression's value for these units and examples."""
        import numpy as np

        values = self.values | more
        names = [x for x in (w, *ARGUMENTS) if x in expr.free_symbols and str(x) in values]
        return np.asarray(matrix_function(names, expr)(*(values[str(x)] for x in names)))


def _output_deviation(step, rng):
    example = _Example.draw(rng)
    found = [float(example.at(step.after, z=x[:, None])[0, 0]) for x in example.inputs]
    return float(max(abs(found - example.output(example.units))))


def _step_deviation(step, rng):
    """The step against derivatives of the loss by central differences."""
    import numpy as np

    example = _Example.draw(rng)
    rate = example.values["eta"] * len(example.units) / example.values["alpha"] ** 2
    slope = np.zeros_like(example.units)
    for index in np.ndindex(slope.shape):
        change = np.zeros_like(slope)
        change[index] = 1e-5
        slope[index] = (example.loss(example.units + change) - example.loss(example.units - change)) / 2e-5
    found = np.array([example.at(step.after, w=u[:, None])[:, 0] for u in example.units])
    return float(abs(found - (example.units - rate * slope)).max())


def _moved(example, rate):
    """Hidden units after a step of their own equation, unit by unit."""
    scale = rate / example.values["alpha"]
    wrong = example.targets - example.output(example.units)
    slope = 1 + example.values["eps"] * example.inputs @ example.units.T
    return example.units + scale * (slope * wrong[:, None]).T @ example.inputs


def _closure_deviation(step, rng):
    example = _Example.draw(rng)
    moved = _moved(example, example.values["eta"])
    mean, second = (example.at(side) for side in step.after)
    return float(max(abs(mean[:, 0] - moved.mean(0)).max(), abs(second - moved.T @ moved / 5).max()))


def _flow_deviation(step, rng, rate=1e-6):
    example = _Example.draw(rng)
    moved = _moved(example, rate)
    mean, second = (example.at(side) for side in step.after)
    change = (moved.mean(0) - example.values["wbar"][:, 0]) / rate, (moved.T @ moved / 5 - example.values["M"]) / rate
    return float(max(abs(mean[:, 0] - change[0]).max(), abs(second - change[1]).max()) / abs(second).max())


def _error_deviation(step, rng):
    example = _Example.draw(rng)
    form, line = example.values["M"] - 0.4, example.values["wbar"]
    x = [symbol(f"z_{k}") for k in range(3)]
    deviation = sum(line[k, 0] * x[k] for k in range(3)) + sum(form[i, j] * x[i] * x[j] for i in range(3) for j in range(3)) / 2
    direct = GaussianExpectation(sympy.expand(deviation**2), x, sympy.eye(3) / 3).quadrature()
    return float(abs(example.at(step.after, a=line, A=form, n=3) - direct) / direct)
