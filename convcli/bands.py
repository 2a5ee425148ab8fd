"""
Images larger than memory: how many rows of the result are made at once, by how many threads.

    strips or tiles of the input --decoded, kept--> rows that a band reads --> band --> pieces

What must lie in memory at a time: decoded parts of the input for all bands in work, for every
thread the windows of its stages, and the bands that wait for their turn to be written.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from convcli.errors import TooLarge
from convcli.io.flow import ahead
from convcli.limits import allowed, available, words
from convcli.plan import Bands, working
from convcli.record import record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convcli.limits import Limits
    from convcli.plan import Plan
    from convcli.source import Shape

HEIGHTS = (512, 384, 256, 192, 128, 96, 64, 48, 32, 24, 16, 8, 4, 2, 1)
"""Rows of a band that are tried, the first that fits wins; below LOW one thread does not halve."""

LOW = 16
COPIES = 3
"""A window is read as bytes, becomes an array, and is gathered for the engine."""


@record
class Ends:
    """
    How the file is read and the result written.

    `segment`: (rows, columns) of the input that are decoded at once, `footprint` bytes of a pixel
    then, `kept` whether they are remembered. `high`: what rows of a band are a multiple of; `room`:
    bytes that the writer needs for itself, for each thread.
    """

    segment: tuple[int, int]
    footprint: int
    kept: bool
    high: int
    room: int


def banded(plan: Plan, shape: Shape, ends: Ends, limits: Limits) -> Plan:
    """The plan in bands: as many threads, then as high bands as memory allows. TooLarge: none."""
    most, least = available(limits), None
    for workers in range(allowed(limits), 0, -1):
        for rows in _heights(plan.shape[0], ends.high, workers):
            found = _with(plan, shape, ends, rows, workers)
            if most is None or found.memory <= most:
                return found
            least = found
    needed = words(-(-(least or plan).memory * 11 // 10)).replace(" ", "")
    raise TooLarge(
        f"{shape[1]} x {shape[0]} pixels do not even fit in parts into the {words(most or 0)} of"
        f" memory allowed: strips or tiles of {ends.segment[1]} x {ends.segment[0]} are decoded"
        " at once.",
        f"Allow more with --memory {needed}, or store the image in small tiles first:"
        " vips tiffsave in.tif tiled.tif --tile --compression deflate --bigtiff",
        cause="memory",
    )


def _heights(rows: int, high: int, workers: int) -> Iterator[int]:
    """Heights to be tried: multiples of `high`, none twice, none higher than the result."""
    tried = set()
    for height in HEIGHTS:
        fitting = max(high, min(height, rows) // high * high)
        if fitting not in tried and (workers == 1 or height >= LOW):
            tried.add(fitting)
            yield fitting


def _with(plan: Plan, shape: Shape, ends: Ends, rows: int, workers: int) -> Plan:
    """The plan with bands of so many rows, and what it needs then."""
    tile = (min(rows, plan.tile[0]), plan.tile[1])
    cache = _kept(plan, shape, ends, rows * workers)
    high, wide = (_read(plan, axis, tile[axis]) for axis in (0, 1))
    segment = ends.segment[0] * ends.segment[1] * ends.footprint
    block = min(high, shape[0]) * min(wide, shape[1]) * ends.footprint
    columns, channels = plan.shape[1:]
    itemsize = np.dtype(plan.treatment.finish.scale.dtype).itemsize
    band = rows * columns * channels * itemsize
    each = working(plan.treatment, plan.stages, shape, tile) + COPIES * block
    each += ends.room + 2 * segment * ends.kept
    memory = cache + each * workers + 2 * (ahead(workers) + 1) * band
    return replace(plan, bands=Bands(rows, cache), tile=tile, workers=workers, memory=memory)


def _kept(plan: Plan, shape: Shape, ends: Ends, rows: int) -> int:
    """Bytes of all segments that bands in work touch."""
    if not ends.kept:
        return 0
    high, wide = ends.segment
    across = -(-shape[1] // wide)
    down = min(-(-_read(plan, 0, rows) // high) + 1, -(-shape[0] // high))
    return down * across * high * wide * ends.footprint


def _read(plan: Plan, axis: int, side: int) -> int:
    """How many samples of the input an output of `side` samples reads along an axis."""
    for stage in plan.treatment.stages[::-1]:
        side = (side - 1) * stage.stride[axis] + stage.reach(axis)
    return side
