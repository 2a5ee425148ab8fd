"""
Bytes that come of bytes in strips of rows: kernels of 3x3 (`walk.h`), whole ones (`whole.h`).

Cases are drawn near the steps of rounding, and near what sums of 16 bits hold.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from byte_cases import (
    EPSILONS,
    FILLS,
    IMAGES,
    ONE_TO_4,
    RUNS,
    SEEDS,
    WHOLE,
    Case,
    case_of,
    check,
    finish_of,
    image_of,
    near_a_tie,
)
from engine_cases import MODES, fits
from hypothesis import given, settings
from hypothesis import strategies as st

from convcli.padding import Padding
from convcli.spec import Stage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

# --- kernels of three by three -------------------------------------------------------------------

COLUMNS_OF_3 = {"whole": [1.0, 3.0, 2.0], "real": [0.3, 0.45, 0.25]}
ROWS_OF_3 = {
    "even": [1.0, 2.0, 1.0],
    "odd": [-1.0, 0.0, 1.0],
    "uneven": [1.0, 2.0, 5.0],
    "nearly even": [1.0, 2.0, 1.0 + 2.0**-13],
}

KINDS_OF_3 = [*ROWS_OF_3, "even of rank 2", "full rank"]


def bank_of_three(column: str, row: str, size: float, seed: int) -> Values:
    """Column times row, or of higher rank; the sizes of real weights add up to `size`."""
    whole = column == "whole"
    full = np.random.default_rng(seed).random((3, 3))
    dense = np.rint(9 * full) + 1 if whole else full - 0.2
    bank = np.outer(COLUMNS_OF_3[column], ROWS_OF_3[row]) if row in ROWS_OF_3 else dense
    bank = bank + bank[:, ::-1] if row == "even of rank 2" else bank
    return bank if whole else bank * size / abs(bank).sum()


STEPS = st.sampled_from([(1, 1), (1, 1), (1, 1), (1, 2), (2, 1)])
"""Other steps than 1 go another way, and must not come here."""


def on_bytes(draw: st.DrawFn, stage: Stage, shape: tuple[int, int, int]) -> Case:
    """A stage on bytes of that shape, cut in tiles anywhere, with a sample near a tie."""
    if not fits(stage, shape):
        stage = replace(stage, extent="same")
    image = image_of(draw(st.sampled_from(IMAGES)), draw(SEEDS), "uint8", shape)
    fill = tuple(draw(FILLS) for _ in range(shape[2]))
    tile = draw(st.sampled_from([WHOLE, (5, 23), (99, 8), (11, 99), (33, 99)]))
    case = Case(image, stage, finish_of(), fill, tile, draw(st.integers(1, 3)))
    return near_a_tie(case, draw(SEEDS), draw(EPSILONS), draw(st.integers(-1, 256)))


@st.composite
def threes(draw: st.DrawFn) -> Case:
    """Any kernel of 3x3 on bytes; borders, steps of vectors and strips of rows in all places."""
    rows, columns = draw(st.integers(1, 27)), draw(st.integers(1, 60))
    column, size = draw(st.sampled_from([*COLUMNS_OF_3])), draw(st.sampled_from([0.9, 1.0, 4.0]))
    bank = bank_of_three(column, draw(st.sampled_from(KINDS_OF_3)), size, draw(SEEDS))
    mode = draw(st.sampled_from([mode for mode in MODES if mode != "normalize"]))
    stage = Stage(
        bank[None, None],
        (draw(st.integers(0, 2)), draw(st.integers(0, 2))),
        (size / abs(bank).sum() if column == "whole" else draw(st.sampled_from([1.0, -1.0, 0.5])),),
        (draw(st.sampled_from([0.0, 0.25, 100.0])),),
        padding=Padding(mode),
        extent=draw(st.sampled_from(["same", "valid", "full"])),
        stride=draw(STEPS),
        dilation=draw(STEPS),
    )
    return on_bytes(draw, stage, (rows, columns, draw(ONE_TO_4)))


THREE_BY_THREE = [run for run in RUNS if run[0] != "fft"]


@settings(max_examples=300)
@given(case=threes())
def test_kernels_of_three_by_three(case: Case) -> None:
    check(case, THREE_BY_THREE)


@pytest.mark.parametrize("row", KINDS_OF_3)
@pytest.mark.parametrize("column", [*COLUMNS_OF_3])
def test_every_width_of_three_by_three(column: str, row: str) -> None:
    for columns in range(1, 100):
        image = image_of("noise", columns, "uint8", (10, columns, 1 + columns % 3))
        bank = bank_of_three(column, row, 3.0, columns)
        check(case_of(image, bank, scale=(0.3,)), THREE_BY_THREE)


@pytest.mark.parametrize("epsilon", [-1e-5, -1e-6, 1e-6, 1e-5])
@pytest.mark.parametrize("level", [-1, 255])
@pytest.mark.parametrize("row", KINDS_OF_3)
def test_what_is_cut_beside_a_tie_is_counted_once(row: str, level: int, epsilon: float) -> None:
    image = image_of("noise", 4, "uint8", (3, 50, 1))
    case = case_of(image, bank_of_three("real", row, 1.0, 1))
    for place in range(40, 60):
        check(near_a_tie(case, place, epsilon, level), THREE_BY_THREE)


@pytest.mark.parametrize("beyond", [-1.0, 0.3, 0.6, 2.0, 8.0])
@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("row", KINDS_OF_3)
def test_what_goes_little_beyond_bytes_is_counted(row: str, sign: int, beyond: float) -> None:
    bank = bank_of_three("real", row, 1.0, 1)
    image = np.tile(np.where(sign * bank > 0, 255, 0).astype("uint8"), (4, 20))[..., None]
    farthest = 255 * bank[sign * bank > 0].sum()
    wanted = 255 + beyond if sign > 0 else -beyond
    check(case_of(image, bank, bias=(float(wanted - farthest),)), THREE_BY_THREE)


@pytest.mark.parametrize("level", [-1, 0, 100, 255])
def test_whole_weights_of_three_by_three_that_are_too_large_for_16_bits(level: int) -> None:
    bank = 25 * bank_of_three("whole", "full rank", 1.0, 1) + np.eye(3)
    image = image_of("noise", 7, "uint8", (20, 60, 3))
    case = case_of(image, bank, scale=(1 / 500,), bias=(-128.0,))
    check(near_a_tie(case, 99, 1e-5, level), THREE_BY_THREE)


@pytest.mark.parametrize("dilation", [(1, 2), (2, 1), (3, 3)])
@pytest.mark.parametrize("row", KINDS_OF_3)
def test_dilated_kernels_of_three_by_three(row: str, dilation: tuple[int, int]) -> None:
    image = image_of("noise", 5, "uint8", (20, 60, 2))
    check(case_of(image, bank_of_three("real", row, 1.0, 1), dilation=dilation), THREE_BY_THREE)


@pytest.mark.parametrize("stride", [(1, 2), (2, 1), (2, 2)])
@pytest.mark.parametrize("column", [*COLUMNS_OF_3])
def test_strides_of_three_by_three(column: str, stride: tuple[int, int]) -> None:
    image = image_of("noise", 6, "uint8", (21, 60, 2))
    bank = bank_of_three(column, "full rank", 1.0, 1)
    check(case_of(image, bank, scale=(0.02,), stride=stride), THREE_BY_THREE)


@pytest.mark.parametrize("row", KINDS_OF_3)
def test_rows_of_an_image_may_lie_anywhere(row: str) -> None:
    bank = bank_of_three("real", row, 1.0, 1)
    image = image_of("noise", 2, "uint8", (41, 50, 3))
    for view in (
        image[::-1],
        image[::3],
        image[:, 7:43],
        image[4:, :, :],
        image[2:3].repeat(30, 0),
        np.broadcast_to(image[2:3], image.shape),
        image[:, 7:43, 0][..., None],
        image[:, :36].reshape(-1, 12, 9)[:, 3:4],
        np.ascontiguousarray(image[..., 0])[:, 7:43, None],
    ):
        check(case_of(view, bank), THREE_BY_THREE)
        check(case_of(view, shared(250, 20, 1, 0.2).reshape(4, 5), scale=(0.01,)), DIRECTLY)


# --- kernels of whole numbers --------------------------------------------------------------------

DIRECTLY = [run for run in RUNS if run[0] == "direct"]


def shared(total: int, taps: int, seed: int, below: float = 0.0) -> Values:
    """Whole weights whose sizes add up to `total`, a share of them below 0."""
    rng = np.random.default_rng(seed)
    sizes = rng.multinomial(total, np.full(taps, 1 / taps)).astype(np.float64)
    weights: Values = np.where(rng.random(taps) < below, -sizes, sizes)
    return weights


@st.composite
def wholes(draw: st.DrawFn) -> Case:
    """Any whole kernel on bytes, its weights up to what a sum of 16 bits holds, and beyond."""
    rows, columns = draw(st.integers(1, 40)), draw(st.integers(1, 90))
    height, width = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    total = draw(st.sampled_from([0, 1, 9, 100, 254, 255, 256, 257, 258, 300, 600, 3000]))
    below = draw(st.sampled_from([0.0, 0.3, 0.5, 1.0]))
    bank = shared(total, height * width, draw(SEEDS), below).reshape(1, 1, height, width)
    mode = draw(st.sampled_from([mode for mode in MODES if mode != "normalize"]))
    size = draw(st.sampled_from([1.0, -1.0, 0.5, 4.0]))
    stage = Stage(
        bank,
        (draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))),
        (draw(st.sampled_from([size / max(total, 1), 1 / 16, 0.3, 1.0])),),
        (draw(st.sampled_from([0.0, 0.25, 100.0, 255.0])),),
        padding=Padding(mode),
        extent=draw(st.sampled_from(["same", "valid", "full"])),
        stride=draw(STEPS),
        dilation=draw(st.tuples(*[st.integers(1, 3)] * 2)),
    )
    return on_bytes(draw, stage, (rows, columns, draw(ONE_TO_4)))


@settings(max_examples=300)
@given(case=wholes())
def test_whole_kernels(case: Case) -> None:
    check(case, DIRECTLY)


@pytest.mark.parametrize("signs", ["above", "below", "both"])
@pytest.mark.parametrize("total", [*range(252, 262), 511, 512, 513, 767, 768, 769])
def test_whole_weights_up_to_what_16_bits_hold(total: int, signs: str) -> None:
    """At their least and greatest sum, and one level beside those."""
    below = {"above": 0.0, "below": 1.0, "both": 0.5}[signs]
    for seed in range(6):
        weights = shared(total, 12, seed, below)
        greatest = np.where(weights > 0, 255, 0).astype(np.uint8)
        for ends in (greatest, 255 - greatest):
            for samples in (ends, ends ^ np.eye(1, 12, seed, dtype=np.uint8)[0]):
                image = np.tile(samples, (2, 9))[..., None]
                check(case_of(image, weights[None], scale=(1 / total,), bias=(128.0,)), DIRECTLY)


@pytest.mark.parametrize("second", [0, 1, 2, 63, 64, 65, 126, 127, 128, 129, -1, -64, -65, -127])
@pytest.mark.parametrize("first", [1, 64, 65, 127, 128, 129, 254, 255, 256, -64, -127, -128, -300])
def test_two_whole_weights_side_by_side(first: int, second: int) -> None:
    """What one instruction multiplies and adds may be more than it holds."""
    rng = np.random.default_rng(1000 * abs(first) + abs(second))
    image = rng.choice(np.array([0, 1, 254, 255], np.uint8), (3, 70, 1))
    check(case_of(image, [[first, second]], scale=(1 / 300,), bias=(128.0,)), DIRECTLY)


@pytest.mark.parametrize("rows", [1, 5, 31, 32, 33, 36, 63, 65, 70])
def test_whole_kernels_of_every_width(rows: int) -> None:
    for columns in range(1, 140, 1 + rows // 6):
        image = image_of("noise", columns, "uint8", (rows, columns, 1 + columns % 3))
        bank = shared(200, 15, columns, 0.3).reshape(5, 3)
        check(case_of(image, bank, scale=(0.02,)), DIRECTLY)


@pytest.mark.parametrize("bias", [1000.0, -1000.0])
def test_rows_longer_than_16_bits_count_are_counted(bias: float) -> None:
    image = image_of("noise", 1, "uint8", (1, (1 << 20) + 100, 1))
    check(case_of(image, [[1, 2, 1]], scale=(0.25,), bias=(bias,)), DIRECTLY)


@pytest.mark.parametrize("rows", [50, 150])
@pytest.mark.parametrize("dilation", [(1, 1), (3, 2), (1, 40), (40, 1), (9, 9)])
@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric", "wrap"])
def test_whole_kernels_reach_as_far_as_dilated(
    mode: str, dilation: tuple[int, int], rows: int
) -> None:
    image = image_of("noise", 3, "uint8", (rows, 60, 3))
    bank = shared(100, 9, 1, 0.4).reshape(3, 3)
    check(case_of(image, bank, scale=(0.1,), padding=Padding(mode), dilation=dilation), DIRECTLY)


@pytest.mark.parametrize("mode", ["constant", "reflect", "wrap"])
def test_samples_of_a_row_may_lie_anywhere(mode: str) -> None:
    image = image_of("noise", 5, "uint8", (70, 50, 4))
    for view in (
        image[..., :3],
        image[..., 2::-1],
        image[..., 1:2],
        image[:, ::-1],
        image[::-1, 1::3],
        image.transpose(1, 0, 2),
        image.transpose(2, 1, 0),
        np.asfortranarray(image),
        np.broadcast_to(image[:, :1], image.shape),
    ):
        for bank in (bank_of_three("real", "uneven", 1.0, 1), shared(90, 25, 2).reshape(5, 5)):
            check(case_of(view, bank, scale=(0.7,), padding=Padding(mode)), THREE_BY_THREE)


@pytest.mark.parametrize("reach", [300, 330, 341, 342, 345, 348, 349, 350, 400])
def test_rows_that_are_too_long_to_be_copied(reach: int) -> None:
    """Copies of 2 MiB are full with 349 rows of 6000 bytes."""
    image = image_of("noise", 6, "uint8", (400, 2000, 3))
    case = case_of(image, [[3], [-2]], scale=(0.7,), padding=Padding("wrap"), dilation=(reach, 1))
    check(case, DIRECTLY)


@pytest.mark.parametrize("constant", [0.0, 7.0, 255.0, 0.5, -1.0, 256.0])
def test_whole_kernels_beside_any_constant(constant: float) -> None:
    image = image_of("noise", 3, "uint8", (20, 40, 2))
    case = case_of(image, shared(90, 9, 2).reshape(3, 3), scale=(0.02,))
    check(replace(case, fill=(constant, 3.0)), DIRECTLY)
