"""The arguments that commands share: the model, `--set NAME=VALUE`, ranges and the ansatz, read and checked."""

import math
from dataclasses import dataclass

from theory.errors import InputError

from .output import require_writable

POINTS = 101
DEVICES = ("auto", "cpu", "cuda")


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
    """A model and the value of every parameter that the command does not range over, the temperature T first."""

    model: object
    values: dict

    @property
    def named(self) -> dict:
        """All values by name, with the integers that the model was built for."""
        return {**self.model.structural, **self.values}


def add_model(parser, nargs=None) -> None:
    """Add the model and its parameter values."""
    parser.add_argument("model", metavar="MODEL", nargs=nargs, help="a built-in model (see `meanfield models`) or a model file (TOML)")
    parser.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], dest="assignments",
                        help="give a parameter a value, a number or an expression such as 1/3 or sqrt(2); repeatable; beta=X sets T = 1/X")


def add_ansatz(parser) -> None:
    """Add the replica ansatz, which matters to models with quenched couplings."""
    parser.add_argument("--ansatz", choices=("rs", "1rsb", "krsb"), default="rs", help="replica ansatz (models with quenched couplings; default: rs)")
    parser.add_argument("--steps", metavar="K", type=positive_integer, help="steps of replica symmetry breaking, with --ansatz krsb")


def add_sampling(parser) -> None:
    """Add what every simulation needs."""
    parser.add_argument("--chains", metavar="N", type=positive_integer, help="number of independent chains")
    parser.add_argument("--sweeps", metavar="N", type=positive_integer, help="recorded sweeps of a chain (default: what about 20 s allow)")
    parser.add_argument("--seed", metavar="SEED", type=seed, default=0, help="seed of the random numbers (default: 0)")
    parser.add_argument("--device", choices=DEVICES, default="auto", help="where to simulate (default: auto)")


def add_state(parser) -> None:
    """Add which state of a model with quenched couplings is sampled."""
    parser.add_argument("--state", choices=("auto", "equilibrium", "retrieval"), default="auto",
                        help="models with quenched couplings: the equilibrium, or a stable retrieval state be it metastable (default: retrieval if any)")


def add_checkpoint(parser) -> None:
    """Add the file that an interrupted simulation goes on from."""
    parser.add_argument("--checkpoint", metavar="FILE", help="keep what is done in FILE (.npz); the same command goes on from there")


def checkpoint(args):
    """Return the path of `add_checkpoint`, None where it is not given."""
    return require_writable(args.checkpoint, (".npz",), "--checkpoint")


def sampling(args) -> dict:
    """Return the arguments of `add_sampling` as keywords."""
    return {name: getattr(args, name) for name in ("chains", "sweeps", "seed", "device")}


def positive_integer(text: str) -> int:
    """Read a positive integer (an argparse type)."""
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise ValueError(text)
    return int(text)


def seed(text: str) -> int:
    """Read a seed, an integer that is not negative (an argparse type)."""
    return 0 if text == "0" else positive_integer(text)


positive_integer.__name__ = "positive integer"


def read_setting(args, ranges=()) -> Setting:
    """Return the model of the command line with its parameters set, `ranges` checked against them.

    Raises
    ------
    InputError
        For an unknown model or parameter, a value outside its range, a name that is set twice, or both set and ranged.
    """
    given = read_named_constants(args.assignments, "--set")
    from theory.models import configure

    model, free = configure(args.model, given, [r.name for r in ranges])
    free = _with_temperature(model, free, ranges)
    _require_disjoint({**given, **free}, ranges)
    _require_continuous(model, ranges)
    if hasattr(args, "ansatz"):
        _require_ansatz(model, args)
    # The legal values of a parameter are an interval: it is enough to check both ends of a range.
    model.values(**free, **{r.name: r.hi for r in ranges})
    values = model.values(**free, **{r.name: r.lo for r in ranges})
    fixed = {name: value for name, value in values.items() if name not in {r.name for r in ranges}}
    return Setting(model, fixed)


def ansatz(setting: Setting, args) -> dict:
    """Return the replica ansatz as keywords, none for a model without quenched couplings."""
    return {"ansatz": args.ansatz, "steps": args.steps} if setting.model.couplings else {}


def _with_temperature(model, given, ranges) -> dict:
    """Return `given` with beta turned into T, unless the model has a parameter of that name."""
    if "beta" in model.parameters:
        return given
    if any(r.name == "beta" for r in ranges):
        raise InputError(f"a range over beta: {model.name} has a temperature; use T=LO:HI" if model.has_temperature else
                         f"a range over beta: {model.name} has no temperature and no parameter beta")
    if "beta" not in given:
        return given
    if "T" in given:
        raise InputError("--set: both T and beta are given, and T = 1/beta; give one of them")
    if not given["beta"] > 0:
        raise InputError(f"--set beta={given['beta']:g}: expected beta > 0; for zero temperature set T=0")
    return {"T" if name == "beta" else name: 1 / value if name == "beta" else value for name, value in given.items()}


def read_named_constants(texts, option: str) -> dict:
    """Return `{name: value}` of the `NAME=VALUE` texts of an option that may be repeated."""
    given = {}
    for text in texts:
        name, value = _split(text, option, "NAME=VALUE, such as T=0.5")
        if name in given:
            raise InputError(f"{option} {text}: {name} is already set; give each name once")
        given[name] = read_constant(value, f"{option} {text}")
    return given


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


def _require_continuous(model, ranges) -> None:
    for r in ranges:
        parameter = model.parameters.get(r.name)
        if r.name in model.structural or (parameter is not None and parameter.integer):
            raise InputError(f"{r.name} is an integer of {model.name} and cannot be ranged over; use --set {r.name}=...")


def _require_ansatz(model, args) -> None:
    if (args.ansatz == "krsb") != (args.steps is not None):
        raise InputError("--ansatz krsb and --steps K belong together; give both or neither")
    if args.ansatz != "rs" and not model.couplings:
        raise InputError(f"{model.name} has no quenched couplings, and so no replica ansatz; leave out --ansatz {args.ansatz}")


def _require_disjoint(given, ranges) -> None:
    names = [r.name for r in ranges]
    for name in names:
        if name in given:
            raise InputError(f"{name} is both set and ranged; give one of them")
        if names.count(name) > 1:
            raise InputError(f"{name} is ranged twice; range two different parameters")
