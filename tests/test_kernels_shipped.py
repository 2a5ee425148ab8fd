"""Every shipped kernel: its numbers, symmetry, source, and its answer to a ramp and a step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import ImageFilter

from convcli.kernels import families
from convcli.kernels.library import Place, check_file, find, listing, shipped_kernels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convcli.kernels.kernel import Kernel, Recipe

PLACES = [Place(shipped_kernels(), "shipped")]
ENTRIES = listing(PLACES)
NAMES = [entry.name for entry in ENTRIES]

# Components of gradients: a ramp that rises by one per pixel gives one.
RAMPS = {name: 1.0 for name in NAMES if name.endswith(("-x", "-y"))} | {
    "gradient": 1.0,
    "farid5-x": 0.992,  # as published
    "farid5-y": 0.992,
    "ando4-x": 1.000002,
    "ando4-y": 1.000002,
    "ando5-x": 1.000004,
    "ando5-y": 1.000004,
    "second-x": 0.0,
    "second-y": 0.0,
}


# Kernels of one basis that differ in size on purpose.
BASES = ("freichen-edge", "freichen-line")


def weights(kernel: Kernel) -> NDArray[np.float64]:
    return np.array(kernel.weights)


def recipe(name: str) -> Recipe:
    return find(name, PLACES)


def test_there_are_enough_and_of_both_formats() -> None:
    suffixes = {entry.origin.suffix for entry in ENTRIES}
    assert len(ENTRIES) >= 45
    assert suffixes == {".yaml", ".toml"}


def test_names_and_aliases_are_all_different() -> None:
    words = [word for entry in ENTRIES for word in (entry.name, *entry.aliases)]
    assert len(words) == len(set(words))


def test_every_family_has_a_file() -> None:
    assert set(families.FAMILIES) <= set(NAMES)


@pytest.mark.parametrize("entry", ENTRIES, ids=NAMES)
def test_file(entry: object) -> None:
    assert entry in ENTRIES
    found = next(e for e in ENTRIES if e is entry)
    assert check_file(found.origin, PLACES) == []
    assert found.origin.name.split(".")[0] == found.name
    loaded = recipe(found.name)
    assert loaded.title
    assert loaded.tags
    assert loaded.source
    words = {word for e in ENTRIES for word in (e.name, *e.aliases)}
    assert set(loaded.see) <= words


@pytest.mark.parametrize("name", [name for name in NAMES if name not in BASES])
def test_all_kernels_of_a_recipe_weigh_the_same(name: str) -> None:
    loaded = recipe(name)
    for kernel in loaded.kernels:
        assert kernel.sum == pytest.approx(loaded.kernel.sum, abs=1e-12)
        assert kernel.absolute == pytest.approx(loaded.kernel.absolute, rel=1e-12)
        # Where the operation makes a difference, the file says which one is meant.
        assert loaded.operation or kernel.flip_invariant


@pytest.mark.parametrize(("name", "gain"), RAMPS.items())
def test_ramp(name: str, gain: float) -> None:
    kernel = recipe(name).kernel
    rows, columns = np.indices((kernel.rows, kernel.columns))
    along = rows if name.endswith("-y") else columns
    assert (weights(kernel) * along).sum() == pytest.approx(gain, abs=1e-12 if gain == 1 else 5e-4)


@pytest.mark.parametrize(
    "name",
    [n for n in NAMES if recipe(n).combine == "magnitude" and "edge" in recipe(n).tags],
)
def test_a_step_gives_white(name: str) -> None:
    for axis in (0, 1):
        best = 0.0
        kernels = recipe(name).kernels
        for edge in range(-3, 4):
            answers = []
            for kernel in kernels:
                place = np.indices((kernel.rows, kernel.columns))[axis] - kernel.center[axis]
                answers.append((weights(kernel) * (place >= edge)).sum())
            best = max(best, math.hypot(*answers))
        assert best == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("name", ["kirsch", "robinson", "prewitt-compass"])
def test_compass_sets_are_eighths_of_a_turn(name: str) -> None:
    ring = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
    kernels = recipe(name).kernels
    first = [kernels[0].weights[i][j] for i, j in ring]
    turned = [[k.weights[i][j] for i, j in ring] for k in kernels]
    wanted = [first[step:] + first[:step] for step in range(8)]
    assert sorted(turned) == sorted(wanted)
    assert {k.weights[1][1] for k in kernels} == {kernels[0].weights[1][1]}


def test_lines_answer_to_a_line_of_one_pixel() -> None:
    line = np.zeros((3, 3))
    line[1] = 1
    answers = [(weights(k) * line).sum() for k in recipe("lines").kernels]
    assert max(answers) == pytest.approx(1, rel=1e-15)


@pytest.mark.parametrize(
    ("name", "filter_class"),
    [
        ("pil-blur", ImageFilter.BLUR),
        ("contour", ImageFilter.CONTOUR),
        ("detail", ImageFilter.DETAIL),
        ("edge-enhance", ImageFilter.EDGE_ENHANCE),
        ("sharpen8", ImageFilter.EDGE_ENHANCE_MORE),
        ("emboss-bias", ImageFilter.EMBOSS),
        ("outline", ImageFilter.FIND_EDGES),
        ("pil-sharpen", ImageFilter.SHARPEN),
        ("smooth", ImageFilter.SMOOTH),
        ("smooth-more", ImageFilter.SMOOTH_MORE),
    ],
)
def test_pillows_kernels(name: str, filter_class: type[ImageFilter.BuiltinFilter]) -> None:
    size, scale, offset, cells = filter_class.filterargs
    loaded = recipe(name)
    # The numbers of Pillow's source. It lays them on from the bottom row, as only EMBOSS can tell.
    expected = np.array(cells, dtype=float).reshape(size[::-1])
    np.testing.assert_array_equal(np.array(loaded.kernel.matrix), expected)
    assert loaded.kernel.scale == 1 / scale
    assert round(loaded.bias.share * 255 + 0.01) == offset


def test_whole_numbers_stay_whole() -> None:
    for name in ("gaussian5", "binomial5", "savgol5", "sharpen", "sobel", "log9", "box"):
        assert all(kernel.integral for kernel in recipe(name).kernels)
    assert recipe("gaussian5").kernel.scale == 1 / 273


def test_binomial_is_the_binomial() -> None:
    line = [1.0, 4.0, 6.0, 4.0, 1.0]
    np.testing.assert_array_equal(recipe("binomial5").kernel.matrix, np.outer(line, line))
    assert recipe("binomial3").kernel.matrix == recipe("binomial").kernel.matrix


def test_unsharp5_is_twice_the_image_less_a_blur() -> None:
    twice = np.zeros((5, 5))
    twice[2, 2] = 2
    blur = weights(recipe("binomial5").kernel)
    np.testing.assert_array_equal(weights(recipe("unsharp5").kernel), twice - blur)


def test_savitzky_golay_is_a_least_squares_fit() -> None:
    y, x = (axis.ravel() for axis in np.mgrid[-2:3, -2:3].astype(float))
    surface = np.stack([np.ones(25), x, y, x * x, x * y, y * y], axis=1)
    fit = np.linalg.pinv(surface).reshape(6, 5, 5)
    np.testing.assert_allclose(weights(recipe("savgol5").kernel), fit[0], atol=1e-15)
    np.testing.assert_allclose(weights(recipe("savgol5-x").kernel), fit[1], atol=1e-15)
    np.testing.assert_allclose(weights(recipe("savgol5-y").kernel), fit[2], atol=1e-15)


def test_laplacians_measure_curvature() -> None:
    y, x = np.mgrid[-4:5, -4:5].astype(float)
    for name in ("laplacian4", "laplacian", "laplacian9", "laplacian-op"):
        kernel = weights(recipe(name).kernel)
        half = kernel.shape[0] // 2
        bowl = ((x * x + y * y) / 2)[4 - half : 5 + half, 4 - half : 5 + half]
        gain = (kernel * bowl).sum()
        assert gain == pytest.approx(2, rel=1e-12)
