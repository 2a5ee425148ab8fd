"""WAV: every kind of samples, the chunks around them, and what is refused."""

from __future__ import annotations

import wave
from io import BytesIO
from struct import pack
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import wavfile

from convcli.errors import InputError, OutputError
from convcli.io import Image, Metadata, decode, encode, losses, probe, wav_write
from convcli.io.sound import Sound

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Samples = NDArray[Any]

RATE = 48_000
KINDS = ["int8", "int16", "int24", "int32", "float32", "float64"]
GUID = bytes.fromhex("000000001000800000aa00389b71")


def noise(kind: str, frames: int, channels: int) -> Samples:
    """Samples of all sizes, both ends among them, as convcli holds them."""
    rng = np.random.default_rng(frames + channels)
    if kind.startswith("float"):
        return rng.standard_normal((1, frames, channels)).astype(kind)
    full = 2 ** (int(kind[3:]) - 1)
    samples = rng.integers(-full, full, (1, frames, channels))
    samples.flat[0], samples.flat[-1] = -full, full - 1
    return samples.astype("int32" if kind == "int24" else kind)


def sound(kind: str, frames: int = 7, channels: int = 2, **said: Any) -> Image:
    bits = 24 if kind == "int24" else 0
    about = Metadata(sound=Sound(RATE, bits, **said))
    return Image(noise(kind, frames, channels), "sound", about, ndim=1, column=True)


def described(codec: int = 1, channels: int = 1, rate: int = RATE, bits: int = 16) -> bytes:
    each = channels * ((bits + 7) // 8)
    return pack("<HHIIHH", codec, channels, rate, rate * each & 0xFFFFFFFF, each & 0xFFFF, bits)


def file(*chunks: tuple[bytes, bytes], outer: bytes = b"RIFF") -> bytes:
    body = b"".join(
        name + pack("<I", len(held)) + held + b"\0" * (len(held) % 2) for name, held in chunks
    )
    return outer + pack("<I", 4 + len(body)) + b"WAVE" + body


def read(data: bytes) -> Image:
    return decode(data, "x.wav", max_pixels=None)


# --- samples --------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2, 3, 6, 40])
@pytest.mark.parametrize("frames", [1, 2, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_read(kind: str, frames: int, channels: int) -> None:
    image = sound(kind, frames, channels)
    payload = encode(image, "WAV")
    back, header = read(payload), probe(payload, "x.wav")
    assert back.samples.dtype == image.samples.dtype
    np.testing.assert_array_equal(back.samples, image.samples)
    assert back.metadata == image.metadata
    assert back.notes == ()
    assert (header.height, header.width, header.channels) == back.samples.shape
    assert (header.format, header.layout, header.signal) == ("WAV", "sound", True)
    assert (header.dtype, header.bits) == (back.samples.dtype.name, 24 * (kind == "int24"))
    assert len(payload) % 2 == 0
    assert int.from_bytes(payload[4:8], "little") == len(payload) - 8
    assert encode(back, "WAV") == payload


@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("ignore:Chunk")
def test_scipy_reads_the_same(kind: str, channels: int) -> None:
    image = sound(kind, 9, channels)
    rate, found = wavfile.read(BytesIO(encode(image, "WAV")))
    wanted = image.samples[0, :, 0] if channels == 1 else image.samples[0]
    if kind == "int24":
        wanted = wanted << 8  # SciPy has them in the upper bytes
    if kind == "int8":
        wanted = (wanted.astype(int) + 128).astype("uint8")
    assert (rate, found.dtype) == (RATE, wanted.dtype)
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_what_scipy_writes_is_read(dtype: str, channels: int) -> None:
    rng = np.random.default_rng(5)
    samples = (100 * rng.random((11, channels))).astype(dtype)
    stream = BytesIO()
    wavfile.write(stream, 8000, samples)
    image = read(stream.getvalue())
    wanted = samples.astype(int) - 128 if dtype == "uint8" else samples
    np.testing.assert_array_equal(image.samples[0], wanted)
    assert image.metadata.sound == Sound(8000)


@pytest.mark.parametrize("kind", ["int8", "int16", "int24", "int32"])
@pytest.mark.parametrize("channels", [1, 2])
def test_pythons_wave_reads_and_writes_the_same(kind: str, channels: int) -> None:
    image = sound(kind, 10, channels)  # an even number: `wave` never pads
    payload = encode(image, "WAV")
    with wave.open(BytesIO(payload)) as found:
        said, frames = found.getparams(), found.readframes(99)
    assert said[:4] == (channels, int(kind[3:]) // 8, RATE, 10)
    stream = BytesIO()
    with wave.open(stream, "wb") as made:
        made.setparams(said)
        made.writeframes(frames)
    assert stream.getvalue() == payload


def test_samples_of_24_bits_are_numbers_of_24_bits() -> None:
    held = bytes.fromhex("010000 ffffff ffff7f 000080")
    image = read(file((b"fmt ", described(bits=24)), (b"data", held)))
    assert image.samples.ravel().tolist() == [1, -1, 2**23 - 1, -(2**23)]


def test_bits_that_are_not_in_use_are_told() -> None:
    twelve = file((b"fmt ", described(bits=12)), (b"data", bytes(4)))
    assert read(twelve).notes == ("12 bits in 16: filtered and written as all",)
    body = described(0xFFFE, 1, RATE, 24) + pack("<HHIH", 22, 20, 4, 1) + GUID
    image = read(file((b"fmt ", body), (b"data", bytes(6))))
    assert image.notes == ("20 bits in 24: filtered and written as all",)
    assert image.metadata.sound == Sound(RATE, 24, 4)


# --- what stands around them ----------------------------------------------------------------------

INFO = (b"LIST", b"INFOINAM" + pack("<I", 6) + b"Title\0")
CUE = (b"cue ", pack("<I6I", 1, 1, 3, 0x61746164, 0, 0, 3))


def test_mask_and_words_and_places_are_kept() -> None:
    image = sound("int16", channels=6, mask=0x3F, chunks=(INFO, CUE, (b"id3 ", b"odd")))
    payload = encode(image, "WAV")
    assert read(payload).metadata == image.metadata
    assert payload[20:22] == b"\xfe\xff"
    assert losses(image, "WAV") == ()
    assert losses(image, "NPY") == ("NPY keeps no sample rate",)


def test_what_describes_the_input_alone_is_left_out_and_told() -> None:
    chunks = [(b"fmt ", described()), (b"PEAK", bytes(16)), INFO, (b"JUNK", bytes(9))]
    image = read(file(*chunks, (b"data", bytes(8)), (b"a\xff\x1b\n", b"?")))
    assert image.metadata.sound == Sound(RATE, chunks=(INFO,))
    (note,) = image.notes
    assert note == r"chunks 'PEAK', 'a\xff\x1b\n' left out: it may not be true of the result"


def test_a_rate_is_divided_and_rounded_with_a_note() -> None:
    said = Sound(48_000, 24, 3, (INFO, CUE))
    assert said.after(1, 2, moved=False) == (said, ())
    assert said.after(3, 1, moved=True) == (
        Sound(16_000, 24, 0, (INFO,)),
        ("chunk 'cue ' left out: samples moved",),
    )
    rate, notes = Sound(44_100).after(8, 1, moved=True)
    assert rate == Sound(5513)
    assert notes == ("44,100 / 8 is not whole: 5,513 samples a second written",)
    assert Sound(1).after(9, 1, moved=True)[0] == Sound(1)


def test_a_signal_without_a_rate_gets_one_and_is_told() -> None:
    image = Image(noise("int16", 4, 1), "sound")
    assert read(encode(image, "WAV")).metadata.sound == Sound(44_100)
    assert losses(image, "WAV") == (
        "nothing tells the sample rate: 44,100 samples a second written",
    )


# --- sizes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outer", "said"),
    [
        (0xFFFFFFFF, 0xFFFFFFFF),  # FFmpeg
        (0x7FFFF024, 0x7FFFF000),  # SoX
        (0x80000024, 0x80000000),  # arecord
        (0xFFFFFFFF, 0xFFFFFFDB),  # the outer one less the header
        (0, 0),  # a recorder that was not stopped
        (36, 0),
        (0xFFFFFFFF, 0),
    ],
)
def test_what_came_through_a_pipe_is_read_to_its_end(outer: int, said: int) -> None:
    whole = bytearray(file((b"fmt ", described()), (b"data", pack("<3h", 1, -2, 3) + b"?")))
    whole = whole[:-1]  # the padding of an odd size, which nobody writes there
    whole[4:8], whole[40:44] = pack("<I", outer), pack("<I", said)
    image = read(bytes(whole))
    assert image.samples.ravel().tolist() == [1, -2, 3]
    assert image.notes == (
        "its header gives no size, as of a pipe: read to the end",
        "left out at its end: 1 B, no samples of all channels",
    )


@pytest.mark.parametrize("outer", [0xFFFFFFFF, 0, 36])
def test_a_file_of_no_samples_stays_one(outer: int) -> None:
    empty = bytearray(file((b"fmt ", described()), (b"data", b"")))
    empty[4:8] = pack("<I", outer)
    with pytest.raises(InputError, match="it has no samples"):
        read(bytes(empty))


def test_chunks_behind_no_samples_are_no_samples() -> None:
    with pytest.raises(InputError, match="it has no samples"):
        read(file((b"fmt ", described()), (b"data", b""), INFO))


@pytest.mark.parametrize("outer", [b"RF64", b"BW64"])
def test_sizes_of_64_bits(outer: bytes) -> None:
    long = pack("<QQQI", 0, 4, 2, 1) + b"wide" + pack("<Q", 2)
    payload = file(
        (b"ds64", long), (b"fmt ", described()), (b"data", b"\1\0\2\0"), INFO, outer=outer
    )
    cut = payload.index(b"data") + 4
    payload = payload[:cut] + pack("<I", 0xFFFFFFFF) + payload[cut + 4 :]
    image = read(payload)
    assert image.samples.ravel().tolist() == [1, 2]
    assert image.metadata.sound == Sound(RATE, chunks=(INFO,))
    with pytest.raises(InputError, match="holds 3 bytes of samples, its header says 4"):
        read(payload[: cut + 7])


@pytest.mark.parametrize("said", [0x80000000, 0x7FFFF000, 0xFFFFFFFF])
def test_sizes_of_64_bits_are_never_those_of_a_pipe(said: int) -> None:
    long = pack("<QQQI", 0, said, 2, 0)
    payload = file((b"ds64", long), (b"fmt ", described()), (b"data", b"\1\0\2\0"), outer=b"RF64")
    cut = payload.index(b"data") + 4
    payload = payload[:cut] + pack("<I", 0xFFFFFFFF) + payload[cut + 4 :]
    with pytest.raises(InputError, match=f"holds 4 bytes of samples, its header says {said:,}"):
        read(payload)


def test_what_32_bits_do_not_hold_becomes_rf64(monkeypatch: pytest.MonkeyPatch) -> None:
    image = sound("int16", 300, 2, chunks=(INFO,))
    monkeypatch.setattr(wav_write, "_SHORT", 1000)
    payload = bytearray(encode(image, "WAV"))
    assert payload[:4] == b"RF64"
    assert int.from_bytes(payload[20:28], "little") == len(payload) - 8
    for at in (4, payload.index(b"data") + 4):  # what the true limit would have written
        assert payload[at : at + 4] == pack("<I", 1000)
        payload[at : at + 4] = pack("<I", 0xFFFFFFFF)
    back = read(bytes(payload))
    np.testing.assert_array_equal(back.samples, image.samples)
    assert back.metadata == image.metadata


def test_a_file_cut_anywhere_is_refused_or_read_whole_with_a_note() -> None:
    image = sound("int24", 5, 2, chunks=(INFO,))
    held = image.samples.astype("<i4").view("u1").reshape(-1, 4)[:, :3].tobytes()
    late = file((b"fmt ", described(1, 2, RATE, 24)), (b"data", held), INFO)
    refused = 0
    for end in range(1, len(late)):
        try:
            found = read(late[:end])
        except InputError:
            refused += 1
            with pytest.raises(InputError, match=r"x\.wav"):
                probe(late[:end], "x.wav")
        else:
            np.testing.assert_array_equal(found.samples, image.samples)
            assert end >= late.index(held) + len(held)
            assert bool(found.notes) == (end >= late.index(b"LIST") + 8)
    assert refused == late.index(held) + len(held) - 1


@given(st.binary(max_size=80), st.integers(0, 60), st.booleans())
def test_noise_is_refused_or_read_never_worse(noisy: bytes, at: int, over: bool) -> None:  # noqa: FBT001 - hypothesis draws it
    sane = file((b"fmt ", described()), (b"data", bytes(12)), INFO)
    payload = sane[:at] + noisy + sane[at + len(noisy) * over :]
    try:
        image = read(payload)
    except InputError:
        return
    assert image.samples.nbytes <= 4 * len(payload)


@pytest.mark.parametrize(
    ("chunks", "said"),
    [
        ([(b"fmt ", described(channels=0)), (b"data", bytes(4))], "0 channels"),
        ([(b"fmt ", described(rate=0)), (b"data", bytes(4))], "0 samples a second"),
        ([(b"fmt ", described(bits=0)), (b"data", bytes(4))], "contradict"),
        ([(b"fmt ", described(channels=65535)), (b"data", bytes(4))], "contradict|no samples"),
        ([(b"fmt ", described()), (b"data", b"")], "no samples"),
        ([(b"fmt ", described()), (b"data", b"1")], "no samples"),
        ([(b"fmt ", described())], "no samples"),
        ([(b"data", bytes(4)), (b"fmt ", described())], "before their description"),
        ([(b"fmt ", b"12"), (b"data", bytes(4))], "cut"),
        ([INFO], "nothing says what"),
        ([], "nothing says what"),
        ([(b"fmt ", described()), *[(b"JUNK", b"")] * 10_000], "more than 10,000 chunks"),
    ],
)
def test_what_contradicts_itself_is_refused(chunks: list[tuple[bytes, bytes]], said: str) -> None:
    for reader in (read, lambda data: probe(data, "x.wav")):
        with pytest.raises(InputError, match=f"x.wav can't be read: .*({said})"):
            reader(file(*chunks))


@pytest.mark.parametrize(
    ("codec", "called"),
    [(2, "Microsoft ADPCM"), (7, "mu-law"), (0x11, "IMA ADPCM"), (0x55, "MP3"), (99, "0x0063")],
)
def test_compressed_sound_is_called_by_its_name(codec: int, called: str) -> None:
    with pytest.raises(InputError, match=f"x.wav holds sound as .*{called}") as caught:
        read(file((b"fmt ", described(codec, bits=8)), (b"data", bytes(4))))
    assert "ffmpeg" in caught.value.hint
    assert caught.value.cause == "unsupported"


@pytest.mark.parametrize(
    ("codec", "bits", "called"),
    [(1, 40, "PCM of 40 bits"), (1, 64, "PCM of 64 bits"), (3, 16, "floats of 16 bits")],
)
def test_samples_of_other_sizes_are_called_by_their_name(
    codec: int, bits: int, called: str
) -> None:
    with pytest.raises(InputError, match=f"x.wav holds sound as {called}") as caught:
        read(file((b"fmt ", described(codec, bits=bits)), (b"data", bytes(40))))
    assert "pcm_f32le" in caught.value.hint  # 16 bits would cut them


@pytest.mark.parametrize(
    ("head", "called"),
    [
        (b"fLaC\0\0", "FLAC"),
        (b"OggS\0\2", "Ogg"),
        (b"ID3\4\0", "MP3"),
        (b"\xff\xfb\x90\0", "MP3"),
        (b"FORM\0\0\0\0AIFF", "AIFF"),
        (b"FORM\0\0\0\0AIFC", "AIFF"),
        (b"RIFX\0\0\0\0WAVE", "big-endian WAV"),
        (b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb", "Wave64"),
    ],
)
def test_other_sound_is_called_by_its_name(head: bytes, called: str) -> None:
    with pytest.raises(InputError, match=f"x.wav is {called} sound") as caught:
        read(head + bytes(40))
    assert caught.value.hint == "Convert it: ffmpeg -i INPUT plain.wav"


def test_a_picture_of_the_amiga_is_no_sound() -> None:
    with pytest.raises(InputError, match=r"x.iff is not an image"):
        decode(b"FORM\0\0\0\x04ILBMBMHD" + bytes(40), "x.iff", max_pixels=None)


def test_a_size_that_lies_costs_no_memory() -> None:
    for size in (0x7FFFFFFF, 0xFFFFFFFE):
        with pytest.raises(InputError, match="holds 4 bytes of samples"):
            read(
                file((b"fmt ", described()), (b"data", bytes(4)))[:-8] + pack("<I", size) + bytes(4)
            )


def test_more_channels_than_its_header_can_tell_are_refused() -> None:
    with pytest.raises(OutputError, match=r"has 9,000 channels; WAV ends at 8,191"):
        encode(Image(np.zeros((1, 1, 9000)), "sound"), "WAV")


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int64", "float16"])
def test_samples_that_no_wav_holds_are_refused(dtype: str) -> None:
    with pytest.raises(OutputError, match=rf"has .*(16 bits|{dtype})"):
        encode(Image(np.zeros((1, 3, 1), dtype), "sound"), "WAV")


def test_only_one_row_is_sound() -> None:
    with pytest.raises(OutputError, match="2 rows; WAV holds sound"):
        encode(Image(np.zeros((2, 3, 1)), "sound"), "WAV")
