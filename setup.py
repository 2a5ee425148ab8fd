"""
The compiled cores, one for every instruction set; all else stands in `pyproject.toml`.

They are optional: without a compiler the installation succeeds, and NumPy does the work.
CONVCLI_BUILD_NATIVE=0 leaves them out.
"""

import os
import platform
from pathlib import Path

from setuptools import Extension, setup

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
    """One core; the object file of each is written and linked before the next is compiled."""
    return Extension(
        f"convcli.engines.native._{name}",
        [f"{SOURCES}/module.c"],
        depends=[str(header) for header in sorted(Path(SOURCES).glob("*.h"))],
        define_macros=[("MODULE", f"_{name}")],
        extra_compile_args=[*FLAGS, *os.environ.get("CONVCLI_CFLAGS", "").split(), *flags],
        extra_link_args=os.environ.get("CONVCLI_LDFLAGS", "").split(),
        py_limited_api=True,
        optional=True,
    )


wanted = os.environ.get("CONVCLI_BUILD_NATIVE", "1") != "0"
setup(ext_modules=[core(name, flags) for name, flags in SETS.items()] if wanted else [])
