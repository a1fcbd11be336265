"""All built-in models against simulations, each at a point where its theory is put to the test.

At a default temperature of 1/2 some models are critical, some frozen and some in a state whose theory is only approximate. The points
here are parameters and nothing else: an ordered state away from transitions, of which an order parameter moves with
|d phi / d ln T| > 0.1, so that a theory whose temperature is 2 % off can be told from the right one. In bipartite-sk, which has no
field, that is the energy. Models with quenched couplings are taken where replica symmetry is valid.
"""

from theory.errors import InputError
from theory.models import available, configure, entry

from .compare import compare
from .quenched import most_spins, not_applicable

POINTS = {
    "curie-weiss": {"T": 0.6},
    "relativistic-curie-weiss": {"T": 0.5},
    "p-spin-ferromagnet": {"T": 1.3},
    "blume-capel": {"T": 0.35},
    "blume-emery-griffiths": {"T": 0.4},
    "potts": {"T": 0.28},
    "xy": {"T": 0.3},
    "heisenberg": {"T": 0.2},
    "n-vector": {"T": 0.15},
    "transverse-field-ising": {"T": 0.55},
    "random-field-ising": {"T": 0.5},
    "random-field-ising-gaussian": {"T": 0.5},
    "hopfield-low-load": {"T": 0.6},
    "relativistic-hopfield-low-load": {"T": 0.45},
    "multitasking-hopfield": {"T": 0.4},
    "multitasking-hebbian": {"T": 0.4},
    "dense-low-load": {"T": 0.42},
    "sherrington-kirkpatrick": {"T": 1.0, "J0": 1.5, "h": 0.2},
    "p-spin-glass": {"T": 1.75, "J0": 2.0, "h": 1.0},
    "mixed-p-spin-glass": {"T": 2.0, "J0": 2.0, "h": 1.0},
    "bipartite-sk": {"T": 1.3},
    "hopfield": {"T": 0.5, "alpha": 0.02},
    "hopfield-biased": {"T": 0.45, "alpha": 0.01},
    "bam": {"T": 0.5},
    "hebbian-supervised": {"T": 0.45},
    "hebbian-unsupervised": {"T": 0.45},
    "dense-hopfield": {"T": 0.43, "a": 0.02},
    "dense-hopfield-full-power": {"T": 0.42, "alpha": 0.01},
    "dense-hebbian-supervised": {"T": 0.4, "a": 0.02},
    "dense-hebbian-unsupervised": {"T": 0.43, "a": 0.02},
}
# Nominal seconds for each model with quenched couplings.
BUDGET = 10.0
# The reduced suite: of models without quenched couplings, of those that are sampled site by site, with couplings, with those of many spins.
REDUCED = {"sizes": (125, 250, 500), "chains": 32, "sweeps": 400}
REDUCED_VECTORS = {"sizes": (50, 100, 200), "chains": 32, "sweeps": 200}
REDUCED_QUENCHED = {"sizes": (100, 200), "chains": 64, "sweeps": 60}
REDUCED_TENSORS = {"sizes": (20, 40), "chains": 256, "sweeps": 40}


def point(name):
    """The parameters at which a built-in model is compared with simulations; its defaults if none are declared."""
    return dict(POINTS.get(name, {}))


def excluded():
    """{name: reason} of the built-in models that no simulation covers."""
    return {e.name: reason for e in available() if (reason := _reason(e.model))}


def _reason(model):
    if not model.has_temperature:
        return "it has no temperature"
    return not_applicable(model) if model.couplings else None


def compare_all(names=None, *, reduced=False, given=None, ansatz=None, steps=None, state="auto", **options):
    """Compare built-in models with simulations, each at its point.

    Parameters
    ----------
    names : of built-in models (default: all that a simulation covers)
    reduced : bool, small systems and short runs: seconds for each model, which decide less
    given : {name: value} for every model, in the place of what its point says
    ansatz, steps, state : of models with quenched couplings; by default replica symmetry, and one step of breaking where that is not valid
    **options : see `validate.compare`; in the place of the reduced ones where they are not None

    Yields
    ------
    Verdict
    """
    chosen = [e.name for e in available()] if names is None else [entry(name).name for name in names]
    left_out = excluded() if names is None else {}
    for name in chosen:
        if name not in left_out:
            yield _compare_one(name, reduced, given or {}, {"ansatz": ansatz or "auto", "steps": steps, "state": state}, options)


def _compare_one(name, reduced, given, replicas, options):
    values = _merged(point(name), given)
    model, free = configure(name, values)
    effort = _reduced(model, model.values(**free)) if reduced else {"budget": BUDGET} if model.couplings else {}
    asked = {key: value for key, value in options.items() if value is not None}
    return compare(model, **{**effort, **asked, **(replicas if model.couplings else {})}, **free)


def _merged(declared, given):
    """The values of a point with those given in their place; T and beta are the same parameter."""
    if "T" in given and "beta" in given:
        raise InputError("give either T or beta, not both")
    return {**{name: value for name, value in declared.items() if not (name == "T" and "beta" in given)}, **given}


def _reduced(model, values):
    if not model.couplings:
        return REDUCED if model.site.kind in ("finite", "quantum") else REDUCED_VECTORS
    return REDUCED_TENSORS if most_spins(model, values) > 2 else REDUCED_QUENCHED
