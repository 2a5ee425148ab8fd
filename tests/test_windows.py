"""Filtered images read by window: tiles, files, chains and carried channels never show."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from engine_cases import (
    DILATIONS,
    ENGINES,
    EXTENTS,
    MODES,
    SIZES,
    STRIDES,
    TO_THE_BIT,
    agree,
    filtered,
    fits,
    picture,
    placed,
    taps,
    tiled,
    whole,
)
from reference import reference

from convcli import engines
from convcli.engines import direct
from convcli.padding import Padding
from convcli.source import Filtered, Window
from convcli.spec import Stage

if TYPE_CHECKING:
    from numpy.typing import NDArray

# --- tiles ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [1, 2, 3])
@pytest.mark.parametrize("name", ENGINES)
def test_tiles_never_show(name: str, side: int) -> None:
    axes = [*product(EXTENTS, MODES)]
    compared = 0
    draws = np.random.default_rng(side).integers(len(axes), size=len(SIZES))
    for (rows, columns, height, width), draw in zip(SIZES, draws.tolist(), strict=True):
        extent, mode = axes[draw]
        image = picture(rows, "float64", (rows, columns, 1))
        bank = taps(height, (1, 1, height, width), mode) / 7
        stage = Stage(bank, (height // 2, 0), padding=Padding(mode, 0.3), **placed(extent))
        if not fits(stage, image.shape):
            continue
        source = filtered(name, image, stage)
        once, pieces = whole(source), tiled(source, side)
        if name in TO_THE_BIT:
            assert pieces.tobytes() == once.tobytes()
        else:
            agree(name, pieces, once, stage, image)
        compared += 1
    assert compared > 600


def test_strips_of_rows_never_show(monkeypatch: pytest.MonkeyPatch) -> None:
    image = picture(4, "float64", (5, 4, 3))
    checked = 0
    for mode, stride, dilation in product(MODES, STRIDES, DILATIONS):
        bank = taps(8, (2, 1, 3, 2), mode) / 3
        stage = Stage(bank, (2, 1), (1.0, 2.0), (0.0, 0.0), padding=Padding(mode))
        stage = replace(stage, extent="full", stride=stride, dilation=dilation)
        source = filtered("direct", image, stage)
        once = whole(source)
        for cached in (1, 30, 60):
            with monkeypatch.context() as patched:
                patched.setattr(direct, "CACHED", cached)
                assert whole(source).tobytes() == once.tobytes()
                checked += 1
    assert checked == 6 * 5 * 4 * 3


# --- other sources, chains, carried channels ----------------------------------------------------


@dataclass
class Remote:
    """A file, as it were: hands out copies of windows, and remembers which."""

    array: NDArray[Any]
    asked: list[Window] = field(default_factory=list)

    @property
    def shape(self) -> tuple[int, int, int]:
        rows, columns, channels = self.array.shape
        return rows, columns, channels

    def read(self, window: Window) -> NDArray[Any]:
        self.asked.append(window)
        assert 0 <= window.top < window.bottom <= self.array.shape[0]
        assert 0 <= window.left < window.right <= self.array.shape[1]
        return self.array[window.top : window.bottom, window.left : window.right].copy()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ENGINES)
def test_a_file_gives_what_an_array_gives(name: str, mode: str) -> None:
    image = picture(9, "uint16", (5, 4, 2))
    checked = 0
    for extent, stride, side in product(EXTENTS, STRIDES, (1, 2, 9)):
        bank = taps(3, (1, 1, 3, 2), mode)
        stage = Stage(bank, (1, 1), padding=Padding(mode, 7.0), stride=stride, **placed(extent))
        fill = (7.0, 7.0)
        source = Filtered(Remote(image), stage, engines.engine(name), fill)
        agree(name, tiled(source, side), reference(image, stage), stage, image)
        checked += 1
    assert checked == 4 * 5 * 3


def test_only_the_windows_that_are_named_are_read() -> None:
    remote = Remote(picture(9, "uint8", (9, 8, 1)))
    stage = Stage(np.ones((1, 1, 3, 3)), (1, 1), padding=Padding("wrap"))
    source = Filtered(remote, stage, engines.engine("direct"), (0.0,))
    source.read(Window(4, 6, 3, 5))
    assert remote.asked == [Window(3, 7, 2, 6)]
    remote.asked.clear()
    source.read(Window(0, 1, 7, 8))
    corners = product([(0, 2), (8, 9)], [(0, 1), (6, 8)])
    assert remote.asked == [Window(*rows, *columns) for rows, columns in corners]
    remote.asked.clear()
    edge = Filtered(remote, replace(stage, padding=Padding("edge")), source.engine, (0.0,))
    edge.read(Window(0, 1, 0, 8))
    assert remote.asked == [Window(0, 2, 0, 8)]


@pytest.mark.parametrize("name", ENGINES)
def test_in_a_chain_each_stage_pads_its_own_input(name: str) -> None:
    image = picture(6, "uint8", (4, 5, 2))
    checked = 0
    for mode, other, extent, stride in product(MODES, MODES, EXTENTS, STRIDES[:4:2]):
        first = Stage(taps(1, (2, 1, 2, 3), mode), (1, 2), (1.0, 1.0), (0.0, 4.0))
        first = replace(first, padding=Padding(mode, 3.0), **placed(extent))
        second = Stage(taps(2, (1, 1, 3, 2), other), (0, 1), padding=Padding(other, 50.0))
        second = replace(second, stride=stride, extent="full")
        between = reference(image, first)
        expected = reference(between, second)
        engine = engines.engine(name)
        chain = Filtered(filtered(name, image, first), second, engine, (50.0,) * 4)
        plain = "normalize" not in {mode, other}
        for values in (whole(chain), tiled(chain, 2)):
            if plain and name in TO_THE_BIT:
                np.testing.assert_array_equal(values, expected)
            else:
                agree(name, values, expected, second, between)
            checked += 1
    assert checked == 6 * 6 * 4 * 2 * 2


def carried(stage: Stage) -> Stage:
    """A 1 at the anchor, of the same geometry."""
    bank = np.zeros((1, 1, *stage.taps))
    bank[(0, 0, *stage.anchor)] = 1
    return replace(stage, bank=bank, scale=(1.0,), bias=(0.0,), combine=None)


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "normalize"])
@pytest.mark.parametrize("chosen", [slice(0, 3), slice(0, 1), slice(1, 3), slice(0, 3, 2)], ids=str)
@pytest.mark.parametrize("name", ENGINES)
def test_other_channels_are_carried_in_their_places(name: str, chosen: slice, mode: str) -> None:
    image = picture(2, "uint8", (4, 5, 4))
    fill: tuple[float, ...] = (9.0, 8.0, 7.0, 255.0)
    for extent, stride in product(EXTENTS, STRIDES):
        stage = Stage(taps(4, (1, 1, 2, 3), mode), (1, 0), padding=Padding(mode), stride=stride)
        stage = replace(stage, **placed(extent))
        plain = filtered(name, image, stage, fill)
        source = replace(plain, filtered=chosen, carry=carried(stage))
        expected = reference(image, carried(stage), fill)
        expected[..., chosen] = reference(image[..., chosen], stage, fill[chosen])
        assert source.shape == expected.shape
        agree(name, whole(source), expected, stage, image)
        agree(name, tiled(source, 2), expected, stage, image)


@pytest.mark.parametrize("name", ENGINES)
def test_carried_channels_follow_a_sum_across_channels(name: str) -> None:
    image = picture(2, "uint8", (4, 5, 4))
    stage = Stage(taps(4, (1, 3, 2, 3), "edge"), (1, 0), padding=Padding("edge"), extent="full")
    plain = filtered(name, image, stage)
    source = replace(plain, filtered=slice(0, 3), carry=carried(stage))
    alpha = reference(image, carried(replace(stage, bank=stage.bank[:, :1])))[..., 3:]
    expected = np.concatenate([reference(image[..., :3], stage), alpha], axis=2)
    assert source.shape == (5, 7, 2)
    agree(name, whole(source), expected, stage, image)
