"""Compiled mean-field equations: solutions, branches, transitions and phase diagrams of any `theory.Model`.

    import meanfield
    meanfield.solve("curie-weiss", T=0.5)

Everything is imported on first use: `import meanfield` stays quick and loads neither torch nor pyplot.
"""

import sys
from importlib import import_module
from types import ModuleType

_HOMES = {
    "Branch": "branches",
    "Branches": "branches",
    "Compiled": "kernels.compiled",
    "Landscape": "landscapes",
    "PhaseDiagram": "phase_diagram",
    "Solution": "results",
    "Solutions": "results",
    "Transition": "transitions",
    "Transitions": "transitions",
    "branches": "branches",
    "certify": "precision",
    "compile": "kernels.compiled",
    "continuation": "branches",
    "curves": "curves",
    "grid": "grids",
    "landscape": "landscapes",
    "phase_diagram": "phase_diagram",
    "precise": "precision",
    "scan": "scans",
    "solutions": "solutions",
    "solve": "solve",
    "switch": "branches",
    "transitions": "transitions",
}

_MODULES = ("plot",)

__all__ = sorted([*_HOMES, *_MODULES])


class _Package(ModuleType):
    """The package, in which `meanfield.solve` is the function also after its submodule of that name was imported."""

    def __setattr__(self, name, value):
        if name in _HOMES and isinstance(value, ModuleType):
            value = getattr(value, name)
        super().__setattr__(name, value)


def __getattr__(name):
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__})


sys.modules[__name__].__class__ = _Package
