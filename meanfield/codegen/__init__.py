"""From a theory to the text of its kernels: named passes, one module each.

scale (temperature made explicit) -> differentiate (fields opaque) -> nodes (sum over disorder)
-> cse (per region) -> printer -> render.
"""

from .differentiate import differentiate
from .nodes import node_table
from .render import Program, render
from .scale import scale


def generate(theory):
    """The program of a theory: its derivatives, its table of nodes, and by `render` its source."""
    scaled = scale(theory.site_pressure)
    table = node_table(scaled.integrand, scaled.disorder)
    return Program(theory, differentiate(scaled.integrand, theory.fields), table, scaled.spread)


__all__ = ["Program", "generate", "render"]
