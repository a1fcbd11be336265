"""The limit T -> 0 of a replica theory at fixed C = (q_d - q)/T and D = x/T.

The energies are regular there; T log Tr exp(./T) tends to the largest exponent, and Gaussian averages of moduli are error functions.
For two opposite states the innermost level of a hierarchy is integrated in closed form.
"""

from dataclasses import dataclass
from functools import cached_property

import sympy
from sympy import Function, S

from ..errors import InputError
from ..symbols import T
from ..zero_temperature import AVERAGE, GAUSSIAN, GRADIENT, ISING, STATES, Maximum, MeanModulus, Rule
from .display import increments
from .energetic import energy_of, excess, fields_of
from .nested import FIELD, Nested, nested_mean, quadratic_pressure

ENERGIES = Rule(
    r"\frac{F(q_d) - F(q_d - T C)}{T} \to C\,F'(q_d)",
    r"All energies are functions of $C = (q_d - q)/T$ and $D = x/T$, which stay finite as $T \to 0$ while $q \to q_d$ and $x \to 0$.",
)
INNERMOST = Rule(
    r"\frac{1}{D}\log\int\!\mathcal{D}y\,e^{D|h + \sqrt{v}\,y|} = \frac{Dv}{2} + \frac{1}{D}\log\left["
    r"e^{Dh} H\!\left(-\frac{h + Dv}{\sqrt{v}}\right) + e^{-Dh} H\!\left(\frac{h - Dv}{\sqrt{v}}\right)\right]",
    r"Completing the square on either side of the kink; $H(x) = \mathrm{erfc}(x/\sqrt 2)/2$.",
)


class TiltedModulus(Function):
    """(1/D) log E exp(D |y + sqrt(v) z|), z a standard Gaussian: arguments y, v, D."""

    nargs = 3
    is_real = True

    def fdiff(self, argindex=1):
        y, v, D = self.args
        if argindex == 1:
            return TiltedSign(y, v, D)
        if argindex == 2:
            # The heat equation, with |y|'' = 2 delta(y) and (|y|')^2 = 1 under the tilt.
            return TiltedDensity(y, v, D) / 2 + D / 2
        raise sympy.ArgumentIndexError(self, argindex)

    def _eval_derivative(self, s):
        total = sum((self.fdiff(i + 1) * a.diff(s) for i, a in enumerate(self.args[:2])), S.Zero)
        if (slope := self.args[2].diff(s)) != 0:
            total += slope * (TiltedMean(*self.args) - self) / self.args[2]
        return total

    def _eval_mpmath(self, y, v, D):
        import mpmath

        a, b = _weights(y, v, D)
        return D * v / 2 + (a + mpmath.log(1 + mpmath.exp(b - a))) / D if a > b else D * v / 2 + (b + mpmath.log(1 + mpmath.exp(a - b))) / D

    def _latex(self, printer, exp=None):
        y, v, D = (printer.doprint(a) for a in self.args)
        return rf"\frac{{1}}{{{D}}}\log\int\!\mathcal{{D}}y\,e^{{{D}\left|{y} + \sqrt{{{v}}}\,y\right|}}"


def _weights(y, v, D):
    import mpmath

    root = mpmath.sqrt(v)
    return (D * y + mpmath.log(mpmath.erfc(-(y + D * v) / root / mpmath.sqrt(2)) / 2),
            -D * y + mpmath.log(mpmath.erfc((y - D * v) / root / mpmath.sqrt(2)) / 2))


class TiltedSign(Function):
    """<sgn(y + sqrt(v) z)> under the weight exp(D |y + sqrt(v) z|)."""

    nargs = 3
    is_real = True

    def fdiff(self, argindex=1):
        y, v, D = self.args
        if argindex == 1:
            return TiltedDensity(y, v, D) + D * (1 - TiltedSign(y, v, D) ** 2)
        raise sympy.ArgumentIndexError(self, argindex)

    def _eval_mpmath(self, y, v, D):
        import mpmath

        a, b = _weights(y, v, D)
        return mpmath.tanh((a - b) / 2)

    def _latex(self, printer, exp=None):
        y, v, D = (printer.doprint(a) for a in self.args)
        return rf"\left\langle\operatorname{{sgn}}\right\rangle_{{{y},\,{v},\,{D}}}" + ("" if exp is None else f"^{{{exp}}}")


class TiltedDensity(Function):
    """2 <delta(y + sqrt(v) z)> under the weight exp(D |y + sqrt(v) z|)."""

    nargs = 3
    is_real = True

    def _eval_mpmath(self, y, v, D):
        import mpmath

        weight = D * TiltedModulus(y, v, D)._eval_mpmath(y, v, D)
        return 2 * mpmath.exp(-y**2 / (2 * v) - weight) / mpmath.sqrt(2 * mpmath.pi * v)

    def _latex(self, printer, exp=None):
        y, v, D = (printer.doprint(a) for a in self.args)
        return rf"2\left\langle\delta\right\rangle_{{{y},\,{v},\,{D}}}" + ("" if exp is None else f"^{{{exp}}}")


class TiltedMean(Function):
    """<|y + sqrt(v) z|> under the weight exp(D |y + sqrt(v) z|)."""

    nargs = 3
    is_real = True

    def _eval_mpmath(self, y, v, D):
        sign = TiltedSign(y, v, D)._eval_mpmath(y, v, D)
        return y * sign + D * v + v * TiltedDensity(y, v, D)._eval_mpmath(y, v, D)

    def _latex(self, printer, exp=None):
        y, v, D = (printer.doprint(a) for a in self.args)
        return rf"\left\langle|h|\right\rangle_{{{y},\,{v},\,{D}}}"


@dataclass(frozen=True, eq=False)
class ReplicaZeroTemperature:
    """A replica theory at T = 0.

    Attributes
    ----------
    theory : ReplicaTheory
    """

    theory: object

    @cached_property
    def rules(self):
        """The limits taken."""
        finite = [leaf for layer in self.theory.layers for leaf in layer.leaves if leaf.kind == "finite"]
        two = any(_opposite(leaf) for leaf in finite)
        rules = [ENERGIES] + ([ISING] if two else []) + ([STATES] if any(not _opposite(leaf) for leaf in finite) else [])
        if two and not self.theory.steps:
            rules.append(GAUSSIAN)
        if two and self.theory.steps:
            rules.append(INNERMOST)
        return (*rules, AVERAGE, GRADIENT)

    @cached_property
    def potential(self):
        """e + F + the Lagrange part at T = 0, in the unknowns and the conjugate symbols."""
        theory = self.theory
        energy = sum((self._energy(c) for c in theory.model.couplings), S.Zero)
        return theory.model.energy + energy + _cold(theory.lagrange) - _cold(theory.normalisation)

    def _energy(self, coupling):
        theory, of = self.theory, self.theory._of(coupling)
        energy = energy_of(coupling, of, theory.breaking)
        if coupling.kind == "spectral" or coupling.covariance.is_polynomial(*(o.symbol for o in of)):
            return _cold(energy)
        slope = sum((coupling.covariance.diff(o.symbol).xreplace({p.symbol: p.total for p in of}) * o.C for o in of), S.Zero)
        return _cold(energy + excess(coupling.covariance, of) / 2) - _cold(slope) / 2

    @cached_property
    def pressures(self):
        """P of each layer at T = 0."""
        return tuple(sympy.Add(*(p * self._leaf(layer, leaf, mean, extra) for p, leaf, mean, extra in self.theory.display.problems(layer)))
                     for layer in self.theory.layers)

    def _leaf(self, layer, leaf, mean, extra):
        display = self.theory.display
        v = display.variances(layer)
        v = (v[0] + extra, *v[1:])
        powers = display.powers if layer.overlap is not None else (S.Zero,)
        if leaf.kind == "quadratic":
            total = quadratic_pressure(leaf.slopes[0], mean, v, powers, T)
            return _cold(leaf.offset) + sympy.Add(*(t for t in sympy.Add.make_args(total) if not t.has(T)))
        if _opposite(leaf):
            return _cold(leaf.offset) + self._modulus(abs(leaf.slopes[0]), mean, v, powers)
        levels = [_cold(level) + FIELD * slope for level, slope in zip(leaf.levels, leaf.slopes)]
        g = Maximum(*levels) if len(levels) > 1 else levels[0]
        return _cold(leaf.offset) + Nested(g + _cold(leaf.kappa) * FIELD**2 / 2, FIELD, mean, v, powers)

    @staticmethod
    def _modulus(size, mean, v, powers):
        """The nested average of size |y|, its innermost level in closed form."""
        if len(v) == 1:
            return MeanModulus(size * mean, size**2 * v[0])
        inner = size * TiltedModulus(FIELD, v[-1], size * powers[-1]) if size != 1 else TiltedModulus(FIELD, v[-1], powers[-1])
        return Nested(inner, FIELD, mean, v[:-1], powers[:-1])

    def _signs(self, layer):
        """<M_i^2>, i < k, of opposite states: the mean signs of the innermost level, averaged further."""
        display, totals = self.theory.display, [S.Zero] * self.theory.steps
        v, D = display.variances(layer), display.powers
        for p, leaf, mean, extra in display.problems(layer):
            size = abs(leaf.slopes[0])
            own = (v[0] + extra, *v[1:])
            inner = size * TiltedModulus(FIELD, own[-1], size * D[-1])
            for i in range(self.theory.steps):
                totals[i] += p * nested_mean(inner.diff(FIELD), i, 2, inner, FIELD, mean, own[:-1], D[:-1])
        return totals

    @cached_property
    def functional(self):
        """f in the unknowns and the conjugate symbols."""
        theory = self.theory
        work = sum((layer.weight * h * a for layer in theory.layers for h, a in zip(layer.fields(), layer.order_parameters)), S.Zero)
        return self.potential + work - sum((layer.weight * P for layer, P in zip(theory.layers, self.pressures)), S.Zero)

    @cached_property
    def conjugates(self):
        """{symbol: value at T = 0}; crosstalk under its reported names."""
        theory, display, found = self.theory, self.theory.display, {}
        for o in theory.overlaps:
            totals = [S.Zero] * (theory.steps + 1)
            for c in display.acting(o):
                named = display.noise(c, o)
                own = increments([named[0] * r for r in named[1]]) if named else [_cold(v) for v in self._share(c, o)]
                totals = [a + b for a, b in zip(totals, own)]
            found |= dict(zip(theory.variance_symbols(o), totals))
            found[theory.layers[o.layer].diagonal] = self._diagonal(o)
        for layer in theory.layers:
            found |= {h: theory.fields[a] for h, a in zip(layer.fields(), layer.order_parameters)}
        return found

    def _share(self, coupling, o):
        """v_0..v_k of one coupling."""
        weight = self.theory.layers[o.layer].weight
        return [v / weight for v in fields_of(coupling, self.theory._of(coupling), self.theory.breaking)[o][1]]

    def _crosstalk(self):
        """{r_i: V_i over the load}."""
        found = {}
        for c in self.theory.model.couplings:
            for o in self.theory._of(c):
                if (named := self.theory.display.noise(c, o)) is not None:
                    v = [_cold(x) for x in self._share(c, o)]
                    found |= {r: sympy.factor_terms(sum(v[: i + 1]) / named[0]) for i, r in enumerate(named[1])}
        return found

    def _diagonal(self, o):
        a = self.theory.diagonals[o]
        return a if not a.has(T) else _cold(a)

    def at_fields(self, expr):
        """`expr` with the conjugate fields in terms of C, D and the overlaps."""
        expr = sympy.sympify(expr).xreplace(self.conjugates)
        return expr.replace(lambda e: isinstance(e, MeanModulus), lambda e: e.closed_form())

    @cached_property
    def free_energy(self):
        """The ground-state energy per site as a function of the unknowns; stationary in them."""
        work = self.functional + sum((w * P for w, P in zip((layer.weight for layer in self.theory.layers), self.pressures)), S.Zero)
        total = work.xreplace(self.conjugates)
        names = set(self.theory.unknowns)
        total = sympy.expand(total) if total.is_polynomial(*names) else sympy.factor_terms(total)
        return sympy.Add(total, *(-layer.weight * self.at_fields(P) for layer, P in zip(self.theory.layers, self.pressures)))

    @cached_property
    def equations(self):
        """{unknown: right-hand side}: means, overlaps below the innermost, responses C and D from stationarity."""
        theory, found = self.theory, {}
        for layer, P in zip(theory.layers, self.pressures):
            found |= {a: self.at_fields(P.diff(h)) for a, h in zip(layer.order_parameters, layer.fields())}
        for o in theory.overlaps:
            found |= self._overlap(o)
        found |= self._crosstalk()
        for D in theory.free_breaking:
            slope = self.potential.diff(D)
            sites = sum((layer.weight * D * P.diff(D) for layer, P in zip(theory.layers, self.pressures)), S.Zero)
            found[D] = self.at_fields(sites) / self.at_fields(slope)
        return found

    def _overlap(self, o):
        """q_i = (S_i - S_(i+1))/(D_i - D_(i+1)) and C = S_k - D_k q_k with S_i = 2 dP/dv_i (heat equation)."""
        theory, layer = self.theory, self.theory.layers[o.layer]
        P, v = self.pressures[o.layer], theory.variance_symbols(o)
        slopes = [2 * P.diff(x) for x in v]
        powers = theory.display.powers
        display = theory.display
        if all(leaf.kind == "quadratic" for leaf in layer.leaves):
            squares = display.squares(layer)
        elif theory.steps and all(_opposite(leaf) for leaf in layer.leaves):
            squares = self._signs(layer)
        else:
            squares = [(slopes[i] - slopes[i + 1]) / (powers[i] - powers[i + 1]) for i in range(theory.steps)]
        found = {name: self.at_fields(square) for name, square in zip(o.names[: theory.steps], squares)}
        if o.diagonal is None:
            total = 2 * P.diff(layer.diagonal)
            found[o.names[-1]] = self.at_fields(total)
            found[o.C] = self.at_fields(slopes[-1]) - powers[-1] * o.names[-1]
        elif layer.site.kind == "spherical":
            found[o.C] = sympy.sqrt(o.diagonal / self.at_fields(squares[-1] / o.C**2)) if not theory.steps else self.at_fields(
                o.C * o.diagonal / squares[-1])
        else:
            found[o.C] = self.at_fields(slopes[-1] - powers[-1] * o.diagonal)
        return found


def _opposite(leaf):
    """Whether a leaf is s y for two opposite values s, without more."""
    return (leaf.kind == "finite" and len(leaf.slopes) == 2 and leaf.slopes[0] == -leaf.slopes[1] and leaf.levels == (0, 0)
            and leaf.kappa == 0 and leaf.slopes[0].is_number)


def _cold(expr):
    """An expression regular at T = 0, there."""
    expr = sympy.sympify(expr)
    if not expr.has(T):
        return expr
    return expr.xreplace({T: S.Zero})


def zero_temperature(theory):
    """The limit T -> 0 of a replica theory.

    Raises
    ------
    InputError
        A model without temperature, or fixed block parameters.
    """
    if not theory.model.has_temperature:
        raise InputError(f"{theory.model.name} has no temperature")
    if theory.ansatz.x is not None and theory.steps:
        raise InputError("at T = 0 the block parameters vanish as T D: leave them free instead of fixing x")
    return ReplicaZeroTemperature(theory)


