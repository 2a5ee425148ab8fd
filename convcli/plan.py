"""
What is decided before a sample is read: engine, tile, workers, memory, and the reasons in words.

A plan is made from shapes, taps and limits only; `convcli plan` prints it, the run obeys it, the
report quotes it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from convcli.engines import WHY, engine
from convcli.engines.direct import CACHED
from convcli.errors import InputError, UsageError
from convcli.policy import settle

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convcli.pixels import Target
    from convcli.source import Engine, Shape
    from convcli.spec import Job, Stage
    from convcli.treatment import Kind, Treatment

AUTO = "auto"
ENGINES = (AUTO, *WHY)

TILE, SMALLEST = 512, 64
"""Side of a tile: at 512 halo and calls weigh little; small results are cut up for the threads."""

FLOAT64 = 8

MAPS = 8
"""Channels of float64 that premultiplying, or going to linear light and back, holds for a while."""

SHARE = 0.5
"""Share of the machine's memory that a job may take unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a job may use: an engine by name or `auto`, threads, bytes, pixels."""

    engine: str = AUTO
    jobs: int | None = None
    memory: int | None = None
    max_pixels: int | None = 250_000_000


@dataclass(frozen=True, slots=True)
class StagePlan:
    """One stage: its output (rows, columns, channels), the engine and why, the work."""

    name: str
    shape: Shape
    engine: str
    reason: str
    multiplies: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done to one image. `memory` is the estimated peak, in bytes."""

    treatment: Treatment
    shape: Shape
    stages: tuple[StagePlan, ...]
    tile: int
    workers: int
    memory: int

    @property
    def engines(self) -> tuple[Engine, ...]:
        """The function of each stage."""
        return tuple(engine(stage.engine) for stage in self.stages)

    @property
    def multiplies(self) -> int:
        """Multiplications of the whole job."""
        return sum(stage.multiplies for stage in self.stages)


def make_plan(job: Job, kind: Kind, shape: Shape, target: Target, limits: Limits) -> Plan:
    """
    Settle the job for one image of (rows, columns, channels).

    Raises UsageError for an engine that cannot serve, KernelError where the kernel does not fit,
    InputError where `limits.memory` is too small.
    """
    treatment = settle(job, kind, target)
    stages = tuple(_stages(treatment, shape, limits.engine))
    rows, columns, _ = stages[-1].shape
    out = (rows, columns, treatment.channels)
    tile, workers = _tiling(rows, columns, _threads(limits))
    memory = _memory(treatment, stages, shape, tile) * workers + _held(treatment, shape, out)
    _check_memory(memory, limits, shape)
    return Plan(treatment, out, stages, tile, workers, memory)


def _tiling(rows: int, columns: int, threads: int) -> tuple[int, int]:
    """Side of a tile, halved until every thread has work, and how many threads find any."""
    side = TILE
    while side > SMALLEST and _tiles(rows, columns, side) < threads:
        side //= 2
    return side, min(threads, _tiles(rows, columns, side))


def _threads(limits: Limits) -> int:
    if limits.jobs is not None and limits.jobs < 1:
        raise UsageError(f"--jobs {limits.jobs}: not possible.", "Give at least 1.")
    return limits.jobs or cores()


def _tiles(rows: int, columns: int, side: int) -> int:
    return -(-rows // side) * -(-columns // side)


def _stages(treatment: Treatment, shape: Shape, wish: str) -> Iterator[StagePlan]:
    rows, columns, _ = shape
    colours = treatment.colours
    for stage in treatment.stages:
        rows, columns, colours = stage.shape((rows, columns, colours))
        name, reason = _choice(stage, wish)
        channels = colours * (stage.bank.shape[0] if stage.combine else 1)
        multiplies = rows * columns * channels * _taps(stage)
        yield StagePlan(stage.name, (rows, columns, colours), name, reason, multiplies)


def _taps(stage: Stage) -> int:
    """Taps per output sample of one filter, zeros left out; the mean where filters differ."""
    filters: int = stage.bank.shape[0]
    return -(-int(np.count_nonzero(stage.bank)) // filters)


def _choice(stage: Stage, wish: str) -> tuple[str, str]:
    """The engine and the reason in words."""
    if wish not in ENGINES:
        raise UsageError(f"--engine {wish}: no such engine.", f"Known: {', '.join(ENGINES)}")
    rows, columns = stage.taps
    zeros = rows * columns - _taps(stage)
    skipped = f", {zeros} zeros skipped" * (zeros > 0)
    asked = "asked for: " * (wish != AUTO)
    return "direct", f"{asked}{rows}x{columns}, {_taps(stage)} taps a sample{skipped}"


def cores() -> int:
    """Processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _held(treatment: Treatment, shape: Shape, out: Shape) -> int:
    """Samples in and out, twice: codecs hold as much beside them."""
    return 2 * (_bytes(shape, treatment.kind.dtype) + _bytes(out, treatment.finish.scale.dtype))


def _memory(treatment: Treatment, stages: Sequence[StagePlan], shape: Shape, tile: int) -> int:
    """What one thread needs: values of every stage's window, strips of sums, maps at both ends."""
    channels = shape[2] + MAPS * (treatment.repacks or treatment.weights is not None)
    sides, scratch = [tile, tile], 0
    for stage, planned in zip(treatment.stages[::-1], stages[::-1], strict=True):
        sides = [min(side, most) for side, most in zip(sides, planned.shape, strict=False)]
        scratch += 2 * sides[0] * sides[1] * channels * FLOAT64
        scratch += (len(stage.bank) + 2) * CACHED * FLOAT64
        sides = [(n - 1) * stage.stride[axis] + stage.reach(axis) for axis, n in enumerate(sides)]
    window = min(sides[0], shape[0]) * min(sides[1], shape[1])
    return scratch + (window * channels * FLOAT64 if channels > shape[2] else 0)


def _bytes(shape: Shape, dtype: str) -> int:
    rows, columns, channels = shape
    return rows * columns * channels * np.dtype(dtype).itemsize


def _check_memory(memory: int, limits: Limits, shape: Shape) -> None:
    allowed = limits.memory or _available()
    if allowed is not None and memory > allowed:
        raise InputError(
            f"{shape[1]} x {shape[0]} pixels need about {_words(memory)} of memory,"
            f" more than the {_words(allowed)} allowed.",
            f"Allow more with --memory {_words(-(-memory * 11 // 10)).replace(' ', '')},"
            " use fewer --jobs, or cut the image.",
        )


def _available() -> int | None:
    """Half of the machine's memory, where it can be asked for."""
    try:
        return int(SHARE * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return None


def _words(size: int) -> str:
    for unit, factor in (("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return str(size)
