"""Second variations of replicated quantities along the replicon, by brute force at integer n."""

from .finite_n import _Node, _Replicated, hierarchical

# delta Q_12 = delta Q_34 = 1, delta Q_13 = delta Q_24 = -1: rows sum to zero, inside one innermost block of four replicas.
PAIRS = (((0, 1), 1.0), ((2, 3), 1.0), ((0, 2), -1.0), ((1, 3), -1.0))
STEP = 0.05


def direction(n):
    """The replicon's direction among n >= 4 replicas."""
    import numpy as np

    delta = np.zeros((n, n))
    for (a, b), sign in PAIRS:
        delta[a, b] = delta[b, a] = sign
    return delta


class SiteBend(_Node):
    """(T^2/4) d^2/d eps^2 of the replicated one-site trace at V + eps delta; data = that of `ReplicatedTrace`."""

    def number(self, point):
        """By central differences of the sum over all replicated states."""
        site = _Replicated(self, point)
        base = site.V.copy()
        delta = direction(site.n)

        def at(eps):
            site.V = base + eps * delta
            return site.log_trace()

        return site.T**2 / 4 * second_difference(at, STEP * site.T)

    def text(self, printer):
        """Named by what is varied."""
        T = self.data[4]
        front = r"\frac{T^2}{4}" if T != 1 else r"\frac{1}{4}"
        return rf"{front}\,\delta^2 \log\operatorname{{Tr}}_{{{printer.doprint(self.data[0].along)}^1\cdots}}"


class EnergyBend(_Node):
    """(T^2/4) of the mixed second variation of the couplings' replicated energy; data = (coupling, levels, n, blocks, T, (i, j))."""

    def number(self, point):
        """By central differences of sums and traces over explicit matrices."""
        import numpy as np

        from .numbers import number

        coupling, levels, n, blocks, T, (i, j) = self.data
        size, heat = round(float(point[n])), number(T, point)
        Q = [hierarchical([number(q, point) for q in level], [round(float(point[x])) for x in blocks], size) for level in levels]
        delta = direction(size)
        energy = _elementwise if coupling.kind == "elementwise" else _spectral

        def at(a, b):
            moved = [m.copy() for m in Q]
            moved[i] = moved[i] + a * delta
            moved[j] = moved[j] + b * delta
            return energy(coupling, moved, point, heat, np)

        h = 0.02
        if i == j:
            return heat**2 / 4 * second_difference(lambda e: at(e, 0.0), h)
        return heat**2 / 4 * (at(h, h) - at(h, -h) - at(-h, h) + at(-h, -h)) / (4 * h * h)

    def text(self, printer):
        """Named by what is varied."""
        coupling, levels, *_ = self.data
        names = [str(level[0]).rstrip("0123456789").upper() for level in levels]
        shown = r"\frac{\beta^2}{2}\sum_{a,b} c(Q_{ab})" if coupling.kind == "elementwise" else rf"\operatorname{{tr}} G(\beta {','.join(names)})"
        i, j = self.data[5]
        sub = f"_{{{names[i]}{names[j]}}}" if len(names) > 1 else ""
        return rf"\frac{{T^2}}{{4}}\,\delta^2{sub}\,{shown}"


def second_difference(f, h):
    """f''(0) to fourth order."""
    return (-f(2 * h) + 16 * f(h) - 30 * f(0.0) + 16 * f(-h) - f(-2 * h)) / (12 * h * h)


def _elementwise(coupling, Q, point, heat, np):
    import sympy

    names = list(coupling.overlaps or {sympy.Symbol("q", real=True): None})
    expr = coupling.covariance.xreplace({x: sympy.Float(float(point[x])) for x in coupling.covariance.free_symbols - set(names)})
    return float(np.sum(np.broadcast_to(sympy.lambdify(names, expr, "numpy")(*Q), Q[0].shape))) / (2 * heat**2)


def _spectral(coupling, Q, point, heat, np):
    """tr G(beta Q): a logarithm by its determinant; matrices that do not commute have no common eigenvalues, but G of their product."""
    import sympy

    y = [sympy.Symbol(f"entry{i}", real=True) for i in range(len(Q))]
    G = coupling.spectral(y)
    G = G.xreplace({x: sympy.Float(float(point[x])) for x in G.free_symbols - set(y)})
    factor, inner = G.as_independent(sympy.log)
    if not isinstance(inner, sympy.log):
        raise NotImplementedError("spectral functions other than a logarithm")
    poly = sympy.Poly(sympy.expand(inner.args[0]), *y)
    matrix = np.zeros_like(Q[0])
    for degrees, c in poly.terms():
        term = np.eye(len(Q[0]))
        for m, degree in zip(Q, degrees):
            term = term @ np.linalg.matrix_power(m / heat, degree)
        matrix = matrix + float(c) * term
    return float(factor) * float(np.linalg.slogdet(matrix)[1])
