"""A derivation as Markdown with $math$, as GitHub and notebooks read it."""

import re

from .document import Check, Heading, Prose, document
from .formulas import lines

_MARKS = {"passed": "✓ Checked", "assumption": "Assumption", "failed": "✗ Check failed"}
# Markdown takes a backslash before punctuation for an escape, inside math too.
_SPACES = {r"\,": r"\thinspace ", r"\;": r"\enspace ", r"\!": "", r"\{": r"\lbrace ", r"\}": r"\rbrace "}
MARKDOWN_LINE = 78.0


def to_markdown(derivation):
    """GitHub-flavoured Markdown.

    Parameters
    ----------
    derivation : Derivation

    Returns
    -------
    str
    """
    content = document(derivation)
    numbers = {r: k for k, r in enumerate(content.references, 1)}
    parts = [f"# {content.title}", prose(content.abstract), *(_block(b, numbers) for b in content.blocks)]
    if content.references:
        parts += ["## References", "\n".join(f"{k}. {r}" for r, k in numbers.items())]
    return "\n\n".join(parts) + "\n"


def _block(block, numbers):
    if isinstance(block, Heading):
        return f"{'#' * (block.level + 1)} {block.text}"
    if isinstance(block, Prose):
        cites = ", ".join(f"[{numbers[c]}]" for c in block.cites)
        return prose(block.text) + (f" {cites}" if cites else "")
    if isinstance(block, Check):
        return f"> {_MARKS[block.status]}" + (f": {prose(block.evidence)}" if block.evidence else "")
    return display(block)


def display(formula):
    """A displayed formula between double dollars."""
    rows = [line for left, relation, right in formula.rows for line in lines(left, relation, right, MARKDOWN_LINE)]
    body = " \\\\\n".join(rows)
    return "$$\n" + safe(f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}") + "\n$$"


def prose(text):
    """Prose whose inline math is safe in Markdown."""
    return re.sub(r"\$[^$]*\$", lambda m: safe(m.group()), text)


def safe(math):
    """LaTeX without backslashes before punctuation; breaks between lines stay."""
    return re.sub(r"\\[,;!{}]", lambda m: _SPACES[m.group()], math)
