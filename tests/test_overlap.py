"""One picture is decoded, filtered and encoded at a time: no step waits for all of another."""

from __future__ import annotations

import struct
import threading
import zlib
from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import pytest
from io_pictures import png_chunks

from convcli import io
from convcli.errors import InputError, OutputError
from convcli.frame import Filtering, filtered
from convcli.io import png_read, png_rows
from convcli.io.arrival import Arrival, Stopped, at_once
from convcli.job import Wishes, make_job
from convcli.kernels.kernel import Kernel, Recipe
from convcli.limits import Limits
from convcli.padding import Padding
from convcli.plan import Plan, make_plan
from convcli.report import Clock
from convcli.run import Writing, process
from convcli.source import Samples, rows_read
from convcli.spec import Pixels
from convcli.treatment import Kind

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

BOX = Recipe("box", (Kernel(((1,) * 5,) * 5, scale=1 / 25),))
SHARPEN = Recipe("sharpen", (Kernel(((0, -1, 0), (-1, 5, -1), (0, -1, 0))),))
ROWS = 90

needs_compiled = pytest.mark.skipif(
    png_rows.compiled() is None, reason="the row filters were not compiled: libpng reads all"
)


def planned(array: NDArray[Any], layout: Any, *recipes: Recipe, **wishes: Any) -> Plan:
    job = make_job(recipes, Wishes(**wishes))
    kind = Kind(array.dtype.name, layout, array.shape[2])
    shape = (array.shape[0], array.shape[1], array.shape[2])
    return make_plan(job, kind, shape, "picture", Limits(jobs=1))


def noise(rows: int, columns: int, channels: int, dtype: str = "uint8") -> NDArray[Any]:
    most = np.iinfo(dtype).max
    return np.random.default_rng(rows).integers(0, most, (rows, columns, channels), dtype)


class Slow:
    """Rows of a picture that are rubbish until they are asked for."""

    def __init__(self, right: NDArray[Any], step: int = 7) -> None:
        self.array, self._right, self._step = np.full_like(right, 77), right, step
        self.there, self._lock = 0, threading.Lock()

    def __call__(self, rows: int) -> None:
        with self._lock:
            stop = min(-(-rows // self._step) * self._step, len(self._right))
            self.array[self.there : stop] = self._right[self.there : stop]
            self.there = max(self.there, stop)


@pytest.mark.parametrize("padding", ["constant:9", "edge", "reflect", "symmetric", "wrap"])
@pytest.mark.parametrize("options", [
    {}, {"stride": (2, 3)}, {"dilation": (3, 1)}, {"extent": "full"}, {"extent": "valid"},
    {"pixels": Pixels(range="stretch")}, {"pixels": Pixels(light="linear")},
], ids=str)  # fmt: skip
@pytest.mark.parametrize("layout", ["rgb", "rgb+alpha"])
def test_rows_are_filtered_once_they_are_there(padding: str, options: Any, layout: Any) -> None:
    array = noise(ROWS, 17, 4 if layout == "rgb+alpha" else 3)
    array[-1, -1] = 0  # transparent: seen only when all is there
    plan = planned(array, layout, BOX, SHARPEN, padding=Padding.parse(padding), **options)
    right, cut = filtered(array, plan)
    for workers in (1, 3):
        slow = Slow(array)
        tiles = replace(plan, tile=(8, 9), workers=workers)
        with closing(Filtering(slow.array, tiles, slow)) as work:
            for rows in range(1, len(right) + 1, 11):
                work(rows)
                np.testing.assert_array_equal(work.samples[:rows], right[:rows])
            work(len(right))
            np.testing.assert_array_equal(work.samples, right)
            assert work.clipped == cut


def test_no_more_is_waited_for_than_is_read() -> None:
    array = noise(ROWS, 17, 1)
    for padding, extra in (("reflect", 0), ("wrap", ROWS)):
        plan = planned(array, "grey", BOX, SHARPEN, padding=Padding.parse(padding))
        chain = plan.treatment.chain(Samples(array), plan.engines)
        assert rows_read(chain, 8) == max(8 + 3, extra)
        slow = Slow(array, step=1)
        with closing(Filtering(slow.array, replace(plan, tile=(8, 17), workers=1), slow)) as work:
            work(8)
        assert slow.there == max(8 + 3, extra)


def test_a_constant_around_nothing_waits_for_nothing() -> None:
    array = noise(4, 4, 1)
    plan = planned(array, "grey", BOX, padding=Padding.parse("constant"), extent="full")
    chain = plan.treatment.chain(Samples(array), plan.engines)
    assert [rows_read(chain, n) for n in (1, 3, 8)] == [1, 3, 4]


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "BMP"])
def test_encoders_ask_for_the_rows_they_take(form: str) -> None:
    array = noise(900, 2000, 3)
    slow = Slow(array, step=1)
    image = io.Image(slow.array, "rgb", ready=slow)
    pieces = io.encoding(image, form, threads=2)
    first = next(pieces)
    early = slow.there < len(array)
    assert early == (form in {"PNG", "JPEG"})
    same = b"".join([first, *pieces]) == io.encode(io.Image(array, "rgb"), form)
    assert same  # not compared in the assertion: their difference would take a minute to print


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF"])
def test_what_rows_fail_with_is_not_the_encoders(form: str) -> None:
    def ready(rows: int) -> None:
        if rows > 600:
            raise ValueError("a bug elsewhere")

    image = io.Image(noise(900, 2000, 3), "rgb", ready=ready)
    with pytest.raises(ValueError, match="a bug elsewhere"):
        io.encode(image, form)


# --- rows that arrive ----------------------------------------------------------------------------


def test_an_arrival_is_waited_for_and_its_error_raised() -> None:
    gate = threading.Event()

    def work(tell: Any) -> None:
        tell(3)
        gate.wait(60)
        tell(5)
        raise InputError("too bad")

    arrival = Arrival(work)
    arrival(3)
    gate.set()
    arrival(5)
    with pytest.raises(InputError, match="too bad"):
        arrival(6)
    arrival(5)
    arrival.stop()


def test_what_nobody_waits_for_ends() -> None:
    begun, ends = threading.Event(), []

    def work(tell: Any) -> None:
        try:
            for row in range(10**9):
                begun.set()
                tell(row)
        finally:
            ends.append("ended")

    arrival = Arrival(work)
    begun.wait(60)
    arrival.stop()
    assert ends == ["ended"]
    with pytest.raises(Stopped):
        arrival(10**9)


# --- a PNG whose damage is found late ------------------------------------------------------------


def large(dtype: str = "uint8") -> tuple[NDArray[Any], bytes]:
    array = noise(700, 1100, 3, dtype)
    return array, io.encode(io.Image(array, "rgb"), "PNG", compress=1)


def with_samples(payload: bytes, packed: bytes) -> bytes:
    kinds = [(k, c) for k, c in png_chunks(payload) if k not in {b"IDAT", b"IEND"}]
    parts = [*kinds, (b"IDAT", packed), (b"IEND", b"")]
    return payload[:8] + b"".join(
        struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in parts
    )


def stream(payload: bytes) -> bytes:
    return b"".join(contents for kind, contents in png_chunks(payload) if kind == b"IDAT")


@needs_compiled
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_large_pictures_come_row_by_row(dtype: str) -> None:
    array, payload = large(dtype)
    with io.decoding(payload, "x.png", max_pixels=None) as image:
        for rows in (1, 350, 699, 700):
            image.ready(rows)
            np.testing.assert_array_equal(image.samples[:rows], array[:rows])
    assert io.decode(payload, "x.png", max_pixels=None).ready is at_once


@needs_compiled
def test_what_is_turned_is_there_first() -> None:
    array = noise(700, 1100, 3)
    exif = b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0"
    payload = io.encode(io.Image(array, "rgb", io.Metadata(exif=exif)), "PNG")
    with io.decoding(payload, "x.png", max_pixels=None) as image:
        np.testing.assert_array_equal(image.samples, np.rot90(array, -1))


@needs_compiled
def test_the_last_row_waits_for_the_checksum(monkeypatch: pytest.MonkeyPatch) -> None:
    array, payload = large()
    packed = stream(payload)
    asked = []

    def libpng(data: bytes) -> Any:
        asked.append(len(data))
        raise ValueError("refused")

    monkeypatch.setattr(png_read, "_libpng", libpng)
    wrong = with_samples(payload, packed[:-1] + bytes([packed[-1] ^ 1]))
    with io.decoding(wrong, "x.png", max_pixels=None) as image:
        image.ready(600)
        np.testing.assert_array_equal(image.samples[:600], array[:600])
        with pytest.raises(InputError, match=r"x\.png can't be read: ValueError: refused"):
            image.ready(700)
    assert asked


@needs_compiled
def test_what_libpng_reads_of_damage_is_taken() -> None:
    array, payload = large()
    packed = stream(payload)
    rows = zlib.decompress(packed)
    for wrong in (packed + b"behind", zlib.compress(rows + b"\0", 1)):
        damaged = with_samples(payload, wrong)
        expected = imagecodecs.png_decode(damaged)
        np.testing.assert_array_equal(io.decode(damaged, "x", max_pixels=None).samples, expected)
        np.testing.assert_array_equal(expected, array)


@needs_compiled
def test_decoders_that_disagree_are_believed_neither(monkeypatch: pytest.MonkeyPatch) -> None:
    array, payload = large()
    monkeypatch.setattr(png_read, "_libpng", lambda _: array ^ 1)
    with pytest.raises(InputError, match="two decoders disagree"):
        io.decode(with_samples(payload, stream(payload) + b"behind"), "x.png", max_pixels=None)


# --- from file to file ---------------------------------------------------------------------------


def attempt(source: Path, target: Path, *, tell: Any = None, **wishes: Any) -> Any:
    writing = Writing(overwrite=True, **({"tell": tell} if tell else {}))
    return process(
        str(source), str(target), make_job([SHARPEN], Wishes(**wishes)), Limits(jobs=2), writing
    )


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_late_damage_leaves_the_old_file(tmp_path: Path, suffix: str) -> None:
    _, payload = large()
    source, target = tmp_path / "in.png", tmp_path / f"out.{suffix}"
    target.write_bytes(b"old")
    source.write_bytes(with_samples(payload, stream(payload)[:-999]))
    threads = threading.active_count()
    with pytest.raises(InputError, match=r"in\.png can't be read"):
        attempt(source, target)
    source.write_bytes(payload)
    with pytest.raises(OutputError, match="forbids"):
        attempt(source, target, pixels=Pixels(range="error"))
    assert target.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.png", target.name]
    assert threading.active_count() == threads


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_ctrl_c_amid_the_strips_leaves_the_old_file(tmp_path: Path, suffix: str) -> None:
    source, target = tmp_path / "in.png", tmp_path / f"out.{suffix}"
    source.write_bytes(large()[1])
    target.write_bytes(b"old")

    def stop(share: float) -> None:
        if share > 0.4:
            raise KeyboardInterrupt

    threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        attempt(source, target, tell=stop)
    assert target.read_bytes() == b"old"
    assert len([*tmp_path.iterdir()]) == 2
    assert threading.active_count() == threads


def test_every_moment_counts_once(tmp_path: Path) -> None:
    source = tmp_path / "in.png"
    source.write_bytes(large()[1])
    item = attempt(source, tmp_path / "out.png")
    assert 0.5 * item.wall < sum(item.seconds.values()) <= item.wall
    assert all(item.seconds[phase] > 0 for phase in ("decode", "filter", "encode", "write"))
    assert item.bytes_out == (tmp_path / "out.png").stat().st_size


def test_a_phase_within_another_takes_its_time_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([0.0, 1.0, 2.0, 3.0, 7.0, 8.0, 9.0, 20.0, 21.0])
    watch = SimpleNamespace(perf_counter=lambda: next(moments))
    monkeypatch.setattr("convcli.report.time", watch)
    clock = Clock()  # 0
    with clock.phase("encode"):  # 1 to 21
        with clock.phase("filter"), clock.phase("decode"):  # 2 to 8, 3 to 7
            pass
        with clock.phase("filter"):  # 9 to 20
            pass
    spent = {name: seconds for name, seconds in clock.seconds.items() if seconds}
    assert spent == {"decode": 4.0, "filter": 2.0 + 11.0, "encode": 20.0 - 6.0 - 11.0}
