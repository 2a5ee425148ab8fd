"""
The grammar of kernel files as a JSON Schema (draft-07), for editors.

    KEYS  FAMILIES  COMBINES  ACTIVATIONS  RANGES  PADDINGS  ...   ->   schema()

Every key, word and bound comes from the table that the checker reads; only what a key looks like
is written here. A schema sees values, not how they were written, and does no arithmetic: ragged
rows, sums, files and other kernels are left to `kernels check`. Patterns are those of ECMA 262.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from convcli.kernels import grammar, layers
from convcli.kernels.families import FAMILIES
from convcli.kernels.fields import MOST_NAMES, SCALES
from convcli.kernels.grammar import ref, said, several
from convcli.kernels.kernel import OPERATIONS, UNITS
from convcli.kernels.kernelfile import KEYS, OF_ONE
from convcli.kernels.knobs import SWITCH
from convcli.kernels.library import shipped_kernels
from convcli.kernels.numberfile import SUFFIXES
from convcli.kernels.parts import OTHERS, PART_KEYS
from convcli.kernels.weights import WEIGHTS
from convcli.padding import PADDING_ALIASES, PADDINGS
from convcli.response import ACTIVATIONS, RANGES
from convcli.spec import EXTENTS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from convcli.kernels.grammar import Schema
    from convcli.kernels.knobs import Family, Knob

NAME: Final = "kernel.schema.json"
"""Of the file that lies among the shipped kernels."""


_STORED: Final = {"type": "string", "pattern": r"(?:\.[nN][pP][yYzZ]\s*|\.npz:[^\n]+)$"}
"""An array in a file: `net.npy`, `net.npz`, `net.npz:name`."""


def path() -> Path:
    """Where the schema lies as a file: beside the shipped kernels, which every package holds."""
    return shipped_kernels() / NAME


def text() -> str:
    """The schema as it lies in that file."""
    return json.dumps(schema(), indent=1) + "\n"


def schema() -> Schema:
    """The whole schema as JSON's own types; the same on every call."""
    forms = _forms()
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Kernel file of convcli",
        "description": "One kernel or recipe. convcli kernels check knows more than this schema.",
        "type": "object",
        "properties": {key: forms[key] for key in KEYS},
        "additionalProperties": False,
        "dependencies": {"units": ["layers"]},
        "if": {"required": ["layers"]},
        "then": _without(OF_ONE),
        "else": {
            "if": {"required": ["kernels"]},
            "then": {"allOf": [_without((*WEIGHTS, *OTHERS), KEYS), *_combining()]},
            "else": {"allOf": [_one_source((*WEIGHTS, "expression")), _combining()[-1]]},
        },
        "definitions": {
            "number": grammar.number(),
            "name": grammar.name(),
            "matrix": _matrix(),
            "line": _line(),
            "generate": _generate(),
            "part": _part(forms),
            "layer": _layer(forms),
        },
    }


def _forms() -> dict[str, Schema]:
    """What the value of each key looks like, of files and of the kernels in a list."""
    stack = several(ref("layer"), 1, layers.MOST_LAYERS)
    names = {"anyOf": [ref("name"), several(ref("name"), 0, MOST_NAMES)]}
    return {
        "name": said("What -k calls it; the name of the file unless given.", ref("name")),
        "title": grammar.text("One line that says what it is."),
        "about": grammar.text("What it does, what it is good for.", lines=True),
        "tags": said("Words to find it by: convcli kernels list --tag edge.", names),
        "aliases": said("Other names for it.", names),
        "see": said("Kernels to look at as well.", names),
        "source": grammar.text("Where the numbers come from.", lines=True),
        "license": grammar.text("SPDX expression, such as CC0-1.0."),
        "operation": grammar.word("What the numbers were written for.", OPERATIONS),
        "matrix": said("The weights, in rows as written.", ref("matrix")),
        "row": said("Weights along the row; with 'column' their outer product.", ref("line")),
        "column": said("Weights down the column.", ref("line")),
        "generate": ref("generate"),
        "file": {
            **grammar.text(f"Numbers beside this file: {', '.join(SUFFIXES)}."),
            "pattern": rf"(?:{'|'.join(map(grammar.any_case, SUFFIXES))})\s*$",
        },
        "use": grammar.text("The one kernel of another file or family, as after -k."),
        "expression": grammar.text("Calculated: 2*identity - gaussian(2)."),
        "rotate": grammar.rotate(),
        "kernels": said("Several kernels, to be combined.", several(ref("part"), 1)),
        "combine": grammar.combine(),
        "scale": grammar.scale(SCALES),
        "anchor": grammar.anchor(),
        "bias": grammar.bias(),
        "range": grammar.word("What becomes of values below black and above white.", RANGES),
        "activation": grammar.word("Applied to every result.", ACTIVATIONS),
        "layers": said("Filters over all channels.", stack),
        "units": grammar.word("What layers read and give.", UNITS),
    }


# --- weights -------------------------------------------------------------------------------------


def _matrix() -> Schema:
    row = several(ref("number"), 1)
    return {
        "anyOf": [{"type": "string", "pattern": grammar.MATRIX_TEXT}, several(row, 1), row],
    }


def _line() -> Schema:
    column = several(several(ref("number"), 1, 1), 1)
    row = several(several(ref("number"), 1), 1, 1)
    flat = several(ref("number"), 1)
    return {"anyOf": [{"$ref": "#/definitions/number"}, *_matrix()["anyOf"][:1], flat, row, column]}


def _generate() -> Schema:
    """One rule for each family, chosen by its name, so that an editor says what it takes."""
    return {
        "description": "A family and its parameters: {family: gaussian, sigma: 2}.",
        "type": "object",
        "required": ["family"],
        "properties": {"family": {"enum": list(FAMILIES)}},
        "allOf": [_family(family) for family in FAMILIES.values()],
    }


def _family(family: Family) -> Schema:
    knobs = {knob.name: _knob(knob) for knob in family.knobs}
    return {
        "if": {"required": ["family"], "properties": {"family": {"const": family.name}}},
        "then": {
            "description": family.about,
            "properties": {"family": {"const": family.name, "description": family.about}, **knobs},
            "additionalProperties": False,
        },
    }


def _knob(knob: Knob) -> Schema:
    head: Schema = {"description": f"{knob.help}; {knob.allowed}"}
    if knob.default is not None:
        head["default"] = knob.default
    if knob.kind == "word":
        return {**head, "anyOf": grammar.loosely(knob.words)}
    if knob.kind == "switch":
        return {**head, "anyOf": [{"enum": [False, True, 0, 1]}, *grammar.loosely(SWITCH)]}
    kind = "integer" if knob.kind == "whole" else "number"
    form = {"type": [kind, "string"], "minimum": knob.least, "maximum": knob.most}
    return {**head, "allOf": [ref("number")], **form}


def _part(forms: dict[str, Schema]) -> Schema:
    return {
        "type": "object",
        "properties": {key: forms[key] for key in PART_KEYS},
        "additionalProperties": False,
        "allOf": [_one_source((*WEIGHTS, *OTHERS[:2]))],
    }


def _one_source(keys: Iterable[str]) -> Schema:
    """Exactly one of these gives the weights; `row` and `column` are one."""
    both = {"anyOf": [{"required": ["row"]}, {"required": ["column"]}]}
    single = [{"required": [key]} for key in keys if key not in {"row", "column"}]
    return {"oneOf": [both, *single]}


def _combining() -> list[Schema]:
    """Where there are several kernels, it must be said how they become one."""
    many = {"type": "array", "minItems": 2}
    turned = {"required": ["rotate"], "properties": {"rotate": many}}
    several = [
        {"required": ["kernels"], "properties": {"kernels": many}},
        {"required": ["kernels"], "properties": {"kernels": {"contains": turned}}},
        turned,
    ]
    return [{"if": case, "then": {"required": ["combine"]}} for case in several]


def _without(keys: Iterable[str], known: Iterable[str] | None = None) -> Schema:
    """None of these keys may be there."""
    return {"properties": {key: False for key in keys if known is None or key in known}}


# --- layers --------------------------------------------------------------------------------------


def _layer(forms: dict[str, Schema]) -> Schema:
    own = {
        "name": said("What plans and reports call the layer.", ref("name")),
        "weights": _weights(),
        "scale": grammar.scale(()),
        "bias": said("One number for each filter.", {"anyOf": _biases()}),
        "padding": _padding(),
        "extent": grammar.word("How much of the result is kept.", EXTENTS),
        "activation": forms["activation"],
        **{key: _count(count) for key, count in layers.COUNTS.items()},
    }
    pairs = [(one, other) for one in layers.SIDES for other in layers.SIDES if one < other]
    return {
        "type": "object",
        "required": ["weights"],
        "properties": {key: own[key] for key in layers.KEYS},
        "additionalProperties": False,
        "not": {"anyOf": [{"required": list(pair)} for pair in pairs]},
    }


def _weights() -> Schema:
    rows = several(several(ref("number"), 1), 1)
    block = {"allOf": [{"type": "string", "pattern": grammar.MATRIX_TEXT}, {"pattern": "\n"}]}
    filters = several(several({"anyOf": [rows, block]}, 1), 1)
    return {
        "description": "(filter, channel, row, column): a .npy or .npz file, or lists.",
        "anyOf": [_STORED, filters],
    }


def _biases() -> list[Schema]:
    return [ref("number"), several(ref("number"), 1), _STORED]


def _padding() -> Schema:
    """A word of PADDINGS, or another library's; `constant` with a value."""
    fit = [word for word in PADDINGS if word != "normalize"]
    values = [word for word in (*fit, *PADDING_ALIASES) if _is_constant(word)]
    words = grammar.loosely((*fit, *PADDING_ALIASES))
    constant = rf"^\s*(?:{'|'.join(map(grammar.any_case, values))}):(?:{grammar.NUMBER})?\s*$"
    return {
        "description": "What stands beyond the edges; constant takes a value: constant:128.",
        "anyOf": [*words, {"type": "string", "pattern": constant}],
    }


def _is_constant(word: str) -> bool:
    return PADDING_ALIASES.get(word, word) == "constant"


def _count(count: layers.Count) -> Schema:
    one = {
        "type": ["integer", "string"],
        "minimum": count.least,
        "maximum": layers.LARGEST,
        "pattern": "^[0-9]{1,9}$",
    }
    rows = [several(one, number, number) for number in count.counts]
    many = " or ".join(map(str, count.counts))
    return {
        "description": f"{many} from {count.least} to {layers.LARGEST}{count.order}",
        "anyOf": [*([one] if 1 in count.counts else []), *rows],
    }
