"""Sample a model at finite size and report its means with errors."""

from .arguments import add_model, add_sampling, positive_integer, read_setting
from .output import assignments, print_json, print_table


def add_arguments(parser) -> None:
    """Add the arguments of `simulate`."""
    add_model(parser)
    add_sampling(parser)
    parser.add_argument("--size", metavar="N", type=positive_integer, required=True, help="number of sites")
    parser.add_argument("--sweeps", metavar="N", type=positive_integer, help="recorded sweeps of a chain")


def run(args) -> int:
    """Run `simulate`."""
    return 1
