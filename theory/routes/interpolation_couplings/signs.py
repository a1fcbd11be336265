"""Signs of the remainders of an interpolation: convexity of the covariance and of the signal energy."""

import sympy

from ...symbols import symbol
from ..interpolation import convexity as convexity_of_energy


def convexity(c, q, model):
    """Where c(q) is convex: "everywhere" on [-1, 1], at the "default" parameters, for "positive" q only, or "nowhere".

    Even powers with coefficients that are not negative are convex for every value of the parameters; else the second
    derivative is looked at on a grid, at the parameters' default values.
    """
    poly = sympy.Poly(c, q)
    terms = {p: coefficient for (p,), coefficient in poly.terms() if p > 1}
    if all(p % 2 == 0 and coefficient.is_nonnegative for p, coefficient in terms.items()):
        return "everywhere"
    values = {symbol(name): sympy.Float(p.default if p.default is not None else 1.0) for name, p in model.parameters.items()}
    bend = sympy.Poly(c.diff(q, 2).xreplace(values), q)
    grid = [sympy.Rational(k, 50) for k in range(-50, 51)]
    low = [x for x in grid if bend.eval(x) < -1e-12]
    if not low:
        return "default"
    return "positive" if all(x < 0 for x in low) else "nowhere"


def energy_sign(setting):
    """Sign of the remainder e(M) + (phi - M).grad e(M) - e(phi): +1, -1, 0 where e is linear, 2 where it has none."""
    used = [setting.phi[i] for i in setting.coupled]
    if all(setting.energy.diff(a, b) == 0 for a in used for b in used):
        return 0
    return convexity_of_energy(setting) or 2
