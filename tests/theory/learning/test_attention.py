"""The energy of attention, random energies of patterns, and clustered patterns."""

import mpmath
import pytest
import sympy

from theory.errors import InputError
from theory.evaluate import evaluate
from theory.learning.attention import PATTERNS, attention_energy, cluster_map, cumulants, exact_moment
from theory.symbols import symbols


def values_at(system, seed):
    mpmath.mp.dps = 15
    draw = __import__("random").Random(seed)
    free = [*system.state, *(x for xi in system.patterns for x in xi)]
    return {system.beta: mpmath.mpf("1.7"), **{x: mpmath.mpf(draw.gauss(0, 1)) for x in free}}


@pytest.mark.parametrize("seed", range(3))
def test_update_is_attention_and_the_gradient_vanishes_where_it_rests(seed):
    """grad E = x - X softmax(beta X^T x), the softmax written out."""
    system = attention_energy(4, 3)
    at = values_at(system, seed)
    scores = [at[system.beta] * sum(at[a] * at[b] for a, b in zip(xi, system.state)) for xi in system.patterns]
    weights = [mpmath.exp(s) for s in scores]
    for i, x in enumerate(system.state):
        attention = sum(w * at[xi[i]] for w, xi in zip(weights, system.patterns)) / sum(weights)
        assert abs(evaluate(system.update[i], at) - attention) < 1e-12
        assert abs(evaluate(system.energy.diff(x), at) - (at[x] - attention)) < 1e-12


@pytest.mark.parametrize("seed", range(5))
def test_energy_falls_by_half_the_squared_step(seed):
    system = attention_energy(3, 2)
    at = values_at(system, seed)
    after = {**at, **{x: evaluate(new, at) for x, new in zip(system.state, system.update)}}
    fall = evaluate(system.energy, at) - evaluate(system.energy, after)
    assert fall >= sum((at[x] - after[x]) ** 2 for x in system.state) / 2


@pytest.mark.parametrize("kind", PATTERNS)
@pytest.mark.parametrize("strength", [0.3, 1.0, 3.0])
def test_cumulants_are_the_limit_of_exact_moments(kind, strength):
    """Their distance shrinks like 1/N."""
    limit = float(cumulants(kind).subs(symbols("lambda_")[0], strength))
    distances = [abs(exact_moment(kind, strength, N) - limit) for N in (30, 120, 480)]
    assert distances[2] < 2e-3 and (kind == "binary" or distances[2] < 0.3 * distances[1] < 0.09 * distances[0])


def test_unknown_patterns():
    with pytest.raises(InputError, match="binary, sphere"):
        cumulants("cubic")


def test_cluster_map_is_a_gaussian_average():
    """The softmax average of +-c + sigma g by quadrature, in one dimension."""
    beta, c, sigma, m = (0.7, 1.3, 0.6, 0.9)
    weight = lambda xi: mpmath.exp(beta * xi * c * m) * (mpmath.npdf(xi, c, sigma) + mpmath.npdf(xi, -c, sigma))
    average = mpmath.quad(lambda xi: xi * weight(xi), [-12, -1, 1, 12]) / mpmath.quad(weight, [-12, -1, 1, 12])
    found = cluster_map().update.subs(dict(zip(symbols("beta c sigma m"), (beta, c, sigma, m))))
    assert abs(average / c - found) < 1e-9


def test_global_average_is_stable_up_to_one_over_the_largest_variance():
    beta, c, sigma = symbols("beta c sigma")
    assert sympy.simplify(cluster_map().global_limit - 1 / (c**2 + sigma**2)) == 0
