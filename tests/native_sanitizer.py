"""
The compiled cores under AddressSanitizer and UndefinedBehaviorSanitizer. No test, but a program:

    python tests/native_sanitizer.py

builds them into a folder of its own, runs every small geometry through every way that the core has,
then the tests of the core. The sanitizers end the process at the first read or write outside, at
the first overflow or misaligned access. Where there is no compiler it says so, and nothing is done.

    images 1..9 x kernels 1..9 x strides 1..4 x dilations 1..3 x paddings x extents x ways x dtypes

As a plugin of pytest (`-p native_sanitizer`) it puts the cores of that folder in the place of those
that are installed.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from convcli import engines
from convcli.engines.cost import LENGTHS
from convcli.engines.native import CORES
from convcli.errors import KernelError
from convcli.padding import Padding
from convcli.spec import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
FOLDER = "CONVCLI_SANITIZED"
"""The environment variable that names the folder of the cores."""

FLAGS = "-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g1 -O1"
TESTS = "any_stage or in_doubt or in_memory or many_channels or chunks or groups_of_rows"
TESTS += " or go_anywhere or many_tiles or fit or given_back or index_vectors or three or may_lie"
TESTS += " or whole_kernels or whole_weights"

SIZES, KERNELS, STRIDES, DILATIONS = range(1, 10), range(1, 10), range(1, 5), range(1, 4)
AXES = [*product(SIZES, KERNELS, STRIDES, DILATIONS)]
"""What may be drawn along one axis."""

PADDINGS = ("constant", "edge", "reflect", "symmetric", "wrap", "normalize")
EXTENTS = ("same", "valid", "full")
DTYPES = ("uint8", "uint16", "float32", "float64")
OUTS = ("uint8", "uint16", "float32", "float64")
WAYS = ("direct", "single", "separable", "separable single", "fft")


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


# --- building, and running under the sanitizers -------------------------------------------------


def main() -> int:
    libraries = sanitizers()
    if not libraries:
        say("sanitizers: no compiler with AddressSanitizer here, nothing was run")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        built = build(Path(folder))
        if not built:
            return 1
        environment = {
            **os.environ,
            "LD_PRELOAD": ":".join(libraries),
            "ASAN_OPTIONS": "detect_leaks=0",
            "UBSAN_OPTIONS": "print_stacktrace=1",
            "PYTHONMALLOC": "malloc",
            "PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), str(ROOT)]),
            FOLDER: folder,
        }
        return run(environment)


def sanitizers() -> list[str]:
    """The libraries that must be loaded first; none where there are none."""
    compiler = shutil.which(os.environ.get("CC") or "gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        return []
    found = [
        subprocess.run(
            [compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True
        ).stdout.strip()
        for name in ("libasan.so", "libubsan.so")
    ]
    return found if all(Path(name).is_absolute() for name in found) else []


def build(folder: Path) -> list[Path]:
    command = [sys.executable, "setup.py", "build_ext", "--force"]
    command += ["--build-lib", str(folder), "--build-temp", str(folder / "objects")]
    environment = {
        **os.environ,
        "CC": os.environ.get("CC") or "gcc",
        "CONVCLI_CFLAGS": FLAGS,
        "CONVCLI_LDFLAGS": "-fsanitize=address,undefined",
        "CONVCLI_BUILD_NATIVE": " ".join(
            name for name in CORES if name == "baseline" or able(name)
        ),
    }
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    built = sorted(folder.rglob("*.so"))
    if done.returncode or not built:
        say(done.stdout + done.stderr + "sanitizers: the cores were not built")
        return []
    return built


def run(environment: dict[str, str]) -> int:
    """Geometries of all cores, shared by the processors; then the tests of the fastest core."""
    shares = os.cpu_count() or 1
    command = [sys.executable, str(Path(__file__).resolve())]
    running = [
        subprocess.Popen([*command, f"{share}/{shares}"], cwd=ROOT, env=environment)
        for share in range(shares)
    ]
    codes = [process.wait() for process in running]
    if not any(codes):
        flags = ["-q", "-n", "auto", "-p", "native_sanitizer", "-p", "no:cacheprovider"]
        files = ["tests/test_native_bytes.py", "tests/test_native_strips.py"]
        files += ["tests/test_native_module.py"]
        forced = environment | {engines.FORCED: engines.bodies()[0]}
        tests = [sys.executable, "-m", "pytest", *flags, "-k", TESTS, *files]
        codes = [subprocess.run(tests, cwd=ROOT, env=forced, check=False).returncode]
    if any(codes):
        say(f"sanitizers: failed with exit codes {codes}")
        return 1
    return 0


def sanitized() -> dict[str, Any]:
    """The cores of the folder that run on this processor, in the place of those installed."""
    found: dict[str, Any] = {}
    for path in sorted(Path(os.environ[FOLDER]).rglob("*.so")):
        short = path.name.partition(".")[0].removeprefix("_")
        name = f"convcli.engines.native._{short}"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec
        assert spec.loader
        if short != "baseline" and not able(short):
            continue
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules[name] = module
        found[short] = module
    return {name: found[name] for name in CORES if name in found}


@cache
def able(name: str) -> bool:
    """Whether the processor runs that core; the installed baseline tells."""
    from convcli.engines.native import cores

    return name in cores()


# --- every small geometry -----------------------------------------------------------------------


@cache
def positions(axis: tuple[int, int, int, int], mode: str, extent: Any) -> Any:
    """The index vector of one axis and how many outputs there are; None where nothing fits."""
    size, taps, stride, dilation = axis
    bank = np.ones((1, 1, taps, 1))
    anchor = (size % taps, 0)
    stage = Stage(
        bank,
        anchor,
        padding=Padding(mode),
        extent=extent,
        stride=(stride, 1),
        dilation=(dilation, 1),
    )
    try:
        outputs = stage.size(0, size)
    except KernelError:
        return None
    return np.ascontiguousarray(stage.needs(0, 0, outputs, size)), outputs


def cases() -> Iterator[tuple[int, tuple[int, ...], tuple[int, ...], str, str]]:
    """
    Every combination along the rows, every combination along the columns, and so that both meet
    others with every padding and extent: 7 and 972 have no divisor in common.
    """
    for number, (mode, extent) in enumerate(product(PADDINGS, EXTENTS)):
        for place, down in enumerate(AXES):
            yield place, down, AXES[(7 * place + 131 * number) % len(AXES)], mode, extent


class Case:
    """What the core is called with, for one geometry and one of each of the other axes."""

    def __init__(self, number: int, down: Any, along: Any, mode: str, extent: str) -> None:
        self.number = number
        self.rows, self.height = positions(down, mode, extent)
        self.columns, self.width = positions(along, mode, extent)
        self.size, self.taps = (down[0], along[0]), (down[1], along[1])
        self.steps = (down[2], along[2], down[3], along[3])
        self.channels = 1 + number % 4
        self.filters = 1 + number // 4 % 3
        self.planes = 1 if number // 12 % 3 else self.channels
        self.combine = number % 7
        self.inside = mode == "normalize"

    @property
    def made(self) -> int:
        """Channels of the output."""
        step = self.channels if self.planes == 1 else 1
        return step * (1 if self.combine else self.filters)

    def arguments(self, way: str, dtype: str, out: str) -> list[Any]:
        """Blocks and results lie in memory of exactly their size, or are spread over more."""
        rng = np.random.default_rng(self.number)
        shape = (*self.size, self.channels)
        block = spread(rng.integers(0, 256, shape).astype(dtype), self.number // 5)
        result = spread(np.zeros((self.height, self.width, self.made), out), self.number // 7)
        bank = rng.integers(-3, 4, (self.filters, self.planes, *self.taps)).astype(np.float64)
        single = way.endswith("single")
        rank = 1 + self.number % 2 if way.startswith("separable") else 0
        pairs = (self.filters, self.planes, rank)
        sides = [self.side(axis) for axis in (0, 1)] if way == "fft" else [0, 0]
        inside = np.ones((self.filters, self.height, self.width) if self.inside else 0)
        folded = single and self.number % 3 > 0
        whole = [*self.steps, self.combine, self.number % 8, 0, folded, single, rank, *sides]
        weight, margin = (1.0, -1.0) if self.number % 2 else (0.5, 0.01)  # sums are exact, or not
        high = 255.0 if out == "uint8" else 65535.0
        return [
            block,
            result,
            self.rows,
            self.columns,
            np.full(self.channels, 7.0),
            bank,
            rng.random((*pairs, self.taps[0])),
            rng.random((*pairs, self.taps[1])),
            np.full(self.filters, 0.25),
            np.full(self.filters, 1.5),
            bank.sum(axis=(1, 2, 3)),
            np.zeros(0) if single else inside,
            np.array(whole, np.int64),
            np.array([0.5, 1.0, 0.25, 0.0, high, weight, 1.0, 0.25, margin]),
        ]

    def side(self, axis: int) -> int:
        """A transform that is just large enough, or the next."""
        reach = (self.taps[axis] - 1) * self.steps[2 + axis] + 1
        fitting = [length for length in LENGTHS if length >= reach]
        return fitting[self.number // 3 % 2]


def spread(array: NDArray[Any], kind: int) -> NDArray[Any]:
    """As it is, upside down, or every second sample of more: never with room to spare."""
    if kind % 4 == 1:
        return array[::-1].copy()[::-1]
    if kind % 4 == 2:
        rows, columns, channels = array.shape
        room = np.zeros((rows, 2 * columns - 1, channels), array.dtype)
        room[:, ::2] = array
        return room[:, ::2]
    if kind % 4 == 3:
        return np.moveaxis(np.moveaxis(array, 2, 0).copy(), 0, 2)
    return array.copy()


def geometries(share: int, shares: int) -> None:
    cores = sanitized()
    calls = 0
    for number, (place, down, along, mode, extent) in enumerate(cases()):
        if number % shares != share:
            continue
        if positions(down, mode, extent) is None or positions(along, mode, extent) is None:
            continue
        case = Case(number + place // 3, down, along, mode, extent)
        for way, core in product(WAYS, cores.values()):
            single = way.endswith("single")
            if single and mode == "normalize":
                continue
            dtype = "uint8" if single else DTYPES[(number + calls) % 4]
            out = OUTS[(number // 4 + calls) % (2 if single else 4)]
            core.filter(*case.arguments(way, dtype, out))
            calls += 1
    say(f"sanitizers: {calls} calls of {', '.join(cores)}, nothing to report")


# --- rows of PNG --------------------------------------------------------------------------------


def rows_of_png() -> None:
    """Every filter, pixel and small size, in memory of exactly their size."""
    (path,) = Path(os.environ[FOLDER]).rglob("_unfilter*.so")
    spec = importlib.util.spec_from_file_location("convcli.io._unfilter", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    rng = np.random.default_rng(1)
    for pixel, columns, rows, kind in product((1, 2, 3, 4, 6, 8), SIZES, range(1, 4), range(6)):
        filtered = rng.integers(0, 256, (rows, 1 + columns * pixel), np.uint8)
        filtered[:, 0] = kind
        result = np.empty((rows, columns * pixel), np.uint8)
        known = module.undo(filtered, result, rows, pixel, rows // 2, rows)
        assert known == (kind < 5)
    say("sanitizers: rows of PNG, nothing to report")


if __name__ == "__main__":
    if FOLDER in os.environ:
        rows_of_png()
        geometries(*map(int, sys.argv[1].split("/")))
    else:
        sys.exit(main())
elif FOLDER in os.environ:
    sanitized()
