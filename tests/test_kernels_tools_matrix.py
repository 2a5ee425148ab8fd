"""`kernels matrix`: W x + b is the engine's result, to the bit where weights are whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reference import run as filtered
from reference import stage_of
from scipy import linalg, sparse

from convcli.cli.main import run
from convcli.errors import KernelError
from convcli.kernels import shared as module
from convcli.kernels.shared import shared
from convcli.padding import PADDINGS, Padding

RANDOM = np.random.default_rng(5)
PLACES: list[dict[str, Any]] = [
    {},
    {"extent": "valid"},
    {"extent": "full"},
    {"extent": "full", "stride": (2, 3)},
    {"dilation": (2, 2), "stride": (1, 2)},
    {"pad_by": (1, 0, 2, 3)},
    {"anchor": (0, 1)},
]


@pytest.mark.parametrize("mode", [*PADDINGS, "constant:7"])
@pytest.mark.parametrize("wishes", PLACES, ids=str)
@pytest.mark.parametrize("operation", ["convolve", "correlate"])
def test_w_times_x_is_what_the_engine_gives(
    mode: str, wishes: dict[str, Any], operation: str
) -> None:
    weights = RANDOM.integers(1, 9, (3, 2))
    stage = stage_of(weights, operation, padding=Padding.parse(mode), **wishes)
    image = RANDOM.integers(0, 256, (6, 5)).astype(np.float64)
    expected = filtered(image, stage)
    [found] = shared(stage, (6, 5))
    # Whole weights have exact sums; `normalize` multiplies them by quotients.
    tolerance = 1e-13 if mode == "normalize" else 0.0
    np.testing.assert_allclose(found.times(image), expected, rtol=tolerance, atol=0)


def test_the_scale_stands_before_both_parts() -> None:
    stage = replace(stage_of([[1, 2, 4]], padding=Padding("constant", 10.0)), scale=(0.25,))
    signal = np.array([[8.0, 16.0, 32.0, 64.0]])
    [found] = shared(stage, (1, 4))
    np.testing.assert_array_equal(found.times(signal), filtered(signal, stage))


def test_a_valid_signal_gives_the_toeplitz_matrix_of_the_books() -> None:
    [found] = shared(stage_of([[1, 2, 3]], extent="valid"), (1, 6))
    books = linalg.toeplitz([3, 0, 0, 0], [3, 2, 1, 0, 0, 0])
    np.testing.assert_array_equal(found.matrix.toarray(), books)
    circulant = shared(stage_of([[1, 2, 3]], padding=Padding("wrap")), (1, 6))[0]
    np.testing.assert_array_equal(circulant.matrix.toarray(), linalg.circulant([2, 3, 0, 0, 0, 1]))


def test_an_image_gives_equal_blocks_along_the_diagonals() -> None:
    [found] = shared(stage_of([[1, 2], [3, 4]], extent="valid"), (4, 4))
    blocks = found.matrix.toarray().reshape(3, 3, 4, 4).transpose(0, 2, 1, 3)
    np.testing.assert_array_equal(blocks[0, :3], blocks[1, 1:])
    np.testing.assert_array_equal(blocks[0, 0], linalg.toeplitz([4, 0, 0], [4, 3, 0, 0]))
    np.testing.assert_array_equal(blocks[0, 1], linalg.toeplitz([2, 0, 0], [2, 1, 0, 0]))
    assert not blocks[0, 2:].any()


def test_the_printed_matrix(capsys: pytest.CaptureFixture[str]) -> None:
    args = ["kernels", "matrix", "-m", "1/2 * 1 0 3", "--length", "5", "--mode", "valid"]
    assert run(args) == 0
    assert capsys.readouterr().out.splitlines() == [
        "matrix: y = 1/2 * W x, W is 3 x 5, 9 cells of 15 used",
        "  3 0 1 . .",
        "  . 3 0 1 .",
        "  . . 3 0 1",
    ]


def test_blocks_of_an_image_and_the_part_of_a_constant(capsys: pytest.CaptureFixture[str]) -> None:
    args = ["kernels", "matrix", "-m", "1; 2", "--shape", "2x2", "--padding", "constant:10"]
    assert run(args) == 0
    assert capsys.readouterr().out.splitlines() == [
        "matrix: y = W x, W is 4 x 4, 6 cells of 16 used",
        "  1 .  . .",
        "  . 1  . .",
        "",
        "  2 .  1 .",
        "  . 2  . 1",
        "plus b = 20 20 0 0",
    ]


def test_scipy_reads_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "w.npz"
    args = ["kernels", "matrix", "sobel", "--shape", "5x4", "--npz", str(target)]
    assert run(args) == 0
    read = sparse.load_npz(target)
    assert isinstance(read, sparse.csr_array)
    assert read.shape == (40, 20)  # x above y
    assert f"{read.nnz} weights" in capsys.readouterr().out
    ramp = np.tile(np.arange(4.0), (5, 1)).ravel()
    edges = (read @ ramp).reshape(2, 5, 4)
    np.testing.assert_array_equal(edges[0, :, 1:3], 2.0)
    np.testing.assert_array_equal(edges[1], 0.0)
    assert run(args) == 5  # never over a file, unless told
    assert "w.npz exists.\nUse --overwrite" in capsys.readouterr().err
    args[args.index("5x4")] = "3x3"
    assert run([*args, "--overwrite"]) == 0
    assert sparse.load_npz(target).shape == (18, 9)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["laplacian4", "--length", "5", "--stride", "2,3"], "Say --stride 3"),
        (["sobel-x"], "Give --length 6 for a signal or --shape 4x4"),
        (["sobel-x", "--length", "5", "--shape", "5x5"], "--length and --shape exclude"),
        (["sobel-x", "laplacian4", "--shape", "5x5"], "one kernel"),
        (["sobel-x", "--shape", "90x90"], "W is 8100 x 8100: too large to print"),
    ],
)
def test_what_cannot_be_printed(
    args: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["kernels", "matrix", *args]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", ["sobel-x", "transpose(sobel-y)", "binomial5", "savgol:size=5,dx=1"]
)
@pytest.mark.parametrize("more", [[], ["--extent", "full"], ["--stride", "2", "--dilation", "2"]])
def test_a_signal_gets_the_matrix_of_what_apply_does(
    name: str, more: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    signal = RANDOM.integers(-99, 99, 9).astype(np.float64)
    np.save("x.npy", signal)
    assert run(["kernels", "matrix", name, "--length", "9", "--npz", "w.npz", *more]) == 0
    assert run(["apply", "x.npy", "-o", "y.npy", "-k", name, "--range", "clip", *more, "-q"]) == 0
    found = sparse.load_npz("w.npz").toarray() @ signal
    np.testing.assert_allclose(found, np.load("y.npy"), rtol=1e-14, atol=1e-12)


def test_rows_that_were_added_up_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    valid = ["--length", "4", "--extent", "valid"]
    assert run(["kernels", "matrix", "-m", "1 0 -1; 2 0 -2", *valid]) == 0
    told = capsys.readouterr()
    assert told.out.splitlines()[1:] == ["  -3  0  3  .", "   . -3  0  3"]
    assert told.err == ("Note: a signal has one axis: the rows of 'matrix', 2x3, were added up.\n")


@pytest.mark.parametrize(
    ("kernel", "told"),
    [
        ("emboss-bias", "bias 50%"),
        ("sobel", "combined by magnitude"),
        ("relu.yaml", "bias 7, activation relu"),
    ],
)
def test_what_no_matrix_does_is_told(
    kernel: str,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("relu.yaml").write_text("matrix: 1 2 3\nbias: 7\nactivation: relu\n")
    assert run(["kernels", "matrix", kernel, "--shape", "3x3"]) == 0
    assert capsys.readouterr().err == f"Note: not in W, but done to y afterwards: {told}.\n"


def test_layers_have_no_single_matrix(capsys: pytest.CaptureFixture[str]) -> None:
    net = Path(__file__).parent.parent / "samples/networks/edges.yaml"
    assert run(["kernels", "matrix", str(net), "--shape", "4x4"]) == 3
    assert "'edges' has layers of filters" in capsys.readouterr().err


def test_a_matrix_beyond_all_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 99)
    with pytest.raises(KernelError, match="100 weights; 99 are made at most"):
        shared(stage_of([[1, 1], [1, 1]]), (5, 5))
