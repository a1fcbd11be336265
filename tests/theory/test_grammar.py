"""The closed grammar: what it reads, exactly, and everything else refused by name and position."""

import time

import pytest
import sympy
from sympy import Rational, cos, exp, log, pi, sinh, sqrt, tanh

from theory import InputError, symbols
from theory.grammar import Scope, constant, parse, parse_component

J, K, m, q, S, t, v = symbols("J K m q S t v")
SCOPE = Scope(
    names={str(s): s for s in (J, K, m, q, S, t)},
    parameters=frozenset({"J", "K"}),
    states={"S": (sympy.Integer(1), sympy.Integer(2)), "t": (sympy.Integer(1), sympy.Integer(2))},
    elsewhere={"T": "reserved"},
)
VECTORS = Scope(names={"J": J, "v": v, "m": m}, parameters=frozenset({"J"}), vectors={"v": sympy.Integer(1), "m": m**2})


@pytest.mark.parametrize("text, value", [
    ("1/6.66", Rational(50, 333)),
    ("0.1", Rational(1, 10)),
    (".5", Rational(1, 2)),
    ("5.", 5),
    ("1.5e-3", Rational(3, 2000)),
    ("2E+2", 200),
    ("sqrt(2)", sqrt(2)),
    ("pi", pi),
    ("2*exp(-1)", 2 * exp(-1)),
    ("-2**2", -4),
    ("2**-1", Rational(1, 2)),
    ("2**3**2", 512),
    ("8/4/2", 1),
    ("1 - 2 - 3", -4),
    ("+-+3", -3),
    ("((1))", 1),
    ("abs(1/2 - 2)", Rational(3, 2)),
    ("log(2) + cos(1)", log(2) + cos(1)),
    ("2/3*1.5", 1),
])
def test_constants_are_exact(text, value):
    assert constant(text) == value


@pytest.mark.parametrize("text, value", [
    ("-J*m**2/2 - K*q**2/2", -J * m**2 / 2 - K * q**2 / 2),
    ("  tanh( J*m )\n + sinh(q)", tanh(J * m) + sinh(q)),
    ("-m**2", -(m**2)),
    ("abs(J - K)*m", sympy.Abs(J - K) * m),
    ("sqrt(1 + m**2)", sqrt(1 + m**2)),
    ("delta(S, 2)", sympy.KroneckerDelta(S, 2)),
    ("delta(S, t)", sympy.KroneckerDelta(S, t)),
    ("2**m", 2**m),
    ("pi*m", pi * m),
])
def test_expressions(text, value):
    assert parse(text, SCOPE) == value


def test_vectors_become_numbers_only_through_dot():
    assert parse("-J*dot(m, m)/2", VECTORS) == -J * m**2 / 2
    assert parse("dot(v, v)", VECTORS) == 1
    assert parse_component("2*v - v/J", VECTORS) == (2 * v - v / J, True)
    assert parse_component("J + 1", VECTORS) == (J + 1, False)


@pytest.mark.parametrize("text", ["m", "m*v", "m**2", "J/v", "2**v", "exp(m)", "m + 1", "dot(m, v)", "dot(m, J)", "dot(2*m, m)", "dot(m)", "abs(m)"])
def test_vectors_are_refused_elsewhere(text):
    with pytest.raises(InputError):
        parse(text, VECTORS)


@pytest.mark.parametrize("text, token, position", [
    ("m^2", "'^'", 2),
    ("J*x", "'x'", 3),
    ("T*m", "'T'", 1),
    ("2m", "'m'", 2),
    ("m q", "'q'", 3),
    ("m)", "')'", 2),
    ("f(m)", "'f'", 1),
    ("m(2)", "'m'", 1),
    ("exp m", "'exp'", 1),
    ("abs(m)", "'abs'", 1),
    ("abs(J*S)", "'abs'", 1),
    ("delta(m, 1)", "'delta'", 1),
    ("delta(S, 5)", "'delta'", 1),
    ("delta(S, J)", "'delta'", 1),
    ("dot(m, m)", "'dot'", 1),
    ("J/(m - m)", "'/'", 2),
    ("exp(m, q)", "'exp'", 1),
    ("m.real", "'.'", 2),
    ("__import__('os')", "'_'", 1),
    ("m[0]", "'['", 2),
    ("m if J else q", "'if'", 3),
    ("lambda: 1", "':'", 7),
    ("m*\N{ARABIC-INDIC DIGIT THREE}", "'\N{ARABIC-INDIC DIGIT THREE}'", 3),
    ("1_000", "'_'", 2),
    ("0x10", "'x10'", 2),
    ("m**1001", "'**'", 2),
    ("1e301*m", "'1e301'", 1),
])
def test_refusals_name_the_token_and_its_position(text, token, position):
    with pytest.raises(InputError) as refusal:
        parse(text, SCOPE)
    assert token in str(refusal.value) and f"position {position} " in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("text", ["", " ", "1 +", "(1", "1)", "*1", "exp()", "exp(", "sqrt(m**2)", "(m**2)**(1/2)", "sqrt(-J**2)", "((m**90)**90)"])
def test_unfinished_and_disguised_expressions(text):
    with pytest.raises(InputError):
        parse(text, SCOPE)


@pytest.mark.parametrize("text", [
    "1/0", "1/(1-1)", "0**-1", "0**(-1/2)", "1/(sqrt(2)*sqrt(3) - sqrt(6))", "1/(sqrt(2) + sqrt(3) - sqrt(5 + 2*sqrt(6)))", "log(0)",
    "log(-1)", "sqrt(-1)", "(-8)**(1/3)", "1e400", "exp(1000)", "nan", "inf", "infinity", "e", "I", "None", "T",
])
def test_constants_that_are_no_finite_real_number(text):
    with pytest.raises(InputError):
        constant(text)


@pytest.mark.parametrize("value", [None, 3, 1.5, True, b"1", ["1"]])
def test_only_text_is_parsed(value):
    with pytest.raises(InputError):
        constant(value)


@pytest.mark.parametrize("text", [
    "9**9**9**9", "(10**90)**100", "((10**90)**100)**100", "(1 + 1/10**20)**(10**18)", "exp(exp(exp(exp(5))))", "(" * 9999 + "1", "-" * 9999 + "1",
    "2**" * 3000 + "1", "exp(" * 2000 + "1" + ")" * 2000, "1" * 9999, "1+" * 100_000 + "1", "1e999999999999", "1e" + "9" * 5000, "m" + "**9" * 40,
    "*".join(["(m + q)"] * 1400),
    # SymPy computes these powers of rationals exactly
    "(1e-9)**(m - 1e9)", "99**((1/3)**50)", "(1e200*m)**(1e9 - J)", "(10**9 + 3)**(1e-9)", "exp(1e12*log(2))", "exp(1e12*log(2) + J)",
    "cos(tanh((sqrt(J) + m + q)**50))", "cosh(K**0.500000001)", "exp(0.712345678901*log(12))", "sqrt(2)**(m + 10**9)",
])
def test_hostile_input_is_refused_at_once(text):
    start = time.perf_counter()
    with pytest.raises(InputError):
        parse(text, SCOPE)
    assert time.perf_counter() - start < 2


def test_long_sums_are_read():
    assert parse("m" + "+q*m" * 2000, SCOPE) == m + 2000 * q * m
