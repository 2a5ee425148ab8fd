"""
What an earlier run did already, by its journal: nothing is done twice, nothing is left out.

    done     same input (size and time, or hash), same key, and the output still as it was written
    ours     not in the journal, but the file at its target came while the run was on: the run was
             killed between writing the file and noting it
    new      all else, and what failed

The key of a job is a hash of all that decides the bytes of a result: kernels, options, version.
"""

from __future__ import annotations

import os
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from convcli.batch.earlier import DIGITS, RECENT, absolute, identity, nothing
from convcli.batch.existing import beside
from convcli.errors import UsageError
from convcli.forms import here
from convcli.report import Item, as_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convcli.batch.earlier import Done, Journalled
    from convcli.batch.task import Input, Orders, Task
    from convcli.run import Writing
    from convcli.spec import Job, Stage

_WRITTEN = ("quality", "compress", "compression", "tile", "frames", "form")
"""What of `Writing` decides bytes."""


# --- keys ----------------------------------------------------------------------------------------


def described(job: Job, writing: Writing, version: str) -> dict[str, Any]:
    """All that decides the bytes of a result, as JSON has it; weights as the hash of their bits."""
    return {
        "convcli": version,
        "operations": list(job.operations),
        "stages": [_stage(stage) for stage in job.stages],
        "pixels": {name: getattr(job.pixels, name) for name in job.pixels.__match_args__},
        "writing": {name: getattr(writing, name) for name in _WRITTEN},
    }


def _stage(stage: Stage) -> dict[str, Any]:
    import hashlib

    # All that a stage has, so that what it is given later cannot be forgotten here.
    plain: dict[str, Any] = {
        name: getattr(stage, name) for name in stage.__match_args__ if name != "bank"
    }
    return {
        **plain,
        "padding": str(stage.padding),
        "shape": list(stage.bank.shape),
        "weights": hashlib.sha256(stage.bank.astype("<f8").tobytes()).hexdigest(),
    }


@lru_cache(maxsize=256)
def job_key(job: Job, writing: Writing, version: str) -> str:
    """16 hex digits of SHA-256 over `described`: equal keys, equal results."""
    import hashlib
    import json

    text = json.dumps(described(job, writing, version), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def seen(source: Input, job: int, orders: Orders) -> dict[str, Any]:
    """What a later run recognises an input by; to be asked before the input is read."""
    if not orders.recorded:
        return {}
    size, mtime = state(source)
    return {
        "key": orders.key(job),
        "mtime_ns": mtime,
        "sha256": content(source.path) if orders.checksum else "",
        **({"bytes_in": size} if mtime else {}),
    }


def state(source: Input) -> tuple[int, int]:
    """Bytes and time in nanoseconds of an input; (0, 0) of standard input and what is not there."""
    if source.size >= 0:
        return source.size, source.mtime
    try:
        found = os.stat(source.path)
    except (OSError, ValueError):
        return 0, 0
    return found.st_size, found.st_mtime_ns


def content(path: str) -> str:
    """SHA-256 of a file's bytes; "" where it can't be read."""
    import hashlib

    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError):
        return ""


# --- what is left --------------------------------------------------------------------------------


class Resumption:
    """
    Which tasks of this run an earlier one did: asked for each before anything is refused.

    `keys` are those of the jobs of this run, in order. Whatever was found done is counted, and with
    `retold` remembered, for a journal that does not have it yet.
    """

    def __init__(
        self, journal: Journalled | None, keys: tuple[str, ...], *, checksum: bool, retold: bool
    ) -> None:
        self._journal = journal or nothing()
        self._keys, self._checksum, self._retold = keys, checksum, retold
        self._cwd = here()
        self.number = 0
        self._done: list[tuple[Input, str, int]] = []

    def settles(self, task: Task, *, renamed: bool = False, in_place: bool = False) -> bool:
        """
        Whether a task is done, and its output, every file of it, whole: then it is left out.

        With `renamed` the output may have another name in the same folder: it was given one because
        its own was taken. With `in_place` the input is the output.
        """
        source, target, job = task.source, task.target, task.job
        if in_place:
            return self._replaced(source, target, job)
        wanted, done = as_text(absolute(self._cwd, target)), self._found(source, job)
        if done is None or not self._same(done, source):
            return False
        near = renamed and os.path.dirname(done.output) == os.path.dirname(wanted)
        if done.output != wanted and not near:
            return False
        files = task.files if done.output == wanted else _renamed(task, done.output)
        written = target if done.output == wanted else done.output
        sizes = [_size(name) for name in files]
        whole = bool(sizes) and min(sizes) >= 0 and sum(sizes) == done.bytes_out
        return whole and self._counted(source, written, job)

    def _replaced(self, source: Input, target: str, job: int) -> bool:
        """
        Whether an input that is its own output has been replaced: it must not be filtered twice.

        Either it has the size that was noted, or it came while a run was on that did not note it,
        and did not note that it wrote nothing.
        """
        done, (size, mtime) = self._found(source, job), state(source)
        if done is not None:
            whole = size == done.bytes_out and mtime != done.mtime
        else:
            after = self._journal.unwritten.get(self._place(source, job), 0)
            whole = self._journal.wrote(self._keys[job], mtime, after=after)
        return whole and self._counted(source, target, job)

    def _counted(self, source: Input, target: str, job: int) -> bool:
        self.number += 1
        if self._retold:
            self._done.append((source, target, job))
        return True

    def ours(self, name: str, task: Task) -> bool:
        """
        Whether the file of this name may have been written by the run that is resumed.

        Not if it noted that it wrote nothing: then another run did, at the same time.
        """
        try:
            written = os.stat(name).st_mtime_ns
        except OSError:
            return False
        after = self._journal.unwritten.get(self._place(task.source, task.job), 0)
        return self._journal.wrote(self._keys[task.job], written, after=after, slack=RECENT)

    def items(self) -> Iterator[Item]:
        """An item for every task that was done, for a journal that has it not."""
        for source, target, job in self._done:
            item = Item(source.path, target, status="skipped", key=self._keys[job])
            item.notes = ("done by an earlier run",)
            if done := self._found(source, job):
                yield replace(
                    item,
                    bytes_in=done.size,
                    bytes_out=done.bytes_out,
                    mtime_ns=done.mtime,
                    sha256=done.sha256,
                )
            else:  # replaced in place, but not noted: nobody knows what it was before
                yield replace(item, bytes_out=state(source)[0])

    def _found(self, source: Input, job: int) -> Done | None:
        return self._journal.done.get(self._place(source, job))

    def _place(self, source: Input, job: int) -> bytes:
        return identity(absolute(self._cwd, source.path), self._keys[job])

    def _same(self, done: Done, source: Input) -> bool:
        if self._checksum:
            return bool(done.sha256) and done.sha256 == content(source.path)
        return done.mtime != 0 and (done.size, done.mtime) == state(source)


def _renamed(task: Task, output: str) -> tuple[str, ...]:
    """The files of an output that has another name than the task: a series is numbered alike."""
    if not task.series:
        return (output,)
    number = os.path.splitext(output)[0].rpartition("-")[2]
    return task.moved(partial(beside, count=int(number))).files if number.isdecimal() else ()


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except (OSError, ValueError):
        return -1


def check_resumable(path: str) -> None:
    """UsageError for a name that is no journal's."""
    if not path.lower().endswith(".jsonl"):
        raise UsageError(
            f"--resume {path}: only JSON lines can be resumed.", "Name a file that ends in .jsonl."
        )
