"""E. Gardner, J. Phys. A 21, 257 (1988); W. Krauth, M. Mezard, J. Phys. France 50, 3057 (1989)."""

import sympy

from ..couplings import STABILITY, PatternConstraints, step
from ..model import Model, Parameter
from ..sites import Ising, SphericalSite
from ..symbols import beta, symbols
from .registry import builtin


@builtin("perceptron-spherical")
def perceptron_spherical() -> Model:
    """Weights on a sphere that store alpha N random patterns with stability at least kappa."""
    alpha, kappa = symbols("alpha kappa")
    return _weights(SphericalSite, PatternConstraints(alpha, margin=kappa), {alpha: 1, kappa: 0},
                    "perceptron-spherical", "spherical perceptron, storage", "E. Gardner, J. Phys. A 21, 257 (1988)")


@builtin("perceptron-binary")
def perceptron_binary() -> Model:
    """Weights +1 or -1 that store alpha N random patterns with stability at least kappa."""
    alpha, kappa = symbols("alpha kappa")
    return _weights(Ising, PatternConstraints(alpha, margin=kappa), {alpha: 0.5, kappa: 0},
                    "perceptron-binary", "binary perceptron, storage", "W. Krauth, M. Mezard, J. Phys. France 50, 3057 (1989)")


@builtin("teacher-student-spherical")
def teacher_student_spherical() -> Model:
    """Weights on a sphere that agree with a teacher of the same kind on alpha N random patterns."""
    alpha, = symbols("alpha")
    return _weights(SphericalSite, PatternConstraints(alpha, teacher=True), {alpha: 1},
                    "teacher-student-spherical", "spherical perceptron with a teacher",
                    "H. S. Seung, H. Sompolinsky, N. Tishby, Phys. Rev. A 45, 6056 (1992)")


@builtin("teacher-student-binary")
def teacher_student_binary() -> Model:
    """Weights +1 or -1 that agree with a teacher of the same kind on alpha N random patterns."""
    alpha, = symbols("alpha")
    return _weights(Ising, PatternConstraints(alpha, teacher=True), {alpha: 1},
                    "teacher-student-binary", "binary perceptron with a teacher", "G. Gyorgyi, Phys. Rev. A 41, 7097 (1990)")


@builtin("perceptron-errors")
def perceptron_errors() -> Model:
    """Weights +1 or -1 at inverse temperature beta, whose energy counts the errors on alpha N random patterns."""
    alpha, = symbols("alpha")
    gate = sympy.exp(-beta * (1 - step(STABILITY)))
    return _weights(Ising, PatternConstraints(alpha, gate), {alpha: 1, beta: 2},
                    "perceptron-errors", "binary perceptron with errors (density of states)",
                    "E. Gardner, B. Derrida, J. Phys. A 21, 271 (1988); arXiv:2409.18683")


def _weights(site, constraints, defaults, name, title, reference):
    w, = symbols("w")
    low = {"alpha": 0, "beta": 0}
    return Model(
        site=site(w),
        order_parameters={},
        energy=0,
        couplings=(constraints,),
        parameters={x: Parameter(str(x), value, min=low.get(str(x))) for x, value in defaults.items()},
        name=name,
        title=title,
        reference=reference,
    )
