"""Gaussian couplings: Gaussian one-body fields of variance c'(q) at t = 0, the couplings at t = 1."""

from functools import cached_property

import sympy
from sympy import Derivative, S, Tuple

from ...derivation import Step
from ...ensemble import Abbreviation
from ...symbols import N, T, beta
from ..common import row
from .claims import Identity
from .quantities import CouplingCovariance, GlassMean, GlassPressure, SiteSquare
from .samples import GlassSamples
from .scheme import GUERRA, Scheme
from .signs import convexity, energy_sign


class GlassScheme(GlassSamples, Scheme):
    """The interpolation of a model with Gaussian couplings of covariance N c(q)."""

    small = ({N: 2}, {N: 3})
    draws, precise = 3, True
    assumption = "overlap and order parameters do not fluctuate, for almost every t"

    @cached_property
    def c(self):
        """c(q12)."""
        total = sum((g.covariance for g in self.model.couplings), S.Zero)
        return sympy.expand(total).xreplace({self.q: self.q12})

    def c_at(self, x, order=0):
        """The derivative of c of this order at x."""
        return (self.c.diff(self.q12, order) if order else self.c).xreplace({self.q12: sympy.sympify(x)})

    @property
    def variance(self):
        """V = c'(qbar)."""
        return self.c_at(self.qbar, 1)

    @property
    def final_symbols(self):
        """What the trial values become."""
        return (self.q, *self.setting.phi)

    def energy_scale(self, values):
        """sqrt c'(1) at these parameter values, the scale of temperatures; 1 where the couplings vanish there."""
        slope = float(self.c_at(1, 1).xreplace({k: sympy.Float(v) for k, v in values.items()}))
        return slope**0.5 if slope > 1e-3 else 1.0

    def at(self, t):
        """A(t)."""
        t = sympy.sympify(t)
        return GlassPressure((self.c, t, (1 - t) * self.variance), self.collective(t), self.setting.one_body, *self._bound)

    @property
    def _bound(self):
        _, variables, disorder = self.setting.bound
        return Tuple(*self.setting.phi, self.q12), variables, disorder

    def mean(self, observable):
        """E <observable> at t."""
        return GlassMean(observable, *self.at(self.t).measure)

    @property
    def full(self):
        """A(1), the model's pressure."""
        return GlassPressure((self.c, S.One, S.Zero), -beta * self.setting.energy, self.setting.one_body, *self._bound)

    @property
    def start(self):
        """A(0) as a one-site trace."""
        return self.site_trace(self.variance)

    @property
    def remainder(self):
        """R = c(q12) - c(qbar) - c'(qbar)(q12 - qbar)."""
        x = sympy.Dummy("x", real=True)
        exact = self.c - self.c_at(self.qbar) - self.variance * (self.q12 - self.qbar)
        return sympy.factor(sympy.expand(exact.xreplace({self.q12: self.qbar + x}))).xreplace({x: self.q12 - self.qbar})

    @property
    def constant(self):
        """dA/dt without its remainder."""
        glass = self.c_at(1) - self.c_at(self.qbar) - self.variance * (1 - self.qbar)
        return beta**2 / 2 * sympy.factor(glass) - beta * self.signal_constant

    @property
    def fluctuation(self):
        """The remainder of dA/dt."""
        return -beta**2 / 2 * self.mean(self.remainder) + beta * self.mean(self.signal_remainder)

    @cached_property
    def free_energy(self):
        """f = -T A(1) without the remainder."""
        glass = self.c_at(1) - self.c_at(self.qbar) - self.variance * (1 - self.qbar)
        return self.signal_constant - sympy.factor(glass) / (2 * T) - self.pressure(self.psi, self.variance)

    final_free_energy = property(lambda self: self.free_energy)

    @property
    def overlap_slopes(self):
        """{qbar: df/dqbar}."""
        return {self.qbar: self.c_at(self.qbar, 2) / (2 * T) * (self.squared(self.psi, self.variance) - self.qbar)}

    @cached_property
    def closing(self):
        """{q: E<s>^2, phi: <g>} as self-consistency leaves them."""
        fields = self.psi
        right = (self.squared(fields, self.variance), *self.means(fields, self.variance))
        return dict(zip(self.final_symbols, map(self.back, right)))

    @property
    def direct(self):
        """The right sides of `closing` as averages of one site, not carried out."""
        right = (self.site_average(self.variable, self.psi, self.variance, SiteSquare),
                 *(self.site_average(g, self.psi, self.variance) for g in self.setting.functions))
        return dict(zip(self.final_symbols, map(self.back, right)))

    @cached_property
    def convex(self):
        """Where c is convex (`convexity`)."""
        return convexity(self.c, self.q12, self.model)

    @cached_property
    def kept(self):
        """What a bound keeps of the remainder of dA/dt: that of the signal energy, unless it has the couplings' sign."""
        return S.Zero if energy_sign(self.setting) <= 0 else beta * self.mean(self.signal_remainder)

    @property
    def bound_text(self):
        """What the bound says."""
        text = ("For all trial values the trial pressure bounds the true one from above; the best bound is its infimum over "
                "$\\bar q$. With replica symmetry broken it may be improved.")
        if self.kept == 0:
            return text
        return (text + " The remainder of the signal energy is kept: it has another sign or none, and vanishes where order "
                       "parameters "
                "do not fluctuate.")

    @property
    def sign_text(self):
        """What the sign of the remainder means."""
        glass = {"everywhere": "Here $c$ is convex on $[-1, 1]$, so that $R \\geq 0$",
                 "default": "Here $c$ is convex on $[-1, 1]$ at the default parameters, so that $R \\geq 0$ there; with other "
                            "weights of odd powers $R \\geq 0$ needs the positivity of the overlap, an assumption at finite $N$",
                 "positive": "Here $c$ is convex for positive overlaps only: $R \\geq 0$ needs the positivity of the overlap, "
                             "which is an assumption at finite $N$",
                 "nowhere": "Here $c$ is not convex: $R$ has no definite sign"}[self.convex]
        end = ", and dropping it gives an upper bound to the pressure." if self.bounded else ", and no bound is claimed."
        return glass + end

    @property
    def bounded(self):
        """Whether c is convex, at the default parameters at least."""
        return self.convex in ("everywhere", "default")

    one_body_text = ("At $t = 0$ the couplings are gone and each site has its own Gaussian field $\\sqrt{V}\\,z$, $z$ standard "
                     "Gaussian; the equality is exact at every $N$.")
    assumption_text = ("The overlap of two replicas in the same couplings and the order parameters do not fluctuate as "
                       "$N\\to\\infty$, $q_{12}\\to\\bar q$; then the remainder vanishes. This is replica symmetry. It is "
                       "assumed, not proved: it fails where the replicon is negative, and where several phases coexist it "
                       "selects one of them.")
    extremum_text = ("$\\partial P/\\partial V = \\frac{\\beta}{2}(1 - \\mathbb{E}\\langle s\\rangle^2)$ by Gaussian "
                     "integration by parts, so that the slope in $\\bar q$ is $\\frac{\\beta}{2}c''(\\bar "
                     "q)(\\mathbb{E}\\langle s\\rangle^2 - \\bar q)$; where $c''$ or the curvature of $e$ vanishes the "
                     "self-consistency equations are the ones to solve.")
    self_consistency_text = ("Stationarity in the trial values: the overlap is the mean square magnetisation of a site in the "
                             "signal's field and a Gaussian field of variance $c'(q)$. Several solutions may exist: they are "
                             "the candidate phases.")

    def steps(self):
        """The steps in order."""
        bound = [self.bound_step()] if self.bounded else []
        return [self.covariance_step(), self.definition_step(), self.one_body_step(), self.trace_step(), self.streaming_step(),
                self.remainder_step(), self.sum_rule_step(), *bound, self.assumption_step(), self.limit_step(),
                self.extremum_step(), self.mean_step(), self.self_consistency_step(), self.thermodynamic_step(), self.last_step()]

    def covariance_step(self):
        """The couplings enter through their covariance."""
        return Step(
            title="Gaussian couplings by their covariance",
            rule="Gaussian variables are fixed by mean and covariance",
            justification=("$H_J = \\sum_p \\sqrt{c_p N^{1-p}}\\sum_{i_1\\ldots i_p} J_{i_1\\ldots i_p} s_{i_1}\\cdots s_{i_p}$ "
                           "with independent standard Gaussian $J$ has mean zero, and its covariance between two configurations "
                           "is $N c(q_{12})$, "
                           f"$q_{{12}} = \\frac1N\\sum_i s_i s_i'$, $c = {sympy.latex(self.c)}$. Terms with coinciding indices "
                           f"are kept; they do not "
                           "contribute to the pressure as $N\\to\\infty$. Other entries of the same variance give the same "
                           "limit."),
            reference=self.model.reference or GUERRA,
            before=CouplingCovariance(self.c, self.q12),
            after=N * self.c,
            claim=Identity(self.small, pair=self.q12),
        )

    def definition_step(self):
        """A(t) and its end at t = 1."""
        return Step(
            title="The interpolating pressure",
            rule="definition",
            justification=("Interpolate between the model, at $t = 1$, and independent sites, at $t = 0$, in Gaussian fields of "
                           "variance "
                           f"$V = c'(\\bar q) = {sympy.latex(self.variance)}$ in place of the couplings"
                           + self._signal_text + ". The couplings "
                           "carry $\\sqrt t$ and the fields $\\sqrt{1-t}$: their variances add up."),
            reference=GUERRA,
            before=row(self.named, Abbreviation("A(1)", self.at(S.One))),
            after=row(self.at(self.t), self.full),
            claim=Identity(self.small[:1]),
        )

    @property
    def _signal_text(self):
        if self.setting.energy == 0:
            return ""
        return (" and in the fields $\\psi_a = -\\partial e/\\partial\\phi_a(\\bar\\phi)$ in place of the energy $e(\\phi)$, "
                "with trial values $\\bar q$ and $\\bar\\phi$")

    def streaming_step(self):
        """dA/dt by Wick's theorem."""
        glass = self.c_at(1) - self.mean(self.c) - self.variance * (1 - self.mean(self.q12))
        signal = -beta * self.mean(self.setting.energy + self.setting.dot(self.psi))
        return Step(
            title="The streaming",
            rule="Wick's theorem (Gaussian integration by parts)",
            justification=("$\\mathbb{E}[J F(J)] = \\mathbb{E}[F'(J)]$ for a standard Gaussian $J$: the term of the couplings "
                           "becomes $\\frac{\\beta^2}{2}[c(1) - \\langle c(q_{12})\\rangle]$, that of the fields "
                           "$-\\frac{\\beta^2}{2}c'(\\bar q)[1 - \\langle q_{12}\\rangle]$, with $\\langle\\cdot\\rangle$ over "
                           "two replicas in the same couplings and fields at the intermediate $t$."),
            reference=GUERRA,
            before=Derivative(self.named, self.t),
            after=beta**2 / 2 * glass + signal,
            claim=Identity(self.small, 1e-6),
        )

    def remainder_step(self):
        """The streaming as a constant plus a fluctuation."""
        glass = self.c_at(1) - self.mean(self.c) - self.variance * (1 - self.mean(self.q12))
        return Step(
            title="Fluctuations set apart",
            rule="Taylor expansion about the trial values, with its exact remainder",
            justification=("Write $c(q_{12}) = c(\\bar q) + c'(\\bar q)(q_{12} - \\bar q) + R$: with fields of variance "
                           "$c'(\\bar q)$ the linear terms cancel, and the streaming is a constant that does not depend on $t$ "
                           "plus the average of the remainder, of second order in the fluctuations."
                           + ("" if self.setting.energy == 0 else " The signal energy is expanded alike.")),
            reference=GUERRA,
            before=beta**2 / 2 * glass - beta * self.mean(self.setting.energy + self.setting.dot(self.psi)),
            after=self.constant + self.fluctuation,
            claim=Identity(self.small),
        )
