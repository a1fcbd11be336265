"""The contents of a derivation as a document, before any markup: titles, prose, formulas, checks, references."""

from dataclasses import dataclass, field, replace

import sympy
from sympy import S

from ..averages import DisorderAverage, GaussianAverage
from ..disorder import FiniteDistribution
from ..errors import InputError
from ..functions import LogRadial, LogSumExp
from ..symbols import T, symbol
from ..tidy import oriented, typical_values
from ..zero_temperature import MeanSign
from . import replica
from .formulas import Ordered, latex, symbol_latex, width

CONFIGURATIONS_SHOWN = 9  # a disorder average is written out when it has no more terms than this
WIDEST_ENTRY = 90.0
TOO_LONG = r"[\text{an expression too long to print}]"
LONGEST = 500  # parts of an expression that is printed


@dataclass(frozen=True)
class Heading:
    """A section (level 1) or a step of the derivation (level 2)."""

    text: str
    level: int = 1


@dataclass(frozen=True)
class Prose:
    """A paragraph with inline $LaTeX$; references are cited at its end."""

    text: str
    cites: tuple = ()


@dataclass(frozen=True)
class Formula:
    """Displayed rows (left, relation, right); sides are expressions, LaTeX strings or None."""

    rows: tuple


@dataclass(frozen=True)
class Check:
    """What a check said about a step."""

    status: str
    evidence: str = ""


@dataclass(frozen=True)
class Document:
    """Title, blocks in order, and the references in the order of their first citation."""

    title: str
    abstract: str
    blocks: tuple
    references: tuple = field(default=())


def document(derivation):
    """The document of a derivation: model, steps, theory, zero temperature, Landau theory, references."""
    if derivation.model.couplings:
        kinds = (Heading, Prose, Formula)
        theory = (*replica.results(derivation.theory, kinds), *replica.zero_temperature(derivation.theory, kinds, _plain))
        if derivation.route == "replica":
            derivation = replace(derivation, steps=tuple(replica.shown(step, derivation.theory) for step in derivation.steps))
    else:
        theory = (*_results(derivation.theory), *_zero_temperature(derivation.theory), *_landau(derivation.theory))
    blocks = (*_model(derivation.model), *_steps(derivation), *theory)
    references = dict.fromkeys(r for b in blocks if isinstance(b, Prose) for r in b.cites)
    return Document(_title(derivation), _abstract(derivation), blocks, tuple(references))


def references_of(text):
    """Single references of a field that may hold several, separated by semicolons."""
    return tuple(part.strip() for part in text.split(";") if part.strip())


def equation(left, right, relation="="):
    """A formula of one row."""
    return Formula(((left, relation, right),))


_ROUTES = {"saddle-point": "the saddle point", "entropy": "energy minus temperature times entropy",
           "interpolation": "Guerra's interpolation", "hamilton-jacobi": "the Hamilton-Jacobi equation", "replica": "replicas"}


def _title(derivation):
    name = derivation.model.title
    return f"{name[0].upper()}{name[1:]}: mean-field theory by {_ROUTES.get(derivation.route, derivation.route)}"


def _abstract(derivation):
    if derivation.model.couplings:
        method = "the replica method" if derivation.route == "replica" else _ROUTES[derivation.route]
        return (f"The free energy per site and the self-consistency equations are derived from the Hamiltonian by {method} with "
                f"{derivation.theory.ansatz.title}, in {len(derivation.steps)} steps; stability, entropy and the limit of zero temperature follow. "
                "Units: $k_B = 1$, $\\beta = 1/T$, energies per site.")
    names = _listed([f"${latex(a)}$" for a in derivation.model.order_parameters])
    return (f"The free energy per site and the self-consistency equations of {names} are derived from the Hamiltonian in "
            f"{len(derivation.steps)} steps. The limit of zero temperature and the expansion about the symmetric solution "
            "follow from them. Units: $k_B = 1$, $\\beta = 1/T$, energies per site.")


# The model

def _model(model):
    yield Heading("The model")
    yield Prose(_site_text(model), references_of(model.reference))
    if model.energy != 0 or model.site_energy != 0 or not model.couplings:
        yield Formula(((r"H_N", "=", _hamiltonian(model)),))
    if model.order_parameters:
        yield Prose("with the order parameters")
        yield Formula(tuple((a, "=", _empirical_mean(model, g)) for a, g in model.order_parameters.items()))
    for coupling in model.couplings:
        yield Prose(replica.coupling_text(coupling))
    if text := _disorder_text(model):
        yield Prose(text)
    if text := _parameter_text(model):
        yield Prose(text)
    if model.observables:
        names = _listed([f"${latex(a)}$" for a in model.observables])
        yield Prose(f"The energy does not contain {names}: they are observables, measured in the fields of the others.")


def _site_text(model):
    if model.couplings:
        plain = model.energy == 0 and model.site_energy == 0
        return f"{replica.site_text(model.site)}." + ("" if plain else " The Hamiltonian, apart from its random part, is")
    site, names = model.site, ", ".join(f"${latex(v)}$" for v in model.site.variables)
    text = {
        "finite": f"Each of $N$ sites carries {names} with {_states_text(site)}",
        "gaussian": f"Each of $N$ sites carries a real variable {names} with a Gaussian a-priori measure",
        "sphere": f"Each of $N$ sites carries a unit vector in {getattr(site, 'n', '')} dimensions; "
                  f"{names} is its component along the order parameter, and the trace is the normalised average over the sphere",
        "quantum": f"Each of $N$ sites carries a quantum spin $1/2$ with Pauli matrices {names}",
    }[site.kind]
    return f"{text}. The Hamiltonian is"


def _states_text(site):
    if site.kind != "finite":
        return ""
    if len(site.variables) > 1:
        return f"{len(site.states)} joint states"
    values = [latex(value) for (value,) in site.states]
    shown = ", ".join(values) if len(values) <= 6 else f"{values[0]}, {values[1]}, \\ldots, {values[-1]}"
    return f"the values ${shown}$" if len(set(site.weights)) == 1 else f"the weighted values ${shown}$"


def _hamiltonian(model):
    text = latex(symbol("N") * sympy.factor_terms(model.energy))
    v = model.site_energy
    if v == 0:
        return text
    on_site = sympy.factor_terms(_at_site(model, v))
    if on_site.could_extract_minus_sign():
        return rf"{text} - \sum_i {_summand(-on_site)}"
    return rf"{text} + \sum_i {_summand(on_site)}"


def _summand(expr):
    return rf"\left({latex(expr)}\right)" if expr.is_Add else latex(expr)


def _at_site(model, g):
    return g.xreplace({x: sympy.Symbol(f"{x}^i", real=True) for x in (*model.site.variables, *model.disorder)})


def _empirical_mean(model, g):
    return rf"\frac{{1}}{{N}}\sum_{{i=1}}^{{N}} {_summand(_at_site(model, g))}"


def _disorder_text(model):
    groups = {}
    for x, distribution in model.disorder.items():
        groups.setdefault(_distribution_text(distribution), []).append(x)
    if not groups:
        return ""
    parts = [f"{_listed([f'${latex(x)}$' for x in names])} {'is' if len(names) == 1 else 'are'} {text}"
             for text, names in groups.items()]
    return "The disorder is quenched and independent from site to site: " + "; ".join(parts) + "."


def _distribution_text(distribution):
    if isinstance(distribution, FiniteDistribution):
        values = [f"${latex(v)}$ with probability ${latex(sympy.factor_terms(p))}$"
                  for v, p in zip(distribution.values, distribution.probabilities)]
        return _listed(values)
    return f"Gaussian of mean ${latex(distribution.mean)}$ and variance ${latex(distribution.variance)}$"


def _parameter_text(model):
    shown = [rf"${symbol_latex(name)}" + (f" = {_number(p.default)}$" if p.default is not None else "$")
             for name, p in model.parameters.items()]
    return f"Parameters besides $T$, with their default values: {_listed(shown)}." if shown else ""


def _number(x):
    return f"{x:g}"


def _listed(items):
    items = list(items)
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""


# The steps

def _steps(derivation):
    yield Heading("Derivation")
    for k, step in enumerate(derivation.steps, 1):
        yield Heading(f"Step {k}. {step.title}", 2)
        rule = step.rule[0].upper() + step.rule[1:]
        yield Prose(f"*{rule}.* {step.justification}", references_of(step.reference))
        if rows := _distinct_rows(step):
            yield Formula(rows)
        if step.status != "unchecked":
            yield Check(step.status, step.evidence.removeprefix(f"{step.status}: "))


def _distinct_rows(step):
    """The rows of a step; where both sides are the same expression it is shown once."""
    rows = [(_printable(a), step.relation, _printable(b)) if a != b else (None, step.relation, _printable(b))
            for a, b in step.rows]
    return tuple(row for row in rows if {row[0], row[2]} != {TOO_LONG} and {row[0], row[2]} != {TOO_LONG, None})


def _printable(expr):
    """An expression, or a note in the place of one that would fill a page."""
    if not isinstance(expr, sympy.Expr) or not _longer(expr, LONGEST):
        return expr
    return TOO_LONG


def _longer(expr, limit):
    """Whether an expression has more parts than the limit; stops counting there."""
    return any(k >= limit for k, _ in enumerate(sympy.preorder_traversal(expr)))


# The theory

def _results(theory):
    typical = typical_values(theory)
    names = ", ".join(latex(a) for a in theory.order_parameters)
    yield Heading("The theory")
    yield Prose("The free energy per site, as a function of the order parameters, is")
    yield Formula(tuple(_with_written_out((rf"f({names})", _polynomial_expanded(theory.free_energy)), typical)))
    yield Prose("and its values at the solutions of the self-consistency equations")
    yield Formula(tuple(r for a, rhs in theory.equations.items() for r in _with_written_out((a, rhs), typical)))
    yield Prose("are the free energies of the candidate phases; the equilibrium is the lowest. A solution is locally stable "
                "where the entropic free energy $e - TS$ has a minimum: where all eigenvalues of the matrix "
                "$\\delta_{ab} + \\sum_c C_{ac}\\,\\partial_c\\partial_b e$ are positive, with the response of independent sites")
    yield Formula(((r"C_{ab}", "=", r"\beta\,\mathbb{E}\left[\langle g_a g_b\rangle - \langle g_a\rangle\langle g_b\rangle\right]"
                    if theory.model.disorder else r"\beta\left[\langle g_a g_b\rangle - \langle g_a\rangle\langle g_b\rangle\right]"
                    if theory.model.site.kind != "quantum" else r"\frac{\partial^2 P}{\partial h_a\,\partial h_b}"),))
    if entries := _entries(theory):
        yield Prose("The entries are")
        yield Formula(entries)


def _with_written_out(row, typical):
    """A row, and a second one with a short disorder average written out."""
    left, expr = row
    rows = [(left, "=", expr)]
    averages = expr.atoms(DisorderAverage)
    if averages and all(_count(a) <= CONFIGURATIONS_SHOWN and not a.has(GaussianAverage, MeanSign) for a in averages):
        rows.append(("", "=", _written_out(expr, typical)))
    return rows


def _polynomial_expanded(expr):
    """The terms without functions as one expanded polynomial."""
    terms = sympy.Add.make_args(expr)
    plain = [t for t in terms if not t.has(sympy.Function, DisorderAverage, GaussianAverage)]
    return sympy.Add(sympy.expand(sympy.Add(*plain)), *(t for t in terms if t not in plain))


def _written_out(expr, typical):
    """Averages as sums over configurations: the polynomial first, every weight with a positive factor."""
    expanded = expr.replace(lambda e: isinstance(e, DisorderAverage), lambda e: e.expand_configurations())
    gathered = {}
    for term in sympy.Add.make_args(sympy.expand_mul(_odd_signs(expanded))):
        weight, function = term.as_independent(sympy.Function, as_Add=False)
        gathered[function] = gathered.get(function, S.Zero) + weight
    terms = [oriented(sympy.factor(w), typical) * f for f, w in gathered.items() if w != 0 and f != 1]
    if (polynomial := gathered.get(S.One, S.Zero)) != 0:
        terms += sympy.Add.make_args(sympy.expand(polynomial))
    return Ordered(*(t for t in terms if not t.has(sympy.Function)), *(t for t in terms if t.has(sympy.Function)))


def _odd_signs(expr):
    """sgn(-x) as -sgn(x), which SymPy leaves."""
    flipped = lambda e: isinstance(e, sympy.sign) and e.args[0].could_extract_minus_sign()
    return expr.replace(flipped, lambda e: -sympy.sign(-e.args[0]))


def _count(average):
    total = 1
    for v in average.variables:
        total *= len(v[1])
    return total


def _entries(theory):
    """Entries of C and of e'' that are short enough to print, for few order parameters."""
    coupled = [i for i, a in enumerate(theory.order_parameters) if a not in theory.model.observables]
    if len(coupled) > 2 or theory.site_pressure.has(LogSumExp, LogRadial):
        return ()
    pairs = [(i, j) for i in coupled for j in coupled if i <= j]
    names = [latex(a) for a in theory.order_parameters]
    rows = [(rf"C_{{{names[i]}{names[j]}}}", "=", _factored(theory.response[i, j])) for i, j in pairs]
    rows += [(_second_derivative(names[i], names[j]), "=", theory.curvature[i, j]) for i, j in pairs]
    return tuple(r for r in rows if r[2] != 0 and width(latex(r[2])) < WIDEST_ENTRY)


def _second_derivative(a, b):
    below = rf"\partial {a}^2" if a == b else rf"\partial {a}\,\partial {b}"
    return rf"\frac{{\partial^2 e}}{{{below}}}"


def _factored(expr):
    """Common factors taken out of sums and out of averages."""
    if isinstance(expr, (DisorderAverage, GaussianAverage)):
        inside = sympy.factor_terms(_factored(expr.integrand))
        front, inside = inside.as_independent(*expr.bound_symbols, as_Add=False)
        return front * expr.func(inside, *expr.args[1:])
    if not expr.args or isinstance(expr, sympy.Function):
        return expr
    return sympy.factor_terms(expr.func(*map(_factored, expr.args)))


# Zero temperature

def _zero_temperature(theory):
    yield Heading("Zero temperature")
    try:
        limit = theory.zero_temperature()
    except InputError as refusal:
        yield Prose(f"The limit is not taken: {_plain(refusal)}.")
        return
    for rule in limit.rules:
        yield Formula(((rule.statement, "", None),))
        yield Prose(rule.justification)
    yield Prose("Hence, at $T = 0$,")
    typical = typical_values(theory)
    rows = [("f", limit.free_energy), *limit.equations.items()]
    yield Formula(tuple(r for row in rows for r in _with_written_out(row, typical)))


def _plain(error):
    return str(error).replace("T -> 0", "$T \\to 0$").rstrip(".")


# Landau theory

def _landau(theory):
    yield Heading("Landau theory")
    try:
        found = theory.landau()
    except InputError as refusal:
        yield Prose(f"There is no expansion: {_plain(refusal)}.")
        return
    yield from _expansion(found)
    yield from _transition(found)
    if found.competition is not None:
        yield from _competition(found)


def _expansion(found):
    m = latex(found.parameter)
    yield Prose(_about_text(found))
    if found.about.unknowns:
        yield Formula(tuple((u, "=", rhs) for u, rhs in found.about.unknowns.items()))
    if found.mode.eliminated:
        names = _listed([f"${latex(a)}$" for a in found.mode.eliminated])
        yield Prose(f"The response of {names} to the amplitude is eliminated by the equations of state, which leaves")
    terms = " + ".join(rf"\frac{{a_{n}}}{{{n}}}\,{m}^{n}" for n, a in found.coefficients.items() if a != 0)
    yield Formula((("f - f_0", "=", rf"{terms} + \ldots"),))
    names = Abbreviations(found.coefficients.values())
    yield Prose("with the coefficients" + names.introduction)
    yield Formula(tuple((f"a_{n}", "=", names(a)) for n, a in found.coefficients.items() if a != 0))


def _about_text(found):
    text = f"The entropic free energy is expanded about the symmetric solution ${_symmetric_values(found)}$"
    if found.about.dropped:
        text += f", at {_listed([f'${latex(p)} = 0$' for p in found.about.dropped])}"
    direction = {a: c for a, c in found.mode.direction.items() if c != 0}
    if len(direction) > 1:
        moves = r",\ ".join(rf"\delta {latex(a)} = {latex(c * found.parameter)}" for a, c in direction.items())
        text += f", along ${moves}$"
    elif found.equivalent > 1:
        text += f", along one of {found.equivalent} equivalent order parameters"
    return text + (", where" if found.about.unknowns else ".")


def _symmetric_values(found):
    """m_1 = m_2 = 0, q = q_0: equal values in one chain."""
    groups = {}
    for a, v in found.about.values.items():
        groups.setdefault(v, []).append(latex(a))
    return r",\ ".join(" = ".join([*names, latex(v)]) for v, names in groups.items())


def _transition(found):
    critical = found.criticality
    if found.condition is None:
        yield Prose("The coefficient $a_2$ is positive at every temperature: the symmetric solution never loses its local "
                    "stability, and a transition can only be of first order, to a solution at a distance.")
        return
    yield Prose("The symmetric solution loses its stability where $a_2 = 0$:")
    left = found.condition.lhs if found.condition.lhs != T else "T_0" if found.cubic else "T_c"
    yield Formula(((left, "=", found.condition.rhs), *_line_rows(found)))
    yield Prose(_order_text(found))
    if critical.tricritical is not None:
        yield from _tricritical(found, critical.tricritical)
    if not found.cubic:
        yield from _exponents(found)


def _tricritical(found, tricritical):
    yield Prose("The coefficients $a_2$ and $a_4$ vanish together at")
    rows = tuple((s, "=", v) for s, v in tricritical.point.items())
    yield Formula(rows if tricritical.a6.has(S.NaN) else (*rows, ("a_6", "=", tricritical.a6)))
    if found.tricritical(dps=15)["a6"] > 0:
        yield Prose("Since $a_6 > 0$ (at the default parameters) this is a tricritical point: it separates the continuous from the "
                    "first-order transition.")


def _line_rows(found):
    critical = found.criticality
    if critical.temperature is not None:
        return ((r"T_c", "=", critical.temperature),) if critical.hidden else ()
    return tuple((p, "=", line) for p, line in list(critical.lines.items())[:1])


def _order_text(found):
    if found.cubic:
        return ("The symmetry allows a cubic term, $a_3 \\neq 0$: the transition is of first order, at a temperature above the one "
                "where $a_2$ vanishes, which is the limit of stability of the symmetric phase.")
    try:
        kind = found.transition()
    except InputError:
        return "The transition is continuous where $a_4 > 0$ and of first order where $a_4 < 0$."
    return {"continuous": "There $a_4 > 0$ at the default parameters, and the transition is continuous.",
            "tricritical": "There $a_4 = 0$ at the default parameters: the point is tricritical.",
            "first-order": "There $a_4 < 0$ at the default parameters, and the transition is of first order.",
            "none": "At the default parameters this does not happen."}[kind]


def _exponents(found):
    exponents = found.exponents()
    a = Abbreviations(exponents.amplitudes.values())
    at = "" if exponents.temperature is not None and not found.criticality.hidden else " (amplitudes to be read at $T = T_c$)"
    yield Prose(f"Near a continuous transition, with $\\epsilon = |1 - T/T_c|${a.introduction}{at},")
    m, values = latex(found.parameter), exponents.amplitudes
    yield Formula((
        (rf"{m}", r"\simeq", _scaled(a(values["order parameter"]), r"\epsilon^{1/2}")),
        (r"\chi_+", r"\simeq", _scaled(a(values["susceptibility above"]), r"\epsilon^{-1}")),
        (r"\chi_-", r"\simeq", _scaled(a(values["susceptibility below"]), r"\epsilon^{-1}")),
        (rf"{m}(T_c)", r"\simeq", _scaled(a(values["critical isotherm"]), r"\eta^{1/3}")),
        (r"\Delta c", "=", a(values["specific heat"])),
    ))
    yield Prose(f"that is $\\beta = 1/2$, $\\gamma = 1$, $\\delta = 3$ and $\\alpha = 0$; $\\eta$ is the field conjugate to ${m}$ "
                "and $\\Delta c$ the jump of the specific heat per site.")
    if found.criticality.tricritical is not None:
        yield Prose("At the tricritical point $\\beta = 1/4$, $\\gamma = 1$, $\\delta = 5$ and $\\alpha = 1/2$.")


def _scaled(amplitude, power):
    if amplitude == 1:
        return power
    text = latex(amplitude)
    return rf"\left({text}\right) {power}" if amplitude.is_Add else rf"{text}\; {power}"


def _competition(found):
    c = found.competition
    yield Prose(f"All {c.size} order parameters become critical together. To fourth order")
    yield Formula(((r"f - f_0", "=", r"\frac{a_2}{2}\sum_\mu m_\mu^2 + u\sum_\mu m_\mu^4 + v\sum_{\mu<\nu} m_\mu^2 m_\nu^2"),
                   ("u", "=", c.u), ("v", "=", c.v), ("v - 2u", "=", c.preference)))
    yield Prose("With $n$ equal amplitudes the quartic term is $(\\sum_\\mu m_\\mu^2)^2\\,[v/2 + (u - v/2)/n]$: just below $T_c$ one "
                "order parameter alone is nonzero where $v > 2u$, and all are equal where $v < 2u$." + _threshold_text(c))


def _threshold_text(c):
    if c.preference == 0:
        return " Here $v = 2u$: all directions are equivalent."
    if not c.threshold:
        return ""
    parts = [rf"${latex(p)} = {', '.join(map(latex, roots))}$" for p, roots in c.threshold.items()]
    return f" The winner changes at {_listed(parts)}."


class Abbreviations:
    """Short names for transcendental constants in long coefficients.

    tanh of a constant is t, an exponential w, a Gaussian average of the k-th power tau_k.
    """

    def __init__(self, expressions):
        self.names = {}
        expressions = [sympy.sympify(e) for e in expressions]
        if max((width(latex(e)) for e in expressions), default=0) < 30:
            return
        averages = set().union(*(e.atoms(GaussianAverage) for e in expressions))
        for average in sorted(averages, key=sympy.default_sort_key):
            self.names[average] = self._average_name(average)
        bare = [e.xreplace(self.names) for e in expressions]
        functions = set().union(*(e.atoms(sympy.tanh, sympy.exp) for e in bare))
        for k, f in enumerate(sorted(functions, key=sympy.default_sort_key)):
            stem = "t" if isinstance(f, sympy.tanh) else "w"
            same = [g for g in functions if type(g) is type(f)]
            self.names[f] = sympy.Symbol(stem if len(same) == 1 else f"{stem}{k + 1}", real=True)
        self._exponentials()

    def _average_name(self, average):
        f = average.integrand
        base, power = f.as_base_exp()
        if isinstance(base, sympy.tanh):
            return sympy.Symbol(f"tau{power}", real=True)
        return sympy.Symbol(f"c{len(self.names) + 1}", real=True)

    def _exponentials(self):
        """Powers of one exponential are powers of its name."""
        exps = sorted((f for f in self.names if isinstance(f, sympy.exp)), key=lambda f: width(latex(f)))
        for base in exps[:1]:
            w = sympy.Symbol("w", real=True)
            for f in exps:
                ratio = sympy.cancel(f.args[0] / base.args[0])
                if ratio.is_Integer:
                    self.names[f] = w**ratio

    @property
    def introduction(self):
        """', with ...' naming the abbreviations."""
        named = {n: f for f, n in self.names.items() if n.is_Symbol}
        parts = [rf"${latex(n)} = {latex(f)}$" for n, f in named.items()]
        return f", with {_listed(parts)}" if parts else ""

    def __call__(self, expr):
        expr = sympy.sympify(expr)
        return expr.xreplace(self.names) if self.names else expr
