"""
The compiled cores, one for every instruction set, and what undoes the row filters of PNG; all else
stands in `pyproject.toml`.

They are optional: without a compiler the installation succeeds, and NumPy and libpng do the work.
CONVCLI_BUILD_NATIVE=0 leaves them out; the names of some leave out the others, but never baseline.
"""

import os
import platform
from pathlib import Path

from setuptools import Extension, setup

CFLAGS = os.environ.get("CONVCLI_CFLAGS", "").split()
LDFLAGS = os.environ.get("CONVCLI_LDFLAGS", "").split()
SOURCES = "convcli/engines/native"
X86 = platform.machine().lower() in {"x86_64", "amd64"}
SETS = {
    "baseline": [],
    **(
        {
            "avx2": ["-mavx2", "-mfma"],
            "avx512": ["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mfma"],
        }
        if X86
        else {}
    ),
}
FLAGS = [
    "-O3",
    "-std=c11",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
    "-fvisibility=hidden",
    "-Wno-psabi",
]


def core(name: str, flags: list[str]) -> Extension:
    """One core, from a source of its own that includes the common one."""
    return Extension(
        f"convcli.engines.native._{name}",
        [f"{SOURCES}/{name}.c"],
        depends=[f"{SOURCES}/module.c", *map(str, sorted(Path(SOURCES).glob("*.h")))],
        extra_compile_args=[*FLAGS, *CFLAGS, *flags],
        extra_link_args=LDFLAGS,
        py_limited_api=True,
        optional=True,
    )


UNFILTER = Extension(
    "convcli.io._unfilter",
    ["convcli/io/_unfilter.c"],
    extra_compile_args=["-O3", "-std=c11", "-fvisibility=hidden", *CFLAGS],
    extra_link_args=LDFLAGS,
    py_limited_api=True,
    optional=True,
)

wanted = os.environ.get("CONVCLI_BUILD_NATIVE", "1").split()
named = {name: SETS[name] for name in wanted if name in SETS} or SETS
named = {"baseline": SETS["baseline"], **named}  # it judges which of the others the processor runs
cores = [core(name, flags) for name, flags in named.items()]
setup(
    ext_modules=[] if wanted == ["0"] else [*cores, UNFILTER],
    options={
        "bdist_wheel": {"py_limited_api": "cp311"},
        "build_ext": {"parallel": os.cpu_count() or 1},  # one core of us takes as long as the next
    },
)
