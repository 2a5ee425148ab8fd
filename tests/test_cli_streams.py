"""Streams that are full, closed or nobody's: one message, one code, nothing left."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from convcli.errors import OutputError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="these streams are POSIX's")

ROOT = Path(__file__).parents[1]
FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full device")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with one picture."""
    Image.effect_noise((8, 8), 60).save(tmp_path / "a.png")
    return tmp_path


def shell(place: Path, command: str) -> tuple[int, str]:
    """Run `convcli COMMAND` in a shell; give the exit code and standard error."""
    done = subprocess.run(
        ["sh", "-c", f'"$PYTHON" -m convcli {command}'],
        capture_output=True,
        text=True,
        check=False,
        cwd=place,
        env={
            **os.environ,
            "PYTHON": sys.executable,
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "",  # as most have it: what is held back fails twice
        },
    )
    return done.returncode, done.stderr


APPLY = "apply a.png -q -k box -o"


@FULL
@pytest.mark.parametrize(
    "command",
    [
        "kernels list",
        "--help",
        "--version",
        "kernels show sobel",
        f"{APPLY} b.png --report -",
        f"{APPLY} -",
    ],
)
def test_a_full_standard_output_is_an_output_that_cannot_be_written(
    place: Path, command: str
) -> None:
    code, told = shell(place, f"{command} >/dev/full")
    assert code == OutputError.exit_code
    assert "No space left on device." in told
    assert "bug" not in told
    assert len(told.splitlines()) <= 2


@pytest.mark.parametrize(
    "command", ["kernels list", "--help", "kernels show sobel", f"{APPLY} -", "info --json"]
)
def test_a_closed_standard_output_is_told(place: Path, command: str) -> None:
    code, told = shell(place, f"{command} >&-")
    assert code == OutputError.exit_code
    assert told.startswith("Standard output is closed.")


def test_a_closed_standard_output_that_nothing_needs_is_no_trouble(place: Path) -> None:
    assert shell(place, f"{APPLY} b.png >&-") == (0, "")
    with Image.open(place / "b.png") as image:
        image.load()


@pytest.mark.parametrize("gone", [pytest.param("2>/dev/full", marks=FULL), "2>&-"])
@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("apply a.png -k box -o b.png", 0),
        ("apply none.png -k box -o b.png", 4),
        ("apply a.png -k nonesuch -o b.png", 3),
        ("apply a.png --nonesuch", 2),
        ("apply none.png -k box -o b.png --debug", 4),
        ("kernels check", 0),
    ],
)
def test_trouble_with_standard_error_changes_no_code(
    place: Path, command: str, expected: int, gone: str
) -> None:
    assert shell(place, f"{command} {gone}")[0] == expected


def test_a_reader_who_leaves_during_the_help_is_no_trouble(place: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "convcli", "--help"],
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")
