"""`convcli info`: what a bug report should begin with."""

from __future__ import annotations

import json
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click

from convcli import __version__, engines, io, terminal
from convcli.cli.choices import Command
from convcli.cli.options import common
from convcli.errors import UsageError

PACKAGES = (
    "click",
    "imagecodecs",
    "isal",
    "numpy",
    "pillow",
    "pyyaml",
    "rich",
    "scipy",
    "tifffile",
)

EXAMPLES = """
Examples:

\b
  convcli info
  convcli info --json
  convcli info --json | python -m json.tool --compact
"""


@click.command("info", cls=Command, epilog=EXAMPLES)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@common
def command(as_json: bool) -> None:
    """Versions, formats, processors, folders: for bug reports."""
    facts = gathered()
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    for line in terminal.pairs({name: _words(value) for name, value in facts.items()}):
        click.echo(line)


def gathered() -> dict[str, Any]:
    """All that there is to say, as data."""
    from convcli.kernels.library import search_path
    from convcli.limits import cores

    return {
        "convcli": __version__,
        "python": f"{platform.python_version()} ({sys.executable})",
        "platform": platform.platform(),
        "processors": cores(),
        "native core": native(),
        "engines": list(engines.WHY),
        "packages": {name: _version(name) for name in PACKAGES},
        "reads": [row.name for row in io.FORMATS.values()],
        "writes": [row.name for row in io.FORMATS.values() if row.writable],
        "kernel folders": [str(place.path) for place in search_path()],
    }


def native() -> str:
    """The compiled cores that run here, and the one that is used."""
    try:
        first, *others = engines.bodies()
    except UsageError as error:  # a name that is not known must not keep anybody from asking
        return error.message
    if first == engines.NUMPY:
        forced = f"not used: {engines.FORCED} is set" if os.environ.get(engines.FORCED) else ""
        return forced or "not built: the NumPy bodies are used"
    rest = [name for name in others if name != engines.NUMPY]
    return f"{first}; also {', '.join(rest)}" if rest else first


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {text}" for name, text in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
