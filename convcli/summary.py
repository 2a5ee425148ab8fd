"""
What a run comes to, added up while its items pass: flat memory, however many they are.

    counts, megapixels, seconds by phase      sums
    mean, deviation, least, greatest          of the wall time of images that were done; exact
    median                                    of a histogram, 2 % a step: at most 1 % off
    slowest, failures                         a few names of each

An exact median would keep every time that was measured.
"""

from __future__ import annotations

import math
from dataclasses import field
from heapq import heappush, heappushpop
from typing import TYPE_CHECKING, Any

from convcli.errors import ALL_FAILED, SOME_FAILED
from convcli.record import mutable
from convcli.report import PHASES, as_text

if TYPE_CHECKING:
    from convcli.report import Item

STATES = ("ok", "skipped", "failed", "planned")
STEP = math.log(1.02)
"""Logarithm of the width of a class of times."""

NAMED = 5
"""Names that are kept: of the slowest, and of each kind of failure."""

KINDS = 30
"""Kinds of failure that are told apart; the words of `errors` are fewer."""


@mutable
class Times:
    """Wall seconds of many images: sums, ends, and how many fell into each class."""

    number: int = 0
    total: float = 0.0
    squares: float = 0.0
    least: float = math.inf
    most: float = 0.0
    classes: dict[int, int] = field(default_factory=dict)

    def add(self, seconds: float) -> None:
        """One image more."""
        self.number += 1
        self.total += seconds
        self.squares += seconds * seconds
        self.least, self.most = min(self.least, seconds), max(self.most, seconds)
        place = round(math.log(max(seconds, 1e-9)) / STEP)
        self.classes[place] = self.classes.get(place, 0) + 1

    @property
    def mean(self) -> float:
        """`total / number`; 0 of none."""
        return self.total / max(self.number, 1)

    @property
    def deviation(self) -> float:
        """`sqrt(sum((t - mean)**2) / (number - 1))`; 0 of fewer than two."""
        spread = self.squares - self.number * self.mean**2
        return math.sqrt(max(spread, 0.0) / max(self.number - 1, 1))

    @property
    def median(self) -> float:
        """The middle of the class that the middle image fell into, within 1 % of its time."""
        before = 0
        for place in sorted(self.classes):
            before += self.classes[place]
            if 2 * before >= self.number:
                return min(max(math.exp(place * STEP), self.least), self.most)
        return 0.0


@mutable
class Failures:
    """Failures of one cause: how many, what helps, which came first."""

    cause: str
    number: int = 0
    code: int = 0
    hint: str = ""
    first: list[str] = field(default_factory=list)

    def add(self, item: Item) -> None:
        """One more; the hint is that of the first."""
        if not self.number:
            self.code, self.hint = item.code, item.hint
        elif self.hint != item.hint:
            self.hint = ""  # what helps one may not help another
        self.number += 1
        if len(self.first) < NAMED:
            self.first.append(item.input)


@mutable
class Summary:
    """All that is told of a run at its end."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STATES, 0))
    megapixels: float = 0.0
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PHASES, 0.0))
    times: Times = field(default_factory=Times)
    failures: dict[str, Failures] = field(default_factory=dict)
    code: int = 0
    _slowest: list[tuple[float, str]] = field(default_factory=list)

    def add(self, item: Item) -> None:
        """Count one image."""
        self.counts[item.status] += 1
        self.code = max(self.code, item.code)
        for phase, spent in item.seconds.items():
            self.seconds[phase] += spent
        if item.status == "ok":
            self._time(item)
        elif item.status == "failed":
            cause = item.cause or "unknown"
            if cause not in self.failures and len(self.failures) >= KINDS:
                cause = "other"
            self.failures.setdefault(cause, Failures(cause)).add(item)

    def _time(self, item: Item) -> None:
        self.megapixels += item.megapixels
        self.times.add(item.wall)
        push = heappush if len(self._slowest) < NAMED else heappushpop
        push(self._slowest, (item.wall, item.input))

    def skip(self, number: int) -> None:
        """Count images that need no item: another run did them."""
        self.counts["skipped"] += number

    @property
    def total(self) -> int:
        """Images that were heard of."""
        return sum(self.counts.values())

    @property
    def slowest(self) -> list[tuple[float, str]]:
        """Wall seconds and input of the slowest images, the slowest first."""
        return sorted(self._slowest, reverse=True)

    @property
    def grouped(self) -> list[Failures]:
        """Failures by cause, the commonest first."""
        return sorted(self.failures.values(), key=lambda kind: -kind.number)

    @property
    def exit_code(self) -> int:
        """0; the failure's own code for a single image; 7 for some failed, 8 for all."""
        failed = self.counts["failed"]
        if not failed or self.total == 1:
            return self.code if failed else 0
        return ALL_FAILED if failed == self.total else SOME_FAILED

    def data(self, wall: float) -> dict[str, Any]:
        """As reports have it; `wall` in seconds is that of the whole run."""
        times = self.times
        return {
            **self.counts,
            "exit_code": self.exit_code,
            "wall": wall,
            "megapixels": self.megapixels,
            "megapixels_per_second": self.megapixels / wall if wall else 0.0,
            **{f"{phase}_seconds": spent for phase, spent in self.seconds.items()},
            "mean": times.mean,
            "median": times.median,
            "deviation": times.deviation,
            "min": times.least if times.number else 0.0,
            "max": times.most,
            "slowest": [{"input": as_text(name), "wall": wall} for wall, name in self.slowest],
            "failures": [_told(kind) for kind in self.grouped],
        }


def _told(kind: Failures) -> dict[str, Any]:
    return {
        "cause": kind.cause,
        "count": kind.number,
        "code": kind.code,
        "hint": as_text(kind.hint),
        "first": [as_text(name) for name in kind.first],
    }
