"""A derivation as plain text for a terminal: formulas in Unicode on single lines, broken at plus and minus signs."""

import re
import textwrap

import sympy
from sympy import S
from sympy.printing.precedence import PRECEDENCE, precedence
from sympy.printing.str import StrPrinter

from ..symbols import T, beta
from .document import Check, Formula, Heading, Prose, document
from .formulas import Ordered, common_stem, energy_of, merged_product, merged_sum, positive_first, split_tall

WIDTH = 92
_MARKS = {"passed": "✓ checked", "assumption": "○ assumption", "failed": "✗ check failed"}
_GREEK = {"alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "zeta": "ζ", "eta": "η", "theta": "θ",
          "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ",
          "phi": "φ", "varphi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ",
          "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω"}
_SUB = str.maketrans("0123456789+-=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
_SUPER = str.maketrans("0123456789+-=()nixyz", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱˣʸᶻ")
_LOWERED = set("₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
_CAN_SUB, _CAN_SUPER = set("0123456789+-=()aehijklmnoprstuvx"), set("0123456789+-=()nixyz")


def to_text(derivation):
    """Text of at most about a hundred columns.

    Parameters
    ----------
    derivation : Derivation

    Returns
    -------
    str
    """
    content = document(derivation)
    numbers = {r: k for k, r in enumerate(content.references, 1)}
    parts = [_titled(content.title, "═"), _paragraph(content.abstract), *(_block(b, numbers) for b in content.blocks)]
    if content.references:
        parts += [_titled("References", "─"), "\n".join(f"  [{k}] {r}" for r, k in numbers.items())]
    return "\n\n".join(parts) + "\n"


def _block(block, numbers):
    if isinstance(block, Heading):
        return _titled(block.text, "─") if block.level == 1 else f"▸ {block.text}"
    if isinstance(block, Prose):
        cites = "".join(f" [{numbers[c]}]" for c in block.cites)
        return _paragraph(block.text + cites)
    if isinstance(block, Check):
        evidence = f": {unicode_of(block.evidence)}" if block.evidence else ""
        return textwrap.fill(_MARKS[block.status] + evidence, WIDTH, initial_indent="  ", subsequent_indent="    ")
    return _display(block)


def _titled(text, rule):
    return f"{text}\n{rule * min(len(text), WIDTH)}"


def _paragraph(text):
    return textwrap.fill(unicode_of(text), WIDTH, initial_indent="  ", subsequent_indent="  ")


def _display(formula: Formula):
    heads = [_head(row) for row in formula.rows]
    indent = max((len(h) for h in heads if len(h) <= 24), default=0)
    return "\n".join(_row(head, row[2] if row[2] is not None else row[0], indent) for head, row in zip(heads, formula.rows))


def _head(row):
    left, relation, right = row
    if left is None or right is None:
        return ""
    return f"{_side(left)} {unicode_of(f'${relation}$')} ".lstrip() if left != "" else f"{relation} "


def _row(head, right, indent):
    start = 6 + max(indent, 0)
    lead = " " * 6 + head.rjust(indent)
    if len(head) > 24:
        opening = "\n".join(textwrap.wrap(head, WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 8))
        return opening + "\n" + _broken(" " * 10, right, 10)
    return _broken(lead, right, start)


def _broken(lead, right, hang):
    rows, current, fresh = [], lead, True
    for piece in _pieces(right):
        if not fresh and len(current) + len(piece) + 1 > WIDTH + 6:
            rows.append(current)
            current = " " * (hang + 2) + piece
        else:
            current += piece if fresh else f" {piece}"
        fresh = False
    return "\n".join([*rows, current])


def _pieces(expr):
    if isinstance(expr, str):
        return unicode_of(f"${expr}$").split(" ")
    expr = merged_sum(expr) if expr.is_Add and not isinstance(expr, Ordered) else expr
    if not expr.is_Add:
        return _short(formula(expr))
    terms = list(expr.args) if isinstance(expr, Ordered) else positive_first(expr.as_ordered_terms())
    shown = [formula(t) for t in terms]
    parts = [s if not k else f"− {s[1:].lstrip()}" if s.startswith("−") else f"+ {s}" for k, s in enumerate(shown)]
    return [piece for part in parts for piece in _short(part)]


def _short(text):
    """A term too long for a line, opened at the signs inside it."""
    if len(text) < WIDTH - 16:
        return [text]
    return [line for part in re.split(r" (?=[+−] )", text) for line in textwrap.wrap(part, WIDTH - 16)]


def _side(side):
    return unicode_of(f"${side}$") if isinstance(side, str) else formula(side)


def formula(expr):
    """An expression on one line of Unicode."""
    return TextPrinter().doprint(expr)


class TextPrinter(StrPrinter):
    """SymPy's string printer with Unicode names, powers and the functions of mean-field theory."""

    def _print(self, expr, **kwargs):
        rule = getattr(self, f"_own_{type(expr).__name__}", None)
        return rule(expr) if rule is not None else super()._print(expr, **kwargs)

    def _print_Symbol(self, expr):
        return symbol_text(expr.name)

    def _print_Add(self, expr, order=None):
        if (merged := merged_sum(expr)) != expr:
            return self._print(merged)
        return self._joined([self._print(t) for t in positive_first(expr.as_ordered_terms())])

    @staticmethod
    def _joined(terms):
        return "".join(t if not k else f" − {t[1:].lstrip()}" if t.startswith("−") else f" + {t}" for k, t in enumerate(terms))

    def _own_Ordered(self, expr):
        return self._joined([self._print(t) for t in expr.args])

    def _print_Mul(self, expr):
        if (merged := merged_product(expr)) != expr:
            return self._print(merged)
        outside, inside = split_tall(expr)
        if inside is not None:
            return self._beside(outside, inside)
        sign, expr = ("−", -expr) if expr.could_extract_minus_sign() else ("", expr)
        if not expr.is_Mul:
            return sign + self.parenthesize(expr, PRECEDENCE["Mul"])
        number, factors = expr.as_coeff_mul()
        above = [str(number.p)] if number.p != 1 else []
        below = [str(number.q)] if number.q != 1 else []
        for f in sorted(factors, key=_weight):
            base, power = f.as_base_exp() if not isinstance(f, sympy.exp) else (f, S.One)
            if power.is_number and power.is_negative:
                below.append(self._factor(base ** (-power)))
            else:
                above.append(self._factor(f))
        top = " ".join(above) or "1"
        if not below:
            return sign + top
        bottom = below[0] if len(below) == 1 else f"({' '.join(below)})"
        return f"{sign}{top}/{bottom}"

    def _beside(self, outside, inside):
        """A product with an integral, a derivative or an average: its factor stands before it."""
        sign, outside = ("−", -outside) if outside.could_extract_minus_sign() else ("", outside)
        if outside.has(T) and (rest := outside * T).has(T) is False:
            outside = rest * beta
        front = "" if outside == 1 else f"{self._prefactor(outside)} "
        body = self._print(inside)
        return sign + front + (f"[{body}]" if inside.is_Add else body)

    def _prefactor(self, outside):
        square = outside**2
        if outside.atoms(sympy.Pow) and square.is_rational_function() and any(
                abs(p.exp) == S.Half for p in outside.atoms(sympy.Pow)):
            return f"√({self._print(square)})"
        text = self._print(outside)
        return f"({text})" if "/" in text else text

    def _factor(self, f):
        return self.parenthesize(f, PRECEDENCE["Mul"], strict=False)

    def _print_Rational(self, expr):
        text = f"{abs(expr.p)}/{expr.q}" if expr.q != 1 else str(abs(expr.p))
        return f"−{text}" if expr.p < 0 else text

    _print_Integer = _print_Half = _print_NegativeOne = _print_One = _print_Zero = _print_Rational

    def _print_Pow(self, expr, rational=False):
        base, power = expr.base, expr.exp
        if power == S.Half:
            return f"√{self._grouped(base)}"
        if power == -S.Half:
            return f"1/√{self._grouped(base)}"
        if power == -1:
            return f"1/{self._grouped(base)}"
        if power.is_Integer and power.is_negative:
            return f"1/{self._print_Pow(sympy.Pow(base, -power, evaluate=False))}"
        raised = self._print(power)
        if isinstance(base, sympy.Function) and raised.isdigit() and hasattr(self, f"_own_{type(base).__name__}"):
            name, _, rest = self._print(base).partition("(")
            return f"{name}{raised.translate(_SUPER)}({rest}"
        shown = self._grouped(base)
        if set(raised) <= _CAN_SUPER | {"−"} and "/" not in raised:
            return shown + raised.replace("−", "-").translate(_SUPER)
        return f"{shown}^({raised})"

    def _grouped(self, expr):
        text = self._print(expr)
        return text if expr.is_Symbol or (expr.is_Integer and expr >= 0) else f"({text})"

    def argument(self, x):
        """A field over T as beta times the field."""
        energy = energy_of(x)
        if energy is None:
            return self._print(x)
        text = self._print(sympy.factor_terms(energy))
        if energy.is_Add and precedence(sympy.factor_terms(energy)) < PRECEDENCE["Mul"]:
            return f"β({text})"
        number, rest = energy.as_coeff_Mul()
        if number.is_Integer and number != 1 and number != -1:
            return f"{self._print(number)} β {self._print(rest)}"
        return f"−β {text[1:].lstrip()}" if text.startswith("−") else f"β {text}"

    def _named(self, expr):
        name = {"log2cosh": "log 2cosh", "atanh": "artanh", "sign": "sgn", "HeavisideStep": "θ",
                "Maximum": "max"}.get(type(expr).__name__, type(expr).__name__)
        return f"{name}({', '.join(map(self.argument, expr.args))})"

    _own_tanh = _own_cosh = _own_sinh = _own_sin = _own_cos = _own_coth = _own_log = _own_atanh = _own_erf = _own_sign = _named
    _own_log2cosh = _own_HeavisideStep = _own_Maximum = _named

    def _own_exp(self, expr):
        text = self.argument(expr.args[0])
        return f"e^({text})" if " " in text or len(text) > 2 else f"e^{text}"

    def _own_Abs(self, expr):
        return f"|{self._print(expr.args[0])}|"

    def _weights(self, xs):
        return " + ".join("1" if x == 0 else self._own_exp(sympy.exp(x, evaluate=False)) for x in xs)

    def _own_LogSumExp(self, expr):
        return f"log({self._weights(expr.args)})"

    def _own_Gibbs(self, expr):
        i, *xs = expr.args
        return f"{self._weights([xs[int(i) - 1]])}/({self._weights(xs)})"

    def _own_GibbsSum(self, expr):
        above = ""
        for c, x in zip(*expr.args):
            if c != 0:
                sign = "−" if c < 0 else "+" if above else ""
                size = "" if abs(c) == 1 else f"{self._print(abs(c))} "
                above += f" {sign} {size}{self._weights([x])}" if above else f"{sign}{size}{self._weights([x])}"
        return f"({above})/({self._weights(expr.args[1])})"

    def _own_VectorMean(self, expr):
        b, modulus = expr.args
        u = self._argument_of(modulus)
        if b == S.Half:
            return f"tanh({u})"
        if b == S(3) / 2:
            return f"[coth({u}) − 1/({u})]"
        return f"[I{_index(b)}({u})/I{_index(b - 1)}({u})]"

    def _own_log2cosh_of(self, expr):
        return f"log 2cosh({self._argument_of(expr.args[0])})"

    def _argument_of(self, modulus):
        return f"β {self.parenthesize(modulus, PRECEDENCE['Mul'])}"

    def _own_LogRadial(self, expr):
        b, w = expr.args
        u = self._modulus(w)
        return {S.Half: f"log cosh({u})", S(3) / 2: f"log[sinh({u})/({u})]", S.One: f"log I₀({u})"}.get(
            b, f"log ₀F₁({self._print(b)}; ({u})²/4)")

    def _own_RadialRatio(self, expr):
        b, w = expr.args
        u = self._modulus(w)
        if b == S.Half:
            return f"[2 tanh({u})/({u})]"
        if b == S(3) / 2:
            return f"[2 L({u})/({u})]"
        return f"[2 I{_index(b)}({u})/(({u}) I{_index(b - 1)}({u}))]"

    def _modulus(self, w):
        square = sympy.expand(4 * T**2 * w)
        root = sympy.sqrt(square).replace(lambda e: isinstance(e, sympy.Abs), lambda e: e.args[0])
        return f"β {self._print(root)}"

    def _own_GaussianAverage(self, expr):
        f, x, mean, variance = expr.args
        spread = sympy.sqrt(sympy.factor_terms(variance)).replace(lambda e: isinstance(e, sympy.Abs), lambda e: e.args[0])
        outside, inside = f.as_independent(x, as_Add=False)
        inside = inside.xreplace({x: mean + spread * sympy.Symbol("z", real=True)})
        front = "" if outside == 1 else self._factor(outside) + " "
        return f"{front}∫Dz {self._print(inside)}" if not inside.is_Add else f"{front}∫Dz [{self._print(inside)}]"

    def _own_DisorderAverage(self, expr):
        outside, inside = expr.integrand.as_independent(*expr.bound_symbols, as_Add=False)
        front = "" if outside == 1 else self._factor(outside) + " "
        return f"{front}{self._expectation(expr.bound_symbols)}[{self._print(inside)}]"

    def _expectation(self, names):
        stem = common_stem([str(x) for x in names])
        return f"E_{symbol_text(stem)}" if stem else f"E_{','.join(map(self._print, names))}"

    def _own_MeanSign(self, expr):
        mean, variance = expr.args
        root = _unsigned_root(variance)
        if root.is_Pow and root.exp == sympy.S.Half:
            return f"erf({_atom(self.argument(mean))}/√({self._print(2 * root.base)}))"
        return f"erf({_atom(self.argument(mean))}/(√2 {self._grouped(root)}))"

    def _own_MeanModulus(self, expr):
        return f"[{self._print(expr.closed_form())}]"

    def _own_Bell(self, expr):
        mean, variance = expr.args
        return f"√(2/π) {self._print(_unsigned_root(variance))} e^({self._print(-mean**2 / (2 * variance))})"

    def _own_Density(self, expr):
        mean, variance = expr.args
        return f"e^({self._print(-mean**2 / (2 * variance))})/(√(2π) {self._print(_unsigned_root(variance))})"

    def _own_Dominant(self, expr):
        i, *xs = expr.args
        return f"1[{self._print(xs[int(i) - 1])} = max({', '.join(map(self._print, xs))})]"

    def _own_KroneckerDelta(self, expr):
        return f"δ({self._print(expr.args[0])}, {self._print(expr.args[1])})"

    def _own_Derivative(self, expr):
        below = "".join(f"∂{self._print(x)}" + (str(n).translate(_SUPER) if n != 1 else "") for x, n in expr.variable_count)
        order = sum(n for _, n in expr.variable_count)
        above = "∂" if order == 1 else "∂" + str(order).translate(_SUPER)
        shown = self._print(expr.expr)
        return f"{above}{shown}/{below}" if " " not in shown else f"{above}/{below} [{shown}]"

    def _own_Integral(self, expr):
        (x, *limits), = expr.limits
        bounds = "".join(f"_{self._print(limits[0])}^{self._print(limits[1])}" if len(limits) == 2 else "")
        return f"∫{bounds} d{self._print(x)} {self._factor(expr.function)}"

    def _own_Pi(self, expr):
        return "π"

    def _own_Exp1(self, expr):
        return "e"

    def _own_Infinity(self, expr):
        return "∞"

    def _own_NegativeInfinity(self, expr):
        return "−∞"

    def _own_Equality(self, expr):
        return f"{self._print(expr.lhs)} = {self._print(expr.rhs)}"

    def emptyPrinter(self, expr):
        """Everything with its own LaTeX is read from there."""
        from .formulas import latex

        return unicode_of(f"${latex(expr)}$")

    def _own_Abbreviation(self, expr):
        return unicode_of(f"${expr.label}$")

    def _from_latex(self, expr):
        return self.emptyPrinter(expr)

    _own_LogPartition = _own_Partition = _own_GibbsMean = _own_Covariance = _own_Hamiltonian = _from_latex
    _own_Quenched = _own_SiteTrace = _own_SiteMean = _own_SiteEntropy = _own_GibbsSum = _own_VectorMean = _from_latex


def _unsigned_root(variance):
    return sympy.sqrt(variance).replace(lambda e: isinstance(e, sympy.Abs), lambda e: e.args[0])


def _weight(factor):
    """Numbers and symbols before sums, sums before functions and averages."""
    kinds = (factor.is_Symbol or factor.is_Pow and factor.base.is_Symbol, factor.is_Pow, factor.is_Add)
    return (next((k for k, yes in enumerate(kinds) if yes), 3), str(factor))


def symbol_text(name):
    """m1 -> m₁, h_m1 -> h_m₁, mbar1 -> m̄₁, xi^i -> ξᵢ, C_free -> C₀."""
    name = re.sub(r"_free$", "_0", name.rstrip("*").lstrip("\\"))
    if "^" in name:
        base, site = name.split("^", 1)
        raised = f"⁽{site.translate(_SUPER)}⁾"
        return symbol_text(base) + (raised if base[-1].isdigit() else site.translate(_SUB))
    if "_" in name.strip("_"):
        base, index = name.split("_", 1)
        return f"{symbol_text(base)}{_index(index)}"
    stem, digits = re.match(r"(.*?)(\d*)$", name).groups()
    if len(stem) == 2 and stem[1] in "xyz" and not digits:
        return stem[0] + stem[1].translate(_SUPER)
    for mark, accent in _ACCENTS.items():
        if stem.endswith(mark) and len(stem) > len(mark):
            return symbol_text(stem[: -len(mark)]) + accent + digits.translate(_SUB)
    return _GREEK.get(stem, stem) + digits.translate(_SUB)


def _index(index):
    text = str(index)
    if set(text) <= _CAN_SUB:
        return text.translate(_SUB)
    return f"_{symbol_text(text)}"


# LaTeX of the prose to Unicode

_WORDS = {"to": "→", "infty": "∞", "langle": "⟨", "rangle": "⟩", "sum": "Σ", "prod": "Π", "int": "∫", "partial": "∂", "nabla": "∇",
          "cdot": "·", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "neq": "≠", "simeq": "≃", "approx": "≈", "pm": "±",
          "propto": "∝", "times": "×", "ldots": "…", "cdots": "⋯", "dots": "…", "in": "∈", "equiv": "≡", "ll": "≪", "gg": "≫", "ell": "ℓ",
          "mid": "|", "lbrace": "{", "rbrace": "}", "qquad": "   ", "quad": "  ", "checkmark": "✓", "circ": "∘", "dagger": "†"}
_ACCENTS = {"bar": "\u0304", "hat": "\u0302", "tilde": "\u0303"}
_MARKUP = {",": " ", ";": " ", " ": " ", "!": "", "{": "{", "}": "}", "|": "‖", "\\": " "}
_DROPPED = {"left", "right", "displaystyle", "limits", "Bigl", "Bigr", "bigl", "bigr", "mathrm", "mathcal", "operatorname",
            "text", "mathsf", "mathbf", "boldsymbol", "Big", "big"}


def unicode_of(text):
    """Prose whose inline $LaTeX$ is turned to Unicode, *emphasis* dropped."""
    parts = re.split(r"(\$[^$]*\$)", text)
    shown = [_Reader(p[1:-1]).run().strip() if p.startswith("$") else re.sub(r"\*([^*]+)\*", r"\1", p) for p in parts]
    return re.sub(r" {2,}", " ", "".join(shown))


class _Reader:
    """A reader of the LaTeX that the derivations use."""

    def __init__(self, text):
        self.text, self.at = text, 0

    def run(self):
        """Unicode of everything up to a closing brace."""
        out = []
        while self.at < len(self.text) and self.text[self.at] != "}":
            out.append(self.item())
        text = re.sub(r" {2,}", " ", "".join(out))
        text = re.sub(r"([∂∇⟨\[][²³]?) (?=[\w⟨])", r"\1", text)
        text = re.sub(r" (?=[⟩\]])|(?<=\d) (?=cosh)", "", text)
        text = re.sub(r"(?<=\w)(?=[ΣΠ∫])", " ", text)
        return re.sub(r"\b(log|tanh|cosh|sinh|exp|sgn|erf|max|coth|2cosh) (?=[(\[])", r"\1", text)

    def item(self):
        """Unicode of the next token or group."""
        c = self.text[self.at]
        self.at += 1
        if c == "{":
            inner = self.run()
            self.at += 1
            return inner
        if c == "\\":
            return self.command()
        if c == "_":
            return self.script(self.argument(), _CAN_SUB, _SUB, "_")
        if c == "^":
            return self.script(self.argument(), _CAN_SUPER, _SUPER, "^")
        return {"-": "−", "~": " ", "&": "", "*": ""}.get(c, c)

    def script(self, text, able, table, mark):
        """An index or a power, raised or lowered where Unicode has the characters."""
        text = text.strip()
        plain = text.replace("−", "-")
        if set(plain) <= able | _LOWERED and able is _CAN_SUB:
            return plain.translate(table)
        if set(plain) <= able:
            return plain.translate(table)
        return f"{mark}{text}" if len(text) == 1 or mark == "_" and text.isalnum() else f"{mark}({text})"

    def argument(self):
        """The next argument."""
        while self.at < len(self.text) and self.text[self.at] == " ":
            self.at += 1
        return self.item() if self.at < len(self.text) else ""

    def verbatim(self):
        """The words of a text group."""
        end = self.text.index("}", self.at)
        words, self.at = self.text[self.at + 1:end], end + 1
        return words

    def option(self):
        """An optional argument in brackets."""
        if self.at < len(self.text) and self.text[self.at] == "[":
            end = self.text.index("]", self.at)
            inner, self.at = self.text[self.at + 1:end], end + 1
            return _Reader(inner).run()
        return ""

    def command(self):
        """Unicode of a command with its arguments."""
        name = re.match(r"[A-Za-z]+|.", self.text[self.at:]).group()
        self.at += len(name)
        if name in ("frac", "tfrac", "dfrac"):
            return self.fraction(self.argument().strip(), self.argument().strip())
        if name == "sqrt":
            power, inner = self.option(), self.argument()
            root = {"3": "∛", "4": "∜", "": "√"}.get(power, f"{power.translate(_SUPER)}√")
            return root + (inner if len(inner) == 1 else f"({inner})")
        if name == "xrightarrow":
            below = self.option()
            self.argument()
            return f"→ ({below}) " if below else "→ "
        if name in _ACCENTS:
            return self.argument() + _ACCENTS[name]
        if name == "mathbb":
            inner = self.argument()
            return inner if self.text[self.at:self.at + 1] == "_" or inner == "1" else inner + " "
        if name == "operatorname":
            return self.operator()
        if name == "text":
            return self.verbatim()
        if name in _DROPPED:
            return ""
        return _GREEK.get(name) or _WORDS.get(name) or self.symbol(name)

    def operator(self):
        """A named operator, apart from what is before it."""
        if self.text[self.at:self.at + 1] == "*":
            self.at += 1
        inner = self.argument()
        return f" {inner}" + ("" if self.text[self.at:self.at + 1] == "_" else " ")

    def symbol(self, name):
        """Spaces, braces and named functions."""
        return _MARKUP.get(name, f" {name} " if name.isalpha() else name)

    def fraction(self, above, below):
        """above/below on one line."""
        shown = f"{_atom(above)}/{_atom(below, below=True)}"
        return shown + " " if self.text[self.at:self.at + 1] in ("\\", "{") or self.text[self.at:self.at + 1].isalpha() else shown


def _atom(text, below=False):
    """Parentheses where a line of text needs them."""
    outside = re.sub(r"\([^()]*\)|\[[^\[\]]*\]", "•", text)
    outside = re.sub(r"\([^()]*\)|\[[^\[\]]*\]", "•", outside)
    joined = re.search(r"[+−]", outside[1:]) or (below and re.search(r"[ /]", outside.strip()))
    return f"({text})" if joined else text
