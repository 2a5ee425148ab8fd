"""
Files cut at any length and with any byte changed: a result, or one InputError, and nothing else.

A sample of the cases, the same each time; all of them with CONVCLI_EVERY_BYTE=1, for an hour.
"""

from __future__ import annotations

import os
import random
import struct
import warnings
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from hostile_files import files
from io_pictures import samples

from convcli.errors import InputError
from convcli.io import decode, probe
from convcli.job import Wishes, make_job
from convcli.kernels.library import find, search_path
from convcli.limits import Limits
from convcli.run import Writing, process

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES = dict(files())
CASES = None if os.environ.get("CONVCLI_EVERY_BYTE") else 16
JOB = make_job([find("box", search_path([]))], Wishes())
LIMITS = Limits("auto", 1, None, 10**6)
UNSEEN = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)


def damage(payload: bytes) -> Iterator[tuple[str, bytes]]:
    """(what was done, the file) for every cut and for three changes of every byte; or a sample."""
    done = [("cut", at, 0) for at in range(1, len(payload))]
    done += [("flip", at, by) for at in range(len(payload)) for by in (0xFF, 0x01, 0x80)]
    if CASES is not None and len(done) > CASES:
        done = random.Random(len(payload)).sample(done, CASES)  # noqa: S311 - the same each time
    for what, at, by in done:
        middle = b"" if what == "cut" else bytes([payload[at] ^ by]) + payload[at + 1 :]
        yield f"{what} {at} {by}", payload[:at] + middle


def attempt(name: str) -> bool:
    """Whether the file went through; an InputError of one line that names it is the other way."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            process(name, "out.npy", JOB, LIMITS, Writing())
        except InputError as error:
            assert name in error.message  # noqa: PT017 - either way is right, others are not
            assert "\n" not in error.message  # noqa: PT017 - as above
            return False
        finally:
            assert [one for one in said if not issubclass(one.category, UNSEEN)] == []
    return True


@pytest.mark.parametrize("name", FILES)
def test_damage_is_refused_in_one_line_or_read(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(FILES[name])
    assert attempt(name)
    Path("out.npy").unlink()
    for what, payload in damage(FILES[name]):
        Path(name).write_bytes(payload)
        try:
            written = attempt(name)
        except Exception as error:
            raise AssertionError(f"{name}, {what}: {error!r}") from error
        assert set(os.listdir()) == {name, *(["out.npy"] if written else [])}, what  # noqa: PTH208 - names
        Path("out.npy").unlink(missing_ok=True)
    assert capfd.readouterr() == ("", "")


def changed_tiff(code: int, at: int, value: int, **options: Any) -> bytes:
    """A TIFF, RGB; the 16 bits that are `at` bytes into the entry of tag `code` become `value`."""
    stream = BytesIO()
    tifffile.imwrite(stream, samples("rgb"), photometric="rgb", metadata=None, **options)
    whole = bytearray(stream.getvalue())
    page: Any = tifffile.TiffFile(BytesIO(bytes(whole))).pages[0]
    struct.pack_into("<H", whole, page.tags[code].offset + at, value)
    return bytes(whole)


@pytest.mark.parametrize("code", [256, 257, 277])
def test_a_tiff_whose_sides_are_no_numbers_is_refused_by_its_header(code: int) -> None:
    payload = changed_tiff(code, 4, 0)  # no values
    for look in (probe, lambda *file: decode(*file, max_pixels=None)):
        with pytest.raises(InputError, match=r"x\.tif can't be read"):
            look(payload, "x.tif")


@pytest.mark.parametrize(("photometric", "takes"), [(2, 3), (5, 4), (8, 3), (6, 3)])
@pytest.mark.parametrize("holds", [1, 2])
def test_a_tiff_of_fewer_samples_than_its_colours_is_refused(
    photometric: int, takes: int, holds: int
) -> None:
    payload = bytearray(changed_tiff(277, 8, holds))
    page: Any = tifffile.TiffFile(BytesIO(bytes(payload))).pages[0]
    struct.pack_into("<H", payload, page.tags[262].valueoffset, photometric)
    for look in (probe, lambda *file: decode(*file, max_pixels=None)):
        with pytest.raises(InputError, match=f"takes {takes} samples a pixel, it has fewer"):
            look(bytes(payload), "x.tif")


def test_the_files_are_of_every_format_that_is_read() -> None:
    read = {probe(payload, name).format for name, payload in FILES.items()}
    assert len(read) > 20
    assert len(FILES) > 80
    assert np.load(BytesIO(FILES["a.npy"])).shape == (2, 3, 3)


def test_a_palette_that_is_no_table_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found among all the bytes: tag 320, whose number of values is off by one."""
    monkeypatch.chdir(tmp_path)
    payload = bytearray(FILES["palette.tif"])
    payload[payload.index(struct.pack("<HH", 320, 3)) + 4] ^= 1
    Path("palette.tif").write_bytes(payload)
    assert not attempt("palette.tif")
