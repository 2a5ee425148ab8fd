"""
Kernels by name and parameters: `gaussian:sigma=2`, or `generate: {family: gaussian, sigma: 2}`.

One table, `FAMILIES`, says for each what it is, what it takes and how it is made; the first
parameter may be written without its name (`gaussian:2`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convcli.errors import KernelError
from convcli.kernels.fields import meant
from convcli.kernels.formulas import FAMILIES
from convcli.kernels.number import shown
from convcli.record import record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convcli.kernels.kernel import Kernel, Parameter
    from convcli.kernels.knobs import Family, Knob

__all__ = ["FAMILIES", "Made", "asked", "family", "make"]


@record
class Made:
    """A kernel, and the value of every parameter that it was made with."""

    kernel: Kernel
    parameters: dict[str, Any]


def family(name: str) -> Family:
    """Find a family; an unknown one names those that exist."""
    if name not in FAMILIES:
        raise KernelError(
            f"no family is called {shown(name)}.{meant(name, FAMILIES)}",
            f"There are {', '.join(FAMILIES)}.",
        )
    return FAMILIES[name]


def asked(name: str, given: Mapping[str, Parameter], first: str | None) -> dict[str, Parameter]:
    """Name the parameters of `gaussian:2.5,radius=4`: the first one may come without."""
    if first is None:
        return dict(given)
    knob = family(name).knobs[0].name
    if knob in given:
        raise KernelError(f"{name}: '{knob}' is given twice", f"Write it once: {name}:{knob}=...")
    return {knob: first, **given}


def make(name: str, given: Mapping[str, Parameter]) -> Made:
    """Make a kernel of a family; raises `KernelError` naming the parameter and its range."""
    found = family(name)
    knobs = {knob.name: knob for knob in found.knobs}
    for key in given:
        if key not in knobs:
            raise KernelError(
                f"{name}: there is no parameter {shown(key)}.{meant(key, knobs)}",
                f"{name} takes {', '.join(knobs)}.",
            )
    values = {key: _value(name, knob, given.get(key)) for key, knob in knobs.items()}
    return Made(found.build(**values), values)


def _value(name: str, knob: Knob, written: Parameter | None) -> Parameter | None:
    if written is None:
        return knob.default
    value = knob.value(written)
    if value is None:
        default = "follows from the others" if knob.default is None else str(knob.default)
        raise KernelError(
            f"{name}: {knob.name}={shown(str(written))[1:-1]} is not {knob.allowed}.",
            f"{knob.name}: {knob.help}. Default: {default}.",
        )
    return value
