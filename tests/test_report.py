"""One list of columns in every form of report; batches, their targets and exit codes."""

from __future__ import annotations

import csv
import json
import time
from contextlib import suppress
from io import StringIO
from typing import TYPE_CHECKING

import pytest

from convcli.batch.running import run_all
from convcli.batch.targets import Wanted, settle
from convcli.batch.task import Input, Orders, Task
from convcli.errors import ConvError, KernelError, OutputError, UsageError
from convcli.forms import FORMS, Report
from convcli.job import Wishes, make_job
from convcli.kernels.kernel import Kernel, Recipe
from convcli.limits import Limits
from convcli.report import COLUMNS, PHASES, SCHEMA, Clock, Item, row
from convcli.run import Writing
from convcli.summary import Summary

if TYPE_CHECKING:
    from pathlib import Path

JOB = make_job([Recipe("same", (Kernel(((1.0,),)),))], Wishes())


def items() -> list[Item]:
    good = Item("a.png", "out/a.png", kernel="box", width=2000, height=1000, wall=0.5)
    good.notes = ("GIF: first of 3 frames", "a | b")
    good.seconds["filter"] = 0.25
    bad = Item("b.png", status="failed", error="b.png is empty.", hint="Try again.", code=4)
    return [good, bad]


def text(form: str) -> str:
    return FORMS[form].text(Report(command=("convcli", "apply"), version="1"), items())


def test_every_form_has_every_column_of_every_item() -> None:
    names = [column.name for column in COLUMNS]
    whole = json.loads(text("json"))
    lines = [json.loads(line) for line in text("jsonl").splitlines()]
    table = list(csv.reader(StringIO(text("csv"))))
    marks = text("md").splitlines()
    assert whole["schema"] == lines[0]["schema"] == SCHEMA
    assert [list(item) for item in whole["items"]] == [names, names]
    assert [list(line)[1:] for line in lines[1:3]] == [names, names]
    assert table[0] == names
    assert [len(line) for line in table] == [len(names)] * 3
    assert [line.replace("\\|", "").count("|") for line in marks] == [len(names) + 1] * 4
    assert set(FORMS) == {"json", "jsonl", "csv", "md"}


def test_columns_have_unique_names_and_a_meaning() -> None:
    assert len({column.name for column in COLUMNS}) == len(COLUMNS)
    assert all(column.about and column.title for column in COLUMNS)
    assert {f"{phase}_seconds" for phase in PHASES} < {column.name for column in COLUMNS}


def test_values_are_those_of_the_item() -> None:
    facts = row(items()[0])
    assert facts["megapixels"] == 2.0
    assert facts["megapixels_per_second"] == 4.0
    assert facts["filter_seconds"] == 0.25
    assert facts["notes"] == ["GIF: first of 3 frames", "a | b"]


def test_the_summary_counts() -> None:
    summary = json.loads(text("json"))["summary"]
    assert (summary["ok"], summary["failed"], summary["megapixels"]) == (1, 1, 2.0)


def test_the_clock_adds_up_phases_even_when_one_fails() -> None:
    clock = Clock()
    for divisor in (0, 1):
        with suppress(ZeroDivisionError), clock.phase("read"):
            time.sleep(0.002)
            assert 1 // divisor
    assert 0.004 <= clock.seconds["read"] <= clock.wall


@pytest.mark.parametrize(
    ("codes", "expected"),
    [((0,), 0), ((4,), 4), ((0, 0), 0), ((0, 4), 7), ((4, 3), 8)],
)
def test_exit_codes_of_a_batch(codes: tuple[int, ...], expected: int) -> None:
    summary = Summary()
    for code in codes:
        summary.add(Item("x", status="failed" if code else "ok", code=code))
    assert summary.exit_code == expected


def test_a_failed_image_is_an_item_and_the_others_go_on(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1 2\n")
    (tmp_path / "b.csv").write_text("1 x\n")
    (tmp_path / "c.csv").write_text("3 4\n")
    (tmp_path / "out").mkdir()
    inputs = [tmp_path / name for name in ("a.csv", "b.csv", "c.csv")]
    seen: list[Item] = []
    errors: list[ConvError | None] = []

    def done(item: Item, error: ConvError | None) -> None:
        seen.append(item)
        errors.append(error)

    run_all(found(inputs, str(tmp_path / "out")), Orders((JOB,), Limits(), Writing()), done)
    assert [str(error) if error else "" for error in errors][::2] == ["", ""]
    assert isinstance(errors[1], ConvError)
    assert [item.status for item in seen] == ["ok", "failed", "ok"]
    assert seen[1].code == 4
    assert "b.csv" in seen[1].error
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.csv", "c.csv"]


def found(inputs: list[Path], out: str) -> list[Task]:
    return settle([Input(str(path)) for path in inputs], Wanted(out), (JOB,)).tasks


def refused(error: type[ConvError], inputs: list[Path], out: str) -> str:
    with pytest.raises(error) as caught:
        found(inputs, out)
    return str(caught.value)


def test_targets_are_settled_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "y").mkdir()
    (tmp_path / "out").mkdir()
    one, two = tmp_path / "x" / "1.csv", tmp_path / "y" / "1.csv"
    for path in (one, two):
        path.write_text("1\n")
    one.with_suffix("").touch()
    out = str(tmp_path / "out")
    assert "Two inputs would be written" in refused(OutputError, [one, two], out)
    assert "given twice" in refused(UsageError, [one, one], out)
    assert "one file" in refused(UsageError, [one, two], str(tmp_path / "o.png"))
    assert "is a file" in refused(OutputError, [one, two], str(one.with_suffix("")))
    assert "input itself" in refused(OutputError, [one], str(one))
    assert "input itself" in refused(OutputError, [one], str(tmp_path / "x"))
    assert found([one], out) == [Task(1, Input(str(one)), f"{out}/1.csv")]


def test_errors_keep_their_hint_across_processes() -> None:
    import pickle

    error = pickle.loads(pickle.dumps(KernelError("what", "cure")))  # noqa: S301 - our own bytes
    assert (error.message, error.hint, error.exit_code) == ("what", "cure", 3)
