"""
How fast convcli writes 12 megapixels as PNG in memory, beside OpenCV and Pillow, and how small.

    python benchmarks/png.py [--runs 7] [--threads 2] [--levels] [PHOTO ...]

Photographs are resized to 4608 x 2592; without any the sample is, which is smoother for its size
than a camera's. All writers take turns, and medians are shown; `cpu` is the time of all threads of
convcli together, which a busy machine disturbs less. `size` is that of the file beside OpenCV's.
`--levels` shows what each level of compression takes. The stages are those of one thread.
"""

from __future__ import annotations

import argparse
import time
import zlib
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from isal import isal_zlib
from PIL import Image

from convcli import io
from convcli.io.png_filters import AVERAGE, NONE, PAETH, SUB, UP, Desk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

SAMPLE = Path(__file__).resolve().parent.parent / "samples" / "dandelions.jpg"
SIZE = (4608, 2592)
STRIP = 151  # rows of a strip at this width
FILTERS = {"none": NONE, "sub": SUB, "up": UP, "average": AVERAGE, "paeth": PAETH}


def photograph(path: Path) -> NDArray[Any]:
    """(2592, 4608, 3) uint8."""
    with Image.open(path) as picture:
        return np.array(picture.convert("RGB").resize(SIZE, Image.Resampling.BICUBIC))


def writers(array: NDArray[Any], threads: int) -> dict[str, Callable[[], bytes]]:
    """Each makes the bytes of a file."""
    image = io.Image(array, "rgb")

    def pillow() -> bytes:
        sink = BytesIO()
        Image.fromarray(array).save(sink, "PNG")
        return sink.getvalue()

    found: dict[str, Callable[[], bytes]] = {
        "convcli": lambda: io.encode(image, "PNG", threads=threads),
        "Pillow": pillow,
    }
    if find_spec("cv2"):
        cv2, swapped = import_module("cv2"), np.ascontiguousarray(array[:, :, ::-1])
        cv2.setNumThreads(threads)
        found["OpenCV"] = lambda: bytes(cv2.imencode(".png", swapped)[1])
    return found


def compared(name: str, array: NDArray[Any], runs: int, threads: int) -> None:
    """One row for each writer."""
    table = writers(array, threads)
    walls: dict[str, list[float]] = {each: [] for each in table}
    cpus: dict[str, list[float]] = {each: [] for each in table}
    sizes = {}
    for run in range(runs):
        for each, write in table.items():
            if each == "Pillow" and run:  # takes seconds
                continue
            wall, cpu = time.perf_counter(), time.process_time()
            sizes[each] = len(write())
            walls[each].append(time.perf_counter() - wall)
            cpus[each].append(time.process_time() - cpu)
    base = "OpenCV" if "OpenCV" in table else "Pillow"
    print(f"\n{name[:40]}, against {base}")
    for each in table:
        wall, cpu = median(walls[each]), median(cpus[each])
        ratio, size = median(walls[base]) / wall, sizes[each] / sizes[base]
        print(
            f"  {each:8} {1e3 * wall:8.1f} ms  {1e3 * cpu:8.1f} ms cpu  x {ratio:5.2f}"
            f"  {sizes[each]:10,} bytes  size {size:.3f}"
        )


def steps(array: NDArray[Any]) -> dict[str, Callable[[], object]]:
    """What is done to the whole picture, strip by strip, each alone."""
    rows = array.reshape(len(array), -1)
    strips = [rows[at : at + STRIP] for at in range(1, len(rows), STRIP)]
    desk = Desk(STRIP * (rows.shape[1] + 1))
    ready = {
        name: [desk.filtered(each[:1], each, 3, kind).copy().data.cast("B") for each in strips]
        for name, kind in FILTERS.items()
    }
    found: dict[str, Callable[[], object]] = {}
    for name, kind in FILTERS.items():
        found[f"filter {name}"] = partial(_filtered, desk, strips, kind)
    for name, window in (("sub", 15), ("up", 15), ("paeth", 15), ("paeth", 9)):
        found[f"deflate {name}, window 2**{window}"] = partial(_deflated, ready[name], window)
    for name, check in (("isal", isal_zlib), ("zlib", zlib)):
        found[f"adler32 by {name}"] = partial(_each, check.adler32, ready["up"])
        found[f"crc32 by {name}, unpacked"] = partial(_each, check.crc32, ready["up"])
    deep = [each.astype(np.uint16) for each in strips]
    found["16 bits to high bytes first"] = partial(_each, lambda each: each.astype(">u2"), deep)
    return found


def _each(work: Callable[[Any], object], parts: Iterable[Any]) -> None:
    for part in parts:
        work(part)


def _filtered(desk: Desk, strips: Iterable[NDArray[Any]], kind: int) -> None:
    for each in strips:
        desk.filtered(each[:1], each, 3, kind)


def _deflated(strips: Iterable[memoryview], window: int) -> None:
    for each in strips:
        deflate = isal_zlib.compressobj(1, zlib.DEFLATED, -window)
        deflate.compress(each)
        deflate.flush(zlib.Z_SYNC_FLUSH)


def stages(array: NDArray[Any], runs: int) -> None:
    """What one thread needs for each step."""
    table = steps(array)
    times: dict[str, list[float]] = {each: [] for each in table}
    for _ in range(runs):
        for name, step in table.items():
            start = time.process_time()
            step()
            times[name].append(time.process_time() - start)
    print("\nsteps over the whole picture, one thread")
    for name, taken in times.items():
        print(f"  {name:28} {1e3 * median(taken):8.1f} ms cpu")


def levels(array: NDArray[Any], threads: int) -> None:
    """Size and time of each level, of the upper third of the picture: the last ones are slow."""
    part = np.ascontiguousarray(array[: len(array) // 3])
    print("\nlevel    bytes   of the samples   cpu")
    for level in range(10):
        start = time.process_time()
        size = len(io.encode(io.Image(part, "rgb"), "PNG", compress=level, threads=threads))
        taken = time.process_time() - start
        print(f"  {level} {size:12,} {100 * size / part.nbytes:10.1f} % {1e3 * taken:10.0f} ms")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("photos", nargs="*", type=Path, default=[SAMPLE])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--levels", action="store_true")
    said = parser.parse_args()
    for photo in said.photos:
        array = photograph(photo)
        compared(photo.stem, array, said.runs, said.threads)
        if said.levels:
            levels(array, said.threads)
    stages(array, said.runs)


if __name__ == "__main__":
    main()
