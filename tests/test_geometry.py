"""Where samples lie: sizes, paddings, anchors, strides, and what a window needs."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import extended, run, stage_of
from scipy import signal

from convcli.errors import KernelError
from convcli.padding import OUTSIDE, PADDINGS, Padding
from convcli.spec import Stage

if TYPE_CHECKING:
    from convcli.spec import Extent, Pair

MODES = [*PADDINGS]
REPEATING = ["edge", "reflect", "symmetric", "wrap"]
SIZES = range(1, 6)
KERNELS = range(1, 7)
COUNTING = np.random.default_rng(3)


def line(taps: int, **fields: Any) -> Stage:
    """A kernel of one column, for what happens along an axis of rows."""
    middle = ((taps - 1) // 2, 0)
    return Stage(**{"bank": np.ones((1, 1, taps, 1)), "anchor": middle, **fields})


# --- sizes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "k", "padding", "stride", "size"),
    [
        (5, 3, 1, 2, 3),  # CS231n: (W - F + 2P) / S + 1
        (7, 3, 0, 1, 5),
        (7, 3, 0, 2, 3),
        (227, 11, 0, 4, 55),  # AlexNet's first layer
        (11, 5, 2, 4, 3),
        (11, 5, 0, 2, 4),
        (10, 3, 0, 2, 4),  # 4.5: the last column is not reached
        (5, 3, 1, 3, 2),
        (4, 3, 0, 1, 2),  # arXiv 1603.07285, the figures in order
        (5, 4, 2, 1, 6),
        (5, 3, 1, 1, 5),
        (5, 3, 2, 1, 7),
        (5, 3, 0, 2, 2),
        (6, 3, 1, 2, 3),
        (1, 1, 0, 9, 1),
        (3, 3, 0, 5, 1),
    ],
)
def test_output_size_by_the_published_rule(
    n: int, k: int, padding: int, stride: int, size: int
) -> None:
    stage = line(k, pad_by=(padding,) * 4, stride=(stride, 1))
    assert stage.size(0, n) == size


@pytest.mark.parametrize(
    ("n", "k", "dilation", "size"), [(7, 3, 2, 3), (9, 3, 4, 1), (10, 2, 9, 1), (10, 4, 2, 4)]
)
def test_dilated_kernels_span_more(n: int, k: int, dilation: int, size: int) -> None:
    stage = line(k, extent="valid", dilation=(dilation, 1))
    assert stage.reach(0) == len(range(0, k * dilation, dilation)) * dilation - dilation + 1
    assert stage.size(0, n) == size


@given(
    n=st.integers(1, 40),
    k=st.integers(1, 9),
    steps=st.tuples(st.integers(1, 5), st.integers(1, 4)),
    extent=st.sampled_from(["same", "valid", "full"]),
    data=st.data(),
)
def test_size_counts_the_places_where_the_kernel_fits(
    n: int, k: int, steps: Pair, extent: Extent, data: st.DataObject
) -> None:
    stride, dilation = steps
    anchor = data.draw(st.integers(0, k - 1))
    along = {"stride": (stride, 1), "dilation": (dilation, 1), "anchor": (anchor, 0)}
    stage = line(k, extent=extent, **along)
    span = 1 + dilation * (k - 1)
    starts = {"same": n, "valid": n - span + 1, "full": n + span - 1}[extent]
    if starts < 1:
        with pytest.raises(KernelError, match="does not fit"):
            stage.size(0, n)
    else:
        assert stage.size(0, n) == len(range(0, starts, stride))


def test_shape_names_rows_columns_and_channels() -> None:
    per_channel = Stage(bank=np.ones((2, 1, 3, 2)), anchor=(1, 0), extent="valid")
    assert per_channel.shape((7, 5, 3)) == (5, 4, 6)
    assert replace(per_channel, combine="magnitude").shape((7, 5, 3)) == (5, 4, 3)
    across = Stage(bank=np.ones((4, 3, 3, 2)), anchor=(1, 0), stride=(2, 3))
    assert across.shape((7, 5, 3)) == (4, 2, 4)
    assert replace(across, combine="max").shape((7, 5, 3)) == (4, 2, 1)


def test_a_kernel_larger_than_the_image_has_no_valid_place() -> None:
    stage = replace(line(5, extent="valid", dilation=(2, 1)), name="gauss")
    with pytest.raises(KernelError) as caught:
        stage.size(0, 8)
    assert caught.value.message == (
        "Kernel gauss does not fit: it spans 9 rows (5 dilated by 2), the image has 8."
    )
    assert caught.value.hint == "Say --extent same, or --pad-by more."
    assert caught.value.exit_code == 3
    assert stage.size(0, 9) == 1


def test_explicit_padding_that_is_too_narrow_is_told_with_the_padding() -> None:
    stage = Stage(bank=np.ones((1, 1, 1, 7)), anchor=(0, 3), pad_by=(0, 1, 0, 2))
    with pytest.raises(KernelError) as caught:
        stage.shape((4, 3, 1))
    assert caught.value.message == (
        "Kernel given does not fit: it spans 7 columns, the image has 3 (6 with its padding)."
    )
    assert stage.shape((4, 4, 1)) == (4, 1, 1)


@pytest.mark.parametrize("size", SIZES)
def test_same_and_full_fit_every_image(size: int) -> None:
    sizes = [(line(k).size(0, size), line(k, extent="full").size(0, size)) for k in KERNELS]
    assert sizes == [(size, size + k - 1) for k in KERNELS]


# --- paddings -----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_padding_extends_as_its_drawing_shows(mode: str) -> None:
    drawing = PADDINGS[mode].drawing
    left, row, right = drawing.split("|")
    assert row == "abcdef"
    expected = [row.find(letter) for letter in drawing.replace("|", "")]
    stage = line(1, padding=Padding(mode), pad_by=(len(left), 0, len(right), 0))
    indices = stage.needs(0, 0, stage.size(0, len(row)), len(row))
    assert indices.tolist() == expected
    assert "abcdef".find("0") == OUTSIDE  # so that 0 and . are decoded as the constant


def test_the_drawings_are_those_of_the_design() -> None:
    assert {mode: rule.drawing for mode, rule in PADDINGS.items()} == {
        "constant": "0000|abcdef|0000",
        "edge": "aaaa|abcdef|ffff",
        "reflect": "edcb|abcdef|edcb",
        "symmetric": "dcba|abcdef|fedc",
        "wrap": "cdef|abcdef|abcd",
        "normalize": "....|abcdef|....",
    }


@pytest.mark.parametrize("size", range(1, 7))
@pytest.mark.parametrize("mode", REPEATING)
def test_padding_wider_than_the_image_equals_numpy_pad(mode: Any, size: int) -> None:
    row = np.arange(size)
    for before, after in product(range(21), range(21)):
        stage = line(1, padding=Padding(mode), pad_by=(before, 0, after, 0))
        indices = stage.needs(0, 0, size + before + after, size)
        assert indices.tolist() == np.pad(row, (before, after), mode=mode).tolist()
        assert indices.tolist() == extended(size, before, after, mode)


@pytest.mark.parametrize("mode", ["constant", "normalize"])
def test_constant_and_normalize_name_no_sample_outside(mode: str) -> None:
    for size, pad in product(range(1, 7), range(21)):
        stage = line(1, padding=Padding(mode), pad_by=(pad, 0, 2, 0))
        named = stage.needs(0, 0, size + pad + 2, size).tolist()
        assert named == [OUTSIDE] * pad + [*range(size)] + [OUTSIDE] * 2


def test_a_row_of_one_sample_is_repeated_by_every_padding() -> None:
    for mode in REPEATING:
        assert Padding(mode).index(np.arange(-9, 10), 1).tolist() == [0] * 19


@pytest.mark.parametrize("extent", ["same", "valid", "full"])
@pytest.mark.parametrize("mode", MODES)
def test_a_span_needs_its_part_of_the_whole(mode: str, extent: Extent) -> None:
    for stride, dilation, anchor in product((1, 2, 3), (1, 2), (0, 2)):
        stage = line(
            3,
            padding=Padding(mode),
            extent=extent,
            stride=(stride, 1),
            dilation=(dilation, 1),
            anchor=(anchor, 0),
        )
        count = stage.size(0, 6)
        whole = stage.needs(0, 0, count, 6).tolist()
        reach = 2 * dilation + 1
        assert len(whole) == (count - 1) * stride + reach
        for start in range(count):
            for stop in range(start + 1, count + 1):
                part = whole[start * stride : (stop - 1) * stride + reach]
                assert stage.needs(0, start, stop, 6).tolist() == part


@pytest.mark.parametrize("extent", ["same", "valid", "full"])
@pytest.mark.parametrize("mode", MODES)
def test_the_depth_of_outputs_is_the_last_row_that_they_read(mode: str, extent: Extent) -> None:
    for size, stride, taps, anchor in product((3, 4, 9), (1, 2, 5), (1, 2, 3), (0, 1)):
        for pad_by in (None, (11, 0, 0, 0), (0, 0, 11, 0), (2, 0, 7, 0)):
            stage = line(
                taps,
                padding=Padding(mode),
                extent=extent,
                stride=(stride, 1),
                anchor=(min(anchor, taps - 1), 0),
                pad_by=pad_by,
            )
            for bottom in range(1, stage.size(0, size) + 1):
                deepest = int(stage.needs(0, 0, bottom, size).max())
                assert stage.depth(bottom, size) == max(1, deepest + 1)


def test_offsets_say_where_each_tap_reads() -> None:
    stage = line(3, stride=(3, 1), dilation=(2, 1), extent="valid")
    count, taps = stage.offsets(0, 11)
    assert count == 3
    assert [[*range(11)][tap] for tap in taps] == [[0, 3, 6], [2, 5, 8], [4, 7, 10]]


def test_axes_are_rows_then_columns() -> None:
    stage = Stage(
        bank=np.ones((1, 1, 2, 3)),
        anchor=(0, 2),
        pad_by=(1, 2, 3, 4),
        stride=(2, 1),
        dilation=(1, 3),
    )
    assert stage.taps == (2, 3)
    assert (stage.reach(0), stage.reach(1)) == (2, 7)
    assert (stage.added(0), stage.added(1)) == ((1, 3), (4, 2))
    same = replace(stage, pad_by=None)
    assert (same.added(0), same.added(1)) == ((0, 1), (6, 0))
    full = replace(stage, pad_by=None, extent="full")
    assert (full.added(0), full.added(1)) == ((1, 1), (6, 6))


# --- crops, strides, anchors --------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_same_and_valid_are_crops_of_full(mode: str) -> None:
    checked = 0
    for size, taps, dilation in product(SIZES, KERNELS, (1, 2)):
        image = COUNTING.integers(0, 256, (size, 1))
        weights = COUNTING.integers(1, 10, (1, 1, taps, 1)).astype(np.float64)
        for anchor in range(taps):
            stage = Stage(
                bank=weights, anchor=(anchor, 0), dilation=(dilation, 1), padding=Padding(mode)
            )
            full = run(image, replace(stage, extent="full"))
            last = (taps - 1) * dilation
            first = last - anchor * dilation
            np.testing.assert_array_equal(run(image, stage), full[first : first + size])
            if size > last:
                valid = run(image, replace(stage, extent="valid"))
                np.testing.assert_array_equal(valid, full[last:size])
            checked += 1
    assert checked == 5 * 2 * sum(KERNELS)


@pytest.mark.parametrize("stride", [(2, 2), (3, 1), (1, 3), (4, 5)])
@pytest.mark.parametrize("extent", ["same", "valid", "full"])
def test_strided_output_is_every_sth_sample(extent: Extent, stride: Pair) -> None:
    for rows, columns, height, width in product((3, 4, 5), (3, 4, 5), (1, 2, 3), (1, 2, 3)):
        image = COUNTING.integers(0, 256, (rows, columns))
        stage = stage_of(COUNTING.integers(-9, 10, (height, width)), extent=extent)
        every = run(image, stage)
        strided = run(image, replace(stage, stride=stride))
        np.testing.assert_array_equal(strided, every[:: stride[0], :: stride[1]])


@pytest.mark.parametrize("operation", ["convolve", "correlate"])
def test_the_anchor_lies_on_the_output(operation: str) -> None:
    # Where only the anchored tap weighs, the image comes back, whichever way the kernel is laid.
    image = COUNTING.integers(0, 256, (4, 5))
    for height, width in product(range(1, 5), repeat=2):
        for anchor in product(range(height), range(width)):
            matrix = np.zeros((height, width))
            matrix[anchor] = 1
            stage = stage_of(matrix, operation, anchor=anchor)
            np.testing.assert_array_equal(run(image, stage), image)


def test_anchors_shift_the_image_the_two_ways() -> None:
    image, zeros = [1, 2, 3, 4], Padding("constant")
    # A tap right of the anchor reads the right neighbour when laid on as written.
    right = [0, 0, 1]
    assert run(image, stage_of(right, "correlate", padding=zeros)).tolist() == [2, 3, 4, 0]
    assert run(image, stage_of(right, "convolve", padding=zeros)).tolist() == [0, 1, 2, 3]
    start = {"anchor": (0, 0), "padding": zeros}
    assert run(image, stage_of(right, "correlate", **start)).tolist() == [3, 4, 0, 0]
    assert run(image, stage_of(right, "convolve", **start)).tolist() == [0, 0, 1, 2]


@pytest.mark.parametrize("height", KERNELS)
@pytest.mark.parametrize("width", KERNELS)
def test_odd_and_even_kernels_lie_as_in_scipy(height: int, width: int) -> None:
    zeros = Padding("constant")
    for rows, columns in product(SIZES, SIZES):
        image = COUNTING.integers(0, 256, (rows, columns))
        matrix = COUNTING.integers(-9, 10, (height, width))
        convolved = signal.convolve2d(image, matrix, "same")
        np.testing.assert_array_equal(run(image, stage_of(matrix, padding=zeros)), convolved)
        correlated = signal.correlate2d(image, matrix, "same")
        stage = stage_of(matrix, "correlate", padding=zeros)
        np.testing.assert_array_equal(run(image, stage), correlated)
