"""The closed grammar of model files and of constants on the command line.

    expression = term { ("+" | "-") term }
    term       = factor { ("*" | "/") factor }
    factor     = ("+" | "-") factor | atom [ "**" factor ]
    atom       = number | name | name "(" arguments ")" | "(" expression ")"

Numbers are exact rationals, names are those that a `Scope` declares and the functions those of
`FUNCTIONS`, with `abs` of parameters, `delta(S, 2)` of a finite site variable, `dot(m, m)` of
vectors and `step(u - kappa)` of a variable that may jump. Nothing is evaluated as Python, and the size of every number is bounded before it is
computed, so that no input can make the parser hang.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

import sympy

from .errors import InputError

FUNCTIONS = MappingProxyType({
    "exp": sympy.exp, "log": sympy.log, "sqrt": sympy.sqrt, "sin": sympy.sin, "cos": sympy.cos,
    "tanh": sympy.tanh, "cosh": sympy.cosh, "sinh": sympy.sinh,
})
SPECIAL = ("abs", "delta", "dot", "step")
CONSTANTS = MappingProxyType({"pi": sympy.pi})

MAX_LENGTH = 10_000
MAX_DEPTH = 50
MAX_EXPONENT = 100
MAX_BITS = 1_000_000
MAX_ROOT = 1000
# SymPy splits an expression that may be complex into real and imaginary part, which grows fast.
MAX_COMPLEX_POWER = 6
MAX_COMPLEX_OPERATIONS = 100
LARGEST = 10**300

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>" + NAME.pattern + r")|(?P<sign>\*\*|[-+*/(),]))",
    re.ASCII,
)


@dataclass(frozen=True)
class Scope:
    """The names that an expression may use.

    Parameters
    ----------
    names : mapping of str to sympy.Expr
        What each declared name stands for.
    parameters : frozenset of str
        The names of which `abs` may be taken.
    states : mapping of str to tuple of sympy.Expr
        Finite site variables, which `delta` takes, and their values.
    vectors : mapping of str to sympy.Expr
        Names that are vectors, and their squares, which `dot` makes of them.
    elsewhere : mapping of str to str
        Names that exist but not in this expression, with the reason.
    jumping : str
        The name of which `step` may be taken, linearly; empty where there is none.
    """

    names: Mapping[str, sympy.Expr] = field(default_factory=dict)
    parameters: frozenset[str] = frozenset()
    states: Mapping[str, tuple] = field(default_factory=dict)
    vectors: Mapping[str, sympy.Expr] = field(default_factory=dict)
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    jumping: str = ""


class _Token(NamedTuple):
    kind: str
    text: str
    position: int


class _Node(NamedTuple):
    expr: sympy.Expr
    vector: bool = False


def parse(text: str, scope: Scope = Scope()) -> sympy.Expr:
    """The scalar expression that `text` writes in the names of `scope`.

    Raises
    ------
    InputError
        For anything outside the grammar; the message names the token and its position.
    """
    node = _Parser(text, scope).whole()
    if node.vector:
        raise InputError(f"{_quote(text)} is a vector where a number is needed: write dot(m, m)")
    return node.expr


def parse_component(text: str, scope: Scope) -> tuple[sympy.Expr, bool]:
    """The expression of `text`, which may be a vector, and whether it is one."""
    return tuple(_Parser(text, scope).whole())


def constant(text: str) -> sympy.Expr:
    """The finite real number that `text` writes, exactly: 1/6.66, sqrt(2), pi, 2*exp(-1)."""
    return parse(text)


def _quote(text):
    return '"' + (text if len(text) <= 60 else text[:57] + "...") + '"'


def _tokens(text):
    if not isinstance(text, str):
        raise InputError(f"expected an expression, got {text!r}")
    if len(text) > MAX_LENGTH:
        raise InputError(f"the expression has {len(text)} characters; at most {MAX_LENGTH} are read")
    tokens, start, end = [], 0, len(text.rstrip())
    while start < end:
        match = _TOKEN.match(text, start)
        if match is None:
            raise _unreadable(text, start)
        tokens.append(_Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup) + 1))
        start = match.end()
    return [*tokens, _Token("end", "", end + 1)]


def _unreadable(text, start):
    position = start + len(text[start:]) - len(text[start:].lstrip())
    hint = ": powers are written **" if text[position] == "^" else ""
    return InputError(f"unexpected {text[position]!r} at position {position + 1} of {_quote(text)}{hint}")


class _Parser:
    """Recursive descent over the tokens of one expression."""

    def __init__(self, text, scope):
        self.text, self.scope = text, scope
        self.tokens = _tokens(text)
        self.index = self.depth = 0

    def whole(self):
        node = self.expression()
        if self.peek.kind != "end":
            raise self.error(self.peek, "expected an operator before")
        self.check_whole(node.expr)
        return node

    @property
    def peek(self):
        return self.tokens[self.index]

    def take(self, *texts):
        """The next token if it reads as one of `texts` (any token without them), else None."""
        token = self.peek
        if texts and (token.kind != "sign" or token.text not in texts):
            return None
        self.index += token.kind != "end"
        return token

    def expect(self, text):
        if not self.take(text):
            raise self.error(self.peek, f"expected {text!r}, got")

    def error(self, token, problem, hint=""):
        if token.kind == "end":
            return InputError(f"{problem} the end of {_quote(self.text)}{hint}")
        return InputError(f"{problem} {token.text[:40]!r} at position {token.position} of {_quote(self.text)}{hint}")

    def expression(self):
        start = self.peek
        terms = [self.term()]
        while sign := self.take("+", "-"):
            term = self.term()
            if term.vector != terms[0].vector:
                raise self.error(sign, "a vector and a number are on the two sides of", ": write dot(m, m)")
            terms.append(_Node(-term.expr, term.vector) if sign.text == "-" else term)
        if len(terms) == 1:
            return terms[0]
        return self.checked(sympy.Add(*(term.expr for term in terms)), start, terms[0].vector)

    def term(self):
        start = self.peek
        factors = [self.factor()]
        while sign := self.take("*", "/"):
            factor = self.factor()
            if factor.vector and (sign.text == "/" or any(f.vector for f in factors)):
                raise self.error(sign, "vectors on both sides of or under", ": the scalar product is dot(m, m)")
            factors.append(_Node(self.inverse(factor.expr, sign)) if sign.text == "/" else factor)
        if len(factors) == 1:
            return factors[0]
        return self.checked(sympy.Mul(*(f.expr for f in factors)), start, any(f.vector for f in factors))

    def factor(self):
        token = self.peek
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(token, f"nested more than {MAX_DEPTH} deep at")
        if sign := self.take("+", "-"):
            inner = self.factor()
            node = _Node(-inner.expr, inner.vector) if sign.text == "-" else inner
        else:
            node = self.power(self.atom())
        self.depth -= 1
        return node

    def power(self, base):
        sign = self.take("**")
        if sign is None:
            return base
        exponent = self.factor()
        if base.vector or exponent.vector:
            raise self.error(sign, "a vector beside", ": the square of a vector is dot(m, m)")
        self.check_power(base.expr, exponent.expr, sign)
        return self.checked(sympy.Pow(base.expr, exponent.expr), sign)

    def atom(self):
        token = self.take()
        if token.kind == "number":
            return self.number(token)
        if token.kind == "name":
            return self.call(token) if self.peek.text == "(" else self.name(token)
        if token.text == "(":
            node = self.expression()
            self.expect(")")
            return node
        raise self.error(token, "expected a number, a name or '(', got")

    def number(self, token):
        mantissa, _, exponent = token.text.lower().partition("e")
        if len(exponent) > 4 or abs(int(exponent or 0)) > 300 or len(mantissa) > 300:
            raise self.error(token, "the number is out of range:")
        return self.checked(sympy.Rational(token.text), token)

    def name(self, token):
        if token.text in CONSTANTS:
            return _Node(CONSTANTS[token.text])
        if token.text in self.scope.names:
            return _Node(self.scope.names[token.text], token.text in self.scope.vectors)
        raise self.unknown(token)

    def unknown(self, token):
        if token.text in self.scope.elsewhere:
            return self.error(token, "not allowed here:", f": {self.scope.elsewhere[token.text]}")
        if token.text in FUNCTIONS or token.text in SPECIAL:
            return self.error(token, "the function needs its argument in parentheses:")
        known = ", ".join(sorted({*self.scope.names, *CONSTANTS}))
        return self.error(token, "unknown name", f"; the names here are {known}")

    def call(self, token):
        if token.text not in FUNCTIONS and token.text not in SPECIAL:
            known = ", ".join([*FUNCTIONS, *SPECIAL])
            raise self.error(token, "unknown function", f"; the functions are {known}")
        arguments = self.arguments(token, 2 if token.text in ("delta", "dot") else 1)
        if token.text in SPECIAL:
            return getattr(self, "call_" + token.text)(token, *arguments)
        if arguments[0].vector:
            raise self.error(token, "a vector as the argument of")
        if not arguments[0].expr.is_extended_real and arguments[0].expr.count_ops() > MAX_COMPLEX_OPERATIONS:
            raise self.error(token, "too long an argument that may not be real in")
        if token.text == "exp":
            return self.call_exp(token, arguments[0])
        return self.checked(FUNCTIONS[token.text](arguments[0].expr), token)

    def arguments(self, token, count):
        self.expect("(")
        arguments = [self.expression()]
        while self.take(","):
            arguments.append(self.expression())
        self.expect(")")
        if len(arguments) != count:
            raise self.error(token, f"{count} argument{'s'[:count - 1]} expected, {len(arguments)} given to")
        return arguments

    def call_abs(self, token, argument):
        if argument.vector or not self.only_parameters(argument.expr):
            raise self.error(token, "only expressions of the parameters may stand in")
        return self.checked(sympy.Abs(argument.expr), token)

    def call_delta(self, token, variable, value):
        states = self.states_of(variable.expr)
        if states is None:
            raise self.error(token, "the first argument must be a site variable with a list of values:")
        if value.expr.is_number and value.expr not in states:
            raise self.error(token, f"{variable.expr} never takes the value {value.expr}, so zero always is")
        if not value.expr.is_number and self.states_of(value.expr) is None:
            raise self.error(token, "the second argument must be a number or such a site variable:")
        return _Node(sympy.KroneckerDelta(variable.expr, value.expr))

    def call_dot(self, token, left, right):
        if not (left.vector and right.vector):
            raise self.error(token, "both arguments must be vectors in")
        if left.expr != right.expr or str(left.expr) not in self.scope.vectors:
            raise self.error(token, "both arguments must be the name of the same vector in")
        return _Node(self.scope.vectors[str(left.expr)])

    def call_step(self, token, argument):
        if not self.scope.jumping:
            raise self.error(token, "only the gate of constraints may contain")
        u = self.scope.names[self.scope.jumping]
        slope = sympy.expand(argument.expr).diff(u)
        if not slope.is_number or slope == 0:
            raise self.error(token, f"the argument must be a number times {u} plus or minus parameters in")
        return _Node(sympy.Heaviside(argument.expr))

    def states_of(self, expr):
        return self.scope.states.get(str(expr)) if expr.is_Symbol else None

    def only_parameters(self, expr):
        return {str(symbol) for symbol in expr.free_symbols} <= self.scope.parameters

    def inverse(self, expr, sign):
        if expr.is_number and _is_zero(expr.evalf(15)):
            raise self.error(sign, "division by zero at")
        return 1 / expr

    def check_power(self, base, exponent, sign):
        if base.is_number and exponent.is_number and _is_zero(base.evalf(15)) and exponent.evalf(15) < 0:
            raise self.error(sign, "division by zero at")
        if exponent.is_number and abs(exponent.evalf(15)) > MAX_EXPONENT:
            raise self.error(sign, f"an exponent larger than {MAX_EXPONENT} after")
        if base.is_Add and not base.is_extended_real and exponent.is_number and abs(exponent) > MAX_COMPLEX_POWER:
            raise self.error(sign, f"an exponent larger than {MAX_COMPLEX_POWER} of a sum that may not be real at")
        self.check_size(base, exponent, sign)

    def check_size(self, base, exponent, token):
        """Refuse powers of rationals, which SymPy computes exactly, that would fill the memory."""
        rationals = exponent.atoms(sympy.Rational)
        if any(abs(r) > MAX_EXPONENT for r in rationals):
            raise self.error(token, f"a number larger than {MAX_EXPONENT} in the exponent at")
        if any(r.q > MAX_ROOT for r in rationals):
            raise self.error(token, f"a root of an order larger than {MAX_ROOT} at")
        digits = max((_bits(r) for r in base.atoms(sympy.Rational)), default=0)
        if any(digits * max(abs(r.p), r.q) > MAX_BITS for r in rationals):
            raise self.error(token, "too many digits in the power at")

    def call_exp(self, token, argument):
        """exp(a log b) becomes the power b**a."""
        for term in sympy.Add.make_args(argument.expr):
            if term.is_number and abs(term.evalf(15)) > MAX_EXPONENT * 7:
                raise self.error(token, "a number out of range (1e-300 to 1e300) at")
        for log in argument.expr.atoms(sympy.log):
            self.check_size(log.args[0], argument.expr.xreplace({log: sympy.Dummy()}), token)
        return self.checked(sympy.exp(argument.expr), token)

    def checked(self, expr, token, vector=False):
        """A node, once a number in it is known to be finite, real and of moderate size."""
        if expr.is_number:
            self.check_number(expr, token)
        return _Node(expr, vector)

    def check_number(self, expr, token):
        value = expr.evalf(15)
        if not value.is_finite:
            raise self.error(token, "not a finite number at")
        if not value.is_real:
            raise self.error(token, "not a real number at")
        if not _is_zero(value) and not 1 <= abs(value) * LARGEST <= LARGEST**2:
            raise self.error(token, "a number out of range (1e-300 to 1e300) at")

    def check_whole(self, expr):
        """Refuse what simplification brings in: sqrt(m**2) is |m|, whose derivatives are no functions."""
        if any(abs(power.exp) > MAX_EXPONENT for power in expr.atoms(sympy.Pow) if power.exp.is_Rational):
            raise InputError(f"{_quote(self.text)} contains an exponent larger than {MAX_EXPONENT}")
        if expr.has(sympy.I):
            raise InputError(f"{_quote(self.text)} is not real")
        if any(not self.only_parameters(part) for part in expr.atoms(sympy.Abs)):
            raise InputError(f"{_quote(self.text)} contains the absolute value of something that is no parameter")


def _bits(rational):
    return max(rational.p.bit_length(), rational.q.bit_length())


def _is_zero(value):
    """Whether a number of 15 digits is zero, exactly or by a cancellation that left no digits."""
    return value == 0 or getattr(value, "_prec", 53) == 1
