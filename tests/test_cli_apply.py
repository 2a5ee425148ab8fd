"""`apply` and `plan` from end to end: what is written, what is said, and where."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcli.cli.main import run
from convcli.report import COLUMNS

ROOT = Path(__file__).parents[1]
EDGE = ("-m", "-1 0 1")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an impulse and a ramp, which is the current folder."""
    impulse = np.zeros((5, 5), np.uint8)
    impulse[2, 2] = 10
    Image.fromarray(impulse).save(tmp_path / "impulse.png")
    ramp = np.tile(np.arange(0, 200, 20, dtype=np.uint8), (6, 1))
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pixels(path: Path | str) -> list[list[int]]:
    with Image.open(path) as image:
        values: list[list[int]] = np.asarray(image).tolist()
    return values


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    ("flag", "rows"),
    [
        ("--convolve", [[10, 20, 30], [40, 50, 60], [70, 80, 90]]),
        ("--correlate", [[90, 80, 70], [60, 50, 40], [30, 20, 10]]),
    ],
)
def test_an_impulse_answers_with_the_kernel_or_with_its_turn(
    flag: str, rows: list[list[int]]
) -> None:
    args = ["apply", "impulse.png", "-o", "out.png", "-m", "1 2 3; 4 5 6; 7 8 9", flag]
    assert run(args) == 0
    assert [row[1:4] for row in pixels("out.png")[1:4]] == rows


@pytest.mark.usefixtures("place")
def test_the_chain_runs_in_the_order_of_the_command_line() -> None:
    assert run(["apply", "impulse.png", "-o", "a.npy", "-m", "1 2", "-k", "sobel"]) == 0
    assert run(["apply", "impulse.png", "-o", "b.npy", "-k", "sobel", "-m", "1 2"]) == 0
    assert run(["apply", "impulse.png", "-o", "c.npy", "--matrix=1 2", "--kernel=sobel"]) == 0
    first, second, third = (np.load(f"{name}.npy") for name in "abc")
    assert (first == third).all()
    assert (first != second).any()


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    ("options", "row"),
    [
        ([], [0, 40, 40]),
        (["--range", "signed"], [128, 148, 148]),
        (["--correlate", "--bias", "-30"], [0, 10, 10]),
        (["--correlate", "--bias", "50%"], [128, 168, 168]),
        (["--scale", "abs", "--correlate"], [0, 20, 20]),
        (["--scale", "1/4", "--correlate"], [0, 10, 10]),
        (["--correlate", "--stride", "1,2"], [0, 40, 40]),
        (["--correlate", "--dilation", "2"], [0, 40, 80]),
        (["--correlate", "--anchor", "0,0"], [40, 40, 40]),
        (["--correlate", "--padding", "constant:10"], [10, 40, 40]),
        (["--correlate", "--extent", "valid"], [40, 40, 40]),
        (["--correlate", "--extent", "full", "--padding", "constant"], [0, 20, 40]),
        (["--correlate", "--pad-by", "0,0,0,1", "--padding", "edge"], [20, 40, 40]),
    ],
    ids=lambda value: " ".join(map(str, value)),
)
def test_every_filter_option_is_obeyed(options: list[str], row: list[int]) -> None:
    """A ramp 0 20 40 ... through -1 0 1: the slope is 40."""
    correlate = options if "--correlate" in options else [*options, "--correlate"]
    assert run(["apply", "ramp.png", "-o", "out.png", *EDGE, *correlate]) == 0
    assert pixels("out.png")[2][:3] == row


@pytest.mark.usefixtures("place")
def test_depth_engine_threads_and_channels_are_obeyed() -> None:
    more = ["--depth", "16", "--engine", "direct", "-j", "1", "--channels", "luma", "--linear"]
    assert run(["apply", "impulse.png", "-o", "out.png", "-k", "identity", *more]) == 0
    assert pixels("out.png")[2][2] == 10 * 257


def test_the_report_goes_to_standard_error_and_says_what_was_cut(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["apply", "ramp.png", "-o", "out.png", *EDGE]) == 0
    told = capsys.readouterr()
    assert told.out == ""
    for words in ("convolve", "padding reflect", "engine direct", "Mpx/s", "10 x 6", "filter"):
        assert words in told.err
    assert "80 % of the samples fell below black and were cut to 0" in told.err
    assert "--range signed" in told.err
    assert "\x1b" not in told.err
    assert (place / "out.png").exists()


@pytest.mark.usefixtures("place")
def test_quiet_says_nothing_but_errors(capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").mkdir()
    assert run(["apply", "ramp.png", "-o", "out.png", *EDGE, "-q"]) == 0
    assert run(["apply", "none.png", "ramp.png", "-o", "out", *EDGE, "-q"]) == 7
    told = capsys.readouterr()
    assert told.out == ""
    assert "none.png: failed" in told.err
    assert "Mpx/s" not in told.err


def test_several_images_go_into_a_folder_and_are_counted(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "out").mkdir()
    assert run(["apply", "ramp.png", "impulse.png", "-j1", "-o", "out/", "-k", "box"]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines[:2]] == [
        "ramp.png -> out/ramp.png",
        "impulse.png -> out/impulse.png",
    ]
    assert lines[2].startswith("  2 images written to ")


def test_some_failed_is_7_and_the_rest_is_written(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "bad.png").write_text("no picture")
    (place / "out").mkdir()
    args = ["apply", "bad.png", "ramp.png", "-o", "out", "-k", "box", "--report", "run.json"]
    assert run(args) == 7
    told = capsys.readouterr().err
    assert re.search(r"  1 image written to .*     1 failed\n", told)
    assert "  1 file failed: no image\n" in told
    report = json.loads((place / "run.json").read_text())
    fates = {item["input"]: (item["status"], item["code"]) for item in report["items"]}
    assert fates == {"bad.png": ("failed", 4), "ramp.png": ("ok", 0)}
    assert sorted(path.name for path in (place / "out").iterdir()) == ["ramp.png"]


@pytest.mark.usefixtures("place")
def test_a_report_on_standard_output_is_json_and_nothing_else(
    capsys: pytest.CaptureFixture[str],
) -> None:
    args = ["apply", "ramp.png", "-o", "out.png", *EDGE, "--report", "-"]
    assert run(args) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["schema"] == "convcli.report/1"
    assert report["run"]["command"] == ["convcli", *args]
    assert set(report["items"][0]) == {column.name for column in COLUMNS}


def test_report_files_by_suffix(place: Path) -> None:
    for form in ("json", "jsonl", "csv", "md"):
        args = ["apply", "ramp.png", "-o", f"{form}.png", *EDGE, "--report", f"run.{form}"]
        assert run(args) == 0
    rows = list(csv.DictReader((place / "run.csv").read_text().splitlines()))
    assert rows[0]["input"] == "ramp.png"
    assert float(rows[0]["clipped_below"]) == pytest.approx(0.8)
    kinds = [json.loads(line)["type"] for line in (place / "run.jsonl").read_text().splitlines()]
    assert kinds == ["run", "item", "summary"]
    assert (place / "run.md").read_text().startswith("| input | output |")


def test_a_failed_image_is_in_its_report(place: Path) -> None:
    assert run(["apply", "none.png", "-o", "out.png", *EDGE, "--report", "run.json"]) == 4
    [item] = json.loads((place / "run.json").read_text())["items"]
    assert item["status"] == "failed"
    assert "none.png does not exist" in item["error"]


def test_through_a_pipe(place: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "convcli", "apply", "-", "-o", "-", *EDGE, "--correlate"],
        input=(place / "ramp.png").read_bytes(),
        capture_output=True,
        check=True,
        cwd=ROOT,
    )
    with Image.open(io.BytesIO(done.stdout)) as image:
        assert np.asarray(image)[2, :3].tolist() == [0, 40, 40]
    assert b"Mpx/s" in done.stderr


def test_the_same_bytes_loud_and_quiet(place: Path) -> None:
    assert run(["apply", "ramp.png", "-o", "a.png", "-k", "box"]) == 0
    assert run(["apply", "ramp.png", "-o", "b.png", "-k", "box", "-q", "-j", "1"]) == 0
    assert (place / "a.png").read_bytes() == (place / "b.png").read_bytes()


def test_a_plan_writes_nothing_and_says_what_would_be_done(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(place.iterdir())
    assert run(["plan", "ramp.png", "-k", "box", *EDGE, "--stride", "2"]) == 0
    told = capsys.readouterr().out
    for words in ("3 x 2, 1 channel", "stage 1  box", "stage 2  matrix"):
        assert words in told
    for words in ("multiply-adds", "memory", "alpha    none"):
        assert words in told
    assert sorted(place.iterdir()) == before


@pytest.mark.usefixtures("place")
def test_a_plan_as_data(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["plan", "ramp.png", "impulse.png", "-k", "box", "--engine", "direct", "--json"]
    assert run(words) == 0
    ramp, impulse = json.loads(capsys.readouterr().out)
    assert ramp["out_shape"] == [6, 10, 1]
    assert ramp["multiplies"] == 6 * 10 * 9
    assert impulse["input"] == "impulse.png"
    assert ramp["stages"][0]["engine"]


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    ("target", "options", "notes"),
    [
        ("o.png", ["--compress", "9"], []),
        ("o.tif", ["--compress", "0"], []),
        ("o.jpg", ["--quality", "80"], []),
        ("o.webp", ["--quality", "80"], ["WEBP has no grey: written as three equal channels"]),
        (
            "o.png",
            ["--quality", "80"],
            ["PNG has no quality to choose: --quality 80 changed nothing"],
        ),
        (
            "o.jpg",
            ["--compress", "0"],
            ["JPEG has no level of compression: --compress 0 changed nothing"],
        ),
        (
            "o.pgm",
            ["--compress", "1", "--quality", "95"],
            [
                "PGM has no quality to choose: --quality 95 changed nothing",
                "PGM has no level of compression: --compress 1 changed nothing",
            ],
        ),
        (
            "out.tif",
            ["--compression", "lzw", "--compress", "9"],
            ["--compression lzw has no levels: --compress 9 changed nothing"],
        ),
        (
            "out.tif",
            ["--compression", "none", "--compress", "1"],
            ["--compression none has no levels: --compress 1 changed nothing"],
        ),
        ("o.pgm", [], []),
    ],
)
def test_a_setting_that_the_format_lacks_is_noted(
    target: str, options: list[str], notes: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["apply", "ramp.png", "-o", target, "-k", "box", *options, "--report", "-"]
    assert run(args) == 0
    (item,) = json.loads(capsys.readouterr().out)["items"]
    assert item["notes"] == notes


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_the_level_of_compression_changes_the_size_and_no_sample(suffix: str) -> None:
    sizes, seen = {}, []
    photo = str(ROOT / "samples" / "dandelions-small.png")
    for level in (None, *range(10)):
        name = f"{level}{suffix}"
        options = [] if level is None else ["--compress", str(level)]
        assert run(["apply", photo, "-o", name, "-k", "box", "-q", *options]) == 0
        sizes[level] = Path(name).stat().st_size
        seen.append(pixels(name))
    assert sizes[None] == sizes[1]
    assert sizes[0] > sizes[1] > sizes[9]
    assert all(each == seen[0] for each in seen)
