"""The part of `validate` that compares a whole phase diagram, with --x and --y."""

from theory.errors import InputError

from .arguments import ansatz, checkpoint, positive_integer, read_range, read_setting, sampling
from .output import FIGURES, assignments, number, print_json, print_table, require_writable


def add_arguments(parser) -> None:
    """Add the plane to the arguments of `validate`."""
    parser.add_argument(
        "--x",
        metavar="NAME=LO:HI[:POINTS]",
        help="with --y: a whole phase diagram, at points in every phase and beside every line",
    )
    parser.add_argument("--y", metavar="NAME=LO:HI[:POINTS]", help="vertical axis of the diagram")
    parser.add_argument(
        "--points", metavar="N", type=positive_integer, help="points inside every phase of the diagram (default: 1)"
    )


def asked(args) -> bool:
    """Whether the arguments ask for a diagram.

    Raises
    ------
    InputError
        For one axis without the other, points without axes, and a diagram of all models.
    """
    if bool(args.x) != bool(args.y):
        raise InputError("validate: --x and --y belong together; give both or neither")
    if args.points and not args.x:
        raise InputError("validate: --points are those of a diagram; give --x and --y")
    if args.x and args.all:
        raise InputError("validate: --x and --y compare one MODEL; leave them out with --all")
    return bool(args.x)


def run(args) -> int:
    """Compare the diagram; exit status 1 if it is not consistent."""
    axes = x, y = read_range(args.x, "--x"), read_range(args.y, "--y")
    path, kept = require_writable(args.output, FIGURES), checkpoint(args)
    setting = read_setting(args, axes)
    from validate import compare_diagram

    limits = [(r.name, r.lo, r.hi, r.points) for r in (x, y)]
    chosen = {"state": args.state, **ansatz(setting, args)} if setting.model.couplings else {}
    chosen |= {"ansatz": None} if chosen.get("ansatz") == "rs" else {}
    found = compare_diagram(
        setting.model,
        x=limits[0],
        y=limits[1],
        points=args.points or 1,
        sizes=args.sizes,
        checkpoint=kept,
        **sampling(args),
        **chosen,
        **setting.values,
    )
    if args.json:
        print_json(found.as_dict())
    else:
        _print(found, setting)
    if path is not None:
        found.plot()["axes"].figure.savefig(path)
    return 0 if found.consistent else 1


def _print(found, setting) -> None:
    x, y = found.diagram.x.name, found.diagram.y.name
    print(f"{found.diagram.model}, {x} and {y}, {assignments(setting.named)}".rstrip(", ") + f": {found.verdict}")
    rows = []
    for k, place in enumerate(found.places, 1):
        checks = [c for c in place.verdict.checks if c.z is not None]
        worst = max(checks, key=lambda c: abs(c.z), default=None)
        rows.append(
            [
                k,
                *place.at.values(),
                place.phase,
                place.where,
                place.verdict.verdict,
                worst and worst.observable,
                worst and number(worst.z, 3),
            ]
        )
    print_table(["", x, y, "phase", "where", "", "worst", "z"], rows)
    for k, place in enumerate(found.places, 1):
        if place.verdict.reason:
            print(f"  {k}: {place.verdict.reason}")
    print(f"  {found.seconds:.1f} s")
