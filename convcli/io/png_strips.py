"""
Rows -> one strip of a deflate stream: filtered, deflated on its own, ending on a byte border.

    78 01 | strip, sync flush | strip, sync flush | ... | last strip, finished | Adler-32
          `---- IDAT ----'      `---- IDAT ----'          `------ IDAT ------'   `- IDAT

Which row filter and which deflater, a few rows amid the strip decide: all are tried on them.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from convcli.io.png_filters import AVERAGE, NONE, PAETH, SUB, UP

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convcli.io.image import Samples
    from convcli.io.png_filters import Desk

_ADLER = 65521
_NARROW, _WIDE = -9, -15  # windows of 512 bytes and 32 KiB; negative: without zlib's frame
_SYMBOLS = 9  # zlib's most for a block: what stays alike shares one code table
_STRETCHES = 8  # at least so many places of a strip are looked at
_KIND = b"IDAT"


def _isal(level: int, window: int) -> Any:  # noqa: ANN401 - zlib and isal share a shape, not a type
    from isal import isal_zlib

    return isal_zlib.compressobj(level, zlib.DEFLATED, window)


def _zlib(level: int, strategy: int) -> Any:  # noqa: ANN401 - as above
    return zlib.compressobj(level, zlib.DEFLATED, _WIDE, _SYMBOLS, strategy)


_RLE, _PLAIN, _FILTERED = zlib.Z_RLE, zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED


@dataclass(frozen=True, slots=True)
class _Effort:
    """
    What a level tries: filters with the first deflater, then deflaters with the best filter.

    A number beside each: by how much the sample's size is multiplied before sizes are compared, so
    that what takes longer is only taken where it gains more than that.
    """

    filters: Sequence[tuple[int, float]]
    deflaters: Sequence[tuple[Callable[[], Any], float]]
    sample: int


_ALL = tuple((kind, 1.0) for kind in (UP, SUB, NONE, AVERAGE, PAETH))


def _thorough(level: int, *strategies: int) -> _Effort:
    return _Effort(_ALL, [(partial(_zlib, level, each), 1.0) for each in strategies], 1 << 17)


# Photographs hold few repeats: a narrow window, and runs alone, leave more to short codes.
_EFFORTS = (
    _Effort([(NONE, 1.0)], [(partial(_zlib, 0, _PLAIN), 1.0)], 0),
    _Effort(
        [(UP, 1.0), (SUB, 1.0), (NONE, 1.0), (AVERAGE, 1.02), (PAETH, 1.04)],
        [(partial(_isal, 1, _NARROW), 1.0), (partial(_isal, 1, _WIDE), 1.0)],
        1 << 13,
    ),
    _Effort(_ALL, [(partial(_isal, 2, _NARROW), 1.0), (partial(_isal, 2, _WIDE), 1.0)], 1 << 15),
    _Effort(_ALL, [(partial(_zlib, 1, _RLE), 1.0), (partial(_isal, 2, _WIDE), 1.0)], 1 << 16),
    _thorough(4, _RLE, _PLAIN),
    *(_thorough(level, _PLAIN, _FILTERED, _RLE) for level in range(5, 10)),
)


@dataclass(frozen=True, slots=True)
class Strip:
    """An IDAT chunk in pieces; Adler-32 and length of what was deflated into it."""

    chunk: Sequence[bytes]
    adler: int
    length: int


@dataclass(frozen=True, slots=True)
class Rows:
    """
    What a strip is made of: `samples` and the row `above` them, (rows, columns, channels).

    `first` and `last` of the picture: the zlib stream begins and ends there.
    """

    above: Samples
    samples: Samples
    first: bool
    last: bool


def strip(rows: Rows, compress: int, desk: Desk) -> Strip:
    """The IDAT chunk of these rows; `compress` 0 to 9, `desk` large enough for them."""
    above, lines = _in_order(rows.above), _in_order(rows.samples)
    step = rows.samples.shape[2] * rows.samples.itemsize
    kind, deflater = _choice(above, lines, step, _EFFORTS[compress], desk)
    contents = desk.filtered(above, lines, step, kind).data.cast("B")
    deflate = deflater()
    # An empty last block would do too, but every strip ends on a byte border anyhow.
    flush = zlib.Z_FINISH if rows.last else zlib.Z_SYNC_FLUSH
    packed = [b"\x78\x01" * rows.first, deflate.compress(contents), deflate.flush(flush)]
    return Strip(chunk(_KIND, *packed), _adler32(contents), len(contents))


def _in_order(samples: Samples) -> Samples:
    """(rows, bytes of a row) uint8, high bytes first."""
    import numpy as np

    ordered = samples.astype(samples.dtype.newbyteorder(">"), order="C", copy=False)
    return np.ascontiguousarray(ordered).view(np.uint8).reshape(samples.shape[0], -1)


def _choice(
    above: Samples, rows: Samples, step: int, effort: _Effort, desk: Desk
) -> tuple[int, Callable[[], Any]]:
    """The filter and the deflater that make the sample smallest."""
    filters, deflaters = effort.filters, effort.deflaters
    if len(filters) == 1:
        return filters[0][0], deflaters[0][0]
    before, sample = _sample(above, rows, step, effort.sample)
    contents = {kind: desk.filtered(before, sample, step, kind).tobytes() for kind, _ in filters}
    quick, weight = deflaters[0]
    sizes = {kind: _size(contents[kind], quick) for kind, _ in filters}
    kind, _ = min(filters, key=lambda each: sizes[each[0]] * each[1])
    found = [(sizes[kind] * weight, quick)]
    found += [(_size(contents[kind], other) * factor, other) for other, factor in deflaters[1:]]
    return kind, min(found, key=lambda each: each[0])[1]


def _size(contents: bytes, deflater: Callable[[], Any]) -> int:
    deflate = deflater()
    return len(deflate.compress(contents)) + len(deflate.flush())


def _sample(above: Samples, rows: Samples, step: int, size: int) -> tuple[Samples, Samples]:
    """Stretches of rows down the strip, each further to the right, and what lies above them."""
    import numpy as np

    height, line = rows.shape
    count = min(height, max(_STRETCHES, size // line))
    width = min(line, max(1, size // count // step) * step)
    down = np.arange(count) * height // count + height // count // 2
    right = np.arange(count) * ((line - width) // step) // max(1, count - 1) * step
    # All stretches of this width, wherever they begin, are a view: only those picked are copied.
    stretches = np.ndarray((rows.size - width + 1, width), np.uint8, rows, strides=(1, 1))
    before = stretches[np.maximum(down - 1, 0) * line + right]
    if down[0] == 0:
        before[0] = above[0, :width]
    return before, stretches[down * line + right]


def chunk(kind: bytes, *contents: bytes) -> tuple[bytes, ...]:
    """[length][type][contents][CRC], not joined."""
    from isal import isal_zlib

    crc = isal_zlib.crc32(kind)
    for part in contents:
        crc = isal_zlib.crc32(part, crc)
    length = sum(map(len, contents)).to_bytes(4, "big")
    return (length + kind, *contents, crc.to_bytes(4, "big"))


def _adler32(contents: memoryview) -> int:
    from isal import isal_zlib

    return int(isal_zlib.adler32(contents))  # five times as fast as zlib's


def adler_joined(first: int, second: int, length: int) -> int:
    """Adler-32 of two pieces put together, the second `length` bytes long."""
    low = ((first & 0xFFFF) + (second & 0xFFFF) - 1) % _ADLER
    high = ((first >> 16) + (second >> 16) + length * ((first & 0xFFFF) - 1)) % _ADLER
    return high << 16 | low
