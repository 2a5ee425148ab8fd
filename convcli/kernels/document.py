"""
A kernel file as plain data with positions, whether it was YAML or TOML, and what is wrong with it.

    Table   name: value, ...      Scalar   one text or number, as written
    Items   a list

Every node knows its line and column (from 1; 0 where unknown), so that each fault can show them:

    kernels/mine.yaml:6:11: 'x' is not a number
        5 |   - [ 1, 0, -1]
        6 |   - [ 2, 0,  x]
                        ^ row 2, column 3
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from convcli.errors import KernelError
from convcli.record import mutable, record
from convcli.wording import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# A file above this is refused before it is parsed. A million weights of seven characters fit.
MAX_BYTES: Final = 8_000_000
# Parsed lists cost some 300 bytes a number; a text block costs 32, and is what large files use.
# A listed number takes 6 microseconds: what is refused must be refused in a tenth of a second.
MAX_LISTED: Final = 16_384
MAX_DEPTH: Final = 8
MAX_KEYS: Final = 4096
MISSING: Final = "does not exist"
# A file with more is no kernel file with mistakes; reading it stops here.
MOST_FAULTS: Final = 100
_SHOWN_FAULTS: Final = 20
_EXCERPT_WIDTH: Final = 72

Style: TypeAlias = Literal["plain", "quoted", "block"]


@mutable
class Scalar:
    """One value that is no list and no table: its text, and how it was written."""

    text: str
    line: int = 0
    column: int = 0
    style: Style = "plain"

    # Written out: a file may have thousands, and what all records share costs ten times as much.
    def __init__(self, text: str, line: int = 0, column: int = 0, style: Style = "plain") -> None:
        self.text = text
        self.line = line
        self.column = column
        self.style = style


@mutable
class Items:
    """A list."""

    items: list[Node]
    line: int = 0
    column: int = 0


@mutable
class Table:
    """Keys and values, each key with its own position."""

    entries: dict[str, tuple[Scalar, Node]]
    line: int = 0
    column: int = 0

    def get(self, key: str) -> Node | None:
        """Give the value of a key, or None where the key is missing."""
        return self.entries[key][1] if key in self.entries else None


Node: TypeAlias = Scalar | Items | Table


@record
class Fault:
    """One thing that is wrong with a kernel file; line and column count from 1, 0 is unknown."""

    path: str
    line: int
    column: int
    text: str
    excerpt: str = ""

    def __str__(self) -> str:
        place = [printable(self.path), *(str(n) for n in (self.line, self.column) if n)]
        head = f"{':'.join(place)}: {self.text}"
        return f"{head}\n{self.excerpt}" if self.excerpt else head


class Broken(Exception):
    """Reading this file cannot go on; its faults are with the `Findings`."""


@mutable
class Findings:
    """The faults of one file, in the order found, and the lines to show them in."""

    path: str
    text: str = ""
    faults: list[Fault] = field(default_factory=list)
    _lines: list[str] = field(default_factory=list)
    _whole: bool = False
    _told: set[tuple[int, int, str]] = field(default_factory=set)

    def add(self, node: Node | None, text: str, note: str = "") -> None:
        """Report a fault at a node, with the line and a caret."""
        line, column = (node.line, node.column) if node else (0, 0)
        self.at(line, column, text, note)

    def at(self, line: int, column: int, text: str, note: str = "") -> None:
        """Report a fault at a line and column from 1; column 0 shows no line."""
        if (line, column, text) not in self._told:  # a scale that kernels share is wrong once
            self._told.add((line, column, text))
            shown = excerpt(self.lines_to(line), line, column, note) if line and column else ""
            self.faults.append(Fault(self.path, line, column, text, shown))
        if len(self.faults) >= MOST_FAULTS:
            raise Broken(text)

    def forget(self) -> None:
        """Begin anew."""
        self.faults.clear()
        self._told.clear()

    @property
    def lines(self) -> list[str]:
        """All lines of the file, counted once."""
        return self._lines if self._whole else self.lines_to(self.text.count("\n") + 1)

    def lines_to(self, last: int) -> list[str]:
        """The lines up to `last` and perhaps more; few of a million may be all that is shown."""
        if len(self._lines) < last and not self._whole:
            parts = self.text.split("\n", 2 * last)
            self._whole = len(parts) <= 2 * last
            self._lines = parts if self._whole else parts[:-1]
        return self._lines

    def stop(self, line: int, column: int, text: str) -> Broken:
        """Report a fault that ends the reading; to be raised by the caller."""
        self.at(line, column, text)
        return Broken(text)


def excerpt(lines: Sequence[str], line: int, column: int, note: str = "") -> str:
    """Show the line before, the line itself and a caret under the column."""
    if not 1 <= line <= len(lines):
        return ""
    # A long line is shown from a little before the caret.
    start = max(0, column - _EXCERPT_WIDTH // 2) if column > _EXCERPT_WIDTH else 0
    shown = []
    for number in (line - 1, line):
        if number >= 1 and (number == line or lines[number - 1].strip()):
            body = _visible(lines[number - 1][start : start + _EXCERPT_WIDTH])
            shown.append(f"{number:>5} | {body}".rstrip())
    caret = " " * (8 + column - 1 - start) + "^"
    return "\n".join([*shown, f"{caret} {note}".rstrip()])


def _visible(text: str) -> str:
    """One character for each, so that the caret stays under its column."""
    return "".join(c if c.isprintable() else " " if c in "\t\r" else "?" for c in text)


def refusal(faults: Sequence[Fault], files: int = 1) -> KernelError:
    """One error that tells all faults."""
    told = [str(fault) for fault in faults[:_SHOWN_FAULTS]]
    if len(faults) > _SHOWN_FAULTS:
        told.append(f"... and {len(faults) - _SHOWN_FAULTS} more")
    if [fault.text for fault in faults] == [MISSING]:
        return KernelError(told[0], "Check the spelling, and the folder.")
    problems = "1 problem" if len(faults) == 1 else f"{len(faults)} problems"
    where = "1 kernel file" if files == 1 else f"{files} kernel files"
    return KernelError(
        "\n".join(told), f"{problems} in {where}. Check all with: convcli kernels check"
    )


def one_line(error: KernelError) -> str:
    """Message and hint of an error as sentences beside a position."""
    stop = "" if error.message.endswith((".", "?")) or not error.hint else "."
    return f"{error.message}{stop} {error.hint}".rstrip()


def read_text(path: Path, findings: Findings) -> str:
    """Read a file as UTF-8, with or without a byte-order mark; too large is refused unread."""
    try:
        if not path.is_file():
            # A named pipe or a device would make the reader wait for ever.
            raise findings.stop(0, 0, "is not a file" if path.exists() else MISSING)
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise findings.stop(0, 0, f"cannot be read: {reason}") from error
    if len(data) > MAX_BYTES:
        raise findings.stop(
            1, 0, f"is larger than {MAX_BYTES // 1_000_000} MB; keep large matrices in a .npy file"
        )
    return _decoded(data, findings)


def unix(text: str) -> str:
    """Lines that end as those of Unix: Windows writes two characters, the old Macintosh one."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _decoded(data: bytes, findings: Findings) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise findings.stop(
            line,
            0,
            f"is not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start}; "
            "save the file as UTF-8",
        ) from error
    findings.text = text = unix(text)
    return text


class MistakeError(KernelError):
    """A mistake in an expression; `column` counts from 0, `reason` is the text without a place."""

    def __init__(self, text: str, column: int, reason: str, hint: str = "") -> None:
        self.column, self.reason = column, reason
        shown_lines = excerpt([text], 1, column + 1).split("\n")[-2:]
        super().__init__("\n".join([reason, *shown_lines]), hint)
