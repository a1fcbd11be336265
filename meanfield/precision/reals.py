"""Arithmetic in mpmath at its working precision, with Gaussian averages by the trapezoidal rule refined until it settles."""

import mpmath
from mpmath import mp

__all__ = ["Reals"]

# The rule is halved at most so many times.
HALVINGS = 14
# The error of half the spacing is about the square of the change: a change of this share of the working precision is settled. The
# second computation, with other spacings, tells where that was wrong.
SETTLED = 0.62


class Reals:
    """Real numbers at the working precision of mpmath.

    Parameters
    ----------
    spacing : of the first rule of a Gaussian average, in standard deviations

    Attributes
    ----------
    settled : whether every average has settled to the working precision
    nodes : largest number of nodes of an average so far
    """

    def __init__(self, spacing=0.5):
        self.spacing = mpmath.mpf(spacing)
        self.settled, self.nodes = True, 0
        self._chosen, self._weights = {}, {}

    def number(self, r):
        return mpmath.mpf(int(r.p)) / int(r.q)

    def constant(self, expr):
        return mpmath.mpmathify(expr._to_mpmath(mp.prec))

    def power(self, x, exponent):
        if exponent.q == 1:
            return x ** int(exponent.p)
        return mpmath.sqrt(x) ** int(exponent.p) if exponent.q == 2 else x ** self.number(exponent)

    def function(self, name, arguments):
        return _FUNCTIONS[name](*arguments)

    def average(self, program, mean, variance, values):
        """E of the program's expressions over a Gaussian variable, a list."""
        outer = program.outer(self, values)
        # Rounding may leave a variance that vanishes a little below zero.
        width = mpmath.sqrt(variance) if abs(variance) > mpmath.ldexp(1, 10 - mp.prec) else 0
        if width == 0:
            return program.at(self, outer, mean)
        at = lambda z: program.at(self, outer, mean + width * z)
        if program in self._chosen:
            spacing = self._chosen[program]
            reach = self._reach(spacing)
            return self._sum(at, spacing, range(-reach, reach + 1))
        return self._refined(program, at)

    def _refined(self, program, at):
        """Halve the spacing until the averages change no more, and remember it."""
        spacing = self.spacing
        reach = self._reach(spacing)
        total = self._sum(at, spacing, range(-reach, reach + 1))
        for _ in range(HALVINGS):
            spacing /= 2
            reach = self._reach(spacing)
            odd = self._sum(at, spacing, (k for k in range(-reach, reach + 1) if k % 2))
            finer = [t / 2 + o for t, o in zip(total, odd)]
            change = max(abs(a - b) / (1 + abs(a)) for a, b in zip(finer, total))
            total = finer
            if change < mpmath.mpf(2) ** (-SETTLED * mp.prec):
                self._chosen[program], self.nodes = spacing, max(self.nodes, 2 * reach + 1)
                return total
        self.settled = False
        return total

    def _reach(self, spacing):
        """Nodes on either side: beyond them the weight is below the working precision, a power of z included."""
        return int((mpmath.sqrt(2 * mpmath.log(2) * (mp.prec + 10)) + 2) / spacing) + 1

    def _sum(self, at, spacing, indices):
        total = None
        for k in indices:
            z, weight = self._node(spacing, k)
            terms = [weight * f for f in at(z)]
            total = terms if total is None else [t + f for t, f in zip(total, terms)]
        return total

    def _node(self, spacing, k):
        key = (spacing, abs(k))
        if key not in self._weights:
            self._weights[key] = spacing * mpmath.npdf(abs(k) * spacing)
        return k * spacing, self._weights[key]


def _log_sum_exp(*xs):
    top = max(xs)
    return top + mpmath.log(mpmath.fsum(mpmath.exp(x - top) for x in xs))


def _gibbs(i, *xs):
    own = xs[int(i) - 1]
    top = max(xs)
    return mpmath.exp(own - top) / mpmath.fsum(mpmath.exp(x - top) for x in xs)


def _log2cosh(x):
    x = abs(x)
    return x + mpmath.log1p(mpmath.exp(-2 * x))


_FUNCTIONS = {
    "add": lambda *a: mpmath.fsum(a), "mul": lambda *a: mpmath.fprod(a), "Pow": lambda x, y: x**y,
    "exp": mpmath.exp, "log": mpmath.log, "sin": mpmath.sin, "cos": mpmath.cos, "sinh": mpmath.sinh, "cosh": mpmath.cosh,
    "tanh": mpmath.tanh, "coth": mpmath.coth, "atanh": mpmath.atanh, "erf": mpmath.erf, "sqrt": mpmath.sqrt,
    "Abs": abs, "sign": mpmath.sign, "log2cosh": _log2cosh, "LogSumExp": _log_sum_exp, "Gibbs": _gibbs,
    "LogRadial": lambda b, w: mpmath.log(mpmath.hyp0f1(b, w)),
    "RadialRatio": lambda b, w: mpmath.hyp0f1(b + 1, w) / (b * mpmath.hyp0f1(b, w)),
}
