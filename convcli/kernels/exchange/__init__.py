"""
Kernels of other programs, read and written: one module a format or family of formats.

    bytes  --sniff-->  FORMATS[name].reader  -->  Recipe  -->  FORMATS[name].writer  -->  bytes

Every reader gives a recipe that filters as the other program does: convention, anchor, divisor and
offset are settled there. Every writer gives a kernel that filters there as the recipe does here;
what the format cannot hold is worked around without loss and said in a note, or refused.

    convolve    the program turns the numbers by 180 degrees      ImageMagick, SVG
    correlate   the numbers lie on the image as written           all the others

A format's module is imported when it is used. Nothing is ever evaluated or unpickled.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Literal

from convcli.errors import KernelError
from convcli.record import record
from convcli.wording import printable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from convcli.kernels.kernel import Recipe

MAX_BYTES: Final = 32_000_000
"""Larger files are refused unread. A million weights of 25 characters fit."""


@record
class Written:
    """A kernel as another program reads it, and what its user must know."""

    data: bytes
    notes: tuple[str, ...] = ()


@record
class Format:
    """
    One format: `module` has `sniff_NAME`, `read_NAME` and `write_NAME`, as far as it says so.

    `inline` formats can be written after -k as `NAME:TEXT`. A file whose suffix is one of
    `suffixes` is read by the first format that knows its content again.
    """

    title: str
    module: str
    suffixes: tuple[str, ...] = ()
    reads: bool = True
    writes: bool = True
    inline: bool = False


FORMATS: Final[dict[str, Format]] = {
    "imagemagick": Format("ImageMagick kernel string", "imagemagick", (".kernel",), inline=True),
    "vips": Format("libvips matrix file", "vips", (".mat",)),
    "svg": Format("SVG feConvolveMatrix", "svg", (".svg", ".xml"), inline=True),
    "gegl": Format("GIMP and GEGL convolution-matrix", "gegl", (".xml", ".gegl"), inline=True),
    "ffmpeg": Format("FFmpeg convolution filter", "ffmpeg", inline=True),
    "opencv": Format("OpenCV FileStorage", "opencv", (".yaml", ".yml", ".xml", ".json")),
    "gdal": Format("GDAL kernel list or VRT", "gdal", (".vrt", ".xml", ".json"), inline=True),
    "gmic": Format("G'MIC matrix", "gmic", (".gmic",), inline=True),
    "grass": Format("GRASS r.mfilter", "grass", (".mfilter",)),
    "photoshop": Format("Photoshop Custom filter", "photoshop", (".acf",)),
    "pnmconvol": Format("Netpbm pnmconvol matrix", "netpbm", inline=True),
    "sharp": Format("sharp's JSON", "sharp", (".json",), inline=True),
    "numpy": Format("NumPy array", "arrays", (".npz",)),
    "csv": Format("comma separated values", "arrays"),
    "c": Format("C source", "code", reads=False),
    "latex": Format("LaTeX matrix", "code", reads=False),
    "picture": Format(
        "grey picture, a point spread function", "picture", (".png", ".pgm"), writes=False
    ),
}
"""Every format by name; the order is that in which contents are sniffed."""

SHORT: Final = {"im": "imagemagick"}
"""Other names of formats, for inline use."""

Act = Literal["sniff", "read", "write"]


def suffixes() -> frozenset[str]:
    """Give the suffixes that make a name a file of some format."""
    return frozenset(suffix for form in FORMATS.values() for suffix in form.suffixes)


def named_inline(spec: str) -> str:
    """Give the format whose name stands before the colon, or nothing."""
    word, colon, _ = spec.partition(":")
    name = SHORT.get(word, word)
    return name if colon and name in FORMATS and FORMATS[name].inline else ""


def inline(spec: str) -> Recipe | None:
    """Read `im:3x3: 0,-1,0 ...`; None where no format's name stands before the colon."""
    name = named_inline(spec)
    if not name:
        return None
    word, _, text = spec.partition(":")
    return _read(name, text.strip().encode("utf-8", "surrogatepass"), f"{word}:")


def read(path: Path) -> Recipe | None:
    """
    Read a file by its content; None where no format knows it again.

    Raises `KernelError` where the file is damaged, too large, or holds what a kernel cannot.
    """
    data = _bytes(path)
    for name, form in FORMATS.items():
        if form.reads and _act(name, "sniff")(data, path.suffix.lower()):
            return _read(name, data, printable(str(path)))
    return None


def write(recipe: Recipe, name: str) -> Written:
    """Write a recipe for another program; KernelError where its format cannot hold it."""
    written: Written = _act(name, "write")(recipe)
    return written


def _read(name: str, data: bytes, where: str) -> Recipe:
    recipe: Recipe = _act(name, "read")(data, where)
    return recipe


def _act(name: str, act: Act) -> Callable[..., Any]:
    module = import_module(f"{__name__}.{FORMATS[name].module}")
    function: Callable[..., Any] = getattr(module, f"{act}_{name}")
    return function


def _bytes(path: Path) -> bytes:
    where = printable(str(path))
    try:
        if not path.is_file():
            # A named pipe or a device would make the reader wait for ever.
            raise KernelError(f"{where}: is not a file", "Check the spelling, and the folder.")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise KernelError(f"{where}: cannot be read: {reason}") from error
    if len(data) > MAX_BYTES:
        raise KernelError(
            f"{where}: is larger than {MAX_BYTES // 1_000_000} MB",
            "A kernel has a million weights at most.",
        )
    return data
