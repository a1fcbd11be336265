"""Moment generating function, delta functions and large deviations.

Z = Tr exp(-beta H) becomes an integral over order parameters and conjugate fields whose exponent is
N times -beta [e(phi) + h.phi - P(h)].
"""

import sympy
from sympy import Derivative, Integral, S, oo

from ..checks import Equal, Limit
from ..derivation import Step
from ..ensemble import Abbreviation
from ..symbols import N, T, beta
from .common import (
    ELLIS, HUANG, LIMIT, Setting, finish, gradient_step, hamiltonian_step, mean_step, row,
    self_consistency_step, site_trace_step, unused,
)

ROUTE = "saddle-point"
TOUCHETTE = "H. Touchette, Phys. Rep. 478, 1 (2009)"
HUBBARD = "J. Hubbard, Phys. Rev. Lett. 3, 77 (1959)"


def derivation(model):
    """The derivation of a model's theory by the saddle point."""
    setting = Setting(model)
    functional = setting.energy + setting.dot(setting.fields) - setting.pressure
    at = dict(zip(setting.fields, setting.field_values))
    eliminated = sympy.expand(setting.energy + setting.dot(setting.field_values)) - setting.pressure.xreplace(at)
    steps = [hamiltonian_step(setting), generating_function(setting), factorisation(setting),
             site_trace_step(setting), large_deviations(setting, functional)]
    steps += hubbard_stratonovich(setting, eliminated)
    steps += [stationary_fields(setting, functional), elimination(setting, functional, eliminated),
              mean_step(setting), self_consistency_step(setting),
              gradient_step(setting, eliminated, setting.field_values, setting.phi)]
    return finish(setting, ROUTE, steps, setting.pressure, eliminated)


def generating_function(setting):
    """Z with a source is the moment generating function of the order parameters."""
    k = {i: unused(setting.model, f"k_{setting.phi[i]}") for i in setting.coupled}
    source = sum((k[i] * setting.phi[i] for i in k), S.Zero)
    exponent = -beta * setting.energy + beta * source
    pressure = Abbreviation("A_N", setting.log_partition(exponent))
    before = [Derivative(pressure, k[i]) for i in k]
    after = [beta * setting.mean(setting.phi[i], exponent) for i in k]
    if not setting.is_quantum:
        before += [Derivative(pressure, (k[i], 2)) for i in k]
        after += [beta**2 * N * setting.covariance(setting.phi[i], setting.phi[i], exponent) for i in k]
    return Step(
        title="Moment generating function",
        rule="derivatives of the logarithm of a partition function",
        justification=("A source $k_a$ that adds $-N k_a\\phi_a$ to the Hamiltonian makes "
                       "$A_N = \\frac1N\\mathbb{E}\\log Z$ the generating function of the cumulants: with $f = -T A_N$, "
                       "$-\\partial f/\\partial k_a = \\langle\\phi_a\\rangle$, and the susceptibility is minus the second "
                       "derivative, $\\chi_a = -\\partial^2 f/\\partial k_a^2 = (N/T)\\,(\\langle\\phi_a^2\\rangle - "
                       "\\langle\\phi_a\\rangle^2)$. Both hold at every $N$."),
        reference=HUANG,
        before=row(*before),
        after=row(*after),
        claim=Equal({x: sympy.Rational(3, 10) for x in k.values()}),
    )


def factorisation(setting):
    """Delta functions fix the order parameters; in conjugate fields the trace factorises."""
    return Step(
        title="Order parameters by delta functions: the trace factorises",
        rule="Fourier representation of the delta function",
        justification=("Insert $1 = \\int\\prod_a d\\phi_a\\,\\delta(\\phi_a - \\frac1N\\sum_i g_a(s_i))$ with "
                       "$\\delta(x) = \\int\\frac{N\\beta\\,dh}{2\\pi i}\\,e^{N\\beta h x}$ along the imaginary axis. "
                       "Then $Z = \\int\\prod_a\\frac{N\\beta\\,d\\phi_a dh_a}{2\\pi i}\\, "
                       "e^{-N\\beta[e(\\phi) + h\\cdot\\phi]}\\,\\mathrm{Tr}\\,e^{N\\beta h\\cdot\\phi(s) - \\beta\\sum_i v_i}$. "
                       "In the last factor the exponent is a sum over sites: it factorises at every $N$."
                       + _quantum_note(setting)),
        reference=ELLIS,
        before=setting.log_partition(beta * setting.dot(setting.fields)),
        after=setting.site_trace(setting.fields),
        claim=Equal(),
    )


def _quantum_note(setting):
    if not setting.is_quantum:
        return ""
    return (" For quantum sites the operators of one site do not commute, but their means over $N$ sites do up to "
            "terms of order $1/N$ (Suzuki-Trotter slices with a path constant in imaginary time).")


def large_deviations(setting, functional):
    """The integral is dominated by its saddle point."""
    return Step(
        title="Saddle point",
        rule="steepest descent; Varadhan's lemma",
        justification=("The exponent is $N$ times a function that does not depend on $N$, so that the integral is "
                       "dominated by a stationary point as $N\\to\\infty$. Rigorously: by the Gärtner-Ellis theorem the "
                       "order parameters of independent sites obey a large-deviation principle, because $P(h)$ "
                       "exists and is differentiable, and Varadhan's lemma adds the energy. The hypotheses are "
                       "that $e$ is continuous" + _hypothesis(setting) + "."),
        reference=f"{ELLIS}; {TOUCHETTE}",
        before=setting.log_partition(-beta * setting.energy),
        after=-functional / T,
        relation=LIMIT + r"\;\operatorname*{extr}_{\phi,\,h}\;",
        claim=Limit(),
    )


def _hypothesis(setting):
    if setting.model.site.kind == "gaussian":
        return " and that the energy does not outweigh the Gaussian measure, $e'' + C^{-1} > 0$"
    return " and the one-site functions bounded" if not setting.model.disorder else " and the disorder has exponential moments"


def stationary_fields(setting, functional):
    """Stationarity in the order parameters fixes the conjugate fields."""
    named = Abbreviation(r"f(\phi, h)", functional)
    return Step(
        title="The conjugate fields",
        rule="stationarity in the order parameters",
        justification=("The derivative must vanish: $h_a = -\\partial e/\\partial\\phi_a$, the mean field. It is zero "
                       "for an order parameter that the energy does not contain."),
        reference=TOUCHETTE,
        before=row(*(Derivative(named, a) for a in setting.phi)),
        after=row(*(h + setting.energy.diff(a) for h, a in zip(setting.fields, setting.phi))),
        claim=Equal(),
    )


def elimination(setting, functional, eliminated):
    """The free energy as a function of the order parameters alone."""
    return Step(
        title="Elimination of the conjugate fields",
        rule="substitution of the stationary fields",
        justification=("With $h = -\\nabla e$ the free energy per site is a function of the order parameters alone. It "
                       "has the right stationary values; its curvature is not that of the entropic free "
                       "energy $e - TS$, which decides stability."),
        reference=ELLIS,
        before=functional,
        after=eliminated,
        claim=Equal(dict(zip(setting.fields, setting.field_values))),
    )


def hubbard_stratonovich(setting, eliminated):
    """For a quadratic energy the same integral follows from Gaussian linearisation, exactly at every N."""
    strengths = [-setting.energy.diff(setting.phi[i], 2) for i in setting.coupled]
    if not is_separable_quadratic(setting):
        return []
    x = [unused(setting.model, f"y_{setting.phi[i]}") for i in setting.coupled]
    rows = [_gaussian_identity(J, setting.phi[i], y) for J, i, y in zip(strengths, setting.coupled, x)]
    return [Step(
        title="Quadratic energies: Hubbard-Stratonovich",
        rule="Gaussian integral read backwards",
        justification=("For a quadratic energy the squares can be linearised one by one instead of inserting delta "
                       "functions: the auxiliary Gaussian variable $y$ plays the part of the order parameter, and the "
                       "trace factorises at once (for a negative coefficient the field is imaginary, hence the "
                       "cosine). The integrand that is left is $e^{-N\\beta f}$ with the free energy of the "
                       "elimination below. Energies that are not quadratic need the large-deviation argument."),
        reference=HUBBARD,
        before=row(*(before for before, _ in rows)),
        after=row(*(after for _, after in rows)),
        claim=Equal({N: sympy.Integer(3)}),
    )]


def is_separable_quadratic(setting):
    """Whether e is a sum of squares and linear terms, without mixed products."""
    e, used = setting.energy, [setting.phi[i] for i in setting.coupled]
    quadratic = all(e.diff(a, b, c) == 0 for a in used for b in used for c in used)
    return quadratic and all((e.diff(a, b) == 0) != (a == b) for a in used for b in used)


def _gaussian_identity(strength, phi, y):
    """exp(beta N J phi^2 / 2) as a Gaussian integral over y."""
    strength = sympy.expand(strength)
    size = -strength if strength.could_extract_minus_sign() else strength
    width = N * size / T
    wave = sympy.exp(width * y * phi) if size == strength else sympy.cos(width * y * phi)
    integral = Integral(sympy.exp(-width * y**2 / 2) * wave, (y, -oo, oo))
    return sympy.exp(N * strength * phi**2 / (2 * T)), sympy.sqrt(width / (2 * sympy.pi)) * integral
