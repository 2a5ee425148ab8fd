"""
What lies where results are to go: each folder of results is read once, however many go there.

    Disk().kind("out", "a.png")  ->  "", "file" or "folder"
"""

from __future__ import annotations

import os
import re
import unicodedata
from contextlib import suppress
from typing import TYPE_CHECKING

from convcli.batch.task import STANDARD
from convcli.batch.tree import identity, is_folder
from convcli.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from convcli.batch.task import Input

LONGEST = 255
"""Bytes of a name, in all usual file systems."""

ON_WINDOWS = os.name == "nt"

FORBIDDEN = re.compile(r'[<>:"|?*\\\x00-\x1f]')
"""What stands in no name of Windows."""

_SURELY_SHORT = LONGEST // 4
_DEVICES = frozenset({"con", "prn", "aux", "nul", "conin$", "conout$"}) | {
    f"{port}{n}" for port in ("com", "lpt") for n in "123456789¹²³"
}


def folded(name: str) -> str:
    """What names share that are one file on some disks: case and Unicode form are gone."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


class Disk:
    """Folders as they are before the run."""

    def __init__(self) -> None:
        self._listed: dict[str, dict[str, bool] | None] = {}
        self._folded: dict[str, dict[str, str]] = {}

    def kind(self, folder: str, name: str) -> str:
        """What has this name in a folder: nothing, "file" or "folder"."""
        entries = self._entries(folder)
        if not entries:
            return ""
        if name not in entries:
            name = self._twin(folder, name)
        return "" if name not in entries else "folder" if entries[name] else "file"

    def _twin(self, folder: str, name: str) -> str:
        """The entry that `name` opens where case or form makes no difference; "" elsewhere."""
        if folder not in self._folded:
            self._folded[folder] = {folded(entry): entry for entry in self._listed[folder] or ()}
        twin = self._folded[folder].get(folded(name), "")
        return twin if twin and os.path.lexists(os.path.join(folder, name)) else ""

    def _entries(self, folder: str) -> dict[str, bool] | None:
        """Names in a folder, and whether they are folders; None of one that is still to be made."""
        if folder not in self._listed:
            self._listed[folder] = _listing(folder)
        return self._listed[folder]

    def check_folder(self, folder: str) -> None:
        """OutputError for a folder that cannot be made, or where nothing may be written."""
        above = folder
        while self._entries(above) is None and above != os.path.dirname(above):
            above = os.path.dirname(above)
        if not os.access(above or os.curdir, os.W_OK | os.X_OK):
            raise OutputError(
                f"{folder}: no permission to write into {above or 'the current folder'}.",
                "Choose another folder: -o",
            )


def _listing(folder: str) -> dict[str, bool] | None:
    try:
        with os.scandir(folder or os.curdir) as entries:
            return {entry.name: is_folder(entry) for entry in entries}
    except FileNotFoundError:
        if os.path.lexists(folder):
            raise OutputError(f"{folder} is a link that leads nowhere.", "Remove it.") from None
        return None
    except NotADirectoryError:
        file = next(part for part in _upwards(folder) if os.path.lexists(part))
        raise OutputError(
            f"{file} is a file, and a folder of this name is needed.",
            "Name another folder: -o, or another --name.",
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputError(f"The folder {folder!r} can't be used: {reason}.") from None


def _upwards(folder: str) -> Iterable[str]:
    while folder:
        yield folder
        above = os.path.dirname(folder)
        folder = above if above != folder else ""


# --- names ----------------------------------------------------------------------------------------


def check_name(name: str, source: Input) -> None:
    """
    OutputError for a name that is too long, or that Windows does not take.

    What inputs are called already is good enough for their results, but not on Windows.
    """
    reason = _too_long(name) or _odd(name)
    if not reason:
        return
    stem = os.path.splitext(os.path.basename(source.path))[0]
    given = [stem, os.path.basename(source.path), *source.inside.split(os.sep)]
    if not _too_long(name) and not ON_WINDOWS and any(_odd(part) for part in given if part):
        return
    raise OutputError(
        f"{source.path} would be written to the name '{name}': {reason}.",
        "Change the template of --name.",
    )


def _too_long(name: str) -> str:
    if len(name) <= _SURELY_SHORT or (size := len(os.fsencode(name))) <= LONGEST:
        return ""
    return f"it has {size} bytes, and names end at {LONGEST}"


def _odd(name: str) -> str:
    """Why a name is none on Windows; empty if it is one."""
    if name[-1] in ". ":
        return f"Windows drops the {'dot' if name[-1] == '.' else 'space'} at its end"
    if name.partition(".")[0].rstrip(" ").lower() in _DEVICES:
        return "Windows keeps it for a device"
    if FORBIDDEN.search(name):
        return f"Windows has no {' '.join(sorted({*FORBIDDEN.findall(name)}))} in names"
    return ""


class Kept:
    """The inputs, by what they are on the disk; looked up only where a target exists."""

    def __init__(self, inputs: Iterable[Input]) -> None:
        self._inputs, self._known = inputs, dict[object, str]()

    def behind(self, target: str) -> str:
        """The path of the input that a target is, by whatever name; "" if it is none."""
        if not self._known:
            self._known = {identity(source.path): source.path for source in self._inputs}
        return self._known.get(identity(target), "")


def is_one_of(name: str, others: Iterable[str]) -> bool:
    """Whether a file, which may not be there yet, is called by any of the other names, too."""
    base = os.path.basename(name)
    if os.path.exists(name):
        mark = identity(name)
        return any(identity(other) == mark for other in others if other != STANDARD)
    with suppress(FileNotFoundError):  # the current folder was removed: nothing gets there
        whole = os.path.realpath(name)
        return any(other.endswith(base) and os.path.realpath(other) == whole for other in others)
    return False
