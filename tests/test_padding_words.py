"""The words for paddings: our own, other libraries', and what is refused."""

from __future__ import annotations

import pytest

from convcli.errors import UsageError
from convcli.padding import PADDING_ALIASES, PADDINGS, Padding


def test_other_libraries_words() -> None:
    # Features, section 3.3: reflect and mirror mean different things in different libraries.
    assert Padding.parse("numpy:reflect") == Padding.parse("scipy:mirror") == Padding("reflect")
    assert Padding.parse("numpy:symmetric") == Padding.parse("scipy:reflect")
    assert Padding.parse("opencv:reflect") == Padding("symmetric")
    assert Padding.parse("opencv:reflect101") == Padding.parse("opencv:default")
    assert Padding.parse("opencv:reflect_101") == Padding("reflect")
    assert Padding.parse("torch:circular") == Padding.parse("scipy:grid-wrap") == Padding("wrap")
    assert Padding.parse("torch:zeros") == Padding("constant", 0.0)
    assert Padding.parse("scipy:nearest") == Padding.parse("torch:replicate") == Padding("edge")


@pytest.mark.parametrize(("alias", "mode"), PADDING_ALIASES.items())
def test_every_alias_is_read(alias: str, mode: str) -> None:
    assert Padding.parse(f" {alias.upper()} ") == Padding(mode)


@pytest.mark.parametrize("mode", PADDINGS)
def test_every_mode_is_read_and_told(mode: str) -> None:
    assert Padding.parse(mode) == Padding(mode)
    assert str(Padding.parse(mode)) == mode


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("constant:128", 128.0),
        ("constant:-0.5", -0.5),
        ("scipy:constant:7", 7.0),
        ("constant:", 0.0),
    ],
)
def test_constants_are_read(text: str, value: float) -> None:
    assert Padding.parse(text) == Padding("constant", value)


def test_a_constant_is_told() -> None:
    assert str(Padding("constant", 128.0)) == "constant:128"
    assert str(Padding("constant", 0.5)) == "constant:0.5"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("reflct", "'reflct' is not a padding.", "Did you mean 'reflect'?"),
        ("mirror", "'mirror' is not a padding.", "'scipy:mirror'"),
        ("zeros", "'zeros' is not a padding.", "constant"),
        ("", "'' is not a padding.", "Known: constant[:V], edge, reflect, symmetric, wrap"),
        ("reflect:3", "'reflect:3' is not a padding.", "reflect"),
        ("scipy:mirror:3", "'scipy:mirror:3' is not a padding.", "scipy:mirror"),
        ("scipy:circular", "'scipy:circular' is not a padding.", "torch:circular"),
        ("constant:white", "'constant:white': 'white' is not a number.", "constant:128"),
        ("constant:nan", "'constant:nan': the constant must be finite.", "constant:128"),
        ("constant:-inf", "'constant:-inf': the constant must be finite.", "constant:128"),
    ],
)
def test_what_is_no_padding_is_told(text: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        Padding.parse(text)
    assert caught.value.message == message
    assert hint in caught.value.hint


def test_a_padding_of_no_known_mode_cannot_be_made() -> None:
    with pytest.raises(UsageError, match="'mirror' is not a padding"):
        Padding("mirror")
