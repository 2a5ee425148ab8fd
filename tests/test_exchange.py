"""Kernels of other programs: what is read, what is written, and that both say the same."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from convcli import apply
from convcli.cli.main import run
from convcli.errors import KernelError
from convcli.kernels.exchange import FORMATS, read, write
from convcli.kernels.kernel import Bias, Kernel, Recipe
from convcli.kernels.library import find

if TYPE_CHECKING:
    from convcli.kernels.kernel import Operation

BOTH = [name for name, form in FORMATS.items() if form.reads and form.writes]
SUFFIX = {"opencv": ".yaml", "svg": ".svg", "csv": ".csv", "numpy": ".npz", "vips": ".mat"}
SUFFIX |= {"photoshop": ".acf", "gdal": ".vrt", "sharp": ".json"}

IMAGE = np.random.default_rng(7).integers(0, 256, (12, 15)).astype(np.float64)

BIASED = {"vips", "svg", "gegl", "ffmpeg", "opencv", "photoshop", "sharp", "numpy"}


def rows(text: str) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(map(float, row.split())) for row in text.split(";"))


LOPSIDED = Recipe(
    "lopsided", (Kernel(rows("1 2 3; 4 5 6; 7 8 10"), scale=1 / 46),), operation="convolve"
)
KERNELS = {
    "lopsided": LOPSIDED,
    "correlated": Recipe("correlated", (Kernel(rows("1 2; 3 4; 5 7")),), operation="correlate"),
    "convolved": Recipe("convolved", (Kernel(rows("1 -2; 3 4")),), operation="convolve"),
    "anchored": Recipe(
        "anchored", (Kernel(rows("1 2 3; 4 5 7"), anchor=(0, 2)),), operation="correlate"
    ),
    "row": Recipe("row", (Kernel(rows("1 2 4"), scale=0.25),), operation="correlate"),
    "unstated": Recipe("unstated", (Kernel(rows("0 -1 0; -1 5 -1; 0 -1 0")),)),
}


def through(recipe: Recipe, name: str, folder: Path) -> Recipe:
    """A recipe as it comes back from a file of that format."""
    path = folder / f"kernel{SUFFIX.get(name, '.txt')}"
    path.write_bytes(write(recipe, name).data)
    return find(str(path))


def inner(recipe: Recipe) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """The filtered image away from its edges: zeros around a kernel widen what is padded."""
    return apply(IMAGE, recipe)[3:-3, 3:-3]


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("first", BOTH)
def test_a_kernel_filters_alike_after_any_two_formats(
    first: str, kernel: str, tmp_path: Path
) -> None:
    recipe = KERNELS[kernel]
    once = through(recipe, first, tmp_path)
    np.testing.assert_allclose(inner(once), inner(recipe), rtol=1e-14, atol=1e-11)
    for second in BOTH:
        twice = through(once, second, tmp_path)
        np.testing.assert_allclose(inner(twice), inner(recipe), rtol=1e-14, atol=1e-11)


@pytest.mark.parametrize("name", sorted(BIASED))
def test_a_bias_is_carried_over(name: str, tmp_path: Path) -> None:
    recipe = Recipe("biased", (Kernel(rows("0 0 0; 0 1 0; 0 0 0")),), bias=Bias(51.0))
    bias = through(recipe, name, tmp_path).bias
    assert bias.value + 255 * bias.share == pytest.approx(51, abs=1e-12)


@pytest.mark.parametrize("name", sorted({*BOTH, "c", "latex"} - BIASED - {"gdal"}))
def test_a_bias_without_a_place_is_said(name: str) -> None:
    recipe = Recipe("biased", (Kernel(rows("0 0 0; 0 1 0; 0 0 0")),), bias=Bias(51.0))
    said = [*write(recipe, name).notes, write(recipe, name).data.decode()]
    assert any("51" in note or "20" in note for note in said)


def test_integers_and_divisors_stay_what_they_are() -> None:
    ninths = find("box")
    assert write(ninths, "vips").data == b"3 3 9 0\n1 1 1\n1 1 1\n1 1 1\n"
    assert b'divisor="9"' in write(ninths, "svg").data
    assert b"divisor=9 offset=0" in write(ninths, "gegl").data
    assert b"DIVISOR 9" in write(ninths, "grass").data
    assert b'"scale": 9' in write(ninths, "sharp").data
    assert b"\\frac{1}{9}" in write(ninths, "latex").data
    assert struct.unpack(">27h", write(ninths, "photoshop").data)[25:] == (9, 0)
    assert read_text("vips", "3 3 9 0\n1 1 1\n1 1 1\n1 1 1\n").kernel.scale == 1 / 9


def read_text(name: str, text: str) -> Recipe:
    from convcli.kernels.exchange import _read

    return _read(name, text.encode(), "x:")


def test_c_and_latex_have_their_own_conventions() -> None:
    assert "{10, 8, 7}" in write(plain(LOPSIDED), "c").data.decode()
    assert "1 & 2 & 3 \\\\" in write(plain(LOPSIDED), "latex").data.decode()


def plain(recipe: Recipe) -> Recipe:
    return Recipe(recipe.name, (Kernel(recipe.kernel.matrix),), operation=recipe.operation)


@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if form.writes])
def test_what_is_no_linear_filter_is_refused(name: str) -> None:
    with pytest.raises(KernelError, match="2 kernels, combined by magnitude"):
        write(find("sobel"), name)
    one = Recipe("bent", (Kernel(rows("1")),), activation="relu")
    with pytest.raises(KernelError, match="'bent' has the activation relu"):
        write(one, name)
    layers = Path(__file__).parent.parent / "samples/networks/edges.yaml"
    with pytest.raises(KernelError, match="'edges' has layers of filters"):
        write(find(str(layers)), name)


def test_a_share_of_the_full_range_becomes_levels_of_8_bits(tmp_path: Path) -> None:
    recipe = Recipe("grey", (Kernel(rows("0 1 0; 1 2 1; 0 1 0")),), bias=Bias(share=0.5))
    assert through(recipe, "vips", tmp_path).bias == Bias(127.5)


@pytest.mark.parametrize("name", ["grass", "photoshop"])
def test_fractions_become_whole_numbers_and_a_factor(name: str, tmp_path: Path) -> None:
    recipe = Recipe("half", (Kernel(rows("1.5 3 1.5; 3 6 3; 1.5 3 1.5"), scale=1 / 24),))
    np.testing.assert_allclose(inner(through(recipe, name, tmp_path)), inner(recipe), rtol=1e-15)


@pytest.mark.parametrize("operation", ["convolve", "correlate"])
@pytest.mark.parametrize("name", BOTH)
def test_sums_of_kernels_become_one(name: str, operation: Operation, tmp_path: Path) -> None:
    parts = (Kernel(rows("1 2 3")), Kernel(rows("4; 5; 6"), scale=0.5, anchor=(0, 0)))
    for combine in ("sum", "mean"):
        recipe = Recipe("both", parts, combine=combine, operation=operation)
        np.testing.assert_allclose(inner(through(recipe, name, tmp_path)), inner(recipe))


def test_the_greatest_of_several_is_a_list_of_imagemagick(tmp_path: Path) -> None:
    recipe = find("kirsch")
    written = write(recipe, "imagemagick")
    assert written.data.count(b";") == 7
    assert any("compose=Lighten" in note for note in written.notes)
    np.testing.assert_allclose(inner(through(recipe, "imagemagick", tmp_path)), inner(recipe))


@pytest.mark.parametrize(
    ("name", "kernel", "why"),
    [
        ("ffmpeg", "gaussian:sigma=1,radius=2", "whole numbers"),
        ("ffmpeg", "box:9", "9 x 9"),
        ("gegl", "box:7", "holds 5 x 5"),
        ("photoshop", "box:7", "holds 5 x 5"),
        ("photoshop", "gaussian:sigma=1,radius=2", "whole numbers"),
        ("grass", "gaussian:sigma=1,radius=2", "whole numbers"),
        ("gdal", "emboss-bias", "no bias"),
    ],
)
def test_what_a_format_cannot_hold_is_an_error(name: str, kernel: str, why: str) -> None:
    with pytest.raises(KernelError, match=why):
        write(find(kernel), name)


def test_halves_become_whole_numbers_for_ffmpeg() -> None:
    recipe = Recipe("halves", (Kernel(rows("0.5 1 0.5")),))
    text = write(recipe, "ffmpeg").data.decode()
    assert "0m='0 0 0 1 2 1 0 0 0'" in text
    assert "0rdiv=0.5:" in text


# --- what is read --------------------------------------------------------------------------------

SHARPEN = rows("0 -1 0; -1 5 -1; 0 -1 0")


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("a.mat", "3 3\n0 -1 0\n-1 5 -1\n0 -1 0\n"),
        ("a.mat", "3\t3\t1\t0\n0 -1 0\n-1 5 -1\n0 -1 0"),
        ("a.txt", "3x3: 0,-1,0 -1,5,-1 0,-1,0"),
        ("a.txt", "(0,-1,0;-1,5,-1;0,-1,0)"),
        ("a.txt", "-matrix=0,-1,0;-1,5,-1;0,-1,0"),
        ("a.txt", "convolution=0m='0 -1 0 -1 5 -1 0 -1 0'"),
        ("a.txt", "TITLE x\nMATRIX 3\n0 -1 0\n-1 5 -1\n0 -1 0\nDIVISOR 0\nTYPE P\n"),
        ("a.txt", '{"width": 3, "height": 3, "kernel": [0, -1, 0, -1, 5, -1, 0, -1, 0]}'),
        ("a.csv", "0;-1;0\n-1;5;-1\n0;-1;0\n"),
        ("a.csv", "# x\n0,-1,0\n-1,5,-1\n0,-1,0\n"),
        ("a.csv", "0\t-1\t0\n-1\t5\t-1\n0\t-1\t0\n"),
        ("a.json", "[[0,-1,0],[-1,5,-1],[0,-1,0]]"),
        (
            "a.vrt",
            (
                '<VRT><Kernel normalized="1"><Size>3</Size><Coefs>0 -1 0 -1 5 -1 0 -1 0</Coefs>'
                "</Kernel></VRT>"
            ),
        ),
        ("a.svg", '<svg ><s:feConvolveMatrix kernelMatrix="0 -1 0 -1,5 -1 0 -1 0"/></svg>'),
        (
            "a.svg",
            (
                '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://nowhere.invalid/svg.dtd">'
                '<svg><feConvolveMatrix order="3" kernelMatrix="0 -1 0 -1 5 -1 0 -1 0"/></svg>'
            ),
        ),
        ("a.txt", 'order="3" kernelMatrix="0 -1 0 -1 5 -1 0 -1 0"'),
        (
            "a.yml",
            (
                "%YAML 1.2\n---\nm: !!opencv-matrix\n   rows: 3\n   cols: 3\n   dt: f\n"
                "   data: [ 0., -1., 0., -1., 5., -1., 0., -1., 0. ]\n"
            ),
        ),
        (
            "a.xml",
            (
                '<?xml version="1.0"?><opencv_storage><kernel type_id="opencv-matrix"><rows>3'
                "</rows><cols>3</cols><dt>d</dt><data>0. -1. 0. -1. 5. -1. 0. -1. 0.</data>"
                "</kernel></opencv_storage>"
            ),
        ),
        (
            "a.json",
            (
                '{"kernel": {"type_id": "opencv-matrix", "rows": 3, "cols": 3, "dt": "d",'
                ' "data": [0, -1, 0, -1, 5, -1, 0, -1, 0]}}'
            ),
        ),
    ],
)
def test_a_file_is_known_by_its_content(file: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / file
    path.write_text(text)
    kernel = find(str(path)).kernel
    assert kernel.weights == SHARPEN
    assert kernel.center == (1, 1)


GEGL = {
    "chain": "gegl:convolution-matrix b2=1 c2=0 d2=-1 b3=2 c3=0 d3=-2 b4=1 d4=-1"
    " divisor=2 offset=0.25 normalize=false",
    "xml": "<?xml version='1.0'?><gegl><node operation='gegl:convolution-matrix'><params>"
    + "".join(
        f"<param name='{name}'>{value}</param>"
        for name, value in {
            "b2": 1,
            "d2": -1,
            "b3": 2,
            "c3": 0,
            "d3": -2,
            "b4": 1,
            "d4": -1,
            "divisor": 2,
            "offset": 0.25,
            "normalize": "no",
        }.items()
    )
    + "</params></node></gegl>",
    "preset": '(GimpGegl-gegl-convolution-matrix-config "my own"\n (b2 1.0) (d2 -1.0) (b3 2.0)'
    " (c3 0.0) (d3 -2.0) (b4 1.0) (d4 -1.0) (divisor 2.0) (offset 0.25) (normalize no))",
}


@pytest.mark.parametrize("spelling", GEGL)
def test_gegl_has_letters_for_columns_in_three_spellings(spelling: str) -> None:
    recipe = read_text("gegl", GEGL[spelling])
    assert list(recipe.kernel.weights[1:3]) == [(0, 0.5, 0, -0.5, 0), (0, 1, 0, -1, 0)]
    assert recipe.bias == Bias(share=0.25)
    assert recipe.operation == "correlate"


def test_gegl_normalizes_unless_told_otherwise() -> None:
    assert read_text("gegl", "gegl:convolution-matrix c3=3 c2=1").kernel.sum == 1
    assert read_text("gegl", "gegl:convolution-matrix c3=1 c2=-1").bias == Bias(share=0.5)
    negative = read_text("gegl", "gegl:convolution-matrix c3=-2 border=loop red=false")
    assert (negative.kernel.sum, negative.bias) == (-1, Bias(share=1))
    assert "--padding wrap" in negative.about
    assert "--channels GB" in negative.about


def test_the_specification_of_svg_has_one_worked_number() -> None:
    source = [[0, 20, 40, 235, 235], [100, 120, 140, 235, 235], [200, 220, 240, 235, 235]]
    recipe = find('svg:order="3" kernelMatrix="1 2 3 4 5 6 7 8 9"')
    assert recipe.operation == "convolve"
    assert apply(np.array(source, float), recipe)[1, 1] == pytest.approx(3480 / 45)


def test_a_target_of_svg_counts_in_the_image() -> None:
    recipe = find('svg:order="3 1" kernelMatrix="1 0 0" divisor="1" targetX="0"')
    # R(x) = sum over j of S(x - tX + j) K(oX - j - 1): K(0) = 1 meets j = 2.
    assert apply(np.array([[1.0, 2, 3, 4, 5]]), recipe, padding="edge")[0].tolist() == [
        3,
        4,
        5,
        5,
        5,
    ]


def test_divisor_and_bias_of_svg() -> None:
    zero = find('svg:kernelMatrix="1 0 -1 1 0 -1 1 0 -1" bias="0.5" edgeMode="none"')
    assert (zero.kernel.scale, zero.bias) == (1, Bias(share=0.5))
    assert "--padding constant" in zero.about
    with pytest.raises(KernelError, match="no divisor"):
        find('svg:kernelMatrix="1 0 0 0 0 0 0 0 0" divisor="0"')


def test_blocks_of_grass_are_multiplied_out() -> None:
    block = "TITLE a\nMATRIX 3\n1 2 1\n2 4 2\n1 2 1\nDIVISOR 16\nTYPE P\n"
    twice = read_text("grass", block + block)
    assert twice.kernel.rows == 5
    expected = apply(IMAGE, "binomial3", "binomial3")[3:-3, 3:-3]
    np.testing.assert_allclose(inner(twice), expected)


def test_a_picture_is_a_point_spread_function(tmp_path: Path) -> None:
    levels = np.array([[0, 100, 0], [50, 200, 50], [0, 100, 0]], np.uint8)
    for suffix in ("png", "pgm"):
        Image.fromarray(levels).save(tmp_path / f"psf.{suffix}")
        kernel = find(str(tmp_path / f"psf.{suffix}")).kernel
        assert kernel.matrix == tuple(map(tuple, levels.tolist()))
        assert kernel.scale == 1 / 500
    (tmp_path / "text.pgm").write_text("P2\n2 1\n255\n10 30\n")
    assert find(str(tmp_path / "text.pgm")).kernel.weights == ((0.25, 0.75),)
    Image.fromarray(levels * 0).save(tmp_path / "black.png")
    with pytest.raises(KernelError, match="is black"):
        find(str(tmp_path / "black.png"))


@pytest.mark.parametrize("most", [1, 10, 254, 255, 256, 1000, 65535])
def test_a_pgm_of_any_white_keeps_its_levels(most: int, tmp_path: Path) -> None:
    # Stretched to 255 and rounded, 1 and 4 of 10 would be 26 and 102.
    levels = np.array([[0, 1, most], [most // 2, most - 1, most // 3]])
    size = 1 if most < 256 else 2
    plain = " ".join(map(str, levels.ravel()))
    head = f"# by hand\n3 2 #x\n{most}\n"
    (tmp_path / "plain.pgm").write_text(f"P2\n{head}{plain}\n")
    (tmp_path / "raw.pgm").write_bytes(
        f"P5\n{head}".encode() + levels.astype(f">u{size}").tobytes()
    )
    for name in ("plain", "raw"):
        kernel = find(str(tmp_path / f"{name}.pgm")).kernel
        assert kernel.matrix == tuple(map(tuple, levels.tolist()))
        assert kernel.scale == 1 / levels.sum()


def test_a_bank_of_torch_is_a_kernel_if_it_is_one(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", np.arange(6.0).reshape(1, 1, 2, 3))
    recipe = find(str(tmp_path / "a.npz"))
    assert recipe.operation == "correlate"
    assert list(recipe.kernel.matrix) == [(0, 1, 2), (3, 4, 5)]
    np.savez(tmp_path / "b.npz", np.zeros((2, 1, 3, 3)))
    with pytest.raises(KernelError, match="several filters"):
        find(str(tmp_path / "b.npz"))


_NINE = "1 2 3 4 5 6 7 8 10"


@pytest.mark.parametrize(
    ("text", "shape", "scale", "bias"),
    [
        (f"convolution='{':'.join([_NINE] * 4)}'", (3, 3), 1 / 46, 0),
        (
            f'convolution="{_NINE}:{_NINE}:{_NINE}:{_NINE}:1/9:1/9:1/9:1/9:5:5:5:5"',
            (3, 3),
            1 / 9,
            5,
        ),
        (f"convolution={_NINE}", (3, 3), 1 / 46, 0),
        (f'convolution="0m={_NINE}:0rdiv=1:0bias=5"', (3, 3), 1, 5),
        (f"0m='{_NINE}':1m=\"{_NINE}\":0rdiv=1:1rdiv=1", (3, 3), 1, 0),
        (f"convolution=0m={_NINE}:0mode=row", (1, 9), 1 / 46, 0),
        (f"convolution=0m={_NINE}:0mode=2:0rdiv=0.5", (9, 1), 0.5, 0),
    ],
)
def test_ffmpegs_options_by_name_and_by_place(
    text: str, shape: tuple[int, int], scale: float, bias: float
) -> None:
    recipe = read_text("ffmpeg", text)
    matrix = np.array([float(cell) for cell in _NINE.split()]).reshape(shape)
    np.testing.assert_array_equal(recipe.kernel.matrix, matrix)
    assert recipe.kernel.scale == pytest.approx(scale, rel=1e-15)
    assert (recipe.bias, recipe.operation) == (Bias(bias), "correlate")


# --- what is refused -----------------------------------------------------------------------------

BOMB = (
    '<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "0 0 0"><!ENTITY b "&a;&a;&a;">]>'
    '<svg><feConvolveMatrix kernelMatrix="&b;"/></svg>'
)


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("svg", BOMB, "entities are not expanded"),
        ("svg", "<svg>" * 100, "in each other"),
        ("svg", "<svg><feConvolveMatrix/>", "is no XML"),
        ("svg", "<svg></svg>", "0 feConvolveMatrix"),
        ("svg", "<svg></svg>", "Read is <feConvolveMatrix"),
        ("svg", 'kernelMatrix="1 2 3"', "9 numbers, not 3"),
        ("svg", 'kernelMatrix="1 2 nan 4 5 6 7 8 9"', "weights are finite"),
        ("svg", 'order="0" kernelMatrix="1"', "whole number from 1"),
        ("vips", "3 3\n1 2 3\n4 5\n7 8 9", ":3:1: 2 numbers in a row of 3"),
        ("vips", "3 3\n1 2 3\n4 x 6\n7 8 9", ":3:3: 'x' is not a number"),
        ("vips", "3 3 0\n1 2 3\n4 5 6\n7 8 9", "the scale is 0"),
        ("vips", "3 4\n1 2 3\n4 5 6\n7 8 9", "4 rows are announced, 3 follow"),
        ("vips", "999999999 1\n1", "from 1 to 1000000"),
        ("vips", "MATLAB 5.0 MAT-file", "a file of MATLAB"),
        ("vips", "", "is empty"),
        ("imagemagick", "3x3: 1,2,3", "9 numbers, not 3"),
        ("imagemagick", "3x3+3+0: 1,2,3 4,5,6 7,8,9", "lies outside"),
        ("imagemagick", "3x3: 1,2,inf 4,5,6 7,8,9", "weights are finite"),
        ("imagemagick", "@kernels.txt", "a file of kernels"),
        ("imagemagick", "FreiChen", "not among those"),
        ("imagemagick", "Disk:2.5", "not among those"),
        ("imagemagick", "Sobel:30", "silently become another angle"),
        ("imagemagick", "3x2@: 1,2,3 4,5,6", "only 3 x 3"),
        ("imagemagick", "3x2>: 1,2,3 4,5,6", "does not turn by 90"),
        ("imagemagick", "1,2,3", "make no square"),
        ("imagemagick", ";;", "no kernel"),
        ("ffmpeg", "0m='0.5 0 0 0 1 0 0 0 0'", "no whole number"),
        ("ffmpeg", "0m='1 2 3 4'", "9, 25 or 49"),
        ("ffmpeg", "0m='1 2':0mode=row", "2 numbers: a row takes an odd number"),
        ("ffmpeg", "0m='1 2 3':0mode=ring", "'ring' is no mode"),
        ("ffmpeg", "convolution=", "no numbers of a plane"),
        ("ffmpeg", "0m='1 0 0 0 0 0 0 0 0':1m='0 1 0 0 0 0 0 0 0'", "planes have different"),
        ("gmic", "(1,2;3)", "row 2 has 1 number"),
        ("gmic", "(1,2);(3,4)", "no matrix in round brackets"),
        ("pnmconvol", "-matrix=1,2;3,4", "odd sides"),
        ("gdal", "[[1,2],[3,4]]", "odd squares"),
        ("grass", "MATRIX 3\n1 1 1\n1 1 1\n1 1 1\nDIVISOR 1\nTYPE S\n", "filters in place"),
        ("grass", "MATRIX 3\n1 0 -1\n1 0 -1\n1 0 -1\nDIVISOR 0\nTYPE P\n", "which is 0"),
        ("grass", "MATRIX 2\n1 1\n1 1\nDIVISOR 1\nTYPE P\n", "takes odd"),
        ("grass", "nothing", "expected TITLE"),
        ("sharp", '{"width": 1, "height": 1, "kernel": [1], "scale": 1.5}', "in silence"),
        ("sharp", '{"width": 1, "height": 1, "kernel": [true]}', "no ordinary number"),
        ("sharp", '{"width": 1, "height": 1, "kernel": [NaN]}', "no ordinary number"),
        ("sharp", '{"kernel": ' + "[" * 100_000, "is no JSON"),
        ("gegl", "gegl:convolution-matrix c3=1 gegl:convolution-matrix c3=1", "several"),
        ("gegl", "gegl:convolution-matrix c3=1 divisor=0 normalize=false", "divisor is 0"),
        ("gegl", "gegl:convolution-matrix", "holds no weights"),
        ("opencv", "%YAML:1.0\n---\na: 1\n", "0 matrices"),
        ("photoshop", "short", "is 5 bytes long"),
        ("vips", "1 1\n" + "1 " * 1_000_001, "more than 1000000 numbers"),
    ],
)
def test_mistakes_are_told(name: str, text: str, why: str) -> None:
    with pytest.raises(KernelError) as caught:
        read_text(name, text)
    assert why in str(caught.value)


def test_files_that_are_no_kernel(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    (tmp_path / "b.mat").write_bytes(b"\xff\xfe")
    (tmp_path / "c.npz").write_bytes(b"PK\3\4junk")
    (tmp_path / "d.xml").mkdir()
    for name, why in (
        ("a.json", "nothing in it is known"),
        ("b.mat", "is not UTF-8"),
        ("c.npz", "cannot be read"),
        ("d.xml", "is not a file"),
        ("missing.svg", "is not a file"),
    ):
        with pytest.raises(KernelError, match=why):
            find(str(tmp_path / name))


def test_pickles_and_zip_bombs_are_not_unpacked(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", matrix=np.array([{}], dtype=object))
    with pytest.raises(KernelError, match="cannot be read"):
        find(str(tmp_path / "a.npz"))
    np.savez_compressed(tmp_path / "b.npz", matrix=np.zeros((2100, 2100)))
    with pytest.raises(KernelError, match="unpacks to more than"):
        find(str(tmp_path / "b.npz"))


def test_a_kernel_file_of_ours_is_not_taken_for_another(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("matrix: 1 2 3\n")
    assert find(str(tmp_path / "mine.yaml")).kernel.matrix == ((1, 2, 3),)
    (tmp_path / "plain.txt").write_text("3 3\n1 2\n5 6\n")
    assert find(str(tmp_path / "plain.txt")).kernel.rows == 3
    assert read(tmp_path / "plain.txt") is None


# --- the command ---------------------------------------------------------------------------------


def test_convert_prints_and_says_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["kernels", "convert", "-m", "1 2; 3 4", "--to", "gmic"]) == 0
    told = capsys.readouterr()
    # Convolved: turned by 180 degrees, 4 3 / 2 1; its middle is the 1, below and to the right.
    assert told.out == "(4,3,0;2,1,0;0,0,0)\n"
    assert "zeros were put around the 2 x 2 weights" in told.err


def test_convert_writes_a_file_and_spares_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = str(tmp_path / "box.mat")
    assert run(["kernels", "convert", "box", "--to", "vips", "-o", target]) == 0
    assert run(["kernels", "convert", "box", "--to", "vips", "-o", target]) == 5
    assert run(["kernels", "convert", "box", "--to", "vips", "-o", target, "--overwrite"]) == 0
    assert run(["kernels", "show", target]) == 0
    assert "1/9" in capsys.readouterr().out
    assert run(["kernels", "convert", "--to", "vips"]) == 2
    assert run(["kernels", "convert", "box", "--to", "vip"]) == 2
    assert "Did you mean 'vips'" in capsys.readouterr().err
    assert run(["kernels", "convert", "box"]) == 2
    assert "Choose from: imagemagick, vips, svg" in capsys.readouterr().err


def test_show_tells_where_a_kernel_came_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "turn.kernel"
    path.write_text("3x1+0+0: 1,nan,2")
    assert run(["kernels", "show", str(path)]) == 0
    told = capsys.readouterr().out
    for said in ("anchor at row 0, column 0", "convolve", str(path), "Cells that were nan"):
        assert said in told


def test_ffmpeg_takes_no_negative_factor_or_bias() -> None:
    text = write(Recipe("minus", (Kernel(((1.0, 2.0, 1.0),), -0.5),)), "ffmpeg").data.decode()
    assert "0m='0 0 0 -1 -2 -1 0 0 0'" in text
    assert "0rdiv=0.5:" in text
    with pytest.raises(KernelError, match="not below 0"):
        write(Recipe("dark", (Kernel(((1.0,),)),), bias=Bias(-3)), "ffmpeg")


HOSTILE = {
    "grass": ["\n" * 300_000 + "x", "TITLE a\nMATRIX 3\n" + "\n" * 300_000, " " * 300_000 + "x"],
    "imagemagick": ["a" + " " * 300_000 + "@x", "1" * 300_000, "3x3:" + "1," * 300_000],
    "gegl": ["gegl:convolution-matrix " + "a" * 300_000, "((((" * 100_000],
    "svg": ["<svg>" + "<g/>" * 30_000 + "</svg>", "<svg é='" + "é" * 300_000],
    "opencv": ["a: !!opencv-matrix\n" * 20_000, "{" * 100_000],
    "ffmpeg": ["0m=" * 100_000],
    "sharp": ['{"kernel": [' + "1e999," * 9 + "1]}", '{"kernel": ' + "9" * 5000 + "}"],
    "gmic": ["(" + "1;" * 100_000 + ")"],
    "vips": ["1 1\n" + "\n" * 300_000],
}


@pytest.mark.parametrize(
    ("name", "number"), [(name, n) for name, texts in HOSTILE.items() for n in range(len(texts))]
)
def test_no_text_keeps_a_reader_busy(name: str, number: int) -> None:
    # What would take minutes if a pattern went back over the text for every character.
    with pytest.raises(KernelError):
        read_text(name, HOSTILE[name][number])


def test_a_large_kernel_of_odd_numbers_is_refused_before_it_is_multiplied_out() -> None:
    cells = tuple(tuple(1 / (2 * (7 * i + j) + 1) for j in range(51)) for i in range(51))
    with pytest.raises(KernelError, match="whole numbers"):
        write(Recipe("odd", (Kernel(cells),)), "grass")
