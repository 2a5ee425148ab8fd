"""`apply --verify`: the naive engine, its window, what it accepts, and what it finds."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from engine_cases import (
    DILATIONS,
    EXTENTS,
    FULL,
    MODES,
    STRIDES,
    agree,
    fits,
    picture,
    placed,
    taps,
)
from engine_cases import whole as whole_of
from hypothesis import given
from reference import reference
from test_engines import KINDS, bank_of, stages

from convcli import frame, verify
from convcli.cli.main import run as command
from convcli.engines import naive as loops
from convcli.engines.direct import direct
from convcli.errors import ResultError, UsageError
from convcli.job import Wishes, make_job
from convcli.kernels.kernel import Kernel, Recipe
from convcli.limits import Limits
from convcli.padding import Padding
from convcli.plan import make_plan
from convcli.response import ACTIVATIONS, COMBINES
from convcli.source import Engine, Filtered, Samples, Window
from convcli.spec import Pixels, Stage
from convcli.treatment import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine_cases import Values
    from numpy.typing import NDArray

    from convcli.plan import Plan

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
BOX = Recipe("box", (Kernel(((1,) * 5,) * 5, scale=1 / 25),))
SAME = Recipe("same", (Kernel(((1.0,),)),))
THIRDS = Recipe("thirds", (Kernel(((0.1, 0.7, 0.4), (0.2, 1.1, 0.3)), scale=1 / 3),))


def naive(image: NDArray[Any], stage: Stage, fill: tuple[float, ...] | None = None) -> Filtered:
    fill = fill or (stage.padding.value,) * image.shape[2]
    return Filtered(Samples(image), stage, loops.NAIVE, fill)


def agrees(image: NDArray[Any], stage: Stage, fill: tuple[float, ...] | None = None) -> None:
    """To the bit where all is whole, which is what is asked of the engine `direct`."""
    agree(
        "direct", whole_of(naive(image, stage, fill)), reference(image, stage, fill), stage, image
    )


# --- the engine ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", MODES)
def test_the_naive_engine_agrees_with_the_reference_on_every_axis(kind: str, mode: str) -> None:
    for seed, axes in enumerate(product(EXTENTS, STRIDES, DILATIONS)):
        extent, stride, dilation = axes
        size = [(2, 2), (3, 2), (1, 3)][seed % 3]
        image = picture(seed, [*FULL][seed % 4], (5 + seed % 2, 6 - seed % 2, 3))
        stage = Stage(
            anchor=(seed % size[0], seed // 3 % size[1]),
            padding=Padding(mode),
            stride=stride,
            dilation=dilation,
            **bank_of(kind, mode, size, seed),
            **placed(extent),
        )
        agrees(image, stage, (5.0, 0.0, 250.0))


@pytest.mark.parametrize("combine", [None, *COMBINES])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_naive_engine_combines_and_activates(combine: str | None, activation: str) -> None:
    for inputs in (1, 3):
        bank = taps(2, (2, inputs, 3, 2), "edge")
        stage = Stage(bank, (1, 0), (0.01, 0.02), (0.5, -1.0), combine, -0.25, activation)
        agrees(picture(1, "uint8", (4, 5, 3)), stage)


@given(drawn=stages())
def test_the_naive_engine_on_any_stage(
    drawn: tuple[Stage, NDArray[Any], tuple[float, ...]],
) -> None:
    stage, image, fill = drawn
    if fits(stage, image.shape) and stage.activation != "threshold":
        agrees(image, stage, fill)


def test_the_naive_sum_is_rounded_once() -> None:
    image = np.array([[[1e16], [1.0], [-1e16]]])
    stage = Stage(np.ones((1, 1, 1, 3)), (0, 0), extent="valid")
    assert whole_of(naive(image, stage)).tolist() == [[[1.0]]]


def test_infinity_and_nan_go_the_way_they_go_in_the_other_engine() -> None:
    image = picture(7, "float64", (6, 7, 1))
    image[1, 1], image[4, 5], image[4, 3], image[0, 5:] = np.nan, np.inf, -np.inf, 1.7e308
    stage = Stage(np.array([[[[0.0, 2.0, 0.0], [1.0, -4.0, 1.0]]]]), (0, 1))
    values = whole_of(naive(image, stage))
    expected = whole_of(replace(naive(image, stage), engine=Engine("direct", "", direct)))
    assert np.isnan(expected).any()
    assert np.isinf(expected).any()
    np.testing.assert_allclose(values, expected, rtol=1e-12)


# --- the window ----------------------------------------------------------------------------------


def planned(
    array: NDArray[Any], *recipes: Recipe, layout: Any = "numbers", **wishes: Any
) -> tuple[Plan, NDArray[Any]]:
    shape = (array.shape[0], array.shape[1], array.shape[2])
    target: Any = "numbers" if layout == "numbers" else "picture"
    kind = Kind(array.dtype.name, layout, shape[2])
    plan = make_plan(make_job(recipes, Wishes(**wishes)), kind, shape, target, Limits(jobs=1))
    return plan, array


def result(plan: Plan, array: NDArray[Any]) -> verify.Result:
    samples, clipped = frame.filtered(array, plan)
    return made(plan, array, clipped.span, samples)


def made(plan: Plan, array: NDArray[Any], span: Any, samples: NDArray[Any]) -> verify.Result:
    over, ends = plan.treatment.over(array), verify.extremes(array)
    return verify.Result(Samples(array), over, span, ends, samples)


def cut(made: verify.Result, part: verify.Part) -> verify.Result:
    """As a run hands it over: the samples of the window alone."""
    place = part.window
    found = made.samples[place.top : place.bottom, place.left : place.right]
    return replace(made, samples=found)


def test_the_window_lies_where_the_seed_says_and_inside() -> None:
    plan, array = planned(picture(1, "uint8", (300, 200, 3)), BOX, stride=(1, 2), extent="full")
    assert plan.shape == (304, 102, 3)
    parts = [verify.part(plan.treatment, array.shape, seed) for seed in range(50)]
    assert parts == [verify.part(plan.treatment, array.shape, seed) for seed in range(50)]
    assert len({part.window.top for part in parts}) > 20
    assert max(part.window.bottom for part in parts) <= 304
    assert max(part.window.right for part in parts) <= 102
    drawn = {verify.part(plan.treatment, array.shape, None).seed for _ in range(5)}
    assert len(drawn) == 5


JOBS: dict[str, tuple[str, int, dict[str, Any]]] = {
    "a chain": ("rgb", 3, {}),
    "strides": ("rgb", 3, {"stride": (2, 3)}),
    "both ends": ("rgb", 3, {"padding": Padding("wrap")}),
    "carried channels": ("rgb", 3, {"pixels": Pixels(channels="RB")}),
    "alpha": ("rgb+alpha", 4, {"pixels": Pixels(light="linear")}),
}


@pytest.mark.parametrize("name", JOBS)
def test_the_window_is_as_large_as_the_budget(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    layout, channels, wishes = JOBS[name]
    recipes = [SAME, SAME] if name == "carried channels" else [BOX, THIRDS]
    plan, array = planned(
        picture(2, "uint8", (90, 80, channels)), *recipes, layout=layout, **wishes
    )
    right, counted, sum_of = result(plan, array), [0], loops._sum  # noqa: SLF001 - counts calls

    def counting(samples: Any, taps: Sequence[Any], *place: int) -> float:
        counted[0] += len(taps)
        return sum_of(samples, list(taps), *place)

    monkeypatch.setattr(loops, "_sum", counting)
    monkeypatch.setattr(verify, "BUDGET", 20_000)
    part = verify.part(plan.treatment, array.shape, 3)
    assert verify.compare(part, cut(right, part)) == 0
    assert 8_000 < counted[0] <= 20_000


def test_wide_strides_make_the_window_small() -> None:
    """What lies between the samples that are kept is read, too: it must not fill the memory."""
    plan, array = planned(np.zeros((4000, 4000, 3), np.uint8), SAME, stride=(30, 30))
    rows, columns = verify.part(plan.treatment, array.shape, 3).size
    assert 1_800_000 < (30 * rows) * (30 * columns) * 3 <= 2_200_000


def test_a_pixel_that_costs_too_much_is_refused_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["apply", str(SAMPLES / "dandelions-small.png"), "-o", str(tmp_path / "o.png")]
    assert command([*args, "-k", "gaussian:sigma=40", "-k", "gaussian:sigma=40", "--verify"]) == 2
    told = capsys.readouterr().err
    assert "dandelions-small.png: --verify: a single pixel of this chain takes" in told
    assert "one after the other" in told
    assert not [*tmp_path.iterdir()]


# --- what is right passes ------------------------------------------------------------------------

RIGHT = {
    "a blur": ("dandelions-small.png", ["-k", "gaussian:sigma=2"]),
    "a magnitude": ("dandelions-small.png", ["-k", "sobel", "--channels", "luma"]),
    "linear light": ("dandelions-small.png", ["-k", "box5", "--linear"]),
    "a stretch": ("dandelions-small.png", ["-k", "log", "--range", "stretch"]),
    "a chain": ("dandelions-small.png", ["-k", "gaussian", "-k", "unsharp", "-k", "sobel-x"]),
    "strides": ("dandelions.jpg", ["-k", "box5", "--stride", "3,2", "--padding", "wrap"]),
    "normalize": ("dandelions-small.png", ["-k", "gaussian", "--padding", "normalize"]),
    "depth": ("dandelions-small.png", ["-k", "gaussian", "--depth", "16"]),
    "a bias": ("dandelions-small.png", ["-k", "sobel-x", "--bias", "50%", "--channels", "GB"]),
    "sixteen bits": ("charts/deep-rgb16.png", ["-k", "gaussian", "--range", "signed"]),
    "hidden colours": ("charts/disk-rgba.png", ["-k", "box5", "--linear"]),
    "alpha kept": ("charts/disk-rgba.png", ["-k", "sobel"]),
    "alpha straight": ("charts/opaque-rgba.png", ["-k", "unsharp", "--alpha", "straight"]),
    "floats": ("charts/saddle.npy", ["-k", "gaussian", "-k", "log", "--range", "stretch"]),
    "one row": ("charts/signal.csv", ["-m", "1/3 * 1 1 1"]),
}


@pytest.mark.parametrize("case", RIGHT)
def test_what_is_right_is_verified(case: str, tmp_path: Path) -> None:
    source, options = RIGHT[case]
    target, report = tmp_path / f"out{Path(source).suffix}", tmp_path / "run.json"
    args = ["apply", str(SAMPLES / source), "-o", str(target), *options]
    assert command([*args, "--verify", "--report", str(report)]) == 0
    assert target.exists()
    [item] = json.loads(report.read_text())["items"]
    assert item["largest_difference"] <= (0 if "int" in item["out_dtype"] else 1e-6)
    top, left, rows, columns = map(int, item["verified_window"].split(","))
    assert item["verified"] == rows * columns > 60
    assert top + rows <= item["out_height"]
    assert left + columns <= item["out_width"]
    assert item["verify_seconds"] > 0


def noisy(plan: Plan, array: NDArray[Any], noise: float) -> verify.Result:
    """The result of an engine whose every sum is off by that much."""

    def engine(stage: Stage, block: Any, *rest: Any, inside: Any = None) -> Values:
        values = direct(stage, block, *rest, inside=inside)
        return values + noise * np.random.default_rng(1).uniform(-1, 1, values.shape)

    treatment = plan.treatment.over(array)
    engines = [Engine("noisy", "", engine)] * len(plan.stages)
    values = treatment.chain(Samples(array), engines).read(whole(plan))
    samples = np.empty(values.shape, treatment.finish.scale.dtype)
    span = (float(values.min()), float(values.max()))
    treatment.finish(values, span, samples)
    return made(plan, array, span, samples)


def whole(plan: Plan) -> Window:
    return Window(0, plan.shape[0], 0, plan.shape[1])


def verdict(plan: Plan, array: NDArray[Any], noise: float) -> float:
    return verify.compare(verify.Part(whole(plan), 0), noisy(plan, array, noise))


def test_floats_may_differ_by_what_rounding_explains() -> None:
    plan, array = planned(picture(3, "float64", (20, 30, 2)), THIRDS, BOX)
    assert 1e-15 < verdict(plan, array, 1e-13) < 1e-12
    with pytest.raises(ResultError, match=r"differ .*, by up to \d\.?\d*e-11: row"):
        verdict(plan, array, 1e-11)
    plan, array = planned(picture(3, "float32", (20, 30, 2)), THIRDS, BOX)
    assert 1e-9 < verdict(plan, array, 1e-9) < 1e-6
    with pytest.raises(ResultError):
        verdict(plan, array, 1e-5)


def test_what_rounding_explains_grows_and_shrinks_with_the_values() -> None:
    plan, array = planned(picture(3, "float64", (20, 30, 1)), THIRDS, scale="1000")
    assert 1e-11 < verdict(plan, array, 1e-10) < 1e-9
    stretch = Pixels(range="stretch")
    plan, array = planned(1000 * picture(3, "float64", (20, 30, 1)), THIRDS, pixels=stretch)
    assert 1e-15 < verdict(plan, array, 1e-10) < 1e-12
    with pytest.raises(ResultError):
        verdict(plan, array, 1e-8)


def test_little_alpha_divides_the_noise_too() -> None:
    array = np.zeros((12, 12, 4), np.uint8)
    array[..., :3], array[:, :4, 3] = 200, 255
    tail = Recipe("tail", (Kernel(((1e-7, 0.5, 0.5),)),), operation="correlate")
    plan, array = planned(array, tail, layout="rgb+alpha", pixels=Pixels(depth="float"))
    assert verdict(plan, array, 1e-11) > 1e-8
    with pytest.raises(ResultError):
        verdict(plan, array, 1e-3)
    array[..., 3] = 255
    with pytest.raises(ResultError):
        verdict(plan, array, 0.1)


def test_beyond_the_law_of_rounding_the_last_digits_may_differ() -> None:
    array = np.random.default_rng(5).integers(0, 2**60, (20, 20, 1))
    plan, array = planned(array, THIRDS)
    assert 0 < verify.compare(verify.Part(whole(plan), 0), result(plan, array)) < 2**10
    plan, array = planned(array >> 36, THIRDS)
    assert verify.compare(verify.Part(whole(plan), 0), result(plan, array)) == 0


# --- what is wrong is found ----------------------------------------------------------------------


def off(error: float) -> Any:
    """`frame.Filtering`, with the first tap of the first stage off by that much."""
    right = frame.Filtering

    def filtering(array: NDArray[Any], plan: Plan, *told: Any) -> Any:
        stage = plan.treatment.stages[0]
        bank = stage.bank.copy()
        bank.ravel()[0] += error
        stages = (replace(stage, bank=bank), *plan.treatment.stages[1:])
        return right(array, replace(plan, treatment=replace(plan.treatment, stages=stages)), *told)

    return filtering


@pytest.mark.parametrize(
    ("source", "options", "error"),
    [
        ("dandelions-small.png", ["-k", "gaussian:sigma=1"], 1e-3),
        ("dandelions-small.png", ["-k", "box5", "-k", "sharpen"], 1e-2),
        ("dandelions-small.png", ["-k", "gaussian:sigma=1", "--range", "stretch"], 1e-3),
        ("charts/deep-rgb16.png", ["-k", "gaussian:sigma=1"], 1e-3),
        ("charts/disk-rgba.png", ["-k", "sobel"], 1e-2),
        ("charts/saddle.npy", ["-k", "gaussian:sigma=1"], 1e-5),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_wrong_tap_is_found_and_nothing_is_written(  # noqa: PLR0917 - fixtures
    source: str,
    options: list[str],
    error: float,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    target = tmp_path / f"out{Path(source).suffix}"
    monkeypatch.setattr(frame, "Filtering", off(error))
    args = ["apply", str(SAMPLES / source), "-o", str(target), *options, "--verify-seed", "5"]
    assert command(args) == 1
    told = capsys.readouterr().err
    assert f"{source}: The result is wrong. Of " in told
    for words in ("(seed 5)", "naive computation", "by up to", "Nothing was written.", "should be"):
        assert words in told
    for words in ("a bug in convcli", "convcli info", "--verify-seed 5", "--engine direct"):
        assert words in told
    assert not [*tmp_path.iterdir()]


def test_without_being_asked_nobody_verifies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(frame, "Filtering", off(1e-3))
    args = ["apply", str(SAMPLES / "charts/star.png"), "-o", str(tmp_path / "o.png"), "-k", "box5"]
    assert command([*args, "--report", str(tmp_path / "run.json")]) == 0
    told = capsys.readouterr().err
    assert "verified" not in told
    assert ", verify " not in told
    [item] = json.loads((tmp_path / "run.json").read_text())["items"]
    assert (item["verified"], item["verified_window"]) == (0, "")
    assert item["verify_seed"] is item["largest_difference"] is None


def test_one_wrong_sample_is_found_where_the_window_lies() -> None:
    plan, array = planned(picture(6, "uint8", (40, 50, 3)), BOX, layout="rgb")
    right = result(plan, array)
    wrong = replace(right, samples=right.samples.copy())
    wrong.samples[7, 9, 1] ^= 1
    with pytest.raises(
        ResultError, match=r"1 of 1,050 samples .*by up to 1 level: row 7, column 9"
    ):
        verify.compare(near := verify.Part(Window(5, 15, 0, 35), 0), cut(wrong, near))
    away = verify.Part(Window(8, 18, 0, 35), 0)
    assert verify.compare(away, cut(wrong, away)) == 0


def test_nan_is_no_number() -> None:
    array = picture(6, "float32", (9, 9, 1))
    array[4, 4] = np.nan
    plan, array = planned(array, BOX)
    right = result(plan, array)
    assert verify.compare(verify.Part(whole(plan), 0), right) < 1e-6
    for value in (np.nan, np.inf):
        wrong = replace(right, samples=right.samples.copy())
        wrong.samples[0, 0] = value
        with pytest.raises(ResultError, match=f"channel 0 is {value}, but should be 0"):
            verify.compare(verify.Part(whole(plan), 0), wrong)
    wrong = replace(right, samples=np.nan_to_num(right.samples))
    with pytest.raises(ResultError, match="should be nan"):
        verify.compare(verify.Part(whole(plan), 0), wrong)


def test_the_largest_whole_numbers_are_compared_to_the_last_digit() -> None:
    array = np.full((3, 3, 1), 1000, np.uint64)
    plan, array = planned(array, SAME)
    right = result(plan, array)
    wrong = replace(right, samples=right.samples + np.uint64(1))
    with pytest.raises(
        ResultError, match=r"9 of 9 samples .* 1 level: .* is 1001, but should be 1000"
    ):
        verify.compare(verify.Part(whole(plan), 0), wrong)


# --- what is said --------------------------------------------------------------------------------


def test_the_window_is_told_and_its_seed_repeats_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["apply", str(SAMPLES / "dandelions-small.png"), "-k", "box5", "-o"]
    assert command([*args, str(tmp_path / "a.png"), "--verify"]) == 0
    [first] = [line for line in capsys.readouterr().err.splitlines() if "verified" in line]
    assert "with the naive computation: largest difference 0 levels (--verify-seed " in first
    assert first.startswith("  verified 128 x 128 pixels at row ")
    seed = first.split()[-1].rstrip(")")
    assert command([*args, str(tmp_path / "b.png"), "--verify-seed", seed]) == 0
    told = capsys.readouterr().err
    assert first in told.splitlines()
    assert ", verify " in told


def test_a_batch_says_which_images_were_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs = [str(SAMPLES / "charts" / name) for name in ("star.png", "zone.png")]
    args = ["apply", *inputs, "-o", f"{tmp_path}/", "-k", "box5", "--verify"]
    assert command(args) == 0
    assert capsys.readouterr().err.count(", verified") == 2
    monkeypatch.setattr(frame, "Filtering", off(1e-2))
    assert command([*args, "--overwrite"]) == 8


def test_too_many_multiplications_are_an_error_of_usage() -> None:
    """151 x 151 taps for one pixel, and as many for each of the 151 x 151 that it reads."""
    big = Recipe("big", (Kernel(((0.001,) * 151,) * 151),))
    plan, array = planned(np.zeros((400, 400, 1)), big, big)
    with pytest.raises(UsageError, match="519,908,402"):
        verify.part(plan.treatment, array.shape, 0)
