"""Compare a model's theory with simulations of the model."""

from theory.errors import InputError

from . import validate_diagram
from .arguments import add_ansatz, add_checkpoint, add_model, add_sampling, add_state, ansatz, checkpoint, positive_integer, read_setting, sampling
from .output import FIGURES, assignments, number, print_json, print_table, require_writable, warn

# Nominal seconds for each model with quenched couplings where all are compared.
BUDGET_OF_ALL = 6.0


def add_arguments(parser) -> None:
    """Add the arguments of `validate`."""
    add_model(parser, nargs="?")
    add_sampling(parser)
    add_state(parser)
    add_ansatz(parser)
    add_checkpoint(parser)
    validate_diagram.add_arguments(parser)
    parser.add_argument("--sizes", metavar="N,N,...", type=sizes, help="numbers of sites to extrapolate from")
    parser.add_argument("--all", action="store_true", help="every built-in model; exit status 1 if one is inconsistent")
    parser.add_argument("-o", "--output", metavar="FILE", help="draw every check against 1/N, and P(q) where there is one (png, pdf or svg)")


def sizes(text: str) -> tuple[int, ...]:
    """Read the sizes, positive integers between commas (an argparse type)."""
    return tuple(positive_integer(part.strip()) for part in text.split(","))


sizes.__name__ = "list of sizes"


def run(args) -> int:
    """Run `validate`."""
    if args.all == (args.model is not None):
        raise InputError("validate: give either a MODEL or --all")
    if args.all and args.output:
        raise InputError("validate: -o draws the checks of one MODEL; leave it out with --all")
    if args.all and args.checkpoint:
        raise InputError("validate: --checkpoint keeps the simulations of one MODEL; leave it out with --all")
    if validate_diagram.asked(args):
        return validate_diagram.run(args)
    return _run_all(args) if args.all else _run_one(args)


def _compare(args, **options):
    from validate import compare

    setting = read_setting(args)
    options = {"state": args.state, **ansatz(setting, args), **(options if setting.model.couplings else {})}
    return setting, compare(setting.model, sizes=args.sizes, checkpoint=checkpoint(args), **sampling(args), **options, **setting.values)


def _run_one(args) -> int:
    path = require_writable(args.output, FIGURES)
    setting, verdict = _compare(args)
    if args.json:
        print_json(verdict.as_dict())
    else:
        _print(setting, verdict)
    if path is not None:
        from validate import plot_report

        plot_report(verdict).savefig(path)
    return 0 if verdict.consistent else 1


def _run_all(args) -> int:
    from theory.models import available

    excluded = {entry.name: reason for entry in available() if (reason := _not_applicable(entry.model))}
    verdicts = list(_verdicts(args, [entry.name for entry in available() if entry.name not in excluded]))
    overall = _overall([v.verdict for v in verdicts])
    for name, reason in excluded.items():
        warn(f"{name}: not applicable, {reason}")
    if args.json:
        checks = [{"model": v.model, **check} for v in verdicts for check in v.as_dict()["checks"]]
        print_json({"checks": checks, "verdict": overall})
    else:
        print(f"{len(verdicts)} models: {overall}")
    return int(overall == "inconsistent")


def _not_applicable(model):
    """Why there is nothing to simulate, or None."""
    if not model.has_temperature:
        return "it has no temperature"
    if not model.couplings:
        return None
    from validate.quenched import not_applicable

    return not_applicable(model)


def _verdicts(args, names):
    for name in names:
        args.model = name
        setting, verdict = _compare(args, budget=BUDGET_OF_ALL, **({"ansatz": "auto"} if args.ansatz == "rs" else {}))
        if args.json:
            warn(f"{name}: {verdict.verdict}")
        else:
            _print(setting, verdict)
        yield verdict


def _overall(words) -> str:
    return next((word for word in ("inconsistent", "undecided") if word in words), "consistent")


def _print(setting, verdict) -> None:
    print(f"{verdict.model} at {assignments(setting.named)}, {verdict.kind}: {verdict.verdict}")
    rows = [[c.observable, c.theory, c.measured, number(c.error, 2), number(c.z, 3), _word(c)] for c in verdict.checks]
    print_table(["observable", "theory", "measured", "error", "z", ""], rows)
    if verdict.reason:
        print(f"  undecided: {verdict.reason}")
    if verdict.remark:
        print(f"  {verdict.remark}")
    found = ", ".join(str(run.size) for run in verdict.runs)
    print(f"  threshold |z| <= {verdict.threshold:.2f} for all checks together; sizes {found}; {verdict.seconds:.1f} s")


def _word(check) -> str:
    return {True: "consistent", False: "inconsistent", None: "undecided"}[check.consistent]
