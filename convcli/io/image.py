"""
Image = samples (rows, columns, channels) + layout + metadata + notes.

    file --read_bytes--> bytes --decode--> Image --encode--> bytes --write_bytes--> file

Everything here is plain data; NumPy is needed to fill it, not to import it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from convcli.io.arrival import at_once
from convcli.record import record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convcli.io.arrival import Ready
    from convcli.io.sound import Sound

Samples: TypeAlias = "NDArray[Any]"
Layout: TypeAlias = Literal["grey", "grey+alpha", "rgb", "rgb+alpha", "numbers", "sound"]

CHANNELS: dict[Layout, int] = {"grey": 1, "grey+alpha": 2, "rgb": 3, "rgb+alpha": 4}

NO_IPTC = "IPTC and Photoshop data left out"
"""The note of readers that come upon these."""


@record
class Metadata:
    """
    What a file says beside its samples; None or empty where it says nothing.

    `icc`: an ICC profile that fits the layout. `exif`: a TIFF stream (`II*\\0` or `MM\\0*` first,
    without `Exif\\0\\0`), orientation reset to 1. `xmp`: a packet, orientation reset to 1.
    `dpi`: dots per inch, horizontal and vertical. `comment`: that of a JPEG. `png`: text and colour
    chunks (gAMA, cHRM, sRGB, cICP, mDCV, cLLI, tEXt, zTXt, iTXt) as (type, contents), which only
    PNG can hold. `sound`: sample rate and the like of a WAV.
    """  # noqa: D301 - raw would break the two escapes that the reader needs to see

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    comment: bytes | None = None
    png: tuple[tuple[bytes, bytes], ...] = ()
    sound: Sound | None = None


@record
class Image:
    """
    A decoded file, upright: orientation is baked into the samples.

    `samples`: (rows, columns, channels), C-contiguous, native byte order; uint8, uint16, float32
    or float64 for pictures, any bool, integer or float dtype for `numbers`; for `sound`, whose one
    row is as long as the sound, signed integers and floats. `notes`: what reading changed, as
    sentences. `ndim`: dimensions that a file of numbers had, and `column` that its row stood
    upright, so that it gets them back.
    `ready(n)` returns once the first n rows are there: of a picture that `decode` gave, all are.
    """

    samples: Samples
    layout: Layout
    metadata: Metadata = Metadata()
    notes: tuple[str, ...] = ()
    ndim: int = 3
    column: bool = False
    ready: Ready = at_once

    @property
    def alpha(self) -> bool:
        """Whether the last channel is opacity."""
        return self.layout.endswith("+alpha")


@record
class Header:
    """
    What a file says about its samples, read without decoding them.

    `width` and `height` are pixels after orientation, `dtype` and `layout` those that `decode`
    returns, `bytes` the size of the file. `signal`: its one row is all there is, by the file's own
    word. `bits` of a sample, where the dtype has more.
    """

    format: str
    width: int
    height: int
    channels: int
    dtype: str
    layout: Layout
    frames: int = 1
    bytes: int = 0
    signal: bool = False
    bits: int = 0
