"""
Runs in place that are killed, resumed and repeated: no file is filtered twice, none left out.

A result is told from an input by the journal alone, and where a run was killed before it noted a
file, by the time in which that run may have written it.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from PIL import Image

from convcli.cli.main import run

HOUR = 3600.0


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three pictures in a folder, an hour old."""
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    for name in "abc":
        picture(name)
        aged(name)
    return tmp_path


def picture(name: str) -> None:
    Image.effect_noise((64, 48), 60).save(f"in/{name}.png")


def aged(name: str, seconds: float = HOUR) -> None:
    then = time.time() - seconds
    os.utime(f"in/{name}.png", (then, then))


def apply(*more: str) -> int:
    return run(["apply", "in", "--in-place", "--yes", "-k", "box", "-q", *more])


def contents() -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in Path("in").iterdir()}


def changed(before: dict[str, bytes]) -> str:
    """The names of what was filtered since."""
    return "".join(sorted(name for name, data in contents().items() if data != before.get(name)))


def lose(journal: str, name: str) -> None:
    """What a run leaves that was killed between writing this picture and noting it."""
    lines = [json.loads(line) for line in Path(journal).read_text().splitlines()]
    kept = [
        line for line in lines if line["type"] == "run" or line.get("input") != f"in/{name}.png"
    ]
    text = "".join(json.dumps(line) + "\n" for line in kept if line["type"] != "summary")
    Path(journal).write_text(text)


def test_what_was_replaced_but_not_noted_is_not_filtered_again() -> None:
    assert apply("--report", "run.jsonl") == 0
    before = contents()
    lose("run.jsonl", "b")
    assert apply("--resume", "run.jsonl") == 0
    assert changed(before) == ""
    assert apply("--resume", "run.jsonl") == 0
    assert changed(before) == ""


def test_another_journal_is_told_of_what_was_replaced_but_not_noted() -> None:
    assert apply("--report", "run.jsonl") == 0
    before = contents()
    lose("run.jsonl", "b")
    assert apply("--resume", "run.jsonl", "--report", "next.jsonl") == 0
    assert apply("--resume", "next.jsonl") == 0
    assert changed(before) == ""
    last = json.loads(Path("next.jsonl").read_text().splitlines()[-1])
    assert (last["ok"], last["skipped"]) == (0, 3)


def test_a_picture_behind_a_link_is_not_filtered_again(place: Path) -> None:
    (place / "kept").mkdir()
    os.replace("in/b.png", "kept/b.png")
    Path("in/b.png").symlink_to("../kept/b.png")
    assert apply("--report", "run.jsonl") == 0
    before = contents()
    assert apply("--resume", "run.jsonl") == 0
    assert changed(before) == ""
    lose("run.jsonl", "b")
    assert apply("--resume", "run.jsonl") == 0
    assert changed(before) == ""


def test_a_failed_picture_is_filtered_once_it_was_repaired() -> None:
    Path("in/b.png").write_bytes(b"no picture")
    assert apply("--report", "run.jsonl") == 7
    picture("b")
    before = contents()
    assert apply("--resume", "run.jsonl") == 0
    assert changed(before) == "b"
    before = contents()
    lose("run.jsonl", "b")
    assert apply("--resume", "run.jsonl") == 0
    assert changed(before) == ""


def test_a_picture_that_came_after_the_run_is_filtered() -> None:
    assert apply("--report", "run.jsonl") == 0
    text = Path("run.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    lines[0]["started"] = "2001-01-01T00:00:00.000+00:00"
    Path("run.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    picture("d")
    before = contents()
    assert apply("--resume", "run.jsonl") == 0
    assert changed(before) == "d"
    before = contents()
    assert apply("--resume", "run.jsonl") == 0
    assert changed(before) == ""
