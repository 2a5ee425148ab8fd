"""Processes that are killed, runs that are interrupted: one file lost, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from convcli.batch import pools, running
from convcli.batch.earlier import CRASHED
from convcli.batch.task import Input, Orders, Task
from convcli.errors import INTERRUPTED, SOME_FAILED, TERMINATED
from convcli.job import Wishes, make_job
from convcli.kernels.library import find, search_path
from convcli.limits import Limits
from convcli.run import Writing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convcli.errors import ConvError
    from convcli.report import Item

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")

ROOT = Path(__file__).parents[1]
PATIENCE = 300.0
"""Seconds after which what was waited for will not come, however busy the machine."""

# A shell that starts something in the background lets it ignore Ctrl-C.
LISTENING = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
MAIN = "from convcli.__main__ import main; main()\n"

# Put before the path of the packages, this module changes what processes do with some files.
DOOM = """
import os, signal, time
from convcli.batch import running, worker
from convcli.io import temporary
genuine, publish = running.process, temporary._publish

def process(source, *args):
    name = os.path.basename(source)
    if name.startswith("kill"):
        os.kill(os.getpid(), signal.SIGKILL)
    if name.startswith("segv"):
        os.kill(os.getpid(), signal.SIGSEGV)
    if name.startswith("exit"):
        os._exit(3)
    return genuine(source, *args)

def tell(what):
    with open(os.environ["TOLD"], "a") as told:
        told.write(what + "\\n")

def held(*args, **named):
    tell("writing")
    while not os.path.exists(os.environ["HELD"]):
        time.sleep(0.01)
    return publish(*args, **named)

def stop(run, why):
    stopped(run, why)
    tell("heard")

running.process = process
stopped, running._Run._stop = running._Run._stop, stop
if os.environ.get("HELD"):
    temporary._publish = held
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Twelve small pictures in `in`, an empty `out`; processes import the module `doom` first."""
    for name in ("in", "out", "mods"):
        (tmp_path / name).mkdir()
    noise = np.random.default_rng(1).integers(0, 256, (48, 64, 3), np.uint8)
    for number in range(12):
        Image.fromarray(noise).save(tmp_path / "in" / f"{number:02d}.png")
    (tmp_path / "mods" / "doom.py").write_text(DOOM)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "mods"), str(ROOT)]))
    monkeypatch.setenv("TOLD", str(tmp_path / "told"))
    monkeypatch.chdir(tmp_path)
    boot = pools.BOOT.replace(
        "from convcli",
        f"sys.path.insert(0, {str(tmp_path / 'mods')!r}); import doom; from convcli",
        1,
    )
    monkeypatch.setattr(pools, "BOOT", boot)
    yield tmp_path
    (tmp_path / "go").touch()  # or what a test that failed has started would wait for ever


def doomed(place: Path, *names: str) -> None:
    for name in names:
        (place / "in" / name).write_bytes((place / "in" / "00.png").read_bytes())


def run(place: Path, jobs: int = 2) -> list[tuple[Item, ConvError | None]]:
    job = make_job([find("box", search_path(()))], Wishes())
    orders = Orders((job,), Limits(jobs=jobs), Writing())
    tasks = [
        Task(number, Input(str(path)), str(place / "out" / path.name))
        for number, path in enumerate(sorted((place / "in").iterdir()))
    ]
    found: list[tuple[Item, ConvError | None]] = []
    with pools.crew(tasks, orders, "processes") or nullcontext() as crew:
        assert running.run_all(tasks, orders, lambda *told: found.append(told), crew).left == 0
    return found


def alive() -> list[int]:
    """Processes of ours that filter."""
    found = subprocess.run(
        ["ps", "-ww", "-eo", "pid,stat,args"], capture_output=True, text=True, check=True
    )
    lines = [line.split(maxsplit=2) for line in found.stdout.splitlines()]
    return [
        int(pid) for pid, state, words in lines if f"-c {pools.BOOT}" in words and state[0] != "Z"
    ]


def gone() -> bool:
    end = time.monotonic() + PATIENCE
    while alive() and time.monotonic() < end:
        time.sleep(0.05)
    return not alive()


@pytest.mark.parametrize(
    ("name", "how", "cure"),
    [
        ("kill.png", "ended by SIGKILL", "fewer --jobs"),
        ("segv.png", "ended by SIGSEGV", "convcli info"),
        ("exit.png", "ended with exit code 3", "convcli info"),
    ],
)
def test_a_process_that_crashes_is_one_failed_file(
    place: Path, name: str, how: str, cure: str
) -> None:
    doomed(place, name)
    found = run(place)
    failures = [(item, error) for item, error in found if error]
    assert len(found) == 13
    ((item, error),) = failures
    assert item.input.endswith(name)
    assert item.code == 1
    assert error is not None
    assert error.cause == CRASHED
    assert how in item.error
    assert cure in item.hint
    assert sorted(path.name for path in (place / "out").iterdir()) == [
        f"{number:02d}.png" for number in range(12)
    ]
    assert gone()


def test_every_process_may_crash_again_and_again(place: Path) -> None:
    names = [f"{kind}{n}.png" for kind in ("kill", "segv", "exit") for n in range(3)]
    doomed(place, *names, *(f"0{n}x.png" for n in range(3)))
    found = run(place)
    assert sorted(Path(item.input).name for item, error in found if error) == sorted(names)
    assert len(list((place / "out").iterdir())) == 15
    assert gone()


def test_an_error_of_another_process_has_its_traceback(place: Path) -> None:
    (place / "in" / "bad.png").write_bytes(b"no picture")
    (error,) = [error for _, error in run(place) if error]
    assert "Traceback" in str(error.__cause__)
    assert "in process" in str(error.__cause__)


# --- the whole command --------------------------------------------------------------------------


def started(place: Path, workers: str, *args: str, held: bool = False) -> subprocess.Popen[bytes]:
    """The command; `held` nothing gets its name before there is a file `go`."""
    code = f"import doom\nfrom convcli.batch import pools\npools.BOOT = {pools.BOOT!r}\n"
    sources = sorted(map(str, (place / "in").iterdir()))
    words = ["apply", *sources, "-o", "out", "-k", "box", "-j", "2", "--workers", workers, *args]
    return subprocess.Popen(
        [sys.executable, "-c", LISTENING + code + MAIN, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=place,
        env={**os.environ, "HELD": str(place / "go") if held else ""},
        start_new_session=True,
    )


def told(place: Path, word: str = "writing", times: int = 2) -> None:
    """Wait until a word was told so often: two files are being written, a signal was heard."""
    path, end = place / "told", time.monotonic() + PATIENCE
    while not path.exists() or path.read_text().splitlines().count(word) < times:
        assert time.monotonic() < end
        time.sleep(0.01)


def ended(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    _, text = process.communicate(timeout=PATIENCE)
    return process.returncode, text.decode()


def whole(place: Path) -> int:
    """How many results there are, all whole, and nothing else."""
    for path in (place / "out").iterdir():
        assert path.suffix == ".png"
        with Image.open(path) as image:
            image.load()
    return len(list((place / "out").iterdir()))


def test_the_command_goes_on_after_a_crash(place: Path) -> None:
    doomed(place, "kill.png")
    code, text = ended(started(place, "processes"))
    assert code == SOME_FAILED
    assert "kill.png: the process that filtered it was ended by SIGKILL." in text
    assert whole(place) == 12
    assert gone()


def everyone(process: subprocess.Popen[bytes], number: int) -> None:
    """As a terminal sends it: to all processes of the run."""
    os.killpg(process.pid, number)


def alone(process: subprocess.Popen[bytes], number: int) -> None:
    process.send_signal(number)


SIGNALS: list[Any] = [
    (signal.SIGINT, everyone, "Interrupted", INTERRUPTED),
    (signal.SIGINT, alone, "Interrupted", INTERRUPTED),
    (signal.SIGTERM, alone, "Terminated", TERMINATED),
]


@pytest.mark.parametrize("workers", ["threads", "processes"])
@pytest.mark.parametrize("case", SIGNALS)
def test_the_first_signal_ends_what_is_in_work_and_begins_nothing(
    place: Path, workers: str, case: tuple[int, Callable[..., None], str, int]
) -> None:
    number, send, word, code = case
    process = started(place, workers, held=True)
    told(place)
    send(process, number)
    told(place, "heard", 1)
    (place / "go").touch()
    returned, text = ended(process)
    assert returned == code
    assert whole(place) == 2
    assert f"{word}: 2 of 12 images done, 10 left" in text
    assert "Traceback" not in text
    assert gone()


@pytest.mark.parametrize("workers", ["threads", "processes"])
@pytest.mark.parametrize("case", SIGNALS)
def test_the_second_signal_stops_at_once(
    place: Path, workers: str, case: tuple[int, Callable[..., None], str, int]
) -> None:
    number, send, word, code = case
    process = started(place, workers, held=True)
    told(place)
    send(process, number)
    told(place, "heard", 1)
    assert process.poll() is None
    send(process, number)
    returned, text = ended(process)
    assert returned == code
    assert word in text
    assert "Traceback" not in text
    assert whole(place) == 0
    assert gone()


def test_all_processes_may_be_told_to_end(place: Path) -> None:
    process = started(place, "processes", held=True)
    told(place)
    everyone(process, signal.SIGTERM)
    code, text = ended(process)
    assert code == TERMINATED
    assert "was ended by" not in text
    assert whole(place) == 0
    assert gone()


def test_a_killed_run_leaves_no_process_and_none_of_their_files(place: Path) -> None:
    process = started(place, "processes", held=True)
    told(place)
    assert len(alive()) == 2
    process.kill()
    ended(process)
    assert gone()
    assert whole(place) == 0


def test_a_script_without_a_guard_is_not_run_again(place: Path) -> None:
    script = place / "script.py"
    script.write_text(
        "import convcli, glob\nprint('once')\n"
        "summary = convcli.apply_files(glob.glob('in/*'), 'out', 'box', workers='processes')\n"
        "print(summary.ok)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=True, cwd=place
    )
    assert done.stdout == "once\n12\n"
