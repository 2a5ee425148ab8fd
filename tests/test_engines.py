"""
One table: every engine against the naive reference, to the bit where samples and taps are whole.

    padding x extent x stride x dilation x kind of bank x dtype, on images 1..5 and kernels 1..6
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from engine_cases import (
    DILATIONS,
    ENGINES,
    EXTENTS,
    FULL,
    MODES,
    SIZES,
    STRIDES,
    TO_THE_BIT,
    agree,
    filtered,
    fits,
    noise,
    picture,
    placed,
    taps,
    tiled,
    whole,
)
from hypothesis import given
from hypothesis import strategies as st
from reference import ACTIVATED, COMBINED, nearest, reference

from convcli.errors import KernelError
from convcli.padding import Padding
from convcli.response import ACTIVATIONS, COMBINES, FUSED
from convcli.spec import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine_cases import Sides
    from numpy.typing import NDArray

    from convcli.spec import Extent, Pair

# --- every size ---------------------------------------------------------------------------------


def sized(mode: str, extent: Extent | Sides) -> Iterator[tuple[Stage, NDArray[Any]]]:
    """Every image 1..5 x 1..5 under every kernel 1..6 x 1..6."""
    for seed, (rows, columns, height, width) in enumerate(SIZES):
        image = picture(seed, "uint8", (rows, columns, 1))
        anchor = (seed % height, seed // 7 % width)
        bank = taps(seed, (1, 1, height, width), mode)
        yield Stage(bank, anchor, padding=Padding(mode, 17.0), **placed(extent)), image


# The engines share a test wherever the reference, which is slow, takes longest.
@pytest.mark.parametrize("extent", EXTENTS, ids=str)
@pytest.mark.parametrize("mode", MODES)
def test_every_size_of_image_and_kernel(mode: str, extent: Extent | Sides) -> None:
    refused = 0
    for stage, image in sized(mode, extent):
        sources = {name: filtered(name, image, stage) for name in ENGINES}
        if fits(stage, image.shape):
            expected = reference(image, stage)
            for name, source in sources.items():
                agree(name, whole(source), expected, stage, image)
            continue
        refused += 1
        for source in sources.values():
            with pytest.raises(KernelError, match="does not fit"):
                source.shape  # noqa: B018 - asking is what raises
    # Of 30 pairs of n = 1..5 and k = 1..6, k <= n in 15 and k <= n + 3 in 27.
    assert refused == {"valid": 900 - 15 * 15, (3, 1, 0, 7): 900 - 27 * 30}.get(extent, 0)


# --- every other axis ---------------------------------------------------------------------------

KINDS: dict[str, dict[str, Any]] = {
    "one filter": {"filters": 1, "inputs": 1},
    "two filters": {"filters": 2, "inputs": 1, "scale": (1.0, 0.25), "bias": (0.0, 3.0)},
    "across channels": {"filters": 3, "inputs": 3, "scale": (1.0,) * 3, "bias": (1.0, 0.0, -5.0)},
    "magnitude": {"filters": 2, "inputs": 1, "combine": "magnitude"},
}


def bank_of(kind: str, mode: str, size: Pair, seed: int) -> dict[str, Any]:
    fields = {**KINDS[kind]}
    filters, inputs = fields.pop("filters"), fields.pop("inputs")
    ones, noughts = (1.0,) * filters, (0.0,) * filters
    bank = taps(seed, (filters, inputs, *size), mode)
    return {"scale": ones, "bias": noughts, "bank": bank, **fields}


@pytest.mark.parametrize("dtype", FULL)
@pytest.mark.parametrize("kind", KINDS)
def test_every_axis_crossed(kind: str, dtype: str) -> None:
    axes = product(MODES, EXTENTS, STRIDES, DILATIONS)
    checked = 0
    for seed, (mode, extent, stride, dilation) in enumerate(axes):
        size = [(2, 2), (3, 2), (1, 3)][seed % 3]
        image = picture(seed, dtype, (5 + seed % 2, 6 - seed % 2, 3))
        stage = Stage(
            anchor=(seed % size[0], seed // 3 % size[1]),
            padding=Padding(mode),
            stride=stride,
            dilation=dilation,
            **bank_of(kind, mode, size, seed),
            **placed(extent),
        )
        fill = (5.0, 0.0, 250.0)
        expected = reference(image, stage, fill)
        for name in ENGINES:
            values = whole(filtered(name, image, stage, fill))
            agree(name, values, expected, stage, image, fill=fill)
            checked += 1
    assert checked == len(ENGINES) * 6 * 4 * 5 * 4


@pytest.mark.parametrize("combine", COMBINES)
@pytest.mark.parametrize("name", ENGINES)
def test_every_way_to_combine(name: str, combine: str) -> None:
    image = picture(1, "uint8", (4, 5, 3))
    for inputs in (1, 3):
        bank = taps(2, (4, inputs, 3, 2), "edge")
        scale, bias = (1.0, 0.5, -2.0, 1 / 9), (0.0, 8.0, -4.0, 0.1)
        stage = Stage(bank, (1, 0), scale, bias, combine, padding=Padding("edge"))
        values = whole(filtered(name, image, stage))
        agree(name, values, reference(image, stage), stage, image)
        assert values.shape == (4, 5, 3 if inputs == 1 else 1)


@pytest.mark.parametrize("combine", [None, *COMBINES])
@pytest.mark.parametrize("name", ENGINES)
def test_the_shift_is_added_once_after_combining(name: str, combine: str | None) -> None:
    image = picture(3, "uint8", (3, 4, 2))
    stage = Stage(taps(6, (2, 1, 2, 2), "edge"), (0, 1), (1.0, 1.0), (2.0, 0.0), combine)
    shifted = replace(stage, shift=-7.0)
    values = whole(filtered(name, image, shifted))
    agree(name, values, reference(image, shifted), shifted, image)
    slack = noise(name, stage, image, ()) if name == "fft" else 0.0
    np.testing.assert_allclose(values, reference(image, stage) - 7, rtol=1e-12, atol=slack)
    rectified = whole(filtered(name, image, replace(shifted, activation="relu")))
    np.testing.assert_array_equal(rectified, values.clip(min=0))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("name", ENGINES)
def test_every_activation(name: str, activation: str) -> None:
    image = picture(1, "float64", (5, 5, 2))
    stage = Stage(taps(5, (1, 1, 2, 2), "edge"), (0, 0), (0.1,), (-0.05,), activation=activation)
    values = whole(filtered(name, image, stage))
    plain = whole(filtered(name, image, replace(stage, activation="none")))
    assert plain.min() < 0 < plain.max()
    agree(name, values, reference(image, stage), stage, image)


def test_the_reference_knows_every_word() -> None:
    assert [*COMBINED] == [*COMBINES]
    assert [*ACTIVATED] == [*ACTIVATIONS]


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_activations_saturate_in_silence(activation: str) -> None:
    values = ACTIVATIONS[activation](np.array([-800.0, -30.0, 0.0, 30.0, 800.0]))
    low = {"sigmoid": 0.0, "tanh": -1.0}[activation]
    assert values.tolist()[::4] == [low, 1.0]
    expected = [ACTIVATED[activation](value) for value in (-30.0, 0.0, 30.0)]
    np.testing.assert_allclose(values[1:4], expected, rtol=1e-12)


@pytest.mark.parametrize("name", ENGINES)
def test_whole_taps_are_added_exactly_and_scaled_once(name: str) -> None:
    image = np.full((4, 4, 1), 200, np.uint8)
    stage = Stage(np.ones((1, 1, 3, 3)), (1, 1), (1 / 9,))
    values = whole(filtered(name, image, stage))
    if name in TO_THE_BIT:
        assert {*values.ravel().tolist()} == {1800 * (1 / 9)}
    assert {nearest(value, 0, 255) for value in values.ravel()} == {200}


def test_the_law_of_rounding() -> None:
    level = 2.0**-20
    ties = [0.5, 2.5, 0.5 - level, 0.5 - 2 * level, 1.4, -0.5, -7.0, 254.6, 300.0]
    assert [nearest(value, 0, 255) for value in ties] == [1, 3, 1, 0, 1, 0, 0, 255, 255]


# --- normalize ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ENGINES)
def test_normalize_leaves_a_flat_image_flat(name: str) -> None:
    image = np.full((3, 4, 1), 90, np.uint8)
    for extent in ("same", "full"):
        stage = Stage(taps(3, (1, 1, 4, 5), "normalize"), (2, 1), padding=Padding("normalize"))
        stage = replace(stage, extent=extent, scale=(1 / float(stage.bank.sum()),))
        values = whole(filtered(name, image, stage))
        np.testing.assert_allclose(values, 90.0, rtol=1e-12)


@pytest.mark.parametrize("name", ENGINES)
def test_normalize_divides_by_the_weight_inside(name: str) -> None:
    image = np.array([[[10], [20], [60]]], np.uint8)
    stage = Stage(np.array([[[[1.0, 2.0, 1.0]]]]), (0, 1), padding=Padding("normalize"))
    values = whole(filtered(name, image, stage))[0, :, 0]
    # 2*10 + 20 of weight 3 out of 4; nothing outside; 20 + 2*60 of weight 3.
    np.testing.assert_allclose(values, [40 * 4 / 3, 110, 140 * 4 / 3], rtol=1e-12)


@pytest.mark.parametrize("name", ENGINES)
def test_normalize_gives_zero_where_the_weight_inside_is_nothing(name: str) -> None:
    image = np.array([[[10], [20], [60]]], np.uint8)
    stage = Stage(np.array([[[[5.0, 1.0, -1.0]]]]), (0, 0), padding=Padding("normalize"))
    stage = replace(stage, extent="full")
    values = whole(filtered(name, image, stage))[0, :, 0]
    # -10 of -1; 10 - 20 of 0; 50 + 20 - 60 of 5; 100 + 60 of 6; 300 of 5: all times 5.
    np.testing.assert_allclose(values, [50, 0, 10, 160 * 5 / 6, 300], rtol=1e-12)


# --- anything at all ----------------------------------------------------------------------------

PAIRS = st.tuples(st.integers(1, 4), st.integers(1, 4))
REALS = st.floats(-9, 9, allow_subnormal=False)


@st.composite
def stages(draw: st.DrawFn) -> tuple[Stage, NDArray[Any], tuple[float, ...]]:
    """A stage of any kind, an image for it, and a constant for each channel."""
    mode = draw(st.sampled_from(MODES))
    rows, columns, channels = (draw(st.integers(1, 7)) for _ in "rqc")
    height, width = (draw(st.integers(1, 6)) for _ in "rq")
    filters = draw(st.integers(1, 3))
    inputs = draw(st.sampled_from([1, channels]))
    bank = taps(draw(st.integers(0, 999)), (filters, inputs, height, width), mode)
    shared = st.tuples(*[REALS] * filters)
    stage = Stage(
        bank=bank * draw(st.sampled_from([1.0, 1 / 3, 0.1])),
        anchor=(draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))),
        scale=draw(st.sampled_from([(1.0,) * filters, (1 / 9,) * filters])),
        bias=draw(shared),
        combine=draw(st.sampled_from([None, *FUSED])),
        shift=draw(st.just(0.0) | REALS),
        activation=draw(st.sampled_from([*ACTIVATIONS])),
        padding=Padding(mode),
        extent=draw(st.sampled_from(["same", "valid", "full"])),
        pad_by=draw(st.none() | st.tuples(*[st.integers(0, 20)] * 4)),
        stride=draw(PAIRS),
        dilation=draw(PAIRS),
    )
    image = picture(
        draw(st.integers(0, 999)), draw(st.sampled_from([*FULL])), (rows, columns, channels)
    )
    return stage, image, draw(st.tuples(*[REALS] * channels))


@pytest.mark.parametrize("name", ENGINES)
@given(drawn=stages(), side=st.integers(1, 9))
def test_any_stage_on_any_image(
    name: str, drawn: tuple[Stage, NDArray[Any], tuple[float, ...]], side: int
) -> None:
    stage, image, fill = drawn
    stage = replace(stage, activation="none") if stage.activation == "threshold" else stage
    source = filtered(name, image, stage, fill)
    if not fits(stage, image.shape):
        with pytest.raises(KernelError, match="does not fit"):
            source.shape  # noqa: B018 - asking is what raises
        return
    once = whole(source)
    agree(name, once, reference(image, stage, fill), stage, image, fill=fill)
    # NumPy computes exponentials of long and of short arrays by different means.
    if name in TO_THE_BIT and stage.activation not in {"sigmoid", "tanh"}:
        assert tiled(source, side).tobytes() == once.tobytes()
    else:
        agree(name, tiled(source, side), once, stage, image, fill=fill)
