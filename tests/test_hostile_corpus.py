"""Real files of other projects through `plan` and `apply`, from file to file, as listed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from io_pictures import CORPUS
from test_io_corpus import HERE, LIMIT, READ_ANYWAY, files

from convcli.errors import InputError
from convcli.job import Wishes, make_job
from convcli.kernels.kernel import Recipe
from convcli.kernels.matrix import parse_matrix
from convcli.limits import Limits
from convcli.run import Writing, plan_file, process

if TYPE_CHECKING:
    from convcli.spec import Job

SAME = Recipe("matrix", (parse_matrix("1", "--matrix"),), origin="inline")
JOB: Job = make_job([SAME], Wishes())
LIMITS = Limits("auto", None, None, LIMIT)


@HERE
def test_every_file_is_listed() -> None:
    folders = ("valid", "hostile", "unsupported")
    there = {
        str(path.relative_to(CORPUS))
        for folder in folders
        for path in (CORPUS / folder).rglob("*")
        if path.is_file()
    }
    assert there == {entry["file"] for entry in files()}


def outcome(file: str) -> tuple[int, ...] | None:
    """Shape of what `plan` foresees and `apply` writes; None where `apply` refuses the file."""
    source = str(CORPUS / file)
    try:
        item = process(source, "out.npy", JOB, LIMITS, Writing())
    except InputError as error:
        assert file in error.message  # noqa: PT017 - the manifest says which way is right
        assert "\n" not in error.message  # noqa: PT017 - as above
        return None
    _, plan = plan_file(source, "out.npy", JOB, LIMITS)
    assert plan.shape == (item.out_height, item.out_width, item.out_channels)
    written = np.load("out.npy", mmap_mode="r").shape
    assert (*written, 1)[:3] == plan.shape
    Path("out.npy").unlink()
    return plan.shape


@HERE
@pytest.mark.parametrize("entry", files(), ids=lambda entry: entry["file"])
def test_each_file_is_filtered_or_refused_as_listed(
    entry: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    file, must = entry["file"], entry["must"]
    shape = outcome(file)
    if must == "process" or file in READ_ANYWAY:
        assert shape is not None
    elif "process" not in must:
        assert shape is None
    assert os.listdir() == []  # noqa: PTH208 - names
    assert capfd.readouterr() == ("", "")
