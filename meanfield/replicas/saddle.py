"""A replica theory at a parameter point: the residual of its self-consistency equations, and everything at a solution.

The formulas come from `ReplicaTheory`; the one-site problems and the channel enter through their moments, nested Gaussian averages.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import sympy

from theory.symbols import T, symbol

from .differences import moved, slope
from .moments import channel_moments, finite_moments, quadratic_moments

STEP = 1e-5


def _log(x):
    return math.log(x) if x > 0 else (-math.inf if x == 0 else math.nan)


def _sqrt(x):
    return math.sqrt(x) if x >= 0 else math.nan


def compiled(arguments, expressions):
    """A function of numbers that returns the values of the expressions as a list; nan outside their domain."""
    return sympy.lambdify(arguments, list(expressions), [{"log": _log, "sqrt": _sqrt}, "math"], cse=True)


@dataclass(frozen=True)
class State:
    """A replica theory at one point.

    Attributes
    ----------
    unknowns : shape (n,), in the order of `ReplicaTheory.unknowns`
    residual : shape (n,)
    order_parameters : {name: value} as reported: means, overlaps, block parameters; C and D at T = 0
    free_energy, entropy, energy : per site, k_B = 1
    replicon : lowest eigenvalue of the replicon block; negative where the ansatz is unstable, -inf at T = 0 with discrete sites
    quadrature_error : largest difference of two rules in the averages and in the free energy
    """

    unknowns: np.ndarray
    residual: np.ndarray
    order_parameters: dict
    free_energy: float
    entropy: float
    energy: float
    replicon: float
    quadrature_error: float


class Saddle:
    """The compiled formulas of a replica theory.

    Attributes
    ----------
    theory : ReplicaTheory
    names : of the unknowns
    parameter_names : T first where the model has a temperature
    """

    def __init__(self, theory):
        self.theory, self.model = theory, theory.model
        self.names = tuple(map(str, theory.unknowns))
        self.parameter_names = ((("T",) if self.model.has_temperature else ()) + tuple(self.model.parameters))
        self.size = len(self.names)
        self._parameters = tuple(symbol(name) for name in self.parameter_names)
        self._compile()

    def __repr__(self):
        return f"Saddle({self.model.name}, {self.theory.ansatz.title}: {', '.join(self.names)})"

    def _compile(self):
        t, point = self.theory, self._parameters + self.theory.unknowns
        channel = (*t.channel_squares, t.channel_curvature, t.channel_teacher)
        self.conjugate_symbols = [s for o in t.overlaps for s in (t.layers[o.layer].diagonal, *t.variance_symbols(o))]
        self.field_symbols = [h for layer in t.layers for h in layer.fields()]
        conjugates = [e for o in t.overlaps for e in (t.diagonals[o] if o.diagonal is None else sympy.S.Zero, *t.variances[o])]
        fields = [t.fields[a] for layer in t.layers for a in layer.order_parameters]
        self.conjugates = compiled(point + channel, conjugates + fields)
        inner = point + tuple(self.conjugate_symbols) + tuple(self.field_symbols)
        self.leaves = [compiled(inner, _leaf_numbers(layer)) for layer in t.layers]
        self.potential = compiled(inner, [t.potential, t.explicit_entropy, *t.breaking_slopes])
        self.auxiliary = compiled(point, t.auxiliary_equations + t.free_equations)
        self.breaking = compiled(point, t.breaking)
        self.overlap_values = compiled(point, [v for o in t.overlaps for v in (*o.values, o.total)])
        self.reported_names = tuple(t.reported)
        self.reported = compiled(point + channel, t.reported.values())
        self.replicon = compiled(point, list(t.replicon_matrix))
        self.weights = compiled(self._parameters, [layer.weight for layer in t.layers])
        self.load = compiled(self._parameters, [t.channel.load]) if t.channel else None
        self.gate = Gate(t.channel, self._parameters) if t.channel else None

    def at(self, values):
        """The system at parameter values {name: number}."""
        return SaddleSystem(self, dict(values))


@lru_cache(maxsize=64)
def saddle(theory):
    """The compiled formulas of a replica theory."""
    return Saddle(theory)


def _leaf_numbers(layer):
    """Expressions of every leaf of a layer, flat: the leaf itself, its derivatives in the fields h and in T."""
    flat = []
    for leaf in layer.leaves:
        parts = [leaf.mean, leaf.variance, leaf.kappa, leaf.offset, *leaf.slopes, *leaf.levels]
        flat += [leaf.probability, *parts]
        for h in (*layer.fields(), T):
            flat += [p.diff(h) for p in parts]
    return flat


class Gate:
    """The gate of pattern constraints as numbers: edges and values, or log Phi(u) where it is not piecewise constant."""

    def __init__(self, channel, parameters):
        self.channel, self.steps = channel, channel.steps
        if self.steps is None:
            u = symbol("u")
            edges = [-s.args[0].subs(u, 0) / s.args[0].coeff(u) for s in channel.gate.atoms(sympy.Heaviside)]
            self._edges = compiled(parameters, edges)
            self._smooth = sympy.lambdify((u, *parameters), sympy.log(channel.gate), "numpy")
            return
        self._edges = compiled(parameters, [edge for edge, _ in self.steps])
        patterns = [tuple(bool(i >> j & 1) for j in range(len(self.steps))) for i in range(2 ** len(self.steps))]
        self._index = {pattern: i for i, pattern in enumerate(patterns)}
        values = [channel.value(pattern) for pattern in patterns]
        self._values = compiled(parameters, values)
        beta = symbol("beta")
        self._slopes = compiled(parameters, [v.diff(beta) for v in values]) if beta in parameters else None

    def at(self, numbers):
        """(edges, values, dvalues/dbeta or None) at parameter values; edges ascending."""
        edges = np.array(self._edges(*numbers), dtype=float)
        if self.steps is None:
            return np.sort(edges), lambda u: self._smooth(u, *numbers), None
        order = np.argsort(edges, kind="stable")
        table, slopes = self._values(*numbers), self._slopes(*numbers) if self._slopes else None
        rows = []
        for passed in range(len(edges) + 1):
            above = [False] * len(edges)
            for j in order[:passed]:
                above[j] = True
            rows.append(self._index[tuple(above)])
        pick = lambda row: np.array([row[i] for i in rows], dtype=float)
        return edges[order], pick(table), pick(slopes) if slopes else None


class SaddleSystem:
    """A replica theory at one parameter point.

    Attributes
    ----------
    saddle : Saddle
    values : {name: number}
    """

    def __init__(self, saddle, values):
        self.saddle, self.values, self.theory, self.model = saddle, values, saddle.theory, saddle.model
        self.size, self.names = saddle.size, saddle.names
        self.numbers = tuple(float(values[name]) for name in saddle.parameter_names)
        self.T = float(values.get("T", 1.0))
        self.weights = saddle.weights(*self.numbers)
        self.gate = saddle.gate.at(self.numbers) if saddle.gate else None
        self.load = saddle.load(*self.numbers)[0] if saddle.gate else 0.0

    def __repr__(self):
        return f"SaddleSystem({self.model.name}: {', '.join(f'{k}={v:g}' for k, v in self.values.items())})"

    def residual(self, u, extra_fields=None):
        """The self-consistency equations' residuals at the unknowns u, shape (n,); nan outside their domain.

        Parameters
        ----------
        extra_fields : {order parameter's name: field} added from outside
        """
        u = np.asarray(u, dtype=float)
        try:
            return self._residual(u, self._averages(u, extra_fields))
        except (ValueError, ZeroDivisionError, OverflowError):
            return np.full(self.size, np.nan)

    def jacobian(self, u):
        """Jacobian of the residual by central differences, one-sided at the border of the domain, shape (n, n)."""
        u = np.asarray(u, dtype=float)
        return np.column_stack([slope(lambda x: self.residual(moved(u, i, x)), STEP * (1 + abs(u[i]))) for i in range(self.size)])

    def state(self, u):
        """Everything at the unknowns u: a State."""
        u = np.asarray(u, dtype=float)
        averages = self._averages(u)
        s = self.saddle
        inner = (*self.numbers, *map(float, u), *averages.conjugates, *averages.fields)
        potential, entropy, *_ = s.potential(*inner)
        free_energy = potential + self._work(u, averages) - sum(
            w * site.pressure for w, site in zip(self.weights, averages.sites))
        error = max([0.0, *(site.error for site in averages.sites)])
        if self.gate:
            free_energy -= self.load * averages.channel.value
            entropy, energy = self._counted(free_energy, averages.channel)
            error = max(error, averages.channel.error)
        else:
            entropy += sum(w * site.entropy for w, site in zip(self.weights, averages.sites))
            energy = free_energy + self.T * entropy if self.T > 0 else free_energy
        return State(u.copy(), self._residual(u, averages), self._reported(u, averages), float(free_energy), float(entropy),
                     float(energy), self._replicon(u, averages), float(error))

    def _averages(self, u, extra_fields=None):
        # Outside their domain averages are nan.
        with np.errstate(all="ignore"):
            return self._averaged(u, extra_fields)

    def _averaged(self, u, extra_fields):
        s, t = self.saddle, self.theory
        D = np.array(s.breaking(*self.numbers, *map(float, u)), dtype=float)
        values = s.overlap_values(*self.numbers, *map(float, u))
        channel, moments = self._channel(u, values, D) if self.gate else (None, (0.0,) * (t.steps + 3))
        both = s.conjugates(*self.numbers, *map(float, u), *moments)
        count = len(s.conjugate_symbols)
        conjugates, fields = both[:count], both[count:]
        if extra_fields:
            names = [str(a) for layer in t.layers for a in layer.order_parameters]
            fields = [h + extra_fields.get(name, 0.0) for name, h in zip(names, fields)]
        inner = (*self.numbers, *map(float, u), *conjugates, *fields)
        at, sites = 0, []
        for layer, numbers in zip(t.layers, s.leaves):
            width = t.steps + 2 if layer.overlap is not None else 0
            v = np.array(conjugates[at + 1 : at + width], dtype=float) if width else np.zeros(t.steps + 1)
            at += width
            sites.append(Site(layer, numbers(*inner), v, D, self.T))
        return Averages(conjugates, fields, channel, tuple(sites), values, moments)

    def _channel(self, u, values, D):
        t = self.theory
        q, total = np.array(values[: t.steps + 1], dtype=float), values[t.steps + 1]
        variances = np.diff(q, prepend=0.0)
        edges, gate, _ = self.gate
        R = u[self.names.index(str(t.teacher_overlap))] if t.teacher else 0.0
        teacher = (R, np.zeros(1), np.array([0.0, 1.0])) if t.teacher else None
        found = channel_moments(edges, gate, float(total - q[-1]), 0.0, variances, D, teacher)
        return found, (*found.squares, found.curvature, found.teacher)

    def _residual(self, u, averages):
        t = self.theory
        out = dict(zip(t.unknowns, u))
        width = t.steps + 2
        inner = {o: averages.values[i * width : (i + 1) * width] for i, o in enumerate(t.overlaps)}
        for site in averages.sites:
            for a, mean in zip(site.layer.order_parameters, site.means):
                if a in out:
                    out[a] -= mean
            o = site.layer.overlap
            if o is not None:
                for name, square in zip(o.names, site.squares):
                    if name in out:
                        out[name] -= square
                # On a sphere C sets the multiplier, so that its response is an identity and q_k = <M_k^2> the equation.
                out[o.C] = inner[o][-2] - site.squares[-1] if site.layer.site.kind == "spherical" else out[o.C] - site.curvature
        out.update(zip((*self.model.auxiliaries, *t.free_responses), self.saddle.auxiliary(*self.numbers, *map(float, u))))
        if t.free_breaking:
            inner = (*self.numbers, *map(float, u), *averages.conjugates, *averages.fields)
            slopes = np.array(self.saddle.potential(*inner)[2:], dtype=float)
            for w, site in zip(self.weights, averages.sites):
                slopes -= w * site.exponents
            if self.gate:
                slopes -= self.load * averages.channel.exponents
            out.update(zip(t.free_breaking, slopes))
        return np.array([out[a] for a in t.unknowns], dtype=float)

    def _work(self, u, averages):
        """sum w h.phi over the order parameters that have a field."""
        known, fields, total = dict(zip(self.theory.unknowns, u)), iter(averages.fields), 0.0
        for w, site in zip(self.weights, averages.sites):
            total += w * sum(h * known.get(a, 0.0) for a, h in zip(site.layer.order_parameters, fields))
        return total

    def _counted(self, free_energy, channel):
        """(entropy, energy) of constraints on weights; energy counts errors where the gate has an inverse temperature beta."""
        if self.gate[2] is None:
            return -free_energy, 0.0
        edges, values, slopes = self.gate
        # Pieces whose value underflows have no share.
        logs = np.divide(slopes, values, out=np.zeros(len(values)), where=values > 0)
        energy = -self.load * float(np.sum(channel.weights * logs))
        return -free_energy + self.values["beta"] * energy, energy

    def _reported(self, u, averages):
        t, s = self.theory, self.saddle
        means = {str(a): float(mean) for site in averages.sites for a, mean in zip(site.layer.order_parameters, site.means)
                 if a != t.teacher_overlap}
        ordered = {str(a): means[str(a)] for a in t.order_parameters}
        ordered |= {"q": site.finite_square for site in averages.sites if site.layer.site.kind == "auxiliary" and not t.steps}
        reported = dict(zip(s.reported_names, map(float, s.reported(*self.numbers, *map(float, u), *averages.moments))))
        if self.model.has_temperature and self.T == 0:
            limits = [a for o in t.overlaps for a in (o.C,)] + list(t.free_breaking)
            reported |= {str(a): float(u[self.names.index(str(a))]) for a in limits}
        return ordered | reported

    def _replicon(self, u, averages):
        K = np.array([site.replicon for site in averages.sites if site.layer.overlap is not None])
        if not np.isfinite(K).all():
            return -math.inf
        n = len(K)
        B = np.array(self.saddle.replicon(*self.numbers, *map(float, u)), dtype=float).reshape(n, n)
        if self.gate:
            B = B * averages.channel.replicon[-1]
        root = np.sqrt(K)
        matrix = np.eye(n) - root[:, None] * B * root
        return float(np.linalg.eigvalsh(matrix)[0]) if np.isfinite(matrix).all() else math.nan


@dataclass(frozen=True)
class Averages:
    """All averages at one point: conjugate fields, signal fields, channel moments and the sites'."""

    conjugates: list
    fields: list
    channel: object
    sites: tuple
    values: list
    moments: tuple


class Site:
    """Averages of one layer over its finite disorder.

    Attributes
    ----------
    pressure, entropy : P and dP/dT
    means : of the layer's order parameters
    squares : <M_i^2>, shape (k + 1,); curvature : <g''>; exponents : dP/dD_i; replicon : <(g'')^2>
    error : of the quadrature
    finite_square : E <s>^2 of the finite variable of an auxiliary site
    """

    def __init__(self, layer, numbers, variances, D, T):
        self.layer = layer
        k, fields = len(D), len(layer.order_parameters)
        self.pressure = self.entropy = self.curvature = self.replicon = self.error = 0.0
        self.finite_square = 0.0
        self.means, self.squares, self.exponents = np.zeros(fields), np.zeros(k + 1), np.zeros(k)
        at = 0
        for leaf in layer.leaves:
            size = 4 + len(leaf.slopes) + len(leaf.levels)
            probability, parts = numbers[at], np.array(numbers[at + 1 : at + 1 + size], dtype=float)
            slopes = np.array(numbers[at + 1 + size : at + 1 + size * (fields + 2)], dtype=float).reshape(fields + 1, size)
            at += 1 + size * (fields + 2)
            self._add(leaf, probability, parts, slopes, variances, D, T)

    def _add(self, leaf, probability, parts, slopes, variances, D, T):
        mean, extra, kappa, offset = parts[:4]
        v = variances.copy()
        v[0] += extra
        if leaf.kind == "finite":
            count = len(leaf.slopes)
            m = finite_moments(parts[4 : 4 + count], parts[4 + count :], mean, v, D, T, kappa)
            # Slopes do not depend on fields or T, levels do.
            chain = slopes[:, 4 + count :] @ m.weights
        else:
            m = quadratic_moments(parts[4], mean, v, D, T)
            chain = slopes[:, 4:] @ m.weights
        spread = 0.5 * (m.curvature + np.sum(D * np.diff(m.squares)))
        chain = chain + slopes[:, 0] * m.mean + slopes[:, 1] * spread + slopes[:, 3]
        self.pressure += probability * (m.value + offset)
        self.entropy += probability * (m.entropy + chain[-1])
        self.means += probability * chain[:-1]
        self.squares += probability * m.squares
        self.curvature += probability * m.curvature
        self.exponents += probability * m.exponents
        self.replicon += probability * m.replicon[-1]
        self.error = max(self.error, m.error)
        if self.layer.site.kind == "auxiliary":
            # E <s>^2 of the finite variable: its slope is what the Gaussian variable's own response leaves of M.
            pull = mean * m.mean + v[0] * m.curvature
            unit = parts[4] / float(self.layer.site.finite.states[0][0])
            self.finite_square += probability * (m.squares[0] - 2 * kappa * pull + kappa**2 * (mean**2 + v[0])) / unit**2
