"""Replicated quantities at n replicas: explicit matrices and traces, and their closed forms under the ansatz.

The nodes are what a derivation shows on its left sides; `number` evaluates them by brute force at integer n and block sizes,
by explicit n x n matrices and sums over all replicated states, without the closed forms.
"""

from functools import lru_cache
from itertools import product

import sympy
from sympy import Expr, S, Symbol

from ..couplings import STABILITY
from ..disorder import Normal
from .nested import moment


def matrix_sum(F, levels, blocks, n):
    """sum_ab F(Q_ab) = n [F(q_d) - F(q_k) + sum_i x_i (F(q_i) - F(q_(i-1)))] + n^2 F(q_0).

    Parameters
    ----------
    F : function of the entries, one argument an overlap
    levels : for each overlap (q_0, ..., q_k, q_d)
    blocks : x_1..x_k
    """
    at = [F(*entries) for entries in zip(*levels)]
    row = at[-1] - at[-2] + sum((x * (at[i] - at[i - 1]) for i, x in enumerate(blocks, 1)), S.Zero)
    return sympy.factor_terms(n * row + n**2 * at[0])


def matrix_trace(G, levels, blocks, n):
    """tr G(Q) = n {G(l_(k+1)) + sum_i [G(l_i) - G(l_(i+1))]/x_i} + G(l_1 + n q_0) - G(l_1)."""
    spectrum = [eigenvalues(level, blocks) for level in levels]
    at = [G(*entries) for entries in zip(*spectrum)]
    inner = at[-1] + sum(((at[i - 1] - at[i]) / x for i, x in enumerate(blocks, 1)), S.Zero)
    top = G(*(l[0] + n * level[0] for l, level in zip(spectrum, levels)))
    return n * inner + top - at[0]


def eigenvalues(level, blocks):
    """l_1, ..., l_(k+1) of a hierarchical matrix (q_0, ..., q_k, q_d): l_(k+1) = q_d - q_k, l_i = l_(i+1) + x_i (q_i - q_(i-1))."""
    found = [level[-1] - level[-2]]
    for i in range(len(blocks), 0, -1):
        found.append(found[-1] + blocks[i - 1] * (level[i] - level[i - 1]))
    return found[::-1]


class _Node(Expr):
    """A replicated quantity with Python data beside its arguments."""

    is_real = True
    is_commutative = True

    def __new__(cls, label, data, *args):
        # A label of its own: two nodes are equal only if they are one.
        node = Expr.__new__(cls, sympy.Dummy(label), *args)
        node.data = data
        return node

    @property
    def free_symbols(self):
        return set().union(*(a.free_symbols for a in self.args[1:]))

    def _latex(self, printer, exp=None):
        text = self.text(printer)
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"

    def _sympystr(self, printer):
        from ..writing.formulas import FormulaPrinter
        from ..writing.text import unicode_of

        return unicode_of(f"${self.text(FormulaPrinter())}$")


class Written(_Node):
    """A formula that is stated and not evaluated; data = its LaTeX."""

    def text(self, printer):
        """The LaTeX."""
        return self.data


def hierarchical(level, blocks, n):
    """The n x n matrix of (q_0, ..., q_k, q_d) with nested blocks of sizes x_1 >= ... >= x_k (integers)."""
    import numpy as np

    a = np.arange(n)
    matrix = np.full((n, n), level[0])
    for x, q in zip(blocks, level[1:-1]):
        matrix[(a[:, None] // x) == (a[None, :] // x)] = q
    np.fill_diagonal(matrix, level[-1])
    return matrix


class Matrices:
    """The hierarchical matrices of a theory's overlaps at a point with integer n and blocks."""

    def __init__(self, n, levels, blocks):
        self.n, self.levels, self.blocks = n, levels, blocks

    def __call__(self, point):
        size, blocks = round(float(point[self.n])), [round(float(point[x])) for x in self.blocks]
        from .numbers import number

        return [hierarchical([number(q, point) for q in level], blocks, size) for level in self.levels]


class MatrixSum(_Node):
    """sum_ab F(Q_ab) over an explicit matrix; data = (F, Matrices)."""

    def number(self, point):
        """By summation over all entries."""
        from .numbers import number

        F, matrices = self.data
        arrays = matrices(point)
        names = [Symbol(f"entry{i}", real=True) for i in range(len(arrays))]
        expr = F(*names)
        n = len(arrays[0])
        return sum(number(expr, {**point, **dict(zip(names, (float(m[a, b]) for m in arrays)))}) for a in range(n) for b in range(n))

    def text(self, printer):
        """sum_ab F(Q_ab)."""
        F, matrices = self.data
        return r"\sum_{a,b} " + _bracketed(printer.doprint(F(*_entries(matrices))))


class MatrixTrace(_Node):
    """tr G(Q) by diagonalisation of explicit matrices; data = (G, Matrices)."""

    def number(self, point):
        """By numerical eigenvectors, joint ones of several matrices."""
        import numpy as np

        from .numbers import number

        G, matrices = self.data
        arrays = matrices(point)
        _, vectors = np.linalg.eigh(sum(m / (1 + i) ** 1.37 for i, m in enumerate(arrays)))
        names = [Symbol(f"entry{i}", real=True) for i in range(len(arrays))]
        expr = G(*names)
        return sum(number(expr, {**point, **dict(zip(names, (float(v @ m @ v) for m in arrays)))}) for v in vectors.T)

    def text(self, printer):
        """tr G(Q)."""
        G, matrices = self.data
        return r"\operatorname{tr} " + _bracketed(printer.doprint(G(*_entries(matrices, matrix=True))))


def _entries(matrices, matrix=False):
    names = [str(level[0]).rstrip("0123456789").upper() for level in matrices.levels]
    return [Symbol(name if matrix else f"{name}_ab", real=True) for name in names]


def _bracketed(text):
    text = text.replace(r"\mathrm{ab}", "ab")
    return rf"\left[{text}\right]"


class ReplicatedTrace(_Node):
    """log E_xi Tr_(s^1..s^n) exp[sum_ab V_ab s^a s^b/(2 T^2) + sum_a (h.g + a s^2/2 - v)/T]; data = (layer, n, V levels, blocks, T)."""

    def number(self, point):
        """By the sum over all replicated states, or the determinant of the Gaussian integral."""
        return _Replicated(self, point).log_trace()

    def text(self, printer):
        """The trace with its exponent."""
        layer, n, levels, blocks, T = self.data
        s = printer.doprint(layer.along)
        disorder = r"\mathbb{E}\," if layer.disorder else ""
        beta, square = (r"\beta", r"\frac{\beta^2}{2}") if T != 1 else ("", r"\frac{1}{2}")
        a = rf"\tfrac{{1}}{{2}} {printer.doprint(layer.diagonal)}\,({s}^a)^2 + " if has_multiplier(layer) else ""
        work = sum((h * g for h, g in zip(layer.fields(), layer.order_parameters.values())), S.Zero) - layer.site_energy
        shown = printer.doprint(work.xreplace({v: Symbol(f"{v}^a", real=True) for v in layer.site.variables})) if work != 0 else ""
        shown = shown.replace("_{a}", "^{a}")
        fields = rf" + {beta}\sum_a \left({a}{shown}\right)".replace(" + \\right", r"\right") if a or shown else ""
        return rf"\log {disorder}\operatorname{{Tr}}_{{{s}^1\cdots {s}^n}}\exp\left[{square}\sum_{{a,b}} V_{{ab}}\,{s}^a {s}^b{fields}\right]"


def has_multiplier(layer):
    """Whether the diagonal of the overlap is free, so that a field conjugate to it acts."""
    return layer.overlap is not None and layer.overlap.diagonal is None


class _Replicated:
    """One site, replicated n times, at a point."""

    def __init__(self, node, point):
        from .numbers import number

        self.layer, n, levels, blocks, T = node.data
        self.n = round(float(point[n]))
        self.T = number(T, point)
        self.V = hierarchical([number(v, point) for v in (*levels, levels[-1])], [round(float(point[x])) for x in blocks], self.n)
        self.point = point
        self.names = tuple(self.layer.disorder)
        self.cases = tuple(self._disorder())
        self._energies = self._tables = None

    def log_trace(self):
        """The logarithm of the replicated trace, averaged over the disorder inside."""
        import numpy as np

        kind = self.layer.site.kind
        one = {"finite": self._finite, "auxiliary": self._auxiliary}.get(kind, self._quadratic)
        logs = [np.log(p) + one(values) for p, values in self.cases]
        return float(np.logaddexp.reduce(logs))

    def _disorder(self):
        """(probability, {variable: value}): finite disorder enumerated, Gaussian variables by quadrature."""
        import numpy as np

        from .numbers import number

        z = np.arange(-40, 41) / 5
        supports = []
        for x, d in self.layer.disorder.items():
            if isinstance(d, Normal):
                width = np.sqrt(max(number(d.variance, self.point), 0.0))
                w = np.exp(-z**2 / 2) / np.exp(-z**2 / 2).sum()
                supports.append([(x, number(d.mean, self.point) + width * t, p) for t, p in zip(z, w)])
            else:
                supports.append([(x, number(v, self.point), number(p, self.point)) for v, p in zip(d.values, d.probabilities)])
        for choice in product(*supports):
            weight = float(np.prod([p for _, _, p in choice])) if choice else 1.0
            if weight > 0:
                yield weight, tuple(v for _, v, _ in choice)

    def _one(self):
        """h.g - v + a s^2/2 of one replica."""
        layer = self.layer
        energy = sum((h * g for h, g in zip(layer.fields(), layer.order_parameters.values())), S.Zero) - layer.site_energy
        return energy + (layer.diagonal * layer.along**2 / 2 if has_multiplier(layer) else S.Zero)

    def _fixed(self, expr):
        """`expr` with every parameter's number put in; what is left is the disorder."""
        expr = sympy.sympify(expr)
        return expr.xreplace({x: sympy.Float(float(self.point[x])) for x in expr.free_symbols if x in self.point and x not in self.names})

    def energies(self, disorder):
        """h.g - v + a s^2/2 of every state of one replica, over T, with the states' weights."""
        import numpy as np

        if self._energies is None:
            one = self._fixed(self._one())
            self._energies = sympy.lambdify(self.names, [one.xreplace(state) for _, state in self.layer.site.enumerate()], "math")
        weights = np.log([float(w) for w, _ in self.layer.site.enumerate()])
        return np.array(self._energies(*disorder), dtype=float) / self.T + weights

    def _finite(self, disorder):
        import numpy as np

        single = self.energies(disorder)
        spins = np.array([float(state[self.layer.along]) for _, state in self.layer.site.enumerate()])
        index = np.array(list(product(range(len(spins)), repeat=self.n)))
        s = spins[index]
        exponent = single[index].sum(axis=1) + np.einsum("ia,ab,ib->i", s, self.V, s) / (2 * self.T**2)
        return float(np.logaddexp.reduce(exponent))

    def coefficients(self, disorder, o, states):
        """Of 1, o and o^2 in the energy of one replica, one row a state of the other variables."""
        if self._tables is None:
            rows = []
            for state in states:
                poly = sympy.Poly(sympy.expand(self._fixed(self._one().xreplace(state))), o)
                rows.append([poly.coeff_monomial(o**k) for k in range(3)])
            self._tables = sympy.lambdify(self.names, rows, "math")
        return self._tables(*disorder)

    def _quadratic(self, disorder):
        """Gaussian and spherical sites; of the latter the multiplier 1/C imposes the length, as the ansatz has it."""
        import numpy as np

        from .numbers import number

        layer, at, T = self.layer, self.point, self.T
        (c0, c1, c2), = self.coefficients(disorder, layer.along, [{}])
        if layer.site.kind == "spherical":
            A, shift = 1 / number(layer.overlap.C, at), 0.0
            constant = A / (2 * T) - np.log(2 * np.pi * np.e) / 2
        else:
            variance, mean = number(layer.site.variance, at), number(layer.site.mean, at)
            A, shift = T / variance - 2 * c2, T * mean / variance
            constant = c0 / T - mean**2 / (2 * variance) - np.log(2 * np.pi * variance) / 2
        K = A / T * np.eye(self.n) - self.V / T**2
        b = np.full(self.n, (c1 + shift) / T)
        _, logdet = np.linalg.slogdet(K / (2 * np.pi))
        return self.n * constant - logdet / 2 + b @ np.linalg.solve(K, b) / 2

    def _auxiliary(self, disorder):
        import numpy as np

        layer, T = self.layer, self.T
        states = layer.site.finite.enumerate()
        table = np.array(self.coefficients(disorder, layer.site.auxiliary, [state for _, state in states]), dtype=float)
        bare = -2 * table[0][2] + (float(self.point[layer.diagonal]) if has_multiplier(layer) else 0.0)
        K = -2 * table[0][2] / T * np.eye(self.n) - self.V / T**2
        _, logdet = np.linalg.slogdet(K * T / bare)
        index = np.array(list(product(range(len(states)), repeat=self.n)))
        c0, c1 = (table[:, k][index] / T for k in (0, 1))
        weights = np.log(np.array([float(w) for w, _ in states]))[index].sum(axis=1)
        exponent = c0.sum(axis=1) + weights + np.einsum("ia,ab,ib->i", c1, np.linalg.inv(K), c1) / 2
        return float(np.logaddexp.reduce(exponent)) - logdet / 2


class GateAverage(_Node):
    """log E_(u ~ N(0, Q)) prod_a gate(u_a) for two replicas (and a teacher); data = (channel, Matrices, teacher overlap or None)."""

    def number(self, point):
        """By quadrature over the conditional distributions, panel by panel between the gate's steps."""
        import numpy as np

        from .numbers import number

        channel, matrices, R = self.data
        (Q,) = matrices(point)
        if len(Q) != 2:
            raise NotImplementedError("the average over more than two correlated stabilities")
        gate, edges = _gate(channel, point)
        total, weight = 0.0, 0.0
        for v, w in zip(*_panels([0.0], 0.0, 1.0)) if R is not None else [(0.0, 1.0)]:
            if R is not None and v < 0:
                continue
            r = number(R, point) if R is not None else 0.0
            mean, cov = r * v, Q - r**2
            inner = 0.0
            nodes, weights = _panels(edges, mean, np.sqrt(cov[0, 0]))
            slope = cov[0, 1] / cov[0, 0]
            for u, w1 in zip(nodes, weights * gate(nodes)):
                if w1:
                    t, w2 = _panels(edges, mean + slope * (u - mean), np.sqrt(cov[1, 1] - slope * cov[0, 1]))
                    inner += w1 * (w2 * gate(t)).sum()
            total, weight = total + w * inner, weight + w
        return float(np.log(total / weight))

    def text(self, printer):
        """log E prod_a gate(u_a)."""
        channel, _, R = self.data
        teacher = r"\,\big|\, u_0 > 0" if R is not None else ""
        gate = printer.doprint(channel.gate.xreplace({STABILITY: Symbol("u_a", real=True)}))
        return rf"\log\mathbb{{E}}_{{u\sim\mathcal N(0,Q)}}\left[\prod_a {gate}{teacher}\right]"


def _gate(channel, point):
    """The gate as a function of a number, and where it is not smooth."""
    from .numbers import number

    edges = sorted(number(e, point) for e, _ in channel.steps) if channel.steps is not None else []
    at = {k: v for k, v in point.items()}
    expr = channel.gate.xreplace({s: sympy.Float(float(at[s])) for s in channel.gate.free_symbols if s in at})
    import numpy as np

    call = sympy.lambdify(STABILITY, expr, [{"Heaviside": lambda x, *_: (np.asarray(x) > 0).astype(float)}, "numpy"])
    return call, edges


@lru_cache(maxsize=4)
def _legendre(order):
    import numpy as np

    return np.polynomial.legendre.leggauss(order)


def _panels(edges, mean, width, order=16):
    """Nodes and weights for a Gaussian of this mean and width, panels cut at the edges."""
    import numpy as np

    nodes, weights = _legendre(order)
    cuts = sorted({mean - 8 * width, mean + 8 * width, *(mean + k * width for k in (-4, -2, 0, 2, 4)),
                   *(e for e in edges if abs(e - mean) < 8 * width)})
    low, half = np.array(cuts[:-1]), np.diff(cuts) / 2
    u = (low + half)[:, None] + half[:, None] * nodes
    w = half[:, None] * weights * np.exp(-((u - mean) / width) ** 2 / 2) / (width * np.sqrt(2 * np.pi))
    return u.ravel(), w.ravel()


def pressure_at(n, parts, T):
    """n times the nested pressure over T at n replicas: log sum_c p_c exp(n P_c/T), the disorder averaged inside."""
    if len(parts) == 1 and parts[0][0] == 1:
        return moment(parts[0][1], n / T)
    return sympy.log(sympy.Add(*(p * sympy.exp(moment(P, n / T)) for p, P in parts)))


