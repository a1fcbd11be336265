"""Double-precision values of expressions with nested averages, for the checks of a replica derivation."""

import math
from functools import cached_property, lru_cache
from itertools import combinations

import mpmath
import sympy

from ..averages import DisorderAverage, GaussianAverage
from ..ensemble import Abbreviation
from ..evaluate import evaluate
from ..symbols import T
from ..zero_temperature import Maximum
from .nested import Nested, NestedLevel, NestedMean, NestedMoment, Tail

# Trapezoidal rules: the widest spacing (in standard deviations), the spacing over the scale on which the integrand bends, the most
# nodes on either side, and where the tails are cut.
WIDEST, FINENESS, MOST, REACH = 0.6, 0.3, 400, 7.5
# Where there is no temperature, or none is left, integrands bend on the scale of the fields.
COLD = 0.3
# Nodes on either side of an average inside an average.
NODES = 30
STEP = 2e-2
# Grids kept for the next average: the moments of one hierarchy are asked for one after another.
RECENT, _GRIDS = 3, {}
KINDS = (Nested, NestedMoment, NestedMean, NestedLevel, GaussianAverage)


def number(expr, point):
    """The value of an expression at {symbol: number}; Derivative nodes by central differences of sixth order.

    Classes with a method `number(point)` are asked for their value.
    """
    expr = sympy.sympify(expr)
    if isinstance(expr, KINDS):
        return _average(expr, point)
    if isinstance(expr, sympy.Derivative):
        return _difference(expr.args[0], [x for x, count in expr.args[1:] for _ in range(int(count))], point)
    if isinstance(expr, Abbreviation):
        return number(expr.definition, point)
    if isinstance(expr, DisorderAverage):
        return number(expr.expand_configurations(), point)
    if hasattr(expr, "number"):
        return expr.number(point)
    if not expr.args:
        return float(evaluate(expr, point, 17))
    special = _parts(expr)
    if not special:
        return float(mpmath.re(evaluate(expr, point, 17)))
    template, parts = special
    return float(evaluate(template, {**point, **{x: number(e, point) for x, e in parts}}, 17))


@lru_cache(maxsize=4096)
def _parts(expr):
    """The expression with special nodes replaced by symbols, and those nodes; None if there are none."""
    found = {}

    def replaced(e):
        if isinstance(e, (*KINDS, sympy.Derivative, DisorderAverage, Abbreviation)) or hasattr(e, "number"):
            return found.setdefault(e, sympy.Symbol(f"*{len(found)}"))
        return e.func(*map(replaced, e.args)) if e.args else e

    template = replaced(expr)
    return (template, tuple((x, e) for e, x in found.items())) if found else None


def _difference(inner, variables, point):
    if not variables:
        return number(inner, point)
    x, *rest = variables
    step = STEP * abs(float(point[x])) or STEP
    total = 0.0
    for k, w in ((1, 45), (2, -9), (3, 1)):
        up, down = ({**point, x: point[x] + s * k * step} for s in (1, -1))
        total += w * (_difference(inner, rest, up) - _difference(inner, rest, down))
    return total / (60 * step)


def _average(expr, point):
    import numpy as np

    if isinstance(expr, GaussianAverage):
        f, y, mean, variances, powers = expr.integrand, expr.variable, expr.mean, (expr.variance,), (0.0,)
    else:
        f, y, mean, variances, powers = expr.hierarchy
    v, D, centre = [number(x, point) for x in variances], [number(x, point) for x in powers], number(mean, point)
    names, _ = _compiled(f, y)
    key = (f, y, centre, tuple(v), tuple(D), point.get(T), tuple(_at(point, s) for s in names))
    if key not in _GRIDS:
        if len(_GRIDS) >= RECENT:
            _GRIDS.pop(next(iter(_GRIDS)))
        _GRIDS[key] = _Grid(f, y, centre, v, D, point, np)
    return _GRIDS[key].value(expr, point)


def _at(point, s):
    return float(point[s]) if s in point else float(point[str(s)])


class _Grid:
    """The levels of a hierarchy on a product of trapezoidal rules, one array axis a level."""

    def __init__(self, f, y, centre, v, D, point, np):
        self.np, self.point, self.y, self.D = np, point, y, D
        self.kinked = f.has(Maximum)
        k = len(v) - 1
        self.field, self.weights = np.full((1,) * (k + 1), centre), []
        for i, variance in enumerate(v):
            z = self._nodes(i, v)
            self.weights.append(np.exp(-z**2 / 2) / np.exp(-z**2 / 2).sum())
            shape = [1] * (k + 1)
            shape[i] = len(z)
            self.field = self.field + (math.sqrt(max(variance, 0.0)) * z).reshape(shape)
        self.top = self.values(f, point)

    def _nodes(self, i, v):
        """Nodes of level i: the levels inside it have smoothed what it integrates."""
        heat = float(self.point.get(T, 0.0))
        inner = sum(max(x, 0.0) for x in v[i + 1:])
        scale = math.sqrt((heat if heat > 1e-3 else COLD) ** 2 + inner)
        if self.kinked and i == len(v) - 1:
            count = MOST if i else 10 * MOST
            return self.np.arange(-count, count + 1) * (REACH / count)
        width = math.sqrt(max(v[i], 0.0))
        h = min(WIDEST, FINENESS * (1 if len(v) < 3 else 4 / 3) * scale / width) if width > 0 else WIDEST
        # The weights exp(D g) move the integrand by up to D times its width.
        reach = REACH + min(4.0, abs(self.D[i]) * width)
        count = min(math.ceil(reach / h), MOST)
        return self.np.arange(-count, count + 1) * (reach / count)

    def values(self, f, point):
        """f(y) on the grid."""
        names, call = _compiled(f, self.y)
        found = call(self.field, *(_at(point, s) for s in names))
        return self.np.broadcast_to(found, self.field.shape)

    @cached_property
    def levels(self):
        """Phi_k, ..., Phi_0 and the outcome; weights of each level's conditional measure."""
        np, phi, tilts = self.np, [self.top], []
        for D, weights in zip(reversed(self.D), reversed(self.weights)):
            g = phi[-1]
            if abs(D) < 1e-12:
                tilts.append(np.broadcast_to(weights, g.shape))
                phi.append(g @ weights)
                continue
            peak = g.max(axis=-1, keepdims=True) if D > 0 else g.min(axis=-1, keepdims=True)
            w = np.exp(D * (g - peak)) * weights
            total = w.sum(axis=-1, keepdims=True)
            tilts.append(w / total)
            phi.append((peak + np.log(total) / D)[..., 0])
        return phi, tilts

    def value(self, expr, point):
        """The average that an expression stands for."""
        phi, tilts = self.levels
        if isinstance(expr, (Nested, NestedMoment, GaussianAverage)):
            return float(phi[-1]) * (self.D[0] if isinstance(expr, NestedMoment) else 1.0)
        k = len(self.D) - 1
        if isinstance(expr, NestedLevel):
            i = int(expr.level)
            return self._down(phi[k - i], tilts[k - i:])
        A, level = self.values(expr.observable, point), int(expr.level)
        for tilt in tilts[: k - level]:
            A = (A * tilt).sum(axis=-1)
        return self._down(A ** int(expr.power), tilts[k - level:])

    @staticmethod
    def _down(A, tilts):
        for tilt in tilts:
            A = (A * tilt).sum(axis=-1)
        return float(A)


@lru_cache(maxsize=4096)
def _compiled(f, y):
    """(names, function of the field and of the names' values) of an integrand; Gaussian averages inside it are summed."""
    names = tuple(sorted(f.free_symbols - {y}, key=str))
    if f.has(sympy.DiracDelta) or any(a.integrand.has(sympy.Heaviside) for a in f.atoms(GaussianAverage)):
        raise NotImplementedError("averages over a gate that jumps and is not constant between its steps")
    f = f.replace(lambda e: e.is_Add and e.has(Tail), _intervals)
    inner = sorted(f.atoms(GaussianAverage), key=sympy.default_sort_key)
    if not inner:
        return names, sympy.lambdify((y, *names), f, [_functions(), "numpy"], cse=True)
    dummies = tuple(sympy.Dummy() for _ in inner)
    outer = sympy.lambdify((y, *names, *dummies), f.xreplace(dict(zip(inner, dummies))), [_functions(), "numpy"], cse=True)
    averages = [_summed(a, (y, *names)) for a in inner]
    return names, lambda *values: outer(*values, *(average(*values) for average in averages))


def _intervals(total):
    """A sum with H(a) - H(b) as the probability of an interval, which keeps its digits where both are close to one."""
    terms = {}
    for term in total.args:
        c, tail = term.as_independent(Tail, as_Add=False)
        if isinstance(tail, Tail):
            terms[tail] = c
    for a, b in combinations(sorted(terms, key=sympy.default_sort_key), 2):
        if terms.get(a, 0) + terms.get(b, 0) == 0 and terms.get(a, 0) != 0:
            total += terms[a] * (sympy.Function("Interval")(*a.args, *b.args) - a + b)
            terms[a] = terms[b] = sympy.S.Zero
    return total


def _summed(expr, arguments):
    """A Gaussian average as a function of arrays, by the trapezoidal rule."""
    import numpy as np

    z = np.arange(-NODES, NODES + 1) * (REACH / NODES)
    weights = np.exp(-z**2 / 2) / np.exp(-z**2 / 2).sum()
    x = sympy.Dummy()
    call = sympy.lambdify((x, *arguments), expr.integrand.xreplace({expr.variable: x}), [_functions(), "numpy"], cse=True)
    place = sympy.lambdify(arguments, [expr.mean, sympy.sqrt(expr.variance)], [_functions(), "numpy"])

    def average(*values):
        mean, width = place(*values)
        return sum(w * call(mean + width * t, *values) for t, w in zip(z, weights))

    return average


@lru_cache(maxsize=1)
def _functions():
    import numpy as np

    def log_tail(x):
        return _LOG_TAIL(np.asarray(x, dtype=float)).astype(float)

    def interval(a, b):
        flip = np.where(a + b < 0, -1.0, 1.0)
        return flip * (np.exp(log_tail(flip * a)) - np.exp(log_tail(flip * b)))

    def hazard(x):
        x = np.asarray(x, dtype=float)
        return np.exp(-x**2 / 2 - log_tail(x)) / math.sqrt(2 * math.pi)

    def gibbs(i, *xs):
        xs = np.broadcast_arrays(*xs)
        return np.exp(xs[int(i) - 1] - np.logaddexp.reduce(xs, axis=0))

    def modulus_mean(mean, variance):
        width = np.sqrt(variance)
        erf = np.frompyfunc(math.erf, 1, 1)
        return mean * erf(mean / width / math.sqrt(2)).astype(float) + width * math.sqrt(2 / math.pi) * np.exp(-(mean / width) ** 2 / 2)

    def tilted_weights(y, v, D):
        root = np.sqrt(v)
        return D * y + log_tail(-(y + D * v) / root), -D * y + log_tail((y - D * v) / root)

    def tilted_modulus(y, v, D):
        return D * v / 2 + np.logaddexp(*tilted_weights(y, v, D)) / D

    def tilted_sign(y, v, D):
        a, b = tilted_weights(y, v, D)
        return np.tanh((a - b) / 2)

    def tilted_density(y, v, D):
        return 2 * np.exp(-y**2 / (2 * v) - D * tilted_modulus(y, v, D)) / np.sqrt(2 * np.pi * v)

    def tilted_mean(y, v, D):
        return y * tilted_sign(y, v, D) + D * v + v * tilted_density(y, v, D)

    _LOG_TAIL = np.frompyfunc(_log_tail, 1, 1)
    return {"TiltedModulus": tilted_modulus, "TiltedSign": tilted_sign, "TiltedDensity": tilted_density, "TiltedMean": tilted_mean,
            "log2cosh": lambda x: np.abs(x) + np.log1p(np.exp(-2 * np.abs(x))),
            "LogSumExp": lambda *xs: np.logaddexp.reduce(np.broadcast_arrays(*xs), axis=0),
            "Gibbs": gibbs, "log_H": log_tail, "Tail": lambda x: np.exp(log_tail(x)), "Hazard": hazard, "Interval": interval,
            "MeanModulus": modulus_mean,
            "Maximum": lambda *xs: np.maximum.reduce(np.broadcast_arrays(*xs)),
            "Heaviside": lambda x, half=0.5: np.heaviside(x, half),
            "erf": lambda x: np.frompyfunc(math.erf, 1, 1)(np.asarray(x, dtype=float)).astype(float)}


def _log_tail(x):
    """log H(x), by the continued fraction of Mills' ratio where erfc underflows."""
    if x < 20:
        return math.log(math.erfc(x / math.sqrt(2)) / 2)
    ratio = x
    for k in range(30, 0, -1):
        ratio = x + k / ratio
    return -x * x / 2 - math.log(ratio) - math.log(2 * math.pi) / 2
