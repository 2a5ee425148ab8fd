"""
Before the work: what killed runs left in the folders that this run writes to.

    folders of targets, and of the report  ->  their stray temporary files  ->  removed, counted
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from convcli.batch.task import STANDARD, folders
from convcli.io import temporary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from convcli.batch.task import Task


def sweep(tasks: Iterable[Task], report: str) -> int:
    """How many temporary files were removed; those of runs that are alive stay."""
    kept = (task for task in tasks if task.target != STANDARD)
    reported = {os.path.dirname(report)} if report and report != STANDARD else set[str]()
    return temporary.sweep(folders(kept) | reported)
