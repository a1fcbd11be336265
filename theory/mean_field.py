"""A derived mean-field theory: one frozen object from which every quantity follows.

Everything is a derivative of the energy e(phi) and of the site pressure
P(h; T) = T E_xi log Tr_s exp[(h.g(s, xi) - v(s, xi)) / T].
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import sympy
from sympy import Expr, ImmutableMatrix

from .averages import average
from .disorder import FiniteDistribution
from .errors import InputError
from .sites import over_temperature
from .symbols import T, symbol


@dataclass(frozen=True, eq=False)
class MeanFieldTheory:
    """Free energy and self-consistency equations of a model without quenched couplings.

    Attributes
    ----------
    model : Model
    route : name of the derivation's route
    site_pressure : P(h; T), an expression in `fields`, T and the parameters
    """

    model: object
    route: str
    site_pressure: Expr

    @property
    def order_parameters(self):
        """Symbols phi_a, observables included."""
        return tuple(self.model.order_parameters)

    @property
    def energy(self):
        """e(phi), the energy per site."""
        return self.model.energy

    @cached_property
    def fields(self):
        """Symbols h_a of the fields conjugate to the order parameters."""
        return fields_of(self.model)

    @cached_property
    def field_values(self):
        """h_a = -de/dphi_a; zero for an observable."""
        return tuple(sympy.factor_terms(-self.energy.diff(a)) for a in self.order_parameters)

    @cached_property
    def free_energy(self):
        """f(phi) = e(phi) + h.phi - P(h) at h = -grad e, per site; its value at a solution is the free energy."""
        work = sum(h * a for h, a in zip(self.field_values, self.order_parameters))
        return self.energy + sympy.expand(work) - self.at_fields(self.site_pressure)

    @cached_property
    def equations(self):
        """{phi_a: <g_a>}, the right-hand sides of the self-consistency equations."""
        means = (self.site_pressure.diff(h).expand(deep=False) for h in self.fields)
        return {a: self.at_fields(mean) for a, mean in zip(self.order_parameters, means)}

    @cached_property
    def response(self):
        """C_ab = d2P/dh_a dh_b = beta E_xi <g_a g_b>_c, the response of independent sites."""
        return self.at_fields(ImmutableMatrix(sympy.hessian(self.site_pressure, self.fields)))

    @cached_property
    def curvature(self):
        """d2e/dphi_a dphi_b."""
        return ImmutableMatrix(sympy.hessian(self.energy, self.order_parameters))

    @cached_property
    def jacobian(self):
        """Jacobian of phi - <g>: I + C e''. Its eigenvalues are real; all positive means locally stable."""
        return ImmutableMatrix(sympy.eye(len(self.fields)) + self.response * self.curvature)

    @cached_property
    def independent(self):
        """Indices of order parameters in which the energy's others are affine (all but one fraction of a Potts site)."""
        return _independent(self.model)

    @cached_property
    def hessian(self):
        """Hessian of f(phi) = e - T S(phi) in the independent order parameters: e'' + C^-1.

        Observables are minimised out. Beyond three order parameters the inverse stays unevaluated.
        """
        kept, slopes = list(self.independent), _affine_slopes(self.model, self.independent)
        response = self.response.extract(kept, kept)
        return slopes.T * self.curvature * slopes + _inverse(response)

    @cached_property
    def entropy(self):
        """s = dP/dT at fixed fields, per site."""
        return self.at_fields(self.site_pressure.diff(T))

    @cached_property
    def conditions(self):
        """Expressions that must be positive for the site's measure to exist."""
        exponent = site_exponent(self.model)
        return tuple(map(self.at_fields, self.model.site.normalisation(exponent)))

    def at_fields(self, expr):
        """`expr` with the fields replaced by -grad e."""
        return expr.xreplace(dict(zip(self.fields, self.field_values)))

    def zero_temperature(self):
        """The limit T -> 0 of free energy and equations."""
        from .zero_temperature import zero_temperature

        return zero_temperature(self)

    def landau(self, **options):
        """Expansion about the symmetric solution, with critical temperature, order and exponents."""
        from .landau import landau

        return landau(self, **options)


def fields_of(model):
    """The field symbols h_a of a model, one for each order parameter."""
    return tuple(symbol(f"h_{a}") for a in model.order_parameters)


def site_exponent(model):
    """(h.g(s, xi) - v(s, xi)) / T, the exponent of the one-site Boltzmann weight."""
    work = sum(h * g for h, g in zip(fields_of(model), model.order_parameters.values()))
    return over_temperature(work - model.site_energy)


def site_pressure(model):
    """P(h; T) = T E_xi log Tr_s exp[(h.g - v)/T] of a model."""
    return average(T * model.site.log_trace(site_exponent(model)), model.disorder)


def theory_of(model):
    """The theory of a model without the steps that lead to it.

    Raises
    ------
    InputError
        If the model has quenched couplings: its theory is that of `theory.replica.replica_theory`.
    """
    if model.couplings:
        raise InputError(f"{model.name} has quenched couplings, which this computation does not cover: it needs a replica theory")
    return MeanFieldTheory(model, "saddle-point", site_pressure(model))


def _independent(model):
    """Greedy choice among the energy's order parameters of affinely independent functions on a finite site."""
    used = [(i, g) for i, (a, g) in enumerate(model.order_parameters.items()) if a not in model.observables]
    if model.site.kind != "finite":
        return tuple(i for i, _ in used)
    rows, kept = [_state_values(model, sympy.S.One)], []
    for i, g in used:
        candidate = rows + [_state_values(model, g)]
        if sympy.Matrix(candidate).rank() == len(candidate):
            rows, kept = candidate, kept + [i]
    return tuple(kept)


def _affine_slopes(model, kept):
    """d phi / d(independent order parameters), shape (all, independent)."""
    if len(kept) == len(model.order_parameters) - len(model.observables):
        return sympy.eye(len(model.order_parameters)).extract(range(len(model.order_parameters)), list(kept))
    functions = list(model.order_parameters.values())
    basis = sympy.Matrix([_state_values(model, g) for g in [sympy.S.One, *(functions[i] for i in kept)]]).T
    rows = []
    for g in functions:
        solution = (basis.T * basis).LUsolve(basis.T * sympy.Matrix(_state_values(model, g)))
        rows.append(list(solution)[1:])
    return sympy.Matrix(rows)


def _inverse(matrix):
    """Inverse by cofactors up to 3 x 3: SymPy's own tests pivots for zero, which is slow here."""
    n = matrix.rows
    if n > 3:
        return sympy.Inverse(matrix)
    if n == 1:
        return ImmutableMatrix([[1 / matrix[0, 0]]])
    cofactors = sympy.Matrix(n, n, lambda i, j: (-1) ** (i + j) * _determinant(matrix.minor_submatrix(j, i)))
    return ImmutableMatrix(cofactors / _determinant(matrix))


def _determinant(matrix):
    if matrix.rows == 1:
        return matrix[0, 0]
    return sum((-1) ** j * matrix[0, j] * _determinant(matrix.minor_submatrix(0, j)) for j in range(matrix.cols))


def _state_values(model, g):
    """Values of a one-site function over states and disorder values (enough to find affine relations)."""
    finite = {x: d.values for x, d in model.disorder.items() if isinstance(d, FiniteDistribution)}
    probes = {x: sympy.Rational(7, 5) for x in model.disorder if x not in finite}
    cells = [dict(zip(finite, values)) for values in product(*finite.values())]
    return [g.xreplace(state).xreplace(probes).xreplace(cell) for _, state in model.site.enumerate() for cell in cells]
