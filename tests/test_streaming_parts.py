"""What images larger than memory are made of: budget, order, what was decoded, the bar."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from convcli.bands import Ends, banded
from convcli.cli.bar import Bar
from convcli.errors import InputError
from convcli.io.cache import Cache
from convcli.io.flow import ordered
from convcli.job import Wishes, make_job
from convcli.kernels.kernel import Kernel, Recipe
from convcli.limits import Limits
from convcli.plan import Plan, proposed
from convcli.treatment import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convcli.io.image import Samples

GIGAPIXEL = (25_000, 40_000, 3)
TILES = Ends(segment=(256, 256), footprint=3, kept=True, high=1, room=0)


def gigapixel(memory: int, jobs: int = 2, ends: Ends = TILES) -> Plan:
    job = make_job([Recipe("box", (Kernel(((1,) * 5,) * 5),))], Wishes())
    limits = Limits(jobs=jobs, memory=memory)
    plan = proposed(job, Kind("uint8", "rgb", 3), GIGAPIXEL, "picture", limits)
    return banded(plan, GIGAPIXEL, ends, limits)


def test_bands_keep_to_the_memory_allowed() -> None:
    heights = []
    for megabytes in (150, 300, 1000):
        plan = gigapixel(megabytes << 20)
        assert plan.memory <= megabytes << 20
        assert plan.bands
        assert plan.bands.cache >= 2 * 256 * 40_000 * 3  # two rows of tiles for every band
        heights.append(plan.bands.rows)
    assert heights == sorted(set(heights))


def test_fewer_threads_are_better_than_none() -> None:
    assert gigapixel(1 << 30, jobs=8).workers == 8
    assert gigapixel(120 << 20, jobs=8).workers < 8


def test_bands_are_multiples_of_pieces() -> None:
    plan = gigapixel(1 << 30, ends=Ends((1, 40_000), 3, kept=False, high=48, room=0))
    assert plan.bands
    assert plan.bands.rows % 48 == 0
    assert plan.bands.cache == 0


def test_a_single_huge_strip_is_refused_with_the_cure() -> None:
    with pytest.raises(InputError, match="strips or tiles of 40000 x 25000") as caught:
        gigapixel(300 << 20, ends=Ends((25_000, 40_000), 3, kept=True, high=1, room=0))
    assert "--memory" in caught.value.hint
    assert "vips tiffsave" in caught.value.hint


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_parts_come_in_order_and_few_at_a_time(workers: int) -> None:
    begun: list[int] = []

    def parts() -> Iterator[int]:
        for number in range(30):
            begun.append(number)
            yield number

    def late(number: int) -> int:
        time.sleep(0.002 * (number % 3))
        return number

    for number, found in enumerate(ordered(late, parts(), workers)):
        assert found == number
        assert len(begun) <= number + workers + 2


def test_an_error_ends_what_has_not_begun() -> None:
    done: list[int] = []

    def fails(number: int) -> None:
        done.append(number)
        if number == 3:
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        list(ordered(fails, range(1000), 2))
    assert len(done) < 10


def test_what_many_threads_want_is_made_once() -> None:
    made: list[int] = []
    cache = Cache(1 << 20)

    def make(key: int) -> Samples:
        time.sleep(0.05)
        made.append(key)
        return np.full(4, key)

    found: list[Samples] = []
    threads = [threading.Thread(target=lambda: found.append(cache.get(7, make))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [7]
    assert [array.tolist() for array in found] == [[7] * 4] * 8


def test_the_oldest_is_forgotten_first() -> None:
    made: list[int] = []
    cache = Cache(3 * 100)

    def make(key: int) -> Samples:
        made.append(key)
        return np.zeros(100, np.uint8)

    for key in (1, 2, 3, 1, 4, 1, 2):  # 4 drives out 2, the oldest unused; 2 then 3
        cache.get(key, make)
    assert made == [1, 2, 3, 4, 2]
    assert cache.bytes == 300


def test_what_fails_can_be_tried_again() -> None:
    cache = Cache(100)

    def fails(_: int) -> Samples:
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        cache.get(1, fails)
    assert cache.get(1, lambda key: np.array([key])).tolist() == [1]


class Terminal:
    """Takes what is drawn."""

    def __init__(self) -> None:
        self.drawn, self.encoding = "", "utf-8"

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.drawn += text
        return len(text)

    def flush(self) -> None:
        """Nothing waits."""


def test_the_bar_is_drawn_after_two_seconds_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    now = [0.0]
    monkeypatch.setattr("convcli.cli.bar.time.monotonic", lambda: now[0])
    terminal = Terminal()
    with Bar(terminal) as bar:  # type: ignore[arg-type]  # as much of a stream as it needs
        bar(0.1)
        now[0] = 1.9
        bar(0.4)
        assert not terminal.drawn
        now[0] = 2.1
        bar(0.5)
        assert "50%" in terminal.drawn
        bar(1.0)
    with Bar(None) as quiet:
        now[0] = 9.0
        quiet(0.5)
