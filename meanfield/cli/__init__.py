"""The `meanfield` command: argument parsing, one module per command, exit statuses.

Exit status 0 is done, 1 a failed computation or a verdict that is not *consistent*, 2 wrong input, 130 an interrupt.
"""

import atexit
import gc
import os
import sys

__all__ = ["main"]

# Objects made between two garbage collections. What a command imports stays, and to traverse it takes a third of a short run.
COLLECT = 200_000


def main(argv=None) -> int:
    """Run the command line `argv` (default: the process's own) and return the exit status."""
    gc.set_threshold(COLLECT, 10, 10)
    atexit.register(gc.freeze)
    from theory.errors import InputError

    try:
        return _run(argv)
    except InputError as error:
        return _complain(error, 2)
    except KeyboardInterrupt:
        return _complain("interrupted", 130)
    except BrokenPipeError:
        # The reader of a pipe (head, less) has left: the interpreter must not flush into it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get("MEANFIELD_DEBUG"):
            raise
        return _complain(f"{type(error).__name__}: {error} (MEANFIELD_DEBUG=1 shows the traceback)", 1)


def _run(argv) -> int:
    from .parser import build_parser

    # Figures go to files: no command needs a display, or fails for want of one.
    os.environ.setdefault("MPLBACKEND", "Agg")
    args = build_parser().parse_args(argv)
    status = args.run(args)
    sys.stdout.flush()
    return status


def _complain(message, status: int) -> int:
    print("meanfield:", " ".join(str(message).split()), file=sys.stderr)
    return status
