"""
Kernels as arithmetic: `2*identity - gaussian(2)`, inline and as `expression:` of a kernel file.

    sum      = product { ("+" | "-") product }
    product  = factor { "*" factor | "/" number }            kernel * kernel composes both
    factor   = { "-" } ( number | "(" sum ")" | function | kernel )
    function = ("rotate" | "dilate" | "transpose" | "flip" | "mirror") "(" sum { "," argument } ")"
    kernel   = name [ "(" [ value ] { "," parameter "=" value } ")" ]

A name may hold dashes (`sobel-x`), so a minus between kernels stands between blanks. Nothing is
ever evaluated but this; mistakes come with their column. Kernels written for convolution are turned
where they meet one that is written for correlation.
"""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn, TypeAlias

from convcli.errors import KernelError
from convcli.kernels import arithmetic
from convcli.kernels.document import MistakeError
from convcli.kernels.kernel import Recipe
from convcli.kernels.number import shown
from convcli.kernels.terms import Term, agreed, lost
from convcli.record import mutable

if TYPE_CHECKING:
    from collections.abc import Callable

    from convcli.kernels.kernel import Kernel

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[^\W\d][\w.]*(?:-[\w.]+)*)|(?P<sign>[-+*/(),=]))",
    re.ASCII,
)
_ARGUMENT: Final = re.compile(r"[^(),]*")
_LONGEST, _DEEPEST, _FARTHEST = 2000, 40, 100_000
_MOST_WORK: Final = 4_000_000
"""Products that are taken, the time of a tenth of a second; cells that are made cost more."""
_MOST_CELLS: Final = 250_000
"""Of a kernel that is named: larger ones take a second and 200 MB to be refused."""
_LONGEST_NUMBER: Final = 4096
"""Bits above or below the line of a fraction; a float needs 1074."""
_EACH_CELL: Final = 10
"""Products that a cell of a named kernel costs: to make it, to tell its symmetry, to add it."""
FUNCTIONS: Final = {"rotate": 1, "dilate": 2, "transpose": 0, "flip": 0, "mirror": 1}

_Value: TypeAlias = Term | Fraction


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


def calculated(text: str, resolve: Callable[[str], Recipe]) -> Recipe:
    """
    Give the recipe of one kernel that an expression makes; `resolve` finds the kernels it names.

    Raises `MistakeError` with the column. Signed where a kernel's range was and the sum is 0.
    """
    flat = re.sub(r"\s", " ", text)
    term = _Reader(flat, resolve).whole()
    name = " ".join(flat.split())
    signed = "signed" if term.signed and term.kernel.zero_sum else None
    return Recipe(name, (term.kernel,), operation=term.operation, range=signed, origin="expression")


@mutable
class _Reader:
    """Reads from left to right; `at` is the next character, `work` what may still be done."""

    text: str
    resolve: Callable[[str], Recipe]
    at: int = 0
    work: int = _MOST_WORK
    depth: int = 0

    def whole(self) -> Term:
        """A sum that ends where the text does, and is a kernel."""
        if len(self.text) > _LONGEST:
            self.fail(0, f"the expression is longer than {_LONGEST} characters")
        value = self.sum()
        token = self.token()
        if token.kind != "end":
            hint = _COLON if token.text == ":" else _minus(self.text)
            self.fail(token.at, f"{shown(token.text)} is not expected here", hint)
        if isinstance(value, Fraction):
            self.fail(0, "this is a number, not a kernel", "Write 2*identity for twice the image.")
        return value

    # --- tokens

    def token(self) -> _Token:
        """The next one, which stays where it is; of kind `end` behind the last."""
        match = _TOKEN.match(self.text, self.at)
        if match is None:
            rest = self.text[self.at :].lstrip()
            return _Token("other" if rest else "end", rest[:1], len(self.text) - len(rest))
        kind = match.lastgroup or "sign"
        return _Token(kind, match[kind], match.start(kind))

    def take(self, *signs: str) -> _Token | None:
        """The next token if it is one of these signs."""
        token = self.token()
        if token.kind != "sign" or token.text not in signs:
            return None
        self.at = token.at + 1
        return token

    def expect(self, sign: str, why: str) -> None:
        """Take this sign; a mistake where another stands."""
        token = self.token()
        if not self.take(sign):
            hint = _COLON if token.text == ":" else ""
            self.fail(token.at, f"{shown(sign)} is missing here: {why}", hint)

    def fail(self, at: int, reason: str, hint: str = "") -> NoReturn:
        """Raise the mistake at this column, counted from 0."""
        raise MistakeError(self.text, at, reason, hint)

    # --- the grammar

    def sum(self) -> _Value:
        """product { ("+" | "-") product }"""
        value = self.product()
        while sign := self.take("+", "-"):
            value = self.added(value, self.product(), sign)
        return value

    def product(self) -> _Value:
        """factor { "*" factor | "/" number }"""
        value = self.factor()
        while sign := self.take("*", "/"):
            value = self.multiplied(value, self.factor(), sign)
        return value

    def factor(self) -> _Value:
        """{ "-" } ( number | "(" sum ")" | function | kernel )"""
        minus = False
        while self.take("-"):
            minus = not minus
        token = self.token()
        self.at = token.at + len(token.text)
        value = self.atom(token)
        if not minus:
            return value
        return -value if isinstance(value, Fraction) else self.scaled(value, Fraction(-1), token.at)

    def atom(self, token: _Token) -> _Value:
        """What is left of a factor once its signs and its first token are taken."""
        if token.kind == "number":
            return self.number(token)
        if token.kind == "name":
            return self.function(token) if token.text in FUNCTIONS else self.kernel(token)
        if token.text != "(":
            found = shown(token.text) if token.text else "the end"
            self.fail(token.at, f"a kernel or a number is expected here, not {found}")
        value = self.inner(token)
        self.expect(")", f"the bracket of column {token.at + 1} is open")
        return value

    def inner(self, token: _Token) -> _Value:
        """The sum behind a bracket that has just been opened, so many of them deep at most."""
        self.depth += 1
        if self.depth > _DEEPEST:
            self.fail(token.at, f"more than {_DEEPEST} brackets inside each other")
        value = self.sum()
        self.depth -= 1
        return value

    def number(self, token: _Token) -> Fraction:
        """Exact: 0.1 is a tenth."""
        if abs(int(token.text.lower().partition("e")[2] or 0)) > 300:  # noqa: PLR2004 - floats end there
            self.fail(token.at, f"{shown(token.text)} is out of range")
        return Fraction(token.text)

    def kernel(self, token: _Token) -> Term:
        """name [ "(" [ value ] { "," parameter "=" value } ")" ], as `resolve` finds it."""
        spec = token.text + self.arguments(token)
        try:
            recipe = self.resolve(spec)
        except KernelError as error:
            self.fail(token.at, error.message, _minus(token.text) or error.hint)
        missing = lost(recipe)
        if missing:
            self.fail(token.at, f"{shown(token.text)} {missing}: an expression takes plain kernels")
        cells = recipe.kernel.rows * recipe.kernel.columns
        if cells > _MOST_CELLS:
            self.fail(token.at, f"more than {_MOST_CELLS} weights are too many for an expression")
        self.spend(_EACH_CELL * cells, token.at)
        plain = replace(recipe.kernel, name="")
        return Term(plain, recipe.operation, recipe.range == "signed")

    def arguments(self, token: _Token) -> str:
        """`(2, radius=4)` as `:2,radius=4`."""
        opening = self.take("(")
        if not opening:
            return ""
        parts = []
        while True:
            match = _ARGUMENT.match(self.text, self.at)
            parts.append(match[0].strip() if match else "")
            self.at = match.end() if match else self.at
            if not self.take(","):
                break
        self.expect(")", f"the parameters of {token.text} are open")
        return ":" + ",".join(parts) if any(parts) else ""

    def function(self, token: _Token) -> Term:
        """name "(" sum { "," argument } ")", of FUNCTIONS."""
        name, most = token.text, FUNCTIONS[token.text]
        self.expect("(", f"{name} takes a kernel in brackets")
        inner = self.inner(token)
        if isinstance(inner, Fraction):
            self.fail(token.at, f"{name} takes a kernel, not a number")
        values: list[str | Fraction] = []
        while len(values) < most and self.take(","):
            values.append(self.axis() if name == "mirror" else self.count())
        more = f"a kernel and at most {most} more" if most else "one kernel and nothing else"
        self.expect(")", f"{name} takes {more}")
        if most and not values:
            self.fail(token.at, f"{name} needs a second value", _EXAMPLES[name])
        return self.changed(token, inner, values)

    def axis(self) -> str:
        """x or y."""
        token = self.token()
        if token.text not in {"x", "y"}:
            self.fail(token.at, "mirror goes along x (left and right) or y (top and bottom)")
        self.at = token.at + 1
        return token.text

    def count(self) -> Fraction:
        """An argument that is a number; it may be calculated."""
        at = self.token().at
        value = self.sum()
        if not isinstance(value, Fraction):
            self.fail(at, "a number is expected here, not a kernel")
        return value

    # --- the arithmetic

    def changed(self, token: _Token, term: Term, values: list[str | Fraction]) -> Term:
        """A function's kernel, by the function of `arithmetic` that has its name."""
        kernel = term.kernel
        numbers = [value for value in values if isinstance(value, Fraction)]
        if token.text == "dilate" and any(
            n.denominator > 1 or not 1 <= n <= _FARTHEST for n in numbers
        ):
            self.fail(token.at, "dilate takes whole numbers from 1", _EXAMPLES["dilate"])
        ways: dict[str, Callable[[], Kernel]] = {
            "rotate": lambda: arithmetic.rotate(kernel, numbers[0]),
            "dilate": lambda: arithmetic.dilate(kernel, int(numbers[0]), int(numbers[-1])),
            "transpose": lambda: arithmetic.transpose(kernel),
            "flip": lambda: arithmetic.flip(kernel),
            "mirror": lambda: arithmetic.mirror(kernel, str(values[0])),
        }
        return replace(term, kernel=self.made(ways[token.text], token.at))

    def added(self, first: _Value, second: _Value, sign: _Token) -> _Value:
        """Two kernels with their anchors on each other, or two numbers."""
        way = 1 if sign.text == "+" else -1
        if isinstance(first, Fraction) and isinstance(second, Fraction):
            return first + way * second
        if isinstance(first, Fraction) or isinstance(second, Fraction):
            hint = "Write how often the image is meant: 2*identity."
            self.fail(sign.at, f"{shown(sign.text)} between a number and a kernel", hint)
        one, two, operation = agreed(first, second)
        kernel = self.made(lambda: arithmetic.plus(one, two, way), sign.at)
        return Term(kernel, operation, first.signed or second.signed)

    def multiplied(self, first: _Value, second: _Value, sign: _Token) -> _Value:
        """Kernel * kernel composes, number * kernel scales, number * number multiplies."""
        if sign.text == "/":
            return self.divided(first, second, sign)
        if isinstance(first, Fraction) and isinstance(second, Fraction):
            return self.sized(first * second, sign.at)
        if isinstance(first, Fraction):
            first, second = second, first
        if isinstance(first, Fraction) or isinstance(second, Fraction):
            return self.scaled(first, second, sign.at)
        one, two, operation = agreed(first, second)
        self.spend(one.rows * one.columns * two.rows * two.columns, sign.at)
        kernel = self.made(lambda: arithmetic.compose(one, two), sign.at)
        return Term(kernel, operation, first.signed or second.signed)

    def divided(self, first: _Value, second: _Value, sign: _Token) -> _Value:
        """By a number other than 0."""
        if not isinstance(second, Fraction):
            self.fail(sign.at, "kernels can't be divided by a kernel", "Divide by a number.")
        if not second:
            self.fail(sign.at, "this divides by zero")
        if isinstance(first, Fraction):
            return self.sized(first / second, sign.at)
        return self.scaled(first, 1 / second, sign.at)

    def sized(self, number: Fraction, at: int) -> Fraction:
        """Refuse numbers whose exact arithmetic would cost more than any float can hold."""
        if max(number.numerator.bit_length(), number.denominator.bit_length()) > _LONGEST_NUMBER:
            self.fail(at, f"this number has more than {_LONGEST_NUMBER} bits")
        return number

    def scaled(self, first: _Value, second: _Value, at: int) -> Term:
        """A kernel times a number."""
        if isinstance(first, Fraction) or not isinstance(second, Fraction):
            raise TypeError("a kernel and a number")
        kernel = first.kernel
        return replace(first, kernel=self.made(lambda: arithmetic.times(kernel, second), at))

    def made(self, make: Callable[[], Kernel], at: int) -> Kernel:
        """What `make` gives; its mistakes are those of column `at`."""
        try:
            kernel = make()
        except KernelError as error:
            self.fail(at, error.message, error.hint)
        except OverflowError:
            self.fail(at, "the result is too large for a 64-bit number")
        self.spend(kernel.rows * kernel.columns, at)
        return kernel

    def spend(self, work: int, at: int) -> None:
        """Take so much from the work that an expression may cause."""
        self.work -= work
        if self.work < 0:
            self.fail(
                at,
                "this takes more arithmetic than an expression may: its kernels have more than"
                f" {_MOST_WORK // _EACH_CELL:,} weights, or composing them {_MOST_WORK:,} products",
                "Apply one kernel after the other instead: -k FIRST -k SECOND.",
            )


_COLON: Final = "In an expression parameters stand in brackets: gaussian(2), gabor(3, angle=30)."
_EXAMPLES: Final = {
    "rotate": "Write degrees counter-clockwise: rotate(sobel-x, 90).",
    "dilate": "Write how far apart cells lie, or rows and columns: dilate(box, 2, 3).",
    "mirror": "Write mirror(sobel-x, x) or mirror(sobel-x, y).",
}


def _minus(text: str) -> str:
    """A hint for names that swallowed a minus."""
    parted = re.sub(r"(?<=\w)-(?=[^\W\d])", " - ", text)
    return f"A minus between kernels stands between blanks: {parted}" if parted != text else ""
