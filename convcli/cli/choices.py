"""
What an option can be: words of a table, sizes, paddings, kernel names. And help in sections.

Every word comes from the table that implements it, together with its explanation.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from convcli.errors import UsageError
from convcli.padding import PADDINGS, Padding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

AMOUNT = re.compile(r"(\d+(?:\.\d+)?) *([KMGT]?)i?[Bb]?", re.IGNORECASE)
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
POWERS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}


class Word(click.Choice[str]):
    """One word of a table of words and explanations; a mistyped one hears of its neighbour."""

    def __init__(self, table: Mapping[str, str]) -> None:
        super().__init__(tuple(table), case_sensitive=False)
        self.table = table

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:  # noqa: ANN401, ARG002 - click's signature
        """Name the nearest word, and all of them."""
        return f"{value!r} is not known. {nearest(str(value), self.table)}"

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:  # noqa: ARG002 - click's signature
        """All words, in a line: click sets them apart by tabs, which no message may hold."""
        return f"Choose from: {', '.join(self.table)}."

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        param: click.Parameter,  # noqa: ARG002 - click's signature
        incomplete: str,
    ) -> list[CompletionItem]:
        """Offer each word with its explanation."""
        return completions(self.table, incomplete)


class WordOr(click.ParamType[str]):
    """A word of a table, or something else that the library understands: a number, letters."""

    name = "word"

    def __init__(self, table: Mapping[str, str]) -> None:
        self.table = table

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        param: click.Parameter,  # noqa: ARG002 - click's signature
        incomplete: str,
    ) -> list[CompletionItem]:
        """Offer each word with its explanation."""
        return completions(self.table, incomplete)


class PaddingType(click.ParamType[Padding]):
    """`reflect`, `constant:128`, or another library's word, `scipy:mirror`."""

    name = "padding"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's signature
        param: click.Parameter | None,  # noqa: ARG002 - click's signature
        ctx: click.Context | None,  # noqa: ARG002 - click's signature
    ) -> Padding:
        """Parse; the error is the library's own."""
        return value if isinstance(value, Padding) else Padding.parse(str(value))

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        param: click.Parameter,  # noqa: ARG002 - click's signature
        incomplete: str,
    ) -> list[CompletionItem]:
        """Offer each padding with its drawing."""
        return completions({mode: rule.drawing for mode, rule in PADDINGS.items()}, incomplete)


class Amount(click.ParamType[int | None]):
    """A whole number with a unit: `300M`, `1.5G`; `none` where that is allowed."""

    def __init__(self, name: str, units: Mapping[str, int], *, unlimited: bool = False) -> None:
        self.name = name
        self.units = units
        self.unlimited = unlimited

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> int | None:
        """Multiply by the unit; click's usage error for anything else."""
        if self.unlimited and str(value).lower() == "none":
            return None
        match = AMOUNT.fullmatch(str(value).strip())
        factor = self.units.get(match[2].upper(), 0) if match else 0
        amount = int(float(match[1]) * factor) if match else 0
        if amount < 1:
            self.fail(f"{value!r} is not an amount. Write 300M or 2G.", param, ctx)
        return amount


class Jobs(click.ParamType[int | None]):
    """How many at a time, from 1 on; None for `auto`."""

    name = "jobs"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> int | None:
        """A whole number or the word; click's usage error for anything else."""
        text = str(value).strip().lower()
        if text == "auto":
            return None
        if not text.isascii() or not text.isdigit() or int(text) < 1:
            self.fail(f"{value!r} is not 1 or more, or auto.", param, ctx)
        return int(text)


class KernelType(click.ParamType[str]):
    """The name or file of a kernel; the library says what is wrong with it."""

    name = "kernel"

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002 - click's signature
        incomplete: str,
    ) -> list[CompletionItem]:
        """Offer each kernel with its title, and files."""
        from convcli.kernels.library import listing, search_path

        entries = listing(search_path(ctx.params.get("kernels") or ()))
        found = completions({entry.name: entry.title for entry in entries}, incomplete)
        return found or [CompletionItem(incomplete, type="file")]


def completions(table: Mapping[str, str], incomplete: str) -> list[CompletionItem]:
    """Give the words that begin like `incomplete`, with their explanations."""
    start = incomplete.lower()
    found = {word: text for word, text in table.items() if word.startswith(start)}
    return [CompletionItem(word, help=text) for word, text in found.items()]


def nearest(word: str, known: Mapping[str, str]) -> str:
    """`Did you mean 'clip'? (clip, abs, ...)`, or the list alone."""
    import difflib

    close = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.5)
    words = ", ".join(known)
    return f"Did you mean {close[0]!r}? ({words})" if close else f"Known: {words}"


def explained(text: str, table: Mapping[str, str], default: str = "") -> str:
    """Help of an option, and below it every word with its explanation."""
    text += f" [default: {default}]" * bool(default)
    width = max(map(len, table))
    rows = "\n".join(f"{word:{width}}  {about}" for word, about in table.items())
    return f"{text}\n\n\b\n{rows}"


class Option(click.Option):
    """An option that belongs to a section of the help."""

    def __init__(self, *args: Any, section: str = "Other", **kwargs: Any) -> None:  # noqa: ANN401 - click's
        super().__init__(*args, **kwargs)
        self.section = section


class Command(click.Command):
    """
    A command with its options in sections, and with `-k` and `-m` in the order they were given.

    `filters` takes the place of the parameters `kernel` and `matrix`: (option, text), in order.
    """

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options by section."""
        sections: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record and not isinstance(param, click.Argument):
                sections[getattr(param, "section", "Other")].append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records, col_max=26)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, then put kernels and matrices into one list in the order they were given."""
        _, _, order = self.make_parser(ctx).parse_args(list(args))
        _check_flags(order)
        rest = super().parse_args(ctx, args)
        if {"kernel", "matrix"} <= ctx.params.keys():
            options = (param.name for param in order if isinstance(param, click.Option))
            ctx.params["filters"] = tuple(_in_order(options, ctx.params))
        return rest


def _check_flags(given: Iterable[click.Parameter]) -> None:
    """Refuse two options that say one thing differently, as --convolve and --correlate do."""
    first: dict[str | None, click.Parameter] = {}
    for param in given:
        other = first.setdefault(param.name, param)
        if other is not param:
            pair = f"{other.opts[0]} and {param.opts[0]}"
            raise UsageError(f"{pair} exclude each other.", "Give one of them.")


def _in_order(options: Iterable[str | None], params: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every value of kernel and matrix: first as the options came, then those of arguments."""
    given = {name: iter(params.pop(name) or ()) for name in ("kernel", "matrix")}
    yield from ((name, next(given[name])) for name in options if name in given)
    yield from ((name, value) for name, values in given.items() for value in values)
