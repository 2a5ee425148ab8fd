"""
path <-> bytes: the only place that touches the file system.

`-` is standard input or output, never a terminal. A file appears under its name whole or not at
all: see `temporary`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from convcli.errors import THERE, InputError, OutputError
from convcli.io.temporary import together

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

STREAM = "-"

_CHUNK = 1 << 20
_SPOOLED = 1 << 28
_LONGEST = 4 << 30  # bytes; a pipe that never ends must not fill the memory


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """
    Whole contents of `path`, or of standard input for `-`; never empty.

    InputError names the path: missing, a folder, no permission, empty, or a terminal.
    """
    name = os.fspath(path)
    data = _read_stdin() if name == STREAM else _read_file(name)
    if not data:
        raise InputError(f"{_called(name)} is empty.", "Nothing was read: 0 bytes.", cause="empty")
    return data


def _called(name: str) -> str:
    return "Standard input" if name == STREAM else name


def _read_stdin() -> bytes:
    if sys.stdin is None or sys.stdin.closed:
        raise InputError("Standard input is closed.", "Pipe a picture in, or name a file.")
    if sys.stdin.isatty():
        raise InputError(
            "Reading the picture from the terminal makes no sense.",
            "Pipe one in: curl -s URL | convcli apply - -o out.png -k box",
        )
    chunks, size = [], 0
    while chunk := sys.stdin.buffer.read(_CHUNK):
        chunks.append(chunk)
        size += len(chunk)
        if size > _LONGEST:
            raise InputError(f"Standard input goes on after {_LONGEST >> 30} GiB.", "Name a file.")
    return b"".join(chunks)


def _read_file(name: str) -> bytes:
    try:
        _refuse_special(name)
        with open(name, "rb", buffering=0) as file:
            return file.readall()
    except FileNotFoundError:
        raise InputError(f"{name} does not exist.", _nearest(name), cause="missing") from None
    except IsADirectoryError:
        raise InputError(f"{name} is a folder, not a file.", "Name the files in it.") from None
    except PermissionError:
        raise InputError(
            f"{name}: no permission to read it.", "See ls -l.", cause="no-permission"
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise InputError(f"{name!r} can't be read: {_reason(error)}.") from error
    except MemoryError as error:
        raise InputError(
            f"{name} does not fit into memory.", "Cut it into parts.", cause="memory"
        ) from error


def _refuse_special(name: str) -> None:
    """A device may never end, a pipe without a writer never begins; `<(command)` is neither."""
    mode = os.stat(name).st_mode  # follows links, as reading does
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
        raise InputError(f"{name} is a device, not a file.", "Name an image file.")
    if stat.S_ISFIFO(mode) and not os.path.realpath(name).startswith(("/dev/fd/", "/proc/")):
        raise InputError(
            f"{name} is a pipe.", f"Read it by standard input: convcli apply - < {name}"
        )


def _nearest(name: str) -> str:
    folder = os.path.dirname(name.rstrip(os.sep)) or os.curdir  # 'new/' lies in the current one
    there = os.path.isdir(folder)
    return "Check the spelling." if there else f"There is no folder {folder} either."


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def check_target(path: str | os.PathLike[str], *, overwrite: bool, folders: bool = False) -> None:
    """
    Nothing, or the OutputError that `write_bytes` would raise, before any work is done.

    A target that exists needs `overwrite`; its folder must be writable, and exist unless `folders`;
    a folder, a device that can't be replaced and a terminal are refused.
    """
    name = os.fspath(path)
    if name == STREAM:
        _binary_stdout()
        return
    try:
        _check_file(name, overwrite=overwrite, folders=folders)
    except (OSError, ValueError) as error:
        raise OutputError(f"{name!r} can't be written: {_reason(error)}.") from error


def _check_file(name: str, *, overwrite: bool, folders: bool) -> None:
    if "\0" in name:
        raise OutputError(f"{name!r} can't be written: names hold no null byte.")
    folder, base = os.path.split(name)
    there = os.path.lexists(name)
    if not base or (there and os.path.isdir(name)):  # 'out/' ends so
        raise OutputError(f"{name} is a folder.", "Name a file in it.")
    if there and not overwrite and not _is_device(name):
        raise exists(name)
    folder = (_above(folder) if folders else folder) or os.curdir
    if not os.path.isdir(folder):
        raise OutputError(
            f"{name}: there is no folder {folder}.",
            f"Make it: mkdir -p {folder}",
            cause="no-folder",
        )
    if not os.access(folder, os.W_OK | os.X_OK) and not _is_device(name):
        raise OutputError(
            f"{name}: no permission to write into {folder}.",
            "Choose another folder",
            cause="no-permission",
        )


def _above(folder: str) -> str:
    """The first on the way up that is there; "" for the current one."""
    while folder and not os.path.lexists(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    return folder


def occupied(name: str) -> bool:
    """Whether something would be replaced by writing into `name`."""
    return os.path.lexists(name) and not _is_device(name)


def _is_device(name: str) -> bool:
    """Whether writing into `name` replaces nothing: /dev/null, a pipe, a terminal."""
    with contextlib.suppress(OSError):
        mode = os.stat(name).st_mode  # follows links, as writing does
        return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)
    return False


def write_bytes(
    path: str | os.PathLike[str], payload: bytes, *, overwrite: bool, folders: bool = False
) -> None:
    """
    Write `payload` whole to `path`, or to standard output for `-`; OutputError otherwise.

    Folders on the way are made if `folders`, else must be there. Without `overwrite` a file that
    appears meanwhile is not replaced either. On any failure, and on
    Ctrl-C, nothing is left behind: no temporary file, and the old contents untouched. A link is
    replaced by the file, never written through: what it points to may be anybody's.
    """
    name = os.fspath(path)
    check_target(name, overwrite=overwrite, folders=folders)
    with blamed(name):
        if name == STREAM:
            _write_stdout(payload)
        elif _is_device(name):
            with open(name, "wb") as device:
                device.write(payload)
        else:
            with _published([name], overwrite=overwrite, folders=folders) as (file,):
                file.write(payload)


@contextmanager
def replacing(
    path: str | os.PathLike[str], *, overwrite: bool, folders: bool = False
) -> Iterator[BinaryIO]:
    """
    An open file to write and seek in, which becomes `path` when the block ends: see `write_bytes`.

    What goes to standard output, or to a device, gathers in memory, if it gets large in a
    temporary file: it is copied there when it is whole.
    """
    with replacing_all([os.fspath(path)], overwrite=overwrite, folders=folders) as (file,):
        yield file


@contextmanager
def replacing_all(
    names: Sequence[str], *, overwrite: bool, folders: bool = False
) -> Iterator[list[BinaryIO]]:
    """As `replacing`, of files that belong together: all of them appear, or none."""
    for name in names:
        check_target(name, overwrite=overwrite, folders=folders)
    plain = [name for name in names if name != STREAM and not _is_device(name)]
    with contextlib.ExitStack() as stack:
        opened = {name: stack.enter_context(_spooled(name)) for name in names if name not in plain}
        if plain:
            stack.enter_context(blamed(*plain))
            drafts = _published(plain, overwrite=overwrite, folders=folders)
            opened |= zip(plain, stack.enter_context(drafts), strict=True)
        yield [opened[name] for name in names]


@contextmanager
def _spooled(name: str) -> Iterator[BinaryIO]:
    import shutil
    from tempfile import SpooledTemporaryFile

    with blamed(name), SpooledTemporaryFile(_SPOOLED) as spool:
        file = cast("BinaryIO", spool)  # it hands everything on to one
        yield file
        file.seek(0)
        if name == STREAM:
            while chunk := file.read(_CHUNK):
                _write_stdout(chunk)
        else:
            with open(name, "wb") as device:
                shutil.copyfileobj(file, device)


@contextmanager
def _published(names: Sequence[str], *, overwrite: bool, folders: bool) -> Iterator[list[BinaryIO]]:
    """As `together`; with `folders` those on the way are made."""
    for folder in dict.fromkeys(map(os.path.dirname, names)) if folders else ():
        if not os.path.isdir(folder or os.curdir):
            os.makedirs(folder, exist_ok=True)
    with together(names, overwrite=overwrite) as files:
        yield files


@contextmanager
def blamed(*names: str) -> Iterator[None]:
    """What the system refuses becomes an OutputError that names the file, one of several."""
    try:
        yield
    except FileExistsError as error:
        raise exists(_meant(error, names)) from None
    except BrokenPipeError:
        raise  # the reader of the pipe went away: not ours to report
    except OSError as error:
        name = _meant(error, names)
        called = "Standard output" if name == STREAM else name
        full = isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}
        many = "Use fewer --jobs, or allow more: ulimit -n 4096" * (error.errno == errno.EMFILE)
        raise OutputError(
            f"{called} can't be written: {_reason(error)}.",
            "Make room, or write to another disk." if full else many,
            cause="no-space" if full else "",
        ) from error


def _meant(error: OSError, names: Sequence[str]) -> str:
    """The one of several files that the system speaks of, else the first."""
    said = (error.filename2, error.filename)
    told = [os.path.normpath(name) for name in said if isinstance(name, (str, os.PathLike))]
    return next((name for name in names if os.path.normpath(name) in told), names[0])


def exists(name: str) -> OutputError:
    """The error for a target that is there already."""
    return OutputError(f"{name} exists.", "Use --overwrite to replace it.", cause=THERE)


def _binary_stdout() -> BinaryIO:
    if sys.stdout is None or sys.stdout.closed:
        raise OutputError("Standard output is closed.", "Name a file.")
    if sys.stdout.isatty():
        raise OutputError(
            "Writing a picture to the terminal makes no sense.",
            "Redirect it: convcli apply in.png -o - -k box > out.png",
        )
    return sys.stdout.buffer


def _write_stdout(payload: bytes) -> None:
    """Past the buffer: what a full disk refused must not be tried again when the process ends."""
    buffered = _binary_stdout()
    buffered.flush()
    stream, left = getattr(buffered, "raw", buffered), memoryview(payload)
    while left:
        left = left[stream.write(left) or 0 :]
