"""
The values of one table of a kernel file, each checked as it is taken; faults go to the findings.

A missing key gives the empty value of its type, so that the caller reads on and all faults of a
file come out together.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from convcli.errors import KernelError
from convcli.kernels.document import Findings, Items, Node, Scalar, Table, one_line
from convcli.kernels.kernel import Bias, Kernel
from convcli.kernels.number import Number, parse_number, shown, wrong_with
from convcli.record import record

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Word = TypeVar("Word", bound=str)

# What can stand in a file name on every system and before the colon of `name:sigma=2`.
SIGNS: Final = ".+-"
_NAME: Final = re.compile(rf"\w[\w{SIGNS}]*")
SCALES: Final = ("sum", "abs")
_NOTHING: Final = {"", "~", "null", "Null", "NULL"}
"""How YAML writes no value; in quotes they are words."""
LONGEST_NAME: Final = 80
LONGEST_TEXT: Final = 4000
MOST_NAMES: Final = 50


@record
class Fields:
    """The keys of one table, taken one by one."""

    table: Table
    findings: Findings

    def key(self, name: str) -> Node | None:
        """Where the key itself stands."""
        return self.table.entries[name][0] if name in self.table.entries else None

    def refuse_unknown(self, known: Iterable[str]) -> None:
        """Report every key that has no meaning: a lost `divisor` would change the result."""
        keys = tuple(known)
        for name, (key, _) in self.table.entries.items():
            if name not in keys:
                self.findings.add(key, f"unknown key {shown(name)}.{meant(name, keys)}")

    def scalar(self, name: str) -> Scalar | None:
        """Give the single value of a key; a list, a table or nothing is a fault."""
        node = self.table.get(name)
        if node is None:
            return None
        if isinstance(node, Scalar) and not _nothing(node):
            return node
        if isinstance(node, Scalar):
            self.findings.add(self.key(name), f"'{name}' has no value")
        else:
            self.findings.add(node, f"'{name}' takes one value")
        return None

    def text(self, name: str, *, lines: bool = False) -> str:
        """Give a text without control characters; `lines` allows line breaks."""
        node = self.scalar(name)
        if node is None:
            return ""
        text = node.text.strip()
        if len(text) > LONGEST_TEXT:
            self.findings.add(node, f"'{name}' is longer than {LONGEST_TEXT} characters")
        elif not all(line.isprintable() for line in (text.split("\n") if lines else [text])):
            self.findings.add(node, f"'{name}' holds control characters")
        else:
            return text
        return ""

    def name(self, name: str) -> str:
        """Give a kernel's name: letters, digits and - _ . + only."""
        node = self.scalar(name)
        return self._checked(node, name) if node else ""

    def names(self, name: str) -> tuple[str, ...]:
        """Give a list of names, as for tags; a single word is a list of one."""
        node = self.table.get(name)
        if node is None:
            return ()
        found = node.items if isinstance(node, Items) else [node]
        if not all(isinstance(item, Scalar) for item in found) or len(found) > MOST_NAMES:
            self.findings.add(node, f"'{name}' is a list of at most {MOST_NAMES} words")
            return ()
        return tuple(self._checked(item, name) for item in found if isinstance(item, Scalar))

    def _checked(self, node: Scalar, name: str) -> str:
        if _nothing(node):
            self.findings.add(node, f"'{name}' has no value")
            return ""
        if fits_name(node.text):
            return node.text
        self.findings.add(
            node,
            f"'{name}' {shown(node.text)} may hold letters, digits and - _ . + "
            f"(at most {LONGEST_NAME}, the first a letter or digit)",
        )
        return ""

    def choice(self, name: str, known: tuple[Word, ...]) -> Word | None:
        """Give one of the known words."""
        node = self.scalar(name)
        if node is None:
            return None
        for word in known:
            if word == node.text:
                return word
        text = f"'{name}' {shown(node.text)} is not one of {', '.join(known)}."
        self.findings.add(node, text + meant(node.text, known))
        return None

    def number(self, name: str, *, words: tuple[str, ...] = ()) -> Number | str | None:
        """Give a finite number, or one of the words."""
        node = self.scalar(name)
        if node is None or node.text in words:
            return node.text if node else None
        number = parse_number(node.text)
        wrong = wrong_with(node.text, number)
        if wrong:
            also = f" (a number, a fraction or one of {', '.join(words)})" if words else ""
            self.findings.add(node, f"'{name}': {wrong}{also}")
            return None
        return number

    def bias(self, name: str) -> Bias:
        """Give a bias: a number in sample units, or a share such as 50%."""
        node = self.scalar(name)
        try:
            return Bias.parse(node.text) if node else Bias()
        except KernelError as error:
            self.findings.add(node, one_line(error))
            return Bias()

    def scaled(self, kernel: Kernel, name: str) -> Kernel | None:
        """Multiply the scale of a kernel by a number, or divide by its sum or sum of |w|."""
        wanted = self.number(name, words=SCALES)
        if wanted is None:
            return None if name in self.table.entries else kernel
        if isinstance(wanted, str):
            return self._normalised(kernel, wanted, name)
        scale = float(wanted) * kernel.scale
        if scale == 0 or not math.isfinite(scale):
            self.findings.add(self.table.get(name), f"a scale of {scale:g} is impossible")
            return None
        return replace(kernel, scale=scale)

    def _normalised(self, kernel: Kernel, wanted: str, name: str) -> Kernel | None:
        plain = replace(kernel, scale=1.0)
        total = plain.sum if wanted == "sum" else plain.absolute
        if not math.isfinite(total) or total == 0 or (wanted == "sum" and plain.zero_sum):
            cure = "leave it out, or use 'abs'" if plain.absolute else "leave it out"
            text = f"can't scale by '{wanted}': the numbers add up to {total:g}; {cure}"
            self.findings.add(self.table.get(name), text)
            return None
        return replace(kernel, scale=1 / total)

    def anchored(self, kernel: Kernel, name: str) -> Kernel | None:
        """Set the anchor: [row, column] from 0, `row,column`, or `center`."""
        node = self.table.get(name)
        if node is None or (isinstance(node, Scalar) and node.text == "center"):
            return kernel
        cells = node.items if isinstance(node, Items) else _pair(node)
        numbers = [int(c.text) for c in cells if isinstance(c, Scalar) and counts_as(c.text)]
        if len(numbers) != 2 or len(cells) != 2:  # noqa: PLR2004 - a row and a column
            self.findings.add(node, "'anchor' is [row, column], counted from 0, or center")
            return None
        try:
            return replace(kernel, anchor=(numbers[0], numbers[1]))
        except KernelError as error:
            self.findings.add(node, one_line(error))
            return None

    def angles(self, name: str) -> tuple[Number, ...]:
        """Give a list of numbers, as for the angles of a set; a single one is a list of one."""
        node = self.table.get(name)
        if node is None:
            return ()
        cells = node.items if isinstance(node, Items) else [node]
        found = [parse_number(cell.text) for cell in cells if isinstance(cell, Scalar)]
        numbers = tuple(number for number in found if number is not None and math.isfinite(number))
        if not 0 < len(numbers) == len(cells) <= MOST_NAMES:
            text = f"'{name}' is a list of at most {MOST_NAMES} angles in degrees: [0, 90]"
            self.findings.add(node, text)
            return ()
        return numbers


def _nothing(node: Scalar) -> bool:
    return node.style == "plain" and node.text in _NOTHING


def _pair(node: Node) -> list[Node]:
    parts = node.text.split(",") if isinstance(node, Scalar) else []
    return [Scalar(part.strip(), node.line, node.column) for part in parts]


def counts_as(text: str) -> bool:
    """Whether a text is a whole number from 0 on, of a size that a count can have."""
    return len(text) < 10 and text.isascii() and text.isdigit()  # noqa: PLR2004 - more digits than any side of a matrix


def meant(word: str, known: Iterable[str]) -> str:
    """` Did you mean 'matrix'?`, or nothing where no known word is close."""
    import difflib

    close = difflib.get_close_matches(word[:LONGEST_NAME], list(known), n=1)
    return f" Did you mean '{close[0]}'?" if close else ""


def fits_name(text: str) -> bool:
    """Whether a kernel may be called so: letters, digits and SIGNS, the first no sign."""
    return len(text) <= LONGEST_NAME and _NAME.fullmatch(text) is not None


def safe_name(text: str) -> str:
    """Make a name of any file name: what a name cannot hold becomes a dash."""
    return re.sub(r"[^\w.+-]+", "-", text)[:LONGEST_NAME].lstrip(".+-") or "kernel"


def stem(path: Path) -> str:
    """The name of a kernel whose file gives none: the file's name, made safe."""
    return safe_name(path.name.split(".")[0] or path.name)
