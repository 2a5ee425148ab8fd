"""
PNM: P1 P4 bits, P2 P5 grey, P3 P6 colour, P7 any, Pf PF floats.

    P5  <width> <height> <maxval>  samples, two bytes each above maxval 255, big-endian

Samples are scaled to the full range of 8 or 16 bits where maxval is not 255 or 65535.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from convcli.io.image import CHANNELS, Header, Image, Layout, Metadata, Samples
from convcli.io.limits import check_size, damaged
from convcli.io.settle import settle
from convcli.record import record

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAMES = {"1": "PBM", "4": "PBM", "2": "PGM", "5": "PGM", "3": "PPM", "6": "PPM", "7": "PAM"}
_LAYOUTS: dict[int, Layout] = {1: "grey", 2: "grey+alpha", 3: "rgb", 4: "rgb+alpha"}
_SPACE = rb"(?:\s|#[^\n\r]*[\n\r])"
_TOKEN = re.compile(_SPACE + rb"+([^\s#]{1,32})")
_PAM = re.compile(rb"P7\s*\n(.{0,4096}?)ENDHDR\n", re.DOTALL)
_BYTE, _WORD = 255, 65535


@record
class Pnm:
    """Header: `kind` is the character after P, `start` the offset of the first sample."""

    kind: str
    width: int
    height: int
    channels: int
    maxval: int
    start: int
    order: str = ">"

    @property
    def dtype(self) -> str:
        """Sample type that decoding gives."""
        if self.kind in "fF":
            return "float32"
        return "uint8" if self.maxval <= _BYTE else "uint16"


def probe(data: bytes, name: str) -> Header:
    """Header of a PNM."""
    pnm = _header(data, name)
    layout = _LAYOUTS[pnm.channels]
    format_name = _NAMES.get(pnm.kind, "PFM")
    size = len(data)
    return Header(
        format_name, pnm.width, pnm.height, CHANNELS[layout], pnm.dtype, layout, bytes=size
    )


def decode(data: bytes, name: str, *, max_pixels: int | None) -> Image:
    """Samples uint8, uint16 or float32; InputError for anything short or out of range."""
    pnm = _header(data, name)
    check_size(name, pnm.width, pnm.height, max_pixels)
    if pnm.kind in "fF":
        samples = _floats(data, pnm, name)
    elif pnm.kind in "14":
        samples = _bits(data, pnm, name)
    else:
        samples = _scaled(_integers(data, pnm, name), pnm, name)
    shaped = samples.reshape(pnm.height, pnm.width, pnm.channels)
    return settle(shaped, _LAYOUTS[pnm.channels], Metadata(), tuple(_notes(pnm)))


def _notes(pnm: Pnm) -> Iterator[str]:
    if pnm.kind in "14":
        yield "1-bit decoded to 8-bit grey"
    elif pnm.kind not in "fF" and pnm.maxval not in {_BYTE, _WORD}:
        yield f"samples scaled from 0..{pnm.maxval} to the full range"


def _header(data: bytes, name: str) -> Pnm:
    kind = data[1:2].decode("latin-1")
    if kind == "7":
        return _pam_header(data, name)
    count = 2 if kind in "14" else 3
    words, at = [], 2
    for _ in range(count):
        found = _TOKEN.match(data, at)
        if not found:
            raise damaged(name, "its header stops early")
        words.append(found[1])
        at = found.end()
    width, height = _whole(words[0], name), _whole(words[1], name)
    channels = 3 if kind in "36F" else 1
    if kind in "fF":
        order = "<" if _scale(words[2], name) < 0 else ">"
        return Pnm(kind, width, height, channels, 0, at + 1, order)
    maxval = 1 if kind in "14" else _maxval(_whole(words[2], name), name)
    return Pnm(kind, width, height, channels, maxval, at + 1)


def _pam_header(data: bytes, name: str) -> Pnm:
    found = _PAM.match(data)
    if not found:
        raise damaged(name, "its PAM header has no end")
    lines = (line.split(None, 1) for line in found[1].splitlines() if not line.startswith(b"#"))
    fields = {line[0]: line[1] for line in lines if len(line) == 2}  # noqa: PLR2004 - key, value
    keys = (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL")
    if any(key not in fields for key in keys):
        raise damaged(name, "its PAM header lacks WIDTH, HEIGHT, DEPTH or MAXVAL")
    width, height, channels, maxval = (_whole(fields[key].strip(), name) for key in keys)
    if channels not in _LAYOUTS:
        raise damaged(name, f"a PAM of {channels} channels is none convcli knows")
    return Pnm("7", width, height, channels, _maxval(maxval, name), found.end())


def _whole(word: bytes, name: str) -> int:
    if not word.isdigit():
        raise damaged(name, f"{word!r} in its header is not a whole number")
    return int(word)


def _maxval(value: int, name: str) -> int:
    if not 1 <= value <= _WORD:
        raise damaged(name, f"its largest sample is said to be {value}, not 1 to 65535")
    return value


def _scale(word: bytes, name: str) -> float:
    try:
        scale = float(word)
    except ValueError:
        scale = 0.0
    if scale == 0 or scale * 0 != 0:
        raise damaged(name, f"{word!r} is no scale of a PFM")
    return scale


def _taken(data: bytes, pnm: Pnm, size: int, name: str) -> memoryview:
    held = memoryview(data)[pnm.start : pnm.start + size]
    if len(held) != size:
        raise damaged(name, f"it holds {len(held)} bytes of samples, its header says {size}")
    return held


def _floats(data: bytes, pnm: Pnm, name: str) -> Samples:
    """Rows of a PFM run from the bottom to the top."""
    import numpy as np

    count = pnm.height * pnm.width * pnm.channels
    samples = np.frombuffer(_taken(data, pnm, 4 * count, name), pnm.order + "f4")
    return samples.reshape(pnm.height, -1)[::-1]


def _integers(data: bytes, pnm: Pnm, name: str) -> Samples:
    import numpy as np

    count = pnm.height * pnm.width * pnm.channels
    if pnm.kind in "23":
        return _plain_integers(data, pnm, count, name)
    width = 1 if pnm.maxval <= _BYTE else 2
    return np.frombuffer(_taken(data, pnm, width * count, name), ">u2" if width > 1 else "u1")


def _plain_integers(data: bytes, pnm: Pnm, count: int, name: str) -> Samples:
    import numpy as np

    words = _uncommented(data[pnm.start - 1 :]).split(None, count)[:count]
    if len(words) < count:
        raise damaged(name, f"it holds {len(words)} samples, its header says {count}")
    wrong = next((word for word in words if not word.isdigit() or len(word) > 6), None)  # noqa: PLR2004 - 65535 and a zero
    if wrong is not None:
        raise damaged(name, f"{wrong[:20]!r} is not a sample")
    return np.array([int(word) for word in words], np.uint32)


def _uncommented(text: bytes) -> bytes:
    return re.sub(rb"#[^\n\r]*", b" ", text)


def _bits(data: bytes, pnm: Pnm, name: str) -> Samples:
    """1 is black."""
    import numpy as np

    if pnm.kind == "1":
        count = pnm.height * pnm.width
        digits = b"".join(_uncommented(data[pnm.start - 1 :]).split())[:count]
        if len(digits) != count or digits.strip(b"01"):
            raise damaged(name, f"it does not hold {count} digits 0 and 1")
        ink = np.frombuffer(digits, np.uint8) - ord("0")
    else:
        row = -(-pnm.width // 8)
        packed = np.frombuffer(_taken(data, pnm, row * pnm.height, name), np.uint8)
        ink = np.unpackbits(packed.reshape(pnm.height, row), axis=1, count=pnm.width)
    return (1 - ink) * np.uint8(_BYTE)


def _scaled(samples: Samples, pnm: Pnm, name: str) -> Samples:
    """`round(v * full / maxval)` in uint8 or uint16, `full` being 255 or 65535."""
    import numpy as np

    if samples.max(initial=0) > pnm.maxval:
        raise damaged(name, f"a sample is larger than {pnm.maxval}, the largest it allows")
    full = _BYTE if pnm.maxval <= _BYTE else _WORD
    if pnm.maxval == full:
        return samples.astype(pnm.dtype)
    wide = samples.astype(np.uint32) * (2 * full) + pnm.maxval
    return (wide // (2 * pnm.maxval)).astype(pnm.dtype)
