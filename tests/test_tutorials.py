"""
What the tutorials behind this tool teach, item by item; see `test_worked_numbers` for the rest.

Weighted sums, probability, operators, images, small networks: each test is a sentence of theirs,
with the numbers that they or a calculation by hand give.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from reference import run, stage_of
from scipy import signal

import convcli
from convcli.errors import KernelError
from convcli.kernels.kernel import Kernel
from convcli.kernels.library import find, shipped_kernels
from convcli.padding import Padding
from convcli.spec import Stage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

ZERO = Padding("constant")
FOLDERS = [shipped_kernels()]


def valid(length: int, kernel: int, pad: int = 0, stride: int = 1, dilation: int = 1) -> int:
    """Samples along one axis of the output of a layer."""
    stage = Stage(
        np.ones((1, 1, 1, kernel)),
        (0, 0),
        pad_by=(0, pad, 0, pad),
        stride=(1, stride),
        dilation=(1, dilation),
    )
    return stage.size(1, length)


# --- weighted sums ------------------------------------------------------------------------------


def test_two_weights_and_two_samples_make_one_sum() -> None:
    assert convcli.apply(np.array([[3.0, 5.0]]), [[2.0, -1.0]], **AS_WRITTEN).tolist() == [[1.0]]


AS_WRITTEN: dict[str, Any] = {"operation": "correlate", "extent": "valid", "range": "clip"}


def test_a_scalar_weight_is_numpys_convolution_with_it() -> None:
    x = np.array([3.0, -1.0, 4.0, 1.5])
    assert run(x, stage_of([2])).tolist() == np.convolve(x, [2]).tolist() == (2 * x).tolist()


def test_a_weight_for_every_sample_modulates() -> None:
    # No convolution: w[n] x[n]. One sample at a time it is, and the sums are those of one kernel.
    n = np.arange(400)
    x, w = np.sin(n * 0.3), n / 400
    one_sum = run(x, stage_of(w, "correlate", extent="valid"))
    assert one_sum.shape == (1,)
    assert one_sum[0] == pytest.approx((w * x).sum(), rel=1e-12)
    each = [run(x[i : i + 1], stage_of([w[i]])).item() for i in range(0, 400, 57)]
    assert each == [w[i] * x[i] for i in range(0, 400, 57)]


def test_repeated_weights_step_by_their_length_then_by_one() -> None:
    x, w = np.arange(12.0) ** 2 % 7, [1.0, -2.0, 4.0]
    for step in (3, 2, 1):
        found = run(x, stage_of(w, "correlate", extent="valid", stride=(1, step)))
        expected = [float(np.dot(w, x[i : i + 3])) for i in range(0, 10, step)]
        assert found.tolist() == expected


def test_a_dot_product_is_largest_where_the_pattern_is() -> None:
    pattern = np.array([0.2, 1.0, -0.5, 0.3])
    x = np.concatenate([np.zeros(9), 2 * pattern, np.zeros(7)])
    found = run(x, stage_of(pattern, "correlate", extent="valid"))
    assert int(found.argmax()) == 9
    assert found.max() == pytest.approx(2 * (pattern**2).sum())


def test_x_of_n_plus_i_is_correlation_and_of_n_minus_i_is_convolution() -> None:
    x, w = np.array([1.0, 4, 9, 16, 25]), np.array([2.0, 3, 5])
    plus = [sum(w[i] * x[n + i] for i in range(3)) for n in range(3)]
    minus = [sum(w[i] * x[n - i] for i in range(3)) for n in range(2, 5)]
    assert run(x, stage_of(w, "correlate", extent="valid")).tolist() == plus
    assert run(x, stage_of(w, "convolve", extent="valid")).tolist() == minus
    assert plus != minus


# --- probability and operators ------------------------------------------------------------------


def test_a_ball_dropped_twice() -> None:
    f, g = np.array([0.2, 0.5, 0.3]), np.array([0.1, 0.6, 0.2, 0.1])
    both = run(f, stage_of(g, extent="full", padding=ZERO))
    assert both.sum() == pytest.approx(1, rel=1e-15)
    # (f * g)(3) = f(0) g(3) + f(1) g(2) + f(2) g(1)
    assert both[3] == pytest.approx(0.2 * 0.1 + 0.5 * 0.2 + 0.3 * 0.6)


def test_box_by_box_is_a_triangle() -> None:
    kernel = find("box(4, rows=1) * box(4, rows=1)").kernel
    wanted = (0.0625, 0.125, 0.1875, 0.25, 0.1875, 0.125, 0.0625)
    assert kernel.weights == (wanted,)
    assert find("tent:radius=2").kernel == find("box(3) * box(3)").kernel


def test_many_boxes_tend_to_a_bell() -> None:
    distances = []
    for count in range(1, 7):
        kernel = find(" * ".join(["box(3, rows=1)"] * count)).kernel
        x, weights = np.arange(-count, count + 1), np.array(kernel.weights[0])
        variance = (weights * x * x).sum()
        assert variance == pytest.approx(count * 2 / 3, rel=1e-14)
        assert kernel.integral
        bell = np.exp(-x * x / (2 * variance))
        distances.append(abs(weights - bell / bell.sum()).max())
    assert distances == sorted(distances, reverse=True)


def test_every_method_gives_the_same_integers() -> None:
    image = np.random.default_rng(4).integers(0, 256, (48, 50)).astype(np.uint8)
    rng = np.random.default_rng(5)
    column, row = rng.integers(-3, 4, 15), rng.integers(-3, 4, 15)
    matrix = np.outer(column, row)
    found = [
        convcli.apply(image, matrix.tolist(), scale="abs", range="signed", engine=engine)
        for engine in ("direct", "separable", "fft")
    ]
    assert found[0].tolist() == found[1].tolist() == found[2].tolist()
    assert found[0].std() > 1


# --- images and small networks ------------------------------------------------------------------


def test_flip_then_slide() -> None:
    # F[i, j] = sum over u, v of K[u, v] I[i - u, j - v], and with a plus it is correlation.
    image = np.random.default_rng(1).integers(0, 10, (6, 7)).astype(float)
    kernel = np.array([[1.0, 2, 0], [-1, 3, 5], [4, 0, 2]])
    flipped, plain = np.zeros((4, 5)), np.zeros((4, 5))
    for i in range(4):
        for j in range(5):
            for u in range(3):
                for v in range(3):
                    flipped[i, j] += kernel[u, v] * image[i + 2 - u, j + 2 - v]
                    plain[i, j] += kernel[u, v] * image[i + u, j + v]
    assert run(image, stage_of(kernel, "convolve", extent="valid")).tolist() == flipped.tolist()
    assert run(image, stage_of(kernel, "correlate", extent="valid")).tolist() == plain.tolist()
    assert signal.convolve2d(image, kernel, "valid").tolist() == flipped.tolist()


def test_a_filter_has_as_many_channels_as_the_image() -> None:
    rng = np.random.default_rng(2)
    image, bank = rng.integers(0, 5, (7, 7, 3)), rng.integers(-2, 3, (2, 3, 3, 3)).astype(float)
    stage = Stage(bank, (0, 0), (1.0, 1.0), (1.0, -2.0), extent="valid", stride=(2, 2))
    found = run(image, stage)
    assert found.shape == (3, 3, 2)
    for f, bias in enumerate((1.0, -2.0)):
        planes = [signal.correlate2d(image[..., c], bank[f, c], "valid") for c in range(3)]
        assert found[..., f].tolist() == (np.sum(planes, axis=0)[::2, ::2] + bias).tolist()


def seen(*stages: Stage) -> list[int]:
    """The inputs that the middle output depends on."""
    size = 31
    outputs = np.stack([run(unit, *stages) for unit in np.eye(size)])
    middle = outputs.shape[1] // 2
    return np.flatnonzero(outputs[:, middle]).tolist()


def test_receptive_fields_grow() -> None:
    three = stage_of([1, 1, 1], "correlate", extent="valid")
    for layers, field in ((1, 3), (2, 5), (3, 7)):
        assert len(seen(*[three] * layers)) == field
    halving = stage_of([1, 1, 1], "correlate", extent="valid", stride=(1, 2))
    assert len(seen(halving, halving)) == 7
    # The jump is 4: the next output sees what lies four inputs further.
    next_to = [np.flatnonzero(run(np.eye(31), halving, halving)[:, i])[0] for i in (3, 4)]
    assert next_to[1] - next_to[0] == 4


def test_the_third_output_sees_all_five_inputs() -> None:
    same = stage_of([1, 2, 3], "correlate", padding=ZERO)
    for number in range(5):
        impulse = np.zeros(5)
        impulse[number] = 1
        hidden = run(impulse, same)
        assert bool(hidden[2]) == (number in {1, 2, 3})
        assert run(impulse, same, same)[2] != 0


def test_connections_are_sparse_and_weights_shared() -> None:
    weights = [2.0, 3.0, 5.0]
    matrix = np.stack(
        [run(unit, stage_of(weights, "correlate", padding=ZERO)) for unit in np.eye(5)]
    )
    assert matrix.size == 25
    assert np.count_nonzero(matrix) == 13
    assert set(matrix[matrix != 0]) == set(weights)


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_shift_then_filter_is_filter_then_shift(stride: int) -> None:
    image = np.random.default_rng(3).integers(0, 256, (12, 12))
    stage = stage_of(
        [[1, 2, 0], [0, 3, -1], [5, 0, 1]], padding=Padding("wrap"), stride=(stride, stride)
    )
    for shift in range(12):
        moved = run(np.roll(image, shift, axis=1), stage)
        same = moved.tolist() == np.roll(run(image, stage), shift // stride, axis=1).tolist()
        assert same == (shift % stride == 0)


def test_borders_break_equivariance() -> None:
    image = np.random.default_rng(3).integers(0, 256, (9, 9))
    stage = stage_of([[1, 2, 3]], padding=Padding("edge"))
    moved = run(np.roll(image, 2, axis=1), stage)
    expected = np.roll(run(image, stage), 2, axis=1)
    assert moved[:, 3:-1].tolist() == expected[:, 3:-1].tolist()
    assert moved.tolist() != expected.tolist()


def test_a_kernel_larger_than_the_input_needs_padding() -> None:
    with pytest.raises(KernelError, match="does not fit"):
        run(np.ones((3, 3)), stage_of(np.ones((4, 4)), extent="valid"))
    assert run(np.ones((3, 3)), stage_of(np.ones((4, 4)), padding=ZERO)).shape == (3, 3)


def test_a_gaussian_smooths() -> None:
    noise = np.random.default_rng(6).random((64, 64))
    smooth = convcli.apply(noise, "gaussian:2", padding="wrap", range="clip", folders=FOLDERS)
    assert smooth.mean() == pytest.approx(noise.mean(), rel=1e-12)
    # The variance of white noise falls by the sum of the squared weights, 1 / (4 pi sigma^2).
    assert smooth.var() / noise.var() == pytest.approx(1 / (4 * np.pi * 4), rel=0.15)


# --- sizes of layers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("length", "kernel", "pad", "stride", "size"),
    [
        (5, 3, 1, 2, 3),
        (7, 3, 0, 1, 5),
        (7, 3, 0, 2, 3),
        (227, 11, 0, 4, 55),
        (11, 5, 0, 2, 4),
        (10, 3, 0, 2, 4),  # 4.5 does not fit: what is left over at the end is not read
        (5, 3, 1, 3, 2),  # 2.33 does not fit either
    ],
)
def test_sizes(length: int, kernel: int, pad: int, stride: int, size: int) -> None:
    assert valid(length, kernel, pad, stride) == size
    exact = (length - kernel + 2 * pad) / stride + 1
    assert size == int(exact)


def test_what_does_not_fit_is_not_read() -> None:
    x = np.arange(10.0)
    stage = stage_of([1, 1, 1], "correlate", extent="valid", stride=(1, 2))
    assert run(x, stage).tolist() == [3, 9, 15, 21] == run(x[:9], stage).tolist()


@pytest.mark.parametrize(
    ("kernel", "dilation", "pad", "stride"), [(3, 2, 0, 1), (5, 3, 4, 2), (2, 7, 1, 3)]
)
def test_sizes_with_dilation(kernel: int, dilation: int, pad: int, stride: int) -> None:
    for length in range(20, 30):
        expected = (length + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1
        assert valid(length, kernel, pad, stride, dilation) == expected


def test_the_first_layer_of_the_lecture_in_numbers() -> None:
    bank = np.ones((96, 3, 11, 11))
    assert bank.size == 34_848
    stage = Stage(bank, (0, 0), (1.0,) * 96, (0.0,) * 96, extent="valid", stride=(4, 4))
    rows, columns, filters = stage.shape((227, 227, 3))
    assert (rows, columns, filters) == (55, 55, 96)
    assert (bank[0].size, rows * columns) == (363, 3025)


def test_the_classic_figure_cannot_show_the_flip() -> None:
    kernel = Kernel(((1.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 1.0)))
    assert kernel.flip_invariant
