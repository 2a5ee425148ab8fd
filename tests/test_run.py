"""The whole way from file to file: tiles, threads, whole-image ranges, what is reported."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image as Pillow

import convcli
from convcli import io
from convcli.errors import ConvError, InputError, KernelError, OutputError
from convcli.frame import filtered
from convcli.job import Wishes, make_job
from convcli.kernels.kernel import Kernel, Recipe
from convcli.limits import Limits
from convcli.padding import Padding
from convcli.plan import make_plan
from convcli.run import Writing, plan_file, process
from convcli.spec import Pixels
from convcli.treatment import Kind

if TYPE_CHECKING:
    from pathlib import Path

SHARPEN = Recipe("sharpen", (Kernel(((0, -1, 0), (-1, 5, -1), (0, -1, 0))),))
BOX = Recipe("box", (Kernel(((1,) * 5,) * 5, scale=1 / 25),))
SOBEL = Recipe(
    "sobel",
    (
        Kernel(((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)), scale=1 / 4),
        Kernel(((-1, -2, -1), (0, 0, 0), (1, 2, 1)), scale=1 / 4),
    ),
    combine="magnitude",
    operation="correlate",
)


def run(source: Path, target: Path, *recipes: Recipe, **options: Any) -> Any:
    limits = options.pop("limits", Limits(jobs=2))
    writing = options.pop("writing", Writing())
    return process(str(source), str(target), make_job(recipes, Wishes(**options)), limits, writing)


@pytest.mark.parametrize("padding", ["constant:9", "edge", "reflect", "symmetric", "wrap"])
@pytest.mark.parametrize("layout", ["rgb", "rgb+alpha"])
@pytest.mark.parametrize("stride", [(1, 1), (2, 3)])
def test_neither_tiles_nor_threads_change_a_byte(padding: str, layout: Any, stride: Any) -> None:
    rng = np.random.default_rng(3)
    array = rng.integers(0, 256, (61, 47, 4 if layout == "rgb+alpha" else 3), dtype=np.uint8)
    wishes = Wishes(padding=Padding.parse(padding), stride=stride)
    job = make_job([BOX, SHARPEN], wishes)
    kind = Kind("uint8", layout, array.shape[2])
    plan = make_plan(job, kind, (61, 47, array.shape[2]), "picture", Limits(jobs=1))
    whole, clipped = filtered(array, plan)
    for tile, workers in (((1000, 1000), 2), ((16, 16), 1), ((16, 64), 4), ((7, 5), 3)):
        parts, cut = filtered(array, replace(plan, tile=tile, workers=workers))
        assert (parts == whole).all()
        assert cut == clipped


def test_stretch_spans_the_whole_image_not_the_tile() -> None:
    array = np.arange(40, dtype=np.uint8).reshape(1, 40, 1)
    job = make_job([Recipe("same", (Kernel(((1.0,),)),))], Wishes(pixels=Pixels(range="stretch")))
    plan = make_plan(job, Kind("uint8", "grey", 1), array.shape, "picture", Limits(jobs=1))
    out, _ = filtered(array, replace(plan, tile=(8, 8)))
    assert out.ravel().tolist() == [int(v * 255 / 39 + 0.5 + 2**-20) for v in range(40)]


def test_a_photograph_comes_out_as_numpy_says(tmp_path: Path, sample_photo: Path) -> None:
    item = run(sample_photo, tmp_path / "out.png", SOBEL)
    with Pillow.open(sample_photo) as picture:
        x = np.pad(np.asarray(picture, dtype=float), ((1, 1), (1, 1), (0, 0)), mode="reflect")
    right = x[:-2, 2:] + 2 * x[1:-1, 2:] + x[2:, 2:]
    left = x[:-2, :-2] + 2 * x[1:-1, :-2] + x[2:, :-2]
    down = x[2:, :-2] + 2 * x[2:, 1:-1] + x[2:, 2:]
    up = x[:-2, :-2] + 2 * x[:-2, 1:-1] + x[:-2, 2:]
    expected = np.floor(np.hypot((right - left) / 4, (down - up) / 4) + 0.5 + 2**-20)
    with Pillow.open(tmp_path / "out.png") as picture:
        assert (np.asarray(picture) == expected.clip(0, 255)).all()
    assert item.clipped_above == pytest.approx((expected > 255).mean())
    assert (item.out_width, item.out_height, item.operation) == (640, 360, "correlate")


def test_sixteen_bit_colour_survives(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    array = rng.integers(0, 65536, (20, 30, 3), dtype=np.uint16)
    (tmp_path / "in.png").write_bytes(io.encode(io.Image(array, "rgb"), "PNG"))
    for name in ("out.png", "out.tif", "out.ppm"):
        run(tmp_path / "in.png", tmp_path / name, Recipe("same", (Kernel(((1.0,),)),)))
        image = io.decode(io.read_bytes(tmp_path / name), name, max_pixels=None)
        assert image.samples.dtype == np.uint16
        assert (image.samples == array).all()


def test_numbers_keep_their_dtype_and_dimensions(tmp_path: Path) -> None:
    for array in (np.array([1, 0.5, 1, 1]), np.arange(6.0).reshape(2, 3), np.ones((2, 3, 5))):
        np.save(tmp_path / "in.npy", array)
        run(
            tmp_path / "in.npy",
            tmp_path / "out.npy",
            Recipe("same", (Kernel(((1.0,),)),)),
            writing=Writing(overwrite=True),
        )
        out = np.load(tmp_path / "out.npy")
        assert out.dtype == np.float64
        assert out.shape == array.shape
        assert (out == array).all()


def test_the_worked_example_from_csv_to_csv(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1, 0.5, 1, 1\n")
    b = Recipe("b", (Kernel(((1.0, 0.5, 0.25),)),))
    run(tmp_path / "a.csv", tmp_path / "c.csv", b, extent="full", padding=Padding("constant"))
    numbers = (tmp_path / "c.csv").read_text().replace(",", " ").split()
    assert [float(n) for n in numbers] == [1, 1, 1.5, 1.625, 0.75, 0.25]


def test_phases_and_plan_agree_with_what_was_done(tmp_path: Path, sample_photo: Path) -> None:
    target = tmp_path / "out.jpg"
    item = run(sample_photo, target, BOX, stride=(2, 2))
    header, plan = plan_file(
        str(sample_photo), str(target), make_job([BOX], Wishes(stride=(2, 2))), Limits()
    )
    assert (item.out_height, item.out_width, item.out_channels) == plan.shape == (180, 320, 3)
    assert item.bytes_in == header.bytes == sample_photo.stat().st_size
    assert item.bytes_out == target.stat().st_size
    assert 0 < sum(item.seconds.values()) <= item.wall
    assert item.reason == plan.stages[0].reason


def refuse(error: type[ConvError], source: Path, target: Path, **options: Any) -> str:
    before = sorted(target.parent.iterdir()) if target.parent.is_dir() else []
    with pytest.raises(error) as caught:
        run(source, target, options.pop("recipe", BOX), **options)
    assert (sorted(target.parent.iterdir()) if target.parent.is_dir() else []) == before
    return str(caught.value)


def test_a_kernel_larger_than_the_image_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "in.npy", np.zeros((3, 9)))
    text = refuse(KernelError, tmp_path / "in.npy", tmp_path / "out.npy", extent="valid")
    assert "spans 5 rows, the image has 3" in text


def test_memory_that_does_not_suffice_is_said_before_decoding(sample_photo: Path) -> None:
    target = sample_photo.parent / "never-written.png"
    limits = Limits(jobs=1, memory=1 << 20)
    text = refuse(InputError, sample_photo, target, limits=limits)
    assert "640 x 360 pixels need about" in text
    assert "--memory" in text


def test_too_many_pixels_are_refused_before_decoding(tmp_path: Path, sample_photo: Path) -> None:
    limits = Limits(max_pixels=1000)
    assert "--max-pixels" in refuse(InputError, sample_photo, tmp_path / "o.png", limits=limits)


def test_what_a_format_cannot_hold_is_refused_before_filtering(tmp_path: Path) -> None:
    (tmp_path / "in.png").write_bytes(
        io.encode(io.Image(np.zeros((4, 4, 4), np.uint16), "rgb+alpha"), "PNG")
    )
    assert "alpha" in refuse(OutputError, tmp_path / "in.png", tmp_path / "out.jpg")
    assert "16 bits" in refuse(
        OutputError, tmp_path / "in.png", tmp_path / "out.jpg", pixels=Pixels(alpha="drop")
    )


def test_an_existing_target_is_kept(tmp_path: Path, sample_photo: Path) -> None:
    target = tmp_path / "out.png"
    target.write_bytes(b"precious")
    assert "--overwrite" in refuse(OutputError, sample_photo, target)
    assert target.read_bytes() == b"precious"
    run(sample_photo, target, BOX, writing=Writing(overwrite=True))
    assert target.read_bytes()[1:4] == b"PNG"


def test_a_target_is_refused_before_the_input_is_read(tmp_path: Path) -> None:
    (tmp_path / "out.png").write_bytes(b"precious")
    assert "exists" in refuse(OutputError, tmp_path / "no-such-input.png", tmp_path / "out.png")


def test_many_filters_are_combined_in_one_order_whatever_the_tile() -> None:
    rng = np.random.default_rng(8)
    kernels = tuple(Kernel(((float(w),),)) for w in rng.random(12))
    array = rng.random((9, 9, 1))
    for combine in ("sum", "mean", "l1", "magnitude"):
        job = make_job([Recipe("many", kernels, combine=combine)], Wishes())
        plan = make_plan(job, Kind("float64", "numbers", 1), (9, 9, 1), "numbers", Limits(jobs=1))
        whole, _ = filtered(array, plan)
        for tile in (1, 2, 4):
            assert (filtered(array, replace(plan, tile=(tile, tile)))[0] == whole).all()


def test_range_error_tells_the_share_of_the_whole_image() -> None:
    array = np.zeros((64, 64, 1), np.uint8)
    array[:16] = 200
    job = make_job([Recipe("x2", (Kernel(((2.0,),)),))], Wishes(pixels=Pixels(range="error")))
    plan = make_plan(job, Kind("uint8", "grey", 1), array.shape, "picture", Limits(jobs=1))
    for tile in ((8, 8), (64, 64)):
        with pytest.raises(OutputError, match=r"^25 % of the samples"):
            filtered(array, replace(plan, tile=tile))


def test_strided_chains_are_not_thought_to_need_gigabytes() -> None:
    job = make_job([BOX] * 5, Wishes(stride=(4, 4)))
    plan = make_plan(job, Kind("uint8", "rgb", 3), (180, 320, 3), "picture", Limits(jobs=1))
    assert plan.memory < 100_000_000


def test_numbers_of_tiff_come_back_as_numbers(tmp_path: Path) -> None:
    array = np.arange(-10, 50, dtype=np.int16).reshape(3, 4, 5)
    (tmp_path / "in.tif").write_bytes(io.encode(io.Image(array, "numbers"), "TIFF"))
    run(tmp_path / "in.tif", tmp_path / "out.tif", Recipe("same", (Kernel(((1.0,),)),)))
    image = io.decode(io.read_bytes(tmp_path / "out.tif"), "out.tif", max_pixels=None)
    assert image.samples.dtype == np.int16
    assert (image.samples == array).all()


def test_messages_name_the_file_they_are_about(tmp_path: Path) -> None:
    np.save(tmp_path / "in.npy", np.full((4, 4), 300, np.uint16))
    assert "in.npy: 100 %" in refuse(
        OutputError,
        tmp_path / "in.npy",
        tmp_path / "o.npy",
        pixels=Pixels(range="error", depth="8"),
        scale="300",
    )


def test_plain_integers_are_noted_only_when_they_are_large(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,2,3\n4,5,6\n")
    assert run(tmp_path / "a.csv", tmp_path / "b.csv", BOX).notes == ()
    (tmp_path / "c.csv").write_text("1,2,3000000000\n4,5,6\n")
    assert "2**31" in run(tmp_path / "c.csv", tmp_path / "d.csv", BOX).notes[0]


def test_nan_in_float_pictures_stays_where_it_is(tmp_path: Path) -> None:
    array = np.ones((5, 5), np.float32)
    array[2, 2], array[0, 0] = np.nan, np.inf
    np.save(tmp_path / "in.npy", array)
    run(tmp_path / "in.npy", tmp_path / "out.npy", SHARPEN)
    out = np.load(tmp_path / "out.npy")
    assert np.isnan(out[2, 2])
    assert out[4, 4] == 1.0
    refuse(InputError, tmp_path / "in.npy", tmp_path / "out.png", pixels=Pixels(depth="8"))


@pytest.mark.parametrize("engine", ["direct", "separable", "auto"])
@pytest.mark.parametrize("kernel", ["disk:15", "gaussian:3", "unsharp:3"])
def test_noise_is_not_stretched_to_a_picture(kernel: str, engine: str) -> None:
    flat = np.full((60, 70), 100, np.uint8)
    options: Any = {"range": "stretch", "layout": "grey"}
    if engine == "separable" and kernel != "gaussian:3":
        engine = "direct"
    for padding in ("edge", "normalize"):
        assert not convcli.apply(flat, kernel, engine=engine, padding=padding, **options).any()
