"""Memory that is freed stays with the process where the C library can be told so."""

from __future__ import annotations

import pickle
import subprocess
import sys
import textwrap
from io import BytesIO
from types import SimpleNamespace
from typing import Any, cast

import pytest
from conftest import ROOT

from convcli.limits import Limits

PAGES = """
import resource
import numpy as np
from convcli.batch.reuse import reuse_memory
from convcli.limits import Limits

{before}
def asked():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        samples, results = np.ones({size}, np.uint8), np.ones({size}, np.uint8)
        del samples, results
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

asked()
print(asked())
"""


def pages_asked_for(size: int, before: str) -> int:
    """How often the system gave a page while pairs of pieces were filled and freed."""
    program = textwrap.dedent(PAGES.format(size=size, before=before))
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other C libraries")
def test_what_was_freed_is_taken_again() -> None:
    import ctypes

    if not hasattr(ctypes.CDLL(None), "mallopt"):
        pytest.skip("a C library without mallopt")
    size = 12 << 20
    plain, kept = (pages_asked_for(size, before) for before in ("", "reuse_memory(Limits())"))
    assert kept < plain / 10


def nothing(*_: object) -> None:
    """Done instead of what belongs to a process of its own."""


def test_workers_and_runs_of_several_files_reuse_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before their first file: what a process was told holds from then on."""
    from convcli.batch import worker
    from convcli.batch.task import Input
    from convcli.cli import beyond

    class ToldError(Exception):
        """Ends what would go on with work."""

    def told(limits: Limits) -> None:
        assert limits.jobs == 3
        raise ToldError

    monkeypatch.setattr("convcli.batch.reuse.reuse_memory", told)
    monkeypatch.setattr(worker, "reuse_memory", told)
    orders = cast("Any", SimpleNamespace(limits=Limits(jobs=3)))
    asked = SimpleNamespace(buffer=BytesIO(pickle.dumps(orders)))
    for name, value in {"sys.stdin": asked, "signal.signal": nothing}.items():
        monkeypatch.setattr(name, value)
    for name in ("_replies", "_watch"):
        monkeypatch.setattr(worker, name, nothing)
    watching = object.__new__(beyond.Watching)
    watching._said = cast("Any", {"cluster": None, "workers": None})
    said = cast("Any", {"cluster": None, "workers": None})
    inputs = [Input("a.png", "a.png"), Input("b.png", "b.png")]
    with pytest.raises(ToldError):
        worker.main()
    with pytest.raises(ToldError), beyond.standing_by(said, inputs, orders):
        pass
    with pytest.raises(ToldError), watching._crews(orders):
        pass


def test_a_library_that_cannot_be_told_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from convcli.batch.reuse import reuse_memory

    for missing in (AttributeError, OSError, TypeError):

        def refuse(_: object, error: type[Exception] = missing) -> None:
            raise error

        monkeypatch.setattr("ctypes.CDLL", refuse)
        reuse_memory(Limits())


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other C libraries")
def test_no_more_is_kept_than_fits_the_memory_that_is_allowed() -> None:
    before = "reuse_memory(Limits(jobs={}, memory=400 << 20))"
    plain, alone, many = (
        pages_asked_for(12 << 20, said) for said in ("", before.format(1), before.format(16))
    )
    assert alone < plain / 10 < many
