"""
A recipe as a new kernel file with comments, in YAML or TOML, that gives the same weights again.

    # yaml-language-server: $schema=...      the schema, for editors
    name: "soft"
    matrix: |                                every number to the last bit: whole numbers, or the
      1 2 1                                  shortest decimals that are the same floats
    scale: 1/4                               a fraction where the float is the nearest one to it
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from convcli.errors import KernelError
from convcli.kernels.algebra import FUNCTIONS
from convcli.kernels.document import MAX_BYTES
from convcli.kernels.fields import LONGEST_NAME, fits_name, safe_name
from convcli.kernels.library import is_file_name
from convcli.kernels.number import shown, simplest
from convcli.record import record
from convcli.wording import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convcli.kernels.kernel import Bias, Kernel, Matrix, Recipe

_NOTES: Final = {
    "name": "what -k calls it",
    "title": "one line, for convcli kernels list",
    "tags": "words to find it by: --tag",
    "operation": "what the numbers were written for: convolve or correlate",
    "matrix": "the weights, in rows as written",
    "scale": "multiplies the matrix: a number, a fraction, sum or abs",
    "anchor": "row and column, from 0, of the cell on the output",
    "combine": "how the kernels' results become one",
    "activation": "applied to every result",
    "bias": "added to every result: sample units, or 50% of the full range",
    "range": "what becomes of values below black and above white",
    "source": "where the numbers come from",
    "license": "SPDX expression",
}
_LONG: Final = 20
"""Letters of a fraction that is easier to read than the float."""
_DEVICES: Final = {"con", "prn", "aux", "nul"} | {
    port + str(number) for port in ("com", "lpt") for number in range(1, 10)
}
"""Names that Windows keeps for itself, with any suffix."""


def refuse_name(name: str) -> None:
    """KernelError for a name that no kernel can have, or that could not be asked for."""
    if not fits_name(name):
        raise KernelError(
            f"{shown(name)} is no name of a kernel.",
            "A name begins with a letter or digit, and holds letters, digits and - _ . +;"
            f" {LONGEST_NAME} at most.",
        )
    if name.split(".", maxsplit=1)[0].lower() in _DEVICES or name.endswith("."):
        raise KernelError(f"{shown(name)} is no file name on Windows.", "Choose another name.")
    if name in FUNCTIONS:
        raise KernelError(f"{shown(name)} is a word of expressions.", "Choose another name.")
    if is_file_name(name):
        hint = "Name the kernel without it; -o says which file to write."
        raise KernelError(f"{shown(name)} would be read as a file.", hint)


def draft(recipe: Recipe, name: str, *, toml: bool, schema: str, origin: str) -> str:
    """
    The text of a new file; `schema` is where its schema lies, `origin` what it was made from.

    KernelError where a file cannot hold the recipe as plain kernels, or would be too large.
    """
    _refuse(recipe)
    form = _Form(toml=toml)
    lines = [f"#:schema {schema}" if toml else f"# yaml-language-server: $schema={schema}"]
    lines += [f"# Made from: {printable(origin)}"] if origin else []
    lines += ["", *_head(recipe, name, form)]
    if len(recipe.kernels) == 1:
        lines += _weights(recipe.kernel, form)
        lines += _tail(recipe, form)
    else:  # in TOML what follows [[kernels]] belongs to it
        lines += [*_tail(recipe, form), *form.table(recipe.kernels)]
    text = "\n".join(lines) + "\n"
    if len(text) > MAX_BYTES:
        raise KernelError(
            f"{shown(name)}: {len(text):,} bytes; a kernel file has {MAX_BYTES:,} at most.",
            "Write the weights with convcli kernels convert --to numpy, and name them by 'file:'.",
        )
    return text


def _refuse(recipe: Recipe) -> None:
    if recipe.layers:
        raise KernelError(
            f"{shown(recipe.name)} has layers of filters.", "Copy its file, and change that."
        )
    if recipe.across:
        raise KernelError(
            f"{shown(recipe.name)} is one filter over several colours.",
            "A kernel file filters each channel: make it of a grey picture, or write 'layers:'.",
        )


@record
class _Form:
    """How keys and values are written: `key: value` or `key = value`."""

    toml: bool

    def line(self, key: str, value: str) -> str:
        """One key with what it means."""
        head = f"{key} = {value}" if self.toml else f"{key}: {value}"
        note = _NOTES.get(key, "")
        return f"{head:<27} # {note}" if note else head

    def bare(self, value: str) -> str:
        """A fraction or share: no number in TOML."""
        return _quoted(value) if self.toml and not value.isdecimal() else value

    def block(self, matrix: Matrix) -> list[str]:
        """The rows of a matrix as a block of text, in columns."""
        rows = [[_cell(cell) for cell in row] for row in matrix]
        widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
        texts = [
            " ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))
            for row in rows
        ]
        if self.toml:
            return [f"# {_NOTES['matrix']}", "matrix = '''", *texts, "'''"]
        # No line of a block may begin further left than its first, unless its depth is said.
        depth = "2" * texts[0].startswith(" ")
        return [self.line("matrix", f"|{depth}"), *(f"  {text}" for text in texts)]

    def table(self, kernels: tuple[Kernel, ...]) -> list[str]:
        """Several kernels, one below the other."""
        lines = [] if self.toml else ["kernels:"]
        for kernel in kernels:
            name = [self.line("name", _quoted(safe_name(kernel.name)))] if kernel.name else []
            body = [line.split(" #")[0].rstrip() for line in (*name, *_weights(kernel, self))]
            kept = [line for line in body if line]
            if self.toml:
                lines += ["", "[[kernels]]", *kept]
            else:
                lines += [f"  - {kept[0]}", *(f"    {line}" for line in kept[1:])]
        return lines


def _head(recipe: Recipe, name: str, form: _Form) -> Iterator[str]:
    yield form.line("name", _quoted(name))
    yield form.line("title", _quoted(recipe.title or name))
    yield form.line("tags", "[" + ", ".join(map(_quoted, recipe.tags)) + "]")
    if recipe.operation:
        yield form.line("operation", _quoted(recipe.operation))


def _weights(kernel: Kernel, form: _Form) -> Iterator[str]:
    yield from form.block(kernel.matrix)
    if kernel.scale != 1:
        yield form.line("scale", form.bare(_scale(kernel.scale)))
    if kernel.anchor:
        yield form.line("anchor", str(list(kernel.anchor)))


def _tail(recipe: Recipe, form: _Form) -> Iterator[str]:
    if recipe.combine:
        yield form.line("combine", _quoted(recipe.combine))
    if recipe.activation != "none":
        yield form.line("activation", _quoted(recipe.activation))
    if recipe.bias:
        yield form.line("bias", form.bare(_bias(recipe.bias)))
    if recipe.range:
        yield form.line("range", _quoted(recipe.range))
    for key, text in (("source", recipe.source), ("license", recipe.license)):
        if text:
            yield form.line(key, _quoted(" ".join(text.split())))


def _scale(scale: float) -> str:
    near = str(simplest(scale) or "")
    return near if 0 < len(near) < _LONG else repr(scale)


def _bias(bias: Bias) -> str:
    """A text that is read as the same bias, to the last bit."""
    if bias.value and bias.share:
        raise KernelError(f"a bias of {bias} is two", "Write one of them with -m or in a file.")
    if bias.value:
        return _cell(bias.value)
    return f"{Decimal(repr(bias.share)) * 100}%".lower()


def _cell(cell: float) -> str:
    """The shortest text that is read as the same float: `1`, `-0`, `0.1`, `1e+16`."""
    return repr(cell).removesuffix(".0")


def _quoted(text: str) -> str:
    """A text in quotes, as YAML, TOML and JSON have it alike."""
    return json.dumps(printable(text), ensure_ascii=False)
