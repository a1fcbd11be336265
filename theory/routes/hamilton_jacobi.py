"""The mechanical analogy: the pressure is the action of a particle, the order parameters its velocity.

A_N(t, x) = (1/N) E log Tr exp N[-t u(phi) + x.phi] obeys a Hamilton-Jacobi equation at every N, up to a
fluctuation that vanishes in the thermodynamic limit; its characteristics are the self-consistency
equations and their crossing is the phase transition. The model sits at t = -beta, x = beta h.
"""

from dataclasses import dataclass
from functools import cached_property

import sympy
from sympy import Derivative, Matrix, S

from ..averages import average
from ..checks import Equal, Limit, Outcome, lowest_eigenvalue
from ..context import opened
from ..derivation import Step
from ..ensemble import Abbreviation, Partition, Quenched, SiteTrace
from ..evaluate import evaluate
from ..symbols import N, T, beta, symbol
from .common import (
    LIMIT, Setting, finish, hamiltonian_step, origins, row, self_consistency_step, sources, time,
)

ROUTE = "hamilton-jacobi"
GUERRA = "F. Guerra, Fields Inst. Commun. 30, 137 (2001)"
GENOVESE = "G. Genovese, A. Barra, J. Math. Phys. 50, 053303 (2009)"
RELATIVISTIC = "A. Barra, A. Di Lorenzo, F. Guerra, A. Moro, Proc. R. Soc. A 470, 20140589 (2014)"
EVANS = "L. C. Evans, Partial Differential Equations, 2nd ed. (AMS, 2010), ch. 3"


def derivation(model):
    """The derivation of a model's theory by the Hamilton-Jacobi equation."""
    setting = Setting(model)
    flow = Flow(setting)
    steps = [hamiltonian_step(setting), flow.definition(), flow.derivatives(), flow.equation()]
    steps += flow.viscosity() + flow.klein_gordon()
    steps += [flow.burgers(), flow.vanishing(), flow.initial(), flow.initial_trace(), flow.characteristics(),
              flow.action(), flow.solution(), flow.shock()]
    steps += flow.critical_point()
    steps += [flow.fluctuations(), flow.variance(), flow.physical_point(), flow.self_consistency()]
    return finish(setting, ROUTE, steps, setting.pressure, flow.physical_free_energy)


class Flow:
    """The expressions of the Hamilton-Jacobi problem of one model.

    u = -e without its linear terms, x the sources, x0 where characteristics start, p(x0) their velocity's
    argument, A0 the initial condition.
    """

    def __init__(self, setting):
        self.setting, self.t = setting, time(setting.model)
        self.x, self.x0 = sources(setting.model), origins(setting.model)
        self.used = setting.coupled
        self.linear = tuple(_linear_part(setting.energy, a, setting.phi) for a in setting.phi)
        self.u = -sympy.expand(setting.energy - setting.dot(self.linear)) if any(self.linear) else -setting.energy
        self.exponent = -self.t * self.u + setting.dot(self.x)
        self.pressure = Abbreviation(rf"A_N({self._t}, x)", setting.log_partition(self.exponent))


    def _exponent(self, x):
        return sympy.expand(self.setting.work(x) - self.setting.model.site_energy / T)

    @property
    def _t(self):
        return sympy.latex(self.t)

    @cached_property
    def start(self):
        """A(0, x0), the trace carried out."""
        return average(self.setting.model.site.log_trace(self._exponent(self.x0)), self.setting.model.disorder)

    @cached_property
    def momenta(self):
        """p_a(x0) = dA(0, x0)/dx0_a."""
        return tuple(self.start.diff(x) for x in self.x0)

    @cached_property
    def p(self):
        """The momenta as they are written: named where there are several."""
        return self._named([rf"p_{{{sympy.latex(a)}}}" for a in self.setting.phi], self.momenta)

    def _named(self, labels, expressions):
        if len(self.used) == 1:
            return tuple(expressions)
        return tuple(Abbreviation(label, e) for label, e in zip(labels, expressions))

    def at(self, expr):
        """A function of the order parameters at phi = p(x0)."""
        return expr.xreplace(dict(zip(self.setting.phi, self.p)))

    @cached_property
    def velocity(self):
        """du/dphi_a at phi = p(x0)."""
        return tuple(self.at(self.u.diff(a)) for a in self.setting.phi)

    @cached_property
    def position(self):
        """x(t) = x0 + t du/dp."""
        return tuple(x + self.t * v for x, v in zip(self.x0, self.velocity))

    @cached_property
    def along(self):
        """A(t, x(t)) = A(0, x0) + t (p.du/dp - u)."""
        lagrangian = sum((p * v for p, v in zip(self.p, self.velocity)), S.Zero) - self.at(self.u)
        return self.start + self.t * lagrangian

    @cached_property
    def response(self):
        """d p_a / d x0_b over the coupled order parameters."""
        plain = Matrix([[self.momenta[i].diff(self.x0[j]) for j in self.used] for i in self.used])
        return self._named_matrix("C", plain)

    @cached_property
    def curvature(self):
        """d2u/dphi dphi at phi = p(x0), over the coupled order parameters."""
        phi = self.setting.phi
        return Matrix([[self.at(self.u.diff(phi[i], phi[j])) for j in self.used] for i in self.used])

    @cached_property
    def flow_matrix(self):
        """dx/dx0 = 1 + t u'' C."""
        return sympy.eye(len(self.used)) + self.t * self.curvature * self.response


    def definition(self):
        """The Guerra action and the point where the model sits."""
        physical = {self.t: -beta} | {x: -beta * c for x, c in zip(self.x, self.linear)}
        shown = self.setting.log_partition(self.exponent.xreplace(physical))
        return Step(
            title="The action",
            rule="definition",
            justification=(f"Let $A_N(t, x) = \\frac1N\\mathbb{{E}}\\log\\mathrm{{Tr}}\\exp\\{{N[-t\\,u(\\phi) + x\\cdot\\phi] - "
                           f"\\beta\\sum_i v_i\\}}$ with $u = {sympy.latex(self.u)}$, minus the energy without its terms linear "
                           "in the order parameters. Read $t$ as time and $x$ as position; the model is the point "
                           f"$t = -\\beta$, {self._physical_text()}."),
            reference=GUERRA,
            before=Abbreviation(rf"A_N|_{{{self._t} = -\beta,\;x = \beta h}}", shown),
            after=self.setting.log_partition(-beta * self.setting.energy),
            claim=Equal(),
        )

    def _physical_text(self):
        fields = [f"$x_{{{sympy.latex(a)}}} = {sympy.latex(-beta * c)}$"
                  for a, c in zip(self.setting.phi, self.linear) if c != 0]
        return ", ".join(fields) + (", the other $x$ zero" if 0 < len(fields) < len(self.x) else "") if fields else "$x = 0$"

    def derivatives(self):
        """dA/dt and dA/dx are Gibbs averages."""
        before = [Derivative(self.pressure, self.t)] + [Derivative(self.pressure, x) for x in self.x]
        after = [self.setting.mean(-self.u, self.exponent)]
        after += [self.setting.mean(a, self.exponent) for a in self.setting.phi]
        return Step(
            title="Momentum and energy",
            rule="derivatives of the logarithm of a partition function",
            justification=("The time derivative is minus the average of $u$, the gradient is the average of the order "
                           "parameters; the factor $N$ of the exponent cancels the $1/N$ of the pressure."),
            reference=GUERRA,
            before=row(*before),
            after=row(*after),
            claim=Equal(),
        )

    @property
    def potential(self):
        """V_N = <u(phi)> - u(<phi>)."""
        means = {a: self.setting.mean(a, self.exponent) for a in self.setting.phi}
        return self.setting.mean(self.u, self.exponent) - self.u.xreplace(means)

    def equation(self):
        """dA/dt + u(grad A) = -V_N, exactly."""
        gradient = {a: Derivative(self.pressure, x) for a, x in zip(self.setting.phi, self.x)}
        return Step(
            title="The Hamilton-Jacobi equation at finite N",
            rule="insert the averages",
            justification=("$\\partial_t A_N + u(\\nabla A_N) + V_N = 0$ with the potential $V_N = \\langle u(\\phi)\\rangle - "
                           "u(\\langle\\phi\\rangle)$: an identity at every $N$. By Jensen's inequality $V_N\\geq 0$ where $u$ is "
                           "convex. With site disorder $\\langle\\cdot\\rangle$ includes its average."),
            reference=GENOVESE,
            before=Derivative(self.pressure, self.t) + self.u.xreplace(gradient),
            after=-self.potential,
            claim=Equal(),
        )

    def viscosity(self):
        """For quadratic u the potential is a viscosity 1/2N."""
        phi = [self.setting.phi[i] for i in self.used]
        model = self.setting.model
        quadratic = all(self.u.diff(a, b, c) == 0 for a in phi for b in phi for c in phi)
        if not quadratic or model.disorder or model.site.kind == "sphere":
            return []
        second = [(self.u.diff(a, b), self.x[i], self.x[j]) for a, i in zip(phi, self.used) for b, j in zip(phi, self.used)]
        return [Step(
            title="The potential is a viscosity",
            rule="second cumulant",
            justification=("For a quadratic $u$ the potential is half the variance, that is $\\frac{1}{2N}$ times second "
                           "derivatives of the action, with a positive sign for convex $u$. The gradient then "
                           "obeys the viscous Burgers equation, and $Z_N$ the heat equation (Cole-Hopf)."),
            reference=GENOVESE,
            before=self.potential,
            after=sum((c * Derivative(self.pressure, x, y) for c, x, y in second if c != 0), S.Zero) / (2 * N),
            claim=Equal(),
        )]

    def klein_gordon(self):
        """Where u^2 is a quadratic form plus a constant, Z obeys the Klein-Gordon equation."""
        shell = mass_shell(self.u, [self.setting.phi[i] for i in self.used])
        if shell is None or self.setting.model.site.kind == "sphere":
            return []
        metric, mass = shell
        partition = Abbreviation(rf"Z_N({self._t}, x)", Partition(self.exponent, self.setting.one_body, *self.setting.bound))
        space = sum((metric[a, b] * Derivative(partition, self.x[i], self.x[j])
                     for a, i in enumerate(self.used) for b, j in enumerate(self.used) if metric[a, b] != 0), S.Zero)
        return [Step(
            title="Klein-Gordon equation",
            rule="two derivatives bring down the squares",
            justification=(f"Here $u$ obeys the mass-shell relation $u^2 = {sympy.latex(sympy.expand(self.u**2))}$: the energy is "
                           "relativistic, where a quadratic one is classical. Two derivatives of the partition function "
                           "in time and space bring down $N^2 u^2$ and $N^2\\phi_a\\phi_b$, so that $Z_N$ obeys the "
                           "Klein-Gordon equation exactly at every $N$. To second order in $\\phi$ the model is "
                           "Curie-Weiss: $u = u(0) + \\frac12 u''(0)\\phi^2 + \\dots$, with a plus sign."),
            reference=RELATIVISTIC,
            before=Derivative(partition, (self.t, 2)) - space,
            after=N**2 * mass * partition,
            claim=Equal(),
        )]

    def vanishing(self):
        """V_N -> 0 away from the shock."""
        return Step(
            title="The potential vanishes",
            rule="self-averaging before the characteristics cross",
            justification=("Before any crossing of characteristics the action is smooth in $x$ uniformly in $N$ and the "
                           "order parameters have variances of order $1/N$: the potential vanishes, and the action tends "
                           "to the solution of the free Hamilton-Jacobi equation that is the limit of small viscosity."),
            reference=GENOVESE,
            before=self.potential,
            after=S.Zero,
            relation=LIMIT,
            claim=Limit(early_time),
        )

    def initial(self):
        """A(0, x) is one-body."""
        return Step(
            title="The Cauchy problem",
            rule="independent sites: the trace factorises",
            justification="At $t = 0$ nothing couples the sites: the initial condition is exact at every $N$.",
            reference=GUERRA,
            before=Abbreviation("A_N(0, x_0)", self.setting.log_partition(self.setting.dot(self.x0))),
            after=self._untraced,
            claim=Equal(),
        )

    @property
    def _untraced(self):
        model = self.setting.model
        return Quenched(SiteTrace(self._exponent(self.x0), model.site.variables), tuple(model.disorder))

    def initial_trace(self):
        """The one-site trace, carried out."""
        return Step(
            title="The initial condition",
            rule="sum or integral over the states of one site, then over its disorder",
            justification="One site with the source $x_0$ is solved exactly.",
            reference=GUERRA,
            before=self._untraced,
            after=self.start,
            claim=Equal(),
        )

    def characteristics(self):
        """Straight lines along which the gradient is constant."""
        named = [Abbreviation(rf"x_{{{sympy.latex(a)}}}({self._t})", x) for a, x in zip(self.setting.phi, self.position)]
        return Step(
            title="Characteristics",
            rule="method of characteristics",
            justification=("Hamilton's equations $\\dot x_a = \\partial u/\\partial p_a$, $\\dot p_a = 0$ have straight "
                           "trajectories $x(t) = x_0 + t\\,\\nabla u(p)$ along which $p = \\nabla A$ keeps its initial value "
                           "$p(x_0) = \\nabla A(0, x_0)$, the average of one site."),
            reference=EVANS,
            before=row(*(Derivative(x, self.t) for x in named)),
            after=row(*(v for v in self.velocity)),
            claim=Equal(),
        )

    def action(self):
        """The action along a characteristic solves the equation."""
        named = Abbreviation(rf"A({self._t}, x({self._t}))", self.along)
        used, flow = self.used, self.flow_matrix
        momentum = [sum((self.p[i] * flow[a, b] for a, i in enumerate(used)), S.Zero) for b, _ in enumerate(used)]
        rate = sum((p * v for p, v in zip(self.p, self.velocity)), S.Zero) - self.at(self.u)
        return Step(
            title="The action along a characteristic",
            rule="integral of the Lagrangian",
            justification=("$A(t, x(t)) = A(0, x_0) + t\\,[p\\cdot\\nabla u(p) - u(p)]$: the Lagrangian is constant. It solves the "
                           "equation because along the lines $dA = p\\cdot dx - u(p)\\,dt$. Where $u$ is convex, this is the "
                           "Hopf-Lax formula for $t > 0$; the model sits at negative times, where the supremum over "
                           "characteristics selects the solution."),
            reference=EVANS,
            before=row(Derivative(named, self.t), *(Derivative(named, self.x0[j]) for j in used)),
            after=row(rate, *momentum),
            claim=Equal(),
        )

    def burgers(self):
        """The gradient obeys Burgers' equation, with the potential as its viscosity."""
        setting = self.setting
        means = [setting.mean(a, self.exponent) for a in setting.phi]
        named = [Abbreviation(rf"p_{{{sympy.latex(a)}}}", mean) for a, mean in zip(setting.phi, means)]
        at = dict(zip(setting.phi, named))
        potential = Abbreviation("V_N", self.potential)
        i, x = self.used[0], self.x[self.used[0]]
        transport = sum((self.u.diff(setting.phi[j]).xreplace(at) * Derivative(named[j], x) for j in self.used), S.Zero)
        return Step(
            title="Burgers' equation",
            rule="gradient of the Hamilton-Jacobi equation",
            justification=("The velocity field $p = \\nabla A_N$ obeys, exactly at every $N$, "
                           "$\\partial_t p_a + \\sum_b \\partial_b u(p)\\,\\partial_a p_b = -\\partial_a V_N$. Where the potential vanishes "
                           "this is the Riemann-Hopf (inviscid Burgers) equation, and for quadratic $u$ the right side is "
                           "its viscous term" + (", written for the first component." if len(self.used) > 1 else ".")),
            reference=GENOVESE,
            before=Derivative(named[i], self.t) + transport,
            after=-Derivative(potential, x),
            claim=Equal(),
        )

    def solution(self):
        """The action at finite N tends to the solution."""
        return Step(
            title="Thermodynamic limit of the action",
            rule="characteristics before the shock",
            justification=("At the point $x(t)$ that a characteristic reaches before any crossing, the action of $N$ sites "
                           "tends to the one just found."),
            reference=GENOVESE,
            before=self.pressure,
            after=self.along,
            relation=LIMIT,
            claim=Limit(early_time),
        )

    def shock(self):
        """Characteristics cross where det(1 + t u'' C) = 0."""
        named = {i: Abbreviation(rf"x_{{{sympy.latex(self.setting.phi[i])}}}", self.position[i]) for i in self.used}
        jacobian = Matrix([[Derivative(named[i], self.x0[j]) for j in self.used] for i in self.used])
        return Step(
            title="Shock",
            rule="Jacobian of the flow",
            justification=("Neighbouring characteristics cross where the Jacobian "
                           "$\\det(\\partial x/\\partial x_0) = \\det[1 + t\\,u''(p)\\,C]$ vanishes, with $C$ the covariance of one "
                           "site: there the gradient breaks (a shock, or gradient catastrophe), the susceptibility "
                           "diverges and the phase transition sits." + self._transverse()),
            reference=GENOVESE,
            before=determinant(jacobian),
            after=determinant(self.flow_matrix),
            claim=Equal(),
        )

    def _transverse(self):
        if self.setting.model.site.kind != "sphere":
            return ""
        return " For a vector this is the longitudinal factor; the transverse ones are $1 + t\\,u'(p)/x_0\\cdot p$."

    def critical_point(self):
        """The shock on the characteristic of the symmetric state."""
        start = {x: S.Zero for x in self.x0}
        if self.setting.model.site.kind == "gaussian" or not self._symmetric(start):
            return []
        resting = {**start, self.t: -1 / T}
        at_rest = self.flow_matrix.applyfunc(lambda e: opened(e).xreplace(resting))
        phi = self.setting.phi
        own = dict(zip(self.setting.fields, (self.u.diff(a) for a in phi)))
        gaps = {i: phi[i] - self.setting.means[i].xreplace(own) for i in self.used}
        named = {i: Abbreviation(rf"({sympy.latex(phi[i])} - \langle g_{{{sympy.latex(phi[i])}}}\rangle)", gaps[i]) for i in gaps}
        jacobian = Matrix([[Derivative(named[i], phi[j]) for j in self.used] for i in self.used])
        return [Step(
            title="The critical point",
            rule="the shock on the characteristic of the symmetric state",
            justification=("The characteristic that starts at $x_0 = 0$ carries the symmetric state of the model without "
                           "fields and reaches it at $t = -1/T$. There the Jacobian of the flow is that of the "
                           "self-consistency equations $\\phi_a = \\langle g_a\\rangle$: it vanishes at the temperature where "
                           "the symmetric state becomes unstable, the critical temperature unless a first-order "
                           "transition comes before."),
            reference=GENOVESE,
            before=determinant(jacobian),
            after=determinant(at_rest),
            claim=CriticalPoint(dict(zip(phi, (p.xreplace(start) for p in self.momenta))), at_rest),
        )]

    def _symmetric(self, start):
        """Whether the state at x0 = 0 solves the self-consistency equations of the model without fields."""
        slopes = [self.u.diff(a) for a in self.setting.phi]
        known = {symbol(name): p.default or 0.7 for name, p in self.setting.model.parameters.items()} | {T: 1.3}
        resting = [evaluate(p.xreplace(start), known, dps=10) for p in self.momenta]
        fields = [evaluate(c, known | dict(zip(self.setting.phi, resting)), dps=10) / known[T] for c in slopes]
        if all(abs(f) < 1e-9 for f in fields):
            return True
        moved = [evaluate(p, known | dict(zip(self.x0, fields)), dps=10) for p in self.momenta]
        return all(abs(a - b) < 1e-8 for a, b in zip(moved, resting))

    def fluctuations(self):
        """N times the covariance of the order parameters tends to C / (1 + t u'' C)."""
        before, after = [], []
        for a, i in enumerate(self.used):
            before.append(N * self.setting.covariance(self.setting.phi[i], self.setting.phi[i], self.exponent))
            after.append(self._variances[a, a])
        return Step(
            title="Gaussian fluctuations",
            rule="second derivatives of the action",
            justification=("$N$ times the thermal covariance of the order parameters is "
                           "$\\partial^2 A_N/\\partial x_a\\partial x_b$, which tends to $\\partial p/\\partial x = C J^{-1}$, $J = 1 + t\\,u'' C$: "
                           "$\\sqrt N(\\phi - \\langle\\phi\\rangle)$ is Gaussian with this covariance, $T\\chi$ at the physical point, "
                           "where $\\chi^{-1} = e'' + T C^{-1}$ is the Hessian of the entropic free energy. It diverges at the shock."),
            reference=GENOVESE,
            before=row(*before),
            after=row(*after),
            relation=LIMIT,
            claim=Limit(early_time),
        )

    @cached_property
    def _variances(self):
        """C J^-1 with J = 1 + t u'' C."""
        return self.response * inverse(self._named_matrix("J", self.flow_matrix))

    def _named_matrix(self, letter, matrix):
        phi = [sympy.latex(self.setting.phi[i]) for i in self.used]
        rows = [self._named([rf"{letter}_{{{a}{b}}}" for b in phi], matrix.row(k)) for k, a in enumerate(phi)]
        return Matrix(rows)

    def variance(self):
        """dv/dt = -v u'' v along a characteristic, whose pole is the critical point."""
        curvature, named = self._named_matrix("u''", self.curvature), []
        for i, variances in zip(self.used, self._variances.tolist()):
            labels = [rf"v_{{{sympy.latex(self.setting.phi[i])}{sympy.latex(self.setting.phi[j])}}}" for j in self.used]
            named.append([Abbreviation(label, v) for label, v in zip(labels, variances)])
        v = Matrix(named) if len(self.used) > 1 else self._variances
        rate = -v * curvature * v
        return Step(
            title="Evolution of the variance",
            rule="derivative along a characteristic",
            justification=("Along a characteristic the variance obeys $\\dot v = -v\\,u''\\,v$ (Wick's theorem gives the "
                           "same for Gaussian fluctuations), solved by $v = C J^{-1}$, $J = 1 + t\\,u'' C$, with the variance $C$ of "
                           "independent sites at $t = 0$: its pole, met going to $t = -\\beta$, is the critical point."),
            reference=GENOVESE,
            before=row(*(Derivative(named[a][a], self.t) for a in range(len(self.used)))),
            after=row(*(rate[a, a] for a in range(len(self.used)))),
            claim=Equal(),
        )

    @cached_property
    def physical_free_energy(self):
        """f(phi) = -T A at t = -1/T, on the characteristic that carries p = phi."""
        setting = self.setting
        x0 = dict(zip(self.x0, (h / T for h in setting.field_values)))
        lagrangian = sum((a * self.u.diff(a) for a in setting.phi), S.Zero) - self.u
        return sympy.expand(lagrangian) - T * self.start.xreplace(x0)

    def physical_point(self):
        """Back to the model."""
        setting = self.setting
        at = {self.t: -1 / T, **dict(zip(self.x0, (h / T for h in setting.field_values)))}
        lagrangian = sum((a * self.u.diff(a) for a in setting.phi), S.Zero) - self.u
        scaled = {x: h / T for x, h in zip(self.x0, setting.fields)}
        before = -T * (Abbreviation("A(0, x_0)", self.start) + self.t * lagrangian)
        return Step(
            title="The physical point",
            rule="substitution t = -1/T, x = field/T",
            justification=("The characteristic that reaches the model with $p = \\phi$ starts at $x_0 = x - t\\,\\nabla u(\\phi) = "
                           "-\\nabla e(\\phi)/T$. With $f = -T A$ the action there is the free energy, and $p(x_0) = \\phi$ is the "
                           "self-consistency equation. The second line is the pressure of independent sites in fields "
                           "$h = T x_0$."),
            reference=GENOVESE,
            before=row(before, T * self.start.xreplace(scaled)),
            after=row(self.physical_free_energy, setting.pressure),
            claim=Equal(at),
        )

    def self_consistency(self):
        """p(x0) = phi at the physical point."""
        x0 = {x: h / T for x, h in zip(self.x0, self.setting.field_values)}
        return self_consistency_step(self.setting, [p.xreplace(x0) for p in self.momenta])


@dataclass(frozen=True)
class CriticalPoint:
    """The two determinants agree at the symmetric state; says where they vanish at the default parameters.

    Parameters
    ----------
    state : {order parameter: value at the symmetric state}
    matrix : the Jacobian there, whose determinant the step states
    """

    state: dict
    matrix: object

    def __call__(self, step, context):
        outcome = Equal(self.state)(step, context)
        if outcome.status != "passed":
            return outcome
        defaults = {symbol(name): p.default or 0 for name, p in context.model.parameters.items()}

        def lowest(temperature):
            point = {**defaults, T: temperature}
            return lowest_eigenvalue([[float(context.value(e, point)) for e in line] for line in self.matrix.tolist()])

        found = largest_root(lowest)
        where = f"it first vanishes at T = {found:.6g}" if found else "it vanishes at no temperature"
        return Outcome("passed", f"{outcome.evidence}; going down from high temperature at the default parameters, {where}")


def largest_root(function, low=0.01, high=20.0, points=80):
    """The largest zero in (low, high) of a function positive at `high`, by bisection; None without one."""
    grid = [high * (low / high) ** (k / points) for k in range(points + 1)]
    for above, below in zip(grid, grid[1:]):
        if function(above) * function(below) <= 0:
            for _ in range(60):
                middle = (above + below) / 2
                above, below = (middle, below) if function(above) * function(middle) > 0 else (above, middle)
            return (above + below) / 2
    return None


def early_time(context):
    """A point before the shock: t where the flow has moved a third of the way towards it."""
    point = dict(context.point())
    flow = Flow(Setting(context.model))
    rate = -float(context.value(determinant(flow.flow_matrix), {**point, flow.t: -1e-4}) - 1) * 1e4
    point[flow.t] = -0.3 / max(abs(rate), 0.3)
    return {**point, **{x: context.value(y, point) for x, y in zip(flow.x, flow.position)}}


def mass_shell(u, order):
    """(metric, mass squared) with u^2 = sum g_ab phi_a phi_b + mass squared, for u that is not a polynomial."""
    if u.is_polynomial(*order):
        return None
    square = sympy.expand(u**2)
    if not square.is_polynomial(*order) or any(square.diff(a, b, c) != 0 for a in order for b in order for c in order):
        return None
    if any(square.diff(a).xreplace({b: S.Zero for b in order}) != 0 for a in order):
        return None
    metric = Matrix([[square.diff(a, b) / 2 for b in order] for a in order])
    return metric, square.xreplace({a: S.Zero for a in order})


def determinant(matrix):
    """Determinant by cofactors, without SymPy's zero tests."""
    if matrix.rows == 1:
        return matrix[0, 0]
    return sum((-1) ** j * matrix[0, j] * determinant(matrix.minor_submatrix(0, j))
               for j in range(matrix.cols) if matrix[0, j] != 0)


def inverse(matrix):
    """Inverse by cofactors."""
    n = matrix.rows
    if n == 1:
        return Matrix([[1 / matrix[0, 0]]])
    whole = determinant(matrix)
    return Matrix(n, n, lambda i, j: (-1) ** (i + j) * determinant(matrix.minor_submatrix(j, i)) / whole)


def _linear_part(energy, a, order):
    """The coefficient of `a` in the terms of the energy that are linear in the order parameters and nothing else."""
    terms = sympy.Add.make_args(sympy.expand(energy))
    return sum((term.diff(a) for term in terms if term.has(a) and not term.diff(a).has(*order)), S.Zero)
