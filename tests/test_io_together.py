"""Files that belong together appear all, or none does and what was there is back."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from convcli.errors import OutputError
from convcli.io import temporary
from convcli.io.files import replacing_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAMES = ("1", "2", "3", "4")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def written(folder: Path, *, overwrite: bool = False) -> None:
    names = [str(folder / name) for name in NAMES]
    with replacing_all(names, overwrite=overwrite) as files:
        for name, file in zip(NAMES, files, strict=True):
            file.write(b"new " + name.encode())


def at_the_third(monkeypatch: pytest.MonkeyPatch, happen: Callable[[], None]) -> None:
    """Let something happen when the third file is to get its name."""
    genuine, turns = temporary._publish, []  # noqa: SLF001 - the moment between two names

    def publish(*args: Any, **named: Any) -> None:
        turns.append(args)
        if len(turns) == 3:
            happen()
        genuine(*args, **named)

    monkeypatch.setattr(temporary, "_publish", publish)


def fail() -> None:
    raise OSError(5, "the disk is gone")


def taken(place: Path) -> None:
    place.write_bytes(b"mine")


def interrupt() -> None:
    raise KeyboardInterrupt


def undone(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the test, this process does not end."""
    monkeypatch.setattr(temporary._Ending, "begun", False)  # noqa: SLF001 - what abandon sets


def test_all_of_them_appear(tmp_path: Path) -> None:
    new = {name: b"new " + name.encode() for name in NAMES}
    written(tmp_path)
    assert contents(tmp_path) == new
    (tmp_path / "2").write_bytes(b"old")
    written(tmp_path, overwrite=True)
    assert contents(tmp_path) == new


def test_all_other_names_lie_beside_those_that_are_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On another disk there are no second names, and nothing could be renamed."""
    given: list[str] = []
    genuine = temporary._name  # noqa: SLF001 - a name that is gone when the test could look

    def noted(folder: str) -> str:
        given.append(genuine(folder))
        return given[-1]

    written(tmp_path)
    monkeypatch.setattr(temporary, "_name", noted)
    written(tmp_path, overwrite=True)
    assert len(given) == 2 * len(NAMES)
    assert {str(Path(name).parent) for name in given} == {str(tmp_path)}


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_one_that_appears_meanwhile_takes_the_others_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    if not links:
        monkeypatch.delattr("os.link")
    at_the_third(monkeypatch, partial(taken, tmp_path / "3"))
    with pytest.raises(OutputError, match="3 exists"):
        written(tmp_path)
    assert contents(tmp_path) == {"3": b"mine"}


@pytest.mark.parametrize(("happen", "kind"), [(fail, OutputError), (interrupt, KeyboardInterrupt)])
@pytest.mark.parametrize("there", [(), ("1", "3"), NAMES])
def test_what_was_replaced_is_put_back(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    happen: Callable[[], None],
    kind: type[BaseException],
    there: tuple[str, ...],
) -> None:
    for name in there:
        (tmp_path / name).write_bytes(b"old " + name.encode())
    before = contents(tmp_path)
    at_the_third(monkeypatch, happen)
    with pytest.raises(kind):
        written(tmp_path, overwrite=True)
    assert contents(tmp_path) == before


def test_a_link_is_put_back_as_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "1").symlink_to("nowhere")
    at_the_third(monkeypatch, fail)
    with pytest.raises(OutputError):
        written(tmp_path, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["1"]
    assert (tmp_path / "1").is_symlink()


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_process_that_ends_at_once_takes_back_what_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, overwrite: bool
) -> None:
    if overwrite:
        (tmp_path / "1").write_bytes(b"old")
    before, seen = contents(tmp_path), []

    def end() -> None:
        temporary.abandon()
        seen.append(contents(tmp_path))
        raise SystemExit

    undone(monkeypatch)
    at_the_third(monkeypatch, end)
    with pytest.raises(SystemExit):
        written(tmp_path, overwrite=overwrite)
    assert seen == [before]
    assert contents(tmp_path) == before


def test_no_name_is_given_by_a_process_that_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undone(monkeypatch)
    at_the_third(monkeypatch, lambda: setattr(temporary._Ending, "begun", True))  # noqa: SLF001 - as by abandon
    with pytest.raises(OutputError, match="this process ends"):
        written(tmp_path)
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_single_file_that_has_its_name_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, overwrite: bool
) -> None:
    genuine = temporary._publish  # noqa: SLF001 - the moment after the name

    def publish(*args: Any, **named: Any) -> None:
        genuine(*args, **named)
        temporary.abandon()

    undone(monkeypatch)
    monkeypatch.setattr(temporary, "_publish", publish)
    if overwrite:
        (tmp_path / "1").write_bytes(b"old")
    with replacing_all([str(tmp_path / "1")], overwrite=overwrite) as (file,):
        file.write(b"new")
    assert contents(tmp_path) == {"1": b"new"}


@pytest.mark.parametrize("happen", [None, fail, interrupt])
def test_no_name_is_kept_of_what_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, happen: Callable[[], None] | None
) -> None:
    (tmp_path / "1").write_bytes(b"old")
    if happen:
        at_the_third(monkeypatch, happen)
    with suppress(OutputError, KeyboardInterrupt):
        written(tmp_path, overwrite=True)
    assert set() == temporary._UNFINISHED  # noqa: SLF001 - or it would grow with every file


def test_a_second_name_that_nobody_heard_of_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = os.link

    def link(*args: Any, **named: Any) -> None:
        genuine(*args, **named)
        raise KeyboardInterrupt

    undone(monkeypatch)
    monkeypatch.setattr(os, "link", link)
    (tmp_path / "1").write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt):
        written(tmp_path, overwrite=True)
    temporary.abandon()
    assert contents(tmp_path) == {"1": b"old"}


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hasty")
def test_whoever_ends_the_process_and_whoever_writes_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All or none, and nothing else, at whatever moment a thread that writes is abandoned."""
    undone(monkeypatch)
    monkeypatch.setattr(temporary, "_PATIENCE", 60.0)  # other work may keep a thread waiting
    for trial in range(300):
        folder = tmp_path / str(trial)
        folder.mkdir()
        for name in NAMES:
            (folder / name).write_bytes(b"old " + name.encode())
        old, begun = contents(folder), threading.Event()

        def work(folder: Path = folder, begun: threading.Event = begun) -> None:
            begun.set()
            with suppress(OutputError):
                written(folder, overwrite=True)

        temporary._Ending.begun = False  # noqa: SLF001 - once more
        thread = threading.Thread(target=work)
        thread.start()
        begun.wait()
        time.sleep(trial % 30 / 20_000)
        temporary.abandon()
        left = contents(folder)
        assert left in (old, {name: b"new " + name.encode() for name in NAMES})
        thread.join()
        assert contents(folder) == left


def test_no_sweep_takes_what_is_to_be_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NAMES:
        (tmp_path / name).write_bytes(b"old " + name.encode())
    before, swept = contents(tmp_path), []

    def happen() -> None:
        swept.append(temporary.sweep([str(tmp_path)]))
        fail()

    at_the_third(monkeypatch, happen)
    with pytest.raises(OutputError):
        written(tmp_path, overwrite=True)
    assert (contents(tmp_path), swept) == (before, [0])


def test_no_sweep_counts_what_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine, swept = temporary._forget, []  # noqa: SLF001 - that moment

    def forget(name: str) -> None:
        swept.append(temporary.sweep([str(tmp_path)]))
        genuine(name)

    monkeypatch.setattr(temporary, "_forget", forget)
    with temporary.passing(str(tmp_path)):
        pass
    assert swept[0] == 0
    assert contents(tmp_path) == {}
