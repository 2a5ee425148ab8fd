"""
What one small picture costs: `convcli apply` on a PNG of 256 x 256, from start to end.

    python benchmarks/startup.py [--runs 15] [--kernel sharpen]

The measure is `python -c "import numpy, PIL.Image, click"`: what any Python tool of the kind pays.
Runs are interleaved, bytecode is cached before the first that counts, medians are printed. Below
them is where the time goes: imports by package as `-X importtime` has them (which itself slows
every import), then the phases by convcli's own report.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import median

from PIL import Image

SAMPLE = Path(__file__).resolve().parent.parent / "samples" / "dandelions-small.png"
SIZE = (256, 256)
REFERENCE = "import numpy, PIL.Image, click"
LISTED = 8
"""Packages that are listed, the costliest first."""

# A cache that is never written would have every run compile every module.
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def run(command: list[str]) -> tuple[float, str]:
    """Wall-clock milliseconds of one whole process, and what it said on standard error."""
    start = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=ENVIRONMENT)
    return 1000 * (time.perf_counter() - start), done.stderr


def script() -> Path | None:
    """The command as pip installed it: beside the interpreter, else on the path."""
    beside = Path(sys.executable).with_name("convcli")
    found = str(beside) if beside.exists() else shutil.which("convcli")
    return Path(found) if found else None


def pictures(folder: Path) -> None:
    """The sample at 256 x 256 as `in.png` and `in.jpg`."""
    with Image.open(SAMPLE) as picture:
        small = picture.convert("RGB").resize(SIZE)
    small.save(folder / "in.png")
    small.save(folder / "in.jpg", quality=90)


def apply(folder: Path, form: str, kernel: str) -> list[str]:
    """The words after the name of the command."""
    source, target = str(folder / f"in.{form}"), str(folder / f"out.{form}")
    return ["apply", source, "-k", kernel, "-o", target, "--overwrite", "--quiet"]


def programs(folder: Path, kernel: str) -> dict[str, list[str]]:
    """Everything that is measured, by name; the first is what the others are held against."""
    python = sys.executable
    module, installed = [python, "-m", "convcli"], script()
    found = {
        f'python -c "{REFERENCE}"': [python, "-c", REFERENCE],
        "python -c pass": [python, "-c", "pass"],
        "python -m convcli --version": [*module, "--version"],
        "python -m convcli apply, PNG": [*module, *apply(folder, "png", kernel)],
        "python -m convcli apply, JPEG": [*module, *apply(folder, "jpg", kernel)],
    }
    if installed is None:
        print("no console script: convcli is not installed")
    else:
        found["convcli apply, PNG"] = [str(installed), *apply(folder, "png", kernel)]
    return found


def compare(commands: dict[str, list[str]], runs: int) -> None:
    """Medians of interleaved runs, each with its ratio to the first program."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(runs + 1):
        for name, command in commands.items():
            taken, _ = run(command)
            times[name] += [taken] * (number > 0)  # the first fills the caches
    middle = {name: median(values) for name, values in times.items()}
    first = next(iter(middle.values()))
    for name, value in middle.items():
        print(f"  {name:46}{value:7.1f} ms {value / first:6.2f}")


def imports(command: list[str], runs: int) -> None:
    """Milliseconds of imports by package, those of Python's own library together."""
    rounds = [
        _by_package(run([command[0], "-X", "importtime", *command[1:]])[1]) for _ in range(runs)
    ]
    packages = set().union(*rounds)
    middle = {name: median(found.get(name, 0.0) for found in rounds) for name in packages}
    ranked = sorted(middle.items(), key=lambda pair: -pair[1])
    print("\nimports, self time, ms: " + f"{sum(middle.values()):.1f}")
    print("  " + ", ".join(f"{name} {value:.1f}" for name, value in ranked[:LISTED]))


def _by_package(told: str) -> dict[str, float]:
    found: defaultdict[str, float] = defaultdict(float)
    for line in told.splitlines():
        parts = line.removeprefix("import time:").split("|")
        if len(parts) == len(("self", "cumulative", "name")) and parts[0].strip().isdigit():
            name = parts[2].strip().partition(".")[0]
            own = name in sys.stdlib_module_names or name.startswith("_")
            found["Python's own" if own else name] += int(parts[0]) / 1000
    return found


def phases(command: list[str], folder: Path, runs: int) -> None:
    """Milliseconds of every phase of the run itself; what was imported late is in them."""
    report, items = folder / "report.json", []
    for _ in range(runs):
        run([*command, "--report", str(report)])
        items.append(json.loads(report.read_text())["items"][0])
    names = [name for name in items[0] if name.endswith("_seconds")]
    said = {name: 1000 * median(item[name] for item in items) for name in [*names, "wall"]}
    print("\nphases, ms")
    print("  " + ", ".join(f"{name.removesuffix('_seconds')} {said[name]:.1f}" for name in said))


def main() -> None:
    """Compare, then take apart."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[1])
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--kernel", default="sharpen")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pictures(folder)
        commands = programs(folder, options.kernel)
        print(f"{SIZE[0]} x {SIZE[1]} RGB, {options.kernel}: medians of {options.runs} runs, ratio")
        compare(commands, options.runs)
        filtering = commands["python -m convcli apply, PNG"]
        imports(filtering, options.runs)
        phases(filtering, folder, options.runs)


if __name__ == "__main__":
    main()
