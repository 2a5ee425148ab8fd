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
from itertools import count
from typing import TYPE_CHECKING

from convcli.errors import OutputError
from convcli.io.described import redescribed
from convcli.io.files import check_target, replacing_all
from convcli.io.formats import FORMATS
from convcli.io.settle import settle
from convcli.record import record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from convcli.io.image import Image, Layout

_FIELD = re.compile(r"\{filter(?::0?([1-9])d?)?\}")
_FLAT = 2  # dimensions of one filter's numbers
WAYS = "Write numbers: -o out.npy; pages: -o out.tif; or a file for each: -o 'out-{filter}.png'."


@record
class Parts:
    """
    How a result of so many `filters` is written: into files by a `target` with a field, or as pages
    of one; `plain` says as what, if not as pictures: as numbers, or sound.
    """

    target: str
    filters: int
    plain: Layout | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """The names of all files."""
        if not has_field(self.target):
            return (self.target,)
        return tuple(_numbered(self.target, number + 1) for number in range(self.filters))

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


def has_field(target: str) -> bool:
    """Whether a name has a place for the number of a filter."""
    return _FIELD.search(target) is not None


def size_written(target: str) -> int:
    """Bytes of the file at a target, or of the files of all its filters; -1 where there is none."""
    numbers = count(1) if has_field(target) else (1,)
    sizes: list[int] = []
    with suppress(OSError, ValueError):
        for number in numbers:
            sizes.append(os.stat(_numbered(target, number)).st_size)  # noqa: PTH116, PERF401 - names of any length; what was found stays
    return sum(sizes) if sizes else -1


def _numbered(target: str, number: int) -> str:
    def spelled(found: re.Match[str]) -> str:
        return str(number).zfill(int(found[1] or 0))

    return _FIELD.sub(spelled, target)


def _same(name: str, source: str) -> bool:
    with suppress(OSError, ValueError):
        return os.path.samefile(name, source)  # noqa: PTH121 - names of any length
    return False


def holds_channels(image: Image, form: str) -> bool:
    """Whether a format takes so many channels in one file, whatever they mean."""
    plain = image.layout == "numbers"
    if form == "CSV":
        return bool(image.samples.shape[2] == 1)
    return not plain or "numbers" in FORMATS[form].layouts


def no_picture(name: str, channels: int, form: str) -> OutputError:
    """What to say where the filters of a layer are too many, or too few, for one picture."""
    return OutputError(
        f"{name} has {channels} channels, one for each filter of its last layer; a {form} file"
        f" holds {'1' if form == 'CSV' else '1, 3 or 4'}.",
        WAYS,
    )
