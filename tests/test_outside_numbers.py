"""Other people's numbers: the expectations of their own tests, and what their programs put out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from reference import nearest, run, stage_of

from convcli.errors import KernelError
from convcli.padding import Padding
from convcli.spec import Stage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

NUMERIC = Path(__file__).parents[2] / "shared" / "testdata" / "numeric"
ZERO = Padding("constant")
BORDERS = {"constant 0": ZERO, "edge": Padding("edge")}


def cases(path: str, key: str | None = None) -> list[Any]:
    """The cases of a file; one that is skipped, with the reason, where the file is absent."""
    file = NUMERIC / path
    if not file.is_file():
        reason = f"no {path} in shared/testdata/numeric beside the checkout"
        return [pytest.param(None, marks=pytest.mark.skip(reason=reason))]
    listed = json.loads(file.read_text())
    listed = listed[key] if key else listed
    return [
        pytest.param(case, id=str(case.get("id") or case.get("name") or n))
        for n, case in enumerate(listed)
    ]


def samples(path: str) -> NDArray[np.uint8]:
    with Image.open(NUMERIC / path) as image:
        return np.array(image, np.uint8)


def rounded(values: Values, high: int = 255) -> NDArray[np.int64]:
    levels = [nearest(value, 0, high) for value in values.ravel().tolist()]
    return np.array(levels, np.int64).reshape(values.shape)


# --- WebNN's reference in JavaScript ------------------------------------------------------------


def shaped(given: dict[str, Any], layout: str, wanted: str) -> Values:
    """The numbers of a tensor, its axes in the order wanted."""
    tensor = np.array(given["data"], np.float64).reshape(given["shape"])
    return tensor.transpose([layout.index(axis) for axis in wanted])


@pytest.mark.parametrize("case", cases("webnn-conv/conv2d.json", "cases"))
def test_webnn_conv2d(case: dict[str, Any]) -> None:
    options = case["options"]
    layout = options.get("inputLayout", "nchw")
    image = shaped(case["input"], layout, "nhwc")[0]
    bank = shaped(case["filter"], options.get("filterLayout", "oihw"), "oihw")
    expected = shaped(case["expected"], layout, "nhwc")[0]
    bias = case["bias"]["data"] if case["bias"] else [0] * len(bank)
    top, bottom, left, right = options.get("padding", [0, 0, 0, 0])
    groups = options.get("groups", 1)
    assert groups in {1, image.shape[2]}
    assert len(bank) % groups == 0

    def layer(image: Values, filters: slice) -> Values:
        return run(
            image,
            Stage(
                bank[filters],
                (0, 0),
                (1.0,) * len(bank[filters]),
                tuple(map(float, bias[filters])),
                padding=ZERO,
                pad_by=(top, right, bottom, left),
                stride=tuple(options.get("strides", (1, 1))),
                dilation=tuple(options.get("dilations", (1, 1))),
            ),
        )

    each = len(bank) // groups
    per_group = [
        layer(part, slice(number * each, (number + 1) * each))
        for number, part in enumerate(np.split(image, groups, axis=2))
    ]
    np.testing.assert_array_equal(np.concatenate(per_group, axis=2), expected)


@pytest.mark.parametrize("case", cases("webnn-conv/pad.json", "cases"))
def test_webnn_pad(case: dict[str, Any]) -> None:
    words = {"edge": "edge", "reflection": "reflect", "symmetric": "symmetric"}
    mode = words.get(case["options"].get("mode"), "constant")
    value = float(case["options"].get("value", 0))
    (top, left), (bottom, right) = case["beginning"][-2:], case["ending"][-2:]
    given, expected = (
        np.array(case[key]["data"]).reshape(-1, *case[key]["shape"][-2:])
        for key in ("input", "expected")
    )
    sides = (top, right, bottom, left)
    stage = Stage(np.ones((1, 1, 1, 1)), (0, 0), padding=Padding(mode, value), pad_by=sides)
    values = run(np.moveaxis(given, 0, 2), stage)
    np.testing.assert_array_equal(np.moveaxis(values, 2, 0), expected)


# --- CS231n's demonstration ---------------------------------------------------------------------


@pytest.mark.parametrize("case", cases("cs231n-demo/cases.json"))
def test_cs231n_demo(case: dict[str, Any]) -> None:
    padded, bank = np.array(case["x_padded"]), np.array(case["w"], np.float64)
    bias, stride = tuple(map(float, case["b"])), (case["stride"],) * 2
    given = Stage(bank, (1, 1), (1.0, 1.0), bias, extent="valid", stride=stride)
    expected = np.moveaxis(np.array(case["output"]), 0, 2)
    np.testing.assert_array_equal(run(np.moveaxis(padded, 0, 2), given), expected)
    # The border of zeros is what padding adds to the 5x5 samples within.
    image = np.moveaxis(padded[:, 1:-1, 1:-1], 0, 2)
    same = Stage(bank, (1, 1), (1.0, 1.0), bias, padding=ZERO, stride=stride)
    np.testing.assert_array_equal(run(image, same), expected)


# --- libvips ------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", cases("libvips-conv/cases.json", "cases"))
def test_libvips_conv(case: dict[str, Any]) -> None:
    arrays = np.load(NUMERIC / "libvips-conv" / "arrays.npz")
    image = arrays[case["image"]]
    kernel, k = np.array(case["kernel"], np.float64), np.shape(case["kernel"])
    # vips lays even kernels with k//2 on the output.
    stage = stage_of(kernel, "correlate", padding=Padding("edge"), anchor=(k[0] // 2, k[1] // 2))
    stage = Stage(stage.bank, stage.anchor, (1 / case["scale"],), padding=stage.padding)
    values = run(image, stage)
    for point in case["points"]:
        value = np.atleast_1d(values[point["y"], point["x"]])
        if image.dtype == np.uint16:  # issue 4955: a negative sum is 0 in unsigned samples
            assert value[0] < 0
            value = np.array([nearest(value[0], 0, 65535)])
        np.testing.assert_allclose(value, point["expected"], rtol=0, atol=point["tol"])
    if "result_key" in case:  # libvips adds in float32
        theirs = arrays[case["result_key"]]
        np.testing.assert_allclose(values, theirs, rtol=0, atol=1e-6 * abs(values).max())
    assert case["points"] or "result_key" in case


def test_libvips_clips_unsigned_sums_below_zero() -> None:
    file = NUMERIC / "libvips-conv" / "arrays.npz"
    if not file.is_file():
        pytest.skip("no libvips-conv in shared/testdata/numeric beside the checkout")
    arrays = np.load(file)
    sharp = stage_of([[-1, -1, -1], [-1, 16, -1], [-1, -1, -1]], padding=Padding("edge"))
    sharp = Stage(sharp.bank, sharp.anchor, (1 / 8,), padding=sharp.padding)
    values = run(arrays["issue4955_ushort"], sharp)
    assert values.min() < 0
    np.testing.assert_array_equal(rounded(values, 65535), arrays["issue4955_result"])


# --- resvg's feConvolveMatrix -------------------------------------------------------------------


@pytest.mark.parametrize("case", cases("svg-feConvolveMatrix/pairs.json"))
def test_svg_pairs(case: dict[str, Any]) -> None:
    """resvg adds in float32 and rounds in its own way: one level apart at most."""
    image = samples(f"svg-feConvolveMatrix/{case['input']}")
    theirs = samples(f"svg-feConvolveMatrix/{case['expected']}")[..., :3].astype(int)
    kernel = np.array(case["kernel"], np.float64)
    rows, columns = kernel.shape
    across, down = case["target"]  # of the window, which is the turned kernel
    padding = {"duplicate": Padding("edge"), "wrap": Padding("wrap"), "none": ZERO}
    turned = stage_of(
        kernel,
        "convolve",
        anchor=(rows - 1 - down, columns - 1 - across),
        padding=padding[case["edge_mode"]],
    )
    scale = 1 / (case["divisor"] or kernel.sum() or 1)
    bias = case["bias_of_full_scale"] * 255.0
    stage = Stage(turned.bank, turned.anchor, (scale,), (bias,), padding=turned.padding)
    assert stage.anchor == (down, across)
    apart = abs(rounded(run(image, stage)) - theirs)
    assert apart.max() <= 1
    assert np.count_nonzero(apart) < 0.01 * apart.size


# --- sharp --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "most"), [("conv-1", 4), ("conv-2", 0)])
def test_sharp_fixtures(name: str, most: int) -> None:
    """sharp itself compares conv-1 by its looks only; conv-2 is equal to the last level."""
    file = NUMERIC / "sharp-convolve" / "cases.json"
    if not file.is_file():
        pytest.skip("no sharp-convolve in shared/testdata/numeric beside the checkout")
    case = next(case for case in json.loads(file.read_text()) if case["id"] == name)
    image = samples(f"sharp-convolve/{case['input']}")
    theirs = samples(f"sharp-convolve/{case['expected']}")[..., 0].astype(int)
    laid = stage_of(case["kernel"], padding=Padding("edge"))
    stage = Stage(laid.bank, laid.anchor, (1 / case["divisor"],), padding=laid.padding)
    assert abs(rounded(run(image, stage)) - theirs).max() <= most


# --- imageproc, ImageFiltering.jl, Pillow, conv_arithmetic --------------------------------------


@pytest.mark.parametrize("case", cases("misc-literals/cases.json", "cases"))
def test_misc_literals(case: dict[str, Any]) -> None:
    if "expected_file" in case:
        pillow(case)
        return
    kernel, expected = np.array(case["k"]), np.array(case["expected"])
    if "anchor_row_col" in case:  # outside the kernel: only a stage can say so
        row, column = case["anchor_row_col"]
        stage = Stage(kernel[None, None], (row, column), padding=ZERO)
    else:
        centre = (kernel.shape[0] // 2, kernel.shape[1] // 2)
        stage = stage_of(kernel, case["op"], anchor=centre, padding=BORDERS[case["pad_mode"]])
    values = run(case["x"], stage)
    if case.get("rounding") == "truncate":  # imageproc cuts 11.8 to 11
        np.testing.assert_array_equal(np.floor(values + 1e-9), expected)
    else:
        np.testing.assert_allclose(values, expected, rtol=1e-12)


def pillow(case: dict[str, Any]) -> None:
    """Pillow turns a kernel upside down before it correlates, and copies the border."""
    image = samples(f"misc-literals/{case['input']}")
    theirs = samples(f"misc-literals/{case['expected_file']}").astype(int)
    laid = stage_of(np.array(case["kernel"])[::-1], "correlate", extent="valid")
    stage = Stage(laid.bank, laid.anchor, (1 / case["scale"],), extent="valid")
    margin = len(case["kernel"]) // 2
    inside = slice(margin, -margin)
    np.testing.assert_array_equal(rounded(run(image, stage)), theirs[inside, inside])


@pytest.mark.parametrize("case", cases("misc-literals/cases.json", "pad"))
def test_julia_padding(case: dict[str, Any]) -> None:
    top, left, bottom, right = case["top_left_bottom_right"]
    stage = Stage(
        np.ones((1, 1, 1, 1)),
        (0, 0),
        padding=Padding.parse(f"numpy:{case['numpy_mode']}"),
        pad_by=(top, right, bottom, left),
    )
    assert run(case["input"], stage).tolist() == case["expected"]


@pytest.mark.parametrize("key", ["cases", "also"])
def test_published_sizes(key: str) -> None:
    file = NUMERIC / "misc-literals" / "sizes.json"
    if not file.is_file():
        pytest.skip("no misc-literals in shared/testdata/numeric beside the checkout")
    listed = json.loads(file.read_text())[key]
    for case in listed:
        stage = Stage(
            np.ones((1, 1, case["k"], 1)),
            (0, 0),
            pad_by=(case["p"], 0, case["p"], 0),
            stride=(case["s"], 1),
            dilation=(case["d"], 1),
        )
        if case["i"] < case["k"]:
            with pytest.raises(KernelError, match="it spans 5 rows, the image has 2"):
                stage.size(0, case["i"])
        else:  # where the kernel does not come out even, the rest is not read
            assert stage.size(0, case["i"]) == (case["o"] or 4)
    assert len(listed) >= 3
