"""
What an earlier run did already, by its journal: nothing is done twice, nothing is left out.

    done     same input (size and time, or hash), same key, and the output still as it was written
    ours     not in the journal, but at its target stands a file younger than the run: the run was
             killed between writing the file and noting it
    new      all else, and what failed

The key of a job is a hash of all that decides the bytes of a result: kernels, options, version. A
journal may hold several runs, each resumed from the one before; of two items the later one counts.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from convcli.errors import InputError, UsageError
from convcli.forms import here
from convcli.record import mutable
from convcli.report import SCHEMA, Item, as_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convcli.batch.task import Input, Orders
    from convcli.run import Writing
    from convcli.spec import Job, Stage

Identity = bytes
_WRITTEN = ("quality", "compress", "compression", "tile", "frames", "form")
"""What of `Writing` decides bytes."""

_DIGITS = 16
"""Of a key."""

_PLAIN = re.compile(r"[/\\](?:[./\\]|$)").search
"""What `normpath` might change; it is slow."""

_RECENT = 2.0
"""Seconds by which the clocks of two machines may differ."""


# --- keys ----------------------------------------------------------------------------------------


def described(job: Job, writing: Writing, version: str) -> dict[str, Any]:
    """All that decides the bytes of a result, as JSON has it; weights as the hash of their bits."""
    return {
        "convcli": version,
        "kernels": [
            {"operation": operation, **_stage(stage)}
            for operation, stage in zip(job.operations, job.stages, strict=True)
        ],
        "pixels": {name: getattr(job.pixels, name) for name in job.pixels.__match_args__},
        "writing": {name: getattr(writing, name) for name in _WRITTEN},
    }


def _stage(stage: Stage) -> dict[str, Any]:
    import hashlib

    weights = stage.bank.astype("<f8").tobytes()
    plain = (
        *("name", "anchor", "scale", "bias", "combine", "shift", "activation", "extent", "pad_by"),
        *("stride", "dilation", "offset", "offset_share"),
    )
    return {
        **{name: getattr(stage, name) for name in plain},
        "padding": str(stage.padding),
        "shape": list(stage.bank.shape),
        "weights": hashlib.sha256(weights).hexdigest(),
    }


@lru_cache(maxsize=256)
def job_key(job: Job, writing: Writing, version: str) -> str:
    """16 hex digits of SHA-256 over `described`: equal keys, equal results."""
    import hashlib
    import json

    text = json.dumps(described(job, writing, version), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


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


# --- reading a journal ---------------------------------------------------------------------------


class Done(NamedTuple):  # not a record: 100 000 are made at once
    """What became of one input under one key."""

    output: str
    size: int
    mtime: int
    sha256: str
    bytes_out: int


@mutable
class Journalled:
    """
    A journal that was read: what is done, by input and key; since when, for each key.

    `ignored` counts lines that are no JSON; `torn` says whether the last one was cut short.
    """

    done: dict[Identity, Done]
    since: dict[str, int]
    ignored: int = 0
    torn: bool = False


def read(path: str) -> Journalled | None:
    """
    The journal at `path`; None where there is no file yet, or an empty one.

    Raises InputError for what is no journal, or one of another schema.
    """
    found = Journalled({}, {})
    cwd = ""
    for number, line in enumerate(lines(path, found)):
        kind = line.get("type")
        if not number:
            _check_head(path, line)
        if kind == "run":
            cwd = str(line.get("cwd", ""))
            _begin(found, line)
        elif kind == "item":
            _take(found, line, cwd)
    return found if found.since or found.done or found.ignored else None


def lines(path: str, found: Journalled) -> Iterator[dict[str, Any]]:
    """Every line that is an object; those that are not are counted."""
    import json

    line = b"\n"
    try:
        with open(path, "rb") as file:
            for line in file:
                try:
                    facts = json.loads(line)
                except ValueError:
                    facts = None
                if isinstance(facts, dict):
                    yield facts
                elif line.endswith(b"\n"):
                    found.ignored += 1
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}.", "Name a journal.") from error
    found.torn = not line.endswith(b"\n")


def _check_head(path: str, line: dict[str, Any]) -> None:
    schema = line.get("schema")
    if line.get("type") != "run" or not isinstance(schema, str):
        raise InputError(
            f"{path} is not a journal of convcli.", "Name the file that --report wrote, a .jsonl."
        )
    if schema != SCHEMA:
        raise InputError(
            f"{path} is of schema {schema}; this convcli reads {SCHEMA}.",
            "Resume it with the convcli that wrote it, or begin a new one: --report new.jsonl",
        )


def _begin(found: Journalled, head: dict[str, Any]) -> None:
    """From when on a file at a target may be one that this run wrote."""
    try:
        started = datetime.fromisoformat(str(head["started"])).timestamp()
    except (KeyError, ValueError):
        return
    for key in head.get("jobs") or {}:
        found.since.setdefault(key, int((started - _RECENT) * 1e9))


def _take(found: Journalled, line: dict[str, Any], cwd: str) -> None:
    """Remember an item that is done; forget one that was, and now failed."""
    key, name, output = (line.get(word) for word in ("key", "input", "output"))
    if not (isinstance(key, str) and isinstance(name, str) and isinstance(output, str)):
        return
    if len(key) != _DIGITS:
        return
    place = _identity(_absolute(cwd, name), key)
    if line.get("status") not in {"ok", "skipped"}:
        found.done.pop(place, None)
        return
    found.done[place] = Done(
        _absolute(cwd, output),
        line.get("bytes_in", 0),
        line.get("mtime_ns", 0),
        line.get("sha256", ""),
        line.get("bytes_out", 0),
    )


def _identity(path: str, key: str) -> Identity:
    """A few bytes for an absolute name under a key: 100 000 names would take more."""
    from hashlib import blake2b

    name = path.encode(errors="backslashreplace")
    return blake2b(name, digest_size=16, salt=key.encode()).digest()


def _absolute(cwd: str, name: str) -> str:
    path = name if name.startswith("/") else os.path.join(cwd, name)
    return path if _PLAIN(path) is None else os.path.normpath(path)


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
        self._journal = journal or Journalled({}, {})
        self._keys, self._checksum, self._retold = keys, checksum, retold
        self._cwd = here()
        self.number = 0
        self._done: list[tuple[Input, str, int]] = []

    def settles(self, source: Input, target: str, job: int = 0, *, renamed: bool = False) -> bool:
        """
        Whether a task is done, and its output whole: then it is left out.

        With `renamed` the output may have another name in the same folder: it was given one because
        `target` was taken.
        """
        wanted = as_text(_absolute(self._cwd, target))
        if wanted == as_text(_absolute(self._cwd, source.path)):
            return self._replaced(source, target, job)
        done = self._found(source, job)
        if done is None or not self._same(done, source):
            return False
        near = renamed and os.path.dirname(done.output) == os.path.dirname(wanted)
        if done.output != wanted and not near:
            return False
        if _size(target if done.output == wanted else done.output) != done.bytes_out:
            return False
        return self._counted(source, target, job)

    def _replaced(self, source: Input, target: str, job: int) -> bool:
        """
        Whether an input that is its own output has been replaced: it must not be filtered twice.

        Either it has the size that was noted, or it is younger than the run, which was killed
        before it noted it; an input was there before.
        """
        done, (size, mtime) = self._found(source, job), state(source)
        if done is not None:
            whole = size == done.bytes_out and mtime != done.mtime
        else:
            since = self._journal.since.get(self._keys[job])
            whole = since is not None and mtime >= since + int(_RECENT * 1e9)
        return whole and self._counted(source, target, job)

    def _counted(self, source: Input, target: str, job: int) -> bool:
        self.number += 1
        if self._retold:
            self._done.append((source, target, job))
        return True

    def ours(self, target: str, job: int = 0) -> bool:
        """Whether the file at a target was written by the run that is resumed."""
        since = self._journal.since.get(self._keys[job])
        if since is None:
            return False
        try:
            return os.stat(target).st_mtime_ns >= since
        except OSError:
            return False

    def items(self) -> Iterator[Item]:
        """An item for every task that was done, for a journal that has it not."""
        for source, target, job in self._done:
            if done := self._found(source, job):
                item = Item(source.path, target, status="skipped", key=self._keys[job])
                yield replace(
                    item,
                    bytes_in=done.size,
                    bytes_out=done.bytes_out,
                    mtime_ns=done.mtime,
                    sha256=done.sha256,
                    notes=("done by an earlier run",),
                )

    def _found(self, source: Input, job: int) -> Done | None:
        place = _identity(_absolute(self._cwd, source.path), self._keys[job])
        return self._journal.done.get(place)

    def _same(self, done: Done, source: Input) -> bool:
        if self._checksum:
            return bool(done.sha256) and done.sha256 == content(source.path)
        return done.mtime != 0 and (done.size, done.mtime) == state(source)


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
