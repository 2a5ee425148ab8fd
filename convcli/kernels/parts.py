"""
The kernels that a file describes: its own keys one, or its `kernels:` list some.

    matrix, row and column, generate, file ...  --Weighing-->  weights   \
    use, expression                             --library-->   a kernel   > scale, anchor, rotate
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from convcli.errors import KernelError
from convcli.kernels import fields
from convcli.kernels.arithmetic import rotate
from convcli.kernels.document import Items, MistakeError, Node, Table, one_line
from convcli.kernels.kernel import MAX_CELLS, OPERATIONS, Kernel, Recipe
from convcli.kernels.weights import WEIGHTS, Weighing
from convcli.record import record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from convcli.kernels.kernel import Parameter

PART_KEYS: Final = ("name", *WEIGHTS, "use", "expression", "rotate", "scale", "anchor")
OTHERS: Final = ("use", "expression", "rotate")
_TOGETHER: Final = f"the kernels have more than {MAX_CELLS} weights together"


@record
class Wish:
    """What the caller of a file asks for beside the file."""

    given: Mapping[str, Parameter]
    first: str | None
    resolve: Callable[[str], Recipe] | None


@record
class Part:
    """One kernel, and the parameters it was made with."""

    kernel: Kernel
    parameters: tuple[tuple[str, Parameter], ...] = ()


def parts_of(own: fields.Fields, path: Path, wish: Wish) -> list[Part]:
    """The kernels of a file: its `kernels:` list, or the one that its own keys describe."""
    refuse_parameters(own, wish)
    listed = own.table.get("kernels")
    alone = [key for key in (*WEIGHTS, *OTHERS) if key in own.table.entries]
    if listed is None:
        return _turned(own, path, wish, own)
    if alone:
        own.findings.add(own.key(alone[0]), f"'{alone[0]}' and 'kernels' exclude each other")
    if not isinstance(listed, Items) or not listed.items:
        own.findings.add(listed, "'kernels' is a list of kernels")
        return []
    own.number("scale", words=fields.SCALES)  # wrong even where every kernel has its own
    plain = Wish({}, None, wish.resolve)
    parts: list[Part] = []
    for node in listed.items:
        parts += _listed_parts(node, own, path, plain)
        if sum(part.kernel.rows * part.kernel.columns for part in parts) > MAX_CELLS:
            own.findings.add(node, f"{_TOGETHER} at this one")
            return []
    return parts


def _listed_parts(node: Node, own: fields.Fields, path: Path, wish: Wish) -> list[Part]:
    if not isinstance(node, Table):
        own.findings.add(node, "a kernel of the list needs keys and values, such as 'matrix:'")
        return []
    inner = fields.Fields(node, own.findings)
    inner.refuse_unknown(PART_KEYS)
    return _turned(inner, path, wish, own)


def _turned(inner: fields.Fields, path: Path, wish: Wish, own: fields.Fields) -> list[Part]:
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


def refuse_parameters(own: fields.Fields, wish: Wish) -> None:
    """KernelError for parameters of a file whose weights are fixed."""
    if (wish.given or wish.first is not None) and "generate" not in own.table.entries:
        raise KernelError(
            f"'{fields.stem(Path(own.findings.path))}' has fixed weights and takes no parameters",
            "Parameters go with kernels made by 'generate:', such as gaussian:sigma=2.",
        )


def _part(inner: fields.Fields, path: Path, wish: Wish, own: fields.Fields) -> Part | None:
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
    return Part(kernel, weighing.parameters) if kernel else None


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


def _used(inner: fields.Fields, wish: Wish, own: fields.Fields) -> Part | None:
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
    return Part(kernel) if kernel else None


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
