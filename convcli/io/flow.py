"""
parts -> results, in order, by threads; never more on their way than memory was counted for.

    parts  1 2 3 4 5 ...   |  in work 3 4  |  done, waiting for its turn 2  |  handed on 1
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, TypeVar

from convcli.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from concurrent.futures import Future, ThreadPoolExecutor

    Part = TypeVar("Part")
    Done = TypeVar("Done")


def ahead(workers: int) -> int:
    """Parts that are in work, or done and waiting for their turn, at most."""
    return workers + 1 if workers > 1 else 1


def ordered(
    work: Callable[[Part], Done], parts: Iterable[Part], workers: int
) -> Generator[Done, None, None]:
    """
    `map(work, parts)` by so many threads; an error, and a Ctrl-C, ends what has not begun.

    Who may leave before the last result closes it: a collector of garbage that finds it in a thread
    that is just beginning would wait there for threads, and they for it.
    """
    if workers == 1:
        yield from map(work, parts)
        return
    from concurrent.futures import ThreadPoolExecutor

    flight: deque[Future[Done]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for part in parts:
                flight.append(_started(pool, work, part))
                if len(flight) == ahead(workers):
                    yield flight.popleft().result()
            while flight:
                yield flight.popleft().result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _started(pool: ThreadPoolExecutor, work: Callable[[Part], Done], part: Part) -> Future[Done]:
    try:
        return pool.submit(work, part)
    except RuntimeError as error:  # what Python says when the system has no thread to give
        raise InputError(f"No thread could be started: {error}.", "Say --jobs 1.") from error
