"""Derivations written out: LaTeX that compiles, Markdown, text and notebooks."""

import re
import shutil
import subprocess

import pytest
import sympy

from theory.derivation import derive
from theory.models import registry
from theory.symbols import symbols
from theory.writing.formulas import latex, lines, symbol_latex, width
from theory.writing.text import formula, unicode_of

COVERED = ["curie-weiss", "relativistic-curie-weiss", "multitasking-hopfield", "potts", "transverse-field-ising",
           "random-field-ising-gaussian", "blume-emery-griffiths"]


@pytest.fixture(scope="module")
def derivations():
    return {name: derive(registry.load(name)) for name in COVERED}


@pytest.mark.parametrize("name, expected", [
    ("m1", r"m_{1}"), ("h_m1", r"h_{m_{1}}"), ("mbar2", r"\bar{m}_{2}"), ("xi1^i", r"\xi_{1}^{(i)}"), ("s^i", "s_{i}"),
    ("Delta", r"\Delta"), ("z*", "z"), ("sx", "s^{x}"), ("q_0", "q_{0}"),
])
def test_names_of_symbols(name, expected):
    assert symbol_latex(name) == expected


def test_inverse_temperatures_are_written_beta():
    T, J, m, h = symbols("T J m h")
    assert latex(sympy.tanh((J * m + h) / T)) == r"\tanh(\beta(J m + h))"
    assert formula(sympy.tanh(J * m / T) ** 2) == "tanh²(β J m)"


def test_long_sums_are_broken_at_signs():
    terms = sympy.Add(*(symbols(f"a{k}")[0] ** 2 * symbols(f"b{k}")[0] / 7 for k in range(20)))
    rows = lines("f", "=", terms, 40)
    assert len(rows) > 2 and all(width(r) < 46 for r in rows)
    assert all(r.count("&") == 1 for r in rows)
    assert all(r.split("&", 1)[1].replace(r"\qquad", "").lstrip()[0] in "+-" for r in rows[1:])


def test_brackets_are_opened_across_lines():
    x, y = symbols("x y")
    inside = sympy.Add(*(x**k * y for k in range(1, 25)))
    rows = lines("f", "=", inside / (x + y), 40)
    text = " ".join(rows)
    assert text.count(r"\Bigl") == text.count(r"\Bigr") == 1
    assert all(r.count(r"\left") == r.count(r"\right") for r in rows)


@pytest.mark.parametrize("given, expected", [
    (r"$\frac{1}{2}\sum_i m_i^2$", "1/2 Σᵢ mᵢ²"), (r"as $N \to \infty$", "as N → ∞"), (r"$\langle\phi_a\rangle$", "⟨φₐ⟩"),
    (r"$\sqrt{2 v}$", "√(2 v)"), (r"$e^{-\beta h}$", "e^(−β h)"), ("plain *words*", "plain words"),
])
def test_inline_math_in_unicode(given, expected):
    assert unicode_of(given) == expected


@pytest.mark.parametrize("name", COVERED)
def test_latex_is_balanced(derivations, name):
    text = derivations[name].to_latex()
    for opening, closing in ((r"\left", r"\right"), (r"\Bigl", r"\Bigr"), (r"\begin{", r"\end{")):
        count = lambda s: len(re.findall(re.escape(s) + r"(?![a-z])" if s[-1] != "{" else re.escape(s), text))
        assert count(opening) == count(closing)
    assert text.startswith(r"\documentclass") and text.rstrip().endswith(r"\end{document}")


@pytest.mark.parametrize("name", COVERED)
def test_every_reference_is_cited(derivations, name):
    text = derivations[name].to_latex()
    cited = {k for group in re.findall(r"\\cite\{([^}]*)\}", text) for k in group.split(",")}
    assert cited == set(re.findall(r"\\bibitem\{([^}]*)\}", text))


@pytest.mark.parametrize("name", COVERED)
def test_text_fits_a_terminal(derivations, name):
    text = derivations[name].to_text()
    assert max(map(len, text.splitlines())) <= 100
    assert "\\" not in text and "$" not in text


@pytest.mark.parametrize("name", COVERED)
def test_markdown_has_no_escapes_that_markdown_eats(derivations, name):
    text = derivations[name].to_markdown()
    assert not re.search(r"\\[,;!{}]", text)
    assert text.count("$$") % 2 == 0 and text.startswith("# ")


def test_documents_are_the_same_every_time(derivations):
    again = derive(registry.load("multitasking-hopfield"))
    assert again.to_latex() == derivations["multitasking-hopfield"].to_latex()


def test_documents_state_the_results(derivations):
    text = " ".join(derivations["multitasking-hopfield"].to_text().split())
    assert "T_c = 1 − d" in text and "The winner changes at d = 2/3." in text
    assert "erf(" in derivations["random-field-ising-gaussian"].to_text()
    assert "first order" in derivations["potts"].to_text()


def test_checks_are_shown():
    derivation = derive(registry.load("curie-weiss"), route="interpolation").check()
    assert "✓ checked" in derivation.to_text() and r"\checkmark" in derivation.to_latex()


def test_notebooks_get_html_and_latex(derivations):
    derivation = derivations["curie-weiss"]
    shown = derivation._repr_html_()
    assert shown.count("<details>") == shown.count("</details>") == len(derivation.steps)
    assert derivation._repr_latex_().startswith("$$")


ROUTES = [(name, "saddle-point") for name in COVERED] + [
    ("multitasking-hopfield", "entropy"), ("multitasking-hopfield", "interpolation"),
    ("multitasking-hopfield", "hamilton-jacobi"), ("relativistic-curie-weiss", "hamilton-jacobi")]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize("name, route", ROUTES)
def test_latex_compiles_without_overfull_lines(name, route, tmp_path):
    (tmp_path / "d.tex").write_text(derive(registry.load(name), route=route).to_latex(), encoding="utf-8")
    run = subprocess.run(["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "d.tex"], cwd=tmp_path,
                         capture_output=True, text=True, errors="replace", timeout=120)
    assert run.returncode == 0, run.stdout[-2000:]
    assert [x for x in re.findall(r"Overfull \\hbox \(([\d.]+)pt", run.stdout) if float(x) > 5] == []
