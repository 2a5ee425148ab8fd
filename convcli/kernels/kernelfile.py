"""
A kernel file's keys and what they mean; all faults of a file are found at once.

    name: sobel-x                one of these gives the weights:
    operation: correlate           matrix:    a text block, or lists of numbers
    matrix: |                      row:, column:   their outer product
      -1 0 1                       generate:  {family: gaussian, sigma: 2}
      -2 0 2                       file:      weights.csv, .txt, .npy or .png beside this file
      -1 0 1                       expression: 2*identity - gaussian(2)
    scale: 1/8                     kernels:   a list of kernels, with `combine:`
    rotate: [0, 90]                one kernel for each of these angles
                                   layers:    filters over all channels: see `layers.py`

`load_file` gives the recipe or raises one `KernelError` with every fault; `check_file` gives the
faults as data.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from convcli.kernels import fields
from convcli.kernels.document import (
    Broken,
    Fault,
    Findings,
    Node,
    Table,
    read_text,
    refusal,
)
from convcli.kernels.kernel import OPERATIONS, UNITS, Kernel, Recipe
from convcli.kernels.parts import Wish, parts_of, refuse_parameters
from convcli.kernels.weights import WEIGHTS
from convcli.record import record
from convcli.response import ACTIVATIONS, COMBINES, RANGES, unfit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from convcli.kernels.kernel import Parameter

KEYS: Final = (
    *("name", "title", "about", "tags", "aliases", "see", "source", "license"),
    *("operation", *WEIGHTS, "expression", "rotate", "kernels", "combine", "scale", "anchor"),
    *("bias", "range", "activation"),
    *("layers", "units"),
)
YAML_SUFFIXES: Final = (".yaml", ".yml")
OF_ONE: Final = (
    *WEIGHTS,
    "expression",
    "rotate",
    "kernels",
    "combine",
    "scale",
    "anchor",
    "bias",
    "activation",
)
KERNEL_SUFFIXES: Final = (*YAML_SUFFIXES, ".toml")


@record
class Heading:
    """What a list of kernels shows of a file, read without making its weights."""

    name: str
    title: str = ""
    tags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    problem: str = ""


def load_file(
    path: Path,
    *,
    given: Mapping[str, Parameter] | None = None,
    first: str | None = None,
    resolve: Callable[[str], Recipe] | None = None,
) -> Recipe:
    """
    Read a kernel file; raises `KernelError` with every fault, its line and the line itself.

    `given` replaces parameters of `generate:`, `first` is the value of its first parameter.
    `resolve` finds the kernels that the file names with `use:`.
    """
    recipe, findings = _read(path, Wish(given or {}, first, resolve))
    if recipe is None or findings.faults:
        raise refusal(findings.faults)
    return recipe


def check_file(path: Path, *, resolve: Callable[[str], Recipe] | None = None) -> list[Fault]:
    """Give every fault of a kernel file, none where it is right."""
    return _read(path, Wish({}, None, resolve))[1].faults


def document(path: Path, findings: Findings) -> Node:
    """Give what a file says, with the line and column of everything, before it means anything."""
    return _tree(path, findings, positions=True)


def read_heading(path: Path) -> Heading:
    """Read name, title, tags and aliases; a file with faults gives its name and the first one."""
    findings = Findings(str(path))
    try:
        root = _tree(path, findings)
        if isinstance(root, Table):
            own = fields.Fields(root, findings)
            names = own.names("tags"), own.names("aliases")
            heading = Heading(own.name("name") or fields.stem(path), own.text("title"), *names)
            if not findings.faults:
                return heading
    except Broken:
        pass
    fault = findings.faults[0] if findings.faults else None
    return Heading(fields.stem(path), problem=str(fault or f"{path}: is not a kernel file"))


def _read(path: Path, wish: Wish) -> tuple[Recipe | None, Findings]:
    findings = Findings(str(path))
    try:
        root = _tree(path, findings)
        recipe = _recipe(root, path, wish, findings)
        if findings.faults and path.suffix.lower() == ".toml":
            # Positions cost a second walk over the text, so only a faulty file pays for them.
            findings.forget()
            recipe = _recipe(_tree(path, findings, positions=True), path, wish, findings)
    except Broken:
        return None, findings
    finally:
        findings.faults.sort(key=lambda fault: (fault.line, fault.column))
    return recipe, findings


def _tree(path: Path, findings: Findings, *, positions: bool = False) -> Node:
    text = read_text(path, findings)
    # One parser is imported, and only once there is something to parse.
    if path.suffix.lower() != ".toml":
        from convcli.kernels.yamlfile import read_yaml

        return read_yaml(text, findings)
    from convcli.kernels import tomlfile

    return tomlfile.read_toml(text, findings, tomlfile.positions(text) if positions else None)


def _recipe(root: Node, path: Path, wish: Wish, findings: Findings) -> Recipe | None:
    if not isinstance(root, Table):
        findings.add(root, "is not a kernel file: it needs keys and values, such as 'matrix:'")
        return None
    own = fields.Fields(root, findings)
    own.refuse_unknown(KEYS)
    recipe = Recipe(own.name("name") or fields.stem(path), (Kernel(((1.0,),)),), origin=str(path))
    recipe = _described(recipe, own)
    if "layers" in root.entries:
        return _layered(recipe, own, path, wish)
    if "units" in root.entries:
        findings.add(own.key("units"), "'units' is for files with 'layers:'")
    parts = parts_of(own, path, wish)
    combine = _combine(own, len(parts))
    if len(parts) > 1 and combine is None and "combine" not in root.entries:
        node = root.get("kernels") or root.get("rotate")
        findings.add(node, f"needs 'combine:', one of {', '.join(COMBINES)}")
    if findings.faults or not parts:
        return None
    parameters = parts[0].parameters if "kernels" not in root.entries else ()
    kernels = tuple(part.kernel for part in parts)
    return replace(recipe, kernels=kernels, combine=combine, parameters=parameters)


def _combine(own: fields.Fields, count: int) -> str | None:
    """One of COMBINES, `ratio:4` among them, that goes with so many kernels."""
    node = own.scalar("combine")
    if node is None or ":" not in node.text:
        word = own.choice("combine", tuple(COMBINES))
    else:
        word = node.text
    wrong = unfit(word, count) if word and count else ""
    if wrong:
        own.findings.add(node, f"'combine' {wrong}")
    return None if wrong else word


def _layered(recipe: Recipe, own: fields.Fields, path: Path, wish: Wish) -> Recipe | None:
    """A network: layers of filters, and nothing of what describes a single filter."""
    from convcli.kernels.layers import Reader

    refuse_parameters(own, wish)
    for key in OF_ONE:
        if key in own.table.entries:
            own.findings.add(own.key(key), f"'{key}' and 'layers' exclude each other")
    layers = Reader(own, path.parent).layers()
    units = own.choice("units", tuple(UNITS)) or "samples"
    return None if own.findings.faults else replace(recipe, kernels=(), layers=layers, units=units)


def _described(recipe: Recipe, own: fields.Fields) -> Recipe:
    """Everything of a recipe but its kernels."""
    return replace(
        recipe,
        title=own.text("title"),
        about=own.text("about", lines=True),
        source=own.text("source", lines=True),
        license=own.text("license"),
        tags=own.names("tags"),
        aliases=own.names("aliases"),
        see=own.names("see"),
        operation=own.choice("operation", OPERATIONS),
        range=own.choice("range", tuple(RANGES)),
        activation=own.choice("activation", tuple(ACTIVATIONS)) or "none",
        bias=own.bias("bias"),
    )
