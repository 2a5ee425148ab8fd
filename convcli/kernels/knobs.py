"""
What the parameters of a family are: `Knob`, its kind, default and range; and `Family`, a formula.

    sigma   a number from 0.01 to 10000    radius   a whole number    sampling   a word
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from convcli.kernels.number import parse_number
from convcli.record import record

if TYPE_CHECKING:
    from collections.abc import Callable

    from convcli.kernels.kernel import Kernel, Parameter

Kind: TypeAlias = Literal["number", "whole", "word", "switch"]
SWITCH: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@record
class Knob:
    """One parameter: its kind, its default (None is derived from the others) and its range."""

    name: str
    kind: Kind
    default: Parameter | None
    help: str
    least: float = 0.0
    most: float = 1e6
    words: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        """The range in words."""
        if self.kind == "switch":
            return "yes or no"
        if self.kind == "word":
            return "one of " + ", ".join(self.words)
        kind = "a whole number" if self.kind == "whole" else "a number"
        return f"{kind} from {self.least:g} to {self.most:g}"

    def value(self, written: Parameter) -> Parameter | None:
        """Read a written value; None where it is not allowed."""
        text = str(written).strip()
        if self.kind == "switch":
            return SWITCH.get(text.lower())
        if self.kind == "word":
            return next((word for word in self.words if word.lower() == text.lower()), None)
        number = parse_number(text)
        if number is None or not self.least <= number <= self.most:
            return None
        if self.kind == "number":
            return float(number)
        return int(number) if number == int(number) else None


@record
class Family:
    """A formula with parameters."""

    name: str
    about: str
    knobs: tuple[Knob, ...]
    build: Callable[..., Kernel]


def number(name: str, default: float | None, help: str, least: float, most: float) -> Knob:  # noqa: A002 - the field is called so
    """A parameter that is a number; without a default it follows from the others."""
    return Knob(name, "number", default, help, least, most)


def whole(name: str, default: int | None, help: str, least: int, most: int) -> Knob:  # noqa: A002 - the field is called so
    """A parameter that is a whole number."""
    return Knob(name, "whole", default, help, least, most)


def word(name: str, default: str, help: str, words: tuple[str, ...]) -> Knob:  # noqa: A002 - the field is called so
    """A parameter that is one of a few words."""
    return Knob(name, "word", default, help, words=words)
