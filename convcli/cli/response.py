"""What `kernels show --response` knows of a recipe's kernels, as data and as charts."""

from __future__ import annotations

import math
import sys
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, Final

import click

from convcli import charts, terminal
from convcli.errors import KernelError
from convcli.kernels.frequency import HALF, HALF_POWER, Cut, Response

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convcli.kernels.frequency import Peak, Phase
    from convcli.kernels.kernel import Operation, Recipe

POINTS: Final = 101
"""Frequencies of --json: steps of 0.005 cycles per pixel along a row."""

ACROSS: Final = 61
"""Columns of a chart; with its labels it fits in 80. A narrow terminal gets fewer."""

NARROW: Final = 15
"""Columns of a chart at least: the labels below it take as many."""

SPOTS: Final = 4
"""Crossings that are printed."""

NAMES: Final = {
    "row": "the row",
    "column": "the column",
    "falling": "the falling diagonal",
    "rising": "the rising diagonal",
}

SHIFTS: Final = {
    "nothing": "nothing passes",
    "zero": "zero: nothing moves",
    "linear": "linear: everything moves {}",
    "quarter": "a quarter of a wave at every frequency, as derivatives have{}",
    "mixed": "neither zero nor linear: waves of different length move differently",
}


def responses(recipe: Recipe) -> list[Response]:
    """Of every kernel, in the operation that the recipe is written for; layers have none."""
    if recipe.layers:
        raise KernelError(
            f"'{recipe.label}' has layers: channels are mixed, so no single response tells all.",
            "Write the filter that is meant with -m, or see the layers: convcli plan.",
        )
    return [Response(kernel, _operation(recipe)) for kernel in recipe.kernels]


def _operation(recipe: Recipe) -> Operation:
    return recipe.operation or "convolve"


# --- as data -------------------------------------------------------------------------------------


def as_data(recipe: Recipe) -> list[dict[str, Any]]:
    """One entry for each kernel, as JSON has it."""
    return [
        {
            "kernel": kernel.name,
            "operation": _operation(recipe),
            "largest_gain": _peak_data(each.peak),
            "phase": each.phase.kind,
            "delay": {"right": each.phase.right, "down": each.phase.down},
            "cuts": [_cut_data(cut) for cut in each.cuts],
        }
        for kernel, each in zip(recipe.kernels, responses(recipe), strict=True)
    ]


def _peak_data(peak: Peak) -> dict[str, Any]:
    right, down = peak.at or (None, None)
    return {"gain": peak.gain, "right": right, "down": down}


def _cut_data(cut: Cut) -> dict[str, Any]:
    spots = [cut.end * i / (POINTS - 1) for i in range(POINTS)]
    waves = [cut.at(spot) for spot in spots]
    first, weights = cut.impulse
    return {
        "along": cut.along,
        "gain_at_0": cut.zero,
        "nyquist": cut.end,
        "gain_at_nyquist": cut.nyquist,
        "largest_gain": dict(zip(("gain", "at"), cut.peak, strict=True)),
        "half_gain": list(cut.crossings(HALF)),
        "minus_3_db": list(cut.crossings(HALF_POWER)),
        "frequencies": spots,
        "gains": [cut.gain(spot) for spot in spots],
        "phases": [
            math.atan2(wave.imag, wave.real) if abs(wave) > cut.noise else None for wave in waves
        ],
        "impulse": {"first": first, "weights": list(weights)},
    }


# --- for people ----------------------------------------------------------------------------------


def tell(recipe: Recipe) -> None:
    """Charts and figures of every kernel."""
    found = responses(recipe)
    click.echo(recipe.label + (f": {recipe.title}" if recipe.title else ""))
    if recipe.combine:
        click.echo(f"Combined by {recipe.combine}, which has no response; kernel by kernel:")
    for kernel, response in zip(recipe.kernels, found, strict=True):
        click.echo(f"\n{kernel.name}".rstrip(" ") if len(found) > 1 else "")
        for cuts in _alike(response.cuts):
            _drawn(cuts[0], _names(cuts))
            click.echo()
        _echo(dict(_facts(recipe, response)))


def _alike(cuts: Sequence[Cut]) -> Iterator[list[Cut]]:
    """Lines on which the kernel does the same are shown once."""
    left = list(cuts)
    while left:
        same = [cut for cut in left if _same(left[0], cut)]
        yield same
        left = [cut for cut in left if cut not in same]


def _same(one: Cut, two: Cut) -> bool:
    return (
        one.end == two.end
        and one.impulse == two.impulse
        and len(one.grid) == len(two.grid)
        and bool((abs(one.grid - two.grid) <= one.noise).all())
    )


def _drawn(cut: Cut, names: str) -> None:
    if not cut.peak[0]:
        click.echo(f"No wave passes along {names}.")
        return
    across = _across()
    gains = [cut.gain(cut.end * i / (across - 1)) for i in range(across)]
    click.echo(f"Gain along {names}, by cycles per pixel")
    charts.bars(gains, ("0", f"{cut.end / 2:.3g}", f"{cut.end:.3g}"), sys.stdout)
    _echo(dict(_figures(cut)))
    first, weights = cut.impulse
    if len(weights) > 1:
        click.echo(f"One pixel of 1 becomes, along {names}")
        charts.bars(*_middle(first, weights, across), sys.stdout)


def _across() -> int:
    if not terminal.draws(sys.stdout):
        return ACROSS
    room = get_terminal_size().columns - charts.LABEL - 1
    return max(NARROW, min(ACROSS, room))


def _echo(table: dict[str, str]) -> None:
    for line in terminal.pairs(table):
        click.echo(f"  {line}")


def _middle(
    first: int, weights: Sequence[float], across: int
) -> tuple[list[float], tuple[str, str, str]]:
    """As many weights as a chart holds, each as wide as there is room, around pixel 0."""
    start = max(0, min(-first - across // 2, len(weights) - across))
    kept = weights[start : start + across]
    wide = min(5, across // len(kept))
    ends = f"{first + start:+d}", "pixels", f"{first + start + len(kept) - 1:+d}"
    return [weight for weight in kept for _ in range(wide)], ends


def _names(cuts: Sequence[Cut]) -> str:
    alongs = [cut.along for cut in cuts]
    if alongs == ["falling", "rising"]:
        return "both diagonals"
    return " and ".join(NAMES[along] for along in alongs)


def _figures(cut: Cut) -> Iterator[tuple[str, str]]:
    yield "at 0", _number(cut.zero)
    yield "at Nyquist", f"{_number(cut.nyquist)}, at {cut.end:.4g}"
    yield "largest", _largest(cut)
    if cut.peak[1] is not None:
        yield "half of it (-6 dB)", _spots(cut.crossings(HALF))
        yield "-3 dB of it", _spots(cut.crossings(HALF_POWER))


def _number(value: float) -> str:
    return f"{value:.4g}"


def _largest(cut: Cut) -> str:
    gain, spot = cut.peak
    return _number(gain) + (" everywhere" if spot is None else f", at {_number(spot)}")


def _spots(found: Sequence[float]) -> str:
    if not found:
        return "not reached"
    more = ", ..." * (len(found) > SPOTS)
    return "at " + ", ".join(map(_number, found[:SPOTS])) + more


def _facts(recipe: Recipe, response: Response) -> Iterator[tuple[str, str]]:
    yield "operation", _operation(recipe)
    yield "phase", _moved(response.phase)
    if len(response.cuts) > 1:
        yield "direction", _summit(response.peak)


def _moved(phase: Phase) -> str:
    ways = [
        f"{abs(pixels):g} px {words[pixels < 0]}"
        for pixels, words in ((phase.right, ("right", "left")), (phase.down, ("down", "up")))
        if pixels
    ]
    moved = " and ".join(ways)
    if phase.kind == "quarter" and moved:
        moved = f"; and everything moves {moved}"
    return SHIFTS[phase.kind].format(moved)


def _summit(peak: Peak) -> str:
    if peak.at is None:
        return f"all the same: gain {_number(peak.gain)} at every frequency"
    right, down = peak.at
    found = f"largest gain {_number(peak.gain)}, at"
    if not (right or down):
        return f"{found} 0, on flat areas"
    angle = round(math.degrees(math.atan2(-down, right)), 3) % 180
    return (
        f"{found} {_number(math.hypot(right, down))} cycles per pixel towards {angle:.4g} degrees"
    )
