"""Many tasks at once: every crew gives the same bytes, in bounded memory, and none stops others."""

from __future__ import annotations

import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import pytest
from PIL import Image

import convcli
from convcli.batch import pools, running
from convcli.batch.choice import FEW, SMALL, chosen
from convcli.batch.pools import Crew
from convcli.batch.task import Input, Orders, Task
from convcli.errors import ConvError, InputError, TooLarge, UsageError
from convcli.job import Wishes, make_job
from convcli.kernels.library import find, search_path
from convcli.limits import Limits, allowed, available
from convcli.run import Writing, plan_file
from convcli.run import process as genuine

if TYPE_CHECKING:
    from pathlib import Path

    from convcli.report import Item

JOB = make_job([find("gaussian:sigma=2", search_path(()))], Wishes())


def noise(path: Path, width: int, height: int, seed: int = 1) -> Path:
    samples = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(samples).save(path)
    return path


def tasks_for(sources: list[Path], out: Path) -> list[Task]:
    out.mkdir()
    return [
        Task(number, Input(str(path), size=path.stat().st_size), str(out / path.name))
        for number, path in enumerate(sources, start=1)
    ]


def orders(**limits: Any) -> Orders:
    return Orders((JOB,), Limits(**limits), Writing())


def none() -> NoReturn:
    pytest.fail("no crew")


class Heard:
    """What `done` was told."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.errors: list[ConvError] = []

    def __call__(self, item: Item, error: ConvError | None) -> None:
        assert threading.current_thread() is threading.main_thread()
        self.items.append(item)
        if error:
            self.errors.append(error)


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Twelve pictures of many sizes and forms, and one that is none."""
    folder = tmp_path / "in"
    folder.mkdir()
    forms = ("png", "jpg", "tif")
    made = [noise(folder / f"{n}.{forms[n % 3]}", 20 + 30 * n, 40, n) for n in range(12)]
    (folder / "bad.png").write_bytes(b"no picture")
    return [*made, folder / "bad.png"]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_crew_writes_the_same_bytes(pictures: list[Path], tmp_path: Path) -> None:
    written = {}
    for kind in ("none", "threads", "processes"):
        heard, tasks = Heard(), tasks_for(pictures, tmp_path / kind)
        if kind == "none":
            ending = running.run_all(tasks, orders(jobs=1), heard)
        else:
            with pools.crew(tasks, orders(jobs=3), kind) or none() as crew:
                assert crew.name == f"3 {kind}"
                ending = running.run_all(tasks, orders(jobs=3), heard, crew)
        assert ending == running.Ending(0, "")
        assert len(heard.items) == 13
        assert [type(error) for error in heard.errors] == [InputError]
        assert [item.code for item in heard.items if item.status == "failed"] == [4]
        written[kind] = contents(tmp_path / kind)
    assert len(written["none"]) == 12
    assert written["none"] == written["threads"] == written["processes"]


def test_any_executor_is_a_crew(pictures: list[Path], tmp_path: Path) -> None:
    heard, tasks = Heard(), tasks_for(pictures, tmp_path / "out")
    with Crew(ThreadPoolExecutor(2), 2, "threads") as crew:
        running.run_all(tasks, orders(), heard, crew)
    assert len(contents(tmp_path / "out")) == 12


def test_larger_files_come_first_and_others_keep_their_order() -> None:
    sizes = {"a": 10, "b": 9, "c": 4000, "d": -1, "e": 12, "f": 100}
    tasks = [Task(1, Input(name, size=size), name) for name, size in sizes.items()]
    assert "".join(task.target for task in running.ordered(tasks)) == "cfabed"


def test_no_more_is_on_its_way_than_there_are_slots_and_a_few(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[int] = []
    crew = Crew(ThreadPoolExecutor(2), 2, "threads")
    flight = 0

    class Counting:
        slots, kind = 2, "threads"

        def halt(self) -> None:
            pytest.fail("nothing happened")

        def submit(self, task: Task, given: Orders) -> Any:
            nonlocal flight
            flight += 1
            seen.append(flight)
            return crew.submit(task, given)

    def done(*_: object) -> None:
        nonlocal flight
        flight -= 1

    monkeypatch.setattr(running, "attempt", lambda *_: ("item", None))
    monkeypatch.setattr(pools, "attempt", lambda *_: (convcli_item(), None))
    tasks = [Task(n, Input("x"), "y") for n in range(200)]
    with crew:
        running.run_all(tasks, orders(), done, Counting())  # type: ignore[arg-type]  # it counts, and knows no more
    assert len(seen) == 200
    assert max(seen) == 2 + running.AHEAD
    assert flight == 0


def convcli_item() -> Item:
    from convcli.report import Item

    return Item("x")


# --- shares -------------------------------------------------------------------------------------


def test_those_in_work_together_share_threads_and_memory() -> None:
    assert allowed(Limits(jobs=8, crowd=3)) == 2
    assert allowed(Limits(jobs=2, crowd=3)) == 1
    assert available(Limits(memory=900, crowd=3)) == 300
    whole, half = available(Limits()), available(Limits(crowd=2))
    assert whole is None or whole // 2 == half


@pytest.mark.parametrize("kind", ["threads", "processes"])
@pytest.mark.parametrize("form", ["png", "tif"])
def test_what_does_not_fit_its_share_is_done_alone_with_all(
    tmp_path: Path, kind: str, form: str
) -> None:
    small = [noise(tmp_path / f"{n}.{form}", 64, 64, n) for n in range(5)]
    large = noise(tmp_path / f"large.{form}", 900, 800)
    _, plan = plan_file(str(large), "", JOB, Limits(jobs=2))
    memory = plan.memory * 3 // 2
    heard, tasks = Heard(), tasks_for([large, *small], tmp_path / "out")
    given = orders(jobs=2, memory=memory)
    with pools.crew(tasks, given, kind) or none() as crew:
        running.run_all(tasks, given, heard, crew)
    assert heard.errors == []
    assert heard.items[-1].input == str(large)
    assert not any("streamed" in note for note in heard.items[-1].notes)
    assert heard.items[-1].workers == 2
    assert {item.workers for item in heard.items[:-1]} == {1}


def test_what_does_not_even_fit_alone_fails_once(tmp_path: Path) -> None:
    small = [noise(tmp_path / f"{n}.png", 16, 16, n) for n in range(3)]
    large = noise(tmp_path / "large.png", 900, 800)
    _, plan = plan_file(str(large), "", JOB, Limits(jobs=2))
    heard, tasks = Heard(), tasks_for([large, *small], tmp_path / "out")
    given = orders(jobs=2, memory=plan.memory // 2)
    with pools.crew(tasks, given, "threads") or none() as crew:
        assert running.run_all(tasks, given, heard, crew).left == 0
    assert [type(error) for error in heard.errors] == [TooLarge]
    assert "more than the" in heard.items[-1].error
    assert heard.items[-1].code == 4
    assert len(heard.items) == 4


def test_memory_that_did_not_suffice_is_tried_again_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowds = []

    def process(source: str, target: str, job: Any, limits: Limits, writing: Any) -> Item:
        if source.endswith("1.png"):
            crowds.append(limits.crowd)
            if limits.crowd > 1:
                raise MemoryError
        return genuine(source, target, job, limits, writing)

    monkeypatch.setattr(running, "process", process)
    sources = [noise(tmp_path / f"{n}.png", 16, 16, n) for n in range(4)]
    heard, tasks = Heard(), tasks_for(sources, tmp_path / "out")
    with pools.crew(tasks, orders(jobs=2), "threads") or none() as crew:
        running.run_all(tasks, orders(jobs=2), heard, crew)
    assert crowds == [2, 1]
    assert heard.errors == []


# --- failures -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [None, "threads", "processes"])
def test_fail_fast_begins_nothing_more_and_counts_what_is_left(
    tmp_path: Path, kind: str | None
) -> None:
    (tmp_path / "bad.png").write_bytes(b"no picture" * 1000)
    good = Input(str(noise(tmp_path / "good.png", 16, 16)))
    heard, tasks = Heard(), tasks_for([tmp_path / "bad.png"], tmp_path / "out")
    tasks += [Task(n, good, str(tmp_path / "out" / f"{n}.png")) for n in range(1000)]
    given = orders(jobs=2)
    crew = pools.crew(tasks, given, kind) if kind else None
    try:
        ending = running.run_all(tasks, given, heard, crew, fail_fast=True)
    finally:
        if crew:
            crew.close()
    assert ending.why == "fail-fast"
    assert 0 < ending.left == 1001 - len(heard.items)
    assert len(contents(tmp_path / "out")) == len(heard.items) - 1


def test_a_bug_is_one_failed_file_with_a_saved_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def process(source: str, *args: Any) -> Item:
        if source.endswith(("1.png", "2.png")):
            raise ZeroDivisionError("one over none")
        return genuine(source, *args)

    monkeypatch.setattr(running, "process", process)
    sources = [noise(tmp_path / f"{n}.png", 16, 16, n) for n in range(4)]
    heard, tasks = Heard(), tasks_for(sources, tmp_path / "out")
    with pools.crew(tasks, orders(jobs=2), "threads") or none() as crew:
        running.run_all(tasks, orders(jobs=2), heard, crew)
    assert sorted(item.code for item in heard.items) == [0, 0, 1, 1]
    said = {item.error for item in heard.items if item.code}
    assert len(said) == 1  # one bug, one report
    message = said.pop()
    assert message.startswith("This is a bug in convcli (ZeroDivisionError). Full report: ")
    from pathlib import Path as Named

    report = Named(message.rsplit(": ", 1)[1])
    text = report.read_text(encoding="utf-8")
    report.unlink()
    assert "one over none" in text
    assert ".png -> " in text


def test_what_an_executor_raises_is_one_failed_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # it is a bug, and told in a file

    class Losing(Crew):
        def submit(self, task: Task, given: Orders) -> Any:
            if task.number == 2:
                return self.executor.submit(lambda: 1 / 0)
            return super().submit(task, given)

    sources = [noise(tmp_path / f"{n}.png", 16, 16, n) for n in range(4)]
    heard, tasks = Heard(), tasks_for(sources, tmp_path / "out")
    with Losing(ThreadPoolExecutor(2), 2, "threads") as crew:
        running.run_all(tasks, orders(jobs=2), heard, crew)
    assert sorted(item.status for item in heard.items) == ["failed", "ok", "ok", "ok"]
    assert len(list(tmp_path.glob("convcli-crash-*.txt"))) == 1


# --- the choice, and Python ---------------------------------------------------------------------


def test_the_choice_of_workers() -> None:
    assert chosen("processes", [1], 1) == "processes"
    assert chosen("auto", [1000] * (FEW - 1), 4) == "threads"
    assert chosen("auto", [1000] * FEW, 4) == "processes"
    assert chosen("auto", [1000] * FEW, 1) == "threads"
    assert chosen("auto", [SMALL] * FEW, 4) == "threads"
    assert chosen("auto", [-1] * FEW, 4) == "threads"
    with pytest.raises(UsageError, match="--workers fibres"):
        chosen("fibres", [1], 1)


def test_files_from_python(tmp_path: Path) -> None:
    sources = [noise(tmp_path / f"{n}.png", 40, 30, n) for n in range(5)]
    (tmp_path / "bad.png").write_bytes(b"no picture")
    (tmp_path / "out").mkdir()
    heard: list[str] = []
    summary = convcli.apply_files(
        [*sources, tmp_path / "bad.png"],
        tmp_path / "out",
        "sobel",
        padding="edge",
        on_item=lambda item: heard.append(item.input),
    )
    assert (summary.ok, summary.failed, summary.skipped, summary.left) == (5, 1, 0, 0)
    assert summary.megapixels == pytest.approx(5 * 40 * 30 / 1e6)
    assert summary.failures[0].input == str(tmp_path / "bad.png")
    assert summary.failures[0].code == 4
    assert summary.seconds > 0
    assert sorted(heard) == sorted(map(str, [*sources, tmp_path / "bad.png"]))
    for source in sources:
        with Image.open(source) as before, Image.open(tmp_path / "out" / source.name) as after:
            expected = convcli.apply(np.asarray(before), "sobel", padding="edge", layout="rgb")
            assert np.array_equal(expected, np.asarray(after))


def test_one_file_from_python_may_go_to_a_file(tmp_path: Path) -> None:
    source = noise(tmp_path / "a.png", 40, 30)
    assert convcli.apply_files(source, tmp_path / "b.tif", "box").ok == 1
    assert (tmp_path / "b.tif").exists()
    with pytest.raises(convcli.OutputError, match="exists"):
        convcli.apply_files(source, tmp_path / "b.tif", "box")
