"""A file for each filter of many images: planned, refused, replaced and resumed as one result."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

import convcli
from convcli.batch.coming import Coming
from convcli.batch.filters import UNKNOWN, colours_of, filters
from convcli.batch.hosts import absolute
from convcli.batch.inputs import Choice, find
from convcli.batch.sweep import sweep
from convcli.batch.targets import Wanted, settle
from convcli.batch.task import Input, Task
from convcli.cli.main import run
from convcli.errors import OutputError
from convcli.io import Series, temporary
from convcli.job import Wishes, make_job
from convcli.kernels.library import find as kernel
from convcli.spec import Pixels

if TYPE_CHECKING:
    from convcli.spec import Job

ROOT = Path(__file__).parents[1]
NAME = "{dir}/{name}-{filter:02d}.png"
posix = pytest.mark.skipif(os.name != "posix", reason="no locks, and no such kills, on Windows")


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """in/a.png, in/sub/b.png, and net.yaml of three filters; theirs is the current folder."""
    monkeypatch.chdir(tmp_path)
    Path("in/sub").mkdir(parents=True)
    for number, name in enumerate(("in/a.png", "in/sub/b.png")):
        noise = np.random.default_rng(number).integers(0, 256, (7, 9, 3)).astype(np.uint8)
        Image.fromarray(noise).save(name)
    net("net.yaml", 3)


def net(name: str, number: int) -> None:
    weights = np.arange(number * 3 * 2).reshape(number, 3, 1, 2) % 5 / 10
    Path(name).write_text(f"layers:\n  - weights: {weights.tolist()}\n    extent: same\n")


def apply(*more: str, inputs: str = "in", name: str = NAME, net: str = "net.yaml") -> int:
    return run(["apply", inputs, "-o", "out", "-k", net, "--name", name, "-q", *more])


def files(folder: str = "out") -> list[str]:
    return sorted(str(path) for path in Path(folder).rglob("*") if path.is_file())


def contents(folder: str = "out") -> dict[str, bytes]:
    return {name: Path(name).read_bytes() for name in files(folder)}


def journal(name: str = "r.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(name).read_text().splitlines()]


def job(*names: str, **pixels: str) -> Job:
    return make_job([kernel(name) for name in names], Wishes(pixels=Pixels(**pixels)))


ALL = [
    *(f"out/a-0{n}.png" for n in (1, 2, 3)),
    *(f"out/sub/b-0{n}.png" for n in (1, 2, 3)),
]


# --- what is written ------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", ["threads", "processes"])
def test_every_filter_of_every_input_has_its_file(workers: str) -> None:
    assert apply("--workers", workers) == 0
    assert files() == ALL
    for source, stem in (("in/a.png", "out/a"), ("in/sub/b.png", "out/sub/b")):
        with Image.open(source) as picture:
            expected = convcli.apply(np.asarray(picture), "net.yaml")
        for number in range(3):
            with Image.open(f"{stem}-0{number + 1}.png") as found:
                assert (np.asarray(found) == expected[..., number]).all()


def test_one_image_alone_gives_the_same_bytes_as_in_a_batch() -> None:
    assert apply() == 0
    assert run(["apply", "in/a.png", "-o", "one-{filter:02d}.png", "-k", "net.yaml", "-q"]) == 0
    for number in (1, 2, 3):
        found = Path(f"one-0{number}.png").read_bytes()
        assert found == Path(f"out/a-0{number}.png").read_bytes()


def test_a_folder_for_each_filter() -> None:
    assert apply(name="{filter}/{dir}/{name}.{ext}") == 0
    assert files() == [f"out/{n}/{name}" for n in (1, 2, 3) for name in ("a.png", "sub/b.png")]


def test_kernels_of_each_have_as_many_files_as_filters() -> None:
    net("two.yaml", 2)
    assert apply("-k", "two.yaml", "--each", name="{kernel}/{name}-{filter}.{ext}") == 0
    names = {"net": 3, "two": 2}
    assert files() == [
        f"out/{name}/{stem}-{n + 1}.png"
        for name, most in names.items()
        for stem in "ab"
        for n in range(most)
    ]


def test_without_layers_the_channels_of_each_file_count() -> None:
    Image.new("LA", (9, 7)).save("in/c.png")
    assert apply(net="box") == 0
    assert files() == [*ALL[:3], "out/c-01.png", *ALL[3:]]
    assert run(["apply", "in/a.png", "-o", "l{filter}.png", "-k", "box", "--channels", "luma"]) == 0
    assert sorted(path.name for path in Path().glob("l*.png")) == ["l1.png"]


@pytest.mark.parametrize(
    ("made", "number"),
    [
        (lambda: job("net.yaml"), 3),
        (lambda: job("box", "net.yaml", "box"), 3),
        (lambda: job("sobel"), 4),
        (lambda: job("box", channels="sum"), 1),
        (lambda: job("box", channels="luma"), 1),
        (lambda: job("box", channels="R"), 4),
    ],
)
def test_the_number_of_filters_is_that_of_the_result(made: Any, number: int) -> None:
    assert filters(made(), lambda: 4) == number


def test_colours_are_those_of_the_header_and_unknown_of_what_cannot_be_read() -> None:
    Image.new("RGBA", (9, 7)).save("c.png")
    Image.new("RGB", (9, 7)).save("c.tif")
    Path("bad.png").write_bytes(Path("c.png").read_bytes()[:20])
    names = ("c.png", "c.tif", "bad.png", "none.png", "-")
    assert [colours_of(name) for name in names] == [3, 3, UNKNOWN, UNKNOWN, UNKNOWN]


def test_what_cannot_be_read_fails_alone(capsys: pytest.CaptureFixture[str]) -> None:
    Path("in/bad.png").write_bytes(Path("in/a.png").read_bytes()[:20])
    assert apply(net="box") == 7
    assert "in/bad.png: failed" in capsys.readouterr().err
    assert files() == ALL


def test_an_image_that_changed_since_it_was_planned_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("convcli.batch.targets.colours_of", lambda _: 2)
    assert apply(net="box") == 8
    assert "gives 3 files, and 2 were planned" in capsys.readouterr().err
    assert files() == []


def test_names_of_inputs_are_never_expanded() -> None:
    Path("in/a.png").rename("in/{filter}.png")
    assert run(["apply", "in", "-o", "plain", "-k", "box", "-q"]) == 0
    assert files("plain") == ["plain/sub/b.png", "plain/{filter}.png"]
    assert run(["apply", "in/{filter}.png", "--in-place", "--yes", "-k", "box", "-q"]) == 0
    assert apply() == 0
    assert files()[-3:] == [f"out/{{filter}}-0{n}.png" for n in (1, 2, 3)]


def test_the_library_writes_them_too() -> None:
    done = convcli.apply_files("in", "out", "net.yaml", name=NAME)
    assert (done.ok, files()) == (2, ALL)


def test_hundreds_of_filters_need_no_more_open_files_than_there_may_be() -> None:
    net("wide.yaml", 90)
    code = (
        "import resource; _, most = resource.getrlimit(resource.RLIMIT_NOFILE);"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, most));"
        "from convcli.__main__ import main; main()"
    )
    args = ["apply", "in", "-o", "out", "-k", "wide.yaml", "--name", NAME, "-j", "2", "-q"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", code, *args], env=env, check=False).returncode == 0
    assert len(files()) == 180


# --- what is planned and refused ------------------------------------------------------------------


def test_a_dry_run_shows_every_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert apply("-n") == 0
    said = capsys.readouterr().out
    assert "├── a-02.png  <- in/a.png\n" in said
    assert "    └── b-03.png  <- in/sub/b.png\n" in said
    assert "6 files to write. Nothing was done." in said
    assert apply("-n", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["items"][1]["output"] == "out/sub/b-{filter:02d}.png"
    assert told["items"][1]["files"] == ALL[3:]
    assert told["summary"]["write"] == 6
    assert files() == []


@posix
@pytest.mark.parametrize(
    ("one", "other", "name", "told"),
    [
        ("x.png", "x1.png", "{name}{filter}.png", "out/x11.png"),
        ("X1.png", "x.png", "{name}{filter}.png", "one file on many disks"),
        ("\u00fc1.png", "u\u0308.png", "{name}{filter}.png", "one file on many disks"),
    ],
)
def test_filters_of_two_inputs_never_share_a_name(
    one: str, other: str, name: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    net("net.yaml", 11)
    Path("p").mkdir()
    for source in (one, other):
        Path("p", source).write_bytes(Path("in/a.png").read_bytes())
    assert apply(inputs="p", name=name) == 5
    said = capsys.readouterr().err
    for words in (told, f"p/{one}", f"p/{other}", "--name '{dir}/{name}-{filter}.{ext}'"):
        assert words in said
    assert files() == []


def test_a_file_for_one_is_no_folder_of_another() -> None:
    inputs = [Input("p/1.png", "p"), Input("p/1/b.png", "p", "1")]
    with pytest.raises(OutputError, match=r"o/1/1 would be a file and a folder"):
        settle(inputs, Wanted("o/", "{dir}/{filter}/{name}"), [job("net.yaml")])


@pytest.mark.parametrize("net", ["net.yaml", "box"])
def test_no_input_is_ever_replaced(net: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("in/a.png").rename("in/a-2.png")
    Path("in/a.png").write_bytes(Path("in/a-2.png").read_bytes())
    before = contents("in")
    args = ["apply", "in", "-o", "in", "-k", net, "--name", "{dir}/{name}-{filter}.png"]
    assert run([*args, "--exists", "overwrite"]) == 5
    assert "would replace an input:\n    in/a-2.png" in capsys.readouterr().err
    assert contents("in") == before


def test_a_kernel_is_never_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").mkdir()
    Image.radial_gradient("L").resize((3, 4)).save("out/a-02.png")
    assert apply("-k", "template:out/a-02.png", "--overwrite", net="box") == 5
    assert "out/a-02.png is a kernel of this run" in capsys.readouterr().err


@posix
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("{name:.0}com{filter}", "Windows keeps it for a device"),
        ("{name:x<254}{filter:02d}", "names end at 255"),
        ("{filter}/../{name}", "leads out"),
    ],
)
def test_names_that_are_none_are_refused(
    name: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert apply(name=name) in {2, 5}
    assert words in capsys.readouterr().err
    assert files() == []


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["in", "-o", "m-{filter}.png"], "-o results/ --name '{dir}/{name}-{filter}.{ext}'"),
        (["in", "-o", "m-{filter}.png", "--name", NAME], f"-o results/ --name '{NAME}'"),
        (["in", "-o", "m-{filter}/"], "Say -o results/ --name '{filter}/{dir}/{name}.{ext}'"),
        (["in", "-o", "m-{filter}"], "Say -o results/ --name '{filter}/{dir}/{name}.{ext}'"),
        (["in", "-o", "-", "--name", NAME], "Give a folder: -o results/"),
        (["in", "--in-place", "--name", NAME], "-o results/ --name '{dir}/{name}-{filter}.{ext}'"),
        (["in", "-o", "out", "--each", "--name", NAME], "{name}-{filter:02d}-{kernel}.png"),
        (["in", "-o", "out", "--name", "{name}-{filter:x}"], "Write {filter} or {filter:02d}."),
    ],
)
def test_where_filters_cannot_go_the_cure_is_said(
    args: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["apply", *args, "-k", "net.yaml", "-q"]) == 2
    assert words in capsys.readouterr().err
    assert files("in") == ["in/a.png", "in/sub/b.png"]


def test_a_report_is_none_of_the_files(capsys: pytest.CaptureFixture[str]) -> None:
    args = ["--report", "out/a-02.json", "--format", "png"]
    assert apply(*args, name="{dir}/{name}-{filter:02d}.json") in {2, 5}
    assert "an image is there" in capsys.readouterr().err


# --- what exists ----------------------------------------------------------------------------------


def there(*names: str, age: int = 0) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(f"old {name}")
        os.utime(name, ns=(age, age))


def old() -> list[str]:
    return [name for name, data in contents().items() if data.startswith(b"old ")]


def test_any_file_that_exists_stops_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    some = [ALL[0], ALL[1], ALL[5]]
    there(*some)
    assert apply() == 5
    said = capsys.readouterr().err
    assert "3 of 6 results exist:\n" + "".join(f"    {name}\n" for name in some) in said
    assert files() == old() == some


def test_skip_keeps_what_there_is_and_says_what_is_no_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    there(ALL[0], ALL[2], *ALL[3:])
    args = ["apply", "in", "-o", "out", "-k", "net.yaml", "--name", NAME, "--exists", "skip"]
    assert run(args) == 0
    said = capsys.readouterr().err
    assert "note: left out though only some of their files exist: out/a-{filter:02d}.png;" in said
    assert "in/a.png: skipped, 2 of its 3 files exist, as out/a-01.png does" in said
    assert "in/sub/b.png: skipped, out/sub/b-{filter:02d}.png exists" in said
    assert files() == old() == [ALL[0], ALL[2], *ALL[3:]]


def test_newer_goes_by_the_oldest_and_by_what_is_missing() -> None:
    late = Path("in/a.png").stat().st_mtime_ns + 10**9
    there(*ALL, age=late)
    assert apply("--exists", "newer") == 0
    assert old() == ALL
    os.utime(ALL[1], ns=(1, 1))
    assert apply("--exists", "newer") == 0
    assert old() == ALL[3:]
    Path(ALL[4]).unlink()
    assert apply("--exists", "newer") == 0
    assert (files(), old()) == (ALL, [])


def test_rename_gives_all_of_them_one_number() -> None:
    there(ALL[1], "out/a-03-2.png")
    assert apply("--exists", "rename") == 0
    assert old() == ["out/a-02.png", "out/a-03-2.png"]
    assert files() == sorted([*old(), *(f"out/a-0{n}-3.png" for n in (1, 2, 3)), *ALL[3:]])


def test_overwrite_replaces_all_of_them() -> None:
    there(ALL[1])
    assert apply("--overwrite") == 0
    assert (files(), old()) == (ALL, [])


@pytest.mark.parametrize(("exists", "code"), [("error", 5), ("skip", 0), ("rename", 0)])
def test_a_single_image_keeps_the_same_rules(exists: str, code: int) -> None:
    there("o-2.png")
    args = ["apply", "in/a.png", "-o", "o-{filter}.png", "-k", "net.yaml", "-q"]
    assert run([*args, "--exists", exists]) == code
    found = sorted(path.name for path in Path().glob("o-*"))
    renamed = ["o-1-2.png", "o-2-2.png", "o-2.png", "o-3-2.png"]
    assert found == (renamed if exists == "rename" else ["o-2.png"])
    assert Path("o-2.png").read_text().startswith("old")


@pytest.mark.parametrize(("name", "told"), [("in/a-2.png", "is the input"), ("b-2.png", "exists")])
def test_a_single_image_is_refused_before_any_work(
    name: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("in/a.png").rename("in/a-2.png")
    Path("b-2.png").touch()
    out = name.replace("2", "{filter}")
    assert run(["apply", "in/a-2.png", "-o", out, "-k", "net.yaml", "--dry-run"]) == 5
    assert f"{name} {told}" in capsys.readouterr().err


# --- going on -------------------------------------------------------------------------------------


def test_done_is_what_has_all_its_files() -> None:
    assert apply("--resume", "r.jsonl") == 0
    before = contents()
    Path(ALL[4]).unlink()
    assert apply("--resume", "r.jsonl", "--overwrite") == 0
    assert contents() == before
    done = [line["input"] for line in journal() if line.get("status") == "ok"]
    assert sorted(done) == ["in/a.png", "in/sub/b.png", "in/sub/b.png"]
    assert apply("--resume", "r.jsonl") == 0
    assert len([line for line in journal() if line.get("status") == "ok"]) == 3


def test_done_is_what_was_renamed() -> None:
    there(ALL[1])
    for _ in range(2):
        assert apply("--resume", "r.jsonl", "--exists", "rename") == 0
        assert len(files()) == 7
    Path("out/a-03-2.png").unlink()
    assert apply("--resume", "r.jsonl", "--exists", "rename") == 0
    assert "out/a-03-3.png" in files()


def test_a_single_image_is_resumed() -> None:
    args = ["apply", "in/a.png", "-o", "o-{filter}.png", "-k", "net.yaml", "-q"]
    for _ in range(2):
        assert run([*args, "--resume", "r.jsonl"]) == 0
    assert len([line for line in journal() if line.get("status") == "ok"]) == 1


# A shell that starts something in the background lets it ignore Ctrl-C.
KILLED = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from convcli.io import temporary
genuine, turns = temporary._publish, []

def publish(*args, **named):
    turns.extend([args] * str(args[1]).endswith(".png"))
    if str(args[1]).endswith(".png") and len(turns) == int(os.environ["TURN"]):
        os.kill(os.getpid(), getattr(signal, os.environ["HOW"]))
    genuine(*args, **named)

temporary._publish = publish
from convcli.__main__ import main
main()
"""


def killed(turn: int, how: str, *more: str) -> int:
    args = ["apply", "in", "-o", "out", "-k", "net.yaml", "--name", NAME, "-q", "-j", "1", *more]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TURN": str(turn), "HOW": how}
    return subprocess.run([sys.executable, "-c", KILLED, *args], env=env, check=False).returncode


@posix
@pytest.mark.parametrize("turn", [1, 2, 3, 5])
@pytest.mark.parametrize("more", [(), ("--overwrite",)])
def test_killed_between_two_names_and_resumed_a_run_is_as_if_undisturbed(
    turn: int, more: tuple[str, ...]
) -> None:
    assert apply("--report", "calm.json") == 0
    calm = contents()
    for name in ALL:
        Path(name).unlink()
    if more:
        there(*ALL)
    assert killed(turn, "SIGKILL", "--resume", "r.jsonl", *more) == -signal.SIGKILL
    made = [name for name in ALL if name in files() and name not in old()]
    assert len(made) == turn - 1
    assert apply("--resume", "r.jsonl", *more) == 0
    assert contents() == calm
    told = sorted(line["input"] for line in journal() if line.get("status") == "ok")
    assert told == ["in/a.png", "in/sub/b.png"]


@posix
@pytest.mark.parametrize("more", [(), ("--overwrite",)])
def test_interrupted_between_two_names_no_part_of_a_result_stays(
    more: tuple[str, ...],
) -> None:
    if more:
        there(*ALL)
    before = contents() if more else {}
    Path("in/sub/b.png").unlink()
    assert killed(2, "SIGINT", *more) == 130
    assert contents() == before


# --- other ways -----------------------------------------------------------------------------------


def test_workers_elsewhere_get_whole_names_and_folders_of_all_are_swept() -> None:
    task = Task(
        1, Input("a.png"), "o/{filter}/a", series=Series("o/{filter}/a", ("o/1/a", "o/2/a"))
    )
    here = Path.cwd()
    assert absolute(task).files == (f"{here}/o/1/a", f"{here}/o/2/a")
    for folder in ("o/1", "o/2"):
        Path(folder).mkdir(parents=True)
        Path(folder, f".convcli-{'0' * 16}.tmp").touch()
    assert sweep([task, task], "") == 2
    Path("o/1", f".convcli-{'0' * 16}.tmp").touch()
    counted_later = Task(1, Input("a.png"), "o/1/{filter}", series=Series("o/1/{filter}", ()))
    assert sweep([counted_later], "") == 1


def test_what_comes_while_watching_has_files_of_its_own() -> None:
    coming = Coming(["in"], Wanted("out", "{name}{filter}.png", exists="newer"), [job("net.yaml")])
    Path("in/b.png").write_bytes(Path("in/a.png").read_bytes())
    found = find(["in/a.png"], Choice()).inputs
    assert [task.files for task in coming.tasks(found)[0]] == [
        ("out/a1.png", "out/a2.png", "out/a3.png")
    ]
    net("net.yaml", 11)
    later = Coming(["in"], Wanted("out", "{name}{filter}.png", exists="newer"), [job("net.yaml")])
    Path("in/a1.png").write_bytes(Path("in/a.png").read_bytes())
    later.tasks(found)
    _, refused = later.tasks(find(["in/a1.png"], Choice()).inputs)
    assert "Two inputs have one target, out/a11.png" in str(refused[0][1])
    assert "{dir}/{name}-{inext}-{filter}.{ext}" in str(refused[0][1])


def test_strays_are_none() -> None:
    assert apply() == 0
    assert not [name for name in files() if temporary.NAME.fullmatch(Path(name).name)]
