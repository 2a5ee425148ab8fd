"""`convcli report`: what a run came to, or how two runs compare, by the reports they wrote."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from convcli import closing, terminal
from convcli.cli.choices import Command
from convcli.cli.options import common, option
from convcli.wording import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convcli.runs import Comparison, Run

EXAMPLES = """
Examples:

\b
  convcli report run.jsonl
  convcli report yesterday.jsonl today.jsonl
  convcli report run.jsonl --html run.html
"""


@click.command("report", cls=Command, epilog=EXAMPLES)
@click.argument("run", metavar="RUN", help="A report that --report wrote: .jsonl or .json.")
@click.argument("other", required=False, metavar="[OTHER]", help="A later one, to be compared.")
@option("Output", "--json", "as_json", is_flag=True, help="Print one JSON document.")
@option("Output", "--html", metavar="FILE", help="Write one page that needs nothing else.")
@option("Output", "--overwrite", is_flag=True, help="Replace the page if it exists.")
@common
def command(run: str, other: str | None, as_json: bool, html: str | None, overwrite: bool) -> None:
    """
    Summarise a run by its report, or compare two.

    Of two runs those images are compared that both have: how much longer each phase took, what
    failed that did not fail before.
    """
    from convcli.runs import compare, read_run

    first = read_run(run)
    second = read_run(other) if other else None
    comparison = compare(first, second) if second else None
    if html:
        from convcli.io import write_bytes
        from convcli.page import page

        made = page(first, second, comparison).encode(errors="backslashreplace")
        write_bytes(html, made, overwrite=overwrite)
    if as_json:
        runs = [each.data() for each in (first, second) if each]
        whole = {"runs": runs, "comparison": comparison.data() if comparison else None}
        click.echo(json.dumps(whole, indent=2, ensure_ascii=False))
    elif html != "-":
        for line in _lines([each for each in (first, second) if each], comparison):
            click.echo(line)


def _lines(runs: list[Run], comparison: Comparison | None) -> Iterator[str]:
    for run in runs:
        yield printable(run.path)
        yield from _told(run)
    if comparison:
        yield from _compared(comparison)


def _told(run: Run) -> Iterator[str]:
    if len(run.heads) > 1:
        yield f"  {len(run.heads)} sessions, each resumed from the one before"
    if run.torn:
        yield "  ends in the middle of a line: the run was killed"
    if run.ignored:
        yield f"  {terminal.count(run.ignored, 'line')} of no JSON ignored"
    command = run.heads[0].get("command", ()) if run.heads else ()
    yield from closing.closing(run.summary, run.wall, command, run.path)


def _compared(made: Comparison) -> Iterator[str]:
    from convcli.page import change, changes, matching

    yield matching(made)
    yield from terminal.columns([("", "before", "after", "change"), *changes(made)])
    for title, images in (("slower", made.slower), ("faster", made.faster)):
        for name, old, new in images[:5]:
            times = f"{terminal.duration(old)} -> {terminal.duration(new)}"
            yield printable(f"  {title}: {name} {times} ({change(old, new)})")
    for name, cause in made.newly_failed:
        yield printable(f"  newly failed: {name}: {closing.meaning(cause)}")
    for name in made.newly_ok:
        yield printable(f"  newly done: {name}")
