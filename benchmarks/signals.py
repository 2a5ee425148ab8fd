"""
Ten minutes of sound, file to file, beside SciPy: whole processes, taking turns, medians.

    python benchmarks/signals.py [--minutes 10] [--runs 5] [--taps 31,1001]

Two channels of noise, 48,000 samples a second, 16 bits, written into a temporary folder. SciPy
reads the file, filters float64, rounds, cuts and writes it; its process, too, starts anew each
time. Every result must have the bytes of convcli's in the middle, away from the ends, which all
treat their own way. `x` is the time of SciPy / time of convcli: more than 1 is good for convcli.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
from scipy.io import wavfile

RATE = 48_000
SCIPY = """
import sys, numpy
from scipy import ndimage, signal
from scipy.io import wavfile
source, target, weights, way = sys.argv[1:]
rate, samples = wavfile.read(source)
taps, values = numpy.load(weights).ravel(), samples.astype(numpy.float64)
half = len(taps) // 2
out = {
    "oaconvolve": lambda: signal.oaconvolve(values, taps[:, None], "same", axes=0),
    "convolve1d": lambda: ndimage.convolve1d(values, taps, axis=0, mode="mirror"),
    "lfilter": lambda: numpy.roll(signal.lfilter(taps, 1.0, values, axis=0), -half, axis=0),
}[way]()
out = numpy.floor(out + (0.5 + 2.0**-20)).clip(-32768, 32767).astype(numpy.int16)
wavfile.write(target, rate, out)
"""
WAYS = ("oaconvolve", "convolve1d", "lfilter")


def main() -> None:
    """Print one line for every length of kernel."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--taps", default="31,1001")
    said = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "in.wav")
        frames = round(60 * said.minutes * RATE)
        noise = np.random.default_rng(1).normal(0, 3000, (frames, 2))
        wavfile.write(source, RATE, noise.astype(np.int16))
        for taps in map(int, said.taps.split(",")):
            print(compared(source, taps, said.runs), flush=True)


def compared(source: Path, taps: int, runs: int) -> str:
    """Medians of all ways, and how many times as long as convcli each takes."""
    weights, target = source.with_name("taps.npy"), source.with_name("out.wav")
    window = np.hamming(taps)
    np.save(weights, (window / window.sum())[None])
    commands = {"convcli": ["-m", "convcli", "apply", source, "-o", target, "-k", weights, "-q"]}
    commands["convcli"].append("--overwrite")
    commands |= {way: ["-c", SCIPY, source, target, weights, way] for way in WAYS}
    spent: dict[str, list[float]] = {way: [] for way in commands}
    middles = set()
    for _ in range(runs):
        for way, words in commands.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, *map(str, words)], check=True)
            spent[way].append(time.perf_counter() - start)
            middles.add(wavfile.read(target)[1][taps:-taps].tobytes())
    if len(middles) > 1:
        raise SystemExit(f"{taps} taps: results differ")
    ours = median(spent.pop("convcli"))
    others = [
        f"{way} {median(each):.2f} s (x {median(each) / ours:.2f})" for way, each in spent.items()
    ]
    return f"{taps:,} taps: convcli {ours:.2f} s, {', '.join(others)}"


if __name__ == "__main__":
    main()
