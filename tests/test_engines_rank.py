"""Few outer products instead of a matrix: what is found, what is refused, what `separable` does."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import product
from math import comb
from typing import TYPE_CHECKING

import numpy as np
import pytest
from engine_cases import DILATIONS, MODES, SIZES, STRIDES, filtered, picture, taps, tiled, whole
from reference import reference

from convcli import engines
from convcli.engines import direct, rank
from convcli.engines.separable import separable
from convcli.padding import Padding
from convcli.spec import Stage

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Values = NDArray[np.float64]


def stage_of(matrix: ArrayLike) -> Stage:
    given = np.asarray(matrix, np.float64)
    return Stage(given[None, None], (given.shape[0] // 2, given.shape[1] // 2))


def pairs_of(matrix: ArrayLike) -> list[tuple[Values, Values]]:
    """The pairs, checked: shapes, and the residual the module promises."""
    given = np.asarray(matrix, np.float64)
    pairs = [*rank.factors(stage_of(given))[0][0]]
    rest = -given
    for column, row in pairs:
        assert (column.shape, row.shape) == ((given.shape[0],), (given.shape[1],))
        assert column.any()
        assert row.any()
        rest = rest + np.outer(column, row)
    assert abs(rest).max() <= 1e-12 * abs(given).max()
    return pairs


def gaussian(size: int, sigma: float) -> Values:
    """The matrix a person would compute: no factors, one exponential for each tap."""
    y, x = np.ogrid[-(size // 2) : size - size // 2, -(size // 2) : size - size // 2]
    taps: Values = np.exp(-(x * x + y * y) / (2 * sigma**2))
    normalised: Values = taps / taps.sum()
    return normalised


def noisy(size: int, noise: float) -> Values:
    matrix = gaussian(size, size / 6)
    error = np.random.default_rng(1).uniform(-1, 1, matrix.shape)
    disturbed: Values = matrix + noise * matrix.max() * error / abs(error).max()
    return disturbed


# --- whole numbers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "row"),
    [
        ([1, 2, 1], [-1, 0, 1]),
        ([1, 1, 1, 1, 1], [1, 1, 1]),
        ([comb(24, i) for i in range(25)], [comb(24, i) for i in range(25)]),
        ([-6, 4], [2, 0, -8, 10]),
        ([0, 5, 0], [0, 0, 7]),
        ([3], [1, 2]),
    ],
    ids=str,
)
def test_whole_outer_products_have_whole_factors(column: list[int], row: list[int]) -> None:
    matrix = np.outer(column, row)
    [(down, across)] = pairs_of(matrix)
    assert rank.whole(stage_of(matrix))
    np.testing.assert_array_equal(np.outer(down, across), matrix)


@pytest.mark.parametrize(
    ("matrix", "work"),
    [
        ([[0, 1, 0], [1, -4, 1], [0, 1, 0]], 7),
        ([[1, 1, 1], [1, -8, 1], [1, 1, 1]], 8),
        ([[-1, -2, -1], [-2, 12, -2], [-1, -2, -1]], 8),
        ([[0, 0, -1, 0, 0], [0, -1, -2, -1, 0], [-1, -2, 16, -2, -1]], 11),
    ],
)
def test_sums_of_whole_outer_products_have_whole_factors(
    matrix: list[list[int]], work: int
) -> None:
    pairs = pairs_of(matrix)
    assert len(pairs) == np.linalg.matrix_rank(np.array(matrix))
    assert rank.whole(stage_of(matrix))
    assert rank.multiplies(stage_of(matrix)) == work
    np.testing.assert_array_equal(sum(np.outer(*pair) for pair in pairs), matrix)


def test_a_disc_has_one_pair_for_each_kind_of_row() -> None:
    y, x = np.ogrid[-15:16, -15:16]
    disc = (x * x + y * y <= 225).astype(float)
    assert len(pairs_of(disc)) == len({tuple(row) for row in disc.tolist()}) == 10
    assert rank.whole(stage_of(disc))


def test_whole_taps_have_whole_factors_at_every_size() -> None:
    checked = 0
    for seed, (_, _, height, width) in enumerate(SIZES):
        stage = stage_of(taps(seed, (height, width), MODES[seed % 6]))
        pairs = pairs_of(stage.bank[0, 0])
        assert rank.whole(stage)
        exact = sum((np.outer(*pair) for pair in pairs), np.zeros((height, width)))
        np.testing.assert_array_equal(exact, stage.bank[0, 0])
        checked += 1
    assert checked == 900


def test_of_whole_factors_those_that_cancel_least_are_taken() -> None:
    matrix = np.full((5, 5), 100)
    matrix[0, 0] = 1  # as the pivot: 1 100 100 .. x 1 100 100 .., which is 401 * 401
    sizes = [abs(column).sum() * abs(row).sum() for column, row in pairs_of(matrix)]
    assert sizes == [401 * 5, 1 * 4 * 99]
    assert rank.whole(stage_of(matrix))


def test_whole_factors_that_cancel_much_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    laplacian = [[1, 1, 1], [1, -8, 1], [1, 1, 1]]  # 1 1 1 x 1 1 1 - 9, sizes 18 for 16
    assert len(pairs_of(laplacian)) == 2
    monkeypatch.setattr(rank, "GROWTH", 1.1)
    assert len(pairs_of(laplacian)) == 3
    assert len(pairs_of(np.ones((3, 3)))) == 1


def test_random_whole_taps_are_left_line_by_line() -> None:
    rng = np.random.default_rng(3)
    for size in (9, 31, 127):
        matrix = rng.integers(-9, 10, (size, size)).astype(float)
        assert len(pairs_of(matrix)) == size
        assert rank.whole(stage_of(matrix))


def test_what_no_pivot_divides_is_still_found() -> None:
    matrix = np.outer([2, 3, 5, 7, 2, 3, 5], [2, 3, 5, 7, 11, 3, 2])
    matrix += np.outer([3, 5, 2, 2, 7, 5, 3], [5, 2, 2, 3, 3, 7, 5])
    assert len(pairs_of(matrix)) == 2


# --- any numbers --------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [3, 4, 5, 15, 31, 64, 127])
@pytest.mark.parametrize("factor", [1.0, -1.0, 1e200, -1e-200, 1e290])
def test_a_gaussian_is_one_outer_product(size: int, factor: float) -> None:
    for sigma in (size / 12, size / 6, size):
        matrix = factor * gaussian(size, sigma)
        [(column, row)] = pairs_of(matrix)
        assert abs(row).max() == 1.0
        assert abs(column).max() == abs(matrix).max()
        assert rank.multiplies(stage_of(matrix)) == np.count_nonzero(matrix[:, size // 2]) * 2
        error = abs(np.outer(column, row) - matrix) / abs(matrix).max()
        assert error.sum() < 1e-15 * (abs(matrix) / abs(matrix).max()).sum()


def test_boxes_scaled_in_floats_are_one_outer_product() -> None:
    # The sum of the last would not fit a float64.
    for size, weight in ((3, 1 / 9), (7, 1 / 49), (21, -1 / 441), (127, 1.5e306)):
        [(column, row)] = pairs_of(np.full((size, size), weight))
        assert {*row.tolist()} == {1.0}
        assert {*column.tolist()} == {weight}


@pytest.mark.parametrize("factor", [1.0, 1e200, 1e-200])
def test_a_laplacian_of_a_gaussian_is_two(factor: float) -> None:
    y, x = np.ogrid[-15:16, -15:16]
    squared = (x * x + y * y) / 32.0
    matrix = factor * (squared - 2) * np.exp(-squared)
    assert len(pairs_of(matrix)) == 2
    assert rank.multiplies(stage_of(matrix)) < 4 * 31


@pytest.mark.parametrize("noise", [1e-4, 1e-10, 2e-12])
@pytest.mark.parametrize("size", [5, 31, 127])
def test_nearly_one_outer_product_is_not_one(size: int, noise: float) -> None:
    pairs = pairs_of(noisy(size, noise))
    assert len(pairs) > 1
    assert not rank.spreads(stage_of(noisy(size, noise)))  # line by line: nothing is saved


def test_one_wrong_tap_is_seen_among_many() -> None:
    matrix = np.full((127, 127), 0.1)
    assert len(pairs_of(matrix)) == 1
    matrix[3, 5] -= 1e-11 * 0.1
    assert len(pairs_of(matrix)) == 2
    # A rain of small errors is seen by its sum: each is far below the largest tap.
    peak = np.zeros((127, 127))
    peak[63, 63] = 1
    rain = peak + 5e-13 * np.random.default_rng(1).random(peak.shape)
    assert len(pairs_of(rain)) == 127


def test_zeros_have_no_pairs_and_cost_nothing() -> None:
    assert pairs_of(np.zeros((3, 4))) == []
    assert rank.multiplies(stage_of(np.zeros((3, 4)))) == 0
    framed = np.pad(gaussian(5, 1.0), ((2, 0), (1, 3)))
    [(column, row)] = pairs_of(framed)
    assert (column != 0).tolist() == framed.any(axis=1).tolist()
    assert (row != 0).tolist() == framed.any(axis=0).tolist()


@pytest.mark.parametrize("weight", [5.0, -0.1, 1e200, 1e-200, 5e-324])
def test_a_single_tap(weight: float) -> None:
    matrix = np.zeros((3, 4))
    matrix[2, 1] = weight
    [(column, row)] = pairs_of(matrix)
    np.testing.assert_array_equal(np.outer(column, row), matrix)
    assert rank.multiplies(stage_of(matrix)) == 2


@pytest.mark.parametrize("shape", [(2, 2), (5, 9), (31, 7), (127, 127)])
def test_full_rank_comes_back_line_by_line(shape: tuple[int, int]) -> None:
    matrix = np.random.default_rng(5).uniform(-1, 1, shape)
    pairs = pairs_of(matrix)
    assert len(pairs) == min(shape)
    np.testing.assert_array_equal(sum(np.outer(*pair) for pair in pairs), matrix)
    assert rank.multiplies(stage_of(matrix)) == matrix.size + min(shape)
    assert not rank.spreads(stage_of(matrix))


def test_every_matrix_of_a_bank_has_its_own_pairs() -> None:
    bank = np.zeros((2, 3, 3, 3))
    bank[0, 0], bank[1, 2] = np.outer([1, 2, 1], [1, 0, -1]), gaussian(3, 0.8)
    stage = replace(stage_of(bank[0, 0]), bank=bank)
    counts = [[len(pairs) for pairs in planes] for planes in rank.factors(stage)]
    assert counts == [[1, 0, 0], [0, 0, 1]]
    assert rank.multiplies(stage) == 3 + 2 + 3 + 3
    assert not rank.whole(stage)


def test_columns_are_done_for_every_column_whatever_the_stride() -> None:
    stage = replace(stage_of(np.ones((5, 7))), stride=(3, 2))
    assert rank.multiplies(stage) == 5 * 2 + 7


def test_factors_are_found_once_and_nobody_writes_to_them() -> None:
    stage = stage_of(np.ones((3, 3)))
    assert rank.factors(stage) is rank.factors(stage)
    with pytest.raises(ValueError, match="read-only"):
        rank.factors(stage)[0][0][0][0][0] = 5


def test_what_is_not_finite_is_left_as_it_is() -> None:
    matrix = np.array([[1.0, 2.0, 3.0], [np.nan, 2.0, 2.0], [3.0, 4.0, np.inf]])
    pairs = rank.factors(stage_of(matrix))[0][0]
    assert [unit.tolist() for unit, _ in pairs] == np.eye(3).tolist()
    np.testing.assert_array_equal([row for _, row in pairs], matrix)


@pytest.mark.parametrize(
    ("matrix", "spreads"),
    [
        (gaussian(9, 1.5), False),
        ([[0, 1, 0], [1, -4, 1], [0, 1, 0]], False),
        ([[1, 1, 1], [1, -8, 1], [1, 1, 1]], True),  # the middle twice
        ([[1, 1, 1], [1, 1, 1], [1, 1, 0]], False),  # 1 1 1 in two rows, and 1 1 0
        (np.where(gaussian(31, 1.5) > 1e-14, gaussian(31, 1.5), 0), True),
        (np.zeros((3, 3)), False),
    ],
)
def test_which_factors_read_more_than_the_taps(
    matrix: ArrayLike,
    spreads: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert rank.spreads(stage_of(matrix)) is spreads
    calm = stage_of(np.ones(np.shape(matrix)))
    both = replace(calm, bank=np.concatenate([calm.bank, stage_of(matrix).bank]))
    assert rank.spreads(both) is spreads


# --- the engine ---------------------------------------------------------------------------------


def run(image: NDArray[np.float64], stage: Stage) -> Values:
    return whole(replace(filtered("direct", image, stage), engine=SEPARABLE))


SEPARABLE = engines.engine("separable", engines.NUMPY)
DIRECT = engines.engine("direct", engines.NUMPY)


def matrices(inputs: int) -> Values:
    """Two filters: one outer product, and a sum of two; other multiples for each channel."""
    smooth, laplacian = np.outer([1, 3, 1], [-1, 0, 1]), [[1, 1, 1], [1, -8, 1], [1, 1, 1]]
    filters = np.stack([smooth, laplacian]).astype(float)
    return np.stack([factor * filters for factor in range(1, inputs + 1)], axis=1)


@pytest.mark.parametrize("inputs", [1, 3])
def test_separable_is_exact_and_tiles_and_strips_never_show(
    inputs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = picture(4, "uint8", (6, 7, 3))
    for mode, stride, dilation in product(MODES[:5], STRIDES, DILATIONS):
        stage = Stage(matrices(inputs), (1, 0), (1.0, 1.0), (0.0, 3.0), padding=Padding(mode, 9.0))
        stage = replace(stage, stride=stride, dilation=dilation, extent="full")
        source = replace(filtered("direct", image, stage), engine=SEPARABLE)
        np.testing.assert_array_equal(whole(source), reference(image, stage))
        rounded = replace(source, stage=replace(stage, bank=stage.bank / 7))
        once = whole(rounded)
        assert tiled(rounded, 2).tobytes() == once.tobytes()
        with monkeypatch.context() as patched:
            patched.setattr(direct, "CACHED", 1)
            assert whole(rounded).tobytes() == once.tobytes()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "matrix",
    [np.outer([1, 0, -2], [3, 1, 0]), [[1, 1, 1], [1, -8, 1], [1, 1, 1]], gaussian(9, 1.5)],
)
def test_what_is_not_finite_goes_no_further_than_taps(matrix: ArrayLike, value: float) -> None:
    image = picture(6, "float64", (12, 11, 2))
    image[4, 5, 1] = value
    bank = np.asarray(matrix, float)
    for disturbed in (bank, bank - 0.5 * np.eye(len(bank))):
        stage = replace(stage_of(disturbed), padding=Padding("edge"))
        expected = whole(replace(filtered("direct", image, stage), engine=DIRECT))
        values = run(image, stage)
        np.testing.assert_allclose(values, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("matrix", "multiplied"),
    [
        (gaussian(5, 1.0), 5 * 20 * 14 + 5 * 20 * 10),
        (np.random.default_rng(1).random((5, 5)), 25 * 20 * 10),
        (np.outer([1, 0, 2, 0, 0], [0, 0, 3, 0, 0]), 2 * 20 * 14 + 20 * 10),
    ],
)
def test_separable_multiplies_as_often_as_it_says(
    matrix: Values, multiplied: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    added: list[int] = []

    def count(sums: Values, *_: object) -> None:
        added.append(sums.size)

    monkeypatch.setattr("convcli.engines.separable.add", count)
    stage = replace(stage_of(matrix), extent="valid")
    image = picture(1, "uint8", (24, 14, 1))
    values = whole(replace(filtered("direct", image, stage), engine=SEPARABLE))
    assert values.shape == (20, 10, 1)
    assert sum(added) == multiplied


def test_sums_that_are_exact_fractions_are_scaled_once() -> None:
    image = picture(2, "uint8", (9, 9, 1))
    stage = replace(stage_of(np.ones((5, 5))), scale=(1 / 25,), extent="valid")
    values = run(image, stage)
    exact = [
        Fraction(int(image[y : y + 5, x : x + 5].sum(dtype=int)))
        for y in range(5)
        for x in range(5)
    ]
    assert values.ravel().tolist() == [float(value) * (1 / 25) for value in exact]


def test_the_engine_of_that_name_is_this_function() -> None:
    assert SEPARABLE.values is separable
