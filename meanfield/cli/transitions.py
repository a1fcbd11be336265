"""Find every transition that a model meets along one parameter."""

from .arguments import add_ansatz, add_model, ansatz, read_range, read_setting
from .output import assignments, print_json, print_table


def add_arguments(parser) -> None:
    """Add the arguments of `transitions`."""
    add_model(parser)
    add_ansatz(parser)
    parser.add_argument("--along", metavar="NAME=LO:HI", required=True, help="the parameter that varies and its interval")


def run(args) -> int:
    """Run `transitions`."""
    along = read_range(args.along, "--along")
    setting = read_setting(args, (along,))
    from ..transitions import transitions

    found = transitions(setting.model, along={along.name: (along.lo, along.hi)}, **ansatz(setting, args), **setting.values)
    if args.json:
        print_json(found.as_dict())
    else:
        _print(found, along, setting)
    return 0


def _print(found, along, setting) -> None:
    print(f"{setting.model.name}, {along.name} from {along.lo:g} to {along.hi:g}, {assignments(setting.named)}")
    if not len(found):
        print("  no transition")
        return
    rows = [[t.kind, f"{t.at[along.name]:.12g}", t.before, t.after, "equilibrium" if t.equilibrium else "metastable"] for t in found]
    print_table(["kind", along.name, "from", "to", "of the"], rows)
