"""The report of a run: where it may go, when it is written, and what a stopped run leaves."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from convcli import io
from convcli.batch import running
from convcli.cli.main import run
from convcli.errors import OutputError
from convcli.run import process as genuine

if TYPE_CHECKING:
    from convcli.report import Item

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
    assert [item["status"] for item in items()] == ["ok", "failed"]


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
    written, calls = io.write_bytes, []

    def full(path: str, payload: bytes, *, overwrite: bool) -> None:
        calls.append(path)
        if path == "run.json" and calls.count(path) > 1:
            raise OutputError("run.json can't be written: No space left on device.")
        written(path, payload, overwrite=overwrite)

    monkeypatch.setattr(io, "write_bytes", full)
    assert run(["apply", "none.png", "-o", "c.png", *BOX, "--report", "run.json"]) == 5
    assert "No space left on device.\n" in (told := capsys.readouterr().err)
    assert "written; " not in told
    calls.clear()
    Path("run.json").unlink()
    assert run(["apply", "a.png", "-o", "c.png", *BOX, "--report", "run.json"]) == 5
    told = capsys.readouterr().err
    assert "No space left" in told
    assert "1 image was written; the report was not." in told
    assert Path("c.png").exists()


@pytest.mark.usefixtures("place")
def test_a_report_is_begun_before_the_first_image_and_kept_when_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def process(source: str, *args: object) -> Item:
        assert Path("run.json").exists()
        if source == "b.png":
            raise KeyboardInterrupt
        return genuine(source, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(running, "process", process)
    args = ["apply", "a.png", "b.png", "-o", "out", *BOX, "--report", "run.json"]
    assert run(args) == 130
    assert [item["input"] for item in items()] == ["a.png"]
    assert sorted(path.name for path in Path().iterdir()) == sorted(
        ["a.png", "b.png", "kk.csv", "my.yaml", "out", "run.json"]
    )


@pytest.mark.usefixtures("place")
def test_a_report_grows_while_a_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convcli.cli.journal.PAUSE", 0.0)
    seen = []

    def process(source: str, *args: object) -> Item:
        seen.append(len(items()))
        return genuine(source, *args)  # type: ignore[arg-type]

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
