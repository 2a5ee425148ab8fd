"""The report of a run: where it may go, when it is written, and what a stopped run leaves."""

from __future__ import annotations

import errno
import json
import os
import pickle
import re
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from convcli import closing
from convcli.batch import running
from convcli.batch.earlier import CRASHED
from convcli.cli.main import run
from convcli.errors import ConvError, InputError, OutputError
from convcli.forms import FORMS, Report
from convcli.frame import about
from convcli.io.growing import Growing
from convcli.journal import Journal
from convcli.record import OFTEN
from convcli.report import Item, item_of, row
from convcli.run import process as genuine
from convcli.runs import read_run

BOX = ("-k", "box")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two pictures, a folder for results and kernel files; the folder is the current one."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.png"):
        Image.effect_noise((8, 8), 60).save(tmp_path / name)
    (tmp_path / "out").mkdir()
    (tmp_path / "kk.csv").write_text("1 2 1\n")
    (tmp_path / "my.yaml").write_text("name: my\nmatrix: 1 2 1\n")
    return tmp_path


def items(report: str = "run.json") -> list[dict[str, object]]:
    whole = json.loads(Path(report).read_text())
    found: list[dict[str, object]] = whole["items"]
    return found


@pytest.mark.usefixtures("place")
@pytest.mark.skipif(os.name != "posix", reason="links are made as POSIX does")
def test_a_loop_of_links_is_one_failed_image() -> None:
    Path("loop.png").symlink_to("loop.png")
    args = ["apply", "a.png", "loop.png", "-j1", "-o", "out", *BOX, "--report", "run.json"]
    assert run(args) == 7
    fates = {item["input"]: item["status"] for item in items()}
    assert fates == {"a.png": "ok", "loop.png": "failed"}


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    "args",
    [
        ["-o", "b2.png", "-m", "@kk.csv", "--report", "kk.csv"],
        ["-o", "b2.png", "-m", " @ ./kk.csv", "--report", "kk.csv"],
        ["-o", "kk.csv", "-m", "@kk.csv"],
        ["-o", "kk.csv", "-k", "kk.csv"],
        ["-o", "b2.png", "-k", "my.yaml", "--report", "same.csv"],
    ],
    ids=" ".join,
)
def test_a_kernel_file_is_not_written_over(
    args: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("same.csv").hardlink_to("my.yaml")
    before = {path: path.read_bytes() for path in Path().iterdir() if path.is_file()}
    assert run(["apply", "a.png", *args, "--overwrite"]) == 5
    assert "a kernel of this run" in capsys.readouterr().err
    assert before == {path: path.read_bytes() for path in Path().iterdir() if path.is_file()}


@pytest.mark.usefixtures("place")
def test_a_report_that_fails_at_the_end_says_that_the_images_are_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Growing, "_put", full)
    assert run(["apply", "none.png", "-o", "c.png", *BOX, "--report", "run.json"]) == 5
    assert "No space left on device.\n" in (told := capsys.readouterr().err)
    assert "written; " not in told
    Path("run.json").unlink()
    assert run(["apply", "a.png", "-o", "c.png", *BOX, "--report", "run.json"]) == 5
    told = capsys.readouterr().err
    assert "No space left" in told
    assert "1 image was written; the report was not." in told
    assert Path("c.png").exists()
    assert items() == []


@pytest.mark.usefixtures("place")
def test_a_report_is_begun_before_the_first_image_and_kept_when_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def process(source: str, *args: object) -> Item:
        assert Path("run.json").exists()
        if source == "b.png":
            raise KeyboardInterrupt
        return genuine(source, *args)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(running, "process", process)
    args = ["apply", "a.png", "b.png", "-o", "out", *BOX, "--report", "run.json"]
    assert run(args) == 130
    assert [item["input"] for item in items()] == ["a.png"]
    assert sorted(path.name for path in Path().iterdir()) == sorted(
        ["a.png", "b.png", "kk.csv", "my.yaml", "out", "run.json"]
    )


def items_so_far() -> list[dict[str, object]]:
    """Whoever reads while a piece is written sees half of it, and looks again."""
    for _ in range(1000):
        with suppress(json.JSONDecodeError):
            return items()
    return items()


@pytest.mark.usefixtures("place")
def test_a_report_grows_while_a_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def process(source: str, *args: object) -> Item:
        seen.append(len(items_so_far()))
        return genuine(source, *args)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(running, "process", process)
    for number in range(8):
        Path(f"{number}.png").write_bytes(Path("a.png").read_bytes())
    names = [f"{number}.png" for number in range(8)]
    assert run(["apply", *names, "-j1", "-o", "out", *BOX, "--report", "run.json"]) == 0
    assert seen[0] == 0
    assert all(told >= number - running.AHEAD for number, told in enumerate(seen))


@pytest.mark.usefixtures("place")
def test_debug_prints_the_traceback_of_a_failed_image(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["apply", "none.png", "-o", "c.png", *BOX, "--debug"]) == 4
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert told.rstrip().splitlines()[-1].startswith(("none.png does not exist", "Check"))
    assert run(["apply", "none.png", "-o", "c.png", *BOX]) == 4
    assert "Traceback" not in capsys.readouterr().err


def noted(path: Path, number: int) -> None:
    """So many items of 100 bytes of name, in a journal at `path`."""
    report = Report(("convcli",), "1")
    with Journal(report, str(path), path.suffix[1:], overwrite=True) as journal:
        for index in range(number):
            journal.note(Item(f"{index:0100}", wall=index / 1000))


@pytest.mark.parametrize("form", FORMS)
def test_a_journal_holds_no_more_of_many_items_than_of_few(form: str, tmp_path: Path) -> None:
    held = []
    noted(tmp_path / f"warm.{form}", OFTEN + 1)  # what is made for records that come often is made
    for number in (200, 2000):
        tracemalloc.start()
        noted(tmp_path / f"run.{form}", number)
        held.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert held[1] < held[0] + 40_000


@pytest.mark.parametrize("form", FORMS)
def test_an_item_is_one_write_and_in_the_file_at_once(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine, written = Growing.__init__, []

    class Watched(FileIO):
        def write(self, data: Any) -> int:
            written.append(bytes(data))
            return super().write(data)

    def opened(self: Growing, name: str, tail: bytes = b"") -> None:
        genuine(self, name, tail)
        self._file.close()
        self._file = Watched(name, "r+b")

    monkeypatch.setattr(Growing, "__init__", opened)
    path = tmp_path / f"run.{form}"
    with Journal(Report(("convcli",), "1"), str(path), form) as book:
        for number in range(3):
            book.note(Item(f"name-{number}"))
            assert len(written) == number + 1
            assert f"name-{number}".encode() in path.read_bytes()
            assert written[-1].endswith(b"\n")
            if form == "json":
                assert len(json.loads(path.read_bytes())["items"]) == number + 1


def test_a_disk_that_is_full_for_a_while_loses_one_item_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine = Growing._put  # noqa: SLF001 - what a full disk refuses

    def full(self: Growing, piece: bytes) -> None:
        if b'"input": "lost", "output"' in piece:
            genuine(self, piece[:50])
            raise OSError(errno.ENOSPC, "No space left on device")
        genuine(self, piece)

    monkeypatch.setattr(Growing, "_put", full)
    for form in ("json", "jsonl"):
        path = tmp_path / f"run.{form}"
        book = Journal(Report(("convcli",), "1"), str(path), form)
        with pytest.raises(OutputError, match="3 images were written; not all of the report"):
            noted_by_name(book, "one", "lost", "two")
        found = read_run(str(path))
        assert [name for name, _ in found.outcomes] == ["one", "two"]
        assert not found.torn
        assert not found.ignored


def noted_by_name(book: Journal, *names: str) -> None:
    with book:
        for name in names:
            book.note(Item(name))


@pytest.mark.skipif(os.name != "posix", reason="devices are POSIX's")
def test_a_pipe_gets_the_same_pieces_one_after_the_other(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "run.json")
    with ThreadPoolExecutor() as pool:
        read = pool.submit((tmp_path / "run.json").read_text)
        noted(tmp_path / "run.json", 2)
        assert len(json.loads(read.result())["items"]) == 2


@pytest.mark.usefixtures("place")
def test_ctrl_c_says_what_is_left_and_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def process(source: str, *args: object) -> Item:
        if source == "b.png":
            raise KeyboardInterrupt
        return genuine(source, *args)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(running, "process", process)
    args = ["apply", "a.png", "b.png", "-o", "out", *BOX]
    assert run([*args, "--report", "run.jsonl"]) == 130
    told = capsys.readouterr().err
    assert "Interrupted: 1 of 2 images done, 1 left; nothing half-written was left.\n" in told
    assert f"  go on with: convcli {' '.join(args)} --resume run.jsonl\n" in told
    monkeypatch.setattr(running, "process", genuine)
    assert run([*args, "--resume", "run.jsonl"]) == 0
    assert len(list(Path("out").iterdir())) == 2


CAUSES = {
    "missing": "none.png",
    "empty": "empty.png",
    "damaged": "cut.png",
    "not-an-image": "text.png",
    "too-large": "a.png",
    "exists": "b.png",
    "kernel": "a.png",
}


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("cause", CAUSES)
def test_the_cause_of_a_failure_is_a_word_that_stays(
    cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("empty.png").touch()
    Path("text.png").write_text("no picture")
    Path("cut.png").write_bytes(Path("a.png").read_bytes()[:60])
    more = {
        "too-large": ["--max-pixels", "10"],
        "kernel": ["-k", "gaussian:9", "--extent", "valid"],
    }
    if cause == "exists":
        Path("out/b.png").touch()
        monkeypatch.setattr("convcli.io.check_target", lambda *_, **__: None)
    args = [CAUSES[cause], "-o", f"out/{CAUSES[cause]}", *BOX, *more.get(cause, [])]
    assert run(["apply", *args, "--report", "run.json"]) != 0
    assert [item["cause"] for item in items()] == [cause]
    assert cause in closing.CAUSES


def test_causes_cross_the_borders_of_processes_and_names_of_files() -> None:
    error = InputError("what", "cure", cause="damaged")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (again.cause, again.hint) == ("damaged", "cure")
    with pytest.raises(InputError) as caught, about("a.png"):
        raise error
    assert (caught.value.cause, caught.value.message) == ("damaged", "a.png: what")
    assert OutputError("x").cause == "unwritable"


def test_items_come_back_from_their_rows() -> None:
    made = Item("a", "b", kernel="box", pixels=2_000_000, cause="damaged", key="k", mtime_ns=5)
    made.notes, made.wall = ("one", "two"), 0.5
    made.seconds["filter"] = 0.25
    assert item_of(json.loads(json.dumps(row(made)))) == made


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    ("report", "out"),
    [("way/new.csv", "new.csv"), ("twin.csv", "out/a.png"), ("link.csv", "out/a.png")],
)
def test_a_report_is_no_image_by_another_name(
    report: str, out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("way").symlink_to(".")
    Path("link.csv").symlink_to("a.png")
    Path("twin.csv").hardlink_to("a.png")
    before = Path("a.png").read_bytes()
    args = ["apply", "a.png", "-o", out, *BOX, "--report", report, "--overwrite"]
    assert run(args) == 2
    assert f"--report {report}: an image is there." in capsys.readouterr().err
    assert Path("a.png").read_bytes() == before


def test_every_cause_is_told_in_words() -> None:
    sources = (Path(__file__).parents[1] / "convcli").rglob("*.py")
    texts = (path.read_text(encoding="utf-8") for path in sources)
    written = {cause for text in texts for cause in re.findall(r'cause="([a-z-]+)"', text)}
    errors: list[type[ConvError]] = [ConvError, *ConvError.__subclasses__()]
    kinds = {error.kind for error in errors}
    assert written | kinds | {CRASHED} <= closing.CAUSES.keys()
