"""What the interpolations with quenched couplings share: one site in a Gaussian field, and the steps that end them."""

from dataclasses import replace
from functools import cached_property

import sympy
from sympy import Derivative, Integral, S

from ...averages import average
from ...checks import Assumption
from ...derivation import Derivation, Step
from ...disorder import Normal
from ...ensemble import Abbreviation, Quenched, SiteMean, SiteTrace
from ...replica import KStepRSB, ReplicaTheory
from ...symbols import T, beta
from ..common import LIMIT, SELF_CONSISTENCY, Setting, renamed, row, time, trials, unused
from .claims import Identity, ReplicaSymmetricLimit, SelfConsistent, SignedBound, replica_symmetry
from .quantities import SiteSquare

GUERRA = "F. Guerra, Commun. Math. Phys. 233, 1 (2003)"
MEZARD = "M. Mézard, G. Parisi and M. A. Virasoro, Spin Glass Theory and Beyond (World Scientific, 1987)"


class Scheme:
    """The expressions of an interpolation: trial values, one site in fields and in a Gaussian field of variance V."""

    reference = GUERRA

    def __init__(self, model):
        self.model, self.setting, self.t = model, Setting(model), time(model)
        (self.q, self.variable), = model.overlaps.items()
        self.qbar, self.q12 = unused(model, f"{self.q}bar"), unused(model, f"{self.q}_12")
        self.z = unused(model, "z")
        self.order = trials(model)
        self.psi = tuple(self.setting.trial(h) for h in self.setting.field_values)
        self.energy = self.setting.trial(self.setting.energy)

    # What each interpolation says for itself: V(trial), the constant of the streaming and the remainder.

    @property
    def trial_symbols(self):
        """Trial values of overlaps, then of order parameters."""
        return (self.qbar, *self.order)

    @property
    def overlap_symbols(self):
        """Symbols that random points need besides order parameters."""
        return (self.qbar, self.q, self.q12)

    @property
    def signal_constant(self):
        """e(M) + psi.M."""
        return sympy.expand(self.energy + sum((h * a for h, a in zip(self.psi, self.order)), S.Zero))

    @property
    def signal_remainder(self):
        """e(M) + (phi - M).grad e(M) - e(phi), of second order in phi - M."""
        if self.setting.energy == 0:
            return S.Zero
        shifts = {a: sympy.Dummy(str(a), real=True) for a in self.setting.phi}
        exact = self.energy - sum(h * (a - M) for h, a, M in zip(self.psi, self.setting.phi, self.order)) - self.setting.energy
        if not self.setting.energy.is_polynomial(*self.setting.phi):
            return exact
        moved = dict(zip(self.setting.phi, (M + x for M, x in zip(self.order, shifts.values()))))
        return sympy.expand(exact.xreplace(moved)).xreplace({x: a - M for (a, x), M in zip(shifts.items(), self.order)})

    def collective(self, t):
        """beta [-t e(phi) + (1 - t) psi.phi]."""
        return -t * beta * self.setting.energy + (1 - t) * beta * self.setting.dot(self.psi)

    def exponent(self, fields, kick=S.Zero):
        """(h.g - v + kick)/T."""
        return sympy.expand((self.setting.work(fields) - self.model.site_energy + kick) / T)

    def site_trace(self, variance):
        """E log Tr_s exp[(psi.g - v + sqrt(V) z s)/T], not carried out."""
        kick = sympy.sqrt(variance) * self.z * self.variable
        return Quenched(SiteTrace(self.exponent(self.psi, kick), self.model.site.variables), (*self.model.disorder, self.z))

    def site_average(self, observable, fields, variance, kind=SiteMean):
        """E <observable> on one site, or E <observable>^2 with the kind SiteSquare, not carried out."""
        inner = kind(observable, self.exponent(fields, sympy.sqrt(variance) * self.z * self.variable), self.model.site.variables)
        return Quenched(inner, (*self.model.disorder, self.z))

    def _averaged(self, expr, variance):
        return average(expr, {**self.model.disorder, self.z: Normal(S.Zero, variance)})

    def _log_trace(self, fields, extra=S.Zero):
        return self.model.site.log_trace(self.exponent(fields, (self.z + extra) * self.variable))

    def pressure(self, fields, variance):
        """P(h, V) = T E log Tr_s exp[(h.g - v + z s)/T], z of variance V."""
        return self._averaged(T * self._log_trace(fields), variance)

    def means(self, fields, variance):
        """(dP/dh_a, ...)."""
        symbols = self.setting.fields
        P = self.pressure(symbols, variance)
        return tuple(P.diff(h).expand(deep=False).xreplace(dict(zip(symbols, fields))) for h in symbols)

    def squared(self, fields, variance):
        """E <s>^2."""
        kick = sympy.Dummy("kick", real=True)
        slope = (T * self._log_trace(fields, kick)).diff(kick).expand(deep=False).xreplace({kick: S.Zero})
        return self._averaged(sympy.expand(slope) ** 2, variance)

    @cached_property
    def named(self):
        """A(t) by its name."""
        return Abbreviation(f"A({sympy.latex(self.t)})", self.at(self.t))

    def one_body_step(self):
        """A(0) factorises."""
        return Step(
            title="The one-body term",
            rule="independent sites: the trace factorises",
            justification=self.one_body_text,
            reference=self.reference,
            before=Abbreviation("A(0)", self.at(S.Zero)),
            after=self.start,
            claim=Identity(self.small),
        )

    def trace_step(self):
        """The one-site trace carried out."""
        return Step(
            title="The trace over one site",
            rule="sum over the states of one site, then Gaussian averages",
            justification=("One site in the fields $\\psi$ and a Gaussian field of variance $V$ is solved exactly; with the "
                           "factor $T$ this is the pressure $P(\\psi, V)$ of independent sites. Gaussian fields add up to one."),
            reference=self.reference,
            before=T * self.site_trace(self.variance),
            after=self.pressure(self.psi, self.variance),
            claim=Identity(()),
        )

    def sum_rule_step(self):
        """A(1) = A(0) + int dA/dt, exactly."""
        return Step(
            title="Sum rule",
            rule="fundamental theorem of calculus",
            justification=("$A(1) = A(0) + \\int_0^1 \\frac{dA}{dt}\\,dt$, exact at every $N$ and for all trial values. "
                           + self.sign_text),
            reference=self.reference,
            before=self.full,
            after=self.start + self.constant + Integral(self.fluctuation, (self.t, 0, 1)),
            claim=Identity(self.small[:1], 1e-6),
        )

    def bound_step(self):
        """The bound that a sign of the remainder gives."""
        return Step(
            title="Bound at every N",
            rule="the remainder has a sign",
            justification=self.bound_text,
            reference=self.reference,
            before=self.full,
            after=self.start + self.constant + self.integrated(self.kept),
            relation=r"\leq",
            claim=SignedBound(-1, self.small[:1], self.integrated(self.fluctuation - self.kept)),
        )

    def integrated(self, expr):
        """int_0^1 expr dt."""
        return Integral(expr, (self.t, 0, 1)) if expr != 0 else S.Zero

    def assumption_step(self):
        """Replica symmetry: overlaps do not fluctuate."""
        return Step(
            title="Replica symmetry",
            rule="hypothesis",
            justification=self.assumption_text,
            reference=self.reference,
            before=self.fluctuation,
            after=S.Zero,
            relation=LIMIT,
            claim=Assumption(self.assumption, replica_symmetry),
        )

    def limit_step(self):
        """The pressure without the remainder."""
        return Step(
            title="Integration over t",
            rule="the integrand is constant without its remainder",
            justification=("With the remainder dropped $A(1) = A(0) + \\frac{dA}{dt}$; the trial values are those that make it "
                           "stationary. $f = -T A(1)$ is the trial free energy."),
            reference=self.reference,
            before=self.start + self.constant,
            after=-self.free_energy / T,
            claim=Identity(()),
        )

    def extremum_step(self):
        """Stationarity in the trial values."""
        f = Abbreviation("f", self.free_energy)
        # A linear energy leaves f independent of the trial value of its order parameter.
        used = [i for i in self.setting.coupled if any(self.energy.diff(self.order[i], b) != 0 for b in self.order)]
        gaps = [mean - a for mean, a in zip(self.means(self.psi, self.variance), self.order)]
        signal = [sum((self.energy.diff(self.order[i], b) * gap for b, gap in zip(self.order, gaps)), S.Zero) for i in used]
        slopes = self.overlap_slopes
        return Step(
            title="Stationary points",
            rule="chain rule; Gaussian integration by parts",
            justification=self.extremum_text,
            reference=self.reference,
            before=row(*(Derivative(f, x) for x in slopes), *(Derivative(f, self.order[i]) for i in used)),
            after=row(*slopes.values(), *signal),
            claim=Identity((), 1e-7),
        )

    def self_consistency_step(self):
        """q = E<s>^2, phi_a = <g_a>."""
        return Step(
            title=SELF_CONSISTENCY,
            rule="the fields of each site are made by the others",
            justification=self.self_consistency_text,
            reference=self.model.reference or self.reference,
            before=row(*self.closing),
            after=row(*self.closing.values()),
            claim=SelfConsistent(),
        )

    def back(self, expr):
        """Trial values under the names of what they are equal to."""
        return expr.xreplace(dict(zip(self.trial_symbols, self.final_symbols)))

    def thermodynamic_step(self):
        """The pressure as N grows, where replica symmetry holds."""
        return Step(
            title="Thermodynamic limit",
            rule="sum rule without its remainder, at the stationary trial values",
            justification=("Where replica symmetry holds the pressure tends to $-f/T$ at a solution of the self-consistency "
                           "equations; seen in disorder samples of small systems at a high temperature."),
            reference=self.reference,
            before=self.full,
            after=self.back(-self.free_energy / T),
            relation=LIMIT,
            claim=ReplicaSymmetricLimit(),
        )

    def mean_step(self):
        """The averages of one site."""
        fields, V = self.setting.fields, self.variance
        functions = self.setting.functions
        return Step(
            title="Averages of one site",
            rule="differentiation under the trace",
            justification=("The derivative of the site's pressure in $h_a$ is the average of $g_a$; the square of the site's "
                           "magnetisation is averaged over the Gaussian field."),
            reference=self.reference,
            before=row(self.site_average(self.variable, fields, V, SiteSquare),
                       *(self.site_average(g, fields, V) for g in functions)),
            after=row(self.squared(fields, V), *self.means(fields, V)),
            claim=Identity(()),
        )

    def last_step(self):
        """The free energy is the replica-symmetric one."""
        theory = ReplicaTheory(self.model, KStepRSB(0))
        return Step(
            title="The replica-symmetric theory",
            rule="comparison with the replica method",
            justification=("The free energy that the interpolation leaves, and that of the replica method with all replicas "
                           "alike: the assumption on the remainder is replica symmetry."),
            reference=MEZARD,
            before=Abbreviation(r"f_{\text{interpolation}}", self.back(self.final_free_energy)),
            after=replica_free_energy(theory),
            claim=Identity(()),
        )

    def derivation(self):
        """The derivation, its formulas with the interpolation parameter under the name it has."""
        steps = [replace(s, justification=renamed(s.justification, self.t)) for s in self.steps()]
        return Derivation(self.model, "interpolation", "rs", tuple(steps), ReplicaTheory(self.model, KStepRSB(0)))


def replica_free_energy(theory):
    """f of a replica-symmetric theory in its overlap and order parameters, what is conjugate to the overlap eliminated."""
    kept = {*theory.model.overlaps, *theory.order_parameters}
    return theory.free_energy.xreplace({x: rhs for x, rhs in theory.equations.items() if x not in kept})
