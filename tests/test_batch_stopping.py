"""The first signal is a wish that everybody hears; the second does what it always did."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

import pytest

from convcli.batch.stopping import heeding

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def listening() -> Iterator[None]:
    """A shell that starts tests in the background lets them ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_the_first_is_heard_and_the_second_is_an_order() -> None:
    heard: list[str] = []
    with heeding(heard.append):
        signal.raise_signal(signal.SIGINT)
        assert heard == ["interrupted"]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert heard == ["interrupted"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_the_second_changed_stays_so() -> None:
    def order(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_IGN)

    signal.signal(signal.SIGINT, order)
    with heeding(lambda _: None):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_whoever_is_within_hears_too_and_the_second_still_ends_it() -> None:
    outer: list[str] = []
    inner: list[str] = []
    with heeding(outer.append), heeding(inner.append):
        signal.raise_signal(signal.SIGINT)
        assert (outer, inner) == (["interrupted"], ["interrupted"])
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_what_begins_after_the_wish_hears_of_it_and_what_ended_does_not() -> None:
    outer: list[str] = []
    before: list[str] = []
    after: list[str] = []
    with heeding(outer.append):
        with heeding(before.append):
            pass
        signal.raise_signal(signal.SIGINT)
        with heeding(after.append):
            pass
    assert (outer, before, after) == (["interrupted"], [], ["interrupted"])


def test_between_two_within_the_outer_one_hears() -> None:
    """No moment is left in which Ctrl-C would end a watch at once."""
    outer: list[str] = []
    with heeding(outer.append):
        for _ in range(2):
            with heeding(lambda _: None):
                pass
        signal.raise_signal(signal.SIGINT)
    assert outer == ["interrupted"]


def test_what_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    heard: list[str] = []
    try:
        with heeding(heard.append):
            signal.raise_signal(signal.SIGINT)
        assert heard == []
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_hear_of_none() -> None:
    made: list[object] = []

    def work() -> None:
        with heeding(lambda _: None):
            made.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert made == [signal.default_int_handler]
