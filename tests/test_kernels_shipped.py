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

# name, kernels, size of the first, its sum, sum of its positive weights, half turn (+ the same,
# - negated, . neither), rank, operation, range.
TABLE = """
backward-x        1 1x2   0     1        . 1 correlate signed
bickley-x         1 3x3   0     0.5      - 1 correlate signed
bickley-y         1 3x3   0     0.5      - 1 correlate signed
binomial          1 3x3   1     1        + 1 any       -
binomial3         1 3x3   1     1        + 1 any       -
binomial5         1 5x5   1     1        + 1 any       -
box               1 3x3   1     1        + 1 any       -
box5              1 5x5   1     1        + 1 any       -
central           2 1x3   0     1        - 1 correlate clip
central-x         1 1x3   0     0.5      - 1 correlate signed
central-y         1 3x1   0     0.5      - 1 correlate signed
contour           1 3x3   0     8        + 2 any       clip
detail            1 3x3   1     1.66667  + 2 any       -
disk              1 7x7   1     1        + 4 any       -
dog               1 13x13  0     0.344459 + 2 any       signed
edge-enhance      1 3x3   1     5        + 2 any       -
emboss            1 3x3   1     5        . 3 correlate -
emboss-bias       1 3x3   0     1        . 2 correlate clip
emboss-laplacian  1 3x3   0     4        + 2 any       clip
esri-sharpen5     1 5x5   1     45       + 3 any       -
esri-smooth5      1 5x5   1     1        + 3 any       -
farid5-x          1 5x5   0     0.386295 - 1 correlate signed
farid5-y          1 5x5   0     0.386295 - 1 correlate signed
forward-x         1 1x2   0     1        . 1 correlate signed
freichen          2 3x3   0     1        - 1 correlate clip
freichen-x        1 3x3   0     0.5      - 1 correlate signed
freichen-y        1 3x3   0     0.5      - 1 correlate signed
gabor             1 19x19  0     0.5      + 2 correlate signed
gauss-derivative  1 9x9   0     0.363785 - 1 correlate signed
gaussian          1 9x9   1     1        + 1 any       -
gaussian5         1 5x5   1     1        + 3 any       -
gaussian5-canny   1 5x5   1     1        + 3 any       -
gradient          1 3x3   0     0.5      - 1 correlate signed
highboost         1 3x3   1     1.88889  + 2 any       -
highpass          1 9x9   0     0.840844 + 2 any       signed
identity          1 1x1   1     1        + 1 any       -
kirsch            8 3x3   0     1        . 2 correlate clip
kirsch-e          1 3x3   0     1        . 2 correlate signed
kirsch-n          1 3x3   0     1        . 2 correlate signed
kirsch-ne         1 3x3   0     1        . 3 correlate signed
kirsch-nw         1 3x3   0     1        . 3 correlate signed
kirsch-s          1 3x3   0     1        . 2 correlate signed
kirsch-se         1 3x3   0     1        . 3 correlate signed
kirsch-sw         1 3x3   0     1        . 3 correlate signed
kirsch-w          1 3x3   0     1        . 2 correlate signed
krita-sharpen     1 3x3   1     3.66667  + 2 any       -
laplacian         1 3x3   0     3.33333  + 2 any       signed
laplacian-op      1 3x3   0     3        + 2 any       signed
laplacian4        1 3x3   0     4        + 2 any       signed
laplacian5        1 5x5   0     1        + 2 any       signed
laplacian8        1 3x3   0     8        + 2 any       signed
laplacian9        1 3x3   0     3.33333  + 2 any       signed
laws              1 5x5   0     0.5      - 1 correlate signed
laws-e5s5         1 5x5   0     1        - 1 correlate signed
laws-l5e5         1 5x5   0     1        - 1 correlate signed
laws-r5r5         1 5x5   0     1        + 1 any       signed
line-135          1 3x3   0     1        + 2 any       signed
line-45           1 3x3   0     1        + 2 any       signed
line-horizontal   1 3x3   0     1        + 1 any       signed
line-vertical     1 3x3   0     1        + 1 any       signed
lines             4 3x3   0     1        + 1 any       clip
log               1 13x13  0     0.371615 + 3 any       signed
log5              1 5x5   0     16       + 3 any       signed
log9              1 9x9   0     1        + 5 any       signed
motion            1 1x9   1     1        + 1 any       -
outline           1 3x3   0     8        + 2 any       clip
pil-blur          1 5x5   1     1        + 2 any       -
pil-sharpen       1 3x3   1     2        + 2 any       -
prewitt           2 3x3   0     1        - 1 correlate clip
prewitt-compass   8 3x3   0     1        . 2 correlate clip
prewitt-x         1 3x3   0     0.5      - 1 correlate signed
prewitt-y         1 3x3   0     0.5      - 1 correlate signed
roberts           2 2x2   0     0.707107 . 2 correlate clip
roberts-1         1 2x2   0     1        . 2 correlate signed
roberts-2         1 2x2   0     1        . 2 correlate signed
robinson          8 3x3   0     1        - 1 correlate clip
robinson-n        1 3x3   0     1        - 1 correlate signed
savgol5           1 5x5   1     1.29714  + 2 any       -
savgol5-x         1 5x5   0     0.3      - 1 correlate signed
savgol5-y         1 5x5   0     0.3      - 1 correlate signed
scharr            2 3x3   0     1        - 1 correlate clip
scharr-x          1 3x3   0     0.5      - 1 correlate signed
scharr-y          1 3x3   0     0.5      - 1 correlate signed
second-x          1 1x3   0     2        + 1 any       signed
second-xy         1 3x3   0     0.5      + 1 any       signed
second-y          1 3x1   0     2        + 1 any       signed
sharpen           1 3x3   1     5        + 2 any       -
sharpen-soft      1 3x3   1     2        + 2 any       -
sharpen-soft8     1 3x3   1     3        + 2 any       -
sharpen8          1 3x3   1     9        + 2 any       -
shift             1 1x3   1     1        . 1 correlate -
shift-down        1 3x1   1     1        . 1 correlate -
shift-right       1 1x3   1     1        . 1 correlate -
smooth            1 3x3   1     1        + 2 any       -
smooth-more       1 5x5   1     1        + 3 any       -
sobel             2 3x3   0     1        - 1 correlate clip
sobel-x           1 3x3   0     0.5      - 1 correlate signed
sobel-y           1 3x3   0     0.5      - 1 correlate signed
sobel5            2 5x5   0     1        - 1 correlate clip
sobel5-x          1 5x5   0     0.375    - 1 correlate signed
sobel5-y          1 5x5   0     0.375    - 1 correlate signed
sobel7-x          1 7x7   0     0.3125   - 1 correlate signed
sobel7-y          1 7x7   0     0.3125   - 1 correlate signed
tent              1 3x3   1     1        + 1 any       -
unsharp           1 9x9   1     1.84084  + 2 any       -
unsharp3          1 3x3   1     4.33333  + 2 any       -
unsharp5          1 5x5   1     1.85938  + 2 any       -
"""
ROWS = {line.split()[0]: line.split()[1:] for line in TABLE.strip().split("\n")}

# Components of gradients: a ramp that rises by one per pixel gives one.
RAMPS = {name: 1.0 for name in NAMES if name.endswith(("-x", "-y"))} | {
    "gradient": 1.0,
    "farid5-x": 0.992,  # as published
    "farid5-y": 0.992,
    "second-x": 0.0,
    "second-y": 0.0,
}


def weights(kernel: Kernel) -> NDArray[np.float64]:
    return np.array(kernel.weights)


def recipe(name: str) -> Recipe:
    return find(name, PLACES)


def test_there_are_enough_and_of_both_formats() -> None:
    suffixes = {entry.origin.suffix for entry in ENTRIES}
    assert len(ENTRIES) >= 45
    assert suffixes == {".yaml", ".toml"}
    assert set(NAMES) == set(ROWS)


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


@pytest.mark.parametrize("name", NAMES)
def test_numbers(name: str) -> None:
    count, size, total, positive, turn, rank, operation, value_range = ROWS[name]
    loaded = recipe(name)
    kernel = loaded.kernel
    assert len(loaded.kernels) == int(count)
    assert f"{kernel.rows}x{kernel.columns}" == size
    assert kernel.sum == pytest.approx(float(total), abs=1e-12)
    assert kernel.positive == pytest.approx(float(positive), rel=1e-5)
    assert kernel.flip_invariant == (turn == "+")
    assert kernel.flip_negates == (turn == "-")
    assert kernel.rank == int(rank)
    assert (loaded.operation or "any", loaded.range or "-") == (operation, value_range)


@pytest.mark.parametrize("name", NAMES)
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


@pytest.mark.parametrize("name", [name for name in NAMES if recipe(name).combine == "magnitude"])
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
