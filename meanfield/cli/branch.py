"""Follow a model's solutions along one parameter."""

from .arguments import add_ansatz, add_model, ansatz, read_named_constants, read_range, read_setting
from .output import FIGURES, assignments, print_json, print_table, require_writable

ROWS = 12


def add_arguments(parser) -> None:
    """Add the arguments of `branch`."""
    add_model(parser)
    add_ansatz(parser)
    parser.add_argument("--along", metavar="NAME=LO:HI[:POINTS]", required=True, help="the parameter that varies, its interval and the number of rows")
    parser.add_argument("--start", metavar="NAME=VALUE", action="append", default=[],
                        help="an order parameter at LO; repeatable: only the branch that is reached from there (default: all branches)")
    parser.add_argument("--event", metavar="EXPRESSION", action="append", default=[],
                        help="locate where an expression in columns of the table and parameters vanishes, such as 'm - 1/2'; repeatable")
    parser.add_argument("-o", "--output", metavar="FILE", help="write the table (.csv) or a figure (.png, .pdf, .svg)")


def run(args) -> int:
    """Run `branch`."""
    along = read_range(args.along, "--along")
    path = require_writable(args.output, (".csv", *FIGURES))
    setting = read_setting(args, (along,))
    start = read_named_constants(args.start, "--start") or None
    from ..branches import branches

    found = branches(setting.model, along={along.name: (along.lo, along.hi, along.points)}, start=start, events=args.event, **ansatz(setting, args), **setting.values)
    if path is not None:
        _write(found, path)
    if args.json:
        print_json(found.as_dict())
    else:
        _print(found, setting, path)
    return 0 if len(found) else 1


def _write(found, path) -> None:
    if path.suffix.lower() == ".csv":
        found.to_csv(path)
    else:
        from ..plot import plot_branches, save

        save(plot_branches(found), path)


def _print(found, setting, path) -> None:
    print(f"{setting.model.name}, {assignments(setting.named)}")
    for branch in found:
        print(f"\n{branch.kind} branch, {len(branch)} points")
        for point in branch.special_points:
            print(f"  {point.kind} at {assignments(point.at)}, {assignments(point.order_parameters)}")
        _print_rows(branch)
    print(f"wrote {path}" if path else f"\n{'-' * 3}\nshown: at most {ROWS} rows a branch; -o FILE.csv or --json has them all")


def _print_rows(branch) -> None:
    rows = list(branch.rows())
    count = min(ROWS, len(rows))
    chosen = [rows[round(i * (len(rows) - 1) / max(count - 1, 1))] for i in range(count)]
    names = [branch.parameter, *branch.names, "free_energy", "entropy", "energy", "specific_heat"]
    table = [[*(row[name] for name in names), int(row["rank"]), "yes" if row["stable"] else "no", row["kind"]] for row in chosen]
    print_table([*names, "rank", "stable", "phase"], table)
