"""Nested Gaussian averages against mpmath, against their own derivatives, in their limits and for published numbers."""

import math

import mpmath as mp
import numpy as np
import pytest

from meanfield.replicas.moments import channel_moments, finite_moments, quadratic_moments

ISING = ([1.0, -1.0], [0.0, 0.0])
LEAVES = {
    "ising": ISING,
    "crystal field": ([1.0, 0.0, -1.0], [0.0, 0.3, 0.0]),
    "asymmetric": ([1.0, -1.0, 0.5], [0.1, -0.2, 0.15]),
}
LADDERS = {
    "k=0": ([0.8], []),
    "k=1": ([0.4, 0.5], [1.3]),
    "k=2": ([0.3, 0.2, 0.4], [0.4, 1.1]),
    "k=3, one level empty": ([0.3, 0.2, 0.0, 0.4], [0.4, 0.4, 1.1]),
}
TEMPERATURES = [0.0, 0.01, 0.1, 0.5, 2.0]


def g_mp(slopes, levels, T, y):
    """The leaf of a finite site in mpmath."""
    terms = [mp.mpf(b) + mp.mpf(a) * y for a, b in zip(slopes, levels, strict=True)]
    top = max(terms)
    return top if T == 0 else top + T * mp.log(mp.fsum(mp.exp((t - top) / T) for t in terms))


def g_np(slopes, levels, T, y):
    """The same in numpy."""
    terms = np.array(levels)[:, None] + np.array(slopes)[:, None] * y
    top = terms.max(axis=0)
    return top + (T * np.log(np.exp((terms - top) / T).sum(axis=0)) if T else 0.0)


def crossings(slopes, levels):
    """Where two of the leaf's lines cross."""
    pairs = [(i, j) for i in range(len(slopes)) for j in range(i)]
    return sorted({(levels[i] - levels[j]) / (slopes[j] - slopes[i]) for i, j in pairs})


def slope(f, x, h):
    """Central difference of fourth order."""
    return (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h)


@pytest.mark.parametrize("T", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("name", LEAVES)
def test_one_average_against_mpmath(name, T):
    """k = 0 by adaptive quadrature between the kinks."""
    slopes, levels = LEAVES[name]
    mean, sd = mp.mpf("0.2"), mp.sqrt(mp.mpf("0.8"))
    kinks = [mp.mpf(c) + s * T for c in crossings(slopes, levels) for s in (-3, 0, 3)]
    value = mp.quad(lambda y: g_mp(slopes, levels, T, y) * mp.npdf(y, mean, sd), sorted({mean - 10 * sd, *kinks, mean + 10 * sd}))
    assert finite_moments(slopes, levels, 0.2, [0.8], [], T).value == pytest.approx(float(value), rel=2e-12)


@pytest.mark.parametrize("T", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("name", LEAVES)
def test_one_step_against_dense_panels(name, T):
    """k = 1 by many panels between the kinks."""
    slopes, levels = LEAVES[name]
    x, w = np.polynomial.legendre.leggauss(30)
    borders = np.unique(np.concatenate([np.linspace(-14.0, 14.0, 281), crossings(slopes, levels)]))
    half = 0.5 * np.diff(borders)
    nodes = (borders[:-1] + half)[:, None] + half[:, None] * x
    y, weights = nodes.ravel(), (half[:, None] * w).ravel()
    leaf = weights * np.exp(1.3 * g_np(slopes, levels, T, y))
    z = np.linspace(-8.5, 8.5, 201)
    centre = 0.2 + math.sqrt(0.4) * z
    inner = np.log(np.exp(-((y - centre[:, None]) ** 2)) @ leaf / math.sqrt(math.pi)) / 1.3
    value = inner @ np.exp(-0.5 * z * z) / np.exp(-0.5 * z * z).sum()
    m = finite_moments(slopes, levels, 0.2, [0.4, 0.5], [1.3], T)
    assert m.value == pytest.approx(value, rel=1e-13)


@pytest.mark.parametrize("T", TEMPERATURES)
@pytest.mark.parametrize("ladder", LADDERS)
@pytest.mark.parametrize("name", LEAVES)
def test_derivatives_are_those_of_the_value(name, ladder, T):
    """Every field is a derivative of the value; dP/dv_i follows from the others."""
    slopes, levels = LEAVES[name]
    v, D = map(np.array, LADDERS[ladder])
    D = D * min(1.0, 0.6 / (1.1 * T)) if T else D
    m = finite_moments(slopes, levels, 0.2, v, D, T)
    check_derivatives(m, lambda mu=0.2, v=v, D=D: finite_moments(slopes, levels, mu, v, D, T).value, v, D)
    for s in range(len(slopes)):
        move = np.eye(len(slopes))[s]
        rise = slope(lambda x: finite_moments(slopes, levels + x * move, 0.2, v, D, T).value, 0.0, 1e-3)
        assert m.weights[s] == pytest.approx(rise, abs=1e-8)
    if T:
        heat = slope(lambda t: finite_moments(slopes, levels, 0.2, v, D, t).value, T, 1e-3 * min(T, 1.0))
        assert m.entropy == pytest.approx(heat, abs=2e-8)
    assert m.error < 1e-8


def by_variance(m, tilts, i):
    """dP/dv_i from the other derivatives."""
    steps = tilts[i + 1:] @ np.diff(m.squares)[i:]
    return 0.5 * (m.curvature + steps + tilts[i] * m.squares[i])


def check_derivatives(m, value, v, D):
    """mean, exponents and the identity for dP/dv_i against differences of `value`."""
    unit, steps, tilts = np.eye(len(v)), np.eye(len(D)), np.concatenate([[0.0], D])
    assert m.mean == pytest.approx(slope(lambda x: value(mu=x), 0.2, 1e-3), abs=1e-9)
    for i in range(len(D)):
        assert m.exponents[i] == pytest.approx(slope(lambda x: value(D=D + x * steps[i]), 0.0, 1e-3), abs=1e-9)
    for i in range(len(v)):
        expected = by_variance(m, tilts, i)
        if v[i] > 0.0:
            assert expected == pytest.approx(slope(lambda x: value(v=v + x * unit[i]), 0.0, 1e-3), abs=1e-8)


@pytest.mark.parametrize("ladder", LADDERS)
@pytest.mark.parametrize("name", LEAVES)
def test_zero_temperature_is_the_limit(name, ladder):
    """The cold limit is approached as T**2."""
    cold, warm = (finite_moments(*LEAVES[name], 0.2, *LADDERS[ladder], T) for T in (0.0, 1e-5))
    for field in ("value", "mean", "squares", "curvature", "exponents", "weights"):
        assert getattr(warm, field) == pytest.approx(getattr(cold, field), abs=2e-5)
    assert warm.value == pytest.approx(cold.value, abs=1e-9)


@pytest.mark.parametrize("T", TEMPERATURES)
def test_levels_that_say_nothing_new(T):
    """An empty level, equal exponents, and an exponent zero merge with their neighbours."""
    one = finite_moments(*ISING, 0.1, [0.3, 0.5], [0.4], T)
    ladders = [([0.3, 0.5, 0.0], [0.4, 0.45]), ([0.3, 0.0, 0.5], [0.3, 0.4]), ([0.3, 0.2, 0.3], [0.4, 0.4]),
               ([0.2, 0.1, 0.5], [0.0, 0.4])]
    for v, D in ladders:
        two = finite_moments(*ISING, 0.1, v, D, T)
        assert (two.value, two.mean, two.curvature) == pytest.approx((one.value, one.mean, one.curvature), abs=3e-13)
    flat = finite_moments(*ISING, 0.1, [0.8], [], T)
    for D in (0.0, 1e-12, 1e-8):
        near = finite_moments(*ISING, 0.1, [0.3, 0.5], [D], T)
        assert near.value - D * near.exponents[0] == pytest.approx(flat.value, abs=1e-12)
    if T:
        # D = 1/T: the level is averaged like the spin itself and adds v/2T.
        assert finite_moments(*ISING, 0.1, [0.3, 0.05], [1 / T], T).value == pytest.approx(
            finite_moments(*ISING, 0.1, [0.3], [], T).value + 0.025 / T, rel=1e-12)


@pytest.mark.parametrize("T", TEMPERATURES)
@pytest.mark.parametrize("v", [1e-3, 1e-6, 1e-10])
def test_narrow_levels(v, T):
    """Small variances change the value by (v/2)(S + D X)."""
    base = finite_moments(*ISING, 0.1, [0.3], [], T)
    m = finite_moments(*ISING, 0.1, [0.3, v], [0.4], T)
    assert m.value == pytest.approx(base.value + 0.5 * v * (base.curvature + 0.4 * base.squares[0]), abs=20 * v**1.5 + 1e-14)
    assert m.error < 1e-7


@pytest.mark.parametrize("D", [10.0, 100.0, 1000.0])
def test_strong_tilts(D):
    """T = 0, one level around 0: Phi_0(0) = D v/2 + log(2 Phi_n(D sd))/D."""
    m = finite_moments(*ISING, 0.0, [0.0, 0.5], [D], 0.0)
    assert m.value == pytest.approx(0.25 * D + math.log(2.0 * 0.5 * math.erfc(-D * math.sqrt(0.25))) / D, rel=1e-14)


def test_one_step_glass_of_sherrington_and_kirkpatrick():
    """Ground state of the one-step solution, e = -P + (D/4)(1 - q0**2)."""
    q0, D = 0.476784371534504, 1.360820803469091
    m = finite_moments(*ISING, 0.0, [q0, 1.0 - q0], [D], 0.0)
    assert -m.value + 0.25 * D * (1.0 - q0**2) == pytest.approx(-0.765259434673682514, abs=2e-14)
    assert m.squares[0] == pytest.approx(q0, abs=1e-12)
    assert m.exponents[0] == pytest.approx(0.25 * (1.0 - q0**2), abs=1e-12)


def test_replica_symmetric_sherrington_and_kirkpatrick():
    """q, f and entropy at T = 0.5, and e = -sqrt(2/pi) at T = 0."""
    T, q = 0.5, 0.530368392051
    m = finite_moments(*ISING, 0.0, [q], [], T)
    assert m.squares[0] == pytest.approx(q, abs=1e-11)
    assert -m.value - 0.25 * (1.0 - q) ** 2 / T == pytest.approx(-0.792392945135, abs=1e-11)
    assert 1.0 - m.replicon[0] == pytest.approx(-0.362673, abs=1e-6)
    assert finite_moments(*ISING, 0.0, [1.0], [], 0.0).value == pytest.approx(math.sqrt(2 / math.pi), rel=1e-15)


def test_spherical_perceptron_stores():
    """q and phi at alpha = 1 (Gardner)."""
    q = 0.585311851791
    m = channel_moments([0.0], [0.0, 1.0], 1.0 - q, 0.0, [q], [])
    assert m.squares[0] * (1.0 - q) ** 2 == pytest.approx(q, abs=1e-11)
    assert m.value + 0.5 * math.log(1.0 - q) + 0.5 * q / (1.0 - q) == pytest.approx(-0.855820596715, abs=1e-11)


def test_perceptron_learns_from_a_teacher():
    """Bayes-optimal binary perceptron at alpha = 1: qh = <M**2>_W = dP/dr solves q = E tanh(qh + sqrt(qh) z)."""
    q = 0.560714737095
    m = channel_moments([0.0], [0.0, 1.0], 1.0 - q, 0.0, [q], [], (q, [0.0], [0.0, 1.0]))
    assert m.teacher == pytest.approx(m.squares[0], rel=1e-12)
    z, w = np.polynomial.hermite_e.hermegauss(100)
    assert w @ np.tanh(m.squares[0] + math.sqrt(m.squares[0]) * z) / w.sum() == pytest.approx(q, abs=1e-11)


CHANNELS = {
    "step": ([0.0], [0.0, 1.0], 0.3),
    "window": ([-0.7, 0.4], [0.0, 1.0, 0.0], 0.3),
    "gap": ([-0.7, 0.4], [1.0, 0.0, 0.5], 0.1),
    "errors": ([0.2], [math.exp(-3.0), 1.0], 0.1),
    "near capacity": ([0.0], [0.0, 1.0], 0.01),
}


@pytest.mark.parametrize("ladder", LADDERS)
@pytest.mark.parametrize("name", CHANNELS)
def test_channel_derivatives(name, ladder):
    """Fields of the channel's moments against differences of the value; shares by log c."""
    edges, values, delta = CHANNELS[name]
    v, D = map(np.array, LADDERS[ladder])
    D = 0.5 * D
    m = channel_moments(edges, values, delta, 0.2, v, D)
    scale = 1.0 if delta > 0.05 else 100.0
    unit, steps, tilts = np.eye(len(v)), np.eye(len(D)), np.concatenate([[0.0], D])

    def value(mu=0.2, v=v, D=D):
        return channel_moments(edges, values, delta, mu, v, D).value

    assert m.mean == pytest.approx(slope(lambda x: value(mu=x), 0.2, 1e-3), abs=1e-8 * scale)
    for i in range(len(D)):
        assert m.exponents[i] == pytest.approx(slope(lambda x: value(D=D + x * steps[i]), 0.0, 1e-3), abs=1e-8 * scale)
    for i in range(len(v)):
        expected = by_variance(m, tilts, i)
        if v[i] > 0.0:
            assert expected == pytest.approx(slope(lambda x: value(v=v + x * unit[i]), 0.0, 1e-3), abs=1e-7 * scale)
    for j, c in enumerate(values):
        if c > 0.0:
            logs = np.eye(len(values))[j]
            rise = slope(lambda x: channel_moments(edges, values * np.exp(x * logs), delta, 0.2, v, D).value, 0.0, 1e-3)
            assert m.weights[j] == pytest.approx(rise, abs=1e-8)
    assert m.weights.sum() == pytest.approx(1.0, abs=1e-10)


@pytest.mark.parametrize("ladder", LADDERS)
def test_teacher_derivative(ladder):
    """`teacher` is dP/dr (Price's theorem)."""
    v, D = map(np.array, LADDERS[ladder])
    value = lambda r: channel_moments([0.0], [0.0, 1.0], 0.3, 0.0, v, 0.5 * D, (r, [-0.3], [0.2, 1.0]))
    assert value(0.2).teacher == pytest.approx(slope(lambda r: value(r).value, 0.2, 1e-3), abs=1e-8)


@pytest.mark.parametrize("ladder", [LADDERS["k=0"], LADDERS["k=1"], LADDERS["k=2"], ([0.3, 0.2, 0.0], [0.01, 1.5])])
def test_parabola(ladder):
    """Closed forms against differences of the value."""
    v, D = map(np.array, ladder)
    D = 0.5 * D
    m = quadratic_moments(1.1, 0.2, v, D, 0.7)
    check_derivatives(m, lambda mu=0.2, v=v, D=D: quadratic_moments(1.1, mu, v, D, 0.7).value, v, D + 0.0)
    assert m.weights[0] == pytest.approx(slope(lambda x: quadratic_moments(x, 0.2, v, D, 0.7).value, 1.1, 1e-3), abs=1e-9)
    assert m.entropy == pytest.approx(slope(lambda x: quadratic_moments(1.1, 0.2, v, D, x).value, 0.7, 1e-3), abs=1e-9)


def test_outside_the_domain_is_nan():
    """Newton steps probe such points."""
    outside = [
        finite_moments(*ISING, 0.0, [-0.1], [], 0.5), finite_moments(*ISING, 0.0, [0.1, 0.1], [-0.1], 0.5),
        quadratic_moments(0.1, 0.0, [0.1, 0.2], [1.0], 0.5), channel_moments([0.0], [0.0, 1.0], -0.1, 0.0, [0.5], []),
    ]
    for m in outside:
        assert math.isnan(m.value) and np.all(np.isnan(m.squares))


@pytest.mark.parametrize("T", [0.0, 1e-6, 1e-3, 0.1])
@pytest.mark.parametrize("v", [
    [0.3, 0.2, 1e-8], [0.3, 1e-8, 0.2], [1e-8, 0.2, 0.3], [0.0, 0.0, 0.3], [0.3, 1e-4, 1e-3], [0.3, 0.1, 0.0, 1e-8],
    [0.3, 1e-3, 1e-3, 1e-3, 0.2], [1e-3] * 6, [0.1] * 9,
])
def test_extreme_ladders_are_resolved(v, T):
    """The rule and the coarser one agree wherever the variances lie; without exponents the levels add up."""
    D = np.linspace(0.3, min(4.0, 0.9 / T) if T else 4.0, len(v) - 1)
    m = finite_moments(*ISING, 0.1, v, D, T)
    assert m.error < 1e-11 and np.all(np.diff(m.squares) > -1e-14)
    flat = finite_moments(*ISING, 0.1, v, 0.0 * D, T)
    assert flat.value == pytest.approx(finite_moments(*ISING, 0.1, [sum(v)], [], T).value, abs=2e-14)


@pytest.mark.parametrize("exponent", [0.0, 1e-9, 0.01, 0.3, 1.0])
@pytest.mark.parametrize(("edges", "values"), [
    ([0.0], [0.0, 1.0]), ([2.0], [0.0, 1.0]), ([-1.0, 1.0], [1.0, 0.0, 1.0]), ([0.0], [math.exp(-20.0), 1.0]),
])
def test_extreme_channels_are_resolved(edges, values, exponent):
    """Narrow leaves below wide levels, with gaps and small values."""
    cases = [(0.01, [0.6, 0.39]), (0.01, [0.6, 0.2, 0.19]),
             (0.39, [0.6, 0.01]), (1e-3, [0.9, 0.099]), (0.01, [0.5, 1e-6, 0.49])]
    for delta, v in cases:
        m = channel_moments(edges, values, delta, 0.0, v, [exponent] * (len(v) - 1))
        assert m.error < 1e-9 * (1.0 + abs(m.curvature)) ** 2
        if exponent == 0.0:
            assert m.value == pytest.approx(channel_moments(edges, values, delta, 0.0, [sum(v)], []).value, rel=1e-13)


@pytest.mark.parametrize("ladder", LADDERS)
def test_gate_given_by_its_logarithm(ladder):
    """A step as a function gives what the piecewise constant step gives."""
    v, D = map(np.array, LADDERS[ladder])
    smooth = channel_moments([0.1], lambda u: np.where(u > 0.1, 0.0, -np.inf), 0.3, 0.2, v, 0.5 * D)
    step = channel_moments([0.1], [0.0, 1.0], 0.3, 0.2, v, 0.5 * D)
    for field in ("value", "mean", "squares", "curvature", "exponents", "replicon"):
        assert getattr(smooth, field) == pytest.approx(getattr(step, field), rel=1e-11)


@pytest.mark.parametrize("T", TEMPERATURES)
@pytest.mark.parametrize("name", LEAVES)
def test_added_parabola(name, T):
    """kappa y**2/2 beside the lines, without steps: the derivatives by mu and v."""
    value = lambda mu=0.2, v=0.5: finite_moments(*LEAVES[name], mu, [v], [], T, kappa=-0.3).value
    m = finite_moments(*LEAVES[name], 0.2, [0.5], [], T, kappa=-0.3)
    assert m.mean == pytest.approx(slope(lambda x: value(mu=x), 0.2, 1e-3), abs=1e-9)
    assert 0.5 * m.curvature == pytest.approx(slope(lambda x: value(v=x), 0.5, 1e-3), abs=1e-9)
    y, w = np.polynomial.legendre.leggauss(200)
    nodes = np.concatenate([a + 0.5 * (b - a) * (1.0 + y) for a, b in zip(*borders(name), strict=True)])
    weights = np.concatenate([0.5 * (b - a) * w for a, b in zip(*borders(name), strict=True)])
    density = np.exp(-((nodes - 0.2) ** 2)) / math.sqrt(math.pi)
    slopes = [finite_moments(*LEAVES[name], u, [0.0], [], T, kappa=-0.3).mean for u in nodes]
    assert m.squares[0] == pytest.approx(weights * density @ np.square(slopes), abs=1e-6)


def borders(name):
    """Panels between the crossings of a leaf."""
    points = np.array([-6.0, *crossings(*LEAVES[name]), 6.0])
    return points[:-1], points[1:]


@pytest.mark.parametrize("scale", [1e-15, 0.0])
def test_panels_around_a_jump_are_bounded(scale):
    from meanfield.replicas.rules import DIGITS, NODES, REACH, gaussian_rule

    nodes, weights = gaussian_rule(0.0, 1.0, np.array([0.3]), np.array([scale]), REACH[0], DIGITS[0], *NODES[0])
    assert len(nodes) < 2000 and weights[nodes > 0.3].sum() == pytest.approx(0.38208857781104733, abs=1e-14)


def test_values_of_a_gate_that_underflow():
    with np.errstate(all="raise", under="ignore"):
        found = channel_moments([0.0], [5e-324, 1.0], 0.3, 0.0, [0.7], [])
    assert found.value == pytest.approx(channel_moments([0.0], [0.0, 1.0], 0.3, 0.0, [0.7], []).value, abs=1e-9)
