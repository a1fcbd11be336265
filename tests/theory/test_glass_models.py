"""The built-in models with quenched couplings: what their replica theories are made of, against the formulas of the literature.

Free energies are put together here from the theory's own parts (`potential`, variances, fields, one-site problems) with a trapezoidal
rule, and compared with the printed functionals at points that no symmetry singles out.
"""

import inspect

import numpy as np
import pytest
import sympy
from scipy.special import erfc, log_ndtr, ndtr

import theory.models
from theory import InputError, theory_of
from theory.models import available, configure, entry, load
from theory.replica import OneStepRSB, ReplicaSymmetric, ReplicaTheory
from theory.symbols import symbol

ENTRIES = {e.name: e for e in available() if e.model.couplings}

# name: (parameters with integers first, what is reported), as the command line shows them
TABLE = {
    "sherrington-kirkpatrick": ("J0 J h", "m q"),
    "p-spin-glass": ("p J J0 h", "m q"),
    "spherical-p-spin-glass": ("p J J0 h", "m q"),
    "mixed-p-spin-glass": ("J2 J3 J4 J0 h", "m q"),
    "bipartite-sk": ("alpha", "q p"),
    "hopfield": ("alpha", "m q r"),
    "hopfield-biased": ("alpha b", "m q r"),
    "relativistic-hopfield": ("alpha", "m q r"),
    "bam": ("alpha g", "m n q p"),
    "dreaming-hopfield": ("alpha t", "m m_chi q q_chi q_chi_d"),
    "hebbian-supervised": ("alpha rho", "m n q"),
    "hebbian-unsupervised": ("alpha r M", "m n q"),
    "dense-hopfield": ("p a", "m q"),
    "dense-hopfield-full-power": ("p alpha", "m q"),
    "dense-hebbian-supervised": ("p a rho", "m n q"),
    "dense-hebbian-unsupervised": ("p a r M", "m n q"),
    "perceptron-spherical": ("alpha kappa", "q"),
    "perceptron-binary": ("alpha kappa", "q"),
    "teacher-student-spherical": ("alpha", "q"),
    "teacher-student-binary": ("alpha", "q"),
    "perceptron-errors": ("alpha beta", "q"),
}

Z = np.linspace(-14, 14, 561)
DZ = np.exp(-(Z**2) / 2) / np.exp(-(Z**2) / 2).sum()
FINE = np.linspace(-10, 10, 2001)
DFINE = np.exp(-(FINE**2) / 2) / np.exp(-(FINE**2) / 2).sum()


def gauss(f):
    """int Dz f(z)."""
    return float(DFINE @ f(FINE))


def ln2cosh(x):
    return np.logaddexp(x, -x)


# A theory at a point, in numbers

class Point:
    """The parts of a replica theory at given values of its unknowns and parameters; conjugate fields follow from them.

    Parameters
    ----------
    name : built-in model
    ansatz
    conjugates : {name: value} that override what the theory's own equations give
    given : {name: value} of unknowns, parameters and T
    """

    def __init__(self, name, ansatz=ReplicaSymmetric(), structural=None, conjugates=None, **given):
        self.model = load(name, **(structural or {}))
        self.theory = t = ReplicaTheory(self.model, ansatz)
        values = {k: p.default for k, p in self.model.parameters.items()} | given
        self.values = {symbol(k): sympy.Float(v, 30) for k, v in values.items()}
        for o in t.overlaps:
            self.set({t.layers[o.layer].diagonal: t.diagonals[o]} | dict(zip(t.variance_symbols(o), t.variances[o])))
        self.set({symbol(f"h_{a}"): h for a, h in t.fields.items()})
        self.values |= {symbol(k): sympy.Float(v) for k, v in (conjugates or {}).items()}
        self.T = float(self.values.get(symbol("T"), 1))
        self.D = [self.number(D) for D in t.breaking]

    def set(self, expressions):
        found = {k: sympy.sympify(e).subs(self.values) for k, e in expressions.items()}
        self.values |= {k: e for k, e in found.items() if e.is_number}

    def number(self, expr):
        return float(sympy.N(sympy.sympify(expr).subs(self.values)))

    def g(self, leaf):
        """The leaf's pressure as a function of the field y."""
        mean, kappa, offset = (self.number(x) for x in (leaf.mean, leaf.kappa, leaf.offset))
        if leaf.kind == "quadratic":
            A = self.number(leaf.slopes[0])
            return lambda y: (y + mean) ** 2 / (2 * A) + self.T / 2 * np.log(2 * np.pi * self.T / A) + offset
        states = [(self.number(o), self.number(level)) for o, level in zip(leaf.slopes, leaf.levels)]
        trace = lambda Y: self.T * np.logaddexp.reduce([(level + o * Y) / self.T for o, level in states])
        return lambda y: trace(y + mean) + kappa * (y + mean) ** 2 / 2 + offset

    def pressures(self, function=None):
        """Of each layer, nested Gaussian averages of its leaves (or of function(g) without steps)."""
        out = []
        for layer in self.theory.layers:
            v = [self.number(x) for x in self.theory.variance_symbols(layer.overlap)]
            total = 0.0
            for leaf in layer.leaves:
                g = self.g(leaf) if function is None else function(self.g(leaf))
                total += self.number(leaf.probability) * self.nested(g, [v[0] + self.number(leaf.variance), *v[1:]])
            out.append(total)
        return out

    def nested(self, g, v):
        if len(v) == 1:
            return gauss(lambda z: g(np.sqrt(v[0]) * z))
        y = np.sqrt(v[0]) * Z[:, None] + np.sqrt(v[1]) * Z
        D, values = self.D[0], g(y)
        top = values.max(axis=1)
        return float(DZ @ (top + np.log(np.exp(D * (values - top[:, None])) @ DZ) / D))

    @property
    def free_energy(self):
        """e + F + Lagrange + w h.phi - w P, without the channel."""
        t = self.theory
        work = sum(float(layer.weight.subs(self.values)) * self.number(symbol(f"h_{a}")) * self.number(a)
                   for layer in t.layers for a in layer.order_parameters if a not in self.model.observables)
        sites = sum(float(layer.weight.subs(self.values)) * P for layer, P in zip(t.layers, self.pressures()))
        return self.number(t.potential) + work - sites

    def slope(self, field, step=1e-5):
        """dP/dh of the first layer, by a central difference."""
        at = self.values[symbol(field)]
        found = []
        for sign in (1, -1):
            self.values[symbol(field)] = at + sign * step
            found.append(self.pressures()[0])
        self.values[symbol(field)] = at
        return (found[0] - found[1]) / (2 * step)

    def variance(self, index=0):
        return self.number(self.theory.variances[self.theory.overlaps[index]][0])


# The registry

def test_the_registry_is_the_documented_table():
    assert {name: (" ".join(e.parameters), " ".join(e.order_parameters)) for name, e in ENTRIES.items()} == TABLE


@pytest.mark.parametrize("name", ENTRIES)
def test_every_model_is_a_function_and_has_values_by_default(name):
    model = getattr(theory.models, name.replace("-", "_"))()
    assert model.name == name and model == load(name) == load(name.replace("-", "_"))
    assert ENTRIES[name].title and ENTRIES[name].reference
    assert None not in ENTRIES[name].parameters.values()
    assert model.has_temperature == ("perceptron" not in name and "teacher" not in name)
    assert model.values().get("T") == (0.5 if model.has_temperature else None)
    build = getattr(theory.models, name.replace("-", "_"))
    assert tuple(inspect.signature(build).parameters) == (*ENTRIES[name].structural, *ENTRIES[name].alternatives)


@pytest.mark.parametrize("name", ["p-spin-glass", "spherical-p-spin-glass", "dense-hopfield", "dense-hebbian-supervised"])
def test_integers_are_checked(name):
    for bad in (2.5, 0, -1, 1000, "many", float("nan")):
        with pytest.raises(InputError, match="p"):
            load(name, p=bad)
    assert load(name, p=4).structural == {"p": 4}


@pytest.mark.parametrize("name", ["hebbian-supervised", "dense-hebbian-supervised"])
def test_examples_are_described_by_their_noise_or_by_quality_and_number(name):
    """rho = (1 - r^2)/(M r^2) makes the same model."""
    by_noise, given = configure(name, {"rho": 0.2, "T": 0.1})
    assert given == {"rho": 0.2, "T": 0.1} and "r" not in by_noise.parameters
    by_quality, given = configure(name, {"r": 0.3, "M": 100})
    assert given == {"r": 0.3, "M": 100} and "rho" not in by_quality.parameters
    rho = {symbol("rho"): (1 - symbol("r") ** 2) / (symbol("M") * symbol("r") ** 2)}
    assert by_quality.energy == by_noise.energy.subs(rho)
    assert list(by_quality.order_parameters.values()) == [g.subs(rho) for g in by_noise.order_parameters.values()]
    assert configure(name, {}, ["M"])[0] == by_quality and configure(name, {"r": 0.5})[0].values(r=0.5)["M"] == 100
    for both in ({"rho": 0.1, "r": 0.3}, {"rho": 0.1, "r": 0.3, "M": 100}, {"rho": 0.1, "M": 10}):
        with pytest.raises(InputError, match="either rho or r and M"):
            configure(name, both)
    with pytest.raises(InputError, match="examples"):
        load(name, examples=("M",))


def test_names_that_the_replica_theory_uses_are_refused():
    from theory import Ising, Model, symbols
    from theory.couplings import GaussianCouplings

    s, m, q, x = symbols("s m q x")
    for bad in (x, symbol("q1"), symbol("v_q0")):
        with pytest.raises(InputError, match="replica theory of the couplings uses"):
            Model(Ising(s), {m: s}, -bad * m**2 / 2, couplings=(GaussianCouplings(q**2 / 2),))
        Model(Ising(s), {m: s}, -bad * m**2 / 2)
    with pytest.raises(InputError, match="replica theory of the couplings uses"):
        Model(Ising(s), {m: s}, -(m**2) / 2, couplings=(GaussianCouplings(q**2 / 2),), parameters={q: 1})


def test_there_is_no_theory_without_replicas():
    with pytest.raises(InputError, match="needs a replica theory"):
        theory_of(load("hopfield"))


@pytest.mark.parametrize("name, given", [
    ("hopfield", {"alpha": -0.1}), ("sherrington-kirkpatrick", {"J": -1}), ("hopfield-biased", {"b": 1.5}), ("bam", {"g": 0}),
    ("dreaming-hopfield", {"t": -1}), ("perceptron-binary", {"alpha": -1}), ("perceptron-binary", {"T": 1}), ("perceptron-errors", {"beta": -1}),
    ("hebbian-unsupervised", {"M": 0.5}), ("hopfield", {"q": 0.5}),
])
def test_parameter_ranges(name, given):
    with pytest.raises(InputError):
        load(name).values(**given)


def test_beta_is_a_parameter_where_there_is_no_temperature():
    assert load("perceptron-errors").values(beta=3) == {"alpha": 1.0, "beta": 3.0}


# Spin glasses

def random_energy(p, q, b, field, J0=0.0, m=0.0):
    """-f of a p-spin glass, E[H H'] = N q^p / 2, times b: the replica-symmetric functional of Gross and Mezard."""
    return (b**2 / 4 * (1 - p * q ** (p - 1) + (p - 1) * q**p) - b * J0 * (1 - 1 / p) * m**p
            + gauss(lambda z: ln2cosh(b * (np.sqrt(p * q ** (p - 1) / 2) * z + field))))


def test_sherrington_kirkpatrick():
    """phi = b^2 (1-q)^2/4 - b J0 m^2/2 + int Dz ln 2cosh b(sqrt(q) z + J0 m + h) (Sherrington, Kirkpatrick 1975)."""
    T, J, J0, h, m, q = 0.6, 1.3, 0.7, 0.2, 0.4, 0.35
    at = Point("sherrington-kirkpatrick", T=T, J=J, J0=J0, h=h, m=m, C=(1 - q) / T)
    phi = J**2 * (1 - q) ** 2 / (4 * T**2) - J0 * m**2 / (2 * T) + gauss(lambda z: ln2cosh((J * np.sqrt(q) * z + J0 * m + h) / T))
    assert at.free_energy == pytest.approx(-T * phi, abs=1e-13)
    assert at.number(at.theory.reported["q"]) == pytest.approx(q, abs=1e-15)


def test_sherrington_kirkpatrick_one_step():
    """phi = (b^2/4)[(1-q1)^2 - x(q1^2-q0^2)] + (1/x) int Dz ln int Dy [2cosh b(h + sqrt(q0) z + sqrt(q1-q0) y)]^x, and T = 0.5."""
    T, q0, q1, x = 0.5, 0.2146311, 0.6192009, 0.2818426
    at = Point("sherrington-kirkpatrick", OneStepRSB(), T=T, m=0, q0=q0, C=(1 - q1) / T, D=x / T)
    assert at.free_energy == pytest.approx(-0.79120884238, abs=1e-10)


@pytest.mark.parametrize("p", [2, 3, 4])
def test_p_spin_glass(p):
    T, J0, h, m, q = 0.7, 0.6, 0.1, 0.5, 0.45
    at = Point("p-spin-glass", structural={"p": p}, T=T, J0=J0, h=h, m=m, C=(1 - q) / T)
    assert at.free_energy == pytest.approx(-T * random_energy(p, q, 1 / T, J0 * m ** (p - 1) + h, J0, m), abs=1e-13)


def test_p_spin_glass_one_step():
    """p = 3 at T = 0.5 with q0 = 0 (Gardner 1985), recomputed to the digits given."""
    T, q, x = 0.5, 0.8931014271, 0.7099479483
    at = Point("p-spin-glass", OneStepRSB(), T=T, m=0, q0=0, C=(1 - q) / T, D=x / T)
    assert at.free_energy == pytest.approx(-0.823136141979, abs=1e-10)


def test_spherical_p_spin_glass():
    """phi = (b^2/4)(1 - q^p) + (1/2)[ln(1-q) + q/(1-q)] without field, and its one-step form (Crisanti, Sommers 1992)."""
    T, q, x = 0.5, 0.711665976987, 0.736148077621
    at = Point("spherical-p-spin-glass", T=T, m=0, C=(1 - q) / T)
    phi = (1 - q**3) / (4 * T**2) + (np.log(1 - q) + q / (1 - q)) / 2
    assert at.free_energy == pytest.approx(-T * phi, abs=1e-12)
    at = Point("spherical-p-spin-glass", OneStepRSB(), T=T, m=0, q0=0, C=(1 - q) / T, D=x / T)
    phi = (1 - (1 - x) * q**3) / (4 * T**2) + (x - 1) / (2 * x) * np.log(1 - q) + np.log(1 - (1 - x) * q) / (2 * x)
    assert at.free_energy == pytest.approx(-T * phi, abs=1e-9)


def test_spherical_p_spin_glass_with_signal():
    """With a field the entropic part is (1/2) ln(1-q) + (q - m^2)/(2(1-q)) once h is eliminated."""
    T, J0, h, q = 0.8, 1.1, 0.3, 0.5
    C = (1 - q) / T
    m = 0.37
    at = Point("spherical-p-spin-glass", T=T, J0=J0, h=h, m=m, C=C)
    field = J0 * m**2 + h
    expected = (-J0 * m**3 / 3 - h * m - (1 - q**3) / (4 * T) + field * m - field**2 * C / 2 - T / 2 * (np.log(1 - q) + q / (1 - q)))
    assert at.free_energy == pytest.approx(expected, abs=1e-12)


def test_mixed_p_spin_glass():
    """phi = (b^2/2)[xi(1)/1 - xi(q) - (1-q) xi'(q)] + int ln 2cosh: Parisi's functional without steps, xi = sum J_p^2 q^p / 2."""
    T, m, q, J = 0.8, 0.3, 0.4, {2: 1.0, 3: 0.7, 4: 0.9}
    xi = lambda q: sum(j**2 * q**p for p, j in J.items()) / 2
    slope = sum(p * j**2 * q ** (p - 1) for p, j in J.items()) / 2
    at = Point("mixed-p-spin-glass", T=T, J2=1, J3=0.7, J4=0.9, J0=0.5, h=0.1, m=m, C=(1 - q) / T)
    phi = (xi(1) - xi(q) - (1 - q) * slope) / (2 * T**2) - 0.5 * m**2 / (2 * T)
    phi += gauss(lambda z: ln2cosh((np.sqrt(slope) * z + 0.5 * m + 0.1) / T))
    assert at.free_energy == pytest.approx(-T * phi, abs=1e-13)


def test_bipartite_sk():
    """phi of a random machine of Ising units, weight exp(sqrt(B/N) sum xi s z) with B = 1/T^2 (Barra, Genovese, Guerra 2011)."""
    for alpha, B, q, p in ((1, 2, 0.3089823849, 0.3089823849), (0.6, 1.7, 0.3, 0.2)):
        T = B**-0.5
        at = Point("bipartite-sk", T=T, alpha=alpha, C_q=(1 - q) / T, C_p=(1 - p) / T)
        phi = (gauss(lambda z: ln2cosh(np.sqrt(alpha * B * p) * z)) + alpha * gauss(lambda z: ln2cosh(np.sqrt(B * q) * z))
               + alpha * B / 2 * (1 - q) * (1 - p))
        assert at.free_energy == pytest.approx(-T * phi, abs=1e-13)
    assert -Point("bipartite-sk", T=2**-0.5, alpha=1, C_q=0.6910176151 * 2**0.5, C_p=0.6910176151 * 2**0.5).free_energy * 2**0.5 == (
        pytest.approx(2.3663713481, abs=1e-10))


# Hopfield networks

def ags(alpha, T, m, q, field=None):
    """f of Amit, Gutfreund and Sompolinsky, replica symmetric, diagonal kept, r = q/(1-C)^2."""
    C = (1 - q) / T
    r = q / (1 - C) ** 2
    return (m**2 / 2 + alpha / 2 * (T * np.log(1 - C) - q / (1 - C)) + alpha * r * (1 - q) / (2 * T)
            - T * gauss(lambda z: ln2cosh((m + np.sqrt(alpha * r) * z) / T)))


@pytest.mark.parametrize("alpha, T, m, q, r, f", [
    (0.05, 0.4, 0.966186807943, 0.936682191005, 1.322123291971, -0.530747790847),
    (0.1, 0.2, 0.989085155044, 0.984417060282, 1.157809032241, -0.551040655519),
    (1.0, 0.5, 0, 0.766033057778, None, -1.605638599534),
])
def test_hopfield(alpha, T, m, q, r, f):
    """At solutions and beside them (Amit, Gutfreund, Sompolinsky 1987)."""
    at = Point("hopfield", alpha=alpha, T=T, m=m, C=(1 - q) / T)
    assert at.free_energy == pytest.approx(f, abs=1e-11)
    assert r is None or at.number(at.theory.reported["r"]) == pytest.approx(r, abs=1e-9)
    at = Point("hopfield", alpha=alpha, T=T, m=m + 0.1, C=(1 - q * 0.95) / T)
    assert at.free_energy == pytest.approx(ags(alpha, T, m + 0.1, q * 0.95), abs=1e-12)


def test_hopfield_one_step():
    """Tr ln becomes (1-1/x) ln(1-C) + (1/x) ln[1-C-D(q1-q0)] - beta q0/[...]; site and Lagrange terms nested."""
    alpha, T, m, q0, q1, x = 0.12, 0.3, 0.9, 0.85, 0.93, 0.4
    C, D = (1 - q1) / T, x / T
    E = 1 - C - D * (q1 - q0)
    r0 = q0 / E**2
    r1 = r0 + (q1 - q0) / ((1 - C) * E)
    at = Point("hopfield", OneStepRSB(), alpha=alpha, T=T, m=m, q0=q0, C=C, D=D)
    y = m + np.sqrt(alpha * r0) * Z[:, None] + np.sqrt(alpha * (r1 - r0)) * Z
    site = DZ @ np.log(np.exp(x * ln2cosh(y / T)) @ DZ) / D
    f = (m**2 / 2 + alpha / 2 * (T * ((1 - 1 / x) * np.log(1 - C) + np.log(E) / x) - q0 / E)
         + alpha / (2 * T) * (r1 * (1 - q1) + x * (r1 * q1 - r0 * q0)) - site)
    assert at.free_energy == pytest.approx(f, abs=1e-12)
    assert at.number(at.theory.reported["r1"]) == pytest.approx(r1, abs=1e-12)


def test_hopfield_biased():
    """h_xi = (xi-b) m + sqrt(alpha r) z, r = (1-b^2)^2 q/(1 - beta(1-b^2)(1-q))^2 (Amit, Gutfreund, Sompolinsky 1987)."""
    alpha, b, T, m, q = 0.05, 0.3, 0.4, 0.6, 0.7
    at = Point("hopfield-biased", alpha=alpha, b=b, T=T, m=m, C=(1 - q) / T)
    s, C = 1 - b**2, (1 - q) / T
    r = s**2 * q / (1 - s * C) ** 2
    assert at.number(at.theory.reported["r"]) == pytest.approx(r, abs=1e-12)
    mean = sum((1 + xi * b) / 2 * gauss(lambda z: ln2cosh(((xi - b) * m + np.sqrt(alpha * r) * z) / T)) for xi in (1, -1))
    tanh = sum((1 + xi * b) / 2 * (xi - b) * gauss(lambda z: np.tanh(((xi - b) * m + np.sqrt(alpha * r) * z) / T)) for xi in (1, -1))
    f = m**2 / 2 + alpha / 2 * (T * np.log(1 - s * C) - s * q / (1 - s * C)) + alpha * r * C / 2 - T * mean
    assert at.free_energy == pytest.approx(f, abs=1e-12) and at.slope("h_m") == pytest.approx(tanh, abs=1e-9)


def test_relativistic_hopfield_is_a_hopfield_network_of_another_temperature():
    """beta_e = beta/sqrt(1+X), X = m^2 + alpha [1/(1-C) + C q/(1-C)^2], C = beta_e (1-q)."""
    alpha, T, m, q, X, b = 0.07, 0.5, 0.8, 0.75, 0.9, 0.65
    at = Point("relativistic-hopfield", alpha=alpha, T=T, m=m, C=(1 - q) / T, X=X, b=b)
    assert at.free_energy == pytest.approx(-np.sqrt(1 + X) + b * X / 2 + b * ags(alpha, T / b, m, q), abs=1e-12)
    b = (1 + X) ** -0.5
    C = b * (1 - q) / T
    X = m**2 + alpha * (1 / (1 - C) + C * q / (1 - C) ** 2)
    at = Point("relativistic-hopfield", alpha=alpha, T=T, m=m, C=(1 - q) / T, X=X, b=b)
    to_b = [e for e in at.theory.auxiliary_equations if e.has(symbol("m"))]
    assert at.number(*to_b) == pytest.approx(0, abs=1e-14)


def test_bam():
    """Kurchan, Peliti, Saber 1994: A per sqrt(N1 N2), with both layers' conjugate overlaps."""
    alpha, g, T, m, n, q, p = 0.08, 1.4, 0.6, 0.7, 0.65, 0.6, 0.5
    b = 1 / T
    at = Point("bam", alpha=alpha, g=g, T=T, m=m, n=n, C_q=(1 - q) / T, C_p=(1 - p) / T)
    delta = 1 - b**2 * (1 - q) * (1 - p)
    r1 = alpha * b**2 * (p + b**2 * q * (1 - p) ** 2) / delta**2 / g
    r2 = alpha * b**2 * (q + b**2 * p * (1 - q) ** 2) / delta**2 * g
    A = (-b * m * n + g * gauss(lambda z: ln2cosh(b * n / g + np.sqrt(r1) * z)) + gauss(lambda z: ln2cosh(b * g * m + np.sqrt(r2) * z)) / g
         - alpha / 2 * (np.log(delta) - b**2 * (q * (1 - p) + p * (1 - q)) / delta) - g * r1 * (1 - q) / 2 - r2 * (1 - p) / (2 * g))
    assert at.free_energy == pytest.approx(-T * A, abs=1e-12)
    assert (at.variance(0) * b**2, at.variance(1) * b**2) == (pytest.approx(r1, rel=1e-12), pytest.approx(r2, rel=1e-12))


def dreaming_solution(alpha, t, T):
    """The equations of the dreaming network by iteration: (m, q, m_psi, q_psi, Delta, w)."""
    kappa, m, q, delta, w, hat = (1 + t) / t, 0.99, 0.98, 1.0, 1.0, 0.5
    for _ in range(4000):
        w = 1 + alpha * t / delta
        m_psi, rho2, C = m / (w + t), alpha * t**2 * hat / delta**2, (1 - q) / T
        h = lambda z: kappa / w * (t * m_psi + np.sqrt(rho2) * z) / T
        m, q = gauss(lambda z: np.tanh(h(z))), gauss(lambda z: np.tanh(h(z)) ** 2)
        C = (1 - q) / T
        hat = 0.5 * hat + 0.5 * (q - 2 * t * m_psi * m - 2 * kappa * rho2 * C / w + t**2 * m_psi**2 + rho2) / w**2
        delta = 0.5 * delta + 0.5 * (1 + t / w - (1 + t) * C / w**2)
    return m, q, m_psi, hat, delta, w


def test_dreaming_hopfield():
    """Fachechi, Agliari, Barra 2019: the auxiliary variable's moments at a solution of their equations."""
    alpha, t, T = 0.1, 1.5, 0.3
    m, q, m_psi, hat, delta, w = dreaming_solution(alpha, t, T)
    C = (1 - delta) / (1 + t)
    at = Point("dreaming-hopfield", alpha=alpha, t=t, T=T, m_chi=m_psi, q_chi=hat, C=C)
    step = 1e-4
    slope = lambda g: (lambda y: (g(y + step) - g(y - step)) / (2 * step))
    assert at.slope("h_m_chi") == pytest.approx(m_psi, abs=1e-8) and at.slope("h_m") == pytest.approx(m, abs=1e-8)
    assert at.pressures(lambda g: lambda y: slope(g)(y) ** 2)[0] == pytest.approx(hat, abs=1e-6)
    assert at.pressures(lambda g: slope(slope(g)))[0] == pytest.approx(C, abs=1e-6)


def test_dreaming_network_that_has_not_slept():
    """t = 0 is Hebb's rule: the auxiliary variable is the spin."""
    alpha, T, m, q = 0.06, 0.4, 0.9, 0.85
    at = Point("dreaming-hopfield", alpha=alpha, t=0, T=T, m_chi=m, q_chi=q, C=(1 - q) / T, C_free=0)
    assert at.free_energy == pytest.approx(ags(alpha, T, m, q), abs=1e-12)


# Learning from examples

def test_hebbian_supervised():
    """h = n (1 + sqrt(rho) Z) + sqrt(alpha r) z, r = q/(1-C)^2, n = [m + beta rho n (1-q)]/(1+rho) (arXiv:2308.04106 at d = 0)."""
    alpha, rho, T, n, q0 = 0.04, 0.2, 0.3, 0.7, 0.8
    at = Point("hebbian-supervised", alpha=alpha, rho=rho, T=T, n=n, C=(1 - q0) / T)
    r = q0 / (1 - (1 - q0) / T) ** 2
    width = np.sqrt(alpha * r + rho * n**2)
    m, q = (gauss(lambda z, k=k: np.tanh((n + width * z) / T) ** k) for k in (1, 2))
    assert at.variance() == pytest.approx(alpha * r, rel=1e-12)
    assert at.slope("h_m") == pytest.approx(m, abs=1e-9)
    assert at.slope("h_n") == pytest.approx((m + rho * n * (1 - q) / T) / (1 + rho), abs=1e-9)
    f = (1 + rho) * n**2 / 2 + ags(alpha, T, 0, q0) + T * gauss(lambda z: ln2cosh(np.sqrt(alpha * r) * z / T) - ln2cosh((n + width * z) / T))
    assert at.free_energy == pytest.approx(f, abs=1e-12)


def test_hebbian_unsupervised():
    """-(alpha/2)[tr log(1 - beta Q) + (M-1) tr log(1 - beta rho/(1+rho) Q)], and the signal of the supervised case."""
    alpha, r, M, T, n, q = 0.03, 0.4, 60, 0.3, 0.7, 0.8
    rho = (1 - r**2) / (M * r**2)
    at = Point("hebbian-unsupervised", alpha=alpha, r=r, M=M, T=T, n=n, C=(1 - q) / T)
    taught = Point("hebbian-supervised", alpha=alpha, rho=rho, T=T, n=n, C=(1 - q) / T)
    s, C = rho / (1 + rho), (1 - q) / T
    assert at.number(at.theory.coupling_energy) == pytest.approx(
        alpha / 2 * (T * np.log(1 - C) - q / (1 - C) + (M - 1) * (T * np.log(1 - s * C) - s * q / (1 - s * C))), abs=1e-12)
    assert at.variance() == pytest.approx(alpha * q * ((1 - C) ** -2 + (M - 1) * s**2 / (1 - s * C) ** 2), rel=1e-12)
    assert at.number(at.theory.fields[symbol("n")]) == pytest.approx(taught.number(taught.theory.fields[symbol("n")]), rel=1e-12)


def dense(p, a, T, m, q):
    """A of a dense network with distinct indices, times -T (Gardner 1987)."""
    b = 1 / T
    A = (gauss(lambda z: ln2cosh(b * (m ** (p - 1) + np.sqrt(a * q ** (p - 1)) * z))) - b * (1 - 1 / p) * m**p
         + b**2 * a / (2 * p) * (1 - p * q ** (p - 1) + (p - 1) * q**p))
    return -T * A


@pytest.mark.parametrize("p, a, T, m, q, A", [
    (3, 0.1, 0.2, 0.9929277154, 0.9889474577, 1.6708243253), (3, 0.2, 0.3, 0.9194637204, 0.8952271957, 1.1571137421),
    (4, 0.1, 0.2, 0.9927420718, 0.9886417496, 1.2542074630),
])
def test_dense_hopfield(p, a, T, m, q, A):
    at = Point("dense-hopfield", structural={"p": p}, a=a, T=T, m=m, C=(1 - q) / T)
    assert at.free_energy == pytest.approx(-T * A, abs=1e-10)
    at = Point("dense-hopfield", structural={"p": p}, a=a, T=T, m=0.8, C=0.3 / T)
    assert at.free_energy == pytest.approx(dense(p, a, T, 0.8, 0.7), abs=1e-12)


@pytest.mark.parametrize("p, variance", [(3, lambda q: 1 + 2 * q**2), (4, lambda q: 9 * q + 6 * q**3)])
def test_dense_hopfield_full_power(p, variance):
    """Crosstalk of variance alpha E[(g g')^(p-1)] for Gaussians of correlation q."""
    at = Point("dense-hopfield-full-power", structural={"p": p}, alpha=0.04, T=0.4, m=0.9, C=0.3 / 0.4)
    assert at.variance() == pytest.approx(0.04 * variance(0.7), rel=1e-12)


@pytest.mark.parametrize("p", [3, 4])
def test_dense_hebbian(p):
    """Signal and noise of arXiv:2212.00606 and 2211.14067: n = m + beta rho k (1-q), k the signal."""
    a, rho, T, n, q0 = 0.05, 0.2, 0.3, 0.9, 0.8
    r, M = 0.6, 40
    cases = [("dense-hebbian-supervised", {"rho": rho}, rho, (1 + rho) ** (-p / 2) * n ** (p - 1), a * q0 ** (p - 1)),
             ("dense-hebbian-unsupervised", {"r": r, "M": M}, (1 - r**2) / (M * r**2), n ** (p - 1),
              a * q0 ** (p - 1) * (1 + (1 - r ** (2 * p)) / (M * r ** (2 * p))))]
    for name, given, rho, signal, variance in cases:
        at = Point(name, structural={"p": p}, a=a, T=T, n=n, C=(1 - q0) / T, **given)
        h = lambda z: (signal + np.sqrt(variance + rho * signal**2) * z) / T
        m, q = (gauss(lambda z, k=k: np.tanh(h(z)) ** k) for k in (1, 2))
        assert at.variance() == pytest.approx(variance, rel=1e-12) and at.slope("h_m") == pytest.approx(m, abs=1e-9)
        assert at.slope("h_n") == pytest.approx(m + rho * signal * (1 - q) / T, abs=1e-9)


# Perceptrons: the channel is not in the potential

def tail(x):
    return erfc(x / np.sqrt(2)) / 2


@pytest.mark.parametrize("name, qh, q", [("perceptron-binary", 1.3, 0.4), ("perceptron-errors", 0.8, 0.3)])
def test_binary_weights(name, qh, q):
    """-qh (1-q)/2 + int Dz ln 2cosh(sqrt(qh) z) (Krauth, Mezard 1989)."""
    at = Point(name, C=1 - q, conjugates={"v_q0": qh})
    assert at.free_energy == pytest.approx(qh * (1 - q) / 2 - gauss(lambda z: ln2cosh(np.sqrt(qh) * z)), abs=1e-13)


def test_spherical_weights():
    """(1/2) ln(1-q) + q/(2(1-q)), volumes relative to the sphere's (Gardner 1988)."""
    at = Point("perceptron-spherical", C=0.6, conjugates={"v_q0": 0.9})
    assert at.free_energy == pytest.approx(-(np.log(0.6) + 0.4 / 0.6) / 2, abs=1e-13)


def test_gates():
    """A pattern weighs 1 or 0 for storage, 1 or exp(-beta) where errors are counted."""
    storage, errors = (load(name).couplings[0] for name in ("perceptron-spherical", "perceptron-errors"))
    assert storage.steps == ((symbol("kappa"), True),) and (storage.value([True]), storage.value([False])) == (1, 0)
    assert errors.steps == ((0, True),) and errors.value([True]) == 1 and errors.value([False]) == sympy.exp(-symbol("beta"))
    assert not storage.teacher and load("teacher-student-binary").couplings[0].teacher


@pytest.mark.parametrize("alpha, q, phi", [(0.5, 0.293089030054, 0.372132777745), (1.2, 0.668661379867, 0.017965008629)])
def test_binary_teacher(alpha, q, phi):
    """-qh (1+q)/2 + int Dz ln 2cosh(qh + sqrt(qh) z) + 2 alpha int Dz H(az) ln H(az) at its solution (Gyorgyi 1990)."""
    a = np.sqrt(q / (1 - q))
    density = lambda x: np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    qh = 2 * alpha / (1 - q) * gauss(lambda z: density(a * z) ** 2 / tail(a * z))
    at = Point("teacher-student-binary", alpha=alpha, C=1 - q, R=q, conjugates={"v_q0": qh, "h_R": qh})
    channel = 2 * alpha * gauss(lambda z: ndtr(-a * z) * log_ndtr(-a * z))
    assert channel - at.free_energy == pytest.approx(phi, abs=1e-10)


def test_entry_of_a_model_with_alternatives():
    assert entry("hebbian-supervised").chosen(["alpha", "r"]) == {"examples": ("r", "M")} and entry("hopfield").chosen(["alpha"]) == {}
