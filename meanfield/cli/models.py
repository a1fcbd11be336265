"""List the built-in models."""

from .output import assignments, print_json


def add_arguments(parser) -> None:
    """`models` has no arguments of its own."""


def run(args) -> int:
    """Run `models`."""
    from theory.models import available

    rows = [_row(entry) for entry in available()]
    if args.json:
        print_json(rows)
        return 0
    for row in rows:
        print(f"{row['name']}: {row['title']}")
        print(f"    {assignments(row['parameters']) or 'no parameters'}; order parameters {', '.join(row['order_parameters'])}")
    return 0


def _row(entry) -> dict:
    return {
        "name": entry.name,
        "title": entry.title,
        "parameters": entry.parameters,
        "order_parameters": list(entry.order_parameters),
        "reference": entry.reference,
    }
