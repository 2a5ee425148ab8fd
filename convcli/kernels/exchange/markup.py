"""
XML as a flat list of elements, read by a parser that expands nothing and follows nothing.

    <a n="1"><b>2</b></a>   ->   Element a {n: 1} at depth 0,  Element b "2" at depth 1

A document type with declarations of its own is refused, and with it every entity bomb; an address
that it names is never opened. Elements, depth and text are limited.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Final
from xml.parsers import expat

from convcli.record import mutable

if TYPE_CHECKING:
    from convcli.errors import KernelError
    from convcli.kernels.exchange.page import Page

MOST_ELEMENTS: Final = 20_000
MOST_DEEP: Final = 64


@mutable
class Element:
    """One element: its name without a prefix, attributes, text, and where it stands."""

    name: str
    attributes: dict[str, str]
    depth: int
    at: int
    text: str = ""


@mutable
class _Reader:
    """What the parser calls."""

    page: Page
    parser: expat.XMLParserType
    data: bytes
    elements: list[Element] = field(default_factory=list)
    open: list[Element] = field(default_factory=list)
    seen: tuple[int, int] = (0, 0)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element opens."""
        at = self.at()
        if len(self.elements) >= MOST_ELEMENTS or len(self.open) >= MOST_DEEP:
            raise self.page.wrong(
                at, f"more than {MOST_ELEMENTS} elements, or {MOST_DEEP} in each other"
            )
        element = Element(name.rpartition(":")[2], attributes, len(self.open), at)
        self.elements.append(element)
        self.open.append(element)

    def end(self, _: str) -> None:
        """The innermost element closes."""
        self.open.pop()

    def text(self, text: str) -> None:
        if self.open:
            self.open[-1].text += text

    def doctype(
        self, _name: str, _system: str | None, _public: str | None, internal: object
    ) -> None:
        if internal:
            raise self.page.wrong(self.at(), "declarations of its own: entities are not expanded")

    def at(self) -> int:
        """The position in the text; the parser counts bytes of UTF-8, and never goes back."""
        bytes_before, characters = self.seen
        here = max(self.parser.CurrentByteIndex, bytes_before)
        characters += len(self.data[bytes_before:here].decode(errors="ignore"))
        self.seen = (here, characters)
        return characters


def elements(page: Page) -> list[Element]:
    """Every element in order; KernelError for text that is no XML, with its line."""
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    reader = _Reader(page, parser, page.text.encode())
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.doctype
    try:
        parser.Parse(reader.data, True)  # noqa: FBT003 - expat takes positions only
    except expat.ExpatError as error:
        raise _broken(page, error) from None
    return reader.elements


def _broken(page: Page, error: expat.ExpatError) -> KernelError:
    lines = page.text.split("\n")[: max(error.lineno - 1, 0)]
    at = sum(len(line) + 1 for line in lines) + error.offset
    return page.wrong(min(at, len(page.text)), f"is no XML: {expat.ErrorString(error.code)}")
