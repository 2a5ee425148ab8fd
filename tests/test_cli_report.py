"""`convcli report`: what a run came to, what two differ in, and the page, in a real browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from convcli import closing
from convcli.cli.main import run
from convcli.errors import InputError
from convcli.forms import Report
from convcli.journal import Journal
from convcli.report import Item
from convcli.runs import compare, read_run
from convcli.summary import Summary

EVIL = "<script>document.title='owned'</script><img src=x onerror=document.title='owned'>.png"
JOBS = {"0" * 16: {"kernels": [{"name": "<b>box</b>", "operation": "convolve"}], "pixels": {}}}
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)


def item(name: str, *, cause: str = "", wall: float = 1.0, **seconds: float) -> Item:
    made = Item(name, f"out/{name}", kernel="box", width=1000, height=1000, wall=wall)
    made.engine, made.body = "direct", "avx2"
    made.seconds.update(seconds)
    if cause:
        made.status, made.cause, made.code, made.hint = "failed", cause, 4, "Mend it."
    return made


def written(path: Path, *items: Item, command: tuple[str, ...] = ("convcli", "apply")) -> str:
    report = Report(command, "1", jobs=JOBS)
    with Journal(report, str(path), path.suffix[1:], overwrite=True) as book:
        for each in items:
            book.note(each)
    return str(path)


def two(place: Path, form: str = "jsonl") -> tuple[str, str]:
    old = item("a", wall=1.0, filter=0.5), item("b", wall=2.0, filter=1.0), item("c", cause="empty")
    new = item("a", wall=3.0, filter=2.5), item("b", cause="damaged"), item("c"), item("d")
    return written(place / f"old.{form}", *old), written(place / f"new.{form}", *new)


@pytest.mark.parametrize("form", ["jsonl", "json"])
def test_a_run_is_summarised(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, name = two(tmp_path, form)
    assert run(["report", name, "--json"]) == 0
    whole = json.loads(capsys.readouterr().out)
    summary = whole["runs"][0]["summary"]
    assert (summary["ok"], summary["failed"], summary["filter_seconds"]) == (3, 1, 2.5)
    assert summary["slowest"][0] == {"input": "a", "wall": 3.0}
    assert summary["failures"] == [
        {"cause": "damaged", "count": 1, "code": 4, "hint": "Mend it.", "first": ["b"]}
    ]
    assert whole["comparison"] is None
    assert run(["report", name]) == 0
    told = capsys.readouterr().out
    assert "  3 images written     1 failed\n" in told
    assert "  1 file failed: damaged or incomplete\n    Mend it.\n      b\n" in told


def test_two_runs_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = two(tmp_path)
    assert run(["report", *names, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)["comparison"]
    counts = [made[word] for word in ("matched", "only_old", "only_new", "both_ok")]
    assert counts == [3, 0, 1, 1]
    assert made["phases"]["filter"] == {"old": 0.5, "new": 2.5, "ratio": 5.0}
    assert made["slower"] == [{"input": "a", "old": 1.0, "new": 3.0, "ratio": 3.0}]
    assert made["faster"] == []
    assert made["newly_failed"] == [{"input": "b", "cause": "damaged"}]
    assert made["newly_ok"] == ["c"]
    assert run(["report", *names]) == 0
    told = capsys.readouterr().out
    assert "filter  500.0 ms  2.50 s  +400 %" in told
    assert "  newly failed: b: damaged or incomplete\n  newly done: c\n" in told


def test_other_kernels_are_compared_by_the_names_of_images(tmp_path: Path) -> None:
    old, new = item("a", wall=2.0), item("a", wall=1.0)
    new.kernel = "sobel"
    runs = [read_run(written(tmp_path / f"{n}.jsonl", each)) for n, each in enumerate((old, new))]
    assert compare(*runs).faster == [("a", 2.0, 1.0)]


def test_of_a_resumed_run_the_later_item_counts_and_walls_add_up(tmp_path: Path) -> None:
    name = written(tmp_path / "a.jsonl", item("a", cause="empty"), item("b"))
    lines = Path(name).read_text().splitlines()
    facts = [json.loads(line) for line in lines]
    again = {**facts[1], "status": "ok", "cause": "", "ended": 7.0}
    more = [json.dumps(each) for each in (facts[0], again)]  # killed: it has no summary
    Path(name).write_text("\n".join([*lines, *more]) + '\n{"torn')
    found = read_run(name)
    assert found.summary.counts == {"ok": 2, "skipped": 0, "failed": 0, "planned": 0}
    assert (len(found.heads), found.torn) == (2, True)
    assert [place[0] for place in found.outcomes] == ["b", "a"]
    assert found.bodies == {"direct (avx2)": 2}
    assert found.wall == facts[3]["wall"] + 7.0


def test_columns_that_are_missing_or_empty_are_no_error(tmp_path: Path) -> None:
    name = written(tmp_path / "a.jsonl", item("a", wall=2.0))
    head, line, *_ = Path(name).read_text().splitlines()
    facts = json.loads(line)
    bare = {word: facts[word] for word in ("type", "schema", "input") if word in facts}
    empty = {**dict.fromkeys(facts), **bare, "input": "b"}
    Path(name).write_text("\n".join([head, json.dumps(bare), json.dumps(empty), ""]))
    found = read_run(name)
    assert [place[0] for place in found.outcomes] == ["a", "b"]
    assert {each.wall for each in found.outcomes.values()} == {0.0}


def test_a_torn_document_gives_what_is_whole(tmp_path: Path) -> None:
    name = written(tmp_path / "a.json", item("a"), item("b"))
    text = Path(name).read_text()
    Path(name).write_text(text[: text.index('{"input": "b"') + 200])
    found = read_run(name)
    assert found.torn
    assert [place[0] for place in found.outcomes] == ["a"]
    assert found.heads[0]["convcli"] == "1"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("none.jsonl", None, "does not exist"),
        ("a.csv", "input\n", "only reports of JSON"),
        ("a.jsonl", '{"a": 1}\n', "is no report"),
        ("a.json", "", "is no report"),
        ("a.jsonl", '{"type": "run", "schema": "convcli.report/9"}\n', "report/9"),
    ],
)
def test_what_is_no_report_is_refused(
    name: str, text: str | None, said: str, tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=said) as caught:
        read_run(str(tmp_path / name))
    assert caught.value.hint


# --- closing lines -------------------------------------------------------------------------------


def summed(*items: Item) -> Summary:
    summary = Summary()
    for each in items:
        summary.add(each)
    return summary


def test_the_closing_lines_of_a_batch() -> None:
    fine = (item(f"{n}.png", wall=n / 10, decode=0.02, filter=0.01, encode=0.01) for n in (1, 4))
    bad = (item(f"bad{n}", cause="missing-extra") for n in range(7))
    summary = summed(*fine, *bad)
    summary.skip(2)
    command = ("convcli", "apply", "my photos", "--report", "run.jsonl", "-k", "box")
    assert "\n".join(closing.closing(summary, 1.0, command, "run.jsonl", "out/")) == (
        "  2 images written to out/     2 up to date     7 failed\n"
        "  1.00 s   2.0 Mpx/s   decode 50 %  filter 25 %  encode 25 %   slowest 4.png 400.0 ms\n"
        "\n"
        "  7 files failed: needs an optional part\n"
        "    Mend it.\n"
        "      bad0\n      bad1\n      bad2\n      bad3\n      bad4\n"
        "      and 2 more\n"
        "  repeat only the failed: convcli apply 'my photos' -k box --resume run.jsonl"
    )
    assert "with --report run.jsonl" in list(closing.closing(summary, 1.0, command, ""))[-1]


def test_what_a_stopped_run_says() -> None:
    summary = summed(item("a"), item("b"))
    told = list(closing.stopped(summary, 9, ("convcli", "--resume=x.jsonl", "c"), "x.jsonl"))
    assert told == ["  2 images done, 7 left.", "  go on with: convcli c --resume x.jsonl"]
    assert "--report run.jsonl" in list(closing.stopped(summary, 9, ("convcli",), ""))[1]
    long = ("convcli", *(f"{n:099}" for n in range(100)))
    assert closing.resuming(long, "x y.jsonl") == "the same command with --resume 'x y.jsonl'"


def test_the_median_is_right_within_one_percent_and_the_rest_to_the_bit() -> None:
    summary = summed(*(item("x", wall=n / 64) for n in range(1, 1002)))
    times = summary.times
    assert times.median == pytest.approx(501 / 64, rel=0.01)
    assert (times.least, times.most, times.mean) == (1 / 64, 1001 / 64, 501 / 64)
    assert times.deviation == pytest.approx(289.1081 / 64, rel=1e-6)
    assert [wall for wall, _ in summary.slowest] == [n / 64 for n in range(1001, 996, -1)]


# --- the page ------------------------------------------------------------------------------------


class Seen(HTMLParser):
    """Every tag and attribute of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str | None]] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= set(attrs)


def page(place: Path) -> tuple[Path, str]:
    items = item("slow.png", wall=2.0, filter=1.5), item(EVIL, cause="damaged"), item(EVIL + "2")
    name = written(place / "run.jsonl", *items, command=("convcli", "apply", EVIL))
    assert run(["report", name, name, "--html", str(place / "run.html")]) == 0
    return place / "run.html", (place / "run.html").read_text()


def test_the_page_stands_alone_and_odd_names_are_harmless(tmp_path: Path) -> None:
    path, text = page(tmp_path)
    seen = Seen()
    seen.feed(text)
    assert seen.tags.isdisjoint({"script", "img", "link", "iframe", "object", "b>box"})
    assert not {name for name, _ in seen.attributes if name.startswith(("on", "src", "href"))}
    assert not re.search(r"https?:|url\(|@import", text)
    assert "&lt;script&gt;" in text
    assert "&lt;b&gt;box&lt;/b&gt;" in text
    for part in ("slow.png", "Failures", "Compared", "Where the time went", "prefers-color-scheme"):
        assert part in text
    assert run(["report", str(tmp_path / "run.jsonl"), "--html", str(path)]) == 5
    assert run(["report", str(tmp_path / "run.jsonl"), "--html", str(path), "--overwrite"]) == 0


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_a_browser_draws_the_page_and_runs_nothing(tmp_path: Path) -> None:
    path, _ = page(tmp_path)
    dom = browsed(tmp_path, path, "--dump-dom").stdout
    assert b"<title>" in dom
    assert b"owned</title>" not in dom
    assert b"<script" not in dom
    browsed(tmp_path, path, f"--screenshot={tmp_path / 'page.png'}", "--window-size=1000,2500")
    with Image.open(tmp_path / "page.png") as picture:
        found = picture.convert("RGB").getcolors(1 << 24) or []
    colours = {colour: number for number, colour in found}
    assert colours.get((230, 97, 1), 0) > 1000  # the bars of `filter`
    assert colours.get((255, 255, 255), 0) > 500_000


def browsed(place: Path, path: Path, *more: str) -> subprocess.CompletedProcess[Any]:
    flags = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={place / 'profile'}")
    return subprocess.run(
        [str(CHROMIUM), *flags, *more, path.as_uri()], capture_output=True, timeout=120, check=True
    )
