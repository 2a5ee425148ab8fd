"""Alpha, light, channels and offsets, on pictures small enough to work out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import convcli
from convcli import light
from convcli.errors import KernelError, UsageError
from convcli.frame import filtered
from convcli.job import Wishes, make_job
from convcli.kernels.kernel import Bias, Kernel, Recipe
from convcli.limits import Limits
from convcli.plan import make_plan
from convcli.policy import beyond, settle
from convcli.spec import Job, Pixels
from convcli.treatment import Kind

IDENTITY = Recipe("identity", (Kernel(((1.0,),)),))
BOX = Recipe("box", (Kernel(((1.0, 1.0, 1.0),), scale=1 / 3),))
LAPLACIAN = Recipe("laplacian", (Kernel(((-1.0, 2.0, -1.0),)),))

Samples = Any


def picture(*rows: list[list[int]], dtype: str = "uint8") -> Samples:
    return np.array(rows, dtype=dtype)


def rgba(array: Samples, *recipes: Recipe, **options: Any) -> Samples:
    return convcli.apply(array, *recipes, layout="rgb+alpha", **options)


def test_zero_sum_kernel_leaves_an_opaque_picture_opaque() -> None:
    step = np.full((1, 6, 4), 255, np.uint8)
    step[0, :3, :3], step[0, 3:, :3] = 100, 110
    kernel = Recipe("k", (Kernel(((-1.0, -1, -1), (-1, 8, -1), (-1, -1, -1))),))
    out = rgba(step, kernel, range="signed", depth="float")
    colour = (out[0, :, 0] - 0.5) * 2 * 255
    np.testing.assert_allclose(colour, [0, 0, -30, 30, 0, 0], atol=1e-4)
    assert (out[..., 3] == 1.0).all()
    assert rgba(step, kernel)[0, :, 0].tolist() == [0, 0, 0, 30, 0, 0]
    assert (rgba(step, kernel)[..., 3] == 255).all()


def test_blur_does_not_bleed_the_colour_of_invisible_pixels() -> None:
    array = picture([[200, 0, 0, 255], [0, 255, 0, 0], [200, 0, 0, 255]])
    out = rgba(array, BOX, padding="edge")
    assert out[0, :, :3].tolist() == [[200, 0, 0]] * 3
    assert out[0, :, 3].tolist() == [170, 170, 170]


def test_straight_filters_alpha_like_a_colour_and_bleeds() -> None:
    array = picture([[200, 0, 0, 255], [0, 240, 0, 0], [200, 0, 0, 255]])
    out = rgba(array, BOX, padding="edge", alpha="straight")
    assert out[0, 1].tolist() == [133, 80, 0, 170]


def test_keep_divides_by_filtered_alpha_and_writes_the_old() -> None:
    array = picture([[200, 0, 0, 255], [0, 240, 0, 0], [100, 0, 0, 255]])
    out = rgba(array, BOX, padding="edge", alpha="keep")
    assert out[0, 1].tolist() == [150, 0, 0, 0]
    assert out[0, :, 3].tolist() == [255, 0, 255]


def test_drop_writes_no_alpha() -> None:
    array = picture([[10, 20, 30, 7], [40, 50, 60, 0]])
    assert rgba(array, IDENTITY, alpha="drop").tolist() == [[[10, 20, 30], [40, 50, 60]]]


@pytest.mark.parametrize("alpha", ["auto", "premultiply", "straight", "keep"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_identity_returns_every_sample_even_of_invisible_colours(alpha: str, dtype: str) -> None:
    high = np.iinfo(dtype).max
    rng = np.random.default_rng(5)
    array = rng.integers(0, high, (9, 7, 4), dtype=dtype, endpoint=True)
    array[::2, ::3, 3] = 0
    array[1, :, 3] = 1
    assert (rgba(array, IDENTITY, alpha=alpha) == array).all()


def test_colour_under_zero_filtered_alpha_is_filtered_straight() -> None:
    array = picture([[30, 0, 0, 0], [60, 0, 0, 0], [90, 0, 0, 0]])
    assert rgba(array, BOX, padding="edge")[0, :, 0].tolist() == [40, 60, 80]


def test_premultiply_cannot_be_forced_on_a_zero_sum() -> None:
    with pytest.raises(UsageError, match="divides by the filtered alpha"):
        rgba(picture([[1, 2, 3, 4]]), LAPLACIAN, alpha="premultiply")


@pytest.mark.parametrize(
    ("recipe", "wish", "resolved"),
    [
        (BOX, "auto", "premultiply"),
        (LAPLACIAN, "auto", "keep"),
        (BOX, "keep", "keep-divided"),
        (LAPLACIAN, "keep", "keep"),
        (BOX, "drop", "none"),
    ],
)
def test_the_alpha_decision_is_stated(recipe: Recipe, wish: str, resolved: str) -> None:
    job = make_job([recipe], Wishes(pixels=Pixels(alpha=wish)))
    assert settle(job, Kind("uint8", "rgb+alpha", 4), "picture").alpha == resolved


def test_carried_alpha_follows_stride_and_valid() -> None:
    array = np.zeros((1, 7, 4), np.uint8)
    array[0, :, 3] = [1, 2, 3, 4, 5, 6, 7]
    out = rgba(array, LAPLACIAN, extent="valid", stride=2)
    assert out[0, :, 3].tolist() == [2, 4, 6]


def test_linear_light_blurs_light_not_codes() -> None:
    array = picture([[255, 0, 0], [0, 255, 0], [0, 255, 0]])
    kernel = Recipe("box", (Kernel(((1.0, 1.0, 1.0),), scale=1 / 3),))
    out = convcli.apply(array, kernel, layout="rgb", linear=True)
    assert convcli.apply(array, kernel, layout="rgb")[0, 1].tolist() == [85, 170, 0]
    assert out[0, 1].tolist() == [156, 213, 0]


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_linear_light_and_back_is_identity_for_every_code(dtype: str) -> None:
    codes = np.arange(np.iinfo(dtype).max + 1, dtype=dtype).reshape(1, -1, 1)
    assert (convcli.apply(codes, IDENTITY, layout="grey", linear=True) == codes).all()


def test_linear_needs_a_picture() -> None:
    with pytest.raises(UsageError, match="plain numbers are not light"):
        convcli.apply(np.zeros((2, 2)), IDENTITY, linear=True)


def test_luma_is_one_grey_channel_of_rec_709() -> None:
    array = picture([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]])
    out = convcli.apply(array, IDENTITY, layout="rgb", channels="luma")
    assert out.tolist() == [[[54], [182], [18], [255]]]


def test_sum_adds_channels_up_as_a_layer_does() -> None:
    array = picture([[1, 2, 3], [10, 20, 30], [4, 5, 6]])
    out = convcli.apply(array, LAPLACIAN, layout="rgb", channels="sum", extent="valid")
    assert out.tolist() == [[[120 - 6 - 15]]]


@pytest.mark.parametrize("name", ["R", "G", "B", "RG", "GB", "RB", "r,b"])
@pytest.mark.parametrize("alpha", [0, 1])
def test_letters_filter_some_channels_and_carry_the_rest(name: str, alpha: int) -> None:
    rng = np.random.default_rng(1)
    array = rng.integers(0, 256, (5, 6, 3 + alpha), dtype=np.uint8)
    layout: Any = "rgb+alpha" if alpha else "rgb"
    out = convcli.apply(array, BOX, layout=layout, channels=name)
    alone = convcli.apply(array, BOX)
    chosen = ["RGB".find(letter) for letter in name.upper() if letter != ","]
    for channel in range(3 + alpha):
        expected = alone if channel in chosen else array
        assert (out[..., channel] == expected[..., channel]).all()


@pytest.mark.parametrize("channels", ["luma", "R"])
def test_colours_need_a_picture(channels: str) -> None:
    with pytest.raises(UsageError, match="no colours"):
        convcli.apply(np.zeros((2, 2, 3)), IDENTITY, channels=channels)


def test_unknown_channels_are_refused() -> None:
    with pytest.raises(UsageError, match="names no channels"):
        convcli.apply(np.zeros((2, 2, 3)), IDENTITY, channels="X", layout="rgb")


def test_bias_in_sample_units_and_in_percent() -> None:
    array = picture([[0], [100], [200]])
    assert convcli.apply(array, IDENTITY, bias=10).ravel().tolist() == [10, 110, 210]
    assert convcli.apply(array, IDENTITY, bias="50%").ravel().tolist() == [128, 228, 255]
    with pytest.raises(UsageError, match="50% of the full range is unknown"):
        convcli.apply(array.astype(float), IDENTITY, bias="50%")


def test_bias_does_not_touch_alpha() -> None:
    array = picture([[10, 20, 30, 40]])
    assert rgba(array, IDENTITY, bias=5)[0, 0].tolist() == [15, 25, 35, 40]


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("layout", ["rgb", "rgb+alpha"])
def test_a_bias_within_a_chain_is_added_between_the_stages(layout: Any, linear: bool) -> None:  # noqa: FBT001 - a column of the table
    rng = np.random.default_rng(2)
    channels = 4 if layout == "rgb+alpha" else 3
    array = rng.integers(1, 200, (4, 5, channels), dtype=np.uint8)
    lifted = Recipe("lift", IDENTITY.kernels, bias=Bias(20.0))
    out = convcli.apply(array, lifted, BOX, layout=layout, linear=linear)
    first = convcli.apply(array, lifted, layout=layout, linear=linear)
    assert (out == convcli.apply(first, BOX, layout=layout, linear=linear)).all()


def test_bias_before_an_activation_is_that_of_a_neuron() -> None:
    array = np.array([[-3.0, 0.0, 3.0]])
    neuron = Recipe("neuron", IDENTITY.kernels, bias=Bias(1.0), activation="relu")
    assert convcli.apply(array, neuron).tolist() == [[0.0, 1.0, 4.0]]


def test_constant_padding_means_the_same_in_linear_light() -> None:
    array = np.full((3, 3, 3), 200, np.uint8)
    options: Any = {"layout": "rgb", "padding": "constant:200"}
    assert (convcli.apply(array, BOX, linear=True, **options) == 200).all()


def test_constant_zero_beside_transparency_is_transparent() -> None:
    array = np.full((1, 3, 4), 255, np.uint8)
    out = rgba(array, BOX, padding="constant")
    assert out[0, :, 3].tolist() == [170, 255, 170]
    assert (out[..., :3] == 255).all()


def test_normalize_refuses_weights_that_add_up_to_nothing() -> None:
    with pytest.raises(KernelError, match="add up to 0"):
        convcli.apply(np.zeros((3, 3)), LAPLACIAN, padding="normalize")


def test_depth_converts_full_to_full() -> None:
    array = picture([[0], [128], [255]])
    assert convcli.apply(array, IDENTITY, depth="16").ravel().tolist() == [0, 32896, 65535]
    wide = np.array([[0, 32896, 65535, 200]], np.uint16)
    assert convcli.apply(wide, IDENTITY, depth="8").ravel().tolist() == [0, 128, 255, 1]
    floats = convcli.apply(array, IDENTITY, depth="float", layout="grey")
    np.testing.assert_allclose(floats.ravel(), np.array([0, 128, 255]) / 255, rtol=1e-7)
    assert convcli.apply(array, IDENTITY, depth="float").ravel().tolist() == [0.0, 128.0, 255.0]


def test_depth_converts_alpha_too() -> None:
    array = picture([[10, 20, 30, 128], [1, 2, 3, 255]])
    assert rgba(array, IDENTITY, depth="16").tolist() == (array.astype(int) * 257).tolist()


@pytest.mark.parametrize("channels", ["sum", "luma"])
def test_the_constant_of_a_later_stage_is_no_longer_mixed(channels: str) -> None:
    array = np.full((1, 3, 3), 10, np.uint8)
    options: Any = {"layout": "rgb", "padding": "constant:10"}
    out = convcli.apply(array, IDENTITY, BOX, channels=channels, **options)
    inside = 30 if channels == "sum" else 10
    edge = round((2 * inside + 10) / 3)
    assert out.ravel().tolist() == [edge, inside, edge]


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe("relu", BOX.kernels, activation="relu"),
        Recipe("max", (*BOX.kernels, *BOX.kernels), combine="max"),
    ],
)
def test_only_a_plain_average_is_divided_by_alpha(recipe: Recipe) -> None:
    job = make_job([recipe], Wishes())
    assert settle(job, Kind("uint8", "rgb+alpha", 4), "picture").alpha == "keep"
    biased = make_job([BOX], Wishes()).stages[0]
    layer = Job((replace(biased, bias=(1.0,)),))
    assert settle(layer, Kind("uint8", "rgb+alpha", 4), "picture").alpha == "keep"


def test_light_is_odd_and_its_own_inverse() -> None:
    codes = np.linspace(-300.0, 300.0, 601)
    linear = light.decoded(codes, 255.0)
    np.testing.assert_allclose(linear, -linear[::-1], rtol=1e-15)
    np.testing.assert_allclose(light.encoded(linear, 255.0), codes, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(light.decoded(np.array([128.0]), 255.0), [55.0440], rtol=1e-5)


def test_the_bias_of_a_neuron_is_added_after_the_combiner() -> None:
    kernels = (Kernel(((3.0,),)), Kernel(((4.0,),)))
    for activation in ("none", "relu"):
        for combine, expected in (("magnitude", 50.0), ("sum", 90.0)):
            recipe = Recipe("n", kernels, combine=combine, activation=activation, bias=Bias(-50.0))
            assert convcli.apply(np.array([[20.0]]), recipe).tolist() == [[expected]]


@pytest.mark.parametrize("options", [{"bias": 50}, {"range": "signed"}, {"range": "stretch"}])
def test_channels_that_are_carried_stay_as_they_are(options: Any) -> None:
    array = picture([[10, 20, 30], [40, 50, 60]])
    out = convcli.apply(array, IDENTITY, layout="rgb", channels="G", **options)
    assert (out[..., ::2] == array[..., ::2]).all()
    assert (out[..., 1] != array[..., 1]).any()
    lifted = Recipe("lift", IDENTITY.kernels, bias=Bias(5.0))
    chain = convcli.apply(array, lifted, IDENTITY, layout="rgb", channels="G")
    assert (chain[..., ::2] == array[..., ::2]).all()
    assert (chain[..., 1] == array[..., 1] + 5).all()


@pytest.mark.parametrize("linear", [False, True])
def test_a_bias_in_the_middle_of_a_keep_chain_changes_nothing_else(linear: bool) -> None:  # noqa: FBT001 - a column of the table
    array = np.zeros((1, 5, 4), np.uint8)
    array[..., 3] = 128
    array[0, 2, :3] = 200
    plain, lifted = (Recipe("e", LAPLACIAN.kernels, bias=Bias(b)) for b in (0.0, 1e-6))
    options: Any = {"linear": linear}
    expected = rgba(array, plain, IDENTITY, **options)
    assert (rgba(array, lifted, IDENTITY, **options) == expected).all()
    lifted = Recipe("e", LAPLACIAN.kernels, bias=Bias(10.0))
    last = rgba(array, LAPLACIAN, bias=10, **options)
    assert (rgba(array, lifted, IDENTITY, **options) == last).all()


@pytest.mark.parametrize("channels", [2, 4, 5])
def test_plain_numbers_have_no_alpha_to_become_a_picture(channels: int) -> None:
    job = make_job([IDENTITY], Wishes())
    with pytest.raises(UsageError, match="not a picture"):
        settle(job, Kind("uint8", "numbers", channels), "picture")
    assert settle(job, Kind("uint8", "numbers", channels), "numbers").layout == "numbers"


def test_a_sharpened_alpha_of_floats_stays_within_its_range() -> None:
    array = np.full((1, 6, 4), 0.5, np.float32)
    array[0, :3, 3], array[0, 3:, 3] = 0.0, 1.0
    sharpen = Recipe("s", (Kernel(((-1.0, 3.0, -1.0),)),))
    alpha = rgba(array, sharpen)[0, :, 3]
    assert alpha.tolist() == [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("dtype", "wish"), [("int64", "wrap"), ("float64", "wrap"), ("float64", "error")]
)
def test_ranges_that_need_limits_are_left_out_with_a_note(dtype: str, wish: str) -> None:
    job = make_job([IDENTITY], Wishes(pixels=Pixels(range=wish)))
    treatment = settle(job, Kind(dtype, "numbers", 1), "numbers")
    assert treatment.finish.range == "clip"
    assert treatment.notes == (f"range {wish} leaves {dtype} samples as they are",)


@pytest.mark.parametrize("wish", ["signed", "stretch"])
def test_signed_integers_have_no_white_to_stretch_to(wish: str) -> None:
    array = np.array([[0, 500, 1000]], np.int16)
    assert (convcli.apply(array, IDENTITY, range=wish) == array).all()


@pytest.mark.parametrize(
    "options",
    [
        {"operation": "convolute"},
        {"padding": "bogus"},
        {"padding": "reflect:"},
        {"padding": "reflect:3"},
        {"extent": "most"},
        {"range": "foo"},
        {"depth": "12"},
        {"alpha": "foo"},
        {"channels": "foo"},
        {"layout": "foo"},
        {"layout": "rgb+alpha"},
        {"engine": "foo"},
        {"jobs": 0},
        {"stride": 2.0},
        {"stride": 0},
        {"dilation": (1, 2, 3)},
        {"anchor": (5, 5)},
        {"scale": "foo"},
        {"scale": 0},
        {"bias": "foo"},
        {"pad_by": -1},
    ],
)
def test_wrong_words_from_python_are_told_in_our_own_errors(options: Any) -> None:
    with pytest.raises(convcli.ConvError) as caught:
        convcli.apply(np.zeros((3, 3)), BOX, **options)
    assert caught.value.hint


@pytest.mark.parametrize(
    "kernel", [[[1, 2], [3]], [["a"]], np.zeros((2, 2, 2)), [[]], [[1e308, 1e308]]]
)
def test_wrong_kernels_from_python_are_told_in_our_own_errors(kernel: Any) -> None:
    with pytest.raises(convcli.ConvError):
        convcli.apply(np.zeros((3, 3)), kernel)


def test_whole_numbers_may_come_from_numpy() -> None:
    array = np.arange(9.0).reshape(3, 3)
    two: Any = np.int64(2)
    out = convcli.apply(array, IDENTITY, stride=two, depth="float")
    assert out.tolist() == [[0.0, 2.0], [6.0, 8.0]]


@pytest.mark.parametrize("layout", ["grey", "grey+alpha", "rgb", "rgb+alpha"])
@pytest.mark.parametrize("channels", ["each", "sum", "luma", "R"])
@pytest.mark.parametrize("alpha", ["auto", "straight", "keep", "drop"])
@pytest.mark.parametrize("target", ["picture", "numbers"])
def test_the_plan_knows_the_shape(layout: Any, channels: str, alpha: str, target: Any) -> None:
    count = {"grey": 1, "grey+alpha": 2, "rgb": 3, "rgb+alpha": 4}[layout]
    job = make_job([BOX], Wishes(pixels=Pixels(channels=channels, alpha=alpha)))
    array = np.zeros((5, 6, count), np.uint8)
    if channels == "R" and ("grey" in layout or (alpha == "straight" and count > 3)):
        with pytest.raises(UsageError, match=r"grey image|all colours"):
            make_plan(job, Kind("uint8", layout, count), (5, 6, count), target, Limits())
        return
    plan = make_plan(job, Kind("uint8", layout, count), (5, 6, count), target, Limits())
    out, _ = filtered(array, plan)
    assert out.shape == plan.shape


def test_values_beyond_the_law_are_said_aloud() -> None:
    big = Recipe("big", (Kernel(((1e9,),)),))
    job = make_job([big], Wishes())
    treatment = settle(job, Kind("uint8", "grey", 1), "picture")
    assert "2**31" in beyond(treatment, 3.0)[0]
    assert beyond(treatment, 2.0) == ()


def test_floats_have_nothing_to_clip_and_say_so() -> None:
    job = make_job([IDENTITY], Wishes(pixels=Pixels(range="signed")))
    treatment = settle(job, Kind("float64", "numbers", 1), "numbers")
    assert treatment.finish.range == "clip"
    assert treatment.notes == ("range signed leaves float64 samples as they are",)


def test_plan_counts_what_the_stages_multiply() -> None:
    job = make_job([LAPLACIAN, BOX], Wishes())
    plan = make_plan(job, Kind("uint8", "rgb", 3), (10, 20, 3), "picture", Limits(jobs=1))
    assert [stage.multiplies for stage in plan.stages] == [10 * 20 * 3 * 3] * 2
    assert plan.shape == (10, 20, 3)
