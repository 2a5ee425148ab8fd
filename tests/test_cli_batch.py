"""`apply` with folders, patterns and lists, from words to files; and `--dry-run`."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcli.cli.main import run

BOX = ("-k", "box")
PYTHON = (sys.executable, "-m", "convcli")
ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures in folders of the current folder, and what is none."""
    monkeypatch.chdir(tmp_path)
    for name in ("p/1.png", "p/x/1.png", "p/x/2.jpg", "q.png"):
        Path(name).parent.mkdir(exist_ok=True)
        Image.effect_noise((12, 9), 60).save(name)
    Path("p/readme.md").write_text("dear diary")


def files() -> dict[str, bytes]:
    return {path.as_posix(): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


def made(before: dict[str, bytes]) -> list[str]:
    now = files()
    assert {name: now.get(name) for name in before} == before
    return sorted(now.keys() - before)


def test_a_folder_becomes_a_folder_with_its_tree(capsys: pytest.CaptureFixture[str]) -> None:
    before = files()
    assert run(["apply", "p", "-o", "new/out", *BOX]) == 0
    assert made(before) == ["new/out/1.png", "new/out/x/1.png", "new/out/x/2.jpg"]
    told = capsys.readouterr().err.splitlines()
    assert told[:2] == [
        "note: 1 file was skipped: no picture (1 .md)",
        "note: new/out is a new folder",
    ]
    assert sum(line.startswith("p/1.png -> new/out/1.png: ") for line in told[2:]) == 1


def test_only_folders_in_which_something_is_written_are_made() -> None:
    Path("p/x/1.png").write_text("no picture")
    Path("p/x/2.jpg").unlink()
    assert run(["apply", "p", "-o", "out", *BOX]) == 7
    assert sorted(path.as_posix() for path in Path("out").rglob("*")) == ["out/1.png"]


def test_a_link_that_goes_round_in_circles_beside_results_stays_where_it_is() -> None:
    os.symlink("round", "round")
    assert run(["apply", "p", "-o", "out", *BOX]) == 0
    os.symlink("1.png", "out/x/2.png")
    os.unlink("out/x/1.png")
    os.symlink("1.png", "out/x/1.png")
    assert run(["apply", "p", "-o", "out", "--exists", "skip", *BOX]) == 0
    assert os.readlink("out/x/1.png") == "1.png"
    assert run(["apply", "p", "-o", "out", *BOX]) == 5


@pytest.mark.skipif(os.name != "posix", reason="a folder in use stays there")
def test_a_current_folder_that_is_gone_is_no_bug(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = [str(tmp_path / name) for name in ("q.png", "p/1.png")]
    Path("gone").mkdir()
    monkeypatch.chdir("gone")
    (tmp_path / "gone").rmdir()
    assert run(["apply", sources[0], "-o", "out.png", *BOX]) == 5
    assert run(["apply", *sources, "-o", str(tmp_path / "out"), "--report", "r.csv", *BOX]) == 5
    assert capsys.readouterr().err.count("can't be written: No such file or directory.") == 2
    assert run(["apply", *sources, "-o", str(tmp_path / "out"), *BOX]) == 0


def test_a_list_of_names_from_standard_input_and_from_a_file() -> None:
    names = ["p/1.png", "p/x/2.jpg", "q.png"]
    for text, more in ("\n".join(names), []), ("\0".join(names), ["-0"]):
        done = subprocess.run(
            [*PYTHON, "apply", "--from-file", "-", *more, "-o", f"out{len(more)}", *BOX],
            input=text.encode(),
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert b"3 images written" in done.stderr
        assert sorted(os.listdir(f"out{len(more)}")) == ["1.png", "2.jpg", "q.png"]
    Path("list.txt").write_text("q.png\n")
    assert run(["apply", "p/1.png", "--from-file", "list.txt", "-o", "out2", *BOX]) == 0
    assert sorted(os.listdir("out2")) == ["1.png", "q.png"]


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["-", "--from-file", "-", "-o", "out"], 2, "can't be an image and a list"),
        (["p", "-0", "-o", "out"], 2, "-0 is said of a list"),
        (["--from-file", "none.txt", "-o", "out"], 4, "none.txt does not exist"),
        (["none/*.png", "-o", "out"], 4, "No picture was found in none/*.png"),
        (["p", "--include", "*.tif", "-o", "out"], 4, "Passed over: 4 excluded"),
        (["p"], 2, "Missing option '-o' / '--out'"),
        (["-o", "out"], 2, "Missing argument 'INPUT...'"),
        (["p", "-o", "out", "--in-place"], 2, "--in-place and -o exclude each other"),
        (["p", "--in-place", "--format", "png"], 2, "--in-place and --format exclude"),
        (["p", "--in-place"], 2, "--in-place replaces 3 images for good.\nSay --yes"),
        (["p", "-o", "out", "--json"], 2, "Say --dry-run --json"),
        (["p", "-o", "out", "--overwrite", "--exists", "skip"], 2, "exclude each other"),
        (["p", "-o", "out", "--exists", "ovewrite"], 2, "Did you mean 'overwrite'?"),
        (["p", "-o", "out", "--format", "jpgg"], 2, "Did you mean 'jpg'?"),
        (["p", "-o", "out", "--name", "{nam}"], 2, "{nam}\n     ^\nDid you mean 'name'?"),
        (["p", "-o", "out", "--name", "{name}.{ext}"], 5, "p/1.png\n    p/x/1.png"),
        (["p", "-o", "out", "--name", "../{name}"], 2, "leads out of the folder"),
        (["p", "-o", "p", "--overwrite"], 5, "p/1.png is the input itself"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_refusal_is_one_message_and_does_nothing(
    args: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files()
    assert run(["apply", *args, *BOX]) == code
    assert words in capsys.readouterr().err
    assert made(before) == []
    assert not Path("out").exists()


def test_each_kernel_alone() -> None:
    before = files()
    assert run(["apply", "q.png", "-o", "out", *BOX, "-k", "sobel", "--each", "-q"]) == 0
    assert made(before) == ["out/q-box.png", "out/q-sobel.png"]
    for name in ("box", "sobel"):
        assert run(["apply", "q.png", "-o", f"{name}.png", "-k", name, "-q"]) == 0
        assert Path(f"{name}.png").read_bytes() == Path(f"out/q-{name}.png").read_bytes()


def test_the_format_of_results() -> None:
    assert run(["apply", "p", "-o", "out", *BOX, "--format", "tif", "-q"]) == 0
    for name in ("1.tif", "x/1.tif", "x/2.tif"):
        with Image.open(f"out/{name}") as image:
            assert image.format == "TIFF"


def test_the_format_of_standard_output() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "convcli", "apply", "q.png", "-o", "-", "--format", "bmp", *BOX],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    with Image.open(io.BytesIO(done.stdout)) as image:
        assert image.format == "BMP"


def test_what_exists_is_skipped_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["apply", "p/x", "-o", "out", *BOX]) == 0
    before = files()
    assert run(["apply", "p/x", "-o", "out", *BOX]) == 5
    assert "2 of 2 results exist" in capsys.readouterr().err
    Path("out/1.png").unlink()
    args = ["apply", "p/x", "-o", "out", "-k", "sobel", "--exists", "skip", "--report", "r.json"]
    assert run(args) == 0
    told = capsys.readouterr().err
    assert "p/x/2.jpg: skipped, out/2.jpg exists" in told
    items = json.loads(Path("r.json").read_text())["items"]
    fates = {item["input"]: (item["status"], item["notes"]) for item in items}
    assert fates == {"p/x/1.png": ("ok", []), "p/x/2.jpg": ("skipped", ["out/2.jpg exists"])}
    assert files()["out/2.jpg"] == before["out/2.jpg"]
    assert run(["apply", "q.png", "-o", "out/1.png", *BOX, "--exists", "skip"]) == 0
    assert "q.png: skipped, out/1.png exists" in capsys.readouterr().err


def test_in_place_every_image_is_replaced_by_its_result() -> None:
    before = files()
    assert run(["apply", "p", "-o", "out", *BOX, "-q"]) == 0
    assert run(["apply", "p", "--in-place", "--yes", *BOX, "-q"]) == 0
    now = files()
    assert now["p/readme.md"] == before["p/readme.md"]
    for name in ("1.png", "x/1.png", "x/2.jpg"):
        assert now[f"p/{name}"] == now[f"out/{name}"] != before[f"p/{name}"]


@pytest.mark.skipif(os.name != "posix", reason="terminals are opened as POSIX does")
@pytest.mark.parametrize(("answer", "code"), [(b"n\n", 130), (b"y\n", 0)])
def test_in_place_asks_on_a_terminal(answer: bytes, code: int) -> None:
    import pty

    before = files()["q.png"]
    master, slave = pty.openpty()
    try:
        os.write(master, answer)
        done = subprocess.run(
            [sys.executable, "-m", "convcli", "apply", "q.png", "--in-place", *BOX],
            stdin=slave,
            stderr=slave,
            stdout=subprocess.PIPE,
            check=False,
            timeout=60,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        told = os.read(master, 9999).decode()
    finally:
        os.close(slave)
        os.close(master)
    assert "Replace 1 image for good?" in told
    assert done.returncode == code
    assert (files()["q.png"] == before) == (code != 0)


def test_a_dry_run_is_a_tree_and_touches_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").mkdir()
    Path("out/1.png").touch()
    before = files()
    assert run(["apply", "p", "-o", "out", *BOX, "-n", "--exists", "skip"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert told.out == (
        "out/\n"
        "├── 1.png  skip: out/1.png exists\n"
        "└── x/\n"
        "    ├── 1.png  <- p/x/1.png\n"
        "    └── 2.jpg  <- p/x/2.jpg\n"
        "note: 1 file was skipped: no picture (1 .md)\n"
        "2 files to write, 1 file to skip. Nothing was done.\n"
    )
    assert run(["apply", "p", "-o", str(Path("new").resolve()), *BOX, "-n", "-q"]) == 0
    assert "└── 2.jpg  <- p/x/2.jpg" in capsys.readouterr().out
    assert run(["apply", "p", "--in-place", *BOX, "--dry-run"]) == 0
    assert "└── 2.jpg  overwrite  <- p/x/2.jpg" in capsys.readouterr().out
    assert made(before) == []


def test_a_dry_run_as_data(capsys: pytest.CaptureFixture[str]) -> None:
    args = ["apply", "p/x", "-o", "out", "-k", "gaussian:sigma=2", "--each", "-n", "--json"]
    assert run(args) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["items"][1] == {
        "input": "p/x/2.jpg",
        "output": "out/2-gaussian-sigma=2.jpg",
        "files": ["out/2-gaussian-sigma=2.jpg"],
        "kernel": "gaussian:sigma=2",
        "action": "write",
        "reason": "",
    }
    assert told["summary"] == {"write": 2, "overwrite": 0, "skip": 0}
    assert told["notes"] == ["out is a new folder"]


@pytest.mark.skipif(os.name != "posix", reason="such names are POSIX's")
def test_names_that_are_no_text_from_end_to_end(capsys: pytest.CaptureFixture[str]) -> None:
    odd = [os.fsdecode(b"\xff.png"), "new\nline.png", "\N{DANCER}.png"]
    for name in odd:
        Path("q.png").with_name(name).write_bytes(Path("q.png").read_bytes())
    Path("list").write_bytes(b"\0".join(map(os.fsencode, odd)))
    args = ["apply", "--from-file", "list", "-0", "-o", "out", *BOX]
    assert run([*args, "-n"]) == 0
    assert "── \\udcff.png  <- \\udcff.png" in capsys.readouterr().out
    assert run(args) == 0
    assert sorted(os.listdir("out")) == sorted(odd)
    assert run([*args, "--exists", "skip", "-n", "--json"]) == 0
    items = json.loads(capsys.readouterr().out)["items"]
    assert [item["action"] for item in items] == ["skip"] * 3


def test_a_plan_takes_the_same_inputs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "p/**/*.png", "q.png", "--exclude", "x", *BOX, "--json"]) == 0
    told = capsys.readouterr()
    assert [one["input"] for one in json.loads(told.out)] == ["p/1.png", "q.png"]
    assert run(["plan", "p", *BOX, "--json"]) == 0
    told = capsys.readouterr()
    assert len(json.loads(told.out)) == 3
    assert told.err == "note: 1 file was skipped: no picture (1 .md)\n"


def test_the_current_folder_into_a_folder_of_its_own_twice() -> None:
    assert run(["apply", ".", "-o", "out", *BOX, "-q"]) == 0
    first = files()
    assert run(["apply", ".", "-o", "out", *BOX, "-q", "--overwrite"]) == 0
    assert files() == first
    assert np.asarray(Image.open("out/q.png")).shape == (9, 12)
