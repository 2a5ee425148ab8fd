"""
Reports that were written, read again: what one run came to, and how two compare.

    run.jsonl [or .json]  ->  Run            summary, what became of each image
    Run, Run              ->  Comparison     old -> new: seconds by phase, newly failed, newly ok

A journal may hold several sessions of one run, each resumed from the one before: of two items for
one image and kernel the later one counts, and wall times add up. A killed session lasted at least
until its last image.
"""

from __future__ import annotations

import json
from dataclasses import field
from typing import TYPE_CHECKING, Any

from convcli.errors import InputError
from convcli.record import mutable, record
from convcli.report import PHASES, SCHEMA, item_of
from convcli.summary import Summary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convcli.report import Item

Place = tuple[str, str]
"""Input and kernel."""

Line = tuple[str, dict[str, Any]]

_COUNTED = (
    *("input", "kernel", "status", "hint", "code", "cause", "engine", "body"),
    *("wall", "megapixels"),
    *(f"{phase}_seconds" for phase in PHASES),
)
"""Columns that anything is made of here: no more is kept of each image until its last is read."""

LISTED = 10
"""Images that a comparison names of each kind."""


@record
class Outcome:
    """What became of one image: status, cause of a failure, seconds in all and by phase."""

    status: str
    cause: str
    wall: float
    seconds: tuple[float, ...]


@mutable
class Run:
    """
    One run as its report tells it.

    `heads` has one entry a session; `wall` seconds of them all; `torn` says that the file ends in
    the middle of a line, `ignored` counts lines that make no sense.
    """

    path: str
    heads: list[dict[str, Any]] = field(default_factory=list)
    summary: Summary = field(default_factory=Summary)
    outcomes: dict[Place, Outcome] = field(default_factory=dict)
    bodies: dict[str, int] = field(default_factory=dict)
    wall: float = 0.0
    torn: bool = False
    ignored: int = 0

    def data(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "file": self.path,
            "sessions": len(self.heads),
            "torn": self.torn,
            "ignored_lines": self.ignored,
            "run": self.heads[0] if self.heads else {},
            "summary": self.summary.data(self.wall),
        }


def read_run(path: str) -> Run:
    """
    The run that a .jsonl or .json report tells of.

    InputError for what is not there, is no report, or is of another schema.
    """
    run, ended = Run(path), 0.0
    items: dict[Place, tuple[Any, ...]] = {}
    for kind, facts in _lines(path, run):
        if kind == "run":
            run.heads.append(facts)
            run.wall, ended = run.wall + ended, 0.0
        elif kind == "summary":
            run.wall, ended = run.wall + (facts.get("wall") or 0.0), 0.0
        else:
            ended = facts.get("ended") or 0.0
            place = facts.get("input", ""), facts.get("kernel", "")
            items.pop(place, None)  # the later one counts, in its own turn
            items[place] = tuple(map(facts.get, _COUNTED))
    run.wall += ended
    for told in items.values():
        named = zip(_COUNTED, told, strict=True)
        _add(run, item_of({name: fact for name, fact in named if fact is not None}))
    return run


def _add(run: Run, item: Item) -> None:
    run.summary.add(item)
    seconds = tuple(item.seconds.values())
    place = item.input, item.kernel
    run.outcomes[place] = Outcome(item.status, item.cause, item.wall, seconds)
    if item.engine:
        engine = f"{item.engine} ({item.body})"
        run.bodies[engine] = run.bodies.get(engine, 0) + 1


def _lines(path: str, run: Run) -> Iterator[Line]:
    """Type and facts of every line; what is ignored is counted in `run`."""
    read = {"jsonl": _json_lines, "json": _json_file}.get(path.lower().rpartition(".")[2])
    if read is None:
        raise InputError(
            f"{path}: only reports of JSON lines or JSON are read.", "Name a .jsonl or .json file."
        )
    known = False
    try:
        for kind, facts in read(path, run):
            known = known or _checked(path, facts)
            if kind in {"run", "item", "summary"}:
                yield kind, facts
    except FileNotFoundError:
        raise InputError(f"{path} does not exist.", "Check the spelling.") from None
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}.", "Name a report.") from error
    if not known:
        raise _foreign(path)


def _checked(path: str, facts: dict[str, Any]) -> bool:
    if "schema" not in facts:
        raise _foreign(path)
    if facts["schema"] != SCHEMA:
        raise InputError(
            f"{path} is of schema {facts['schema']}; this convcli reads {SCHEMA}.",
            "Use the convcli that wrote it.",
        )
    return True


def _foreign(path: str) -> InputError:
    return InputError(f"{path} is no report of convcli.", "Name what --report wrote.")


def _json_lines(path: str, run: Run) -> Iterator[Line]:
    line = b"\n"
    with open(path, "rb") as file:  # noqa: PTH123 - a name, not a path
        for line in file:
            facts = _parsed(line)
            if facts is not None:
                yield facts.get("type", ""), facts
            elif line.endswith(b"\n"):
                run.ignored += 1
    run.torn = not line.endswith(b"\n")


def _json_file(path: str, run: Run) -> Iterator[Line]:
    """A document; of one that was torn the lines that are whole: each item has one of its own."""
    with open(path, "rb") as file:  # noqa: PTH123 - a name, not a path
        text = file.read()
    whole = _parsed(text)
    run.torn = whole is None
    if whole is not None:
        yield "run", {"schema": whole.get("schema"), **whole.get("run", {})}
        yield from (("item", facts) for facts in whole.get("items", ()))
        yield "summary", whole.get("summary", {})
        return
    for line in text.splitlines():
        schema, head = _parsed(b"{%s}" % line.strip(b",")), _parsed(line.strip(b","))
        if schema and "run" in schema:
            yield "run", {"schema": SCHEMA, **schema["run"]}
        elif head and "input" in head:
            yield "item", head


def _parsed(text: bytes) -> dict[str, Any] | None:
    try:
        facts = json.loads(text)
    except ValueError:
        return None
    return facts if isinstance(facts, dict) else None


# --- two runs ------------------------------------------------------------------------------------


@mutable
class Comparison:
    """
    Images that both runs have: seconds of those that both did, and what changed its status.

    `phases` and `wall` are (old, new) seconds, summed over images; `slower` and `faster` name the
    images whose wall time changed most, with both times.
    """

    matched: int = 0
    only_old: int = 0
    only_new: int = 0
    both_ok: int = 0
    wall: tuple[float, float] = (0.0, 0.0)
    phases: dict[str, tuple[float, float]] = field(default_factory=dict)
    slower: list[tuple[str, float, float]] = field(default_factory=list)
    faster: list[tuple[str, float, float]] = field(default_factory=list)
    newly_failed: list[tuple[str, str]] = field(default_factory=list)
    newly_ok: list[str] = field(default_factory=list)

    def data(self) -> dict[str, Any]:
        """As JSON has it."""
        names = ("matched", "only_old", "only_new", "both_ok")
        return {
            **{name: getattr(self, name) for name in names},
            "wall": _pair(*self.wall),
            "phases": {phase: _pair(*pair) for phase, pair in self.phases.items()},
            "slower": [{"input": name, **_pair(*pair)} for name, *pair in self.slower],
            "faster": [{"input": name, **_pair(*pair)} for name, *pair in self.faster],
            "newly_failed": [{"input": name, "cause": why} for name, why in self.newly_failed],
            "newly_ok": self.newly_ok,
        }


def _pair(old: float, new: float) -> dict[str, float | None]:
    return {"old": old, "new": new, "ratio": new / old if old else None}


def compare(old: Run, new: Run) -> Comparison:
    """Two runs, image by image: by name and kernel, or by name alone if the kernels are others."""
    before, after = old.outcomes, new.outcomes
    if before.keys().isdisjoint(after):
        before = {(name, ""): outcome for (name, _), outcome in before.items()}
        after = {(name, ""): outcome for (name, _), outcome in after.items()}
    both = [place for place in before if place in after]
    made = Comparison(len(both), len(before) - len(both), len(after) - len(both))
    done = [at for at in both if before[at].status == after[at].status == "ok"]
    made.both_ok = len(done)
    made.wall = sum(before[at].wall for at in done), sum(after[at].wall for at in done)
    for number, phase in enumerate(PHASES):
        spent = [(before[at].seconds[number], after[at].seconds[number]) for at in done]
        made.phases[phase] = sum(a for a, _ in spent), sum(b for _, b in spent)
    changed = sorted(done, key=lambda at: before[at].wall - after[at].wall)
    times = [(at[0], before[at].wall, after[at].wall) for at in changed]
    made.slower = [each for each in times[:LISTED] if each[2] > each[1]]
    made.faster = [each for each in reversed(times[-LISTED:]) if each[2] < each[1]]
    for at in both:
        was, now = before[at].status == "failed", after[at].status == "failed"
        if now and not was:
            made.newly_failed.append((at[0], after[at].cause))
        elif was and not now:
            made.newly_ok.append(at[0])
    return made
