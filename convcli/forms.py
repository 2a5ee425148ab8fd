"""
A report as text that grows: head, then an item whenever one is done, then the tail.

    .json    {schema, run, items: [           one item a line     ], summary}
    .jsonl   {type: run, schema, ...}         {type: item, ...}   {type: summary, ...}
    .csv     names of the columns             a row               nothing
    .md      names of the columns, a rule     a row               nothing

Only JSON is not whole before its tail is there: whoever writes it rewrites the tail with each item.
"""

from __future__ import annotations

import io
import os
import sys
from dataclasses import field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from convcli.record import mutable, record
from convcli.report import COLUMNS, PROSE, SCHEMA, Clock, as_text, row
from convcli.summary import Summary
from convcli.wording import legible, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from convcli.report import Item


def here() -> str:
    """The current folder; "" where it was removed."""
    try:
        return os.getcwd()  # noqa: PTH109 - a name
    except OSError:
        return ""


def _now() -> str:
    """To the millisecond: a later run tells by it which files are younger than this one."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@mutable
class Report:
    """
    A run: the command, where and when it began, what it ran with, and what it comes to so far.

    `jobs` describes, by `Item.key`, the kernels and options that the keys stand for.
    """

    command: tuple[str, ...] = ()
    version: str = ""
    started: str = field(default_factory=_now)
    cwd: str = field(default_factory=here)
    jobs: dict[str, Any] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    summary: Summary = field(default_factory=Summary)

    def head(self) -> dict[str, Any]:
        """What is true of the whole run."""
        return {
            "command": [as_text(word) for word in self.command],
            "convcli": self.version,
            "started": self.started,
            "cwd": as_text(self.cwd),
            "python": sys.version.split()[0],
            "platform": sys.platform,
            "processors": os.cpu_count(),
            "jobs": self.jobs,
        }

    def tail(self) -> dict[str, Any]:
        """What it came to, or comes to so far."""
        return self.summary.data(self.clock.wall)


@record
class Form:
    """How a report is written: `item` is told whether it is the first; `closed` by a tail."""

    head: Callable[[Report], str]
    item: Callable[[Item, bool], str]
    tail: Callable[[Report], str]
    closed: bool = False

    def text(self, report: Report, items: Iterable[Item]) -> str:
        """All of it at once, each item added to the report's summary."""
        parts = [self.head(report)]
        for number, item in enumerate(items):
            report.summary.add(item)
            parts.append(self.item(item, number == 0))
        return "".join([*parts, self.tail(report)])


def _dumped(value: object) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)


def _json_head(report: Report) -> str:
    return f'{{\n"schema": "{SCHEMA}",\n"run": {_dumped(report.head())},\n"items": ['


def _json_item(item: Item, first: bool) -> str:  # noqa: FBT001 - one of a table's functions
    return f"{',' * (not first)}\n{_dumped(row(item))}"


def _json_tail(report: Report) -> str:
    return f'\n],\n"summary": {_dumped(report.tail())}\n}}\n'


def _line(kind: str, facts: dict[str, Any]) -> str:
    return _dumped({"type": kind, **facts}) + "\n"


def _written(cells: Iterable[Any]) -> str:
    import csv

    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerow(cells)
    return table.getvalue()


def _bars(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _cells(item: Item, comma: str) -> Iterator[Any]:
    """The row of a table: numbers as they are, None where there is none, words made legible."""
    for name, value in row(item).items():
        if isinstance(value, (str, list)):
            text = value if isinstance(value, str) else comma.join(value)
            yield legible(text) if name in PROSE else printable(text)
        else:
            yield value


def _marked(cell: Any) -> str:  # noqa: ANN401 - what a column holds
    if isinstance(cell, float):
        return f"{cell:.6g}"
    text = "" if cell is None else str(cell)
    return text.replace("|", "\\|").replace("\n", " ")


_NAMES = [column.name for column in COLUMNS]

FORMS = {
    "json": Form(_json_head, _json_item, _json_tail, closed=True),
    "jsonl": Form(
        lambda report: _line("run", {"schema": SCHEMA, **report.head()}),
        lambda item, _: _line("item", row(item)),
        lambda report: _line("summary", report.tail()),
    ),
    "csv": Form(
        lambda _: _written(_NAMES),
        lambda item, _: _written(_cells(item, " | ")),
        lambda _: "",
    ),
    "md": Form(
        lambda _: _bars(_NAMES) + "|" + " --- |" * len(_NAMES) + "\n",
        lambda item, _: _bars(map(_marked, _cells(item, "; "))),
        lambda _: "",
    ),
}
"""Forms of a report file, by suffix."""
