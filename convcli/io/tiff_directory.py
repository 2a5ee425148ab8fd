"""
TIFF directory = count, entries [tag, type, number of values, value or its offset], next directory.

tifffile drops entries that lie beyond the end of a cut file, and libtiff comments on those it does
not know; here the first are refused, and the second are kept from it.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Literal

from convcli.io.limits import damaged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from mmap import mmap
    from typing import TypeAlias

    from tifffile import TiffPage

    Buffer: TypeAlias = bytes | mmap

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
BIG_SIZES = _SIZES | {16: 8, 17: 8, 18: 8}
_BIG = 43  # version; 42 is the classic one
_LONG, _INLINE = 4, 4  # type of offsets; bytes of values that stand in the entry itself
_OFFSETS = {273, 324}  # of strips, of tiles
DIRECTORIES = {34665, 34853, 40965}
"""Tags that point to a directory: Exif, GPS, interoperability."""
# Size, samples and how they are stored; not what they mean, nor which way is up.
_PLAIN = frozenset(
    {256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 317, 322, 323, 324, 325, 338, 339}
    | set(range(512, 522)) | {529, 530, 531, 532}
)  # fmt: skip


def byte_order(data: Buffer) -> Literal["<", ">"]:
    """How a TIFF, or an EXIF stream, stores numbers, as `struct` has it."""
    return ">" if data[:2] == b"MM" else "<"


def entries(data: Buffer, start: int) -> Iterator[tuple[int, int, int, int]]:
    """(tag, bytes of its values, offset of them, offset of the entry) of the one at `start`."""
    order, big, sizes = _shape(data)
    (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, start)
    first, step, inline = (start + 8, 20, 8) if big else (start + 2, 12, 4)
    for at in range(first, first + step * count, step):
        tag, kind, number = struct.unpack_from(order + ("HHQ" if big else "HHI"), data, at)
        size, place = sizes.get(kind, 0) * number, at + step - inline
        if size > inline:
            (place,) = struct.unpack_from(order + ("Q" if big else "I"), data, place)
        yield tag, size, place, at


def _shape(data: Buffer) -> tuple[str, bool, dict[int, int]]:
    order = byte_order(data)
    (version,) = struct.unpack_from(order + "H", data, 2)
    return order, version == _BIG, BIG_SIZES if version == _BIG else _SIZES


def moved(data: bytes, starts: Iterable[int], base: int) -> bytearray:
    """
    A classic TIFF, or an EXIF stream, as it is to lie at `base` of another file.

    The directories at `starts`, and those they point to, have `base` added to their offsets; each
    directory once, however many entries point there. struct.error where one lies beyond the end.
    """
    found, left = bytearray(data), [*starts]
    seen: set[int] = set()
    while left:
        place = left.pop()
        if place not in seen:
            seen.add(place)
            left += _shift(found, data, place, base)
    return found


def _shift(found: bytearray, data: bytes, start: int, base: int) -> Iterator[int]:
    """Add `base` to the offsets in one directory; those of the directories it points to."""
    order = byte_order(data)
    for tag, size, place, at in entries(data, start):
        if size > _INLINE:
            struct.pack_into(order + "I", found, at + 8, base + place)
        if tag in DIRECTORIES:
            (inner,) = struct.unpack_from(order + "I", data, place)
            struct.pack_into(order + "I", found, place, base + inner)
            yield inner
        elif tag in _OFFSETS:
            values = f"{order}{size // _SIZES[_LONG]}I"
            offsets = struct.unpack_from(values, data, place)
            struct.pack_into(values, found, place, *(base + offset for offset in offsets))


def check_directory(data: Buffer, page: TiffPage, name: str) -> None:
    """InputError when a tag of the page lies beyond the end of the file."""
    for tag, size, place, _ in entries(data, page.offset):
        if place + size > len(data):
            raise damaged(name, f"the file ends before the value of its tag {tag}")


def plain_directory(data: bytes, page: TiffPage) -> bytes:
    """The same file, its first directory replaced by one of the tags that samples need."""
    order, big, _ = _shape(data)
    step = 20 if big else 12
    kept = [data[at : at + step] for tag, *_, at in entries(data, page.offset) if tag in _PLAIN]
    data += b"\0" * (len(data) % 2)  # directories begin on even offsets
    count = struct.pack(order + ("Q" if big else "H"), len(kept))
    last = b"\0" * (8 if big else 4)
    head = data[:8] if big else data[:4]
    pointer = struct.pack(order + ("Q" if big else "I"), len(data))
    return b"".join((head, pointer, data[len(head) + len(pointer) :], count, *kept, last))
