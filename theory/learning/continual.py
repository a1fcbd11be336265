"""Two tasks learned one after the other by a perceptron whose binary weights have means m in [-1, 1].

A pattern x with label y = sign(teacher.x) costs -ln H(-y u / sqrt(1 - Q)), where u = m.x / sqrt(N) and Q = m.m / N: the probability, over
binary weights with these means, of a wrong label. Means have the weight exp(-beta cost) on the cube, a flat measure. The second task adds
beta gamma KL(m || m1) with the means m1 of the first: its free entropy at fixed m1 is the potential of Franz and Parisi.

References: Li, Huang, Zou and Huang, Phys. Rev. E 108, 014309 (2023); Franz and Parisi, J. Phys. I 5, 1401 (1995).
"""

from functools import cache

import sympy
from sympy import Derivative, Integral, S, Symbol, Tuple, erfc, exp, log, oo, sqrt

from ..checks import Equal
from ..derivation import Step
from .derived import DynamicsDerivation, Stated

__all__ = ["ALPHA", "BETA", "GAMMA", "HATS", "M", "M1", "OVERLAPS", "TEACHER", "X", "Z", "continual"]

Q, R, QD = (Symbol(name, positive=True) for name in ("q", "r", "Q"))
QH, RH, QDH = (Symbol(name, positive=True) for name in ("qhat", "rhat", "Qhat"))
ALPHA, BETA, GAMMA = (Symbol(name, positive=True) for name in ("alpha", "beta", "gamma"))
X, Z, T, U = (Symbol(name, real=True) for name in ("x", "z", "t", "S"))
M, M1, TEACHER = (Symbol(name, real=True) for name in ("m", "m1", "B"))
OVERLAPS, HATS = (Q, R, QD), (QH, RH, QDH)

DOMAIN = {R: (0.2, 0.35), Q: (0.4, 0.5), QD: (0.6, 0.8), QH: (1, 3), RH: (0.5, 1), QDH: (0.5, 1), X: (-2, 2), Z: (-2, 2), T: (-2, 2), U: (-1, 1),
          M: (-0.8, 0.8), M1: (-0.8, 0.8), TEACHER: (0.9, 1.1), ALPHA: (0.5, 1), BETA: (1, 3), GAMMA: (0.1, 1)}


def tail(x):
    """H(x), the probability that a standard normal variable exceeds x."""
    return erfc(x / sqrt(2)) / 2


@cache
def continual():
    """The replica-symmetric theory of both tasks.

    The results are, as functions of the overlaps q (of two sets of means), r (with the teacher) and Q and their conjugates:
    `field` g and `label` H(...), from which G_E = 2 E_z label ln E_x H(g)^beta; `conjugates`, the prefactors of dG_E/d(q, r, Q) in the conjugate
    overlaps; `exponent` of the measure of one mean, in the first task, with z standard normal; `penalty`, the relative entropy.

    Returns
    -------
    DynamicsDerivation
    """
    student = sqrt(QD - Q) * X + sqrt(Q) * Z
    teacher = R / sqrt(Q) * Z + sqrt(1 - R**2 / Q) * T
    label = tail(R * Z / sqrt(Q - R**2))
    field = student / sqrt(1 - QD)
    normal = lambda x: exp(-x**2 / 2) / sqrt(2 * sympy.pi)
    threshold = -R * Z / sqrt(Q - R**2)
    energetic = Symbol("G_E", real=True)
    conjugates = Tuple(-2 * ALPHA, ALPHA, ALPHA)
    exponent = (QDH - QH / 2) * M**2 + (sqrt(QH) * Z + RH) * M
    penalty = (1 + M) / 2 * log((1 + M) / (1 + M1)) + (1 - M) / 2 * log((1 - M) / (1 - M1))
    steps = (
        Step("Fields are Gaussian", "central limit theorem", "over random patterns, the student's and the teacher's field have the overlaps as covariances; "
             "the student's fields of two replicas share $z$ alone (replica symmetry)",
             before=Tuple(_mean(student**2), _mean(student * teacher), _mean(teacher**2), _mean(student * student.subs(X, Symbol("x2", real=True)))),
             after=Tuple(QD, R, S.One, Q), claim=Equal()),
        Step("Sum over the label", "Gaussian integral", "given $z$ the teacher's label is $+1$ where $t$ exceeds a threshold; the other label is the same with $z \\to -z$",
             before=Integral(normal(T), (T, threshold, oo)), after=tail(threshold), claim=Equal()),
        Step("Replicas decouple", "Gaussian linearisation", "$\\hat q$ couples the means of all replicas through their sum $S$",
             before=Integral(normal(Z) * exp(sqrt(QH) * Z * U), (Z, -oo, oo)), after=exp(QH * U**2 / 2), claim=Equal()),
        Step("Free entropy", "replica trick", "$\\phi = \\hat q q/2 - \\hat r r - \\hat Q Q + G_S + \\alpha G_E$ as $n \\to 0$; replica symmetry is assumed",
             "Li et al. (2023)", after=QH * Q / 2 - RH * R - QDH * QD + Symbol("G_S", real=True) + ALPHA * energetic,
             claim=Stated("replica symmetry, and the exchange of limits of the replica trick")),
        Step("Conjugate overlaps", "stationarity", "in $q$, $r$ and $Q$: the factors of the derivatives of $G_E$",
             before=Tuple(*(sympy.solve(Derivative(QH * Q / 2 - RH * R - QDH * QD, x).doit() + ALPHA * Symbol("d", real=True), h)[0] / Symbol("d", real=True)
                            for x, h in zip(OVERLAPS, HATS))), after=conjugates, claim=Equal()),
        Step("Exponent of one mean", "completing the trace", "diagonal terms of the conjugate matrix against the linearised ones",
             before=QDH * M**2 + RH * M - QH * M**2 / 2 + sqrt(QH) * Z * M, after=exponent, claim=Equal()),
        Step("The second task", "potential of Franz and Parisi", "the means of the first task are frozen where their measure puts them; "
             "the penalty is the relative entropy of the binary weights, zero at $m = m_1$",
             before=Tuple(penalty.subs(M, M1), penalty.diff(M).subs(M, M1), penalty.diff(M, 2)), after=Tuple(S.Zero, S.Zero, 1 / (1 - M**2)), claim=Equal()),
    )
    results = {"field": field, "label": label, "conjugates": conjugates, "exponent": exponent, "penalty": penalty}
    return DynamicsDerivation("continual learning", steps, results, DOMAIN)


def _mean(polynomial):
    """E of a polynomial of second degree in the independent standard normal variables x, x2, z and t."""
    independent = (X, Symbol("x2", real=True), Z, T)
    polynomial = sympy.expand(polynomial)
    return sympy.Add(polynomial.subs(dict.fromkeys(independent, 0)), *(polynomial.coeff(x, 2) for x in independent))
