"""What `convcli plan` says of each layer: sizes, receptive field, weights, connections."""

from __future__ import annotations

import json
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image as Pillow
from reference import reference, stage_of

import convcli
from convcli.cli.main import run
from convcli.job import Wishes, make_job
from convcli.kernels.kernel import Kernel, Recipe
from convcli.kernels.layer import Layer
from convcli.padding import PADDINGS, Padding
from convcli.tally import Tally, tallies

if TYPE_CHECKING:
    from pathlib import Path

    from convcli.spec import Stage


def layer(size: int, *, stride: int = 1, dilation: int = 1, pad: int = 0) -> Layer:
    weights = np.ones((1, 1, size, size))
    return Layer(weights, stride=(stride,) * 2, dilation=(dilation,) * 2, pad_by=(pad,) * 4)


def of(*layers: Layer, size: int = 64) -> list[Tally]:
    stages = make_job([Recipe("net", (), layers=layers)], Wishes()).stages
    return list(tallies(stages, (size, size, layers[0].channels)))


@pytest.mark.parametrize(
    ("layers", "field", "jump"),
    [
        ([layer(3)], 3, 1),
        ([layer(3)] * 2, 5, 1),
        ([layer(3)] * 3, 7, 1),
        ([layer(3, stride=2)] * 2, 7, 4),
        ([layer(3, dilation=2), layer(3, dilation=4)], 13, 1),
        ([layer(3, stride=2), layer(1, stride=3), layer(2)], 9, 6),
    ],
)
def test_receptive_fields_grow_by_the_jumps_before(
    layers: list[Layer], field: int, jump: int
) -> None:
    last = of(*layers)[-1]
    assert (last.field, last.jump) == ((field, field), (jump, jump))


def test_rows_and_columns_have_fields_of_their_own() -> None:
    wide = Layer(np.ones((1, 1, 1, 5)), stride=(1, 2), pad_by=(0, 0, 0, 0))
    high = Layer(np.ones((1, 1, 4, 2)), stride=(3, 1), pad_by=(0, 0, 0, 0))
    first, second = of(wide, high)
    assert (first.field, first.jump) == ((1, 5), (1, 2))
    assert (second.field, second.jump) == ((4, 7), (3, 2))


@pytest.mark.parametrize("layers", [[layer(3)] * 3, [layer(3, stride=2)] * 2], ids=len)
def test_one_output_sees_what_the_receptive_field_says(layers: list[Layer]) -> None:
    recipe, field = Recipe("net", (), layers=tuple(layers)), of(*layers)[-1].field[0]
    seen = 0
    for place in range(field + 2):  # an impulse somewhere, looked at by the first output
        row = np.zeros((field + 2, field + 2))
        row[0, place] = 1.0
        seen += convcli.apply(row, recipe)[0, 0] != 0
    assert seen == field


def one_row(taps: int, size: int, **wishes: Any) -> Tally:
    stage = stage_of([[1.0] * taps], **wishes)
    (tally,) = tallies([stage], (1, size, 1))
    return tally


def test_five_samples_and_three_taps_need_3_weights_13_connections_dense_25() -> None:
    tally = one_row(3, 5, padding=Padding("constant"))
    assert (tally.weights, tally.connections, tally.dense, tally.multiplies) == (3, 13, 25, 15)


@pytest.mark.parametrize(
    ("mode", "joined"), [("constant", 13), ("edge", 13), ("reflect", 13), ("wrap", 15)]
)
def test_padding_joins_what_it_reads(mode: str, joined: int) -> None:
    assert one_row(3, 5, padding=Padding(mode)).connections == joined


def joined(stage: Stage, size: tuple[int, int, int]) -> int:
    """Connections found by trying: which outputs change where one input does."""
    found = 0
    for place in product(*map(range, size)):
        image = np.zeros(size)
        image[place] = 1.0
        found += int(np.count_nonzero(reference(image, stage)))
    return found


@pytest.mark.parametrize("mode", [mode for mode in PADDINGS if mode != "normalize"])
@pytest.mark.parametrize("extent", ["same", "valid", "full"])
def test_connections_are_the_pairs_that_an_impulse_shows(mode: str, extent: str) -> None:
    padding = Padding(mode)
    stage = stage_of(
        np.ones((2, 3)), padding=padding, extent=extent, stride=(2, 1), dilation=(1, 2)
    )
    (tally,) = tallies([stage], (4, 5, 1))
    assert tally.connections == joined(stage, (4, 5, 1))


def test_groups_share_out_weights_and_connections() -> None:
    dense = Layer(np.ones((6, 4, 3, 3)), bias=(1.0,) * 6)
    grouped = Layer(np.ones((6, 2, 3, 3)), bias=(1.0,) * 6, groups=2)
    one, two = of(dense, size=8)[0], of(grouped, size=8)[0]
    assert (one.weights, two.weights, one.biases) == (216, 108, 6)
    assert one.connections == 2 * two.connections
    assert (one.multiplies, two.multiplies) == (8 * 8 * 216, 8 * 8 * 108)
    assert one.dense == two.dense == (8 * 8 * 4) * (8 * 8 * 6)


def test_96_filters_of_11x11x3_have_34848_weights_and_96_biases() -> None:
    weights = np.ones((96, 3, 11, 11))
    first = Layer(weights, bias=(0.1,) * 96, stride=(4, 4), pad_by=(0, 0, 0, 0))
    (tally,) = of(first, size=227)
    assert (tally.shape, tally.weights, tally.biases) == ((55, 55, 96), 34_848, 96)
    assert tally.multiplies == 55 * 55 * 96 * 363


def test_a_bank_for_each_channel_shares_its_weights_among_them() -> None:
    pair = Recipe("pair", (Kernel(((1, 2),)), Kernel(((3, 4),))), combine="magnitude")
    (tally,) = tallies(make_job([pair], Wishes(extent="valid")).stages, (2, 3, 3))
    assert (tally.weights, tally.multiplies, tally.connections) == (4, 2 * 2 * 3 * 4, 2 * 2 * 3 * 2)


@pytest.mark.parametrize(
    ("size", "pad", "stride", "left", "lost"),
    [(10, 0, 2, 1, 1), (5, 1, 3, 1, 0), (9, 0, 2, 0, 0), (12, 1, 4, 3, 2), (7, 0, 2, 0, 0)],
)
def test_what_a_stride_leaves_is_counted(
    size: int, pad: int, stride: int, left: int, lost: int
) -> None:
    (tally,) = of(layer(3, stride=stride, pad=pad), size=size)
    assert (tally.left, tally.lost) == ((left, left), (lost, lost))


# --- the command --------------------------------------------------------------------------------

NET = """
layers:
  - weights: [[[[1, 2, 3], [4, 5, 6], [7, 8, 9]]], [[[1, 1, 1], [1, 1, 1], [1, 1, 1]]]]
    bias: [1, 2]
    stride: 2
  - weights: [[[[1, 1]], [[1, 1]]]]
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    Pillow.new("L", (10, 8)).save(tmp_path / "a.png")
    (tmp_path / "net.yaml").write_text(NET)
    return str(tmp_path / "a.png"), str(tmp_path / "net.yaml")


def test_plan_prints_every_layer(
    files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    picture, net = files
    assert run(["plan", picture, "-k", net]) == 0
    output = capsys.readouterr().out
    for words in (
        "stage 1  net/1: direct",
        "gives 4 x 3, 2 channels; receptive field 3 x 3, jump 2 x 2",
        "weights 18 + 2 for bias, 216 multiply-adds tap by tap",
        "tap by tap; 216 connections, dense equivalent 1,920",
        "the stride does not come out even, rounded down: 1 bottom row not read",
        "the stride does not come out even, rounded down: 1 right column not read",
        "stage 2  net/2: direct",
        "gives 3 x 3, 1 channel; receptive field 5 x 3, jump 2 x 2",
        "weights 4, 36 multiply-adds tap by tap; 36 connections, dense equivalent 216",
    ):
        assert words in output, words


def test_plan_prints_every_layer_as_json(
    files: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    picture, net = files
    assert run(["plan", picture, "-k", net, "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)[0]["stages"]
    wanted = {
        "shape": [3, 4, 2],
        "receptive_field": [3, 3],
        "jump": [2, 2],
        "weights": 18,
        "biases": 2,
        "multiply_adds": 216,
        "connections": 216,
        "dense_equivalent": 1920,
        "left_by_stride": [1, 1],
        "not_read": [1, 1],
    }
    assert {key: first[key] for key in wanted} == wanted
    assert (second["receptive_field"], second["jump"], second["weights"]) == ([3, 5], [2, 2], 4)
