"""
TIFF files of one page -> one of several: files follow each other, every offset in them is moved.

    II*\\0 -> page 1 samples   -> page 2 samples   -> 0
            `- next page -----'  `- next page ------'

Pages may differ in everything but byte order.
"""  # noqa: D301 - the escape as it is written

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from convcli.errors import OutputError
from convcli.io.film import PAGE
from convcli.io.tiff_directory import byte_order, moved

if TYPE_CHECKING:
    from collections.abc import Iterable
    from fractions import Fraction

    from convcli.io.film import Film

_CLASSIC = 42


def paged(payloads: Iterable[bytes]) -> bytes:
    """TIFF files of one page each as one file of them all."""
    joiner = Joiner()
    for payload in payloads:
        joiner.add(payload, PAGE)
    return joiner.close()


class Joiner:
    """Joins TIFF files of one page each; OutputError beyond 4 GiB, where offsets end."""

    def __init__(self, _: Film | None = None) -> None:
        self._whole = bytearray()
        self._link = 4  # where the offset of the next page is to stand

    def add(self, payload: bytes, seconds: Fraction) -> None:
        """Take the next page."""
        del seconds
        order = byte_order(payload)
        self._check(payload, order)
        self._whole += b"\0" * (-len(self._whole) % 16)
        base = len(self._whole)
        (start,) = struct.unpack_from(order + "I", payload, 4)
        page = moved(payload, [start], base)
        self._whole += page if base == 0 else b"\0" * 8 + page[8:]
        struct.pack_into(order + "I", self._whole, self._link, base + start)
        (count,) = struct.unpack_from(order + "H", payload, start)
        self._link = base + start + 2 + 12 * count

    def close(self) -> bytes:
        """The whole file."""
        return bytes(self._whole)

    def _check(self, payload: bytes, order: str) -> None:
        (version,) = struct.unpack_from(order + "H", payload, 2)
        if version != _CLASSIC or len(self._whole) + len(payload) >= 1 << 32:
            raise OutputError(
                "The pages together are larger than 4 GiB, where a TIFF of several pages ends.",
                "Write them one by one with --frames N.",
            )
        if self._whole and self._whole[:2] != payload[:2]:
            raise OutputError("The pages differ in byte order.", "Write them with --frames N.")
