"""
Before the work: what killed runs left in the folders that this run writes to.

    folders of targets, and of the report  ->  their stray temporary files  ->  removed, counted
"""

from __future__ import annotations

import os
from itertools import chain
from typing import TYPE_CHECKING

from convcli.batch.task import STANDARD
from convcli.io import temporary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from convcli.batch.task import Task


def sweep(tasks: Iterable[Task], report: str) -> int:
    """How many temporary files were removed; those of runs that are alive stay."""
    named = chain((task.target for task in tasks), [report] * bool(report))
    return temporary.sweep({os.path.dirname(name) for name in named if name != STANDARD})
