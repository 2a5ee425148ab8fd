"""
Film = several pictures of one file, each a whole one: an animation, or the pages of a TIFF.

    file --open_film--> Film --shots(0)--> Shot, Shot, ... --encode, Reel--> file

One picture at a time is decoded; frames count from 1 wherever people read of them.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING

from convcli.errors import InputError
from convcli.record import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convcli.io.image import Header, Image

PAGE = Fraction(1, 10)
"""Seconds that a page is shown for where it becomes a frame of an animation."""

TOGETHER = 16
"""All frames of a file together may have so many times the pixels that one picture may have."""

MOST = 10_000
"""Frames of a file: each takes milliseconds, however small it is."""


@record
class Shot:
    """One picture, composed and upright, and the `seconds` it is shown; PAGE if it has no time."""

    image: Image
    seconds: Fraction = PAGE


@record
class Film:
    """
    Headers of all frames in order; `shots(n)` decodes them one by one, from index `n` on.

    `plays`: how often an animation is shown, 0 for ever. `poster`: the first picture is no frame of
    the animation but for viewers that know none. `notes`: what opening it left out, as sentences.
    """

    headers: tuple[Header, ...]
    shots: Callable[[int], Iterator[Shot]]
    plays: int = 0
    poster: bool = False
    notes: tuple[str, ...] = ()

    def only(self, number: int, name: str) -> Film:
        """The film of frame `number` alone; InputError, with how many there are, if it has none."""
        check_number(number, len(self.headers), name)
        index = number - 1
        return Film((self.headers[index],), lambda _: islice(self.shots(index), 1))

    def unposted(self) -> Film:
        """The animation without its poster, for formats that have no place for one."""
        note = "the picture for viewers without animation left out"
        shots, notes = self.shots, (*self.notes, note)
        return replace(
            self, headers=self.headers[1:], shots=lambda n: shots(n + 1), poster=False, notes=notes
        )


def check_number(number: int, frames: int, name: str) -> None:
    """InputError where there is no frame `number` among `frames`."""
    if number > frames:
        has = "1 frame" if frames == 1 else f"{frames:,} frames"
        span = "Say --frames 1." if frames == 1 else f"Say --frames 1 to {frames}, or all."
        raise InputError(f"{name} has {has}: there is no frame {number:,}.", span)


def check_together(name: str, frames: int, pixels: int, max_pixels: int | None) -> None:
    """InputError where `frames` of `pixels` in all are more than is read from one file."""
    if max_pixels is not None and frames > MOST:
        raise InputError(
            f"{name} has {frames:,} frames; the limit is {MOST:,}.",
            "Take one by --frames first, or lift the limits with --max-pixels none.",
        )
    if max_pixels is not None and pixels > TOGETHER * max_pixels:
        raise InputError(
            f"{name} is too large: {frames:,} frames of {pixels / 1e6:,.0f} megapixels in all; the"
            f" limit is {TOGETHER * max_pixels / 1e6:,.0f}, {TOGETHER} times that of one picture.",
            "Take one by --frames first, or raise the limit with --max-pixels.",
        )


def merged(notes: list[tuple[str, ...]]) -> tuple[str, ...]:
    """The notes of all frames, each once; of how many, where not of all."""
    found: dict[str, int] = {}
    for note in (note for frame in notes for note in dict.fromkeys(frame)):
        found[note] = found.get(note, 0) + 1
    frames = len(notes)
    return tuple(
        note if count == frames else f"{note} ({count:,} of {frames:,} frames)"
        for note, count in found.items()
    )
