"""Guerra's interpolation: from one-body fields to the full energy, by a streaming in t."""

import sympy
from sympy import Derivative, Integral, S

from ..checks import All, Assumption, Bound, Equal, Limit
from ..derivation import Step
from ..ensemble import Abbreviation
from ..symbols import N, T, beta, symbol
from .common import (
    LIMIT, Setting, finish, gradient_step, hamiltonian_step, mean_step, self_consistency_step, time, trials,
)

ROUTE = "interpolation"
GUERRA = "F. Guerra, Commun. Math. Phys. 233, 1 (2003)"
BARRA = "A. Barra, J. Stat. Phys. 132, 787 (2008)"


def derivation(model):
    """The derivation of a model's theory by interpolation."""
    if model.couplings:
        from .interpolation_couplings import derivation as with_couplings

        return with_couplings(model)
    setting = Setting(model)
    scheme = Interpolation(setting)
    steps = [hamiltonian_step(setting), scheme.definition(), scheme.one_body(), scheme.trace(), scheme.streaming(),
             scheme.remainder_step(), scheme.sum_rule()]
    steps += scheme.bound()
    steps += [scheme.self_averaging(), scheme.limit(), scheme.extremum(), mean_step(setting),
              self_consistency_step(setting)]
    back = dict(zip(trials(model), setting.phi))
    return finish(setting, ROUTE, steps, setting.pressure, scheme.free_energy.xreplace(back))


def refuse_couplings(model, ansatz=None):
    """Raise InputError where the interpolation does not take a model's quenched couplings."""
    from .interpolation_couplings import refuse

    refuse(model, ansatz)


class Interpolation:
    """The expressions of the interpolation of one model, M the trial values and psi = -grad e(M)."""

    def __init__(self, setting):
        self.setting, self.t = setting, time(setting.model)
        self.order = trials(setting.model)
        self.fields = tuple(setting.trial(h) for h in setting.field_values)
        self.energy = setting.trial(setting.energy)
        self.exponent = -self.t * beta * setting.energy + (1 - self.t) * beta * setting.dot(self.fields)
        self.interpolated = setting.log_partition(self.exponent)
        self.one_site = setting.traced(self.fields)
        self.streamed = sympy.expand(self.energy + self._dot(self.order))
        self.free_energy = self.streamed - self.one_site

    def _end(self, value):
        return self.setting.log_partition(self.exponent.xreplace({self.t: value}))

    def _dot(self, order):
        return sum((h * a for h, a in zip(self.fields, order)), S.Zero)

    @property
    def remainder(self):
        """R = e(M) + (phi - M).grad e(M) - e(phi), second order in phi - M."""
        setting = self.setting
        used = [(setting.phi[i], self.order[i]) for i in setting.coupled]
        exact = self.energy - sum(self.fields[i] * (setting.phi[i] - self.order[i]) for i in setting.coupled)
        shifted = setting.energy
        if not shifted.is_polynomial(*(a for a, _ in used)):
            return exact - shifted
        shifts = {a: sympy.Dummy(str(a), real=True) for a, _ in used}
        expanded = sympy.expand((exact - shifted).xreplace({a: M + shifts[a] for a, M in used}))
        return expanded.xreplace({shifts[a]: a - M for a, M in used})

    @property
    def curvature_sign(self):
        """+1 where -e is convex, -1 where it is concave, 0 where neither is seen at sample points."""
        return convexity(self.setting)

    def definition(self):
        """A(t) and its end at t = 1."""
        return Step(
            title="The interpolating pressure",
            rule="definition",
            justification=("Interpolate between the model, at $t = 1$, and independent sites in fields "
                           "$\\psi_a = -\\partial e/\\partial\\phi_a(\\bar\\phi)$, at $t = 0$, with trial values "
                           "$\\bar\\phi$: $A(t) = \\frac1N\\mathbb{E}\\log\\mathrm{Tr}\\exp\\left[-t\\beta N e(\\phi) + "
                           "(1-t)\\beta N\\psi\\cdot\\phi - \\beta\\sum_i v_i\\right]$. The factor $\\beta$ stands before every "
                           "term, external fields included."),
            reference=GUERRA,
            before=Abbreviation("A(1)", self._end(S.One)),
            after=self.setting.log_partition(-beta * self.setting.energy),
            claim=Equal(),
        )

    def one_body(self):
        """A(0) factorises."""
        return Step(
            title="The one-body term",
            rule="independent sites: the trace factorises",
            justification="At $t = 0$ the exponent is a sum over sites; the equality is exact at every $N$.",
            reference=GUERRA,
            before=Abbreviation("A(0)", self._end(S.Zero)),
            after=self.setting.site_trace(self.fields),
            claim=Equal(),
        )

    def trace(self):
        """The one-site trace carried out."""
        return Step(
            title="The trace over one site",
            rule="sum or integral over the states of one site, then over its disorder",
            justification=("One site in the fields $\\psi$ is solved exactly: $A(0) = P(\\psi)/T$ with $P(h)$ the pressure "
                           "of independent sites."),
            reference=GUERRA,
            before=T * self.setting.site_trace(self.fields),
            after=self.one_site,
            claim=Equal(),
        )

    def streaming(self):
        """dA/dt."""
        named = Abbreviation(f"A({sympy.latex(self.t)})", self.interpolated)
        return Step(
            title="The streaming",
            rule="derivative of the logarithm of a partition function",
            justification=("The derivative brings down the difference of the two exponents, averaged at the "
                           "intermediate $t$." + (" For operators this holds by the cyclicity of the trace."
                                                  if self.setting.is_quantum else "")),
            reference=BARRA,
            before=Derivative(named, self.t),
            after=self.interpolated.diff(self.t),
            claim=Equal(),
        )

    def remainder_step(self):
        """The streaming as a constant plus a fluctuation."""
        setting = self.setting
        return Step(
            title="Fluctuations set apart",
            rule="Taylor expansion of the energy about the trial values, with its exact remainder",
            justification=("Write $e(\\phi) = e(\\bar\\phi) + (\\phi - \\bar\\phi)\\cdot\\nabla e(\\bar\\phi) - R$. With "
                           "$\\psi = -\\nabla e(\\bar\\phi)$ the linear terms cancel, and the streaming is a constant that "
                           "does not depend on $t$ plus the average of the remainder $R$, of second order in the "
                           "fluctuations."),
            reference=BARRA,
            before=self.interpolated.diff(self.t),
            after=-beta * self.streamed + beta * setting.mean(self.remainder, self.exponent),
            claim=Equal(),
        )

    def sum_rule(self):
        """A(1) = A(0) + int dA/dt, exactly."""
        setting = self.setting
        fluctuation = Integral(setting.mean(self.remainder, self.exponent), (self.t, 0, 1))
        return Step(
            title="Sum rule",
            rule="fundamental theorem of calculus",
            justification=("$A(1) = A(0) + \\int_0^1 \\frac{dA}{dt}\\,dt$, exact at every $N$ and for every trial value. "
                           + self._sign_text()),
            reference=GUERRA,
            before=setting.log_partition(-beta * setting.energy),
            after=setting.site_trace(self.fields) - beta * self.streamed + beta * fluctuation,
            claim=Equal(),
        )

    def _sign_text(self):
        if self.curvature_sign > 0:
            return "Here $-e$ is convex, so that $R \\geq 0$ and dropping it gives a lower bound to the pressure."
        if self.curvature_sign < 0:
            return "Here $e$ is convex, so that $R \\leq 0$ and dropping it gives an upper bound to the pressure."
        return "Here $-e$ is neither convex nor concave: the remainder has no definite sign and there is no bound."

    def bound(self):
        """The bound that a sign of the remainder gives."""
        sign = self.curvature_sign
        if sign == 0:
            return []
        return [Step(
            title="Bound at every N",
            rule="the remainder has a sign",
            justification=("For every trial value $\\bar\\phi$ the trial pressure bounds the true one from "
                           + ("below; the best bound is its supremum" if sign > 0 else "above; the best bound is its infimum")
                           + ", and it is saturated as $N\\to\\infty$."),
            reference=GUERRA,
            before=self.setting.log_partition(-beta * self.setting.energy),
            after=self.setting.site_trace(self.fields) - beta * self.streamed,
            relation=r"\geq" if sign > 0 else r"\leq",
            claim=All((Bound(sign), Limit())),
        )]

    def self_averaging(self):
        """The remainder vanishes as N grows, if the order parameters do not fluctuate."""
        return Step(
            title="Self-averaging",
            rule="hypothesis",
            justification=("In a pure phase the order parameters do not fluctuate as $N\\to\\infty$, "
                           "$\\phi\\to\\bar\\phi$ for almost every $t$; then $\\langle R\\rangle\\to 0$. This is assumed, not proved "
                           "here: where several phases coexist it selects one of them."),
            reference=GUERRA,
            before=self.setting.mean(self.remainder, self.exponent),
            after=S.Zero,
            relation=LIMIT,
            claim=Assumption("the order parameters do not fluctuate in a pure phase", fluctuations),
        )

    def limit(self):
        """The pressure in the thermodynamic limit."""
        return Step(
            title="Integration over t",
            rule="the integrand is constant without its remainder",
            justification=("Without the remainder $A(1) = A(0) - \\beta[e(\\bar\\phi) - \\bar\\phi\\cdot\\nabla "
                           "e(\\bar\\phi)]$, taken at the $\\bar\\phi$ that is self-consistent. With $f = -T A(1)$ this is the "
                           "trial free energy."),
            reference=GUERRA,
            before=self.setting.log_partition(-beta * self.setting.energy),
            after=-self.free_energy / T,
            relation=LIMIT + r"\;\operatorname*{extr}\;",
            claim=Limit(),
        )

    def extremum(self):
        """Stationarity in the trial values."""
        return gradient_step(self.setting, self.free_energy, self.fields, self.order)


def fluctuations(step, context):
    """What small systems show of <R> at the equilibrium state, at t = 1/2."""
    point = {**context.equilibrium.point, time(context.model): sympy.Rational(1, 2)}
    with context.large_systems(pure_state=True):
        sizes = context.sizes
        seen = [float(context.value(step.before, {**point, N: size})) for size in sizes]
    return (f"at {context.equilibrium.label}, t = 1/2, N = {', '.join(map(str, sizes))}: "
            f"the remainder is {', '.join(f'{x:.2g}' for x in seen)}")


def convexity(setting):
    """Sign of the curvature of -e over sample points of the cube of order parameters: +1, -1 or 0."""
    import random

    used = [setting.phi[i] for i in setting.coupled]
    curvature = [[-setting.energy.diff(a, b) for b in used] for a in used]
    signs = {s for point in _samples(setting, random.Random(0)) for s in _signs(curvature, point)}
    return (1 not in (-s for s in signs)) - (1 not in signs) if signs != {0} else 1


def _samples(setting, rng, count=40):
    free = setting.energy.free_symbols - set(setting.phi)
    defaults = {symbol(name): p.default for name, p in setting.model.parameters.items()}
    fixed = {x: sympy.Float(defaults.get(x) or 1.0) for x in free}
    for _ in range(count):
        yield fixed | {a: sympy.Float(rng.uniform(-1, 1)) for a in setting.phi}


def _signs(matrix, point):
    """Signs of the eigenvalues of a numerical symmetric matrix."""
    from mpmath import eigsy, matrix as mp_matrix, mpf

    numbers = mp_matrix([[mpf(float(x.xreplace(point))) for x in line] for line in matrix])
    levels = eigsy(numbers, eigvals_only=True) if len(matrix) > 1 else [numbers[0, 0]]
    return [0 if abs(x) < 1e-12 else (1 if x > 0 else -1) for x in levels]
