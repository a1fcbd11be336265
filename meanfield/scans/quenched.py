"""Models with quenched couplings in a scan: what is solved at a point, and how it travels to workers."""

import pickle
from dataclasses import asdict, dataclass, replace
from functools import cached_property, lru_cache
from types import SimpleNamespace

import numpy as np

from theory.errors import InputError
from theory.replica import ansatz_of
from theory.replica.ansatz import KStepRSB

from ..kernels.cache import digest
from ..replicas.line import Facts, Line
from ..replicas.physical import is_collapsed
from ..replicas.placing import placed
from ..replicas.solutions import replica_solutions, system_of, theory_of
from .portable import portable_model, rebuilt_model

__all__ = ["PortableReplicas", "Quenched"]

_known = {}


@dataclass(frozen=True, eq=False)
class Quenched:
    """A model with quenched couplings under an ansatz; in a scan it stands where a Compiled stands for other models.

    Attributes
    ----------
    model : theory.Model
    ansatz : KStepRSB
    """

    model: object
    ansatz: KStepRSB

    @cached_property
    def theory(self):
        """The ReplicaTheory."""
        return theory_of(self.model, self.ansatz)

    @cached_property
    def names(self):
        """Everything that a solution reports: means, overlaps, block parameters, and C and D, which it reports at T = 0."""
        theory = self.theory
        aside = ["q"] if any(layer.site.kind == "auxiliary" for layer in theory.layers) and not theory.steps else []
        cold = [o.C for o in theory.overlaps] + list(theory.free_breaking) if self.model.has_temperature else []
        return tuple(dict.fromkeys([*self.model.names, *aside, *theory.reported, *map(str, cold)]))

    def solutions(self, values):
        """Every solution at parameter values {name: number}."""
        return replica_solutions(self.model, values, self.ansatz)

    @cached_property
    def responding(self):
        """The order parameters whose response to a field is reported."""
        return Facts(SimpleNamespace(theory=self.theory), None, None)._responding

    @cached_property
    def unbroken(self):
        """The model in replica symmetry."""
        return Quenched(self.model, ansatz_of(None))

    def susceptibilities(self, values, solution):
        """d phi_a/d h_a at fixed temperature of a Solution, nan where its equations cannot be differentiated."""
        if not self.responding:
            return []
        name = next(iter(values))
        line = Line(system_of(self.model, values, self.ansatz).saddle, name, values[name], _beyond(values[name]),
                    {n: v for n, v in values.items() if n != name})
        unknowns = line.unknowns(0.0)
        try:
            with np.errstate(all="ignore"):
                u = placed(unknowns, solution.order_parameters)
                if self.ansatz.steps and is_collapsed(unknowns, u):
                    return self.unbroken.susceptibilities(values, replace(solution, order_parameters=_unbroken(unknowns, u)))
                sector = line.sector_of(u, 0.0)
                chi = Facts.at(line, sector, np.append(sector.restrict(u), 0.0))._response(self.responding)
        except (InputError, ArithmeticError, StopIteration, np.linalg.LinAlgError):
            return [np.nan] * len(self.responding)
        return [float(chi[i, i]) for i in range(len(self.responding))]

    def check(self, values):
        """Refuse an ansatz that the model does not have, before anything is computed."""
        system_of(self.model, values, self.ansatz)

    def portable(self):
        """What is sent to workers."""
        return PortableReplicas.of(self)

    def identity(self):
        """The ansatz as plain values."""
        fixed = None if self.ansatz.x is None else [str(x) for x in self.ansatz.x]
        return {"method": "replicas", "ansatz": self.ansatz.name, "steps": self.ansatz.steps, "x": fixed}

    def text(self):
        """The formulas, of which a checkpoint must be."""
        t = self.theory
        leaves = [asdict(leaf) for layer in t.layers for leaf in layer.leaves]
        channel = None if t.channel is None else (t.channel.gate, t.channel.load)
        parts = (self.ansatz, t.unknowns, t.potential, t.explicit_entropy, t.variances, t.diagonals, t.fields, t.reported, leaves,
                 t.replicon_matrix, channel)
        return "\n".join(map(str, parts))


def _unbroken(unknowns, u):
    """{name: value} of the means, the auxiliaries and the overlaps of a state whose steps have closed."""
    kept = {unknowns.system.names[i]: float(u[i]) for i in (*unknowns.means, *unknowns.auxiliaries, *unknowns.teacher)}
    return kept | {o.overlap.symbol.name: float(levels[-1]) for o, (levels, _) in zip(unknowns.overlaps, unknowns.levels(u))}


def _beyond(value):
    """A parameter value somewhat farther from zero: a line needs a range."""
    return value * 1.01 if value else 0.01


@dataclass(frozen=True)
class PortableReplicas:
    """A model with quenched couplings and its ansatz, to be sent to workers.

    Attributes
    ----------
    content : pickled model and ansatz
    digest : SHA-256 of the text of its formulas
    """

    content: bytes
    digest: str

    @classmethod
    def of(cls, quenched):
        """The portable form of a Quenched."""
        made = cls(pickle.dumps((portable_model(quenched.model), quenched.ansatz)), digest(quenched.text()))
        _known[made.digest] = quenched
        return made

    def compiled(self):
        """The Quenched in this process."""
        return _known.get(self.digest) or _rebuilt(self)


@lru_cache(maxsize=16)
def _rebuilt(portable):
    model, ansatz = pickle.loads(portable.content)
    quenched = Quenched(rebuilt_model(model), ansatz)
    if digest(quenched.text()) != portable.digest:
        raise RuntimeError("this worker has other formulas than the process that sent the work: it runs another version")
    return quenched
