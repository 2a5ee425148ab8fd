"""The text form of a matrix: its grammar, exact fractions, and the wording of every refusal."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcli.errors import KernelError
from convcli.kernels.document import MOST_FAULTS
from convcli.kernels.library import find
from convcli.kernels.matrix import parse_matrix, scan
from convcli.kernels.number import parse_number

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from convcli.kernels.kernel import Matrix


@pytest.mark.parametrize(
    ("text", "matrix", "scale"),
    [
        ("1", ((1,),), 1),
        ("1 2 1; 2 4 2; 1 2 1", ((1, 2, 1), (2, 4, 2), (1, 2, 1)), 1),
        ("1,2,1\n2,4,2\n", ((1, 2, 1), (2, 4, 2)), 1),
        ("1, 2, 1,\r\n2, 4, 2,", ((1, 2, 1), (2, 4, 2)), 1),
        ("0 -1 0; -1 5 -1; 0 -1 0;", ((0, -1, 0), (-1, 5, -1), (0, -1, 0)), 1),
        ("1e-3 -.5 +2. 1E3 010", ((0.001, -0.5, 2.0, 1000.0, 10.0),), 1),
        ("1/9 1/9; 1/9 1/9", ((1, 1), (1, 1)), 1 / 9),
        ("1/2 1/3 -1/6", ((3, 2, -1),), 1 / 6),
        ("1/3 0.5", ((2, 3),), 1 / 6),
        ("1/3 0.1", ((10, 3),), 1 / 30),  # the tenth that was written, not the float beside it
        ("1.5/3 1", ((1, 2),), 1 / 2),
        ("4/2 6/2", ((2, 3),), 1),
        ("1/16 * 1 2 1; 2 4 2", ((1, 2, 1), (2, 4, 2)), 1 / 16),
        ("0.5*1 2", ((1, 2),), 0.5),
        ("1/2 * 1/3 1/3", ((1, 1),), 1 / 6),
        ("-1/8*\n1 2\n3 4", ((1, 2), (3, 4)), -1 / 8),
        ("[[0, -1], [5, 1e2]]", ((0, -1), (5, 100)), 1),
        ("[1, 2, 1]", ((1, 2, 1),), 1),
        ("[[1],[2],]", ((1,), (2,)), 1),
        ("1/4 * [[1, 2],\n [3, 4]]", ((1, 2), (3, 4)), 1 / 4),
        ("1 2 # the first\n3 4 # the second", ((1, 2), (3, 4)), 1),
    ],
)
def test_grammar(text: str, matrix: Matrix, scale: float) -> None:
    kernel = parse_matrix(text)
    assert kernel.matrix == matrix
    assert kernel.scale == scale


def test_cells_are_floats_whatever_was_written() -> None:
    for text in ("1 2", "1/9 2/9", "[1, 2]"):
        assert all(type(cell) is float for row in parse_matrix(text).matrix for cell in row)


def test_minus_zero_and_the_smallest_number_survive() -> None:
    row = parse_matrix("-0.0 5e-324").matrix[0]
    assert str(row[0]) == "-0.0"
    assert row[1] == 5e-324


def test_fractions_without_a_common_denominator_become_floats() -> None:
    kernel = parse_matrix("1/999983 1/999979 1/999961")
    assert kernel.scale == 1
    assert kernel.matrix == ((1 / 999983, 1 / 999979, 1 / 999961),)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there are no numbers"),
        (" ; ; ", "there are no numbers"),
        ("1 2 3; 4 5", "row 2 has 2 numbers, row 1 has 3"),
        ("1 2; 3 4; 5", "row 3 has 1 number, the rows above have 2"),
        ("1 2; 3 x", "'x' is not a number (row 2, column 2)"),
        ("1 nan", "'nan' is not a weight: weights are finite (row 1, column 2)"),
        ("-inf", "'-inf' is not a weight: weights are finite"),
        ("1e999", "'1e999' is too large for a 64-bit number"),
        ("1/0", "'1/0' divides by zero"),
        ("1,,2", "a number is missing here"),
        ("1_000", "'1_000' is not a number"),
        ("0x10", "'0x10' is not a number"),
        ("1/2/3", "'1/2/3' is not a number"),
        ("0 * 1 2", "the factor is 0"),
        ("x * 1 2", "'x' is not a number"),
        ("1 * 2 * 3", "is not a number"),
        ("[[1, 2], [3]]", "row 2 has 1 number, row 1 has 2"),
        ("[[1], [2]", "the brackets do not make a list of rows"),
        ("[[[1]]]", "the brackets do not make a list of rows"),
        ("[[1], 2, [3]]", "the brackets do not make a list of rows"),
        ("1 2] 3", "the brackets do not make a list of rows"),
        ("__import__('os').system('true')", "is not a number"),
        ("1 \x1b[31m", "brackets"),
        ("1 \x07", "'\\x07' is not a number"),
        ("\u0661 \u0662", "is not a number"),  # digits, but of another script
        ("A" * 1000, "AAA...' is not a number"),
    ],
)
def test_refusals(text: str, words: str) -> None:
    with pytest.raises(KernelError) as caught:
        parse_matrix(text)
    message = str(caught.value)
    assert message.startswith("--matrix: ")
    assert words in message
    assert "\x1b" not in message


def test_caret_stands_under_the_cell() -> None:
    with pytest.raises(KernelError) as caught:
        parse_matrix("1/4 * 1 2; 30 x; y 4", "-m")
    assert str(caught.value) == (
        "-m: 'x' is not a number (row 2, column 2)\n"
        "    1 | 1/4 * 1 2; 30 x; y 4\n"
        "                      ^\n"
        "-m: 'y' is not a number (row 3, column 1)\n"
        "    1 | 1/4 * 1 2; 30 x; y 4\n"
        "                         ^"
    )


def test_more_than_a_million_cells_are_refused_in_time() -> None:
    begun = time.perf_counter()
    for text in ("1 " * 1_000_001, "1;" * 1_000_001, "1/2 " * 1_000_001):
        with pytest.raises(KernelError, match="more than 1000000 numbers"):
            parse_matrix(text)
    assert time.perf_counter() - begun < 20  # a hang, not a benchmark


def test_a_million_cells_are_read() -> None:
    kernel = parse_matrix(("1 " * 1000 + "\n") * 1000)
    assert (kernel.rows, kernel.columns, kernel.sum) == (1000, 1000, 1e6)


def test_files_of_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1/4 * 1 2\n3 4\n")
    (tmp_path / "b.csv").write_bytes(b"\xef\xbb\xbf1,2\r\n3,4\r\n")
    np.save(tmp_path / "c.npy", np.array([[1, 2], [3, 4]], dtype=np.int16))
    for name, scale in (("a.txt", 0.25), ("b.csv", 1.0), ("c.npy", 1.0)):
        kernel = parse_matrix(f"@{tmp_path / name}")
        assert (kernel.matrix, kernel.scale) == (((1, 2), (3, 4)), scale)


@pytest.mark.parametrize(
    "text", ["0.5;2\n1;-3\n", "0,5;2\r\n1;-3\r\n", "# x\n 0,5 ; 2\n\n1;-3 # y"]
)
def test_semicolons_of_spreadsheets_end_cells_and_their_commas_are_points(
    text: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode())
    assert parse_matrix(f"@{path}").weights == ((0.5, 2), (1, -3))
    assert find(str(path)).kernel.weights == ((0.5, 2), (1, -3))


@pytest.mark.parametrize("text", ["1 2; 3 4", "1,2;3,4", "1 2;\n3 4", "1, 2;\n3, 4;\n"])
def test_semicolons_of_a_matrix_end_rows_in_a_csv_too(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    assert parse_matrix(f"@{path}").weights == ((1, 2), (3, 4))
    assert find(str(path)).kernel.weights == ((1, 2), (3, 4))


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.mat", "a.kernel"])
def test_lines_may_end_as_on_the_old_macintosh(name: str, tmp_path: Path) -> None:
    head = {"a.mat": "2 2\r", "a.kernel": "2x2:\r"}.get(name, "# two rows\r")
    (tmp_path / name).write_bytes(f"{head}1 2\r3 4\r".encode())
    assert find(str(tmp_path / name)).kernel.weights == ((1, 2), (3, 4))


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((2, 2), dtype=complex), "complex128"),
        (np.zeros((2, 2, 2)), "shape (2, 2, 2)"),
        (np.zeros((0, 2)), "shape (0, 2)"),
        (np.array([[np.nan]]), "not finite"),
        (np.zeros((1001, 1000), dtype=np.uint8), "more than 1000000"),
        (np.array([[None]], dtype=object), "cannot be read"),
    ],
)
def test_arrays_that_are_no_kernel(tmp_path: Path, array: NDArray[Any], words: str) -> None:
    np.save(tmp_path / "k.npy", array)
    with pytest.raises(KernelError) as caught:
        parse_matrix(f"@{tmp_path / 'k.npy'}")
    assert words in str(caught.value)


@pytest.mark.parametrize("name", ["missing.csv", "missing.npy", "missing.png", "", "a\0b.csv"])
def test_missing_files(tmp_path: Path, name: str) -> None:
    with pytest.raises(KernelError):
        parse_matrix(f"@{tmp_path}/{name}")


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    if not text.strip().startswith("@"):
        try:
            parse_matrix(text)
        except KernelError as error:
            assert error.message  # noqa: PT017 - either outcome is right


@given(st.lists(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=3)))
def test_written_floats_come_back(rows: list[list[float]]) -> None:
    if rows:
        text = ";".join(" ".join(map(repr, row)) for row in rows)
        assert parse_matrix(text).matrix == tuple(map(tuple, rows))


@given(st.integers(-999, 999), st.integers(1, 999))
def test_fractions_are_exact(numerator: int, denominator: int) -> None:
    number = parse_number(f"{numerator}/{denominator}")
    assert number is not None
    assert number * denominator == numerator


@pytest.mark.parametrize("text", ["1 2\n3", "\n 1 2\n\n  3 4 5\n6\n", "1,2\n 3,\n4, 5", "1 2;3\n4"])
def test_plain_rows_that_are_ragged_are_told_as_any_others(text: str) -> None:
    """A comment is what sends a text the careful way."""
    plain, careful = scan(text), scan(f"{text} # careful")
    assert plain.slips
    assert plain == careful


def test_of_long_texts_the_head_speaks_only_where_it_says_all() -> None:
    """Too many rows, a hundred of them ragged, and the first all that is read; or but one there."""
    many = scan("1 2\n" + "1\n" * MOST_FAULTS + "1 2\n" * 600_000)
    assert [slip.line for slip in many.slips] == [*range(1, MOST_FAULTS + 1)]
    few = scan("10000 2\n1\n" + "10000 2\n" * 300_000 + "1\n")
    assert [slip.line for slip in few.slips] == [1, 300_002]
    whole = scan("10000 2\n" * 300_000)
    assert (len(whole.matrix), whole.slips) == (300_000, ())
