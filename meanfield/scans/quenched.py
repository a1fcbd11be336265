"""Models with quenched couplings in a scan: what is solved at a point, and how it travels to workers."""

import pickle
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache

from theory.replica.ansatz import KStepRSB

from ..kernels.cache import digest
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
