"""Train networks in torch and compare them with their theory."""

from theory.errors import InputError

from .arguments import DEVICES, read_constant, seed
from .output import FIGURES, number, print_checks, print_json, print_table, require_writable


def add_arguments(parser) -> None:
    """Add the arguments of `train`."""
    parser.add_argument("experiment", metavar="EXPERIMENT", nargs="?", help="its name; without one, the experiments and their settings are listed")
    parser.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], dest="assignments",
                        help="give a setting of the experiment a value; repeatable")
    parser.add_argument("--seed", metavar="SEED", type=seed, default=0, help="seed of the random numbers (default: 0)")
    parser.add_argument("--device", choices=DEVICES, default="auto", help="where to train (default: auto)")
    parser.add_argument("--reduced", action="store_true", help="small networks and short runs, in seconds")
    parser.add_argument("--checkpoint", metavar="FILE", help="keep the run in this file (npz), or go on from it")
    parser.add_argument("--data", metavar="FOLDER", help="folder of the IDX files of MNIST or Fashion-MNIST, for experiments with data=mnist")
    parser.add_argument("-o", "--output", metavar="FILE", help="draw theory and measurement (png, pdf or svg)")


def run(args) -> int:
    """Run `train`."""
    if args.experiment is None:
        return _list(args)
    from validate.networks import experiment, train

    path = require_writable(args.output, FIGURES)
    settings = _settings(experiment(args.experiment), args.assignments)
    report = train(args.experiment, seed=args.seed, device=args.device, reduced=args.reduced, checkpoint=args.checkpoint,
                   progress=True, folder=args.data, **settings)
    if args.json:
        print_json(report.as_dict())
    else:
        _print(report)
    if path is not None:
        report.plot().savefig(path)
    return 0 if report.consistent else 1


def _settings(found, texts):
    """{name: value} of the `--set` options; words stay words, numbers are read with the closed grammar."""
    words = {setting.name for setting in found.settings if setting.choices}
    given = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals and value):
            raise InputError(f"--set {text}: expected NAME=VALUE")
        if name in given:
            raise InputError(f"--set {text}: {name} is already set; give each name once")
        given[name] = value if name in words else read_constant(value, f"--set {text}")
    return given


def _list(args) -> int:
    if args.assignments or args.output or args.checkpoint:
        raise InputError("train: give the name of an EXPERIMENT; `meanfield train` alone lists them")
    from validate.networks import experiment, names

    found = [experiment(name) for name in names()]
    if args.json:
        print_json([{"name": e.name, "title": e.title, "settings": {s.name: s.default for s in e.settings}, "reference": e.reference} for e in found])
        return 0
    for e in found:
        print(f"{e.name}: {e.title}")
        print_table(["setting", "default", "reduced", ""], [[s.name, s.default, s.default if s.reduced is None else s.reduced, s.meaning] for s in e.settings])
    return 0


def _print(report) -> None:
    print(f"{report.experiment}: {report.verdict}")
    print_checks(report.checks)
    for name, statement in report.statements.items():
        told = [f"{word} {number(value)}" for word, value in (("theory", statement.theory), ("measured", statement.measured)) if value is not None]
        error = f" +- {number(statement.error, 2)}" if statement.error is not None else ""
        print(f"  {name}: {', '.join(told)}{error}{'; ' if told else ''}{statement.text}")
    if report.reason:
        print(f"  undecided: {report.reason}")
    print(f"  threshold |z| <= {report.threshold:.2f} for all checks together; seed {report.seed}, {report.device}; {report.seconds:.1f} s")
