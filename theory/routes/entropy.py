"""Energy minus temperature times entropy: counting configurations at fixed order parameters.

f(phi) = e(phi) - T S(phi); S is the largest entropy that independent sites have at given order
parameters, Boltzmann's count and Shannon's formula being the same thing. The one-body energy v rides
in S: T S(phi) = min_h [P(h) - h.phi].
"""

from functools import cached_property

import sympy
from sympy import Derivative, Matrix, Rational, S, loggamma

from ..checks import Equal, Formula, Limit
from ..derivation import Step
from ..ensemble import Abbreviation, Quenched, SiteEntropy
from ..symbols import N, T, beta
from .common import LIMIT, Setting, finish, hamiltonian_step, mean_step, row, self_consistency_step, site_trace_step

ROUTE = "entropy"
BOLTZMANN = "L. Boltzmann, Wien. Ber. 76, 373 (1877); C. E. Shannon, Bell Syst. Tech. J. 27, 379 (1948)"
JAYNES = "E. T. Jaynes, Phys. Rev. 106, 620 (1957)"
BRAGG = "W. L. Bragg, E. J. Williams, Proc. R. Soc. A 145, 699 (1934)"
VON_NEUMANN = "J. von Neumann, Mathematische Grundlagen der Quantenmechanik (Springer, 1932), ch. V"


def derivation(model):
    """The derivation of a model's theory from its energy and entropy."""
    setting = Setting(model)
    scheme = Entropy(setting)
    steps = [hamiltonian_step(setting)]
    steps += scheme.counting()
    steps += [site_trace_step(setting), mean_step(setting), scheme.maximum_entropy()]
    steps += scheme.explicit()
    steps += [scheme.free_energy_step(), scheme.stationarity(), self_consistency_step(setting)]
    steps += scheme.curvature()
    steps += [scheme.value_at_solutions()]
    return finish(setting, ROUTE, steps, setting.pressure, scheme.eliminated)


class Entropy:
    """The entropic free energy of one model."""

    def __init__(self, setting):
        self.setting = setting
        self.work = setting.dot(setting.fields)
        # -T S(phi), extremal in h.
        self.minus_ts = self.work - setting.pressure
        self.functional = setting.energy + self.minus_ts

    @cached_property
    def eliminated(self):
        """f(phi) at h = -grad e."""
        setting = self.setting
        at = dict(zip(setting.fields, setting.field_values))
        return sympy.expand(setting.energy + setting.dot(setting.field_values)) - setting.pressure.xreplace(at)

    @cached_property
    def populations(self):
        """Fractions p_s(phi) of sites in each state where the order parameters determine them, else None."""
        return _populations(self.setting)

    def counting(self):
        """Boltzmann's number of configurations and Shannon's entropy."""
        if self.populations is None:
            return []
        p = self.populations
        boltzmann = (loggamma(N + 1) - sum(loggamma(N * x + 1) for x in p)) / N
        return [Step(
            title="Boltzmann's entropy is Shannon's",
            rule="Stirling's formula",
            justification=("At given order parameters a fraction $p_s(\\phi)$ of the sites is in state $s$: "
                           + self._populations_text()
                           + ". The number of such configurations is the multinomial coefficient "
                           "$\\Omega = N!/\\prod_s (N p_s)!$, and by Stirling's formula "
                           "$\\frac1N\\log\\Omega\\to -\\sum_s p_s\\log p_s$, with a minus sign before every term: "
                           "Boltzmann's entropy is Shannon's."),
            reference=BOLTZMANN,
            before=boltzmann,
            after=shannon(p),
            relation=LIMIT,
            claim=Formula(fractions(self.setting)),
        )]

    def _populations_text(self):
        states = self.setting.model.site.states
        return ", ".join(f"$p_{{{sympy.latex(s[0] if len(s) == 1 else sympy.Tuple(*s))}}} = {sympy.latex(p)}$"
                         for s, p in zip(states, self.populations))

    def maximum_entropy(self):
        """The distribution of one site that maximises the entropy at given averages."""
        setting = self.setting
        exponent = setting.exponent(setting.fields)
        entropy = Quenched(SiteEntropy(exponent, setting.model.site.variables), tuple(setting.model.disorder))
        v = setting.model.site_energy
        energy = setting.site_mean(v, setting.fields) if v != 0 else S.Zero
        legendre = setting.pressure - sum(h * mean for h, mean in zip(setting.fields, setting.means))
        return Step(
            title="Maximum entropy at fixed order parameters",
            rule="Lagrange multipliers",
            justification=self._maximum_text(),
            reference=VON_NEUMANN if setting.is_quantum else JAYNES,
            before=T * entropy - energy,
            after=legendre,
            claim=Equal(),
        )

    def _maximum_text(self):
        text = ("Of all one-site distributions with given averages $\\langle g_a\\rangle = \\phi_a$ and mean one-body energy, "
                "the one of largest entropy is exponential, $p\\propto\\exp[(h\\cdot g - v)/T]$, where the multipliers "
                "$h_a$ are the conjugate fields. Its entropy, less the one-body energy, is the Legendre transform "
                "$T S(\\phi) = \\min_h[P(h) - h\\cdot\\phi]$ at $\\phi_a = \\partial P/\\partial h_a$.")
        if self.setting.is_quantum:
            return text + (" Here the distribution is a density matrix and the entropy von Neumann's, "
                           "$-\\mathrm{Tr}\\,\\rho\\log\\rho$: it is not the logarithm of a number of configurations, "
                           "because the order parameters do not commute with the one-body energy. By the "
                           "Gibbs-Bogoliubov inequality the product state bounds the free energy from above.")
        if self.setting.model.site.kind in ("gaussian", "sphere"):
            return text + " For a continuous site the entropy is relative to the a-priori measure, and is not positive."
        return text

    def explicit(self):
        """The entropy as a function of the order parameters, in closed form."""
        if self.populations is None:
            return []
        at = dict(zip(self.setting.phi, self.setting.means))
        return [Step(
            title="The entropy in closed form",
            rule="inversion of the linear relation between order parameters and populations",
            justification=("The order parameters fix the populations, so that the minimum over the fields can be "
                           "written out: Shannon's entropy of the populations, less the one-body energy."),
            reference=BRAGG,
            before=Abbreviation(r"P(h) - h\cdot\phi", self.setting.pressure - self.work),
            after=self.closed_entropy,
            claim=Equal(at),
        )]

    @cached_property
    def closed_entropy(self):
        """T S(phi) of a finite site without disorder whose populations are functions of phi."""
        site = self.setting.model.site
        entropy = shannon(self.populations, site.weights)
        v = [self.setting.model.site_energy.xreplace(state) for _, state in site.enumerate()]
        return T * entropy - sympy.expand(sum(p * x for p, x in zip(self.populations, v)))

    def free_energy_step(self):
        """F = E - TS, minimised."""
        before = self.setting.log_partition(-beta * self.setting.energy)
        counted = ("The number of configurations" if self.setting.model.site_energy == 0 else
                   "With their one-body weights $e^{-\\beta v_i}$ counted in, the number of configurations")
        return Step(
            title="Energy minus temperature times entropy",
            rule="maximum term; Laplace's method",
            justification=(f"{counted} with order parameters near $\\phi$ grows like $e^{{N S(\\phi)}}$ and "
                           "their energy $N e(\\phi)$ is the same up to corrections that vanish per site, so that "
                           "$Z\\approx\\int d\\phi\\,e^{-N[e(\\phi) - T S(\\phi)]/T}$ and the largest term wins: $f$ is the minimum "
                           "of $e - TS$ over $\\phi$, with $-TS(\\phi) = \\max_h[h\\cdot\\phi - P(h)]$."),
            reference=BRAGG,
            before=before,
            after=-self.functional / T,
            relation=LIMIT + r"\;\max_{\phi}\min_{h}\;",
            claim=Limit(),
        )

    def stationarity(self):
        """Derivatives of e - TS."""
        setting = self.setting
        named = Abbreviation(r"f(\phi, h)", self.functional)
        before = [Derivative(named, a) for a in setting.phi] + [Derivative(named, h) for h in setting.fields]
        after = [setting.energy.diff(a) + h for a, h in zip(setting.phi, setting.fields)]
        after += [a - mean for a, mean in zip(setting.phi, setting.means)]
        return Step(
            title="Stationarity",
            rule="derivatives with respect to order parameters and multipliers",
            justification=("Both must vanish: the entropic force $-T\\partial S/\\partial\\phi_a = h_a$ balances the energetic "
                           "one, $h_a = -\\partial e/\\partial\\phi_a$, and $\\phi_a = \\partial P/\\partial h_a$."),
            reference=BRAGG,
            before=row(*before),
            after=row(*after),
            claim=Equal(),
        )

    def curvature(self):
        """The Hessian of e - TS is the inverse susceptibility."""
        setting = self.setting
        used = setting.coupled
        h = [setting.fields[i] for i in used]
        response = [[setting.means[i].diff(setting.fields[j]) for j in used] for i in used]
        at = dict(zip(setting.phi, setting.means))
        forces = [setting.energy.diff(setting.phi[i]).xreplace(at) + setting.fields[i] for i in used]
        before, after = [], []
        for a, i in enumerate(used):
            for b, j in enumerate(used):
                before.append(Derivative(Abbreviation(_force_label(setting, i), forces[a]), h[b]))
                total = sum((setting.energy.diff(setting.phi[i], setting.phi[used[c]]).xreplace(at) * response[c][b]
                             for c in range(len(used))), S.Zero)
                after.append(total + (1 if a == b else 0))
        steps = [Step(
            title="Curvature",
            rule="chain rule along the fields",
            justification=("Differentiate the force $\\partial_a(e - TS) = \\partial_a e + h_a$ along $\\phi(h) = \\nabla P(h)$: it changes "
                           "by $\\delta_{ab} + \\sum_c \\partial_a\\partial_c e\\,C_{cb}$ with the response of independent sites "
                           "$C = \\partial^2 P/\\partial h\\partial h$. A solution is stable where all eigenvalues are positive."),
            reference=BRAGG,
            before=row(*before),
            after=row(*after),
            claim=Equal(),
        )]
        return steps + self._susceptibility(response, forces)

    def _susceptibility(self, response, forces):
        """For one order parameter: f'' = e'' + 1/C = 1/chi."""
        setting = self.setting
        if len(setting.coupled) != 1:
            return []
        (i,) = setting.coupled
        h, m = setting.fields[i], setting.means[i]
        curvature = setting.energy.diff(setting.phi[i], 2)
        force = Derivative(Abbreviation(_force_label(setting, i), forces[0]), h)
        return [Step(
            title="The susceptibility",
            rule="derivative of a function given by a parameter",
            justification=("In terms of the order parameter the second derivative is $f'' = e'' + 1/C = \\chi^{-1}$: it is the "
                           "inverse of the susceptibility, not the susceptibility, and vanishes where the solution "
                           "loses its stability."),
            reference=BRAGG,
            before=force / Derivative(Abbreviation(rf"{sympy.latex(setting.phi[i])}(h)", m), h),
            after=curvature + 1 / response[0][0],
            claim=Equal({setting.phi[i]: m}),
        )]

    def value_at_solutions(self):
        """At a solution the entropic and the eliminated free energy coincide."""
        setting = self.setting
        return Step(
            title="Value at a solution",
            rule="substitution of the fields",
            justification=("At $h = -\\nabla e(\\phi)$ the entropic free energy is a function of the order parameters "
                           "alone; the two agree at solutions, and differ in curvature elsewhere."),
            reference=BRAGG,
            before=self.functional,
            after=self.eliminated,
            claim=Equal(dict(zip(setting.fields, setting.field_values))),
        )


def _force_label(setting, i):
    a = sympy.latex(setting.phi[i])
    return rf"\left(\frac{{\partial e}}{{\partial {a}}} + {sympy.latex(setting.fields[i])}\right)"


def shannon(populations, weights=None):
    """-sum_s p_s log(p_s / w_s)."""
    weights = weights or (S.One,) * len(populations)
    return -sum(p * sympy.log(p / w) for p, w in zip(populations, weights))


def _populations(setting):
    """Solve sum_s p_s = 1, sum_s p_s g_a(s) = phi_a for a finite site without disorder."""
    model = setting.model
    if model.site.kind != "finite" or model.disorder or any(w != 1 for w in model.site.weights):
        return None
    states = [values for _, values in model.site.enumerate()]
    rows = [([g.xreplace(s) for s in states], a) for a, g in model.order_parameters.items()]
    rows.append(([S.One] * len(states), S.One))
    chosen = _independent(rows)
    if len(chosen) != len(states) or any(x.free_symbols for line, _ in chosen for x in line):
        return None
    solution = Matrix([line for line, _ in chosen]).LUsolve(Matrix([value for _, value in chosen]))
    return tuple(sympy.expand(x) for x in solution)


def _independent(rows):
    chosen = []
    for line, value in rows:
        if Matrix([other for other, _ in chosen] + [line]).rank() > len(chosen):
            chosen.append((line, value))
    return chosen


def fractions(setting):
    """A point preparation: order parameters whose populations add up to one."""

    def prepare(context):
        model = setting.model
        count = len(model.site.states)
        weights = [Rational(2 + k % 3, 1) for k in range(count)]
        p = [w / sum(weights) for w in weights]
        return {a: sum(x * g.xreplace(s) for x, (_, s) in zip(p, model.site.enumerate()))
                for a, g in model.order_parameters.items()}

    return prepare
