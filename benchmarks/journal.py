"""
What a journal costs: microseconds and memory for each of many items, and to read it again.

    python benchmarks/journal.py [ITEMS]

Items are those of real runs: every column is filled. Memory is what Python holds at its greatest
beyond the start, by tracemalloc, in a turn of its own, as that slows the writing down.
"""

from __future__ import annotations

import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING

from convcli.batch import earlier
from convcli.forms import FORMS, Report
from convcli.journal import Journal
from convcli.report import Item

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "0123456789abcdef"


def item(number: int) -> Item:
    """One of many, with names of 40 letters."""
    name = f"photos/2024/holidays/{number // 100:05}/{number:07}.jpeg"
    made = Item(name, name.replace("photos", "result"), kernel="gaussian:sigma=2", key=KEY)
    made.operation, made.padding, made.extent, made.engine = "convolve", "reflect", "same", "direct"
    made.reason = "rank 1: 18 instead of 81 multiplies"
    made.width, made.height, made.channels, made.dtype = 4000, 3000, 3, "uint8"
    made.bytes_in = made.bytes_out = 4_000_000
    made.mtime_ns, made.wall = 1_700_000_000_000_000_000 + number, 0.1 + number % 97 / 100
    made.seconds.update(read=0.01, decode=0.05, filter=0.02, encode=0.06)
    made.notes = ("JPEG: 4:4:4",)
    return made


def written(path: Path, items: int) -> float:
    """Microseconds of writing an item, its making left out."""
    spent = 0.0
    report = Report(("convcli", "apply"), "1", jobs={KEY: {}})
    with Journal(report, str(path), path.suffix[1:], overwrite=True) as book:
        for number in range(items):
            made = item(number)
            start = time.perf_counter()
            book.note(made)
            spent += time.perf_counter() - start
    return 1e6 * spent / items


def peak(work: Callable[[], object]) -> float:
    """Megabytes that Python held at most."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def main() -> None:
    """Print a line for every form, and one for reading."""
    items = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        for form in FORMS:
            path = Path(folder) / f"run.{form}"
            few, many = written(path, items // 100), written(path, items)
            held = peak(lambda path=path: written(path, items // 10))  # type: ignore[misc]  # a lambda of a loop
            size = path.stat().st_size / 1e6
            print(
                f"{form:6} {few:6.1f} us an item of {items // 100:,}, {many:6.1f} of {items:,};"
                f" {held:.2f} MB held; file {size:.0f} MB of {items // 10:,}"
            )
        path = Path(folder) / "run.jsonl"
        written(path, items)
        start = time.perf_counter()
        found = earlier.read(str(path))
        spent = time.perf_counter() - start
        print(
            f"reading {len(found.done) if found else 0:,} items: {spent:.2f} s,"
            f" {path.stat().st_size / 1e6:.0f} MB"
        )
        print(f"held while reading: {peak(lambda: earlier.read(str(path))):.1f} MB")


if __name__ == "__main__":
    main()
