"""How far a run of many images is: a bar on a terminal, lines elsewhere, all on standard error."""

from __future__ import annotations

import time
from io import StringIO
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from convcli.cli.main import run
from convcli.cli.progress import FEW, Progress, pixels
from convcli.report import Item

if TYPE_CHECKING:
    from pathlib import Path


class Terminal(StringIO):
    """A stream that shows what is drawn."""

    def isatty(self) -> bool:
        return True


def item(*, failed: bool = False) -> Item:
    return Item("a.png", status="failed" if failed else "ok", width=1000, height=1000)


def told(stream: StringIO | None, total: int, failures: int = 0) -> Progress:
    with Progress(stream, total) as seen:
        seen.begin("8 processes")
        for number in range(total):
            seen.note(item(failed=number < failures))
    return seen


def test_a_pipe_gets_a_line_every_tenth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr("time.monotonic", iter(range(100_000)).__next__)
    stream = StringIO()
    told(stream, 1000, failures=2)
    first, *lines = stream.getvalue().splitlines()
    assert first == "1000 images, 8 processes"
    assert [line.split(" %")[0] for line in lines] == [str(n) for n in range(10, 101, 10)]
    assert lines[4].startswith("50 %: 500 of 1000 files, 498 Mpx, ")
    assert ", 2 failed, " in lines[0]
    assert lines[-1].endswith("0:00:00 left")
    assert "\x1b" not in stream.getvalue()


def test_a_terminal_gets_a_bar_that_goes_away() -> None:
    stream = Terminal()
    with Progress(stream, 100) as seen:
        seen.begin("2 threads")
        assert seen.talks
        for number in range(60):
            seen.note(item(failed=number == 0))
        time.sleep(0.3)  # it is drawn ten times a second
    assert " 60/100" in stream.getvalue()
    assert " files 59 Mpx, " in stream.getvalue()
    assert ", 1 failed " in stream.getvalue()
    assert "60 %" not in stream.getvalue()
    assert stream.getvalue().endswith("\x1b[2K")


@pytest.mark.parametrize("total", [2, FEW])
def test_few_images_speak_for_themselves(total: int) -> None:
    stream = Terminal()
    assert not told(stream, total).talks
    assert stream.getvalue() == ""


def test_quiet_runs_say_nothing() -> None:
    assert not told(None, 1000).talks


@pytest.mark.parametrize(
    ("millions", "text"), [(0.5184, "0.518 Mpx"), (999.0, "999 Mpx"), (1900.0, "1.9 Gpx")]
)
def test_pixels_are_counted_in_three_digits(millions: float, text: str) -> None:
    assert pixels(millions) == text


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twenty-five pictures in the current folder, one of which is none."""
    monkeypatch.chdir(tmp_path)
    samples = np.zeros((4, 4, 3), np.uint8)
    for number in range(24):
        Image.fromarray(samples).save(tmp_path / f"{number:02d}.png")
    (tmp_path / "bad.png").write_bytes(b"no picture" * 1000)  # the largest is tried first
    (tmp_path / "out").mkdir()
    return tmp_path


def test_a_command_says_how_far_it_is_and_what_failed(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = sorted(path.name for path in place.glob("*.png"))
    assert run(["apply", *names, "-o", "out", "-k", "box", "-j", "2"]) == 7
    seen = capsys.readouterr()
    assert seen.out == ""
    lines = seen.err.splitlines()
    assert lines[0] == "25 images, 2 threads"
    assert "bad.png: failed" in lines
    assert sum(" % of " in line or " %: " in line for line in lines) == 10
    assert not any(line.startswith("00.png ->") for line in lines)


def test_a_quiet_command_tells_of_failures_only(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = sorted(path.name for path in place.glob("*.png"))
    assert run(["apply", *names, "-o", "out", "-k", "box", "-q", "-j", "auto"]) == 7
    seen = capsys.readouterr()
    assert (seen.out, seen.err.splitlines()[0]) == ("", "bad.png: failed")


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("jobs", ["0", "-1", "many", "1.5"])
def test_jobs_are_a_number_or_auto(jobs: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["apply", "00.png", "-o", "b.png", "-k", "box", "-j", jobs]) == 2
    assert "is not 1 or more, or auto" in capsys.readouterr().err


def test_fail_fast_ends_the_command(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = sorted((path.name for path in place.glob("*.png")), reverse=True)  # bad.png first
    args = ["apply", *names, "-o", "out", "-k", "box", "-j", "1", "--fail-fast"]
    assert run(args) == 7
    assert len(list((place / "out").iterdir())) < 24
    done = 1 + len(list((place / "out").iterdir()))
    said = f"Stopped at a failure: {done} of 25 images done, {25 - done} left;"
    assert said in capsys.readouterr().err
