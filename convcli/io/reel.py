"""
Encoded pictures -> one file of them all; samples are never decoded for it.

    still, still, still --add--> Reel --close--> APNG, animated GIF or WebP, TIFF of several pages

Each picture is encoded on its own, whole, by the writer of its format; here containers are joined.
"""

from __future__ import annotations

import importlib
import math
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

from convcli.errors import OutputError
from convcli.io.film import PAGE
from convcli.io.formats import FORMATS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from convcli.io.film import Film
    from convcli.io.image import Layout

    Kind = tuple[int, int, str, Layout]
    """Rows, columns, dtype and layout of a picture that is to be written."""

_HALF = Fraction(1, 2)
_REELS = {"PNG": "apng_write", "GIF": "gif_reel", "WEBP": "webp_reel", "TIFF": "tiff_reel"}


class Reel(Protocol):
    """What pictures are joined by."""

    def add(self, payload: bytes, seconds: Fraction) -> None:
        """Take the next picture, encoded as if it were alone, and how long it is shown."""

    def close(self) -> bytes:
        """The whole file."""


class _Still:
    """A film of one frame is the file of that frame."""

    def __init__(self) -> None:
        self._payload = b""

    def add(self, payload: bytes, seconds: Fraction) -> None:
        del seconds
        self._payload = payload

    def close(self) -> bytes:
        return self._payload


def fitted(film: Film, form: str, name: str, *, told: bool) -> Film:
    """
    The film as far as `form` can hold it, with notes of what it can't.

    Unless `told` to take all frames, the first alone where they differ and `form` wants them alike.
    OutputError where `form` holds one picture only, and the film has more.
    """
    if len(film.headers) == 1:
        return film
    row, first = FORMATS[form], film.headers[0]
    if not told and form != "TIFF" and set(film.headers) != {first}:
        differ = f"the pages differ, and the frames of an animated {form} do not"
        note = f"{first.format}: first of {len(film.headers):,} pages taken: {differ}"
        return replace(film.only(1, name), notes=(note,))
    if not row.frames:
        raise OutputError(
            f"{form} holds one picture, not {len(film.headers):,}.",
            "Say --frames first, or a number, or write PNG, GIF, WebP or TIFF.",
        )
    if film.poster and form in {"GIF", "WEBP"}:
        film = film.unposted()
    pages = FORMATS[first.format].frames != "frame" and first.format != "AVIF"
    if pages and form != "TIFF":
        note = f"pages have no durations: {float(PAGE)} s each"
        return replace(film, notes=(*film.notes, note))
    if form == "TIFF" and not pages:
        note = "TIFF keeps no durations and no number of plays"
        return replace(film, notes=(*film.notes, note))
    return film


def check_alike(kinds: Sequence[Kind], form: str, name: str) -> None:
    """OutputError where frames of these `kinds` can't share one animation of `form`."""
    if form == "TIFF":
        return
    part = slice(4 if form == "PNG" else 2)
    for number, kind in enumerate(kinds, 1):
        if kind[part] != kinds[0][part]:
            rows, columns, *rest = kind
            raise OutputError(
                f"{name}: frame {number} is {columns} x {rows}, {' '.join(rest[::-1])}, frame 1"
                f" {kinds[0][1]} x {kinds[0][0]}, {kinds[0][3]} {kinds[0][2]}; the frames of an"
                f" animated {form} are all alike.",
                f"Write TIFF, whose pages may differ, or say --frames {number}.",
            )


def reel(form: str, film: Film) -> Reel:
    """What joins the frames of `film`, encoded as `form`."""
    if len(film.headers) == 1:
        return _Still()
    joiner = importlib.import_module(f"convcli.io.{_REELS[form]}").Joiner(film)
    joined: Reel = joiner
    return joined


class Ticks:
    """
    Seconds -> whole ticks; what rounding gives or takes, the next frame gives back.

    What has a duration lasts a tick at least; `most` is the format's limit for one frame. Frames
    that had to be made longer or shorter for that do not change the next one.
    """

    def __init__(self, rate: int, most: int) -> None:
        self._rate, self._most = rate, most
        self._owed = Fraction(0)

    def of(self, seconds: Fraction) -> int:
        """The ticks of the next frame."""
        exact = seconds * self._rate + self._owed
        wanted = math.floor(exact + _HALF)
        ticks = min(max(wanted, int(seconds > 0)), self._most)
        self._owed = exact - ticks if ticks == wanted else Fraction(0)
        return ticks
