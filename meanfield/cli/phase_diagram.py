"""Map the phases of a model in a plane of two parameters."""

from .arguments import add_ansatz, add_model, read_range, read_setting
from .output import FIGURES, assignments, print_json, print_table, require_writable

DATA = (".nc",)


def add_arguments(parser) -> None:
    """Add the arguments of `phase-diagram`."""
    add_model(parser)
    add_ansatz(parser)
    parser.add_argument("--x", metavar="NAME=LO:HI[:POINTS]", required=True, help="horizontal axis")
    parser.add_argument("--y", metavar="NAME=LO:HI[:POINTS]", required=True, help="vertical axis")
    parser.add_argument("-o", "--output", metavar="FILE", help="write a figure (.png, .pdf, .svg)")
    parser.add_argument("--data", metavar="FILE", help="write the grid of solutions (.nc, netCDF)")


def run(args) -> int:
    """Run `phase-diagram`."""
    axes = x, y = read_range(args.x, "--x"), read_range(args.y, "--y")
    figure = require_writable(args.output, FIGURES)
    data = require_writable(args.data, DATA, "--data")
    setting = read_setting(args, axes)
    from ..phase_diagram import phase_diagram

    diagram = phase_diagram(setting.model, x=_limits(x), y=_limits(y), **setting.values)
    _write(diagram, figure, data)
    if args.json:
        print_json(diagram.as_dict())
    else:
        _print(diagram, setting, axes, [path for path in (figure, data) if path])
    return 0


def _limits(axis) -> dict:
    return {axis.name: (axis.lo, axis.hi, axis.points)}
