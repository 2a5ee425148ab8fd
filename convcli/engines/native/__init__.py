"""
The compiled cores: one source, built once per instruction set, and which of them run here.

    avx512 > avx2 > baseline        baseline is SSE2 on x86-64 and NEON on arm64

Without a compiler at installation there is none, and the NumPy bodies do the work.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

CORES = ("avx512", "avx2", "baseline")
"""From the fastest to the one that every processor runs."""


@cache
def cores() -> dict[str, Any]:
    """The modules that are built and run on this processor, the fastest first."""
    judge = _built("baseline")  # no core is loaded that the processor may not even initialise
    able = [name for name in CORES if judge is not None and judge.runs(name)]
    found = {name: _built(name) for name in able}
    return {name: module for name, module in found.items() if module is not None}


def _built(name: str) -> Any:  # noqa: ANN401 - a module that may not have been compiled
    try:
        return import_module(f"{__name__}._{name}")
    except ImportError:
        return None


def peak(seconds: float = 0.1) -> float | None:
    """Multiply-adds per second of single precision in one thread; None without a core."""
    from time import perf_counter

    core = next(iter(cores().values()), None)
    rounds, elapsed, done = 1 << 15, 0.0, 0
    while core is not None and elapsed < seconds:
        rounds *= 2
        start = perf_counter()
        done = core.peak(rounds)
        elapsed = perf_counter() - start
    return done / elapsed if done else None
