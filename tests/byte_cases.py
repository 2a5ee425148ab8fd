"""
What is filtered to bytes, how, and what it must be: for tests of the bodies of all engines.

    expected   the NumPy body of `direct`, finished by `pixels.Finish`
    found      each engine x body, by `Filtered.write` where a body can, in tiles and threads
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from engine_cases import ENGINES
from hypothesis import strategies as st

from convcli import engines
from convcli.pixels import Finish, Scale
from convcli.response import RANGES
from convcli.source import Filtered, Samples, Window, windows
from convcli.spec import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from convcli.pixels import Clipped
    from convcli.source import Engine
    from convcli.spec import Pair

    Values = NDArray[np.float64]
    Block = NDArray[Any]

BODIES = engines.bodies()
RUNS = [(name, body) for body in BODIES for name in ENGINES]
DIRECT = engines.engine("direct", engines.NUMPY)
EVERY = slice(None)
WHOLE = (10**6, 10**6)
TILES: list[Pair] = [WHOLE, (1, 1), (2, 5), (4, 3), (3, 99)]
SURE = 1e-12
"""What engines may differ by before rounding, in units of sum |w| * largest |sample|."""


# --- what is compared ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    image: Block
    stage: Stage
    finish: Finish
    fill: tuple[float, ...]
    tile: Pair = WHOLE
    threads: int = 1

    def source(self, engine: Engine) -> Filtered:
        return Filtered(Samples(self.image), self.stage, engine, self.fill)

    def __repr__(self) -> str:
        return (
            f"Case(image={self.image.dtype}{self.image.tolist()}, bank={self.stage.bank.tolist()},"
            f" {replace(self.stage, bank=np.zeros((1, 1, 1, 1)))}, {self.finish}, {self.fill},"
            f" {self.tile}, {self.threads})"
        )


def whole(source: Filtered) -> Window:
    rows, columns, _ = source.shape
    return Window(0, rows, 0, columns)


def indices(source: Filtered) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    rows, columns, _ = source.shape
    stage, size = source.stage, source.source.shape
    return stage.needs(0, 0, rows, size[0]), stage.needs(1, 0, columns, size[1])


def span_of(finish: Finish, values: Values) -> tuple[float, float]:
    if not finish.needs_span:
        return 0.0, 0.0
    levels = finish.levels(values)
    return float(levels.min()), float(levels.max())


def written(case: Case, engine: Engine) -> tuple[Block, int, int]:
    """Samples and what was cut, as `run` asks for them."""
    source, finish = case.source(engine), case.finish
    span = span_of(finish, source.read(whole(source))) if finish.needs_span else (0.0, 0.0)
    ending = finish.ending(span)
    out = np.full(source.shape, 99, finish.scale.dtype)

    def fill(window: Window) -> Any:
        place = out[window.top : window.bottom, window.left : window.right]
        if ending is None or not source.writes:
            return finish(source.read(window), span, place)
        cut = source.write(window, place, ending)
        assert not cut.nan
        return cut

    with ThreadPoolExecutor(case.threads) as pool:
        cuts = list(pool.map(fill, windows(source.shape, case.tile)))
    return out, sum(cut.below for cut in cuts), sum(cut.above for cut in cuts)


def levels_of(case: Case, values: Values) -> Values:
    """What is rounded: floor(t + 0.5 + 2**-20)."""
    span = span_of(case.finish, values)
    named: Values = RANGES[case.finish.range][1](
        case.finish.levels(values), case.finish.scale.full or 1.0, span
    )
    return named


def doubtful(case: Case, values: Values) -> NDArray[np.bool_]:
    """Samples so near to the step of the law, a millionth below a half, that noise may decide."""
    stage = case.stage
    largest = max(float(abs(case.image.astype(np.float64)).max()), *map(abs, case.fill))
    sizes = abs(stage.bank).sum(axis=(1, 2, 3)) * abs(np.array(stage.scale)) * largest
    source = case.source(DIRECT)
    inside = stage.inside(*indices(source))
    if inside is not None:  # where little weight falls inside, what falls there is magnified
        sizes *= max(float(abs(inside).max()), 1.0)
    size = float(sizes.sum()) + max(map(abs, stage.bias)) + abs(stage.shift)
    gain = case.finish.unit
    if case.finish.needs_span:
        least, greatest = span_of(case.finish, values)
        gain *= 255 / ((greatest - least) or 1.0)
    if stage.activation == "square":
        size *= 2 * size
    slack = SURE * (size * max(gain, 1.0) + 1.0)
    levels = levels_of(case, values) + 0.5 + 2.0**-20
    near: NDArray[np.bool_] = abs(levels - np.rint(levels)) <= slack
    if stage.activation == "threshold":
        plain = replace(case, stage=replace(stage, activation="none")).source(DIRECT)
        near |= abs(plain.read(whole(plain))) <= slack
    return near


def check(case: Case, runs: list[tuple[str, str]] = RUNS) -> None:
    source = case.source(DIRECT)
    values = source.read(whole(source))
    expected = np.full(source.shape, 99, case.finish.scale.dtype)
    cut: Clipped = case.finish(values, span_of(case.finish, values), expected)
    unsure = doubtful(case, values)
    # What fell inside may be almost nothing, and divides the noise of `fft`: plans leave it out.
    loud = case.stage.padding.mode == "normalize"
    for name, body in [run for run in runs if run[0] != "fft" or not loud]:
        found, below, above = written(case, engines.engine(name, body))
        wrong = (found != expected) & ~unsure
        assert not wrong.any(), (
            name,
            body,
            np.argwhere(wrong)[0].tolist(),
            found[wrong][0],
            expected[wrong][0],
            levels_of(case, values)[wrong][0],
        )
        if not unsure.any():
            assert (below, above) == (cut.below, cut.above), (name, body)


def finish_of(ranged: str = "clip", dtype: str = "uint8", unit: float = 1.0, **more: Any) -> Finish:
    return Finish(Scale.of(dtype, "picture"), ranged, EVERY, unit=unit, **more)


def case_of(image: Block, bank: Any, finish: Finish | None = None, **fields: Any) -> Case:
    """A case from a matrix or a bank, anchored in the middle, scale 1 and bias 0 unless said."""
    taps = np.asarray(bank, np.float64)
    taps = taps.reshape((1,) * (4 - taps.ndim) + taps.shape)
    fields = {"scale": (1.0,) * len(taps), "bias": (0.0,) * len(taps)} | fields
    middle = ((taps.shape[2] - 1) // 2, (taps.shape[3] - 1) // 2)
    stage = Stage(taps, middle, **fields)
    return Case(image, stage, finish or finish_of(), (stage.padding.value,) * image.shape[2])


# --- anything at all, brought near to a tie -----------------------------------------------------

SCALES = [1.0, 1 / 2, 1 / 4, 1 / 9, 1 / 16, 1 / 273, -1 / 9, -1.0, 1 / 3, 0.1, 3.7, 1 / 255]
EPSILONS = st.one_of(
    st.just(0.0),
    st.floats(1e-7, 1e-3),
    st.floats(-1e-3, -1e-7),
    st.sampled_from([2.0**-19, -(2.0**-19), -(2.0**-21), 2.0**-24, 1e-5, -1e-5]),
)


def cancelling(rng: np.random.Generator, shape: tuple[int, ...]) -> Values:
    bank: Values = rng.standard_normal(shape) * 10.0 ** rng.uniform(0, 3)
    bank[..., 0, 0] += 1 - bank.sum(axis=(2, 3))
    return bank


def outer(rng: np.random.Generator, shape: tuple[int, ...]) -> Values:
    column, row = rng.random((*shape[:3], 1)), rng.random((*shape[:2], 1, shape[3]))
    both: Values = column * row / column.sum(axis=2, keepdims=True) / row.sum(axis=3, keepdims=True)
    return both


KINDS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], Values]] = {
    "whole": lambda rng, shape: rng.integers(-9, 10, shape).astype(np.float64),
    "box": lambda _, shape: np.ones(shape),
    "wide": lambda rng, shape: rng.standard_normal(shape) * 10.0 ** rng.uniform(-30, 8, shape),
    "cancelling": cancelling,
    "outer": outer,
    "dense": lambda rng, shape: rng.standard_normal(shape),
    "sparse": lambda rng, shape: rng.random(shape) * (rng.random(shape) < 0.3),
}
"""Taps of which sums in single precision are exact, nearly so, or hardly anything."""


def bank_of(kind: str, seed: int, shape: tuple[int, int, int, int]) -> Values:
    bank: Values = KINDS[kind](np.random.default_rng(seed), shape)
    return bank


FULLS = {"uint8": 255, "uint16": 65535, "int16": 32767, "bool": 1, "float16": 1.0, "float32": 1.0}


def image_of(kind: str, seed: int, dtype: str, shape: tuple[int, int, int]) -> Block:
    rng, full = np.random.default_rng(seed), FULLS[dtype]
    noise = {
        "flat": np.full(shape, rng.random()),
        "levels": rng.integers(0, 4, shape) / 3,
        "noise": rng.random(shape),
        "extreme": rng.integers(0, 2, shape).astype(np.float64),
    }[kind]
    samples = noise * full
    return (samples.round() if dtype[0] in "uib" else samples).astype(dtype)


def near_a_tie(case: Case, place: int, epsilon: float, level: int) -> Case:
    """The same with a bias or shift that puts one sample `epsilon` beside the middle of a level."""
    source = case.source(DIRECT)
    plain = replace(case, stage=replace(case.stage, activation="none"))
    values = plain.source(DIRECT).read(whole(source))
    value = float(values.flat[place % values.size])
    finish = case.finish
    gain, lift = {"signed": (0.5, (finish.scale.full or 1.0) / 2)}.get(finish.range, (1.0, 0.0))
    wanted = ((level + 0.5 + epsilon - lift) / (gain * finish.unit)) - finish.offset
    moved = case.stage.shift + wanted - value
    return replace(case, stage=replace(case.stage, shift=moved))


SEEDS = st.integers(0, 9999)
ONE_TO_4 = st.integers(1, 4)
PAIRS = st.tuples(ONE_TO_4, ONE_TO_4)
IMAGES = ["flat", "levels", "noise", "extreme"]
FILLS = st.sampled_from([0.0, 0.0, 17.0, 255.0, -3.5, 0.25, 300.0, -40.0])
