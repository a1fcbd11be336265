"""A replica theory in the variables of papers: q, x, r and T in the place of C = (q_d - q)/T and D = x/T.

The pressures are nested Gaussian averages; free energy and equations follow from them by differentiation.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import sympy
from sympy import S

from ..averages import GaussianAverage
from ..functions import LogSumExp, log2cosh
from ..sites import tidy
from ..symbols import T, symbol
from .energetic import energy_of, exact, fields_of
from .nested import FIELD, Nested, Tail, log_H, nested_mean, quadratic_pressure
from .overlaps import block_symbols

# Symbol of a level's standard Gaussian inside a pattern's gate.
NOISE = sympy.Symbol("u*", real=True)


@dataclass(frozen=True, eq=False)
class Display:
    """Free energy and equations of a `ReplicaTheory` in natural variables."""

    theory: object

    # Symbols

    @cached_property
    def blocks(self):
        """x_1..x_k: symbols, or the fixed numbers of the ansatz."""
        theory = self.theory
        return theory.ansatz.x if theory.ansatz.x is not None else block_symbols(theory.steps)

    @cached_property
    def natural(self):
        """{C: (q_d - q_k)/T, D_i: x_i/T}."""
        found = {o.C: (self.diagonal(o) - o.names[-1]) / self.theory.T for o in self.theory.overlaps}
        return found | {D: x / self.theory.T for D, x in zip(self.theory.free_breaking, self.blocks)}

    def diagonal(self, o):
        """q_d: its fixed value or its symbol."""
        return o.diagonal if o.diagonal is not None else symbol(f"{o.symbol}_d")

    def human(self, expr):
        """`expr` in natural variables."""
        return exact(sympy.sympify(expr)).xreplace(self.natural)

    @cached_property
    def powers(self):
        """D_0..D_k of the nested averages, D_0 = 0."""
        return (S.Zero, *self.theory.breaking)

    teacher_field = symbol("Rhat")

    def noise(self, coupling, o):
        """(scale, symbols) of the variances V_0..V_k that spectral couplings make: scale times r, or V where they report no r."""
        named = getattr(coupling, "noise", None)
        if coupling.kind != "spectral":
            return None
        others = [c for c in self.acting(o) if c.kind == "spectral" and getattr(c, "noise", None) is None]
        stem = str(named) if named is not None else f"V_{o.symbol}" + ("'" * others.index(coupling) if others else "")
        names = (symbol(stem),) if not self.theory.steps else tuple(symbol(f"{stem}{i}") for i in range(self.theory.steps + 1))
        return (coupling.load if named is not None else S.One), names

    def hats(self, o):
        """Symbols of V_0..V_k where they have no closed form: those that pattern constraints make."""
        stem = f"{o.symbol}hat"
        return (symbol(stem),) if not self.theory.steps else tuple(symbol(f"{stem}{i}") for i in range(self.theory.steps + 1))

    # Conjugate fields

    def share(self, coupling, o):
        """(a, (v_0..v_k)) that a coupling makes at an overlap, in natural variables, reported names in place of closed forms."""
        theory, weight = self.theory, self.theory.layers[o.layer].weight
        if coupling.kind == "channel":
            return theory.layers[o.layer].diagonal, increments(self.hats(o))
        if coupling.kind == "spectral":
            scale, names = self.noise(coupling, o)
            slope = 2 * spectral_slope(coupling, theory._of(coupling), o, self.eigenvalues(coupling)[-1])
            return slope / weight, increments([scale * r for r in names])
        a, v = fields_of(coupling, theory._of(coupling), theory.breaking)[o]
        return self.human(a / weight), tuple(sympy.factor_terms(self.human(x / weight)) for x in v)

    def eigenvalues(self, coupling):
        """y_1..y_(k+1) = beta times the eigenvalues of Q, one tuple of overlaps a level, in natural variables."""
        levels = []
        for i in range(self.theory.steps + 1, 0, -1):
            level = []
            for o in self.theory._of(coupling):
                y = self.diagonal(o) - o.names[-1]
                y += sum((x * (o.names[j] - o.names[j - 1]) for j, x in enumerate(self.blocks, 1) if j >= i), S.Zero)
                level.append(y / self.theory.T)
            levels.append(tuple(level))
        return levels[::-1]

    def spectral_energy(self, coupling):
        """-[T G(y_(k+1)) + sum_i (T/x_i) (G(y_i) - G(y_(i+1))) + sum q_0 dG/dy(y_1)]."""
        theory, y, G = self.theory, self.eigenvalues(coupling), coupling.spectral
        total = theory.T * G(y[-1])
        for i in range(theory.steps, 0, -1):
            total += theory.T * (G(y[i - 1]) - G(y[i])) / self.blocks[i - 1]
        of = theory._of(coupling)
        total += sum((o.names[0] * spectral_slope(coupling, of, o, y[0]) for o in of), S.Zero)
        return -total

    def spectral_variances(self, coupling, o):
        """V_0..V_k of spectral couplings at an overlap, in natural variables."""
        theory, of, y = self.theory, self.theory._of(coupling), self.eigenvalues(coupling)
        weight = theory.layers[o.layer].weight
        total = sympy.factor_terms(sum((2 * p.names[0] * spectral_slope(coupling, of, o, y[0], p) for p in of), S.Zero))
        found = [total / weight]
        for i in range(1, theory.steps + 1):
            total += spectral_step(coupling, of, o, y[i - 1], y[i], self.blocks[i - 1] / theory.T, o.names[i] - o.names[i - 1])
            found.append(total / weight)
        return found

    def acting(self, o):
        """The couplings that act on an overlap."""
        return [c for c in self.theory.model.couplings if o in self.theory._of(c)]

    @cached_property
    def conjugates(self):
        """{symbol of a conjugate field: its value in natural variables}."""
        theory, found = self.theory, {}
        for o in theory.overlaps:
            shares = [self.share(c, o) for c in self.acting(o)]
            for i, v in enumerate(theory.variance_symbols(o)):
                found[v] = sum((s[1][i] for s in shares), S.Zero)
            if o.diagonal is None:
                found[theory.layers[o.layer].diagonal] = sum((s[0] for s in shares), S.Zero)
        for layer in theory.layers:
            for h, a in zip(layer.fields(), layer.order_parameters):
                found[h] = self.teacher_field if theory.teacher and a == theory.teacher_overlap else theory.fields[a]
        return found

    def at_fields(self, expr):
        """`expr` in natural variables, the conjugate fields replaced by their values."""
        return self.human(expr).xreplace(self.conjugates)

    # Pressures

    def variances(self, layer):
        """Symbols v_0..v_k of a layer's fields, none where no couplings act."""
        return self.theory.variance_symbols(layer.overlap) if layer.overlap is not None else (S.Zero,)

    def leaf_pressures(self, layer, outer=S.Zero):
        """[(probability, pressure)] of the one-site problems of a layer, functions of the conjugate symbols."""
        v = self.variances(layer)
        powers = (outer, *self.powers[1:]) if layer.overlap is not None else (outer,)
        return [(p, leaf_pressure(leaf, mean, (v[0] + extra, *v[1:]), powers, self.theory.T))
                for p, leaf, mean, extra in self.problems(layer)]

    def problems(self, layer):
        """(probability, leaf, mean field, variance of random fields): what the nested averages of a layer are taken over."""
        return [(leaf.probability, leaf, leaf.mean, leaf.variance) for leaf in layer.leaves]

    def pressure(self, layer):
        """P of a layer, a function of the symbols of the conjugate fields."""
        return sympy.Add(*(p * P for p, P in self.leaf_pressures(layer)))

    @cached_property
    def pressures(self):
        """P of each layer."""
        return tuple(self.pressure(layer) for layer in self.theory.layers)

    def squares(self, layer):
        """<M_i^2>, i = 0..k: the mean squares of the conditional means of the variable that overlaps."""
        v, powers = self.variances(layer), self.powers
        totals = [S.Zero] * len(v)
        for p, leaf, mean, extra in self.problems(layer):
            own = (v[0] + extra, *v[1:])
            for i, square in enumerate(leaf_squares(leaf, mean, own, powers, self.theory.T)):
                totals[i] += p * square
        return totals

    # Channel

    @cached_property
    def gate_pressure(self):
        """load times the nested average of log E gate: what pattern constraints add to the entropy."""
        theory = self.theory
        if theory.channel is None:
            return S.Zero
        o = theory.overlaps[0]
        values = increments(o.values)
        W = gate_potential(theory.channel, o.C)
        if theory.teacher:
            return theory.channel.load * GaussianAverage(self.teacher_weight * W, FIELD, S.Zero, o.values[0])
        return theory.channel.load * Nested(W, FIELD, S.Zero, values, self.powers)

    @cached_property
    def teacher_weight(self):
        """2 H(-R w/sqrt(q (q - R^2))), the probability of the label given the student's field w of variance q, over 1/2."""
        R, q = self.theory.teacher_overlap, self.theory.overlaps[0].values[0]
        return 2 * Tail(-R * FIELD / sympy.sqrt(q * (q - R**2)))

    def gate_squares(self):
        """load <M_i^2> of the gate: V_0..V_k."""
        theory, o = self.theory, self.theory.overlaps[0]
        slope = gate_potential(theory.channel, o.C).diff(FIELD)
        if theory.teacher:
            weight = self.teacher_weight
            return [theory.channel.load * GaussianAverage(weight * slope**2, FIELD, S.Zero, o.values[0])]
        v = increments(o.values)
        W = gate_potential(theory.channel, o.C)
        return [theory.channel.load * nested_mean(slope, i, 2, W, FIELD, S.Zero, v, self.powers) for i in range(len(v))]

    # Results

    @cached_property
    def functional(self):
        """f in the core's unknowns and the symbols of the conjugate fields."""
        theory = self.theory
        work = sum((layer.weight * h * a for layer in theory.layers for h, a in zip(layer.fields(), layer.order_parameters)), S.Zero)
        sites = sum((layer.weight * P for layer, P in zip(theory.layers, self.pressures)), S.Zero)
        return theory.potential + work - self.gate_pressure - sites

    @cached_property
    def coupling_terms(self):
        """F and the Lagrange part, one entry a coupling, in natural variables."""
        theory, terms = self.theory, []
        for coupling in theory.model.couplings:
            energy = self.coupling_energy(coupling)
            lagrange = self.human(theory.lagrange)
            for o in theory.overlaps:
                a, v = self.share(coupling, o) if o in theory._of(coupling) else (S.Zero, [S.Zero] * (theory.steps + 1))
                lagrange = lagrange.xreplace(dict(zip(theory.variance_symbols(o), v)) | {theory.layers[o.layer].diagonal: a})
            terms.append(gathered(energy, lagrange, self.inner))
        return terms

    def coupling_energy(self, coupling):
        """F of one coupling in natural variables; zero for a channel."""
        if coupling.kind == "spectral":
            return self.spectral_energy(coupling)
        if coupling.kind == "channel":
            return S.Zero
        return self.human(energy_of(coupling, self.theory._of(coupling), self.theory.breaking))

    @cached_property
    def inner(self):
        """Symbols of order parameters in natural variables."""
        theory = self.theory
        names = {n for o in theory.overlaps for n in (*o.names, self.diagonal(o))}
        return {n for n in names | set(self.blocks) | set(theory.model.auxiliaries) | set(theory.order_parameters) if n.is_Symbol}

    @cached_property
    def signal(self):
        """e + w h.phi, expanded."""
        theory = self.theory
        work = sum((layer.weight * theory.fields[a] * a for layer in theory.layers for a in layer.order_parameters
                    if a in theory.order_parameters), S.Zero)
        total = theory.model.energy + work
        return sympy.expand(total) if total.is_polynomial(*theory.order_parameters) else total

    @cached_property
    def free_energy(self):
        """f(m, q, ..., x) per site; its stationary points are the solutions."""
        terms = [*sympy.Add.make_args(self.signal), *(t for term in self.coupling_terms for t in sympy.Add.make_args(term))]
        terms += [-layer.weight * p * self.at_fields(P) for layer in self.theory.layers for p, P in self.leaf_pressures(layer)]
        total = without_cancelling(sympy.Add(*terms)) - self.human(self.gate_pressure) - self.human(self.theory.normalisation)
        return self.nishimori(total + self.teacher_field * self.theory.teacher_overlap) if self.theory.teacher else total

    def nishimori(self, expr):
        """Where the gate is the teacher's own: R = q and Rhat = qhat, the teacher is one more replica."""
        if not self.theory.matched:
            return sympy.sympify(expr)
        o = self.theory.overlaps[0]
        q = o.names[0]
        at_q = lambda e: Tail(-FIELD / sympy.sqrt(self.diagonal(o) - q)) if e.args[0].has(self.theory.teacher_overlap) else e
        expr = sympy.sympify(expr).replace(lambda e: isinstance(e, Tail), at_q)
        return expr.xreplace({self.theory.teacher_overlap: q, self.teacher_field: self.hats(o)[0]})

    @cached_property
    def equations(self):
        """{symbol: right-hand side} of means, overlaps, crosstalk and block parameters."""
        found = {}
        for layer, P in zip(self.theory.layers, self.pressures):
            found |= {a: self.at_fields(P.diff(h).expand(deep=False)) for a, h in zip(layer.order_parameters, layer.fields())}
        teacher = (self.theory.teacher_overlap,) if self.theory.teacher and not self.theory.matched else ()
        found = {a: found[a] for a in (*self.theory.order_parameters, *teacher)}
        for o in self.theory.overlaps:
            found |= self.overlap_equations(o)
        found |= self.conjugate_equations()
        found |= self.auxiliary_equations()
        found |= self.block_equations()
        return {a: self.nishimori(rhs) for a, rhs in found.items()} if self.theory.teacher else found

    def auxiliary_equations(self):
        """Fixed-point forms of the auxiliaries' stationarity, and of the responses of auxiliary variables alone."""
        found = {X: isolated(self.human(slope), X) for X, slope in zip(self.theory.model.auxiliaries, self.theory.auxiliary_equations)}
        return found | {C: isolated(gap, C) for C, gap in zip(self.theory.free_responses, self.theory.free_equations)}

    def overlap_equations(self, o):
        """{q_i: <M_i^2>}, and {q_d: <s^2>} where it is free."""
        layer = self.theory.layers[o.layer]
        found = {name: self.at_fields(square) for name, square in zip(o.names, self.squares(layer))}
        if o.diagonal is None:
            P = self.pressures[o.layer]
            found[self.diagonal(o)] = self.at_fields((2 * P.diff(layer.diagonal)).expand(deep=False))
        return found

    def conjugate_equations(self):
        """Crosstalk under its reported name, and the fields that pattern constraints make."""
        found = {}
        for coupling in self.theory.model.couplings:
            if coupling.kind == "channel":
                o = self.theory.overlaps[0]
                found |= dict(zip(self.hats(o), map(self.human, self.gate_squares())))
                if self.theory.teacher and not self.theory.matched:
                    found[self.teacher_field] = self.human(self.gate_pressure.diff(self.theory.teacher_overlap))
                if o.diagonal is None:
                    W = self.gate_pressure
                    found[self.theory.layers[o.layer].diagonal] = self.human(2 * W.diff(o.C))
            elif coupling.kind == "spectral":
                for o in self.theory._of(coupling):
                    scale, names = self.noise(coupling, o)
                    found |= {r: V / scale for r, V in zip(names, self.spectral_variances(coupling, o))}
        return found

    def block_equations(self):
        """{x_i: T sum_l w [<Phi_i> - <Phi_(i-1)>] / d(potential)/dD_i}."""
        theory, found = self.theory, {}
        for x, D, slope in zip(self.blocks, theory.free_breaking, theory.breaking_slopes):
            sites = sum((layer.weight * D * P.diff(D) for layer, P in zip(theory.layers, self.pressures)), S.Zero)
            steps = sites + D * self.gate_pressure.diff(D)
            found[x] = theory.T * self.at_fields(steps.expand(deep=False)) / self.at_fields(slope)
        return found

    # Stability

    @cached_property
    def bends(self):
        """<(g'')^2> of each overlap's site, in the conjugate symbols."""
        return tuple(self.bend(self.theory.layers[o.layer]) for o in self.theory.overlaps)

    def bend(self, layer):
        """The square of the response of one site, averaged."""
        return sympy.Add(*(p * b for p, b in self.leaf_bends(layer)))

    def leaf_bends(self, layer, outer=S.Zero):
        """[(probability, <(g'')^2>)] of the one-site problems of a layer."""
        v, found = self.variances(layer), []
        powers = (outer, *self.powers[1:])
        for p, leaf, mean, extra in self.problems(layer):
            own = (v[0] + extra, *v[1:])
            if leaf.kind == "quadratic":
                found.append((p, 1 / leaf.slopes[0] ** 2))
                continue
            g = leaf_potential(leaf, self.theory.T)
            found.append((p, nested_mean(response(g, self.theory.T), len(own) - 1, 2, g, FIELD, mean, own, powers)))
        return found

    @cached_property
    def gate_bend(self):
        """<(W'')^2> of the gate."""
        theory, o = self.theory, self.theory.overlaps[0]
        W = gate_potential(theory.channel, o.C)
        second = W.diff(FIELD, 2)
        if theory.teacher:
            return GaussianAverage(self.teacher_weight * second**2, FIELD, S.Zero, o.values[0])
        return nested_mean(second, len(o.values) - 1, 2, W, FIELD, S.Zero, increments(o.values), self.powers)

    @cached_property
    def replicon(self):
        """lambda, in natural variables: stable where it is positive. None with more than two overlaps."""
        theory, B = self.theory, self.theory.replicon_matrix
        if theory.channel is not None:
            B = B * self.gate_bend
        K = self.bends
        if len(K) == 1:
            found = 1 - B[0, 0] * K[0]
        elif len(K) == 2:
            a, b, c = B[0, 0] * K[0], B[1, 1] * K[1], B[0, 1] ** 2 * K[0] * K[1]
            found = 1 - (a + b) / 2 - sympy.sqrt((a - b) ** 2 / 4 + c)
        else:
            return None
        return self.nishimori(self.at_fields(found)) if theory.teacher else self.at_fields(found)

    @cached_property
    def entropy(self):
        """s = -df/dT at fixed order parameters, per site."""
        return -self.free_energy.diff(T) if self.theory.model.has_temperature else -self.free_energy


def spectral_slope(coupling, overlaps, o, at, other=None):
    """dG/dy in an overlap's eigenvalue (and once more in another's)."""
    y = [sympy.Dummy(f"y_{p.symbol}", real=True) for p in overlaps]
    slope = coupling.spectral(y).diff(y[overlaps.index(o)])
    slope = slope.diff(y[overlaps.index(other)]) if other is not None else slope
    return sympy.factor_terms(sympy.together(slope)).xreplace(dict(zip(y, at)))


def spectral_step(coupling, overlaps, o, high, low, D, gap):
    """2 [G'(high) - G'(low)]/D, with D cancelled where one overlap's eigenvalues differ by D times the gap of the overlaps."""
    if len(overlaps) > 1 or not coupling.spectral([FIELD]).diff(FIELD).is_rational_function(FIELD):
        return 2 * (spectral_slope(coupling, overlaps, o, high) - spectral_slope(coupling, overlaps, o, low)) / D
    a, b = sympy.Dummy("a"), sympy.Dummy("b")
    ratio = sympy.factor((spectral_slope(coupling, overlaps, o, [a]) - spectral_slope(coupling, overlaps, o, [b])) / (a - b))
    return 2 * gap * ratio.xreplace({a: high[0], b: low[0]})


def increments(values):
    """v_0, v_1 - v_0, ..."""
    return tuple(b - a for a, b in zip((S.Zero, *values), values))


def gathered(energy, lagrange, inner):
    """Energy and Lagrange part as one polynomial with factored coefficients, or side by side."""
    total = energy + lagrange
    if not total.is_polynomial(*inner):
        return energy + sympy.factor_terms(lagrange)
    groups = {}
    for term in sympy.Add.make_args(sympy.expand(total)):
        outer, rest = term.as_independent(*inner, as_Add=False)
        number, outer = outer.as_coeff_Mul()
        groups[outer] = groups.get(outer, S.Zero) + number * rest
    return sympy.Add(*(outer * sympy.factor(rest) for outer, rest in groups.items()))


def isolated(slope, X):
    """X from the condition slope = 0: solved where it is linear or rational with one root, else X - slope."""
    numerator = sympy.together(slope).as_numer_denom()[0]
    if numerator.is_polynomial(X) and _degree(numerator, X) == 1:
        slope, constant = sympy.Poly(numerator, X).all_coeffs()
        return sympy.factor_terms(-constant / slope)
    return X - slope


def _degree(polynomial, X):
    """Degree in X, at distinct numbers in place of the other symbols: expanding many symbols may take minutes."""
    others = sorted(polynomial.free_symbols - {X}, key=str)
    return sympy.Poly(polynomial.xreplace({s: sympy.Rational(sympy.prime(i + 2), 101) for i, s in enumerate(others)}), X).degree()


def leaf_potential(leaf, T):
    """g(y) = T log Tr_s exp[(l + y o)/T] + kappa y^2/2 of a finite leaf."""
    terms = [over(level + FIELD * slope, T) for level, slope in zip(leaf.levels, leaf.slopes)]
    if len(terms) == 1:
        trace = terms[0]
    elif len(terms) == 2:
        up, down = terms
        trace = sympy.expand((up + down) / 2) + log2cosh(sympy.factor_terms(sympy.expand((up - down) / 2)))
    else:
        trace = LogSumExp(*terms)
    return sympy.expand_mul(T * trace) + leaf.kappa * FIELD**2 / 2


def over(energy, T):
    """energy / T as an exponent."""
    return tidy(energy / T) if T != 1 else sympy.expand(energy)


def response(g, T):
    """g''."""
    return sympy.factor_terms(g.diff(FIELD).expand(deep=False).diff(FIELD).expand(deep=False))


def leaf_pressure(leaf, mean, variances, powers, T):
    """The nested average of one leaf."""
    if leaf.kind == "quadratic":
        return merged(leaf.offset + quadratic_pressure(leaf.slopes[0], mean, variances, powers, T))
    return leaf.offset + Nested(leaf_potential(leaf, T), FIELD, mean, variances, powers)


def without_cancelling(total):
    """A sum whose polynomial terms are expanded together where that shortens them."""
    chosen = [t for t in sympy.Add.make_args(total) if t.is_polynomial(*t.free_symbols)]
    short = sympy.expand(sympy.Add(*chosen))
    if short.is_number and chosen or len(sympy.Add.make_args(short)) + 1 < len(chosen):
        return sympy.Add(*(t for t in sympy.Add.make_args(total) if t not in chosen), short)
    return total


def merged(total):
    """A sum with c log a - c log b as the logarithm of one ratio: constants of measures cancel."""
    logs = {}
    for term in total.args if total.is_Add else ():
        c, log = term.as_independent(sympy.log, as_Add=False)
        if isinstance(log, sympy.log):
            logs[log] = c
    for a, b in combinations(logs, 2):
        if logs[a] + logs[b] == 0 and logs[a] != 0:
            quotient, power = sympy.cancel(a.args[0] / b.args[0]), 0
            if quotient.has(sympy.exp, sympy.E):
                quotient, power = sympy.cancel(quotient * sympy.E), -1
            ratio = sympy.log(quotient) + power
            total += sympy.expand_mul(logs[a] * ratio) - logs[a] * a + logs[a] * b
            logs[a] = logs[b] = S.Zero
    return total


def leaf_squares(leaf, mean, variances, powers, T):
    """<M_i^2>, i = 0..k, of one leaf."""
    if leaf.kind != "quadratic":
        g = leaf_potential(leaf, T)
        slope = g.diff(FIELD).expand(deep=False)
        return [nested_mean(slope, i, 2, g, FIELD, mean, variances, powers) for i in range(len(variances))]
    A = [leaf.slopes[0]]
    for v, D in zip(reversed(variances[1:]), reversed(powers[1:])):
        A.append(A[-1] - D * v)
    A.reverse()
    found = [(mean**2 + variances[0]) / A[0] ** 2]
    for i in range(1, len(variances)):
        found.append(found[-1] + variances[i] / (A[i] * A[i - 1]))
    return found


def gate_potential(channel, C):
    """W(w) = log E_y gate(w + sqrt(C) y)."""
    from ..couplings import STABILITY

    if channel.steps is not None and len(channel.steps) == 1:
        (edge, rises), = channel.steps
        x = (edge - FIELD) / sympy.sqrt(C)
        x = x if rises else -x
        above, below = channel.value((True,)), channel.value((False,))
        low, high = (below, above) if rises else (above, below)
        if low == 0:
            return log_H(x) + sympy.log(high)
        return sympy.log(low + (high - low) * Tail(x))
    if channel.steps is not None:
        return sympy.log(probability(channel, C))
    return sympy.log(GaussianAverage(channel.gate.xreplace({STABILITY: NOISE}), NOISE, FIELD, C))


def probability(channel, C):
    """E_y gate(w + sqrt(C) y) of a piecewise constant gate: a sum of probabilities of intervals, H(lowest) - H(highest).

    The gate is multilinear in its steps; every product of them must be an interval that is not empty (`PatternConstraints.check`).
    """
    above = lambda edge: Tail((edge - FIELD) / sympy.sqrt(C))
    total = S.Zero
    for coefficient, chosen in channel.products():
        low = [edge for edge, rises in chosen if rises]
        high = [edge for edge, rises in chosen if not rises]
        total += coefficient * ((above(sympy.Max(*low)) if low else S.One) - (above(sympy.Min(*high)) if high else S.Zero))
    return total
