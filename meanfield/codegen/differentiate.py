"""Pass 2: derivatives of the integrand by the chain rule, every site function kept opaque.

Expanding derivatives of compositions explodes; here each function is one symbol whose own
derivatives are further symbols, defined by printed statements in the order of use.
"""

from dataclasses import dataclass, field
from itertools import combinations

import sympy
from sympy import S, Symbol

from theory.symbols import T

from .atoms import ATOMS, GaussSoftAbs, SoftAbs, SoftMax, SoftRadial


# Which of two quadrature rules a Gaussian average uses; the second one measures the error.
# Symbols of the kernel's own carry no assumptions: they can never be a user's, which are real.
RULE = Symbol("rule")


@dataclass
class Statements:
    """Assignments `targets = source`, the source being an Expr or a call (name, arguments)."""

    lines: list = field(default_factory=list)

    def let(self, name, value):
        """Define one symbol by an expression."""
        symbol = Symbol(name)
        self.lines.append(((symbol,), value))
        return symbol

    def call(self, names, function, *arguments):
        """Define one symbol or several by a call of a primitive."""
        targets = tuple(map(Symbol, names.split()))
        self.lines.append((targets, (function, arguments)))
        return targets[0] if len(targets) == 1 else targets

    def needed_for(self, expressions):
        """The statements that these expressions use, directly or not."""
        wanted = set().union(*(e.free_symbols for e in expressions))
        kept = []
        for targets, source in reversed(self.lines):
            if wanted & set(targets):
                kept.append((targets, source))
                wanted |= _symbols_of(source)
        return kept[::-1]


@dataclass(frozen=True)
class Derivatives:
    """An integrand and its derivatives in the fields and in T, with the statements they rest on."""

    statements: Statements
    value: sympy.Expr
    gradient: tuple
    hessian: tuple
    entropy: sympy.Expr


def differentiate(integrand, fields):
    """Value, gradient, Hessian (lower triangle by rows) and T-derivative of a scaled integrand."""
    statements = Statements()
    atoms = sorted(integrand.atoms(*ATOMS), key=sympy.default_sort_key)
    nodes = [_NODES[type(atom)](atom, i, fields, statements) for i, atom in enumerate(atoms)]
    opaque = integrand.xreplace({atom: node.value for atom, node in zip(atoms, nodes)})
    outer = [opaque.diff(node.value) for node in nodes]
    gradient = tuple(opaque.diff(a) + _dot(outer, (n.gradient(a) for n in nodes)) for a in fields)
    hessian = tuple(
        opaque.diff(a, b) + _dot(outer, (n.bend(a, b) for n in nodes)) + _cross(outer, nodes, a, b)
        for i, a in enumerate(fields) for b in fields[: i + 1]
    )
    entropy = opaque.diff(T) + _dot(outer, (n.entropy() for n in nodes))
    return Derivatives(statements, opaque, gradient, hessian, entropy)


def _dot(xs, ys):
    return sympy.Add(*(x * y for x, y in zip(xs, ys)))


def _cross(outer, nodes, a, b):
    """Terms from coefficients that depend on the fields themselves."""
    return sympy.Add(*(f.diff(a) * n.gradient(b) + f.diff(b) * n.gradient(a) for f, n in zip(outer, nodes)))


def _symbols_of(source):
    arguments = source[1] if isinstance(source, tuple) else (source,)
    return set().union(*(sympy.sympify(a).free_symbols for a in arguments))


class _Node:
    """One atom: symbols for its value, slopes in its arguments, and their curvature."""

    def __init__(self, arguments, index, fields, statements):
        self.inner = arguments
        self.slopes = {a: tuple(x.diff(a) for x in arguments) for a in fields}
        self.statements = statements
        self.tag = str(index)
        self.build([statements.let(f"arg{self.tag}_{i}" if len(arguments) > 1 else f"arg{self.tag}", x)
                    for i, x in enumerate(arguments)])

    def gradient(self, a):
        return _dot(self.first, self.slopes[a])

    def bend(self, a, b):
        """Second derivative: own curvature along the slopes, plus own slope along theirs."""
        curved = _dot(self.first, (x.diff(a, b) for x in self.inner))
        return curved + sum((self.second(i, j) * x * y for i, x in enumerate(self.slopes[a])
                             for j, y in enumerate(self.slopes[b]) if x != 0 and y != 0), S.Zero)

    def entropy(self):
        return self.own_entropy + _dot(self.first, (x.diff(T) for x in self.inner))


class _SoftAbs(_Node):
    def __init__(self, atom, *rest):
        super().__init__(atom.args, *rest)

    def build(self, x):
        call, t = self.statements.call, self.tag
        self.value = call(f"value{t}", "softabs", x[0], T, 1 / T)
        self.first = (call(f"slope{t}", "softabs1", x[0], 1 / T),)
        self.curvature = call(f"bend{t}", "softabs2", x[0], 1 / T)
        self.own_entropy = call(f"entropy{t}", "softabs_entropy", x[0], 1 / T)

    def second(self, i, j):
        return self.curvature


class _SoftRadial(_Node):
    def __init__(self, atom, *rest):
        self.b = atom.args[0]
        super().__init__(atom.args[1:], *rest)

    def build(self, y):
        call, t = self.statements.call, self.tag
        self.value = call(f"value{t}", "softradial", self.b, y[0], T, 1 / T)
        self.first = (call(f"slope{t}", "softradial1", self.b, y[0], T, 1 / T),)
        self.curvature = call(f"bend{t}", "softradial2", self.b, y[0], T, 1 / T)
        self.own_entropy = call(f"entropy{t}", "softradial_entropy", self.b, y[0], T, 1 / T)

    def second(self, i, j):
        return self.curvature


class _GaussSoftAbs(_Node):
    def __init__(self, atom, *rest):
        super().__init__(atom.args, *rest)

    def build(self, x):
        call, t = self.statements.call, self.tag
        arguments = (*x, T, 1 / T, RULE)
        self.value, self.own_entropy = call(f"value{t} entropy{t}", "gauss_value", *arguments)
        g1, g2 = call(f"slope{t} bend{t}", "gauss_slopes", *arguments)
        self.g2 = g2
        self.g3, self.g4 = call(f"third{t} fourth{t}", "gauss_bends", *arguments)
        # d/dvariance is half the second derivative: the heat equation.
        self.first = (g1, g2 / 2)

    def second(self, i, j):
        return (self.g2, self.g3 / 2, self.g4 / 4)[i + j]


class _SoftMax(_Node):
    """Gibbs weights of the states; covariances as sums over pairs, which do not cancel."""

    def __init__(self, atom, *rest):
        super().__init__(atom.args, *rest)

    def build(self, x):
        put, t = self.statements, self.tag
        top = put.call(f"top{t}", "max", *x)
        boltzmann = [put.call(f"boltzmann{t}_{i}", "exp", (xi - top) / T) for i, xi in enumerate(x)]
        norm = put.let(f"norm{t}", 1 / sympy.Add(*boltzmann))
        self.first = tuple(put.let(f"gibbs{t}_{i}", e * norm) for i, e in enumerate(boltzmann))
        log_norm = put.let(f"log{t}", -sympy.log(norm))
        self.value = put.let(f"value{t}", top + T * log_norm)
        self.own_entropy = put.let(f"entropy{t}", log_norm - _dot(self.first, ((xi - top) / T for xi in x)))

    def bend(self, a, b):
        curved = _dot(self.first, (x.diff(a, b) for x in self.inner))
        pairs = combinations(zip(self.first, self.slopes[a], self.slopes[b]), 2)
        return curved + sum((p * q * (xa - ya) * (xb - yb) for (p, xa, xb), (q, ya, yb) in pairs), S.Zero) / T


_NODES = {SoftAbs: _SoftAbs, SoftMax: _SoftMax, SoftRadial: _SoftRadial, GaussSoftAbs: _GaussSoftAbs}
