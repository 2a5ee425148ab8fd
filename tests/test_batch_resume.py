"""Runs that are killed and resumed: nothing is lost, nothing done twice, nothing left behind."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convcli import template
from convcli.batch import earlier
from convcli.batch.resume import Resumption, job_key
from convcli.batch.sweep import sweep
from convcli.batch.task import Input, Orders, Task
from convcli.cli.main import run
from convcli.errors import InputError
from convcli.io import temporary
from convcli.job import Wishes, make_job
from convcli.kernels.kernel import Kernel, Recipe
from convcli.limits import Limits
from convcli.padding import Padding
from convcli.run import Writing
from convcli.spec import Stage

KILLS = int(os.environ.get("CONVCLI_KILLS", "4"))
FILES = int(os.environ.get("CONVCLI_KILL_FILES", "24"))
"""The full measure is 100 kills of runs of 200 files."""

JOB = make_job([Recipe("same", (Kernel(((1.0, 2.0),)),))], Wishes())
KEY = job_key(JOB, Writing(), "1")

posix = pytest.mark.skipif(os.name != "posix", reason="no locks, and no such kills, on Windows")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three pictures in a folder, and one for results; theirs is the current one."""
    monkeypatch.chdir(tmp_path)
    pictures(tmp_path / "in", 3)
    (tmp_path / "out").mkdir()
    return tmp_path


def pictures(folder: Path, number: int) -> list[str]:
    folder.mkdir()
    for index in range(number):
        Image.effect_noise((64, 48), 60).save(folder / f"{index:03}.png")
    return [f"{folder.name}/{index:03}.png" for index in range(number)]


def apply(*more: str, out: str = "out", names: tuple[str, ...] = ()) -> int:
    given = names or tuple(f"in/{path.name}" for path in sorted(Path("in").iterdir()))
    return run(["apply", *given, "-o", out, "-k", "box", "-q", *more])


def journal(name: str = "run.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(name).read_text().splitlines()]


def done(name: str = "run.jsonl") -> list[str]:
    return [line["input"] for line in journal(name) if line.get("status") == "ok"]


# --- the law -------------------------------------------------------------------------------------


@posix
def test_killed_at_any_moment_and_resumed_a_run_is_as_if_undisturbed(tmp_path: Path) -> None:
    names = pictures(tmp_path / "in", FILES)
    (tmp_path / "calm").mkdir()
    begun = time.monotonic()
    assert launched(tmp_path, names, "calm").wait() == 0
    taken = time.monotonic() - begun
    calm = contents(tmp_path / "calm")
    assert len(calm) == FILES
    chance, kills, trial, swept = random.Random(5), 0, 0, 0  # noqa: S311 - moments, no secrets
    while kills < KILLS:
        trial += 1
        out = f"out{trial}"
        (tmp_path / out).mkdir()
        while True:
            process = launched(tmp_path, names, out, "--resume", f"{out}.jsonl")
            alive = outlived(process, chance.uniform(0, taken), kills < KILLS)
            if not alive:
                break
            kills += 1
            swept += strays(tmp_path / out)
        assert process.returncode == 0
        assert contents(tmp_path / out) == calm
        told = Counter(done(str(tmp_path / f"{out}.jsonl")))
        assert told == dict.fromkeys(names, 1)
    assert not strays(tmp_path)
    print(f"\n{kills} kills in {trial} runs of {FILES} files; {swept} stray files were swept")  # noqa: T201 - shown with -s


def launched(place: Path, names: list[str], out: str, *more: str) -> subprocess.Popen[bytes]:
    args = [sys.executable, "-m", "convcli", "apply", *names, "-o", out, "-k", "box", "-q", *more]
    return subprocess.Popen(args, cwd=place, env={**os.environ, "PYTHONPATH": str(ROOT)})


ROOT = Path(__file__).parents[1]


def outlived(process: subprocess.Popen[bytes], seconds: float, kill: bool) -> bool:  # noqa: FBT001 - called once
    """Whether a process was killed, after so many seconds, before it came to its end."""
    try:
        process.wait(seconds if kill else None)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        return process.wait() != 0
    return False


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def strays(folder: Path) -> int:
    return sum(temporary.NAME.fullmatch(path.name) is not None for path in folder.iterdir())


@posix
def test_two_runs_into_one_folder_never_spoil_a_file(tmp_path: Path) -> None:
    names = pictures(tmp_path / "in", 12)
    for out in ("calm", "out"):
        (tmp_path / out).mkdir()
    assert launched(tmp_path, names, "calm").wait() == 0
    more = [("--overwrite", "--report", f"{name}.jsonl") for name in "ab"]
    both = [launched(tmp_path, names, "out", *each) for each in more]
    assert [process.wait() for process in both] == [0, 0]
    assert contents(tmp_path / "out") == contents(tmp_path / "calm")


# --- temporary files -----------------------------------------------------------------------------

HOLD = """
import sys
from pathlib import Path
from convcli.io.temporary import published
with published(Path(sys.argv[1]), overwrite=False) as file:
    file.write(b"half")
    print("open", flush=True)
    sys.stdin.read()
"""


@posix
def test_a_sweep_spares_what_a_live_run_is_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    args = [sys.executable, "-c", HOLD]
    pipe, env = subprocess.PIPE, {**os.environ, "PYTHONPATH": str(ROOT)}
    live, dead = (
        subprocess.Popen([*args, str(tmp_path / name)], stdin=pipe, stdout=pipe, env=env)
        for name in ("live.png", "dead.png")
    )
    for process in (live, dead):
        assert process.stdout
        assert process.stdout.readline() == b"open\n"
    dead.kill()
    dead.communicate()
    keep = [".convcli-notes.tmp", "a.png"]
    for name in keep:
        (tmp_path / name).touch()
    (tmp_path / f".convcli-{'0' * 16}.tmp").mkdir()
    task = Task(1, Input("x"), str(tmp_path / "live.png"))
    monkeypatch.chdir(tmp_path)
    assert strays(tmp_path) == 3
    assert sweep([Task(1, Input("x"), "-")], "") == 0
    assert sweep([task], "") == 1
    assert strays(tmp_path) == 2
    live.communicate()
    assert live.returncode == 0
    assert (tmp_path / "live.png").read_bytes() == b"half"
    assert sweep([task], "") == 0
    assert strays(tmp_path) == 1
    (tmp_path / f".convcli-{'1' * 16}.tmp").touch()
    assert [sweep([], report) for report in ("", "-", str(tmp_path / "run.jsonl"))] == [0, 0, 1]
    assert all((tmp_path / name).exists() for name in keep)


@posix
def test_a_file_that_was_swept_before_it_was_locked_gets_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    genuine, turns = temporary._lock, []  # noqa: SLF001 - the moment between open and lock

    def late(file: Any) -> bool:
        turns.append(file.name)
        if len(turns) == 1:
            assert temporary.sweep([str(tmp_path)]) == 1
        return genuine(file)

    monkeypatch.setattr(temporary, "_lock", late)
    with temporary.published(tmp_path / "a.png", overwrite=False) as file:
        file.write(b"whole")
    assert len(set(turns)) == 2
    assert contents(tmp_path) == {"a.png": b"whole"}


@posix
def test_a_batch_sweeps_and_says_so(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stray = place / "out" / f".convcli-{'a' * 16}.tmp"
    stray.touch()
    assert run(["apply", "in/000.png", "in/001.png", "-o", "out", "-k", "box"]) == 0
    assert "  1 temporary file of killed runs removed.\n" in capsys.readouterr().err
    assert not stray.exists()


# --- what is skipped -----------------------------------------------------------------------------


@pytest.mark.usefixtures("place")
def test_what_is_done_is_left_out_and_counted_and_not_told_twice() -> None:
    assert apply("--resume", "run.jsonl") == 0
    before = contents(Path("out"))
    assert apply("--resume", "run.jsonl") == 0
    assert Counter(done()) == {f"in/00{n}.png": 1 for n in range(3)}
    assert [line["type"] for line in journal()] == [
        *("run", "item", "item", "item", "summary"),
        *("run", "summary"),
    ]
    assert journal()[-1]["skipped"] == 3
    assert contents(Path("out")) == before


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("change", ["touched", "longer", "no output", "other output", "failed"])
def test_what_changed_is_done_again(change: str) -> None:
    assert apply("--report", "run.jsonl") == 0
    source, target = Path("in/001.png"), Path("out/001.png")
    if change == "touched":
        os.utime(source, ns=(1, 1))
    elif change == "longer":
        status = source.stat()
        source.write_bytes(source.read_bytes() + b"\0")
        os.utime(source, ns=(status.st_atime_ns, status.st_mtime_ns))
    elif change == "no output":
        target.unlink()
    elif change == "other output":
        target.write_bytes(b"cut")
    else:
        line = next(line for line in journal() if line.get("input") == str(source))
        with Path("run.jsonl").open("a") as file:
            file.write(json.dumps({**line, "status": "failed"}) + "\n")
    assert apply("--resume", "run.jsonl", "--overwrite") == 0
    assert Counter(done())["in/001.png"] == 2
    assert journal()[-1]["skipped"] == 2
    with Image.open(target) as picture:
        assert picture.size == (64, 48)


@pytest.mark.usefixtures("place")
def test_another_kernel_option_or_folder_is_other_work() -> None:
    assert apply("--report", "run.jsonl") == 0
    Path("other").mkdir()
    for more, out in ((("--padding", "edge"), "out"), (("--compress", "9"), "out"), ((), "other")):
        assert apply("--resume", "run.jsonl", "--overwrite", *more, out=out) == 0
        assert journal()[-1]["skipped"] == 0
        assert journal()[-1]["ok"] == 3


@pytest.mark.usefixtures("place")
def test_with_checksum_only_the_contents_count() -> None:
    assert apply("--report", "run.jsonl", "--checksum") == 0
    os.utime("in/000.png", ns=(1, 1))
    status = Path("in/001.png").stat()
    Image.effect_noise((64, 48), 30).save("in/001.png")
    os.utime("in/001.png", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert apply("--resume", "run.jsonl", "--checksum", "--overwrite") == 0
    assert Counter(done()) == {"in/000.png": 1, "in/001.png": 2, "in/002.png": 1}


@pytest.mark.usefixtures("place")
def test_a_file_written_by_the_run_but_not_noted_is_written_again() -> None:
    assert apply("--report", "run.jsonl") == 0
    lines = Path("run.jsonl").read_bytes().splitlines(keepends=True)
    Path("run.jsonl").write_bytes(b"".join(lines[:2]) + lines[2][:100])
    os.utime("out/002.png", ns=(10**9, 10**9))
    assert apply("--resume", "run.jsonl") == 5  # 002 was there long before the run
    Path("out/002.png").unlink()
    assert apply("--resume", "run.jsonl") == 0
    assert Counter(done()) == {f"in/00{n}.png": 1 for n in range(3)}


@pytest.mark.usefixtures("place")
def test_a_run_is_resumed_from_another_folder(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert apply("--report", "run.jsonl") == 0
    monkeypatch.chdir(place / "in")
    names = tuple(path.name for path in sorted(Path().iterdir()))
    assert apply("--resume", "../run.jsonl", out="../out", names=names) == 0
    assert journal("../run.jsonl")[-1]["skipped"] == 3


@pytest.mark.usefixtures("place")
def test_another_journal_is_told_of_what_was_done() -> None:
    assert apply("--report", "run.jsonl") == 0
    assert apply("--resume", "run.jsonl", "--report", "next.jsonl") == 0
    assert [line.get("status") for line in journal("next.jsonl")[1:-1]] == ["skipped"] * 3
    assert journal("next.jsonl")[-1]["skipped"] == 3
    Path("run.jsonl").unlink()
    assert apply("--resume", "next.jsonl") == 0
    assert journal("next.jsonl")[-1]["skipped"] == 3


def test_the_same_command_can_be_repeated_until_all_is_done(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "in" / "001.png").write_text("x")
    command = ["apply", *(f"in/00{n}.png" for n in range(3)), "-o", "out", "-k", "box"]
    command += ["--resume", "run.jsonl"]
    assert run(command) == 7
    told = capsys.readouterr().err
    assert "run.jsonl is not there yet" in told
    assert f"  repeat only the failed: convcli {' '.join(command)}\n" in told
    Image.new("L", (64, 48)).save("in/001.png")
    assert run(command) == 0
    told = capsys.readouterr().err
    assert "2 images done before." in told
    assert "  1 image written to out     2 up to date\n" in told


def test_files_of_filters_are_done_where_all_of_them_are_there(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "net.yaml").write_text("layers:\n  - weights: [[[[1]]], [[[2]]], [[[3]]]]\n")
    command = ["apply", "in/000.png", "-k", "net.yaml", "-o", "f{filter}.png"]
    assert run([*command, "--report", "run.jsonl"]) == 0
    made = {path: path.stat().st_mtime_ns for path in place.glob("f*.png")}
    assert len(made) == 3
    assert run([*command, "--resume", "run.jsonl"]) == 0
    assert {path: path.stat().st_mtime_ns for path in place.glob("f*.png")} == made
    (place / "f2.png").unlink()
    assert run([*command, "--resume", "run.jsonl", "--overwrite"]) == 0
    assert len(list(place.glob("f*.png"))) == 3
    capsys.readouterr()


@pytest.mark.usefixtures("place")
def test_of_a_single_picture_that_was_done_is_said_that_it_was(
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ["apply", "in/000.png", "-o", "one.png", "-k", "box", "--resume", "run.jsonl"]
    assert run(command) == 0
    capsys.readouterr()
    assert run(command) == 0
    told = capsys.readouterr().err
    assert "1 image done before." in told
    assert "  0 images written     1 up to date\n" in told
    assert run([*command, "-q"]) == 0
    assert not capsys.readouterr().err


# --- journals ------------------------------------------------------------------------------------


def head(**more: Any) -> dict[str, Any]:
    return {"type": "run", "schema": "convcli.report/1", "cwd": "/w", "jobs": {KEY: {}}, **more}


def item(name: str, **more: Any) -> dict[str, Any]:
    facts = {"type": "item", "input": name, "output": f"out/{name}", "status": "ok", "key": KEY}
    return {**facts, "bytes_in": 3, "mtime_ns": 5, "bytes_out": 7, **more}


def written(path: Path, *lines: dict[str, Any] | str) -> str:
    texts = [line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines]
    path.write_text("".join(texts))
    return str(path)


def test_a_torn_last_line_is_ignored_and_one_in_the_middle_told(tmp_path: Path) -> None:
    torn = json.dumps(item("b"))[:40]
    name = written(tmp_path / "a.jsonl", head(), "no json\n", item("a"), torn)
    found = earlier.read(name)
    assert found
    assert (len(found.done), found.ignored, found.torn) == (1, 1, True)
    assert next(iter(found.done.values())).output == "/w/out/a"


def test_a_torn_line_is_cut_before_a_run_goes_on(place: Path) -> None:
    assert apply("--report", "run.jsonl") == 0
    with (place / "run.jsonl").open("a") as file:
        file.write('{"type": "item", "inp')
    assert apply("--resume", "run.jsonl") == 0
    assert [line["type"] for line in journal()][-3:] == ["summary", "run", "summary"]


@pytest.mark.parametrize(
    ("first", "said"),
    [
        (head(schema="convcli.report/2"), "of schema convcli.report/2"),
        ({"some": "json"}, "not a journal of convcli"),
    ],
)
def test_what_is_no_journal_is_refused(tmp_path: Path, first: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        earlier.read(written(tmp_path / "a.jsonl", first, item("a")))
    assert caught.value.hint


def test_nothing_yet_is_no_error(tmp_path: Path) -> None:
    assert earlier.read(str(tmp_path / "none.jsonl")) is None
    assert earlier.read(written(tmp_path / "empty.jsonl")) is None
    assert run(["apply", "a.png", "-o", "b.png", "-k", "box", "--resume", "run.csv"]) == 2


@posix
def test_a_journal_that_a_run_is_writing_is_refused(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import fcntl

    assert apply("--report", "run.jsonl") == 0
    with (place / "run.jsonl").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert apply("--resume", "run.jsonl") == 5
    assert "is being written by another run" in capsys.readouterr().err


def test_a_renamed_output_counts_where_names_were_given_anew(tmp_path: Path) -> None:
    source, output = tmp_path / "a", tmp_path / "out" / "a-1"
    (tmp_path / "out").mkdir()
    source.write_bytes(b"abc")
    output.write_bytes(b"1234567")
    facts = item("a", output="out/a-1", mtime_ns=source.stat().st_mtime_ns)
    found = earlier.read(written(tmp_path / "j.jsonl", head(cwd=str(tmp_path)), facts))
    asked = Resumption(found, (KEY,), checksum=False, retold=False)
    target = str(tmp_path / "out" / "a")
    assert not asked.settles(Task(1, Input(str(source)), target))
    assert asked.settles(Task(1, Input(str(source)), target), renamed=True)
    assert not asked.settles(Task(1, Input(str(source)), str(tmp_path / "a")), renamed=True)
    assert asked.number == 1


@pytest.mark.usefixtures("place")
def test_a_file_that_came_to_a_target_after_the_run_is_not_replaced() -> None:
    assert apply("--report", "run.jsonl") == 0
    lines = journal()
    lines[0]["started"] = "2001-01-01T00:00:00.000+00:00"
    written(Path("run.jsonl"), *lines)
    Path("in/000.png").write_bytes(Path("in/001.png").read_bytes())
    Path("out/000.png").write_bytes(b"somebody's")
    assert apply("--resume", "run.jsonl") == 5
    assert Path("out/000.png").read_bytes() == b"somebody's"


@pytest.mark.usefixtures("place")
def test_what_was_renamed_is_known_to_the_next_journal_by_its_new_name() -> None:
    for name in ("000", "001", "002"):
        Path(f"out/{name}.png").write_bytes(b"somebody's")
        os.utime(f"out/{name}.png", ns=(10**9, 10**9))
    assert apply("--exists", "rename", "--report", "run.jsonl") == 0
    for before, after in (("run", "next"), ("next", "last")):
        said = ("--resume", f"{before}.jsonl", "--report", f"{after}.jsonl")
        assert apply("--exists", "rename", *said) == 0
    assert not list(Path("out").glob("*-3.png"))


def test_keys_differ_by_all_that_decides_a_byte_and_by_nothing_else() -> None:
    orders = Orders((JOB,), Limits(), Writing(), "1")
    other = make_job([Recipe("same", (Kernel(((1.0, 2.5),)),))], Wishes())
    edge = make_job([Recipe("same", (Kernel(((1.0, 2.0),)),))], Wishes(padding=Padding("edge")))
    variants = [
        orders,
        replace(orders, jobs=(other,)),
        replace(orders, jobs=(edge,)),
        replace(orders, version="2"),
        replace(orders, writing=Writing(quality=5)),
        replace(orders, writing=Writing(frames="first")),
    ]
    keys = [each.key(0) for each in variants]
    assert len(set(keys)) == len(keys)
    again = make_job([Recipe("same", (Kernel(((1.0, 2.0),)),))], Wishes())
    for same in (
        replace(orders, jobs=(again,)),
        replace(orders, limits=Limits(engine="fft", jobs=1)),
        replace(orders, writing=Writing(overwrite=True, verify=True, seed=3, tell=print)),
    ):
        assert same.key(0) == keys[0]
    assert all(len(key) == 16 and int(key, 16) >= 0 for key in keys)


@pytest.mark.parametrize("name", [field.name for field in fields(Stage)])
def test_whatever_a_stage_has_decides_bytes(name: str) -> None:
    others: dict[str, Any] = {"bank": JOB.stages[0].bank * 2, "padding": Padding("constant", 3.0)}
    other = replace(JOB.stages[0], **{name: others.get(name, "other")})
    changed = replace(JOB, stages=(other,))
    assert job_key(changed, Writing(), "1") != job_key(JOB, Writing(), "1")


def test_files_that_a_kernel_is_made_of_decide_bytes(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text("layers:\n  - weights: w.npy\n")
    keys = set()
    for number in (1, 2):
        np.save(tmp_path / "w.npy", np.full((1, 1, 3, 3), number))
        Image.fromarray(np.diag([number, 9, 4]).astype(np.uint8)).save(tmp_path / "crop.png")
        for kernel in (str(tmp_path / "net.yaml"), f"template:{tmp_path / 'crop.png'}"):
            keys.add(job_key(make_job([template.find(kernel)], Wishes()), Writing(), "1"))
    assert len(keys) == 4
