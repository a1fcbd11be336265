"""Map the phases of a model in a plane of two parameters."""

import math

from .arguments import add_ansatz, add_model, ansatz, positive_integer, read_range, read_setting
from .output import FIGURES, assignments, print_json, print_table, progress, require_writable, warn

DATA = (".nc",)
CHECKPOINT = (".npz",)


def add_arguments(parser) -> None:
    """Add the arguments of `phase-diagram`."""
    add_model(parser)
    add_ansatz(parser)
    parser.add_argument("--x", metavar="NAME=LO:HI[:POINTS]", required=True, help="horizontal axis")
    parser.add_argument("--y", metavar="NAME=LO:HI[:POINTS]", required=True, help="vertical axis")
    parser.add_argument("-o", "--output", metavar="FILE", help="write a figure (.png, .pdf, .svg)")
    parser.add_argument("--data", metavar="FILE", help="write the grid of solutions (.nc, netCDF)")
    parser.add_argument("--curve", metavar="EXPRESSION", action="append", default=[],
                        help="also trace where an expression in order parameters, parameters, f and s vanishes, such as 'm - 1/2'; repeatable")
    parser.add_argument("--jobs", metavar="N", type=positive_integer, default=1, help="number of processes (default: 1)")
    parser.add_argument("--checkpoint", metavar="FILE", help="keep what is done in FILE (.npz); the same command goes on from there")


def run(args) -> int:
    """Run `phase-diagram`."""
    axes = x, y = read_range(args.x, "--x"), read_range(args.y, "--y")
    figure = require_writable(args.output, FIGURES)
    data = require_writable(args.data, DATA, "--data")
    checkpoint = require_writable(args.checkpoint, CHECKPOINT, "--checkpoint")
    setting = read_setting(args, axes)
    from ..curves import curves
    from ..phase_diagram import phase_diagram
    from ..scans.running import processes

    with processes(args.jobs) as executor:
        diagram = phase_diagram(setting.model, x=_limits(x), y=_limits(y), progress=progress(), executor=executor, checkpoint=checkpoint,
                                **ansatz(setting, args), **setting.values)
    for text in args.curve:
        diagram = diagram.with_curves(curves(setting.model, "condition", x=_limits(x), y=_limits(y), condition=text, **setting.values))
    written = [diagram.save(path) for path in (figure, data) if path]
    for text in diagram.warnings:
        warn(text)
    if args.json:
        print_json(diagram.as_dict())
    else:
        _print(diagram, written)
    return 0


def _limits(axis) -> tuple:
    return axis.name, axis.lo, axis.hi, axis.points


def _print(diagram, written) -> None:
    x, y = diagram.x.name, diagram.y.name
    print(f"{diagram.model}, {x} from {diagram.x.low:g} to {diagram.x.high:g}, {y} from {diagram.y.low:g} to {diagram.y.high:g}, "
          f"{assignments(diagram.parameters)}".rstrip(", "))
    print("\nphases")
    print_table(["phase", "equilibrium", "metastable"], [[p.label, f"{p.fraction:.1%}", f"{p.metastable:.1%}"] for p in diagram.phases])
    print("\nlines")
    ends = [[_point(diagram, line.points[i]) for i in (0, -1)] for line in diagram.lines]
    rows = [[line.kind, " | ".join(line.between), *pair, len(line.points)] for line, pair in zip(diagram.lines, ends, strict=True)]
    print_table(["kind", "between", f"from ({x}, {y})", f"to ({x}, {y})", "points"], rows)
    for point in diagram.special_points:
        print(f"  {point.kind} point at {_point(diagram, point.at)}")
    for path in written:
        print(f"wrote {path}")


def _point(diagram, point) -> str:
    return f"({', '.join(_on_axis(value, axis) for value, axis in zip(point, (diagram.x, diagram.y), strict=True))})"


def _on_axis(value, axis) -> str:
    """The value to a millionth of the axis, on which rounding errors do not show."""
    decimals = 6 - math.floor(math.log10(axis.high - axis.low))
    return f"{round(value, decimals) + 0.0:.{max(decimals, 1)}g}"
