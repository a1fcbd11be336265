"""Elementary functions that vectorise, and the site functions with an explicit temperature.

Every scaled function takes T and R = 1/T, with R = `COLD` at T = 0, so that one compiled kernel
serves every temperature: T log 2cosh(x/T) becomes |x|, its slope the sign and its curvature a
spike of height `COLD` at x = 0. Accuracy is one to two units in the last place.
"""

import math

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .jit import primitive, routine

COLD = 1e150

LOG2E = 1.4426950408889634
LN2_HIGH = 0.6931471803691238
LN2_LOW = 1.9082149292705877e-10
ROUNDER = 6755399441055744.0
SQRT_2_OVER_PI = 0.7978845608028654
SQRT_HALF = 0.7071067811865476


@intrinsic
def _bits(typingctx, x):
    """The 64 bits of a float as an integer."""
    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), codegen


@intrinsic
def _float(typingctx, n):
    """The float made of these 64 bits."""
    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), codegen


@primitive
def _reduced(x):
    """(2**n, expm1(r)) with x = n log 2 + r and |r| <= log(2)/2; -708 <= x <= 709."""
    shifted = x * LOG2E + ROUNDER
    n = shifted - ROUNDER
    r = (x - n * LN2_HIGH) - n * LN2_LOW
    power = _float((_bits(shifted) + 1023) << 52)
    q = 2.0911264239196083e-09
    q = q * r + 2.5100424157005067e-08
    q = q * r + 2.755728291148268e-07
    q = q * r + 2.7557268378684192e-06
    q = q * r + 2.4801587317181886e-05
    q = q * r + 0.00019841269863105968
    q = q * r + 0.0013888888888886545
    q = q * r + 0.008333333333330051
    q = q * r + 0.041666666666666664
    q = q * r + 0.16666666666666669
    return power, r + r * r * (0.5 + r * q)


@primitive
def exp(x):
    """e**x, flushed to e**-708 and capped at e**709."""
    power, p = _reduced(min(max(x, -708.0), 709.0))
    return power + power * p


@primitive
def _decay(u):
    """(E, 1 - E) with E = exp(-2u), u >= 0; both to full relative accuracy."""
    power, p = _reduced(-2.0 * min(u, 354.0))
    return power + power * p, (1.0 - power) - power * p


@primitive
def _inverses(E):
    """(1/(1 + E), 1/(2 + E)) by one division, which the functions of one argument share."""
    r = 1.0 / ((1.0 + E) * (2.0 + E))
    return r * (2.0 + E), r * (1.0 + E)


@primitive
def _log1p(e):
    """log(1 + e) for 0 <= e <= 1, by 2 artanh(e / (2 + e))."""
    s = e * _inverses(e)[1]
    t = s * s
    q = 0.08082022805971766
    q = q * t + 0.04400369243072337
    q = q * t + 0.06000536404795356
    q = q * t + 0.06657072104827468
    q = q * t + 0.07692785032479312
    q = q * t + 0.09090894718066429
    q = q * t + 0.11111111358713932
    q = q * t + 0.1428571428355438
    q = q * t + 0.20000000000007292
    q = q * t + 0.3333333333333333
    return 2.0 * (s + s * t * q)


@primitive
def tanh(x):
    """The hyperbolic tangent."""
    E, rest = _decay(abs(x))
    return math.copysign(rest * _inverses(E)[0], x)


@primitive
def log2cosh(x):
    """log(2 cosh x)."""
    u = abs(x)
    E, _ = _decay(u)
    return u + _log1p(E)


@primitive
def softabs(x, T, R):
    """T log 2cosh(x/T); |x| at T = 0."""
    E, _ = _decay(abs(x) * R)
    return abs(x) + T * _log1p(E)


@primitive
def softabs1(x, R):
    """tanh(x/T); the sign of x at T = 0."""
    # Written with |x| R, as its siblings are, so that they share one exponential.
    E, rest = _decay(abs(x) * R)
    return math.copysign(rest * _inverses(E)[0], x)


@primitive
def softabs2(x, R):
    """(1/T) sech(x/T)**2."""
    E, _ = _decay(abs(x) * R)
    r = _inverses(E)[0]
    return 4.0 * R * (E * r) * r


@primitive
def softabs3(x, R):
    """Third derivative of T log 2cosh(x/T)."""
    return -2.0 * R * softabs1(x, R) * softabs2(x, R)


@primitive
def softabs4(x, R):
    """Fourth derivative of T log 2cosh(x/T)."""
    t = softabs1(x, R)
    return R * R * softabs2(x, R) * (6.0 * t * t - 2.0)


@primitive
def softabs_entropy(x, R):
    """d/dT of T log 2cosh(x/T): the entropy of an Ising spin in the field x."""
    u = abs(x) * R
    E, _ = _decay(u)
    return _log1p(E) + 2.0 * min(u, 354.0) * E * _inverses(E)[0]


@primitive
def erf_and_gauss(x):
    """(erf x, exp(-x**2))."""
    u = min(abs(x), 26.0)
    gauss = exp(-u * u)
    s = min(u, 1.0)
    s = s * s
    near = -7.795898827002142e-10
    near = near * s + 1.3720064546777686e-08
    near = near * s - 1.6208483801871705e-07
    near = near * s + 1.6447424703317362e-06
    near = near * s - 1.492473690741966e-05
    near = near * s + 0.00012055294904839707
    near = near * s - 0.0008548325975389692
    near = near * s + 0.0052239776071164225
    near = near * s - 0.02686617064323777
    near = near * s + 0.11283791670945006
    near = near * s - 0.37612638903183543
    near = near * s + 1.1283791670955126
    v = min(u, 6.0)
    t = (v - 3.0) / (v + 3.0)
    far = 1.2801900862962662e-06
    far = far * t + 2.023603179641757e-06
    far = far * t - 8.008021319412685e-06
    far = far * t - 1.284889451252353e-05
    far = far * t + 6.406182073530546e-05
    far = far * t + 4.525472635483354e-05
    far = far * t - 0.0005970623517093284
    far = far * t + 0.0007077464443901538
    far = far * t + 0.004269136347508256
    far = far * t - 0.024392499318273194
    far = far * t + 0.07166583719774874
    far = far * t - 0.15011593650078744
    far = far * t + 0.24560380171233195
    far = far * t - 0.32623356004303716
    far = far * t + 0.17900115118138996
    value = u * near if u < 1.0 else 1.0 - gauss * far
    return math.copysign(value, x), gauss


@primitive
def erf(x):
    """The error function."""
    return erf_and_gauss(x)[0]


@routine
def _radial_series(b, kappa):
    """(L - kappa, A, kappa A') from the expansion in 1/kappa, L = log 0F1(; b; kappa**2/4), A = L'.

    The coefficients of A follow from its Riccati equation A' = 1 - (2b - 1) A/kappa - A**2.
    """
    a = np.empty(26)
    a[0] = 1.0
    slope = 2.0 * b - 1.0
    inverse = 1.0 / kappa
    excess = math.lgamma(b) + (b - 1.0) * math.log(2.0) - 0.5 * math.log(2.0 * math.pi) - 0.5 * slope * math.log(kappa)
    A, bend, power, previous = 1.0, 0.0, 1.0, math.inf
    for k in range(1, 26):
        total = (k - 1.0 - slope) * a[k - 1]
        for i in range(1, k):
            total -= a[i] * a[k - i]
        a[k] = 0.5 * total
        term = a[k] * power * inverse
        if abs(term) > previous or term == 0.0 and k > 2:
            break
        if k > 1:
            excess -= a[k] * power / (k - 1)
            previous = abs(term)
        A += term
        bend -= k * term
        power *= inverse
    return excess, A, bend


@routine
def _radial_fraction(b, w, kappa):
    """(log 0F1(; b; w) - kappa, r_b, r_(b+1)) with r_b = d/dw log 0F1(; b; w) = 1 / (b + w r_(b+1))."""
    n = int(kappa) + 30
    r = 1.0 / (b + n)
    following = r
    for k in range(n - 1, -1, -1):
        following = r
        r = 1.0 / (b + k + w * r)
    term, total, scale, k = 1.0, 1.0, 0.0, 0
    while term > 1e-18 * total:
        term *= w / ((k + 1.0) * (b + k))
        total += term
        k += 1
        if total > 1e200:
            total *= 1e-200
            term *= 1e-200
            scale += 460.51701859880916
    return math.log(total) + scale - kappa, r, following


@routine
def _is_far(b, kappa):
    return kappa > max(40.0, 8.0 * (b - 1.0) ** 2)


@routine
def softradial(b, y, T, R):
    """T log 0F1(; b; y / (4 T**2)); sqrt(y) at T = 0."""
    modulus = math.sqrt(y)
    kappa = modulus * R
    if _is_far(b, kappa):
        return modulus + T * _radial_series(b, kappa)[0]
    return modulus + T * _radial_fraction(b, 0.25 * kappa * kappa, kappa)[0]


@routine
def softradial1(b, y, T, R):
    """d/dy of `softradial`; 1 / (4 b T) at y = 0."""
    modulus = math.sqrt(y)
    kappa = modulus * R
    if _is_far(b, kappa):
        return 0.5 * _radial_series(b, kappa)[1] / modulus
    return 0.25 * R * _radial_fraction(b, 0.25 * kappa * kappa, kappa)[1]


@routine
def softradial2(b, y, T, R):
    """Second derivative of `softradial` in y."""
    modulus = math.sqrt(y)
    kappa = modulus * R
    if _is_far(b, kappa):
        _, A, bend = _radial_series(b, kappa)
        return 0.25 * (bend - A) / (y * modulus)
    _, r, following = _radial_fraction(b, 0.25 * kappa * kappa, kappa)
    # The cube of COLD would overflow.
    return r * (following - r) * min(R, 1e100) ** 3 / 16.0


@routine
def softradial_entropy(b, y, T, R):
    """d/dT of `softradial` at fixed y; minus infinity at T = 0 for a continuous site."""
    kappa = math.sqrt(y) * R
    if T <= 1.0 / COLD and b > 0.5 and y > 0.0:
        return -math.inf
    if _is_far(b, kappa):
        excess, A, _ = _radial_series(b, kappa)
        return excess + kappa * (1.0 - A)
    w = 0.25 * kappa * kappa
    excess, r, _ = _radial_fraction(b, w, kappa)
    return excess + kappa - 2.0 * w * r
