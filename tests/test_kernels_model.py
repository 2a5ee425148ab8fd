"""The model of a kernel: sums, symmetry, rank, factors, bias, and what it refuses."""

from __future__ import annotations

import pytest

from convcli.errors import KernelError
from convcli.kernels.kernel import Bias, Kernel, Matrix, Recipe

SOBEL = Kernel(((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0)), scale=1 / 8)
SHARPEN = Kernel(((0.0, -1.0, 0.0), (-1.0, 5.0, -1.0), (0.0, -1.0, 0.0)))
BINOMIAL = Kernel(((1.0, 2.0, 1.0), (2.0, 4.0, 2.0), (1.0, 2.0, 1.0)), scale=1 / 16)


def test_sums_include_the_scale() -> None:
    found = (SOBEL.sum, SOBEL.absolute, SOBEL.positive, SOBEL.negative)
    assert found == (0.0, 1.0, 0.5, -0.5)
    assert (SHARPEN.sum, SHARPEN.absolute, SHARPEN.positive, SHARPEN.negative) == (1, 9, 5, -4)


def test_negative_scale_swaps_the_sides() -> None:
    turned = Kernel(SHARPEN.matrix, scale=-2.0)
    assert (turned.sum, turned.absolute, turned.positive, turned.negative) == (-2, 18, 8, -10)


def test_weights_multiply_the_scale_in() -> None:
    assert SOBEL.weights[1] == (-0.25, 0.0, 0.25)


def test_zero_sum_knows_rounding_noise() -> None:
    assert SOBEL.zero_sum
    assert not SHARPEN.zero_sum
    assert Kernel(((0.1, 0.2, -0.3),)).zero_sum
    assert not Kernel(((0.1, 0.2, -0.3 + 1e-8),)).zero_sum


@pytest.mark.parametrize(
    ("size", "center"), [((1, 1), (0, 0)), ((3, 5), (1, 2)), ((2, 4), (0, 1)), ((6, 1), (2, 0))]
)
def test_default_anchor(size: tuple[int, int], center: tuple[int, int]) -> None:
    assert Kernel(((1.0,) * size[1],) * size[0]).center == center


@pytest.mark.parametrize(
    ("kernel", "invariant", "negates"),
    [
        (SHARPEN, True, False),
        (SOBEL, False, True),
        (Kernel(((1.0, 1.0),)), False, False),  # even: the anchor is left of the middle
        (Kernel(((1.0, 1.0, 0.0),), anchor=(0, 0)), False, False),
        (Kernel(((0.0, 1.0, 1.0, 1.0),), anchor=(0, 2)), True, False),
        (Kernel(((0.0, 1.0, 0.0, -1.0),), anchor=(0, 2)), False, True),
        (Kernel(((0.0, 0.0), (0.0, 0.0))), True, True),
        (Kernel(((1.0, 2.0, 3.0), (4.0, 5.0, 4.0), (3.0, 2.0, 1.0))), True, False),
        (Kernel(((1.0, 2.0, 3.0), (4.0, 5.0, 4.0), (1.0, 2.0, 3.0))), False, False),
    ],
)
def test_half_turn_about_the_anchor(kernel: Kernel, invariant: bool, negates: bool) -> None:  # noqa: FBT001 - columns of a table
    assert kernel.flip_invariant is invariant
    assert kernel.flip_negates is negates


def test_integer_factors_are_exact() -> None:
    assert BINOMIAL.factors() == ((1.0, 2.0, 1.0), (1.0, 2.0, 1.0))
    assert SOBEL.factors() == ((1.0, 2.0, 1.0), (-1.0, 0.0, 1.0))
    assert Kernel(((2.0, 4.0), (3.0, 6.0))).factors() == ((2.0, 3.0), (1.0, 2.0))


def test_no_factors_above_rank_one() -> None:
    assert SHARPEN.factors() is None
    assert Kernel(((0.0, 0.0),)).factors() is None
    # One part in 2**40 away from rank 1: an integer matrix is not rounded to it.
    big = 2.0**40
    assert Kernel(((big, big), (big, big + 1))).factors() is None


def test_float_factors_within_rounding() -> None:
    row = (0.1, 0.7, 0.2)
    kernel = Kernel(tuple(tuple(a * b for b in row) for a in row))
    factors = kernel.factors()
    assert factors is not None
    column, along = factors
    for i, line in enumerate(kernel.matrix):
        assert [column[i] * cell for cell in along] == pytest.approx(list(line), rel=1e-14)


@pytest.mark.parametrize(
    ("matrix", "rank"),
    [
        (((0.0,),), 0),
        (SOBEL.matrix, 1),
        (SHARPEN.matrix, 2),
        (((0.0, 1.0), (1.0, 0.0)), 2),
        (((1.0, 2.0, 3.0), (4.0, 5.0, 6.0), (7.0, 8.0, 9.0)), 2),
        (((1.0, 2.0, 3.0), (4.0, 5.0, 6.0), (7.0, 8.0, 10.0)), 3),
        (((0.1, 0.2), (0.3, 0.6)), 1),
        (((0.1, 0.2), (0.3, 0.7)), 2),
        (tuple((float(i),) * 40 for i in range(40)), 1),
    ],
)
def test_rank(matrix: Matrix, rank: int) -> None:
    assert Kernel(matrix).rank == rank


@pytest.mark.parametrize(
    ("matrix", "scale", "anchor", "words"),
    [
        ((), 1.0, None, "empty"),
        (((),), 1.0, None, "empty"),
        (((1.0, 2.0), (3.0,)), 1.0, None, "row 2 has 1 number, row 1 has 2"),
        (((1.0, float("nan")),), 1.0, None, "not finite"),
        (((1.0, float("inf")),), 1.0, None, "not finite"),
        (((1.0,),), 0.0, None, "scale of 0"),
        (((1.0,),), float("inf"), None, "scale of inf"),
        (((1.0, 2.0),), 1.0, (0, 2), "anchor 0,2 lies outside the 1x2 matrix"),
        (((1.0, 2.0),), 1.0, (-1, 0), "anchor -1,0 lies outside"),
    ],
)
def test_impossible_kernels(
    matrix: Matrix, scale: float, anchor: tuple[int, int] | None, words: str
) -> None:
    with pytest.raises(KernelError) as caught:
        Kernel(matrix, scale, anchor)
    assert words in str(caught.value)


def test_sums_beyond_the_largest_float_do_not_fail() -> None:
    kernel = Kernel(((1.7e308, 1.7e308),))
    assert kernel.sum == float("inf")


@pytest.mark.parametrize(
    ("text", "bias"),
    [
        ("12", Bias(12.0)),
        (" -3.5 ", Bias(-3.5)),
        ("50%", Bias(share=0.5)),
        ("1/2 %", Bias(share=0.005)),
        ("0", Bias()),
    ],
)
def test_bias(text: str, bias: Bias) -> None:
    assert Bias.parse(text) == bias


@pytest.mark.parametrize("text", ["", "%", "x", "1e999", "nan", "50 % %", "1,5"])
def test_bias_that_is_no_number(text: str) -> None:
    with pytest.raises(KernelError, match="bias"):
        Bias.parse(text)


def test_bias_in_words() -> None:
    assert [str(Bias()), str(Bias(128)), str(Bias(share=0.5)), str(Bias(1, 0.25))] == [
        "0",
        "128",
        "50%",
        "1 + 25%",
    ]
    assert not Bias()
    assert Bias(share=0.5)


def test_several_kernels_need_a_way_to_combine() -> None:
    with pytest.raises(KernelError, match="no way to combine"):
        Recipe("pair", (SOBEL, SHARPEN))
    with pytest.raises(KernelError, match="no kernels"):
        Recipe("none", ())
    with pytest.raises(KernelError, match="'average'"):
        Recipe("pair", (SOBEL, SHARPEN), combine="average")


def test_label_is_what_one_writes_after_k() -> None:
    recipe = Recipe("gaussian", (BINOMIAL,), parameters=(("sigma", 2.0), ("radius", 4)))
    assert recipe.label == "gaussian:sigma=2,radius=4"
    assert Recipe("sharpen", (SHARPEN,)).label == "sharpen"


def test_weights_whose_sum_overflows_are_finite_all_the_same() -> None:
    assert Kernel(((1e308, 1e308),)).columns == 2
    with pytest.raises(KernelError, match="not finite"):
        Kernel(((float("inf"), float("-inf")),))
