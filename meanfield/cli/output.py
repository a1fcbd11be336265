"""What the commands print and write: one JSON document, aligned tables, paths that were tried first."""

import json
import math
import sys
import tempfile
from pathlib import Path

from theory.errors import InputError

ROUNDING = 1e-13
FIGURES = (".png", ".pdf", ".svg")


def json_text(document) -> str:
    """Return `document` as strict JSON; NaN and infinity become null."""
    return json.dumps(plain(document), indent=2, allow_nan=False, ensure_ascii=False)


def print_json(document) -> None:
    """Print `document` as JSON."""
    print(json_text(document))


def plain(value):
    """Return `value` with numpy scalars and arrays, tuples and non-finite numbers turned into what JSON knows."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def number(value, digits: int = 6) -> str:
    """Return a number for people: `digits` significant digits, rounding of zero as 0, a dash where there is none."""
    if value is None or value != value:
        return "-"
    if isinstance(value, (str, bool, int)):
        return str(value)
    return "0" if abs(value) < ROUNDING else f"{value:.{digits}g}"


def assignments(values) -> str:
    """Return `{"T": 0.5, "J": 1.0}` as `T = 0.5, J = 1`."""
    return ", ".join(f"{name} = {number(value)}" for name, value in values.items())


def print_table(headers, rows, indent: str = "  ") -> None:
    """Print `rows` under `headers`, columns aligned, numbers to the right."""
    cells = [[number(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headers, *cells, strict=True)]
    right = [all(isinstance(row[i], (int, float, type(None))) for row in rows) for i in range(len(headers))]
    for line in [list(headers), *cells]:
        padded = [cell.rjust(w) if r else cell.ljust(w) for cell, w, r in zip(line, widths, right, strict=True)]
        print((indent + "  ".join(padded)).rstrip())


def print_checks(checks) -> None:
    """Print theory against measurement, one row a check."""
    words = {True: "consistent", False: "inconsistent", None: "undecided"}
    rows = [[c.observable, c.theory, c.measured, number(c.error, 2), number(c.z, 3), words[c.consistent]] for c in checks]
    print_table(["observable", "theory", "measured", "error", "z", ""], rows)


def warn(message) -> None:
    """Print one line on standard error."""
    print("meanfield:", message, file=sys.stderr)


def progress():
    """Return a function of (done, total) that keeps one line of a terminal's standard error up to date; None elsewhere."""
    if not sys.stderr.isatty():
        return None

    def show(done, total):
        print(f"\r{done}/{total} ", end="\r" if done == total else "", file=sys.stderr, flush=True)

    return show


def require_writable(path, suffixes, option: str = "-o") -> Path | None:
    """Refuse, before anything long is computed, an output path of another format or in a place that cannot be written."""
    if path is None:
        return None
    path = Path(path)
    if path.suffix.lower() not in suffixes:
        raise InputError(f"{option} {path}: expected a file name ending in {', '.join(suffixes)}")
    if path.is_dir():
        raise InputError(f"{option} {path}: this is a directory; give a file name")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            return path
    except OSError as error:
        raise InputError(f"{option} {path}: cannot write there ({error.strerror}); choose another place") from None
