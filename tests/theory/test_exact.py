"""Exact sums at small N, against closed forms and the numbers of the literature."""

import mpmath
import pytest

import theory.models as models
from theory import exact
from theory.symbols import T, beta


@pytest.mark.parametrize("size, value", [
    (2, "1.00320443403908407"), (3, "0.925268277873915254"), (4, "0.881353860449323547"), (10, "0.787514367268883035"),
])
def test_curie_weiss_at_its_critical_point(size, value):
    assert exact.log_partition(models.curie_weiss(), size, T=1) == pytest.approx(float(value), abs=1e-14)


def test_curie_weiss_in_a_field():
    assert exact.log_partition(models.curie_weiss(), 10, beta=0.7, h=0.3) == pytest.approx(0.792151875456062094, abs=1e-14)


def test_relativistic_model_at_a_thousand_sites():
    assert exact.log_partition(models.relativistic_curie_weiss(), 1000, T=0.5) == pytest.approx(2.89235421565449, abs=1e-12)


@pytest.mark.parametrize("build", [
    models.potts, models.blume_capel, models.xy, models.heisenberg, models.transverse_field_ising,
    models.random_field_ising, models.multitasking_hopfield,
], ids=lambda build: build.__name__)
@pytest.mark.parametrize("size", [2, 3])
def test_grouping_equals_summing_configurations(build, size):
    model = build()
    values = exact.numbers(model.values(T=0.7))
    system = exact.finite_system(model, values, size, -model.site_energy / T)
    grouped = system.averages(-model.energy / T, values).log_partition
    assert grouped == pytest.approx(exact.brute_force(model, values, size), abs=1e-12)


@pytest.mark.parametrize("build, n", [(models.xy, 2), (models.heisenberg, 3)])
@pytest.mark.parametrize("size, temperature", [(8, 0.2), (32, 0.35)])
def test_vector_spins_against_a_gaussian_integral(build, n, size, temperature):
    """exp(N m^2/2T) linearised by n Gaussian variables leaves one radial integral."""
    K, b = 1 / mpmath.mpf(temperature), mpmath.mpf(n) / 2
    surface = 2 * mpmath.pi**b / mpmath.gamma(b)
    weight = lambda y: (surface * y ** (n - 1) * (size * K / (2 * mpmath.pi)) ** b
                        * mpmath.exp(-size * K * y**2 / 2) * mpmath.hyp0f1(b, (K * y) ** 2 / 4) ** size)
    expected = mpmath.log(mpmath.quad(weight, [0, 0.5, 0.8, 1, 1.3, 2, 4])) / size
    assert exact.log_partition(build(), size, T=temperature) == pytest.approx(float(expected), abs=1e-6)


def test_too_many_vector_spins_are_refused():
    with pytest.raises(NotImplementedError, match="40 sites"):
        exact.log_partition(models.xy(), 64, T=0.3)


def test_sampled_disorder_is_seeded_and_has_an_error():
    model = models.multitasking_hopfield(P=3)
    values = exact.numbers(model.values(T=0.5)) | {beta: 2.0}
    runs = [exact.finite_system(model, values, 8, -model.site_energy / T, samples=100, seed=3).averages(-model.energy / T, values)
            for _ in range(2)]
    assert runs[0].log_partition == runs[1].log_partition and 0 < runs[0].error < 0.05


def test_typical_disorder_is_near_the_average():
    model = models.random_field_ising()
    values = exact.numbers(model.values(T=0.9))
    means = [exact.finite_system(model, values, 32, -model.site_energy / T, typical=typical)
             .averages(-model.energy / T, values).log_partition for typical in (False, True)]
    assert means[0] == pytest.approx(means[1], abs=0.01)
