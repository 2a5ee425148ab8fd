"""Plans: engine and reason, tiles that give every thread work, memory, all from shapes alone."""

from __future__ import annotations

import pytest

from convcli.errors import InputError, UsageError
from convcli.job import Wishes, make_job
from convcli.kernels.kernel import Kernel, Recipe
from convcli.plan import Limits, Plan, make_plan
from convcli.treatment import Kind

CROSS = Recipe("cross", (Kernel(((0, 1, 0), (1, -4, 1), (0, 1, 0))),))
KIND = Kind("uint8", "rgb", 3)


def plan(rows: int, columns: int, *recipes: Recipe, **limits: object) -> Plan:
    job = make_job(recipes or [CROSS], Wishes())
    shape = (rows, columns, 3)
    return make_plan(job, KIND, shape, "picture", Limits(**limits))  # type: ignore[arg-type]  # a table of limits


@pytest.mark.parametrize(
    ("rows", "columns", "jobs", "tile", "workers"),
    [
        (3000, 4000, 2, 512, 2),
        (3000, 4000, 64, 256, 64),
        (360, 640, 2, 512, 2),
        (180, 320, 2, 256, 2),
        (180, 320, 4, 128, 4),
        (20, 20, 8, 64, 1),
        (3000, 4000, 1, 512, 1),
    ],
)
def test_small_results_are_cut_up_until_every_thread_has_work(
    rows: int, columns: int, jobs: int, tile: int, workers: int
) -> None:
    made = plan(rows, columns, jobs=jobs)
    assert (made.tile, made.workers) == (tile, workers)


def test_the_reason_is_in_words() -> None:
    (stage,) = plan(100, 100).stages
    assert (stage.engine, stage.reason) == ("direct", "3x3, 5 taps a sample, 4 zeros skipped")
    (stage,) = plan(100, 100, engine="direct").stages
    assert stage.reason == "asked for: 3x3, 5 taps a sample, 4 zeros skipped"


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(UsageError, match="no such engine"):
        plan(10, 10, engine="warp")


def test_memory_grows_with_the_image_and_with_the_threads() -> None:
    small, large = plan(1000, 1000, jobs=1).memory, plan(4000, 4000, jobs=1).memory
    assert large - small == 4 * 3 * (4000 * 4000 - 1000 * 1000)
    assert plan(4000, 4000, jobs=2).memory > large


def test_memory_that_is_not_allowed_is_refused_with_the_cure() -> None:
    needed = plan(1000, 1000, jobs=1).memory
    assert plan(1000, 1000, jobs=1, memory=needed).memory == needed
    with pytest.raises(InputError, match="1000 x 1000 pixels need about") as caught:
        plan(1000, 1000, jobs=1, memory=needed - 1)
    assert "--memory" in caught.value.hint
