"""Text that goes to a terminal or into a line of a report, made safe to read."""

from __future__ import annotations


def printable(text: str) -> str:
    """
    Text with what does not print escaped: controls, turns of direction, bytes that are no text.

    A file's name can disturb a terminal or fake a line; after this it cannot.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def legible(message: str) -> str:
    """A message in its lines, with all else that no one can read escaped."""
    return "\n".join(printable(line) for line in message.split("\n"))
