"""
Animated PNG -> Film: each frame is a block of the canvas, laid over it or in its place.

    acTL [frames][plays]   fcTL [n][w][h][x][y][seconds: num/den][dispose][blend]
    poster = IDAT          frame = fcTL IDAT, or fcTL fdAT fdAT ..., fdAT [n][samples as in IDAT]

Samples keep their 16 bits. https://www.w3.org/TR/png-3/#apng-frame-based-animation
"""

from __future__ import annotations

import struct
from dataclasses import field, replace
from fractions import Fraction
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from convcli.io.film import Film, Shot, check_together
from convcli.io.image import CHANNELS, Header, Layout, Samples
from convcli.io.limits import check_size, damaged
from convcli.io.png_chunks import Png, read_chunks, read_metadata, walk
from convcli.io.png_read import inflated, probe, remarks
from convcli.io.settle import settle
from convcli.record import mutable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convcli.io.image import Metadata

_NONE, _BACKGROUND, _PREVIOUS = 0, 1, 2
_SOURCE, _OVER = 0, 1
_CONTROL = struct.Struct(">IIIIIHHBB")
_HUNDREDTHS = 100  # what a denominator of 0 means


@mutable
class _Block:
    """One fcTL and its compressed samples."""

    left: int
    top: int
    width: int
    height: int
    seconds: Fraction
    dispose: int = _NONE
    blend: int = _SOURCE
    samples: list[memoryview] = field(default_factory=list)

    @property
    def place(self) -> tuple[slice, slice]:
        """Where it lies on the canvas."""
        return (
            slice(self.top, self.top + self.height),
            slice(self.left, self.left + self.width),
        )

    def covers(self, other: _Block) -> bool:
        """Whether nothing of `other` lies beside it."""
        return (
            self.left <= other.left
            and self.top <= other.top
            and self.left + self.width >= other.left + other.width
            and self.top + self.height >= other.top + other.height
        )


def film(data: bytes, name: str, *, max_pixels: int | None) -> Film:
    """Frames of an animated PNG, the poster first if it has one; InputError for any damage."""
    header = probe(data, name)
    check_size(name, header.width, header.height, max_pixels)
    pixels = header.width * header.height
    check_together(name, header.frames, header.frames * pixels, max_pixels)
    png = read_chunks(data, name, strict=True)
    poster = _poster(png)
    blocks = _played(_blocks(data, png, name), poster)
    layout = _layout(header.layout, blocks[poster:], png)
    each = replace(header, layout=layout, channels=CHANNELS[layout])
    _, plays = struct.unpack(">II", png.chunk(b"acTL") or bytes(8))
    shots = partial(_shots, png, blocks, each, name)
    return Film((each,) * len(blocks), shots, plays, poster=poster)


def _poster(png: Png) -> bool:
    """Whether the samples before all frames are none of them."""
    return png.frames > 1 and png.chunk(b"fcTL") is None


def _layout(layout: Layout, blocks: list[_Block], png: Png) -> Layout:
    """The file's own, with alpha where the canvas, transparent at first, can be seen."""
    whole = _Block(0, 0, png.width, png.height, Fraction(0))
    pairs = pairwise(blocks)
    bare = not blocks[0].covers(whole) or any(
        block.dispose == _BACKGROUND
        and (not after.covers(block) or after.dispose == _PREVIOUS)  # brings the hole back
        for block, after in pairs
    )
    if layout.endswith("+alpha") or not bare:
        return layout
    return "grey+alpha" if layout == "grey" else "rgb+alpha"


def _blocks(data: bytes, png: Png, name: str) -> list[_Block]:
    blocks, expected = [], 0
    for kind, contents in walk(data, name, strict=False):
        if kind in {b"fcTL", b"fdAT"}:
            if int.from_bytes(contents[:4]) != expected:
                raise damaged(name, f"the frames of the PNG are out of order at number {expected}")
            expected += 1
        if kind == b"fcTL":
            blocks.append(_block(contents, png, name))
        elif kind == b"IDAT" and not blocks:
            blocks.append(_Block(0, 0, png.width, png.height, Fraction(0)))  # the poster
        if kind in {b"IDAT", b"fdAT"} and blocks:
            blocks[-1].samples.append(contents if kind == b"IDAT" else contents[4:])
    if len(blocks) != png.frames or not all(block.samples for block in blocks):
        raise damaged(name, f"the PNG announces {png.frames} frames and has {len(blocks)}")
    _check_first(blocks[0], png, name)
    return blocks


def _check_first(block: _Block, png: Png, name: str) -> None:
    """The samples of IDAT are those of the whole canvas, whatever their frame says."""
    if (block.width, block.height) != (png.width, png.height):
        raise damaged(name, "the first frame of the PNG does not fill its canvas")


def _block(contents: memoryview, png: Png, name: str) -> _Block:
    if len(contents) != _CONTROL.size:
        raise damaged(name, "a frame of the PNG has no proper control chunk")
    _, width, height, left, top, part, whole, dispose, blend = _CONTROL.unpack(contents)
    inside = left + width <= png.width and top + height <= png.height
    if not width or not height or not inside or dispose > _PREVIOUS or blend > _OVER:
        raise damaged(name, "a frame of the PNG does not lie on its canvas")
    seconds = Fraction(part, whole or _HUNDREDTHS)
    return _Block(left, top, width, height, seconds, dispose, blend)


def _played(blocks: list[_Block], poster: int) -> list[_Block]:
    """Before the first frame there is nothing to go back to but the background."""
    first = blocks[poster]
    if first.dispose == _PREVIOUS:
        first = replace(first, dispose=_BACKGROUND)
    return [*blocks[:poster], first, *blocks[poster + 1 :]]


def _shots(png: Png, blocks: list[_Block], header: Header, name: str, start: int) -> Iterator[Shot]:
    import numpy as np

    metadata = read_metadata(png, name)
    still = replace(png, chunks=[chunk for chunk in png.chunks if chunk[0] != b"acTL"])
    notes = tuple(remarks(still, metadata))
    poster = _poster(png)
    canvas = np.zeros((png.height, png.width, header.channels), header.dtype)
    for index, block in enumerate(blocks):
        samples = _samples(png, block, header.channels, name)
        if index == 0 and poster:
            shown = samples
        else:
            shown, canvas = _laid(canvas, samples, block)
        if index >= start:
            yield _shot(shown, header, metadata, notes, block.seconds)


def _shot(
    samples: Samples,
    header: Header,
    metadata: Metadata,
    notes: tuple[str, ...],
    seconds: Fraction,
) -> Shot:
    return Shot(settle(samples, header.layout, metadata, notes), seconds)


def _samples(png: Png, block: _Block, channels: int, name: str) -> Samples:
    import numpy as np

    part = replace(png, width=block.width, height=block.height, samples=block.samples)
    samples = inflated(part, name)
    if samples.shape[2] == channels:
        return samples
    opaque = np.full((*samples.shape[:2], 1), np.iinfo(samples.dtype).max, samples.dtype)
    return np.concatenate([samples, opaque], axis=2)


def _laid(canvas: Samples, samples: Samples, block: _Block) -> tuple[Samples, Samples]:
    """The canvas as it is shown, and as the next frame finds it."""
    place, shown = block.place, canvas.copy()
    over = block.blend == _OVER and canvas.shape[2] in {2, 4}
    shown[place] = _over(canvas[place], samples) if over else samples
    if block.dispose == _PREVIOUS:
        return shown, canvas
    after = shown.copy() if block.dispose == _BACKGROUND else shown
    if block.dispose == _BACKGROUND:
        after[place] = 0
    return shown, after


def _over(below: Samples, above: Samples) -> Samples:
    """`(a*A + b*B*(1 - A)) / (A + B*(1 - A))` of colours a over b with opacities A and B."""
    import numpy as np

    full = int(np.iinfo(above.dtype).max)
    under, upper = below.astype(np.int64), above.astype(np.int64)
    front = upper[..., -1:] * full
    back = under[..., -1:] * (full - upper[..., -1:])
    weight = front + back
    whole = np.maximum(weight, 1)
    mixed = np.empty_like(upper)
    mixed[..., :-1] = (upper[..., :-1] * front + under[..., :-1] * back + whole // 2) // whole
    mixed[..., -1:] = (weight + full // 2) // full
    return mixed.astype(above.dtype)
