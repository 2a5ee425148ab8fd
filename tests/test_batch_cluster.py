"""A real scheduler and real workers: the same files as here, whoever dies on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from convcli.batch import joining
from convcli.errors import SOME_FAILED, MissingExtra, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[1]
PATIENCE = 300
LISTENING = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
HASTY = "from convcli.batch import cluster; cluster.PATIENCE = 3.0\n"
MAIN = "from convcli.__main__ import main; main()\n"

# What a worker loads before all else: files that take time, and files that end it.
DOOM = """
import os, signal, time
from convcli.batch import running
from convcli.io import temporary
genuine, publish = running.process, temporary._publish

def process(source, *args):
    time.sleep(float(os.environ.get("SLOW", "0")))
    if "killer" in os.path.basename(source):
        os.kill(os.getpid(), signal.SIGKILL)
    return genuine(source, *args)

def slowly(*args, **kwargs):
    time.sleep(float(os.environ.get("WRITING", "0")))
    publish(*args, **kwargs)

running.process, temporary._publish = process, slowly
"""

# Python imports a module of this name by itself, in every process: results take long to appear.
SLOW_RENAME = """
import sys, threading, time

class Later:
    def find_spec(self, name, *_):
        if name == "convcli.batch.hosts":
            sys.meta_path.remove(self)
            from convcli.io import temporary
            publish = temporary._publish
            temporary._publish = lambda *a, **k: (time.sleep(20), publish(*a, **k))

sys.meta_path.insert(0, Later())
"""

SHORT_WAIT = SLOW_RENAME.replace("sleep(20)", "sleep(2)")


class Workers:
    """A scheduler and workers without a nanny: one that is killed stays away."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "scheduler.json"
        self.started: list[subprocess.Popen[bytes]] = []
        (folder / "doom.py").write_text(DOOM)
        self._start("dask_scheduler", "--port", "0", "--no-dashboard")
        _until(lambda: self.file.exists() and self.file.stat().st_size > 0)
        self.address: str = json.loads(self.file.read_text())["address"]

    def start(self, number: int = 1, threads: int = 1, *more: str, **env: str) -> None:
        plain = ("--nthreads", str(threads), "--no-dashboard", "--preload", "doom")
        kept = more or ("--no-nanny",)
        expected = self.registered() + number
        for _ in range(number):
            self._start("dask_worker", *plain, *kept, **env)
        _until(lambda: self.registered() >= expected)

    def registered(self) -> int:
        return (self.folder / "log").read_bytes().count(b"Registered to")

    def _start(self, module: str, *words: str, **env: str) -> None:
        command = [sys.executable, "-m", f"distributed.cli.{module}", *words]
        path = os.pathsep.join((str(ROOT), str(self.folder)))
        with (self.folder / "log").open("ab") as log:
            child = subprocess.Popen(
                [*command, "--scheduler-file", str(self.file)],
                cwd=self.folder,
                env=os.environ | {"PYTHONPATH": path} | env,
                stdout=log,
                stderr=log,
            )
        self.started.append(child)

    def end(self) -> None:
        for child in reversed(self.started):
            child.terminate()
        for child in self.started:
            with suppress(subprocess.TimeoutExpired):
                child.wait(10)
            child.kill()
            child.wait()


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")
    (tmp_path / "cluster").mkdir()
    found = Workers(tmp_path / "cluster")
    yield found
    found.end()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Twelve in two folders; the second is named first."""
    made = tmp_path / "in"
    generator = np.random.default_rng(7)
    for number in range(12):
        folder = made / "ba"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        samples = generator.integers(0, 256, (40 + number, 50, 3), dtype=np.uint8)
        Image.fromarray(samples).save(folder / f"{number:02d}.png")
    return made


def _until(reached: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.02)


def _start(
    folder: Path, *words: str, before: str = LISTENING, path: Path = ROOT
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", before + MAIN, "apply", "in", "-k", "sobel", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join((str(path), str(ROOT)))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _run(folder: Path, *words: str) -> tuple[int, str]:
    child = _start(folder, *words)
    _, told = child.communicate(timeout=PATIENCE)
    return child.returncode, told


def _tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _made(folder: Path) -> int:
    return len(list(folder.rglob("*.png")))


def _items(journal: Path) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    return [line for line in lines if line["type"] == "item"]


def test_a_killed_workers_files_are_done_by_the_other(
    tmp_path: Path, pictures: Path, workers: Workers
) -> None:
    assert _run(tmp_path, "-o", "here/")[0] == 0
    workers.start(2, SLOW="0.3")
    child = _start(tmp_path, "-o", "there/", "--cluster", workers.address, "--report", "run.jsonl")
    journal = tmp_path / "run.jsonl"
    _until(lambda: _made(tmp_path / "there") >= 3)
    workers.started[1].kill()
    _, told = child.communicate(timeout=PATIENCE)
    assert child.returncode == 0, told
    assert _tree(tmp_path / "there") == _tree(tmp_path / "here")
    items = _items(journal)
    assert sorted(str(item["input"]) for item in items) == sorted(
        str(path.relative_to(tmp_path)) for path in pictures.rglob("*.png")
    )
    assert {item["status"] for item in items} == {"ok"}


def test_what_a_killed_worker_was_writing_is_swept(
    tmp_path: Path, pictures: Path, workers: Workers
) -> None:
    assert pictures.is_dir()
    workers.start()
    workers.start(WRITING="300")
    child = _start(tmp_path, "-o", "out/", "--cluster", workers.address)
    _until(lambda: _made(tmp_path / "out") == 10)  # the others wait for the slow one
    _until(lambda: len(list((tmp_path / "out").rglob(".convcli-*.tmp"))) == 1)
    workers.started[2].kill()
    _, told = child.communicate(timeout=PATIENCE)
    assert child.returncode == 0, told
    tree = _tree(tmp_path / "out")
    assert len(tree) == 12
    assert not [name for name in tree if ".convcli-" in name]


def test_a_file_that_kills_workers_is_one_failure(
    tmp_path: Path, pictures: Path, workers: Workers
) -> None:
    (pictures / "a" / "01.png").rename(pictures / "a" / "killer.png")
    # A nanny starts another process for each that dies; two threads: others are hit, too.
    workers.start(2, 2, "--nanny", SLOW="0.05")
    code, told = _run(tmp_path, "-o", "out/", "--cluster", workers.address, "--report", "run.jsonl")
    assert code == SOME_FAILED, told
    failed = [item for item in _items(tmp_path / "run.jsonl") if item["status"] == "failed"]
    assert [item["input"] for item in failed] == [os.path.join("in", "a", "killer.png")]
    assert "3 workers were lost" in str(failed[0]["error"])
    assert len(_tree(tmp_path / "out")) == 11


def test_a_worker_that_comes_later_takes_part(
    tmp_path: Path, pictures: Path, workers: Workers
) -> None:
    assert pictures.is_dir()
    workers.start(1, SLOW="0.5")
    child = _start(tmp_path, "-o", "out/", "--cluster", workers.address, "--report", "run.jsonl")
    _until(lambda: _made(tmp_path / "out") >= 1)
    workers.start(1, SLOW="0.5")
    workers.started[1].kill()
    _, told = child.communicate(timeout=PATIENCE)
    assert child.returncode == 0, told
    assert len(_tree(tmp_path / "out")) == 12


def test_ctrl_c_leaves_whole_files_and_ends_with_130(
    tmp_path: Path, pictures: Path, workers: Workers
) -> None:
    assert pictures.is_dir()
    workers.start(2, SLOW="0.5")
    child = _start(tmp_path, "-o", "out/", "--cluster", workers.address)
    _until(lambda: _made(tmp_path / "out") >= 2)
    child.send_signal(signal.SIGINT)
    _, told = child.communicate(timeout=PATIENCE)
    assert child.returncode == 130, told
    assert "Traceback" not in told
    done = _tree(tmp_path / "out")
    assert 2 <= len(done) < 12
    assert _run(tmp_path, "-o", "here/")[0] == 0
    whole = _tree(tmp_path / "here")
    assert {name: whole[name] for name in done} == done


def test_ctrl_c_of_a_terminal_is_heard_by_the_command_alone(tmp_path: Path, pictures: Path) -> None:
    """A terminal sends it to every process of the run: ours end what they have in work."""
    pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")
    assert pictures.is_dir()
    (tmp_path / "sitecustomize.py").write_text(SHORT_WAIT)
    child = _start(tmp_path, "-o", "out/", "--cluster", "local:2", path=tmp_path)
    _until(lambda: len(list((tmp_path / "out").rglob(".convcli-*.tmp"))) >= 2)
    os.killpg(child.pid, signal.SIGINT)
    _, told = child.communicate(timeout=PATIENCE)
    assert child.returncode == 130, told
    assert "Traceback" not in told
    assert f"{len(_tree(tmp_path / 'out'))} of 12 images done" in told
    assert _made(tmp_path / "out") >= 2


def test_a_second_ctrl_c_ends_processes_of_ours_and_sweeps_after_them(
    tmp_path: Path, pictures: Path
) -> None:
    pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")
    assert pictures.is_dir()
    (tmp_path / "sitecustomize.py").write_text(SLOW_RENAME)
    words = ("-o", "out/", "--cluster", "local:2")
    child = _start(tmp_path, *words, path=tmp_path)
    _until(lambda: len(list((tmp_path / "out").rglob(".convcli-*.tmp"))) >= 2)
    child.send_signal(signal.SIGINT)
    time.sleep(0.5)
    child.send_signal(signal.SIGINT)
    _, told = child.communicate(timeout=PATIENCE)
    assert child.returncode == 130, told
    assert "Traceback" not in told
    assert _tree(tmp_path / "out") == {}


def test_a_scheduler_that_dies_fails_what_is_left(
    tmp_path: Path, pictures: Path, workers: Workers
) -> None:
    assert pictures.is_dir()
    workers.start(2, SLOW="0.5")
    words = ("-o", "out/", "--cluster", workers.address, "--report", "run.jsonl")
    child = _start(tmp_path, *words, before=HASTY)
    journal = tmp_path / "run.jsonl"  # what was made is not yet heard of
    _until(lambda: journal.exists() and journal.read_bytes().count(b'"type": "item"') >= 2)
    workers.started[0].kill()
    _, told = child.communicate(timeout=PATIENCE)
    assert child.returncode == SOME_FAILED, told
    assert "Traceback" not in told
    items = _items(journal)
    assert len(items) == 12
    assert any("no workers for 3 s" in str(item["error"]) for item in items)


def test_processes_of_this_machine_say_nothing_of_their_own(tmp_path: Path, pictures: Path) -> None:
    pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")
    assert pictures.is_dir()
    assert _run(tmp_path, "-o", "here/")[0] == 0
    code, told = _run(tmp_path, "-o", "there/", "--cluster", "local:2", "--quiet")
    assert (code, told) == (0, "")
    assert _tree(tmp_path / "there") == _tree(tmp_path / "here")


def test_workers_that_see_another_folder_are_refused(
    tmp_path: Path, pictures: Path, workers: Workers
) -> None:
    assert pictures.is_dir()
    (workers.folder / "doom.py").write_text(
        "from convcli.batch import hosts\ngenuine = hosts.os.stat\n"
        "def stat(path, **more):\n"
        "    if str(path).endswith('.png'): raise FileNotFoundError(2, 'No such file')\n"
        "    return genuine(path, **more)\n"
        "hosts.os.stat = stat\n"
    )
    workers.start(1)
    code, told = _run(tmp_path, "-o", "out/", "--cluster", workers.address)
    assert code == UsageError.exit_code, told
    assert f"does not see {pictures / 'a' / '01.png'}" in told
    assert "disk that all machines have" in told
    assert not (tmp_path / "out").exists()


def test_workers_of_another_release_are_refused(
    tmp_path: Path, pictures: Path, workers: Workers
) -> None:
    assert pictures.is_dir()
    (workers.folder / "doom.py").write_text("import convcli\nconvcli.__version__ = '0.0.1'\n")
    workers.start(1)
    code, told = _run(tmp_path, "-o", "out/", "--cluster", workers.address)
    assert code == UsageError.exit_code, told
    assert "runs convcli 0.0.1, this is" in told


def test_a_scheduler_that_is_not_there_is_told(tmp_path: Path, pictures: Path) -> None:
    pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")
    assert pictures.is_dir()
    code, told = _run(tmp_path, "-o", "out/", "--cluster", "tcp://127.0.0.1:1", "--quiet")
    assert code == UsageError.exit_code
    assert told.startswith("--cluster tcp://127.0.0.1:1: no scheduler answers there")
    assert "Traceback" not in told


def test_a_scheduler_without_workers_is_told(
    tmp_path: Path, pictures: Path, workers: Workers
) -> None:
    assert pictures.is_dir()
    code, told = _run(tmp_path, "-o", "out/", "--cluster", workers.address, "--quiet")
    assert code == UsageError.exit_code
    assert told.startswith("The cluster has no workers.")


@pytest.mark.parametrize("name", ["", "host:8786", "local:", "local:0", "local:x", "tcp://"])
def test_names_that_are_no_cluster_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="--cluster"):
        joining.check_name(name)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dask", None)
    with (
        pytest.raises(MissingExtra, match=r"pip install 'convcli\[cluster\]'"),
        joining.client("local", 1),
    ):
        pass
