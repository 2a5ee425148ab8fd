"""
A run, or two, as one page of HTML: no script, nothing from outside, at home in print and the dark.

    figures | bars of the phases | slowest images | failures by cause | kernels and options

Every name is escaped, and a policy in the page forbids whatever could run all the same: a file
called `<script>` is a file with an odd name.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from convcli.closing import meaning, shares
from convcli.report import PHASES
from convcli.terminal import count, duration
from convcli.wording import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from convcli.runs import Comparison, Run
    from convcli.summary import Summary

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #5b6570; --page: #fff; --card: #f5f7f9;
  --line: #dde2e7; --read: #7f8c99; --decode: #2166ac; --plan: #9aa5b1; --filter: #e66101;
  --verify: #b2abd2; --encode: #5e3c99; --write: #4d9221; --bad: #b2182b; --good: #1a7f37; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --dim: #9aa5b1; --page: #14171a;
  --card: #1e2327; --line: #333a41; --decode: #5aa0dc; --filter: #ff8c3a; --encode: #a98be0;
  --write: #7fbf4d; --bad: #ff7b85; --good: #5fd07f; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; margin: 0 auto;
  max-width: 62rem; padding: 2rem 1.25rem 4rem; color: var(--ink); background: var(--page); }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .75rem; }
p, dd { overflow-wrap: anywhere; } .dim { color: var(--dim); } .bad { color: var(--bad); }
.good { color: var(--good); }
code, pre { font: .875rem/1.5 ui-monospace, "DejaVu Sans Mono", monospace; }
pre { background: var(--card); padding: .75rem 1rem; border-radius: .5rem; white-space: pre-wrap;
  overflow-wrap: anywhere; margin: 1rem 0; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr));
  gap: .75rem; margin: 1.5rem 0; }
.figures div { background: var(--card); border-radius: .5rem; padding: .75rem 1rem; }
.figures b { display: block; white-space: nowrap; font-size: 1.375rem; line-height: 1.3;
  font-weight: 600; }
.figures span { color: var(--dim); font-size: .875rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { font-weight: 500; text-align: left; color: var(--dim); font-size: .875rem; }
td, th { padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line);
  vertical-align: middle; }
td.n, th.n { text-align: right; white-space: nowrap; } td.name { overflow-wrap: anywhere; }
td.wide { width: 45%; }
.bar { display: flex; height: .85rem; border-radius: .25rem; overflow: hidden; }
.bar i { display: block; min-width: 1px; }
.track { background: var(--card); border-radius: .25rem; }
.key { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; font-size: .875rem; margin: .5rem 0; }
.key i { display: inline-block; width: .8rem; height: .8rem; border-radius: .2rem;
  margin-right: .4rem; vertical-align: -.08rem; }
section.why { border-left: .25rem solid var(--bad); padding-left: 1rem; margin: 1rem 0; }
section.why p { margin: .25rem 0; } section.why ul { margin: .25rem 0; padding-left: 1.25rem; }
@media print { body { padding: 0; max-width: none; font-size: 12px; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  section, tr, .figures div { break-inside: avoid; } h2 { break-after: avoid; } }
"""

POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(run: Run, other: Run | None = None, comparison: Comparison | None = None) -> str:
    """The whole page of `run`, or of `other` as compared with it."""
    shown = other or run
    title = f"{run.path} and {other.path}" if other else run.path
    body = [
        f"<h1>{_text(title)}</h1>",
        *_origin(shown),
        *_figures(shown),
        *(_compared(comparison) if comparison else ()),
        *_phases(shown.summary),
        *_slowest(shown),
        *_failures(shown.summary),
        *_kernels(shown),
    ]
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(title)} - convcli</title><style>{STYLE}</style></head><body>"
    )
    return "\n".join([head, *body, "</body></html>\n"])


def _text(words: object) -> str:
    return escape(printable(str(words)))


def _origin(run: Run) -> Iterator[str]:
    head = run.heads[0] if run.heads else {}
    sessions = f" in {len(run.heads)} sessions" if len(run.heads) > 1 else ""
    facts = f"convcli {head.get('convcli', '?')}, begun {head.get('started', '?')}{sessions}"
    system = f"Python {head.get('python', '?')}, {head.get('platform', '?')}"
    where = f"{count(head.get('processors') or 0, 'processor')}, in {head.get('cwd', '?')}"
    yield f'<p class="dim">{_text(f"{facts}; {system}, {where}")}</p>'
    if run.torn:
        yield '<p class="bad">The file ends in the middle of a line: the run was killed.</p>'
    if head.get("command"):
        import shlex

        yield f"<pre>{_text(shlex.join(head['command']))}</pre>"


def _figures(run: Run) -> Iterator[str]:
    summary, wall = run.summary, run.wall
    times = summary.times
    speed = summary.megapixels / wall if wall else 0.0
    figures = [
        (f"{summary.counts['ok']:,}", "images written", ""),
        (f"{summary.counts['skipped']:,}", "up to date", ""),
        (f"{summary.counts['failed']:,}", "failed", "bad" if summary.counts["failed"] else ""),
        (duration(wall), "wall time", ""),
        (f"{speed:,.1f}", "megapixels per second", ""),
        (duration(times.median), "median of an image", ""),
    ]
    cells = (
        f'<div><b class="{mark}">{_text(number)}</b><span>{_text(about)}</span></div>'
        for number, about, mark in figures
    )
    yield f'<div class="figures">{"".join(cells)}</div>'


def _bar(seconds: Iterable[tuple[str, float]], longest: float) -> str:
    """Pieces side by side, all of them as long as their share of the longest bar."""
    parts = list(seconds)
    total = sum(spent for _, spent in parts)
    pieces = "".join(
        f'<i style="flex:{spent / total:.6f} 1 0;background:var(--{phase})"'
        f' title="{phase} {duration(spent)}"></i>'
        for phase, spent in parts
        if spent > 0
    )
    width = 100 * total / longest if longest else 0.0
    return f'<div class="track"><div class="bar" style="width:{width:.2f}%">{pieces}</div></div>'


def _phases(summary: Summary) -> Iterator[str]:
    spent = {phase: summary.seconds[phase] for phase in PHASES if summary.seconds[phase]}
    total, longest = sum(spent.values()), max(spent.values(), default=0.0)
    if not total:
        return
    parts = ", ".join(f"{part} {share:.0%}" for part, share in shares(summary.seconds).items())
    yield f"<h2>Where the time went</h2><p>{_text(parts)}, of {duration(total)} of work.</p>"
    yield _table(
        ("phase", "n:time", "n:share", ""),
        (
            (phase, duration(each), f"{each / total:.1%}", _bar([(phase, each)], longest))
            for phase, each in spent.items()
        ),
    )


def _slowest(run: Run) -> Iterator[str]:
    slowest = run.summary.slowest
    if not slowest:
        return
    yield "<h2>Slowest images</h2>"
    colours = "".join(
        f'<span><i style="background:var(--{phase})"></i>{phase}</span>'
        for phase in PHASES
        if run.summary.seconds[phase]
    )
    yield f'<div class="key">{colours}</div>'
    outcomes = {name: outcome for (name, _), outcome in run.outcomes.items()}
    pieces = [
        (name, wall, zip(PHASES, outcomes[name].seconds, strict=True)) for wall, name in slowest
    ]
    yield _table(
        ("image", "n:time", ""),
        ((name, duration(wall), _bar(spent, slowest[0][0])) for name, wall, spent in pieces),
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are escaped, but for the last, which holds a bar, under a head without words."""
    marks = [f' class="{"n" if head.startswith("n:") else "name"}"' for head in heads]
    marks[-1] = marks[-1] if heads[-1] else ' class="wide"'
    titles = "".join(
        f"<th{mark}>{_text(head.removeprefix('n:'))}</th>"
        for head, mark in zip(heads, marks, strict=True)
    )
    lines = []
    for row in rows:
        cells = [*map(_text, row[:-1]), _text(row[-1]) if heads[-1] else row[-1]]
        joined = (f"<td{mark}>{cell}</td>" for mark, cell in zip(marks, cells, strict=True))
        lines.append(f"<tr>{''.join(joined)}</tr>")
    return f"<table><tr>{titles}</tr>{''.join(lines)}</table>"


def _failures(summary: Summary) -> Iterator[str]:
    if summary.failures:
        yield "<h2>Failures</h2>"
    for kind in summary.grouped:
        names = "".join(f"<li><code>{_text(name)}</code></li>" for name in kind.first)
        more = kind.number - len(kind.first)
        yield (
            f'<section class="why"><p><b>{count(kind.number, "file")}:'
            f" {_text(meaning(kind.cause))}</b></p>"
            f'<p class="dim">{_text(kind.hint)}</p><ul>{names}</ul>'
            f"{f'<p>and {more:,} more</p>' if more else ''}</section>"
        )


def _kernels(run: Run) -> Iterator[str]:
    jobs: dict[str, Any] = {}
    for head in run.heads:
        jobs |= head.get("jobs") or {}
    for key, job in jobs.items():
        yield "<section><h2>Kernels and options</h2>"
        yield f'<p class="dim">key <code>{_text(key)}</code></p>'
        kernels = job.get("kernels", ())
        yield _table(("kernel", "option", "value"), _options(kernels, job))
        yield "</section>"
    if run.bodies:
        yield "<h2>Engines</h2>"
        yield _table(("engine", "n:images"), ((name, f"{n:,}") for name, n in run.bodies.items()))


def _options(kernels: Sequence[dict[str, Any]], job: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    shown = ("operation", "padding", "extent", "stride", "dilation", "shape", "scale", "combine")
    for kernel in kernels:
        name = kernel.get("name", "")
        for option in shown:
            if kernel.get(option) is not None:
                yield name, option, _plain(kernel[option])
                name = ""
    for part in ("pixels", "writing"):
        for option, value in (job.get(part) or {}).items():
            if value is not None:
                yield "", option, _plain(value)


def _plain(value: object) -> str:
    return ", ".join(map(_plain, value)) if isinstance(value, list) else f"{value}"


def _compared(made: Comparison) -> Iterator[str]:
    yield f"<h2>Compared</h2><p>{_text(matching(made))}</p>"
    yield _table(("", *("n:before", "n:after", "n:change")), changes(made))
    for title, images in (("Slower", made.slower), ("Faster", made.faster)):
        if images:
            yield f"<h2>{title}</h2>"
            rows = ((n, duration(a), duration(b), change(a, b)) for n, a, b in images)
            yield _table(("image", "n:before", "n:after", "n:change"), rows)
    for title, names in (
        ("Newly failed", [f"{name}: {meaning(why)}" for name, why in made.newly_failed]),
        ("Newly done", made.newly_ok),
    ):
        if names:
            listed = "".join(f"<li><code>{_text(name)}</code></li>" for name in names[:100])
            more = f"<p>and {len(names) - 100:,} more</p>" if len(names) > 100 else ""  # noqa: PLR2004 - as above
            yield f"<h2>{title}</h2><ul>{listed}</ul>{more}"


def matching(made: Comparison) -> str:
    """How many images the figures of a comparison stand for."""
    alone = f"{made.only_old:,} before only, {made.only_new:,} after only"
    return f"{count(made.matched, 'image')} in both runs, {made.both_ok:,} done by both; {alone}."


def changes(made: Comparison) -> Iterator[tuple[str, str, str, str]]:
    """Phase, seconds before and after, and the change, of images that both runs did."""
    phases = {phase: pair for phase, pair in made.phases.items() if any(pair)}
    for name, (old, new) in {**phases, "all": made.wall}.items():
        yield name, duration(old), duration(new), change(old, new)


def change(old: float, new: float) -> str:
    """`+12 %`, `-3 %`, or nothing where there was nothing."""
    return f"{100 * (new / old - 1):+.0f} %" if old else ""
