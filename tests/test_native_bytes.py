"""
Every body of every engine writes the bytes of the float64 reference, whatever tile and threads.

    expected   the NumPy body of `direct`, finished by `pixels.Finish`
    found      each engine x body, by `Filtered.write` where a body can, in tiles and threads

Cases are drawn near the steps of rounding: single precision is wrong there unless it is settled.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache
from math import floor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from byte_cases import (
    BODIES,
    DIRECT,
    EPSILONS,
    FILLS,
    FULLS,
    IMAGES,
    KINDS,
    ONE_TO_4,
    PAIRS,
    RUNS,
    SCALES,
    SEEDS,
    TILES,
    WHOLE,
    Case,
    bank_of,
    case_of,
    check,
    doubtful,
    finish_of,
    image_of,
    indices,
    levels_of,
    near_a_tie,
    whole,
    written,
)
from conftest import ROOT
from engine_cases import ENGINES, MODES, fits
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import reference

import convcli
from convcli import engines, io
from convcli.engines.direct import direct
from convcli.errors import InputError, OutputError, UsageError
from convcli.padding import Padding
from convcli.pixels import Scale
from convcli.response import ACTIVATIONS, FUSED, RANGES
from convcli.spec import Stage

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Values = NDArray[np.float64]
    Block = NDArray[Any]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any stage on any image, with a sample near a tie."""
    dtype = draw(st.sampled_from(["uint8"] * 5 + [*FULLS]))
    rows, columns, channels = draw(st.integers(1, 9)), draw(st.integers(1, 9)), draw(ONE_TO_4)
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    filters = draw(st.integers(1, 3))
    inputs = draw(st.sampled_from([1, 1, channels]))
    kind, mode = draw(st.sampled_from([*KINDS])), draw(st.sampled_from(MODES))
    bank = bank_of(kind, draw(SEEDS), (filters, inputs, height, width))
    if mode == "normalize":
        bank = abs(bank) + 1e-3
    combine = draw(st.sampled_from([None, None, *FUSED]))
    scale = draw(st.sampled_from(SCALES))
    sizes = abs(bank).sum(axis=(1, 2, 3)).max()
    if kind in {"wide", "cancelling", "dense", "sparse"}:  # of any size, and the results in range
        scale *= float(draw(st.sampled_from([1.0, 2.0, 100.0])) / (sizes or 1.0))
    stage = Stage(
        bank,
        (draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))),
        (scale,) * filters,
        draw(st.sampled_from([(0.0,) * filters, (0.25,) * filters, (-3.0, 100.0, 7.7)[:filters]])),
        combine,
        activation=draw(st.sampled_from(["none"] * 4 + ["relu", "abs"] * 2 + [*ACTIVATIONS])),
        padding=Padding(mode),
        extent=draw(st.sampled_from(["same", "valid", "full"])),
        stride=draw(PAIRS),
        dilation=draw(st.tuples(*[st.integers(1, 3)] * 2)),
    )
    image = image_of(draw(st.sampled_from(IMAGES)), draw(SEEDS), dtype, (rows, columns, channels))
    if not fits(stage, image.shape):
        stage = replace(stage, extent="same")
    out = draw(st.sampled_from(["uint8", "uint8", "uint16"]))
    unit = Scale.of(out, "picture").high / FULLS[dtype]
    ranged = draw(st.sampled_from(["clip"] * 3 + [r for r in RANGES if r != "stretch"]))
    finish = finish_of(ranged, out, unit, offset=draw(st.sampled_from([0.0, 0.0, 0.5, -20.0])))
    fill = tuple(draw(FILLS) for _ in range(channels))
    case = Case(image, stage, finish, fill, draw(st.sampled_from(TILES)), draw(st.integers(1, 3)))
    return near_a_tie(case, draw(SEEDS), draw(EPSILONS), draw(st.integers(0, 255)))


@settings(max_examples=200)
@given(case=cases())
def test_any_stage_on_any_image_gives_the_same_bytes(case: Case) -> None:
    check(case)


@st.composite
def bytes_near_ties(draw: st.DrawFn) -> Case:
    """8-bit images whose sums are taken in single precision, many of them near the same tie."""
    kind = draw(st.sampled_from([*KINDS]))
    size = draw(st.sampled_from([(3, 3), (5, 5), (1, 7), (7, 1), (9, 9), (2, 2), (13, 17)]))
    filters = draw(st.integers(1, 3))
    bank = bank_of(kind, draw(SEEDS), (filters, 1, *size))
    sizes = float(abs(bank).sum(axis=(1, 2, 3)).max()) or 1.0
    scale = draw(st.sampled_from(SCALES)) if kind in {"whole", "box"} else 1.0 / sizes
    amplified = draw(st.sampled_from([1.0, 1.0, 30.0]))
    stage = Stage(
        bank,
        (size[0] // 2, size[1] // 2),
        (scale * amplified,) * filters,
        (0.0,) * filters,
        draw(st.sampled_from([None, None, *FUSED])),
        activation=draw(st.sampled_from(["none", "none", "relu", "abs"])),
        padding=Padding(draw(st.sampled_from(["reflect", "edge", "wrap", "constant"]))),
        stride=draw(st.sampled_from([(1, 1), (1, 1), (2, 1), (1, 3)])),
        dilation=draw(st.sampled_from([(1, 1), (1, 1), (2, 3)])),
    )
    shape = (draw(st.integers(9, 24)), draw(st.integers(20, 45)), draw(st.sampled_from([1, 3])))
    image = image_of(draw(st.sampled_from(IMAGES)), draw(SEEDS), "uint8", shape)
    ranged = draw(st.sampled_from(["clip", "clip", "abs", "signed", "error"]))
    finish = finish_of(ranged, *draw(st.sampled_from([("uint8", 1.0), ("uint16", 257.0)])))
    fill = (draw(st.sampled_from([0.0, 255.0, 17.0])),) * shape[2]
    case = Case(image, stage, finish, fill, draw(st.sampled_from([WHOLE, (7, 11)])))
    return near_a_tie(case, draw(SEEDS), draw(EPSILONS), draw(st.integers(0, 255)))


@settings(max_examples=120)
@given(case=bytes_near_ties())
def test_what_single_precision_leaves_in_doubt_is_settled(case: Case) -> None:
    check(case)


# --- worked cases -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "epsilon", [0.0, 1e-7, -1e-7, 5e-7, -5e-7, -2e-6, 1e-5, -1e-5, 1e-4, -1e-4]
)
def test_flat_images_beside_a_tie(epsilon: float) -> None:
    rng = np.random.default_rng(5)
    for level in (0, 1, 77, 254, 255):
        image = np.full((6, 40, 3), 255 - level // 2, np.uint8)
        for bank in (np.ones((3, 3)), rng.random((5, 5)), rng.random((7, 1)) - 0.4):
            scale = (level + 0.5 + epsilon) / float(image[0, 0, 0] * bank.sum())
            check(case_of(image, bank, scale=(scale,)))
            check(case_of(image, bank * scale, finish_of("signed")))
            check(case_of(image, bank * scale * 257, finish_of("abs", "uint16")))


@pytest.mark.parametrize("divisor", [2, 4, 9, 16, 25, 273])
def test_exact_ties_of_whole_taps_go_up(divisor: int) -> None:
    """Every sum from 0 on is the value of one pixel of a 1x1 kernel, or of a difference."""
    image = np.arange(256, dtype=np.uint8).reshape(8, 32, 1)
    for factor in (1, 3, 255, -1, -7):
        for bias in (0.0, 0.5, 128.0, 1 / 3):
            case = case_of(image, [[factor]], scale=(1 / divisor,), bias=(bias,))
            check(case)
            exact = [
                Fraction(factor * sample, divisor) + Fraction(bias).limit_denominator(3)
                for sample in range(256)
            ]
            expected = [min(max(floor(value + Fraction(1, 2)), 0), 255) for value in exact]
            for name, body in RUNS:
                found, _, _ = written(case, engines.engine(name, body))
                assert found.ravel().tolist() == expected, (name, body)


@pytest.mark.parametrize("side", [2, 3, 5, 7, 9, 15])
def test_box_means_round_as_fractions_do(side: int) -> None:
    image = image_of("noise", side, "uint8", (20, 33, 1))
    case = case_of(image, np.ones((side, side)), scale=(1 / side**2,), extent="valid")
    view = np.lib.stride_tricks.sliding_window_view(image[..., 0].astype(int), (side, side))
    sums = view.sum(axis=(2, 3))
    expected = (2 * sums + side**2) // (2 * side**2)
    for name, body in RUNS:
        found, _, _ = written(case, engines.engine(name, body))
        np.testing.assert_array_equal(found[..., 0], expected, f"{name} {body}")


@pytest.mark.parametrize("scale", [1e4, 1e6, 1e7, -1e7, 1e9])
def test_sums_beyond_32_bits_are_cut_as_others(scale: float) -> None:
    image = image_of("noise", 3, "uint8", (12, 41, 3))
    image[2:7, 3:30] = 0
    gradient = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])  # of sum 0: nothing is added to t
    for finish in (finish_of("clip"), finish_of("abs")):
        check(case_of(image, gradient, finish, scale=(scale,)))


@pytest.mark.parametrize("total", [65791, 65792, 65793, 65794, 65800, 131586])
@pytest.mark.parametrize("sign", [1, -1])
def test_whole_taps_below_and_above_what_single_precision_counts(total: int, sign: int) -> None:
    """255 * 65793 = 2**24 - 1; the taps differ in size, so that partial sums are odd."""
    big = total - 12345 - 1
    bank = np.array([[big, 0, 12345], [0, 1, 0]]) * sign
    rng = np.random.default_rng(total)
    image = rng.choice(np.array([255, 254, 1, 0], np.uint8), (12, 40, 1))
    for scale in (1 / total, 1 / 4096, 1.0):
        for level in (0, 100, 255):
            bias = level + 0.5 - scale * float(bank.sum()) * 254
            check(case_of(image, bank, scale=(scale,), bias=(bias,)))
            check(case_of(image, bank, finish_of("abs"), scale=(scale,), bias=(bias,)))


def test_a_kernel_of_63_by_63() -> None:
    rng = np.random.default_rng(63)
    image = image_of("noise", 1, "uint8", (24, 70, 1))
    gaussian = np.exp(-0.5 * (np.arange(-31, 32) / 9.0) ** 2)
    for bank in (np.ones((63, 63)), np.outer(gaussian, gaussian), rng.standard_normal((63, 63))):
        scale = 1.0 / float(abs(bank).sum())
        case = case_of(image, bank, scale=(scale,))
        for level in (50, 128):
            check(near_a_tie(case, 17, 1e-6, level))


def test_weights_from_the_tiniest_to_the_greatest() -> None:
    image = image_of("levels", 1, "uint8", (9, 20, 1))
    for size in (3e38, 1e38, 1e30, 1e8, 1e-8, 1e-30, 1e-39, 1e-44):
        for bank in ([[size]], [[size, -size, size]], [[size], [size / 3], [-size / 7]]):
            for scale in (1 / size, 0.6 / size, -0.3 / size):
                check(case_of(image, bank, scale=(scale,)))
                check(case_of(image, bank, scale=(scale,), combine="l1"))


def test_filters_written_one_by_one_have_each_its_own_doubt() -> None:
    """The first is nearly exact, the second sums large numbers that cancel."""
    bank = np.zeros((2, 1, 5, 5))
    bank[:, 0, 2, 2] = 0.25
    bank[1, 0].flat[[5, 13]] = 100 + 2.0**-30, -100 - 2.0**-30
    bank[1, 0].flat[[6, 14]] = 50 + 2.0**-31, -50 - 2.0**-31
    assert bank[0].sum() == bank[1].sum()  # the same ending for both
    image = image_of("noise", 3, "uint8", (300, 400, 1))
    check(case_of(image, bank), [run for run in RUNS if run[0] == "direct"])


@pytest.mark.parametrize("activation", ["relu", "abs", "none"])
def test_filters_that_differ_in_all_they_have_are_settled_each_by_its_own(activation: str) -> None:
    """Halves and quarters are ties ever so often, so that most samples are computed again."""
    bank = np.array([[[[1.0, 2.0]]], [[[-3.0, 1.0]]], [[[0.0, 0.0]]], [[[5.0, 0.0]]]])
    scale, bias = (0.5, -0.25, 3.0, 0.125), (0.0, 7.25, 2.5, -30.0)
    image = image_of("noise", 5, "uint8", (9, 40, 3))
    for combine in (None, "max", "min", "l1", "mean"):
        fields: dict[str, Any] = {"scale": scale, "bias": bias, "combine": combine}
        fields["activation"] = activation
        check(case_of(image, bank, **fields))
        check(case_of(image, bank, finish_of("clip", "uint16", 257.0), **fields))


def test_one_image_of_many_channels() -> None:
    for channels in (256, 257, 1537, 2000):
        image = image_of("noise", channels, "uint8", (2, 3, channels))
        for bank in ([[1.0]], [[1.0], [2.0], [1.0]], [[0.3, 0.4]], np.ones((63, 1))):
            check(case_of(image, bank, scale=(0.3,)))


@pytest.mark.parametrize("columns", [255, 256, 257, 1535, 1536, 1537, 3100, 9973])
def test_chunks_and_blocks_of_columns_leave_no_seam(columns: int) -> None:
    image = image_of("noise", columns, "uint8", (5, columns, 1))
    rng = np.random.default_rng(columns)
    for stride in ((1, 1), (1, 2), (2, 3)):
        for bank in (rng.random((3, 3)) / 5, rng.random((1, 9)) / 9):
            check(case_of(image, bank, stride=stride))


@pytest.mark.parametrize("rows", range(1, 10))
def test_groups_of_rows_end_anywhere(rows: int) -> None:
    image = image_of("noise", rows, "uint8", (rows, 40, 3))
    for height in (1, 2, 3, 4, 7):
        for stride in (1, 2, 3, 4):
            bank = np.random.default_rng(height).random((height, 2)) / height
            check(case_of(image, bank, stride=(stride, 1), extent="full"))


def test_transforms_of_many_tiles() -> None:
    image = image_of("noise", 8, "uint8", (150, 190, 2))
    bank = np.random.default_rng(8).random((2, 2, 21, 19)) / 200
    case = case_of(image, bank, scale=(0.5, 0.5))
    check(case, [run for run in RUNS if run[0] == "fft"])
    striding = replace(case, stage=replace(case.stage, stride=(3, 2), dilation=(2, 2)))
    check(striding, [run for run in RUNS if run[0] == "fft"])


# --- what the array looks like in memory --------------------------------------------------------


def unaligned(image: Block) -> Block:
    room = np.zeros(image.nbytes + 1, np.uint8)
    view = room[1:].view(image.dtype).reshape(image.shape)
    view[...] = image
    return view


def frozen(image: Block) -> Block:
    image = image.copy()
    image.setflags(write=False)
    return image


def inside_larger(image: Block) -> Block:
    larger = np.full(tuple(n + 4 for n in image.shape), 77, image.dtype)
    view = larger[2:-2, 2:-2, 2:-2]
    view[...] = image
    return view


LAYOUTS = {
    "rows upwards": lambda image: image[::-1],
    "columns leftwards": lambda image: image[:, ::-1],
    "channels backwards": lambda image: image[..., ::-1],
    "every second row": lambda image: image[::2],
    "every third column": lambda image: image[:, ::3],
    "every second channel": lambda image: image[..., ::2],
    "columns first": lambda image: image.swapaxes(0, 1),
    "channels first": lambda image: np.moveaxis(np.moveaxis(image, 2, 0).copy(), 0, 2),
    "one row for all": lambda image: np.broadcast_to(image[:1], image.shape),
    "one column for all": lambda image: np.broadcast_to(image[:, :1], image.shape),
    "one channel for all": lambda image: np.broadcast_to(image[..., :1], image.shape),
    "one sample": lambda image: np.broadcast_to(image[:1, :1, :1], (1, 1, 1)),
    "read-only": frozen,
    "big-endian": lambda image: image.astype(image.dtype.newbyteorder(">")),
    "not aligned": unaligned,
    "inside a larger one": inside_larger,
}


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float16", "float32", "bool"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_how_samples_lie_in_memory_does_not_matter(layout: str, dtype: str) -> None:
    image = LAYOUTS[layout](image_of("noise", 4, dtype, (11, 13, 3)))
    bank = np.random.default_rng(1).random((1, 1, 3, 4)) / 6
    across = np.random.default_rng(2).random((2, image.shape[2], 3, 4)) / 18
    finish = finish_of(unit=255 / FULLS[dtype])
    for given_bank in (bank, across):
        for stride in ((1, 1), (2, 3)):
            case = case_of(image, given_bank, finish, stride=stride, padding=Padding("constant"))
            check(replace(case, tile=(4, 5), fill=(17.0,) * image.shape[2]))


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("name", ENGINES)
def test_results_may_go_anywhere(name: str, body: str) -> None:
    case = case_of(image_of("noise", 2, "uint8", (8, 9, 3)), np.ones((3, 3)), scale=(1 / 9,))
    source = case.source(engines.engine(name, body))
    if not source.writes:
        assert body == engines.NUMPY
        return
    plain, _, _ = written(case, DIRECT)
    ending = case.finish.ending((0.0, 0.0))
    assert ending is not None
    room = np.full((10, 30, 5), 99, np.uint8)
    for view in (
        room[1:-1, 2:11, 1:4],
        room[-2:0:-1, 2:11, 1:4],
        room[1:-1, 28:1:-3, 1:4],
        room[1:-1, 2:11, 3:0:-1],
        np.moveaxis(np.zeros((3, 8, 9), np.uint8), 0, 2),
    ):
        room[...] = 99
        source.write(whole(source), view, ending)
        np.testing.assert_array_equal(view, plain)
        seen = room.copy()
        if np.shares_memory(view, room):
            view[...] = 99
            assert (room == 99).all(), "written beside the view"
            room[...] = seen


# --- against the naive reference ----------------------------------------------------------------


@settings(max_examples=60)
@given(case=cases())
def test_the_naive_reference_rounds_to_the_same_bytes(case: Case) -> None:
    image = case.image[:4, :4]
    stage = replace(case.stage, bank=case.stage.bank[..., :4, :4], anchor=(0, 0), extent="same")
    case = replace(case, image=image, stage=stage)
    values = reference(image, stage, case.fill)
    levels = levels_of(case, values)
    high = case.finish.scale.high
    rounded = np.floor(levels + 0.5 + 2.0**-20)
    cut = (int((rounded < 0).sum()), int((rounded > high).sum()))
    if case.finish.range == "wrap":
        rounded, cut = rounded % (high + 1), (0, 0)
    expected = rounded.clip(0, high).astype(case.finish.scale.dtype)
    unsure = doubtful(case, values)
    for name, body in RUNS:
        found, below, above = written(case, engines.engine(name, body))
        assert ((found == expected) | unsure).all(), (name, body)
        if not unsure.any():
            assert (below, above) == cut, (name, body)


# --- the whole program --------------------------------------------------------------------------


@pytest.fixture(params=BODIES)
def body(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """All of convcli on one body."""
    name: str = request.param
    monkeypatch.setenv(engines.FORCED, name)
    return name


PHOTOS = {
    "dandelions": ROOT / "samples" / "dandelions-small.png",
    "charts": ROOT / "samples" / "charts" / "deep-rgb16.png",
    "jpeg": ROOT / "samples" / "dandelions.jpg",
    "seeding": ROOT.parent / "shared" / "photos" / "sizes" / "seeding-640x360.jpg",
    "alpha": ROOT.parent / "shared" / "photos" / "sizes" / "seeding-1280x720-rgba.png",
    "china": ROOT.parent / "shared" / "photos" / "originals" / "china.jpg",
    "flower": ROOT.parent / "shared" / "photos" / "originals" / "flower.jpg",
}
KERNELS = [
    "sobel",
    "sharpen",
    "gaussian:sigma=3",
    "gaussian:sigma=1.3",
    "box5",
    "unsharp",
    "emboss",
    "laplacian",
    "kirsch",
    "gaussian5",
    "binomial5",
    "log5",
    "motion",
]
TREATED: list[dict[str, Any]] = [
    {},
    {"range": "signed"},
    {"range": "abs", "padding": "wrap"},
    {"range": "stretch", "padding": "constant:17.5"},
    {"depth": 16, "padding": "symmetric", "stride": 2},
]


@cache
def photograph(path: Path) -> Block:
    """An uneven piece of it."""
    samples = io.decode(io.read_bytes(str(path)), path.name, max_pixels=None).samples
    return samples[7:98, 11:228]


@cache
def plainly(path: Path, kernel: str, treated: int) -> Block:
    """What the NumPy body of `direct` makes of it in one piece, by way of a source of our own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(engines.FORCED, engines.NUMPY)
        return convcli.apply(photograph(path), kernel, engine="direct", jobs=1, **TREATED[treated])


def apply(image: Block, kernel: Any, **wishes: Any) -> Block | None:
    """What convcli makes of it; None where the plan says that the engine gains nothing."""
    try:
        return convcli.apply(image, kernel, **wishes)
    except UsageError as refused:
        if "cannot serve" in refused.message:
            return None
        raise


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("picture", PHOTOS)
def test_photographs_come_out_alike(picture: str, name: str, body: str) -> None:
    path = PHOTOS[picture]
    if not path.exists():
        pytest.skip(f"no {path.name} beside the checkout")
    served = 0
    for number, kernel in enumerate(KERNELS):
        treated = number % len(TREATED)
        wishes = {"engine": name, "jobs": 1 + number % 2, **TREATED[treated]}
        found = apply(photograph(path), kernel, **wishes)
        if found is None:
            continue
        expected = plainly(path, kernel, treated)
        assert found.dtype == expected.dtype
        assert (found != expected).sum() == 0, (kernel, TREATED[treated], body)
        served += 1
    assert served > len(KERNELS) // 3


@pytest.mark.parametrize("name", ENGINES)
def test_what_does_not_fit_is_refused_alike(name: str, body: str) -> None:
    image = image_of("noise", 1, "uint8", (9, 9, 3))
    with pytest.raises(OutputError) as refused:
        convcli.apply(image, np.full((5, 5), 0.25), range="error", engine=name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(engines.FORCED, engines.NUMPY)
        with pytest.raises(OutputError) as plain:
            convcli.apply(image, np.full((5, 5), 0.25), range="error", engine="direct")
    assert refused.value.message == plain.value.message, body


# --- no numbers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("name", "body"), RUNS)
def test_no_number_becomes_no_byte(name: str, body: str, bad: float) -> None:
    image = np.full((7, 8, 1), 0.5, np.float32)
    image[3, 4] = bad
    for kernel in ([[1.0]], [[0.25, 0.5, 0.25]], np.ones((5, 5)) / 25):
        case = case_of(image, kernel, finish_of(unit=255.0))
        source = case.source(engines.engine(name, body))
        expected = direct(source.stage, image, *indices(source), source.fill)
        out = np.zeros(source.shape, np.uint8)
        if source.writes:
            ending = case.finish.ending((0.0, 0.0))
            assert ending is not None
            cut = source.write(whole(source), out, ending)
            assert cut.nan == (~np.isfinite(expected)).sum()
        else:
            with pytest.raises(InputError, match="NaN or infinity"):
                case.finish(source.read(whole(source)), (0.0, 0.0), out)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("name", "body"), RUNS)
def test_no_number_goes_further_than_its_taps(name: str, body: str, bad: float) -> None:
    """A row lies under each tap of a column for one of the outputs that are summed at once."""
    for column in ([1, 0, 1], [1, 1, 1, 0, 1, 1, 1], [2, 1, 1, 0, 0, 1, 1, 3], [0, 1, 0, 1, 0]):
        bank = np.array(column, np.float64).reshape(1, 1, -1, 1)
        for taps in (bank, np.concatenate([bank, bank * 0, bank * 2], axis=3)):
            for row in range(8, 13):
                image = np.random.default_rng(row).random((24, 9, 1))
                image[row, 4] = bad
                stage = Stage(taps, (1, 0))
                given_to = (stage, image, np.arange(24), np.arange(9), (0.0,))
                found = engines.engine(name, body)(*given_to)
                expected = direct(*given_to)
                np.testing.assert_array_equal(np.isfinite(found), np.isfinite(expected))
