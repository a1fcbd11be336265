"""Find every solution of a model's equations at one point."""

from .arguments import add_ansatz, add_model, ansatz, read_setting
from .output import assignments, print_json, print_table, warn


def add_arguments(parser) -> None:
    """Add the arguments of `solve`."""
    add_model(parser)
    add_ansatz(parser)
    parser.add_argument("--all", action="store_true", help="list the unstable solutions too")


def run(args) -> int:
    """Run `solve`."""
    setting = read_setting(args)
    from ..solutions import solutions

    found = solutions(setting.model, **ansatz(setting, args), **setting.values)
    _report_doubts(found)
    if args.json:
        print_json(found.as_dict(every=args.all))
    else:
        _print(found, found if args.all else found.stable)
    return 0 if found.equilibrium is not None else 1


def _print(found, listed) -> None:
    print(f"{found.model} at {assignments(found.parameters)}")
    # Solutions with broken replica symmetry report more overlaps than those without.
    names = list(dict.fromkeys(name for s in listed for name in s.order_parameters))
    replicon = ["replicon"] if any(s.replicon is not None for s in listed) else []
    rows = [[_phase(s), *map(s.order_parameters.get, names), s.free_energy, s.entropy, s.energy, *([s.replicon] if replicon else []),
             str(s.stability), s.multiplicity] for s in listed]
    print_table(["phase", *names, "f", "s", "u", *replicon, "stability", "states"], rows)


def _phase(solution) -> str:
    return solution.kind + (" *" if solution.equilibrium else "")


def _report_doubts(found) -> None:
    if found.equilibrium is None:
        warn("no solution was found")
    if not found.completeness.passed:
        warn(f"solutions may be missing: {found.completeness}")
    for s in found:
        steps, opened = s.options.get("steps", 0), s.options.get("open_steps")
        if s.stable and opened is not None and opened < steps and not s.rs_valid:
            warn(f"{s.kind}: {opened} of {steps} steps of replica symmetry breaking opened, and the ansatz is not valid")
