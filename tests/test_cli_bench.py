"""`bench`: which figures there are, how they are shown, and the sentence that is made of them."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from convcli import bench, charts, engines, limits, terminal
from convcli.bench import Cell, Effort, Row
from convcli.cli.bench import SIZES, as_data, verdict
from convcli.cli.main import run
from convcli.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

SMALL = ("bench", "--megapixels", "0.005", "--sizes", "3,5")
NAMES = ("direct", "separable", "fft")
HEAVY = {"numpy", "scipy", "PIL", "rich", "imagecodecs", "tifffile"}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def rows(kernel: str, *table: tuple[int, float | None, float | None, float | None]) -> list[Row]:
    """Made-up seconds of direct, separable and fft; None where an engine refuses."""
    return [
        Row(
            kernel, size, "direct", tuple(Cell(*pair, 1) for pair in zip(NAMES, times, strict=True))
        )
        for size, *times in table
    ]


def document(capsys: pytest.CaptureFixture[str], *args: str) -> dict[str, Any]:
    assert run([*args, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


# --- figures -------------------------------------------------------------------------------------


def test_the_document_has_every_engine_at_every_size(capsys: pytest.CaptureFixture[str]) -> None:
    told = document(capsys, *SMALL, "--no-peers")
    assert told["schema"] == "convcli.bench/1"
    assert told["image"] == {
        "input": None,
        "width": 82,
        "height": 61,
        "channels": 3,
        "dtype": "uint8",
    }
    assert {"platform", "processors", "numpy"} <= set(told["machine"])
    assert told["engines"] == list(engines.WHY)
    keys = [(row["kernel"], row["size"]) for row in told["rows"]]
    assert keys == [("dense", 3), ("dense", 5), ("separable", 3), ("separable", 5)]
    assert told["verdict"].endswith(".")
    for row in told["rows"]:
        results = {result.pop("engine"): result for result in row["results"]}
        assert list(results) == list(engines.WHY)
        assert results[row["auto"]]["milliseconds"] > 0
        assert results[row["auto"]]["ratio"] == 1
        assert results[row["auto"]]["runs"] >= 1
        assert results[row["auto"]]["estimated"] is False


def test_peers_are_measured_beside_the_engines(capsys: pytest.CaptureFixture[str]) -> None:
    told = document(capsys, *SMALL[:-1], "3")
    for row in told["rows"]:
        [correlate, overlap] = [r for r in row["results"] if r["engine"].startswith("SciPy")]
        assert overlap["engine"] == "SciPy oaconvolve"
        auto = next(r for r in row["results"] if r["engine"] == row["auto"])
        assert correlate["ratio"] == pytest.approx(
            correlate["milliseconds"] / auto["milliseconds"], rel=1e-9
        )
    assert told["machine"]["SciPy"]


def test_figures_are_milliseconds_and_multiples_of_what_auto_takes() -> None:
    made = rows("dense", (3, 0.5, None, 2.0))
    [row] = as_data("a.png", np.zeros((4, 5, 3), np.uint8), made, ())["rows"]
    one = {"runs": 1, "estimated": False}
    assert row["results"] == [
        {"engine": "direct", "milliseconds": 500.0, "ratio": 1.0, **one},
        {"engine": "separable", "milliseconds": None, "ratio": None, **one},
        {"engine": "fft", "milliseconds": 2000.0, "ratio": 4.0, **one},
    ]


def test_every_column_computes_the_same_numbers() -> None:
    samples = bench.picture(0.01)
    libraries = bench.installed()
    for weights in (bench.dense(7), bench.gaussian(7)):
        job = bench.job_of(bench.matrix_of(weights))
        mine: Any = bench.ours(job, samples, limits.Limits())()
        for name, prepare in bench.peers(weights, libraries).items():
            theirs: Any = prepare(samples)()
            assert abs(mine[0].astype(int) - theirs.astype(int)).max() <= 1, name


def test_an_image_is_measured_without_its_alpha(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGBA", (12, 9), (9, 8, 7, 99)).save(tmp_path / "a.png")
    told = document(capsys, "bench", str(tmp_path / "a.png"), "--sizes", "3")
    assert told["image"]["input"] == str(tmp_path / "a.png")
    assert (told["image"]["width"], told["image"]["channels"]) == (12, 3)


@pytest.mark.parametrize("dtype", ["uint16", "float32", "float16", "int32", "bool"])
def test_samples_of_any_type_are_measured(
    dtype: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "a.npy", np.ones((9, 8, 2), dtype))
    told = document(capsys, "bench", str(tmp_path / "a.npy"), "--sizes", "2")
    assert told["image"]["dtype"] == dtype
    others = len(told["rows"][0]["results"]) - len(engines.WHY)
    assert (others > 0) == (dtype in {"uint16", "float32"})


def test_the_picture_made_up_is_always_the_same_and_not_flat() -> None:
    once, again = bench.picture(0.01), bench.picture(0.01)
    assert (once == again).all()
    assert once.std() > 20
    assert abs(np.diff(once.astype(int), axis=1)).mean() > 1


def test_kernels_add_up_to_one_and_only_one_is_a_product() -> None:
    row = bench.gaussian(9)
    assert bench.dense(9).sum() == pytest.approx(1)
    assert row.sum() == pytest.approx(1)
    assert (row == row[::-1]).all()
    assert np.linalg.matrix_rank(bench.dense(9)) == 9


# --- the race ------------------------------------------------------------------------------------


def test_columns_take_turns_after_they_were_warmed_up() -> None:
    calls: list[tuple[str, int]] = []

    def column(name: str) -> bench.Prepare:
        return lambda samples: lambda: calls.append((name, len(samples)))

    samples = np.zeros((300, 200, 1), np.uint8)
    cells = bench.race({"a": column("a"), "b": column("b")}, samples, Effort(runs=2))
    warm = [("a", 64), ("a", 128), ("b", 64), ("b", 128)]
    assert calls == [*warm, ("a", 300), ("b", 300), ("a", 300), ("b", 300)]
    assert [(cell.name, cell.runs) for cell in cells] == [("a", 2), ("b", 2)]


def test_what_is_slow_is_estimated_from_a_crop_or_not_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A picture of 256 x 256 that takes a column as many seconds as it has pixels, or a part."""
    monkeypatch.setattr(bench, "seconds", lambda run: run())

    def column(speed: float) -> bench.Prepare:
        return lambda samples: lambda: samples.size / speed

    samples = np.zeros((256, 256, 1), np.uint8)
    columns = {"slow": column(1.0), "once": column(2**16), "fast": column(2**20)}
    slow, once, fast = bench.race(columns, samples, Effort(5, patience=0.5, longest=2, enough=0.01))
    assert (slow.seconds, slow.runs, slow.estimated) == (2**16, 0, True)
    assert (once.seconds, once.runs, once.estimated) == (1.0, 1, False)
    assert (fast.seconds, fast.runs, fast.estimated) == (2**-4, 5, False)


def test_an_engine_that_refuses_leaves_an_empty_cell() -> None:
    def refuse(_: object) -> bench.Run:
        raise UsageError("not this kernel")

    [cell] = bench.race({"picky": refuse}, np.zeros((9, 9, 1), np.uint8), Effort())
    assert cell == Cell("picky")
    row = Row("dense", 3, "direct", (Cell("direct", 0.5, 1), cell))
    assert row.ratio(cell) is None
    assert not cell.estimated


# --- what is shown -------------------------------------------------------------------------------


def test_the_plain_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*SMALL, "--no-peers"]) == 0
    told, errors = capsys.readouterr()
    assert not errors
    lines = told.splitlines()
    assert lines[0] == "made up: 82 x 61, 3 channels of uint8; milliseconds"
    assert lines[2].startswith("dense: ")
    assert lines[3].split() == ["size", *engines.WHY]
    assert [line.split()[0] for line in lines[4:6]] == ["3x3", "5x5"]
    assert all(line.count("*") == 1 for line in lines[4:6])
    assert lines[7].startswith("separable: ")
    assert "* is what auto chooses" in lines
    assert lines[-1].endswith(".")


def test_marks_and_what_they_mean() -> None:
    cells = (
        Cell("direct", 12.34, 0),
        Cell("separable"),
        Cell("fft", 0.0123, 3),
        Cell("X", 5e-5, 1),
    )
    shown = [Row("dense", 31, "fft", cells)]
    stream = io.StringIO()
    charts.bench_table("dense", "words", shown, stream)
    [_, title, head, line] = stream.getvalue().splitlines()
    assert (title, head.split()) == ("dense: words", ["size", *NAMES, "X"])
    assert line.split() == ["31x31", "~12,340", "12.3*", "0.050"]
    charts.bench_notes(shown, ["OpenCV"], "The end.", stream)
    told = stream.getvalue()
    assert "~ is estimated" in told
    assert "Medians of 3 runs, of fewer (at least 1) where one takes long." in told
    assert "OpenCV is not installed" in told
    charts.bench_notes(shown[:0], [], "The end.", stream)
    charts.bench_notes(rows("dense", (3, 1, 1, 1)), [], "The end.", stream)
    assert stream.getvalue().endswith("\n* is what auto chooses\nMedians of 1 run.\nThe end.\n")
    assert told.endswith("The end.\n")


def test_a_terminal_gets_a_table_and_hears_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    charts.bench_table("dense", "words", rows("dense", (3, 0.1, None, 0.2)), stream)
    assert "\x1b[1m" in stream.getvalue()
    assert "100*" in stream.getvalue()
    far = Terminal()
    with suppress(KeyboardInterrupt), terminal.progress(far) as tell:
        tell("1 of 2")
        raise KeyboardInterrupt
    assert far.getvalue() == "\r\x1b[K1 of 2\r\x1b[K"


# --- the sentence --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ([(3, 1, None, 2), (5, 2, None, 3)], "direct always, fft never"),
        ([(3, 2, None, 1), (5, 3, None, 1)], "fft always, direct never"),
        ([(3, 1, None, 2), (5, 2, None, 1)], "direct to 3x3, fft from 5x5"),
        (
            [(3, 3, 1, 2), (5, 3, 1, 2), (7, 3, 2, 1)],
            "separable to 5x5, fft from 7x7, direct never",
        ),
        (
            [(3, 1, 2, 3), (5, 3, 1, 2), (7, 3, 1, 2), (9, 3, 2, 1)],
            "direct to 3x3, separable from 5x5 to 7x7, fft from 9x9",
        ),
        (
            [(3, 1, None, 2), (5, 2, None, 1), (7, 1, None, 2)],
            "direct to 3x3, fft at 5x5, direct from 7x7",
        ),
        ([(3, 1, None, 1)], "direct at 3x3, fft never"),
        (
            [(n, n % 4, None, 2) for n in range(3, 23, 2)],
            "now this one, now that one",
        ),
        ([(3, 95, None, 80), (5, 95, None, 70), (7, 80, None, 95)], "direct to 3x3, fft from 5x5"),
        ([(3, 1, None, None), (5, 1, None, None)], "direct, which alone takes them"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_closing_sentence(
    table: list[tuple[int, float | None, float | None, float | None]], words: str
) -> None:
    assert verdict(rows("dense", *table), NAMES) == f"Fastest for dense kernels: {words}."


def test_the_closing_sentence_speaks_of_both_kernels() -> None:
    both = rows("dense", (3, 1, None, 2), (5, 2, None, 1)) + rows("separable", (3, 2, 1, 3))
    assert verdict(both, NAMES) == (
        "Fastest for dense kernels: direct to 3x3, fft from 5x5;"
        " for separable kernels: separable at 3x3, direct never, fft never."
    )


def test_the_closing_sentence_where_there_is_nothing_to_compare() -> None:
    made = rows("dense", (3, 1, None, None))
    assert verdict(made, NAMES[:1]).startswith("direct is the only engine here")
    assert verdict([], NAMES) == "No engine was measured."


def test_peers_are_not_engines() -> None:
    row = Row("dense", 3, "direct", (Cell("direct", 2, 1), Cell("fft", 3, 1), Cell("X", 1, 1)))
    assert verdict([row], NAMES) == "Fastest for dense kernels: direct at 3x3, fft never."


# --- what a user gets wrong, or has not ----------------------------------------------------------


@pytest.mark.parametrize(
    "sizes", ["0", "3,0", "a", "3,b", "", ",", "-3", "1.5", "1001", "9" * 5000]
)
def test_sizes_that_are_none(sizes: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "--sizes", sizes]) == 2
    assert "--sizes" in capsys.readouterr().err


def test_sizes_are_sorted_and_even_ones_are_sizes_too(capsys: pytest.CaptureFixture[str]) -> None:
    told = document(capsys, *SMALL[:-1], "4 3,4, 1", "--no-peers")
    assert [row["size"] for row in told["rows"]] == [1, 3, 4] * 2


def test_an_image_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "nowhere.png"]) == 4
    assert "nowhere.png" in capsys.readouterr().err


def test_an_image_has_its_own_size(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "a.png", "--megapixels", "2"]) == 2
    assert "--megapixels" in capsys.readouterr().err


def test_without_opencv_its_column_is_left_out_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "find_spec", lambda name: None if name == "cv2" else find_spec(name))
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert run([*SMALL]) == 0
    told = capsys.readouterr().out
    assert "SciPy correlate" in told
    assert "OpenCV is not installed, and so has no column." in told
    assert run([*SMALL, "--no-peers"]) == 0
    assert "OpenCV" not in capsys.readouterr().out


def test_the_sizes_of_the_help_are_good_and_cost_no_import() -> None:
    assert sorted(set(SIZES.split(",")), key=int) == SIZES.split(",")
    probe = (
        "import sys; from convcli.cli.main import run; run(['bench', '--help'])\n"
        "print(*sorted(name for name in sys.modules if '.' not in name), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert SIZES in done.stdout
    assert HEAVY.isdisjoint(done.stderr.split())
