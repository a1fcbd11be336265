"""The [[couplings]] tables of a model file, turned into quenched couplings."""


from .couplings import STABILITY, DenseLoad, GaussianCouplings, HebbianLoad, PatternConstraints
from .errors import InputError
from .file_values import boolean_of, check_keys, located, shown, text_of
from .grammar import Scope
from .replica import replica_theory
from .symbols import symbol

# kind: (keys that it needs, keys that it may have)
KINDS = {
    "gaussian": ({"covariance"}, set()),
    "hebbian": ({"load"}, {"scale"}),
    "dense": ({"load", "p"}, {"full_power"}),
    "constraints": ({"load"}, {"gate", "margin", "teacher"}),
}
OVERLAP = "q"


def has_constraints(document):
    """Whether the model has no temperature, so that beta is a name like any other."""
    rows = document.get("couplings")
    return isinstance(rows, list) and any(isinstance(row, dict) and row.get("kind") == "constraints" for row in rows)


def check_couplings(model, known):
    """Refuse couplings that are none at the parameters `known`, {symbol: number}, and sites on which quenched couplings do not act."""
    for coupling in model.couplings:
        try:
            coupling.check(known)
        except InputError as refusal:
            raise InputError(f"{refusal} (at the default parameters)") from None
    for layer in replica_theory(model).layers:
        layer.leaves


class CouplingTables:
    """Reads the tables one by one; overlaps are named once and may be shared.

    Parameters
    ----------
    builder : of the model file, which knows its names, parameters and integers
    site : of the model
    """

    def __init__(self, builder, site):
        self.builder, self.site = builder, site
        self.overlaps = {}

    def read(self):
        """The couplings of the document, in its order."""
        document = self.builder.document
        rows = document.get("couplings", [])
        with located("[[couplings]]"):
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                raise InputError("couplings are written as tables in double brackets")
            if "couplings" in document and not rows:
                raise InputError("at least one table is expected")
        places = [f"[[couplings]] {i}" if len(rows) > 1 else "[[couplings]]" for i in range(1, len(rows) + 1)]
        return tuple(self.coupling(row, place) for row, place in zip(rows, places))

    def coupling(self, row, place):
        with located(place):
            _check(row)
            variable = self.variable(row)
            return getattr(self, row["kind"])(row, {symbol(self.overlap(row, variable)): variable})

    def variable(self, row):
        """The site variable whose overlap the couplings are a function of."""
        known = {str(v): v for v in self.site.variables}
        if "variable" not in row and len(known) > 1:
            raise InputError(f"the site has several variables: say on which the couplings act, variable = one of {', '.join(known)}")
        name = text_of(row.get("variable", next(iter(known))))
        if name not in known:
            raise InputError(f"variable must be one of {', '.join(known)}, got {shown(name)}")
        return known[name]

    def overlap(self, row, variable):
        """The name of the overlap; several couplings may share it."""
        name = text_of(row.get("overlap", OVERLAP))
        if self.overlaps.get(name) == variable:
            return name
        if variable in self.overlaps.values():
            known = next(other for other, v in self.overlaps.items() if v == variable)
            raise InputError(f'the overlap of {variable} is already called {known}: write overlap = "{known}"')
        if name in self.builder.owners:
            free = next(other for other in ("Q", "q_ab", "overlap") if other not in self.builder.owners)
            raise InputError(f'{name!r} is already {self.builder.owners[name]}: choose another name for the overlap, '
                             f'such as overlap = "{free}"')
        self.builder.claim(name, "an overlap")
        self.overlaps[name] = variable
        return name

    def gaussian(self, row, overlaps):
        reasons = self.beyond("a covariance is a function of the overlap and the parameters")
        covariance = self.builder.located("covariance", row["covariance"], self.builder.scope(*overlaps, elsewhere=reasons))
        if not covariance.has(*overlaps):
            raise InputError(f"covariance must depend on the overlap {next(iter(overlaps))}: got {covariance}")
        return GaussianCouplings(covariance, overlaps)

    def hebbian(self, row, overlaps):
        return HebbianLoad(self.of_parameters(row, "load"), self.of_parameters(row, "scale", 1), overlaps)

    def dense(self, row, overlaps):
        with located("p"):
            p = self.builder.constant(row["p"])
            if not p.is_Integer:
                raise InputError(f"expected an integer of at least 3, got {shown(row['p'])}")
        return DenseLoad(self.of_parameters(row, "load"), int(p), boolean_of(row, "full_power"), overlaps)

    def constraints(self, row, overlaps):
        if "gate" in row and "margin" in row:
            raise InputError("give either a gate or a margin: margin = kappa is the gate step(u - kappa)")
        u, owners = str(STABILITY), self.builder.owners
        if u in owners:
            raise InputError(f"{u!r} is the stability of a pattern, and {owners[u]} as well: give the other one another name")
        return PatternConstraints(self.of_parameters(row, "load"), self.gate(row), self.of_parameters(row, "margin", 0),
                                  boolean_of(row, "teacher"), overlaps)

    def gate(self, row):
        """The gate, a function of the stability u, or None."""
        if "gate" not in row:
            return None
        names = self.builder.names | {str(STABILITY): STABILITY}
        reasons = self.builder.reasons | self.beyond(f"a gate is a function of the stability {STABILITY} and the parameters")
        scope = Scope(names, frozenset(self.builder.names), jumping=str(STABILITY), elsewhere=reasons)
        return self.builder.located("gate", row["gate"], scope)

    def of_parameters(self, row, key, default=None):
        reasons = self.beyond(f"{key} is a function of the parameters")
        return self.builder.located(key, row.get(key, default), self.builder.scope(elsewhere=reasons))

    def beyond(self, reason):
        """Every name that is no parameter, with the reason why it may not be used."""
        return {name: f"{what}, and {reason}" for name, what in self.builder.owners.items()
                if name not in self.builder.names and what != "an overlap"}


def _check(row):
    kind = row.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise InputError(f"kind must be one of {', '.join(KINDS)}, got {shown(kind)}")
    needed, possible = KINDS[kind]
    check_keys(row, needed | possible | {"kind", "overlap", "variable"})
    for key in sorted(needed):
        if key not in row:
            raise InputError(f"{key} is missing: {kind} couplings need {', '.join(sorted(needed))}")
