"""The law of rounding, ranges, depths and limits: how a finished value becomes a sample."""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

from convcli.errors import InputError, OutputError
from convcli.pixels import DEPTHS, Clipped, Finish, Scale
from convcli.response import RANGES

BYTE = Scale.of("uint8", "picture")


def _finish(finish: Finish, block: Any, span: tuple[float, float]) -> tuple[Any, Clipped]:
    out = np.empty(block.shape, finish.scale.dtype)
    clipped = finish(block, span, out)
    return out, clipped


def finished(values: list[float], ranged: str = "clip", **options: Any) -> list[float]:
    scale = options.pop("scale", BYTE)
    block = np.array(values)[None, :, None]
    span = (min(values), max(values))
    samples, _ = _finish(Finish(scale, ranged, slice(0, 1), **options), block, span)
    assert samples.dtype == scale.dtype
    return samples[0, :, 0].tolist()  # type: ignore[no-any-return]  # of NumPy


def test_rounds_to_nearest_and_ties_upwards() -> None:
    assert finished([0.4, 0.5, 0.6, 1.5, 2.5, 254.49, 254.5]) == [0, 1, 1, 2, 3, 254, 255]


def test_a_tie_is_anything_within_a_millionth() -> None:
    noise = 1e-11
    assert finished([2.5 - noise, 2.5 + noise, 2.5 - 2.0**-21]) == [3, 3, 3]
    assert finished([2.5 - 2.0**-19]) == [2]


def test_rounds_negative_ties_upwards_too() -> None:
    signed = Scale.of("int16", "numbers")
    assert finished([-0.5, -1.5, -2.51], scale=signed) == [0, -1, -3]


def test_clips_and_counts_what_it_cut() -> None:
    block = np.array([-1.0, -0.4, 0.0, 255.0, 255.4, 256.0, 400.0])[None, :, None]
    samples, clipped = _finish(Finish(BYTE, "clip", slice(0, 1)), block, (0.0, 0.0))
    assert samples.ravel().tolist() == [0, 0, 0, 255, 255, 255, 255]
    assert (clipped.below, clipped.above, clipped.total) == (1, 2, 7)


@pytest.mark.parametrize(
    ("ranged", "expected"),
    [
        ("clip", [0, 0, 100, 255]),
        ("abs", [200, 0, 100, 255]),
        ("signed", [28, 128, 178, 255]),
        ("stretch", [0, 85, 128, 255]),
        ("wrap", [56, 0, 100, 144]),
    ],
)
def test_every_range_has_worked_numbers(ranged: str, expected: list[int]) -> None:
    assert finished([-200.0, 0.0, 100.0, 400.0], ranged) == expected


def test_range_error_refuses_what_does_not_fit() -> None:
    finish = Finish(BYTE, "error", slice(0, 1))
    for values, cut in (([0.0, 255.0], 0), ([0.0, 256.0], 1), ([-1.0, 256.0], 2)):
        _, clipped = _finish(finish, np.array(values)[None, :, None], (0.0, 0.0))
        assert clipped.below + clipped.above == cut
        with pytest.raises(OutputError) if cut else nullcontext():
            finish.check(clipped)
    with pytest.raises(OutputError, match=r"^100 % of the samples fall outside 0\.\.255"):
        finish.check(clipped)


def test_ranges_of_the_table_are_all_tested() -> None:
    assert set(RANGES) == {"clip", "abs", "signed", "stretch", "wrap", "error"}


def test_a_flat_image_stretches_to_black() -> None:
    assert finished([7.0, 7.0], "stretch") == [0, 0]


def test_bias_is_added_before_the_depth_is_converted() -> None:
    wide = Scale.of("uint16", "picture")
    assert finished([1.0, 2.0], scale=wide, offset=1.0, unit=257.0) == [514, 771]


def test_no_integer_holds_nan_or_infinity() -> None:
    for value in (math.nan, math.inf, -math.inf):
        with pytest.raises(InputError, match="NaN or infinity"):
            finished([value])


def test_floats_are_left_alone_by_clip_and_keep_nan() -> None:
    scale = Scale.of("float64", "numbers")
    values = finished([-5.25, 1e300, math.nan], scale=scale)
    assert values[:2] == [-5.25, 1e300]
    assert math.isnan(values[2])


def test_alpha_is_clipped_but_never_ranged_or_biased() -> None:
    block = np.array([[[10.0, 300.0], [10.0, 128.0]]])
    samples, clipped = _finish(Finish(BYTE, "signed", slice(0, 1), offset=100.0), block, (0.0, 0.0))
    assert samples[0, :, 1].tolist() == [255, 128]
    assert samples[0, :, 0].tolist() == [183, 183]
    assert clipped.total == 2


@pytest.mark.parametrize(
    ("dtype", "target", "low", "high", "full"),
    [
        ("uint8", "picture", 0, 255, 255),
        ("uint16", "picture", 0, 65535, 65535),
        ("float32", "picture", -math.inf, math.inf, 1.0),
        ("float64", "numbers", -math.inf, math.inf, None),
        ("int16", "numbers", -32768, 32767, None),
        ("bool", "numbers", 0, 1, 1.0),
    ],
)
def test_what_samples_can_be(
    dtype: str, target: Any, low: float, high: float, full: float | None
) -> None:
    scale = Scale.of(dtype, target)
    assert (scale.low, scale.high, scale.full) == (low, high, full)


@pytest.mark.parametrize(
    ("depth", "dtype", "expected"),
    [
        ("keep", "int32", "int32"),
        ("8", "uint16", "uint8"),
        ("16", "uint8", "uint16"),
        ("float", "uint8", "float32"),
        ("float", "int32", "float64"),
        ("float", "float64", "float64"),
    ],
)
def test_depths(depth: str, dtype: str, expected: str) -> None:
    assert DEPTHS[depth](dtype) == expected


@pytest.mark.parametrize(("dtype", "top"), [("int64", 2**63 - 1024), ("uint64", 2**64 - 2048)])
def test_the_widest_integers_clip_to_what_a_float64_can_say(dtype: str, top: int) -> None:
    scale = Scale.of(dtype, "numbers")
    assert finished([scale.low, 1e30], scale=scale) == [np.iinfo(dtype).min, top]
