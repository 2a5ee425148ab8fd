"""`convcli kernels new`: a kernel file to begin with."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from convcli.cli.choices import Command, KernelType
from convcli.cli.options import common, kernels_folder
from convcli.cli.said import recipes
from convcli.errors import KernelError, UsageError
from convcli.wording import printable

if TYPE_CHECKING:
    from convcli.kernels.kernel import Recipe

EXAMPLES = """
Examples:

\b
  convcli kernels new soft --from gaussian:sigma=1.5
  convcli kernels new crisp --from "2*identity - gaussian(2)" --toml
  convcli kernels new mine -m "0 1 0; 1 2 1; 0 1 0" -o mine.yaml
"""


@click.command("new", cls=Command, epilog=EXAMPLES)
@click.argument("name", help="What -k will call it.")
@click.option(
    "--from",
    "kernel",
    multiple=True,
    metavar="NAME|FILE",
    type=KernelType(),
    help="Begin with this kernel, as after -k; else with one that changes nothing.",
)
@click.option("-m", "--matrix", multiple=True, metavar="ROWS", help="Begin with these numbers.")
@click.option("-o", "--out", metavar="FILE", help="Write this file; else NAME.yaml in a folder.")
@click.option("--toml", is_flag=True, help="Write TOML, not YAML.")
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
@kernels_folder
@common
def command(  # noqa: PLR0917 - click passes them by keyword
    name: str,
    filters: tuple[tuple[str, str], ...],
    out: str | None,
    toml: bool,
    overwrite: bool,
    kernels: tuple[Path, ...],
) -> None:
    """
    Write a kernel file with comments, to be changed.

    It goes into the first folder of --kernels, else into ./kernels, where -k finds it. The weights
    are those of --from or -m to the last bit.
    """
    from convcli.io import check_target, write_bytes
    from convcli.kernels.draft import draft, refuse_name

    refuse_name(name)
    path = _target(name, out, kernels, toml=toml)
    recipe, origin = _begun(filters, kernels)
    check_target(path, overwrite=overwrite, folders=True)
    told = _shadowed(name, path, kernels)
    text = draft(recipe, name, toml=_is_toml(path), schema=_schema(path), origin=origin)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, text.encode(), overwrite=overwrite)
    for line in (printable(str(path)), *told, "", "Next:", *_next(name, path, kernels)):
        click.echo(line)


def _target(name: str, out: str | None, folders: tuple[Path, ...], *, toml: bool) -> Path:
    from convcli.kernels.kernelfile import KERNEL_SUFFIXES

    suffix = ".toml" if toml else ".yaml"
    path = Path(out) if out else (folders or (Path("kernels"),))[0] / f"{name}{suffix}"
    if path.suffix.lower() not in KERNEL_SUFFIXES or (toml and not _is_toml(path)):
        wanted = ".toml" if toml else ", ".join(KERNEL_SUFFIXES)
        raise UsageError(f"-o {printable(str(path))}: a kernel file ends in {wanted}.", "")
    return path


def _is_toml(path: Path) -> bool:
    return path.suffix.lower() == ".toml"


def _begun(filters: tuple[tuple[str, str], ...], folders: tuple[Path, ...]) -> tuple[Recipe, str]:
    """What to begin with, and what it was called; one cell that changes nothing if nothing."""
    from convcli.kernels.kernel import Kernel, Recipe

    if len(filters) > 1:
        raise UsageError("A file holds one kernel or recipe.", "Give --from or -m once.")
    if not filters:
        middle = Kernel(((0.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 0.0)))
        return Recipe("new", (middle,), title="What it does, in one line"), ""
    [recipe] = recipes(filters, folders)
    option, text = filters[0]
    return recipe, text if option == "kernel" else f"-m {text}"


def _schema(path: Path) -> str:
    """What an editor takes: the copy beside the file, which goes along with it, or the shipped."""
    from convcli.kernels import schema

    beside = path.parent / schema.NAME
    return schema.NAME if beside.is_file() else schema.path().absolute().as_uri()


def _shadowed(name: str, path: Path, folders: tuple[Path, ...]) -> list[str]:
    """What the name means so far, unless that is the file itself."""
    from convcli.kernels.library import holder, search_path, shipped_kernels

    try:
        found = holder(name, search_path(folders))
    except KernelError as error:
        return [f"Note: {error.message}."]
    if not found or (path.exists() and found != "family" and path.samefile(found)):
        return []
    if found == "family":
        return [f"Note: {name} is a family as well; the file comes first."]
    ours = Path(found).parent == shipped_kernels()
    what = f"the shipped {Path(found).name}" if ours else printable(found)
    return [f"Note: -k {name} meant {what} so far; the place that is searched first wins."]


def _next(name: str, path: Path, folders: tuple[Path, ...]) -> list[str]:
    """Commands to copy; the path, where the folder is none that is searched."""
    from convcli.kernels.library import search_path

    searched = {place.path.absolute() for place in search_path()}
    also = [f"--kernels {shlex.quote(str(folder))}" for folder in folders[:1]]
    known = path.parent.absolute() in searched or path.parent in folders
    spoken = " ".join(["-k", name, *also] if known else ["-k", shlex.quote(str(path))])
    file = shlex.quote(str(path))
    return [
        f"  convcli kernels check {file}",
        f"  convcli kernels show {spoken.removeprefix('-k ')}",
        f"  convcli apply photo.jpg -o out.png {spoken}",
    ]
