"""Random points of the built-in models: no solution is missing of what 1500 random starts of a plain Newton iteration find.

The equations are evaluated from their SymPy form in numpy, without the compiled kernels and without the search.
"""

import numpy as np
import pytest
import sympy
from scipy.special import hyp0f1, logsumexp, softmax

import meanfield
from meanfield.search.symmetry import symmetry
from theory import models
from theory.averages import DisorderAverage, GaussianAverage
from theory.mean_field import theory_of
from theory.symbols import T, symbol

pytestmark = pytest.mark.slow

STARTS, POINTS = 1500, 8
SAME = 1e-6

# Model with its integers, range of each parameter, box of the starts.
CASES = [
    (("curie-weiss", {}), {"T": (0.1, 1.4), "h": (-0.4, 0.4)}, (-1, 1)),
    (("relativistic-curie-weiss", {}), {"T": (0.1, 1.3), "h": (-0.3, 0.3)}, (-1, 1)),
    (("p-spin-ferromagnet", {}), {"T": (0.1, 0.9), "h": (-0.1, 0.2)}, (-1, 1)),
    (("blume-capel", {}), {"T": (0.1, 0.9), "Delta": (0.1, 0.6)}, (-1, 1)),
    (("blume-emery-griffiths", {}), {"T": (0.15, 0.9), "K": (0.1, 1.0), "Delta": (0.1, 0.9)}, (-1, 1)),
    (("potts", {}), {"T": (0.1, 0.5)}, (0, 1)),
    (("transverse-field-ising", {}), {"T": (0.05, 1.2), "Gamma": (0.1, 1.2)}, (-1, 1)),
    (("random-field-ising", {}), {"T": (0.05, 1.2), "h0": (0.0, 0.6)}, (-1, 1)),
    (("random-field-ising-gaussian", {}), {"T": (0.4, 1.2), "sigma": (0.1, 0.8)}, (-1, 1)),
    (("hopfield-low-load", {}), {"T": (0.1, 1.1)}, (-1, 1)),
    (("multitasking-hopfield", {}), {"T": (0.1, 0.9), "d": (0.1, 0.9)}, (-1, 1)),
    (("dense-low-load", {}), {"T": (0.1, 0.9)}, (-1, 1)),
    (("p-spin-ferromagnet", {"p": 4}), {"T": (0.1, 0.9), "h": (-0.1, 0.2)}, (-1, 1)),
    (("potts", {"q": 4}), {"T": (0.1, 0.4)}, (0, 1)),
    (("relativistic-hopfield-low-load", {}), {"T": (0.1, 1.1)}, (-1, 1)),
    (("multitasking-hopfield", {"P": 3}), {"T": (0.1, 0.9), "d": (0.1, 0.9)}, (-1, 1)),
    (("dense-low-load", {"P": 2, "p": 4}), {"T": (0.1, 0.9)}, (-1, 1)),
]


def radial_ratio(b, w):
    """d/dw log 0F1(; b; w)."""
    return hyp0f1(b + 1, w) / (b * hyp0f1(b, w))


# The project's own functions of SymPy arguments, in numpy and scipy.
FUNCTIONS = {
    "log2cosh": lambda x: np.logaddexp(x, -x),
    "LogSumExp": lambda *x: logsumexp(np.broadcast_arrays(*x), axis=0),
    "Gibbs": lambda i, *x: softmax(np.broadcast_arrays(*x), axis=0)[int(i) - 1],
    "LogRadial": lambda b, w: np.log(hyp0f1(b, w)),
    "RadialRatio": radial_ratio,
}


class Plain:
    """phi - <g>, its Jacobian and the free energy of a model as numpy functions of phi (n, B) and the parameters."""

    def __init__(self, model):
        theory = theory_of(model)
        phi = list(theory.order_parameters)
        arguments = [*phi, T, *map(symbol, model.parameters)]
        means = [_expanded(theory.equations[a]) for a in phi]
        self.n = len(phi)
        self.names = ["T", *model.parameters]
        residual = [a - mean for a, mean in zip(phi, means)]
        entries = [r.diff(a) for r in residual for a in phi]
        self._residual, self._jacobian, self._free_energy = (
            sympy.lambdify(arguments, e, [FUNCTIONS, "numpy"], cse=True) for e in (residual, entries, _expanded(theory.free_energy)))

    def residual(self, x, values):
        """(B, n)."""
        return self._stack(self._residual(*x.T, *values), len(x))

    def jacobian(self, x, values):
        """(B, n, n)."""
        return self._stack(self._jacobian(*x.T, *values), len(x)).reshape(-1, self.n, self.n)

    def free_energy(self, x, values):
        """Free energy of one state."""
        return float(self._free_energy(*x, *values))

    def solutions(self, starts, values, limit=100):
        """Where Newton's method with steps of at most a half ends: the distinct solutions, shape (K, n)."""
        x, found = np.array(starts), []
        with np.errstate(all="ignore"):
            for _ in range(limit):
                F, J = self.residual(x, values), self.jacobian(x, values)
                good = np.isfinite(F).all(axis=1) & np.isfinite(J).all(axis=(1, 2)) & (np.abs(np.linalg.det(np.nan_to_num(J))) > 1e-14)
                x, F, J = x[good], F[good], J[good]
                step = np.linalg.solve(J, F[..., None])[..., 0]
                length = np.abs(step).max(axis=1)
                done = (length < 1e-12) & (np.abs(F).max(axis=1) < 1e-11)
                found.extend(x[done])
                x = (x - step * np.minimum(1, 0.5 / np.maximum(length, 1e-300))[:, None])[~done]
                if not len(x):
                    break
        return distinct(np.array(found).reshape(-1, self.n))

    @staticmethod
    def _stack(values, size):
        return np.stack([np.broadcast_to(np.asarray(v, dtype=float), size) for v in values], axis=1)


def _expanded(expr):
    """Averages as sums: over configurations, and over the nodes of a trapezoidal rule."""
    expr = expr.replace(lambda e: isinstance(e, DisorderAverage), lambda e: e.expand_configurations())
    return expr.replace(lambda e: isinstance(e, GaussianAverage), _trapezoidal)


def _trapezoidal(average):
    f, x, mean, variance = average.args
    nodes = 0.15 * np.arange(-50, 51)
    weights = 0.15 * np.exp(-nodes**2 / 2) / np.sqrt(2 * np.pi)
    return sympy.Add(*(float(w) * f.xreplace({x: mean + sympy.sqrt(variance) * float(z)}) for w, z in zip(weights, nodes)))


def distinct(states):
    """The rows that differ by more than rounding."""
    kept = np.empty((0, states.shape[-1]))
    for x in states:
        if not len(kept) or np.abs(kept - x).max(axis=1).min() > SAME:
            kept = np.vstack([kept, x])
    return kept


def compare(name, integers, plain, values, box, rng):
    """(number of solutions up to symmetry by random starts, those missing in the list, those only in the list)."""
    numbers = [values[n] for n in plain.names]
    listed = meanfield.solutions(name, **integers, **values)
    group = symmetry(meanfield.compile(models.load(name, **integers)).at(**values))
    ours = np.array([list(s.order_parameters.values()) for s in listed])
    truth = plain.solutions(rng.uniform(*box, size=(STARTS, plain.n)), numbers)
    classes, known = distinct(group.canonical(truth)), group.canonical(ours)
    # Images of one solution have one free energy, else the symmetry is wrong.
    for x, image in zip(truth, group.canonical(truth)):
        assert plain.free_energy(x, numbers) == pytest.approx(plain.free_energy(image, numbers), abs=1e-9)
    for x, s in zip(ours, listed):
        assert np.abs(plain.residual(x[None], numbers)).max() < 1e-9
        assert plain.free_energy(x, numbers) == pytest.approx(s.free_energy, abs=1e-9)
    missing = [x for x in classes if np.abs(known - x).max(axis=1).min() > 10 * SAME]
    extra = [x for x in known if np.abs(classes - x).max(axis=1).min() > 10 * SAME]
    return len(classes), missing, extra


@pytest.mark.parametrize("case, ranges, box", CASES, ids=["-".join([c[0][0], *map(str, c[0][1].values())]) for c in CASES])
def test_no_solution_is_missing(case, ranges, box):
    """At every random point the list holds all that the random starts find; what only the list has solves the equations too."""
    name, integers = case
    rng = np.random.default_rng([*name.encode(), *integers.values()])
    model, total, more = models.load(name, **integers), 0, 0
    plain = Plain(model)
    for _ in range(POINTS):
        values = model.values(**{n: rng.uniform(*r) for n, r in ranges.items()})
        count, missing, extra = compare(name, integers, plain, values, box, rng)
        assert not missing, f"{name} at {values}: missing {missing}"
        total, more = total + count, more + len(extra)
    print(f"{name}: {total} solutions at {POINTS} points, none missing, {more} not found by {STARTS} random starts")


STEP = 0.1
Z = np.arange(-85, 86) * STEP
WEIGHTS = STEP * np.exp(-Z**2 / 2) / np.sqrt(2 * np.pi)


def moments(field, width, T):
    """E tanh and E tanh^2 of (field + width z)/T, z normal."""
    t = np.tanh((field[:, None] + width[:, None] * Z) / T)
    return t @ WEIGHTS, (t * t) @ WEIGHTS


def sherrington_kirkpatrick(x, T, J0):
    """Residual of m and q (Sherrington and Kirkpatrick 1975, eq. 13), x (B, 2)."""
    m, q = moments(J0 * x[:, 0], np.sqrt(x[:, 1]), T)
    return x - np.stack([m, q], axis=1)


def hopfield(x, T, alpha):
    """Residual of m and q (Amit, Gutfreund and Sompolinsky 1985, eq. 4), x (B, 2)."""
    m, q = moments(x[:, 0], np.sqrt(alpha * x[:, 1]) / (1 - (1 - x[:, 1]) / T), T)
    return x - np.stack([m, q], axis=1)


def dense_hopfield(x, T, a, p=3):
    """Residual of m and q with couplings of three spins, crosstalk of variance a q^(p-1) (Gardner 1987), x (B, 2)."""
    m, q = moments(x[:, 0] ** (p - 1), np.sqrt(a * x[:, 1] ** (p - 1)), T)
    return x - np.stack([m, q], axis=1)


def complex_newton(residual, x, limit=60):
    """Where Newton's method ends, with Jacobians from complex steps: the distinct (|m|, q) with q > 0."""
    found = []
    with np.errstate(all="ignore"):
        for _ in range(limit):
            columns = [residual(x + 1e-30j * e).imag / 1e-30 for e in np.eye(2)]
            F, J = residual(x), np.stack(columns, axis=-1)
            good = np.isfinite(J).all(axis=(1, 2)) & np.isfinite(F).all(axis=1) & (np.abs(np.linalg.det(np.nan_to_num(J))) > 1e-14)
            x, F, J = x[good], F[good], J[good]
            step = np.linalg.solve(J, F[..., None])[..., 0]
            length = np.abs(step).max(axis=1)
            done = length < 1e-11
            found.extend(x[done])
            x = (x - step * np.minimum(1, 0.3 / np.maximum(length, 1e-300))[:, None])[~done]
    found = np.array(found).reshape(-1, 2)
    return distinct(np.abs(found[found[:, 1] > SAME]))


@pytest.mark.parametrize("name, residual, ranges", [
    ("sherrington-kirkpatrick", sherrington_kirkpatrick, {"T": (0.3, 1.3), "J0": (0.0, 1.8)}),
    ("hopfield", hopfield, {"T": (0.2, 0.9), "alpha": (0.005, 0.12)}),
    ("dense-hopfield", dense_hopfield, {"T": (0.2, 0.7), "a": (0.02, 0.25)}),
], ids=["sherrington-kirkpatrick", "hopfield", "dense-hopfield"])
def test_no_replica_symmetric_solution_is_missing(name, residual, ranges):
    """The same with quenched couplings, against the published equations; states with 1 - beta (1 - q) < 0 have no free energy."""
    rng = np.random.default_rng(list(name.encode()))
    total = 0
    for _ in range(4):
        values = {n: rng.uniform(*r) for n, r in ranges.items()}
        equations = lambda x: residual(x, *values.values())
        ours = np.array([[abs(s.order_parameters["m"]), s.order_parameters["q"]] for s in meanfield.solutions(name, **values)])
        truth = complex_newton(equations, rng.uniform((-1, 0), (1, 1), size=(STARTS, 2)))
        if name == "hopfield":
            truth = truth[1 - (1 - truth[:, 1]) / values["T"] > 0]
        for x in truth:
            assert np.abs(ours - x).max(axis=1).min() < 10 * SAME, f"{name} at {values}: missing m, q = {x}"
        inner = ours[ours[:, 1] > SAME]
        assert np.abs(equations(inner)).max(initial=0) < 1e-8
        total += len(truth)
    print(f"{name}: {total} solutions with q > 0 at 4 points, none missing")
