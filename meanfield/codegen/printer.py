"""Pass 5: SymPy expressions as scalar Python that numba compiles; refuses what it does not know."""

import keyword
import re

import sympy

from theory.errors import InputError
from theory.symbols import T

FUNCTIONS = {
    sympy.exp: "math.exp", sympy.log: "math.log", sympy.sin: "math.sin", sympy.cos: "math.cos",
    sympy.sinh: "math.sinh", sympy.cosh: "math.cosh", sympy.tanh: "math.tanh", sympy.atanh: "math.atanh",
    sympy.Abs: "abs", sympy.erf: "math.erf",
}
# Names that the rendered module uses itself.
OWN = re.compile(r"(point|table|values|nodes|phi|out|k|i|z|weight|work|R|T|rule|math|exp|max|abs|range|LANES|stride|node|rest"
                 r"|kernel|pressure|entropy|energy"
                 r"|(arg|value|slope|bend|entropy|third|fourth|top|boltzmann|gibbs|norm|log|outer|node|after|p|v|i)\d.*"
                 r"|(mean|response|curvature|soft|gauss)\w*|equations|state|fill_table|filler|lane_kernel|NODES|STATIC|step\w*|erf\w*|tanh|log2cosh)")


class UnprintableExpression(InputError):
    """An expression that the kernels cannot evaluate."""


def identifier(name):
    """A Python name for a symbol."""
    name = "".join(c if c.isalnum() or c == "_" else "_" for c in str(name))
    return name + "_" if keyword.iskeyword(name) or OWN.fullmatch(name) else name


class Printer:
    """Prints expressions; `names` maps symbols to identifiers."""

    def __init__(self, names):
        self.names = names

    def __call__(self, expr):
        """The text of an expression."""
        return self._text(sympy.sympify(expr), 0)

    def _text(self, expr, level):
        rule = getattr(self, f"_{type(expr).__name__.lower()}", None)
        if expr.is_Symbol:
            return self._symbol(expr)
        if expr.is_Rational:
            return _enclose(*self._rational(expr), level)
        if expr.is_Add or expr.is_Mul or expr.is_Pow:
            return _enclose(*rule(expr), level)
        if expr.is_NumberSymbol or expr.is_Float:
            return repr(float(expr))
        if type(expr) in FUNCTIONS:
            return f"{FUNCTIONS[type(expr)]}({self(expr.args[0])})"
        raise UnprintableExpression(f"cannot compile {type(expr).__name__}: {expr}; write the model with smooth "
                                    f"elementary functions")

    def _symbol(self, expr):
        if expr not in self.names:
            raise UnprintableExpression(f"{expr} has no value in the kernel: declare it as a parameter")
        return self.names[expr]

    def _rational(self, expr):
        return repr(float(expr)), 0 if expr >= 0 else 1

    def _add(self, expr):
        terms = expr.as_ordered_terms()
        text = self._text(terms[0], 0)
        for term in terms[1:]:
            negative = term.could_extract_minus_sign()
            text += (" - " if negative else " + ") + self._text(-term if negative else term, 2)
        return text, 1

    def _mul(self, expr):
        number, factors = expr.as_coeff_mul()
        above = [f for f in factors if not _is_reciprocal(f)]
        below = [1 / f for f in factors if _is_reciprocal(f)]
        sign = "-" if number < 0 else ""
        parts = [self._text(f, 2) for f in above]
        if abs(number) != 1 or not parts:
            parts.insert(0, repr(float(abs(number))))
        text = sign + "*".join(parts) + "".join("/" + self._text(f, 3) for f in below)
        return text, 1 if sign else 2

    def _pow(self, expr):
        base, power = expr.args
        if base == T and power.is_Integer and power < 0:
            return "*".join(["R"] * int(-power)), 2
        if power.is_Integer and 0 < power <= 8:
            return "*".join([self._text(base, 3)] * int(power)), 2
        if power.is_Integer and -8 <= power < 0:
            return "1.0/" + self._text(1 / expr, 3), 2
        if power == sympy.Rational(1, 2):
            return f"math.sqrt({self(base)})", 4
        if power.is_Rational and power.q == 2:
            return "*".join([f"math.sqrt({self(base)})"] * abs(int(power.p))) if power > 0 else \
                f"1.0/{self._text(1 / expr, 3)}", 2
        if base == sympy.E:
            return f"math.exp({self(power)})", 4
        return f"{self._text(base, 4)}**{self._text(power, 4)}", 3


def _is_reciprocal(factor):
    return factor.is_Pow and factor.args[1].is_Integer and factor.args[1] < 0 and factor.args[0] != T


def _enclose(text, own, level):
    """Parentheses where the operator binds less tightly than the place asks for."""
    return f"({text})" if own and own < level else text
