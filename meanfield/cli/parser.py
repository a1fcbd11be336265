"""The argument parser: the closed list of commands, each defined in the module that runs it."""

import argparse
from importlib import import_module

from theory.errors import InputError

COMMANDS = ("models", "derive", "solve", "branch", "transitions", "phase-diagram", "simulate", "validate", "train")


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are `InputError`s, printed as one line like every other bad input."""

    def error(self, message):
        raise InputError(f"{message}; see `{self.prog} --help`")


def build_parser() -> Parser:
    """Return the parser; `parse_args` leaves the function to call in `run`."""
    parser = Parser(prog="meanfield", description="Mean-field statistical mechanics: equations, phases, simulation.", allow_abbrev=False)
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    for name in COMMANDS:
        module = import_module("." + name.replace("-", "_"), __package__)
        summary = module.__doc__.splitlines()[0]
        command = commands.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        module.add_arguments(command)
        command.add_argument("--json", action="store_true", help="print one JSON document on standard output")
        command.set_defaults(run=module.run)
    return parser


class _Version(argparse.Action):
    """Print the version, which is looked up only when asked for."""

    def __call__(self, parser, namespace, values, option_string=None):
        from importlib.metadata import PackageNotFoundError, version

        try:
            number = version("meanfield")
        except PackageNotFoundError:
            number = "(not installed)"
        print("meanfield", number)
        parser.exit()
