"""
Folders that are watched: what lies there, then whatever comes or changes, until somebody ends it.

    an alarm, or time --> find --> unchanged for SETTLE seconds? --> work
                           ^                                          |
                           +------------------------------------------+

An alarm says only that something happened; what did is found by looking, so that no change is
missed where alarms are lost, come in thousands, or never come (shares of other machines). A look
takes at most a fifth of the time, however large the tree.
"""

from __future__ import annotations

import os
import threading
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from convcli.batch.stopping import heeding
from convcli.batch.tree import identity
from convcli.errors import ConvError, InputError, MissingExtra

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convcli.batch.task import Input
    from convcli.batch.tree import Identity

    Find = Callable[[Sequence[str]], Sequence[Input]]
    Work = Callable[[list[Input]], str]
    Tell = Callable[[str], None]
    State = tuple[int, int]

SETTLE = 1.0
"""Seconds for which size and time of a file stay the same before it is read."""

OFTEN, SELDOM = 2.0, 30.0
"""Seconds between looks: where there are no alarms, and where there are."""

DUTY = 4
"""How many times as long as a look takes nothing is looked at after it."""


def watch(  # noqa: PLR0913 - what is watched, and who does and hears what
    roots: Sequence[str],
    find: Find,
    work: Work,
    tell: Tell,
    *,
    begun: Callable[[], None] = lambda: None,
    settle: float = SETTLE,
) -> str:
    """
    Do `work` on whatever `find` finds in the folders `roots`, once for each state of each file.

    An empty file has not begun; one that grows on after a pause is done again. `work` gives ""
    to go on, else why it was stopped. Returns that word, or the one of the signal that came
    meanwhile (see `stopping.SIGNALS`). `tell` hears of what stands in the way, once; `begun` is
    called when nothing that comes will be missed.

    Raises MissingExtra; InputError for a root that is no folder, or can't be searched.
    """
    for root in roots:
        if not os.path.isdir(root):
            raise InputError(f"{root} is no folder that could be watched.", "Name a folder.")
    watching = _Watch(roots, find, tell, settle)
    watching.look()
    try:
        with heeding(watching.stop):
            begun()
            while True:
                ready = watching.next()
                if why := watching.why or work(ready):
                    return why
    finally:
        watching.close()


class _Watch:
    """What was seen so far; in `next` time passes."""

    def __init__(self, roots: Sequence[str], find: Find, tell: Tell, settle: float) -> None:
        self._roots, self._find, self._tell, self._settle = roots, find, tell, settle
        self._done: dict[str, State] = {}
        self._waiting: dict[str, tuple[State, float]] = {}
        self._told: set[str] = set()
        self._rung: SimpleQueue[None] = SimpleQueue()
        self._marks: list[Identity] = []
        self._alarm: _Alarm | None = None
        self._cost = 0.0
        self.why = ""
        self._arm()

    def stop(self, why: str) -> None:
        """Wait no more. Signal handlers call this: it must not wait for anything."""
        self.why = self.why or why
        self._rung.put(None)

    def next(self) -> list[Input]:
        """Inputs that are new or changed and do not grow any more; none once it is stopped."""
        while not self.why:
            if ready := self._looked():
                return ready
            self._wait()
        return []

    def _wait(self) -> None:
        """For an alarm, or until something that waits may have settled."""
        least, began = DUTY * self._cost, time.monotonic()
        try:
            self._rung.get(timeout=max(self._patience(), least))
        except Empty:
            return
        while not self.why and (left := least + began - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))
        while not self._rung.empty():
            self._rung.get()

    def _patience(self) -> float:
        if self._waiting:
            due = min(since for _, since in self._waiting.values()) + self._settle
            return max(due - time.monotonic(), 0.01)
        armed = self._alarm is not None and self._alarm.works
        return SELDOM if armed and len(self._marks) == len(self._roots) else OFTEN

    def _looked(self) -> list[Input]:
        """As `look`, but what can't be searched now is told once and looked at again later."""
        self._arm()
        try:
            return self.look()
        except ConvError as error:
            self._once(str(error))
            return []

    def look(self) -> list[Input]:
        """Look at everything; what has settled, and will not be given again in this state."""
        start = time.monotonic()
        found = self._find(self._roots)  # of one that is gone there is nothing to find
        now = time.monotonic()
        states = {source.path: (source.size, source.mtime) for source in found if source.size > 0}
        self._done = {path: state for path, state in self._done.items() if path in states}
        self._waiting = {
            path: (state, self._since(path, state, now))
            for path, state in states.items()
            if self._done.get(path) != state
        }
        ready = [source for source in found if self._settled(source.path, now)]
        for source in ready:
            self._done[source.path], _ = self._waiting.pop(source.path)
        self._cost = time.monotonic() - start
        return ready

    def _since(self, path: str, state: State, now: float) -> float:
        """When a file was first seen in this state."""
        before, since = self._waiting.get(path, (None, now))
        return since if before == state else now

    def _settled(self, path: str, now: float) -> bool:
        return path in self._waiting and now - self._waiting[path][1] >= self._settle

    def _arm(self) -> None:
        """Watch the folders that are there, anew if they are others than before."""
        there = [root for root in self._roots if os.path.isdir(root)]
        for root in set(self._roots) - set(there):
            self._once(f"{root} is gone; waiting for it")
        marks = [identity(root) for root in there]
        if marks == self._marks:
            return
        self.close()
        self._marks = marks
        self._alarm = _Alarm(there, lambda: self._rung.put(None), self._once)

    def _once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._tell(text)

    def close(self) -> None:
        """Watch no more."""
        if self._alarm:
            self._alarm.close()


class _Alarm:
    """Rings, in a thread of its own, when something happens below the folders; see `works`."""

    def __init__(self, folders: Sequence[str], ring: Callable[[], None], tell: Tell) -> None:
        try:
            from watchfiles import watch as changes
        except ImportError:
            raise MissingExtra(
                "--watch needs watchfiles, which is not installed.",
                "Install it: pip install 'convcli[watch]'",
            ) from None
        self._changes, self._folders, self._ring, self._tell = changes, folders, ring, tell
        self._closing = threading.Event()
        self.works = True
        self._thread = threading.Thread(target=self._listen, daemon=True)
        if folders:
            self._thread.start()

    def _listen(self) -> None:
        try:
            for _ in self._changes(
                *self._folders,
                watch_filter=None,
                debounce=200,
                stop_event=self._closing,
                raise_interrupt=False,
                ignore_permission_denied=True,
            ):
                self._ring()
        except Exception as error:  # noqa: BLE001 - too many folders, none left: looks go on without
            self.works = False
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            self._tell(f"the system tells of no changes ({reason}): looking every {OFTEN:g} s")
            self._ring()

    def close(self) -> None:
        """End the thread."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(OFTEN)
