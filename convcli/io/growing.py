"""
A file that grows while a run goes on: what was added stays, also if the process is killed.

    |-- added for good --|-- tail --|        the next piece takes the place of the tail

Every piece is one write() with the tail that closes the file so far; nothing is held back and
nothing written again but the tail. A kill can tear the last piece only.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from convcli.errors import OutputError
from convcli.io.files import blamed, write_bytes
from convcli.io.temporary import claimed

if TYPE_CHECKING:
    from io import FileIO

_CHUNK = 1 << 16


class Growing:
    """An open file of our own, locked: two runs never write into one."""

    def __init__(self, name: str, tail: bytes = b"") -> None:
        """Go on before the tail of what is there; OutputError if somebody else does."""
        self._name, self._tail = name, tail
        with blamed(name):
            self._file: FileIO = open(name, "r+b", buffering=0)  # noqa: PTH123, SIM115 - kept open
        if claimed(self._file) is False:
            self._file.close()
            raise OutputError(
                f"{name} is being written by another run.",
                "Wait for it, or name another file.",
                cause="busy",
            )
        self._end = os.fstat(self._file.fileno()).st_size - len(tail)

    @classmethod
    def begun(cls, name: str, head: bytes, tail: bytes, *, overwrite: bool) -> Growing:
        """A new file, whole from its first moment; OutputError as `write_bytes` has it."""
        write_bytes(name, head + tail, overwrite=overwrite)
        return cls(name, tail)

    @classmethod
    def resumed(cls, name: str, head: bytes) -> Growing:
        """A file of lines goes on; a last line that was torn is cut off, then `head` follows."""
        grown = cls(name)
        try:
            grown._cut()
            grown.add(head)
        except BaseException:
            grown.close()
            raise
        return grown

    def _cut(self) -> None:
        """Put the end behind the last end of a line."""
        with blamed(self._name):
            while self._end:
                start = max(0, self._end - _CHUNK)
                self._file.seek(start)
                found = self._file.read(self._end - start).rfind(b"\n")
                self._end = start + found + 1
                if found >= 0:
                    return

    def add(self, piece: bytes, tail: bytes = b"") -> None:
        """Add a piece, close with a tail; on an OutputError the file ends as it did before."""
        with blamed(self._name):
            try:
                self._put(piece + tail)
            except OSError:
                with suppress(OSError):  # over what is there, which takes no room
                    self._file.seek(self._end)
                    self._file.write(self._tail)
                    self._file.truncate()
                raise
        self._end, self._tail = self._end + len(piece), tail

    def _put(self, piece: bytes) -> None:
        self._file.seek(self._end)
        left = memoryview(piece)
        while left:  # one turn, unless the disk is full
            left = left[self._file.write(left) or 0 :]
        self._file.truncate()

    def close(self) -> None:
        """Let go of it."""
        self._file.close()
