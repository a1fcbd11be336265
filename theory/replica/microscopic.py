"""Exact disorder averages of small systems: what the average over the couplings does to replicated weights.

Configurations are few kinds of sites repeated, so that the overlaps are the same at every N and patterns are summed exactly by
their composition. The couplings are written out: sums over indices, sums over patterns.
"""

import random
from itertools import product

import sympy
from sympy import S

from ..couplings import BipartiteLoad, DenseLoad, GaussianCouplings, HebbianLoad
from ..symbols import N
from .finite_n import _Node

KINDS, REPLICAS, MOST_INDICES = 4, 2, 6


class Configuration:
    """Two replicas of every layer's sites: four kinds of sites, each repeated N/4 times.

    Parameters
    ----------
    theory : ReplicaTheory
    seed : int
    """

    def __init__(self, theory, seed=0):
        self.theory = theory
        draw = random.Random(seed)
        self.spins = {o: self._states(theory.layers[o.layer], draw) for o in theory.overlaps}

    def _states(self, layer, draw):
        """Values of the overlapping variable, shape (replicas, kinds)."""
        if layer.site.kind == "finite":
            values = sorted({float(state[layer.along]) for _, state in layer.site.enumerate()})
            first = [values[-1], values[0], values[-1], values[-1]]
            return [first, [first[0], first[1], first[2], values[0]]]
        rows = [[draw.gauss(0.4, 0.6) for _ in range(KINDS)] for _ in range(REPLICAS)]
        return [[x * (KINDS / sum(v * v for v in row)) ** 0.5 for x in row] for row in rows]

    def overlaps(self, chosen):
        """The callable of matrices Q_ab = (1/N) sum_i s_i^a s_i^b that sums and traces over replicas take."""
        return _Empirical(self, chosen)

    def array(self, o):
        """The states of an overlap's layer."""
        import numpy as np

        return np.array(self.spins[o])


class _Empirical:
    def __init__(self, configuration, chosen):
        self.configuration, self.chosen = configuration, chosen
        self.levels = [(o.symbol,) for o in chosen]

    def __call__(self, point):
        return [s @ s.T / KINDS for s in map(self.configuration.array, self.chosen)]


class AveragedWeight(_Node):
    """(1/N) log E prod_a exp(-beta H(s^a)) of couplings at a fixed replicated configuration; data = (coupling, overlaps, configuration, T)."""

    def number(self, point):
        """By the explicit sums over indices or patterns."""
        coupling, overlaps, configuration, T = self.data
        from .numbers import number

        beta, size = 1 / number(T, point), round(float(point[N]))
        spins = [configuration.array(o) for o in overlaps]
        value = lambda e: number(e, point)
        if isinstance(coupling, GaussianCouplings):
            return _gaussian(coupling, overlaps, spins, beta, value)
        if isinstance(coupling, DenseLoad):
            return _dense(coupling, spins[0], beta, size, value)
        if isinstance(coupling, HebbianLoad):
            return _hebbian(coupling, spins[0], beta, size, value)
        if isinstance(coupling, BipartiteLoad):
            return _bipartite(coupling, spins, beta, size, value)
        raise NotImplementedError(f"the microscopic Hamiltonian of {type(coupling).__name__} is not written out here")

    @property
    def free_symbols(self):
        return {N}

    def text(self, printer):
        """(1/N) log E exp(-beta sum_a H(s^a))."""
        coupling = self.data[0]
        if isinstance(coupling, HebbianLoad):
            (o,) = self.data[1]
            s, scale = printer.doprint(o.variable), "" if coupling.scale == 1 else printer.doprint(coupling.scale) + r"\,"
            return (rf"{printer.doprint(coupling.load)}\,\log\mathbb{{E}}_{{\xi}}\exp\left[\frac{{\beta}}{{2N}} {scale}\sum_a"
                    rf"\Bigl(\sum_i \xi_i {s}_i^a\Bigr)^2\right]")
        if isinstance(coupling, BipartiteLoad):
            a, b = (printer.doprint(o.variable) for o in self.data[1])
            return (rf"{printer.doprint(coupling.load)}\,\log\mathbb{{E}}_{{\xi,\eta}}\exp\left[\frac{{\beta}}{{\sqrt{{N_1N_2}}}}\sum_a"
                    rf"\sum_i \xi_i {a}_i^a\sum_j \eta_j {b}_j^a\right]")
        return r"\frac{1}{N}\log\mathbb{E}\exp\Bigl[-\beta\sum_a H(s^a)\Bigr]"


class Characteristic(_Node):
    """log E exp(i sum_a t_a u_a) of the stabilities u_a = sum_i w_i^a xi_i/sqrt(N) of +-1 patterns; data = (overlap, configuration, t)."""

    def number(self, point):
        """By the product over the independent entries."""
        import numpy as np

        o, configuration, t = self.data
        size = round(float(point[N]))
        u = np.array([float(point[x]) for x in t]) @ configuration.array(o) / np.sqrt(size)
        return float(size / KINDS * np.log(np.cos(u)).sum())

    @property
    def free_symbols(self):
        return {N}

    def text(self, printer):
        """log E exp(i t.u)."""
        return r"\log\mathbb{E}_\xi\exp\Bigl[i\sum_a t_a u_a\Bigr]"


def _gaussian(coupling, overlaps, spins, beta, value):
    """Independent Gaussian couplings on all index tuples: (beta^2/2N) c_d N^(1-d) sum_(i1..id) (sum_a s_i1^a ... s_id^a)^2."""
    import numpy as np

    names = [o.symbol for o in overlaps]
    if not coupling.covariance.is_polynomial(*names):
        raise NotImplementedError("couplings whose covariance is not a polynomial")
    total = 0.0
    for degrees, c in sympy.Poly(sympy.expand(coupling.covariance), *names).terms():
        if sum(degrees) > MOST_INDICES:
            raise NotImplementedError(f"sums over more than {MOST_INDICES} indices")
        tensor = np.ones((REPLICAS, 1))
        for s, degree in zip(spins, degrees):
            for _ in range(degree):
                tensor = np.einsum("ai,aj->aij", tensor, s / np.sqrt(KINDS)).reshape(REPLICAS, -1)
        total += beta**2 / 2 * value(c) * float((tensor.sum(axis=0) ** 2).sum())
    return total


def _dense(coupling, s, beta, size, value):
    """load N^(p-1) patterns: their covariance summed over subsets of p sites, or of the full power over patterns."""
    import numpy as np

    p, total = int(coupling.p), 0.0
    for a in range(REPLICAS):
        for b in range(REPLICAS):
            if coupling.full_power:
                X, weight = _overlaps(s, size)
                cov = (weight * X[a] ** p * X[b] ** p).sum() - (weight * X[a] ** p).sum() * (weight * X[b] ** p).sum()
                total += cov / p**2
            else:
                elementary = np.zeros(p + 1)
                elementary[0] = 1.0
                for term in np.repeat(s[a] * s[b], size // KINDS):
                    elementary[1:] += term * elementary[:-1]
                total += (float(sympy.factorial(p)) / p) ** 2 * elementary[p] / size**p
    return beta**2 / 2 * value(coupling.load) * total


def _overlaps(s, size):
    """X_a = sum_i xi_i s_i^a / sqrt(N) over all compositions of a +-1 pattern, shape (replicas, compositions), and their probabilities."""
    import numpy as np

    repeat = size // KINDS
    k = np.arange(repeat + 1)
    logs = np.array([float(sympy.binomial(repeat, int(j))) for j in k]) / 2.0**repeat
    grid = np.array(list(product(2.0 * k - repeat, repeat=KINDS)))
    weight = np.prod(np.array(list(product(logs, repeat=KINDS))), axis=1)
    return s @ grid.T / np.sqrt(size), weight


def _hebbian(coupling, s, beta, size, value):
    import numpy as np

    X, weight = _overlaps(s, size)
    return value(coupling.load) * float(np.log((weight * np.exp(beta * value(coupling.scale) / 2 * (X**2).sum(axis=0))).sum()))


def _bipartite(coupling, spins, beta, size, value):
    """Both layers with N/2 sites: (beta/sqrt(N1 N2)) sum_a X_a Y_a, the second pattern summed entry by entry."""
    import numpy as np

    X, weight = _overlaps(spins[0], size)
    fields = beta * X.T @ spins[1] / np.sqrt(size)
    logs = size // KINDS * np.log(np.cosh(fields)).sum(axis=1)
    return value(coupling.load) * float(np.log((weight * np.exp(logs)).sum()))


class SmallSystem:
    """All configurations of a few sites, for samples of log Z; finite sites on one layer or several.

    Parameters
    ----------
    theory : ReplicaTheory
    """

    SITES, SAMPLES = 3, 120

    def __init__(self, theory):
        self.theory, self.roots = theory, {}
        if any(layer.site.kind != "finite" for layer in theory.layers) or theory.model.auxiliaries or theory.teacher:
            raise NotImplementedError("sums over the configurations of these sites")

    def log_partitions(self, point, seed=0):
        """log Z of samples of the couplings and of the site disorder."""
        import numpy as np

        rng = np.random.default_rng(seed)
        columns, energies = self._configurations(point, rng)
        return np.array([self._sample(columns, energy, point, rng) for energy in energies])

    def _configurations(self, point, rng):
        import numpy as np

        layers, sites = self.theory.layers, self.SITES if len(self.theory.layers) == 1 else 2
        tables = [list(product(layer.site.enumerate(), repeat=sites)) for layer in layers]
        choices = list(product(*tables))
        columns = [np.array([[float(state[layer.along]) for _, state in c[l]] for c in choices]) for l, layer in enumerate(layers)]
        log_weights = np.array([sum(np.log(float(w)) for part in c for w, _ in part) for c in choices])
        means = {a: g for layer in layers for a, g in layer.order_parameters.items()}
        disorder = [{x: self._draw(d, point, rng) for x, d in self.theory.model.disorder.items()} for _ in range(20)]
        found = []
        for sample in disorder:
            site = {}
            for l, layer in enumerate(layers):
                for expr in (*layer.order_parameters.values(), layer.site_energy):
                    call = sympy.lambdify((layer.site.variables), expr.xreplace({x: sympy.Float(v) for x, v in {**point, **sample}.items()
                                                                                  if x in expr.free_symbols}), "math")
                    site[l, expr] = np.array([sum(call(*(float(state[v]) for v in layer.site.variables)) for _, state in c[l]) for c in choices])
            phi = {a: site[l, g] / sites for l, layer in enumerate(layers) for a, g in layer.order_parameters.items()}
            used = [a for a in means if self.theory.model.energy.has(a)]
            energy = self.theory.model.energy
            energy = energy.xreplace({x: sympy.Float(float(point[x])) for x in energy.free_symbols if x in point and x not in used})
            rows = np.broadcast_to(sympy.lambdify(used, energy, "numpy")(*(phi[a] for a in used)), (len(choices),))
            one = sum(site[l, layer.site_energy] for l, layer in enumerate(layers))
            found.append((sites * rows + one, log_weights))
        return columns, [e for e in found for _ in range(self.SAMPLES // 20)]

    @staticmethod
    def _draw(d, point, rng):
        from .numbers import number

        if hasattr(d, "values"):
            return float(rng.choice([number(v, point) for v in d.values], p=[number(p, point) for p in d.probabilities]))
        return number(d.mean, point) + number(d.variance, point) ** 0.5 * rng.standard_normal()

    def _sample(self, columns, energy, point, rng):
        import numpy as np

        from .numbers import number

        T, (energies, log_weights) = number(self.theory.T, point), energy
        total = log_weights - energies / T
        for coupling in self.theory.model.couplings:
            total = total + self._coupling(coupling, columns, point, rng, T)
        return float(np.logaddexp.reduce(total))

    def _coupling(self, coupling, columns, point, rng, T):
        """-H/T of one sample of the couplings at every configuration; the logarithm of the gates for constraints."""
        import numpy as np

        from .finite_n import _gate
        from .numbers import number

        own = [columns[o.layer] for o in self.theory._of(coupling)]
        sites = own[0].shape[1]
        if coupling.kind == "elementwise":
            root = self._root(coupling, own, point, sites)
            return -root @ rng.standard_normal(len(root)) / T
        xi = rng.choice([-1.0, 1.0], size=(sites, 2))
        if coupling.kind == "channel":
            if "gate" not in self.roots:
                self.roots["gate"], _ = _gate(coupling, point)
            gate = self.roots["gate"]
            u = own[0] @ rng.standard_normal((sites, 1)) / np.sqrt(sites)
            # Few weights may violate every gate: a floor keeps Z positive, and the identity holds for any positive Z.
            return np.log(np.maximum(gate(u[:, 0]), 0.1))
        X = own[0] @ xi
        Y = X if len(own) == 1 else 2 * own[1] @ rng.choice([-1.0, 1.0], size=(sites, 2))
        scale = number(getattr(coupling, "scale", S.One), point)
        return scale * (X * Y).sum(axis=1) / (2 * sites * T)


    def _root(self, coupling, own, point, sites):
        """A square root of the covariance of the energies of all configurations."""
        import numpy as np

        if id(coupling) not in self.roots:
            names = [o.symbol for o in self.theory._of(coupling)]
            expr = coupling.covariance.xreplace({x: sympy.Float(point[x]) for x in coupling.covariance.free_symbols - set(names)})
            call = sympy.lambdify(names, expr, "numpy")
            covariance = sites * np.broadcast_to(call(*(s @ s.T / sites for s in own)), (len(own[0]),) * 2)
            values, vectors = np.linalg.eigh(covariance)
            self.roots[id(coupling)] = vectors * np.sqrt(np.maximum(values, 0))
        return self.roots[id(coupling)]


class QuenchedLogarithm(_Node):
    """E log Z of a small system of the model's kind, or (1/n) log E Z^n; data = (theory, n or None, samples already summed)."""

    def number(self, point):
        """Over samples of the disorder, the same for both."""
        import numpy as np

        theory, n, known = self.data
        key = tuple(sorted((str(x), float(v)) for x, v in point.items() if x != n))
        if key not in known:
            known[key] = SmallSystem(theory).log_partitions(point)
        logs = known[key]
        if n is None:
            return float(logs.mean())
        size = float(point[n])
        return float((np.logaddexp.reduce(size * logs) - np.log(len(logs))) / size)

    def text(self, printer):
        """As written."""
        n = self.data[1]
        return r"\mathbb{E}\log Z" if n is None else rf"\frac{{1}}{{{printer.doprint(n)}}}\log\mathbb{{E}}\,Z^{{{printer.doprint(n)}}}"




class QuadraticForm(_Node):
    """-(1/2) sum_ab t_a t_b Q_ab at a configuration; data = (overlap, configuration, t)."""

    def number(self, point):
        """By the explicit sum."""
        import numpy as np

        o, configuration, t = self.data
        s, x = configuration.array(o), np.array([float(point[a]) for a in t])
        return float(-x @ (s @ s.T / KINDS) @ x / 2)

    def text(self, printer):
        """The sum."""
        return r"-\frac{1}{2}\sum_{a,b} t_a t_b\,Q_{ab}"
