"""Paths, pipes and refusals: what is read, what is replaced, what is left behind."""

from __future__ import annotations

import errno
import io
import os
import stat
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from convcli.errors import InputError, OutputError
from convcli.io import check_target, read_bytes, temporary, write_bytes


class Stream:
    """Standard input or output made of bytes."""

    def __init__(self, data: bytes = b"", *, terminal: bool = False) -> None:
        self.buffer = io.BytesIO(data)
        self.terminal = terminal
        self.closed = False

    def isatty(self) -> bool:
        return self.terminal


def test_reading_returns_every_byte(tmp_path: Path) -> None:
    file = tmp_path / "a b.bin"
    file.write_bytes(b"\0\r\n\xff")
    assert read_bytes(file) == read_bytes(str(file)) == b"\0\r\n\xff"


def test_standard_input_is_read_as_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Stream(b"\r\n\x1a\0"))
    assert read_bytes("-") == b"\r\n\x1a\0"


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (Stream(terminal=True), "terminal makes no sense"),
        (Stream(), "Standard input is empty"),
        (None, "closed"),
    ],
)
def test_other_standard_inputs_are_refused(
    stream: Stream | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", stream)
    with pytest.raises(InputError, match=said):
        read_bytes("-")


def test_unreadable_paths_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    said = {
        "missing.png": "does not exist",
        "no/where.png": "does not exist",
        ".": "is a folder",
        "empty.png": "is empty",
        "loop.png": "can't be read",
        "x" * 300: "can't be read",
    }
    for name, words in said.items():
        path = str(tmp_path / name)
        with pytest.raises(InputError) as caught:
            read_bytes(path)
        assert path in caught.value.message
        assert words in caught.value.message
    with pytest.raises(InputError, match="null"):
        read_bytes("a\0b")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("a.png", "Check the spelling."),
        ("new/", "Check the spelling."),
        ("no/a.png", "There is no folder no either."),
    ],
)
def test_a_missing_file_in_a_missing_folder_is_told_so(
    name: str, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        read_bytes(name)
    assert caught.value.hint == hint


def test_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object, **__: object) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    (tmp_path / "secret.png").touch()
    monkeypatch.setattr("builtins.open", denied)
    with pytest.raises(InputError, match=r"secret\.png: no permission"):
        read_bytes(tmp_path / "secret.png")


def left(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_new_file_is_written_whole_with_the_usual_mode(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        write_bytes(tmp_path / "a.png", b"abc", overwrite=False)
    finally:
        os.umask(mask)
    assert (tmp_path / "a.png").read_bytes() == b"abc"
    assert stat.S_IMODE((tmp_path / "a.png").stat().st_mode) == 0o640
    assert left(tmp_path) == ["a.png"]


def test_an_old_file_is_kept_unless_told(tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    target.write_bytes(b"old")
    for refuse in (
        check_target,
        lambda path, *, overwrite: write_bytes(path, b"", overwrite=overwrite),
    ):
        with pytest.raises(OutputError, match="exists") as caught:
            refuse(target, overwrite=False)
        assert "--overwrite" in caught.value.hint
    assert target.read_bytes() == b"old"
    target.chmod(0o600)
    write_bytes(target, b"new", overwrite=True)
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert left(tmp_path) == ["a.png"]


def test_a_file_that_appears_meanwhile_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a.png"
    publish = temporary._publish  # noqa: SLF001 - the moment between check and rename

    def late(*parts: Any, **named: Any) -> None:
        target.write_bytes(b"theirs")
        publish(*parts, **named)

    monkeypatch.setattr(temporary, "_publish", late)
    with pytest.raises(OutputError, match="exists"):
        write_bytes(target, b"ours", overwrite=False)
    assert target.read_bytes() == b"theirs"
    assert left(tmp_path) == ["a.png"]


def test_without_hard_links_nothing_is_replaced_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", unknown)
    write_bytes(tmp_path / "a.png", b"one", overwrite=False)
    with pytest.raises(OutputError, match="exists"):
        write_bytes(tmp_path / "a.png", b"two", overwrite=False)
    assert (tmp_path / "a.png").read_bytes() == b"one"
    assert left(tmp_path) == ["a.png"]


def test_a_name_that_was_claimed_in_vain_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "link", refused)
    monkeypatch.setattr(os, "replace", refused)
    with pytest.raises(OutputError, match="Input/output error"):
        write_bytes(tmp_path / "a.png", b"one", overwrite=False)
    assert left(tmp_path) == []


def test_of_many_writers_one_wins(tmp_path: Path) -> None:
    target, refused = tmp_path / "a.png", []

    def write(number: int) -> None:
        try:
            write_bytes(target, b"%d" % number * 100_000, overwrite=False)
        except OutputError as error:
            refused.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 7
    assert len(set(target.read_bytes())) == 1
    assert left(tmp_path) == ["a.png"]


@pytest.mark.parametrize(
    "failure", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()]
)
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_failure_leaves_nothing_behind(
    tmp_path: Path,
    failure: BaseException,
    overwrite: bool,  # noqa: FBT001 - a parameter of the table
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = tmp_path / "a.png"
    if overwrite:
        target.write_bytes(b"old")

    def fail(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(temporary, "_publish", fail)
    with pytest.raises((OutputError, KeyboardInterrupt)) as caught:
        write_bytes(target, b"new", overwrite=overwrite)
    if isinstance(failure, OSError):
        assert "No space left" in str(caught.value)
        assert str(target) in str(caught.value)
    assert left(tmp_path) == (["a.png"] if overwrite else [])


def test_impossible_targets_are_refused_before_and_at_writing(tmp_path: Path) -> None:
    said = {
        str(tmp_path): "is a folder",
        str(tmp_path / "new") + "/": "is a folder",
        str(tmp_path / "no" / "a.png"): "there is no folder",
        str(tmp_path / "a\0b.png"): "can't be written",
    }
    for path, words in said.items():
        with pytest.raises(OutputError, match=words):
            check_target(path, overwrite=True)
        with pytest.raises(OutputError, match=words):
            write_bytes(path, b"x", overwrite=True)
    with pytest.raises(OutputError, match="can't be written"):
        write_bytes(tmp_path / ("x" * 300), b"x", overwrite=True)
    assert left(tmp_path) == []


def test_folders_on_the_way_are_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "new/b/c.png", "new/b/d.png", str(tmp_path / "new" / "e" / "f.png")):
        write_bytes(name, name.encode(), overwrite=False, folders=True)
        assert Path(name).read_bytes() == name.encode()


def test_a_folder_that_another_one_makes_meanwhile_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = os.makedirs

    def late(*given: Any, **named: Any) -> None:
        genuine(*given)
        genuine(*given, **named)

    monkeypatch.setattr(os, "makedirs", late)
    write_bytes(tmp_path / "new" / "b" / "c.png", b"x", overwrite=False, folders=True)
    assert (tmp_path / "new" / "b" / "c.png").read_bytes() == b"x"


def test_no_folder_is_made_where_a_link_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    with pytest.raises(OutputError, match="there is no folder"):
        check_target(tmp_path / "link" / "new" / "a.png", overwrite=False, folders=True)


def test_a_disk_that_is_not_there_has_no_folder_above(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter(range(9))
    monkeypatch.setattr(os.path, "lexists", lambda _: next(looks) < 0)
    monkeypatch.setattr(os.path, "isdir", lambda _: False)
    with pytest.raises(OutputError, match="there is no folder /"):
        check_target("/no/such/a.png", overwrite=False, folders=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_locked_folder_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="no permission"):
        check_target(tmp_path / "a.png", overwrite=False)


def test_the_longest_name_can_be_written(tmp_path: Path) -> None:
    name = "x" * 251 + ".png"
    write_bytes(tmp_path / name, b"abc", overwrite=False)
    assert left(tmp_path) == [name]


@pytest.mark.parametrize("dangling", [True, False])
def test_a_link_is_replaced_and_never_written_through(tmp_path: Path, dangling: bool) -> None:  # noqa: FBT001 - a column of the table
    (tmp_path / "real").mkdir()
    if not dangling:
        (tmp_path / "real" / "a.png").write_bytes(b"precious")
    (tmp_path / "link.png").symlink_to(tmp_path / "real" / "a.png")
    with pytest.raises(OutputError, match="exists"):
        write_bytes(tmp_path / "link.png", b"abc", overwrite=False)
    write_bytes(tmp_path / "link.png", b"abc", overwrite=True)
    assert not (tmp_path / "link.png").is_symlink()
    assert (tmp_path / "link.png").read_bytes() == b"abc"
    assert left(tmp_path / "real") == ([] if dangling else ["a.png"])
    assert dangling or (tmp_path / "real" / "a.png").read_bytes() == b"precious"


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/urandom"])
def test_a_device_that_never_ends_is_not_read(name: str) -> None:
    if not Path(name).exists():
        pytest.skip(f"no {name} on this system")
    with pytest.raises(InputError, match="is a device"):
        read_bytes(name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_pipe_without_a_writer_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.png")
    with pytest.raises(InputError, match="is a pipe"):
        read_bytes(tmp_path / "fifo.png")


def test_a_device_is_written_into_not_replaced() -> None:
    write_bytes(os.devnull, b"abc", overwrite=False)
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)  # noqa: PTH116 - a device, not a file


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="no names of open files on this system")
def test_a_pipe_gets_every_byte() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as file:
        write_bytes(f"/dev/fd/{writer}", b"abc", overwrite=False)
        os.close(writer)
        assert file.read() == b"abc"


def test_standard_output_takes_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream()
    monkeypatch.setattr(sys, "stdout", stream)
    check_target("-", overwrite=False)
    write_bytes("-", b"\r\n\0", overwrite=False)
    assert stream.buffer.getvalue() == b"\r\n\0"


def test_a_terminal_gets_no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Stream(terminal=True))
    for refuse in (
        check_target,
        lambda path, *, overwrite: write_bytes(path, b"", overwrite=overwrite),
    ):
        with pytest.raises(OutputError, match="terminal") as caught:
            refuse("-", overwrite=True)
        assert "> out.png" in caught.value.hint
