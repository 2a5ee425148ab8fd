"""Plans: engine and reason, tiles that give every thread work, memory, all from shapes alone."""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np
import pytest

from convcli import engines
from convcli.engines import cost
from convcli.engines.cost import LENGTHS
from convcli.errors import InputError, UsageError
from convcli.job import Wishes, make_job
from convcli.kernels.kernel import Kernel, Recipe
from convcli.kernels.layer import Layer
from convcli.limits import Limits
from convcli.padding import Padding
from convcli.plan import Plan, make_plan
from convcli.spec import Pixels, Stage
from convcli.treatment import Kind

CROSS = Recipe("cross", (Kernel(((0, 1, 0), (1, -4, 1), (0, 1, 0))),))
KIND = Kind("uint8", "rgb", 3)


def plan(rows: int, columns: int, *recipes: Recipe, kind: Kind = KIND, **limits: object) -> Plan:
    job = make_job(recipes or [CROSS], Wishes())
    shape = (rows, columns, kind.channels)
    return make_plan(job, kind, shape, "picture", Limits(**limits))  # type: ignore[arg-type]  # a table of limits


def matrix(weights: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> Recipe:
    return Recipe("given", (Kernel(tuple(tuple(row) for row in weights.tolist())),))


def dense(size: int) -> Recipe:
    return matrix(np.random.default_rng(size).uniform(-1, 1, (size, size)) / size**2)


def gaussian(size: int) -> Recipe:
    row = np.exp(-0.5 * (np.arange(size) - size // 2) ** 2 / (size / 6) ** 2)
    return matrix(np.outer(row, row) / row.sum() ** 2)


@pytest.fixture
def numpy_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(engines.FORCED, engines.NUMPY)


@pytest.fixture
def compiled() -> None:
    if engines.bodies()[0] == engines.NUMPY:
        pytest.skip("no core was compiled")


# --- tiles --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("numpy_only")
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
    assert (made.tile, made.workers) == ((tile, tile), workers)


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize(
    ("rows", "columns", "jobs", "tile", "workers"),
    [
        (3000, 4000, 2, (300, 4000), 2),
        (600, 4000, 2, (75, 4000), 2),
        (3000, 4000, 64, (24, 4000), 64),
        (64, 20000, 8, (16, 6667), 8),
        (20, 20, 8, (20, 20), 1),
        (10, 20, 8, (16, 20), 1),
        (3000, 20000, 2, (300, 6667), 2),
    ],
)
def test_compiled_engines_get_strips_of_whole_rows(
    rows: int, columns: int, jobs: int, tile: tuple[int, int], workers: int
) -> None:
    made = plan(rows, columns, dense(3), jobs=jobs)
    assert (made.tile, made.workers) == (tile, workers)


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize(
    ("filters", "tile"), [(3, (300, 4000)), (64, (40, 4000)), (999, (16, 4000))]
)
def test_strips_of_many_channels_are_low(filters: int, tile: tuple[int, int]) -> None:
    layers = (Layer(np.ones((filters, 3, 1, 1))), Layer(np.ones((3, filters, 1, 1))))
    made = plan(3000, 4000, Recipe("net", (), layers=layers), jobs=2, memory=1 << 50)
    assert made.tile == tile


@pytest.mark.usefixtures("compiled")
def test_other_threads_are_started_for_work_that_takes_longer_than_starting_them() -> None:
    side = next(side for side in range(64, 4096, 64) if plan(side, side, jobs=2).workers > 1)
    (most,), (least,) = (plan(side - less, side - less, jobs=2).stages for less in (64, 0))
    assert most.seconds < 0.002 <= least.seconds
    assert plan(512, 512, dense(15), jobs=2).workers == 2


@pytest.mark.usefixtures("compiled")
def test_strips_of_transforms_are_what_a_row_of_transforms_gives() -> None:
    made = plan(3000, 4000, dense(63), jobs=2)
    assert made.stages[0].engine == "fft"
    kept = {side - 62 for side in LENGTHS if side > 62}
    assert made.tile[0] in kept | {2 * rows for rows in kept}


# --- engines ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("compiled")
def test_the_reason_is_in_words() -> None:
    (stage,) = plan(100, 100).stages
    assert (stage.engine, stage.reason) == ("direct", "3x3, 5 taps a sample, 4 zeros skipped")
    (stage,) = plan(100, 100, engine="direct").stages
    assert stage.reason == "asked for: 3x3, 5 taps a sample, 4 zeros skipped"
    (stage,) = plan(1000, 1000, gaussian(31)).stages
    assert (stage.engine, stage.reason) == (
        "separable",
        "rank 1: 62 instead of 961 multiplies",
    )
    (stage,) = plan(1000, 1000, dense(63)).stages
    assert stage.reason == "63x63: spectra instead of 3969 taps a sample"


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("size", [3, 5, 7, 9])
def test_small_kernels_without_factors_are_direct(size: int) -> None:
    assert plan(2000, 3000, dense(size)).stages[0].engine == "direct"


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize(("recipe", "engine"), [(dense(63), "fft"), (gaussian(31), "separable")])
def test_large_kernels_take_the_shorter_way(recipe: Recipe, engine: str, dtype: str) -> None:
    made = plan(2000, 3000, recipe, kind=Kind(dtype, "rgb", 3))
    assert made.stages[0].engine == engine


def binomial(size: int) -> Recipe:
    row = [float(comb(size - 1, n)) for n in range(size)]
    return matrix(np.outer(row, row))


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize(
    ("kind", "wishes", "engine"),
    [
        (KIND, Wishes(), "direct"),
        (Kind("uint8", "grey", 1), Wishes(dilation=(2, 2)), "direct"),
        (Kind("uint8", "rgb+alpha", 4), Wishes(), "separable"),
        (Kind("uint8", "rgb+alpha", 4), Wishes(pixels=Pixels(alpha="keep")), "separable"),
        (Kind("uint8", "rgb+alpha", 4), Wishes(pixels=Pixels(alpha="straight")), "direct"),
        (Kind("uint8", "rgb+alpha", 4), Wishes(pixels=Pixels(alpha="drop")), "separable"),
        (Kind("uint16", "rgb", 3), Wishes(), "separable"),
        (Kind("uint16", "rgb", 3), Wishes(pixels=Pixels(depth="8")), "separable"),
        (Kind("float32", "rgb", 3), Wishes(), "separable"),
        (KIND, Wishes(stride=(2, 2)), "separable"),
        (KIND, Wishes(padding=Padding("normalize")), "separable"),
        (KIND, Wishes(padding=Padding("constant", 255.0)), "direct"),
        (KIND, Wishes(padding=Padding("constant", 1.5)), "separable"),
        (KIND, Wishes(padding=Padding("constant", 256.0)), "separable"),
        (KIND, Wishes(dilation=(40, 40)), "direct"),
        (KIND, Wishes(dilation=(100, 1)), "separable"),
        (KIND, Wishes(pixels=Pixels(range="abs")), "separable"),
        (KIND, Wishes(pixels=Pixels(depth="float")), "separable"),
        (KIND, Wishes(pixels=Pixels(depth="16")), "separable"),
        (KIND, Wishes(pixels=Pixels(channels="luma")), "separable"),
        (KIND, Wishes(pixels=Pixels(channels="R")), "separable"),
        (KIND, Wishes(pixels=Pixels(light="linear")), "separable"),
    ],
)
def test_whole_kernels_are_direct_where_bytes_become_bytes(
    kind: Kind, wishes: Wishes, engine: str
) -> None:
    job = make_job([binomial(5)], wishes)
    made = make_plan(job, kind, (2000, 3000, kind.channels), "picture", Limits())
    assert made.stages[0].engine == engine


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("columns", [300, 8192, 100_000])
def test_whole_kernels_are_direct_in_tiles_of_any_width(columns: int) -> None:
    assert plan(2000, columns, binomial(5)).stages[0].engine == "direct"


@pytest.mark.usefixtures("compiled")
def test_whole_kernels_of_more_than_16_bits_or_in_a_chain_are_separable() -> None:
    assert plan(2000, 3000, binomial(7)).stages[0].engine == "separable"
    assert plan(2000, 3000, binomial(5), CROSS).stages[0].engine == "separable"
    assert plan(2000, 3000, matrix(np.ones((15, 15)))).stages[0].engine == "separable"


@pytest.mark.usefixtures("compiled")
def test_whole_kernels_of_many_sums_of_16_bits_are_separable() -> None:
    large = np.array([4.0, 8.0, 10.0, 11.0, 10.0, 8.0, 4.0])
    assert plan(2000, 3000, matrix(np.outer(large, large))).stages[0].engine == "separable"
    assert plan(2000, 3000, matrix(np.ones((7, 7)))).stages[0].engine == "direct"


@pytest.mark.parametrize(
    ("weights", "fields", "words"),
    [
        ([[[[50.0] * 3] * 3]], {}, True),
        ([[[[1.0] * 3] * 3]], {"across": True}, True),
        ([[[[50.0] * 3] * 3]], {"activation": "relu"}, False),
        ([[[[1.0] * 3] * 3]] * 2, {"scale": (1.0, 1.0), "bias": (0.0, 0.0)}, False),
        ([[[[1.0] * 3] * 3] * 3], {}, False),
    ],
)
def test_what_is_summed_in_16_bits(
    weights: list[object], fields: dict[str, Any], *, words: bool
) -> None:
    stage = Stage(np.array(weights), (1, 1), **fields)
    assert cost.in_words(stage, (100, 100, 3)) is words


@pytest.mark.usefixtures("numpy_only")
def test_numpy_takes_spectra_sooner_because_its_taps_are_dear() -> None:
    engine = {size: plan(2000, 3000, gaussian(size)).stages[0].engine for size in (3, 7, 31)}
    assert engine == {3: "separable", 7: "separable", 31: "fft"}


def test_the_prediction_never_rises_by_having_a_choice() -> None:
    for size in (3, 9, 21, 63):
        for recipe in (dense(size), gaussian(size)):
            chosen = plan(500, 700, recipe).stages[0]
            for name in engines.WHY:
                try:
                    forced = plan(500, 700, recipe, engine=name).stages[0]
                except UsageError:
                    continue
                assert forced.engine == name
                assert chosen.seconds <= forced.seconds


def test_an_engine_that_does_not_serve_is_refused_with_the_reason() -> None:
    with pytest.raises(
        UsageError, match=r"its rank is 9, and factors would take \d+ mult"
    ) as caught:
        plan(100, 100, dense(9), engine="separable")
    assert caught.value.hint == "Say --engine auto, or one of: direct, fft."


def test_no_spectra_where_their_noise_could_be_seen() -> None:
    loud = matrix(np.random.default_rng(1).uniform(-1, 1, (63, 63)) * 1e3)
    assert plan(2000, 3000, loud).stages[0].engine == "direct"
    with pytest.raises(UsageError, match="noise of transforms visible"):
        plan(2000, 3000, loud, engine="fft")
    quiet = plan(2000, 3000, loud, kind=Kind("float32", "rgb", 3))
    assert quiet.stages[0].engine == "fft"


@pytest.mark.usefixtures("compiled")
def test_a_threshold_is_given_exact_sums_only() -> None:
    smooth = Recipe("smooth", gaussian(31).kernels, activation="threshold")
    assert plan(2000, 3000, smooth).stages[0].engine == "direct"
    for name in ("separable", "fft"):
        with pytest.raises(UsageError, match="a threshold follows"):
            plan(2000, 3000, smooth, engine=name)
    ones = Recipe("ones", matrix(np.ones((15, 15))).kernels, activation="threshold")
    assert plan(2000, 3000, ones).stages[0].engine == "separable"


def test_a_later_threshold_shows_the_noise_of_an_earlier_stage() -> None:
    step = Recipe("step", CROSS.kernels, activation="threshold")
    assert [stage.engine for stage in plan(128, 128, dense(41), step).stages] == ["direct"] * 2
    assert plan(128, 128, step, dense(41)).stages[1].engine == "fft"


@pytest.mark.parametrize(
    ("wishes", "kind"),
    [
        (Wishes(padding=Padding("normalize")), KIND),
        (Wishes(pixels=Pixels(range="stretch")), KIND),
        (Wishes(), Kind("uint16", "rgb+alpha", 4)),
    ],
)
def test_no_spectra_where_a_small_number_divides(wishes: Wishes, kind: Kind) -> None:
    job = make_job([matrix(np.random.default_rng(3).uniform(0, 1, (41, 41)) / 41**2)], wishes)
    made = make_plan(job, kind, (900, 900, kind.channels), "picture", Limits())
    assert made.stages[0].engine == "direct"


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(UsageError, match="no such engine"):
        plan(10, 10, engine="warp")


def test_the_body_is_the_fastest_there_is() -> None:
    assert plan(10, 10).stages[0].body == engines.bodies()[0]


@pytest.mark.usefixtures("compiled")
def test_kernels_beyond_the_longest_transform_are_left_to_scipy() -> None:
    wide = matrix(np.random.default_rng(1).uniform(-1, 1, (1, 2100)) / 2100)
    assert plan(100, 3000, wide, engine="fft").stages[0].body == engines.NUMPY


# --- memory -------------------------------------------------------------------------------------


def test_memory_grows_with_the_image_and_with_the_threads() -> None:
    # Both heights are cut into tiles of equal height, whatever the body.
    small, large = plan(1536, 4000, jobs=1).memory, plan(3072, 4000, jobs=1).memory
    assert large - small == 4 * 3 * (3072 * 4000 - 1536 * 4000)
    assert plan(3072, 4000, jobs=2).memory > large


def test_memory_that_is_not_allowed_is_refused_with_the_cure() -> None:
    needed = plan(1000, 1000, jobs=1).memory
    assert plan(1000, 1000, jobs=1, memory=needed).memory == needed
    with pytest.raises(InputError, match="1000 x 1000 pixels need about") as caught:
        plan(1000, 1000, jobs=1, memory=needed - 1)
    assert "--memory" in caught.value.hint
