"""Layers trained in the spectral domain: eigenvalues of the adjacency matrix, what they can reach, and what pruning them costs.

A layer of N_1 inputs and N_2 outputs is a directed bipartite graph with adjacency matrix A = Phi Lambda Phi^-1, where Phi has
ones on
its diagonal and the block phi_ij from input j to output i, and Lambda holds the eigenvalues of all nodes. After L. Giambagli et
al.,
Nat. Commun. 12, 1330 (2021), arXiv:2005.14436; L. Buffoni et al., Sci. Rep. 12, 11201 (2022), arXiv:2108.00940.
"""

from functools import cache

import sympy
from sympy import Integral, Rational, S, Symbol, exp, pi, sqrt

from ..checks import Equal
from ..derivation import Step
from .derived import DynamicsDerivation, Witness
from .separability import dichotomies

__all__ = ["derive_spectral"]

SPECTRAL = "L. Giambagli, L. Buffoni, T. Carletti, W. Nocentini, D. Fanelli, Nat. Commun. 12, 1330 (2021), arXiv:2005.14436"
PRUNING = "L. Buffoni, E. Civitelli, L. Giambagli, L. Chicchi, D. Fanelli, Sci. Rep. 12, 11201 (2022), arXiv:2108.00940"
COVER = "T. M. Cover, IEEE Trans. Electron. Comput. EC-14, 326 (1965)"

INPUTS, OUTPUTS = 2, 2
source, target, element = sympy.symbols("lambda_j lambda_i phi_ij", real=True)
ins, outs = sympy.symbols("lambda_1:3", real=True), sympy.symbols("lambda_3:5", real=True)
entries = sympy.Matrix(OUTPUTS, INPUTS, sympy.symbols("phi_1:5", real=True))
wanted = sympy.Matrix(OUTPUTS, INPUTS, sympy.symbols("w_1:5", real=True))
z, x, shift = Symbol("z", real=True), Symbol("x", real=True), Symbol("epsilon", real=True)
N1, N2 = sympy.symbols("N_1 N_2", positive=True)
cut = Symbol("a", positive=True)
DOMAIN = {source: (0.5, 2.0), target: (-2.0, -0.5), element: (-1, 1), x: (2.5, 4.0), shift: (0.2, 1.0), cut: (0.3, 2.5),
          N1: (3, 9),
          N2: (2, 6), **{e: (-1, 1) for e in (*entries, *wanted)}, **{e: (0.5, 2.0) for e in ins},
          **{e: (-2.0, -0.5) for e in outs}}


@cache
def derive_spectral():
    """The derivation of a layer's spectral form and of what its eigenvalues can do.

    Returns
    -------
    DynamicsDerivation with the results
        weight : w_ij as a function of lambda_j (input), lambda_i (output) and phi_ij
        element : phi_ij as a function of a weight w_1 and the two eigenvalues, the converse
        parameters : number of directions in the space of weights that eigenvalues move, N_1 + N_2 - 1
        missed : share of a random linear task that they cannot reach; missed_inputs : where the inputs' alone are trained
        capacity : labels per eigenvalue up to which random ones can be learned, as N_1 grows
        removed, lost : of the eigenvalues with |lambda| below the cut a, in units of their spread: their share, and that of the
        square
    """
    form, reach, pruning = _form(), _reach(), _pruning()
    steps = tuple(step for part in (form, reach, pruning) for step in part["steps"])
    results = {key: value for part in (form, reach, pruning) for key, value in part.items() if key != "steps"}
    return DynamicsDerivation("spectral learning", steps, results, DOMAIN)


def _adjacency():
    """Eigenvector matrix, its inverse and A for two inputs and two outputs."""
    vectors = sympy.eye(INPUTS + OUTPUTS)
    vectors[INPUTS:, :INPUTS] = entries
    inverse = 2 * sympy.eye(INPUTS + OUTPUTS) - vectors
    return vectors, inverse, vectors * sympy.diag(*ins, *outs) * inverse


def _form():
    """The layer in direct and in spectral space."""
    vectors, inverse, adjacency = _adjacency()
    block = adjacency[INPUTS:, :INPUTS]
    rest = [adjacency[i, j] for i in range(4) for j in range(4) if not (i >= INPUTS > j)]
    diagonal = [(*ins, *outs)[i] if i == j else S.Zero for i in range(4) for j in range(4) if not (i >= INPUTS > j)]
    weight = sympy.factor(block[0, 0]).subs({ins[0]: source, outs[0]: target, entries[0, 0]: element})
    weights = [weight.subs({source: ins[j], target: outs[i], element: entries[i, j]}, simultaneous=True)
               for i in range(OUTPUTS) for j in range(INPUTS)]
    found = sympy.solve(weight - wanted[0, 0], element)[0]
    given = {entries[i, j]: found.subs({source: ins[j], target: outs[i], wanted[0, 0]: wanted[i, j]}, simultaneous=True)
             for i in range(OUTPUTS) for j in range(INPUTS)}
    moved = {e: e + shift for e in (*ins, *outs)}
    polynomial = (x * sympy.eye(4) - adjacency).det(method="berkowitz")
    steps = (
        Step("Inverse of the eigenvectors", "nilpotent block", "The block from inputs to outputs squares to zero, so that "
             "$\\Phi^{-1} = 2 - \\Phi$.",
             SPECTRAL, sympy.Tuple(*(vectors * inverse)), sympy.Tuple(*sympy.eye(4)), "=", Equal()),
        Step("Weights", "matrix product", "$A = \\Phi\\Lambda(2 - \\Phi)$: its block from inputs to outputs is the layer.",
             SPECTRAL,
             sympy.Tuple(*block, *rest), sympy.Tuple(*weights, *diagonal), "=", Equal()),
        Step("Eigenvalues", "characteristic polynomial", "The parameters $\\lambda$ are the eigenvalues of the graph, inputs' "
             "and outputs'.", SPECTRAL,
             polynomial, sympy.Mul(*(x - e for e in (*ins, *outs))), "=", Equal()),
        Step("Every layer has this form", "division", "At distinct eigenvalues any weights are those of one $\\phi$: training "
             "$\\lambda$ and $\\phi$ reaches "
             "what training $w$ reaches.", SPECTRAL, sympy.Tuple(*(e.subs(given) for e in weights)), sympy.Tuple(*wanted), "=",
             Equal()),
        Step("A shift does nothing", "gauge", "Weights depend on differences of eigenvalues: one of their $N_1 + N_2$ "
             "combinations is idle.", SPECTRAL,
             sympy.Tuple(*(e.subs(moved, simultaneous=True) for e in weights)), sympy.Tuple(*weights), "=", Equal()),
    )
    return {"steps": steps, "weight": weight, "element": found.subs(wanted[0, 0], Symbol("w_1", real=True))}


def _reach():
    """How much of a random task the eigenvalues reach when the eigenvectors are frozen."""
    parameters = N1 + N2 - 1
    missed, inputs = 1 - parameters / (N1 * N2), 1 - N1 / (N1 * N2)
    rank = Step(
        "Directions that eigenvalues move", "rank", "At generic frozen $\\phi$ the weights are linear in the eigenvalues, with "
        "the shift as only null direction.",
        SPECTRAL, Symbol(r"\operatorname{rank}\partial w/\partial\lambda"), parameters, "=", Witness(_rank, 0))
    share = Step(
        "A random linear task", "projection of an isotropic vector",
        "White inputs, target weights without preferred direction, squared error: training projects the target on a subspace of "
        "so many of "
        "$N_1 N_2$ dimensions, and the mean share of the error that is left is the share of the others, at any size.", SPECTRAL,
        sympy.Tuple(Symbol(r"\langle E/E_0\rangle"), Symbol(r"\langle E/E_0\rangle_{\text{inputs only}}")),
        sympy.Tuple(missed, inputs), "=",
        Witness(_projection, 1e-10))
    capacity = _half()
    labels = Step(
        "Random labels", "Cover's theorem",
        "Output $i$ on pattern $\\mu$ is the sign of $\\sum_j\\lambda_j\\phi_{ij}x^\\mu_j$: a hyperplane among the $PN_2$ "
        "points $\\phi_i\\circ x^\\mu$ in $N_1$ "
        "dimensions, which are in general position. Cover's count applies at any size; half of all labels are learned at two "
        "for each "
        "eigenvalue, as at two patterns for each weight of a perceptron.", COVER, Symbol(r"PN_2/N_1\,\text{at probability } 1/2"),
        capacity, "=",
        Witness(_count, 0))
    return {"steps": (rank, share, labels), "parameters": parameters, "missed": missed, "missed_inputs": inputs,
            "capacity": capacity}


def _half():
    """Points for each dimension at which half of all labels are separable, by Cover's count in 20 dimensions."""
    size = 20
    return Rational(next(n for n in range(1, 10 * size) if 2 * dichotomies(n, size) <= 2**n), size)


def _design(inputs, outputs, seed):
    """dw/dlambda, array (N_1 N_2, N_1 + N_2), at random phi, from the derived weight."""
    import numpy

    phi = numpy.random.default_rng(seed).normal(size=(outputs, inputs))
    weight = derive_spectral()["weight"]
    slopes = [sympy.lambdify(element, weight.diff(e)) for e in (source, target)]
    design = numpy.zeros((outputs, inputs, inputs + outputs))
    for i in range(outputs):
        for j in range(inputs):
            design[i, j, j], design[i, j, inputs + i] = (slope(phi[i, j]) for slope in slopes)
    return design.reshape(outputs * inputs, -1)


def _rank(step, context):
    """Ranks of the derivative of the weights, against the step's right side."""
    import numpy

    sizes = ((3, 2), (4, 3), (6, 5))
    worst = max(abs(numpy.linalg.matrix_rank(_design(*size, context.seed)) - float(step.after.subs({N1: size[0], N2: size[1]})))
                for size in sizes)
    return worst, "3 x 2, 4 x 3 and 6 x 5 nodes, random phi"


def _projection(step, context):
    """The mean share left over is that of the projector's trace, against the step's right side."""
    import numpy

    worst = 0.0
    for inputs, outputs in ((3, 2), (5, 4)):
        design = _design(inputs, outputs, context.seed)
        for columns, expected in ((slice(None), step.after[0]), (slice(inputs), step.after[1])):
            part = design[:, columns]
            left = 1 - numpy.trace(part @ numpy.linalg.pinv(part)) / (inputs * outputs)
            worst = max(worst, abs(left - float(expected.subs({N1: inputs, N2: outputs}))))
    return worst, "3 x 2 and 5 x 4 nodes: trace of the projector"


def _count(step, context):
    """Labels that two eigenvalues learn, counted over all hyperplanes, against Cover's count; its half at the right side."""
    import numpy

    random, worst = numpy.random.default_rng(context.seed), 0
    for outputs, patterns in ((2, 2), (2, 3), (3, 2)):
        phi, inputs = random.normal(size=(outputs, 2)), random.normal(size=(patterns, 2))
        points = (phi[:, None] * inputs[None]).reshape(-1, 2)
        angles = numpy.arctan2(points[:, 1], points[:, 0])
        normals = numpy.sort(numpy.concatenate([angles + numpy.pi / 2, angles - numpy.pi / 2]) % (2 * numpy.pi))
        middle = (normals + numpy.append(normals[1:], normals[0] + 2 * numpy.pi)) / 2
        learned = {tuple(row) for row in (numpy.stack([numpy.cos(middle), numpy.sin(middle)], 1) @ points.T > 0)}
        worst = max(worst, abs(len(learned) - dichotomies(len(points), 2)))
    half = [abs(Rational(dichotomies(int(step.after * n), n), 2 ** int(step.after * n)) - Rational(1, 2)) for n in (1, 5, 20)]
    return max(worst, *half), "all labels of 4 and 6 points that 2 eigenvalues learn; Cover's probability at N_1 = 1, 5, 20"


def _pruning():
    """The cost of removing the eigenvalues of smallest modulus."""
    normal = exp(-z**2 / 2) / sqrt(2 * pi)
    removed = sympy.integrate(normal, (z, -cut, cut))
    # z times the density is minus its derivative: by parts.
    lost = removed - 2 * (z * normal).subs(z, cut)
    separate = Step(
        "Errors add up", "orthogonal directions",
        "For white inputs and columns $\\phi_j$ of unit length the error is $\\sum_j(\\lambda_j - \\lambda^*_j)^2$ plus what no "
        "eigenvalue reaches: an "
        "eigenvalue that is set to zero costs its square, and for a random target these are independent Gaussians.", PRUNING,
        Symbol(r"E(\lambda_j\to 0) - E"), Symbol("lambda_j") ** 2, "=", Witness(_separate, 1e-10))
    shares = Step(
        "Pruning by eigenvalue", "Gaussian integrals", "Removing all with $|\\lambda| < a$, in units of their spread, removes "
        "this share of nodes and of the "
        "explained variance.", PRUNING, sympy.Tuple(Integral(normal, (z, -cut, cut)), Integral(z**2 * normal, (z, -cut, cut))),
        sympy.Tuple(removed, lost), "=", Equal())
    whole = Step("Everything", "normalisation", "All of them carry all of the explained variance.", PRUNING,
                 sympy.Tuple(*(e.subs(cut, 12) for e in (removed, lost))), sympy.Tuple(S.One, S.One), "=", Equal())
    return {"steps": (separate, shares, whole), "removed": removed, "lost": lost}


def _separate(step, context):
    """The growth of the error at a random target when one eigenvalue is removed, against the step's right side."""
    import numpy

    random = numpy.random.default_rng(context.seed)
    phi, goal = random.normal(size=(4, 3)), random.normal(size=(4, 3))
    phi /= numpy.linalg.norm(phi, axis=0)
    design = numpy.stack([(phi * (numpy.arange(3) == j)).ravel() for j in range(3)], 1)
    best = numpy.linalg.lstsq(design, goal.ravel(), rcond=None)[0]

    def error(values):
        return numpy.sum((design @ values - goal.ravel()) ** 2)

    grown = [error(best * (numpy.arange(3) != j)) - error(best) for j in range(3)]
    expected = [float(step.after.subs(Symbol("lambda_j"), value)) for value in best]
    return max(abs(a - b) for a, b in zip(grown, expected)), "3 x 4 nodes, least squares"
