"""Model files: every form that is documented is read, everything else is refused with its place in the file."""

from pathlib import Path

import pytest
import sympy

from theory import FiniteDistribution, FiniteSite, GaussianSite, InputError, Normal, Sphere, symbols
from theory import model_file, models
from theory.couplings import STABILITY as u
from theory.couplings import DenseLoad, GaussianCouplings, HebbianLoad, step
from theory.sites import SphericalSite
from theory.symbols import beta, symbol

J, a, s, w, q, Q, kappa = symbols("J a s w q Q kappa")

EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "models").glob("*.toml"))

BASE = """name = "test"
[parameters]
J = 1.0
d = { default = 0.3, min = 0, max = 1 }
[site]
S = [-1, 0, 1]
[disorder]
xi = { values = [-1, 0, 1], probabilities = ["(1-d)/2", "d", "(1-d)/2"] }
[order_parameters]
m = "xi*S"
q = "S**2"
[energy]
density = "-J*m**2/2"
site = "0.3*S**2"
"""

VECTOR = """name = "vectors"
[parameters]
J = 1
[site]
s = { sphere = 3 }
[order_parameters]
m = "s"
[energy]
density = "-J*dot(m, m)/2"
"""


def changed(old, new, text=BASE):
    assert old in text
    return text.replace(old, new)


def refusal(text, **integers):
    with pytest.raises(InputError) as caught:
        model_file.loads(text, "own.toml", **integers)
    message = str(caught.value)
    assert message.startswith("own.toml: ") and "\n" not in message
    return message


def site_of(line):
    text = changed("S = [-1, 0, 1]", line)
    return model_file.loads(text.replace('q = "S**2"\n', "").replace('site = "0.3*S**2"\n', "")).site


def test_all_tables_together():
    J, d, S, xi, m, q = symbols("J d S xi m q")
    model = model_file.loads(BASE)
    assert model.name == model.title == "test"
    assert model.site == FiniteSite((S,), ((-1,), (0,), (1,)))
    assert dict(model.order_parameters) == {m: xi * S, q: S**2}
    assert model.energy == -J * m**2 / 2
    assert model.site_energy == sympy.Rational(3, 10) * S**2
    assert model.disorder[xi] == FiniteDistribution((-1, 0, 1), ((1 - d) / 2, d, (1 - d) / 2))
    assert model.parameters["d"].max == 1 and model.parameters["J"].default == 1
    assert model.observables == (q,)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_load_and_run_with_their_defaults(path):
    model = model_file.load(path)
    assert model.values(T=0.7)["T"] == 0.7 if model.has_temperature else model.values()


def test_the_example_file_is_the_built_in_model():
    own = model_file.load(next(path for path in EXAMPLES if path.stem == "blume-emery-griffiths"))
    built_in = models.blume_emery_griffiths()
    assert own.energy == built_in.energy and own.order_parameters == built_in.order_parameters
    assert own.values() == built_in.values()
    assert set(own.site.states) == set(built_in.site.states)


@pytest.mark.parametrize("line, site", [
    ("S = { values = [0, 2], weights = [1, 3] }", FiniteSite(symbols("S"), ((0,), (2,)), (1, 3))),
    ("S = ['-1/2', '1/2']", FiniteSite(symbols("S"), (("-1/2",), ("1/2",)))),
    ("S = { states = [[-1], [1]] }", FiniteSite(symbols("S"), ((-1,), (1,)))),
    ("S = { normal = { mean = 'J', variance = 2 } }", GaussianSite(symbols("S")[0], symbols("J")[0], 2)),
    ("S = { normal = {} }", GaussianSite(symbols("S")[0])),
    ('"S, t" = { states = [[1, 1], [-1, -1]] }', FiniteSite(symbols("S t"), ((1, 1), (-1, -1)))),
    ('pair = { variables = ["S", "t"], states = [[1, 0]], weights = [2] }', FiniteSite(symbols("S t"), ((1, 0),), (2,))),
    ('variables = ["S", "t"]\nstates = [[1, 1], [-1, -1]]\nweights = [1, 2]', FiniteSite(symbols("S t"), ((1, 1), (-1, -1)), (1, 2))),
    ("S = [-1, 1]\nt = [0, 1]", FiniteSite(symbols("S t"), ((-1, 0), (-1, 1), (1, 0), (1, 1)))),
    ("S = [-1, 1]\nt = { values = [0, 1], weights = [1, 3] }", FiniteSite(symbols("S t"), ((-1, 0), (-1, 1), (1, 0), (1, 1)), (1, 3, 1, 3))),
])
def test_sites(line, site):
    assert site_of(line) == site


def test_vector_sites():
    J, s, m = symbols("J s m")
    model = model_file.loads(VECTOR)
    assert model.site == Sphere(s, 3)
    assert model.energy == -J * m**2 / 2


def test_delta_counts_a_state():
    S = symbols("S")[0]
    model = model_file.loads(changed('"S**2"', '"delta(S, 1)"'))
    assert list(model.order_parameters.values())[1] == sympy.KroneckerDelta(S, 1)


def test_gaussian_disorder():
    d, xi = symbols("d xi")
    text = changed(BASE.splitlines()[7], "xi = { normal = { mean = 1, variance = 'd**2' } }")
    assert model_file.loads(text).disorder == {xi: Normal(1, d**2)}


def test_integers_belong_to_the_structure():
    J, m = symbols("J m")
    text = changed("J = 1.0", "J = 1.0\np = { default = 4, min = 2, integer = true }").replace("m**2/2", "m**p/p")
    assert model_file.loads(text).energy == -J * m**4 / 4
    model = model_file.loads(text, p=3)
    assert model.energy == -J * m**3 / 3 and model.structural == {"p": 3} and "p" not in model.parameters
    assert "own.toml: p must lie in [2, inf)" in refusal(text, p=1)
    assert "must be an integer" in refusal(text, p=2.5)
    assert "no integer parameter 'P'" in refusal(text, P=3)


def test_a_parameter_without_default_must_be_given():
    model = model_file.loads(changed("J = 1.0", "J = { min = 0 }"))
    assert model.values(J=2)["J"] == 2
    with pytest.raises(InputError):
        model.values()


@pytest.mark.parametrize("text, place", [
    (changed('name = "test"\n', ""), "name"),
    (changed('"test"', "3"), "name must be a text"),
    (changed('"test"', '" "'), "name"),
    (changed("J = 1.0", "J = = 1"), "line 3"),
    (BASE + "[site]\n", "line 15"),
    (BASE + "[foo]\n", "unknown table 'foo'"),
    ("foo = 1\n" + BASE, "unknown key 'foo'"),
    (changed("[site]\nS = [-1, 0, 1]\n", ""), "[site] is missing"),
    (changed('[order_parameters]\nm = "xi*S"\nq = "S**2"\n', ""), "[order_parameters] is missing"),
    (BASE[:BASE.index("[energy]")], "[energy] is missing"),
    ("site = 3\n" + changed("[site]\nS = [-1, 0, 1]\n", ""), "[site] must be a table"),
    (changed("S = [-1, 0, 1]\n", ""), "[site]: a site needs"),
    (changed('m = "xi*S"\nq = "S**2"\n', ""), "[order_parameters]: a model needs"),
    (changed("J = 1.0", "J = 1.0\nT = 1"), "[parameters]: T: 'T' is reserved"),
    (changed("J = 1.0", "J = 1.0\npi = 3"), "[parameters]: pi: 'pi' is reserved"),
    (changed("J = 1.0", "J = 1.0\nexp = 3"), "[parameters]: exp: 'exp' is a function"),
    (changed("J = 1.0", "J = 1.0\nstart = 3"), "[parameters]: start: 'start' is an argument"),
    (changed("J = 1.0", 'J = 1.0\n"J 1" = 3'), "[parameters]: J 1: 'J 1' is not a name"),
    (changed("S = [", "beta = ["), "[site]: beta: 'beta' is reserved"),
    (changed("J = 1.0", "J = 1.0\nS = 2"), "'S' is already a parameter"),
    (changed("q = ", "S = "), "[order_parameters]: S: 'S' is already a site variable"),
    (changed("J = 1.0", "J = 1.0\nh_m = 2"), "'h_m' is the name of the field"),
    (changed("J = 1.0", "J = true"), "[parameters]: J: expected a number"),
    (changed("J = 1.0", "J = nan"), "[parameters]: J: expected a finite number"),
    (changed("J = 1.0", "J = 1e999999999999"), "[parameters]: J: the number is out of range"),
    (changed("J = 1.0", 'J = "1/0"'), "[parameters]: J: division by zero"),
    (changed("J = 1.0", 'J = "2*d"'), "[parameters]: J: unknown name 'd'"),
    (changed("J = 1.0", "J = { default = 2, max = 1 }"), "[parameters]: J: J must lie in (-inf, 1]"),
    (changed("J = 1.0", "J = { min = 2, max = 1 }"), "[parameters]: J: min = 2 is larger"),
    (changed("J = 1.0", "J = { defualt = 1 }"), "[parameters]: J: unknown key 'defualt'"),
    (changed("J = 1.0", "J = { default = 1.5, integer = true }"), "[parameters]: J: J must be an integer"),
    (changed("J = 1.0", "J = { integer = 1 }"), "[parameters]: J: integer must be true or false"),
    (changed("J = 1.0", "J = { integer = true }"), "the integer J has no default"),
    (changed("[-1, 0, 1]\n[dis", "[]\n[dis"), "[site]: S: values must be a list with at least one entry"),
    (changed("[-1, 0, 1]\n[dis", "[1, 1]\n[dis"), "[site]: S: the states of a site must be distinct"),
    (changed("[-1, 0, 1]\n[dis", "[1, 'J']\n[dis"), "[site]: S: not allowed here: 'J'"),
    (changed("[-1, 0, 1]\n[dis", "{ value = [1] }\n[dis"), "[site]: S: expected exactly one of the keys values"),
    (changed("[-1, 0, 1]\n[dis", "{ values = [1, 2], weights = [1, 0] }\n[dis"), "[site]: S: weights must be positive"),
    (changed("[-1, 0, 1]\n[dis", "{ states = [[1, 1]] }\n[dis"), "[site]: S: states must be lists of 1"),
    (changed("[-1, 0, 1]\n[dis", "{ spherical = true }\n[dis"), "[site]: S: the spherical constraint needs quenched couplings"),
    (changed("[-1, 0, 1]\n[dis", "{ normal = { variance = -1 } }\n[dis"), "[site]: S: the variance of a Gaussian site"),
    (changed("[-1, 0, 1]\n[dis", "[-1, 1]\nv = { sphere = 2 }\n[dis"), "[site]: a site of several variables"),
    (changed("[-1, 0, 1]\n[dis", "[-1, 1]\n" + "".join(f"s{i} = [0, 1]\n" for i in range(12)) + "[dis"), "more than 4096 joint states"),
    (changed('"(1-d)/2", "d", "(1-d)/2"', "0.3, 0.3, 0.3"), "[disorder]: xi: probabilities must sum to one"),
    (changed('"(1-d)/2", "d", "(1-d)/2"', '"d", "d", "d"'), "[disorder] xi, at the default parameters"),
    (changed('"(1-d)/2", "d", "(1-d)/2"', '"2*d", "1-d", "-d"'), "[disorder] xi, at the default parameters"),
    (changed('"(1-d)/2", "d", "(1-d)/2"', '"1/(d-0.3)", "-1/(d-0.3)", 1'), "needs finite real numbers"),
    (changed('"(1-d)/2", "d", "(1-d)/2"', "0.5, 0.5"), "[disorder]: xi: a distribution needs as many"),
    (changed(', probabilities = ["(1-d)/2", "d", "(1-d)/2"]', ""), "[disorder]: xi: probabilities are missing"),
    (changed('"(1-d)/2", "d"', '"(1-S)/2", "d"'), "[disorder]: xi: probabilities: unknown name 'S'"),
    (changed('q = "S**2"', "q = 1"), "[order_parameters]: q: expected an expression in quotes"),
    (changed('q = "S**2"', 'q = "xi"'), "the order parameter q must depend on the site"),
    (changed('q = "S**2"', 'q = "m*S"'), "[order_parameters]: q: not allowed here: 'm'"),
    (changed('q = "S**2"', 'q = "abs(S)"'), "[order_parameters]: q: only expressions of the parameters"),
    (changed('"-J*m**2/2"', '"-J*S**2/2"'), "[energy]: density: not allowed here: 'S' at position 4"),
    (changed('"-J*m**2/2"', '"-K*m**2/2"'), "[energy]: density: unknown name 'K' at position 2"),
    (changed('"-J*m**2/2"', '"-m**2/(2*T)"'), "[energy]: density: not allowed here: 'T'"),
    (changed('"-J*m**2/2"', '"-J*m^2/2"'), "[energy]: density: unexpected '^'"),
    (changed('"0.3*S**2"', '"m*S"'), "[energy]: site: not allowed here: 'm'"),
    (changed('density = "-J*m**2/2"\n', ""), "[energy]: density is missing"),
    (BASE + "densty = 1\n", "[energy]: unknown key 'densty'"),
    (BASE + '[[couplings]]\nkind = "hebbian"\nload = "0.1"\n', "[[couplings]]: 'q' is already an order parameter: choose another name"),
    (BASE + '[[couplings]]\nkind = "hebbian"\n', "[[couplings]]: load is missing"),
    (BASE + '[[couplings]]\nkind = "magic"\n', "[[couplings]]: kind must be one of"),
    (BASE + '[[couplings]]\nkind = "hebbian"\nlaod = 1\n', "[[couplings]]: unknown key 'laod'"),
    (BASE + "[couplings]\n", "[[couplings]]: couplings are written"),
    ("name = 'x'\na = " + "[" * 100_000, "not valid TOML"),
    (changed("J = 1.0", "J = " + "1" * 5000), "not valid TOML"),
    (VECTOR.replace("dot(m, m)", "m**2"), "[energy]: density: a vector beside '**'"),
    (VECTOR.replace("= 3", "= 2.5"), "[site]: s: the dimension of a sphere"),
])
def test_refusals_name_file_table_and_key(text, place):
    assert place in refusal(text)


def test_probabilities_are_checked_at_the_given_values():
    model = model_file.loads(changed('"(1-d)/2", "d", "(1-d)/2"', '"d", "1-2*d", "d"'))
    with pytest.raises(InputError, match="probabilities of xi"):
        model.values(d=0.9)


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"x" * 1_000_001])
def test_files_that_cannot_be_read(tmp_path, content):
    path = tmp_path / "own.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match="own.toml"):
        model_file.load(path)
    with pytest.raises(InputError):
        model_file.load(tmp_path)


GLASS = """name = "glass"
[parameters]
J = 1.0
a = { default = 0.1, min = 0 }
p = { default = 3, min = 3, integer = true }
[site]
s = [-1, 1]
[disorder]
xi = { values = [-1, 1], probabilities = [0.5, 0.5] }
[order_parameters]
m = "xi*s"
[energy]
density = "-m**p/p"
[[couplings]]
"""
GAUSSIAN = 'kind = "gaussian"\ncovariance = "J**2*q**2/2"\n'
HEBBIAN = 'kind = "hebbian"\nload = "a"\n'
WEIGHTS = """name = "weights"
[parameters]
alpha = 0.5
beta = 2
kappa = 0.1
[site]
w = { spherical = true }
[[couplings]]
kind = "constraints"
load = "alpha"
"""


@pytest.mark.parametrize("lines, made", [
    (GAUSSIAN, GaussianCouplings(J**2 * q**2 / 2, {q: s})),
    ('kind = "gaussian"\noverlap = "Q"\ncovariance = "a*Q**p"\n', GaussianCouplings(a * Q**3, {Q: s})),
    (HEBBIAN, HebbianLoad(a, overlaps={q: s})),
    ('kind = "hebbian"\nload = "2*a"\nscale = "1 - J**2/4"\noverlap = "Q"\n', HebbianLoad(2 * a, 1 - J**2 / 4, {Q: s})),
    ('kind = "dense"\nload = "a/2"\np = "p"\n', DenseLoad(a / 2, 3, overlaps={q: s})),
    ('kind = "dense"\nload = 0.02\np = 4\nfull_power = true\nvariable = "s"\n', DenseLoad(sympy.Rational(1, 50), 4, True, {q: s})),
])
def test_couplings(lines, made):
    model = model_file.loads(GLASS + lines)
    assert model.couplings == (made,) and model.has_temperature
    assert model.reported[:2] == ("m", str(next(iter(made.overlaps))))


def test_several_couplings_share_their_overlap():
    model = model_file.loads(GLASS + GAUSSIAN + "[[couplings]]\n" + HEBBIAN)
    assert [c.kind for c in model.couplings] == ["elementwise", "spectral"] and model.overlaps == {q: s}
    assert model_file.loads(GLASS.replace("\ns = [-1, 1]", "\ns = [-1, 1]\nt = [0, 1]") + GAUSSIAN + 'variable = "t"\n').overlaps == {q: symbol("t")}


def test_a_file_and_a_built_in_are_the_same_glass():
    own, built_in = model_file.loads(GLASS + 'kind = "dense"\nload = "a/2"\np = "p"\n'), models.dense_hopfield()
    assert own.energy == built_in.energy and own.couplings[0].covariance == built_in.couplings[0].covariance


@pytest.mark.parametrize("lines, gate", [
    ("", step(u)), ('margin = "kappa"\n', step(u - kappa)), ('gate = "step(u - kappa)"\n', step(u - kappa)),
    ('gate = "exp(-beta*(1 - step(u)))"\n', sympy.exp(-beta * (1 - step(u)))),
    ('gate = "step(u + kappa)*step(kappa - u)"\n', step(u + kappa) * step(kappa - u)),
    ('gate = "exp(-beta*u**2)"\n', sympy.exp(-beta * u**2)),
])
def test_constraints(lines, gate):
    """Neither order parameters nor an energy are needed, and beta is a parameter."""
    model = model_file.loads(WEIGHTS + lines)
    assert model.couplings[0].gate == gate and not model.couplings[0].teacher
    assert model.site == SphericalSite(w) and not model.order_parameters and model.energy == 0
    assert not model.has_temperature and model.values(beta=3) == {"alpha": 0.5, "beta": 3.0, "kappa": 0.1}
    assert model_file.loads(WEIGHTS + lines + "teacher = true\n").couplings[0].teacher


def glass(lines, old="", new=""):
    return (GLASS + lines).replace(old, new) if old else GLASS + lines


@pytest.mark.parametrize("text, place", [
    (glass(""), "[[couplings]]: kind must be one of gaussian, hebbian, dense, constraints, got None"),
    (glass("kind = 3\n"), "[[couplings]]: kind must be one of"),
    (glass("kind = ['gaussian']\n"), "[[couplings]]: kind must be one of"),
    (glass('kind = "gaussian"\n'), "[[couplings]]: covariance is missing"),
    (glass(GAUSSIAN + "load = 1\n"), "[[couplings]]: unknown key 'load'"),
    (glass(GAUSSIAN + "overlap = 3\n"), "[[couplings]]: expected an expression in quotes"),
    (glass(GAUSSIAN, 'm = "xi*s"', 'm = "xi*s"\nq = "s"'), """'q' is already an order parameter: choose another name for the overlap, such as overlap = "Q\""""),
    (glass(GAUSSIAN, "J = 1.0", "J = 1.0\nq = 1\nQ = 2"), 'such as overlap = "q_ab"'),
    (glass(GAUSSIAN + 'overlap = "T"\n'), "[[couplings]]: 'T' is reserved"),
    (glass(GAUSSIAN + 'overlap = "a b"\n'), "[[couplings]]: 'a b' is not a name"),
    (glass(GAUSSIAN, "q**2", "m**2"), "[[couplings]]: covariance: not allowed here: 'm'"),
    (glass(GAUSSIAN, "q**2", "K"), "[[couplings]]: covariance: unknown name 'K'"),
    (glass(GAUSSIAN, "*q**2", ""), "[[couplings]]: covariance must depend on the overlap q"),
    (glass(GAUSSIAN, "J**2*q**2", "q - q**2"), "the coefficient of q**2 is negative"),
    (glass(GAUSSIAN, "J**2*q**2", "step(q)"), "only the gate of constraints may contain 'step'"),
    (glass(GAUSSIAN, "J = 1.0", "J = 1.0\nx = 1"), "'x' is a name that the replica theory of the couplings uses"),
    (glass(GAUSSIAN + '[[couplings]]\nkind = "hebbian"\nload = "a"\noverlap = "Q"\n'), 'the overlap of s is already called q: write overlap = "q"'),
    (glass(GAUSSIAN + '[[couplings]]\nkind = "hebbian"\n'), "[[couplings]] 2: load is missing"),
    (glass(GAUSSIAN, "\ns = [-1, 1]", "\ns = [-1, 1]\nt = [0, 1]"), "the site has several variables: say on which"),
    (glass(GAUSSIAN + 'variable = "x"\n'), "variable must be one of s, got 'x'"),
    (glass(GAUSSIAN, "\ns = [-1, 1]", "\ns = { sphere = 3 }").replace('xi*s', 's').replace('-m**p/p', '-dot(m, m)'),
     "quenched couplings do not act on sphere sites"),
    (glass(HEBBIAN, '"a"', '"-a"'), "a load must not be negative"),
    (glass(HEBBIAN, '"a"', "true"), "[[couplings]]: load: expected a number"),
    (glass(HEBBIAN, '"a"', '"s"'), "[[couplings]]: load: not allowed here: 's'"),
    (glass('kind = "dense"\nload = 1\np = 2\n'), "[[couplings]]: dense couplings need an integer p of at least 3"),
    (glass('kind = "dense"\nload = 1\np = 3.5\n'), "[[couplings]]: p: expected an integer"),
    (glass('kind = "dense"\nload = 1\np = "J"\n'), "[[couplings]]: p: not allowed here: 'J'"),
    (glass('kind = "dense"\nload = 1\np = 3\nfull_power = 1\n'), "[[couplings]]: full_power must be true or false"),
    (glass('kind = "constraints"\nload = 1\ngate = "J"\n'), "the gate must depend on the stability u"),
    (WEIGHTS + 'gate = "step(u**2)"\n', "the argument must be a number times u plus or minus parameters in 'step'"),
    (WEIGHTS + 'gate = "step(kappa*u)"\n', "the argument must be a number times u"),
    (WEIGHTS + 'gate = "w"\n', "gate: not allowed here: 'w'"),
    (WEIGHTS + 'gate = "step(u)"\nmargin = 1\n', "give either a gate or a margin"),
    (WEIGHTS + 'teacher = "yes"\n', "teacher must be true or false"),
    (WEIGHTS.replace("w =", "u =") + "", "'u' is the stability of a pattern, and a site variable as well"),
    (WEIGHTS.replace("= true", "= false"), "[site]: w: expected spherical = true, got false"),
    (WEIGHTS.replace("beta", "T"), "[parameters]: T: 'T' is reserved"),
    (WEIGHTS + WEIGHTS[WEIGHTS.index("[[couplings]]"):], "constraints of several kinds"),
    (changed("J = 1.0", "J = 1.0\nsteps = 2"), "'steps' is an argument of the functions"),
])
def test_couplings_that_are_refused(text, place):
    assert place in refusal(text)
