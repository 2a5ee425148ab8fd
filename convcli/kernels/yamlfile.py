"""
YAML text to nodes with positions.

Built on the parser's events instead of PyYAML's loader: nothing is constructed, so no tag can run
anything; aliases are refused, so nothing can multiply; depth and count are limited while reading.
A plain scalar keeps its text, and what is a number is decided by `number.py`: `1e-3` and `010` are
read as YAML 1.2 reads them, and `on`, `12:30:45` or `2024-01-01` never become something else.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Final

import yaml

from convcli.kernels.document import (
    MAX_DEPTH,
    MAX_KEYS,
    MAX_LISTED,
    Broken,
    Findings,
    Items,
    Node,
    Scalar,
    Style,
    Table,
)
from convcli.kernels.number import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

_STYLES: Final[dict[str | None, Style]] = {
    "|": "block",
    ">": "block",
    "'": "quoted",
    '"': "quoted",
}


def read_yaml(text: str, findings: Findings) -> Node:
    """Parse one YAML document; faults go to `findings`, and `Broken` ends the reading."""
    _refuse_listed(text, findings)
    # libyaml where PyYAML was built with it: 20 times faster, the same events.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Reader(yaml.parse(text, Loader=loader), findings).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        reason = f"{error.problem or error.context}{_cure(findings.text, line)}"
        raise findings.stop(line, column, f"is not YAML: {reason}") from error
    except yaml.YAMLError as error:
        reason = str(getattr(error, "reason", error)).split("\n")[0]
        raise findings.stop(_odd_line(text), 0, f"is not YAML: {reason}") from error
    except RecursionError as error:
        raise findings.stop(1, 0, "is nested too deeply") from error


def _odd_line(text: str) -> int:
    """The line of the first character that YAML does not know; its reader counts in bytes."""
    odd = re.search("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", text)
    return text.count("\n", 0, odd.start()) + 1 if odd else 1


_TOO_MANY: Final = (
    f"more than {MAX_LISTED} listed values; "
    "write a large matrix as a text block (matrix: |) or name a file (file: big.npy)"
)


def _refuse_listed(text: str, findings: Findings) -> None:
    """Where nothing is quoted and no block can hold commas, they tell how much is listed."""
    if text.count(",") <= MAX_LISTED + MAX_LISTED // 8 or re.search(r"[|>\"'#]", text):
        return
    comma = next(islice(re.finditer(",", text), MAX_LISTED, None)).start()
    line = text.count("\n", 0, comma) + 1
    raise findings.stop(line, comma - text.rfind("\n", 0, comma), _TOO_MANY)


class _Reader:
    """Turns the event stream into nodes, and refuses what a kernel file has no use for."""

    def __init__(self, events: Iterator[yaml.Event], findings: Findings) -> None:
        self.events = events
        self.findings = findings
        self.count = 0
        self.keys = 0

    def document(self) -> Node:
        """The one document of the stream; an empty stream and a second document are faults."""
        next(self.events)  # the start of the stream
        if isinstance(next(self.events), yaml.StreamEndEvent):
            raise self.findings.stop(1, 0, "is empty; a kernel file has at least 'matrix:'")
        node = self.node(next(self.events), depth=0)
        next(self.events)  # the end of the document
        after = next(self.events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise self._stop(after, "a second document begins here; a kernel file holds one")
        return node

    def node(self, event: yaml.Event, *, depth: int) -> Node:
        """What begins with this event, and everything inside it."""
        self._refuse(event, depth)
        line, column = _place(event)
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(event.value, line, column, _STYLES.get(event.style, "plain"))
        if isinstance(event, yaml.SequenceStartEvent):
            return Items(list(self._items(depth)), line, column)
        return Table(self._entries(depth), line, column)

    def _items(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            yield self.node(event, depth=depth + 1)

    def _entries(self, depth: int) -> dict[str, tuple[Scalar, Node]]:
        entries: dict[str, tuple[Scalar, Node]] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self.node(event, depth=depth + 1)
            self.keys += 1
            if self.keys > MAX_KEYS:
                raise self._stop(event, f"more than {MAX_KEYS} keys")
            if not isinstance(key, Scalar):
                raise self.findings.stop(key.line, key.column, "a key must be one word")
            value = self.node(next(self.events), depth=depth + 1)
            if key.text in entries:
                first = entries[key.text][0].line
                text = f"{shown(key.text)} is given twice (first on line {first})"
                self.findings.at(key.line, 0, text)
            else:
                entries[key.text] = (key, value)
        return entries

    def _refuse(self, event: yaml.Event, depth: int) -> None:
        self.count += 1
        tag = getattr(event, "tag", None)
        if isinstance(event, yaml.AliasEvent):
            raise self._stop(event, f"alias {shown(f'*{event.anchor}')}: write the values out")
        if tag is not None:
            raise self._stop(event, f"tag {shown(tag)}: a kernel file is plain data")
        if depth > MAX_DEPTH:
            raise self._stop(event, "nested too deeply: a matrix is a list of rows of numbers")
        if self.count > MAX_LISTED + MAX_LISTED // 8:
            raise self._stop(event, _TOO_MANY)

    def _stop(self, event: yaml.Event, text: str) -> Broken:
        return self.findings.stop(*_place(event), text)


def _cure(text: str, line: int) -> str:
    """Explain the one trap of text blocks: the first line sets the indentation of all."""
    lines = text.split("\n")[max(0, line - 2) : line]
    if all(re.match(r"\s+[-+.\d]", each) for each in lines) and "\n" in text[:-1]:
        return "; no line of a text block may begin further left than its first"
    return ""


def _place(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (0, 0)
