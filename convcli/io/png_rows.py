"""
The samples of a plain PNG: inflated by one thread, their row filters undone by another.

    IDAT IDAT ... --isal--> 1 + n bytes a row --_unfilter--> n bytes a row --> samples

Nearly twice as fast as libpng, and no more than that: what is packed, interlaced, has a palette or
a colour key, or is damaged in any way, is left to libpng, which knows what to say about it.
"""

from __future__ import annotations

import sys
from collections import deque
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from itertools import cycle
from typing import TYPE_CHECKING, Any

from convcli.io.png_chunks import PALETTE
from convcli.record import mutable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from convcli.io.arrival import Tell
    from convcli.io.image import Samples
    from convcli.io.png_chunks import Png

_PART = 1 << 18  # bytes of deflated data given to isal at once; encoders like chunks of 8 KiB
_STEP = 1 << 18  # bytes inflated at once: they still lie in the cache when they are copied
_BATCH = 1 << 20  # bytes of rows that are handed over together
_BATCHES = 4  # being inflated, waiting, and having its filters undone


def plain(png: Png) -> Plain | None:
    """Room for the samples, and what fills it; None for what is libpng's."""
    undo = compiled()
    odd = png.interlaced or png.transparent or png.colour == PALETTE
    if undo is None or odd or png.depth not in {8, 16}:
        return None
    import numpy as np

    channels = {0: 1, 2: 3, 4: 2, 6: 4}[png.colour]
    dtype = np.uint8 if png.depth == 8 else np.uint16  # noqa: PLR2004 - bits
    return Plain(png, np.empty((png.height, png.width, channels), dtype), undo)


def compiled() -> Any:  # noqa: ANN401 - a function that mypy cannot look into
    """What undoes row filters, see `_unfilter.c`; None where it was not compiled."""
    try:
        return import_module("convcli.io._unfilter").undo
    except ImportError:
        return None


@mutable
class Plain:
    """
    `samples` (row, column, channel), uint8 or uint16, which `fill` fills from the top down.

    `there`: how many rows are as they stay.
    """

    png: Png
    samples: Samples
    undo: Any
    there: int = 0
    known: bool = True  # the filters of all rows so far
    whole: bool = True  # the stream so far; two flags, since two threads clear them

    def fill(self, tell: Tell) -> bool:
        """
        Whether all rows came, each `tell`ed of once it is there, the last ones excepted.

        Those are there when it returns true, and every byte is accounted for: the checksum of the
        stream is right, it ends where the last row does, and all row filters are known.
        """
        pending: deque[Callable[[], None]] = deque()
        with _worker(self.samples.nbytes) as submit:
            for batch, first, stop in self._batches():
                pending.append(submit(self._finish, batch, first, stop, tell))
                if len(pending) == _BATCHES:
                    pending.popleft()()
                if not self.known:
                    break
            while pending:
                pending.popleft()()
        if sound := self.known and self.whole:
            self._settle(self.png.height)
        return sound

    def _batches(self) -> Iterator[tuple[Samples, int, int]]:
        """(filtered rows, number of the first, of that behind the last); any damage ends them."""
        import numpy as np

        height, length = len(self.samples), 1 + self.samples[0].nbytes
        most = min(height, max(1, _BATCH // length))
        rooms = cycle([np.empty(most * length, np.uint8) for _ in range(_BATCHES)])
        room, first, at = next(rooms), 0, 0
        for piece in _inflated(self.png.samples):
            left = memoryview(piece or b"")
            self.whole &= piece is not None and first * length + at + len(left) <= height * length
            while left and self.whole:
                size = min(most, height - first) * length
                taken = left[: size - at]
                room[at : at + len(taken)] = taken
                at, left = at + len(taken), left[len(taken) :]
                if at == size:
                    yield room, first, first + at // length
                    room, first, at = next(rooms), first + at // length, 0
        self.whole &= first == height

    def _finish(self, batch: Samples, first: int, stop: int, tell: Tell) -> None:
        """Undo the filters of a batch; its last row is settled when the next one has read it."""
        height, pixel = len(self.samples), self.samples[0, 0].nbytes
        self.known = self.known and self.undo(batch, self.samples, height, pixel, first, stop)
        if self.known:
            self._settle(stop - 1)
            tell(self.there)

    def _settle(self, stop: int) -> None:
        """The rows from `there` on in the byte order of this machine."""
        if self.samples.itemsize > 1 and sys.byteorder == "little":
            self.samples[self.there : stop].byteswap(inplace=True)
        self.there = stop


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
    if size <= _BATCH:
        yield partial
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        yield lambda work, *arguments: pool.submit(work, *arguments).result
