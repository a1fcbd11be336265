"""What the routes share: a model's expressions, and the steps that begin and end every route."""

import re
from dataclasses import dataclass, replace
from functools import cached_property

import sympy
from sympy import Derivative, S, Tuple

from ..averages import average
from ..checks import Agreement, AtEquilibrium, Equal, SameSum
from ..derivation import Derivation, Step
from ..ensemble import Abbreviation, Covariance, GibbsMean, Hamiltonian, LogPartition, Quenched, SiteMean, SiteTrace
from ..mean_field import MeanFieldTheory, fields_of, theory_of
from ..symbols import T, beta, symbol

SELF_CONSISTENCY = "Self-consistency"
LIMIT = r"\xrightarrow[N\to\infty]{}"
ELLIS = "R. S. Ellis, Entropy, Large Deviations and Statistical Mechanics (Springer, 1985)"
HUANG = "K. Huang, Statistical Mechanics, 2nd ed. (Wiley, 1987)"


@dataclass(frozen=True)
class Setting:
    """The expressions of a model that a route manipulates."""

    model: object

    @cached_property
    def phi(self):
        """Order-parameter symbols."""
        return tuple(self.model.order_parameters)

    @cached_property
    def functions(self):
        """One-site functions g_a."""
        return tuple(self.model.order_parameters.values())

    @cached_property
    def coupled(self):
        """Indices of the order parameters that the energy uses."""
        return tuple(i for i, a in enumerate(self.phi) if a not in self.model.observables)

    @property
    def fields(self):
        """Field symbols h_a."""
        return fields_of(self.model)

    @property
    def energy(self):
        """e(phi)."""
        return self.model.energy

    @property
    def one_body(self):
        """-beta v(s, xi), the exponent of the one-body terms."""
        return -beta * self.model.site_energy

    @cached_property
    def field_values(self):
        """-de/dphi_a."""
        return tuple(-self.energy.diff(a) for a in self.phi)

    @cached_property
    def bound(self):
        """What is bound in an ensemble: order parameters, site variables, disorder."""
        return Tuple(*self.phi), Tuple(*self.model.site.variables), Tuple(*self.model.disorder)

    @property
    def is_quantum(self):
        """Whether the site's variables do not commute."""
        return self.model.site.kind == "quantum"

    def work(self, fields):
        """sum_a h_a g_a(s, xi)."""
        return sum((h * g for h, g in zip(fields, self.functions)), S.Zero)

    def dot(self, fields):
        """sum_a h_a phi_a."""
        return sum((h * a for h, a in zip(fields, self.phi)), S.Zero)

    def log_partition(self, collective):
        """(1/N) E log Tr exp[N collective(phi) - beta sum_i v]."""
        return LogPartition(sympy.expand(collective), self.one_body, *self.bound)

    def mean(self, observable, collective):
        """E <observable> in the measure exp[N collective(phi) - beta sum_i v]."""
        return GibbsMean(observable, sympy.expand(collective), self.one_body, *self.bound)

    def covariance(self, first, second, collective):
        """E [<first second> - <first><second>] in the measure exp[N collective(phi) - beta sum_i v]."""
        return Covariance(first, second, sympy.expand(collective), self.one_body, *self.bound)

    def exponent(self, fields):
        """(h.g - v)/T for fields h."""
        return sympy.expand((self.work(fields) - self.model.site_energy) / T)

    def site_trace(self, fields):
        """E log Tr_s exp[(h.g - v)/T], not carried out."""
        return Quenched(SiteTrace(self.exponent(fields), self.model.site.variables), tuple(self.model.disorder))

    def site_mean(self, observable, fields):
        """E <observable>_s with weight exp[(h.g - v)/T], not carried out."""
        inner = SiteMean(observable, self.exponent(fields), self.model.site.variables)
        return Quenched(inner, tuple(self.model.disorder))

    def traced(self, fields):
        """T E log Tr_s exp[(h.g - v)/T], the trace carried out and the disorder average formed."""
        return average(T * self.model.site.log_trace(self.exponent(fields)), self.model.disorder)

    @cached_property
    def pressure(self):
        """P(h), the pressure of independent sites in the fields h."""
        return self.traced(self.fields)

    @cached_property
    def means(self):
        """dP/dh_a."""
        return tuple(self.pressure.diff(h).expand(deep=False) for h in self.fields)

    def trial(self, expr):
        """`expr` with the order parameters replaced by their trial values."""
        return expr.xreplace(dict(zip(self.phi, trials(self.model))))


def time(model):
    """The symbol of the interpolation parameter, t unless the model uses that name."""
    return unused(model, "t", "tau")


def trials(model):
    """Symbols of trial values of the order parameters: m1 -> mbar1."""
    return tuple(unused(model, _marked(str(a), "bar")) for a in model.order_parameters)


def sources(model):
    """Symbols x_a of the space in which the Hamilton-Jacobi equation lives."""
    return tuple(unused(model, f"x_{a}") for a in model.order_parameters)


def origins(model):
    """Symbols of the points at t = 0 from which characteristics start."""
    return tuple(unused(model, f"x0_{a}") for a in model.order_parameters)


def unused(model, *names):
    """The symbol of the first of these names that the model leaves free, primed if it leaves none."""
    taken = {str(x) for x in (*model.site.variables, *model.disorder, *model.order_parameters, *model.parameters)}
    return symbol(next((name for name in names if name not in taken), f"{names[-1]}'"))


def _marked(name, mark):
    stem, rest = re.match(r"([A-Za-z]*)(.*)", name).groups()
    return f"{stem}{mark}{rest}"


def row(*entries):
    """One expression, or a Tuple of several."""
    return entries[0] if len(entries) == 1 else Tuple(*entries)


def hamiltonian_step(setting):
    """Z of the model, its configurations grouped by the order parameters."""
    e = setting.energy
    return Step(
        title="The Hamiltonian depends on the order parameters",
        rule="definition of the order parameters",
        justification=_hamiltonian_text(setting),
        reference=setting.model.reference,
        before=Hamiltonian(beta, tuple(setting.model.disorder)),
        after=setting.log_partition(-beta * e),
        claim=SameSum(),
    )


def _hamiltonian_text(setting):
    names = ", ".join(f"${sympy.latex(a)} = \\frac1N\\sum_i {_at_site(setting, g)}$"
                      for a, g in setting.model.order_parameters.items())
    text = (f"With the empirical means {names} the Hamiltonian is $H_N = N e + \\sum_i v_i$, "
            f"$e = {sympy.latex(setting.energy)}$")
    if setting.model.site_energy != 0:
        text += f", $v_i = {_at_site(setting, setting.model.site_energy)}$"
    text += (". The terms $i = j$ of the double sums are kept: without them a quadratic energy changes by a constant "
             "of order 1, which vanishes per site.")
    if setting.model.disorder:
        text += " The disorder is quenched: the logarithm is averaged, not the partition function."
    if setting.is_quantum:
        text += " The order parameters are operators; each function of them is a function of one operator."
    if setting.model.site.kind == "sphere":
        text += " The symbol stands for the length of the mean vector, and for its component along a field."
    return text


def _at_site(setting, g):
    names = {x: sympy.Symbol(rf"{sympy.latex(x)}^{{(i)}}")
             for x in (*setting.model.site.variables, *setting.model.disorder)}
    return sympy.latex(g.xreplace(names))


def site_trace_step(setting, fields=None, factor=None):
    """The trace over one site and the disorder average, carried out."""
    fields = setting.fields if fields is None else fields
    return Step(
        title="The trace over one site",
        rule=_trace_rule(setting),
        justification=("One site in the fields $h_a$ is solved exactly; with the factor $T$ this is the pressure "
                       "$P(h)$ of independent sites." + _average_text(setting)),
        reference=HUANG,
        before=T * setting.site_trace(fields),
        after=setting.traced(fields),
        claim=Equal(),
    )


def _trace_rule(setting):
    return {
        "finite": "sum over the states of one site",
        "gaussian": "Gaussian integral",
        "sphere": "integral over the unit sphere (modified Bessel function)",
        "quantum": "trace of the exponential of a 2 x 2 matrix: its eigenvalues are plus and minus the modulus of the field",
    }[setting.model.site.kind]


def _average_text(setting):
    if not setting.model.disorder:
        return ""
    return (" The disorder is independent from site to site, so that the sum over sites tends to the average over "
            "one site's disorder (law of large numbers).")


def mean_step(setting):
    """The averages of one site are derivatives of its pressure."""
    return Step(
        title="Averages are derivatives of the pressure",
        rule="differentiation under the trace",
        justification=("The Boltzmann average of $g_a$ on one site in the fields $h$ is the derivative of $P$ with "
                       "respect to the conjugate field."),
        reference=HUANG,
        before=row(*(setting.site_mean(g, setting.fields) for g in setting.functions)),
        after=row(*setting.means),
        claim=Equal(),
    )


def self_consistency_step(setting, averages=None):
    """phi_a = <g_a> in the fields that the order parameters themselves make."""
    at = dict(zip(setting.fields, setting.field_values))
    averages = [mean.xreplace(at) for mean in setting.means] if averages is None else averages
    return Step(
        title=SELF_CONSISTENCY,
        rule="the field of each site is made by the others",
        justification=("Stationarity in $h_a$ gives $\\phi_a = \\partial P/\\partial h_a$, and stationarity in "
                       "$\\phi_a$ gives $h_a = -\\partial e/\\partial\\phi_a$; together they close. Several "
                       "solutions may exist: they are the candidate phases."),
        reference=setting.model.reference,
        before=row(*setting.phi),
        after=row(*averages),
        claim=AtEquilibrium(),
    )


def gradient_step(setting, free_energy, fields, order):
    """The gradient of the eliminated free energy vanishes at self-consistent points."""
    at = dict(zip(setting.fields, fields))
    gaps = [mean.xreplace(at) - a for mean, a in zip(setting.means, order)]
    energy = setting.energy.xreplace(dict(zip(setting.phi, order)))
    used = [order[i] for i in setting.coupled]
    return Step(
        title="Stationary points",
        rule="chain rule",
        justification=("The gradient is $\\sum_b \\partial_a\\partial_b e\\,(\\langle g_b\\rangle - \\phi_b)$: it vanishes "
                       "where $\\phi = \\langle g\\rangle$, and only there when the matrix $\\partial_a\\partial_b e$ is "
                       "invertible. Where it is not, the equations $\\phi = \\langle g\\rangle$ are the ones to solve."),
        reference=ELLIS,
        before=row(*(Derivative(Abbreviation("f", free_energy), a) for a in used)),
        after=row(*(sum((energy.diff(a, b) * gap for b, gap in zip(order, gaps)), S.Zero) for a in used)),
        claim=Equal(),
    )


def renamed(prose, parameter):
    """Prose whose formulas call the interpolation parameter t, with the name it has."""
    if str(parameter) == "t":
        return prose
    parts = prose.split("$")
    parts[1::2] = [re.sub(r"(?<![A-Za-z\\\\])t(?![A-Za-z])", lambda _: sympy.latex(parameter), part) for part in parts[1::2]]
    return "$".join(parts)


def finish(setting, route, steps, pressure, free_energy):
    """The derivation with its last step: the route's theory, and its agreement with the other routes."""
    theory = MeanFieldTheory(setting.model, route, pressure)
    steps = [replace(step, justification=renamed(step.justification, time(setting.model))) for step in steps]
    last = Step(
        title="The mean-field theory",
        rule="comparison of the routes",
        justification=("The free energy per site as this route leaves it, and as it follows from the direct "
                       "large-deviation formula $f = e + h\\cdot\\phi - P(h)$ at $h = -\\nabla e$. The other routes "
                       "that apply give the same free energy and the same equations."),
        reference=ELLIS,
        before=Abbreviation(rf"f_{{\text{{{route}}}}}", free_energy),
        after=theory_of(setting.model).free_energy,
        claim=Agreement(),
    )
    return Derivation(setting.model, route, None, (*steps, last), theory)
