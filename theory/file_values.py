"""Values in the tables of a model file: read, checked, and refused with their place."""

import re
from contextlib import contextmanager
from decimal import Decimal

from .errors import InputError
from .grammar import CONSTANTS, FUNCTIONS, NAME, SPECIAL, Scope, parse
from .symbols import RESERVED

MAX_STATES = 4096


@contextmanager
def located(where):
    try:
        yield
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def table_of(document, name, required=True):
    if name not in document:
        if required:
            raise InputError(f"the table [{name}] is missing")
        return {}
    if not isinstance(document[name], dict):
        raise InputError(f"[{name}] must be a table, got {shown(document[name])}")
    return document[name]


def check_name(name):
    if not NAME.fullmatch(name) or len(name) > 40:
        raise InputError(f"{name!r} is not a name: a letter, then letters, digits and underscores, 40 at most")
    if name in RESERVED or name in CONSTANTS:
        raise InputError(f"{name!r} is reserved: choose another name")
    if name in FUNCTIONS or name in SPECIAL:
        raise InputError(f"{name!r} is a function: choose another name")


def check_keys(table, known):
    for key in table:
        if key not in known:
            raise InputError(f"unknown key {key!r}; expected {', '.join(sorted(known))}")


def form_of(value, forms):
    """The one key of a table that says what it describes."""
    found = [form for form in forms if form in value]
    if len(found) != 1:
        raise InputError(f"expected exactly one of the keys {', '.join(forms)}, got {', '.join(value) or 'none'}")
    return found[0]


def names_in(value):
    names = re.split(r"[,\s]+", value.strip()) if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or not names:
        raise InputError(f'expected names such as ["s", "t"], got {shown(value)}')
    return names


def list_of(table, key):
    value = table[key]
    if not isinstance(value, list) or not value:
        raise InputError(f"{key} must be a list with at least one entry, got {shown(value)}")
    if len(value) > MAX_STATES:
        raise InputError(f"{key} has {len(value)} entries; at most {MAX_STATES} are taken")
    return value


def is_rows(value):
    return isinstance(value, list) and all(isinstance(row, list) for row in value)


def rows_of(states, width):
    rows = list_of({"states": states}, "states")
    if not is_rows(rows) or any(len(row) != width for row in rows):
        raise InputError(f"states must be lists of {width} values, one for each site variable")
    return rows


def expression_of(value, scope):
    """The expression of a number or of a text."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise InputError(f"expected a number or an expression in quotes, got {shown(value)}")
    if isinstance(value, Decimal) and not value.is_finite():
        raise InputError(f"expected a finite number, got {value}")
    return parse(str(value), scope)


def constant_of(value):
    return expression_of(value, Scope())


def text_of(value):
    if not isinstance(value, str):
        raise InputError(f'expected an expression in quotes such as "s", got {shown(value)}')
    return value


def boolean_of(table, key):
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise InputError(f"{key} must be true or false, got {shown(value)}")
    return value


def shown(value):
    text = {True: "true", False: "false"}.get(value, repr(value)) if isinstance(value, bool) else repr(value)
    if isinstance(value, Decimal):
        text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."
