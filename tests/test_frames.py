"""`--frames`: which pictures of a file are filtered, and what is written and said of them."""

from __future__ import annotations

import json
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from io_pictures import picture, samples
from PIL import Image as PillowImage

from convcli import io
from convcli.cli.main import run
from convcli.errors import InputError, OutputError
from convcli.job import Wishes, make_job
from convcli.kernels.kernel import Kernel, Recipe
from convcli.limits import Limits
from convcli.run import Writing, process
from convcli.spec import Pixels

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from convcli.report import Item

SAME = Recipe("same", (Kernel(((1.0,),)),))
SHARPEN = Recipe("sharpen", (Kernel(((0, -1, 0), (-1, 5, -1), (0, -1, 0))),))
SUFFIX = {"PNG": ".png", "GIF": ".gif", "WEBP": ".webp", "TIFF": ".tif"}


def filtered(source: Path, target: Path, *recipes: Recipe, **options: Any) -> Item:
    wishes = Wishes(pixels=options.pop("pixels", Pixels()))
    limits = options.pop("limits", Limits(jobs=2))
    job = make_job(recipes or (SAME,), wishes)
    return process(str(source), str(target), job, limits, Writing(**options))


def film(form: str, arrays: Sequence[NDArray[Any]], **options: Any) -> bytes:
    """An animation or pages of RGB frames, by Pillow."""
    frames = [PillowImage.fromarray(array) for array in arrays]
    stream = BytesIO()
    if form == "WEBP":
        options |= {"lossless": True, "exact": True}
    frames[0].save(stream, form, save_all=True, append_images=frames[1:], **options)
    return stream.getvalue()


def found(path: Path) -> list[NDArray[Any]]:
    data = path.read_bytes()
    return [s.image.samples for s in io.open_film(data, "x", max_pixels=None).shots(0)]


@pytest.fixture
def arrays() -> list[NDArray[Any]]:
    return [samples("rgb", rows=9, columns=14, seed=seed) for seed in range(3)]


@pytest.mark.parametrize("source", SUFFIX)
@pytest.mark.parametrize("target", ["PNG", "GIF", "TIFF"])
def test_all_frames_go_from_every_format_to_every_other(
    source: str, target: str, tmp_path: Path, arrays: list[NDArray[Any]]
) -> None:
    times = {} if source == "TIFF" else {"duration": [40, 70, 1000], "loop": 2}
    path, out = tmp_path / f"a{SUFFIX[source]}", tmp_path / f"b{SUFFIX[target]}"
    path.write_bytes(film(source, arrays, **times))
    item = filtered(path, out)
    assert (item.frames, item.status) == (3, "ok")
    assert item.megapixels == pytest.approx(3 * 9 * 14 / 1e6)
    wanted = found(path)
    assert len(wanted) == 3
    for frame, back in zip(wanted, found(out), strict=True):
        np.testing.assert_array_equal(back, frame)
    if "TIFF" not in {source, target}:
        one, other = (io.open_film(p.read_bytes(), "x", max_pixels=None) for p in (path, out))
        assert one.plays == other.plays == (3 if source == "GIF" else 2)
        seconds = [[s.seconds for s in each.shots(0)] for each in (one, other)]
        assert seconds[0] == seconds[1]
        assert [float(s) for s in seconds[0]] == [0.04, 0.07, 1.0]


def test_webp_is_written_frame_by_frame(tmp_path: Path, arrays: list[NDArray[Any]]) -> None:
    (tmp_path / "a.gif").write_bytes(film("GIF", arrays, duration=[40, 70, 1000]))
    item = filtered(tmp_path / "a.gif", tmp_path / "b.webp", quality=100)
    back = io.open_film((tmp_path / "b.webp").read_bytes(), "x", max_pixels=None)
    assert [float(shot.seconds) for shot in back.shots(0)] == [0.04, 0.07, 1.0]
    assert (item.frames, back.plays) == (3, 1)
    alone = tmp_path / "alone.webp"
    for number, frame in enumerate(found(tmp_path / "b.webp"), 1):
        filtered(tmp_path / "a.gif", alone, quality=100, frames=number, overwrite=True)
        np.testing.assert_array_equal(frame, found(alone)[0])


def test_every_frame_is_filtered_as_if_it_were_alone(
    tmp_path: Path, arrays: list[NDArray[Any]]
) -> None:
    (tmp_path / "a.tif").write_bytes(film("TIFF", arrays))
    whole = filtered(tmp_path / "a.tif", tmp_path / "all.png", SHARPEN)
    below = []
    for number, frame in enumerate(found(tmp_path / "all.png")):
        (tmp_path / "one.png").write_bytes(io.encode(io.Image(arrays[number], "rgb"), "PNG"))
        alone = filtered(tmp_path / "one.png", tmp_path / "o.png", SHARPEN, overwrite=True)
        np.testing.assert_array_equal(frame, found(tmp_path / "o.png")[0])
        below.append(alone.clipped_below)
    assert len(set(below)) > 1  # a mean that is also that of one frame would prove nothing
    assert whole.clipped_below == pytest.approx(sum(below) / 3)


@pytest.mark.parametrize("form", SUFFIX)
def test_one_frame_is_a_still_picture(
    form: str, tmp_path: Path, arrays: list[NDArray[Any]]
) -> None:
    path = tmp_path / f"a{SUFFIX[form]}"
    path.write_bytes(film(form, arrays))
    wanted = found(path)
    for number in (1, 2, 3):
        out = tmp_path / f"{number}.png"
        item = filtered(path, out, frames=number)
        assert item.frames == 1
        assert io.probe(out.read_bytes(), "x").frames == 1
        np.testing.assert_array_equal(found(out)[0], wanted[number - 1])
    with pytest.raises(InputError) as caught:
        filtered(path, tmp_path / "4.png", frames=4)
    assert "a" + SUFFIX[form] + " has 3 frames: there is no frame 4." in caught.value.message
    assert "1 to 3" in caught.value.hint
    assert not (tmp_path / "4.png").exists()


@pytest.mark.parametrize("form", SUFFIX)
def test_where_one_picture_fits_the_first_is_taken_and_a_note_says_so(
    form: str, tmp_path: Path, arrays: list[NDArray[Any]]
) -> None:
    path = tmp_path / f"a{SUFFIX[form]}"
    path.write_bytes(film(form, arrays))
    item = filtered(path, tmp_path / "a.ppm")
    assert any("first of 3" in note for note in item.notes)
    np.testing.assert_array_equal(found_still(tmp_path / "a.ppm"), found(path)[0])
    first = filtered(path, tmp_path / "first.png", frames="first")
    assert first.frames == 1
    assert any("first of 3" in note for note in first.notes)
    with pytest.raises(OutputError, match="PPM holds one picture, not 3"):
        filtered(path, tmp_path / "b.ppm", frames="all")


def found_still(path: Path) -> NDArray[Any]:
    return io.decode(path.read_bytes(), path.name, max_pixels=None).samples


@pytest.mark.parametrize("form", ["PNG", "GIF", "WEBP", "TIFF", "JPEG"])
def test_files_of_one_picture_are_what_they_were(form: str, tmp_path: Path) -> None:
    image = picture("grey" if form == "GIF" else "rgb", rows=20, columns=30)
    wanted = io.encode(image, form, threads=2)
    path, out = tmp_path / "a.tif", tmp_path / f"b{SUFFIX.get(form, '.jpg')}"
    path.write_bytes(io.encode(image, "TIFF"))
    for frames in (None, "all", "first", 1):
        item = filtered(path, out, frames=frames, overwrite=True)
        assert out.read_bytes() == wanted
        assert (item.frames, item.notes) == (1, ())
    with pytest.raises(InputError, match="has 1 frame: there is no frame 2"):
        filtered(path, out, frames=2, overwrite=True)


def pages(path: Path) -> None:
    with tifffile.TiffWriter(path) as writer:
        for layout, dtype, side in (("grey", "uint8", 9), ("rgb", "uint16", 5)):
            array = samples(layout, dtype, rows=side, columns=side + 1).squeeze()  # type: ignore[arg-type]  # a layout by name
            writer.write(array, metadata=None)


def test_pages_that_differ_are_planned_each_on_its_own(tmp_path: Path) -> None:
    pages(tmp_path / "a.tif")
    item = filtered(tmp_path / "a.tif", tmp_path / "b.tif")
    assert (item.frames, item.width, item.height, item.dtype) == (2, 10, 9, "uint8")
    assert item.megapixels == pytest.approx((90 + 30) / 1e6)
    for page, wanted in zip(found(tmp_path / "b.tif"), found(tmp_path / "a.tif"), strict=True):
        assert page.dtype == wanted.dtype
        np.testing.assert_array_equal(page, wanted)


def test_pages_that_differ_make_no_animation(tmp_path: Path) -> None:
    pages(tmp_path / "a.tif")
    item = filtered(tmp_path / "a.tif", tmp_path / "b.png")
    assert item.frames == 1
    assert any("first of 2 pages taken: the pages differ" in note for note in item.notes)
    with pytest.raises(OutputError) as caught:
        filtered(tmp_path / "a.tif", tmp_path / "c.png", frames="all")
    assert "frame 2 is 6 x 5, rgb uint16, frame 1 10 x 9, grey uint8" in caught.value.message
    assert "--frames 2" in caught.value.hint


def test_what_pages_and_frames_lack_is_noted(tmp_path: Path, arrays: list[NDArray[Any]]) -> None:
    (tmp_path / "a.tif").write_bytes(film("TIFF", arrays))
    (tmp_path / "a.gif").write_bytes(film("GIF", arrays))
    to_gif = filtered(tmp_path / "a.tif", tmp_path / "b.gif").notes
    assert "pages have no durations: 0.1 s each" in to_gif
    shown = io.open_film((tmp_path / "b.gif").read_bytes(), "x", max_pixels=None).shots(0)
    assert [float(shot.seconds) for shot in shown] == [0.1] * 3
    to_tiff = filtered(tmp_path / "a.gif", tmp_path / "b.tif").notes
    assert "TIFF keeps no durations and no number of plays" in to_tiff


def test_a_note_of_some_frames_says_of_how_many(tmp_path: Path) -> None:
    few = np.zeros((20, 20, 3), np.uint8)
    many = samples("rgb", rows=20, columns=20)
    (tmp_path / "a.png").write_bytes(film("PNG", [few, many, few + 1]))
    notes = filtered(tmp_path / "a.png", tmp_path / "b.gif").notes
    assert notes == ("GIF holds 256 colours a frame: reduced to those (1 of 3 frames)",)


def test_verifying_looks_at_every_frame(tmp_path: Path, arrays: list[NDArray[Any]]) -> None:
    (tmp_path / "a.gif").write_bytes(film("GIF", arrays))
    item = filtered(tmp_path / "a.gif", tmp_path / "b.png", SHARPEN, verify=True, seed=4)
    assert item.verified == 3 * 9 * 14
    assert item.largest_difference == 0


@pytest.mark.parametrize("form", SUFFIX)
def test_too_many_pixels_together_are_refused(form: str, tmp_path: Path) -> None:
    array = samples("rgb", rows=10, columns=10)
    many = [array ^ n for n in range(20)]
    path = tmp_path / f"a{SUFFIX[form]}"
    path.write_bytes(film(form, many))
    with pytest.raises(InputError, match=r"20 frames of .* 16 times that of one") as caught:
        filtered(path, tmp_path / "b.png", limits=Limits(max_pixels=100))
    assert "--frames first" in caught.value.hint
    assert filtered(path, tmp_path / "b.png", frames="first").frames == 1
    assert not list(tmp_path.glob("*.tmp"))


def test_a_film_that_breaks_off_writes_nothing(tmp_path: Path, arrays: list[NDArray[Any]]) -> None:
    whole = film("PNG", arrays)
    (tmp_path / "a.png").write_bytes(whole[: len(whole) - 40])
    with pytest.raises(InputError, match=r"a\.png can't be read"):
        filtered(tmp_path / "a.png", tmp_path / "b.png")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("0", "frames count from 1"),
        ("-1", "--frames -1: not known"),
        ("frist", "Did you mean 'first'?"),
        ("1.5", "--frames 1.5: not known"),
    ],
)
def test_other_words_are_refused(
    word: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.png").write_bytes(io.encode(picture(), "PNG"))
    args = ["apply", str(tmp_path / "a.png"), "-o", str(tmp_path / "b.png"), "-k", "identity"]
    assert run([*args, f"--frames={word}"]) == 2
    assert said in capsys.readouterr().err


def test_the_command_counts_frames_in_its_report(
    tmp_path: Path, arrays: list[NDArray[Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.gif").write_bytes(film("GIF", arrays))
    args = ["apply", str(tmp_path / "a.gif"), "-k", "identity", "--report"]
    report = tmp_path / "r.json"
    assert run([*args, str(report), "-o", str(tmp_path / "b.gif")]) == 0
    assert "3 frames of 14 x 9" in capsys.readouterr().err
    assert json.loads(report.read_text())["items"][0]["frames"] == 3
    one = tmp_path / "s.json"
    assert run([*args, str(one), "-o", str(tmp_path / "c.jpg"), "--frames", "2"]) == 0
    item = json.loads(one.read_text())["items"][0]
    assert item["frames"] == 1
    assert not any("first of" in note for note in item["notes"])


def test_a_plan_says_that_the_file_holds_more_pictures(
    tmp_path: Path, arrays: list[NDArray[Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [str(tmp_path / name) for name in ("film.gif", "pages.tif", "one.png")]
    for path, form, count in zip(paths, ("GIF", "TIFF", "PNG"), (3, 3, 1), strict=True):
        (tmp_path / path).write_bytes(film(form, arrays[:count]))
    assert run(["plan", *paths, "-m", "1"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "frames" in line]
    assert lines == ["  frames   3 in the file; this is the plan of the first"] * 2
    assert run(["plan", *paths, "-m", "1", "--json"]) == 0
    assert [found["frames"] for found in json.loads(capsys.readouterr().out)] == [3, 3, 1]
