"""Names of files are other people's words: none of them moves a cursor or breaks a row."""

from __future__ import annotations

import csv
import json
import os
from io import StringIO
from pathlib import Path

import pytest
from PIL import Image

from convcli import render, terminal
from convcli.cli.main import run
from convcli.forms import FORMS, Report
from convcli.report import Item

NASTY = "a\x1b[2Jb\nc\td\u202ee.png"
SHOWN = "a\\x1b[2Jb\\nc\\td\\u202ee.png"
BOX = ("-k", "box")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder and one for results; the first is the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    return tmp_path


def picture(name: str | bytes) -> str:
    Image.new("L", (8, 8), 9).save("plain.png")
    os.replace("plain.png", os.fsencode(name))  # noqa: PTH105 - a path of bytes
    return os.fsdecode(name)


def lines(text: str) -> list[str]:
    assert all(line.isprintable() for line in text.split("\n")), text
    return text.splitlines()


@pytest.mark.usefixtures("place")
@pytest.mark.skipif(os.name != "posix", reason="such names are POSIX's")
def test_no_name_reaches_the_terminal_raw(capsys: pytest.CaptureFixture[str]) -> None:
    name = picture(NASTY)
    assert run(["apply", name, "-o", "out", *BOX]) == 0
    assert lines(capsys.readouterr().err)[0].startswith(f"{SHOWN} -> out/{SHOWN}: ")
    Path("good.png").write_bytes(Path(name).read_bytes())
    assert run(["apply", name, "good.png", "-o", "out", "-j1", *BOX, "--overwrite"]) == 0
    assert lines(capsys.readouterr().err)[0].startswith(f"{SHOWN} -> ")
    assert run(["apply", f"no{name}", f"nor{name}", "-o", "out", *BOX]) == 8
    assert lines(capsys.readouterr().err)[0] == f"no{SHOWN}: failed"
    assert run(["apply", f"no{name}", "-o", "out", *BOX]) == 4
    lines(capsys.readouterr().err)
    assert run(["plan", name, *BOX]) == 0
    assert lines(capsys.readouterr().out)[0].startswith(f"{SHOWN}: ")
    assert run(["apply", "--range", "\x1b[2J"]) == 2
    lines(capsys.readouterr().err)


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["apply", "LONG.png", "-o", "out.png", *BOX], 4),
        (["apply", "a.png", "-o", "LONG.png", *BOX], 5),
        (["apply", "a.png", "-o", "out.png", *BOX, "--report", "LONG.json"], 5),
        (["apply", "a.png", "-o", "out.png", "-k", "LONG.yaml"], 3),
        (["apply", "a.png", "-o", "out.png", "-m", "@LONG.csv"], 3),
        (["kernels", "check", "LONG.yaml"], 4),
        (["kernels", "list", "--kernels", "LONG"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_name_that_is_too_long_is_no_bug(args: list[str], code: int) -> None:
    picture("a.png")
    assert run([word.replace("LONG", "x" * 300) for word in args]) == code
    assert sorted(path.name for path in Path().iterdir()) == ["a.png", "out"]


def test_the_table_of_a_terminal_has_no_raw_name() -> None:
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    render.item_report(Item(NASTY, NASTY, wall=1.0), stream)
    assert f"{SHOWN} -> {SHOWN}" in stream.getvalue()


def test_a_message_keeps_its_lines() -> None:
    stream = StringIO()
    terminal.failure("one\n  two\x1b[2J", "three\u202e", stream)
    assert stream.getvalue() == "one\n  two\\x1b[2J\nthree\\u202e\n"


def test_a_row_of_a_report_stays_a_row() -> None:
    item = Item(NASTY, status="failed", error="one\ntwo\x1b", hint="a\u202e", notes=("\x07",))
    [head, row] = csv.reader(StringIO(FORMS["csv"].text(Report(), [item])))
    cells = dict(zip(head, row, strict=True))
    assert cells["input"] == SHOWN
    assert cells["error"] == "one\ntwo\\x1b"
    assert (cells["hint"], cells["notes"]) == ("a\\u202e", "\\x07")
    marks = lines(FORMS["md"].text(Report(), [item]))
    assert len(marks) == 3
    assert SHOWN in marks[2]
    assert "None" not in marks[2]
    assert json.loads(FORMS["json"].text(Report(), [item]))["items"][0]["input"] == NASTY


@pytest.mark.usefixtures("place")
@pytest.mark.skipif(os.name != "posix", reason="such names are POSIX's")
@pytest.mark.parametrize("form", ["json", "jsonl", "csv", "md"])
def test_a_name_that_is_no_text_is_reported(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    name = picture(b"b\xff.png")
    assert run(["apply", name, "-o", "out/", *BOX, "--report", f"run.{form}"]) == 0
    assert "b\\udcff.png -> " in capsys.readouterr().err
    told = Path(f"run.{form}").read_text(encoding="utf-8")
    assert "b\\udcff.png" in told.replace("\\\\", "\\")
    if form == "json":
        whole = json.loads(told)
        assert whole["items"][0]["input"] == "b\\udcff.png"
        assert whole["run"]["command"][2] == "b\\udcff.png"


@pytest.mark.usefixtures("place")
@pytest.mark.skipif(os.name != "posix", reason="such names are POSIX's")
def test_a_plan_names_what_is_no_text(capfd: pytest.CaptureFixture[str]) -> None:
    name = picture(b"b\xff.png")
    assert run(["plan", name, *BOX]) == 0
    assert capfd.readouterr().out.startswith("b\\udcff.png: PNG")
    assert run(["plan", name, *BOX, "--json"]) == 0
    assert json.loads(capfd.readouterr().out)[0]["input"] == "b\\udcff.png"
