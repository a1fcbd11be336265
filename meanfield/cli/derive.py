"""Derive a model's mean-field equations, step by step."""

from theory.errors import InputError

from ..writers import write_text
from .arguments import add_ansatz, add_model, ansatz, read_setting
from .output import json_text, print_json, require_writable

FORMATS = ("text", "latex", "markdown", "json")
BY_SUFFIX = {".txt": "text", ".tex": "latex", ".md": "markdown", ".json": "json"}


def add_arguments(parser) -> None:
    """Add the arguments of `derive`."""
    add_model(parser)
    add_ansatz(parser)
    parser.add_argument("--route", help="saddle-point, entropy, interpolation, hamilton-jacobi or replica "
                                        "(default: replica with quenched couplings, else saddle-point)")
    parser.add_argument("--format", choices=FORMATS, help="default: text, or what the suffix of -o says; latex is a complete document")
    parser.add_argument("--check", action="store_true", help="verify every step; exit status 1 if one fails")
    parser.add_argument("-o", "--output", metavar="FILE", help="write to a .txt, .tex, .md or .json file")


def run(args) -> int:
    """Run `derive`."""
    form = _format(args)
    path = require_writable(args.output, tuple(BY_SUFFIX))
    derivation = _derivation(args)
    if path is not None:
        write_text(path, _text(derivation, BY_SUFFIX[path.suffix.lower()] if args.json else form))
    if form == "json" and (path is None or args.json):
        print_json(derivation.as_dict())
    else:
        print(_text(derivation, form) if path is None else f"wrote {path}")
    return int(any(step.status == "failed" for step in derivation.steps))


def _format(args) -> str:
    if args.json and args.format not in (None, "json"):
        raise InputError(f"--json and --format {args.format}: give one of them (--json is --format json)")
    if args.json:
        return "json"
    suffix = "." + (args.output or "").rpartition(".")[2].lower()
    return args.format or BY_SUFFIX.get(suffix, "text")


def _derivation(args):
    from theory.derivation import derive

    setting = read_setting(args)
    derivation = derive(setting.model, **({"route": args.route} if args.route else {}), **ansatz(setting, args))
    return derivation.check() if args.check else derivation


def _text(derivation, form: str) -> str:
    if form == "json":
        return json_text(derivation.as_dict()) + "\n"
    return {"text": derivation.to_text, "latex": derivation.to_latex, "markdown": derivation.to_markdown}[form]()
