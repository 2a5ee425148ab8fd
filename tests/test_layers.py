"""Layers against the numbers of others: the CS231n demo, SciPy, torch; and through all engines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from reference import reference
from scipy.signal import convolve2d, correlate

import convcli
from convcli.engines import FORCED, NUMPY, bodies, engine
from convcli.errors import KernelError, UsageError
from convcli.job import Wishes, make_job
from convcli.kernels.kernel import Recipe
from convcli.kernels.layer import Layer
from convcli.padding import Padding
from convcli.policy import gain, settle
from convcli.source import Filtered, Samples, Window
from convcli.treatment import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convcli.spec import Stage

    Values = NDArray[np.float64]

# features.md, section 6.1: input and weights of numpy.random.default_rng(9), printed there.
CS231N_X = """1 0 2 2 2 2 2 1 2 2 1 0 2 2 1 2 0 2 1 2 1 1 0 0 1
              2 0 2 2 2 0 1 2 0 0 2 2 0 2 2 0 2 2 1 2 1 1 2 1 0
              2 1 1 2 2 0 2 0 0 2 2 2 1 0 2 2 2 2 0 0 2 1 2 0 1"""
CS231N_W = """1 1 0 0 -1 1 -1 -1 0    -1 -1 -1 1 -1 1 0 0 1   -1 -1 0 0 1 1 -1 -1 -1
              -1 1 -1 -1 -1 -1 0 0 -1 -1 0 1 0 -1 0 1 0 0      -1 1 1 1 -1 -1 -1 0 -1"""
CORRELATED = ([[-2, -1, -5], [1, -1, 1], [2, -4, 2]], [[-10, -11, -6], [-6, -10, -4], [2, -4, -2]])
CONVOLVED = ([[1, 1, 5], [-8, -2, -1], [-4, 0, 1]], [[-7, -6, -8], [-4, -5, -7], [-4, -7, -3]])


def numbers(text: str, *shape: int) -> Values:
    return np.array(text.split(), np.float64).reshape(shape)


def net(*layers: Layer, units: str = "samples") -> Recipe:
    return Recipe("net", (), layers=layers, units=units)


def demo() -> Layer:
    weights = numbers(CS231N_W, 2, 3, 3, 3)
    return Layer(weights, bias=(1.0, 0.0), stride=(2, 2), pad_by=(1, 1, 1, 1))


@pytest.fixture(params=[*dict.fromkeys((bodies()[0], NUMPY))])
def body(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The fastest body of the engines here, and NumPy's."""
    name: str = request.param
    monkeypatch.setenv(FORCED, name)
    return name


# --- the CS231n demo ----------------------------------------------------------------------------


@pytest.mark.usefixtures("body")
@pytest.mark.parametrize("name", ["auto", "direct"])
@pytest.mark.parametrize(
    ("operation", "expected"), [(None, CORRELATED), ("convolve", CONVOLVED)], ids=str
)
def test_cs231n_demo_gives_the_known_numbers_of_both_filters(
    name: str, operation: str | None, expected: tuple[list[list[int]], list[list[int]]]
) -> None:
    image = np.moveaxis(numbers(CS231N_X, 3, 5, 5), 0, -1)
    found = convcli.apply(image, net(demo()), operation=operation, engine=name)
    assert found[..., 0].tolist() == expected[0]
    assert found[..., 1].tolist() == expected[1]


def test_cs231n_demo_is_what_its_seed_draws() -> None:
    chance = np.random.default_rng(9)
    image, weights = chance.integers(0, 3, (5, 5, 3)), chance.integers(-1, 2, (2, 3, 3, 3))
    assert (np.moveaxis(image, -1, 0) == numbers(CS231N_X, 3, 5, 5)).all()
    # Drawn as filter, row, column, channel.
    assert (np.moveaxis(weights, -1, 1) == numbers(CS231N_W, 2, 3, 3, 3)).all()


def test_top_left_of_the_second_filter_is_minus_3_minus_2_minus_5_and_a_bias_of_0() -> None:
    image, layer = np.moveaxis(numbers(CS231N_X, 3, 5, 5), 0, -1), demo()
    parts = []
    for channel in range(3):
        one = Layer(layer.weights[1:, channel : channel + 1], stride=(2, 2), pad_by=(1, 1, 1, 1))
        parts.append(convcli.apply(image[..., channel : channel + 1], net(one))[0, 0, 0])
    assert parts == [-3, -2, -5]


@pytest.mark.parametrize(
    ("size", "reach", "pad", "stride", "expected"),
    [
        (5, 3, 1, 2, 3),
        (7, 3, 0, 1, 5),
        (7, 3, 0, 2, 3),
        (227, 11, 0, 4, 55),
        (11, 5, 0, 2, 4),
        (10, 3, 0, 2, 4),  # 4.5: the last column is not read
        (5, 3, 1, 3, 2),  # 2.33
    ],
)
def test_size_is_w_less_f_plus_2p_over_s_plus_1_rounded_down_as_torch_does(
    size: int, reach: int, pad: int, stride: int, expected: int
) -> None:
    layer = Layer(np.ones((1, 1, reach, reach)), stride=(stride, stride), pad_by=(pad,) * 4)
    found = convcli.apply(np.ones((size, size, 1)), net(layer))
    assert found.shape == (expected, expected, 1)
    assert expected == (size - reach + 2 * pad) // stride + 1


def test_a_layer_that_nowhere_fits_says_so() -> None:
    layer = Layer(np.ones((1, 1, 5, 5)), pad_by=(0, 0, 0, 0), name="wide")
    with pytest.raises(KernelError, match=r"net/wide does not fit: it spans 5 rows, .* has 4"):
        convcli.apply(np.ones((4, 4, 1)), net(layer))


def test_96_filters_of_11x11x3_give_55x55x96_with_34848_weights() -> None:
    layer = Layer(np.ones((96, 3, 11, 11)), bias=(0.0,) * 96, stride=(4, 4), pad_by=(0, 0, 0, 0))
    stage = make_job([net(layer)], Wishes()).stages[0]
    assert stage.shape((227, 227, 3)) == (55, 55, 96)
    assert stage.bank.size == 34_848
    rows, columns, _ = stage.shape((227, 227, 3))
    assert (stage.bank[0].size, rows * columns) == (363, 3025)  # im2col


# --- a randomised table -------------------------------------------------------------------------


def drawn(seed: int) -> tuple[NDArray[Any], Layer]:
    """An image and a layer: groups from 1 to depthwise, uneven pads, strides and dilations."""
    chance = np.random.default_rng(seed)
    groups = int(chance.choice([1, 1, 2, 3, 4]))
    few, each = int(chance.integers(1, 4)), int(chance.integers(1, 4))
    rows, columns = chance.integers(1, 5, 2).tolist()
    weights = chance.integers(-9, 10, (groups * each, few, rows, columns)).astype(np.float64)
    layer = Layer(
        weights / (1 if chance.random() < 0.5 else 7),
        bias=tuple(chance.integers(-9, 10, groups * each).astype(float).tolist()),
        stride=tuple(chance.integers(1, 4, 2).tolist()),
        dilation=tuple(chance.integers(1, 4, 2).tolist()),
        groups=groups,
        pad_by=tuple(chance.integers(0, 4, 4).tolist()),
    )
    sides = [(n - 1) * d + 1 for n, d in zip((rows, columns), layer.dilation, strict=True)]
    shape = (sides[0] + chance.integers(9), sides[1] + chance.integers(9), groups * few)
    return chance.integers(0, 256, shape).astype(np.float64), layer


def padded(image: Values, layer: Layer) -> Values:
    top, right, bottom, left = layer.pad_by or (0, 0, 0, 0)
    return np.pad(image, ((top, bottom), (left, right), (0, 0)))


def by_scipy(image: Values, layer: Layer) -> Values:
    """Channel by channel, on an image that was padded and taps that were spread beforehand."""
    filters, few, rows, columns = layer.weights.shape
    down, right = layer.dilation
    taps = np.zeros((filters, few, (rows - 1) * down + 1, (columns - 1) * right + 1))
    taps[..., ::down, ::right] = layer.weights
    each, whole = filters // layer.groups, padded(image, layer)
    planes = []
    for f in range(filters):
        first = f // each * few
        sums = [correlate(whole[..., first + c], taps[f, c], "valid", "direct") for c in range(few)]
        planes.append(np.sum(sums, 0)[:: layer.stride[0], :: layer.stride[1]] + layer.bias[f])
    return np.stack(planes, axis=-1)


def agree(found: Values, expected: Values, layer: Layer) -> None:
    assert found.shape == expected.shape
    most = 255 * abs(layer.weights).sum() + max(map(abs, layer.bias))
    assert abs(found - expected).max() <= 1e-12 * most


@pytest.mark.usefixtures("body")
@pytest.mark.parametrize("seed", range(60))
def test_random_layers_give_scipys_numbers(seed: int) -> None:
    image, layer = drawn(seed)
    agree(convcli.apply(image, net(layer)), by_scipy(image, layer), layer)


@pytest.mark.parametrize("seed", range(60))
def test_random_layers_give_torchs_numbers(seed: int) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    image, layer = drawn(seed)
    found = torch.nn.functional.conv2d(
        torch.tensor(np.moveaxis(padded(image, layer), -1, 0)[None].tolist(), dtype=torch.float64),
        torch.tensor(layer.weights.tolist(), dtype=torch.float64),
        torch.tensor(layer.bias, dtype=torch.float64),
        stride=layer.stride,
        dilation=layer.dilation,
        groups=layer.groups,
    )
    expected = np.moveaxis(np.array(found[0].tolist()), 0, -1)
    agree(convcli.apply(image, net(layer)), expected, layer)


def test_the_table_holds_what_onnx_allows() -> None:
    layers = [drawn(seed)[1] for seed in range(60)]
    assert {layer.groups for layer in layers} == {1, 2, 3, 4}
    assert any(layer.groups > 1 and layer.weights.shape[1] == 1 for layer in layers)
    assert any(layer.groups > 1 and len(layer.weights) > layer.groups for layer in layers)
    assert all(any(getattr(layer, word) != (1, 1) for layer in layers) for word in WORDS)
    assert any(len({*(layer.pad_by or ())}) == 4 for layer in layers)


WORDS = ("stride", "dilation")


# --- engines ------------------------------------------------------------------------------------


def stage_of(layer: Layer) -> Stage:
    return make_job([net(layer)], Wishes()).stages[0]


GROUPED = {
    "dense": Layer(np.arange(-27.0, 27).reshape(2, 3, 3, 3), bias=(1.0, -2.0)),
    "depthwise": Layer(np.arange(-13.0, 14).reshape(3, 1, 3, 3), bias=(0.0,) * 3, groups=3),
    "multiplied": Layer(np.arange(-27.0, 27).reshape(6, 1, 3, 3), bias=(5.0,) * 6, groups=3),
    "separable": Layer(
        np.outer([1.0, 4, 6, 4, 1], [1.0, 2, 3, 2, 1])[None, None].repeat(3, axis=0),
        bias=(0.0,) * 3,
        groups=3,
    ),
    "one": Layer(np.ones((4, 3, 1, 1)), bias=(1.0, 2, 3, 4)),
}


@pytest.mark.usefixtures("body")
@pytest.mark.parametrize("name", ["direct", "separable", "fft"])
@pytest.mark.parametrize("kind", GROUPED)
@pytest.mark.parametrize("dtype", ["uint8", "float64"])
def test_every_engine_sums_groups_as_plain_loops_do(name: str, kind: str, dtype: str) -> None:
    stage = stage_of(GROUPED[kind])
    image = np.random.default_rng(3).integers(0, 256, (9, 8, 3)).astype(dtype)
    chain = Filtered(Samples(image), stage, engine(name), (0.0,) * 3)
    expected = reference(image, stage)
    noise = 1e-12 * 255 * abs(stage.bank).sum() if name == "fft" else 0.0
    assert abs(chain.read(Window(0, 9, 0, 8)) - expected).max() <= noise


@pytest.mark.usefixtures("body")
@pytest.mark.parametrize("kind", GROUPED)
def test_bytes_are_the_same_bytes_by_every_engine(kind: str) -> None:
    image = np.random.default_rng(4).integers(0, 256, (40, 33, 3)).astype(np.uint8)
    layer = GROUPED[kind]
    exact = reference(image[:12, :11], stage_of(layer))
    recipe = net(Layer(layer.weights, 0.03, layer.bias, groups=layer.groups))
    found = [
        convcli.apply(image, recipe, engine=name, jobs=1)
        for name in ("auto", "direct", "fft", *["separable"] * (kind == "separable"))
    ]
    assert all((each == found[0]).all() for each in found)
    bias = np.array(layer.bias)
    rounded = np.floor((exact[:9, :8] - bias) * 0.03 + bias + 0.5 + 2**-20).clip(0, 255)
    assert (found[0][:9, :8] == rounded).all()


def test_zeros_of_other_groups_cost_nothing() -> None:
    stage = stage_of(GROUPED["depthwise"])
    assert stage.bank.shape == (3, 3, 3, 3)
    assert np.count_nonzero(stage.bank) == 26  # 27 weights, of which one is 0


# --- activations, chains, units -----------------------------------------------------------------


def test_layers_follow_each_other_each_with_its_activation() -> None:
    image = np.arange(49.0).reshape(7, 7, 1)
    first = Layer(np.array([[[[1.0, -1.0]]], [[[-1.0, 1.0]]]]), bias=(-3.0, 2.0), activation="relu")
    second = Layer(np.array([[[[2.0]], [[3.0]]]]), pad_by=(0, 0, 0, 0), activation="abs")
    padded_row = np.pad(image[..., 0], ((0, 0), (0, 1)))  # 1x2, same: the anchor is the first
    left, right = padded_row[:, :-1] - padded_row[:, 1:] - 3, padded_row[:, 1:] - padded_row[:, :-1]
    expected = abs(2 * left.clip(0) + 3 * (right + 2).clip(0))
    assert (convcli.apply(image, net(first, second))[..., 0] == expected).all()


def test_padding_of_a_later_layer_stands_for_what_that_layer_reads() -> None:
    first = Layer(np.array([[[[1.0]]]]), bias=(10.0,))
    second = Layer(np.ones((1, 1, 1, 3)), padding=Padding("constant", 4.0))
    found = convcli.apply(np.zeros((1, 3, 1)), net(first, second))
    assert found[0, :, 0].tolist() == [24.0, 30.0, 24.0]


@pytest.mark.parametrize(
    ("activation", "expected"), [("none", 64), ("sigmoid", 143), ("square", 16), ("threshold", 255)]
)
def test_a_network_of_shares_reads_0_to_1_and_gives_0_to_1(activation: str, expected: int) -> None:
    layer = Layer(np.array([[[[0.5]]]]), bias=(0.0,), activation=activation)
    image = np.full((2, 2, 1), 128, np.uint8)
    found = convcli.apply(image, net(layer, units="full"))
    # 128/255 * 0.5 = 0.25098: times 255 it is 64; 1/(1+exp(-v)) = 0.56242: 143.4; v*v = 0.062991
    assert (found == expected).all()


def test_a_bias_of_shares_is_no_level() -> None:
    layer = Layer(np.array([[[[1.0]]]]), bias=(0.2,))
    image = np.zeros((1, 1, 1), np.uint8)
    assert convcli.apply(image, net(layer, units="full")).item() == 51
    assert convcli.apply(image, net(layer)).item() == 0


def test_16_bits_see_what_8_bits_see() -> None:
    layer = Layer(np.array([[[[1.0]]]]), bias=(-0.5,), activation="sigmoid")
    low = convcli.apply(np.full((1, 1, 1), 100, np.uint8), net(layer, units="full"))
    high = convcli.apply(np.full((1, 1, 1), 25700, np.uint16), net(layer, units="full"))
    assert abs(high.item() / 257 - low.item()) <= 0.5
    assert high.item() == round(65535 / (1 + np.exp(-(100 / 255 - 0.5))))


def test_numbers_without_white_are_left_as_the_network_has_them() -> None:
    layer = Layer(np.array([[[[0.5]]]]), bias=(0.25,), activation="relu")
    image = np.full((1, 1, 1), 51, np.uint8)
    kept = convcli.apply(image, net(layer, units="full"), depth="float")
    assert kept.item() == pytest.approx(0.35, abs=1e-7)
    assert convcli.apply(np.full((1, 1, 1), 0.2), net(layer, units="full")).item() == 0.35


def test_two_networks_of_shares_follow_each_other_by_samples() -> None:
    layer = Layer(np.array([[[[1.0]]]]), bias=(0.0,), activation="square")
    found = convcli.apply(np.full((1, 1, 1), 204, np.uint8), *[net(layer, units="full")] * 2)
    assert found.item() == round(255 * 0.8**4)


def test_a_bias_before_an_activation_is_in_units_of_samples() -> None:
    layer = Layer(np.array([[[[1.0]]]]), activation="relu")
    image = np.array([[[10], [100]]], np.uint8)
    found = convcli.apply(image, net(layer, units="full"), bias=-51)
    assert found.ravel().tolist() == [0, 49]


def test_the_gain_of_a_network_counts_both_ends() -> None:
    job = make_job([net(Layer(np.full((1, 1, 1, 2), -3.0)), units="full")], Wishes())
    settled = settle(job, Kind("uint8", "grey", 1), "picture")
    assert gain(settled.stages) == pytest.approx(6, rel=1e-15)


def test_convolved_even_sides_turn_about_their_anchor() -> None:
    image = np.arange(20.0).reshape(4, 5)
    weights = np.array([[1.0, 2.0], [3.0, 5.0]])
    layer = Layer(weights[None, None], extent="same")
    found = convcli.apply(image, net(layer), operation="convolve")
    np.testing.assert_array_equal(found, convolve2d(image, weights, "same"))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_only_the_ends_of_a_network_know_white(dtype: str) -> None:
    layers = [
        Layer(np.array([[[[0.5]]], [[[-2.0]]]]), bias=(0.1, 0.75), activation="relu"),
        Layer(np.array([[[[0.25]], [[0.5]]]]), bias=(0.125,)),
    ]
    white = np.iinfo(dtype).max
    image = np.random.default_rng(5).integers(0, white + 1, (6, 7, 1)).astype(dtype)
    shares = convcli.apply(image / white, net(*layers))
    found = convcli.apply(image, net(*layers, units="full"))
    assert (found == np.floor(shares * white + 0.5 + 2.0**-20)).all()


def test_padding_of_shares_is_a_share() -> None:
    layer = Layer(np.ones((1, 1, 1, 3)), 1 / 3, padding=Padding("constant", 1.0))
    found = convcli.apply(np.zeros((1, 3, 1), np.uint8), net(layer, units="full"))
    assert found[0, :, 0].tolist() == [85, 0, 85]


def test_signed_numbers_have_no_shares() -> None:
    layer = Layer(np.ones((1, 1, 1, 1)))
    with pytest.raises(UsageError, match="shares of white, which int16 numbers have none"):
        convcli.apply(np.zeros((2, 2, 1), np.int16), net(layer, units="full"))


def test_a_filter_after_a_network_filters_each_of_its_channels() -> None:
    image = np.random.default_rng(1).random((6, 5, 3))
    both = convcli.apply(image, net(GROUPED["dense"]), "box:3", padding="edge")
    first = convcli.apply(image, net(GROUPED["dense"]))
    parts = [convcli.apply(first[..., f], "box:3", padding="edge") for f in range(2)]
    assert (both == np.stack(parts, axis=-1)).all()


# --- what does not go together ------------------------------------------------------------------


def test_a_layer_of_other_channels_is_named_with_what_it_wants_and_has() -> None:
    second = Layer(np.ones((1, 3, 1, 1)), name="mix")
    with pytest.raises(KernelError, match=r"'net/mix' reads 3 channels, and is given 2 channels"):
        convcli.apply(np.ones((4, 4, 3)), net(GROUPED["dense"], second))
    with pytest.raises(KernelError, match=r"'net/1' reads 3 channels, and is given 1 channel"):
        convcli.apply(np.ones((4, 4)), net(GROUPED["dense"]))


def test_a_layer_of_one_channel_is_not_laid_on_every_colour() -> None:
    layer = Layer(np.ones((2, 1, 1, 1)), bias=(0.0, 0.0))
    with pytest.raises(KernelError, match="reads 1 channel, and is given 3") as caught:
        convcli.apply(np.ones((4, 4, 3)), net(layer))
    assert "--channels luma" in caught.value.hint
    assert convcli.apply(np.ones((4, 4, 3)), net(layer), channels="sum").shape == (4, 4, 2)


@pytest.mark.parametrize(
    "said",
    [
        {"padding": "edge"},
        {"stride": 2},
        {"dilation": 2},
        {"extent": "valid"},
        {"pad_by": 1},
        {"scale": "abs"},
    ],
    ids=str,
)
def test_what_layers_say_themselves_cannot_be_said_beside_them(said: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="does not go with 'net': its layers say that"):
        convcli.apply(np.ones((9, 9, 3)), net(GROUPED["dense"]), **said)


def test_letters_do_not_go_with_layers() -> None:
    with pytest.raises(UsageError, match="--channels RG: layers read all channels"):
        convcli.apply(np.ones((9, 9, 3)), net(GROUPED["dense"]), channels="RG", layout="rgb")


def rgba() -> NDArray[np.uint8]:
    image = np.random.default_rng(8).integers(0, 256, (6, 5, 4)).astype(np.uint8)
    image[2:4, 1:3, 3] = 0
    return image


def test_layers_read_colours_weighed_by_alpha_and_alpha_is_kept() -> None:
    image = rgba()
    found = convcli.apply(image, net(GROUPED["depthwise"]), layout="rgb+alpha")
    weighed = image[..., :3] * (image[..., 3:] / 255)
    expected = reference(weighed, stage_of(GROUPED["depthwise"]))
    assert (found[..., 3] == image[..., 3]).all()
    assert (found[..., :3] == np.floor(expected + 0.5 + 2**-20).clip(0, 255)).all()


def test_weighing_by_alpha_knows_no_scale_before_a_curve() -> None:
    image = np.full((1, 1, 2), 255, np.uint8)
    layer = Layer(np.array([[[[1.0]]]]), bias=(0.0,), activation="sigmoid")
    found = convcli.apply(image, net(layer, units="full"), layout="grey+alpha")
    assert found[0, 0].tolist() == [round(255 / (1 + np.exp(-1))), 255]


def test_alpha_is_left_out_where_filters_make_no_picture_with_it() -> None:
    image = rgba()
    found = convcli.apply(image, net(GROUPED["dense"]), layout="rgb+alpha", depth="float")
    assert found.shape == (6, 5, 2)
    with pytest.raises(UsageError, match="--alpha keep: layers read colours only, and 2 channels"):
        convcli.apply(image, net(GROUPED["dense"]), layout="rgb+alpha", alpha="keep")
    with pytest.raises(UsageError, match="--alpha straight: layers read colours only"):
        convcli.apply(image, net(GROUPED["depthwise"]), layout="rgb+alpha", alpha="straight")
