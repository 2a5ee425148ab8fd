"""What a new user gets wrong: one clear message, the right exit code, and nothing left behind."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from convcli.batch import running
from convcli.cli.main import run
from convcli.errors import CLOSED_PIPE

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
BLUR = ("-m", "1/9 * 1 1 1; 1 1 1; 1 1 1")


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises a picture and holds none."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head)
    return start + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with good files and bad ones, which is the current folder."""
    picture = Image.effect_noise((20, 16), 60)
    picture.save(tmp_path / "good.png")
    picture.save(tmp_path / "taken.png")
    picture.save(tmp_path / "whole.jpg")
    whole = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("dear diary")
    (tmp_path / "empty.png").touch()
    (tmp_path / "plain").touch()
    (tmp_path / "huge.png").write_bytes(png_header(60_000, 60_000))
    (tmp_path / "broken.yaml").write_text("name: broken\nmatrix: |\n  1 2 3\n  4 x 6\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def snapshot(place: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in place.rglob("*") if path.is_file()}


REFUSALS = {
    "missing file": (["missing.png", "-o", "out.png", *BLUR], 4, "missing.png does not exist"),
    "text named png": (["text.png", "-o", "out.png", *BLUR], 4, "text.png"),
    "empty file": (["empty.png", "-o", "out.png", *BLUR], 4, "empty.png is empty"),
    "truncated JPEG": (["cut.jpg", "-o", "out.png", *BLUR], 4, "cut.jpg"),
    "huge header": (["huge.png", "-o", "out.png", *BLUR], 4, "--max-pixels"),
    "folder into a file": ([".", "-o", "out.png", *BLUR], 2, "to one file"),
    "valid too small": (
        ["good.png", "-o", "out.png", "-m", " ".join(["1"] * 31), "--extent", "valid"],
        3,
        "spans 31 columns, the image has 20",
    ),
    "ragged matrix": (["good.png", "-o", "out.png", "-m", "1 2; 3"], 3, "row 2 has 1 number"),
    "matrix of words": (["good.png", "-o", "out.png", "-m", "1 2; 3 x"], 3, "'x'"),
    "matrix file missing": (["good.png", "-o", "out.png", "-m", "@none.csv"], 3, "none.csv"),
    "unknown kernel": (["good.png", "-o", "out.png", "-k", "sobelx"], 3, "sobel-x"),
    "broken kernel file": (["good.png", "-o", "out.png", "-k", "broken.yaml"], 3, "broken.yaml:4"),
    "no kernel": (["good.png", "-o", "out.png"], 2, "No kernel is given"),
    "no input": (["-o", "out.png", *BLUR], 2, "Missing argument"),
    "no output": (["good.png", *BLUR], 2, "--out"),
    "stride 0": (["good.png", "-o", "out.png", *BLUR, "--stride", "0"], 2, "--stride 0"),
    "dilation 0": (["good.png", "-o", "out.png", *BLUR, "--dilation", "0"], 2, "--dilation 0"),
    "anchor outside": (["good.png", "-o", "out.png", *BLUR, "--anchor", "3,0"], 3, "outside"),
    "scale by 0": (["good.png", "-o", "out.png", "-m", "-1 0 1", "--scale", "sum"], 3, "add up"),
    "scale of words": (["good.png", "-o", "out.png", *BLUR, "--scale", "sume"], 2, "'sum'"),
    "convolve and correlate": (
        ["good.png", "-o", "out.png", *BLUR, "--correlate", "--stride", "2", "--convolve"],
        2,
        "--correlate and --convolve exclude each other",
    ),
    "extent and pad-by": (
        ["good.png", "-o", "out.png", *BLUR, "--extent", "full", "--pad-by", "1"],
        2,
        "Give one of them",
    ),
    "bias of words": (["good.png", "-o", "out.png", *BLUR, "--bias", "x"], 2, "--bias"),
    "channels of words": (["good.png", "-o", "out.png", *BLUR, "--channels", "Q"], 2, "'Q'"),
    "memory of words": (["good.png", "-o", "out.png", *BLUR, "--memory", "lots"], 2, "300M"),
    "too little memory": (["good.png", "-o", "out.png", *BLUR, "--memory", "1K"], 4, "--memory"),
    "jobs 0": (["good.png", "-o", "out.png", *BLUR, "--jobs", "0"], 2, "--jobs"),
    "quality 0": (["good.png", "-o", "out.jpg", *BLUR, "--quality", "0"], 2, "--quality"),
    "compress 10": (["good.png", "-o", "out.png", *BLUR, "--compress", "10"], 2, "--compress"),
    "target exists": (["good.png", "-o", "taken.png", *BLUR], 5, "--overwrite"),
    "folder missing": (["good.png", "-o", "none/out.png", *BLUR], 5, "mkdir"),
    "target below a file": (["good.png", "-o", "good.png/out.png", *BLUR], 5, "out.png"),
    "same file": (["good.png", "-o", "good.png", *BLUR, "--overwrite"], 5, "input itself"),
    "same file by another name": (
        ["good.png", "-o", "./good.png", *BLUR, "--overwrite"],
        5,
        "input itself",
    ),
    "unknown suffix": (["good.png", "-o", "out.tifff", *BLUR], 2, "Did you mean '.tif"),
    "a file as folder": (["good.png", "whole.jpg", "-o", "plain", *BLUR], 5, "plain is a file"),
    "several into one": (["good.png", "whole.jpg", "-o", "out.png", *BLUR], 2, "folder"),
    "report of what form": (
        ["good.png", "-o", "out.png", *BLUR, "--report", "run.xls"],
        2,
        ".csv",
    ),
    "report exists": (["good.png", "-o", "out.png", *BLUR, "--report", "taken.json"], 5, "exists"),
    "two to standard output": (
        ["good.png", "-o", "-", *BLUR, "--report", "-"],
        2,
        "an image is there",
    ),
    "report on an input": (
        ["good.png", "-o", "out.png", *BLUR, "--report", "good.png", "--overwrite"],
        2,
        "an image is there",
    ),
    "report on the output": (
        ["good.png", "-o", "out.csv", *BLUR, "--report", "./out.csv"],
        2,
        "an image is there",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_is_one_message_and_leaves_nothing(
    case: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "taken.json").write_text("{}")
    before = snapshot(place)
    args, code, words = REFUSALS[case]
    assert run(["apply", *args]) == code
    told = capsys.readouterr()
    assert told.out == ""
    assert words in told.err
    assert "Traceback" not in told.err
    assert len(told.err.strip().splitlines()) <= 6
    assert snapshot(place) == before


def test_a_plan_refuses_what_apply_refuses(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert place.exists()
    assert run(["plan", "huge.png", *BLUR]) == 4
    assert run(["plan", "text.png", *BLUR]) == 4
    assert run(["plan", "good.png", "-m", "1 2; 3"]) == 3
    assert "Traceback" not in capsys.readouterr().err


def terminal(args: list[str], stream: str) -> tuple[int, str]:
    """Run convcli with one of its streams on a terminal; give the exit code and standard error."""
    import pty

    master, slave = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "convcli", *args],
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, stream: slave},  # type: ignore[call-overload]  # the stream is a word
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            cwd=ROOT,
            timeout=60,
        )
    finally:
        os.close(slave)
        os.close(master)
    return done.returncode, done.stderr


@pytest.mark.skipif(os.name != "posix", reason="terminals are opened as POSIX does")
def test_standard_input_from_a_terminal_is_refused(place: Path) -> None:
    before = snapshot(place)
    code, told = terminal(["apply", "-", "-o", str(place / "out.png"), *BLUR], "stdin")
    assert code == 4
    assert "terminal" in told
    assert snapshot(place) == before


@pytest.mark.skipif(os.name != "posix", reason="terminals are opened as POSIX does")
def test_a_picture_is_not_written_to_a_terminal(place: Path) -> None:
    code, told = terminal(["apply", str(place / "good.png"), "-o", "-", *BLUR], "stdout")
    assert code == 5
    assert "terminal" in told


def raising(error: BaseException) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def test_ctrl_c_ends_with_130(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(running, "process", raising(KeyboardInterrupt()))
    before = snapshot(place)
    assert run(["apply", "good.png", "-o", "out.png", *BLUR]) == 130
    assert capsys.readouterr().err.strip() == "Interrupted: nothing half-written was left."
    assert snapshot(place) == before


@pytest.mark.usefixtures("place")
def test_a_bug_is_one_message_and_a_file(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path_factory.mktemp("crash")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(running, "process", raising(RuntimeError("impossible")))
    assert run(["apply", "good.png", "-o", "out.png", *BLUR]) == 1
    told = capsys.readouterr().err
    [file] = folder.iterdir()
    assert str(file) in told
    assert "convcli info" in told
    assert "Traceback" not in told
    assert "RuntimeError: impossible" in file.read_text()


@pytest.mark.usefixtures("place")
def test_debug_prints_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["apply", "good.png", "-o", "out.png", "-m", "1 2; 3", "--debug"]) == 3
    assert "Traceback" in capsys.readouterr().err
    assert run(["--debug", "apply", "good.png", "-o", "out.png", "-m", "1 2; 3"]) == 3
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="a closed pipe is POSIX's")
def test_a_closed_pipe_ends_quietly() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "convcli", "kernels", "list"],
            stdout=closed,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.stderr == b""
    assert done.returncode == CLOSED_PIPE
