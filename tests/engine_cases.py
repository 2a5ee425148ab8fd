"""Images, taps and stages for the tests of engines, and what it means that an engine agrees."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from reference import nearest

from convcli import engines
from convcli.padding import PADDINGS
from convcli.source import Filtered, Samples, Window, windows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convcli.spec import Extent, Pair, Stage

    Values = NDArray[np.float64]

Sides = tuple[int, int, int, int]
ENGINES = [*engines.WHY]
TO_THE_BIT = {"direct", "separable"}
"""
Engines that add whole products in whole numbers, so that sums are exact before any rounding, and in
one order wherever a sample lies. `separable` does where `rank` finds whole factors: for all `taps`.
"""

NOISE = {"direct": 1e-14, "separable": 1e-14, "fft": 1e-12}
"""
What a sum may miss when its terms cancel, in units of sum |w| * largest |sample|. A transform mixes
all samples of a tile, so that for `fft` the constant around the image counts as a sample as well.
"""

MODES = [*PADDINGS]
EXTENTS: list[Extent | Sides] = ["same", "valid", "full", (3, 1, 0, 7)]
FULL = {"uint8": 255, "uint16": 65535, "float32": 1.0, "float64": 1.0}
SIZES = [*product(range(1, 6), range(1, 6), range(1, 7), range(1, 7))]
"""Rows and columns of the image, rows and columns of the kernel."""

STRIDES: list[Pair] = [(1, 1), (2, 2), (3, 3), (1, 2), (3, 1)]
DILATIONS: list[Pair] = [(1, 1), (2, 2), (1, 2), (2, 1)]


def picture(seed: int, dtype: str, shape: tuple[int, int, int]) -> NDArray[Any]:
    """Noise over the whole range of the dtype."""
    noise = np.random.default_rng(seed).random(shape)
    return (noise * FULL[dtype]).round(0 if dtype.startswith("u") else 9).astype(dtype)


def taps(seed: int, shape: tuple[int, ...], mode: str) -> Values:
    """Whole taps; `normalize` divides by their sum, which must not be 0 there."""
    low = 1 if mode == "normalize" else -9
    return np.random.default_rng(seed).integers(low, 10, shape).astype(np.float64)


def placed(extent: Extent | Sides) -> dict[str, Any]:
    return {"extent": extent} if isinstance(extent, str) else {"pad_by": extent}


def fits(stage: Stage, shape: tuple[int, ...]) -> bool:
    """Whether one position at least lies inside, counted apart from `Stage.size`."""
    if stage.pad_by is None and stage.extent != "valid":
        return True
    top, right, bottom, left = stage.pad_by or (0, 0, 0, 0)
    kernel = [1 + (stage.bank.shape[2 + axis] - 1) * stage.dilation[axis] for axis in (0, 1)]
    rows, columns = shape[0] + top + bottom, shape[1] + left + right
    return bool(rows >= kernel[0] and columns >= kernel[1])


def filtered(
    name: str, image: NDArray[Any], stage: Stage, fill: tuple[float, ...] | None = None
) -> Filtered:
    fill = fill or (stage.padding.value,) * image.shape[2]
    return Filtered(Samples(image), stage, engines.engine(name), fill)


def whole(source: Filtered) -> Values:
    rows, columns, _ = source.shape
    return source.read(Window(0, rows, 0, columns))


def tiled(source: Filtered, side: int) -> Values:
    """The image put together from tiles."""
    values = np.full(source.shape, np.nan)
    for window in windows(source.shape, (side, side)):
        tile = source.read(window)
        values[window.top : window.bottom, window.left : window.right] = tile
    return values


def is_whole(stage: Stage, image: NDArray[Any]) -> bool:
    """Whether samples, taps and what follows are whole numbers, so that nothing is rounded."""
    weights = [*stage.bank.ravel().tolist(), *stage.bias, stage.shift]
    return (
        image.dtype.kind == "u"
        and all(weight == round(weight) for weight in weights)
        and {*stage.scale} == {1.0}
        and stage.padding.mode != "normalize"
        and stage.combine in {None, "l1", "max", "min", "sum"}
        and stage.activation in {"none", "relu", "abs", "threshold"}
    )


def noise(name: str, stage: Stage, image: NDArray[Any], constants: tuple[float, ...]) -> float:
    """A sum that cancels is as good as the largest of its terms allows."""
    seen = constants if name == "fft" else ()
    largest = max([float(abs(image.astype(float)).max()), *map(abs, seen)])
    return NOISE[name] * float(abs(stage.bank).sum()) * max(map(abs, stage.scale)) * largest


def agree(
    name: str,
    values: Values,
    expected: Values,
    stage: Stage,
    image: NDArray[Any],
    *,
    fill: tuple[float, ...] = (),
) -> None:
    """Equal to the bit for whole numbers; else to 1e-12, and to the integer when rounded."""
    assert values.dtype == np.float64
    assert values.shape == expected.shape
    constants = (stage.padding.value, *fill)
    # The reference adds in the order of `direct`, so that those agree whatever the constant is.
    exact = name == "direct" or all(constant == round(constant) for constant in constants)
    if exact and name in TO_THE_BIT and is_whole(stage, image):
        np.testing.assert_array_equal(values, expected)
        return
    atol = noise(name, stage, image, constants)
    if name == "fft" and stage.activation == "square":  # (v + noise)^2 - v^2
        atol *= 2 * float(expected.max()) ** 0.5 + atol
    np.testing.assert_allclose(values, expected, rtol=1e-12, atol=atol)
    if image.dtype.kind == "u" and stage.activation != "square":
        high, differ = FULL[image.dtype.name], values != expected  # what is equal rounds alike
        rounded = [[nearest(v, 0, high) for v in each[differ]] for each in (values, expected)]
        assert rounded[0] == rounded[1]
