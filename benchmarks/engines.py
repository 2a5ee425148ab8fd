"""
How fast convcli filters 12 megapixels in memory, beside other libraries: no files, no start-up.

    python benchmarks/engines.py [--runs 5] [--only dense,gaussian,...] [--sizes 3,5,...]
                                 [--threads N] [--json FILE]

The array is 4608 x 2592 RGB, 8 bits: the sample photograph enlarged, which alone would be smoother
than a camera's, so noise of a few levels is added. In every group all columns take turns, and
medians are shown. Before a clock is started, every column of convcli is compared with the float64
answer of SciPy on a corner of the array, rounded by the law; a difference ends the script.

    GMA/s     multiply-adds a second: taps * samples of the result / time, also where an engine
              needs fewer of them, so that a share of the peak can exceed 100 %
    peak      multiply-adds of float32 a second that this machine can do, measured in the same run
    x NAME    time of NAME / time of convcli with the engine that `auto` chooses: more than 1 is
              good for convcli

What a corner of the array shows to take longer than --longest seconds is left out, and listed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from columns import check, chosen_by_auto, engine, forced, opencv_sobel, torch_column, unproven
from PIL import Image
from tables import table, word

from convcli import bench
from convcli.engines import native
from convcli.limits import AUTO, cores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from convcli.bench import Block, Cell, Prepare, Values
    from convcli.spec import Job

SAMPLE = Path(__file__).resolve().parent.parent / "samples" / "dandelions.jpg"
SIZE = (4608, 2592)
NOISE = 3.0
SIZES = (3, 5, 7, 9, 11, 15, 21, 31, 63, 127)
SMALL, MIDDLE = 15, 31
"""Largest kernels of the groups that are about something else than the size."""

SOBEL = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])

MATMUL = """
import time, numpy
a = numpy.random.default_rng(1).random((1024, 1024), numpy.float32)
times = []
for _ in range(12):
    start = time.perf_counter(); a @ a; times.append(time.perf_counter() - start)
print(1024 ** 3 / min(times))
"""


@dataclass(frozen=True, slots=True)
class Setting:
    """What all groups share: the array, threads, patience, and what this machine can do."""

    samples: Block
    sizes: Sequence[int]
    threads: int
    effort: bench.Effort
    peak: float
    copy: float


@dataclass(slots=True)
class Line:
    """One row of a table: cells by column, the engine of `auto`, taps a sample."""

    group: str
    label: str
    engine: str
    cells: tuple[Cell, ...]
    multiplies: float = 0.0
    notes: dict[str, float] = field(default_factory=dict)


# --- the array, and what the machine can do ------------------------------------------------------


def photograph() -> Block:
    """Twelve megapixels of RGB with noise."""
    with Image.open(SAMPLE) as picture:
        large = picture.convert("RGB").resize(SIZE, Image.Resampling.BICUBIC)
    samples = np.asarray(large, np.float64)
    samples += np.random.default_rng(1).normal(scale=NOISE, size=samples.shape)
    return np.rint(samples).clip(0, 255).astype(np.uint8)


def deep(samples: Block) -> Block:
    """The same picture with 16 bits, the lower eight of them noise."""
    noise = np.random.default_rng(2).integers(0, 256, samples.shape, dtype=np.uint16)
    return samples.astype(np.uint16) * np.uint16(256) + noise


def peak(threads: int) -> tuple[float, str]:
    """Multiply-adds of float32 a second on all threads, and what measured them."""
    one = native.peak()
    if one is None:  # no core was compiled
        return _matmul(threads), "a float32 matrix product of NumPy, as a stand-in"
    return one * threads, "convcli's native core, one thread times threads"


def _matmul(threads: int) -> float:
    names = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(names, str(threads))}
    done = subprocess.run(
        [sys.executable, "-c", MATMUL], capture_output=True, text=True, check=True, env=environment
    )
    return float(done.stdout)


def copying(samples: Block, threads: int) -> float:
    """Bytes read and written a second by np.copyto, in as many strips as there are threads."""
    target = np.empty_like(samples)
    strips = list(
        zip(np.array_split(target, threads), np.array_split(samples, threads), strict=True)
    )
    times = []
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(12):
            start = time.perf_counter()
            list(pool.map(lambda pair: np.copyto(*pair), strips))
            times.append(time.perf_counter() - start)
    return 2 * samples.nbytes / median(times[2:])


# --- groups --------------------------------------------------------------------------------------


def dense(setting: Setting) -> Iterator[Line]:
    """dense: random weights, 8 bits"""
    for size in setting.sizes:
        yield _plain("dense", setting, bench.dense(size))


def whole(setting: Setting) -> Iterator[Line]:
    """whole: whole weights that sharpen, n*n in the middle of -1 and one more, 8 bits"""
    for size in _up_to(SMALL, setting):
        matrix = np.full((size, size), -1.0)
        matrix[size // 2, size // 2] = size * size
        yield _plain("whole", setting, matrix)


def gaussian(setting: Setting) -> Iterator[Line]:
    """gaussian: given as a plain matrix; OpenCV and SciPy's correlate1d are given its factors"""
    for size in setting.sizes:
        yield _plain("gaussian", setting, bench.gaussian(size))


def sixteen(setting: Setting) -> Iterator[Line]:
    """sixteen: random weights, 16 bits"""
    sixteen_bits = replace(setting, samples=deep(setting.samples))
    for size in _up_to(SMALL, setting):
        yield _plain("sixteen", sixteen_bits, bench.dense(size))


def _plain(group: str, setting: Setting, weights: Values) -> Line:
    """Every engine and every peer, for a matrix, or the row and column of one."""
    samples, matrix, size = setting.samples, bench.matrix_of(weights), len(weights)
    job = bench.job_of(matrix)
    columns = forced(job, samples, setting.threads)
    check(columns, samples, matrix)
    columns |= bench.peers(weights, bench.installed())
    if samples.dtype == np.uint8:
        columns |= torch_column(matrix, setting.threads)
    cells = bench.race(columns, samples, setting.effort)
    work = float(np.count_nonzero(matrix)) * samples.size
    line = Line(group, f"{size}x{size}", chosen_by_auto(job, samples), cells, work)
    if size == min(SIZES) and (spent := _seconds(line, AUTO)):
        line.notes["of copy"] = 2 * samples.nbytes / spent / setting.copy
    return line


def sobel(setting: Setting) -> Iterator[Line]:
    """sobel: magnitude of both gradients; OpenCV: two Sobel, magnitude, convertScaleAbs"""
    job = bench.job_of(SOBEL, SOBEL.T, combine="magnitude")
    columns = forced(job, setting.samples, setting.threads)
    check(columns, setting.samples, SOBEL, SOBEL.T)
    if find_spec("cv2"):
        columns["OpenCV Sobel"] = opencv_sobel
    cells = bench.race(columns, setting.samples, setting.effort)
    work = 2.0 * float(np.count_nonzero(SOBEL)) * setting.samples.size
    yield Line("sobel", "3x3", chosen_by_auto(job, setting.samples), cells, work)


def stride(setting: Setting) -> Iterator[Line]:
    """stride: every second and fourth row and column; shares of the time of stride 1"""
    for size in _up_to(SMALL, setting):
        matrix = bench.dense(size)
        jobs = {step: bench.job_of(matrix, stride=step) for step in (1, 2, 4)}
        columns = {f"stride {n}": engine(job, AUTO, setting.threads) for n, job in jobs.items()}
        for step, (name, prepare) in zip(jobs, columns.items(), strict=True):
            check({name: prepare}, setting.samples, matrix, step=step)
        yield _shares("stride", setting, size, columns, jobs[1])


def threads(setting: Setting) -> Iterator[Line]:
    """threads: one and two, random weights, 8 bits; shares of the time of one"""
    for size in _up_to(MIDDLE, setting):
        matrix = bench.dense(size)
        job = bench.job_of(matrix)
        columns = {f"{n} thread{'s' * (n > 1)}": engine(job, AUTO, n) for n in (1, 2)}
        check(columns, setting.samples, matrix)
        yield _shares("threads", setting, size, columns, job)


def rounding(setting: Setting) -> Iterator[Line]:
    """rounding: direct, random weights, 8 bits; the share of the time without looking for doubts"""
    for size in _up_to(SMALL, setting):
        job = bench.job_of(bench.dense(size))
        proven = engine(job, "direct", setting.threads)
        columns = {"unproven": unproven(proven), "correctly rounded": proven}
        yield _shares("rounding", setting, size, columns, job)


def _shares(
    group: str, setting: Setting, size: int, columns: Mapping[str, Prepare], job: Job
) -> Line:
    """A line whose first column is the measure of the others."""
    cells = bench.race(columns, setting.samples, setting.effort)
    line = Line(group, f"{size}x{size}", chosen_by_auto(job, setting.samples), cells)
    first, *others = (_seconds(line, cell.name) for cell in cells)
    for cell, spent in zip(cells[1:], others, strict=True):
        if first and spent:
            line.notes[f"share of {cell.name}"] = spent / first
    return line


def _up_to(largest: int, setting: Setting) -> Iterator[int]:
    return (size for size in setting.sizes if size <= largest)


GROUPS: dict[str, Callable[[Setting], Iterator[Line]]] = {
    group.__name__: group
    for group in (dense, whole, gaussian, sobel, stride, sixteen, threads, rounding)
}

# --- tables --------------------------------------------------------------------------------------


def _seconds(line: Line, name: str) -> float | None:
    """What was measured; an estimate is none."""
    return next((c.seconds for c in line.cells if c.name == name and c.runs), None)


def figures(line: Line, setting: Setting) -> dict[str, Any]:
    """One line by column: milliseconds, ratios, multiply-adds a second, shares."""
    times = {cell.name: _seconds(line, cell.name) for cell in line.cells}
    row: dict[str, Any] = {"size": line.label, "engine": line.engine}
    row |= {f"{_title(name)} ms": spent and 1000 * spent for name, spent in times.items()}
    mine = times.get(AUTO)
    if mine:
        peers = {name: spent for name, spent in times.items() if " " in name and spent}
        row |= {f"x {name}": spent / mine for name, spent in peers.items()}
        row |= {"GMA/s": line.multiplies / mine / 1e9}
        row |= {"% of peak": 100 * line.multiplies / mine / setting.peak}
    return row | line.notes


def _title(name: str) -> str:
    return "convcli" if name == AUTO else name


def left_out(lines: Iterable[Line], longest: float) -> Iterator[str]:
    """What would have taken too long."""
    for line in lines:
        names = [f"{_title(c.name)} ({c.seconds:.0f} s)" for c in line.cells if c.estimated]
        if names:
            yield f"  {line.label}: left out, longer than {longest:g} s: {', '.join(names)}"


def report(group: str, setting: Setting) -> list[dict[str, Any]]:
    """Measure and print one group; give its figures."""
    make = GROUPS[group]
    print(f"\n{make.__doc__}")
    lines = list(make(setting))
    rows = [figures(line, setting) for line in lines]
    print(*table(rows), *left_out(lines, setting.effort.longest), sep="\n", flush=True)
    return [{"group": group, **row} for row in rows]


def options() -> argparse.Namespace:
    """What was said."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", default=",".join(GROUPS), help="groups, with commas between")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--longest", type=float, default=20.0, help="seconds of one run")
    parser.add_argument("--json", type=Path, metavar="FILE")
    found = parser.parse_args()
    found.only = found.only.split(",")
    if unknown := set(found.only) - set(GROUPS):
        parser.error(f"no such group: {', '.join(sorted(unknown))}; known: {', '.join(GROUPS)}")
    return found


def machine(setting: Setting, said: argparse.Namespace, source: str) -> dict[str, Any]:
    """What the figures depend on."""
    return bench.machine(bench.installed()) | {
        "array": f"{SIZE[0]} x {SIZE[1]} RGB, noise of {NOISE:g} levels",
        "runs": said.runs,
        "threads": said.threads,
        "peak GMA/s": setting.peak / 1e9,
        "peak by": source,
        "copy GB/s": setting.copy / 1e9,
        "copy GB/s, one thread": copying(setting.samples, 1) / 1e9,
    }


def main() -> None:
    """Every group in turn."""
    said = options()
    if find_spec("cv2"):
        import_module("cv2").setNumThreads(said.threads)
    samples = photograph()
    rate, source = peak(said.threads)
    effort = bench.Effort(said.runs, patience=said.longest, longest=said.longest, enough=0.2)
    sizes = [int(word) for word in said.sizes.split(",")]
    setting = Setting(samples, sizes, said.threads, effort, rate, copying(samples, said.threads))
    facts = machine(setting, said, source)
    print(*(f"{name}: {word(value)}" for name, value in facts.items()), sep="\n")
    rows = [row for group in said.only for row in report(group, setting)]
    if said.json:
        said.json.write_text(json.dumps({"machine": facts, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
