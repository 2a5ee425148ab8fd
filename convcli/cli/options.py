"""
Each shared option once, as decorators: what can be said. `said` makes jobs and limits of it.

    @filtering      -k sobel --padding edge ...       `Said`
    @limiting       --engine auto --memory 2G ...     `Allowed`
    @common         --debug                           noted in the `Session`

Words, and what the help says of them, come from the tables that implement them.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from convcli import engines
from convcli.batch.choice import AUTO, WORKERS
from convcli.cli.choices import (
    POWERS,
    UNITS,
    Amount,
    Jobs,
    KernelType,
    Option,
    PaddingType,
    Word,
    WordOr,
    explained,
)
from convcli.padding import PADDINGS
from convcli.pixels import DEPTHS
from convcli.record import mutable
from convcli.response import RANGES
from convcli.spec import ALPHAS, CHANNELS, EXTENTS, NORMALIZES, SCALES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


Function = TypeVar("Function", bound="Callable[..., Any]")

RANGE_WORDS = {word: text for word, (text, _) in RANGES.items()}
ENGINE_WORDS = {"auto": "the fastest that gives the same bytes", **engines.WHY}
DRAWINGS = {mode: rule.drawing for mode, rule in PADDINGS.items()}
DEPTH_WORDS = {
    **dict.fromkeys(DEPTHS, ""),
    "keep": "as the input",
    "8": "0..255",
    "16": "0..65535",
    "float": "unlimited: negative and bright values stay",
}


@mutable
class Session:
    """What one call of the command line knows of itself."""

    args: tuple[str, ...] = ()
    debug: bool = False


def stacked(options: Sequence[Callable[[Function], Function]]) -> Callable[[Function], Function]:
    """One decorator out of several, read from top to bottom."""

    def decorate(function: Function) -> Function:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def option(section: str, *names: str, **attributes: Any) -> Callable[[Function], Function]:  # noqa: ANN401 - click's
    """One option in a section of the help."""
    return click.option(*names, cls=Option, section=section, **attributes)


_filter = partial(option, "Filter")
_pixels = partial(option, "Pixels")
_running = partial(option, "Running")

kernels_folder = _filter(
    "--kernels",
    metavar="DIR",
    multiple=True,
    is_eager=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Look for kernels here first; repeat for several folders.",
)

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")

kernel_choice = stacked(
    [
        _filter(
            "-k",
            "--kernel",
            multiple=True,
            metavar="NAME|FILE",
            type=KernelType(),
            help="A kernel: sobel, gaussian:sigma=2, my.yaml. Repeat for a chain, in order.",
        ),
        _filter(
            "-m",
            "--matrix",
            multiple=True,
            metavar="ROWS",
            help='A kernel written here: "0 -1 0; -1 5 -1; 0 -1 0", "1/9 * 1 1 1; ...", @file.',
        ),
        kernels_folder,
    ]
)

geometry = stacked(
    [
        _filter(
            "--convolve",
            "operation",
            flag_value="convolve",
            help="True convolution: turn the kernel by 180 degrees. The default, unless the kernel"
            " file says otherwise.",
        ),
        _filter(
            "--correlate",
            "operation",
            flag_value="correlate",
            help="Cross-correlation: lay the kernel on as written.",
        ),
        _filter(
            "--padding",
            metavar="MODE[:V]",
            type=PaddingType(),
            default="reflect",
            help=explained(
                "How the image goes on beyond its edges; V in sample units. Other libraries' words"
                " work with their name: scipy:mirror, opencv:reflect101, torch:zeros.",
                DRAWINGS,
                "reflect",
            ),
        ),
        _filter(
            "--extent",
            "--mode",
            "extent",
            type=Word(EXTENTS),
            metavar="WORD",
            help=explained("How much of the result to keep.", EXTENTS, "same"),
        ),
        _filter("--pad-by", metavar="T,R,B,L", help="Pad by these pixels, in place of --extent."),
        _filter("--stride", metavar="N|R,C", default="1", help="Keep every N-th row and column."),
        _filter("--dilation", metavar="N|R,C", default="1", help="Spread the kernel's cells."),
        _filter("--anchor", metavar="R,C", help="Cell that lies on the output, from 0,0."),
    ]
)

filtering = stacked(
    [
        kernel_choice,
        geometry,
        _filter(
            "--scale",
            type=WordOr(SCALES),
            metavar="WORD|X",
            help=explained("Rescale the kernel; X is a number or 1/9.", SCALES),
        ),
        _filter(
            "--bias",
            metavar="V|P%",
            help="Add V sample units, or P % of the full range, to the result.",
        ),
        _filter(
            "--normalize",
            type=Word(NORMALIZES),
            metavar="WORD",
            help=explained("Make scores of the sums of the last kernel.", NORMALIZES, "none"),
        ),
        _pixels(
            "--range",
            type=Word(RANGE_WORDS),
            metavar="WORD",
            help=explained(
                "What becomes of values beyond black and white; clip, unless the kernel file says"
                " otherwise.",
                RANGE_WORDS,
            ),
        ),
        _pixels(
            "--depth",
            type=Word(DEPTH_WORDS),
            default="keep",
            metavar="WORD",
            help=explained("Samples of the output.", DEPTH_WORDS, "keep"),
        ),
        _pixels(
            "--channels",
            type=WordOr(CHANNELS),
            default="each",
            metavar="WORD",
            help=explained(
                "Channels to filter, or letters such as R or GB: filter those, carry the others.",
                CHANNELS,
                "each",
            ),
        ),
        _pixels(
            "--alpha",
            type=Word(ALPHAS),
            default="auto",
            metavar="WORD",
            help=explained("What to do with transparency.", ALPHAS, "auto"),
        ),
        _pixels(
            "--linear",
            "light",
            flag_value="linear",
            default="encoded",
            help="Undo the sRGB curve, filter light, redo it; right for blurs.",
        ),
    ]
)

limiting = stacked(
    [
        _running(
            "--engine",
            type=Word(ENGINE_WORDS),
            default="auto",
            metavar="WORD",
            help=explained("How to compute; changes the time, never a byte.", ENGINE_WORDS, "auto"),
        ),
        _running(
            "-j",
            "--jobs",
            type=Jobs(),
            metavar="N|auto",
            help="Threads at most, and files in work side by side; auto is one for each processor."
            " [default: auto]",
        ),
        _running(
            "--memory",
            type=Amount("memory", UNITS),
            metavar="SIZE",
            help="Of all that is in work together. A file that needs more than its share is done"
            " alone; if more than all, TIFF is filtered in parts, others refused: 300M, 2G. Half of"
            " the machine's unless given.",
        ),
        _running(
            "--max-pixels",
            type=Amount("pixels", POWERS, unlimited=True),
            default="250M",
            show_default=True,
            metavar="N",
            help="Refuse larger images; none for no limit.",
        ),
    ]
)

crewing = stacked(
    [
        _running(
            "--workers",
            type=Word(WORKERS),
            default=AUTO,
            metavar="WORD",
            help=explained("What filters several files side by side.", WORKERS, AUTO),
        ),
        _running("--fail-fast", is_flag=True, help="Begin no other file once one has failed."),
    ]
)


def _switch_debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        ctx.ensure_object(Session).debug = True


common = _running(
    "--debug",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_switch_debug,
    help="Print the traceback of an error.",
)
