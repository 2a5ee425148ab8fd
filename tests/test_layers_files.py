"""`layers:` in kernel files: every key, inline or from .npy and .npz, and every mistake at once."""

from __future__ import annotations

import io
import zipfile
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import convcli
from convcli.errors import KernelError
from convcli.kernels import library
from convcli.kernels.arrayfile import MOST_WEIGHTS
from convcli.kernels.kernelfile import check_file, load_file
from convcli.padding import Padding

if TYPE_CHECKING:
    from pathlib import Path

    from convcli.kernels.layer import Layer

INLINE = """
name: edges
units: full
range: stretch
layers:
  - name: differences
    weights:
      - - |
          -1 0 1
          -2 0 2
          -1 0 1
      - [[[-1, -2, -1], [0, 0, 0], [1, 2, 1]]]
    scale: 1/8
    bias: [0.5, -1/4]
    stride: [2, 3]
    dilation: 2
    pad-by: [1, 2, 3, 4]
    padding: constant:0.5
    activation: abs
  - weights: [[[[1]], [[1]]]]
    extent: same
    padding: edge
"""


def file(folder: Path, text: str, name: str = "net.yaml") -> Path:
    path = folder / name
    path.write_text(dedent(text).lstrip())
    return path


def layers(folder: Path, text: str) -> tuple[Layer, ...]:
    return load_file(file(folder, text)).layers


def one(folder: Path, *lines: str, weights: str = "[[[[1, 2, 3]]]]") -> Layer:
    body = "".join(f"    {line}\n" for line in lines)
    (layer,) = layers(folder, f"layers:\n  - weights: {weights}\n{body}")
    return layer


def test_every_key_of_a_layer_is_read(tmp_path: Path) -> None:
    recipe = load_file(file(tmp_path, INLINE))
    assert (recipe.name, recipe.units, recipe.range, recipe.kernels) == (
        *("edges", "full", "stretch"),
        (),
    )
    first, second = recipe.layers
    assert first.weights.tolist() == [
        [[[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]],
        [[[-1, -2, -1], [0, 0, 0], [1, 2, 1]]],
    ]
    assert (first.name, first.scale, first.bias) == ("differences", 0.125, (0.5, -0.25))
    assert (first.stride, first.dilation, first.pad_by) == ((2, 3), (2, 2), (1, 2, 3, 4))
    assert (first.padding, first.activation) == (Padding("constant", 0.5), "abs")
    assert (second.extent, second.pad_by, second.padding) == ("same", None, Padding("edge"))
    assert second.bias == (0.0,)


def test_toml_says_the_same(tmp_path: Path) -> None:
    text = """
    units = "full"
    [[layers]]
    weights = [[[[-1, 0, 1]]], [[[1, 0, -1]]]]
    bias = [0.5, 1]
    [[layers]]
    weights = [[[[1]], [[-1]]]]
    """
    recipe = load_file(file(tmp_path, text, "net.toml"))
    assert [layer.filters for layer in recipe.layers] == [2, 1]
    assert recipe.layers[0].bias == (0.5, 1.0)
    assert recipe.units == "full"


def test_a_layer_that_says_nothing_is_torchs_conv2d(tmp_path: Path) -> None:
    layer = one(tmp_path)
    assert (layer.stride, layer.dilation, layer.groups) == ((1, 1), (1, 1), 1)
    assert (layer.pad_by, layer.padding) == ((0, 0, 0, 0), Padding("constant"))
    assert (layer.bias, layer.activation, layer.scale) == ((0.0,), "none", 1.0)


def test_layers_are_correlated_unless_the_file_or_the_caller_says_convolve(tmp_path: Path) -> None:
    image = np.array([[1.0, 10, 100]])
    path = file(tmp_path, "layers:\n  - weights: [[[[1, 2, 3]]]]\n")
    assert convcli.apply(image, str(path)).tolist() == [[321]]
    assert convcli.apply(image, str(path), operation="convolve").tolist() == [[123]]
    path = file(tmp_path, "operation: convolve\nlayers:\n  - weights: [[[[1, 2, 3]]]]\n")
    assert convcli.apply(image, str(path)).tolist() == [[123]]


def test_onnx_pads_are_top_left_bottom_right(tmp_path: Path) -> None:
    assert one(tmp_path, "onnx-pads: [1, 2, 3, 4]").pad_by == (1, 4, 3, 2)
    assert one(tmp_path, "pad-by: [1, 2, 3, 4]").pad_by == (1, 2, 3, 4)
    assert one(tmp_path, "pad-by: 2").pad_by == (2, 2, 2, 2)


def test_uneven_pads_stand_where_they_are_said(tmp_path: Path) -> None:
    path = file(tmp_path, "layers:\n  - weights: [[[[1]]]]\n    onnx-pads: [0, 1, 2, 3]\n")
    found = convcli.apply(np.ones((1, 1)), str(path))
    assert found.tolist() == [[0, 1, 0, 0, 0], [0] * 5, [0] * 5]


# --- arrays in files ----------------------------------------------------------------------------


@pytest.fixture
def weights(tmp_path: Path) -> dict[str, Any]:
    chance = np.random.default_rng(5)
    arrays = {
        "conv1.weight": chance.random((4, 3, 3, 2)).astype(np.float32),
        "conv1.bias": chance.random(4).astype(np.float32),
    }
    np.savez_compressed(tmp_path / "net.npz", **arrays)  # type: ignore[arg-type]  # its stub
    np.save(tmp_path / "w.npy", np.asfortranarray(arrays["conv1.weight"]))
    return arrays


@pytest.mark.parametrize("reference", ["net.npz:conv1.weight", "w.npy"])
def test_weights_are_taken_from_arrays_as_torch_and_onnx_lay_them_out(
    tmp_path: Path, weights: dict[str, Any], reference: str
) -> None:
    layer = one(tmp_path, "bias: net.npz:conv1.bias", weights=reference)
    assert layer.weights.tolist() == weights["conv1.weight"].tolist()
    assert layer.bias == tuple(weights["conv1.bias"].tolist())
    assert layer.weights.dtype == np.float64


def test_a_name_may_be_left_out_of_one_array(tmp_path: Path) -> None:
    np.savez(tmp_path / "only.npz", w=np.ones((1, 1, 2, 2)))
    assert one(tmp_path, weights="only.npz").weights.shape == (1, 1, 2, 2)


def test_a_kernel_file_is_read_from_anywhere(
    tmp_path: Path, weights: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    file(tmp_path, "layers:\n  - weights: w.npy\n", "mine.yaml")
    monkeypatch.chdir("/")
    recipe = library.find("mine", [library.Place(tmp_path, "here")])
    assert recipe.layers[0].weights.shape == weights["conv1.weight"].shape


def said(folder: Path, text: str) -> list[str]:
    return [
        f"{fault.line}:{fault.column}: {fault.text}" for fault in check_file(file(folder, text))
    ]


def refused(folder: Path, reference: str, key: str = "weights") -> str:
    first = "" if key == "weights" else "weights: [[[[1]]]]\n    "
    (fault,) = said(folder, f"layers:\n  - {first}{key}: {reference}\n")
    return fault


def test_what_is_wrong_with_an_array_is_said_at_its_name(
    tmp_path: Path, weights: dict[str, Any]
) -> None:
    del weights
    np.save(tmp_path / "nan.npy", np.full((1, 1, 1, 1), np.nan))
    np.save(tmp_path / "complex.npy", np.ones((1, 1, 1, 1), complex))
    np.save(tmp_path / "empty.npy", np.ones((1, 0, 1, 1)))
    np.save(tmp_path / "objects.npy", np.array([[[[{}]]]], dtype=object), allow_pickle=True)
    (tmp_path / "text.npy").write_text("1 2 3")
    (tmp_path / "text.npz").write_text("1 2 3")
    whole = (tmp_path / "w.npy").read_bytes()
    (tmp_path / "short.npy").write_bytes(whole[:-1])
    assert {name: refused(tmp_path, name).partition(": ")[2] for name in FAULTS} == FAULTS


FAULTS = {
    "none.npy": "'none.npy' does not exist",
    "../w.npy": "'../w.npy' lies outside the folder of this file",
    "/etc/w.npy": "'/etc/w.npy' lies outside the folder of this file",
    "weights.txt": "'weights' 'weights.txt' is neither numbers nor a file. "
    "Write a list, file.npy, or file.npz:name.",
    "net.npz": "'net.npz' holds 2 arrays. "
    "Say which, as net.npz:name: 'conv1.weight', 'conv1.bias'.",
    "net.npz:conv2": "'net.npz' has no 'conv2'. "
    "Say which, as net.npz:name: 'conv1.weight', 'conv1.bias'.",
    "net.npz:conv1.bias": "'net.npz:conv1.bias' has shape (4,); "
    "needed is (filter, channel, row, column)",
    "nan.npy": "'nan.npy' holds NaN or infinity; weights are finite",
    "complex.npy": "'complex.npy' holds complex128; weights are real numbers",
    "empty.npy": "'empty.npy' has shape (1, 0, 1, 1); needed is (filter, channel, row, column)",
    "objects.npy": "'objects.npy' holds object; weights are real numbers",
    "text.npy": "'text.npy' cannot be read: EOF: reading magic string, expected 8 bytes got 5",
    "text.npz": "'text.npz' cannot be read: File is not a zip file",
    "short.npy": "'short.npy' ends after 287 bytes of 288",
}


def test_a_link_out_of_the_folder_is_outside(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    np.save(tmp_path / "w.npy", np.ones((1, 1, 1, 1)))
    (inner / "link.npy").symlink_to(tmp_path / "w.npy")
    assert "lies outside the folder" in refused(inner, "link.npy")


def test_an_array_that_claims_to_be_huge_is_refused_by_its_header(tmp_path: Path) -> None:
    stream = io.BytesIO()
    shape = (MOST_WEIGHTS, 1, 1, 2)
    header = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w") as archive:
        archive.writestr("w.npy", stream.getvalue())
    assert refused(tmp_path, "bomb.npz").endswith("has more than 4,000,000 weights")


def test_groups_together_have_a_limit_too(tmp_path: Path) -> None:
    np.save(tmp_path / "w.npy", np.ones((4001, 1, 1, 1)))
    (fault,) = said(tmp_path, "layers:\n  - weights: w.npy\n    groups: 4001\n")
    assert fault.endswith("filters x channels x rows x columns are more than 16,000,000")


# --- mistakes -----------------------------------------------------------------------------------

BROKEN = """
scale: 2
units: volts
layers:
  - weights:
      - - |
          1 x 1
          1 1
    bias: [1, y]
    stride: 0
    pad-by: [1, 2]
    extent: same
    activation: rleu
    wieght: 3
  - 5
  - weights: [[[1, 2], [3, 4]]]
    padding: mirror
  - weights: [[[[1]]], [[[1, 2]], [[3, 4]]]]
    onnx-pads: [0, 0, 0]
  - weights: [[[[1]]], [[[2]]], [[[2]]]]
    groups: 2
    bias: [1, 2]
    scale: 0
  - stride: 2
"""


def test_all_mistakes_of_a_file_are_told_at_once_with_line_and_column(tmp_path: Path) -> None:
    four = "numbers four levels deep: filters, channels, rows, columns, as [[[[1, 2], [3, 4]]]]"
    found = said(tmp_path, BROKEN)
    known = "none, relu, leaky, sigmoid, tanh, abs, square, threshold"
    modes = "constant[:V], edge, reflect, symmetric, wrap, normalize"
    assert found == [
        "1:1: 'scale' and 'layers' exclude each other",
        "2:8: 'units' 'volts' is not one of samples, full.",
        "6:13: 'x' is not a number",
        "7:11: row 2 has 2 numbers, row 1 has 3",
        "8:15: 'bias': 'y' is not a number",
        "9:13: 'stride' takes 1 or 2 whole numbers from 1 to 10000",
        "10:5: 'extent' and 'pad-by' are one thing",
        f"12:17: 'activation' 'rleu' is not one of {known}. Did you mean 'relu'?",
        "13:5: unknown key 'wieght'. Did you mean 'weights'?",
        "14:5: a layer needs keys and values, such as 'weights:'",
        f"15:16: 'weights' are {four}",
        f"15:24: 'weights' are {four}",
        f"16:14: 'mirror' is not a padding. Did you mean 'scipy:mirror'? ({modes})",
        "17:24: filter 2 has 2 channels, filter 1 has 1",
        "17:24: filter 2 has a 1x2 matrix, filter 1 begins with one of 1x1",
        "18:16: 'onnx-pads' takes 4 whole numbers from 0 to 10000: top, left, bottom, right",
        "20:13: 3 filters cannot be shared out among 2 groups",
        "21:11: 'bias' has 2 numbers, one for each of 3 filters is needed",
        "22:12: a scale of 0 is impossible",
        f"23:5: a layer needs 'weights:', a file or {four}",
    ]


@pytest.mark.parametrize("key", ["matrix", "kernels", "combine", "bias", "activation", "anchor"])
def test_keys_of_a_single_filter_do_not_go_with_layers(tmp_path: Path, key: str) -> None:
    found = said(tmp_path, f"{key}: 1\nlayers:\n  - weights: [[[[1]]]]\n")
    assert f"1:1: '{key}' and 'layers' exclude each other" in found


def test_units_are_for_layers(tmp_path: Path) -> None:
    assert said(tmp_path, "matrix: [[1]]\nunits: full\n") == [
        "2:1: 'units' is for files with 'layers:'"
    ]


def test_a_layer_that_reads_other_than_the_one_before_gives_is_named(tmp_path: Path) -> None:
    text = """
    layers:
      - weights: [[[[1]]], [[[2]]]]
      - weights: [[[[1]], [[1]]]]
      - weights: [[[[1]], [[1]], [[1]]]]
    """
    assert said(tmp_path, text) == ["4:5: layer 3 reads 3 channels, but layer 2 gives 1"]


def test_normalize_has_no_meaning_across_channels(tmp_path: Path) -> None:
    (fault,) = said(tmp_path, "layers:\n  - weights: [[[[1]]]]\n    padding: normalize\n")
    assert fault.startswith("3:14: 'normalize' divides by weights")


@pytest.mark.parametrize("text", ["layers: []", "layers: 3", "layers:", "layers: {a: 1}"])
def test_layers_are_a_list(tmp_path: Path, text: str) -> None:
    (fault,) = said(tmp_path, f"{text}\n")
    assert fault.endswith("'layers' is a list of 1 to 100 layers, each with 'weights:'")


def test_weights_too_large_for_a_sum_are_refused(tmp_path: Path) -> None:
    (fault,) = said(tmp_path, "layers:\n  - weights: [[[[1e308, 1e308]]]]\n")
    assert fault == "2:14: the weights add up to more than a 64-bit number holds"


def test_a_network_takes_no_parameters_and_is_no_kernel_to_use(tmp_path: Path) -> None:
    file(tmp_path, "layers:\n  - weights: [[[[1]]]]\n", "net.yaml")
    places = [library.Place(tmp_path, "here")]
    with pytest.raises(KernelError, match="fixed weights and takes no parameters"):
        library.find("net:2", places)
    path = file(tmp_path, "kernels:\n  - use: net\n", "other.yaml")
    assert [fault.text for fault in library.check_file(path, places)] == [
        "'net' has layers; use one of one kernel"
    ]
    with pytest.raises(KernelError, match="'net' has layers of filters, and no single kernel"):
        library.find("net", places).kernel  # noqa: B018 - it raises
