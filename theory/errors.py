"""The exceptions that a user can cause."""


class InputError(ValueError):
    """Bad input: one line that says what was expected, what came and how to mend it."""
