"""Compare a model's theory with simulations of the model."""

from theory.errors import InputError

from . import validate_diagram
from .arguments import (add_ansatz, add_checkpoint, add_model, add_sampling, add_state, ansatz, checkpoint, positive_integer, read_constant,
                        read_named_constants, read_setting, sampling)
from .output import FIGURES, assignments, number, print_checks, print_json, require_writable, warn


def add_arguments(parser) -> None:
    """Add the arguments of `validate`."""
    add_model(parser, nargs="?")
    add_sampling(parser)
    add_state(parser)
    add_ansatz(parser)
    add_checkpoint(parser)
    validate_diagram.add_arguments(parser)
    parser.add_argument("--sizes", metavar="N,N,...", type=sizes, help="numbers of sites to extrapolate from")
    parser.add_argument("--all", action="store_true",
                        help="every built-in model at a test point of its own (validate.suite), one line each; exit status 1 if one is inconsistent")
    parser.add_argument("--reduced", action="store_true", help="with --all: small systems and short runs, which decide less")
    parser.add_argument("--shift", metavar="X", type=shift, default=0.0,
                        help="solve the theory at T (1 + X): a wrong theory on purpose, which has to come out inconsistent")
    parser.add_argument("-o", "--output", metavar="FILE", help="draw every check against 1/N, and P(q) where there is one (png, pdf or svg)")


def sizes(text: str) -> tuple[int, ...]:
    """Read the sizes, positive integers between commas (an argparse type)."""
    return tuple(positive_integer(part.strip()) for part in text.split(","))


sizes.__name__ = "list of sizes"


def shift(text: str) -> float:
    """Read a relative shift of the temperature, above -1 (an argparse type)."""
    value = read_constant(text, "--shift")
    if not value > -1:
        raise ValueError(text)
    return value


shift.__name__ = "relative shift of the temperature (above -1)"


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
    if args.reduced and not args.all:
        raise InputError("validate: --reduced goes with --all; for one MODEL give --sizes, --chains and --sweeps")
    return _run_all(args) if args.all else _run_one(args)


def _compare(args):
    from validate import compare

    setting = read_setting(args)
    options = {"state": args.state, **ansatz(setting, args), "theory_temperature_shift": args.shift}
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
    from validate.suite import compare_all, excluded

    left_out, verdicts = excluded(), []
    if not args.json:
        print(_row("model", "parameters", "worst z", "verdict", "seconds"))
    for verdict in compare_all(reduced=args.reduced, given=read_named_constants(args.assignments, "--set"), **_options(args)):
        verdicts.append(verdict)
        _report(args, verdict)
    for name, reason in left_out.items():
        warn(f"{name}: not applicable, {reason}")
    overall = _overall([v.verdict for v in verdicts])
    if args.json:
        print_json(_document(verdicts, overall, left_out))
    else:
        print(f"{len(verdicts)} models, {len(left_out)} not applicable: {overall}; {sum(v.seconds for v in verdicts):.0f} s")
    return int(overall == "inconsistent")


def _options(args) -> dict:
    """The options of all models; replica symmetry and, where that is not valid, one step is what `compare_all` chooses by itself."""
    return {"sizes": args.sizes, **sampling(args), "theory_temperature_shift": args.shift, "state": args.state, "steps": args.steps,
            "ansatz": None if args.ansatz == "rs" else args.ansatz}


def _report(args, verdict) -> None:
    """One line for each model as soon as it is done, on standard error where standard output is a JSON document."""
    if args.json:
        return warn(f"{verdict.model}: {verdict.verdict}")
    parameters = ", ".join(f"{name}={number(value)}" for name, value in verdict.parameters.items())
    print(_row(verdict.model, parameters, number(_worst(verdict), 3), verdict.verdict, f"{verdict.seconds:.1f}"))
    for note in filter(None, (f"undecided: {verdict.reason}" if verdict.reason else "", verdict.remark)):
        print(f"    {note}", flush=True)
    return None


def _row(model, parameters, z, verdict, seconds) -> str:
    return f"{model:<30}  {parameters:<40}  {z:>7}  {verdict:<12}  {seconds:>7}"


def _worst(verdict):
    """The z-score of largest magnitude; None where nothing was measured."""
    return max((c.z for c in verdict.checks if c.z is not None), key=abs, default=None)


def _document(verdicts, overall, left_out) -> dict:
    rows = [{"model": v.model, "parameters": dict(v.parameters), "kind": v.kind, "verdict": v.verdict, "z": _worst(v), "threshold": v.threshold,
             "reason": v.reason, "remark": v.remark, "seconds": v.seconds} for v in verdicts]
    checks = [{"model": v.model, **check} for v in verdicts for check in v.as_dict()["checks"]]
    return {"checks": checks, "verdict": overall, "models": rows, "not_applicable": left_out}


def _overall(words) -> str:
    return next((word for word in ("inconsistent", "undecided") if word in words), "consistent")


def _print(setting, verdict) -> None:
    print(f"{verdict.model} at {assignments(setting.named)}, {verdict.kind}: {verdict.verdict}")
    print_checks(verdict.checks)
    if verdict.reason:
        print(f"  undecided: {verdict.reason}")
    if verdict.remark:
        print(f"  {verdict.remark}")
    found = ", ".join(str(run.size) for run in verdict.runs)
    print(f"  threshold |z| <= {verdict.threshold:.2f} for all checks together; sizes {found}; {verdict.seconds:.1f} s")
