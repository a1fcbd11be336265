"""What the packages may import, what importing them costs, and how much they export."""

import ast
import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("theory", "meanfield", "validate")
MAY_IMPORT = {"theory": {"theory"}, "meanfield": {"theory", "meanfield"}, "validate": set(PACKAGES)}
SOURCES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
CHECKING = {"exact", "vectorised.py"}
READERS = [p for p in SOURCES if p.is_relative_to(ROOT / "theory") or p.is_relative_to(ROOT / "meanfield" / "cli")]


def imports(path):
    """Every (module, line, whether at module level) that a file imports, relative imports left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {id(node) for f in ast.walk(tree) if isinstance(f, (ast.FunctionDef, ast.Lambda)) for node in ast.walk(f)}
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module]
        yield from ((name.partition(".")[0], node.lineno, id(node) not in inside) for name in names)


def loaded_by(statement):
    """The top-level modules, and pyplot, that a fresh interpreter has loaded after `statement`."""
    code = f"import sys, json; {statement}; print(json.dumps(sorted(m for m in sys.modules if '.' not in m or m == 'matplotlib.pyplot')))"
    return set(json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path):
    """theory <- meanfield <- validate; the command line alone reaches `validate`, inside its functions."""
    package = path.relative_to(ROOT).parts[0]
    command_line = path.is_relative_to(ROOT / "meanfield" / "cli")
    for module, line, at_top in imports(path):
        if module in PACKAGES and module not in MAY_IMPORT[package]:
            assert command_line and not at_top, f"{path}:{line} imports {module}"


@pytest.mark.parametrize("path", [p for p in SOURCES if p.is_relative_to(ROOT / "theory")], ids=lambda path: path.name)
def test_theory_needs_only_sympy_and_mpmath(path):
    """numpy serves the checks alone: in their own modules, or inside functions."""
    for module, line, at_top in imports(path):
        allowed = module in sys.stdlib_module_names or module in {"theory", "sympy", "mpmath"}
        assert allowed or (module == "numpy" and (CHECKING.intersection(path.parts) or not at_top)), f"{path}:{line} imports {module}"


@pytest.mark.parametrize(("statement", "absent"), [
    ("import theory, theory.models", {"numpy", "meanfield"}),
    ("import meanfield", {"torch", "matplotlib.pyplot", "validate", "numba"}),
    ("import meanfield; [getattr(meanfield, name) for name in meanfield.__all__]", {"torch", "matplotlib.pyplot", "validate"}),
    ("import validate", {"torch", "matplotlib.pyplot"}),
    ("from meanfield.cli.parser import build_parser; build_parser()", {"numpy", "numba", "validate", "torch"}),
])
def test_imports_are_light(statement, absent):
    """Heavy packages are loaded where they are used and not before."""
    assert not absent & loaded_by(statement)


@pytest.mark.parametrize("package", PACKAGES)
def test_import_time(package):
    """Processor time, which other work on the machine does not change; twice to five times what it takes."""

    def seconds():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", f"import {package}"], check=True, cwd=ROOT)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(3)) < 3


@pytest.mark.parametrize("name", [*PACKAGES, "theory.models"])
def test_public_names(name):
    """At most about 35 public names a package besides the built-in models, all of them there, and none is a module by accident."""
    from theory.models import available

    package = __import__(name, fromlist=["__all__"])
    names = set(package.__all__)
    assert len(names) == len(package.__all__)
    assert len(names - {entry.name.replace("-", "_") for entry in available()}) <= 36
    assert all(getattr(package, public) is not None for public in package.__all__)


def test_functions_survive_the_import_of_their_modules():
    """`meanfield.solve` is the function, whatever submodule was imported before."""
    code = "import meanfield.solve, meanfield.solutions, meanfield; assert callable(meanfield.solve) and callable(meanfield.solutions)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.parametrize("path", READERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_that_a_user_writes_is_evaluated_as_python(path):
    """No eval or exec where model files and arguments are read; elsewhere only generated text is."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert not calls & {"eval", "exec", "parse_expr", "__import__"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_say_what_they_are(path):
    """Every module begins with a docstring."""
    assert path.stat().st_size == 0 or ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
