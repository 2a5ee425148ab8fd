"""The networks in `samples/` do what they say, and their weights are what the script makes."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from scipy import ndimage

import convcli
from convcli.kernels.kernelfile import check_file
from convcli.kernels.library import find

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
NETWORKS = SAMPLES / "networks"
SCRIPT = runpy.run_path(str(SAMPLES / "networks.py"))


def photo() -> NDArray[np.uint8]:
    with Image.open(SAMPLES / "dandelions-small.png") as picture:
        return np.asarray(picture)[100:220, 200:360]


def gradients(grey: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    return [ndimage.sobel(grey, axis, mode="nearest") / 8 for axis in (1, 0)]


def test_edges_are_the_sizes_of_two_gradients_of_grey() -> None:
    image = photo()
    found = convcli.apply(image, str(NETWORKS / "edges.yaml"))
    x, y = gradients(image.mean(axis=2))
    assert (found[..., 0] == np.floor(abs(x) + abs(y) + 0.5 + 2**-20)).all()
    assert found.max() > 40


def test_corners_are_those_of_harris() -> None:
    image = photo() / 255
    x, y = gradients(image @ SCRIPT["LUMA"])
    smooth = [
        ndimage.gaussian_filter(product, SCRIPT["SIGMA"], radius=SCRIPT["RADIUS"], mode="nearest")
        for product in (x * x, y * y, x * y)
    ]
    expected = smooth[0] * smooth[1] - smooth[2] ** 2 - (smooth[0] + smooth[1]) ** 2 / 25
    found = convcli.apply(image, str(NETWORKS / "corners.yaml"), range="clip")
    assert expected.max() > 1e-5
    assert abs(found[..., 0] - expected.clip(0)).max() < 1e-12


def test_the_script_makes_the_weights_that_lie_there(tmp_path: Path) -> None:
    SCRIPT["main"](tmp_path / "w.npz")
    with np.load(NETWORKS / "corners.npz") as stored, np.load(tmp_path / "w.npz") as made:
        assert set(stored) == set(made) == set(SCRIPT["arrays"]())
        for name in stored:
            np.testing.assert_allclose(stored[name], made[name], rtol=1e-15)


def test_the_files_have_no_faults_and_are_described() -> None:
    described = (SAMPLES / "README.md").read_text(encoding="utf-8")
    files = sorted(NETWORKS.glob("*.yaml"))
    assert [file.name for file in files] == ["corners.yaml", "edges.yaml"]
    for file in files:
        assert check_file(file) == []
        assert f"`{file.name}`" in described
        assert find(str(file)).title
