"""A derivation as a LaTeX document for plain pdflatex."""

import re

from .document import Check, Formula, Heading, Prose, document
from .formulas import LINE, lines, width

LONGEST_INLINE = 36.0

_PREAMBLE = r"""\documentclass[11pt,a4paper]{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage[margin=2.6cm]{geometry}
\usepackage{amsmath,amssymb,graphicx}
\usepackage[hidelinks]{hyperref}
\allowdisplaybreaks
\setlength{\parindent}{0pt}
\setlength{\parskip}{0.5em}
\emergencystretch=2em
\newsavebox{\formula}
\newcommand{\fit}[1]{\sbox{\formula}{$\displaystyle #1$}\ifdim\wd\formula>0.97\linewidth
  \resizebox{0.97\linewidth}{!}{\usebox{\formula}}\else\usebox{\formula}\fi}
"""

_MARKS = {"passed": r"$\checkmark$ Checked", "assumption": "Assumption", "failed": r"$\times$ Check failed"}
_ESCAPES = {"&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
            "β": r"$\beta$", "≤": r"$\le$", "≥": r"$\ge$", "→": r"$\to$", "∞": r"$\infty$", "±": r"$\pm$", "×": r"$\times$",
            "≈": r"$\approx$", "√": r"$\sqrt{\ }$", "−": "--", "φ": r"$\phi$", "<": "$<$", ">": "$>$"}


def to_latex(derivation):
    """A complete document that compiles with plain pdflatex.

    Parameters
    ----------
    derivation : Derivation

    Returns
    -------
    str
    """
    content = document(derivation)
    numbers = {r: k for k, r in enumerate(content.references, 1)}
    body = _joined([(b, _block(b, numbers)) for b in content.blocks])
    return "\n".join([
        _PREAMBLE + rf"\title{{{escaped(content.title)}}}" + "\n" + r"\author{}\date{}",
        r"\begin{document}", r"\maketitle", r"\begin{abstract}", escaped(content.abstract), r"\end{abstract}", "",
        body, "", _bibliography(content.references), r"\end{document}", ""])


def _joined(blocks):
    """Paragraphs apart, displays close to the text that they belong to."""
    text = ""
    for block, shown in blocks:
        text += ("\n" if isinstance(block, Formula) and text else "\n\n") + shown
    return text.strip()


def _block(block, numbers):
    if isinstance(block, Heading):
        return rf"\section{{{escaped(block.text)}}}" if block.level == 1 else rf"\subsection*{{{escaped(block.text)}}}"
    if isinstance(block, Prose):
        return escaped(block.text) + _citation(block.cites, numbers)
    if isinstance(block, Check):
        return rf"{{\small\itshape {_MARKS[block.status]}{_evidence(block)}}}"
    return _display(block)


def _evidence(check):
    return f": {escaped(check.evidence)}." if check.evidence else "."


def _citation(cites, numbers):
    return "~\\cite{" + ",".join(f"ref{numbers[c]}" for c in cites) + "}" if cites else ""


def _display(formula):
    rows = _aligned([line for row in formula.rows for line in lines(*row)])
    return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"


def _aligned(rows):
    """Rows aligned at their relations where the columns fit side by side, else flush left.

    A row in which nothing can be broken is scaled down to the text width.
    """
    halves = [row.split("&", 1) for row in rows]
    if max(width(left) for left, _ in halves) + max(width(right) for _, right in halves) <= LINE:
        return rows
    return [rf"&{left}{right}" if width(left + right) < LINE else rf"&\fit{{{left}{right}}}" for left, right in halves]


def _bibliography(references):
    if not references:
        return ""
    items = "\n".join(rf"\bibitem{{ref{k}}} {escaped(r)}" for k, r in enumerate(references, 1))
    return "\\begin{thebibliography}{99}\n" + items + "\n\\end{thebibliography}"


def escaped(text):
    """Prose for LaTeX: $math$ and *emphasis* kept, special characters of the rest escaped."""
    parts = re.split(r"(\$[^$]*\$)", text)
    for k in range(1, len(parts), 2):
        if width(parts[k]) >= LONGEST_INLINE:
            mark = re.match(r"[.,:;]?", parts[k + 1]).group()
            parts[k], parts[k + 1] = rf"\[{parts[k][1:-1]}{mark}\]", parts[k + 1][len(mark):].lstrip()
    return "".join(p if p.startswith(("$", r"\[")) else _escaped_plain(p) for p in parts)


def _escaped_plain(text):
    text = "".join(_ESCAPES.get(c, c) for c in text)
    text = re.sub(r"\*([^*]+)\*", r"\\emph{\1}", text)
    return text.replace('"', "''")

