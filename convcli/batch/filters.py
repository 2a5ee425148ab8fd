"""
How many files an input gives where there is one for each filter, before any work.

    layers, a recipe that is combined    as many as the job says
    all others                           as many as its file has colours: its header is read
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcli import io
from convcli.batch.task import STANDARD
from convcli.errors import ConvError

if TYPE_CHECKING:
    from collections.abc import Callable

    from convcli.spec import Job

UNKNOWN = 0


def filters(job: Job, colours: Callable[[], int]) -> int:
    """
    Channels of a job's result that are not opacity; `colours` is asked only where it counts.

    UNKNOWN where they are.
    """
    fixed = [number for number, stage in enumerate(job.stages) if not stage.each]
    stages = job.stages[fixed[-1] :] if fixed else job.stages
    channels: int
    if fixed:
        channels = int(stages[0].bank.shape[1])
    else:
        channels = 1 if job.pixels.channels in {"luma", "sum"} else colours()
    for stage in stages:
        channels = stage.channels(channels)
    return channels


def colours_of(source: str) -> int:
    """
    Channels of a file that are not opacity.

    UNKNOWN of standard input, and of what can't be read: it fails when its turn comes.
    """
    try:
        header = None if source == STANDARD else io.header_of(source)
    except ConvError:
        return UNKNOWN
    return header.channels - header.layout.endswith("+alpha") if header else UNKNOWN
