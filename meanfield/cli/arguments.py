"""The arguments that commands share: the model, `--set NAME=VALUE`, ranges and the ansatz, read and checked."""

import math
from dataclasses import dataclass
from pathlib import Path

from theory.errors import InputError

POINTS = 101


@dataclass(frozen=True)
class Range:
    """The closed interval `lo`..`hi` of the parameter `name`, sampled at `points` values."""

    name: str
    lo: float
    hi: float
    points: int = POINTS

    def values(self):
        """Return the sampled values, an array of shape (points,)."""
        from numpy import linspace

        return linspace(self.lo, self.hi, self.points)


@dataclass(frozen=True)
class Setting:
    """A model with every parameter given a value, except those that a command ranges over."""

    model: object
    T: float
    parameters: dict

    @property
    def values(self) -> dict:
        """All parameters by name, the temperature first."""
        return {"T": self.T, **self.parameters}


def add_model(parser) -> None:
    """Add the model and its parameter values."""
    parser.add_argument("model", metavar="MODEL", help="a built-in model (see `meanfield models`) or a model file (TOML)")
    parser.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], dest="assignments",
                        help="give a parameter a value, a number or an expression such as 1/3 or sqrt(2); repeatable; beta=X sets T = 1/X")


def add_ansatz(parser) -> None:
    """Add the replica ansatz, which matters to models with quenched couplings."""
    parser.add_argument("--ansatz", choices=("rs", "1rsb", "krsb"), default="rs", help="replica ansatz (models with quenched couplings; default: rs)")
    parser.add_argument("--steps", metavar="K", type=positive_integer, help="steps of replica symmetry breaking, with --ansatz krsb")


def positive_integer(text: str) -> int:
    """Read a positive integer (an argparse type)."""
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise ValueError(text)
    return int(text)


positive_integer.__name__ = "positive integer"


def read_setting(args, ranges=()) -> Setting:
    """Return the model of the command line with its parameters set, `ranges` checked against them.

    Raises
    ------
    InputError
        For an unknown model or parameter, a value outside its range, a name that is set twice, or both set and ranged.
    """
    given = read_assignments(args.assignments)
    _require_disjoint(given, ranges)
    model, free = load_model(args.model, given, ranges)
    if hasattr(args, "ansatz"):
        _require_ansatz(model, args)
    for i in (0, 1):
        # Both corners of the ranged box are checked: every value between them is then legal too.
        ends = {r.name: (r.lo, r.hi)[i] for r in ranges}
        values = model.values(**{**free, **ends})
    return Setting(model, values.pop("T"), values)


def read_assignments(texts) -> dict:
    """Return `{name: value}` of the `NAME=VALUE` texts, with beta turned into T."""
    given = {}
    for text in texts:
        name, value = _split(text, "--set", "NAME=VALUE, such as T=0.5")
        if name in given:
            raise InputError(f"--set {text}: {name} is already set; give each name once")
        given[name] = read_constant(value, f"--set {text}")
    if "beta" not in given:
        return given
    if "T" in given:
        raise InputError("--set: both T and beta are given, and T = 1/beta; give one of them")
    beta = given.pop("beta")
    if not beta > 0:
        raise InputError(f"--set beta={beta:g}: expected beta > 0; for zero temperature set T=0")
    return {"T": 1 / beta, **given}


def read_constant(text: str, where: str) -> float:
    """Return the finite number that a constant expression of the closed grammar stands for."""
    from theory.grammar import constant

    try:
        value = float(constant(text))
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    except (ArithmeticError, TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{where}: expected a finite real number, got {text!r}")
    return value


def read_range(text: str, option: str) -> Range:
    """Read `NAME=LO:HI[:POINTS]`."""
    form = "NAME=LO:HI[:POINTS], such as T=0.1:2:101"
    where = f"{option} {text}"
    name, interval = _split(text, option, form)
    parts = interval.split(":")
    if len(parts) not in (2, 3):
        raise InputError(f"{where}: expected {form}")
    if name == "beta":
        raise InputError(f"{where}: a range runs over the temperature; use T=LO:HI")
    lo, hi = (read_constant(part, where) for part in parts[:2])
    if not lo < hi:
        raise InputError(f"{where}: the range is empty; expected LO < HI")
    return Range(name, lo, hi, _points(parts[2], where) if len(parts) == 3 else POINTS)


def _points(text: str, where: str) -> int:
    try:
        points = positive_integer(text.strip())
    except ValueError:
        points = 0
    if points < 2:
        raise InputError(f"{where}: expected at least two points, an integer, got {text!r}")
    return points


def _split(text: str, option: str, form: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    name, value = name.strip(), value.strip()
    if not (equals and name and value):
        raise InputError(f"{option} {text}: expected {form}")
    return name, value


def _require_disjoint(given, ranges) -> None:
    names = [r.name for r in ranges]
    for name in names:
        if name in given:
            raise InputError(f"{name} is both set and ranged; give one of them")
        if names.count(name) > 1:
            raise InputError(f"{name} is ranged twice; range two different parameters")
