"""A replica-symmetric theory, or one without couplings, as equations that kernels can be made of.

The Gaussian averages of two-state sites are opaque nodes of a `Chain`; spherical and Gaussian sites are closed form.
"""

from dataclasses import dataclass, field

import sympy
from sympy import S

from theory.errors import InputError
from theory.mean_field import MeanFieldTheory
from theory.symbols import T, symbol

from .atoms import ATOMS, GaussSoftAbs, SoftAbs, SoftMax
from .chain import Chain
from .scale import scale

MAX_CONFIGURATIONS = 200


@dataclass(frozen=True)
class Equations:
    """Stationarity conditions in symbols.

    Attributes
    ----------
    chain : of the opaque names
    unknowns : symbols to solve for
    residual : expressions that vanish
    free_energy, entropy : per site
    stability : matrix, T times (1 - the replicon block); None without overlaps
    reported : {name: expression}
    observables : {name: expression} of means that are no unknowns, and of a spin's overlap beside an auxiliary variable's
    """

    chain: Chain
    unknowns: tuple
    residual: tuple
    free_energy: object
    entropy: object
    stability: object
    reported: dict
    observables: dict = field(default_factory=dict)

    def jacobian(self, variables):
        """Total derivatives of the residual, as rows."""
        return [[self.chain.diff(e, x) for x in variables] for e in self.residual]


def parameters_of(theory):
    """Symbols of the parameters, T first."""
    return (T, *map(symbol, theory.model.parameters))


def check(theory):
    """Refuse what these kernels do not do."""
    if isinstance(theory, MeanFieldTheory):
        return
    if theory.steps:
        raise InputError(f"the compiled equations are replica symmetric: use meanfield.replicas.saddle for {theory.ansatz.title}")
    if theory.channel is not None or not theory.model.has_temperature:
        raise InputError(f"{theory.model.name} has pattern constraints: its equations go through meanfield.replicas.saddle")
    for leaf in (leaf for layer in theory.layers for leaf in layer.leaves):
        if leaf.kind == "finite" and len(set(leaf.slopes)) != 2 or len(leaf.slopes) > 2:
            raise InputError(f"{theory.model.name} has {len(leaf.slopes)} states in random fields: use meanfield.replicas.saddle")


def equations(theory, chain=None, values=None, suffix=""):
    """The equations of a theory.

    Parameters
    ----------
    chain : Chain to add to, where several copies stand in one system
    values : {unknown: expression in the other unknowns and parameters}, unknowns that are not solved for
    suffix : appended to the unknowns' and the opaque names
    """
    check(theory)
    build = _plain if isinstance(theory, MeanFieldTheory) else _replica
    return build(theory, Chain() if chain is None else chain, dict(values or {}), suffix)


def _unknowns(symbols, chain, values, suffix):
    """({unknown: what stands for it}, the ones solved for)."""
    named = {a: symbol(f"{a}{suffix}") if suffix else a for a in symbols}
    fixed = {a: chain.let(f"{a}{suffix}", sympy.sympify(values[a]).xreplace(named)) for a in symbols if a in values}
    return {**named, **fixed}, tuple(named[a] for a in symbols if a not in values)


def _replica(theory, chain, values, suffix):
    at, free = _unknowns(theory.unknowns, chain, values, suffix)
    let = lambda name, value: chain.let(f"{name}{suffix}", sympy.sympify(value).xreplace(at))
    fields = {h: let(h, theory.fields[a]) for layer in theory.layers for h, a in zip(layer.fields(), layer.order_parameters)}
    for o in theory.overlaps:
        fields |= {s: let(s, v) for s, v in zip(theory.variance_symbols(o), theory.variances[o])}
        if o.diagonal is None:
            fields[theory.layers[o.layer].diagonal] = let(theory.layers[o.layer].diagonal, theory.diagonals[o])
    sites = [_Site(theory, layer, chain, fields) for layer in theory.layers]
    residual = dict(zip(theory.unknowns, theory.unknowns)) | dict(zip(theory.model.auxiliaries, theory.auxiliary_equations))
    residual |= dict(zip(theory.free_responses, theory.free_equations))
    for site in sites:
        residual.update(site.residual(residual))
    residual = tuple(residual[a].xreplace(at) for a in theory.unknowns)
    work = sum(site.layer.weight * h * a for site in sites for h, a in zip(site.layer.fields(), site.layer.order_parameters)
               if a in theory.unknowns)
    free_energy = theory.potential + work - sum(site.layer.weight * site.pressure for site in sites)
    entropy = theory.explicit_entropy + sum(site.layer.weight * site.slope(T) for site in sites)
    seen, known = {**at, **fields}, set(map(str, theory.unknowns))
    return Equations(chain, free, residual, free_energy.xreplace(fields).xreplace(at), entropy.xreplace(seen).xreplace(seen),
                     _stability(theory, sites, seen), {name: value.xreplace(at) for name, value in theory.reported.items()},
                     {name: e.xreplace(seen).xreplace(seen) for site in sites for name, e in site.observables.items()
                      if name not in known})


def _stability(theory, sites, seen):
    """T - B T K: at a zero of its determinant the replicon is marginal; regular at T = 0."""
    spread = sympy.diag(*(site.spread.xreplace(seen) for site in sites if site.layer.overlap is not None))
    B = theory.replicon_matrix.applyfunc(lambda e: e.xreplace(seen))
    return T * sympy.eye(B.rows) - B * spread


class _Site:
    """Averages of one layer, in symbols.

    Attributes
    ----------
    pressure : P
    curvature : <g''>; square : <(g')^2>; spread : T <(g'')^2>
    """

    def __init__(self, theory, layer, chain, fields):
        self.layer, self.chain, self.fields = layer, chain, fields
        self.is_auxiliary = layer.site.kind == "auxiliary"
        self.variance = theory.variance_symbols(layer.overlap)[0] if layer.overlap is not None else S.Zero
        leaves = [(_Quadratic if leaf.kind == "quadratic" else _TwoState)(leaf, self) for leaf in layer.leaves]
        self.leaves = [(leaf.probability, part) for leaf, part in zip(layer.leaves, leaves)]
        self.pressure, self.curvature, self.square, self.spread = (
            self._mean(name) for name in ("pressure", "curvature", "square", "spread"))

    def _mean(self, name):
        return sympy.Add(*(p * getattr(part, name) for p, part in self.leaves))

    def slope(self, x):
        """dP/dx at the other fields and T fixed."""
        return sympy.Add(*(p * part.slope(x) for p, part in self.leaves))

    @property
    def observables(self):
        """{name: expression} of means that no unknown is, and of the overlap of a spin with an auxiliary variable."""
        found = {"q": self._mean("finite_square")} if self.is_auxiliary else {}
        return found | {str(a): self.slope(h) for h, a in zip(self.layer.fields(), self.layer.order_parameters)}

    def residual(self, out):
        """{unknown: residual} of this layer."""
        found = {a: a - self.slope(h) for h, a in zip(self.layer.fields(), self.layer.order_parameters) if a in out}
        found = {a: e.xreplace(self.fields) for a, e in found.items()}
        o = self.layer.overlap
        if o is None:
            return found
        if o.names[-1] in out:
            found[o.names[-1]] = o.names[-1] - self.square.xreplace(self.fields)
        # On a sphere C sets the multiplier, so that its response is an identity and q = <M^2> the equation.
        spherical = self.layer.site.kind == "spherical"
        found[o.C] = (o.values[-1] - self.square if spherical else o.C - self.curvature).xreplace(self.fields)
        return found


class _TwoState:
    """T log of the sum of two states: a linear part and T log 2cosh of a linear argument, averaged."""

    def __init__(self, leaf, site):
        (high, low), levels = leaf.slopes, leaf.levels or (S.Zero, S.Zero)
        middle, half = (high + low) / 2, (high - low) / 2
        variance = site.variance + leaf.variance
        self.argument = (half * leaf.mean + (levels[0] - levels[1]) / 2, half**2 * variance)
        self.rest = (levels[0] + levels[1]) / 2 + middle * leaf.mean + leaf.kappa * (leaf.mean**2 + variance) / 2 + leaf.offset
        index = site.chain.average(*(a.xreplace(site.fields) for a in self.argument))
        half = site.chain.let(f"half{index}", sympy.sympify(half).xreplace(site.fields))
        G = [site.chain.node(index, k) for k in range(5)]
        self.G, self.warm = G, site.chain.node(index, 0, 1)
        self.pressure = self.rest + G[0]
        self.curvature = leaf.kappa + half**2 * G[2]
        k, mean = leaf.kappa, leaf.mean
        finite = middle**2 + half**2 * (1 - T * G[2]) + 2 * half * middle * G[1]
        self.square = (k**2 * (mean**2 + variance) + 2 * k * middle * mean + finite
                       + 2 * half * k * (mean * G[1] + half * variance * G[2]))
        # E <s>^2 of the states themselves, without what a Gaussian variable adds.
        self.finite_square = finite * (site.layer.site.finite.states[0][0] / high) ** 2 if site.is_auxiliary else S.Zero
        # (g'')^2 of T log 2cosh is 2 g''/(3T) - T g''''/6.
        self.spread = T * k**2 + 2 * T * k * half**2 * G[2] + half**4 * (2 * G[2] / 3 - T**2 * G[4] / 6)

    def slope(self, x):
        mean, variance = (a.diff(x) for a in self.argument)
        return self.rest.diff(x) + mean * self.G[1] + variance * self.G[2] / 2 + (self.warm if x == T else S.Zero)


class _Quadratic:
    """g = y^2/(2A) + (T/2) log(2 pi T/A), averaged."""

    def __init__(self, leaf, site):
        (A,), variance = leaf.slopes, site.variance + leaf.variance
        self.pressure = (leaf.mean**2 + variance) / (2 * A) + T * sympy.log(2 * sympy.pi * T / A) / 2 + leaf.offset
        self.curvature = 1 / A
        self.square = (leaf.mean**2 + variance) / A**2
        self.spread = T / A**2

    def slope(self, x):
        return self.pressure.diff(x)


def _plain(theory, chain, values, suffix):
    """Independent sites without couplings: every configuration of the finite disorder is an average of variance zero or more."""
    symbols = tuple(a for a in theory.order_parameters if a not in theory.model.observables)
    at, free = _unknowns(symbols, chain, values, suffix)
    fields = {h: chain.let(f"{h}{suffix}", v.xreplace(at)) for h, v in zip(theory.fields, theory.field_values)}
    leaves = [_Leaf(p, e, chain, fields) for p, e in _configurations(theory)]
    slope = lambda x: sympy.Add(*(leaf.slope(x) for leaf in leaves)).xreplace(fields)
    residual = tuple(at[a] - slope(h) for h, a in zip(theory.fields, theory.order_parameters) if a in symbols)
    work = sum(fields[h] * at[a] for h, a in zip(theory.fields, theory.order_parameters) if a in symbols)
    pressure = sympy.Add(*(leaf.pressure for leaf in leaves)).xreplace(fields)
    return Equations(chain, free, residual, theory.energy.xreplace(at) + work - pressure, slope(T), None,
                     {str(a): at[a] for a in symbols})


def _configurations(theory):
    """(probability, integrand) of every configuration of the finite disorder, opposite ones merged."""
    scaled = scale(theory.site_pressure)
    if scaled.spread or any(not isinstance(a, (SoftAbs, SoftMax, GaussSoftAbs)) for a in scaled.integrand.atoms(*ATOMS)):
        raise InputError(f"{theory.model.name} has no compiled curves: sites must be finite, of two states in a Gaussian field")
    found = {scaled.integrand: S.One}
    for x, (xs, ps) in scaled.disorder.items():
        following = {}
        for e, p in found.items():
            for value, q in zip(xs, ps):
                new = e.xreplace({x: value})
                new = new.replace(lambda a: isinstance(a, ATOMS), lambda a: a.func(*(sympy.expand(y) for y in a.args)))
                following[new] = following.get(new, S.Zero) + p * q
        found = following
        if len(found) > MAX_CONFIGURATIONS:
            raise InputError(f"more than {MAX_CONFIGURATIONS} configurations of the disorder: use fewer patterns")
    return [(sympy.factor_terms(p), e) for e, p in found.items()]


class _Leaf:
    """One configuration: a combination of soft absolute values and maxima, and what is added to them."""

    def __init__(self, probability, integrand, chain, fields):
        self.parts, opaque = [], {}
        for atom in sorted(integrand.atoms(SoftAbs, SoftMax, GaussSoftAbs), key=sympy.default_sort_key):
            arguments = tuple(a.xreplace(fields) for a in atom.args)
            if isinstance(atom, SoftMax):
                index = chain.soft_max(arguments)
                slopes, value, entropy = range(len(arguments)), "value", chain.node(index, "entropy")
            else:
                index = chain.average(arguments[0], arguments[1] if len(arguments) == 2 else S.Zero)
                slopes, value, entropy = range(1, 1 + len(arguments)), 0, chain.node(index, 0, 1)
            opaque[atom] = chain.node(index, value)
            factors = [S.One, S.Half] if isinstance(atom, GaussSoftAbs) else [S.One] * len(arguments)
            self.parts.append((atom.args, [c * chain.node(index, k) for c, k in zip(factors, slopes)], opaque[atom], entropy))
        self.pressure = probability * integrand.xreplace(opaque)

    def slope(self, x):
        """dP/dx at the other fields and T fixed."""
        total = self.pressure.diff(x)
        for arguments, slopes, value, entropy in self.parts:
            inner = sum((a.diff(x) * g for a, g in zip(arguments, slopes)), entropy if x == T else S.Zero)
            total += self.pressure.diff(value) * inner
        return total
