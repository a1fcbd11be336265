"""The one-site problem of each layer as the ansatz leaves it: a leaf function under nested Gaussian fields.

In the field y that the Gaussian couplings make at a site, its pressure is g(y) = T log Tr_s exp[(l(s) + y o(s))/T] with o the
variable whose overlap counts; the levels l contain the signal fields, the site energy and a o^2/2.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import sympy
from sympy import S

from ..disorder import FiniteDistribution, Normal
from ..errors import InputError
from ..sites import Layers
from ..symbols import T, symbol


@dataclass(frozen=True)
class Leaf:
    """The one-site problem in one configuration of the finite disorder.

    Attributes
    ----------
    probability : of the configuration
    kind : "finite" or "quadratic"
    mean : field common to all states, added to y
    variance : of the Gaussian disorder that acts along o, added to the variance at level 0
    slopes, levels : of the states, (l + y o); for "quadratic" slopes is (A,), g = y^2/(2A) + (T/2) log(2 pi T/A)
    kappa : coefficient of y^2/2 outside the states (an auxiliary variable integrated out)
    offset : added to g
    """

    probability: object
    kind: str
    mean: object
    variance: object
    slopes: tuple
    levels: tuple = ()
    kappa: object = S.Zero
    offset: object = S.Zero


@dataclass(frozen=True)
class Layer:
    """One layer of sites: its weight, order parameters and overlap (None: no couplings act on it).

    Attributes
    ----------
    site, weight
    order_parameters : {symbol: g(s, xi)} of this layer
    site_energy : terms of v that concern this layer
    disorder : of the variables that occur
    overlap : Overlap or None
    """

    site: object
    weight: object
    order_parameters: dict
    site_energy: object
    disorder: dict
    overlap: object
    T: object

    @cached_property
    def diagonal(self):
        """Symbol of a = T (qh_d - qh_k), conjugate to the diagonal."""
        return symbol(f"a_{self.overlap.symbol}")

    def fields(self):
        """Symbols h_a of the fields conjugate to the order parameters."""
        return tuple(symbol(f"h_{a}") for a in self.order_parameters)

    @cached_property
    def leaves(self):
        """The one-site problems, one for each configuration of the finite disorder, in the fields h and a."""
        finite = {x: d for x, d in self.disorder.items() if not isinstance(d, Normal)}
        normal = {x: d for x, d in self.disorder.items() if isinstance(d, Normal)}
        energy = sum((h * g for h, g in zip(self.fields(), self.order_parameters.values())), S.Zero) - self.site_energy
        merged = {}
        for choice in product(*(zip(d.values, d.probabilities) for d in finite.values())):
            weight = sympy.Mul(*(p for _, p in choice))
            leaf = self._leaf(sympy.expand(energy.xreplace(dict(zip(finite, (v for v, _ in choice))))), normal)
            key = tuple(getattr(leaf, f) for f in ("kind", "mean", "variance", "slopes", "levels", "kappa", "offset"))
            merged[key] = merged.get(key, S.Zero) + weight
        return tuple(Leaf(sympy.factor_terms(p), kind, *rest) for (kind, *rest), p in merged.items())

    def _leaf(self, exponent, normal):
        along, mean, variance = self._gaussian_part(exponent, normal)
        exponent = sympy.expand(exponent.xreplace({x: S.Zero for x in normal}) + mean * along)
        build = {"finite": self._finite, "spherical": self._spherical, "gaussian": self._gaussian,
                 "auxiliary": self._auxiliary}.get(self.site.kind)
        if build is None:
            raise InputError(f"quenched couplings do not act on {self.site.kind} sites: use Ising or other finite spins, spherical or Gaussian ones")
        return build(exponent, variance)

    @property
    def along(self):
        """The variable on which the random fields act."""
        return self.overlap.variable if self.overlap is not None else self.site.variables[0]

    def _gaussian_part(self, exponent, normal):
        """(o, mean, variance) of the Gaussian disorder, which must act along o."""
        variance = mean = S.Zero
        for x, d in normal.items():
            slope = sympy.expand(exponent).coeff(x)
            if slope == 0:
                continue
            strength = sympy.cancel(slope / self.along)
            if sympy.expand(exponent - slope * x).has(x) or strength.has(*self.site.variables):
                raise InputError(f"a Gaussian random field must multiply {self.along} alone, the variable whose overlap the couplings use: got {exponent}")
            variance, mean = variance + strength**2 * d.variance, mean + strength * d.mean
        return self.along, mean, sympy.factor_terms(variance)

    def _finite(self, exponent, variance):
        o, states = self.along, self.site.enumerate()
        if self.overlap is not None and self.overlap.diagonal is None:
            exponent = exponent + self.diagonal * o**2 / 2
        slopes = tuple(state[o] for _, state in states)
        levels = [sympy.expand(exponent.xreplace(state)) + self.T * sympy.log(w) for w, state in states]
        if len(set(slopes)) == 2 == len(slopes):
            mean = sympy.expand((levels[0] - levels[1]) / (slopes[0] - slopes[1]))
            base = sympy.expand(levels[0] - mean * slopes[0])
            # The two states of an Ising spin are alike: opposite configurations of the disorder merge.
            even = slopes[0] == -slopes[1] and mean.could_extract_minus_sign()
            return Leaf(S.One, "finite", -mean if even else mean, variance, slopes, (S.Zero, S.Zero), S.Zero, base)
        return Leaf(S.One, "finite", S.Zero, variance, slopes, tuple(levels))

    def _spherical(self, exponent, variance):
        o, C = self.overlap.variable, self.overlap.C
        mean = self._linear(exponent, o)
        A = 1 / C
        # The multiplier A imposes <s^2> = 1; log(2 pi e) is the sphere's own volume.
        offset = A / 2 - self.T * sympy.log(2 * sympy.pi * sympy.E) / 2
        return Leaf(S.One, "quadratic", mean, variance, (A,), (), S.Zero, offset)

    def _gaussian(self, exponent, variance):
        o = self.site.variable
        poly = sympy.Poly(exponent, o)
        if poly.degree() > 2:
            raise InputError(f"a Gaussian site takes energies up to the second degree in {o}: got {exponent}")
        c0, c1, c2 = (poly.coeff_monomial(o**k) for k in range(3))
        prior = self.T / self.site.variance
        A = prior - 2 * c2 - (self.diagonal if self.overlap is not None else 0)
        offset = c0 - prior * self.site.mean**2 / 2 - self.T * sympy.log(2 * sympy.pi * self.site.variance) / 2
        return Leaf(S.One, "quadratic", c1 + prior * self.site.mean, variance, (A,), (), S.Zero, offset)

    @cached_property
    def bare(self):
        """Curvature of the site energy in the auxiliary variable: its inverse response without couplings."""
        return sympy.expand(self.site_energy).coeff(self.site.auxiliary, 2) * 2

    def _auxiliary(self, exponent, variance):
        o = self.site.auxiliary
        if self.overlap is None or self.overlap.variable != o:
            raise InputError(f"the couplings of an auxiliary site must act on its auxiliary variable {o}")
        poly = sympy.Poly(exponent, o)
        c0, c1, c2 = (poly.coeff_monomial(o**k) for k in range(3))
        if poly.degree() != 2 or c2.has(*self.site.finite.variables):
            raise InputError(f"an auxiliary variable needs a quadratic energy of constant curvature: got {exponent}")
        A = -2 * c2 - self.diagonal
        states = self.site.finite.enumerate()
        mean = sympy.expand(sum(c1.xreplace(state) for _, state in states) / len(states))
        shifts = [sympy.expand(c1.xreplace(state) - mean) for _, state in states]
        # Fractions are reduced: what diverges with the curvature, as where the auxiliary variable is bound to the state, cancels.
        levels = [sympy.cancel(c0.xreplace(state) + b**2 / (2 * A)) + self.T * sympy.log(w) for (w, state), b in zip(states, shifts)]
        offset = self.T * sympy.log(sympy.cancel(self.bare / A)) / 2
        slopes = tuple(sympy.cancel(b / A) for b in shifts)
        return Leaf(S.One, "finite", mean, variance, slopes, tuple(levels), sympy.cancel(1 / A), offset)

    def _linear(self, exponent, o):
        slope = exponent.coeff(o)
        if sympy.expand(exponent - slope * o) != 0 or slope.has(o):
            raise InputError(f"a spherical site takes fields linear in {o}: got {exponent}")
        return slope


def layers_of(model, overlaps):
    """The layers of a model; `overlaps` is a function (variable, layer index, q_d or None) -> Overlap or None."""
    parts = model.site.layers if isinstance(model.site, Layers) else ((model.site, S.One),)
    found = []
    for index, (site, weight) in enumerate(parts):
        own = set(site.variables)
        order = {a: g for a, g in model.order_parameters.items() if g.free_symbols & own}
        energy = sum((t for t in sympy.Add.make_args(sympy.expand(model.site_energy)) if len(parts) == 1 or t.free_symbols & own), S.Zero)
        used = energy.free_symbols.union(*(g.free_symbols for g in order.values()))
        disorder = {x: d for x, d in model.disorder.items() if x in used}
        overlap = overlaps(site, index)
        found.append(Layer(site, weight, order, energy, disorder, overlap, T if model.has_temperature else S.One))
    return tuple(found)


def with_teacher(layer, overlap):
    """The layer with one more order parameter, the overlap with a teacher whose weights have the layer's own a-priori measure."""
    teacher = sympy.Symbol(f"{layer.along}*", real=True)
    if layer.site.kind == "finite":
        states = layer.site.enumerate()
        total = sum(w for w, _ in states)
        weights = FiniteDistribution(tuple(s[layer.along] for _, s in states), tuple(w / total for w, _ in states))
    else:
        weights = Normal(0, 1)
    return replace(layer, order_parameters={**layer.order_parameters, overlap: teacher * layer.along},
                   disorder={**layer.disorder, teacher: weights})


def diagonal_of(site, variable):
    """q_d where it is fixed by the site, else None."""
    if site.kind == "spherical":
        return S.One
    if site.kind != "finite":
        return None
    squares = {sympy.expand(state[variable] ** 2) for _, state in site.enumerate()}
    return squares.pop() if len(squares) == 1 else None
