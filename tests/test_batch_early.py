"""Processes that start while names are checked: taken by the run, or sent home."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from pickle import PicklingError
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from convcli import apply_files
from convcli.batch import inputs, naming, pools, running, targets, tree
from convcli.batch.task import Input, Orders, Task
from convcli.cli import beyond
from convcli.cli.main import run
from convcli.errors import OutputError, UsageError
from convcli.job import Wishes, make_job
from convcli.kernels.library import find, search_path
from convcli.limits import Limits
from convcli.run import Writing

if TYPE_CHECKING:
    from collections.abc import Callable

    from convcli.report import Item

PATIENCE = 60.0
"""Seconds after which what was waited for will not come, however busy the machine."""

ORDERS = Orders((make_job([find("box", search_path(()))], Wishes()),), Limits(jobs=2), Writing())
WORDS = ("apply", "in", "-o", "out", "-k", "box", "--workers", "processes", "-j", "2", "-q")


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six pictures in a folder of the current one, and an empty folder."""
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    Path("out").mkdir()
    for number in range(6):
        Image.effect_noise((12, 9), 60).save(f"in/{number}.png")


def planned() -> list[Task]:
    names = sorted(Path("in").iterdir())
    return [
        Task(number, Input(str(name)), str(Path("out") / name.name))
        for number, name in enumerate(names, start=1)
    ]


def early(workers: str = "processes", number: int = 6) -> pools.Processes | None:
    return pools.early([task.source for task in planned()[:number]], ORDERS.limits, workers)


@pytest.fixture(autouse=True)
def hired(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Every process that was started."""
    found: list[subprocess.Popen[bytes]] = []
    genuine = subprocess.Popen

    def noted(*words: Any, **how: Any) -> subprocess.Popen[bytes]:
        found.append(genuine(*words, **how))
        return found[-1]

    monkeypatch.setattr(subprocess, "Popen", noted)
    return found


def codes(hired: list[subprocess.Popen[bytes]]) -> list[int | None]:
    """Of each process; None while it is alive."""
    return [process.poll() for process in hired]


def both(hired: list[subprocess.Popen[bytes]]) -> None:
    """Wait until two were started."""
    end = time.monotonic() + PATIENCE
    while len(hired) < 2 and time.monotonic() < end:
        time.sleep(0.01)


def test_processes_that_stand_by_do_the_work(hired: list[subprocess.Popen[bytes]]) -> None:
    standing = early()
    assert standing is not None
    with standing, pools.crew(planned(), ORDERS, "processes", standing) or nullcontext() as crew:
        assert crew is standing
        assert running.run_all(planned(), ORDERS, lambda *_: None, crew).left == 0
    assert codes(hired) == [0, 0]
    assert len(list(Path("out").iterdir())) == 6


@pytest.mark.parametrize(("number", "workers"), [(1, "processes"), (6, "threads")])
def test_processes_that_nobody_needs_end(
    number: int, workers: str, hired: list[subprocess.Popen[bytes]]
) -> None:
    standing = early()
    with pools.crew(planned()[:number], ORDERS, workers, standing) or nullcontext() as crew:
        assert standing is not crew
        assert None not in codes(hired)


def test_the_command_sends_them_home_for_what_is_left_of_a_run(
    hired: list[subprocess.Popen[bytes]],
) -> None:
    said = beyond.Beyond(workers="processes", cluster=None, watch=False)
    with beyond.hired(said, planned()[:1], ORDERS, early()) as crew:
        assert crew is None
        assert None not in codes(hired)


def test_a_process_that_was_just_being_started_ends_with_the_others(
    monkeypatch: pytest.MonkeyPatch, hired: list[subprocess.Popen[bytes]]
) -> None:
    begun, noted = threading.Barrier(3), subprocess.Popen

    def slow(*words: Any, **how: Any) -> subprocess.Popen[bytes]:
        begun.wait(PATIENCE)
        time.sleep(0.5)  # in which nobody is there yet whom the crew could send home
        return noted(*words, **how)

    monkeypatch.setattr(subprocess, "Popen", slow)
    standing = early()
    assert standing is not None
    begun.wait(PATIENCE)
    standing.close(now=True)
    assert len(hired) == 2
    assert None not in codes(hired)


def test_orders_that_cannot_be_told_cost_no_process(hired: list[subprocess.Popen[bytes]]) -> None:
    untold: Any = lambda: None  # noqa: E731 - what no pickle holds
    crew = early()
    assert crew is not None
    with crew:
        for task in planned():
            with pytest.raises((PicklingError, AttributeError)):
                crew.submit(task, replace(ORDERS, version=untold)).result()
    assert codes(hired) == [0, 0]


def test_a_crew_that_was_halted_asks_nobody() -> None:
    with pools.crew(planned(), ORDERS, "processes") or nullcontext() as crew:
        assert crew is not None
        crew.halt()
        with pytest.raises(running.Halted):
            crew.submit(planned()[0], ORDERS).result()
    assert os.listdir("out") == []


class Version:
    """Counts how often it is pickled."""

    pickled = 0

    def __reduce__(self) -> tuple[Any, ...]:
        self.pickled += 1
        return str, ("1",)


def test_orders_are_pickled_once_and_without_whom_to_tell() -> None:
    version: Any = Version()
    orders = replace(ORDERS, version=version, writing=Writing(tell=lambda _: None))
    with pools.crew(planned(), orders, "processes") or nullcontext() as crew:
        assert crew is not None
        for task in planned():
            item, error = crew.submit(task, orders).result()
            assert (item.status, error) == ("ok", None)
    assert version.pickled == 1


def test_one_that_was_not_told_anything_ends_in_silence(
    capfd: pytest.CaptureFixture[str], hired: list[subprocess.Popen[bytes]]
) -> None:
    standing = early()
    assert standing is not None
    both(hired)
    standing.close()
    assert codes(hired) == [0, 0]
    assert capfd.readouterr() == ("", "")


def test_one_whose_starter_is_gone_before_a_word_ends_in_silence() -> None:
    words = [sys.executable, "-c", pools.BOOT]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_one_that_hears_no_signal_is_sent_home_all_the_same(
    hired: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = (
        "import os, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        " signal.signal = lambda *_: None; open(f'deaf{os.getpid()}', 'w').close(); "
    )
    monkeypatch.setattr(pools, "BOOT", deaf + pools.BOOT)
    standing = early()
    assert standing is not None
    end = time.monotonic() + PATIENCE
    while len(list(Path().glob("deaf*"))) < 2 and time.monotonic() < end:
        time.sleep(0.01)
    standing.close(now=True)
    assert codes(hired) == [0, 0]  # not killed after a while


def test_one_that_gets_no_thread_to_watch_with_works_without(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    none = "import threading; threading.Thread.start = lambda *_: exec('raise RuntimeError'); "
    monkeypatch.setattr(pools, "BOOT", none + pools.BOOT)
    assert run([*WORDS]) == 0
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("workers", ["threads", "processes"])
def test_a_system_that_lets_no_thread_start_is_no_bug(
    workers: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    assert run([*WORDS, "--workers", workers]) == 1
    told = capfd.readouterr().err
    assert told.startswith("The system lets no more threads start.\nUse fewer --jobs")
    assert os.listdir("out") == []


@pytest.mark.parametrize("python", ["no/such/python", "", None])
def test_threads_do_what_no_process_can_be_started_for(
    python: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", python)
    items: list[Item] = []
    assert apply_files("in", "out", "box", workers="processes", on_item=items.append).ok == 6
    assert len(list(Path("out").iterdir())) == 6
    assert {item.notes[-1].partition(":")[0] for item in items} == {"no process could be started"}


def test_threads_are_not_started_early_nor_processes_for_one_file() -> None:
    assert early("auto") is None
    assert early("threads") is None
    assert early("processes", 1) is None


@pytest.mark.parametrize(
    "done",
    [
        lambda: run([*WORDS]) == 0,
        lambda: apply_files("in", "out", "box", jobs=2, workers="processes").ok == 6,
    ],
    ids=["command", "function"],
)
def test_they_are_started_once(
    done: Callable[[], bool], hired: list[subprocess.Popen[bytes]]
) -> None:
    assert done()
    assert codes(hired) == [0, 0]
    assert len(list(Path("out").iterdir())) == 6


def by_command() -> None:
    assert run([*WORDS]) == UsageError.exit_code


def by_function() -> None:
    with pytest.raises(UsageError):
        apply_files("in", "out", "box", jobs=2, workers="processes")


@pytest.mark.parametrize("begin", [by_command, by_function])
def test_they_start_before_names_are_checked(
    begin: Callable[[], None],
    hired: list[subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alive: list[int] = []

    def settled(*_: object, **__: object) -> None:
        both(hired)
        alive.append(codes(hired).count(None))
        raise UsageError("as far as this")

    monkeypatch.setattr(targets, "settle", settled)
    begin()
    assert alive == [2]
    assert None not in codes(hired)


def test_what_is_refused_before_any_work_is_all_that_is_said(
    capfd: pytest.CaptureFixture[str], hired: list[subprocess.Popen[bytes]]
) -> None:
    Path("out/3.png").write_bytes(b"kept")
    assert run([*WORDS]) == OutputError.exit_code
    assert capfd.readouterr().err.startswith("out/3.png exists.\nUse --exists")
    assert None not in codes(hired)
    assert os.listdir("out") == ["3.png"]


def test_where_a_cluster_filters_nobody_stands_by(hired: list[subprocess.Popen[bytes]]) -> None:
    said = beyond.Beyond(workers="processes", cluster="local", watch=False)
    with beyond.standing_by(said, [task.source for task in planned()], ORDERS) as crew:
        assert crew is None
    assert hired == []


def test_a_dry_run_starts_nobody(hired: list[subprocess.Popen[bytes]]) -> None:
    assert run([*WORDS, "--dry-run"]) == 0
    assert hired == []


@pytest.mark.parametrize("before", [gc.enable, gc.disable])
def test_no_garbage_is_looked_for_while_names_are_found(
    before: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def noted(genuine: Callable[..., Any], *given: Any) -> object:
        seen.append(gc.isenabled())
        return genuine(*given)

    monkeypatch.setattr(inputs, "walk", partial(noted, tree.walk))
    monkeypatch.setattr(targets, "of_input", partial(noted, naming.of_input))
    try:
        before()
        enabled = gc.isenabled()
        assert apply_files("in", "out", "box").ok == 6
        assert gc.isenabled() == enabled
    finally:
        gc.enable()
    assert seen == [False] * 7
