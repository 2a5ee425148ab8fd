"""Every hostile kernel file is refused with its line, within 100 MB and without touching more."""

from __future__ import annotations

import re
import sys
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from hostile_kernels import CASES

from convcli.errors import KernelError
from convcli.kernels import layers
from convcli.kernels.kernelfile import load_file
from convcli.kernels.library import Place, check_file, resolver, shipped_kernels

if TYPE_CHECKING:
    from pathlib import Path

assert layers  # imported before memory is counted
PLACES = [Place(shipped_kernels(), "shipped")]
MOST = 100_000_000


@pytest.mark.skipif(sys.platform == "win32", reason="pipes and links as Unix has them")
@pytest.mark.parametrize("name", CASES)
def test_it_is_refused_where_it_stands(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    path = case.write(tmp_path)
    tracemalloc.start()
    try:
        faults = check_file(path, PLACES)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    told = "\n".join(map(str, faults))
    assert faults
    assert re.search(case.says, told), told[:2000]
    assert peak < MOST
    assert all(line.isprintable() for line in told.split("\n"))
    assert max(len(str(fault)) for fault in faults) < 4000


@pytest.mark.skipif(sys.platform == "win32", reason="pipes and links as Unix has them")
@pytest.mark.parametrize("name", ["file: ../secret.csv", "NaN", "alias bomb", "not UTF-8"])
def test_loading_refuses_it_as_well(name: str, tmp_path: Path) -> None:
    path = CASES[name].write(tmp_path)
    with pytest.raises(KernelError) as caught:
        load_file(path, resolve=resolver(PLACES, (path,)))
    assert re.search(CASES[name].says, caught.value.message)
