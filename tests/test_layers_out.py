"""Results of layers in files: pictures of 1, 3 and 4 filters, arrays, pages, a file for each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

import convcli
from convcli.batch.resume import job_key
from convcli.cli.main import run
from convcli.io.parts import has_field, numbered
from convcli.job import Wishes, make_job
from convcli.kernels.library import find
from convcli.run import Writing

if TYPE_CHECKING:
    from numpy.typing import NDArray


def net(filters: int, channels: int = 3, **keys: Any) -> None:
    """net.yaml of 1x2 filters that all differ."""
    weights = np.arange(filters * channels * 2).reshape(filters, channels, 1, 2) % 5 / 10
    lines = [f"    {key}: {value}\n" for key, value in keys.items()]
    text = f"layers:\n  - weights: {weights.tolist()}\n    extent: same\n{''.join(lines)}"
    Path("net.yaml").write_text(text)


@pytest.fixture(autouse=True)
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NDArray[np.uint8]:
    """a.png of noise in the current folder, rgba.png with alpha beside it."""
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(2).integers(0, 256, (7, 9, 4)).astype(np.uint8)
    Pillow.fromarray(noise[..., :3]).save("a.png", dpi=(300, 300))
    Pillow.fromarray(noise).save("rgba.png")
    return noise[..., :3]


def apply(out: str, *more: str, picture: str = "a.png") -> int:
    return run(["apply", picture, "-k", "net.yaml", "-o", out, "-q", *more])


def opened(name: str) -> NDArray[np.uint8]:
    with Pillow.open(name) as picture:
        return np.asarray(picture)


def pages(name: str) -> NDArray[Any]:
    with tifffile.TiffFile(name) as file:
        return np.stack([page.asarray() for page in file.pages], axis=-1)


@pytest.mark.parametrize(("filters", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
@pytest.mark.parametrize("name", ["out.png", "out.tif"])
def test_1_3_and_4_filters_are_a_picture(
    image: NDArray[np.uint8], filters: int, mode: str, name: str
) -> None:
    net(filters)
    assert apply(name) == 0
    with Pillow.open(name) as picture:
        assert picture.mode == mode
    expected = convcli.apply(image, "net.yaml")
    assert (opened(name).reshape(expected.shape) == expected).all()


@pytest.mark.parametrize("filters", [1, 2, 3, 4, 5, 17])
def test_any_number_of_filters_is_an_array(image: NDArray[np.uint8], filters: int) -> None:
    net(filters)
    assert apply("out.npy") == 0
    expected = convcli.apply(image, "net.yaml")
    assert (np.load("out.npy").reshape(expected.shape) == expected).all()


@pytest.mark.parametrize("filters", [2, 5])
def test_other_numbers_are_pages_of_a_tiff(image: NDArray[np.uint8], filters: int) -> None:
    net(filters)
    assert apply("out.tif", "--verify") == 0
    expected = convcli.apply(image, "net.yaml")
    found = pages("out.tif")
    assert found.shape == (7, 9, filters)
    assert (found == expected).all()


def test_float_pages_keep_every_value(image: NDArray[np.uint8]) -> None:
    net(2)
    assert apply("out.tif", "--depth", "float") == 0
    expected = convcli.apply(image, "net.yaml", depth="float", layout="rgb")
    found = pages("out.tif")
    assert found.dtype == np.float32
    assert abs(found - expected).max() < 1e-6


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("o-{filter}.png", ["o-1.png", "o-2.png", "o-3.png"]),
        ("o-{filter:02d}.png", ["o-01.png", "o-02.png", "o-03.png"]),
        ("o-{filter:d}.png", ["o-1.png", "o-2.png", "o-3.png"]),
        ("o-{filter:02}.png", ["o-01.png", "o-02.png", "o-03.png"]),
        ("{filter}.tif", ["1.tif", "2.tif", "3.tif"]),
        ("{filter:3d}-{filter}.npy", ["001-1.npy", "002-2.npy", "003-3.npy"]),
    ],
)
def test_every_filter_gets_a_file_of_its_number(
    image: NDArray[np.uint8], name: str, names: list[str]
) -> None:
    net(3)
    before = {*Path().iterdir()}
    assert apply(name) == 0
    assert sorted(path.name for path in {*Path().iterdir()} - before) == names
    expected = convcli.apply(image, "net.yaml")
    for number, written in enumerate(names):
        found = np.load(written) if written.endswith(".npy") else opened(written)
        assert (found == expected[..., number]).all()


def test_a_file_for_each_keeps_resolution_and_tells_of_all_bytes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    net(2)
    args = ["apply", "a.png", "-k", "net.yaml", "-o", "o-{filter}.png", "-q", "--report", "-"]
    assert run(args) == 0
    size = sum(Path(name).stat().st_size for name in ("o-1.png", "o-2.png"))
    assert f'"bytes_out": {size}' in capsys.readouterr().out
    with Pillow.open("o-2.png") as picture:
        assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_alpha_is_in_every_file() -> None:
    net(3)
    assert apply("o-{filter}.png", picture="rgba.png") == 0
    for name in ("o-1.png", "o-2.png", "o-3.png"):
        found = opened(name)
        assert found.shape == (7, 9, 2)
        assert (found[..., 1] == opened("rgba.png")[..., 3]).all()


def test_channels_of_any_filter_can_be_written_one_by_one() -> None:
    assert run(["apply", "a.png", "-k", "identity", "-o", "c{filter}.png", "-q"]) == 0
    assert all((opened(f"c{n}.png") == opened("a.png")[..., n - 1]).all() for n in (1, 2, 3))


@pytest.mark.parametrize("name", ["out.png", "out.jpg", "out.csv"])
@pytest.mark.parametrize("filters", [2, 5])
def test_what_is_no_picture_is_refused_with_the_ways_out(
    name: str, filters: int, capsys: pytest.CaptureFixture[str]
) -> None:
    net(filters)
    assert apply(name) == 5
    said = capsys.readouterr().err
    assert f"The result of a.png has {filters} channels, one for each filter" in said
    for way in ("-o out.npy", "-o out.tif", "-o 'out-{filter}.png'"):
        assert way in said
    assert not Path(name).exists()


def test_no_file_is_written_where_one_exists(capsys: pytest.CaptureFixture[str]) -> None:
    net(3)
    Path("o-2.png").write_text("mine")
    assert apply("o-{filter}.png") == 5
    assert "o-2.png exists" in capsys.readouterr().err
    assert not Path("o-1.png").exists()
    assert Path("o-2.png").read_text() == "mine"
    assert apply("o-{filter}.png", "--overwrite") == 0
    assert opened("o-2.png").shape == (7, 9)


def test_the_input_is_never_one_of_the_files(capsys: pytest.CaptureFixture[str]) -> None:
    net(3)
    Path("a.png").rename("a-2.png")
    before = Path("a-2.png").read_bytes()
    assert apply("a-{filter}.png", "--overwrite", picture="a-2.png") == 5
    assert "a-2.png is the input itself" in capsys.readouterr().err
    assert Path("a-2.png").read_bytes() == before


def test_frames_of_filters_are_refused_but_one_frame_is_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    net(2)
    frames = [Pillow.new("RGB", (9, 7), (n, n, n)) for n in (10, 20)]
    frames[0].save("film.tif", save_all=True, append_images=frames[1:])
    assert apply("out.tif", picture="film.tif") == 2
    assert "2 frames, and every one gives a picture for each filter" in capsys.readouterr().err
    assert apply("out.tif", "--frames", "1", picture="film.tif") == 0


def test_a_tiff_goes_to_pages_too(image: NDArray[np.uint8]) -> None:
    net(2)
    Pillow.open("a.png").save("a.tif")
    assert apply("out.tif", picture="a.tif") == 0
    expected = convcli.apply(image, "net.yaml")
    assert (pages("out.tif") == expected).all()


def test_a_tiff_larger_than_memory_goes_through_layers_in_bands(
    capsys: pytest.CaptureFixture[str],
) -> None:
    net(3, stride=2, activation="relu")
    noise = np.random.default_rng(6).integers(0, 256, (1500, 1000, 3)).astype(np.uint8)
    tifffile.imwrite("big.tif", noise, rowsperstrip=32, photometric="rgb")
    assert run(["apply", "big.tif", "-k", "net.yaml", "-o", "o.tif", "--memory", "14M"]) == 0
    assert "streamed in bands" in capsys.readouterr().err
    assert (tifffile.imread("o.tif") == convcli.apply(noise, "net.yaml")).all()
    net(5)
    assert apply("five.tif", "--memory", "14M", picture="big.tif") == 4
    assert "of memory, more than the 14.0 M allowed" in capsys.readouterr().err


def test_a_report_names_the_network_not_its_layers(capsys: pytest.CaptureFixture[str]) -> None:
    net(3)
    assert run(["apply", "a.png", "-k", "net.yaml", "-o", "o.png", "--report", "-", "-q"]) == 0
    assert '"kernel": "net"' in capsys.readouterr().out


def test_only_the_one_field_is_a_field() -> None:
    assert has_field("a-{filter}.png")
    assert not any(map(has_field, ("a-filter.png", "{filters}.png", "{filter:x}.png")))
    assert numbered("{filter:x}-{filter}{filter:02}.png", 2) == (
        "{filter:x}-101.png",
        "{filter:x}-202.png",
    )


def test_show_tells_of_layers_not_of_a_kernel(capsys: pytest.CaptureFixture[str]) -> None:
    net(2, activation="relu", stride="[1, 2]")
    assert run(["kernels", "show", "net.yaml", "--json"]) == 0
    ((layer,),) = [each["layers"] for each in json.loads(capsys.readouterr().out)]
    assert (layer["filters"], layer["channels"], layer["stride"]) == (2, 3, [1, 2])
    assert (layer["extent"], layer["pad_by"], layer["weights"]) == ("same", None, 12)
    assert run(["kernels", "show", "net.yaml"]) == 0
    said = capsys.readouterr().out
    for words in (
        "2 filters of 1x2 over 3 channels, stride 1,2, same, constant, relu",
        "correlate, as the file does not say otherwise",
        "samples: layers see samples as they are stored",
        "-k net.yaml --convolve",
    ):
        assert words in said


TWO = "layers:\n  - weights: [[[[1]], [[1]], [[1]]]]\n  - weights: [[[[1]]]]\n"


def test_a_run_of_layers_is_resumed() -> None:
    Path("net.yaml").write_text(TWO)
    assert apply("o.png", "--report", "r.jsonl") == 0
    made = Path("o.png").stat().st_mtime_ns
    assert apply("o.png", "--resume", "r.jsonl") == 0
    assert Path("o.png").stat().st_mtime_ns == made


def test_the_key_of_a_run_tells_layers_apart() -> None:
    texts = [
        TWO,
        f"units: full\n{TWO}",
        f"operation: convolve\n{TWO}",
        "layers:\n  - weights: [[[[1]], [[1]], [[1]]]]\n",
        "matrix: [[1]]\n",
        TWO.replace("[[[[1]]]]", "[[[[2]]]]"),
    ]
    keys = set()
    for text in texts:
        Path("net.yaml").write_text(text)
        keys.add(job_key(make_job([find("net.yaml")], Wishes()), Writing(), "1"))
    assert len(keys) == len(texts)
