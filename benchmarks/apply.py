"""
How long `convcli apply` takes on a 12-megapixel photograph, as a whole process, beside OpenCV.

    python benchmarks/apply.py [--runs 5] [--photo FILE]

Runs are interleaved and medians printed, with the ratio to an OpenCV script that does the same
(imread, filter2D, imwrite); without OpenCV, convcli's own times only. The photograph is the
sample, enlarged: its content is smooth for its size, which flatters every encoder alike.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from PIL import Image

SAMPLE = Path(__file__).resolve().parent.parent / "samples" / "dandelions.jpg"
SIZE = (4608, 2592)

KERNELS = {
    "sharpen 3x3": "0 -1 0; -1 5 -1; 0 -1 0",
    "box 9x9": "1/81 * " + "; ".join(["1 1 1 1 1 1 1 1 1"] * 9),
}

OPENCV = """
import sys, numpy, cv2
rows = numpy.array(eval(sys.argv[3]), numpy.float64)
cv2.imwrite(sys.argv[2], cv2.filter2D(cv2.imread(sys.argv[1], cv2.IMREAD_UNCHANGED), -1, rows))
"""

ROWS = {"sharpen 3x3": "[[0,-1,0],[-1,5,-1],[0,-1,0]]", "box 9x9": "[[1/81]*9]*9"}


def enlarged(photo: Path, folder: Path, form: str) -> Path:
    """The photograph at 12 megapixels as JPEG or PNG."""
    path = folder / f"photo.{form}"
    with Image.open(photo) as picture:
        picture.resize(SIZE, Image.Resampling.BICUBIC).save(path, quality=90, compress_level=1)
    return path


def seconds(command: list[str]) -> float:
    """Wall-clock seconds of one whole process."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def commands(source: Path, target: Path, kernel: str) -> dict[str, list[str]]:
    """The programs that do the same work."""
    apply = [sys.executable, "-m", "convcli", "apply", str(source), "-m", KERNELS[kernel]]
    found = {"convcli": [*apply, "-o", str(target), "--overwrite", "--quiet"]}
    if importlib.util.find_spec("cv2"):
        script = [sys.executable, "-c", OPENCV, str(source), str(target), ROWS[kernel]]
        found["opencv"] = script
    return found


def compare(source: Path, target: Path, kernel: str, runs: int) -> None:
    """One line: medians of interleaved runs, and their ratio."""
    programs = commands(source, target, kernel)
    times: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(runs):
        for name, command in programs.items():
            times[name].append(seconds(command))
    middle = {name: median(values) for name, values in times.items()}
    shown = "   ".join(f"{name} {value:6.3f} s" for name, value in middle.items())
    ratio = f"   ratio {middle['opencv'] / middle['convcli']:.2f}" if "opencv" in middle else ""
    print(f"{source.suffix[1:]:5}{kernel:14}{shown}{ratio}")


def phases(source: Path, target: Path) -> None:
    """Where the time of one run goes, by convcli's own report."""
    report = target.with_suffix(".json")
    command = commands(source, target, "sharpen 3x3")["convcli"]
    subprocess.run([*command, "--report", str(report)], check=True, capture_output=True)
    item = json.loads(report.read_text())["items"][0]
    parts = {name: item[name] for name in item if name.endswith("_seconds")} | {
        "wall": item["wall"]
    }
    print(
        f"{source.suffix[1:]:5}"
        + "   ".join(f"{n.removesuffix('_seconds')} {v:.3f}" for n, v in parts.items())
    )


def main() -> None:
    """Every format and kernel in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--photo", type=Path, default=SAMPLE)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"{SIZE[0]} x {SIZE[1]} RGB, median of {options.runs} interleaved runs")
        for form in ("jpg", "png"):
            source = enlarged(options.photo, folder, form)
            for kernel in KERNELS:
                compare(source, folder / f"out.{form}", kernel, options.runs)
            phases(source, folder / f"report.{form}")


if __name__ == "__main__":
    main()
