"""Recipes and wishes to stages: flips, anchors, scales, and the words that options are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from convcli.errors import KernelError, UsageError
from convcli.job import Wishes, four_sides, make_job, number, pair
from convcli.kernels.kernel import Bias, Kernel, Recipe
from convcli.spec import Pixels

if TYPE_CHECKING:
    from collections.abc import Callable

NINE = Kernel(((1, 2, 3), (4, 5, 6), (7, 8, 9)))
EDGE = Kernel(((-1, 0, 1),), scale=0.5)


def recipe(*kernels: Kernel, **facts: object) -> Recipe:
    combine = "sum" if len(kernels) > 1 else None
    return Recipe("k", kernels, combine=combine, **facts)  # type: ignore[arg-type]  # a table of facts


def test_convolution_turns_the_matrix_and_correlation_does_not() -> None:
    (turned,) = make_job([recipe(NINE)], Wishes()).stages
    (laid,) = make_job([recipe(NINE)], Wishes(operation="correlate")).stages
    assert turned.bank[0, 0].tolist() == [[9, 8, 7], [6, 5, 4], [3, 2, 1]]
    assert laid.bank[0, 0].tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


@pytest.mark.parametrize(
    ("said", "filed", "done"),
    [
        (None, None, "convolve"),
        (None, "correlate", "correlate"),
        ("convolve", "correlate", "convolve"),
        ("correlate", None, "correlate"),
    ],
)
def test_the_command_line_wins_over_the_kernel_file(
    said: str | None, filed: str | None, done: str
) -> None:
    job = make_job([recipe(NINE, operation=filed)], Wishes(operation=said))
    assert job.operations == (done,)
    assert job.stages[0].bank[0, 0, 0, 0] == (9 if done == "convolve" else 1)


@pytest.mark.parametrize(
    ("size", "convolved", "correlated"), [(1, 0, 0), (2, 1, 0), (3, 1, 1), (4, 2, 1), (5, 2, 2)]
)
def test_default_anchors_of_odd_and_even_sizes(size: int, convolved: int, correlated: int) -> None:
    kernel = recipe(Kernel((tuple(range(1, size + 1)),)))
    for operation, anchor in (("convolve", convolved), ("correlate", correlated)):
        (stage,) = make_job([kernel], Wishes(operation=operation)).stages
        assert stage.anchor == (0, anchor)


def test_a_flip_maps_the_anchor_as_it_maps_the_taps() -> None:
    kernel = recipe(Kernel(NINE.matrix, anchor=(0, 2)))
    assert make_job([kernel], Wishes()).stages[0].anchor == (2, 0)
    assert make_job([kernel], Wishes(operation="correlate")).stages[0].anchor == (0, 2)
    assert make_job([kernel], Wishes(anchor=(1, 0))).stages[0].anchor == (1, 2)


def test_an_anchor_outside_is_refused() -> None:
    with pytest.raises(KernelError, match="anchor 3,0 lies outside the 3x3"):
        make_job([recipe(NINE)], Wishes(anchor=(3, 0)))


def test_kernels_of_different_sizes_meet_at_their_anchors() -> None:
    tall = Kernel(((1,), (2,), (3,)), anchor=(0, 0))
    (stage,) = make_job([recipe(EDGE, tall)], Wishes(operation="correlate")).stages
    assert stage.anchor == (0, 1)
    assert stage.bank[0, 0].tolist() == [[-1, 0, 1], [0, 0, 0], [0, 0, 0]]
    assert stage.bank[1, 0].tolist() == [[0, 1, 0], [0, 2, 0], [0, 3, 0]]


@pytest.mark.parametrize(
    ("wish", "scale"),
    [(None, 0.1), ("none", 1.0), ("sum", 1 / 45), ("abs", 1 / 45), ("2", 0.2), ("1/4", 0.025)],
)
def test_scales(wish: str | None, scale: float) -> None:
    (stage,) = make_job([recipe(Kernel(NINE.matrix, scale=0.1))], Wishes(scale=wish)).stages
    np.testing.assert_allclose(stage.scale, [scale], rtol=1e-15)


def test_a_zero_sum_cannot_be_scaled_by_its_sum() -> None:
    with pytest.raises(KernelError, match="add up to 0"):
        make_job([recipe(EDGE)], Wishes(scale="sum"))
    assert make_job([recipe(EDGE)], Wishes(scale="abs")).stages[0].scale == (0.5,)


def test_bias_and_range_of_the_wishes_stand_for_the_end_of_the_chain() -> None:
    first = recipe(NINE, bias=Bias(7.0), range="signed")
    job = make_job([first, recipe(NINE)], Wishes(bias=Bias(share=0.5)))
    assert [(s.offset, s.offset_share) for s in job.stages] == [(7.0, 0.0), (0.0, 0.5)]
    assert job.pixels.range == "signed"
    later = make_job([first, recipe(NINE, range="abs"), recipe(NINE)], Wishes())
    assert later.pixels.range == "abs"
    wished = make_job([first], Wishes(pixels=Pixels(range="abs", depth="16")))
    assert (wished.pixels.range, wished.pixels.depth) == ("abs", "16")


def test_a_job_needs_a_kernel() -> None:
    with pytest.raises(UsageError, match="No kernel"):
        make_job([], Wishes())


@pytest.mark.parametrize(
    ("text", "value"), [("2", (2, 2)), ("1,3", (1, 3)), ("1x3", (1, 3)), (" 4 , 5 ", (4, 5))]
)
def test_pairs(text: str, value: tuple[int, int]) -> None:
    assert pair(text, "--stride", 1) == value


@pytest.mark.parametrize("text", ["0", "-1", "1,0", "1,2,3", "", "a", "1.5", "10001", "1e3"])
def test_bad_pairs_name_the_option(text: str) -> None:
    with pytest.raises(UsageError, match="--stride"):
        pair(text, "--stride", 1)


def test_four_sides() -> None:
    assert four_sides("1,2,3,4", "--pad-by") == (1, 2, 3, 4)
    assert four_sides("2", "--pad-by") == (2, 2, 2, 2)


@pytest.mark.parametrize("text", ["1,2", "1,2,3", "-1", "1,2,3,x", "10001"])
def test_bad_sides_name_the_option(text: str) -> None:
    with pytest.raises(UsageError, match="--pad-by"):
        four_sides(text, "--pad-by")


@pytest.mark.parametrize(("text", "value"), [("2", 2.0), ("-.5", -0.5), ("1/8", 0.125)])
def test_numbers(text: str, value: float) -> None:
    assert number(text, "--scale") == value


@pytest.mark.parametrize(
    ("parse", "text"),
    [(number, "x"), (number, "1/0"), (number, "nan"), (number, "inf"), (number, "1/2/3")],
)
def test_bad_numbers_name_the_option(parse: Callable[[str, str], float], text: str) -> None:
    with pytest.raises(UsageError, match="--scale"):
        parse(text, "--scale")
