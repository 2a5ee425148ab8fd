"""
How long filtering a photograph takes, as a whole process, beside the programs that do the same.

    python benchmarks/apply.py [--sizes 1,12,24] [--runs 5] [--only png 3x3 opencv] [--photos DIR]

Read, decode, filter, encode, write: PNG to PNG and JPEG to JPEG at the same quality, without
subsampling. Runs are interleaved and medians printed, each as a multiple of what convcli takes,
with the size of the output. Before that every program runs once, and its picture is held against
convcli's: the largest difference of levels is printed, borders left out. A program that took
longer than `--patience` seconds then is not run again. `--only` keeps the rows that have one of
the words for form and kernel, and the programs named.

The photograph is the largest in the folder of `--photos`, if one is named, else the sample;
scaled to size, whose smoothness flatters every encoder alike.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from peers import KERNELS, PEERS, QUALITY, Kernel, Task, installed
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "samples" / "dandelions.jpg"
FORMS = ("png", "jpg")
BORDER = 8
"""Pixels at the edges where programs differ: the reach of the largest kernel and one."""

ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def photograph(folder: Path | None) -> Path:
    """The largest photograph there, else the sample."""
    found = folder.glob("*.jpg") if folder else ()
    return max(found, key=lambda path: path.stat().st_size, default=SAMPLE)


def scaled(photo: Path, megapixels: float, form: str, folder: Path) -> Path:
    """The photograph at so many megapixels."""
    path = folder / f"in-{megapixels:g}.{form}"
    with Image.open(photo) as picture:
        factor = math.sqrt(1e6 * megapixels / (picture.width * picture.height))
        size = round(picture.width * factor), round(picture.height * factor)
        scaled = picture.convert("RGB").resize(size, Image.Resampling.BICUBIC)
        scaled.save(path, quality=90, compress_level=6)
    return path


def seconds(command: list[str]) -> float:
    """Wall-clock seconds of one whole process."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=ENVIRONMENT)
    return time.perf_counter() - start


def inside(path: Path) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Samples of a picture without its border."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"), np.int16)[BORDER:-BORDER, BORDER:-BORDER]


def compare(
    source: Path, kernel: Kernel, names: Sequence[str], options: argparse.Namespace
) -> list[dict[str, Any]]:
    """One row for each program: seconds, ratio, bytes written, largest difference of levels."""
    tasks = {
        name: Task(source, source.with_name(f"{name}{source.suffix}"), kernel, source.parent)
        for name in names
    }
    commands = {name: PEERS[name](task) for name, task in tasks.items()}
    first = {name: seconds(command) for name, command in commands.items()}
    times: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(options.runs):
        for name, command in commands.items():
            if first[name] <= options.patience:
                times[name].append(seconds(command))
    ours, (own, *_) = inside(tasks[names[0]].target), names
    middle = {name: median(values or [first[name]]) for name, values in times.items()}
    return [
        {
            "picture": source.name,
            "kernel": kernel.name,
            "program": name,
            "seconds": middle[name],
            "runs": len(times[name]),
            "ratio": middle[name] / middle[own],
            "bytes": tasks[name].target.stat().st_size,
            "largest_difference": int(abs(inside(tasks[name].target) - ours).max()),
        }
        for name in names
    ]


def show(row: dict[str, Any]) -> None:
    """One line for people."""
    print(
        f"  {row['program']:8}{row['seconds']:8.3f} s {row['ratio']:7.2f}"
        f"{row['bytes'] / 1e6:8.2f} MB   {row['largest_difference']:3} levels"
        + "   one run"
        * (not row["runs"])
    )


def phases(source: Path, kernel: Kernel, runs: int) -> dict[str, float]:
    """Median seconds of every phase, by convcli's own report."""
    report, items = source.with_suffix(".json"), []
    task = Task(source, source.with_name(f"convcli{source.suffix}"), kernel, source.parent)
    for _ in range(runs):
        seconds([*PEERS["convcli"](task), "--report", str(report)])
        items.append(json.loads(report.read_text())["items"][0])
    names = [name for name in items[0] if name.endswith("_seconds") and items[0][name]]
    return {name: median(item[name] for item in items) for name in [*names, "wall"]}


def chosen(words: Sequence[str], known: Sequence[str]) -> list[str]:
    """Those of the known words that were said; all, if none was."""
    return [word for word in known if word in words] or list(known)


def parsed() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[1])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--sizes", default="1,12,24", help="megapixels")
    parser.add_argument("--only", nargs="+", default=[], help="png jpg 3x3 15x15, programs")
    parser.add_argument("--photos", type=Path, help="a folder of JPEG files")
    parser.add_argument("--patience", type=float, default=20.0, help="seconds")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def programs(words: Sequence[str]) -> list[str]:
    """Those that were named, or all; convcli first. One that is not here is told of."""
    here = installed()
    names = chosen([*words, "convcli"] if {*words} & {*PEERS} else [], list(PEERS))
    for name in names:
        if not here[name]:
            print(f"{name} is not installed: left out")
    return [name for name in names if here[name]]


def tasks(options: argparse.Namespace, photo: Path, folder: Path) -> Iterator[tuple[Path, Kernel]]:
    """Every size, form and kernel in turn."""
    sizes = chosen(options.only, [kernel.name for kernel in KERNELS])
    for megapixels in map(float, options.sizes.split(",")):
        for form in chosen(options.only, FORMS):
            source = scaled(photo, megapixels, form, folder)
            yield from ((source, kernel) for kernel in KERNELS if kernel.name in sizes)


def main() -> None:
    """One table for each task, and below it the phases of convcli's run."""
    options = parsed()
    names, photo = programs(options.only), photograph(options.photos)
    rows, parts = [], {}
    print(f"{photo.name}; medians of {options.runs} runs; JPEG quality {QUALITY}, 4:4:4")
    with tempfile.TemporaryDirectory() as folder:
        for source, kernel in tasks(options, photo, Path(folder)):
            title = f"{source.name} {kernel.name}"
            print(title)
            rows += (found := compare(source, kernel, names, options))
            for row in found:
                show(row)
            parts[title] = phases(source, kernel, options.runs)
            said = (f"{name.removesuffix('_seconds')} {v:.3f}" for name, v in parts[title].items())
            print(f"  {', '.join(said)}")
    if options.json:
        options.json.write_text(json.dumps({"rows": rows, "phases": parts}, indent=2) + "\n")


if __name__ == "__main__":
    main()
