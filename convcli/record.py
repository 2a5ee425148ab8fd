"""
Plain data: slotted dataclasses whose methods were compiled once, for all classes.

    @record      as  @dataclass(frozen=True, slots=True)
    @mutable     as  @dataclass(slots=True)

`dataclass` writes and compiles up to seven functions for every class, at every start: 0.8 ms a
class, and `convcli apply` needs about fifty. Here all classes share one `__init__`, `__eq__` and
so on, which go by the fields: 0.1 ms. What `dataclasses` offers (`field` with a default or its
factory, `fields`, `replace`, `__post_init__`) holds, for the type checker too. A method that the
class itself defines stays.

A class that is used again and again gets an `__init__` of its own in the end, four times as fast:
a batch makes thirty records for every file.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import MISSING, FrozenInstanceError, dataclass, field, fields, make_dataclass
from reprlib import recursive_repr
from typing import Any, NoReturn, TypeVar, cast, dataclass_transform

Class = TypeVar("Class", bound=type)

OFTEN = 256
"""Records of a class by which 3 us saved for each have paid for what `dataclasses` compiles."""

_set = object.__setattr__
_made_of = Counter[type]()


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: Class) -> Class:
    """`cls` made of its fields, compared and hashed by them; assigning is an error."""
    return _made(cls, _FROZEN)


@dataclass_transform(field_specifiers=(field,))
def mutable(cls: Class) -> Class:
    """`cls` made of its fields, compared by them, not hashable."""
    return _made(cls, _OPEN)


def _made(cls: Class, methods: dict[str, Any]) -> Class:
    for name in methods.keys() - cls.__dict__.keys():
        setattr(cls, name, methods[name])
    return cast("Class", dataclass(init=False, repr=False, eq=False, slots=True)(cls))


def _init(self: Any, *given: Any, **named: Any) -> None:  # noqa: ANN401 - of any record
    cls = type(self)
    _made_of[cls] += 1
    if _made_of[cls] >= OFTEN and cls.__init__ is _init:  # else a class below has its own
        cls.__init__ = _compiled(cls)
    names = cls.__match_args__
    if named or len(given) != len(names):
        given = _completed(cls, given, named)
    for name, value in zip(names, given, strict=True):
        _set(self, name, value)
    if hasattr(cls, "__post_init__"):
        self.__post_init__()


def _compiled(cls: Any) -> Any:  # noqa: ANN401 - a method of any type
    """`_init`, as `dataclasses` writes it out for the fields of one class."""
    rows = [
        (one.name, Any, field(default=one.default, default_factory=one.default_factory))
        for one in fields(cls)
    ]
    after = {"__post_init__": cls.__post_init__} if hasattr(cls, "__post_init__") else {}
    frozen = cls.__setattr__ is not object.__setattr__
    made = make_dataclass(cls.__name__, rows, namespace=after, frozen=frozen, repr=False, eq=False)
    return made.__dict__["__init__"]


def _completed(cls: Any, given: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:  # noqa: ANN401 - of any type
    """A value for every field: those given in order, those given by name, defaults."""
    names = cls.__match_args__
    if len(given) > len(names) or not named.keys().isdisjoint(names[: len(given)]):
        raise TypeError(f"{cls.__name__}: given twice, or more than it has fields")
    rest = [
        named.pop(name) if name in named else _default(cls, name) for name in names[len(given) :]
    ]
    if named:
        raise TypeError(f"{cls.__name__} has no field {', '.join(named)}")
    return (*given, *rest)


def _default(cls: Any, name: str) -> Any:  # noqa: ANN401 - of any type
    told = cls.__dataclass_fields__[name]
    if told.default is not MISSING:
        return told.default
    if told.default_factory is MISSING:
        raise TypeError(f"{cls.__name__} needs {told.name}")
    return told.default_factory()


def _values(self: Any) -> tuple[Any, ...]:  # noqa: ANN401 - of any record
    return tuple(getattr(self, name) for name in self.__match_args__)


@recursive_repr("...")
def _repr(self: Any) -> str:  # noqa: ANN401 - of any record
    pairs = zip(self.__match_args__, _values(self), strict=True)
    return f"{type(self).__qualname__}({', '.join(f'{name}={value!r}' for name, value in pairs)})"


def _eq(self: Any, other: object) -> bool:  # noqa: ANN401 - of any record
    return _values(self) == _values(other) if type(self) is type(other) else NotImplemented


def _hash(self: Any) -> int:  # noqa: ANN401 - of any record
    return hash(_values(self))


def _setattr(self: object, name: str, value: object) -> NoReturn:  # noqa: ARG001 - refused, whatever it is
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _delattr(self: object, name: str) -> NoReturn:  # noqa: ARG001 - refused
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _reduce(self: Any) -> tuple[Any, ...]:  # noqa: ANN401 - of any record
    """For copies and pickles, which would assign."""
    return type(self), _values(self)


_DATA = {"__init__": _init, "__repr__": _repr, "__eq__": _eq}
_OPEN = _DATA | {"__hash__": None}
_FROZEN = _DATA | {
    "__hash__": _hash,
    "__setattr__": _setattr,
    "__delattr__": _delattr,
    "__reduce__": _reduce,
}
