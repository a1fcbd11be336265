"""From overlaps of weights to errors on new examples, for inputs without structure."""

from functools import cache

import mpmath
import sympy
from sympy import Derivative, Integral, Symbol, acos, erfc, exp, limit, oo, pi, sqrt

from ..checks import Equal
from ..derivation import Step
from .derived import DynamicsDerivation, Stated, Witness

__all__ = ["disagreement", "disagreement_slope", "generalisation", "overlap_of_mean"]

R, Q, COUNT, U = (Symbol(name, positive=True) for name in ("R", "q", "n", "u"))


@cache
def generalisation():
    """What a student's overlap R with its teacher means: the error on a new Gaussian input, alone and by a vote of many students.

    The results are the `error` of one student, and the `overlap` with the teacher of the mean of many that have overlap q with
    each other, whose sign is their vote, Bayes' answer.

    Returns
    -------
    DynamicsDerivation
    """
    error = acos(R) / pi
    other = erfc(R * U / sqrt(2 * (1 - R**2))) / 2
    gaussian = exp(-U**2 / 2) / sqrt(2 * pi)
    finite = COUNT * R / sqrt(COUNT + COUNT * (COUNT - 1) * Q)
    overlap = limit(finite, COUNT, oo)
    steps = (
        Step("Two fields", "independent entries of the input", "the fields of student and teacher are Gaussian of correlation "
             "$R$; given the teacher's field $u$ the student's sign is wrong with this probability", after=other,
             claim=Stated("many entries of the input, none of them dominant")),
        Step("Opposite signs", "average over one field", "the area of a wedge", before=Integral(2 * gaussian * other, (U, 0, oo)),
             after=error, claim=Witness(_wedge, 1e-12)),
        Step("Its slope", "derivative", "the density of both fields at the origin", before=Derivative(error, R),
             after=-1 / (pi * sqrt(1 - R**2)), claim=Equal()),
        Step("The mean of many students", "bilinearity of overlaps", "of $n$ students, divided by its length",
             before=sympy.expand(finite**2),
             after=sympy.expand(COUNT**2 * R**2 / (COUNT + COUNT * (COUNT - 1) * Q)), claim=Equal()),
        Step("Infinitely many", "limit", "what is left of the mean's length is $\\sqrt{q}$", before=overlap * sqrt(Q), after=R,
             claim=Equal()),
    )
    domain = {R: (0.1, 0.9), Q: (0.2, 0.9), COUNT: (2, 50), U: (0, 2)}
    return DynamicsDerivation("generalisation", steps, {"error": error, "overlap": overlap}, domain)


def _wedge(step, context):
    """The average of the step's left side by quadrature, against its right side."""
    (inner, _), overlap = step.before.args, context.point()[R]
    average = mpmath.quad(sympy.lambdify(U, inner.subs(R, overlap), "mpmath"), [0, 1, 4, 14])
    return abs(average - context.value(step.after, context.point())), "quadrature at a random overlap"


def disagreement(overlap):
    """The probability that two vectors of this overlap, the cosine of their angle, give a new input opposite signs."""
    return generalisation()["error"].subs(R, overlap)


def disagreement_slope(overlap):
    """The derivative of that probability by the overlap, negative."""
    return generalisation()["error"].diff(R).subs(R, overlap)


def overlap_of_mean(overlap, among):
    """The overlap with the teacher of the mean of students that have `overlap` with it and `among` each other."""
    return generalisation()["overlap"].subs({R: overlap, Q: among})
