"""
Names of results, by a template.

    "{dir}/{name}-{kernel}.{ext}"    photos/2024/a.png, -k gaussian:sigma=2
                                     -> 2024/a-gaussian-sigma=2.png, below the folder of results

A field takes one of Python's formats: {index:04d}, {name:.20}, {date:%Y}. Braces are {{ and }}.
Only the template is read so: what it puts in, an input's name above all, stays as it is.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, date, datetime
from functools import cache
from typing import TYPE_CHECKING

from convcli.batch.places import FORBIDDEN
from convcli.errors import UsageError
from convcli.io import FORMATS, Number, suffix_format
from convcli.record import record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from convcli.batch.task import Input
    from convcli.spec import Job

    Values = dict[str, object]

FIELDS = {
    "dir": "folders between the input's root and the file; empty for a file that was named itself",
    "name": "the input's name without its suffix",
    "ext": "suffix of the output, without the dot",
    "inext": "suffix of the input, without the dot",
    "root": "name of the folder that was searched; empty for a file that was named itself",
    "kernel": "kernels, joined by +, with their parameters",
    "op": "convolve or correlate",
    "pad": "padding",
    "stride": "stride, rows x columns where they differ",
    "index": "number of the input, from 1 on",
    "hash": "8 hexadecimal digits that stand for kernels and options",
    "date": "day of the run, 2026-11-21",
    "filter": "number of the filter, from 1 on: one file for each",
}
"""Every field of a template, and what it stands for."""

KEPT, EACH = "{dir}/{name}.{ext}", "{dir}/{name}-{kernel}.{ext}"
"""The template where none is given: for a chain, and for one output of each kernel."""

SUFFIXES = {
    suffix.removeprefix("."): row.name
    for row in FORMATS.values()
    if row.writable
    for suffix in row.suffixes
}
"""What a result can be written as: suffixes, and the formats they stand for."""

FALLBACK = "png"
"""Suffix of a result whose input has a format that is read, but not written."""

_TOKEN = re.compile(r"\{\{|\}\}|\{(?P<field>[^{}]*)\}|(?P<text>[^{}]+)|(?P<brace>[{}])")
_FIELD = re.compile(r"(?P<name>\w*)(?P<rest>[^:]*)(?::(?P<spec>.*))?", re.DOTALL)
_EXAMPLES: dict[str, object] = {
    **dict.fromkeys(FIELDS, "a"),
    "index": 1,
    "date": date(2026, 1, 2),
    "filter": Number(1),
}


@record
class Template:
    """A template that was checked: its text, and the fields in it."""

    text: str
    fields: frozenset[str]

    @property
    def of_filters(self) -> bool:
        """Whether there is a file for each filter."""
        return "filter" in self.fields

    def fill(self, values: Mapping[str, object]) -> str:
        """The name that these values make, as it comes."""
        return self.text.format_map(values)


def template(text: str) -> Template:
    """UsageError, with a mark below the place, for a template that makes no names anywhere."""
    fields = []
    for token in _TOKEN.finditer(text):
        if token["field"] is not None:
            fields.append(_field(text, token))
        elif token["brace"]:
            raise _wrong(text, token.start(), "a brace alone", "Write {{ or }} for a brace itself.")
        elif token["text"] and (found := FORBIDDEN.search(token["text"])):
            raise _wrong(
                text,
                token.start() + found.start(),
                f"{found[0]!r} is in no name of Windows",
                "Leave it out; folders are parted by /",
            )
    _check_folders(text)
    return Template(text, frozenset(fields))


def numbers(filters: int) -> list[Values]:
    """The field of a file for each filter."""
    return [{"filter": Number(number)} for number in range(1, filters + 1)]


def _field(text: str, token: re.Match[str]) -> str:
    """The name of a field in its braces."""
    parsed = _FIELD.fullmatch(token["field"])
    name, at = token["field"].split(":")[0], token.start() + 1
    if parsed is None or name not in FIELDS:
        raise _wrong(text, at, f"'{name}' is no field", _meant(name))
    try:
        format(_EXAMPLES[name], parsed["spec"] or "")
    except ValueError as error:
        cure = "Write {index:04d}, {name:.20} or {date:%Y}, as Python does."
        cure = "Write {filter} or {filter:02d}." if name == "filter" else cure
        raise _wrong(text, at, f"{error} (of '{name}')", cure) from None
    return name


def _meant(name: str) -> str:
    import difflib

    known = ", ".join(FIELDS)
    close = difflib.get_close_matches(name.lower(), FIELDS, n=1, cutoff=0.5)
    return f"Did you mean '{close[0]}'? ({known})" if close else f"Known: {known}"


def _check_folders(text: str) -> None:
    """Names lie below the folder of results, so that no template can lead out of it."""
    if text.startswith("/"):
        raise _wrong(text, 0, "names are below the folder of -o, never from the root", "Say -o /.")
    at = 0
    for part in text.split("/"):
        if part == "..":
            raise _wrong(text, at, "'..' leads out of the folder of -o", "Name that folder: -o")
        at += len(part) + 1
    if not text or text.endswith("/"):
        raise _wrong(text, len(text), "the name of the file is missing", f"Write {KEPT}")


def _wrong(text: str, at: int, what: str, cure: str) -> UsageError:
    return UsageError(f"--name: {what}.\n    {text}\n    {' ' * at}^", cure)


def for_each(text: str) -> Template:
    """
    A template for one output of each kernel. UsageError, with the template that would do, where
    kernels make no difference to it.
    """
    made = template(text)
    if not made.fields & {"kernel", "hash"}:
        stem, dot, suffix = text.rpartition(".")
        better = f"{stem}-{{kernel}}.{suffix}" if dot else f"{text}-{{kernel}}"
        raise UsageError(
            f"--name '{text}' gives all kernels of --each one name.", f"Say --name '{better}'"
        )
    return made


# --- what the fields stand for --------------------------------------------------------------------


def of_jobs(jobs: Sequence[Job]) -> list[Values]:
    """The fields of each job; of kernels that are called alike the second is called `-2`."""
    words = []
    seen: dict[str, int] = {}
    for job in jobs:
        name = _spelled(job.kernel)
        seen[name] = seen.get(name, 0) + 1
        kernel = f"{name}-{seen[name]}" if seen[name] > 1 else name
        first = job.stages[0]
        rows, columns = first.stride
        words.append(
            {
                "kernel": kernel,
                "op": "+".join(dict.fromkeys(job.operations)),
                "pad": _spelled(str(first.padding)),
                "stride": str(rows) if rows == columns else f"{rows}x{columns}",
                "hash": Digest(job),
                "date": datetime.now(UTC).astimezone().date(),
            }
        )
    return words


class Digest:
    """8 hexadecimal digits over all that decides about samples; computed where they are wanted."""

    def __init__(self, job: Job) -> None:
        self._job, self._text = job, ""

    def __format__(self, spec: str) -> str:
        if not self._text:
            self._text = _digest(self._job)
        return format(self._text, spec)


def _digest(job: Job) -> str:
    from hashlib import sha256

    whole = sha256(repr((job.operations, job.pixels)).encode())
    for stage in job.stages:
        whole.update(stage.bank.tobytes())
        fields = [name for name in stage.__match_args__ if name != "bank"]
        whole.update(repr([(name, getattr(stage, name)) for name in fields]).encode())
    return whole.hexdigest()[:8]


def _spelled(text: str) -> str:
    """`gaussian:sigma=2` -> `gaussian-sigma=2`: a name of files everywhere."""
    return FORBIDDEN.sub("-", text).replace("/", "-").strip(" .") or "kernel"


def of_input(source: Input, number: int, wish: str) -> Values:
    """The fields of an input; `wish` is the suffix that was asked for, or ""."""
    base = os.path.basename(source.path)
    name, _, inext = base.rpartition(".")
    if not name.strip("."):  # dots that begin a name part nothing off
        name, inext = base, ""
    return {
        "dir": source.inside.replace(os.sep, "/"),
        "name": name,
        "inext": inext,
        "ext": written_as(inext, wish),
        "root": _called(source.root) if source.root else "",
        "index": number,
    }


@cache
def _called(root: str) -> str:
    return os.path.basename(os.path.abspath(root))


@cache
def written_as(inext: str, wish: str) -> str:
    """
    The suffix of a result, without the dot: the one wished for, else the input's.

    FALLBACK where such files are only read, or are called as no format is.
    """
    if wish or not inext:
        return wish
    form = suffix_format(f"a.{inext}")
    return inext if form and FORMATS[form].writable else FALLBACK
