"""
What a file of sound says beside its samples, and what of it stays true of a filtered signal.

    samples of 48,000 a second --stride 3--> 16,000 a second      the rate is divided
    words of a title, an artist                                   stay
    places, counted in samples: cues, loops, time codes           stay while no sample moves
    peaks, counts of samples                                      describe the input: left out
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convcli.record import record

if TYPE_CHECKING:
    from collections.abc import Iterable

Chunk = tuple[bytes, bytes]
"""Four letters that name it, and its contents."""

RATE = 44_100
"""Samples a second where a signal comes from a file that has no rate."""

_WORDS = {b"INFO", b"id3 ", b"ID3 ", b"_PMX"}
_PLACES = {b"adtl", b"cue ", b"smpl", b"plst", b"bext", b"iXML"}
_FILLING = {b"JUNK", b"junk", b"PAD ", b"FLLR", b"fact", b"ds64"}
_NAMED = 5


@record
class Sound:
    """
    `rate`: samples a second. `bits` of a sample, where its dtype has more: 24. `mask`: which
    loudspeaker each channel is for, a bit each as WAVE_FORMAT_EXTENSIBLE has them; 0 is unsaid.
    `chunks`: what else is true of the signal, as the file had it.
    """

    rate: int
    bits: int = 0
    mask: int = 0
    chunks: tuple[Chunk, ...] = ()

    def after(self, step: int, channels: int, *, moved: bool) -> tuple[Sound, tuple[str, ...]]:
        """
        The same of a result that keeps every `step`-th sample and has so many channels, and notes.

        `moved`: samples are not where they were, or not all there. A `mask` for another number of
        channels is dropped.
        """
        rate = max(1, (2 * self.rate + step) // (2 * step))
        gone = [chunk for chunk in self.chunks if moved and kind(chunk) in _PLACES]
        mask = self.mask if self.mask.bit_count() == channels else 0
        kept = tuple(chunk for chunk in self.chunks if chunk not in gone)
        notes = [f"{said(gone)} left out: samples moved"] if gone else []
        if self.rate != rate * step:
            notes.append(f"{self.rate:,} / {step} is not whole: {rate:,} samples a second written")
        return Sound(rate, self.bits, mask, kept), tuple(notes)


def kind(chunk: Chunk) -> bytes:
    """The name of a chunk; of a list the name of what it lists."""
    name, body = chunk
    return body[:4] if name == b"LIST" else name


def sorted_out(chunks: Iterable[Chunk]) -> tuple[tuple[Chunk, ...], tuple[str, ...]]:
    """The chunks that stay, and a note on those that do not; what only fills a file is not told."""
    found = [chunk for chunk in chunks if kind(chunk) not in _FILLING]
    kept = tuple(chunk for chunk in found if kind(chunk) in _WORDS | _PLACES)
    lost = [chunk for chunk in found if chunk not in kept]
    return kept, (f"{said(lost)} left out: it may not be true of the result",) if lost else ()


def said(chunks: Iterable[Chunk]) -> str:
    """`chunk 'cue '`, `chunks 'cue ', 'smpl'`: names that are no text are escaped."""
    names = [ascii(name.decode("latin-1")) for name in dict.fromkeys(map(kind, chunks))]
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"chunk{'s' * (len(names) > 1)} {', '.join(names[:_NAMED])}{more}"
