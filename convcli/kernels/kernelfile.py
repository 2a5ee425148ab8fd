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
from pathlib import Path
from typing import TYPE_CHECKING, Final

from convcli.errors import KernelError
from convcli.kernels import fields
from convcli.kernels.arithmetic import rotate
from convcli.kernels.document import (
    Broken,
    Fault,
    Findings,
    Items,
    MistakeError,
    Node,
    Table,
    one_line,
    read_text,
    refusal,
)
from convcli.kernels.kernel import MAX_CELLS, OPERATIONS, UNITS, Kernel, Recipe
from convcli.kernels.weights import WEIGHTS, Weighing
from convcli.record import record
from convcli.response import ACTIVATIONS, COMBINES, RANGES, unfit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from convcli.kernels.kernel import Parameter

PART_KEYS: Final = ("name", *WEIGHTS, "use", "expression", "rotate", "scale", "anchor")
KEYS: Final = (
    *("name", "title", "about", "tags", "aliases", "see", "source", "license"),
    *("operation", *WEIGHTS, "expression", "rotate", "kernels", "combine", "scale", "anchor"),
    *("bias", "range", "activation"),
    *("layers", "units"),
)
OTHERS: Final = ("use", "expression", "rotate")
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
_TOGETHER: Final = f"the kernels have more than {MAX_CELLS} weights together"
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
    recipe, findings = _read(path, _Wish(given or {}, first, resolve))
    if recipe is None or findings.faults:
        raise refusal(findings.faults)
    return recipe


def check_file(path: Path, *, resolve: Callable[[str], Recipe] | None = None) -> list[Fault]:
    """Give every fault of a kernel file, none where it is right."""
    return _read(path, _Wish({}, None, resolve))[1].faults


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
            heading = Heading(own.name("name") or stem(path), own.text("title"), *names)
            if not findings.faults:
                return heading
    except Broken:
        pass
    fault = findings.faults[0] if findings.faults else None
    return Heading(stem(path), problem=str(fault or f"{path}: is not a kernel file"))


def stem(path: Path) -> str:
    """The name of a kernel whose file gives none: the file's name, made safe."""
    return fields.safe_name(path.name.split(".")[0] or path.name)


@record
class _Wish:
    """What the caller of a file asks for beside the file."""

    given: Mapping[str, Parameter]
    first: str | None
    resolve: Callable[[str], Recipe] | None


def _read(path: Path, wish: _Wish) -> tuple[Recipe | None, Findings]:
    findings = Findings(str(path))
    try:
        root = _tree(path, findings)
        recipe = _recipe(root, path, wish, findings)
        if findings.faults and path.suffix.lower() == ".toml":
            # Positions cost a second walk over the text, so only a faulty file pays for them.
            findings.faults.clear()
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


def _recipe(root: Node, path: Path, wish: _Wish, findings: Findings) -> Recipe | None:
    if not isinstance(root, Table):
        findings.add(root, "is not a kernel file: it needs keys and values, such as 'matrix:'")
        return None
    own = fields.Fields(root, findings)
    own.refuse_unknown(KEYS)
    recipe = Recipe(own.name("name") or stem(path), (Kernel(((1.0,),)),), origin=str(path))
    recipe = _described(recipe, own)
    if "layers" in root.entries:
        return _layered(recipe, own, path, wish)
    if "units" in root.entries:
        findings.add(own.key("units"), "'units' is for files with 'layers:'")
    parts = _parts(own, path, wish)
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


def _layered(recipe: Recipe, own: fields.Fields, path: Path, wish: _Wish) -> Recipe | None:
    """A network: layers of filters, and nothing of what describes a single filter."""
    from convcli.kernels.layers import Reader

    _refuse_parameters(own, wish)
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


@record
class _Part:
    kernel: Kernel
    parameters: tuple[tuple[str, Parameter], ...] = ()


def _parts(own: fields.Fields, path: Path, wish: _Wish) -> list[_Part]:
    """The kernels of a file: its `kernels:` list, or the one that its own keys describe."""
    _refuse_parameters(own, wish)
    listed = own.table.get("kernels")
    alone = [key for key in (*WEIGHTS, *OTHERS) if key in own.table.entries]
    if listed is None:
        return _parts_of(own, path, wish, own)
    if alone:
        own.findings.add(own.key(alone[0]), f"'{alone[0]}' and 'kernels' exclude each other")
    if not isinstance(listed, Items) or not listed.items:
        own.findings.add(listed, "'kernels' is a list of kernels")
        return []
    own.number("scale", words=fields.SCALES)  # wrong even where every kernel has its own
    plain = _Wish({}, None, wish.resolve)
    parts: list[_Part] = []
    for node in listed.items:
        parts += _listed_parts(node, own, path, plain)
        if sum(part.kernel.rows * part.kernel.columns for part in parts) > MAX_CELLS:
            own.findings.add(node, f"{_TOGETHER} at this one")
            return []
    return parts


def _listed_parts(node: Node, own: fields.Fields, path: Path, wish: _Wish) -> list[_Part]:
    if not isinstance(node, Table):
        own.findings.add(node, "a kernel of the list needs keys and values, such as 'matrix:'")
        return []
    inner = fields.Fields(node, own.findings)
    inner.refuse_unknown(PART_KEYS)
    return _parts_of(inner, path, wish, own)


def _parts_of(inner: fields.Fields, path: Path, wish: _Wish, own: fields.Fields) -> list[_Part]:
    """The kernel of a table; or, with `rotate:`, one for each angle, named by it."""
    part = _part(inner, path, wish, own)
    angles = inner.angles("rotate")
    if part is None or "rotate" not in inner.table.entries:
        return [part] if part else []
    kernel, made = part.kernel, []
    if kernel.rows * kernel.columns * len(angles) > MAX_CELLS:
        inner.findings.add(
            inner.table.get("rotate"), f"{_TOGETHER} when turned {len(angles)} times"
        )
        return []
    for angle in angles:
        try:
            turned = rotate(kernel, angle)
        except KernelError as error:
            inner.findings.add(inner.table.get("rotate"), one_line(error))
            break
        named = "-".join(filter(None, (kernel.name, f"{float(angle):g}")))
        made.append(replace(part, kernel=replace(turned, name=named if len(angles) > 1 else "")))
    return made


def _refuse_parameters(own: fields.Fields, wish: _Wish) -> None:
    if (wish.given or wish.first is not None) and "generate" not in own.table.entries:
        raise KernelError(
            f"'{stem(Path(own.findings.path))}' has fixed weights and takes no parameters",
            "Parameters go with kernels made by 'generate:', such as gaussian:sigma=2.",
        )


def _part(inner: fields.Fields, path: Path, wish: _Wish, own: fields.Fields) -> _Part | None:
    """One kernel; scale and anchor of the file stand in where the part has none."""
    calls = [key for key in (*WEIGHTS, *OTHERS[:2]) if key in inner.table.entries]
    if len(calls) > 1 and set(calls) & {"use", "expression"}:
        text = f"'{calls[0]}' and '{calls[-1]}' both give weights; keep one"
        inner.findings.add(inner.key(calls[-1]), text)
        return None
    if set(calls) & {"use", "expression"}:
        return _used(inner, wish, own)
    before = len(own.findings.faults)
    weighing = Weighing(inner, path.parent, wish.given, wish.first)
    weights = weighing.kernel()
    if weights is None or len(own.findings.faults) > before:
        # The other keys are still checked, so that all faults are told at once.
        inner.number("scale", words=fields.SCALES)
        return None
    kernel = _finished(weights, inner, own)
    return _Part(kernel, weighing.parameters) if kernel else None


def _finished(kernel: Kernel, inner: fields.Fields, own: fields.Fields) -> Kernel | None:
    holder = inner if "scale" in inner.table.entries else own
    kernel_scaled = holder.scaled(kernel, "scale")
    holder = inner if "anchor" in inner.table.entries else own
    anchored = holder.anchored(kernel_scaled, "anchor") if kernel_scaled else None
    # The name of the file itself is checked with the recipe.
    name = inner.name("name") if anchored and inner is not own else ""
    return replace(anchored, name=name) if anchored else None


def _asked(key: str, text: str, resolve: Callable[[str], Recipe]) -> Recipe:
    if key == "use":
        return resolve(text)
    from convcli.kernels.algebra import calculated

    return calculated(text, resolve)


def _used(inner: fields.Fields, wish: _Wish, own: fields.Fields) -> _Part | None:
    """Take the kernel of another file, or what is calculated, written for the same operation."""
    key = "use" if "use" in inner.table.entries else "expression"
    node = inner.table.get(key)
    resolve = wish.resolve or _default_resolver(Path(own.findings.path))
    try:
        recipe = _asked(key, inner.text(key), resolve)
    except MistakeError as error:
        own.findings.at(*_mistaken(own, node, inner.text(key), error.column), error.reason)
        return None
    except KernelError as error:
        own.findings.add(node, error.message)
        return None
    if len(recipe.kernels) != 1:
        has = f"{len(recipe.kernels)} kernels" if recipe.kernels else "layers"
        own.findings.add(node, f"'{recipe.name}' has {has}; use one of one kernel")
        return None
    stated = own.choice("operation", OPERATIONS)
    if recipe.operation != stated and recipe.operation and not recipe.kernel.flip_invariant:
        text = f"'{recipe.name}' is written for {recipe.operation}; add 'operation: "
        own.findings.add(node, f"{text}{recipe.operation}' to this file")
        return None
    kernel = _finished(recipe.kernel, inner, own)
    return _Part(kernel) if kernel else None


def _mistaken(own: fields.Fields, node: Node | None, text: str, column: int) -> tuple[int, int]:
    """The line and column of a mistake in a text that stands on one line, else where it begins."""
    line, start = (node.line, node.column) if node else (0, 0)
    lines = own.findings.lines
    at = lines[line - 1].find(text) if text and 0 < line <= len(lines) else -1
    return (line, at + column + 1) if at >= 0 else (line, start)


def _default_resolver(path: Path) -> Callable[[str], Recipe]:
    # The library reads files through this module, so it can be named only when it is needed.
    from convcli.kernels import library

    return library.resolver(library.search_path((path.parent,)), (path,))
