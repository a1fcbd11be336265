"""`python -m meanfield.cli` is the `meanfield` command."""

import sys

from . import main

sys.exit(main())
