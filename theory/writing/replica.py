"""What a document says of a model with quenched couplings and of its replica theory."""

from dataclasses import replace

import sympy

from ..averages import GaussianAverage
from ..couplings import STABILITY
from ..errors import InputError
from ..replica.finite_n import _Node
from ..replica.nested import _Hierarchy
from ..sites import Layers
from ..symbols import T, beta
from .formulas import latex, symbol_latex

GLASS = "M. Mézard, G. Parisi and M. A. Virasoro, Spin Glass Theory and Beyond (World Scientific, 1987)"


def site_text(site):
    """One site's degrees of freedom, or those of every layer."""
    if isinstance(site, Layers):
        parts = [f"{latex_in(weight)} $N$ sites, each with {one_site(layer)}" for layer, weight in site.layers]
        return f"There are {len(parts)} layers: " + "; ".join(parts)
    return f"Each of $N$ sites carries {one_site(site)}"


def latex_in(expr):
    """Inline LaTeX; nothing for one."""
    return "" if expr == 1 else f"${latex(expr)}$ times"


def one_site(site):
    """A site in words."""
    if site.kind == "auxiliary":
        return (f"{one_site(site.finite)} and a real auxiliary variable ${latex(site.auxiliary)}$, integrated along the direction in which "
                "its Gaussian converges")
    names = ", ".join(f"${latex(v)}$" for v in site.variables)
    if site.kind == "spherical":
        return f"a real variable {names}, with the constraint $\\sum_i {latex(site.variable)}_i^2 = N$ and a uniform measure on the sphere"
    if site.kind == "gaussian":
        return f"a real variable {names} with a Gaussian a-priori measure"
    values = [latex(v) for (v,) in site.states] if len(site.variables) == 1 else []
    shown = ", ".join(values) if len(values) <= 6 else f"{values[0]}, {values[1]}, \\ldots, {values[-1]}"
    return f"{names} with " + (f"the values ${shown}$" if values else f"{len(site.states)} joint states")


def coupling_text(coupling):
    """The random part of the Hamiltonian in a sentence."""
    kind = type(coupling).__name__
    load = latex(coupling.load) if hasattr(coupling, "load") else ""
    if kind == "GaussianCouplings":
        names = ", ".join(f"${latex(q)}$" for q in coupling.overlaps) or "$q$"
        return (f"The couplings are Gaussian: $\\mathbb{{E}}[H(s)H(s')] = N c$ with $c = {latex(coupling.covariance)}$, {names} the overlap"
                f"{'s' if len(coupling.overlaps) > 1 else ''} of the two configurations.")
    if kind == "HebbianLoad":
        scale = "" if coupling.scale == 1 else f", times ${latex(coupling.scale)}$"
        return (f"Besides, ${load} N$ random patterns are stored by Hebb's rule, "
                f"$-\\frac{{1}}{{2N}}\\sum_\\mu\\left(\\sum_i\\xi_i^\\mu s_i\\right)^2${scale}, with the terms $i = j$ kept.")
    if kind == "BipartiteLoad":
        return (f"Besides, ${load}\\sqrt{{N_1N_2}}$ pairs of random patterns are stored between the layers, "
                "$-\\frac{1}{\\sqrt{N_1N_2}}\\sum_\\mu\\sum_{ij}\\xi_i^\\mu\\eta_j^\\mu\\,s_i\\tau_j$.")
    if kind == "DenseLoad":
        full = "coinciding indices kept" if coupling.full_power else "distinct indices"
        return (f"Besides, ${load} N^{{{int(coupling.p) - 1}}}$ random patterns are stored by {coupling.p}-body couplings, {full}; their crosstalk has "
                f"the covariance $N c$, $c = {latex(coupling.covariance)}$.")
    if kind == "PatternConstraints":
        gate = latex(coupling.gate.replace(sympy.Heaviside, lambda x, *_: sympy.Function("theta")(x)))
        teacher = (" The patterns carry the labels that a teacher with weights of the same kind gives them; $u$ is counted along the label."
                   if coupling.teacher else "")
        return (f"Each of ${load} N$ random patterns weighs a configuration by $\\Phi(u) = {gate}$, "
                f"${latex(STABILITY)} = \\frac{{1}}{{\\sqrt N}}\\sum_i w_i\\xi_i$.{teacher}")
    return f"The random part of the Hamiltonian acts on the overlaps by {kind}."


def readable(expr, theory):
    """An expression with beta for 1/T outside fields, and the fields' variances V where there is one level."""
    names = {}
    for o in theory.overlaps:
        single = len(theory.overlaps) == 1
        stem = "" if single else f"_{o.symbol}"
        for i, v in enumerate(theory.variance_symbols(o)):
            names[v] = sympy.Symbol(f"V{stem}" if not theory.steps else f"v{i}" if single else f"v{stem}{i}", real=True)
        if single:
            names[theory.layers[o.layer].diagonal] = sympy.Symbol("a", real=True)
    return with_beta(expr.xreplace(names)) if isinstance(expr, sympy.Basic) else expr


def shown(step, theory):
    """A step with its formulas as they are read."""
    side = lambda s: s if s is None else sympy.Tuple(*(readable(e, theory) for e in s)) if isinstance(s, sympy.Tuple) else readable(s, theory)
    return replace(step, before=side(step.before), after=side(step.after))


def with_beta(expr):
    """1/T as beta, outside the arguments of fields."""
    if isinstance(expr, sympy.Pow) and expr.base == T and expr.exp.is_Integer and expr.exp < 0:
        return beta ** (-expr.exp)
    if isinstance(expr, GaussianAverage):
        outside, inside = expr.integrand.as_independent(expr.variable, as_Add=False)
        return with_beta(outside) * expr.func(inside, *expr.args[1:]) if outside != 1 else expr
    if isinstance(expr, sympy.Mul) and expr.has(1 / T) and any(f.is_Add and f.has(sympy.Function, GaussianAverage) for f in expr.args):
        return sympy.Mul(*map(with_beta, expr.args))
    if not expr.args or isinstance(expr, (_Hierarchy, _Node, sympy.Derivative)) or (isinstance(expr, sympy.Function) and not isinstance(expr, sympy.log)):
        return expr
    return expr.func(*map(with_beta, expr.args))


def results(theory, blocks):
    """Free energy, equations and replicon; `blocks` are (Heading, Prose, Formula)."""
    Heading, Prose, Formula = blocks
    yield Heading("The theory")
    yield Prose(f"Under {theory.ansatz.title} the free energy per site is")
    show = lambda expr: readable(expr, theory)
    yield Formula((("f", "=", ordered(show(theory.free_energy))),))
    yield Prose("stationary in all its arguments, with" + field_text(theory))
    yield Formula(tuple((show(a), "=", show(rhs)) for a, rhs in theory.equations.items()))
    if theory.replicon is not None:
        yield Prose("The ansatz is locally stable where the replicon")
        yield Formula(((r"\lambda", "=", show(theory.replicon)),))
        yield Prose("is positive.")


def field_text(theory):
    """How means are to be read where levels are nested."""
    if theory.steps < 1:
        return ""
    if theory.steps == 1:
        return " ($\\langle\\Phi_1\\rangle$ is the average, over the fields with the weight of the cluster, of the exponent's logarithm over $\\beta$)"
    k = theory.steps
    return (f" the field $h$ at a site, the sum of its mean and of the {k + 1} Gaussian fields of the levels, averages $\\langle\\cdot\\rangle$ over "
            f"them with the weights of the clusters, and $\\langle\\cdot\\rangle_i$ those over the levels beyond $i$")


def ordered(expr):
    """A free energy with its energies first."""
    from .formulas import Ordered

    terms = sympy.Add.make_args(expr)
    rank = lambda t: (_is_average(t), t.has(sympy.log), sympy.default_sort_key(t))
    return Ordered(*sorted(terms, key=rank)) if len(terms) > 1 else expr


def _is_average(term):
    return any(type(n).__name__ in ("GaussianAverage", "Nested") for n in sympy.preorder_traversal(term))


def zero_temperature(theory, blocks, plain):
    """The limit T -> 0."""
    Heading, Prose, Formula = blocks
    if not theory.model.has_temperature:
        return
    yield Heading("Zero temperature")
    try:
        limit = theory.zero_temperature()
        free_energy, equations = limit.free_energy, limit.equations
    except InputError as refusal:
        yield Prose(f"The limit is not taken: {plain(refusal)}.")
        return
    for rule in limit.rules:
        yield Formula(((rule.statement, "", None),))
        yield Prose(rule.justification)
    yield Prose("Hence, at $T = 0$, with $" + ", ".join(f"{symbol_latex(str(o.C))} = \\beta({latex(theory.display.diagonal(o))} - "
                                                      f"{latex(o.names[-1])})" for o in theory.overlaps) + "$"
                + (" and $D = \\beta x$" if theory.steps else "") + ",")
    yield Formula((("f", "=", ordered(free_energy)), *((a, "=", rhs) for a, rhs in equations.items())))
