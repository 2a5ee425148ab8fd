"""
TOML text to nodes with positions.

`tomllib` reads the values and knows no positions; where a fault is to be shown, `positions` walks
the text once more. What `tomllib` cannot bear (a dotted key of 20 000 parts takes it 5 s and
1.5 GB, 1000 brackets its whole stack) is refused before it sees the text.
"""

from __future__ import annotations

import re
import tomllib
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from convcli.kernels.document import MAX_DEPTH, MAX_KEYS, MAX_LISTED, Items, Node, Scalar, Table
from convcli.kernels.number import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convcli.kernels.document import Broken, Findings

Path: TypeAlias = tuple[str | int, ...]
Positions: TypeAlias = "Mapping[Path, tuple[int, int]]"

_STRING: Final = r'"""(?:\\.|[^\\])*?"""|\x27{3}.*?\x27{3}|"(?:\\.|[^"\\\n])*"|\x27[^\x27\n]*\x27'
_STRINGS_AND_COMMENTS: Final = re.compile(_STRING + r"|#[^\n]*", re.DOTALL)
_TOKEN: Final = re.compile(
    rf"(?P<string>{_STRING})|(?P<comment>#[^\n]*)|(?P<mark>[\[\]{{}},=\n])"
    r"|(?P<bare>[^\s\[\]{},=#\"']+)|(?P<other>.)",
    re.DOTALL,
)
_LONG: Final = re.compile(r"[0-9_]{4300}")
_PLACE: Final = re.compile(r"\s*\(at line (\d+), column (\d+)\)")


class _Literal(str):
    """A float as it was written."""

    __slots__ = ()


_TOO_MANY: Final = (
    f"more than {MAX_LISTED} listed values; write a large matrix as a text block "
    "(matrix = '''...''') or name a file (file = 'big.npy')"
)


def read_toml(text: str, findings: Findings, places: Positions | None = None) -> Node:
    """Parse a TOML document; faults go to `findings`, and `Broken` ends the reading."""
    _refuse_hostile(text, findings)
    try:
        data = tomllib.loads(text, parse_float=_Literal)
    except tomllib.TOMLDecodeError as error:
        line, column, reason = _explained(str(error), text)
        raise findings.stop(line, column, reason) from error
    except (ValueError, RecursionError) as error:  # an integer of more than 4300 digits
        long = _LONG.search(text)
        line = text.count("\n", 0, long.start()) + 1 if long else 1
        raise findings.stop(line, 0, f"is not TOML: {str(error).split(';')[0]}") from error
    return _node(data, (), places or {})


def _refuse_hostile(text: str, findings: Findings) -> None:
    """Refuse by counting; lines stay where they are, so that each count knows its line."""
    bare = _STRINGS_AND_COMMENTS.sub(lambda match: "\n" * match[0].count("\n"), text)

    def stop(at: int, reason: str) -> Broken:
        return findings.stop(bare.count("\n", 0, at) + 1, 0, reason)

    limits = {
        r"=|^[ \t]*\[[^\n,]*\]$": (MAX_KEYS, f"more than {MAX_KEYS} keys"),
        ",": (MAX_LISTED + MAX_LISTED // 8, _TOO_MANY),
        r"\[": (MAX_LISTED, _TOO_MANY),
    }
    for sign, (most, reason) in limits.items():
        found = next(islice(re.finditer(sign, bare, re.MULTILINE), most, None), None)
        if found:
            raise stop(found.start(), reason)
    depth = 0
    for bracket in re.finditer(r"[\[\]{}]", bare):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > MAX_DEPTH:
            raise stop(
                bracket.start(), "is nested too deeply: a matrix is a list of rows of numbers"
            )
    at = 0
    for part in re.split(r"[\n,=\[\]{}]", bare):
        if part.count(".") > MAX_DEPTH:
            raise stop(at, "has a dotted key of too many parts")
        at += len(part) + 1


def _explained(message: str, text: str) -> tuple[int, int, str]:
    """Line, column and words for an error of tomllib."""
    place = _PLACE.search(message)
    reason = _PLACE.sub("", message)
    if place is None:  # "at end of document"
        return text.count("\n") + 1, 0, f"is not TOML: {reason[:80]}"
    line, column = int(place[1]), int(place[2])
    key = re.match(r"\s*([\w-]+)\s*=", text.split("\n")[line - 1])
    if "overwrite" not in reason or key is None:
        return line, column, f"is not TOML: {reason[:80]}"
    first = re.search(rf"^\s*{re.escape(key[1])}\s*=", text, re.MULTILINE)
    earlier = text.count("\n", 0, first.end()) + 1 if first else line
    return line, 0, f"{shown(key[1])} is given twice (first on line {earlier})"


def _node(value: Any, path: Path, places: Positions) -> Node:  # noqa: ANN401 - what tomllib gives
    line, column = places.get(path, (0, 0))
    if isinstance(value, dict):
        return Table(_entries(value, path, places), line, column)
    if isinstance(value, list):
        nodes = [_node(item, (*path, i), places) for i, item in enumerate(value)]
        return Items(nodes, line, column)
    if isinstance(value, str) and not isinstance(value, _Literal):
        return Scalar(value, line, column, "block" if "\n" in value else "quoted")
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return Scalar(text.replace("_", ""), line, column)


def _entries(
    value: dict[str, Any], path: Path, places: Positions
) -> dict[str, tuple[Scalar, Node]]:
    entries: dict[str, tuple[Scalar, Node]] = {}
    for key, item in value.items():
        line, column = places.get((*path, key, "key"), (0, 0))
        entries[key] = (Scalar(key, line, column), _node(item, (*path, key), places))
    return entries


def positions(text: str) -> Positions:
    """Line and column of every value, and of every key under (..., key, "key"), from 1."""
    return _Walk(text).document()


class _Walk:
    """Walks a text that tomllib has accepted, so that no error needs thought here."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str, int, int]] = []
        self.next = 0
        self.found: dict[Path, tuple[int, int]] = {}
        self.arrays: dict[Path, int] = {}
        line, start = 1, 0
        for match in _TOKEN.finditer(text):
            kind, word = match.lastgroup or "", match[0]
            if kind not in {"comment", "other"}:
                self.tokens.append((kind, word, line, match.start() - start + 1))
            if "\n" in word:
                line += word.count("\n")
                start = match.start() + word.rindex("\n") + 1

    @property
    def word(self) -> str:
        return self.tokens[self.next][1] if self.next < len(self.tokens) else ""

    def document(self) -> Positions:
        """Where every key and value of the whole text stands."""
        prefix: Path = ()
        while self.word:
            if self.word == "\n":
                self.next += 1
            elif self.word == "[":
                prefix = self._header()
            else:
                self._pair(prefix)
        return self.found

    def _header(self) -> Path:
        """Read `[a.b]` or `[[a.b]]`; the elements of arrays of tables are numbered."""
        marks = 0
        while self.word == "[":
            marks += 1
            self.next += 1
        at = self.tokens[self.next][2:]
        keys = self._keys({"]"})
        while self.word == "]":
            self.next += 1
        path: Path = ()
        for depth, key in enumerate(keys, start=1):
            path = (*path, key)
            if depth == len(keys) and marks > 1:
                self.arrays[path] = self.arrays.get(path, -1) + 1
            self.found.setdefault((*path, "key"), at)
            if path in self.arrays:
                path = (*path, self.arrays[path])
        self.found[path] = at
        return path

    def _keys(self, until: set[str]) -> list[str]:
        keys: list[str] = []
        while self.word and self.word not in until:
            kind, word, _, _ = self.tokens[self.next]
            keys += [word.strip("\"'")] if kind == "string" else [p for p in word.split(".") if p]
            self.next += 1
        return keys

    def _pair(self, prefix: Path) -> None:
        at = self.tokens[self.next][2:]
        path = prefix
        for key in self._keys({"="}):
            path = (*path, key)
            self.found.setdefault((*path, "key"), at)
        self.next += 1
        self._value(path)

    def _value(self, path: Path) -> None:
        if self.next < len(self.tokens):
            self.found[path] = self.tokens[self.next][2:]
        if self.word in {"[", "{"}:
            self._several(path, "]" if self.word == "[" else "}")
        while self.word and self.word not in {",", "]", "}", "\n"}:
            self.next += 1

    def _several(self, path: Path, end: str) -> None:
        """Read the values of an array or the pairs of an inline table."""
        self.next += 1
        count = 0
        while self.word and self.word != end:
            if self.word in {",", "\n"}:
                self.next += 1
            elif end == "]":
                self._value((*path, count))
                count += 1
            else:
                self._pair(path)
        self.next += 1
