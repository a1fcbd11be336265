"""Derivations written out: LaTeX, Markdown, text for a terminal, notebooks."""

from .document import document
from .latex import to_latex
from .markdown import to_markdown
from .notebook import repr_html, repr_latex
from .text import to_text

__all__ = ["document", "repr_html", "repr_latex", "to_latex", "to_markdown", "to_text"]
