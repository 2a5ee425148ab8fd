"""Folders that are watched, by real processes: files that grow, move, come in bursts, vanish."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from convcli.batch import coming, watch
from convcli.batch.targets import Wanted
from convcli.batch.task import Input
from convcli.errors import InputError, MissingExtra, OutputError, UsageError
from convcli.job import Wishes, make_job
from convcli.kernels.library import find, search_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

pytest.importorskip("watchfiles", reason="the extra 'watch' is not installed")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")

ROOT = Path(__file__).parents[1]
PATIENCE = 60
LISTENING = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
SOON = "from convcli.batch import watch; watch.watch.__kwdefaults__['settle'] = 0.4\n"
MAIN = "from convcli.__main__ import main; main()\n"


class Watcher:
    """`convcli apply --watch in -o out`, and what came of it so far."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.inputs, self.results = folder, folder / "in", folder / "out"
        self.inputs.mkdir()
        self.child: subprocess.Popen[bytes] | None = None

    def start(self, *words: str) -> None:
        words = ("-o", "out", "--report", "run.jsonl", *words)
        with (self.folder / "told").open("w") as told:
            self.child = subprocess.Popen(
                [sys.executable, "-c", LISTENING + SOON + MAIN, *_COMMAND, *words],
                cwd=self.folder,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                stderr=told,
            )
        _until(lambda: "watching in" in self.told())

    def end(self, number: int = signal.SIGINT) -> int:
        assert self.child
        self.child.send_signal(number)
        return self.child.wait(PATIENCE)

    def told(self) -> str:
        return (self.folder / "told").read_text()

    def made(self) -> set[str]:
        return {str(path.relative_to(self.results)) for path in self.results.rglob("*.png")}

    def items(self) -> list[dict[str, object]]:
        journal = self.folder / "run.jsonl"
        lines = [json.loads(line) for line in journal.read_text().splitlines()]
        return [line for line in lines if line["type"] == "item"]

    def outcomes(self) -> list[tuple[object, object]]:
        return [(item["input"], item["status"]) for item in self.items()]


_COMMAND = ("apply", "--watch", "in", "-k", "sobel")


@pytest.fixture
def watcher(tmp_path: Path) -> Iterator[Watcher]:
    found = Watcher(tmp_path)
    yield found
    if found.child:
        with suppress(ProcessLookupError):
            found.child.kill()
        found.child.wait()


def _until(reached: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.02)


def _picture(path: Path, shade: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(shade).integers(0, 256, (60, 70, 3), dtype=np.uint8)
    Image.fromarray(samples).save(path)
    return path


def test_what_lies_there_is_done_then_what_comes_in_its_tree(watcher: Watcher) -> None:
    _picture(watcher.inputs / "a" / "first.png")
    watcher.start()
    _until(lambda: watcher.made() == {"a/first.png"})
    _picture(watcher.inputs / "b" / "c" / "second.png")
    _until(lambda: watcher.made() == {"a/first.png", "b/c/second.png"})
    assert watcher.end() == 0
    assert watcher.outcomes() == [("in/a/first.png", "ok"), ("in/b/c/second.png", "ok")]
    assert "2 images written" in watcher.told()


def test_a_file_is_taken_when_it_has_stopped_growing(watcher: Watcher, tmp_path: Path) -> None:
    watcher.start()
    whole = _picture(tmp_path / "elsewhere.png").read_bytes()
    step = len(whole) // 12
    with (watcher.inputs / "slow.png").open("wb") as file:
        for at in range(0, len(whole), step):
            file.write(whole[at : at + step])
            file.flush()
            time.sleep(0.15)
    _until(lambda: watcher.made() == {"slow.png"})
    assert watcher.end() == 0
    assert watcher.outcomes() == [("in/slow.png", "ok")]


def test_renamed_files_and_a_burst_are_each_done_once(watcher: Watcher, tmp_path: Path) -> None:
    watcher.start()
    _picture(tmp_path / "made.png").rename(watcher.inputs / "moved.png")
    for number in range(50):
        _picture(watcher.inputs / f"{number:02d}.png", number)
    expected = {"moved.png", *(f"{number:02d}.png" for number in range(50))}
    _until(lambda: watcher.made() == expected)
    time.sleep(1.0)
    assert watcher.end() == 0
    done = [item["input"] for item in watcher.items()]
    assert len(done) == len(set(done)) == 51


def test_a_changed_file_is_done_again_though_its_time_is_old(watcher: Watcher) -> None:
    source = _picture(watcher.inputs / "a.png")
    watcher.start()
    _until(lambda: watcher.made() == {"a.png"})
    before = (watcher.results / "a.png").read_bytes()
    _picture(source, 9)
    os.utime(source, (1e9, 1e9))
    _until(lambda: (watcher.results / "a.png").read_bytes() != before)
    assert watcher.end() == 0


def test_a_failure_is_told_once_and_mended_by_a_change(watcher: Watcher) -> None:
    broken = watcher.inputs / "b.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n, but no more")
    watcher.start()
    _until(lambda: "failed" in watcher.told())
    _picture(watcher.inputs / "other.png")
    _until(lambda: watcher.made() == {"other.png"})
    time.sleep(1.0)
    assert watcher.told().count("in/b.png: failed") == 1
    _picture(broken)
    _until(lambda: watcher.made() == {"other.png", "b.png"})
    assert watcher.end() == 7


def test_results_that_are_newer_are_not_made_again(watcher: Watcher) -> None:
    old = _picture(watcher.inputs / "old.png")
    os.utime(old, (1e9, 1e9))
    there = _picture(watcher.results / "old.png", 5).read_bytes()
    watcher.start()
    _picture(watcher.inputs / "new.png")
    _until(lambda: watcher.made() == {"new.png", "old.png"})
    assert watcher.end() == 0
    assert (watcher.results / "old.png").read_bytes() == there
    assert sorted(watcher.outcomes()) == [("in/new.png", "ok"), ("in/old.png", "skipped")]


def test_folders_that_go_and_files_that_vanish_stop_nothing(watcher: Watcher) -> None:
    gone = _picture(watcher.inputs / "sub" / "gone.png")
    watcher.start()
    gone.unlink()
    gone.parent.rmdir()
    watcher.inputs.rmdir()
    _until(lambda: "in is gone; waiting for it" in watcher.told())
    _picture(watcher.inputs / "back.png")
    _until(lambda: watcher.made() >= {"back.png"})
    assert watcher.end() == 0
    assert "failed" not in watcher.told()


def test_sigterm_ends_it_as_ctrl_c_does(watcher: Watcher) -> None:
    _picture(watcher.inputs / "a.png")
    watcher.start()
    _until(lambda: watcher.made() == {"a.png"})
    assert watcher.end(signal.SIGTERM) == 0
    assert "1 image written" in watcher.told()
    assert [path for path in watcher.results.iterdir() if path.suffix != ".png"] == []


def test_two_inputs_of_one_result_do_not_replace_each_other(watcher: Watcher) -> None:
    _picture(watcher.inputs / "a.png", 1)
    watcher.start("--format", "png")
    _until(lambda: watcher.made() == {"a.png"})
    before = (watcher.results / "a.png").read_bytes()
    _picture(watcher.inputs / "a.bmp", 2)
    _until(lambda: "Two inputs have one target" in watcher.told())
    assert watcher.end() == 7
    assert (watcher.results / "a.png").read_bytes() == before


# --- refused before any work --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["in", "-o", "in/out"], OutputError.exit_code, "lies in in, which is watched"),
        (["in", "-o", "in"], OutputError.exit_code, "lies in in, which is watched"),
        (["in/a.png", "-o", "out"], UsageError.exit_code, "needs folders, and in/a.png is none"),
        (["in", "-o", "-"], UsageError.exit_code, "needs a folder for results"),
        (["in", "--in-place", "--yes"], UsageError.exit_code, "--in-place"),
        (["in", "-o", "out", "--name", "{index}.png"], UsageError.exit_code, "{index}"),
        (["in", "-o", "out", "--exists", "error"], UsageError.exit_code, "--exists error"),
        (["in", "-o", "out", "-n"], UsageError.exit_code, "exclude each other"),
    ],
)
def test_what_makes_no_sense_is_refused(
    watcher: Watcher, words: Sequence[str], code: int, told: str
) -> None:
    _picture(watcher.inputs / "a.png")
    ended = subprocess.run(
        [sys.executable, "-m", "convcli", "apply", "--watch", "-k", "sobel", *words],
        cwd=watcher.folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert ended.returncode == code
    assert told in ended.stderr
    assert not watcher.results.exists()


def test_a_link_into_a_watched_folder_is_inside_it(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "in")
    with pytest.raises(OutputError, match="is watched"):
        coming.check_place([str(tmp_path / "in")], Wanted(str(tmp_path / "link" / "out")))
    coming.check_place([str(tmp_path / "in")], Wanted(str(tmp_path / "in-out")))


def test_a_root_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder that could be watched"):
        watch.watch([str(tmp_path / "none")], lambda _: [], lambda _: "", print)


def test_without_the_library_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    with pytest.raises(MissingExtra, match=r"pip install 'convcli\[watch\]'"):
        watch.watch([str(tmp_path)], lambda _: [], lambda _: "", print)


def test_looks_go_on_where_the_system_tells_of_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import watchfiles

    def limited(*_: object, **__: object) -> Iterator[object]:
        raise OSError("limit reached")

    monkeypatch.setattr(watchfiles, "watch", limited)
    monkeypatch.setattr(watch, "OFTEN", 0.05)
    told: list[str] = []
    looks: list[int] = []

    def grown(_: Sequence[str]) -> list[Input]:
        looks.append(1)
        return [Input("late.png", size=min(len(looks), 5), mtime=1)]

    why = watch.watch([str(tmp_path)], grown, lambda _: "enough", told.append, settle=0.1)
    assert why == "enough"
    assert len(looks) > 5
    assert told == ["the system tells of no changes (limit reached): looking every 0.05 s"]


def test_a_kernel_in_use_is_not_replaced(tmp_path: Path) -> None:
    job = make_job([find("sobel", search_path([]))], Wishes())
    kernel = _picture(tmp_path / "out" / "a.png")
    wanted = Wanted(str(tmp_path / "out"), exists="overwrite")
    course = coming.Coming([str(tmp_path / "in")], wanted, [job], [str(kernel)])
    source = Input(str(_picture(tmp_path / "in" / "a.png")), "in")
    tasks, refused = course.tasks([source])
    assert tasks == []
    assert "is a kernel of this run" in refused[0][1].message


def test_an_input_whose_owner_is_gone_may_have_its_target(tmp_path: Path) -> None:
    job = make_job([find("sobel", search_path([]))], Wishes())
    out = tmp_path / "out"
    course = coming.Coming([str(tmp_path / "in")], Wanted(str(out), form="png"), [job])
    first, second = _picture(tmp_path / "in" / "a.png"), _picture(tmp_path / "in" / "a.bmp")
    assert len(course.tasks([Input(str(first), "in")])[0]) == 1
    assert course.tasks([Input(str(second), "in")])[0] == []
    first.unlink()
    assert len(course.tasks([Input(str(second), "in")])[0]) == 1
