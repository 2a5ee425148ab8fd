"""
What single values of kernel files look like to a JSON Schema: numbers, names, texts, words.

    number   3   "1/9"   "-.5"        scale    1/8   sum   abs        anchor   [0, 1]   center
    name     sobel-x                  bias     12    50%              rotate   90   [0, 45]

Patterns are those of ECMA 262, and hold in Python as well. `schema` puts them together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from convcli.kernels.arithmetic import EIGHTH
from convcli.kernels.fields import LONGEST_NAME, LONGEST_TEXT, MOST_NAMES, SIGNS
from convcli.kernels.number import DECIMAL, FRACTION, LONGEST_FRACTION
from convcli.response import COMBINES

if TYPE_CHECKING:
    from collections.abc import Iterable

Schema: TypeAlias = dict[str, Any]

LARGEST: Final = 1.7976931348623157e308
_NOT_ZERO: Final = r"(?!.*/0+(?:\.0+)?$)"
_SHORT: Final = rf"(?!(?=.*/).{{{LONGEST_FRACTION + 1}}})"
NUMBER: Final = rf"(?:{DECIMAL.pattern}|{FRACTION.pattern})"
_NUMERIC: Final = rf"^{_NOT_ZERO}{_SHORT}{NUMBER}$"
_PERCENT: Final = rf"^\s*{_NOT_ZERO}{NUMBER}\s*%?\s*$"
_ZERO: Final = r"^[+-]?[0.]+(?:[eE/].*)?$"
# Signs of ASCII that a name cannot hold; letters beyond ASCII are left to the checker, because
# \w means something else in every language.
_UNSAFE: Final = "".join(
    sign for sign in map(chr, range(128)) if not (sign.isalnum() or sign in "_" + SIGNS)
)
_PRINTED: Final = r"[^\u0000-\u001f\u007f-\u009f]"
MATRIX_TEXT: Final = r"^(?=[\s\S]*[0-9])(?:[-+0-9.eE/*,;\[\]\s]|#[^\n]*)*$"


def ref(name: str) -> Schema:
    """What the schema defines under a name."""
    return {"$ref": f"#/definitions/{name}"}


def said(text: str, form: Schema) -> Schema:
    """A form with a description; draft-07 ignores what stands beside a reference."""
    return {"description": text, **({"allOf": [form]} if "$ref" in form else form)}


def several(form: Schema, least: int, most: int | None = None) -> Schema:
    """A list of one form, of so many items."""
    limit = {} if most is None else {"maxItems": most}
    return {"type": "array", "items": form, "minItems": least, **limit}


def word(text: str, words: Iterable[str]) -> Schema:
    """One of these, as they stand."""
    return {"description": text, "enum": list(words)}


def text(text: str, *, lines: bool = False) -> Schema:
    """Text, or what YAML takes for something else; no control characters."""
    signs = rf"(?:{_PRINTED}|\n)" if lines else _PRINTED
    return {
        "description": text,
        "type": ["string", "number", "boolean"],
        "maxLength": LONGEST_TEXT,
        "pattern": rf"^\s*{signs}*\s*$",
    }


def name() -> Schema:
    """Letters, digits and some signs, the first a letter or digit; `5` may be a name, too."""
    unsafe = "".join(f"\\u{ord(sign):04x}" for sign in _UNSAFE)
    first = "".join(f"\\u{ord(sign):04x}" for sign in SIGNS)
    return {
        "type": ["string", "number", "boolean"],
        "minimum": 0,
        "maximum": LARGEST,
        "maxLength": LONGEST_NAME,
        "pattern": f"^[^{unsafe}{first}][^{unsafe}]*$",
    }


def number() -> Schema:
    """A finite number, or text that is one."""
    return {
        "type": ["number", "string"],
        "minimum": -LARGEST,
        "maximum": LARGEST,
        "pattern": _NUMERIC,
    }


def scale(words: tuple[str, ...]) -> Schema:
    """A number other than 0, or one of the words."""
    also = "".join(f", {word}" for word in words)
    return {
        "description": f"Multiplies the weights: a number, a fraction{also}.",
        "anyOf": [*([{"enum": list(words)}] if words else []), ref("number")],
        "not": {"anyOf": [{"const": 0}, {"type": "string", "pattern": _ZERO}]},
    }


def bias() -> Schema:
    """A number, or a share of the full range."""
    return {
        "description": "Added to every result: sample units, or a share of the full range: 50%.",
        **number(),
        "pattern": _PERCENT,
    }


def anchor() -> Schema:
    """A pair of counts, in a list or as text; or the middle."""
    count = {"type": ["integer", "string"], "minimum": 0, "pattern": "^[0-9]{1,9}$"}
    pair = r"^(?:center|\s*[0-9]{1,9}\s*,\s*[0-9]{1,9}\s*)$"
    return {
        "description": "Row and column, from 0, of the cell on the output; else the middle.",
        "anyOf": [{"type": "string", "pattern": pair}, several(count, 2, 2)],
    }


def rotate() -> Schema:
    """An angle, or several: multiples of an eighth of a turn."""
    angle = {"allOf": [ref("number"), {"multipleOf": EIGHTH}]}
    return {
        "description": "Degrees counter-clockwise; a list gives a kernel for each.",
        "anyOf": [angle, several(angle, 1, MOST_NAMES)],
    }


def combine() -> Schema:
    """A word of COMBINES, or `ratio:4`."""
    share = {"type": "string", "pattern": "^ratio:0*[1-9][0-9]*$"}
    return {
        "description": "How the results of several kernels become one.",
        "anyOf": [{"enum": list(COMBINES)}, share],
    }


def any_case(word: str) -> str:
    """A pattern of a word in capitals or not: schemas have no flag for that."""
    return "".join(f"[{c.lower()}{c.upper()}]" if c.isalpha() else f"[{c}]" for c in word)


def loosely(words: Iterable[str]) -> list[Schema]:
    """The words, for completion; and the same in capitals, between blanks."""
    known = list(words)
    pattern = rf"^\s*(?:{'|'.join(map(any_case, known))})\s*$"
    return [{"enum": known}, {"type": "string", "pattern": pattern}]
