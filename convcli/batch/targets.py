"""
Inputs to outputs: every target is known, and refused if need be, before any work begins.

    one input, OUT a file           ->  OUT
    one input, OUT a folder         ->  OUT/name
    several inputs, OUT a folder    ->  OUT/name for each; two of one name are refused
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from convcli import io
from convcli.batch.task import STANDARD, Input, Task
from convcli.errors import ConvError, OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from convcli.batch.resume import Resumption

Pair = tuple[str, str]


def tasks(
    inputs: Sequence[Input],
    out: str,
    *,
    overwrite: bool = False,
    before: Resumption | None = None,
) -> list[Task]:
    """
    A task for every input, in order; none for those that a run `before` did.

    Raises OutputError for a target that may not be written, or that two inputs share; UsageError
    for several inputs into one file, and for standard input into a folder.
    """
    names = [source.path for source in inputs]
    folder = out != STANDARD and (out.endswith(("/", os.sep)) or os.path.isdir(out))  # noqa: PTH112 - of any length
    if len(inputs) > 1 and not folder:
        raise _not_a_folder(names, out)
    found = [(name, _inside(out, name) if folder else out) for name in names]
    _check_shared(found)
    wanted: list[Task] = []
    for number, (source, (_, target)) in enumerate(zip(inputs, found, strict=True), start=1):
        if before and before.settles(source, target):
            continue
        replaces = overwrite or (before is not None and before.ours(target))
        _check_same(source.path, target)
        io.check_target(target, overwrite=replaces)
        wanted.append(Task(number, source, target, overwrite=replaces))
    return wanted


def _not_a_folder(inputs: Sequence[str], out: str) -> ConvError:
    if out == STANDARD or Path(out).suffix:
        return UsageError(
            f"{len(inputs)} images cannot be written to one file, '{out}'.",
            "Give a folder: -o results/",
        )
    return OutputError(
        f"'{out}' is not a folder, and {len(inputs)} images are to go there.",
        f"Make it first: mkdir {out}",
    )


def _inside(folder: str, source: str) -> str:
    if source == STANDARD:
        raise UsageError(
            "An image from standard input has no name to take into a folder.",
            "Name the output file: -o result.png",
        )
    return str(Path(folder) / Path(source).name)


def _check_shared(found: Sequence[Pair]) -> None:
    """Names that differ in case only are one file on many disks."""
    taken: dict[str, str] = {}
    for source, target in found:
        other = taken.setdefault(target.casefold(), source)
        if other != source:
            raise OutputError(
                f"Two inputs would be written to {target}:\n    {other}\n    {source}",
                "Give them different names, or write them to different folders.",
            )
        if sum(pair == (source, target) for pair in found) > 1:
            raise UsageError(f"{source} is given twice.", "Name every input once.")


def _check_same(source: str, target: str) -> None:
    if target == STANDARD or not os.path.exists(target):  # noqa: PTH110 - a name of any length
        return
    if source != STANDARD and _identity(source) == _identity(target):
        raise OutputError(
            f"{target} is the input itself; it would be lost.", "Name another output: -o result.png"
        )


def check_spared(kept: Iterable[str], targets: Iterable[str]) -> None:
    """Raise OutputError for a target that is one of the files to be kept: kernels in use."""
    identities = {_identity(name) for name in kept}
    for target in targets:
        if target not in {"", STANDARD} and _identity(target) in identities:
            raise OutputError(
                f"{target} is a kernel of this run; it would be lost.", "Name another file."
            )


def _identity(name: str) -> tuple[int, int] | str:
    """What all names of one file share; of a file that is not there, its full name."""
    try:
        status = os.stat(name)  # noqa: PTH116 - a loop of links is an OSError like all others
    except OSError:
        return os.path.realpath(name)
    return status.st_dev, status.st_ino
