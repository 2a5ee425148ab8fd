"""
One convolution, as the command of every program that can do it: file in, file out.

    convcli   opencv   vips   gm   magick   scipy

JPEG is written by all at the same quality without subsampling; PNG as each does unless told. What
differs is the border: it is left out where results are compared.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

QUALITY = 95

OPENCV = """
import sys, cv2, numpy
weights = numpy.loadtxt(sys.argv[3], ndmin=2)
jpeg = [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111]
out = cv2.filter2D(cv2.imread(sys.argv[1]), -1, weights)
cv2.imwrite(sys.argv[2], out, jpeg if sys.argv[2].endswith("jpg") else [])
"""

SCIPY = """
import sys, numpy
from PIL import Image
from scipy.ndimage import convolve
image = numpy.asarray(Image.open(sys.argv[1]))
weights = numpy.loadtxt(sys.argv[3], dtype=numpy.float32, ndmin=2)[..., None]
out = convolve(image, weights, numpy.float32, mode="mirror")
out = numpy.floor(out + 0.5).clip(0, 255).astype(numpy.uint8)
Image.fromarray(out).save(sys.argv[2], quality=95, subsampling=0)
"""


class Kernel(NamedTuple):
    """Whole weights, the same turned by 180 degrees, and what their sum is divided by."""

    name: str
    rows: tuple[tuple[int, ...], ...]
    divisor: int

    @property
    def weights(self) -> list[list[float]]:
        """The weights, divided."""
        return [[cell / self.divisor for cell in row] for row in self.rows]


class Task(NamedTuple):
    """One picture, one kernel, and a folder that has the kernel as every program wants it."""

    source: Path
    target: Path
    kernel: Kernel
    folder: Path

    @property
    def jpeg(self) -> bool:
        """Whether JPEG is written."""
        return self.target.suffix == ".jpg"


def _disk(radius: int) -> Kernel:
    """No sum of few products: what separable filters would do faster is not asked for."""
    span = range(-radius, radius + 1)
    rows = tuple(tuple(int(x * x + y * y <= radius * radius) for x in span) for y in span)
    return Kernel(f"{2 * radius + 1}x{2 * radius + 1}", rows, sum(map(sum, rows)))


KERNELS = (Kernel("3x3", ((0, -1, 0), (-1, 5, -1), (0, -1, 0)), 1), _disk(7))


def _convcli(task: Task) -> list[str]:
    rows = "; ".join(" ".join(map(str, row)) for row in task.kernel.rows)
    words = ["-m", f"1/{task.kernel.divisor} * {rows}", "--quality", str(QUALITY)]
    files = [str(task.source), "-o", str(task.target), "--overwrite", "--quiet"]
    return [sys.executable, "-m", "convcli", "apply", *files, *words]


def _script(code: str) -> Callable[[Task], list[str]]:
    def command(task: Task) -> list[str]:
        path = task.folder / f"{task.kernel.name}.txt"
        path.write_text("\n".join(" ".join(map(repr, row)) for row in task.kernel.weights))
        return [sys.executable, "-c", code, str(task.source), str(task.target), str(path)]

    return command


def _vips(task: Task) -> list[str]:
    rows = task.kernel.rows
    path = task.folder / f"{task.kernel.name}.mat"
    head = f"{len(rows)} {len(rows)} {task.kernel.divisor} 0\n"
    path.write_text(head + "\n".join(" ".join(map(str, row)) for row in rows))
    target = f"{task.target}[Q={QUALITY},subsample_mode=off]" if task.jpeg else str(task.target)
    return ["vips", "conv", str(task.source), target, str(path), "--precision", "integer"]


def _gm(task: Task) -> list[str]:
    # It divides by the sum itself, and takes no word of more than 2053 characters.
    weights = ",".join(f"{cell:g}" for row in task.kernel.rows for cell in row)
    return ["gm", "convert", str(task.source), "-convolve", weights, *_sampling(task, "1x1")]


def _magick(task: Task) -> list[str]:
    rows = " ".join(",".join(f"{cell:.9g}" for cell in row) for row in task.kernel.weights)
    size = len(task.kernel.rows)
    words = ["-morphology", "Convolve", f"{size}x{size}: {rows}"]
    return [_magick_name(), str(task.source), *words, *_sampling(task, "4:4:4")]


def _sampling(task: Task, full: str) -> list[str]:
    """The output, for PNG without a word about quality, which means something else there."""
    jpeg = ["-quality", str(QUALITY), "-sampling-factor", full]
    return [*jpeg * task.jpeg, str(task.target)]


@cache
def _magick_name() -> str:
    """Empty if it is not here: Windows has a `convert` of its own, and others have stand-ins."""
    return next(filter(_is_imagemagick, ("magick", "convert-im6.q16", "convert")), "")


def _is_imagemagick(program: str) -> bool:
    if shutil.which(program) is None:
        return False
    done = subprocess.run([program, "-version"], capture_output=True, text=True, check=False)
    return done.returncode == 0 and "ImageMagick" in done.stdout


def _has(*modules: str) -> bool:
    return all(importlib.util.find_spec(module) for module in modules)


PEERS: dict[str, Callable[[Task], list[str]]] = {
    "convcli": _convcli,
    "opencv": _script(OPENCV),
    "vips": _vips,
    "gm": _gm,
    "magick": _magick,
    "scipy": _script(SCIPY),
}
"""How each is called; the first is what the others are held against."""


def installed() -> dict[str, bool]:
    """Which of the programs are here."""
    return {
        "convcli": True,
        "opencv": _has("cv2", "numpy"),
        "vips": shutil.which("vips") is not None,
        "gm": shutil.which("gm") is not None,
        "magick": _magick_name() != "",
        "scipy": _has("scipy", "PIL"),
    }
