"""Runs that end badly while they write: the target is whole or absent, the old one intact."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from convcli.errors import ALL_FAILED, INTERRUPTED, TERMINATED, InputError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(os.name != "posix", reason="limits and signals are POSIX's")

ROOT = Path(__file__).parents[1]
OLD = b"precious"
SUFFIXES = ["png", "jpg", "tif", "npy", "ppm", "csv"]

LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
from convcli.__main__ import main
main()
"""
# Waits where the temporary file holds all that there is and the target is not yet there.
WAITING = """
import sys, time
from convcli.io import temporary
def publish(*_, **__):
    print("ready", flush=True)
    time.sleep(60)
temporary._publish = publish
from convcli.__main__ import main
main()
"""
PLAIN = "from convcli.__main__ import main; main()"
# From the first moment on that is ours; before that, Python ends as it likes.
FROM_THE_FIRST = """
from convcli.__main__ import main
from convcli.cli.signals import end_at_once
end_at_once()
print("ready", flush=True)
main()
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with noise that no format packs into 1000 bytes."""
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    Image.fromarray(noise[:, :, 0]).save(tmp_path / "grey.png")
    (tmp_path / "out").mkdir()
    return tmp_path


# A shell that starts something in the background lets it ignore Ctrl-C.
LISTENING = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"


def started(text: str, place: Path, *args: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", LISTENING + text, "apply", *args, "-q", "-k", "box"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def ended(process: subprocess.Popen[bytes]) -> tuple[int, list[str]]:
    """Exit code and lines of standard error; the one that ends a terminal's ^C is empty."""
    _, told = process.communicate(timeout=60)
    return process.returncode, [line for line in told.decode().splitlines() if line]


def left(folder: Path) -> dict[str, bytes]:
    return {entry.name: entry.read_bytes() for entry in folder.iterdir()}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("old", [OLD, None])
def test_a_file_that_may_not_grow_leaves_nothing(
    place: Path, suffix: str, old: bytes | None
) -> None:
    target = place / "out" / f"b.{suffix}"
    if old:
        target.write_bytes(old)
    before = left(place / "out")
    source = "grey.png" if suffix == "csv" else "a.png"
    code, told = ended(started(LIMITED, place, source, "-o", str(target), "--overwrite"))
    assert code == OutputError.exit_code
    assert told == [f"{target} can't be written: File too large."]
    assert left(place / "out") == before


@pytest.fixture
def small_disk(place: Path) -> Iterator[Path]:
    """A disk of 12 kB at `place/out`."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("only root mounts a small disk, and only on Linux")
    folder = str(place / "out")
    mounted = ["mount", "-t", "tmpfs", "-o", "size=12k", "none", folder]
    if subprocess.run(mounted, capture_output=True, check=False).returncode:
        pytest.skip("this system lets nobody mount a small disk")
    yield place / "out"
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_leaves_what_was_there(place: Path, small_disk: Path) -> None:
    (small_disk / "a.png").write_bytes(OLD)
    code, told = ended(started(PLAIN, place, "a.png", "-o", "out", "--overwrite"))
    assert code == OutputError.exit_code
    assert told == [
        "out/a.png can't be written: No space left on device.",
        "Make room, or write to another disk.",
    ]
    assert left(small_disk) == {"a.png": OLD}
    code, told = ended(started(PLAIN, place, "a.png", "grey.png", "-o", "out", "--overwrite"))
    assert code == 7  # the grey one fits
    assert sorted(left(small_disk)) == ["a.png", "grey.png"]


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [
        (signal.SIGINT, INTERRUPTED, "Interrupted"),
        (signal.SIGTERM, TERMINATED, "Terminated"),
        (signal.SIGKILL, -signal.SIGKILL, None),
    ],
)
def test_a_signal_before_the_last_step_keeps_the_old_file(
    place: Path, number: int, code: int, word: str | None
) -> None:
    (place / "out" / "b.png").write_bytes(OLD)
    process = started(WAITING, place, "a.png", "-o", "out/b.png", "--overwrite")
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(number)
    told = [f"{word}: nothing half-written was left."] if word else []
    assert ended(process) == (code, told)
    names = sorted(left(place / "out"))
    assert left(place / "out")["b.png"] == OLD
    if word is None:  # nobody cleans up after this one; what it leaves is hidden, and says whose
        assert names.pop(0).startswith(".convcli-")
    assert names == ["b.png"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_at_any_moment_the_target_is_old_or_whole(place: Path, number: int) -> None:
    target = place / "out" / "b.png"
    pause = random.Random(number)  # noqa: S311 - the same each time
    for _ in range(4):
        target.write_bytes(OLD)
        process = started(FROM_THE_FIRST, place, "a.png", "-o", str(target), "--overwrite")
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(pause.uniform(0, 0.4))
        process.send_signal(number)
        code, told = ended(process)
        assert code in {0, 128 + number, -number}  # the last one also while Python ends
        assert len(told) == (code == 128 + number)
        if target.read_bytes() != OLD:
            with Image.open(target) as image:
                assert image.size == (64, 64)
                image.load()
        else:
            assert code != 0
        if number != signal.SIGKILL:
            assert sorted(left(place / "out")) == ["b.png"]


def test_a_reader_who_leaves_ends_a_picture_on_standard_output(place: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.run(
        [sys.executable, "-c", PLAIN, "apply", "a.png", "-q", "-k", "box", "-o", "-"],
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    os.close(writer)
    assert (process.returncode, process.stderr) == (141, b"")


def test_loops_of_links_are_refused_as_inputs_and_replaced_as_targets(place: Path) -> None:
    (place / "x.png").symlink_to("y.png")
    (place / "y.png").symlink_to("x.png")
    code, told = ended(started(PLAIN, place, "x.png", "-o", "out/b.png"))
    assert code == InputError.exit_code
    assert "x.png" in told[0]
    assert "links" in told[0]
    assert left(place / "out") == {}
    code, told = ended(started(PLAIN, place, "a.png", "-o", "x.png"))
    assert (code, told[0]) == (OutputError.exit_code, "x.png exists.")
    assert ended(started(PLAIN, place, "a.png", "-o", "x.png", "--overwrite")) == (0, [])
    assert not (place / "x.png").is_symlink()
    assert (place / "y.png").is_symlink()


def test_a_folder_that_loops_is_refused(place: Path) -> None:
    (place / "loop").symlink_to("loop")
    code, told = ended(started(PLAIN, place, "a.png", "-o", "loop/b.png"))
    assert code == OutputError.exit_code
    assert len(told) <= 2
    code, told = ended(started(PLAIN, place, "loop/a.png", "loop/b.png", "-o", "out"))
    assert code == ALL_FAILED


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may do anything")
def test_what_may_not_be_read_or_written_is_named(place: Path) -> None:
    (place / "a.png").chmod(0)
    code, told = ended(started(PLAIN, place, "a.png", "-o", "out/b.png"))
    assert (code, told[0]) == (InputError.exit_code, "a.png: no permission to read it.")
    (place / "out").chmod(0o500)
    code, told = ended(started(PLAIN, place, "grey.png", "-o", "out/b.png"))
    assert code == OutputError.exit_code
    assert "no permission to write into out" in told[0]
