"""
WAV -> one row of samples, as many channels as it has: RIFF, RF64 and BW64, PCM and floats.

    RIFF size WAVE | fmt  size ... | LIST size ... | data size samples | ...     chunks, even sizes

    8 bits       unsigned around 128 in the file    int8
    16, 32 bits  signed                             int16, int32
    24 bits      signed, three bytes                int32 from -2**23 to 2**23 - 1
    float        1.0 is full                        float32, float64

Neither Python's `wave` nor SciPy's reader knows all of these and the chunks around them, hence our
own. Layout after "Multimedia Programming Interface and Data Specifications 1.0" (1991), Microsoft's
"Multiple Channel Audio Data and WAVE Files" and EBU Tech 3306 (RF64).
"""

from __future__ import annotations

from struct import unpack_from
from typing import TYPE_CHECKING

from convcli.errors import InputError
from convcli.io.image import Header, Image, Metadata, Samples
from convcli.io.limits import damaged
from convcli.io.settle import native
from convcli.io.sound import Chunk, Sound, sorted_out
from convcli.record import record

if TYPE_CHECKING:
    from collections.abc import Iterator

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
GUID = bytes.fromhex("000000001000800000aa00389b71")
"""What follows the two bytes of a codec in the long name that WAVE_FORMAT_EXTENSIBLE has for it."""

_CODECS = {
    2: "Microsoft ADPCM", 6: "A-law", 7: "mu-law", 0x11: "IMA ADPCM", 0x31: "GSM 6.10",
    0x50: "MPEG", 0x55: "MP3", 0xFF: "AAC", 0x161: "Windows Media Audio",
}  # fmt: skip
_DTYPES = {(PCM, 1): "int8", (PCM, 2): "int16", (PCM, 3): "int32", (PCM, 4): "int32",
           (FLOAT, 4): "float32", (FLOAT, 8): "float64"}  # fmt: skip
_SHORT, _LONG = 16, 40  # bytes of a description, without and with a mask
_TRIPLE = 3  # bytes of 24 bits
_UNSAID = 0xFFFFFFFF
_ENDLESS = {_UNSAID, 0x7FFFF000, 0x80000000}
"""What FFmpeg, SoX and arecord write into a pipe, where they can't come back to say the size."""
_CHUNKS = 10_000
"""More than any program writes; each costs time, however small it is."""


@record
class _Form:
    """What `fmt ` says: dtype, bytes of a sample, channels, rate, mask, bits that are in use."""

    dtype: str
    width: int
    channels: int
    rate: int
    mask: int
    valid: int

    @property
    def bits(self) -> int:
        """Bits of a sample, where its dtype has more."""
        return 8 * _TRIPLE if self.width == _TRIPLE else 0


@record
class _File:
    """A description, where the samples lie and how many there are of each channel, the rest."""

    form: _Form
    start: int
    frames: int
    chunks: tuple[Chunk, ...]
    notes: tuple[str, ...]


def probe(data: bytes, name: str) -> Header:
    """Header of a WAV: its width is the number of samples of each channel."""
    file = _read(data, name)
    form = file.form
    return Header(
        "WAV",
        file.frames,
        1,
        form.channels,
        form.dtype,
        "sound",
        bytes=len(data),
        signal=True,
        bits=form.bits,
    )


def decode(data: bytes, name: str, *, max_pixels: int | None) -> Image:  # noqa: ARG001 - see below
    """
    Samples (1, samples, channels); InputError for a WAV that is damaged or compressed.

    `max_pixels` guards against small files of large pictures: samples here lie in the file as they
    are, and are no more than it holds.
    """
    file = _read(data, name)
    form, notes = file.form, file.notes
    if form.valid != 8 * form.width:
        notes = (*notes, f"{form.valid} bits in {8 * form.width}: filtered and written as all")
    chunks, lost = sorted_out(file.chunks)
    sound = Sound(form.rate, form.bits, form.mask, chunks)
    samples = _samples(data, file).reshape(1, file.frames, form.channels)
    return Image(samples, "sound", Metadata(sound=sound), (*notes, *lost), ndim=1, column=True)


# --- samples --------------------------------------------------------------------------------------


def _samples(data: bytes, file: _File) -> Samples:
    """All samples in a row, in the order of the file; a view of it where that is possible."""
    import numpy as np

    form, count = file.form, file.frames * file.form.channels
    if form.width == _TRIPLE:
        return _widened(np.frombuffer(data, np.uint8, _TRIPLE * count, file.start))
    if form.width == 1:
        return (np.frombuffer(data, np.uint8, count, file.start) ^ 0x80).view(np.int8)
    stored = np.dtype(form.dtype).newbyteorder("<")
    return native(np.require(np.frombuffer(data, stored, count, file.start), requirements="A"))


def _widened(packed: Samples) -> Samples:
    """Three bytes each to int32: into the upper three of four, then shifted with the sign."""
    import numpy as np

    wide = np.empty(packed.size // _TRIPLE, "<i4")
    wide.view(np.uint8).reshape(-1, 4)[:, 1:] = packed.reshape(-1, _TRIPLE)
    wide >>= 8
    return native(wide)


# --- chunks ---------------------------------------------------------------------------------------


def _read(data: bytes, name: str) -> _File:
    """The file, taken apart; sizes of headers are held against what is there."""
    form: _Form | None = None
    place: tuple[int, int] | None = None
    chunks, notes, long = list[Chunk](), list[str](), _long_sizes(data)
    for kind, start, size in _walk(data, name, long):
        held = min(size, len(data) - start)
        if kind == b"fmt " and form is None:
            form = _form(data[start : start + held], name)
        elif kind == b"data" and place is None:
            if form is None:
                raise damaged(name, "its samples come before their description")
            piped = size == _UNSAID and b"data" not in long
            frames, said = _frames(form, size, held, name, piped=piped)
            place, notes = (start, frames), [*notes, *said]
        elif held < size:
            notes.append(f"its last chunk, {kind.decode('latin-1')!a}, is cut: left out")
        else:
            chunks.append((kind, data[start : start + size]))
    if form is None or place is None:
        raise damaged(name, "it has no samples" if form else "nothing says what its samples are")
    return _File(form, *place, tuple(chunks), tuple(notes))


def _walk(data: bytes, name: str, long: dict[bytes, int]) -> Iterator[tuple[bytes, int, int]]:
    """(name, place, size) of every chunk up to the end of the file, padded to even sizes."""
    at = 12
    for _ in range(_CHUNKS):
        if at + 8 > len(data):
            return
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if size == _UNSAID:
            size = long.get(kind, size)
        if kind == b"data" and kind not in long and _unsaid(data, at + 8, size):
            size = _UNSAID
        yield kind, at + 8, size
        at += 8 + size + size % 2
    raise damaged(name, f"it has more than {_CHUNKS:,} chunks")


def _long_sizes(data: bytes) -> dict[bytes, int]:
    """Of RF64: sizes that do not fit into 32 bits, by the name of the chunk."""
    if data[:4] == b"RIFF" or data[12:16] != b"ds64" or len(data) < 20 + 24:
        return {}
    size, (samples,) = int.from_bytes(data[16:20], "little"), unpack_from("<Q", data, 28)
    sizes = {b"data": samples}
    entries = min(int.from_bytes(data[44:48], "little"), _CHUNKS)
    for at in range(48, min(48 + 12 * entries, 20 + size - 11, len(data) - 11), 12):
        sizes[data[at : at + 4]] = unpack_from("<Q", data, at + 4)[0]
    return sizes


def _unsaid(data: bytes, start: int, size: int) -> bool:
    """
    Whether a size of samples is none: it stands for what a pipe still brings.

    A recorder that was not stopped leaves 0 behind, in a file that ends here by its own word.
    """
    left, whole = len(data) - start, int.from_bytes(data[4:8], "little")
    endless = data[:4] == b"RIFF" and whole in _ENDLESS
    if size > left:
        return size in _ENDLESS or endless
    return size == 0 and (endless or 8 + whole <= start)


def _frames(
    form: _Form, size: int, held: int, name: str, *, piped: bool
) -> tuple[int, tuple[str, ...]]:
    """Samples of each channel, and notes. InputError where some are missing."""
    if held < size and not piped:
        raise damaged(name, f"it holds {held:,} bytes of samples, its header says {size:,}")
    each = form.channels * form.width
    if held < each:
        raise damaged(name, "it has no samples")
    said = ["its header gives no size, as of a pipe: read to the end"] * piped
    if held % each:
        said.append(f"left out at its end: {held % each} B, no samples of all channels")
    return held // each, tuple(said)


def _form(body: bytes, name: str) -> _Form:
    """What a description says; InputError where it contradicts itself, or names another codec."""
    if len(body) < _SHORT:
        raise damaged(name, "the description of its samples is cut")
    codec, channels, rate, _, block, bits = unpack_from("<HHIIHH", body)
    valid, mask = bits, 0
    if codec == EXTENSIBLE and len(body) >= _LONG:
        valid, mask, codec = unpack_from("<HIH", body, 18)
        codec = codec if body[26:40] == GUID else EXTENSIBLE
    if codec not in {PCM, FLOAT}:
        raise _other(name, _CODECS.get(codec, f"codec 0x{codec:04x}"))
    if not channels or not rate:
        raise damaged(name, f"it has {channels} channels, {rate} samples a second")
    width = block // channels
    fits = block == width * channels and (bits + 7) // 8 == width and 0 < (valid or bits) <= bits
    if not fits:
        told = f"bits {bits}, channels {channels} and bytes of both {block} contradict each other"
        raise damaged(name, told)
    if (codec, width) not in _DTYPES:
        raise _other(name, f"{'floats' if codec == FLOAT else 'PCM'} of {bits} bits", "pcm_f32le")
    valid = 8 * width if codec == FLOAT else valid or bits
    return _Form(_DTYPES[codec, width], width, channels, rate, mask, valid)


def _other(name: str, what: str, plain: str = "pcm_s16le") -> InputError:
    return InputError(
        f"{name} holds sound as {what}; convcli reads PCM of 8 to 32 bits, floats of 32 and 64.",
        f"Convert it: ffmpeg -i INPUT -c:a {plain} plain.wav",
        cause="unsupported",
    )
