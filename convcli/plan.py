"""
What is decided before a sample is read: engine, tile, workers, memory, and the reasons in words.

A plan is made from shapes, taps and limits only; `convcli plan` prints it, the run obeys it, the
report quotes it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from convcli.engines import NUMPY, WHY, bodies, cost, engine
from convcli.engines.direct import CACHED
from convcli.errors import TooLarge, UsageError
from convcli.limits import AUTO, Limits, allowed, available, words
from convcli.policy import gain, settle
from convcli.record import record
from convcli.response import jumps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convcli.pixels import Target
    from convcli.source import Engine, Shape
    from convcli.spec import Job, Pair, Stage
    from convcli.tally import Tally
    from convcli.treatment import Kind, Treatment

ENGINES = (AUTO, *WHY)

TILE, SMALLEST = 512, 64
"""Side of a tile: at 512 halo and calls weigh little; small results are cut up for the threads."""

STRIP, LOWEST, LONGEST = 320, 16, 1 << 17
"""
Rows of a strip, the tile of compiled engines, which read whole rows and keep few of them: at 320
halo and calls weigh little. Wider images are cut into columns, signals into longer ones.
"""

ROOM = STRIP * cost.WIDEST * 4
"""Values of a strip, 80 MB: where layers have hundreds of channels, it is lower."""

TURNS = 4
"""Strips that every thread should get, equally many, as long as they are not too low."""

ALONE = 0.002
"""Seconds of work that one thread does sooner than several are started: 5 ms in a new process."""

QUIET = 2.0**26
"""Sums below this bear the noise of `fft`: 4e-15 of them is a quarter of what a tie may be off."""

STEEP = 16.0
"""More than the slope of the sRGB curve at black, 12.92."""

FLOAT64 = 8

MAPS = 8
"""Channels of float64 that premultiplying, or going to linear light and back, holds for a while."""

SCORED = 4
"""Times as much that scores take: the window and its squares as float64, and sums of both."""


@record
class StagePlan:
    """
    One stage: its output (rows, columns, channels), the engine, its body and why, the work.

    `seconds` is what one thread is predicted to need, the ground of the choice; `scratch` the bytes
    that it takes beside its window.
    """

    name: str
    shape: Shape
    engine: str
    body: str
    reason: str
    multiplies: int
    seconds: float
    scratch: int


@record
class Bands:
    """An image larger than memory: output rows that are finished at once, bytes of input kept."""

    rows: int
    cache: int


@record
class Plan:
    """
    What will be done to one image. `memory` is the estimated peak, in bytes.

    `bands` where it is read, filtered and written in parts; None where all of it is in memory.
    """

    treatment: Treatment
    shape: Shape
    stages: tuple[StagePlan, ...]
    tile: Pair
    workers: int
    memory: int
    bands: Bands | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What was decided that a user should hear of, as sentences."""
        if self.bands is None:
            return self.treatment.notes
        streamed = f"streamed in bands of {self.bands.rows} rows: more than the memory allowed"
        return (*self.treatment.notes, streamed)

    @property
    def engines(self) -> tuple[Engine, ...]:
        """The function of each stage."""
        return tuple(engine(stage.engine, stage.body) for stage in self.stages)

    @property
    def multiplies(self) -> int:
        """Multiplications of the whole job."""
        return sum(stage.multiplies for stage in self.stages)

    def tallies(self, size: Pair) -> Iterator[Tally]:
        """What each stage is as a layer of a network, for an input of (rows, columns)."""
        from convcli.tally import tallies

        return tallies(self.treatment.stages, (*size, self.treatment.colours))


def make_plan(job: Job, kind: Kind, shape: Shape, target: Target, limits: Limits) -> Plan:
    """
    Settle the job for one image of (rows, columns, channels).

    Raises UsageError for an engine that cannot serve, KernelError where the kernel does not fit,
    TooLarge where `limits.memory` is too small.
    """
    plan = proposed(job, kind, shape, target, limits)
    check_memory(plan, shape, limits)
    return plan


def proposed(job: Job, kind: Kind, shape: Shape, target: Target, limits: Limits) -> Plan:
    """The plan for an image in memory, whether or not it fits there; errors as of `make_plan`."""
    return _proposed(job, kind, shape, target, limits.engine, allowed(limits), bodies())


@lru_cache(maxsize=64)
def _proposed(  # noqa: PLR0913, PLR0917 - all that decides
    job: Job,
    kind: Kind,
    shape: Shape,
    target: Target,
    wish: str,
    threads: int,
    able: tuple[str, ...],  # noqa: ARG001 - bodies of engines: other ones, other plans
) -> Plan:
    """One plan for all images of one kind and size: deciding takes longer than a small image."""
    treatment = settle(job, kind, target)
    stages = tuple(_stages(treatment, shape, wish))
    rows, columns, _ = stages[-1].shape
    out = (rows, columns, treatment.channels)
    tile, workers = _tiling(treatment, stages, threads)
    memory = working(treatment, stages, shape, tile) * workers + _held(treatment, shape, out)
    return Plan(treatment, out, stages, tile, workers, memory)


def _tiling(treatment: Treatment, stages: Sequence[StagePlan], threads: int) -> tuple[Pair, int]:
    """Rows and columns of a tile, cut until all threads have work; how many threads find any."""
    rows, columns, _ = stages[-1].shape
    found = 1 if sum(stage.seconds for stage in stages) < ALONE else threads
    if any(stage.body == NUMPY for stage in stages):
        tile = _square(rows, columns, threads)
    else:
        deep = max(treatment.channels, *(stage.shape[2] for stage in stages))
        tile = _strip(treatment.stages[-1], stages[-1], found, deep)
    return tile, min(found, _tiles(rows, columns, tile))


def _strip(stage: Stage, planned: StagePlan, threads: int, deep: int) -> Pair:
    """Whole rows; as many as a transform gives, or as every thread should get several times."""
    rows, columns, _ = planned.shape
    across = _across(rows, columns, threads)
    if planned.engine == "fft":
        return cost.kept(stage, (rows, across)), across
    high = max(LOWEST, min(STRIP, ROOM // (across * deep)))
    turns = -(-rows // (high * threads))
    least = min(TURNS, rows // (LOWEST * threads)) if threads > 1 else 1
    return max(LOWEST, -(-rows // (max(turns, least, 1) * threads))), across


def _across(rows: int, columns: int, threads: int) -> int:
    """Columns of a tile: as equal as may be; of a signal at least one for every thread."""
    most, least = (LONGEST, threads) if rows == 1 else (cost.WIDEST, 1)
    return -(-columns // max(least, -(-columns // most)))


def _square(rows: int, columns: int, threads: int) -> Pair:
    if rows == 1:
        return 1, _across(rows, columns, threads)
    side = TILE
    while side > SMALLEST and _tiles(rows, columns, (side, side)) < threads:
        side //= 2
    return side, side


def _tiles(rows: int, columns: int, tile: Pair) -> int:
    return -(-rows // tile[0]) * -(-columns // tile[1])


def _stages(treatment: Treatment, shape: Shape, wish: str) -> Iterator[StagePlan]:
    rows, columns, _ = shape
    colours, sums = treatment.colours, _sums(treatment)
    for number, stage in enumerate(treatment.stages):
        rows, columns, colours = stage.shape((rows, columns, colours))
        out = (rows, columns, colours)
        sharp = any(
            later.activation == "threshold" or jumps(later.combine)
            for later in treatment.stages[number:]
        )
        name = _choice(stage, out, wish, sums, noise=_bears_noise(treatment), sharp=sharp)
        yield StagePlan(
            name=stage.name,
            shape=out,
            engine=name,
            body=cost.body(stage, name),
            reason="asked for: " * (wish != AUTO) + cost.reason(stage, name),
            multiplies=_multiplies(stage, out, name),
            seconds=cost.seconds(stage, out, name, sums),
            scratch=cost.scratch(stage, (rows, columns), name),
        )
        sums = "double"  # a stage hands float64 to the next


def _sums(treatment: Treatment) -> str:
    """How the first stage may sum what it reads, as `cost.COSTS` has it."""
    if treatment.maps or treatment.kind.dtype != "uint8":
        return "double"
    return "words" if treatment.writes_bytes else "single"


def _bears_noise(treatment: Treatment) -> bool:
    """
    Whether the noise of `fft`, 1e-15 of the largest sum, stays far below what may be a tie.

    It would not where a result is divided by little, stretched, squared, or made steep.
    """
    stages, finish = treatment.stages, treatment.finish
    scores = any(stage.normalize for stage in stages)
    amplified = (
        treatment.divides
        or finish.range == "stretch"
        or any(
            stage.padding.mode == "normalize"
            or stage.activation == "square"
            or stage.combine == "energy"
            for stage in stages
        )
        or (scores and not (finish.scale.whole and treatment.scale.whole))
    )
    if amplified or not finish.scale.whole:
        return not amplified
    largest = max(abs(treatment.scale.low), treatment.scale.high)
    steep = STEEP if treatment.linear else 1.0
    if scores:  # divided by what varies in a window of whole samples, which is no less than 0.7
        steep *= 1.5 * max(stage.level for stage in stages)
    return gain(stages) * largest * finish.unit * steep < QUIET


def _multiplies(stage: Stage, shape: Shape, name: str) -> int:
    rows, columns, channels = shape
    filters = len(stage.bank) if stage.combine else 1
    each = cost.factored(stage) if name == "separable" else cost.taps(stage)
    return rows * columns * channels * filters * each


def _choice(  # noqa: PLR0913 - what decides
    stage: Stage, shape: Shape, wish: str, sums: str, *, noise: bool, sharp: bool
) -> str:
    """The engine asked for, or the fastest. UsageError for one that has nothing to offer."""
    if wish not in ENGINES:
        raise UsageError(f"--engine {wish}: no such engine.", f"Known: {', '.join(ENGINES)}")
    able = cost.able(stage, noise=noise, sharp=sharp)
    if wish == AUTO:
        return min(able, key=lambda name: cost.seconds(stage, shape, name, sums))
    if wish not in able:
        why = cost.refusal(stage, wish, sharp=sharp)
        raise UsageError(
            f"--engine {wish} cannot serve '{stage.name}': {why}.",
            f"Say --engine auto, or one of: {', '.join(able)}.",
        )
    return wish


def _held(treatment: Treatment, shape: Shape, out: Shape) -> int:
    """Samples in and out, twice: codecs hold as much beside them."""
    return 2 * (_bytes(shape, treatment.kind.dtype) + _bytes(out, treatment.finish.scale.dtype))


def working(treatment: Treatment, stages: Sequence[StagePlan], shape: Shape, tile: Pair) -> int:
    """What one thread needs: values of every stage's window, strips of sums, maps at both ends."""
    mapped = shape[2] + MAPS * (treatment.repacks or treatment.weights is not None)
    sides, scratch = [*tile], 0
    for stage, planned in zip(treatment.stages[::-1], stages[::-1], strict=True):
        sides = [min(side, most) for side, most in zip(sides, planned.shape, strict=False)]
        # Beside what it gives, the copy of it that the next one reads.
        values = 2 * sides[0] * sides[1] * max(mapped, planned.shape[2])
        scratch += values * FLOAT64 * (SCORED if stage.normalize else 1)
        strips = (len(stage.bank) + 2) * CACHED * FLOAT64
        scratch += strips if planned.body == NUMPY else planned.scratch
        sides = [(n - 1) * stage.stride[axis] + stage.reach(axis) for axis, n in enumerate(sides)]
    window = min(sides[0], shape[0]) * min(sides[1], shape[1])
    return scratch + (window * mapped * FLOAT64 if mapped > shape[2] else 0)


def _bytes(shape: Shape, dtype: str) -> int:
    rows, columns, channels = shape
    return rows * columns * channels * np.dtype(dtype).itemsize


def fits(plan: Plan, limits: Limits) -> bool:
    """Whether the plan keeps to the memory that is allowed."""
    most = available(limits)
    return most is None or plan.memory <= most


def check_memory(plan: Plan, shape: Shape, limits: Limits, cure: str = "cut the image") -> None:
    """TooLarge where the plan needs more memory than is allowed; `cure` is what helps then."""
    if not fits(plan, limits):
        what = "samples of a channel" if plan.treatment.kind.signal else f"x {shape[0]} pixels"
        raise TooLarge(
            f"{shape[1]} {what} need about {words(plan.memory)} of memory,"
            f" more than the {words(available(limits) or 0)} allowed.",
            f"Allow more with --memory {words(-(-plan.memory * 11 // 10)).replace(' ', '')},"
            f" use fewer --jobs, or {cure}.",
            cause="memory",
        )
