"""The frequency response: against SciPy and NumPy, against formulas, and as it is shown."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from io import BytesIO, TextIOWrapper
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import signal

from convcli import charts, terminal
from convcli.cli.main import run
from convcli.cli.response import ACROSS
from convcli.errors import KernelError
from convcli.kernels.frequency import HALF, HALF_POWER, Cut, Response
from convcli.kernels.kernel import Kernel
from convcli.kernels.library import find, search_path

if TYPE_CHECKING:
    from pathlib import Path

    from convcli.kernels.frequency import Along

SHAPES = [(1, 1), (1, 5), (4, 1), (3, 3), (2, 5), (6, 3)]
LINES: dict[Along, tuple[float, float]] = {
    "row": (1.0, 0.0),
    "column": (0.0, 1.0),
    "falling": (math.sqrt(0.5), math.sqrt(0.5)),
    "rising": (math.sqrt(0.5), -math.sqrt(0.5)),
}


def drawn(shape: tuple[int, int], seed: int = 1) -> Kernel:
    """Random weights, a scale and an anchor that is not the middle."""
    rng = np.random.default_rng(seed)
    rows = tuple(tuple(map(float, row)) for row in rng.normal(size=shape))
    anchor = int(rng.integers(shape[0])), int(rng.integers(shape[1]))
    return Kernel(rows, 0.3, anchor)


def named(text: str) -> Kernel:
    return find(text, search_path([])).kernel


def cut_of(kernel: Kernel, along: Along = "row") -> Cut:
    return next(cut for cut in Response(kernel, "convolve").cuts if cut.along == along)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_cut_is_the_sum_that_the_formula_says(shape: tuple[int, int]) -> None:
    kernel = drawn(shape)
    row, column = kernel.center
    for along, (right, down) in LINES.items():
        cut = Cut(along, kernel)
        for f in (0.0, 0.1, 0.37, cut.end):
            expected = sum(
                w * np.exp(-2j * np.pi * f * (right * (j - column) + down * (i - row)))
                for i, line in enumerate(kernel.weights)
                for j, w in enumerate(line)
            )
            assert cut.at(f) == pytest.approx(expected, abs=1e-14)
            assert cut.gain(f) == pytest.approx(abs(expected), abs=1e-14)


@pytest.mark.parametrize("length", [1, 2, 7, 64])
def test_a_row_is_what_freqz_says_apart_from_the_delay_of_the_anchor(length: int) -> None:
    kernel = drawn((1, length), seed=length)
    frequencies = np.linspace(0, 0.5, 40)
    _, waves = signal.freqz(kernel.weights[0], worN=2 * np.pi * frequencies)
    cut = Cut("row", kernel)
    ahead = np.exp(2j * np.pi * frequencies * kernel.center[1])
    found = np.array([cut.at(f) for f in frequencies])
    np.testing.assert_allclose(found, waves * ahead, rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_cuts_are_lines_of_numpys_transform_of_two_axes(shape: tuple[int, int]) -> None:
    kernel, size = drawn(shape, seed=3), 64
    plane = np.abs(np.fft.fft2(kernel.weights, (size, size)))
    for along, (right, down) in LINES.items():
        cut = Cut(along, kernel)
        steps = range(size // 2 + 1)
        up, to = (int(np.sign(way)) for way in (down, right))
        line = [plane[up * k % size, to * k % size] for k in steps]
        gains = [cut.gain(cut.end * k / (size // 2)) for k in steps]
        np.testing.assert_allclose(gains, line, rtol=0, atol=1e-13)
        assert cut.zero == pytest.approx(line[0], abs=1e-13)
        assert cut.nyquist == pytest.approx(line[-1], abs=1e-13)


@pytest.mark.parametrize("shape", [(1, 9), (5, 5), (4, 7)])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_peak_is_the_highest_of_a_fine_grid(shape: tuple[int, int], seed: int) -> None:
    kernel, size = drawn(shape, seed), 2048
    plane = np.abs(np.fft.rfft2(kernel.weights, (size, size)))
    peak = Response(kernel, "convolve").peak
    assert peak.at is not None
    assert peak.gain >= plane.max() * (1 - 1e-11)
    assert peak.gain == pytest.approx(plane.max(), rel=1e-4)
    right, down = peak.at
    row, column = np.mgrid[: shape[0], : shape[1]]
    wave = np.exp(-2j * np.pi * (right * column + down * row))
    assert abs((np.array(kernel.weights) * wave).sum()) == pytest.approx(peak.gain, rel=1e-12)
    for cut in Response(kernel, "convolve").cuts:
        gain, spot = cut.peak
        assert spot is not None
        assert cut.gain(spot) == pytest.approx(gain, rel=1e-12)
        assert gain >= max(cut.gain(cut.end * i / 4000) for i in range(4001)) * (1 - 1e-11)


@pytest.mark.parametrize("seed", [0, 1, 3, 5, 8, 13])
def test_no_summit_is_missed_between_the_steps_of_the_grid(seed: int) -> None:
    rng = np.random.default_rng(seed)
    kernel = Kernel(tuple(tuple(map(float, row)) for row in rng.normal(size=(8, 8))))
    highest = np.abs(np.fft.rfft2(kernel.matrix, (512, 512))).max()
    assert Response(kernel, "convolve").peak.gain >= highest * (1 - 1e-11)


def test_crossings_of_121_are_those_of_a_squared_cosine() -> None:
    cut = cut_of(Kernel(((1.0, 2.0, 1.0),), 0.25))
    assert cut.peak == (1.0, 0.0)
    assert (cut.zero, cut.nyquist) == (1.0, 0.0)
    assert list(cut.crossings(HALF)) == pytest.approx([0.25], abs=1e-12)
    power = math.acos(0.5**0.25) / math.pi
    assert list(cut.crossings(HALF_POWER)) == pytest.approx([power], abs=1e-12)


def test_a_derivative_passes_half_its_gain_twice() -> None:
    cut = cut_of(Kernel(((-1.0, 0.0, 1.0),)))
    gain, spot = cut.peak
    assert gain == pytest.approx(2, rel=1e-12)
    assert spot == pytest.approx(0.25, abs=1e-6)
    assert list(cut.crossings(HALF)) == pytest.approx([1 / 12, 5 / 12])


@pytest.mark.parametrize("text", ["gaussian:2", "gaussian:5"])
@pytest.mark.parametrize("along", LINES)
def test_a_gaussian_halves_at_the_same_wave_in_all_directions(text: str, along: Along) -> None:
    sigma = float(text.split(":")[1])
    expected = math.sqrt(2 * math.log(2)) / (2 * math.pi * sigma)
    assert list(cut_of(named(text), along).crossings(HALF)) == pytest.approx([expected], rel=1e-3)


def test_gains_at_both_ends_are_summed_exactly() -> None:
    cut = cut_of(Kernel(((0.1,) * 10,), scale=-1.0))
    assert (cut.zero, cut.nyquist) == (1.0, 0.0)
    box = cut_of(named("box:2"))
    assert (box.zero, box.nyquist) == (1.0, 0.0)


def test_what_is_the_same_everywhere_has_no_place() -> None:
    response = Response(Kernel(((0.0, 0.0), (0.0, -3.0))), "convolve")
    assert response.peak == (3.0, None)
    assert [cut.peak for cut in response.cuts] == [(3.0, None)] * 4
    assert [cut.crossings(HALF) for cut in response.cuts] == [()] * 4


def test_zeros_let_nothing_pass() -> None:
    response = Response(Kernel(((0.0, 0.0), (0.0, 0.0))), "convolve")
    assert response.phase.kind == "nothing"
    assert response.peak.gain == 0
    assert {cut.peak[0] for cut in response.cuts} == {0.0}


def test_what_roundings_leave_is_no_gain() -> None:
    cut = cut_of(Kernel(((0.1, -0.3), (-0.1, 0.3))))
    assert (cut.peak, cut.gain(0.2)) == ((0.0, None), 0.0)
    assert cut_of(Kernel(((0.1, 0.2, -0.3),))).zero == 0.0


@pytest.mark.parametrize(
    ("rows", "anchor", "phase"),
    [
        (((1, 2, 1),), None, ("zero", 0, 0)),
        (((-1, 0, 1),), None, ("quarter", 0, 0)),
        (((1, 1),), None, ("linear", 0.5, 0)),
        (((1, 1), (1, 1)), (1, 1), ("linear", -0.5, -0.5)),
        (((1, -1),), None, ("quarter", 0.5, 0)),
        (((0, 0, 0), (0, 0, 0), (0, 1, 0)), None, ("linear", 0, 1)),
        (((1, 2, 3),), None, ("mixed", 0, 0)),
    ],
)
def test_the_phase_is_read_off_the_symmetry(
    rows: tuple[tuple[float, ...], ...], anchor: tuple[int, int] | None, phase: tuple[object, ...]
) -> None:
    kernel = Kernel(rows, anchor=anchor)
    assert Response(kernel, "convolve").phase == phase
    kind, right, down = Response(kernel, "correlate").phase
    turned = {"mixed": (0.0, 0.0)}.get(kind, (-float(str(phase[1])), -float(str(phase[2]))))
    assert (kind, right, down) == (phase[0], *turned)


def test_a_linear_phase_is_the_delay_of_every_wave() -> None:
    cut = cut_of(Kernel(((1.0, 4.0, 4.0, 1.0),), anchor=(0, 0)))
    right = Response(cut.kernel, "convolve").phase.right
    for f in (0.05, 0.11, 0.2):
        wave = cut.at(f) * np.exp(2j * np.pi * f * right)
        assert wave.imag == pytest.approx(0, abs=1e-14)
        assert wave.real > 1


@pytest.mark.parametrize("operation", ["convolve", "correlate"])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_impulse_is_what_filtering_makes_of_one_pixel(
    operation: Any, shape: tuple[int, int]
) -> None:
    kernel = drawn(shape, seed=5)
    pixel = np.zeros((15, 15))
    pixel[7, 7] = 1
    weights, (row, column) = np.array(kernel.weights), kernel.center
    if operation == "correlate":
        weights, row, column = weights[::-1, ::-1], shape[0] - 1 - row, shape[1] - 1 - column
    picture = signal.convolve2d(pixel, weights)
    for cut in Response(kernel, operation).cuts:
        first, found = cut.impulse
        right, down = (int(np.sign(way)) for way in LINES[cut.along])
        line = [picture[7 + row + k * down, 7 + column + k * right] for k in range(-7, 8)]
        assert found == tuple(line[7 + first : 7 + first + len(found)])
        assert not any(line[: 7 + first])
        assert not any(line[7 + first + len(found) :])


def test_sums_that_overflow_are_refused_with_a_cure() -> None:
    with pytest.raises(KernelError, match="too large") as caught:
        Response(Kernel(((1e308, 1e308),)), "convolve")
    assert "Scale" in caught.value.hint


# --- the command ---------------------------------------------------------------------------------


def told(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    assert run(["kernels", "show", "--response", *args]) == 0
    return capsys.readouterr().out


def test_the_chart_of_a_difference(capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, "-m", "1/2 * 1 0 -1").splitlines()
    assert lines[2] == "Gain along the row, by cycles per pixel"
    assert lines[3][:31] == "         1|                   ▂"
    assert lines[8:] == [
        "         0+" + "-" * ACROSS,
        "           0                           0.25                          0.5",
        "  at 0                0",
        "  at Nyquist          0, at 0.5",
        "  largest             1, at 0.25",
        "  half of it (-6 dB)  at 0.08333, 0.4167",
        "  -3 dB of it         at 0.125, 0.375",
        "One pixel of 1 becomes, along the row",
        "       0.5|█████",
        *["          |█████"] * 4,
        "         0+---------------",
        *["          |          █████"] * 4,
        "      -0.5|          █████",
        "           -1  pixels   +1",
        "",
        "  operation  convolve",
        "  phase      a quarter of a wave at every frequency, as derivatives have",
    ]


@pytest.mark.parametrize("name", ["sobel", "gabor:3,angle=30", "emboss", "shift:3,down=1"])
def test_all_lines_fit_in_80_columns(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(capsys, name).splitlines()
    assert max(map(len, lines)) <= 80
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize("columns", [26, 40, 73, 200])
@pytest.mark.parametrize("name", ["gaussian(9)", "shift:right=3"])
def test_charts_fit_in_a_narrow_terminal(
    name: str, columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "draws", lambda _: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = told(capsys, name).splitlines()
    charts_alone = [line for line in lines if line[10:11] in {"|", "+"}]
    assert max(map(len, charts_alone)) == min(columns, 72)
    below = [lines[at + 1] for at, line in enumerate(lines) if line[10:11] == "+"]
    assert below[0].split()[0] == "0"
    assert below[0].endswith("0.5")
    assert all(len(line) <= columns for line in below)


def test_no_chart_is_narrower_than_its_labels(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "draws", lambda _: True)
    drawn = set()
    for columns in ("3", "26"):
        monkeypatch.setenv("COLUMNS", columns)
        drawn.add(told(capsys, "gaussian(9)"))
    assert len(drawn) == 1


@pytest.mark.parametrize(
    ("words", "phase"),
    [
        (["box(2)"], "linear: everything moves 0.5 px right and 0.5 px down"),
        (["gaussian(1) - gaussian(1.6)"], "zero: nothing moves"),
        (["gmic:(0,-1,0;-1,5,-1;0,-1,0)"], "zero: nothing moves"),
        (["-m", "1 2 3"], "neither zero nor linear: waves of different length"),
        (["-m", "1 -1"], "derivatives have; and everything moves 0.5 px right"),
    ],
)
def test_kernels_of_every_kind_have_a_phase(
    words: list[str], phase: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert phase in told(capsys, *words)


def test_combined_kernels_are_told_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, "sobel")
    assert "Combined by magnitude" in text
    assert re.findall(r"^[xy]$", text, re.MULTILINE) == ["x", "y"]
    assert text.count("No wave passes along the column.") == 1
    assert text.count("No wave passes along the row.") == 1


def test_json_has_the_numbers_beside_all_others(capsys: pytest.CaptureFixture[str]) -> None:
    [document] = json.loads(told(capsys, "sobel", "--json"))
    assert document["name"] == "sobel"
    assert [each["kernel"] for each in document["response"]] == ["x", "y"]
    x = document["response"][0]
    assert (x["operation"], x["phase"]) == ("correlate", "quarter")
    assert x["largest_gain"] == pytest.approx({"gain": 2, "right": 0.25, "down": 0}, abs=1e-6)
    row, column, falling, _ = x["cuts"]
    assert [cut["along"] for cut in x["cuts"]] == ["row", "column", "falling", "rising"]
    assert row["frequencies"] == pytest.approx(np.linspace(0, 0.5, 101))
    assert row["gains"] == pytest.approx(
        2 * np.sin(2 * np.pi * np.linspace(0, 0.5, 101)), abs=1e-12
    )
    assert row["phases"][50] == pytest.approx(math.pi / 2)
    assert row["phases"][0] is None
    assert row["impulse"] == {"first": -1, "weights": [0.5, 0, -0.5]}
    assert row["half_gain"] == pytest.approx([1 / 12, 5 / 12])
    assert set(column["gains"]) == {0}
    assert falling["nyquist"] == pytest.approx(math.sqrt(0.5))


def test_layers_are_refused_with_a_cure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.yaml"
    path.write_text("layers: [{weights: [[[[1, 2]]]]}]\n")
    for more in ([], ["--json"]):
        assert run(["kernels", "show", "--response", str(path), *more]) == 3
        message = capsys.readouterr()
        assert "has layers" in message.err
        assert "convcli plan" in message.err
        assert message.out == ""


def test_bars_hang_below_zero_and_labels_stand_at_the_ends() -> None:
    stream = TextIOWrapper(BytesIO(), encoding="utf-8", newline="\n")
    charts.bars([0.25, 1, -0.3, 0], ("a", "middle", "b"), stream)
    stream.seek(0)
    assert stream.read().splitlines() == [
        "         1| █",
        "          | █",
        "          | █",
        "          |▂█",
        "          |██",
        "         0+----",
        "          |  █",
        "      -0.3|  ▀",
        "           a  b",
    ]


def test_labels_of_bars_lose_no_letter() -> None:
    shown = TextIOWrapper(BytesIO(), "utf-8")
    charts.bars([-1.2345e-150, 1.2345e-150], ("", "", ""), shown)
    shown.seek(0)
    labels = [line[:10].strip() for line in shown.read().splitlines()]
    assert labels[0] == "1.234e-150"
    assert labels[-2] == "-1.23e-150"


def test_bars_are_letters_where_blocks_have_no_code() -> None:
    stream = TextIOWrapper(BytesIO(), encoding="ascii", newline="\n")
    charts.bars([1, 0.5, -0.5], ("0", "", "1"), stream)
    stream.seek(0)
    text = stream.read()
    assert text.splitlines()[0] == "         1||"
    assert "'" in text


def test_a_long_kernel_shows_its_middle(capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, "box:rows=1,columns=201")
    assert f"-{ACROSS // 2}" in text
    assert f"+{ACROSS // 2}" in text


def test_showing_without_it_imports_nothing_of_it() -> None:
    code = (
        "import sys; from convcli.cli.main import run; run(['kernels', 'show', 'box'])\n"
        "print('convcli.kernels.frequency' in sys.modules, 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False False"
