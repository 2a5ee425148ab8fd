from __future__ import annotations

import runpy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
SCRIPT = runpy.run_path(str(SAMPLES / "charts.py"))


def decoded(path: Path) -> NDArray[Any]:
    if path.suffix == ".csv":
        return np.loadtxt(path, delimiter=",", ndmin=2)
    if path.suffix == ".npy":
        return np.asarray(np.load(path))
    if path.suffix == ".wav":
        return np.asarray(wavfile.read(path)[1])
    return np.asarray(imagecodecs.png_decode(path.read_bytes()))


def test_the_folder_holds_the_charts_that_the_script_draws() -> None:
    assert {path.name for path in (SAMPLES / "charts").iterdir()} == set(SCRIPT["CHARTS"])


@pytest.mark.parametrize("name", SCRIPT["CHARTS"])
def test_a_chart_is_what_the_script_draws_now(name: str) -> None:
    drawn = SCRIPT["CHARTS"][name]()
    stored = decoded(SAMPLES / "charts" / name)
    assert stored.dtype == drawn.dtype
    np.testing.assert_array_equal(stored, drawn)


def test_the_script_draws_into_the_folder_it_is_given(tmp_path: Path) -> None:
    SCRIPT["main"](tmp_path / "new")
    assert {path.name for path in (tmp_path / "new").iterdir()} == set(SCRIPT["CHARTS"])


def test_the_deep_chart_does_not_fit_into_8_bits() -> None:
    deep = decoded(SAMPLES / "charts" / "deep-rgb16.png")
    assert np.any(deep % 257)


def test_green_hides_where_the_disk_is_transparent() -> None:
    disk = decoded(SAMPLES / "charts" / "disk-rgba.png")
    assert np.all(disk[disk[..., 3] == 0] == (0, 255, 0, 0))
    assert disk[64, 64].tolist() == [240, 130, 40, 255]


def test_the_samples_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in SAMPLES.rglob("*") if path.is_file()}
    assert sum(size for name, size in sizes.items() if name in SCRIPT["CHARTS"]) < 150_000
    assert sizes["dandelions.jpg"] < 200_000


@pytest.mark.parametrize(
    ("name", "size"), [("dandelions.jpg", (1280, 720)), ("dandelions-small.png", (640, 360))]
)
def test_the_photograph_has_its_stated_size(name: str, size: tuple[int, int]) -> None:
    with Image.open(SAMPLES / name) as image:
        assert (image.mode, image.size) == ("RGB", size)


def test_every_sample_is_described() -> None:
    described = (SAMPLES / "README.md").read_text(encoding="utf-8")
    for name in [*SCRIPT["CHARTS"], "dandelions.jpg", "dandelions-small.png"]:
        assert f"`{name}`" in described
