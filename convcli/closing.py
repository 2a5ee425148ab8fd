"""
The last lines of a batch: what came of it, what failed and why, and the command that goes on.

      118 images written to out/     1 up to date     1 failed
      9.8 s   146.0 Mpx/s   decode 31 %  filter 25 %  encode 44 %   slowest p/88.png 0.40 s

      1 file failed: needs an optional part
        Install it: pip install 'convcli[heif]'
          photos/b.heic
      repeat only the failed: convcli apply photos -o out/ -k sobel --resume run.jsonl
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from convcli.terminal import count, duration
from convcli.wording import legible, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from convcli.summary import Failures, Summary

CAUSES = {
    "bug": "a bug in convcli",
    "busy": "another run is writing it",
    "crashed": "the process that worked on it died",
    "damaged": "damaged or incomplete",
    "empty": "empty",
    "exists": "the output exists",
    "kernel": "the kernel does not go with it",
    "memory": "not enough memory",
    "missing": "not there",
    "missing-extra": "needs an optional part",
    "no-cluster": "the cluster had no workers",
    "no-folder": "no folder for the output",
    "no-permission": "no permission",
    "no-space": "no room on the disk",
    "not-an-image": "no image",
    "other": "for other reasons",
    "too-large": "too large",
    "unreadable": "can't be read",
    "unsupported": "of a kind that convcli does not read",
    "unwritable": "can't be written",
    "usage": "impossible options",
    "wrong-result": "the result was not what --verify computes",
}
"""What the words of `errors` mean; others stand for themselves."""

PARTS = {
    "decode": ("read", "decode"),
    "filter": ("plan", "filter", "verify"),
    "encode": ("encode", "write"),
}
"""The three parts of the work, and the phases of each."""

LONGEST = 2000
"""Letters of a command that is worth printing."""

JOURNAL = ".jsonl"


def closing(
    summary: Summary, wall: float, command: Sequence[str], journal: str, folder: str = ""
) -> Iterator[str]:
    """All lines of a run that came to its end; `journal` is the report's file, "" for none."""
    done, times = summary.counts, summary.times
    written = f"{count(done['ok'], 'image')} written{f' to {printable(folder)}' * bool(folder)}"
    parts = {"up to date": done["skipped"], "failed": done["failed"], "planned": done["planned"]}
    yield "     ".join([f"  {written}", *(f"{n:,} {word}" for word, n in parts.items() if n)])
    if times.number:
        wait, slow = summary.slowest[0]
        speed = f"{summary.megapixels / wall:.1f} Mpx/s" if wall else ""
        spent = "  ".join(f"{part} {share:.0%}" for part, share in shares(summary.seconds).items())
        slowest = f"slowest {printable(slow)} {duration(wait)}"
        yield f"  {duration(wall)}   {speed}   {spent.replace('%', ' %')}   {slowest}"
    if summary.failures:
        yield ""
        for kind in summary.grouped:
            yield from failed(kind)
        yield f"  {_repeat(command, journal)}"


def shares(seconds: Mapping[str, float]) -> dict[str, float]:
    """Of all seconds that were spent on images, those of each part; no part where none were."""
    total = sum(seconds.values())
    spent = {part: sum(seconds[phase] for phase in phases) for part, phases in PARTS.items()}
    return {part: each / total for part, each in spent.items()} if total else {}


def failed(kind: Failures) -> Iterator[str]:
    """How many failed for one reason, what helps, and the first of them."""
    yield f"  {count(kind.number, 'file')} failed: {meaning(kind.cause)}"
    yield from (f"    {line}" for line in legible(kind.hint).splitlines())
    yield from (f"      {printable(name)}" for name in kind.first)
    if kind.number > len(kind.first):
        yield f"      and {kind.number - len(kind.first):,} more"


def meaning(cause: str) -> str:
    """A cause in words."""
    return CAUSES.get(cause, cause)


def _repeat(command: Sequence[str], journal: str) -> str:
    if journal.endswith(JOURNAL):
        return f"repeat only the failed: {resuming(command, journal)}"
    return "with --report run.jsonl the failed alone could be repeated: --resume run.jsonl"


def stopped(summary: Summary, planned: int, command: Sequence[str], journal: str) -> Iterator[str]:
    """What a run that was stopped did, what it left, and how to go on."""
    left = max(planned - summary.total, 0)
    yield f"  {count(summary.total, 'image')} done, {left:,} left."
    yield from going_on(command, journal)


def going_on(command: Sequence[str], journal: str) -> Iterator[str]:
    """How to do what a run that was stopped left."""
    if journal.endswith(JOURNAL):
        yield f"  go on with: {resuming(command, journal)}"
    else:
        yield "  with --report run.jsonl a run that was stopped can go on: --resume run.jsonl"


def resuming(command: Sequence[str], journal: str) -> str:
    """The command that leaves out what the journal has; in words where it is too long to read."""
    words = [*_without(command, ("--report", "--resume")), "--resume", journal]
    text = shlex.join(words)
    same = f"the same command with --resume {shlex.quote(journal)}"
    return printable(text) if len(text) <= LONGEST else printable(same)


def _without(command: Sequence[str], options: Sequence[str]) -> Iterator[str]:
    words = iter(command)
    for word in words:
        if word in options:
            next(words, None)
        elif not word.startswith(tuple(f"{option}=" for option in options)):
            yield word
