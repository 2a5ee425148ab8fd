"""The `convcli` command, also as `python -m convcli`."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from convcli.errors import INTERRUPTED


def main() -> None:
    """Run the command line of this process and end it with the exit code."""
    try:
        from convcli.cli.main import run
        from convcli.cli.streams import settle

        settle()
        code = run()
    except KeyboardInterrupt:  # during the imports, or a second one
        with suppress(OSError):
            os.write(2, b"Interrupted: nothing half-written was left.\n")
        code = INTERRUPTED
    sys.exit(code)


if __name__ == "__main__":
    main()
