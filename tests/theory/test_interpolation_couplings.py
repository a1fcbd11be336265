"""Guerra's interpolation with quenched couplings: every step is checked, altered steps fail, replica symmetric."""

from dataclasses import replace

import numpy as np
import pytest
import sympy
from sympy import Rational, Tuple

from theory import Bimodal, GaussianSite, InputError, Ising, Model, Normal, Rademacher, derive, symbols
from theory.checks import verify
from theory.context import Context
from theory.couplings import DenseLoad, GaussianCouplings, HebbianLoad
from theory.exact.coupled import configurations, explicit_covariance, gauss_nodes, overlap_distribution, set_variances, walsh
from theory.routes.interpolation_couplings import scheme_of
from theory.routes.interpolation_couplings.signs import convexity

s, m, q, xi, eta, J, h, alpha = symbols("s m q xi eta J h alpha")


def spin_glass():
    return Model(site=Ising(s), order_parameters={m: s}, energy=-h * m, couplings=(GaussianCouplings(J**2 * q**2 / 2),),
                 parameters={J: 1.0, h: 0.3}, name="spin glass in a field")


def biased_glass():
    return Model(site=Ising(s), order_parameters={m: s}, energy=-h * m**2 / 2, couplings=(GaussianCouplings(J**2 * q**2 / 2),),
                 parameters={J: 0.8, h: 1.0}, name="biased glass")


def three_spins():
    return Model(site=Ising(s), order_parameters={}, energy=0, couplings=(GaussianCouplings(q**3 / 2),), name="three-spin glass")


def random_fields():
    return Model(site=Ising(s), order_parameters={m: s}, energy=-m / 5, site_energy=-(xi + eta) * s,
                 disorder={xi: Bimodal(Rational(1, 2)), eta: Normal(0, h**2)},
                 couplings=(GaussianCouplings(q**2 / 2 + q**4 / 4),), parameters={h: 0.4}, name="mixed glass in random fields")


def hopfield():
    return Model(site=Ising(s), order_parameters={m: s * xi}, disorder={xi: Rademacher()}, energy=-m**2 / 2,
                 couplings=(HebbianLoad(alpha),), parameters={alpha: 0.05}, name="Hopfield")


QUICK = [three_spins]
SLOW = [spin_glass, biased_glass, random_fields, hopfield]
ALL = [*(pytest.param(b, id=b.__name__) for b in QUICK),
       *(pytest.param(b, id=b.__name__, marks=pytest.mark.slow) for b in SLOW)]


def altered(side, k):
    rows = list(side) if isinstance(side, Tuple) else [side]
    rows[k] = rows[k] * Rational(21, 20) if rows[k] != 0 else Rational(1, 10)
    return Tuple(*rows) if isinstance(side, Tuple) else rows[0]


@pytest.mark.parametrize("build", ALL)
def test_every_step_is_checked(build):
    checked = derive(build(), "interpolation").check()
    assert checked.passed, [(step.title, step.evidence) for step in checked.steps if step.status == "failed"]
    assumed = [step.title for step in checked.steps if step.status == "assumption"]
    assert assumed == [*(["Gaussian entries of the patterns"] if build is hopfield else []), "Replica symmetry"]


@pytest.mark.parametrize("build", ALL)
def test_five_percent_are_noticed(build):
    derivation = derive(build(), "interpolation")
    context = Context(derivation)
    for step in derivation.steps:
        if step.title in ("Replica symmetry", "Gaussian entries of the patterns"):
            continue
        for side in ("before", "after"):
            expression = getattr(step, side)
            for k in range(len(expression) if isinstance(expression, Tuple) else 1):
                wrong = replace(step, **{side: altered(expression, k)})
                assert verify(wrong, context).status == "failed", (step.title, side, k)


@pytest.mark.parametrize("build", [spin_glass, hopfield])
def test_the_right_sign_of_the_remainder_is_the_only_one(build):
    derivation = derive(build(), "interpolation")
    step = next(x for x in derivation.steps if x.title == "Fluctuations set apart")
    scheme = scheme_of(derivation.model)
    assert verify(replace(step, after=scheme.constant - scheme.fluctuation), Context(derivation)).status == "failed"


@pytest.mark.parametrize("build, bounded", [(spin_glass, True), (biased_glass, True), (three_spins, False), (random_fields, True),
                                            (hopfield, False)])
def test_bound_where_the_remainder_has_a_sign(build, bounded):
    titles = [step.title for step in derive(build(), "interpolation").steps]
    assert ("Bound at every N" in titles) == bounded and len(set(titles)) == len(titles)


def test_a_bound_keeps_the_remainder_of_another_sign():
    kept = [scheme_of(build()).kept for build in (spin_glass, biased_glass)]
    assert kept[0] == 0 and kept[1] != 0


@pytest.mark.parametrize("c, where", [(q**2 / 2, "everywhere"), (J**2 * q**4, "everywhere"), (q**3, "positive"),
                                      (q**3 + q**2, "positive"),
                                      (q**3 / 6 + q**2 / 2, "default"), (-(q**4), "nowhere"), (q, "everywhere")])
def test_convexity_of_the_covariance(c, where):
    assert convexity(c, q, spin_glass()) == where


@pytest.mark.parametrize("build, message", [
    (lambda: replace(spin_glass(), couplings=(DenseLoad(alpha, 3),)), "DenseLoad"),
    (lambda: Model(site=GaussianSite(s), order_parameters={m: s}, energy=-m, couplings=(GaussianCouplings(q**2 / 2),)), "Ising"),
    (lambda: replace(spin_glass(), couplings=(GaussianCouplings(sympy.exp(q)),)), "polynomial"),
])
def test_other_couplings_are_refused(build, message):
    with pytest.raises(InputError, match=message):
        derive(build(), "interpolation")


@pytest.mark.parametrize("build", [spin_glass, hopfield])
def test_documents(build):
    derivation = derive(build(), "interpolation")
    for text in (derivation.to_latex(), derivation.to_markdown(), derivation.to_text(), str(derivation.as_dict())):
        assert "Replica symmetry" in text or "replica" in text
        assert "Coupled" not in text and "GlassMean" not in text and "LayerMean" not in text


def test_nodes_give_gaussian_moments():
    for dimension in range(1, 8):
        nodes, weights = gauss_nodes(dimension)
        assert abs(weights @ nodes[:, 0] ** 2 - 1) < 1e-6 and abs(weights @ nodes[:, -1] ** 4 - 3) < 1e-5


def test_sets_of_sites_have_the_covariance_of_the_couplings():
    coefficients = [0.0, 0.3, 0.5, 0.7]
    variances, (first, *others) = set_variances(coefficients, 3), configurations(3)
    sizes = [bin(k).count("1") for k in range(8)]
    covariance = walsh(variances[sizes])
    for k, other in enumerate([first, *others]):
        assert covariance[k] == pytest.approx(explicit_covariance(coefficients, first, other))


def test_overlap_distribution():
    p = np.random.default_rng(0).dirichlet(np.ones(16))
    spins = configurations(4)
    direct = np.einsum("a,b,ab->", p, p, (spins @ spins.T / 4) ** 3)
    assert overlap_distribution(p) @ (1 - np.arange(5) / 2) ** 3 == pytest.approx(direct)
