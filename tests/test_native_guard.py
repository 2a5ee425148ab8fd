"""
No compiled core reads before or behind an image: pages that may not be read lie on both sides.

    | no access | image ......... | no access |

The sanitizers let a read of up to 15 bytes behind the last row pass; the processor does not.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from conftest import ROOT

import convcli
from convcli import engines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

BODIES = [body for body in engines.bodies() if body != engines.NUMPY]
PAGE, NO_ACCESS = mmap.PAGESIZE, 0
KERNELS = {
    "whole": [[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]],
    "odd": [[-0.1, 0.0, 0.1], [-0.2, 0.0, 0.2], [-0.3, 0.0, 0.3]],
    "dense": [[0.1, 0.2, 0.15], [0.05, 0.11, 0.3], [0.02, 0.03, 0.04]],
    "whole, wider": [[1.0, 4.0, 6.0, 4.0, 1.0], [4.0, 16.0, 24.0, 16.0, 4.0]],
    "wide": [[0.1, 0.2, 0.15, 0.3, 0.25]],
}


def fenced(size: int) -> Iterator[NDArray[np.uint8]]:
    """So many bytes just before a page that may not be read, then just behind one."""
    libc = ctypes.CDLL(None, use_errno=True)
    inner = -(-size // PAGE)
    memory = mmap.mmap(-1, (inner + 2) * PAGE)
    buffer = np.frombuffer(memory, np.uint8)
    first = buffer.ctypes.data
    for page in (0, inner + 1):
        if libc.mprotect(ctypes.c_void_p(first + page * PAGE), PAGE, NO_ACCESS):
            raise OSError(ctypes.get_errno(), "mprotect")
    yield buffer[(inner + 1) * PAGE - size : (inner + 1) * PAGE]
    yield buffer[PAGE : PAGE + size]


def read_all() -> None:
    """What runs in a process of its own, since the first read outside ends it."""
    rng = np.random.default_rng(1)
    for height in (3, 11):
        for width in range(5, 60):
            for channels in (1, 3, 4):
                noise = rng.integers(0, 256, (height, width, channels), np.uint8)
                for memory in fenced(noise.size):
                    image = memory.reshape(noise.shape)
                    image[:] = noise
                    for kernel in KERNELS.values():
                        for extent in ("valid", "same"):
                            found = convcli.apply(image, kernel, extent=extent, jobs=1)
                            assert found.shape[2:] == image.shape[2:]


@pytest.mark.skipif(sys.platform == "win32", reason="no mprotect")
@pytest.mark.parametrize("body", BODIES)
def test_nothing_is_read_outside_an_image(body: str) -> None:
    done = subprocess.run(
        [sys.executable, __file__],
        env={**os.environ, "CONVCLI_BODY": body, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


if __name__ == "__main__":
    read_all()
