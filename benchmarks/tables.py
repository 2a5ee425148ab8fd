"""Tables of the benchmarks: aligned text, the head from what the rows hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Aligned lines under a head of all columns, in the order in which they first came."""
    head = list(dict.fromkeys(name for row in rows for name in row))
    cells = [head, *([word(row.get(name)) for name in head] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        yield "  ".join(f"{text:>{width}}" for text, width in zip(line, widths, strict=True))


def word(value: object) -> str:
    """Three digits, nothing for None."""
    if isinstance(value, float):
        return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"  # noqa: PLR2004 - no exponents
    return "" if value is None else str(value)
