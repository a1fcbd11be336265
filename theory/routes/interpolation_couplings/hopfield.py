"""Hopfield's model at extensive load: a bipartite system of spins and Gaussian variables, by Gaussian fields on both layers."""

from functools import cached_property

import sympy
from sympy import Derivative, S, Tuple

from ...averages import GaussianAverage
from ...checks import Assumption
from ...derivation import Step
from ...ensemble import Abbreviation
from ...symbols import N, T, beta
from ..common import LIMIT, row, unused
from .claims import Identity
from .samples import LayerSamples, binary_patterns
from .quantities import BinaryPressure, LayerMean, LayerPressure, SiteSquare
from .scheme import Scheme

BARRA = "A. Barra, G. Genovese, F. Guerra, J. Stat. Phys. 140, 784 (2010)"


class HopfieldScheme(LayerSamples, Scheme):
    """The interpolation of a model with a Hebbian load; spins and hidden variables are coupled with variance b = beta scale."""

    reference = BARRA
    draws, precise = 1, False
    assumption = "the overlaps of spins and of hidden variables and the order parameters do not fluctuate, for almost every t"

    def __init__(self, model):
        super().__init__(model)
        (coupling,) = model.couplings
        self.load = coupling.load if coupling.load.is_Symbol else unused(model, "alpha", "load")
        self.stated_load, self.b = coupling.load, beta * coupling.scale
        self.pbar, self.p, self.p12, self.p11 = (unused(model, name) for name in ("pbar", "p", "p_12", "p_11"))
        self.X = unused(model, "X")

    @property
    def small(self):
        """N and loads with a whole number of patterns."""
        return {N: 2, self.load: S.Half}, {N: 1, self.load: S(2)}

    @property
    def trial_symbols(self):
        return (self.qbar, self.pbar, *self.order)

    @property
    def final_symbols(self):
        return (self.q, self.p, *self.setting.phi)

    @property
    def overlap_symbols(self):
        return (self.qbar, self.q, self.q12, self.pbar, self.p, self.p12, self.p11, self.load, self.X)

    def energy_scale(self, values):
        """The scale of temperatures at these parameter values, above that of the couplings, at which hidden variables diverge."""
        scale = float((self.b / beta).xreplace({k: sympy.Float(v) for k, v in values.items()}))
        return 1.3 * scale if scale > 1e-3 else 1.0

    @property
    def variance(self):
        """V of the spins' field in energy units: beta^2 V = load beta scale pbar."""
        return self.load * self.b.xreplace({beta: S.One}) * T * self.pbar

    @property
    def mass(self):
        """beta scale (1 - qbar)."""
        return self.b * (1 - self.qbar)

    def at(self, t):
        """A(t)."""
        t = sympy.sympify(t)
        spin, hidden = self.load * self.b * self.pbar, self.b * self.qbar
        parts = (self.load, t * self.b, (1 - t) * spin, (1 - t) * hidden, (1 - t) * self.mass)
        return LayerPressure(parts, self.collective(t), self.setting.one_body, *self._bound)

    @property
    def _bound(self):
        _, variables, disorder = self.setting.bound
        return Tuple(*self.setting.phi, self.q12, self.p12, self.p11), variables, disorder

    def mean(self, observable):
        """E <observable> at t."""
        return LayerMean(observable, *self.at(self.t).measure)

    @property
    def full(self):
        """A(1)."""
        parts = (self.load, self.b, S.Zero, S.Zero, S.Zero)
        return LayerPressure(parts, -beta * self.setting.energy, self.setting.one_body, *self._bound)

    @property
    def hidden(self):
        """The hidden layer's one-body pressure, load [beta scale qbar/(1 - mass) - log(1 - mass)]/2."""
        return self.load / 2 * (self.b * self.qbar / (1 - self.mass) - sympy.log(1 - self.mass))

    @property
    def start(self):
        """A(0): a one-site trace and a Gaussian integral."""
        return self.site_trace(self.variance) + self.hidden

    @property
    def constant(self):
        """dA/dt without its remainder."""
        return -self.load * self.b / 2 * self.pbar * (1 - self.qbar) - beta * self.signal_constant

    @property
    def remainder(self):
        """R = (q12 - qbar)(p12 - pbar)."""
        return (self.q12 - self.qbar) * (self.p12 - self.pbar)

    @property
    def fluctuation(self):
        """The remainder of dA/dt."""
        return -self.load * self.b / 2 * self.mean(self.remainder) + beta * self.mean(self.signal_remainder)

    @cached_property
    def free_energy(self):
        """f = -T A(1) without the remainder, in qbar, pbar and M."""
        cold = {beta: 1 / T}
        rest = (self.hidden - self.load * self.b / 2 * self.pbar * (1 - self.qbar)).xreplace(cold)
        return self.signal_constant - sympy.Add(*(T * term for term in sympy.Add.make_args(sympy.expand(rest, deep=False)))) \
            - self.pressure(self.psi, self.variance)

    @property
    def response(self):
        """beta scale qbar/(1 - beta scale (1 - qbar))^2, what pbar is at self-consistency."""
        return (self.b * self.qbar / (1 - self.mass) ** 2).xreplace({beta: 1 / T})

    @property
    def final_free_energy(self):
        """f with p eliminated and the load as the model states it."""
        return self.free_energy.xreplace({self.pbar: self.response}).xreplace({self.load: self.stated_load})

    @property
    def overlap_slopes(self):
        """{qbar: df/dqbar, pbar: df/dpbar}."""
        scale = self.load * self.b.xreplace({beta: S.One}) / 2
        return {self.qbar: scale * (self.response - self.pbar),
                self.pbar: scale * (self.squared(self.psi, self.variance) - self.qbar)}

    @cached_property
    def closing(self):
        """{q: E<s>^2, p: ..., phi: <g>}."""
        right = (self.squared(self.psi, self.variance), self.response, *self.means(self.psi, self.variance))
        return dict(zip(self.final_symbols, map(self.back, right)))

    @property
    def direct(self):
        """The right sides of `closing` as averages of one site, not carried out."""
        right = (self.site_average(self.variable, self.psi, self.variance, SiteSquare), self.response,
                 *(self.site_average(g, self.psi, self.variance) for g in self.setting.functions))
        return dict(zip(self.final_symbols, map(self.back, right)))

    sign_text = ("The remainder $R$, a product of two fluctuations, has no definite sign: there is no bound.")
    one_body_text = ("At $t = 0$ spins and hidden variables are independent, each in its own Gaussian field; that of a spin is "
                     "$\\sqrt{V}\\,z$ in energy, $z$ standard Gaussian. The hidden variables' Gaussian integral gives "
                     "$\\log\\int Dz\\,e^{\\sqrt{b}\\,\\theta z + a z^2/2} = b\\,\\theta^2/[2(1-a)] - \\frac12\\log(1-a)$, "
                     "which needs $a < 1$; the equality is exact at every $N$.")
    assumption_text = ("The overlaps of the spins and of the hidden variables and the order parameters do not fluctuate as "
                       "$N\\to\\infty$, $q_{12}\\to\\bar q$ and $p_{12}\\to\\bar p$; then the remainder vanishes. This is "
                       "replica symmetry. It is assumed, not proved: it fails where the replicon is negative.")
    extremum_text = ("The slope in $\\bar p$ is that of the spins' field variance, by Gaussian integration by parts; the slope "
                     "in $\\bar q$ is that of the hidden layer. The signal's slopes are $\\sum_b\\partial_a\\partial_b "
                     "e\\,(\\langle g_b\\rangle - \\phi_b)$.")
    self_consistency_text = ("Stationarity in the trial values: spins feel the signal and a Gaussian field of variance "
                             "proportional to $p$, and $p$ is the mean square of the hidden variables in a Gaussian field made "
                             "by $q$. $p = \\beta r$ with $r$ the variance of the crosstalk over the load. Several solutions "
                             "may exist: they are the candidate phases.")

    def steps(self):
        """The steps in order."""
        return [self.hidden_step(), self.patterns_step(), self.definition_step(), self.one_body_step(), self.trace_step(),
                self.streaming_step(), self.remainder_step(), self.sum_rule_step(), self.assumption_step(), self.limit_step(),
                self.extremum_step(),
                self.mean_step(), self.self_consistency_step(), self.thermodynamic_step(), self.last_step()]

    def hidden_step(self):
        """Each pattern's square is linear in a hidden Gaussian variable."""
        y = sympy.Symbol("y*", real=True)
        return Step(
            title="Hidden Gaussian variables",
            rule="Hubbard-Stratonovich transformation",
            justification=("The patterns that are not condensed enter through $X_\\mu = \\sum_i \\xi_i^\\mu s_i$: each square "
                           "is linearised by a standard Gaussian variable $z_\\mu$. Spins and hidden variables form two layers "
                           "coupled by the patterns."),
            reference=BARRA,
            before=self.b * self.X**2 / (2 * N),
            after=sympy.log(GaussianAverage(sympy.exp(sympy.sqrt(self.b / N) * y * self.X), y, S.Zero, S.One)),
            claim=Identity(self.small),
        )

    def patterns_step(self):
        """Entries +1 or -1 by universality."""
        return Step(
            title="Gaussian entries of the patterns",
            rule="universality",
            justification=("A sum of many independent terms depends on the entries' mean and variance alone as $N\\to\\infty$: "
                           "in the patterns that are not condensed, entries $\\pm1$ are replaced by standard Gaussian ones. "
                           "This is assumed here; condensed patterns keep their entries."),
            reference="A. Barra, G. Genovese, F. Guerra, D. Tantari, J. Stat. Mech. P07009 (2012)",
            before=BinaryPressure(*self.full.measure),
            after=self.full,
            relation=LIMIT,
            claim=Assumption("the pressure is the same for entries +-1 and for Gaussian ones", binary_patterns),
        )

    def definition_step(self):
        """A(t) and its end at t = 1."""
        return Step(
            title="The interpolating pressure",
            rule="definition",
            justification=("At $t = 1$ the two coupled layers, at $t = 0$ independent sites: spins in Gaussian fields "
                           "$\\eta_i$, hidden variables in Gaussian fields $\\theta_\\mu$ and with a shifted variance, so that "
                           "$\\langle z^2\\rangle$ drops out of the streaming; and the fields $\\psi_a = -\\partial "
                           "e/\\partial\\phi_a(\\bar\\phi)$ in place of the energy, with trial values $\\bar q$, $\\bar p$ and "
                           "$\\bar\\phi$."),
            reference=BARRA,
            before=row(self.named, Abbreviation("A(1)", self.at(S.One))),
            after=row(self.at(self.t), self.full),
            claim=Identity(self.small),
        )

    @property
    def _streamed(self):
        q, p, both, own = map(self.mean, (self.q12, self.p12, self.q12 * self.p12, self.p11))
        terms = own - both - self.pbar * (1 - q) - self.qbar * (own - p) - (1 - self.qbar) * own
        return self.load * self.b / 2 * terms - beta * self.mean(self.setting.energy + self.setting.dot(self.psi))

    def streaming_step(self):
        """dA/dt by Wick's theorem."""
        return Step(
            title="The streaming",
            rule="Wick's theorem (Gaussian integration by parts)",
            justification=("$\\mathbb{E}[\\xi F(\\xi)] = \\mathbb{E}[F'(\\xi)]$ for the patterns and for both fields, with "
                           "$q_{12} = \\frac1N\\sum_i s_i s_i'$, $p_{12} = \\frac{1}{\\alpha N}\\sum_\\mu z_\\mu z_\\mu'$ and "
                           "$p_{11} = \\frac{1}{\\alpha N}\\sum_\\mu z_\\mu^2$ over two replicas in the same disorder at the "
                           "intermediate $t$; $\\alpha$ is the load."),
            reference=BARRA,
            before=Derivative(self.named, self.t),
            after=self._streamed,
            claim=Identity(self.small, 1e-6),
        )

    def remainder_step(self):
        """The streaming as a constant plus a fluctuation."""
        return Step(
            title="Fluctuations set apart",
            rule="completing the product",
            justification=("$\\langle p_{11}\\rangle$ cancels, and what is left is a constant that does not depend on $t$ plus "
                           "the average of a product of two fluctuations."),
            reference=BARRA,
            before=self._streamed,
            after=self.constant + self.fluctuation,
            claim=Identity(self.small),
        )
