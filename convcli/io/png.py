"""
Image -> PNG, whole or row by row: strips are filtered and deflated by threads, written in order.

    write(rows) --strips--> threads --IDAT chunks, at most two a thread in flight--> file

Strips are cut by the picture's height alone, so pieces of any size make the very same file.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections import deque
from typing import TYPE_CHECKING, Protocol, Self

from convcli.errors import OutputError
from convcli.io.image import Header
from convcli.io.png_chunks import SIGNATURE
from convcli.io.png_filters import Desk
from convcli.io.png_strips import Rows, Strip, adler_joined, chunk, strip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import ThreadPoolExecutor
    from types import TracebackType

    from convcli.io.image import Image, Layout, Metadata, Samples

_COLOURS: dict[Layout, int] = {"grey": 0, "rgb": 2, "grey+alpha": 4, "rgb+alpha": 6}
STRIP = 1 << 21  # bytes: 64 windows of deflate, so little is lost where it starts anew
_AHEAD = 2  # strips a thread: one in work, one waiting
_INCH = 0.0254  # metres


class Sink(Protocol):
    """What takes the file, piece by piece: an open binary file, a BytesIO."""

    def write(self, piece: bytes, /) -> object:
        """Take all of `piece`."""


def encode(image: Image, *, compress: int, threads: int | None = None) -> Iterator[bytes]:
    """PNG of uint8 or uint16 samples, as its rows come; `compress` 0 (stored) to 9 (smallest)."""
    rows, columns, channels = image.samples.shape
    header = Header("PNG", columns, rows, channels, image.samples.dtype.name, image.layout)
    sink = _Gathered()
    with Writer(sink, header, image.metadata, compress=compress, threads=threads) as writer:
        for top in range(0, rows, writer.height):
            image.ready(min(top + writer.height, rows))
            writer.write(image.samples[top : top + writer.height])
            yield sink.taken()
    yield sink.taken()


class _Gathered:
    """A sink whose pieces are fetched."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes) -> None:
        self._pieces.append(piece)

    def taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


class Writer:
    """
    A PNG that is written as its rows come; memory for a few strips of two megabytes.

        with Writer(file, header, metadata, compress=1) as writer:
            for rows in pieces:
                writer.write(rows)

    `header`: width, height, channels, layout and dtype (uint8 or uint16) of all rows together.
    `height`: rows of a strip; pieces as high as that are deflated without being gathered first.
    Leaving the block closes the picture; after an error, or a Ctrl-C, the file is left unfinished.
    """

    def __init__(
        self,
        sink: Sink,
        header: Header,
        metadata: Metadata,
        *,
        compress: int,
        threads: int | None = None,
    ) -> None:
        """`compress` 0 (stored) to 9 (smallest); `threads` at most, all processors unless given."""
        import numpy as np

        self._sink, self._header, self._compress = sink, header, compress
        self._shape = (header.width, header.channels)
        self._dtype = np.dtype(header.dtype)
        line = 1 + header.width * header.channels * self._dtype.itemsize
        self.height = min(header.height, max(1, STRIP // line))
        self._above: Samples = np.zeros((1, *self._shape), self._dtype)
        self._pieces: list[Samples] = []
        self._taken = self._sent = 0
        self._checksum = 1
        workers = min(-(-header.height // self.height), threads or os.cpu_count() or 1)
        self._ahead = _AHEAD * workers
        self._desks = [Desk(self.height * line) for _ in range(workers)]
        self._flight: deque[Callable[[], Strip]] = deque()
        self._pool = _pool(workers)
        self._put(SIGNATURE, *_header(header))
        for kind, contents in _ancillary(metadata):
            self._put(*chunk(kind, contents))

    def write(self, rows: Samples) -> None:
        """
        The next rows, (any number, columns, channels); not to be changed before the end.

        OutputError where they do not fit the header.
        """
        self._check(rows)
        while len(rows):
            piece = rows[: self._sent + self.height - self._taken]
            self._pieces.append(piece)
            self._taken += len(piece)
            rows = rows[len(piece) :]
            if self._taken in {self._sent + self.height, self._header.height}:
                self._send()

    def close(self) -> None:
        """Write what is left; OutputError where rows are missing."""
        if self._taken < self._header.height:
            raise OutputError(
                f"The PNG has {self._header.height} rows; {self._taken} came.", "Write the rest."
            )
        while self._flight:
            self._land()
        self._put(*chunk(b"IDAT", struct.pack(">I", self._checksum)), *chunk(b"IEND"))
        self._shut()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: object, __: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.close()
        finally:
            self._shut()

    def _check(self, rows: Samples) -> None:
        header, left = self._header, self._header.height - self._taken
        if rows.shape[1:] != self._shape or rows.dtype != self._dtype or len(rows) > left:
            raise OutputError(
                f"Rows {rows.shape} of {rows.dtype} do not fit a PNG that has {left} rows left of"
                f" {header.width} columns, {header.channels} channels, {header.dtype}.",
                "Give the writer the header of the whole picture.",
            )

    def _send(self) -> None:
        """Have what has gathered deflated; take back what is done once too much is on its way."""
        import numpy as np

        pieces, self._pieces = self._pieces, []
        samples = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        last = self._taken == self._header.height
        rows = Rows(self._above, samples, first=self._sent == 0, last=last)
        self._flight.append(self._started(rows))
        self._above, self._sent = samples[-1:], self._taken
        if len(self._flight) > self._ahead:
            self._land()

    def _started(self, rows: Rows) -> Callable[[], Strip]:
        """By a thread of the pool; a single one would keep its caller waiting only."""
        if self._pool:
            return self._pool.submit(self._strip, rows).result
        done = self._strip(rows)
        return lambda: done

    def _shut(self) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=True)

    def _strip(self, rows: Rows) -> Strip:
        desk = self._desks.pop()  # as many as there are threads
        try:
            return strip(rows, self._compress, desk)
        finally:
            self._desks.append(desk)

    def _land(self) -> None:
        done = self._flight.popleft()()
        self._checksum = adler_joined(self._checksum, done.adler, done.length)
        self._put(*done.chunk)

    def _put(self, *pieces: bytes) -> None:
        for piece in pieces:
            self._sink.write(piece)


def _pool(workers: int) -> ThreadPoolExecutor | None:
    """Threads, where there are several: importing them takes as long as a small picture."""
    if workers == 1:
        return None
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(workers)


def _header(header: Header) -> tuple[bytes, ...]:
    depth = 16 if header.dtype == "uint16" else 8
    sides = (header.width, header.height, depth, _COLOURS[header.layout])
    return chunk(b"IHDR", struct.pack(">IIBBBBB", *sides, 0, 0, 0))


def _ancillary(metadata: Metadata) -> Iterator[tuple[bytes, bytes]]:
    """Chunks in the order PNG wants: colour before samples, then the rest."""
    texts = (b"tEXt", b"zTXt", b"iTXt")
    for kind, contents in metadata.png:
        if kind not in texts and not (kind == b"sRGB" and metadata.icc):
            yield kind, contents
    if metadata.icc:
        yield b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc)
    if metadata.dpi:
        across, down = (max(1, min(round(side / _INCH), 2**31 - 1)) for side in metadata.dpi)
        yield b"pHYs", struct.pack(">IIB", across, down, 1)
    if metadata.exif:
        yield b"eXIf", metadata.exif
    if metadata.xmp:
        yield b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp
    for kind, contents in metadata.png:
        if kind in texts:
            yield kind, contents
