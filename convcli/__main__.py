"""The `convcli` command, also as `python -m convcli`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line of this process and end it with the exit code."""
    from convcli.cli.main import run

    sys.exit(run())


if __name__ == "__main__":
    main()
