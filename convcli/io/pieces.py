"""
What writes a file of one format piece by piece: rows in, packed by any thread, written in order.

    pieces = for_format("TIFF", about, shape, Packing())
    pieces.write(file, map(pieces.packed, bands))         bands of a multiple of `pieces.high` rows
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from convcli.io.image import Header
from convcli.io.writing import COMPRESS
from convcli.record import record

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

    from convcli.io.image import Image, Samples

STREAMED = ("TIFF", "PNG")
"""The formats that are written in parts."""


@record
class Packing:
    """Level of compression 0 to 9, its name and the side of tiles; None for what is usual."""

    compress: int | None = None
    compression: str | None = None
    tile: int | None = None


class Pieces(Protocol):
    """`high`: rows that a band must be a multiple of; `room`: bytes needed for each thread."""

    @property
    def high(self) -> int:
        """Rows of a piece."""

    @property
    def room(self) -> int:
        """Bytes that writing needs beside the bands, for each thread."""

    def packed(self, rows: Samples) -> Any:  # noqa: ANN401 - what `write` takes
        """Rows of a band as `write` wants them; called by any thread."""

    def write(self, file: BinaryIO, pieces: Iterable[Any]) -> None:
        """The whole file."""


class PngPieces:
    """Rows of a PNG: its writer packs them, by threads of its own."""

    high = 1

    def __init__(
        self, about: Image, shape: tuple[int, int, int], compress: int, threads: int | None
    ) -> None:
        from convcli.io import png

        self.about, self.compress, self.threads = about, compress, threads
        dtype = about.samples.dtype.name
        self.header = Header("PNG", shape[1], shape[0], shape[2], dtype, about.layout)
        self.room = 6 * png.STRIP  # in work and waiting: samples, filtered, deflated

    def packed(self, rows: Samples) -> Samples:
        """The rows themselves."""
        return rows

    def write(self, file: BinaryIO, pieces: Iterable[Samples]) -> None:
        """The whole file."""
        from convcli.io import png

        with png.Writer(
            file, self.header, self.about.metadata, compress=self.compress, threads=self.threads
        ) as writer:
            for rows in pieces:
                writer.write(rows)


def for_format(
    format: str,  # noqa: A002 - the word users see
    about: Image,
    shape: tuple[int, int, int],
    packing: Packing,
    *,
    threads: int | None = None,
) -> Pieces:
    """What writes (rows, columns, channels) like those of `about` in one of STREAMED."""
    compress = COMPRESS if packing.compress is None else packing.compress
    if format == "PNG":
        return PngPieces(about, shape, compress, threads)
    from convcli.io import tiff_write

    return tiff_write.Pieces(about, shape, compress, packing.compression, packing.tile)
