"""
The samples of a plain PNG: inflated by one thread, their row filters undone by another.

    IDAT IDAT ... --isal--> 1 + n bytes a row --_unfilter--> n bytes a row --> samples

Nearly twice as fast as libpng, and no more than that: what is packed, interlaced, has a palette or
a colour key, or is damaged in any way, is left to libpng, which knows what to say about it.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from convcli.io.png_chunks import PALETTE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from convcli.io.image import Samples
    from convcli.io.png_chunks import Png

_PART = 1 << 18  # bytes of deflated data given to isal at once; encoders like chunks of 8 KiB
_STEP = 1 << 20  # bytes inflated at once, and rows handed over when there are as many


def read_rows(png: Png) -> Samples | None:
    """
    uint8 or uint16 samples (row, column, channel); None for what is libpng's.

    Every byte is accounted for: the checksum of the stream is right, it ends where the last row
    does, and all row filters are known.
    """
    undo = compiled()
    odd = png.interlaced or png.transparent or png.colour == PALETTE
    if undo is None or odd or png.depth not in {8, 16}:
        return None
    import numpy as np

    channels = {0: 1, 2: 3, 4: 2, 6: 4}[png.colour]
    pixel = channels * png.depth // 8
    filtered = np.empty((png.height, 1 + png.width * pixel), np.uint8)
    rows = np.empty((png.height, png.width * pixel), np.uint8)
    if not _fill(rows, filtered, png.samples, pixel, undo):
        return None
    if png.depth == 8:  # noqa: PLR2004 - bits
        return rows.reshape(png.height, png.width, channels)
    words = rows.view(np.uint16)
    if sys.byteorder == "little":
        words.byteswap(inplace=True)
    return words.reshape(png.height, png.width, channels)


def compiled() -> Any:  # noqa: ANN401 - a function that mypy cannot look into
    """What undoes row filters, see `_unfilter.c`; None where it was not compiled."""
    try:
        return import_module("convcli.io._unfilter").undo
    except ImportError:
        return None


def _fill(
    rows: Samples,
    filtered: Samples,
    packed: Iterable[memoryview],
    pixel: int,
    undo: Any,  # noqa: ANN401 - as above
) -> bool:
    """Inflate into `filtered`, and from there into `rows`; whether all was as it should be."""
    count, length = filtered.shape
    whole, at, done = filtered.reshape(-1), 0, 0
    with _worker(whole.size) as submit:
        results = []
        for piece in _inflated(packed):
            if piece is None or at + len(piece) > whole.size:
                return False
            whole[at : at + len(piece)] = memoryview(piece)
            at += len(piece)
            ready = at // length
            if (ready - done) * length >= _STEP or ready == count > done:
                results.append(submit(undo, filtered, rows, count, pixel, done, ready))
                done = ready
        return at == whole.size and all(result() for result in results)


def _inflated(packed: Iterable[memoryview]) -> Iterator[bytes | None]:
    """Pieces of the stream up to its end, and None where it is damaged or goes on behind it."""
    from isal import igzip_lib

    damage: Any = igzip_lib.IsalError
    stream = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_ZLIB)
    try:
        for part in _parts(packed):
            if stream.eof:
                yield None
            yield stream.decompress(part, _STEP)
            while not (stream.needs_input or stream.eof):
                yield stream.decompress(b"", _STEP)
    except damage:
        yield None
    if not stream.eof or stream.unused_data:
        yield None


def _parts(packed: Iterable[memoryview]) -> Iterator[bytes]:
    held: list[memoryview] = []
    for chunk in packed:
        held.append(chunk)
        if sum(map(len, held)) >= _PART:
            yield b"".join(held)
            held = []
    if held:
        yield b"".join(held)


@contextmanager
def _worker(size: int) -> Iterator[Any]:
    """What takes a call and gives a function for its result; little is done at once."""
    if size <= _STEP:
        yield partial
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        yield lambda work, *arguments: pool.submit(work, *arguments).result
