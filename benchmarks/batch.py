"""
Many files: convcli beside a script with OpenCV and a pool of processes, and mogrify.

    python benchmarks/batch.py [--files 500] [--rounds 3]     JPEGs of 2 Mpx, 5x5, ratios
    python benchmarks/batch.py --tiny 100000                  64x64 PNGs: memory, start, ms a file
    python benchmarks/batch.py --choose                       threads beside processes, three kinds

Files are made of photographs at quality 90 in a temporary folder. Programs run interleaved, each as
a whole process that writes into an empty folder; medians are printed, and ratios of medians with
the least and the largest ratio of any round. JPEG is written by all at
the same quality without subsampling.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from tables import table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Command = list[str]

ROOT = Path(__file__).resolve().parent.parent
PHOTOS = ROOT.parent / "shared" / "photos" / "originals"
SAMPLE = ROOT / "samples" / "dandelions.jpg"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
QUALITY = 90
EDGE, NEXT = (1, 4, 6, 4, 1), (4, 16, 24, 16, 4)
ROWS = (EDGE, NEXT, (6, 24, 30, 24, 6), NEXT, EDGE)
TOTAL = sum(map(sum, ROWS))
"""5x5, and no product of a row and a column: nobody is faster by separating it."""

OPENCV = f"""
import multiprocessing, os, sys, cv2, numpy
weights = numpy.array({ROWS}, numpy.float32)
weights /= weights.sum()
jpeg = [cv2.IMWRITE_JPEG_QUALITY, {QUALITY}, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111]
def work(name):
    cv2.setNumThreads(1)
    out = cv2.filter2D(cv2.imread(os.path.join(sys.argv[1], name)), -1, weights)
    cv2.imwrite(os.path.join(sys.argv[2], name), out, jpeg)
if __name__ == "__main__":
    with multiprocessing.Pool() as pool:
        for _ in pool.imap_unordered(work, os.listdir(sys.argv[1]), chunksize=4):
            pass
"""


def convcli(source: Path, target: Path, *more: str) -> Command:
    """The command, over every file of a folder."""
    matrix = f"1/{TOTAL} * " + "; ".join(" ".join(map(str, row)) for row in ROWS)
    words = ["-o", str(target), "-m", matrix, "--quality", str(QUALITY), "-q", *more]
    return [sys.executable, "-m", "convcli", "apply", *words, str(source)]


def opencv(source: Path, target: Path) -> Command:
    """A script as one writes it."""
    script = target.parent / "script.py"
    script.write_text(OPENCV)
    return [sys.executable, str(script), str(source), str(target)]


def mogrify(source: Path, target: Path) -> Command:
    """ImageMagick's own batch command."""
    weights = " ".join(",".join(f"{cell / TOTAL:.9g}" for cell in row) for row in ROWS)
    full = ["-sampling-factor", "4:4:4"]
    words = ["-path", str(target), "-morphology", "Convolve", f"5x5: {weights}"]
    return ["mogrify", *words, "-quality", str(QUALITY), *full, *map(str, source.iterdir())]


PROGRAMS: dict[str, Callable[[Path, Path], Command]] = {
    "convcli": convcli,
    "opencv": opencv,
    "mogrify": mogrify,
}


def photographs(folder: Path, count: int, megapixels: float, form: str) -> None:
    """So many files, cut from the photographs at different places and scaled."""
    photos = sorted(PHOTOS.glob("*.jpg")) or [SAMPLE]
    folder.mkdir()
    wide = round((megapixels * 1e6 * 4 / 3) ** 0.5)
    size = wide, round(megapixels * 1e6 / wide)
    kept: list[bytes] = []
    for number in range(count):
        path = folder / f"{number:05d}.{form}"
        if number >= len(photos) * 2:  # again, in other files
            path.write_bytes(kept[number % len(kept)])
            continue
        with Image.open(photos[number % len(photos)]) as picture:
            turned = picture.convert("RGB").transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            chosen = turned if number >= len(photos) else picture.convert("RGB")
            chosen.resize(size).save(path, quality=QUALITY, compress_level=1)
        kept.append(path.read_bytes())


def tiny(folder: Path, count: int) -> None:
    """So many different PNGs of 64 x 64."""
    folder.mkdir()
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8) // 4
    made = []
    for number in range(min(count, 256)):
        Image.fromarray(np.roll(noise, number, 1) + np.uint8(number // 2)).save(folder / "a.png")
        made.append((folder / "a.png").read_bytes())
    (folder / "a.png").unlink()
    for number in range(count):
        (folder / f"{number:06d}.png").write_bytes(made[number % len(made)])


def measured(command: Command, target: Path) -> dict[str, float]:
    """Wall seconds, those until the first result, processor seconds, greatest memory of one."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with subprocess.Popen(command, env=ENVIRONMENT) as process:
        first, client = _watched(process, target, start)
    seconds = time.perf_counter() - start
    if process.returncode:
        raise SystemExit(f"{command[:6]} ended with {process.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": seconds, "first": first, "processor": used, "client_MB": client}


def _watched(process: subprocess.Popen[bytes], target: Path, start: float) -> tuple[float, float]:
    """When the first result was there; the greatest memory of the process itself, in MB."""
    first, client = 0.0, 0.0
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        if not first and any(not entry.name.startswith(".") for entry in os.scandir(target)):
            first = time.perf_counter() - start
        if status.exists():
            lines = status.read_text().splitlines()
            peak = [line.split()[1] for line in lines if line.startswith("VmHWM")]
            client = max([client, *(int(kilobytes) / 1e3 for kilobytes in peak)])
        time.sleep(0.02 if not first else 0.2)
    return first, client


def beside(options: argparse.Namespace, folder: Path) -> None:
    """The three programs, interleaved."""
    source, target = folder / "in", folder / "out"
    photographs(source, options.files, options.megapixels, "jpg")
    names = [name for name in PROGRAMS if name == "convcli" or _is_here(name)]
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(options.rounds):
        for name in names:
            command = PROGRAMS[name](source, target)
            forced = ["--workers", options.workers] if name == "convcli" else []
            runs[name].append(measured([*command, *forced], target))
    print(f"{options.files} JPEGs of {options.megapixels:g} Mpx, medians of {options.rounds}")
    print("\n".join(table([*_compared(runs, options.files * options.megapixels)])))


def _is_here(name: str) -> bool:
    if name == "mogrify":
        return shutil.which(name) is not None
    return subprocess.run([sys.executable, "-c", "import cv2"], check=False).returncode == 0


def _compared(
    runs: dict[str, list[dict[str, float]]], megapixels: float
) -> Iterator[dict[str, object]]:
    own = [run["seconds"] for run in runs["convcli"]]
    for name, found in runs.items():
        taken = [run["seconds"] for run in found]
        ratios = [theirs / ours for theirs, ours in zip(taken, own, strict=True)]
        yield {
            "program": name,
            "seconds": median(taken),
            "ratio": median(taken) / median(own),
            "least": min(ratios),
            "most": max(ratios),
            "Mpx/s": megapixels / median(taken),
            "processor s": median(run["processor"] for run in found),
            "client MB": max(run["client_MB"] for run in found),
        }


def small(options: argparse.Namespace, folder: Path) -> None:
    """Tiny files: memory of the client, start, cost of one file."""
    source, target = folder / "in", folder / "out"
    tiny(source, options.tiny)
    found = measured(convcli(source, target, "--workers", options.workers), target)
    cores = len(os.sched_getaffinity(0))
    each = 1e3 * found["seconds"] * cores / options.tiny
    row = {
        "files": options.tiny,
        "seconds": found["seconds"],
        "first result s": found["first"],
        "ms a file and core": each,
        "processor ms a file": 1e3 * found["processor"] / options.tiny,
        "client MB": found["client_MB"],
    }
    print("\n".join(table([row])))


KINDS: dict[str, Callable[[Path], None]] = {
    "tiny": lambda folder: tiny(folder, 2000),
    "2 Mpx jpg": lambda folder: photographs(folder, 60, 2.0, "jpg"),
    "12 Mpx png": lambda folder: photographs(folder, 8, 12.0, "png"),
}


def choose(options: argparse.Namespace, folder: Path) -> None:
    """Threads beside processes, interleaved, for each kind of file."""
    rows = []
    for number, (name, make) in enumerate(KINDS.items()):
        source, target = folder / f"in{number}", folder / "out"
        make(source)
        taken: dict[str, list[float]] = {"threads": [], "processes": []}
        for _ in range(options.rounds):
            for word, seconds in taken.items():
                command = convcli(source, target, "--workers", word)
                seconds.append(measured(command, target)["seconds"])
        middle = {word: median(seconds) for word, seconds in taken.items()}
        rows.append({"kind": name, **middle, "ratio": middle["threads"] / middle["processes"]})
        print("\n".join(table(rows[-1:])), flush=True)


def main() -> None:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[1])
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--megapixels", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", default="auto")
    parser.add_argument("--tiny", type=int, default=0, metavar="N")
    parser.add_argument("--choose", action="store_true")
    options = parser.parse_args()
    part = choose if options.choose else small if options.tiny else beside
    with tempfile.TemporaryDirectory() as folder:
        part(options, Path(folder))


if __name__ == "__main__":
    main()
