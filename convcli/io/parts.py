"""
One result of many channels as several pictures: a page or a file for each filter.

    out.tif             a page for each filter, where they make no picture together
    out-{filter}.png    a file for each, from 1 on; {filter:03d} writes 001, 002 ...

Alpha, where it is kept, is in every one of them.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from convcli.errors import InputError, OutputError
from convcli.io.described import redescribed
from convcli.io.files import check_target, replacing_all
from convcli.io.formats import FORMATS, TEXTS
from convcli.io.settle import settle
from convcli.record import record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from convcli.io.image import Image, Layout

_FIELD = re.compile(r"\{filter(?::([^{}]*))?\}")
_FORMAT = re.compile(r"(?:0?([1-9]))?d?")
_FLAT = 2  # dimensions of one filter's numbers
WAYS = "Write numbers: -o out.npy; pages: -o out.tif; or a file for each: -o 'out-{filter}.png'."


@record
class Series:
    """
    A file for each filter: what all of them are called together, and their names.

    There are none where nobody knows before the image is read how many filters there are.
    """

    called: str
    files: tuple[str, ...] = ()

    def of(self, filters: int, name: str) -> tuple[str, ...]:
        """Their names. InputError where the image `name` has other channels than it had."""
        if self.files and len(self.files) != filters:
            raise InputError(
                f"{name} gives {filters} files, and {len(self.files)} were planned: it has changed"
                " meanwhile.",
                "Run it again: the names of its files are made anew.",
            )
        return self.files or numbered(self.called, filters)


@record
class Parts:
    """
    How a result of so many filters is written: into `files`, one for each, or as `pages` of one;
    `plain` says as what, if not as pictures: as numbers, or sound.
    """

    files: tuple[str, ...]
    filters: int
    pages: bool = False
    plain: Layout | None = None

    def of(self, image: Image) -> Iterator[Image]:
        """A picture, or numbers, for each filter; metadata as far as it fits."""
        import numpy as np

        channels = image.samples.shape[2]
        layout, alpha = self.layout(channels), [channels - 1] * self._alpha(channels)
        for number in range(self.filters):
            part = np.ascontiguousarray(image.samples[..., [number, *alpha]])
            metadata, more = redescribed(image.metadata, part.shape)
            done = settle(part, layout, metadata, (*image.notes, *more), orientation=1)
            yield replace(done, ndim=_FLAT if image.ndim > 1 else 1, column=image.column)

    def layout(self, channels: int) -> Layout:
        """What each is, where all together have so many channels."""
        return self.plain or ("grey+alpha" if self._alpha(channels) else "grey")

    def _alpha(self, channels: int) -> bool:
        return channels > self.filters and not self.plain

    def check(self, source: str, *, overwrite: bool, folders: bool) -> None:
        """OutputError where one of the files may not be written, or is the input itself."""
        for name in self.files:
            if _same(name, source):
                raise OutputError(
                    f"{name} is the input itself; it would be lost.", "Name other files: -o"
                )
            check_target(name, overwrite=overwrite, folders=folders)

    def write(self, payloads: Iterable[bytes], *, overwrite: bool, folders: bool) -> int:
        """All files, or none where one cannot be written; how many bytes they are."""
        with replacing_all(self.files, overwrite=overwrite, folders=folders) as files:
            pairs = zip(files, payloads, strict=True)
            return sum(file.write(payload) for file, payload in pairs)


Place = str | Series
"""Where a result goes: the name of a file, or those of one for each filter."""


def called(place: Place) -> str:
    """What a file, or all that belong together, is called."""
    return place if isinstance(place, str) else place.called


class Number:
    """The number of a filter as `{filter:03d}` writes it; None stands for the field itself."""

    def __init__(self, number: int | None) -> None:
        self._number = number

    def __format__(self, spec: str) -> str:
        found = _FORMAT.fullmatch(spec)
        if not found:
            raise ValueError(f"no format of filters: '{spec}'")
        if self._number is None:
            return f"{{filter:{spec}}}" if spec else "{filter}"
        return str(self._number).zfill(int(found[1] or 0))


def has_field(target: str) -> bool:
    """Whether a name has a place for the number of a filter."""
    return any(_FORMAT.fullmatch(spec) for spec in _FIELD.findall(target))


def numbered(target: str, filters: int) -> tuple[str, ...]:
    """The names of so many files; what is no place for a number stays as it is."""

    def spelled(found: re.Match[str], number: Number) -> str:
        spec = found[1] or ""
        return format(number, spec) if _FORMAT.fullmatch(spec) else found[0]

    return tuple(
        _FIELD.sub(partial(spelled, number=Number(number)), target)
        for number in range(1, filters + 1)
    )


def _same(name: str, source: str) -> bool:
    with suppress(OSError, ValueError):
        return os.path.samefile(name, source)  # noqa: PTH121 - names of any length
    return False


def holds_channels(image: Image, form: str) -> bool:
    """Whether a format takes so many channels in one file, whatever they mean."""
    plain = image.layout == "numbers"
    if form in TEXTS:
        return bool(image.samples.shape[2] == 1)
    return not plain or "numbers" in FORMATS[form].layouts


def no_picture(name: str, channels: int, form: str) -> OutputError:
    """What to say where the filters of a layer are too many, or too few, for one picture."""
    return OutputError(
        f"{name} has {channels} channels, one for each filter of its last layer; a {form} file"
        f" holds {'1' if form == 'CSV' else '1, 3 or 4'}.",
        WAYS,
    )
