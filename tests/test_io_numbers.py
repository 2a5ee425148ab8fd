""".npy and text of numbers: shapes, dtypes, and what is refused."""

from __future__ import annotations

from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from convcli.cli.main import run
from convcli.errors import InputError, OutputError
from convcli.io import Image, decode, encode, probe

if TYPE_CHECKING:
    from pathlib import Path


def saved(array: Any) -> bytes:
    stream = BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def load(payload: bytes) -> Any:
    return np.load(BytesIO(payload), allow_pickle=False)


DTYPES = ["?", "i1", "u1", "<i2", ">i2", "<u4", ">i8", "<u8", "<f2", ">f4", "<f8", ">f8"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(6,), (1,), (3, 4), (1, 4), (3, 1), (2, 3, 4), (2, 3, 1)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_keeps_shape_dtype_and_values(dtype: str, shape: tuple[int, ...], order: str) -> None:
    values = np.arange(np.prod(shape)).reshape(shape)
    array = np.array(values, dtype, order="F" if order == "F" else "C")
    payload = saved(array)
    image, header = decode(payload, "x.npy", max_pixels=100), probe(payload, "x.npy")
    assert (header.height, header.width, header.channels) == image.samples.shape
    assert (header.dtype, header.layout, image.layout) == (array.dtype.name, "numbers", "numbers")
    assert image.samples.dtype.isnative
    assert image.samples.flags.c_contiguous
    assert image.samples.flags.writeable
    back = load(encode(image, "NPY"))
    assert back.dtype == array.dtype.newbyteorder("=")
    assert back.shape == shape
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize(
    "array",
    [
        np.array(3.0),
        np.zeros((1, 1, 1, 1)),
        np.zeros((0, 3)),
        np.zeros(3, complex),
        np.array(["a"]),
        np.array([object()], dtype=object),
        np.zeros(2, [("a", int)]),
        np.zeros(2, "datetime64[s]"),
    ],
)
def test_npy_of_other_things_is_refused(array: Any) -> None:
    for reader in (partial(decode, max_pixels=None), probe):
        with pytest.raises(InputError, match=r"x\.npy (holds|has shape)") as caught:
            reader(saved(array), "x.npy")
        assert caught.value.hint.startswith("convcli takes ")


@pytest.mark.parametrize(
    "descr", ["garbage", "<M8[zz]", "<i3", "", "\\x00", "3f8", "<f8,<f8", "<f12", "<f16", "<c8"]
)
def test_npy_of_no_dtype_is_refused_in_plain_words(descr: str) -> None:
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': (1,)}}"
    with pytest.raises(InputError, match=r"x\.npy holds '.*'\."):
        probe(npy_header(text), "x.npy")


def npy_header(text: str) -> bytes:
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    "text",
    [
        "-" * 5000 + "1",
        "(" * 9000,
        "[1",
        "{}",
        "7",
        "{'descr': '<f8', 'shape': 1 + 'a'}",
        "\0",
        "{[]: 1}",
    ],
)
def test_npy_headers_that_are_no_header_are_refused_in_plain_words(text: str) -> None:
    with pytest.raises(InputError, match=r"x\.npy can't be read: its \.npy header names no dtype"):
        probe(npy_header(text), "x.npy")


def test_npy_sizes_are_held_against_the_bytes_and_the_limit() -> None:
    huge = npy_header("{'descr': '<f8', 'fortran_order': False, 'shape': (60000, 60000), }")
    with pytest.raises(InputError, match=r"x\.npy is too large"):
        decode(huge, "x.npy", max_pixels=10**8)
    with pytest.raises(InputError, match=r"x\.npy can't be read: it holds 0 bytes"):
        decode(huge, "x.npy", max_pixels=None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[" * 5000,
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-1, -1)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (True, 2)}",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': 1}",
        "__import__('os')",
    ],
)
def test_npy_headers_are_data_only(text: str) -> None:
    with pytest.raises(InputError, match=r"x\.npy"):
        decode(npy_header(text) + bytes(64), "x.npy", max_pixels=None)


def test_npy_cut_anywhere_is_refused() -> None:
    payload = saved(np.arange(12.0).reshape(3, 4))
    for end in range(1, len(payload)):
        with pytest.raises(InputError):
            decode(payload[:end], "x.npy", max_pixels=None)


@pytest.mark.parametrize(
    ("text", "wanted", "ndim"),
    [
        ("1,2,3\n4,5,6\n", [[1, 2, 3], [4, 5, 6]], 2),
        ("1;2;3", [[1, 2, 3]], 1),
        ("1\t-2\r\n3\t+4\r\n", [[1, -2], [3, 4]], 2),
        ("  1   2.5  \n 3 4 # four\n\n# done\n", [[1, 2.5], [3, 4]], 2),
        ("\ufeff1, 2\n3 ,4", [[1, 2], [3, 4]], 2),
        ("1e3,nan\n-inf,.5", [[1000, np.nan], [-np.inf, 0.5]], 2),
        ("9223372036854775807\n-1", [[9223372036854775807], [-1]], 2),
        ("7", [[7]], 1),
        ("-9223372036854775808", [[-9223372036854775808]], 1),
    ],
)
def test_text_of_numbers(text: str, wanted: list[list[float]], ndim: int) -> None:
    image, header = decode(text.encode(), "x.csv", max_pixels=10), probe(text.encode(), "x.csv")
    whole = all(isinstance(value, int) for row in wanted for value in row)
    column = len(wanted[0]) == 1 < len(wanted)
    lying = np.array(wanted).T if column else np.array(wanted)
    np.testing.assert_array_equal(image.samples[:, :, 0], lying)
    assert image.column == column
    assert header.signal == (len(lying) == 1)
    assert image.samples.dtype.name == header.dtype == ("int64" if whole else "float64")
    assert (header.height, header.width, 1) == image.samples.shape
    assert image.ndim == ndim


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"1,2\n3\n", r"x\.csv:2: 1 number, the rows above have 2"),
        (b"# a\n\n1,2\n3,4,5\n", r"x\.csv:4: 3 numbers"),
        (b"1,two\n", r"x\.csv:1, column 2: 'two' is not a number"),
        (b"1,,2\n", r"x\.csv:1, column 2: '' is not a number"),
        (b"1_000,2\n", r"'1_000' is not a number"),
        (b"# only\n", r"x\.csv holds no numbers"),
        (b"1,\xff\n", r"x\.csv is not text in UTF-8"),
        (b"1,2,3,4\n" * 3, r"x\.csv is too large"),
    ],
)
def test_bad_text_says_where(text: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        decode(text, "x.csv", max_pixels=10)


def test_text_of_separators_alone_has_a_place() -> None:
    with pytest.raises(InputError, match=r"x\.csv:1, column 1: '' is not a number"):
        probe(b";;\n", "x.csv")


def test_a_heading_hears_how_it_may_stay() -> None:
    with pytest.raises(InputError, match=r"x\.csv:1, column 1: 'time' is not") as caught:
        decode(b"time,value\n0,1\n", "x.csv", max_pixels=None)
    assert "begin a heading with #" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "dtype"),
    [
        (b"18446744073709551615,0", "uint64"),
        (b"18446744073709551615,-1", "float64"),
        (b"18446744073709551616,1", "float64"),
        (b"9223372036854775807,-9223372036854775808", "int64"),
    ],
)
def test_whole_numbers_take_the_dtype_that_holds_them(text: bytes, dtype: str) -> None:
    image = decode(text, "x.csv", max_pixels=None)
    assert image.samples.dtype.name == probe(text, "x.csv").dtype == dtype
    assert image.samples[0, 0, 0] == float(text.split(b",")[0]) or dtype != "float64"
    if dtype != "float64":
        assert [int(value) for value in image.samples.ravel()] == [int(w) for w in text.split(b",")]


def test_numbers_survive_the_text() -> None:
    rng = np.random.default_rng(3)
    values = np.concatenate([rng.standard_normal(500), [0.1, 1e-320, 1.7e308, -0.0, np.inf]])
    for array in (values.reshape(5, -1, 1), rng.integers(-(2**63), 2**63 - 1, (4, 9, 1))):
        image = Image(array, "numbers", ndim=2)
        text = encode(image, "CSV")
        back = decode(text, "x.csv", max_pixels=None)
        assert back.samples.dtype == array.dtype
        assert back.samples.tobytes() == array.tobytes()
        assert encode(back, "CSV") == text


def test_a_line_comes_back_as_a_line_and_floats_stay_short() -> None:
    line = decode(b"1,2.5,3", "x.csv", max_pixels=None)
    assert encode(line, "CSV") == b"1.0,2.5,3.0\n"
    assert load(encode(line, "NPY")).shape == (3,)
    short = Image(np.array([[[0.1]]], np.float32), "numbers", ndim=2)
    assert encode(short, "CSV") == b"0.1\n"


def test_tabs_stand_between_the_numbers_of_a_tsv(tmp_path: Path) -> None:
    source, tabs, again = (tmp_path / name for name in ("x.csv", "y.tsv", "z.tsv"))
    source.write_text("1,2\n3,4\n")
    for name, target in ((source, tabs), (tabs, again)):
        assert run(["apply", str(name), "-o", str(target), "-k", "identity", "-q"]) == 0
        assert target.read_text() == "1\t2\n3\t4\n"


@pytest.mark.parametrize("form", ["CSV", "TSV"])
def test_text_holds_one_channel(form: str) -> None:
    with pytest.raises(OutputError, match=f"3 channels; {form} holds one"):
        encode(Image(np.zeros((2, 2, 3)), "numbers"), form)


def test_numbers_are_known_without_a_suffix() -> None:
    assert probe(b"1 2 3\n", "-").format == "CSV"
    assert probe(saved(np.zeros(3)), "photo.png").format == "NPY"
    with pytest.raises(InputError, match="not an image"):
        probe(b"one two\n", "-")
