"""Images larger than memory give the very samples of those in memory."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from io_pictures import exif, rgb_profile, samples, xmp

import convcli.stream
from convcli import bands, io, large, verify
from convcli.errors import InputError, OutputError, ResultError, UsageError
from convcli.io import Image, Metadata, decode, encode, tiff_write
from convcli.job import Wishes, make_job
from convcli.kernels.kernel import Kernel, Recipe
from convcli.limits import Limits
from convcli.padding import Padding
from convcli.run import Writing, plan_file, process
from convcli.spec import Pixels

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from convcli.errors import ConvError
    from convcli.plan import Plan

BOX = Recipe("box", (Kernel(((1,) * 5,) * 5, scale=1 / 25),))
SHARPEN = Recipe("sharpen", (Kernel(((0, -1, 0), (-1, 5, -1), (0, -1, 0))),))
SLANT = Recipe("slant", (Kernel(((1, 2, 0), (0, 3, -1), (0, 0, 1)), scale=1 / 6),))
PADDINGS = ["constant:9", "edge", "reflect", "symmetric", "wrap", "normalize"]
SMALL, LARGE = Limits(jobs=2, memory=1), Limits(jobs=2)


@pytest.fixture(autouse=True)
def in_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing fits into one byte; here bands of some 24 rows are taken to do, with little kept."""

    def forced(plan: Plan, shape: Any, ends: bands.Ends, _: Limits) -> Plan:
        high = -(-24 // ends.high) * ends.high
        made = bands.banded(plan, shape, ends, replace(LARGE, memory=1 << 40))
        assert made.bands
        return replace(made, tile=(64, 64), bands=replace(made.bands, rows=high, cache=20_000))

    monkeypatch.setattr(large, "banded", forced)
    monkeypatch.setattr(tiff_write, "_STRIP", 2000)


def both(
    source: Path, suffix: str, *recipes: Recipe, writing: Writing | None = None, **wishes: Any
) -> Iterator[Any]:
    """The image as it is written in memory, and in bands."""
    job = make_job(recipes, Wishes(**wishes))
    for name, limits in (("whole", LARGE), ("bands", SMALL)):
        target = source.with_name(name + suffix)
        item = process(
            str(source), str(target), job, limits, replace(writing or Writing(), overwrite=True)
        )
        assert any("streamed" in note for note in item.notes) == (name == "bands")
        yield decode(target.read_bytes(), name, max_pixels=None)


def same(source: Path, suffix: str, *recipes: Recipe, **options: Any) -> NDArray[Any]:
    whole, parts = both(source, suffix, *recipes, **options)
    assert parts.samples.dtype == whole.samples.dtype
    assert parts.samples.tobytes() == whole.samples.tobytes()
    assert parts.layout == whole.layout
    assert parts.metadata == whole.metadata
    found: NDArray[Any] = parts.samples
    return found


def stored(path: Path, array: NDArray[Any], **options: Any) -> Path:
    """A TIFF of (rows, columns, channels) or (rows, columns)."""
    flat = array[..., 0] if array.shape[2] == 1 else array
    rgb = array.shape[2] > 2 or len(array) == 3
    options = {"photometric": "rgb" if rgb else "minisblack", **options}
    if array.shape[2] in {2, 4}:
        options["extrasamples"] = ["unassalpha"]
    if array.shape[2] > 1 and "planarconfig" not in options:
        options["planarconfig"] = "contig"
    tifffile.imwrite(path, flat, metadata=None, **options)
    return path


STORED: dict[str, dict[str, Any]] = {
    "one strip": {},
    "strips": {"rowsperstrip": 7},
    "deflated": {"rowsperstrip": 10, "compression": "zlib", "predictor": True},
    "lzw": {"rowsperstrip": 50, "compression": "lzw"},
    "zstd tiles": {"tile": (32, 48), "compression": "zstd", "predictor": True},
    "tiles": {"tile": (16, 16)},
    "big": {"tile": (64, 64), "bigtiff": True, "compression": "zlib"},
    "big-endian": {"byteorder": ">", "rowsperstrip": 9},
    "big-endian deflated": {"byteorder": ">", "compression": "zlib", "predictor": True},
}


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("stride", [(1, 1), (2, 3), (3, 1)])
@pytest.mark.parametrize("recipes", [(BOX,), (SLANT, BOX, SLANT)], ids=["one", "chain"])
def test_every_padding_and_stride_and_chains(
    tmp_path: Path, padding: str, stride: Any, recipes: Any
) -> None:
    source = stored(tmp_path / "in.tif", samples("rgb", rows=131, columns=149), tile=(32, 32))
    same(source, ".tif", *recipes, padding=Padding.parse(padding), stride=stride)


@pytest.mark.parametrize("way", STORED)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64"])
@pytest.mark.parametrize("layout", ["grey", "rgb", "rgb+alpha", "grey+alpha"])
def test_every_way_of_storing_samples(tmp_path: Path, way: str, dtype: str, layout: Any) -> None:
    array = samples(layout, dtype, rows=77, columns=93)
    source = stored(tmp_path / "in.tif", array, **STORED[way])
    same(source, ".tif", SLANT, padding=Padding("wrap"))


@pytest.mark.parametrize("extent", ["valid", "full"])
@pytest.mark.parametrize("sides", [(1, 1), (1, 200), (200, 1), (66, 65)])
def test_odd_sizes_and_extents(tmp_path: Path, sides: Any, extent: Any) -> None:
    source = stored(tmp_path / "in.tif", samples("grey", rows=sides[0], columns=sides[1]))
    box = Recipe("one", (Kernel(((0.5,),)),)) if extent == "valid" else BOX
    same(source, ".tif", box, extent=extent)


def test_planes_apart_are_put_together(tmp_path: Path) -> None:
    planes = samples("rgb", rows=60, columns=70).transpose(2, 0, 1)
    stored(tmp_path / "in.tif", planes, planarconfig="separate", compression="zlib", rowsperstrip=8)
    same(tmp_path / "in.tif", ".tif", BOX)


def test_white_may_be_zero_and_bits_few(tmp_path: Path) -> None:
    source = tmp_path / "in.tif"
    array = samples("grey", rows=50, columns=61)[..., 0]
    tifffile.imwrite(source, array, photometric="miniswhite", rowsperstrip=5)
    same(source, ".tif", BOX)
    tifffile.imwrite(source, array > 100, photometric="minisblack")
    same(source, ".tif", BOX)


@pytest.mark.parametrize("layout", ["grey", "rgb+alpha"])
def test_a_stretch_takes_two_passes(tmp_path: Path, layout: Any) -> None:
    array = samples(layout, rows=200, columns=90) // 3
    array[150, 40], array[10, 5] = 0, 200
    source = stored(tmp_path / "in.tif", array, rowsperstrip=16)
    found = same(source, ".tif", BOX, pixels=Pixels(range="stretch"))
    assert found[..., 0].max() >= 240


def test_hidden_colours_are_found_before_the_first_band(tmp_path: Path) -> None:
    array = samples("rgb+alpha", rows=200, columns=90)
    array[..., 3] |= 1
    seen = same(stored(tmp_path / "in.tif", array), ".tif", SHARPEN)
    array[199, 80:, 3] = 0
    assert (same(stored(tmp_path / "in.tif", array), ".tif", SHARPEN) != seen).any()


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("layout", ["grey", "grey+alpha", "rgb", "rgb+alpha"])
def test_png_is_written_as_rows_come(tmp_path: Path, dtype: str, layout: Any) -> None:
    array = samples(layout, dtype, rows=140, columns=65)
    same(stored(tmp_path / "in.tif", array, tile=(32, 32)), ".png", BOX)
    assert (tmp_path / "whole.png").read_bytes() == (tmp_path / "bands.png").read_bytes()


@pytest.mark.parametrize("tile", [None, 16, 48])
@pytest.mark.parametrize("compression", [None, "none", "deflate", "lzw", "zstd"])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_the_files_are_the_same_to_the_byte(
    tmp_path: Path, tile: Any, compression: Any, dtype: str
) -> None:
    source = stored(tmp_path / "in.tif", samples("rgb", dtype, rows=141, columns=65))
    found = same(source, ".tif", BOX, writing=Writing(tile=tile, compression=compression))
    process(str(source), str(tmp_path / "plain.npy"), make_job([BOX], Wishes()), LARGE, Writing())
    assert (found == np.load(tmp_path / "plain.npy")).all()
    assert (tmp_path / "whole.tif").read_bytes() == (tmp_path / "bands.tif").read_bytes()
    with tifffile.TiffFile(tmp_path / "bands.tif") as file:
        page = file.pages.first
        assert page.compression == {"none": 1, "lzw": 5, "zstd": 50000}.get(compression, 8)
        assert page.tile == ((tile, tile) if tile else None)


@pytest.mark.parametrize("order", ["<", ">"])
def test_metadata_is_kept(tmp_path: Path, order: str) -> None:
    known = Metadata(icc=rgb_profile(), exif=exif(1, order), xmp=xmp(), dpi=(300.0, 150.0))
    source = tmp_path / "in.tif"
    source.write_bytes(encode(Image(samples("rgb", rows=90, columns=80), "rgb", known), "TIFF"))
    same(source, ".tif", BOX)
    found = decode((tmp_path / "bands.tif").read_bytes(), "bands", max_pixels=None).metadata
    assert found.icc == known.icc
    assert found.xmp == known.xmp
    assert found.dpi == known.dpi
    assert found.exif
    assert b"a hill, 1999" in found.exif


VERIFIED: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "a chain": ("rgb", "uint8", {}),
    "floats": ("grey", "float32", {}),
    "a stretch": ("rgb", "uint16", {"pixels": Pixels(range="stretch")}),
    "hidden colours": ("rgb+alpha", "uint8", {"pixels": Pixels(light="linear")}),
    "strides": ("grey", "uint8", {"stride": (2, 1), "padding": Padding("wrap")}),
}


def verified(source: Path, limits: Limits, seed: int, **wishes: Any) -> tuple[Any, ...]:
    item = process(
        str(source), f"{source}.out.tif", make_job([SLANT, BOX], Wishes(**wishes)), limits,
        Writing(overwrite=True, verify=True, seed=seed),
    )  # fmt: skip
    assert any("streamed" in note for note in item.notes) == (limits is SMALL)
    assert item.seconds["verify"] > 0
    return item.verified, item.verified_window, item.verify_seed, item.largest_difference


@pytest.mark.parametrize("case", VERIFIED)
def test_the_window_that_is_verified_is_that_of_an_image_in_memory(
    tmp_path: Path, case: str
) -> None:
    layout, dtype, wishes = VERIFIED[case]
    array = samples(layout, dtype, rows=300, columns=149)
    source = stored(tmp_path / "in.tif", array, tile=(32, 32))
    windows = set()
    for seed in range(3):
        found = verified(source, SMALL, seed, **wishes)
        assert found == verified(source, LARGE, seed, **wishes)
        assert found[3] <= (0 if dtype != "float32" else 1e-5)
        windows.add(found[1])
    assert len(windows) == 3


@pytest.mark.parametrize("at", [0, 23, 24, 100, 199])
def test_one_wrong_sample_is_found_and_nothing_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    right = convcli.stream._band  # noqa: SLF001 - spoiled here
    source = stored(tmp_path / "in.tif", samples("grey", rows=200, columns=128), rowsperstrip=16)

    def spoiled(*given: Any) -> Any:
        rows, cut = right(*given)
        window = given[-1]
        if window.top <= at < window.bottom:
            rows[at - window.top, 77] ^= 1
        return rows, cut

    job = make_job([SHARPEN], Wishes())
    _, plan = plan_file(str(source), "", job, LARGE)
    parts = (verify.part(plan.treatment, (200, 128, 1), seed) for seed in count())
    seed = next(p.seed for p in parts if p.window.top <= at < p.window.bottom)
    monkeypatch.setattr(convcli.stream, "_band", spoiled)
    with pytest.raises(ResultError, match=rf"in\.tif: .* 1 of .* 1 level: row {at}, column 77, "):
        process(str(source), str(tmp_path / "out.tif"), job, SMALL, Writing(verify=True, seed=seed))
    assert [path.name for path in tmp_path.iterdir()] == ["in.tif"]


def test_an_error_leaves_nothing_behind(tmp_path: Path) -> None:
    array = samples("grey", rows=200, columns=90)
    source = stored(tmp_path / "in.tif", array, rowsperstrip=16, compression="zlib")
    job = make_job([SHARPEN], Wishes(pixels=Pixels(range="error")))
    with pytest.raises(OutputError, match="forbids"):
        process(str(source), str(tmp_path / "out.tif"), job, SMALL, Writing())
    whole = bytearray(source.read_bytes())
    with tifffile.TiffFile(source) as file:
        at = file.pages.first.dataoffsets[9]
    whole[at : at + 40] = b"\xff" * 40
    source.write_bytes(whole)
    for suffix in (".tif", ".png"):
        with pytest.raises(InputError, match=r"in\.tif can't be read"):
            process(str(source), str(tmp_path / f"out{suffix}"), make_job([BOX], Wishes()), SMALL,
                    Writing())  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["in.tif"]


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    source = stored(tmp_path / "in.tif", samples("grey", rows=200, columns=90))

    def stop(share: float) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        process(str(source), str(tmp_path / "out.tif"), make_job([BOX], Wishes()), SMALL,
                Writing(tell=stop))  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["in.tif"]


def test_the_share_that_is_done_is_told(tmp_path: Path) -> None:
    source = stored(tmp_path / "in.tif", samples("grey", rows=200, columns=90))
    told: list[float] = []
    process(str(source), str(tmp_path / "out.png"), make_job([BOX], Wishes()), SMALL,
            Writing(tell=told.append))  # fmt: skip
    assert told == sorted(told)
    assert len(told) > 4
    assert told[-1] == 1.0


def test_tiles_that_tiff_has_not_are_refused(tmp_path: Path) -> None:
    source = stored(tmp_path / "in.tif", samples("grey"))
    for limits in (SMALL, LARGE):
        with pytest.raises(UsageError, match="multiples of 16"):
            process(str(source), str(tmp_path / "out.tif"), make_job([BOX], Wishes()), limits,
                    Writing(tile=20))  # fmt: skip


def test_the_plan_says_that_it_streams(tmp_path: Path) -> None:
    source = stored(tmp_path / "in.tif", samples("grey", rows=200, columns=90))
    _, plan = plan_file(str(source), str(tmp_path / "out.tif"), make_job([BOX], Wishes()), SMALL)
    assert plan.bands
    assert "streamed" in plan.notes[-1]
    _, plan = plan_file(str(source), str(tmp_path / "out.tif"), make_job([BOX], Wishes()), LARGE)
    assert plan.bands is None


ALLOWED = Limits(jobs=2, memory=30_000)


def refused(source: Path, target: str, **options: Any) -> ConvError:
    with pytest.raises(InputError, match="need about") as caught:
        process(str(source), str(source.with_name(target)), make_job([BOX], Wishes()), ALLOWED,
                Writing(**options))  # fmt: skip
    assert "--memory" in caught.value.hint
    assert [path.name for path in source.parent.iterdir()] == [source.name]
    return caught.value


def test_what_is_no_tiff_hears_how_to_become_one(tmp_path: Path) -> None:
    source = tmp_path / "in.png"
    source.write_bytes(encode(Image(samples("rgb", rows=99, columns=99), "rgb"), "PNG"))
    whole = source.read_bytes()
    source.write_bytes(whole[:-50])  # refused before anybody finds it damaged
    assert "vips tiffsave" in refused(source, "out.tif").hint


def test_what_stands_in_the_way_is_named(tmp_path: Path) -> None:
    array = samples("rgb", rows=99, columns=99)
    source = stored(tmp_path / "in.tif", array)
    assert "JPEG is not" in refused(source, "out.jpg").hint
    stored(source, array, extratags=[(274, 3, 1, 6, True)])
    assert "orientation is 6" in refused(source, "out.tif").hint


def test_a_tiff_is_not_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = stored(tmp_path / "in.tif", samples("grey", rows=200, columns=90))

    def never(*_: Any) -> bytes:
        raise AssertionError

    monkeypatch.setattr(io, "read_bytes", never)
    process(str(source), str(tmp_path / "out.tif"), make_job([BOX], Wishes()), SMALL, Writing())


def test_a_directory_of_exif_becomes_one_of_bigtiff(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Metadata(exif=exif())
    source = tmp_path / "in.tif"
    source.write_bytes(encode(Image(samples("rgb", rows=90, columns=80), "rgb", known), "TIFF"))
    monkeypatch.setattr(tiff_write, "_CLASSIC", 0)
    process(str(source), str(tmp_path / "out.tif"), make_job([BOX], Wishes()), SMALL, Writing())
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        assert file.is_bigtiff
        tags = file.pages.first.tags
        assert tags[270].value == "a hill, 1999"
        assert tags[34665].value == {"ExposureTime": (1, 250)}
        assert tags[34853].value == {"GPSAltitude": (1234, 10)}
