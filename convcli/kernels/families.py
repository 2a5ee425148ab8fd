"""
Kernels by name and parameters: `gaussian:sigma=2`, or `generate: {family: gaussian, sigma: 2}`.

One table, `FAMILIES`, says for each what it is, what it takes and how it is made; the first
parameter may be written without its name (`gaussian:2`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from convcli.errors import KernelError
from convcli.kernels import contrast, smoothing
from convcli.kernels.fields import meant
from convcli.kernels.number import parse_number, shown
from convcli.record import record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from convcli.kernels.kernel import Kernel, Parameter

Kind: TypeAlias = Literal["number", "whole", "word", "switch"]
_SWITCH: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


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
            return _SWITCH.get(text.lower())
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


@record
class Made:
    """A kernel, and the value of every parameter that it was made with."""

    kernel: Kernel
    parameters: dict[str, Any]


def _number(name: str, default: float | None, help: str, least: float, most: float) -> Knob:  # noqa: A002 - the field is called so
    return Knob(name, "number", default, help, least, most)


def _whole(name: str, default: int | None, help: str, least: int, most: int) -> Knob:  # noqa: A002 - the field is called so
    return Knob(name, "whole", default, help, least, most)


def _word(name: str, default: str, help: str, words: tuple[str, ...]) -> Knob:  # noqa: A002 - the field is called so
    return Knob(name, "word", default, help, words=words)


_SIGMA: Final = _number("sigma", 1.0, "standard deviation in pixels", 0.01, 10_000)
_RADIUS: Final = _whole("radius", None, "cells on each side; int(4*sigma + 0.5)", 0, 5000)
_SAMPLINGS: Final = ("point", "integral", "discrete")
_LAWS: Final = tuple(contrast.LAWS)

FAMILIES: Final[dict[str, Family]] = {
    family.name: family
    for family in (
        Family(
            "box",
            "mean of a rectangle",
            (
                _whole("size", 3, "side in cells", 1, 10_000),
                _whole("rows", None, "height, if it differs", 1, 1_000_000),
                _whole("columns", None, "width, if it differs", 1, 1_000_000),
            ),
            smoothing.box,
        ),
        Family(
            "tent",
            "a box filtered by a box: 1 2 1, 1 2 3 2 1, ...",
            (_whole("radius", 1, "cells on each side", 0, 499),),
            smoothing.tent,
        ),
        Family(
            "binomial",
            "row 2r of Pascal's triangle on both axes; variance r/2",
            (_whole("radius", 1, "cells on each side", 0, 100),),
            smoothing.binomial,
        ),
        Family(
            "gaussian",
            "bell curve",
            (
                _SIGMA,
                _RADIUS,
                _word(
                    "sampling",
                    "point",
                    "how the curve is sampled",
                    _SAMPLINGS,
                ),
                _number("sigma_x", None, "sigma along the row, if it differs", 0.01, 10_000),
                _number("sigma_y", None, "sigma along the column, if it differs", 0.01, 10_000),
            ),
            smoothing.gaussian,
        ),
        Family(
            "disk",
            "mean of a circle: a lens out of focus",
            (
                _number("radius", 3.0, "radius in pixels", 0.5, 500),
                Knob("antialias", "switch", True, "count the covered part of each pixel"),  # noqa: FBT003 - the default of a switch
            ),
            smoothing.disk,
        ),
        Family(
            "motion",
            "mean along a line: a camera that moved",
            (
                _number("length", 9.0, "length in pixels", 1, 100_000),
                _number("angle", 0.0, "degrees counter-clockwise from the row", -360, 360),
            ),
            smoothing.motion,
        ),
        Family(
            "shift",
            "moves the image by whole pixels",
            (
                _whole("right", 1, "pixels to the right; negative to the left", -5000, 5000),
                _whole("down", 0, "pixels down; negative up", -5000, 5000),
            ),
            contrast.shift,
        ),
        Family(
            "gradient",
            "first derivative of gain 1",
            (
                _word("operator", "sobel", "smoothing across", contrast.OPERATORS),
                _whole("size", 3, "side in cells, odd; above 3 for sobel only", 3, 31),
                _word("axis", "x", "x: to the right, y: downwards", ("x", "y")),
            ),
            contrast.gradient,
        ),
        Family(
            "gauss-derivative",
            "derivative of a Gaussian",
            (
                _number("sigma", 1.0, "standard deviation in pixels", 0.3, 10_000),
                _whole("dx", 1, "order along the row", 0, 2),
                _whole("dy", 0, "order along the column", 0, 2),
                _RADIUS,
            ),
            contrast.gauss_derivative,
        ),
        Family(
            "laplacian",
            "second derivative, between the 4- and the 8-neighbour form",
            (_number("alpha", 0.2, "weight of the corners", 0, 1),),
            contrast.laplacian,
        ),
        Family(
            "log",
            "Laplacian of a Gaussian; the sum is 0",
            (_number("sigma", 1.4, "standard deviation in pixels", 0.2, 10_000), _RADIUS),
            contrast.laplacian_of_gaussian,
        ),
        Family(
            "dog",
            "difference of two Gaussians; the sum is 0",
            (
                _SIGMA,
                _number("sigma2", None, "the wider sigma; 1.6*sigma if left out", 0.01, 10_000),
                _RADIUS,
            ),
            contrast.difference_of_gaussians,
        ),
        Family(
            "unsharp",
            "sharpens by what a Gaussian takes away",
            (_SIGMA, _number("amount", 1.0, "strength", 0, 1000), _RADIUS),
            contrast.unsharp,
        ),
        Family("highpass", "what a Gaussian takes away", (_SIGMA, _RADIUS), contrast.highpass),
        Family(
            "highboost",
            "the image a times, less its mean",
            (
                _number("amount", 2.0, "a; the weights add up to a - 1", 1, 1000),
                _whole("size", 3, "side of the mean in cells, odd", 3, 999),
            ),
            contrast.highboost,
        ),
        Family(
            "emboss",
            "relief lit from one side",
            (
                _number("angle", -45.0, "counter-clockwise degrees away from the light", -360, 360),
                _number("depth", 1.0, "strength of the relief", 0, 100),
            ),
            contrast.emboss,
        ),
        Family(
            "gabor",
            "waves under a bell curve; the sum is 0",
            (
                _number("sigma", 3.0, "standard deviation in pixels", 0.3, 150),
                _number("wavelength", 6.0, "pixels per wave", 2, 10_000),
                _number("angle", 0.0, "counter-clockwise degrees across the waves", -360, 360),
                _number("phase", 0.0, "0 even, -90 odd", -360, 360),
                _number("ratio", 1.0, "width over height of the bell", 0.1, 10),
            ),
            contrast.gabor,
        ),
        Family(
            "laws",
            "texture energy",
            (
                _word("column", "E5", "down", _LAWS),
                _word("row", "L5", "along", _LAWS),
            ),
            contrast.laws,
        ),
    )
}


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
