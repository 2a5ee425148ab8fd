"""Records: what `dataclasses` promises of plain data, without what it costs at every start."""

from __future__ import annotations

import copy
import pickle
from collections import Counter
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from typing import Any

import pytest

from convcli.record import OFTEN, mutable, record


@record
class Point:
    row: int
    column: int = 7
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.row < 0:
            raise ValueError("above the picture")


@record
class Pair:
    row: int
    column: int = 7

    def __str__(self) -> str:
        return f"{self.row}:{self.column}"


@mutable
class Count:
    below: int = 0


@record
class Odd:
    row: int

    def __repr__(self) -> str:
        return "odd"

    def __hash__(self) -> int:
        return 7


@dataclass(frozen=True, slots=True)
class Witness:
    row: Any
    column: int = 7


@pytest.fixture(params=["few", "many"], autouse=True)
def _made(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing shows whether a class was used so often that it has an `__init__` of its own."""
    monkeypatch.setattr("convcli.record._made_of", Counter())
    made: list[tuple[Any, tuple[int, ...]]] = [
        (Point, (1,)),
        (Pair, (1,)),
        (Count, ()),
        (Odd, (1,)),
    ]
    for cls, given in made:
        monkeypatch.setattr(cls, "__init__", cls.__init__)
        for _ in range(OFTEN if request.param == "many" else OFTEN // 2):
            cls(*given)
        shared = vars(cls)["__init__"].__module__ == "convcli.record"
        assert shared == (request.param == "few")


def test_fields_come_by_place_by_name_and_by_default() -> None:
    assert [Pair(1), Pair(row=1), Pair(1, 7)] == [Pair(1, column=7)] * 3
    assert Point(1).notes is not Point(1).notes


@pytest.mark.parametrize(
    ("given", "named"),
    [((), {}), ((1, 2, 3), {}), ((1,), {"row": 1}), ((1,), {"depth": 1}), ((), {"column": 1})],
)
def test_what_does_not_fit_the_fields_is_refused(
    given: tuple[int, ...], named: dict[str, int]
) -> None:
    cls: Any = Pair
    with pytest.raises(TypeError):
        cls(*given, **named)


def test_it_is_shown_compared_and_hashed_as_a_dataclass_is() -> None:
    assert repr(Pair(1, 2)) == repr(Witness(1, 2)).replace("Witness", "Pair")
    cls: Any = Pair
    assert repr(cls("a", 2)) == repr(Witness("a", 2)).replace("Witness", "Pair")
    assert hash(Pair(1, 2)) == hash(Witness(1, 2)) == hash(Pair(1, 2))
    others: list[object] = [Witness(1, 2), (1, 2), Pair(2, 1), Pair(1, 3)]
    assert Pair(1, 2) not in others
    assert [told.name for told in fields(Pair)] == [told.name for told in fields(Witness)]
    assert replace(Pair(1, 2), row=5) == Pair(5, 2)


def test_a_method_of_its_own_stays_and_the_last_step_is_taken() -> None:
    assert str(Pair(1, 2)) == "1:2"
    assert (repr(Odd(1)), hash(Odd(1))) == ("odd", 7)
    with pytest.raises(ValueError, match="above"):
        Point(-1)


def test_a_class_below_keeps_an_init_of_its_own() -> None:
    class Below(Pair):
        def __init__(self, both: int) -> None:
            super().__init__(both, both)

    assert [Below(number).column for number in range(2 * OFTEN)] == [*range(2 * OFTEN)]


def test_nothing_can_be_assigned_or_added() -> None:
    pair: Any = Pair(1)
    with pytest.raises(FrozenInstanceError):
        pair.row = 2
    with pytest.raises(FrozenInstanceError):
        del pair.row
    assert not hasattr(pair, "__dict__")


def test_copies_and_pickles_are_equal() -> None:
    pair = Pair(1, 2)
    assert copy.deepcopy(pair) == pair == pickle.loads(pickle.dumps(pair))  # noqa: S301 - our own
    assert copy.deepcopy(Point(1, 2, ["a"])).notes == ["a"]


def test_a_mutable_one_counts_and_has_no_hash() -> None:
    count = Count()
    count.below += 1
    assert count == Count(1) != Count()
    assert copy.copy(count) == count
    with pytest.raises(TypeError, match="unhashable"):
        hash(count)
    with pytest.raises(AttributeError):
        count.above = 1  # type: ignore[attr-defined]  # it must be refused
