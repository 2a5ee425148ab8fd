"""What was planned and what came of it, as the item of a report."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from convcli import io
from convcli.report import Item

if TYPE_CHECKING:
    from convcli.io import Place
    from convcli.pixels import Clipped
    from convcli.plan import Plan
    from convcli.report import Clock
    from convcli.spec import Job


def item_of(source: str, target: Place, job: Job, plan: Plan, header: io.Header) -> Item:
    """What was decided; the figures come later."""
    first, treatment = job.stages[0], plan.treatment
    height, width, channels = plan.shape
    return Item(
        input=source,
        output=io.called(target),
        kernel=job.kernel,
        operation="+".join(job.operations),
        padding=str(first.padding),
        extent=",".join(map(str, first.pad_by)) if first.pad_by else first.extent,
        stride=f"{first.stride[0]},{first.stride[1]}",
        dilation=f"{first.dilation[0]},{first.dilation[1]}",
        width=header.width,
        height=header.height,
        channels=header.channels,
        dtype=header.dtype,
        out_width=width,
        out_height=height,
        out_channels=channels,
        out_dtype=treatment.finish.scale.dtype,
        range=treatment.finish.range,
        alpha=treatment.alpha,
        light="linear" if treatment.linear else "encoded",
        engine="+".join(stage.engine for stage in plan.stages),
        body="+".join(stage.body for stage in plan.stages),
        reason=" + ".join(stage.reason for stage in plan.stages),
        workers=plan.workers,
        bytes_in=header.bytes,
    )


def done(item: Item, clipped: Clipped, clock: Clock, **figures: Any) -> Item:  # noqa: ANN401 - of any column
    """The item, with the figures that every image has at its end, and those of this one."""
    item.clipped_below = clipped.below / max(clipped.total, 1)
    item.clipped_above = clipped.above / max(clipped.total, 1)
    item.seconds, item.wall = clock.seconds, clock.wall
    item.memory_peak = memory_peak()
    for name, value in figures.items():
        setattr(item, name, value)
    return item


def memory_peak() -> int | None:
    """Greatest resident size of this process so far in bytes, where the system tells."""
    if os.name != "posix":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
