"""
Image -> TIFF in strips or tiles, deflated, otherwise packed or plain, at any depth.

    Pieces.packed(rows) -> [bytes, ...]     by any thread, for rows that begin where a piece does
    Pieces.write(file, packed pieces)       in order, one after the other

Alpha is written as unassociated; ICC, XMP and resolution as tags, EXIF behind the samples. Files
that may pass 4 GB are BigTIFF.
"""

from __future__ import annotations

import os
from contextlib import closing
from io import BytesIO
from itertools import chain
from typing import TYPE_CHECKING, Any

from convcli.errors import UsageError
from convcli.io import tiff_exif
from convcli.io.flow import ordered
from convcli.io.formats import LEVELLED
from convcli.io.tiff_directory import byte_order
from convcli.io.tiff_metadata import XMP

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

    from convcli.io.image import Image, Samples

_CODES = {"none": 1, "lzw": 5, "deflate": 8, "zstd": 50000}
_BYTES = 1  # TIFF's type of XMP
_STRIP = 1 << 18  # bytes, as tifffile cuts them
_CLASSIC = (1 << 32) - (1 << 26)  # bytes that offsets of 32 bits reach, less what tags may need
_GROWTH = {"lzw": 1.5}  # 12 bits for a byte at worst; the others grow by a thousandth
_SIDE = 16  # what sides of tiles are multiples of


def encode(
    image: Image,
    *,
    compress: int,
    compression: str | None = None,
    tile: int | None = None,
    threads: int | None = None,
) -> bytes:
    """TIFF; `compress` 0 plain, 1 to 9 deflate with the predictor that suits the samples."""
    rows, columns, channels = image.samples.shape
    pieces = Pieces(image, (rows, columns, channels), compress, compression, tile)
    file = BytesIO()
    parts = (image.samples[y : y + pieces.high] for y in range(0, rows, pieces.high))
    workers = min(threads or os.cpu_count() or 1, -(-rows // pieces.high))
    with closing(ordered(pieces.packed, parts, workers)) as packed:
        pieces.write(file, packed)
    return file.getvalue()


class Pieces:
    """
    The strips or tiles of a TIFF of `shape` (rows, columns, channels), `high` rows each.

    `about` gives dtype, layout and metadata; its samples may be those of a single pixel. `tile` is
    the side of tiles; without it there are strips. UsageError where TIFF has no such tile.
    """

    room = 0  # bytes for each thread beside the pieces

    def __init__(
        self,
        about: Image,
        shape: tuple[int, int, int],
        compress: int,
        compression: str | None,
        tile: int | None,
    ) -> None:
        import numpy as np

        _check_tile(tile)
        self.about, self.shape, self.tile = about, shape, tile
        self.kind = compression or ("deflate" if compress else "none")
        self.level = {"level": max(compress, 1)} if self.kind in LEVELLED else {}
        self._exif = tiff_exif.sound(about.metadata.exif)
        self._order = byte_order(self._exif or b"")
        self._dtype = np.dtype(about.samples.dtype).newbyteorder(self._order)
        row = shape[1] * shape[2] * self._dtype.itemsize
        self.high = tile or min(shape[0], max(1, _STRIP // row))
        self._predictor = 1 if self.kind == "none" else 3 if self._dtype.kind == "f" else 2

    def packed(self, rows: Samples) -> list[bytes]:
        """Strips or tiles of rows that begin with a piece, in the order of the file."""
        return [
            self._packed(part)
            for top in range(0, len(rows), self.high)
            for part in self._cut(rows[top : top + self.high])
        ]

    def write(self, file: BinaryIO, pieces: Iterable[list[bytes]]) -> None:
        """The whole file, `pieces` in order."""
        import tifffile

        rows, columns, channels = self.shape
        most = rows * columns * channels * self._dtype.itemsize * _GROWTH.get(self.kind, 1.0)
        shape = (rows, columns) if channels == 1 else self.shape
        metadata = self.about.metadata
        with tifffile.TiffWriter(file, bigtiff=most > _CLASSIC, byteorder=self._order) as writer:
            writer.write(
                chain.from_iterable(pieces),
                shape=shape,
                dtype=self._dtype,
                photometric="rgb" if self.about.layout.startswith("rgb") else "minisblack",
                planarconfig="contig" if channels > 1 else None,
                extrasamples=_extra(self.about, channels),
                compression=None if self.kind == "none" else _CODES[self.kind],
                predictor=self._predictor if self._predictor > 1 else None,
                tile=(self.tile, self.tile) if self.tile else None,
                rowsperstrip=None if self.tile else self.high,
                iccprofile=metadata.icc,
                extratags=_tags(metadata.xmp, self._exif),
                metadata=None,
                software=False,
                **_resolution(self.about),
            )
        tiff_exif.attach(file, self._exif)

    def _cut(self, rows: Samples) -> Iterable[Samples]:
        """One strip, or a row of tiles, those at the edges filled up with 0."""
        if self.tile is None:
            return [rows]
        import numpy as np

        sides = range(0, self.shape[1], self.tile)
        tiles = (rows[:, left : left + self.tile] for left in sides)
        room = (self.tile, self.tile)
        return (
            np.pad(part, [(0, room[axis] - part.shape[axis]) for axis in (0, 1)] + [(0, 0)])
            if part.shape[:2] != room
            else part
            for part in tiles
        )

    def _packed(self, part: Samples) -> bytes:
        import numpy as np
        from tifffile import TIFF

        data: Any = np.ascontiguousarray(part, self._dtype)
        if self.kind == "none":
            return data.tobytes()  # type: ignore[no-any-return]  # an array, as said
        told_apart = TIFF.PREDICTORS[self._predictor](data, axis=-2)
        return bytes(TIFF.COMPRESSORS[_CODES[self.kind]](told_apart, **self.level))


def _check_tile(tile: int | None) -> None:
    if tile is not None and (tile < _SIDE or tile % _SIDE):
        raise UsageError(
            f"--tile {tile}: TIFF has tiles of multiples of {_SIDE} pixels.", "Say --tile 256."
        )


def _extra(image: Image, channels: int) -> list[str] | None:
    if image.alpha:
        return ["unassalpha"]
    surplus = channels - 1
    return ["unspecified"] * surplus if image.layout == "numbers" and surplus else None


def _resolution(image: Image) -> dict[str, Any]:
    dpi = image.metadata.dpi
    return {"resolution": dpi, "resolutionunit": "inch"} if dpi else {}


def _tags(xmp: bytes | None, exif: bytes | None) -> list[tiff_exif.Tag]:
    packet: list[tiff_exif.Tag] = [(XMP, _BYTES, len(xmp), xmp, True)] if xmp else []
    return [*packet, *tiff_exif.tags(exif)]
