"""LaTeX of the theory's expressions as a paper sets them, and the breaking of long formulas into lines.

Inverse temperatures in front of fields are written beta, constants leave averages, tall numerators stand beside
their denominator; long sums are broken at plus and minus signs, inside brackets too.
"""

import re

import sympy
from sympy import S
from sympy.printing.latex import LatexPrinter

from ..sites import times_temperature
from ..symbols import T, beta

MEMORY = 20000  # expressions whose LaTeX a printer remembers
LINE = 70.0  # width of a text line in the units of `width`: about one digit each
_GREEK = {"xi", "sigma", "rho", "tau", "mu", "nu", "phi", "psi", "eta", "chi", "kappa", "alpha", "beta", "gamma", "delta",
          "epsilon", "lambda", "omega", "theta", "Gamma", "Delta", "Sigma", "Omega", "Lambda", "Phi", "Psi"}
_NAMED = {"tanh": r"\tanh", "cosh": r"\cosh", "sinh": r"\sinh", "log": r"\log", "sin": r"\sin", "cos": r"\cos",
          "coth": r"\coth", "atanh": r"\operatorname{artanh}", "erf": r"\operatorname{erf}", "sign": r"\operatorname{sgn}"}
_ENSEMBLES = {"LogPartition", "Partition", "GibbsMean", "Covariance", "Hamiltonian", "Quenched", "SiteTrace", "SiteMean"}
_AVERAGES = {"GaussianAverage", "DisorderAverage", "Nested", "NestedMean"}
_TALL = (sympy.Integral, sympy.Derivative)


class FormulaPrinter(LatexPrinter):
    """SymPy's LaTeX printer with the conventions of mean-field papers."""

    def __init__(self, settings=None):
        super().__init__(settings)
        self._known = {}

    def _print(self, expr, **kwargs):
        if kwargs or not isinstance(expr, sympy.Basic):
            return self._fresh(expr, **kwargs)
        if expr not in self._known:
            if len(self._known) > MEMORY:
                self._known.clear()
            self._known[expr] = self._fresh(expr)
        return self._known[expr]

    def _fresh(self, expr, **kwargs):
        rule = getattr(self, f"_own_{type(expr).__name__}", None)
        return rule(expr, **kwargs) if rule is not None else super()._print(expr, **kwargs)

    def _print_Symbol(self, expr, style="plain"):
        return symbol_latex(expr.name)

    def _own_Add(self, expr, **kwargs):
        merged = merged_sum(expr)
        if merged.is_Add:
            return super()._print_Add(merged, **kwargs)
        return self.doprint(merged)

    def _as_ordered_terms(self, expr, order=None):
        return positive_first(super()._as_ordered_terms(expr, order=order))

    def _own_Ordered(self, expr, **kwargs):
        terms = [self.doprint(t) for t in expr.args]
        return " ".join(t if not k or t.startswith("-") else f"+ {t}" for k, t in enumerate(terms))

    def _own_GibbsSum(self, expr, exp=None):
        coefficients, xs = expr.args
        above = []
        for c, x in zip(coefficients, xs):
            if c == 0:
                continue
            weight = self.boltzmann_weight(x)
            size = "" if abs(c) == 1 else self.doprint(abs(c)) + r"\,"
            above.append(("- " if c < 0 else "+ " if above else "") + size + weight)
        return _power(rf"\frac{{{' '.join(above)}}}{{{self.boltzmann_sum(xs)}}}", exp)

    def _own_Mul(self, expr, **kwargs):
        if (rewritten := merged_product(expr)) != expr:
            return self.doprint(rewritten)
        outside, inside = split_tall(expr)
        if inside is None:
            return super()._print_Mul(expr)
        sign, outside = (r"- ", -outside) if outside.could_extract_minus_sign() else ("", outside)
        if outside.has(T) and (rest := outside * T).has(T) is False:
            outside = rest * beta
        front = "" if outside == 1 else self._prefactor(outside) + r"\,"
        body = self.doprint(inside)
        return sign + front + (body if not inside.is_Add else rf"\left[{body}\right]")

    def _prefactor(self, outside):
        """A product of square roots as one root."""
        square = outside**2
        if any(p.exp == S.Half or p.exp == -S.Half for p in outside.atoms(sympy.Pow)) and square.is_rational_function():
            return rf"\sqrt{{{self.doprint(square)}}}"
        return self.doprint(outside)

    def _own_log2cosh_of(self, expr, exp=None):
        return _power(rf"\log 2\cosh({_joined_beta(self.doprint(expr.args[0]))})", exp)

    def _own_VectorMean(self, expr, exp=None):
        b, modulus = expr.args
        u = _joined_beta(self.doprint(modulus))
        if b == S.Half:
            return rf"\tanh{'' if exp is None else f'^{{{exp}}}'}({u})"
        if b == S(3) / 2:
            return rf"\left[\coth({u}) - \frac{{1}}{{{u}}}\right]" + ("" if exp is None else f"^{{{exp}}}")
        return _power(rf"\frac{{I_{{{self.doprint(b)}}}({u})}}{{I_{{{self.doprint(b - 1)}}}({u})}}", exp)

    def _named(self, expr, exp=None):
        name = _NAMED[type(expr).__name__]
        power = "" if exp is None else f"^{{{exp}}}"
        if expr.args[0].is_Integer:
            return rf"{name}{power} {expr.args[0]}"
        return rf"{name}{power}{self.bracketed(expr.args[0])}"

    _own_tanh = _own_cosh = _own_sinh = _own_sin = _own_cos = _own_coth = _named
    _own_atanh = _own_erf = _own_sign = _own_log = _named

    def bracketed(self, x):
        """An argument in parentheses."""
        text = self.argument(x)
        tall = r"\frac" in text or r"\sqrt" in text
        return rf"\left({text}\right)" if tall else rf"({text})"

    def argument(self, x):
        """A field over T as beta times the field."""
        energy = energy_of(x)
        if energy is None:
            return self.doprint(x)
        if energy.is_Add:
            common = sympy.factor_terms(energy)
            text = self.doprint(common)
            return rf"\beta\,{text}" if common.is_Mul and not _leading_minus(common) else rf"\beta({text})" \
                if r"\frac" not in text else rf"\beta\left({text}\right)"
        number, rest = energy.as_coeff_Mul()
        if number.is_Integer and number != 1 and number != -1:
            return rf"{number} \beta {self.doprint(rest)}"
        return _joined_beta(self.doprint(energy))

    def _own_exp(self, expr, exp=None):
        power = expr.args[0] if exp is None else expr.args[0] * sympy.sympify(exp)
        text = _INLINE.argument(power)
        return rf"e^{{{text}}}" if r"\frac" not in text else rf"\exp\left({self.argument(power)}\right)"

    def _own_log2cosh(self, expr, exp=None):
        return _power(rf"\log 2\cosh{self.bracketed(expr.args[0])}", exp)

    def _own_LogSumExp(self, expr, exp=None):
        return _power(rf"\log\left({self.boltzmann_sum(expr.args)}\right)", exp)

    def _own_Gibbs(self, expr, exp=None):
        i, *xs = expr.args
        top = self.boltzmann_weight(xs[int(i) - 1])
        return _power(rf"\frac{{{top}}}{{{self.boltzmann_sum(xs)}}}", exp)

    def boltzmann_weight(self, x):
        """exp(x)."""
        return "1" if x == 0 else self._own_exp(sympy.exp(x, evaluate=False))

    def boltzmann_sum(self, xs):
        """sum_i exp(x_i)."""
        return " + ".join(map(self.boltzmann_weight, xs))

    def _own_LogRadial(self, expr, exp=None):
        b, w = expr.args
        u = self.modulus(w)
        if b == S.Half:
            return _power(rf"\log\cosh({u})", exp)
        if b == S(3) / 2:
            return _power(rf"\log\frac{{\sinh({u})}}{{{u}}}", exp)
        if b == 1:
            return _power(rf"\log I_0({u})", exp)
        order = self.doprint(b - 1)
        return _power(rf"\log\left[\Gamma\!\left({self.doprint(b)}\right)\left(\tfrac12{u}\right)^{{{self.doprint(1 - b)}}}"
                      rf" I_{{{order}}}({u})\right]", exp)

    def _own_RadialRatio(self, expr, exp=None):
        b, w = expr.args
        u = self.modulus(w)
        if b == S.Half:
            text = rf"\frac{{2\tanh({u})}}{{{u}}}"
        elif b == S(3) / 2:
            text = rf"\frac{{2}}{{{u}}}\left[\coth({u}) - \frac{{1}}{{{u}}}\right]"
        else:
            text = rf"\frac{{2\,I_{{{self.doprint(b)}}}({u})}}{{{u}\,I_{{{self.doprint(b - 1)}}}({u})}}"
        return _power(text, exp)

    def modulus(self, w):
        """2 sqrt(w) for w = (|field|/2T)^2: beta times the modulus of the field."""
        square = sympy.expand(4 * T**2 * w)
        if square.has(T):
            return self.doprint(_unsigned(sympy.sqrt(4 * w)))
        return _joined_beta(self.doprint(_unsigned(sympy.sqrt(square))))

    def _own_GaussianAverage(self, expr, exp=None):
        f, x, mean, variance = expr.args
        z = sympy.Symbol("z", real=True)
        outside, inside = f.as_independent(x, as_Add=False)
        spread = _unsigned(sympy.sqrt(sympy.factor_terms(variance)))
        inside = inside.xreplace({x: mean + spread * z})
        body = self.doprint(inside)
        body = rf"\left[{body}\right]" if inside.is_Add else body
        front = "" if outside == 1 else self.doprint(outside)
        return _power(rf"{front}\int\!\mathcal{{D}}z\,{body}", exp, bracket=True)

    def _own_DisorderAverage(self, expr, exp=None):
        f, names = expr.integrand, expr.bound_symbols
        outside, inside = f.as_independent(*names, as_Add=False)
        front = "" if outside == 1 else self.doprint(outside) + r"\,"
        return _power(rf"{front}{self.expectation(names)}\left[{self.doprint(inside)}\right]", exp, bracket=exp is not None)

    def expectation(self, names):
        """E with the names of what is averaged over."""
        short = common_stem([str(x) for x in names])
        inner = symbol_latex(short) if short else ",".join(map(self.doprint, names))
        return rf"\mathbb{{E}}_{{{inner}}}"

    def _own_Quenched(self, expr, exp=None):
        inner, names = expr.args
        return _power(rf"{self.expectation(list(names))}\left[{self.doprint(inner)}\right]", exp)

    def _own_SiteTrace(self, expr, exp=None):
        exponent, variables = expr.args
        names = ",".join(map(self.doprint, variables))
        return _power(rf"\log\operatorname{{Tr}}_{{{names}}}\,{self.boltzmann_weight(exponent)}", exp)

    def _own_SiteMean(self, expr, exp=None):
        observable, exponent, variables = expr.args
        trace = rf"\operatorname{{Tr}}_{{{','.join(map(self.doprint, variables))}}}"
        weight, shown = self.boltzmann_weight(exponent), self.doprint(observable)
        shown = rf"({shown})" if observable.is_Add else shown
        return _power(rf"\frac{{{trace}\, {shown}\, {weight}}}{{{trace}\, {weight}}}", exp)

    def _own_LogPartition(self, expr, exp=None):
        sign = r"\mathbb{E}" if expr.args[-1] else ""
        return _power(rf"\frac{{1}}{{N}}\,{sign}\log\operatorname{{Tr}}\,{self.weight(expr)}", exp)

    def _own_Partition(self, expr, exp=None):
        sign = r"\mathbb{E}\," if expr.args[-1] else ""
        return _power(rf"{sign}\operatorname{{Tr}}\,{self.weight(expr)}", exp)

    def weight(self, ensemble):
        """The Boltzmann factor of an ensemble of N sites."""
        from ..symbols import N

        text = self.doprint(N * sympy.factor_terms(sympy.expand(ensemble.collective))) if ensemble.collective != 0 else ""
        one_body = ensemble.one_body
        if one_body != 0:
            names = {x: sympy.Symbol(f"{x}^i", real=True) for x in (*ensemble.args[-2], *ensemble.args[-1])}
            terms = sympy.factor_terms(one_body.xreplace(names))
            text += (" + " if text and not _leading_minus(terms) else " ") + self._site_sum(terms)
        return rf"\exp\left[{text}\right]"

    def _site_sum(self, terms):
        sign, terms = (r"- ", -terms) if _leading_minus(terms) else ("", terms)
        text = self.doprint(terms)
        return rf"{sign}\sum_i \left({text}\right)" if terms.is_Add else rf"{sign}\sum_i {text}"

    def _own_Covariance(self, expr, exp=None):
        first, second = (self.doprint(o) for o in expr.observables)
        sign = r"\mathbb{E}" if expr.args[-1] else ""
        return _power(rf"{sign}\left\langle {first};\,{second}\right\rangle", exp)

    def _own_Derivative(self, expr, exp=None):
        below = "".join(rf"\partial {self.doprint(x)}" + (f"^{{{n}}}" if n != 1 else "") for x, n in expr.variable_count)
        order = sum(n for _, n in expr.variable_count)
        above = r"\partial" if order == 1 else rf"\partial^{{{order}}}"
        shown = self.doprint(expr.expr)
        text = rf"\frac{{{above} {shown}}}{{{below}}}" if width(shown) < 9 else rf"\frac{{{above}}}{{{below}}}\,{shown}"
        return _power(text, exp)

    def _print_Abs(self, expr, exp=None):
        return _power(rf"\left|{self.doprint(expr.args[0])}\right|", exp, bracket=False)


def energy_of(x):
    """T x where that is free of T, else None."""
    if not x.has(T):
        return None
    energy = times_temperature(x)
    if energy.has(T):
        energy = sympy.expand(sympy.cancel(T * x))
    return None if energy.has(T) else energy


_PRINTER = FormulaPrinter()
_INLINE = FormulaPrinter({"fold_short_frac": True})


def latex(expr):
    """LaTeX of an expression, an equation or a string that is LaTeX already."""
    if isinstance(expr, str):
        return expr
    if isinstance(expr, sympy.Equality):
        return f"{latex(expr.lhs)} = {latex(expr.rhs)}"
    return _PRINTER.doprint(expr)


def symbol_latex(name):
    """m1 -> m_{1}, h_m1 -> h_{m_{1}}, mbar1 -> \\bar{m}_{1}, xi^i -> \\xi^{(i)}, z* -> z, C_free -> C_{0}."""
    name = re.sub(r"_free$", "_0", name.rstrip("*"))
    if name.startswith("\\"):
        return name
    if "^" in name:
        base, site = name.split("^", 1)
        text = symbol_latex(base)
        return rf"{text}_{{{site}}}" if "_" not in text else rf"{text}^{{({site})}}"
    if "_" in name.strip("_"):
        base, index = name.split("_", 1)
        text, below = symbol_latex(base), symbol_latex(index)
        stem, inner = re.match(r"(.*?)(?:_\{(\w+)\})?$", text).groups()
        return rf"{text}_{{{below}}}" if inner is None else rf"{stem}_{{{inner},{below}}}"
    stem, digits = re.match(r"(.*?)(\d*)$", name).groups()
    if not stem:
        return digits
    text = _stem_latex(stem)
    return text if not digits else rf"{text}_{{{digits}}}"


def _stem_latex(stem):
    if stem in _GREEK:
        return "\\" + stem
    for mark in ("bar", "hat", "tilde"):
        if stem.endswith(mark) and len(stem) > len(mark):
            return rf"\{mark}{{{_stem_latex(stem[: -len(mark)])}}}"
    if len(stem) == 2 and stem[1] in "xyz":
        return rf"{stem[0]}^{{{stem[1]}}}"
    return stem if len(stem) == 1 else rf"\mathrm{{{stem}}}"


def common_stem(names):
    """xi for xi1, xi2, ...: the averages of several patterns share one index-free name."""
    stems = {re.sub(r"\d+$", "", n) for n in names}
    return stems.pop() if len(stems) == 1 and len(names) > 1 else None


def lines(left, relation, right, line=LINE):
    """One displayed relation as a list of aligned LaTeX lines, each at most about `line` wide.

    Parameters
    ----------
    left, right : Expr, str or None
    relation : LaTeX, such as "="

    Returns
    -------
    list of str with one alignment mark & each
    """
    if left is None or right is None:
        return _wrapped("&", pieces(right if left is None else left, line), line)
    head, body = latex(left), latex(right)
    if not head:
        return _wrapped(f"&{relation} ", pieces(right, line - 6), line - 6)
    shown = width(head) + width(relation) + 1
    if shown + width(body) <= line:
        return [rf"{head} &{relation} {body}"]
    if shown > line / 2:
        first = _wrapped("&", pieces(left, line), line)
        return first + _wrapped(rf"&\quad {relation} ", pieces(right, line - 6), line - 6)
    return _wrapped(rf"{head} &{relation} ", pieces(right, line - shown), line - shown)


def _wrapped(head, parts, room):
    rows, current, used = [], head, 0.0
    for k, part in enumerate(parts):
        size = width(part)
        if k and used + size > room:
            rows.append(current)
            current, used = r"&\qquad ", 3.0
        current, used = f"{current} {part}", used + size
    return rows + [current]


def pieces(expr, room):
    """LaTeX fragments between which a line may break; concatenated they are the formula."""
    if isinstance(expr, str):
        return [expr]
    whole = latex(expr)
    if width(whole) <= room:
        return [whole]
    if expr.is_Add:
        return _sum_pieces(expr, room)
    opened = _opened(expr)
    if opened is None:
        return [whole]
    front, inside, back = opened
    inner = pieces(inside, room - 4)
    return [f"{front} {inner[0]}", *inner[1:-1], f"{inner[-1]} {back}"] if len(inner) > 1 else [whole]


def _sum_pieces(expr, room):
    found = []
    terms = expr.as_ordered_terms() if isinstance(expr, Ordered) else positive_first(expr.as_ordered_terms())
    for k, term in enumerate(terms):
        parts = pieces(term, room)
        if k and not parts[0].lstrip().startswith("-"):
            parts[0] = f"+ {parts[0]}"
        found += parts
    return found


def _opened(expr):
    """(opening, sum inside, closing) of a product with a long bracket or of an average, else None."""
    name = type(expr).__name__
    if name == "DisorderAverage":
        outside, inside = expr.integrand.as_independent(*expr.bound_symbols, as_Add=False)
        front = "" if outside == 1 else latex(outside) + r"\,"
        return (rf"{front}{_PRINTER.expectation(expr.bound_symbols)}\Bigl[", inside, r"\Bigr]") if inside.is_Add else None
    if not expr.is_Mul:
        return None
    sums = sorted((f for f in expr.args if f.is_Add), key=lambda f: -width(latex(f)))
    inside = sums[0] if sums else next((f for f in expr.args if type(f).__name__ == "DisorderAverage"), None)
    if inside is None:
        return None
    outside = expr / inside
    front = "-" if outside == -1 else "" if outside == 1 else latex(outside)
    if inside.is_Add:
        return rf"{front}\Bigl[", inside, r"\Bigr]"
    deeper = _opened(inside)
    return None if deeper is None else (front + deeper[0], *deeper[1:])


def width(text):
    """Estimated width of typeset LaTeX, in digits."""
    return _Measure(text).run()


class _Measure:
    """A reader of LaTeX that only knows how wide things are."""

    _two = {"frac", "dfrac", "tfrac", "xrightarrow"}
    _none = {"left", "right", "Bigl", "Bigr", "bigl", "bigr", "displaystyle", "mathrm", "mathcal", "operatorname",
             "bar", "hat", "tilde", "limits", "!", "{", "}", "text", "begin", "end"}
    _thin = {",": 0.3, ";": 0.5, "quad": 2.0, "qquad": 4.0, " ": 0.5}

    def __init__(self, text):
        self.text, self.at = text, 0

    def run(self):
        """Width of everything up to a closing brace."""
        total = 0.0
        while self.at < len(self.text) and self.text[self.at] != "}":
            total += self.item()
        return total

    def item(self):
        """Width of the next token or group."""
        c = self.text[self.at]
        self.at += 1
        if c == "{":
            size = self.run()
            self.at += 1
            return size
        if c == "\\":
            return self.command()
        if c in "_^":
            return 0.7 * self.argument()
        if c in "+-=<>":
            return 2.0
        if c in "[]|":
            return 0.7
        return 0.0 if c in " &*" else 1.05

    def argument(self):
        """Width of one argument."""
        while self.at < len(self.text) and self.text[self.at] == " ":
            self.at += 1
        return self.item() if self.at < len(self.text) else 0.0

    def command(self):
        """Width of a command with its arguments."""
        name = re.match(r"[A-Za-z]+|.", self.text[self.at:]).group()
        self.at += len(name)
        if name in self._two:
            return max(self.argument(), self.argument()) + (0.5 if name != "xrightarrow" else 3.0)
        if name == "mathbb":
            return 1.4 + 0 * self.argument()
        if name == "sqrt":
            return 1.2 + self.argument()
        if name in self._none:
            return 0.0
        if name in self._thin:
            return self._thin[name]
        return 0.95 * len(name) + 0.3 if name in ("tanh", "cosh", "sinh", "log", "coth", "max", "exp", "sin", "cos") else 1.1


class Ordered(sympy.Expr):
    """A sum whose terms are printed in the order given."""

    is_Add = True
    is_commutative = True

    def as_ordered_terms(self, *args, **kwargs):
        """The terms."""
        return list(self.args)


class VectorMean(sympy.Function):
    """<s> of a unit vector, or of a spin 1/2, along a field of this modulus; b is half the dimension."""


class log2cosh_of(sympy.Function):
    """log 2cosh(beta modulus)."""


class GibbsSum(sympy.Function):
    """sum_i c_i exp(x_i) / sum_i exp(x_i) for Tuples of numbers c_i and of x_i."""


def merged_sum(expr):
    """A sum with the Gibbs weights of one site over one denominator, and log 2 joined to log cosh."""
    return _merge_gibbs(_merge_log_two(expr))


def merged_product(expr):
    """A product with log 2 joined to log cosh in its sums, and its radial ratio as the mean of a vector."""
    return _with_moduli(sympy.Mul(*(_merge_log_two(f) if f.is_Add else f for f in expr.args)))


def _merge_gibbs(expr):
    """Gibbs weights of one site, with numbers before them, over one denominator."""
    found = {}
    for term in expr.args:
        c, g = term.as_coeff_Mul()
        if type(g).__name__ == "Gibbs":
            found.setdefault(g.args[1:], []).append((int(g.args[0]), c, term))
    for xs, terms in found.items():
        if len(terms) > 1:
            numbers = {i: c for i, c, _ in terms}
            merged = GibbsSum(sympy.Tuple(*(numbers.get(i + 1, 0) for i in range(len(xs)))), sympy.Tuple(*xs))
            expr = sympy.Add(*(t for t in expr.args if t not in [t for *_, t in terms]), merged)
            if not expr.is_Add:
                break
    return expr


def positive_first(terms):
    """The terms of a sum with a positive one in front, if there is one."""
    terms = list(terms)
    first = next((k for k, t in enumerate(terms) if not t.could_extract_minus_sign()), 0)
    return [terms[first], *terms[:first], *terms[first + 1:]] if terms else terms


def _merge_log_two(expr):
    """log 2 + log cosh u as log 2cosh u."""
    radial = [t for t in expr.args if type(t).__name__ == "LogRadial" and t.args[0] == S.Half]
    if len(radial) != 1 or sympy.log(2) not in expr.args:
        return expr
    modulus = _modulus_of(radial[0].args[1])
    if modulus is None:
        return expr
    return sympy.Add(*(t for t in expr.args if t not in (radial[0], sympy.log(2))), log2cosh_of(modulus))


def _with_moduli(expr):
    """A product with RadialRatio as the mean of a vector in the field that it is along."""
    found = next((f for f in sympy.Mul.make_args(expr) if type(f).__name__ == "RadialRatio"), None)
    modulus = None if found is None else _modulus_of(found.args[1])
    if modulus is None:
        return expr
    return sympy.cancel(expr / found * 2 * T / modulus) * VectorMean(found.args[0], modulus)


def _modulus_of(w):
    square = sympy.expand(4 * T**2 * w)
    return None if square.has(T) else _unsigned(sympy.sqrt(square))


def split_tall(expr):
    """(outside, inside) where the inside is what must not stand in a numerator, or (expr, None)."""
    factors = expr.args
    over = 1 / T in factors
    tall = [f for f in factors if _is_tall(f) or (over and f.is_Add and f.has(sympy.Function))]
    if not tall:
        return expr, None
    inside = sympy.Mul(*tall, evaluate=False) if len(tall) > 1 else tall[0]
    outside = sympy.Mul(*(f for f in factors if f not in tall))
    if outside in (S.One, S.NegativeOne) and not inside.is_Add:
        return (outside, inside) if outside == -1 else (expr, None)
    return outside, inside


def _is_tall(factor):
    if type(factor).__name__ in _ENSEMBLES or isinstance(factor, _TALL):
        return True
    if type(factor).__name__ in _AVERAGES:
        return True
    return factor.is_Add and any(type(n).__name__ in _ENSEMBLES | _AVERAGES or isinstance(n, _TALL)
                                 for n in sympy.preorder_traversal(factor))


def _unsigned(root):
    """A square root without the bars of its modulus: used where the sign does not matter."""
    return root.replace(lambda e: isinstance(e, sympy.Abs), lambda e: e.args[0])


def _leading_minus(expr):
    return expr.could_extract_minus_sign() if not expr.is_Add else False


def _joined_beta(text):
    return rf"\beta {text}" if not text.startswith("-") else rf"-\beta {text[1:].lstrip()}"


def _power(text, exp, bracket=None):
    if exp is None:
        return text
    return rf"{text}^{{{exp}}}" if bracket is False else rf"\left({text}\right)^{{{exp}}}"
