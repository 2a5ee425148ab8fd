"""
What the journal of earlier runs says: what is done, and when files came that it does not have.

    run 1   noted noted noted failed            killed: no end is known
    run 2                             noted ... an end: nothing it wrote came later

A journal may hold several runs, each resumed from the one before; of two items the later counts.
"""

from __future__ import annotations

import os
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from convcli.errors import InputError
from convcli.record import mutable
from convcli.report import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Iterator

Identity = bytes

DIGITS = 16
"""Of a key."""

RECENT = 2_000_000_000
"""Nanoseconds by which the clocks of two machines may differ."""

CRASHED = "crashed"
"""The cause of a failure that took its whole process along, perhaps after it had written."""

_PLAIN = re.compile(r"[/\\](?:[./\\]|$)").search
"""What `normpath` might change; it is slow."""


class Done(NamedTuple):  # not a record: 100 000 are made at once
    """What became of one input under one key."""

    output: str
    size: int
    mtime: int
    sha256: str
    bytes_out: int


@mutable
class Session:
    """One run of a journal: its keys, when it began, and when it had ended; in nanoseconds."""

    keys: frozenset[str]
    began: int
    ended: float = float("inf")


@mutable
class Journalled:
    """
    A journal that was read: what is done, by input and key; the sessions; for what one of them
    noted and did not write, since it failed or was left out, the number of sessions until then.

    `ignored` counts lines that are no JSON; `torn` says whether the last one was cut short.
    """

    done: dict[Identity, Done]
    unwritten: dict[Identity, int]
    sessions: list[Session]
    ignored: int = 0
    torn: bool = False

    def wrote(self, key: str, moment: int, *, after: int = 0, slack: int = 0) -> bool:
        """
        Whether a file of this time may have been written under `key`, by a session `after` those.

        What came before a session began, or after it ended, it did not write.
        """
        return any(
            key in session.keys and session.began - slack <= moment <= session.ended
            for session in self.sessions[after:]
        )


def nothing() -> Journalled:
    """Of a run that resumes nothing yet."""
    return Journalled({}, {}, [])


def read(path: str) -> Journalled | None:
    """
    The journal at `path`; None where there is no file yet, or an empty one.

    Raises InputError for what is no journal, or one of another schema.
    """
    found = nothing()
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
        elif kind == "summary":
            _end(found, line)
    return found if found.sessions or found.done or found.ignored else None


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
    """A session; the one before, if it was killed, had ended by then."""
    try:
        began = int(datetime.fromisoformat(str(head["started"])).timestamp() * 1e9)
    except (KeyError, ValueError):
        return
    if found.sessions:
        last = found.sessions[-1]
        last.ended = min(last.ended, began + RECENT)
    found.sessions.append(Session(frozenset(head.get("jobs") or ()), began))


def _end(found: Journalled, line: dict[str, Any]) -> None:
    """A session that came to its end, and was not killed."""
    wall = line.get("wall")
    if found.sessions and isinstance(wall, int | float):
        last = found.sessions[-1]
        last.ended = last.began + wall * 1e9 + RECENT


def _take(found: Journalled, line: dict[str, Any], cwd: str) -> None:
    """Remember an item that is done; forget one that was, and now failed."""
    key, name, output = (line.get(word) for word in ("key", "input", "output"))
    if not (isinstance(key, str) and isinstance(name, str) and isinstance(output, str)):
        return
    if len(key) != DIGITS:
        return
    place = identity(absolute(cwd, name), key)
    failed = line.get("status") not in {"ok", "skipped"}
    if line.get("cause") != CRASHED and (failed or not line.get("bytes_out")):
        found.unwritten[place] = len(found.sessions)
    if failed:
        found.done.pop(place, None)
        return
    found.done[place] = Done(
        absolute(cwd, output),
        line.get("bytes_in", 0),
        line.get("mtime_ns", 0),
        line.get("sha256", ""),
        line.get("bytes_out", 0),
    )


def identity(path: str, key: str) -> Identity:
    """A few bytes for an absolute name under a key: 100 000 names would take more."""
    from hashlib import blake2b

    name = path.encode(errors="backslashreplace")
    return blake2b(name, digest_size=16, salt=key.encode()).digest()


def absolute(cwd: str, name: str) -> str:
    """A name as it is from the root, with nothing in it that leads back."""
    path = name if name.startswith("/") else os.path.join(cwd, name)
    return path if _PLAIN(path) is None else os.path.normpath(path)
