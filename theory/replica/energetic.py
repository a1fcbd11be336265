"""What the couplings contribute: their energy as a function of the overlaps, and the fields conjugate to the overlaps.

Hierarchical matrices in closed form, per replica as n -> 0:
sum_ab F(Q_ab)/n = F(q_d) - F(q_k) + sum_i x_i [F(q_i) - F(q_(i-1))],
tr G(Q)/n = G(l_(k+1)) + sum_i (1/x_i) [G(l_i) - G(l_(i+1))] + q_0 G'(l_1).
All expressions are regular at T = 0.
"""

import sympy
from sympy import S

from ..errors import InputError

# T C below which a difference over T is a Taylor series, and the order where it ends: either loses three digits at most.
SMALL, ORDER = sympy.Rational(1, 1000), 8


def elementwise_energy(c, overlaps, D):
    """-(1/2) [ (c(q_d) - c(q_k))/T + sum_i D_i (c(q_i) - c(q_(i-1))) ], the energy of Gaussian couplings per site."""
    at = lambda i: c.xreplace({o.symbol: o.values[i] for o in overlaps})
    steps = sum((D[i - 1] * (at(i) - at(i - 1)) for i in range(1, overlaps[0].steps + 1)), S.Zero)
    return -(excess(c, overlaps) + steps) / 2


def excess(F, overlaps):
    """(F(q_d) - F(q_k))/T, with T cancelled where F is a polynomial, else as a Taylor series in T C where that is small."""
    T = overlaps[0].T
    top = F.xreplace({o.symbol: o.total for o in overlaps})
    inner = F.xreplace({o.symbol: o.values[-1] for o in overlaps})
    if T == 1:
        return top - inner
    if F.is_polynomial(*(o.symbol for o in overlaps)):
        return sympy.expand(sympy.expand(top - inner) / T)
    cold = T * sympy.Add(*(o.C for o in overlaps)) < SMALL
    # Both branches are evaluated where common subexpressions are gathered: neither may divide by zero.
    heat = sympy.Piecewise((S.One, cold), (T, True))
    return sympy.Piecewise((_series(F, overlaps), cold), ((top - inner) / heat, True))


def _series(F, overlaps):
    """sum_j (-1)^(j+1) T^(j-1) (C.d/dq)^j F(q_d)/j!, whose remainder is T^ORDER."""
    T, total, slope = overlaps[0].T, S.Zero, F
    for j in range(1, ORDER + 1):
        slope = sympy.Add(*(o.C * slope.diff(o.symbol) for o in overlaps))
        total -= (-1) ** j * T ** (j - 1) * slope / sympy.factorial(j)
    return total.xreplace({o.symbol: o.total for o in overlaps})


def exact(expr):
    """`expr` with the quotients that `excess` replaces by series at small T."""
    return expr.replace(sympy.Piecewise, lambda *branches: branches[-1][0]) if expr.has(sympy.Piecewise) else expr


def elementwise_fields(c, overlaps, D):
    """{overlap: (a, v_0..v_k)}: T (qh_d - qh_k), and the increments of the variances of the site's Gaussian fields."""
    fields = {}
    for o in overlaps:
        slope = c.diff(o.symbol)
        at = [slope.xreplace({p.symbol: p.values[i] for p in overlaps}) for i in range(o.steps + 1)]
        fields[o] = (excess(slope, overlaps), (at[0], *(b - a for a, b in zip(at, at[1:]))))
    return fields


def elementwise_bend(c, overlaps):
    """{(overlap, overlap): d2c/dq dq' at q_k}: the replicon's second variation of Gaussian couplings."""
    inner = {o.symbol: o.values[-1] for o in overlaps}
    return {(o, p): c.diff(o.symbol, p.symbol).xreplace(inner) for o in overlaps for p in overlaps}


def _spectral(coupling, overlaps):
    """(symbols y, G(y))."""
    y = tuple(sympy.Dummy(f"y_{o.symbol}", real=True) for o in overlaps)
    return y, coupling.spectral(y)


def spectral_energy(coupling, overlaps, D):
    """-[T G(y_(k+1)) + sum_i (G(y_i) - G(y_(i+1)))/D_i + sum q_0 dG/dy(y_1)], y = beta times the eigenvalues of Q."""
    y, G = _spectral(coupling, overlaps)
    levels = [dict(zip(y, level)) for level in zip(*(o.eigenvalues(D) for o in overlaps))]
    total = overlaps[0].T * G.xreplace(levels[-1])
    for i in range(overlaps[0].steps, 0, -1):
        total += difference(G, levels[i - 1], levels[i]) / D[i - 1]
    return -(total + sum(o.values[0] * G.diff(s).xreplace(levels[0]) for o, s in zip(overlaps, y)))


def difference(G, high, low):
    """G(high) - G(low); of a logarithm the logarithm of the ratio, which keeps its digits where the two are close."""
    logs = [term for term in sympy.Add.make_args(G) if term.has(sympy.log)]
    if len(logs) == 1 and logs[0] == G:
        factor, inner = G.as_independent(sympy.log)
        if isinstance(inner, sympy.log):
            return factor * sympy.log(sympy.cancel(inner.args[0].xreplace(high) / inner.args[0].xreplace(low)))
    return G.xreplace(high) - G.xreplace(low)


def spectral_fields(coupling, overlaps, D):
    """{overlap: (a, v_0..v_k)} from the matrix function 2 G'(beta Q)."""
    y, G = _spectral(coupling, overlaps)
    levels = [dict(zip(y, level)) for level in zip(*(o.eigenvalues(D) for o in overlaps))]
    fields = {}
    for o, s in zip(overlaps, y):
        slope = 2 * G.diff(s)
        lowest = sum(p.values[0] * slope.diff(t).xreplace(levels[0]) for p, t in zip(overlaps, y))
        steps = tuple(_quotient(slope, levels[i - 1], levels[i], D[i - 1]) for i in range(1, o.steps + 1))
        fields[o] = (slope.xreplace(levels[-1]), (sympy.factor_terms(lowest), *steps))
    return fields


def _quotient(slope, high, low, D):
    """(slope(high) - slope(low))/D with D cancelled where the slope is rational."""
    ratio = (slope.xreplace(high) - slope.xreplace(low)) / D
    return sympy.factor_terms(sympy.cancel(ratio)) if slope.is_rational_function(*high) else ratio


def spectral_bend(coupling, overlaps):
    """{(overlap, overlap): 2 d2G/dy dy' at y = C}: the second variation inside the eigenvalue q_d - q_k."""
    y, G = _spectral(coupling, overlaps)
    at = dict(zip(y, (o.C for o in overlaps)))
    return {(o, p): 2 * G.diff(s).diff(t).xreplace(at) for o, s in zip(overlaps, y) for p, t in zip(overlaps, y)}


def energy_of(coupling, overlaps, D):
    """Energy of elementwise or spectral couplings."""
    if coupling.kind == "elementwise":
        return elementwise_energy(coupling.covariance, overlaps, D)
    if coupling.kind == "spectral":
        return spectral_energy(coupling, overlaps, D)
    raise InputError(f"a channel has no energy in closed form: {coupling}")


def fields_of(coupling, overlaps, D):
    """Conjugate fields of elementwise or spectral couplings."""
    if coupling.kind == "elementwise":
        return elementwise_fields(coupling.covariance, overlaps, D)
    return spectral_fields(coupling, overlaps, D)


def bend_of(coupling, overlaps):
    """Replicon variation of elementwise or spectral couplings."""
    if coupling.kind == "elementwise":
        return elementwise_bend(coupling.covariance, overlaps)
    return spectral_bend(coupling, overlaps)
