"""Hostile and correct kernel files that nobody of this project made."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from convcli.errors import KernelError
from convcli.kernels.kernelfile import load_file

if TYPE_CHECKING:
    from convcli.kernels.kernel import Recipe

FOLDER = Path(__file__).parents[2] / "shared" / "testdata" / "kernels"
CASES: list[dict[str, Any]] = (
    json.loads((FOLDER / "cases.json").read_text(encoding="utf-8"))["cases"]
    if FOLDER.is_dir()
    else []
)

pytestmark = pytest.mark.skipif(not CASES, reason="the shared corpus of kernel files is not here")


@pytest.mark.parametrize("case", CASES, ids=[case["file"] for case in CASES])
def test_case(case: dict[str, Any]) -> None:
    begun = time.perf_counter()
    found = outcome(FOLDER / "files" / case["file"])
    assert time.perf_counter() - begun < 10  # a hang, not a benchmark
    if isinstance(found, str):
        assert case["must"] != "accept", found
        assert case["file"] in found
        assert len(found) < 4000
        assert all(line.isprintable() for line in found.split("\n"))
        return
    assert case["must"] != "reject"
    assert found.name.isprintable()
    if case["matrix"] is not None:
        # As text, so that -0.0 differs from 0.0.
        assert repr([list(row) for row in found.kernel.matrix]) == repr(
            [[float(cell) for cell in row] for row in case["matrix"]]
        )


def outcome(path: Path) -> Recipe | str:
    try:
        return load_file(path)
    except KernelError as error:
        return error.message
