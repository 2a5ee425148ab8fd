"""The contact sheets of the README: every shipped kernel is on one, as it is now."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcli.kernels.library import Place, listing, shipped_kernels

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
SCRIPT = runpy.run_path(str(SAMPLES / "contact_sheet.py"))
GROUPS = SCRIPT["groups"]()


def test_every_kernel_is_on_one_sheet() -> None:
    shipped = {entry.name for entry in listing([Place(shipped_kernels(), "shipped")])}
    drawn = [name for names in GROUPS.values() for name in names]
    assert len(drawn) == len(set(drawn))
    assert set(drawn) == shipped


@pytest.mark.parametrize("group", GROUPS)
def test_a_sheet_is_what_the_script_draws_now(group: str) -> None:
    path = SAMPLES / f"contact-sheet-{group}.jpg"
    now = SCRIPT["sheet"](SCRIPT["photograph"](), GROUPS[group])
    with Image.open(path) as stored:
        assert stored.size == now.size
        # JPEG, and fonts that differ a little from version to version.
        difference = np.asarray(stored, np.float64) - np.asarray(now, np.float64)
    assert abs(difference).mean() < 8
    readme = (SAMPLES.parent / "README.md").read_text(encoding="utf-8")
    assert f"samples/{path.name}" in readme


def test_answers_are_seen() -> None:
    photo = SCRIPT["photograph"]()
    flat = [
        name
        for names in GROUPS.values()
        for name in names
        if SCRIPT["result"](photo, name).std() < 8
    ]
    assert not flat
