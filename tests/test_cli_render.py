"""What is drawn on a terminal, and what is not."""

from __future__ import annotations

import io

import pytest

from convcli import render, terminal
from convcli.report import Item


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def item() -> Item:
    made = Item(input="a.png", output="b.png", kernel="box", operation="convolve", width=1000)
    made.height, made.wall, made.memory_peak = 1000, 0.5, 12_345_678
    made.clipped_below, made.clipped_above, made.out_dtype = 0.384, 0.00001, "uint16"
    made.seconds.update(read=0.1, filter=0.3)
    made.notes = ("JPEG keeps no PNG text (1 left out)",)
    return made


def drawn(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream = Terminal()
    render.item_report(item(), stream)
    return stream.getvalue()


def test_a_terminal_shows_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    told = drawn(monkeypatch, TERM="xterm-256color")
    assert "\x1b[1m" in told
    for words in ("75%", "█", "2.0 Mpx/s", "peak memory 12.3 MB", "note: JPEG keeps"):
        assert words in told


def test_no_color_leaves_the_table_but_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    told = drawn(monkeypatch, TERM="xterm-256color", NO_COLOR="1")
    assert "█" in told
    assert "\x1b[3" not in told.replace("\x1b[3m", "")  # italics are no colour


def test_a_dumb_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    told = drawn(monkeypatch, TERM="dumb")
    assert "\x1b" not in told
    assert told.startswith("a.png -> b.png: 500.0 ms, 2.0 Mpx/s")


def test_force_color_draws_no_table_into_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    stream = io.StringIO()
    render.item_report(item(), stream)
    assert "\x1b" not in stream.getvalue()
    assert "█" not in stream.getvalue()


def test_what_was_cut_and_how_to_see_it() -> None:
    below, above = render.clipping(item())
    assert below.startswith("38 % of the samples fell below black and were cut to 0.")
    assert above.startswith("less than 0.01 % of the samples rose above white")
    assert "cut to 65535" in above


@pytest.mark.parametrize(
    ("octets", "words"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (5 * 10**12, "5000.0 GB")]
)
def test_sizes(octets: int, words: str) -> None:
    assert terminal.size(octets) == words


@pytest.mark.parametrize(
    ("part", "words"), [(1.0, "100 %"), (0.384, "38 %"), (0.0123, "1.2 %"), (0.0005, "0.05 %")]
)
def test_shares(part: float, words: str) -> None:
    assert terminal.share(part) == words
