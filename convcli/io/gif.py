"""
GIF = header, screen, (colour table), then blocks: 21 extension, 2C frame, 3B end.

Only counts frames: Pillow counts them by seeking through each, which for 50000 takes seconds.
"""

from __future__ import annotations

_EXTENSION, _FRAME, _END = 0x21, 0x2C, 0x3B
_TABLE = 0x80


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
