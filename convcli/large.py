"""Whether an image larger than memory can be filtered in parts; if not, what would help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from convcli import io
from convcli.bands import Ends, banded
from convcli.plan import check_memory
from convcli.record import record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convcli.io.pieces import Packing, Pieces
    from convcli.io.tiff_window import TiffWindows
    from convcli.limits import Limits
    from convcli.plan import Plan

CONVERT = "vips tiffsave INPUT tiled.tif --tile --compression deflate --bigtiff"
PARTS = "cut the signal into parts that overlap by the length of the kernel"
TURN = "vips autorot INPUT upright.tif[tile,compression=deflate,bigtiff]"


@record
class Large:
    """A TIFF that may be read by window, and how the result is packed."""

    source: TiffWindows
    packing: Packing


def in_parts(plan: Plan, header: io.Header, form: str, limits: Limits, large: Large | None) -> Plan:
    """The plan in bands; TooLarge, naming the cure, where input or output stand against it."""
    shape = (header.height, header.width, header.channels)
    cure = PARTS if header.signal else _cure(form, large)
    if cure or large is None or limits.crowd > 1:
        check_memory(plan, shape, limits, cure)
        return plan
    source, blank = large.source, io.Image(pixel(plan), plan.treatment.layout)
    pieces = pieces_for(blank, form, plan, large.packing)
    kept = not source.plain
    ends = Ends(source.segment, source.footprint, kept, pieces.high, pieces.room)
    return banded(plan, shape, ends, limits)


def _cure(form: str, large: Large | None) -> str:
    """What lets an image be filtered in parts; empty where it can be."""
    from convcli.io.pieces import STREAMED

    if large is None:
        return f"convert it to TIFF, which is filtered in parts: {CONVERT}"
    if obstacle := large.source.obstacle:
        return f"convert it, since {obstacle}: {TURN}"
    if form not in STREAMED:
        return f"write TIFF or PNG, which are written in parts; {form} is not"
    return ""


def pixel(plan: Plan) -> NDArray[Any]:
    """One pixel of the output."""
    return np.zeros((1, 1, plan.shape[2]), plan.treatment.finish.scale.dtype)


def pieces_for(about: io.Image, form: str, plan: Plan, packing: Packing) -> Pieces:
    """What writes the output of a plan, with the metadata of `about`."""
    from convcli.io.pieces import for_format

    return for_format(form, about, plan.shape, packing, threads=plan.workers)
