"""
TIFF read by window: only the strips or tiles that a window touches are read and decoded.

    +----+----+----+
    |    | ## | ## |      # is the window; of the six tiles, the four it touches are decoded, and
    +----+----+----+      kept for the window below it, as far as `limit` bytes allow
    |    | ## | ## |
    +----+----+----+

Samples that are stored as they are, row by row, are read where they lie: nothing is kept.
"""

from __future__ import annotations

import os
from itertools import product
from mmap import ACCESS_READ, mmap
from threading import Lock
from typing import TYPE_CHECKING, Self

import numpy as np

from convcli.io import tiff
from convcli.io.cache import Cache
from convcli.io.limits import damaged
from convcli.io.reading import one_voice
from convcli.io.settle import native, settle
from convcli.io.tiff_directory import check_directory
from convcli.io.tiff_meaning import CMYK, fitting, interpreted
from convcli.io.tiff_metadata import read_metadata
from convcli.io.tiff_segments import check_segments

if TYPE_CHECKING:
    from types import TracebackType

    from tifffile import TiffPage

    from convcli.io.image import Header, Image, Samples
    from convcli.source import Shape, Window

_PLAIN = 1  # planar configuration, compression, predictor and order of bits: nothing was done


class TiffWindows:
    """
    The first page of a TIFF as a source: `shape`, and `read(window)` of samples at full depth.

        with TiffWindows("scan.tif") as source:
            image = source.prepare(1 << 26, max_pixels=None)
            block = source.read(Window(0, 64, 0, 64))

    `segment` is how many (rows, columns) are decoded at once, `footprint` the bytes of a pixel
    while they are, `plain` whether nothing needs decoding; `obstacle` says why a file is only read
    whole. Any number of threads may read. InputError for what is damaged.
    """

    def __init__(self, path: str) -> None:
        self.name = path
        self._file = open(path, "rb")  # noqa: PTH123, SIM115 - closed by `close`
        self._size = os.fstat(self._file.fileno()).st_size
        self._lock, self._cache = Lock(), Cache(0)
        try:
            with one_voice(path):
                self._open()
        except BaseException:
            self._file.close()
            raise

    def _open(self) -> None:
        self._tiff = tiff.opened(self._file)
        self._page = page = tiff.first_page(self._tiff, self.name)
        self.header: Header = tiff.header(self._tiff, self.name, self._size)
        self.plain = _is_plain(page)
        self.segment = _segment(page, plain=self.plain)
        self.footprint = page.samplesperpixel * np.dtype(page.dtype).itemsize
        self._planes = page.samplesperpixel if page.planarconfig != _PLAIN else 1
        self._across = -(-page.imagewidth // self.segment[1])
        self._down = -(-page.imagelength // self.segment[0])

    @property
    def obstacle(self) -> str:
        """Why this file is only read whole; empty where it is read by window."""
        turn = tiff.orientation(self._page)
        if turn != 1:
            return f"its orientation is {turn}, and only upright files are read in parts"
        if tiff.for_libtiff(self._page):
            return "its samples are stored in a way that is only read whole"
        return ""

    @property
    def shape(self) -> Shape:
        """(rows, columns, channels)."""
        return self.header.height, self.header.width, self.header.channels

    def prepare(self, kept: int, *, max_pixels: int | None) -> Image:
        """
        Look for damage, and remember `kept` bytes of decoded samples from here on.

        Returns one pixel with the metadata and notes of the whole, as `decode` gives them.
        """
        self._cache = Cache(kept)
        with one_voice(self.name):
            notes = tiff.page_notes(self._tiff)
            tiff.check_page(self._page, self.name, max_pixels)
            notes += tiff.check_places(self._page, self.name, self._size)
            with mmap(self._file.fileno(), 0, access=ACCESS_READ) as whole:  # a page or two of it
                check_directory(whole, self._page, self.name)
                check_segments(whole, self._page, self.name)
                found = read_metadata(self._page, whole, notes)
            metadata = fitting(self._page, found)
            pixel = np.zeros((1, 1, self._page.samplesperpixel), self._dtype)
            meant = self._meant(pixel, notes)
        return settle(meant, self.header.layout, metadata, tuple(notes), orientation=1)

    def read(self, window: Window) -> Samples:
        """Samples (rows, columns, channels) of the window."""
        with one_voice(self.name):
            stored = self._rows(window) if self.plain else self._segments(window)
            return self._meant(stored, [])

    def close(self) -> None:
        """Give the file back."""
        self._tiff.close()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: object, ___: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _dtype(self) -> np.dtype[np.generic]:
        return np.dtype(self._page.dtype).newbyteorder("=")

    def _meant(self, stored: Samples, notes: list[str]) -> Samples:
        icc = self._page.tags.valueof(34675) if self._page.photometric == CMYK else None
        return interpreted(stored, self._page, self.header.layout, self.header.dtype, icc, notes)

    # --- samples stored as they are ---------------------------------------------------------------

    def _rows(self, window: Window) -> Samples:
        """Whole rows in one piece where most of them is wanted, else the part of each."""
        page, samples = self._page, self._page.samplesperpixel
        order = np.dtype(page.dtype).newbyteorder(self._tiff.byteorder)
        columns = window.right - window.left
        out = np.empty((window.bottom - window.top, columns, samples), self._dtype)
        whole = 2 * columns > page.imagewidth
        left, wide = (0, page.imagewidth) if whole else (window.left, columns)
        pixel = samples * order.itemsize
        cut = slice(window.left - left, window.left - left + columns)
        for top, bottom, start in self._runs(window, single=not whole):
            count = (bottom - top) * wide
            piece = self._bytes(start + left * pixel, count * pixel)
            rows = np.frombuffer(piece, order).reshape(bottom - top, wide, samples)
            out[top - window.top : bottom - window.top] = rows[:, cut]
        return out

    def _runs(self, window: Window, *, single: bool) -> list[tuple[int, int, int]]:
        """(first row, last and one, offset of the first) of rows that lie behind each other."""
        page, runs = self._page, []
        line = page.imagewidth * self.footprint
        for strip in range(window.top // page.rowsperstrip, -(-window.bottom // page.rowsperstrip)):
            first = strip * page.rowsperstrip
            top, bottom = max(first, window.top), min(first + page.rowsperstrip, window.bottom)
            step = 1 if single else bottom - top
            start = page.dataoffsets[strip] - first * line
            runs += [(y, y + step, start + y * line) for y in range(top, bottom, step)]
        return runs

    # --- strips and tiles that must be decoded ----------------------------------------------------

    def _segments(self, window: Window) -> Samples:
        high, wide = self.segment
        size = (window.bottom - window.top, window.right - window.left)
        out = np.empty((*size, self._page.samplesperpixel), self._dtype)
        for plane, row, column in product(
            range(self._planes),
            range(window.top // high, -(-window.bottom // high)),
            range(window.left // wide, -(-window.right // wide)),
        ):
            number = (plane * self._down + row) * self._across + column
            part = self._cache.get(number, self._decoded)
            channels = slice(plane, plane + 1) if self._planes > 1 else slice(None)
            rows, from_rows = _overlap(window.top, window.bottom, row * high, len(part))
            columns, from_columns = _overlap(
                window.left, window.right, column * wide, part.shape[1]
            )
            out[rows, columns, channels] = part[from_rows, from_columns]
        return out

    def _decoded(self, number: int) -> Samples:
        """Samples (rows, columns, samples) of one strip or tile; 0 where none were written."""
        page = self._page
        data = self._bytes(page.dataoffsets[number], page.databytecounts[number])
        part, _, shape = page.decode(
            data or None, number, jpegtables=page.jpegtables, jpegheader=page.jpegheader
        )
        if part is None:
            return np.full(shape[1:], page.nodata, self._dtype)
        return native(part.reshape(part.shape[1:]))

    def _bytes(self, start: int, count: int) -> bytes:
        if hasattr(os, "pread"):
            data = b"".join(self._pieces(start, count))
        else:  # Windows
            with self._lock:
                self._file.seek(start)
                data = self._file.read(count)
        if len(data) != count:
            raise damaged(self.name, "its samples lie beyond the end of the file")
        return data

    def _pieces(self, start: int, count: int) -> list[bytes]:
        """A system may give less than what was asked for, Linux at most 2 GB."""
        pieces: list[bytes] = []
        while count and (piece := os.pread(self._file.fileno(), count, start)):
            pieces.append(piece)
            start, count = start + len(piece), count - len(piece)
        return pieces


def _overlap(start: int, stop: int, first: int, length: int) -> tuple[slice, slice]:
    """Where `first .. first+length` and `start .. stop` overlap, counted from either start."""
    low, high = max(start, first), min(stop, first + length)
    return slice(low - start, high - start), slice(low - first, high - first)


def _segment(page: TiffPage, *, plain: bool) -> tuple[int, int]:
    if page.is_tiled:
        return page.tilelength, page.tilewidth
    return (1 if plain else page.rowsperstrip), page.imagewidth


def _is_plain(page: TiffPage) -> bool:
    """Whether rows lie in the file as they lie in memory."""
    untouched = {page.planarconfig, page.compression, page.predictor, page.fillorder} == {_PLAIN}
    wide = page.bitspersample in {8, 16, 32, 64} and np.dtype(page.dtype).kind != "b"
    return untouched and wide and not page.is_tiled and all(page.databytecounts)
