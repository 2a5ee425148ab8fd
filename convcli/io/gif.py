"""
GIF = header, screen, (colour table), then blocks: 21 extension, 2C frame, 3B end.

Counts frames: Pillow counts them by seeking through each, which for 50000 takes seconds. And takes
a file of one frame apart, to be joined with others.
"""

from __future__ import annotations

from convcli.record import record

_EXTENSION, _FRAME, _END = 0x21, 0x2C, 0x3B
_CONTROL, _INTERLACED, _TABLE = 0xF9, 0x40, 0x80


def count_frames(data: bytes) -> int:
    """Frames of a GIF, at least 1; a damaged tail is not counted."""
    at, frames = 13 + _table_bytes(data[10:11]), 0
    while at < len(data):
        if data[at] == _EXTENSION:
            at = _after_blocks(data, at + 2)
        elif data[at] == _FRAME:
            frames += 1
            at = _after_blocks(data, at + 11 + _table_bytes(data[at + 9 : at + 10]))
        elif data[at] == _END:
            break
        else:
            at += 1  # stray bytes between blocks are passed over, as Pillow does
    return max(1, frames)


def _table_bytes(flags: bytes) -> int:
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & _TABLE else 0


def _after_blocks(data: bytes, at: int) -> int:
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return at + 1


@record
class Parts:
    """
    What a GIF of one frame is made of.

    `size` as the screen has it; `descriptor` says that a local `table` follows; `blocks` are the
    compressed samples; `transparent` is the colour that does not show, if one does not.
    """

    size: bytes
    descriptor: bytes
    table: bytes
    blocks: bytes
    transparent: int | None = None


def parts(data: bytes) -> Parts:
    """The parts of a sound GIF with one frame, as Pillow writes it."""
    at = 13 + _table_bytes(data[10:11])
    screen, transparent = data[13:at], None
    while data[at] == _EXTENSION:
        if data[at + 1] == _CONTROL and data[at + 3] & 1:
            transparent = data[at + 6]
        at = _after_blocks(data, at + 2)
    local, body = _table_bytes(data[at + 9 : at + 10]), at + 10
    table = data[body : body + local] or screen
    bits = (len(table) // 3).bit_length() - 2
    flags = data[at + 9] & _INTERLACED | _TABLE | bits
    blocks = data[body + local : _after_blocks(data, body + local + 1)]
    return Parts(data[6:10], data[at : at + 9] + bytes([flags]), table, blocks, transparent)
