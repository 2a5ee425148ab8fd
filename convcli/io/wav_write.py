"""
One row of samples -> WAV, piece by piece: RIFF, or RF64 where 32 bits do not hold its size.

    int8 -> 8 bits around 128      int16 -> 16      int32 -> 32, or 24 where the sound says so
    float32, float64 -> floats     more than two channels, or a mask -> WAVE_FORMAT_EXTENSIBLE
"""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING

from convcli.errors import OutputError
from convcli.io.sound import RATE, Sound
from convcli.io.wav import EXTENSIBLE, FLOAT, GUID, PCM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convcli.io.image import Image, Samples

_SHORT = 0xFFFFFFFF
"""The size that stands for one which is given elsewhere, in `ds64`."""
_PIECE = 1 << 20  # samples of each channel
_STEREO = 2
_MOST = 0xFFFF
"""Bytes of one sample of all channels, at most, as their field holds them."""


def encode(image: Image) -> Iterator[bytes]:
    """The whole file, header first; the rate of `image.metadata.sound`, else RATE."""
    sound = image.metadata.sound or Sound(RATE)
    row = image.samples[0]
    width = _width(row, sound)
    if row.shape[1] * width > _MOST:
        raise OutputError(
            f"The sound has {row.shape[1]:,} channels; WAV ends at {_MOST // width:,}.",
            "Write .npy.",
        )
    size = row.size * width
    yield _head(row, sound, width, size)
    for start in range(0, len(row), _PIECE):
        yield _packed(row[start : start + _PIECE], width)
    yield b"\0" * (size % 2)


def _width(row: Samples, sound: Sound) -> int:
    """Bytes of a sample."""
    return 3 if row.dtype.name == "int32" and sound.bits == 24 else row.dtype.itemsize  # noqa: PLR2004 - bits of three bytes


def _head(row: Samples, sound: Sound, width: int, size: int) -> bytes:
    """All that stands before the samples."""
    chunks = [(b"fmt ", _form(row, sound, width))]
    if row.dtype.kind == "f":
        chunks.append((b"fact", pack("<I", min(len(row), _SHORT))))
    parts = b"".join(_chunk(*chunk) for chunk in (*chunks, *sound.chunks))
    whole = 4 + len(parts) + 8 + size + size % 2
    if whole <= _SHORT:
        return b"RIFF" + pack("<I", whole) + b"WAVE" + parts + b"data" + pack("<I", size)
    long = _chunk(b"ds64", pack("<QQQI", whole + 36, size, len(row), 0))
    short = pack("<I", _SHORT)
    return b"RF64" + short + b"WAVE" + long + parts + b"data" + short


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _form(row: Samples, sound: Sound, width: int) -> bytes:
    """`fmt `: codec, channels, rate, bytes a second, bytes of one sample of all channels, bits."""
    channels, codec = row.shape[1], FLOAT if row.dtype.kind == "f" else PCM
    extended = channels > _STEREO or sound.mask
    each = channels * width
    pace = min(sound.rate * each, _SHORT)
    short = pack(
        "<HHIIHH", EXTENSIBLE if extended else codec, channels, sound.rate, pace, each, 8 * width
    )
    if extended:
        return short + pack("<HHIH", 22, 8 * width, sound.mask, codec) + GUID
    return short + b"\0\0" * (codec == FLOAT)


def _packed(samples: Samples, width: int) -> bytes:
    """Samples as the file has them: the first channel first, little-endian."""
    import numpy as np

    if width == 1:
        return (np.ascontiguousarray(samples).view(np.uint8) ^ 0x80).tobytes()
    little = np.ascontiguousarray(samples, samples.dtype.newbyteorder("<"))
    if width == little.itemsize:
        return little.tobytes()
    return little.view(np.uint8).reshape(-1, 4)[:, :width].tobytes()
