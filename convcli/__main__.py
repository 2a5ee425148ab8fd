"""The `convcli` command, also as `python -m convcli`."""

from __future__ import annotations

import gc
import os
import sys

from convcli.cli.signals import end_at_once


def main() -> None:
    """Run the command line of this process and end it with the exit code."""
    # OpenBLAS, which NumPy brings, starts a thread for every processor when it is loaded: 10 to
    # 50 ms on two. convcli does its sums in threads of its own, and never asks for these.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    end_at_once()
    from convcli.cli.main import run
    from convcli.cli.streams import leave, settle

    settle()
    code = run()
    leave(code)
    gc.freeze()  # what Python would look through once more for cycles, for 20 ms, ends anyway
    sys.exit(code)


if __name__ == "__main__":
    main()
