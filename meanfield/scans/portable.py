"""Models and theories as bytes that another process turns back into the same kernels."""

import pickle
from dataclasses import dataclass, fields
from functools import lru_cache

from theory.mean_field import MeanFieldTheory
from theory.model import Model

from ..kernels.cache import digest
from ..kernels.compiled import compile

__all__ = ["Portable", "portable_model"]

# Compiled theories of this process, which forked workers inherit.
_known = {}


@dataclass(frozen=True)
class Portable:
    """A compiled theory, to be sent to workers.

    Attributes
    ----------
    content : pickled model, route and site pressure
    digest : SHA-256 of the text of its kernels
    """

    content: bytes
    digest: str

    @classmethod
    def of(cls, compiled):
        """The portable form of a Compiled, whose kernels are then in the disk cache."""
        theory = compiled.theory
        content = pickle.dumps((portable_model(theory.model), theory.route, theory.site_pressure))
        made = cls(content, digest(compiled.source))
        _known[made.digest] = compiled
        compiled.module  # compiled here once: workers read the cache
        return made

    def compiled(self):
        """The Compiled in this process."""
        return _known.get(self.digest) or _compiled(self)


@lru_cache(maxsize=16)
def _compiled(portable):
    (model, route, pressure) = pickle.loads(portable.content)
    compiled = compile(MeanFieldTheory(rebuilt_model(model), route, pressure))
    if digest(compiled.source) != portable.digest:
        raise RuntimeError("this worker generates other kernels than the process that sent the work: it runs another version")
    return compiled


def portable_model(model):
    """The fields of a Model as plain values: its read-only mappings cannot be pickled."""
    values = {f.name: getattr(model, f.name) for f in fields(Model)}
    return {name: dict(v) if hasattr(v, "items") else v for name, v in values.items()}


def rebuilt_model(content):
    """The Model of `portable_model`."""
    return Model(**content)
