"""Signals, and streams that are full, closed or nobody's: one message, one code, nothing left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from convcli.errors import INTERRUPTED, TERMINATED, OutputError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="streams and signals are POSIX's")

ROOT = Path(__file__).parents[1]
FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a full device")

WORDS = ["apply", "a.png", "-o", "b.png", "-k", "box"]

STOPPED = """
import os, signal, sys
from convcli import io
from convcli.io import temporary
def publish(*_, **__):
    os.kill(os.getpid(), signal.SIGTERM)
    while True: signal.pause()
temporary._publish = publish
from convcli.__main__ import main
main()
"""

# While a module is imported that makes an error of its own of whatever stops that, as NumPy does.
IMPORTING = """
import os, signal, sys
number, place = signal.Signals[sys.argv.pop(1)], sys.argv.pop(1)
signal.signal(signal.SIGINT, signal.default_int_handler)
class Stop:
    def find_spec(self, name, *_):
        if name == place:
            try:
                os.kill(os.getpid(), number)
                while True: signal.pause()
            except BaseException as error:
                raise ImportError("cannot be imported") from error
sys.meta_path.insert(0, Stop())
"""
COMMAND = "from convcli.__main__ import main; main()"
IN_ANOTHER = """
from convcli.cli.main import run
run()
print("goes on")
"""


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


def script(text: str, place: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", text, *args],
        capture_output=True,
        text=True,
        check=False,
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=60,
    )


def test_a_terminated_run_leaves_no_temporary_file(place: Path) -> None:
    done = script(STOPPED, place, "apply", "a.png", "-o", "b.png", "-k", "box")
    assert done.stderr == "Terminated: nothing half-written was left.\n"
    assert done.returncode == TERMINATED == 128 + signal.SIGTERM
    assert [path.name for path in place.iterdir()] == ["a.png"]


@pytest.mark.parametrize("module", ["convcli.cli.main", "convcli.cli.apply", "numpy"])
@pytest.mark.parametrize(
    ("number", "word", "code"),
    [(signal.SIGINT, "Interrupted", INTERRUPTED), (signal.SIGTERM, "Terminated", TERMINATED)],
)
def test_what_stops_an_import_is_no_error_of_it(
    place: Path, module: str, number: signal.Signals, word: str, code: int
) -> None:
    done = script(IMPORTING + COMMAND, place, number.name, module, *WORDS)
    assert done.stderr == f"{word}: nothing half-written was left.\n"
    assert done.returncode == code
    assert [path.name for path in place.iterdir()] == ["a.png"]


def test_somebody_elses_process_is_not_ended(place: Path) -> None:
    done = script(IMPORTING + IN_ANOTHER, place, "SIGTERM", "numpy", *WORDS)
    assert (done.stdout, done.returncode) == ("goes on\n", 0)
