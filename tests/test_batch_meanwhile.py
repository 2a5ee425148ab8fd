"""Files that come to a target once all targets were checked: another run's, at the same time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

import convcli
from convcli.batch import running
from convcli.cli.main import run
from convcli.errors import SOME_FAILED
from convcli.io import temporary
from convcli.run import process as genuine

if TYPE_CHECKING:
    from collections.abc import Callable

    Meanwhile = Callable[..., None]

ROOT = Path(__file__).parents[1]
WORDS = ("-k", "box", "-o", "out/", "--workers", "threads", "-q")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three pictures."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    for name in "abc":
        Image.effect_noise((20, 20), 60).save(tmp_path / "in" / f"{name}.png")
    return tmp_path


@pytest.fixture
def comes(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Lets a file of a name appear once its own image is in work."""

    def come(*names: str) -> None:
        def process(source: str, *args: Any) -> Any:
            for name in names if Path(source).stem == "b" else ():
                Path("out").mkdir(exist_ok=True)
                Path("out", name).write_bytes(b"theirs")
            return genuine(source, *args)

        monkeypatch.setattr(running, "process", process)

    return come


def left() -> dict[str, bool]:
    """The files of out/, and whether they are theirs."""
    return {path.name: path.read_bytes() == b"theirs" for path in sorted(Path("out").iterdir())}


def ours(*names: str) -> dict[str, bool]:
    return dict.fromkeys(names, False)


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("word", ["skip", "newer"])
def test_it_stays_and_its_input_is_left_out(word: str, comes: Meanwhile) -> None:
    comes("b.png")
    heard: list[Any] = []
    done = convcli.apply_files("in", "out/", "box", exists=word, on_item=heard.append)
    assert (done.ok, done.skipped, done.failed) == (2, 1, 0)
    assert left() == {"a.png": False, "b.png": True, "c.png": False}
    (item,) = [item for item in heard if item.status == "skipped"]
    assert item.notes == ("out/b.png appeared meanwhile",)


@pytest.mark.usefixtures("place")
def test_the_result_gets_the_next_name(comes: Meanwhile) -> None:
    comes("b.png", "b-2.png")
    assert run(["apply", "in", *WORDS, "--exists", "rename", "--report", "run.jsonl"]) == 0
    assert left() == {"b.png": True, "b-2.png": True} | ours("a.png", "b-3.png", "c.png")
    before = Path("out/b-3.png").stat()
    assert run(["apply", "in", *WORDS, "--exists", "rename", "--resume", "run.jsonl"]) == 0
    assert len(left()) == 5
    assert Path("out/b-3.png").stat().st_ino == before.st_ino


@pytest.mark.usefixtures("place")
def test_it_is_the_next_of_the_name_that_was_wanted(comes: Meanwhile) -> None:
    Path("out").mkdir()
    Path("out/b.png").write_bytes(b"theirs")
    comes("b-2.png", "b-3.png")
    assert run(["apply", "in", *WORDS, "--exists", "rename"]) == 0
    theirs = dict.fromkeys(("b.png", "b-2.png", "b-3.png"), True)
    assert left() == theirs | ours("a.png", "b-4.png", "c.png")


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(("word", "code"), [("error", 5), ("skip", 0), ("newer", 0)])
def test_a_run_that_is_resumed_does_not_take_it_for_its_own(
    word: str, code: int, comes: Meanwhile
) -> None:
    """It came while that run was on, but that run knows that it did not write it."""
    comes("b.png")
    run(["apply", "in", *WORDS, "--exists", word, "--report", "run.jsonl"])
    assert run(["apply", "in", *WORDS, "--exists", word, "--resume", "run.jsonl"]) == code
    assert left() == {"a.png": False, "b.png": True, "c.png": False}


@pytest.mark.usefixtures("place")
def test_all_files_of_an_image_get_it(comes: Meanwhile) -> None:
    comes("b-2.png")
    Path("two.yaml").write_text(
        "name: two\noperation: correlate\nlayers:\n"
        "  - weights: [[[[1]], [[0]], [[0]]], [[[0]], [[1]], [[0]]]]\n"
    )
    for name in "abc":
        Image.fromarray(np.full((9, 9, 3), 7, np.uint8)).save(f"in/{name}.png")
    words = ("-k", "two.yaml", "-o", "out/", "--name", "{name}-{filter}.png", "-q")
    assert run(["apply", "in", *words, "--exists", "rename"]) == 0
    expected = ours("a-1.png", "a-2.png", "b-1-2.png", "b-2-2.png", "c-1.png", "c-2.png")
    assert left() == expected | {"b-2.png": True}


@pytest.mark.usefixtures("place")
def test_without_a_word_it_has_failed(comes: Meanwhile, capsys: pytest.CaptureFixture[str]) -> None:
    comes("b.png")
    assert run(["apply", "in", *WORDS]) == SOME_FAILED
    assert "out/b.png exists." in capsys.readouterr().err
    assert left() == {"a.png": False, "b.png": True, "c.png": False}


@pytest.mark.usefixtures("place")
def test_also_in_the_last_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """When all is written, and only the name is to be given."""
    genuine = temporary._publish  # noqa: SLF001 - that moment

    def publish(written: str, target: str, **named: Any) -> None:
        if Path(target).name == "b.png":
            Path(target).write_bytes(b"theirs")
        genuine(written, target, **named)

    monkeypatch.setattr(temporary, "_publish", publish)
    assert run(["apply", "in", *WORDS, "--exists", "rename"]) == 0
    assert left() == {"b.png": True} | ours("a.png", "b-2.png", "c.png")


@pytest.mark.parametrize("word", ["skip", "newer", "rename", "overwrite"])
@pytest.mark.parametrize("workers", ["threads", "processes"])
def test_runs_at_once_share_a_folder(place: Path, word: str, workers: str) -> None:
    for number in range(30):
        Image.effect_noise((100, 100), 60).save(place / "in" / f"{number}.png")
    words = ["apply", "in", "-k", "box", "-o", "out/", "--exists", word, "--workers", workers]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "convcli", *words],
            cwd=place,
            env=environment,
            stderr=subprocess.PIPE,
        )
        for _ in range(3)
    ]
    ended = [(process.communicate()[1], process.returncode) for process in started]
    assert [code for _, code in ended] == [0, 0, 0], ended
    names = list(left())
    assert len(names) == (99 if word == "rename" else 33)
    assert not any(name.startswith(".") for name in names)
    for name in names:
        with Image.open(place / "out" / name) as image:
            image.load()
