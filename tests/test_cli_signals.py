"""SIGINT and SIGTERM at every stage of a command, one or several: one message, nothing left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from convcli.errors import INTERRUPTED, TERMINATED

pytestmark = pytest.mark.skipif(os.name != "posix", reason="these signals are POSIX's")

ROOT = Path(__file__).parents[1]
WORDS = ["apply", "a.png", "-o", "b.png", "-k", "box"]
COMMAND = "from convcli.__main__ import main; main()"

# A shell that starts something in the background lets it ignore Ctrl-C.
START = """
import os, signal, sys, time
first, second = (getattr(signal, sys.argv.pop(1)) for _ in range(2))
signal.signal(signal.SIGINT, signal.default_int_handler)
"""

# The first where the temporary file is written, the second when it is to be removed.
WRITING = """
from convcli.io import temporary
def publish(*_, **__):
    os.kill(os.getpid(), first)
    while True: signal.pause()
def forget(name, genuine=temporary._forget):
    temporary._forget = genuine
    os.kill(os.getpid(), second)
    time.sleep(0.1)
    genuine(name)
temporary._publish, temporary._forget = publish, forget
"""

# The first while a module is imported that makes an error of its own of whatever stops that, as
# NumPy does; the second while what is half-written is removed.
IMPORTING = """
from convcli.io import temporary
place = sys.argv.pop(1)
class Stop:
    def find_spec(self, name, *_):
        if name == place:
            try:
                os.kill(os.getpid(), first)
                while True: signal.pause()
            except BaseException as error:
                raise ImportError("cannot be imported") from error
sys.meta_path.insert(0, Stop())
def abandon(genuine=temporary.abandon):
    os.kill(os.getpid(), second)
    time.sleep(0.1)
    genuine()
temporary.abandon = abandon
"""

# What works meanwhile makes another exception of the one that the signal was.
ANOTHER = """
from convcli.cli import apply
def work(*_, **__):
    try:
        os.kill(os.getpid(), first)
        while True: signal.pause()
    finally:
        raise RuntimeError("release unlocked lock")
apply.command.callback = work
"""

# Cleaning up that takes long, more than once.
STUBBORN = """
from convcli.cli import apply
def work(*_, **__):
    try:
        os.kill(os.getpid(), first)
    finally:
        try:
            os.kill(os.getpid(), second)
        finally:
            time.sleep(100)
apply.command.callback = work
"""

# The second after the last words.
LATE = """
from convcli.cli import apply, streams
def work(*_, **__):
    os.kill(os.getpid(), first)
def drain():
    os.kill(os.getpid(), second)
    time.sleep(100)
apply.command.callback, streams.drain = work, drain
"""

# Ctrl-C while a run is stopped that never heard of it, as below `nohup`.
DEAF = """
from convcli.cli import apply
signal.signal(second, signal.SIG_IGN)
def work(*_, **__):
    try:
        os.kill(os.getpid(), first)
    finally:
        os.kill(os.getpid(), second)
        time.sleep(0.1)
        print("cleaned up", flush=True)
apply.command.callback = work
"""

# A process of somebody else's, who calls us.
RUNNING = """
from convcli.cli.main import run
before = [*map(signal.getsignal, (first, second))]
print(run(), before == [*map(signal.getsignal, (first, second))])
"""

# A class of a record was made meanwhile: that compiles text, and Ctrl-C comes while it is run.
COMPILING = """
from convcli.cli import apply
def work(*_, **__):
    exec("import os, signal; os.kill(os.getpid(), signal.SIGINT); [0 for _ in range(10**9)]", {})
apply.command.callback = work
"""

ENDS = {
    "SIGINT": ("Interrupted: nothing half-written was left.\n", INTERRUPTED),
    "SIGTERM": ("Terminated: nothing half-written was left.\n", TERMINATED),
}

both = pytest.mark.parametrize("first", ENDS)
either = pytest.mark.parametrize("second", ENDS)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with one picture."""
    Image.effect_noise((8, 8), 60).save(tmp_path / "a.png")
    return tmp_path


def script(text: str, place: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", START + text, *args],
        capture_output=True,
        text=True,
        check=False,
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(place)},
        timeout=60,
    )


def check(done: subprocess.CompletedProcess[str], place: Path, first: str) -> None:
    words, code = ENDS[first]
    assert done.stderr.lstrip("\n") == words
    assert done.returncode == code
    assert [path.name for path in place.iterdir()] == ["a.png"]


@both
def test_a_run_that_is_stopped_leaves_no_temporary_file(place: Path, first: str) -> None:
    text = WRITING + "temporary._forget = forget.__defaults__[0]\n"
    check(script(text + COMMAND, place, first, first, *WORDS), place, first)


@both
@either
def test_the_second_does_not_stop_the_cleaning_up(place: Path, first: str, second: str) -> None:
    done = script(WRITING + COMMAND, place, first, second, *WORDS)
    check(done, place, second)


@both
@either
@pytest.mark.parametrize("module", ["convcli.cli.main", "convcli.cli.apply", "numpy"])
def test_what_stops_an_import_is_no_error_of_it(
    place: Path, module: str, first: str, second: str
) -> None:
    check(script(IMPORTING + COMMAND, place, first, second, module, *WORDS), place, first)


@both
def test_an_exception_that_a_signal_became_is_told_as_one(place: Path, first: str) -> None:
    check(script(ANOTHER + COMMAND, place, first, first, *WORDS), place, first)


@both
@either
@pytest.mark.parametrize("moment", [STUBBORN, LATE])
def test_the_second_ends_at_once(place: Path, moment: str, first: str, second: str) -> None:
    done = script(moment + COMMAND, place, first, second, *WORDS)
    assert done.stderr.lstrip("\n") == ENDS[first if moment == LATE else second][0]
    assert done.returncode == ENDS[second][1]


def test_what_was_ignored_stays_so(place: Path) -> None:
    done = script(DEAF + COMMAND, place, "SIGTERM", "SIGINT", *WORDS)
    check(done, place, "SIGTERM")
    assert done.stdout == "cleaned up\n"


def test_python_does_not_end_a_run_by_sigint(place: Path) -> None:
    (place / "command.py").write_text(START + COMPILING + COMMAND)
    done = subprocess.run(
        [sys.executable, "-m", "command", "SIGINT", "SIGINT", *WORDS],
        capture_output=True,
        text=True,
        check=False,
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        timeout=60,
    )
    (place / "command.py").unlink()
    check(done, place, "SIGINT")


def test_somebody_elses_process_is_not_ended(place: Path) -> None:
    """There, whatever an import makes of it is an error like any other."""
    done = script(IMPORTING + RUNNING, place, "SIGTERM", "SIGINT", "numpy", *WORDS)
    assert (done.stdout, done.returncode) == (f"{TERMINATED} True\n", 0)


def test_words_that_nobody_reads_keep_no_process_alive(place: Path) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b"x")
    os.set_blocking(writer, True)
    text = "from convcli.cli.signals import end_at_once; end_at_once(); print(1, flush=True)\n"
    process = subprocess.Popen(
        [sys.executable, "-c", START + text + COMMAND, "SIGINT", "SIGINT", "apply", "none"],
        stdout=subprocess.PIPE,
        stderr=writer,
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"1\n"
    for _ in range(60):
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        if process.poll() is not None:
            break
    ended = process.poll()
    process.kill()
    process.wait()
    os.close(reader)
    os.close(writer)
    process.stdout.close()
    assert ended == -signal.SIGTERM


def test_a_terminal_gets_its_cursor_back(place: Path) -> None:
    """Also where the module is imported that draws the bar which hides it."""
    import pty

    for number in range(25):
        Image.effect_noise((8, 8), 60).save(place / f"{number}.png")
    text = IMPORTING + "signal.signal(second, signal.SIG_IGN)\n"
    words = [*("SIGINT", "SIGTERM", "rich._emoji_codes"), "apply", ".", "-o", "out", "-k", "box"]
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", START + text + COMMAND, *words],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"},
    )
    os.close(slave)
    shown = bytearray()
    try:
        while piece := os.read(master, 4096):
            shown += piece
    except OSError:  # nobody holds the other end any more
        pass
    os.close(master)
    assert process.wait() == INTERRUPTED
    assert shown.rfind(b"\x1b[?25h") > shown.rfind(b"\x1b[?25l") > -1
