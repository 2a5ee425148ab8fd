"""
Which images, and where results go: the options that make a batch, and what was said with them.

    @choosing      INPUT... --from-file LIST --include "*.tif" ...     `Chosen`, found by `found`
    @placing       --name "{name}-{kernel}.{ext}" --exists skip ...    `Placed`, made of by `wanted`
"""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import TYPE_CHECKING, TypedDict

import click

from convcli.batch.existing import EXISTS
from convcli.batch.naming import EACH, FIELDS, KEPT, SUFFIXES
from convcli.cli.choices import Word, explained
from convcli.cli.options import option, stacked
from convcli.errors import UsageError
from convcli.terminal import count
from convcli.wording import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from convcli.batch.inputs import Found
    from convcli.batch.targets import Wanted
    from convcli.job import Wishes
    from convcli.kernels.kernel import Recipe
    from convcli.spec import Job

STANDARD = "-"

EXISTS_WORDS = {word: rule.about for word, rule in EXISTS.items()}

_input = partial(option, "Input")
_output = partial(option, "Output")


class Chosen(TypedDict):
    """The options of which images."""

    from_file: str | None
    zero: bool
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    hidden: bool


class Placed(TypedDict):
    """The options of where results go."""

    out: str | None
    name: str | None
    form: str | None
    each: bool
    exists: str | None
    overwrite: bool
    in_place: bool
    yes: bool
    dry_run: bool
    as_json: bool


choosing = stacked(
    [
        click.argument(
            "images",
            nargs=-1,
            metavar="INPUT...",
            help='Image files; folders, with all below them; quoted patterns, "scans/**/*.tif"; -'
            " is standard input.",
        ),
        _input(
            "--from-file",
            metavar="LIST|-",
            help="Read more names from a file, one a line, taken as they are.",
        ),
        _input("-0", "zero", is_flag=True, help="Names of --from-file end in a null byte."),
        _input(
            "--include",
            multiple=True,
            metavar="GLOB",
            help='Of folders take only what matches, "*.tif" or "raw/**"; repeat for more. It is'
            " held against the path below the folder, and against the name. .npy and .csv are taken"
            " only so.",
        ),
        _input(
            "--exclude",
            multiple=True,
            metavar="GLOB",
            help="Leave out files and folders that match; repeat for more.",
        ),
        _input("--hidden", is_flag=True, help="Take hidden files and folders, too: .name"),
    ]
)

placing = stacked(
    [
        _output(
            "-o",
            "--out",
            metavar="FILE|DIR|-",
            help="A file; or a folder, for several images, which is made if need be and keeps their"
            " tree; or standard output.",
        ),
        _output(
            "--name",
            metavar="TEMPLATE",
            help=explained(
                f"Names of results below the folder; {{index:04d}}, {{name:.20}} as in Python. With"
                f" --each {EACH} unless given.",
                {f"{{{field}}}": about for field, about in FIELDS.items()},
                KEPT,
            ),
        ),
        _output(
            "--format",
            "form",
            type=Word(SUFFIXES),
            metavar="WORD",
            help=f"Suffix and format of results in a folder; the input's unless given. One of"
            f" {', '.join(SUFFIXES)}.",
        ),
        _output("--each", is_flag=True, help="One output for every kernel, not a chain of them."),
        _output(
            "--exists",
            type=Word(EXISTS_WORDS),
            metavar="WORD",
            help=explained("What to do where a result exists.", EXISTS_WORDS, "error"),
        ),
        _output("--overwrite", is_flag=True, help="Short for --exists overwrite."),
        _output(
            "--in-place",
            is_flag=True,
            help="Replace the images themselves, each when its result is whole; needs --yes, or a"
            " terminal to ask on.",
        ),
        _output("--yes", is_flag=True, help="Do not ask."),
        _output(
            "-n",
            "--dry-run",
            is_flag=True,
            help="Check everything, print as a tree what would be written, and write nothing.",
        ),
        _output("--json", "as_json", is_flag=True, help="Print --dry-run as one JSON document."),
    ]
)


def found(ctx: click.Context, images: Sequence[str], said: Chosen, out: str = "") -> Found:
    """Every input; `out` is not searched if it lies in a folder that is."""
    from convcli.batch.inputs import Choice, find, read_list

    listed: list[str] = []
    if said["from_file"] is not None:
        if said["from_file"] == STANDARD and STANDARD in images:
            raise UsageError(
                "Standard input can't be an image and a list of images.",
                "Give the list as a file: --from-file list.txt",
            )
        listed = read_list(said["from_file"], zero=said["zero"])
    elif said["zero"]:
        raise UsageError("-0 is said of a list.", "Give one: --from-file LIST")
    elif not images:
        param = next(param for param in ctx.command.params if param.name == "images")
        raise click.MissingParameter(ctx=ctx, param=param)
    apart = out if out != STANDARD and os.path.isdir(out) else ""  # noqa: PTH112 - of any length
    return find(images, Choice(said["include"], said["exclude"], said["hidden"], apart), listed)


def wanted(ctx: click.Context, said: Placed) -> Wanted:
    """Where results go. UsageError for what does not go together."""
    from convcli.batch.targets import Wanted

    if said["as_json"] and not said["dry_run"]:
        raise UsageError("--json is said of --dry-run.", "Say --dry-run --json.")
    if said["overwrite"] and said["exists"] not in {None, "overwrite"}:
        raise UsageError(f"--overwrite and --exists {said['exists']} exclude each other.")
    if said["in_place"]:
        _check_in_place(said)
        return Wanted(in_place=True)
    if said["out"] is None:
        param = next(param for param in ctx.command.params if param.name == "out")
        raise click.MissingParameter(ctx=ctx, param=param)
    exists = said["exists"] or ("overwrite" if said["overwrite"] else "error")
    return Wanted(said["out"], said["name"] or "", said["form"] or "", exists, each=said["each"])


def _check_in_place(said: Placed) -> None:
    others = {
        "-o": said["out"],
        "--name": said["name"],
        "--format": said["form"],
        "--each": said["each"],
        "--exists": said["exists"],
    }
    for option_name, value in others.items():
        if value:
            cure = "--in-place writes into the inputs: their names, their format."
            if option_name in {"-o", "--name"} and "{filter" in str(value):
                cure = (
                    "An image has room for one result; give those of filters a folder:"
                    " -o results/ --name '{dir}/{name}-{filter}.{ext}'"
                )
            raise UsageError(f"--in-place and {option_name} exclude each other.", cure)


def jobs(chosen: Sequence[Recipe], wishes: Wishes, *, each: bool) -> tuple[Job, ...]:
    """One job, the chain of all kernels; or one for each of them."""
    from convcli.job import make_job

    if each and chosen:
        return tuple(make_job([recipe], wishes) for recipe in chosen)
    return (make_job(chosen, wishes),)


def tell(notes: Iterable[str]) -> None:
    """What the user may not expect, before any work, on standard error."""
    for note in notes:
        click.echo(printable(f"note: {note}"), err=True)


def confirm(number: int, *, yes: bool) -> None:
    """Ask whether images may be replaced. UsageError where nobody can be asked."""
    if yes:
        return
    if sys.stdin is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            f"--in-place replaces {count(number, 'image')} for good.", "Say --yes if that is meant."
        )
    click.confirm(f"Replace {count(number, 'image')} for good?", abort=True, err=True)
