"""
How fast each engine is on this machine, as data.

    for row in measure(picture(2.0), sizes=[3, 5, 7]):    one kernel: dense, then separable
        row.auto, row.cells                               what `auto` takes; seconds by column

A column is an engine that is forced, or the function of another library that does the same work. It
is warmed up on growing crops of the picture, then the columns of a row take turns, and the median
counts. What the crops show to be too slow is estimated from the largest of them.
"""

from __future__ import annotations

import platform
import time
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from convcli import engines, io
from convcli.errors import UsageError
from convcli.frame import filtered
from convcli.job import Wishes, make_job
from convcli.kernels.kernel import Kernel, Recipe
from convcli.limits import AUTO, Limits, cores
from convcli.plan import make_plan
from convcli.record import record
from convcli.treatment import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from convcli.io import Layout
    from convcli.pixels import Target
    from convcli.plan import Plan
    from convcli.spec import Job

    Block = NDArray[Any]
    Values = NDArray[np.float64]
    Run = Callable[[], object]
    Prepare = Callable[[Block], Run]

DENSE, SEPARABLE = "dense", "separable"
KERNELS = {
    DENSE: "random weights, which no shorter sum replaces",
    SEPARABLE: "a Gaussian, given as a plain matrix",
}
"""What is measured at every size."""

LIBRARIES = {"OpenCV": "cv2", "SciPy": "scipy"}
SHARED = {"uint8", "uint16", "int16", "float32", "float64"}
"""Types of samples that all the libraries take."""

LAYOUTS: dict[int, Layout] = {1: "grey", 3: "rgb"}
SEED = 1
CROP = 64
"""Side of the first crop; each is twice as wide as the one before."""


@record
class Effort:
    """
    At most `runs` of a column, and none more once they took `patience` seconds together.

    What would take more than `longest` seconds is estimated from a crop that took `enough`.
    """

    runs: int = 5
    patience: float = 0.2
    longest: float = 0.5
    enough: float = 0.05


@record
class Cell:
    """Seconds of one column; None where it refuses the kernel, no `runs` where it is estimated."""

    name: str
    seconds: float | None = None
    runs: int = 0

    @property
    def estimated(self) -> bool:
        """Whether only a part of the picture was filtered."""
        return self.seconds is not None and not self.runs


@record
class Row:
    """One kernel: what `auto` would choose for it, and every column."""

    kernel: str
    size: int
    auto: str
    cells: tuple[Cell, ...]

    @property
    def chosen(self) -> float | None:
        """Seconds of what `auto` would choose."""
        return next((cell.seconds for cell in self.cells if cell.name == self.auto), None)

    def ratio(self, cell: Cell) -> float | None:
        """Time of a column as a multiple of what `auto` would take."""
        return cell.seconds / self.chosen if cell.seconds and self.chosen else None


# --- what is filtered, and with what -------------------------------------------------------------


def picture(megapixels: float) -> Block:
    """A made-up 8-bit RGB picture, smooth with noise of a few levels; always the same."""
    columns = max(1, round((megapixels * 1e6 * 4 / 3) ** 0.5))
    rows = max(1, round(megapixels * 1e6 / columns))
    y, x = np.linspace(0, 3, rows)[:, None], np.linspace(0, 4, columns)
    smooth = np.stack([np.sin(x * y), np.cos(x + 2 * y), np.sin(2 * x - y)], axis=2)
    noise = np.random.default_rng(SEED).normal(scale=4.0, size=smooth.shape)
    return np.clip(128 + 100 * smooth + noise, 0, 255).astype(np.uint8)


def opened(name: str) -> Block:
    """Samples of an image file, without its alpha. InputError as for `apply`."""
    image = io.decode(io.read_bytes(name), name, max_pixels=Limits().max_pixels)
    samples: Block = image.samples
    return np.ascontiguousarray(samples[..., :-1] if image.alpha else samples)


def dense(size: int) -> Values:
    """Random weights that add up to 1; the same ones for the same size."""
    weights = np.random.default_rng(SEED + size).random((size, size))
    weights /= weights.sum()
    return weights


def gaussian(size: int) -> Values:
    """The row of a Gaussian that ends at three sigma; its outer product is the matrix."""
    row: Values = np.exp(-0.5 * (6.0 / size * (np.arange(size) - (size - 1) / 2)) ** 2)
    row /= row.sum()
    return row


def job_of(*matrices: Values, combine: str | None = None, stride: int = 1) -> Job:
    """Plain matrices, laid on as written, as one stage."""
    kernels = tuple(Kernel(tuple(map(tuple, matrix.tolist()))) for matrix in matrices)
    recipe = Recipe("matrix", kernels, combine=combine, origin="inline")
    return make_job([recipe], Wishes(operation="correlate", stride=(stride, stride)))


def planned(job: Job, samples: Block, limits: Limits) -> Plan:
    """The plan for samples in memory, taken for a picture where they can be one."""
    rows, columns, channels = samples.shape
    layout = LAYOUTS.get(channels, "numbers")
    target: Target = "numbers" if layout == "numbers" else "picture"
    kind = Kind(samples.dtype.name, layout, channels)
    return make_plan(job, kind, (rows, columns, channels), target, limits)


def ours(job: Job, samples: Block, limits: Limits) -> Run:
    """A call of convcli that filters and rounds the samples; UsageError if the engine refuses."""
    return partial(filtered, samples, planned(job, samples, limits))


# --- other libraries -----------------------------------------------------------------------------


def installed() -> tuple[str, ...]:
    """The libraries that can be asked, by name."""
    return tuple(name for name, module in LIBRARIES.items() if find_spec(module))


def peers(weights: Values, libraries: Sequence[str]) -> dict[str, Prepare]:
    """
    Functions that do the same work with the same kernel.

    `weights` are its matrix; or, for those that take factors, its row, which is its column as well.
    """
    factored = weights.ndim == 1
    found: dict[str, Prepare] = {}
    if "OpenCV" in libraries:
        found["OpenCV sepFilter2D" if factored else "OpenCV filter2D"] = partial(_opencv, weights)
    if "SciPy" in libraries:
        found["SciPy correlate1d" if factored else "SciPy correlate"] = partial(_ndimage, weights)
        found["SciPy oaconvolve"] = partial(_overlap_add, matrix_of(weights))
    return found


def matrix_of(weights: Values) -> Values:
    """A matrix as it is; of a row, that of which it is row and column."""
    return weights if weights.ndim > 1 else np.outer(weights, weights)


def _opencv(weights: Values, samples: Block) -> Run:
    cv2: Any = import_module("cv2")
    border = cv2.BORDER_REFLECT_101
    if weights.ndim == 1:
        return lambda: cv2.sepFilter2D(samples, -1, weights, weights, borderType=border)
    return lambda: cv2.filter2D(samples, -1, weights, borderType=border)


def _ndimage(weights: Values, samples: Block) -> Run:
    from scipy import ndimage

    def run() -> Block:
        if weights.ndim == 1:
            down = ndimage.correlate1d(samples, weights, 0, np.float64, "mirror")
            return rounded(ndimage.correlate1d(down, weights, 1, None, "mirror"), samples.dtype)
        values = ndimage.correlate(samples, weights[..., None], np.float64, "mirror")
        return rounded(values, samples.dtype)

    return run


def _overlap_add(matrix: Values, samples: Block) -> Run:
    from scipy import signal

    before = (len(matrix) - 1) // 2
    sides = (before, len(matrix) - 1 - before)

    def run() -> Block:
        padded = np.pad(samples, (sides, sides, (0, 0)), "reflect").astype(np.float64)
        turned = matrix[::-1, ::-1, None]
        return rounded(signal.oaconvolve(padded, turned, "valid", axes=(0, 1)), samples.dtype)

    return run


def rounded(values: Block, dtype: np.dtype[Any]) -> Block:
    """Float values as samples: integers are rounded and clipped."""
    if dtype.kind == "f":
        return values.astype(dtype, copy=False)
    info = np.iinfo(dtype)
    return np.rint(values).clip(info.min, info.max).astype(dtype)


# --- measuring -----------------------------------------------------------------------------------


def measure(
    samples: Block,
    sizes: Sequence[int],
    libraries: Sequence[str] = (),
    effort: Effort = Effort(),
) -> Iterator[Row]:
    """A row for each kernel and size, in this order."""
    for kernel in KERNELS:
        for size in sizes:
            weights = dense(size) if kernel == DENSE else gaussian(size)
            job = job_of(matrix_of(weights))
            columns = {name: _engine(job, name) for name in engines.WHY}
            if samples.dtype.name in SHARED:
                columns |= peers(weights, libraries)
            auto = planned(job, samples, Limits(AUTO)).stages[0].engine
            yield Row(kernel, size, auto, race(columns, samples, effort))


def _engine(job: Job, name: str) -> Prepare:
    return lambda samples: ours(job, samples, Limits(name))


def race(columns: Mapping[str, Prepare], samples: Block, effort: Effort) -> tuple[Cell, ...]:
    """Warm every column up, then let them take turns; their medians, in the order given."""
    cells = {name: _warmed(name, prepare, samples, effort) for name, prepare in columns.items()}
    taking_part = [name for name, cell in cells.items() if cell is None]
    runs = {name: columns[name](samples) for name in taking_part}
    spent: dict[str, list[float]] = {name: [] for name in taking_part}
    for _ in range(effort.runs):
        for name, run in runs.items():
            if sum(spent[name]) < effort.patience:
                spent[name].append(seconds(run))
    return tuple(
        cell or Cell(name, median(spent[name]), len(spent[name])) for name, cell in cells.items()
    )


def _warmed(name: str, prepare: Prepare, samples: Block, effort: Effort) -> Cell | None:
    """Nothing if the column can be measured; else an empty cell, or one that is estimated."""
    for crop in _crops(samples):
        try:
            run = prepare(crop)
        except UsageError:
            return Cell(name)
        spent = seconds(run)
        whole = spent * samples.size / crop.size
        if spent > effort.enough and whole > effort.longest:
            return Cell(name, whole, runs=int(crop.size == samples.size))
    return None


def _crops(samples: Block) -> Iterator[Block]:
    """The upper left corner, twice as wide each time, up to half of the picture."""
    side = CROP
    yield np.ascontiguousarray(samples[:side, :side])
    while (side := 2 * side) <= max(samples.shape[:2]) // 2:
        yield np.ascontiguousarray(samples[:side, :side])


def seconds(run: Run) -> float:
    """Wall-clock seconds of one call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def machine(libraries: Sequence[str] = ()) -> dict[str, Any]:
    """What the figures depend on beside the kernels: processors, system, versions."""
    return {
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "processors": cores(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        **{name: import_module(LIBRARIES[name]).__version__ for name in libraries},
    }
