"""Numbers that were worked out by hand in textbooks and lectures, and what they illustrate."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest
from reference import run, stage_of

from convcli.errors import KernelError
from convcli.padding import Padding
from convcli.spec import Stage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convcli.spec import Extent

    Values = NDArray[np.float64]

ZERO = Padding("constant")
K = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


def grid(text: str) -> Values:
    """`1 2 / 3 4` as two rows."""
    return np.array([row.split() for row in text.split("/")], dtype=np.float64)


# --- weighted sums in one dimension -------------------------------------------------------------

A, B = [1, 0.5, 1, 1], [1, 0.5, 0.25]


@pytest.mark.parametrize(
    ("operation", "extent", "expected"),
    [
        ("convolve", "full", [1, 1, 1.5, 1.625, 0.75, 0.25]),
        ("convolve", "same", [1, 1.5, 1.625, 0.75]),
        ("convolve", "valid", [1.5, 1.625]),
        ("correlate", "full", [0.25, 0.625, 1.5, 1.25, 1.5, 1]),
        ("correlate", "same", [0.625, 1.5, 1.25, 1.5]),
        ("correlate", "valid", [1.5, 1.25]),
    ],
)
def test_the_written_out_example(operation: str, extent: Extent, expected: list[float]) -> None:
    stage = stage_of(B, operation, extent=extent, padding=ZERO)
    assert run(A, stage).tolist() == expected


def test_the_example_as_a_toeplitz_matrix() -> None:
    columns = [[0] * shift + B + [0] * (3 - shift) for shift in range(4)]
    full = run(A, stage_of(B, extent="full", padding=ZERO))
    assert (np.array(columns).T @ A).tolist() == full.tolist()


def test_convolution_does_not_mind_the_order() -> None:
    stage, other = (stage_of(x, extent="full", padding=ZERO) for x in (A, B))
    assert run(B, stage).tolist() == run(A, other).tolist()


def test_a_weighted_sum_is_one_valid_sample() -> None:
    # y = w1 x1 + w2 x2 + w3 x3: the kernel is as long as the signal.
    assert run([3, 4, 7], stage_of([2, 5, -1], "correlate", extent="valid")).tolist() == [19]


def test_a_scalar_weight_scales() -> None:
    assert run([1, -2, 7], stage_of([2])).tolist() == [2, -4, 14]


def test_repeated_weights_are_a_stride_as_long_as_the_kernel() -> None:
    x, w = np.arange(12) ** 2, [1, -2, 4]
    blocks = run(x, stage_of(w, "correlate", extent="valid", stride=(1, 3)))
    assert blocks.tolist() == (x * np.tile(w, 4)).reshape(4, 3).sum(axis=1).tolist()
    everywhere = run(x, stage_of(w, "correlate", extent="valid"))
    assert everywhere[::3].tolist() == blocks.tolist()


def test_correlation_is_largest_where_the_pattern_is() -> None:
    x = np.array([0, 1, -1, 2, 0, 3, -2, 1, 0, 0, 1])
    pattern = [3, -2, 1]
    response = run(x, stage_of(pattern, "correlate", extent="valid"))
    assert int(response.argmax()) == 5
    assert response.max() == 3 * 3 + 2 * 2 + 1


# --- distributions ------------------------------------------------------------------------------


def test_two_dice() -> None:
    die = np.ones(6)
    ways = run(die, stage_of(die, extent="full", padding=ZERO))
    assert ways.tolist() == [1, 2, 3, 4, 5, 6, 5, 4, 3, 2, 1]
    assert ways.sum() == 36


def test_two_boxes_make_a_triangle() -> None:
    box = stage_of([0.25] * 4, extent="full", padding=ZERO)
    expected = [0.0625, 0.125, 0.1875, 0.25, 0.1875, 0.125, 0.0625]
    assert run([0.25] * 4, box).tolist() == expected


def test_five_boxes_have_five_times_the_variance_of_one() -> None:
    box = stage_of([1, 1, 1], extent="full", padding=ZERO)
    bell = run([1], box, box, box, box, box)
    assert bell.sum() == 3**5
    variance = (bell * (np.arange(11) - 5.0) ** 2).sum() / bell.sum()
    assert variance == pytest.approx(5 * 2 / 3, rel=1e-15)


def test_dropped_balls_in_two_dimensions_add_up_to_one() -> None:
    # (f * g)(c) is the sum over a + b = c, and so a distribution again.
    f, g = grid("1 2 1 / 0 3 1") / 8, grid("1 1 / 4 2") / 8
    both = run(f, stage_of(g, extent="full", padding=ZERO))
    assert both.shape == (3, 4)
    assert both.sum() == 1.0
    assert both[2, 1] == (3 * 4) / 64  # the only way: one down and one right, then one down


# --- the matrix of a convolution ----------------------------------------------------------------


def matrix_of(stage: Stage, length: int) -> Values:
    """Its columns are what the stage makes of the unit vectors."""
    return np.stack([run(unit, stage) for unit in np.eye(length)], axis=1)


def test_shared_weights() -> None:
    x, w = [1, 2, 3, 4, 5], [2, 3]
    correlated = stage_of(w, "correlate", extent="valid")
    assert run(x, correlated).tolist() == [8, 13, 18, 23]
    assert run(x, stage_of(w[::-1], "convolve", extent="valid")).tolist() == [8, 13, 18, 23]
    shared = matrix_of(correlated, 5)
    assert shared.tolist() == [[2, 3, 0, 0, 0], [0, 2, 3, 0, 0], [0, 0, 2, 3, 0], [0, 0, 0, 2, 3]]
    turned = matrix_of(stage_of(w, "convolve", extent="valid"), 5)
    assert turned.tolist() == [[3, 2, 0, 0, 0], [0, 3, 2, 0, 0], [0, 0, 3, 2, 0], [0, 0, 0, 3, 2]]


def test_sparse_connections() -> None:
    # Five inputs, five outputs: 25 dense weights; three shared ones make 13 connections.
    connections = matrix_of(stage_of([5, 7, 9], "correlate", padding=ZERO), 5)
    assert np.count_nonzero(connections) == 13
    assert np.unique(connections).tolist() == [0, 5, 7, 9]


def test_a_neuron() -> None:
    stage = stage_of([[2, -1]], "correlate", extent="valid")
    for activation, expected in {
        "none": [-3.0, 6.0],
        "relu": [0.0, 6.0],
        "leaky": [-0.03, 6.0],
        "abs": [3.0, 6.0],
        "square": [9.0, 36.0],
        "threshold": [0.0, 1.0],
        "sigmoid": [1 / (1 + np.exp(3)), 1 / (1 + np.exp(-6))],
        "tanh": [-np.tanh(3), np.tanh(6)],
    }.items():
        neuron = Stage(stage.bank, stage.anchor, bias=(1.0,), extent="valid", activation=activation)
        np.testing.assert_allclose(run([[0, 4], [3, 1]], neuron)[:, 0], expected, rtol=1e-15)


# --- images -------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["convolve", "correlate"])
def test_the_figure_of_ones_and_noughts(operation: str) -> None:
    image = grid("1 1 1 0 0 / 0 1 1 1 0 / 0 0 1 1 1 / 0 0 1 1 0 / 0 1 1 0 0")
    stage = stage_of(grid("1 0 1 / 0 1 0 / 1 0 1"), operation, extent="valid")
    assert run(image, stage).tolist() == grid("4 3 4 / 2 4 3 / 2 3 4").tolist()


def test_an_impulse_tells_convolution_from_correlation() -> None:
    impulse = np.zeros((5, 5))
    impulse[2, 2] = 10
    convolved = run(impulse, stage_of(K, "convolve"))
    assert convolved[1:4, 1:4].tolist() == grid("10 20 30 / 40 50 60 / 70 80 90").tolist()
    correlated = run(impulse, stage_of(K, "correlate"))
    assert correlated[1:4, 1:4].tolist() == grid("90 80 70 / 60 50 40 / 30 20 10").tolist()
    assert convolved.sum() == correlated.sum() == 450


@pytest.mark.parametrize("operation", ["convolve", "correlate"])
@pytest.mark.parametrize(
    "matrix", [[[1, 2], [3, 4]], [[1, 2, 3, 4]], [[1], [2], [3], [4], [5], [6]]]
)
def test_an_impulse_gives_the_whole_kernel_in_full(matrix: list[list[int]], operation: str) -> None:
    turned = np.array(matrix)[:: -1 if operation == "correlate" else 1]
    turned = turned[:, :: -1 if operation == "correlate" else 1]
    full = run([[1]], stage_of(matrix, operation, extent="full", padding=ZERO))
    assert full.tolist() == turned.tolist()


def test_even_kernels_convolve_up_and_left_of_the_middle() -> None:
    impulse = np.zeros((5, 5))
    impulse[2, 2] = 1
    two = [[1, 2], [3, 4]]
    rows, columns = np.nonzero(run(impulse, stage_of(two, "convolve")))
    assert {*zip(rows.tolist(), columns.tolist(), strict=True)} == {*product((2, 3), (2, 3))}
    rows, columns = np.nonzero(run(impulse, stage_of(two, "correlate")))
    assert {*zip(rows.tolist(), columns.tolist(), strict=True)} == {*product((1, 2), (1, 2))}


def test_a_kernel_may_exceed_the_image_only_with_padding() -> None:
    image = np.ones((2, 2))
    with pytest.raises(KernelError, match="it spans 5 rows, the image has 2"):
        run(image, stage_of(np.ones((5, 5)), extent="valid"))
    assert run(image, stage_of(np.ones((5, 5)), padding=ZERO)).tolist() == [[4, 4], [4, 4]]
    padded = stage_of(np.ones((5, 5)), pad_by=(2, 1, 1, 2), padding=ZERO)
    assert run(image, padded).tolist() == [[4]]


# --- the lecture's layer: 5x5x3 padded by 1, two filters, stride 2 ------------------------------

X = np.stack(
    [
        grid("1 0 2 2 2 / 2 2 1 2 2 / 1 0 2 2 1 / 2 0 2 1 2 / 1 1 0 0 1"),
        grid("2 0 2 2 2 / 0 1 2 0 0 / 2 2 0 2 2 / 0 2 2 1 2 / 1 1 2 1 0"),
        grid("2 1 1 2 2 / 0 2 0 0 2 / 2 2 1 0 2 / 2 2 2 0 0 / 2 1 2 0 1"),
    ],
    axis=2,
)
W = np.stack(
    [
        [
            grid("1 1 0/0 -1 1/-1 -1 0"),
            grid("-1 -1 -1/1 -1 1/0 0 1"),
            grid("-1 -1 0/0 1 1/-1 -1 -1"),
        ],
        [
            grid("-1 1 -1/-1 -1 -1/0 0 -1"),
            grid("-1 0 1/0 -1 0/1 0 0"),
            grid("-1 1 1/1 -1 -1/-1 0 -1"),
        ],
    ]
)
LAYER = {
    "correlate": ("-2 -1 -5 / 1 -1 1 / 2 -4 2", "-10 -11 -6 / -6 -10 -4 / 2 -4 -2"),
    "convolve": ("1 1 5 / -8 -2 -1 / -4 0 1", "-7 -6 -8 / -4 -5 -7 / -4 -7 -3"),
}


def test_the_layer_is_the_recorded_draw() -> None:
    draw = np.random.default_rng(9)
    np.testing.assert_array_equal(X, draw.integers(0, 3, (5, 5, 3)))
    drawn = draw.integers(-1, 2, (2, 3, 3, 3))  # filter, row, column, channel
    np.testing.assert_array_equal(W, np.moveaxis(drawn, 3, 1))


@pytest.mark.parametrize("operation", LAYER)
def test_the_layer(operation: str) -> None:
    bank = W if operation == "correlate" else W[:, :, ::-1, ::-1]
    layer = Stage(
        bank, (1, 1), (1.0, 1.0), (1.0, 0.0), padding=ZERO, pad_by=(1, 1, 1, 1), stride=(2, 2)
    )
    output = run(X, layer)
    assert output.shape == (3, 3, 2)
    assert [output[..., 0].tolist(), output[..., 1].tolist()] == [
        grid(numbers).tolist() for numbers in LAYER[operation]
    ]


def test_the_minus_ten_is_made_of_three_channels() -> None:
    parts = [
        run(X[..., channel], Stage(W[1:, channel : channel + 1], (1, 1), padding=ZERO))[0, 0]
        for channel in range(3)
    ]
    assert parts == [-3, -2, -5]


def test_gaussian_smoothing_keeps_the_mean_and_lowers_the_peak() -> None:
    binomial = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1])
    impulse = np.zeros((7, 7))
    impulse[3, 3] = 256
    smooth = run(impulse, stage_of(binomial, padding=Padding("wrap")))
    assert smooth.sum() == 256 * 256
    assert smooth[3].tolist() == [0, 6 * 256, 24 * 256, 36 * 256, 24 * 256, 6 * 256, 0]
