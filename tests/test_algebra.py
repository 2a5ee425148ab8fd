"""Kernels as arithmetic: what expressions mean, that they stay exact, and where mistakes are."""

from __future__ import annotations

import contextlib
import json
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal

import convcli
from convcli.cli.main import run
from convcli.errors import KernelError
from convcli.kernels import algebra, arithmetic, library
from convcli.kernels.document import MistakeError
from convcli.kernels.kernel import Kernel, Recipe
from convcli.kernels.kernelfile import check_file, load_file
from convcli.kernels.library import Place, find, resolver, shipped_kernels

PLACES = [Place(shipped_kernels(), "shipped")]
RESOLVE = resolver(PLACES, ())
K = Kernel(((1.0, 2.0, 3.0), (4.0, 5.0, 6.0), (7.0, 8.0, 9.0)))


def made(text: str) -> Recipe:
    return algebra.calculated(text, RESOLVE)


def weights(text: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.array(find(text, PLACES).kernel.weights)


# --- meaning ------------------------------------------------------------------------------------


def test_twice_the_image_less_a_blur() -> None:
    twice = np.zeros((17, 17))
    twice[8, 8] = 2
    np.testing.assert_array_equal(
        weights("2*identity - gaussian(2)"), twice - weights("gaussian:2")
    )


def test_two_gaussians_of_different_size() -> None:
    wide = weights("gaussian:1.6")
    narrow = np.pad(weights("gaussian:1"), 2)
    np.testing.assert_array_equal(weights("gaussian(1) - gaussian(1.6)"), narrow - wide)


def test_two_boxes_compose_to_whole_numbers_and_one_scale() -> None:
    kernel = made("box(3) * box(3)").kernel
    line = [1.0, 2.0, 3.0, 2.0, 1.0]
    assert kernel.matrix == tuple(tuple(a * b for b in line) for a in line)
    assert kernel.scale == 1 / 81


@pytest.mark.parametrize(
    ("text", "matrix", "scale"),
    [
        ("2*identity", ((1,),), 2),
        ("identity/9", ((1,),), 1 / 9),
        ("0.1*identity", ((1,),), 0.1),
        ("-identity", ((1,),), -1),
        ("--identity", ((1,),), 1),
        ("2*3*identity*0.5", ((1,),), 3),
        ("(1 + 2)*identity", ((1,),), 3),
        ("1e-3*identity", ((1,),), 1e-3),
        ("2*identity - box", ((-1,) * 3, (-1, 17, -1), (-1,) * 3), 1 / 9),
        ("2*box + 4*box", ((1,) * 3,) * 3, 6 / 9),
        ("identity - 2*central-x", ((1, 1, -1),), 1),
        ("rotate(sobel-x, 90)", ((1, 2, 1), (0, 0, 0), (-1, -2, -1)), 1 / 8),
        ("rotate(sobel-x, -90)", ((-1, -2, -1), (0, 0, 0), (1, 2, 1)), 1 / 8),
        ("rotate(sobel-x, 45)", ((0, 1, 2), (-1, 0, 1), (-2, -1, 0)), 1 / 8),
        ("rotate(sobel-x, 405)", ((0, 1, 2), (-1, 0, 1), (-2, -1, 0)), 1 / 8),
        ("flip(sobel-x)", ((1, 0, -1), (2, 0, -2), (1, 0, -1)), 1 / 8),
        ("mirror(emboss, x)", ((0, -1, -2), (1, 1, -1), (2, 1, 0)), 1),
        ("mirror(emboss, y)", ((0, 1, 2), (-1, 1, 1), (-2, -1, 0)), 1),
        ("transpose(sobel-x)", ((-1, -2, -1), (0, 0, 0), (1, 2, 1)), 1 / 8),
        ("dilate(central-x, 3)", ((-1, 0, 0, 0, 0, 0, 1),), 0.5),
        ("dilate(second-y, 2, 5)", ((1,), (0,), (-2,), (0,), (1,)), 1),
    ],
)
def test_numbers(text: str, matrix: tuple[tuple[float, ...], ...], scale: float) -> None:
    kernel = made(text).kernel
    np.testing.assert_array_equal(kernel.weights, np.array(matrix) * scale)
    assert kernel.scale == scale
    assert kernel.integral


def test_products_bind_before_sums() -> None:
    assert made("identity + identity * 3").kernel.weights == ((4,),)
    assert made("(identity + identity) * 3").kernel.weights == ((6,),)
    assert made("identity - identity - identity").kernel.weights == ((-1,),)
    assert made("identity - (identity - identity)").kernel.weights == ((1,),)


def test_composing_is_one_after_the_other() -> None:
    image = np.arange(30 * 31, dtype=np.float64).reshape(30, 31) % 23
    for operation in ("convolve", "correlate"):
        one, two = "emboss", "freichen-1"
        both = convcli.apply(
            image, f"{one} * {two}", operation=operation, extent="valid", range="clip"
        )
        steps = convcli.apply(
            convcli.apply(image, one, operation=operation, extent="valid", range="clip"),
            two, operation=operation, extent="valid", range="clip",
        )  # fmt: skip
        np.testing.assert_allclose(both, steps, rtol=1e-12, atol=1e-10)


@given(
    one=st.lists(st.lists(st.integers(-9, 9), min_size=3, max_size=3), min_size=1, max_size=4),
    two=st.lists(st.lists(st.integers(-9, 9), min_size=2, max_size=2), min_size=1, max_size=5),
    scale=st.sampled_from([1.0, 1 / 9, 0.1, -2.5]),
)
def test_composing_is_scipys_full_convolution(
    one: list[list[int]], two: list[list[int]], scale: float
) -> None:
    first, second = (
        Kernel(tuple(tuple(map(float, r)) for r in rows), s)
        for rows, s in ((one, scale), (two, 1 / 7))
    )
    expected = signal.convolve2d(first.weights, second.weights)
    np.testing.assert_allclose(
        arithmetic.compose(first, second).weights, expected, rtol=1e-12, atol=1e-12
    )


@given(
    scales=st.tuples(*[st.sampled_from([1.0, 1 / 9, 1 / 273, 0.1, 3.0, -1 / 6])] * 2),
    sign=st.sampled_from([1, -1]),
)
def test_sums_are_exact(scales: tuple[float, float], sign: int) -> None:
    first, second = Kernel(K.matrix, scales[0]), Kernel(((1.0, -4.0),), scales[1], (0, 1))
    total = arithmetic.plus(first, second, sign)
    expected = np.array(first.weights)
    expected[1, :2] += sign * np.array(second.weights[0])
    np.testing.assert_allclose(total.weights, expected, rtol=1e-15, atol=1e-16)
    assert total.integral


def test_anchors_go_along() -> None:
    corner = Kernel(((1.0, 2.0), (3.0, 4.0)), anchor=(0, 1))
    assert arithmetic.rotate(corner, 90).center == (0, 0)
    assert arithmetic.rotate(corner, 90).matrix == ((2, 4), (1, 3))
    assert arithmetic.flip(corner).center == (1, 0)
    assert arithmetic.mirror(corner, "x").center == (0, 0)
    assert arithmetic.mirror(corner, "y").center == (1, 1)
    assert arithmetic.transpose(corner).center == (1, 0)
    assert arithmetic.dilate(corner, 2, 3).center == (0, 3)
    assert arithmetic.compose(corner, corner).center == (0, 2)
    assert arithmetic.compose(arithmetic.flip(corner), K).center == (2, 1)
    laid = arithmetic.plus(corner, K)
    assert laid.center == (1, 1)
    assert laid.matrix == ((1, 2, 3), (5, 7, 6), (10, 12, 9))


def test_rings_turn_by_an_eighth() -> None:
    five = Kernel(tuple(tuple(float(5 * i + j) for j in range(5)) for i in range(5)))
    turned = five
    for _ in range(2):
        turned = arithmetic.rotate(turned, 45)
    assert turned.matrix == arithmetic.rotate(five, 90).matrix
    assert arithmetic.rotate(turned, -90).matrix == five.matrix
    for _ in range(6):
        turned = arithmetic.rotate(turned, 45)
    assert turned.matrix == five.matrix


def test_an_anchor_turns_with_its_cell() -> None:
    corner = Kernel(K.matrix, anchor=(0, 2))
    turned = arithmetic.rotate(corner, 45)
    assert (turned.matrix[0][1], turned.center) == (3, (0, 1))
    assert arithmetic.rotate(turned, -45) == corner


def test_fractions_stay_those_that_were_written() -> None:
    assert {n for n in range(2, 99) if made(f"box(3)/{n}").kernel.scale != 1 / (9 * n)} == set()


def test_what_no_float_holds_whole_is_weights_and_no_scale() -> None:
    # 2**53 + 1 and 1 thirds: float(2**53 + 1) would have lost the 1 before it was divided.
    first = Kernel(((3 * 2.0**52, 1.0),), 2 / 3)
    kernel = arithmetic.plus(first, Kernel(((1.0, 1.0),), 1 / 3))
    assert kernel.matrix == ((float(Fraction(6 * 2**52 + 1, 3)), 1.0),)
    assert kernel.scale == 1


# --- conventions --------------------------------------------------------------------------------


def test_conventions_are_turned_where_they_meet(tmp_path: Path) -> None:
    for operation in ("convolve", "correlate"):
        text = f"name: {operation}d\nmatrix: [[1, 2, 4]]\noperation: {operation}\n"
        (tmp_path / f"{operation}d.yaml").write_text(text)
    places = [Place(tmp_path, "here"), *PLACES]
    mixed = find("convolved + 10*correlated", places)
    assert mixed.operation == "correlate"
    assert list(mixed.kernel.weights[0]) == [14, 22, 41]
    assert find("convolved + identity", places).operation == "convolve"
    assert find("identity - correlated", places).operation == "correlate"
    assert find("box + identity", places).operation is None


def test_a_range_is_carried_where_it_still_makes_sense() -> None:
    assert made("2*sobel-x").range == "signed"
    assert made("box * sobel-x").range == made("sobel-x * box").range == "signed"
    assert made("identity - laplacian4").range is None


# --- mistakes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("2*identity - gausian(2)", 13, "No kernel is called 'gausian'. Close: gaussian"),
        ("2*identity-gaussian(2)", 2, "between blanks: identity - gaussian"),
        ("1 - box", 2, "between a number and a kernel"),
        ("box +", 5, "expected here, not the end"),
        ("(box", 4, "bracket of column 1 is open"),
        ("box(3) box", 7, "'box' is not expected here"),
        ("box)", 3, "')' is not expected here"),
        ("2*$", 2, "expected here, not '$'"),
        ("2 * 3", 0, "a number, not a kernel"),
        ("box / box", 4, "can't be divided by a kernel"),
        ("box / 0", 4, "divides by zero"),
        ("0*box", 1, "times 0 is nothing"),
        ("2*sobel", 2, "'sobel' has 2 kernels"),
        ("2*contour", 2, "adds a bias"),
        ("box*gaussian(sigma=-1)", 4, "sigma=-1 is not a number from 0.01"),
        ("box*gaussian(sgma=1)", 4, "Did you mean 'sigma'?"),
        ("rotate(box)", 0, "needs a second value"),
        ("rotate(sobel-x, 30)", 0, "cells would have to be made up"),
        ("rotate(motion(9), 45)", 0, "an eighth of a turn"),
        ("rotate(3, 90)", 0, "takes a kernel, not a number"),
        ("rotate(box, box)", 12, "a number is expected"),
        ("rotate(box, 90, 1)", 14, "at most 1 more"),
        ("dilate(box, 0)", 0, "whole numbers from 1"),
        ("dilate(box, 100000)", 0, "more than 1000000 weights"),
        ("mirror(box, z)", 12, "along x (left and right)"),
        ("1e999*box", 0, "out of range"),
        ("1e300*box*1e300", 9, "too large for a 64-bit number"),
    ],
)
def test_a_mistake_has_its_column(text: str, column: int, words: str) -> None:
    with pytest.raises(MistakeError) as caught:
        made(text)
    error = caught.value
    assert words in f"{error}\n{error.hint}"
    assert error.column == column
    shown, caret = error.message.split("\n")[-2:]
    assert caret.index("^") - shown.index(text) == column


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000 + "box" + ")" * 5000,
        "(" * 900 + "box" + ")" * 900,
        "flip(" * 300 + "box" + ")" * 300,
        " * ".join(["box(99)"] * 40),
        " + ".join(["gaussian(100)"] * 40),
        "dilate(dilate(box(9), 99), 99)",
        "box(1000) * box(1000)",
        "-" * 1990 + "bx",
        "1" * 1900 + "*box*" + "9" * 20,
    ],
    ids=range(9),
)
def test_hostile_expressions_are_refused_in_time(text: str) -> None:
    start = time.process_time()
    with pytest.raises(KernelError):
        made(text)
    assert time.process_time() - start < 10


def test_an_expression_that_uses_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop.yaml").write_text("expression: 2*loop\n")
    with pytest.raises(KernelError, match="uses itself"):
        find("loop", [Place(tmp_path, "here"), *PLACES])


@pytest.mark.parametrize("text", ["gaussian:2 - box", "rotate(gaussian:2, 90)", "2*(gaussian:2)"])
def test_a_colon_is_told_how_parameters_are_written_here(text: str) -> None:
    with pytest.raises(KernelError) as caught:
        made(text)
    assert "stand in brackets: gaussian(2)" in caught.value.hint


def test_a_file_goes_before_a_division(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "box").mkdir()
    (tmp_path / "box" / "9").write_text("3x3: 0,0,0 0,7,0 0,0,0")
    assert find("box/9", PLACES).kernel.sum == 7
    assert find("box/3", PLACES).kernel.sum == pytest.approx(1 / 3)


@given(st.text(alphabet="box()*+-/2.9, ridentyfl", max_size=40))
def test_any_text_is_calculated_or_refused(text: str) -> None:
    with contextlib.suppress(KernelError):
        assert made(text).kernel.rows > 0


# --- where it is written ------------------------------------------------------------------------


def test_names_and_files_are_no_expressions() -> None:
    plain = ("sobel-x", "gaussian:2", "gaussian:sigma=2,radius=4", "laws:E5,row=L5", "a.b+c")
    for text in (*plain, "kernels/mine", "my/kernels/2", "gaussian:sigma=1/2", "/2"):
        assert not library.spoken(text)
    for text in ("box(3)", "2*box", "box - box", "-box", "box / 2", "box/9", "sobel-x/8/.5"):
        assert library.spoken(text)


def test_in_the_shell(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["kernels", "show", "--json", "2*identity - gaussian(2)"]) == 0
    data = json.loads(capsys.readouterr().out)
    [shown] = data if isinstance(data, list) else [data]
    assert shown["kernels"][0]["sum"] == pytest.approx(1, abs=1e-12)
    source = Path(__file__).resolve().parent.parent / "samples" / "charts" / "step.png"
    out = tmp_path / "out.png"
    assert run(["apply", str(source), "-o", str(out), "-k", "2*identity - gaussian(2)"]) == 0
    assert out.exists()
    assert run(["kernels", "show", "2*identty"]) == 3
    assert "  2*identty" in capsys.readouterr().err.replace("| ", "  ")


def test_in_files(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("title: Sharper\nexpression: 2*identity - box\nscale: 3\nanchor: [0, 0]\n")
    kernel = load_file(file).kernel
    assert (kernel.matrix[1], kernel.scale, kernel.center) == ((-1, 17, -1), 3 / 9, (0, 0))
    file = tmp_path / "mine.toml"
    file.write_text('combine = "max"\nrotate = [0, 90]\nexpression = "flip(kirsch-n)"\n'
                    'operation = "correlate"\n')  # fmt: skip
    assert [kernel.name for kernel in load_file(file).kernels] == ["0", "90"]
    listed = (
        "combine: sum\noperation: correlate\n"
        "kernels:\n  - name: a\n    use: sobel-x\n    rotate: [0, 180]\n"
    )
    (tmp_path / "listed.yaml").write_text(listed)
    both = load_file(tmp_path / "listed.yaml").kernels
    assert [kernel.name for kernel in both] == ["a-0", "a-180"]
    assert both[0].weights == arithmetic.flip(both[1]).weights


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("expression: 2*identity - gausian(2)\n", (1, 26), "'gausian'"),
        ('title: x\nexpression: "2*bx"\n', (2, 16), "'bx'"),
        ("expression: 2*sobel-x\n", (1, 13), "add 'operation: correlate'"),
        ("expression: 2*box\nmatrix: [[1]]\n", (1, 1), "both give weights"),
        ("expression: 2*box\nkernels: [{use: box}]\n", (1, 1), "exclude each other"),
        ("matrix: [[1]]\nrotate: [0, 90]\n", (2, 9), "needs 'combine:'"),
        ("matrix: [[1]]\nrotate: up\n", (2, 9), "angles in degrees"),
        ("matrix: [[1]]\nrotate: []\n", (2, 9), "angles in degrees"),
        ("matrix: [[1, 2]]\nrotate: 45\n", (2, 9), "an eighth of a turn"),
        ("matrix: [[1, 2]]\nrotate: [0, 90, 180]\ncombine: orientation\n", (3, 10), "two kernels"),
        ("matrix: [[1, 2]]\nrotate: [0, 90]\ncombine: ratio:3\n", (3, 10), "from 1 to 2"),
    ],
)
def test_faults_in_files_have_their_place(
    tmp_path: Path, text: str, place: tuple[int, int], words: str
) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(text)
    faults = check_file(file)
    assert [(fault.line, fault.column) for fault in faults] == [place], faults
    assert words in str(faults[0])
