"""Displays for notebooks."""

import html
import re

from .document import Check, Formula, Heading, Prose, document
from .formulas import latex, lines

_COLOURS = {"passed": "#2a7a3b", "assumption": "#8a6d00", "failed": "#b00020"}
_MARKS = {"passed": "✓ checked", "assumption": "assumption", "failed": "✗ check failed"}


def repr_latex(derivation):
    """Free energy and equations as one formula."""
    rows = lines("f", "=", derivation.free_energy)
    for a, rhs in derivation.equations.items():
        rows += lines(a, "=", rhs)
    return "$$\\begin{aligned}" + r" \\ ".join(rows) + "\\end{aligned}$$"


def repr_html(derivation):
    """The derivation as HTML with math for MathJax; the steps fold."""
    content = document(derivation)
    numbers = {r: k for k, r in enumerate(content.references, 1)}
    body, open_step = [], False
    for block in content.blocks:
        if isinstance(block, Heading):
            body += ["</details>"] * open_step
            open_step = block.level == 2
            body.append(_heading(block))
        else:
            body.append(_block(block, numbers))
    body += ["</details>"] * open_step
    references = "".join(f"<li>{html.escape(r)}</li>" for r in content.references)
    return (f"<div><h3>{html.escape(content.title)}</h3><p>{_prose(content.abstract)}</p>{''.join(body)}"
            f"<h4>References</h4><ol>{references}</ol></div>")


def repr_expression(expr):
    """A single expression or equation between dollars."""
    return f"$\\displaystyle {latex(expr)}$"


def _heading(block):
    if block.level == 1:
        return f"<h4>{html.escape(block.text)}</h4>"
    return f"<details><summary><b>{_prose(block.text)}</b></summary>"


def _block(block, numbers):
    if isinstance(block, Prose):
        cites = "".join(f" [{numbers[c]}]" for c in block.cites)
        return f"<p>{_prose(block.text)}{cites}</p>"
    if isinstance(block, Check):
        evidence = f": {_prose(block.evidence)}" if block.evidence else ""
        return f'<p style="color:{_COLOURS[block.status]}"><small>{_MARKS[block.status]}{evidence}</small></p>'
    return _display(block)


def _display(formula: Formula):
    rows = [line for left, relation, right in formula.rows for line in lines(left, relation, right)]
    return "$$" + html.escape("\\begin{aligned}" + r" \\ ".join(rows) + "\\end{aligned}", quote=False) + "$$"


def _prose(text):
    parts = re.split(r"(\$[^$]*\$)", text)
    shown = [html.escape(p, quote=False) if p.startswith("$") else _plain(p) for p in parts]
    return "".join(shown)


def _plain(text):
    return re.sub(r"\*([^*]+)\*", r"<em>\1</em>", html.escape(text, quote=False))
