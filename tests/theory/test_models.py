"""The built-in models: invariants of the whole registry, and the numbers of the literature."""

import inspect

import mpmath
import pytest
import sympy

import theory.models
from theory import InputError, theory_of
from theory.evaluate import evaluate
from theory.models import available, configure, entry, load
from theory.symbols import T, symbol

ENTRIES = {e.name: e for e in available() if not e.model.couplings}

# name: (parameters with integers first, order parameters), as the command line shows them
TABLE = {
    "curie-weiss": ("J h", "m"),
    "relativistic-curie-weiss": ("J h", "m"),
    "p-spin-ferromagnet": ("p h", "m"),
    "blume-capel": ("J Delta", "m"),
    "blume-emery-griffiths": ("J K Delta", "m q"),
    "potts": ("q J", "x1 x2 x3"),
    "xy": ("J", "m"),
    "heisenberg": ("J", "m"),
    "n-vector": ("n J", "m"),
    "transverse-field-ising": ("J Gamma", "m"),
    "random-field-ising": ("J h0", "m"),
    "random-field-ising-gaussian": ("J sigma", "m"),
    "hopfield-low-load": ("P", "m1 m2 m3"),
    "relativistic-hopfield-low-load": ("P", "m1 m2 m3"),
    "multitasking-hopfield": ("P d", "m1 m2"),
    "multitasking-hebbian": ("P d rho", "m1 m2 n1 n2"),
    "dense-low-load": ("P p", "m1 m2"),
}

# Smaller than by default where an average takes seconds
SMALL = {"multitasking-hebbian": {"P": 1}}

# Tr 1 of a site, where it is not that of an Ising spin
STATES = {"potts": 3, "blume-capel": 3, "blume-emery-griffiths": 3, "xy": 1, "heisenberg": 1, "n-vector": 1}


@pytest.fixture(autouse=True)
def working_digits():
    with mpmath.workdps(25):
        yield


def values_of(model, **given):
    return {symbol(name): mpmath.mpf(value) for name, value in model.values(**given).items()}


def point(model, start="0.31"):
    """Order parameters that no symmetry singles out."""
    return {a: mpmath.mpf(start) / (k + 1) + mpmath.mpf(k) / 50 for k, a in enumerate(model.order_parameters)}


def root(theory, given, start, fixed=()):
    """Newton's method on phi - <g> from `start` (the order parameters in `fixed` stay zero)."""
    values = values_of(theory.model) | {symbol(name): mpmath.mpf(value) for name, value in given.items()}
    free = [a for a in theory.order_parameters if str(a) not in fixed]
    at = lambda phis: values | dict(zip(free, phis)) | {symbol(name): 0 for name in fixed}
    residual = lambda *phis: [phi - evaluate(theory.equations[a], at(phis)) for a, phi in zip(free, phis)]
    return at(list(mpmath.findroot(residual, [mpmath.mpf(x) for x in start])))


def of(name, **structural):
    return theory_of(load(name, **structural))


# The registry

def test_the_registry_is_the_documented_table():
    assert {name: (" ".join(e.parameters), " ".join(e.order_parameters)) for name, e in ENTRIES.items()} == TABLE


@pytest.mark.parametrize("name", ENTRIES)
def test_every_model_is_a_function_and_runs_on_its_defaults(name):
    model = getattr(theory.models, name.replace("-", "_"))()
    assert model.name == name and model == load(name) == load(name.replace("-", "_"))
    assert ENTRIES[name].title and ENTRIES[name].reference
    assert None not in ENTRIES[name].parameters.values()
    assert all(isinstance(n, int) for n in model.structural.values())
    assert model.values()["T"] == 0.5


@pytest.mark.parametrize("name", ENTRIES)
def test_free_energy_gradient_entropy_and_measure(name):
    """df/dphi = -e''.(phi - <g>), s = -df/dT at fixed phi, and f -> -T log(Tr 1) as T grows."""
    theory = of(name, **SMALL.get(name, {}))
    at = values_of(theory.model, T=0.7) | point(theory.model)
    gap = {a: at[a] - evaluate(theory.equations[a], at, 20) for a in theory.order_parameters}
    for b in gap:
        slope = -sum(evaluate(theory.energy.diff(a, b), at) * gap[a] for a in gap)
        assert abs(derivative(theory.free_energy, b, at) - slope) < 1e-10
    at_fields = at | {h: evaluate(value, at) for h, value in zip(theory.fields, theory.field_values)}
    assert abs(evaluate(theory.entropy, at, 20) - derivative(theory.site_pressure, T, at_fields)) < 1e-10
    hot = at | {T: mpmath.mpf(10) ** 6}
    assert abs(evaluate(theory.free_energy, hot) / -hot[T] - mpmath.log(STATES.get(name, 2))) < 1e-5


def derivative(expr, x, at, step=mpmath.mpf("1e-6")):
    return (evaluate(expr, at | {x: at[x] + step}, 20) - evaluate(expr, at | {x: at[x] - step}, 20)) / (2 * step)


@pytest.mark.parametrize("name", ["potts", "n-vector", "p-spin-ferromagnet", "hopfield-low-load", "multitasking-hebbian", "dense-low-load"])
def test_integers_are_checked(name):
    integer = next(iter(ENTRIES[name].structural))
    for bad in (2.5, 0, -1, 1000, "many", None, float("nan"), float("inf")):
        with pytest.raises(InputError, match=integer):
            load(name, **{integer: bad})
    assert load(name, **{integer: 3.0}).structural[integer] == 3
    with pytest.raises(InputError, match="'Q'"):
        load(name, Q=2)


def test_configure_tells_integers_from_parameters():
    model, parameters = configure("multitasking-hopfield", {"P": 3.0, "d": 0.2, "T": 0.1})
    assert model.names == ("m1", "m2", "m3") and parameters == {"d": 0.2, "T": 0.1}


@pytest.mark.parametrize("name, hint", [
    ("curie-wiess", "did you mean curie-weiss"),
    ("Hopfield", "did you mean"),
    ("no-such-model-at-all", "expected a model file"),
    ("absent.toml", "cannot read the model file absent.toml"),
    ("a/b", "cannot read the model file a/b"),
    ("", "unknown model ''"),
])
def test_unknown_models(name, hint):
    with pytest.raises(InputError, match=hint):
        load(name)


def test_a_model_file_is_an_entry(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text('name="own"\n[site]\ns=[-1,1]\n[order_parameters]\nm="s"\n[energy]\ndensity="-m**p/p"\n'
                    "[parameters]\np={default=4,integer=true}\n")
    assert entry(path).parameters == {"p": 4} and entry(str(path)).order_parameters == ("m",)
    assert load(path, p=2).structural == {"p": 2}


@pytest.mark.parametrize("name, given", [
    ("multitasking-hopfield", {"d": 1.5}), ("multitasking-hopfield", {"d": -0.1}), ("multitasking-hebbian", {"rho": -1}),
    ("random-field-ising-gaussian", {"sigma": -1}), ("curie-weiss", {"T": -1}), ("curie-weiss", {"K": 1}),
])
def test_parameter_ranges(name, given):
    with pytest.raises(InputError):
        load(name).values(**given)


def test_each_builder_takes_only_its_integers():
    for name, e in ENTRIES.items():
        build = getattr(theory.models, name.replace("-", "_"))
        assert tuple(inspect.signature(build).parameters) == tuple(e.structural)


# Numbers

SOLUTIONS = [
    ("curie-weiss", {}, dict(T="0.2"), ".99", ".999909121715233", "-.500009083905523"),
    ("curie-weiss", {}, dict(T="0.5"), ".95", ".957504024077269", "-.509835533993435"),
    ("curie-weiss", {}, dict(T="0.8"), ".7", ".710411783487870", "-.583199756411054"),
    ("curie-weiss", {}, dict(T="0.9"), ".5", ".525429512658009", "-.631175472532096"),
    ("curie-weiss", {}, dict(T="0.99"), ".2", ".172511069975051", "-.686290558086744"),
    ("curie-weiss", {}, dict(T="1", h="0.1"), ".6", ".611811554865309", "-.740443310289291"),
    ("curie-weiss", {}, dict(T="1.2", h="0.1"), ".4", ".379822123217012684", "-.853120803676336453"),
    ("xy", {}, dict(T="0.25"), ".8", ".831462024754257", None),
    ("xy", {}, dict(T="0.3"), ".8", ".773129625370292", None),
    ("heisenberg", {}, dict(T="0.2"), ".7", ".7258819871912", None),
    ("transverse-field-ising", {}, dict(T="0.5", Gamma="0.5"), ".8", ".81658677195027", "-.634835533993435"),
    ("random-field-ising-gaussian", {}, dict(T="0.5", sigma="0.3"), ".9", ".906961250462202", None),
    ("multitasking-hopfield", {"P": 1}, dict(T="0.5", d="0"), ".9", ".957504024077269", "-.509835533993435"),
    ("dense-low-load", {"P": 1, "p": 2}, dict(T="0.5"), ".9", ".957504024077269", "-.509835533993435"),
]


@pytest.mark.parametrize("name, structural, given, start, m, f", SOLUTIONS)
def test_solutions_with_one_order_parameter(name, structural, given, start, m, f):
    """Textbook mean-field values: Weiss, Stanley, Stinchcombe, Schneider and Pytte, recomputed to all digits given."""
    theory = of(name, **structural)
    at = root(theory, given, [start])
    assert abs(at[theory.order_parameters[0]] - mpmath.mpf(m)) < 3e-14
    if f is not None:
        assert abs(evaluate(theory.free_energy, at) - mpmath.mpf(f)) < 1e-14


@pytest.mark.parametrize("T, m, A", [
    ("0.2", ".998292508784032", "7.07191934073191"), ("0.5", ".863558059706021", "2.89153608034460"),
    ("0.8", ".520704148180792", "1.95998033217203"), ("0.9", ".357599879624002", "1.80778833756189"),
])
def test_relativistic_curie_weiss_and_one_relativistic_pattern(T, m, A):
    """Barra, Di Lorenzo, Guerra, Moro, Proc. R. Soc. A 470, 20140589: m and the pressure A = -f/T at J = 1."""
    for name, structural, fixed in (("relativistic-curie-weiss", {}, ()), ("relativistic-hopfield-low-load", {"P": 3}, ("m2", "m3"))):
        theory = of(name, **structural)
        at = root(theory, {"T": T}, [m[:4]], fixed=fixed)
        assert abs(at[theory.order_parameters[0]] - mpmath.mpf(m)) < 1e-14
        assert abs(evaluate(theory.free_energy, at) + mpmath.mpf(T) * mpmath.mpf(A)) < 1e-13


@pytest.mark.parametrize("n, m", [(2, ".831462024754257"), (3, ".788886566629197")])
def test_n_vector_at_half_the_critical_temperature(n, m):
    """m = I_{n/2}(u)/I_{n/2-1}(u), u = J m/T, T_c = J/n (Stanley 1968)."""
    at = root(of("n-vector", n=n), {"T": sympy.Rational(1, 2 * n)}, [m[:3]])
    assert abs(at[symbol("m")] - mpmath.mpf(m)) < 1e-14


def eigenvalue_at_zero(name, given, structural=None):
    """Determinant of the Jacobian at vanishing order parameters."""
    theory = of(name, **(structural or {}))
    values = values_of(theory.model, **given) | {a: 0 for a in theory.order_parameters}
    return evaluate(theory.jacobian.det(), values)


@pytest.mark.parametrize("name, structural, given", [
    ("curie-weiss", {}, dict(T=1)),
    ("relativistic-curie-weiss", {}, dict(T=1)),
    ("xy", {}, dict(T=".5")),
    ("heisenberg", {}, dict(T=1 / mpmath.mpf(3))),
    ("n-vector", {"n": 5}, dict(T=".2")),
    ("transverse-field-ising", {}, dict(Gamma=".2", T=".986521384950573")),
    ("transverse-field-ising", {}, dict(Gamma=".5", T=".910239226626837")),
    ("transverse-field-ising", {}, dict(Gamma=".95", T=".518620998777855")),
    ("blume-capel", {}, dict(T=".5", Delta=".346573590279973")),
    ("blume-capel", {}, dict(T=".6", Delta=".172609243471069")),
    ("random-field-ising", {}, dict(T=".8", h0=".384969460047683")),
    ("random-field-ising-gaussian", {}, dict(T=".3", sigma=".751627376321225")),
    ("random-field-ising-gaussian", {}, dict(T=".8", sigma=".442601410300935")),
    ("hopfield-low-load", {"P": 2}, dict(T=1)),
    ("multitasking-hopfield", {"P": 1}, dict(T=".7", d=".3")),
    ("multitasking-hopfield", {"P": 2}, dict(T=".7", d=".3")),
])
def test_critical_points(name, structural, given):
    """Where the symmetric solution loses stability: the closed forms and the numbers of the textbooks."""
    assert abs(eigenvalue_at_zero(name, given, structural)) < 5e-14


@pytest.mark.parametrize("T, Delta, m", [
    (".3", ".466763507350991", ".485820020523276"), (".2", ".48670127106809", ".873337341446545"), (".1", ".49934351852156", None),
])
def test_blume_capel_coexistence(T, Delta, m):
    """First-order transition below the tricritical point (T, Delta) = (1/3, 2 log(2)/3) of Blume and of Capel (1966)."""
    theory = of("blume-capel")
    at = root(theory, {"T": T, "Delta": Delta}, [m or ".99"])
    if m:
        assert abs(at[symbol("m")] - mpmath.mpf(m)) < 1e-12
    zero = at | {symbol("m"): 0}
    assert abs(evaluate(theory.free_energy, at) - evaluate(theory.free_energy, zero)) < 1e-14


def test_blume_emery_griffiths_tricritical_line():
    """T_t = (1+2k)/(3+2k), <S^2> = T_t, Delta = -T log[T/(2(1-T))] + kT with k = K/J (Blume, Emery, Griffiths 1971)."""
    theory = of("blume-emery-griffiths")
    m, q = theory.order_parameters
    for k in (mpmath.mpf(1) / 2, mpmath.mpf(1), mpmath.mpf(2)):
        t = (1 + 2 * k) / (3 + 2 * k)
        Delta = -t * mpmath.log(t / (2 * (1 - t))) + k * t
        at = {T: t, m: mpmath.mpf(0), q: t} | {symbol(n): v for n, v in (("J", 1), ("K", k), ("Delta", Delta))}
        assert abs(evaluate(theory.equations[q], at) - t) < 1e-14
        assert abs(evaluate(theory.jacobian[0, 0], at)) < 1e-14


@pytest.mark.parametrize("h0, T, m", [
    (".470535974260911", ".5", ".731482054698748"), (".485143926432525", ".4", ".873337341446545"), (".499338918209689", ".2", None),
])
def test_random_field_ising_coexistence(h0, T, m):
    """First-order transition of the bimodal random field below T = 2/3 (Aharony 1978)."""
    theory = of("random-field-ising")
    at = root(theory, {"T": T, "h0": h0}, [m or ".99"])
    if m:
        assert abs(at[symbol("m")] - mpmath.mpf(m)) < 1e-12
    assert abs(evaluate(theory.free_energy, at) - evaluate(theory.free_energy, at | {symbol("m"): 0})) < 1e-14


@pytest.mark.parametrize("q, spinodal, m", [
    (3, ".364213333614841", ".37720062726944"), (4, ".310680471822813", None), (10, ".21930889554868", None),
])
def test_potts_transition_and_spinodals(q, spinodal, m):
    """beta_c J = 2(q-1)log(q-1)/(q-2), m_c = (q-2)/(q-1), disordered spinodal J/q (Wu 1982, mean-field theory)."""
    theory = of("potts", q=q)
    x = theory.order_parameters
    state = lambda m: {a: (1 + (q - 1) * m) / q if k == 0 else (1 - m) / q for k, a in enumerate(x)}
    critical = mpmath.mpf(q - 2) / (2 * (q - 1) * mpmath.log(q - 1))
    at = {T: critical, symbol("J"): 1}
    ordered = state(mpmath.mpf(q - 2) / (q - 1))
    for a in x:
        assert abs(evaluate(theory.equations[a], at | ordered) - ordered[a]) < 1e-20
    assert abs(evaluate(theory.free_energy, at | ordered) - evaluate(theory.free_energy, at | state(mpmath.mpf(0)))) < 1e-20
    assert abs(evaluate(soft_mode(theory), {T: mpmath.mpf(1) / q, symbol("J"): 1} | state(mpmath.mpf(0)))) < 1e-20
    fold = lambda m, t: [q * evaluate(theory.equations[x[0]], at | state(m) | {T: t}) - 1 - (q - 1) * m,
                         evaluate(soft_mode(theory), at | state(m) | {T: t})]
    m_fold, t_fold = mpmath.findroot(fold, (mpmath.mpf(m or ".5") * mpmath.mpf("1.01"), mpmath.mpf(spinodal) * mpmath.mpf(".999")))
    assert abs(t_fold - mpmath.mpf(spinodal)) < 1e-13
    assert m is None or abs(m_fold - mpmath.mpf(m)) < 1e-12


def soft_mode(theory):
    """Eigenvalue of the Jacobian along the ordered direction (q-1, -1, ..., -1)."""
    return theory.jacobian[0, 0] - theory.jacobian[0, 1]


@pytest.mark.parametrize("name", ["p-spin-ferromagnet", "dense-low-load"])
@pytest.mark.parametrize("p, spinodal, m_spinodal, transition, m_transition", [
    (3, "1.74774872509545", ".796388355860299", "1.48790750926197", ".948059206907526"),
    (4, "1.98314520953408", None, "1.45179733638909", ".990610932292029"),
])
def test_p_spin_spinodal_and_transition(name, p, spinodal, m_spinodal, transition, m_transition):
    """m = tanh(beta p m^(p-1)); with energy -m^p/p every temperature is divided by p (Gardner 1987 at zero load)."""
    dense = name == "dense-low-load"
    theory = of(name, **({"P": 2, "p": p} if dense else {"p": p}))
    m, *others = theory.order_parameters
    unit = mpmath.mpf(1) / p if dense else mpmath.mpf(1)
    at = lambda value, t: values_of(theory.model) | {a: 0 for a in others} | {m: value, T: t * unit}
    gap = lambda value, t: value - evaluate(theory.equations[m], at(value, t))
    excess = lambda value, t: evaluate(theory.free_energy, at(value, t)) + t * unit * mpmath.log(2)
    fold = mpmath.findroot(lambda v, t: [gap(v, t), evaluate(theory.jacobian[0, 0], at(v, t))],
                           (mpmath.mpf(m_spinodal or ".83"), mpmath.mpf(spinodal) * mpmath.mpf(".99")))
    equal = mpmath.findroot(lambda v, t: [gap(v, t), excess(v, t)], (mpmath.mpf(m_transition), mpmath.mpf(transition) * mpmath.mpf("1.001")))
    assert abs(fold[1] - mpmath.mpf(spinodal)) < 2e-14
    assert abs(equal[1] - mpmath.mpf(transition)) < 2e-14
    assert abs(equal[0] - mpmath.mpf(m_transition)) < 2e-14
    assert m_spinodal is None or abs(fold[0] - mpmath.mpf(m_spinodal)) < 2e-14


@pytest.mark.parametrize("n, P, m, f", [
    (1, 3, ".985623871634656755", "-.502782272580833"), (3, 3, ".452240864050726", "-.401434840329427"),
    (5, 5, ".332590037813151", "-.391320743553457"),
])
def test_hopfield_mixtures(n, P, m, f):
    """Symmetric mixtures of n patterns at T = 0.4 (Amit, Gutfreund, Sompolinsky, Phys. Rev. A 32, 1007)."""
    theory = of("hopfield-low-load", P=P)
    names = theory.order_parameters
    at = lambda v: {a: v if k < n else mpmath.mpf(0) for k, a in enumerate(names)} | {T: mpmath.mpf("0.4")}
    found = mpmath.findroot(lambda v: v - evaluate(theory.equations[names[0]], at(v)), mpmath.mpf(m[:3]))
    assert abs(found - mpmath.mpf(m)) < 1e-15
    assert abs(evaluate(theory.free_energy, at(found)) - mpmath.mpf(f)) < 1e-15


def test_hopfield_three_mixture_becomes_stable():
    """T_3 = 0.459794239877785, where 1 - beta(1-q) - beta Q vanishes (Amit, Gutfreund, Sompolinsky 1985 quote 0.46)."""
    theory = of("hopfield-low-load", P=3)
    m1, m2, m3 = theory.order_parameters
    at = lambda v, t: {m1: v, m2: v, m3: v, T: t}
    softest = theory.jacobian[0, 0] - theory.jacobian[0, 1]
    m, t = mpmath.findroot(lambda v, t: [v - evaluate(theory.equations[m1], at(v, t)), evaluate(softest, at(v, t))],
                           (mpmath.mpf(".43"), mpmath.mpf(".46")))
    assert abs(t - mpmath.mpf(".459794239877785")) < 1e-14 and abs(m - mpmath.mpf(".431971155512")) < 1e-12


@pytest.mark.parametrize("d, m1, m2", [
    ("0.1", ".8999888053", "0"), ("0.2", ".7999493234", ".0673009484"), ("0.3", ".6995248043", ".1717072066"),
    ("0.5", ".4909161233", ".2382417692"), ("0.6", ".3687545699", ".2513558912"), ("0.7", ".2378893389", ".2378893389"),
    ("0.84", ".0561945702", ".0561945702"),
])
def test_multitasking_retrieval(d, m1, m2):
    """Two diluted patterns at beta = 6.66 (Agliari et al., Phys. Rev. Lett. 109, 268101)."""
    theory = of("multitasking-hopfield", P=2)
    given = {"T": 1 / mpmath.mpf("6.66"), "d": d}
    if m1 == m2:
        at = symmetric_root(theory, given, m1)
    else:
        at = root(theory, given, [m1[:5]], fixed=("m2",)) if m2 == "0" else root(theory, given, [m1[:5], m2[:5]])
    assert abs(at[symbol("m1")] - mpmath.mpf(m1)) < 6e-11 and abs(at[symbol("m2")] - mpmath.mpf(m2)) < 6e-11


def symmetric_root(theory, given, start):
    """The solution with all order parameters equal."""
    first = theory.order_parameters[0]
    at = lambda v: {symbol(name): mpmath.mpf(value) for name, value in given.items()} | {a: v for a in theory.order_parameters}
    return at(mpmath.findroot(lambda v: v - evaluate(theory.equations[first], at(v)), mpmath.mpf(start)))


@pytest.mark.parametrize("d, T1", [("0.2", ".1601171739"), ("0.3", ".2127631350"), ("0.5", ".2872097360"), ("0.6", ".3160300626")])
def test_multitasking_pure_state_gives_way_to_the_hierarchical_one(d, T1):
    """T_1(d): the transverse eigenvalue 1 - beta(1-d)[1 - (1-d) tanh^2(beta m)] of the pure state vanishes (arXiv:1111.5191)."""
    theory = of("multitasking-hopfield", P=2)
    m1, m2 = theory.order_parameters
    at = lambda v, t: {m1: v, m2: mpmath.mpf(0), T: t, symbol("d"): mpmath.mpf(d)}
    gap = lambda v, t: v - evaluate(theory.equations[m1], at(v, t))
    near = mpmath.mpf(T1) * mpmath.mpf("0.999")
    pure = mpmath.findroot(lambda v: gap(v, near), mpmath.mpf("0.5"))
    m, t = mpmath.findroot(lambda v, t: [gap(v, t), evaluate(theory.jacobian[1, 1], at(v, t))], (pure, near))
    assert abs(t - mpmath.mpf(T1)) < 6e-11 and m > 0.01


@pytest.mark.parametrize("P, d, rho, beta, m, n", [
    (1, "0", "0.5", "1.5", [".5645033255728"], [".5259111768261"]),
    (1, "0", "0.5", "5", [".8153853524484"], [".6896033820526"]),
    (2, "0.2", "0.3", "8", [".6979460565929", ".1945468640809"], [".6076556947531", ".1840043625420"]),
    pytest.param(3, "0.3", "0.2", "20", [".6260597072705", ".2473163649136", ".1105681575320"],
                 [".5635306330651", ".2339216890151", ".1064076052845"], marks=pytest.mark.slow),
])
def test_multitasking_hebbian_solutions(P, d, rho, beta, m, n):
    """Overlaps with patterns and examples (Agliari et al., arXiv:2308.04106), solved apart with a trapezoid of 40001 points.

    A Gauss-Hermite rule of 60 nodes is off by 2e-4 at beta = 5.
    """
    theory = of("multitasking-hebbian", P=P)
    given = {"T": 1 / mpmath.mpf(beta), "d": mpmath.mpf(d), "rho": mpmath.mpf(rho)}
    at = {symbol(name): value for name, value in given.items()} | dict(zip(theory.order_parameters, map(mpmath.mpf, m + n)))
    for a in theory.order_parameters:
        assert abs(evaluate(theory.equations[a], at, 15) - at[a]) < 3e-12


def test_multitasking_hebbian_equations():
    """n_mu = [m_mu + beta rho n_mu ((1-d) - q_mu)]/(1+rho), q_mu = E xi_mu^2 tanh^2 beta h, at any n."""
    theory = of("multitasking-hebbian", P=1)
    m, n = theory.order_parameters
    beta, d, rho, value = map(mpmath.mpf, ("2.5", "0.2", "0.3", "0.4"))
    at = {T: 1 / beta, symbol("d"): d, symbol("rho"): rho, m: mpmath.mpf(0), n: value}
    field = lambda z: value * (1 + mpmath.sqrt(rho) * z)
    mean = lambda f: (1 - d) * mpmath.quad(lambda z: f(mpmath.tanh(beta * field(z))) * mpmath.npdf(z), [-12, -6, -2, 0, 2, 6, 12])
    overlap, q = mean(lambda t: t), mean(lambda t: t**2)
    assert abs(evaluate(theory.equations[m], at, 20) - overlap) < 1e-15
    assert abs(evaluate(theory.equations[n], at, 20) - (overlap + beta * rho * value * ((1 - d) - q)) / (1 + rho)) < 1e-15
